//! Rules of nftables, as `nft list ruleset` prints them, as a script or the commands give them (nft(8)).
//!
//! They become the same rules as those of iptables. What is not read of a rule's conditions is a doubt: it is
//! not said whether the rule holds.

mod chains;
mod names;
mod statement;
mod tokens;

use crate::config::{ConfigText, Diagnostics, Line, quoted};

use super::rules::Ruleset;
use chains::Reader;
use tokens::{in_braces, tokens_of};

const MAN: &str = "nft(8)";

/// Families of tables.
const FAMILIES: [&str; 6] = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];

/// True for the program, by a path or a shell's variable, too.
fn is_nft(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    let name = name.trim_start_matches(['$', '{']).trim_end_matches('}');
    name.eq_ignore_ascii_case("nft")
}

/// True for a ruleset of nftables, or a script of its commands.
pub(super) fn is_one(text: ConfigText<'_>) -> bool {
    // A shell may be given the command in quotes.
    let is_command =
        |word: &str| matches!(word.trim_start_matches(['"', '\'']), "add" | "insert" | "-f");
    text.lines().iter().any(|line| match line.words.as_slice() {
        ["table", family, ..] => FAMILIES.contains(family),
        ["flush", "ruleset", ..] | ["type", "filter" | "nat" | "route", "hook", ..] => true,
        ["add" | "insert", "rule" | "chain", family, ..] => FAMILIES.contains(family),
        ["sudo", program, command, ..] if is_command(command) => is_nft(program),
        [program, command, ..] => is_command(command) && is_nft(program),
        _ => false,
    })
}

/// True when a text is whole: it holds the chains that its rules stand in, and adds none to those of others.
pub(super) fn holds_all(text: ConfigText<'_>) -> bool {
    let lines = text.lines();
    let is_of_others = |line: &Line<'_>| {
        let is_command =
            |pair: &[&str]| matches!(pair, ["add" | "insert" | "replace", "rule"] | ["include", _]);
        line.words.windows(2).any(is_command)
    };
    is_one(text) && !lines.iter().any(is_of_others)
}

