//! What keeps a sensor's normaliser engine off option 30.

use std::sync::Arc;

use sim_core::engine::device::{Remedy, Rule};
use sim_core::wording;

use super::grammar::SignatureConfig;
use crate::audit::platform::SEED;

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
