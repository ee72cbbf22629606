//! The words of one rule: its conditions and its target.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::config::words::nearest;
use crate::config::{Diagnostics, Line, quoted};
use crate::neighbours::linux::hosts::Hosts;
use crate::neighbours::linux::marks::{Marking, masked, user};
use crate::neighbours::linux::matches::{Conditions, Match, addresses, flags, ports};
use crate::neighbours::linux::rules::{Limit, Read};
use crate::neighbours::linux::target::{Target, option_of_target, own_words, target_of};

use super::Table;
use super::sets::Sets;
use super::shell::{is_named, is_of_variables};

/// What is known of a rule before it is read.
pub(super) struct Known<'k> {
    pub(super) table: Table,
    pub(super) is_six: bool,
    /// Hosts that variables call.
    pub(super) hosts: &'k mut Hosts,
    pub(super) sets: &'k Sets,
    /// Rules of the text give connections other destinations.
    pub(super) translates: bool,
    /// Rules of the text ask for marks: without those nothing depends on them.
    pub(super) asks_for_marks: bool,
    /// Rules of the text send packets to proxies.
    pub(super) proxies: bool,
}

/// Conditions and target of a rule of a table. `None` when it cannot be read (which is said), or concerns no TCP.
pub(super) fn rule_of(
    words: &[&str],
    chains: &BTreeSet<String>,
    Known { table, is_six, hosts, sets, translates, asks_for_marks, proxies }: Known<'_>,
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
    let mut limit = None;
    let mut marks = Vec::new();
    // Variables without a value.
    let mut unset: Vec<(&str, IpAddr)> = Vec::new();
    let mut unset_ports: Vec<(&str, u16)> = Vec::new();
    // Whose options are meant.
    let mut module = "";
    // Those of which more than so many have come within a time, or all others.
    let (mut is_of_recent, mut hits) = (None, None);
    // A variable that may hold the rule's target.
    let mut hiding = None;
    let mut has_target = false;
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
            // Sockets for addresses of others are those of proxies; one that is for any address is no packet's of its own
            // (iptables-extensions(8), socket).
            "-m" | "--match"
                if value == "socket" && proxies && !words.contains(&"--nowildcard") =>
            {
                let transparent = words.contains(&"--transparent");
                matches.push((negated, Match::Socket { transparent }));
                module = value;
            }
            "--transparent" | "--restore-skmark" if module == "socket" => taken = 0,
            "--ctdir" if let Some(reply) = direction(value) => {
                matches.push((negated, Match::Reply(reply)));
            }
            // Two versions of IP share some commands.
            // They ask for what the text does not tell without an option of their own.
            "-m" | "--match" if matches!(value, "socket" | "unclean" | "eui64") => {
                doubted(value);
            }
            "--limit" | "--hashlimit" | "--hashlimit-upto" | "--connlimit-upto" if !negated => {
                limit = Some(Limit::UpTo);
            }
            "--hashlimit-above" | "--connlimit-above" if !negated => limit = Some(Limit::Beyond),
            "--connlimit-above" => limit = Some(Limit::UpTo),
            // What is counted together, and for how long.
            "--limit-burst"
            | "--hashlimit-burst"
            | "--hashlimit-mode"
            | "--hashlimit-name"
            | "--hashlimit-srcmask"
            | "--hashlimit-dstmask"
            | "--hashlimit-rate-interval"
            | "--hashlimit-htable-size"
            | "--hashlimit-htable-max"
            | "--hashlimit-htable-expire"
            | "--hashlimit-htable-gcinterval"
            | "--connlimit-mask" => {}
            "--hashlimit-rate-match" | "--connlimit-saddr" | "--connlimit-daddr" => taken = 0,
            // An account counts what comes; only segments are spoken of here.
            "--nfacct-name" if !negated => {}
            "--ctproto" if !negated && matches!(value, "tcp" | "6") => {}
            "-m" | "--match" => {
                module = value;
                limit = limit.or(match value {
                    // Three in an hour, where nothing else is said.
                    "limit" => Some(Limit::UpTo),
                    "rpfilter" => Some(Limit::ReversePath),
                    _ => None,
                });
            }
            "--invert" if module == "rpfilter" => {
                taken = 0;
                limit = Some(Limit::OffPath);
            }
            "--loose" | "--validmark" | "--accept-local" if module == "rpfilter" => taken = 0,
            "--set" | "--rttl" | "--rsource" | "--rdest" | "--reap" if module == "recent" => {
                taken = 0;
            }
            "--name" | "--seconds" if module == "recent" => {}
            "--update" | "--rcheck" if module == "recent" => {
                taken = 0;
                is_of_recent = Some((*first, negated));
            }
            "--hitcount" if module == "recent" => hits = value.parse::<u32>().ok(),
            "--mss" => match ports(std::iter::once(value), ':') {
                Some(ports) => matches.push((negated, Match::Mss(ports))),
                None if is_of_variables(value) => doubted(value),
                None => {
                    expected("an MSS, or a range of such");
                    return None;
                }
            },
            "--mark" if let Some((value, mask)) = masked(value) => {
                let of_connection = module == "connmark";
                let values = [value..=value].into();
                matches.push((negated, Match::Mark { of_connection, mask, values }));
            }
            "--match-set" if let Some(on) = of_set(sets, value, tail.get(1)) => {
                taken = 2;
                matches.push((negated, on));
            }
            "--uid-owner" | "--gid-owner" if let Some(of) = users(value) => {
                let group = *first == "--gid-owner";
                matches.push((negated, Match::Owner { group, of, called: value.into() }));
            }
            "-A" | "--append" | "-t" | "--table" | "--mask" | "-p" | "--protocol" => {}
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
            // Any address, as ip6tables reads it, too.
            "-s" | "--source" | "--src" | "-d" | "--destination" | "--dst"
                if is_six && value == "0/0" =>
            {
                matches.extend(negated.then_some((false, Match::Never)));
            }
            "-s" | "--source" | "--src" | "-d" | "--destination" | "--dst" | "--src-range"
            | "--dst-range" => match addresses(value.split(',')) {
                Some(of) if first.starts_with("-s") || first.starts_with("--s") => {
                    matches.push((negated, Match::Source(of)));
                }
                Some(of) => matches.push((negated, Match::Destination(of))),
                None if let Some(address) = hosts.address(value, is_six) => {
                    unset.push((value, address));
                    let of = [(address, if is_six { 128 } else { 32 })].into();
                    let is_source = first.starts_with("-s") || first.starts_with("--s");
                    let of = if is_source { Match::Source(of) } else { Match::Destination(of) };
                    matches.push((negated, of));
                }
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
            | "--ports" => match ports_of(value, hosts, &mut unset_ports) {
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
            "--state" | "--ctstate" if value.ends_with(',') => {
                expected("states without a blank between them");
                return None;
            }
            "--state" | "--ctstate" => {
                let states: Vec<String> = value.split(',').map(state).collect();
                // Whose addresses a rule has translated: before the first packet comes to these rules, only
                // destinations are.
                let is_open = |state: &String| state == "SNAT" || state == "DNAT" && !translates;
                if states.iter().all(is_open) {
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
                has_target = true;
                let words = &tail[1.min(tail.len())..];
                if asks_for_marks {
                    marks.extend(Marking::of_target(value, words));
                }
                let is_target = matches!(value, "ACCEPT" | "DROP" | "RETURN" | "REJECT");
                if matches!(*first, "-g" | "--goto") && is_target {
                    let message =
                        format!("{value} is no chain that -g leads to: this rule is refused");
                    found.error(line, value, message).help("-j has targets");
                    return None;
                }
                let (near, own) = own_words(words);
                let (read, more) = target_of(value, &own, chains, line, found)?;
                target = match read {
                    Target::Jump(chain) if matches!(*first, "-g" | "--goto") => Target::Goto(chain),
                    read => read,
                };
                taken = 1 + more.min(near);
            }
            "-i" | "-o" | "--in-interface" | "--out-interface" => {
                let out = matches!(*first, "-o" | "--out-interface");
                // Any interface, as without it.
                let any = value == "+";
                matches.extend((any && negated).then_some((false, Match::Never)));
                matches.extend(
                    (!any).then(|| {
                        (negated, Match::Interface { names: vec![value.to_owned()], out })
                    }),
                );
            }
            // Its target has read it.
            option
                if has_target
                    && module != "string"
                    && let Some(values) = option_of_target(option) =>
            {
                taken = values;
            }
            other => {
                let known =
                    ["--dport", "--sport", "--tcp-flags", "--tcp-option", "--syn", "--jump"];
                taken = 0;
                // Of what balancers write by the thousand nothing is misspelt.
                let is_option = other.starts_with("--") && !COMMON.contains(&other);
                // Modules that are not read have options of their own.
                let is_known =
                    matches!(module, "" | "comment" | "conntrack" | "multiport" | "state" | "tcp");
                if is_option
                    && is_known
                    && let Some(meant) = nearest(other, known)
                {
                    found
                        .error(line, other, format!("unknown option {}", quoted(other)))
                        .help(format!("did you mean {meant}?"));
                    return None;
                }
                // What does not begin like an option is the value of one; a variable may hold some.
                if other.starts_with('-') || is_of_variables(other) {
                    doubted(other);
                    hiding = hiding.or(Some(other).filter(|_| is_of_variables(other)));
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
    // Who comes again and again is no usual peer; who has come before at all may be (iptables-extensions(8), recent).
    match (is_of_recent, hits) {
        (Some((_, is_negated)), Some(2..)) if limit.is_none() => {
            limit = Some(if is_negated { Limit::UpTo } else { Limit::Beyond });
        }
        (Some((option, _)), _) => {
            doubts += 1;
            doubt.get_or_insert_with(|| option.to_owned());
        }
        (None, _) => {}
    }
    if let Some(hiding) = hiding.filter(|_| !has_target) {
        target = Target::Unknown(hiding.to_owned());
    }
    // Rules of translation, which no scenario has, are often many.
    let is_told = (target != Target::Count || !marks.is_empty()) && table != Table::Nat;
    if let Some(doubt) = doubt.as_deref().filter(|_| is_told) {
        let message = format!(
            "{} is not modelled: whether this rule holds is not known, and a scenario takes it not to hold",
            quoted(doubt)
        );
        let warning = found.warn(line, doubt, message);
        if doubt == "--match-set" {
            warning.help(
                "where the host has no such set, iptables refuses the rule, and iptables-restore the whole file",
            );
        }
    }
    for (name, address) in unset {
        if is_told && hosts.is_new(address) {
            let message = format!(
                "the text gives {} no value: taken for an address that no other rule names",
                quoted(name)
            );
            found.warn(line, name, message);
        }
    }
    for (name, port) in unset_ports {
        if is_told && hosts.is_new_port(port) {
            let message = format!(
                "the text gives {} no value: taken for a port that no other rule names",
                quoted(name)
            );
            found.warn(line, name, message);
        }
    }
    let is_fact = asks.iter().any(|word| FACTS.contains(word));
    let asks = (doubts == 1 && is_fact).then(|| asks.join(" ").into());
    Some(Read { matches, doubt, asks, limit, marks, target })
}

/// Ports, among them those that variables without a value stand for.
fn ports_of<'w>(
    value: &'w str,
    hosts: &mut Hosts,
    unset: &mut Vec<(&'w str, u16)>,
) -> Option<Box<[RangeInclusive<u16>]>> {
    if !value.contains('$') {
        return ports(value.split(','), ':');
    }
    let mut all = Vec::new();
    for word in value.split(',') {
        match hosts.port(word) {
            Some(port) => {
                unset.push((word, port));
                all.push(port..=port);
            }
            None => all.extend(ports(std::iter::once(word), ':')?),
        }
    }
    Some(all.into())
}

/// Whether an end of a packet is in a set: `bad src`.
fn of_set(sets: &Sets, name: &str, end: Option<&&str>) -> Option<Match> {
    let members = sets.members(name)?;
    match end {
        Some(&"src") => Some(Match::Source(members.into())),
        Some(&"dst") => Some(Match::Destination(members.into())),
        _ => None,
    }
}

/// The end that a packet is of, by the name that `--ctdir` has for it: true for who was called.
fn direction(name: &str) -> Option<bool> {
    match name.to_ascii_uppercase().as_str() {
        "REPLY" => Some(true),
        "ORIGINAL" => Some(false),
        _ => None,
    }
}

/// `1000`, `0-999`, a name.
fn users(word: &str) -> Option<Box<[RangeInclusive<u32>]>> {
    let range = |word: &str| {
        let (first, last) = word.split_once('-')?;
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    range(word).or_else(|| user(word).map(|of| of..=of)).map(|of| [of].into())
}

/// Options of modules that are not read, and that many rules have.
const COMMON: [&str; 6] = ["--mark", "--match-set", "--mode", "--name", "--probability", "--reap"];

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

/// A state by its name, which may be in small letters and cut (iptables, libxt_conntrack.c: `strncasecmp`).
fn state(word: &str) -> String {
    let word = word.to_ascii_uppercase();
    let known = ["INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED", "SNAT", "DNAT"];
    let meant = known.into_iter().find(|name| !word.is_empty() && name.starts_with(&word));
    meant.map_or(word.clone(), str::to_owned)
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
            // Of either case (iptables, xshared.c: "Canonicalize into lower case").
            let of = value.to_ascii_lowercase();
            let has_tcp = matches!(of.as_str(), "tcp" | "6");
            let is_all = matches!(of.as_str(), "all" | "0") || of.starts_with('$');
            return if is_negated { has_tcp } else { !has_tcp && !is_all };
        }
        at += 1;
    }
    false
}
