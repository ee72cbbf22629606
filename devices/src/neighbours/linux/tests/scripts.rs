//! Scripts whose variables hold more than one word, are set beside others' values, or are not set at all.

use crate::audit::Effect::{Drop, Pass, Strip, Terminate, Unknown};

use crate::config::ConfigText;
use crate::neighbours::linux::PLATFORM;

use super::texts::{check, directions, told};

#[test]
fn variables_that_hold_targets() {
    let text = "PROXY=\"-m state --state INVALID,UNTRACKED -j SYNPROXY --sack-perm --mss 1460\"\nCT='-j CT --notrack' # first\niptables -t raw -A PREROUTING -p tcp --dport 80 --syn $CT\niptables -A FORWARD -p tcp --dport 80 $PROXY\n";
    check(text, &[(Terminate, "TCP to port 80", Some(4)), (Pass, "all other TCP", None)]);
    // One that the text does not set may hold any.
    let open = "iptables -A FORWARD -i eth0 -p tcp --dport 80 $PROXY\n";
    let row = &told(open).verdicts[0];
    assert_eq!((row.effect, &*row.traffic), (Unknown, "TCP to port 80 that this rule names"));
    assert_eq!(row.because[0].line, Some(1));
}

#[test]
fn values_of_variables() {
    let text = "export VM=\"10.0.0.1\";\nDNS=$VM;\nNET=${VM}/24\niptables -P FORWARD DROP\niptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\niptables -A FORWARD -d $DNS -p tcp --dport postgres -j ACCEPT\niptables -A FORWARD -s \"$NET\" -p tcp --dport 22 -j ACCEPT\n";
    check(
        text,
        &[
            (Pass, "TCP to 10.0.0.1/32 to port 5432, TCP from 10.0.0.1/24 to port 22", None),
            (Drop, "all other TCP", Some(4)),
        ],
    );
}

/// A script that calls iptables or ip6tables, as it is told to, does the same for both.
#[test]
fn programs_of_either_version() {
    let script = |then: &str, other: &str| {
        format!(
            "if [ \"$1\" == \"4\" ]\nthen\n  IPTABLES={then}\nelse\n  IPTABLES={other}\nfi\nsudo ${{IPTABLES}} -A FORWARD -p tcp --dport 80 -j DROP\n"
        )
    };
    let rows = [(Drop, "TCP to port 80", Some(7)), (Pass, "all other TCP", None)];
    check(&script("iptables", "ip6tables"), &rows);
    check(&script("ip6tables", "iptables"), &rows);
}

/// Commands of nft in a script, whose blocks end in braces.
#[test]
fn commands_of_nft_in_a_script() {
    let text = "#!/bin/bash\nnft add table ip filter\nnft add chain ip filter FORWARD { type filter hook forward priority 0 \\; policy accept \\; }\nnft add set ip filter s { type ipv4_addr\\; elements = { 10.0.0.1 }\\; }\nnft insert rule ip filter FORWARD tcp dport 80 drop\nnft insert rule ip filter FORWARD ip daddr @s accept\n";
    let (platform, audit) = crate::audit::audit(crate::config::ConfigText::new("f.sh", text), None);
    assert_eq!(platform.map(|p| p.name), Some("linux"));
    let rows: Vec<_> = audit.verdicts.iter().map(|v| (v.effect, v.because[0].line)).collect();
    assert!(rows.contains(&(Drop, Some(5))), "{rows:?}");
    assert_eq!(audit.warnings, []);
}

/// Commands of nft that a shell is given in quotes.
#[test]
fn commands_of_nft_in_quotes() {
    for quote in ["'", "\""] {
        let text = "nft 'add table inet f'\nnft 'add chain inet f c { type filter hook forward priority 0; policy accept; }'\nnft 'add rule inet f c ct state established accept'\nnft 'add rule inet f c iifname eth0 tcp dport {25, 587} drop'\n";
        let text = text.replace('\'', quote);
        let (platform, audit) = crate::audit::audit(ConfigText::new("f.sh", &text), None);
        assert_eq!(platform.map(|p| p.name), Some("linux"), "{text}");
        let row = &audit.verdicts[0];
        let is_such = (row.effect, &*row.traffic, row.because[0].line);
        assert_eq!(is_such, (Drop, "TCP to port 25, 587", Some(4)), "{audit:?}");
        assert_eq!(audit.warnings, []);
    }
}

