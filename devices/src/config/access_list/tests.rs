use super::*;
use crate::config::objects::Objects;
use crate::config::{ConfigText, Diagnostics, lines};
use Dialect::{Asa, Ios};

#[test]
fn icmp_errors_have_entries_of_their_own() {
    let check = |dialect, words: &str, reason, expected: Option<bool>| {
        let text = ConfigText::new("t", words);
        let all = lines(words);
        let mut found = Diagnostics::new("t");
        let read =
            entry(dialect, &all[0].words[2..], &Objects::default(), &all[0], text, &mut found);
        let mut list = AccessList::default();
        list.add(&all[0].words[2..], read);
        let (src, dst) = ("192.0.2.1".parse().unwrap(), "10.0.1.2".parse().unwrap());
        let matched = list.matching_icmp(src, dst, reason).map(|e| e.permit);
        assert_eq!(matched, expected, "{words}");
        let flow = Flow { src: SocketAddr::new(src, 7), dst: SocketAddr::new(dst, 7) };
        let tcp = list.matching(flow, Flags::SYN).is_some();
        assert_eq!(tcp, words.contains(" ip "), "an entry for ICMP names no TCP: {words}");
    };
    let too_big = Reason::TooBig { mtu: 1400 };
    check(Ios, "access-list 101 permit icmp any any", too_big, Some(true));
    check(Ios, "access-list 101 permit icmp any any packet-too-big", too_big, Some(true));
    check(Ios, "access-list 101 permit icmp any any packet-too-big", Reason::Prohibited, None);
    check(Ios, "access-list 101 deny icmp any any unreachable log", too_big, Some(false));
    check(Ios, "access-list 101 permit icmp any any echo-reply", too_big, None);
    check(Ios, "access-list 101 permit icmp any host 10.0.1.3", too_big, None);
    check(Ios, "access-list 101 permit ip any any", too_big, Some(true));
    check(Asa, "access-list a extended permit icmp any any unreachable", too_big, Some(true));
    check(Asa, "access-list a extended permit icmp any any 3 13", Reason::Prohibited, Some(true));
    check(Asa, "access-list a extended permit icmp any any time-exceeded", too_big, None);
    check(Asa, "access-list a extended permit ip any any", Reason::TimeExceeded, Some(true));
}

