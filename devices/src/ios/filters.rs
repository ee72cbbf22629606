//! What the access lists of the interfaces permit, drop, or leave open, with what `ip inspect` opens in them.
//!
//! Each interface is tried with another one that has no rules; where another interface's inspection opens
//! its lists, with that one. What an entry that is not understood may name is unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use sim_core::engine::device::ConfigLine;
use sim_core::wire::packet::{Flags, Flow};

use crate::audit::{Because, Effect};
use crate::config::access_list::AccessList;
use crate::config::words::port;
use crate::nbar::config::{Action, On};

use super::audit::{CLIENT_PORT, PORTS, Probes, SEED, general};
use super::policy_routing::answered;
use super::{Interface, IosConfig, Named, Through};

mod uncrossed;

/// Connections that are tried of the entries that permit, and of those that deny.
const FLOWS_MAX: usize = 64;
/// Of those, the ones that are crossed with the other list's.
const CROSSED_MAX: usize = 8;
/// Policies inside a policy, and class-maps that one is made of.
const NESTED_MAX: usize = 32;
/// Entries of a list that are named because they deny.
const DENIED_MAX: usize = 4;
/// Rules of inspection that are tried with each interface.
const RULES_MAX: usize = 8;

/// The version of IP, which has access lists of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    /// That of an address.
    pub(super) const fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    const fn lists(self, interface: &Interface) -> &[Option<Named>; 2] {
        match self {
            Self::V4 => &interface.access,
            Self::V6 => &interface.access_v6,
        }
    }

    const fn tcp(self) -> &'static str {
        match self {
            Self::V4 => "TCP",
            Self::V6 => "TCP over IPv6",
        }
    }

    /// A connection that configurations seldom name.
    fn general(self, port: u16) -> Flow {
        match self {
            Self::V4 => general(port),
            Self::V6 => Flow {
                src: SocketAddr::new(
                    Ipv6Addr::new(0x2001, 0xdb8, 0x71, 0, 0, 0, 0, 71).into(),
                    CLIENT_PORT,
                ),
                dst: SocketAddr::new(
                    Ipv6Addr::new(0x2001, 0xdb8, 0x72, 0, 0, 0, 0, 72).into(),
                    port,
                ),
            },
        }
    }
}

/// Two interfaces, in the order in which a connection's first packet crosses them.
pub(super) type Crossing<'i> = [&'i Interface; 2];

impl Probes {
    /// Both directions of each interface that inspects, filters or classifies.
    pub(super) fn interfaces(&mut self) {
        let config = Arc::clone(&self.config);
        let groups = alike(&config.interfaces);
        let inspecting = [Through::In, Through::Out].map(|through| inspecting(&groups, through));
        let other = Interface { name: "another".into(), ..Interface::default() };
        for group in &groups {
            let interface = group[0];
            let called = called(group);
            for (place, why) in &interface.unread {
                let direction = format!("{called}, both directions");
                let because = vec![Because::line(place, why.clone())];
                self.say("all TCP".into(), &direction, Effect::Unknown, because);
            }
            let partners = [Through::In, Through::Out].map(|through| {
                let rule =
                    |i: &Interface| i.inspect[through as usize].as_ref().map(|r| r.name.clone());
                let named = |(stand_in, names): &(Interface, Vec<String>)| {
                    let count = names.len() - usize::from(rule(stand_in) == rule(interface));
                    let others = names.iter().filter(|name| **name != interface.name);
                    several(others, count)
                };
                let all = inspecting[through as usize].iter().map(|all| (&all.0, named(all)));
                all.filter(|(_, names)| !names.is_empty()).collect::<Vec<_>>()
            });
            let inspects = interface.inspect.iter().flatten().next();
            let classifies = interface.service.iter().flatten().next();
            for family in [Family::V4, Family::V6] {
                let filters = family.lists(interface).iter().flatten().next();
                let routes = config.dropping(family, interface);
                let first = match family {
                    Family::V4 => inspects.or(filters).or(classifies).or(routes),
                    Family::V6 => filters.or(routes),
                };
                let Some(first) = first else {
                    self.leave_to_the_other(family, interface, &called);
                    continue;
                };
                for ([from, to], through, way) in [
                    ([interface, &other], Through::In, "opened from its side"),
                    ([&other, interface], Through::Out, "opened towards it"),
                ] {
                    // What meets the first packet tells best.
                    let inspects = match family {
                        Family::V4 => interface.inspect[through as usize].as_ref(),
                        Family::V6 => None,
                    };
                    let filters_it = family.lists(interface)[through as usize].as_ref();
                    let first = inspects.or(filters_it).unwrap_or(first);
                    // A session opens the lists of both interfaces for what answers.
                    let is_called = std::ptr::eq(to, interface);
                    let answered = family.lists(interface)[Through::Out as usize].is_some();
                    let (others, joins, which) = match is_called {
                        true => (&partners[0], filters.is_some(), "from"),
                        false => (&partners[1], answered && inspects.is_none(), "to"),
                    };
                    let mut direction = format!("{called}, {way}");
                    if joins && !others.is_empty() {
                        let names: Vec<&str> = others.iter().map(|(_, n)| n.as_str()).collect();
                        direction = format!("{direction}, but not {which} {}", names.join(", "));
                    }
                    if !is_called {
                        let direction = format!("{called}, {way}");
                        self.try_own(family, interface, &direction);
                        self.try_translated(family, interface, &direction);
                    }
                    self.try_lists(family, [from, to], first, &direction);
                    for (partner, names) in others.iter().filter(|_| joins) {
                        let (ends, direction) = match is_called {
                            true => ([*partner, interface], format!("{names} to {called}")),
                            false => ([interface, *partner], format!("{called} to {names}")),
                        };
                        self.try_lists(family, ends, first, &direction);
                    }
                }
            }
            self.recognised(interface, &called);
        }
    }

