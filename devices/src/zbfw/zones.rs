//! The zone-based firewall's lines: zones, zone-pairs, and the class, policy and parameter maps of
//! type inspect.

use std::sync::Arc;

use sim_core::engine::device::{ConfigLine, Rule};
use sim_core::time::SimDuration;

use crate::config::words::nearest;
use crate::config::{ConfigText, Diagnostics, Line, quoted};
use crate::ios::Named;
use crate::ios::half_open::Marks;
use crate::ios::reassembly::Room;
use crate::ios::remedy::longer_queue;

use super::layer7::{self, Layer7};

/// Everything about zones.
#[derive(Clone, Debug)]
pub(crate) struct Zones {
    pub(crate) room: Room,
    pub(crate) zones: Vec<Named>,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) classes: Vec<Class>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) parameters: Vec<Parameters>,
    pub(super) layer7: Layer7,
}

impl Default for Zones {
    fn default() -> Self {
        let rule = lengthened(Rule::default("tcp reassembly queue length 16", super::GUIDE));
        let room = Room { segments: 16, time: SimDuration::from_secs(5), rule };
        Self {
            room,
            zones: Vec::new(),
            pairs: Vec::new(),
            classes: Vec::new(),
            policies: Vec::new(),
            parameters: Vec::new(),
            layer7: Layer7::default(),
        }
    }
}

/// `zone-pair security NAME source A destination B`.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) destination: String,
    pub(crate) policy: Option<Named>,
    /// A line that gives it a policy and is not understood.
    pub(crate) unread: Option<ConfigLine>,
    pub(crate) place: ConfigLine,
}

/// The zone of the router itself, which nobody defines.
pub(crate) const SELF: &str = "self";

impl Pair {
    /// True for what the router itself sends or is sent.
    pub(crate) fn is_of_router(&self) -> bool {
        self.source == SELF || self.destination == SELF
    }
}

/// `class-map type inspect`.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub(crate) name: String,
    pub(crate) all: bool,
    pub(crate) criteria: Vec<Criterion>,
    pub(crate) place: ConfigLine,
}

/// One `match` line.
#[derive(Clone, Debug)]
pub(crate) struct Criterion {
    pub(crate) on: On,
    pub(crate) negated: bool,
    pub(crate) place: ConfigLine,
}

/// What a `match` line looks at.
#[derive(Clone, Debug)]
pub(crate) enum On {
    Protocol(String),
    AccessGroup(String),
    Class(String),
}

/// `policy-map type inspect`.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) name: String,
    pub(crate) classes: Vec<PolicyClass>,
    pub(crate) place: ConfigLine,
}

/// `class type inspect NAME` in a policy-map.
#[derive(Clone, Debug)]
pub(crate) struct PolicyClass {
    pub(crate) name: String,
    pub(crate) place: ConfigLine,
    pub(crate) action: Option<(Action, ConfigLine)>,
    /// `service-policy http NAME`.
    pub(super) http: Option<Named>,
}

/// What a class does with its packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// With the name of a parameter-map.
    Inspect(Option<String>),
    Pass,
    Drop,
}

/// `parameter-map type inspect`.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    pub(crate) name: String,
    pub(crate) synwait: SimDuration,
    pub(crate) finwait: SimDuration,
    pub(crate) idle: SimDuration,
    /// False with `tcp window-scale-enforcement loose`.
    pub(crate) enforce_window_scale: bool,
    pub(crate) marks: Marks,
    /// `tcp syn-flood limit N`, with its line.
    pub(crate) syn_flood: Option<(u32, ConfigLine)>,
    /// `sessions maximum N`, with its line.
    pub(crate) sessions: Option<(u32, ConfigLine)>,
    /// `log dropped-packets`.
    pub(crate) logs_drops: bool,
}

impl Parameters {
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            synwait: SimDuration::from_secs(30),
            finwait: SimDuration::from_secs(5),
            idle: SimDuration::from_secs(3600),
            enforce_window_scale: true,
            marks: Marks::unlimited(),
            syn_flood: None,
            sessions: None,
            logs_drops: false,
        }
    }
}

/// The open block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Zone,
    Pair(usize),
    Class(usize),
    /// With the class that is open in it.
    Policy(usize, Option<usize>),
    Parameters(usize),
    /// `parameter-map type ooo global`.
    OutOfOrder,
    /// A map of layer 7.
    Layer7(layer7::Block),
    /// Layer 7 maps of protocols that are not read, and other kinds of parameter maps.
    NotModelled,
}

