//! Policy-based routing of an ASA (`policy-route route-map`, from 9.4(1) on), as far as it drops. Where else it sends
//! packets does nothing to their options.

use std::net::IpAddr;

use sim_core::wire::packet::{Flags, Flow};

use crate::audit::{Because, Effect, Verdict};
use crate::config::ConfigText;
use crate::config::route_map::{Fate, RouteMapEntry, fates};

use super::audit::general;
use super::config::AsaConfig;

/// What the route-maps of interfaces drop, or may drop, of the connections that come in.
pub(super) fn refused(config: &AsaConfig, text: ConfigText<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for interface in &config.interfaces {
        let Some((map, (name, _))) = interface.policy_route.as_ref().zip(interface.name.as_ref())
        else {
            continue;
        };
        let entries = entries(map, text);
        let (mut dropped, mut open) = (None, None);
        for flow in flows(&entries, config) {
            let (perhaps, fate) = fates(&entries, &config.access_lists, flow, Flags::SYN);
            for (fate, is_sure) in
                perhaps.iter().map(|fate| (fate, false)).chain([(&fate, perhaps.is_empty())])
            {
                match fate {
                    Fate::Routed => {}
                    Fate::Null(place) if is_sure => {
                        dropped
                            .get_or_insert(Because::line(place, "what the entry names is dropped"));
                    }
                    Fate::Null(place) => {
                        let why = "which packets this entry, or one before it, holds for is open";
                        open.get_or_insert(Because::line(place, why));
                    }
                    Fate::Open(place, why) => _ = open.get_or_insert(Because::line(place, *why)),
                }
            }
        }
        let mut tell = |effect, does: &str, because: Option<Because>| {
            verdicts.extend(because.map(|because| Verdict {
                traffic: format!("TCP that route-map {map} {does} to Null0"),
                direction: format!("interface {name}, opened from its side"),
                effect,
                because: vec![because],
            }));
        };
        tell(Effect::Drop, "sends", dropped);
        tell(Effect::Unknown, "may send", open);
    }
    verdicts
}

/// The entries of a route-map, in their order.
fn entries(map: &str, text: ConfigText<'_>) -> Vec<RouteMapEntry> {
    let mut entries: Vec<RouteMapEntry> = Vec::new();
    let mut is_open = false;
    for line in text.lines().iter() {
        match line.words.as_slice() {
            ["route-map", name, rest @ ..] => {
                is_open = *name == map;
                if is_open {
                    let permit = rest.first() != Some(&"deny");
                    entries.push(RouteMapEntry { permit, ..RouteMapEntry::default() });
                }
            }
            ["match" | "set" | "description", ..] => {
                if let Some(entry) = entries.last_mut().filter(|_| is_open) {
                    entry.read(line, text);
                }
            }
            _ => is_open &= line.indent > 0,
        }
    }
    entries
}

/// Connections that the lists of a route-map speak of, and others.
fn flows(entries: &[RouteMapEntry], config: &AsaConfig) -> Vec<Flow> {
    let lists = entries.iter().flat_map(|entry| &entry.lists);
    let lists = lists.filter_map(|name| config.access_lists.get(name));
    let named = lists.flat_map(|list| list.open_samples().into_iter().chain(list.samples()));
    // Its lists are of IPv4.
    let is_v4 = |flow: &Flow| matches!(flow.src.ip(), IpAddr::V4(_));
    general().into_iter().chain(named).filter(is_v4).collect()
}

#[cfg(test)]
mod tests {
    use crate::asa::PLATFORM;
    use crate::audit::Effect;
    use crate::config::ConfigText;

    const TEXT: &str = "interface G0\n nameif inside\n policy-route route-map R\nroute-map R permit 10\n match ip address A\n set interface Null0\naccess-list A extended permit tcp any any eq 25\n";

    fn told(text: &str) -> Vec<(Effect, Option<u32>)> {
        let audit = (PLATFORM.audit)(ConfigText::new("fw", text));
        let of_map = |v: &&crate::audit::Verdict| v.traffic.contains("Null0");
        let rows = audit.verdicts.iter().filter(of_map);
        rows.map(|v| (v.effect, v.because[0].line)).collect()
    }

    #[test]
    fn what_goes_to_null() {
        assert_eq!(told(TEXT), [(Effect::Drop, Some(6))]);
        for (of, other) in [
            ("interface Null0", "ip next-hop 10.0.0.2"),
            ("permit 10", "deny 10"),
            (" policy-route route-map R\n", ""),
            ("permit tcp any any eq 25", "permit udp any any eq 53"),
        ] {
            assert_eq!(told(&TEXT.replace(of, other)), [], "{other}");
        }
        let before = TEXT.replace(
            "route-map R permit",
            "route-map R deny 5\n match ip address A\nroute-map R permit",
        );
        assert_eq!(told(&before), [], "an entry before it takes all of them");
    }

    #[test]
    fn what_may_go_to_null() {
        let undefined = TEXT.split_once("access-list").map_or("", |(map, _)| map);
        assert_eq!(told(undefined), [(Effect::Unknown, Some(6))]);
        let reached = TEXT.replace(" set interface", " set ip next-hop 10.0.0.2\n set interface");
        assert_eq!(told(&reached), [(Effect::Unknown, Some(7))]);
    }
}
