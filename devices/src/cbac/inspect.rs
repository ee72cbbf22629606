//! The `ip inspect` lines: which protocols are inspected under which name, timers and limits.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::engine::device::{ConfigLine, Rule};
use sim_core::time::SimDuration;

use crate::config::words::{nearest, port};
use crate::config::{ConfigText, Diagnostics, Line, quoted};
use crate::ios::half_open::Marks;
use crate::ios::reassembly::Room;
use crate::ios::remedy::longer_queue;

use super::GUIDE;

/// All `ip inspect` lines of the global mode.
#[derive(Clone, Debug)]
pub(crate) struct Inspections {
    /// By name.
    pub(crate) rules: BTreeMap<String, Vec<Protocol>>,
    pub(crate) idle: SimDuration,
    pub(crate) synwait: SimDuration,
    pub(crate) finwait: SimDuration,
    pub(crate) marks: Marks,
    pub(crate) room: Room,
    /// `ip inspect log drop-pkt`.
    pub(crate) log_drops: bool,
    /// `ip inspect audit-trail`.
    pub(crate) audit: bool,
    /// `ip inspect tcp block-non-session`.
    pub(crate) block_non_session: Option<ConfigLine>,
}

/// One `ip inspect name` line.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    pub(crate) name: String,
    /// `audit-trail on`, `off`.
    pub(crate) audit: Option<bool>,
    pub(crate) place: ConfigLine,
}

impl Protocol {
    /// True when it is read above TCP, which needs segments in order.
    pub(crate) fn is_layer_7(&self) -> bool {
        !matches!(self.name.as_str(), "tcp" | "udp" | "icmp" | "router-traffic")
    }
}

impl Default for Inspections {
    fn default() -> Self {
        Self {
            rules: BTreeMap::new(),
            idle: SimDuration::from_secs(3600),
            synwait: SimDuration::from_secs(30),
            finwait: SimDuration::from_secs(5),
            marks: Marks {
                incomplete_high: 500,
                incomplete_low: 400,
                minute_high: 500,
                minute_low: 400,
                host: 50,
                ..Marks::unlimited()
            },
            room: Room {
                segments: 16,
                time: SimDuration::from_secs(5),
                rule: lengthened(Rule::default("ip inspect tcp reassembly queue length 16", GUIDE)),
            },
            log_drops: false,
            audit: false,
            block_non_session: None,
        }
    }
}

impl Inspections {
    /// The protocol that the rule of this name inspects connections to `port` for: the application's
    /// own, or TCP.
    pub(crate) fn protocol(&self, name: &str, destination_port: u16) -> Option<&Protocol> {
        let protocols = self.rules.get(name)?;
        let own = protocols.iter().find(|p| port(&p.name) == Some(destination_port));
        own.or_else(|| protocols.iter().find(|p| p.name == "tcp"))
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
                self.name(name, protocol, options, line, text, found);
            }
            ["name", ..] => {
                found.error(line, "", "expected ip inspect name NAME PROTOCOL");
            }
            ["tcp", "idle-time", value] => seconds(Some(value), &mut self.idle, line, found),
            ["tcp", "synwait-time", value] => seconds(Some(value), &mut self.synwait, line, found),
            ["tcp", "finwait-time", value] => seconds(Some(value), &mut self.finwait, line, found),
            ["max-incomplete", "high", value] => {
                count(value, &mut self.marks.incomplete_high, line, found);
            }
            ["max-incomplete", "low", value] => {
                count(value, &mut self.marks.incomplete_low, line, found);
            }
            ["one-minute", "high", value] => {
                count(value, &mut self.marks.minute_high, line, found);
            }
            ["one-minute", "low", value] => count(value, &mut self.marks.minute_low, line, found),
            ["tcp", "max-incomplete", "host", value, rest @ ..] => {
                count(value, &mut self.marks.host, line, found);
                self.marks.host_place = Some(text.place(line));
                if let ["block-time", minutes] = rest {
                    let mut number = 0;
                    count(minutes, &mut number, line, found);
                    self.marks.block = SimDuration::from_secs(60) * u64::from(number);
                }
            }
            ["tcp", "reassembly", "queue", "length", value] => {
                count(value, &mut self.room.segments, line, found);
                self.room.rule = lengthened(Rule::config(line.text(), text.place(line), GUIDE));
            }
            ["tcp", "reassembly", "timeout", value] => {
                seconds(Some(value), &mut self.room.time, line, found);
            }
            ["tcp", "block-non-session"] => self.block_non_session = Some(text.place(line)),
            ["audit-trail"] => self.audit = true,
            ["log", "drop-pkt"] => self.log_drops = true,
            ["tcp", "reassembly" | "window-scale-enforcement", ..]
            | [
                "udp" | "dns-timeout" | "alert-off" | "log" | "hashtable-size" | "L2-transparent"
                | "WAAS" | "waas",
                ..,
            ] => {}
            [_, "in" | "out"] => return false,
            [given, ..] => {
                let known = ["name", "tcp", "udp", "max-incomplete", "one-minute", "audit-trail"];
                let message = format!("unknown command {} after ip inspect", quoted(given));
                match nearest(given, known) {
                    Some(meant) => {
                        found.error(line, given, message).help(format!("did you mean {meant}?"));
                    }
                    None => {
                        found.warn(line, given, message);
                    }
                }
            }
            [] => {
                found.error(line, "", "expected name, tcp, udp or max-incomplete after ip inspect");
            }
        }
        true
    }

    fn name(
        &mut self,
        name: &str,
        protocol: &str,
        options: &[&str],
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) {
        let after = |word: &str| {
            options.iter().position(|w| *w == word).map(|at| options.get(at + 1).copied())
        };
        let audit = after("audit-trail").map(|word| word != Some("off"));
        let rules = self.rules.entry(name.to_owned()).or_default();
        rules.push(Protocol { name: protocol.to_owned(), audit, place: text.place(line) });
        if let ("tcp", Some(value)) = (protocol, after("timeout")) {
            seconds(value.as_ref(), &mut self.idle, line, found);
        }
    }
}

fn lengthened(rule: Arc<Rule>) -> Arc<Rule> {
    longer_queue(rule, &["ip inspect tcp reassembly queue length 1024"], GUIDE)
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
