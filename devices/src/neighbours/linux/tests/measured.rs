//! Texts that this model once read otherwise than a kernel does, as the comparison with the kernel found.

use crate::audit::Effect::{Drop, Pass, Strip};

use super::texts::{check, directions, told};

/// An exclamation mark within a rule is none of the remarks that pages put behind commands.
#[test]
fn marks_that_negate() {
    let nft = "table inet f {\n chain c {\n  type filter hook forward priority 0;\n  tcp flags ! ack drop\n }\n}\n";
    check(nft, &[(Drop, "all TCP", Some(4))]);
    let script = "IPT=iptables\n$IPT -A FORWARD -m state --state ESTABLISHED -j ACCEPT\n$IPT -A FORWARD -p tcp ! --dport 80 -j DROP\n";
    check(script, &[(Pass, "TCP to port 80", None), (Drop, "all other TCP", Some(3))]);
}

/// iptables, libxt_conntrack.c: names of states may be cut, and in small letters.
#[test]
fn states_that_are_cut() {
    let text = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m state --state RELATED,ESTABLISH -j ACCEPT\n-A FORWARD -p tcp --dport 80 -m state --state new -j ACCEPT\nCOMMIT\n";
    check(text, &[(Pass, "TCP to port 80", None), (Drop, "all other TCP", Some(2))]);
}

/// `+` alone is any interface.
#[test]
fn any_interface() {
    let text = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -i + -o + -j ACCEPT\nCOMMIT\n";
    check(text, &[(Pass, "all TCP", None)]);
    assert_eq!(directions(text), ["pass all TCP: forwarded, both directions"]);
}

/// A connection that is sent where it went before has no other destination (Linux, `nf_nat_setup_info`).
#[test]
fn the_same_destination() {
    let text = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.0.0.1 -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1:80\n-A PREROUTING -p tcp --dport 81 -j DNAT --to-destination 10.0.0.1:80\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -m conntrack --ctstate DNAT -j ACCEPT\nCOMMIT\n";
    check(text, &[(Pass, "TCP to port 81", None), (Drop, "all other TCP", Some(7))]);
}

/// One of a network's connections is tried: none that a narrower rule is of.
#[test]
fn networks_within_networks() {
    let text = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -s 10.0.0.0/30 -j ACCEPT\n-A FORWARD -s 10.0.0.0/24 -j DROP\n-A FORWARD -p tcp --dport 1000:1010 -j ACCEPT\n-A FORWARD -p tcp --dport 1000:2000 -j DROP\nCOMMIT\n";
    check(
        text,
        &[
            // What classes have in common, where the first row that names it would tell otherwise.
            (Pass, "TCP from 10.0.0.0/30 to 10.0.0.0/30", None),
            (
                Drop,
                "TCP from 10.0.0.0/30 to 10.0.0.0/24, TCP from 10.0.0.0/24 to 10.0.0.0/30",
                Some(4),
            ),
            (Drop, "TCP to 10.0.0.0/30 to port 1011-2000", Some(6)),
            (
                Pass,
                "TCP from 10.0.0.0/30 to port 1000-1010, TCP to 10.0.0.0/30 to port 1000-1010",
                None,
            ),
            (
                Drop,
                "TCP from 10.0.0.0/24 to port 1000-1010, TCP to 10.0.0.0/24 to port 1000-1010",
                Some(4),
            ),
            (
                Pass,
                "TCP from 10.0.0.0/30, TCP to 10.0.0.0/30, TCP to port 1000-1010 (what earlier rules leave)",
                None,
            ),
            (Drop, "TCP from 10.0.0.0/24, TCP to 10.0.0.0/24", Some(4)),
            (Drop, "TCP to port 1011-2000 (what earlier rules leave)", Some(6)),
            (Pass, "all other TCP", None),
        ],
    );
}

/// Where more crosses than there are rows for, that is said.
#[test]
fn rules_that_cross_often() {
    let rules = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -s 10.0.0.0/30 -j ACCEPT\n-A FORWARD -s 10.0.0.0/24 -j DROP\n-A FORWARD -s 10.0.0.0/16 -j ACCEPT\n-A FORWARD -s 10.0.0.0/8 -j DROP\n-A FORWARD -p tcp --dport 1000:1010 -j ACCEPT\n-A FORWARD -p tcp --dport 1000:2000 -j DROP\n-A FORWARD -p tcp --dport 1000:3000 -j ACCEPT\n-A FORWARD -p tcp --dport 1000:4000 -j DROP\n";
    let warned = |text: &str| {
        let warnings = told(text).warnings.into_iter();
        warnings.filter(|warning| warning.message.contains("cross more often")).count()
    };
    assert_eq!(warned(rules), 1);
    let few = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -s 10.0.0.0/30 -j ACCEPT\n-A FORWARD -s 10.0.0.0/24 -j DROP\n";
    assert_eq!(warned(few), 0);
}

