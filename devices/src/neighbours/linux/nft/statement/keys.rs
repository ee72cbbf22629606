//! What of a packet a condition looks at, and what that and its values come to.

use std::ops::RangeInclusive;

use crate::neighbours::linux::marks::{number, user};
use crate::neighbours::linux::matches::{Match, addresses, ports};

/// What a condition looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    /// The MSS that is offered.
    Mss,
    /// Whether a packet is a part of another, or may be cut: TCP's are whole (RFC 1191, §3).
    Fragment {
        /// The bits that are looked at are those of parts.
        of_parts: bool,
    },
    State,
    Interface {
        out: bool,
    },
    /// A group of interfaces.
    Group {
        out: bool,
    },
    /// The bridge that an interface is a port of.
    Bridge {
        out: bool,
    },
    /// The kind of an interface's link.
    LinkType {
        out: bool,
    },
    Protocol,
    Version,
    /// The version in the header of IPv4, or of IPv6.
    HeaderVersion {
        is_six: bool,
    },
    /// Whether a packet is one of who opened the connection, or an answer.
    Direction,
    /// Whether an address is one of this host.
    Host {
        source: bool,
    },
    /// Whether a packet is for one host.
    PacketType,
    /// These bits of a mark.
    Mark {
        of_connection: bool,
        mask: u32,
    },
    /// The process that a packet is of: its user, or its group.
    Owner {
        group: bool,
    },
    /// What no connection tells: times, lots.
    Other,
}

/// What a key and its values come to.
pub(super) enum Condition {
    Is(Match),
    Isnt(Match),
    /// It holds for TCP, always or never.
    Always(bool),
    Doubt,
}

/// What stands here to be compared, and how many words name it.
pub(super) fn key(words: &[&str]) -> Option<(Key, usize)> {
    let (first, second) = (words.first()?, words.get(1).copied().unwrap_or(""));
    Some(match (*first, second) {
        ("ip" | "ip6", "saddr") => (Key::Source, 2),
        ("ip" | "ip6", "daddr") => (Key::Destination, 2),
        ("tcp" | "th", "sport") => (Key::SourcePort, 2),
        ("tcp" | "th", "dport") => (Key::DestinationPort, 2),
        ("tcp", "option") if matches!(words, [_, _, "maxseg", "size", of, ..] if *of != "set") => {
            (Key::Mss, 4)
        }
        ("ip", "frag-off") => (Key::Fragment { of_parts: true }, 2),
        ("ct", "state") => (Key::State, 2),
        ("ct", "direction") => (Key::Direction, 2),
        ("ip" | "ip6", "version") => (Key::HeaderVersion { is_six: *first == "ip6" }, 2),
        ("iif" | "iifname", _) => (Key::Interface { out: false }, 1),
        ("oif" | "oifname", _) => (Key::Interface { out: true }, 1),
        ("meta", "iif" | "iifname") => (Key::Interface { out: false }, 2),
        ("iifgroup" | "oifgroup", _) => (Key::Group { out: first.starts_with('o') }, 1),
        ("meta", "iifgroup" | "oifgroup") => (Key::Group { out: second.starts_with('o') }, 2),
        ("ibrname" | "obrname", _) => (Key::Bridge { out: first.starts_with('o') }, 1),
        ("meta", "ibrname" | "obrname") => (Key::Bridge { out: second.starts_with('o') }, 2),
        ("iiftype" | "oiftype", _) => (Key::LinkType { out: first.starts_with('o') }, 1),
        ("meta", "iiftype" | "oiftype") => (Key::LinkType { out: second.starts_with('o') }, 2),
        ("meta", "oif" | "oifname") => (Key::Interface { out: true }, 2),
        ("ip", "protocol") | ("ip6", "nexthdr") | ("meta", "l4proto") => (Key::Protocol, 2),
        ("l4proto", _) => (Key::Protocol, 1),
        ("meta", "nfproto" | "protocol") | ("ether", "type") => (Key::Version, 2),
        ("nfproto", _) => (Key::Version, 1),
        ("meta" | "ct", "mark") if words.get(2) != Some(&"set") => {
            (Key::Mark { of_connection: *first == "ct", mask: u32::MAX }, 2)
        }
        ("mark", of) if of != "set" => (Key::Mark { of_connection: false, mask: u32::MAX }, 1),
        ("meta", "skuid" | "skgid") => (Key::Owner { group: second == "skgid" }, 2),
        ("skuid" | "skgid", _) => (Key::Owner { group: *first == "skgid" }, 1),
        ("meta", "pkttype") => (Key::PacketType, 2),
        ("pkttype", _) => (Key::PacketType, 1),
        ("fib", "daddr" | "saddr") if words.get(2) == Some(&"type") => {
            (Key::Host { source: second == "saddr" }, 3)
        }
        _ => return None,
    })
}

