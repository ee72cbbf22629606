//! Connections of the router itself: those that it opens, and what it sends to itself.

use super::texts::{directions, told};

/// Rules for what comes in drop what answers the host's own calls, too.
#[test]
fn answers_to_the_host_that_are_dropped() {
    let text = "*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n";
    let found = directions(text);
    let row = "drop all TCP: opened by this host itself";
    assert!(found.iter().any(|is| is == row), "{found:#?}");
    let row = told(text).verdicts.into_iter().find(|row| row.direction.contains("opened")).unwrap();
    assert_eq!(row.because[0].line, Some(2));
    assert_eq!(row.because[1].rule, "what answers the host's packets is dropped");
    let shut =
        "*mangle\n:PREROUTING DROP [0:0]\n-A PREROUTING -s 10.0.4.0/24 -i eth0 -j ACCEPT\nCOMMIT\n";
    let found = directions(shut);
    for row in [
        "pass TCP to 10.0.4.0/24: opened by this host itself by eth0",
        "drop all other TCP: opened by this host itself by eth0",
        "drop all TCP: opened by this host itself by any other interface",
    ] {
        assert!(found.iter().any(|is| is == row), "{row}: {found:#?}");
    }
    // What is established may come in: nothing of the host's own calls is said.
    let usual =
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -m state --state ESTABLISHED -j ACCEPT\nCOMMIT\n";
    assert!(!directions(usual).iter().any(|row| row.contains("opened")));
}

/// What is accepted of the loopback interface is not said to be dropped.
#[test]
fn rows_that_are_not_of_the_loopback_interface() {
    let of = |rules: &str| {
        let text = format!(
            "*filter\n:INPUT DROP [0:0]\n{rules}-A INPUT -m state --state ESTABLISHED -j ACCEPT\nCOMMIT\n"
        );
        let is_such = |row: &String| row.contains("to this host") && row.starts_with("drop");
        directions(&text).into_iter().find(is_such).unwrap_or_default()
    };
    assert_eq!(
        of("-A INPUT -i lo -j ACCEPT\n"),
        "drop all TCP: to this host itself, except over lo"
    );
    assert_eq!(of(""), "drop all TCP: to this host itself");
    // By another rule.
    assert_eq!(of("-A INPUT ! -i lo -j DROP\n"), "drop all TCP: to this host itself");
}

/// What rules keep away of what a host sends to itself is told as that of an interface.
#[test]
fn rows_of_the_loopback_interface() {
    let text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -i lo -p tcp --dport 80 -j DROP\n-A INPUT -i eth0 -p tcp --dport 22 -j DROP\nCOMMIT\n";
    let found = directions(text);
    let is_told = |row: &str| found.iter().any(|is| is == row);
    assert!(is_told("drop TCP to port 80: to this host itself by lo"), "{found:#?}");
    assert!(is_told("drop TCP to port 22: to this host itself by eth0"), "{found:#?}");
    let rest = "pass all other TCP: to this host itself by eth0; to this host itself by lo";
    assert!(is_told(rest), "{found:#?}");
}

/// What a host sends to itself meets the rules for what it sends before those for what comes to it.
#[test]
fn what_a_host_sends_to_itself_goes_out_first() {
    let text = |output: &str| {
        format!(
            "*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -m state --state ESTABLISHED -j ACCEPT\n-A INPUT -p tcp --dport 22 -j ACCEPT\n{output}COMMIT\n"
        )
    };
    let has = |output: &str, row: &str| {
        let found = directions(&text(output));
        assert!(found.iter().any(|is| is == row), "{row}: {found:#?}");
    };
    // By the rules for what it sends alone: their rows tell it.
    let out = "-A OUTPUT -p tcp --dport 22 -j REJECT\n";
    has(out, "pass TCP to port 22: to this host itself, except over lo");
    has(out, "drop TCP to port 22: opened by this host itself");
    // By those for lo.
    let to_lo = "-A OUTPUT -o lo -p tcp --dport 22 -j REJECT\n";
    has(to_lo, "drop TCP to port 22: to this host itself by lo");
    has(to_lo, "pass TCP to port 22: to this host itself by any other interface but lo");
    // Its answers go the same ways.
    let answers = "-A OUTPUT -p tcp --sport 22 -j REJECT\n";
    has(answers, "drop TCP to port 22, TCP from port 22: to this host itself by lo");
}

/// An interface that a pattern names is called by the pattern.
#[test]
fn interfaces_that_a_pattern_names() {
    let text = "table inet f {\n chain c {\n  type filter hook forward priority 0; policy drop;\n  iifname \"eth*\" accept\n  oifname \"eth*\" accept\n }\n}\n";
    let found = directions(text);
    assert!(found[0].starts_with("pass all TCP: forwarded from eth* to "), "{found:#?}");
    let save = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -i eth+ -j ACCEPT\n-A FORWARD -o eth+ -j ACCEPT\nCOMMIT\n";
    let found = directions(save);
    assert!(found[0].starts_with("pass all TCP: forwarded from eth+ to "), "{found:#?}");
}

/// Groups of interfaces are told apart as interfaces are, where the text names none of these.
#[test]
fn groups_of_interfaces() {
    let text = "table inet q {\n chain f {\n  type filter hook forward priority 0; policy accept;\n  ct state established accept\n  iifgroup != 2 drop\n  oifgroup 2 drop\n }\n chain i {\n  type filter hook input priority 0;\n  iif lo accept\n }\n}\n";
    let found = directions(text);
    let is_told = |row: &str| found.iter().any(|is| is.contains(row));
    let others = "any interface but group 2";
    assert!(is_told(&format!("pass all TCP: forwarded from group 2 to {others}")), "{found:#?}");
    assert!(is_told(&format!("drop all TCP: forwarded from {others} to group 2")), "{found:#?}");
    // Beside names it is not known which of them are in the group.
    let beside = text.replace("iif lo", "iifname eth0");
    assert!(directions(&beside)[0].starts_with("unknown"), "{:#?}", directions(&beside));
}

/// What a chain for all that arrives drops is dropped for the host, too.
#[test]
fn rules_for_all_that_arrives() {
    let text = "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 80 -j DROP\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n";
    let found = directions(text);
    let row = "drop TCP to port 80: forwarded, both directions; to this host itself";
    assert!(found.iter().any(|is| is == row), "{found:#?}");
}

/// What a host sends to itself is tracked when it leaves: a rule for what arrives does not change that.
#[test]
fn what_arrives_over_lo_is_tracked() {
    let of = |raw: &str| {
        let text = format!(
            "*raw\n-A PREROUTING -p tcp --dport 22 --syn -j CT --notrack\n{raw}COMMIT\n*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 22 -m state --state UNTRACKED,INVALID -j SYNPROXY --sack-perm --mss 1460\n-A INPUT -m state --state NEW,ESTABLISHED -j ACCEPT\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n"
        );
        let mut rows = directions(&text).into_iter();
        rows.find(|row| row.starts_with("terminate TCP to port 22")).unwrap_or_default()
    };
    assert_eq!(of(""), "terminate TCP to port 22: to this host itself, except over lo");
    let both = "-A OUTPUT -p tcp --dport 22 --syn -j CT --notrack\n";
    assert_eq!(of(both), "terminate TCP to port 22: to this host itself");
}
