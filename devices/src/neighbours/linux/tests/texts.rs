//! Texts of iptables and nftables in the forms in which they are found, and what is said of them.

use crate::audit::Effect::{self, Drop, Pass, Strip, Terminate, Unknown};
use crate::audit::{Audit, audit, recognise};
use crate::config::ConfigText;

pub(super) fn told(text: &str) -> Audit {
    assert_eq!(recognise(text).map(|p| p.name), Some("linux"), "{text}");
    audit(ConfigText::new("x", text), None).1
}

/// Effect, traffic and line of each verdict.
pub(super) fn check(text: &str, expected: &[(Effect, &str, Option<u32>)]) {
    let audit = told(text);
    let found: Vec<_> =
        audit.verdicts.iter().map(|v| (v.effect, &*v.traffic, v.because[0].line)).collect();
    assert_eq!(found, expected, "{text}\n{:?}", audit.warnings);
}

pub(super) fn directions(text: &str) -> Vec<String> {
    let verdicts = told(text).verdicts.into_iter();
    verdicts.map(|v| format!("{} {}: {}", v.effect, v.traffic, v.direction)).collect()
}

/// A chain of nftables that drops what no rule accepts.
fn chain(family: &str, rules: &str) -> String {
    format!(
        "table {family} f {{\n chain c {{\n  type filter hook forward priority 0; policy drop;\n  ct state established accept\n  {rules}\n }}\n}}\n"
    )
}

/// The same, which accepts.
fn open(rules: &str) -> String {
    chain("inet", rules).replace("policy drop", "policy accept")
}

const OTHER: (Effect, &str, Option<u32>) = (Drop, "all other TCP", Some(3));

#[test]
fn a_table_speaks_of_its_version_of_ip_alone() {
    let six = (Drop, "all other TCP over IPv6", Some(3));
    let web = "tcp dport 80 accept";
    check(
        &chain("ip", web),
        &[(Pass, "TCP over IPv4 to port 80", None), (Pass, "all other TCP over IPv6", None), OTHER],
    );
    check(
        &chain("ip6", web),
        &[(Pass, "TCP over IPv6 to port 80", None), six, (Pass, "all other TCP", None)],
    );
    check(&chain("inet", web), &[(Pass, "TCP to port 80", None), OTHER]);
    let of_network = (Pass, "TCP to 10.1.0.0/16", None);
    let of_six = (Pass, "all other TCP over IPv6", None);
    check(
        &chain("inet", "meta nfproto ipv6 accept\n  ip daddr 10.1.0.0/16 accept"),
        &[of_network, of_six, OTHER],
    );
    // What is not of a network of IPv4 is still of IPv4.
    let found = told(&chain("inet", "ip saddr != 10.0.0.0/8 accept")).verdicts;
    assert!(found.iter().any(|v| v.effect == Drop && v.traffic.contains("IPv6")), "{found:?}");
    let both = "iptables -P FORWARD DROP\niptables -A FORWARD -p tcp --dport 80 -j ACCEPT\niptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\nip6tables -P FORWARD DROP\nip6tables -A FORWARD -p tcp --dport 443 -j ACCEPT\nip6tables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\n";
    check(
        both,
        &[
            (Pass, "TCP over IPv4 to port 80, TCP over IPv6 to port 443", None),
            (Drop, "all other TCP over IPv6", Some(4)),
            (Drop, "all other TCP", Some(1)),
        ],
    );
}

#[test]
fn values_of_nftables() {
    let each =
        |rules: &str, traffic: &str| check(&chain("inet", rules), &[(Pass, traffic, None), OTHER]);
    each(
        "ip saddr . tcp dport { 10.0.0.1 . 80, 10.0.0.2 . 443 } accept",
        "TCP from 10.0.0.1/32 to port 80, TCP from 10.0.0.2/32 to port 443",
    );
    each("ip daddr 10.0.0.1-10.0.0.4 accept", "TCP to 10.0.0.1/32, 10.0.0.2/31, 10.0.0.4/32");
    each("tcp dport > 60000 accept", "TCP to port 60001-65535");
    each("meta l4proto . th dport { tcp . 53, udp . 123 } accept", "TCP to port 53");
    each(
        "tcp dport vmap @m\n }\n map m {\n  type inet_service : verdict\n  elements = { 22 : accept,\n   80-90 : accept }",
        "TCP to port 22, TCP to port 80-90",
    );
    each(
        "tcp dport @s accept\n }\n set s { type inet_service; elements = { 22, 80-90 }",
        "TCP to port 22, 80-90",
    );
    each(
        "jump w\n }\n chain w {\n  tcp dport ssh counter packets 1 bytes 60 log flags all accept # handle 9",
        "TCP to port 22",
    );
    each("ct status dnat accept\n  tcp dport 22 meta mark set ct mark accept", "TCP to port 22");
    each("tcp flags == syn tcp dport 22 accept\n  tcp flags & syn != syn accept", "TCP to port 22");
    let defined = "define here = 10.0.0.0/8\ndefine all = { $here, 192.0.2.1 }\n".to_owned();
    let text = defined + &chain("inet", "ip saddr $all accept").replace("drop;", "accept;");
    check(&text, &[(Pass, "all TCP", None)]);
    // What the text does not tell is a reason, not a guess.
    for (rule, why) in [
        ("tcp dport 22 fib saddr oifname wg0 accept", "fib saddr"),
        ("tcp dport 22 quota over 10 mbytes accept", "quota"),
        ("tcp dport 22 ip dscp cs1 accept", "ip dscp"),
        ("tcp dport 22 ip saddr @none accept", "ip saddr @none"),
    ] {
        let audit = told(&chain("inet", rule));
        let verdict = &audit.verdicts[0];
        let because = &verdict.because;
        assert_eq!((verdict.effect, because[0].line), (Unknown, Some(5)), "{rule}");
        assert_eq!(verdict.traffic, "TCP to port 22 that this rule names");
        assert!(because[1].rule.contains(&format!("fits {why} the text")), "{rule}: {because:?}");
    }
}

