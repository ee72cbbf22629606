//! `set connection …`: limits, timeouts, sequence numbers, advanced options; and the `timeout` command.

use sim_core::time::SimDuration;

use crate::config::words::nearest;
use crate::config::{ConfigText, Diagnostics, Line, quoted};
use crate::steps::track::Timeouts;

use super::config::{Advanced, ConnectionActions};

/// Timeouts that lines set; `None` where none does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Idle {
    embryonic: Option<SimDuration>,
    half_closed: Option<SimDuration>,
    established: Option<SimDuration>,
}

impl Idle {
    /// `timeout conn 1:00:00 half-closed 0:10:00 …`: pairs, of which some concern TCP.
    pub(super) fn read(&mut self, settings: &[&str], line: &Line<'_>, found: &mut Diagnostics) {
        for pair in settings.chunks(2) {
            if let [key @ ("conn" | "half-closed"), value] = pair {
                self.set(if *key == "conn" { "idle" } else { key }, value, line, found);
            }
        }
    }

    /// Sets the timeout of this name.
    pub(super) fn set(&mut self, key: &str, value: &str, line: &Line<'_>, found: &mut Diagnostics) {
        let time = Some(match read_time(value) {
            Some(time) => time,
            None => {
                let message = format!("expected a time as H:MM:SS, found {}", quoted(value));
                found.error(line, value, message);
                return;
            }
        });
        match key {
            "embryonic" => self.embryonic = time,
            "half-closed" => self.half_closed = time,
            _ => self.established = time,
        }
    }

    /// These timeouts, and those of `otherwise` where a line sets none.
    pub(super) fn over(&self, otherwise: Timeouts) -> Timeouts {
        Timeouts {
            embryonic: self.embryonic.unwrap_or(otherwise.embryonic),
            idle: self.established.unwrap_or(otherwise.idle),
            half_closed: self.half_closed.unwrap_or(otherwise.half_closed),
            closed: otherwise.closed,
        }
    }
}

/// `H:M:S`, or 0 for never.
fn read_time(value: &str) -> Option<SimDuration> {
    /// Longer than any run.
    const NEVER: SimDuration = SimDuration::from_secs(10 * 365 * 86_400);
    let fields: Vec<u64> = value.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    match fields.as_slice() {
        [0] | [0, 0, 0] => Some(NEVER),
        [hours @ 0..=9_999, minutes @ 0..60, seconds @ 0..60] => {
            Some(SimDuration::from_secs(hours * 3600 + minutes * 60 + seconds))
        }
        _ => None,
    }
}

impl ConnectionActions {
    /// Reads what follows `set connection`: several settings may stand on one line.
    pub(super) fn read(
        &mut self,
        mut words: &[&str],
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) {
        self.place.get_or_insert_with(|| text.place(line));
        let place = || text.place(line);
        while let [key, rest @ ..] = words {
            let value = rest.first().copied().unwrap_or("");
            let number = |found: &mut Diagnostics| match value.parse::<u32>() {
                Ok(number) => Some((number, text.place(line))),
                Err(_) => {
                    let message = format!("expected a number after {key}, found {}", quoted(value));
                    found.error(line, value, message);
                    None
                }
            };
            let taken = match *key {
                "advanced-options" if value.is_empty() => {
                    found.error(line, key, "expected the name of a tcp-map after advanced-options");
                    1
                }
                "advanced-options" if matches!(value, "flow-offload" | "sctp-state-bypass") => {
                    if value == "flow-offload" {
                        let message =
                            "what is offloaded is not modelled: it is treated as any flow";
                        found.warn(line, value, message);
                    }
                    1
                }
                "advanced-options" => {
                    let advanced = match value {
                        "tcp-state-bypass" => Advanced::StateBypass,
                        name => Advanced::TcpMap(name.to_owned()),
                    };
                    self.advanced = Some((advanced, place()));
                    1
                }
                "random-sequence-number" => {
                    match value {
                        "disable" => self.randomise = Some((false, place())),
                        "enable" | "" => self.randomise = Some((true, place())),
                        _ => {
                            let message = format!("expected enable or disable, found `{value}`");
                            found.error(line, value, message);
                        }
                    }
                    1
                }
                "embryonic-conn-max" => {
                    self.embryonic_maximum = number(found);
                    1
                }
                "conn-max" => {
                    self.maximum = number(found);
                    1
                }
                "per-client-embryonic-max" => {
                    self.client_embryonic_maximum = number(found);
                    1
                }
                "per-client-max" => {
                    self.client_maximum = number(found);
                    1
                }
                "syn-cookie-mss" => {
                    self.syn_cookie_mss = number(found);
                    1
                }
                "decrement-ttl" => {
                    self.decrement_ttl = Some(place());
                    0
                }
                // Timeouts follow as `NAME H:M:S` in pairs, each read as a setting of its own.
                "timeout" => 0,
                "embryonic" | "half-closed" | "idle" | "tcp" => {
                    self.timeouts.set(key, value, line, found);
                    1
                }
                "reset" => 0,
                // `dcd [RETRY-INTERVAL [MAX-RETRIES]]`
                "dcd" => rest
                    .iter()
                    .take(2)
                    .take_while(|w| w.starts_with(|c: char| c.is_ascii_digit()))
                    .count(),
                _ => {
                    let known = [
                        "advanced-options",
                        "conn-max",
                        "decrement-ttl",
                        "embryonic-conn-max",
                        "per-client-embryonic-max",
                        "per-client-max",
                        "random-sequence-number",
                        "timeout",
                    ];
                    let report = found.error(
                        line,
                        key,
                        format!("unknown setting {} after set connection", quoted(key)),
                    );
                    match nearest(key, known) {
                        Some(meant) => report.help(format!("did you mean {meant}?")),
                        None => report.help(format!("expected one of {}", known.join(", "))),
                    }
                    return;
                }
            };
            words = rest.get(taken..).unwrap_or(&[]);
        }
    }

    pub(super) fn forget(&mut self, what: &str) {
        match what {
            "advanced-options" => self.advanced = None,
            "random-sequence-number" => self.randomise = None,
            "embryonic-conn-max" => self.embryonic_maximum = None,
            "conn-max" => self.maximum = None,
            "per-client-embryonic-max" => self.client_embryonic_maximum = None,
            "per-client-max" => self.client_maximum = None,
            "decrement-ttl" => self.decrement_ttl = None,
            "timeout" => self.timeouts = Idle::default(),
            _ => {}
        }
    }
}
