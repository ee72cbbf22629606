//! `index.html`: the sweep on one page that needs nothing else. Every point of every picture leads to
//! the command that gives one of its runs again.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};

use super::failures::Reason;
use super::points::{Example, POINTS_MAX, labels};
use super::{Findings, Manifest};
use crate::figures::{count, printable};
use crate::page::document::Document;
use crate::page::parts::section;

/// More reasons than this are not listed.
const REASONS_MAX: usize = 40;

/// The page. `missing` is the number of runs that are not there.
#[must_use]
pub fn html(manifest: &Manifest, findings: &Findings, missing: u64) -> String {
    let mut sections = vec![("answers", "Answers")];
    let mut body = vec![section("answers", "Answers", &answers(manifest, findings))];
    let mut put = |id, name, content: Option<Markup>| {
        if let Some(content) = content {
            sections.push((id, name));
            body.push(section(id, name, &content));
        }
    };
    put("why", "Why not MPTCP", reasons(&findings.causes));
    put("errors", "Runs without a result", reasons(&findings.errors));
    put("points", "Points", points(manifest, findings));
    put("commands", "Commands", Some(examples(manifest, findings)));
    Document {
        title: &format!("{} · option30", printable(&manifest.title)),
        sections: &sections,
        heading: heading(manifest, findings, missing),
        body: html! { @for section in body { (section) } },
        data: None,
    }
    .render()
}

fn heading(manifest: &Manifest, findings: &Findings, missing: u64) -> Markup {
    let all: u64 = findings.verdicts.iter().sum();
    let share = |n: u64| match all {
        0 => String::new(),
        all => format!(" · {:.1} %", 100.0 * n as f64 / all as f64),
    };
    let tile = |class: &str, n: u64, words: &str| {
        html! { div.tile.(class) { dt { (words) } dd { (count(n)) } } }
    };
    let verdicts = [("good", "MPTCP"), ("fair", "fallback"), ("bad", "failed")];
    let rest = [(findings.failed_runs, "runs without a result"), (missing, "runs missing")];
    html! {
        h1 { (printable(&manifest.title)) }
        p.meta {
            (printable(&manifest.file)) " · option30 " (manifest.option30) " · sweep " (manifest.hash) " · "
            (count(manifest.points)) " points of " (count(manifest.seeds.into())) " runs"
        }
        dl.tiles {
            (tile("plain", findings.runs, "runs"))
            @for ((class, words), n) in verdicts.into_iter().zip(findings.verdicts) {
                (tile(class, n, &format!("{words}{}", share(n))))
            }
            @for (n, words) in rest { @if n > 0 { (tile("bad", n, words)) } }
        }
    }
}

/// Each question with its picture and its table.
fn answers(manifest: &Manifest, findings: &Findings) -> Markup {
    html! {
        @for (k, (question, answer)) in (1..).zip(&findings.answers) {
            h3 id={ "answer-" (k) } { (printable(&question.title())) }
            // A page of several pictures has one definition of their common pattern too many otherwise.
            @let svg = answer.svg(question, manifest)
                .replace("id=\"failed\"", &format!("id=\"failed-{k}\""))
                .replace("url(#failed)", &format!("url(#failed-{k})"));
            // The picture's own text is escaped where it is drawn.
            div.answer.scroll tabindex="0" role="region" aria-labelledby={ "answer-" (k) } {
                (PreEscaped(svg))
            }
            (csv_table(&answer.csv(question, manifest)))
        }
    }
}

/// A CSV text as a table that can be opened.
fn csv_table(csv: &str) -> Markup {
    let mut reader = csv::ReaderBuilder::new().from_reader(csv.as_bytes());
    let names = reader.headers().cloned().unwrap_or_default();
    let class = |field: &str| if field.parse::<f64>().is_ok() { "r" } else { "" };
    html! {
        details {
            summary { "figures" }
            div.scroll tabindex="0" role="region" aria-label="figures" {
                table.figures {
                    thead { tr { @for name in &names {
                        th scope="col" { (printable(&name.replace('_', " "))) }
                    } } }
                    tbody { @for record in reader.records().flatten() {
                        tr { @for field in &record { td.(class(field)) { (printable(field)) } } }
                    } }
                }
            }
        }
    }
}

/// What happened, how often, and a command that shows it.
fn reasons(reasons: &[Reason]) -> Option<Markup> {
    let more = reasons.len().saturating_sub(REASONS_MAX);
    (!reasons.is_empty()).then(|| {
        html! {
            table.figures.commands {
                thead { tr { th.r scope="col" { "times" } th scope="col" { "what, and one such run" } } }
                tbody { @for reason in reasons.iter().take(REASONS_MAX) { tr {
                    td.r { (count(reason.count)) }
                    td {
                        @for line in reason.text.split('\u{fffd}') { (printable(line)) br; }
                        code { (printable(&reason.example.replay)) }
                    }
                } } }
            }
            @if more > 0 { p.faint { "and " (more) " more reasons" } }
        }
    })
}

/// The points of the axes that are not drawn, with their verdicts.
fn points(manifest: &Manifest, findings: &Findings) -> Option<Markup> {
    let fixed: Vec<usize> =
        (0..manifest.axes.len()).filter(|&k| manifest.axes[k].values.is_some()).collect();
    if fixed.is_empty() {
        return None;
    }
    Some(html! {
        div.scroll tabindex="0" role="region" aria-label="Points" {
            table.figures {
                thead { tr {
                    th.r scope="col" { "point" }
                    @for &k in &fixed { th scope="col" { (printable(&manifest.axes[k].name)) } }
                    @for word in ["MPTCP", "fallback", "failed", "no result", "goodput, Mbps"] {
                        th.r scope="col" { (word) }
                    }
                } }
                tbody { @for (number, point) in (0..).zip(&findings.points) {
                    @let labels = labels(manifest, number);
                    tr id={ "point-" (number) } {
                        td.r { (number) }
                        @for &k in &fixed { td { (printable(labels[k].unwrap_or_default())) } }
                        @for (n, example) in point.verdicts.iter().chain([&point.errors]).zip(&point.examples) {
                            td.r { @match example {
                                Some(example) => a href={ "#run-" (example.run) } { (n) },
                                None => (n),
                            } }
                        }
                        td.r { @if let Some(mean) = point.goodput.mean() { (format!("{:.3}", mean.value)) } }
                    }
                } }
            }
        }
        @if manifest.points > POINTS_MAX {
            p.faint { "and " (count(manifest.points - POINTS_MAX)) " more: see runs.jsonl" }
        }
    })
}

/// Every run that something above leads to, with its command.
fn examples(manifest: &Manifest, findings: &Findings) -> Markup {
    let of_answers = findings.answers.iter().flat_map(|(_, answer)| answer.examples());
    let of_points = findings.points.iter().flat_map(|point| point.examples.iter().flatten());
    let runs: BTreeMap<u64, &Example> =
        of_answers.chain(of_points).map(|example| (example.run, example)).collect();
    let values = |example: &Example| {
        let values = manifest.axes.iter().zip(&example.values);
        values
            .map(|(axis, value)| format!("{}: {value}", axis.name))
            .collect::<Vec<_>>()
            .join(" · ")
    };
    html! {
        table.figures.commands {
            thead { tr { th.r scope="col" { "run" } th scope="col" { "gives it again" } } }
            tbody { @for (run, example) in runs {
                tr id={ "run-" (run) } {
                    td.r { (run) }
                    td { (printable(&values(example))) br; code { (printable(&example.replay)) } }
                }
            } }
        }
    }
}
