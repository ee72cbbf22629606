//! Branches of a script: which of them are run, as far as that can be told.
//!
//! `if iptables -C RULE; then …; else iptables -A RULE; fi` adds a rule where it is not there yet: afterwards it is there
//! either way. What a condition asks of variables is known where one line sets these.

use super::calls::asks_for_start;
use super::shell::is_iptables;

/// Whether the commands of a branch are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    Always,
    Never,
    /// The text does not tell.
    Perhaps,
}

/// A branch of an `if`, and what is known of its condition.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    /// Whether it holds: it asks for rules alone, which are not there before the script has made them, whether the script is
    /// started, or what the script sets itself.
    holds: Option<bool>,
    /// Whether one of those before it does, of the same `if`.
    before: Option<bool>,
    is_else: bool,
}

/// Those that a place in a script is in.
#[derive(Debug, Default)]
pub(super) struct Branches {
    open: Vec<Open>,
    /// A condition whose branches have not begun, and whether its next command is asked only where it holds (`&&`), or does
    /// not (`||`).
    asked: Option<(Open, Option<bool>)>,
    /// Commands are passed over that follow on one that holds, or does not: up to another sign than this.
    passed: Option<&'static str>,
    is_passed: bool,
}

/// The sign between a command and the next one, where that hangs on it.
fn sign(command: &[&str]) -> Option<&'static str> {
    match command.last() {
        Some(&"&&") => Some("&&"),
        Some(&"||") => Some("||"),
        _ => None,
    }
}

impl Branches {
    /// Takes the next command of the script; `told`: whether it holds, where it is a condition of what the script sets itself.
    pub(super) fn take(&mut self, command: &[&str], told: Option<bool>) {
        let first = command.first().map_or("", |word| word.trim_end_matches(';'));
        let known =
            |condition: &[&str]| asked(condition).or_else(|| asks_for_start(condition)).or(told);
        let next = sign(command);
        self.is_passed = self.passed.is_some();
        match first {
            "if" | "elif" => {
                let over = if first == "elif" { self.open.pop() } else { None };
                let before = match over {
                    Some(Open { holds: Some(true), .. } | Open { before: Some(true), .. }) => {
                        Some(true)
                    }
                    None | Some(Open { holds: Some(false), before: Some(false), .. }) => {
                        Some(false)
                    }
                    _ => None,
                };
                let open = Open { holds: known(&command[1..]), before, is_else: false };
                self.asked = Some((open, next.map(|sign| sign == "&&")));
            }
            "then" => {
                let unknown = Open { before: Some(false), ..Open::default() };
                self.open.push(self.asked.take().map_or(unknown, |(open, _)| open));
            }
            "else" => {
                if let Some(open) = self.open.last_mut() {
                    open.is_else = true;
                }
            }
            "fi" => {
                self.open.pop();
            }
            // A condition may be of several commands.
            _ if self.asked.is_some() => {
                if let Some((open, and)) = &mut self.asked {
                    let other = known(command);
                    open.holds = match (*and, open.holds, other) {
                        (Some(true), Some(false), _) | (Some(true), _, Some(false)) => Some(false),
                        (Some(false), Some(true), _) | (Some(false), _, Some(true)) => Some(true),
                        (_, mine, other) => mine.filter(|_| mine == other),
                    };
                    *and = next.map(|sign| sign == "&&");
                }
            }
            _ => {}
        }
        self.passed = match (self.passed, told) {
            (Some(sign), _) => Some(sign).filter(|sign| next == Some(*sign)),
            (None, Some(holds)) if self.asked.is_none() => {
                next.filter(|sign| holds == (*sign == "||"))
            }
            _ => None,
        };
    }

    /// Whether what stands here is run.
    pub(super) fn run(&self) -> Run {
        if self.is_passed {
            return Run::Never;
        }
        let each = self.open.iter().map(|open| match (open.is_else, open.before, open.holds) {
            (_, Some(true), _) | (false, _, Some(false)) | (true, _, Some(true)) => Run::Never,
            (false, Some(false), Some(true)) | (true, Some(false), Some(false)) => Run::Always,
            _ => Run::Perhaps,
        });
        each.fold(Run::Always, |all, one| match (all, one) {
            (Run::Never, _) | (_, Run::Never) => Run::Never,
            (Run::Perhaps, _) | (_, Run::Perhaps) => Run::Perhaps,
            _ => Run::Always,
        })
    }
}

/// Whether a command asks for a rule, and whether for its absence.
pub(super) fn asked(command: &[&str]) -> Option<bool> {
    let (negated, command) = match command {
        ["!", rest @ ..] => (true, rest),
        all => (false, all),
    };
    let program = command.iter().position(|word| is_iptables(word))?;
    let asks = command[program..].iter().any(|word| matches!(*word, "-C" | "--check"));
    asks.then_some(negated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &[&str]) -> Run {
        let mut branches = Branches::default();
        for command in script {
            let words: Vec<&str> = command.split(' ').collect();
            branches.take(&words, None);
        }
        branches.run()
    }

    #[test]
    fn rules_that_are_asked_for() {
        let check = "if iptables -w -C INPUT -i lo -j ACCEPT";
        assert_eq!(run(&[check]), Run::Always);
        assert_eq!(run(&[check, "then"]), Run::Never);
        assert_eq!(run(&[check, "then", "else"]), Run::Always);
        assert_eq!(run(&[check, "then echo there", "fi"]), Run::Always);
        let absent = "if ! sudo iptables --check INPUT -j X >/dev/null";
        assert_eq!(run(&[absent, "then"]), Run::Always);
        assert_eq!(run(&[absent, "then", "else"]), Run::Never);
        let either = "iptables -C INPUT -j ACCEPT;";
        assert_eq!(run(&[check, either, "then", "else"]), Run::Always);
    }

    #[test]
    fn what_else_is_asked() {
        let check = "if iptables -C INPUT -j X";
        for condition in ["if [ -n $X ]", "if true", "if ! grep -q x /etc/y"] {
            assert_eq!(run(&[condition, "then"]), Run::Perhaps, "{condition}");
            assert_eq!(run(&[condition, "then", "else"]), Run::Perhaps);
            assert_eq!(run(&[condition, "then", check, "then", "else"]), Run::Perhaps);
            assert_eq!(run(&[condition, "then", check, "then"]), Run::Never);
        }
        assert_eq!(run(&[check, "[ -n $Y ]", "then"]), Run::Perhaps);
        assert_eq!(run(&[check, "then", "elif true", "then"]), Run::Perhaps);
        assert_eq!(run(&["fi", "else", "fi"]), Run::Always);
    }
}
