//! What the rules on the way to a rule ask of a connection, one that is such, and its name.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use sim_core::engine::device::in_prefix;
use sim_core::wire::packet::Flow;

use crate::neighbours::linux::marks::{Marking, Supposed, is_given_by_none};
use crate::neighbours::linux::matches::Match;
use crate::neighbours::linux::paths::Path;

use super::class::{
    Class, common, is_network_of, is_range_of, listed, network, network_of_both, port as port_name,
    port_range, range_of_both,
};
use super::unnamed::Unnamed;

/// The MSS that hosts on Ethernet offer, as those that are tried do (RFC 6691).
const USUAL_MSS: u16 = 1460;

/// Ports that clients open connections from (Linux, `ip_local_port_range`).
const EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

/// What the rules on the way to a rule say of connections.
#[derive(Default)]
pub(super) struct Asked<'r> {
    sources: Option<Cow<'r, [(IpAddr, u8)]>>,
    destinations: Option<Cow<'r, [(IpAddr, u8)]>>,
    source_ports: Option<Cow<'r, [RangeInclusive<u16>]>>,
    ports: Option<Cow<'r, [RangeInclusive<u16>]>>,
    is_of_ipv6: Option<bool>,
    /// An address of this host is called.
    calls_host: bool,
    /// The marks and the owners that it asks for.
    supposed: Vec<&'r Match>,
    /// What it says of all others than these.
    others: Vec<&'r Match>,
}

impl<'r> Asked<'r> {
    /// What stands nearest to the rule says it; `excepted`: what such conditions exclude is meant. Of joined
    /// values the one at this place counts.
    pub(super) fn of(path: &Path<'_, 'r>, excepted: impl Fn(&Match) -> bool, place: usize) -> Self {
        let mut asked = Self::default();
        let mut excluded: Vec<&'r Match> = Vec::new();
        for (negated, on) in path.conditions() {
            asked.calls_host |= matches!((negated, on), (false, Match::Host { source: false }));
            if !negated || matches!(on, Match::Version6) {
                asked.take(*negated, on, place);
            } else if excepted(on) {
                excluded.push(on);
            } else {
                asked.others.push(on);
            }
        }
        excluded.into_iter().for_each(|on| asked.except(on, place));
        asked
    }

    /// What a condition excludes is meant, or that of it which the others name.
    fn except(&mut self, on: &'r Match, place: usize) {
        match on {
            Match::Source(of) => leave(&mut self.sources, of, is_network_of),
            Match::Destination(of) => leave(&mut self.destinations, of, is_network_of),
            Match::SourcePort(of) => leave(&mut self.source_ports, of, is_range_of),
            Match::DestinationPort(of) => leave(&mut self.ports, of, is_range_of),
            _ => self.take(true, on, place),
        }
    }

    fn take(&mut self, negated: bool, on: &'r Match, place: usize) {
        match on {
            Match::Source(of) => self.sources = Some(Cow::Borrowed(of)),
            Match::Destination(of) => self.destinations = Some(Cow::Borrowed(of)),
            Match::SourcePort(of) => self.source_ports = Some(Cow::Borrowed(of)),
            Match::DestinationPort(of) => self.ports = Some(Cow::Borrowed(of)),
            Match::Version6 => self.is_of_ipv6 = Some(!negated),
            Match::Mark { .. } | Match::Owner { .. } | Match::Mss(_) => self.supposed.push(on),
            Match::Joined(of) => {
                let one = of.get(place.min(of.len().saturating_sub(1))).into_iter().flatten();
                one.for_each(|(negated, on)| self.take(*negated, on, place));
            }
            _ => {}
        }
    }

    /// Those of these that another rule, which changes marks so, gives a mark that this one asks for; nothing where it
    /// gives none, or says no more of them, or names others.
    pub(super) fn given(&self, marks: &[Marking], by: &Self) -> Option<Self> {
        let is_given = |on: &&Match| match on {
            Match::Mark { mask, values, .. } => {
                let holds = |mark: u32| values.iter().any(|of| of.contains(&mark));
                marks.iter().any(|marking| marking.may_give(*mask, holds))
            }
            _ => false,
        };
        let version = [self.is_of_ipv6, by.is_of_ipv6];
        let is_of_two = version[0].zip(version[1]).is_some_and(|(mine, other)| mine != other);
        // A process has the owner that a connection from elsewhere has not.
        if is_of_two || !by.supposed.is_empty() || !self.supposed.iter().any(is_given) {
            return None;
        }
        let sources = common(self.sources.as_deref(), by.sources.as_deref(), network_of_both)?;
        let destinations =
            common(self.destinations.as_deref(), by.destinations.as_deref(), network_of_both)?;
        let source_ports =
            common(self.source_ports.as_deref(), by.source_ports.as_deref(), range_of_both)?;
        let ports = common(self.ports.as_deref(), by.ports.as_deref(), range_of_both)?;
        let says_more = sources.as_deref() != self.sources.as_deref()
            || destinations.as_deref() != self.destinations.as_deref()
            || source_ports.as_deref() != self.source_ports.as_deref()
            || ports.as_deref() != self.ports.as_deref()
            || by.calls_host && !self.calls_host;
        says_more.then(|| Self {
            sources: sources.map(|of| Cow::Owned(of.into_vec())),
            destinations: destinations.map(|of| Cow::Owned(of.into_vec())),
            source_ports: source_ports.map(|of| Cow::Owned(of.into_vec())),
            ports: ports.map(|of| Cow::Owned(of.into_vec())),
            is_of_ipv6: version[0].or(version[1]),
            calls_host: self.calls_host || by.calls_host,
            supposed: self.supposed.clone(),
            others: self.others.iter().chain(&by.others).copied().collect(),
        })
    }

