//! The sentences that reports say, from one catalogue per language.
//!
//! [`Message`] is what is to be said, without words; a catalogue ([`english`], [`japanese`]) gives it
//! words. A language is added by a module with the same function and a variant of [`Language`]: what it
//! does not say does not compile. What a device model says of its product and configuration comes in
//! every language from the model ([`sim_core::engine::device::Wording`]).

mod english;
mod japanese;

use sim_core::engine::device::{Change, Origin, Rule, Wording};
use sim_core::record::outcome::{Cause, Failure};
use sim_core::record::{ChangeRecord, ConnectionRecord, DeviceRecord};

use crate::explain::{Advice, Step};

/// A language that reports can be read in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Japanese.
    Japanese,
}

/// One thing to be said.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// Why it came so, in one sentence without its full stop, the root first.
    Cause(&'a Cause),
    /// The same as a whole sentence.
    Why(&'a Cause),
    /// The verdict, with what it rests on: "MPTCP, 3 subflows".
    Verdict(&'a ConnectionRecord),
    /// A step of the story, in one sentence.
    Step(&'a Step<'a>),
    /// What left a rule in force, with its place in the configuration.
    Because(&'a Rule, &'a Wording),
    /// What can be done, in a sentence or two.
    Advice(&'a Advice<'a>),
    /// What a device did to a packet, with its rule, in a few words.
    Change {
        /// The device.
        device: &'a DeviceRecord,
        /// The change.
        change: &'a ChangeRecord,
    },
    /// Segments that are not shown one by one.
    Folded {
        /// With payload.
        data: u64,
        /// Without.
        acks: u64,
        /// Payload, in bytes.
        bytes: u64,
    },
    /// A heading or the name of a field.
    Label(Label),
}

/// Headings and names of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Before the cause of a verdict.
    Because,
    /// Over the steps.
    WhatHappened,
    /// Over the advice.
    WhatCanBeDone,
    /// A packet's addresses, flags and numbers.
    Packet,
    /// A device's rule.
    Rule,
    /// The rule is the product's default.
    Default,
    /// The rule is the scenario's.
    ByScenario,
    /// What is missing in the configuration, or does not match.
    Missing,
    /// File and number of a frame.
    Frame,
    /// The frame behind the device.
    FrameAfter,
    /// Before configuration lines.
    Lines,
    /// Before what speaks against it.
    Caution,
    /// A document.
    Source,
    /// A packet that a link lost.
    Lost,
    /// What the signs in a ladder mean.
    LadderKey,
    /// Where frames are found.
    CapturesHint,
}

impl Language {
    /// Words for a message.
    #[must_use]
    pub fn say(self, message: &Message<'_>) -> String {
        match self {
            Self::English => english::say(message),
            Self::Japanese => japanese::say(message),
        }
    }

    /// Its tag in BCP 47: `en`, `ja`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Japanese => "ja",
        }
    }

    /// What a device model says.
    #[must_use]
    pub fn of(self, wording: &Wording) -> &str {
        match self {
            Self::English => &wording.english,
            Self::Japanese => &wording.japanese,
        }
    }
}

/// A cause in one plain sentence, without a full stop.
#[must_use]
pub fn cause(cause: &Cause, language: Language) -> String {
    language.say(&Message::Cause(cause))
}

/// A device model as its vendor writes it.
#[must_use]
pub fn product(model: &str) -> &str {
    match model {
        "asa" => "ASA",
        "ftd" => "FTD",
        "cbac" => "IOS CBAC",
        "zbfw" => "IOS ZBFW",
        "ace" => "ACE",
        "nat" => "NAT",
        "nbar" => "IOS NBAR",
        "ips" => "IPS",
        "cgn" => "CGN",
        "waas" => "WAAS",
        "asr5000" => "ASR 5000",
        "panos" => "PAN-OS",
        "linux" => "Linux",
        "snort" => "Snort",
        other => other,
    }
}

/// In what way a connection failed.
#[must_use]
pub const fn failure(failure: Failure) -> &'static str {
    match failure {
        Failure::NeverConnected => "never connected",
        Failure::Reset => "reset before everything was delivered",
        Failure::Stalled => "stalled before its end",
        Failure::WrongStream => "the delivered stream is not the one written",
    }
}

/// Where a device's action took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Inside the packet: something in it was changed.
    Inside,
    /// On the packet as a whole, or because of it.
    Whole,
}

