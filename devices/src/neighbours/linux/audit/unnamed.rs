//! Connections that no rule names: their addresses, and the port that they go to.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use sim_core::engine::device::in_prefix;
use sim_core::wire::packet::Flow;

use crate::neighbours::audit::{CLIENT, SERVER};
use crate::neighbours::linux::hosts::Hosts;
use crate::neighbours::linux::marks::Marking;
use crate::neighbours::linux::matches::Match;
use crate::neighbours::linux::rules::Ruleset;

/// What no rule names: of lists of networks that are no one's, documentation's addresses are a part.
#[derive(Clone, Debug)]
pub(super) struct Unnamed {
    /// Of IPv4 and of IPv6: who opens a connection, and who is called.
    pub(super) ends: [[IpAddr; 2]; 2],
    port: u16,
    /// All rules are of IPv6.
    pub(super) is_of_ipv6: bool,
    /// Hosts that variables call.
    pub(super) hosts: Arc<Hosts>,
    /// How rules change marks.
    pub(super) marks: Vec<Marking>,
    /// What rules name.
    networks: Vec<(IpAddr, u8)>,
    ports: Vec<RangeInclusive<u16>>,
    /// The same, as conditions name them together.
    network_lists: Vec<Box<[(IpAddr, u8)]>>,
    port_lists: Vec<Box<[RangeInclusive<u16>]>>,
    /// Those that packets are said to come from.
    source_ports: HashSet<Box<[RangeInclusive<u16>]>>,
}

/// Most members of a list among which one is looked for that no other list names.
const MEMBERS_MAX: usize = 16;

/// Most places in a network, or a range, at which one is looked for that is named by nothing narrower.
const PLACES_MAX: usize = 64;

impl Unnamed {
    pub(super) fn of(rules: &Ruleset) -> Self {
        let entries = rules.entries.iter().flat_map(|entry| entry.matches.iter());
        let mut networks: Vec<(IpAddr, u8)> = Vec::new();
        entries.for_each(|(_, on)| on.each_network(&mut |network| networks.push(network)));
        networks.retain(|(_, length)| *length > 0);
        let other = |all: [IpAddr; 4]| {
            let is_named = |one: &IpAddr| networks.iter().any(|&(a, l)| in_prefix(*one, a, l));
            all.into_iter().find(|one| !is_named(one)).unwrap_or(all[0])
        };
        let four = |end: IpAddr, last: u8| {
            let others = [[11, 71, 0, last], [151, 71, 0, last], [211, 71, 0, last]];
            let [a, b, c] = others.map(IpAddr::from);
            other([end, a, b, c])
        };
        let six = |last: u16| {
            let begins = [0x2001_0db8, 0x2a00_0071, 0x2600_0071, 0xfd00_0071_u32];
            let of = |begin: u32| Ipv6Addr::from(u128::from(begin) << 96 | u128::from(last));
            other(begins.map(of).map(IpAddr::from))
        };
        let ends = [[four(CLIENT.ip(), 1), four(SERVER.ip(), 2)], [six(1), six(2)]];
        networks.sort_unstable();
        networks.dedup();
        let mut ports: Vec<RangeInclusive<u16>> = Vec::new();
        // Each once, in the order of the rules: of a long text most are alike, or of one member.
        let (mut known_networks, mut known_ports) = (HashSet::new(), HashSet::new());
        let (mut network_lists, mut port_lists) = (Vec::new(), Vec::new());
        let mut source_ports = HashSet::new();
        for (_, on) in rules.entries.iter().flat_map(|entry| entry.matches.iter()) {
            on.each_port(&mut |range| ports.push(range));
            match on {
                Match::Source(of) | Match::Destination(of) if known_networks.insert(of) => {
                    network_lists.push(of.clone());
                }
                Match::SourcePort(of) | Match::DestinationPort(of) if known_ports.insert(of) => {
                    port_lists.push(of.clone());
                }
                _ => {}
            }
            if let Match::SourcePort(of) = on {
                source_ports.insert(of.clone());
            }
        }
        ports.sort_unstable_by_key(|range| (*range.start(), *range.end()));
        ports.dedup();
        let port = unnamed_port(rules);
        let marks = rules.entries.iter().flat_map(|entry| entry.marks.iter().copied()).collect();
        let is_of_ipv6 = rules.is_of_ipv6;
        let hosts = Arc::new(rules.hosts.clone());
        Self {
            ends,
            port,
            is_of_ipv6,
            hosts,
            marks,
            networks,
            ports,
            network_lists,
            port_lists,
            source_ports,
        }
    }

