//! Access lists, as far as TCP and ICMP errors are concerned: extended and standard, numbered and named.
//!
//! ASA and ACE write netmasks, IOS writes wildcards; else the dialects differ in little.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use sim_core::engine::device::{ConfigLine, in_prefix};
use sim_core::wire::icmp::Reason;
use sim_core::wire::packet::{Flags, Flow};

use super::group::Group;
use super::objects::{Objects, Service};
use super::words::{netmask, port, prefix};
use super::{ConfigText, Diagnostics, Line, quoted};

/// Whose way of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// ASA and ACE: `10.0.0.0 255.0.0.0`; a standard list names destinations.
    Asa,
    /// IOS: `10.0.0.0 0.255.255.255`; a standard list names sources.
    Ios,
}

/// An access list: its entries in order. What no entry names is denied.
#[derive(Clone, Debug, Default)]
pub struct AccessList {
    /// Entries that can match TCP or an ICMP error.
    pub entries: Vec<Entry>,
    /// True once it has an entry of any protocol: remarks are none.
    pub has_entries: bool,
}

/// One line of an access list that can match TCP or an ICMP error.
#[derive(Clone, Debug)]
pub struct Entry {
    /// True for `permit`.
    pub permit: bool,
    names: Names,
    source: Set,
    destination: Set,
    /// One of these must hold.
    services: Services,
    established: bool,
    /// The interfaces that the packet must enter and leave by: an FTD's `ifc NAME` before an address.
    interfaces: [Option<String>; 2],
    /// Its line.
    pub place: ConfigLine,
}

/// The interfaces that a packet enters and leaves by, where an entry may ask for them.
pub type Between<'a> = [&'a str; 2];

/// Where no entry can ask for an interface.
const ANYWHERE: Between<'static> = ["", ""];

/// Where an entry's packets come from or go to.
#[derive(Clone, Debug)]
enum Set {
    One(Addresses),
    /// The members of a group.
    Group(Arc<Group<Addresses>>),
}

impl Set {
    fn contain(&self, address: IpAddr) -> bool {
        match self {
            Self::One(one) => one.contain(address),
            Self::Group(group) => group.iter().any(|a| a.contain(address)),
        }
    }

    fn sample(&self, v4: bool, host: u8) -> Option<IpAddr> {
        match self {
            Self::One(one) => one.sample(v4, host),
            Self::Group(group) => group.iter().find_map(|a| a.sample(v4, host)),
        }
    }
}

/// What an entry's packets are for.
#[derive(Clone, Debug)]
enum Services {
    One(Service),
    /// The members of a group.
    Group(Arc<Group<Service>>),
}

impl Services {
    fn hold(&self, source: u16, destination: u16) -> bool {
        let fits = |s: &Service| holds(&s.source, source) && holds(&s.destination, destination);
        match self {
            Self::One(one) => fits(one),
            Self::Group(group) => group.iter().any(fits),
        }
    }

    fn first(&self, most: usize) -> Vec<&Service> {
        match self {
            Self::One(one) => vec![one],
            Self::Group(group) => group.iter().take(most).collect(),
        }
    }
}

/// The protocols that an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// All of IP.
    All,
    Tcp,
    Icmp(Errors),
}

/// The ICMP errors that an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errors {
    Any,
    Unreachable,
    TooBig,
    Prohibited,
    TimeExceeded,
}

impl Errors {
    /// What follows the addresses of an entry; `None` for messages that are no errors.
    fn read(words: &[&str]) -> Option<Self> {
        Some(match words {
            [] | ["log" | "log-input", ..] => Self::Any,
            ["3", "4", ..] | ["packet-too-big" | "fragmentation-needed", ..] => Self::TooBig,
            ["3", "13", ..] | ["administratively-prohibited", ..] => Self::Prohibited,
            ["3" | "unreachable", ..] => Self::Unreachable,
            ["11" | "time-exceeded" | "ttl-exceeded", ..] => Self::TimeExceeded,
            _ => return None,
        })
    }

