//! Marks that rules set and later ones ask for, and the processes that packets are of.

use crate::audit::Effect::{Drop, Pass, Terminate, Unknown};

use super::texts::{check, directions, told};

fn has(text: &str, rows: &[&str]) {
    let found = directions(text);
    for row in rows {
        assert!(found.iter().any(|is| is == row), "{row}\n{found:#?}\n{text}");
    }
}

/// A filter of forwarded packets, and a table before it.
fn marked(mangle: &str, filter: &str) -> String {
    format!(
        "*mangle\n{mangle}\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n{filter}\nCOMMIT\n"
    )
}

/// What an earlier chain marks a later one knows.
#[test]
fn marks_are_carried_to_later_rules() {
    let web = "TCP to port 22, 443";
    let mark = "-A PREROUTING -p tcp -m multiport --dports 22,443 -j MARK";
    for (set, asks) in [
        ("--set-mark 0x1", "--mark 1"),
        ("--set-xmark 0x10/0xf0", "--mark 0x10/0x30"),
        ("--or-mark 4", "--mark 4/4"),
        ("--set-mark 7", "! --mark 0/7"),
    ] {
        let text =
            marked(&format!("{mark} {set}"), &format!("-A FORWARD -m mark {asks} -j ACCEPT"));
        check(&text, &[(Pass, web, None), (Drop, "all other TCP", Some(5))]);
        assert_eq!(told(&text).warnings, [], "{text}");
    }
    let nft = |sets: &str, asks: &str| {
        format!(
            "table inet f {{\n chain a {{\n  type filter hook prerouting priority mangle;\n  tcp dport {{ 22, 443 }} {sets} counter accept\n }}\n chain b {{\n  type filter hook forward priority 0; policy drop;\n  ct state established accept\n  {asks} accept\n }}\n}}\n"
        )
    };
    for (sets, asks) in [
        ("meta mark set 0x1", "meta mark 0x1"),
        ("mark set 0x1", "mark 1"),
        ("meta mark set meta mark | 0x10", "meta mark & 0x30 == 0x10"),
        ("meta mark set 0x10 ct mark set meta mark", "ct mark and 0xff == 0x10"),
        ("ct mark set 0x10 meta mark set ct mark", "meta mark { 0x10, 0x11 }"),
        ("meta mark set 3", "meta mark != 0"),
    ] {
        check(&nft(sets, asks), &[(Pass, web, None), (Drop, "all other TCP", Some(7))]);
        assert_eq!(told(&nft(sets, asks)).warnings, [], "{sets} {asks}");
    }
    // Within one rule a mark is asked for before it is set.
    check(
        &nft("meta mark 0 meta mark set 1", "meta mark 1"),
        &[(Pass, web, None), (Drop, "all other TCP", Some(7))],
    );
}

/// Rules that ask for marks and more are of those that the rules that give these name, and of what they name themselves.
#[test]
fn marks_and_more_are_asked_for() {
    let give = "-A PREROUTING -s 192.168.0.0/24,192.168.9.0/24 -j MARK --set-mark 101";
    let ask = "-A FORWARD -p tcp -m mark --mark 101 -m multiport --dports 22,8080 -j ACCEPT";
    let both = "TCP from 192.168.0.0/24, 192.168.9.0/24 to port 22, 8080";
    let of = |ask: &str| marked(&give.replace(",192.168.9.0/24", ""), ask);
    check(
        &of(ask),
        &[(Pass, &both.replace(", 192.168.9.0/24", ""), None), (Drop, "all other TCP", Some(5))],
    );
    // What both name is what either names in the other.
    check(
        &of("-A FORWARD -s 192.168.0.128/25 -m mark --mark 101 -j ACCEPT"),
        &[(Pass, "TCP from 192.168.0.128/25", None), (Drop, "all other TCP", Some(5))],
    );
    check(
        &of("-A FORWARD -s 10.0.0.0/8 -m mark --mark 101 -j ACCEPT"),
        &[(Drop, "all TCP", Some(5))],
    );
    let text = "table ip first {
 chain in {
  type filter hook input priority 0;
  ip saddr { 192.168.0.0/24, 192.168.9.0/24 } mark set 101 accept
 }
}
table inet second {
 chain in {
  type filter hook input priority 2;
  ct state established accept
  meta mark 101 tcp dport { 22, 8080 } accept
  tcp dport 22 limit rate 5/minute accept
  reject
 }
}
";
    let beyond = "TCP to port 22 beyond the limit of this rule";
    // What the limit is not asked of stands before it.
    let of_host = [
        (Pass, both, None),
        (Drop, beyond, Some(13)),
        (Pass, "TCP to port 22", None),
        (Drop, "all other TCP", Some(13)),
    ];
    check(text, &[&[(Pass, "all TCP", None)], &of_host[..]].concat());
}

