//! Conditions that look at more than addresses and ports: where a source is reached, the MSS, lots, this host's addresses.

use crate::audit::Effect::{Drop, Pass, Terminate};

use super::texts::{check, directions, told};

fn nft(rules: &str) -> String {
    let dropping = if rules.contains("goto d") { "chain d {\n  drop\n }\n" } else { "" };
    format!(
        "table inet f {{\n chain c {{\n  type filter hook prerouting priority 0; policy accept;\n  {rules}\n }}\n{dropping}}}\n"
    )
}

/// A reverse path check holds of who is where the routes say.
#[test]
fn reverse_paths() {
    let off = "TCP that comes in where its source is not reached";
    for rule in [
        "fib saddr . iif oif missing drop",
        "fib saddr . mark . iif oif eq 0 counter drop",
        "fib saddr . iif oif exists accept; drop",
    ] {
        let found = directions(&nft(rule));
        assert!(found.iter().any(|row| row.starts_with(&format!("drop {off}"))), "{found:?}");
        assert!(found.iter().any(|row| row.starts_with("pass all other TCP")), "{found:?}");
        assert!(!found.iter().any(|row| row.contains("unknown")), "{found:?}");
        assert_eq!(told(&nft(rule)).warnings, [], "{rule}");
    }
    let save = |rule: &str| format!("*raw\n:PREROUTING ACCEPT [0:0]\n{rule}COMMIT\n");
    for rule in [
        "-A PREROUTING -m rpfilter --validmark --invert -j DROP\n",
        "-A PREROUTING -m rpfilter --loose -j ACCEPT\n-A PREROUTING -j DROP\n",
    ] {
        let found = directions(&save(rule));
        assert!(found[0].starts_with(&format!("drop {off}")), "{found:?}");
        assert!(found[1].starts_with("pass all other TCP"), "{found:?}");
    }
}

/// Hosts on Ethernet offer 1460; a segment without the option has none, of which iptables takes the opposite to hold
/// (Linux, net/netfilter/xt_tcpmss.c, nft_exthdr.c).
#[test]
fn maximum_segment_sizes() {
    let save = |rule: &str| {
        format!("*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp {rule} -j DROP\nCOMMIT\n")
    };
    let small = |traffic| [(Drop, traffic, Some(3)), (Pass, "all other TCP", None)];
    check(&save("--syn -m tcpmss --mss 1:500"), &small("TCP with an MSS of 1-500"));
    check(
        &save("--syn -m tcpmss ! --mss 536:65535"),
        &small("TCP with another MSS than 536-65535"),
    );
    check(&save("-m tcpmss ! --mss 536:65535"), &[(Drop, "all TCP", Some(3))]);
    let nft = |rule: &str| {
        let text = format!(
            "table inet f {{\n chain c {{ type filter hook forward priority 0; policy accept;\n{rule} drop\n }}\n}}\n"
        );
        text
    };
    check(&nft("tcp option maxseg size 1-500"), &small("TCP with an MSS of 1-500"));
    check(&nft("tcp option maxseg size < 501"), &small("TCP with an MSS of 0-500"));
    check(
        &nft("tcp option maxseg size != 536-65535"),
        &small("TCP with another MSS than 536-65535"),
    );
    check(&nft("tcp option maxseg size 1400-1500"), &[(Drop, "all TCP", Some(3))]);
}

/// One of all numbers is always drawn.
#[test]
fn lots_of_a_whole_map() {
    let all = |rule: &str| directions(&nft(rule));
    for rule in
        ["numgen random mod 1 vmap { 0 : goto d }", "jhash ip saddr mod 2 vmap { 0-1 : goto d }"]
    {
        assert!(all(rule).iter().all(|row| row.starts_with("drop all TCP")), "{:?}", all(rule));
    }
    let half = all("numgen inc mod 2 vmap { 0 : accept, 1 : goto d }");
    assert!(half[0].starts_with("unknown TCP that this rule names"), "{half:?}");
    let open = all("numgen inc mod 3 vmap { 0 : goto d, 1 : goto d }");
    assert!(open[0].starts_with("unknown TCP that this rule names"), "{open:?}");
}