    fn name(self, reason: Reason, v4: bool) -> bool {
        let unreachable = match reason {
            Reason::TooBig { .. } => v4,
            Reason::Prohibited => true,
            Reason::TimeExceeded => false,
            Reason::Other { kind, .. } => kind == if v4 { 3 } else { 1 },
        };
        match self {
            Self::Any => true,
            Self::Unreachable => unreachable,
            Self::TooBig => matches!(reason, Reason::TooBig { .. }),
            Self::Prohibited => reason == Reason::Prohibited,
            Self::TimeExceeded => reason == Reason::TimeExceeded,
        }
    }
}

/// A set of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Addresses {
    /// All.
    Any,
    /// All of IPv4.
    AnyV4,
    /// All of IPv6.
    AnyV6,
    /// Address and the bits of it that count.
    Masked(Ipv4Addr, u32),
    /// Network and length of its prefix.
    Prefix(IpAddr, u8),
    /// From the first to the last.
    Range(IpAddr, IpAddr),
}

impl Addresses {
    fn host(address: IpAddr) -> Self {
        Self::Prefix(address, if address.is_ipv4() { 32 } else { 128 })
    }

    /// One of the addresses, of the wanted family; `host` tells two samples of a large network apart.
    fn sample(self, v4: bool, host: u8) -> Option<IpAddr> {
        let any_v4 = IpAddr::V4(Ipv4Addr::new(198, 51, 100, host));
        let any_v6 = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, host.into(), 0, 0, 0, 0, 1));
        let sample = match self {
            Self::Any => {
                if v4 {
                    any_v4
                } else {
                    any_v6
                }
            }
            Self::AnyV4 => any_v4,
            Self::AnyV6 => any_v6,
            Self::Masked(base, bits) => {
                let free = !bits & u32::from(host);
                IpAddr::V4(Ipv4Addr::from((u32::from(base) & bits) | free))
            }
            Self::Prefix(network, _) => network,
            Self::Range(first, _) => first,
        };
        (sample.is_ipv4() == v4).then_some(sample)
    }

    fn contain(self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Any, _) | (Self::AnyV4, IpAddr::V4(_)) | (Self::AnyV6, IpAddr::V6(_)) => true,
            (Self::Masked(base, bits), IpAddr::V4(address)) => {
                (u32::from(address) ^ u32::from(base)) & bits == 0
            }
            (Self::Prefix(network, length), _) => in_prefix(address, network, length),
            (Self::Range(first, last), _) => {
                address.is_ipv4() == first.is_ipv4() && (first..=last).contains(&address)
            }
            _ => false,
        }
    }
}

impl AccessList {
    /// Takes what [`entry`] has read from these words.
    pub fn add(&mut self, words: &[&str], read: Option<Entry>) {
        let places = ["line", "sequence"];
        let is_place = |w: &&&str| places.contains(*w) || w.parse::<u32>().is_ok();
        self.has_entries |= words.iter().find(|w| !is_place(w)).is_some_and(|w| *w != "remark");
        self.entries.extend(read);
    }

    /// Flows that the entries name, each of which the list may still deny by an earlier entry: for the
    /// first entries one flow each.
    #[must_use]
    pub fn samples(&self) -> Vec<Flow> {
        let wanted = self.entries.iter().filter(|e| e.permit && !e.established && e.names_tcp());
        wanted.take(SAMPLES_MAX).flat_map(Entry::samples).collect()
    }

    /// As [`AccessList::samples`], of the entries that deny.
    #[must_use]
    pub fn refused_samples(&self) -> Vec<Flow> {
        let wanted = self.entries.iter().filter(|e| !e.permit && !e.established && e.names_tcp());
        wanted.take(SAMPLES_MAX).flat_map(Entry::samples).collect()
    }