#[test]
fn statements_of_nftables() {
    check(
        &open("tcp option mptcp subtype { mp-capable, mp-join } drop"),
        &[(Drop, "all TCP", Some(5))],
    );
    check(&open("tcp option mptcp subtype mp-join drop"), &[(Pass, "all TCP", None)]);
    check(
        &open("tcp flags syn tcp option maxseg size set rt mtu\n  flow add @ft"),
        &[(Pass, "all TCP", None)],
    );
    check(
        &open("tcp dport 25 queue num 0-3 bypass"),
        &[(Unknown, "TCP to port 25", Some(5)), (Pass, "all other TCP", None)],
    );
    check(&open("jump elsewhere"), &[(Unknown, "all TCP", Some(5))]);
    check(&open("reset tcp option mptcp"), &[(Strip, "all TCP", Some(5))]);
    let dormant = open("reset tcp option mptcp").replace("{\n chain", "{\n flags dormant\n chain");
    check(&dormant, &[(Pass, "all TCP", None)]);
    let commands = "nft add table inet f\nnft add chain inet f c '{ type filter hook forward priority 0; policy drop; }'\nnft add element inet f s '{ 80, 443 }'\nnft add rule inet f c ct state established accept\nnft add rule inet f c tcp dport @s accept\n";
    check(commands, &[(Pass, "TCP to port 80, 443", None), (Drop, "all other TCP", Some(2))]);
    check(&format!("{commands}nft flush chain inet f c\n"), &[(Drop, "all TCP", Some(2))]);
    // A chain of one interface's.
    let ingress = "table netdev n {\n chain i {\n  type filter hook ingress device \"eth0\" priority -500; policy accept;\n  tcp option mptcp exists drop\n }\n}\n";
    let told = directions(ingress);
    assert!(told[0].starts_with("drop all TCP: forwarded from eth0 to any other"), "{told:?}");
    let bridge = "table bridge b {\n chain f {\n  type filter hook forward priority filter; policy accept;\n  ether type ip tcp dport 80 drop\n }\n}\n";
    check(bridge, &[(Drop, "TCP over IPv4 to port 80", Some(4)), (Pass, "all other TCP", None)]);
    // A redirection of what this host opens concerns nobody else's.
    let nat = "table ip nat {\n chain out {\n  type nat hook output priority -100;\n  tcp dport 53 redirect to :5353\n }\n chain pre {\n  type nat hook prerouting priority dstnat;\n  jump red\n }\n chain red {\n  tcp dport 80 redirect to :3128\n }\n}\n";
    assert_eq!(
        directions(nat),
        [
            "terminate TCP over IPv4 to port 80: forwarded, both directions; to this host itself, except over lo",
            "pass all other TCP: forwarded, both directions",
            "terminate TCP over IPv4 to port 53: opened by this host itself",
            "pass all other TCP: to this host itself; opened by this host itself",
        ]
    );
}

#[test]
fn what_is_for_the_host_itself() {
    let host = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 80 --syn -j CT --notrack\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 80 -m state --state INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460\n-A INPUT -p tcp --dport 25 -j DROP\nCOMMIT\n";
    assert_eq!(
        directions(host),
        [
            "pass all TCP: forwarded, both directions",
            "terminate TCP to port 80: to this host itself by any other interface but lo",
            "drop TCP to port 25: to this host itself",
            "pass all other TCP: to this host itself",
        ]
    );
    let closed = "table inet f {\n chain input {\n  type filter hook input priority 0; policy drop;\n  iif lo accept\n  ct state established,related accept\n  tcp dport { ssh, 443 } accept\n }\n}\n";
    assert_eq!(
        directions(closed),
        [
            "pass all TCP: forwarded, both directions",
            "pass TCP to port 22, 443: to this host itself",
            "drop all other TCP: to this host itself, except over lo",
        ]
    );
}

#[test]
fn forms_of_iptables() {
    let save =
        |rules: &str| format!("*filter\n:FORWARD ACCEPT [0:0]\n:U - [0:0]\n{rules}\nCOMMIT\n");
    let pass = (Pass, "all other TCP", None);
    let each = |rule: &str, traffic: &str| check(&save(rule), &[(Drop, traffic, Some(4)), pass]);
    // Counters of `iptables-save -c`.
    each("[12:345] -A FORWARD -p tcp -m tcp --dport 80 -j DROP", "TCP to port 80");
    check(
        &save("-A FORWARD ! -s 10.0.0.0/8 -p TCP -m multiport --dports 80,443 -j DROP"),
        &[
            (Pass, "TCP from 10.0.0.0/8 to port 80, 443", None),
            (Drop, "TCP to port 80, 443", Some(4)),
            pass,
        ],
    );
    each("-A FORWARD -p tcp ! --dport 1024:65535 -j DROP", "TCP to other ports than 1024-65535");
    each(
        "-A FORWARD -p tcp -m multiport --ports 6881:6889 -j DROP",
        "TCP from port 6881-6889, TCP to port 6881-6889",
    );
    each(
        "-A FORWARD -m iprange --dst-range 10.0.0.4-10.0.0.7 -j DROP",
        "TCP to 10.0.0.4/30, TCP from 10.0.0.4/30",
    );
    each("-A FORWARD -p tcp --sport 25 -j DROP", "TCP from port 25, TCP to port 25");
    each("-A FORWARD -p tcp -j DROP --dport imaps", "TCP to port 993");
    // A rule is met by what the rules before it let come to it.
    check(
        &save("-A FORWARD -d 10.1.0.0/16 -g U\n-A U -p tcp --dport 443 -j DROP"),
        &[(Drop, "TCP to 10.1.0.0/16 to port 443", Some(5)), pass],
    );
    // What concerns no TCP is not spoken of.
    let silent = "-A FORWARD -p icmp -m icmp --icmp-type 8 -m limit --limit 1/s -j ACCEPT\n-A FORWARD -p udp -m string --string x -j NFQUEUE\n-A FORWARD -f -j DROP\n-A FORWARD -m addrtype --dst-type BROADCAST -j DROP";
    check(&save(silent), &[(Pass, "all TCP", None)]);
    assert_eq!(told(&save(silent)).warnings, []);
    let set =
        save("-A FORWARD -p tcp -m set --match-set bad src -j TCPOPTSTRIP --strip-options 30");
    check(&set, &[(Unknown, "TCP that this rule names", Some(4)), pass]);
    let queued = save("-A FORWARD -p tcp --dport 25 -j NFQUEUE --queue-num 0");
    check(&queued, &[(Unknown, "TCP to port 25", Some(4)), pass]);
    // What takes connections to a process of this host, by way of another chain.
    let proxied = "*nat\n:PREROUTING ACCEPT [0:0]\n:R - [0:0]\n-A PREROUTING -p tcp -j R\n-A R -p tcp -j REDIRECT --to-ports 12345\n-A OUTPUT -p tcp --dport 53 -j REDIRECT\nCOMMIT\n";
    check(
        proxied,
        &[
            (Terminate, "all TCP", Some(5)),
            (Terminate, "TCP to port 53", Some(6)),
            (Pass, "all other TCP", None),
        ],
    );
    let listing = "Chain FORWARD (policy DROP 0 packets, 0 bytes)\n pkts bytes target     prot opt in     out     source               destination\n    1    60 ACCEPT     tcp  --  eth0   *       0.0.0.0/0            0.0.0.0/0            tcp dpt:80\n";
    let answers = "    0     0 ACCEPT     all  --  *      *       0.0.0.0/0            0.0.0.0/0            ctstate RELATED,ESTABLISHED\n";
    assert_eq!(
        directions(&format!("{listing}{answers}")),
        [
            "pass TCP to port 80: forwarded from eth0 to any other interface",
            "drop all other TCP: forwarded from eth0 to any other interface",
            "drop all TCP: forwarded from any other interface to eth0; forwarded from any other interface to any other interface",
        ]
    );
    // Without counters it leaves interfaces out.
    let short = "Chain FORWARD (policy DROP)\ntarget     prot opt source               destination\nACCEPT     tcp  --  0.0.0.0/0            0.0.0.0/0            tcp dpt:80\n";
    let audit = told(short);
    assert_eq!(audit.verdicts[0].effect, Unknown);
    assert!(audit.verdicts[0].because[0].rule.contains("iptables-save"));
}

