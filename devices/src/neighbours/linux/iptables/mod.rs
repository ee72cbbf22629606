//! Rules of iptables, as `iptables-save` prints them or as the commands give them.

mod abbreviated;
mod branches;
mod commands;
mod echoed;
mod functions;
mod rule;
mod shell;

use std::borrow::Cow;

use crate::config::{ConfigText, Diagnostics, Line};

use super::MAN;
use super::rules::Ruleset;
use commands::Reader;
use shell::{Variables, is_iptables};

/// A table, in the order in which a forwarded packet meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Raw,
    Mangle,
    Nat,
    Filter,
    Security,
}

/// All of them, in that order (Linux, `enum nf_ip_hook_priorities`).
pub(super) const TABLES: [Table; 5] =
    [Table::Raw, Table::Mangle, Table::Nat, Table::Filter, Table::Security];

impl Table {
    /// Its name, as `iptables -t` takes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Mangle => "mangle",
            Self::Nat => "nat",
            Self::Filter => "filter",
            Self::Security => "security",
        }
    }
}

fn named_table(name: &str) -> Option<Table> {
    match name {
        "raw" => Some(Table::Raw),
        "mangle" => Some(Table::Mangle),
        "nat" => Some(Table::Nat),
        "filter" => Some(Table::Filter),
        "security" => Some(Table::Security),
        _ => None,
    }
}

/// The table of a line such as `*filter` or `* filter` (iptables, iptables-restore.c: `strtok(buffer + 1, " \t\n")`).
/// Nothing for other lines: an item of a list, which says more than a name, or a shell's `*)`. The name is none of a
/// table where there is no such.
fn table_line(line: &str) -> Option<(&str, Option<Table>)> {
    let mut words = line.strip_prefix('*')?.split_whitespace();
    let name = words.next().unwrap_or("");
    let table = named_table(name);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic());
    (table.is_some() || is_name && words.next().is_none()).then_some((name, table))
}

/// Chains that there are without being made.
const BUILT_IN: [&str; 5] = ["INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"];

/// Reads a text.
pub(super) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> Ruleset {
    let read = echoed::read_out(text.text);
    let text = match &read {
        // Its lines may be known already.
        Cow::Borrowed(_) => text,
        Cow::Owned(read) => ConfigText::new(text.file, read),
    };
    let mut all = Ruleset::of(text.file, MAN);
    let lines = text.lines();
    // A dump's rules call no program.
    let calls =
        |line: &Line<'_>| line.words[0] != "-A" && line.words.iter().any(|word| is_iptables(word));
    let is_script = lines.iter().any(calls);
    let uncalled = if is_script { functions::uncalled(&lines, found) } else { Vec::new() };
    let variables = Variables::of(&lines);
    let mut reader = Reader::of(text, &lines, &variables, found);
    reader.declarations(&mut all);
    all.reserve(lines.len());
    for line in lines.iter() {
        let names = |word: &&str| matches!(*word, "-N" | "--new-chain" | "-A" | "--append");
        let at = line.words.iter().position(names);
        if let Some(name) = at.and_then(|at| line.words.get(at + 1))
            && !BUILT_IN.contains(name)
            && !all.of_users.contains(*name)
        {
            all.of_users.insert((*name).to_owned());
        }
    }
    let is_called = |(at, _): &(usize, _)| !uncalled.iter().any(|lines| lines.contains(at));
    let mut lines = lines.iter().enumerate().filter(is_called).map(|(_, line)| line);
    let mut words: Vec<&str> = Vec::new();
    while let Some(line) = lines.next() {
        words.clear();
        words.extend(line.words.iter());
        // A shell's command goes on after a backslash.
        while words.last().is_some_and(|last| last.ends_with('\\')) {
            let last = words.pop().unwrap_or_default().trim_end_matches('\\');
            words.extend((!last.is_empty()).then_some(last));
            words.extend(lines.next().iter().flat_map(|next| next.words.iter()));
        }
        // Counters of `iptables-save -c`.
        if words.first().is_some_and(|w| w.starts_with('[') && w.ends_with(']')) {
            words.remove(0);
        }
        if !matches!(words.first(), Some(&("-A" | "*" | "*filter" | "COMMIT"))) {
            variables.put_into(&mut words);
        }
        reader.line(&mut all, &words, line, is_script);
    }
    reader.finish(&mut all);
    all
}