    /// What a server's answers come from is where connections go to: what those are asked, where only the port
    /// that packets come from is told, or (`changes`: the rule may decide of them) addresses alone, or those and a port
    /// that rules let packets come from, too.
    pub(super) fn of_answers(&self, changes: bool, unnamed: &Unnamed) -> Option<Self> {
        let Self { sources, destinations, source_ports, ports, .. } = self;
        let has_addresses = sources.is_some() || destinations.is_some();
        // Clients' own ports are no condition.
        let is_of_clients = |of: &[RangeInclusive<u16>]| {
            of.iter()
                .any(|range| range.start() <= EPHEMERAL.start() && EPHEMERAL.end() <= range.end())
        };
        let ports = ports.as_ref().filter(|of| !is_of_clients(of));
        let is_such = match ports {
            None => source_ports.is_some() || changes && has_addresses,
            Some(of) => source_ports.is_none() && has_addresses && unnamed.opens_from(of),
        };
        is_such.then(|| Self {
            sources: destinations.clone(),
            destinations: sources.clone(),
            source_ports: ports.cloned(),
            ports: source_ports.clone(),
            is_of_ipv6: self.is_of_ipv6,
            calls_host: self.calls_host,
            ..Self::default()
        })
    }

    /// One of these connections, with its name and, where it is given, its version of IP, and whether its
    /// addresses tell that; nothing when no connection is such.
    pub(super) fn connection(&self, unnamed: &Unnamed) -> Option<Connection> {
        let first = |of: &Option<Cow<'_, [_]>>| of.as_deref().and_then(|of| unnamed.address_of(of));
        let (from, to) = (first(&self.sources), first(&self.destinations));
        let mut version = self.is_of_ipv6.or(unnamed.is_of_ipv6.then_some(true));
        for address in [from, to].into_iter().flatten() {
            if version.is_some_and(|is_six| is_six != address.is_ipv6()) {
                return None;
            }
            version = Some(address.is_ipv6());
        }
        let mut flow = unnamed.flow(version == Some(true));
        let hosts = Arc::clone(&unnamed.hosts);
        let mut class = Class { calls_host: self.calls_host, hosts, ..Class::default() };
        if let (Some(address), Some(of)) = (from, self.sources.as_deref()) {
            flow.src.set_ip(address);
            class.sources = Some(of.into());
        }
        if let Some(of) = self.source_ports.as_deref()
            && let Some(port) = unnamed.port_of(of)
        {
            flow.src.set_port(port);
            class.source_ports = Some(of.into());
        }
        if let (Some(address), Some(of)) = (to, self.destinations.as_deref()) {
            flow.dst.set_ip(address);
            class.destinations = Some(of.into());
        }
        if let Some(of) = self.ports.as_deref()
            && let Some(port) = unnamed.port_of(of)
        {
            flow.dst.set_port(port);
            class.ports = Some(of.into());
        }
        self.be_another(&mut flow, unnamed, &mut class.others);
        let supposed = self.suppose(unnamed, &mut class.others);
        let has_address = from.or(to).is_some();
        Some((class, flow, supposed, version.map(|is_six| (is_six, has_address))))
    }

