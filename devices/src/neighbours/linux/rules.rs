//! Rules of iptables, as `iptables-save` prints them or as the commands give them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use sim_core::engine::device::{ConfigLine, Rule};
use sim_core::wire::packet::Packet;

use crate::config::words::nearest;
use crate::config::{ConfigText, Diagnostics, Line, quoted};

use super::matches::{Circumstances, Match, addresses, flags, ports};
use super::target::{Target, target_of};
use super::{MAN, remedy};

/// A table, in the order in which a forwarded packet meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Raw,
    Mangle,
    Filter,
}

/// The chains of a table that a forwarded packet passes.
const PASSED: [&str; 3] = ["PREROUTING", "FORWARD", "POSTROUTING"];

/// A chain that forwarded packets pass without being sent to it.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// Place of its table: chains of the same name of different tables are different chains.
    pub(super) table: usize,
    pub(super) chain: String,
    /// The packets that pass it.
    pub(super) when: Vec<(bool, Match)>,
    /// It drops what no rule has decided.
    pub(super) policy: Option<Arc<Rule>>,
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) matches: Box<[(bool, Match)]>,
    /// A condition of which a text does not tell whether it holds.
    pub(super) doubt: Option<String>,
    pub(super) target: Target,
    /// Its line, and the line's number.
    pub(super) text: Box<str>,
    pub(super) line: u32,
    /// What changes are signed with. Of thousands of rules few are ever met: it is made when one is.
    rule: OnceLock<Arc<Rule>>,
}

/// All rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Ruleset {
    file: String,
    pub(super) entries: Vec<Entry>,
    /// Places of the rules of each chain, in order.
    chains: Vec<Vec<usize>>,
    /// Place of each chain.
    names: BTreeMap<(usize, String), usize>,
    /// Names of the chains of users.
    of_users: BTreeSet<String>,
    /// In the order in which a packet passes them.
    pub(super) bases: Vec<Base>,
    /// The manual that rules rest on.
    source: &'static str,
    /// Rules that send connections to a process of this host, and that translate addresses.
    pub(super) redirects: Vec<Arc<Rule>>,
    pub(super) translates: Option<ConfigLine>,
}

impl Entry {
    /// True when every condition holds; `dared`: the one that cannot be told holds, too.
    pub(super) fn matches(&self, packet: &Packet, around: Circumstances<'_>, dared: bool) -> bool {
        (self.doubt.is_none() || dared)
            && self.matches.iter().all(|(negated, on)| on.holds(*negated, packet, around))
    }
}

impl Ruleset {
    /// What the changes of an entry are signed with.
    pub(super) fn rule(&self, entry: &Entry) -> Arc<Rule> {
        let rule = entry.rule.get_or_init(|| {
            let (file, text) = (self.file.clone(), entry.text.to_string());
            Rule::config(&*entry.text, ConfigLine { file, line: entry.line, text }, self.source)
        });
        Arc::clone(rule)
    }

    /// None yet, of this file.
    pub(super) fn of(file: &str, source: &'static str) -> Self {
        Self { file: file.to_owned(), source, ..Self::default() }
    }

    /// The place of a chain that has rules.
    pub(super) fn chain(&self, table: usize, name: &str) -> Option<usize> {
        self.names.get(&(table, name.to_owned())).copied()
    }

    /// Adds a rule to a chain, at its end or as its `first`.
    pub(super) fn add(
        &mut self,
        (table, chain): (usize, &str),
        is_first: bool,
        Read { matches, doubt, target }: Read,
        line: &Line<'_>,
        rule: Option<Arc<Rule>>,
    ) {
        let at = self.entries.len();
        let new = self.chains.len();
        let place = *self.names.entry((table, chain.to_owned())).or_insert(new);
        if place == new {
            self.chains.push(Vec::new());
        }
        let of_chain = &mut self.chains[place];
        of_chain.insert(if is_first { 0 } else { of_chain.len() }, at);
        self.entries.push(Entry {
            matches: matches.into(),
            doubt,
            target,
            text: line.text().into(),
            line: line.number,
            rule: rule.map_or_else(OnceLock::new, OnceLock::from),
        });
    }

