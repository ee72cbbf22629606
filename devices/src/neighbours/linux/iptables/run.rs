//! The order in which the lines of a script are run: the bodies of loops once for each word, and those of functions where
//! something calls them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

use crate::config::Line;

use super::branches::{Branches, Run};
use super::conditions;
use super::functions::{Function, begins};
use super::loops::{Bound, end_of, given, put_in, values};
use super::shell::Variables;

/// Most times that the bodies of loops and of functions are run: what is left then is run once, as loops over unknown words
/// are.
const RUNS_MAX: usize = 2_000;
/// Most loops, and functions that call each other, inside each other.
const NESTED_MAX: usize = 16;
/// Most lines of those bodies.
const LINES_MAX: usize = 40_000;
/// Most variables that have values at a place.
const BOUND_MAX: usize = 48;
/// What a function is given.
const GIVEN: [&str; 9] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// A line that is run.
pub(super) struct Step<'a> {
    /// Its place.
    pub(super) at: usize,
    pub(super) bound: Bound<'a>,
    /// How many functions that call each other it stands in.
    pub(super) depth: usize,
    /// The calls of those functions are made whatever the script's branches do: what they are given is known.
    pub(super) is_certain: bool,
}

/// Where lines stand.
#[derive(Clone, Copy)]
struct Place {
    /// How many functions that call each other they stand in.
    depth: usize,
    /// How many loops and functions.
    nested: usize,
    is_certain: bool,
}

/// Places of lines in the order in which they are run, with the values of loops and of what functions are given. Where
/// nothing is known of its words, a loop's lines are run once, and its variable has no value. A function that is given
/// nothing is run where it is called first; one of which no call is found, where it stands.
/// `unread`: places of lines that are not run.
pub(super) fn order<'a>(
    lines: &[Line<'a>],
    functions: &[Function<'a>],
    unread: &[RangeInclusive<usize>],
    variables: &Variables<'_>,
) -> Vec<Step<'a>> {
    let mut is_unread = vec![false; lines.len()];
    for at in unread.iter().flat_map(|places| places.clone()) {
        if let Some(is_unread) = is_unread.get_mut(at) {
            *is_unread = true;
        }
    }
    let functions: Vec<&Function<'a>> =
        functions.iter().filter(|function| !is_unread[*function.lines.start()]).collect();
    let mut placed = BTreeSet::new();
    // What is called is found first: it is not run where it stands.
    for is_last in [functions.is_empty(), true] {
        let names = functions.iter().enumerate().rev();
        let mut runner = Runner {
            lines,
            functions: &functions,
            names: names.map(|(at, function)| (function.name, at)).collect(),
            heads: functions.iter().map(|f| (*f.lines.start(), *f.lines.end())).collect(),
            placed: if is_last { placed.clone() } else { (0..functions.len()).collect() },
            called: BTreeSet::new(),
            is_unread: &is_unread,
            variables,
            left: [RUNS_MAX, LINES_MAX],
            steps: Vec::with_capacity(lines.len()),
        };
        let place = Place { depth: 0, nested: 0, is_certain: true };
        runner.run(0..lines.len(), &Rc::from([]), place, &mut Branches::default());
        if is_last {
            return runner.steps;
        }
        placed = runner.called.into_iter().map(|(function, _)| function).collect();
    }
    Vec::new()
}

struct Runner<'r, 'a> {
    lines: &'r [Line<'a>],
    functions: &'r [&'r Function<'a>],
    names: BTreeMap<&'a str, usize>,
    /// Places of the first and last lines of functions.
    heads: Vec<(usize, usize)>,
    /// Functions that are run where they are called.
    placed: BTreeSet<usize>,
    /// Those that were called, and with what.
    called: BTreeSet<(usize, Vec<String>)>,
    is_unread: &'r [bool],
    variables: &'r Variables<'r>,
    /// How many bodies may be run yet, and how many lines of them.
    left: [usize; 2],
    steps: Vec<Step<'a>>,
}

