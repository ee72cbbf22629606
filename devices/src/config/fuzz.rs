//! Whatever text an engineer pastes: every grammar reads it or says what is wrong, and packets pass
//! the device that comes of it. Nothing panics, and a long text is read in time that grows with it.

use proptest::prelude::*;

use sim_core::wire::packet::Flags;

use crate::config::ConfigText;
use crate::spec::{DeviceContext, DeviceSpec, farm_of};
use crate::steps::track::Sender::{Initiator, Responder};
use crate::testing::{DSS_OPTIONS, SYN_OPTIONS, segment, send, with_options};

/// Words of the four grammars, and some of none.
const WORDS: &[&str] = &[
    "tcp-map",
    "tcp-options",
    "range",
    "30",
    "6",
    "8",
    "255",
    "300",
    "allow",
    "clear",
    "drop",
    "no",
    "class-map",
    "match",
    "any",
    "port",
    "tcp",
    "eq",
    "www",
    "5001",
    "policy-map",
    "class",
    "m",
    "M",
    "class-default",
    "set",
    "connection",
    "advanced-options",
    "tcp-state-bypass",
    "timeout",
    "dcd",
    "embryonic-conn-max",
    "random-sequence-number",
    "disable",
    "service-policy",
    "global",
    "interface",
    "inside",
    "outside",
    "access-list",
    "extended",
    "permit",
    "deny",
    "ip",
    "host",
    "10.0.1.2",
    "255.255.255.0",
    "0.0.0.255",
    "access-group",
    "in",
    "out",
    "nameif",
    "security-level",
    "100",
    "sysopt",
    "tcpmss",
    "minimum",
    "inspect",
    "name",
    "zone",
    "zone-pair",
    "zone-member",
    "security",
    "source",
    "destination",
    "self",
    "type",
    "match-any",
    "match-all",
    "protocol",
    "http",
    "pass",
    "parameter-map",
    "rserver",
    "serverfarm",
    "predictor",
    "leastconns",
    "hash",
    "address",
    "inservice",
    "sticky",
    "ip-netmask",
    "both",
    "virtual-address",
    "192.0.2.10",
    "multi-match",
    "loadbalance",
    "vip",
    "policy",
    "sticky-serverfarm",
    "first-match",
    "input",
    "normalization",
    "max-incomplete",
    "high",
    "banner",
    "^C",
    "description",
    "object-group",
    "neq",
    "established",
    "default-inspection-traffic",
    "regex",
    "request",
    "uri",
    "drop-connection",
    "parameters",
    "protocol-violation",
    "tcp-inspection",
    "queue-limit",
    "check-retransmission",
    "window-variation",
    "service",
    "signature-definition",
    "signatures",
    "1306",
    "event-action",
    "modify-packet-inline",
    "regex-string",
    "[a",
    "service-ports",
    "80,8000-8080",
    "analysis-engine",
    "physical-interface",
    "nat",
    "(inside,outside)",
    "dynamic",
    "ASA",
    "Version",
    "9.8(2)",
    "0:05:00",
    "synwait-time",
    "nat",
    "static",
    "list",
    "pool",
    "overload",
    "route-map",
    "translation",
    "service",
    "ftp",
    "shape",
    "average",
    "police",
    "bandwidth",
    "percent",
    "priority",
    "service-policy",
    "output",
    "dscp",
    "intercept",
    "cgn",
    "map",
    "address-pool",
    "192.0.2.0/24",
    "portlimit",
    "mss",
    "tfo",
    "auto-discovery",
    "blacklist",
    "hold-time",
    "rulebase",
    "active-charging",
    "packets-out-of-order",
    "transmit",
    "after-reordering",
    "limit-if-present",
    "iptables",
    "-A",
    "-t",
    "mangle",
    "FORWARD",
    "-j",
    "TCPOPTSTRIP",
    "--strip-options",
    "SYNPROXY",
    "--dport",
    "!",
    "http-cookie",
    "url",
    "/a.*",
    "header",
    "(",
    "é",
    "fw(config)#",
    "!",
    "<--- More --->",
];

fn text() -> impl Strategy<Value = String> {
    let line = (0usize..4, proptest::collection::vec(proptest::sample::select(WORDS), 1..9))
        .prop_map(|(indent, words)| format!("{}{}", " ".repeat(indent), words.join(" ")));
    proptest::collection::vec(line, 0..30).prop_map(|lines| lines.join("\n"))
}

fn specs() -> [DeviceSpec; 13] {
    let config = || Some("x.cfg".to_owned());
    [
        DeviceSpec::Nat { config: config(), inside: None, outside: None },
        DeviceSpec::Nbar { config: config(), inside: None, outside: None },
        DeviceSpec::Waas { config: config() },
        DeviceSpec::Asr5000 { config: config() },
        DeviceSpec::Cgn { config: config() },
        DeviceSpec::Linux { config: config() },
        DeviceSpec::PanOs { config: config() },
        DeviceSpec::Asa { config: config(), inside: None, outside: None },
        DeviceSpec::Ftd {
            config: config(),
            inside: None,
            outside: None,
            mode: crate::ftd::Mode::Inline,
            normalizer: crate::ftd::SnortNormalizer::Off,
            signatures: Vec::new(),
        },
        DeviceSpec::Ips { config: config(), mode: None },
        DeviceSpec::Cbac { config: config(), inside: None, outside: None },
        DeviceSpec::Zbfw { config: config(), inside: None, outside: None },
        DeviceSpec::Ace { config: config() },
    ]
}

fn read_and_run(text: &str) {
    let config = || Some(ConfigText::new("x.cfg", text));
    let context = DeviceContext { name: "d", seed: 1, default_farm: None };
    for platform in crate::audit::platforms() {
        let text = ConfigText::new("x.cfg", text);
        let (_, audit) = crate::audit::audit(text, Some(platform));
        assert!(!audit.verdicts.is_empty(), "{}", platform.name);
    }
    let _ = crate::audit::recognise(text);
    for spec in specs() {
        let _ = farm_of(&spec, config());
        let Ok(built) = spec.build(&context, config()) else { continue };
        let mut device = built.device;
        let packets = [
            with_options(segment(Initiator, Flags::SYN, 1, 0, 0), &SYN_OPTIONS),
            with_options(segment(Responder, Flags(0x12), 9, 2, 0), &SYN_OPTIONS),
            with_options(segment(Initiator, Flags::ACK, 2, 10, 100), &DSS_OPTIONS),
        ];
        for (at, packet) in packets.into_iter().enumerate() {
            send(device.as_mut(), at as u64, packet);
        }
        device.report();
    }
}

proptest! {
    #[test]
    fn nothing_panics_on_words(text in text()) {
        read_and_run(&text);
    }

    #[test]
    fn nothing_panics_on_characters(text in "[ -~\n\t\r\u{8}é]{0,300}") {
        read_and_run(&text);
    }
}

#[test]
fn twenty_thousand_lines() {
    let mut text = String::new();
    for n in 0..10_000u32 {
        let line = format!(
            "access-list acl{} extended permit tcp host 10.{}.{}.2 any eq {}\nobject network o{n}\n",
            n % 50,
            n % 250,
            n / 250,
            1 + n
        );
        text.push_str(&line);
    }
    read_and_run(&text);
}