#[test]
fn scripts() {
    let script = "#!/bin/bash\nIF=eth0\nIPT=/sbin/iptables\nmodprobe nf_conntrack\n$IPT -F\n$IPT -P FORWARD DROP\nfor p in 22 80; do\n  $IPT -w -A FORWARD -p tcp --dport $p -j ACCEPT\ndone\n$IPT -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\nif [ \"$X\" = 1 ]; then\n  $IPT -A FORWARD -p tcp --dport 25 -j ACCEPT\nfi\nstart() {\n  iptables -w -A FORWARD -p tcp -m multiport --dports 8080,8443 -j ACCEPT 2>/dev/null || exit 1\n}\nstart\n";
    check(
        script,
        &[
            (Unknown, "TCP to port 25 that this rule names", Some(12)),
            (Pass, "TCP to port 22, TCP to port 80, TCP to port 8080, 8443", None),
            (Drop, "all other TCP", Some(6)),
        ],
    );
}

#[test]
fn chains_that_nothing_leads_to() {
    let ufw = "*filter\n:ufw-before-forward - [0:0]\n:ufw-not-local - [0:0]\n-A ufw-before-forward -p tcp --dport 80 -j DROP\n-A ufw-before-forward -p icmp --icmp-type echo-request -j ACCEPT\nCOMMIT\n";
    // Those of ufw its own rules lead to, which no text of a user holds.
    let host = (Unknown, "all TCP", Some(4));
    check(ufw, &[(Drop, "TCP to port 80", Some(4)), (Unknown, "all other TCP", Some(4)), host]);
    let user = "*filter\n:ufw-user-input - [0:0]\n-A ufw-user-input -p tcp --dport 22 -j ACCEPT\n-A ufw-user-input -s 192.0.2.7 -j DROP\nCOMMIT\n";
    let rows = directions(user);
    assert!(
        rows.iter().any(|row| row.starts_with("pass TCP to port 22: to this host")),
        "{rows:#?}"
    );
    let other = ufw.replace("ufw-before-forward", "mine");
    check(&other, &[(Unknown, "all TCP", Some(4))]);
    let beside = ufw.replace(":ufw-not", ":FORWARD DROP [0:0]\n:ufw-not");
    check(&beside, &[(Drop, "all TCP", Some(3))]);
    assert!(told(&beside).warnings[0].message.contains("no rule of the text sends packets"));
}

/// What is not tried is said.
#[test]
fn more_than_is_tried() {
    let many = |rule: &dyn Fn(u32) -> String, count: u32| {
        let rules: String = (1..=count).map(rule).collect();
        let text = format!("*filter\n:FORWARD DROP [0:0]\n{rules}COMMIT\n");
        told(&text).warnings.iter().map(|w| w.message.clone()).collect::<Vec<_>>().join("; ")
    };
    let ports = |n: u32| format!("-A FORWARD -p tcp --dport {n} -j ACCEPT\n");
    assert_eq!(many(&ports, 150), "");
    assert!(many(&ports, 250).contains("not each one's connections are tried"));
    let interfaces = |n: u32| format!("-A FORWARD -i eth{n} -j ACCEPT\n");
    assert!(many(&interfaces, 60).contains("interfaces not all are tried"));
}

/// What a variable holds that the text does not set may be anything.
#[test]
fn variables_that_hold_rules() {
    let text = open("$extra_rules\n  tcp dport 25 drop");
    check(&text, &[(Unknown, "all TCP", Some(5))]);
    let braced = open("${EXTRA}\n  tcp dport 25 drop");
    check(&braced, &[(Unknown, "all TCP", Some(5))]);
    let port = open("tcp dport ${PORT} drop");
    check(&port, &[(Unknown, "TCP that this rule names", Some(5)), (Pass, "all other TCP", None)]);
    let behind = "iptables -A FORWARD -s 0/0 -p tcp --dport 25 -j ACCEPT # was -j DROP\n";
    check(behind, &[(Pass, "all TCP", None)]);
}

/// A shell's command may hang on another.
#[test]
fn commands_behind_others() {
    let text = "iptables -N U 2>/dev/null || true\niptables -t filter -C FORWARD -j U 2>/dev/null || iptables -t filter -A FORWARD -j U\niptables -A U -p tcp --dport=80 -j DROP; iptables -A U -p tcp --dport 25 -j DROP\nif true; then iptables -A FORWARD -p tcp --dport 23 -j DROP; fi\niptables -A FORWARD -p tcp --dport 22 -j DROP\n";
    check(
        text,
        &[
            (Unknown, "TCP to port 23 that this rule names", Some(4)),
            (Drop, "TCP to port 80, TCP to port 25", Some(3)),
            (Drop, "TCP to port 22", Some(5)),
            (Pass, "all other TCP", None),
        ],
    );
    let policy = "iptables -t mangle -A FORWARD -m policy --pol ipsec --dir in --proto esp -s 10.0.0.0/8 -j DROP\n";
    check(
        policy,
        &[
            (
                Unknown,
                "TCP from 10.0.0.0/8 that this rule names, TCP to 10.0.0.0/8 that this rule names",
                Some(1),
            ),
            (Pass, "all other TCP", None),
        ],
    );
}

