//! The connections that are tried: one of each kind that rules name.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sim_core::wire::packet::Flow;

use crate::neighbours::linux::marks::{Marking, Supposed};
use crate::neighbours::linux::matches::Match;
use crate::neighbours::linux::paths::{Path, each, each_of};
use crate::neighbours::linux::rules::{Hook, Ruleset};
use crate::neighbours::linux::target::Target;

use super::asked::Asked;
use super::class::{Class, Networks};
use super::unnamed::Unnamed;
use super::ways::End;

/// Most of a rule's joined values that are tried each.
const JOINED_MAX: usize = 32;

/// Connections of which one is tried.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) traffic: Class,
    pub(super) flow: Flow,
    /// What the text does not tell of it, as the rule asks for it.
    pub(super) supposed: Supposed,
    /// It is called by an address of this host.
    pub(super) calls_host: bool,
    /// Its addresses, or its rules, are of one version of IP.
    pub(super) is_of_ipv6: Option<bool>,
    /// Rules that lead to it of which it cannot be told whether they hold.
    pub(super) doubts: Vec<usize>,
    /// Rules that lead to it up to a limit or beyond one.
    pub(super) limits: Vec<usize>,
    /// The rule concerns this host's connections alone (true), forwarded ones alone (false).
    pub(super) is_host: Option<bool>,
    /// Its rule names what answers it.
    pub(super) is_of_answers: bool,
    /// The ways on which packets come to it.
    pub(super) paths: Vec<RulesTo>,
}

/// Places of the chain that packets pass, and of the rules on the way from there to one that names them.
pub(super) type RulesTo = (usize, Box<[usize]>);

/// Most ways to rules of a class that are known.
const PATHS_MAX: usize = 16;

/// Most rules that give marks whose connections are joined to those of rules that ask for these.
const GIVING_MAX: usize = 64;

/// A rule that gives marks: of which connections, and the rules on the way to it.
struct Giving<'r> {
    marks: &'r [Marking],
    asked: Asked<'r>,
    entries: Box<[usize]>,
}

/// A connection that is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) flow: Flow,
    /// It is called by an address of this host.
    pub(super) calls_host: bool,
    pub(super) supposed: Supposed,
}

impl From<Flow> for Call {
    fn from(flow: Flow) -> Self {
        Self { flow, calls_host: false, supposed: Supposed::default() }
    }
}

impl Named {
    pub(super) const fn call(&self) -> Call {
        self.called(self.flow)
    }

    /// Another connection, of which the same is supposed.
    pub(super) const fn called(&self, flow: Flow) -> Call {
        Call { flow, calls_host: self.calls_host, supposed: self.supposed }
    }

    /// True for a connection that is like the one that was tried, where that is none of any.
    pub(super) fn is_like(&self, call: &Call, general: Flow) -> bool {
        let flow = &call.flow;
        let is_like = |mine: SocketAddr, other: SocketAddr, general: SocketAddr| {
            [general.ip(), other.ip()].contains(&mine.ip())
                && [general.port(), other.port()].contains(&mine.port())
        };
        is_like(self.flow.src, flow.src, general.src)
            && is_like(self.flow.dst, flow.dst, general.dst)
            && call.supposed.or(self.supposed) == call.supposed
            && self.supposed.or(call.supposed) == call.supposed
    }

    /// What its rule says of a connection, and of the rest what another one says.
    pub(super) fn of_both(&self, other: &Flow, general: Flow) -> Flow {
        both(self.flow, *other, general)
    }
}

/// What one connection says, and of the rest, where it is like any, what another one does.
pub(super) fn both(mine: Flow, other: Flow, general: Flow) -> Flow {
    let or = |mine: SocketAddr, others: SocketAddr, general: SocketAddr| {
        let ip = if mine.ip() == general.ip() { others.ip() } else { mine.ip() };
        let port = if mine.port() == general.port() { others.port() } else { mine.port() };
        SocketAddr::new(ip, port)
    };
    Flow { src: or(mine.src, other.src, general.src), dst: or(mine.dst, other.dst, general.dst) }
}