/// Of a list a port is tried that is no other rule's.
#[test]
fn lists_that_share_ports() {
    let text = "table ip f {\n chain c {\n  type filter hook forward priority 0; policy drop;\n  ct state established accept\n  tcp dport 81 drop\n  tcp dport { 81, 83 } accept\n }\n}\n";
    check(
        text,
        &[
            (Drop, "TCP over IPv4 to port 81", Some(5)),
            (Pass, "TCP over IPv4 to port 83", None),
            (Pass, "all other TCP over IPv6", None),
            (Drop, "all other TCP", Some(3)),
        ],
    );
}

/// What may not come in by an interface does not come as an answer either.
#[test]
fn answers_that_are_refused() {
    let text =
        "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD ! -s 10.0.0.0/24 -i eth0 -j DROP\nCOMMIT\n";
    let found = directions(text);
    assert!(
        found.iter().any(|row| row == "pass TCP to 10.0.0.0/24: forwarded from any other interface to eth0"),
        "{found:#?}"
    );
}

/// Where no row names an interface, others than it are told from it by its name.
#[test]
fn other_interfaces_than_which() {
    let text = "ip6tables -P FORWARD DROP\niptables -A FORWARD -i tun0 -j ACCEPT\niptables -A FORWARD -o tun0 -j ACCEPT\niptables -A FORWARD -d 10.0.0.1 -j DROP\n";
    let found = directions(text);
    let row = "drop TCP to 10.0.0.1/32, TCP from 10.0.0.1/32: forwarded from any interface but tun0 to any interface but tun0";
    assert!(found.iter().any(|found| found == row), "{found:#?}");
}

/// Before conntrack has seen a packet its state is INVALID, and before it is routed it goes out nowhere.
#[test]
fn what_is_not_known_yet() {
    let raw = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m conntrack --ctstate NEW,ESTABLISHED -j DROP\n-A PREROUTING -p tcp --dport 80 -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n";
    // Of what is forwarded, and of what comes to this host.
    let others = (Pass, "all other TCP", None);
    // What this host sends to itself is known from when it left.
    let itself = (Drop, "all TCP", Some(3));
    check(raw, &[(Drop, "TCP to port 80", Some(4)), others, others, itself]);
    let nft = "table inet f {\n chain c {\n  type filter hook prerouting priority PRIORITY;\n  ct state new drop\n }\n}\n";
    check(&nft.replace("PRIORITY", "raw"), &[(Pass, "all TCP", None)]);
    check(&nft.replace("PRIORITY", "mangle"), &[(Drop, "all TCP", Some(4))]);
    let out = nft.replace("PRIORITY", "filter").replace("ct state new", "oifname != eth0");
    let all = (Drop, "all TCP", Some(4));
    // What others open, and what the router opens itself.
    check(&out, &[all, all]);
}

/// Programs that stand behind others, or alone on their lines.
#[test]
fn programs_that_are_recognised() {
    let words = "iptables \\\n-w \\\n-P FORWARD DROP\niptables \\\n-w \\\n-A FORWARD \\\n-m conntrack \\\n--ctstate ESTABLISHED \\\n-j ACCEPT\niptables \\\n-A FORWARD \\\n-p tcp \\\n--dport 80 \\\n-j ACCEPT\n";
    let rest = (Drop, "all other TCP", Some(1));
    check(words, &[(Pass, "TCP to port 80", None), rest]);
    for before in ["${SUDO} ", "ip netns exec lan /sbin/"] {
        let text = format!(
            "{before}iptables -P FORWARD DROP\n{before}iptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\n{before}iptables -A FORWARD -p tcp --dport 80 -j ACCEPT\n"
        );
        check(&text, &[(Pass, "TCP to port 80", None), rest]);
    }
}

/// A server that hears of no option 30 answers without it: a rule against answers that have one drops none.
#[test]
fn answers_of_a_server_that_hears_nothing_of_mptcp() {
    let text = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp --tcp-option 30 --tcp-flags SYN,ACK SYN,ACK -j DROP\nCOMMIT\n*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp --syn -j TCPOPTSTRIP --strip-options 30\nCOMMIT\n";
    check(text, &[(Strip, "all TCP", Some(7))]);
}