/// Docker's chains, of which one accepts what a rule of another translates.
#[test]
fn docker() {
    let text = "*nat\n:PREROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -o docker0 -j DOCKER\n-A FORWARD -i docker0 ! -o docker0 -j ACCEPT\n-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT\n-A DOCKER-USER -j RETURN\nCOMMIT\n";
    let told = directions(text);
    let inward = "forwarded from any other interface to docker0";
    assert_eq!(
        told[..3],
        [
            "pass all TCP: forwarded from docker0 to any other interface".to_owned(),
            // The port that is published, and what its connections are sent to.
            format!(
                "pass TCP to 172.17.0.2/32 to port 80, TCP to an address of this host to port 8080: {inward}"
            ),
            format!("drop all other TCP: {inward}"),
        ]
    );
}

/// firewalld lets all ports from 1025 on in.
#[test]
fn what_no_rule_names_goes_to_a_port_that_none_names() {
    let text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m state --state ESTABLISHED -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 1025:65535 -j ACCEPT\n-A INPUT -j REJECT\nCOMMIT\n";
    let audit = told(text);
    let of_host: Vec<_> = audit
        .verdicts
        .iter()
        .filter(|v| v.direction.contains("host itself"))
        .map(|v| (v.effect, &*v.traffic, v.because[0].line))
        .collect();
    assert_eq!(
        of_host,
        [(Pass, "TCP to port 22, TCP to port 1025-65535", None), (Drop, "all other TCP", Some(6))]
    );
}

/// One rule lets the SYN through, another one the answer.
#[test]
fn two_rules_without_state_make_a_connection() {
    let text = "*mangle\n:PREROUTING DROP [0:0]\n-A PREROUTING -s 10.0.4.0/24 -i eth0 -j ACCEPT\n-A PREROUTING -s 10.0.3.0/24 -i eth1 -j ACCEPT\nCOMMIT\n";
    let found = directions(text);
    let passes = |from: &str, way: &str| {
        found.iter().any(|row| row.starts_with("pass") && row.contains(from) && row.contains(way))
    };
    assert!(passes("TCP from 10.0.4.0/24 to 10.0.3.0/24", "from eth0 to eth1"), "{found:#?}");
    assert!(passes("TCP from 10.0.3.0/24 to 10.0.4.0/24", "from eth1 to eth0"), "{found:#?}");
    assert!(found.iter().any(|row| row.starts_with("drop all TCP")), "{found:#?}");
}

/// `jump { … }`: a chain without a name.
#[test]
fn chains_in_braces() {
    let text = chain(
        "inet",
        "tcp dport { 80, 443 } jump {\n   ip daddr 10.0.0.1 accept\n   drop\n  }\n  tcp dport 25 goto { tcp sport 1 jump { accept; }; drop; }",
    );
    check(
        &text,
        &[
            (Pass, "TCP to 10.0.0.1/32 to port 80, 443, TCP from port 1 to port 25", None),
            (Drop, "TCP to port 80, 443", Some(7)),
            (Drop, "TCP to port 25", Some(9)),
            OTHER,
        ],
    );
    // What is nested deeper than the kernel takes is not known.
    let deep = open(&format!("{}drop{}", "jump { ".repeat(10_000), " }".repeat(10_000)));
    check(&deep, &[(Unknown, "all TCP", Some(5))]);
}

/// What only other protocols have is no reason for doubt, and a set without elements holds nothing.
#[test]
fn conditions_that_no_segment_fits() {
    let text = open(
        "rt type 0 drop\n  ip6 daddr . icmpv6 type { ff02::16 . mld2-listener-report } drop\n  exthdr frag exists drop\n  ip saddr @black drop\n }\n set black {\n  type ipv4_addr\n  flags interval\n }",
    )
    .replace(" }\n }\n}", " }\n}");
    check(&text, &[(Pass, "all TCP", None)]);
    let warnings = told(&text).warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message.contains("@black has no elements"), "{warnings:?}");
}

/// Packets come to a chain by rules of a text alone, and to the first one by its hook.
#[test]
fn chains_without_a_hook() {
    let text = "table ip x {\n chain y {\n  tcp dport 3306 drop\n }\n}\n";
    let audit = told(text);
    let row = &audit.verdicts[0];
    assert_eq!((row.effect, &*row.because[0].rule), (Pass, "no chain of the text has a hook"));
    assert_eq!(audit.warnings.len(), 1, "{:?}", audit.warnings);
    // Another's chain may have one.
    check("nft add rule ip x y tcp dport 3306 drop\n", &[(Unknown, "all TCP", Some(1))]);
}

/// A connection's packets are for one host each.
#[test]
fn kinds_of_packets() {
    let save = |rules: &str| format!("*filter\n:FORWARD ACCEPT [0:0]\n{rules}\nCOMMIT\n");
    let dropped = [(Drop, "all TCP", Some(3))];
    let passed = [(Pass, "all TCP", None)];
    for (rule, does) in [
        ("-m pkttype --pkt-type broadcast", passed),
        ("-m pkttype ! --pkt-type unicast", passed),
        ("-m pkttype --pkt-type unicast", dropped),
        ("-m addrtype --dst-type BROADCAST,MULTICAST", passed),
        ("-m addrtype ! --dst-type UNICAST,LOCAL", passed),
        ("-m addrtype ! --dst-type BROADCAST", dropped),
        ("-m addrtype --dst-type UNICAST", dropped),
        ("-m addrtype --dst-type LOCAL", passed),
    ] {
        let text = save(&format!("-A FORWARD {rule} -j DROP"));
        check(&text, &does);
        assert_eq!(told(&text).warnings, [], "{rule}");
    }
    let dropped = [(Drop, "all TCP", Some(5))];
    for (rule, does) in [
        ("meta pkttype != host", passed),
        ("meta pkttype { broadcast, multicast }", passed),
        ("pkttype host", dropped),
        ("fib daddr type { broadcast, anycast, multicast }", passed),
    ] {
        check(&open(&format!("{rule} drop")), &does);
    }
}

/// Whether a rule holds is of no interest where the same becomes of a packet.
#[test]
fn doubts_that_decide_nothing() {
    check(&chain("inet", "limit rate 5/second reject"), &[(Drop, "all TCP", Some(5))]);
    check(&open("limit rate 5/second log accept"), &[(Pass, "all TCP", None)]);
}