/// A connection's mark is that of its later packets, in both directions.
#[test]
fn marks_of_connections() {
    let text = marked(
        "-A PREROUTING -j CONNMARK --restore-mark\n-A PREROUTING -p tcp --dport 22 -m mark --mark 0 -j MARK --set-mark 5\n-A PREROUTING -j CONNMARK --save-mark",
        "-A FORWARD -m connmark --mark 5 -j ACCEPT",
    );
    check(&text, &[(Pass, "TCP to port 22", None), (Drop, "all other TCP", Some(7))]);
    // Without the save the answers have none.
    let text = "*mangle\n-A PREROUTING -p tcp --dport 22 -j MARK --set-mark 5\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m mark --mark 5 -j ACCEPT\nCOMMIT\n";
    check(text, &[(Drop, "all TCP", Some(5))]);
}

/// A packet has no mark unless something sets one: where no rule of the text does, what has one is told apart.
#[test]
fn marks_that_no_rule_sets() {
    let dropped = (Drop, "all other TCP", Some(5));
    check(
        &marked("", "-A FORWARD -p tcp --dport 22 -m mark --mark 0x10 -j ACCEPT"),
        &[(Pass, "TCP to port 22 with mark 0x10", None), dropped],
    );
    check(
        &marked("", "-A FORWARD -m mark ! --mark 0x539/0xfff -j ACCEPT"),
        &[(Drop, "TCP with mark 0x539/0xfff", Some(5)), (Pass, "all other TCP", None)],
    );
    check(
        &marked("", "-A FORWARD -m mark ! --mark 0 -j ACCEPT"),
        &[(Pass, "TCP with another mark than 0x0", None), dropped],
    );
    check(
        "table inet f {\n chain c {\n  type filter hook forward priority 0; policy drop;\n  ct state established accept\n  tcp dport 22 ct mark & 0xff == 1 accept\n }\n}\n",
        &[
            (Pass, "TCP to port 22 with connection mark 0x1/0xff", None),
            (Drop, "all other TCP", Some(3)),
        ],
    );
}

/// What the text does not tell of a mark stays open.
#[test]
fn marks_that_are_not_told() {
    let open = (Unknown, "all TCP", Some(8));
    for set in ["MARK --set-mark $MARK", "HMARK --hmark-tuple src --hmark-mod 2 --hmark-rnd 1"] {
        let text = marked(
            &format!("-A PREROUTING -p tcp -j LOG\n-A PREROUTING -p tcp -j {set}"),
            "-A FORWARD -m mark --mark 1 -j ACCEPT",
        );
        check(&text, &[open]);
    }
    let text = marked("", "-A FORWARD -p tcp --dport 22 -m mark --mark $MARK -j ACCEPT");
    assert_eq!(told(&text).verdicts[0].effect, Unknown);
    let nft = "table inet f {\n chain c {\n  type filter hook forward priority 0; policy drop;\n  ct state established accept\n  meta mark set jhash ip saddr mod 2\n  meta mark 1 accept\n }\n}\n";
    check(nft, &[(Unknown, "all TCP", Some(6))]);
    // Where nobody asks, marks do nothing, and rules that set some are no matter.
    let text = marked("-A PREROUTING -m recent --rcheck --name x -j MARK --set-mark 1", "");
    check(&text, &[(Drop, "all TCP", Some(5))]);
    assert_eq!(told(&text).warnings, []);
}

/// A transparent proxy takes what calls this host, too.
#[test]
fn a_transparent_proxy_takes_what_calls_the_host() {
    let save = "*mangle\n:IN - [0:0]\n-A PREROUTING -p tcp -j IN\n-A IN -p tcp --dport 22 -j RETURN\n-A IN ! -d 127.0.0.1/32 -p tcp -j TPROXY --tproxy-mark 1337/0xffffffff --on-port 15006\nCOMMIT\n";
    has(
        save,
        &[
            "terminate all other TCP: forwarded, both directions; to this host itself by any other interface but lo",
        ],
    );
    let nft = "table inet m {\n chain c {\n  type filter hook prerouting priority mangle;\n  tcp dport 22 return\n  meta l4proto tcp meta mark set 1 tproxy to :15006 accept\n }\n}\n";
    check(
        nft,
        &[
            // What answers a forwarded one comes to the proxy, too.
            (Drop, "TCP to port 22", Some(5)),
            (Pass, "TCP to port 22", None),
            (Terminate, "all other TCP", Some(5)),
        ],
    );
    has(nft, &["terminate all other TCP: forwarded, both directions; to this host itself"]);
    // The mark that it gives is one to be asked for.
    let shut = save.replace(
        "COMMIT\n",
        "COMMIT\n*filter\n:INPUT DROP [0:0]\n-A INPUT -m mark --mark 1337 -j ACCEPT\n-A INPUT -m state --state ESTABLISHED -j ACCEPT\nCOMMIT\n",
    );
    has(
        &shut,
        &[
            "terminate all other TCP: forwarded, both directions; to this host itself by any other interface but lo",
            "drop TCP to port 22, TCP to 127.0.0.1/32: to this host itself",
        ],
    );
}

