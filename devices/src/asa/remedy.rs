//! What lets option 30 of a connection through: the lines that this configuration lacks.

use sim_core::engine::device::{PortId, Remedy, Wording};
use sim_core::wire::packet::Flow;
use sim_core::wording;

use super::config::{Advanced, AsaConfig, MatchOn, PolicyMap};
use super::explain::{allows_30, uses};
use super::policy::{Policy, Ruling};
use super::tcp_map::SEED;

/// Names that are used where the configuration has none, as in the document behind [`SEED`].
const TCP_MAP: &str = "my-mptcp";
const CLASS_MAP: &str = "my-tcpnorm";
const POLICY_MAP: &str = "my-policy-map";

/// Where inspection is needed, the vendor advises against all of it (Cisco 116519).
pub(super) fn caution() -> Wording {
    wording!(
        en: "not for traffic that must be inspected: Cisco recommends not to apply the tcp-map there, since each subflow carries only a part of the data and an inspection engine may miss it or break the service",
        ja: "インスペクションが必要なトラフィックには、この TCP マップを適用しないことが推奨されます。データ フローの一部だけが各サブフローに引き継がれるため、インライン パケット分析が機能しない、またはサービスが中断される可能性があります",
    )
}

/// The remedy of a device without configuration.
pub(super) fn whole() -> Remedy {
    let class = ClassUse { name: CLASS_MAP.into(), is_new: true };
    let mut lines = tcp_map(TCP_MAP);
    lines.extend(class_map(&class));
    lines.extend(policy_map(POLICY_MAP, &class.name, TCP_MAP));
    lines.push(format!("service-policy {POLICY_MAP} global"));
    remedy(everything(), lines)
}

/// The remedy for a connection whose option 30 the default clears; `ruling` is the class whose connection
/// settings rule it, if one does.
pub(super) fn remedy_for(
    policy: &Policy,
    flow: Flow,
    ingress: PortId,
    ruling: Option<Ruling>,
) -> Remedy {
    let config = &policy.config;
    if let Some(ruling) = ruling {
        return of_ruling(config, ruling);
    }
    let opening = config.tcp_maps.iter().find(|map| allows_30(map));
    let is_global = |name: Option<&str>| {
        config.services.iter().any(|s| s.interface.is_none() && name.is_none_or(|n| s.policy == n))
    };
    // A policy-map that would do it, if only it were activated.
    let ready = opening.and_then(|map| {
        let matching = |class| policy.class_matches(class, flow).is_ok();
        uses(config, map).into_iter().find(|(_, class)| matching(class)).map(|(map, _)| map)
    });
    if let Some(ready) = ready.filter(|_| !is_global(None)) {
        let name = &ready.name;
        let advice = wording!(
            en: "activate policy-map {name}, which lets option 30 through",
            ja: "オプション 30 を許可する policy-map {name} をアクティブ化します",
        );
        return remedy(advice, vec![format!("service-policy {name} global")]);
    }
    let map = opening.map_or(TCP_MAP, |map| &map.name);
    let mut lines = if opening.is_some() { Vec::new() } else { tcp_map(TCP_MAP) };
    let class = class_for_all(config);
    lines.extend(class_map(&class));
    let in_force = policy.policies(ingress.side()).last().map(|(_, map)| map);
    let name = match in_force {
        Some(in_force) => in_force.name.clone(),
        None => fresh(POLICY_MAP, config.policy_maps.iter().map(|map: &PolicyMap| &*map.name)),
    };
    lines.extend(policy_map(&name, &class.name, map));
    if in_force.is_none() {
        lines.push(format!("service-policy {name} global"));
    }
    remedy(everything(), lines)
}

/// A class's connection settings rule the connection, and say nothing about option 30.
fn of_ruling(config: &AsaConfig, ruling: Ruling) -> Remedy {
    let map = &config.policy_maps[ruling.policy];
    let class = &map.classes[ruling.class];
    if let Some((Advanced::TcpMap(name), _)) = &class.connection.advanced {
        let advice = wording!(
            en: "allow option 30 in tcp-map {name}, which rules this connection",
            ja: "この接続に適用されている tcp-map {name} でオプション 30 を許可します",
        );
        return remedy(advice, tcp_map(name));
    }
    let opening = config.tcp_maps.iter().find(|map| allows_30(map));
    let mut lines = if opening.is_some() { Vec::new() } else { tcp_map(TCP_MAP) };
    let tcp_map = opening.map_or(TCP_MAP, |map| &map.name);
    lines.extend(policy_map(&map.name, &class.name, tcp_map));
    let advice = wording!(
        en: "apply a tcp-map that allows option 30 in class {class} of policy-map {map}",
        ja: "policy-map {map} の class {class} に、オプション 30 を許可する tcp-map を適用します",
        class = class.name,
        map = map.name,
    );
    remedy(advice, lines)
}

fn everything() -> Wording {
    wording!(
        en: "allow option 30 in a tcp-map and activate it for this traffic",
        ja: "オプション 30 を許可する tcp-map を定義し、このトラフィックに対してアクティブ化します",
    )
}

fn remedy(advice: Wording, lines: Vec<String>) -> Remedy {
    Remedy { advice, lines, caution: Some(caution()), source: SEED }
}

/// A class-map for all traffic.
struct ClassUse {
    name: String,
    is_new: bool,
}

/// The class-map that matches everything, or one to be made.
fn class_for_all(config: &AsaConfig) -> ClassUse {
    let any = |on: &MatchOn| matches!(on, MatchOn::Any);
    let known = config
        .class_maps
        .iter()
        .find(|c| !c.matches.is_empty() && c.matches.iter().all(|criterion| any(&criterion.on)));
    match known {
        Some(known) => ClassUse { name: known.name.clone(), is_new: false },
        None => {
            let name = fresh(CLASS_MAP, config.class_maps.iter().map(|c| &*c.name));
            ClassUse { name, is_new: true }
        }
    }
}

/// `name`, or with a number where that is taken.
fn fresh<'a>(name: &str, taken: impl Iterator<Item = &'a str> + Clone) -> String {
    let is_free = |name: &str| taken.clone().all(|known| known != name);
    let numbered = (2..).map(|k| format!("{name}-{k}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| is_free(name)).unwrap_or_default()
}

fn tcp_map(name: &str) -> Vec<String> {
    vec![format!("tcp-map {name}"), "  tcp-options range 30 30 allow".into()]
}

fn class_map(class: &ClassUse) -> Vec<String> {
    if !class.is_new {
        return Vec::new();
    }
    vec![format!("class-map {}", class.name), "  match any".into()]
}

fn policy_map(name: &str, class: &str, tcp_map: &str) -> Vec<String> {
    vec![
        format!("policy-map {name}"),
        format!("  class {class}"),
        format!("    set connection advanced-options {tcp_map}"),
    ]
}
