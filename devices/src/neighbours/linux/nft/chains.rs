//! Tables and chains of nftables: which there are, at which hooks packets pass them and in what order, and
//! the commands that add rules to them and take them away.

use std::collections::{BTreeMap, BTreeSet};

use sim_core::engine::device::Rule;

use crate::config::{ConfigText, Diagnostics, Line, quoted};
use crate::neighbours::linux::matches::Match;
use crate::neighbours::linux::rules::{Base, Hook, Read, Ruleset, translates_destinations};
use crate::neighbours::linux::target::Target;
use crate::neighbours::linux::{INCLUDED, INCLUDED_EARLY};

use super::names::Names;
use super::statement::Statement;
use super::tokens::{Token, is_open};
use super::{FAMILIES, MAN};

/// Most chains in braces within each other: the jumps that a packet may have open (Linux,
/// `NFT_JUMP_STACK_SIZE`).
const BRACES_MAX: usize = 16;

/// Place of destinations' translation among the chains of a hook.
const NAT_DST: i32 = -100;

/// Place of conntrack among the chains of a hook.
const CONNTRACK: i32 = -200;

pub(super) struct Reader<'r, 't> {
    pub(super) text: ConfigText<'r>,
    pub(super) lines: &'r [Line<'t>],
    pub(super) names: Names<'t>,
    /// Names without a value that interfaces are called by.
    pub(super) unset: BTreeSet<&'t str>,
    tokens: &'r [Token<'t>],
    /// Names of chains without one.
    braced: &'t BTreeMap<usize, String>,
    /// How many of them are open.
    depth: usize,
    at: usize,
    /// Room for those of a statement.
    words: Vec<&'t str>,
    /// Family and name of each table.
    pub(super) tables: Vec<(&'t str, &'t str)>,
    /// Tables that filter nothing.
    dormant: BTreeSet<usize>,
    /// Those that the text has, with their tables.
    chains: BTreeSet<(usize, &'t str)>,
    /// Lines that include whatever files there are.
    patterns: Vec<&'r Line<'t>>,
    bases: Vec<Base>,
    /// Those of rules that give connections other addresses to come from.
    masking: Vec<Base>,
    pub(super) rules: Ruleset,
    pub(super) found: &'r mut Diagnostics,
}

/// A chain whose rules are read.
#[derive(Clone, Copy)]
pub(super) struct Place<'t> {
    pub(super) table: usize,
    pub(super) chain: &'t str,
}

/// Where a hook is.
fn hook_of(name: &str) -> Option<Hook> {
    Some(match name {
        "ingress" => Hook::Ingress,
        "prerouting" => Hook::Prerouting,
        "input" => Hook::Input,
        "forward" => Hook::Forward,
        "output" => Hook::Output,
        "postrouting" => Hook::Postrouting,
        "egress" => Hook::Egress,
        _ => return None,
    })
}

impl<'r, 't> Reader<'r, 't> {
    /// Of a text whose lines and tokens these are; nothing is read yet.
    pub(super) fn of(
        text: ConfigText<'r>,
        lines: &'r [Line<'t>],
        tokens: &'r [Token<'t>],
        braced: &'t BTreeMap<usize, String>,
        found: &'r mut Diagnostics,
    ) -> Self {
        let mut rules = Ruleset::of(text.file, MAN);
        rules.reserve(lines.len());
        Self {
            text,
            lines,
            names: Names::of(tokens),
            unset: BTreeSet::new(),
            tokens,
            braced,
            depth: 0,
            at: 0,
            words: Vec::new(),
            tables: Vec::new(),
            dormant: BTreeSet::new(),
            chains: BTreeSet::new(),
            patterns: Vec::new(),
            bases: Vec::new(),
            masking: Vec::new(),
            rules,
            found,
        }
    }
}

