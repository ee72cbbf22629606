//! Packets through an ASA, and what it signs.

use sim_core::engine::device::{Change, Device, Forwarding, Origin, PortId};
use sim_core::wire::options::Options;
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::seq::Seq;

mod payload;

use super::{Asa, Settings, build};
use crate::config::{ConfigDiagnostic, ConfigText, Severity};
use crate::spec::DeviceContext;
use crate::steps::track::Sender::{self, Initiator, Responder};
use crate::testing::{
    CLIENT, DSS_OPTIONS, INSIDE, OUTSIDE, SERVER, SYN_OPTIONS, segment, send, send_from, too_big,
    with_options,
};

const SYN_ACK: Flags = Flags(0x12);
const FOUR_STEPS: &str = "tcp-map my-mptcp\n  tcp-options range 30 30 allow\nclass-map my-tcpnorm\n  \
                          match any\npolicy-map my-policy-map\n  class my-tcpnorm\n    set connection \
                          advanced-options my-mptcp\nservice-policy my-policy-map global\n";

fn built(text: Option<&str>) -> Result<(Asa, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let context = DeviceContext { name: "edge", seed: 1, default_farm: None };
    build(&Settings::default(), &context, text.map(|text| ConfigText::new("edge.cfg", text)))
}

fn asa(text: &str) -> Asa {
    built(Some(text)).unwrap_or_else(|e| panic!("{e:?}")).0
}

fn factory() -> Asa {
    built(None).unwrap().0
}

fn syn() -> Packet {
    with_options(segment(Initiator, Flags::SYN, 1000, 0, 0), &SYN_OPTIONS)
}

/// Opens a connection; returns by how much each sender's numbers are shifted.
fn open(asa: &mut Asa) -> [u32; 2] {
    let syn = send(asa, 0, syn()).packet;
    let by_client = syn.seq.0.wrapping_sub(1000);
    let mut answer = with_options(segment(Responder, SYN_ACK, 5000, 0, 0), &SYN_OPTIONS);
    answer.ack = syn.seq.add(1);
    let answer = send(asa, 1, answer);
    assert_eq!(answer.packet.ack, Seq(1001));
    let by_server = answer.packet.seq.0.wrapping_sub(5000);
    let ack = send(asa, 2, segment(Initiator, Flags::ACK, 1001, answer.packet.seq.0 + 1, 0));
    assert_eq!(ack.packet.ack, Seq(5001));
    [by_client, by_server]
}

#[test]
fn as_it_comes_every_segment_of_both_directions_loses_option_30() {
    let mut asa = factory();
    let out = send(&mut asa, 0, syn());
    assert_eq!(out.forwarding, Forwarding::Through);
    let mut expected = SYN_OPTIONS;
    expected[20..].fill(1);
    expected[2..4].copy_from_slice(&1380u16.to_be_bytes());
    assert_eq!(out.packet.options.as_bytes(), expected);
    assert_eq!(out.labels(), ["option-30-to-nop", "isn-randomised", "mss-rewritten"]);
    let rule = out.rule("option-30-to-nop");
    assert_eq!(rule.text, "tcp-options range 9 255 clear");
    assert_eq!(rule.origin, Origin::Default { because: None, near: None });
    assert!(rule.source.contains("116519"));

    let [by_client, by_server] = open(&mut factory());
    assert!(by_client != 0 && by_server != 0 && by_client != by_server);

    let mut asa = factory();
    let [_, by_server] = open(&mut asa);
    for sender in [Initiator, Responder] {
        let (seq, ack) = match sender {
            Initiator => (1001, 5001u32.wrapping_add(by_server)),
            Responder => (5001, 0),
        };
        let mut data = with_options(segment(sender, Flags::ACK, seq, ack, 100), &DSS_OPTIONS);
        if sender == Responder {
            data.flags = Flags(0);
        }
        let out = send(&mut asa, 3, data);
        assert_eq!(out.labels(), ["option-30-to-nop"], "{sender:?}");
        assert_eq!(out.packet.options.as_bytes()[..12], DSS_OPTIONS[..12], "timestamps stay");
        assert_eq!(out.packet.options.as_bytes()[12..], [1; 20], "the DSS became NOPs");
    }
}

