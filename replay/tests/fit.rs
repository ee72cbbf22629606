//! `--fit`: a box made of known rules is explained by rules that do the same; where the smallest set is
//! one rule, it is that rule.

mod common;

use std::collections::BTreeSet;

use common::capture;
use devices::steps::track::Sender::{Initiator, Responder};
use replay::conform::conform;
use replay::connections::Inside;
use replay::crossing::Crossing;
use replay::fit::fit;
use replay::probe::dialogue::{Dialogue, Probe, SERVER, SYN_OPTIONS, TIMESTAMPS};
use replay::probe::outcome::passed;
use scenarios::{DEFAULT_SEED, DeviceFile};
use sim_core::engine::device::Side;
use sim_core::wire::packet::Flags;

/// Connections with MPTCP's options, a plain one, and text with an address.
fn traffic() -> Vec<Probe> {
    let push = Flags::ACK.with(Flags::PSH);
    let data_ack = [1, 1, 30, 8, 0x20, 0x01, 0, 0, 0, 101, 1, 1];
    let map = |n: u8| [30, 14, 0x20, 0x04, 0, 0, n, 2, 0, 0, n, 1, 0, 100, 1, 1];
    let add = [30, 16, 0x30, 2, 10, 0, 2, 2, 1, 2, 3, 4, 5, 6, 7, 8];
    let mut all = Vec::new();
    for port in [40_000, 40_001] {
        let mut d = Dialogue::new(Side::Inside, SERVER, port);
        d.open(
            &[2, 4, 5, 180, 30, 4, 0x01, 0x01],
            &[2, 4, 5, 180, 30, 12, 0x01, 0x01, 8, 7, 6, 5, 4, 3, 2, 1],
            &[30, 20, 0x01, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1],
        );
        d.say(Responder, Flags::ACK, &add, b"");
        for n in 0..6 {
            d.say(Initiator, push, &map(n), &Dialogue::content(100));
            d.say(Responder, Flags::ACK, &data_ack, b"");
        }
        d.say(Responder, push, &map(9), &Dialogue::content(300));
        d.say(Initiator, Flags::ACK.with(Flags::FIN), &[], b"");
        d.say(Responder, Flags::ACK.with(Flags::FIN), &[], b"");
        d.say(Initiator, Flags::ACK, &[], b"");
        all.push(d.probe(format!("mptcp {port}")));
    }
    let mut d = Dialogue::new(Side::Inside, SERVER, 40_002);
    d.open(&SYN_OPTIONS, &SYN_OPTIONS, &TIMESTAMPS);
    d.say(Initiator, push, &TIMESTAMPS, b"PORT 10.0.1.2,1,2 and more of the same");
    d.say(Initiator, push, &TIMESTAMPS, b"LIST");
    d.say(Responder, push, &TIMESTAMPS, b"200 OK");
    d.say(Initiator, Flags::ACK, &TIMESTAMPS, b"");
    all.push(d.probe("plain"));
    all
}

/// What a box of these rules does.
fn crossing(device: &str) -> Crossing {
    let probes = traffic();
    let mut built = DeviceFile::load(device, None).unwrap().build(DEFAULT_SEED).unwrap();
    let (inputs, passed) = passed(built.device.as_mut(), &probes);
    let sides: Vec<_> = probes.iter().map(|p| p.ends().ports.map(|port| port.side())).collect();
    let before = capture(&inputs, &passed, Side::Inside, &sides);
    let after = capture(&inputs, &passed, Side::Outside, &sides);
    let inside: Inside = "10.0.0.0/16".parse().unwrap();
    Crossing::new(&before, &after, Some(&inside))
}

/// How many rules explain a box of these; they are held against the captures once more, with other luck.
fn explained(device: &str) -> Vec<String> {
    let none = BTreeSet::new();
    let crossing = crossing(device);
    let fit = fit(&crossing, &none);
    assert_eq!(fit.unexplained, 0, "{device}: {:#?}", fit.rules);
    let mut built = DeviceFile::load(&fit.device(), None).unwrap().build(77).unwrap();
    let conformed = conform(&crossing, built.device.as_mut(), &none);
    assert!(conformed.iter().all(|c| c.mismatches.is_empty()), "{device}");
    fit.rules
}

#[test]
fn boxes_of_one_rule() {
    for rule in [
        "(do: Nop)",
        "(do: Eol)",
        "(do: Remove)",
        "(when: (segment: [Syn]), do: Nop)",
        "(when: (segment: [SynAck]), do: Nop)",
        "(when: (option: AddAddr), do: Remove)",
        "(when: (option: Dss), do: Nop)",
        "(when: (direction: ToClient), do: Nop)",
        "(when: (after: (packets: 6)), do: Nop)",
        "(when: (option: Capable), do: Drop)",
        "(when: (option: AddAddr), do: Drop)",
        "(when: (segment: [Data], skip: 3, times: 1), do: Drop)",
        "(do: ClampMss(to: 1380))",
        "(do: Window(to: 1000))",
        "(do: Ttl(to: 63))",
        "(do: RandomiseIsn())",
        "(do: Nat(address: \"192.0.2.7\"))",
        "(do: Balance(to: \"10.1.9.2:5001\"))",
        "(when: (segment: [Data]), do: Split(options: Both))",
        "(do: Replace(find: \"10.0.1.2\", with: \"192.0.2.77\"))",
        "(when: (segment: [Data], times: 1), do: Flip(at: 7))",
        "(when: (segment: [Data], skip: 2, times: 1), do: Reset(to: Client))",
    ] {
        let rules = explained(&format!("Custom(rules: [{rule}])"));
        assert_eq!(rules.len(), 1, "{rule}: {rules:?}");
    }
    assert_eq!(explained("Switch()"), [""; 0]);
}

#[test]
fn boxes_of_several_rules() {
    for (rules, most) in [
        ("(do: Nop), (do: RandomiseIsn()), (do: ClampMss(to: 1380))", 3),
        ("(when: (option: AddAddr), do: Drop), (when: (segment: [Syn]), do: Nop)", 2),
        ("(do: Nat(address: \"192.0.2.7\", port: 20000)), (do: Ttl(to: 60))", 2),
    ] {
        let found = explained(&format!("Custom(rules: [{rules}])"));
        assert!(found.len() <= most, "{rules}: {found:?}");
    }
    // The same as an ASA does by default, in rules.
    let found = explained("Asa()");
    assert!(found.iter().any(|rule| rule.contains("RandomiseIsn")), "{found:?}");
    assert!(found.iter().any(|rule| rule.contains("Nop")), "{found:?}");
}
