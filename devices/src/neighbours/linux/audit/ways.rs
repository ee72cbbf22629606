//! The ways that connections take: between the interfaces that rules tell apart, or to this host itself.

use crate::audit::Verdict;
use crate::neighbours::linux::matches::Match;
use crate::neighbours::linux::paths::each;
use crate::neighbours::linux::rules::{Base, Hook, Ruleset};

/// Most pairs of interfaces that are looked at.
const PAIRS_MAX: usize = 256;
/// Most interfaces between which all ways are tried; of more, those that rules name.
const INTERFACES_MAX: usize = 6;
/// Most interfaces that the name of all others lists.
const LISTED_MAX: usize = 3;
/// Stand for interfaces that no rule names.
const OTHERS: [&str; 2] = ["(another)", "(yet another)"];

/// A way through the router, or to the host itself.
pub(super) struct Way {
    /// The interfaces by which the one who opens a connection is reached, and the other end.
    pub(super) names: [String; 2],
    pub(super) end: End,
}

/// An interface that no rule names, beside those that are.
const ANY_OTHER: &str = "any other interface";
/// Each interface there is.
const ANY: &str = "any interface";
/// Each but the one that is named beside it: back out of that one was not tried.
const EVERY_OTHER: &str = "every other interface";

/// Says which others there are, where a row speaks of other interfaces and no row of some that rules name.
pub(super) fn name_others(rows: &mut [Verdict], ways: &[Way]) {
    let all = ways.iter().flat_map(|way| way.names.iter().map(String::as_str));
    let mut named: Vec<&str> =
        all.filter(|name| !OTHERS.contains(name) && !matches!(*name, "" | "lo")).collect();
    named.sort_unstable();
    named.dedup();
    let is_said = |name: &&str| {
        rows.iter().any(|row| row.direction.split([' ', ';']).any(|word| word == *name))
    };
    if named.iter().all(is_said) {
        return;
    }
    let others = match named.as_slice() {
        few if few.len() <= LISTED_MAX => format!("any interface but {}", few.join(", ")),
        _ => "an interface that no rule names".to_owned(),
    };
    for row in rows {
        let but_lo = format!("{ANY_OTHER} but lo");
        row.direction = row.direction.replace(&but_lo, &format!("{others}, lo"));
        row.direction = row.direction.replace(ANY_OTHER, &others);
    }
}

/// What this host is to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The way between its ends.
    Neither,
    /// Who is called.
    Called,
    /// Who opens it; the one who is called is reached by the first interface.
    Caller,
}

/// The names of some of all ways: `forwarded from eth0 to eth1; to this host itself`.
/// `but_lo`: what is said of the host as who is called, and as who calls, does not hold of the loopback interface, unless that
/// is one of these ways.
pub(super) fn directions(some: &[&Way], ways: &[Way], opened: &[Way], but_lo: [bool; 2]) -> String {
    let mut said: Vec<String> = Vec::new();
    for end in [End::Neither, End::Called, End::Caller] {
        let is_such = |way: &&Way| way.end == end;
        let these = some.iter().copied().filter(is_such);
        let all = ways.iter().chain(opened).filter(is_such).count();
        let is_but_lo = match end {
            End::Neither => false,
            End::Called => but_lo[0],
            End::Caller => but_lo[1],
        };
        let whole = match end {
            End::Neither if all == 1 => "forwarded, both directions",
            End::Neither => "forwarded between any interfaces",
            End::Called => "to this host itself",
            End::Caller => "opened by this host itself",
        };
        match these.clone().count() {
            0 => {}
            some if some == all => {
                let has_lo = these.clone().any(|way| way.names[0] == "lo");
                let but = if is_but_lo && !has_lo { ", except over lo" } else { "" };
                said.push(format!("{whole}{but}"));
            }
            _ if end == End::Neither => said.extend(
                forwarded(these.collect(), ways)
                    .into_iter()
                    .map(|[from, to]| format!("forwarded from {from} to {to}")),
            ),
            _ => said.extend(these.map(|way| {
                // What a host sends to itself comes by none of its links.
                let is_other = OTHERS.contains(&way.names[0].as_str());
                let but = if is_other && is_but_lo { " but lo" } else { "" };
                format!("{whole} by {}{but}", called(&way.names[0]))
            })),
        }
    }
    said.join("; ")
}

fn called(name: &str) -> &str {
    if OTHERS.contains(&name) { ANY_OTHER } else { name }
}

/// The ends of some ways between interfaces: of those by one interface to or from all that there are, that interface alone.
fn forwarded<'w>(mut some: Vec<&'w Way>, ways: &'w [Way]) -> Vec<[&'w str; 2]> {
    let between = || ways.iter().filter(|way| way.end == End::Neither);
    let mut names: Vec<&str> = between().flat_map(|way| &way.names).map(|n| called(n)).collect();
    names.sort_unstable();
    names.dedup();
    // Where not all ways are tried, none is said to be any.
    let is_complete = names.len() > 2
        && names.iter().all(|from| {
            names.iter().filter(|to| to != &from).all(|to| {
                between().any(|way| [called(&way.names[0]), called(&way.names[1])] == [*from, *to])
            })
        });
    let mut said: Vec<[&str; 2]> = Vec::new();
    let mut whole: Vec<(usize, &str)> = Vec::new();
    if is_complete {
        for end in [0, 1] {
            let is_whole = |name: &&str| {
                let mut its = between().filter(|way| called(&way.names[end]) == *name);
                its.all(|way| some.iter().any(|of| std::ptr::eq(*of, way)))
            };
            whole.extend(names.iter().copied().filter(is_whole).map(|name| (end, name)));
        }
    }
    // Those by which more go than are said already.
    for (end, name) in whole {
        let is_its = |way: &&Way| called(&way.names[end]) == name;
        if some.iter().filter(|way| is_its(way)).count() > 1 {
            some.retain(|way| !is_its(way));
            let goes_back = |way: &Way| way.names.iter().all(|of| of == name);
            let any = match name == ANY_OTHER || between().any(goes_back) {
                true => ANY,
                false => EVERY_OTHER,
            };
            said.push(if end == 0 { [name, any] } else { [any, name] });
        }
    }
    said.extend(some.iter().map(|way| [called(&way.names[0]), called(&way.names[1])]));
    said
}

