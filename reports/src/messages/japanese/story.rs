//! The story of a connection in Japanese: its steps and what can be done.

use sim_core::engine::device::Origin;
use sim_core::record::outcome::Trouble;
use sim_core::record::story::{Fact, Offer};

use super::{act, after_kana, did, end, fell_back, packet, product, reset, reset_reason, trouble};
use crate::explain::{Advice, Step, What};
use crate::figures::{count, instant, size};

/// A step as a sentence.
pub(super) fn step(step: &Step<'_>) -> String {
    let what = match &step.what {
        What::Fact { end, host, fact, subflow } => {
            let name = super::host(*end, host);
            format!("{name}は{}", after_kana(&self::fact(fact, *subflow)))
        }
        What::Act { host, act, packet: Some(named) } => {
            format!("ホスト「{host}」は{}を受信し、{}", packet(named), self::act(*act))
        }
        What::Act { host, act, packet: None } => {
            format!("ホスト「{host}」は{}", after_kana(&self::act(*act)))
        }
        What::Change { device, change, packet: named } => {
            let named = named.as_ref().map_or("パケット".into(), packet);
            let what = did(&change.change, &named);
            format!("{}「{}」は{}", product(device.model), device.name, after_kana(&what))
        }
        What::Event(label) => format!("シナリオのイベント: {label}"),
    };
    let times = match step.times {
        1 => String::new(),
        n => format!("（{} 回、{} まで）", count(n.into()), instant(step.until)),
    };
    format!("{what}{times}。")
}

fn fact(fact: &Fact, subflow: Option<(usize, &str)>) -> String {
    let on = |offer: Offer| {
        let with = with(offer);
        match subflow {
            Some((_, path)) => format!("パス {path} で{}", after_kana(&with)),
            None => with,
        }
    };
    let which = match subflow {
        Some((0, _)) => "最初のサブフロー".to_owned(),
        Some((_, path)) => format!("パス {path} のサブフロー"),
        None => "サブフロー".to_owned(),
    };
    match fact {
        Fact::SynSent { offer, attempt: 0 } => {
            format!("{} SYN パケットを送信しました", on(*offer))
        }
        Fact::SynSent { offer, attempt } => {
            format!("{} SYN パケットを再送しました（{attempt} 回目）", on(*offer))
        }
        Fact::SynReceived { offer } => {
            format!("{} SYN パケットを受信しました", on(*offer))
        }
        Fact::SynAckSent { offer } => {
            format!("{} SYN/ACK パケットで応答しました", on(*offer))
        }
        Fact::SynAckReceived { offer } => {
            format!("{} SYN/ACK パケットを受信しました", on(*offer))
        }
        Fact::SubflowEstablished => match subflow {
            Some((0, path)) => format!("最初のサブフローをパス {path} で確立しました"),
            _ => format!("{which}を確立しました"),
        },
        Fact::FullyEstablished => {
            "両端が MPTCP をサポートしていることを確認しました（双方のキーを確認済み）".into()
        }
        Fact::FellBack(reason) => fell_back(*reason).into(),
        Fact::SpeaksPlainTcp => "MPTCP をサポートしていません".into(),
        Fact::AddressLearnt { address, id } => {
            format!("ADD_ADDR により相手のアドレス {address}（ID {id}）を学習しました")
        }
        Fact::AddressAnnounced { address, id } => {
            format!("ADD_ADDR で自身のアドレス {address}（ID {id}）をアドバタイズしました")
        }
        Fact::AddressRemoved { id } => {
            format!("相手のアドレス ID {id} が取り消されたことを通知されました")
        }
        Fact::TimedOut => format!("{which}で応答がないため、使用を中止しました"),
        Fact::ResetSent { why, reason } => {
            let reason = reason.map(|r| format!("（MP_TCPRST: {}）", reset_reason(r)));
            format!("{which}をリセットしました: {}{}", reset(*why), reason.unwrap_or_default())
        }
        Fact::ResetReceived { reason: Some(reason) } => {
            format!("{which}でリセットを受信しました（MP_TCPRST: {}）", reset_reason(*reason))
        }
        Fact::ResetReceived { reason: None } => format!("{which}でリセットを受信しました"),
        Fact::NoPort => format!(
            "{which}に使用できる空きローカルポートがありませんでした（すべて使用中または TIME-WAIT）"
        ),
        Fact::Unreachable => {
            format!("{which}で、相手に到達できないことをルータから通知され（ICMP）、中止しました")
        }
        Fact::PathMtuLowered { mtu, told: true } => format!(
            "パス MTU が {mtu} バイトであることをルータから通知され（ICMP）、{which}で送信するパケットを短くしました"
        ),
        Fact::PathMtuLowered { mtu, told: false } => format!(
            "長いパケットが通知なく破棄されるパスと判断し、{which}で送信するパケットを {mtu} バイト以下にしました"
        ),
        Fact::RetransmissionTimeout { .. } => {
            format!("{which}で再送タイムアウトが発生し、再送しました")
        }
        Fact::Reinjected { bytes } => {
            format!("{which}で送信した {} を別のサブフローで再送しました", size(*bytes))
        }
        Fact::SubflowLeft => format!("アドレスの一つが取り消されたため、{which}を閉じました"),
        Fact::SubflowStale => format!("{which}を、応答が戻るまで使用できないものと判断しました"),
        Fact::SubflowRecovered => format!("{which}の使用を再開しました"),
        Fact::ChecksumFailed { dsn } => {
            format!("DSS チェックサムとデータの不一致を検出しました（データ シーケンス番号 {dsn}）")
        }
        Fact::FailSent => format!("{which}で MP_FAIL を送信しました"),
        Fact::FailReceived => format!("{which}で MP_FAIL を受信しました"),
        Fact::InfiniteMappingSent => {
            "無限マッピングを送信しました。以降は通常の TCP 動作になります".into()
        }
        Fact::InfiniteMappingReceived => {
            "無限マッピングを受信しました。以降は通常の TCP 動作になります".into()
        }
        Fact::FastClose { sent: true } => "MP_FASTCLOSE を送信しました".into(),
        Fact::FastClose { sent: false } => "MP_FASTCLOSE を受信しました".into(),
        Fact::PriorityChanged { backup: true } => {
            format!("{which}をバックアップとして使用するよう要求されました")
        }
        Fact::PriorityChanged { backup: false } => {
            format!("{which}を通常のサブフローとして使用するよう要求されました")
        }
        Fact::WrongByte { offset } => format!(
            "相手が書き込んだものと異なるデータをアプリケーションに配信しました（{} バイト目）",
            count(*offset)
        ),
        Fact::FinSent => {
            "すべてのデータを書き込み、終了を通知しました（DATA_FIN または FIN）".into()
        }
        Fact::FinReceived => "相手がすべてのデータを書き込んだことを通知されました".into(),
        Fact::Closed => "接続を終了しました。すべてのデータが確認応答されています".into(),
        Fact::Aborted => "接続を中止しました".into(),
    }
}

