//! What the policy of a zone-pair makes of a connection's first packet, and why.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::engine::device::{ConfigLine, Rule, Side, Wording};
use sim_core::wire::packet::Packet;
use sim_core::wording;

use crate::config::words::port;
use crate::ios::reassembly::Room;
use crate::ios::{self, Interface, IosConfig};

use super::layer7::Deep;
use super::zones::{
    Action, Class, Criterion, On, Pair, Parameters, Policy, PolicyClass, SELF, Zones,
};
use super::{GUIDE, remedy};

/// The most that a class-map may nest in others.
const DEPTH: u32 = 8;

/// The most criteria that are looked at for a packet: maps that nest many others each take no longer.
const CRITERIA_MAX: u32 = 100_000;

/// The zones and their policies, applied to the two sides of the device.
#[derive(Debug)]
pub(super) struct Policies {
    pub(super) zones: Zones,
    crossings: [Crossing; 2],
    fallback: Parameters,
    /// What requests are held against, by policy and class.
    deep: BTreeMap<(usize, usize), Arc<Deep>>,
    /// Dropped packets are logged.
    pub(super) logs_drops: bool,
}

/// What holds between the two zones, by the side that a packet comes from.
#[derive(Debug)]
pub(super) enum Crossing {
    /// No firewall between them.
    Free,
    /// Nothing passes.
    Blocked(Arc<Rule>, &'static str),
    /// A zone-pair with a policy, by their indices.
    Policed { pair: usize, policy: usize },
}

/// What becomes of a packet of no session.
#[derive(Debug)]
pub(super) enum Decision<'a> {
    Inspect { class: usize, parameters: &'a Parameters, layer_7: bool, deep: Option<&'a Arc<Deep>> },
    Pass,
    Drop { class: usize, rule: Arc<Rule>, reason: &'static str },
}

impl Policies {
    pub(super) fn new(config: &IosConfig, zones: [Option<String>; 2]) -> Self {
        let [inside, outside] = &zones;
        let all = config.zones.clone();
        let crossings = [crossing(&all, inside, outside), crossing(&all, outside, inside)];
        let named = |name: &str| all.parameters.iter().find(|p| p.name == name);
        let fallback = named("global").or_else(|| named("default")).cloned();
        let logs_drops =
            all.parameters.iter().any(|p| p.logs_drops) || config.inspections.log_drops;
        let fallback = fallback.unwrap_or_else(|| Parameters::named("default"));
        let mut deep = BTreeMap::new();
        for (at, policy) in all.policies.iter().enumerate() {
            for (number, class) in policy.classes.iter().enumerate() {
                let plan = class.http.as_ref().and_then(|http| all.layer7.plan(&http.name));
                deep.extend(plan.map(|plan| ((at, number), Arc::new(plan))));
            }
        }
        Self { zones: all, crossings, fallback, deep, logs_drops }
    }

    pub(super) const fn crossing(&self, from: Side) -> &Crossing {
        &self.crossings[ios::index(from)]
    }

    /// Names of a zone-pair and of a class of its policy.
    pub(super) fn names(&self, pair: usize, class: usize) -> (&str, &str) {
        let pair = &self.zones.pairs[pair];
        let policy = pair.policy.as_ref().and_then(|named| self.zones.policy(&named.name));
        let class = policy.and_then(|policy| policy.classes.get(class));
        (&pair.name, class.map_or("class-default", |class| &class.name))
    }

    /// The parameter-map of the first inspected class in force, for the session timers.
    pub(super) fn parameters(&self) -> Option<&Parameters> {
        let zones = &self.zones;
        self.crossings
            .iter()
            .filter_map(|c| match c {
                Crossing::Policed { policy, .. } => Some(&zones.policies[*policy]),
                _ => None,
            })
            .flat_map(|p| &p.classes)
            .find_map(|c| match &c.action {
                Some((Action::Inspect(Some(name)), _)) => self.named(name),
                _ => None,
            })
            .or(Some(&self.fallback))
    }

    fn named(&self, name: &str) -> Option<&Parameters> {
        self.zones.parameters.iter().find(|p| p.name == name)
    }

