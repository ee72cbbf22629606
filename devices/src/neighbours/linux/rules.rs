//! Rules of iptables, as `iptables-save` prints them or as the commands give them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use sim_core::engine::device::{ConfigLine, Rule};
use sim_core::wire::packet::Packet;

use crate::config::words::nearest;
use crate::config::{ConfigText, Diagnostics, Line, quoted};

use super::matches::{Circumstances, Conditions, Match, addresses, flags, ports};
use super::target::{Target, target_of};
use super::{MAN, remedy};

/// A table, in the order in which a forwarded packet meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Raw,
    Mangle,
    Filter,
}

/// The chains that packets pass without being sent to them, in their order.
const PASSED: [(&str, Hook); 5] = [
    ("PREROUTING", Hook::Prerouting),
    ("INPUT", Hook::Input),
    ("FORWARD", Hook::Forward),
    ("OUTPUT", Hook::Output),
    ("POSTROUTING", Hook::Postrouting),
];

/// Added to the place of a table of ip6tables.
const VERSION_6: usize = 3;
/// The place of the table nat, whose rules see the first packet of a connection.
const NAT: usize = 6;

/// Where in its way through the router a packet meets a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hook {
    Ingress,
    Prerouting,
    /// Packets for this host.
    Input,
    Forward,
    /// Packets of this host.
    Output,
    Postrouting,
    Egress,
}

