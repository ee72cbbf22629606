//! The TCP normaliser's settings: its defaults, and a `tcp-map` that overrides them line by line.

use std::ops::RangeInclusive;
use std::sync::Arc;

use sim_core::engine::device::{ConfigLine, Rule};
use sim_core::time::SimDuration;
use sim_core::wire::options::kind;

use crate::config::words::nearest;
use crate::config::{ConfigText, Diagnostics, Line, quoted};

use super::order::Queue;
use super::remedy;

/// Cisco 116519, "MPTCP and Product Support Overview": unsupported options become NOOP.
pub(super) const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";
/// Where the other defaults stand.
pub(super) const GUIDE: &str = "ASA CLI configuration guide, TCP normalization defaults";
/// Where the commands stand.
const REFERENCE: &str = "ASA command reference, tcp-map";

/// A setting, with the rule that set it.
#[derive(Clone, Debug)]
pub(super) struct Set<T> {
    pub(super) value: T,
    pub(super) rule: Arc<Rule>,
}

/// What is done to something unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Allow,
    Clear,
    Drop,
}

/// One `tcp-options` line.
#[derive(Clone, Debug)]
pub(super) struct OptionRule {
    pub(super) kinds: RangeInclusive<u8>,
    pub(super) action: Action,
    /// `mss maximum N`.
    pub(super) mss_maximum: Option<u16>,
    /// `allow multiple`: it may stand in a header more than once.
    pub(super) multiple: bool,
    pub(super) rule: Arc<Rule>,
}

/// All settings of the normaliser for a class of traffic.
#[derive(Clone, Debug)]
pub(super) struct Normalizer {
    /// `tcp-options` lines; the last that names a kind decides.
    pub(super) options: Vec<OptionRule>,
    pub(super) check_retransmission: Set<bool>,
    pub(super) checksum_verification: Set<bool>,
    pub(super) exceed_mss: Set<Action>,
    pub(super) invalid_ack: Set<Action>,
    pub(super) queue: Set<Queue>,
    pub(super) reserved_bits: Set<Action>,
    pub(super) seq_past_window: Set<Action>,
    pub(super) syn_data: Set<Action>,
    pub(super) synack_data: Set<Action>,
    pub(super) ttl_evasion_protection: Set<bool>,
    pub(super) urgent_flag: Set<Action>,
    pub(super) window_variation: Set<Action>,
}

/// A `tcp-map` of the configuration.
#[derive(Clone, Debug)]
pub(super) struct TcpMap {
    pub(super) name: String,
    pub(super) place: ConfigLine,
    pub(super) normalizer: Normalizer,
}

impl Normalizer {
    /// The settings as an ASA comes.
    pub(super) fn factory() -> Self {
        fn set<T>(value: T, text: &str) -> Set<T> {
            Set { value, rule: Rule::default(text, GUIDE) }
        }
        Self {
            options: Vec::new(),
            check_retransmission: set(false, "no check-retransmission"),
            checksum_verification: set(false, "no checksum-verification"),
            exceed_mss: set(Action::Allow, "exceed-mss allow"),
            invalid_ack: set(Action::Drop, "invalid-ack drop"),
            queue: set(Queue::FACTORY, "queue-limit 0 timeout 4"),
            reserved_bits: set(Action::Allow, "reserved-bits allow"),
            seq_past_window: set(Action::Drop, "seq-past-window drop"),
            syn_data: set(Action::Allow, "syn-data allow"),
            synack_data: set(Action::Drop, "synack-data drop"),
            ttl_evasion_protection: set(true, "ttl-evasion-protection"),
            urgent_flag: set(Action::Clear, "urgent-flag clear"),
            window_variation: set(Action::Allow, "window-variation allow-connection"),
        }
    }

    /// The line that decides about an option kind, if one does.
    pub(super) fn option(&self, kind: u8) -> Option<&OptionRule> {
        self.options.iter().rev().find(|o| o.kinds.contains(&kind))
    }
}

/// True for the option kinds that pass by default: those that the normaliser knows by name. With
/// `named` (the version knows MD5 by name), MD5 is one of them.
pub(super) const fn known_by_default(option: u8, named: bool) -> bool {
    matches!(option, 0..=5 | kind::TIMESTAMPS) || (named && option == kind::MD5)
}

const COMMANDS: [&str; 14] = [
    "check-retransmission",
    "checksum-verification",
    "description",
    "exceed-mss",
    "invalid-ack",
    "queue-limit",
    "reserved-bits",
    "seq-past-window",
    "syn-data",
    "synack-data",
    "tcp-options",
    "ttl-evasion-protection",
    "urgent-flag",
    "window-variation",
];

impl TcpMap {
    pub(super) fn new(name: &str, place: ConfigLine) -> Self {
        Self { name: name.to_owned(), place, normalizer: Normalizer::factory() }
    }

