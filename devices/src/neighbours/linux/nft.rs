//! Rules of nftables, as `nft list ruleset` prints them, as a script or the commands give them (nft(8)).
//!
//! They become the same rules as those of iptables. What is not read of a rule's conditions is a doubt: it is
//! not said whether the rule holds.

use std::collections::BTreeMap;

use sim_core::engine::device::Rule;
use sim_core::wire::options::kind;

use crate::config::{ConfigText, Diagnostics, Line};

use super::matches::{Match, addresses, flags, ports};
use super::remedy;
use super::rules::{Base, Read, Ruleset};
use super::target::Target;

const MAN: &str = "nft(8)";

/// True for a ruleset of nftables, or a script of its commands.
pub(super) fn is_one(text: ConfigText<'_>) -> bool {
    text.lines().iter().any(|line| match line.words.as_slice() {
        ["table", "ip" | "ip6" | "inet" | "bridge" | "netdev", ..] | ["flush", "ruleset", ..] => {
            true
        }
        [program, "add" | "insert" | "-f", ..] | ["sudo", program, "add" | "insert" | "-f", ..] => {
            program.rsplit('/').next() == Some("nft")
        }
        _ => false,
    })
}

/// Reads a text.
pub(super) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> Ruleset {
    let lines = text.lines();
    let tokens = tokens_of(&lines);
    let mut reader = Reader {
        text,
        lines: &lines,
        names: Names::of(&tokens),
        tokens: &tokens,
        at: 0,
        tables: Vec::new(),
        bases: Vec::new(),
        rules: Ruleset::of(text.file, MAN),
        found,
    };
    reader.all();
    // By hook, then by priority; the sort keeps the order of the text among equals.
    reader.bases.sort_by_key(|(order, _)| *order);
    reader.rules.bases = reader.bases.into_iter().map(|(_, base)| base).collect();
    reader.rules
}

/// A word, a mark of punctuation, or the end of a line (`\n`); with the place of its line.
#[derive(Clone, Copy)]
struct Token<'t> {
    text: &'t str,
    line: usize,
}

/// The tokens of a text, without its remarks.
fn tokens_of<'t>(lines: &[Line<'t>]) -> Vec<Token<'t>> {
    let mut tokens = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let text = line.text();
        let mut add = |token| tokens.push(Token { text: token, line: at });
        let (mut begin, mut rest) = (0, text.char_indices());
        let mut goes_on = false;
        while let Some((here, c)) = rest.next() {
            let is_mark = "{};,()|".contains(c);
            // A shell's quotes and backslashes stand around what nft reads.
            if !(is_mark || c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '#')) {
                continue;
            }
            if begin < here {
                word(&text[begin..here], &mut add);
            }
            begin = here + c.len_utf8();
            goes_on = c == '\\' && begin == text.len();
            if c == '#' {
                begin = text.len();
                break;
            }
            if c == '"'
                && let Some(length) = text[begin..].find('"')
                && !text[begin..begin + length].contains(['{', ';'])
            {
                add(&text[begin..begin + length]);
                begin += length + 1;
                while rest.offset() < begin && rest.next().is_some() {}
            } else if is_mark {
                add(&text[here..begin]);
            }
        }
        if begin < text.len() {
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

/// What a text gives names to.
struct Names<'t> {
    /// Elements of sets and maps.
    sets: BTreeMap<&'t str, Vec<Vec<&'t str>>>,
    /// Values of `define`.
    values: BTreeMap<&'t str, Vec<&'t str>>,
}