#[test]
fn which_kinds_are_cleared() {
    let check = |options: &[u8], after: &[u8]| {
        let mut p = segment(Initiator, Flags::SYN, 1, 0, 0);
        p.options = Options::from_bytes(options).unwrap();
        assert_eq!(send(&mut factory(), 0, p).packet.options.as_bytes(), after);
    };
    check(&[6, 2, 7, 2, 9, 2, 255, 2], &[1; 8]);
    check(&[4, 2, 3, 3, 7, 19, 3, 0], &[4, 2, 3, 3, 7, 1, 1, 1]);
    check(&[8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 253, 2], &[8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
}

#[test]
fn sack_blocks_follow_the_shift() {
    let mut asa = factory();
    let [by_client, _] = open(&mut asa);
    let shifted = |seq: u32| seq.wrapping_add(by_client).to_be_bytes();
    let sack = [&[1, 1, 5, 10][..], &shifted(1500), &shifted(1600)].concat();
    let mut ack = with_options(segment(Responder, Flags::ACK, 5001, 0, 0), &sack);
    ack.ack = Seq(1001u32.wrapping_add(by_client));
    let out = send(&mut asa, 5, ack).packet;
    assert_eq!(out.ack, Seq(1001));
    assert_eq!(
        out.options.as_bytes()[4..],
        [1500u32.to_be_bytes(), 1600u32.to_be_bytes()].concat()
    );
}

#[test]
fn the_four_steps_let_option_30_pass_and_are_signed_once() {
    let mut asa = asa(FOUR_STEPS);
    let out = send(&mut asa, 0, syn());
    assert_eq!(out.packet.options.as_bytes()[20..], SYN_OPTIONS[20..]);
    assert_eq!(out.labels(), ["allowed-option-30", "isn-randomised", "mss-rewritten"]);
    let Origin::Config(line) = &out.rule("allowed-option-30").origin else { panic!() };
    assert_eq!((line.line, &*line.text), (2, "tcp-options range 30 30 allow"));
    let data = with_options(segment(Initiator, Flags::ACK, 1001, 0, 10), &DSS_OPTIONS);
    let again = send(&mut asa, 1, Packet { flags: Flags(0), ..data });
    assert_eq!(again.labels(), Vec::<String>::new());
    assert_eq!(again.packet.options.as_bytes(), DSS_OPTIONS);
}

#[test]
fn why_the_default_rules() {
    let check = |text: &str, because: &str, near: Option<u32>| {
        let out = send(&mut asa(text), 0, syn());
        let rule = out.rule("option-30-to-nop");
        let Origin::Default { because: found, near: line } = &rule.origin else {
            panic!("{:?}", rule.origin)
        };
        assert_eq!(found.as_ref().map(|w| &*w.english), Some(because), "{text}");
        assert_eq!(line.as_ref().map(|l| l.line), near, "{text}");
    };
    let four = |from: &str, to: &str| {
        assert!(FOUR_STEPS.contains(from));
        FOUR_STEPS.replace(from, to)
    };
    check("hostname fw\n", "the configuration has no tcp-map that allows option 30", None);
    // A policy-map that is not in force: its tcp-map rules nothing, and what would let it pass is said.
    check(
        "class-map c\n match any\ntcp-map m\n checksum-verification\npolicy-map p\n class c\n  set connection \
         advanced-options m\n",
        "the configuration has no tcp-map that allows option 30",
        None,
    );
    check(
        "class-map c\n match any\npolicy-map p\n class c\n  set connection advanced-options tcp-state-bypass\n",
        "no service-policy activates policy-map p (line 3)",
        Some(3),
    );
    check(
        &four("match any", "match port tcp eq 80"),
        "class-map my-tcpnorm (line 3) does not match this connection: match port tcp eq 80, destination port is 5001",
        Some(4),
    );
    check(
        &four("service-policy my-policy-map global\n", ""),
        "no service-policy activates policy-map my-policy-map (line 5)",
        Some(5),
    );
    check(
        &four("service-policy my-policy-map", "service-policy My-Policy-Map"),
        "no service-policy activates policy-map my-policy-map (line 5); service-policy names My-Policy-Map, which is not defined (line 8)",
        Some(8),
    );
    check(
        &four("  class my-tcpnorm", "  class My-tcpnorm"),
        "policy-map my-policy-map uses class My-tcpnorm (line 6), which is not defined (a class-map my-tcpnorm is, line 3)",
        Some(6),
    );
    check(
        &four("advanced-options my-mptcp", "advanced-options My-MPTCP"),
        "advanced-options names tcp-map My-MPTCP, which is not defined (a tcp-map my-mptcp is, line 1)",
        Some(7),
    );
    check(
        &four("range 30 30", "range 31 31"),
        "tcp-map my-mptcp (line 1) does not name option 30",
        Some(1),
    );
    check(
        &four("my-policy-map global", "my-policy-map interface dmz"),
        "service-policy my-policy-map (line 8) stands on interface dmz, which this connection does not cross",
        Some(8),
    );
    check(
        &four("match any", "match access-list web"),
        "class-map my-tcpnorm (line 3) does not match this connection: match access-list web, there is no such access list",
        Some(4),
    );
    check(
        &format!(
            "access-list web extended deny tcp any any eq 5001\n{}",
            four("match any", "match access-list web")
        ),
        "class-map my-tcpnorm (line 4) does not match this connection: match access-list web, `access-list web extended deny tcp any any eq 5001` (line 1) excludes it",
        Some(5),
    );
    check(
        &four("match any", "match default-inspection-traffic"),
        "class-map my-tcpnorm (line 3) does not match this connection: match default-inspection-traffic, that selects traffic for inspect only",
        Some(4),
    );
    check(
        &four(
            "class my-tcpnorm\n",
            "class first\n    set connection random-sequence-number disable\n  class my-tcpnorm\n",
        )
        .replace("class-map my", "class-map first\n  match any\nclass-map my"),
        "class first (line 8) of policy-map my-policy-map is the first with connection settings that matches, and it names no tcp-map",
        Some(9),
    );
    check(
        &four("    set connection advanced-options my-mptcp\n", "    inspect http\n"),
        "no policy-map uses tcp-map my-mptcp (line 1)",
        Some(1),
    );
}

#[test]
fn a_line_that_clears_is_the_rule_itself() {
    let out = send(&mut asa(&FOUR_STEPS.replace("30 allow", "30 clear")), 0, syn());
    assert!(matches!(&out.rule("option-30-to-nop").origin, Origin::Config(l) if l.line == 2));
    let out = send(&mut asa(&FOUR_STEPS.replace("30 allow", "30 drop")), 0, syn());
    assert_eq!(
        (out.forwarding, out.drop_reason()),
        (Forwarding::Drop, Some("tcp-bad-option-list"))
    );
}

#[test]
fn interface_before_global_and_first_match_per_feature() {
    let passes = |text: &str| send(&mut asa(text), 0, syn()).packet.options.has(30);
    let strict = "policy-map strict\n class class-default\n  set connection conn-max 9\n";
    assert!(passes(FOUR_STEPS));
    assert!(passes(&FOUR_STEPS.replace("global", "interface outside")));
    assert!(!passes(&format!("{FOUR_STEPS}{strict}service-policy strict interface outside\n")));
    assert!(passes(&format!("{FOUR_STEPS}{strict}service-policy strict interface dmz\n")));
    // Inspection is another feature: the class that matches first for it does not stand in the way.
    let inspected = FOUR_STEPS.replace(
        "policy-map my-policy-map\n",
        "policy-map my-policy-map\n class other\n  inspect http\n",
    );
    assert!(passes(&format!("class-map other\n match any\n{inspected}")));
    assert!(passes(&FOUR_STEPS.replace("my-tcpnorm\n    set", "class-default\n    set")));
    assert!(passes(&FOUR_STEPS.replace("range 30 30 allow", "range 20 255 allow")));
    assert!(passes(&FOUR_STEPS.replace("match any", "match port tcp range 5000 5010")));
}

#[test]
fn text_without_indentation_with_prompts_and_around_other_lines_reads_alike() {
    let flat: String = FOUR_STEPS.lines().map(|l| format!("{}\n", l.trim())).collect();
    let prompts: String =
        FOUR_STEPS.lines().map(|l| format!("ciscoasa(config)# {}\r\n", l.trim())).collect();
    let around = format!(
        ": Saved\nASA Version 9.1(7)\n!\nhostname fw\ninterface GigabitEthernet0/0\n nameif outside\n \
         security-level 0\n ip address 192.0.2.1 255.255.255.0\n!\nbanner motd tcp-map\npolicy-map type \
         inspect dns preset\n parameters\n  message-length maximum 512\n{FOUR_STEPS}prompt hostname context\n"
    );
    for text in [&flat, &prompts, &around] {
        let (mut asa, warnings) = built(Some(text)).unwrap();
        assert_eq!(warnings, [], "{text}");
        assert!(send(&mut asa, 0, syn()).packet.options.has(30), "{text}");
    }
}

#[test]
fn what_is_broken_or_not_in_effect_is_said_with_its_place() {
    let check = |text: &str, severity, line, columns: (u32, u32), says: &str| {
        let found = match built(Some(text)) {
            Ok((_, warnings)) => warnings,
            Err(errors) => errors,
        };
        let first = found.first().unwrap_or_else(|| panic!("nothing said about {text}"));
        let place = (first.severity, first.line, (first.column_start, first.column_end));
        assert_eq!(place, (severity, line, columns), "{text}: {first}");
        assert!(first.to_string().contains(says), "{first}");
    };
    let four = |from: &str, to: &str| FOUR_STEPS.replace(from, to);
    use Severity::{Error, Warning};
    check(&four("30 30 allow", "30 300 allow"), Error, 2, (24, 27), "9 to 255, found `300`");
    check(&four("30 30 allow", "6 255 allow"), Error, 2, (21, 22), "contains 8");
    check(&four("30 30 allow", "30 30"), Error, 2, (3, 26), "expected allow, clear or drop");
    check(&four("tcp-options", "tcp-optons"), Error, 2, (3, 13), "did you mean tcp-options?");
    check(&four("match any", "match all"), Error, 4, (9, 12), "unknown criterion `all`");
    check(&four("my-policy-map global", "my-policy-map"), Error, 8, (1, 29), "global or interface");
    check(&four("class my-tcpnorm", "class My-tcpnorm"), Warning, 6, (9, 19), "not defined");
    check(
        &four("service-policy my-policy-map global\n", ""),
        Warning,
        5,
        (12, 25),
        "no service-policy",
    );
    check("tcp-map x\n tcp-options range 30 30 allow\n", Warning, 1, (9, 10), "no policy-map uses");
    check("tcp-map x\n tcp-options range 30 allow\n", Error, 2, (20, 22), "upper end of the range");
    check("tcp-map x\ntcp-optons range 30 30 allow\n", Error, 2, (1, 11), "did you mean");
}

#[test]
fn connections_and_their_faults() {
    let reason = |asa: &mut Asa, packet| send(asa, 9, packet).drop_reason();
    let ack = Flags::ACK;
    let mut fw = factory();
    assert_eq!(reason(&mut fw, segment(Initiator, ack, 1, 1, 0)), Some("tcp-not-syn"));
    assert_eq!(reason(&mut fw, segment(Responder, SYN_ACK, 1, 1, 0)), Some("tcp-not-syn"));
    let [_, by_server] = open(&mut fw);
    let acked = |n: u32| n.wrapping_add(by_server);
    assert_eq!(reason(&mut fw, segment(Initiator, ack, 1001, acked(5001), 0)), None);
    assert_eq!(
        reason(&mut fw, segment(Initiator, ack, 1001, acked(5002), 0)),
        Some("tcp-invalid-ack")
    );
    assert_eq!(reason(&mut fw, segment(Initiator, Flags::SYN, 7, 0, 0)), Some("tcp-seq-syn-diff"));
    assert_eq!(reason(&mut fw, segment(Initiator, Flags::RST, 1001, 0, 0)), None);
    assert_eq!(reason(&mut fw, segment(Initiator, ack, 1001, acked(5001), 0)), Some("tcp-not-syn"));
    assert_eq!(fw.counters()[0], ("connections built".to_owned(), 1));
    assert!(fw.report().iter().any(|l| l.contains("(tcp-not-syn)")));
    let mut fw = factory();
    open(&mut fw);
    fw.reload(sim_core::time::SimTime::ZERO);
    assert_eq!(reason(&mut fw, segment(Responder, ack, 5001, 0, 0)), Some("tcp-not-syn"));
}

#[test]
fn who_may_open() {
    let from_outside = |text: &str| {
        let mut packet = syn();
        (packet.src, packet.dst) = (SERVER.ip(), CLIENT.ip());
        send_from(&mut asa(text), 0, OUTSIDE, packet).drop_reason()
    };
    assert_eq!(from_outside(""), Some("acl-drop"));
    let list = "access-list in extended permit tcp any any eq 5001\n";
    assert_eq!(from_outside(&format!("{list}access-group in in interface outside\n")), None);
    assert_eq!(
        from_outside(&format!("{list}access-group in in interface inside\n")),
        Some("acl-drop")
    );
    let deny = "access-list out extended deny tcp any any\naccess-group out in interface inside\n";
    let out = send(&mut asa(deny), 0, syn());
    assert_eq!(out.drop_reason(), Some("acl-drop"));
    assert!(matches!(&out.rule("dropped").origin, Origin::Config(l) if l.line == 1));
}

#[test]
fn state_bypass_leaves_everything_alone() {
    let text = FOUR_STEPS.replace("advanced-options my-mptcp", "advanced-options tcp-state-bypass");
    let mut fw = asa(&text);
    let out = send(&mut fw, 0, syn());
    assert_eq!(out.packet.options.as_bytes(), SYN_OPTIONS);
    assert_eq!(out.packet.seq, Seq(1000));
    assert_eq!(out.labels(), ["allowed-option-30"]);
    let stray = segment(Initiator, Flags::ACK, 1, 1, 5);
    let mut other = stray.clone();
    other.src_port = 9;
    assert_eq!(send(&mut fw, 1, other).drop_reason(), None);
}

#[test]
fn settings_of_a_tcp_map() {
    let with = |body: &str| {
        asa(&FOUR_STEPS.replace("range 30 30 allow", &format!("range 30 30 allow\n{body}")))
    };
    let mut p = syn();
    p.payload = sim_core::wire::payload::Payload::literal(*b"x");
    assert_eq!(send(&mut factory(), 0, p.clone()).drop_reason(), None);
    assert_eq!(send(&mut with("  syn-data drop"), 0, p).drop_reason(), Some("tcp-syn-data"));
    let mut p = syn();
    p.reserved = 2;
    assert_eq!(send(&mut factory(), 0, p.clone()).packet.reserved, 2);
    assert_eq!(send(&mut with("  reserved-bits clear"), 0, p.clone()).packet.reserved, 0);
    assert_eq!(
        send(&mut with("  reserved-bits drop"), 0, p).drop_reason(),
        Some("tcp-reserved-set")
    );
    let mut p = syn();
    (p.flags, p.urgent) = (p.flags.with(Flags::URG), 3);
    assert_eq!(send(&mut factory(), 0, p.clone()).packet.urgent, 0);
    assert_eq!(send(&mut with("  urgent-flag allow"), 0, p).packet.urgent, 3);
    let out =
        send(&mut with("  tcp-options timestamp clear\n  tcp-options mss maximum 1000"), 0, syn());
    assert!(!out.packet.options.has(8));
    assert_eq!(out.packet.options.mss(), Some(1000));
}

#[test]
fn mss_and_randomisation_can_be_turned_off() {
    let out = send(&mut asa("sysopt connection tcpmss 0\n"), 0, syn());
    assert_eq!(out.packet.options.mss(), Some(1460));
    let out = send(&mut asa("sysopt connection tcpmss 1200\n"), 0, syn());
    assert!(matches!(&out.rule("mss-rewritten").origin, Origin::Config(l) if l.line == 1));
    let text =
        FOUR_STEPS.replace("my-mptcp\nservice", "my-mptcp random-sequence-number disable\nservice");
    assert_eq!(send(&mut asa(&text), 0, syn()).packet.seq, Seq(1000));
}

#[test]
fn the_same_seed_draws_the_same_shift_and_retransmissions_keep_it() {
    let mut fw = factory();
    let first = send(&mut fw, 0, syn());
    let again = send(&mut fw, 1000, syn());
    assert_eq!(first.packet.seq, again.packet.seq);
    assert!(
        !again.effects.changes.iter().any(|c| matches!(c.change, Change::SequenceShifted { .. }))
    );
    assert_eq!(send(&mut factory(), 0, syn()).packet.seq, first.packet.seq);
}

#[test]
fn one_device_on_two_paths_keeps_one_table() {
    let mut fw = factory();
    send_from(&mut fw, 0, PortId(2), syn());
    let mut answer = segment(Sender::Responder, SYN_ACK, 5000, 0, 0);
    answer.ack = send_from(&mut fw, 1, PortId(2), syn()).packet.seq.add(1);
    assert_eq!(send_from(&mut fw, 2, PortId(1), answer).forwarding, Forwarding::Through);
}

#[test]
fn above_the_embryonic_limit_the_asa_answers_itself() {
    let limited = FOUR_STEPS.replace("my-mptcp\nservice", "my-mptcp embryonic-conn-max 1\nservice");
    let mut fw = asa(&limited);
    let first = send(&mut fw, 0, syn());
    assert!(first.packet.options.has(30), "below the limit");
    let second = Packet { src_port: 40_001, ..syn() };
    let out = send(&mut fw, 1, second.clone());
    assert_eq!(out.forwarding, Forwarding::Consumed);
    assert_eq!(out.labels(), ["mss-rewritten", "answered"]);
    assert!(matches!(&out.rule("answered").origin, Origin::Config(l) if l.line == 7));
    let (port, answer) = &out.effects.emitted[0];
    assert_eq!((*port, answer.flags, answer.options.len()), (INSIDE, SYN_ACK, 4));
    assert_eq!(answer.options.mss(), Some(1380));
    // The client's ACK calls the server, the server's answer splices.
    let mut ack = segment(Initiator, Flags::ACK, 1001, 0, 0);
    (ack.src_port, ack.ack) = (40_001, answer.seq.add(1));
    let out = send(&mut fw, 2, ack.clone());
    assert_eq!((out.effects.emitted[0].0, out.effects.emitted[0].1.seq), (OUTSIDE, Seq(1000)));
    let mut syn_ack = segment(Responder, SYN_ACK, 5000, 1001, 0);
    syn_ack.dst_port = 40_001;
    let out = send(&mut fw, 3, syn_ack);
    assert_eq!((out.effects.emitted.len(), out.forwarding), (2, Forwarding::Consumed));
    let data = Packet { payload: sim_core::wire::payload::Payload::literal(*b"x"), ..ack };
    let out = send(&mut fw, 4, data);
    assert_eq!((out.drop_reason(), out.packet.seq, out.packet.ack), (None, Seq(1001), Seq(5001)));
    let mut reply = segment(Responder, Flags::ACK, 5001, 1002, 0);
    reply.dst_port = 40_001;
    assert_eq!(send(&mut fw, 5, reply).packet.seq, answer.seq.add(1));
    // Once the first connection is complete, there is room again.
    let mut answer = segment(Responder, SYN_ACK, 5000, 0, 0);
    answer.ack = first.packet.seq.add(1);
    let answer = send(&mut fw, 6, answer).packet;
    send(&mut fw, 7, segment(Initiator, Flags::ACK, 1001, answer.seq.0.wrapping_add(1), 0));
    let third = Packet { src_port: 40_002, ..syn() };
    assert_eq!(send(&mut fw, 8, third).forwarding, Forwarding::Through);
}

#[test]
fn connection_limit() {
    let limited = FOUR_STEPS.replace("my-mptcp\nservice", "my-mptcp conn-max 1\nservice");
    let mut fw = asa(&limited);
    assert_eq!(send(&mut fw, 0, syn()).drop_reason(), None);
    let second = Packet { src_port: 40_001, ..syn() };
    assert_eq!(send(&mut fw, 1, second.clone()).drop_reason(), Some("conn-limit"));
    let logged = "%ASA-3-201011: Connection limit exceeded 1/1 for input packet from 10.0.1.2/40001 to 10.1.1.2/5001 on interface inside";
    assert!(fw.report().iter().any(|line| line == logged), "{:?}", fw.report());
    send(&mut fw, 2, segment(Initiator, Flags::RST, 1001, 0, 0));
    assert_eq!(send(&mut fw, 3, second).drop_reason(), None);
}

/// A connection without state checks is logged from its opener to the other end.
#[test]
fn state_bypass_in_the_log() {
    let mut fw = asa(&FOUR_STEPS.replace("my-mptcp\nservice", "tcp-state-bypass\nservice"));
    send(&mut fw, 0, syn());
    let logged = "%ASA-6-302303: Built TCP state-bypass connection 1 from inside:10.0.1.2/40000 (10.0.1.2/40000) to outside:10.1.1.2/5001 (10.1.1.2/5001)";
    assert!(fw.report().iter().any(|line| line == logged), "{:?}", fw.report());
}

#[test]
fn access_lists_with_objects() {
    let passes = |list: &str| {
        let text = format!("{list}{}", FOUR_STEPS.replace("match any", "match access-list a"));
        let (mut fw, warnings) = built(Some(&text)).unwrap_or_else(|e| panic!("{e:?}"));
        (send(&mut fw, 0, syn()).packet.options.has(30), warnings.len())
    };
    let network = "object network servers\n subnet 10.1.0.0 255.255.0.0\nobject-group network both\n \
                   network-object host 10.9.9.9\n network-object object servers\n";
    let service = "object service iperf\n service tcp destination eq 5001\nobject-group service ports \
                   tcp\n port-object range 5000 5010\nobject-group service mixed\n service-object udp \
                   destination eq 53\n service-object object iperf\n";
    let with = |line: &str| passes(&format!("{network}{service}access-list a extended {line}\n"));
    assert_eq!(with("permit tcp any object servers"), (true, 0));
    assert_eq!(with("permit tcp any object-group both eq 5001"), (true, 0));
    assert_eq!(with("permit tcp object-group both any"), (false, 0));
    assert_eq!(with("permit tcp any any object-group ports"), (true, 0));
    assert_eq!(with("permit object iperf any object servers"), (true, 0));
    assert_eq!(with("permit object-group mixed any any"), (true, 0));
    assert_eq!(with("permit tcp any object nobody"), (false, 1));
}

/// What the device says can be done lets option 30 through when it is done.
#[test]
fn remedies_mend() {
    let check = |text: &str, lines: &[&str]| {
        let out = send(&mut asa(text), 0, syn());
        let remedy = out.rule("option-30-to-nop").remedy.clone().expect("a remedy");
        assert_eq!(remedy.lines, lines, "{text}");
        let mended = format!("{text}\n{}\n", remedy.lines.join("\n"));
        let out = send(&mut asa(&mended), 0, syn());
        assert!(out.labels().iter().all(|label| label != "option-30-to-nop"), "{mended}");
    };
    let map = ["tcp-map my-mptcp", "  tcp-options range 30 30 allow"];
    let class = ["class-map my-tcpnorm", "  match any"];
    let set = "    set connection advanced-options my-mptcp";
    let policy = ["policy-map my-policy-map", "  class my-tcpnorm", set];
    let service = ["service-policy my-policy-map global"];
    let all = [&map[..], &class, &policy, &service].concat();
    let text = |parts: &[&[&str]]| parts.concat().join("\n");

    check("hostname edge", &all);
    check(&text(&[&map, &class, &policy]), &service);
    check(&text(&[&map]), &[&class[..], &policy, &service].concat());
    // A tcp-map in force that does not name option 30.
    let silent = ["tcp-map my-mptcp", "  reserved-bits clear"];
    check(&text(&[&silent, &class, &policy, &service]), &map);
    // A policy in force for other traffic.
    let web = ["class-map web", "  match port tcp eq www"];
    let for_web = ["policy-map my-policy-map", "  class web", set];
    check(&text(&[&map, &web, &for_web, &service]), &[&class[..], &policy].concat());
    // A class with other connection settings comes first.
    let limits =
        ["policy-map my-policy-map", "  class my-tcpnorm", "    set connection conn-max 100"];
    check(&text(&[&class, &limits, &service]), &[&map[..], &policy].concat());
}

/// Where an inspection reads what option 30 lets through, the device says what shows it all of the stream.
#[test]
fn remedies_show_inspections_whole_streams() {
    let text = "class-map web\n match port tcp eq 5001\ntcp-map open\n tcp-options range 30 30 \
                allow\nclass-map all\n match any\npolicy-map p\n class all\n  set connection \
                advanced-options open\n class web\n  inspect http\nservice-policy p global\n";
    let out = send(&mut asa(text), 0, syn());
    let remedy = out.rule("allowed-option-30").remedy.clone().expect("a remedy");
    assert!(remedy.advice.english.starts_with("inspect http reads"), "{}", remedy.advice);
    let mended = format!("{text}{}\n", remedy.lines.join("\n"));
    let out = send(&mut asa(&mended), 0, syn());
    assert!(out.labels().iter().any(|label| label == "option-30-to-nop"), "{mended}");
    // Nothing reads: nothing to be said.
    let out = send(&mut asa(&text.replace("  inspect http\n", "")), 0, syn());
    assert_eq!(out.rule("allowed-option-30").remedy, None);
}

#[test]
fn a_tcp_map_that_drops_option_30_is_mended() {
    let text = "tcp-map strict\n tcp-options range 30 30 drop\nclass-map all\n match any\npolicy-map \
                p\n class all\n  set connection advanced-options strict\nservice-policy p global\n";
    let out = send(&mut asa(text), 0, syn());
    let remedy = out.rule("dropped").remedy.clone().expect("a remedy");
    let mended = format!("{text}{}\n", remedy.lines.join("\n"));
    let (mut mended, warnings) = built(Some(&mended)).unwrap();
    assert_eq!(warnings, []);
    assert!(send(&mut mended, 0, syn()).labels().contains(&"allowed-option-30".to_owned()));
}

#[test]
fn icmp_errors_need_an_access_list_or_an_inspection_and_a_connection() {
    let levels = "interface g0\n nameif outside\n security-level 0\ninterface g1\n nameif inside\n \
                  security-level 100\n";
    let listed = format!(
        "{levels}access-list IN extended permit icmp any any unreachable\naccess-group IN in interface \
         outside\n"
    );
    let inspected =
        format!("{levels}policy-map p\n class c\n  inspect icmp\nservice-policy p global\n");
    let inspected = format!("class-map c\n match any\n{inspected}");
    let mut without = asa(levels);
    let about = send(&mut without, 0, syn()).packet;
    let out = send_from(&mut without, 1, OUTSIDE, too_big(&about, 1300));
    let remedy = out.rule("dropped").remedy.clone().expect("a remedy");
    let mended = format!("{levels}{}\n", remedy.lines.join("\n"));
    for (text, reason) in
        [(levels, Some("acl-drop")), (&listed, None), (&mended, None), (&inspected, None)]
    {
        let mut asa = asa(text);
        let sent = syn();
        let about = send(&mut asa, 0, sent.clone()).packet;
        assert_ne!(about.seq, sent.seq, "randomised");
        let out = send_from(&mut asa, 1, OUTSIDE, too_big(&about, 1300));
        assert_eq!(out.drop_reason(), reason, "{text}");
        if reason.is_none() {
            let seq = out.packet.icmp().unwrap().seq();
            assert_eq!(seq, Some(sent.seq), "as the host counts");
        }
        let mut other = about;
        other.src_port = 7;
        let out = send_from(&mut asa, 1, OUTSIDE, too_big(&other, 1300));
        assert_eq!(out.drop_reason(), Some("inspect-icmp-error-no-existing-conn"), "{text}");
    }
    // From inside, the higher level, nothing is needed.
    let mut asa = asa(levels);
    open(&mut asa);
    let answer = send(&mut asa, 3, segment(Responder, Flags::ACK, 5001, 1001, 100)).packet;
    let out = send_from(&mut asa, 4, INSIDE, too_big(&answer, 1300));
    assert_eq!(out.forwarding, Forwarding::Through);
}

/// What `config` says about a text: the message and the line of each warning.
fn said(text: &str) -> Vec<(u32, String)> {
    let platform = crate::audit::platforms().iter().find(|p| p.name == "asa");
    let (_, audit) = crate::audit::audit(ConfigText::new("x.cfg", text), platform);
    audit.warnings.into_iter().map(|w| (w.line, w.message)).collect()
}

fn tells(text: &str, line: u32, what: &str) -> bool {
    said(text).iter().any(|(at, message)| *at == line && message.contains(what))
}

#[test]
fn an_access_group_without_its_list_is_refused_and_the_last_one_rules() {
    let open = |text: &str| send_from(&mut asa(text), 0, OUTSIDE, syn()).forwarding;
    let listed = "access-list in extended permit tcp any any\n";
    let none = "access-list no extended deny ip any any\n";
    let applied = |list: &str| format!("access-group {list} in interface outside\n");
    assert_eq!(open(&(listed.to_owned() + &applied("in"))), Forwarding::Through);
    let both = format!("{listed}{none}{}{}", applied("no"), applied("in"));
    assert_eq!(open(&both), Forwarding::Through, "the last one");
    let taken = format!("{both}no access-group in in interface outside\n");
    assert_ne!(open(&taken), Forwarding::Through, "the security levels");
    assert!(tells(&(listed.to_owned() + &applied("im")), 2, "access-list im is not defined"));
    // Without its list it is not there: from the inside everything opens.
    let refused = "access-group x in interface inside\n";
    let through = send_from(&mut asa(refused), 0, INSIDE, syn());
    assert_eq!(through.forwarding, Forwarding::Through);
}

#[test]
fn one_service_policy_is_taken_back_and_the_other_stays() {
    let both = format!("{FOUR_STEPS}service-policy my-policy-map interface outside\n");
    let taken = format!("{both}no service-policy my-policy-map interface outside\n");
    let out = send(&mut asa(&taken), 0, syn());
    assert!(out.packet.options.has(30));
    let none = format!("{taken}no service-policy my-policy-map global\n");
    assert!(!send(&mut asa(&none), 0, syn()).packet.options.has(30));
}

#[test]
fn what_touches_nothing_is_not_warned_of() {
    let limits = "policy-map p\n class c\n  set connection conn-max 9 embryonic-conn-max 7\n\
                  service-policy p global\n";
    assert_eq!(said(limits).len(), 1, "{:?}", said(limits));
    assert!(tells(limits, 2, "class-map c is not defined"));
    let to_itself = format!("class-map type management c\n match port tcp eq 22\n{limits}");
    assert!(!tells(&to_itself, 4, "is not defined"));
    assert!(tells("policy-map type management p\n", 1, "expected inspect"));
    let system = "context a\n allocate-interface g0/1\n config-url disk0:/a.cfg\n";
    assert!(tells(system, 3, "is in disk0:/a.cfg"));
}
