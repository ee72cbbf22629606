//! What the configurations of boxes of other makers do to MPTCP.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sim_core::engine::device::{Device, PortId};
use sim_core::time::SimTime;

use crate::audit::platform::{HEADER, Platform};
use crate::audit::probe::{Attempt, probe};
use crate::audit::{Audit, Because, Effect};
use crate::config::{ConfigDiagnostic, ConfigText, Line};
use crate::ftd::Mode;

pub(crate) use super::linux::PLATFORM as LINUX;
use super::{panos, snort};

/// In the list of platforms.
pub(crate) const PAN_OS: Platform = Platform {
    name: "pan-os",
    product: "Palo Alto Networks PAN-OS",
    marks: &[
        ("set deviceconfig ", HEADER),
        ("set network profiles zone-protection-profile", HEADER),
        ("set rulebase security rules", HEADER),
        ("set zone * network ", HEADER),
        ("set vsys vsys1 ", HEADER),
        ("set config devices ", HEADER),
        ("set config shared ", HEADER),
        ("set device-group ", 500),
        ("set shared ", 200),
        ("set rulebase ", HEADER),
        ("set network virtual-router ", HEADER),
        ("set network interface ethernet ethernet", HEADER),
        ("set mgt-config ", HEADER),
        ("<config version=", HEADER),
        ("<config><devices><entry name=", HEADER),
        ("<config><shared>", HEADER),
        ("<devices><entry name=", HEADER),
        ("</shared><devices><entry name=", HEADER),
        ("<from><member>", 500),
        ("<rulebase><security>", HEADER),
        ("<rule-type>", 500),
        ("<rules>", 50),
        ("<deviceconfig>", HEADER),
        ("<strip-mptcp-option>", HEADER),
        ("deviceconfig {", HEADER),
        ("panorama {", 500),
        ("security-rules {", 200),
    ],
    knows: None,
    audit: |text| {
        let built = |text: ConfigText<'_>| {
            let read = panos::read(text)?;
            // Each is tried once, however many rules there are.
            let of_zones: BTreeMap<&str, (Effect, Vec<Because>)> = read
                .of_zones
                .iter()
                .map(|(zone, device)| (zone.as_str(), passed(&mut device.clone(), SERVER)))
                .collect();
            let elsewhere = passed(&mut read.elsewhere.clone(), SERVER);
            let done = |zone: Option<&str>| {
                zone.and_then(|zone| of_zones.get(zone)).unwrap_or(&elsewhere).clone()
            };
            // What comes back enters by the other zone.
            let allowed = |from: Option<&str>, to: Option<&str>| match (done(from), done(to)) {
                (there, back) if there.0 == Effect::Pass => back,
                (there, _) => there,
            };
            let apart: Vec<&str> = read.of_zones.keys().map(String::as_str).collect();
            let mut audit = Audit { version: read.version.clone(), ..Audit::default() };
            audit.verdicts = read.policy.verdicts(&apart, read.version.as_deref(), allowed);
            if audit.verdicts.is_empty() {
                let (effect, because) = passed(&mut read.device.clone(), SERVER);
                audit.verdicts = Audit::uniform(None, effect, because).verdicts;
            }
            audit.warnings = read.warnings;
            Ok(audit)
        };
        panos::whole(text, |text| audited(text, built))
    },
};

/// In the list of platforms.
pub(crate) const SNORT: Platform = Platform {
    name: "snort",
    product: "Snort 2 and 3, inline",
    marks: &[
        ("preprocessor normalize_tcp", HEADER),
        ("preprocessor ", 200),
        ("config policy_mode", 200),
        ("ipvar HOME_NET", 500),
        ("var HOME_NET", 500),
        ("portvar ", 100),
        ("dynamicengine ", 100),
        ("normalizer =", HEADER),
        ("stream_tcp =", HEADER),
        ("HOME_NET =", HEADER),
    ],
    knows: None,
    audit: |text| {
        audited(text, |text| {
            let (mut device, warnings) = snort::build(Mode::Inline, Some(text))?;
            let (effect, mut because) = passed(&mut device, SERVER);
            let all = text.lines();
            let says = |line: &&Line<'_>| line.text().contains("opts") && !snort::is_comment(line);
            if let (Effect::Strip, Some(line)) = (effect, all.iter().rfind(says)) {
                because.insert(0, Because::line(&text.place(line), "TCP options are normalised"));
            }
            if because.is_empty() {
                let rule = "nothing in the text normalises TCP options: Snort leaves them alone";
                because.push(Because::default(rule));
            }
            Ok(Audit { warnings, ..Audit::uniform(None, effect, because) })
        })
    },
};