/// A chain that packets pass without being sent to it.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// Place of its table: chains of the same name of different tables are different chains.
    pub(super) table: usize,
    pub(super) chain: String,
    pub(super) hook: Hook,
    /// The packets that pass it.
    pub(super) when: Vec<(bool, Match)>,
    /// It drops what no rule has decided.
    pub(super) policy: Option<Arc<Rule>>,
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) matches: Conditions,
    /// A condition of which a text does not tell whether it holds.
    pub(super) doubt: Option<String>,
    /// The same in full, where it is one for a packet whichever rule asks.
    pub(super) asks: Option<Box<str>>,
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
    /// Table and name of each of them.
    names: Vec<(usize, Box<str>)>,
    /// Place of each.
    places: BTreeMap<(usize, Box<str>), usize>,
    /// The chain that got the last rule: mostly that of the next one.
    last: usize,
    /// Names of the chains of users.
    of_users: BTreeSet<String>,
    /// The text is one of ip6tables alone.
    pub(super) is_of_ipv6: bool,
    /// In the order in which a packet passes them.
    pub(super) bases: Vec<Base>,
    /// Chains that packets pass and that are not followed: they translate addresses, or no TCP comes to them.
    pub(super) roots: Vec<(usize, String)>,
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
        self.places.get(&(table, name.into())).copied()
    }

    /// Adds a rule to a chain, at its end or at this place in it.
    pub(super) fn add(
        &mut self,
        (table, chain): (usize, &str),
        before: Option<usize>,
        Read { matches, doubt, asks, target }: Read,
        line: &Line<'_>,
        rule: Option<Arc<Rule>>,
    ) {
        let at = self.entries.len();
        let is_last = |(of, name): &(usize, Box<str>)| *of == table && **name == *chain;
        if !self.names.get(self.last).is_some_and(is_last) {
            let new = self.chains.len();
            let named = (table, Box::from(chain));
            self.last = *self.places.entry(named.clone()).or_insert(new);
            if self.last == new {
                self.chains.push(Vec::new());
                self.names.push(named);
            }
        }
        let of_chain = &mut self.chains[self.last];
        let end = of_chain.len();
        of_chain.insert(before.map_or(end, |before| before.min(end)), at);
        self.entries.push(Entry {
            matches: matches.into(),
            doubt,
            asks,
            target,
            text: line.text().into(),
            line: line.number,
            rule: rule.map_or_else(OnceLock::new, OnceLock::from),
        });
    }

    /// Takes away the rules of a table, or of one of its chains.
    pub(super) fn flush(&mut self, table: usize, chain: Option<&str>) {
        for ((of, name), rules) in self.names.iter().zip(&mut self.chains) {
            if *of == table && chain.is_none_or(|chain| **name == *chain) {
                rules.clear();
            }
        }
    }

    /// Chains that what comes to these comes to.
    pub(super) fn reached<'a>(
        &'a self,
        from: impl Iterator<Item = (usize, &'a str)>,
    ) -> BTreeSet<(usize, String)> {
        let mut left: Vec<(usize, &str)> = from.collect();
        let owned = |(table, chain): &(usize, &str)| (*table, (*chain).to_owned());
        let mut reached: BTreeSet<(usize, String)> = left.iter().map(owned).collect();
        while let Some((table, chain)) = left.pop() {
            let rules = self.chain(table, chain).map_or(&[][..], |chain| self.rules_of(chain));
            for at in rules {
                if let Target::Jump(name) | Target::Goto(name) = &self.entries[*at].target
                    && reached.insert((table, name.clone()))
                {
                    left.push((table, name));
                }
            }
        }
        reached
    }

    /// The first rules of chains that no rule of the text sends packets to.
    pub(super) fn unreached(&self) -> Vec<usize> {
        let bases = self.bases.iter().map(|base| (base.table, base.chain.as_str()));
        let roots = self.roots.iter().map(|(table, chain)| (*table, chain.as_str()));
        let reached = self.reached(bases.chain(roots));
        let does = |at: &usize| self.entries[*at].target != Target::Count;
        let chains = self.names.iter().zip(&self.chains);
        chains
            .filter(|((table, name), rules)| {
                rules.iter().any(does) && !reached.contains(&(*table, name.to_string()))
            })
            .filter_map(|(_, rules)| rules.first().copied())
            .collect()
    }

    /// What a chain does that the text does not hold is not known.
    pub(super) fn without_chain(&mut self, is_held: impl Fn(usize, &str) -> bool) {
        for ((table, _), rules) in self.names.iter().zip(&self.chains) {
            for at in rules {
                let target = &mut self.entries[*at].target;
                if let Target::Jump(name) | Target::Goto(name) = target
                    && !is_held(*table, name)
                {
                    *target = Target::Unknown(std::mem::take(name));
                }
            }
        }
    }

    /// The rules of a chain.
    pub(super) fn rules_of(&self, chain: usize) -> &[usize] {
        self.chains.get(chain).map_or(&[], Vec::as_slice)
    }

    /// The rule of a chain that stands at this place in it.
    pub(super) fn of_chain(&self, chain: usize, at: usize) -> Option<usize> {
        self.chains.get(chain)?.get(at).copied()
    }

    /// Reads a text.
    pub(super) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> Self {
        let mut all = Self::of(text.file, MAN);
        let lines = text.lines();
        let mut reader = Reader {
            text,
            dumps: Dumps::of(text),
            policies: BTreeMap::new(),
            versions: [false; 2],
            redirects: Vec::new(),
            table: Some(Table::Filter),
            ifs: 0,
            found,
        };
        reader.declarations(&mut all);
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
        let is_script = lines.iter().any(|line| line.words.iter().any(|word| is_iptables(word)));
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
            // Counters of `iptables-save -c`.
            if words.first().is_some_and(|w| w.starts_with('[') && w.ends_with(']')) {
                words.remove(0);
            }
            if !matches!(words.first(), Some(&("-A" | "*filter" | "COMMIT"))) {
                words.iter_mut().for_each(|word| *word = variables.value(word));
            }
            reader.line(&mut all, &words, line, is_script);
        }
        reader.finish(&mut all);
        all
    }
}

/// Which version of IP the dumps of a text are of.
struct Dumps {
    /// Numbers of the lines at which the version is another, with the version.
    from: Vec<(u32, bool)>,
}

