//! VLAN access maps of Catalyst and Nexus switches (`vlan access-map`, `vlan filter`): they drop what is bridged
//! within a VLAN and what is routed into or out of it, each packet for itself.
//!
//! The first entry rules of which an access list permits the packet. On a Catalyst, what no entry takes is dropped where
//! some entry asks for packets of its kind (Catalyst 6500 Software Configuration Guide, VLAN ACLs).

use std::collections::BTreeMap;

use sim_core::engine::device::ConfigLine;
use sim_core::wire::packet::{Flags, Flow};

use crate::audit::{Because, Effect, Verdict};
use crate::config::access_list::AccessList;
use crate::config::{ConfigText, Diagnostics, Line};

use super::audit::{PORTS, general};

type Lists = BTreeMap<String, AccessList>;

/// Connections that are tried.
const FLOWS_MAX: usize = 256;

/// What becomes of a packet that no entry takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Dropped where some entry asks for packets of its kind.
    Drops,
    /// Not documented.
    Open,
}

/// `vlan access-map NAME SEQUENCE`.
struct Entry {
    sequence: u32,
    /// Access lists of IPv4 that it asks.
    lists: Vec<String>,
    /// It asks for packets of other kinds.
    asks_others: bool,
    action: Option<Action>,
    /// The line of its action, else its first.
    place: ConfigLine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Forward,
    Drop,
    /// Another way, or one that is not understood.
    Other,
}

/// What becomes of a packet, or of a connection.
enum Fate {
    Forwarded,
    Dropped(Because),
    Open(Because),
}

/// True for a line that puts a map on VLANs.
pub(super) fn filters(line: &Line<'_>) -> bool {
    matches!(line.words.as_slice(), ["vlan", "filter", _, "vlan-list", ..])
}

/// What the maps of VLANs drop, forward, or leave open; those without a definition are warned of.
pub(super) fn verdicts(
    text: ConfigText<'_>,
    lists: &Lists,
    rest: Rest,
    found: &mut Diagnostics,
) -> Vec<Verdict> {
    let all = text.lines();
    let mut verdicts = Vec::new();
    for line in all.iter() {
        let ["vlan", "filter", name, "vlan-list", vlans @ ..] = line.words.as_slice() else {
            continue;
        };
        let direction = format!("within, into and out of VLANs {}", vlans.join(" "));
        let place = text.place(line);
        let mut tell = |traffic: String, effect, because| {
            let direction = direction.clone();
            verdicts.push(Verdict { traffic, direction, effect, because: vec![because] });
        };
        let map = Map { place: &place, entries: entries(name, text), lists, rest };
        if map.entries.is_empty() {
            let why = format!("vlan access-map {name} is not defined in the text");
            found.warn(line, name, why.clone());
            tell("all TCP".into(), Effect::Unknown, Because::line(&place, why));
            continue;
        }
        let (mut forwards, mut dropped, mut open) = (false, None, None);
        for flow in map.flows() {
            match map.connection(flow) {
                Fate::Forwarded => forwards = true,
                Fate::Dropped(because) => _ = dropped.get_or_insert(because),
                Fate::Open(because) => _ = open.get_or_insert(because),
            }
        }
        let is_limited = dropped.is_some() || open.is_some();
        if let Some(because) = open {
            let traffic = format!("TCP that vlan access-map {name} may drop");
            tell(traffic, Effect::Unknown, because);
        }
        if let Some(because) = dropped {
            tell(format!("TCP that vlan access-map {name} drops"), Effect::Drop, because);
        }
        if forwards && is_limited {
            let why = format!("what vlan access-map {name} forwards keeps its options");
            let traffic = "TCP that is permitted".to_owned();
            tell(traffic, Effect::Pass, Because::line(&place, why));
        }
    }
    verdicts
}

/// The entries of a map, in their order.
fn entries(map: &str, text: ConfigText<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut open: Option<usize> = None;
    for line in text.lines().iter() {
        match line.words.as_slice() {
            ["vlan", "access-map", name, rest @ ..] => {
                let next = entries.iter().map(|e| e.sequence).max().unwrap_or(0).saturating_add(10);
                let sequence = rest.first().and_then(|word| word.parse().ok()).unwrap_or(next);
                open = (name == &map).then(|| {
                    entries.iter().position(|e| e.sequence == sequence).unwrap_or_else(|| {
                        entries.push(Entry {
                            sequence,
                            lists: Vec::new(),
                            asks_others: false,
                            action: None,
                            place: text.place(line),
                        });
                        entries.len() - 1
                    })
                });
            }
            words => {
                let Some(entry) = open.and_then(|at| entries.get_mut(at)) else { continue };
                match words {
                    ["match", "ip", "address", lists @ ..] => {
                        entry.lists.extend(lists.iter().map(|name| (*name).to_owned()));
                    }
                    ["match", ..] => entry.asks_others = true,
                    ["action", action, ..] => {
                        entry.place = text.place(line);
                        entry.action = Some(match *action {
                            "forward" => Action::Forward,
                            "drop" => Action::Drop,
                            _ => Action::Other,
                        });
                    }
                    _ if line.indent > 0 || words == ["statistics", "per-entry"] => {}
                    _ => open = None,
                }
            }
        }
    }
    entries.sort_by_key(|entry| entry.sequence);
    entries
}

struct Map<'c> {
    /// The line that puts it on VLANs.
    place: &'c ConfigLine,
    entries: Vec<Entry>,
    lists: &'c Lists,
    rest: Rest,
}

