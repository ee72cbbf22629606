//! Extended and standard access lists, as far as TCP connections are concerned.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use sim_core::engine::device::{ConfigLine, in_prefix};
use sim_core::wire::packet::Flow;

use crate::config::words::{netmask, port, prefix};
use crate::config::{ConfigText, Diagnostics, Line};

/// An access list: its entries in order.
#[derive(Clone, Debug, Default)]
pub(super) struct AccessList {
    pub(super) entries: Vec<Entry>,
}

/// One line of an access list that can match TCP.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) permit: bool,
    source: Addresses,
    source_ports: Vec<RangeInclusive<u16>>,
    destination: Addresses,
    destination_ports: Vec<RangeInclusive<u16>>,
    pub(super) place: ConfigLine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Addresses {
    Any,
    AnyV4,
    AnyV6,
    Network(IpAddr, u8),
}

impl Addresses {
    fn contain(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::AnyV4 => address.is_ipv4(),
            Self::AnyV6 => address.is_ipv6(),
            Self::Network(network, length) => in_prefix(address, network, length),
        }
    }
}

impl AccessList {
    /// The first entry that names this connection (`flow` is that of its first packet).
    pub(super) fn matching(&self, flow: Flow) -> Option<&Entry> {
        self.entries.iter().find(|e| {
            e.source.contain(flow.src.ip())
                && e.destination.contain(flow.dst.ip())
                && holds(&e.source_ports, flow.src.port())
                && holds(&e.destination_ports, flow.dst.port())
        })
    }
}

fn holds(ports: &[RangeInclusive<u16>], port: u16) -> bool {
    ports.is_empty() || ports.iter().any(|p| p.contains(&port))
}

/// Reads what follows `access-list NAME`; `None` when the line names no TCP connection, or cannot
/// be read (which is said).
pub(super) fn entry(
    words: &[&str],
    line: &Line<'_>,
    text: ConfigText<'_>,
    found: &mut Diagnostics,
) -> Option<Entry> {
    let mut words = Words { rest: words, line, found };
    if let ["line", _, rest @ ..] = words.rest {
        words.rest = rest;
    }
    let standard = match words.next() {
        "extended" => false,
        "standard" => true,
        // Remarks, and kinds of lists that select no TCP connections.
        "remark" | "webtype" | "ethertype" => return None,
        "permit" | "deny" => {
            words.rest = &line.words[line.words.len() - words.rest.len() - 1..];
            false
        }
        other => return words.unread(other, "expected extended, standard, permit or deny"),
    };
    let permit = match words.next() {
        "permit" => true,
        "deny" => false,
        other => return words.unread(other, "expected permit or deny"),
    };
    if words.line.words.last() == Some(&"inactive") {
        return None;
    }
    let place = text.place(line);
    let any_port = Vec::new;
    if standard {
        let destination = words.addresses()?;
        return Some(Entry {
            permit,
            source: Addresses::Any,
            source_ports: any_port(),
            destination,
            destination_ports: any_port(),
            place,
        });
    }
    match words.next() {
        "ip" => {
            let source = words.addresses()?;
            let destination = words.addresses()?;
            Some(Entry {
                permit,
                source,
                source_ports: any_port(),
                destination,
                destination_ports: any_port(),
                place,
            })
        }
        "tcp" | "6" => {
            let source = words.addresses()?;
            let source_ports = words.ports()?;
            let destination = words.addresses()?;
            let destination_ports = words.ports()?;
            Some(Entry { permit, source, source_ports, destination, destination_ports, place })
        }
        group @ ("object" | "object-group") => words.not_modelled(group),
        // Another protocol: it names no TCP connection.
        _ => None,
    }
}

struct Words<'a, 'l, 'd> {
    rest: &'a [&'l str],
    line: &'a Line<'l>,
    found: &'d mut Diagnostics,
}

