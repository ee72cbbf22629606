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
    /// `class-map type inspect http`, each with its parts.
    http_classes: BTreeMap<String, Vec<Part>>,
    http_maps: BTreeMap<String, HttpMap>,
    pub(super) dns_maps: BTreeMap<String, DnsMap>,
    pub(super) esmtp_maps: BTreeMap<String, EsmtpMap>,
}

/// `policy-map type inspect http`.
#[derive(Clone, Debug, Default)]
pub(super) struct HttpMap {
    rules: Vec<(Vec<Part>, Option<bool>, ConfigLine)>,
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
        let stops = |(parts, reset, place): &(Vec<Part>, Option<bool>, ConfigLine)| {
            Some((HttpRule { parts: parts.clone(), reset: (*reset)? }, place.clone()))
        };
        self.rules.iter().filter_map(stops).unzip()
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
                ["match-all", name] | [name] => {
                    self.http_classes.entry(own(name)).or_default();
                    Block::HttpClass(own(name))
                }
                // One of several: not modelled, the class holds for nothing.
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
                self.http_classes.entry(name.clone()).or_default().extend(part);
            }
            (Block::HttpMap(name), words) => {
                let rule = match words {
                    ["match", rest @ ..] => self.part(rest, line, found).map(|part| vec![part]),
                    ["class", class] => match self.http_classes.get(*class) {
                        Some(parts) => Some(parts.clone()),
                        None => {
                            let message =
                                format!("class-map type inspect http {class} is not defined");
                            found.warn(line, class, message);
                            None
                        }
                    },
                    ["protocol-violation", ..] => Some(vec![Part::Violation]),
                    _ => None,
                };
                let map = self.http_maps.entry(name.clone()).or_default();
                if let Some(parts) = rule {
                    map.rules.push((parts, action(words), text.place(line)));
                    return true;
                }
                match (action(words), map.rules.last_mut()) {
                    (Some(reset), Some(last)) => last.1 = Some(reset),
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
        let part = match (words, regex) {
            (["request", "uri", ..], Some(regex)) => Part::Uri(regex),
            (["request", "method", "regex", ..], Some(regex)) => Part::Method(regex),
            (["request", "method", name], _) => {
                Part::Method(Regex::new(&format!("(?i)^{}$", regex::escape(name))).ok()?)
            }
            (["request", "header", "regex", ..], Some(regex)) => Part::Header(None, regex),
            (["request", "header", name, ..], Some(regex)) => {
                Part::Header(Some((*name).to_owned()), regex)
            }
            _ => {
                let message = "this criterion is not modelled: it holds for nothing";
                found.warn(line, "", message);
                return None;
            }
        };
        Some(part)
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
