//! Packets through rules of iptables.

use sim_core::wire::packet::Flags;

use super::super::*;
use crate::steps::track::Sender::{Initiator, Responder};
use crate::testing::{SYN_OPTIONS, segment, send, with_options};

fn built(text: &str) -> Result<(Linux, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let context = DeviceContext { name: "l", seed: 1, default_farm: None };
    build(&context, Some(ConfigText::new("rules.v4", text)))
}

fn linux(text: &str) -> Linux {
    let (device, warnings) = built(text).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(warnings, [], "{text}");
    device
}

fn syn() -> Packet {
    with_options(segment(Initiator, Flags::SYN, 1, 0, 0), &SYN_OPTIONS)
}

#[test]
fn rules() {
    let check = |rule: &str, label: Option<&str>| {
        for text in [
            format!("*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD {rule}\nCOMMIT\n"),
            format!("iptables -t mangle -A FORWARD {rule}\n"),
        ] {
            let out = send(&mut linux(&text), 0, syn());
            assert_eq!(out.labels().first().map(String::as_str), label, "{text}");
        }
    };
    let nop = Some("option-30-to-nop");
    check("-p tcp -j TCPOPTSTRIP --strip-options 30", nop);
    check("-p tcp -m tcp --dport 5001 -j TCPOPTSTRIP --strip-options 30", nop);
    check("-p tcp --dport 80 -j TCPOPTSTRIP --strip-options 30", None);
    check("-p tcp ! --dport 80 -j TCPOPTSTRIP --strip-options 30", nop);
    check("-p tcp -m multiport --dports 22,5000:5002 -j TCPOPTSTRIP --strip-options 30", nop);
    check("-s 10.0.0.0/8 -d 10.1.1.2 -p tcp -j TCPOPTSTRIP --strip-options 30", nop);
    check("-p udp -j TCPOPTSTRIP --strip-options 30", None);
    check("-p tcp -j TCPOPTSTRIP --strip-options wscale,timestamp", Some("option-8-to-nop"));
    check("-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1200", Some("mss-rewritten"));
    check("-p tcp --tcp-option 30 -j DROP", Some("dropped"));
    check("-p tcp --tcp-option 31 -j DROP", None);
    check("-p tcp --syn -j REJECT --reject-with tcp-reset", Some("reset"));
    check("-m conntrack --ctstate INVALID -j DROP", None);
    check("-m state --state NEW -j DROP", Some("dropped"));
    let policy = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -p tcp --dport 80 -j ACCEPT\nCOMMIT\n";
    assert_eq!(send(&mut linux(policy), 0, syn()).drop_reason(), Some("DROP"));
    let first = "iptables -A FORWARD -j ACCEPT\niptables -A FORWARD -j DROP\n";
    assert_eq!(send(&mut linux(first), 0, syn()).drop_reason(), None);
    let inserted = "iptables -A FORWARD -j ACCEPT\niptables -I FORWARD 1 -j DROP\n";
    assert_eq!(send(&mut linux(inserted), 0, syn()).drop_reason(), Some("DROP"));
}

/// A script's command may go on over several lines.
#[test]
fn continued_lines() {
    let text = "/sbin/sysctl -w net.ipv4.ip_forward=1\niptables -t mangle \\\n    -A FORWARD -p tcp \\\n    -j TCPOPTSTRIP --strip-options 30\niptables -A FORWARD -j ACCEPT\n";
    let out = send(&mut linux(text), 0, syn());
    assert_eq!(out.labels().first().map(String::as_str), Some("option-30-to-nop"));
    let cut =
        built("iptables -t mangle -A FORWARD -p tcp -j TCPOPTSTRIP --strip-options 30 \\").unwrap();
    assert_eq!(cut.1, []);
}

/// The command that a rule's remedy gives is that of the rule, to delete it.
#[test]
fn remedies_delete_the_rule() {
    let check = |text: &str, label: &str, expect: &str| {
        let remedy = send(&mut linux(text), 0, syn()).rule(label).remedy.clone().expect("a remedy");
        assert_eq!(remedy.lines, [expect], "{text}");
    };
    let strip = "-p tcp -j TCPOPTSTRIP --strip-options 30";
    let deleted = format!("iptables -t mangle -D FORWARD {strip}");
    check(&format!("*mangle\n-A FORWARD {strip}\nCOMMIT\n"), "option-30-to-nop", &deleted);
    check(&format!("iptables -t mangle -A FORWARD {strip}\n"), "option-30-to-nop", &deleted);
    let proxy = "-p tcp -m state --state NEW -j SYNPROXY --mss 1460";
    let deleted = format!("iptables -t filter -D FORWARD {proxy}");
    check(&format!("*filter\n-A FORWARD {proxy}\nCOMMIT\n"), "answered", &deleted);
}

#[test]
fn synproxy_answers_and_splices() {
    let text = "*raw\n-A PREROUTING -p tcp --syn --dport 5001 -j CT --notrack\nCOMMIT\n*filter\n-A FORWARD -p tcp --dport 5001 -m state --state INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460\n-A FORWARD -m state --state INVALID -j DROP\nCOMMIT\n";
    let mut device = linux(text);
    let out = send(&mut device, 0, syn());
    assert_eq!(out.forwarding, Forwarding::Consumed);
    let answer = out.effects.emitted[0].1.clone();
    assert_eq!((answer.flags, answer.options.has(30)), (Flags(0x12), false));
    let ack = segment(Initiator, Flags::ACK, 2, answer.seq.0.wrapping_add(1), 0);
    let out = send(&mut device, 1, ack);
    assert_eq!(out.effects.emitted[0].1.flags, Flags::SYN);
    let out = send(&mut device, 2, segment(Responder, Flags(0x12), 500, 2, 0));
    assert_eq!(out.effects.emitted.len(), 2);
    let out = send(&mut device, 3, segment(Responder, Flags::ACK, 501, 2, 10));
    assert_eq!(out.packet.seq, answer.seq.add(1));
}

#[test]
fn faults_are_said() {
    let says = |rule: &str| {
        let found = match built(&format!("*filter\n-A FORWARD {rule}\n")) {
            Ok((_, warnings)) => warnings,
            Err(errors) => errors,
        };
        found.first().map(ToString::to_string).unwrap_or_default()
    };
    assert!(says("-p tcp -j TCPOPTSTRP --strip-options 30").contains("did you mean TCPOPTSTRIP?"));
    assert!(
        says("-p tcp -j TCPOPTSTRIP --strip-options mptcp").contains("`mptcp` is no TCP option")
    );
    assert!(says("-p tcp --dprt 80 -j DROP").contains("did you mean --dport?"));
    assert!(says("-p tcp --dport x -j DROP").contains("expected ports"));
    assert!(says("-p tcp -g ACCEPT").contains("no chain"));
    assert!(says("-i eth0 -j DROP").contains("interfaces"));
    let own =
        built("*filter\n-A INPUT -p tcp -j SYNPROXY --mss 1460\n").map_or_else(|e| e, |b| b.1);
    assert!(own[0].to_string().contains("this host itself"));
    assert!(says("-m recent --rcheck -j DROP").contains("not modelled"));
    assert!(built("frobnicate\n").unwrap().1[0].message.contains("passed over"));
}
