//! The scenario's and the configurations' text, with the lines that decided marked.

use std::collections::BTreeMap;

use maud::{Markup, html};
use sim_core::engine::device::{Origin, Rule};
use sim_core::record::outcome::{Blame, Cause};

use crate::figures::{plural, printable};
use crate::{Report, messages};

/// A text that the run was made from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its file, as causes and rules name it.
    pub file: &'a str,
    /// What it says.
    pub text: &'a str,
    /// What it is.
    pub kind: SourceKind,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// The scenario; expectations name lines of it.
    Scenario,
    /// A device's configuration; causes and rules name lines of it.
    Configuration,
}

/// Why a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// A rule of this line did something.
    Acted,
    /// The expectation of this line was met.
    Met,
    /// The expectation of this line was not met.
    Missed,
    /// A verdict rests on this line.
    Decided,
}

/// What there is to say about lines of one file, by their number.
type Notes = BTreeMap<usize, (Weight, Vec<String>)>;

/// Every text; those that a verdict rests on are open.
pub(super) fn markup(report: &Report<'_>, sources: &[Source<'_>]) -> Markup {
    html! {
        @for (k, source) in sources.iter().enumerate() {
            @let notes = notes(report, source);
            @let decided = notes.values().any(|(weight, _)| *weight == Weight::Decided);
            details.source open[decided || source.kind == SourceKind::Scenario] {
                summary {
                    code { (printable(source.file)) }
                    " " span.faint { (plural(source.text.lines().count(), "line")) }
                    @if decided { " " span.tag.fair { "decides" } }
                }
                div.code tabindex="0" role="region" aria-label={ "Text of " (printable(source.file)) } {
                    table { tbody {
                        @for (n, line) in source.text.lines().enumerate() {
                            (row(k, n + 1, line, notes.get(&(n + 1))))
                        }
                    } }
                }
            }
        }
    }
}

/// Links to the configuration lines that a cause names.
pub(super) fn links(cause: &Cause, sources: &[Source<'_>]) -> Markup {
    html! {
        @for link in &cause.links {
            @if let Blame::Device { rule, .. } = &link.who { (link_to(rule, sources)) }
        }
    }
}

/// A link to the configuration line that a rule stands in, where there is one.
pub(super) fn link_to(rule: &Rule, sources: &[Source<'_>]) -> Markup {
    let Some(line) = rule.line() else { return html! {} };
    let Some(source) = sources.iter().position(|source| source.file == line.file) else {
        return html! {};
    };
    html! {
        " " a href={ "#s" (source) "-" (line.line) } { (printable(&line.file)) ":" (line.line) }
    }
}

fn row(source: usize, number: usize, line: &str, note: Option<&(Weight, Vec<String>)>) -> Markup {
    let class = note.map(|(weight, _)| match weight {
        Weight::Decided => "decided",
        Weight::Missed => "missed",
        Weight::Met => "met",
        Weight::Acted => "acted",
    });
    html! {
        tr class=[class] id={ "s" (source) "-" (number) } {
            td.n { (number) }
            td.t { (shown(line)) }
        }
        @if let Some((_, notes)) = note {
            tr class={ "note " (class.unwrap_or_default()) } {
                td.n {}
                td.t { @for note in notes { p { (note) } } }
            }
        }
    }
}

/// A line as it stands, tabs kept, control characters made visible.
fn shown(line: &str) -> String {
    line.split('\t').map(printable).collect::<Vec<_>>().join("\t")
}

fn notes(report: &Report<'_>, source: &Source<'_>) -> Notes {
    let mut notes = Notes::new();
    let mut add = |line: usize, weight: Weight, text: String| {
        let (heaviest, texts) = notes.entry(line).or_insert((weight, Vec::new()));
        *heaviest = (*heaviest).max(weight);
        if !texts.contains(&text) {
            texts.push(text);
        }
    };
    match source.kind {
        SourceKind::Scenario => {
            for expectation in report.expectations {
                let (weight, word) = match expectation.passed {
                    true => (Weight::Met, "met"),
                    false => (Weight::Missed, "NOT met"),
                };
                let text = format!("{word}: {}", printable(&expectation.sentence));
                add(expectation.line, weight, text);
            }
        }
        SourceKind::Configuration => {
            for (line, text) in deciding(report, source.file) {
                add(line, Weight::Decided, text);
            }
            for change in &report.record.changes {
                if let Origin::Config(line) = &change.rule.origin
                    && line.file == source.file
                {
                    let device = printable(&report.record.device(change.device).name);
                    let rule = printable(&change.rule.text);
                    let text = format!("{device} applied this: {rule}");
                    add(line.line as usize, Weight::Acted, text);
                }
            }
        }
    }
    notes
}

/// The lines that verdicts and subflows' ends rest on, and why.
fn deciding(report: &Report<'_>, file: &str) -> Vec<(usize, String)> {
    let connections = report.record.connections.iter();
    let causes = connections.flat_map(|connection| {
        let of_subflows = connection.subflows.iter().filter_map(|subflow| subflow.cause.as_ref());
        connection.outcome.cause.iter().chain(of_subflows)
    });
    let links = causes.flat_map(|Cause { links }| links);
    links
        .filter_map(|link| match &link.who {
            Blame::Device { device, model, change, rule } => {
                let line = rule.line().filter(|line| line.file == file)?;
                let product = messages::product(model);
                let mut text = format!("{product} \"{}\" {change}", printable(device));
                if let Some(because) = rule.because() {
                    text += &format!(": {}", printable(&because.english));
                }
                Some((line.line as usize, text))
            }
            _ => None,
        })
        .collect()
}
