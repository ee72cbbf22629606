//! Rules of iptables, as `iptables-save` prints them or as the commands give them.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use sim_core::engine::device::{Rule, in_prefix};
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Packet};

use crate::config::words::{nearest, port, prefix};
use crate::config::{ConfigText, Diagnostics, Line, quoted};

use super::{MAN, remedy};

/// A table, in the order in which a forwarded packet meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Raw,
    Mangle,
    Filter,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Accept,
    Return,
    Drop,
    Reject {
        reset: bool,
    },
    /// Kinds of options that become NOPs.
    Strip(Vec<u8>),
    Mss(u16),
    SynProxy,
    /// `CT --notrack`: conntrack does not see the packet.
    Untrack,
    /// Nothing to the packet: `LOG`, no target at all.
    Count,
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) table: Table,
    matches: Vec<(bool, Match)>,
    pub(super) target: Target,
    pub(super) rule: Arc<Rule>,
}

/// One condition.
#[derive(Clone, Debug)]
enum Match {
    Source(std::net::IpAddr, u8),
    Destination(std::net::IpAddr, u8),
    SourcePort(Vec<RangeInclusive<u16>>),
    DestinationPort(Vec<RangeInclusive<u16>>),
    /// These flags looked at, those of them set.
    Flags(u8, u8),
    Option(u8),
    State(Vec<String>),
    /// Of an interface: they are not told apart here.
    Interface,
    /// Another protocol than TCP, or what is not modelled: it holds for no packet.
    Never,
}

/// All rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Ruleset {
    pub(super) entries: Vec<Entry>,
    /// Rules of an interface that would touch MPTCP: they are not in effect here.
    aside: Vec<Arc<Rule>>,
    /// Tables whose chain of forwarded packets has the policy DROP, with the line.
    policies: Vec<(Table, Arc<Rule>)>,
}

impl Entry {
    /// True when every condition holds.
    pub(super) fn matches(&self, packet: &Packet, state: &str) -> bool {
        self.matches.iter().all(|(negated, condition)| condition.holds(packet, state) != *negated)
    }
}

impl Match {
    fn holds(&self, packet: &Packet, state: &str) -> bool {
        let among = |ports: &[RangeInclusive<u16>], port| ports.iter().any(|p| p.contains(&port));
        match self {
            Self::Source(network, length) => in_prefix(packet.src, *network, *length),
            Self::Destination(network, length) => in_prefix(packet.dst, *network, *length),
            Self::SourcePort(ports) => among(ports, packet.src_port),
            Self::DestinationPort(ports) => among(ports, packet.dst_port),
            Self::Flags(mask, set) => packet.flags.0 & mask == *set,
            Self::Option(kind) => packet.options.has(*kind),
            Self::State(states) => states.iter().any(|s| s == state),
            Self::Interface | Self::Never => false,
        }
    }
}

impl Ruleset {
    /// The rule by which a table drops what no rule of it has decided.
    pub(super) fn policy(&self, table: Table) -> Option<Arc<Rule>> {
        self.policies.iter().find(|(t, _)| *t == table).map(|(_, rule)| Arc::clone(rule))
    }

    /// The first of each range of destination ports that a rule names.
    pub(super) fn ports(&self) -> BTreeSet<u16> {
        let named = self.entries.iter().flat_map(|entry| &entry.matches);
        named
            .filter_map(|(_, condition)| match condition {
                Match::DestinationPort(ports) => Some(ports),
                _ => None,
            })
            .flatten()
            .map(|range| *range.start())
            .collect()
    }

    /// Rules that would touch MPTCP on some interfaces.
    pub(super) fn aside(&self) -> &[Arc<Rule>] {
        &self.aside
    }