/// TCP is not sent in parts.
#[test]
fn fragments() {
    for rule in ["ip frag-off & 0x1fff != 0 drop", "ip frag-off & 0x3fff != 0x0 counter drop"] {
        let found = directions(&nft(rule));
        assert!(found.iter().all(|row| row.starts_with("pass all TCP")), "{found:?}");
        assert_eq!(told(&nft(rule)).warnings, []);
    }
    assert_eq!(told(&nft("ip frag-off & 0x4000 != 0 drop")).warnings.len(), 1);
}

/// What is sent on is what an address of this host was called by.
#[test]
fn translated_addresses_of_this_host() {
    let text = "*nat\n:PREROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n-A DOCKER -p tcp --dport 80 -j DNAT --to-destination 10.0.0.5:8080\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -d 10.0.0.5 -j ACCEPT\nCOMMIT\n";
    check(
        text,
        &[
            (Pass, "TCP to 10.0.0.5/32, TCP to an address of this host to port 80", None),
            (Drop, "all other TCP", Some(8)),
        ],
    );
}

/// What nft sends to a proxy meets the rules behind (Linux, net/netfilter/nft_tproxy.c).
#[test]
fn proxies_whose_packets_go_on() {
    let text = |rest: &str| {
        format!(
            "table inet m {{\n chain c {{\n  type filter hook prerouting priority mangle; policy accept;\n  tcp dport 80 tproxy to :3128{rest}\n  drop\n }}\n}}\n"
        )
    };
    let drops = |text: &str| {
        let rows = told(text).verdicts;
        rows.iter().all(|row| row.effect == Drop)
    };
    assert!(drops(&text("")));
    assert!(drops(&text(" meta mark set 1")));
    let found = told(&text(" meta mark set 1 accept")).verdicts;
    assert_eq!((found[0].effect, &*found[0].traffic), (Terminate, "TCP to port 80"));
}

/// Who calls this host and is sent on meets the rules for what is forwarded, not those for this host.
#[test]
fn calls_to_this_host_that_are_sent_on() {
    let text = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i eth0 -p tcp --dport 80 -j DNAT --to-destination 10.0.0.5\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -i eth0 -o eth1 -d 10.0.0.5 -j ACCEPT\nCOMMIT\n";
    let rows = directions(text);
    let has = |row: &str| assert!(rows.iter().any(|told| told == row), "{row}: {rows:#?}");
    has("pass TCP to port 80: to this host itself by eth0");
    has("drop all other TCP: to this host itself by eth0");
    let shut = text.replace("-A FORWARD -i eth0 -o eth1 -d 10.0.0.5 -j ACCEPT\n", "");
    assert!(!directions(&shut).iter().any(|row| row.starts_with("pass TCP to port 80")));
}

/// What this host sends to itself got its destination when it left (Linux, net/netfilter/nf_nat_core.c).
#[test]
fn packets_over_lo_are_not_translated_on_arrival() {
    let text = "table ip nat {\n chain pre {\n  type nat hook prerouting priority dstnat;\n  $rules\n }\n}\ntable inet f {\n chain c {\n  type filter hook input priority 0; policy drop;\n  iifname \"lo\" accept\n  ct state established accept\n }\n}\n";
    let rows = directions(text);
    assert!(
        rows.iter().any(|row| row.contains("unknown") && row.contains("except over lo")),
        "{rows:#?}"
    );
    assert_eq!(told(text).warnings[0].line, 4);
}

