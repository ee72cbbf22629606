//! Branches in which a script ends: `if [ "$MODE" = bridge ]; then …; exit; fi`.

use std::ops::RangeInclusive;

use crate::config::{Diagnostics, Line};

use super::conditions;
use super::shell::{Variables, is_iptables};

/// A branch that is read.
struct Open {
    /// Places of its lines.
    from: usize,
    /// Its condition tells whether it is run.
    is_told: bool,
    ends: bool,
}

/// Places of lines of branches that end the script, or its function, where more rules stand elsewhere: who runs it for those
/// does not come there.
pub(super) fn ended(
    lines: &[Line<'_>],
    variables: &Variables<'_>,
    found: &mut Diagnostics,
) -> Vec<RangeInclusive<usize>> {
    let mut all: Vec<RangeInclusive<usize>> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut close = |branch: Option<Open>, before: usize| {
        if let Some(Open { from, is_told: false, ends: true }) = branch
            && from < before
        {
            all.push(from..=before - 1);
        }
    };
    let mut is_told = false;
    for (at, line) in lines.iter().enumerate() {
        let words = line.words.as_slice();
        let first = words.first().map_or("", |word| word.trim_end_matches(';'));
        let closes = words.iter().any(|word| word.trim_end_matches(';') == "fi");
        let begins = words.contains(&"then");
        match first {
            // In one line it is read with the others.
            "if" | "elif" | "then" if closes => {}
            "if" | "elif" | "then" => {
                if first == "elif" {
                    close(open.pop(), at);
                }
                if first != "then" {
                    is_told = conditions::is_told(&words[1..], variables);
                }
                if begins {
                    open.push(Open { from: at + 1, is_told, ends: false });
                }
            }
            "else" if !closes => {
                let then = open.pop();
                let is_told = then.as_ref().is_some_and(|branch| branch.is_told);
                close(then, at);
                open.push(Open { from: at + 1, is_told, ends: false });
            }
            "fi" => close(open.pop(), at),
            "exit" | "return" => {
                if let Some(branch) = open.last_mut() {
                    branch.ends = true;
                }
            }
            _ => {}
        }
    }
    // Of the lines before each, how many call iptables, and how many add a rule: branches may stand in each other.
    let mut before = vec![[0usize; 2]];
    for line in lines {
        let calls = line.words.iter().any(|word| is_iptables(word));
        let is_rule = |word: &&str| matches!(*word, "-A" | "-I" | "--append" | "--insert");
        let adds = calls && line.words.iter().any(is_rule);
        let [called, added] = before[before.len() - 1];
        before.push([called + usize::from(calls), added + usize::from(adds)]);
    }
    let within = |branch: &RangeInclusive<usize>, what: usize| {
        before[branch.end() + 1][what] - before[*branch.start()][what]
    };
    all.retain(|branch| within(branch, 1) * 2 < before[lines.len()][1]);
    for branch in all.iter().filter(|branch| within(branch, 0) > 0) {
        let message = "in this branch the script ends: what it does here is not read, the rules are those that it makes otherwise";
        found.warn(&lines[*branch.start()], "", message);
    }
    all
}
