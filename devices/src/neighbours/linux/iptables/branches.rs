//! Branches of a script: which of them are run, as far as that can be told.
//!
//! `if iptables -C RULE; then …; else iptables -A RULE; fi` adds a rule where it is not there yet: afterwards it is there
//! either way.

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

/// A condition, and which of its branches is read.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// It asks for rules alone, which are not there before the script has made them (`Some(true)`: that they are not), or
    /// whether the script is started.
    asks_for_rules: Option<bool>,
    is_else: bool,
}

/// Those that a place in a script is in.
#[derive(Debug, Default)]
pub(super) struct Branches {
    open: Vec<Open>,
    /// A condition whose branches have not begun.
    asked: Option<Open>,
}

impl Branches {
    /// Takes the next command of the script.
    pub(super) fn take(&mut self, command: &[&str]) {
        let first = command.first().map_or("", |word| word.trim_end_matches(';'));
        match first {
            "if" | "elif" => {
                if first == "elif" {
                    self.open.pop();
                }
                let condition = &command[1..];
                let asks_for_rules = asked(condition).or_else(|| asks_for_start(condition));
                self.asked = Some(Open { asks_for_rules, is_else: false });
            }
            "then" => {
                let unknown = Open { asks_for_rules: None, is_else: false };
                self.open.push(self.asked.take().unwrap_or(unknown));
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
            _ => {
                if let Some(open) = &mut self.asked
                    && asked(command) != open.asks_for_rules
                {
                    open.asks_for_rules = None;
                }
            }
        }
    }

    /// Whether what stands here is run.
    pub(super) fn run(&self) -> Run {
        let each = self.open.iter().map(|open| match open.asks_for_rules {
            None => Run::Perhaps,
            Some(negated) if negated == open.is_else => Run::Never,
            Some(_) => Run::Always,
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
            branches.take(&words);
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