/// What `xargs` puts in the text does not tell; other chains have nothing to do with it.
#[test]
fn values_from_files() {
    let text = "iptables -P FORWARD DROP\ncat list | xargs -I {} sudo iptables -A FORWARD -s {} -j ACCEPT\n";
    check(
        text,
        &[(Unknown, "TCP that this rule names", Some(2)), (Drop, "all other TCP", Some(1))],
    );
}

#[test]
fn programs_in_quotes() {
    let text = "f() {\n  if ! { \"$IPTABLES_COMMAND\" -t mangle -N M &&\n   \"$IPTABLES_COMMAND\" -t mangle -I PREROUTING 1 -j M &&\n   \"$IPTABLES_COMMAND\" -t mangle -A M \\\n    -p tcp -m tcp --tcp-option 30 -j DROP; }; then\n    echo no\n  fi\n}\n";
    // What others open, and what answers this host's own calls.
    let all = (Drop, "all TCP", Some(4));
    check(text, &[all, all]);
}

/// What a sourced file sets, and what nothing sets, is said once.
#[test]
fn variables_that_are_not_set() {
    let rules = "iptables -P FORWARD DROP\niptables -A FORWARD -i $LAN -o $WAN -j ACCEPT\niptables -A FORWARD -i $WAN -o $LAN -m state --state ESTABLISHED -j ACCEPT\n";
    let said = |text: &str| -> Vec<(u32, String)> {
        told(text).warnings.into_iter().map(|w| (w.line, w.message)).collect()
    };
    let sourced = said(&format!(". /etc/defs.sh\n{rules}"));
    let [(1, message)] = &sourced[..] else { panic!("{sourced:?}") };
    assert!(message.contains("does not hold: $LAN, $WAN are"), "{message}");
    let unset = said(rules);
    let [(2, lan), (2, wan)] = &unset[..] else { panic!("{unset:?}") };
    assert!(lan.contains("gives `$LAN` no value") && wan.contains("`$WAN`"), "{unset:?}");
    let set = format!(". /etc/defs.sh\nLAN=eth0\nWAN=eth1\n{rules}");
    assert_eq!(said(&set), []);
}

/// iptables-restore refuses rules that stand in no table, and iptables takes none that stand alone.
#[test]
fn rules_without_table_and_command() {
    let text = "-A FORWARD -i eth1 -o eth0 -j ACCEPT\n-t nat -A POSTROUTING -o eth0 -j MASQUERADE\n-P FORWARD DROP\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n";
    let warnings = told(text).warnings;
    let lines: Vec<u32> = warnings.iter().map(|warning| warning.line).collect();
    assert_eq!(lines, [1, 2], "{warnings:?}");
    assert!(warnings[0].message.contains("neither a table's line"), "{warnings:?}");
    assert!(warnings[1].message.contains("addresses are translated"), "{warnings:?}");
}

/// A host that a variable without a value calls is called by it.
#[test]
fn hosts_that_variables_call() {
    let text = "iptables -t mangle -A FORWARD -d $server_ip -p tcp ! --syn -j TCPOPTSTRIP --strip-options 30\niptables -A FORWARD -s ${server_ip} -p tcp --tcp-flags RST RST -j DROP\niptables -A FORWARD -s $OTHER -p tcp --dport 80 -j DROP\n";
    check(
        text,
        &[
            (Drop, "TCP from $OTHER to $server_ip to port 80", Some(3)),
            (Strip, "TCP to $server_ip, TCP from $server_ip", Some(1)),
            (Drop, "TCP from $OTHER to port 80", Some(3)),
            (Pass, "all other TCP", None),
        ],
    );
    let warnings = told(text).warnings;
    let lines: Vec<u32> = warnings.iter().map(|warning| warning.line).collect();
    assert_eq!(lines, [1, 3], "{warnings:?}");
    assert!(warnings[0].message.contains("gives `$server_ip` no value"), "{warnings:?}");
}

