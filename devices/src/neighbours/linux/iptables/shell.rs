//! What of a script is the shell's: its variables, and its own commands.

use std::collections::BTreeMap;

use crate::config::Line;

/// Values that a script gives to its variables.
pub(super) struct Variables<'a> {
    values: BTreeMap<&'a str, &'a str>,
    /// Words of which values are a part (`$HOST:80`), with those in their places.
    made: BTreeMap<&'a str, String>,
}

impl<'a> Variables<'a> {
    /// Those that are set by a line of their own.
    pub(super) fn of(lines: &[Line<'a>]) -> Self {
        let set = |line: &Line<'a>| {
            let word = match line.words.as_slice() {
                [word] | ["export" | "local" | "readonly", word] => *word,
                _ => return None,
            };
            let (name, value) = word.split_once('=')?;
            let value = value.trim_matches(['"', '\'']);
            (!value.contains(['$', '`'])).then_some((name, value))
        };
        let values: BTreeMap<&'a str, &'a str> = lines.iter().filter_map(set).collect();
        let mut made = BTreeMap::new();
        if !values.is_empty() {
            let words = lines.iter().flat_map(|line| line.words.iter());
            for word in words.filter(|word| word.contains('$')) {
                if let Some(whole) = put_in(&values, word.trim_matches(['"', '\''])) {
                    made.insert(*word, whole);
                }
            }
        }
        Self { values, made }
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
        name.and_then(|name| self.values.get(name)).copied().unwrap_or(bare)
    }
}

/// A word with each variable's value in its place; nothing where there is none, or one that is not known, or where
/// the word is no more than one variable.
fn put_in(values: &BTreeMap<&str, &str>, word: &str) -> Option<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut parts = word.split('$');
    let mut made = parts.next()?.to_owned();
    let mut is_one = made.is_empty();
    for (at, part) in parts.enumerate() {
        let (name, rest) = match part.strip_prefix('{') {
            Some(braced) => braced.split_once('}')?,
            None => part.split_at(part.find(|c| !is_of_name(c)).unwrap_or(part.len())),
        };
        is_one &= at == 0 && rest.is_empty();
        made.push_str(values.get(name)?);
        made.push_str(rest);
    }
    (!is_one).then_some(made)
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

/// A shell's variable, or what a command gives.
pub(super) fn is_of_variables(value: &str) -> bool {
    value.contains('$') || value.starts_with('`')
}

/// A host's name, which stands for addresses that the text does not give.
pub(super) fn is_named(value: &str) -> bool {
    is_of_variables(value)
        || value.contains('.') && value.ends_with(|c: char| c.is_ascii_alphabetic())
}