/// The processes of one user, and all others.
#[test]
fn processes_of_users() {
    let text = "*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp -m owner --uid-owner 1337 -j RETURN\n-A OUTPUT -p tcp -m owner --gid-owner proxy -j RETURN\n-A OUTPUT -p tcp -j REDIRECT --to-ports 15001\nCOMMIT\n";
    has(
        text,
        &[
            "pass TCP of user 1337, TCP of group proxy: opened by this host itself",
            "terminate all other TCP: opened by this host itself",
        ],
    );
    assert_eq!(told(text).warnings, []);
    let others = "*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp --dport 25 -m owner ! --uid-owner $MAIL -j DROP\nCOMMIT\n";
    has(others, &["drop TCP to port 25: opened by this host itself"]);
    has(others, &["pass TCP to port 25 of user $MAIL: opened by this host itself"]);
    let nft = "table inet f {\n chain o {\n  type filter hook output priority 0;\n  tcp dport 25 meta skuid != { 0, 8 } drop\n  skuid 1000-1999 drop\n }\n}\n";
    has(
        nft,
        &[
            "drop TCP to port 25: opened by this host itself",
            "drop TCP of user 1000-1999: to this host itself; opened by this host itself",
        ],
    );
}

/// A rule of the loopback interface says nothing of the others, and none of the others' of it.
#[test]
fn own_connections_over_lo() {
    let text = "*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN\n-A OUTPUT ! -o lo -p tcp --dport 53 -j REDIRECT --to-ports 15053\n-A OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 15001\nCOMMIT\n";
    has(
        text,
        &[
            "terminate TCP to port 53: opened by this host itself, except over lo",
            "terminate TCP to port 80: opened by this host itself, except over lo",
        ],
    );
    // One of which it is not told whether it holds neither.
    let doubtful = "*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -o lo -m set --match-set x dst -j REDIRECT --to-ports 15006\n-A OUTPUT -m set --match-set x dst -j RETURN\n-A OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 15001\nCOMMIT\n";
    let rows = told(doubtful).verdicts.into_iter().filter(|row| row.effect == Unknown);
    assert_eq!(rows.map(|row| row.because[0].line).collect::<Vec<_>>(), [Some(4)]);
}

/// Rules of IPv6 alone: what they name is of IPv6.
#[test]
fn answers_of_version_six_alone() {
    let text = "# Generated by ip6tables-save v1.4.7\n*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --sport 81 -j DROP\n-A INPUT -i eth8 -p tcp --dport 80 -j ACCEPT\n-A INPUT -i eth8 -s ::/0 -j DROP\nCOMMIT\n";
    let found = directions(text);
    has(
        text,
        &[
            "pass TCP over IPv6 to port 80 (what earlier rules leave): to this host itself by eth8",
            "drop TCP over IPv6 to port 81: opened by this host itself by any other interface",
            "drop TCP over IPv6 to port 81: opened by this host itself by eth8",
        ],
    );
    assert!(
        !found.iter().any(|row| row.starts_with("pass TCP") && row.contains("81")),
        "{found:#?}"
    );
}

/// What this host sends with the mark of what its proxy takes goes to that, too: by the same routes (as a kernel does it).
#[test]
fn a_proxy_takes_what_the_host_marks_itself() {
    let text = "table ip x {\n chain pre {\n  type filter hook prerouting priority mangle;\n  ip daddr 10.0.0.0/8 return\n  meta l4proto tcp tproxy to :12345 meta mark set 1\n }\n chain out {\n  type route hook output priority mangle;\n  meta skuid 42 return\n  tcp sport 22 return\n  ip daddr 10.0.0.0/8 return\n  tcp dport 25 meta mark set 2 return\n  meta l4proto tcp meta mark set 1\n }\n}\n";
    has(
        text,
        &[
            "terminate all other TCP: forwarded, both directions; to this host itself; opened by this host itself",
            // What answers others is sent to the proxy, too, which has no use for it.
            "drop TCP to 10.0.0.0/8: to this host itself by any other interface but lo",
            "pass TCP over IPv4 to 10.0.0.0/8 to port 22: to this host itself by any other interface but lo",
            "pass TCP to 10.0.0.0/8, TCP over IPv4 of user 42, TCP over IPv4 from port 22, TCP over IPv4 to port 25: opened by this host itself, except over lo",
        ],
    );
    // What is marked and handed to no proxy is lost, or not: the text does not tell.
    let shut = text
        .replace("ip daddr 10.0.0.0/8 return\n  meta l4proto tcp tproxy", "tcp dport 80 tproxy");
    let row = "unknown all other TCP: opened by this host itself";
    assert!(directions(&shut).iter().any(|is| is.starts_with(row)), "{:#?}", directions(&shut));
}