    /// An interface whose access lists are of one version of IP only does nothing to TCP over the other.
    fn leave_to_the_other(&mut self, family: Family, interface: &Interface, called: &str) {
        let (lists, mine, other) = match family {
            Family::V4 => (&interface.access_v6, 4, 6),
            Family::V6 => (&interface.access, 6, 4),
        };
        let is_used = family == Family::V4 || interface.has_v6;
        if let Some(list) = lists.iter().flatten().next().filter(|_| is_used) {
            let rule = format!("an access list of IPv{other} names no packet of IPv{mine}");
            let because = vec![Because::line(&list.place, rule)];
            let direction = format!("{called}, both directions");
            self.say(format!("TCP over IPv{mine}"), &direction, Effect::Pass, because);
        }
    }

    /// What becomes of the connections of one family that the lists of two interfaces speak of, and of others.
    fn try_lists(&mut self, family: Family, at: Crossing<'_>, first: &Named, direction: &str) {
        let config = Arc::clone(&self.config);
        let mut router = self.between(at[0], at[1]);
        let tcp = family.tcp();
        // Each list may refuse something of its own.
        let listed = at.iter().flat_map(|i| family.lists(i)).flatten().map(|group| &group.name);
        let routes = at.iter().filter(|i| config.dropping(family, i).is_some()).count();
        let most = (listed.collect::<BTreeSet<_>>().len() + routes).max(1);
        let mut seen: Vec<(Effect, Option<String>)> = Vec::new();
        // Where nothing but lists acts, connections that the same list refuses, or none, are alike: one is tried.
        let is_bare = at.iter().all(|i| i.filters_alone()) && config.intercept.list.is_none();
        let mut tried: Vec<Option<&str>> = Vec::new();
        let mut flows = flows_of(&config, family, at);
        flows.retain(|flow| self.crosses_or_is_refused(family, at[0], *flow));
        for flow in flows {
            let dropped = seen.iter().filter(|(effect, _)| *effect == Effect::Drop).count();
            if dropped >= most && seen.iter().any(|(effect, _)| *effect == Effect::Pass) {
                break;
            }
            if let Some((list, because)) = doubt(&config, family, at, flow) {
                let traffic = format!("{tcp} that an entry of access list {list} may name");
                self.say(traffic, direction, Effect::Unknown, vec![because]);
                continue;
            }
            if is_bare {
                let by = refusing_list(&config, family, at, flow);
                if tried.contains(&by) {
                    continue;
                }
                tried.push(by);
            }
            let hole = config.black_hole(family, at, flow);
            if let Some((map, Err(because))) = hole {
                let traffic = format!("{tcp} that route-map {map} may send to Null0");
                self.say(traffic, direction, Effect::Unknown, vec![because]);
                continue;
            }
            let (effect, because) = self.try_one(&mut router, flow);
            let line = because.first().and_then(|b| b.line);
            let by = match (effect, hole) {
                (Effect::Drop, Some((map, Ok(hole)))) if hole.line == line => {
                    Some(format!("that route-map {map} sends to Null0"))
                }
                (Effect::Drop, _) => refusing(&config, family, at, &because)
                    .map(|list| format!("that is not permitted by access list {list}")),
                _ => None,
            };
            let what = (effect, by);
            if seen.contains(&what) {
                continue;
            }
            seen.push(what.clone());
            let (_, by) = what;
            // What else stands there may drop it.
            if effect == Effect::Pass && at.iter().any(|i| !i.unread.is_empty()) {
                continue;
            }
            let (traffic, because) = match effect {
                Effect::Drop => {
                    let mut because = because;
                    also_denied(&config, family, at, flow, &mut because);
                    let which = by.unwrap_or_else(|| "that is not permitted".to_owned());
                    (format!("{tcp} {which}"), because)
                }
                Effect::Pass => {
                    let rule = format!("TCP options are not touched ({SEED})");
                    let because = vec![Because::line(&first.place, rule)];
                    let all = at.iter().all(|i| config.lets_all_through(family, i));
                    let traffic = match all {
                        true => format!("all {tcp}"),
                        false => format!("{tcp} that is permitted"),
                    };
                    (traffic, because)
                }
                _ => (format!("{tcp} that is permitted"), because),
            };
            self.say(traffic, direction, effect, because);
        }
    }

    /// What the access lists of interfaces refuse that are members of zones: they are asked beside the
    /// policies of the zone-pairs, and no session opens them.
    pub(super) fn lists_beside_zones(&mut self) {
        let config = Arc::clone(&self.config);
        for group in &alike(&config.interfaces) {
            let interface = group[0];
            let called = called(group);
            for family in [Family::V4, Family::V6] {
                let routes = config.dropping(family, interface).is_some();
                if family.lists(interface).iter().all(Option::is_none) && !routes {
                    continue;
                }
                let bare = |i: &Interface| Interface { zone: None, ..i.clone() };
                let direction = format!("{called}, opened from its side");
                self.try_translated(family, interface, &direction);
                let (listed, other) = (bare(interface), Interface::default());
                for (at, way) in [
                    ([&listed, &other], "opened from its side"),
                    ([&other, &listed], "opened towards it"),
                ] {
                    let direction = format!("{called}, {way}");
                    self.try_refused(family, at, &direction);
                }
            }
        }
    }