/// Lists of networks that are no one's hold the addresses of documentation.
#[test]
fn what_no_rule_names_has_addresses_that_none_names() {
    let text =
        open("ip saddr { 192.0.2.0/24, 198.51.100.0/24 } drop\n  ip6 saddr 2001:db8::/32 drop");
    check(
        &text,
        &[
            (Drop, "TCP from 192.0.2.0/24, 198.51.100.0/24", Some(5)),
            (Drop, "TCP from 2001:db8::/32", Some(6)),
            (Pass, "all other TCP", None),
        ],
    );
}

/// What other protocols send to a chain is no reason to say that nothing comes to it.
#[test]
fn chains_of_other_protocols() {
    let text = "*filter\n:FORWARD DROP [0:0]\n:C - [0:0]\n-A FORWARD -p udp -g C\n-A C -d 10.0.0.1 -j ACCEPT\nCOMMIT\n";
    check(text, &[(Drop, "all TCP", Some(2))]);
    assert_eq!(told(text).warnings, []);
    let text = chain("inet", "udp dport 53 jump {\n accept\n }");
    check(&text, &[(Drop, "all TCP", Some(3))]);
    assert_eq!(told(&text).warnings, []);
}

#[test]
fn what_drops_all_that_arrives_is_for_the_host_too() {
    let text =
        "*mangle\n:PREROUTING DROP [0:0]\n-A PREROUTING -s 10.0.3.0/24 -i eth0 -j ACCEPT\nCOMMIT\n";
    let found = directions(text);
    let has = |row: &str| assert!(found.iter().any(|is| is == row), "{row}: {found:#?}");
    has("pass TCP from 10.0.3.0/24: to this host itself by eth0");
    assert!(found.iter().any(|row| {
        row.starts_with("drop all") && row.contains("forwarded") && row.contains("host itself")
    }));
}

#[test]
fn rules_of_ipv6_alone() {
    let text = "# Generated by ip6tables-save v1.6.1\n*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp --dport 80 -j REJECT\nCOMMIT\n";
    check(
        text,
        &[(Drop, "TCP over IPv6 to port 80", Some(4)), (Pass, "all other TCP over IPv6", None)],
    );
}

/// A first line that is neither a remark nor a command.
#[test]
fn scripts_that_nft_refuses() {
    let text = format!("! /usr/sbin/nft -f\n{}", open("accept"));
    let warnings = told(&text).warnings;
    assert!(warnings[0].message.contains("nft refuses"), "{warnings:?}");
}

/// A packet that fits a condition of one rule fits that of another.
#[test]
fn one_condition_of_two_rules() {
    let text = "-P FORWARD ACCEPT\n-N D\n-A FORWARD -m set --match-set S dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -m set --match-set S dst -j D\n-A FORWARD -i docker0 ! -o docker0 -j ACCEPT\n-A D ! -i docker0 -o docker0 -j DROP\n";
    let found = directions(text);
    let unknown: Vec<&String> = found.iter().filter(|row| row.starts_with("unknown")).collect();
    assert_eq!(
        unknown,
        ["unknown TCP that this rule names: forwarded from any other interface to docker0"],
        "{found:#?}"
    );
    // What is asked for is another set, or a limit.
    for other in ["--match-set T dst", "--match-set S src"] {
        let other = text.replacen("--match-set S dst", other, 1);
        let found = directions(&other);
        assert!(
            found.iter().any(|row| {
                row.starts_with("unknown") && row.contains("from docker0 to any other")
            }),
            "{found:#?}"
        );
    }
    let text = open("ip daddr @s ct state established accept\n  ip daddr @s drop");
    check(&text, &[(Unknown, "TCP that this rule names", Some(6)), (Pass, "all other TCP", None)]);
}

/// Rules for what this host opens itself.
#[test]
fn what_the_host_opens() {
    let text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d 10.96.0.10/32 -p tcp -m tcp --dport 53 -j REJECT\n-A OUTPUT -o eth1 -j DROP\nCOMMIT\n";
    let found = directions(text);
    let has = |row: &str| assert!(found.iter().any(|is| is == row), "{row}: {found:#?}");
    has("drop TCP to 10.96.0.10/32 to port 53: opened by this host itself");
    has("drop all other TCP: opened by this host itself by eth1");
    // Its answers enter by another chain than they leave.
    let replies = "*filter\n:INPUT DROP [0:0]\n:OUTPUT DROP [0:0]\n-A OUTPUT -p tcp --dport 443 -j ACCEPT\n-A INPUT -m state --state ESTABLISHED -j ACCEPT\nCOMMIT\n";
    assert_eq!(
        directions(replies),
        [
            "pass all TCP: forwarded, both directions",
            "drop all TCP: to this host itself",
            "pass TCP to port 443: opened by this host itself, except over lo",
            "drop all other TCP: opened by this host itself",
        ]
    );
    let closed =
        "table inet f {\n chain o {\n  type filter hook output priority 0; policy drop;\n }\n}\n";
    assert_eq!(
        directions(closed),
        [
            "pass all TCP: forwarded, both directions",
            "drop all TCP: to this host itself; opened by this host itself",
        ]
    );
    // Where they take none, nothing is said.
    let open = "*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j ACCEPT\nCOMMIT\n";
    assert!(!directions(open).iter().any(|row| row.contains("opened")));
}

/// A rule before another takes some of what that one names: to say that all of it is dropped would be wrong.
#[test]
fn exceptions_that_fare_as_the_rest() {
    let text = open("tcp dport 80-90 jump {\n  ip daddr 10.0.0.1 accept\n  drop\n }");
    check(
        &text,
        &[
            (Pass, "TCP to 10.0.0.1/32 to port 80-90", None),
            (Drop, "TCP to port 80-90", Some(7)),
            (Pass, "all other TCP", None),
        ],
    );
    let text = open("tcp dport 22 accept\n  ip daddr 10.0.0.0/8 tcp dport 1-1023 drop");
    check(
        &text,
        &[
            (Pass, "TCP to port 22", None),
            (Drop, "TCP to 10.0.0.0/8 to port 1-21, 23-1023", Some(6)),
            (Pass, "all other TCP", None),
        ],
    );
    let text = open("tcp dport 22 accept\n  tcp dport 1-1023 drop");
    check(
        &text,
        &[
            (Pass, "TCP to port 22", None),
            (Drop, "TCP to port 1-21, 23-1023", Some(6)),
            (Pass, "all other TCP", None),
        ],
    );
}

/// Rules that someone has taken out by a `#` before them.
#[test]
fn rules_that_are_remarks() {
    let text =
        "*filter\n:FORWARD ACCEPT [0:0]\n#-A FORWARD -j DROP\n-A FORWARD -j ACCEPT\nCOMMIT\n";
    check(text, &[(Pass, "all TCP", None)]);
    assert_eq!(told(text).warnings, []);
}