#[test]
fn entries() {
    let flow =
        Flow { src: "10.0.1.2:40000".parse().unwrap(), dst: "10.1.1.2:5001".parse().unwrap() };
    let check = |dialect, words: &str, flags, expected: Option<bool>| {
        let text = ConfigText::new("t", words);
        let all = lines(words);
        let mut found = Diagnostics::new("t");
        let read =
            entry(dialect, &all[0].words[2..], &Objects::default(), &all[0], text, &mut found);
        let mut list = AccessList::default();
        list.add(&all[0].words[2..], read);
        assert_eq!(list.matching(flow, flags).map(|e| e.permit), expected, "{words}");
        found.into_result()
    };
    let read = |dialect, words: &str, expected| {
        assert_eq!(check(dialect, words, Flags::SYN, expected), Ok(vec![]), "{words}");
    };
    read(Asa, "access-list a extended permit tcp any any eq 5001", Some(true));
    read(Asa, "access-list a extended permit tcp any any eq www", None);
    read(Asa, "access-list a extended deny tcp any any range 5000 5010 log", Some(false));
    read(
        Asa,
        "access-list a line 3 extended permit ip 10.0.0.0 255.255.0.0 host 10.1.1.2",
        Some(true),
    );
    read(Asa, "access-list a permit tcp any4 gt 1023 any neq 80", Some(true));
    read(Asa, "access-list a extended permit tcp any6 any", None);
    read(Asa, "access-list a extended permit udp any any", None);
    read(Asa, "access-list a standard permit 10.1.1.0 255.255.255.0", Some(true));
    read(Asa, "access-list a advanced permit tcp any any eq 5001 rule-id 9", Some(true));
    read(Asa, "access-list a advanced trust ip any any rule-id 9 event-log both", Some(true));
    read(Asa, "access-list a extended permit tcp any any inactive", None);
    read(Asa, "access-list a remark permit tcp any any", None);
    read(Ios, "access-list 101 permit tcp 10.0.0.0 0.255.255.255 any eq 80 5001 log", Some(true));
    read(Ios, "access-list 101 deny ip any any", Some(false));
    read(Ios, "access-list 10 permit 10.0.1.0 0.0.0.255", Some(true));
    read(Ios, "access-list 10 permit 10.0.1.2", Some(true));
    read(Ios, "access-list 10 permit 10.1.1.2", None);
    read(Ios, "access-list x sequence 10 permit tcp any any", Some(true));
    read(Ios, "access-list x 10 permit tcp 0.0.0.2 255.255.255.0 any", Some(true));
    read(Ios, "access-list 101 permit tcp any any established", None);
    assert_eq!(
        check(Ios, "access-list 101 permit tcp any any established", Flags::ACK, Some(true)),
        Ok(vec![])
    );
    let wildcard = "access-list a extended permit tcp 10.0.0.0 0.0.255.255 any";
    let said = check(Asa, wildcard, Flags::SYN, Some(true)).unwrap_err();
    assert!(said[0].message.contains("wants the netmask 255.255.0.0"), "{said:?}");
    for broken in [
        "access-list a extended permit tcp any any eq 70000",
        "access-list a extended permit tcp any 10.1.1.2",
        "access-list a extended allow tcp any any",
    ] {
        assert!(check(Asa, broken, Flags::SYN, None).is_err(), "{broken}");
    }
}

/// An FTD's entries ask for interfaces, too.
#[test]
fn entries_that_ask_for_interfaces() {
    let text = "access-list a advanced permit tcp ifc in any ifc out any eq https rule-id 9\n\
                access-list a advanced permit icmp ifc out any any rule-id 8\n\
                access-list a advanced trust ip ifc dmz any any rule-id 7\n";
    let text = ConfigText::new("ftd", text);
    let mut found = Diagnostics::new("ftd");
    let mut list = AccessList::default();
    for line in text.lines().iter() {
        let objects = Objects::default();
        let read = entry(Dialect::Asa, &line.words[2..], &objects, line, text, &mut found);
        list.add(&line.words[2..], read);
    }
    assert_eq!(found.len(), 0);
    assert_eq!(list.interfaces().into_iter().collect::<Vec<_>>(), ["dmz", "in", "out"]);
    let flow = |port| Flow {
        src: SocketAddr::new([10, 0, 0, 1].into(), 40_000),
        dst: SocketAddr::new([10, 0, 1, 1].into(), port),
    };
    for (at, port, line) in [
        (["in", "out"], 443, Some(1)),
        (["in", "out"], 80, None),
        (["in", "dmz"], 443, None),
        (["out", "in"], 443, None),
        (["dmz", "in"], 80, Some(3)),
    ] {
        let matching = list.matching_between(at, flow(port), Flags::SYN);
        assert_eq!(matching.map(|e| e.place.line), line, "{at:?} {port}");
    }
}

/// What of a list's entries decides about a flow from 10.0.1.2 to 10.1.1.2, port 5001: the line, and whether
/// it is certain.
fn decided(dialect: Dialect, text: &str, flags: Flags) -> (Option<u32>, bool, usize) {
    let read = ConfigText::new("t", text);
    let (mut found, mut list, mut objects) =
        (Diagnostics::new("t"), AccessList::default(), Objects::default());
    let mut block = None;
    for line in read.lines().iter() {
        if line.words[0] == "access-list" {
            let words = &line.words[2..];
            let read = entry(dialect, words, &objects, line, read, &mut found);
            list.add(words, read);
        } else if let Some(opened) = objects.outer(line) {
            block = Some(opened);
        } else if let Some(block) = &block {
            objects.inner(block, line, &mut found);
        }
    }
    let flow =
        Flow { src: "10.0.1.2:40000".parse().unwrap(), dst: "10.1.1.2:5001".parse().unwrap() };
    let matching = list.matching(flow, flags).map(|e| e.place.line);
    let doubt = list.doubt(["", ""], flow, flags).map(|e| e.place.line);
    (doubt.or(matching), doubt.is_none(), found.len())
}

