//! Sets of addresses that a script makes with ipset, or that `ipset save` prints (ipset(8)).

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::neighbours::linux::matches::addresses;

/// Addresses and the lengths of their networks.
type Members = Vec<(IpAddr, u8)>;

/// Sets by name; nothing is known of those of which the text does not tell all.
#[derive(Default)]
pub(super) struct Sets {
    of: BTreeMap<Box<str>, Option<Members>>,
}

impl Sets {
    /// Takes a command of ipset, without the program's name.
    pub(super) fn take(&mut self, words: &[&str]) {
        let options = words.iter().take_while(|word| word.starts_with('-') && word.len() > 2);
        match &words[options.count()..] {
            // Other programs fill one whose members go by themselves.
            ["create" | "-N" | "n", name, kind, options @ ..] => {
                let is_told = ["hash:ip", "hash:net", "iphash", "nethash"].contains(kind)
                    && !options.contains(&"timeout");
                self.of.entry((*name).into()).or_insert(is_told.then(Vec::new));
            }
            ["add" | "-A" | "a", name, member, rest @ ..] => {
                let Some(of) = self.of.get_mut(*name) else { return };
                let is_told = !rest.contains(&"nomatch");
                match (of.as_mut(), addresses(std::iter::once(*member)).filter(|_| is_told)) {
                    (Some(all), Some(member)) => all.extend(member),
                    _ => *of = None,
                }
            }
            ["del" | "-D" | "swap" | "-W" | "rename" | "-E", names @ ..] => {
                for name in names.iter().take(2) {
                    self.of.insert((*name).into(), None);
                }
            }
            _ => {}
        }
    }

    /// The members of one that the text tells. An empty one is to be filled by others.
    pub(super) fn members(&self, name: &str) -> Option<&[(IpAddr, u8)]> {
        let members = self.of.get(name)?.as_deref()?;
        (!members.is_empty()).then_some(members)
    }
}

/// The command of ipset that words have, without its name: by a path or a variable, too.
pub(super) fn command<'w, 'a>(words: &'w [&'a str]) -> Option<&'w [&'a str]> {
    let is_program = |word: &&str| {
        let name = word.trim_start_matches(['$', '{', '"']).trim_end_matches(['}', '"']);
        name.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case("ipset"))
    };
    let at = words.iter().take(8).position(is_program)?;
    let ends = |word: &&str| {
        matches!(*word, "||" | "&&" | ";" | "|") || word.contains('>') || word.starts_with('#')
    };
    let rest = &words[at + 1..];
    Some(&rest[..rest.iter().position(ends).unwrap_or(rest.len())])
}
