//! A connection written down: who sends what, with numbers in step.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use devices::steps::track::Sender;
use sim_core::engine::device::{PortId, Side};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::options::Options;
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::payload::{Payload, StreamId};
use sim_core::wire::seq::Seq;

use crate::passing::{Ends, Input};

/// The client of every probe, on the inside.
pub const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 1, 2));
/// Address and port that it calls, where the device has no virtual address.
pub const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, 1, 2)), 5001);
/// First sequence number of the end that opens, and of the other.
const ISN: [u32; 2] = [1_000, 500_000];
/// Between two packets.
const STEP: SimDuration = SimDuration::from_millis(10);

/// A short connection about one thing.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Its name, unique in the suite: `option/MSS 536 in a SYN`.
    pub name: String,
    /// On which side the end is that opens it.
    pub opener: Side,
    /// Its packets, with who sends each; the last of them are about what the name says.
    pub packets: Vec<(Sender, Packet)>,
}

impl Probe {
    /// What goes into a device, as connection number `connection`, from `start` on.
    #[must_use]
    pub fn inputs(&self, connection: usize, start: SimTime) -> Vec<Input> {
        let mut at = start;
        let each = self.packets.iter().map(|(sender, packet)| {
            at += STEP;
            let packet = packet.clone();
            Input { at, connection, sender: *sender, packet, shift: 0, growth: 0 }
        });
        each.collect()
    }

    /// Its ends.
    #[must_use]
    pub fn ends(&self) -> Ends {
        let ports = match self.opener {
            Side::Inside => [PortId(0), PortId(1)],
            Side::Outside => [PortId(1), PortId(0)],
        };
        let syn = |wanted: Sender| {
            let is_syn = |(sender, packet): &&(Sender, Packet)| {
                *sender == wanted && packet.flags.has(Flags::SYN)
            };
            self.packets.iter().find(is_syn).map(|(_, packet)| packet.seq)
        };
        Ends { ports, isn: [syn(Sender::Initiator), syn(Sender::Responder)] }
    }
}

/// Writes a probe: packets are added one after the other, numbers follow.
#[derive(Clone, Debug)]
pub struct Dialogue {
    ends: [SocketAddr; 2],
    opener: Side,
    next: [Seq; 2],
    packets: Vec<(Sender, Packet)>,
}

/// MSS, SACK permitted, timestamps, window scale.
pub const SYN_OPTIONS: [u8; 20] =
    [2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
/// Timestamps.
pub const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8];

impl Dialogue {
    /// A connection that is opened from this side to `server` (whose port is used on either side).
    #[must_use]
    pub fn new(opener: Side, server: SocketAddr, port: u16) -> Self {
        let client = SocketAddr::new(CLIENT, port);
        let ends = match opener {
            Side::Inside => [client, server],
            Side::Outside => {
                [SocketAddr::new(SERVER.ip(), port), SocketAddr::new(CLIENT, server.port())]
            }
        };
        Self { ends, opener, next: ISN.map(Seq), packets: Vec::new() }
    }

    /// A packet as it would come next, not sent yet.
    #[must_use]
    pub fn next(&self, sender: Sender, flags: Flags, options: &[u8], data: &[u8]) -> Packet {
        let (here, there) = (sender as usize, sender.peer() as usize);
        let mut packet = Packet::new(self.ends[here], self.ends[there]);
        (packet.flags, packet.seq, packet.window) = (flags, self.next[here], 64_000);
        if flags.has(Flags::ACK) {
            packet.ack = self.next[there];
        }
        packet.options = Options::from_bytes(options).expect("probes' options fit");
        if !data.is_empty() {
            packet.payload = Payload::literal(data);
        }
        packet
    }

    /// Sends a packet and moves on behind it.
    pub fn send(&mut self, sender: Sender, packet: Packet) -> &mut Self {
        let after = packet.seq.add(packet.seq_len());
        let next = &mut self.next[sender as usize];
        if next.before(after) {
            *next = after;
        }
        self.packets.push((sender, packet));
        self
    }

    /// Sends what comes next.
    pub fn say(&mut self, sender: Sender, flags: Flags, options: &[u8], data: &[u8]) -> &mut Self {
        let packet = self.next(sender, flags, options, data);
        self.send(sender, packet)
    }

    /// The three packets that open a connection, each with these options.
    pub fn open(&mut self, syn: &[u8], syn_ack: &[u8], ack: &[u8]) -> &mut Self {
        self.say(Sender::Initiator, Flags::SYN, syn, b"")
            .say(Sender::Responder, Flags::SYN.with(Flags::ACK), syn_ack, b"")
            .say(Sender::Initiator, Flags::ACK, ack, b"")
    }

    /// A plain connection, opened.
    pub fn opened(&mut self) -> &mut Self {
        self.open(&SYN_OPTIONS, &SYN_OPTIONS, &TIMESTAMPS)
    }

    /// Nothing is sent: numbers are as if it were, so that what follows is in the middle of a stream.
    pub fn unseen(&mut self) -> &mut Self {
        self.next = self.next.map(|next| next.add(7_001));
        self
    }

    /// So many bytes of a stream's content.
    #[must_use]
    pub fn content(len: u32) -> Vec<u8> {
        Payload::described(StreamId(1), 0, len).to_vec()
    }

    /// The probe.
    #[must_use]
    pub fn probe(&self, name: impl Into<String>) -> Probe {
        Probe { name: name.into(), opener: self.opener, packets: self.packets.clone() }
    }
}
