//! Rules of iptables, as `iptables-save` prints them or as the commands give them.

mod abbreviated;
pub(super) mod alternatives;
mod branches;
mod calls;
mod commands;
mod echoed;
mod ends;
mod functions;
mod listing;
mod loops;
mod rule;
mod shell;
mod ufw;

use std::borrow::Cow;
use std::rc::Rc;

use crate::config::{ConfigText, Diagnostics, Line};

use super::MAN;
use super::rules::Ruleset;
use commands::Reader;
use functions::Wrapper;
use loops::Bound;
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

/// True for what `iptables -L -v` prints, which has all that its rules ask for.
pub(super) fn is_whole_listing(text: &str) -> bool {
    listing::read_out(text).is_some()
}

/// Reads a text.
pub(super) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> Ruleset {
    let read = listing::read_out(text.text).map_or_else(|| echoed::read_out(text.text), Cow::Owned);
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
    let mut unread = if is_script { calls::unmeant(&lines, found) } else { Vec::new() };
    let wrappers = if is_script { Wrapper::all(&lines) } else { Vec::new() };
    if is_script {
        unread.extend(ends::ended(&lines, found));
        unread.extend(functions::uncalled(&lines, &unread, found));
        alternatives::warn(&lines, &unread, found);
        unread.extend(wrappers.iter().map(|wrapper| wrapper.lines.clone()));
    }
    let variables = Variables::of(&lines);
    let mut reader = Reader::of(text, &lines, &variables, wrappers, found);
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
    let none: Bound<'_> = Rc::from([]);
    let order = match is_script {
        true => loops::unrolled(&lines, &variables, &none),
        false => (0..lines.len()).map(|at| (at, Rc::clone(&none))).collect(),
    };
    let is_read = |(at, _): &(usize, Bound<'_>)| !unread.iter().any(|lines| lines.contains(at));
    let mut order = order.into_iter().filter(is_read);
    while let Some((at, bound)) = order.next() {
        let line = &lines[at];
        let given: Vec<Cow<'_, str>>;
        let mut words: Vec<&str> = line.words.to_vec();
        // A shell's command goes on after a backslash.
        while words.last().is_some_and(|last| last.ends_with('\\')) {
            let last = words.pop().unwrap_or_default().trim_end_matches('\\');
            words.extend((!last.is_empty()).then_some(last));
            words.extend(order.next().iter().flat_map(|(next, _)| lines[*next].words.iter()));
        }
        if !bound.is_empty() {
            given = words.iter().map(|word| loops::put_in(word, &bound)).collect();
            words = given.iter().map(|word| &**word).collect();
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
