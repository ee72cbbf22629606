//! Functions of a shell script: what stands in one is done when something calls it.

use std::ops::RangeInclusive;

use crate::config::{Diagnostics, Line, quoted};

use super::calls::is_usual_word;
use super::held::Held;
use super::shell::is_iptables;

/// A function of a script.
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    /// Places of its lines.
    pub(super) lines: RangeInclusive<usize>,
    is_called: bool,
}

/// Places of lines in functions that nothing in the text calls; each such function with a rule in it is warned of. Where
/// none is called, the text is a piece of a script, and all of them count.
/// `unmeant`: places of lines that are not run.
pub(super) fn uncalled(
    lines: &[Line<'_>],
    unmeant: &[RangeInclusive<usize>],
    found: &mut Diagnostics,
) -> Vec<RangeInclusive<usize>> {
    let mut all = functions(lines);
    let is_run = |at: usize| !unmeant.iter().any(|lines| lines.contains(&at));
    let mut anywhere = functions(lines);
    call(lines, &mut anywhere, |_| true);
    call(lines, &mut all, is_run);
    if all.iter().all(|function| !function.is_called) {
        return Vec::new();
    }
    all.retain(|function| !function.is_called);
    for function in anywhere.iter().filter(|function| !function.is_called) {
        let mut words = function.lines.clone().flat_map(|at| lines[at].words.iter());
        if words.any(|word| is_iptables(word)) {
            let message = format!(
                "nothing in this text calls the function {}: its commands are taken as not given",
                quoted(function.name)
            );
            found.warn(&lines[*function.lines.start()], "", message);
        }
    }
    all.into_iter().map(|function| function.lines).collect()
}

/// Marks those functions that lines call which are run.
fn call(lines: &[Line<'_>], all: &mut [Function<'_>], is_run: impl Fn(usize) -> bool) {
    let outside =
        |at: usize| is_run(at) && !all.iter().any(|function| function.lines.contains(&at));
    let mut to_read: Vec<usize> = (0..lines.len()).filter(|at| outside(*at)).collect();
    while let Some(at) = to_read.pop() {
        let words = lines[at].words.as_slice();
        for (place, word) in words.iter().enumerate() {
            let word = word.trim_matches([';', '"', '\'', '`', '(', ')']).trim_start_matches("$(");
            // `service tor stop` calls another one's.
            let is_command = || place.checked_sub(1).is_none_or(|before| begins(words[before]));
            let function = all.iter_mut().find(|function| function.name == word);
            let is_meant = !is_usual_word(word) || is_command();
            if let Some(function) = function.filter(|function| !function.is_called && is_meant) {
                function.is_called = true;
                to_read.extend(function.lines.clone());
            }
        }
    }
}

/// True for a word after which a command begins.
pub(super) fn begins(word: &str) -> bool {
    word.ends_with([';', ')', '{', '(', '&', '|'])
        || matches!(word, "then" | "do" | "else" | "if" | "while" | "until" | "!" | "sudo")
}

/// The functions of a script, by lines of their own: `name() {` or `function name {`, down to `}`.
pub(super) fn functions<'a>(lines: &[Line<'a>]) -> Vec<Function<'a>> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let words = lines[at].words.as_slice();
        let name = match words {
            [name, "()", ..] | ["function", name, ..] => Some(name.trim_end_matches("()")),
            [name, ..] => name.strip_suffix("()").or_else(|| name.strip_suffix("(){")),
            [] => None,
        };
        let braced =
            |at: usize| lines.get(at).is_some_and(|l| l.words.iter().any(|w| w.ends_with('{')));
        let Some(name) = name.filter(|_| braced(at) || braced(at + 1)) else {
            at += 1;
            continue;
        };
        let end = end_of_body(lines, at);
        all.push(Function { name, lines: at..=end, is_called: false });
        at = end + 1;
    }
    all
}

