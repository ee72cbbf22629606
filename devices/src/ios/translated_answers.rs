//! Answers of inside hosts that dynamic translation takes: a client outside that calls a host inside by its own address, as
//! an access list of the outside interface may permit, is answered by another address, and has no connection.

use std::net::{IpAddr, Ipv4Addr};

use sim_core::engine::device::{ConfigLine, Side};
use sim_core::wire::packet::{Flags, Flow};

use crate::nat::config::{Global, NatConfig, Static};

use super::audit::general;
use super::{Interface, IosConfig};

/// The line of the dynamic translation that takes what answers a connection from an outside interface, of a host that no
/// line translates one to one.
pub(super) fn translating<'n>(
    config: &IosConfig,
    nat: &'n NatConfig,
    from: &Interface,
    flow: Flow,
) -> Option<&'n ConfigLine> {
    let is_called = |address: Ipv4Addr| IpAddr::V4(address) == flow.dst.ip();
    // The router's own, those that it translates one to one, and what those are called outside.
    let is_static = |fixed: &Static| {
        is_called(fixed.local)
            || matches!(fixed.global, Global::Address(address) if is_called(address))
    };
    if from.nat != Some(Side::Outside)
        || nat.statics.iter().any(is_static)
        || config.interfaces.iter().filter_map(|i| i.address).any(is_called)
    {
        return None;
    }
    let takes = |list: &str, flow: Flow| {
        let list = config.access_lists.get(list);
        let entry = list.and_then(|l| l.matching(flow.reversed(), Flags::SYN.with(Flags::ACK)));
        entry.is_some_and(|entry| entry.permit)
    };
    // A list of all hosts tells nothing of which are inside.
    let mut dynamics = nat.dynamics.iter().filter(|dynamic| {
        !dynamic.is_route_map && takes(&dynamic.list, flow) && !takes(&dynamic.list, general(443))
    });
    Some(&dynamics.next()?.place)
}
