//! What the zone-based firewall does to MPTCP: a connection of each class of each zone-pair is tried.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sim_core::engine::device::Side;
use sim_core::wire::packet::{Flags, Flow};

use crate::audit::{Because, Effect};
use crate::config::access_list::AccessList;
use crate::config::words::port;
use crate::config::{Diagnostics, Line};
use crate::ios::filters::{self, Family};
use crate::ios::{Interface, IosConfig, Named};
use crate::nat::config::{Global, Static};
use crate::zbfw::zones::{Action, Class, On, Pair, Policy as ZonePolicy, SELF};

use super::{CONTEXT, PORTS, Probes, general};

/// An address, with the port where only that is meant.
pub(super) type Called = (Ipv4Addr, Option<u16>);

fn is_called((address, port): &Called, to: SocketAddr) -> bool {
    to.ip() == *address && port.is_none_or(|port| port == to.port())
}

/// What static translation takes from what comes from outside before the zones see it (Cisco, *NAT order of operation*:
/// outside to inside, NAT before inspection); says which entries of their lists name that.
pub(super) fn translated_before_zones(
    config: &IosConfig,
    all: &[Line<'_>],
    found: &mut Diagnostics,
) -> Vec<Called> {
    let global = |of: &Static| match of.global {
        Global::Address(address) if of.length == 32 => {
            Some(((address, of.ports.map(|(_, global)| global)), of.local))
        }
        _ => None,
    };
    let statics: Vec<(Called, Ipv4Addr)> = config.nat.statics.iter().filter_map(global).collect();
    let zones = &config.zones;
    let is_outer = |pair: &&Pair| comes_from_outside(config, pair);
    let policies = zones
        .pairs
        .iter()
        .filter(is_outer)
        .filter_map(|pair| pair.policy.as_ref().and_then(|named| zones.policy(&named.name)));
    let classes = policies.flat_map(|policy| &policy.classes);
    let criteria = classes.filter_map(|class| zones.class(&class.name)).flat_map(|c| &c.criteria);
    let mut said: BTreeSet<u32> = BTreeSet::new();
    for criterion in criteria {
        let On::AccessGroup(name) = &criterion.on else { continue };
        let Some(list) = config.access_lists.get(name) else { continue };
        for flow in list.samples() {
            let is_its = |(called, _): &&(Called, Ipv4Addr)| is_called(called, flow.dst);
            let Some(((global, _), local)) = statics.iter().find(is_its) else { continue };
            let Some(entry) = list.matching(flow, Flags::SYN) else { continue };
            if let Ok(at) = all.binary_search_by_key(&entry.place.line, |line| line.number)
                && said.insert(entry.place.line)
            {
                let message = format!(
                    "{global} is translated to {local} before the zones are asked: nothing from outside is named by this"
                );
                found.warn(&all[at], "", message);
            }
        }
    }
    statics.into_iter().map(|(called, _)| called).collect()
}

/// `zone inside`, `self (the router)`.
fn called(zone: &str) -> String {
    match zone {
        SELF => format!("{SELF} (the router)"),
        _ => format!("zone {zone}"),
    }
}

/// Connections whose answers classes of the way back name by access lists, with the names of those classes.
fn answered(config: &IosConfig, pair: &Pair) -> Vec<(String, Flow)> {
    let zones = &config.zones;
    let back = zones
        .pairs
        .iter()
        .find(|back| back.source == pair.destination && back.destination == pair.source);
    let policy = back.and_then(|back| back.policy.as_ref()).and_then(|p| zones.policy(&p.name));
    let classes = policy.into_iter().flat_map(|policy| &policy.classes);
    let named = classes.filter_map(|class| zones.class(&class.name));
    named
        .flat_map(|class| {
            let lists = lists_of(config, class).into_iter();
            lists.flat_map(AccessList::samples).map(|flow| (class.name.clone(), flow.reversed()))
        })
        .take(WITNESSES_MAX)
        .collect()
}

/// What the pair names is translated on its way in (`ip nat outside`).
fn comes_from_outside(config: &IosConfig, pair: &Pair) -> bool {
    let of = |i: &Interface| i.zone.as_ref().is_some_and(|zone| zone.name == pair.source);
    config.interfaces.iter().any(|i| of(i) && i.nat == Some(Side::Outside))
}

impl Pair {
    /// What is let through to the router itself ends there.
    fn ending(&self, effect: Effect) -> Effect {
        match effect {
            Effect::Pass if self.destination == SELF => Effect::Terminate,
            effect => effect,
        }
    }
}

impl Probes {
    /// Each class of each zone-pair, and what no zone-pair lets cross.
    pub(super) fn zones(&mut self) {
        let config = Arc::clone(&self.config);
        let zones = &config.zones;
        for pair in &zones.pairs {
            let direction = format!("{} to {}", called(&pair.source), called(&pair.destination));
            if let (None, Some(place)) = (&pair.policy, &pair.unread) {
                let why = "which policy this gives the zone-pair is not understood";
                let because = vec![Because::line(place, why)];
                self.say("all TCP".into(), &direction, Effect::Unknown, because);
                continue;
            }
            let (from, to) =
                (self.member(&pair.source, pair), self.member(&pair.destination, pair));
            let mut router = self.between(&from, &to);
            let policy = pair.policy.as_ref().and_then(|named| zones.policy(&named.name));
            if let (Some(named), None, true) = (&pair.policy, policy, pair.is_of_router()) {
                // The router refuses the line and lets all pass; a piece of a configuration may lack the policy.
                let why = format!("policy-map {} is not defined in the text", named.name);
                let because = vec![Because::line(&named.place, why)];
                self.say("all TCP".into(), &direction, Effect::Unknown, because);
                continue;
            }
            let Some(policy) = policy else {
                let (effect, mut because) = self.try_one(&mut router, general(5001));
                let effect = pair.ending(effect);
                if pair.is_of_router() {
                    let why = "without a policy, what the router itself sends and is sent passes";
                    because.insert(0, Because::line(&pair.place, why));
                }
                self.say("all TCP".into(), &direction, effect, because);
                continue;
            };
            let sides = [Some(from.clone()), Some(to.clone())];
            let firewall = crate::zbfw::Zbfw::new(&config, &sides, &CONTEXT);
            let class_of = |flow: Flow| firewall.class_of(&config, flow);
            let doubt =
                |flow: Flow| doubt(&config, policy, class_of(flow).as_deref().unwrap_or(""), flow);
            for class in policy.classes.iter().filter(|c| c.name != "class-default") {
                let Some(map) = zones.class(&class.name) else { continue };
                let matches =
                    map.criteria.iter().map(|c| c.place.text.as_str()).collect::<Vec<_>>();
                let traffic = format!("class {}: {}", class.name, matches.join(", "));
                let open = open_samples(&config, map).into_iter();
                if let Some(because) = open.filter_map(doubt).next() {
                    let traffic = format!("{traffic}: what it may name");
                    self.say(traffic, &direction, Effect::Unknown, vec![because]);
                }
                let between = filters::flows_of(&config, Family::V4, [&from, &to]);
                let is_outer = comes_from_outside(&config, pair);
                let is_gone = |flow: &Flow| {
                    is_outer && self.translated.iter().any(|called| is_called(called, flow.dst))
                };
                let witnesses = witnesses(&config, map).into_iter().chain(between);
                let witnesses: Vec<Flow> = witnesses.filter(|flow| !is_gone(flow)).collect();
                let mut tried: Vec<(Effect, Vec<Because>)> = Vec::new();
                for flow in witnesses.into_iter().filter(|flow| {
                    class_of(*flow).as_deref() == Some(&class.name) && doubt(*flow).is_none()
                }) {
                    // What the lists of the interfaces drop is told of apart.
                    tried.push(self.try_one(&mut router, flow));
                    if tried.len() > WITNESSES_MAX || !drops_by_list(&config, &tried) {
                        break;
                    }
                }
                // Where lists drop them all, the first, which asks for nothing particular, tells best why.
                let Some(last) = tried.len().checked_sub(1) else { continue };
                let telling = if drops_by_list(&config, &tried) { 0 } else { last };
                let (effect, mut because) = tried.swap_remove(telling);
                if let Some((action, place)) = &class.action {
                    let why = format!("class {}: {}", class.name, does(action));
                    because.insert(0, Because::line(place, why));
                }
                self.say(traffic, &direction, pair.ending(effect), because);
            }
            let other = PORTS
                .into_iter()
                .map(general)
                .find(|f| class_of(*f).as_deref() == Some("class-default") && doubt(*f).is_none());
            if let Some(flow) = other {
                let (effect, mut because) = self.try_one(&mut router, flow);
                let rest = policy.classes.iter().find(|class| class.name == "class-default");
                let rest = rest.and_then(|class| class.action.as_ref()).map(|(action, place)| {
                    Because::line(place, format!("class class-default: {}", does(action)))
                });
                // Where no session is kept, what answers meets the policy of the way back, which may tell hosts apart.
                for (class, flow) in answered(&config, pair) {
                    if class_of(flow).as_deref() != Some("class-default") || doubt(flow).is_some() {
                        continue;
                    }
                    let (otherwise, mut because) = self.try_one(&mut router, flow);
                    if otherwise != effect && otherwise == Effect::Pass {
                        because.extend(rest.clone());
                        let traffic = format!("other TCP whose answers class {class} lets back");
                        self.say(traffic, &direction, pair.ending(otherwise), because);
                    }
                }
                if let Some(rest) = rest {
                    because.insert(0, rest);
                }
                self.say("all other TCP".into(), &direction, pair.ending(effect), because);
            }
        }
        self.around_the_router();
        let members = config.interfaces.iter().filter_map(|i| i.zone.as_ref());
        let mut names: BTreeSet<&str> = members.map(|zone| zone.name.as_str()).collect();
        names.extend(zones.zones.iter().map(|zone| zone.name.as_str()));
        if names.len() > 1 {
            let rule = "between zones nothing crosses without a zone-pair that has a policy, by default; to and from \
                 self all does";
            let because = vec![Because::default(rule)];
            self.say("all TCP".into(), "between other zones", Effect::Drop, because);
        }
        let is_member = |i: &&Interface| i.zone.is_some();
        let routes = |i: &&Interface| i.zone.is_none() && (i.has_address || i.has_v6);
        let member = config.interfaces.iter().find(is_member).filter(|_| !zones.has_default());
        // Of one zone alone, what crosses the router goes by an interface that the text does not hold, or by none.
        let bare = config.interfaces.iter().find(routes).map(|bare| bare.name.clone());
        let is_alone = names.len() == 1 && config.interfaces.iter().all(|i| i.zone.is_some());
        let bare = bare.or_else(|| is_alone.then(|| "of no zone".to_owned()));
        if let (Some(member), Some(name)) = (member, bare) {
            let none = Interface { name, ..Interface::default() };
            let zoned = Interface { zone: member.zone.clone(), ..Interface::default() };
            let mut router = self.between(&none, &zoned);
            let (effect, because) = self.try_one(&mut router, general(5001));
            let direction = "between an interface of a zone and one of none";
            self.say("all TCP".into(), direction, effect, because);
        }
    }

    /// What the router itself sends and is sent passes without a zone-pair of its way, and what answers it meets the policy
    /// of the other way, which knows no session of it (Cisco, *Zone-Based Policy Firewall*, the self zone).
    fn around_the_router(&mut self) {
        let config = Arc::clone(&self.config);
        let pairs = &config.zones.pairs;
        for pair in pairs.iter().filter(|pair| pair.destination == SELF && pair.policy.is_some()) {
            let is_back =
                |of: &&Pair| of.source == pair.destination && of.destination == pair.source;
            if pairs.iter().any(|of| is_back(&of)) {
                continue;
            }
            let ends = [&pair.destination, &pair.source];
            let [from, to] = ends.map(|zone| self.member(zone, pair));
            let mut router = self.between(&from, &to);
            let (effect, because) = self.try_one(&mut router, general(5001));
            if effect != Effect::Pass {
                let [from, to] = ends.map(|zone| called(zone));
                self.say("all TCP".into(), &format!("{from} to {to}"), effect, because);
            }
        }
    }

    /// An interface of a zone; one that stands for it when it has none.
    fn member(&self, zone: &str, pair: &Pair) -> Interface {
        let of = |i: &&Interface| i.zone.as_ref().is_some_and(|z| z.name == zone);
        let stand_in = || {
            let zone = Some(Named { name: zone.to_owned(), place: pair.place.clone() });
            Interface { name: format!("in {}", pair.name), zone, ..Interface::default() }
        };
        let listed = |i: &Interface| i.access.iter().chain(&i.access_v6).any(Option::is_some);
        let members = || self.config.interfaces.iter().filter(of);
        // Access lists are told of apart; where each member has some, nothing crosses without them. What
        // else stands on an interface is no matter of the zones.
        let known = members().find(|i| !listed(i)).or_else(|| members().next());
        known.cloned().map_or_else(stand_in, |i| Interface {
            name: i.name,
            zone: i.zone,
            access: i.access,
            access_v6: i.access_v6,
            ..Interface::default()
        })
    }
}

/// Connections that a class-map may match, to be tried in order.
fn witnesses(config: &IosConfig, map: &Class) -> Vec<Flow> {
    let mut all = Vec::new();
    for criterion in parts(config, map).into_iter().flat_map(|map| &map.criteria) {
        if let On::Protocol(name) = &criterion.on {
            all.extend(port(name).map(general));
        }
    }
    all.extend(lists_of(config, map).into_iter().flat_map(AccessList::samples));
    // A class of protocols and of an access list: the list's addresses with the protocols' ports.
    let ports: Vec<u16> = all.iter().map(|f| f.dst.port()).collect();
    let mixed: Vec<Flow> = all
        .iter()
        .take(64)
        .flat_map(|flow| {
            ports.iter().take(16).map(|port| {
                let mut flow = *flow;
                flow.dst.set_port(*port);
                flow
            })
        })
        .collect();
    all.extend(mixed);
    all.extend(PORTS.into_iter().map(general));
    all
}

/// Connections of a class that are tried where a list drops the ones before.
const WITNESSES_MAX: usize = 32;

/// What a class of a policy does with its connections.
const fn does(action: &Action) -> &'static str {
    match action {
        Action::Inspect(_) => "inspected; TCP options are not touched",
        Action::Pass => "passed, this way only; the answers need a zone-pair of their own",
        Action::Drop => "dropped",
    }
}