    /// The interfaces that the entries ask for.
    #[must_use]
    pub fn interfaces(&self) -> BTreeSet<&str> {
        self.entries.iter().flat_map(|e| &e.interfaces).flatten().map(String::as_str).collect()
    }

    /// The first entry that names a packet of this flow with these flags.
    #[must_use]
    pub fn matching(&self, flow: Flow, flags: Flags) -> Option<&Entry> {
        self.matching_between(ANYWHERE, flow, flags)
    }

    /// As [`AccessList::matching`], for a packet that crosses between two interfaces.
    #[must_use]
    pub fn matching_between(&self, at: Between<'_>, flow: Flow, flags: Flags) -> Option<&Entry> {
        self.entries.iter().find(|e| {
            e.names_tcp()
                && e.is_between(at)
                && e.source.contain(flow.src.ip())
                && e.destination.contain(flow.dst.ip())
                && e.services.hold(flow.src.port(), flow.dst.port())
                && (!e.established || flags.has(Flags::ACK) || flags.has(Flags::RST))
        })
    }
}

impl AccessList {
    /// The first entry that names an ICMP error from `src` to `dst`.
    #[must_use]
    pub fn matching_icmp(&self, src: IpAddr, dst: IpAddr, reason: Reason) -> Option<&Entry> {
        self.matching_icmp_between(ANYWHERE, src, dst, reason)
    }

    /// As [`AccessList::matching_icmp`], for a message that crosses between two interfaces.
    #[must_use]
    pub fn matching_icmp_between(
        &self,
        at: Between<'_>,
        src: IpAddr,
        dst: IpAddr,
        reason: Reason,
    ) -> Option<&Entry> {
        self.entries.iter().find(|e| {
            let named = match e.names {
                Names::All => true,
                Names::Tcp => false,
                Names::Icmp(errors) => errors.name(reason, src.is_ipv4()),
            };
            named && e.is_between(at) && e.source.contain(src) && e.destination.contain(dst)
        })
    }
}

impl Entry {
    fn is_between(&self, at: Between<'_>) -> bool {
        self.interfaces.iter().zip(at).all(|(asked, is)| asked.as_ref().is_none_or(|a| a == is))
    }

    fn names_tcp(&self) -> bool {
        !matches!(self.names, Names::Icmp(_))
    }

    /// A flow for each service, between one pair of addresses of each family.
    fn samples(&self) -> Vec<Flow> {
        let pairs = [true, false]
            .into_iter()
            .filter_map(|v4| Some((self.source.sample(v4, 71)?, self.destination.sample(v4, 72)?)));
        let port = |ports: &[RangeInclusive<u16>], any| ports.first().map_or(any, |p| *p.end());
        pairs
            .flat_map(|(src, dst)| {
                self.services.first(SAMPLES_MAX).into_iter().map(move |service| Flow {
                    src: SocketAddr::new(src, port(&service.source, 40_471)),
                    dst: SocketAddr::new(dst, port(&service.destination, 5001)),
                })
            })
            .collect()
    }
}

/// Entries that samples are taken from.
const SAMPLES_MAX: usize = 32;

fn holds(ports: &[RangeInclusive<u16>], port: u16) -> bool {
    ports.is_empty() || ports.iter().any(|p| p.contains(&port))
}

