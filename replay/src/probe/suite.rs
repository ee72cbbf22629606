//! The probes: every handshake, every option, every pattern of segments, in each direction.

use std::net::SocketAddr;

use devices::audit::probe::{request, response};
use devices::steps::track::Sender;
use sim_core::engine::device::Side;
use sim_core::wire::packet::{Flags, Packet};

use super::dialogue::{Dialogue, Probe, SYN_OPTIONS, TIMESTAMPS};

const PSH_ACK: Flags = Flags::ACK.with(Flags::PSH);
const FIN_ACK: Flags = Flags::ACK.with(Flags::FIN);
/// First source port; each probe has its own.
const FIRST_PORT: u16 = 40_000;

/// Options of a SYN, a SYN/ACK and the ACK that completes the handshake.
type Handshake = (&'static str, &'static [u8], &'static [u8], &'static [u8]);

const HANDSHAKES: &[Handshake] = &[
    ("plain TCP", &SYN_OPTIONS, &SYN_OPTIONS, &TIMESTAMPS),
    ("without options", &[], &[], &[]),
    (
        "MP_CAPABLE v1",
        &[2, 4, 5, 180, 30, 4, 0x01, 0x01],
        &[2, 4, 5, 180, 30, 12, 0x01, 0x01, 8, 7, 6, 5, 4, 3, 2, 1],
        &[30, 20, 0x01, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1],
    ),
    (
        "MP_CAPABLE v1 with checksums",
        &[2, 4, 5, 180, 30, 4, 0x01, 0x81],
        &[2, 4, 5, 180, 30, 12, 0x01, 0x81, 8, 7, 6, 5, 4, 3, 2, 1],
        &[30, 20, 0x01, 0x81, 1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1],
    ),
    (
        "MP_CAPABLE v0",
        &[2, 4, 5, 180, 30, 12, 0x00, 0x81, 1, 2, 3, 4, 5, 6, 7, 8],
        &[2, 4, 5, 180, 30, 12, 0x00, 0x81, 8, 7, 6, 5, 4, 3, 2, 1],
        &[30, 20, 0x00, 0x81, 1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1],
    ),
    (
        "MP_JOIN",
        &[2, 4, 5, 180, 30, 12, 0x10, 2, 9, 9, 9, 9, 7, 7, 7, 7],
        &[2, 4, 5, 180, 30, 16, 0x10, 3, 1, 1, 1, 1, 2, 2, 2, 2, 6, 6, 6, 6],
        &[30, 24, 0x10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20],
    ),
    ("MP_CAPABLE refused", &[2, 4, 5, 180, 30, 4, 0x01, 0x81], &[2, 4, 5, 180], &[]),
    ("fast open with a cookie", &[2, 4, 5, 180, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1], &[], &[]),
];

