//! What an ASA does that needs more than one segment at a time: order, retransmissions, windows,
//! limits of clients, timeouts, inspections.

use sim_core::engine::device::{Device, Forwarding};
use sim_core::time::SimTime;
use sim_core::wire::packet::{Flags, Packet, PacketUid};
use sim_core::wire::payload::Payload;
use sim_core::wire::seq::Seq;

use super::*;
use crate::testing::Outcome;

/// A tcp-map with these lines, on every connection, without randomisation.
fn with_map(body: &str) -> Asa {
    let text = FOUR_STEPS
        .replace("range 30 30 allow", &format!("range 30 30 allow\n  {body}"))
        .replace("my-mptcp\nservice", "my-mptcp random-sequence-number disable\nservice");
    asa(&text)
}

/// An inspection on every connection, and these lines before.
fn inspecting(inspect: &str, before: &str) -> Asa {
    let text = FOUR_STEPS.replace(
        "my-mptcp\nservice",
        &format!("my-mptcp random-sequence-number disable\n  {inspect}\nservice"),
    );
    asa(&format!("{before}\n{text}"))
}

fn called(port: u16, mut packet: Packet, sender: Sender) -> Packet {
    match sender {
        Initiator => packet.dst_port = port,
        Responder => packet.src_port = port,
    }
    packet
}

/// A connection to `port`, open; segments of it.
struct Open<'a> {
    fw: &'a mut Asa,
    port: u16,
    at: u64,
}

impl<'a> Open<'a> {
    fn new(fw: &'a mut Asa, port: u16) -> Self {
        let mut open = Self { fw, port, at: 0 };
        open.pass(Initiator, syn());
        let answer = segment(Responder, SYN_ACK, 5000, 1001, 0);
        open.pass(Responder, with_options(answer, &SYN_OPTIONS));
        open.pass(Initiator, segment(Initiator, Flags::ACK, 1001, 5001, 0));
        open
    }

    fn pass(&mut self, sender: Sender, packet: Packet) -> Outcome {
        self.at += 1;
        let ingress = if sender == Initiator { INSIDE } else { OUTSIDE };
        send_from(self.fw, self.at, ingress, called(self.port, packet, sender))
    }

    fn text(&mut self, sender: Sender, offset: u32, text: &str) -> Outcome {
        let (seq, ack) = if sender == Initiator { (1001, 5001) } else { (5001, 1001) };
        let mut packet = segment(sender, Flags::ACK, seq + offset, ack, 0);
        packet.payload = Payload::literal(text.as_bytes());
        self.pass(sender, packet)
    }
}

#[test]
fn out_of_order_segments_pass_by_default_and_are_put_in_order_by_queue_limit() {
    let mut fw = factory();
    let [by_client, _] = open(&mut fw);
    let early =
        send(&mut fw, 5, Packet { flags: Flags(0), ..segment(Initiator, Flags(0), 1101, 0, 100) });
    assert_eq!(
        (early.forwarding, early.packet.seq),
        (Forwarding::Through, Seq(1101).add(by_client))
    );

    let mut fw = with_map("queue-limit 2 timeout 1");
    let mut open = Open::new(&mut fw, 5001);
    let early = open.text(Initiator, 3, "def");
    assert_eq!((early.forwarding, early.labels()), (Forwarding::Consumed, vec!["held".to_owned()]));
    assert_eq!(open.text(Initiator, 3, "def").drop_reason(), Some("tcp-dup-in-queue"));
    assert_eq!(open.text(Initiator, 6, "ghi").forwarding, Forwarding::Consumed);
    assert_eq!(open.text(Initiator, 9, "jkl").drop_reason(), Some("tcp-buffer-full"));
    let first = open.text(Initiator, 0, "abc");
    let sent: Vec<_> = first.effects.emitted.iter().map(|(_, p)| p.payload.to_vec()).collect();
    assert_eq!(sent, [b"abc", b"def", b"ghi"]);
    assert_eq!(first.forwarding, Forwarding::Consumed, "it was sent before those that waited");

    assert_eq!(open.text(Initiator, 12, "mno").forwarding, Forwarding::Consumed);
    let due = fw.waiting.last().unwrap().0;
    let mut effects = sim_core::engine::device::Effects::new(PacketUid(1));
    while let Some(at) = fw.next_timeout().filter(|at| *at <= due) {
        fw.on_timeout(at, &mut effects);
    }
    assert_eq!(fw.counters.drops.get("tcp-buffer-timeout"), Some(&1));
    assert!(due > SimTime(1_000_000_000));
}

#[test]
fn a_retransmission_that_says_something_else() {
    let reason = |body: &str| {
        let mut fw = with_map(body);
        let mut open = Open::new(&mut fw, 5001);
        open.text(Initiator, 0, "abcdef");
        assert_eq!(open.text(Initiator, 0, "abcdef").drop_reason(), None);
        open.text(Initiator, 3, "dXf").drop_reason()
    };
    assert_eq!(reason("check-retransmission"), Some("tcpnorm-rexmit-bad"));
    assert_eq!(reason("no check-retransmission"), None);
}

