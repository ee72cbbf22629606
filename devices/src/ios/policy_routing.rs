//! Policy routing (`ip policy route-map`), as far as it drops: `set interface Null0`. Where else a route-map sends a
//! packet does nothing to its TCP options.
//!
//! The first entry whose `match` holds decides; one that denies leaves the packet to the routing table. A next hop that
//! can be reached goes before an interface, and a default interface counts only where no route is known (Cisco IOS IP
//! Routing: Protocol-Independent Configuration Guide, Policy-Based Routing).

use std::net::SocketAddr;

use sim_core::engine::device::ConfigLine;
use sim_core::wire::packet::{Flags, Flow, Packet};

use crate::audit::Because;
use crate::config::access_list::AccessList;
use crate::config::{ConfigText, Line};

use super::filters::{Crossing, Family};
use super::{Interface, IosConfig, Named, Refused, RouteMapEntry, refuse, rule};

const SOURCE: &str =
    "Cisco IOS IP Routing: Protocol-Independent Configuration Guide, Policy-Based Routing";

/// What the packets of an entry meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate<'c> {
    Routed,
    Null(&'c ConfigLine),
    /// It depends on more than the text says.
    Open(&'c ConfigLine, &'static str),
}

impl RouteMapEntry {
    /// Takes a `match` or `set` line, as far as it matters to what is dropped.
    pub(super) fn read(&mut self, line: &Line<'_>, text: ConfigText<'_>) {
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

    fn fate(&self) -> Fate<'_> {
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

impl IosConfig {
    /// The entries of the route-map that routes what an interface takes in of one version of IP.
    fn routing<'c>(
        &'c self,
        family: Family,
        interface: &'c Interface,
    ) -> Option<(&'c Named, &'c [RouteMapEntry])> {
        let named = interface.policy[family as usize].as_ref()?;
        let entries = self.route_maps.get(&named.name)?;
        Some((named, entries.as_slice()))
    }

    /// The route-map of an interface, when it may drop something.
    pub(super) fn dropping<'c>(
        &'c self,
        family: Family,
        interface: &'c Interface,
    ) -> Option<&'c Named> {
        let (named, entries) = self.routing(family, interface)?;
        entries.iter().any(|entry| entry.fate() != Fate::Routed).then_some(named)
    }

    /// The fate of a packet, the entry before it that may hold as well; `None`: no entry holds.
    fn fates<'c>(
        &'c self,
        family: Family,
        interface: &'c Interface,
        flow: Flow,
        flags: Flags,
    ) -> (Vec<Fate<'c>>, Fate<'c>) {
        let mut perhaps = Vec::new();
        let entries = self.routing(family, interface).map_or(&[][..], |(_, entries)| entries);
        for entry in entries {
            let lists = entry.lists.iter().map(|name| self.access_lists.get(name));
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

    /// Judges a packet by the route-map of the interface that it came in by. What is open is routed.
    ///
    /// # Errors
    /// The line that sends it to Null0.
    pub(super) fn route(&self, interface: &Interface, packet: &Packet) -> Result<(), Refused> {
        let family = Family::of(packet.src);
        if interface.policy[family as usize].is_none() {
            return Ok(());
        }
        match self.fates(family, interface, packet.flow(), packet.flags).1 {
            Fate::Null(place) => refuse(&rule(place.text.clone(), place, SOURCE), "policy routing"),
            Fate::Routed | Fate::Open(..) => Ok(()),
        }
    }

    /// What a route-map makes of a connection's packets: sent to Null0 for certain (`Ok`), or perhaps (`Err`), with the
    /// name of the route-map.
    pub(super) fn black_hole<'c>(
        &'c self,
        family: Family,
        [from, to]: Crossing<'c>,
        flow: Flow,
    ) -> Option<(&'c str, Result<Because, Because>)> {
        let back = Flow { src: flow.dst, dst: flow.src };
        let crossed = [
            (from, flow, Flags::SYN),
            (to, back, Flags::SYN.with(Flags::ACK)),
            (from, flow, Flags::ACK),
        ];
        crossed.into_iter().find_map(|(interface, flow, flags)| {
            let named = self.dropping(family, interface)?;
            let (perhaps, fate) = self.fates(family, interface, flow, flags);
            let told = |fate: &Fate<'_>, is_sure: bool| match fate {
                Fate::Routed => None,
                Fate::Null(place) if is_sure => Some(Ok(Because::line(place, place.text.clone()))),
                Fate::Null(place) => Some(Err(Because::line(
                    place,
                    "which packets this entry, or one before it, holds for is open",
                ))),
                Fate::Open(place, why) => Some(Err(Because::line(place, *why))),
            };
            let is_sure = perhaps.iter().all(|other| *other == fate);
            let told = perhaps
                .iter()
                .find_map(|fate| told(fate, false))
                .filter(|_| !is_sure)
                .or_else(|| told(&fate, is_sure))?;
            Some((named.name.as_str(), told))
        })
    }

    /// Connections that the route-map of an interface speaks of.
    pub(super) fn routed_samples(&self, family: Family, interface: &Interface) -> Vec<Flow> {
        if self.dropping(family, interface).is_none() {
            return Vec::new();
        }
        let entries = self.routing(family, interface).map_or(&[][..], |(_, entries)| entries);
        let lists = entries.iter().flat_map(|entry| &entry.lists);
        let lists = lists.filter_map(|name| self.access_lists.get(name));
        lists.flat_map(|list| list.open_samples().into_iter().chain(list.samples())).collect()
    }
}

