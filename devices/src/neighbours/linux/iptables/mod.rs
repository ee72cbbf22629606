//! Rules of iptables, as `iptables-save` prints them or as the commands give them.

mod abbreviated;
pub(super) mod alternatives;
mod branches;
mod calls;
mod commands;
mod conditions;
mod echoed;
mod ends;
mod functions;
mod held;
mod listing;
mod loops;
mod rule;
mod run;
mod sets;
mod shell;
mod ufw;

use std::borrow::Cow;
use std::rc::Rc;

use crate::config::{ConfigText, Diagnostics, Line};

use super::MAN;
use super::hosts::Hosts;
use super::rules::{Hook, Ruleset, translates_destinations};
use commands::Reader;
use functions::Wrapper;
use loops::Bound;
use run::Step;
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
    /// The priority of its chains at a hook (Linux, `enum nf_ip_hook_priorities`).
    const fn priority(self, hook: Hook) -> i32 {
        match self {
            Self::Raw => -300,
            Self::Mangle => -150,
            Self::Nat if translates_destinations(hook) => -100,
            Self::Nat => 100,
            Self::Filter => 0,
            Self::Security => 50,
        }
    }

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

/// True for a script that gives rules to iptables.
pub(super) fn is_given_rules(text: ConfigText<'_>) -> bool {
    let adds = |word: &&str| matches!(*word, "-A" | "-I" | "-P" | "--append" | "--insert");
    text.lines().iter().any(|line| {
        let program = line.words.iter().position(|word| is_iptables(word));
        program.is_some_and(|at| line.words[at..].iter().any(adds))
    })
}

/// Reads a text. `hosts`: those of the rules of another program, which the text has, too.
pub(super) fn read(text: ConfigText<'_>, hosts: Hosts, found: &mut Diagnostics) -> Ruleset {
    let read = listing::read_out(text.text).map_or_else(|| echoed::read_out(text.text), Cow::Owned);
    let text = match &read {
        // Its lines may be known already.
        Cow::Borrowed(_) => text,
        Cow::Owned(read) => ConfigText::new(text.file, read),
    };
    let mut all = Ruleset::of(text.file, MAN);
    all.hosts = hosts;
    let lines = text.lines();
    // A dump's rules call no program.
    let calls =
        |line: &Line<'_>| line.words[0] != "-A" && line.words.iter().any(|word| is_iptables(word));
    let is_script = lines.iter().any(calls);
    let variables = Variables::of(&lines);
    let mut unread = if is_script { calls::unmeant(&lines, found) } else { Vec::new() };
    let wrappers = if is_script { Wrapper::all(&lines) } else { Vec::new() };
    if is_script {
        unread.extend(ends::ended(&lines, &variables, found));
        unread.extend(functions::uncalled(&lines, &unread, found));
        alternatives::warn(&lines, &unread, &variables, found);
        unread.extend(wrappers.iter().map(|wrapper| wrapper.lines.clone()));
    }
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
        true => run::order(&lines, &functions::functions(&lines), &unread, &variables),
        false => {
            let step = |at| Step { at, bound: Rc::clone(&none), depth: 0, is_certain: true };
            (0..lines.len()).map(step).collect()
        }
    };
    // Rules may come before what is added to the sets that they ask for.
    let asks_for_sets = |line: &Line<'_>| line.words.contains(&"--match-set");
    if lines.iter().any(asks_for_sets) {
        for step in &order {
            let line = &lines[step.at];
            let words = loops::given(&line.words, &step.bound);
            let mut words: Vec<&str> = words.iter().map(|word| &**word).collect();
            variables.put_into(&mut words);
            match (sets::command(&words), words.first()) {
                (Some(command), _) => reader.sets.take(command),
                // As `ipset save` has it.
                (None, Some(&("create" | "add"))) => reader.sets.take(&words),
                _ => {}
            }
        }
    }
    let expanded = held::expanded(&lines);
    let mut order = order.into_iter();
    while let Some(Step { at, bound, depth, is_certain }) = order.next() {
        reader.enter(depth);
        let line = &lines[at];
        let given: Vec<Cow<'_, str>>;
        let mut words: Vec<&str> = line.words.to_vec();
        // A shell's command goes on after a backslash.
        while words.last().is_some_and(|last| last.ends_with('\\')) {
            let last = words.pop().unwrap_or_default().trim_end_matches('\\');
            words.extend((!last.is_empty()).then_some(last));
            words.extend(order.next().iter().flat_map(|next| lines[next.at].words.iter()));
        }
        let told_of = |words: &[&str]| {
            if is_script { conditions::of_line(words, &variables) } else { vec![] }
        };
        let mut told = told_of(&words);
        if !bound.is_empty() {
            given = loops::given(&words, &bound);
            words = given.iter().map(|word| &**word).collect();
            // What a function is given is known where it is surely called.
            if is_certain {
                told = told_of(&words);
            }
        }
        // Counters of `iptables-save -c`.
        if words.first().is_some_and(|w| w.starts_with('[') && w.ends_with(']')) {
            words.remove(0);
        }
        let is_of_dump = matches!(words.first(), Some(&("-A" | "*" | "*filter" | "COMMIT")));
        if !is_of_dump || expanded.binary_search(&at).is_ok() {
            variables.put_into(&mut words);
        }
        reader.line(&mut all, &words, &told, line, is_script);
    }
    reader.finish(&mut all);
    all
}