impl<'t> Names<'t> {
    fn of(tokens: &[Token<'t>]) -> Self {
        let mut names = Self { sets: BTreeMap::new(), values: BTreeMap::new() };
        let words: Vec<&'t str> = tokens.iter().map(|token| token.text).collect();
        let mut set = "";
        for at in 0..words.len() {
            match &words[at..] {
                ["set" | "map", name, "{", ..] => set = name,
                ["elements", "=", "{", rest @ ..] => {
                    names.sets.entry(set).or_default().extend(elements(rest).0);
                }
                ["element", _, _, name, "{", rest @ ..] => {
                    names.sets.entry(name).or_default().extend(elements(rest).0);
                }
                ["define", name, "=", "{", rest @ ..] => {
                    let (_, length) = elements(rest);
                    let all = std::iter::once("{").chain(rest[..length].iter().copied());
                    names.values.insert(name, all.filter(|word| *word != "\n").collect());
                }
                ["define", name, "=", rest @ ..] => {
                    let value = rest.iter().copied().take_while(|word| *word != "\n");
                    names.values.insert(name, value.collect());
                }
                _ => {}
            }
        }
        names
    }

    /// The words of a rule, each value in its name's place.
    fn put_in(&self, words: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
        let mut all = Vec::new();
        for word in words {
            match word.strip_prefix('$').and_then(|name| self.values.get(name)) {
                Some(value) => all.extend(value),
                None => all.push(word),
            }
        }
        all
    }
}

/// The elements up to the closing brace, and how many words they and the brace are.
fn elements<'t>(words: &[&'t str]) -> (Vec<Vec<&'t str>>, usize) {
    let mut all = vec![Vec::new()];
    let mut depth = 1;
    for (at, word) in words.iter().enumerate() {
        match *word {
            "}" if depth == 1 => {
                all.retain(|element: &Vec<&str>| !element.is_empty());
                return (all, at + 1);
            }
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => all.push(Vec::new()),
            "\n" => {}
            other => all.last_mut().into_iter().for_each(|element| element.push(other)),
        }
    }
    (all, words.len())
}

