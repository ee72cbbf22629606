//! Connections under the eyes of NBAR, and what becomes of their classes.

use sim_core::engine::device::{Device, Effects, Forwarding};
use sim_core::time::SimTime;
use sim_core::wire::packet::{Flags, Packet, PacketUid};
use sim_core::wire::payload::Payload;

use super::FACTORY;
use crate::config::Severity;
use crate::ios::router::IosRouter;
use crate::steps::track::Sender::{Initiator, Responder};
use crate::testing::{ios_findings, ios_router, segment, send};

const TEXT: &str = "class-map match-any WEB
 match protocol http
policy-map EDGE
 class WEB
  drop
interface GigabitEthernet0/0
 ip address 10.0.1.1 255.255.255.0
 ip nat inside
interface GigabitEthernet0/1
 ip address 10.1.1.1 255.255.255.0
 ip nat outside
 service-policy output EDGE
";

fn nbar(text: &str) -> IosRouter {
    let (device, warnings) = ios_router(FACTORY, Some(text)).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(warnings, [], "{text}");
    device
}

fn said(seq: u32, text: &str) -> Packet {
    let mut packet = segment(Initiator, Flags::ACK, seq, 10, 0);
    packet.payload = Payload::literal(text.as_bytes());
    packet
}

fn opened(text: &str, payload: &str) -> Option<&'static str> {
    let mut device = nbar(text);
    send(&mut device, 0, segment(Initiator, Flags::SYN, 1, 0, 0));
    send(&mut device, 0, segment(Responder, Flags(0x12), 9, 2, 0));
    send(&mut device, 1, said(2, payload)).drop_reason()
}

#[test]
fn classes_by_what_is_said() {
    let get = "GET /x.mpg HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let check = |text: &str, payload: &str, dropped: bool| {
        assert_eq!(opened(text, payload), dropped.then_some("service-policy"), "{text} {payload}");
    };
    check(TEXT, get, true);
    check(TEXT, "the middle of a stream", false);
    check(&TEXT.replace("http\n", "http url \"*.mpg\"\n"), get, true);
    check(&TEXT.replace("http\n", "http host \"*.org\"\n"), get, false);
    check(&TEXT.replace("match protocol http", "match not protocol http"), "anything", true);
    check(&TEXT.replace("protocol http", "protocol unknown"), "the middle of a stream", true);
    check(&TEXT.replace("protocol http", "protocol unknown"), get, false);
    check(&TEXT.replace("match-any WEB\n", "match-all WEB\n match dscp ef\n"), get, false);
    check(&TEXT.replace("output EDGE", "input EDGE"), get, false);
    check(
        &format!("{}access-list 1 permit any\n", TEXT.replace("protocol http", "access-group 1")),
        "x",
        true,
    );
}

#[test]
fn actions() {
    let with = |action: &str| TEXT.replace("  drop\n", &format!("  {action}\n"));
    let get = "GET / HTTP/1.1\r\n\r\n";
    let mut device = nbar(&with("set dscp af21"));
    send(&mut device, 0, segment(Initiator, Flags::SYN, 1, 0, 0));
    let out = send(&mut device, 1, said(2, get));
    assert_eq!((out.packet.tos, out.labels()), (18 << 2, vec!["dscp-changed".to_owned()]));
    let mut device = nbar(&with("police 8000 3000"));
    send(&mut device, 0, segment(Initiator, Flags::SYN, 1, 0, 0));
    send(&mut device, 0, said(2, get));
    let mut data = |at: u64, seq| {
        send(&mut device, at, segment(Initiator, Flags::ACK, seq, 10, 1400)).drop_reason()
    };
    assert_eq!([data(1, 20), data(2, 1420), data(3, 2820)], [None, None, Some("service-policy")]);
    assert_eq!(data(2000, 2820), None, "a thousand bytes a second");
}

#[test]
fn a_shaped_class_waits_and_shares() {
    let text = "class-map WEB\n match protocol http\npolicy-map CHILD\n class WEB\n  bandwidth percent 80\npolicy-map EDGE\n class class-default\n  shape average 1000000\n  service-policy CHILD\n";
    let interfaces = &TEXT[TEXT.find("interface").unwrap()..];
    let mut device = nbar(&format!("{text}{interfaces}"));
    send(&mut device, 0, segment(Initiator, Flags::SYN, 1, 0, 0));
    let out = send(&mut device, 100, said(2, "GET / HTTP/1.1\r\n\r\n"));
    assert_eq!(out.forwarding, Forwarding::Through, "the line is free");
    let other = |seq| Packet { src_port: 7, ..segment(Initiator, Flags::ACK, seq, 10, 1000) };
    let mut held = 0;
    for n in 0..10 {
        let web = segment(Initiator, Flags::ACK, 20 + n * 1000, 10, 1000);
        for packet in [other(20 + n * 1000), web] {
            let out = send(&mut device, 100, packet);
            held += u32::from(out.forwarding == Forwarding::Consumed);
        }
    }
    assert_eq!(held, 20);
    let mut order = Vec::new();
    let mut effects = Effects::new(PacketUid(1 << 40));
    while let Some(at) = device.next_timeout() {
        device.on_timeout(at, &mut effects);
        order.extend(effects.emitted.drain(..).map(|(_, p)| p.src_port == 7));
    }
    assert_eq!(order.len(), 20);
    let early = order[..10].iter().filter(|unknown| **unknown).count();
    assert!((1..=3).contains(&early), "class-default gets a fifth: {order:?}");
    device.reload(SimTime::ZERO);
    assert_eq!(device.next_timeout(), None);
}

#[test]
fn what_it_recognises_is_counted() {
    let mut device = ios_router(FACTORY, None).unwrap().0;
    send(&mut device, 0, segment(Initiator, Flags::SYN, 1, 0, 0));
    send(&mut device, 1, said(2, "GET / HTTP/1.1\r\n\r\n"));
    let shown = device.report().join("\n");
    assert!(shown.contains("http                                  1"), "{shown}");
    assert!(shown.contains("unknown                               1"), "{shown}");
}

#[test]
fn what_is_said_about_the_text() {
    let check = |from: &str, to: &str, severity, line, says: &str| {
        assert!(TEXT.contains(from));
        let found = ios_findings(&TEXT.replace(from, to));
        let first = found.first().unwrap_or_else(|| panic!("nothing said about {to}"));
        assert_eq!((first.severity, first.line), (severity, line), "{first}");
        assert!(first.to_string().contains(says), "{first}");
    };
    use Severity::{Error, Warning};
    check("output EDGE", "output Edge", Warning, 3, "does nothing");
    check(" class WEB", " class Web", Warning, 4, "WEB is defined");
    check("match protocol", "match protcol", Error, 2, "did you mean protocol?");
    check("  drop", "  drp", Error, 5, "did you mean drop?");
    check("  drop", "  police x", Error, 5, "expected a rate");
    check("  drop", "  shape average 0", Error, 5, "expected a rate");
    check("match protocol http", "match vlan 7", Warning, 2, "not modelled");
    check("service-policy output EDGE", "service-policy output", Warning, 3, "does nothing");
}

#[test]
fn a_policy_of_the_control_plane_stands_somewhere() {
    let own = "policy-map own\n class class-default\n  police 128000\ncontrol-plane\n";
    let found = ios_findings(own);
    assert!(found.iter().any(|f| f.message.contains("does nothing")), "{found:?}");
    let found = ios_findings(&format!("{own} service-policy input own\n"));
    assert_eq!(found, []);
}