    /// True when rules say that packets come from these ports.
    pub(super) fn opens_from(&self, ports: &[RangeInclusive<u16>]) -> bool {
        self.source_ports.contains(ports)
    }

    /// An address of these networks that other conditions do not name, unless they name all of these.
    pub(super) fn address_of(&self, networks: &[(IpAddr, u8)]) -> Option<IpAddr> {
        let within =
            |of: &[(IpAddr, u8)], one: IpAddr| of.iter().any(|&(a, l)| in_prefix(one, a, l));
        let mut members = networks.iter().take(MEMBERS_MAX).map(|network| self.inside(*network));
        let first = members.next()?;
        if networks.len() == 1 {
            return Some(first);
        }
        let is_free = |one: &IpAddr| {
            !self.network_lists.iter().any(|of| {
                **of != *networks
                    && within(of, *one)
                    && !networks.iter().all(|(address, _)| within(of, *address))
            })
        };
        Some(std::iter::once(first).chain(members).find(is_free).unwrap_or(first))
    }

    /// A port of these ranges, likewise.
    pub(super) fn port_of(&self, ranges: &[RangeInclusive<u16>]) -> Option<u16> {
        let among = |of: &[RangeInclusive<u16>], port: u16| of.iter().any(|r| r.contains(&port));
        let mut members = ranges.iter().take(MEMBERS_MAX).map(|range| self.port_inside(range));
        let first = members.next()?;
        if ranges.len() == 1 {
            return Some(first);
        }
        let is_free = |port: &u16| {
            !self.port_lists.iter().any(|of| {
                **of != *ranges
                    && among(of, *port)
                    && !ranges.iter().all(|range| among(of, *range.start()))
            })
        };
        Some(std::iter::once(first).chain(members).find(is_free).unwrap_or(first))
    }

    /// An address of a network that rules name, and no narrower one.
    pub(super) fn inside(&self, (address, length): (IpAddr, u8)) -> IpAddr {
        let narrower: Vec<(IpAddr, u8)> = self
            .networks
            .iter()
            .copied()
            .filter(|(of, bits)| *bits > length && in_prefix(*of, address, length))
            .collect();
        let beside = narrower.iter().flat_map(|(of, bits)| {
            let size = 1u128.checked_shl(u32::from(bits_of(*of) - bits)).unwrap_or(0);
            [moved(*of, size), moved(*of, size.wrapping_neg())]
        });
        let is_free = |one: &IpAddr| {
            in_prefix(*one, address, length)
                && !narrower.iter().any(|&(of, bits)| in_prefix(*one, of, bits))
        };
        let places = std::iter::once(address).chain(beside);
        places.take(PLACES_MAX).find(is_free).unwrap_or(address)
    }

    /// A port of a range that rules name, and no narrower one.
    fn port_inside(&self, range: &RangeInclusive<u16>) -> u16 {
        let (first, last) = (*range.start(), *range.end());
        let is_narrower = |of: &&RangeInclusive<u16>| {
            *of != range && range.contains(of.start()) && range.contains(of.end())
        };
        let narrower: Vec<&RangeInclusive<u16>> = self.ports.iter().filter(is_narrower).collect();
        let beside = narrower
            .iter()
            .flat_map(|of| [of.end().saturating_add(1), of.start().saturating_sub(1)]);
        let places = std::iter::once(first).chain(beside).chain([last]);
        let is_free =
            |port: &u16| range.contains(port) && !narrower.iter().any(|of| of.contains(port));
        places.take(PLACES_MAX).find(is_free).unwrap_or(first)
    }

