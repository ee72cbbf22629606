//! A comparison for a terminal.

use super::difference::{Comparison, Matter, Pair, Run, Value};
use crate::figures::printable;
use crate::style::{Style, paint};
use crate::table::{Cell, lines};
use crate::wrap::wrap;

/// A text that is longer is said below the table.
const CELL_MAX: usize = 28;

/// The whole text in lines of at most `width` columns, with a line break at its end.
#[must_use]
pub fn render(comparison: &Comparison, width: usize) -> String {
    let mut out = Vec::new();
    for (letter, run) in [("A", &comparison.a), ("B", &comparison.b)] {
        out.push(heading(letter, run));
    }
    let style = if comparison.same { Style::Good } else { Style::Fair };
    out.push(paint(style, &comparison.in_short()));
    for pair in &comparison.connections {
        out.push(String::new());
        out.push(paint(Style::Strong, &printable(&pair.name)));
        describe(&mut out, pair, width);
    }
    if !comparison.devices.is_empty() {
        out.push(String::new());
        out.push(paint(Style::Faint, "devices"));
        for pair in &comparison.devices {
            out.push(format!("  {}", paint(Style::Strong, &printable(&pair.name))));
            describe(&mut out, pair, width);
        }
    }
    out.join("\n") + "\n"
}

fn heading(letter: &str, run: &Run) -> String {
    let expected = match run.expected {
        0 => String::new(),
        all => format!(", {} of {all} expectations met", run.met),
    };
    format!(
        "{}  {}  {}",
        paint(Style::Strong, letter),
        printable(&run.title),
        paint(Style::Faint, &printable(&format!("{}, seed {}{expected}", run.label, run.seed)))
    )
}

fn describe(out: &mut Vec<String>, pair: &Pair, width: usize) {
    let (long, short): (Vec<&Matter>, Vec<&Matter>) =
        pair.matters.iter().partition(|matter| is_long(matter));
    let (different, same): (Vec<&Matter>, Vec<&Matter>) =
        short.into_iter().partition(|matter| matter.differs);
    if !different.is_empty() {
        let header = ["", "A", "B", ""].map(|text| Cell::left(text).style(Style::Faint));
        let mut rows = vec![header.to_vec()];
        rows.extend(different.into_iter().map(row));
        out.extend(lines(&rows).into_iter().map(|line| format!("  {line}")));
    }
    for matter in long.iter().filter(|matter| matter.differs) {
        for (letter, value) in [("A", &matter.a), ("B", &matter.b)] {
            let Some(value) = value else { continue };
            let text = format!("{} {letter}: {}", matter.name, printable(&value.text));
            for (k, line) in wrap(&text, width.saturating_sub(4)).into_iter().enumerate() {
                out.push(format!("  {}{line}", if k > 0 { "  " } else { "" }));
            }
        }
    }
    let same: Vec<String> = same
        .into_iter()
        .map(|matter| format!("{} {}", matter.name, text_of(matter.a.as_ref())))
        .chain(long.iter().filter(|matter| !matter.differs).map(|matter| matter.name.clone()))
        .collect();
    if !same.is_empty() {
        let text = format!("the same: {}", printable(&same.join("; ")));
        for (k, line) in wrap(&text, width.saturating_sub(4)).into_iter().enumerate() {
            let line = format!("  {}{line}", if k > 0 { "  " } else { "" });
            out.push(paint(Style::Faint, &line));
        }
    }
}

fn is_long(matter: &Matter) -> bool {
    let long = |value: &Option<Value>| {
        value.as_ref().is_some_and(|value| value.text.chars().count() > CELL_MAX)
    };
    long(&matter.a) || long(&matter.b)
}

fn row(matter: &Matter) -> Vec<Cell> {
    vec![
        Cell::left(matter.name.clone()),
        Cell::left(printable(&text_of(matter.a.as_ref()))),
        Cell::left(printable(&text_of(matter.b.as_ref()))).style(Style::Strong),
        Cell::left(matter.change.clone().unwrap_or_default()).style(Style::Faint),
    ]
}

fn text_of(value: Option<&Value>) -> String {
    value.map_or_else(|| "–".into(), |value| value.text.clone())
}
