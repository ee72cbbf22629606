//! The security policy of PAN-OS, as far as it says between which zones connections open: rules in their
//! order, then `intrazone-default` (allow) and `interzone-default` (deny) (PAN-OS Administrator's Guide,
//! Security Policy Rules).

use std::collections::{BTreeMap, BTreeSet};

use sim_core::engine::device::ConfigLine;

use crate::audit::{Because, Effect, Verdict};
use crate::config::{ConfigText, Diagnostics};

use super::applications::Applications;
use super::decryption;
use super::objects::Objects;
use super::overrides::Overrides;
use super::ports::Ports;
use super::rule::{Base, NAMING, Rule, is_any, label, reached, shadowed, way};
use super::schedules;
use super::statements::{Settings, Statement};
use super::systems::Systems;

const SOURCE: &str = "PAN-OS Administrator's Guide, Security Policy Rules";

const TRANSLATES: &str = "addresses are translated: an ADD_ADDR option still carries the address behind the \
                          translation, and a join to it fails";
const NO_SERVICE: &str = "services are of tcp, udp or sctp (PAN-OS Administrator's Guide, Services): this one is refused";
pub(super) const COOKIES: &str = "above its rate, SYN cookies answer a SYN without its options: such a connection falls back to \
                       plain TCP, and such a subflow fails";

/// What becomes of connections that are allowed, and why.
pub(in crate::neighbours) type Allowed = (Effect, Vec<Because>);

/// Rulebases that are asked before the security rules, and what drops in them (PAN-OS Administrator's Guide, DoS
/// Protection Policy Rules; Policy-Based Forwarding).
const BEFORE: [(&str, &str, &str); 2] =
    [("dos", "deny", "DoS"), ("pbf", "discard", "policy-based forwarding")];

