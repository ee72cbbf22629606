//! Reads the entries of access lists.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use sim_core::engine::device::ConfigLine;
use sim_core::wire::packet::Flags;

use super::{Addresses, AskedFlags, Dialect, Entry, Errors, Names, Services, Set};
use crate::config::group::Group;
use crate::config::keywords::BEFORE_NAMES;
use crate::config::objects::{Objects, Service};
use crate::config::words::{is_protocol, netmask, port, prefix, without_note};
use crate::config::{ConfigText, Diagnostics, Line, quoted};

/// What was read of an entry.
#[allow(clippy::large_enum_variant)] // taken apart where it is read
#[derive(Debug)]
pub enum Reading {
    /// It stands in its list.
    Entry(Entry),
    /// It stands there, and names neither TCP nor an ICMP error.
    OtherTraffic,
    /// The device refuses it.
    Refused,
}

impl Reading {
    /// As it stands in a list of IPv6 alone.
    #[must_use]
    pub fn of_ipv6(self) -> Self {
        match self {
            Self::Entry(entry) => Self::Entry(entry.of_ipv6()),
            other => other,
        }
    }
}

/// Why an entry is not read.
enum Unread {
    /// It names neither TCP nor an ICMP error.
    OtherTraffic,
    /// The device refuses it.
    Refused,
    /// It is not understood, with the reason.
    Open(String),
}

type Read<T> = Result<T, Unread>;

/// Reads an entry from what follows the list's name, from `extended`, `standard`, a line number, or
/// `permit` on. One that cannot be read is said, and keeps what was read of it.
pub fn entry(
    dialect: Dialect,
    words: &[&str],
    objects: &Objects,
    line: &Line<'_>,
    text: ConfigText<'_>,
    found: &mut Diagnostics,
) -> Reading {
    let mut words = Words {
        dialect,
        given: words,
        rest: without_note(words),
        objects,
        line,
        found,
        undefined: None,
        doubt: None,
    };
    let mut entry = Entry::open(text.place(line), String::new());
    match words.entry(&mut entry) {
        Ok(()) => (entry.doubt, entry.undefined) = (words.doubt, words.undefined),
        Err(Unread::OtherTraffic) => return Reading::OtherTraffic,
        Err(Unread::Refused) => return Reading::Refused,
        Err(Unread::Open(why)) => entry.doubt = Some(why),
    }
    Reading::Entry(entry)
}

impl Entry {
    /// An entry of which nothing is known.
    pub(crate) fn open(place: ConfigLine, why: String) -> Self {
        Self {
            permit: false,
            acts: false,
            names: Names::All,
            source: Set::One(Addresses::Any),
            destination: Set::One(Addresses::Any),
            services: Services::One(Service::default()),
            established: false,
            flags: None,
            doubt: Some(why),
            undefined: None,
            sequence: 0,
            interfaces: [None, None],
            place,
        }
    }

    /// An entry of which only its action is known.
    pub(crate) fn acting(permit: bool, place: ConfigLine, why: String) -> Self {
        Self { permit, acts: true, ..Self::open(place, why) }
    }
}

/// What an entry may still ask for behind `log`.
const BEHIND_LOG: [&str; 9] = [
    "inactive",
    "time-range",
    "fragments",
    "established",
    "dscp",
    "precedence",
    "tos",
    "ttl",
    "option",
];

struct Words<'a, 'l, 'd> {
    dialect: Dialect,
    /// All of the entry.
    given: &'a [&'l str],
    rest: &'a [&'l str],
    objects: &'a Objects,
    line: &'a Line<'l>,
    found: &'d mut Diagnostics,
    /// What of its groups is not defined.
    undefined: Option<String>,
    /// Why it may not name even what is read of it: it asks who sends, which no packet tells, or the device may refuse it.
    doubt: Option<String>,
}

