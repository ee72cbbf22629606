//! What else in an ASA's configuration touches MPTCP, beside the normaliser: limits and TCP Intercept,
//! inspections, address translation.

use std::net::{Ipv4Addr, SocketAddr};

use sim_core::engine::device::ConfigLine;
use sim_core::wire::packet::Flow;

use crate::audit::{Effect, Verdict};
use crate::config::{ConfigText, Diagnostics, Line};

use super::access::permitted;
use super::audit::advice;
use super::config::{Advanced, AsaConfig, Inspect, Interface, PolicyClass};
use super::lists::AccessGroup;
use super::nat::Nat;
use super::tunnels::Tunnels;

/// Says what else touches MPTCP, each at its line. `unmatched`: classes for which no
/// connection was found; `snort` is true for an FTD.
pub(super) fn warn(
    config: &AsaConfig,
    verdicts: &[Verdict],
    unmatched: &[ConfigLine],
    tunnels: &Tunnels,
    snort: bool,
    text: ConfigText<'_>,
    found: &mut Diagnostics,
) {
    let passes = verdicts.iter().any(|v| v.effect == Effect::Pass);
    // What passes because the state is bypassed is not inspected (ASA CLI configuration guide, TCP State Bypass).
    let is_bypass = |line: u32| {
        let mut classes = config.policy_maps.iter().flat_map(|map| &map.classes);
        classes.any(|class| {
            matches!(&class.connection.advanced, Some((Advanced::StateBypass, place)) if place.line == line)
        })
    };
    let reaches_inspection = verdicts.iter().any(|v| {
        v.effect == Effect::Pass && !v.because.iter().filter_map(|b| b.line).any(is_bypass)
    });
    let mut notes: Vec<(&ConfigLine, String)> = Vec::new();
    let activated = config
        .policy_maps
        .iter()
        .filter(|map| config.services.iter().any(|s| s.policy == map.name));
    for class in activated.flat_map(|map| &map.classes) {
        if class.name != "class-default" && config.class_map(&class.name).is_none() {
            continue;
        }
        if !unmatched.contains(&class.place) {
            limits(class, &mut notes);
        }
        for Inspect { protocol, place, map, .. } in &class.inspections {
            let map = map.as_deref().unwrap_or_default();
            let reads = match protocol.as_str() {
                "dns" => config.layer7.dns_maps.get(map).is_some_and(|map| map.over_tcp),
                _ => over_tcp(protocol),
            };
            if reaches_inspection && reads {
                let message = format!(
                    "inspect {protocol} sees only a part of the stream when MPTCP splits it: {}",
                    advice()
                );
                notes.push((place, message));
            }
        }
    }
    if passes
        && snort
        && let Some(service) = config.services.first()
    {
        let message = format!(
            "LINA lets option 30 pass; whether Snort normalises it away (inline normalization) this text \
             does not say, and Snort reads each subflow by itself: {}",
            advice()
        );
        notes.push((&service.place, message));
    }
    if passes && let Some(place) = &config.translation {
        let message = "addresses are translated: an ADD_ADDR option still carries the address \
                       behind the translation, and a join to it fails";
        notes.push((place, message.to_owned()));
    }
    for place in unmatched {
        let message = "no TCP connection is found that this class matches before any other";
        notes.push((place, message.to_owned()));
    }
    for (limit, place) in &config.translation_limits {
        if passes {
            notes.push((place, intercepts(*limit, "of this translation")));
        }
    }
    notes.extend(reverse_paths(config));
    let all = text.lines();
    black_holes(&all, found);
    beside_lists(tunnels, &all, found);
    if passes {
        others(&all, found);
    }
    for (place, message) in notes {
        if let Ok(at) = all.binary_search_by_key(&place.line, |l| l.number) {
            found.warn(&all[at], "", message);
        }
    }
}

