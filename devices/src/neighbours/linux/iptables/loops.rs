//! Loops of a script over words that the text tells: `for port in 22 80; do …; done`.

use std::borrow::Cow;
use std::rc::Rc;

use crate::config::Line;

use super::shell::Variables;

/// Values that the variables of loops have.
pub(super) type Bound<'a> = Rc<[(&'a str, String)]>;

/// Most times that the bodies of loops are run: what is left then is run once, as loops over unknown words are.
const RUNS_MAX: usize = 2_000;
/// Most loops inside each other.
const NESTED_MAX: usize = 8;
/// Most lines of a loop.
const LINES_MAX: usize = 1_000;

/// Places of lines in the order in which they are run, with the values of loops. Where nothing is known of the words, a
/// loop's lines are run once, and its variable has no value.
pub(super) fn unrolled<'a>(
    lines: &[Line<'a>],
    variables: &Variables<'_>,
    none: &Bound<'a>,
) -> Vec<(usize, Bound<'a>)> {
    let mut all = Vec::with_capacity(lines.len());
    let mut left = RUNS_MAX;
    run(lines, variables, 0..lines.len(), none, &mut left, &mut all);
    all
}

fn run<'a>(
    lines: &[Line<'a>],
    variables: &Variables<'_>,
    places: std::ops::Range<usize>,
    bound: &Bound<'a>,
    left: &mut usize,
    all: &mut Vec<(usize, Bound<'a>)>,
) {
    let mut at = places.start;
    while at < places.end {
        let body = values(&lines[at], variables, bound)
            .and_then(|(name, values)| Some((name, values, end_of(lines, at, places.end)?)))
            .filter(|(_, values, _)| values.len() <= *left && bound.len() < NESTED_MAX);
        let Some((name, values, end)) = body else {
            all.push((at, Rc::clone(bound)));
            at += 1;
            continue;
        };
        for value in values {
            *left = left.saturating_sub(1);
            let inner: Bound<'a> = bound.iter().cloned().chain([(name, value)]).collect();
            match end {
                // All of it stands on one line.
                end if end == at => all.push((at, inner)),
                end => run(lines, variables, at + 1..end, &inner, left, all),
            }
        }
        at = end + 1;
    }
}

/// The variable of a loop and its values, where all are told.
fn values<'a>(
    line: &Line<'a>,
    variables: &Variables<'_>,
    bound: &Bound<'a>,
) -> Option<(&'a str, Vec<String>)> {
    let ["for", name, "in", rest @ ..] = line.words.as_slice() else { return None };
    let mut all = Vec::new();
    for word in rest {
        if *word == "do" {
            break;
        }
        let is_last = word.ends_with(';');
        let word = put_in(word.trim_end_matches(';'), bound);
        let value = variables.value(&word);
        if value.contains(['$', '`', '(', '*', '{', '"', '\'']) {
            return None;
        }
        all.extend(value.split_whitespace().map(str::to_owned));
        if is_last {
            break;
        }
    }
    Some((name, all))
}

/// The place of the line on which the loop ends that begins here.
fn end_of(lines: &[Line<'_>], begin: usize, end: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, line) in lines.iter().enumerate().take(end.min(begin + LINES_MAX)).skip(begin) {
        for word in line.words.iter() {
            match word.trim_end_matches(';') {
                "do" => depth += 1,
                "done" => depth -= 1,
                _ => continue,
            }
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

/// A word with the values of loops in the places of their variables.
pub(super) fn put_in<'w>(word: &'w str, bound: &Bound<'_>) -> Cow<'w, str> {
    let mut word = Cow::Borrowed(word);
    if bound.is_empty() || !word.contains('$') {
        return word;
    }
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    // What is bound last is the innermost loop's.
    for (name, value) in bound.iter().rev() {
        let mut made = String::with_capacity(word.len());
        let mut rest: &str = &word;
        while let Some(at) = rest.find('$') {
            let (before, variable) = rest.split_at(at);
            made.push_str(before);
            let braced = format!("${{{name}}}");
            let behind =
                variable[1..].strip_prefix(name).filter(|rest| !rest.starts_with(is_of_name));
            rest = match (behind, variable.strip_prefix(&braced)) {
                (Some(behind), _) | (None, Some(behind)) => {
                    made.push_str(value);
                    behind
                }
                (None, None) => {
                    made.push('$');
                    &variable[1..]
                }
            };
        }
        made.push_str(rest);
        word = Cow::Owned(made);
    }
    word
}
