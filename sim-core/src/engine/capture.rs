//! Keeping packets: all of them for Wireshark, or those that tell a connection's story for explanations
//! and ladders. Both number the frames of an interface alike, so that a story told without captures names
//! the frame to open in the captures of the same run.
//!
//! What tells the story shows in the packet (opening, closing, resets, MPTCP's signalling), in its place
//! (the first of a subflow, a packet of a device's making), or in what came of it: a device signed a
//! change of it, or an endpoint told something because of it. The rest is counted.

use rustc_hash::{FxHashMap, FxHashSet};

use super::device::Change;
use crate::record::story::Entry;
use crate::time::SimTime;
use crate::wire::mptcp::Subtype;
use crate::wire::options::{Options, kind};
use crate::wire::packet::{Flags, Flow, Packet, PacketUid, Protocol};
use crate::wire::payload::Payload;

/// Segments of each end of a subflow that are kept after its handshake: the first data and what answers it.
const OPENING_SEGMENTS: u8 = 2;
/// Segments of a device's own making that are kept of each interface.
const MADE_SEGMENTS: u8 = 16;
/// Sightings that tell a story, in all; a run of many connections has kept its first ones by then.
const STORY_MAX: usize = 20_000;
/// Packets that are followed because somebody told of them.
const TOLD_MAX: usize = 10_000;

/// A packet seen at a port of a node.
#[derive(Clone, Debug)]
pub struct Captured {
    /// When.
    pub at: SimTime,
    /// Index of the interface in [`Captures::interfaces`].
    pub interface: u32,
    /// Number of the packet at that interface, from 1: the frame in its capture file.
    pub frame: u32,
    /// The node sent it (else it received it).
    pub sent: bool,
    /// It tells something of the story.
    pub tells: bool,
    /// Connection and subflow, by their indices in the record, where an endpoint's packet or a flow that
    /// one of its packets has shown.
    pub of: Option<(u32, u32)>,
    /// The packet.
    pub packet: Packet,
}

/// An end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureInterface {
    /// The node.
    pub node: String,
    /// Its name: node, side and path (`edge inside dsl`).
    pub name: String,
}

/// Segments that were counted and not kept, sent between two that were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    /// Index of the connection.
    pub connection: u32,
    /// When the first was sent.
    pub from: SimTime,
    /// When the last was.
    pub to: SimTime,
    /// Segments with payload.
    pub data: u64,
    /// Segments without.
    pub acks: u64,
    /// Payload, in bytes.
    pub bytes: u64,
}

/// What a run captured.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    /// Every packet was kept, not only those that tell the story.
    pub complete: bool,
    /// Where packets were seen.
    pub interfaces: Vec<CaptureInterface>,
    /// Packets in order of time.
    pub packets: Vec<Captured>,
    /// What was sent between those that tell the story, in order of time.
    pub folded: Vec<Folded>,
}

/// A port at which packets are seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port {
    /// Index of its node.
    pub(super) node: u32,
    /// The port of the node.
    pub(super) port: u8,
    /// The node is a host: what it sends is counted there.
    pub(super) is_host: bool,
}

/// Looks at packets while the run goes on.
#[derive(Debug, Default)]
pub(super) struct Watch {
    captures: Captures,
    /// Only packets at hosts are kept, without the bytes of their payload.
    heads: bool,
    /// Interface of a node's port.
    interfaces: FxHashMap<(u32, u8), u32>,
    /// By interface.
    frames: Vec<u32>,
    made: Vec<u8>,
    /// Packets that somebody told of.
    told: FxHashSet<PacketUid>,
    /// How many facts of each endpoint's story have been heard.
    heard: Vec<usize>,
    /// Segments sent since the handshake, by endpoint and its subflow.
    opening: FxHashMap<u64, u8>,
    flows: FxHashMap<Flow, (u32, u32)>,
    counting: FxHashMap<u32, Folded>,
    telling: usize,
    /// The newest packet is kept only if somebody tells of it.
    provisional: bool,
    /// The bytes of one that nobody told of.
    spare: Option<Box<[u8]>>,
}

impl Watch {
    /// Keeps every packet, or those that tell the story.
    pub(super) fn new(complete: bool) -> Self {
        Self { captures: Captures { complete, ..Captures::default() }, ..Self::default() }
    }

    /// Keeps the headers of every packet at the hosts.
    pub(super) fn heads() -> Self {
        Self { heads: true, ..Self::new(true) }
    }

    /// A packet is seen; `of` is whose it is when an endpoint made it, `name` names the node and the port.
    pub(super) fn see(
        &mut self,
        at: SimTime,
        at_port: Port,
        sent: bool,
        packet: &Packet,
        of: Option<(u32, u32)>,
        name: impl FnOnce() -> CaptureInterface,
    ) {
        if self.heads && !at_port.is_host {
            return;
        }
        self.drop_provisional();
        let interface = self.interface(at_port, name);
        self.frames[interface as usize] += 1;
        let flow = packet.icmp().and_then(|error| error.flow()).unwrap_or_else(|| packet.flow());
        let of = of.or_else(|| self.of_flow(flow));
        let is_origin = sent && at_port.is_host;
        let tells = self.telling < STORY_MAX
            && (self.told.contains(&packet.uid)
                || is_signalling(packet)
                || (is_origin && self.is_opening(packet.uid))
                || self.is_made(interface, packet.uid));
        if tells {
            self.tell(packet.uid);
            self.telling += 1;
            if let Some(of) = of {
                self.flows.insert(flow, of);
                if is_origin {
                    self.fold(of.0);
                }
            }
        } else if let Some((connection, _)) = of.filter(|_| is_origin) {
            self.count(at, connection, packet.payload.len);
        }
        // A packet that is received may still be told of; one that is sent has been.
        if tells || self.captures.complete || !sent {
            let frame = self.frames[interface as usize];
            let payload = match &packet.payload.bytes {
                Some(bytes) if !self.heads || packet.protocol != Protocol::Tcp => {
                    Payload { bytes: Some(self.copied(bytes)), ..packet.payload }
                }
                _ => Payload { bytes: None, ..packet.payload },
            };
            let packet = Packet { payload, options: packet.options.clone(), ..*packet };
            self.provisional = !tells;
            let captured = Captured { at, interface, frame, sent, tells, of, packet };
            self.captures.packets.push(captured);
        }
    }