/// Zones and rules.
#[derive(Debug, Default)]
pub(in crate::neighbours) struct Policy<'t> {
    zones: BTreeSet<&'t str>,
    systems: Systems<'t>,
    rules: Vec<Rule<'t>>,
    /// Rules that decide what is decrypted.
    decryption: Vec<Rule<'t>>,
    /// Rules of [`BEFORE`].
    before: Vec<(usize, Rule<'t>)>,
    /// Of each rule of either kind.
    places: BTreeMap<(bool, Option<&'t str>, Base, &'t str), usize>,
    /// What `intrazone-default` and `interzone-default` were made to do.
    defaults: [Option<(bool, ConfigLine)>; 2],
    /// It has a rulebase, of whatever kind.
    has_rulebase: bool,
    /// Services: of TCP, or of other protocols alone.
    services: BTreeMap<&'t str, bool>,
    /// The ports of those of TCP.
    ports: BTreeMap<&'t str, Ports>,
    groups: BTreeMap<&'t str, Vec<&'t str>>,
    applications: Applications<'t>,
    overrides: Overrides<'t>,
    /// Of all that rules may name but zones, applications of the device's own and services.
    objects: Objects<'t>,
    /// Lines that touch MPTCP in another way, with what is said of them.
    others: Vec<(ConfigLine, &'static str)>,
}

impl<'t> Policy<'t> {
    /// Takes what a statement says of zones and rules.
    pub(super) fn take(&mut self, statement: &Statement<'_, 't>) {
        let (mut scope, mut base) = (None, Base::Own);
        for (at, pair) in statement.words.windows(2).enumerate() {
            // A piece of an export may begin with the rules.
            let is_piece = at == 0 && pair[0] == "rules";
            match (pair, &statement.words[at + 2..]) {
                ([_, name], [setting, values @ ..]) if is_piece => {
                    self.has_rulebase = true;
                    self.rule((false, None, base, name), setting, values, statement);
                    return;
                }
                (["vsys" | "device-group", name], _) => scope = Some(*name),
                (["zone", name], ["network", network @ ..]) => {
                    self.zones.insert(name);
                    self.systems.zone(scope, network, statement);
                }
                (["address" | "address-group" | "external-list" | "region", name], [_, ..]) => {
                    self.objects.address(name);
                }
                // Apart from the protocol in some texts.
                (["service", name], ["port", ports @ ..]) => {
                    self.ports.entry(name).or_default().take(ports);
                }
                (["service", name], ["protocol", protocol, more @ ..]) => {
                    if let ("tcp", ["port", ports @ ..]) = (*protocol, more) {
                        self.ports.entry(name).or_default().take(ports);
                    }
                    if !matches!(*protocol, "tcp" | "udp" | "sctp") {
                        self.other(statement, NO_SERVICE);
                    }
                    *self.services.entry(name).or_default() |= *protocol == "tcp";
                }
                (["service-group", name], ["members", members @ ..]) => {
                    let members = members.iter().filter(|v| !matches!(**v, "[" | "]" | "member"));
                    self.groups.entry(name).or_default().extend(members);
                }
                (["nat", "rules"], rest)
                    if rest.contains(&"source-translation")
                        || rest.contains(&"destination-translation") =>
                {
                    self.other(statement, TRANSLATES);
                }
                (["application", name], ["default", default @ ..]) => {
                    self.applications.define(name, default);
                }
                (["application", name], ["signature", ..]) => self.objects.recognised(name),
                (["application" | "application-filter", name], [_, ..]) => {
                    self.objects.application(name);
                }
                (["application-group", name], members) => {
                    let marks = ["[", "]", "members", "member"];
                    let members = members.iter().filter(|word| !marks.contains(word));
                    self.applications.group(name, members.copied());
                }
                ([kind @ ("dos" | "pbf"), "rules"], [name, rest @ ..]) => {
                    let kind = BEFORE.iter().position(|(known, ..)| known == kind).unwrap_or(0);
                    self.before((kind, scope, base, name), rest, statement);
                }
                (["application-override", "rules"], [name, rest @ ..]) => {
                    self.overrides.take((scope, base, name), rest, statement);
                    return;
                }
                (["default-security-rules", "rules"], [name, rest @ ..]) => {
                    let at = usize::from(*name == "interzone-default");
                    for setting in Settings(rest) {
                        if let ["action", action] = setting {
                            self.defaults[at] = Some((*action == "allow", statement.place()));
                        }
                    }
                }
                ([kind @ ("security" | "decryption"), "rules"], [name, rest @ ..])
                    if !rest.is_empty() =>
                {
                    self.has_rulebase = true;
                    let key = (*kind == "decryption", scope, base, *name);
                    for setting in Settings(rest) {
                        if let [setting, values @ ..] = setting {
                            self.rule(key, setting, values, statement);
                        }
                    }
                    return;
                }
                ([rulebase @ ("rulebase" | "pre-rulebase" | "post-rulebase"), _], _) => {
                    self.has_rulebase = true;
                    base = match *rulebase {
                        "pre-rulebase" => Base::Pre,
                        "post-rulebase" => Base::Post,
                        _ => Base::Own,
                    };
                }
                _ => {}
            }
        }
    }

    /// Takes settings of a rule that is asked before the security rules.
    fn before(
        &mut self,
        (kind, scope, base, name): (usize, Option<&'t str>, Base, &'t str),
        rest: &[&'t str],
        statement: &Statement<'_, 't>,
    ) {
        let same = |(of, rule): &(usize, Rule<'t>)| {
            *of == kind && (rule.scope, rule.base, rule.name) == (scope, base, name)
        };
        let at = self.before.iter().position(same).unwrap_or_else(|| {
            self.before.push((kind, Rule::new(name, scope, base, statement.place())));
            self.before.len() - 1
        });
        let rule = &mut self.before[at].1;
        let marks = ["[", "]", "member", "zone"];
        for setting in Settings(rest) {
            let values = setting[1..].iter().filter(|word| !marks.contains(word));
            match setting[0] {
                "from" => rule.from.extend(values),
                "to" => rule.to.extend(values),
                "action" => rule.action = setting.get(1).map(|action| (*action, statement.place())),
                "disabled" => rule.disabled = setting.get(1) == Some(&"yes"),
                _ => {}
            }
        }
    }

    /// Takes a setting of a rule.
    fn rule(
        &mut self,
        key: (bool, Option<&'t str>, Base, &'t str),
        setting: &str,
        values: &[&'t str],
        statement: &Statement<'_, 't>,
    ) {
        let (decrypts, scope, base, name) = key;
        let rules = if decrypts { &mut self.decryption } else { &mut self.rules };
        let new = rules.len();
        let at = *self.places.entry(key).or_insert(new);
        if at == new {
            rules.push(Rule::new(name, scope, base, statement.place()));
        }
        let rule = &mut rules[at];
        let mut values = values.iter().filter(|v| !matches!(**v, "[" | "]" | "member"));
        match setting {
            // Named again, by another line of the rule, it is the same zone.
            "from" | "to" => {
                let zones = if setting == "from" { &mut rule.from } else { &mut rule.to };
                for zone in values {
                    if !zones.contains(zone) {
                        zones.push(zone);
                    }
                }
            }
            "action" => rule.action = values.next().map(|action| (*action, statement.place())),
            "disabled" => rule.disabled = values.next() == Some(&"yes"),
            "type" if decrypts => rule.of_type = values.next().copied(),
            "rule-type" => rule.of_type = values.next().copied().filter(|v| *v != "universal"),
            "service" => {
                let (names, place) = &mut rule.services;
                names.extend(values);
                place.get_or_insert_with(|| statement.place());
                rule.is_narrow |= !is_any(names);
            }
            "application" => {
                let (names, place) = &mut rule.applications;
                names.extend(values.filter(|name| **name != "any"));
                place.get_or_insert_with(|| statement.place());
                rule.is_narrow |= !names.is_empty();
            }
            "schedule" => {
                rule.schedule = values.next().copied();
                rule.is_narrow = true;
            }
            "negate-source" => rule.named[0].1 = values.next() == Some(&"yes"),
            "negate-destination" => rule.named[1].1 = values.next() == Some(&"yes"),
            _ => {
                if let Some(at) = NAMING.iter().position(|known| *known == setting) {
                    rule.named[at].0.extend(values);
                    if rule.named_in[at] == 0 {
                        rule.named_in[at] = statement.line;
                    }
                    rule.is_narrow |= !is_any(&rule.named[at].0);
                }
            }
        }
    }

    /// Keeps the first line of which this is said.
    fn other(&mut self, statement: &Statement<'_, 't>, what: &'static str) {
        if !self.others.iter().any(|(_, said)| *said == what) {
            self.others.push((statement.place(), what));
        }
    }

    /// True when the text has zones.
    pub(super) fn has_zones(&self) -> bool {
        !self.zones.is_empty()
    }

    /// True when a rule's services leave some TCP to it.
    fn is_of_tcp(&self, rule: &Rule<'t>) -> bool {
        let mut left: Vec<&str> = rule.services.0.clone();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut is_of_tcp = left.is_empty();
        while let Some(service) = left.pop() {
            match (self.groups.get(service), self.services.get(service)) {
                (Some(members), _) if seen.insert(service) => left.extend(members),
                (Some(_), _) => {}
                (None, known) => is_of_tcp |= known.is_none_or(|is_tcp| *is_tcp),
            }
        }
        is_of_tcp && self.has_applications_of_tcp(rule) && !self.is_overridden_elsewhere(rule)
    }

    /// True when connections are of a rule's applications by overrides alone, and those are of other ports than its services: no
    /// connection is both.
    fn is_overridden_elsewhere(&self, rule: &Rule<'t>) -> bool {
        let applications = self.applications.expand(&rule.applications.0);
        let is_apart = |application: &&str| {
            let ports = rule.services.0.iter().map(|service| self.ports.get(service));
            self.objects.is_given_alone(application)
                && ports.into_iter().all(|ports| {
                    ports.is_some_and(|ports| self.overrides.are_apart(application, ports))
                })
        };
        !applications.is_empty() && !rule.services.0.is_empty() && applications.iter().all(is_apart)
    }

    /// True when connections of TCP may be of an application that a rule names.
    fn has_applications_of_tcp(&self, rule: &Rule<'t>) -> bool {
        let by_default = rule.services.0.contains(&"application-default");
        self.applications.may_be_tcp(&rule.applications.0, by_default)
    }

    /// The line of a rule that lets connections through by what their data shows.
    fn looks_at_data<'r>(&self, rule: &'r Rule<'t>) -> Option<&'r ConfigLine> {
        let (names, place) = &rule.applications;
        let names = self.applications.expand(names);
        let allows = rule.action.as_ref().is_some_and(|(action, _)| *action == "allow");
        let is_given = names.iter().all(|name| self.overrides.of_tcp(name).is_some());
        place.as_ref().filter(|_| allows && !rule.disabled && !is_given && self.is_of_tcp(rule))
    }

    /// The security rules that connections of TCP may come to, in the order in which they are asked.
    fn asked(&self) -> Vec<&Rule<'t>> {
        let is_asked = |rule: &&Rule<'t>| !rule.disabled && self.is_of_tcp(rule);
        let mut rules: Vec<&Rule<'_>> = self.rules.iter().filter(is_asked).collect();
        rules.sort_by_key(|rule| (rule.base, rule.is_asked_late()));
        rules
    }

    /// True when the text defines nothing that rules may name: it is a part of a configuration.
    fn is_part(&self) -> bool {
        self.services.is_empty() && self.groups.is_empty() && self.objects.is_empty()
    }

    /// True for a service that is neither defined nor predefined.
    fn lacks_service(&self, name: &str) -> bool {
        const PREDEFINED: [&str; 4] =
            ["any", "application-default", "service-http", "service-https"];
        !(PREDEFINED.contains(&name)
            || self.services.contains_key(name)
            || self.groups.contains_key(name))
    }

    /// The service that a rule names and a text with objects does not define, where it leaves nothing known of TCP
    /// to the rule.
    fn undefined_service<'r>(&self, rule: &'r Rule<'t>) -> Option<(&'t str, &'r ConfigLine)> {
        let (names, place) = &rule.services;
        if self.is_part() || !names.iter().all(|name| self.lacks_service(name)) {
            return None;
        }
        names.first().copied().zip(place.as_ref())
    }

    /// What a rule names and the text does not define: its kind, its name, and the line that names it first.
    fn undefined(&self, rule: &Rule<'t>) -> Vec<(&'static str, &'t str, u32)> {
        let line = |place: &Option<ConfigLine>| place.as_ref().map_or(0, |place| place.line);
        let (services, applications) = (&rule.services, &rule.applications);
        let lacking = services.0.iter().filter(|name| self.lacks_service(name));
        let mut found: Vec<_> = lacking.map(|name| ("service", *name, line(&services.1))).collect();
        for (named, line) in rule.named.iter().zip(rule.named_in).take(2) {
            let lacking = named.0.iter().filter(|name| self.objects.lacks_address(name));
            found.extend(lacking.map(|name| ("address", *name, line)));
        }
        let lacking = applications.0.iter().filter(|name| {
            self.objects.lacks_application(name) && !self.applications.defines(name)
        });
        found.extend(lacking.map(|name| ("application", *name, line(&applications.1))));
        found
    }

    /// Warns of what rules name and the text does not define, once for each name.
    fn warn_of_undefined(&self, mut warn: impl FnMut(u32, String)) {
        let (has_scopes, is_part) = (self.has_scopes(), self.is_part());
        let mut told: BTreeSet<(&str, &str)> = BTreeSet::new();
        for rule in self.rules.iter().chain(&self.decryption).filter(|rule| !rule.disabled) {
            let title = rule.title(has_scopes);
            for (kind, name, line) in self.undefined(rule) {
                if !told.insert((kind, name)) {
                    continue;
                }
                let known = self.services.keys().chain(self.groups.keys());
                let mut known = known.copied().filter(|_| kind == "service");
                let near = known.find(|known| known.eq_ignore_ascii_case(name));
                let near = near.map_or(String::new(), |near| {
                    format!(" (names are case sensitive: {near} is)")
                });
                let part = match (is_part, kind) {
                    (true, "service") => ": it is taken for one of TCP",
                    _ => "",
                };
                let message = format!(
                    "rule {title} names {kind} {name}, which is not defined in the text{near}{part}"
                );
                warn(line, message);
                if is_part {
                    return;
                }
            }
        }
    }

    /// True where the text has rules of several virtual systems or device groups.
    fn has_scopes(&self) -> bool {
        let mut scopes = self.rules.iter().chain(&self.decryption).map(|rule| rule.scope);
        self.systems.names().len() > 1
            || scopes.next().is_some_and(|first| scopes.any(|scope| scope != first))
    }

    /// Warns of rules that PAN-OS would not commit, of those that hold for no connection, and where `passes` tells
    /// that option 30 may pass, of those that look at data.
    pub(super) fn warn(&self, passes: bool, text: ConfigText<'_>, found: &mut Diagnostics) {
        let (all, has_scopes) = (text.lines(), self.has_scopes());
        let mut warn = |place: &ConfigLine, message: String| {
            if let Some(line) = all.iter().find(|line| line.number == place.line) {
                found.warn(line, "", message);
            }
        };
        for (place, what) in &self.others {
            warn(place, (*what).to_owned());
        }
        if let Some(place) =
            self.rules.iter().find_map(|rule| self.looks_at_data(rule)).filter(|_| passes)
        {
            let message = "a subflow carries only a part of the data: its application may not be recognised (unknown-tcp), \
                           and rules that name applications then do not hold for it (Palo Alto Networks Knowledge Base, \
                           Multi-Path TCP on Palo Alto Networks Firewalls)";
            warn(place, message.to_owned());
        }
        self.warn_of_undefined(|number, message| {
            if let Some(line) = all.iter().find(|line| line.number == number) {
                found.warn(line, "", message);
            }
        });
        let mut warn = |place: &ConfigLine, message: String| {
            if let Some(line) = all.iter().find(|line| line.number == place.line) {
                found.warn(line, "", message);
            }
        };
        let asked = self.asked();
        for (rule, before) in asked.iter().zip(shadowed(&asked)) {
            if let Some(before) = before.map(|at| asked[at]) {
                let message = format!(
                    "rule {} is never reached: rule {} before it takes all that it names",
                    rule.title(has_scopes),
                    before.title(has_scopes)
                );
                warn(&rule.place, message);
            }
        }
        for rule in self.rules.iter().chain(&self.decryption).filter(|rule| !rule.disabled) {
            let name = rule.title(has_scopes);
            if rule.action.is_none() {
                let message = format!("rule {name} has no action: PAN-OS does not commit it");
                warn(&rule.place, message);
            }
            let of_tcp = |service: &&str| {
                let is_predefined = matches!(*service, "service-http" | "service-https");
                is_predefined || self.services.get(service) == Some(&true)
            };
            let names_tcp = rule.services.0.iter().any(of_tcp);
            if names_tcp && !self.has_applications_of_tcp(rule) {
                let message = format!(
                    "rule {name} names applications of other protocols than TCP and a service of TCP: no connection of \
                     TCP is in it"
                );
                warn(rule.applications.1.as_ref().unwrap_or(&rule.place), message);
            }
            // A piece of a configuration need not have the zones.
            let zones = rule.from.iter().chain(&rule.to).filter(|_| !self.zones.is_empty());
            let mut unknown = zones.filter(|zone| {
                !matches!(**zone, "any" | "multicast") && !self.zones.contains(**zone)
            });
            if let Some(zone) = unknown.next() {
                let message = format!("rule {name} names zone {zone}, which the text has not");
                warn(&rule.place, message);
            }
        }
    }

    /// What becomes of connections. `allowed`: of those that are allowed from one zone to another (`None`: any that is
    /// not one of `apart`, the zones whose protection profile rules in place of the device's setting). Nothing when the
    /// text has neither rules nor zones.
    pub(in crate::neighbours) fn verdicts(
        &self,
        apart: &[&str],
        version: Option<&str>,
        allowed: impl Fn(Option<&str>, Option<&str>) -> Allowed,
    ) -> Vec<Verdict> {
        if !self.has_rulebase && self.zones.is_empty() {
            return Vec::new();
        }
        let has_scopes = self.has_scopes();
        let mut verdicts = Vec::new();
        let mut tell = |traffic: &str, direction: String, effect, because| {
            verdicts.push(Verdict { traffic: traffic.to_owned(), direction, effect, because });
        };
        for rule in self.decryption.iter().filter(|rule| !rule.disabled) {
            if let Some(("decrypt", place)) = &rule.action {
                let of = decryption::traffic(rule.of_type);
                let traffic = format!("{of} that rule {} decrypts", rule.title(has_scopes));
                let (effect, why) = decryption::effect(rule.of_type, version);
                let direction = way(&label(&rule.from), &label(&rule.to));
                tell(&traffic, direction, effect, vec![Because::line(place, why)]);
            }
        }
        for (kind, rule) in self.before.iter().filter(|(_, rule)| !rule.disabled) {
            let (_, drops, called) = BEFORE[*kind];
            if let Some((action, place)) =
                rule.action.as_ref().filter(|(action, _)| *action == drops)
            {
                let traffic =
                    format!("TCP that the {called} rule {} names", rule.title(has_scopes));
                let because = vec![Because::line(place, format!("the rule's action is {action}"))];
                tell(&traffic, way(&label(&rule.from), &label(&rule.to)), Effect::Drop, because);
            }
        }
        let ways = |rule: &Rule<'_>| match rule.of_type {
            Some("intrazone") => within(&rule.way(), &rule.from, apart, &allowed),
            _ => split(&rule.way(), (&rule.from, &rule.to), apart, &allowed),
        };
        let (rules, ends) = reached(self.asked(), self.systems.names());
        for (at, (rule, before)) in rules.iter().zip(shadowed(&rules)).enumerate() {
            if before.is_some() {
                continue;
            }
            let traffic = match rule.is_narrow {
                true => format!("TCP that rule {} names", rule.title(has_scopes)),
                false => format!("all TCP, rule {}", rule.title(has_scopes)),
            };
            let all = rule.way();
            if let (Some(schedule), Some((_, place))) = (rule.schedule, &rule.action) {
                let does = |at: usize| self.defaults[at].as_ref().map(|(allows, _)| *allows);
                let defaults = [does(0).unwrap_or(true), does(1).unwrap_or(false)];
                let next = schedules::next(rule, &rules[at + 1..], defaults, has_scopes);
                for (direction, (passing, _)) in ways(rule) {
                    let (effect, why) = schedules::told(rule, schedule, next.as_ref(), passing);
                    tell(&traffic, direction, effect, vec![Because::line(place, why)]);
                }
                continue;
            }
            if let Some((service, place)) = self.undefined_service(rule) {
                let why = format!("service {service} is not defined in the text");
                tell(&traffic, all, Effect::Unknown, vec![Because::line(place, why)]);
                continue;
            }
            match &rule.action {
                Some(("allow", place)) => {
                    for (direction, (effect, mut because)) in ways(rule) {
                        because.push(Because::line(place, "the rule allows it"));
                        let given =
                            rule.applications.0.iter().find_map(|name| self.overrides.of_tcp(name));
                        because.extend(given.map(|place| {
                            Because::line(
                                place,
                                "its application is given without a look at its data",
                            )
                        }));
                        tell(&traffic, direction, effect, because);
                    }
                }
                Some((_, place)) => {
                    tell(
                        &traffic,
                        all,
                        Effect::Drop,
                        vec![Because::line(place, "the rule drops it")],
                    );
                }
                None => {
                    let because = vec![Because::line(&rule.place, "the rule has no action")];
                    tell(&traffic, all, Effect::Unknown, because);
                }
            }
        }
        for (direction, effect, because) in self.systems.between() {
            tell("all TCP that stays within the firewall", direction, effect, vec![because]);
        }
        if ends {
            return verdicts;
        }
        let names = ["intrazone-default", "interzone-default"];
        for (at, by_default, all) in [(1, false, "between zones"), (0, true, "within a zone")] {
            let (allows, because) = match &self.defaults[at] {
                Some((allows, place)) => (*allows, Because::line(place, names[at])),
                None => {
                    let does = if by_default { "allow" } else { "deny" };
                    let rule = format!("{} {does}, by default ({SOURCE})", names[at]);
                    (by_default, Because::default(rule))
                }
            };
            let traffic = "TCP that no rule names";
            if !allows {
                tell(traffic, all.to_owned(), Effect::Drop, vec![because]);
                continue;
            }
            let ways = match at {
                1 => split(all, (&[], &[]), apart, &allowed),
                _ => within(all, &[], apart, &allowed),
            };
            for (direction, (effect, mut reasons)) in ways {
                reasons.push(because.clone());
                tell(traffic, direction, effect, reasons);
            }
        }
        verdicts
    }
}

