//! Connections that no rule names: their addresses, and the port that they go to.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use sim_core::engine::device::in_prefix;
use sim_core::wire::packet::Flow;

use crate::neighbours::audit::{CLIENT, SERVER};
use crate::neighbours::linux::matches::Match;
use crate::neighbours::linux::rules::Ruleset;

/// What no rule names: of lists of networks that are no one's, documentation's addresses are a part.
#[derive(Debug)]
pub(super) struct Unnamed {
    /// Of IPv4 and of IPv6: who opens a connection, and who is called.
    pub(super) ends: [[IpAddr; 2]; 2],
    port: u16,
}

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
        Self { ends, port: unnamed_port(rules) }
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