/// Options by themselves: name and bytes.
const OPTIONS: &[(&str, &[u8])] = &[
    ("MP_CAPABLE, 4 bytes", &[30, 4, 0x01, 0x81]),
    ("MP_CAPABLE, 12 bytes", &[30, 12, 0x01, 0x81, 1, 2, 3, 4, 5, 6, 7, 8]),
    (
        "MP_CAPABLE, 22 bytes",
        &[30, 22, 0x01, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1, 0, 100, 1, 1],
    ),
    (
        "MP_CAPABLE, 24 bytes",
        &[30, 24, 0x01, 0x81, 1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1, 0, 100, 5, 5],
    ),
    ("MP_CAPABLE, version 2", &[30, 4, 0x02, 0x81]),
    ("MP_JOIN, 12 bytes", &[30, 12, 0x11, 2, 9, 9, 9, 9, 7, 7, 7, 7]),
    ("MP_JOIN, 16 bytes", &[30, 16, 0x10, 3, 1, 1, 1, 1, 2, 2, 2, 2, 6, 6, 6, 6]),
    ("DSS, acknowledgement of 4 bytes", &[30, 8, 0x20, 0x01, 0, 0, 0, 1]),
    ("DSS, acknowledgement of 8 bytes", &[30, 12, 0x20, 0x03, 0, 0, 0, 0, 0, 0, 0, 1]),
    ("DSS, mapping of 4 bytes", &[30, 14, 0x20, 0x04, 0, 0, 0, 2, 0, 0, 0, 1, 0, 100, 1, 1]),
    (
        "DSS, both of 8 bytes and a checksum",
        &[
            30, 28, 0x20, 0x0f, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 100,
            5, 5,
        ],
    ),
    ("DSS, DATA_FIN", &[30, 14, 0x20, 0x14, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 1, 1]),
    ("DSS, infinite mapping", &[30, 14, 0x20, 0x04, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 1, 1]),
    ("ADD_ADDR v1, IPv4", &[30, 16, 0x30, 2, 10, 0, 2, 2, 1, 2, 3, 4, 5, 6, 7, 8]),
    (
        "ADD_ADDR v1, IPv4 and port",
        &[30, 18, 0x30, 2, 10, 0, 2, 2, 19, 137, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1],
    ),
    ("ADD_ADDR v1, echo", &[30, 8, 0x31, 2, 10, 0, 2, 2]),
    ("ADD_ADDR v0, IPv4", &[30, 8, 0x34, 2, 10, 0, 2, 2]),
    (
        "ADD_ADDR v1, IPv6",
        &[
            30, 28, 0x30, 2, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6,
            7, 8,
        ],
    ),
    ("REMOVE_ADDR", &[30, 4, 0x40, 2]),
    ("REMOVE_ADDR of three", &[30, 6, 0x40, 2, 3, 4, 1, 1]),
    ("MP_PRIO", &[30, 3, 0x51, 1]),
    ("MP_PRIO with an address", &[30, 4, 0x50, 2]),
    ("MP_FAIL", &[30, 12, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 9]),
    ("MP_FASTCLOSE", &[30, 12, 0x70, 0, 8, 7, 6, 5, 4, 3, 2, 1]),
    ("MP_TCPRST", &[30, 4, 0x80, 5]),
    ("option 30, unknown subtype", &[30, 4, 0xf0, 0]),
    ("option 30 twice", &[30, 4, 0x40, 2, 30, 3, 0x51, 1]),
    ("option 30, length 0", &[30, 0, 0x20, 0x01]),
    ("option 30, length 1", &[30, 1, 0x20, 0x01]),
    ("option 30, length beyond the end", &[30, 60, 0x20, 0x01]),
    ("MSS 536", &[2, 4, 2, 24]),
    ("MSS 1460", &[2, 4, 5, 180]),
    ("MSS 9000", &[2, 4, 35, 40]),
    ("MSS 0", &[2, 4, 0, 0]),
    ("MSS twice", &[2, 4, 5, 180, 2, 4, 2, 24]),
    ("MSS of length 3", &[2, 3, 5, 1]),
    ("window scale 14", &[3, 3, 14, 1]),
    ("window scale 15", &[3, 3, 15, 1]),
    ("SACK permitted", &[4, 2, 1, 1]),
    ("SACK, a block", &[1, 1, 5, 10, 0, 7, 0xa1, 0x85, 0, 7, 0xa1, 0xe9]),
    (
        "SACK, three blocks",
        &[
            1, 1, 5, 26, 0, 7, 0xa1, 0x85, 0, 7, 0xa1, 0xe9, 0, 7, 0xa2, 0x85, 0, 7, 0xa2, 0xe9, 0,
            7, 0xa3, 0x85, 0, 7, 0xa3, 0xe9,
        ],
    ),
    ("timestamps", &TIMESTAMPS),
    ("timestamps of length 4", &[8, 4, 0, 1]),
    ("MD5", &[19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1, 1]),
    ("TCP-AO", &[29, 8, 1, 1, 9, 9, 9, 9]),
    ("kind 6 (echo)", &[6, 6, 1, 2, 3, 4, 1, 1]),
    ("kind 9", &[9, 2, 1, 1]),
    ("kind 28 (user timeout)", &[28, 4, 0, 9]),
    ("kind 33", &[33, 4, 1, 2]),
    ("kind 253", &[253, 4, 0xf9, 0x89]),
    ("kind 255", &[255, 4, 1, 2]),
    ("kind 254, length 1", &[254, 1, 1, 1]),
    ("NOPs", &[1, 1, 1, 1]),
    ("EOL, then junk", &[0, 30, 4, 9]),
    ("EOL, then option 30", &[2, 4, 5, 180, 0, 30, 4, 0x40, 2, 1, 1, 1]),
];

/// Ports whose protocols are inspected.
const SERVICES: &[(&str, u16)] =
    &[("FTP", 21), ("SMTP", 25), ("DNS", 53), ("HTTP", 80), ("HTTPS", 443), ("SIP", 5060)];

/// The suite, its connections made to `server` where they are about no service.
#[must_use]
pub fn suite(server: SocketAddr) -> Vec<Probe> {
    let mut suite = Suite { server, probes: Vec::new() };
    for side in [Side::Inside, Side::Outside] {
        suite.handshakes(side);
    }
    suite.options();
    suite.segments();
    suite.services();
    suite.probes
}