/// An entry that is not understood makes it open what becomes of what it may name, and of nothing else.
#[test]
fn what_is_not_understood_is_open() {
    let check = |dialect, first: &str, certain: bool, warnings: usize| {
        let text = format!("access-list 101 {first}\naccess-list 101 permit ip any any\n");
        let expected = (Some(if certain { 2 } else { 1 }), certain, warnings);
        assert_eq!(decided(dialect, &text, Flags::SYN), expected, "{first}");
    };
    for first in [
        "deny frob any any",
        "deny tcp any any frob",
        "deny tcp any any dscp ef",
        "deny tcp any any time-range NIGHT",
        "deny tcp any any log time-range NIGHT",
        "deny tcp any any eq frob",
        "deny tcp object-group NONE any",
        "deny object-group NONE any any",
        "deny tcp any any ttl lt 5",
        "dynamic X permit tcp any any",
    ] {
        check(Ios, first, false, 1);
    }
    // What comes after it does the same.
    check(Ios, "permit tcp any host 10.1.1.2 tos 4", true, 1);
    let denied = "access-list 101 deny tcp any any tos 4\naccess-list 101 permit udp any any\n";
    assert_eq!(decided(Ios, denied, Flags::SYN), (None, true, 1), "as the end of the list");
    // What an undefined group stands in is open, the rest of the entry holds.
    check(Ios, "deny tcp any object-group NONE eq 80", true, 1);
    check(Ios, "deny tcp any object-group NONE eq 5001", false, 1);
    check(Ios, "deny tcp any portgroup NONE any eq 5001", false, 1);
    check(Ios, "deny tcp <OFFICE> 0.0.0.255 any eq 80", true, 1);
    check(Ios, "deny tcp <OFFICE> 0.0.0.255 any eq 5001", false, 1);
    check(Ios, "deny tcp any any portgroup NONE", false, 1);
    // What was read before shows that the flow is not meant.
    check(Ios, "deny tcp host 10.9.9.9 any dscp ef", true, 1);
    check(Ios, "deny tcp any any eq 80 dscp ef", true, 1);
    for first in [
        "deny udp any any",
        "deny 47 any any",
        "deny esp any any",
        "deny tcp any any fragments",
        "deny ip any any log fragments",
        "deny tcp any any established",
        "deny tcp any any ack",
        "deny tcp any any match-all +ack +syn",
        "deny tcp any any match-any +rst +fin log",
        "remark deny tcp any any",
        "deny tcp any any eq 80 443 log-input",
        "deny tcp any any eq 80 ! web",
        "deny tcp any any eq 80 <--- web",
        "deny tcp any any neq 22 5001",
    ] {
        check(Ios, first, true, 0);
    }
    check(Asa, "extended deny tcp any any log 6 interval 30 inactive", true, 0);
    check(Asa, "extended deny tcp any any inactive (hitcnt=0) 0x1234", true, 0);
    check(Asa, "extended deny tcp user LAB\\\\joe any any", false, 1);
    check(Asa, "extended deny tcp user LAB\\\\joe any any eq 80", true, 1);
    check(Asa, "extended deny tcp security-group tag 7 any security-group name X any", false, 2);
    check(Asa, "extended deny tcp object-group-user U host 10.9.9.9 any", true, 1);
    check(Asa, "extended deny tcp any interface outside", false, 1);
    check(Asa, "extended deny sctp any any", true, 0);
    check(Asa, "extended deny tcp any any time-range NIGHT", false, 1);
    // What a device refuses for want of a mask is not there.
    for refused in
        ["deny tcp 10.0.1.2 any", "deny tcp any 10.1.1.2", "deny ip host 10.0.1.2 10.1.1.2 eq 80"]
    {
        check(Ios, refused, true, 1);
        check(Asa, &format!("extended {refused}"), true, 1);
    }
    check(Asa, "extended deny ip 10.0.1.2 10.1.1.2", true, 1);
    check(Asa, "extended deny ip 10.0.1.2 x any", false, 1);
    for syn in ["syn", "match-all +syn -ack", "match-any +syn +fin", "match-any -ack"] {
        let text = format!("access-list 101 deny tcp any any {syn}\n");
        assert_eq!(decided(Ios, &text, Flags::SYN), (Some(1), true, 0), "{syn}");
    }
}