/// The bits of a mark that are meant, and how many words say it: `& 0xff`, `and 0xfff`.
pub(super) fn masked(key: Key, words: &[&str]) -> (Key, usize) {
    match (key, words) {
        // The rest of the field tells whether it may be cut.
        (Key::Fragment { .. }, ["&" | "and", mask, ..]) => {
            let of_parts = number(mask).is_some_and(|mask| mask & 0x4000 == 0);
            (Key::Fragment { of_parts }, 2)
        }
        (Key::Mark { of_connection, .. }, ["&" | "and", mask, ..]) => match number(mask) {
            Some(mask) => (Key::Mark { of_connection, mask }, 2),
            None => (Key::Other, 2),
        },
        _ => (key, 0),
    }
}

/// `tcp dport >= 1024`.
pub(super) fn compared(key: Key, operator: &str, value: &[&str]) -> Option<Match> {
    let [value] = value else { return None };
    let port = *ports(std::iter::once(*value), '-')?.first()?.start();
    let range = match operator {
        "<" | "lt" => 0..=port.checked_sub(1)?,
        "<=" | "le" => 0..=port,
        ">" | "gt" => port.checked_add(1)?..=u16::MAX,
        _ => port..=u16::MAX,
    };
    match key {
        Key::SourcePort => Some(Match::SourcePort([range].into())),
        Key::DestinationPort => Some(Match::DestinationPort([range].into())),
        Key::Mss => Some(Match::Mss([range].into())),
        _ => None,
    }
}

/// True for EtherTypes but those of IP: `arp`, `0x88e5`.
fn is_of_no_ip(word: &str) -> bool {
    let is_other = |of: u32| (0x600..=0xffff).contains(&of) && !matches!(of, 0x0800 | 0x86dd);
    matches!(word, "arp" | "vlan" | "8021q" | "8021ad") || number(word).is_some_and(is_other)
}

