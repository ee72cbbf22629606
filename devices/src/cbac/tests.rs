//! Packets through CBAC, and what it signs.

use sim_core::engine::device::{Device, Forwarding, Origin};
use sim_core::time::SimTime;
use sim_core::wire::packet::{Flags, Packet};

use super::FACTORY;
use crate::config::Severity;
use crate::ios::router::IosRouter;
use crate::steps::track::Sender::{Initiator, Responder};
use crate::testing::{
    CLIENT, OUTSIDE, SERVER, SYN_OPTIONS, ios_findings, ios_router, segment, send, send_from,
    with_options,
};

const SYN_ACK: Flags = Flags(0x12);
const TEXT: &str = "ip inspect name FW tcp\naccess-list 101 deny ip any any\n!\ninterface \
                    GigabitEthernet0/0\n ip address 10.0.1.1 255.255.255.0\n!\ninterface \
                    GigabitEthernet0/1\n ip address 10.1.1.1 255.255.255.0\n ip access-group 101 \
                    in\n ip inspect FW out\n";

fn cbac(text: &str) -> IosRouter {
    let (device, warnings) = ios_router(FACTORY, Some(text)).unwrap();
    assert_eq!(warnings, []);
    device
}

fn syn() -> Packet {
    with_options(segment(Initiator, Flags::SYN, 1, 0, 0), &SYN_OPTIONS)
}

fn from_outside() -> Packet {
    let mut packet = syn();
    (packet.src, packet.dst) = (SERVER.ip(), CLIENT.ip());
    packet
}

#[test]
fn sessions_let_the_answers_in_and_options_stay() {
    for mut device in [cbac(TEXT), ios_router(FACTORY, None).unwrap().0] {
        let answer = || with_options(segment(Responder, SYN_ACK, 9, 2, 0), &SYN_OPTIONS);
        assert_eq!(send(&mut device, 0, answer()).drop_reason(), Some("access list"));
        let out = send(&mut device, 1, syn());
        assert_eq!(
            (out.forwarding, &out.packet),
            (Forwarding::Through, &Packet { uid: out.packet.uid, ..syn() })
        );
        let out = send(&mut device, 2, answer());
        assert_eq!((out.drop_reason(), out.effects.changes.len()), (None, 0));
        let out = send_from(&mut device, 3, OUTSIDE, from_outside());
        assert_eq!(out.drop_reason(), Some("access list"), "opened from outside");
        device.reload(SimTime::ZERO);
        assert_eq!(send(&mut device, 4, answer()).drop_reason(), Some("access list"));
    }
}

#[test]
fn the_denying_line_signs() {
    let mut device = cbac(TEXT);
    let out = send_from(&mut device, 0, OUTSIDE, from_outside());
    assert!(matches!(&out.rule("dropped").origin, Origin::Config(l) if l.line == 2));
}

#[test]
fn what_is_not_inspected_gets_no_answer() {
    let check = |text: &str, answered: bool| {
        let mut device = cbac(text);
        assert_eq!(send(&mut device, 0, syn()).drop_reason(), None, "{text}");
        let out = send(&mut device, 1, segment(Responder, SYN_ACK, 9, 2, 0));
        assert_eq!(out.drop_reason().is_none(), answered, "{text}");
    };
    check(TEXT, true);
    check(&TEXT.replace("FW tcp", "FW ftp"), false);
    check(&TEXT.replace("deny ip any any", "permit tcp any any established"), true);
    let inward = TEXT
        .replace(" ip inspect FW out\n", "")
        .replace("10.0.1.1 255.255.255.0\n", "10.0.1.1 255.255.255.0\n ip inspect FW in\n");
    check(&inward, true);
    // An access list on the clients' side, too, does not make that side the outside.
    let both = TEXT
        .replace("10.0.1.1 255.255.255.0\n", "10.0.1.1 255.255.255.0\n ip access-group 100 in\n");
    check(&format!("{both}access-list 100 permit ip any any\n"), true);
    let named = TEXT
        .replace(
            "access-list 101 deny ip any any",
            "ip access-list extended block\n deny ip any any",
        )
        .replace("access-group 101", "access-group block");
    check(&named, true);
}

