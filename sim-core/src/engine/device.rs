//! The contract of a device model: a packet and the time in; packets, timers and signed changes out.
//!
//! A device knows neither the engine nor a clock, so the simulator, the live testbed, a replayed
//! capture and a unit test drive the same code.
//!
//! **Ports.** A device has ports in pairs: port `2k` is the *inside* (client side), port `2k + 1` the
//! *outside* (server side) of its `k`-th path. What enters one port of a pair leaves by the other,
//! unless the device says otherwise.
//!
//! **Signature.** Whatever a device does to a packet, it records with [`Effects::record`]: who (the
//! engine adds the device), why (a [`Rule`]), what ([`Change`]). Verdicts, explanations, ladders,
//! capture comments and counters are all read from these signatures; nothing infers a cause otherwise.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub use super::rule::{ConfigLine, Origin, Remedy, Rule, Wording};
use crate::time::SimTime;
use crate::wire::mptcp::Subtype;
use crate::wire::packet::{Flow, Packet, PacketUid};

/// A port of a device: even ones are inside, odd ones outside (see the module's text).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub u8);

impl PortId {
    /// Which side of the device the port is on.
    #[must_use]
    pub const fn side(self) -> Side {
        if self.0.is_multiple_of(2) { Side::Inside } else { Side::Outside }
    }

    /// The other port of the pair.
    #[must_use]
    pub const fn peer(self) -> Self {
        Self(self.0 ^ 1)
    }

    /// The number of the pair: the device's `k`-th path.
    #[must_use]
    pub const fn pair(self) -> u8 {
        self.0 / 2
    }
}

/// Side of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Towards the clients: an ASA's `inside`, a NAT's inside, a balancer's client side.
    Inside,
    /// Towards the servers.
    Outside,
}

/// What a device is told of one of its port pairs when it is wired in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortPair {
    /// Name of the path that the pair stands in.
    pub path: String,
}

/// Addresses that a device answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Side of the device on which they are known: `Inside` towards the clients.
    pub side: Side,
    /// The network.
    pub network: IpAddr,
    /// Length of its prefix.
    pub prefix_len: u8,
    /// The host behind the device that a single address stands for, by its own address.
    pub host: Option<IpAddr>,
}

/// What becomes of the packet that a device was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// Out of the other port of the pair.
    Through,
    /// Out of this port.
    To(PortId),
    /// Gone; the device has recorded why.
    Drop,
    /// Kept, answered or replaced by the device itself (held, split, coalesced, terminated).
    Consumed,
}

/// A device model: a state machine over packets.
pub trait Device: Send {
    /// The model's name in scenario files, in lower case: `asa`, `cbac`, ….
    fn model(&self) -> &'static str;

    /// Told once, before the first packet, which paths the device stands in.
    fn wire(&mut self, _ports: &[PortPair]) {}

    /// A TCP segment has come in by `ingress`. The device may edit it in place.
    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding;

    /// An ICMP error has come in by `ingress`. A device that does not look at them passes them on.
    fn process_icmp(
        &mut self,
        _now: SimTime,
        _ingress: PortId,
        _packet: &mut Packet,
        _effects: &mut Effects,
    ) -> Forwarding {
        Forwarding::Through
    }

    /// When the device next wants [`Device::on_timeout`]; asked again after every call.
    fn next_timeout(&self) -> Option<SimTime> {
        None
    }

    /// The time that [`Device::next_timeout`] named has come.
    fn on_timeout(&mut self, _now: SimTime, _effects: &mut Effects) {}

    /// The device restarts: its state (connections, translations) is gone, its configuration stays.
    fn reload(&mut self, _now: SimTime) {}

    /// What the network around must route to the device, because it is the device that answers for it:
    /// a translation's addresses. Fixed for the run.
    fn stands_for(&self) -> Vec<Standing> {
        Vec::new()
    }