/// True when what was tried last was dropped by a line of an access list.
fn drops_by_list(config: &IosConfig, tried: &[(Effect, Vec<Because>)]) -> bool {
    let Some((Effect::Drop, because)) = tried.last() else { return false };
    let groups =
        config.interfaces.iter().flat_map(|i| i.access.iter().chain(&i.access_v6)).flatten();
    let mut lines = groups.flat_map(|group| {
        let list = config.access_lists.get(&group.name);
        let entries = list.map_or(&[][..], |list| &*list.entries).iter().map(|e| e.place.line);
        entries.chain([group.place.line])
    });
    because.first().and_then(|b| b.line).is_some_and(|line| lines.any(|l| l == line))
}

/// The class-maps that a class-map is made of, itself among them.
fn parts<'c>(config: &'c IosConfig, map: &'c Class) -> Vec<&'c Class> {
    let mut maps = vec![map];
    let mut next = 0;
    while let Some(map) = maps.get(next).copied().filter(|_| next < 32) {
        next += 1;
        maps.extend(map.criteria.iter().filter_map(|criterion| match &criterion.on {
            On::Class(name) => config.zones.class(name),
            _ => None,
        }));
    }
    maps
}

/// The access lists that a class-map asks.
fn lists_of<'c>(config: &'c IosConfig, map: &'c Class) -> Vec<&'c AccessList> {
    let criteria = parts(config, map).into_iter().flat_map(|map| &map.criteria);
    let list = |on: &On| match on {
        On::AccessGroup(name) => config.access_lists.get(name),
        _ => None,
    };
    criteria.filter_map(|criterion| list(&criterion.on)).collect()
}

/// Connections that entries of a class-map's lists may name.
fn open_samples(config: &IosConfig, map: &Class) -> Vec<Flow> {
    lists_of(config, map).into_iter().flat_map(AccessList::open_samples).collect()
}

/// The entry of a class's list that makes it open whether a connection is in this class of the policy, in
/// one before it, or in none.
fn doubt(config: &IosConfig, policy: &ZonePolicy, class: &str, flow: Flow) -> Option<Because> {
    let ruling = policy.classes.iter().position(|c| c.name == class);
    let asked = policy.classes.iter().take(ruling.map_or(usize::MAX, |at| at + 1));
    let maps = asked.filter_map(|class| config.zones.class(&class.name));
    let lists = maps.flat_map(|map| lists_of(config, map));
    let entry = lists.filter_map(|list| list.doubt(["", ""], flow, Flags::SYN)).next()?;
    Some(Because::line(&entry.place, entry.why_open()))
}
