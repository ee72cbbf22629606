//! The findings of a sweep as a terminal shows them.

use super::answer::{Answer, QUANTILES};
use super::curves::number;
use super::failures::Reason;
use super::{Estimate, Findings, Manifest, Question};
use crate::figures::{count, printable, share};
use crate::style::{Style, paint};
use crate::table::{Cell, lines, lines_within};

/// More rows than this are for the page and the files.
const ROWS_MAX: usize = 12;
/// More reasons than this, too.
const REASONS_MAX: usize = 5;

/// The findings, for a terminal of this width.
#[must_use]
pub fn render(manifest: &Manifest, findings: &Findings, width: usize) -> String {
    let mut out = format!("{}\n", paint(Style::Strong, &printable(&manifest.title)));
    out.push_str(&overview(manifest, findings));
    for (question, answer) in &findings.answers {
        out.push_str(&format!("\n{}\n", paint(Style::Strong, &printable(&question.title()))));
        out.push_str(&table(question, answer));
    }
    out.push_str(&reasons("why not MPTCP", &findings.causes, width));
    out.push_str(&reasons("runs without a result", &findings.errors, width));
    out
}

fn overview(manifest: &Manifest, findings: &Findings) -> String {
    let [mptcp, fallback, failed] = findings.verdicts;
    let all = (mptcp + fallback + failed) as f64;
    let part = |n: u64, word: &str, style| {
        let text = format!("{} {word} ({})", count(n), share(n as f64, all));
        (n > 0).then(|| paint(style, &text))
    };
    let parts: Vec<String> = [
        part(mptcp, "MPTCP", Style::Good),
        part(fallback, "fallback", Style::Fair),
        part(failed, "failed", Style::Bad),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut line = format!(
        "{} of {} runs, {} points; connections: {}\n",
        count(findings.runs),
        count(manifest.runs()),
        count(manifest.points),
        if parts.is_empty() { "none".into() } else { parts.join(", ") }
    );
    if findings.failed_runs > 0 {
        let text = format!("{} runs have no result, see below", count(findings.failed_runs));
        line.push_str(&format!("{}\n", paint(Style::Bad, &text)));
    }
    line
}

fn percents(estimate: Option<Estimate>) -> String {
    let percent = |share: f64| format!("{:.1}", share * 100.0);
    match estimate {
        Some(Estimate { value, low: Some(low), high: Some(high) }) => {
            format!("{} % ({}–{})", percent(value), percent(low), percent(high))
        }
        Some(Estimate { value, .. }) => format!("{} %", percent(value)),
        None => "–".into(),
    }
}

fn heading(words: &[&str]) -> Vec<Cell> {
    let cell = |(k, word): (usize, &&str)| match k {
        0 => Cell::left(*word).style(Style::Faint),
        _ => Cell::right(*word).style(Style::Faint),
    };
    words.iter().enumerate().map(cell).collect()
}

fn table(question: &Question, answer: &Answer) -> String {
    let axes = question.axes();
    let mut rows = Vec::new();
    let place = |labels: &[String]| match labels {
        [] => "all".to_owned(),
        labels => printable(&labels.join(", ")),
    };
    match answer {
        Answer::Shares(shares) => {
            rows.push(heading(&[&axes.join(", "), "connections", "MPTCP", "fallback", "failed"]));
            for row in shares {
                let mut cells = vec![Cell::left(place(&row.labels))];
                cells.push(Cell::right(count(row.connections())));
                cells.extend(row.shares.iter().map(|share| Cell::right(percents(*share))));
                rows.push(cells);
            }
        }
        Answer::Curves(curves) => {
            let figure = match question {
                Question::Mean { figure, .. } => figure.heading(),
                _ => String::new(),
            };
            rows.push(heading(&[&axes.join(", "), "runs", &figure, "95 % interval"]));
            for curve in curves {
                for point in &curve.points {
                    let at = match point.between {
                        Some((from, to)) if from < to => {
                            format!("{}–{}", number(from), number(to))
                        }
                        Some((only, _)) => number(only),
                        None => point.label.clone(),
                    };
                    let labels: Vec<String> =
                        std::iter::once(at).chain(curve.label.clone()).collect();
                    let mean = point.mean.map(|mean| number(mean.value)).unwrap_or_default();
                    let interval = point.mean.and_then(|mean| mean.low.zip(mean.high));
                    let interval = interval
                        .map(|(low, high)| format!("{}–{}", number(low), number(high)))
                        .unwrap_or_default();
                    rows.push(vec![
                        Cell::left(place(&labels)),
                        Cell::right(count(point.runs)),
                        Cell::right(mean),
                        Cell::right(interval),
                    ]);
                }
            }
        }
        Answer::Spreads(spreads) => {
            let mut words = vec![axes.first().copied().unwrap_or_default(), "runs"];
            words.extend(QUANTILES.iter().map(|(_, word)| *word));
            rows.push(heading(&words));
            for line in spreads {
                let labels: Vec<String> = line.label.clone().into_iter().collect();
                let mut cells = vec![Cell::left(place(&labels)), Cell::right(count(line.runs))];
                let quantiles = QUANTILES.iter().map(|(quantile, _)| line.quantile(*quantile));
                cells.extend(quantiles.map(|value| Cell::right(number(value))));
                rows.push(cells);
            }
        }
    }
    let more = rows.len().saturating_sub(ROWS_MAX + 1);
    rows.truncate(ROWS_MAX + 1);
    let mut out: String = lines(&rows).iter().map(|line| format!("  {line}\n")).collect();
    if more > 0 {
        let text = format!("and {more} more rows: see the page");
        out.push_str(&format!("  {}\n", paint(Style::Faint, &text)));
    }
    out
}

fn reasons(title: &str, reasons: &[Reason], width: usize) -> String {
    if reasons.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", paint(Style::Strong, title));
    for reason in reasons.iter().take(REASONS_MAX) {
        let first = reason.text.lines().next().unwrap_or_default();
        let row = vec![Cell::right(count(reason.count)), Cell::left(printable(first))];
        for line in lines_within(&[row], width.saturating_sub(2)) {
            out.push_str(&format!("  {line}\n"));
        }
        // In one line, however long: it is there to be copied.
        let replay = printable(&reason.example.replay);
        out.push_str(&format!("    {}\n", paint(Style::Faint, &replay)));
    }
    if reasons.len() > REASONS_MAX {
        out.push_str(&format!("  and {} more: see the page\n", reasons.len() - REASONS_MAX));
    }
    out
}
