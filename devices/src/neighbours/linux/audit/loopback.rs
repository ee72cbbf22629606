//! What a host sends to itself: it comes by no link, and meets the rules for what it sends and for what comes to it.

use std::net::IpAddr;

use sim_core::wire::packet::Flow;

use crate::audit::{Effect, Verdict};

use super::ways::{End, Way};

/// The way over the loopback interface, to this host or from it.
pub(super) fn way(end: End) -> Way {
    Way { names: ["lo", ""].map(str::to_owned), end }
}

/// A connection as a host opens it to itself: from the address that it calls, unless its process asks for another one (Linux,
/// net/ipv4/route.c: `ip_route_output_key_hash_rcu`); nothing where rules name two different ones. `ends`: the addresses that no
/// rule names, of IPv4 and of IPv6.
pub(super) fn of_one_address(mut flow: Flow, ends: &[[IpAddr; 2]; 2]) -> Option<Flow> {
    let [client, server] = ends[usize::from(flow.dst.is_ipv6())];
    if flow.src.ip() == client {
        flow.src.set_ip(flow.dst.ip());
    } else if flow.dst.ip() == server {
        flow.dst.set_ip(flow.src.ip());
    }
    (flow.src.ip() == flow.dst.ip()).then_some(flow)
}

/// What becomes of what a host sends to itself, as who is called and as who calls, where that is told of.
#[derive(Debug)]
pub(super) struct Loopback {
    told: [Option<Vec<Verdict>>; 2],
    /// As who is called it has rows of its own.
    is_apart: bool,
}

impl Loopback {
    /// Of what is dropped whole, by whichever rule, not each class is told.
    pub(super) fn of(told: [Option<Vec<Verdict>>; 2]) -> Self {
        let whole = |rows: Vec<Verdict>| match rows.last() {
            Some(last) if is_shut(&rows) => {
                vec![Verdict { traffic: "all TCP".to_owned(), ..last.clone() }]
            }
            _ => rows,
        };
        Self { told: told.map(|rows| rows.map(whole)), is_apart: false }
    }

    /// Whether it has rows of its own: rules touch some of it, and neither what is said of another interface, as who is called or
    /// as who calls, tells it.
    pub(super) fn tell_apart(&mut self, others: [Option<&Vec<Verdict>>; 2]) -> bool {
        let [called, _] = &mut self.told;
        if others[0].is_some_and(|rows| is_shut(rows)) && called.as_deref().is_some_and(is_shut) {
            *called = None;
        }
        let is_alike = |(mine, other): (&Option<Vec<Verdict>>, Option<&Vec<Verdict>>)| {
            let both = mine.as_ref().zip(other).filter(|(mine, other)| mine.len() == other.len());
            both.is_some_and(|(mine, other)| mine.iter().zip(other).all(|(a, b)| is_told_by(a, b)))
        };
        let is_touched = self.told[0].as_deref().is_some_and(touches_some);
        self.is_apart = is_touched && !self.told.iter().zip(others).any(is_alike);
        self.is_apart
    }

    /// Whether what a row says of this host, as who is called and as who calls, does not hold of what it sends to itself.
    pub(super) fn is_excepted(&self, row: &Verdict) -> [bool; 2] {
        let holds = |mine: &Verdict| {
            let drops_all = mine.traffic == "all TCP" && mine.effect == Effect::Drop;
            is_told_by(mine, row) || drops_all && row.effect == Effect::Drop
        };
        let [called, caller] = self.told.each_ref().map(|told| {
            let is_meant = |of: &&Vec<Verdict>| row.effect != Effect::Pass || touches_some(of);
            told.as_ref().filter(is_meant).is_some_and(|told| !told.iter().any(holds))
        });
        [called || self.is_apart, caller]
    }
}

fn is_shut(rows: &[Verdict]) -> bool {
    rows.iter().all(|row| row.effect == Effect::Drop)
}

fn touches_some(rows: &[Verdict]) -> bool {
    rows.iter().any(|row| row.effect != Effect::Pass)
}

/// True when one row says what another does, for the same line.
fn is_told_by(mine: &Verdict, other: &Verdict) -> bool {
    let line = |row: &Verdict| row.because.first().map(|of| of.line);
    (mine.effect, &mine.traffic, line(mine)) == (other.effect, &other.traffic, line(other))
}
