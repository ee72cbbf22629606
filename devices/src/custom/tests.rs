//! Rules as a scenario writes them, and what packets become.

use sim_core::engine::device::{Device, Forwarding, PortPair};
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::payload::Payload;
use sim_core::wire::seq::Seq;

use super::*;
use crate::spec::DeviceSpec;
use crate::steps::track::Sender::{Initiator, Responder};
use crate::testing::{
    DSS_OPTIONS, INSIDE, OUTSIDE, Outcome, SYN_OPTIONS, segment, send, send_from, with_options,
};

const SYN_ACK: Flags = Flags(0x12);

/// A device on paths dsl and lte with these rules (and settings).
fn custom(fields: &str) -> Box<dyn Device> {
    let spec: DeviceSpec = ron::Options::default()
        .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME)
        .from_str(&format!("Custom({fields})"))
        .unwrap_or_else(|e| panic!("{fields}: {e}"));
    let context = DeviceContext { name: "box", seed: 1, default_farm: None };
    let mut device = spec.build(&context, None).unwrap().device;
    device.wire(&["dsl", "lte"].map(|path| PortPair { path: path.into() }));
    device
}

fn rules(rules: &str) -> Box<dyn Device> {
    custom(&format!("rules: [{rules}]"))
}

/// The packets of a connection: client's ISN 1000, server's 5000.
fn packet(n: usize) -> Packet {
    let ack = Flags::ACK;
    match n {
        0 => with_options(segment(Initiator, Flags::SYN, 1000, 0, 0), &SYN_OPTIONS),
        1 => with_options(segment(Responder, SYN_ACK, 5000, 1001, 0), &SYN_OPTIONS),
        2 => with_options(segment(Initiator, ack, 1001, 5001, 0), &DSS_OPTIONS),
        3 => with_options(segment(Initiator, ack, 1001, 5001, 100), &DSS_OPTIONS),
        4 => with_options(segment(Responder, ack, 5001, 1101, 0), &DSS_OPTIONS),
        5 => with_options(segment(Initiator, ack, 1101, 5001, 100), &DSS_OPTIONS),
        6 => with_options(segment(Responder, ack, 5001, 1201, 50), &DSS_OPTIONS),
        7 => with_options(segment(Initiator, ack, 1201, 5051, 0), &DSS_OPTIONS),
        8 => segment(Initiator, ack.with(Flags::FIN), 1201, 5051, 0),
        _ => segment(Responder, Flags::RST, 5051, 0, 0),
    }
}

/// Passes packets `0..=last` through; what came of the last.
fn run(device: &mut dyn Device, last: usize) -> Outcome {
    (0..=last).map(|n| send(device, n as u64 * 10, packet(n))).last().unwrap()
}

/// Which packets of the dialogue a rule with these conditions is applied to, by its counter.
fn fitting(when: &str) -> Vec<usize> {
    let mut device = rules(&format!("(when: ({when}), do: Nop)"));
    (0..10)
        .filter(|&n| {
            let before = device.counters()[0].1;
            send(device.as_mut(), n as u64 * 10, packet(n));
            device.counters()[0].1 > before
        })
        .collect()
}

