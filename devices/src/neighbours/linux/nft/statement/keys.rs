//! What of a packet a condition looks at, and what that and its values come to.

use crate::neighbours::linux::matches::{Match, addresses, ports};

/// What a condition looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    State,
    Interface {
        out: bool,
    },
    Protocol,
    Version,
    /// Whether an address is one of this host.
    Host {
        source: bool,
    },
    /// Whether a packet is for one host.
    PacketType,
    /// What no connection tells: marks, users, times.
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
        ("ct", "state") => (Key::State, 2),
        ("iif" | "iifname", _) => (Key::Interface { out: false }, 1),
        ("oif" | "oifname", _) => (Key::Interface { out: true }, 1),
        ("meta", "iif" | "iifname") => (Key::Interface { out: false }, 2),
        ("meta", "oif" | "oifname") => (Key::Interface { out: true }, 2),
        ("ip", "protocol") | ("ip6", "nexthdr") | ("meta", "l4proto") => (Key::Protocol, 2),
        ("l4proto", _) => (Key::Protocol, 1),
        ("meta", "nfproto" | "protocol") | ("ether", "type") => (Key::Version, 2),
        ("nfproto", _) => (Key::Version, 1),
        ("meta", "pkttype") => (Key::PacketType, 2),
        ("pkttype", _) => (Key::PacketType, 1),
        ("fib", "daddr" | "saddr") if words.get(2) == Some(&"type") => {
            (Key::Host { source: second == "saddr" }, 3)
        }
        _ => return None,
    })
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
        _ => None,
    }
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
        Key::State => {
            Condition::Is(Match::State(values().map(|v| v.to_ascii_uppercase()).collect()))
        }
        // `${NAME}` of a shell.
        Key::Interface { .. } if values().any(|name| name == "$") => Condition::Doubt,
        Key::Interface { out } => {
            let names = values().map(|name| name.to_owned()).collect();
            Condition::Is(Match::Interface { names, out })
        }
        Key::Protocol => Condition::Always(values().any(|v| matches!(v, "tcp" | "6"))),
        Key::Version => {
            let has = |names: [&str; 3]| values().any(|value| names.contains(&value));
            match (has(["ipv4", "ip", "0x0800"]), has(["ipv6", "ip6", "0x86dd"])) {
                (false, true) => Condition::Is(Match::Version6),
                (true, false) => Condition::Isnt(Match::Version6),
                (true, true) => Condition::Always(true),
                _ if has(["arp", "vlan", "0x0806"]) => Condition::Always(false),
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
        Key::Other => Condition::Doubt,
    }
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
