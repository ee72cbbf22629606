//! What the policy of a zone-pair makes of a connection's first packet, and why.

use std::sync::Arc;

use sim_core::engine::device::{ConfigLine, Rule, Side, Wording};
use sim_core::wire::packet::Packet;
use sim_core::wording;

use crate::config::words::{nearest, port};
use crate::config::{ConfigText, Diagnostics, lines};
use crate::ios::{self, Interface, IosConfig};

use super::GUIDE;
use super::zones::{Action, Class, Criterion, On, Pair, Parameters, Policy, Zones};

/// The most that a class-map may nest in others.
const DEPTH: u32 = 8;

/// The configuration, applied to the two sides of the device.
#[derive(Debug)]
pub(super) struct Firewall {
    config: IosConfig,
    crossings: [Crossing; 2],
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
pub(super) enum Decision {
    Inspect { class: usize, enforce_window_scale: bool },
    Pass,
    Drop { rule: Arc<Rule>, reason: &'static str },
}

impl Firewall {
    pub(super) fn new(config: IosConfig, zones: [Option<String>; 2]) -> Self {
        let [inside, outside] = &zones;
        let crossings =
            [crossing(&config.zones, inside, outside), crossing(&config.zones, outside, inside)];
        Self { config, crossings }
    }

    /// Zones inside and outside, TCP inspected from inside out: what every guide begins with.
    pub(super) fn factory() -> Self {
        const TEXT: &str = "class-map type inspect TCP\n match protocol tcp\npolicy-map type inspect \
                            OUT\n class type inspect TCP\n  inspect\nzone-pair security IN-OUT source \
                            inside destination outside\n service-policy type inspect OUT\n";
        let text = ConfigText { file: "", text: TEXT };
        let config = ios::read(text, &mut Diagnostics::new(""));
        Self::new(config, [Some("inside".to_owned()), Some("outside".to_owned())])
    }

    pub(super) const fn crossing(&self, from: Side) -> &Crossing {
        &self.crossings[ios::index(from)]
    }

    /// Names of a zone-pair and of a class of its policy.
    pub(super) fn names(&self, pair: usize, class: usize) -> Option<(&str, &str)> {
        let pair = self.config.zones.pairs.get(pair)?;
        let policy = self.config.zones.policy(&pair.policy.as_ref()?.name)?;
        Some((&pair.name, &policy.classes.get(class)?.name))
    }

    /// The parameter-map of the first inspected class in force, for the session timers.
    pub(super) fn parameters(&self) -> Option<&Parameters> {
        let zones = &self.config.zones;
        let named = |name: &str| zones.parameters.iter().find(|p| p.name == name);
        self.crossings
            .iter()
            .filter_map(|c| match c {
                Crossing::Policed { policy, .. } => Some(&zones.policies[*policy]),
                _ => None,
            })
            .flat_map(|p| &p.classes)
            .find_map(|c| match &c.action {
                Some((Action::Inspect(Some(name)), _)) => named(name),
                _ => None,
            })
            .or_else(|| named("global"))
            .or_else(|| named("default"))
    }

    /// Takes the first class that matches.
    pub(super) fn decide(&self, policy: usize, packet: &Packet) -> Decision {
        let zones = &self.config.zones;
        let policy = &zones.policies[policy];
        let matching = policy.classes.iter().enumerate().find(|(_, class)| {
            class.name == "class-default"
                || zones.class(&class.name).is_some_and(|c| self.matches(c, packet, DEPTH))
        });
        let Some((at, class)) = matching else { return self.unmatched(policy, packet) };
        match &class.action {
            Some((Action::Inspect(parameters), _)) => {
                let parameters = parameters
                    .as_ref()
                    .and_then(|name| zones.parameters.iter().find(|p| p.name == *name));
                let enforce_window_scale = parameters.is_none_or(|p| p.enforce_window_scale);
                Decision::Inspect { class: at, enforce_window_scale }
            }
            Some((Action::Pass, _)) => Decision::Pass,
            Some((Action::Drop, place)) if class.name != "class-default" => Decision::Drop {
                rule: Rule::config(
                    format!("class {}: {}", class.name, place.text),
                    place.clone(),
                    GUIDE,
                ),
                reason: "DROP action found in policy-map",
            },
            _ => self.unmatched(policy, packet),
        }
    }