#[test]
fn sessions_time_out_and_half_open_ones_are_limited() {
    let mut device = cbac(&format!("ip inspect tcp synwait-time 5\n{TEXT}"));
    send(&mut device, 0, syn());
    let answer = segment(Responder, SYN_ACK, 9, 2, 0);
    assert_eq!(send(&mut device, 5_000, answer).drop_reason(), Some("access list"));
    let limited =
        format!("ip inspect max-incomplete high 3\nip inspect max-incomplete low 2\n{TEXT}");
    let mut device = cbac(&limited);
    for port in 0..4 {
        let mut packet = syn();
        packet.src_port = 1000 + port;
        send(&mut device, u64::from(port), packet);
    }
    assert_eq!(device.counters()[2].1, 2, "at the fourth, the two oldest went");
}

#[test]
fn what_is_said_about_the_text() {
    let check = |text: &str, severity, line, says: &str| {
        let found = ios_findings(text);
        let first = found.first().unwrap_or_else(|| panic!("nothing said about {text}"));
        assert_eq!((first.severity, first.line), (severity, line), "{first}");
        assert!(first.message.contains(says), "{first}");
    };
    check(
        &TEXT.replace("inspect FW out", "inspect Fw out"),
        Severity::Warning,
        10,
        "no ip inspect name Fw",
    );
    check(&TEXT.replace("group 101", "group 102"), Severity::Warning, 9, "not defined");
    check(&format!("{TEXT}ip inspect tcp idle-time x\n"), Severity::Error, 11, "expected seconds");
    check(&format!("{TEXT}ip inspect naem X tcp\n"), Severity::Error, 11, "unknown command");
    check("ip inspect name FW tcp\n", Severity::Warning, 1, "cannot be told");
}

fn opening(port: u16) -> Packet {
    Packet { src_port: port, ..syn() }
}

fn logged(device: &IosRouter, id: &str) -> usize {
    device.report().iter().filter(|line| line.contains(&format!("%{id}: "))).count()
}

#[test]
fn one_host_is_protected() {
    let limited = |line: &str| cbac(&format!("ip inspect tcp max-incomplete host 2{line}\n{TEXT}"));
    let mut device = limited("");
    for port in 1..=3 {
        assert_eq!(
            send(&mut device, 0, opening(port)).drop_reason(),
            None,
            "the oldest makes place"
        );
    }
    let answer = |port| {
        let mut packet = segment(Responder, SYN_ACK, 9, 2, 0);
        packet.dst_port = port;
        packet
    };
    assert_eq!(send(&mut device, 1, answer(1)).drop_reason(), Some("access list"));
    assert_eq!(send(&mut device, 1, answer(3)).drop_reason(), None);
    assert_eq!(logged(&device, "FW-4-HOST_TCP_ALERT_ON"), 1);
    let mut device = limited(" block-time 1");
    let at = |device: &mut IosRouter, seconds: u64, port| {
        send(device, seconds * 1000, opening(port)).drop_reason()
    };
    assert_eq!(
        [1, 2, 3, 4].map(|port| at(&mut device, 0, port)),
        [None, None, Some("host blocked"), Some("host blocked")]
    );
    assert_eq!(at(&mut device, 59, 5), Some("host blocked"));
    assert_eq!(at(&mut device, 60, 6), None);
    assert_eq!(logged(&device, "FW-2-BLOCK_HOST"), 1);
}

#[test]
fn sessions_opened_within_a_minute_are_limited() {
    let text = format!("ip inspect one-minute high 3\nip inspect one-minute low 2\n{TEXT}");
    let mut device = cbac(&text);
    for port in 0..5 {
        send(&mut device, u64::from(port), opening(1000 + port));
    }
    assert_eq!(device.counters()[2].1, 2);
    assert_eq!(logged(&device, "FW-4-ALERT_ON"), 1);
    send(&mut device, 120_000, opening(9));
    assert_eq!(logged(&device, "FW-4-ALERT_OFF"), 1);
}