/// A group that holds something unknown may name more than is known.
#[test]
fn groups_that_are_open() {
    let check = |group: &str, entry: &str, expected: (Option<u32>, bool, usize)| {
        let text = format!("{group}\naccess-list a {entry}\n");
        assert_eq!(decided(Asa, &text, Flags::SYN), expected, "{text}");
    };
    let network = |member: &str| format!("object-group network G\n {member}");
    let to = "extended permit tcp any object-group G";
    check(&network("network-object host 10.1.1.2"), to, (Some(3), true, 0));
    check(&network("network-object host 10.1.1.3"), to, (None, true, 0));
    check(&network("fqdn v4 www.example.com"), to, (Some(3), false, 1));
    check(&network("group-object NONE"), to, (Some(3), false, 1));
    check(&network("frob 10.1.1.2"), to, (Some(3), false, 1));
    let web = |member: &str| format!("object-group network-service G\n {member}");
    let to_web = "extended permit ip any object-group-network-service G";
    check(&web("domain example.com tcp eq 5001"), to_web, (Some(3), false, 1));
    check(&web("domain example.com tcp eq 443"), to_web, (None, true, 1));
    check(&web("subnet 10.1.1.0 255.255.255.0 tcp eq 5001"), to_web, (Some(3), true, 0));
    check(&web("subnet 10.1.1.0 255.255.255.0"), to_web, (Some(3), true, 0));
    check(&web("subnet 10.1.2.0 255.255.255.0"), to_web, (None, true, 0));
    check(&web("subnet 10.1.1.0 255.255.255.0 udp eq 5001"), to_web, (None, true, 0));
    let service = |member: &str| format!("object-group service G\n {member}");
    let of = "extended permit object-group G any any";
    check(&service("service-object tcp destination eq 5001"), of, (Some(3), true, 0));
    check(&service("service-object tcp-udp destination eq 5001"), of, (Some(3), true, 0));
    check(&service("service-object udp destination eq 5001"), of, (None, true, 0));
    check(&service("service-object icmp echo"), of, (None, true, 0));
    check(&service("service-object ip"), of, (Some(3), true, 0));
    check(&service("service-object object NONE"), of, (Some(3), false, 1));
    check(&service("frob 7"), of, (Some(3), false, 1));
    let protocol = |member: &str| format!("object-group protocol G\n protocol-object {member}");
    check(&protocol("tcp"), "extended permit object-group G any any eq 5001", (Some(3), true, 0));
    check(&protocol("tcp"), "extended permit object-group G any any eq 80", (None, true, 0));
    check(&protocol("udp"), "extended permit object-group G any any eq 5001", (None, true, 0));
    let ports = "object-group service G tcp\n port-object range 5000 5002";
    check(ports, "extended permit tcp any any object-group G", (Some(3), true, 0));
    check(ports, "extended permit tcp any object-group G any", (None, true, 0));
    check(ports, "extended permit tcp any object-group G any eq 5001", (None, true, 0));
    let sources = "object-group service G tcp\n port-object gt 1023";
    check(sources, "extended permit tcp any object-group G any eq 5001", (Some(3), true, 0));
    let xr = "object-group network ipv4 G\n 10.1.1.0/24\nobject-group port P\n eq 5001";
    let text = format!("{xr}\naccess-list a 10 permit tcp any net-group G port-group P\n");
    assert_eq!(decided(Ios, &text, Flags::SYN), (Some(5), true, 0));
}

