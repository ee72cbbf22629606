//! Dumps of iptables whose lines are not written as `iptables-save` writes them.

use crate::audit::Effect::{Drop, Pass, Strip, Terminate, Unknown};

use super::texts::{check, told};

/// iptables, iptables-restore.c: a table's name may stand behind blanks.
#[test]
fn tables_behind_blanks() {
    for star in ["*", "* ", "*\t"] {
        let text = format!(
            "{star}mangle\n-A PREROUTING -p tcp --dport 80 -j TPROXY --on-port 3129 --tproxy-mark 1\nCOMMIT\n{star}filter\n: FORWARD  DROP  [0:0]\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\nCOMMIT\n"
        );
        let taken = (Terminate, "TCP to port 80", Some(2));
        let [dropped, passed] = [(Drop, Some(5)), (Pass, None)];
        let rest = [dropped, passed].map(|(effect, line)| (effect, "all other TCP", line));
        check(&text, &[taken, rest[0], rest[1]]);
        assert_eq!(told(&text).warnings, [], "{text}");
    }
}

/// A list's item is no table, and what follows a table that there is not is not passed over in silence.
#[test]
fn tables_that_there_are_not() {
    let strip = "-A FORWARD -p tcp -j TCPOPTSTRIP --strip-options 30\nCOMMIT\n";
    let item = format!("*mangle\n* strips the option\n{strip}");
    check(&item, &[(Strip, "all TCP", Some(3))]);
    let text = format!("*mangel\n{strip}");
    check(&text, &[(Pass, "all TCP", None)]);
    let said = |text: &str| -> Vec<(u32, String)> {
        told(text).warnings.into_iter().map(|w| (w.line, w.message)).collect()
    };
    let [(1, message)] = &said(&text)[..] else { panic!("{:?}", said(&text)) };
    assert!(message.starts_with("`mangel` is no table of iptables"), "{message}");
    check(&format!("case $1 in\n*)\nesac\n{strip}"), &[(Strip, "all TCP", Some(4))]);
    let command = "iptables -t $TABLE -A FORWARD -j DROP\niptables -A FORWARD -j ACCEPT\n";
    assert!(said(command)[0].1.contains("no table that is known"), "{:?}", said(command));
}

/// A policy that is none, or not told, is not taken for ACCEPT in silence.
#[test]
fn policies_that_are_none() {
    for (text, line) in [
        ("*filter\n:FORWARD drop [0:0]\n-A FORWARD -j ACCEPT\nCOMMIT\n", 2),
        ("*filter\n:FORWARD DROP[0:0]\n-A FORWARD -j ACCEPT\nCOMMIT\n", 2),
        ("iptables -P FORWARD $POLICY\niptables -A FORWARD -p tcp -j ACCEPT\n", 1),
        ("iptables -P FORWARD REJECT\niptables -A FORWARD -p tcp -j ACCEPT\n", 1),
    ] {
        let warnings = told(text).warnings;
        assert!(
            warnings.iter().any(|w| w.line == line && w.message.contains("is no policy")),
            "{text}{warnings:?}"
        );
    }
    // A shell's command that does nothing.
    assert_eq!(told("iptables -A FORWARD -j ACCEPT\n: remark\n: FORWARD\n").warnings.len(), 1);
}

/// getopt_long(3): options may be cut.
#[test]
fn options_that_are_cut() {
    let text = "iptables -P FORWARD DROP\niptables -A FORWARD --proto 50 -j ACCEPT\niptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\niptables -A FORWARD --proto tcp --dport 80 --jum ACCEPT\n";
    check(text, &[(Pass, "TCP to port 80", None), (Drop, "all other TCP", Some(1))]);
    assert_eq!(told(text).warnings, []);
}

/// Chains that lead back to themselves the kernel refuses.
#[test]
fn chains_that_lead_back() {
    let text = |rules: &str| {
        format!("*filter\n:FORWARD ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n{rules}COMMIT\n")
    };
    let looping = |line: u32, text: &str| {
        let audit = told(text);
        let says =
            |w: &&crate::config::ConfigDiagnostic| w.message.contains("leads back to itself");
        assert_eq!(audit.warnings.iter().find(says).map(|w| w.line), Some(line), "{text}");
        assert_eq!(audit.verdicts[0].effect, Unknown, "{text}");
    };
    looping(6, &text("-A FORWARD -p tcp -j A\n-A A -p tcp -j A\n"));
    looping(7, &text("-A FORWARD -p tcp -j A\n-A A -p tcp -j B\n-A B -p tcp --dport 80 -g A\n"));
    // Another way to the same chain is none.
    let twice = text(
        "-A FORWARD -p tcp -j A\n-A FORWARD -p tcp -j B\n-A A -p tcp -j B\n-A B -p tcp --dport 80 -j DROP\n",
    );
    assert_eq!(told(&twice).warnings, []);
}

/// A table that a dump has twice is that of the second time; without `COMMIT` between them it is refused.
#[test]
fn tables_that_stand_twice() {
    let dump = |between: &str| {
        format!(
            "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n-A FORWARD -p tcp --dport 22 -j ACCEPT\n{between}*filter\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n-A FORWARD -p tcp --dport 80 -j ACCEPT\nCOMMIT\n"
        )
    };
    let rest = (Drop, "all other TCP", Some(2));
    let twice = dump("COMMIT\n");
    check(&twice, &[(Pass, "TCP to port 80", None), rest]);
    assert!(told(&twice).warnings[0].message.contains("empties the table"), "{twice}");
    let refused = dump("");
    check(&refused, &[(Pass, "TCP to port 22, TCP to port 80", None), rest]);
    assert!(told(&refused).warnings[0].message.contains("no COMMIT"), "{refused}");
    // Of two dumps, one of each version of IP, each has its own.
    let two = format!(
        "# Generated by iptables-save v1.8.9\n{}# Generated by ip6tables-save v1.8.9\n{}",
        dump("").replacen("*filter\n-A FORWARD -m state", "-A FORWARD -m state", 1),
        "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"
    );
    assert_eq!(told(&two).warnings, []);
}
