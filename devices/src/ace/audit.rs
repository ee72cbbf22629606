//! What an ACE's configuration does to MPTCP: a connection to each virtual address is passed through
//! the model.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sim_core::engine::device::PortId;
use sim_core::time::{SimDuration, SimTime};

use crate::audit::platform::{Platform, version_after};
use crate::audit::probe::{Attempt, probe};
use crate::audit::{Audit, Because, Effect, Verdict};
use crate::config::{ConfigText, Diagnostics};
use crate::spec::DeviceContext;

use super::policy::{Policy, Target};
use super::{Ace, GUIDE, SEED, grammar, warn};

/// In the list of platforms.
pub(crate) const PLATFORM: Platform = Platform {
    name: "ace",
    product: "Cisco ACE",
    marks: &[
        ("rserver ", 10),
        ("serverfarm host", 20),
        ("serverfarm redirect", 20),
        ("parameter-map type connection", 20),
        ("parameter-map type http", 20),
        ("policy-map type loadbalance", 30),
        ("policy-map multi-match", 30),
        ("loadbalance vip", 20),
        ("class-map type http loadbalance", 20),
        ("ft group", 10),
        ("sticky ip-netmask", 20),
        ("sticky http-cookie", 20),
    ],
    knows: None,
    audit,
};

/// Reads a text and says what becomes of MPTCP.
fn audit(text: ConfigText<'_>) -> Audit {
    let mut found = Diagnostics::new(text.file);
    let config = grammar::read(text, &mut found);
    warn::warn(&config, text, &mut found);
    let mut verdicts = Vec::new();
    let mut calls: Vec<(String, SocketAddr)> = Vec::new();
    let off = config.interfaces.iter().find_map(|i| i.normalization_off.clone());
    let policy = Policy::new(config, true, None);
    for called in &policy.virtuals {
        let port = if *called.ports.start() == 0 { 5001 } else { *called.ports.start() };
        let traffic = called.place.as_ref().map_or_else(String::new, |p| p.text.clone());
        calls.push((traffic, SocketAddr::new(called.address, port)));
    }
    let other = if calls.is_empty() { "all TCP" } else { "all other TCP" };
    calls.push((other.to_owned(), SocketAddr::new(Ipv4Addr::new(203, 0, 113, 72).into(), 5001)));
    let context = DeviceContext { name: "audit", seed: 1, default_farm: None };
    let several: Vec<bool> = calls
        .iter()
        .map(|(_, to)| match policy.called(*to).map(|v| v.target) {
            Some(Target::Pool(pool, _)) => policy.pools[pool].servers.len() > 1,
            _ => false,
        })
        .collect();
    let mut ace = Ace::new(policy, &context);
    // Who may call is another question than what becomes of options.
    ace.admits_all = true;
    let mut at = SimTime::ZERO;
    for ((traffic, server), several) in calls.into_iter().zip(several) {
        at += SimDuration::from_secs(1);
        let client: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::new(198, 51, 100, 71).into(),
            SocketAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0x71, 0, 0, 0, 0, 1).into(),
        };
        let client = SocketAddr::new(client, 40_471);
        let probed = probe(&mut ace, Attempt { ingress: PortId(0), client, server, at });
        let mut because = probed.because;
        if let (Effect::Pass, true, Some(place)) = (probed.effect, because.is_empty(), &off) {
            let rule = "options are taken to stay where nothing is normalised: not documented";
            because.push(Because::line(place, rule));
        }
        if probed.effect == Effect::Pass && several {
            let rule = format!(
                "each subflow is balanced by itself, and one that reaches another real server fails ({SEED})"
            );
            because.push(Because::default(rule));
        }
        if because.is_empty() {
            because.push(Because::default(format!("TCP normalization ({GUIDE})")));
        }
        let direction = "from clients, both directions".to_owned();
        verdicts.push(Verdict { traffic, direction, effect: probed.effect, because });
    }
    let version = version_after(text.text, &["version ", "system: Version "]);
    Audit { version, verdicts, warnings: found.into_all() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "parameter-map type connection M\n  tcp-options range 30 30 allow\nrserver host A\n  ip address 10.20.0.11\n  inservice\nrserver host B\n  ip address 10.20.0.12\n  inservice\nserverfarm host F\n  rserver A\n    inservice\n  rserver B\n    inservice\nclass-map match-all VIP\n  2 match virtual-address 192.0.2.10 tcp eq 80\npolicy-map type loadbalance first-match LB\n  class class-default\n    serverfarm F\npolicy-map multi-match P\n  class VIP\n    loadbalance vip inservice\n    loadbalance policy LB\n    connection advanced-options M\ninterface vlan 1\n  service-policy input P\n";

    #[test]
    fn verdicts() {
        let check = |text: &str, expected: &[Effect]| {
            let audit = audit(ConfigText::new("a.cfg", text));
            let found: Vec<Effect> = audit.verdicts.iter().map(|v| v.effect).collect();
            assert_eq!(found, expected, "{text}\n{:?}", audit.verdicts);
        };
        use Effect::{Drop, Pass, Strip, Terminate};
        check("", &[Strip]);
        check(TEXT, &[Pass, Strip]);
        check(&TEXT.replace("30 allow", "30 drop"), &[Drop, Strip]);
        check(&TEXT.replace("    connection advanced-options M\n", ""), &[Strip, Strip]);
        let layer_7 = TEXT.replace(
            "  class class-default\n",
            "  class FILMS\n    serverfarm F\n  class class-default\n",
        ) + "class-map type http loadbalance FILMS\n  match http url .*\n";
        check(&layer_7, &[Terminate, Strip]);
        let inserts =
            TEXT.replace("serverfarm F\n", "serverfarm F\n  insert-http X-C header-value a\n");
        check(&inserts, &[Terminate, Strip]);
        let text = ConfigText::new("a.cfg", TEXT);
        let said = audit(text).verdicts[0].because.last().unwrap().rule.clone();
        assert!(said.contains("another real server"), "{said}");
        let off = TEXT.replace("interface vlan 1\n", "interface vlan 1\n  no normalization\n");
        let verdicts = audit(ConfigText::new("a.cfg", &off)).verdicts;
        for verdict in verdicts {
            assert_eq!(verdict.effect, Pass);
            let because = &verdict.because[0];
            assert_eq!(because.text, "no normalization");
            assert!(because.rule.contains("not documented"), "{}", because.rule);
        }
    }
}
