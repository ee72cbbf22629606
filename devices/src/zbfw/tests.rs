//! Packets through a zone-based firewall, and what it signs.

use sim_core::engine::device::{Device, Forwarding, Origin};
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::payload::Payload;
use sim_core::wire::seq::Seq;

use super::FACTORY;
use crate::config::Severity;
use crate::ios::router::IosRouter;
use crate::steps::track::Sender::{Initiator, Responder};
use crate::testing::{
    CLIENT, INSIDE, OUTSIDE, SERVER, SYN_OPTIONS, ios_findings, ios_router, segment, send,
    send_from, with_options,
};

const SYN_ACK: Flags = Flags(0x12);
const TEXT: &str = "zone security inside
zone security outside
class-map type inspect match-any TRAFFIC
 match protocol tcp
policy-map type inspect OUT
 class type inspect TRAFFIC
  inspect
 class class-default
  drop
zone-pair security IN-OUT source inside destination outside
 service-policy type inspect OUT
interface GigabitEthernet0/0
 ip address 10.0.1.1 255.255.255.0
 zone-member security inside
interface GigabitEthernet0/1
 ip address 10.1.1.1 255.255.255.0
 zone-member security outside
";

fn zbfw(text: &str) -> IosRouter {
    ios_router(FACTORY, Some(text)).unwrap_or_else(|e| panic!("{e:?}")).0
}

fn syn() -> Packet {
    with_options(segment(Initiator, Flags::SYN, 1, 0, 0), &SYN_OPTIONS)
}

fn answer() -> Packet {
    with_options(segment(Responder, SYN_ACK, 9, 2, 0), &SYN_OPTIONS)
}

#[test]
fn inspected_sessions_pass_both_ways_and_options_stay() {
    for mut device in [zbfw(TEXT), ios_router(FACTORY, None).unwrap().0] {
        let out = send(&mut device, 0, syn());
        assert_eq!(out.forwarding, Forwarding::Through);
        assert_eq!(out.packet, Packet { uid: out.packet.uid, ..syn() });
        let out = send(&mut device, 1, answer());
        assert_eq!((out.drop_reason(), out.effects.changes.len()), (None, 0));
        let mut from_server = syn();
        (from_server.src, from_server.dst) = (SERVER.ip(), CLIENT.ip());
        let out = send_from(&mut device, 2, OUTSIDE, from_server);
        assert_eq!(out.drop_reason(), Some("No zone-pair between zones"));
        assert!(device.report().iter().any(|l| l.contains("SIS_OPEN")));
    }
}

#[test]
fn drops_have_their_reasons() {
    let first = |packet: Packet| send(&mut zbfw(TEXT), 0, packet).drop_reason();
    assert_eq!(first(segment(Initiator, Flags::ACK, 1, 1, 0)), Some("INVALID_TCP_INITIATOR"));
    assert_eq!(first(Packet { payload: Payload::literal(*b"x"), ..syn() }), Some("SYN_WITH_DATA"));
    let after_syn = |options: &[u8], ack| {
        let mut device = zbfw(TEXT);
        send(&mut device, 0, with_options(syn(), &[2, 4, 5, 180]));
        let packet = with_options(segment(Responder, SYN_ACK, 9, ack, 0), options);
        send(&mut device, 1, packet).drop_reason()
    };
    assert_eq!(after_syn(&[3, 3, 7, 0], 2), Some("INVALID_TCP_WIN_SCALE_OPTION"));
    assert_eq!(after_syn(&[], 3), Some("INVALID_SEG_SYNSENT"));
    assert_eq!(after_syn(&[], 2), None);
}