#[test]
fn a_window_that_shrinks() {
    let reason = |body: &str| {
        let mut fw = with_map(body);
        let mut open = Open::new(&mut fw, 5001);
        let ack = |window| Packet { window, ..segment(Responder, Flags::ACK, 5001, 1001, 0) };
        assert_eq!(open.pass(Responder, ack(60_000)).drop_reason(), None);
        assert_eq!(open.pass(Responder, ack(60_000)).drop_reason(), None);
        let shrunk = open.pass(Responder, ack(100)).drop_reason();
        (shrunk, open.pass(Responder, ack(60_000)).drop_reason())
    };
    assert_eq!(reason("window-variation allow"), (None, None));
    let dropped = (Some("tcpnorm-win-variation"), Some("tcp-not-syn"));
    assert_eq!(reason("window-variation drop-connection"), dropped);
    assert_eq!(reason("window-variation drop"), dropped);
}

#[test]
fn named_options_since_9_4_2() {
    let check = |version: &str, map: &str, options: &[u8], expected: Result<&[u8], &str>| {
        let text = FOUR_STEPS.replace("range 30 30 allow", &format!("range 30 30 allow\n  {map}"));
        let mut fw = asa(&format!("ASA Version {version}\n{text}"));
        let p = with_options(segment(Initiator, Flags::SYN, 1, 0, 0), options);
        let out = send(&mut fw, 0, p);
        match expected {
            Ok(bytes) => assert_eq!(out.packet.options.as_bytes(), bytes, "{version} {map}"),
            Err(reason) => assert_eq!(out.drop_reason(), Some(reason), "{version} {map}"),
        }
    };
    let md5 = [19, 4, 0, 0];
    let twice = [2, 4, 5, 0, 2, 4, 5, 0];
    let bad = Err("tcp-bad-option-list");
    check("8.4(7)", "urgent-flag allow", &md5, Ok(&[1, 1, 1, 1]));
    check("9.8(2)", "urgent-flag allow", &md5, Ok(&md5));
    check("9.8(2)", "tcp-options md5 clear", &md5, Ok(&[1, 1, 1, 1]));
    check("8.4(7)", "urgent-flag allow", &twice, Ok(&twice));
    check("9.8(2)", "urgent-flag allow", &twice, bad);
    check("9.8(2)", "tcp-options mss allow", &twice, bad);
    check("9.8(2)", "tcp-options mss allow multiple", &twice, Ok(&twice));
}

#[test]
fn limits_of_one_client() {
    let limited = |limit: &str| {
        asa(&FOUR_STEPS.replace("my-mptcp\nservice", &format!("my-mptcp {limit}\nservice")))
    };
    let from = |client: [u8; 4], port| Packet { src: client.into(), src_port: port, ..syn() };
    let mut fw = limited("per-client-max 1");
    assert_eq!(send(&mut fw, 0, from([10, 0, 1, 2], 1)).drop_reason(), None);
    assert_eq!(send(&mut fw, 1, from([10, 0, 1, 2], 2)).drop_reason(), Some("conn-limit"));
    assert_eq!(send(&mut fw, 2, from([10, 0, 1, 3], 2)).drop_reason(), None);
    let mut fw = limited("per-client-embryonic-max 1 syn-cookie-mss 600");
    assert_eq!(send(&mut fw, 0, from([10, 0, 1, 2], 1)).forwarding, Forwarding::Through);
    let intercepted = send(&mut fw, 1, from([10, 0, 1, 2], 2));
    assert_eq!(intercepted.forwarding, Forwarding::Consumed);
    assert_eq!(intercepted.effects.emitted[0].1.options.mss(), Some(600));
    assert_eq!(send(&mut fw, 2, from([10, 0, 1, 3], 2)).forwarding, Forwarding::Through);
}

#[test]
fn timeouts_of_the_class_and_of_the_device() {
    let gone_after = |text: &str, ms: u64| {
        let mut fw = asa(text);
        open(&mut fw);
        let late = Packet { flags: Flags(0), ..segment(Initiator, Flags(0), 1001, 0, 9) };
        send(&mut fw, ms, late).drop_reason() == Some("tcp-not-syn")
    };
    let class = FOUR_STEPS.replace("my-mptcp\nservice", "my-mptcp timeout idle 0:05:00\nservice");
    assert!(!gone_after(FOUR_STEPS, 3_599_000) && gone_after(FOUR_STEPS, 3_601_000));
    assert!(!gone_after(&class, 299_000) && gone_after(&class, 301_000));
    let device = format!("timeout conn 0:10:00 half-closed 0:05:00 udp 0:02:00\n{FOUR_STEPS}");
    assert!(!gone_after(&device, 599_000) && gone_after(&device, 601_000));
    let never = format!("timeout conn 0:00:00 half-closed 0:05:00\n{FOUR_STEPS}");
    assert!(!gone_after(&never, 864_000_000));
}