/// Reads an entry from what follows the list's name, from `extended`, `standard`, a line number, or
/// `permit` on; `None` when it names neither TCP nor an ICMP error, or cannot be read (which is said).
pub fn entry(
    dialect: Dialect,
    words: &[&str],
    objects: &Objects,
    line: &Line<'_>,
    text: ConfigText<'_>,
    found: &mut Diagnostics,
) -> Option<Entry> {
    let mut words = Words { dialect, rest: words, objects, line, found };
    let mut standard = false;
    let permit = loop {
        match words.next() {
            "line" => {
                words.next();
            }
            "extended" | "advanced" => {}
            "standard" => standard = true,
            "sequence" => {
                words.next();
            }
            // Remarks, and kinds of lists that select no TCP packets.
            "remark" | "webtype" | "ethertype" => return None,
            "evaluate" => return Some(words.evaluate(text)),
            "dynamic" => return words.not_modelled("dynamic"),
            // An FTD's `trust`: permitted, and Snort does not look at it.
            "permit" | "trust" => break true,
            "deny" => break false,
            number if number.parse::<u32>().is_ok() => {}
            other => return words.unread(other, "expected permit or deny"),
        }
    };
    if line.words.last() == Some(&"inactive") {
        return None;
    }
    let mut entry = Entry {
        permit,
        names: Names::All,
        source: Set::One(Addresses::Any),
        destination: Set::One(Addresses::Any),
        services: Services::One(Service::default()),
        established: false,
        interfaces: [None, None],
        place: text.place(line),
    };
    if standard || words.starts_with_an_address() {
        let addresses = words.addresses(true)?;
        match dialect {
            Dialect::Asa => entry.destination = addresses,
            Dialect::Ios => entry.source = addresses,
        }
        return Some(entry);
    }
    let mut service = Service::default();
    let named = match words.next() {
        "ip" | "ipv4" | "ipv6" => None,
        "tcp" | "6" => {
            entry.names = Names::Tcp;
            None
        }
        "icmp" | "icmp6" | "1" | "58" => {
            entry.interfaces[0] = words.interface();
            entry.source = words.addresses(false)?;
            entry.interfaces[1] = words.interface();
            entry.destination = words.addresses(false)?;
            entry.names = Names::Icmp(Errors::read(words.rest)?);
            return Some(entry);
        }
        "object" | "object-group" => {
            let name = words.next();
            match objects.service(name) {
                Some(services) if services.is_empty() => return None,
                Some(services) => {
                    entry.names = Names::Tcp;
                    Some(Arc::clone(services))
                }
                None => return words.undefined("service object", name),
            }
        }
        // Another protocol: it names no TCP packet.
        _ => return None,
    };
    entry.interfaces[0] = words.interface();
    entry.source = words.addresses(false)?;
    service.source = match words.rest {
        ["portgroup", name, rest @ ..] => {
            words.rest = rest;
            match objects.service(name) {
                Some(of) => of.iter().flat_map(|s| s.destination.iter().cloned()).collect(),
                None => return words.undefined("port group", name),
            }
        }
        _ => words.ports()?,
    };
    entry.interfaces[1] = words.interface();
    entry.destination = words.addresses(false)?;
    entry.services = match (named, words.port_group()) {
        (Some(services), _) => Services::Group(services),
        (None, Some(group)) => match objects.service(group) {
            Some(services) => Services::Group(Arc::clone(services)),
            None => return words.undefined("service object", group),
        },
        (None, None) => {
            service.destination = words.ports()?;
            Services::One(service)
        }
    };
    words.qualifiers(&mut entry).then_some(entry)
}

struct Words<'a, 'l, 'd> {
    dialect: Dialect,
    rest: &'a [&'l str],
    objects: &'a Objects,
    line: &'a Line<'l>,
    found: &'d mut Diagnostics,
}

