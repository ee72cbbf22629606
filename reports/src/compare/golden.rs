//! What comparisons look like, kept in `reports/tests/golden`.

use super::{Comparison, Side, chart, render};
use crate::golden::check;
use crate::summary::Summary;
use crate::{fixture, page, series};

fn side(record: &sim_core::record::RunRecord) -> Side {
    let summary = Summary::new(&fixture::report(record)).to_json();
    let label = format!("{}.ron", record.scenario);
    Side::read(&label, &summary, &series::csv(record)).unwrap()
}

fn plain(styled: &str) -> String {
    let mut out = String::new();
    for (k, part) in styled.split('\u{1b}').enumerate() {
        let rest = part.split_once('m').filter(|_| k > 0).map_or(part, |(_, rest)| rest);
        out.push_str(rest);
    }
    out
}

#[test]
fn comparisons() {
    let pairs = [
        ("default", fixture::three_paths(), fixture::asa_default()),
        ("connections", fixture::two_servers(), fixture::two_connections()),
        ("same", fixture::three_paths(), fixture::three_paths()),
    ];
    for (name, a, b) in pairs {
        let (a, b) = (side(&a), side(&b));
        let comparison = Comparison::new(&a, &b);
        check(&format!("compare-{name}.txt"), plain(&render(&comparison, 100)).as_bytes());
        check(&format!("compare-{name}.json"), comparison.to_json().as_bytes());
        check(&format!("compare-{name}.svg"), chart::svg(&a, &b).as_bytes());
        assert_eq!(comparison.same, name == "same");
    }
}

#[test]
fn what_is_no_result_is_said_with_its_place() {
    let error = Side::read("a", "{ \"scenario\": 7 }", "").unwrap_err().to_string();
    assert!(error.starts_with("a: summary.json is not one that option30 wrote"), "{error}");
    assert!(error.contains("line 1 column"), "{error}");
    let summary = Summary::new(&fixture::report(&fixture::three_paths())).to_json();
    let series = "time_s,connection,kind,goodput_mbps\n0,video,connection,much\n";
    let error = Side::read("b", &summary, series).unwrap_err().to_string();
    assert!(error.starts_with("b: series.csv is not one that option30 wrote"), "{error}");
    assert!(error.contains("line: 2"), "{error}");
}

#[test]
fn nothing_from_a_file_is_markup() {
    let hostile = side(&fixture::hostile());
    let page = page::compare(&hostile, &side(&fixture::three_paths()));
    assert!(!page.contains("<script>alert"), "a name became markup");
    assert!(page.contains("&lt;script&gt;alert"), "the name is shown");
    assert!(!chart::svg(&hostile, &hostile).contains("<script>"));
}