/// Reads a text.
pub(super) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> Ruleset {
    let lines = text.lines();
    // `! /usr/sbin/nft -f`: what is meant for the kernel's loader of scripts is none of nft's commands.
    if let Some(first) = text.text.lines().next()
        && let Some(program) = first.trim_start().strip_prefix('!')
        && program.contains("nft")
        && let Some(line) = lines.first()
    {
        let message = format!(
            "nft refuses the text at its first line, {}: `#` is missing, and nothing of it is in force",
            quoted(first.trim())
        );
        found.warn(line, "", message);
    }
    let tokens = tokens_of(&lines, text.text);
    let braced = in_braces(&tokens);
    let mut reader = Reader::of(text, &lines, &tokens, &braced, found);
    reader.all();
    reader.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Effect, audit};

    #[test]
    fn rulesets() {
        use Effect::{Drop, Pass, Strip, Terminate, Unknown};
        let mut wrong = Vec::new();
        let mut check = |text: &str, expected: &[(Effect, Option<u32>)]| {
            let text = ConfigText::new("f.nft", text);
            assert!(is_one(text));
            let audit = audit(text, None).1;
            let told: Vec<_> =
                audit.verdicts.iter().map(|v| (v.effect, v.because[0].line)).collect();
            if told != expected {
                wrong.push((text.text.to_owned(), told, expected.to_vec(), audit.warnings));
            }
        };
        let chain = |hook: &str, rule: &str| {
            format!(
                "table inet f {{\n chain c {{\n  type filter hook {hook} priority 0; policy accept;\n  {rule}\n }}\n}}\n"
            )
        };
        let closed = |rule: &str| chain("forward", rule).replace("policy accept", "policy drop");
        check(&chain("forward", "accept"), &[(Pass, None)]);
        // What is for the host itself is told apart.
        let host = chain("input", "tcp dport 22 tcp flags syn synproxy mss 1460; drop");
        let of_others = [(Pass, None), (Terminate, Some(4)), (Drop, Some(4))];
        // What answers the host's own calls is dropped, too.
        check(&host, &[&of_others[..], &of_others[2..]].concat());
        // SYNs are tracked, and so new, unless a rule says otherwise.
        let proxy = "tcp dport 80 ct state invalid,untracked synproxy mss 1460 wscale 7";
        check(&chain("forward", proxy), &[(Pass, None)]);
        let untracked = format!(
            "{} }}\n chain r {{\n  type filter hook prerouting priority raw;\n  tcp dport 80 tcp flags syn notrack\n }}\n}}\n",
            chain("forward", proxy).trim_end_matches("}\n")
        );
        check(&untracked, &[(Terminate, Some(4)), (Pass, None)]);
        let strip = "tcp flags syn reset tcp option mptcp";
        check(&chain("forward", strip), &[(Strip, Some(4))]);
        check(&chain("forward", "tcp option mptcp exists counter drop"), &[(Drop, Some(4))]);
        check(&chain("forward", "tcp option 30 exists reject with tcp reset"), &[(Drop, Some(4))]);
        check(
            &chain("forward", "tcp option sack-perm exists reset tcp option sack-perm"),
            &[(Pass, None)],
        );
        let web = [(Pass, None), (Drop, Some(3))];
        let returned = "ct state established,related accept\n  ";
        for rule in [
            "tcp dport 80 accept",
            "tcp dport { 80, 443 } ct state new counter packets 0 bytes 0 accept comment \"a web; shop\"",
            "tcp dport { 80,\n   443 } accept # both",
            "tcp dport 80-90 log prefix \"in \" level info accept",
            "ip daddr { 10.0.0.0/8, 192.0.2.1 } meta l4proto { tcp, udp } th dport http accept",
            "tcp dport vmap { 80 : accept, 53 : continue }",
        ] {
            check(&closed(&format!("{returned}{rule}")), &web);
        }
        check(
            &closed("ct state vmap { established : accept, related : accept, new : accept }"),
            &[(Pass, None)],
        );
        check(&closed("udp dport 53 accept\n  meta l4proto icmp accept"), &[(Drop, Some(3))]);
        check(&chain("forward", "tcp dport 25 queue num 1"), &[(Unknown, Some(4)), (Pass, None)]);
        check(&chain("forward", "ip saddr @bad drop"), &[(Unknown, Some(4)), (Pass, None)]);
        check(
            &chain("forward", "limit rate 10/second accept\n  drop"),
            &[(Drop, Some(5)), (Pass, None)],
        );
        let mapped = format!("{returned}tcp dport vmap {{ 80 : accept, 22 : drop }}");
        check(&closed(&mapped), &[(Pass, None), (Drop, Some(5)), (Drop, Some(3))]);
        let jumps = "table ip f {\n set web { type inet_service; elements = { 80, 443 } }\n chain out {\n  tcp dport @web accept\n }\n chain c {\n  type filter hook forward priority filter; policy drop\n  ct state established accept\n  jump out\n }\n}\n";
        check(jumps, &[(Pass, None), (Pass, None), (Drop, Some(7))]);
        // The table ip has nothing to say of IPv6.
        let of_ipv4 = closed("udp dport 53 accept").replace("table inet", "table ip");
        check(&of_ipv4, &[(Pass, None), (Drop, Some(3))]);
        let define = "define wan = eth0\ndefine lan = { eth1, eth2 }\n".to_owned()
            + &closed(&format!("{returned}iifname $lan oifname $wan accept"));
        check(&define, &[(Drop, Some(5)), (Pass, None)]);
        let commands = "nft add table ip f\nnft add chain ip f c '{ type filter hook forward priority 0 ; policy drop; }'\nnft add rule ip f c reset tcp option mptcp\nnft add rule ip f c accept\n";
        check(commands, &[(Pass, None), (Strip, Some(3))]);
        check(&commands.replace("nft add", "sudo nft add"), &[(Pass, None), (Strip, Some(3))]);
        // Where addresses are translated, a warning says so; a process of the router's is the peer.
        let nat = "table ip nat {\n chain p {\n  type nat hook prerouting priority dstnat;\n  tcp dport 80 redirect to :3128\n }\n chain q {\n  type nat hook postrouting priority srcnat;\n  oifname \"eth0\" masquerade\n }\n}\n";
        check(nat, &[(Terminate, Some(4)), (Pass, None), (Pass, None)]);
        check("flush ruleset\ninclude \"/etc/nftables.d/*.nft\"\n", &[(Unknown, Some(2))]);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// Whatever is written, nothing panics.
    #[test]
    fn broken_texts() {
        let whole = "table inet f { chain c { type filter hook forward priority 0; tcp dport { 80, 443 } ct state vmap { new : jump x } counter accept; } }";
        for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
            let _ = audit(ConfigText::new("f.nft", &whole[..end]), None);
        }
    }
}