impl<'l> Words<'_, 'l, '_> {
    fn next(&mut self) -> &'l str {
        let Some((first, rest)) = self.rest.split_first() else { return "" };
        self.rest = rest;
        first
    }

    fn peek(&self) -> &'l str {
        self.rest.first().copied().unwrap_or("")
    }

    fn unread<T>(&mut self, word: &str, message: &str) -> Option<T> {
        self.found.error(self.line, word, format!("{message}, found {}", quoted(word)));
        None
    }

    fn not_modelled<T>(&mut self, word: &str) -> Option<T> {
        let message =
            format!("`{word}` in an access list is not modelled: this line matches nothing");
        self.found.warn(self.line, word, message);
        None
    }

    /// A reflexive list names the answers to connections that another list has reflected.
    fn evaluate(&mut self, text: ConfigText<'_>) -> Entry {
        let message = "reflexive lists are not modelled: every answer is permitted here";
        self.found.warn(self.line, "evaluate", message);
        Entry {
            permit: true,
            names: Names::Tcp,
            source: Set::One(Addresses::Any),
            destination: Set::One(Addresses::Any),
            services: Services::One(Service::default()),
            established: true,
            interfaces: [None, None],
            place: text.place(self.line),
        }
    }

    fn undefined<T>(&mut self, what: &str, name: &str) -> Option<T> {
        let message = format!("{what} {} is not defined: this line matches nothing", quoted(name));
        self.found.warn(self.line, name, message);
        None
    }

    /// An FTD's `ifc NAME`, which stands before an address.
    fn interface(&mut self) -> Option<String> {
        let ["ifc", name, rest @ ..] = self.rest else { return None };
        self.rest = rest;
        Some((*name).to_owned())
    }

    /// `object-group NAME` where ports may stand, unless it is one of addresses.
    fn port_group(&mut self) -> Option<&'l str> {
        match self.rest {
            ["object-group" | "object" | "portgroup", name, rest @ ..] => {
                self.rest = rest;
                Some(name)
            }
            _ => None,
        }
    }

    /// A standard entry of a numbered IOS list has no protocol.
    fn starts_with_an_address(&self) -> bool {
        let first = self.peek();
        matches!(first, "any" | "host") || first.parse::<Ipv4Addr>().is_ok()
    }

    fn addresses(&mut self, mask_is_optional: bool) -> Option<Set> {
        if let ["object" | "object-group" | "addrgroup", name, rest @ ..] = self.rest {
            self.rest = rest;
            return match self.objects.network(name) {
                Some(addresses) => Some(Set::Group(Arc::clone(addresses))),
                None => self.undefined("network object", name),
            };
        }
        self.one_address(mask_is_optional).map(Set::One)
    }

    fn one_address(&mut self, mask_is_optional: bool) -> Option<Addresses> {
        match self.next() {
            "any" => Some(Addresses::Any),
            "any4" => Some(Addresses::AnyV4),
            "any6" => Some(Addresses::AnyV6),
            "host" => {
                let word = self.next();
                match self.objects.address(word) {
                    Some(address) => Some(Addresses::host(address)),
                    None => self.unread(word, "expected an address after host"),
                }
            }
            group @ ("interface"
            | "user"
            | "user-group"
            | "object-group-user"
            | "security-group"
            | "object-group-security") => self.not_modelled(group),
            word => {
                if let Some((network, length)) = prefix(word) {
                    return Some(Addresses::Prefix(network, length));
                }
                let Some(IpAddr::V4(base)) = self.objects.address(word) else {
                    let expected = "expected any, host ADDRESS, ADDRESS MASK or ADDRESS/LENGTH";
                    return self.unread(word, expected);
                };
                if mask_is_optional && self.peek().parse::<Ipv4Addr>().is_err() {
                    return Some(Addresses::host(base.into()));
                }
                let mask = self.next();
                let bits = match self.dialect {
                    Dialect::Asa => netmask(mask).and_then(|_| mask.parse::<Ipv4Addr>().ok()),
                    Dialect::Ios => mask.parse::<Ipv4Addr>().ok().map(|wildcard| !wildcard),
                };
                match (bits, self.dialect) {
                    (Some(bits), _) => Some(Addresses::Masked(base, u32::from(bits))),
                    (None, Dialect::Asa) => {
                        // Meant for IOS; what it means is clear.
                        let inverted = mask.parse::<Ipv4Addr>().ok().map(|wildcard| !wildcard);
                        if let Some(bits) = inverted.filter(|m| netmask(&m.to_string()).is_some()) {
                            let message = format!(
                                "{mask} is a wildcard, as IOS writes it: an ASA refuses this line, and wants \
                                 the netmask {bits}"
                            );
                            self.found.error(self.line, mask, message);
                            return Some(Addresses::Masked(base, u32::from(bits)));
                        }
                        self.unread(mask, "expected a netmask such as 255.255.255.0")
                    }
                    (None, Dialect::Ios) => {
                        self.unread(mask, "expected a wildcard such as 0.0.0.255")
                    }
                }
            }
        }
    }

    fn ports(&mut self) -> Option<Vec<RangeInclusive<u16>>> {
        let operator = self.peek();
        if !matches!(operator, "eq" | "neq" | "lt" | "gt" | "range") {
            return Some(Vec::new());
        }
        let mut taken = if operator == "range" { 3 } else { 2 };
        // IOS takes up to ten ports after eq.
        while operator == "eq" && self.rest.get(taken).is_some_and(|word| port(word).is_some()) {
            taken += 1;
        }
        let words = self.rest.get(..taken).unwrap_or(self.rest);
        match ports_of(words) {
            Some(ports) => {
                self.rest = &self.rest[words.len()..];
                Some(ports)
            }
            None => {
                let wrong = words.iter().skip(1).find(|word| port(word).is_none());
                let wrong = wrong.copied().unwrap_or("");
                self.unread(wrong, "expected a TCP port")
            }
        }
    }

    /// What may follow the addresses; false when the entry names no TCP by it.
    fn qualifiers(&mut self, entry: &mut Entry) -> bool {
        loop {
            match self.next() {
                "established" => entry.established = true,
                // Names only fragments, which TCP here never sends.
                "fragments" => return false,
                flag @ ("ack" | "fin" | "psh" | "rst" | "syn" | "urg" | "match-any"
                | "match-all") => {
                    self.not_modelled::<()>(flag);
                    return false;
                }
                "" => return true,
                _ => {}
            }
        }
    }
}

