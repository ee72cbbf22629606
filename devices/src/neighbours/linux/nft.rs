//! Rules of nftables, as `nft list ruleset` prints them, as a script or the commands give them (nft(8)).
//!
//! They become the same rules as those of iptables. What is not read of a rule's conditions is a doubt: it is
//! not said whether the rule holds.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use sim_core::engine::device::Rule;
use sim_core::wire::options::kind;

use crate::config::{ConfigText, Diagnostics, Line, quoted};

use super::matches::{Match, addresses, flags, ports};
use super::remedy;
use super::rules::{Base, Hook, Read, Ruleset};
use super::target::Target;

const MAN: &str = "nft(8)";

/// True for a ruleset of nftables, or a script of its commands.
pub(super) fn is_one(text: ConfigText<'_>) -> bool {
    let is_nft = |program: &str| {
        let name = program.rsplit('/').next().unwrap_or(program);
        let name = name.trim_start_matches(['$', '{']).trim_end_matches('}');
        name.eq_ignore_ascii_case("nft")
    };
    text.lines().iter().any(|line| match line.words.as_slice() {
        ["table", family, ..] => FAMILIES.contains(family),
        ["flush", "ruleset", ..] | ["type", "filter" | "nat" | "route", "hook", ..] => true,
        ["add" | "insert", "rule" | "chain", family, ..] => FAMILIES.contains(family),
        [program, "add" | "insert" | "-f", ..] | ["sudo", program, "add" | "insert" | "-f", ..] => {
            is_nft(program)
        }
        _ => false,
    })
}

/// True when a text is whole: it holds the chains that its rules stand in, and adds none to those of others.
pub(super) fn holds_all(text: ConfigText<'_>) -> bool {
    let lines = text.lines();
    let is_of_others = |line: &Line<'_>| {
        let is_command =
            |pair: &[&str]| matches!(pair, ["add" | "insert" | "replace", "rule"] | ["include", _]);
        line.words.windows(2).any(is_command)
    };
    is_one(text) && !lines.iter().any(is_of_others)
}

/// Reads a text.
pub(super) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> Ruleset {
    let lines = text.lines();
    // `! /usr/sbin/nft -f`: what is meant for the kernel's loader of scripts is none of nft's commands.
    if let Some(first) = text.text.lines().next()
        && let Some(program) = first.trim_start().strip_prefix('!')
        && program.contains("nft")
        && let Some(line) = lines.first()
    {
        let message = format!(
            "nft refuses the text at its first line, {}: `#` is missing, and nothing of it is in force",
            quoted(first.trim())
        );
        found.warn(line, "", message);
    }
    let tokens = tokens_of(&lines, text.text.len());
    let braced = in_braces(&tokens);
    let mut reader = Reader {
        text,
        lines: &lines,
        names: Names::of(&tokens),
        tokens: &tokens,
        braced: &braced,
        depth: 0,
        at: 0,
        words: Vec::new(),
        tables: Vec::new(),
        dormant: BTreeSet::new(),
        chains: BTreeSet::new(),
        entrances: Vec::new(),
        redirects: Vec::new(),
        bases: Vec::new(),
        rules: Ruleset::of(text.file, MAN),
        found,
    };
    reader.all();
    reader.finish()
}

/// Most chains in braces within each other: the jumps that a packet may have open (Linux,
/// `NFT_JUMP_STACK_SIZE`).
const BRACES_MAX: usize = 16;

/// Names for the chains that stand in braces behind `jump` or `goto`, by the place of the brace.
fn in_braces(tokens: &[Token<'_>]) -> BTreeMap<usize, String> {
    let opens = |(at, pair): (usize, &[Token<'_>])| {
        let [jump, brace] = pair else { return None };
        let is_one = matches!(jump.text, "jump" | "goto") && brace.text == "{";
        is_one.then(|| (at + 1, format!("(in braces {at})")))
    };
    tokens.windows(2).enumerate().filter_map(opens).collect()
}

/// A word, a mark of punctuation, or the end of a line (`\n`); with the place of its line.
#[derive(Clone, Copy)]
struct Token<'t> {
    text: &'t str,
    line: usize,
}

/// True for a mark that is a token of its own.
const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'{' | b'}' | b';' | b',' | b'(' | b')' | b'|')
}

/// True for what ends a word. A shell's quotes and backslashes stand around what nft reads.
const fn ends_word(byte: u8) -> bool {
    is_mark(byte) || byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\' | b'#')
}

/// The tokens of a text of this length, without its remarks.
fn tokens_of<'t>(lines: &[Line<'t>], length: usize) -> Vec<Token<'t>> {
    let mut tokens = Vec::with_capacity(length / 5);
    for (at, line) in lines.iter().enumerate() {
        let text = line.text();
        let bytes = text.as_bytes();
        let mut add = |token| tokens.push(Token { text: token, line: at });
        let (mut begin, mut here) = (0, 0);
        let mut goes_on = false;
        while let Some(&byte) = bytes.get(here) {
            if !ends_word(byte) {
                here += 1;
                continue;
            }
            if begin < here {
                word(&text[begin..here], &mut add);
            }
            here += 1;
            begin = here;
            goes_on = byte == b'\\' && begin == bytes.len();
            if byte == b'#' {
                begin = bytes.len();
                break;
            }
            if byte == b'"'
                && let Some(length) = text[begin..].find('"')
                && !text[begin..begin + length].contains(['{', ';'])
            {
                add(&text[begin..begin + length]);
                begin += length + 1;
                here = begin;
            } else if is_mark(byte) {
                add(&text[here - 1..begin]);
            }
        }
        if begin < bytes.len() {
            word(&text[begin..], &mut add);
        }
        if !goes_on {
            add("\n");
        }
    }
    tokens
}

/// `80:` of a map is two tokens; of `fe80::` the colons are its own.
fn word<'t>(word: &'t str, add: &mut impl FnMut(&'t str)) {
    match word.strip_suffix(':') {
        Some(key) if !key.is_empty() && !key.ends_with(':') => {
            add(key);
            add(":");
        }
        _ => add(word),
    }
}

/// The elements of a set or a map.
#[derive(Default)]
struct Set<'t> {
    /// As they stand between the braces.
    words: Vec<&'t str>,
    /// Packets add to it, or elements leave it in time.
    changes: bool,
}