/// Rules that a script adds where they are not there yet are there.
#[test]
fn rules_that_are_added_once() {
    let text = "iptables -P FORWARD DROP\nif iptables -C FORWARD -m state --state ESTABLISHED -j ACCEPT >/dev/null 2>&1;\nthen\n  echo there\nelse\n  iptables -I FORWARD -m state --state ESTABLISHED -j ACCEPT\nfi\nif ! iptables -C FORWARD -p tcp --dport 80 -j ACCEPT; then\n  iptables -A FORWARD -p tcp --dport 80 -j ACCEPT\nfi\nif iptables -C FORWARD -p tcp --dport 22 -j ACCEPT; then iptables -A FORWARD -p tcp --dport 23 -j ACCEPT; fi\n";
    check(text, &[(Pass, "TCP to port 80", None), (Drop, "all other TCP", Some(1))]);
}

/// A script goes on where a command of it is refused.
#[test]
fn commands_that_are_refused() {
    let text = "iptables -P FORWARD DROP\niptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\niptables -A FORWARD -p tcp --dprt 22 -j ACCEPT\niptables -A FORWARD -p tcp --dport 80 -j ACCEPT\n";
    check(text, &[(Pass, "TCP to port 80", None), (Drop, "all other TCP", Some(1))]);
    let warnings = told(text).warnings;
    assert_eq!(warnings.iter().map(|w| w.line).collect::<Vec<_>>(), [3]);
    assert!(warnings[0].message.contains("unknown option `--dprt`"), "{warnings:?}");
    let stops = format!("set -euo pipefail\n{text}");
    assert_eq!(told(&stops).verdicts[0].effect, Unknown);
    let others = text.replace("--dprt 22", "-m ipv6header --header frag --soft");
    assert!(told(&others).warnings[0].message.contains("not modelled"));
}

/// What a script is called with to take its rules away is not what it is asked about.
#[test]
fn scripts_that_start_and_stop() {
    let rules = "iptables -P FORWARD DROP\niptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\niptables -A FORWARD -p tcp --dport 80 -j ACCEPT\niptables -A FORWARD -p udp --dport 53 -j ACCEPT\niptables -A INPUT -p udp --dport 53 -j ACCEPT\niptables -A INPUT -p icmp -j ACCEPT";
    let open = "iptables -P FORWARD ACCEPT\niptables -F\niptables -t nat -F\niptables -t raw -F";
    let told_as = [(Pass, "TCP to port 80", None), (Drop, "all other TCP", Some(DROPS))];
    const DROPS: u32 = 3;
    for script in [
        format!(
            "case $1 in\n start)\n{rules}\n ;;\n stop)\n{open}\n ;;\n *)\n echo usage\n ;;\nesac\n"
        ),
        format!("case \"$1\" in\n start|restart)\n{rules};;\n stop|clear)\n{open};;\nesac\n"),
        format!(
            "if [ \"$1\" = start ]; then\n:\n{rules}\nelif [ \"$1\" = stop ]; then\n{open}\nfi\n"
        ),
        format!("if [[ \"${{1:-}}\" == \"stop\" ]]; then\n: # {0}\nelse\n{rules}\nfi\n", "nothing")
            .replace("then\n: # nothing\nelse", "then :; else\n:"),
        format!(
            "start() {{\n:\n{rules}\n}}\nstop() {{\n{open}\n}}\ncase $1 in\n start) start ;;\n stop) stop ;;\nesac\n"
        ),
    ] {
        check(&script, &told_as);
    }
    // Where nothing is started, all is done in its order.
    let either = format!("case $1 in\n open)\n{rules}\n ;;\n closed)\n{open}\n ;;\nesac\n");
    check(&either, &[(Pass, "all TCP", None)]);
}