/// The ways through the router that rules tell apart, or those to the host itself; the last is between
/// interfaces that no rule names. With the line of the first rule whose interfaces are too many.
pub(super) fn ways(rules: &Ruleset, is_host: bool, most: usize) -> (Vec<Way>, Option<u32>) {
    fn named(on: &Match, wanted: bool, names: &mut Vec<String>) {
        match on {
            Match::Interface { names: of, out } if *out == wanted => {
                names.extend(of.iter().cloned());
            }
            Match::Joined(of) => {
                of.iter().flatten().for_each(|(_, on)| named(on, wanted, names));
            }
            _ => {}
        }
    }
    let mut names: Vec<String> = Vec::new();
    // With the line of the rule that names them.
    let mut pairs: Vec<([String; 2], u32)> = Vec::new();
    let (mut from, mut to) = (Vec::new(), Vec::new());
    // Interfaces by which packets go out again that came in by them: of bridges, and of networks whose members
    // reach each other by the router. Told apart where a rule speaks of such packets.
    let mut both_ways: Vec<String> = Vec::new();
    // What the rules of one chain that name none are met by is told by the first of them.
    let mut known: Option<(&Base, Vec<usize>)> = None;
    each(rules, |path| {
        if !is_met(path.base.hook, is_host) || !path.names_interfaces() {
            return true;
        }
        if let Some(callers) = path.callers_alone() {
            let is_known =
                |(base, of): &(&Base, Vec<usize>)| std::ptr::eq(*base, path.base) && of == callers;
            if known.as_ref().is_some_and(is_known) {
                return true;
            }
            known = Some((path.base, callers.to_vec()));
        }
        from.clear();
        to.clear();
        for (_, on) in path.conditions() {
            named(on, false, &mut from);
            named(on, true, &mut to);
        }
        if !from.is_empty() && !to.is_empty() {
            let (mut within, mut without) = (Vec::new(), Vec::new());
            for (_, on) in path.conditions().filter(|(negated, _)| !negated) {
                named(on, false, &mut within);
                named(on, true, &mut without);
            }
            within.retain(|name| without.contains(name) && !both_ways.contains(name));
            both_ways.append(&mut within);
        }
        let all = from.iter().chain(&to).filter(|name| *name != "lo");
        let new: Vec<&String> = all.filter(|name| !names.contains(name)).collect();
        names.extend(new.into_iter().cloned().collect::<Vec<String>>());
        names.dedup();
        if pairs.len() < PAIRS_MAX && !(from.is_empty() && to.is_empty()) {
            let other = |names: &[String]| match names {
                [] => vec![OTHERS[0].to_owned()],
                names => names.to_vec(),
            };
            let (from, to) = (other(&from), other(&to));
            let line = rules.entries[path.last()].line;
            for a in &from {
                pairs.extend(to.iter().map(|b| ([a.clone(), b.clone()], line)));
            }
        }
        true
    });
    if is_host {
        let all = names.iter().cloned().chain([OTHERS[0].to_owned()]);
        let line = pairs.first().map_or(0, |(_, line)| *line);
        pairs = all.map(|name| ([name, OTHERS[1].to_owned()], line)).collect();
    } else {
        if names.len() <= INTERFACES_MAX && names.len() * (names.len() + 1) <= most {
            let all = || names.iter().map(String::as_str).chain([OTHERS[0]]);
            let line = pairs.first().map_or(0, |(_, line)| *line);
            let every = all()
                .flat_map(|from| all().map(move |to| ([from.to_owned(), to.to_owned()], line)));
            pairs = every.collect();
        }
        pairs.retain(|([from, to], _)| {
            let is_such = from != to || both_ways.contains(from) || from.ends_with(['+', '*']);
            is_such && from != "lo" && to != "lo"
        });
    }
    let mut once: Vec<[String; 2]> = Vec::new();
    let mut left = None;
    for (pair, line) in pairs {
        match once.contains(&pair) {
            true => {}
            false if once.len() < most => once.push(pair),
            false => {
                left.get_or_insert(line);
            }
        }
    }
    let last = OTHERS.map(str::to_owned);
    if !is_host || once.is_empty() {
        once.push(last);
    }
    let end = if is_host { End::Called } else { End::Neither };
    (once.into_iter().map(|names| Way { names, end }).collect(), left)
}

/// True when what is forwarded, or what this host itself takes, meets a chain.
fn is_met(hook: Hook, is_host: bool) -> bool {
    match hook {
        Hook::Forward => !is_host,
        Hook::Input | Hook::Output => is_host,
        Hook::Ingress | Hook::Prerouting | Hook::Postrouting | Hook::Egress => true,
    }
}