/// What a text gives names to.
struct Names<'t> {
    /// Sets and maps, by family and name of their table and their own.
    sets: BTreeMap<(&'t str, &'t str, &'t str), Rc<Set<'t>>>,
    /// Values of `define`.
    values: BTreeMap<&'t str, Vec<&'t str>>,
    /// A rule gives connections another destination.
    has_dnat: bool,
    /// Another file belongs to the text.
    has_more: bool,
}

impl<'t> Names<'t> {
    fn of(tokens: &[Token<'t>]) -> Self {
        let mut values: BTreeMap<&'t str, Vec<&'t str>> = BTreeMap::new();
        let mut sets: BTreeMap<_, Set<'t>> = BTreeMap::new();
        let word = |at: usize| tokens.get(at).map_or("", |token| token.text);
        let inside = |at: usize| {
            let rest = tokens.get(at..).unwrap_or(&[]);
            let mut depth = 0;
            rest.iter().map(|token| token.text).filter(|word| *word != "\n").take_while(
                move |word| {
                    depth += match *word {
                        "{" => 1,
                        "}" => -1,
                        _ => 0,
                    };
                    depth >= 0
                },
            )
        };
        let (mut family, mut table, mut set) = ("ip", "", "");
        let (mut has_dnat, mut has_more) = (false, false);
        for (at, token) in tokens.iter().enumerate() {
            match token.text {
                "table" => {
                    let named = FAMILIES.contains(&word(at + 1));
                    family = if named { word(at + 1) } else { "ip" };
                    table = word(at + 1 + usize::from(named));
                }
                "set" | "map" if word(at + 2) == "{" => {
                    set = word(at + 1);
                    sets.entry((family, table, set)).or_default();
                }
                // `add set ip f s { … }`
                "set" | "map" if word(at + 4) == "{" && FAMILIES.contains(&word(at + 1)) => {
                    (family, table, set) = (word(at + 1), word(at + 2), word(at + 3));
                    sets.entry((family, table, set)).or_default();
                }
                "flags" if !set.is_empty() => {
                    let said = tokens[at + 1..].iter().map(|token| token.text);
                    let mut said = said.take_while(|word| !matches!(*word, ";" | "\n" | "}"));
                    if said.any(|flag| matches!(flag, "dynamic" | "timeout")) {
                        sets.entry((family, table, set)).or_default().changes = true;
                    }
                }
                "elements" if word(at + 1) == "=" => {
                    let of = sets.entry((family, table, set)).or_default();
                    match word(at + 2) {
                        "{" => of.words.extend(inside(at + 3)),
                        value => of.words.push(value),
                    }
                }
                "element" => {
                    let named = FAMILIES.contains(&word(at + 1));
                    let of = at + 1 + usize::from(named);
                    if word(of + 2) == "{" {
                        let family = if named { word(at + 1) } else { "ip" };
                        let known = sets.entry((family, word(of), word(of + 1))).or_default();
                        if !known.words.is_empty() {
                            known.words.push(",");
                        }
                        known.words.extend(inside(of + 3));
                    }
                }
                "chain" => set = "",
                "dnat" | "redirect" | "include" => {
                    has_more |= token.text == "include";
                    has_dnat |= at == 0 || word(at - 1) != "status";
                }
                "define" | "redefine" if word(at + 2) == "=" => {
                    let value = match word(at + 3) {
                        "{" => std::iter::once("{").chain(inside(at + 4)).chain(["}"]).collect(),
                        _ => {
                            let rest = tokens[at + 3..].iter().map(|token| token.text);
                            rest.take_while(|word| !matches!(*word, "\n" | ";")).collect()
                        }
                    };
                    values.insert(word(at + 1), value);
                }
                _ => {}
            }
        }
        let mut names = Self { sets: BTreeMap::new(), values, has_dnat, has_more };
        for (name, set) in sets {
            let mut words = Vec::with_capacity(set.words.len());
            names.put_in(set.words.into_iter(), &mut words);
            // `{ $here, $there }`, each of several.
            words.retain(|word| !matches!(*word, "{" | "}"));
            names.sets.insert(name, Rc::new(Set { words, changes: set.changes }));
        }
        names
    }

    /// Adds the words of a rule, each value in its name's place. A value may be made of others.
    fn put_in(&self, words: impl Iterator<Item = &'t str>, all: &mut Vec<&'t str>) {
        for word in words {
            match word.strip_prefix('$').and_then(|name| self.values.get(name)) {
                Some(value) => {
                    for word in value {
                        match word.strip_prefix('$').and_then(|name| self.values.get(name)) {
                            Some(inner) => all.extend(inner),
                            None => all.push(word),
                        }
                    }
                }
                None => all.push(word),
            }
        }
    }
}

/// The elements of a set's words; in braces within them stand those of a value.
fn elements<'w, 't>(words: &'w [&'t str]) -> Vec<&'w [&'t str]> {
    let of = words.split(|word| matches!(*word, "," | "{" | "}"));
    of.filter(|element| !element.is_empty()).collect()
}

/// How many words there are up to the closing brace, without it.
fn block(words: &[&str]) -> usize {
    let mut depth = 0;
    let closes = |word: &&str| {
        depth += match *word {
            "{" => 1,
            "}" => -1,
            _ => 0,
        };
        depth < 0
    };
    words.iter().position(closes).unwrap_or(words.len())
}

struct Reader<'r, 't> {
    text: ConfigText<'r>,
    lines: &'r [Line<'t>],
    names: Names<'t>,
    tokens: &'r [Token<'t>],
    /// Names of chains without one.
    braced: &'t BTreeMap<usize, String>,
    /// How many of them are open.
    depth: usize,
    at: usize,
    /// Room for those of a statement.
    words: Vec<&'t str>,
    /// Family and name of each table.
    tables: Vec<(&'t str, &'t str)>,
    /// Tables that filter nothing.
    dormant: BTreeSet<usize>,
    /// Those that the text has, with their tables.
    chains: BTreeSet<(usize, &'t str)>,
    /// Chains that what arrives comes to first.
    entrances: Vec<(usize, &'t str)>,
    /// Rules that send connections to a process of this host, with their chains.
    redirects: Vec<(Place<'t>, Arc<Rule>)>,
    /// With the order in which a packet passes them.
    bases: Vec<((Hook, i32), Base)>,
    rules: Ruleset,
    found: &'r mut Diagnostics,
}

/// A chain whose rules are read.
#[derive(Clone, Copy)]
struct Place<'t> {
    table: usize,
    chain: &'t str,
}

/// Families of tables.
const FAMILIES: [&str; 6] = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];

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

