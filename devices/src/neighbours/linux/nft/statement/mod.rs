//! One rule of nftables: its words one after the other, what it does, and under which conditions.

mod conditions;
mod keys;
mod marks;
mod tcp;
mod translation;

use sim_core::engine::device::Rule;

use crate::config::quoted;
use crate::neighbours::linux::marks::Marking;
use crate::neighbours::linux::matches::Match;
use crate::neighbours::linux::remedy;
use crate::neighbours::linux::rules::{Limit, Read};
use crate::neighbours::linux::target::{Target, only_counts, source_of};

use super::MAN;
use super::chains::{Place, Reader};
use super::tokens::{block, elements, is_open};
use keys::{Key, key};
use tcp::option;

/// A rule that is read.
pub(super) struct Statement<'s, 'r, 't> {
    reader: &'s mut Reader<'r, 't>,
    place: Place<'t>,
    is_first: bool,
    line: usize,
    matches: Vec<(bool, Match)>,
    doubt: Option<String>,
    /// How many conditions are in doubt, and the first in full where it is one of a set.
    doubts: usize,
    asks: Option<Box<str>>,
    limit: Option<Limit>,
    /// How it changes marks, which nothing has been done after yet.
    marks: Vec<Marking>,
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

/// Selectors of one word, for which `meta` may be left out.
const SINGLE: [&str; 16] = [
    "mark", "skuid", "skgid", "cpu", "iiftype", "oiftype", "iifgroup", "oifgroup", "ibrname",
    "obrname", "rt", "socket", "vlan", "numgen", "symhash", "jhash",
];

impl<'s, 'r, 't> Statement<'s, 'r, 't> {
    /// None of whose words are read yet.
    pub(super) fn of(
        reader: &'s mut Reader<'r, 't>,
        place: Place<'t>,
        is_first: bool,
        line: usize,
    ) -> Self {
        Self {
            reader,
            place,
            is_first,
            line,
            matches: Vec::new(),
            doubt: None,
            doubts: 0,
            asks: None,
            limit: None,
            marks: Vec::new(),
        }
    }
}

