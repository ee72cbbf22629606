//! What of a script is the shell's: its variables, and its own commands.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Line;

use super::loops::{VALUE_MAX, variable_of};

/// Values that a script gives to its variables.
#[derive(Default)]
pub(super) struct Variables<'a> {
    values: BTreeMap<&'a str, String>,
    /// Words of which values are a part (`$HOST:80`), with those in their places.
    made: BTreeMap<&'a str, String>,
    /// Those that are iptables here and ip6tables there: the script does the same for both.
    of_both: BTreeSet<&'a str>,
    /// Those that one line sets and nothing else, whatever the script does.
    settled: BTreeSet<&'a str>,
}

impl<'a> Variables<'a> {
    /// Those that are set by a line of their own.
    pub(super) fn of(lines: &[Line<'a>]) -> Self {
        let mut values: BTreeMap<&'a str, String> = BTreeMap::new();
        for line in lines {
            let Some((name, value)) = set_by(line) else { continue };
            if value.contains('`') || value.contains("$(") {
                continue;
            }
            match value.contains('$') {
                true => values.extend(put_in(&values, value).map(|value| (name, value))),
                false => values.extend([(name, value.to_owned())]),
            }
        }
        // One that is set to nothing gets its value elsewhere, mostly by what a program prints.
        if values.values().any(String::is_empty) {
            let words = lines.iter().flat_map(|line| line.words.iter().skip(1));
            for (name, _) in words.filter_map(|word| word.split_once('=')) {
                if values.get(name).is_some_and(String::is_empty) {
                    values.remove(name);
                }
            }
        }
        let of_both = of_both_versions(lines);
        values.retain(|name, _| !of_both.contains(name));
        let mut made = BTreeMap::new();
        if !values.is_empty() {
            let words = lines.iter().flat_map(|line| line.words.iter());
            for word in words.filter(|word| word.contains('$')) {
                if let Some(whole) = put_in(&values, word.trim_matches(['"', '\''])) {
                    made.insert(*word, whole);
                }
            }
        }
        let settled = settled(lines, &values);
        Self { values, made, of_both, settled }
    }

    /// True for a variable that calls iptables and ip6tables.
    pub(super) fn is_of_both(&self, program: &str) -> bool {
        let name = program.trim_matches(['"', '\'', '$', '{', '}']);
        program.contains('$') && self.of_both.contains(name)
    }

    /// What a word stands for, without its quotes.
    pub(super) fn value<'v>(&'v self, word: &'v str) -> &'v str {
        // Most words are neither.
        if !word.starts_with(['"', '\'']) && !word.contains('$') {
            return word;
        }
        if let Some(made) = self.made.get(word) {
            return made;
        }
        let is_quoted =
            word.len() > 1 && word.starts_with(['"', '\'']) && word.ends_with(['"', '\'']);
        let bare = if is_quoted { &word[1..word.len() - 1] } else { word };
        let name = bare.strip_prefix('$').map(|n| n.trim_start_matches('{').trim_end_matches('}'));
        name.and_then(|name| self.values.get(name)).map_or(bare, String::as_str)
    }

    /// A word with the values of its variables, where each of them has one in all of the script.
    pub(super) fn settled(&self, word: &str) -> Option<String> {
        let mut made = String::new();
        let mut rest = word;
        while let Some((before, variable)) = rest.split_once('$') {
            made.push_str(before);
            let (name, default, behind) = variable_of(variable)?;
            let value = self.settled.get(name).and_then(|name| self.values.get(name))?;
            made.push_str(default.filter(|_| value.is_empty()).unwrap_or(value));
            rest = behind;
            if made.len() > VALUE_MAX {
                return None;
            }
        }
        made.push_str(rest);
        Some(made)
    }

    /// Puts values in the places of words; of one that stands without quotes each word is one.
    pub(super) fn put_into<'v>(&'v self, words: &mut Vec<&'v str>) {
        let mut at = 0;
        while let Some(word) = words.get(at).copied() {
            let value = self.value(word);
            let is_split = word.starts_with('$') && value.contains(char::is_whitespace);
            let before = words.len();
            if is_split {
                words.splice(at..=at, value.split_whitespace());
            } else {
                words[at] = value;
            }
            at += words.len() + 1 - before;
        }
    }
}

/// Variables that a line sets which stands in no branch and no function, and that nothing else sets.
fn settled<'a>(lines: &[Line<'a>], values: &BTreeMap<&'a str, String>) -> BTreeSet<&'a str> {
    let asks = |word: &&str| matches!(*word, "if" | "elif" | "[" | "[[" | "test");
    if values.is_empty() || !lines.iter().any(|line| line.words.iter().any(asks)) {
        return BTreeSet::new();
    }
    // Files of functions set none.
    let sources = |line: &Line<'_>| match line.words.as_slice() {
        ["." | "source", file, ..] => {
            !file.trim_end_matches(['"', '\'', ';']).ends_with("functions")
        }
        _ => false,
    };
    if lines.iter().any(sources) {
        return BTreeSet::new();
    }
    let set = lines.iter().filter(|line| line.indent == 0).filter_map(set_by);
    let mut settled: BTreeSet<&'a str> =
        set.map(|(name, _)| name).filter(|name| values.contains_key(name)).collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for line in lines {
        let is_asked = line.words.iter().any(|word| {
            matches!(*word, "read" | "getopts" | "for" | "select" | "mapfile" | "unset")
        });
        for word in line.words.iter() {
            let word = word.trim_start_matches(['(', '{']);
            let other = match word.split_once(['=', '+', '[']) {
                Some((name, _)) => !seen.insert(name) || word[name.len()..].starts_with(['+', '[']),
                None => is_asked,
            };
            if other {
                let end = word.find(['=', '+', '[', ';']).unwrap_or(word.len());
                settled.remove(&word[..end]);
            }
        }
    }
    settled
}

