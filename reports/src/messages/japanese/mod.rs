//! The Japanese catalogue, in the terms of Cisco's Japanese documents.

mod story;

use sim_core::engine::device::{Change, Rule, Wording};
use sim_core::record::ConnectionRecord;
use sim_core::record::outcome::{
    Act, Blame, Cause, CauseLink, Failure, PacketKind, PacketName, Trouble, Verdict,
};
use sim_core::record::story::{End, FallbackReason, ResetCause};
use sim_core::wire::mptcp::{ResetReason, Subtype};

use super::{Label, Marks, Message, located, place_of, product, tells_packet};
use crate::figures::{instant, printable};
use crate::subflows_established;

/// Words for a message.
pub(super) fn say(message: &Message<'_>) -> String {
    printable(&match message {
        Message::Cause(cause) => self::cause(cause),
        Message::Why(cause) => format!("原因: {}。", self::cause(cause)),
        Message::Verdict(connection) => verdict(connection),
        Message::Step(step) => story::step(step),
        Message::Because(rule, because) => placed(rule, because),
        Message::Advice(advice) => story::advice(advice),
        Message::Change { device, change } => {
            let what = did(&change.change, "パケット");
            let rule = place_of(&change.rule, "デフォルト", "シナリオ");
            format!("{}: {}（{rule}）", device.name, what)
        }
        Message::Folded { data, acks, bytes } => story::folded(*data, *acks, *bytes),
        Message::Label(label) => self::label(*label).into(),
    })
}

const MARKS: Marks = Marks { line: ("（", " 行目）"), place: ("（", "）") };

fn cause(cause: &Cause) -> String {
    let links = cause.links.iter().enumerate();
    let told = links.map(|(k, link)| self::link(link, tells_packet(cause, k)));
    told.collect::<Vec<_>>().join("。その結果、")
}

fn link(link: &CauseLink, names_packet: bool) -> String {
    let packet_and_time = || match link.packet.as_ref().filter(|_| names_packet) {
        Some(packet) => format!("（{}、{}）", self::packet(packet), instant(link.at)),
        None => String::new(),
    };
    match &link.who {
        Blame::Device { device, model, change, rule } => {
            let packet = link.packet.as_ref().map_or("パケット".into(), packet);
            format!(
                "{}「{device}」が {} に、{}{}",
                product(model),
                instant(link.at),
                did(change, &packet),
                why(rule)
            )
        }
        Blame::Endpoint { end, host, act } => {
            let act = after_kana(&self::act(*act));
            format!("{}は{act}{}", self::host(*end, host), packet_and_time())
        }
        Blame::Network(trouble) => format!("{}{}", self::trouble(trouble), packet_and_time()),
    }
}

/// An end of a connection.
pub(super) const fn end(end: End) -> &'static str {
    match end {
        End::Client => "クライアント",
        End::Server => "サーバ",
    }
}

/// An end of a connection with its host's name, where that says more than the end.
pub(super) fn host(end: End, host: &str) -> String {
    match end {
        End::Client if host == "client" => self::end(end).into(),
        End::Server if host == "server" => self::end(end).into(),
        End::Client | End::Server => format!("{}「{host}」", self::end(end)),
    }
}

/// Words that follow a particle: a Latin word is set off by a space.
pub(super) fn after_kana(words: &str) -> String {
    let gap = if words.starts_with(|c: char| c.is_ascii()) { " " } else { "" };
    format!("{gap}{words}")
}

/// A packet.
pub(super) fn packet(packet: &PacketName) -> String {
    let kind = match packet.kind {
        PacketKind::Syn => "SYN パケット",
        PacketKind::JoinSyn => "MP_JOIN の SYN パケット",
        PacketKind::SynAck => "SYN/ACK パケット",
        PacketKind::Rst => "RST パケット",
        PacketKind::Segment => "セグメント",
    };
    match (packet.subflow, &packet.path) {
        (Some(0), _) => format!("最初のサブフローの{}", after_kana(kind)),
        (Some(_), Some(path)) => format!("パス {path} の{}", after_kana(kind)),
        _ => kind.into(),
    }
}

/// An option by number, MPTCP's with its subtype.
fn option(kind: u8, subtype: Option<Subtype>) -> String {
    match subtype {
        Some(subtype) => format!("TCP オプション {kind}（{subtype}）"),
        None => format!("TCP オプション {kind}"),
    }
}