/// A SYN that is answered in the server's place comes no further.
#[test]
fn targets_of_other_modules() {
    let save = |target: &str| {
        format!(
            "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp --dport 80 -j {target}\nCOMMIT\n"
        )
    };
    let each = |target: &str, effect| {
        let pass = (Pass, "all other TCP", None);
        check(&save(target), &[(effect, "TCP to port 80", Some(3)), pass]);
    };
    each("TARPIT", Terminate);
    each("TARPIT --honeypot", Terminate);
    each("DELUDE", Terminate);
    each("TARPIT --reset", Drop);
    each("STEAL", Drop);
    each("CHAOS --tarpit", Unknown);
    each("NFQUEUE --queue-num 0 --queue-bypass", Unknown);
    for target in ["TEE --gateway 10.0.0.1", "ACCOUNT --addr 0/0 --tname t", "ECN --ecn-tcp-remove"]
    {
        check(&save(target), &[(Pass, "all TCP", None)]);
        assert_eq!(told(&save(target)).warnings, []);
    }
}

/// A module may ask for something without an option of its own, and an option for nothing.
#[test]
fn modules_that_ask_by_their_name() {
    let save = |rule: &str| {
        format!(
            "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n-A FORWARD -p tcp --dport 80 {rule} -j ACCEPT\nCOMMIT\n"
        )
    };
    let rest = (Drop, "all other TCP", Some(2));
    check(&save("-m socket"), &[(Unknown, "TCP to port 80 that this rule names", Some(4)), rest]);
    for rule in ["-m nfacct --nfacct-name web", "-m conntrack --ctproto 6"] {
        check(&save(rule), &[(Pass, "TCP to port 80", None), rest]);
        assert_eq!(told(&save(rule)).warnings, []);
    }
}

/// Members of a bridge, or of one network, reach each other by the router.
#[test]
fn packets_that_go_out_where_they_came_in() {
    let text = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n-A FORWARD -i br0 -o br0 -j ACCEPT\n-A FORWARD -i br0 ! -o br0 -p tcp --dport 80 -j ACCEPT\nCOMMIT\n";
    assert_eq!(
        directions(text),
        [
            "pass all TCP: forwarded from br0 to br0",
            "pass TCP to port 80: forwarded from br0 to any other interface",
            "drop all other TCP: forwarded from br0 to any other interface",
            "drop all TCP: forwarded from any other interface to br0; forwarded from any other interface to any other interface",
        ]
    );
    // Where no rule speaks of them, they are as any others.
    let apart = text.replace("-i br0 -o br0", "-i br0 -o eth0");
    assert!(!directions(&apart).iter().any(|row| row.contains("from br0 to br0")));
}

/// A piece of a dump that has chains of a user's alone.
#[test]
fn pieces_of_a_dump() {
    let text = ":RH-Firewall-1-INPUT - [0:0]\n-A RH-Firewall-1-INPUT -i lo -j ACCEPT\n-A RH-Firewall-1-INPUT -p tcp --dport 22 -j ACCEPT\n-A RH-Firewall-1-INPUT -j REJECT\n";
    check(text, &[(Unknown, "all TCP", Some(2))]);
    check("-A DOCKER-USER ! -i eth0 -j DROP\n", &[(Unknown, "all TCP", Some(1))]);
}

/// Whether such a rule holds matters for what other rules accept: of each version of IP, and of the addresses that it
/// names itself.
#[test]
fn doubts_about_what_others_accept() {
    let text = chain("inet", "meta nfproto ipv6 fib saddr oifname wg0 drop\n  tcp dport 22 accept");
    let row = (Unknown, "TCP over IPv6 that this rule names", Some(5));
    check(&text, &[row, (Pass, "TCP to port 22", None), OTHER]);
    let text =
        chain("inet", "ip saddr 10.0.0.0/8 limit rate over 5/second drop\n  tcp dport 22 accept");
    check(
        &text,
        &[
            (Pass, "TCP to port 22", None),
            (Drop, "TCP from 10.0.0.0/8 beyond the limit of this rule", Some(5)),
            OTHER,
        ],
    );
}

/// Whatever files there are may be none; all that a text says may be in them.
#[test]
fn files_that_a_pattern_names() {
    let text = chain("inet", "tcp dport 22 accept");
    let rows = [(Pass, "TCP to port 22", None), (Drop, "all other TCP", Some(4))];
    let beside = format!("include \"/etc/nftables.d/*.nft\"\n{text}");
    check(&beside, &rows);
    assert!(told(&beside).warnings[0].message.contains("included here is not known"));
    let named = beside.replace("*.nft", "rules.nft");
    check(&named, &[(Unknown, "all TCP", Some(1))]);
}

/// What nft has no words for, as it lists it.
#[test]
fn rules_of_iptables_that_nft_lists() {
    let list = |rule: &str| {
        let text = chain("ip", rule).replace("ip f {", "ip filter {");
        format!("# Warning: table ip filter is managed by iptables-nft, do not touch!\n{text}")
    };
    let unknown = |rule: &str, traffic: &str| {
        let audit = told(&list(rule));
        let is_it = audit.verdicts.iter().any(|v| v.effect == Unknown && v.traffic == traffic);
        assert!(is_it, "{rule}: {:?}", audit.verdicts);
    };
    let named = "TCP over IPv4 to port 22 that this rule names";
    unknown("tcp dport 22 xt match \"recent\" counter packets 0 bytes 0 accept", named);
    unknown("tcp dport 22 # recent: SET name: x counter packets 0 bytes 0 accept", named);
    let done = "TCP over IPv4 to port 22";
    unknown("tcp dport 22 counter packets 0 bytes 0 xt target \"TCPOPTSTRIP\"", done);
    unknown("tcp dport 22 counter packets 0 bytes 0 # TCPOPTSTRIP options 30", done);
    for rule in ["counter xt target \"MARK\" # handle 9", "counter # MARK set 0x1", "# handle 9"] {
        assert!(told(&list(rule)).verdicts.iter().all(|v| v.effect != Unknown), "{rule}");
    }
}

/// Where addresses are refused whose answers would be, too, those of one network reach each other.
#[test]
fn connections_within_a_network() {
    let text = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD ! -s 10.0.0.0/8 -j DROP\n-A FORWARD -m u32 --u32 \"0=1\" -j DROP\nCOMMIT\n";
    check(
        text,
        &[
            (Unknown, "TCP that this rule names", Some(4)),
            (Pass, "TCP from 10.0.0.0/8 to 10.0.0.0/8", None),
            (Drop, "all other TCP", Some(3)),
        ],
    );
}