/// The connection whose answers are packets of this flow.
pub(super) fn answered(flow: Flow, client_port: u16, server_port: u16) -> Flow {
    let server = if flow.src.port() == client_port { server_port } else { flow.src.port() };
    Flow {
        src: SocketAddr::new(flow.dst.ip(), client_port),
        dst: SocketAddr::new(flow.src.ip(), server),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::ConfigText;
    use crate::ios::audit::IOS;

    fn told(text: &str) -> Vec<String> {
        let audit = (IOS.audit)(ConfigText::new("r.cfg", text));
        let row = |v: &crate::audit::Verdict| {
            let line = v.because[0].line.map_or("default".to_owned(), |line| line.to_string());
            format!("{} | {} | {} | {line}", v.effect, v.traffic, v.direction)
        };
        audit.verdicts.iter().map(row).collect()
    }

    const MAP: &str = "interface a\n ip policy route-map HOLE\nroute-map HOLE permit 10\n match ip address 150\n set interface Null0\naccess-list 150 permit tcp any host 203.0.113.9 eq 25\n";

    #[test]
    fn what_is_sent_to_null0_is_dropped() {
        let rows = told(MAP);
        let hole =
            "drop | TCP that route-map HOLE sends to Null0 | interface a, opened from its side | 5";
        assert!(rows.iter().any(|row| row == hole), "{rows:#?}");
        let passes = "pass | TCP that is permitted | interface a, opened from its side | 2";
        assert!(rows.iter().any(|row| row == passes), "{rows:#?}");
        let all = MAP.replace(" match ip address 150\n", "");
        let rows = told(&all);
        assert!(
            rows.iter().any(|row| row.starts_with(
                "drop | TCP that route-map HOLE sends to Null0 | interface a, opened towards it"
            )),
            "{rows:#?}"
        );
        assert!(
            !rows.iter().any(|row| row.starts_with("pass") && row.contains("interface a,")),
            "{rows:#?}"
        );
        // An entry before it that denies leaves its packets to the routing table.
        let spared = MAP
            .replace("route-map HOLE permit 10", "route-map HOLE deny 5\nroute-map HOLE permit 10");
        assert!(!told(&spared).iter().any(|row| row.starts_with("drop")));
    }

    #[test]
    fn what_may_be_sent_to_null0_is_unknown() {
        let unknown = "unknown | TCP that route-map HOLE may send to Null0 | interface a, opened from its side";
        for text in [
            MAP.replace(" set interface", " set ip next-hop 10.0.0.1\n set interface"),
            MAP.replace(" set interface", " set default interface"),
            MAP.replace(" set interface", " match length 3 200\n set interface"),
            MAP.replace("match ip address 150", "match ip address UNDEFINED"),
        ] {
            let rows = told(&text);
            assert!(rows.iter().any(|row| row.starts_with(unknown)), "{text}{rows:#?}");
            assert!(!rows.iter().any(|row| row.starts_with("drop")), "{text}{rows:#?}");
        }
    }

    #[test]
    fn beside_zones() {
        let zones = "zone security in\nzone security out\nzone-pair security Z source in destination out\ninterface a\n zone-member security in\n";
        let rows = told(&format!("{zones}{MAP}"));
        let hole = "drop | TCP that route-map HOLE sends to Null0 | interface a, opened from its side | 10";
        assert!(rows.iter().any(|row| row == hole), "{rows:#?}");
    }
}