/// Loops over words that the text tells are run for each of them.
#[test]
fn loops_over_words() {
    let script = |of: &str| {
        format!(
            "PORTS=\"22 80\"\nNET=10.1\niptables -P FORWARD DROP\niptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\n{of}"
        )
    };
    let web = [(Pass, "TCP to port 22, TCP to port 80", None), (Drop, "all other TCP", Some(3))];
    for of in [
        "for p in 22 80; do\n iptables -A FORWARD -p tcp --dport $p -j ACCEPT\ndone\n",
        "for p in $PORTS\ndo\n iptables -A FORWARD -p tcp --dport \"${p}\" -j ACCEPT\ndone\n",
        "for p in ${PORTS}; do iptables -A FORWARD -p tcp --dport $p -j ACCEPT; done\n",
        "for p in 22 80; do\n while read x; do\n echo $x\n done < file\n iptables -A FORWARD -p tcp \\\n --dport $p -j ACCEPT\ndone\n",
    ] {
        check(&script(of), &web);
    }
    let nested = "for n in 1 2; do\n for p in 22 80; do\n  iptables -A FORWARD -s 10.$n.0.0/16 -p tcp --dport $p -j ACCEPT\n done\ndone\n";
    let of_two = "TCP from 10.1.0.0/16 to port 22, TCP from 10.1.0.0/16 to port 80, TCP from 10.2.0.0/16 to port 22, TCP from 10.2.0.0/16 to port 80";
    check(&script(nested), &[(Pass, of_two, None), (Drop, "all other TCP", Some(3))]);
    let open =
        "for p in $(cat ports); do\n iptables -A FORWARD -p tcp --dport $p -j ACCEPT\ndone\n";
    check(&script(open), &[(Pass, "TCP to port $p", None), (Drop, "all other TCP", Some(3))]);
    let message = "the text gives `$p` no value: taken for a port that no other rule names";
    assert_eq!(told(&script(open)).warnings[0].message, message);
    // Of several, and of hosts with their length.
    let more =
        "iptables -A FORWARD -s $HOST/32 -p tcp -m multiport --dports 22,$p,${q} -j ACCEPT\n";
    let names = "TCP from $HOST to port 22, $p, $q";
    check(&script(more), &[(Pass, names, None), (Drop, "all other TCP", Some(3))]);
}

/// Functions that call iptables with what they are given.
#[test]
fn functions_that_hand_on() {
    let script = |function: &str, calls: &str| {
        format!(
            "{function}\n:\n:\n{calls}\niptables -t nat -F\niptables -t raw -F\niptables -t mangle -F\n"
        )
    };
    let rows = [(Pass, "TCP to port 80", None), (Drop, "all other TCP", Some(4))];
    for (function, calls) in [
        (
            "add() { local table=$1; shift; iptables -w -t \"$table\" -C \"$@\" 2>/dev/null || iptables -w -t \"$table\" -A \"$@\"; }",
            "iptables -P FORWARD DROP\nadd filter FORWARD -m state --state ESTABLISHED -j ACCEPT\nadd filter FORWARD -p tcp --dport 80 -j ACCEPT",
        ),
        (
            "fw() { iptables \"$@\"; }",
            "fw -P FORWARD DROP\nfw -A FORWARD -m state --state ESTABLISHED -j ACCEPT\nfw -A FORWARD -p tcp --dport 80 -j ACCEPT",
        ),
        (
            "fw() { iptables \"$@\"; iptables -A FORWARD -p tcp --dport 80 -j ACCEPT; }",
            "fw -P FORWARD DROP\nfw -A FORWARD -m state --state ESTABLISHED -j ACCEPT",
        ),
        (
            "rule() { iptables -t $1 -A $2 \"${@}\"; }\n#",
            "iptables -P FORWARD DROP\niptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\niptables -A FORWARD -p tcp --dport 80 -j ACCEPT",
        ),
    ] {
        let text = script(function, calls);
        let line = text.lines().position(|line| line.ends_with("DROP")).unwrap_or(0) as u32 + 1;
        let rows = [rows[0], (rows[1].0, rows[1].1, Some(line))];
        check(&text, &rows);
    }
}

