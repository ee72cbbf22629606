//! The TCP normaliser's settings and the `parameter-map type connection` that changes them.

use std::ops::RangeInclusive;
use std::sync::Arc;

use sim_core::engine::device::Rule;
use sim_core::wire::options::kind;

use crate::config::words::nearest;
use crate::config::{ConfigText, Diagnostics, Line, quoted};
use crate::steps::option_table::{Action, OptionRule, OptionTable};

use super::{COMMUNITY, GUIDE};

/// All settings of the normaliser for a class of traffic.
#[derive(Clone, Debug)]
pub(super) struct Normalizer {
    pub(super) options: OptionTable,
    /// `None`: off.
    pub(super) randomise: Option<Arc<Rule>>,
    /// Least and greatest MSS.
    pub(super) mss: Option<(u16, u16, Arc<Rule>)>,
    pub(super) clear_urgent: Option<Arc<Rule>>,
    pub(super) drop_syn_data: Option<Arc<Rule>>,
}

const WINDOW_SCALE: RangeInclusive<u8> = kind::WINDOW_SCALE..=kind::WINDOW_SCALE;
const SELECTIVE_ACK: RangeInclusive<u8> = kind::SACK_PERMITTED..=kind::SACK;
const TIMESTAMP: RangeInclusive<u8> = kind::TIMESTAMPS..=kind::TIMESTAMPS;

impl Normalizer {
    /// The settings as an ACE comes.
    pub(super) fn factory() -> Self {
        let scale = Rule::default("tcp-options window-scale clear", COMMUNITY);
        Self {
            options: OptionTable(vec![OptionRule {
                kinds: WINDOW_SCALE,
                action: Action::Clear,
                rule: scale,
            }]),
            randomise: Some(Rule::default("random-sequence-number", GUIDE)),
            mss: None,
            clear_urgent: None,
            drop_syn_data: None,
        }
    }

    /// Reads a line of a parameter-map's body; false when it is none of its commands.
    pub(super) fn command(
        &mut self,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> bool {
        let rule = || Rule::config(line.text(), text.place(line), GUIDE);
        match line.words.as_slice() {
            ["tcp-options", rest @ ..] => {
                if let Some((kinds, action)) = option(rest, line, found) {
                    self.options.0.push(OptionRule { kinds, action, rule: rule() });
                }
            }
            ["no", "tcp-options", "range", low, high, ..] => {
                let kinds = (low.parse().unwrap_or(0), high.parse().unwrap_or(0));
                self.options.0.retain(|o| (*o.kinds.start(), *o.kinds.end()) != kinds);
            }
            ["random-sequence-number"] => self.randomise = Some(rule()),
            ["no", "random-sequence-number"] => self.randomise = None,
            ["set", "tcp", "mss", "min", low, "max", high] => match (low.parse(), high.parse()) {
                (Ok(low), Ok(high)) => self.mss = Some((low, high, rule())),
                _ => {
                    found.error(line, "", "expected set tcp mss min NUMBER max NUMBER");
                }
            },
            ["urgent-flag", "clear"] => self.clear_urgent = Some(rule()),
            ["urgent-flag", "allow"] => self.clear_urgent = None,
            ["syn-data", "drop"] => self.drop_syn_data = Some(rule()),
            ["syn-data", "allow"] => self.drop_syn_data = None,
            ["description" | "set" | "no" | "slowstart" | "nagle" | "rate-limit", ..]
            | ["exceed-mss" | "reserved-bits", ..] => {}
            _ => return false,
        }
        true
    }

    /// Says that a line is none of a parameter-map's commands.
    pub(super) fn unknown(line: &Line<'_>, found: &mut Diagnostics) {
        let word = line.words[0];
        let known = ["tcp-options", "random-sequence-number", "set", "urgent-flag", "syn-data"];
        let report = found.error(
            line,
            word,
            format!("unknown command in a parameter-map: {}", quoted(word)),
        );
        if let Some(meant) = nearest(word, known) {
            report.help(format!("did you mean {meant}?"));
        }
    }
}

/// Reads what follows `tcp-options`. A range has no `clear`: what no line names is cleared.
fn option(
    words: &[&str],
    line: &Line<'_>,
    found: &mut Diagnostics,
) -> Option<(RangeInclusive<u8>, Action)> {
    let (kinds, rest, clears) = match words {
        ["range", low, high, rest @ ..] => {
            let mut end = |word: &str| match word.parse::<u8>() {
                Ok(kind) if matches!(kind, 6 | 7 | 9..) => Some(kind),
                _ => {
                    let message =
                        format!("expected a TCP option kind: 6, 7 or 9 to 255, found `{word}`");
                    found.error(line, word, message);
                    None
                }
            };
            let (from, to) = (end(low)?, end(high)?);
            if from > to || (from < 8 && to > 8) {
                found.error(
                    line,
                    high,
                    format!("expected a range within 6 to 7 or 9 to 255, found {from} to {to}"),
                );
                return None;
            }
            (from..=to, rest, false)
        }
        ["selective-ack", rest @ ..] => (SELECTIVE_ACK, rest, true),
        ["timestamp", rest @ ..] => (TIMESTAMP, rest, true),
        ["window-scale", rest @ ..] => (WINDOW_SCALE, rest, true),
        _ => {
            let given = words.first().copied().unwrap_or("");
            let report = found.error(line, given, format!("unknown TCP option {}", quoted(given)));
            report.help("expected range LOWER UPPER, selective-ack, timestamp or window-scale");
            return None;
        }
    };
    match rest {
        ["allow"] => Some((kinds, Action::Allow)),
        ["drop"] => Some((kinds, Action::Drop)),
        ["clear"] if clears => Some((kinds, Action::Clear)),
        _ => {
            let given = rest.first().copied().unwrap_or("");
            let expected = if clears { "allow, clear or drop" } else { "allow or drop" };
            found.error(line, given, format!("expected {expected}, found {}", quoted(given)));
            None
        }
    }
}
