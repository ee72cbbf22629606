//! Of what a rule names, other rules may name a part: each part is tried, and a class is called by what of it has one
//! fate.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::flows::Named;
use super::unnamed::Unnamed;

/// Most parts of one class.
const PARTS_MAX: usize = 32;

/// Parts of the ports that connections of a class go to, or of the networks that they are between.
enum Parts {
    Ports(Vec<RangeInclusive<u16>>),
    Sources(Vec<(IpAddr, u8)>),
    Destinations(Vec<(IpAddr, u8)>),
}

/// A class that is split, if other rules name a part of it.
pub(super) struct Split {
    named: Named,
    parts: Parts,
    /// The ports as the rule has them.
    whole: Box<[RangeInclusive<u16>]>,
}

impl Split {
    /// Nothing where no other rule names a part.
    pub(super) fn of(named: &Named, unnamed: &Unnamed) -> Option<Self> {
        let class = &named.traffic;
        let ports = class.ports.as_deref().map(|of| unnamed.parts_of_ports(of));
        let networks = |of: &Option<Box<[_]>>| {
            of.as_deref().map(|of| unnamed.parts_of_networks(of)).filter(|parts| parts.len() > 1)
        };
        let parts = match ports.filter(|parts| parts.len() > 1) {
            Some(ports) => Parts::Ports(ports),
            None => match networks(&class.destinations) {
                Some(of) => Parts::Destinations(of),
                None => Parts::Sources(networks(&class.sources)?),
            },
        };
        let whole = class.ports.clone().unwrap_or_default();
        Some(Self { named: named.clone(), parts, whole })
    }

    fn len(&self) -> usize {
        match &self.parts {
            Parts::Ports(of) => of.len(),
            Parts::Sources(of) | Parts::Destinations(of) => of.len(),
        }
    }

    /// True when its parts are few enough to try each; of how many more may be tried, those are taken.
    pub(super) fn is_tried(&self, left: &mut usize) -> bool {
        let is_tried = self.len() <= PARTS_MAX.min(*left);
        *left -= if is_tried { self.len() } else { 0 };
        is_tried
    }

    /// A connection of each part.
    pub(super) fn each(&self, unnamed: &Unnamed) -> Vec<Named> {
        (0..self.len()).map(|at| self.joined(&[at], unnamed)).collect()
    }

    /// True when they are of one range of the rule.
    fn is_within_one(&self, one: &RangeInclusive<u16>, other: &RangeInclusive<u16>) -> bool {
        self.whole.iter().any(|of| of.contains(one.start()) && of.contains(other.end()))
    }

    /// The parts at these places as one class, with a connection of the first one.
    pub(super) fn joined(&self, places: &[usize], unnamed: &Unnamed) -> Named {
        let mut named = self.named.clone();
        let first = places.first().copied().unwrap_or(0);
        match &self.parts {
            Parts::Ports(of) => {
                named.flow.dst.set_port(*of[first].start());
                let mut ports: Vec<RangeInclusive<u16>> = Vec::new();
                for part in places.iter().map(|at| &of[*at]) {
                    match ports.last_mut() {
                        Some(last)
                            if last.end().checked_add(1) == Some(*part.start())
                                && self.is_within_one(last, part) =>
                        {
                            *last = *last.start()..=*part.end();
                        }
                        _ => ports.push(part.clone()),
                    }
                }
                named.traffic.ports = Some(ports.into());
            }
            Parts::Sources(of) => {
                named.flow.src.set_ip(unnamed.inside(of[first]));
                named.traffic.sources = Some(places.iter().map(|at| of[*at]).collect());
            }
            Parts::Destinations(of) => {
                named.flow.dst.set_ip(unnamed.inside(of[first]));
                named.traffic.destinations = Some(places.iter().map(|at| of[*at]).collect());
            }
        }
        named
    }
}