    /// The parts of these ports that rules tell apart, where other conditions name some of them.
    pub(super) fn parts_of_ports(
        &self,
        ranges: &[RangeInclusive<u16>],
    ) -> Vec<RangeInclusive<u16>> {
        let meets = |a: &RangeInclusive<u16>, b: &RangeInclusive<u16>| {
            a.start() <= b.end() && b.start() <= a.end()
        };
        let is_other = |of: &[RangeInclusive<u16>]| {
            *of != *ranges && of.iter().any(|other| ranges.iter().any(|mine| meets(mine, other)))
        };
        let others: Vec<_> = self.port_lists.iter().filter(|of| is_other(of)).flatten().collect();
        if others.is_empty() {
            return Vec::new();
        }
        let mut parts = Vec::new();
        for range in ranges {
            let inside = |at: &u16| range.contains(at) && at != range.start();
            let ends =
                others.iter().flat_map(|other| [Some(*other.start()), other.end().checked_add(1)]);
            let mut begins: Vec<u16> = ends.flatten().filter(inside).collect();
            begins.push(*range.start());
            begins.sort_unstable();
            begins.dedup();
            let ends = begins.iter().skip(1).map(|next| next - 1).chain([*range.end()]);
            parts.extend(begins.iter().zip(ends).map(|(first, last)| *first..=last));
        }
        parts
    }

    /// The networks of a list, where other conditions name some of their addresses.
    pub(super) fn parts_of_networks(&self, networks: &[(IpAddr, u8)]) -> Vec<(IpAddr, u8)> {
        let meets = |a: &(IpAddr, u8), b: &(IpAddr, u8)| {
            in_prefix(a.0, b.0, b.1) || in_prefix(b.0, a.0, a.1)
        };
        let is_other = |of: &[(IpAddr, u8)]| {
            *of != *networks
                && of.iter().any(|other| networks.iter().any(|mine| meets(mine, other)))
        };
        let is_shared = networks.len() > 1 && self.network_lists.iter().any(|of| is_other(of));
        if is_shared { networks.to_vec() } else { Vec::new() }
    }

    /// A connection of one version of IP.
    pub(super) fn flow(&self, is_six: bool) -> Flow {
        let [client, server] = self.ends[usize::from(is_six)];
        Flow {
            src: SocketAddr::new(client, CLIENT.port()),
            dst: SocketAddr::new(server, self.port),
        }
    }
}

const fn bits_of(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address so far behind another.
fn moved(address: IpAddr, by: u128) -> IpAddr {
    match address {
        IpAddr::V4(four) => Ipv4Addr::from(u32::from(four).wrapping_add(by as u32)).into(),
        IpAddr::V6(six) => Ipv6Addr::from(u128::from(six).wrapping_add(by)).into(),
    }
}

/// A port that connections go to which no rule names: rules of ports from 1024 on are no rarity.
fn unnamed_port(rules: &Ruleset) -> u16 {
    fn names(on: &Match, port: u16) -> bool {
        match on {
            Match::DestinationPort(of) => of.iter().any(|range| range.contains(&port)),
            Match::Joined(of) => of.iter().flatten().any(|(_, on)| names(on, port)),
            _ => false,
        }
    }
    let is_named = |port: &u16| {
        let all = rules.entries.iter().flat_map(|entry| entry.matches.iter());
        all.filter(|(negated, _)| !negated).any(|(_, on)| names(on, *port))
    };
    let ports = [SERVER.port(), 5_001, 1_023, 717, 9, 65_535];
    ports.into_iter().find(|port| !is_named(port)).unwrap_or(SERVER.port())
}
