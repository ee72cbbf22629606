//! One accelerator, two of them, and what MPTCP meets.

use sim_core::wire::options::Options;
use sim_core::wire::packet::PacketUid;

use super::*;
use crate::steps::track::Sender::{Initiator, Responder};
use crate::testing::{SYN_OPTIONS, segment, send, with_options};

const PLAIN: [u8; 20] = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];

fn waas(text: &str) -> Waas {
    build(Some(ConfigText::new("w.cfg", text))).unwrap().0
}

/// A packet through accelerators in the order of its way.
fn through(devices: &mut [&mut Waas], at: u64, mut packet: Packet) -> Packet {
    let outward = packet.dst_port == 5001;
    for n in 0..devices.len() {
        let device = if outward { n } else { devices.len() - 1 - n };
        packet = send(devices[device], at, packet).packet;
    }
    packet
}

fn syn(options: &[u8]) -> Packet {
    with_options(segment(Initiator, Flags::SYN, 100, 0, 0), options)
}

fn syn_ack(options: &[u8]) -> Packet {
    with_options(segment(Responder, Flags(0x12), 900, 101, 0), options)
}

#[test]
fn two_accelerators_find_each_other_and_move_numbers_between_them() {
    let (mut near, mut far) = (waas(""), waas(""));
    let between = send(&mut near, 0, syn(&PLAIN)).packet;
    assert!(between.options.has(33) && between.seq.0 == 100);
    let at_server = send(&mut far, 0, between).packet;
    assert!(at_server.options.has(33), "the last one passes it on");
    let between = send(&mut far, 1, syn_ack(&PLAIN)).packet;
    assert!(between.options.has(33));
    let at_client = send(&mut near, 1, between).packet;
    assert_eq!(at_client.options, Options::from_bytes(&PLAIN).unwrap());
    let ack = segment(Initiator, Flags::ACK, 101, 901, 10);
    let between = send(&mut near, 2, ack.clone()).packet;
    assert_eq!((between.seq.0, between.ack.0), (101 + MOVED, 901 + MOVED));
    let at_server = send(&mut far, 2, between).packet;
    assert_eq!((at_server.seq, at_server.ack), (ack.seq, ack.ack));
    let back = segment(Responder, Flags::ACK, 901, 111, 5);
    assert_eq!(through(&mut [&mut near, &mut far], 3, back.clone()).seq, back.seq);
    assert_eq!(near.counters()[0].1 + far.counters()[0].1, 2);
}

#[test]
fn one_accelerator_alone_changes_nothing_but_the_syn() {
    let mut alone = waas("");
    assert!(send(&mut alone, 0, syn(&PLAIN)).packet.options.has(33));
    let answer = send(&mut alone, 1, syn_ack(&PLAIN));
    assert_eq!(answer.labels(), Vec::<String>::new());
    let data = segment(Initiator, Flags::ACK, 101, 901, 10);
    assert_eq!(send(&mut alone, 2, data.clone()).packet.seq, data.seq);
}

#[test]
fn mptcp_passes_as_it_is() {
    let (mut near, mut far) = (waas(""), waas(""));
    let opened = through(&mut [&mut near, &mut far], 0, syn(&SYN_OPTIONS));
    assert!(opened.options.has(30) && opened.options.has(33));
    // MP_CAPABLE with a key: thirty-two bytes are taken.
    let mut options = PLAIN.to_vec();
    options.extend([30, 12, 1, 0x81, 0, 0, 0, 0, 0, 0, 0, 1]);
    let answer = through(&mut [&mut near, &mut far], 1, syn_ack(&options));
    assert_eq!(answer.options.as_bytes(), options);
    let data = segment(Initiator, Flags::ACK, 101, 901, 10);
    assert_eq!(send(&mut near, 2, data.clone()).packet, Packet { uid: PacketUid(3), ..data });
    assert_eq!(far.no_room, 1);
    assert_eq!((near.optimised, far.optimised), (0, 0));
}

#[test]
fn what_is_not_asked_or_does_not_answer() {
    let asks = |text: &str| send(&mut waas(text), 0, syn(&PLAIN)).packet.options.has(33);
    assert!(asks("tfo optimize full\n"));
    assert!(!asks("no tfo optimize full\n"));
    let policy = "class-map type waas match-any C\n match tcp destination port 5001\npolicy-map type waas P\n class C pass-through\n class class-default optimize full\n";
    assert!(!asks(policy));
    assert!(asks(&policy.replace("5001", "80")));
    let mut device = waas("tfo auto-discovery blacklist hold-time 1\n");
    assert!(send(&mut device, 0, syn(&PLAIN)).packet.options.has(33));
    assert!(!send(&mut device, 1000, syn(&PLAIN)).packet.options.has(33), "again, without it");
    let other = |port| Packet { src_port: port, ..syn(&PLAIN) };
    assert!(!send(&mut device, 2000, other(7)).packet.options.has(33), "the server is known");
    assert!(send(&mut device, 61_000, other(8)).packet.options.has(33));
    let found = build(Some(ConfigText::new("w.cfg", "tfo auto-discovery blacklist hold-time x\n")));
    assert!(found.unwrap_err()[0].message.contains("expected minutes"));
}
