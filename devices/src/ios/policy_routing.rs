//! Policy routing (`ip policy route-map`), as far as it drops: `set interface Null0`. Where else a route-map sends a
//! packet does nothing to its TCP options.

use std::net::SocketAddr;

use sim_core::wire::packet::{Flags, Flow, Packet};

use crate::audit::Because;
use crate::config::route_map::{self, Fate, RouteMapEntry};

use super::filters::{Crossing, Family};
use super::{Interface, IosConfig, Named, Refused, refuse, rule};

const SOURCE: &str =
    "Cisco IOS IP Routing: Protocol-Independent Configuration Guide, Policy-Based Routing";

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
        let entries = self.routing(family, interface).map_or(&[][..], |(_, entries)| entries);
        route_map::fates(entries, &self.access_lists, flow, flags)
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