/// Whatever a script says, it is read in time.
#[test]
fn scripts_without_end() {
    let rule = "iptables -A FORWARD -p tcp --dport $x -j ACCEPT\n";
    for script in [
        "for x in 1 2 3 4 5 6 7 8 9; do\n".repeat(40) + &"done\n".repeat(40) + rule,
        "for x in 1 2; do\n".repeat(1_000) + rule,
        "for x in 1 2; do\n".repeat(1_000) + rule + &"done\n".repeat(1_000),
        "case $1 in\nstart)\n".repeat(1_000) + rule,
        "case $1 in\nstart)\n;;\n".repeat(1_000) + &"esac\n".repeat(1_000) + rule,
        format!(
            "fw() {{ shift 18446744073709551615; shift 99; iptables \"$@\"; }}\nfw -A FORWARD\n{rule}"
        ),
        "A=1;".repeat(5_000) + "\n" + rule,
        // Values of values, and functions that call each other.
        (0..60).fold("A0=aaaaaaaa\n".to_owned(), |all, at| {
            all + &format!("A{}=$A{at}$A{at}\n", at + 1)
        }) + rule,
        format!("f() {{\n f $1$1$1$1 b\n f $1$1 c\n}}\nf a\n{rule}"),
        format!("f() {{\n x=$1\n{} {rule}}}\nf a\n", " x=$x$x\n".repeat(60)),
        format!("for a in aaaa; do\nfor x in {}; do\n{rule}done\ndone\n", "$a".repeat(3_000)),
        format!("f() {{\n{} {rule}}}\n", " x=$1\n".repeat(900))
            + &(0..3_000).map(|at| format!("f {at}\n")).collect::<String>(),
        (0..1_000)
            .map(|at| format!("f{at}() {{\n {rule} f{}\n f{}\n}}\n", at + 1, at + 2))
            .collect::<String>()
            + "f0\n",
    ] {
        for text in [script.replace("iptables", "nft"), script] {
            let audit = (PLATFORM.audit)(ConfigText::new("x", &text));
            assert!(!audit.verdicts.is_empty());
        }
    }
}

/// A branch in which a script ends is another use of it than that of the rules after it.
#[test]
fn branches_in_which_a_script_ends() {
    let script = |end: &str| {
        format!(
            "if [ \"$MODE\" = bridge ]; then\n  arptables -I INPUT -i br0 --source-mac 02:50:f3:00:00:00 -j DROP\n  iptables -P FORWARD ACCEPT\n  iptables -A FORWARD -p tcp --dport 80 -j ACCEPT\n  {end}\nfi\niptables -P FORWARD DROP\niptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\niptables -A FORWARD -p tcp --dport 22 -j ACCEPT\n"
        )
    };
    let rest = [(Pass, "TCP to port 22", None), (Drop, "all other TCP", Some(7))];
    for end in ["exit 0", "return"] {
        check(&script(end), &rest);
        let warnings = told(&script(end)).warnings;
        assert!(warnings.iter().any(|w| w.line == 2 && w.message.contains("ends")), "{warnings:?}");
    }
    let perhaps = (Unknown, "TCP to port 80 that this rule names", Some(4));
    check(&script(":"), &[&[perhaps], &rest[..]].concat());
    // The rules themselves may stand in such a branch.
    let all = "if [ -x /sbin/iptables ]; then\n  iptables -P FORWARD DROP\n  iptables -A FORWARD -p tcp --dport 22 -j DROP\n  exit 0\nfi\n";
    let rows = told(all).verdicts;
    assert_eq!(rows[0].effect, Drop, "{rows:?}");
}