/// What of these values the keys have.
pub(super) fn condition(keys: &[Key], all: &[&[&str]]) -> Condition {
    let [key] = keys else { return joined(keys, all) };
    // A timeout stands behind a value.
    let is_value = |element: &&[&str]| {
        matches!(element, [_] | [_, "timeout" | "expires" | "comment" | "counter" | "last", ..])
    };
    if all.is_empty() || !all.iter().all(is_value) {
        return Condition::Doubt;
    }
    let values = || all.iter().map(|element| element[0]);
    let is = |on: Option<Match>| on.map_or(Condition::Doubt, Condition::Is);
    match *key {
        Key::Source => is(addresses(values()).map(Match::Source)),
        Key::Destination => is(addresses(values()).map(Match::Destination)),
        Key::SourcePort => is(ports(values(), '-').map(Match::SourcePort)),
        Key::DestinationPort => is(ports(values(), '-').map(Match::DestinationPort)),
        Key::Mss => is(ports(values(), '-').map(Match::Mss)),
        Key::State => {
            let of = |value: &str| states(value).into_iter();
            Condition::Is(Match::State(values().flat_map(of).collect()))
        }
        Key::Interface { out } => {
            let names = values().map(|name| name.to_owned()).collect();
            Condition::Is(Match::Interface { names, out })
        }
        // A group is called as one interface is, where the text tells those apart by nothing else.
        Key::Group { out } => {
            let names = values().map(|group| format!("group {group}")).collect();
            Condition::Is(Match::Interface { names, out })
        }
        Key::Bridge { out } => {
            let names = values().map(|bridge| format!("bridge {bridge}")).collect();
            Condition::Is(Match::Interface { names, out })
        }
        // Of its kind a host has one.
        Key::LinkType { out } => match values().all(|of| matches!(of, "loopback" | "772")) {
            true => Condition::Is(Match::Interface { names: vec!["lo".to_owned()], out }),
            false => Condition::Doubt,
        },
        Key::HeaderVersion { is_six } => match (values().any(|v| v == "6"), is_six) {
            (true, true) => Condition::Is(Match::Version6),
            (false, false) if values().any(|v| v == "4") => Condition::Isnt(Match::Version6),
            // Whatever stands in a table of both versions is asked of packets of that version alone.
            _ => Condition::Always(false),
        },
        Key::Direction => match values().collect::<Vec<_>>()[..] {
            ["reply" | "1"] => Condition::Is(Match::Reply(true)),
            ["original" | "0"] => Condition::Is(Match::Reply(false)),
            _ => Condition::Doubt,
        },
        Key::Protocol => Condition::Always(values().any(|v| matches!(v, "tcp" | "6"))),
        Key::Version => {
            let has = |names: [&str; 3]| values().any(|value| names.contains(&value));
            match (has(["ipv4", "ip", "0x0800"]), has(["ipv6", "ip6", "0x86dd"])) {
                (false, true) => Condition::Is(Match::Version6),
                (true, false) => Condition::Isnt(Match::Version6),
                (true, true) => Condition::Always(true),
                // Frames of another EtherType hold no packet of IP that a rule could look at.
                _ if values().all(is_of_no_ip) => Condition::Always(false),
                _ => Condition::Doubt,
            }
        }
        // TCP is between two hosts.
        Key::Host { source } => {
            match (values().any(|v| v == "local"), values().any(|v| v == "unicast")) {
                (true, false) => Condition::Is(Match::Host { source }),
                (false, true) => Condition::Isnt(Match::Host { source }),
                (true, true) => Condition::Always(true),
                (false, false) => Condition::Always(false),
            }
        }
        Key::PacketType => {
            let of_host = ["host", "unicast", "to-host"];
            Condition::Always(values().any(|value| of_host.contains(&value)))
        }
        Key::Fragment { of_parts: true } => {
            match values().map(number).collect::<Option<Vec<_>>>() {
                Some(of) => Condition::Always(of.contains(&0)),
                None => Condition::Doubt,
            }
        }
        Key::Fragment { of_parts: false } => Condition::Doubt,
        Key::Mark { of_connection, mask } => {
            let values = values().map(|word| range(word, number)).collect::<Option<_>>();
            is(values.map(|values| Match::Mark { of_connection, mask, values }))
        }
        Key::Owner { group } => {
            let of = values().map(|word| range(word, user)).collect::<Option<_>>();
            let called = || values().collect::<Vec<_>>().join(", ").into();
            is(of.map(|of| Match::Owner { group, of, called: called() }))
        }
        Key::Other => Condition::Doubt,
    }
}

/// A state by its name, or those of its bits (`0x2`; Linux, `NF_CT_STATE_BIT`).
fn states(word: &str) -> Vec<String> {
    const BITS: [(u32, &str); 5] =
        [(1, "INVALID"), (2, "ESTABLISHED"), (4, "RELATED"), (8, "NEW"), (64, "UNTRACKED")];
    match number(word) {
        Some(bits) => {
            let named = BITS.iter().filter(|(bit, _)| bits & bit != 0);
            named.map(|(_, name)| (*name).to_owned()).collect()
        }
        None => vec![word.to_ascii_uppercase()],
    }
}

/// `5`, `5-9`.
fn range(word: &str, number: fn(&str) -> Option<u32>) -> Option<RangeInclusive<u32>> {
    let end = |word: &str| word.trim().parse().ok();
    let ends = word.split_once('-').and_then(|(a, b)| Some(end(a)?..=end(b)?));
    ends.or_else(|| number(word).map(|of| of..=of))
}

/// What of these values, of which each has a part for each key (`10.0.0.1 . 80`), the keys have.
fn joined(keys: &[Key], all: &[&[&str]]) -> Condition {
    let mut alternatives = Vec::with_capacity(all.len());
    for element in all {
        let mut conditions = Vec::with_capacity(keys.len());
        let mut parts = element.split(|word| *word == ".");
        let mut is_of_tcp = true;
        for key in keys {
            let Some(part) = parts.next() else { return Condition::Doubt };
            match condition(std::slice::from_ref(key), &[part]) {
                Condition::Is(on) => conditions.push((false, on)),
                Condition::Isnt(on) => conditions.push((true, on)),
                Condition::Always(holds) => is_of_tcp &= holds,
                Condition::Doubt => return Condition::Doubt,
            }
        }
        if is_of_tcp {
            alternatives.push(conditions.into());
        }
    }
    if alternatives.is_empty() {
        return Condition::Always(false);
    }
    Condition::Is(Match::Joined(alternatives.into()))
}