/// What the text does not hold of an early chain changes nothing of what a later one drops.
#[test]
fn files_of_early_tables() {
    let text = |family: &str| {
        format!(
            "table {family} e {{\n include \"/etc/early.nft\"\n}}\ntable inet f {{\n chain c {{\n  type filter hook forward priority 0; policy drop;\n  ct state established accept\n  tcp dport 80 accept\n }}\n}}\n"
        )
    };
    let rows = directions(&text("netdev"));
    assert!(rows[0].starts_with("unknown TCP to port 80: forwarded"), "{rows:#?}");
    assert!(rows[1].starts_with("drop all other TCP: forwarded"), "{rows:#?}");
    let rows = directions(&text("ip6"));
    assert!(rows.iter().any(|row| row.starts_with("drop all other TCP: forwarded")), "{rows:#?}");
    assert!(rows.iter().any(|row| row.starts_with("unknown all other TCP over IPv6")), "{rows:#?}");
    let queue = "table inet f {\n chain q {\n  type filter hook prerouting priority 0;\n  queue num 0\n }\n chain c {\n  type filter hook forward priority 0; policy drop;\n }\n}\n";
    assert!(
        directions(queue)[0].starts_with("drop all TCP: forwarded"),
        "{:#?}",
        directions(queue)
    );
    // Who reads the queue may give the packet the mark that a later rule asks for.
    let marked = queue.replace("policy drop;", "policy drop;\n  meta mark 1 accept");
    let rows = directions(&marked);
    assert!(rows[0].starts_with("unknown all TCP: forwarded"), "{rows:?}");
}

/// Names that a text gives no value are said.
#[test]
fn names_without_a_value() {
    let text = |table: &str, device: &str, rule: &str| {
        format!(
            "table {table} {{\n chain c {{\n  type filter hook ingress device {device} priority 0; policy accept;\n  {rule}\n }}\n}}\n"
        )
    };
    let says = |text: &str| -> Vec<(u32, String)> {
        told(text).warnings.into_iter().map(|w| (w.line, w.message)).collect()
    };
    let of = |text: String, line: u32, name: &str| {
        let [(at, message)] = &says(&text)[..] else { panic!("{:?}", says(&text)) };
        assert!(*at == line && message.contains(&format!("`{name}` no value")), "{message}");
    };
    of(text("$T", "eth0", "tcp dport 80 drop"), 1, "$T");
    of(text("netdev f", "${wan}", "tcp dport 80 drop"), 3, "${wan}");
    of(text("netdev f", "%WAN%", "tcp dport 80 drop"), 3, "%WAN%");
    for name in ["$RULES", "${RULES}", "%RULES%", "@@RULES@@"] {
        of(text("netdev f", "eth0", name), 4, name);
    }
    let rows = directions(&text("netdev f", "${wan}", "tcp dport 80 drop"));
    assert!(rows.iter().any(|row| row.contains("from ${wan} to")), "{rows:#?}");
}

/// Blanks may stand in a range.
#[test]
fn ranges_with_blanks() {
    let text = |rule: &str| {
        format!(
            "table inet f {{\n chain c {{\n  type filter hook forward priority filter - 10; policy drop;\n  ct state established accept\n  {rule} accept\n }}\n}}\n"
        )
    };
    for (spaced, whole) in [
        ("tcp dport { 22, 29811 - 29814 }", "tcp dport { 22, 29811-29814 }"),
        ("ip saddr 10.0.0.1 - 10.0.0.9 tcp dport 22", "ip saddr 10.0.0.1-10.0.0.9 tcp dport 22"),
        ("tcp dport != 1 - 1023", "tcp dport != 1-1023"),
    ] {
        assert_eq!(directions(&text(spaced)), directions(&text(whole)), "{spaced}");
        assert!(!directions(&text(spaced))[0].starts_with("unknown"), "{spaced}");
    }
}