impl<'t> Statement<'_, '_, 't> {
    pub(super) fn read(&mut self, words: &[&'t str]) {
        // A shell's variable, or one of an included file, may hold whole rules; so may what a template has for it.
        if let [name, rest @ ..] = words
            && is_open(name)
            && (rest.is_empty() || name.starts_with("${"))
        {
            let line = &self.reader.lines[self.line];
            let message = format!(
                "the text gives {} no value: it may hold rules, and what they do is not known",
                quoted(name)
            );
            self.reader.found.warn(line, name, message);
            self.decides(Target::Unknown((*name).to_owned()), 0);
            return;
        }
        let mut rest = words;
        while let [first, tail @ ..] = rest {
            let is_known = |(key, _): &(Key, usize)| {
                !matches!(key, Key::Group { .. } | Key::Bridge { .. })
                    || !self.reader.names.names_interfaces
            };
            let known = key(rest).filter(is_known);
            // What is asked after a mark was set is asked of what follows alone.
            if known.is_some() && !self.marks.is_empty() {
                self.does(Target::Count, 0);
                let is_of_marks = |(_, on): &(bool, Match)| matches!(on, Match::Mark { .. });
                if self.matches.iter().any(is_of_marks) {
                    self.matches.retain(|on| !is_of_marks(on));
                    self.doubted("meta mark".to_owned());
                }
            }
            let taken = match known {
                Some((key, length)) => self.condition(key, rest, length),
                None => self.part(first, tail),
            };
            let Some(taken) = taken else {
                // Packets come to a chain all the same, though none of TCP.
                let jump = rest.iter().position(|word| matches!(*word, "jump" | "goto"));
                if let Some(chain) = jump.and_then(|at| rest.get(at + 1)) {
                    let root = (self.place.table, (*chain).to_owned());
                    self.reader.rules.roots.push(root);
                }
                return;
            };
            rest = rest.get(taken.max(1)..).unwrap_or(&[]);
        }
        if !self.marks.is_empty() {
            self.decides(Target::Count, 0);
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
                // An error of one version of IP answers that alone (nft(8), REJECT STATEMENT).
                match tail {
                    ["with", "icmp", ..] => self.matches.push((true, Match::Version6)),
                    ["with", "icmpv6", ..] => self.matches.push((false, Match::Version6)),
                    _ => {}
                }
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
            ("tproxy", _) => {
                let sets = tail.windows(2).position(|pair| pair == ["mark", "set"]);
                if let Some(at) = sets {
                    self.marked(false, &tail[at + 2..]);
                }
                let goes_on = !tail.contains(&"accept");
                self.decides(Target::Take { goes_on, drops_others: false }, all)
            }
            ("redirect", _) => self.redirect(tail),
            ("masquerade" | "snat" | "dnat", _) => {
                let line = &self.reader.lines[self.line];
                let place = self.reader.text.place(line);
                self.reader.rules.translates.get_or_insert(place);
                match first {
                    "dnat" => self.dnat(tail),
                    _ => {
                        let mut to = tail.iter().filter_map(|word| source_of(word));
                        self.decides(Target::Mask(to.next()), all)
                    }
                }
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
            ("meta" | "ct", ["mark", "set", rest @ ..]) => 3 + self.marked(first == "ct", rest),
            ("mark", ["set", rest @ ..]) => 2 + self.marked(false, rest),
            ("meta" | "ct" | "ip" | "ip6" | "ether" | "tcp" | "th", [_, "set", rest @ ..]) => {
                3 + rest_of_value(rest)
            }
            ("priority", ["set", rest @ ..]) => 2 + rest_of_value(rest),
            ("dup", _) => 1 + rest_of_value(tail),
            ("flow", [_, _, ..]) => 3,
            ("add" | "update" | "delete", [set, "{", rest @ ..]) if set.starts_with('@') => {
                let length = block(rest);
                self.counted(&format!("{first} {set}"), &rest[..length]);
                4 + length
            }
            ("meter", [_, "{", rest @ ..]) => {
                let length = block(rest);
                self.counted(first, &rest[..length]);
                4 + length
            }
            ("meter", [_, "size", _, "{", rest @ ..]) => {
                let length = block(rest);
                self.counted(first, &rest[..length]);
                6 + length
            }
            ("fib", rest) if let Some((length, limit)) = reverse_path(rest) => {
                self.held_to(first, limit);
                1 + length
            }
            // What iptables has put in and nft has no words for.
            ("xt", ["match", name, ..]) => {
                self.doubted(format!("xt match {name}"));
                3
            }
            ("xt", ["target", name, ..]) if only_counts(name) => 3,
            ("xt", _) => {
                let name = tail.get(1).copied().unwrap_or(first);
                self.does(Target::Unknown(name.to_owned()), all)
            }
            ("last", _) => 1 + rest_of_value(tail),
            ("counter" | "continue" | "nftrace" | ";", _) => 1,
            ("limit", ["rate", rest @ ..]) => {
                self.limited(first, rest.first() == Some(&"over"));
                1 + rest_of_value(tail)
            }
            ("limit", ["name", name, ..]) if let Some(is_beyond) = self.limit_of(name) => {
                self.limited(first, is_beyond);
                3
            }
            // That many connections at once.
            ("ct", ["count", rest @ ..]) => {
                let is_over = rest.first() == Some(&"over");
                self.limited("ct count", is_over);
                3 + usize::from(is_over)
            }
            ("limit" | "quota" | "meter", _) => {
                self.doubted(first.to_owned());
                1 + rest_of_value(tail)
            }
            ("ct", ["status", rest @ ..]) => 2 + self.status(rest)?,
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
        // Of `fib`, `jhash`, `ct original` and the like names of other selectors are a part.
        let is_long =
            matches!(first, "fib" | "jhash") || matches!(name, Some("original" | "reply"));
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
                    let is_whole = of_lots(first, tail).is_some_and(|of| of == lots(&values));
                    self.map(&[Key::Other], &values, &named, is_whole);
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

    /// Whether the limit of this name, in the table of the rule, is of what goes beyond it.
    fn limit_of(&self, name: &str) -> Option<bool> {
        let (family, table) = self.reader.tables.get(self.place.table).copied()?;
        self.reader.names.limits.get(&(family, table, name.trim_matches('"'))).copied()
    }

    /// A set that packets add to, or a meter: its limit decides whether what follows is done.
    fn counted(&mut self, what: &str, of_set: &[&'t str]) {
        if of_set.contains(&"quota") {
            self.doubted(what.to_owned());
        } else if let Some(at) = of_set.iter().position(|word| matches!(*word, "rate" | "count")) {
            self.limited(what, of_set.get(at + 1) == Some(&"over"));
        }
        // Packets of the other version of IP have none of its keys (Linux, net/netfilter/nft_payload.c).
        self.has_version(of_set, of_set.len());
    }

    /// A key of one version of IP is asked of its packets alone, also where it is one of several.
    fn has_version(&mut self, words: &[&'t str], key_words: usize) {
        if matches!(self.reader.family(self.place.table), "inet" | "bridge" | "netdev") {
            let begin = |at: usize| at == 0 || words[at - 1] == ".";
            let asks = |version: &str| (0..key_words).any(|at| words[at] == version && begin(at));
            if asks("ip") {
                self.matches.push((true, Match::Version6));
            } else if asks("ip6") {
                self.matches.push((false, Match::Version6));
            }
        }
    }

    /// The rule holds up to a limit, or beyond it.
    fn limited(&mut self, what: &str, is_beyond: bool) {
        self.held_to(what, if is_beyond { Limit::Beyond } else { Limit::UpTo });
    }

    fn held_to(&mut self, what: &str, limit: Limit) {
        match self.limit {
            Some(other) if other != limit => self.doubted(what.to_owned()),
            _ => self.limit = Some(limit),
        }
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
        if let Some(doubt) = doubt.as_deref().filter(|_| !matches!(target, Target::Translate(_))) {
            let message = format!(
                "`{doubt}` is not modelled: whether this rule holds is not known, and a scenario takes it not to hold"
            );
            self.reader.found.warn(line, "", message);
        }
        let remedy = remedy::of(&target, Vec::new);
        let rule = remedy.map(|remedy| {
            let rule = Rule::config(line.text(), self.reader.text.place(line), MAN);
            rule.remedied(remedy)
        });
        // A set that packets do not change holds an address or does not, whichever rule asks.
        let asks = self.asks.clone().filter(|_| self.doubts == 1);
        let marks = std::mem::take(&mut self.marks);
        let read = Read { matches, doubt, asks, limit: self.limit, marks, target };
        let Place { table, chain } = self.place;
        let before = self.is_first.then_some(0);
        self.reader.rules.add((table, chain), before, read, line, rule);
    }
}

/// Among how many numbers one is drawn by lot, or by a sum over addresses (`numgen random mod 4`, `jhash ip saddr mod 2`;
/// nft(8), NUMGEN EXPRESSION, HASH EXPRESSIONS).
fn of_lots(first: &str, tail: &[&str]) -> Option<u64> {
    let draws = matches!(first, "numgen" | "jhash" | "symhash");
    let at = tail.iter().position(|word| *word == "mod").filter(|_| draws)?;
    tail.get(at + 1)?.parse().ok()
}

/// How many numbers the elements of a map name (`0 : goto a`, `1-3 : goto b`).
fn lots(values: &[&[&str]]) -> u64 {
    let of = |element: &&[&str]| {
        let name = element.first().copied().unwrap_or("");
        let (first, last) = name.split_once('-').unwrap_or((name, name));
        let end = |word: &str| word.trim().parse::<u32>().ok();
        let ends = end(first).zip(end(last));
        ends.map_or(0, |(first, last)| u64::from(last.saturating_sub(first)) + 1)
    };
    values.iter().map(of).sum()
}

/// A reverse path check (`saddr . mark . iif oif exists`, `saddr . iif oif eq 0`; nft(8), FIB EXPRESSIONS): how many words
/// it has, and what it holds of.
fn reverse_path(words: &[&str]) -> Option<(usize, Limit)> {
    let oif = words.iter().position(|word| *word == "oif")?;
    let (keys, asked) = (words.get(..oif)?, words.get(oif + 1..)?);
    let is_key = |word: &&str| matches!(*word, "saddr" | "." | "mark" | "iif");
    if keys.first() != Some(&"saddr") || keys.last() != Some(&"iif") || !keys.iter().all(is_key) {
        return None;
    }
    let (length, limit) = match asked {
        ["exists", ..] => (1, Limit::ReversePath),
        ["missing" | "0", ..] => (1, Limit::OffPath),
        ["!=" | "ne", "0", ..] => (2, Limit::ReversePath),
        ["==" | "eq", "0", ..] => (2, Limit::OffPath),
        _ => return None,
    };
    Some((oif + 1 + length, limit))
}

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
