//! Counts down the TTL (IPv4) or hop limit (IPv6) as a router does.

use std::sync::Arc;

use sim_core::engine::device::{Forwarding, Rule};

use super::Pass;

/// Takes one hop off; the packet is dropped when none is left (RFC 1812 §5.3.1). An ordinary hop is
/// not signed: it changes nothing that an endpoint sees.
pub fn hop(pass: &mut Pass<'_>, rule: &Arc<Rule>) -> Option<Forwarding> {
    match pass.packet.ttl {
        0 | 1 => Some(pass.drop(rule, "TTL expired")),
        _ => {
            pass.packet.ttl -= 1;
            None
        }
    }
}