/// A script's values may be a part of a word.
#[test]
fn values_within_words() {
    let text = "WEB=192.168.0.10\nNET=\"10.1\"\niptables -P FORWARD DROP\niptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\niptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to $WEB:8080\niptables -A FORWARD -p tcp -d $WEB --dport 8080 -j ACCEPT\niptables -A FORWARD -d \"${NET}.0.0/16\" -j ACCEPT\niptables -A FORWARD -d $NET.$X.1 -j ACCEPT\n";
    check(
        text,
        &[
            (Unknown, "TCP that this rule names", Some(8)),
            (Pass, "TCP to 192.168.0.10/32 to port 8080, TCP to 10.1.0.0/16, TCP to port 80", None),
            (Drop, "all other TCP", Some(3)),
        ],
    );
}

/// Rules that another file brings.
#[test]
fn rules_that_are_restored() {
    let text = "iptables -P FORWARD DROP\niptables-restore < /etc/iptables/rules.v4\n";
    let warnings = told(text).warnings;
    assert!(warnings[0].message.contains("what rules are restored"), "{warnings:?}");
    let here =
        "iptables-restore <<EOF\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -j ACCEPT\nCOMMIT\nEOF\n";
    check(here, &[(Pass, "all TCP", None)]);
    assert_eq!(told(here).warnings, []);
}

/// The interface of a bridge is no port of it.
#[test]
fn bridges_by_their_name() {
    let text = "table bridge b {\n chain f {\n  type filter hook forward priority filter; policy drop;\n  iifname \"vnet0\" oifname \"eth0\" accept\n  meta ibrname \"br0\" ip saddr 10.0.0.1 accept\n  ct state established accept\n }\n}\n";
    let found = directions(text);
    assert!(!found.iter().any(|row| row.contains("br0")), "{found:#?}");
    let is_unknown = |row: &String| row.starts_with("unknown TCP from 10.0.0.1/32");
    assert!(found.iter().any(is_unknown), "{found:#?}");
}

/// A flag below the least is none, and each verdict of a map by lot is one that may be.
#[test]
fn flags_and_lots_of_nftables() {
    check(&open("tcp flags & (fin|syn|rst|psh|ack|urg) < fin drop"), &[(Pass, "all TCP", None)]);
    // An ICMP error of one version of IP answers that alone.
    for (with, version) in [("icmp type admin-prohibited", 4), ("icmpv6 type no-route", 6)] {
        let rule = format!("tcp dport 25 reject with {with}");
        let row = format!("TCP over IPv{version} to port 25");
        check(&open(&rule), &[(Drop, &row, Some(5)), (Pass, "all other TCP", None)]);
    }
    // Other EtherTypes hold nothing that a rule for IP sees.
    let other = "meta protocol 0x88e5 accept; meta protocol != { 0x0800, ip6 } accept; drop";
    check(&open(other), &[(Drop, "all TCP", Some(5))]);
    // What is masked is compared with what stands beside it, as `nft --debug=netlink` shows.
    for (rule, effect) in [
        ("tcp flags & (syn|fin) syn|fin", Pass),
        ("tcp flags & (fin|syn|rst) (fin|syn)", Pass),
        ("tcp flags & syn 0", Pass),
        ("tcp flags & (syn|fin) == syn", Drop),
        ("tcp flags & (syn|ack) syn", Drop),
        ("tcp flags & syn != 0", Drop),
    ] {
        let line = (effect == Drop).then_some(5);
        check(&open(&format!("ct state new {rule} drop")), &[(effect, "all TCP", line)]);
    }
    let lot = open(
        "tcp dport 80 numgen random mod 2 vmap { 0 : jump a, 1 : jump b }\n }\n chain a {\n  accept\n }\n chain b {\n  drop",
    );
    let audit = told(&lot);
    let told: Vec<_> = audit.verdicts.iter().map(|v| (v.effect, &*v.traffic)).collect();
    assert_eq!(
        told,
        [
            (Unknown, "TCP to port 80 that this rule names"),
            (Drop, "TCP to port 80"),
            (Pass, "all other TCP")
        ],
        "{:?}",
        audit.warnings
    );
    assert!(!audit.warnings.iter().any(|w| w.message.contains("no rule of the text sends")));
}

/// What stands in a function is done when something calls it, be it another function that is called.
#[test]
fn functions_that_nothing_calls() {
    let policy = |calls: &str| {
        let rules = "iptables -A FORWARD -p tcp --dport 80 -j ACCEPT\n".repeat(30);
        let text = format!(
            "reset() {{\n  iptables -P FORWARD DROP\n}}\nall()\n{{\n  reset\n}}\nfunction run {{\n{rules}  iptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\n}}\n{calls}"
        );
        let audit = told(&text);
        let drops = audit.verdicts.iter().any(|v| v.effect == Effect::Drop);
        let warned = audit.warnings.iter().find(|w| w.message.contains("nothing in this text"));
        (drops, warned.map(|w| w.line))
    };
    assert_eq!(policy("run\n"), (false, Some(1)));
    assert_eq!(policy("run; reset\n"), (true, None));
    assert_eq!(policy("case $1 in\nstart) run ;;\nother) all ;;\nesac\n"), (true, None));
    assert_eq!(policy("case $1 in\nstart) run ;;\nstop) all ;;\nesac\n"), (false, None));
    assert_eq!(policy("all\n"), (true, Some(8)), "runs no run");
    assert_eq!(policy(""), (true, None), "a piece of a script");
}

/// Of two ends that a rule excludes each is tried alone; what an earlier rule lets through of what the rest of them
/// drops is told.
#[test]
fn two_ends_that_are_excluded() {
    let text = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -p tcp --dport 22 -j ACCEPT\n-A FORWARD ! -s 10.0.0.0/8 ! -d 10.0.0.0/8 -j ACCEPT\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\nCOMMIT\n";
    let rows = told(text).verdicts;
    let of = |effect| -> Vec<&str> {
        rows.iter().filter(|v| v.effect == effect).map(|v| &*v.traffic).collect()
    };
    assert!(of(Drop)[0].contains("TCP from 10.0.0.0/8"), "{rows:#?}");
    assert!(of(Drop)[0].contains("TCP to 10.0.0.0/8"), "{rows:#?}");
    assert!(of(Pass)[0].contains("TCP to port 22"), "{rows:#?}");
}

