//! nftables: what of a ruleset touches TCP options is told; what its other rules drop is not modelled.

use std::collections::BTreeMap;

use crate::audit::{Audit, Because, Effect, Verdict};
use crate::config::{ConfigText, Line};

/// True for a ruleset of nftables, or a script of its commands.
pub(super) fn is_one(text: ConfigText<'_>) -> bool {
    text.lines().iter().any(|line| match line.words.as_slice() {
        ["table", "ip" | "ip6" | "inet" | "bridge" | "netdev", ..] | ["flush", "ruleset", ..] => {
            true
        }
        [program, "add" | "insert" | "-f", ..] => program.rsplit('/').next() == Some("nft"),
        _ => false,
    })
}

/// A statement of a chain.
struct Statement<'l, 't> {
    chain: &'l str,
    line: &'l Line<'t>,
}

/// Reads a ruleset and says what becomes of MPTCP.
pub(super) fn audit(text: ConfigText<'_>) -> Audit {
    let lines = text.lines();
    let mut chain = "";
    let mut hooks: BTreeMap<&str, &str> = BTreeMap::new();
    let mut statements = Vec::new();
    for line in lines.iter() {
        let words = line.words.as_slice();
        match words {
            ["chain", name, ..] => chain = name,
            // `nft add rule inet TABLE CHAIN …`.
            [.., "add" | "insert", "rule", _, _, _, _] => {}
            [_, "add" | "insert", "rule" | "chain", _, _, name, ..] => chain = name,
            ["add" | "insert", "rule" | "chain", _, _, name, ..] => chain = name,
            ["table" | "set" | "map", ..] | ["synproxy", _, "{"] => chain = "",
            _ => {}
        }
        let hook = words.iter().position(|w| *w == "hook").and_then(|at| words.get(at + 1));
        if let Some(hook) = hook {
            hooks.insert(chain, hook);
        }
        if !chain.is_empty() {
            statements.push(Statement { chain, line });
        }
    }
    // A chain without a hook is called from others.
    let passes = |s: &Statement<'_, '_>| {
        hooks.get(s.chain).is_none_or(|h| matches!(*h, "forward" | "prerouting" | "postrouting"))
    };
    let mut verdicts = Vec::new();
    let mut drops = None;
    for statement in statements.iter().filter(|s| passes(s)) {
        let words = statement.line.words.as_slice();
        let has = |word: &str| words.iter().any(|w| w.trim_end_matches([';', ',', '}']) == word);
        let option = words.windows(3).any(|w| {
            w[0] == "tcp"
                && w[1] == "option"
                && matches!(w[2].trim_end_matches(';'), "mptcp" | "30")
        });
        let effect = if has("synproxy") {
            Some((Effect::Terminate, "SYNs are answered in the server's place, without option 30"))
        } else if has("tproxy") || has("redirect") {
            Some((Effect::Terminate, "a process of this host is the TCP peer"))
        } else if has("reset") && option {
            Some((Effect::Strip, "every byte of the option becomes NOP"))
        } else if option && (has("drop") || has("reject")) {
            Some((Effect::Drop, "segments with option 30 are dropped"))
        } else {
            None
        };
        let place = text.place(statement.line);
        match effect {
            Some((effect, rule)) => verdicts.push(Verdict {
                traffic: "TCP that this rule names".into(),
                direction: "forwarded".into(),
                effect,
                because: vec![Because::line(&place, rule)],
            }),
            None if ["drop", "reject", "queue", "jump", "goto", "vmap"].iter().any(|w| has(w)) => {
                drops.get_or_insert(place);
            }
            None => {}
        }
    }
    let traffic = if verdicts.is_empty() { "all TCP" } else { "all other TCP" };
    let (effect, because) = match drops {
        Some(place) => {
            let why = "which connections the rules of nftables drop is not modelled; no other rule touches \
                       TCP options";
            (Effect::Unknown, Because::line(&place, why))
        }
        None => {
            let why = "no rule for forwarded packets touches TCP options, or drops";
            (Effect::Pass, Because::default(why))
        }
    };
    verdicts.push(Verdict {
        traffic: traffic.into(),
        direction: "forwarded, both directions".into(),
        effect,
        because: vec![because],
    });
    Audit { version: None, verdicts, warnings: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rulesets() {
        use Effect::{Pass, Strip, Terminate, Unknown};
        let check = |text: &str, expected: &[(Effect, Option<u32>)]| {
            let text = ConfigText::new("f.nft", text);
            assert!(is_one(text));
            let told: Vec<_> =
                audit(text).verdicts.iter().map(|v| (v.effect, v.because[0].line)).collect();
            assert_eq!(told, expected, "{}", text.text);
        };
        let chain = |hook: &str, rule: &str| {
            format!(
                "table inet f {{\n chain c {{\n  type filter hook {hook} priority 0; policy accept;\n  {rule}\n }}\n}}\n"
            )
        };
        check(&chain("forward", "accept"), &[(Pass, None)]);
        check(&chain("input", "tcp dport 22 synproxy mss 1460; drop"), &[(Pass, None)]);
        let proxy = "tcp dport 80 ct state invalid,untracked synproxy mss 1460 wscale 7";
        check(&chain("forward", proxy), &[(Terminate, Some(4)), (Pass, None)]);
        let named = "synproxy name tcp dport map { 443 : \"https\", 80 : \"http\" }";
        check(&chain("forward", named), &[(Terminate, Some(4)), (Pass, None)]);
        let strip = "tcp flags syn reset tcp option mptcp";
        check(&chain("forward", strip), &[(Strip, Some(4)), (Pass, None)]);
        let closed =
            chain("forward", "tcp dport 80 accept").replace("policy accept", "policy drop");
        check(&closed, &[(Unknown, Some(3))]);
        let commands = "nft add table ip f\nnft add chain ip f c { type filter hook forward priority 0 \\; }\nnft add rule ip f c reset tcp option mptcp\n";
        check(commands, &[(Strip, Some(3)), (Pass, None)]);
    }
}