/// The place of the line on which the body ends that begins here: of what stands in braces within it, and of files that it holds
/// (`<<EOF`), braces are none of its own.
fn end_of_body(lines: &[Line<'_>], begin: usize) -> usize {
    let mut depth = 0;
    let mut file: Option<&str> = None;
    for (at, line) in lines.iter().enumerate().skip(begin) {
        if let Some(end) = file {
            file = Some(end).filter(|end| line.words.as_slice() != [*end]);
            continue;
        }
        let before = depth;
        for word in line.words.iter() {
            match *word {
                "}" | "};" => depth -= 1,
                word if word == "{" || word.ends_with("){") => depth += 1,
                _ => {}
            }
        }
        if depth <= 0 && (before > 0 || line.words.iter().any(|word| word.starts_with('}'))) {
            return at;
        }
        file = Held::of(&line.words).map(|held| held.end);
    }
    // Braces that do not match: down to the first that closes one.
    let closes = |line: &Line<'_>| matches!(line.words.as_slice(), ["}" | "};", ..] | [.., "}"]);
    lines[begin..].iter().position(closes).map_or(lines.len() - 1, |more| begin + more)
}

/// Most functions that hand on what they are given.
const WRAPPERS_MAX: usize = 64;

/// A function that calls iptables with what it is given: `add() { iptables -w -A "$@"; }`.
pub(super) struct Wrapper<'a> {
    pub(super) name: &'a str,
    /// Places of its lines.
    pub(super) lines: RangeInclusive<usize>,
    /// The programs that it calls, their words, and how many of its own it has taken away before (`shift`).
    commands: Vec<(&'a str, Vec<&'a str>, usize)>,
    /// Its variables, and which of its words each is.
    locals: Vec<(&'a str, usize)>,
}

impl<'a> Wrapper<'a> {
    /// Those of a script that something calls.
    pub(super) fn all(lines: &[Line<'a>]) -> Vec<Self> {
        let of = functions(lines).into_iter().filter_map(|function| Self::of(&function, lines));
        let mut all: Vec<Self> = of.take(WRAPPERS_MAX).collect();
        all.retain(|wrapper| {
            let calls = |(at, line): (usize, &Line<'_>)| {
                !wrapper.lines.contains(&at) && line.words.contains(&wrapper.name)
            };
            lines.iter().enumerate().any(calls)
        });
        all
    }

    fn of(function: &Function<'a>, lines: &[Line<'a>]) -> Option<Self> {
        let mut wrapper = Self {
            name: function.name,
            lines: function.lines.clone(),
            commands: Vec::new(),
            locals: Vec::new(),
        };
        let mut shifted = 0;
        for at in function.lines.clone() {
            let words = lines[at].words.as_slice();
            let ends = |word: &&str| {
                matches!(*word, ";" | "||" | "&&" | "then" | "else" | "do" | "{" | "|")
                    || word.ends_with(';')
            };
            for command in words.split_inclusive(ends) {
                for word in command {
                    let Some((name, value)) = word.split_once('=') else { continue };
                    let number = argument(value.trim_end_matches(';'));
                    wrapper.locals.extend(number.map(|number| (name, number + shifted)));
                }
                if let Some(at) =
                    command.iter().position(|word| word.trim_end_matches(';') == "shift")
                {
                    let by =
                        command.get(at + 1).and_then(|by| by.trim_end_matches(';').parse().ok());
                    shifted += by.filter(|by: &usize| *by < 100).unwrap_or(1);
                }
                let Some(at) = command.iter().position(|word| is_iptables(word)) else { continue };
                let given = command[at + 1..].iter().map(|word| word.trim_end_matches(';'));
                let given: Vec<&str> = given
                    .take_while(|word| !word.contains('>') && !matches!(*word, "||" | "&&"))
                    .collect();
                let asks = given.iter().any(|word| matches!(*word, "-C" | "--check"));
                if !asks {
                    wrapper.commands.push((command[at], given, shifted));
                }
            }
        }
        let hands_on = |(_, words, _): &(_, Vec<&str>, _)| words.iter().any(|word| is_rest(word));
        wrapper.commands.iter().any(hands_on).then_some(wrapper)
    }

    /// The commands that it makes of its words: program, and words.
    pub(super) fn called<'w>(&self, given: &[&'w str]) -> Vec<(&'a str, Vec<&'w str>)>
    where
        'a: 'w,
    {
        let of = |(program, words, shifted): &(&'a str, Vec<&'a str>, usize)| {
            let mut made: Vec<&'w str> = Vec::new();
            for word in words {
                let bare = word.trim_matches(['"', '\'']);
                let name = bare.trim_start_matches('$').trim_matches(['{', '}']);
                let local =
                    self.locals.iter().find(|(local, _)| bare.starts_with('$') && *local == name);
                if is_rest(word) {
                    made.extend(given.get(*shifted..).unwrap_or(&[]));
                } else if let Some((_, number)) = local {
                    made.extend(given.get(number - 1));
                } else if let Some(number) = argument(word) {
                    made.extend(given.get(number + shifted - 1));
                } else {
                    made.push(word);
                }
            }
            (*program, made)
        };
        self.commands.iter().map(of).collect()
    }
}

/// True for all that a function is given: `"$@"`, `$*`.
fn is_rest(word: &str) -> bool {
    matches!(word.trim_matches(['"', '\'']), "$@" | "$*" | "${@}" | "${*}")
}

/// Which of a function's words this is: `"$1"`, `${2}`.
fn argument(word: &str) -> Option<usize> {
    let name = word.trim_matches(['"', '\'']).strip_prefix('$')?;
    let number = name.trim_matches(['{', '}']);
    number.parse().ok().filter(|number| (1..=99).contains(number))
}
