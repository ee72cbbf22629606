//! Which connections the access groups let in: an ACE denies what no access list permits, on each interface.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use sim_core::engine::device::ConfigLine;
use sim_core::wire::packet::{Flags, Flow};

use crate::audit::{Because, Effect, Verdict};
use crate::catalogue::RECALLED;
use crate::config::access_list::AccessList;

use super::config::{AceConfig, Interface};

/// What an interface makes of the first packet of a connection.
pub(super) enum Admission {
    Permitted,
    Refused(Because),
    /// An entry that is not understood may name it.
    Open(Because),
}

/// The access group of an interface, or the one of all.
fn group<'c>(config: &'c AceConfig, interface: &'c Interface) -> Option<&'c (String, ConfigLine)> {
    interface.access_group.as_ref().or(config.access_group.as_ref())
}

fn list<'c>(config: &'c AceConfig, (name, _): &(String, ConfigLine)) -> Option<&'c AccessList> {
    config.access_lists.get(name)
}

fn judge(config: &AceConfig, group: &(String, ConfigLine), flow: Flow) -> Admission {
    let (name, place) = group;
    let Some(list) = list(config, group) else {
        let why = format!("access list {name} is not defined: it permits nothing");
        return Admission::Refused(Because::line(place, why));
    };
    if let Some(entry) = list.doubt(["", ""], flow, Flags::SYN) {
        return Admission::Open(Because::line(&entry.place, entry.why_open()));
    }
    match list.matching(flow, Flags::SYN) {
        Some(entry) if entry.permit => Admission::Permitted,
        Some(entry) => {
            Admission::Refused(Because::line(&entry.place, format!("access list {name}")))
        }
        None => {
            let why = format!("access list {name} permits nothing else");
            Admission::Refused(Because::line(place, why))
        }
    }
}

fn nothing_permits() -> Because {
    Because::default(format!(
        "without an access-group that permits it, an interface lets nothing in, by default ({RECALLED})"
    ))
}

/// What becomes of a connection from clients: one of the interfaces that have a policy, or of all, must
/// let it in. A text without interfaces does not say.
pub(super) fn admission(config: &AceConfig, flow: Flow) -> Admission {
    if let (true, Some(group)) = (config.interfaces.is_empty(), &config.access_group) {
        return judge(config, group, flow);
    }
    let balances = |at: usize| {
        config
            .services
            .iter()
            .any(|(policy, of, _)| *of == Some(at) && !config.other_policies.contains(policy))
    };
    let any_balances = (0..config.interfaces.len()).any(balances);
    let sides = config.interfaces.iter().enumerate();
    let sides =
        sides.filter(|(at, _)| !any_balances || balances(*at)).map(|(_, interface)| interface);
    let mut worst = None;
    for interface in sides {
        let admission = match group(config, interface) {
            Some(group) => judge(config, group, flow),
            None => Admission::Refused(nothing_permits()),
        };
        match (&admission, &worst) {
            (Admission::Permitted, _) => return admission,
            (Admission::Open(_), _) | (_, None) => worst = Some(admission),
            _ => {}
        }
    }
    worst.unwrap_or(Admission::Permitted)
}

/// What each interface refuses, those with the same list together.
pub(super) fn refused(config: &AceConfig) -> Vec<Verdict> {
    type Rules<'c> = [Option<&'c (String, ConfigLine)>; 2];
    let mut groups: BTreeMap<[Option<&str>; 2], (Vec<&str>, Rules<'_>)> = BTreeMap::new();
    for interface in &config.interfaces {
        let rules = [group(config, interface), interface.access_group_out.as_ref()];
        let names = rules.map(|rule| rule.map(|(name, _)| name.as_str()));
        groups.entry(names).or_insert_with(|| (Vec::new(), rules)).0.push(&interface.name);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    let place = |name: &str| config.interfaces.iter().position(|i| i.name == name);
    groups.sort_by_key(|(names, _)| names.first().and_then(|name| place(name)));
    let mut verdicts = Vec::new();
    if let (true, Some(group)) = (config.interfaces.is_empty(), &config.access_group) {
        verdicts = by_list(config, group, "every interface, opened from its side");
    }
    for (names, [inbound, outbound]) in groups {
        let called = match names.as_slice() {
            [one] => format!("interface {one}"),
            [a, b] => format!("interfaces {a}, {b}"),
            [a, b, rest @ ..] => format!("interfaces {a}, {b} and {} more", rest.len()),
            [] => continue,
        };
        match inbound {
            Some(group) => {
                verdicts.extend(by_list(config, group, &format!("{called}, opened from its side")));
            }
            None => verdicts.push(Verdict {
                traffic: "all TCP".into(),
                direction: format!("{called}, opened from its side"),
                effect: Effect::Drop,
                because: vec![nothing_permits()],
            }),
        }
        if let Some(group) = outbound {
            verdicts.extend(by_list(config, group, &format!("{called}, opened towards it")));
        }
    }
    verdicts
}

/// What a list refuses, and what it leaves open.
fn by_list(config: &AceConfig, group: &(String, ConfigLine), direction: &str) -> Vec<Verdict> {
    let name = &group.0;
    let mut flows = Vec::new();
    if let Some(list) = list(config, group) {
        flows.extend(list.open_samples());
        // What no entry names in particular tells best which line refuses the rest.
        flows.push(general(5001));
        flows.extend(list.refused_samples());
        flows.extend(list.samples());
    }
    flows.extend([5001, 443, 80, 22].map(general));
    let mut verdicts: Vec<Verdict> = Vec::new();
    for flow in flows {
        let (traffic, effect, because) = match judge(config, group, flow) {
            Admission::Permitted => continue,
            Admission::Refused(because) => {
                (format!("TCP that is not permitted by access list {name}"), Effect::Drop, because)
            }
            Admission::Open(because) => (
                format!("TCP that an entry of access list {name} may name"),
                Effect::Unknown,
                because,
            ),
        };
        if !verdicts.iter().any(|v| v.effect == effect) {
            let (direction, because) = (direction.to_owned(), vec![because]);
            verdicts.push(Verdict { traffic, direction, effect, because });
        }
    }
    verdicts
}

/// A connection that configurations seldom name.
fn general(port: u16) -> Flow {
    Flow {
        src: SocketAddr::new(Ipv4Addr::new(198, 51, 100, 71).into(), 40_471),
        dst: SocketAddr::new(Ipv4Addr::new(203, 0, 113, 72).into(), port),
    }
}
