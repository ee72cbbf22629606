//! What of a script is the shell's: its variables, and its own commands.

use std::collections::BTreeMap;

use crate::config::Line;

/// Values that a script gives to its variables.
pub(super) struct Variables<'a>(BTreeMap<&'a str, &'a str>);

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
        Self(lines.iter().filter_map(set).collect())
    }

    /// What a word stands for, without its quotes.
    pub(super) fn value(&self, word: &'a str) -> &'a str {
        // Most words are neither.
        if !matches!(word.as_bytes().first(), Some(b'"' | b'\'' | b'$')) {
            return word;
        }
        let is_quoted =
            word.len() > 1 && word.starts_with(['"', '\'']) && word.ends_with(['"', '\'']);
        let bare = if is_quoted { &word[1..word.len() - 1] } else { word };
        let name = bare.strip_prefix('$').map(|n| n.trim_start_matches('{').trim_end_matches('}'));
        name.and_then(|name| self.0.get(name)).copied().unwrap_or(bare)
    }
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
            | "EOF"
    )
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
