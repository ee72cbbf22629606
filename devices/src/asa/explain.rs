//! Why the default clears option 30 although there is a configuration: what is missing in it, or does
//! not match; and the same as warnings, where it can be told without a connection.

use std::cell::LazyCell;

use sim_core::engine::device::{ConfigLine, PortId, Wording};
use sim_core::wire::packet::{Flags, Flow};
use sim_core::wording;

use crate::config::words::nearest;
use crate::config::{ConfigText, Diagnostics, Line};

use super::config::{Advanced, AsaConfig, MatchOn, PolicyClass, PolicyMap};
use super::lists::AccessGroup;
use super::policy::{Mismatch, Policy, Ruling};
use super::tcp_map::{Action, TcpMap};

type Because = (Wording, Option<ConfigLine>);

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
        return without_opening(policy, ingress);
    };
    let users = uses(config, tcp_map);
    let breaks: Vec<_> =
        users.iter().map(|&(map, class)| broken(policy, flow, ingress, map, class)).collect();
    // The use that came furthest is what the author meant.
    match breaks.into_iter().max_by_key(|&(reached, _)| reached) {
        Some((_, because)) => because,
        None => undefined_map(config).unwrap_or_else(|| {
            let message = wording!(
                en: "no policy-map uses tcp-map {name} (line {line})",
                ja: "tcp-map {name}（{line} 行目）を使用する policy-map がありません",
                name = tcp_map.name,
                line = tcp_map.place.line,
            );
            (message, Some(tcp_map.place.clone()))
        }),
    }
}

/// No tcp-map allows option 30: what rules the traffic of the policies in force instead, or what would let it
/// pass if it were in force.
fn without_opening(policy: &Policy, ingress: PortId) -> Because {
    let config = &policy.config;
    let mut used = policy.policies(ingress.side()).flat_map(|(_, map)| &map.classes);
    let used = used.find_map(|class| match &class.connection.advanced {
        Some((Advanced::TcpMap(name), place)) => Some((name, place)),
        _ => None,
    });
    if let Some((name, place)) = used {
        return match config.tcp_map(name) {
            Some(map) => silent(map),
            None => undefined(config, name, place),
        };
    }
    let in_force =
        |map: &PolicyMap| policy.policies(ingress.side()).any(|(_, p)| p.name == map.name);
    let mut idle = config.policy_maps.iter().filter(|map| !in_force(map));
    // A tcp-map that the text does not hold may be one that allows it.
    let may_open = |class: &PolicyClass| match &class.connection.advanced {
        Some((Advanced::StateBypass, _)) => true,
        Some((Advanced::TcpMap(name), _)) => config.tcp_map(name).is_none(),
        None => false,
    };
    match idle.find(|map| map.classes.iter().any(may_open)) {
        Some(map) => not_in_force(config, map).1,
        None => (
            wording!(
                en: "the configuration has no tcp-map that allows option 30",
                ja: "設定に、オプション 30 を許可する tcp-map がありません",
            ),
            None,
        ),
    }
}

pub(super) fn allows_30(map: &TcpMap) -> bool {
    map.normalizer.option(30).is_some_and(|o| o.action == Action::Allow)
}

/// A tcp-map that leaves option 30 to the default.
fn silent(map: &TcpMap) -> Because {
    let message = wording!(
        en: "tcp-map {name} (line {line}) does not name option 30",
        ja: "tcp-map {name}（{line} 行目）はオプション 30 を指定していません",
        name = map.name,
        line = map.place.line,
    );
    (message, Some(map.place.clone()))
}

/// Where `advanced-options` names this tcp-map.
pub(super) fn uses<'c>(
    config: &'c AsaConfig,
    map: &TcpMap,
) -> Vec<(&'c PolicyMap, &'c PolicyClass)> {
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
            Some(undefined(config, name, place))
        }
        _ => None,
    })
}

fn undefined(config: &AsaConfig, name: &str, place: &ConfigLine) -> Because {
    let hint = alike(name, "tcp-map", config.tcp_maps.iter().map(|m| (&*m.name, &m.place)));
    let message = wording!(
        en: "advanced-options names tcp-map {name}, which is not defined",
        ja: "advanced-options が指定する tcp-map {name} は定義されていません",
    );
    (message.then(&hint), Some(place.clone()))
}

