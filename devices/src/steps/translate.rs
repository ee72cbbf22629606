//! Rewrites addresses and ports, as a balancer or a NAT does; the checksums follow.

use std::net::SocketAddr;
use std::sync::Arc;

use sim_core::engine::device::{Change, Rule};

use super::Pass;

/// Gives the packet another source.
pub fn source(pass: &mut Pass<'_>, to: SocketAddr, rule: &Arc<Rule>) {
    let from = pass.packet.flow();
    (pass.packet.src, pass.packet.src_port) = (to.ip(), to.port());
    sign(pass, from, rule);
}

/// Gives the packet another destination.
pub fn destination(pass: &mut Pass<'_>, to: SocketAddr, rule: &Arc<Rule>) {
    let from = pass.packet.flow();
    (pass.packet.dst, pass.packet.dst_port) = (to.ip(), to.port());
    sign(pass, from, rule);
}

fn sign(pass: &mut Pass<'_>, from: sim_core::wire::packet::Flow, rule: &Arc<Rule>) {
    let to = pass.packet.flow();
    if from != to {
        pass.sign(rule, Change::Translated { from, to });
    }
}
