//! What is said of connections that rules send elsewhere than they were called.

use crate::audit::Effect::{Drop, Pass, Terminate, Unknown};

use super::texts::{check, directions, told};

/// Rows that a text must have.
fn has(text: &str, rows: &[&str]) {
    let found = directions(text);
    for row in rows {
        assert!(found.iter().any(|is| is == row), "{row}\n{found:#?}\n{text}");
    }
}

/// A router of nftables with these rules for what arrives and for what is forwarded.
fn router(arriving: &str, forwarded: &str) -> String {
    format!(
        "table inet nat {{\n chain pre {{\n  type nat hook prerouting priority dstnat;\n  {arriving}\n }}\n}}\ntable inet filter {{\n chain forward {{\n  type filter hook forward priority 0; policy drop;\n  ct state established,related accept\n  {forwarded}\n }}\n}}\n"
    )
}

const REST: (crate::audit::Effect, &str, Option<u32>) = (Drop, "all other TCP", Some(9));

#[test]
fn forward_rules_see_the_destination_that_a_connection_is_given() {
    let port = "tcp dport 8080 dnat ip to 192.168.1.10:80";
    let inner = "ip daddr 192.168.1.10 tcp dport 80 accept";
    let both = "TCP to 192.168.1.10/32 to port 80, TCP over IPv4 to port 8080";
    check(&router(port, inner), &[(Pass, both, None), REST]);
    // The port that was called is not one that is accepted.
    check(
        &router(port, "tcp dport 8080 accept"),
        &[
            (Drop, "TCP over IPv4 to port 8080", Some(9)),
            (Pass, "TCP over IPv6 to port 8080", None),
            REST,
        ],
    );
    for mark in ["ct status dnat accept", "ct status & dnat == dnat accept"] {
        check(&router(port, mark), &[(Pass, "TCP over IPv4 to port 8080", None), REST]);
    }
    let opposite = router(port, "ct status != dnat accept");
    check(
        &opposite,
        &[(Drop, "TCP over IPv4 to port 8080", Some(9)), (Pass, "all other TCP", None)],
    );
    // No rule translates: no connection is such.
    check(&router("accept", "ct status dnat accept"), &[(Drop, "all TCP", Some(9))]);
}

#[test]
fn destinations_of_nftables() {
    let accept = "ip daddr 10.0.0.1 accept";
    let named = |traffic: &'static str, rule: &str| {
        let all = format!("TCP to 10.0.0.1/32, {traffic}");
        check(&router(rule, accept), &[(Pass, &all, None), REST]);
    };
    named("TCP over IPv4 to port 80", "tcp dport 80 dnat ip to 10.0.0.1");
    named("TCP over IPv4 to port 80", "tcp dport 80 dnat ip to 10.0.0.1:8080 comment \"x\"");
    named("TCP over IPv4 to port 80", "dnat ip to tcp dport map { 80 : 10.0.0.1 }");
    named(
        "TCP over IPv4 to port 80",
        "dnat ip addr . port to tcp dport map { 80 : 10.0.0.1 . 8080 }",
    );
    let text = router("dnat ip to tcp dport map @m", accept).replace(
        " chain pre {",
        " map m { type inet_service : ipv4_addr; elements = { 80 : 10.0.0.1 }; }; chain pre {",
    );
    check(&text, &[(Pass, "TCP to 10.0.0.1/32, TCP over IPv4 to port 80", None), REST]);
}

/// What one value of a map is sent to, and what another is.
#[test]
fn each_value_of_a_map_has_its_destination() {
    let text = router(
        "dnat ip to tcp dport map { 80 : 10.0.0.1, 443 : 10.0.0.2 }",
        "ip daddr 10.0.0.1 accept",
    );
    check(
        &text,
        &[
            (Drop, "TCP over IPv4 to port 443", Some(9)),
            (Pass, "TCP to 10.0.0.1/32 (what earlier rules leave), TCP over IPv4 to port 80", None),
            REST,
        ],
    );
}