impl Block {
    /// The block's commands.
    pub(crate) const fn commands(&self) -> &'static [&'static str] {
        match self {
            Self::Zone | Self::NotModelled => &["description"],
            Self::Layer7(block) => block.commands(),
            Self::Pair(_) => &["service-policy", "description"],
            Self::Class(_) => &["match", "description"],
            Self::Policy(..) => &["class", "inspect", "pass", "drop", "police", "service-policy"],
            Self::Parameters(_) => &["tcp", "udp", "max-incomplete", "one-minute", "audit-trail"],
            Self::OutOfOrder => &["tcp"],
        }
    }

    /// Says that a line is none of the block's commands.
    pub(crate) fn unknown(&self, line: &Line<'_>, found: &mut Diagnostics) {
        let block = match self {
            Self::Zone
            | Self::NotModelled
            | Self::Layer7(_)
            | Self::Parameters(_)
            | Self::OutOfOrder => return,
            Self::Pair(_) => "a zone-pair",
            Self::Class(_) => "a class-map",
            Self::Policy(..) => "a policy-map",
        };
        let word = line.words[0];
        let report =
            found.error(line, word, format!("unknown command in {block}: {}", quoted(word)));
        if let Some(meant) = nearest(word, self.commands().iter().copied()) {
            report.help(format!("did you mean {meant}?"));
        }
    }
}

impl Zones {
    pub(crate) fn class(&self, name: &str) -> Option<&Class> {
        self.classes.iter().find(|c| c.name == name)
    }