    /// The rule of a chain that stands at this place in it.
    pub(super) fn of_chain(&self, chain: usize, at: usize) -> Option<usize> {
        self.chains.get(chain)?.get(at).copied()
    }

    /// Reads a text.
    pub(super) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> Self {
        let mut all = Self::of(text.file, MAN);
        let mut policies: Vec<(Table, Arc<Rule>)> = Vec::new();
        let mut table = Some(Table::Filter);
        // A line that begins with a colon is a comment to Cisco, a chain with its policy here.
        for (number, raw) in (1u32..).zip(text.text.lines().map(str::trim)) {
            if let Some(name) = raw.strip_prefix('*') {
                table = named_table(name.trim());
            }
            let Some(declared) = raw.strip_prefix(':') else { continue };
            match declared.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["FORWARD", "DROP", ..] => {
                    let place = ConfigLine {
                        file: text.file.to_owned(),
                        line: number,
                        text: raw.to_owned(),
                    };
                    let rule = Rule::config(place.text.clone(), place, MAN);
                    policies.extend(table.map(|table| (table, rule)));
                }
                [name, "-", ..] => {
                    all.of_users.insert((*name).to_owned());
                }
                _ => {}
            }
        }
        let mut table = Some(Table::Filter);
        let lines = text.lines();
        let variables = Variables::of(&lines);
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
        let mut lines = lines.iter();
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
            words.iter_mut().for_each(|word| *word = variables.value(word));
            let words = match words.as_slice() {
                [prompt, rest @ ..] if matches!(*prompt, "$" | "sudo") => rest,
                words => words,
            };
            match words {
                [program, rest @ ..] if is_iptables(program) => {
                    let of = rest.iter().position(|w| matches!(*w, "-t" | "--table"));
                    let named = of.and_then(|at| rest.get(at + 1)).copied().unwrap_or("filter");
                    all.command(named_table(named), rest, line, text, &mut policies, found);
                }
                [first, ..] if first.starts_with('*') => table = named_table(&first[1..]),
                ["-A" | "-I" | "-P" | "-N", ..] => {
                    all.command(table, words, line, text, &mut policies, found);
                }
                ["COMMIT" | "-F" | "-X" | "-Z" | "-D", ..] => {}
                [first, ..] if is_of_a_shell(first) => {}
                [first, ..] if first.starts_with('#') || first.contains('=') => {}
                [first, ..] => {
                    let message = format!(
                        "{} is no rule of iptables: the line is passed over",
                        quoted(first)
                    );
                    found.warn(line, first, message);
                }
                [] => {}
            }
        }
        for chain in PASSED {
            all.bases.extend([Table::Raw, Table::Mangle, Table::Filter].map(|table| {
                let drops = policies.iter().find(|(of, _)| *of == table && chain == "FORWARD");
                let policy = drops.map(|(_, rule)| Arc::clone(rule));
                Base { table: table as usize, chain: chain.to_owned(), when: Vec::new(), policy }
            }));
        }
        all
    }

    fn command(
        &mut self,
        table: Option<Table>,
        words: &[&str],
        line: &Line<'_>,
        text: ConfigText<'_>,
        policies: &mut Vec<(Table, Arc<Rule>)>,
        found: &mut Diagnostics,
    ) {
        let Some(table) = table else { return self.translation(words, line, text) };
        let rule = || Rule::config(line.text(), text.place(line), MAN);
        let named = words.windows(2).find_map(|pair| {
            let does = match pair[0] {
                "-A" | "--append" => Command::Append,
                "-I" | "--insert" => Command::Insert,
                "-P" | "--policy" => Command::Policy,
                _ => return None,
            };
            Some((does, pair[1]))
        });
        let Some((does, chain)) = named else { return };
        if does == Command::Policy {
            if words.windows(2).any(|pair| pair == ["FORWARD", "DROP"]) {
                policies.push((table, rule()));
            }
            return;
        }
        if matches!(chain, "INPUT" | "OUTPUT") {
            let jump = words.iter().position(|w| matches!(*w, "-j" | "--jump"));
            let target = jump.and_then(|at| words.get(at + 1)).copied();
            if let Some(target @ ("SYNPROXY" | "TCPOPTSTRIP")) = target {
                let message = format!(
                    "{target} of chain {chain} concerns connections of this host itself, of which nothing \
                     is said here"
                );
                found.warn(line, target, message);
            }
            return;
        }
        let Some(read) = rule_of(words, &self.of_users, line, found) else { return };
        // Another protocol's.
        if read.matches.iter().any(|(negated, on)| !negated && matches!(on, Match::Never)) {
            return;
        }
        let delete = || remedy::delete(table, words);
        let rule = remedy::of(&read.target, delete).map(|remedy| rule().remedied(remedy));
        self.add((table as usize, chain), does == Command::Insert, read, line, rule);
    }

    /// Takes a rule of the table nat.
    fn translation(&mut self, words: &[&str], line: &Line<'_>, text: ConfigText<'_>) {
        let target = words.iter().position(|w| matches!(*w, "-j" | "--jump"));
        let udp = words.windows(2).any(|pair| pair[0] == "-p" && pair[1] == "udp");
        match target.and_then(|at| words.get(at + 1)) {
            Some(&"REDIRECT") if !udp && words.contains(&"PREROUTING") => {
                self.redirects.push(Rule::config(line.text(), text.place(line), MAN));
            }
            Some(&("MASQUERADE" | "SNAT" | "DNAT" | "NETMAP")) if !udp => {
                self.translates.get_or_insert_with(|| text.place(line));
            }
            _ => {}
        }
    }
}