struct Suite {
    server: SocketAddr,
    probes: Vec<Probe>,
}

impl Suite {
    fn dialogue(&self, opener: Side) -> Dialogue {
        self.dialogue_to(opener, self.server)
    }

    fn dialogue_to(&self, opener: Side, server: SocketAddr) -> Dialogue {
        Dialogue::new(opener, server, FIRST_PORT + self.probes.len() as u16)
    }

    fn add(&mut self, name: impl Into<String>, dialogue: &Dialogue) {
        self.probes.push(dialogue.probe(name));
    }

    /// Each handshake, data both ways, and the closing.
    fn handshakes(&mut self, side: Side) {
        use Sender::{Initiator, Responder};
        let from = match side {
            Side::Inside => "inside",
            Side::Outside => "outside",
        };
        for (name, syn, syn_ack, ack) in HANDSHAKES {
            let mut d = self.dialogue(side);
            d.open(syn, syn_ack, ack)
                .say(Initiator, PSH_ACK, &[], &Dialogue::content(100))
                .say(Responder, PSH_ACK, &[], &Dialogue::content(200))
                .say(Initiator, FIN_ACK, &[], b"")
                .say(Responder, FIN_ACK, &[], b"")
                .say(Initiator, Flags::ACK, &[], b"");
            self.add(format!("handshake/{name}, from {from}"), &d);
        }
        let mut d = self.dialogue(side);
        d.say(Initiator, Flags::SYN, &SYN_OPTIONS, &Dialogue::content(100))
            .say(Responder, Flags::SYN.with(Flags::ACK), &SYN_OPTIONS, &Dialogue::content(50))
            .say(Initiator, Flags::ACK, &TIMESTAMPS, b"");
        self.add(format!("handshake/data in SYN and SYN/ACK, from {from}"), &d);
        let mut d = self.dialogue(side);
        let ecn = Flags::SYN.with(Flags::ECE).with(Flags::CWR);
        d.say(Initiator, ecn, &SYN_OPTIONS, b"");
        self.add(format!("handshake/ECN, from {from}"), &d);
        let mut d = self.dialogue(side);
        d.say(Initiator, Flags::SYN, &SYN_OPTIONS, b"").say(
            Responder,
            Flags::RST.with(Flags::ACK),
            &[],
            b"",
        );
        self.add(format!("handshake/refused, from {from}"), &d);
        let mut d = self.dialogue(side);
        d.unseen().say(Initiator, PSH_ACK, &TIMESTAMPS, &Dialogue::content(100)).say(
            Responder,
            Flags::ACK,
            &TIMESTAMPS,
            b"",
        );
        self.add(format!("handshake/none: the middle of a stream, from {from}"), &d);
    }

    /// Each option in a SYN, in a SYN/ACK, and in data of either end.
    fn options(&mut self) {
        use Sender::{Initiator, Responder};
        for (name, bytes) in OPTIONS {
            let mut d = self.dialogue(Side::Inside);
            d.say(Initiator, Flags::SYN, bytes, b"")
                .say(Responder, Flags::SYN.with(Flags::ACK), bytes, b"")
                .say(Initiator, Flags::ACK, &[], b"")
                .say(Initiator, PSH_ACK, bytes, &Dialogue::content(100))
                .say(Responder, PSH_ACK, bytes, &Dialogue::content(100))
                .say(Initiator, Flags::ACK, bytes, b"");
            self.add(format!("option/{name}"), &d);
        }
    }

