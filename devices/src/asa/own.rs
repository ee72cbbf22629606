//! What is for an ASA itself: its shells, its web server and its VPN portal are TCP peers of their own, which access lists of
//! interfaces do not ask (ASA CLI configuration guide, "Management access").

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use sim_core::engine::device::ConfigLine;

use crate::audit::{Because, Effect, Verdict};
use crate::config::{ConfigText, Line};

use super::config::AsaConfig;

/// Most lines of one service that are cited.
const CITED_MAX: usize = 3;

/// Services by port and name: the interfaces by which they are reached, with the lines that say so.
type Open = BTreeMap<(u16, &'static str), BTreeMap<String, Vec<ConfigLine>>>;

/// The services that a text opens, by interface.
pub(super) fn services(config: &AsaConfig, text: ConfigText<'_>) -> Vec<Verdict> {
    let lines = text.lines();
    let all = || lines.iter();
    // The web server listens where it is switched on alone.
    let web = all().find_map(|line| match line.words.as_slice() {
        ["http", "server", "enable"] => Some(443),
        ["http", "server", "enable", port] => port.parse().ok(),
        _ => None,
    });
    let (portal, enabled) = portal(config, &lines);
    let mut open = Open::new();
    for line in all() {
        let mut opens = |name: &str, port: u16, what| {
            let by = open.entry((port, what)).or_default();
            by.entry(name.to_owned()).or_default().push(text.place(line));
        };
        match line.words.as_slice() {
            ["ssh", rest @ ..] => given(config, rest).into_iter().for_each(|n| opens(n, 22, "ssh")),
            // Not by the interface of the lowest level, but out of a tunnel (command reference, telnet).
            ["telnet", rest @ ..] => given(config, rest)
                .filter(|name| !is_lowest(config, name))
                .into_iter()
                .for_each(|name| opens(name, 23, "telnet")),
            ["http", rest @ ..] => web
                .zip(given(config, rest))
                .into_iter()
                .for_each(|(port, name)| opens(name, port, "http server")),
            _ => {}
        }
    }
    for (name, line) in enabled {
        let by = open.entry((portal, "webvpn")).or_default();
        by.entry(name.to_owned()).or_default().push(text.place(line));
    }
    let verdict = |((port, what), by): ((u16, &str), BTreeMap<String, Vec<ConfigLine>>)| {
        let why = "the box itself is the TCP peer of whom this lets in";
        let cited = by.values().flat_map(|places| places.iter().take(CITED_MAX));
        let because = cited.map(|place| Because::line(place, why)).collect();
        let each = by.keys().map(|name| format!("interface {name}, opened from its side"));
        Verdict {
            traffic: format!("TCP to port {port} of the box itself ({what})"),
            direction: each.collect::<Vec<_>>().join("; "),
            effect: Effect::Terminate,
            because,
        }
    };
    open.into_iter().map(verdict).collect()
}

/// The VPN portal (`webvpn`): its port, and the interfaces where it listens, each with its line.
pub(super) fn portal<'a>(
    config: &AsaConfig,
    all: &'a [Line<'a>],
) -> (u16, Vec<(&'a str, &'a Line<'a>)>) {
    let (mut port, mut enabled, mut is_portal) = (443, Vec::new(), false);
    for line in all {
        let words = line.words.as_slice();
        // Typed scripts do not indent what stands under it.
        let is_typed = is_portal
            && match words {
                ["enable", name] => config.interface(name).is_some(),
                ["port", _] | ["anyconnect" | "svc" | "tunnel-group-list", ..] => true,
                _ => false,
            };
        if line.indent == 0 && !is_typed {
            is_portal = words == ["webvpn"];
        }
        match words {
            ["port", number] if is_portal => port = number.parse().unwrap_or(port),
            ["enable", name] if is_portal => enabled.push((*name, line)),
            _ => {}
        }
    }
    (port, enabled)
}

/// The interface behind `ADDRESS MASK` or `ADDRESS/LENGTH`.
fn given<'l>(config: &AsaConfig, rest: &[&'l str]) -> Option<&'l str> {
    let name = match rest {
        [address, mask, name] if mask.parse::<Ipv4Addr>().is_ok() && !address.starts_with('-') => {
            name
        }
        [network, name] => {
            let is_network = |(address, length): (&str, &str)| {
                address.parse::<IpAddr>().is_ok() && length.parse::<u8>().is_ok()
            };
            network.split_once('/').filter(|of| is_network(*of))?;
            name
        }
        _ => return None,
    };
    config.interface(name).map(|_| *name)
}

fn is_lowest(config: &AsaConfig, name: &str) -> bool {
    let levels = || config.interfaces.iter().filter(|i| i.name.is_some()).map(|i| i.level());
    let own = config.interface(name).map(|interface| interface.level());
    let least = levels().min();
    levels().any(|level| Some(level) > least) && own == least
}

#[cfg(test)]
mod tests {
    use crate::asa::audit::PLATFORM;
    use crate::audit::Effect;
    use crate::config::ConfigText;

    #[test]
    fn what_is_for_the_asa_itself() {
        let interfaces = "interface a\n nameif outside\n security-level 0\ninterface b\n nameif inside\n security-level 100\n";
        let told = |lines: &str| {
            let text = format!("ASA Version 9.8(2)\n{interfaces}{lines}");
            let audit = (PLATFORM.audit)(ConfigText::new("a", &text));
            let own = audit.verdicts.into_iter().filter(|v| v.effect == Effect::Terminate);
            own.map(|v| format!("{} | {}", v.traffic, v.direction)).collect::<Vec<_>>()
        };
        let shells = "ssh 0.0.0.0 0.0.0.0 outside\nssh 10.0.0.0 255.0.0.0 inside\nssh timeout 5\nssh version 2\ntelnet 0.0.0.0 0.0.0.0 outside\ntelnet 10.0.0.0 255.0.0.0 inside\n";
        assert_eq!(
            told(shells),
            [
                "TCP to port 22 of the box itself (ssh) | interface inside, opened from its side; interface outside, opened from its side",
                "TCP to port 23 of the box itself (telnet) | interface inside, opened from its side",
            ]
        );
        let web = "http 10.0.0.0 255.0.0.0 inside\n";
        assert_eq!(told(web), [""; 0]);
        let web = format!("http server enable 8443\n{web}webvpn\n port 444\n enable outside\n");
        assert_eq!(
            told(&web),
            [
                "TCP to port 444 of the box itself (webvpn) | interface outside, opened from its side",
                "TCP to port 8443 of the box itself (http server) | interface inside, opened from its side",
            ]
        );
        assert_eq!(told(&web.replace("\n ", "\n")), told(&web));
        assert_eq!(told("ssh 0.0.0.0 0.0.0.0 dmz\nssh x y\nssh\nwebvpn\n enable\n"), [""; 0]);
    }
}
