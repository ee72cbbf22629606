//! What an ACE's configuration does to MPTCP: a connection to each virtual address is passed through
//! the model.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sim_core::engine::device::PortId;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::Flow;

use crate::audit::platform::{Platform, version_after};
use crate::audit::probe::{Attempt, probe};
use crate::audit::{Audit, Because, Effect, Verdict};
use crate::config::{ConfigText, Diagnostics};
use crate::spec::DeviceContext;

use super::access::{self, Admission};
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
        ("access-group input ", 50),
        ("interface vlan ", 1),
        ("access-list * line * extended", 5),
        ("class-map type management", 20),
        ("policy-map type management", 20),
        ("no normalization", 20),
        ("mac-sticky enable", 10),
        ("boot system image:", 20),
        ("ft interface vlan ", 20),
        ("ft peer ", 10),
        ("probe http ", 10),
        ("probe tcp ", 10),
        ("probe icmp ", 10),
        ("resource-class ", 10),
        ("limit-resource * minimum ", 30),
        ("allocate-interface vlan ", 40),
        ("ft auto-sync ", 20),
        ("no ft auto-sync ", 20),
        ("ssl-proxy service ", 20),
        ("nat-pool ", 5),
        ("nat dynamic * vlan ", 20),
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
    let refused = access::refused(&config);
    let limited = !config.interfaces.is_empty() || config.access_group.is_some();
    let off = config.interfaces.iter().find_map(|i| i.normalization_off.clone());
    // Where some interfaces normalise and others do not, it is open which of them decides.
    let is_mixed = off.is_some() && config.interfaces.iter().any(|i| i.normalization_off.is_none());
    let mut normalising = is_mixed.then(|| {
        let mut config = config.clone();
        config.interfaces.iter_mut().for_each(|i| i.normalization_off = None);
        let context = DeviceContext { name: "audit", seed: 1, default_farm: None };
        let mut ace = Ace::new(Policy::new(config, true, None), &context);
        ace.admits_all = true;
        ace
    });
    // A piece of a configuration, without interfaces, may name what ACE is a proxy for and not its address.
    let is_piece = config.interfaces.is_empty();
    let classes = config.multi.iter().flat_map(|policy| &policy.classes);
    for class in classes.filter(|class| is_piece && class.in_service) {
        let Some(proxy) = &class.proxy else { continue };
        let why = "this makes ACE a proxy: TCP options do not cross it; where the policy is applied the text does not say";
        verdicts.push(Verdict {
            traffic: format!("TCP to the virtual address of class {}", class.name),
            direction: "from clients, both directions".to_owned(),
            effect: Effect::Terminate,
            because: vec![Because::line(proxy, why)],
        });
    }
    let policy = Policy::new(config, true, None);
    for called in &policy.virtuals {
        let port = if *called.ports.start() == 0 { 5001 } else { *called.ports.start() };
        let traffic = called.place.as_ref().map_or_else(String::new, |p| p.text.clone());
        calls.push((traffic, SocketAddr::new(called.address, port)));
    }
    let other = match (calls.is_empty() && verdicts.is_empty(), limited) {
        (false, true) => "all other TCP that is permitted",
        (false, false) => "all other TCP",
        (true, true) => "TCP that is permitted",
        (true, false) => "all TCP",
    };
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
    let last = SimTime::ZERO + SimDuration::from_secs(1) * calls.len() as u64;
    for ((traffic, server), several) in calls.into_iter().zip(several) {
        at += SimDuration::from_secs(1);
        let client: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::new(198, 51, 100, 71).into(),
            SocketAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0x71, 0, 0, 0, 0, 1).into(),
        };
        let client = SocketAddr::new(client, 40_471);
        let admission = access::admission(&ace.policy.config, Flow { src: client, dst: server });
        let attempt = Attempt { ingress: PortId(0), client, server, at };
        let mut probed = probe(&mut ace, attempt);
        let mut because = probed.because;
        let otherwise = normalising.as_mut().map(|ace| probe(ace, attempt).effect);
        if let (Some(otherwise), Some(place)) = (otherwise.filter(|e| *e != probed.effect), &off) {
            let rule = format!(
                "this interface does not normalise and others do: which of them decides is not documented (it is {} where \
                 normalisation does, {} otherwise)",
                otherwise, probed.effect
            );
            probed.effect = Effect::Unknown;
            because = vec![Because::line(place, rule)];
        }
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
        let effect = match admission {
            Admission::Permitted => probed.effect,
            // The row of other traffic says what becomes of what is permitted.
            _ if at == last => probed.effect,
            Admission::Refused(why) | Admission::Open(why) if probed.effect == Effect::Drop => {
                because.push(why);
                Effect::Drop
            }
            Admission::Refused(why) => {
                because = refused_because(why, probed.effect);
                Effect::Drop
            }
            Admission::Open(why) => {
                because = refused_because(why, probed.effect);
                Effect::Unknown
            }
        };
        verdicts.push(Verdict { traffic, direction, effect, because });
    }
    verdicts.extend(refused);
    let version = version_after(text.text, &["version ", "system: Version "]);
    Audit { version, verdicts, warnings: found.into_all() }
}

