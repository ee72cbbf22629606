//! Route-maps that route packets (`policy-route`, `ip policy route-map`), as far as they drop: `set interface Null0`.
//!
//! The first entry whose `match` holds decides; one that denies leaves the packet to the routing table. A next hop that
//! can be reached goes before an interface, and a default interface counts only where no route is known (Cisco IOS IP
//! Routing: Protocol-Independent Configuration Guide, and ASA General Operations CLI Configuration Guide, both
//! Policy-Based Routing).

use std::collections::BTreeMap;

use sim_core::engine::device::ConfigLine;
use sim_core::wire::packet::{Flags, Flow};

use super::access_list::AccessList;
use super::{ConfigText, Line};

/// `route-map NAME permit 10` with its `match ip address`, and what it sends to Null0.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteMapEntry {
    pub(crate) permit: bool,
    /// Access lists of which one must permit; any packet when there is none.
    pub(crate) lists: Vec<String>,
    /// A `match` of another kind, which is not modelled.
    pub(crate) others: Option<ConfigLine>,
    /// `set interface Null0`.
    pub(crate) null: Option<ConfigLine>,
    /// `set default interface Null0`.
    pub(crate) null_by_default: Option<ConfigLine>,
    /// `set ip next-hop`.
    pub(crate) has_next_hop: bool,
}

/// What the packets of an entry meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate<'c> {
    Routed,
    Null(&'c ConfigLine),
    /// It depends on more than the text says.
    Open(&'c ConfigLine, &'static str),
}

impl RouteMapEntry {
    /// Takes a `match` or `set` line, as far as it matters to what is dropped.
    pub(crate) fn read(&mut self, line: &Line<'_>, text: ConfigText<'_>) {
        let is_null = |word: &str| word.to_ascii_lowercase().starts_with("null");
        match line.words.as_slice() {
            ["match", "ip" | "ipv6", "address", lists @ ..] => {
                let names = lists.iter().filter(|w| **w != "prefix-list");
                self.lists.extend(names.map(|w| (*w).to_owned()));
            }
            ["match", ..] => self.others = Some(text.place(line)),
            ["set", "interface", name, ..] if is_null(name) => self.null = Some(text.place(line)),
            ["set", "default", "interface", name, ..] if is_null(name) => {
                self.null_by_default = Some(text.place(line));
            }
            ["set", "ip" | "ipv6", "next-hop", ..] => self.has_next_hop = true,
            _ => {}
        }
    }

    pub(crate) fn fate(&self) -> Fate<'_> {
        match (&self.null, &self.null_by_default) {
            _ if !self.permit => Fate::Routed,
            (Some(place), _) if self.has_next_hop => {
                Fate::Open(place, "dropped where the next hop of the same entry cannot be reached")
            }
            (Some(place), _) => Fate::Null(place),
            (None, Some(place)) => {
                Fate::Open(place, "dropped where no route to its destination is known")
            }
            (None, None) => Fate::Routed,
        }
    }
}

/// The fate of a packet, and of entries before the one that decides which may hold as well.
pub(crate) fn fates<'c>(
    entries: &'c [RouteMapEntry],
    access_lists: &BTreeMap<String, AccessList>,
    flow: Flow,
    flags: Flags,
) -> (Vec<Fate<'c>>, Fate<'c>) {
    let mut perhaps = Vec::new();
    for entry in entries {
        let lists = entry.lists.iter().map(|name| access_lists.get(name));
        let listed = |list: Option<&AccessList>| match list {
            Some(list) if list.has_entries => {
                let is_open = list.doubt(["", ""], flow, flags).is_some();
                (!is_open).then(|| list.matching(flow, flags).is_some_and(|entry| entry.permit))
            }
            _ => None,
        };
        // Of several lists one must permit.
        let mut holds = Some(entry.lists.is_empty());
        for list in lists.map(listed) {
            holds = match (holds, list) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (None, _) | (_, None) => None,
                _ => Some(false),
            };
        }
        match holds {
            Some(false) => {}
            Some(true) if entry.others.is_none() => return (perhaps, entry.fate()),
            _ => perhaps.push(entry.fate()),
        }
    }
    (perhaps, Fate::Routed)
}
