//! Why the default clears option 30 although there is a configuration: what is missing in it, or does
//! not match; and the same as warnings, where it can be told without a connection.

use sim_core::engine::device::{ConfigLine, PortId};
use sim_core::wire::packet::{Flags, Flow};

use crate::config::words::nearest;
use crate::config::{ConfigText, Diagnostics, Line, lines};

use super::config::{Advanced, AsaConfig, MatchOn, PolicyClass, PolicyMap};
use super::policy::{Mismatch, Policy, Ruling};
use super::tcp_map::{Action, TcpMap};

type Because = (String, Option<ConfigLine>);

fn at(place: &ConfigLine) -> String {
    format!("(line {})", place.line)
}

/// What keeps the configuration from letting option 30 of this connection through. `ruling` is the
/// class whose connection settings rule it, if one does.
pub(super) fn why_cleared(
    policy: &Policy,
    flow: Flow,
    ingress: PortId,
    ruling: Option<Ruling>,
) -> Because {
    let config = &policy.config;
    if let Some(ruling) = ruling {
        let map = &config.policy_maps[ruling.policy];
        return ruled(config, map, &map.classes[ruling.class]);
    }
    // Which tcp-map would have done it? Follow it from its definition to the traffic, and say where
    // the chain breaks.
    let opening = config.tcp_maps.iter().find(|m| allows_30(m));
    let Some(tcp_map) = opening else {
        return match (undefined_map(config), config.tcp_maps.first()) {
            (Some(because), _) => because,
            (None, None) => ("the configuration has no tcp-map that allows option 30".into(), None),
            (None, Some(map)) => {
                let message =
                    format!("tcp-map {} {} does not name option 30", map.name, at(&map.place));
                (message, Some(map.place.clone()))
            }
        };
    };
    let users = uses(config, tcp_map);
    let breaks: Vec<_> =
        users.iter().map(|&(map, class)| broken(policy, flow, ingress, map, class)).collect();
    // The use that came furthest is what the author meant.
    match breaks.into_iter().max_by_key(|&(reached, _)| reached) {
        Some((_, because)) => because,
        None => undefined_map(config).unwrap_or_else(|| {
            let message =
                format!("no policy-map uses tcp-map {} {}", tcp_map.name, at(&tcp_map.place));
            (message, Some(tcp_map.place.clone()))
        }),
    }
}

fn allows_30(map: &TcpMap) -> bool {
    map.normalizer.option(30).is_some_and(|o| o.action == Action::Allow)
}

/// Where `advanced-options` names this tcp-map.
fn uses<'c>(config: &'c AsaConfig, map: &TcpMap) -> Vec<(&'c PolicyMap, &'c PolicyClass)> {
    let used = |c: &&PolicyClass| matches!(&c.connection.advanced, Some((Advanced::TcpMap(name), _)) if *name == map.name);
    config
        .policy_maps
        .iter()
        .flat_map(|p| p.classes.iter().filter(used).map(move |c| (p, c)))
        .collect()
}

/// `advanced-options` with a name that no tcp-map has.
fn undefined_map(config: &AsaConfig) -> Option<Because> {
    config.policy_maps.iter().flat_map(|p| &p.classes).find_map(|c| match &c.connection.advanced {
        Some((Advanced::TcpMap(name), place)) if config.tcp_map(name).is_none() => {
            let hint = alike(name, "tcp-map", config.tcp_maps.iter().map(|m| (&*m.name, &m.place)));
            let message =
                format!("advanced-options names tcp-map {name}, which is not defined{hint}");
            Some((message, Some(place.clone())))
        }
        _ => None,
    })
}

/// ` (a tcp-map x is, line 1)`, when there is a name that may have been meant.
fn alike<'a>(
    name: &str,
    what: &str,
    defined: impl Iterator<Item = (&'a str, &'a ConfigLine)> + Clone,
) -> String {
    let Some(meant) = nearest(name, defined.clone().map(|(name, _)| name)) else {
        return String::new();
    };
    let line = defined.into_iter().find(|(name, _)| *name == meant).map_or(0, |(_, p)| p.line);
    format!(" (a {what} {meant} is, line {line})")
}