impl<'a> Runner<'_, 'a> {
    /// True when a body of so many lines may be run so often.
    fn affords(&mut self, often: usize, lines: usize) -> bool {
        let needed = [often, often * lines];
        let affords = needed.iter().zip(&self.left).all(|(needed, left)| needed <= left);
        if affords {
            self.left = [self.left[0] - needed[0], self.left[1] - needed[1]];
        }
        affords
    }

    /// Runs lines.
    fn run(
        &mut self,
        places: Range<usize>,
        bound: &Bound<'a>,
        place: Place,
        branches: &mut Branches,
    ) {
        let Place { depth, nested, .. } = place;
        let mut bound = Rc::clone(bound);
        let mut cases = 0i32;
        let mut at = places.start;
        while at < places.end {
            let function = self.heads.binary_search_by_key(&at, |(head, _)| *head).ok();
            if let Some(function) = function.filter(|function| self.placed.contains(function))
                && depth == 0
            {
                at = self.heads[function].1 + 1;
                continue;
            }
            if self.is_unread[at] {
                at += 1;
                continue;
            }
            let line = &self.lines[at];
            match line.words.first() {
                Some(&"case") if !line.words.contains(&"esac") => cases += 1,
                Some(word) if word.trim_end_matches(';') == "esac" => cases -= 1,
                _ => {}
            }
            let here = Place { is_certain: place.is_certain && cases == 0, ..place };
            let body = values(line, self.variables, &bound)
                .and_then(|(name, values)| {
                    Some((name, values, end_of(self.lines, at, places.end)?))
                })
                .filter(|(_, values, end)| {
                    nested < NESTED_MAX && self.affords(values.len(), end + 1 - at)
                });
            let Some((name, values, end)) = body else {
                self.step(at, &bound, here, branches);
                if depth > 0 {
                    bound = self.given(line, bound);
                }
                at += 1;
                continue;
            };
            let within = Place { nested: nested + 1, ..here };
            for value in values {
                let inner: Bound<'a> = bound.iter().cloned().chain([(name, value)]).collect();
                match end {
                    // All of it stands on one line.
                    end if end == at => self.step(at, &inner, within, branches),
                    end => self.run(at + 1..end, &inner, within, branches),
                }
            }
            at = end + 1;
        }
    }

    /// Runs a line, and the functions that it calls.
    fn step(&mut self, at: usize, bound: &Bound<'a>, stands: Place, branches: &mut Branches) {
        let Place { depth, nested, is_certain } = stands;
        self.steps.push(Step { at, bound: Rc::clone(bound), depth, is_certain });
        if self.names.is_empty() {
            return;
        }
        let words = self.lines[at].words.as_slice();
        let none: Bound<'a> = Rc::from([]);
        let given = given(words, if is_certain { bound } else { &none });
        let given: Vec<&str> = given.iter().map(|word| &**word).collect();
        let told = conditions::of_line(&given, self.variables);
        let mut begin = 0;
        for (place, command) in words.split_inclusive(conditions::ends).enumerate() {
            branches.take(command, told.get(place).copied().flatten());
            let first = begin;
            begin += command.len();
            // Of a loop on one line, too, which is run for each of its words.
            let place = (first..begin).find(|place| {
                let is_command = *place == first
                    || place.checked_sub(1).is_some_and(|before| begins(words[before]));
                is_command && self.names.contains_key(words[*place].trim_end_matches(';'))
            });
            let Some(place) = place.filter(|_| nested < NESTED_MAX) else { continue };
            let Some(&function) = self.names.get(words[place].trim_end_matches(';')) else {
                continue;
            };
            let body = self.functions[function].lines.clone();
            if branches.run() == Run::Never || body.contains(&at) {
                continue;
            }
            let ends = |word: &&&str| {
                matches!(**word, ";" | "||" | "&&" | "|" | "&" | "}" | "fi" | "done")
                    || word.contains('>')
                    || word.starts_with('#')
            };
            let is_last = words[place].ends_with(';');
            let given = words[place + 1..begin].iter().take_while(|word| !is_last && !ends(word));
            let given: Vec<String> = given
                .map(|word| {
                    let word = put_in(word.trim_end_matches(';'), bound);
                    self.variables.value(&word).to_owned()
                })
                .collect();
            let called = (function, given.clone());
            if self.called.contains(&called) || !self.affords(1, body.clone().count()) {
                continue;
            }
            self.called.insert(called);
            let outer = bound.iter().filter(|(name, _)| !GIVEN.contains(name)).cloned();
            let mut given = given.into_iter();
            let own = GIVEN.map(|name| (name, given.next().unwrap_or_default()));
            let inner: Bound<'a> = outer.chain(own).collect();
            let (begin, end) = body.into_inner();
            // What a function's own conditions are in is not asked.
            let is_certain = is_certain && branches.run() == Run::Always;
            let place = Place { depth: depth + 1, nested: nested + 1, is_certain };
            self.run(begin..end + 1, &inner, place, &mut Branches::default());
        }
    }

    /// What is bound after a line of a function: `local port=$1`, `shift`.
    fn given(&self, line: &Line<'a>, mut bound: Bound<'a>) -> Bound<'a> {
        for word in line.words.iter().map(|word| word.trim_end_matches(';')) {
            if word == "shift" {
                let mut all = bound.to_vec();
                let of = all.iter_mut().filter(|(name, _)| GIVEN.contains(name));
                let mut own: Vec<&mut String> = of.map(|(_, value)| value).collect();
                for at in 1..own.len() {
                    let next = std::mem::take(own[at]);
                    *own[at - 1] = next;
                }
                bound = Rc::from(all);
                continue;
            }
            let Some((name, value)) = word.split_once('=') else { continue };
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if !value.contains('$') || name.is_empty() || !name.chars().all(is_name) {
                continue;
            }
            let value = put_in(value, &bound);
            let value = self.variables.value(&value);
            if value.contains(['$', '`', '(', '"', '\'']) {
                continue;
            }
            let mut all = bound.to_vec();
            match all.iter().rposition(|(of, _)| *of == name) {
                Some(at) => all[at].1 = value.to_owned(),
                None if all.len() < BOUND_MAX => all.push((name, value.to_owned())),
                None => {}
            }
            bound = Rc::from(all);
        }
        bound
    }
}