impl<'l> Words<'_, 'l, '_> {
    fn next(&mut self) -> &'l str {
        let Some((first, rest)) = self.rest.split_first() else { return "" };
        self.rest = rest;
        first
    }

    fn unread<T>(&mut self, word: &str, message: &str) -> Option<T> {
        let shown = super::tcp_map::quoted(word);
        self.found.error(self.line, word, format!("{message}, found {shown}"));
        None
    }

    fn not_modelled<T>(&mut self, word: &str) -> Option<T> {
        let message =
            format!("`{word}` in an access list is not modelled: this line matches nothing");
        self.found.warn(self.line, word, message);
        None
    }

    fn addresses(&mut self) -> Option<Addresses> {
        const EXPECTED: &str = "expected any, host ADDRESS, ADDRESS NETMASK or ADDRESS/LENGTH";
        match self.next() {
            "any" => Some(Addresses::Any),
            "any4" => Some(Addresses::AnyV4),
            "any6" => Some(Addresses::AnyV6),
            "host" => {
                let word = self.next();
                let Ok(address) = word.parse::<IpAddr>() else {
                    return self.unread(word, "expected an address after host");
                };
                Some(Addresses::Network(address, if address.is_ipv4() { 32 } else { 128 }))
            }
            group @ ("object" | "object-group" | "interface") => self.not_modelled(group),
            word => {
                if let Some((network, length)) = prefix(word) {
                    return Some(Addresses::Network(network, length));
                }
                let Ok(network) = word.parse::<IpAddr>() else {
                    return self.unread(word, EXPECTED);
                };
                let mask = self.next();
                let Some(length) = netmask(mask) else {
                    return self.unread(mask, "expected a netmask such as 255.255.255.0");
                };
                Some(Addresses::Network(network, length))
            }
        }
    }

    fn ports(&mut self) -> Option<Vec<RangeInclusive<u16>>> {
        let operator = self.rest.first().copied().unwrap_or("");
        if !matches!(operator, "eq" | "neq" | "lt" | "gt" | "range") {
            return Some(Vec::new());
        }
        self.next();
        let first = self.port()?;
        Some(match operator {
            "eq" => vec![first..=first],
            "gt" => vec![first.saturating_add(1)..=u16::MAX],
            "lt" => vec![0..=first.saturating_sub(1)],
            "neq" => vec![0..=first.saturating_sub(1), first.saturating_add(1)..=u16::MAX],
            _ => vec![first..=self.port()?],
        })
    }

    fn port(&mut self) -> Option<u16> {
        let word = self.next();
        match port(word) {
            Some(number) => Some(number),
            None => self.unread(word, "expected a TCP port"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::lines;

    #[test]
    fn entries() {
        let flow =
            Flow { src: "10.0.1.2:40000".parse().unwrap(), dst: "10.1.1.2:5001".parse().unwrap() };
        let check = |words: &str, expected: Option<bool>| {
            let text = ConfigText { file: "t", text: words };
            let all = lines(words);
            let mut found = Diagnostics::new("t");
            let list = AccessList {
                entries: entry(&all[0].words[2..], &all[0], text, &mut found).into_iter().collect(),
            };
            assert_eq!(list.matching(flow).map(|e| e.permit), expected, "{words}");
            found.into_result()
        };
        let read = |words: &str, expected| {
            assert_eq!(check(words, expected), Ok(vec![]), "{words}");
        };
        read("access-list a extended permit tcp any any eq 5001", Some(true));
        read("access-list a extended permit tcp any any eq www", None);
        read("access-list a extended deny tcp any any range 5000 5010 log", Some(false));
        read(
            "access-list a line 3 extended permit ip 10.0.0.0 255.255.0.0 host 10.1.1.2",
            Some(true),
        );
        read("access-list a permit tcp any4 gt 1023 any neq 80", Some(true));
        read("access-list a extended permit tcp any6 any", None);
        read("access-list a extended permit udp any any", None);
        read("access-list a standard permit 10.1.1.0 255.255.255.0", Some(true));
        read("access-list a extended permit tcp any any inactive", None);
        read("access-list a remark permit tcp any any", None);
        for broken in [
            "access-list a extended permit tcp any any eq 70000",
            "access-list a extended permit tcp any 10.1.1.2",
            "access-list a extended allow tcp any any",
        ] {
            assert!(check(broken, None).is_err(), "{broken}");
        }
    }
}
