//! What stands in pages, kept in `reports/tests/golden`: without style and scripts, which have files of
//! their own, and without points.

use super::{Entry, Material, Source, SourceKind, index, report};
use crate::golden::check;
use crate::{Report, chart, fixture};

/// The body of a page up to its data.
fn body(page: &str) -> String {
    let (_, body) = page.split_once("<body>").expect("a page has a body");
    let body = body.split("<script").next().unwrap_or_default();
    // A line for each element that opens a block: differences can be read.
    ["<section", "<article", "<figure", "<details", "<tr", "<li", "<h2", "<h3", "<p", "<div"]
        .iter()
        .fold(body.to_owned(), |text, tag| text.replace(tag, &format!("\n{tag}")))
}

const CONFIGURATION: &str = "hostname edge\n!\ntcp-map allow\n tcp-options range 30 30 allow\n!\n!\n\
                             policy-map my-policy-map\n class web\n";

#[test]
fn pages() {
    let scenario = "Scenario(\n    title: \"x\",\n)\n".repeat(6);
    let sources = [
        Source { file: "x.ron", text: &scenario, kind: SourceKind::Scenario },
        Source { file: "configs/x.cfg", text: CONFIGURATION, kind: SourceKind::Configuration },
    ];
    let files = ["summary.json".to_owned(), "captures/a <b> #1.pcapng".to_owned()];
    let material = Material { sources: &sources, files: &files, platform: "linux x86_64" };
    let expectations = fixture::expectations();
    let observed = chart::golden::observed();
    for record in [&observed, &fixture::asa_default(), &fixture::two_connections()] {
        let report_of = Report { expectations: &expectations, ..fixture::report(record) };
        let page = report(&report_of, &material);
        assert_eq!(page, report(&report_of, &material), "the same bytes");
        check(&format!("{}.html", record.scenario), body(&page).as_bytes());
    }
}

#[test]
fn nothing_from_a_record_is_markup() {
    let record = fixture::hostile();
    let name = record.connections[0].name.as_str();
    let sources = [Source { file: name, text: name, kind: SourceKind::Configuration }];
    let files = [name.to_owned()];
    let material = Material { sources: &sources, files: &files, platform: "linux" };
    let warnings = [name.to_owned()];
    let hostile = Report { warnings: &warnings, replay: name, ..fixture::report(&record) };
    let entry = Entry::of(&hostile, name);
    for page in [report(&hostile, &material), index(name, &[entry])] {
        assert!(!page.contains("<script>alert"), "a name became markup");
        assert!(!page.contains('\u{1b}'), "a control character");
        assert!(page.contains("&lt;script&gt;alert"), "the name is shown");
    }
}

#[test]
fn the_index_of_many_runs() {
    let records = fixture::all();
    let entries: Vec<Entry> = records
        .iter()
        .map(|record| Entry::of(&fixture::report(record), &record.scenario))
        .collect();
    check("index.html", body(&index("Runs", &entries)).as_bytes());
}
