//! Statements that give connections another destination, and the condition that a rule has done so.

use crate::neighbours::linux::matches::Match;
use crate::neighbours::linux::nft::tokens::{block, elements};
use crate::neighbours::linux::target::Target;
use crate::neighbours::linux::translation::Destination;

use super::Statement;
use super::keys::{Condition, Key, condition, key};

impl<'t> Statement<'_, '_, 't> {
    /// `redirect`, `redirect to :3128`, `redirect to :tcp dport map { 80 : 3128 }`.
    pub(super) fn redirect(&mut self, words: &[&'t str]) -> usize {
        let to = match words {
            ["to", rest @ ..] => rest,
            rest => rest,
        };
        match to {
            [] | [";" | "random" | "fully-random" | "persistent" | "counter" | "comment", ..] => {
                self.translates(Destination::here(None), words)
            }
            [port] | [port, "random" | "fully-random" | "persistent" | "comment", ..] => {
                self.translates(Destination::here(Some(port)), words)
            }
            _ => {
                let to = Destination { is_here: true, ..Destination::open() };
                self.translates(to, words)
            }
        }
    }

    /// `dnat to 10.0.0.1:80`, `dnat ip to tcp dport map { 80 : 10.0.0.1, 443 : 10.0.0.2 . 8443 }`.
    pub(super) fn dnat(&mut self, words: &[&'t str]) -> usize {
        match words.first() {
            Some(&"ip") => self.matches.push((true, Match::Version6)),
            Some(&"ip6") => self.matches.push((false, Match::Version6)),
            _ => {}
        }
        let to = match words.iter().position(|word| *word == "to") {
            Some(at) => &words[at + 1..],
            None => words,
        };
        match to {
            [address] | [address, "random" | "fully-random" | "persistent" | "comment", ..] => {
                self.translates(Destination::of(address), words)
            }
            // A port of its own, behind a blank (`10.0.0.1 : 80`) or an address in brackets.
            [address, ":", port] => {
                let to = Destination::of(address);
                let port = Destination::here(Some(port));
                let is_open = to.is_open || port.is_open;
                self.translates(Destination { port: port.port, is_open, ..to }, words)
            }
            _ => self.mapped(to).unwrap_or_else(|| self.translates(Destination::open(), words)),
        };
        1 + words.len()
    }

    /// The destination of each value of a key; nothing when it cannot be told.
    fn mapped(&mut self, words: &[&'t str]) -> Option<usize> {
        let (key, length) = key(words).filter(|(key, _)| *key != Key::Other)?;
        let ["map", rest @ ..] = words.get(length..)? else { return None };
        let set;
        let all = match rest {
            ["{", rest @ ..] => elements(&rest[..block(rest)]),
            [name, ..] => {
                set = self.set(name.strip_prefix('@')?).filter(|set| !set.changes)?;
                elements(&set.words)
            }
            [] => return None,
        };
        let mut told = Vec::with_capacity(all.len());
        for element in all {
            let colon = element.iter().position(|word| *word == ":")?;
            let to = match &element[colon + 1..] {
                [address] => Destination::of(address),
                [address, ".", port] => Destination::of(&format!("{address}:{port}")),
                _ => return None,
            };
            match condition(&[key], &[&element[..colon]]) {
                Condition::Is(on) => told.push((Some((false, on)), to)),
                Condition::Isnt(on) => told.push((Some((true, on)), to)),
                Condition::Always(true) => told.push((None, to)),
                Condition::Always(false) => {}
                Condition::Doubt => return None,
            }
        }
        for (on, to) in told {
            let matches = self.matches.iter().cloned().chain(on).collect();
            self.keep(Target::Translate(to), matches);
        }
        Some(words.len())
    }

    fn translates(&mut self, to: Destination, words: &[&'t str]) -> usize {
        self.decides(Target::Translate(to), 1 + words.len())
    }

    /// `dnat`, `!= dnat`, `& dnat == dnat`, of `ct status`; how many words that is, nothing when no connection is such.
    pub(super) fn status(&mut self, words: &[&'t str]) -> Option<usize> {
        let (negated, length) = match words {
            ["dnat", "," | "|", ..] => (false, 0),
            ["!=" | "!", "dnat", ..] => (true, 2),
            ["&", "dnat", "==", "dnat", ..] | ["&", "dnat", "!=", "0" | "0x0", ..] => (false, 4),
            ["&", "dnat", "==", "0" | "0x0", ..] => (true, 4),
            ["dnat", ..] => (false, 1),
            _ => (false, 0),
        };
        if length == 0 {
            return Some(self.other("ct", &[&["status"], words].concat()) - 2);
        }
        // No rule of the text gives a connection another destination.
        if !negated && !self.reader.names.has_dnat {
            return None;
        }
        self.matches.push((negated, Match::Translated));
        Some(length)
    }
}