/// Connections that rules name.
#[derive(Clone)]
pub(super) struct Flows {
    pub(super) named: Vec<Named>,
    pub(super) unnamed: Unnamed,
    /// Rules of the two versions of IP differ, or may.
    pub(super) tells_versions: bool,
    /// The line of the first rule whose connections are not tried.
    pub(super) left: Option<u32>,
    /// Most parts of them that are tried each.
    pub(super) parts_max: usize,
}

/// Connections that rules name, each with its name.
pub(super) fn flows(rules: &Ruleset, most: usize) -> Flows {
    let tells = |(_, on): &(bool, Match)| matches!(on, Match::Version6);
    let tells_versions = rules.bases.iter().any(|base| base.when.iter().any(tells))
        || rules.entries.iter().any(|entry| entry.matches.iter().any(tells));
    let mut named: Vec<Named> = Vec::new();
    let mut left = None;
    let unnamed = Unnamed::of(rules);
    // Where no rule knows answers for what they are, each meets the rules as its connection's SYN did.
    let knows = |(_, on): &(bool, Match)| match on {
        Match::State(states) => states.iter().any(|state| state == "ESTABLISHED"),
        _ => false,
    };
    let mut knowing: BTreeSet<Hook> = BTreeSet::new();
    // What rules give marks to that others ask for is what those are of.
    let mut giving: Vec<Giving<'_>> = Vec::new();
    each(rules, |path| {
        let marks = &rules.entries[path.last()].marks;
        if !marks.is_empty()
            && giving.len() < GIVING_MAX
            && path.doubts().next().is_none()
            && !is_of_established(path)
        {
            let asked = Asked::of(path, |_| false, 0);
            giving.push(Giving { marks, asked, entries: path.entries.into() });
        }
        if !knowing.contains(&path.base.hook) && path.conditions().any(knows) {
            knowing.insert(path.base.hook);
        }
        true
    });
    let mut add = |path: &Path<'_, '_>, most: usize| {
        let entry = &rules.entries[path.last()];
        let mut bases = rules.bases.iter().chain(&rules.masking);
        let base = bases.position(|base| std::ptr::eq(base, path.base)).unwrap_or(0);
        let doubts: Vec<usize> = path.doubts().collect();
        let limits: Vec<usize> = path.limits().collect();
        let is_host = match path.base.hook {
            Hook::Forward => Some(false),
            Hook::Input | Hook::Output => Some(true),
            _ => None,
        };
        let joined = path.conditions().filter_map(|(_, on)| match on {
            Match::Joined(of) => Some(of.len()),
            _ => None,
        });
        let joined = joined.max().unwrap_or(1);
        let mut new: Vec<Asked<'_>> =
            (0..joined.min(JOINED_MAX)).map(|place| Asked::of(path, |_| false, place)).collect();
        // Those that an earlier rule gives the mark that this one asks for, by both rules.
        let decides = !matches!(entry.target, Target::Count);
        let of_marked: Vec<(Asked<'_>, RulesTo)> = new
            .iter()
            .filter(|_| decides)
            .flat_map(|asked| {
                giving.iter().filter_map(|by| {
                    let entries = [path.entries, &by.entries].concat();
                    Some((asked.given(by.marks, &by.asked)?, (base, entries.into())))
                })
            })
            .take(JOINED_MAX)
            .collect();
        // A rule of all but some names those, too; of two ends that are such, either one alone. Where it is not told
        // whether the rule holds, they are none of those of which it may.
        let excludes =
            |is_such: fn(&Match) -> bool| path.conditions().any(|(no, on)| *no && is_such(on));
        let ends: [fn(&Match) -> bool; 2] =
            [|on| matches!(on, Match::Source(_)), |on| matches!(on, Match::Destination(_))];
        let told: [fn(&Match) -> bool; 2] =
            [|on| !on.is_supposed() && !matches!(on, Match::Version6), Match::is_supposed];
        let all = told.into_iter().filter(|is_such| excludes(*is_such)).collect::<Vec<_>>();
        let both = if ends.iter().all(|end| excludes(*end)) { &ends[..] } else { &[] };
        if doubts.is_empty() {
            new.extend(all.iter().chain(both).map(|excepted| Asked::of(path, *excepted, 0)));
        }
        if joined > JOINED_MAX {
            left.get_or_insert(entry.line);
        }
        let knows =
            if doubts.is_empty() { knowing.contains(&path.base.hook) } else { !knowing.is_empty() };
        // Rules of answers alone name what answers the connections that they let be.
        let changes = !knows
            || is_of_established(path)
            || matches!(entry.target, Target::Drop | Target::Reject { .. } | Target::Strip(_));
        // Of a connection only the first packet comes to rules of translation.
        let is_of_first = matches!(entry.target, Target::Translate(_) | Target::Mask(_));
        let answers: Vec<Asked<'_>> = match changes {
            _ if is_of_first => Vec::new(),
            true => new.iter().filter_map(|asked| asked.of_answers(true, &unnamed)).collect(),
            false => new[0].of_answers(false, &unnamed).into_iter().collect(),
        };
        let way: RulesTo = (base, path.entries.into());
        let of_way = |is_of_answers| {
            let way = &way;
            move |asked| (asked, is_of_answers, way.clone())
        };
        let new = new.into_iter().map(of_way(false));
        let of_marked = of_marked.into_iter().map(|(asked, way)| (asked, false, way));
        let answers = answers.into_iter().map(of_way(true));
        for (asked, is_of_answers, way) in new.chain(of_marked).chain(answers) {
            let Some((mut traffic, flow, supposed, version)) = asked.connection(&unnamed) else {
                continue;
            };
            let calls_host = traffic.calls_host;
            let call = Call { flow, calls_host, supposed };
            let is_known = |n: &Named| {
                n.call() == call
                    && (&n.doubts, &n.limits) == (&doubts, &limits)
                    && n.is_host == is_host
            };
            if traffic.is_any() && doubts.is_empty() && limits.is_empty() {
                continue;
            }
            // Chains that several rules call are come to by several ways.
            if let Some(known) = named.iter_mut().find(|named| is_known(named)) {
                if known.is_of_answers == is_of_answers && known.paths.len() < PATHS_MAX {
                    known.paths.push(way);
                }
                continue;
            }
            if named.len() >= most {
                left.get_or_insert(entry.line);
                return false;
            }
            let is_of_ipv6 = version.map(|(is_six, _)| is_six);
            traffic.over = match version {
                Some((true, false)) if tells_versions => " over IPv6",
                Some((false, false)) if tells_versions => " over IPv4",
                _ => "",
            };
            let (doubts, limits) = (doubts.clone(), limits.clone());
            let paths = vec![way];
            named.push(Named {
                traffic,
                flow,
                supposed,
                calls_host,
                is_of_ipv6,
                doubts,
                limits,
                is_host,
                is_of_answers,
                paths,
            });
        }
        true
    };
    each_of(rules, |base| !base.is_nat, |path| add(path, most));
    let parts_max = most * 4;
    // Those that rules translate are many where a box balances loads: half as many more.
    let most = most + most / 2;
    each_of(rules, |base| base.is_nat, |path| add(path, most));
    Flows { named, unnamed, tells_versions, left, parts_max }
}