/// Changes of an option, a field or the payload happen inside a packet, all others to it.
const fn place(change: &Change) -> Place {
    match change {
        Change::OptionBlanked { .. }
        | Change::OptionRemoved { .. }
        | Change::OptionAdded { .. }
        | Change::Mss { .. }
        | Change::SequenceShifted { .. }
        | Change::Field { .. }
        | Change::Payload { .. } => Place::Inside,
        Change::Translated { .. }
        | Change::Balanced { .. }
        | Change::Split { .. }
        | Change::Coalesced { .. }
        | Change::Held
        | Change::Dropped { .. }
        | Change::Reset { .. }
        | Change::Answered { .. }
        | Change::Allowed { .. } => Place::Whole,
    }
}

/// False when link `index` speaks of the packet that the link before it has just named.
fn tells_packet(cause: &Cause, index: usize) -> bool {
    index == 0 || cause.links[index - 1].packet != cause.links[index].packet
}

/// What is missing or does not match, with `file:line` where it names that line, or else at its end.
fn located(because: &str, near: &str, marks: &Marks) -> String {
    let number = near.rsplit(':').next().unwrap_or_default();
    let line = format!("{}{number}{}", marks.line.0, marks.line.1);
    let place = format!("{}{near}{}", marks.place.0, marks.place.1);
    if because.contains(&line) {
        because.replacen(&line, place.trim_start(), 1)
    } else {
        format!("{because}{place}")
    }
}

/// A rule with the place that it stands at: `tcp-options range 9 255 clear; x.cfg:21`.
fn place_of(rule: &Rule, default: &str, scenario: &str) -> String {
    let place = match &rule.origin {
        Origin::Default { .. } => default.to_owned(),
        Origin::Config(line) => format!("{}:{}", line.file, line.line),
        Origin::Scenario => scenario.to_owned(),
    };
    format!("{}; {place}", rule.text)
}

/// What a language puts around the number of a line, and around `file:line`.
struct Marks {
    line: (&'static str, &'static str),
    place: (&'static str, &'static str),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn check(cause_of: Cause, english: &str, japanese: &str) {
        assert_eq!(cause(&cause_of, Language::English), english);
        assert_eq!(cause(&cause_of, Language::Japanese), japanese);
    }

    #[test]
    fn a_cause_is_one_sentence() {
        check(
            fixture::cause_default(),
            "ASA \"edge\" replaced option 30 (MP_CAPABLE) by NOPs in the SYN of the first subflow at \
             0.000 s, by its default (tcp-options range 9 255 clear): no service-policy activates \
             policy-map my-policy-map (configs/x.cfg:7)",
            "ASA「edge」が 0.000 s に、最初のサブフローの SYN パケットの TCP オプション 30（MP_CAPABLE）を NOOP オプション（オプション 1）に置き換えました。デフォルトの動作です（tcp-options range 9 255 clear）: policy-map my-policy-map をアクティブ化する service-policy がありません（configs/x.cfg:7）",
        );
        check(
            fixture::cause_two_servers(),
            "ACE \"balancer\" balanced the MP_JOIN SYN over lte to real server web2 (10.1.0.12:80) at \
             0.061 s, by its configuration (serverfarm WEB: predictor roundrobin; \
             configs/ace.cfg:12); then the server \"web2\" reset the subflow: it knows no connection \
             with that token",
            "ACE「balancer」が 0.061 s に、パス lte の MP_JOIN の SYN パケットを実サーバ web2（10.1.0.12:80）に分散しました。設定による動作です（serverfarm WEB: predictor roundrobin、configs/ace.cfg:12）。その結果、サーバ「web2」はサブフローをリセットしました: そのトークンの接続を認識していません",
        );
        check(
            fixture::cause_not_spoken(),
            "the server does not speak MPTCP",
            "サーバは MPTCP をサポートしていません",
        );
        check(
            fixture::cause_network(),
            "SYNs with MP_CAPABLE were not answered (SYN of the first subflow, at 0.000 s)",
            "MP_CAPABLE 付きの SYN に応答がありませんでした（最初のサブフローの SYN パケット、0.000 s）",
        );
        check(
            fixture::cause_scenario(),
            "custom \"strip\" removed option 30 (DSS) in the segment over dsl at 1.000 s, as the \
             scenario sets it (remove option 30)",
            "custom「strip」が 1.000 s に、パス dsl のセグメントから TCP オプション 30（DSS）を削除しました。シナリオの指定による動作です（remove option 30）",
        );
    }

    #[test]
    fn a_line_is_named_once() {
        let check = |because, expect| {
            let marks = Marks { line: ("(line ", ")"), place: (" (", ")") };
            assert_eq!(located(because, "a.cfg:21", &marks), expect);
        };
        check("nothing activates map m (line 21)", "nothing activates map m (a.cfg:21)");
        check("class c (line 2) does not match", "class c (line 2) does not match (a.cfg:21)");
        check("class c (line 212)", "class c (line 212) (a.cfg:21)");
    }
}