    /// Room for segments out of order.
    pub(super) const fn room(&self) -> &Room {
        &self.zones.room
    }

    /// True when a class reads the requests of its sessions.
    pub(super) fn reads_requests(&self) -> bool {
        !self.deep.is_empty()
    }

    /// The class of a policy that a packet is in.
    pub(super) fn class_at(&self, config: &IosConfig, policy: usize, packet: &Packet) -> usize {
        Seen::new(&self.zones, config, packet).class_of(&self.zones.policies[policy])
    }

    /// Takes the first class that matches.
    pub(super) fn decide(
        &self,
        config: &IosConfig,
        policy: usize,
        packet: &Packet,
    ) -> Decision<'_> {
        let zones = &self.zones;
        let number = policy;
        let policy = &zones.policies[policy];
        let seen = Seen::new(zones, config, packet);
        let at = seen.class_of(policy);
        let Some(class) = policy.classes.get(at) else { return seen.unmatched(policy, at) };
        match &class.action {
            Some((Action::Inspect(parameters), _)) => {
                let named = parameters.as_ref().and_then(|name| self.named(name));
                let parameters = named.unwrap_or(&self.fallback);
                let layer_7 = zones.class(&class.name).is_some_and(|c| seen.reads_above_tcp(c));
                let deep = self.deep.get(&(number, at)).filter(|_| layer_7);
                Decision::Inspect { class: at, parameters, layer_7, deep }
            }
            Some((Action::Pass, _)) => Decision::Pass,
            Some((Action::Drop, place)) if class.name != "class-default" => Decision::Drop {
                class: at,
                rule: ios::rule(format!("class {}: {}", class.name, place.text), place, GUIDE),
                reason: "DROP action found in policy-map",
            },
            _ => seen.unmatched(policy, at),
        }
    }
}

/// A packet under the eyes of class-maps.
struct Seen<'a> {
    zones: &'a Zones,
    config: &'a IosConfig,
    packet: &'a Packet,
    /// Criteria that may still be looked at.
    left: Cell<u32>,
}

impl<'a> Seen<'a> {
    const fn new(zones: &'a Zones, config: &'a IosConfig, packet: &'a Packet) -> Self {
        Self { zones, config, packet, left: Cell::new(CRITERIA_MAX) }
    }

    /// The first class that matches; one past the last for the class-default that no line names.
    fn class_of(&self, policy: &Policy) -> usize {
        let matches = |class: &PolicyClass| {
            class.name == "class-default"
                || self.zones.class(&class.name).is_some_and(|c| self.matches(c, DEPTH))
        };
        policy.classes.iter().position(matches).unwrap_or(policy.classes.len())
    }

    /// Dropped by a class without an action, or by class-default: says which classes before it did not match, and why.
    fn unmatched<'d>(&self, policy: &Policy, at: usize) -> Decision<'d> {
        if let Some(class) = policy.classes.get(at).filter(|c| c.name != "class-default") {
            let (name, line) = (&class.name, class.place.line);
            let because = wording!(
                en: "class {name} (line {line}) has no action",
                ja: "class {name}（{line} 行目）にアクションがありません",
            );
            let (text, near) = (format!("class {name}: drop"), Some(class.place.clone()));
            let rule = Rule::default_because(text, because, near, GUIDE);
            let rule = remedy::act(rule, policy, class);
            return Decision::Drop { class: at, rule, reason: "DROP action found in policy-map" };
        }
        let mut near = None;
        let mut reasons = Vec::new();
        for class in policy.classes.iter().filter(|c| c.name != "class-default") {
            let (reason, place) = match self.zones.class(&class.name) {
                None => {
                    let name = &class.name;
                    let text = wording!(
                        en: "class-map {name} is not defined",
                        ja: "class-map {name} は定義されていません",
                    );
                    (text, class.place.clone())
                }
                Some(map) => self.why_not(map),
            };
            reasons.push(reason);
            near.get_or_insert(place);
        }
        let (name, line) = (&policy.name, policy.place.line);
        let because = if reasons.is_empty() {
            wording!(
                en: "policy-map {name} (line {line}) has no other class",
                ja: "policy-map {name}（{line} 行目）に他の class がありません",
            )
        } else {
            wording!(
                en: "no class of policy-map {name} (line {line}) matches: ",
                ja: "policy-map {name}（{line} 行目）に一致する class がありません: ",
            )
            .then(&Wording::joined(&reasons, "; ", "；"))
        };
        let near = near.or_else(|| Some(policy.place.clone()));
        let logged = policy.classes.get(at).and_then(|c| c.action.as_ref());
        let logs = logged.is_some_and(|(_, place)| place.text.ends_with("log"));
        let text = if logs { "class class-default: drop log" } else { "class class-default: drop" };
        let rule = remedy::inspect(Rule::default_because(text, because, near, GUIDE), policy);
        Decision::Drop { class: at, rule, reason: "DROP action found in policy-map" }
    }