    /// Reads a line of the map's body; false when it is none of its commands.
    pub(super) fn command(
        &mut self,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> bool {
        let (on, words) = match line.words.as_slice() {
            ["no", rest @ ..] => (false, rest),
            words => (true, words),
        };
        let rule = Rule::config(line.text(), text.place(line), REFERENCE);
        let factory = Normalizer::factory();
        let n = &mut self.normalizer;
        let (allow, clear, drop) =
            (("allow", Action::Allow), ("clear", Action::Clear), ("drop", Action::Drop));
        let mut action =
            |slot: &mut Set<Action>, default: Set<Action>, one_of: &[(&str, Action)]| {
                if !on {
                    *slot = default;
                    return;
                }
                let given = words.get(1).copied().unwrap_or("");
                match one_of.iter().find(|(word, _)| *word == given) {
                    Some(&(_, value)) => *slot = Set { value, rule: Arc::clone(&rule) },
                    None => {
                        let expected: Vec<_> = one_of.iter().map(|&(word, _)| word).collect();
                        let message = format!(
                            "expected {} after {}, found {}",
                            expected.join(" or "),
                            words[0],
                            quoted(given)
                        );
                        let report = found.error(line, given, message);
                        if let Some(meant) = nearest(given, expected) {
                            report.help(format!("did you mean {meant}?"));
                        }
                    }
                }
            };
        match words {
            ["tcp-options", rest @ ..] => options(&self.name, n, on, rest, &rule, line, found),
            ["exceed-mss", ..] => action(&mut n.exceed_mss, factory.exceed_mss, &[allow, drop]),
            ["invalid-ack", ..] => action(&mut n.invalid_ack, factory.invalid_ack, &[allow, drop]),
            ["reserved-bits", ..] => {
                action(&mut n.reserved_bits, factory.reserved_bits, &[allow, clear, drop]);
            }
            ["seq-past-window", ..] => {
                action(&mut n.seq_past_window, factory.seq_past_window, &[allow, drop]);
            }
            ["syn-data", ..] => action(&mut n.syn_data, factory.syn_data, &[allow, drop]),
            ["synack-data", ..] => action(&mut n.synack_data, factory.synack_data, &[allow, drop]),
            ["urgent-flag", ..] => action(&mut n.urgent_flag, factory.urgent_flag, &[allow, clear]),
            ["checksum-verification"] => n.checksum_verification = Set { value: on, rule },
            ["ttl-evasion-protection"] => n.ttl_evasion_protection = Set { value: on, rule },
            ["check-retransmission"] => n.check_retransmission = Set { value: on, rule },
            ["queue-limit", ..] if !on => n.queue = factory.queue,
            ["queue-limit", rest @ ..] => match queue(rest) {
                Some(value) => n.queue = Set { value, rule },
                None => {
                    let given = rest.first().copied().unwrap_or("");
                    found
                        .error(line, given, format!("expected 0 to 250, found {}", quoted(given)))
                        .help("queue-limit PACKETS [timeout SECONDS], with 1 to 20 seconds");
                }
            },
            ["window-variation", ..] => {
                let allow = [("allow", Action::Allow), ("allow-connection", Action::Allow)];
                let drop = [("drop", Action::Drop), ("drop-connection", Action::Drop)];
                let one_of = [allow, drop].concat();
                action(&mut n.window_variation, factory.window_variation, &one_of);
            }
            ["description", ..] => {}
            _ => return false,
        }
        true
    }

    /// Says that a line of the map's body is no command of it.
    pub(super) fn unknown(line: &Line<'_>, found: &mut Diagnostics) {
        let word = match line.words.as_slice() {
            ["no", second, ..] => second,
            words => words[0],
        };
        let message = format!("unknown command in a tcp-map: {}", quoted(word));
        let report = found.error(line, word, message);
        if let Some(meant) = nearest(word, COMMANDS) {
            report.help(format!("did you mean {meant}?"));
        }
    }
}

/// Reads what follows `tcp-options` in the tcp-map `name`, in the old form and in that of 9.4(2) and later.
fn options(
    name: &str,
    n: &mut Normalizer,
    on: bool,
    words: &[&str],
    rule: &Arc<Rule>,
    line: &Line<'_>,
    found: &mut Diagnostics,
) {
    const NAMED: [(&str, RangeInclusive<u8>); 5] = [
        ("md5", kind::MD5..=kind::MD5),
        ("mss", kind::MSS..=kind::MSS),
        ("selective-ack", kind::SACK_PERMITTED..=kind::SACK),
        ("timestamp", kind::TIMESTAMPS..=kind::TIMESTAMPS),
        ("window-scale", kind::WINDOW_SCALE..=kind::WINDOW_SCALE),
    ];
    let (kinds, rest) = match words {
        ["range", number, rest @ ..] if is_alone(number, rest) => {
            let action = rest.first().copied().unwrap_or("allow");
            found
                .error(line, number, "the upper end of the range is missing: the line is refused")
                .help(format!(
                    "one option alone is written tcp-options range {number} {number} {action}"
                ));
            return;
        }
        ["range", lower, upper, rest @ ..] => {
            let (Some(low), Some(high)) =
                (range_end(lower, line, found), range_end(upper, line, found))
            else {
                return;
            };
            if low > high {
                found.error(
                    line,
                    upper,
                    format!("the range ends at {high}, before its start {low}"),
                );
                return;
            }
            if (low..=high).contains(&8) {
                found
                    .error(line, lower, format!("the range {low} to {high} contains 8, timestamp"))
                    .help("use one range up to 7, one from 9 on, and tcp-options timestamp");
                return;
            }
            (low..=high, rest)
        }
        ["range", ..] => {
            found.error(line, "", "expected two numbers and an action: range LOWER UPPER allow");
            return;
        }
        [name, rest @ ..] => match NAMED.iter().find(|(known, _)| known == name) {
            Some((_, kinds)) => (kinds.clone(), rest),
            None => {
                let message = format!("unknown TCP option {}", quoted(name));
                let report = found.error(line, name, message);
                let names = NAMED.iter().map(|(name, _)| *name).chain(["range"]);
                match nearest(name, names) {
                    Some(meant) => report.help(format!("did you mean {meant}?")),
                    None => report.help("an option is named, or given as range LOWER UPPER"),
                }
                return;
            }
        },
        [] => {
            found.error(line, "", "expected an option name or range after tcp-options");
            return;
        }
    };
    if !on {
        n.options.retain(|o| o.kinds != kinds);
        return;
    }
    let multiple = rest.get(1) == Some(&"multiple");
    let (action, mss_maximum) = match rest {
        ["allow"] | ["allow", "multiple"] => (Action::Allow, None),
        ["clear"] => (Action::Clear, None),
        ["drop"] => (Action::Drop, None),
        ["default"] => {
            n.options.retain(|o| o.kinds != kinds);
            return;
        }
        ["maximum", value] if kinds == (kind::MSS..=kind::MSS) => match value.parse::<u16>() {
            Ok(max) if max >= 68 => (Action::Allow, Some(max)),
            _ => {
                found.error(
                    line,
                    value,
                    format!("expected an MSS of 68 to 65535, found `{value}`"),
                );
                return;
            }
        },
        _ => {
            let given = rest.first().copied().unwrap_or("");
            let message = format!("expected allow, clear or drop, found {}", quoted(given));
            let report = found.error(line, given, message);
            if let Some(meant) = nearest(given, ["allow", "clear", "drop", "default"]) {
                report.help(format!("did you mean {meant}?"));
            }
            return;
        }
    };
    if let Some(earlier) =
        n.options.iter().find(|o| o.kinds.start() <= kinds.end() && kinds.start() <= o.kinds.end())
    {
        let message = format!(
            "{} overlaps an earlier line of this tcp-map ({}); the later line decides here, what an ASA does is not documented",
            rule.text, earlier.rule.text
        );
        found.warn(line, "", message);
    }
    let rule = match action {
        Action::Clear | Action::Drop if kinds.contains(&kind::MPTCP) => {
            Arc::clone(rule).remedied(remedy::of_map(name, Some(&rule.text)))
        }
        Action::Allow | Action::Clear | Action::Drop => Arc::clone(rule),
    };
    n.options.push(OptionRule { kinds, action, mss_maximum, multiple, rule });
}

/// `N [timeout S]`.
fn queue(words: &[&str]) -> Option<Queue> {
    let (limit, timeout) = match words {
        [limit] => (limit, Queue::FACTORY.timeout),
        [limit, "timeout", seconds] => {
            let seconds = seconds.parse().ok().filter(|s| (1..=20).contains(s))?;
            (limit, SimDuration::from_secs(seconds))
        }
        _ => return None,
    };
    Some(Queue { limit: limit.parse().ok().filter(|&n: &u8| n <= 250)?, timeout })
}

/// True for a range of one number only.
fn is_alone(number: &str, rest: &[&str]) -> bool {
    number.parse::<u8>().is_ok() && matches!(rest, [] | ["allow" | "clear" | "drop", ..])
}

fn range_end(word: &str, line: &Line<'_>, found: &mut Diagnostics) -> Option<u8> {
    match word.parse::<u8>() {
        Ok(kind) if matches!(kind, 6 | 7 | 9..) => Some(kind),
        Ok(8) => {
            found
                .error(line, word, "option 8 is timestamp and has a line of its own")
                .help("tcp-options timestamp {allow | clear}");
            None
        }
        _ => {
            found.error(
                line,
                word,
                format!("expected a TCP option kind: 6, 7 or 9 to 255, found `{word}`"),
            );
            None
        }
    }
}