impl Dumps {
    fn of(text: ConfigText<'_>) -> Self {
        let said = |(number, line): (u32, &str)| {
            let by = line.trim().strip_prefix("# Generated by ")?;
            Some((number, by.starts_with("ip6tables-save")))
        };
        let from = if text.text.contains("ip6tables-save") {
            (1..).zip(text.text.lines()).filter_map(said).collect()
        } else {
            Vec::new()
        };
        Self { from }
    }

    fn is_of_ipv6(&self, line: u32) -> bool {
        self.from.iter().rfind(|(from, _)| *from <= line).is_some_and(|(_, is_six)| *is_six)
    }
}

/// Reads the lines of a text.
struct Reader<'r, 't> {
    text: ConfigText<'t>,
    dumps: Dumps,
    /// By the place of the table and the name of the chain; `None`: they let on what no rule decides.
    policies: BTreeMap<(usize, String), Option<Arc<Rule>>>,
    /// Rules of iptables and of ip6tables are there.
    versions: [bool; 2],
    /// Rules that send connections to a process of this host, with their chains.
    redirects: Vec<((usize, String), Arc<Rule>)>,
    /// The table of the dump.
    table: Option<Table>,
    /// Conditions of a script that are open.
    ifs: usize,
    found: &'r mut Diagnostics,
}

