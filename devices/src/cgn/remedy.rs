//! What can be done where a carrier's translation stops a subflow.

use std::sync::Arc;

use sim_core::engine::device::{Remedy, Rule};
use sim_core::wording;

use super::GUIDE;

/// A subscriber has used up its ports.
pub(super) fn more_ports(rule: Arc<Rule>, most: u32) -> Arc<Rule> {
    rule.remedied(Remedy {
        advice: wording!(
            en: "raise the port limit of a subscriber: each subflow takes a port of its own",
            ja: "加入者あたりのポート制限値を上げます。各サブフローは個別のポートを使用します",
        ),
        lines: vec![format!("portlimit {}", most.saturating_mul(2).min(65_535))],
        caution: None,
        source: GUIDE,
    })
}

/// Nothing leads to a host behind the translation.
pub(super) fn from_inside(rule: Arc<Rule>) -> Arc<Rule> {
    rule.remedied(Remedy {
        advice: wording!(
            en: "let the host behind the CGN open the subflows: an address that it announces with ADD_ADDR is one of its own network, and no mapping leads to it",
            ja: "CGN の内側のホストからサブフローを開始します。ADD_ADDR でアドバタイズされるアドレスは内側のネットワークのものであり、対応するマッピングはありません",
        ),
        lines: Vec::new(),
        caution: None,
        source: GUIDE,
    })
}
