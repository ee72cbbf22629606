//! What keeps a sensor's normaliser engine off option 30.

use std::sync::Arc;

use sim_core::engine::device::{Remedy, Rule};
use sim_core::wording;

use super::grammar::SignatureConfig;
use crate::audit::platform::SEED;

/// Signatures read the streams of connections whose option 30 goes through.
pub(super) fn remove(rule: Arc<Rule>) -> Arc<Rule> {
    let lines = [
        "service signature-definition sig0",
        "signatures 1306 0",
        "engine normalizer",
        "event-action modify-packet-inline|produce-alert",
        "exit",
        "exit",
        "exit",
    ];
    rule.remedied(Remedy {
        advice: wording!(
            en: "a signature that is split over subflows is missed: where the traffic must be inspected, let signature 1306 0 remove option 30, so that connections fall back to plain TCP",
            ja: "複数のサブフローに分かれたシグニチャは検出されません。インスペクションが必要な場合は、シグニチャ 1306 0 による TCP オプション 30 の削除をイネーブルにして、通常の TCP 動作にフォールバックさせます",
        ),
        lines: lines.map(str::to_owned).to_vec(),
        caution: None,
        source: SEED,
    })
}

/// A signature found what it looks for.
pub(super) fn found(rule: Arc<Rule>) -> Arc<Rule> {
    let text = rule.text.clone();
    rule.remedied(Remedy {
        advice: wording!(
            en: "nothing, where it is an attack: the sensor found it and did what {text} says; where it is none, tune that signature",
            ja: "攻撃であれば対処は不要です。センサーはシグニチャを検出し、{text} のとおりに動作しました。攻撃でない場合は、このシグニチャを調整してください",
        ),
        lines: Vec::new(),
        caution: None,
        source: SEED,
    })
}

/// Signature 1306 acts on option 30.
pub(super) fn leave_alone(rule: Arc<Rule>, signature: &SignatureConfig) -> Arc<Rule> {
    let sub = signature.sub;
    let lines = [
        "service signature-definition sig0".to_owned(),
        format!("signatures 1306 {sub}"),
        "engine normalizer".to_owned(),
        "event-action produce-alert".to_owned(),
        "exit".to_owned(),
        "exit".to_owned(),
        "exit".to_owned(),
    ];
    rule.remedied(Remedy {
        advice: wording!(
            en: "let signature 1306 {sub} alert only, so that option 30 goes through",
            ja: "シグニチャ 1306 {sub} のアクションをアラートのみにして、TCP オプション 30 を通過させます",
        ),
        lines: lines.to_vec(),
        caution: Some(wording!(
            en: "where the traffic must be inspected, removing option 30 is recommended: each subflow carries only a part of the data, and a signature that is split over subflows is missed",
            ja: "インスペクションが必要な環境では、TCP オプション 30 の削除をイネーブルにすることが推奨されます。データ フローの一部だけが各サブフローに引き継がれるため、複数のサブフローに分かれたシグニチャは検出されません",
        )),
        source: SEED,
    })
}