    pub(crate) fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|p| p.name == name)
    }

    /// True with `zone security default`: interfaces of no zone are in it.
    pub(crate) fn has_default(&self) -> bool {
        self.zones.iter().any(|zone| zone.name == "default")
    }

    /// From how many half-open sessions on the firewall sends SYN cookies, with the line that says so.
    pub(crate) fn syn_flood(&self) -> Option<&(u32, ConfigLine)> {
        self.parameters.iter().find_map(|p| p.syn_flood.as_ref())
    }

    /// Reads a command of the global mode; the block that it opens when it is one about zones.
    pub(crate) fn outer(
        &mut self,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> Option<Block> {
        let place = || text.place(line);
        if let Some(block) = self.layer7.outer(line) {
            return Some(Block::Layer7(block));
        }
        Some(match line.words.as_slice() {
            ["zone", "security", name, ..] => {
                self.zones.push(Named { name: (*name).to_owned(), place: place() });
                Block::Zone
            }
            [
                "zone-pair",
                "security",
                name,
                "source",
                source,
                "destination" | "dest",
                destination,
            ] => {
                // Opened again, a zone-pair keeps its policy.
                let is_same = |p: &Pair| {
                    p.name == *name && p.source == *source && p.destination == *destination
                };
                let known = self.pairs.iter().position(is_same);
                Block::Pair(known.unwrap_or_else(|| {
                    self.pairs.push(Pair {
                        name: (*name).to_owned(),
                        source: (*source).to_owned(),
                        destination: (*destination).to_owned(),
                        policy: None,
                        unread: None,
                        place: place(),
                    });
                    self.pairs.len() - 1
                }))
            }
            ["zone-pair", ..] => {
                let message = "expected zone-pair security NAME source ZONE destination ZONE";
                found.error(line, "", message);
                Block::NotModelled
            }
            ["class-map", "type", "inspect", rest @ ..] => {
                let (all, name) = match rest {
                    ["match-any", name] => (false, name),
                    ["match-all", name] | [name] => (true, name),
                    _ => return Some(Block::NotModelled),
                };
                let known = self.classes.iter().position(|c| c.name == *name);
                Block::Class(known.unwrap_or_else(|| {
                    let (name, place) = ((*name).to_owned(), place());
                    self.classes.push(Class { name, all, criteria: Vec::new(), place });
                    self.classes.len() - 1
                }))
            }
            ["policy-map", "type", "inspect", name] => {
                let known = self.policies.iter().position(|p| p.name == *name);
                let at = known.unwrap_or_else(|| {
                    let (name, place) = ((*name).to_owned(), place());
                    self.policies.push(Policy { name, classes: Vec::new(), place });
                    self.policies.len() - 1
                });
                Block::Policy(at, None)
            }
            // IOS-XE writes the one for the whole device with a hyphen.
            ["parameter-map", "type", "inspect", name]
            | ["parameter-map", "type", name @ "inspect-global"] => {
                let name = if *name == "inspect-global" { &"global" } else { name };
                let known = self.parameters.iter().position(|p| p.name == *name);
                Block::Parameters(known.unwrap_or_else(|| {
                    self.parameters.push(Parameters::named(name));
                    self.parameters.len() - 1
                }))
            }
            ["parameter-map", "type", "ooo", "global"] => Block::OutOfOrder,
            ["class-map" | "policy-map", "type", ..] | ["parameter-map", ..] => Block::NotModelled,
            _ => return None,
        })
    }

    /// Reads a command of the open block; the block that is open after it, when it was one.
    pub(crate) fn inner(
        &mut self,
        block: Block,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> Option<Block> {
        if line.words[0] == "description" {
            return Some(block);
        }
        match block {
            Block::NotModelled => (line.indent > 0).then_some(Block::NotModelled),
            Block::Layer7(ref open) => {
                let is_its = self.layer7.inner(open, line, text, found) || line.indent > 0;
                is_its.then_some(block)
            }
            Block::Zone => None,
            Block::Pair(at) => match line.words.as_slice() {
                ["service-policy", "type", "inspect", name] => {
                    let named = Named { name: (*name).to_owned(), place: text.place(line) };
                    self.pairs[at].policy = Some(named);
                    Some(block)
                }
                ["service-policy", given, ..] => {
                    found.error(line, given, "expected service-policy type inspect NAME");
                    self.pairs[at].unread = Some(text.place(line));
                    Some(block)
                }
                _ => None,
            },
            Block::Class(at) => self.criterion(at, line, text, found).then_some(Block::Class(at)),
            Block::Policy(at, class) => self.action(at, class, line, text, found),
            Block::Parameters(at) => {
                self.parameter(at, line, text, found).then_some(Block::Parameters(at))
            }
            Block::OutOfOrder => {
                let (slot, value) = match line.words.as_slice() {
                    ["tcp", "reassembly", "queue", "length", value] => {
                        (&mut self.room.segments, value)
                    }
                    ["tcp", "reassembly", "timeout", value] => {
                        if let Some(time) = seconds(value, line, found) {
                            self.room.time = time;
                        }
                        return Some(Block::OutOfOrder);
                    }
                    _ => return (line.indent > 0).then_some(Block::OutOfOrder),
                };
                if let Some(number) = number(value, line, found) {
                    *slot = number;
                    let rule = Rule::config(line.text(), text.place(line), super::GUIDE);
                    self.room.rule = lengthened(rule);
                }
                Some(Block::OutOfOrder)
            }
        }
    }

    fn criterion(
        &mut self,
        at: usize,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> bool {
        let ["match", rest @ ..] = line.words.as_slice() else { return false };
        let (negated, rest) = match rest {
            ["not", rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let on = match rest {
            ["protocol", name, ..] => On::Protocol((*name).to_owned()),
            ["access-group", "name", name] | ["access-group", name] => {
                On::AccessGroup((*name).to_owned())
            }
            ["class-map", name] => On::Class((*name).to_owned()),
            [criterion @ ("user-group" | "field"), ..] => {
                let message = format!("match {criterion} is not modelled: it is left out");
                found.warn(line, criterion, message);
                return true;
            }
            _ => {
                let given = rest.first().copied().unwrap_or("");
                let message = format!(
                    "expected protocol, access-group or class-map, found {}",
                    quoted(given)
                );
                found.error(line, given, message);
                return true;
            }
        };
        self.classes[at].criteria.push(Criterion { on, negated, place: text.place(line) });
        true
    }

    fn action(
        &mut self,
        at: usize,
        class: Option<usize>,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> Option<Block> {
        let classes = &mut self.policies[at].classes;
        let action = match line.words.as_slice() {
            ["class", "type", "inspect", name] | ["class", name @ "class-default"] => {
                let known = classes.iter().position(|c| c.name == *name);
                let open = known.unwrap_or_else(|| {
                    let (name, place) = ((*name).to_owned(), text.place(line));
                    classes.push(PolicyClass { name, place, action: None, http: None });
                    classes.len() - 1
                });
                return Some(Block::Policy(at, Some(open)));
            }
            ["class", ..] => {
                found.error(line, "", "expected class type inspect NAME or class class-default");
                return Some(Block::Policy(at, class));
            }
            ["inspect"] => Action::Inspect(None),
            ["inspect", parameters] => Action::Inspect(Some((*parameters).to_owned())),
            ["pass"] | ["pass", "log"] => Action::Pass,
            ["drop"] | ["drop", "log"] => Action::Drop,
            ["service-policy", "http", name] => {
                if let Some(class) = class.and_then(|class| classes.get_mut(class)) {
                    let (name, place) = ((*name).to_owned(), text.place(line));
                    class.http = Some(Named { name, place });
                }
                return Some(Block::Policy(at, class));
            }
            ["service-policy", protocol, name] => {
                let message = format!(
                    "deep inspection of {protocol} (policy-map {name}) is not modelled: what it would \
                     reset passes here; it sees only a part of the stream when MPTCP splits it, and \
                     {}",
                    crate::ios::audit::advice()
                );
                found.warn(line, protocol, message);
                return Some(Block::Policy(at, class));
            }
            ["police" | "service-policy" | "urlfilter", ..] => {
                return Some(Block::Policy(at, class));
            }
            _ => return None,
        };
        match class.and_then(|class| classes.get_mut(class)) {
            Some(class) => class.action = Some((action, text.place(line))),
            None => {
                found
                    .error(line, line.words[0], "this action belongs to a class, and none is open")
                    .help("put `class type inspect NAME` before it");
            }
        }
        Some(Block::Policy(at, class))
    }

    fn parameter(
        &mut self,
        at: usize,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> bool {
        let parameters = &mut self.parameters[at];
        let marks = &mut parameters.marks;
        let mut time = |slot: &mut SimDuration, word: &str| {
            if let Some(time) = seconds(word, line, found) {
                *slot = time;
            }
        };
        match line.words.as_slice() {
            ["tcp", "synwait-time", value, ..] => time(&mut parameters.synwait, value),
            ["tcp", "finwait-time", value, ..] => time(&mut parameters.finwait, value),
            ["tcp", "idle-time", value, ..] => time(&mut parameters.idle, value),
            ["tcp", "window-scale-enforcement", "loose"] => parameters.enforce_window_scale = false,
            ["sessions", "maximum", value] => {
                if let Some(most) = number(value, line, found) {
                    parameters.sessions = Some((most, text.place(line)));
                }
            }
            ["log", "dropped-packets", ..] => parameters.logs_drops = true,
            ["tcp", "max-incomplete", "host", value, rest @ ..] => {
                if let Some(most) = number(value, line, found) {
                    marks.host = most;
                    marks.host_place = Some(text.place(line));
                }
                if let ["block-time", minutes] = rest
                    && let Some(minutes) = number(minutes, line, found)
                {
                    marks.block = SimDuration::from_secs(60) * u64::from(minutes);
                }
            }
            [what @ ("max-incomplete" | "one-minute"), rest @ ..] => {
                let (high, low) = match *what {
                    "one-minute" => (&mut marks.minute_high, &mut marks.minute_low),
                    _ => (&mut marks.incomplete_high, &mut marks.incomplete_low),
                };
                for two in rest.chunks(2) {
                    match two {
                        ["high", value] => *high = number(value, line, found).unwrap_or(*high),
                        ["low", value] => *low = number(value, line, found).unwrap_or(*low),
                        _ => {
                            found.error(line, two[0], "expected low NUMBER or high NUMBER");
                        }
                    }
                }
            }
            ["tcp", "syn-flood", "limit", value] => {
                if let Some(limit) = number(value, line, found) {
                    parameters.syn_flood = Some((limit, text.place(line)));
                }
            }
            ["tcp", "syn-flood", ..] => {
                let message = "only tcp syn-flood limit is modelled: while SYN cookies are sent, MPTCP falls back";
                found.warn(line, "syn-flood", message);
            }
            ["tcp" | "udp" | "icmp" | "dns-timeout" | "audit-trail" | "alert" | "sessions", ..] => {
            }
            _ => return line.indent > 0,
        }
        true
    }
}

fn lengthened(rule: Arc<Rule>) -> Arc<Rule> {
    let lines = ["parameter-map type ooo global", " tcp reassembly queue length 1024"];
    longer_queue(rule, &lines, super::GUIDE)
}

fn seconds(word: &str, line: &Line<'_>, found: &mut Diagnostics) -> Option<SimDuration> {
    match word.parse::<u32>() {
        Ok(value @ 1..) => Some(SimDuration::from_secs(u64::from(value))),
        _ => {
            found.error(line, word, format!("expected seconds, found {}", quoted(word)));
            None
        }
    }
}

fn number(word: &str, line: &Line<'_>, found: &mut Diagnostics) -> Option<u32> {
    let number = word.parse().ok();
    if number.is_none() {
        found.error(line, word, format!("expected a number, found {}", quoted(word)));
    }
    number
}
