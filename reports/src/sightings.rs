//! Where the packets of one connection were seen: what explanations and ladders point to.

use std::collections::BTreeMap;

use sim_core::engine::capture::{Captured, Captures};
use sim_core::record::outcome::{PacketKind, PacketName};
use sim_core::record::{ConnectionRecord, RunRecord};
use sim_core::wire::mptcp::Subtype;
use sim_core::wire::packet::{Flags, Packet, PacketUid};

use crate::captures::file_name;

/// The packets of a connection that tell its story, and where each was seen.
#[derive(Clone, Debug)]
pub struct Sightings<'a> {
    captures: &'a Captures,
    connection: &'a ConnectionRecord,
    /// Indices into the captured packets, in order of time.
    by_packet: BTreeMap<PacketUid, Vec<usize>>,
}

/// A frame of a capture file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Frame {
    /// The file, in the results folder of a run with captures.
    pub file: String,
    /// Its number there, as Wireshark counts, from 1.
    pub frame: u32,
}

impl<'a> Sightings<'a> {
    /// Those of connection `index` of a record; `None` when the run neither captured nor watched.
    #[must_use]
    pub fn new(record: &'a RunRecord, index: usize) -> Option<Self> {
        let captures = record.captures.as_ref()?;
        let connection = record.connections.get(index)?;
        let mut by_packet: BTreeMap<PacketUid, Vec<usize>> = BTreeMap::new();
        for (k, captured) in captures.packets.iter().enumerate() {
            let is_ours = captured.of.is_some_and(|(of, _)| of as usize == index);
            if captured.tells && is_ours {
                by_packet.entry(captured.packet.uid).or_default().push(k);
            }
        }
        Some(Self { captures, connection, by_packet })
    }

    /// The sightings of a packet, in order of time, each with its place in the run's order.
    pub fn of(&self, packet: PacketUid) -> impl Iterator<Item = (usize, &'a Captured)> + '_ {
        let known = self.by_packet.get(&packet).into_iter().flatten();
        known.map(|&k| (k, &self.captures.packets[k]))
    }

    /// The packets, in the order in which they were first seen.
    #[must_use]
    pub fn packets(&self) -> Vec<PacketUid> {
        let mut all: Vec<(usize, PacketUid)> =
            self.by_packet.iter().map(|(&uid, seen)| (seen[0], uid)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, uid)| uid).collect()
    }

    /// True when the packet is one of the connection's.
    #[must_use]
    pub fn knows(&self, packet: PacketUid) -> bool {
        self.by_packet.contains_key(&packet)
    }

    /// Where the packet was seen at a node: received (or sent) there.
    #[must_use]
    pub fn at(&self, packet: PacketUid, node: &str, sent: bool) -> Option<(usize, &'a Captured)> {
        self.of(packet).find(|(_, seen)| self.node(seen) == node && seen.sent == sent)
    }

    /// The node at which a packet was seen.
    #[must_use]
    pub fn node(&self, seen: &Captured) -> &'a str {
        &self.captures.interfaces[seen.interface as usize].node
    }

    /// The nodes that saw one of the packets, each once, in the order of their interfaces.
    pub fn nodes(&self) -> impl Iterator<Item = &'a str> + '_ {
        let seen = |k: usize| {
            let of = |&at: &usize| self.captures.packets[at].interface as usize;
            self.by_packet.values().flatten().any(|at| of(at) == k)
        };
        let all = &self.captures.interfaces;
        all.iter().enumerate().filter_map(move |(k, interface)| {
            let is_first = all[..k].iter().all(|earlier| earlier.node != interface.node);
            let same = (k..all.len()).filter(|&j| all[j].node == interface.node);
            (is_first && same.into_iter().any(seen)).then_some(interface.node.as_str())
        })
    }

    /// True when a node passes packets on that it received.
    #[must_use]
    pub fn forwards(&self, node: &str) -> bool {
        self.by_packet.keys().any(|&packet| {
            self.at(packet, node, false).is_some() && self.at(packet, node, true).is_some()
        })
    }

    /// The frame that shows a sighting.
    #[must_use]
    pub fn frame(&self, seen: &Captured) -> Frame {
        let interface = &self.captures.interfaces[seen.interface as usize];
        Frame { file: file_name(&interface.name), frame: seen.frame }
    }

    /// What a packet is called.
    #[must_use]
    pub fn name(&self, packet: PacketUid) -> Option<PacketName> {
        let (_, first) = self.of(packet).next()?;
        let subflow = first.of.map(|(_, subflow)| subflow as usize);
        let path = subflow.and_then(|k| self.connection.subflows.get(k)).map(|s| s.path.clone());
        Some(PacketName { uid: packet, kind: kind_of(&first.packet), subflow, path })
    }
}

/// What a packet is, as it was first seen.
#[must_use]
pub fn kind_of(packet: &Packet) -> PacketKind {
    let joins = || packet.options.iter().any(|o| Subtype::of(&o) == Some(Subtype::Join));
    match packet.flags {
        flags if flags.has(Flags::RST) => PacketKind::Rst,
        flags if flags.is_syn_ack() => PacketKind::SynAck,
        flags if flags.is_initial_syn() && joins() => PacketKind::JoinSyn,
        flags if flags.is_initial_syn() => PacketKind::Syn,
        _ => PacketKind::Segment,
    }
}
