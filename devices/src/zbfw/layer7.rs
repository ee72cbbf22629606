//! Deep inspection of HTTP: the class and policy maps of type inspect http, and what a session's
//! stream is held against by them.
//!
//! Maps name one another in any order; names are resolved when the text has been read.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};
use sim_core::engine::device::{ConfigLine, Rule};

use crate::config::{ConfigText, Diagnostics, Line};
use crate::inspect::http::{Http, HttpRule, Part};
use crate::inspect::{Finding, Inspection};
use crate::ios::{self, Named};
use crate::steps::Pass;
use crate::steps::track::Sender;

/// Largest compiled expression, in bytes: a longer one is refused rather than waited for.
const REGEX_MAX: usize = 1 << 20;

/// The maps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer7 {
    /// `parameter-map type regex`: one of the patterns must hold.
    patterns: BTreeMap<String, Vec<Regex>>,
    classes: BTreeMap<String, HttpClass>,
    policies: BTreeMap<String, Vec<PolicyClass>>,
}

/// `class-map type inspect http`.
#[derive(Clone, Debug)]
struct HttpClass {
    /// `match-any`: one of the criteria suffices.
    any: bool,
    criteria: Vec<ConfigLine>,
}

/// `class type inspect http NAME` in a policy-map of type inspect http.
#[derive(Clone, Debug)]
struct PolicyClass {
    class: Named,
    /// The line of `reset`.
    reset: Option<ConfigLine>,
}

/// The open block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Patterns(String),
    Class(String),
    Policy(String),
}

impl Block {
    pub(super) const fn commands(&self) -> &'static [&'static str] {
        match self {
            Self::Patterns(_) => &["pattern"],
            Self::Class(_) => &["match"],
            Self::Policy(_) => &["class", "reset", "log", "allow"],
        }
    }
}