/// Numbers put entries in their places.
#[test]
fn the_order_of_numbers() {
    let ios = "access-list x 20 permit ip any any\naccess-list x 10 deny tcp any any\n";
    assert_eq!(decided(Ios, ios, Flags::SYN), (Some(2), true, 0));
    let many = "access-list x 20 permit ip any any\n".to_owned()
        + &"access-list x 10 permit ip any any\n".repeat(1001);
    let (_, certain, _) = decided(Ios, &many, Flags::SYN);
    assert!(!certain);
    let first = "access-list a extended permit ip any any\naccess-list a remark why\naccess-list a extended deny udp any any\n";
    let asa = format!("{first}access-list a line 1 extended deny tcp any any\n");
    assert_eq!(decided(Asa, &asa, Flags::SYN), (Some(4), true, 0));
    let shown = "access-list a line 1 extended permit tcp any any\naccess-list a line 2 extended deny ip any any\n  access-list a line 2 extended deny tcp any any\n";
    assert_eq!(decided(Asa, shown, Flags::SYN), (Some(1), true, 0));
}

#[test]
fn a_network_may_stand_with_a_length_apart() {
    let length = Addresses::Prefix("22.22.21.0".parse().unwrap(), 24);
    assert_eq!(network(&["22.22.21.0", "/24"]), Some(length));
    assert_eq!(network(&["22.22.21.0", "/33"]), None);
}

proptest::proptest! {
    /// What passes by an entry at a glance is what it does not name: masks of any bits, prefixes, families.
    #[test]
    fn entries_are_passed_by_only_where_they_name_nothing(
        lines_of in proptest::collection::vec((0u8..4, 0u32..8, 0u32..8, 0u32..8), 1..20),
        (from, to) in (0u32..8, 0u32..8),
        v6: bool,
    ) {
        // Three bits, in the middle of the address and at its end.
        let address = |bits: u32| Ipv4Addr::from(0x0a00_0000 | (bits & 4) << 14 | bits & 3);
        let mut list = AccessList::default();
        for (kind, base, bits, other) in lines_of {
            let (base, wild, other) = (address(base), address(bits), address(other));
            let wild = Ipv4Addr::from(u32::from(wild) & 0x00ff_ffff);
            let words = match kind {
                0 => format!("permit tcp {base} {wild} any"),
                1 => format!("deny ip host {base} {other} {wild}"),
                2 => format!("permit tcp any host {other}"),
                _ => format!("permit tcp {base} {wild} {other} {wild}"),
            };
            let all = lines(&words);
            let mut found = Diagnostics::new("t");
            let text = ConfigText::new("t", &words);
            let objects = Objects::default();
            list.add(&all[0].words, entry(Ios, &all[0].words, &objects, &all[0], text, &mut found));
        }
        let end = |bits, port| match v6 {
            true => SocketAddr::new(address(bits).to_ipv6_mapped().into(), port),
            false => SocketAddr::new(address(bits).into(), port),
        };
        let flow = Flow { src: end(from, 40_000), dst: end(to, 5_001) };
        let line = |e: &Entry| e.sequence;
        let expected = list.entries.iter().find(|e| e.names(ANYWHERE, flow, Flags::SYN)).map(line);
        proptest::prop_assert_eq!(list.matching(flow, Flags::SYN).map(line), expected);
    }
}
