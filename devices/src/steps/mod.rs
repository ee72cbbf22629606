//! The small steps that devices are made of, each a file: it does one thing to a packet and signs it.
//!
//! A step that needs no memory is a function over the [`Pass`]; a step with memory is a type whose
//! state lives with the device or with a tracked connection ([`track`]).

pub mod contiguous;
pub mod delayed_binding;
pub mod forge;
pub mod icmp;
pub mod isn;
pub mod mss;
pub mod option_table;
pub mod options;
pub mod pieces;
pub mod reorder;
pub mod resize;
pub mod retransmission;
pub mod scan;
pub mod signatures;
pub mod syn_proxy;
pub mod track;
pub mod translate;
pub mod ttl;

use std::sync::Arc;

use sim_core::engine::device::{Change, Effects, Forwarding, PortId, Rule};
use sim_core::time::SimTime;
use sim_core::wire::packet::{Flow, Packet};

/// A packet on its way through the steps of a device.
#[derive(Debug)]
pub struct Pass<'a> {
    /// When it came.
    pub now: SimTime,
    /// Where it came in.
    pub ingress: PortId,
    /// Its flow when it came in; signatures speak of it even after a translation.
    pub received: Flow,
    /// The packet as it is by now.
    pub packet: &'a mut Packet,
    /// What the device does besides editing the packet.
    pub effects: &'a mut Effects,
}

impl<'a> Pass<'a> {
    /// A packet that has just come in.
    pub fn new(
        now: SimTime,
        ingress: PortId,
        packet: &'a mut Packet,
        effects: &'a mut Effects,
    ) -> Self {
        Self { now, ingress, received: packet.flow(), packet, effects }
    }

    /// Signs a change of the packet.
    pub fn sign(&mut self, rule: &Arc<Rule>, change: Change) {
        self.effects.record_flow(self.packet.uid, self.received, rule, change);
    }

    /// Drops the packet, for a reason in the product's own term.
    pub fn drop(&mut self, rule: &Arc<Rule>, reason: &'static str) -> Forwarding {
        self.sign(rule, Change::Dropped { reason });
        Forwarding::Drop
    }
}