    fn why_not(&self, map: &Class) -> (Wording, ConfigLine) {
        let failing = map.criteria.iter().find(|c| !self.holds(c, DEPTH));
        match failing {
            None => {
                let name = &map.name;
                let text = wording!(
                    en: "class-map {name} has no match line",
                    ja: "class-map {name} に match 行がありません",
                );
                (text, map.place.clone())
            }
            Some(criterion) => {
                let text = wording!(
                    en: "class-map {name} (line {line}): {criterion}, ",
                    ja: "class-map {name}（{line} 行目）: {criterion}、",
                    name = map.name,
                    line = map.place.line,
                    criterion = criterion.place.text,
                );
                let found = match &criterion.on {
                    On::Protocol(_) => wording!(
                        en: "this is TCP to port {port}",
                        ja: "これはポート {port} 宛ての TCP です",
                        port = self.packet.dst_port,
                    ),
                    On::AccessGroup(_) | On::Class(_) => wording!(
                        en: "this connection is not in it",
                        ja: "この接続は含まれません",
                    ),
                };
                (text.then(&found), criterion.place.clone())
            }
        }
    }

    fn matches(&self, class: &Class, depth: u32) -> bool {
        let mut criteria = class.criteria.iter();
        if class.all {
            !class.criteria.is_empty() && criteria.all(|c| self.holds(c, depth))
        } else {
            criteria.any(|c| self.holds(c, depth))
        }
    }

    fn holds(&self, criterion: &Criterion, depth: u32) -> bool {
        let packet = self.packet;
        let Some(left) = self.left.get().checked_sub(1) else { return false };
        self.left.set(left);
        let holds = match &criterion.on {
            On::Protocol(name) => name == "tcp" || port(name) == Some(packet.dst_port),
            On::AccessGroup(name) => self.config.selects(name, false, packet.flow(), packet.flags),
            On::Class(name) => {
                let nested = self.zones.class(name).filter(|_| depth > 0);
                nested.is_some_and(|c| self.matches(c, depth - 1))
            }
        };
        holds != criterion.negated
    }

    /// True when the class is inspected for a protocol above TCP, and this is one.
    fn reads_above_tcp(&self, class: &Class) -> bool {
        let by = |c: &&Criterion| matches!(&c.on, On::Protocol(_)) && self.holds(c, DEPTH);
        let protocol = class.criteria.iter().find(by).map(|c| &c.on);
        matches!(protocol, Some(On::Protocol(name)) if name != "tcp")
    }
}