impl<'t> Reader<'_, 't> {
    fn peek(&self, ahead: usize) -> &'t str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    /// The family that may stand here, and the name after it.
    fn table(&mut self) -> usize {
        let family = FAMILIES.iter().find(|family| **family == self.peek(0)).copied();
        self.at += usize::from(family.is_some());
        let key = (family.unwrap_or("ip"), self.peek(0));
        if family.is_none() && key.1.starts_with('$') && !self.tables.contains(&key) {
            let line = &self.lines[self.tokens.get(self.at).map_or(0, |token| token.line)];
            let message = format!(
                "the text gives {} no value: taken for the name of a table of IPv4, and it may be one of `inet`, whose rules are IPv6's, too",
                quoted(key.1)
            );
            self.found.warn(line, "", message);
        }
        self.at += 1;
        self.tables.iter().position(|table| *table == key).unwrap_or_else(|| {
            self.tables.push(key);
            self.tables.len() - 1
        })
    }

    /// An interface that a name without a value stands for, which is said once.
    pub(super) fn called_by_its_name(&mut self, name: &'t str, line: usize) {
        if self.unset.insert(name) {
            let message = format!(
                "the text gives {} no value: taken for an interface that is called so",
                quoted(name)
            );
            self.found.warn(&self.lines[line], "", message);
        }
    }

    pub(super) fn family(&self, table: usize) -> &'t str {
        self.tables.get(table).map_or("", |(family, _)| family)
    }

    /// Past the closing brace of what was opened.
    fn skip_block(&mut self) {
        let mut depth = 1;
        while depth > 0 && self.at < self.tokens.len() {
            depth += match self.peek(0) {
                "{" => 1,
                "}" => -1,
                _ => 0,
            };
            self.at += 1;
        }
    }

    pub(super) fn all(&mut self) {
        let mut table = 0;
        // Chains stand in a table's braces.
        let mut depth = 0usize;
        let mut is_said = false;
        while self.at < self.tokens.len() {
            let (first, second) = (self.peek(0), self.peek(1));
            self.at += 1;
            match (first, second) {
                // A script's, of the tables of routes.
                ("ip", "rule" | "route" | "-4" | "-6") if depth == 0 => {
                    while !matches!(self.peek(0), "" | "\n") {
                        self.at += 1;
                    }
                }
                ("table", _) => table = self.table(),
                ("{", _) => depth += 1,
                ("}", _) => depth = depth.saturating_sub(1),
                ("chain", chain) if self.peek(1) == "{" => {
                    if depth == 0 && !is_said {
                        is_said = true;
                        let line = &self.lines[self.tokens[self.at].line];
                        let message = "nft refuses a chain that stands in no table, and the whole text with it: read as one of a table's";
                        self.found.warn(line, "", message);
                    }
                    self.at += 2;
                    self.chain(Place { table, chain });
                }
                ("add" | "insert" | "create", "rule" | "chain") => {
                    self.at += 1;
                    let table = self.table();
                    let place = Place { table, chain: self.peek(0) };
                    self.at += 1;
                    match second {
                        "rule" => {
                            if matches!(self.peek(0), "position" | "handle" | "index") {
                                self.of_other_place("put");
                                self.at += 2;
                            }
                            self.chains.insert((place.table, place.chain));
                            self.statement(place, first == "insert");
                        }
                        _ if self.peek(0) == "{" => {
                            self.at += 1;
                            self.chain(place);
                        }
                        _ => {
                            self.chains.insert((place.table, place.chain));
                        }
                    }
                }
                ("flush", "ruleset") => {
                    (0..self.tables.len()).for_each(|table| self.rules.flush(table, None));
                    self.bases.clear();
                    self.masking.clear();
                }
                ("flush" | "delete" | "destroy", "table" | "chain") => {
                    self.at += 1;
                    let table = self.table();
                    let chain = self.peek(0);
                    let all = second == "table";
                    self.rules.flush(table, (!all).then_some(chain));
                    if first != "flush" {
                        let stays =
                            |base: &Base| base.table != table || !all && base.chain != chain;
                        self.bases.retain(stays);
                        self.masking.retain(stays);
                    }
                }
                ("delete" | "replace", "rule") => self.of_other_place("delete or replace"),
                ("flags", "dormant") => {
                    self.dormant.insert(table);
                }
                ("set" | "map" | "flowtable" | "synproxy" | "counter" | "quota" | "limit", _)
                    if self.peek(1) == "{" =>
                {
                    self.at += 2;
                    self.skip_block();
                }
                ("ct", "helper" | "timeout" | "expectation") if self.peek(2) == "{" => {
                    self.at += 3;
                    self.skip_block();
                }
                // `include("…")` is another language's.
                ("include", file) if !file.starts_with('(') => {
                    let line = &self.lines[self.tokens[self.at - 1].line];
                    // A pattern fits no file on most boxes; a file that is named must be there. Of values that the text
                    // lacks it holds the definitions.
                    let is_pattern = second.contains(['*', '?', '[']);
                    let defines = !is_pattern && depth == 0 && self.names.lacks_values;
                    let message = match (is_pattern, defines) {
                        (true, _) => {
                            "what the files hold that are included here is not known: they are taken to hold nothing"
                        }
                        (_, true) => {
                            "what the file holds that is included here is not known: it is taken to hold values that the text lacks, and no rules"
                        }
                        _ => "what the file holds that is included here is not known",
                    };
                    self.found.warn(line, "", message);
                    if is_pattern {
                        self.patterns.push(line);
                    } else if !defines {
                        let within = if depth > 0 { self.family(table) } else { "" };
                        self.unknown_file(line, within);
                    }
                }
                _ => {}
            }
        }
    }

    /// A command names a rule by a number that the text does not give.
    fn of_other_place(&mut self, does: &str) {
        if let Some(token) = self.tokens.get(self.at) {
            let message = format!(
                "which rule this command means to {does} the text does not tell: the order of rules may be another"
            );
            self.found.warn(&self.lines[token.line], "", message);
        }
    }

    /// Rules of a file that is not here may do anything; where it is a part of a table, to the packets of that.
    fn unknown_file(&mut self, line: &Line<'_>, family: &str) {
        let chain = format!("(included in line {})", line.number);
        let target = Target::Unknown(match family {
            "netdev" => INCLUDED_EARLY.to_owned(),
            _ => INCLUDED.to_owned(),
        });
        let read = Read {
            matches: Vec::new(),
            doubt: None,
            asks: None,
            limit: None,
            marks: Vec::new(),
            target,
        };
        self.rules.add((usize::MAX, &chain), None, read, line, None);
        let hook = Hook::Ingress;
        let (is_nat, when, policy) = (false, of_family(family), None);
        let base = Base {
            table: usize::MAX,
            chain,
            hook,
            priority: (i32::MIN, 0),
            is_before_conntrack: true,
            is_nat,
            is_before_nat: true,
            is_bridges: family == "bridge",
            when,
            policy,
        };
        self.bases.push(base);
    }

    /// What stands in the braces of a chain.
    fn chain(&mut self, place: Place<'t>) {
        self.chains.insert((place.table, place.chain));
        while self.at < self.tokens.len() {
            match self.peek(0) {
                "}" => {
                    self.at += 1;
                    return;
                }
                "\n" | ";" => self.at += 1,
                "type" => self.base(place),
                "policy" => self.policy(place),
                _ => self.statement(place, false),
            }
        }
    }

    /// The words up to the end of the statement, and the place of its line. A chain in braces is read as one
    /// of the table's, and its name stands for it.
    fn words(&mut self, table: usize) -> (Vec<&'t str>, usize) {
        let first = self.at;
        let mut words = std::mem::take(&mut self.words);
        words.clear();
        let mut depth = 0;
        while let Some(token) = self.tokens.get(self.at) {
            if let Some(chain) = self.braced.get(&self.at) {
                self.at += 1;
                words.push(chain);
                if self.depth < BRACES_MAX {
                    self.depth += 1;
                    self.chain(Place { table, chain });
                    self.depth -= 1;
                } else {
                    self.skip_block();
                }
                continue;
            }
            match token.text {
                "{" => depth += 1,
                "}" if depth == 0 => break,
                "}" => depth -= 1,
                "\n" | ";" if depth == 0 => break,
                _ => {}
            }
            self.at += 1;
            match token.text {
                "\n" => {}
                value if value.starts_with('$') => {
                    self.names.put_in(std::iter::once(value), &mut words);
                }
                word => words.push(word),
            }
        }
        (words, self.tokens.get(first).map_or(0, |token| token.line))
    }

    /// `type filter hook forward device eth0 priority filter + 10`.
    fn base(&mut self, place: Place<'t>) {
        let (words, line) = self.words(place.table);
        let ["type", kind, "hook", hook, rest @ ..] = words.as_slice() else { return };
        let Some(hook) = hook_of(hook) else { return };
        let family = self.family(place.table);
        let is_nat = *kind == "nat";
        // Of ARP there is no TCP, and other addresses to come from change nothing for these rules.
        let is_of_sources = is_nat && !translates_destinations(hook);
        if family == "arp" || is_of_sources {
            self.rules.roots.push((place.table, place.chain.to_owned()));
            if family == "arp" || hook != Hook::Postrouting {
                return;
            }
        }
        let mut when = of_family(family);
        let at = rest.iter().position(|word| *word == "priority").unwrap_or(rest.len());
        if let ["device" | "devices", devices @ ..] = &rest[..at] {
            let is_name = |word: &&&str| !matches!(**word, "=" | "{" | "}" | ",");
            let names: Vec<&'t str> = devices.iter().filter(is_name).copied().collect();
            for name in names.iter().filter(|name| is_open(name)) {
                self.called_by_its_name(name, line);
            }
            let names = names.into_iter().map(str::to_owned).collect();
            when.push((false, Match::Interface { names, out: hook == Hook::Egress }));
        }
        let priority = priority(rest.get(at + 1..).unwrap_or(&[]), family);
        // Whatever their own, which orders them among each other, all are asked at one place (Linux,
        // net/netfilter/nf_nat_proto.c: `NF_IP_PRI_NAT_DST`).
        let order = if is_nat { (NAT_DST, priority) } else { (priority, 0) };
        let (table, chain) = (place.table, place.chain.to_owned());
        let is_before_conntrack = match hook {
            Hook::Ingress => true,
            Hook::Prerouting | Hook::Output => !is_nat && priority < CONNTRACK,
            _ => false,
        };
        let is_before_nat = match hook {
            Hook::Ingress => true,
            Hook::Prerouting => !is_nat && priority < NAT_DST,
            _ => false,
        };
        let base = Base {
            table,
            chain,
            hook,
            priority: order,
            is_before_conntrack,
            is_nat,
            is_before_nat,
            is_bridges: family == "bridge",
            when,
            policy: None,
        };
        match is_of_sources {
            true => self.masking.push(base),
            false => self.bases.push(base),
        }
        self.words = words;
    }

    fn policy(&mut self, place: Place<'t>) {
        let (words, line) = self.words(place.table);
        let line = &self.lines[line];
        let is_this = |base: &&mut Base| base.table == place.table && base.chain == place.chain;
        if let Some(base) = self.bases.iter_mut().rfind(is_this) {
            let drops = words.get(1) == Some(&"drop");
            let rule = || Rule::config(line.text(), self.text.place(line), MAN);
            base.policy = drops.then(rule);
        }
        self.words = words;
    }

    /// A rule.
    fn statement(&mut self, place: Place<'t>, is_first: bool) {
        let (words, line) = self.words(place.table);
        let mut rule = Statement::of(self, place, is_first, line);
        rule.read(&words);
        self.words = words;
    }

    /// What is known only at the end of a text.
    pub(super) fn finish(mut self) -> Ruleset {
        // All that there is may be in those files.
        if self.bases.is_empty() {
            std::mem::take(&mut self.patterns)
                .into_iter()
                .for_each(|line| self.unknown_file(line, ""));
        }
        let Self { mut bases, mut masking, mut rules, chains, dormant, .. } = self;
        let sleeping = bases.iter().filter(|base| dormant.contains(&base.table));
        rules.roots.extend(sleeping.map(|base| (base.table, base.chain.clone())));
        bases.retain(|base| !dormant.contains(&base.table));
        masking.retain(|base| !dormant.contains(&base.table));
        (rules.bases, rules.masking) = (bases, masking);
        rules.in_order();
        rules.without_chain(|table, chain| chains.contains(&(table, chain)));
        rules
    }
}

/// The packets of a family's tables.
fn of_family(family: &str) -> Vec<(bool, Match)> {
    match family {
        "ip" => vec![(true, Match::Version6)],
        "ip6" => vec![(false, Match::Version6)],
        _ => Vec::new(),
    }
}

/// `filter + 10`, `-150`: the numbers that the names stand for in nft(8), which are others for bridges.
fn priority(words: &[&str], family: &str) -> i32 {
    let named = |word: &str| -> i32 {
        match (word, family) {
            ("dstnat", "bridge") => -300,
            ("filter", "bridge") => -200,
            ("srcnat", "bridge") => 300,
            ("out", _) => 100,
            ("raw", _) => -300,
            ("mangle", _) => -150,
            ("dstnat", _) => -100,
            ("security", _) => 50,
            ("srcnat", _) => 100,
            _ => word.parse().unwrap_or(0),
        }
    };
    match words {
        [name, "+", more, ..] => named(name).saturating_add(named(more)),
        [name, "-", less, ..] => named(name).saturating_sub(named(less)),
        ["-", number, ..] => named(number).saturating_neg(),
        [name, ..] => named(name),
        [] => 0,
    }
}
