//! What the router does besides its features' own work.

use sim_core::engine::device::Device;
use sim_core::wire::icmp::Reason;
use sim_core::wire::packet::{Flags, Packet};

use crate::config::Severity;
use crate::steps::track::Sender::{Initiator, Responder};
use crate::testing::{
    INSIDE, OUTSIDE, SYN_OPTIONS, ios_findings, ios_router, segment, send, send_from, too_big,
    with_options,
};

const TEXT: &str = "version 15.7
interface GigabitEthernet0/0
 ip address 10.0.1.1 255.255.255.0
 ip nat inside
interface GigabitEthernet0/1
 ip address 192.0.2.1 255.255.255.0
 ip nat outside
 ip mtu 1492
 ip tcp adjust-mss 1452
";

fn syn() -> Packet {
    with_options(segment(Initiator, Flags::SYN, 1, 0, 0), &SYN_OPTIONS)
}

#[test]
fn mss_and_mtu_of_an_interface() {
    let mut device = ios_router("", Some(TEXT)).unwrap().0;
    let out = send(&mut device, 0, syn());
    assert_eq!(
        (out.packet.options.mss(), out.labels()),
        (Some(1452), vec!["mss-rewritten".into()])
    );
    assert!(out.packet.options.has(30));
    let large = |len| {
        send(
            &mut ios_router("", Some(TEXT)).unwrap().0,
            1,
            segment(Initiator, Flags::ACK, 2, 10, len),
        )
    };
    assert_eq!(large(1452).drop_reason(), None);
    assert_eq!(large(1453).drop_reason(), Some("larger than the MTU"));
}

#[test]
fn tcp_intercept_answers_for_the_server() {
    let listed =
        format!("{TEXT}access-list 120 permit tcp any host 10.1.1.2\nip tcp intercept list 120\n");
    let mut device = ios_router("", Some(&listed)).unwrap().0;
    let out = send(&mut device, 0, syn());
    let answer = &out.effects.emitted[0].1;
    assert_eq!((answer.flags, answer.options.has(30)), (Flags(0x12), false));
    let ack = segment(Initiator, Flags::ACK, 2, answer.seq.0.wrapping_add(1), 0);
    let out = send(&mut device, 1, ack);
    assert_eq!(out.effects.emitted[0].1.flags, Flags::SYN);
    let out = send(&mut device, 2, segment(Responder, Flags(0x12), 900, 2, 0));
    assert_eq!(out.effects.emitted.len(), 2);
    let shift = answer.seq.0.wrapping_sub(900);
    let out = send(&mut device, 3, segment(Responder, Flags::ACK, 901, 2, 10));
    assert_eq!(out.packet.seq.0, 901u32.wrapping_add(shift));
    assert_eq!(device.counters()[0], ("connections intercepted".to_owned(), 1));
    let watched = format!("{listed}ip tcp intercept mode watch\n");
    let mut device = ios_router("", Some(&watched)).unwrap().0;
    assert_eq!(send(&mut device, 0, syn()).effects.emitted.len(), 0);
}

