//! `index.html`: the sweep on one page that needs nothing else. Every point of every picture leads to
//! the command that gives one of its runs again.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::failures::Reason;
use super::points::{Example, POINTS_MAX, labels};
use super::svg::escaped;
use super::{Findings, Manifest};
use crate::figures::count;

/// More reasons than this are not listed.
const REASONS_MAX: usize = 40;

/// The page. `missing` is the number of runs that are not there.
#[must_use]
pub fn html(manifest: &Manifest, findings: &Findings, missing: u64) -> String {
    let mut body = String::new();
    head(&mut body, manifest, findings, missing);
    for (k, (question, answer)) in (1..).zip(&findings.answers) {
        let title = escaped(&question.title());
        let svg = answer.svg(question, manifest);
        // A page of several pictures has one definition of their common pattern too many otherwise.
        let svg = svg.replace("id=\"failed\"", &format!("id=\"failed-{k}\""));
        let svg = svg.replace("url(#failed)", &format!("url(#failed-{k})"));
        let table = csv_table(&answer.csv(question, manifest));
        put(&mut body, format_args!("<section><h2>{title}</h2>\n{svg}\n{table}</section>\n"));
    }
    reasons(&mut body, "Why not MPTCP", &findings.causes);
    reasons(&mut body, "Runs without a result", &findings.errors);
    points(&mut body, manifest, findings);
    examples(&mut body, manifest, findings);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escaped(&manifest.title)
    )
}