#[test]
fn policies() {
    let check = |from: &str, to: &str, reason: Option<&str>, because: Option<&str>| {
        assert!(TEXT.contains(from), "{from}");
        let text = TEXT.replace(from, to);
        let out = send(&mut zbfw(&text), 0, syn());
        assert_eq!(out.drop_reason(), reason, "{text}");
        if let Some(expected) = because {
            let Origin::Default { because: Some(found), .. } = &out.rule("dropped").origin else {
                panic!("{:?}", out.rule("dropped"))
            };
            assert_eq!(found.english, expected);
        }
    };
    let default = Some("DROP action found in policy-map");
    check("protocol tcp", "protocol tcp", None, None);
    check(
        "protocol tcp",
        "protocol http",
        default,
        Some(
            "no class of policy-map OUT (line 5) matches: class-map TRAFFIC (line 3): match protocol http, this is TCP to port 5001",
        ),
    );
    check("protocol tcp", "protocol http\n match protocol tcp", None, None);
    check("match-any TRAFFIC\n", "match-all TRAFFIC\n match protocol http\n", default, None);
    check("inspect\n class", "drop log\n class", default, None);
    check("inspect\n class", "pass\n class", None, None);
    check(
        "  inspect\n class class-default\n  drop",
        "  inspect\n class class-default\n  pass",
        None,
        None,
    );
    check(
        " service-policy type inspect OUT\n",
        "",
        Some("policy match failure"),
        Some("zone-pair IN-OUT (line 10) has no service-policy"),
    );
    check(
        " zone-member security outside\n",
        "",
        Some("One of the interfaces not being cfged for zoning"),
        None,
    );
    check("zone-member security outside", "zone-member security inside", None, None);
    check(
        "match protocol tcp",
        "match access-group name WEB\nip access-list extended WEB\n permit tcp any any eq 5001",
        None,
        None,
    );
}

#[test]
fn pass_is_one_way_and_keeps_no_session() {
    let mut device = zbfw(&TEXT.replace("  inspect\n", "  pass\n"));
    assert_eq!(send(&mut device, 0, syn()).drop_reason(), None);
    assert_eq!(send(&mut device, 1, answer()).drop_reason(), Some("No zone-pair between zones"));
}

#[test]
fn what_is_said_about_the_text() {
    let check = |from: &str, to: &str, severity, line, says: &str| {
        let text = TEXT.replace(from, to);
        let found = ios_findings(&text);
        let first = found.first().unwrap_or_else(|| panic!("nothing said about {text}"));
        assert_eq!((first.severity, first.line), (severity, line), "{first}");
        assert!(first.to_string().contains(says), "{first}");
    };
    use Severity::{Error, Warning};
    check(
        "class type inspect TRAFFIC",
        "class type inspect Traffic",
        Warning,
        6,
        "TRAFFIC is defined",
    );
    check("member security inside", "member security Inside", Warning, 14, "not defined");
    check("  inspect\n", "  inspct\n", Error, 7, "did you mean inspect?");
    check("match protocol tcp", "match protcol tcp", Error, 4, "expected protocol");
    check(" service-policy type inspect OUT\n", "", Warning, 10, "no service-policy");
    check("inspect OUT\ninterface", "inspect Out\ninterface", Warning, 11, "OUT is defined");
}