#[test]
fn lines_are_passed_over_knowingly_or_said() {
    let real = "Building configuration...\n!\nversion 15.7\nservice timestamps log datetime msec\nhostname r1\n\
                boot-start-marker\nboot-end-marker\naaa new-model\nip cef\nip domain name example.com\n\
                crypto isakmp policy 10\n encr aes 256\n hash sha256\ninterface Vlan1\n no ip address\n shutdown\n\
                router ospf 1\n network 10.0.0.0 0.255.255.255 area 0\nline vty 0 4\n login local\nend\n";
    assert_eq!(ios_findings(real), []);
    let maps = "vlan access-map M 10\nmatch ip address 1\naction forward\nmac access-list extended A\npermit any host 1111.1111.2222\n";
    assert_eq!(ios_findings(&format!("{TEXT}{maps}")), []);
    let unindented = "line vty 0 4\naccess-class 10 in\nexec-timeout 5 0\ntransport input ssh\n";
    assert_eq!(ios_findings(&format!("{TEXT}{unindented}")), []);
    let check = |line: &str, severity, says: &str| {
        let found = ios_findings(&format!("{TEXT}{line}\n"));
        let first = found.first().unwrap_or_else(|| panic!("nothing said about {line}"));
        assert_eq!((first.severity, first.line), (severity, 10), "{first}");
        assert!(first.to_string().contains(says), "{first}");
    };
    check("frobnicate all", Severity::Warning, "no command that is known");
    check(" frobnicate all", Severity::Warning, "no command of an interface");
    check(" ip acess-group 1 in", Severity::Error, "did you mean ip access-group?");
    check("acces-list 1 permit any", Severity::Error, "did you mean access-list?");
    check("access-list 101 permit any", Severity::Error, "expected a protocol");
    check("ip access-list extendend A", Severity::Error, "expected extended or standard");
    check(
        "ip tcp intercept mode both",
        Severity::Error,
        "expected mode intercept or watch, found `both`",
    );
    check(" ip mtu 7", Severity::Error, "expected an MTU");
}

/// A page's words before a configuration that is indented as a whole.
#[test]
fn a_configuration_that_is_indented_as_a_whole() {
    let text = "interface GigabitEthernet0/0\n ip address 10.0.0.1 255.255.255.0\n ip access-group A in\n\
                ip access-list extended A\n deny tcp any any eq 80\n permit ip any any\n";
    let audit = |text: &str| {
        let (_, audit) = crate::audit::audit(crate::config::ConfigText::new("r1", text), None);
        audit.verdicts.into_iter().map(|v| (v.traffic, v.direction, v.effect)).collect::<Vec<_>>()
    };
    let indented: String = text.lines().map(|line| format!("  {line}\n")).collect();
    assert_eq!(audit(text).len(), 4);
    assert_eq!(audit(&format!("Filtering on the inside\n{indented}")), audit(text));
    // A block that is not known may have interfaces of its own.
    let found =
        ios_findings("sdwan\n interface GigabitEthernet1\n  tunnel-interface\n   color mpls\n");
    assert!(found.iter().all(|w| w.line == 1), "{found:?}");
}

#[test]
fn addresses_written_with_letters_are_told_once() {
    let text = TEXT.replace("10.0.1.1 255.255.255.0", "a.b.c.d x.y.z.w");
    let told = |text: &str| -> Vec<(u32, String)> {
        let found =
            ios_findings(text).into_iter().filter(|w| w.message.contains("expected an address"));
        found.map(|w| (w.line, w.message)).collect()
    };
    let message = "expected an address, found `a.b.c.d`".to_owned();
    assert_eq!(told(&text), [(3, message.clone())]);
    assert_eq!(told(&text.replace("192.0.2.1", "a.b.c.e")), [(3, message)]);
    assert_eq!(told(&TEXT.replace("10.0.1.1 255.255.255.0", "dhcp")), []);
}

#[test]
fn senders_are_told_unless_unreachables_are_off_and_not_too_often() {
    let large = |port: u16| {
        let mut packet = segment(Initiator, Flags::ACK, 2, 10, 1453);
        packet.src_port = port;
        packet
    };
    let mut device = ios_router("", Some(TEXT)).unwrap().0;
    let told = |device: &mut dyn Device, at_ms, port| {
        let sent = large(port);
        let out = send(device, at_ms, sent.clone());
        for (port, error) in &out.effects.emitted {
            assert_eq!((port.0, error.src.to_string()), (0, "10.0.1.1".into()));
            let read = error.icmp().unwrap();
            assert_eq!(
                (read.reason(), read.flow()),
                (Reason::TooBig { mtu: 1492 }, Some(sent.flow()))
            );
            assert_eq!(error.wire_len(), 56, "IOS quotes eight bytes of TCP");
        }
        out.effects.emitted.len()
    };
    assert_eq!(told(&mut device, 0, 1), 1);
    assert_eq!(told(&mut device, 499, 2), 0, "one in 500 ms");
    assert_eq!(told(&mut device, 500, 3), 1);
    let silent = TEXT.replace(" ip nat inside\n", " ip nat inside\n no ip unreachables\n");
    let mut device = ios_router("", Some(&silent)).unwrap().0;
    assert_eq!(told(&mut device, 0, 1), 0);
    assert_eq!(ios_findings(&silent), []);
    // An access list's denial is told, too.
    let listed = format!("{TEXT} ip access-group 101 in\naccess-list 101 deny tcp any any\n");
    let mut device = ios_router("", Some(&listed)).unwrap().0;
    let out = send(&mut device, 0, segment(Responder, Flags::SYN, 1, 0, 0));
    let error = &out.effects.emitted[0].1;
    assert_eq!(error.icmp().unwrap().reason(), Reason::Prohibited);
}