impl<'a, 'l> Words<'a, 'l, '_> {
    fn entry(&mut self, entry: &mut Entry) -> Read<()> {
        let mut standard = false;
        entry.permit = loop {
            match self.next() {
                "line" | "sequence" => {
                    self.next();
                }
                "extended" | "advanced" => {}
                "standard" => standard = true,
                // Remarks, and kinds of lists that select no TCP packets.
                "remark" | "webtype" | "ethertype" => return Err(Unread::OtherTraffic),
                "evaluate" => {
                    self.evaluate(entry);
                    return Ok(());
                }
                // Lock-and-key: an entry for those that have logged in to the router.
                "dynamic" => return self.not_modelled("dynamic"),
                // An FTD's `trust`: permitted, and Snort does not look at it.
                "permit" | "trust" => break true,
                "deny" => break false,
                number if number.parse::<u32>().is_ok() => {}
                other => return self.unread(other, "expected permit or deny"),
            }
        };
        entry.acts = true;
        if self.dialect == Dialect::Ios && asks_others_for_established(self.given) {
            let message = "established asks for flags of TCP, and stands behind no other protocol: this line is refused";
            let word = self.rest.iter().rev().find(|word| **word == "established").unwrap_or(&"");
            self.found.error(self.line, word, message);
            return Err(Unread::Refused);
        }
        if standard || self.starts_with_an_address() {
            let addresses = self.addresses(true)?;
            match self.dialect {
                Dialect::Asa => entry.destination = addresses,
                Dialect::Ios => entry.source = addresses,
            }
            return self.qualifiers(entry);
        }
        let named = self.protocol(entry)?;
        if let Names::Icmp(_) = entry.names {
            entry.interfaces[0] = self.interface();
            entry.source = self.addresses(false)?;
            entry.interfaces[1] = self.interface();
            entry.destination = self.addresses(false)?;
            let errors = Errors::read(self.rest).ok_or(Unread::OtherTraffic)?;
            entry.names = Names::Icmp(errors);
            return Ok(());
        }
        let mut service = Service::default();
        entry.interfaces[0] = self.interface();
        entry.source = self.addresses(false)?;
        service.source = match self.source_group() {
            Some(group) => self.ports_in(&group)?,
            None => self.ports()?,
        };
        entry.interfaces[1] = self.interface();
        // Each service is one to each network, as far as the text tells the networks.
        if let (
            None,
            ["object-group-network-service" | "object-network-service", name, rest @ ..],
        ) = (&named, self.rest)
        {
            self.rest = rest;
            entry.destination = Set::Group(match self.objects.network(name) {
                Some(addresses) => Arc::clone(addresses),
                None => self.undefined("network-service group", name),
            });
            entry.services = Services::Group(self.services_of("network-service group", name));
            return self.qualifiers(entry);
        }
        entry.destination = self.addresses(false)?;
        entry.services = match (named, self.port_group()) {
            (None, Some(group)) if service.source.is_empty() => {
                Services::Group(self.services_of("service object", group))
            }
            (None, Some(group)) => {
                let of = self.services_of("service object", group);
                service.destination = self.ports_in(&of)?;
                Services::One(service)
            }
            (Some(services), None) if self.starts_with_ports() || !service.source.is_empty() => {
                // A group of protocols, TCP among them, with ports that stand by themselves.
                entry.services = Services::Group(services);
                service.destination = self.ports()?;
                Services::One(service)
            }
            (Some(services), _) => Services::Group(services),
            (None, None) => {
                service.destination = self.ports()?;
                Services::One(service)
            }
        };
        self.qualifiers(entry)
    }

    /// The protocol, or the group of services that stands in its place.
    fn protocol(&mut self, entry: &mut Entry) -> Read<Option<Arc<Group<Service>>>> {
        match self.next() {
            "ip" | "ipv4" | "ipv6" => Ok(None),
            "tcp" | "6" => {
                entry.names = Names::Tcp;
                Ok(None)
            }
            "icmp" | "icmp6" | "icmpv6" | "1" | "58" => {
                entry.names = Names::Icmp(Errors::Any);
                Ok(None)
            }
            "object" | "object-group" => {
                let name = self.next();
                let services = self.services_of("service object", name);
                if services.is_empty() && !services.is_open() {
                    return Err(Unread::OtherTraffic);
                }
                entry.names = Names::Tcp;
                Ok(Some(services))
            }
            word if is_protocol(word) => Err(Unread::OtherTraffic),
            word => self.unread(word, "expected a protocol (ip, tcp, …)"),
        }
    }

    fn next(&mut self) -> &'l str {
        let Some((first, rest)) = self.rest.split_first() else { return "" };
        self.rest = rest;
        first
    }

    fn peek(&self) -> &'l str {
        self.rest.first().copied().unwrap_or("")
    }

    fn unread<T>(&mut self, word: &str, message: &str) -> Read<T> {
        let message = format!("{message}, found {}", quoted(word));
        self.found.error(self.line, word, message.clone());
        Err(Unread::Open(message))
    }

    /// What stands for the mask of an address is none. Where an entry goes on, or ends, without one, or an ASA's has an
    /// address in its place, the device refuses it.
    fn no_mask<T>(&mut self, word: &str, message: &str) -> Read<T> {
        let goes_on =
            matches!(word, "" | "any" | "any4" | "any6" | "host" | "eq" | "range" | "log");
        let is_address = self.dialect == Dialect::Asa && word.parse::<Ipv4Addr>().is_ok();
        if !goes_on && !is_address {
            return self.unread(word, message);
        }
        let message = format!("{message}, found {}: the device refuses this line", quoted(word));
        self.found.error(self.line, word, message);
        Err(Unread::Refused)
    }

    fn not_modelled<T>(&mut self, word: &str) -> Read<T> {
        let message =
            format!("`{word}` in an access list is not modelled: this line matches nothing");
        self.found.warn(self.line, word, message);
        Err(Unread::Open(format!("`{word}` is not modelled")))
    }

    /// A reflexive list names the answers to connections that another list has reflected.
    fn evaluate(&mut self, entry: &mut Entry) {
        let message = "reflexive lists are not modelled: every answer is permitted here";
        self.found.warn(self.line, "evaluate", message);
        (entry.permit, entry.acts) = (true, true);
        (entry.names, entry.established) = (Names::Tcp, true);
    }

    /// A group that is not defined in the text: it may name anything.
    fn undefined<T>(&mut self, what: &str, name: &str) -> Arc<Group<T>> {
        let message = format!("{what} {} is not defined: this line matches nothing", quoted(name));
        self.found.warn(self.line, name, message);
        self.undefined = Some(format!("{what} {} is not defined in the text", quoted(name)));
        Arc::new(Group::unknown())
    }

    fn services_of(&mut self, what: &str, name: &str) -> Arc<Group<Service>> {
        match self.objects.service(name) {
            Some(services) => Arc::clone(services),
            None => self.undefined(what, name),
        }
    }

    /// A group of ports behind the source: where an object group may be one of addresses as well, what its
    /// name stands for tells.
    fn source_group(&mut self) -> Option<Arc<Group<Service>>> {
        let name = match self.rest {
            ["portgroup" | "port-group", name, ..] => name,
            ["object-group" | "object", name, _, ..]
                if self.objects.network(name).is_none() && self.objects.service(name).is_some() =>
            {
                name
            }
            _ => return None,
        };
        self.rest = &self.rest[2..];
        Some(self.services_of("port group", name))
    }

    /// The ports that a group names where ports of the other end are named as well.
    fn ports_in(&self, group: &Group<Service>) -> Read<Vec<RangeInclusive<u16>>> {
        if group.is_open() {
            let why = "not all that its group of ports holds is known".to_owned();
            return Err(Unread::Open(self.undefined.clone().unwrap_or(why)));
        }
        if group.is_empty() {
            return Err(Unread::OtherTraffic);
        }
        if group.iter().any(|service| service.destination.is_empty()) {
            return Ok(Vec::new());
        }
        Ok(group.iter().flat_map(|service| service.destination.iter().cloned()).collect())
    }

    fn starts_with_ports(&self) -> bool {
        matches!(self.peek(), "eq" | "neq" | "lt" | "gt" | "range")
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
            ["object-group" | "object" | "portgroup" | "port-group", name, rest @ ..] => {
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

    fn addresses(&mut self, mask_is_optional: bool) -> Read<Set> {
        self.identity();
        if let ["object" | "object-group" | "addrgroup" | "net-group", name, rest @ ..] = self.rest
        {
            self.rest = rest;
            return match self.objects.network(name) {
                Some(addresses) => Ok(Set::Group(Arc::clone(addresses))),
                None => Ok(Set::Group(self.undefined("network object", name))),
            };
        }
        // What stands for an address, as `x.1.28.2` on a page: the rest of the entry is read all the same.
        if let ["host", word, rest @ ..] = self.rest
            && self.objects.address(word).is_none()
        {
            let message = format!("expected an address after host, found {}", quoted(word));
            self.found.error(self.line, word, message.clone());
            self.undefined = Some(message);
            self.rest = rest;
            return Ok(Set::Group(Arc::new(Group::unknown())));
        }
        if let [word, mask, rest @ ..] = self.rest
            && !word.starts_with(|c: char| c.is_ascii_alphanumeric())
            && mask.parse::<Ipv4Addr>().is_ok()
        {
            let message = format!("expected an address, found {}", quoted(word));
            self.found.error(self.line, word, message.clone());
            self.undefined = Some(message);
            self.rest = rest;
            return Ok(Set::Group(Arc::new(Group::unknown())));
        }
        if let ["interface", name, rest @ ..] = self.rest
            && self.objects.interface(name).is_none()
        {
            let message = format!("the text does not say the address of interface {name}");
            self.found.warn(self.line, name, format!("{message}: this line matches nothing"));
            self.undefined = Some(message);
            self.rest = rest;
            return Ok(Set::Group(Arc::new(Group::unknown())));
        }
        self.one_address(mask_is_optional).map(Set::One)
    }

    /// Whom an ASA's entry asks for, before an address: `user NAME`, `security-group tag 7`.
    fn identity(&mut self) {
        let taken = match self.rest {
            ["user" | "user-group" | "object-group-user" | "object-group-security", _, ..] => 2,
            ["security-group", _, _, ..] => 3,
            _ => return,
        };
        let word = self.rest[0];
        let message =
            format!("`{word}` in an access list is not modelled: this line matches nothing");
        self.found.warn(self.line, word, message);
        self.doubt = Some(format!("`{word}` is not modelled"));
        self.rest = &self.rest[taken..];
    }

    fn one_address(&mut self, mask_is_optional: bool) -> Read<Addresses> {
        match self.next() {
            "any" => Ok(Addresses::Any),
            "any4" => Ok(Addresses::AnyV4),
            "any6" => Ok(Addresses::AnyV6),
            "host" => {
                let word = self.next();
                match self.objects.address(word) {
                    Some(address) => Ok(Addresses::host(address)),
                    None => self.unread(word, "expected an address after host"),
                }
            }
            "interface" => {
                let name = self.next();
                match self.objects.interface(name) {
                    Some(address) => Ok(Addresses::host(address)),
                    None => self.not_modelled("interface"),
                }
            }
            word => {
                if let Some((network, length)) = prefix(word) {
                    return Ok(Addresses::Prefix(network, length));
                }
                let Some(IpAddr::V4(base)) = self.objects.address(word) else {
                    let expected = "expected any, host ADDRESS, ADDRESS MASK or ADDRESS/LENGTH";
                    return self.unread(word, expected);
                };
                if mask_is_optional && self.peek().parse::<Ipv4Addr>().is_err() {
                    return Ok(Addresses::host(base.into()));
                }
                let mask = self.next();
                let bits = match self.dialect {
                    Dialect::Asa => {
                        mask.parse::<Ipv4Addr>().ok().filter(|mask| is_mask((*mask).into()))
                    }
                    Dialect::Ios => mask.parse::<Ipv4Addr>().ok().map(|wildcard| !wildcard),
                };
                match (bits, self.dialect) {
                    (Some(bits), _) => Ok(Addresses::Masked(base, u32::from(bits))),
                    (None, Dialect::Asa) => {
                        // Meant for IOS; what it means is clear.
                        let inverted = mask.parse::<Ipv4Addr>().ok().map(|wildcard| !wildcard);
                        if let Some(bits) = inverted.filter(|m| netmask(&m.to_string()).is_some()) {
                            let message = format!(
                                "{mask} is a wildcard, as IOS writes it: an ASA refuses this line, and wants \
                                 the netmask {bits}"
                            );
                            self.found.error(self.line, mask, message);
                            return Ok(Addresses::Masked(base, u32::from(bits)));
                        }
                        self.no_mask(mask, "expected a netmask such as 255.255.255.0")
                    }
                    (None, Dialect::Ios) => {
                        self.no_mask(mask, "expected a wildcard such as 0.0.0.255")
                    }
                }
            }
        }
    }

    fn ports(&mut self) -> Read<Vec<RangeInclusive<u16>>> {
        if !self.starts_with_ports() {
            return Ok(Vec::new());
        }
        let operator = self.peek();
        let mut taken = if operator == "range" { 3 } else { 2 };
        // IOS takes up to ten ports after eq and neq.
        while matches!(operator, "eq" | "neq")
            && self.rest.get(taken).is_some_and(|word| port(word).is_some())
        {
            taken += 1;
        }
        let words = self.rest.get(..taken).unwrap_or(self.rest);
        match ports_of(words) {
            Some(ports) => {
                self.rest = &self.rest[words.len()..];
                Ok(ports)
            }
            None => {
                let wrong = words.iter().skip(1).find(|word| port(word).is_none());
                let wrong = wrong.copied().unwrap_or("");
                // Glued to the line behind it, as `eq 587pager`: it names that port, or the line is refused.
                if let (["eq", glued], Some(port)) = (words, leading_port(wrong)) {
                    let message = format!("expected a TCP port, found {}", quoted(glued));
                    self.found.error(self.line, glued, message.clone());
                    (self.doubt, self.rest) = (Some(message), &[]);
                    return Ok(vec![port..=port]);
                }
                self.unread(wrong, "expected a TCP port")
            }
        }
    }

    /// What may follow the addresses.
    fn qualifiers(&mut self, entry: &mut Entry) -> Read<()> {
        loop {
            match self.next() {
                "" => return Ok(()),
                "established" if self.dialect == Dialect::Asa => {
                    let message = "established is IOS's: this line is refused".to_owned();
                    self.found.error(self.line, "established", message);
                    return Err(Unread::OtherTraffic);
                }
                "established" => entry.established = true,
                // Names only fragments, which TCP here never sends.
                "fragments" => return Err(Unread::OtherTraffic),
                "inactive" => return Err(Unread::OtherTraffic),
                // IP options, which segments here never have.
                "option" => return Err(Unread::OtherTraffic),
                // How it is logged, and what else it asks for.
                "log" | "log-input" => {
                    let Some(at) = self.rest.iter().position(|w| BEHIND_LOG.contains(w)) else {
                        return Ok(());
                    };
                    self.rest = &self.rest[at..];
                }
                // What `show access-list` adds.
                word if word.starts_with("(hit") || word.starts_with("(match") => return Ok(()),
                word if word.starts_with('(') => return Ok(()),
                "rule-id" | "event-log" | "counter" | "timeout" => {
                    self.next();
                }
                "capture" => {
                    self.next();
                    self.next();
                }
                "reflect" => {
                    self.next();
                }
                "icmp-off" | "statistics" => {}
                // What is permitted goes another way.
                word if word.starts_with("nexthop") => return Ok(()),
                // The same on IOS XR, where no route leads; and marks that QoS asks for.
                "default" if self.peek().starts_with("nexthop") => return Ok(()),
                "set" if matches!(self.peek(), "qos-group" | "traffic-class") => {
                    self.next();
                    self.next();
                }
                "time-range" => {
                    let name = self.next().to_owned();
                    let message = format!(
                        "in force only while time-range {name} holds: a simulation takes it to be in force nowhere"
                    );
                    self.found.warn(self.line, "time-range", message);
                    let why = format!("it is in force only while time-range {name} holds");
                    return Err(Unread::Open(why));
                }
                word => match flag(word) {
                    Some((flag, is_set)) => {
                        let asked = entry
                            .flags
                            .get_or_insert(AskedFlags { any: true, ..AskedFlags::default() });
                        let bits = if is_set { &mut asked.set } else { &mut asked.clear };
                        *bits = bits.with(flag);
                    }
                    None if matches!(word, "match-any" | "match-all") => {
                        let any = word == "match-any";
                        entry.flags = Some(AskedFlags { any, ..AskedFlags::default() });
                    }
                    None => return self.not_modelled(word),
                },
            }
        }
    }
}

/// True for an entry of another protocol than TCP that asks for `established`: the flags of a segment ("for the TCP protocol
/// only", Cisco IOS Security Command Reference, permit (IP) and permit (IPv6); so it is in those of NX-OS and IOS XR).
fn asks_others_for_established(words: &[&str]) -> bool {
    let Some(at) = words.iter().position(|word| matches!(*word, "permit" | "deny")) else {
        return false;
    };
    let [protocol, rest @ ..] = without_note(&words[at + 1..]) else { return false };
    let is_other = is_protocol(protocol) || matches!(*protocol, "ip" | "ipv4" | "ipv6");
    is_other
        && rest.windows(2).any(|two| two[1] == "established" && !BEFORE_NAMES.contains(&two[0]))
}

/// The port that a word begins with, which goes on with letters.
fn leading_port(word: &str) -> Option<u16> {
    let end = word.find(|c: char| !c.is_ascii_digit())?;
    let (digits, rest) = word.split_at(end);
    digits.parse().ok().filter(|_| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// A flag of TCP as an entry names it, and whether it must be set.
fn flag(word: &str) -> Option<(Flags, bool)> {
    let (name, is_set) = match word.split_at_checked(1)? {
        ("+", name) => (name, true),
        ("-", name) => (name, false),
        _ => (word, true),
    };
    let flag = match name {
        "ack" => Flags::ACK,
        "fin" => Flags::FIN,
        "psh" => Flags::PSH,
        "rst" => Flags::RST,
        "syn" => Flags::SYN,
        "urg" => Flags::URG,
        _ => return None,
    };
    Some((flag, is_set))
}

/// `eq PORT`, `neq PORT`, `lt PORT`, `gt PORT`, `range FIRST LAST`; after `eq`, more ports.
#[must_use]
pub fn ports_of(words: &[&str]) -> Option<Vec<RangeInclusive<u16>>> {
    Some(match words {
        ["range", first, last] => vec![port(first)?..=port(last)?],
        ["gt", one] => vec![port(one)?.checked_add(1)?..=u16::MAX],
        ["lt", one] => vec![0..=port(one)?.checked_sub(1)?],
        ["neq", all @ ..] if !all.is_empty() => {
            let mut left = vec![0..=u16::MAX];
            for one in all {
                let one = port(one)?;
                let split = left.into_iter().flat_map(|range| {
                    let below =
                        one.checked_sub(1).map(|last| *range.start()..=last.min(*range.end()));
                    let above =
                        one.checked_add(1).map(|first| first.max(*range.start())..=*range.end());
                    below.into_iter().chain(above)
                });
                left = split.filter(|range| !range.is_empty()).collect();
            }
            left
        }
        ["eq", all @ ..] if !all.is_empty() => {
            all.iter().map(|one| port(one).map(|one| one..=one)).collect::<Option<_>>()?
        }
        _ => return None,
    })
}

/// True for a netmask, and for one with holes (255.255.0.255), which access rules and groups may have (User Guide for Cisco
/// Security Manager 4.4, Contiguous and Discontiguous Network Masks for IPv4 Addresses); a wildcard begins with zeros.
const fn is_mask(bits: u32) -> bool {
    bits == 0 || bits.leading_ones() > 0
}

/// `host ADDRESS`, `range FIRST LAST`, `ADDRESS NETMASK`, `ADDRESS/LENGTH`.
#[must_use]
pub fn network(words: &[&str]) -> Option<Addresses> {
    match words {
        ["host", address] => address.parse().ok().map(Addresses::host),
        ["range", first, last] => Some(Addresses::Range(first.parse().ok()?, last.parse().ok()?)),
        // IOS: `192.0.2.0 /24`.
        [address, length] if length.starts_with('/') => {
            let (network, length) = prefix(&format!("{address}{length}"))?;
            Some(Addresses::Prefix(network, length))
        }
        [address, mask] => {
            let bits = mask.parse::<Ipv4Addr>().ok()?;
            is_mask(u32::from(bits))
                .then_some(Addresses::Masked(address.parse().ok()?, u32::from(bits)))
        }
        [word] => prefix(word).map(|(network, length)| Addresses::Prefix(network, length)),
        _ => None,
    }
}
