//! The `ip inspect` lines: which protocols are inspected under which name, and the timers.

use std::collections::BTreeMap;

use sim_core::engine::device::ConfigLine;
use sim_core::time::SimDuration;

use crate::config::words::{nearest, port};
use crate::config::{ConfigText, Diagnostics, Line, quoted};

/// All `ip inspect` lines of the global mode.
#[derive(Clone, Debug)]
pub(crate) struct Inspections {
    /// By name: the protocols, each with its line.
    pub(crate) rules: BTreeMap<String, Vec<(String, ConfigLine)>>,
    pub(crate) idle: SimDuration,
    pub(crate) synwait: SimDuration,
    pub(crate) finwait: SimDuration,
    /// Half-open sessions at which the oldest are deleted, and down to which.
    pub(crate) incomplete_high: u32,
    pub(crate) incomplete_low: u32,
    /// `ip inspect tcp block-non-session`.
    pub(crate) block_non_session: Option<ConfigLine>,
}

impl Default for Inspections {
    fn default() -> Self {
        Self {
            rules: BTreeMap::new(),
            idle: SimDuration::from_secs(3600),
            synwait: SimDuration::from_secs(30),
            finwait: SimDuration::from_secs(5),
            incomplete_high: 500,
            incomplete_low: 400,
            block_non_session: None,
        }
    }
}

impl Inspections {
    /// True when the rule of this name inspects TCP connections to `port`.
    pub(crate) fn covers(&self, name: &str, destination_port: u16) -> bool {
        self.rules.get(name).is_some_and(|protocols| {
            protocols.iter().any(|(p, _)| p == "tcp" || port(p) == Some(destination_port))
        })
    }

    /// Reads a line; false when it is no `ip inspect` of the global mode.
    pub(crate) fn outer(
        &mut self,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> bool {
        let rest = match line.words.as_slice() {
            ["ip" | "ipv6", "inspect", rest @ ..] => rest,
            // `ip inspect NAME in` belongs to an interface.
            _ => return false,
        };
        match rest {
            ["name", name, protocol, options @ ..] => {
                let rules = self.rules.entry((*name).to_owned()).or_default();
                rules.push(((*protocol).to_owned(), text.place(line)));
                if let (&"tcp", Some(at)) = (protocol, options.iter().position(|w| *w == "timeout"))
                {
                    seconds(options.get(at + 1), &mut self.idle, line, found);
                }
            }
            ["name", ..] => {
                found.error(line, "", "expected ip inspect name NAME PROTOCOL");
            }
            ["tcp", "idle-time", value] => seconds(Some(value), &mut self.idle, line, found),
            ["tcp", "synwait-time", value] => seconds(Some(value), &mut self.synwait, line, found),
            ["tcp", "finwait-time", value] => seconds(Some(value), &mut self.finwait, line, found),
            ["max-incomplete", "high", value] => {
                count(value, &mut self.incomplete_high, line, found);
            }
            ["max-incomplete", "low", value] => count(value, &mut self.incomplete_low, line, found),
            ["tcp", "block-non-session"] => self.block_non_session = Some(text.place(line)),
            ["tcp", "max-incomplete", ..] | ["one-minute", ..] => {
                found.warn(line, rest[0], "this half-open limit is not modelled");
            }
            ["tcp", "reassembly" | "window-scale-enforcement", ..]
            | [
                "udp" | "dns-timeout" | "audit-trail" | "alert-off" | "log" | "hashtable-size"
                | "L2-transparent" | "WAAS",
                ..,
            ] => {}
            [_, "in" | "out"] => return false,
            [given, ..] => {
                let known = ["name", "tcp", "udp", "max-incomplete", "one-minute", "audit-trail"];
                let report = found.error(
                    line,
                    given,
                    format!("unknown command {} after ip inspect", quoted(given)),
                );
                if let Some(meant) = nearest(given, known) {
                    report.help(format!("did you mean {meant}?"));
                }
            }
            [] => {
                found.error(line, "", "expected name, tcp, udp or max-incomplete after ip inspect");
            }
        }
        true
    }
}

fn seconds(word: Option<&&str>, slot: &mut SimDuration, line: &Line<'_>, found: &mut Diagnostics) {
    let word = word.copied().unwrap_or("");
    match word.parse::<u32>() {
        Ok(seconds @ 1..=2_147_483) => *slot = SimDuration::from_secs(u64::from(seconds)),
        _ => {
            let message = format!("expected seconds from 1 to 2147483, found {}", quoted(word));
            found.error(line, word, message);
        }
    }
}

fn count(word: &str, slot: &mut u32, line: &Line<'_>, found: &mut Diagnostics) {
    match word.parse() {
        Ok(number) => *slot = number,
        Err(_) => {
            found.error(line, word, format!("expected a number, found {}", quoted(word)));
        }
    }
}
