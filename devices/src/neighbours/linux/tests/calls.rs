//! Scripts whose functions are called in another order than they stand in, with what they are given; sets; scripts that call
//! more than one program.

use crate::audit::Effect::{Drop, Pass, Unknown};

use super::texts::{check, directions, told};

const SHUT: &str =
    "iptables -P FORWARD DROP\niptables -A FORWARD -p ALL -m state --state ESTABLISHED -j ACCEPT\n";

/// What a function does is done where it is called, not where it stands.
#[test]
fn functions_in_the_order_of_their_calls() {
    let rows = [(Pass, "TCP to port 22", None), (Drop, "all other TCP", Some(12))];
    let flushed = "iptables -t nat -F\n".repeat(10);
    let on = format!(
        "{flushed}function on {{\n{SHUT}iptables -A FORWARD -p tcp --dport 22 -j ACCEPT\n}}\nreset() {{\n iptables -F\n iptables -P FORWARD ACCEPT\n}}\n"
    );
    check(&format!("{on}reset\non\n"), &rows);
    check(
        &format!(
            "{on}if [ \"$1\" = on ]; then\n reset\n on\nelif [ \"$1\" = off ]; then\n reset\nfi\n"
        ),
        &rows,
    );
    check(&format!("{on}reset || exit 1; on\n"), &rows);
    check(&format!("{on}restart() {{\n reset\n on\n}}\nrestart\n"), &rows);
    check(&format!("{on}on\nreset\n"), &[(Pass, "all TCP", None)]);
}

#[test]
fn functions_that_are_given_words() {
    let web = [
        (Pass, "TCP to port 22, TCP from 10.0.0.0/8 to port 80", None),
        (Drop, "all other TCP", Some(1)),
    ];
    for open in [
        "open() {\n iptables -A FORWARD -p $2 $3 $4 --dport \"$1\" -j ACCEPT\n}\nopen 22 tcp\nopen 80 tcp -s 10.0.0.0/8\n",
        "open() {\n local port=$1 proto=\"${2}\"; shift 1\n shift\n iptables -A FORWARD -p $proto $1 $2 --dport $port -j ACCEPT\n}\nopen 22 tcp\nopen 80 tcp -s 10.0.0.0/8 # web\n",
        "open() {\n iptables -A FORWARD -p ${2:-tcp} ${3} ${4} --dport $1 -j ACCEPT\n}\nNET=10.0.0.0/8\nfor p in 22; do open $p; done\nopen 80 tcp -s $NET >/dev/null\n",
    ] {
        check(&format!("{SHUT}{open}"), &web);
    }
    // What calls itself ends.
    let own = format!(
        "{SHUT}f() {{\n iptables -A FORWARD -p tcp --dport 22 -j ACCEPT\n f $1 x\n f\n}}\nf\n"
    );
    check(&own, &[(Pass, "TCP to port 22", None), (Drop, "all other TCP", Some(1))]);
}

/// Sets whose members the text tells.
#[test]
fn sets_of_addresses() {
    let rule = "iptables -A FORWARD -m set --match-set good src -j ACCEPT\n";
    let rows =
        [(Pass, "TCP from 10.0.0.0/8, 192.0.2.1/32", None), (Drop, "all other TCP", Some(1))];
    for set in [
        "ipset -exist create good hash:net family inet\nipset add good 10.0.0.0/8\nipset -A good 192.0.2.1\n",
        "IPSET=/sbin/ipset\n$IPSET -N good nethash\nfor net in 10.0.0.0/8 192.0.2.1; do $IPSET add good $net -exist; done\n",
        "ipset restore <<EOF\ncreate good hash:net family inet hashsize 1024\nadd good 10.0.0.0/8\nadd good 192.0.2.1\nEOF\n",
    ] {
        check(&format!("{SHUT}{set}{rule}"), &rows);
        check(&format!("{SHUT}{rule}{set}"), &rows);
    }
    let unknown =
        [(Unknown, "TCP that this rule names", Some(3)), (Drop, "all other TCP", Some(1))];
    for set in [
        "",
        "ipset create good hash:net\n",
        "ipset create good hash:net timeout 60\nipset add good 10.0.0.0/8\n",
        "ipset create good hash:net\nipset add good 10.0.0.0/8\nipset add good $(dig +short x)\n",
        "ipset create good hash:net\nipset add good 10.0.0.0/8\nipset swap good new\n",
        "ipset create good hash:net\nipset add good 10.0.0.0/8 nomatch\n",
    ] {
        check(&format!("{SHUT}{rule}{set}"), &unknown);
    }
}

/// Rules of nftables in a script that gives others to iptables.
#[test]
fn scripts_of_two_programs() {
    let text = "nft -f - <<'RULES'\nadd table bridge b\nadd chain bridge b c { type filter hook forward priority -200; policy accept; }\nadd rule bridge b c meta ibrname \"br0\" meta obrname \"br0\" counter drop\nadd table ip n\nadd chain ip n c { type filter hook prerouting priority -150; }\nadd rule ip n c tcp dport 80 meta mark set 5\nRULES\niptables-restore --noflush <<'RULES'\n*filter\n:MINE - [0:0]\n-A MINE -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A MINE -m mark --mark 5 -j ACCEPT\n-A MINE -j DROP\nCOMMIT\nRULES\niptables -C FORWARD -j MINE || iptables -I FORWARD 1 -j MINE\n";
    assert_eq!(
        directions(text),
        [
            "pass TCP over IPv4 to port 80: forwarded, both directions",
            "pass all other TCP over IPv6: forwarded, both directions",
            "drop all other TCP: forwarded, both directions",
            "drop all TCP: bridged from bridge br0 to bridge br0",
            "pass all TCP: bridged from bridge br0 to any interface but bridge br0; bridged from any interface but bridge br0 to bridge br0; bridged from any interface but bridge br0 to any interface but bridge br0",
        ]
    );
    assert_eq!(told(text).warnings, []);
}

/// A function ends where its own braces do.
#[test]
fn braces_within_functions() {
    let text = "#!/bin/sh\nset_up() {\n  cat > /etc/x << EOF\n}\nEOF\n  iptables -N open_ports || {\n    echo none\n  }\n  iptables -P FORWARD DROP\n  iptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\n  open 80\n}\nopen() { iptables -A FORWARD -p tcp --dport $1 -j ACCEPT; }\nset_up\niptables -t nat -F\niptables -t raw -F\niptables -P INPUT ACCEPT\niptables -P OUTPUT ACCEPT\n";
    check(text, &[(Pass, "TCP to port 80", None), (Drop, "all other TCP", Some(9))]);
    // The last one is not called.
    let uncalled = text.replace("\nset_up\n", "\nopen 25\n");
    check(&uncalled, &[(Pass, "all TCP", None)]);
}