/// What a device did to a packet, to follow the time.
pub(super) fn did(change: &Change, packet: &str) -> String {
    match change {
        Change::OptionBlanked { kind, subtype, with } => {
            let with = if *with == 1 {
                "NOOP オプション（オプション 1）"
            } else {
                "ゼロ（EOL）"
            };
            format!("{packet}の {}を {with}に置き換えました", option(*kind, *subtype))
        }
        Change::OptionRemoved { kind, subtype } => {
            format!("{packet}から {}を削除しました", option(*kind, *subtype))
        }
        Change::OptionAdded { kind } => format!("{packet}に {}を追加しました", option(*kind, None)),
        Change::Mss { from, to } => format!("{packet}の MSS を {from} から {to} に書き換えました"),
        Change::SequenceShifted { .. } => {
            format!("{packet}の初期シーケンス番号をランダム化しました")
        }
        Change::Field { name } => format!("{packet}の {name} を変更しました"),
        Change::Translated { from, to } => {
            format!("{packet}のアドレスを {from} から {to} に変換しました")
        }
        Change::Balanced { server, address } => {
            format!("{packet}を実サーバ {server}（{address}）に分散しました")
        }
        Change::Payload { growth: 0 } => format!("{packet}のペイロードを書き換えました"),
        Change::Payload { growth } => {
            format!("{packet}のペイロードを書き換えました（{growth:+} バイト）")
        }
        Change::Split { pieces } => format!("{packet}を {pieces} 個のセグメントに分割しました"),
        Change::Coalesced { .. } => format!("{packet}を別のセグメントと結合しました"),
        Change::Held => format!("{packet}を保留しました"),
        Change::Dropped { reason } => format!("{packet}をドロップしました（{reason}）"),
        Change::Reset { reason } => {
            format!("{packet}を受けて接続をリセットしました（{reason}）")
        }
        Change::Answered { with } => {
            format!("{packet}に、宛先に代わって自身の {with} で応答しました")
        }
        Change::Allowed { what } => {
            let what = what.replace("option", "TCP オプション");
            format!("{packet}の {what} の通過を許可しました")
        }
    }
}

/// What an endpoint did, to follow its name and は.
pub(super) fn act(act: Act) -> String {
    match act {
        Act::SpeaksPlainTcp => "MPTCP をサポートしていません".into(),
        Act::FellBack(reason) => fell_back(reason).into(),
        Act::Reset(why) => format!("サブフローをリセットしました: {}", reset(why)),
        Act::WasReset(Some(reason)) => {
            format!("リセットを受信しました（MP_TCPRST: {}）", reset_reason(reason))
        }
        Act::WasReset(None) => "リセットを受信しました".into(),
        Act::GaveUp => "応答がないため中止しました".into(),
        Act::HadNoPort => {
            "空いているローカルポートがありませんでした（すべて使用中または TIME-WAIT）".into()
        }
        Act::ToldUnreachable => {
            "ルータから相手に到達できないことを通知されたため中止しました".into()
        }
        Act::DeliveredWrongBytes => {
            "相手が書き込んだものと異なるデータをアプリケーションに配信しました".into()
        }
    }
}

/// Why an end goes on as plain TCP, to follow its name and は.
pub(super) const fn fell_back(reason: FallbackReason) -> &'static str {
    match reason {
        FallbackReason::NotSpoken => "MPTCP をサポートしていません",
        FallbackReason::SynWithoutCapable => {
            "SYN に MP_CAPABLE がないため、クライアントが MPTCP をサポートしていないと判断し、通常の TCP 動作で応答しました"
        }
        FallbackReason::SynAckWithoutCapable => {
            "SYN/ACK に MP_CAPABLE がないため、通常の TCP 動作にフォールバックしました"
        }
        FallbackReason::AckWithoutCapable => {
            "3 番目の ACK に MP_CAPABLE がないため、通常の TCP 動作にフォールバックしました"
        }
        FallbackReason::DataWithoutMapping => {
            "データにマッピング（DSS）がないため、通常の TCP 動作にフォールバックしました"
        }
        FallbackReason::AckWithoutDataAck => {
            "最初のデータに対する DATA_ACK がないため、通常の TCP 動作にフォールバックしました"
        }
        FallbackReason::SynUnanswered => {
            "MP_CAPABLE 付きの SYN に応答がないため、MP_CAPABLE のない SYN を送信しました"
        }
        FallbackReason::Blackhole => {
            "以前に MP_CAPABLE 付きの SYN が失われたため、しばらく MPTCP を使用しません"
        }
        FallbackReason::ChecksumFailed => {
            "唯一のサブフローで DSS チェックサムの不一致を検出し、フォールバックしました"
        }
        FallbackReason::PeerFellBack => {
            "相手からの通知（MP_FAIL または無限マッピング）によりフォールバックしました"
        }
        FallbackReason::MappingCorrupt => {
            "マッピングがデータと一致しないため、通常の TCP 動作にフォールバックしました"
        }
        FallbackReason::SimultaneousOpen => {
            "自身の SYN と行き違いに SYN を受信したため（同時オープン）、通常の TCP に切り替えました"
        }
        FallbackReason::VersionMismatch => {
            "相手が提示した MPTCP のバージョンをサポートしていません"
        }
    }
}