    /// Dropped by class-default: says which classes before it did not match, and why.
    fn unmatched(&self, policy: &Policy, packet: &Packet) -> Decision {
        let mut near = None;
        let mut reasons = Vec::new();
        for class in policy.classes.iter().filter(|c| c.name != "class-default") {
            let (reason, place) = match self.config.zones.class(&class.name) {
                None => {
                    let name = &class.name;
                    let text = wording!(
                        en: "class-map {name} is not defined",
                        ja: "class-map {name} は定義されていません",
                    );
                    (text, class.place.clone())
                }
                Some(map) => self.why_not(map, packet),
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
        let rule = Rule::default_because("class class-default: drop", because, near, GUIDE);
        Decision::Drop { rule, reason: "DROP action found in policy-map" }
    }

    fn why_not(&self, map: &Class, packet: &Packet) -> (Wording, ConfigLine) {
        let failing = map.criteria.iter().find(|c| !self.holds(c, packet, DEPTH));
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
                        port = packet.dst_port,
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

    fn matches(&self, class: &Class, packet: &Packet, depth: u32) -> bool {
        let mut criteria = class.criteria.iter();
        if class.all {
            !class.criteria.is_empty() && criteria.all(|c| self.holds(c, packet, depth))
        } else {
            criteria.any(|c| self.holds(c, packet, depth))
        }
    }

    fn holds(&self, criterion: &Criterion, packet: &Packet, depth: u32) -> bool {
        let holds = match &criterion.on {
            On::Protocol(name) => name == "tcp" || port(name) == Some(packet.dst_port),
            On::AccessGroup(name) => self
                .config
                .access_lists
                .get(name)
                .and_then(|list| list.matching(packet.flow(), packet.flags))
                .is_some_and(|entry| entry.permit),
            On::Class(name) => {
                depth > 0
                    && self
                        .config
                        .zones
                        .class(name)
                        .is_some_and(|c| self.matches(c, packet, depth - 1))
            }
        };
        holds != criterion.negated
    }
}

fn crossing(zones: &Zones, from: &Option<String>, to: &Option<String>) -> Crossing {
    let blocked = |because: Wording, near: Option<&Pair>, reason| {
        let near = near.map(|pair| pair.place.clone());
        let text = "traffic between zones needs a zone-pair with a policy";
        Crossing::Blocked(Rule::default_because(text, because, near, GUIDE), reason)
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
    match found.map(|at| (at, &zones.pairs[at])) {
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
        None => {
            let because = wording!(
                en: "there is no zone-pair from {from} to {to}",
                ja: "{from} から {to} への zone-pair がありません",
            );
            blocked(because, None, "No zone-pair between zones")
        }
    }
}

/// The zones of the interfaces towards the clients and the servers.
pub(super) fn zones_of(config: &IosConfig, given: [Option<&str>; 2]) -> [Option<String>; 2] {
    let zones = &config.zones;
    // Names tell; else the first policed zone-pair runs from the clients to the servers.
    let guess = |zone: &str| {
        let lower = zone.to_lowercase();
        let like = |marks: &[&str]| marks.iter().any(|m| lower.contains(m));
        if like(&["out", "wan", "public", "internet", "untrust"]) {
            return Some(Side::Outside);
        }
        if like(&["in", "lan", "private", "trust"]) {
            return Some(Side::Inside);
        }
        let first = zones.pairs.iter().find(|p| p.source != "self" && p.destination != "self")?;
        match zone {
            zone if zone == first.source => Some(Side::Inside),
            zone if zone == first.destination => Some(Side::Outside),
            _ => None,
        }
    };
    let zone_of = |i: &Interface| i.zone.as_ref().map(|z| z.name.clone());
    if given == [None, None] && config.interfaces.iter().all(|i| i.zone.is_none()) {
        let named = |side| {
            let mut all = zones.pairs.iter().flat_map(|p| [&p.source, &p.destination]);
            all.find(|z| guess(z) == Some(side)).cloned()
        };
        return [named(Side::Inside), named(Side::Outside)];
    }
    let sides = config.sides(given, |i| i.zone.as_ref().and_then(|z| guess(&z.name)));
    sides.map(|i| i.and_then(zone_of))
}

/// Says which names are undefined and what is not in effect.
pub(super) fn warn(
    config: &IosConfig,
    sides: &[Option<String>; 2],
    text: ConfigText<'_>,
    found: &mut Diagnostics,
) {
    let all = lines(text.text);
    let zones = &config.zones;
    let mut say = |place: &ConfigLine, word: &str, message: String, near: Option<&str>| {
        let Ok(at) = all.binary_search_by_key(&place.line, |l| l.number) else { return };
        let word = all[at].words.iter().rev().find(|w| **w == word).copied().unwrap_or("");
        let report = found.warn(&all[at], word, message);
        if let Some(near) = near {
            report.help(format!("names are case sensitive; {near} is defined"));
        }
    };
    let defined = |zone: &str| zone == "self" || zones.zones.iter().any(|z| z.name == zone);
    let zone_names = || zones.zones.iter().map(|z| &*z.name);
    let members = config.interfaces.iter().filter_map(|i| i.zone.as_ref());
    for (zone, place) in members
        .map(|m| (&m.name, &m.place))
        .chain(zones.pairs.iter().flat_map(|p| [(&p.source, &p.place), (&p.destination, &p.place)]))
    {
        if !defined(zone) {
            let message = format!("zone security {zone} is not defined");
            say(place, zone, message, nearest(zone, zone_names()));
        }
    }
    for pair in &zones.pairs {
        match &pair.policy {
            None => {
                let message =
                    format!("zone-pair {} has no service-policy: it drops everything", pair.name);
                say(&pair.place, &pair.name, message, None);
            }
            Some(named) if zones.policy(&named.name).is_none() => {
                let message = format!("policy-map type inspect {} is not defined", named.name);
                let near = nearest(&named.name, zones.policies.iter().map(|p| &*p.name));
                say(&named.place, &named.name, message, near);
            }
            Some(_) => {}
        }
    }
    for class in zones.policies.iter().flat_map(|p| &p.classes) {
        if class.name != "class-default" && zones.class(&class.name).is_none() {
            let message = format!("class-map type inspect {} is not defined", class.name);
            let near = nearest(&class.name, zones.classes.iter().map(|c| &*c.name));
            say(&class.place, &class.name, message, near);
        }
        if let Some((Action::Inspect(Some(name)), place)) = &class.action
            && !zones.parameters.iter().any(|p| p.name == *name)
        {
            let message =
                format!("parameter-map type inspect {name} is not defined: the defaults rule");
            say(place, name, message, nearest(name, zones.parameters.iter().map(|p| &*p.name)));
        }
        if class.action.is_none() && class.name != "class-default" {
            let message = format!("class {} has no action: it drops", class.name);
            say(&class.place, &class.name, message, None);
        }
    }
    for criterion in zones.classes.iter().flat_map(|c| &c.criteria) {
        if let On::AccessGroup(name) = &criterion.on
            && !config.access_lists.contains_key(name)
        {
            let message = format!("access list {name} is not defined");
            let near = nearest(name, config.access_lists.keys().map(String::as_str));
            say(&criterion.place, name, message, near);
        }
    }
    if let Some(first) = all.first()
        && sides.iter().any(Option::is_none)
        && !zones.pairs.is_empty()
    {
        let message = "which zones the clients and the servers are in cannot be told from the text: name the interfaces in the scenario";
        found.warn(first, "", message);
    }
}