    /// A device has signed a change of a packet.
    pub(super) fn changed(&mut self, packet: PacketUid, change: &Change) {
        // These are every packet's lot behind a translation, and tell nothing after the handshake.
        if !matches!(change, Change::Translated { .. } | Change::SequenceShifted { .. }) {
            self.tell(packet);
        }
    }

    /// An endpoint's story so far: the packets that it speaks of tell.
    pub(super) fn hear(&mut self, endpoint: usize, story: &[Entry]) {
        if self.heard.len() <= endpoint {
            self.heard.resize(endpoint + 1, 0);
        }
        let news = story.get(self.heard[endpoint]..).unwrap_or_default();
        self.heard[endpoint] = story.len();
        for packet in news.iter().filter_map(|entry| entry.packet) {
            self.tell(packet);
        }
    }

    /// What was captured.
    pub(super) fn finish(mut self) -> Captures {
        self.drop_provisional();
        let mut rest: Vec<Folded> = self.counting.into_values().collect();
        rest.sort_by_key(|folded| (folded.to, folded.connection));
        self.captures.folded.extend(rest);
        self.captures
    }

    /// A packet tells, from its newest sighting on.
    fn tell(&mut self, packet: PacketUid) {
        if self.told.len() < TOLD_MAX {
            self.told.insert(packet);
        }
        if self.provisional
            && let Some(newest) = self.captures.packets.last_mut()
            && newest.packet.uid == packet
        {
            newest.tells = true;
            self.provisional = false;
            self.telling += 1;
        }
    }

    fn drop_provisional(&mut self) {
        if self.provisional && !self.captures.complete {
            let untold = self.captures.packets.pop();
            self.spare = untold.and_then(|untold| untold.packet.payload.bytes);
        }
        self.provisional = false;
    }

    /// A copy of a payload's bytes, in the memory of the last one that nobody told of where it fits.
    fn copied(&mut self, bytes: &[u8]) -> Box<[u8]> {
        match self.spare.take() {
            Some(mut spare) if spare.len() == bytes.len() => {
                spare.copy_from_slice(bytes);
                spare
            }
            _ => bytes.into(),
        }
    }

    fn interface(&mut self, port: Port, name: impl FnOnce() -> CaptureInterface) -> u32 {
        *self.interfaces.entry((port.node, port.port)).or_insert_with(|| {
            let (named, all) = (name(), &mut self.captures.interfaces);
            // Ports of a node on one path are one interface.
            let known = all.iter().position(|interface| interface.name == named.name);
            known.unwrap_or_else(|| {
                all.push(named);
                self.frames.push(0);
                self.made.push(0);
                all.len() - 1
            }) as u32
        })
    }

    fn of_flow(&self, flow: Flow) -> Option<(u32, u32)> {
        self.flows.get(&flow).or_else(|| self.flows.get(&flow.reversed())).copied()
    }

    /// One of the first segments that an end of a subflow sends.
    fn is_opening(&mut self, uid: PacketUid) -> bool {
        let sent = self.opening.entry(uid.0 >> 32).or_insert(0);
        *sent = sent.saturating_add(1);
        *sent <= OPENING_SEGMENTS
    }

    /// One of the first packets of a device's (or nobody's) own making.
    fn is_made(&mut self, interface: u32, uid: PacketUid) -> bool {
        let made = &mut self.made[interface as usize];
        let is_one = uid.0 >> 62 != 0 && *made < MADE_SEGMENTS;
        *made += u8::from(is_one);
        is_one
    }

    fn count(&mut self, at: SimTime, connection: u32, payload: u32) {
        let none = Folded { connection, from: at, to: at, data: 0, acks: 0, bytes: 0 };
        let folded = self.counting.entry(connection).or_insert(none);
        folded.to = at;
        folded.data += u64::from(payload > 0);
        folded.acks += u64::from(payload == 0);
        folded.bytes += u64::from(payload);
    }

    fn fold(&mut self, connection: u32) {
        self.captures.folded.extend(self.counting.remove(&connection));
    }
}

/// True for what opens, closes, resets or signals: SYN, FIN, RST, any option 30 but a DSS without
/// DATA_FIN, and ICMP errors.
fn is_signalling(packet: &Packet) -> bool {
    packet.flags.0 & (Flags::SYN.0 | Flags::FIN.0 | Flags::RST.0) != 0
        || packet.protocol == Protocol::IcmpError
        || signals(&packet.options)
}

/// DATA_FIN in a DSS's flags (RFC 8684 §3.3).
const DATA_FIN: u8 = 0x10;

fn signals(options: &Options) -> bool {
    options.iter().filter(|option| option.kind == kind::MPTCP).any(|option| {
        match Subtype::of(&option) {
            Some(Subtype::Dss) => option.bytes.get(3).is_some_and(|flags| flags & DATA_FIN != 0),
            _ => true,
        }
    })
}