/// What the text does not tell of a destination matters where rules tell destinations apart.
#[test]
fn destinations_that_are_not_told() {
    let each = |to: &str| {
        let text = router(&format!("tcp dport 80 dnat ip to {to}"), "ip daddr 10.0.0.1 accept");
        let row = &told(&text).verdicts[0];
        assert_eq!((row.effect, &*row.traffic), (Unknown, "TCP over IPv4 to port 80"), "{text}");
        assert_eq!(row.because[0].line, Some(4));
        check(
            &router(&format!("tcp dport 80 dnat ip to {to}"), "ct status dnat accept"),
            &[(Pass, "TCP over IPv4 to port 80", None), REST],
        );
    };
    each("$SERVER");
    each("10.0.0.1-10.0.0.9");
    each("numgen inc mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }");
}

#[test]
fn a_redirection_is_for_the_rules_of_input() {
    let save = |nat: &str, input: &str| {
        format!(
            "*nat\n:PREROUTING ACCEPT [0:0]\n{nat}\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n-A INPUT -m state --state ESTABLISHED -j ACCEPT\n{input}\nCOMMIT\n"
        )
    };
    let redirect = "-A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 3128";
    has(
        &save(redirect, "-A INPUT -p tcp --dport 3128 -j ACCEPT"),
        &[
            // Who calls this host itself is answered by the process at the other port, too.
            "terminate TCP to port 80: forwarded, both directions; to this host itself by any other interface but lo",
            "pass TCP to port 3128: to this host itself",
            "drop all other TCP: to this host itself",
        ],
    );
    has(
        &save(redirect, "-A INPUT -p tcp --dport 80 -j ACCEPT"),
        &[
            "drop TCP to port 80: forwarded, both directions",
            "drop all TCP: to this host itself by any other interface but lo",
            // What the host sends to itself is not redirected on arrival.
            "pass TCP to port 80: to this host itself by lo",
        ],
    );
    // The rules of INPUT may ask for one of this host's addresses.
    has(
        &save(redirect, "-A INPUT -d 10.0.0.1 -p tcp --dport 3128 -j ACCEPT"),
        &[
            "unknown TCP to port 80: forwarded, both directions; to this host itself by any other interface but lo",
        ],
    );
    let inner = "-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 127.0.0.1:3128";
    has(
        &save(inner, "-A INPUT -p tcp --dport 3128 -j ACCEPT"),
        &[
            "terminate TCP to port 80: forwarded, both directions; to this host itself by any other interface but lo",
        ],
    );
    let proxy = "*mangle\n-A PREROUTING -p tcp --dport 80 -j TPROXY --on-port 3129 --tproxy-mark 1\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n";
    has(
        proxy,
        &[
            "terminate TCP to port 80: forwarded, both directions; to this host itself",
            "pass all other TCP: forwarded, both directions",
            "pass all other TCP: to this host itself",
        ],
    );
}

/// What is called by an address of this host and sent elsewhere is forwarded, and nothing for the host itself.
#[test]
fn what_is_sent_elsewhere_is_not_for_the_host() {
    let text = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.0.0.1:80\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n-A INPUT -m state --state ESTABLISHED -j ACCEPT\n-A INPUT -p tcp --dport 8080 -j ACCEPT\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -m conntrack --ctstate DNAT -j ACCEPT\nCOMMIT\n";
    has(
        text,
        &[
            "pass TCP to port 8080: forwarded from eth0 to any other interface",
            "pass TCP to port 8080: to this host itself by any other interface",
        ],
    );
    let all = text.replace("-p tcp --dport 8080 -j DNAT", "-j DNAT");
    let found = directions(&all);
    assert!(!found.iter().any(|row| row.contains("host itself by eth0")), "{found:#?}");
}