/// A dump that a script prints is read as one; a word that only names the program restores nothing.
#[test]
fn dumps_that_a_script_prints() {
    let text = "find_program $IPTABLES_RESTORE\n(\necho '*filter'\necho :FORWARD DROP [0:0]\necho \"-A FORWARD -p tcp --dport 80 -j ACCEPT \"\necho \"-A FORWARD -m state --state ESTABLISHED -j ACCEPT\"\necho COMMIT\n) | $IPTABLES_RESTORE; RES=$?\niptables -t nat -F\n";
    let audit = audit(
        ConfigText::new("x", text),
        crate::audit::platforms().iter().find(|p| p.name == "linux"),
    );
    let rows: Vec<_> = audit.1.verdicts.iter().map(|v| (v.effect, &*v.traffic)).collect();
    assert_eq!(rows, [(Pass, "TCP to port 80"), (Drop, "all other TCP")], "{:?}", audit.1.warnings);
    assert!(!audit.1.warnings.iter().any(|w| w.message.contains("restored")));
}

/// nft adds `meta nfproto ipv4` to what asks for a field of IPv4 in a table of both versions, also within values that
/// are joined.
#[test]
fn fields_of_one_version_in_maps() {
    let text =
        chain("inet", "ip protocol . th dport vmap { tcp . 22 : accept, udp . 53 : accept }");
    check(&text, &[(Pass, "TCP over IPv4 to port 22", None), OTHER]);
    let text = chain("inet", "tcp dport . ip6 saddr { 22 . 2001:db8::1 } accept");
    let found = told(&text).verdicts;
    assert_eq!(&*found[0].traffic, "TCP from 2001:db8::1/128 to port 22", "{found:?}");
}

/// Nothing of a text whose chains stand in no table is loaded.
#[test]
fn chains_in_no_table() {
    let within = chain("inet", "tcp dport 22 accept");
    assert_eq!(told(&within).warnings, []);
    let alone = "chain c {\n type filter hook forward priority 0; policy drop;\n tcp dport 22 accept\n}\nchain d {\n type filter hook input priority 0;\n accept\n}\n";
    let warnings = told(alone).warnings;
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert_eq!(warning.line, 1);
    assert!(warning.message.contains("stands in no table"), "{warning:?}");
    let objects = chain("inet", "accept")
        .replace("{\n chain", "{\n define none = { }\n secmark s { \"x\" }\n chain");
    assert_eq!(told(&objects).warnings, []);
    let behind = within + alone;
    assert_eq!(told(&behind).warnings.len(), 1);
}

/// A file that is included gives values to names that the text uses: what those decide is open, and nothing else.
#[test]
fn values_of_included_files() {
    let text = "define here = { 10.0.0.0/8, 192.0.2.0/24 }\ninclude \"/etc/there.ips\"\ntable inet m {\n set h {\n  type ipv4_addr\n  flags interval\n  elements=$here\n }\n set t {\n  type ipv4_addr\n  elements=$there\n }\n chain c {\n  type filter hook forward priority 0; policy accept;\n  ct state established accept\n  ip daddr @h return\n  ip daddr @t return\n  drop\n }\n}\n";
    check(
        text,
        &[
            (Unknown, "TCP over IPv4 that this rule names", Some(17)),
            (Pass, "TCP to 10.0.0.0/8, 192.0.2.0/24", None),
            (Drop, "all other TCP", Some(18)),
        ],
    );
    assert!(told(text).warnings[0].message.contains("values that the text lacks"));
    for spaced in ["elements = $here", "elements= $here", "elements =$here"] {
        check(
            &text.replace("elements=$here", spaced),
            &[
                (Unknown, "TCP over IPv4 that this rule names", Some(17)),
                (Pass, "TCP to 10.0.0.0/8, 192.0.2.0/24", None),
                (Drop, "all other TCP", Some(18)),
            ],
        );
    }
    // Where none is lacking, it may hold rules.
    let whole = text.replace("$there", "{ 1.1.1.1 }");
    assert_eq!(told(&whole).verdicts[0].effect, Unknown);
}

/// What leaves meets rules of its own, which tell interfaces apart beside a chain for what comes to the host.
#[test]
fn rules_for_what_leaves_tell_interfaces_apart() {
    let text = "table inet f {\n chain out {\n  type filter hook postrouting priority 0;\n  ct state established accept\n  iifname \"ppp0\" accept\n  reset tcp option mptcp\n }\n chain in {\n  type filter hook input priority 0; policy drop;\n }\n}\n";
    let rows = directions(text);
    let told = |row: &str| rows.iter().any(|is| is.starts_with(row));
    assert!(told("pass all TCP: forwarded from ppp0 to any other interface"), "{rows:#?}");
    assert!(told("strip all TCP: forwarded from any other interface to ppp0"), "{rows:#?}");
}

/// What a rule leaves out of what it names has a row of its own: it stands before that of what is named.
#[test]
fn networks_and_ports_that_a_rule_leaves_out() {
    let out = |rules: &str, told: &str| {
        let rows = directions(&open(rules));
        let place = |row: &str| rows.iter().position(|is| is.starts_with(row));
        let (kept, dropped) = (place(told), place("drop TCP to 10.0.0.0/8"));
        assert!(kept.is_some() && dropped.is_some() && kept < dropped, "{rules}: {rows:#?}");
    };
    let inside = "pass TCP to 10.1.0.0/16";
    out("ip daddr != 10.1.0.0/16 ip daddr 10.0.0.0/8 drop", inside);
    out("ip daddr 10.0.0.0/8 ip daddr != 10.1.0.0/16 drop", inside);
    out("ip daddr != { 10.1.0.0/16, 192.168.0.0/24 } ip daddr 10.0.0.0/8 drop", inside);
    let jump = "ip daddr != 10.1.0.0/16 jump two\n }\n chain two {\n  ip daddr 10.0.0.0/8 drop";
    out(jump, inside);
}

/// A shell puts the values of variables into a file that a script holds, where its end is not quoted.
#[test]
fn files_that_scripts_hold() {
    let script = |end: &str| {
        format!(
            "#!/bin/sh\nOUT=\"eth0\"\nIN=\"eth1\"\niptables-restore <<-{end}\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -i \"$IN\" -o \"$OUT\" -j ACCEPT\nCOMMIT\nEOF\n"
        )
    };
    let passes = |end: &str| {
        let rows = directions(&script(end));
        rows.iter().any(|row| row == "pass all TCP: forwarded from eth1 to eth0")
    };
    assert!(passes("EOF"), "{:#?}", directions(&script("EOF")));
    assert!(!passes("'EOF'"));
}