/// A class's connection settings rule, and do not let option 30 through.
fn ruled(config: &AsaConfig, map: &PolicyMap, class: &PolicyClass) -> Because {
    match &class.connection.advanced {
        Some((Advanced::TcpMap(name), place)) => match config.tcp_map(name) {
            Some(tcp_map) => {
                let message =
                    format!("tcp-map {name} {} does not name option 30", at(&tcp_map.place));
                (message, Some(tcp_map.place.clone()))
            }
            None => undefined_map(config).unwrap_or_else(|| {
                let message =
                    format!("advanced-options names tcp-map {name}, which is not defined");
                (message, Some(place.clone()))
            }),
        },
        _ => {
            let message = format!(
                "class {} {} of policy-map {} is the first with connection settings that matches, and it names no tcp-map",
                class.name,
                at(&class.place),
                map.name
            );
            (message, class.connection.place.clone())
        }
    }
}

/// How far along a class that uses the tcp-map comes for this connection, and what stops it there.
fn broken(
    policy: &Policy,
    flow: Flow,
    ingress: PortId,
    map: &PolicyMap,
    class: &PolicyClass,
) -> (u8, Because) {
    let config = &policy.config;
    let mut services = config.services.iter().filter(|s| s.policy == map.name);
    let in_force = policy.policies(ingress.side()).any(|(_, p)| p.name == map.name);
    if !in_force {
        if let Some(service) = services.next() {
            let interface = service.interface.as_deref().unwrap_or("global");
            let message = format!(
                "service-policy {} {} stands on interface {interface}, which this connection does not cross",
                map.name,
                at(&service.place)
            );
            return (1, (message, Some(service.place.clone())));
        }
        let missing = config.services.iter().find(|s| config.policy_map(&s.policy).is_none());
        let (hint, near) = match missing {
            Some(service) => (
                format!(
                    "; service-policy names {}, which is not defined {}",
                    service.policy,
                    at(&service.place)
                ),
                &service.place,
            ),
            None => (String::new(), &map.place),
        };
        let message =
            format!("no service-policy activates policy-map {} {}{hint}", map.name, at(&map.place));
        return (0, (message, Some(near.clone())));
    }
    match policy.class_matches(class, flow) {
        Err(mismatch) => (2, mismatched(policy, flow, map, class, mismatch)),
        Ok(()) => {
            let message = format!("class {} {} matches", class.name, at(&class.place));
            (3, (message, Some(class.place.clone())))
        }
    }
}

fn mismatched(
    policy: &Policy,
    flow: Flow,
    policy_map: &PolicyMap,
    class: &PolicyClass,
    mismatch: Mismatch<'_>,
) -> Because {
    let config = &policy.config;
    let (map, found) = match mismatch {
        Mismatch::Undefined => {
            let defined = config.class_maps.iter().map(|m| (&*m.name, &m.place));
            let hint = alike(&class.name, "class-map", defined);
            let message = format!(
                "policy-map {} uses class {} {}, which is not defined{hint}",
                policy_map.name,
                class.name,
                at(&class.place)
            );
            return (message, Some(class.place.clone()));
        }
        Mismatch::Empty(map) => {
            let message = format!("class-map {} {} has no match line", map.name, at(&map.place));
            return (message, Some(map.place.clone()));
        }
        Mismatch::Match(map, found) => (map, &map.matches[found]),
    };
    let found_out = match &found.on {
        MatchOn::TcpPort(_) => format!("destination port is {}", flow.dst.port()),
        MatchOn::AccessList(name) => match config.access_lists.get(name) {
            None => {
                let defined: Vec<_> = config.access_lists.keys().map(String::as_str).collect();
                match nearest(name, defined) {
                    Some(meant) => format!("there is no such access list (there is {meant})"),
                    None => "there is no such access list".into(),
                }
            }
            Some(list) => match list.matching(flow, Flags::SYN) {
                Some(entry) => format!("`{}` {} excludes it", entry.place.text, at(&entry.place)),
                None => format!("none of its lines names {flow}"),
            },
        },
        MatchOn::DefaultInspection => "that selects traffic for inspect only".into(),
        MatchOn::Any | MatchOn::Nothing => "that selects no TCP connection".into(),
    };
    let message = format!(
        "class-map {} {} does not match this connection: {}, {found_out}",
        map.name,
        at(&map.place),
        found.place.text
    );
    (message, Some(found.place.clone()))
}

