//! What can be done where a router's rules stop a subflow: the lines that its configuration lacks.

use std::sync::Arc;

use sim_core::engine::device::{Remedy, Rule};
use sim_core::wire::packet::Packet;
use sim_core::wording;

use super::ACL_SOURCE;

/// An access list denies the SYN of a connection.
pub(super) fn permit(rule: Arc<Rule>, list: &str, packet: &Packet) -> Arc<Rule> {
    if !packet.flags.is_initial_syn() {
        return rule;
    }
    let (family, source, destination) = match packet.src.is_ipv4() {
        true => ("ip access-list extended", packet.src, packet.dst),
        false => ("ipv6 access-list", packet.src, packet.dst),
    };
    let port = packet.dst_port;
    let entry = match packet.src.is_ipv4() {
        true => format!(" 1 permit tcp host {source} host {destination} eq {port}"),
        false => format!(" sequence 1 permit tcp host {source} host {destination} eq {port}"),
    };
    rule.remedied(Remedy {
        advice: wording!(
            en: "each subflow is a connection of its own: permit the ones that are opened towards this interface in access list {list}, or let the host behind the router open them",
            ja: "各サブフローは独立した TCP 接続です。このインターフェイスに向けて開始されるサブフローをアクセス リスト {list} で許可するか、ルータの内側のホストからサブフローを開始します",
        ),
        lines: vec![format!("{family} {list}"), entry],
        caution: Some(wording!(
            en: "this opens the port to new connections, whether they are subflows or not; an address that was announced from behind a translation (ADD_ADDR) is not reached by it",
            ja: "サブフローかどうかにかかわらず、このポートへの新しい接続が許可されます。NAT の内側からアドバタイズされたアドレス（ADD_ADDR）には、これだけでは到達できません",
        )),
        source: ACL_SOURCE,
    })
}

/// A firewall has not seen the SYN of a connection.
pub(crate) fn one_path(rule: Arc<Rule>, source: &'static str) -> Arc<Rule> {
    rule.remedied(Remedy {
        advice: wording!(
            en: "route both directions of each subflow through one firewall: it judges a connection from its SYN on",
            ja: "各サブフローの両方向が同じファイアウォールを経由するようにルーティングします。ファイアウォールは SYN から接続を判定します",
        ),
        lines: Vec::new(),
        caution: None,
        source,
    })
}

/// A limit of half-open sessions stops a connection.
pub(crate) fn more_half_open(rule: Arc<Rule>, source: &'static str) -> Arc<Rule> {
    rule.remedied(Remedy {
        advice: wording!(
            en: "raise the limit of half-open sessions: every subflow that is being opened counts as one",
            ja: "ハーフオープン セッションの制限値を上げます。確立中のサブフローはそれぞれ 1 つのセッションとして数えられます",
        ),
        lines: Vec::new(),
        caution: Some(wording!(
            en: "the limit protects the hosts behind it against floods of SYNs",
            ja: "この制限は、内側のホストを SYN フラッドから保護するためのものです",
        )),
        source,
    })
}

/// The queue for segments out of order is full.
pub(crate) fn longer_queue(rule: Arc<Rule>, lines: &[&str], source: &'static str) -> Arc<Rule> {
    rule.remedied(Remedy {
        advice: wording!(
            en: "lengthen the queue for segments that come out of order, or do not inspect above TCP there: the application's data comes in pieces on each subflow",
            ja: "順序が入れ替わったセグメントのキューを長くするか、TCP より上位のプロトコル インスペクションを行わないようにします。各サブフローにはデータ フローの一部だけが引き継がれます",
        ),
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        caution: None,
        source,
    })
}