/// ` (a tcp-map x is, line 1)`, when there is a name that may have been meant.
fn alike<'a>(
    name: &str,
    what: &str,
    defined: impl Iterator<Item = (&'a str, &'a ConfigLine)> + Clone,
) -> Wording {
    let Some(meant) = nearest(name, defined.clone().map(|(name, _)| name)) else {
        return Wording::default();
    };
    let line = defined.into_iter().find(|(name, _)| *name == meant).map_or(0, |(_, p)| p.line);
    wording!(
        en: " (a {what} {meant} is, line {line})",
        ja: "（{line} 行目に {what} {meant} があります）",
    )
}

/// A class's connection settings rule, and do not let option 30 through.
fn ruled(config: &AsaConfig, map: &PolicyMap, class: &PolicyClass) -> Because {
    match &class.connection.advanced {
        Some((Advanced::TcpMap(name), place)) => match config.tcp_map(name) {
            Some(tcp_map) => silent(tcp_map),
            None => undefined(config, name, place),
        },
        _ => {
            let message = wording!(
                en: "class {class} (line {line}) of policy-map {map} is the first with connection settings that matches, and it names no tcp-map",
                ja: "policy-map {map} で接続の設定を持ち最初に一致する class {class}（{line} 行目）に、tcp-map の指定がありません",
                class = class.name,
                line = class.place.line,
                map = map.name,
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
    let in_force = policy.policies(ingress.side()).any(|(_, p)| p.name == map.name);
    if !in_force {
        return not_in_force(&policy.config, map);
    }
    match policy.class_matches(class, flow) {
        Err(mismatch) => (2, mismatched(policy, flow, map, class, mismatch)),
        Ok(()) => {
            let message = wording!(
                en: "class {name} (line {line}) matches",
                ja: "class {name}（{line} 行目）は一致します",
                name = class.name,
                line = class.place.line,
            );
            (3, (message, Some(class.place.clone())))
        }
    }
}

/// The policy-map is activated nowhere, or not where the connection passes.
fn not_in_force(config: &AsaConfig, map: &PolicyMap) -> (u8, Because) {
    if let Some(service) = config.services.iter().find(|s| s.policy == map.name) {
        let message = wording!(
            en: "service-policy {name} (line {line}) stands on interface {interface}, which this connection does not cross",
            ja: "service-policy {name}（{line} 行目）はインターフェイス {interface} に適用されていますが、この接続はそこを通過しません",
            name = map.name,
            line = service.place.line,
            interface = service.interface.as_deref().unwrap_or("global"),
        );
        return (1, (message, Some(service.place.clone())));
    }
    let message = wording!(
        en: "no service-policy activates policy-map {name} (line {line})",
        ja: "policy-map {name}（{line} 行目）をアクティブ化する service-policy がありません",
        name = map.name,
        line = map.place.line,
    );
    match config.services.iter().find(|s| config.policy_map(&s.policy).is_none()) {
        None => (0, (message, Some(map.place.clone()))),
        Some(service) => {
            let hint = wording!(
                en: "; service-policy names {name}, which is not defined (line {line})",
                ja: "。service-policy が指定する {name} は定義されていません（{line} 行目）",
                name = service.policy,
                line = service.place.line,
            );
            (0, (message.then(&hint), Some(service.place.clone())))
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
            let message = wording!(
                en: "policy-map {policy} uses class {class} (line {line}), which is not defined",
                ja: "policy-map {policy} が使用する class {class}（{line} 行目）は定義されていません",
                policy = policy_map.name,
                class = class.name,
                line = class.place.line,
            );
            return (message.then(&hint), Some(class.place.clone()));
        }
        Mismatch::Empty(map) => {
            let message = wording!(
                en: "class-map {name} (line {line}) has no match line",
                ja: "class-map {name}（{line} 行目）に match 行がありません",
                name = map.name,
                line = map.place.line,
            );
            return (message, Some(map.place.clone()));
        }
        Mismatch::Match(map, found) => (map, &map.matches[found]),
    };
    let message = wording!(
        en: "class-map {name} (line {line}) does not match this connection: {criterion}, ",
        ja: "class-map {name}（{line} 行目）はこの接続に一致しません: {criterion}、",
        name = map.name,
        line = map.place.line,
        criterion = found.place.text,
    );
    (message.then(&why_not(config, flow, &found.on)), Some(found.place.clone()))
}

/// Why a match line does not hold for a connection.
fn why_not(config: &AsaConfig, flow: Flow, on: &MatchOn) -> Wording {
    match on {
        MatchOn::TcpPort(_) => wording!(
            en: "destination port is {port}",
            ja: "宛先ポートは {port} です",
            port = flow.dst.port(),
        ),
        MatchOn::AccessList(name) => match config.access_list(name) {
            None => {
                let missing = wording!(en: "there is no such access list", ja: "その access-list はありません");
                let defined = config.list_names();
                match nearest(name, defined) {
                    Some(meant) => missing
                        .then(&wording!(en: " (there is {meant})", ja: "（{meant} はあります）")),
                    None => missing,
                }
            }
            Some(list) => match list.matching(flow, Flags::SYN) {
                Some(entry) => wording!(
                    en: "`{text}` (line {line}) excludes it",
                    ja: "`{text}`（{line} 行目）が除外しています",
                    text = entry.place.text,
                    line = entry.place.line,
                ),
                None => wording!(
                    en: "none of its lines names {flow}",
                    ja: "{flow} に一致する行がありません",
                ),
            },
        },
        MatchOn::DefaultInspection => wording!(
            en: "that selects traffic for inspect only",
            ja: "これは inspect の対象だけを選択します",
        ),
        MatchOn::Any | MatchOn::Nothing => wording!(
            en: "that selects no TCP connection",
            ja: "これは TCP 接続を選択しません",
        ),
    }
}

/// What a policy-map that is not in force would let through if it were.
fn would_pass(config: &AsaConfig, policy: &PolicyMap) -> String {
    let opens = |class: &PolicyClass| match &class.connection.advanced {
        Some((Advanced::StateBypass, _)) => Some("tcp-state-bypass".to_owned()),
        Some((Advanced::TcpMap(name), _)) => {
            config.tcp_map(name).is_some_and(allows_30).then(|| format!("tcp-map {name}"))
        }
        None => None,
    };
    let Some((class, by)) = policy.classes.iter().find_map(|c| Some((c, opens(c)?))) else {
        return String::new();
    };
    let criterion = config.class_map(&class.name).and_then(|map| map.matches.first());
    let criterion = match criterion {
        Some(criterion) => format!(" ({})", criterion.place.text),
        None if class.name == "class-default" => String::new(),
        None => return String::new(),
    };
    format!(": with one, {by} would let option 30 of class {}{criterion} pass", class.name)
}

/// What in a configuration is not in effect, told without a connection. `interfaces` are those that
/// the device stands between, where that is known; `snort`: of an FTD, whose tcp-map need not be in the text.
pub(super) fn warn(
    config: &AsaConfig,
    interfaces: Option<&[String; 2]>,
    snort: bool,
    text: ConfigText<'_>,
    found: &mut Diagnostics,
) {
    let all = LazyCell::new(|| text.lines());
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
        let mut named =
            config.interfaces.iter().filter_map(|i| Some(i.name.as_ref()?.0.as_str())).peekable();
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
    for AccessGroup { place, interface, .. } in
        config.access_groups.iter().chain(&config.refused_groups)
    {
        let mut named =
            config.interfaces.iter().filter_map(|i| Some(i.name.as_ref()?.0.as_str())).peekable();
        if let Some(interface) = interface
            && named.peek().is_some()
            && !named.clone().any(|name| name == interface)
        {
            let message = format!("no interface has the name {interface}");
            warn(place, interface, message, meant(interface, named.collect()));
        }
    }
    for AccessGroup { list, place, .. } in &config.refused_groups {
        let help = meant(list, config.list_names().collect());
        let message = format!("access-list {list} is not defined: this access group is refused");
        warn(place, list, message, help);
    }
    for policy in &config.policy_maps {
        let sets = policy.classes.iter().any(|c| c.connection.place.is_some());
        if sets && !config.services.iter().any(|s| s.policy == policy.name) {
            let message = format!(
                "no service-policy activates policy-map {}{}",
                policy.name,
                would_pass(config, policy)
            );
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
                && !snort
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
                && config.access_list(name).is_none()
            {
                let help = meant(name, config.list_names().collect());
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