/// What in a configuration is not in effect, told without a connection. `interfaces` are those that
/// the device stands between, where that is known.
pub(super) fn warn(
    config: &AsaConfig,
    interfaces: Option<&[String; 2]>,
    text: ConfigText<'_>,
    found: &mut Diagnostics,
) {
    let all = lines(text.text);
    let mut warn = |place: &ConfigLine, word: &str, message: String, help: String| {
        let Ok(at) = all.binary_search_by_key(&place.line, |l| l.number) else { return };
        let line: &Line<'_> = &all[at];
        let word = line.words.iter().rev().find(|w| **w == word).copied().unwrap_or("");
        let report = found.warn(line, word, message);
        if !help.is_empty() {
            report.help(help);
        }
    };
    let meant = |name: &str, of: Vec<&str>| match nearest(name, of) {
        Some(near) => format!("names are case sensitive; {near} is defined"),
        None => String::new(),
    };
    for service in &config.services {
        if config.policy_map(&service.policy).is_none() {
            let help =
                meant(&service.policy, config.policy_maps.iter().map(|p| &*p.name).collect());
            let message =
                format!("policy-map {} is not defined: nothing is activated", service.policy);
            warn(&service.place, &service.policy, message, help);
        }
        let Some(interface) = &service.interface else { continue };
        let mut named = config.interfaces.iter().filter_map(|i| i.name.as_deref()).peekable();
        match interfaces {
            Some(between) if !between.contains(interface) => {
                let message = format!("no connection crosses interface {interface}");
                let help = format!("this device stands between {} and {}", between[0], between[1]);
                warn(&service.place, interface, message, help);
            }
            None if named.peek().is_some() && !named.clone().any(|name| name == interface) => {
                let message = format!("no interface has the name {interface}");
                warn(&service.place, interface, message, meant(interface, named.collect()));
            }
            _ => {}
        }
    }
    for policy in &config.policy_maps {
        let sets = policy.classes.iter().any(|c| c.connection.place.is_some());
        if sets && !config.services.iter().any(|s| s.policy == policy.name) {
            let message = format!("no service-policy activates policy-map {}", policy.name);
            let help = format!("service-policy {} global", policy.name);
            warn(&policy.place, &policy.name, message, help);
        }
        for class in &policy.classes {
            if class.name != "class-default" && config.class_map(&class.name).is_none() {
                let help = meant(&class.name, config.class_maps.iter().map(|c| &*c.name).collect());
                let message =
                    format!("class-map {} is not defined: this class matches nothing", class.name);
                warn(&class.place, &class.name, message, help);
            }
            if let Some((Advanced::TcpMap(name), place)) = &class.connection.advanced
                && config.tcp_map(name).is_none()
            {
                let help = meant(name, config.tcp_maps.iter().map(|m| &*m.name).collect());
                let message = format!("tcp-map {name} is not defined: the defaults rule");
                warn(place, name, message, help);
            }
        }
    }
    for class in &config.class_maps {
        for criterion in &class.matches {
            if let MatchOn::AccessList(name) = &criterion.on
                && !config.access_lists.contains_key(name)
            {
                let help = meant(name, config.access_lists.keys().map(String::as_str).collect());
                let message =
                    format!("access-list {name} is not defined: this class matches nothing");
                warn(&criterion.place, name, message, help);
            }
        }
        if class.matches.is_empty() {
            let message = format!("class-map {} has no match line: it matches nothing", class.name);
            warn(&class.place, &class.name, message, String::new());
        }
    }
    for map in &config.tcp_maps {
        if uses(config, map).is_empty() {
            let message = format!("no policy-map uses tcp-map {}", map.name);
            let help = format!("set connection advanced-options {}", map.name);
            warn(&map.place, &map.name, message, help);
        }
    }
    let mut activated: Vec<(&Option<String>, &ConfigLine)> = Vec::new();
    for service in &config.services {
        match activated.iter().find(|(interface, _)| *interface == &service.interface) {
            None => activated.push((&service.interface, &service.place)),
            Some((_, first)) => {
                let message = format!("there is one already {}: this line is refused", at(first));
                warn(&service.place, &service.policy, message, String::new());
            }
        }
    }
}