    /// The marks and the owners that a connection must have, where no rule gives those.
    fn suppose(&self, unnamed: &Unnamed, called: &mut String) -> Supposed {
        let mut supposed = Supposed::default();
        let is_given_by_none = |on: &Match| is_given_by_none(on, unnamed.marks.iter().copied());
        for on in &self.supposed {
            match on {
                Match::Mark { of_connection, mask, values } if is_given_by_none(on) => {
                    let Some(value) = values.first().map(|of| *of.start()) else { continue };
                    let of = &mut supposed.marks[usize::from(*of_connection)];
                    *of |= value & mask;
                    if value & mask != 0 {
                        let which = if *of_connection { "connection mark" } else { "mark" };
                        called.push_str(&format!(" with {which} {}", marks(values, *mask)));
                    }
                }
                Match::Owner { group, of, called: name } => {
                    let which = if *group { "group" } else { "user" };
                    supposed.owner[usize::from(*group)] = of.first().map(|of| *of.start());
                    called.push_str(&format!(" of {which} {name}"));
                }
                // What others offer is usual.
                Match::Mss(of) if !of.iter().any(|all| all.contains(&USUAL_MSS)) => {
                    supposed.mss = of.first().map(|of| *of.start());
                    called.push_str(&format!(" with an MSS of {}", listed(of, port_range)));
                }
                _ => {}
            }
        }
        for on in &self.others {
            if let Match::Mss(of) = on {
                let among = |mss: &u16| of.iter().any(|range| range.contains(mss));
                if among(&supposed.mss.unwrap_or(USUAL_MSS)) {
                    supposed.mss = [536, 1, 9_000, u16::MAX].into_iter().find(|mss| !among(mss));
                    called.push_str(&format!(" with another MSS than {}", listed(of, port_range)));
                }
            }
            let Match::Mark { of_connection, mask, values } = on else { continue };
            let of = &mut supposed.marks[usize::from(*of_connection)];
            let has = |mark: u32| values.iter().any(|all| all.contains(&(mark & mask)));
            // Any mark that is not one of these.
            let mut bits = (0..32).map(|at| 1u32 << at);
            if has(*of)
                && unnamed.marks.is_empty()
                && let Some(other) = bits.find(|bit| !has(*bit))
            {
                *of = other;
                let which = if *of_connection { "connection mark" } else { "mark" };
                called.push_str(&format!(" with another {which} than {}", marks(values, *mask)));
            }
        }
        supposed
    }

    /// Makes a connection one of the others, where a rule is of all but some.
    fn be_another(&self, flow: &mut Flow, unnamed: &Unnamed, called: &mut String) {
        let within =
            |of: &[(IpAddr, u8)], address| of.iter().any(|&(a, l)| in_prefix(address, a, l));
        let address = |of: &[(IpAddr, u8)], now: IpAddr| {
            let others = [[198, 18, 0, 1], [10, 0, 0, 1], [172, 16, 0, 1], [192, 168, 0, 1]];
            let mut others = others.map(IpAddr::from).into_iter();
            let is_needed = now.is_ipv4() && within(of, now);
            is_needed.then(|| others.find(|other| !within(of, *other))).flatten()
        };
        let networks = |of: &[(IpAddr, u8)]| listed(of, |of| network(of, &unnamed.hosts));
        let port = |of: &[RangeInclusive<u16>], now: u16| {
            let among = |port: &u16| of.iter().any(|range| range.contains(port));
            among(&now)
                .then(|| [80, 1, 1024, 65_535].into_iter().find(|port| !among(port)))
                .flatten()
        };
        for on in &self.others {
            match on {
                Match::Source(of) => {
                    if let Some(other) = address(of, flow.src.ip()) {
                        flow.src.set_ip(other);
                        called.push_str(&format!(" from others than {}", networks(of)));
                    }
                }
                Match::Destination(of) => {
                    if let Some(other) = address(of, flow.dst.ip()) {
                        flow.dst.set_ip(other);
                        called.push_str(&format!(" to others than {}", networks(of)));
                    }
                }
                Match::DestinationPort(of) => {
                    if let Some(other) = port(of, flow.dst.port()) {
                        flow.dst.set_port(other);
                        let these = listed(of, |of| port_name(of, &unnamed.hosts));
                        called.push_str(&format!(" to other ports than {these}"));
                    }
                }
                Match::SourcePort(of) => {
                    if let Some(other) = port(of, flow.src.port()) {
                        flow.src.set_port(other);
                        let these = listed(of, |of| port_name(of, &unnamed.hosts));
                        called.push_str(&format!(" from other ports than {these}"));
                    }
                }
                _ => {}
            }
        }
    }
}

/// Leaves of what a rule names what another condition excludes; that alone, where the rule names none of it.
fn leave<'r, T: Clone>(
    named: &mut Option<Cow<'r, [T]>>,
    excluded: &'r [T],
    is_of: fn(&T, &T) -> bool,
) {
    let is_named = |one: &&T| named.iter().any(|of| of.iter().any(|whole| is_of(one, whole)));
    let both: Vec<T> = excluded.iter().filter(is_named).cloned().collect();
    match both.len() {
        0 if named.is_some() => {}
        some if some == excluded.len() || named.is_none() => *named = Some(Cow::Borrowed(excluded)),
        _ => *named = Some(Cow::Owned(both)),
    }
}

/// `0x1, 0x10-0x1f`, and the bits that count.
fn marks(values: &[RangeInclusive<u32>], mask: u32) -> String {
    let one = |of: &RangeInclusive<u32>| match (of.start(), of.end()) {
        (first, last) if first == last => format!("{first:#x}"),
        (first, last) => format!("{first:#x}-{last:#x}"),
    };
    let bits = if mask == u32::MAX { String::new() } else { format!("/{mask:#x}") };
    format!("{}{bits}", listed(values, one))
}

/// The name of a connection, it, and what is supposed of it; with whether it is of IPv6, and whether its addresses tell
/// that.
pub(super) type Connection = (Class, Flow, Supposed, Option<(bool, bool)>);