    /// The model's own counters, in a fixed order.
    fn counters(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    /// What an operator would see, in the forms of the device's own `show` commands; lines of text.
    fn report(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What a device did to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Every byte of an option became NOP (1) or EOL (0).
    OptionBlanked {
        /// Option kind.
        kind: u8,
        /// MPTCP subtype, for kind 30.
        subtype: Option<Subtype>,
        /// The byte that it was filled with.
        with: u8,
    },
    /// An option was cut out; the header shrank.
    OptionRemoved {
        /// Option kind.
        kind: u8,
        /// MPTCP subtype, for kind 30.
        subtype: Option<Subtype>,
    },
    /// An option was added.
    OptionAdded {
        /// Option kind.
        kind: u8,
    },
    /// The MSS option's value was lowered or raised.
    Mss {
        /// Before.
        from: u16,
        /// After.
        to: u16,
    },
    /// Sequence and acknowledgement numbers are shifted by this much from now on (ISN randomised).
    SequenceShifted {
        /// Added to the sequence numbers of this direction, modulo 2^32.
        by: u32,
    },
    /// Another field of the header was changed.
    Field {
        /// Its name: "window", "urgent pointer", "TTL", "reserved bits", "IP identification".
        name: &'static str,
    },
    /// Addresses or ports were translated.
    Translated {
        /// Source and destination before.
        from: Flow,
        /// Source and destination after.
        to: Flow,
    },
    /// A balancer chose this real server for a new connection.
    Balanced {
        /// Name of the real server.
        server: String,
        /// Its address.
        address: SocketAddr,
    },
    /// The payload was rewritten.
    Payload {
        /// Change of its length, in bytes.
        growth: i32,
    },
    /// The segment was cut into this many.
    Split {
        /// Number of pieces.
        pieces: u8,
    },
    /// The segment was merged with the one that this uid names.
    Coalesced {
        /// The packet that now carries this one's payload.
        into: PacketUid,
    },
    /// The packet is kept back and forwarded later.
    Held,
    /// The packet was dropped.
    Dropped {
        /// Why, in the product's own term: an asp-drop reason, an HSL reason, "no session".
        reason: &'static str,
    },
    /// The device sent an RST because of this packet.
    Reset {
        /// Why, as in `Dropped`.
        reason: &'static str,
    },
    /// The device answered in place of the destination (SYN proxy, early ACK, termination).
    Answered {
        /// With what: "SYN/ACK", "ACK".
        with: &'static str,
    },
    /// The device forwards the packet untouched because of an explicit rule (only recorded where
    /// that matters to the story: the tcp-map that allows option 30).
    Allowed {
        /// What was allowed.
        what: &'static str,
    },
}

impl Change {
    /// A short, stable label for counters: `option-30-to-nop`, `mss-rewritten`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::OptionBlanked { kind, with, .. } => {
                format!("option-{kind}-to-{}", if *with == 1 { "nop" } else { "eol" })
            }
            Self::OptionRemoved { kind, .. } => format!("option-{kind}-removed"),
            Self::OptionAdded { kind } => format!("option-{kind}-added"),
            Self::Mss { .. } => "mss-rewritten".into(),
            Self::SequenceShifted { .. } => "isn-randomised".into(),
            Self::Field { name } => format!("{}-changed", name.to_lowercase().replace(' ', "-")),
            Self::Translated { .. } => "translated".into(),
            Self::Balanced { .. } => "balanced".into(),
            Self::Payload { .. } => "payload-rewritten".into(),
            Self::Split { .. } => "split".into(),
            Self::Coalesced { .. } => "coalesced".into(),
            Self::Held => "held".into(),
            Self::Dropped { .. } => "dropped".into(),
            Self::Reset { .. } => "reset".into(),
            Self::Answered { .. } => "answered".into(),
            Self::Allowed { what } => format!("allowed-{}", what.to_lowercase().replace(' ', "-")),
        }
    }

    /// True when the packet was let through because of an explicit rule.
    #[must_use]
    pub const fn allows(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// True when the packet does not go on by itself.
    #[must_use]
    pub const fn stops_packet(&self) -> bool {
        matches!(
            self,
            Self::Dropped { .. }
                | Self::Coalesced { .. }
                | Self::Answered { .. }
                | Self::Reset { .. }
        )
    }
}

/// A change with its signature, as a device hands it over; the engine adds device and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The packet.
    pub packet: PacketUid,
    /// Its flow when the device received it.
    pub flow: Flow,
    /// Why.
    pub rule: Arc<Rule>,
    /// What.
    pub change: Change,
}

/// Where a device puts what it does besides editing the packet at hand. Reused from call to call,
/// so that the common pass allocates nothing.
#[derive(Debug, Default)]
pub struct Effects {
    /// Packets to send, each out of a port of this device, in order, before the packet at hand.
    pub emitted: Vec<(PortId, Packet)>,
    /// What was done, and why.
    pub changes: Vec<Signed>,
    next_uid: u64,
}

impl Effects {
    /// Empty effects whose packets are numbered from `first_uid` on.
    #[must_use]
    pub fn new(first_uid: PacketUid) -> Self {
        Self { next_uid: first_uid.0, ..Self::default() }
    }

    /// Signs a change of `packet`.
    pub fn record(&mut self, packet: &Packet, rule: &Arc<Rule>, change: Change) {
        self.record_flow(packet.uid, packet.flow(), rule, change);
    }

    /// Signs a change of a packet whose flow was another when it came in (after a translation).
    pub fn record_flow(&mut self, packet: PacketUid, flow: Flow, rule: &Arc<Rule>, change: Change) {
        self.changes.push(Signed { packet, flow, rule: Arc::clone(rule), change });
    }

    /// Sends a packet of the device's own making (an RST, a SYN/ACK in proxy, a piece) out of `port`;
    /// it gets an identity of its own, which is returned.
    pub fn emit_new(&mut self, port: PortId, mut packet: Packet) -> PacketUid {
        packet.uid = self.fresh_uid();
        let uid = packet.uid;
        self.emitted.push((port, packet));
        uid
    }

    /// Sends a packet on that keeps its identity (one that was held).
    pub fn emit(&mut self, port: PortId, packet: Packet) {
        self.emitted.push((port, packet));
    }

    /// A new packet identity.
    pub fn fresh_uid(&mut self) -> PacketUid {
        self.next_uid += 1;
        PacketUid(self.next_uid)
    }
}

/// True when `address` lies in `network`/`prefix_len` (both of one family).
#[must_use]
#[inline]
pub fn in_prefix(address: IpAddr, network: IpAddr, prefix_len: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let shift = 32 - u32::from(prefix_len.min(32));
            u32::from(a).checked_shr(shift).unwrap_or(0)
                == u32::from(n).checked_shr(shift).unwrap_or(0)
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            let shift = 128 - u32::from(prefix_len.min(128));
            u128::from(a).checked_shr(shift).unwrap_or(0)
                == u128::from(n).checked_shr(shift).unwrap_or(0)
        }
        _ => false,
    }
}