    /// Patterns of segments on an open connection, sent by either end.
    fn segments(&mut self) {
        type Pattern = fn(&mut Dialogue, Sender);
        let patterns: &[(&str, Pattern)] = &[
            ("in order", |d, s| {
                for _ in 0..3 {
                    d.say(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(1000));
                    d.say(s.peer(), Flags::ACK, &TIMESTAMPS, b"");
                }
            }),
            ("a hole that is filled", |d, s| {
                let first = d.next(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(1000));
                let second = Packet { seq: first.seq.add(1000), ..first.clone() };
                d.send(s, second).send(s, first);
            }),
            ("a hole that stays", |d, s| {
                let mut third = d.next(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(1000));
                third.seq = third.seq.add(2000);
                let fourth = Packet { seq: third.seq.add(1000), ..third.clone() };
                d.send(s, third).send(s, fourth);
            }),
            ("a duplicate", |d, s| {
                let packet = d.next(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(1000));
                d.send(s, packet.clone()).send(s, packet);
            }),
            ("a retransmission with other bytes", |d, s| {
                let packet = d.next(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(1000));
                let mut other = packet.clone();
                other.payload.make_literal()[10] ^= 0xff;
                d.send(s, packet).send(s, other);
            }),
            ("an overlap", |d, s| {
                let packet = d.next(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(1000));
                let over = Packet { seq: packet.seq.add(500), ..packet.clone() };
                d.send(s, packet).send(s, over);
            }),
            ("a mapping for two segments", |d, s| {
                let map = [1, 1, 30, 14, 0x20, 0x04, 0, 0, 0, 2, 0, 0, 0, 1, 7, 208];
                d.say(s, Flags::ACK, &map, &Dialogue::content(1000));
                d.say(s, PSH_ACK, &[], &Dialogue::content(1000));
            }),
            ("full size", |d, s| {
                d.say(s, Flags::ACK, &TIMESTAMPS, &Dialogue::content(1448));
            }),
            ("larger than the MSS", |d, s| {
                d.say(s, Flags::ACK, &TIMESTAMPS, &Dialogue::content(4000));
            }),
            ("RST", |d, s| {
                d.say(s, Flags::RST, &[], b"");
                d.say(s.peer(), PSH_ACK, &TIMESTAMPS, &Dialogue::content(10));
            }),
            ("RST outside the window", |d, s| {
                let mut rst = d.next(s, Flags::RST, &[], b"");
                rst.seq = rst.seq.add(1_000_000);
                d.send(s, rst).say(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(10));
            }),
            ("FIN, then data of the other end", |d, s| {
                d.say(s, FIN_ACK, &TIMESTAMPS, b"");
                d.say(s.peer(), PSH_ACK, &TIMESTAMPS, &Dialogue::content(100));
                d.say(s.peer(), FIN_ACK, &TIMESTAMPS, b"");
                d.say(s, Flags::ACK, &TIMESTAMPS, b"");
            }),
            ("data after FIN", |d, s| {
                d.say(s, FIN_ACK, &TIMESTAMPS, b"");
                d.say(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(100));
            }),
            ("urgent data", |d, s| {
                let flags = PSH_ACK.with(Flags::URG);
                let mut packet = d.next(s, flags, &TIMESTAMPS, &Dialogue::content(100));
                packet.urgent = 5;
                d.send(s, packet);
            }),
            ("an urgent pointer without its flag", |d, s| {
                let mut packet = d.next(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(100));
                packet.urgent = 5;
                d.send(s, packet);
            }),
            ("reserved bits", |d, s| {
                let mut packet = d.next(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(100));
                packet.reserved = 0x0f;
                d.send(s, packet);
            }),
            ("a wrong checksum", |d, s| {
                let mut packet = d.next(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(100));
                packet.checksum_fault = 1;
                d.send(s, packet);
            }),
            ("beyond the window", |d, s| {
                let mut packet = d.next(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(100));
                packet.seq = packet.seq.add(20_000_000);
                d.send(s, packet);
            }),
            ("before the window", |d, s| {
                let mut packet = d.next(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(100));
                packet.seq = packet.seq.add(0u32.wrapping_sub(100_000));
                d.send(s, packet);
            }),
            ("an acknowledgement of what was not sent", |d, s| {
                let mut packet = d.next(s, Flags::ACK, &TIMESTAMPS, b"");
                packet.ack = packet.ack.add(1_000_000);
                d.send(s, packet);
            }),
            ("a keepalive", |d, s| {
                d.say(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(100));
                let mut packet = d.next(s, Flags::ACK, &TIMESTAMPS, b"");
                packet.seq = packet.seq.add(u32::MAX);
                d.send(s, packet);
            }),
            ("a zero window and its probe", |d, s| {
                let mut zero = d.next(s.peer(), Flags::ACK, &TIMESTAMPS, b"");
                zero.window = 0;
                d.send(s.peer(), zero).say(s, Flags::ACK, &TIMESTAMPS, &Dialogue::content(1));
            }),
            ("a window that shrinks", |d, s| {
                d.say(s, Flags::ACK, &TIMESTAMPS, b"");
                let mut less = d.next(s, Flags::ACK, &TIMESTAMPS, b"");
                less.window = 100;
                d.send(s, less);
            }),
            ("another SYN", |d, s| {
                let mut syn = d.next(s, Flags::SYN, &SYN_OPTIONS, b"");
                syn.seq = syn.seq.add(5);
                d.send(s, syn);
            }),
            ("another SYN/ACK", |d, s| {
                d.say(s, Flags::SYN.with(Flags::ACK), &SYN_OPTIONS, b"");
            }),
            ("SYN and FIN", |d, s| {
                d.say(s, Flags::SYN.with(Flags::FIN), &[], b"");
            }),
            ("no flags", |d, s| {
                d.say(s, Flags(0), &[], b"");
            }),
            ("data without ACK", |d, s| {
                d.say(s, Flags::PSH, &TIMESTAMPS, &Dialogue::content(10));
            }),
            ("a TTL that varies", |d, s| {
                for ttl in [64, 3] {
                    let mut p = d.next(s, PSH_ACK, &TIMESTAMPS, &Dialogue::content(10));
                    p.ttl = ttl;
                    d.send(s, p);
                }
            }),
            ("ECN and DSCP", |d, s| {
                let flags = PSH_ACK.with(Flags::ECE);
                let mut packet = d.next(s, flags, &TIMESTAMPS, &Dialogue::content(10));
                packet.tos = 0xbb;
                d.send(s, packet);
            }),
            ("text that a signature may look for", |d, s| {
                d.say(s, PSH_ACK, &TIMESTAMPS, b"GET /attack-signature HTTP/1.0\r\n\r\n");
            }),
            ("addresses in the payload", |d, s| {
                d.say(s, PSH_ACK, &TIMESTAMPS, b"PORT 10,0,1,2,156,64\r\n10.0.1.2\r\n");
                d.say(s, PSH_ACK, &TIMESTAMPS, b"more\r\n");
                d.say(s.peer(), Flags::ACK, &TIMESTAMPS, b"");
            }),
        ];
        for (name, pattern) in patterns {
            for (sender, who) in [(Sender::Initiator, "client"), (Sender::Responder, "server")] {
                let mut d = self.dialogue(Side::Inside);
                d.opened();
                pattern(&mut d, sender);
                self.add(format!("segment/{name}, {who}"), &d);
            }
        }
        let mut d = self.dialogue(Side::Inside);
        d.say(Sender::Initiator, Flags::SYN, &SYN_OPTIONS, b"").say(
            Sender::Initiator,
            PSH_ACK,
            &TIMESTAMPS,
            &Dialogue::content(10),
        );
        self.add("segment/data before the SYN/ACK, client", &d);
    }

