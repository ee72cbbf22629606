//! Loops of a script over words that the text tells: `for port in 22 80; do …; done`.

use std::borrow::Cow;
use std::rc::Rc;

use crate::config::Line;

use super::shell::Variables;

/// Values that variables have at a place of a script: those of loops, and of what a function is given.
pub(super) type Bound<'a> = Rc<[(&'a str, String)]>;

/// Most lines of a loop.
const LINES_MAX: usize = 1_000;
/// Longest value that is put in: values of values grow without end.
pub(super) const VALUE_MAX: usize = 16_384;

/// The variable of a loop and its values, where all are told.
pub(super) fn values<'a>(
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
pub(super) fn end_of(lines: &[Line<'_>], begin: usize, end: usize) -> Option<usize> {
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

/// Words as a shell gives them to a program: of a value that stands without quotes each word is one.
pub(super) fn given<'w>(words: &[&'w str], bound: &Bound<'_>) -> Vec<Cow<'w, str>> {
    let mut all = Vec::with_capacity(words.len());
    for word in words {
        match put_in(word, bound) {
            Cow::Owned(value) if word.starts_with('$') => {
                let parts = value.split_whitespace();
                all.extend(parts.map(|part| Cow::Owned(part.to_owned())));
            }
            value => all.push(value),
        }
    }
    all
}

/// A word with the values of loops, and of what a function is given, in the places of their variables.
pub(super) fn put_in<'w>(word: &'w str, bound: &Bound<'_>) -> Cow<'w, str> {
    if bound.is_empty() || !word.contains('$') {
        return Cow::Borrowed(word);
    }
    // What is bound last is the innermost.
    let value = |name: &str| {
        let found = bound.iter().rev().find(|(of, _)| *of == name);
        found.map(|(_, value)| value.as_str())
    };
    let mut made = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        let (before, variable) = rest.split_at(at);
        made.push_str(before);
        let Some((name, default, behind)) = variable_of(&variable[1..]) else {
            made.push('$');
            rest = &variable[1..];
            continue;
        };
        match (value(name), default) {
            (Some(value), None) => made.push_str(value),
            (Some(value), Some(default)) => {
                made.push_str(if value.is_empty() { default } else { value });
            }
            (None, _) => made.push_str(&variable[..variable.len() - behind.len()]),
        }
        rest = behind;
        if made.len() > VALUE_MAX {
            return Cow::Borrowed(word);
        }
    }
    made.push_str(rest);
    Cow::Owned(made)
}

/// The name of a variable whose dollar sign is taken off, what it is where it has no value (`${1:-tcp}`), and what follows.
pub(super) fn variable_of(word: &str) -> Option<(&str, Option<&str>, &str)> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some(braced) = word.strip_prefix('{') {
        let (said, behind) = braced.split_once('}')?;
        let (name, default) = match said.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (said, None),
        };
        return (!name.is_empty() && name.chars().all(is_of_name))
            .then_some((name, default, behind));
    }
    let end = match word.starts_with(|c: char| c.is_ascii_digit()) {
        true => 1,
        false => word.find(|c| !is_of_name(c)).unwrap_or(word.len()),
    };
    (end > 0).then(|| (&word[..end], None, &word[end..]))
}