    /// What the lists alone refuse, or leave open.
    fn try_refused(&mut self, family: Family, at: Crossing<'_>, direction: &str) {
        let config = Arc::clone(&self.config);
        let tcp = family.tcp();
        let mut is_refused = false;
        for flow in flows_of(&config, family, at) {
            if let Some((list, because)) = doubt(&config, family, at, flow) {
                let traffic = format!("{tcp} that an entry of access list {list} may name");
                self.say(traffic, direction, Effect::Unknown, vec![because]);
            } else if let Some((list, because)) = refused(&config, family, at, flow) {
                if !std::mem::replace(&mut is_refused, true) {
                    let traffic = format!("{tcp} that is not permitted by access list {list}");
                    self.say(traffic, direction, Effect::Drop, vec![because]);
                }
            } else if let Some((map, hole)) = config.black_hole(family, at, flow) {
                let (does, effect, because) = match hole {
                    Ok(because) => ("sends", Effect::Drop, because),
                    Err(because) => ("may send", Effect::Unknown, because),
                };
                let traffic = format!("{tcp} that route-map {map} {does} to Null0");
                self.say(traffic, direction, effect, vec![because]);
            }
        }
    }
}

/// A packet of a connection as it meets an interface's list.
type Meeting<'c> = (&'c Named, &'c AccessList, Flow, Flags);

/// The lists that a connection's packets meet, in order: the opening ones, then the answers' where no
/// inspection opens the lists for them.
fn met<'c>(
    config: &'c IosConfig,
    family: Family,
    [from, to]: Crossing<'c>,
    flow: Flow,
) -> Vec<Meeting<'c>> {
    let inspected = [(from, Through::In), (to, Through::Out)].into_iter().any(|(i, through)| {
        let named = i.inspect[through as usize].as_ref();
        named.is_some_and(|n| config.inspections.protocol(&n.name, flow.dst.port()).is_some())
    });
    let back = Flow { src: flow.dst, dst: flow.src };
    let answer = Flags::SYN.with(Flags::ACK);
    let meetings = [
        (from, Through::In, flow, Flags::SYN),
        (to, Through::Out, flow, Flags::SYN),
        (to, Through::In, back, answer),
        (from, Through::Out, back, answer),
        (from, Through::In, flow, Flags::ACK),
        (to, Through::Out, flow, Flags::ACK),
    ];
    let taken = if inspected { 2 } else { meetings.len() };
    let meet = |(interface, through, flow, flags): (&'c Interface, Through, Flow, Flags)| {
        let group = family.lists(interface)[through as usize].as_ref()?;
        let list = config.access_lists.get(&group.name).filter(|list| list.has_entries)?;
        Some((group, list, flow, flags))
    };
    meetings.into_iter().take(taken).filter_map(meet).collect()
}

/// The list, and its entry, that make it open what becomes of a connection.
fn doubt<'c>(
    config: &'c IosConfig,
    family: Family,
    at: Crossing<'c>,
    flow: Flow,
) -> Option<(&'c str, Because)> {
    for (group, list, flow, flags) in met(config, family, at, flow) {
        if let Some(entry) = list.doubt(["", ""], flow, flags) {
            return Some((&group.name, Because::line(&entry.place, entry.why_open())));
        }
        if !list.matching(flow, flags).is_some_and(|entry| entry.permit) {
            return None;
        }
    }
    None
}

impl Interface {
    /// It has access lists, and nothing else that acts on connections.
    fn filters_alone(&self) -> bool {
        let others = [&self.inspect, &self.service, &self.policy];
        others.into_iter().flatten().all(Option::is_none) && self.zone.is_none()
    }
}

/// The list that refuses a connection.
fn refusing_list<'c>(
    config: &'c IosConfig,
    family: Family,
    at: Crossing<'c>,
    flow: Flow,
) -> Option<&'c str> {
    let refuses = |list: &AccessList, flow, flags| {
        list.matching(flow, flags).is_none_or(|entry| !entry.permit)
    };
    let mut met = met(config, family, at, flow).into_iter();
    met.find(|(_, list, flow, flags)| refuses(list, *flow, *flags)).map(|(group, ..)| &*group.name)
}

/// The list that refuses a connection, and the line of it.
fn refused<'c>(
    config: &'c IosConfig,
    family: Family,
    at: Crossing<'c>,
    flow: Flow,
) -> Option<(&'c str, Because)> {
    met(config, family, at, flow).into_iter().find_map(|(group, list, flow, flags)| {
        match list.matching(flow, flags) {
            Some(entry) if entry.permit => None,
            Some(entry) => {
                Some((&*group.name, Because::line(&entry.place, entry.place.text.clone())))
            }
            None => {
                let why = format!("access list {} permits nothing else", group.name);
                Some((&*group.name, Because::line(&group.place, why)))
            }
        }
    })
}

impl IosConfig {
    /// True where nothing on an interface drops connections of TCP.
    fn lets_all_through(&self, family: Family, interface: &Interface) -> bool {
        let mut policies = interface.service.iter().flatten();
        family.lists(interface).iter().chain(&interface.inspect).all(Option::is_none)
            && policies.all(|policy| self.dropped_classes(&policy.name).is_empty())
            && interface.zone.is_none()
            && interface.unread.is_empty()
            && self.dropping(family, interface).is_none()
            && self.intercept.list.is_none()
    }

    /// Connections of the classes that a policy drops, or one inside it.
    fn dropped_samples(&self, policy: &str) -> Vec<Flow> {
        let mut policies: Vec<&str> = vec![policy];
        let mut flows = Vec::new();
        let mut next = 0;
        while let Some(name) = policies.get(next).filter(|_| next < NESTED_MAX) {
            next += 1;
            let classes = self.quality.policy(name).map_or(&[][..], |policy| &policy.classes);
            for (class, action) in
                classes.iter().flat_map(|c| c.actions.iter().map(move |(a, _)| (c, a)))
            {
                match action {
                    Action::Nested(name) => policies.push(name),
                    Action::Drop => flows.extend(self.samples_of(&class.name)),
                    _ => {}
                }
            }
        }
        flows.truncate(FLOWS_MAX);
        flows
    }

