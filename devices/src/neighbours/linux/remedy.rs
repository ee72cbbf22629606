//! What lets option 30 through a Linux router whose rules take it away.

use sim_core::engine::device::Remedy;
use sim_core::wire::options::kind;
use sim_core::wording;

use super::MAN;
use super::iptables::Table;
use super::target::Target;

/// What can be done about a rule with this target; `delete` are the commands that delete it.
pub(super) fn of(target: &Target, delete: impl Fn() -> Vec<String>) -> Option<Remedy> {
    match target {
        Target::Strip(kinds) if kinds.contains(&kind::MPTCP) => Some(keep(delete())),
        Target::SynProxy => Some(without_proxy(delete())),
        _ => None,
    }
}

/// The command that deletes a rule; nothing for one that was inserted by its number.
pub(super) fn delete(table: Table, words: &[&str]) -> Vec<String> {
    let Some(at) = words.iter().position(|word| matches!(*word, "-A" | "--append")) else {
        return Vec::new();
    };
    let named = words.iter().any(|word| matches!(*word, "-t" | "--table"));
    let table = if named { String::new() } else { format!("-t {} ", table.name()) };
    let start = usize::from(matches!(words.first(), Some(&"iptables" | &"ip6tables")));
    let before = words[start..at].iter().map(|word| format!("{word} ")).collect::<String>();
    vec![format!("iptables {table}{before}-D {}", words[at + 1..].join(" "))]
}

/// It names option 30.
fn keep(lines: Vec<String>) -> Remedy {
    Remedy {
        advice: wording!(
            en: "take option 30 out of this rule, or delete it",
            ja: "このルールからオプション 30 を外すか、ルールを削除します",
        ),
        lines,
        caution: Some(wording!(
            en: "where an inspection behind it must see whole streams, the rule is what keeps connections on one path",
            ja: "後段のインスペクションがすべてのデータを検査する必要がある場合、このルールによって接続は 1 つのパスに保たれています",
        )),
        source: MAN,
    }
}

/// SYNPROXY answers SYNs itself, and knows no option 30.
fn without_proxy(lines: Vec<String>) -> Remedy {
    Remedy {
        advice: wording!(
            en: "SYNPROXY answers the SYN in the server's place and knows no MPTCP: leave the servers that speak MPTCP out of this rule, and let SYN cookies of their own protect them (net.ipv4.tcp_syncookies)",
            ja: "SYNPROXY はサーバの代わりに SYN に応答し、MPTCP をサポートしていません。MPTCP を使用するサーバをこのルールの対象から外し、サーバ自身の SYN Cookie（net.ipv4.tcp_syncookies）で保護します",
        ),
        lines,
        caution: Some(wording!(
            en: "without the proxy, floods of SYNs reach the servers",
            ja: "プロキシがない場合、SYN フラッドがサーバに到達します",
        )),
        source: MAN,
    }
}
