//! The rows of an audit, read as its reader does: which of them speak of a connection.

use std::collections::BTreeSet;
use std::net::IpAddr;

use devices::audit::{Audit, Effect, Verdict};
use sim_core::engine::device::in_prefix;
use sim_core::wire::packet::Flow;

/// A way that a connection goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way<'a> {
    Forwarded(&'a str, &'a str),
    /// To this host itself, by this interface.
    ToHost(&'a str),
    /// Opened by this host itself, by this interface.
    Opened(&'a str),
}

/// The effects that an audit's rows give for a connection of this host to itself: those of the loopback interface, where it has
/// such; else of the host as who is called, and of the host as who calls.
pub(super) fn effects_of_itself(audit: &Audit, flow: Flow) -> Vec<Vec<Effect>> {
    let on = |word: &'static str| {
        let is_such = move |row: &&Verdict| {
            row.direction.split("; ").any(|one| match one.strip_prefix(word) {
                Some(" by lo" | "") => true,
                Some(rest) => {
                    rest.strip_prefix(" by ").is_some_and(|by| other(by) == OTHER)
                        && !rest.ends_with(" lo")
                }
                None => false,
            })
        };
        audit.verdicts.iter().filter(is_such).collect::<Vec<_>>()
    };
    let called = on("to this host itself");
    let of_called = read(&called, flow);
    if called.iter().any(|row| row.direction.contains("to this host itself by lo")) {
        return vec![of_called];
    }
    vec![of_called, read(&on("opened by this host itself"), flow)]
}

/// The effects that an audit's rows give for a connection on a way: of those that name it, else of the rest.
pub(super) fn effects(audit: &Audit, way: Way<'_>, flow: Flow) -> Vec<Effect> {
    read(&directed(audit, way), flow)
}

/// The effects of the rows that name a connection, else of the rest.
fn read(on_way: &[&Verdict], flow: Flow) -> Vec<Effect> {
    let speaks = |verdict: &Verdict, how: Named| {
        classes(&verdict.traffic).any(|class| is_of(class, flow) == how)
    };
    let of = |how: Named| on_way.iter().filter(move |row| speaks(row, how)).map(|row| row.effect);
    let mut all: Vec<Effect> = of(Named::Surely).collect();
    if all.is_empty() {
        all.extend(of(Named::Perhaps));
        let is_rest = |row: &&&Verdict| classes(&row.traffic).any(|class| is_rest(class, flow));
        all.extend(on_way.iter().filter(is_rest).map(|row| row.effect));
    }
    all
}

/// Whether a class of traffic names a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Surely,
    /// Its list is cut (`and 3 more`).
    Perhaps,
    No,
}

/// Rows of the way; those of other interfaces where none names these.
fn directed<'a>(audit: &'a Audit, way: Way<'_>) -> Vec<&'a Verdict> {
    let (from, to) = match way {
        Way::Forwarded(from, to) => (from, Some(to)),
        Way::ToHost(by) | Way::Opened(by) => (by, None),
    };
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for verdict in &audit.verdicts {
        for one in directions(&verdict.direction) {
            match one {
                Direction::Between(a, b) if to.is_some() => named.extend([a, b]),
                one => named.extend(one.of_host(way).flatten()),
            }
        }
    }
    named.remove(OTHER);
    named.remove(ANY);
    // Of few interfaces every way has its own rows.
    let is_whole = named.len() <= 6;
    let called = |name: &str| if named.contains(name) { name } else { OTHER }.to_owned();
    // Interfaces that are told apart from `any interface but eth0`, whichever rows name them.
    let is_apart = |name: &str| {
        audit.verdicts.iter().any(|row| match row.direction.split_once("any interface but ") {
            Some((_, but)) => {
                but.split([' ', ';', ',']).take_while(|word| *word != "to").any(|word| word == name)
            }
            None => row.direction.contains("that no rule names") && !name.starts_with("other"),
        })
    };
    let apart = [Some(from), to]
        .map(|name| name.is_some_and(|name| is_apart(name) || is_whole && named.contains(name)));
    let exactly = |name: &str, apart: bool| if apart { name.to_owned() } else { called(name) };
    let from = exactly(from, apart[0]);
    let to = to.map(|to| exactly(to, apart[1]));
    let has = |verdict: &Verdict, from: &str, to: Option<&str>| {
        directions(&verdict.direction).any(|one| match (one, to) {
            (Direction::Between(a, b), Some(to)) => {
                [from, ANY].contains(&a) && [to, ANY].contains(&b)
            }
            (one, None) => one.of_host(way).flatten() == Some(from),
            _ => false,
        })
    };
    let of_all = |verdict: &Verdict| {
        directions(&verdict.direction).any(|one| match one {
            Direction::Anywhere => to.is_some(),
            one => one.of_host(way) == Some(None),
        })
    };
    let others = to.as_ref().map(|_| OTHER);
    let to = to.as_deref();
    let tries = [(&*from, to), (OTHER, to), (&*from, others), (OTHER, others)];
    let told = |(by, out): &(&str, Option<&str>)| {
        let is_same = [*by == from, *out == to];
        let fits = is_same.iter().zip(apart).all(|(is_same, apart)| *is_same || !apart);
        fits && audit.verdicts.iter().any(|row| has(row, by, *out))
    };
    let (from, to) = tries.into_iter().find(told).unwrap_or((&*from, to));
    audit.verdicts.iter().filter(|row| of_all(row) || has(row, from, to)).collect()
}