#[test]
fn which_packets() {
    let check = |when: &str, expected: &[usize]| assert_eq!(fitting(when), expected, "{when}");
    check("", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    check("segment: [Syn]", &[0]);
    check("flags: [Fin]", &[8]);
    check("flags: [Syn, Ack]", &[1]);
    check("port: 5001, flags: [Rst]", &[9]);
    check("port: 80", &[]);
    check("segment: [SynAck]", &[1]);
    check("segment: [ThirdAck]", &[2]);
    check("segment: [AfterHandshake]", &[3, 4, 5, 6, 7, 8, 9]);
    check("segment: [FirstData]", &[3, 6]);
    check("segment: [Data]", &[3, 5, 6]);
    check("segment: [PureAck]", &[2, 4, 7]);
    check("segment: [Fin, Rst]", &[8, 9]);
    check("direction: ToClient", &[1, 4, 6, 9]);
    check("direction: ToServer, segment: [Data]", &[3, 5]);
    check("option: Capable", &[0, 1]);
    check("option: Dss", &[2, 3, 4, 5, 6, 7]);
    check("option: Option30, segment: [Syn, SynAck]", &[0, 1]);
    check("option: Kind(3)", &[0, 1]);
    check("option: Join", &[]);
    check("path: \"lte\"", &[]);
    check("path: \"dsl\", segment: [Syn]", &[0]);
    check("after: (acked: \"100 B\")", &[5, 6, 7, 8, 9]);
    check("after: (bytes: \"200 B\")", &[6, 7, 8, 9]);
    check("after: (packets: 3)", &[3, 4, 5, 6, 7, 8, 9]);
    check("after: (data_packets: 3)", &[7, 8, 9]);
    check("after: (time: \"70 ms\")", &[7, 8, 9]);
    check("after: (age: \"70 ms\", packets: 8)", &[8, 9]);
    check("until: (packets: 2)", &[0, 1]);
    check("after: (packets: 2), until: (data_packets: 1)", &[2, 3]);
    check("segment: [Data], skip: 1", &[5, 6]);
    check("segment: [Data], every: 2", &[3, 6]);
    check("segment: [Data], skip: 1, times: 1", &[5]);
    check("segment: [Data], skip: 1, times: 1, count: Overall", &[5]);
    check("chance: \"0 %\"", &[]);
    check("segment: [Syn], chance: 1.0", &[0]);
}

#[test]
fn counts_are_kept_by_connection_or_overall() {
    let check = |count: &str, expected: [bool; 4]| {
        let mut device =
            rules(&format!("(when: (segment: [Syn], times: 1, count: {count}), do: Drop)"));
        let mut at = 0;
        let dropped = [1, 2, 1, 2].map(|port| {
            at += 1;
            let syn = Packet { src_port: port, ..packet(0) };
            send(device.as_mut(), at, syn).forwarding == Forwarding::Drop
        });
        assert_eq!(dropped, expected);
    };
    check("PerConnection", [true, true, false, false]);
    check("Overall", [true, false, false, false]);
}

#[test]
fn options() {
    let check = |action: &str, n: usize, kept: bool, len: usize, label: &str| {
        let out = run(rules(action).as_mut(), n);
        assert_eq!(out.packet.options.has(kind::MPTCP), kept, "{action}");
        assert_eq!(out.packet.options.len(), len, "{action}");
        let labels = out.labels();
        assert_eq!(labels.first().map(String::as_str).unwrap_or(""), label, "{action}");
    };
    check("(do: Nop)", 0, false, 24, "option-30-to-nop");
    check("(do: Eol)", 0, false, 24, "option-30-to-eol");
    check("(do: Remove)", 0, false, 20, "option-30-removed");
    check("(when: (option: Join), do: Nop)", 0, true, 24, "");
    check("(when: (option: Kind(3)), do: Nop)", 0, true, 24, "option-3-to-nop");
    check("(when: (option: Any), do: Remove)", 0, false, 4, "option-2-removed");
    check("(when: (option: Dss), do: Nop)", 3, false, 32, "option-30-to-nop");
    let out = run(rules("(when: (segment: [Syn], option: Capable), do: Nop)").as_mut(), 0);
    let rule = out.rule("option-30-to-nop");
    assert_eq!(rule.text, "replace the option by NOPs in [Syn] with Capable");
    assert_eq!(rule.origin, sim_core::engine::device::Origin::Scenario);
}

#[test]
fn fields() {
    let check = |action: &str, show: fn(&Packet) -> u64, expected: u64| {
        let out = run(rules(action).as_mut(), 0);
        assert_eq!(show(&out.packet), expected, "{action}");
        assert_eq!(out.effects.changes.len(), 1, "{action}");
    };
    check("(do: ClampMss(to: 1380))", |p| u64::from(p.options.mss().unwrap()), 1380);
    check("(do: Window(to: 1000))", |p| u64::from(p.window), 1000);
    check("(do: Ttl(to: 3))", |p| u64::from(p.ttl), 3);
    check("(do: IpId(to: 77))", |p| u64::from(p.ip_id), 77);
}

#[test]
fn resets_have_numbers_that_the_ends_expect() {
    let check = |action: &str, expected: &[(PortId, u32)]| {
        let mut device = rules(&format!("(when: (segment: [Data], skip: 2), do: {action})"));
        let out = run(device.as_mut(), 6);
        let sent: Vec<_> = out.effects.emitted.iter().map(|(port, p)| (*port, p.seq.0)).collect();
        assert_eq!(sent, expected, "{action}");
        assert!(out.effects.emitted.iter().all(|(_, p)| p.flags.has(Flags::RST)));
        out
    };
    // Packet 6 follows: what it carries is not counted yet.
    let out = check("Reset()", &[(INSIDE, 5001), (OUTSIDE, 1201)]);
    assert_eq!(out.forwarding, Forwarding::Through);
    assert_eq!(out.effects.emitted[0].1.source(), packet(1).source());
    check("Reset(to: Client)", &[(INSIDE, 5001)]);
    let out = check("Reset(to: Server, reason: 5, drop: true)", &[(OUTSIDE, 1201)]);
    assert_eq!(out.forwarding, Forwarding::Drop);
    assert_eq!(out.effects.emitted[0].1.options.as_bytes(), [30, 4, 0x80, 5]);
    let shifted =
        rules("(do: RandomiseIsn()), (when: (segment: [PureAck]), do: Reset(to: Server))");
    let mut device = shifted;
    let by = send(device.as_mut(), 0, packet(0)).packet.seq.0.wrapping_sub(1000);
    let mut answer = packet(1);
    answer.ack = answer.ack.add(by);
    let answer = send(device.as_mut(), 1, answer).packet;
    let ack = Packet { ack: answer.seq.add(1), ..packet(2) };
    let out = send(device.as_mut(), 2, ack);
    assert_eq!(out.effects.emitted[0].1.seq, Seq(1001).add(by), "as the server knows it");
}

#[test]
fn isn_with_and_without_sack() {
    for (rule, fixed) in
        [("(do: RandomiseIsn())", true), ("(do: RandomiseIsn(fix_sack: false))", false)]
    {
        let mut device = rules(rule);
        let by = send(device.as_mut(), 0, packet(0)).packet.seq.0.wrapping_sub(1000);
        assert_ne!(by, 0);
        let edge = 1500u32.wrapping_add(by).to_be_bytes();
        let sack = [&[1, 1, 5, 10][..], &edge, &edge].concat();
        let ack = Packet { ack: Seq(1001).add(by), ..packet(4) };
        let out = send(device.as_mut(), 1, with_options(ack, &sack));
        assert_eq!(out.packet.ack, Seq(1001));
        let expected = if fixed { 1500u32.to_be_bytes() } else { edge };
        assert_eq!(out.packet.options.as_bytes()[4..8], expected);
    }
}

#[test]
fn nat_and_balancing_both_ways() {
    let mut device = rules(
        "(do: Nat(address: \"192.0.2.7\", port: 20000)), (when: (path: \"lte\"), do: Balance(to: \"10.1.9.2:5001\"))",
    );
    let out = send(device.as_mut(), 0, packet(0));
    assert_eq!(out.packet.flow().to_string(), "192.0.2.7:20000 → 10.1.1.2:5001");
    let mut answer = packet(1);
    (answer.dst, answer.dst_port) = (out.packet.src, out.packet.src_port);
    let back = send(device.as_mut(), 1, answer);
    assert_eq!(back.packet.flow(), packet(1).flow());
    let second = Packet { src_port: 40_001, ..packet(0) };
    let out = send_from(device.as_mut(), 2, PortId(2), second.clone());
    assert_eq!(out.packet.flow().to_string(), "192.0.2.7:20001 → 10.1.9.2:5001");
    assert_eq!(out.labels(), ["balanced", "translated", "translated"]);
    let mut answer = Packet::new(out.packet.destination(), out.packet.source());
    answer.flags = SYN_ACK;
    let back = send_from(device.as_mut(), 3, PortId(3), answer);
    assert_eq!(back.packet.flow(), second.flow().reversed());
}

#[test]
fn a_proxied_handshake_agrees_to_no_option() {
    let mut device = rules("(do: SynProxy())");
    let out = send(device.as_mut(), 0, packet(0));
    let answer = out.effects.emitted[0].1.clone();
    assert_eq!((answer.flags, answer.options.len(), answer.window), (SYN_ACK, 4, 0));
    let ack = Packet { ack: answer.seq.add(1), ..packet(2) };
    let out = send(device.as_mut(), 1, ack);
    assert_eq!((out.effects.emitted[0].0, out.labels()), (OUTSIDE, vec!["answered".to_owned()]));
    let out = send(device.as_mut(), 2, packet(1));
    assert_eq!(out.effects.emitted.len(), 2);
    let out = send(device.as_mut(), 3, packet(6));
    assert_eq!(out.packet.seq, answer.seq.add(1));
}

#[test]
fn payload_of_the_same_length() {
    let out = run(rules("(when: (segment: [Data]), do: Flip(at: 7))").as_mut(), 3);
    let (old, new) = (packet(3).payload.to_vec(), out.packet.payload.to_vec());
    let differs: Vec<_> = (0..100).filter(|&i| old[i] != new[i]).collect();
    assert_eq!(differs, [7]);
    assert_eq!(out.labels(), ["payload-rewritten"]);
    let out = run(rules("(when: (segment: [PureAck]), do: Flip())").as_mut(), 2);
    assert_eq!(out.labels(), Vec::<String>::new());
}

#[test]
fn payload_of_another_length_keeps_both_ends_in_step() {
    let check = |action: &str, growth: i32| {
        let mut device = rules(&format!("(when: (segment: [Data], times: 1), do: {action})"));
        let out = run(device.as_mut(), 3);
        assert_eq!(out.packet.payload.len as i32, 100 + growth, "{action}");
        assert_eq!(out.packet.seq, Seq(1001));
        let again = send(device.as_mut(), 31, packet(3));
        assert_eq!(again.packet.payload, out.packet.payload, "retransmissions alike");
        let ack = Packet { ack: Seq(1101).add(growth as u32), ..packet(4) };
        assert_eq!(send(device.as_mut(), 40, ack).packet.ack, Seq(1101));
        let next = send(device.as_mut(), 50, packet(5)).packet;
        assert_eq!((next.seq, next.payload.len), (Seq(1101).add(growth as u32), 100));
    };
    check("Grow(by: 3)", 3);
    check("Shrink(by: 3)", -3);
    check("Shrink(by: 500)", -100);
}

#[test]
fn text_is_replaced_wherever_it_stands() {
    let mut device = rules(
        "(when: (contains: \"10.0.1.2\"), do: Replace(find: \"10.0.1.2\", with: \"192.0.2.77\"))",
    );
    run(device.as_mut(), 2);
    let text = |bytes: &[u8], seq: u32| Packet {
        payload: Payload::literal(bytes),
        seq: Seq(seq),
        ..packet(3)
    };
    let out = send(device.as_mut(), 30, text(b"PORT 10.0.1.2,5 10.0.1.2 end", 1001));
    assert_eq!(out.packet.payload.to_vec(), b"PORT 192.0.2.77,5 192.0.2.77 end");
    let out = send(device.as_mut(), 31, text(b"bye", 1029));
    assert_eq!((out.packet.seq, out.packet.payload.to_vec()), (Seq(1033), b"bye".to_vec()));
}

#[test]
fn pieces() {
    let out = run(rules("(when: (segment: [Data]), do: Split(options: First))").as_mut(), 3);
    let (port, first) = &out.effects.emitted[0];
    assert_eq!((*port, first.payload.len, first.seq.0, first.uid.0), (OUTSIDE, 50, 1001, 31));
    assert_eq!((out.packet.payload.len, out.packet.seq.0), (50, 1051));
    assert!(first.options.has(30) && !out.packet.options.has(30));
    assert_ne!(out.packet.uid, first.uid);
}

#[test]
fn coalescing_waits_for_the_next_segment_but_not_for_ever() {
    let rule = "(when: (segment: [Data], direction: ToServer), do: Coalesce(options: First))";
    let mut device = rules(rule);
    assert_eq!(run(device.as_mut(), 3).forwarding, Forwarding::Consumed);
    let out = send(device.as_mut(), 31, packet(4));
    assert_eq!(out.forwarding, Forwarding::Through, "the other direction does not wait");
    let out = send(device.as_mut(), 32, packet(5));
    assert_eq!((out.packet.seq.0, out.packet.payload.len, out.packet.uid.0), (1001, 200, 31));
    assert_eq!(out.labels(), ["coalesced"]);
    assert_eq!(device.next_timeout(), None);

    let mut device = rules(rule);
    run(device.as_mut(), 3);
    assert_eq!(device.next_timeout(), Some(SimTime(40_000_000)));
    let mut effects = Effects::default();
    device.on_timeout(SimTime(40_000_000), &mut effects);
    assert_eq!(effects.emitted.len(), 1);
    assert_eq!(device.next_timeout(), None);

    // A segment that does not continue the one that waits sends it on first.
    let mut device = rules(rule);
    run(device.as_mut(), 3);
    let out = send(device.as_mut(), 31, Packet { seq: Seq(1301), ..packet(5) });
    assert_eq!((out.effects.emitted.len(), out.forwarding), (1, Forwarding::Consumed));
}

#[test]
fn held_packets_are_overtaken() {
    let mut device = rules("(when: (segment: [Data], times: 1), do: Hold(time: \"5 ms\"))");
    assert_eq!(run(device.as_mut(), 3).forwarding, Forwarding::Consumed);
    assert_eq!(send(device.as_mut(), 31, packet(5)).forwarding, Forwarding::Through);
    assert_eq!(device.next_timeout(), Some(SimTime(35_000_000)));
    let mut effects = Effects::default();
    device.on_timeout(SimTime(35_000_000), &mut effects);
    let (port, packet) = &effects.emitted[0];
    assert_eq!((*port, packet.seq), (OUTSIDE, Seq(1001)));
}

#[test]
fn acknowledging_ahead() {
    let mut device = rules("(when: (segment: [Data], direction: ToServer), do: AckAhead())");
    let out = run(device.as_mut(), 3);
    assert_eq!(out.forwarding, Forwarding::Through);
    let (port, ack) = &out.effects.emitted[0];
    assert_eq!((*port, ack.ack, ack.seq, ack.flags), (INSIDE, Seq(1101), Seq(5001), Flags::ACK));
    assert_eq!(ack.options.timestamps(), Some((1, 9)), "the server's clock, the client's echoed");
    assert!(!ack.options.has(30));
    let out = send(device.as_mut(), 31, Packet { seq: Seq(1201), ..packet(5) });
    assert_eq!(out.effects.emitted[0].1.ack, Seq(1101), "a hole is not acknowledged");
    let out = send(device.as_mut(), 32, packet(5));
    assert_eq!(out.effects.emitted[0].1.ack, Seq(1301), "until it is filled");
    let mut device = rules("(when: (segment: [Data]), do: AckAhead(lose: \"100 %\"))");
    let out = run(device.as_mut(), 3);
    assert_eq!(out.drop_reason(), Some("lost after the early ACK"));
    assert_eq!(out.effects.emitted.len(), 1);
}

#[test]
fn inspection_by_packet_or_by_stream() {
    let outcome = |when: &str, pieces: [&[u8]; 2]| {
        let mut device = rules(&format!("(when: ({when}), do: Drop)"));
        run(device.as_mut(), 2);
        let mut seq = 1001;
        pieces.map(|bytes| {
            let p = Packet { payload: Payload::literal(bytes), seq: Seq(seq), ..packet(3) };
            seq += bytes.len() as u32;
            send(device.as_mut(), 30, p).drop_reason().is_some()
        })
    };
    assert_eq!(outcome("contains: \"attack\"", [b"an attack", b"x"]), [true, false]);
    assert_eq!(outcome("contains: \"attack\"", [b"an att", b"ack"]), [false, false]);
    assert_eq!(outcome("stream_contains: \"attack\"", [b"an att", b"ack"]), [false, true]);
}

#[test]
fn state_can_be_insisted_on() {
    let mut device = custom("stateful: (idle: \"60 s\")");
    assert_eq!(send(device.as_mut(), 0, packet(3)).drop_reason(), Some("no connection"));
    run(device.as_mut(), 3);
    assert_eq!(send(device.as_mut(), 60_029, packet(5)).drop_reason(), None);
    assert_eq!(send(device.as_mut(), 120_030, packet(5)).drop_reason(), Some("no connection"));
    let mut device = custom("stateful: (idle: \"60 s\", stray: Reset)");
    let out = send(device.as_mut(), 0, packet(3));
    let (port, rst) = &out.effects.emitted[0];
    assert_eq!((*port, rst.seq, rst.flags), (INSIDE, Seq(5001), Flags::RST));
    assert_eq!(out.forwarding, Forwarding::Drop);
}

#[test]
fn rules_apply_in_order_and_reload_forgets() {
    let mut device =
        rules("(when: (option: Option30), do: Nop), (when: (option: Option30), do: Drop)");
    assert_eq!(run(device.as_mut(), 0).forwarding, Forwarding::Through);
    let mut device = rules("(when: (times: 1, count: Overall), do: Drop)");
    assert!(run(device.as_mut(), 0).drop_reason().is_some());
    assert!(send(device.as_mut(), 1, packet(0)).drop_reason().is_none());
    device.reload(SimTime::ZERO);
    assert!(send(device.as_mut(), 2, packet(0)).drop_reason().is_some());
}

#[test]
fn what_a_rule_cannot_say() {
    for (text, says) in [
        ("rules: [(do: Explode)]", "Explode"),
        ("rules: [(when: (segmet: [Syn]), do: Nop)]", "segmet"),
        ("rules: [(when: (every: 0), do: Nop)]", "every: 0"),
        ("rules: [(when: (after: (acked: \"5 kg\")), do: Nop)]", "5 kg"),
        ("rules: [(when: ())]", "do"),
        ("rules: [(do: Nat(adress: \"1.2.3.4\"))]", "adress"),
    ] {
        let error = ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME)
            .from_str::<DeviceSpec>(&format!("Custom({text})"))
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}
