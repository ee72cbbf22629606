//! What lets a connection cross from one zone to another: the lines that the configuration lacks.

use std::sync::Arc;

use sim_core::engine::device::{Remedy, Rule};
use sim_core::wording;

use super::GUIDE;
use super::zones::{Pair, Policy, PolicyClass};

/// Names that are used where the configuration has none.
const CLASS: &str = "TCP-ALL";
const POLICY: &str = "INSPECT-TCP";

/// No class of the policy matches.
pub(super) fn inspect(rule: Arc<Rule>, policy: &Policy) -> Arc<Rule> {
    let mut lines = class();
    lines.push(format!("policy-map type inspect {}", policy.name));
    lines.extend(action());
    remedied(rule, lines)
}

/// The class that matches says nothing.
pub(super) fn act(rule: Arc<Rule>, policy: &Policy, class: &PolicyClass) -> Arc<Rule> {
    let lines = vec![
        format!("policy-map type inspect {}", policy.name),
        format!(" class type inspect {}", class.name),
        "  inspect".to_owned(),
    ];
    remedied(rule, lines)
}

/// The zone-pair has no policy, or there is none.
pub(super) fn pair(rule: Arc<Rule>, pair: Option<&Pair>, from: &str, to: &str) -> Arc<Rule> {
    let mut lines = class();
    lines.push(format!("policy-map type inspect {POLICY}"));
    lines.extend(action());
    let name = pair.map_or_else(|| format!("{from}-{to}"), |pair| pair.name.clone());
    lines.push(format!("zone-pair security {name} source {from} destination {to}"));
    lines.push(format!(" service-policy type inspect {POLICY}"));
    remedied(rule, lines)
}

fn class() -> Vec<String> {
    vec![format!("class-map type inspect match-any {CLASS}"), " match protocol tcp".to_owned()]
}

fn action() -> [String; 2] {
    [format!(" class type inspect {CLASS}"), "  inspect".to_owned()]
}

fn remedied(rule: Arc<Rule>, lines: Vec<String>) -> Arc<Rule> {
    rule.remedied(Remedy {
        advice: wording!(
            en: "inspect TCP in this direction: the zone-based firewall then lets a subflow and its answers through, with their options",
            ja: "この方向の TCP をインスペクション対象にします。ゾーンベース ファイアウォールはサブフローとその応答を、TCP オプションを削除せずに許可します",
        ),
        lines,
        caution: Some(wording!(
            en: "this lets all TCP be opened in this direction; a class-map with an access list narrows it",
            ja: "この方向のすべての TCP 接続が許可されます。アクセス リストを使用した class-map で対象を限定できます",
        )),
        source: GUIDE,
    })
}
