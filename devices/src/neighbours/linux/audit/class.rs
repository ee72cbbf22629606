//! The names of connections: what rules ask of them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use sim_core::engine::device::in_prefix;
use sim_core::wire::packet::Flow;

use crate::neighbours::linux::hosts::Hosts;

use super::unnamed::Unnamed;

/// Networks as a condition names them together.
pub(super) type Networks = Box<[(IpAddr, u8)]>;

/// ` over IPv4 from 10.0.0.0/8 to port 80`; empty: any connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Class {
    /// ` over IPv4`, where versions are told apart.
    pub(super) over: &'static str,
    pub(super) sources: Option<Networks>,
    pub(super) source_ports: Option<Box<[RangeInclusive<u16>]>>,
    pub(super) destinations: Option<Networks>,
    /// It is called by an address of this host, which the way does not tell.
    pub(super) calls_host: bool,
    pub(super) ports: Option<Box<[RangeInclusive<u16>]>>,
    /// What all others than some are meant by: ` to others than 10.0.0.0/8`.
    pub(super) others: String,
    /// Earlier rules decide of a part that is not told apart.
    pub(super) is_in_part: bool,
    /// Hosts that variables call.
    pub(super) hosts: Arc<Hosts>,
}

impl Class {
    /// Any connection.
    pub(super) fn is_any(&self) -> bool {
        let networks = [&self.sources, &self.destinations];
        let ports = [&self.source_ports, &self.ports];
        networks.into_iter().all(Option::is_none)
            && ports.into_iter().all(Option::is_none)
            && self.over.is_empty()
            && self.others.is_empty()
            && !self.calls_host
            && !self.is_in_part
    }

    /// True when each of its connections is another one's, too, and that has more.
    pub(super) fn is_part_of(&self, other: &Self) -> bool {
        self.is_within(other) && !other.is_within(self)
    }

