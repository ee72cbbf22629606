//! Rewrites addresses and ports, as a balancer or a NAT does; the checksums follow.

use std::net::SocketAddr;
use std::sync::Arc;

use sim_core::engine::device::{Change, Rule};

use super::Pass;

/// Gives the packet another source; one of the other address family is for other packets.
pub fn source(pass: &mut Pass<'_>, to: SocketAddr, rule: &Arc<Rule>) {
    let from = pass.packet.flow();
    if from.dst.is_ipv4() != to.is_ipv4() {
        return;
    }
    (pass.packet.src, pass.packet.src_port) = (to.ip(), to.port());
    sign(pass, from, rule);
}

/// Gives the packet another destination; one of the other address family is for other packets.
pub fn destination(pass: &mut Pass<'_>, to: SocketAddr, rule: &Arc<Rule>) {
    let from = pass.packet.flow();
    if from.src.is_ipv4() != to.is_ipv4() {
        return;
    }
    (pass.packet.dst, pass.packet.dst_port) = (to.ip(), to.port());
    sign(pass, from, rule);
}

fn sign(pass: &mut Pass<'_>, from: sim_core::wire::packet::Flow, rule: &Arc<Rule>) {
    let to = pass.packet.flow();
    if from != to {
        pass.sign(rule, Change::Translated { from, to });
    }
}