const STYLE: &str = "
:root { color-scheme: light; }
body { margin: 0; background: #f4f5f7; color: #212529; font: 15px/1.5 'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, Arial, sans-serif; }
main { max-width: 908px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 25px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 0 0 10px; }
.about { color: #5f666e; margin: 0 0 18px; font-size: 13px; overflow-wrap: anywhere; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 0 0 22px; }
.tile { background: #fff; border: 1px solid #dee1e5; border-radius: 8px; padding: 10px 16px; min-width: 104px; }
.tile b { display: block; font-size: 22px; font-weight: 600; }
.tile span { color: #5f666e; font-size: 12.5px; }
.mptcp b { color: #005a8e; } .fallback b { color: #8a5c00; } .failed b { color: #9e3200; }
section { background: #fff; border: 1px solid #dee1e5; border-radius: 8px; padding: 16px 18px; margin: 0 0 20px; }
svg { max-width: 100%; height: auto; display: block; }
svg a { cursor: pointer; } svg a:hover { opacity: 0.75; }
details { margin-top: 8px; font-size: 13px; } summary { cursor: pointer; color: #005a8e; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 12.5px; margin-top: 8px; }
th, td { text-align: left; padding: 3px 14px 3px 0; border-bottom: 1px solid #eceef0; white-space: nowrap; vertical-align: top; }
th { color: #5f666e; font-weight: normal; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
td.wrap { white-space: normal; min-width: 320px; }
code { font: 12px/1.45 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
tr:target, p:target { background: #fff3cd; }
a { color: #005a8e; }
";

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
}

fn head(out: &mut String, manifest: &Manifest, findings: &Findings, missing: u64) {
    put(out, format_args!("<h1>{}</h1>\n", escaped(&manifest.title)));
    put(
        out,
        format_args!(
            "<p class=\"about\">{} · option30 {} · sweep {} · {} points of {} runs</p>\n",
            escaped(&manifest.file),
            escaped(&manifest.option30),
            escaped(&manifest.hash),
            count(manifest.points),
            count(manifest.seeds.into())
        ),
    );
    let all: u64 = findings.verdicts.iter().sum();
    let share = |n: u64| match all {
        0 => String::new(),
        all => format!(" · {:.1} %", 100.0 * n as f64 / all as f64),
    };
    out.push_str("<div class=\"tiles\">\n");
    let mut tile = |class: &str, n: u64, words: &str| {
        put(
            out,
            format_args!(
                "<div class=\"tile {class}\"><b>{}</b><span>{words}</span></div>\n",
                count(n)
            ),
        );
    };
    tile("", findings.runs, "runs");
    for ((class, words), n) in [("mptcp", "MPTCP"), ("fallback", "fallback"), ("failed", "failed")]
        .into_iter()
        .zip(findings.verdicts)
    {
        tile(class, n, &format!("{words}{}", share(n)));
    }
    for (n, words) in [(findings.failed_runs, "runs without a result"), (missing, "runs missing")] {
        if n > 0 {
            tile("failed", n, words);
        }
    }
    out.push_str("</div>\n");
}

/// A CSV text as a table that can be opened.
fn csv_table(csv: &str) -> String {
    let mut out =
        String::from("<details><summary>figures</summary><div class=\"scroll\"><table>\n");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    for (k, record) in reader.records().flatten().enumerate() {
        out.push_str("<tr>");
        for field in &record {
            let class = if field.parse::<f64>().is_ok() { " class=\"n\"" } else { "" };
            let field = escaped(field);
            match k {
                0 => put(&mut out, format_args!("<th>{}</th>", field.replace('_', " "))),
                _ => put(&mut out, format_args!("<td{class}>{field}</td>")),
            }
        }
        out.push_str("</tr>\n");
    }
    out + "</table></div></details>\n"
}

fn reasons(out: &mut String, title: &str, reasons: &[Reason]) {
    if reasons.is_empty() {
        return;
    }
    put(out, format_args!("<section><h2>{title}</h2>\n<div class=\"scroll\"><table>\n"));
    for reason in reasons.iter().take(REASONS_MAX) {
        put(
            out,
            format_args!(
                "<tr><td class=\"n\">{}</td><td class=\"wrap\">{}<br><code>{}</code></td></tr>\n",
                count(reason.count),
                escaped(&reason.text).replace('\u{fffd}', "<br>"),
                escaped(&reason.example.replay)
            ),
        );
    }
    out.push_str("</table></div>\n");
    if reasons.len() > REASONS_MAX {
        let more = reasons.len() - REASONS_MAX;
        put(out, format_args!("<p class=\"about\">and {more} more reasons</p>\n"));
    }
    out.push_str("</section>\n");
}

fn points(out: &mut String, manifest: &Manifest, findings: &Findings) {
    let fixed: Vec<usize> =
        (0..manifest.axes.len()).filter(|&k| manifest.axes[k].values.is_some()).collect();
    if fixed.is_empty() {
        return;
    }
    out.push_str("<section><h2>Points</h2>\n<div class=\"scroll\"><table>\n<tr><th>point</th>");
    for &k in &fixed {
        put(out, format_args!("<th>{}</th>", escaped(&manifest.axes[k].name)));
    }
    let words = ["MPTCP", "fallback", "failed", "no result", "goodput, Mbps"];
    out.extend(words.iter().map(|word| format!("<th>{word}</th>")));
    out.push_str("</tr>\n");
    for (number, point) in (0..).zip(&findings.points) {
        put(out, format_args!("<tr id=\"point-{number}\"><td class=\"n\">{number}</td>"));
        let labels = labels(manifest, number);
        for &k in &fixed {
            put(out, format_args!("<td>{}</td>", escaped(labels[k].unwrap_or_default())));
        }
        let counts = point.verdicts.iter().chain([&point.errors]);
        for (n, example) in counts.zip(&point.examples) {
            match example {
                Some(example) => put(
                    out,
                    format_args!("<td class=\"n\"><a href=\"#run-{}\">{n}</a></td>", example.run),
                ),
                None => put(out, format_args!("<td class=\"n\">{n}</td>")),
            }
        }
        let goodput = point.goodput.mean().map(|mean| format!("{:.3}", mean.value));
        put(out, format_args!("<td class=\"n\">{}</td></tr>\n", goodput.unwrap_or_default()));
    }
    out.push_str("</table></div>\n");
    if manifest.points > POINTS_MAX {
        let more = count(manifest.points - POINTS_MAX);
        put(out, format_args!("<p class=\"about\">and {more} more: see runs.jsonl</p>\n"));
    }
    out.push_str("</section>\n");
}

/// Every run that something above leads to, with its command.
fn examples(out: &mut String, manifest: &Manifest, findings: &Findings) {
    let of_answers = findings.answers.iter().flat_map(|(_, answer)| answer.examples());
    let of_points = findings.points.iter().flat_map(|point| point.examples.iter().flatten());
    let runs: BTreeMap<u64, &Example> =
        of_answers.chain(of_points).map(|example| (example.run, example)).collect();
    out.push_str("<section><h2>Commands</h2>\n<div class=\"scroll\"><table>\n");
    out.push_str("<tr><th>run</th><th>gives it again</th></tr>\n");
    for (run, example) in runs {
        let values = manifest.axes.iter().zip(&example.values);
        let values: Vec<String> =
            values.map(|(axis, value)| format!("{}: {value}", axis.name)).collect();
        put(
            out,
            format_args!(
                "<tr id=\"run-{run}\"><td class=\"n\">{run}</td><td class=\"wrap\">{}<br>\
                 <code>{}</code></td></tr>\n",
                escaped(&values.join(" · ")),
                escaped(&example.replay)
            ),
        );
    }
    out.push_str("</table></div></section>\n");
}
