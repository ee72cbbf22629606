//! The lines of the modular quality-of-service command line (Cisco IOS Quality of Service Solutions
//! Command Reference).

use sim_core::units::BitRate;

use crate::config::words::{nearest, port};
use crate::config::{ConfigText, Diagnostics, Line, quoted};

use super::config::{
    Action, ClassMap, Criterion, Field, On, PolicyClass, PolicyMap, Quality, Share,
};

/// The open block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Class(usize),
    /// With the class that is open in it.
    Policy(usize, Option<usize>),
}

impl Block {
    /// The block's commands.
    pub(crate) const fn commands(self) -> &'static [&'static str] {
        match self {
            Self::Class(_) => &["match", "description"],
            Self::Policy(..) => &[
                "class",
                "bandwidth",
                "priority",
                "police",
                "shape",
                "drop",
                "set",
                "service-policy",
                "queue-limit",
                "fair-queue",
                "random-detect",
                "description",
            ],
        }
    }

    /// Says that a line is none of the block's commands.
    pub(crate) fn unknown(self, line: &Line<'_>, found: &mut Diagnostics) {
        let word = line.words[0];
        let block = match self {
            Self::Class(_) => "a class-map",
            Self::Policy(..) => "a policy-map",
        };
        match nearest(word, self.commands().iter().copied()) {
            Some(meant) => found
                .error(line, word, format!("unknown command in {block}: {}", quoted(word)))
                .help(format!("did you mean {meant}?")),
            None => {
                let message = format!("{} in {block} is not modelled", quoted(word));
                found.warn(line, word, message);
            }
        }
    }
}