    /// Connections of a class-map, or of those that it is made of.
    fn samples_of(&self, class: &str) -> Vec<Flow> {
        let mut maps: Vec<&str> = vec![class];
        let mut flows = Vec::new();
        let mut next = 0;
        while let Some(name) = maps.get(next).filter(|_| next < NESTED_MAX) {
            next += 1;
            for criterion in self.quality.class(name).iter().flat_map(|map| &map.criteria) {
                match &criterion.on {
                    On::AccessGroup(name) => {
                        flows.extend(
                            self.access_lists.get(name).into_iter().flat_map(AccessList::samples),
                        );
                    }
                    On::Protocol(name, _) => flows.extend(port(name).map(general)),
                    On::Class(name) => maps.push(name),
                    _ => {}
                }
            }
        }
        flows
    }
}

/// The one of the interfaces' access lists that the first of these lines is of.
fn refusing<'i>(
    config: &IosConfig,
    family: Family,
    at: Crossing<'i>,
    because: &[Because],
) -> Option<&'i str> {
    let line = because.first()?.line?;
    let of = |group: &&Named| {
        let list = config.access_lists.get(&group.name);
        group.place.line == line
            || list.is_some_and(|list| list.entries.iter().any(|e| e.place.line == line))
    };
    let lists = at.into_iter().flat_map(|i| family.lists(i)).flatten();
    lists.into_iter().find(of).map(|group| group.name.as_str())
}

/// Adds to the line by which a list refuses a connection the others by which it does: the packet that meets it may be an
/// answer, which not all entries name that name what opens.
fn also_denied(
    config: &IosConfig,
    family: Family,
    at: Crossing<'_>,
    flow: Flow,
    because: &mut Vec<Because>,
) {
    let Some(line) = because.first().and_then(|because| because.line) else { return };
    let met = met(config, family, at, flow).into_iter();
    let mut refused = met.filter_map(|(_, list, flow, flags)| {
        let entry = list.matching(flow, flags).filter(|entry| entry.place.line == line)?;
        (!entry.permit).then_some((list, flags))
    });
    let Some((list, flags)) = refused.next() else { return };
    let mut lines = BTreeSet::from([line]);
    let mut unnamed = 0;
    for flow in list.refused_samples() {
        let Some(entry) = list.matching(flow, Flags::SYN).filter(|entry| !entry.permit) else {
            continue;
        };
        let first = list.matching(flow, flags);
        if first.is_some_and(|first| first.permit && first.leaves_nothing_to(entry)) {
            continue;
        }
        match (lines.insert(entry.place.line), lines.len() <= DENIED_MAX) {
            (true, true) => because.push(Because::line(&entry.place, "denies, too")),
            (is_new, _) => unnamed += usize::from(is_new),
        }
    }
    if let Some(last) = because.last_mut().filter(|_| unnamed > 0) {
        last.rule += &format!(" (and {unnamed} more)");
    }
}

/// Connections of one family that the access lists on the way speak of, and others.
pub(super) fn flows_of(config: &IosConfig, family: Family, [from, to]: Crossing<'_>) -> Vec<Flow> {
    let list = |interface: &Interface, through: Through| {
        let named = family.lists(interface)[through as usize].as_ref()?;
        config.access_lists.get(&named.name)
    };
    let ahead = [list(from, Through::In), list(to, Through::Out)];
    let back = [list(to, Through::In), list(from, Through::Out)];
    let of = |take: &dyn Fn(&AccessList) -> Vec<Flow>| -> Vec<Flow> {
        let there = ahead.iter().flatten().flat_map(|list| take(list));
        // The answers' entries, seen from the clients: who calls has a port as clients have, and is
        // called at the port that the answers come from.
        let turned = |flow: Flow| answered(flow, CLIENT_PORT, PORTS[0]);
        let here = back.iter().flatten().flat_map(|list| take(list)).map(turned);
        let of_family = |flow: &Flow| flow.src.is_ipv4() == (family == Family::V4);
        there.chain(here).filter(of_family).take(FLOWS_MAX).collect()
    };
    let permitted = of(&AccessList::samples);
    let mut flows = of(&AccessList::open_samples);
    let answers = of(&AccessList::answer_samples);
    let of_family = |flow: &Flow| flow.src.is_ipv4() == (family == Family::V4);
    let routed = config.routed_samples(family, to).into_iter();
    let routed = routed.map(|flow| answered(flow, CLIENT_PORT, PORTS[0]));
    flows.extend(
        config
            .routed_samples(family, from)
            .into_iter()
            .chain(routed)
            .filter(of_family)
            .take(FLOWS_MAX),
    );
    flows.extend(permitted.first());
    // What no list speaks of early on: it often tells the other effect.
    flows.extend(PORTS.into_iter().map(|port| family.general(port)));
    let rules = [(from, Through::In), (to, Through::Out)];
    let rules = rules.into_iter().filter_map(|(i, through)| i.inspect[through as usize].as_ref());
    let inspected = rules.filter_map(|rule| config.inspections.rules.get(&rule.name)).flatten();
    let ports = inspected.filter_map(|protocol| port(&protocol.name)).take(CROSSED_MAX);
    flows.extend(ports.map(|port| family.general(port)));
    flows.extend(permitted.iter().skip(1));
    flows.extend(&answers);
    // One list's clients with another's servers.
    let several = ahead.iter().chain(&back).flatten().count() > 1;
    let crossed = permitted.iter().chain(&answers).take(if several { CROSSED_MAX } else { 0 });
    for one in crossed.clone() {
        flows.extend(crossed.clone().map(|other| Flow { src: one.src, dst: other.dst }));
    }
    flows.extend(of(&AccessList::refused_samples));
    let policies = [(from, Through::In), (to, Through::Out)];
    let named =
        policies.into_iter().filter_map(|(i, through)| i.service[through as usize].as_ref());
    flows.extend(named.flat_map(|named| config.dropped_samples(&named.name)).filter(of_family));
    flows
}