/// `eq PORT`, `neq PORT`, `lt PORT`, `gt PORT`, `range FIRST LAST`; after `eq`, more ports.
#[must_use]
pub fn ports_of(words: &[&str]) -> Option<Vec<RangeInclusive<u16>>> {
    Some(match words {
        ["range", first, last] => vec![port(first)?..=port(last)?],
        ["gt", one] => vec![port(one)?.checked_add(1)?..=u16::MAX],
        ["lt", one] => vec![0..=port(one)?.checked_sub(1)?],
        ["neq", one] => {
            let one = port(one)?;
            let below = one.checked_sub(1).map(|last| 0..=last);
            let above = one.checked_add(1).map(|first| first..=u16::MAX);
            below.into_iter().chain(above).collect()
        }
        ["eq", all @ ..] if !all.is_empty() => {
            all.iter().map(|one| port(one).map(|one| one..=one)).collect::<Option<_>>()?
        }
        _ => return None,
    })
}

/// `host ADDRESS`, `range FIRST LAST`, `ADDRESS NETMASK`, `ADDRESS/LENGTH`.
#[must_use]
pub fn network(words: &[&str]) -> Option<Addresses> {
    match words {
        ["host", address] => address.parse().ok().map(Addresses::host),
        ["range", first, last] => Some(Addresses::Range(first.parse().ok()?, last.parse().ok()?)),
        [address, mask] => {
            netmask(mask)?;
            let bits = mask.parse::<Ipv4Addr>().ok()?;
            Some(Addresses::Masked(address.parse().ok()?, u32::from(bits)))
        }
        [word] => prefix(word).map(|(network, length)| Addresses::Prefix(network, length)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::lines;
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
        check(
            Asa,
            "access-list a extended permit icmp any any 3 13",
            Reason::Prohibited,
            Some(true),
        );
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
        read(
            Ios,
            "access-list 101 permit tcp 10.0.0.0 0.255.255.255 any eq 80 5001 log",
            Some(true),
        );
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
}