impl Quality {
    /// Reads a command of the global mode; the block that it opens when it is one of these.
    pub(crate) fn outer(
        &mut self,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> Option<Option<Block>> {
        let place = || text.place(line);
        Some(Some(match line.words.as_slice() {
            ["class-map", rest @ ..] if rest.first() != Some(&"type") => {
                let (all, name) = match rest {
                    ["match-any", name] => (false, name),
                    ["match-all", name] | [name] => (true, name),
                    _ => {
                        found.error(line, "", "expected class-map [match-any | match-all] NAME");
                        return Some(None);
                    }
                };
                let known = self.classes.iter().position(|c| c.name == *name);
                Block::Class(known.unwrap_or_else(|| {
                    self.classes.push(ClassMap {
                        name: (*name).to_owned(),
                        all,
                        criteria: Vec::new(),
                    });
                    self.classes.len() - 1
                }))
            }
            ["policy-map", name] => {
                let known = self.policies.iter().position(|p| p.name == *name);
                let at = known.unwrap_or_else(|| {
                    let (name, place) = ((*name).to_owned(), place());
                    self.policies.push(PolicyMap { name, classes: Vec::new(), place });
                    self.policies.len() - 1
                });
                Block::Policy(at, None)
            }
            ["policy-map"] => {
                found.error(line, "", "expected policy-map NAME");
                return Some(None);
            }
            ["ip", "nbar", "port-map", protocol, rest @ ..] => {
                let tcp =
                    rest.iter().position(|w| *w == "tcp").map_or(&[][..], |at| &rest[at + 1..]);
                let ports: Vec<u16> = tcp.iter().map_while(|word| port(word)).collect();
                self.port_maps.push(((*protocol).to_owned(), ports));
                return Some(None);
            }
            ["ip", "nbar", ..] => return Some(None),
            _ => return None,
        }))
    }

    /// Reads a command of the open block; the block that is open after it, when it was one.
    pub(crate) fn inner(
        &mut self,
        block: Block,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> Option<Block> {
        match block {
            Block::Class(at) => match line.words.as_slice() {
                ["match", rest @ ..] => {
                    let (negated, rest) = match rest {
                        ["not", rest @ ..] => (true, rest),
                        rest => (false, rest),
                    };
                    let on = criterion(rest, line, found)?;
                    let place = text.place(line);
                    self.classes[at].criteria.push(Criterion { on, negated, place });
                    Some(block)
                }
                ["description", ..] => Some(block),
                _ => None,
            },
            Block::Policy(at, class) => self.policy_line(at, class, line, text, found),
        }
    }

    fn policy_line(
        &mut self,
        at: usize,
        class: Option<usize>,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> Option<Block> {
        let block = Block::Policy(at, class);
        let classes = &mut self.policies[at].classes;
        let (action, place) = match line.words.as_slice() {
            ["class", name, ..] => {
                let known = classes.iter().position(|c| c.name == *name);
                let open = known.unwrap_or_else(|| {
                    let (name, place) = ((*name).to_owned(), text.place(line));
                    classes.push(PolicyClass { name, place, actions: Vec::new() });
                    classes.len() - 1
                });
                return Some(Block::Policy(at, Some(open)));
            }
            ["description", ..] => return Some(block),
            [word, ..] if !block.commands().contains(word) && *word != "no" => {
                // What follows a police command on lines of its own.
                let of_police =
                    matches!(*word, "conform-action" | "exceed-action" | "violate-action");
                if let Some(class) = class.and_then(|class| classes.get_mut(class))
                    && of_police
                    && let Some(at) =
                        class.actions.iter().rposition(|(a, _)| matches!(a, Action::Police(..)))
                {
                    match policed(&line.words) {
                        Policed::Limited => {}
                        Policed::Dropped => class.actions[at] = (Action::Drop, text.place(line)),
                        Policed::Marked => {
                            class.actions.remove(at);
                        }
                    }
                }
                return of_police.then_some(block);
            }
            words => match action(words, line, found) {
                Some(action) => (action, text.place(line)),
                None => return Some(block),
            },
        };
        match class.and_then(|class| classes.get_mut(class)) {
            Some(class) => class.actions.push((action, place)),
            None => {
                found
                    .error(line, line.words[0], "this action belongs to a class, and none is open")
                    .help("put `class NAME` before it");
            }
        }
        Some(block)
    }
}

fn criterion(words: &[&str], line: &Line<'_>, found: &mut Diagnostics) -> Option<On> {
    Some(match words {
        ["any"] => On::Any,
        ["protocol", "attribute", what, ..] => {
            let message =
                format!("match protocol attribute {what} is not modelled: it matches nothing");
            found.warn(line, "attribute", message);
            On::Nothing
        }
        ["protocol", "http", field @ ("host" | "url" | "uri"), pattern] => {
            let field = if *field == "host" { Field::Host } else { Field::Url };
            let pattern = pattern.trim_matches('"').to_owned();
            On::Protocol("http".to_owned(), Some((field, pattern)))
        }
        // All that is of IPv4.
        ["protocol", "ip"] => On::Any,
        ["protocol", name] => On::Protocol((*name).to_owned(), None),
        ["protocol", name, rest @ ..] => {
            let message = format!(
                "match protocol {name} {} is not modelled: it matches all of {name}",
                rest.join(" ")
            );
            found.warn(line, rest[0], message);
            On::Protocol((*name).to_owned(), None)
        }
        ["access-group", "name", name] | ["access-group", name] => {
            On::AccessGroup((*name).to_owned())
        }
        ["class-map", name] => On::Class((*name).to_owned()),
        ["ip", "dscp", values @ ..] | ["dscp", values @ ..] => {
            On::Dscp(values.iter().filter_map(|v| dscp(v)).collect())
        }
        ["ip", "precedence", values @ ..] | ["precedence", values @ ..] => {
            let number = |v: &&str| v.parse::<u8>().ok().filter(|p| *p < 8);
            On::Dscp(values.iter().filter_map(number).flat_map(|p| p * 8..p * 8 + 8).collect())
        }
        [
            "ip"
            | "input-interface"
            | "vlan"
            | "cos"
            | "qos-group"
            | "mpls"
            | "packet"
            | "application"
            | "destination-address"
            | "source-address"
            | "discard-class"
            | "fr-de"
            | "flow",
            ..,
        ] => {
            let message = format!("match {} is not modelled: it matches nothing", words.join(" "));
            found.warn(line, words[0], message);
            On::Nothing
        }
        _ => {
            let given = words.first().copied().unwrap_or("");
            let report = found.error(
                line,
                given,
                format!("expected protocol, access-group, dscp or any, found {}", quoted(given)),
            );
            if let Some(meant) = nearest(given, ["protocol", "access-group", "dscp", "any"]) {
                report.help(format!("did you mean {meant}?"));
            }
            On::Nothing
        }
    })
}

/// The action of a line; `None` for one that changes nothing here, or that cannot be read (which is
/// said).
fn action(words: &[&str], line: &Line<'_>, found: &mut Diagnostics) -> Option<Action> {
    let mut expected = |what: &str| {
        found.error(line, "", format!("expected {what}"));
        None
    };
    let percent = |word: &str| word.parse().ok().filter(|p| (1..=100).contains(p));
    match words {
        ["drop"] => Some(Action::Drop),
        ["police", rest @ ..] => {
            let rest = if rest.first() == Some(&"cir") { &rest[1..] } else { rest };
            let Some(rate) = rest.first().and_then(|word| bits(word)) else {
                if rest.is_empty() || rest[0] == "rate" || rest[0] == "percent" {
                    found.warn(
                        line,
                        words[0],
                        "this form of police is not modelled: it limits nothing",
                    );
                    return None;
                }
                return expected("a rate in bit/s after police");
            };
            let burst = match rest {
                [_, "bc" | "burst", burst, ..] | [_, burst, ..] => burst.parse().ok(),
                _ => None,
            };
            match policed(rest) {
                Policed::Limited => {}
                Policed::Dropped => return Some(Action::Drop),
                Policed::Marked => return None,
            }
            // A quarter of a second where the text names no burst (Cisco IOS, police).
            Some(Action::Police(rate, burst.unwrap_or(rate.0 / 32).max(1500)))
        }
        ["shape", "average", rate, ..] => match bits(rate) {
            Some(rate) => Some(Action::Shape(rate)),
            None => expected("a rate in bit/s after shape average"),
        },
        ["shape", ..] => {
            found.warn(line, "shape", "only shape average RATE is modelled");
            None
        }
        ["bandwidth", "percent" | "remaining", rest @ ..] => {
            let word = rest.iter().rev().find_map(|word| percent(word));
            match word {
                Some(percent) => Some(Action::Bandwidth(Share::Percent(percent))),
                None => expected("a percentage from 1 to 100"),
            }
        }
        ["bandwidth", kbps, ..] => match kbps.parse::<u64>() {
            Ok(kbps) => Some(Action::Bandwidth(Share::Rate(BitRate(kbps.saturating_mul(1000))))),
            Err(_) => expected("kbit/s, or percent NUMBER, after bandwidth"),
        },
        ["priority", ..] => Some(Action::Priority),
        ["set", "ip", "dscp", value] | ["set", "dscp", value] => match dscp(value) {
            Some(value) => Some(Action::SetDscp(value)),
            None => expected("a code point: 0 to 63, ef, af11 … af43, cs0 … cs7, default"),
        },
        ["service-policy", name] => Some(Action::Nested((*name).to_owned())),
        ["set", ..] | ["queue-limit" | "fair-queue" | "random-detect" | "no", ..] => None,
        _ => None,
    }
}

/// What the actions of a police command make of its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policed {
    /// What exceeds the rate is dropped, as where nothing else is said.
    Limited,
    /// What conforms to the rate is dropped already: everything.
    Dropped,
    /// What exceeds the rate goes on.
    Marked,
}

fn policed(words: &[&str]) -> Policed {
    let action = |kind: &str| {
        let at = words.iter().position(|word| *word == kind)?;
        words.get(at + 1).copied()
    };
    let goes_on = |action: Option<&str>| action.is_some_and(|action| action != "drop");
    if action("conform-action") == Some("drop") {
        Policed::Dropped
    } else if goes_on(action("exceed-action")) && action("violate-action") != Some("drop") {
        Policed::Marked
    } else {
        Policed::Limited
    }
}

fn bits(word: &str) -> Option<BitRate> {
    word.parse().ok().filter(|&bits: &u64| bits > 0).map(BitRate)
}

/// A differentiated services code point, by number or by name (RFC 2474, 2597, 3246).
fn dscp(word: &str) -> Option<u8> {
    match word.as_bytes() {
        b"ef" => Some(46),
        b"default" => Some(0),
        [b'a', b'f', class @ b'1'..=b'4', drop @ b'1'..=b'3'] => {
            Some((class - b'0') * 8 + (drop - b'0') * 2)
        }
        [b'c', b's', class @ b'0'..=b'7'] => Some((class - b'0') * 8),
        _ => word.parse().ok().filter(|value| *value < 64),
    }
}
