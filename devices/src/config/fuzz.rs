//! Whatever text an engineer pastes: every grammar reads it or says what is wrong, and packets pass
//! the device that comes of it. Nothing panics, and a long text is read in time that grows with it.

use proptest::prelude::*;

use sim_core::wire::packet::Flags;

use crate::config::ConfigText;
use crate::spec::{DeviceContext, DeviceSpec, farm_of};
use crate::steps::track::Sender::{Initiator, Responder};
use crate::testing::{DSS_OPTIONS, SYN_OPTIONS, segment, send, with_options};

/// Words of Cisco's grammars, and some of none.
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

/// Words of iptables, as it is saved and as a script has it. Here and below `~` stands for a blank and `¶`
/// for a line break.
const IPTABLES: &str = "\
    *filter¶ *mangle¶ *raw¶ *nat¶ COMMIT¶ :FORWARD~DROP~[0:0]¶ :U~-~[0:0]¶ [1:60] iptables \
    ip6tables -t mangle raw nat -A -I -N -P -D -F FORWARD PREROUTING POSTROUTING INPUT U V 1 -p \
    tcp udp !tcp -s -d 10.0.0.0/8 192.0.2.1 2001:db8::/32 10.0.0.0/255.0.0.0 $LAN \
    LAN=10.0.0.0/8¶ ! -i -o eth0 eth+ $IF -m multiport --dports --dport --sport 80 80:90 \
    22,80,443 https : conntrack --ctstate state --state NEW,ESTABLISHED INVALID --syn \
    --tcp-flags SYN,RST SYN ALL --tcp-option 30 set --match-set bad src limit --limit 5/sec \
    comment --comment \"a~b c\" iprange --src-range 10.0.0.1-10.0.0.9 mark --mark 0x1/0x1 \
    addrtype --dst-type LOCAL -j -g ACCEPT DROP REJECT --reject-with tcp-reset RETURN \
    TCPOPTSTRIP --strip-options mss,30 TCPMSS --set-mss 1200 --clamp-mss-to-pmtu SYNPROXY --mss \
    1460 CT --notrack NFQUEUE --queue-num DNAT --to-destination REDIRECT TPROXY LOG --log-prefix \
    MARK \\ ¶ ¶ ¶ for do done if é";

/// Words of nftables.
const NFTABLES: &str = "\
    flush~ruleset¶ table ip ip6 inet arp bridge netdev f g { } {¶ }¶ ; , : . - ( ) | & == != / \
    chain c d type~filter~hook~forward~priority type~nat~hook~prerouting~priority type hook \
    ingress forward input device priority filter + 10 -150 0 policy~drop; policy accept drop \
    reject with tcp reset option mptcp maxseg 30 exists missing size set rt mtu 1200 subtype \
    mp-capable dport sport 80 80-90 1024-65535 https th flags syn ack saddr daddr 10.0.0.0/8 \
    10.0.0.1-10.0.0.9 192.0.2.1 2001:db8::/32 fe80:: ct state new established,related invalid \
    untracked vmap map @s @ft s elements = element inet_service ipv4_addr \
    ipv4_addr~.~inet_service interval timeout 1h add insert create delete rule nft meta l4proto \
    nfproto ipv4 mark 0x1 iifname oifname \"eth0\" eth* iif lo jump goto return continue queue \
    num flow offload flowtable synproxy wscale 7 notrack tproxy to :3128 redirect dnat snat \
    masquerade counter packets bytes quota over limit rate 10/second burst log prefix \"x~y\" \
    comment #~handle~4¶ handle define $x x include \"/etc/x.nft\"¶ index \\¶ ' \" ¶ ¶ ¶ ¶ é";

/// Words of PAN-OS: of its `set` commands and of its XML.
const PAN_OS: &str = "\
    ¶set ¶set~rulebase~security~rules~R ¶set~rulebase~security~rules~S ¶set~zone ¶set~zone~a \
    ¶set~shared ¶set~device-group~G ¶set~vsys~vsys1 ¶set~template~T~config rulebase pre-rulebase \
    post-rulebase security rules R \"R~S\" from to [ ] a b any source destination 10.0.0.0/8 \
    negate-source negate-destination application web-browsing application-default service \
    service-http service-https P ¶set~service~P~protocol~tcp~port 80,8000-8080 443 \
    ¶set~service-group~W~members members action allow deny drop reset-both disabled yes no \
    global maybe rule-type intrazone interzone universal default-security-rules \
    intrazone-default interzone-default network layer3 ethernet1/1 zone-protection-profile \
    profiles Z strip-mptcp-option strip-tcp-fast-open-and-data tcp-reject-non-syn deviceconfig \
    setting tcp decryption decrypt no-decrypt type ssl-forward-proxy ssl-inbound-inspection \
    ssh-proxy nat application-override dos flood tcp-syn syn-cookies red activate-rate 0 \
    <config~version=\"10.1.0\"> <config> </config> <devices> </devices> <vsys> </vsys> \
    <entry~name=\"R\"> <entry~name=\"a\"> </entry> <entry~name=\"b\"/> <rulebase> </rulebase> \
    <security> </security> <rules> </rules> <from> </from> <to> </to> <member> </member> \
    <action> </action> <zone> </zone> <network> </network> <!-- --> < > é ¶ ¶";

/// Lines of Cisco's words, or words of a neighbour's, which has its line breaks among them: in one vocabulary
/// of all, commands of any of them would hardly come about.
fn text() -> impl Strategy<Value = String> {
    let line = (0usize..4, proptest::collection::vec(proptest::sample::select(WORDS), 1..9))
        .prop_map(|(indent, words)| format!("{}{}", " ".repeat(indent), words.join(" ")));
    let lines = proptest::collection::vec(line, 0..30).prop_map(|lines| lines.join("\n"));
    let of = |begin: &'static str, words: &'static str| {
        let words: Vec<&str> = words.split(' ').collect();
        proptest::collection::vec(proptest::sample::select(words), 0..120).prop_map(move |words| {
            format!("{begin}{}", words.join(" ")).replace('~', " ").replace('¶', "\n")
        })
    };
    prop_oneof![
        lines,
        of("*filter\n", IPTABLES),
        of("", IPTABLES),
        of("table inet f {\nchain c {\ntype filter hook forward priority 0; ", NFTABLES),
        of("flush ruleset\n", NFTABLES),
        of("set rulebase security rules R ", PAN_OS),
        of("<config version=\"10.1.0\"><devices>", PAN_OS),
    ]
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