/// A balancer's rules: which of them holds, a number decides that is drawn.
#[test]
fn destinations_by_lot() {
    let text = "*nat\n:PREROUTING ACCEPT [0:0]\n:SVC - [0:0]\n-A PREROUTING -d 10.96.0.1/32 -p tcp --dport 443 -j SVC\n-A SVC -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.0.0.1:6443\n-A SVC -p tcp -j DNAT --to-destination 10.0.0.2:6443\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -d 10.0.0.2/32 -j ACCEPT\nCOMMIT\n";
    check(
        text,
        &[
            (Unknown, "TCP to 10.96.0.1/32 to port 443 that this rule names", Some(5)),
            (Pass, "TCP to 10.0.0.2/32, TCP to 10.96.0.1/32 to port 443", None),
            (Drop, "all other TCP", Some(9)),
        ],
    );
    let both = text.replace("-d 10.0.0.2/32 -j", "-d 10.0.0.0/30 -j");
    check(
        &both,
        &[
            (Pass, "TCP to 10.0.0.0/30, TCP to 10.96.0.1/32 to port 443", None),
            (Drop, "all other TCP", Some(9)),
        ],
    );
}

#[test]
fn rules_of_translation_do_nothing_in_a_scenario() {
    use crate::config::ConfigText;
    use crate::spec::DeviceContext;
    let context = DeviceContext { name: "l", seed: 1, default_farm: None };
    let text = "*nat\n-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1\nCOMMIT\n";
    let (_, warnings) = super::super::build(&context, Some(ConfigText::new("x", text))).unwrap();
    assert!(warnings[0].message.contains("keep the destinations"), "{warnings:?}");
}

/// What comes from a server's port is let in, and its answers by the server's address, too.
#[test]
fn answers_to_one_server() {
    let text = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -i eth2 -o eth1 -p tcp --sport 2222 -j ACCEPT\n-A FORWARD -i eth1 -o eth2 -p tcp -d 10.0.0.5 --dport 2222 -j ACCEPT\nCOMMIT\n";
    has(
        text,
        &[
            "pass TCP from 10.0.0.5/32 from port 2222: forwarded from eth2 to eth1",
            "pass TCP to 10.0.0.5/32 to port 2222: forwarded from eth1 to eth2",
            "drop all other TCP: forwarded from eth2 to eth1; forwarded from eth1 to eth2",
        ],
    );
}

/// Conditions may stand between a target and its options.
#[test]
fn options_apart_from_their_target() {
    let of = |rule: &str, reject: &str| {
        format!(
            "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING {rule}\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -d 10.0.0.5 -j ACCEPT\n-A FORWARD {reject}\nCOMMIT\n"
        )
    };
    let apart = of(
        "-j DNAT -i eth0 -p tcp --dport 80 --to-destination 10.0.0.5",
        "-j REJECT -p tcp --reject-with tcp-reset -s 10.0.0.7",
    );
    let usual = of(
        "-i eth0 -p tcp --dport 80 -j DNAT --to-destination 10.0.0.5",
        "-p tcp -s 10.0.0.7 -j REJECT --reject-with tcp-reset",
    );
    let found = directions(&apart);
    assert_eq!(found, directions(&usual));
    assert!(!found.iter().any(|row| row.starts_with("unknown")), "{found:#?}");
}

/// A rule of which it is not told whether it holds may be asked of what others have sent on.
#[test]
fn doubts_about_what_is_sent_elsewhere() {
    let text = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.0.0.5:80\n-A PREROUTING -i eth1 -p tcp --dport 53 -j REDIRECT --to-ports 5353\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A INPUT -m recent --rcheck --name x -j ACCEPT\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -d 10.0.0.5 -p tcp --dport 80 -m conntrack --ctorigdst 203.0.113.5 -j ACCEPT\nCOMMIT\n";
    let found = directions(text);
    let unknown = |traffic: &str, way: &str| {
        let is_such = |row: &&String| row.starts_with("unknown") && row.contains(way);
        let has = found.iter().filter(is_such).any(|row| row.contains(traffic));
        assert!(has, "{traffic} {way}: {found:#?}");
    };
    unknown(
        "TCP to port 8080 that this rule names",
        "forwarded from eth0 to every other interface",
    );
    unknown("TCP to port 53 that this rule names", "forwarded from eth1 to every other interface");
    assert!(!found.iter().any(|row| row.contains("port 8080") && row.contains("from eth1")));
}