#[test]
fn inspection_above_tcp_puts_segments_in_order() {
    let deep = TEXT.replace("FW tcp", "FW tcp\nip inspect name FW 5001x").replace("5001x", "http");
    let open = |text: &str, port: u16| {
        let mut device = cbac(text);
        let through = |mut packet: Packet| {
            packet.dst_port = if packet.dst_port == SERVER.port() { port } else { packet.dst_port };
            packet
        };
        send(&mut device, 0, through(syn()));
        let mut sent = Vec::new();
        for (at, seq) in [(1, 2), (2, 112), (3, 222), (4, 62)] {
            let len = if seq == 2 || seq == 62 { 60 } else { 110 };
            let len = if seq == 62 { 50 } else { len };
            let out = send(&mut device, at, through(segment(Initiator, Flags::ACK, seq, 10, len)));
            let emitted = out.effects.emitted.iter().map(|(_, p)| p.seq.0);
            sent.extend(emitted);
            if out.forwarding == Forwarding::Through {
                sent.push(out.packet.seq.0);
            }
        }
        sent
    };
    assert_eq!(open(&deep, 5001), [2, 112, 222, 62], "TCP alone needs no order");
    assert_eq!(open(&deep, 80), [2, 62, 112, 222]);
    let mut device =
        cbac(&format!("ip inspect tcp reassembly queue length 0\n{}", deep.replace("http", "sip")));
    let sip = |packet: Packet| Packet { dst_port: 5060, ..packet };
    send(&mut device, 0, sip(syn()));
    send(&mut device, 0, sip(segment(Initiator, Flags::ACK, 2, 10, 10)));
    let out = send(&mut device, 0, sip(segment(Initiator, Flags::ACK, 100, 10, 10)));
    assert_eq!(out.drop_reason(), Some("TCP reassembly queue overflow"));
    assert_eq!(logged(&device, "FW-4-TCP_OoO_SEG"), 1);
}

#[test]
fn what_an_operator_sees() {
    let text =
        TEXT.replace("FW tcp", "FW tcp audit-trail on").replace("any any\n", "any any log\n");
    let mut device = cbac(&text);
    send(&mut device, 0, syn());
    send(&mut device, 1, segment(Responder, SYN_ACK, 9, 2, 0));
    send(&mut device, 2, segment(Initiator, Flags::ACK, 2, 10, 0));
    send_from(&mut device, 65_000, OUTSIDE, Packet { src_port: 7, ..from_outside() });
    let shown = device.report().join("\n");
    for line in [
        "Established Sessions",
        " Session 650002AC (10.0.1.2:40000)=>(10.1.1.2:5001) tcp SIS_OPEN",
        "Current session counts (estab/half-open/terminating) [1:0:0]",
        "00:00:00: %FW-6-SESS_AUDIT_TRAIL_START: Start tcp session: initiator (10.0.1.2:40000) -- responder (10.1.1.2:5001)",
        "00:01:05: %SEC-6-IPACCESSLOGP: list 101 denied tcp 10.1.1.2(7) -> 10.0.1.2(5001), 1 packet",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    send(&mut device, 65_500, segment(Initiator, Flags(0x11), 2, 10, 0));
    let shown = device.report().join("\n");
    for line in [
        "Terminating Sessions\n Session 650002AC (10.0.1.2:40000)=>(10.1.1.2:5001) tcp SIS_CLOSING",
        "Current session counts (estab/half-open/terminating) [0:0:1]",
        "Maxever session counts (estab/half-open/terminating) [1:1:1]",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    send(&mut device, 66_000, segment(Initiator, Flags::RST, 2, 10, 0));
    send(&mut device, 90_000, opening(9));
    assert_eq!(logged(&device, "FW-6-SESS_AUDIT_TRAIL"), 1);
}