    /// A request and its answer to each service that devices inspect, whole and in two segments.
    fn services(&mut self) {
        use Sender::{Initiator, Responder};
        for &(name, port) in SERVICES {
            let server = SocketAddr::new(self.server.ip(), port);
            let asked = request(port);
            for halves in [1, 2] {
                let mut d = self.dialogue_to(Side::Inside, server);
                d.opened();
                if matches!(port, 21 | 25) {
                    d.say(Responder, PSH_ACK, &TIMESTAMPS, b"220 option30.example\r\n");
                }
                for part in asked.chunks(asked.len().div_ceil(halves)) {
                    d.say(Initiator, PSH_ACK, &TIMESTAMPS, part);
                }
                d.say(Responder, PSH_ACK, &TIMESTAMPS, response(port));
                let how = if halves == 1 { "" } else { ", in two segments" };
                self.add(format!("service/{name}{how}"), &d);
            }
            let mut d = self.dialogue_to(Side::Inside, server);
            d.opened()
                .say(Initiator, PSH_ACK, &TIMESTAMPS, b"SITE chmod 777 /etc\r\nXYZZY 1\r\n\r\n")
                .say(Responder, PSH_ACK, &TIMESTAMPS, b"?\r\n");
            self.add(format!("service/{name}, not spoken"), &d);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialogue::SERVER;
    use super::*;

    #[test]
    fn names_are_unique_and_packets_whole() {
        let suite = suite(SERVER);
        let mut names: Vec<&str> = suite.iter().map(|probe| probe.name.as_str()).collect();
        assert!(names.len() > 150, "{}", names.len());
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        for probe in &suite {
            for (_, packet) in &probe.packets {
                let mut bytes = Vec::new();
                packet.emit(&mut bytes);
                let read = Packet::parse(&bytes).unwrap();
                assert_eq!(read.payload.to_vec(), packet.payload.to_vec(), "{}", probe.name);
                assert_eq!((read.seq, read.flags), (packet.seq, packet.flags), "{}", probe.name);
            }
        }
    }
}