pub(super) const CLIENT: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 71)), 40_471);
pub(super) const SERVER: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 72)), 47_101);

pub(super) type Built = Result<Audit, Vec<ConfigDiagnostic>>;

/// The audit, or what is wrong in the text.
pub(super) fn audited(text: ConfigText<'_>, build: impl FnOnce(ConfigText<'_>) -> Built) -> Audit {
    build(text).unwrap_or_else(|warnings| {
        let why = "the text has lines that the device would refuse";
        Audit { warnings, ..Audit::unknown(None, why) }
    })
}

/// What becomes of a connection to `server`, and by which rules.
fn passed(device: &mut dyn Device, server: SocketAddr) -> (Effect, Vec<Because>) {
    let attempt = Attempt { ingress: PortId(0), client: CLIENT, server, at: SimTime::ZERO };
    let probed = probe(device, attempt);
    (probed.effect, probed.because)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{audit, recognise};

    /// What a PAN-OS says of each direction, and its warnings.
    fn of_pan_os(text: &str) -> (Option<String>, Vec<(String, Effect)>, Vec<String>) {
        assert_eq!(recognise(text).map(|p| p.name), Some("pan-os"), "{text}");
        let (_, audit) = audit(ConfigText::new("x", text), None);
        let rows = audit.verdicts.into_iter().map(|v| (v.direction, v.effect)).collect();
        (audit.version, rows, audit.warnings.into_iter().map(|w| w.message).collect())
    }

    #[test]
    fn zones_of_pan_os_have_their_own_protection() {
        let text = "set deviceconfig setting tcp strip-mptcp-option no\nset network profiles zone-protection-profile ZP strip-mptcp-option yes\nset zone wan network layer3 ethernet1/1\nset zone wan network zone-protection-profile ZP\nset zone lan network layer3 ethernet1/2\nset zone dmz network layer3 ethernet1/3\nset rulebase security rules R from lan\nset rulebase security rules R to any\nset rulebase security rules R action allow\n";
        let (_, rows, warnings) = of_pan_os(text);
        let row = |way: &str, effect| (way.to_owned(), effect);
        let rows: Vec<_> = rows.into_iter().collect();
        assert_eq!(
            rows,
            [
                // Its SYN/ACK enters by the zone that strips.
                row("zone lan to zone wan", Effect::Strip),
                row("zone lan to zone any other", Effect::Pass),
                row("between zones", Effect::Drop),
                row("within zone wan", Effect::Strip),
                row("within zone any other", Effect::Pass),
            ]
        );
        assert_eq!(warnings, [""; 0]);
        let unused = text.replace(
            "zone-protection-profile ZP\nset zone lan",
            "packet-buffer-protection yes\nset zone lan",
        );
        let (_, rows, warnings) = of_pan_os(&unused);
        assert!(rows.iter().all(|row| row.1 != Effect::Strip), "{rows:?}");
        assert!(
            warnings[0].contains("no zone uses the zone protection profile ZP"),
            "{warnings:?}"
        );
    }

    #[test]
    fn rules_of_pan_os_are_told_apart_by_their_vsys_and_asked_in_order() {
        let text = "set vsys vsys1 rulebase security rules R from a\nset vsys vsys1 rulebase security rules R to b\nset vsys vsys1 rulebase security rules R action allow\nset vsys vsys2 rulebase security rules R from c\nset vsys vsys2 rulebase security rules R to d\nset vsys vsys2 rulebase security rules R action deny\n";
        let (_, rows, _) = of_pan_os(text);
        assert_eq!(rows[0], ("zone a to zone b".to_owned(), Effect::Strip));
        assert_eq!(rows[1], ("zone c to zone d".to_owned(), Effect::Drop));
        let panorama = "set device-group D post-rulebase security rules Last from a\nset device-group D post-rulebase security rules Last to b\nset device-group D post-rulebase security rules Last action deny\nset device-group D pre-rulebase security rules First from a\nset device-group D pre-rulebase security rules First to b\nset device-group D pre-rulebase security rules First service service-http\nset device-group D pre-rulebase security rules First action allow\n";
        let (_, rows, _) = of_pan_os(panorama);
        assert_eq!([rows[0].1, rows[1].1], [Effect::Strip, Effect::Drop]);
    }

    #[test]
    fn what_pan_os_would_not_commit_or_does_not_route() {
        let overrides = "set deviceconfig system hostname x\nset rulebase application-override rules R1 from any\nset rulebase application-override rules R1 port 8642\n";
        let (_, rows, _) = of_pan_os(overrides);
        assert_eq!(rows[0], ("between zones".to_owned(), Effect::Drop));
        let half = "set zone a network layer3 ethernet1/1\nset rulebase security rules R from a\nset rulebase security rules R to z\nset rulebase decryption rules D from a\nset rulebase decryption rules D to any\nset rulebase decryption rules D action decrypt\n";
        let (_, rows, warnings) = of_pan_os(half);
        assert_eq!(rows[0], ("zone a to zone any".to_owned(), Effect::Terminate));
        assert_eq!(rows[1], ("zone a to zone z".to_owned(), Effect::Unknown));
        assert!(warnings[0].contains("R has no action"), "{warnings:?}");
        assert!(warnings[1].contains("names zone z, which the text has not"), "{warnings:?}");
    }

    #[test]
    fn pan_os_in_braces_and_in_pieces() {
        let braces = "config {\n  devices {\n    localhost.localdomain {\n      deviceconfig {\n        setting {\n          tcp {\n            strip-mptcp-option no;\n          }\n        }\n      }\n      vsys {\n        vsys1 {\n          rulebase {\n            security {\n              rules {\n                \"Web {out}\" {\n                  to [ b c];\n                  from any; # of all\n                  service service-http;\n                  action allow;\n                }\n              }\n            }\n          }\n        }\n      }\n    }\n  }\n}\n";
        let (_, rows, warnings) = of_pan_os(braces);
        assert_eq!(rows[0], ("zone any to zone b, c".to_owned(), Effect::Pass));
        assert_eq!(rows[1], ("between zones".to_owned(), Effect::Drop));
        assert_eq!(warnings, [""; 0]);
        let (_, rows, _) =
            of_pan_os("<tcp>\n  <strip-mptcp-option>no</strip-mptcp-option>\n</tcp>\n");
        assert_eq!(rows, [("every interface, both directions".to_owned(), Effect::Pass)]);
        let (version, ..) =
            of_pan_os("<config version=\"10.1.0\" detail-version=\"10.1.3\">\n</config>\n");
        assert_eq!(version.as_deref(), Some("10.1.3"));
    }

    #[test]
    fn verdicts() {
        let check = |platform: &str, text: &str, expected: &[(&str, Effect, Option<u32>)]| {
            assert_eq!(recognise(text).map(|p| p.name), Some(platform), "{text}");
            let (_, audit) = audit(ConfigText::new("x", text), None);
            let found: Vec<_> = audit
                .verdicts
                .iter()
                .map(|v| (&*v.traffic, v.effect, v.because.first().and_then(|b| b.line)))
                .collect();
            assert_eq!(found, expected, "{text}");
        };
        let one = |effect, line| [("all TCP", effect, line)];
        use Effect::{Drop, Pass, Strip, Terminate, Unknown};
        let save = |rules: &str| format!("*mangle\n:FORWARD ACCEPT [0:0]\n{rules}\nCOMMIT\n");
        let strip = "-A FORWARD -p tcp -j TCPOPTSTRIP --strip-options 30";
        check("linux", &save(strip), &one(Strip, Some(3)));
        check("linux", &save("-A FORWARD -p tcp -j ACCEPT"), &one(Pass, None));
        let web = strip.replace("-p tcp", "-p tcp --dport 80");
        let split = [("TCP to port 80", Strip, Some(3)), ("all other TCP", Pass, None)];
        check("linux", &save(&web), &split);
        // Either its SYN or its SYN/ACK comes in by the interface.
        let inside = strip.replace("-p tcp", "-i wan0 -p tcp");
        let aside = [("all TCP", Strip, Some(3)), ("all TCP", Pass, None)];
        check("linux", &save(&inside), &aside);
        check("linux", &save(&inside.replace("30", "5,8")), &one(Pass, None));
        let drop = "iptables -A FORWARD -p tcp --dport 23 -j DROP\n";
        check("linux", drop, &[("TCP to port 23", Drop, Some(1)), ("all other TCP", Pass, None)]);
        // A chain of a user's is followed, also without a way back.
        let chain = format!(
            ":MPTCP - [0:0]\n-A FORWARD -p tcp -j MPTCP\n{}",
            strip.replace("FORWARD", "MPTCP")
        );
        check("linux", &save(&chain), &one(Strip, Some(5)));
        check("linux", &save(&chain.replace("-j MPTCP", "-g MPTCP")), &one(Strip, Some(5)));
        let early = chain.replace("\n-A MPTCP", "\n-A MPTCP -p tcp -j RETURN\n-A MPTCP");
        check("linux", &save(&early), &one(Pass, None));
        check("linux", &save("-A FORWARD -p tcp -j STRIPS"), &one(Unknown, Some(3)));
        let endless = ":A - [0:0]\n-A FORWARD -j A\n-A A -j A";
        check("linux", &save(endless), &one(Unknown, Some(5)));
        let policy = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n-A FORWARD -i eth0 -o eth1 -j ACCEPT\nCOMMIT\n";
        check("linux", policy, &[("all TCP", Pass, None), ("all TCP", Drop, Some(2))]);
        let limited = policy.replace("-i eth0", "-m mac --mac-source 00:00:00:00:00:01 -i eth0");
        let doubt = ("TCP that this rule names", Unknown, Some(4));
        let rest = [("all other TCP", Drop, Some(2)), ("all TCP", Drop, Some(2))];
        check("linux", &limited, &[doubt, rest[0], rest[1]]);
        let script = "IPT=/sbin/iptables\nLAN=\"10.0.0.0/8\"\n$IPT -P FORWARD DROP\n$IPT -A FORWARD -s $LAN -j ACCEPT\n$IPT -A FORWARD -d $LAN -j ACCEPT\n";
        let lan = [
            ("TCP from 10.0.0.0/8, TCP to 10.0.0.0/8", Pass, None),
            ("all other TCP", Drop, Some(3)),
        ];
        check("linux", script, &lan);
        let proxy = "/sbin/iptables -t raw -A PREROUTING -p tcp --syn -j CT --notrack\niptables -A \
                     FORWARD -p tcp -m state --state INVALID,UNTRACKED -j SYNPROXY --mss 1460\n";
        check("linux", proxy, &one(Terminate, Some(2)));
        let xml = |value: &str| {
            format!(
                "<?xml version=\"1.0\"?>\n<config version=\"10.1.0\">\n <devices><entry name=\"fw\">\n  \
                 <deviceconfig><setting>\n   <tcp>\n    <!-- <strip-mptcp-option>yes</strip-mptcp-option> -->\n    \
                 <strip-mptcp-option>{value}</strip-mptcp-option>\n   </tcp>\n  </setting></deviceconfig>\n \
                 </entry></devices>\n</config>\n"
            )
        };
        check("pan-os", &xml("no"), &one(Pass, Some(7)));
        let bare =
            "<config><devices><entry name=\"fw\"><vsys>\n</vsys></entry></devices></config>\n";
        check("pan-os", bare, &one(Strip, None));
        let shared = "<config><shared>\n <address/>\n</shared><devices><entry name=\"fw\">\n</entry></devices></config>\n";
        check("pan-os", shared, &one(Strip, None));
        check("pan-os", &shared.replace("<config>", "<config>\n"), &one(Strip, None));
        check("pan-os", &xml("yes"), &one(Strip, Some(7)));
        check("pan-os", "set deviceconfig system hostname fw\n", &one(Strip, None));
        let allowed = "set deviceconfig setting tcp strip-mptcp-option no\n";
        check("pan-os", allowed, &one(Pass, Some(1)));
        let opts = "ipvar HOME_NET any\npreprocessor normalize_tcp: ips, opts allow sack\n";
        check("snort", opts, &one(Strip, Some(2)));
        check("snort", &opts.replace("sack", "30"), &one(Pass, None));
        check("snort", "HOME_NET = 'any'\nstream_tcp = { }\nnormalizer = { }\n", &one(Pass, None));
    }
}