#[test]
fn limits_of_a_parameter_map() {
    let text = format!(
        "parameter-map type inspect LIMITS\n max-incomplete low 1\n max-incomplete high 2\n log dropped-packets enable\n{}",
        TEXT.replace("  inspect\n", "  inspect LIMITS\n")
    );
    let mut device = zbfw(&text);
    for port in 1..=3 {
        send(&mut device, 0, Packet { src_port: port, ..syn() });
    }
    let deleted = device.counters().into_iter().find(|(n, _)| n == "half-open sessions deleted");
    assert_eq!(deleted.map(|(_, n)| n), Some(2));
    send(&mut device, 1, segment(Initiator, Flags::ACK, 1, 1, 0));
    let shown = device.report().join("\n");
    for line in [
        "policy exists on zp IN-OUT\n Zone-pair: IN-OUT\n\n  Service-policy inspect : OUT\n",
        "    Class-map: TRAFFIC (match-any)\n      Match: protocol tcp\n",
        "        Half-open Sessions\n         Session",
        "%FW-6-DROP_PKT: Dropping tcp session 10.0.1.2:40000 10.1.1.2:5001 on zone-pair IN-OUT class TRAFFIC due to  INVALID_TCP_INITIATOR with ip ident 0",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
}

#[test]
fn interface_access_lists_stand_before_zones() {
    let denied = TEXT.replace(
        " zone-member security outside",
        " zone-member security outside\n ip access-group 101 in",
    ) + "access-list 101 deny tcp any eq 5001 any\naccess-list 101 permit ip any any\n";
    let mut device = zbfw(&denied);
    send(&mut device, 0, syn());
    assert_eq!(send(&mut device, 1, answer()).drop_reason(), Some("access list"));
}

const DEEP: &str = "parameter-map type regex ATTACK
 pattern /attack
 pattern [.]exe$
class-map type inspect http match-any BAD
 match request uri regex ATTACK
 match request method trace
policy-map type inspect http WEB-ONLY
 class type inspect http BAD
  reset
  log
";

/// The text with a class for HTTP whose requests are held against the maps of [`DEEP`].
fn deep() -> String {
    let inspects = "  inspect\n  service-policy http WEB-ONLY\n";
    let web = TEXT.replace("match protocol tcp", "match protocol http");
    format!("{DEEP}{}", web.replace("  inspect\n", inspects))
}

fn request(seq: u32, text: &'static str) -> Packet {
    let packet = segment(Initiator, Flags::ACK, seq, 10, 0);
    Packet { payload: Payload::literal(text.as_bytes().to_vec()), dst_port: 80, ..packet }
}

/// What becomes of these segments, the first number of which is 2.
fn judged(text: &str, segments: &[(u32, &'static str)]) -> (Vec<Option<&'static str>>, IosRouter) {
    let mut device = zbfw(text);
    send(&mut device, 0, Packet { dst_port: 80, ..syn() });
    send_from(&mut device, 1, OUTSIDE, Packet { src_port: 80, ..answer() });
    let mut at = 2;
    let judged = segments.iter().map(|(seq, text)| {
        at += 1;
        send(&mut device, at, request(2 + seq, text)).drop_reason()
    });
    (judged.collect(), device)
}

#[test]
fn deep_inspection_resets_what_its_classes_find() {
    let reset = Some("inspect http: reset");
    let check = |segments: &[(u32, &'static str)], expected: &[Option<&str>]| {
        assert_eq!(judged(&deep(), segments).0, expected, "{segments:?}");
    };
    check(&[(0, "GET /ok HTTP/1.1\r\n\r\n")], &[None]);
    check(&[(0, "GET /attack HTTP/1.1\r\n\r\n")], &[reset]);
    check(&[(0, "GET /a.exe HTTP/1.1\r\n\r\n")], &[reset]);
    check(&[(0, "TRACE / HTTP/1.1\r\n\r\n")], &[reset]);
    check(&[(0, "GET /att"), (8, "ack HTTP/1.1\r\n\r\n"), (24, "x")], &[None, reset, reset]);
    // A subflow that carries the end of a request only.
    check(&[(0, "ack HTTP/1.1\r\n\r\n")], &[None]);
    // The segment after the hole waits; it is read when the other frees it, and goes no further.
    let (found, device) = judged(&deep(), &[(8, "ack HTTP/1.1\r\n\r\n"), (0, "GET /att")]);
    assert_eq!(found, [None, reset]);
    let count = |name: &str| device.counters().iter().find(|(n, _)| n == name).map(|(_, n)| *n);
    assert_eq!(count("sessions reset by deep inspection"), Some(1));
    assert_eq!(count("dropped: inspect http: reset"), Some(1));
}

#[test]
fn deep_inspection_resets_both_ends() {
    let mut device = zbfw(&deep());
    send(&mut device, 0, Packet { dst_port: 80, ..syn() });
    send_from(&mut device, 1, OUTSIDE, Packet { src_port: 80, ..answer() });
    let out = send(&mut device, 2, request(2, "GET /attack HTTP/1.1\r\n\r\n"));
    let sent: Vec<_> =
        out.effects.emitted.iter().map(|(port, p)| (*port, p.dst, p.flags)).collect();
    let flags = Flags::RST.with(Flags::ACK);
    assert_eq!(sent, [(INSIDE, CLIENT.ip(), flags), (OUTSIDE, SERVER.ip(), flags)]);
    assert_eq!(out.effects.emitted[0].1.ack.0, 2 + 24, "the client has its request acknowledged");
    assert_eq!(
        out.effects.emitted[1].1.seq.0, 2,
        "the server has not seen it: it expects its start"
    );
}

#[test]
fn maps_of_layer_7_that_are_wrong() {
    let check = |from: &str, to: &str, says: &str, expected: Option<&str>| {
        let text = deep().replace(from, to);
        let found = ios_findings(&text);
        assert!(found.iter().any(|f| f.to_string().contains(says)), "{says}: {found:?}");
        let (judged, _) = judged(&text, &[(0, "GET /attack HTTP/1.1\r\n\r\n")]);
        assert_eq!(judged, [expected], "{text}");
    };
    check(
        "http WEB-ONLY\n class class",
        "http Web-only\n class class",
        "WEB-ONLY is defined",
        None,
    );
    check("inspect http BAD\n  reset", "inspect http BADLY\n  reset", "BADLY is not defined", None);
    check("uri regex ATTACK", "uri regex NONE", "regex NONE is not defined", None);
    check("pattern /attack", "pattern (", "is not understood", None);
    let reset = Some("inspect http: reset");
    check("method trace", "port-misuse any", "not modelled", reset);
    let all = "match-all BAD\n match request port-misuse any";
    check("match-any BAD", all, "not modelled", None);
}

#[test]
fn above_the_limit_syns_are_answered_with_cookies() {
    for head in ["parameter-map type inspect global", "parameter-map type inspect-global"] {
        let mut device = zbfw(&format!("{head}\n tcp syn-flood limit 1\n{TEXT}"));
        let other = |packet: Packet| Packet { src_port: 47_000, ..packet };
        assert_eq!(send(&mut device, 0, syn()).forwarding, Forwarding::Through);
        let answered = send(&mut device, 0, other(syn()));
        assert_eq!(answered.forwarding, Forwarding::Consumed);
        let [(_, cookie)] = &*answered.effects.emitted else { panic!("{:?}", answered.effects) };
        assert!(cookie.flags.is_syn_ack() && !cookie.options.has(30) && cookie.window == 0);
        // The client proves itself: the server is called without option 30.
        let proof = Packet { ack: cookie.seq.add(1), ..segment(Initiator, Flags::ACK, 2, 0, 0) };
        let called = send(&mut device, 1, other(proof));
        let [(_, call)] = &*called.effects.emitted else { panic!("{:?}", called.effects) };
        assert!(call.flags.is_initial_syn() && !call.options.has(30));
        let server = Packet { dst_port: 47_000, ..answer() };
        let spliced = send_from(&mut device, 2, OUTSIDE, server);
        assert_eq!(spliced.effects.emitted.len(), 2, "{:?}", spliced.effects);
        // Data both ways, in the numbers that each end knows.
        let request = Packet { ack: cookie.seq.add(1), ..segment(Initiator, Flags::ACK, 2, 0, 5) };
        let request = send(&mut device, 3, other(request));
        assert_eq!((request.forwarding, request.packet.ack), (Forwarding::Through, Seq(10)));
        let reply = Packet { dst_port: 47_000, ..segment(Responder, Flags::ACK, 10, 7, 5) };
        let reply = send_from(&mut device, 4, OUTSIDE, reply);
        assert_eq!((reply.forwarding, reply.packet.seq), (Forwarding::Through, cookie.seq.add(1)));
        let beyond = Packet { ack: cookie.seq.add(99), ..segment(Initiator, Flags::ACK, 7, 0, 0) };
        assert_eq!(send(&mut device, 5, other(beyond)).drop_reason(), Some("INVALID_ACK_NUM"));
        // The first one is open now, and counts no more.
        send_from(&mut device, 6, OUTSIDE, answer());
        send(&mut device, 6, segment(Initiator, Flags::ACK, 2, 10, 0));
        let third = Packet { src_port: 47_001, ..syn() };
        assert_eq!(send(&mut device, 7, third).forwarding, Forwarding::Through);
    }
}