fn crossing(zones: &Zones, from: &Option<String>, to: &Option<String>) -> Crossing {
    // Where there is a zone of this name, interfaces of no zone are in it (Cisco IOS XE Security Configuration Guide,
    // Zone-Based Policy Firewall: Default Zone).
    let by_default = zones.has_default().then(|| "default".to_owned());
    let from = &from.clone().or_else(|| by_default.clone());
    let to = &to.clone().or(by_default);
    let blocked = |because: Wording, pair: Option<&Pair>, reason| {
        let near = pair.map(|pair| pair.place.clone());
        let text = "traffic between zones needs a zone-pair with a policy";
        let rule = Rule::default_because(text, because, near, GUIDE);
        let rule = match (from, to) {
            (Some(from), Some(to)) => remedy::pair(rule, pair, from, to),
            _ => rule,
        };
        Crossing::Blocked(rule, reason)
    };
    let (from, to) = match (from, to) {
        (None, None) => return Crossing::Free,
        (Some(from), Some(to)) => (from, to),
        (Some(zone), None) | (None, Some(zone)) => {
            let because = wording!(
                en: "one interface is in zone {zone}, the other in none",
                ja: "一方のインターフェイスはゾーン {zone} に属し、もう一方はどのゾーンにも属していません",
            );
            return blocked(because, None, "One of the interfaces not being cfged for zoning");
        }
    };
    let found = zones.pairs.iter().position(|p| p.source == *from && p.destination == *to);
    let policy_of = |pair: &Pair| {
        let named = pair.policy.as_ref()?;
        zones.policies.iter().position(|p| p.name == named.name)
    };
    let of_router = [from, to].iter().any(|zone| *zone == SELF);
    match found.map(|at| (at, &zones.pairs[at])) {
        // A pair with the router itself says nothing before it has a policy.
        Some((_, of)) if of_router && of.policy.is_none() => Crossing::Free,
        Some((pair, of)) => match (policy_of(of), &of.policy) {
            (Some(policy), _) => Crossing::Policed { pair, policy },
            (None, Some(named)) => blocked(
                wording!(
                    en: "policy-map {policy} of zone-pair {pair} is not defined",
                    ja: "zone-pair {pair} の policy-map {policy} は定義されていません",
                    policy = named.name,
                    pair = of.name,
                ),
                Some(of),
                "policy match failure",
            ),
            (None, None) => blocked(
                wording!(
                    en: "zone-pair {pair} (line {line}) has no service-policy",
                    ja: "zone-pair {pair}（{line} 行目）に service-policy がありません",
                    pair = of.name,
                    line = of.place.line,
                ),
                Some(of),
                "policy match failure",
            ),
        },
        None if from == to => Crossing::Free,
        // What reaches the router, and what it sends, is permitted where no zone-pair of that direction speaks of it
        // (Cisco, Zone-Based Policy Firewall Design and Application Guide, the self zone).
        None if of_router => Crossing::Free,
        None => {
            let because = wording!(
                en: "there is no zone-pair from {from} to {to}",
                ja: "{from} から {to} への zone-pair がありません",
            );
            blocked(because, None, "No zone-pair between zones")
        }
    }
}

impl Zones {
    /// The side that an interface is on, by the name of its zone: else the first policed zone-pair
    /// runs from the clients to the servers.
    pub(crate) fn tell(&self, interface: &Interface) -> Option<Side> {
        self.guess(&interface.zone.as_ref()?.name)
    }

    fn guess(&self, zone: &str) -> Option<Side> {
        let lower = zone.to_lowercase();
        let like = |marks: &[&str]| marks.iter().any(|m| lower.contains(m));
        if like(&["out", "wan", "public", "internet", "untrust"]) {
            return Some(Side::Outside);
        }
        if like(&["in", "lan", "private", "trust"]) {
            return Some(Side::Inside);
        }
        let first = self.pairs.iter().find(|p| !p.is_of_router())?;
        match zone {
            zone if zone == first.source => Some(Side::Inside),
            zone if zone == first.destination => Some(Side::Outside),
            _ => None,
        }
    }
}

/// The zones of the interfaces towards the clients and the servers.
pub(super) fn zones_of(config: &IosConfig, sides: &[Option<Interface>; 2]) -> [Option<String>; 2] {
    let zones = &config.zones;
    let of_none = |i: &Interface| i.zone.is_none();
    if config.interfaces.iter().all(of_none) && sides.iter().flatten().all(of_none) {
        let named = |side| {
            let mut all = zones.pairs.iter().flat_map(|p| [&p.source, &p.destination]);
            all.find(|z| zones.guess(z) == Some(side)).cloned()
        };
        return [named(Side::Inside), named(Side::Outside)];
    }
    sides.each_ref().map(|i| i.as_ref()?.zone.as_ref().map(|z| z.name.clone()))
}
