//! A condition of a rule: a key, an operator, and the values that it is compared with, which stand in the
//! rule itself, in a set, or each with its verdict in a map.

use std::rc::Rc;

use sim_core::wire::options::kind;

use crate::neighbours::linux::matches::Match;
use crate::neighbours::linux::nft::names::Set;
use crate::neighbours::linux::nft::tokens::{block, elements};

use super::Statement;
use super::keys::{self, Condition, Key, compared, condition};
use crate::neighbours::linux::nft::tokens::is_open;

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

impl<'t> Statement<'_, '_, 't> {
    /// The set or map of this name, in the table of the rule.
    pub(super) fn set(&self, name: &str) -> Option<Rc<Set<'t>>> {
        let (family, table) =
            self.reader.tables.get(self.place.table).copied().unwrap_or(("ip", ""));
        self.reader.names.sets.get(&(family, table, name)).map(Rc::clone)
    }

    /// A condition; how many words it has, nothing when the rule concerns no TCP.
    pub(super) fn condition(
        &mut self,
        key: Key,
        words: &[&'t str],
        length: usize,
    ) -> Option<usize> {
        let mut at = length;
        // `meta mark & 0xff == 1`
        let (key, taken) = keys::masked(key, words.get(at..).unwrap_or(&[]));
        at += taken;
        // `ip saddr . tcp dport`
        let mut joined: Vec<Key> = Vec::new();
        while words.get(at) == Some(&".") {
            if joined.is_empty() {
                joined.push(key);
            }
            if matches!(words.get(at + 1), Some(&("udp" | "icmp" | "icmpv6" | "igmp" | "sctp"))) {
                return None;
            }
            let (next, length) = keys::key(&words[at + 1..]).unwrap_or((Key::Other, 2));
            joined.push(next);
            at += 1 + length;
        }
        let keys = if joined.is_empty() { std::slice::from_ref(&key) } else { &joined };
        let key_words = at.min(words.len());
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
                set = self.set(&name[1..]);
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
        if keys.iter().any(|key| {
            matches!(key, Key::Interface { .. } | Key::Group { .. } | Key::Bridge { .. })
        }) && self.has_open_name(&words[..at.min(words.len())])
        {
            self.doubted(said());
            return Some(at);
        }
        self.has_version(words, key_words);
        // Linux, net/netfilter/nft_meta.c: of what no process has sent neither a condition nor its opposite holds.
        if keys.iter().any(|key| matches!(key, Key::Owner { .. })) {
            self.matches.push((false, Match::Host { source: true }));
        }
        // Linux, net/netfilter/nft_exthdr.c: nor does the opposite hold of segments without the option.
        if keys.contains(&Key::Mss) {
            self.matches.push((false, Match::Option(kind::MSS)));
        }
        if is_map {
            self.map(keys, all.as_slice(), &said(), false);
            return Some(at);
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

    /// True when values hold a name whose value is one of several. One that has none stands for an interface, which is
    /// called by it: that is said.
    fn has_open_name(&mut self, words: &[&'t str]) -> bool {
        let mut named = words.iter().copied().filter(|word| is_open(word));
        let names = &self.reader.names;
        if named.clone().any(|name| name.strip_prefix('$').is_some_and(|name| names.is_given(name)))
        {
            return true;
        }
        if let Some(name) = named.next() {
            self.reader.called_by_its_name(name, self.line);
        }
        false
    }

    /// A verdict for each value; `is_whole`: there are no other values.
    pub(super) fn map(&mut self, keys: &[Key], all: &[&[&'t str]], said: &str, is_whole: bool) {
        for (at, element) in all.iter().enumerate() {
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
                    // What is left is the last one's.
                    Condition::Doubt if is_whole && at + 1 == all.len() => true,
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
}