const HTTP_MAP: &str = "regex bad \"/attack\"\nclass-map type inspect http match-all bad-uri\n match request \
                        uri regex bad\npolicy-map type inspect http web\n parameters\n  \
                        protocol-violation action drop-connection log\n class bad-uri\n  reset log\n";

#[test]
fn http_is_held_against_its_map() {
    let mut fw = inspecting("inspect http web", HTTP_MAP);
    let mut open = Open::new(&mut fw, 80);
    assert_eq!(open.text(Initiator, 0, "GET /ok HTTP/1.1\r\n\r\n").drop_reason(), None);
    let out = open.text(Initiator, 20, "GET /attack HTTP/1.1\r\n\r\n");
    assert_eq!(out.labels(), ["reset", "dropped"]);
    assert!(matches!(&out.rule("dropped").origin, Origin::Config(l) if l.text == "class bad-uri"));
    let resets: Vec<_> =
        out.effects.emitted.iter().map(|(port, p)| (*port, p.seq, p.flags)).collect();
    let rst = Flags::RST.with(Flags::ACK);
    assert_eq!(resets, [(INSIDE, Seq(5001), rst), (OUTSIDE, Seq(1021), rst)]);
    assert_eq!(open.text(Responder, 0, "HTTP/1.1 200").drop_reason(), Some("inspect-http"));
    let ended = "%ASA-4-507003: tcp flow from inside:10.0.1.2/40000 to outside:10.1.1.2/80 terminated by inspection engine, reason - inspector drop reset.";
    assert!(fw.report().iter().any(|line| line == ended), "{:?}", fw.report());

    // On another connection, a subflow that begins in the middle of a message is no HTTP.
    let mut fw = inspecting("inspect http web", HTTP_MAP);
    let out = Open::new(&mut fw, 80).text(Initiator, 0, "tack HTTP/1.1\r\n\r\n");
    assert_eq!(out.drop_reason(), Some("inspect-http"));
    // On another port nothing is read.
    let mut fw = inspecting("inspect http web", HTTP_MAP);
    let out = Open::new(&mut fw, 443).text(Initiator, 0, "GET /attack HTTP/1.1\r\n\r\n");
    assert_eq!(out.drop_reason(), None);
    // Without a map nothing is blocked.
    let mut fw = inspecting("inspect http", "");
    let out = Open::new(&mut fw, 80).text(Initiator, 0, "GET /attack HTTP/1.1\r\n\r\n");
    assert_eq!(out.drop_reason(), None);
}

#[test]
fn ftp_opens_the_way_for_the_connection_that_it_has_read_of() {
    let data = |fw: &mut Asa| {
        let mut p = syn();
        (p.src, p.src_port) = (SERVER.ip(), 20);
        (p.dst, p.dst_port) = (CLIENT.ip(), 40_021);
        send_from(fw, 100, OUTSIDE, p).drop_reason()
    };
    let mut fw = inspecting("inspect ftp", "");
    let mut open = Open::new(&mut fw, 21);
    open.text(Initiator, 0, "PORT 10,0,1,2,");
    assert_eq!(data(&mut fw), Some("acl-drop"));
    let mut fw = inspecting("inspect ftp", "");
    let mut open = Open::new(&mut fw, 21);
    open.text(Initiator, 0, "PORT 10,0,1,2,");
    open.text(Initiator, 14, "156,85\r\n");
    assert_eq!((data(&mut fw), data(&mut fw)), (None, None), "the second is its retransmission");
}

#[test]
fn esmtp_masks_and_repeats_it() {
    let mut fw = inspecting("inspect esmtp", "");
    let mut open = Open::new(&mut fw, 25);
    for _ in 0..2 {
        let banner = open.text(Responder, 0, "220 mx ready\r\n");
        assert_eq!(banner.packet.payload.to_vec(), b"220 ** *****\r\n");
        assert_eq!(banner.labels(), ["payload-rewritten"]);
    }
    let plain = open.text(Initiator, 0, "EHLO c\r\n");
    assert_eq!(plain.packet.payload.to_vec(), b"EHLO c\r\n");
}

#[test]
fn an_inspected_connection_is_put_in_order_three_segments_deep() {
    let mut fw = inspecting("inspect http", "");
    let mut open = Open::new(&mut fw, 80);
    for n in 1..=3 {
        assert_eq!(open.text(Initiator, n * 2, "xx").forwarding, Forwarding::Consumed);
    }
    assert_eq!(open.text(Initiator, 8, "xx").drop_reason(), Some("tcp-buffer-full"));
}