/// What a bridge does with its frames is not what is done with what is routed.
#[test]
fn bridges_beside_a_router() {
    let table = |family: &str, name: &str, policy: &str, rule: &str| {
        format!(
            "table {family} {name} {{\n chain c {{\n  type filter hook forward priority 0; policy {policy};\n  {rule}\n }}\n}}\n"
        )
    };
    let routed = table("inet", "a", "drop", "oifname tun1 accept\n  iifname tun1 accept");
    let bridged =
        table("bridge", "b", "drop", "oifname eno1 accept\n  ct state established accept");
    let rows = directions(&format!("{routed}{bridged}"));
    let has = |row: &str| assert!(rows.iter().any(|is| is == row), "{row}: {rows:#?}");
    has(
        "pass all TCP: forwarded from tun1 to any other interface; forwarded from any other interface to tun1",
    );
    has("drop all TCP: forwarded from any other interface to any other interface");
    has("pass all TCP: bridged from any other interface to eno1");
    has(
        "drop all TCP: bridged from eno1 to any other interface; bridged from any other interface to any other interface",
    );
    // Alone it is all that there is; one that lets all through needs no row.
    assert!(directions(&bridged).iter().all(|row| row.contains("forwarded")));
    let open = table("bridge", "b", "accept", "ct state established accept");
    assert_eq!(directions(&format!("{routed}{open}")), directions(&routed));
}

/// As `nft -n` prints it: numbers for states, and for kinds of links.
#[test]
fn numbers_for_names() {
    let text = |state: &str, own: &str| {
        format!(
            "table inet f {{\n chain c {{\n  type filter hook forward priority 0; policy drop;\n  ct state {state} accept\n  tcp dport {{ ssh, distcc, mdns }} accept\n }}\n chain i {{\n  type filter hook input priority 0; policy drop;\n  {own} accept\n  meta l4proto icmp jump limited comment \"not TCP\"\n }}\n chain limited {{\n  drop\n }}\n}}\n"
        )
    };
    let by_name = text("established,related", "iifname lo");
    for own in ["iiftype loopback", "meta iiftype 772", "iif lo"] {
        for state in ["0x2,0x4", "0x6", "{ 0x2, 0x4 }"] {
            let numbered = text(state, own);
            assert_eq!(directions(&numbered), directions(&by_name), "{numbered}");
            assert_eq!(told(&numbered).warnings, [], "{numbered}");
        }
    }
    assert!(directions(&by_name)[0].starts_with("pass TCP to port 22, 3632, 5353"));
}

/// Who opened a connection and who was called, by conntrack.
#[test]
fn directions_of_connections() {
    let nft = |of: &str| {
        format!(
            "table inet f {{\n chain c {{\n  type filter hook forward priority filter; policy drop;\n  ct direction {of} accept\n  ct direction original tcp dport 80 accept\n }}\n}}\n"
        )
    };
    let web = [(Pass, "TCP to port 80", None), (Drop, "all other TCP", Some(3))];
    check(&nft("reply"), &web);
    check(&nft("1"), &web);
    check(&nft("original"), &[(Drop, "all TCP", Some(3))]);
    let save = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctdir REPLY -j ACCEPT\n-A FORWARD -p tcp --dport 80 -m conntrack --ctdir original -j ACCEPT\nCOMMIT\n";
    check(save, &[(Pass, "TCP to port 80", None), (Drop, "all other TCP", Some(2))]);
}

/// The version in the header of IPv4 is 4.
#[test]
fn versions_in_headers() {
    let nft = |of: &str| {
        format!(
            "table inet f {{\n chain c {{\n  type filter hook forward priority filter; policy accept;\n  {of} drop\n }}\n}}\n"
        )
    };
    check(&nft("ip version 6"), &[(Pass, "all TCP", None)]);
    let six = [(Drop, "all other TCP over IPv6", Some(4)), (Pass, "all other TCP", None)];
    check(&nft("ip6 version 6"), &six);
    let four = [(Pass, "all other TCP over IPv6", None), (Drop, "all other TCP", Some(4))];
    check(&nft("ip version 4"), &four);
}

/// What a bridge does with its frames is told by a program whose rules are not read.
#[test]
fn rules_of_ebtables() {
    let text = "ebtables -t broute -A BROUTING -p IPv4 --ip-proto tcp --ip-dport 443 -j redirect --redirect-target DROP\nebtables -A FORWARD -j ACCEPT\niptables -A FORWARD -p tcp --dport 443 -j DROP\n";
    let warnings = told(text).warnings;
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert_eq!(warning.line, 1);
    assert!(warning.message.contains("ebtables"), "{warning:?}");
}