/// Where a process of this host has a socket for what comes, it takes it; so it does where another rule sends it there.
#[test]
fn sockets_in_front_of_a_proxy() {
    let nft = |rest: &str| {
        format!(
            "table inet m {{\n chain c {{\n  type filter hook prerouting priority mangle;\n  meta l4proto tcp socket transparent 1 meta mark set 1 accept\n  {rest}tproxy to :20000 meta mark set 1 accept\n }}\n}}\n"
        )
    };
    let taken = |traffic| (Terminate, traffic, Some(5));
    let may = (Unknown, "TCP that this rule names", Some(4));
    check(
        &nft("tcp dport 20000 "),
        &[
            may,
            taken("TCP to port 20000"),
            (Pass, "all other TCP", None),
            (Pass, "all other TCP", None),
        ],
    );
    check(&nft("meta l4proto tcp "), &[taken("all TCP")]);
    let save = "*mangle\n:DIVERT - [0:0]\n-A PREROUTING -p tcp -m socket --transparent -j DIVERT\n-A PREROUTING -p tcp -j TPROXY --on-port 3129 --tproxy-mark 1\n-A DIVERT -j MARK --set-mark 1\n-A DIVERT -j ACCEPT\nCOMMIT\n";
    let own = (Drop, "all TCP", Some(4));
    check(save, &[(Terminate, "all TCP", Some(4)), own]);
    // Of those that the proxy does not take none has a socket here (Linux, Documentation/networking/tproxy.rst).
    let web = save.replace("-p tcp -j TPROXY", "-p tcp --dport 80 -j TPROXY");
    let rows = directions(&web);
    let some = rows[..2].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(
        some,
        [
            "terminate TCP to port 80: forwarded, both directions; to this host itself",
            "pass all other TCP: forwarded, both directions",
        ]
    );
    let listening = web.replace("--transparent", "--transparent --nowildcard");
    assert!(directions(&listening)[0].starts_with("unknown"), "{:#?}", directions(&listening));
    // What answers this host's own connections has a socket, which is no proxy's.
    let any = save.replace(" --transparent", "");
    assert!(!directions(&any).iter().any(|row| row.contains("opened")));
}

/// An interface that a shell's variable names is called by it, and what becomes of all others is sure.
#[test]
fn interfaces_that_a_variable_names() {
    let text = "table ip m {\n chain f { type filter hook forward priority filter; policy drop; }\n chain c {\n  type filter hook prerouting priority mangle; policy accept;\n  iifname != \"$IN_IF\" return\n  fib daddr type local return\n  meta l4proto tcp tproxy to :50080 meta mark set 1 accept\n }\n}\n";
    let found = directions(text);
    has(
        text,
        &[
            "terminate all other TCP: forwarded from $IN_IF to any other interface",
            "drop all other TCP: forwarded from any other interface to $IN_IF; forwarded from any other interface to any other interface",
        ],
    );
    assert!(!found.iter().any(|row| row.contains("unknown")), "{found:#?}");
    let warnings = told(text).warnings;
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert_eq!(warning.line, 5);
    assert!(warning.message.contains("`$IN_IF` no value"), "{warning:?}");
}

/// What this host sends and a rule redirects has its loopback address before the filter's rules see it (Linux,
/// `nf_nat_redirect_ipv4`).
#[test]
fn own_connections_that_are_redirected() {
    let text = "*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 9040\nCOMMIT\n*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -d 127.0.0.0/8 -j ACCEPT\nCOMMIT\n";
    let rows = [
        // What answers goes to the address that the host has called itself by, and 127.0.0.1 only if it was that.
        "terminate TCP to port 80: opened by this host itself, except over lo",
        "drop all other TCP: to this host itself; opened by this host itself",
    ];
    has(text, &rows);
}