/// Interfaces that inspect what they take in, or send out, by the name of the rule, and an interface that stands for
/// them: what their lists drop is told of them.
fn inspecting(groups: &[Vec<&Interface>], through: Through) -> Vec<(Interface, Vec<String>)> {
    let mut all: Vec<(Interface, Vec<String>)> = Vec::new();
    for interface in groups.iter().flatten() {
        let Some(rule) = &interface.inspect[through as usize] else { continue };
        let same = |(known, _): &(Interface, Vec<String>)| {
            known.inspect[through as usize].as_ref().is_some_and(|k| k.name == rule.name)
        };
        match all.iter().position(same) {
            Some(at) => all[at].1.push(interface.name.clone()),
            None if all.len() < RULES_MAX => {
                let mut inspect = [None, None];
                inspect[through as usize] = Some(rule.clone());
                let (name, names) = (interface.name.clone(), vec![interface.name.clone()]);
                all.push((Interface { name, inspect, ..Interface::default() }, names));
            }
            None => {}
        }
    }
    all
}

/// Interfaces with the same rules, in the order of the first of each.
fn alike(interfaces: &[Interface]) -> Vec<Vec<&Interface>> {
    let rules = |i: &Interface| {
        let names = [&i.access, &i.access_v6, &i.inspect, &i.service];
        let names = names.map(|pair| pair.each_ref().map(|n| n.as_ref().map(|n| n.name.clone())));
        let unread = |(place, _): &(ConfigLine, String)| place.text.clone();
        let routes = i.policy.each_ref().map(|n| n.as_ref().map(|n| n.name.clone()));
        (names, routes, i.has_v6, i.unread.iter().map(unread).collect::<Vec<_>>())
    };
    let mut places = BTreeMap::new();
    let mut all: Vec<Vec<&Interface>> = Vec::new();
    for interface in interfaces {
        let at = *places.entry(rules(interface)).or_insert(all.len());
        match all.get_mut(at) {
            Some(group) => group.push(interface),
            None => all.push(vec![interface]),
        }
    }
    all
}

/// `interface a`, `interfaces a, b`, `interfaces a, b and 46 others`.
fn called(alike: &[&Interface]) -> String {
    several(alike.iter().map(|interface| &interface.name), alike.len())
}