/// The zones of one end of a rule: each that stands apart, and the others together.
fn ends<'a>(zones: &[&'a str], apart: &[&'a str]) -> Vec<(String, Option<&'a str>)> {
    let any = is_any(zones);
    let mut ends: Vec<_> = apart
        .iter()
        .filter(|zone| any || zones.contains(zone))
        .map(|zone| ((*zone).to_owned(), Some(*zone)))
        .collect();
    let others: Vec<&str> = zones.iter().filter(|zone| !apart.contains(zone)).copied().collect();
    if any {
        ends.push(("any other".to_owned(), None));
    } else if !others.is_empty() {
        ends.push((others.join(", "), None));
    }
    ends
}

/// What becomes of what is allowed from some zones to others: in one piece, called `all`, where it is the same for all.
fn split(
    all: &str,
    (from, to): (&[&str], &[&str]),
    apart: &[&str],
    allowed: impl Fn(Option<&str>, Option<&str>) -> Allowed,
) -> Vec<(String, Allowed)> {
    let (from, to) = (ends(from, apart), ends(to, apart));
    let ways: Vec<(String, Allowed)> = from
        .iter()
        .flat_map(|from| to.iter().map(move |to| (from, to)))
        .map(|(from, to)| (way(&from.0, &to.0), allowed(from.1, to.1)))
        .collect();
    in_one(all, ways)
}

