//! What a script is called with: who asks for its rules means those that it makes when it is started.

use std::ops::RangeInclusive;

use crate::config::{Diagnostics, Line, quoted};

use super::shell::is_iptables;

/// Words that scripts are called with to make their rules.
const STARTS: [&str; 8] = ["start", "up", "on", "enable", "load", "apply", "begin", "add"];
/// Words that scripts are called with to take them away.
const STOPS: [&str; 14] = [
    "stop", "down", "off", "disable", "unload", "flush", "clear", "reset", "clean", "del",
    "delete", "remove", "halt", "panic",
];

/// True for what scripts and services are called with.
pub(super) fn is_usual_word(word: &str) -> bool {
    STARTS.contains(&word) || STOPS.contains(&word)
}

/// Most lines of a `case`, or of an `if`.
pub(super) const LINES_MAX: usize = 2_000;

fn bare(word: &str) -> &str {
    word.trim_matches(['"', '\'', '(', ')', ';'])
}

/// A branch of `case`.
pub(super) struct Branch<'a> {
    labels: Vec<&'a str>,
    pub(super) lines: RangeInclusive<usize>,
}

/// Places of lines that are done when the script is not started: branches of a `case` of which another one is `start`,
/// where one takes the rules away.
pub(super) fn unmeant(lines: &[Line<'_>], found: &mut Diagnostics) -> Vec<RangeInclusive<usize>> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let is_case =
            lines[at].words.first() == Some(&"case") && !lines[at].words.contains(&"esac");
        let branches = if is_case { branches(lines, at) } else { Vec::new() };
        let has = |of: &[&str]| {
            branches.iter().any(|branch| branch.labels.iter().any(|label| of.contains(label)))
        };
        if has(&STARTS) && has(&STOPS) {
            let starts = |branch: &Branch<'_>| branch.labels.iter().any(|of| STARTS.contains(of));
            for branch in branches.into_iter().filter(|branch| !starts(branch)) {
                let mut words = branch.lines.clone().flat_map(|at| lines[at].words.iter());
                if words.any(|word| is_iptables(word)) {
                    let message = format!(
                        "what the script does with {} is not read: the rules are those that it makes when it is started",
                        quoted(branch.labels.first().copied().unwrap_or(""))
                    );
                    found.warn(&lines[*branch.lines.start()], "", message);
                }
                all.push(branch.lines);
            }
        }
        at += 1;
    }
    all
}

/// The branches of the `case` at this place: `start|restart)`, down to `;;`.
pub(super) fn branches<'a>(lines: &[Line<'a>], case: usize) -> Vec<Branch<'a>> {
    let mut all: Vec<Branch<'a>> = Vec::new();
    let mut depth = 0;
    let mut is_label = true;
    for (at, line) in lines.iter().enumerate().skip(case + 1).take(LINES_MAX) {
        let words = line.words.as_slice();
        match words.first().copied() {
            Some("esac") if depth == 0 => break,
            Some("case") if !words.contains(&"esac") => depth += 1,
            Some("esac") => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let end = words.iter().position(|word| word.ends_with(')')).filter(|_| is_label);
            if let Some(end) = end {
                let labels = words[..=end].iter().flat_map(|word| word.split('|')).map(bare);
                all.push(Branch { labels: labels.collect(), lines: at..=at });
                is_label = false;
            }
            is_label |= words.iter().any(|word| word.ends_with(";;"));
        }
        if let Some(branch) = all.last_mut() {
            branch.lines = *branch.lines.start()..=at;
        }
    }
    all
}

/// Whether a condition asks for what the script is called with: that it is started (`[ "$1" = start ]`), or stopped.
pub(super) fn asks_for_start(condition: &[&str]) -> Option<bool> {
    let is_first = |word: &&str| {
        let name = bare(word).trim_start_matches('$').trim_start_matches('{');
        word.contains('$')
            && name.starts_with('1')
            && !name[1..].starts_with(|c: char| c.is_ascii_digit())
    };
    let at = condition.iter().position(is_first)?;
    let [sign, word, rest @ ..] = condition.get(at + 1..)? else { return None };
    let is_alone = rest.iter().all(|word| matches!(bare(word), "]" | "]]" | "" | "then"));
    let starts = match bare(word) {
        word if STARTS.contains(&word) => true,
        word if STOPS.contains(&word) => false,
        _ => return None,
    };
    (is_alone && matches!(*sign, "=" | "==")).then_some(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        let asks = |text: &str| asks_for_start(&text.split(' ').collect::<Vec<_>>());
        for start in ["[ \"$1\" = start ];", "[[ \"${1:-}\" == start ]]; then", "[ $1 = \"up\" ]"] {
            assert_eq!(asks(start), Some(true), "{start}");
        }
        assert_eq!(asks("[ \"$1\" = \"stop\" ];"), Some(false));
        for other in
            ["[ \"$1\" != start ];", "[ -n \"$1\" ];", "[ \"$10\" = start ]", "[ $1 = eth0 ]"]
        {
            assert_eq!(asks(other), None, "{other}");
        }
    }
}
