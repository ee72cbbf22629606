//! Branches of a script of which one is taken alone: where several make rules, it is said that all of them are read.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::config::{Diagnostics, Line};

use super::calls::{LINES_MAX, branches};
use super::conditions;
use super::functions::functions;
use super::shell::{Variables, is_iptables};

/// Most functions that a branch, or a function, calls.
const CALLS_MAX: usize = 64;

/// Warns of each `case` and `if` of which more than one branch makes rules, and of the functions that those call.
/// `unmeant`: places of lines that are not run.
pub(super) fn warn(
    lines: &[Line<'_>],
    unmeant: &[RangeInclusive<usize>],
    variables: &Variables<'_>,
    found: &mut Diagnostics,
) {
    let may_branch = |line: &Line<'_>| matches!(line.words.first(), Some(&("case" | "if")));
    if !lines.iter().any(may_branch) {
        return;
    }
    let rules = Rules::of(lines);
    let is_run = |at: usize| !unmeant.iter().any(|lines| lines.contains(&at));
    let mut told: Vec<usize> = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(at, _)| is_run(*at)) {
        let parts = match line.words.first() {
            Some(&"case") if !line.words.contains(&"esac") => {
                branches(lines, at).into_iter().map(|branch| branch.lines).collect()
            }
            Some(&"if") if !conditions::is_told(&line.words[1..], variables) => {
                parts_of_if(lines, at)
            }
            _ => continue,
        };
        let making: Vec<Vec<usize>> = parts
            .into_iter()
            .filter(|part| is_run(*part.start()))
            .filter_map(|part| rules.of_part(lines, part))
            .collect();
        if making.len() < 2 {
            continue;
        }
        let message = "the script takes one of these branches alone, and which the text does not tell: the rules of all of \
                       them are read";
        found.warn(line, "", message);
        for function in making.into_iter().flatten() {
            let head = rules.functions[function].head;
            if !told.contains(&head) {
                told.push(head);
                let message = format!(
                    "a branch calls this, of which the script takes one alone (line {}): its rules are read beside those \
                     of the others",
                    line.number
                );
                found.warn(&lines[head], "", message);
            }
        }
    }
}

/// The same, of a script of which no condition is known.
pub(in crate::neighbours::linux) fn warn_of_all(lines: &[Line<'_>], found: &mut Diagnostics) {
    warn(lines, &[], &Variables::default(), found);
}

/// What a function does.
struct Function {
    /// Place of its first line.
    head: usize,
    /// It makes rules itself.
    makes: bool,
    /// Those that it calls.
    calls: Vec<usize>,
}

/// The functions of a script, and their places by name.
struct Rules<'a> {
    functions: Vec<Function>,
    names: BTreeMap<&'a str, usize>,
}

impl<'a> Rules<'a> {
    fn of(lines: &[Line<'a>]) -> Self {
        let all = functions(lines);
        let names =
            all.iter().enumerate().rev().map(|(at, function)| (function.name, at)).collect();
        let mut rules = Self { functions: Vec::new(), names };
        for function in &all {
            let (makes, calls) = rules.said(lines, function.lines.clone());
            rules.functions.push(Function { head: *function.lines.start(), makes, calls });
        }
        rules
    }

    /// Whether lines make rules themselves, and the functions that they call.
    fn said(&self, lines: &[Line<'_>], part: RangeInclusive<usize>) -> (bool, Vec<usize>) {
        let mut makes = false;
        let mut calls = Vec::new();
        for word in part.flat_map(|at| lines.get(at)).flat_map(|line| line.words.iter()) {
            // `web)` is a branch's label.
            let name = word.trim_matches([';', '"', '\'', '(']);
            makes |= is_iptables(word) || name == "nft";
            calls.extend(self.names.get(name).filter(|_| calls.len() < CALLS_MAX));
        }
        (makes, calls)
    }

    /// The functions by which lines make rules; nothing where they make none.
    fn of_part(&self, lines: &[Line<'_>], part: RangeInclusive<usize>) -> Option<Vec<usize>> {
        let (mut makes, mut to_read) = self.said(lines, part);
        let mut by: Vec<usize> = Vec::new();
        while let Some(called) = to_read.pop() {
            if by.len() < CALLS_MAX && !by.contains(&called) {
                by.push(called);
                to_read.extend(&self.functions[called].calls);
            }
        }
        by.retain(|called| self.functions[*called].makes);
        by.sort_unstable();
        makes |= !by.is_empty();
        makes.then_some(by)
    }
}

/// The parts of the `if` at this place, down to its `fi`: none where it has no `else`.
fn parts_of_if(lines: &[Line<'_>], at: usize) -> Vec<RangeInclusive<usize>> {
    let mut parts: Vec<RangeInclusive<usize>> = vec![at + 1..=at + 1];
    let mut depth = 0;
    for (place, line) in lines.iter().enumerate().skip(at + 1).take(LINES_MAX) {
        match line.words.first().map_or("", |word| word.trim_end_matches(';')) {
            "if" => depth += 1,
            "fi" if depth == 0 => return parts,
            "fi" => depth -= 1,
            "else" | "elif" if depth == 0 => parts.push(place..=place),
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            *last = *last.start()..=place;
        }
    }
    Vec::new()
}