/// True for rules of what belongs to known connections alone.
fn is_of_established(path: &Path<'_, '_>) -> bool {
    path.conditions().any(|(negated, on)| match on {
        Match::State(states) if !negated => {
            states.iter().any(|state| state == "ESTABLISHED")
                && !states.iter().any(|state| state == "NEW")
        }
        _ => false,
    })
}

/// Most networks between each two of which a connection is tried.
const NETWORKS_MAX: usize = 6;

impl Flows {
    /// The same on a way to this host itself, where nobody calls another: what is any connection then is none that rules
    /// name.
    pub(super) fn of_host(&self) -> Cow<'_, Self> {
        if !self.named.iter().any(|named| named.traffic.calls_host) {
            return Cow::Borrowed(self);
        }
        let mut all = self.clone();
        for named in &mut all.named {
            named.traffic.calls_host = false;
        }
        all.named.retain(|named| {
            !named.traffic.is_any() || !named.doubts.is_empty() || !named.limits.is_empty()
        });
        Cow::Owned(all)
    }

    /// The same over the loopback interface, where who comes from an address calls the same: it is named as who comes, or as
    /// who is called, as rows of others are that it is held against.
    pub(super) fn over_loopback(&self, end: End) -> Self {
        let mut all: Vec<Named> = Vec::with_capacity(self.named.len());
        for named in &self.named {
            let mut named = named.clone();
            let general = self.unnamed.flow(named.flow.dst.is_ipv6());
            let Named { traffic, flow, .. } = &mut named;
            let is_of_source = traffic.sources.is_some() || traffic.others.contains(" from others");
            let is_of_called =
                traffic.destinations.is_some() || traffic.others.contains(" to others");
            match (is_of_source, is_of_called, end) {
                (true, false, End::Caller) => {
                    traffic.destinations = traffic.sources.take();
                    traffic.others = traffic.others.replace(" from others", " to others");
                    flow.dst.set_ip(flow.src.ip());
                    flow.src.set_ip(general.src.ip());
                }
                (false, true, End::Called) => {
                    traffic.sources = traffic.destinations.take();
                    traffic.others = traffic.others.replace(" to others", " from others");
                    flow.src.set_ip(flow.dst.ip());
                    flow.dst.set_ip(general.dst.ip());
                }
                _ => {}
            }
            let name = named.traffic.to_string();
            let is_same = |known: &&mut Named| {
                (&known.doubts, &known.limits) == (&named.doubts, &named.limits)
                    && known.flow == named.flow
                    && known.is_host == named.is_host
                    && known.is_of_answers == named.is_of_answers
                    && known.traffic.to_string() == name
            };
            match all.iter_mut().find(is_same) {
                Some(known) => known.paths.append(&mut named.paths),
                None => all.push(named),
            }
        }
        Self { named: all, ..self.clone() }
    }

    /// Connections from each network that rules name alone, to each other and within it: where one rule lets the SYN
    /// through and another one the answer, neither is told by its own.
    pub(super) fn between_networks(&self) -> Vec<(Class, Flow)> {
        let mut all: Vec<(Networks, Ipv4Addr)> = Vec::new();
        for named in self.named.iter().filter(|named| named.doubts.is_empty()) {
            let Some((networks, is_source)) = named.traffic.network_alone() else { continue };
            let end = if is_source { named.flow.src } else { named.flow.dst };
            if let IpAddr::V4(address) = end.ip()
                && !(address.is_multicast() || address.is_broadcast() || address.is_loopback())
                && all.len() < NETWORKS_MAX
                && !all.iter().any(|(known, _)| known == networks)
            {
                all.push((networks.clone(), address));
            }
        }
        let general = self.unnamed.flow(false);
        let pairs: Vec<_> =
            all.iter().flat_map(|from| all.iter().map(move |to| (from, to))).collect();
        let of = |((sources, source), (destinations, destination)): &(&(_, Ipv4Addr), &(_, _))| {
            let (sources, destinations): (&Networks, &Networks) = (sources, destinations);
            let destination = match source == destination {
                // Another host of the network.
                true if sources[0].1 == 32 => return None,
                true => Ipv4Addr::from(u32::from(*source) ^ 1),
                false => *destination,
            };
            let class = Class {
                sources: Some(sources.clone()),
                destinations: Some(destinations.clone()),
                hosts: Arc::clone(&self.unnamed.hosts),
                ..Class::default()
            };
            let flow = Flow {
                src: SocketAddr::new((*source).into(), general.src.port()),
                dst: SocketAddr::new(destination.into(), general.dst.port()),
            };
            Some((class, flow))
        };
        pairs.iter().filter_map(of).collect()
    }
}