impl Layer7 {
    /// Opens a block.
    pub(super) fn outer(&mut self, line: &Line<'_>) -> Option<Block> {
        Some(match line.words.as_slice() {
            ["parameter-map", "type", "regex", name] => {
                self.patterns.entry((*name).to_owned()).or_default();
                Block::Patterns((*name).to_owned())
            }
            ["class-map", "type", "inspect", "http", rest @ ..] => {
                let (any, name) = match rest {
                    ["match-any", name] => (true, name),
                    ["match-all", name] | [name] => (false, name),
                    _ => return None,
                };
                let class = HttpClass { any, criteria: Vec::new() };
                self.classes.entry((*name).to_owned()).or_insert(class).any = any;
                Block::Class((*name).to_owned())
            }
            ["policy-map", "type", "inspect", "http", name] => {
                self.policies.entry((*name).to_owned()).or_default();
                Block::Policy((*name).to_owned())
            }
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
            (Block::Patterns(name), ["pattern", pattern, ..]) => {
                let pattern = line.rest_from(pattern).trim_matches('"');
                match RegexBuilder::new(pattern).unicode(false).size_limit(REGEX_MAX).build() {
                    Ok(regex) => self.patterns.entry(name.clone()).or_default().push(regex),
                    Err(_) => {
                        let message = "this expression is not understood: it matches nothing";
                        found.warn(line, "", message);
                    }
                }
            }
            (Block::Class(name), ["match", ..]) => {
                if let Some(class) = self.classes.get_mut(name) {
                    class.criteria.push(text.place(line));
                }
            }
            (Block::Policy(name), ["class", "type", "inspect", "http", class]) => {
                let class = Named { name: (*class).to_owned(), place: text.place(line) };
                let classes = self.policies.entry(name.clone()).or_default();
                classes.push(PolicyClass { class, reset: None });
            }
            (Block::Policy(name), ["reset"]) => {
                if let Some(open) = self.policies.get_mut(name).and_then(|all| all.last_mut()) {
                    open.reset = Some(text.place(line));
                }
            }
            (Block::Policy(_), ["log" | "allow"] | ["class", "class-default"]) => {}
            _ => return false,
        }
        true
    }

    pub(super) fn has_policy(&self, name: &str) -> bool {
        self.policies.contains_key(name)
    }

    pub(super) fn policy_names(&self) -> impl Iterator<Item = &str> {
        self.policies.keys().map(String::as_str)
    }

    /// What is undefined or not modelled: a line, a word of it, and what is to be said.
    pub(super) fn faults(&self) -> Vec<(&ConfigLine, String, String)> {
        let criteria = self.classes.values().flat_map(|class| &class.criteria);
        let mut all: Vec<_> = criteria
            .filter(|place| self.part(place).is_none())
            .map(|place| {
                let last = place.text.rsplit(' ').next().unwrap_or_default().to_owned();
                let names_pattern = place.text.contains(" regex ");
                let message = if names_pattern && !self.patterns.contains_key(&last) {
                    format!(
                        "parameter-map type regex {last} is not defined: this holds for nothing"
                    )
                } else {
                    "this criterion is not modelled: it holds for nothing".to_owned()
                };
                (place, last, message)
            })
            .collect();
        for used in self.policies.values().flatten().map(|c| &c.class) {
            if !self.classes.contains_key(&used.name) {
                let message = format!("class-map type inspect http {} is not defined", used.name);
                all.push((&used.place, used.name.clone(), message));
            }
        }
        all
    }

    /// What a session is held against by a policy-map; `None` when it is not defined.
    pub(super) fn plan(&self, policy: &str) -> Option<Deep> {
        let mut deep = Deep::default();
        for in_policy in self.policies.get(policy)? {
            let (Some(reset), Some(class)) =
                (&in_policy.reset, self.classes.get(&in_policy.class.name))
            else {
                continue;
            };
            // A criterion that holds for nothing: all together never hold.
            let parts: Vec<Option<Part>> = class.criteria.iter().map(|c| self.part(c)).collect();
            let alternatives: Vec<Vec<Part>> = if class.any {
                parts.into_iter().flatten().map(|part| vec![part]).collect()
            } else {
                parts.into_iter().collect::<Option<Vec<_>>>().into_iter().collect()
            };
            let text = format!("class {}: {}", in_policy.class.name, reset.text);
            let rule = ios::rule(text, reset, super::GUIDE);
            for parts in alternatives {
                deep.rules.push(HttpRule { parts, reset: true });
                deep.lines.push(Arc::clone(&rule));
            }
        }
        Some(deep)
    }

    /// What a `match` line looks at; `None` when it is not modelled or names what is not defined.
    fn part(&self, place: &ConfigLine) -> Option<Part> {
        let words: Vec<&str> = place.text.split_whitespace().skip(1).collect();
        let regex = match words.as_slice() {
            [.., "regex", name] => self.expression(name),
            _ => None,
        };
        Part::of_criterion(&words, regex)
    }

    /// One expression for all patterns of a parameter-map.
    fn expression(&self, name: &str) -> Option<Regex> {
        let patterns = self.patterns.get(name).filter(|all| !all.is_empty())?;
        let all: Vec<String> = patterns.iter().map(|one| format!("(?:{one})")).collect();
        RegexBuilder::new(&all.join("|")).unicode(false).size_limit(REGEX_MAX).build().ok()
    }
}

/// What the requests of a class's sessions are held against.
#[derive(Debug, Default)]
pub(super) struct Deep {
    rules: Vec<HttpRule>,
    /// By rule.
    lines: Vec<Arc<Rule>>,
}

/// The deep inspection of one session.
#[derive(Debug)]
pub(super) struct Reading {
    inspection: Inspection,
    deep: Arc<Deep>,
    /// By what it was reset.
    pub(super) reset: Option<Arc<Rule>>,
}

impl Reading {
    pub(super) fn new(deep: &Arc<Deep>) -> Box<Self> {
        let inspection = Inspection::new(Box::new(Http::new(deep.rules.clone())));
        Box::new(Self { inspection, deep: Arc::clone(deep), reset: None })
    }

    /// Reads a segment that is in order; true when the session is to be reset for it.
    pub(super) fn read(&mut self, sender: Sender, pass: &Pass<'_>) -> bool {
        let found = self.inspection.read(sender, pass.packet);
        let rule = found.iter().find_map(|f| match f {
            Finding::Block { rule, .. } => self.deep.lines.get(*rule),
            Finding::Mask { .. } | Finding::Expect(_) => None,
        });
        self.reset = rule.map(Arc::clone);
        self.reset.is_some()
    }
}
