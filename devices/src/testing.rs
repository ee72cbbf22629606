//! Packets for the tests of this crate.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sim_core::engine::device::{Change, Device, Effects, Forwarding, PortId};
use sim_core::time::SimTime;
use sim_core::wire::icmp::{Quote, Reason};
use sim_core::wire::options::Options;
use sim_core::wire::packet::{Flags, Packet, PacketUid, Protocol};
use sim_core::wire::payload::{Payload, StreamId};
use sim_core::wire::seq::Seq;

use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics, Line};
use crate::ios::router::{IosRouter, Kind};
use crate::spec::DeviceContext;
use crate::steps::Pass;
use crate::steps::track::Sender;

pub(crate) const CLIENT: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 1, 2)), 40_000);
pub(crate) const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, 1, 2)), 5001);
pub(crate) const INSIDE: PortId = PortId(0);
pub(crate) const OUTSIDE: PortId = PortId(1);

/// MP_CAPABLE v1 of a SYN, with MSS, SACK permitted, timestamps and window scale around it.
pub(crate) const SYN_OPTIONS: [u8; 24] =
    [2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7, 30, 4, 0x01, 0x81];

/// A DSS with data acknowledgement and mapping.
pub(crate) const DSS_OPTIONS: [u8; 32] = [
    1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8, 30, 18, 0x20, 0x05, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 5,
    100, 1, 1,
];

pub(crate) fn packet() -> Packet {
    Packet::new(CLIENT, SERVER)
}

pub(crate) fn segment(sender: Sender, flags: Flags, seq: u32, ack: u32, len: u32) -> Packet {
    let (src, dst) = match sender {
        Sender::Initiator => (CLIENT, SERVER),
        Sender::Responder => (SERVER, CLIENT),
    };
    let mut packet = Packet::new(src, dst);
    (packet.flags, packet.seq, packet.ack) = (flags, Seq(seq), Seq(ack));
    packet.window = 64_000;
    packet.payload = Payload::described(StreamId(1), 0, len);
    packet
}

pub(crate) fn with_options(mut packet: Packet, bytes: &[u8]) -> Packet {
    packet.options = Options::from_bytes(bytes).unwrap();
    packet
}

pub(crate) fn pass<'a>(packet: &'a mut Packet, effects: &'a mut Effects) -> Pass<'a> {
    Pass::new(SimTime::ZERO, INSIDE, packet, effects)
}

/// What came of one packet.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) forwarding: Forwarding,
    pub(crate) packet: Packet,
    pub(crate) effects: Effects,
}

impl Outcome {
    /// The labels of the changes, in order.
    pub(crate) fn labels(&self) -> Vec<String> {
        self.effects.changes.iter().map(|c| c.change.label()).collect()
    }

    /// The rule of the first change that has this label.
    pub(crate) fn rule(&self, label: &str) -> &sim_core::engine::device::Rule {
        let found = self.effects.changes.iter().find(|c| c.change.label() == label);
        &found.unwrap_or_else(|| panic!("no {label} in {:?}", self.labels())).rule
    }

    /// Why the packet was dropped.
    pub(crate) fn drop_reason(&self) -> Option<&'static str> {
        self.effects.changes.iter().find_map(|c| match c.change {
            Change::Dropped { reason } => Some(reason),
            _ => None,
        })
    }
}

/// Passes a packet through a device: what clients send comes from inside, the rest from outside.
pub(crate) fn send(device: &mut dyn Device, at_ms: u64, packet: Packet) -> Outcome {
    let ingress = if packet.src_port == SERVER.port() { OUTSIDE } else { INSIDE };
    send_from(device, at_ms, ingress, packet)
}

pub(crate) fn send_from(
    device: &mut dyn Device,
    at_ms: u64,
    ingress: PortId,
    mut packet: Packet,
) -> Outcome {
    packet.uid = PacketUid(at_ms + 1);
    let mut effects = Effects::new(PacketUid(1 << 40));
    let now = SimTime(at_ms * 1_000_000);
    let forwarding = match packet.protocol {
        Protocol::Tcp => device.process(now, ingress, &mut packet, &mut effects),
        Protocol::IcmpError => device.process_icmp(now, ingress, &mut packet, &mut effects),
    };
    Outcome { forwarding, packet, effects }
}

/// What a router behind the device tells of a segment that has passed it.
pub(crate) fn too_big(about: &Packet, mtu: u32) -> Packet {
    let (from, reason) = (Ipv4Addr::new(203, 0, 113, 1).into(), Reason::TooBig { mtu });
    Packet::icmp_error(from, about, reason, Quote::EightBytes).unwrap()
}

/// An IOS router with this configuration, or as it comes; with what is said about the text.
pub(crate) fn ios_router(
    factory: &'static str,
    text: Option<&str>,
) -> Result<(IosRouter, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let kind = Kind { model: "ios", factory };
    let text = text.map(|text| ConfigText::new("r.cfg", text));
    let context = DeviceContext { name: "r", seed: 1, default_farm: None };
    crate::ios::router::build(kind, [None; 2], &context, text)
}

/// What is said about a text that is no or not quite a configuration.
pub(crate) fn ios_findings(text: &str) -> Vec<ConfigDiagnostic> {
    match ios_router("", Some(text)) {
        Ok((_, warnings)) => warnings,
        Err(errors) => errors,
    }
}

/// The lines of a text that are warned of.
pub(crate) fn lines_told(text: &str, warn: impl Fn(&[Line<'_>], &mut Diagnostics)) -> Vec<u32> {
    let mut found = Diagnostics::new("r");
    warn(&ConfigText::new("r", text).lines(), &mut found);
    found.into_all().iter().map(|warning| warning.line).collect()
}
