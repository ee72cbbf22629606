//! Conditions on the header of TCP: its flags, its options, and the subtypes of MPTCP's.

use sim_core::wire::options::kind;

use crate::neighbours::linux::matches::{Match, flags};
use crate::neighbours::linux::nft::tokens::block;

use super::Statement;

impl<'t> Statement<'_, '_, 't> {
    pub(super) fn has_option(&mut self, name: &str, is_missing: bool) {
        match option(name) {
            Some(kind) => self.matches.push((is_missing, Match::Option(kind))),
            None => self.doubted(format!("tcp option {name}")),
        }
    }

    /// `mp-capable`, `!= { dss, 3 }`; how many words that is (Linux, `MPTCPOPT_*`).
    pub(super) fn subtype(&mut self, words: &[&'t str]) -> usize {
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

    /// `syn`, `syn / fin,syn,rst,ack`, `& (fin | syn) == syn`, `& (fin | syn) syn`; how many words that is.
    pub(super) fn flags(&mut self, words: &[&str]) -> usize {
        let count = words
            .iter()
            .take_while(|word| {
                matches!(
                    **word,
                    "&" | "("
                        | ")"
                        | "|"
                        | ","
                        | "=="
                        | "!="
                        | "<"
                        | "/"
                        | "{"
                        | "}"
                        | "!"
                        | "0x0"
                        | "0"
                ) || flags(&word.to_ascii_uppercase()).is_some()
            })
            .count();
        let said = &words[..count];
        let set = |words: &[&str]| {
            let named = words.iter().filter_map(|word| flags(&word.to_ascii_uppercase()));
            named.fold(0, |all, flag| all | flag)
        };
        let at = |mark: &str| said.iter().position(|word| *word == mark);
        // Two values side by side: what is masked is the second one.
        let is_mark = |word: &str| matches!(word, "&" | "(" | "|" | "," | "!");
        let beside = said.windows(2).position(|pair| {
            !is_mark(pair[0])
                && pair[0] != "=="
                && !matches!(pair[1], ")" | "==")
                && !is_mark(pair[1])
                || pair[0] == ")" && pair[1] == "("
        });
        let beside = beside.filter(|_| said.first() == Some(&"&"));
        let (mask, value, negated) = match (at("/"), at("=="), at("!=")) {
            _ if said.contains(&"{") || words.get(count) == Some(&"vmap") => {
                self.doubted("tcp flags".to_owned());
                return count;
            }
            // Less than the least flag: none of them (fin is 1).
            _ if words.first() == Some(&"&")
                && said
                    .iter()
                    .position(|word| *word == "<")
                    .is_some_and(|at| set(&said[at..]) == 1) =>
            {
                (set(said), 0, false)
            }
            _ if said.contains(&"<") => {
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
            _ if let Some(at) = beside => (set(&said[..=at]), set(&said[at + 1..]), false),
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
}

/// The kind of an option by nft's name for it.
pub(super) fn option(name: &str) -> Option<u8> {
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
