//! Branches of a script of which one is taken alone: where several make rules, it is said that all of them are read.

use std::ops::RangeInclusive;

use crate::config::{Diagnostics, Line};

use super::branches::asked;
use super::calls::{asks_for_start, branches};
use super::functions::{Function, functions};
use super::shell::is_iptables;

/// Most functions that call each other.
const CALLS_MAX: usize = 256;

/// Warns of each `case` and `if` of which more than one branch makes rules, and of the functions that those call.
/// `unmeant`: places of lines that are not run.
pub(in crate::neighbours::linux) fn warn(
    lines: &[Line<'_>],
    unmeant: &[RangeInclusive<usize>],
    found: &mut Diagnostics,
) {
    let may_branch = |line: &Line<'_>| matches!(line.words.first(), Some(&("case" | "if")));
    if !lines.iter().any(may_branch) {
        return;
    }
    let functions = functions(lines);
    let is_run = |at: usize| !unmeant.iter().any(|lines| lines.contains(&at));
    let mut told: Vec<usize> = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(at, _)| is_run(*at)) {
        let parts = match line.words.first() {
            Some(&"case") if !line.words.contains(&"esac") => {
                branches(lines, at).into_iter().map(|branch| branch.lines).collect()
            }
            Some(&"if")
                if asked(&line.words[1..]).or(asks_for_start(&line.words[1..])).is_none() =>
            {
                parts_of_if(lines, at)
            }
            _ => continue,
        };
        let making: Vec<Vec<usize>> = parts
            .into_iter()
            .filter(|part| is_run(*part.start()))
            .filter_map(|part| rules_of(lines, &functions, part))
            .collect();
        if making.len() < 2 {
            continue;
        }
        let message = "the script takes one of these branches alone, and which the text does not tell: the rules of all of \
                       them are read";
        found.warn(line, "", message);
        for function in making.into_iter().flatten() {
            let head = *functions[function].lines.start();
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

/// The functions by which lines make rules; nothing where they make none.
fn rules_of(
    lines: &[Line<'_>],
    functions: &[Function<'_>],
    part: RangeInclusive<usize>,
) -> Option<Vec<usize>> {
    let mut makes = false;
    let mut by: Vec<usize> = Vec::new();
    let mut to_read = vec![part];
    while let Some(part) = to_read.pop() {
        for word in part.flat_map(|at| lines.get(at)).flat_map(|line| line.words.iter()) {
            // `web)` is a branch's label.
            let name = word.trim_matches([';', '"', '\'', '(']);
            makes |= is_iptables(word) || name == "nft";
            let called = functions.iter().position(|function| function.name == name);
            if let Some(called) = called.filter(|of| !by.contains(of) && by.len() < CALLS_MAX) {
                by.push(called);
                to_read.push(functions[called].lines.clone());
            }
        }
    }
    let direct = |of: &usize| {
        functions[*of]
            .lines
            .clone()
            .flat_map(|at| lines[at].words.iter())
            .any(|word| is_iptables(word) || *word == "nft")
    };
    by.retain(direct);
    by.sort_unstable();
    makes.then_some(by)
}

/// The parts of the `if` at this place, down to its `fi`: none where it has no `else`.
fn parts_of_if(lines: &[Line<'_>], at: usize) -> Vec<RangeInclusive<usize>> {
    let mut parts: Vec<RangeInclusive<usize>> = vec![at + 1..=at + 1];
    let mut depth = 0;
    for (place, line) in lines.iter().enumerate().skip(at + 1) {
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
