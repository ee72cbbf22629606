//! What the configuration of an IPS does to MPTCP.

use std::net::{Ipv4Addr, SocketAddr};

use sim_core::engine::device::PortId;
use sim_core::time::SimTime;

use crate::audit::platform::{HEADER, Platform};
use crate::audit::probe::{Attempt, probe};
use crate::audit::{Audit, Because, Effect};
use crate::config::{ConfigText, Diagnostics};
use crate::ftd::Mode;

use super::{Ips, Verdict, grammar};

/// In the list of platforms.
pub(crate) const PLATFORM: Platform = Platform {
    name: "ips",
    product: "Cisco Intrusion Prevention System",
    marks: &[
        ("service signature-definition", 2 * HEADER),
        ("service analysis-engine", HEADER),
        ("service event-action-rules", HEADER),
        ("! Realm Keys", HEADER),
    ],
    knows: None,
    audit,
};

fn audit(text: ConfigText<'_>) -> Audit {
    let mut found = Diagnostics::new(text.file);
    let config = grammar::read(text, &mut found);
    let mut ips = Ips::new(&config, None, Some(text), &mut found);
    let decides = config.signature(1306, 0).filter(|s| s.actions.is_some() && s.enabled);
    let (effect, because) = match (ips.mode, &config.inline, decides) {
        (Mode::Passive, Some((_, place)), _) => {
            let rule = "a promiscuous sensor sees copies and changes nothing";
            (Effect::Pass, vec![Because::line(place, rule)])
        }
        (_, _, Some(signature)) => {
            let attempt = Attempt {
                ingress: PortId(0),
                client: SocketAddr::new(Ipv4Addr::new(198, 51, 100, 71).into(), 40_471),
                server: SocketAddr::new(Ipv4Addr::new(203, 0, 113, 72).into(), 47_101),
                at: SimTime::ZERO,
            };
            let probed = probe(&mut ips, attempt);
            let mut because = probed.because;
            if because.is_empty() {
                let place = signature.actions.as_ref().map_or(&signature.place, |(_, place)| place);
                because.push(Because::line(place, "it changes and denies nothing inline"));
            }
            (probed.effect, because)
        }
        (_, _, None) => {
            let why = "the text sets no action of signature 1306 0 (TCP options), and what it does to \
                       option 30 by default is not documented";
            (Effect::Unknown, vec![Because::default(why)])
        }
    };
    let all = text.lines();
    for (signature, verdict) in ips.signatures.iter().zip(&ips.verdicts) {
        if effect != Effect::Pass || *verdict == Verdict::Alert {
            continue;
        }
        if let sim_core::engine::device::Origin::Config(place) = &signature.rule.origin
            && let Ok(at) = all.binary_search_by_key(&place.line, |l| l.number)
        {
            let message = "a text that MPTCP splits over subflows is in no connection's stream: this \
                           signature misses it; where it is needed, option 30 is better removed \
                           (signature 1306, modify-packet-inline)";
            found.warn(&all[at], "", message);
        }
    }
    Audit { warnings: found.into_all(), ..Audit::uniform(config.version, effect, because) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let check = |text: &str, effect: Effect, line: Option<u32>, warnings: usize| {
            let audit = audit(ConfigText::new("x", text));
            assert_eq!(audit.verdicts[0].effect, effect, "{text}");
            assert_eq!(audit.verdicts[0].because[0].line, line, "{text}");
            assert_eq!(audit.warnings.len(), warnings, "{text}");
        };
        let with = |action: &str| {
            format!("service signature-definition sig0\nsignatures 1306 0\nevent-action {action}\n")
        };
        check("service signature-definition sig0\n", Effect::Unknown, None, 0);
        check(&with("modify-packet-inline"), Effect::Strip, Some(3), 0);
        check(&with("deny-packet-inline"), Effect::Drop, Some(3), 0);
        check(&with("produce-alert"), Effect::Pass, Some(3), 0);
        let string = "signatures 60000 0\nregex-string attack\nevent-action deny-packet-inline\n";
        check(&format!("{}{string}", with("produce-alert")), Effect::Pass, Some(3), 1);
        let promiscuous = "service analysis-engine\nphysical-interface GigabitEthernet0/1\n";
        check(promiscuous, Effect::Pass, Some(2), 0);
    }
}
