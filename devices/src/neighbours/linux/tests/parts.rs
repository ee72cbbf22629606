//! Classes of which other rules name a part: each is called by what is left of it.

use crate::audit::Effect::{Drop, Pass};

use super::texts::check;

/// What earlier rules accept is not said to be dropped.
#[test]
fn ports_that_earlier_rules_take() {
    let text = |rules: &str| {
        format!(
            "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n{rules}COMMIT\n"
        )
    };
    let rest = (Drop, "all other TCP", Some(2));
    let lists = text(
        "-A FORWARD -p tcp -m multiport --dports 80,443,9025:9040 -j ACCEPT\n-A FORWARD -p tcp -m multiport --dports 548,443,80,9000:9030 -j DROP\n",
    );
    check(
        &lists,
        &[
            (Pass, "TCP to port 80, 443, 9025-9040", None),
            (Drop, "TCP to port 548, 9000-9024", Some(5)),
            rest,
        ],
    );
    // What is left of one has the fate of neither.
    let three = text(
        "-A FORWARD -p tcp -m multiport --dports 1,2 -j ACCEPT\n-A FORWARD -p tcp -m multiport --dports 2,3,4 -j DROP\n-A FORWARD -p tcp -m multiport --dports 4,5 -j ACCEPT\n",
    );
    check(
        &three,
        &[
            (Pass, "TCP to port 1, 2, TCP to port 5", None),
            (Drop, "TCP to port 3, 4", Some(5)),
            rest,
        ],
    );
}

#[test]
fn networks_that_earlier_rules_take() {
    let text = "table inet f {\n chain c {\n  type filter hook forward priority 0; policy drop;\n  ct state established accept\n  ip daddr { 10.0.0.0/8, 192.0.2.0/24 } drop\n  ip daddr { 10.0.0.0/8, 198.51.100.0/24 } accept\n }\n}\n";
    check(
        text,
        &[
            (Drop, "TCP to 10.0.0.0/8, 192.0.2.0/24", Some(5)),
            (Pass, "TCP to 198.51.100.0/24", None),
            (Drop, "all other TCP", Some(3)),
        ],
    );
}

/// What an earlier rule drops by its port is not said to pass because of where it comes from.
#[test]
fn ports_that_are_dropped_before_a_network_passes() {
    let text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m state --state ESTABLISHED -j ACCEPT\n-A INPUT -p tcp -m multiport --dports 22,23 -j DROP\n-A INPUT -s 192.168.0.0/16 -j ACCEPT\n-A INPUT -p tcp --dport 80 -j DROP\n-A INPUT -s 10.0.0.1 -p tcp --dport 81 -j ACCEPT\n-A INPUT -j DROP\nCOMMIT\n";
    check(
        text,
        &[
            (Pass, "all TCP", None),
            (Drop, "TCP to port 22, 23", Some(4)),
            (
                Pass,
                "TCP from 192.168.0.0/16 (what earlier rules leave), TCP from 10.0.0.1/32 to port 81",
                None,
            ),
            (Drop, "TCP to port 80 (what earlier rules leave)", Some(6)),
            (Drop, "all other TCP", Some(8)),
        ],
    );
}
