//! Layer 7 maps of the modular policy framework: what an inspection is told to look for.

use std::collections::BTreeMap;

use regex::bytes::{Regex, RegexBuilder};
use sim_core::engine::device::ConfigLine;

use crate::config::{ConfigText, Diagnostics, Line, quoted};
use crate::inspect::http::{HttpRule, Part};

/// Largest compiled expression, in bytes: a longer one is refused rather than waited for.
const REGEX_MAX: usize = 1 << 20;

/// The maps.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer7 {
    regexes: BTreeMap<String, Regex>,
    /// `class-map type regex`: one of the expressions must hold.
    regex_classes: BTreeMap<String, Vec<String>>,
    http_classes: BTreeMap<String, HttpClass>,
    http_maps: BTreeMap<String, HttpMap>,
    pub(super) dns_maps: BTreeMap<String, DnsMap>,
    pub(super) esmtp_maps: BTreeMap<String, EsmtpMap>,
}

/// `class-map type inspect http`.
#[derive(Clone, Debug, Default)]
struct HttpClass {
    /// `match-any`: one of the parts suffices.
    any: bool,
    parts: Vec<Part>,
}

impl HttpClass {
    /// The sets of parts of which one must hold.
    fn alternatives(&self) -> Vec<Vec<Part>> {
        match self.any {
            true => self.parts.iter().map(|part| vec![part.clone()]).collect(),
            false => vec![self.parts.clone()],
        }
    }
}

/// `policy-map type inspect http`.
#[derive(Clone, Debug, Default)]
pub(super) struct HttpMap {
    rules: Vec<MapRule>,
}

/// A `match` or `class` of a policy-map.
#[derive(Clone, Debug)]
struct MapRule {
    /// The sets of parts of which one must hold.
    alternatives: Vec<Vec<Part>>,
    /// True for a reset, false for drops.
    stops: Option<bool>,
    place: ConfigLine,
}

/// `policy-map type inspect dns`.
#[derive(Clone, Debug, Default)]
pub(super) struct DnsMap {
    /// `message-length maximum N`.
    pub(super) length_maximum: Option<usize>,
    /// `tcp-inspection`.
    pub(super) over_tcp: bool,
}

/// `policy-map type inspect esmtp`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EsmtpMap {
    /// `allow-tls`.
    pub(super) allow_tls: bool,
}

/// The open block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    RegexClass(String),
    HttpClass(String),
    HttpMap(String),
    DnsMap(String),
    EsmtpMap(String),
    /// A map of an inspection that is not modelled.
    Other,
}

impl HttpMap {
    /// The rules that stop a connection, with their lines.
    pub(super) fn blocking(&self) -> (Vec<HttpRule>, Vec<ConfigLine>) {
        let mut stopping = (Vec::new(), Vec::new());
        for rule in &self.rules {
            let Some(reset) = rule.stops else { continue };
            for parts in rule.alternatives.iter().cloned() {
                stopping.0.push(HttpRule { parts, reset });
                stopping.1.push(rule.place.clone());
            }
        }
        stopping
    }
}

impl Layer7 {
    pub(super) fn http_map(&self, name: &str) -> Option<&HttpMap> {
        self.http_maps.get(name)
    }

    /// Opens a block, or takes a `regex` line, whose block is none.
    pub(super) fn outer(&mut self, line: &Line<'_>, found: &mut Diagnostics) -> Option<Block> {
        let own = |name: &&str| (*name).to_owned();
        Some(match line.words.as_slice() {
            ["regex", name, pattern, ..] => {
                let pattern = line.rest_from(pattern).trim_matches('"');
                match RegexBuilder::new(pattern).unicode(false).size_limit(REGEX_MAX).build() {
                    Ok(regex) => {
                        self.regexes.insert(own(name), regex);
                    }
                    Err(_) => {
                        let message = "this expression is not understood: it matches nothing";
                        found.warn(line, "", message);
                    }
                }
                Block::Other
            }
            ["class-map", "type", "regex", "match-any", name] => {
                self.regex_classes.entry(own(name)).or_default();
                Block::RegexClass(own(name))
            }
            ["class-map", "type", "inspect", "http", rest @ ..] => match rest {
                [how @ ("match-all" | "match-any"), name] => {
                    let class = self.http_classes.entry(own(name)).or_default();
                    class.any = *how == "match-any";
                    Block::HttpClass(own(name))
                }
                [name] => {
                    self.http_classes.entry(own(name)).or_default();
                    Block::HttpClass(own(name))
                }
                _ => Block::Other,
            },
            ["policy-map", "type", "inspect", "http", name] => {
                self.http_maps.entry(own(name)).or_default();
                Block::HttpMap(own(name))
            }
            ["policy-map", "type", "inspect", "dns", name] => {
                self.dns_maps.entry(own(name)).or_default();
                Block::DnsMap(own(name))
            }
            ["policy-map", "type", "inspect", "esmtp", name] => {
                self.esmtp_maps.entry(own(name)).or_default();
                Block::EsmtpMap(own(name))
            }
            ["policy-map", "type", kind, ..] if *kind != "inspect" => {
                let message = format!("expected inspect after policy-map type, found `{kind}`");
                found.error(line, kind, message);
                Block::Other
            }
            ["class-map" | "policy-map", "type", ..] => Block::Other,
            _ => return None,
        })
    }

