//! Clamps the MSS option of SYN and SYN/ACK.

use std::sync::Arc;

use sim_core::engine::device::{Change, Rule};
use sim_core::wire::options::kind;
use sim_core::wire::packet::Flags;

use super::Pass;

/// Lowers the MSS to `max` or raises it to `min`; a SYN without the option is left alone. The option
/// keeps its length.
pub fn clamp(pass: &mut Pass<'_>, min: u16, max: u16, rule: &Arc<Rule>) {
    if !pass.packet.flags.has(Flags::SYN) {
        return;
    }
    let Some(from) = pass.packet.options.mss() else { return };
    let to = from.max(min).min(max);
    if to == from {
        return;
    }
    if let Some(at) = pass.packet.options.find(kind::MSS).map(|o| o.start + 2) {
        pass.packet.options.bytes_mut()[at..at + 2].copy_from_slice(&to.to_be_bytes());
        pass.sign(rule, Change::Mss { from, to });
    }
}