/// Says where policy routing drops.
fn black_holes(all: &[Line<'_>], found: &mut Diagnostics) {
    let is_null = |word: &str| word.to_ascii_lowercase().starts_with("null");
    let sends = |line: &&Line<'_>| matches!(line.words.as_slice(), ["set", "interface", name, ..] if is_null(name));
    let routes =
        |line: &Line<'_>| matches!(line.words.as_slice(), ["policy-route", "route-map", ..]);
    if let Some(line) = all.iter().find(sends).filter(|_| all.iter().any(routes)) {
        let message = "policy routing is not modelled: what comes in where this route-map is put, and its entry matches, \
                       is dropped";
        found.warn(line, "", message);
    }
}

/// Most rules of translation that are held against the lists on their other side, and each other.
const TRANSLATIONS_MAX: usize = 256;

/// Rules of translation behind which lists permit connections from the other side: those meet the rule on their way back and
/// are dropped (`Asymmetric NAT rules matched for forward and reverse flows`, syslog 305013).
fn reverse_paths(config: &AsaConfig) -> Vec<(&ConfigLine, String)> {
    let mut notes = Vec::new();
    for nat in config.nats.iter().take(TRANSLATIONS_MAX) {
        let Some(([real, mapped], within)) = nat.shared() else { continue };
        let is_inbound = |g: &&AccessGroup| g.inbound && g.interface.as_deref() == Some(mapped);
        let group = config.access_groups.iter().find(is_inbound);
        // Without a list the levels tell.
        let levels = [mapped, real].map(|name| config.interface(name).map(Interface::level));
        let by_level = match levels {
            [Some(from), Some(to)] => from > to || from == to && config.same_security_permitted,
            _ => false,
        };
        if group.is_none() && !by_level {
            continue;
        }
        let from = SocketAddr::new(Ipv4Addr::new(198, 51, 100, 71).into(), 40_471);
        let general = Flow { src: from, dst: SocketAddr::new(within, 5001) };
        let list = group.and_then(|group| config.list_of(group));
        let named = list.map_or_else(Vec::new, |list| list.samples());
        let is_translated = |flow: &Flow| {
            let called = flow.dst.ip();
            let by_itself = |other: &Nat| other.shared().is_none() && other.names(called);
            nat.names(called) && !config.nats.iter().any(by_itself)
        };
        let mut flows = std::iter::once(general).chain(named).filter(is_translated);
        let permits = |flow: Flow| {
            group.is_none_or(|group| permitted(config, group, [mapped, real], flow).is_ok())
        };
        if flows.any(permits) {
            let though = group.map_or_else(
                || "security levels permit it".to_owned(),
                |group| format!("access list {} permits some", group.list),
            );
            let message = format!(
                "what is opened at {mapped} towards an address behind {real} that this translates is dropped, though {though} \
                 (asymmetric NAT rules)"
            );
            notes.push((&nat.place, message));
        }
    }
    notes
}

/// Says what drops connections that access lists permit, and what they do not ask: translation that is asked for
/// (`nat-control`), and tunnels that end here, whose packets no list sees by default (`sysopt connection permit-vpn`).
fn beside_lists(tunnels: &Tunnels, all: &[Line<'_>], found: &mut Diagnostics) {
    let find =
        |is_such: &dyn Fn(&[&str]) -> bool| all.iter().find(|line| is_such(line.words.as_slice()));
    if let Some(line) = find(&|words| words == ["nat-control"]) {
        let message = "what goes from a higher security level to a lower one and no nat, static or exemption names is \
                       dropped (nat-control): which connections that are is not said";
        found.warn(line, "", message);
    }
    for line in all {
        let message = match line.words.as_slice() {
            ["access-group", list, "in", "interface", name]
                if tunnels.interfaces().any(|end| end == *name) =>
            {
                format!(
                    "tunnels end at {name}: what comes out of one is not asked by access list {list} (`sysopt connection \
                     permit-vpn`, by default)"
                )
            }
            ["access-group", list, "out", "interface", name]
                if tunnels.interfaces().any(|end| end != *name) =>
            {
                format!(
                    "connections that come out of tunnels are not asked by access list {list} (`sysopt connection \
                     permit-vpn`, by default)"
                )
            }
            _ => continue,
        };
        found.warn(line, "", message);
    }
}

/// Says where connections are handed to a module or to a proxy, at the first line of each.
fn others(all: &[Line<'_>], found: &mut Diagnostics) {
    let module = "connections of this class go through a module that inspects each subflow by itself; whether it lets \
                  option 30 pass this text does not say";
    let proxy = "until its user has logged in, a connection that this names may be answered by the ASA itself, without \
                 option 30 (cut-through proxy)";
    let filter =
        "what this filters is read above TCP, where each subflow carries only a part of the data";
    let said = |line: &Line<'_>| match line.words.as_slice() {
        ["sfr" | "cxsc" | "csc", "fail-open" | "fail-close", rest @ ..]
            if line.indent > 0 && !rest.contains(&"monitor-only") =>
        {
            Some(module)
        }
        ["ips", "inline", ..] if line.indent > 0 => Some(module),
        ["aaa", "authentication", "match" | "include", ..] => Some(proxy),
        ["filter", "url" | "ftp" | "https" | "java" | "activex", ..] => Some(filter),
        _ => None,
    };
    let mut told: Vec<&str> = Vec::new();
    for line in all {
        if let Some(message) = said(line).filter(|message| !told.contains(message)) {
            told.push(message);
            found.warn(line, "", message);
        }
    }
}

fn limits<'c>(class: &'c PolicyClass, notes: &mut Vec<(&'c ConfigLine, String)>) {
    let set = &class.connection;
    let of = |limit: &'c Option<(u32, ConfigLine)>| {
        limit.as_ref().filter(|(maximum, _)| *maximum > 0).map(|(maximum, place)| (*maximum, place))
    };
    for (limit, whose) in
        [(&set.embryonic_maximum, "of the class"), (&set.client_embryonic_maximum, "of one client")]
    {
        if let Some((maximum, place)) = of(limit) {
            notes.push((place, intercepts(maximum, whose)));
        }
    }
    for (limit, whose) in [(&set.maximum, "of the class"), (&set.client_maximum, "of one client")] {
        if let Some((maximum, place)) = of(limit) {
            let message = format!(
                "at most {maximum} connections {whose}: each subflow counts as a connection, and those \
                 above are dropped"
            );
            notes.push((place, message));
        }
    }
}

fn intercepts(limit: u32, whose: &str) -> String {
    format!(
        "above {limit} half-open connections {whose} (each subflow is one) the ASA answers SYNs itself, \
         without option 30: those connections are plain TCP (TCP Intercept)"
    )
}

/// True for inspections that read TCP streams.
fn over_tcp(protocol: &str) -> bool {
    !matches!(
        protocol,
        "icmp"
            | "ip-options"
            | "ipsec-pass-thru"
            | "netbios"
            | "snmp"
            | "tftp"
            | "xdmcp"
            | "gtp"
            | "ipv6"
            | "scansafe"
            | "radius-accounting"
            | "mgcp"
            | "waas"
            | "dcerpc"
            | "error"
            | "diameter"
            | "lisp"
            | "m3ua"
            | "stun"
            | "vxlan"
    )
}

#[cfg(test)]
mod tests {
    use crate::asa::PLATFORM;
    use crate::config::ConfigText;

    #[test]
    fn modules_and_proxies() {
        let text = "tcp-map m\n tcp-options range 30 30 allow\nclass-map c\n match any\npolicy-map p\n class c\n  set connection advanced-options m\n  sfr fail-open\nservice-policy p global\naaa authentication match A inside LOCAL\nfilter url http 0 0 0 0\n";
        let warned = |text: &str| -> Vec<u32> {
            let warnings = (PLATFORM.audit)(ConfigText::new("fw", text)).warnings;
            warnings.iter().map(|w| w.line).collect()
        };
        assert_eq!(warned(text), [8, 10, 11]);
        assert_eq!(warned(&text.replace("fail-open", "fail-open monitor-only")), [10, 11]);
        assert_eq!(warned(&text.replace("30 allow", "30 clear")), [0; 0], "nothing passes");
    }

    #[test]
    fn policy_routing_to_nowhere() {
        let text = "ASA Version 9.14(1)\ninterface G0\n policy-route route-map R\nroute-map R permit 10\n set interface Null0\n";
        let warnings = (PLATFORM.audit)(ConfigText::new("fw", text)).warnings;
        assert_eq!(warnings.iter().map(|w| w.line).collect::<Vec<_>>(), [5]);
    }

    /// What lists permit and translation drops, and what tunnels bring past them.
    #[test]
    fn beside_access_lists() {
        let lines = |text: &str| -> Vec<u32> {
            let warnings = (PLATFORM.audit)(ConfigText::new("fw", text)).warnings;
            warnings.iter().map(|w| w.line).collect()
        };
        let base = "ASA Version 9.14(1)\ninterface G0\n nameif outside\n security-level 0\ninterface G1\n nameif inside\n security-level 100\nobject network LAN\n subnet 10.10.20.0 255.255.255.0\n nat (inside,outside) dynamic interface\naccess-list O extended permit tcp any any eq 5001\naccess-group O in interface outside\n";
        assert_eq!(lines(base), [10]);
        // A server with a rule of its own is called by its real address in lists.
        let server = base.replace("tcp any any", "tcp any host 10.10.20.9").replace("access-list O", "object network S\n host 10.10.20.9\n nat (inside,outside) static 192.0.2.9\naccess-list O");
        assert_eq!(lines(&server), [0; 0]);
        // Without a list the levels tell what is let in.
        let levels = base.replace("access-group O in interface outside\n", "");
        assert_eq!(lines(&levels), [0; 0]);
        assert_eq!(lines(&levels.replace("security-level 0", "security-level 100")), [0; 0]);
        let turned = levels.replace("level 100", "level 1").replace("level 0", "level 100");
        assert_eq!(lines(&turned), [10]);
        let equal = levels.replace("level 0", "level 100")
            + "same-security-traffic permit inter-interface\n";
        assert_eq!(lines(&equal), [10]);
        let old = "PIX Version 7.2(1)\nnat-control\nglobal (outside) 1 interface\n";
        assert!(lines(old).contains(&2));
        assert!(!lines(&old.replace("nat-control", "no nat-control")).contains(&2));
        let tunnel = "access-list O extended deny ip any any\naccess-group O in interface outside\ncrypto map M interface outside\n";
        let webvpn = tunnel.replace("crypto map M interface", "webvpn\n enable");
        // Each such text has no `nameif`, which is said of line 2, too.
        let count = |text: &str| lines(text).iter().filter(|line| **line == 2).count();
        assert_eq!([count(tunnel), count(&webvpn)], [2, 2]);
        let elsewhere = tunnel.replace("map M interface outside", "map M interface dmz");
        assert_eq!(count(&elsewhere), 1);
        assert_eq!(count(&format!("{tunnel}no sysopt connection permit-vpn\n")), 1);
    }

    /// What a class would do that matches nothing is not said.
    #[test]
    fn limits_of_a_class_that_matches_nothing() {
        let text = "access-list a extended permit tcp any any eq 80\nclass-map c\n match access-list a\npolicy-map p\n class c\n  set connection conn-max 100\nservice-policy p global\n";
        let audit = |text: &str| (PLATFORM.audit)(ConfigText::new("fw", text));
        let lines =
            |text: &str| -> Vec<u32> { audit(text).warnings.iter().map(|w| w.line).collect() };
        assert_eq!(lines(text), [6]);
        let missing = text.replace("match access-list a", "match access-list b");
        assert_eq!(lines(&missing), [3, 5]);
        assert_eq!(audit(&missing).verdicts[0].traffic, "all TCP");
    }

    /// Connections that bypass the state are not inspected: nothing is said of inspections because of them.
    #[test]
    fn what_bypasses_the_state_is_not_inspected() {
        let warned = |advanced: &str| {
            let text = format!(
                "access-list far extended permit tcp any 10.9.0.0 255.255.0.0\ntcp-map m\n tcp-options range 30 30 allow\nclass-map far\n match access-list far\nclass-map inspection_default\n match default-inspection-traffic\npolicy-map p\n class far\n  set connection advanced-options {advanced}\n class inspection_default\n  inspect ftp\nservice-policy p global\n"
            );
            let audit = (PLATFORM.audit)(ConfigText::new("fw", &text));
            assert!(audit.verdicts.iter().any(|v| v.effect.word() == "pass"));
            audit.warnings.iter().any(|w| w.message.starts_with("inspect ftp"))
        };
        assert!(warned("m"));
        assert!(!warned("tcp-state-bypass"));
    }
}