const OTHER: &str = "any other interface";
/// Each interface there is.
const ANY: &str = "any interface";

#[derive(Clone, Copy)]
enum Direction<'a> {
    Anywhere,
    Between(&'a str, &'a str),
    ToHost(Option<&'a str>),
    Opened(Option<&'a str>),
    /// Frames of a bridge.
    Bridged,
}

impl<'a> Direction<'a> {
    /// The interface by which a row of the host is, where it is of this way's end.
    fn of_host(self, way: Way<'_>) -> Option<Option<&'a str>> {
        match (self, way) {
            (Self::ToHost(by), Way::ToHost(_)) | (Self::Opened(by), Way::Opened(_)) => Some(by),
            _ => None,
        }
    }
}

/// The names of interfaces that have none in the text are one here.
fn other(name: &str) -> &str {
    // No connection goes back out of the interface that it came in by here.
    if name == "every other interface" {
        return ANY;
    }
    let is_other =
        ["any other", "any interface", "an interface"].iter().any(|of| name.starts_with(of));
    if is_other && name != ANY { OTHER } else { name }
}

fn directions(said: &str) -> impl Iterator<Item = Direction<'_>> {
    said.split("; ").map(|one| {
        if let Some(way) = one.strip_prefix("forwarded from ")
            && let Some((from, to)) = way.split_once(" to ")
        {
            Direction::Between(other(from), other(to))
        } else if one.starts_with("bridged") || one.contains("over a bridge") {
            Direction::Bridged
        } else if let Some(rest) = one.strip_prefix("to this host itself") {
            Direction::ToHost(rest.strip_prefix(" by ").map(other))
        } else if let Some(rest) = one.strip_prefix("opened by this host itself") {
            Direction::Opened(rest.strip_prefix(" by ").map(other))
        } else {
            Direction::Anywhere
        }
    })
}

/// `TCP from 10.0.0.0/8 to port 80, TCP to 10.0.0.1/32`: each of them.
fn classes(traffic: &str) -> impl Iterator<Item = &str> {
    let mut starts: Vec<usize> = traffic.match_indices(", TCP").map(|(at, _)| at + 2).collect();
    starts.extend(traffic.match_indices(", all ").map(|(at, _)| at + 2));
    starts.insert(0, 0);
    starts.push(traffic.len() + 2);
    starts.sort_unstable();
    starts.windows(2).map(|pair| &traffic[pair[0]..pair[1] - 2]).collect::<Vec<_>>().into_iter()
}

fn is_rest(class: &str, flow: Flow) -> bool {
    class.starts_with("all") && is_of_version(class, flow)
}

fn is_of_version(class: &str, flow: Flow) -> bool {
    match flow.dst.is_ipv6() {
        true => !class.contains(" over IPv4"),
        false => !class.contains(" over IPv6"),
    }
}

/// Whether a connection is one of a class.
fn is_of(class: &str, flow: Flow) -> Named {
    let Some(rest) = class.strip_prefix("TCP").filter(|_| is_of_version(class, flow)) else {
        return Named::No;
    };
    // What is sent here goes beyond no limit, comes in where its source is reached, and has neither a mark nor an owner,
    // and the usual MSS.
    let is_supposed = [" with ", " of user ", " of group "].iter().any(|of| rest.contains(of));
    let unusual =
        [" beyond the limit of this rule", " that comes in where its source is not reached"];
    if is_supposed || unusual.iter().any(|end| rest.ends_with(end)) {
        return Named::No;
    }
    // Of what is not told apart the reader must look at the other rows, too.
    let (rest, is_in_part) = match rest.strip_suffix(" (what earlier rules leave)") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let rest = rest
        .trim_end_matches(" that this rule names")
        .replace(" over IPv4", "")
        .replace(" over IPv6", "");
    // Each part begins with one of two words, and its values have none.
    let mut parts: Vec<(bool, Vec<&str>)> = Vec::new();
    for word in rest.split([' ', ',']).filter(|word| !word.is_empty()) {
        match word {
            "from" => parts.push((true, Vec::new())),
            "to" => parts.push((false, Vec::new())),
            word => {
                if let Some((_, words)) = parts.last_mut() {
                    words.push(word);
                }
            }
        }
    }
    let mut named = if is_in_part { Named::Perhaps } else { Named::Surely };
    for (is_source, words) in &parts {
        let end = if *is_source { flow.src } else { flow.dst };
        let is_such = match words.as_slice() {
            ["port", ports @ ..] => is_port(ports, end.port()),
            ["other", "ports", "than", ports @ ..] => !is_port(ports, end.port()),
            ["others", "than", networks @ ..] => !is_within(networks, end.ip()),
            networks => is_within(networks, end.ip()),
        };
        match (is_such, words.last()) {
            (_, Some(&"more")) => named = Named::Perhaps,
            (true, _) => {}
            (false, _) => return Named::No,
        }
    }
    named
}

fn is_port(ports: &[&str], port: u16) -> bool {
    ports.iter().any(|word| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        first.parse::<u16>().is_ok_and(|first| first <= port)
            && last.parse::<u16>().is_ok_and(|last| port <= last)
    })
}

fn is_within(networks: &[&str], address: IpAddr) -> bool {
    networks.iter().any(|word| {
        let Some((of, length)) = word.split_once('/') else { return false };
        let (Ok(of), Ok(length)) = (of.parse(), length.parse()) else { return false };
        in_prefix(address, of, length)
    })
}