/// Why an end reset a subflow.
pub(super) const fn reset(why: ResetCause) -> &'static str {
    match why {
        ResetCause::NoSocket => "そのポートで待ち受けていません",
        ResetCause::UnknownToken => "そのトークンの接続を認識していません",
        ResetCause::SynAckWithoutJoin => "SYN/ACK に MP_JOIN がありません",
        ResetCause::AckWithoutJoin => "3 番目の ACK に MP_JOIN がありません",
        ResetCause::WrongHmac => "HMAC が正しくありません",
        ResetCause::JoinNotAllowed => "これ以上のサブフローを受け付けません",
        ResetCause::NoMapping => "使用できるマッピング（DSS）のないデータを受信しました",
        ResetCause::ChecksumFailed => "DSS チェックサムが一致しません",
        ResetCause::ChecksumUnexpected => {
            "DSS チェックサムの有無がネゴシエーションの結果と異なります"
        }
        ResetCause::Aborted => "アプリケーションが中断しました",
        ResetCause::ConnectionOver => "接続はすでに終了しています",
        ResetCause::AddressRemoved => "アドレスが取り消されました",
        ResetCause::BadHandshake => "ハンドシェイクで許可されないセグメントを受信しました",
        ResetCause::FailUnanswered => "MP_FAIL に応答がありません",
    }
}

/// MP_TCPRST's reason.
pub(super) const fn reset_reason(reason: ResetReason) -> &'static str {
    match reason.0 {
        0 => "不明なエラー",
        1 => "MPTCP 固有のエラー",
        2 => "リソース不足",
        3 => "管理上の禁止",
        4 => "未処理のデータの超過",
        5 => "許容できないパフォーマンス",
        6 => "ミドルボックスの干渉",
        _ => "未定義の理由",
    }
}

pub(super) fn trouble(trouble: &Trouble) -> String {
    match trouble {
        Trouble::SynsUnanswered => "MP_CAPABLE 付きの SYN に応答がありませんでした".into(),
        Trouble::Unanswered => "終了まで応答がありませんでした".into(),
        Trouble::NothingDelivered => "データが配信されなくなりました".into(),
        Trouble::Event(label) => format!("イベント「{label}」が発生しました"),
    }
}

fn why(rule: &Rule) -> String {
    let text = &rule.text;
    let line = rule.line().map(|line| format!("{}:{}", line.file, line.line));
    match (rule.is_default(), rule.because(), line) {
        (true, Some(because), _) => {
            format!("。デフォルトの動作です（{text}）: {}", placed(rule, because))
        }
        (true, None, Some(near)) => format!("。デフォルトの動作です（{text}、{near}）"),
        (true, None, None) => format!("。デフォルトの動作です（{text}）"),
        (false, _, Some(line)) => format!("。設定による動作です（{text}、{line}）"),
        (false, _, None) => format!("。シナリオの指定による動作です（{text}）"),
    }
}

/// What is missing or does not match, with its place.
fn placed(rule: &Rule, because: &Wording) -> String {
    match rule.line() {
        Some(line) => located(&because.japanese, &format!("{}:{}", line.file, line.line), &MARKS),
        None => because.japanese.clone(),
    }
}

fn verdict(connection: &ConnectionRecord) -> String {
    match connection.outcome.verdict {
        Verdict::Mptcp => format!("MPTCP、サブフロー {} 個", subflows_established(connection)),
        Verdict::Fallback => "通常の TCP 動作にフォールバック".into(),
        Verdict::Failed(Failure::NeverConnected) => "失敗: 接続が確立されませんでした".into(),
        Verdict::Failed(Failure::Reset) => "失敗: 配信の完了前に接続がリセットされました".into(),
        Verdict::Failed(Failure::Stalled) => "失敗: 終わりに達する前に停止しました".into(),
        Verdict::Failed(Failure::WrongStream) => {
            "失敗: 配信されたデータが書き込まれたデータと異なります".into()
        }
    }
}

const fn label(label: Label) -> &'static str {
    match label {
        Label::Because => "原因:",
        Label::WhatHappened => "経過",
        Label::WhatCanBeDone => "対処方法",
        Label::Packet => "パケット",
        Label::Rule => "ルール",
        Label::Default => "デフォルト",
        Label::ByScenario => "シナリオの指定",
        Label::Missing => "理由",
        Label::Frame => "フレーム",
        Label::FrameAfter => "通過後",
        Label::Lines => "次の設定を使用します:",
        Label::Caution => "注意:",
        Label::Source => "出典",
        Label::Lost => "損失",
        Label::LadderKey => {
            "✱ デバイスによる変更（以降は破線）   ■ デバイスで停止   × リンクで損失"
        }
        Label::CapturesHint => {
            "フレーム番号は run --pcap が結果フォルダに書き出すキャプチャ ファイルの番号です。"
        }
    }
}