/// Why a virtual address is not reached, and what would become of options if it was.
fn refused_because(why: Because, otherwise: Effect) -> Vec<Because> {
    vec![why, Because::default(format!("where it is permitted, option 30 meets: {otherwise}"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "access-list ALL line 8 extended permit ip any any\nparameter-map type connection M\n  tcp-options range 30 30 allow\nrserver host A\n  ip address 10.20.0.11\n  inservice\nrserver host B\n  ip address 10.20.0.12\n  inservice\nserverfarm host F\n  rserver A\n    inservice\n  rserver B\n    inservice\nclass-map match-all VIP\n  2 match virtual-address 192.0.2.10 tcp eq 80\npolicy-map type loadbalance first-match LB\n  class class-default\n    serverfarm F\npolicy-map multi-match P\n  class VIP\n    loadbalance vip inservice\n    loadbalance policy LB\n    connection advanced-options M\ninterface vlan 1\n  access-group input ALL\n  service-policy input P\n";

    #[test]
    fn verdicts() {
        let check = |text: &str, expected: &[Effect]| {
            let audit = audit(ConfigText::new("a.cfg", text));
            let found: Vec<Effect> = audit.verdicts.iter().map(|v| v.effect).collect();
            assert_eq!(found, expected, "{text}\n{:?}", audit.verdicts);
        };
        use Effect::{Drop, Pass, Strip, Terminate};
        check("", &[Strip]);
        // A page's piece names what ACE is a proxy for, and not where.
        let piece = "policy-map multi-match P\nclass V\nloadbalance vip inservice\n**ssl-proxy server S**\n";
        check(piece, &[Terminate, Strip]);
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

    /// An interface that is opened twice is one.
    #[test]
    fn interfaces_that_are_opened_again() {
        let again = TEXT
            .replace("  service-policy input P\n", "interface vlan 1\n  service-policy input P\n");
        let effects: Vec<_> =
            audit(ConfigText::new("a.cfg", &again)).verdicts.iter().map(|v| v.effect).collect();
        assert_eq!(effects, [Effect::Pass, Effect::Strip]);
    }

    /// An interface that does not normalise beside one that does.
    #[test]
    fn interfaces_that_differ_in_normalization() {
        let mixed = format!("{TEXT}interface vlan 2\n  no normalization\n");
        let effects: Vec<_> =
            audit(ConfigText::new("a.cfg", &mixed)).verdicts.iter().map(|v| v.effect).collect();
        assert_eq!(
            effects[..2],
            [Effect::Pass, Effect::Unknown],
            "what is allowed passes either way"
        );
    }

    /// An ACE lets in what an access list permits, and nothing else.
    #[test]
    fn access_groups() {
        let check = |text: &str,
                     expected: &[(Effect, &str, &str, Option<u32>)],
                     warnings: usize| {
            let audit = audit(ConfigText::new("a.cfg", text));
            let of =
                |v: &Verdict| (v.effect, v.traffic.clone(), v.direction.clone(), v.because[0].line);
            let told: Vec<_> = audit.verdicts.iter().map(of).collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(e, t, d, l)| (*e, (*t).to_owned(), (*d).to_owned(), *l))
                .collect();
            assert_eq!(told, expected, "{text}");
            assert_eq!(audit.warnings.len(), warnings, "{text}: {:?}", audit.warnings);
        };
        use Effect::{Drop, Pass, Strip, Unknown};
        let vip = "2 match virtual-address 192.0.2.10 tcp eq 80";
        let other = "all other TCP that is permitted";
        let clients = "from clients, both directions";
        let from = "interface vlan 1, opened from its side";
        check(TEXT, &[(Pass, vip, clients, Some(3)), (Strip, other, clients, Some(2))], 0);
        let list = |entries: &str| {
            TEXT.replace("access-list ALL line 8 extended permit ip any any\n", entries)
        };
        let web = list("access-list ALL line 8 extended permit tcp any host 192.0.2.10 eq www\n");
        let refused = "TCP that is not permitted by access list ALL";
        check(
            &web,
            &[
                (Pass, vip, clients, Some(3)),
                (Strip, other, clients, Some(2)),
                (Drop, refused, from, Some(26)),
            ],
            0,
        );
        let none = list(
            "access-list ALL remark nothing yet\naccess-list ALL line 8 extended deny tcp any any eq www\n",
        );
        check(
            &none,
            &[
                (Drop, vip, clients, Some(2)),
                (Strip, other, clients, Some(3)),
                (Drop, refused, from, Some(27)),
            ],
            0,
        );
        let unlisted = TEXT.replace("  access-group input ALL\n", "");
        check(
            &unlisted,
            &[
                (Drop, vip, clients, None),
                (Strip, other, clients, Some(2)),
                (Drop, "all TCP", from, None),
            ],
            0,
        );
        check(
            &list(""),
            &[
                (Drop, vip, clients, Some(25)),
                (Strip, other, clients, Some(1)),
                (Drop, refused, from, Some(25)),
            ],
            1,
        );
        let open = list("access-list ALL line 8 extended permit tcp any any frob\n");
        check(
            &open,
            &[
                (Unknown, vip, clients, Some(1)),
                (Strip, other, clients, Some(2)),
                (Unknown, "TCP that an entry of access list ALL may name", from, Some(1)),
            ],
            1,
        );
        // A policy for management balances nothing, and is defined.
        let managed = TEXT.replace(
            "interface vlan 1\n",
            "policy-map type management first-match M\n  class C\n    permit\ninterface vlan 2\n  access-group input NONE\n  service-policy input M\naccess-list NONE line 8 extended deny ip any any\ninterface vlan 1\n",
        );
        check(
            &managed,
            &[
                (Pass, vip, clients, Some(3)),
                (Strip, other, clients, Some(2)),
                (
                    Drop,
                    "TCP that is not permitted by access list NONE",
                    "interface vlan 2, opened from its side",
                    Some(31),
                ),
            ],
            0,
        );
        let alone = "access-list A line 8 extended permit tcp any any eq www\nrserver host R\naccess-group input A\n";
        let every = "every interface, opened from its side";
        check(
            alone,
            &[
                (Strip, "TCP that is permitted", clients, None),
                (Drop, "TCP that is not permitted by access list A", every, Some(3)),
            ],
            1,
        );
        let global = format!("{unlisted}interface vlan 2\n  no shutdown\naccess-group input ALL\n");
        check(&global, &[(Pass, vip, clients, Some(3)), (Strip, other, clients, Some(2))], 0);
    }
}