    /// True when each of its connections is another one's, too.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        let networks = |mine: &Option<Networks>, others: &Option<Networks>| match (mine, others) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(mine), Some(others)) => is_all_within(mine, others, is_network_of),
        };
        type Ports = Option<Box<[RangeInclusive<u16>]>>;
        let ports = |mine: &Ports, others: &Ports| match (mine, others) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(mine), Some(others)) => is_all_within(mine, others, is_range_of),
        };
        networks(&self.sources, &other.sources)
            && networks(&self.destinations, &other.destinations)
            && ports(&self.source_ports, &other.source_ports)
            && ports(&self.ports, &other.ports)
            && (other.over.is_empty() || self.over == other.over)
            && self.others == other.others
            && self.calls_host == other.calls_host
    }

    /// Whether it has a connection, as far as addresses and ports tell.
    pub(super) fn has(&self, flow: Flow) -> bool {
        let is_within = |of: &Option<Networks>, end: SocketAddr| {
            of.as_ref()
                .is_none_or(|of| of.iter().any(|&(a, length)| in_prefix(end.ip(), a, length)))
        };
        type Ports = Option<Box<[RangeInclusive<u16>]>>;
        let is_port = |of: &Ports, end: SocketAddr| {
            of.as_ref().is_none_or(|of| of.iter().any(|range| range.contains(&end.port())))
        };
        let is_six = flow.dst.is_ipv6();
        is_within(&self.sources, flow.src)
            && is_within(&self.destinations, flow.dst)
            && is_port(&self.source_ports, flow.src)
            && is_port(&self.ports, flow.dst)
            && !self.over.ends_with(if is_six { '4' } else { '6' })
    }

    /// A connection made one of these.
    pub(super) fn among(&self, mut flow: Flow, unnamed: &Unnamed) -> Flow {
        let address = |of: &Option<Networks>| of.as_deref().and_then(|of| unnamed.address_of(of));
        if let Some(address) = address(&self.sources) {
            flow.src.set_ip(address);
        }
        if let Some(address) = address(&self.destinations) {
            flow.dst.set_ip(address);
        }
        if let Some(port) = self.source_ports.as_deref().and_then(|of| unnamed.port_of(of)) {
            flow.src.set_port(port);
        }
        if let Some(port) = self.ports.as_deref().and_then(|of| unnamed.port_of(of)) {
            flow.dst.set_port(port);
        }
        flow
    }

    /// What both name; nothing where that is nothing.
    pub(super) fn joined(&self, other: &Self) -> Option<Self> {
        type Ports = Option<Box<[RangeInclusive<u16>]>>;
        let networks = |mine: &Option<Networks>, others: &Option<Networks>| {
            common(mine.as_deref(), others.as_deref(), network_of_both)
        };
        let ports = |mine: &Ports, others: &Ports| {
            common(mine.as_deref(), others.as_deref(), range_of_both)
        };
        let others = match [&*self.others, &*other.others] {
            ["", one] | [one, ""] => one.to_owned(),
            [one, two] if one == two => one.to_owned(),
            _ => return None,
        };
        if self.calls_host != other.calls_host {
            return None;
        }
        Some(Self {
            over: if self.over.is_empty() { other.over } else { self.over },
            sources: networks(&self.sources, &other.sources)?,
            source_ports: ports(&self.source_ports, &other.source_ports)?,
            destinations: networks(&self.destinations, &other.destinations)?,
            ports: ports(&self.ports, &other.ports)?,
            others,
            is_in_part: false,
            ..self.clone()
        })
    }

    /// Both as one, where they differ in one respect alone, or the one has all of the other.
    pub(super) fn merged(&self, other: &Self) -> Option<Self> {
        if other.is_within(self) {
            return Some(self.clone());
        }
        if self.is_within(other) {
            return Some(other.clone());
        }
        let union = Self {
            sources: together(&self.sources, &other.sources)?,
            source_ports: together(&self.source_ports, &other.source_ports)?,
            destinations: together(&self.destinations, &other.destinations)?,
            ports: together(&self.ports, &other.ports)?,
            ..self.clone()
        };
        let same = [
            self.sources == other.sources,
            self.source_ports == other.source_ports,
            self.destinations == other.destinations,
            self.ports == other.ports,
        ];
        let differs = same.iter().filter(|is_same| !**is_same).count();
        let is_alike = self.over == other.over
            && self.others == other.others
            && self.calls_host == other.calls_host;
        (differs == 1 && is_alike).then_some(union)
    }

    /// Connections to another one's networks, too.
    pub(super) fn add_destinations(&mut self, other: &Self) {
        let of = |class: &Self| class.destinations.clone().unwrap_or_default().into_vec();
        let mut all = of(self);
        all.extend(of(other));
        self.destinations = Some(all.into());
    }

    /// The networks that it names, if nothing else, and whether connections come from them.
    pub(super) fn network_alone(&self) -> Option<(&Networks, bool)> {
        let names_more = self.source_ports.is_some()
            || self.ports.is_some()
            || !self.over.is_empty()
            || self.calls_host
            || !self.others.is_empty();
        match (&self.sources, &self.destinations) {
            (Some(of), None) if !names_more => Some((of, true)),
            (None, Some(of)) if !names_more => Some((of, false)),
            _ => None,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.over)?;
        if let Some(of) = &self.sources {
            write!(f, " from {}", listed(of, |of| network(of, &self.hosts)))?;
        }
        if let Some(of) = &self.source_ports {
            write!(f, " from port {}", listed(of, |of| port(of, &self.hosts)))?;
        }
        if let Some(of) = &self.destinations {
            write!(f, " to {}", listed(of, |of| network(of, &self.hosts)))?;
        }
        if self.calls_host && self.destinations.is_none() {
            f.write_str(" to an address of this host")?;
        }
        if let Some(of) = &self.ports {
            write!(f, " to port {}", listed(of, |of| port(of, &self.hosts)))?;
        }
        f.write_str(&self.others)?;
        f.write_str(if self.is_in_part { " (what earlier rules leave)" } else { "" })
    }
}

