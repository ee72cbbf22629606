//! What lets option 30 through an ACE, and what keeps subflows at one real server.

use sim_core::engine::device::Remedy;
use sim_core::wire::options::kind;
use sim_core::wording;

use crate::steps::option_table::Action;

use super::SEED;
use super::config::{AceConfig, Farm, MultiClass, MultiMatch};

/// Name of a parameter-map where the configuration has none that allows option 30.
const PARAMETERS: &str = "MPTCP";

/// A connection of this class is let through with option 30.
pub(super) fn open(config: &AceConfig, map: &MultiMatch, class: &MultiClass) -> Remedy {
    let opens = |p: &&super::config::Parameters| {
        p.normalizer.options.of(kind::MPTCP).is_some_and(|o| o.action == Action::Allow)
    };
    let mut lines = Vec::new();
    let (name, is_named) = match (&class.connection, config.parameters.iter().find(opens)) {
        // The parameter-map that rules the class is what to change.
        (Some((name, _)), _) => (name.as_str(), true),
        (None, Some(open)) => (open.name.as_str(), false),
        (None, None) => (PARAMETERS, false),
    };
    if !config.parameters(name).is_some_and(|p| opens(&p)) {
        lines.push(format!("parameter-map type connection {name}"));
        lines.push("  tcp-options range 30 30 allow".to_owned());
    }
    if !is_named {
        lines.push(format!("policy-map multi-match {}", map.name));
        lines.push(format!("  class {}", class.name));
        lines.push(format!("    connection advanced-options {name}"));
    }
    Remedy {
        advice: wording!(
            en: "allow option 30 in a parameter-map for connections, with tcp-options",
            ja: "接続のパラメータ マップで、tcp-options コマンドを使用してオプション 30 を許可します",
        ),
        lines,
        caution: Some(wording!(
            en: "not always recommended: a second subflow may be balanced to another real server, and fails there",
            ja: "2 番目のサブフローが異なる実サーバに分散されて接続が失敗する場合があるため、常に推奨されるわけではありません",
        )),
        source: SEED,
    }
}

/// Balancing that reads requests ends TCP at the ACE; `readers` are the classes that read.
pub(super) fn layer4(policy: &str, readers: &[&str], encrypted: bool) -> Remedy {
    let mut lines = vec![format!("policy-map type loadbalance http first-match {policy}")];
    lines.extend(readers.iter().map(|class| format!("  no class {class}")));
    if encrypted || readers.is_empty() {
        lines.clear();
    }
    Remedy {
        advice: wording!(
            en: "the ACE reads requests here and so ends TCP itself, without MPTCP: balance this service at layer 4, where no class of the policy looks into HTTP",
            ja: "ACE はここでリクエストを読み取るため TCP を自身で終端し、MPTCP をサポートしません。このサービスをレイヤ 4 で分散します（HTTP を照合するクラスをポリシーから削除します）",
        ),
        lines,
        caution: Some(wording!(
            en: "at layer 4 option 30 must be allowed, too, and a second subflow may be balanced to another real server, where it fails",
            ja: "レイヤ 4 でもオプション 30 の許可が必要です。また、2 番目のサブフローが異なる実サーバに分散されて接続が失敗する場合があります",
        )),
        source: SEED,
    }
}

/// Subflows of one connection reach one real server of the farm.
pub(super) fn together(farm: &Farm) -> Remedy {
    let name = &farm.name;
    let others = farm.members.iter().filter(|member| member.in_service).skip(1);
    let lines = others
        .flat_map(|member| [format!("rserver host {}", member.name), "  no inservice".to_owned()]);
    let lines = lines.collect();
    Remedy {
        advice: wording!(
            en: "subflows of one connection come from different addresses, and neither a predictor nor stickiness by the client's address keeps them at one real server: leave one real server of serverfarm {name} in service, or leave option 30 cleared, so that MPTCP falls back to plain TCP",
            ja: "1 つの接続のサブフローは異なるアドレスから確立されるため、predictor でもクライアント アドレスによるスティッキでも同じ実サーバには集まりません。serverfarm {name} でサービスを提供する実サーバを 1 台にするか、オプション 30 を許可せずに通常の TCP 動作にフォールバックさせます",
        ),
        lines,
        caution: Some(wording!(
            en: "this gives up balancing for the farm; servers that announce an address of their own (MP_CAPABLE's C flag, RFC 8684 §3.1) keep it",
            ja: "この場合、serverfarm のロード バランシングは行われません。サーバが自身のアドレスをアドバタイズする方法（MP_CAPABLE の C フラグ、RFC 8684 §3.1）では維持できます",
        )),
        source: SEED,
    }
}