impl<'t> Reader<'_, 't> {
    /// Chains with their policies; a line that begins with a colon is a comment to Cisco.
    fn declarations(&mut self, all: &mut Ruleset) {
        let mut table = Some(Table::Filter);
        for (number, raw) in (1u32..).zip(self.text.text.lines().map(str::trim)) {
            if let Some(name) = raw.strip_prefix('*') {
                table = named_table(name.trim());
            }
            let Some(declared) = raw.strip_prefix(':') else { continue };
            let mut words = declared.split_whitespace();
            let (Some(name), Some(policy)) = (words.next(), words.next()) else { continue };
            if policy == "-" {
                all.of_users.insert(name.to_owned());
            } else if let Some(table) = table {
                let (file, text) = (self.text.file.to_owned(), raw.to_owned());
                let place = ConfigLine { file, line: number, text };
                let rule = (policy == "DROP").then(|| Rule::config(place.text.clone(), place, MAN));
                let is_six = self.dumps.is_of_ipv6(number);
                self.versions[usize::from(is_six)] = true;
                self.policies.insert((placed(table, is_six), name.to_owned()), rule);
            }
        }
    }

    fn line(&mut self, all: &mut Ruleset, words: &[&str], line: &Line<'t>, is_script: bool) {
        match words {
            [first, ..] if first.starts_with('*') => self.table = named_table(&first[1..]),
            ["-A" | "-I" | "-P" | "-N" | "-F" | "-R" | "-D", ..] => {
                let is_six = self.dumps.is_of_ipv6(line.number);
                self.command(all, self.table, is_six, words, line);
            }
            ["COMMIT" | "-X" | "-Z", ..] | [] => {}
            [first, ..]
                if first.starts_with('#') || matches!(*first, "echo" | "printf" | "logger") => {}
            [first, ..] => {
                let mut is_read = is_script || first.contains('=') || is_of_a_shell(first);
                // `iptables -C … || iptables -A …`, `if test; then iptables …; fi`
                let ends = |word: &&str| matches!(*word, ";" | "||" | "&&") || word.ends_with(';');
                for command in words.split_inclusive(ends) {
                    is_read |= self.of_shell(all, command, line);
                }
                if !is_read {
                    let message = format!(
                        "{} is no rule of iptables: the line is passed over",
                        quoted(first)
                    );
                    self.found.warn(line, first, message);
                }
            }
        }
    }

    /// A shell's command; true when it is one of iptables.
    fn of_shell(&mut self, all: &mut Ruleset, command: &[&str], line: &Line<'t>) -> bool {
        match command.first().map(|word| word.trim_end_matches(';')) {
            Some("if") => self.ifs += 1,
            Some("fi") => self.ifs = self.ifs.saturating_sub(1),
            _ => {}
        }
        // A function may call iptables with what it is given.
        let does = |word: &&str| matches!(*word, "-A" | "-I" | "-P" | "--append");
        if let Some(at) = command.iter().position(|word| is_iptables(word)) {
            self.of_program(all, command[at], &command[at + 1..], line);
            true
        } else if command.get(1).is_some_and(does) && command.contains(&"-j") {
            self.of_program(all, "iptables", &command[1..], line);
            true
        } else {
            false
        }
    }

    /// A command with its program.
    fn of_program(&mut self, all: &mut Ruleset, program: &str, words: &[&str], line: &Line<'t>) {
        let ends = |word: &&str| {
            matches!(*word, ";" | "||" | "&&" | "fi" | "done" | ">" | "2>")
                || word.contains(">/")
                || word.starts_with('#')
        };
        let end = words.iter().position(ends).unwrap_or(words.len());
        let bare = words[..end].iter().map(|word| word.trim_end_matches(';'));
        // `--dport=80`
        let apart = bare.flat_map(|word| match word.split_once('=') {
            Some((option, value)) if word.starts_with("--") => [Some(option), Some(value)],
            _ => [Some(word), None],
        });
        let words: Vec<&str> = apart.flatten().collect();
        let of = words.iter().position(|w| matches!(*w, "-t" | "--table"));
        let named = of.and_then(|at| words.get(at + 1)).copied().unwrap_or("filter");
        let is_six = program.contains('6') || words.contains(&"-6");
        self.command(all, named_table(named), is_six, &words, line);
    }

    fn command(
        &mut self,
        all: &mut Ruleset,
        table: Option<Table>,
        is_six: bool,
        words: &[&str],
        line: &Line<'t>,
    ) {
        let named = words.iter().enumerate().find_map(|(at, word)| {
            let does = match *word {
                "-A" | "--append" => Command::Append,
                "-I" | "--insert" => Command::Insert,
                "-P" | "--policy" => Command::Policy,
                "-F" | "--flush" => Command::Flush,
                "-R" | "--replace" | "-D" | "--delete" => Command::Change,
                _ => return None,
            };
            Some((does, words.get(at + 1..).unwrap_or(&[])))
        });
        let Some((does, rest)) = named else { return };
        if matches!(does, Command::Append | Command::Insert | Command::Policy) {
            self.versions[usize::from(is_six)] = true;
        }
        let Some(chain) = rest.first().copied() else {
            if let (Command::Flush, Some(table)) = (does, table) {
                all.flush(placed(table, is_six), None);
            }
            return;
        };
        let Some(table) = table else { return self.translation(all, does, chain, words, line) };
        let text = self.text;
        let rule = || Rule::config(line.text(), text.place(line), MAN);
        let place = placed(table, is_six);
        match does {
            Command::Policy => {
                let drops = rest.get(1) == Some(&"DROP");
                self.policies.insert((place, chain.to_owned()), drops.then(rule));
                return;
            }
            Command::Flush => {
                all.flush(place, Some(chain).filter(|chain| !chain.starts_with('-')));
                return;
            }
            // Most scripts delete what they add afterwards, in case that it is there.
            Command::Change => {
                if all.chain(place, chain).is_some_and(|of| !all.rules_of(of).is_empty()) {
                    let message = "what this command deletes or replaces is not followed: the rules above hold";
                    self.found.warn(line, "", message);
                }
                return;
            }
            Command::Append | Command::Insert => {}
        }
        let Some(mut read) = rule_of(words, &all.of_users, line, self.found) else {
            // Packets come to a chain all the same, though none of TCP.
            let jump = words.iter().position(|w| matches!(*w, "-j" | "--jump" | "-g" | "--goto"));
            if let Some(called) = jump.and_then(|at| words.get(at + 1))
                && all.of_users.contains(*called)
            {
                all.roots.push((place, (*called).to_owned()));
            }
            return;
        };
        if self.ifs > 0 && read.doubt.is_none() {
            read.doubt = Some("the script's condition".to_owned());
            read.asks = None;
        }
        if matches!(read.target, Target::Redirect) {
            self.redirects.push(((place, chain.to_owned()), rule()));
            read.target = Target::Count;
        }
        let delete = || remedy::delete(table, words);
        let rule = remedy::of(&read.target, delete).map(|remedy| rule().remedied(remedy));
        let number = rest.get(1).and_then(|number| number.parse::<usize>().ok());
        let at = (does == Command::Insert).then(|| number.unwrap_or(1).saturating_sub(1));
        all.add((place, chain), at, read, line, rule);
    }

    /// Takes a rule of the table nat.
    fn translation(
        &mut self,
        all: &mut Ruleset,
        does: Command,
        chain: &str,
        words: &[&str],
        line: &Line<'t>,
    ) {
        if !matches!(does, Command::Append | Command::Insert) || concerns_no_tcp(words) {
            return;
        }
        let target = words.iter().position(|w| matches!(*w, "-j" | "--jump" | "-g" | "--goto"));
        match target.and_then(|at| words.get(at + 1)) {
            Some(&"REDIRECT") => {
                let rule = Rule::config(line.text(), self.text.place(line), MAN);
                self.redirects.push(((NAT, chain.to_owned()), rule));
            }
            Some(&("MASQUERADE" | "SNAT" | "DNAT" | "NETMAP")) => {
                all.translates.get_or_insert_with(|| self.text.place(line));
            }
            // Only which chains call each other counts.
            Some(called) if all.of_users.contains(*called) => {
                let target = Target::Jump((*called).to_owned());
                let read = Read { matches: Vec::new(), doubt: None, asks: None, target };
                all.add((NAT, chain), None, read, line, None);
            }
            _ => {}
        }
    }

    /// What is known only at the end of a text.
    fn finish(self, all: &mut Ruleset) {
        let Self { mut policies, versions, redirects, .. } = self;
        let [_, has_six] = versions;
        all.is_of_ipv6 = versions == [false, true];
        for is_six in [false, true].into_iter().take(1 + usize::from(has_six)) {
            // Of two versions each has its own rules; rules of one alone are taken for the text's subject.
            let when = match versions {
                [true, true] => vec![(!is_six, Match::Version6)],
                _ => Vec::new(),
            };
            for (chain, hook) in PASSED {
                for table in [Table::Raw, Table::Mangle, Table::Filter] {
                    let (table, chain) = (placed(table, is_six), chain.to_owned());
                    let policy = policies.remove(&(table, chain.clone())).flatten();
                    all.bases.push(Base { table, chain, hook, when: when.clone(), policy });
                }
            }
        }
        all.bases.sort_by_key(|base| base.hook);
        all.roots.extend(PASSED.map(|(chain, _)| (NAT, chain.to_owned())));
        // A redirection counts where what arrives comes to it.
        let from = [NAT, Table::Mangle as usize, placed(Table::Mangle, true)];
        let reached = all.reached(from.into_iter().map(|table| (table, "PREROUTING")));
        let reaches = |(place, _): &((usize, String), Arc<Rule>)| reached.contains(place);
        all.redirects = redirects.into_iter().filter(reaches).map(|(_, rule)| rule).collect();
    }
}

