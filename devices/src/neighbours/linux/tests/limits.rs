//! Rules that hold up to a limit, or beyond one: what stays within is the usual case, what goes beyond is told apart.

use crate::audit::Effect::{self, Drop, Pass};

use super::texts::{check, directions, told};

const REST: (Effect, &str, Option<u32>) = (Drop, "all other TCP", Some(3));
const BEYOND: &str = "TCP to port 22 beyond the limit of this rule";

fn save(rules: &str) -> String {
    format!(
        "*filter\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n:FORWARD DROP [0:0]\n{rules}COMMIT\n"
    )
}

#[test]
fn what_is_accepted_up_to_a_limit() {
    for asks in [
        "-m limit --limit 25/sec --limit-burst 100",
        "-m limit",
        "-m hashlimit --hashlimit-upto 5/min --hashlimit-burst 9 --hashlimit-mode srcip,dstport --hashlimit-name x",
        "-m hashlimit --hashlimit 5/min --hashlimit-mode srcip --hashlimit-name x --hashlimit-htable-expire 1000",
        "-m connlimit --connlimit-upto 5 --connlimit-mask 24 --connlimit-saddr",
        "-m connlimit ! --connlimit-above 5",
    ] {
        let text = save(&format!("-A FORWARD -p tcp --dport 22 {asks} -j ACCEPT\n"));
        let beyond = (Drop, BEYOND, Some(3));
        check(&text, &[beyond, (Pass, "TCP to port 22", None), REST]);
        assert_eq!(told(&text).warnings, [], "{asks}");
        let because = &told(&text).verdicts[0].because;
        assert_eq!(because.last().and_then(|last| last.line), Some(4), "{because:?}");
    }
}

#[test]
fn what_is_dropped_beyond_a_limit() {
    for asks in [
        "-m hashlimit --hashlimit-above 5/min --hashlimit-mode srcip --hashlimit-name x",
        "-m connlimit --connlimit-above 5",
        "-m recent --name ssh --rsource --update --seconds 60 --hitcount 4",
        "-m recent --rcheck --seconds 60 --hitcount 4 --rttl --name x --mask 255.255.255.255",
    ] {
        let text = save(&format!(
            "-A FORWARD -p tcp --dport 22 -m recent --set --name ssh\n-A FORWARD -p tcp --dport 22 {asks} -j DROP\n-A FORWARD -p tcp --dport 22 -j ACCEPT\n"
        ));
        check(&text, &[(Drop, BEYOND, Some(5)), (Pass, "TCP to port 22", None), REST]);
    }
    let nft = |rule: &str| {
        format!(
            "table inet f {{ limit ssh {{ rate over 3/minute }}\n chain c {{\n  type filter hook forward priority 0; policy drop;\n  ct state established accept\n  {rule}\n }}\n}}\n"
        )
    };
    for (rule, line) in [
        ("tcp dport 22 limit rate 3/minute burst 5 packets accept", 3),
        ("tcp dport 22 limit rate over 3/minute drop; tcp dport 22 accept", 5),
        ("tcp dport 22 ct count over 5 drop; tcp dport 22 accept", 5),
        ("tcp dport 22 limit name \"ssh\" drop; tcp dport 22 accept", 5),
    ] {
        let beyond = (Drop, BEYOND, Some(line));
        check(&nft(rule), &[beyond, (Pass, "TCP to port 22", None), REST]);
    }
    // Keys of one version of IP are its packets' alone.
    for rule in [
        "add @s { ip saddr limit rate over 3/minute }",
        "meter m { ip saddr timeout 10s limit rate over 3/minute }",
        "meter m size 65535 { ip saddr ct count over 3 }",
    ] {
        let of_four = (Drop, "TCP over IPv4 to port 22 beyond the limit of this rule", Some(5));
        check(
            &nft(&format!("tcp dport 22 {rule} drop; tcp dport 22 accept")),
            &[of_four, (Pass, "TCP to port 22", None), REST],
        );
    }
    check(
        &nft("tcp dport 22 meter m { ip saddr limit rate 3/minute } accept; tcp dport 22 drop"),
        &[
            (Drop, "TCP over IPv4 to port 22 beyond the limit of this rule", Some(5)),
            (Pass, "TCP over IPv4 to port 22", None),
            (Drop, "TCP over IPv6 to port 22", Some(5)),
            REST,
        ],
    );
}

/// What a flood is told by: the limit is one chain's, what it lets on is decided by others.
#[test]
fn floods() {
    let text = "*filter\n:INPUT DROP [0:0]\n:FLOOD - [0:0]\n-A INPUT -p tcp --syn -j FLOOD\n-A INPUT -m state --state ESTABLISHED -j ACCEPT\n-A INPUT -p tcp --dport 80 -j ACCEPT\n-A FLOOD -m limit --limit 25/sec -j RETURN\n-A FLOOD -j DROP\nCOMMIT\n";
    check(
        text,
        &[
            (Pass, "all TCP", None),
            (Drop, "TCP beyond the limit of this rule", Some(8)),
            (Pass, "TCP to port 80", None),
            (Drop, "all other TCP", Some(2)),
        ],
    );
    assert!(!directions(text).iter().any(|row| row.contains("unknown")));
}

/// Within a limit it does not matter who fits a rule that holds beyond it alone.
#[test]
fn who_goes_beyond_a_limit_is_not_told() {
    let text = save(
        "-A FORWARD -s 10.0.0.1 -p tcp --syn -m mac --mac-source 00:60:08:76:35:51 -m connlimit --connlimit-above 15 -j REJECT\n-A FORWARD -s 10.0.0.0/8 -j ACCEPT\n",
    );
    let audit = told(&text);
    let beyond = &audit.verdicts[0];
    assert_eq!(beyond.traffic, "TCP from 10.0.0.1/32 beyond the limit of this rule");
    assert_eq!(beyond.effect, Effect::Unknown);
    assert!(beyond.because.iter().any(|why| why.rule.contains("--mac-source")), "{beyond:?}");
    check(
        &text,
        &[
            (Effect::Unknown, "TCP from 10.0.0.1/32 beyond the limit of this rule", Some(4)),
            (Pass, "TCP from 10.0.0.1/32, TCP from 10.0.0.0/8", None),
            REST,
        ],
    );
}

/// A limit of what comes by one interface names what other rules tell by another: there, too, earlier rules have a part.
#[test]
fn limits_by_one_interface_beside_sources_by_another() {
    let limit = "-A INPUT -i lan -p tcp -m recent --update --seconds 60 --hitcount 3 --name s -m tcp --dport 22 -j DROP";
    let text = format!(
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -m state --state ESTABLISHED -j ACCEPT\n{limit}\n-A INPUT -i lan -p tcp --dport 22 -j ACCEPT\n-A INPUT -i wan -s 10.0.0.0/8 -j DROP\n-A INPUT -i wan -p tcp --dport 22 -j ACCEPT\nCOMMIT\n"
    );
    let rows = directions(&text);
    let by_wan: Vec<&String> = rows.iter().filter(|row| row.ends_with("by wan")).collect();
    let told = [
        "drop TCP from 10.0.0.0/8 to port 22: to this host itself by wan",
        "pass TCP to port 22 (what earlier rules leave): to this host itself by wan",
    ];
    assert_eq!(by_wan[..2], told, "{rows:#?}");
}