/// Names of interfaces, of which there are so many: the first of them.
fn several<'i>(mut names: impl Iterator<Item = &'i String>, count: usize) -> String {
    match (count, names.next(), names.next()) {
        (1, Some(one), _) => format!("interface {one}"),
        (2, Some(a), Some(b)) => format!("interfaces {a}, {b}"),
        (_, Some(a), Some(b)) => {
            format!("interfaces {a}, {b} and {} more", count.saturating_sub(2))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::audit::Audit;
    use crate::config::ConfigText;
    use crate::ios::audit::IOS;

    fn audit(text: &str) -> Audit {
        (IOS.audit)(ConfigText::new("r.cfg", text))
    }

    /// Effect, traffic, direction and line of each row.
    fn told(text: &str) -> Vec<String> {
        let row = |v: &crate::audit::Verdict| {
            let line = v.because[0].line.map_or("default".to_owned(), |line| line.to_string());
            format!("{} | {} | {} | {line}", v.effect, v.traffic, v.direction)
        };
        audit(text).verdicts.iter().map(row).collect()
    }

    fn warned(text: &str) -> Vec<(u32, String)> {
        audit(text).warnings.into_iter().map(|w| (w.line, w.message)).collect()
    }

    const PERMITTED: &str = "TCP that is permitted";

    /// What is inspected on one interface comes back through the list of another, and leaves by it.
    #[test]
    fn inspection_opens_the_lists_of_other_interfaces() {
        let text = "ip inspect name FW tcp\ninterface in\n ip inspect FW in\ninterface out\n ip access-group 101 in\naccess-list 101 permit tcp any host 192.0.2.10 eq 443\naccess-list 101 deny ip any any\n";
        let refused = "TCP that is not permitted by access list 101";
        let rows = told(text);
        for row in [
            format!("pass | {PERMITTED} | interface in to interface out | 5"),
            format!("pass | {PERMITTED} | interface out, opened from its side | 5"),
            format!("drop | {refused} | interface out, opened from its side | 7"),
            format!(
                "drop | {refused} | interface out, opened towards it, but not from interface in | 7"
            ),
        ] {
            assert!(rows.contains(&row), "{row}\n{rows:#?}");
        }
        assert_eq!(
            rows.iter().filter(|r| r.contains("in to interface out")).count(),
            1,
            "{rows:#?}"
        );
        // What is inspected on its way out comes back through the list of the inner interface (Cisco IOS Security
        // Configuration Guide, Configuring Context-Based Access Control: the outbound list at the internal interface).
        let outward = "ip inspect name FW tcp\ninterface in\n ip access-group 101 out\ninterface out\n ip inspect FW out\naccess-list 101 deny ip any any\n";
        let rows = told(outward);
        for row in [
            format!("pass | {PERMITTED} | interface in to interface out | 3"),
            format!(
                "drop | {refused} | interface in, opened from its side, but not to interface out | 6"
            ),
            format!("drop | {refused} | interface in, opened towards it | 6"),
        ] {
            assert!(rows.contains(&row), "{row}\n{rows:#?}");
        }
        // Interfaces with the same rule are told of together.
        let more: String = (0..20).map(|n| format!("interface x{n}\n ip inspect FW in\n ip access-group {n} in\naccess-list {n} permit any\n")).collect();
        let rows = told(&format!("{text}{more}"));
        let pairs: Vec<_> = rows.iter().filter(|r| r.contains("to interface out | 5")).collect();
        assert_eq!(
            pairs,
            [&format!("pass | {PERMITTED} | interfaces in, x0 and 19 more to interface out | 5")]
        );
        // The first packet meets the list out, no inspection opens it.
        let outward = text.replace("group 101 in", "group 101 out");
        let rows = told(&outward);
        for row in [
            format!("drop | {refused} | interface in to interface out | 7"),
            format!("pass | {PERMITTED} | interface in to interface out | 5"),
        ] {
            assert!(rows.contains(&row), "{row}\n{rows:#?}");
        }
    }

    /// Each direction is put down to what its first packet meets, and all that a list denies is named.
    #[test]
    fn the_lines_that_decide() {
        let text = "ip inspect name FW tcp\nip access-list extended L\n deny ip 127.0.0.0 0.255.255.255 any\n permit tcp any host 10.0.0.1 eq 80\n deny ip any 10.0.0.0 0.0.0.255\n permit ip any any\ninterface a\n ip access-group L out\n ip inspect FW in\n";
        let rows = told(text);
        for row in [
            format!("pass | {PERMITTED} | interface a, opened from its side | 9"),
            format!("pass | {PERMITTED} | interface a, opened towards it | 8"),
        ] {
            assert!(rows.contains(&row), "{row}\n{rows:#?}");
        }
        let verdicts = crate::audit::audit(ConfigText::new("x", text), None).1.verdicts;
        let denied = verdicts.iter().find(|v| v.effect.word() == "drop").unwrap();
        let lines: Vec<_> = denied.because.iter().filter_map(|because| because.line).collect();
        assert_eq!(lines, [3, 5]);
    }

    /// A protocol that alone is inspected opens a list for itself alone.
    #[test]
    fn inspection_of_one_protocol() {
        let text = "ip inspect name FW telnet\ninterface in\n ip inspect FW in\ninterface out\n ip access-group L in\nip access-list extended L\n deny ip any any\n";
        let rows = told(text);
        for row in [
            "pass | TCP that is permitted | interface in to interface out | 5",
            "drop | TCP that is not permitted by access list L | interface in to interface out | 7",
        ] {
            assert!(rows.iter().any(|r| r == row), "{row}\n{rows:#?}");
        }
    }

    /// Lists that permit answers only: what is opened the other way is permitted, and said to be.
    #[test]
    fn what_lists_permit_is_told() {
        let attach = |entries: &str, groups: &str| {
            format!("ip access-list extended L\n{entries} deny ip any any\ninterface a\n{groups}")
        };
        let inward = " ip access-group L in\n";
        let towards = format!("pass | {PERMITTED} | interface a, opened towards it");
        let from = format!("pass | {PERMITTED} | interface a, opened from its side");
        let check = |text: &str, row: &str, is_told: bool| {
            let rows = told(text);
            assert_eq!(rows.iter().any(|r| r.starts_with(row)), is_told, "{text}{rows:#?}");
        };
        let answers =
            attach(" permit tcp host 10.0.0.5 10.9.0.0 0.0.255.255 established\n", inward);
        check(&answers, &towards, true);
        check(&answers, &from, false);
        let source_port =
            attach(" permit tcp host 10.0.0.5 eq 8443 10.9.0.0 0.0.255.255\n", inward);
        check(&source_port, &towards, true);
        check(&attach(" permit tcp any any ack\n", inward), &towards, true);
        check(&attach(" permit tcp any any syn\n", inward), &towards, false);
        check(&attach(" permit udp any any\n", inward), &towards, false);
        let both = "ip access-list extended B\n permit tcp host 10.9.0.7 eq 8443 host 10.0.0.5\ninterface a\n ip access-group B out\n";
        let ahead = attach(" permit tcp 10.0.0.0 0.0.0.255 10.9.0.0 0.0.255.255 eq 8443\n", inward);
        check(&format!("{ahead}{both}"), &from, true);
    }

    /// What an entry may name is unknown, and so is nothing else.
    #[test]
    fn entries_that_are_not_understood() {
        let text = "ip access-list extended L\n permit tcp any any eq 443\n permit tcp any any eq 80 time-range DAY\n permit tcp any any eq 22\ninterface a\n ip access-group L in\n";
        let rows = told(text);
        for row in [
            "unknown | TCP that an entry of access list L may name | interface a, opened from its side | 3",
            "pass | TCP that is permitted | interface a, opened from its side | 6",
            "drop | TCP that is not permitted by access list L | interface a, opened from its side | 6",
        ] {
            assert!(rows.iter().any(|r| r == row), "{row}\n{rows:#?}");
        }
        let before = format!("{text}time-range DAY\n")
            .replace("permit tcp any any eq 443", "permit frob any any");
        let rows = told(&before);
        let of_side: Vec<_> = rows.iter().filter(|r| r.contains("from its side")).collect();
        assert_eq!(of_side.len(), 2, "{rows:#?}");
        assert!(of_side[0].starts_with("unknown") && of_side[0].ends_with("| 2"), "{rows:#?}");
        assert!(of_side[1].starts_with("pass"), "the last entry permits, whatever the first does");
        assert_eq!(warned(&before).len(), 2);
        let denied = before.replace("permit frob", "deny frob");
        let rows = told(&denied);
        let of_side: Vec<_> = rows.iter().filter(|r| r.contains("from its side")).collect();
        assert!(
            of_side.iter().any(|r| r.starts_with("unknown") && r.ends_with("| 2")),
            "{rows:#?}"
        );
        assert!(!of_side.iter().any(|row| row.starts_with("pass")), "{rows:#?}");
    }

    /// Entries for packets that no connection has leave the list as certain as it was.
    #[test]
    fn entries_about_options_of_ip() {
        let text = "ip access-list extended L\n deny ip any any option any-options\n deny ip any any fragments\n permit tcp any any eq 443\n deny ip any any\ninterface a\n ip access-group L in\n";
        assert!(!told(text).iter().any(|row| row.starts_with("unknown")), "{:#?}", told(text));
        assert_eq!(warned(text), []);
    }

    #[test]
    fn lists_of_one_version_of_ip_leave_the_other_alone() {
        let text = "ip access-list extended L\n deny tcp any any\ninterface a\n ip access-group L in\n ipv6 address 2001:db8::1/64\n";
        let row = "pass | TCP over IPv6 | interface a, both directions | 4";
        assert!(told(text).iter().any(|r| r == row), "{:#?}", told(text));
        let old = text.replace(" ipv6 address 2001:db8::1/64\n", "");
        assert!(!told(&old).iter().any(|r| r.contains("IPv6")), "{:#?}", told(&old));
    }

    /// The list of what comes in refuses SYNs, that of what goes out their answers.
    #[test]
    fn each_list_that_refuses_is_told() {
        let text = "ip access-list extended I\n permit tcp 10.1.0.0 0.0.255.255 any\nip access-list extended O\n permit tcp any host 10.1.0.9\ninterface a\n ip access-group I in\n ip access-group O out\n";
        let rows = told(text);
        for (list, way) in [("I", "from its side"), ("O", "from its side"), ("O", "towards it")] {
            let row = format!(
                "drop | TCP that is not permitted by access list {list} | interface a, opened {way}"
            );
            assert!(rows.iter().any(|r| r.starts_with(&row)), "{row}\n{rows:#?}");
        }
    }

    #[test]
    fn bindings_that_are_not_understood() {
        let unknown = "unknown | all TCP | interface a, both directions | 2";
        for binding in [
            "ip access-group 101",
            "ip access-group 101 inn",
            "ip access-group",
            "ipv6 traffic-filter X",
            "service-policy type access-control input FPM",
            "service-policy X",
        ] {
            let text = format!("interface a\n {binding}\n");
            let rows = told(&text);
            assert!(rows.iter().any(|r| r == unknown), "{binding}\n{rows:#?}");
            assert!(warned(&text).iter().any(|(line, _)| *line == 2), "{binding}");
        }
        for binding in ["mac access-group X in", "service-policy type control subscriber S"] {
            let text = format!("version 15.1\ninterface a\n {binding}\n");
            assert_eq!((told(&text).len(), warned(&text).len()), (1, 0), "{binding}");
        }
        let off = "access-list 1 deny any\ninterface a\n ip access-group 1 in\n no ip access-group 1 in\n";
        assert_eq!(told(off), ["pass | all TCP | every interface, both directions | default"]);
        let noted = "access-list 1 deny any\ninterface a\n ip access-group 1 in ! nobody\n";
        assert!(told(noted)[0].starts_with("drop"), "{:#?}", told(noted));
        assert_eq!(warned(noted), []);
        let gone = "ip access-list extended L\n 10 deny tcp any any\n 20 permit ip any any\n no 10\ninterface a\n ip access-group L in\n";
        assert!(!told(gone).iter().any(|r| r.starts_with("drop")), "{:#?}", told(gone));
    }

    /// Lines about zones that IOS refuses are told.
    #[test]
    fn zones_without_the_word_security() {
        let text = "zone security in\nzone t1\ninterface a\n zone-member t1\n";
        let lines: Vec<u32> = warned(text).iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4]);
    }

    #[test]
    fn names_that_are_not_defined() {
        let says = |text: &str, line: u32, what: &str| {
            let found = warned(text);
            let said = found.iter().any(|(at, m)| *at == line && m.contains(what));
            assert!(said, "{text}{found:?}");
        };
        let intercept = "ip tcp intercept list 120\n";
        says(intercept, 1, "access list 120 is not defined");
        assert!(told(intercept)[0].starts_with("unknown | TCP that is intercepted"));
        says("class-map C\n match access-group 150\n", 2, "access list 150 is not defined");
        says("access-list 101 permit tcp object-group G any\n", 1, "`G` is not defined");
    }

    /// A class that a policy drops is told.
    #[test]
    fn classes_that_a_policy_drops() {
        let text = "class-map match-all BAD\n match access-group 150\npolicy-map P\n class BAD\n  drop\naccess-list 150 permit tcp any any eq 6881\ninterface a\n service-policy input P\n";
        let rows = told(text);
        let row = "drop | TCP that is not permitted | interface a, opened from its side | 5";
        assert!(rows.iter().any(|r| r == row), "{rows:#?}");
        // A policer that drops what conforms drops all; of classes in classes, and of policies in policies.
        let drops = |text: &str| told(text).iter().any(|row| row.starts_with("drop"));
        let policed =
            |actions: &str| text.replace("  drop\n", &format!("  police 8000 {actions}\n"));
        assert!(drops(&policed("conform-action drop exceed-action drop")));
        assert!(drops(&policed("\n   conform-action drop \n   exceed-action drop")));
        assert!(!drops(&policed("conform-action transmit exceed-action drop")));
        let nested = text.replace("match access-group 150\npolicy-map P\n class BAD", "match class-map WORSE\nclass-map match-all WORSE\n match access-group 150\npolicy-map P\n class BAD");
        assert!(drops(&nested));
        let inside = text.replace(
            "policy-map P\n",
            "policy-map P\n class class-default\n  service-policy Q\npolicy-map Q\n",
        );
        assert!(drops(&inside));
    }

    /// Lists of interfaces that are members of zones are asked as well, and no session opens them.
    #[test]
    fn lists_beside_zones() {
        let zones = "zone security in\nzone security out\nclass-map type inspect match-any W\n match protocol https\npolicy-map type inspect P\n class type inspect W\n  inspect\nzone-pair security Z source in destination out\n service-policy type inspect P\ninterface i\n zone-member security in\ninterface o\n zone-member security out\n ip access-group L in\n";
        let class = "class W: match protocol https | zone in to zone out";
        let check = |list: &str, rows: &[String]| {
            let found = told(&format!("{zones}{list}"));
            for row in rows {
                assert!(found.iter().any(|r| r.starts_with(row)), "{row}\n{found:#?}");
            }
        };
        let refused = "drop | TCP that is not permitted by access list L | interface o";
        check(
            "ip access-list extended L\n permit icmp any any\n",
            &[
                format!("drop | {class}"),
                format!("{refused}, opened towards it | 14"),
                format!("{refused}, opened from its side | 14"),
            ],
        );
        check(
            "ip access-list extended L\n permit tcp any any established\n",
            &[format!("pass | {class}"), format!("{refused}, opened from its side | 14")],
        );
        check(
            "ip access-list extended L\n permit tcp any any frob\n",
            &["unknown | TCP that an entry of access list L may name | interface o".to_owned()],
        );
    }

    /// A policy that a zone-pair is given in a way that is not understood.
    #[test]
    fn zone_pairs_of_a_policy_that_is_not_understood() {
        let text = "zone security a\nzone security b\nzone-pair security Z source a destination b\n service-policy P\n";
        assert_eq!(told(text)[0], "unknown | all TCP | zone a to zone b | 4");
    }

    /// A class that no connection of TCP is in has no row.
    #[test]
    fn classes_of_other_protocols() {
        let text = "zone security a\nzone security b\nclass-map type inspect C\n match protocol icmp\npolicy-map type inspect P\n class type inspect C\n  inspect\nzone-pair security Z source a destination b\n service-policy type inspect P\n";
        assert!(
            told(text)[0].starts_with("drop | all other TCP | zone a to zone b"),
            "{:?}",
            told(text)
        );
    }

    /// A zone-pair that is opened again is the same one.
    #[test]
    fn zone_pairs_in_two_parts() {
        let text = "zone security a\nzone security b\nclass-map type inspect C\n match protocol tcp\npolicy-map type inspect P\n class type inspect C\n  inspect\nzone-pair security Z source a destination b\nzone-pair security Z source a destination b\n service-policy type inspect P\n";
        assert_eq!(told(text)[0], "pass | class C: match protocol tcp | zone a to zone b | 7");
        assert_eq!(warned(text), []);
    }

    /// A zone with a pair of its own, and lists beside zones: the last row promises no more than what is left.
    #[test]
    fn what_is_left_within_zones() {
        let text = "zone security a\nzone security b\nzone-pair security Z source a destination a\ninterface i\n zone-member security a\n";
        let last = |text: &str| told(text).pop();
        let rest = "within any other zone, or between interfaces of none | default";
        assert_eq!(last(text), Some(format!("pass | all TCP | {rest}")));
        let listed = format!("{text} ip access-group 101 in\naccess-list 101 permit udp any any\n");
        assert_eq!(last(&listed), Some(format!("pass | {PERMITTED} | {rest}")));
    }

    /// `deny any` and `permit any` are no lines of an extended list: what comes of the list is told where it is the
    /// same whether they are refused or not.
    #[test]
    fn entries_of_a_standard_list_in_an_extended_one() {
        let text = "access-list 101 permit tcp any any eq 80\naccess-list 101 deny any\ninterface a\n ip access-group 101 in\n";
        let effects = |text: &str| -> Vec<String> {
            told(text).iter().map(|row| row[..row.find(' ').unwrap()].to_owned()).collect()
        };
        assert_eq!(warned(text)[0].0, 2);
        assert!(!effects(text).contains(&"unknown".to_owned()), "{:#?}", told(text));
        assert!(effects(text).contains(&"drop".to_owned()), "{:#?}", told(text));
        let masked =
            "access-list 101 permit tcp 10.0.0.1 any\ninterface a\n ip access-group 101 in\n";
        assert!(effects(masked).iter().all(|effect| effect == "pass"), "{:#?}", told(masked));
        let alone = "access-list 101 permit any\ninterface a\n ip access-group 101 in\n";
        assert_eq!(warned(alone)[0].0, 1);
        assert!(effects(alone).iter().all(|effect| effect == "pass"), "{:#?}", told(alone));
        for open in [
            alone.replace("permit", "deny"),
            alone.replace("interface", "access-list 101 permit udp any any\ninterface"),
            text.replace("deny any", "deny any\naccess-list 101 permit ip any any"),
        ] {
            assert!(effects(&open).contains(&"unknown".to_owned()), "{open}{:#?}", told(&open));
        }
    }

    /// Of an entry with what stands for an address, the rest is read.
    #[test]
    fn entries_with_a_placeholder_for_an_address() {
        let text = "ip access-list extended L\n permit tcp host x.1.28.2 any eq 639\n permit tcp any any eq 22\ninterface a\n ip access-group L in\n";
        let rows = told(text);
        for row in [
            "unknown | TCP that an entry of access list L may name | interface a, opened from its side | 2",
            "pass | TCP that is permitted | interface a, opened from its side | 5",
            "drop | TCP that is not permitted by access list L | interface a, opened from its side | 5",
        ] {
            assert!(rows.iter().any(|r| r == row), "{row}\n{rows:#?}");
        }
    }

    /// A class whose list has an entry that is not understood.
    #[test]
    fn classes_of_lists_that_are_not_understood() {
        let text = "zone security in\nzone security out\nclass-map type inspect match-any W\n match access-group name L\npolicy-map type inspect P\n class type inspect W\n  inspect\nzone-pair security Z source in destination out\n service-policy type inspect P\nip access-list extended L\n permit tcp any any eq 80 dscp ef\n permit tcp any any eq 443\n";
        let rows = told(text);
        let class = "class W: match access-group name L";
        for row in [
            format!("unknown | {class}: what it may name | zone in to zone out | 11"),
            format!("pass | {class} | zone in to zone out | 7"),
        ] {
            assert!(rows.contains(&row), "{row}\n{rows:#?}");
        }
    }
}