/// Of two policies that a condition chooses from either may be a chain's.
#[test]
fn policies_that_a_condition_chooses() {
    let script = |then: &str, other: &str, end: &str| {
        format!(
            "if [ \"$LEVEL\" = 3 ]; then\n  iptables -P FORWARD {then}\nelse\n  iptables -P FORWARD {other}\nfi\niptables -A FORWARD -p tcp --dport 22 -j DROP\n{end}"
        )
    };
    let open = (Unknown, "TCP that this rule names", Some(4));
    check(
        &script("ACCEPT", "DROP", ""),
        &[open, (Drop, "TCP to port 22", Some(6)), (Pass, "all other TCP", None)],
    );
    check(
        &script("DROP", "DROP", ""),
        &[(Drop, "TCP to port 22", Some(6)), (Drop, "all other TCP", Some(4))],
    );
    let set = script("ACCEPT", "DROP", "iptables -P FORWARD ACCEPT\n");
    check(&set, &[(Drop, "TCP to port 22", Some(6)), (Pass, "all other TCP", None)]);
}

/// `service tor stop` calls no function of the script.
#[test]
fn functions_that_services_have_names_of() {
    let text = "iptables -P FORWARD ACCEPT\nstart() {\n service tor stop\n iptables -A FORWARD -p tcp --dport 80 -j DROP\n iptables -A FORWARD -p udp -j DROP\n iptables -A FORWARD -p icmp -j DROP\n}\nstop() {\n iptables -F\n}\ncase \"$1\" in\n start)\n  start\n ;;\n stop)\n  stop\n ;;\nesac\n";
    let dropped =
        |text: &str| directions(text).iter().any(|row| row.starts_with("drop TCP to port 80"));
    assert!(dropped(text), "{:#?}", directions(text));
    // A command of its own.
    assert!(!dropped(&text.replace(" start)\n  start\n", " start)\n  start; stop\n")));
}

/// Of branches that a script takes one of, it is said that the rules of all are read.
#[test]
fn branches_that_exclude_each_other() {
    let warned = |text: &str| -> Vec<u32> {
        let is_such = |message: &str| message.contains("takes one");
        let warnings = told(text).warnings.into_iter();
        warnings.filter(|warning| is_such(&warning.message)).map(|warning| warning.line).collect()
    };
    let case = "iptables -P FORWARD ACCEPT\nweb() {\n iptables -A FORWARD -p tcp --dport 80 -j DROP\n}\ncase \"$MODE\" in\n web)\n  web\n ;;\n mail)\n  iptables -A FORWARD -p tcp --dport 25 -j DROP\n ;;\nesac\niptables -A FORWARD -p udp -j DROP\n";
    assert_eq!(warned(case), [2, 5]);
    assert_eq!(warned(&case.replace("  web\n", "  true\n")), [0; 0]);
    let both = "if [ \"$MODE\" = web ]; then\n iptables -A FORWARD -p tcp --dport 80 -j DROP\nelse\n iptables -A FORWARD -p tcp --dport 25 -j DROP\nfi\niptables -P FORWARD ACCEPT\n";
    assert_eq!(warned(both), [1]);
    assert_eq!(warned(&both.replace("else\n", "")), [0; 0]);
}