/// What a command does to a chain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Append,
    Insert,
    Policy,
}

/// Values that a script gives to its variables.
struct Variables<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Variables<'a> {
    /// Those that are set by a line of their own.
    fn of(lines: &[Line<'a>]) -> Self {
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
    fn value(&self, word: &'a str) -> &'a str {
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

/// Chains that there are without being made.
const BUILT_IN: [&str; 5] = ["INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"];

impl Table {
    /// Its name, as `iptables -t` takes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Mangle => "mangle",
            Self::Filter => "filter",
        }
    }
}

/// What stands beside rules in scripts and concerns no packet that is forwarded, also with its path.
fn is_of_a_shell(command: &str) -> bool {
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
    )
}

/// `iptables`, also with its path.
fn is_iptables(program: &str) -> bool {
    let is_variable = |name: &str| {
        let name = name.trim_start_matches('{').to_ascii_lowercase();
        name.starts_with("ip") && name.contains('t')
    };
    matches!(program.rsplit('/').next(), Some("iptables" | "ip6tables"))
        || program.strip_prefix('$').is_some_and(is_variable)
}

fn named_table(name: &str) -> Option<Table> {
    match name {
        "raw" => Some(Table::Raw),
        "mangle" => Some(Table::Mangle),
        "filter" => Some(Table::Filter),
        _ => None,
    }
}

/// What a rule says.
pub(super) struct Read {
    pub(super) matches: Vec<(bool, Match)>,
    pub(super) doubt: Option<String>,
    pub(super) target: Target,
}

/// Conditions and target of a rule; `None` when it cannot be read (which is said).
fn rule_of(
    words: &[&str],
    chains: &BTreeSet<String>,
    line: &Line<'_>,
    found: &mut Diagnostics,
) -> Option<Read> {
    let mut matches = Vec::new();
    let (mut target, mut doubt) = (Target::Count, None);
    let mut negated = false;
    let mut rest = words;
    while let [first, tail @ ..] = rest {
        // `-s ! ADDRESS`, as old versions wrote it.
        let (turned, tail) = match tail {
            ["!", tail @ ..] if first.starts_with('-') => (true, tail),
            tail => (false, tail),
        };
        negated |= turned;
        let value = tail.first().copied().unwrap_or("");
        let mut expected = |what: &str| {
            let message = format!("expected {what} after {first}, found {}", quoted(value));
            found.error(line, value, message);
        };
        let mut taken = 1;
        match *first {
            "!" => {
                negated = true;
                rest = tail;
                continue;
            }
            "-A" | "--append" | "-t" | "--table" | "-m" | "--match" | "--mask" => {}
            "--comment" => {
                let ends = |w: &&str| w.len() > 1 && w.ends_with(['"', '\'']);
                let last = tail.iter().position(ends).filter(|_| value.starts_with(['"', '\'']));
                taken = last.unwrap_or(0) + 1;
            }
            "-I" | "--insert" => {
                taken = 1 + usize::from(tail.get(1).is_some_and(|w| w.parse::<u32>().is_ok()));
            }
            "-p" | "--protocol" => {
                if !matches!(value, "tcp" | "6" | "all" | "0") {
                    matches.push((negated, Match::Never));
                }
            }
            "-s" | "--source" | "--src" | "-d" | "--destination" | "--dst" => {
                match addresses(value) {
                    Some(of) if first.starts_with("-s") || first.starts_with("--s") => {
                        matches.push((negated, Match::Source(of)));
                    }
                    Some(of) => matches.push((negated, Match::Destination(of))),
                    None if value.starts_with('$') => doubt = Some(value.to_owned()),
                    None => {
                        expected("an address or a prefix");
                        return None;
                    }
                }
            }
            "--sport" | "--source-port" | "--sports" | "--dport" | "--destination-port"
            | "--dports" => match ports(value) {
                Some(ports) if first.starts_with("--s") => {
                    matches.push((negated, Match::SourcePort(ports)));
                }
                Some(ports) => matches.push((negated, Match::DestinationPort(ports))),
                None if value.starts_with('$') => doubt = Some(value.to_owned()),
                None => {
                    expected("ports");
                    return None;
                }
            },
            "--syn" => {
                taken = 0;
                matches.push((negated, Match::Flags(0x17, 0x02)));
            }
            "--tcp-flags" => {
                let set = tail.get(1).copied().unwrap_or("");
                let (Some(mask), Some(set)) = (flags(value), flags(set)) else {
                    expected("two lists of flags");
                    return None;
                };
                matches.push((negated, Match::Flags(mask, set)));
                taken = 2;
            }
            "--tcp-option" => {
                let Ok(kind) = value.parse() else {
                    expected("an option kind");
                    return None;
                };
                matches.push((negated, Match::Option(kind)));
            }
            "--state" | "--ctstate" => {
                let states = value.split(',').map(str::to_owned).collect();
                matches.push((negated, Match::State(states)));
            }
            "-j" | "--jump" | "-g" | "--goto" => {
                let words = &tail[1.min(tail.len())..];
                let (read, more) = target_of(value, words, chains, line, found)?;
                target = match read {
                    Target::Jump(chain) if matches!(*first, "-g" | "--goto") => Target::Goto(chain),
                    read => read,
                };
                taken = 1 + more;
            }
            "-i" | "-o" | "--in-interface" | "--out-interface" => {
                let out = matches!(*first, "-o" | "--out-interface");
                matches.push((negated, Match::Interface { names: vec![value.to_owned()], out }));
            }
            other => {
                let known =
                    ["--dport", "--sport", "--tcp-flags", "--tcp-option", "--syn", "--jump"];
                taken = 0;
                if let Some(meant) = nearest(other, known).filter(|_| other.starts_with("--")) {
                    found
                        .error(line, other, format!("unknown option {}", quoted(other)))
                        .help(format!("did you mean {meant}?"));
                    return None;
                }
                // What does not begin like an option is the value of one.
                if other.starts_with('-') && doubt.is_none() {
                    doubt = Some(other.to_owned());
                }
            }
        }
        negated = false;
        rest = tail.get(taken..).unwrap_or(&[]);
    }
    if let Some(doubt) = doubt.as_deref().filter(|_| target != Target::Count) {
        let message = format!("{} is not modelled: this rule does nothing", quoted(doubt));
        found.warn(line, doubt, message);
    }
    Some(Read { matches, doubt, target })
}
