//! The configuration of an accelerator: `tfo` lines, and the waas policy that says what is optimised.

use std::ops::RangeInclusive;

use sim_core::time::SimDuration;
use sim_core::wire::packet::Flow;

use crate::config::blocks::{self, Grammar};
use crate::config::words::port;
use crate::config::{ConfigText, Diagnostics, Line, quoted};

/// A configuration, read.
#[derive(Clone, Debug)]
pub(super) struct WaasConfig {
    enabled: bool,
    pub(super) blacklists: bool,
    pub(super) hold: SimDuration,
    classes: Vec<(String, Vec<Match>)>,
    /// Classes of the policy in order: name, and whether they are optimised.
    policy: Vec<(String, bool)>,
}

/// `match tcp destination port 80`.
#[derive(Clone, Debug)]
enum Match {
    Any,
    Source(RangeInclusive<u16>),
    Destination(RangeInclusive<u16>),
}

impl Default for WaasConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            blacklists: true,
            hold: SimDuration::from_secs(3600),
            classes: Vec::new(),
            policy: Vec::new(),
        }
    }
}

impl WaasConfig {
    /// Reads a text.
    pub(super) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> Self {
        let mut reader = Reader { config: Self::default(), found, block: Block::None };
        blocks::read(text, &mut reader);
        reader.config
    }

    /// True when a new connection of this flow is to be optimised.
    pub(super) fn optimises(&self, flow: Flow) -> bool {
        let holds = |m: &Match| match m {
            Match::Any => true,
            Match::Source(ports) => ports.contains(&flow.src.port()),
            Match::Destination(ports) => ports.contains(&flow.dst.port()),
        };
        let matches = |name: &str| {
            name == "class-default"
                || self.classes.iter().any(|(n, all)| n == name && all.iter().any(holds))
        };
        let ruling = self.policy.iter().find(|(name, _)| matches(name));
        self.enabled && ruling.is_none_or(|(_, optimise)| *optimise)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    None,
    Other,
    Class(usize),
    Policy,
}

struct Reader<'d> {
    config: WaasConfig,
    found: &'d mut Diagnostics,
    block: Block,
}

impl Grammar for Reader<'_> {
    fn outer(&mut self, line: &Line<'_>) -> bool {
        self.block = match line.words.as_slice() {
            ["tfo", "optimize", ..] => {
                self.config.enabled = true;
                Block::None
            }
            ["no", "tfo", "optimize", ..] => {
                self.config.enabled = false;
                Block::None
            }
            ["tfo", "auto-discovery", "blacklist", rest @ ..] => {
                match rest {
                    ["enable"] => self.config.blacklists = true,
                    ["hold-time", minutes] => match minutes.parse::<u32>() {
                        Ok(minutes @ 1..=10_080) => {
                            self.config.hold = SimDuration::from_secs(60) * u64::from(minutes);
                        }
                        _ => {
                            let message = format!(
                                "expected minutes from 1 to 10080, found {}",
                                quoted(minutes)
                            );
                            self.found.error(line, minutes, message);
                        }
                    },
                    _ => {
                        self.found.error(line, "", "expected enable or hold-time MINUTES");
                    }
                }
                Block::None
            }
            ["no", "tfo", "auto-discovery", "blacklist", ..] => {
                self.config.blacklists = false;
                Block::None
            }
            ["class-map", "type", "waas", rest @ ..] => match rest.last() {
                Some(name) => {
                    self.config.classes.push(((*name).to_owned(), Vec::new()));
                    Block::Class(self.config.classes.len() - 1)
                }
                None => Block::Other,
            },
            ["policy-map", "type", "waas", ..] => Block::Policy,
            _ => return false,
        };
        true
    }

    fn inner(&mut self, line: &Line<'_>) -> bool {
        match (self.block, line.words.as_slice()) {
            (Block::Class(at), ["match", "tcp", rest @ ..]) => {
                let one = |range: &[&str]| match range {
                    ["port", first] => port(first).map(|p| p..=p),
                    ["port", first, last] => Some(port(first)?..=port(last)?),
                    _ => None,
                };
                let read = match rest {
                    ["any"] => Some(Match::Any),
                    ["destination", range @ ..] => one(range).map(Match::Destination),
                    ["source", range @ ..] => one(range).map(Match::Source),
                    _ => None,
                };
                match read {
                    Some(read) => self.config.classes[at].1.push(read),
                    None => {
                        self.found.warn(
                            line,
                            "tcp",
                            "this match is not modelled: it holds for nothing",
                        );
                    }
                }
                true
            }
            (Block::Policy, ["class", name, action, ..]) => {
                self.config.policy.push(((*name).to_owned(), *action == "optimize"));
                true
            }
            (Block::Policy, ["class", name]) => {
                self.config.policy.push(((*name).to_owned(), false));
                true
            }
            (Block::Policy, ["optimize" | "pass-through", ..]) => {
                if let Some((_, optimise)) = self.config.policy.last_mut() {
                    *optimise = line.words[0] == "optimize";
                }
                true
            }
            (Block::None, _) => false,
            _ => line.indent > 0,
        }
    }

    fn unknown(&mut self, _line: &Line<'_>) {}

    fn skip(&mut self, line: &Line<'_>) {
        blocks::slip(line, &["class-map", "policy-map"], self.found);
        self.block = Block::Other;
    }
}