/// Variables that one line sets to iptables and another to ip6tables.
fn of_both_versions<'a>(lines: &[Line<'a>]) -> BTreeSet<&'a str> {
    let mut seen: BTreeMap<&'a str, [bool; 2]> = BTreeMap::new();
    for (name, value) in lines.iter().filter_map(set_by).filter(|(_, value)| is_iptables(value)) {
        seen.entry(name).or_default()[usize::from(value.contains("ip6"))] = true;
    }
    seen.retain(|_, versions| *versions == [true, true]);
    seen.into_keys().collect()
}

/// The variable that a line sets and nothing else, with what it sets it to: `WAN=eth0`, `export WAN="eth0";`,
/// `RULE='-j DROP' # all`.
fn set_by<'a>(line: &Line<'a>) -> Option<(&'a str, &'a str)> {
    let of = match line.words.as_slice() {
        ["export" | "local" | "readonly", of, ..] => *of,
        [of, ..] => *of,
        [] => return None,
    };
    let (name, _) = of.split_once('=')?;
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if name.is_empty() || !is_name {
        return None;
    }
    let value = &line.rest_from(of)[name.len() + 1..];
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
    let (value, rest) = match quote {
        Some(quote) => value[1..].split_once(quote)?,
        None => value.split_at(value.find([' ', '\t', ';']).unwrap_or(value.len())),
    };
    let rest = rest.trim_start_matches(';').trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some((name, value))
}

/// A word with each variable's value in its place; nothing where there is none, or one that is not known.
fn put_in(values: &BTreeMap<&str, String>, word: &str) -> Option<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut parts = word.split('$');
    let mut made = parts.next()?.to_owned();
    for part in parts {
        let (name, rest) = match part.strip_prefix('{') {
            Some(braced) => braced.split_once('}')?,
            None => part.split_at(part.find(|c| !is_of_name(c)).unwrap_or(part.len())),
        };
        made.push_str(values.get(name)?);
        made.push_str(rest);
        if made.len() > VALUE_MAX {
            return None;
        }
    }
    Some(made)
}

/// What stands beside rules in scripts and concerns no packet that is forwarded, also with its path.
pub(super) fn is_of_a_shell(command: &str) -> bool {
    let name = command.rsplit('/').next().unwrap_or(command);
    matches!(
        name,
        "nft"
            | "sysctl"
            | "ip"
            | "tc"
            | "set"
            | "exit"
            | "fi"
            | "done"
            | "echo"
            | "grep"
            | "sed"
            | "modprobe"
            | "export"
            | "if"
            | "then"
            | "else"
            | "["
            | "for"
            | "do"
            | "while"
            | "case"
            | "esac"
            | "ipset"
            | "iptables-restore"
            | "ip6tables-restore"
            | "iptables-save"
            | "ip6tables-save"
            | "EOF"
    )
}

/// `iptables-restore`, also with its path, or as a variable of that name.
pub(super) fn is_restore(program: &str) -> bool {
    let program = program.trim_end_matches(';').trim_end_matches('}');
    let name = program.rsplit('/').next().unwrap_or(program);
    let variable = name.trim_start_matches("${").trim_start_matches('$').to_ascii_lowercase();
    let is_variable = name.starts_with('$') && variable.starts_with("ip");
    matches!(name, "iptables-restore" | "ip6tables-restore")
        || is_variable && variable.ends_with("tables_restore")
}

/// `iptables`, also with its path.
pub(super) fn is_iptables(program: &str) -> bool {
    // Of a long text every word is asked.
    let ends = |byte: &u8| matches!(byte, b's' | b't' | b'y' | b'"' | b'\'');
    if !program.starts_with(['$', '"', '\'']) && !program.as_bytes().last().is_some_and(ends) {
        return false;
    }
    let program = program.trim_matches(['"', '\'']);
    let is_variable = |name: &str| {
        let name = name.trim_start_matches('{').trim_end_matches('}').to_ascii_lowercase();
        let is_tables = |name: &str| matches!(name, "t" | "tables" | "tbl" | "tab" | "tables_cmd");
        name.strip_prefix("ip6").or_else(|| name.strip_prefix("ipv6")).is_some_and(is_tables)
            || name.strip_prefix("ip").is_some_and(|rest| rest.contains('t'))
    };
    matches!(
        program.rsplit('/').next(),
        Some(
            "iptables"
                | "ip6tables"
                | "iptables-nft"
                | "iptables-legacy"
                | "ip6tables-nft"
                | "ip6tables-legacy"
        )
    ) || program.strip_prefix('$').is_some_and(is_variable)
}

/// A shell's variable, what a command gives, or what `xargs -I {}` puts in.
pub(super) fn is_of_variables(value: &str) -> bool {
    value.contains('$') || value.starts_with('`') || value == "{}"
}

/// A host's name, which stands for addresses that the text does not give.
pub(super) fn is_named(value: &str) -> bool {
    is_of_variables(value)
        || value.contains('.') && value.ends_with(|c: char| c.is_ascii_alphabetic())
}