    /// Reads a text.
    pub(super) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> Self {
        let mut all = Self::default();
        let mut table = Table::Filter;
        // A line that begins with a colon is a comment to Cisco, a chain's policy here.
        for (number, raw) in (1u32..).zip(text.text.lines()) {
            let mut words = raw.split_whitespace();
            if let (Some(":FORWARD"), Some("DROP")) = (words.next(), words.next()) {
                let at = all_tables(text.text, number);
                let place = sim_core::engine::device::ConfigLine {
                    file: text.file.to_owned(),
                    line: number,
                    text: raw.trim().to_owned(),
                };
                let rule = Rule::config(place.text.clone(), place, MAN);
                all.policies.extend(at.map(|table| (table, rule)));
            }
        }
        let lines = text.lines();
        let mut lines = lines.iter();
        while let Some(line) = lines.next() {
            let mut words = line.words.to_vec();
            // A shell's command goes on after a backslash.
            while words.last().is_some_and(|last| last.ends_with('\\')) {
                let last = words.pop().unwrap_or_default().trim_end_matches('\\');
                words.extend((!last.is_empty()).then_some(last));
                words.extend(lines.next().iter().flat_map(|next| next.words.iter()));
            }
            let words = match words.as_slice() {
                [prompt, rest @ ..] if matches!(*prompt, "$" | "sudo") => rest,
                words => words,
            };
            match words {
                [program, rest @ ..] if is_iptables(program) => {
                    let of = rest.iter().position(|w| matches!(*w, "-t" | "--table"));
                    let named = of.and_then(|at| rest.get(at + 1)).copied().unwrap_or("filter");
                    if let Some(table) = named_table(named) {
                        all.command(table, rest, line, text, found);
                    }
                }
                [first, ..] if first.starts_with('*') => {
                    if let Some(next) = named_table(&first[1..]) {
                        table = next;
                    }
                }
                ["-A" | "-I" | "-P", ..] => all.command(table, words, line, text, found),
                ["COMMIT", ..] => {}
                [first, ..] if is_of_a_shell(first) => {}
                [first, ..] if first.starts_with('#') => {}
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
        all
    }

    fn command(
        &mut self,
        table: Table,
        words: &[&str],
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) {
        let rule = Rule::config(line.text(), text.place(line), MAN);
        let after = |flags: &[&str]| {
            words.iter().position(|w| flags.contains(w)).map(|at| &words[at + 1..])
        };
        if let Some([chain, policy, ..]) = after(&["-P", "--policy"]) {
            if *chain == "FORWARD" && *policy == "DROP" {
                self.policies.push((table, rule));
            }
            return;
        }
        let appended = after(&["-A", "--append"]);
        let Some(chain) = appended.or_else(|| after(&["-I", "--insert"])).and_then(|w| w.first())
        else {
            return;
        };
        if matches!(*chain, "INPUT" | "OUTPUT") {
            let target = after(&["-j", "--jump"]).and_then(|w| w.first()).copied();
            if let Some(target @ ("SYNPROXY" | "TCPOPTSTRIP")) = target {
                let message = format!(
                    "{target} of chain {chain} concerns connections of this host itself, of which nothing \
                     is said here"
                );
                found.warn(line, target, message);
            }
            return;
        }
        if !matches!(*chain, "FORWARD" | "PREROUTING" | "POSTROUTING") {
            let message =
                format!("chain {chain} of a user is not modelled: this rule does nothing");
            found.warn(line, chain, message);
            return;
        }
        let Some((matches, target)) = rule_of(words, line, found) else { return };
        if matches.iter().any(|(_, condition)| matches!(condition, Match::Interface)) {
            if touches_mptcp(&matches, &target) {
                self.aside.push(rule);
            }
            return;
        }
        let rule = match &target {
            Target::Strip(kinds) if kinds.contains(&kind::MPTCP) => {
                remedy::keep(rule, table, words)
            }
            Target::SynProxy => remedy::without_proxy(rule, table, words),
            _ => rule,
        };
        let entry = Entry { table, matches, target, rule };
        match appended {
            Some(_) => self.entries.push(entry),
            None => {
                let first = self.entries.iter().position(|e| e.table == table);
                self.entries.insert(first.unwrap_or(self.entries.len()), entry);
            }
        }
    }
}

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

/// True when a rule with these conditions is about option 30.
fn touches_mptcp(matches: &[(bool, Match)], target: &Target) -> bool {
    match target {
        Target::Strip(kinds) => kinds.contains(&kind::MPTCP),
        Target::SynProxy => true,
        Target::Drop | Target::Reject { .. } => {
            matches.iter().any(|(_, on)| matches!(on, Match::Option(kind::MPTCP)))
        }
        _ => false,
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
    matches!(program.rsplit('/').next(), Some("iptables" | "ip6tables"))
}

fn named_table(name: &str) -> Option<Table> {
    match name {
        "raw" => Some(Table::Raw),
        "mangle" => Some(Table::Mangle),
        "filter" => Some(Table::Filter),
        _ => None,
    }
}

/// The table that is open at a line of `iptables-save` output.
fn all_tables(text: &str, number: u32) -> Option<Table> {
    let before = text.lines().take(number as usize);
    before
        .filter_map(|l| l.trim().strip_prefix('*'))
        .last()
        .and_then(|name| named_table(name.trim()))
}

/// Conditions and target of a rule; `None` when it cannot be read (which is said).
fn rule_of(
    words: &[&str],
    line: &Line<'_>,
    found: &mut Diagnostics,
) -> Option<(Vec<(bool, Match)>, Target)> {
    let mut matches = Vec::new();
    let mut target = Target::Count;
    let mut negated = false;
    let mut rest = words;
    while let [first, tail @ ..] = rest {
        let value = tail.first().copied().unwrap_or("");
        let mut expected = |what: &str| {
            let message = format!("expected {what} after {first}, found {}", quoted(value));
            found.error(line, value, message);
        };
        let mut taken = 2;
        match *first {
            "!" => {
                negated = true;
                rest = tail;
                continue;
            }
            "-A" | "--append" | "-t" | "--table" | "-m" | "--match" | "--comment" | "--mask" => {}
            "-I" | "--insert" => {
                taken = 2 + usize::from(tail.get(1).is_some_and(|w| w.parse::<u32>().is_ok()));
            }
            "-p" | "--protocol" => {
                if !matches!(value, "tcp" | "6" | "all" | "0") {
                    matches.push((negated, Match::Never));
                }
            }
            "-s" | "--source" | "-d" | "--destination" => {
                let one = value
                    .parse()
                    .ok()
                    .map(|a: std::net::IpAddr| (a, if a.is_ipv4() { 32 } else { 128 }));
                match prefix(value).or(one) {
                    Some((a, l)) if first.contains('s') && *first != "--destination" => {
                        matches.push((negated, Match::Source(a, l)));
                    }
                    Some((a, l)) => matches.push((negated, Match::Destination(a, l))),
                    None => {
                        return {
                            expected("an address or a prefix");
                            None
                        };
                    }
                }
            }
            "--sport" | "--source-port" | "--sports" | "--dport" | "--destination-port"
            | "--dports" => {
                let Some(ports) = ports(value) else {
                    expected("ports");
                    return None;
                };
                let source = first.starts_with("--s");
                let on =
                    if source { Match::SourcePort(ports) } else { Match::DestinationPort(ports) };
                matches.push((negated, on));
            }
            "--syn" => {
                taken = 1;
                matches.push((negated, Match::Flags(0x17, 0x02)));
            }
            "--tcp-flags" => {
                let set = tail.get(1).copied().unwrap_or("");
                let (Some(mask), Some(set)) = (flags(value), flags(set)) else {
                    expected("two lists of flags");
                    return None;
                };
                matches.push((negated, Match::Flags(mask, set)));
                taken = 3;
            }
            "--tcp-option" => match value.parse() {
                Ok(kind) => matches.push((negated, Match::Option(kind))),
                Err(_) => {
                    return {
                        expected("an option kind");
                        None
                    };
                }
            },
            "--state" | "--ctstate" => {
                let states = value.split(',').map(str::to_owned).collect();
                matches.push((negated, Match::State(states)));
            }
            "-j" | "--jump" => {
                let (read, more) = target_of(value, &tail[1.min(tail.len())..], line, found)?;
                target = read;
                taken = 2 + more;
            }
            "-i" | "-o" | "--in-interface" | "--out-interface" => {
                let message = "interfaces are not told apart here: this rule does nothing";
                found.warn(line, first, message);
                matches.push((negated, Match::Interface));
            }
            other => {
                let known =
                    ["--dport", "--sport", "--tcp-flags", "--tcp-option", "--syn", "--jump"];
                match nearest(other, known).filter(|_| other.starts_with("--")) {
                    Some(meant) => found
                        .error(line, other, format!("unknown option {}", quoted(other)))
                        .help(format!("did you mean {meant}?")),
                    None => {
                        let message =
                            format!("{} is not modelled: this rule does nothing", quoted(other));
                        found.warn(line, other, message);
                    }
                }
                return None;
            }
        }
        negated = false;
        rest = rest.get(taken..).unwrap_or(&[]);
    }
    Some((matches, target))
}

/// A target, and how many words belong to it.
fn target_of(
    name: &str,
    words: &[&str],
    line: &Line<'_>,
    found: &mut Diagnostics,
) -> Option<(Target, usize)> {
    let value = |flag: &str| {
        words.iter().position(|w| *w == flag).and_then(|at| words.get(at + 1)).copied()
    };
    let all = words.len();
    Some(match name {
        "ACCEPT" => (Target::Accept, 0),
        "RETURN" => (Target::Return, 0),
        "DROP" => (Target::Drop, 0),
        "REJECT" => (Target::Reject { reset: value("--reject-with") == Some("tcp-reset") }, all),
        "TCPOPTSTRIP" => {
            let Some(list) = value("--strip-options") else {
                found.error(line, name, "TCPOPTSTRIP needs --strip-options LIST");
                return None;
            };
            let mut kinds = Vec::new();
            for word in list.split(',') {
                match option_kind(word) {
                    Some(kind) => kinds.push(kind),
                    None => {
                        let message =
                            format!("{} is no TCP option that iptables knows", quoted(word));
                        found.error(line, list, message);
                        return None;
                    }
                }
            }
            (Target::Strip(kinds), all)
        }
        "TCPMSS" => match value("--set-mss").map(str::parse) {
            Some(Ok(mss)) => (Target::Mss(mss), all),
            Some(Err(_)) => {
                found.error(line, name, "expected a number after --set-mss");
                return None;
            }
            None => {
                let message =
                    "--clamp-mss-to-pmtu knows an MTU that the model does not: it clamps nothing";
                found.warn(line, name, message);
                (Target::Count, all)
            }
        },
        "SYNPROXY" => (Target::SynProxy, all),
        "NOTRACK" => (Target::Untrack, all),
        "CT" if words.contains(&"--notrack") => (Target::Untrack, all),
        "CT" | "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "TRACE" => (Target::Count, all),
        other => {
            let known = ["ACCEPT", "DROP", "REJECT", "TCPOPTSTRIP", "TCPMSS", "SYNPROXY", "RETURN"];
            match nearest(other, known) {
                Some(meant) => found
                    .error(line, other, format!("unknown target {}", quoted(other)))
                    .help(format!("did you mean {meant}?")),
                None => {
                    let message =
                        format!("target {} is not modelled: this rule does nothing", quoted(other));
                    found.warn(line, other, message);
                }
            }
            return None;
        }
    })
}

/// The names that iptables has for options (iptables-extensions(8), TCPOPTSTRIP).
fn option_kind(word: &str) -> Option<u8> {
    match word {
        "mss" => Some(kind::MSS),
        "wscale" => Some(kind::WINDOW_SCALE),
        "sack-permitted" => Some(kind::SACK_PERMITTED),
        "sack" => Some(kind::SACK),
        "timestamp" => Some(kind::TIMESTAMPS),
        "md5" => Some(kind::MD5),
        number => number.parse().ok().filter(|kind| *kind >= 2),
    }
}

fn ports(word: &str) -> Option<Vec<RangeInclusive<u16>>> {
    let one = |part: &str| match part.split_once(':') {
        Some((first, last)) => {
            let first = if first.is_empty() { Some(0) } else { port(first) };
            let last = if last.is_empty() { Some(u16::MAX) } else { port(last) };
            Some(first?..=last?)
        }
        None => port(part).map(|p| p..=p),
    };
    word.split(',').map(one).collect()
}

fn flags(word: &str) -> Option<u8> {
    let one = |name: &str| match name {
        "FIN" => Some(Flags::FIN.0),
        "SYN" => Some(Flags::SYN.0),
        "RST" => Some(Flags::RST.0),
        "PSH" => Some(Flags::PSH.0),
        "ACK" => Some(Flags::ACK.0),
        "URG" => Some(Flags::URG.0),
        "ALL" => Some(0x3f),
        "NONE" => Some(0),
        _ => None,
    };
    word.split(',').try_fold(0, |all, name| Some(all | one(name)?))
}