#[test]
fn access_lists_judge_icmp_errors() {
    let about = segment(Initiator, Flags::ACK, 2, 10, 1400);
    let check = |entry: &str, dropped| {
        let text = format!(
            "interface a\n ip address 10.0.1.1 255.255.255.0\ninterface b\n ip address \
                            192.0.2.1 255.255.255.0\n ip access-group 101 in\naccess-list 101 {entry}\n"
        );
        let mut device = ios_router("", Some(&text)).unwrap().0;
        let out = send_from(&mut device, 0, OUTSIDE, too_big(&about, 1400));
        assert_eq!(out.drop_reason(), dropped, "{entry}");
    };
    check("permit tcp any any", Some("access list"));
    check("permit icmp any any packet-too-big", None);
    check("permit ip any any", None);
}

/// A connection from outside to a host inside by its own address is answered by another: so it is said, and so the model
/// does.
#[test]
fn answers_of_inside_hosts_are_translated() {
    let listed = |let_in: &str| {
        let text = TEXT.replace("ip nat outside\n", "ip nat outside\n ip access-group IN in\n");
        format!(
            "{text}access-list 1 permit 10.0.0.0 0.255.255.255\nip nat inside source list 1 interface GigabitEthernet0/1 overload\nip access-list extended IN\n {let_in}\n"
        )
    };
    let told = |text: &str| -> Vec<Option<u32>> {
        let verdicts =
            crate::audit::audit(crate::config::ConfigText::new("r", text), None).1.verdicts;
        let lost = verdicts.iter().filter(|v| v.traffic.ends_with("whose answers are translated"));
        let lost = lost.filter(|v| v.effect == crate::audit::Effect::Drop);
        let permitted = verdicts.iter().any(|v| {
            v.traffic == "TCP that is permitted"
                && v.direction.ends_with("GigabitEthernet0/1, opened from its side")
        });
        let lines: Vec<_> = lost.map(|v| v.because[0].line).collect();
        assert_eq!(
            permitted,
            lines.is_empty() && !text.contains("host 192.0.2.1 eq"),
            "{verdicts:#?}"
        );
        lines
    };
    let open = listed("permit tcp any host 10.0.1.2 eq 80");
    assert_eq!(told(&open), [Some(12)]);
    assert_eq!(told(&listed("permit tcp any host 192.0.2.1 eq 80")), []);
    assert_eq!(told(&open.replace("list 1 i", "list 2 i")), []);
    let fixed = format!("{open}ip nat inside source static 10.0.1.2 192.0.2.7\n");
    assert_eq!(told(&fixed), []);

    let mut device = ios_router("", Some(&open)).unwrap().0;
    let [client, server] = ["198.51.100.9:40000", "10.0.1.2:80"].map(|end| end.parse().unwrap());
    let mut call = Packet::new(client, server);
    call.flags = Flags::SYN;
    let there = send_from(&mut device, 0, OUTSIDE, call);
    assert_eq!((there.drop_reason(), there.packet.flow().dst), (None, server));
    let mut answer = Packet::new(server, client);
    answer.flags = Flags::SYN.with(Flags::ACK);
    let back = send_from(&mut device, 1, INSIDE, answer);
    assert_eq!(back.drop_reason(), None);
    assert_eq!(back.packet.src.to_string(), "192.0.2.1");
}