/// The place of a table of one version of IP.
const fn placed(table: Table, is_six: bool) -> usize {
    table as usize + if is_six { VERSION_6 } else { 0 }
}

/// True for a rule of another protocol alone.
fn concerns_no_tcp(words: &[&str]) -> bool {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if matches!(*word, "-p" | "--protocol") {
            let is_negated = at > 0 && words[at - 1] == "!";
            let value = words.get(at + 1).copied().unwrap_or("");
            let (is_negated, value) = match value.strip_prefix('!') {
                Some("") => (true, words.get(at + 2).copied().unwrap_or("")),
                Some(value) => (true, value),
                None => (is_negated, value),
            };
            let has_tcp = matches!(value.to_ascii_lowercase().as_str(), "tcp" | "6");
            let is_all = matches!(value, "all" | "0") || value.starts_with('$');
            return if is_negated { has_tcp } else { !has_tcp && !is_all };
        }
        at += 1;
    }
    false
}

/// What a command does to a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Append,
    Insert,
    Policy,
    Flush,
    /// It deletes or replaces a rule.
    Change,
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
fn is_iptables(program: &str) -> bool {
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
    pub(super) asks: Option<Box<str>>,
    pub(super) target: Target,
}

/// Conditions and target of a rule; `None` when it cannot be read (which is said), or concerns no TCP.
fn rule_of(
    words: &[&str],
    chains: &BTreeSet<String>,
    line: &Line<'_>,
    found: &mut Diagnostics,
) -> Option<Read> {
    if concerns_no_tcp(words) {
        return None;
    }
    let mut matches = Vec::new();
    let (mut target, mut doubt) = (Target::Count, None);
    let mut asks: Vec<&str> = Vec::new();
    let mut doubts = 0;
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
        let (value, turned) = match value.strip_prefix('!') {
            Some(bare) if !bare.is_empty() && first.starts_with('-') => (bare, true),
            _ => (value, false),
        };
        negated |= turned;
        let mut expected = |what: &str| {
            let message = format!("expected {what} after {first}, found {}", quoted(value));
            found.error(line, value, message);
        };
        let mut taken = 1;
        let mut doubted = |what: &str| {
            doubts += 1;
            doubt.get_or_insert_with(|| what.to_owned());
        };
        match *first {
            "!" => {
                negated = true;
                rest = tail;
                continue;
            }
            // Two versions of IP share some commands.
            "-A" | "--append" | "-t" | "--table" | "-m" | "--match" | "--mask" | "-p"
            | "--protocol" => {}
            // How the command works, not what the rule does.
            "-v" | "--verbose" | "-n" | "-4" | "-6" | "--ipv4" | "--ipv6" => taken = 0,
            "-w" | "--wait" => taken = usize::from(value.parse::<u32>().is_ok()),
            "-c" | "--set-counters" => taken = 2,
            "--comment" => {
                let ends = |w: &&str| w.len() > 1 && w.ends_with(['"', '\'']);
                let last = tail.iter().position(ends).filter(|_| value.starts_with(['"', '\'']));
                taken = last.unwrap_or(0) + 1;
            }
            "-I" | "--insert" => {
                taken = 1 + usize::from(tail.get(1).is_some_and(|w| w.parse::<u32>().is_ok()));
            }
            "-s" | "--source" | "--src" | "-d" | "--destination" | "--dst" | "--src-range"
            | "--dst-range" => match addresses(value.split(',')) {
                Some(of) if first.starts_with("-s") || first.starts_with("--s") => {
                    matches.push((negated, Match::Source(of)));
                }
                Some(of) => matches.push((negated, Match::Destination(of))),
                None if is_named(value) => doubted(value),
                None => {
                    expected("an address or a prefix");
                    return None;
                }
            },
            "--sport"
            | "--source-port"
            | "--sports"
            | "--source-ports"
            | "--dport"
            | "--destination-port"
            | "--dports"
            | "--destination-ports"
            | "--ports" => match ports(value.split(','), ':') {
                Some(ports) if *first == "--ports" => {
                    let of = [Match::SourcePort(ports.clone()), Match::DestinationPort(ports)];
                    let either = of.map(|on| Conditions::from([(false, on)]));
                    matches.push((negated, Match::Joined(either.into())));
                }
                Some(ports) if first.starts_with("--s") => {
                    matches.push((negated, Match::SourcePort(ports)));
                }
                Some(ports) => matches.push((negated, Match::DestinationPort(ports))),
                None if is_of_variables(value) => doubted(value),
                None => {
                    expected("ports");
                    return None;
                }
            },
            "--syn" => {
                taken = 0;
                matches.push((negated, Match::Flags(0x17, 0x02)));
            }
            "-f" | "--fragment" => {
                taken = 0;
                matches.push((negated, Match::Never));
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
                let states: Vec<String> = value.split(',').map(str::to_owned).collect();
                // Whose addresses a rule has translated.
                if states.iter().all(|state| matches!(state.as_str(), "DNAT" | "SNAT")) {
                    doubted(value);
                } else {
                    matches.push((negated, Match::State(states)));
                }
            }
            // Unicast is what TCP is; an address of this host is local, and nothing else.
            "--dst-type" | "--src-type" => {
                let source = *first == "--src-type";
                let is_of_hosts = |kind: &str| matches!(kind, "LOCAL" | "UNICAST");
                let mut kinds = value.split(',');
                let known = ["LOCAL", "UNICAST", "BROADCAST", "MULTICAST", "ANYCAST"];
                if !kinds.clone().all(|kind| known.contains(&kind)) {
                    doubted(first);
                } else if !kinds.clone().any(is_of_hosts) {
                    matches.push((negated, Match::Never));
                } else if !known[..2].iter().all(|of| kinds.clone().any(|kind| kind == *of)) {
                    let is_local = kinds.any(|kind| kind == "LOCAL");
                    matches.push((negated == is_local, Match::Host { source }));
                } else if negated {
                    matches.push((false, Match::Never));
                }
            }
            // Linux, net/netfilter/xt_pkttype.c: what a host takes or forwards of TCP is for it alone.
            "--pkt-type" => match value {
                "broadcast" | "multicast" | "otherhost" => matches.push((negated, Match::Never)),
                "unicast" | "host" if negated => matches.push((false, Match::Never)),
                "unicast" | "host" => {}
                _ => doubted(first),
            },
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
                // What does not begin like an option is the value of one; a variable may hold some.
                if other.starts_with('-') || is_of_variables(other) {
                    doubted(other);
                    let is_value = |word: &&&str| !word.starts_with(['-', '!']);
                    asks.extend(negated.then_some("!"));
                    asks.push(other);
                    asks.extend(tail.iter().take_while(is_value));
                }
            }
        }
        negated = false;
        rest = tail.get(taken..).unwrap_or(&[]);
    }
    if matches.iter().any(|(negated, on)| !negated && matches!(on, Match::Never)) {
        return None;
    }
    if let Some(doubt) = doubt.as_deref().filter(|_| target != Target::Count) {
        let message = format!("{} is not modelled: this rule is taken not to hold", quoted(doubt));
        found.warn(line, doubt, message);
    }
    let is_fact = asks.iter().any(|word| FACTS.contains(word));
    let asks = (doubts == 1 && is_fact).then(|| asks.join(" ").into());
    Some(Read { matches, doubt, asks, target })
}

/// Conditions that hold of a packet or do not, however often it is held against them: no limits or counts,
/// and no marks, which rules may change in between.
const FACTS: [&str; 8] = [
    "--match-set",
    "--mac-source",
    "--uid-owner",
    "--gid-owner",
    "--physdev-in",
    "--physdev-out",
    "--source-country",
    "--u32",
];

/// A shell's variable, or what a command gives.
fn is_of_variables(value: &str) -> bool {
    value.contains('$') || value.starts_with('`')
}

/// A host's name, which stands for addresses that the text does not give.
fn is_named(value: &str) -> bool {
    is_of_variables(value)
        || value.contains('.') && value.ends_with(|c: char| c.is_ascii_alphabetic())
}