/// Two lists as one; nothing where one is of any.
#[expect(clippy::option_option, reason = "a list of any, or none that both make")]
fn together<T: Clone + PartialEq>(
    mine: &Option<Box<[T]>>,
    other: &Option<Box<[T]>>,
) -> Option<Option<Box<[T]>>> {
    let (Some(one), Some(two)) = (mine, other) else {
        return (mine.is_none() && other.is_none()).then_some(None);
    };
    let new = two.iter().filter(|of| !one.contains(of));
    Some(Some(one.iter().chain(new).cloned().collect()))
}

fn is_all_within<T>(inner: &[T], outer: &[T], is_of: fn(&T, &T) -> bool) -> bool {
    inner.iter().all(|part| outer.iter().any(|whole| is_of(part, whole)))
}

/// What two lists have in common, where both name something; nothing where that is nothing.
pub(super) fn common<T: Clone + PartialEq>(
    mine: Option<&[T]>,
    other: Option<&[T]>,
    meet: fn(&T, &T) -> Option<T>,
) -> Option<Option<Box<[T]>>> {
    let (Some(one), Some(two)) = (mine, other) else {
        return Some(mine.or(other).map(Box::from));
    };
    let mut both: Vec<T> = Vec::new();
    for part in one.iter().flat_map(|a| two.iter().filter_map(move |b| meet(a, b))) {
        if !both.contains(&part) {
            both.push(part);
        }
    }
    (!both.is_empty()).then(|| Some(both.into()))
}

/// What two networks have in common: the one that is within the other.
pub(super) fn network_of_both(a: &(IpAddr, u8), b: &(IpAddr, u8)) -> Option<(IpAddr, u8)> {
    match (is_network_of(a, b), is_network_of(b, a)) {
        (true, _) => Some(*a),
        (_, true) => Some(*b),
        _ => None,
    }
}

/// The ports that two ranges have in common.
pub(super) fn range_of_both(
    a: &RangeInclusive<u16>,
    b: &RangeInclusive<u16>,
) -> Option<RangeInclusive<u16>> {
    let both = *a.start().max(b.start())..=*a.end().min(b.end());
    (!both.is_empty()).then_some(both)
}

pub(super) fn is_network_of((address, length): &(IpAddr, u8), (of, bits): &(IpAddr, u8)) -> bool {
    bits <= length && in_prefix(*address, *of, *bits)
}

pub(super) const fn is_range_of(range: &RangeInclusive<u16>, of: &RangeInclusive<u16>) -> bool {
    *of.start() <= *range.start() && *range.end() <= *of.end()
}

/// `10.0.0.0/8`, `$SERVER`.
pub(super) fn network((address, length): &(IpAddr, u8), hosts: &Hosts) -> String {
    hosts.name(*address).map_or_else(|| format!("{address}/{length}"), str::to_owned)
}

/// `80`, `1024-65535`, `$PORT`.
pub(super) fn port(range: &RangeInclusive<u16>, hosts: &Hosts) -> String {
    let name = hosts.port_name(*range.start()).filter(|_| range.start() == range.end());
    name.map_or_else(|| port_range(range), str::to_owned)
}

/// `80`, `1024-65535`.
pub(super) fn port_range(range: &RangeInclusive<u16>) -> String {
    match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    }
}

/// Most that are named of a list.
const NAMED_MAX: usize = 8;

/// `80, 443`; of a long list the first ones.
pub(super) fn listed<T>(all: &[T], name: impl Fn(&T) -> String) -> String {
    let mut named: Vec<String> = all.iter().take(NAMED_MAX).map(name).collect();
    if all.len() > NAMED_MAX {
        named.push(format!("and {} more", all.len() - NAMED_MAX));
    }
    named.join(", ")
}
