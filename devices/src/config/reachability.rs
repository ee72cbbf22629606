//! Lines that drop by where a packet comes from or goes to, apart from access lists: checks of the reverse path, guards of
//! sources, and routes to nowhere.

use super::{Diagnostics, Line};

/// Says where the first of each stands.
pub(crate) fn warn(all: &[Line<'_>], found: &mut Diagnostics) {
    let strict = all.iter().find(|line| match line.words.as_slice() {
        ["ip" | "ipv4" | "ipv6", "verify", "unicast", "reverse-path", ..] => true,
        ["ip" | "ipv4" | "ipv6", "verify", "unicast", "source", "reachable-via", how, ..] => {
            *how == "rx"
        }
        ["ip", "verify", "reverse-path", "interface", _] => true,
        _ => false,
    });
    if let Some(line) = strict {
        let message = "what comes in by an interface by which its sender is not reached is dropped: a subflow whose packets \
                       take another way back than there fails (reverse path forwarding)";
        found.warn(line, "", message);
    }
    let guard = all.iter().find(|line| {
        let words = line.words.as_slice();
        line.indent > 0
            && matches!(
                words,
                ["ip" | "ipv6", "verify", "source"]
                    | [
                        "ip" | "ipv6",
                        "verify",
                        "source",
                        "port-security" | "dhcp-snooping-vlan" | "vlan" | "tracking",
                        ..
                    ]
            )
    });
    if let Some(line) = guard {
        let message = "only addresses that DHCP snooping has learned, or that the text binds to this port, may send here: what \
                       other addresses send is dropped, a second one of MPTCP, too (source guard)";
        found.warn(line, "", message);
    }
    let is_null = |word: &&str| word.to_ascii_lowercase().starts_with("null");
    // `no ip route`, with as many of its words as are needed.
    let is_taken_back = |line: &Line<'_>| {
        let behind = all.iter().filter(|other| other.number > line.number);
        behind.into_iter().any(|other| match other.words.as_slice() {
            ["no", words @ ..] => words.len() >= 4 && line.words.starts_with(words),
            _ => false,
        })
    };
    let nowhere = all.iter().find(|line| match line.words.as_slice() {
        ["ip" | "ipv6", "route", rest @ ..] => rest.iter().any(is_null) && !is_taken_back(line),
        ["route", interface, ..] => is_null(interface),
        [_, interface, ..] if line.indent > 0 => line.words[0].contains('/') && is_null(interface),
        _ => false,
    });
    if let Some(line) = nowhere {
        let message = "what is sent to this network is dropped, but where a more specific route leads elsewhere";
        found.warn(line, "", message);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::lines_told;

    #[test]
    fn the_first_of_each_is_told() {
        let lines = |text: &str| lines_told(text, super::warn);
        assert_eq!(
            lines(
                "interface a\n ip verify unicast source reachable-via rx\ninterface b\n ip verify unicast source reachable-via rx\n"
            ),
            [2]
        );
        assert_eq!(lines("interface a\n ip verify unicast source reachable-via any\n"), [0; 0]);
        assert_eq!(lines("ip verify reverse-path interface outside\n"), [1]);
        assert_eq!(lines("interface e1/1\n ip verify source dhcp-snooping-vlan\n"), [2]);
        assert_eq!(lines("interface e1/1\n ip verify source\n"), [2]);
        assert_eq!(
            lines("ip route 10.0.0.0 255.0.0.0 Null0 254\nip route 10.1.0.0 255.255.0.0 Null0\n"),
            [1]
        );
        assert_eq!(lines("ip route 10.0.0.0/8 null0\n"), [1]);
        assert_eq!(lines("router static\n address-family ipv4 unicast\n  10.0.0.0/8 Null0\n"), [3]);
        assert_eq!(lines("route Null0 10.0.0.0 255.0.0.0\n"), [1]);
        assert_eq!(lines("ip route 0.0.0.0 0.0.0.0 10.0.0.1\n"), [0; 0]);
        let taken_back =
            "ip route 10.0.0.0 255.0.0.0 Null0 254\nno ip route 10.0.0.0 255.0.0.0 Null0\n";
        assert_eq!(lines(taken_back), [0; 0]);
        assert_eq!(lines(&taken_back.replace("no ip route 10", "no ip route 11")), [1]);
    }
}