impl<'t> Reader<'_, 't> {
    fn peek(&self, ahead: usize) -> &'t str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    /// The family that may stand here, and the name after it.
    fn table(&mut self) -> usize {
        let family = FAMILIES.iter().find(|family| **family == self.peek(0)).copied();
        self.at += usize::from(family.is_some());
        let key = (family.unwrap_or("ip"), self.peek(0));
        self.at += 1;
        self.tables.iter().position(|table| *table == key).unwrap_or_else(|| {
            self.tables.push(key);
            self.tables.len() - 1
        })
    }

    fn family(&self, table: usize) -> &'t str {
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

    fn all(&mut self) {
        let mut table = 0;
        while self.at < self.tokens.len() {
            let (first, second) = (self.peek(0), self.peek(1));
            self.at += 1;
            match (first, second) {
                ("table", _) => table = self.table(),
                ("chain", chain) if self.peek(1) == "{" => {
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
                    self.redirects.clear();
                }
                ("flush" | "delete" | "destroy", "table" | "chain") => {
                    self.at += 1;
                    let table = self.table();
                    let chain = self.peek(0);
                    let all = second == "table";
                    self.rules.flush(table, (!all).then_some(chain));
                    if first != "flush" {
                        self.bases
                            .retain(|(_, base)| base.table != table || !all && base.chain != chain);
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
                ("include", _) => {
                    let line = &self.lines[self.tokens[self.at - 1].line];
                    let message = "what the file holds that is included here is not known";
                    self.found.warn(line, "", message);
                    self.unknown_file(line);
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

    /// Rules of a file that is not here may do anything.
    fn unknown_file(&mut self, line: &Line<'t>) {
        let chain = format!("(included in line {})", line.number);
        let target = Target::Unknown("include".to_owned());
        let read = Read { matches: Vec::new(), doubt: None, asks: None, target };
        self.rules.add((usize::MAX, &chain), None, read, line, None);
        let hook = Hook::Ingress;
        let base = Base { table: usize::MAX, chain, hook, when: Vec::new(), policy: None };
        self.bases.push(((hook, i32::MIN), base));
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
        let (words, _) = self.words(place.table);
        let ["type", kind, "hook", hook, rest @ ..] = words.as_slice() else { return };
        let Some(hook) = hook_of(hook) else { return };
        let family = self.family(place.table);
        // Of ARP there is no TCP; chains of translation see the first packet only.
        let is_followed = family != "arp" && *kind != "nat";
        if !is_followed {
            self.rules.roots.push((place.table, place.chain.to_owned()));
        }
        if family == "arp" {
            return;
        }
        if matches!(hook, Hook::Ingress | Hook::Prerouting) {
            self.entrances.push((place.table, place.chain));
        }
        if !is_followed {
            return;
        }
        let mut when = match family {
            "ip" => vec![(true, Match::Version6)],
            "ip6" => vec![(false, Match::Version6)],
            _ => Vec::new(),
        };
        let at = rest.iter().position(|word| *word == "priority").unwrap_or(rest.len());
        if let ["device" | "devices", devices @ ..] = &rest[..at] {
            let is_name = |word: &&&str| !matches!(**word, "=" | "{" | "}" | ",");
            let names = devices.iter().filter(is_name).map(|name| name.replace('*', "+")).collect();
            when.push((false, Match::Interface { names, out: hook == Hook::Egress }));
        }
        let priority = priority(rest.get(at + 1..).unwrap_or(&[]), family);
        let (table, chain) = (place.table, place.chain.to_owned());
        self.bases.push(((hook, priority), Base { table, chain, hook, when, policy: None }));
        self.words = words;
    }

    fn policy(&mut self, place: Place<'t>) {
        let (words, line) = self.words(place.table);
        let line = &self.lines[line];
        let is_this = |base: &&mut Base| base.table == place.table && base.chain == place.chain;
        if let Some(base) = self.bases.iter_mut().map(|(_, base)| base).rfind(is_this) {
            let drops = words.get(1) == Some(&"drop");
            let rule = || Rule::config(line.text(), self.text.place(line), MAN);
            base.policy = drops.then(rule);
        }
        self.words = words;
    }

    /// A rule.
    fn statement(&mut self, place: Place<'t>, is_first: bool) {
        let (words, line) = self.words(place.table);
        let mut rule = Statement {
            reader: self,
            place,
            is_first,
            line,
            matches: Vec::new(),
            doubt: None,
            doubts: 0,
            asks: None,
        };
        rule.read(&words);
        self.words = words;
    }

    /// What is known only at the end of a text.
    fn finish(self) -> Ruleset {
        let Self { mut bases, mut rules, chains, dormant, entrances, redirects, .. } = self;
        let is_dormant = |(_, base): &&((Hook, i32), Base)| dormant.contains(&base.table);
        let sleeping = bases.iter().filter(is_dormant);
        rules.roots.extend(sleeping.map(|(_, base)| (base.table, base.chain.clone())));
        bases.retain(|(_, base)| !dormant.contains(&base.table));
        // By hook, then by priority; the sort keeps the order of the text among equals.
        bases.sort_by_key(|(order, _)| *order);
        rules.bases = bases.into_iter().map(|(_, base)| base).collect();
        rules.without_chain(|table, chain| chains.contains(&(table, chain)));
        let reached = rules.reached(entrances.iter().map(|(table, chain)| (*table, *chain)));
        let reaches = |place: &Place<'_>| {
            reached.contains(&(place.table, place.chain.to_owned()))
                && !dormant.contains(&place.table)
        };
        let kept = redirects.into_iter().filter(|(place, _)| reaches(place));
        rules.redirects = kept.map(|(_, rule)| rule).collect();
        rules
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

/// What a condition looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    State,
    Interface {
        out: bool,
    },
    Protocol,
    Version,
    /// Whether an address is one of this host.
    Host {
        source: bool,
    },
    /// Whether a packet is for one host.
    PacketType,
    /// What no connection tells: marks, users, times.
    Other,
}

/// What a key and its values come to.
enum Condition {
    Is(Match),
    Isnt(Match),
    /// It holds for TCP, always or never.
    Always(bool),
    Doubt,
}

/// Elements that a key is compared with.
enum Values<'w, 't> {
    One(&'w [&'t str]),
    Several(Vec<&'w [&'t str]>),
}

impl<'w, 't> Values<'w, 't> {
    fn as_slice(&self) -> &[&'w [&'t str]] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

/// A rule that is read.
struct Statement<'s, 'r, 't> {
    reader: &'s mut Reader<'r, 't>,
    place: Place<'t>,
    is_first: bool,
    line: usize,
    matches: Vec<(bool, Match)>,
    doubt: Option<String>,
    /// How many conditions are in doubt, and the first in full where it is one of a set.
    doubts: usize,
    asks: Option<Box<str>>,
}

/// Words that begin a statement, which no value of a condition is.
const STATEMENTS: [&str; 14] = [
    "accept", "drop", "reject", "return", "jump", "goto", "continue", "queue", "counter", "log",
    "limit", "comment", "quota", "notrack",
];
/// Words that begin a condition.
const SELECTORS: [&str; 14] = [
    "ip", "ip6", "tcp", "udp", "th", "ct", "meta", "iif", "iifname", "oif", "oifname", "ether",
    "fib", "icmp",
];

impl<'t> Statement<'_, '_, 't> {
    fn read(&mut self, words: &[&'t str]) {
        // A shell's variable, or one of an included file, may hold whole rules.
        if let ["$", ..] = words {
            self.decides(Target::Unknown("a variable".to_owned()), 0);
            return;
        }
        if let [name] = words
            && name.starts_with('$')
        {
            self.decides(Target::Unknown((*name).to_owned()), 0);
            return;
        }
        let mut rest = words;
        while let [first, tail @ ..] = rest {
            let known = key(rest);
            let taken = match known {
                Some((key, length)) => self.condition(key, rest, length),
                None => self.part(first, tail),
            };
            let Some(taken) = taken else {
                // Packets come to a chain all the same, though none of TCP.
                if let [.., "jump" | "goto", chain] = rest {
                    let root = (self.place.table, (*chain).to_owned());
                    self.reader.rules.roots.push(root);
                }
                return;
            };
            rest = rest.get(taken.max(1)..).unwrap_or(&[]);
        }
    }

    /// A condition; how many words it has, nothing when the rule concerns no TCP.
    fn condition(&mut self, key: Key, words: &[&'t str], length: usize) -> Option<usize> {
        let mut at = length;
        // `ip saddr . tcp dport`
        let mut joined: Vec<Key> = Vec::new();
        while words.get(at) == Some(&".") {
            if joined.is_empty() {
                joined.push(key);
            }
            if matches!(words.get(at + 1), Some(&("udp" | "icmp" | "icmpv6" | "igmp" | "sctp"))) {
                return None;
            }
            let (next, length) = self::key(&words[at + 1..]).unwrap_or((Key::Other, 2));
            joined.push(next);
            at += 1 + length;
        }
        let keys = if joined.is_empty() { std::slice::from_ref(&key) } else { &joined };
        let operator = words.get(at).copied().unwrap_or("");
        let negated = matches!(operator, "!=" | "ne" | "not" | "!");
        let compares = matches!(operator, "<" | ">" | "<=" | ">=" | "lt" | "gt" | "le" | "ge");
        at += usize::from(negated || compares || matches!(operator, "==" | "eq"));
        let is_map = words.get(at) == Some(&"vmap");
        at += usize::from(is_map);
        let set;
        let mut changes = false;
        let all: Option<Values<'_, 't>> = match words.get(at..).unwrap_or(&[]) {
            ["{", rest @ ..] => {
                let length = block(rest);
                at += 2 + length;
                Some(Values::Several(elements(&rest[..length])))
            }
            [name, ..] if name.starts_with('@') => {
                at += 1;
                let (family, table) =
                    self.reader.tables.get(self.place.table).copied().unwrap_or(("ip", ""));
                set = self.reader.names.sets.get(&(family, table, &name[1..])).map(Rc::clone);
                changes = set.as_deref().is_some_and(|set| set.changes);
                let known = set.as_deref().filter(|set| !set.changes);
                if known.is_some_and(|set| set.words.is_empty()) && !self.reader.names.has_more {
                    let line = &self.reader.lines[self.line];
                    let message = format!("{name} has no elements in the text: nothing is in it");
                    self.reader.found.warn(line, name, message);
                    return (is_map || negated).then_some(at);
                }
                let known = known.filter(|set| !set.words.is_empty());
                known.map(|set| Values::Several(elements(&set.words)))
            }
            [_, ..] => {
                let first = at;
                at += 1;
                if joined.is_empty() {
                    while words.get(at) == Some(&",") {
                        at += 2;
                    }
                } else {
                    while words.get(at) == Some(&".") {
                        at += 2;
                    }
                }
                let value = &words[first..at.min(words.len())];
                Some(match value {
                    [_] => Values::One(value),
                    _ => Values::Several(elements(value)),
                })
            }
            [] => None,
        };
        let said = || words[..at.min(words.len())].join(" ");
        let Some(all) = all else {
            let is_fact = words.get(at - 1).is_some_and(|last| last.starts_with('@')) && !changes;
            self.asks = is_fact.then(|| said().into());
            self.doubted(said());
            return Some(at);
        };
        if is_map {
            self.map(keys, all.as_slice(), &said());
            return Some(at);
        }
        // A key of one version of IP is asked of its packets alone.
        match (self.reader.family(self.place.table), words.first()) {
            ("inet" | "bridge" | "netdev", Some(&"ip")) => {
                self.matches.push((true, Match::Version6));
            }
            ("inet" | "bridge" | "netdev", Some(&"ip6")) => {
                self.matches.push((false, Match::Version6));
            }
            _ => {}
        }
        let compared = match (compares, all.as_slice()) {
            (true, [value]) => match compared(key, operator, value) {
                Some(on) => Condition::Is(on),
                None => Condition::Doubt,
            },
            (true, _) => Condition::Doubt,
            (false, all) => condition(keys, all),
        };
        match compared {
            Condition::Is(on) => self.matches.push((negated, on)),
            Condition::Isnt(on) => self.matches.push((!negated, on)),
            Condition::Always(holds) if holds == negated => return None,
            Condition::Always(_) => {}
            Condition::Doubt => self.doubted(said()),
        }
        Some(at)
    }

    /// A verdict for each value.
    fn map(&mut self, keys: &[Key], all: &[&[&'t str]], said: &str) {
        for element in all {
            let Some(colon) = element.iter().position(|word| *word == ":") else {
                self.doubted(said.to_owned());
                return;
            };
            let (matches, doubt) = (self.matches.clone(), self.doubt.clone());
            let doubts = self.doubts;
            let value = &element[..colon];
            // What no other element names.
            let holds = if value == ["*"] {
                true
            } else {
                match condition(keys, &[value]) {
                    Condition::Is(on) => {
                        self.matches.push((false, on));
                        true
                    }
                    Condition::Isnt(on) => {
                        self.matches.push((true, on));
                        true
                    }
                    Condition::Always(holds) => holds,
                    Condition::Doubt => {
                        self.doubted(said.to_owned());
                        true
                    }
                }
            };
            if holds {
                self.read(&element[colon + 1..]);
            }
            (self.matches, self.doubt, self.doubts) = (matches, doubt, doubts);
        }
    }

    /// Another part; how many words it has, nothing when no more of the rule counts.
    fn part(&mut self, first: &'t str, tail: &[&'t str]) -> Option<usize> {
        let all = 1 + tail.len();
        Some(match (first, tail) {
            ("accept", _) => self.decides(Target::Accept, all),
            ("return", _) => self.decides(Target::Return, all),
            ("drop", _) => self.decides(Target::Drop, all),
            ("reject", _) => {
                let reset = tail.starts_with(&["with", "tcp", "reset"]);
                self.decides(Target::Reject { reset }, all)
            }
            ("queue" | "fwd", _) => self.decides(Target::Unknown(first.to_owned()), all),
            ("jump", [chain, ..]) => self.decides(Target::Jump((*chain).to_owned()), all),
            ("goto", [chain, ..]) => self.decides(Target::Goto((*chain).to_owned()), all),
            ("notrack", _) => self.does(Target::Untrack, 1),
            ("synproxy", _) => self.decides(Target::SynProxy, all),
            ("reset", ["tcp", "option", name, ..]) => match option(name) {
                Some(kind) => self.does(Target::Strip(vec![kind]), 4),
                None => self.does(Target::Unknown((*name).to_owned()), 4),
            },
            ("tcp", ["option", "maxseg", "size", "set", value, ..]) => match value.parse() {
                Ok(mss) => self.does(Target::Mss(mss), 6),
                // The MTU of the route (`rt mtu`) is one that the text does not tell.
                Err(_) => 6 + rest_of_value(&tail[5..]),
            },
            ("tcp", ["option", name, "exists", ..]) => {
                self.has_option(name, false);
                4
            }
            ("tcp", ["option", name, "missing", ..]) => {
                self.has_option(name, true);
                4
            }
            ("tcp", ["option", "mptcp", "subtype", rest @ ..]) => 4 + self.subtype(rest),
            ("tcp", ["option", name, rest @ ..]) => {
                self.has_option(name, false);
                let field = rest.first().copied().unwrap_or("");
                self.doubted(format!("tcp option {name} {field}"));
                3 + rest_of_value(rest)
            }
            ("tcp", ["flags", rest @ ..]) => 2 + self.flags(rest),
            ("tcp", []) => 1,
            ("redirect" | "tproxy", _) => {
                let line = &self.reader.lines[self.line];
                let rule = Rule::config(line.text(), self.reader.text.place(line), MAN);
                self.reader.redirects.push((self.place, rule));
                all
            }
            ("masquerade" | "snat" | "dnat", _) => {
                let line = &self.reader.lines[self.line];
                let place = self.reader.text.place(line);
                self.reader.rules.translates.get_or_insert(place);
                all
            }
            // Headers of IPv6 that no segment of a connection has.
            ("rt", ["type" | "nexthdr" | "hdrlength" | "seg-left", ..])
            | ("hbh" | "frag" | "dst" | "mh" | "srh" | "exthdr", _) => return None,
            // Other protocols than TCP.
            (
                "udp" | "udplite" | "icmp" | "icmpv6" | "igmp" | "sctp" | "dccp" | "esp" | "ah"
                | "comp" | "arp" | "gre" | "vxlan" | "geneve",
                _,
            ) => return None,
            ("counter", ["packets", _, "bytes", _, ..]) => 5,
            ("counter", ["name", _, ..]) => 3,
            ("log", _) => 1 + logged(tail),
            ("comment", [_, ..]) => 2,
            ("meta" | "ct" | "ip" | "ip6" | "ether" | "tcp" | "th", [_, "set", rest @ ..]) => {
                3 + rest_of_value(rest)
            }
            ("mark" | "priority", ["set", rest @ ..]) => 2 + rest_of_value(rest),
            ("dup", _) => 1 + rest_of_value(tail),
            ("flow", [_, _, ..]) => 3,
            ("add" | "update" | "delete", [set, "{", rest @ ..]) if set.starts_with('@') => {
                let length = block(rest);
                // Its limit decides whether what follows is done.
                if rest[..length].iter().any(|word| matches!(*word, "limit" | "count" | "quota")) {
                    self.doubted(format!("{first} {set}"));
                }
                4 + length
            }
            ("counter" | "continue" | "nftrace" | ";", _) => 1,
            ("limit" | "quota" | "meter", _) => {
                self.doubted(first.to_owned());
                1 + rest_of_value(tail)
            }
            // No connection is one whose destination a rule gave it.
            ("ct", ["status", "dnat", ..]) if !self.reader.names.has_dnat => return None,
            // One of the words that packets do not tell of, with its value.
            (other, _) if SELECTORS.contains(&other) || SINGLE.contains(&other) => {
                self.other(other, tail)
            }
            (other, _) => {
                self.doubted(other.to_owned());
                1
            }
        })
    }

    /// A condition that is not read: `ip dscp cs1`, `meta mark & 0xff == 1`; how many words it has.
    fn other(&mut self, first: &str, tail: &[&'t str]) -> usize {
        let name = tail.first().copied().filter(|_| SELECTORS.contains(&first));
        let named = name.map_or_else(|| first.to_owned(), |name| format!("{first} {name}"));
        // Of `fib`, `ct original` and the like names of other selectors are a part.
        let is_long = first == "fib" || matches!(name, Some("original" | "reply"));
        let mut depth = 0;
        let mut before = "";
        let mut length = tail.len();
        for (at, word) in tail.iter().enumerate() {
            match *word {
                "vmap" => {
                    let values = match tail.get(at + 1..).unwrap_or(&[]) {
                        ["{", rest @ ..] => elements(&rest[..block(rest)]),
                        _ => Vec::new(),
                    };
                    self.map(&[Key::Other], &values, &named);
                    if values.is_empty() {
                        self.doubted(named);
                        self.does(Target::Unknown("vmap".to_owned()), 0);
                    }
                    return 1 + tail.len();
                }
                "{" => depth += 1,
                "}" => depth -= 1,
                word if depth == 0 && at > usize::from(name.is_some()) => {
                    let ends = STATEMENTS.contains(&word)
                        || !is_long && before != "." && SELECTORS.contains(&word);
                    if ends {
                        length = at;
                        break;
                    }
                }
                _ => {}
            }
            before = word;
        }
        self.doubted(named);
        1 + length
    }

    fn has_option(&mut self, name: &str, is_missing: bool) {
        match option(name) {
            Some(kind) => self.matches.push((is_missing, Match::Option(kind))),
            None => self.doubted(format!("tcp option {name}")),
        }
    }

    /// `mp-capable`, `!= { dss, 3 }`; how many words that is (Linux, `MPTCPOPT_*`).
    fn subtype(&mut self, words: &[&'t str]) -> usize {
        let negated = words.first() == Some(&"!=");
        let at = usize::from(negated);
        let (all, length): (&[&str], usize) = match words.get(at..).unwrap_or(&[]) {
            ["{", rest @ ..] => (&rest[..block(rest)], 2 + block(rest)),
            [_, ..] => (&words[at..=at], 1),
            [] => (&[], 0),
        };
        let number = |word: &&&str| match **word {
            "mp-capable" => Some(0),
            "mp-join" => Some(1),
            "dss" => Some(2),
            "add-addr" => Some(3),
            "remove-addr" => Some(4),
            "mp-prio" => Some(5),
            "mp-fail" => Some(6),
            "mp-fastclose" => Some(7),
            "mp-tcprst" => Some(8),
            number => number.parse().ok(),
        };
        let subtypes = all.iter().filter(|word| **word != ",").map(|word| number(&word));
        self.has_option("mptcp", false);
        match subtypes.collect::<Option<Box<[u8]>>>() {
            Some(subtypes) => self.matches.push((negated, Match::Subtype(subtypes))),
            None => self.doubted("tcp option mptcp subtype".to_owned()),
        }
        at + length
    }

    /// `syn`, `syn / fin,syn,rst,ack`, `& (fin | syn) == syn`; how many words that is.
    fn flags(&mut self, words: &[&str]) -> usize {
        let count = words
            .iter()
            .take_while(|word| {
                matches!(
                    **word,
                    "&" | "(" | ")" | "|" | "," | "==" | "!=" | "/" | "{" | "}" | "!" | "0x0" | "0"
                ) || flags(&word.to_ascii_uppercase()).is_some()
            })
            .count();
        let said = &words[..count];
        let set = |words: &[&str]| {
            let named = words.iter().filter_map(|word| flags(&word.to_ascii_uppercase()));
            named.fold(0, |all, flag| all | flag)
        };
        let at = |mark: &str| said.iter().position(|word| *word == mark);
        let (mask, value, negated) = match (at("/"), at("=="), at("!=")) {
            _ if said.contains(&"{") || words.get(count) == Some(&"vmap") => {
                self.doubted("tcp flags".to_owned());
                return count;
            }
            (Some(at), ..) => (set(&said[at..]), set(&said[..at]), said.contains(&"!=")),
            // All flags are compared.
            (None, Some(0), _) => (0xff, set(said), false),
            (None, _, Some(0)) => (0xff, set(said), true),
            (None, Some(at), _) => (set(&said[..at]), set(&said[at..]), false),
            (None, None, Some(at)) => (set(&said[..at]), set(&said[at..]), true),
            // Not set, none of them.
            _ if said.first() == Some(&"!") => (set(said), 0, false),
            // One flag, or one of several.
            _ if !said.is_empty() && !said.contains(&"&") => (set(said), 0, true),
            // `& (fin | syn)`: one of them.
            _ if said.first() == Some(&"&") => (set(said), 0, true),
            _ => {
                self.doubted("tcp flags".to_owned());
                return count;
            }
        };
        self.matches.push((negated, Match::Flags(mask, value)));
        count
    }

    fn doubted(&mut self, what: String) {
        self.doubts += 1;
        self.doubt.get_or_insert(what);
    }

    /// Keeps a rule that does this under the conditions so far; `taken` words say it.
    fn does(&mut self, target: Target, taken: usize) -> usize {
        let matches = self.matches.clone();
        self.keep(target, matches);
        taken
    }

    /// The same, where nothing of the rule counts any more.
    fn decides(&mut self, target: Target, taken: usize) -> usize {
        let matches = std::mem::take(&mut self.matches);
        self.keep(target, matches);
        taken
    }

    fn keep(&mut self, target: Target, matches: Vec<(bool, Match)>) {
        let line = &self.reader.lines[self.line];
        let doubt = self.doubt.clone();
        if let Some(doubt) = doubt.as_deref() {
            let message = format!("`{doubt}` is not modelled: this rule is taken not to hold");
            self.reader.found.warn(line, "", message);
        }
        let remedy = remedy::of(&target, Vec::new);
        let rule = remedy.map(|remedy| {
            let rule = Rule::config(line.text(), self.reader.text.place(line), MAN);
            rule.remedied(remedy)
        });
        // A set that packets do not change holds an address or does not, whichever rule asks.
        let asks = self.asks.clone().filter(|_| self.doubts == 1);
        let read = Read { matches, doubt, asks, target };
        let Place { table, chain } = self.place;
        let before = self.is_first.then_some(0);
        self.reader.rules.add((table, chain), before, read, line, rule);
    }
}

/// Selectors of one word, for which `meta` may be left out.
const SINGLE: [&str; 11] = [
    "mark", "skuid", "skgid", "cpu", "iiftype", "oiftype", "iifgroup", "oifgroup", "rt", "socket",
    "vlan",
];

/// How many words are there before the next statement.
fn rest_of_value(words: &[&str]) -> usize {
    let mut depth = 0;
    let begins = |word: &&str| {
        match *word {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        depth == 0 && STATEMENTS.contains(word)
    };
    words.iter().position(begins).unwrap_or(words.len())
}

/// How many words say how something is logged: `prefix "x" level info flags tcp options`.
fn logged(words: &[&str]) -> usize {
    let mut at = 0;
    loop {
        match words.get(at).copied() {
            Some("prefix" | "level" | "group" | "snaplen" | "queue-threshold") => at += 2,
            Some("flags") => {
                let of = |word: &&&str| {
                    matches!(
                        **word,
                        "all" | "tcp" | "ip" | "skuid" | "ether" | "sequence" | "options" | ","
                    )
                };
                at += 1 + words[at + 1..].iter().take_while(of).count();
            }
            _ => return at,
        }
    }
}

/// What stands here to be compared, and how many words name it.
fn key(words: &[&str]) -> Option<(Key, usize)> {
    let (first, second) = (words.first()?, words.get(1).copied().unwrap_or(""));
    Some(match (*first, second) {
        ("ip" | "ip6", "saddr") => (Key::Source, 2),
        ("ip" | "ip6", "daddr") => (Key::Destination, 2),
        ("tcp" | "th", "sport") => (Key::SourcePort, 2),
        ("tcp" | "th", "dport") => (Key::DestinationPort, 2),
        ("ct", "state") => (Key::State, 2),
        ("iif" | "iifname", _) => (Key::Interface { out: false }, 1),
        ("oif" | "oifname", _) => (Key::Interface { out: true }, 1),
        ("meta", "iif" | "iifname" | "ibrname") => (Key::Interface { out: false }, 2),
        ("meta", "oif" | "oifname" | "obrname") => (Key::Interface { out: true }, 2),
        ("ip", "protocol") | ("ip6", "nexthdr") | ("meta", "l4proto") => (Key::Protocol, 2),
        ("l4proto", _) => (Key::Protocol, 1),
        ("meta", "nfproto" | "protocol") | ("ether", "type") => (Key::Version, 2),
        ("nfproto", _) => (Key::Version, 1),
        ("meta", "pkttype") => (Key::PacketType, 2),
        ("pkttype", _) => (Key::PacketType, 1),
        ("fib", "daddr" | "saddr") if words.get(2) == Some(&"type") => {
            (Key::Host { source: second == "saddr" }, 3)
        }
        _ => return None,
    })
}

/// `tcp dport >= 1024`.
fn compared(key: Key, operator: &str, value: &[&str]) -> Option<Match> {
    let [value] = value else { return None };
    let port = *ports(std::iter::once(*value), '-')?.first()?.start();
    let range = match operator {
        "<" | "lt" => 0..=port.checked_sub(1)?,
        "<=" | "le" => 0..=port,
        ">" | "gt" => port.checked_add(1)?..=u16::MAX,
        _ => port..=u16::MAX,
    };
    match key {
        Key::SourcePort => Some(Match::SourcePort([range].into())),
        Key::DestinationPort => Some(Match::DestinationPort([range].into())),
        _ => None,
    }
}

/// What of these values the keys have.
fn condition(keys: &[Key], all: &[&[&str]]) -> Condition {
    let [key] = keys else { return joined(keys, all) };
    // A timeout stands behind a value.
    let is_value = |element: &&[&str]| {
        matches!(element, [_] | [_, "timeout" | "expires" | "comment" | "counter" | "last", ..])
    };
    if all.is_empty() || !all.iter().all(is_value) {
        return Condition::Doubt;
    }
    let values = || all.iter().map(|element| element[0]);
    let is = |on: Option<Match>| on.map_or(Condition::Doubt, Condition::Is);
    match *key {
        Key::Source => is(addresses(values()).map(Match::Source)),
        Key::Destination => is(addresses(values()).map(Match::Destination)),
        Key::SourcePort => is(ports(values(), '-').map(Match::SourcePort)),
        Key::DestinationPort => is(ports(values(), '-').map(Match::DestinationPort)),
        Key::State => {
            Condition::Is(Match::State(values().map(|v| v.to_ascii_uppercase()).collect()))
        }
        Key::Interface { out } => {
            let names = values().map(|name| name.replace('*', "+")).collect();
            Condition::Is(Match::Interface { names, out })
        }
        Key::Protocol => Condition::Always(values().any(|v| matches!(v, "tcp" | "6"))),
        Key::Version => {
            let has = |names: [&str; 3]| values().any(|value| names.contains(&value));
            match (has(["ipv4", "ip", "0x0800"]), has(["ipv6", "ip6", "0x86dd"])) {
                (false, true) => Condition::Is(Match::Version6),
                (true, false) => Condition::Isnt(Match::Version6),
                (true, true) => Condition::Always(true),
                _ if has(["arp", "vlan", "0x0806"]) => Condition::Always(false),
                _ => Condition::Doubt,
            }
        }
        // TCP is between two hosts.
        Key::Host { source } => {
            match (values().any(|v| v == "local"), values().any(|v| v == "unicast")) {
                (true, false) => Condition::Is(Match::Host { source }),
                (false, true) => Condition::Isnt(Match::Host { source }),
                (true, true) => Condition::Always(true),
                (false, false) => Condition::Always(false),
            }
        }
        Key::PacketType => {
            let of_host = ["host", "unicast", "to-host"];
            Condition::Always(values().any(|value| of_host.contains(&value)))
        }
        Key::Other => Condition::Doubt,
    }
}

/// What of these values, of which each has a part for each key (`10.0.0.1 . 80`), the keys have.
fn joined(keys: &[Key], all: &[&[&str]]) -> Condition {
    let mut alternatives = Vec::with_capacity(all.len());
    for element in all {
        let mut conditions = Vec::with_capacity(keys.len());
        let mut parts = element.split(|word| *word == ".");
        let mut is_of_tcp = true;
        for key in keys {
            let Some(part) = parts.next() else { return Condition::Doubt };
            match condition(std::slice::from_ref(key), &[part]) {
                Condition::Is(on) => conditions.push((false, on)),
                Condition::Isnt(on) => conditions.push((true, on)),
                Condition::Always(holds) => is_of_tcp &= holds,
                Condition::Doubt => return Condition::Doubt,
            }
        }
        if is_of_tcp {
            alternatives.push(conditions.into());
        }
    }
    if alternatives.is_empty() {
        return Condition::Always(false);
    }
    Condition::Is(Match::Joined(alternatives.into()))
}

/// The kind of an option by nft's name for it.
fn option(name: &str) -> Option<u8> {
    Some(match name {
        "mptcp" => kind::MPTCP,
        "maxseg" => kind::MSS,
        "window" => kind::WINDOW_SCALE,
        "sack-perm" | "sack-permitted" => kind::SACK_PERMITTED,
        "sack" => kind::SACK,
        "timestamp" => kind::TIMESTAMPS,
        "md5sig" => kind::MD5,
        "fastopen" => 34,
        number => number.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Effect, audit};

    #[test]
    fn rulesets() {
        use Effect::{Drop, Pass, Strip, Terminate, Unknown};
        let mut wrong = Vec::new();
        let mut check = |text: &str, expected: &[(Effect, Option<u32>)]| {
            let text = ConfigText::new("f.nft", text);
            assert!(is_one(text));
            let audit = audit(text, None).1;
            let told: Vec<_> =
                audit.verdicts.iter().map(|v| (v.effect, v.because[0].line)).collect();
            if told != expected {
                wrong.push((text.text.to_owned(), told, expected.to_vec(), audit.warnings));
            }
        };
        let chain = |hook: &str, rule: &str| {
            format!(
                "table inet f {{\n chain c {{\n  type filter hook {hook} priority 0; policy accept;\n  {rule}\n }}\n}}\n"
            )
        };
        let closed = |rule: &str| chain("forward", rule).replace("policy accept", "policy drop");
        check(&chain("forward", "accept"), &[(Pass, None)]);
        // What is for the host itself is told apart.
        let host = chain("input", "tcp dport 22 tcp flags syn synproxy mss 1460; drop");
        check(&host, &[(Pass, None), (Terminate, Some(4)), (Drop, Some(4))]);
        // SYNs are tracked, and so new, unless a rule says otherwise.
        let proxy = "tcp dport 80 ct state invalid,untracked synproxy mss 1460 wscale 7";
        check(&chain("forward", proxy), &[(Pass, None)]);
        let untracked = format!(
            "{} }}\n chain r {{\n  type filter hook prerouting priority raw;\n  tcp dport 80 tcp flags syn notrack\n }}\n}}\n",
            chain("forward", proxy).trim_end_matches("}\n")
        );
        check(&untracked, &[(Terminate, Some(4)), (Pass, None)]);
        let strip = "tcp flags syn reset tcp option mptcp";
        check(&chain("forward", strip), &[(Strip, Some(4))]);
        check(&chain("forward", "tcp option mptcp exists counter drop"), &[(Drop, Some(4))]);
        check(&chain("forward", "tcp option 30 exists reject with tcp reset"), &[(Drop, Some(4))]);
        check(
            &chain("forward", "tcp option sack-perm exists reset tcp option sack-perm"),
            &[(Pass, None)],
        );
        let web = [(Pass, None), (Drop, Some(3))];
        let returned = "ct state established,related accept\n  ";
        for rule in [
            "tcp dport 80 accept",
            "tcp dport { 80, 443 } ct state new counter packets 0 bytes 0 accept comment \"a web; shop\"",
            "tcp dport { 80,\n   443 } accept # both",
            "tcp dport 80-90 log prefix \"in \" level info accept",
            "ip daddr { 10.0.0.0/8, 192.0.2.1 } meta l4proto { tcp, udp } th dport http accept",
            "tcp dport vmap { 80 : accept, 53 : continue }",
        ] {
            check(&closed(&format!("{returned}{rule}")), &web);
        }
        check(
            &closed("ct state vmap { established : accept, related : accept, new : accept }"),
            &[(Pass, None)],
        );
        check(&closed("udp dport 53 accept\n  meta l4proto icmp accept"), &[(Drop, Some(3))]);
        check(&chain("forward", "tcp dport 25 queue num 1"), &[(Unknown, Some(4)), (Pass, None)]);
        check(&chain("forward", "ip saddr @bad drop"), &[(Unknown, Some(4)), (Pass, None)]);
        check(
            &chain("forward", "limit rate 10/second accept\n  drop"),
            &[(Unknown, Some(4)), (Drop, Some(5))],
        );
        let mapped = format!("{returned}tcp dport vmap {{ 80 : accept, 22 : drop }}");
        check(&closed(&mapped), &[(Pass, None), (Drop, Some(5)), (Drop, Some(3))]);
        let jumps = "table ip f {\n set web { type inet_service; elements = { 80, 443 } }\n chain out {\n  tcp dport @web accept\n }\n chain c {\n  type filter hook forward priority filter; policy drop\n  ct state established accept\n  jump out\n }\n}\n";
        check(jumps, &[(Pass, None), (Drop, Some(7))]);
        // The table ip has nothing to say of IPv6.
        let of_ipv4 = closed("udp dport 53 accept").replace("table inet", "table ip");
        check(&of_ipv4, &[(Pass, None), (Drop, Some(3))]);
        let define = "define wan = eth0\ndefine lan = { eth1, eth2 }\n".to_owned()
            + &closed(&format!("{returned}iifname $lan oifname $wan accept"));
        check(&define, &[(Drop, Some(5)), (Pass, None)]);
        let commands = "nft add table ip f\nnft add chain ip f c '{ type filter hook forward priority 0 ; policy drop; }'\nnft add rule ip f c reset tcp option mptcp\nnft add rule ip f c accept\n";
        check(commands, &[(Pass, None), (Strip, Some(3))]);
        check(&commands.replace("nft add", "sudo nft add"), &[(Pass, None), (Strip, Some(3))]);
        // Where addresses are translated, a warning says so; a process of the router's is the peer.
        let nat = "table ip nat {\n chain p {\n  type nat hook prerouting priority dstnat;\n  tcp dport 80 redirect to :3128\n }\n chain q {\n  type nat hook postrouting priority srcnat;\n  oifname \"eth0\" masquerade\n }\n}\n";
        check(nat, &[(Terminate, Some(4)), (Pass, None)]);
        check("flush ruleset\ninclude \"/etc/nftables.d/*.nft\"\n", &[(Unknown, Some(2))]);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// Whatever is written, nothing panics.
    #[test]
    fn broken_texts() {
        let whole = "table inet f { chain c { type filter hook forward priority 0; tcp dport { 80, 443 } ct state vmap { new : jump x } counter accept; } }";
        for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
            let _ = audit(ConfigText::new("f.nft", &whole[..end]), None);
        }
    }
}