/// What is for others comes to a proxy by the routes, which ask for its mark (Documentation/networking/tproxy.rst).
#[test]
fn a_proxy_without_a_mark() {
    let text = "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 80 -j TPROXY --on-port 3129\nCOMMIT\n";
    let host = "terminate TCP to port 80: to this host itself";
    has(text, &["unknown TCP to port 80: forwarded, both directions", host]);
    let marked = text.replace("3129", "3129 --tproxy-mark 1");
    has(&marked, &["terminate TCP to port 80: forwarded, both directions; to this host itself"]);
    let later = text.replace("COMMIT", "-A PREROUTING -j MARK --set-mark 2\nCOMMIT");
    has(&later, &["unknown TCP to port 80: forwarded, both directions", host]);
    let before =
        text.replace("-A PREROUTING -p", "-A PREROUTING -j MARK --set-mark 2\n-A PREROUTING -p");
    has(&before, &["terminate TCP to port 80: forwarded, both directions; to this host itself"]);
}

/// A proxy takes who calls; what answers another's connection it has no use for. What answers this host's own has that one's
/// socket, and is dropped for it (Linux, net/netfilter/xt_TPROXY.c).
#[test]
fn answers_that_come_to_a_proxy() {
    let text = "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.0.0.0/8 -j RETURN\n-A PREROUTING -p tcp -j TPROXY --on-port 3129 --tproxy-mark 1\nCOMMIT\n*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d 192.0.2.1 -j DROP\nCOMMIT\n";
    has(
        text,
        &[
            "pass TCP from 10.0.0.0/8 to 10.0.0.0/8: forwarded, both directions",
            "drop TCP to 10.0.0.0/8: forwarded, both directions",
            "terminate all other TCP: forwarded, both directions; to this host itself by any other interface but lo",
            "pass TCP to 10.0.0.0/8: to this host itself",
            "drop TCP to 192.0.2.1/32: to this host itself by lo; opened by this host itself",
            "drop all other TCP: opened by this host itself",
        ],
    );
    // Behind a translation answers come to an address of this host, which rules may name.
    let masked = text.replace(
        "COMMIT\n*filter",
        "COMMIT\n*nat\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n*filter",
    );
    has(
        &masked,
        &[
            "unknown TCP to 10.0.0.0/8: forwarded from any other interface to eth0",
            "drop TCP to 10.0.0.0/8: forwarded from eth0 to any other interface; forwarded from any other interface to any other interface",
        ],
    );
}

/// What answers a connection that is masked comes to the address that it was given, and chains before translation see that.
#[test]
fn answers_to_masked_connections() {
    let docker = |mask: &str| {
        format!(
            "table ip f {{\n chain raw {{\n  type filter hook prerouting priority raw; policy accept;\n  ip daddr 192.168.0.0/24 iifname != {{ \"lo\", \"br0\" }} drop\n }}\n chain forward {{\n  type filter hook forward priority filter; policy accept;\n  oifname \"br0\" ct state established accept\n  oifname \"br0\" drop\n }}\n chain post {{\n  type nat hook postrouting priority srcnat; policy accept;\n  {mask}\n }}\n}}\n"
        )
    };
    let way = "forwarded from br0 to any other interface";
    for mask in ["masquerade", "snat to 198.18.0.1"] {
        let rule = format!("oifname != \"br0\" ip saddr 192.168.0.0/24 {mask}");
        let rows = directions(&docker(&rule));
        let is_dropped = |row: &String| row.starts_with("drop") && row.contains(way);
        assert!(!rows.iter().any(is_dropped), "{mask}: {rows:#?}");
    }
    // What is not masked, and what is given an address that the early chain refuses.
    for mask in ["ip saddr 10.0.0.0/8 masquerade", "oifname != \"br0\" snat to 192.168.0.9"] {
        let rows = directions(&docker(mask));
        let is_dropped = |row: &String| row.starts_with("drop") && row.contains(way);
        assert!(rows.iter().any(is_dropped), "{mask}: {rows:#?}");
    }
    let iptables = "*raw\n-A PREROUTING ! -i br0 -d 192.168.0.0/24 -j DROP\nCOMMIT\n*nat\n-A POSTROUTING -s 192.168.0.0/24 ! -o br0 -j MASQUERADE\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n";
    let rows = directions(iptables);
    assert!(!rows.iter().any(|row| row.starts_with("drop") && row.contains(way)), "{rows:#?}");
}