impl Map<'_> {
    /// Connections that the lists speak of, and others.
    fn flows(&self) -> Vec<Flow> {
        let lists = self.entries.iter().flat_map(|entry| &entry.lists);
        let lists: Vec<&AccessList> = lists.filter_map(|name| self.lists.get(name)).collect();
        let samples = lists.into_iter().flat_map(|list| {
            let all = [list.open_samples(), list.samples(), list.refused_samples()];
            all.into_iter().flatten()
        });
        let of_v4 = samples.filter(|flow| flow.src.is_ipv4()).take(FLOWS_MAX);
        PORTS.into_iter().map(general).chain(of_v4).collect()
    }

    /// What becomes of a connection: each way, every packet meets the map.
    fn connection(&self, flow: Flow) -> Fate {
        let back = Flow { src: flow.dst, dst: flow.src };
        let packets = [(flow, Flags::SYN), (back, Flags::SYN.with(Flags::ACK)), (flow, Flags::ACK)];
        for (flow, flags) in packets {
            match self.packet(flow, flags) {
                Fate::Forwarded => {}
                fate => return fate,
            }
        }
        Fate::Forwarded
    }

    fn packet(&self, flow: Flow, flags: Flags) -> Fate {
        for entry in &self.entries {
            let asks = !entry.lists.is_empty();
            if !asks && entry.asks_others {
                continue;
            }
            let mut takes = !asks;
            for name in &entry.lists {
                let Some(list) = self.lists.get(name) else {
                    let why = format!("access list {name} is not defined in the text");
                    return Fate::Open(Because::line(&entry.place, why));
                };
                if let Some(entry) = list.doubt(["", ""], flow, flags) {
                    return Fate::Open(Because::line(&entry.place, entry.why_open()));
                }
                takes |= list.matching(flow, flags).is_some_and(|entry| entry.permit);
            }
            let because = |rule: &str| Because::line(&entry.place, rule);
            match (takes, entry.action) {
                (false, _) => {}
                (true, Some(Action::Forward)) => return Fate::Forwarded,
                (true, Some(Action::Drop)) => return Fate::Dropped(because("the entry drops it")),
                (true, Some(Action::Other)) => {
                    return Fate::Open(because("what this action does to it is not known"));
                }
                (true, None) if self.rest == Rest::Drops => return Fate::Forwarded,
                (true, None) => return Fate::Open(because("the entry has no action")),
            }
        }
        let asks = self.entries.iter().any(|entry| !entry.lists.is_empty());
        match self.rest {
            Rest::Drops if asks => {
                let why = "no entry of its vlan access-map takes it: it is dropped";
                Fate::Dropped(Because::line(self.place, why))
            }
            Rest::Drops => Fate::Forwarded,
            Rest::Open => {
                let why = "no entry of its vlan access-map takes it: what becomes of it is not documented";
                Fate::Open(Because::line(self.place, why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Effect, line and traffic of each row, and how many warnings.
    fn told(platform: &str, text: &str) -> (Vec<String>, usize) {
        let platform = crate::audit::platforms().iter().find(|p| p.name == platform).unwrap();
        let audit = (platform.audit)(ConfigText::new("s", text));
        let rows = audit.verdicts.iter().filter(|v| v.direction.contains("VLANs"));
        let rows =
            rows.map(|v| format!("{} {} {}", v.effect, v.because[0].line.unwrap_or(0), v.traffic));
        (rows.collect(), audit.warnings.len())
    }

    const MAP: &str = "vlan access-map M 10\n match ip address A\n action drop\nvlan access-map M 20\n action forward\nvlan filter M vlan-list 10-12,20\n";

    #[test]
    fn what_vlan_maps_drop() {
        let list = "ip access-list extended A\n permit tcp any any eq telnet\n";
        let rows = ["drop 3 TCP that vlan access-map M drops", "pass 6 TCP that is permitted"];
        let text = format!("{MAP}{list}");
        assert_eq!(told("ios", &text), (rows.map(Into::into).to_vec(), 0));
        let nexus = text.replace(" extended", "");
        assert_eq!(told("nx-os", &nexus).0, rows);
        // The other way: what no entry takes.
        let only = MAP.replace("vlan access-map M 20\n action forward\n", "");
        let only = only.replace("action drop", "action forward") + list;
        let rows = ["drop 4 TCP that vlan access-map M drops"];
        assert_eq!(told("ios", &only).0, rows, "the answers come from the port");
        let both = format!("{only} permit tcp any eq telnet any\n");
        let rows = ["drop 4 TCP that vlan access-map M drops", "pass 4 TCP that is permitted"];
        assert_eq!(told("ios", &both).0, rows);
        let open = both.replace(" extended", "");
        assert!(told("nx-os", &open).0[0].starts_with("unknown 4"), "{:?}", told("nx-os", &open));
        // Nothing of TCP.
        let other = text.replace("permit tcp any any eq telnet", "permit udp any any");
        assert_eq!(told("ios", &other), (Vec::new(), 0));
    }

    #[test]
    fn what_is_not_known_of_vlan_maps() {
        assert!(told("ios", MAP).0[0].starts_with("unknown 3 TCP that vlan access-map M may drop"));
        let filter = "vlan filter M vlan-list 10\n";
        assert_eq!(told("ios", filter), (vec!["unknown 1 all TCP".to_owned()], 1));
        let forwards = format!("vlan access-map M 10\n action forward\n{filter}");
        assert_eq!(told("ios", &forwards), (Vec::new(), 0));
    }
}
