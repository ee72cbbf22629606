//! What keeps a policy by protocol from dropping subflows.

use std::sync::Arc;

use sim_core::engine::device::{Remedy, Rule};
use sim_core::wording;

use super::GUIDE;

/// A class drops what it holds.
pub(super) fn keep_unknown(rule: Arc<Rule>, map: &str, class: &str) -> Arc<Rule> {
    rule.remedied(Remedy {
        advice: wording!(
            en: "a protocol is recognised from the beginning of its stream, and a subflow that joins begins in the middle: match this traffic by addresses or ports instead of match protocol, or do not drop in class {class}",
            ja: "プロトコルはストリームの先頭から識別されますが、追加されたサブフローのデータは途中から始まります。match protocol ではなくアドレスまたはポートでトラフィックを照合するか、クラス {class} でドロップしないようにします",
        ),
        lines: vec![format!("policy-map {map}"), format!(" class {class}"), "  no drop".to_owned()],
        caution: Some(wording!(
            en: "what is not recognised then passes, whatever it is",
            ja: "この場合、識別されないトラフィックはすべて通過します",
        )),
        source: GUIDE,
    })
}