struct Reader<'r, 't> {
    text: ConfigText<'r>,
    lines: &'r [Line<'t>],
    names: Names<'t>,
    tokens: &'r [Token<'t>],
    at: usize,
    /// Family and name of each table.
    tables: Vec<(&'t str, &'t str)>,
    /// With the order in which a packet passes them.
    bases: Vec<((usize, i32), Base)>,
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
/// Hooks that forwarded packets pass, in their order.
const HOOKS: [&str; 4] = ["ingress", "prerouting", "forward", "postrouting"];

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
                        "rule" => self.statement(place, first == "insert"),
                        _ if self.peek(0) == "{" => {
                            self.at += 1;
                            self.chain(place);
                        }
                        _ => {}
                    }
                }
                ("set" | "map" | "flowtable" | "synproxy" | "counter" | "quota", _)
                    if self.peek(1) == "{" =>
                {
                    self.at += 2;
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

    /// Rules of a file that is not here may do anything.
    fn unknown_file(&mut self, line: &Line<'t>) {
        let chain = format!("(included in line {})", line.number);
        let target = Target::Unknown("include".to_owned());
        let read = Read { matches: Vec::new(), doubt: None, target };
        self.rules.add((usize::MAX, &chain), false, read, line, None);
        let base = Base { table: usize::MAX, chain, when: Vec::new(), policy: None };
        self.bases.push(((0, i32::MIN), base));
    }

    /// What stands in the braces of a chain.
    fn chain(&mut self, place: Place<'t>) {
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

    /// The words up to the end of the statement, and the place of its line.
    fn words(&mut self) -> (Vec<&'t str>, usize) {
        let first = self.at;
        let mut depth = 0;
        while self.at < self.tokens.len() {
            match self.peek(0) {
                "{" => depth += 1,
                "}" if depth == 0 => break,
                "}" => depth -= 1,
                "\n" | ";" if depth == 0 => break,
                _ => {}
            }
            self.at += 1;
        }
        let line = self.tokens.get(first).map_or(0, |token| token.line);
        let words = self.tokens[first..self.at].iter().map(|token| token.text);
        (self.names.put_in(words.filter(|word| *word != "\n")), line)
    }

    /// `type filter hook forward device eth0 priority filter + 10`.
    fn base(&mut self, place: Place<'t>) {
        let (words, _) = self.words();
        let ["type", kind, "hook", hook, rest @ ..] = words.as_slice() else { return };
        let Some(order) = HOOKS.iter().position(|known| known == hook) else { return };
        let family = self.tables.get(place.table).map_or("", |(family, _)| family);
        // Chains of translation see the first packet only, and `arp` no TCP.
        if *kind == "nat" || family == "arp" {
            return;
        }
        let when = match family {
            "ip" => vec![(true, Match::Version6)],
            "ip6" => vec![(false, Match::Version6)],
            _ => Vec::new(),
        };
        let at = rest.iter().position(|word| *word == "priority").map_or(rest.len(), |at| at + 1);
        let base = Base { table: place.table, chain: place.chain.to_owned(), when, policy: None };
        self.bases.push(((order, priority(&rest[at..])), base));
    }

    fn policy(&mut self, place: Place<'t>) {
        let (words, line) = self.words();
        let line = &self.lines[line];
        let is_this = |base: &&mut Base| base.table == place.table && base.chain == place.chain;
        if words.get(1) == Some(&"drop")
            && let Some(base) = self.bases.iter_mut().map(|(_, base)| base).rfind(is_this)
        {
            base.policy = Some(Rule::config(line.text(), self.text.place(line), MAN));
        }
    }

    /// A rule.
    fn statement(&mut self, place: Place<'t>, is_first: bool) {
        let (words, line) = self.words();
        let mut rule =
            Statement { reader: self, place, is_first, line, matches: Vec::new(), doubt: None };
        rule.read(&words);
    }
}

/// `filter + 10`, `-150`: the numbers that the names stand for in nft(8).
fn priority(words: &[&str]) -> i32 {
    let named = |word: &str| -> i32 {
        match word {
            "raw" => -300,
            "mangle" => -150,
            "dstnat" => -100,
            "security" => 50,
            "srcnat" => 100,
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
#[derive(Clone, Copy)]
enum Key {
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    State,
    Interface { out: bool },
    Protocol,
    Version,
}

/// What a key and its values come to.
enum Condition {
    Is(Match),
    Isnt(Match),
    /// It holds for TCP, always or never.
    Always(bool),
    Doubt,
}

/// A rule that is read.
struct Statement<'s, 'r, 't> {
    reader: &'s mut Reader<'r, 't>,
    place: Place<'t>,
    is_first: bool,
    line: usize,
    matches: Vec<(bool, Match)>,
    doubt: Option<String>,
}

impl<'t> Statement<'_, '_, 't> {
    fn read(&mut self, words: &[&'t str]) {
        let mut rest = words;
        while let [first, tail @ ..] = rest {
            let known = key(rest);
            let taken = match known {
                Some((key, length)) => self.condition(key, rest, length),
                None => self.part(first, tail),
            };
            let Some(taken) = taken else { return };
            rest = rest.get(taken.max(1)..).unwrap_or(&[]);
        }
    }

    /// A condition; how many words it has, nothing when the rule concerns no TCP.
    fn condition(&mut self, key: Key, words: &[&'t str], length: usize) -> Option<usize> {
        let mut at = length;
        let negated = matches!(words.get(at), Some(&("!=" | "ne" | "not")));
        at += usize::from(negated || matches!(words.get(at), Some(&("==" | "eq"))));
        let is_map = words.get(at) == Some(&"vmap");
        at += usize::from(is_map);
        let all = match words.get(at..).unwrap_or(&[]) {
            ["{", rest @ ..] => {
                let (all, length) = elements(rest);
                at += 1 + length;
                Some(all)
            }
            [set, ..] if set.starts_with('@') => {
                at += 1;
                self.reader.names.sets.get(&set[1..]).cloned()
            }
            [first, rest @ ..] => {
                let mut all = vec![vec![*first]];
                at += 1;
                let mut rest = rest;
                while let [",", next, more @ ..] = rest {
                    all.push(vec![*next]);
                    at += 2;
                    rest = more;
                }
                Some(all)
            }
            [] => None,
        };
        let said = words[..at.min(words.len())].join(" ");
        let Some(all) = all else {
            self.doubted(&said);
            return Some(at);
        };
        if is_map {
            self.map(key, &all, &said);
            return Some(at);
        }
        match condition(key, &all) {
            Condition::Is(on) => self.matches.push((negated, on)),
            Condition::Isnt(on) => self.matches.push((!negated, on)),
            Condition::Always(holds) if holds == negated => return None,
            Condition::Always(_) => {}
            Condition::Doubt => self.doubted(&said),
        }
        Some(at)
    }

    /// A verdict for each value.
    fn map(&mut self, key: Key, all: &[Vec<&'t str>], said: &str) {
        for element in all {
            let Some(colon) = element.iter().position(|word| *word == ":") else {
                self.doubted(said);
                return;
            };
            let (matches, doubt) = (self.matches.clone(), self.doubt.clone());
            let holds = match condition(key, &[element[..colon].to_vec()]) {
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
                    self.doubted(said);
                    true
                }
            };
            if holds {
                self.read(&element[colon + 1..]);
            }
            (self.matches, self.doubt) = (matches, doubt);
        }
    }

    /// Another part; how many words it has, nothing when no more of the rule counts.
    fn part(&mut self, first: &'t str, tail: &[&'t str]) -> Option<usize> {
        let all = 1 + tail.len();
        Some(match (first, tail) {
            ("accept", _) => self.does(Target::Accept, 1),
            ("return", _) => self.does(Target::Return, 1),
            ("drop", _) => self.does(Target::Drop, 1),
            ("reject", _) => {
                let reset = tail.starts_with(&["with", "tcp", "reset"]);
                self.does(Target::Reject { reset }, all)
            }
            ("jump", ["{", ..]) | ("queue" | "fwd", _) => {
                self.does(Target::Unknown(first.to_owned()), all)
            }
            ("jump", [chain, ..]) => self.does(Target::Jump((*chain).to_owned()), 2),
            ("goto", [chain, ..]) => self.does(Target::Goto((*chain).to_owned()), 2),
            ("notrack", _) => self.does(Target::Untrack, 1),
            ("synproxy", _) => self.does(Target::SynProxy, all),
            ("reset", ["tcp", "option", name, ..]) => match option(name) {
                Some(kind) => self.does(Target::Strip(vec![kind]), 4),
                None => self.does(Target::Unknown((*name).to_owned()), 4),
            },
            ("tcp", ["option", "maxseg", "size", "set", value, ..]) => match value.parse() {
                Ok(mss) => self.does(Target::Mss(mss), 6),
                Err(_) => 6,
            },
            ("tcp", ["option", name, "exists", ..]) => {
                match option(name) {
                    Some(kind) => self.matches.push((false, Match::Option(kind))),
                    None => self.doubted(name),
                }
                4
            }
            ("tcp", ["option", name, "missing", ..]) => {
                match option(name) {
                    Some(kind) => self.matches.push((true, Match::Option(kind))),
                    None => self.doubted(name),
                }
                4
            }
            ("tcp", ["flags", rest @ ..]) => 2 + self.flags(rest),
            ("tcp", []) => 1,
            ("redirect" | "tproxy", _) => {
                let line = &self.reader.lines[self.line];
                let rule = Rule::config(line.text(), self.reader.text.place(line), MAN);
                self.reader.rules.redirects.push(rule);
                all
            }
            ("masquerade" | "snat" | "dnat", _) => {
                let line = &self.reader.lines[self.line];
                let place = self.reader.text.place(line);
                self.reader.rules.translates.get_or_insert(place);
                all
            }
            // Other protocols than TCP.
            (
                "udp" | "udplite" | "icmp" | "icmpv6" | "igmp" | "sctp" | "dccp" | "esp" | "ah"
                | "comp" | "arp",
                _,
            ) => return None,
            ("counter", ["packets", _, "bytes", _, ..]) => 5,
            ("counter", ["name", _, ..]) => 3,
            ("log", _) => {
                let named = |word: &str| {
                    matches!(
                        word,
                        "prefix" | "level" | "flags" | "group" | "snaplen" | "queue-threshold"
                    )
                };
                1 + 2 * tail.chunks(2).take_while(|pair| named(pair[0])).count()
            }
            ("comment", [_, ..]) => 2,
            ("meta" | "ct" | "ip" | "ip6", [_, "set", _, ..]) => 4,
            ("flow", [_, _, ..]) => 3,
            ("counter" | "continue" | "nftrace" | ";", _) => 1,
            (other, _) => {
                self.doubted(other);
                1
            }
        })
    }

    /// `syn`, `syn / fin,syn,rst,ack`, `& (fin | syn) == syn`; how many words that is.
    fn flags(&mut self, words: &[&str]) -> usize {
        let count = words
            .iter()
            .take_while(|word| {
                matches!(**word, "&" | "(" | ")" | "|" | "," | "==" | "!=" | "/" | "{" | "}")
                    || flags(&word.to_ascii_uppercase()).is_some()
                    || **word == "0x0"
            })
            .count();
        let said = &words[..count];
        let set = |words: &[&str]| {
            let named = words.iter().filter_map(|word| flags(&word.to_ascii_uppercase()));
            named.fold(0, |all, flag| all | flag)
        };
        let at = |mark: &str| said.iter().position(|word| *word == mark);
        let (mask, value, negated) = match (at("/"), at("=="), at("!=")) {
            (Some(at), ..) => (set(&said[at..]), set(&said[..at]), said.contains(&"!=")),
            (None, Some(at), _) => (set(&said[..at]), set(&said[at..]), false),
            (None, None, Some(at)) if at > 0 => (set(&said[..at]), set(&said[at..]), true),
            // One flag, or one of several.
            _ if said.len() == 1 => (set(said), set(said), false),
            _ => {
                self.doubted("tcp flags");
                return count;
            }
        };
        self.matches.push((negated, Match::Flags(mask, value)));
        count
    }

    fn doubted(&mut self, what: &str) {
        self.doubt.get_or_insert_with(|| what.to_owned());
    }

    /// Keeps a rule that does this under the conditions so far; `taken` words say it.
    fn does(&mut self, target: Target, taken: usize) -> usize {
        let line = &self.reader.lines[self.line];
        if let Some(doubt) = self.doubt.as_deref() {
            let message = format!("`{doubt}` is not modelled: this rule does nothing");
            self.reader.found.warn(line, "", message);
        }
        let remedy = remedy::of(&target, Vec::new);
        let rule = remedy.map(|remedy| {
            let rule = Rule::config(line.text(), self.reader.text.place(line), MAN);
            rule.remedied(remedy)
        });
        let read = Read { matches: self.matches.clone(), doubt: self.doubt.clone(), target };
        let Place { table, chain } = self.place;
        self.reader.rules.add((table, chain), self.is_first, read, line, rule);
        taken
    }
}

/// What stands here to be compared, and how many words name it.
fn key(words: &[&str]) -> Option<(Key, usize)> {
    Some(match words {
        ["ip" | "ip6", "saddr", ..] => (Key::Source, 2),
        ["ip" | "ip6", "daddr", ..] => (Key::Destination, 2),
        ["tcp" | "th", "sport", ..] => (Key::SourcePort, 2),
        ["tcp" | "th", "dport", ..] => (Key::DestinationPort, 2),
        ["ct", "state", ..] => (Key::State, 2),
        ["iif" | "iifname", ..] => (Key::Interface { out: false }, 1),
        ["oif" | "oifname", ..] => (Key::Interface { out: true }, 1),
        ["meta", "iif" | "iifname", ..] => (Key::Interface { out: false }, 2),
        ["meta", "oif" | "oifname", ..] => (Key::Interface { out: true }, 2),
        ["ip", "protocol", ..] | ["ip6", "nexthdr", ..] | ["meta", "l4proto", ..] => {
            (Key::Protocol, 2)
        }
        ["meta", "nfproto" | "protocol", ..] => (Key::Version, 2),
        _ => return None,
    })
}

/// What of these values the key has.
fn condition(key: Key, all: &[Vec<&str>]) -> Condition {
    let mut values: Vec<&str> = Vec::new();
    for element in all {
        // What is joined of several (`a . b`) is none of them; a timeout stands behind a value.
        match element.as_slice() {
            [value] | [value, "timeout" | "expires" | "comment" | "counter", ..] => {
                values.push(value);
            }
            _ => return Condition::Doubt,
        }
    }
    let joined = values.join(",");
    let is = |on: Option<Match>| on.map_or(Condition::Doubt, Condition::Is);
    match key {
        _ if values.is_empty() => Condition::Doubt,
        Key::Source => is(addresses(&joined).map(Match::Source)),
        Key::Destination => is(addresses(&joined).map(Match::Destination)),
        Key::SourcePort => is(ports(&joined.replace('-', ":")).map(Match::SourcePort)),
        Key::DestinationPort => is(ports(&joined.replace('-', ":")).map(Match::DestinationPort)),
        Key::State => {
            Condition::Is(Match::State(values.iter().map(|v| v.to_ascii_uppercase()).collect()))
        }
        Key::Interface { out } => {
            let names = values.iter().map(|name| name.replace('*', "+")).collect();
            Condition::Is(Match::Interface { names, out })
        }
        Key::Protocol => Condition::Always(values.iter().any(|v| matches!(*v, "tcp" | "6"))),
        Key::Version => {
            let has = |names: [&str; 2]| values.iter().any(|value| names.contains(value));
            match (has(["ipv4", "ip"]), has(["ipv6", "ip6"])) {
                (false, true) => Condition::Is(Match::Version6),
                (true, false) => Condition::Isnt(Match::Version6),
                (true, true) => Condition::Always(true),
                _ => Condition::Doubt,
            }
        }
    }
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
        check(&chain("input", "tcp dport 22 synproxy mss 1460; drop"), &[(Pass, None)]);
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