    /// Takes a line of a block; false when it is none of its commands.
    pub(super) fn inner(
        &mut self,
        block: &Block,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> bool {
        match (block, line.words.as_slice()) {
            (Block::RegexClass(name), ["match", "regex", regex]) => {
                self.regex_classes.entry(name.clone()).or_default().push((*regex).to_owned());
            }
            (Block::HttpClass(name), ["match", rest @ ..]) => {
                let part = self.part(rest, line, found);
                self.http_classes.entry(name.clone()).or_default().parts.extend(part);
            }
            (Block::HttpMap(name), words) => {
                let rule = match words {
                    ["match", rest @ ..] => self.part(rest, line, found).map(|p| vec![vec![p]]),
                    ["class", class] => match self.http_classes.get(*class) {
                        Some(class) => Some(class.alternatives()),
                        None => {
                            let message =
                                format!("class-map type inspect http {class} is not defined");
                            found.warn(line, class, message);
                            None
                        }
                    },
                    ["protocol-violation", ..] => Some(vec![vec![Part::Violation]]),
                    _ => None,
                };
                let map = self.http_maps.entry(name.clone()).or_default();
                if let Some(alternatives) = rule {
                    let (stops, place) = (action(words), text.place(line));
                    map.rules.push(MapRule { alternatives, stops, place });
                    return true;
                }
                match (action(words), map.rules.last_mut()) {
                    (Some(reset), Some(last)) => last.stops = Some(reset),
                    _ => {
                        return line.indent > 0
                            || matches!(words, ["parameters" | "log" | "match" | "class", ..]);
                    }
                }
            }
            (Block::DnsMap(name), ["message-length", "maximum", length]) => match length.parse() {
                Ok(length) => {
                    self.dns_maps.entry(name.clone()).or_default().length_maximum = Some(length);
                }
                Err(_) => {
                    found.error(
                        line,
                        length,
                        format!("expected a length, found {}", quoted(length)),
                    );
                }
            },
            (Block::DnsMap(name), ["tcp-inspection"]) => {
                self.dns_maps.entry(name.clone()).or_default().over_tcp = true;
            }
            (Block::EsmtpMap(name), ["allow-tls", ..]) => {
                self.esmtp_maps.entry(name.clone()).or_default().allow_tls = true;
            }
            (_, ["parameters" | "description" | "match" | "message-length" | "no", ..]) => {}
            _ => return line.indent > 0,
        }
        true
    }

    /// `request uri regex NAME`, `request header host regex class NAME`, …
    fn part(&self, words: &[&str], line: &Line<'_>, found: &mut Diagnostics) -> Option<Part> {
        let regex = match words {
            [.., "regex", "class", name] => self.class_regex(name),
            [.., "regex", name] => self.regexes.get(*name).cloned(),
            _ => None,
        };
        let part = Part::of_criterion(words, regex);
        if part.is_none() {
            let message = "this criterion is not modelled: it holds for nothing";
            found.warn(line, "", message);
        }
        part
    }

    /// One expression for all of a class.
    fn class_regex(&self, name: &str) -> Option<Regex> {
        let names = self.regex_classes.get(name)?;
        let all: Vec<String> =
            names.iter().filter_map(|n| Some(format!("(?:{})", self.regexes.get(n)?))).collect();
        RegexBuilder::new(&all.join("|")).unicode(false).size_limit(REGEX_MAX).build().ok()
    }
}

/// What a line does to a connection: true for a reset, false for drops; `None` when it goes on.
fn action(words: &[&str]) -> Option<bool> {
    words.iter().find_map(|word| match *word {
        "reset" => Some(true),
        "drop-connection" | "drop" => Some(false),
        _ => None,
    })
}