/// What a packet carries, to stand before its name.
fn with(offer: Offer) -> String {
    match offer {
        Offer::Nothing => "TCP オプション 30 のない".into(),
        Offer::Capable { version } => format!("MP_CAPABLE（バージョン {version}）を含む"),
        Offer::Join => "MP_JOIN を含む".into(),
    }
}

/// Advice as a sentence or two.
pub(super) fn advice(advice: &Advice<'_>) -> String {
    match advice {
        Advice::Device { device, model, remedy } => {
            format!("{}「{device}」: {}。", product(model), remedy.advice.japanese)
        }
        Advice::Rule { device, model, rule } => match &rule.origin {
            Origin::Config(line) => format!(
                "{}「{device}」は設定に従って動作しています。{}:{} の「{}」を変更してください。",
                product(model),
                line.file,
                line.line,
                line.text
            ),
            Origin::Default { .. } | Origin::Scenario => format!(
                "{}「{device}」はデフォルトで「{}」に従って動作しています（{}）。これを変更する設定は確認されていません。",
                product(model),
                rule.text,
                rule.source
            ),
        },
        Advice::Scenario { device, rule } => format!(
            "「{device}」はシナリオの指定どおりに動作しています（{}）。シナリオ ファイルのルールを変更してください。",
            rule.text
        ),
        Advice::EnableMptcp { end, host } => format!(
            "{}「{host}」で MPTCP を有効にします。Linux では sysctl net.mptcp.enabled=1 と IPPROTO_MPTCP のソケット、シナリオでは TcpOnly 以外の profile を使用します。",
            self::end(*end)
        ),
        Advice::SameVersion => "両端の MPTCP のバージョンを揃えます。バージョン 0（RFC 6824）とバージョン 1（RFC 8684）は相互に接続できません。".into(),
        Advice::Network(Trouble::Event(label)) => format!(
            "原因はデバイスではなくネットワークにあります（{label}）。別のパスが動作していてサブフローがあれば、MPTCP は通信を継続できます。"
        ),
        Advice::Network(trouble) => format!(
            "これを説明できるデバイスの変更はありません: {}。リンクの損失、MTU、ルートを確認してください。",
            self::trouble(trouble)
        ),
        Advice::Nothing => "対処は必要ありません。MPTCP は機能しています。".into(),
        Advice::Unknown => "何が妨げとなったかは、これ以上特定できません。".into(),
    }
}

/// "… データ セグメント 312 個（436 kB）、ACK 160 個 …".
pub(super) fn folded(data: u64, acks: u64, bytes: u64) -> String {
    let data =
        (data > 0).then(|| format!("データ セグメント {} 個（{}）", count(data), size(bytes)));
    let acks = (acks > 0).then(|| format!("ACK {} 個", count(acks)));
    format!("… {} …", data.into_iter().chain(acks).collect::<Vec<_>>().join("、"))
}
