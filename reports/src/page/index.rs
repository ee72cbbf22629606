//! `index.html`: many runs, each with its verdicts and a link to its own page. Names and verdicts can be
//! searched, columns sorted.

use maud::{Markup, html};

use super::document::Document;
use super::parts::{section, verdict};
use super::report::link;
use crate::figures::{plural, printable, rate, share, span};
use crate::messages;
use crate::{Report, Style, text};

/// One run in an index.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its scenario, or what tells it from the others.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// Its page, relative to the index.
    pub page: String,
    /// Its connections.
    pub connections: Vec<Outcome>,
    /// Expectations met, and all.
    pub expected: (usize, usize),
}

/// What became of one connection.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// The verdict in words.
    pub verdict: String,
    /// How that is shown.
    pub style: Style,
    /// Why, where something is to blame.
    pub cause: Option<String>,
    /// Goodput, in bit/s.
    pub goodput_bps: f64,
    /// The most that was possible, in bit/s.
    pub bound_bps: Option<f64>,
    /// Longest stall.
    pub longest_stall: sim_core::time::SimDuration,
}

impl Entry {
    /// The entry of a run whose results stand in `folder`, beside the index.
    #[must_use]
    pub fn of(report: &Report<'_>, folder: &str) -> Self {
        let record = report.record;
        let connections = record.connections.iter().map(|connection| {
            let (words, style) = text::verdict(connection, report.language);
            let subflows = connection.subflows.iter().filter_map(|subflow| subflow.cause.as_ref());
            let cause = connection.outcome.cause.iter().chain(subflows).next();
            Outcome {
                name: connection.name.clone(),
                verdict: words,
                style,
                cause: cause.map(|cause| messages::cause(cause, report.language)),
                goodput_bps: connection.goodput_bps,
                bound_bps: connection.bound_bps,
                longest_stall: connection.longest_stall,
            }
        });
        let met = report.expectations.iter().filter(|expectation| expectation.passed).count();
        Self {
            name: record.scenario.clone(),
            title: record.title.clone(),
            page: format!("{folder}/report.html"),
            connections: connections.collect(),
            expected: (met, report.expectations.len()),
        }
    }
}

/// The page.
#[must_use]
pub fn index(title: &str, entries: &[Entry]) -> String {
    let all = || entries.iter().flat_map(|entry| &entry.connections);
    let of = |style: Style| all().filter(|connection| connection.style == style).count();
    let missed = entries.iter().filter(|entry| entry.expected.0 < entry.expected.1).count();
    let heading = html! {
        h1 { (printable(title)) }
        p.meta {
            (plural(entries.len(), "run")) " · " (plural(all().count(), "connection")) ": "
            (verdict(&format!("{} as wanted", of(Style::Good)), Style::Good)) ", "
            (verdict(&format!("{} not quite", of(Style::Fair)), Style::Fair)) ", "
            (verdict(&format!("{} failed", of(Style::Bad)), Style::Bad))
            @if missed > 0 {
                " · " (verdict(&format!("{} not as expected", plural(missed, "run")), Style::Bad))
            }
        }
    };
    Document {
        title: &format!("{} · option30", printable(title)),
        sections: &[("runs", "Runs")],
        heading,
        body: section("runs", "Runs", &table(entries)),
        data: None,
    }
    .render()
}

fn table(entries: &[Entry]) -> Markup {
    html! {
        p.choose {
            label for="filter" { "Show only rows with " }
            input #filter type="search" placeholder="fallback, ace, tcp-map …" autocomplete="off";
            " " span #filtered.faint role="status" {}
        }
        div.scroll tabindex="0" role="region" aria-label="Runs" {
            table.figures #runs-table {
                thead { tr {
                    @for (name, class) in [("Run", ""), ("Connection", ""), ("Verdict", "")] {
                        (column(name, class))
                    }
                    @for name in ["Goodput", "Of possible", "Longest stall"] { (column(name, "r")) }
                    (column("Expected", ""))
                } }
                tbody { @for entry in entries { @for connection in &entry.connections {
                    (row(entry, connection))
                } } }
            }
        }
    }
}

fn column(name: &str, class: &str) -> Markup {
    html! { th.(class) scope="col" aria-sort="none" { button type="button" data-sort { (name) } } }
}

fn row(entry: &Entry, connection: &Outcome) -> Markup {
    let (met, all) = entry.expected;
    let expected = if met == all { Style::Good } else { Style::Bad };
    let part = connection.bound_bps.map(|bound| share(connection.goodput_bps, bound));
    let of_bound = connection.bound_bps.map_or(-1.0, |bound| connection.goodput_bps / bound);
    html! {
        tr {
            th scope="row" data-value=(printable(&entry.name)) {
                a href=(link(&entry.page)) { (printable(&entry.name)) }
                small { (printable(&entry.title)) }
            }
            td data-value=(printable(&connection.name)) { (printable(&connection.name)) }
            td data-value=(printable(&connection.verdict)) {
                (verdict(&connection.verdict, connection.style))
                @if let Some(cause) = &connection.cause { small { "because " (printable(cause)) } }
            }
            td.r data-value=(connection.goodput_bps) { (rate(connection.goodput_bps)) }
            td.r data-value=(of_bound) { (part.unwrap_or_default()) }
            td.r data-value=(connection.longest_stall.as_nanos()) { (span(connection.longest_stall)) }
            td data-value=(all - met) {
                @if all > 0 { (verdict(&format!("{met} of {all} met"), expected)) }
            }
        }
    }
}