/// What two rules have in common may fare as neither: who is kept from a translation passes where a port is let through.
#[test]
fn what_two_classes_have_in_common() {
    let text = "*nat\n-A PREROUTING -i a -s 192.168.0.2,192.168.0.3 -j ACCEPT\n-A PREROUTING -i a -s 192.168.0.0/24 -p tcp --dport 80 -j DNAT --to-destination 192.168.0.2:8080\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n-A FORWARD -i a -o b -p tcp --dport 80 -j ACCEPT\nCOMMIT\n";
    let rows = directions(text);
    let place =
        |row: &str| rows.iter().position(|is| is.contains(row) && is.contains("from a to b"));
    let kept = place("pass TCP from 192.168.0.2/32, 192.168.0.3/32 to port 80");
    let moved = place("drop TCP from 192.168.0.0/24 to port 80");
    assert!(kept.is_some() && moved.is_some() && kept < moved, "{rows:#?}");
}

/// What is redirected to a process of the host meets the rules for what comes to the host: who those refuse is refused.
#[test]
fn rules_of_the_host_for_what_is_redirected() {
    let text = "*nat\n-A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 3128\nCOMMIT\n*filter\n-A INPUT -s 10.0.0.0/8 -j DROP\n-A FORWARD -p tcp --dport 22 -j DROP\nCOMMIT\n";
    let rows = directions(text);
    let place =
        |row: &str| rows.iter().position(|is| is.starts_with(row) && is.contains("forwarded"));
    let refused = place("drop TCP from 10.0.0.0/8 to port 80");
    let taken = place("terminate TCP to port 80");
    assert!(refused.is_some() && refused < taken, "{rows:#?}");
}

/// What is redirected calls an address of the host's own from then on, and is answered from there (Linux,
/// `nf_nat_redirect_ipv4`): rules of the host that name who was called do not name it.
#[test]
fn what_is_redirected_is_answered_by_the_host() {
    let text = "*nat\n-A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 3128\nCOMMIT\n*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT ! -s 198.51.100.0/24 -j ACCEPT\nCOMMIT\n";
    let rows = directions(text);
    let of = |what: &str| rows.iter().filter(|row| row.starts_with(what)).collect::<Vec<_>>();
    assert!(of("terminate TCP to port 80: forwarded").len() == 1, "{rows:#?}");
    assert!(!of("drop").iter().any(|row| row.contains("forwarded")), "{rows:#?}");
}

/// Whose the address is that a rule gives, a text seldom tells: where what is forwarded is dropped, it is said what it is
/// taken for.
#[test]
fn addresses_that_may_be_the_hosts_own() {
    let warned = |text: &str| -> Vec<u32> {
        let told = super::texts::told(text).warnings.into_iter();
        told.filter(|w| w.message.contains("taken for another's")).map(|w| w.line).collect()
    };
    let portal = "*nat\n-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 192.168.5.1\nCOMMIT\n*filter\n-A FORWARD -j REJECT\nCOMMIT\n";
    assert_eq!(warned(portal), [2]);
    let server =
        portal.replace("-A FORWARD -j", "-A FORWARD -d 192.168.5.1 -j ACCEPT\n-A FORWARD -j");
    assert_eq!(warned(&server), [0; 0]);
    assert_eq!(warned(&portal.replace("-A FORWARD -j REJECT\n", "")), [0; 0]);
}