/// The same for what stays within a zone.
fn within(
    all: &str,
    zones: &[&str],
    apart: &[&str],
    allowed: impl Fn(Option<&str>, Option<&str>) -> Allowed,
) -> Vec<(String, Allowed)> {
    let ways = ends(zones, apart)
        .into_iter()
        .map(|(name, zone)| (format!("within zone {name}"), allowed(zone, zone)))
        .collect();
    in_one(all, ways)
}

fn in_one(all: &str, mut ways: Vec<(String, Allowed)>) -> Vec<(String, Allowed)> {
    if ways.windows(2).all(|two| two[0].1.0 == two[1].1.0) {
        ways.drain(..ways.len().saturating_sub(1));
        ways.iter_mut().for_each(|(direction, _)| all.clone_into(direction));
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigText;

    #[test]
    fn rules_and_what_none_names() {
        let check = |text: &str, expected: &[(Effect, &str, Option<u32>)]| {
            let read =
                super::super::read(ConfigText::new("p", text)).unwrap_or_else(|e| panic!("{e:?}"));
            let allowed = (Effect::Strip, vec![Because::default("strips")]);
            let verdicts = read.policy.verdicts(&[], None, |_, _| allowed.clone());
            let told: Vec<_> = verdicts
                .iter()
                .map(|v| (v.effect, &*v.direction, v.because.last().and_then(|b| b.line)))
                .collect();
            assert_eq!(told, expected, "{text}");
        };
        use Effect::{Drop, Strip};
        check("set deviceconfig system hostname fw\n", &[]);
        let rest = [(Drop, "between zones", None), (Strip, "within a zone", None)];
        let zones = "set zone a network layer3 ethernet1/1\nset vsys vsys1 zone b network layer3 [ ethernet1/2 ]\n";
        check(zones, &rest);
        let rule = "set rulebase security rules \"Web out\" from a\nset rulebase security rules \"Web out\" to [ b c ]\nset rulebase security rules \"Web out\" service service-http\nset rulebase security rules \"Web out\" action allow\n";
        check(rule, &[(Strip, "zone a to zone b, c", Some(4)), rest[0], rest[1]]);
        let denied = rule.replace("action allow", "action reset-both");
        check(&denied, &[(Drop, "zone a to zone b, c", Some(4)), rest[0], rest[1]]);
        let disabled = format!("{rule}set rulebase security rules \"Web out\" disabled yes\n");
        check(&disabled, &rest);
        let last = "set rulebase security rules Last from any\nset rulebase security rules Last to any\nset rulebase security rules Last source any\nset rulebase security rules Last action deny\n";
        check(last, &[(Drop, "zone any to zone any", Some(4))]);
        let opened = "set rulebase default-security-rules rules interzone-default action allow\n";
        check(
            &format!("{zones}{opened}"),
            &[(Strip, "between zones", Some(3)), (Strip, "within a zone", None)],
        );
        let xml = "<config version=\"9.0\"><vsys><entry name=\"vsys1\">\n<zone><entry name=\"a\"><network><layer3><member>e1</member></layer3></network></entry></zone>\n<rulebase><security><rules><entry name=\"R\">\n<from><member>a</member></from><to><member>b</member></to>\n<action>deny</action>\n</entry></rules></security></rulebase></entry></vsys></config>\n";
        check(xml, &[(Drop, "zone a to zone b", Some(5)), rest[0], rest[1]]);
    }

    /// Rules that are asked before the security rules, and rules that hold at times.
    #[test]
    fn rules_before_and_rules_at_times() {
        let told = |text: &str| -> Vec<String> {
            let audit = crate::audit::audit(ConfigText::new("p", text), None).1;
            let one = |v: &Verdict| format!("{} {}, {}", v.effect, v.traffic, v.direction);
            audit.verdicts.iter().map(one).collect()
        };
        let pbf = "set rulebase pbf rules P from zone a\nset rulebase pbf rules P action discard\n";
        let drops = "drop TCP that the policy-based forwarding rule P names, zone a to zone any";
        assert_eq!(told(pbf)[0], drops);
        assert!(!told(&pbf.replace("discard", "no-pbf"))[0].contains("rule P"));
        assert!(
            !told(&format!("{pbf}set rulebase pbf rules P disabled yes\n"))[0].contains("rule P")
        );
        let dos = "<config version=\"10.1.0\"><rulebase><dos><rules><entry name=\"D\">\n<from><zone><member>a</member></zone></from>\n<to><zone><member>b</member></zone></to>\n<action><deny/></action>\n</entry></rules></dos></rulebase></config>\n";
        assert_eq!(told(dos)[0], "drop TCP that the DoS rule D names, zone a to zone b");
        let rule = "set rulebase security rules R from a to b action allow schedule nights\n";
        assert_eq!(told(rule)[0], "unknown TCP that rule R names, zone a to zone b");
    }

    /// A zone that several lines of a rule name is told of once.
    #[test]
    fn zones_are_told_of_once() {
        let text = "set rulebase security rules R action allow from a to e\nset rulebase security rules R from b to e\nset rulebase security rules R from a to e\n";
        assert_eq!(rows_of(text).0[0], "strip all TCP, rule R, zone a, b to zone e");
    }

    /// Shared rules stand outside those of a device group; what takes all of a group leaves the other's to be asked.
    #[test]
    fn rules_are_asked_in_the_order_of_their_rulebases() {
        let order = |text: &str| -> String {
            let sets = text.split(' ').map(|rule| {
                let (of, name) = rule.split_once(':').unwrap();
                let (scope, base) = of.split_once('/').unwrap();
                let scope =
                    if scope == "shared" { scope.into() } else { format!("device-group {scope}") };
                let all = match name.strip_suffix('*') {
                    Some(_) => "from any to any".to_owned(),
                    None => format!("from a to b source {name}"),
                };
                format!("set {scope} {base}-rulebase security rules {name} {all} action deny\n")
            });
            let text: String = sets.collect();
            let audit = crate::audit::audit(ConfigText::new("p", &text), None).1;
            let names = audit.verdicts.iter().filter_map(|v| v.traffic.split("rule ").nth(1));
            names.filter_map(|n| n.chars().next()).filter(|n| *n != 'n').collect()
        };
        assert_eq!(order("g/pre:A shared/pre:B shared/post:C g/post:D"), "BADC");
        assert_eq!(order("g/pre:A* shared/post:C g/post:D"), "A");
        assert_eq!(order("g/pre:A* h/pre:B g/post:C h/post:D shared/post:E*"), "ABDE");
        assert_eq!(order("shared/pre:A* g/pre:B"), "A");
    }

    /// What is told of a text: effect, traffic and direction of each row, and the warnings.
    fn rows_of(text: &str) -> (Vec<String>, Vec<String>) {
        let audit = crate::audit::audit(ConfigText::new("p", text), None).1;
        let one = |v: &Verdict| format!("{} {}, {}", v.effect, v.traffic, v.direction);
        let warnings = audit.warnings.iter().map(|w| format!("{}: {}", w.line, w.message));
        (audit.verdicts.iter().map(one).collect(), warnings.collect())
    }

    /// A rule that one before it leaves nothing to decides nothing.
    #[test]
    fn rules_that_are_never_reached() {
        let first = "set address x fqdn x.example\nset address D fqdn d.example\nset address E fqdn e.example\nset rulebase security rules A from [ a b ] to c source any destination D application any service any action allow\n";
        let second = |settings: &str| {
            let rule = "set rulebase security rules B from a to c source x destination D application ssh service any action deny";
            format!("{first}{rule} {settings}\n")
        };
        let (rows, warnings) = rows_of(&second(""));
        assert!(!rows.iter().any(|row| row.contains("rule B")), "{rows:?}");
        assert_eq!(
            warnings,
            ["5: rule B is never reached: rule A before it takes all that it names"]
        );
        for other in ["to any", "destination E", "from z", "negate-destination yes"] {
            let (rows, warnings) = rows_of(&second(other));
            assert!(rows.iter().any(|row| row.contains("rule B")), "{other} {rows:?}");
            assert_eq!(warnings, [""; 0], "{other}");
        }
        let shared = "set shared pre-rulebase security rules A from any to any source S action allow\nset device-group D pre-rulebase security rules B from any to any source S action deny\n";
        assert!(rows_of(shared).0.iter().any(|row| row.contains("rule B")), "two of one name");
        for of_first in
            ["disabled yes", "negate-destination yes", "rule-type intrazone", "schedule S"]
        {
            let text = format!("{}set rulebase security rules A {of_first}\n", second(""));
            assert!(rows_of(&text).0.iter().any(|row| row.contains("rule B")), "{of_first}");
        }
    }

    /// Names of services are case sensitive, and the device refuses a rule of one that it does not know.
    #[test]
    fn services_that_are_not_defined() {
        let text = "set service port-8000 protocol tcp port 8000\nset rulebase security rules R from a to b service Port-8000 action allow\n";
        let (rows, warnings) = rows_of(text);
        assert_eq!(rows[0], "unknown TCP that rule R names, zone a to zone b");
        assert_eq!(
            warnings,
            [
                "2: rule R names service Port-8000, which is not defined in the text (names are case sensitive: port-8000 is)"
            ]
        );
        let right = text.replace("Port-8000", "port-8000");
        assert_eq!(rows_of(&right).0[0], "strip TCP that rule R names, zone a to zone b");
        // A piece of a configuration need not have them.
        let piece = text.split_once('\n').unwrap().1;
        assert_eq!(rows_of(piece).0[0], "strip TCP that rule R names, zone a to zone b");
        assert_eq!(rows_of(piece).1.len(), 1);
    }

    /// Rules that were cut out of an export, and a configuration that has none.
    #[test]
    fn rules_alone_and_zones_alone() {
        let text = "<rules>\n<entry name=\"R\">\n<rule-type>intrazone</rule-type>\n<from><member>a</member></from>\n<to><member>a</member></to>\n<action>allow</action>\n</entry>\n<entry name=\"Last\">\n<from><member>any</member></from>\n<to><member>any</member></to>\n<action>reset-both</action>\n</entry>\n</rules>\n";
        let rows = [
            "strip all TCP, rule R, within zone a",
            "drop all TCP, rule Last, zone any to zone any",
        ];
        assert_eq!(rows_of(text).0, rows);
        // A virtual system without rules has the defaults.
        let two = "set vsys vsys1 zone a network layer3 e1\nset vsys vsys2 zone b network layer3 e2\nset vsys vsys1 rulebase security rules R from any to any action allow\n";
        assert_eq!(rows_of(two).0[0], "strip all TCP, rule R of vsys1, zone any to zone any");
        assert_eq!(rows_of(two).0.len(), 4);
        let closed =
            "set rulebase default-security-rules rules interzone-default action deny log-end yes\n";
        let verdicts = crate::audit::audit(ConfigText::new("p", closed), None).1.verdicts;
        assert_eq!(verdicts[0].because[0].line, Some(1));
        let zone = "set zone a network layer3 ethernet1/1\n";
        let rows = [
            "drop TCP that no rule names, between zones",
            "strip TCP that no rule names, within a zone",
        ];
        assert_eq!(rows_of(zone).0, rows);
    }

    #[test]
    fn kinds_of_rules_and_of_services() {
        let told = |text: &str| {
            let audit = crate::audit::audit(ConfigText::new("p", text), None).1;
            let one = |v: &Verdict| format!("{} {}, {}", v.effect, v.traffic, v.direction);
            let warnings = audit.warnings.iter().map(|w| format!("{}: {}", w.line, w.message));
            (audit.verdicts.iter().map(one).collect::<Vec<_>>(), warnings.collect::<Vec<_>>())
        };
        let rest = [
            "drop TCP that no rule names, between zones",
            "strip TCP that no rule names, within a zone",
        ];
        let rule = |setting: &str| format!("set rulebase security rules R {setting}\n");
        let allowed =
            rule("from any") + &rule("to any") + &rule("source any") + &rule("action allow");
        assert_eq!(told(&allowed).0, ["strip all TCP, rule R, zone any to zone any"]);
        // It is not asked for what goes from zone to zone.
        let within = told(&(allowed.clone() + &rule("rule-type intrazone"))).0;
        assert_eq!(within[0], "strip all TCP, rule R, within zone any");
        assert_eq!(within[1..], rest);
        // Services of other protocols alone, also of a group.
        let udp = "set service dns protocol udp port 53\nset service ntp protocol udp port 123\nset service-group U members [ dns ntp ]\n";
        assert_eq!(told(&(allowed.clone() + &rule("service U") + udp)).0, rest);
        let web = "set service web protocol tcp port 80\nset service-group U members web\n";
        let both = told(&(allowed.clone() + &rule("service U") + udp + web)).0;
        assert_eq!(both[0], "strip TCP that rule R names, zone any to zone any");
        // Several settings of one command.
        let line = "set rulebase security rules R from [ a to ] to b source any application [ ssl service ] action allow\nset rulebase decryption rules D from a to b source any service any action decrypt type ssl-forward-proxy\n";
        let told_of = told(line);
        assert_eq!(told_of.1, [""; 0]);
        assert_eq!(
            told_of.0[..2],
            [
                "terminate TLS that rule D decrypts, zone a to zone b",
                "strip TCP that rule R names, zone a, to to zone b"
            ]
        );
        let nat = "set rulebase nat rules N source-translation dynamic-ip-and-port interface-address interface ethernet1/1\n";
        assert!(told(nat).1[0].starts_with("1: addresses are translated"), "{:?}", told(nat));
        let flood = "set network profiles zone-protection-profile Z flood tcp-syn syn-cookies activate-rate 0\n";
        assert!(
            told(flood).1[0].starts_with("1: above its rate, SYN cookies"),
            "{:?}",
            told(flood)
        );
    }
}
