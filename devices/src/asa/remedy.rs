//! What lets option 30 of a connection through: the lines that this configuration lacks.

use std::sync::Arc;

use sim_core::engine::device::{PortId, Remedy, Rule, Wording};
use sim_core::wire::packet::Flow;
use sim_core::wording;

use super::config::{Advanced, AsaConfig, MatchOn, PolicyMap};
use super::explain::{allows_30, uses};
use super::inspection::Plan;
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

/// Option 30 of a connection is let through, and its stream is read by the inspection of `plan`, or by what
/// stands behind the policy: what shows all of it to the reader. `None` where nothing reads.
pub(super) fn whole_stream(
    policy: &Policy,
    flow: Flow,
    ingress: PortId,
    plan: Option<&Plan>,
) -> Option<Remedy> {
    let reader = match plan {
        Some(plan) => plan.name(),
        None if policy.reads_all => "deep packet inspection",
        None => return None,
    };
    let advice = wording!(
        en: "{reader} reads each subflow by itself, and none carries the whole of the data: where it must see all of it, leave option 30 cleared for this traffic, so that the connection falls back to plain TCP",
        ja: "{reader} はサブフローごとにデータを読み取りますが、各サブフローにはデータ フローの一部だけが引き継がれます。すべてのデータのインスペクションが必要な場合は、このトラフィックのオプション 30 を許可せずに、通常の TCP 動作にフォールバックさせます",
    );
    let lines = policy.ruling(flow, ingress).map(|ruling| {
        let map = &policy.config.policy_maps[ruling.policy];
        let class = &map.classes[ruling.class];
        let [map, class_line] =
            [format!("policy-map {}", map.name), format!("  class {}", class.name)];
        match &class.connection.advanced {
            Some((_, place)) => vec![map, class_line, format!("    no {}", place.text)],
            None => Vec::new(),
        }
    });
    let lines = lines.unwrap_or_default();
    let caution = (!lines.is_empty()).then(|| {
        wording!(
            en: "this holds for all traffic of the class: narrow its class-map where only a part of it is inspected",
            ja: "この変更はクラスのすべてのトラフィックに適用されます。一部だけがインスペクションの対象である場合は、class-map の一致条件を限定してください",
        )
    });
    Some(Remedy { advice, lines, caution, source: SEED })
}

/// The inspection `inspect` of a class rewrites what it reads.
pub(super) fn unread(rule: Arc<Rule>, map: &str, class: &str, inspect: &str) -> Arc<Rule> {
    rule.remedied(Remedy {
        advice: wording!(
            en: "MPTCP cannot carry what {inspect} rewrites: leave option 30 cleared for this traffic, or do not inspect it",
            ja: "{inspect} が書き換えるデータは MPTCP では伝送できません。このトラフィックのオプション 30 を許可しないか、インスペクションの対象から外します",
        ),
        lines: vec![
            format!("policy-map {map}"),
            format!("  class {class}"),
            format!("    no {inspect}"),
        ],
        caution: Some(wording!(
            en: "without the inspection its checks and its rewriting are gone for every connection of the class",
            ja: "インスペクションを無効にすると、クラスのすべての接続で検査と書き換えが行われなくなります",
        )),
        source: SEED,
    })
}

/// A rule of an inspection's map found what it looks for.
pub(super) fn found(rule: Arc<Rule>) -> Arc<Rule> {
    let text = rule.text.clone();
    rule.remedied(Remedy {
        advice: wording!(
            en: "nothing, where this was an attack: the inspection did what {text} is for; where it was none, narrow what that matches, and leave option 30 cleared, so that the inspection sees whole messages",
            ja: "攻撃であれば対処は不要です。インスペクションは {text} の設定どおりに動作しました。攻撃でない場合は、一致条件を限定し、インスペクションがデータ全体を検査できるようにオプション 30 を許可しないようにします",
        ),
        lines: Vec::new(),
        caution: None,
        source: SEED,
    })
}

/// ICMP from a lower security level is dropped: hosts behind do not learn how narrow the path is.
pub(super) fn permit_unreachable(rule: Arc<Rule>, interface: &str) -> Arc<Rule> {
    rule.remedied(Remedy {
        advice: wording!(
            en: "permit ICMP unreachable messages on {interface}: hosts learn from them how long a packet may be, and without them a subflow whose path has become narrower stalls",
            ja: "{interface} で ICMP unreachable メッセージを許可します。ホストはこのメッセージからパスの MTU を知ります。届かない場合、MTU が小さくなったパスのサブフローは停止します",
        ),
        lines: vec![
            "access-list my-icmp extended permit icmp any any unreachable".into(),
            format!("access-group my-icmp in interface {interface}"),
        ],
        caution: Some(wording!(
            en: "connections that are opened from there need entries in this access list, too",
            ja: "このインターフェイスから開始される接続も、このアクセス リストで許可する必要があります",
        )),
        source: "Cisco 15246, ICMP through PIX and ASA",
    })
}

/// A class's connection settings rule the connection, and say nothing about option 30.
fn of_ruling(config: &AsaConfig, ruling: Ruling) -> Remedy {
    let map = &config.policy_maps[ruling.policy];
    let class = &map.classes[ruling.class];
    if let Some((Advanced::TcpMap(name), _)) = &class.connection.advanced {
        return of_map(name, None);
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

/// A tcp-map does not let option 30 through, by the line `instead` of it where it has one.
pub(super) fn of_map(name: &str, instead: Option<&str>) -> Remedy {
    let advice = wording!(
        en: "allow option 30 in tcp-map {name}, which rules this connection",
        ja: "この接続に適用されている tcp-map {name} でオプション 30 を許可します",
    );
    let mut lines = tcp_map(name);
    if let Some(instead) = instead {
        lines.insert(1, format!("  no {instead}"));
    }
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