/// What a condition asks of a variable that one line sets is known.
#[test]
fn conditions_that_the_script_tells() {
    let script = |set: &str| {
        format!(
            "#!/bin/sh\n{set}\niptables -P FORWARD DROP\niptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\nif [ \"$WEB\" = \"yes\" ]; then\n  iptables -A FORWARD -p tcp --dport 80 -j ACCEPT\nelif [ -n \"$WEB\" ]; then\n  iptables -A FORWARD -p tcp --dport 22 -j ACCEPT\nelse\n  iptables -A FORWARD -p tcp --dport 25 -j ACCEPT\nfi\n[ \"$WEB\" != yes ] && iptables -A FORWARD -p tcp --dport 53 -j ACCEPT\n[ \"$WEB\" = yes ] || iptables -A FORWARD -p tcp --dport 54 -j ACCEPT\n"
        )
    };
    let rest = (Drop, "all other TCP", Some(3));
    let passes = |traffic| (Pass, traffic, None);
    check(&script("WEB=\"yes\""), &[passes("TCP to port 80"), rest]);
    let no = "TCP to port 22, TCP to port 53, TCP to port 54";
    check(&script("WEB=no"), &[passes(no), rest]);
    let none = "TCP to port 25, TCP to port 53, TCP to port 54";
    check(&script("WEB=''"), &[passes(none), rest]);
    // What is known is no alternative.
    assert_eq!(told(&script("WEB=no")).warnings, []);
    let other = told(&script("WEB=$1")).warnings;
    assert!(other[0].message.contains("one of these branches"), "{other:?}");
    // Of what else sets it, or may set it, nothing is known.
    for more in ["WEB=no\nread WEB", "WEB=no\n. /etc/firewall.conf", "WEB=no\n x; WEB=yes"] {
        let found = told(&script(more)).verdicts;
        assert!(found.iter().any(|row| row.effect == Unknown), "{more}: {found:#?}");
    }
    // Of a function that is told what it does.
    let function = "#!/bin/sh\nadd() {\n  if [ \"$1\" = tcp ]; then\n    iptables -A FORWARD -p tcp --dport $2 -j ACCEPT\n  else\n    iptables -A FORWARD -p udp --dport $2 -j ACCEPT\n  fi\n}\niptables -P FORWARD DROP\niptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\nadd tcp 80\nadd udp 53\n";
    check(function, &[passes("TCP to port 80"), (Drop, "all other TCP", Some(9))]);
    // Which of two calls is made the text does not tell: nor what they are told.
    let menu = "#!/bin/sh\nset_up() {\n  iptables -F\n  iptables -A FORWARD -m state --state ESTABLISHED -j ACCEPT\n  if [ \"$1\" = panic ]; then\n    iptables -A FORWARD -j LOG\n  else\n    iptables -A FORWARD -p tcp --dport 80 -j ACCEPT\n  fi\n  iptables -P FORWARD DROP\n}\ncase $CHOICE in\n  1) set_up standard ;;\n  2) set_up panic ;;\nesac\n";
    let found = told(menu).verdicts;
    assert!(found.iter().any(|row| row.effect == Unknown), "{found:#?}");
}

/// What iptables refuses changes nothing, and is told.
#[test]
fn lines_that_are_refused() {
    let text = "iptables -P INPUT DROP\niptables -P OUTUT DROP\niptables -A INPUT -p tcp --dport 80 -j ACCEPT\niptables -A INPUT -p tcp --sport 20:21 -m state --state RELATED, ESTABLISHED -j ACCEPT\n";
    let audit = told(text);
    let lines: Vec<u32> = audit.warnings.iter().map(|warning| warning.line).collect();
    assert_eq!(lines, [2, 4]);
    let dropped = |row: &&String| row.starts_with("drop all TCP: opened by this host itself");
    let rows = directions(text);
    assert!(rows.iter().any(|row| dropped(&row)), "{rows:#?}");
}

/// `0/0` is any address to ip6tables, too; packets may go from one of several interfaces of a pattern to another.
#[test]
fn any_address_and_interfaces_of_a_pattern() {
    let any = "ip6tables -P FORWARD DROP\nip6tables -A FORWARD -s 2001:db8::/32 -d 0/0 -j ACCEPT\nip6tables -A FORWARD -d 2001:db8::/32 -s 0/0 -j ACCEPT\n";
    assert_eq!(directions(any), directions(&any.replace(" -d 0/0", "").replace(" -s 0/0", "")));
    let tunnels = "iptables -P FORWARD DROP\niptables -A FORWARD -i tun+ -j ACCEPT\niptables -A FORWARD -o tun+ -j ACCEPT\n";
    let rows = directions(tunnels);
    let is_told = |row: &String| row.starts_with("pass") && row.contains("from tun+ to tun+");
    assert!(rows.iter().any(is_told), "{rows:#?}");
}
