//! What the fixtures look like, kept in `reports/tests/golden`. `UPDATE_GOLDEN=1` writes them anew.

use std::fs;
use std::path::PathBuf;

use crate::summary::Summary;
use crate::wrap::WIDTH;
use crate::{Report, chart, fixture, series, text};

pub(crate) fn check(name: &str, actual: &[u8]) {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, actual).unwrap();
        return;
    }
    let expect = fs::read(&path).unwrap_or_default();
    assert!(
        expect == actual,
        "{name} is not what is kept; look at the difference after UPDATE_GOLDEN=1 cargo test -p reports"
    );
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
fn texts() {
    for record in fixture::all() {
        let expectations = fixture::expectations();
        let report = Report { expectations: &expectations, ..fixture::report(&record) };
        check(&format!("{}.txt", record.scenario), plain(&text::render(&report, WIDTH)).as_bytes());
    }
}

#[test]
fn summaries() {
    for record in fixture::all() {
        let json = Summary::new(&fixture::report(&record)).to_json();
        check(&format!("{}.json", record.scenario), json.as_bytes());
    }
}

#[test]
fn tables() {
    let record = fixture::path_failure();
    check("path-failure.csv", series::csv(&record).as_bytes());
}

#[test]
fn charts() {
    for record in fixture::all() {
        let svg = chart::throughput_svg(&fixture::report(&record));
        check(&format!("{}.svg", record.scenario), svg.as_bytes());
    }
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    let everything = || {
        let record = fixture::hostile();
        let report = fixture::report(&record);
        (
            text::render(&report, WIDTH),
            Summary::new(&report).to_json(),
            series::csv(&record),
            chart::throughput_svg(&report),
            chart::throughput_png(&report),
        )
    };
    assert_eq!(everything(), everything());
}

/// Not kept: bytes of a PNG depend on its encoder. `SHOW_PNG=folder` writes them to be looked at.
#[test]
fn pictures() {
    for record in fixture::all() {
        let png = chart::throughput_png(&fixture::report(&record));
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        if let Some(folder) = std::env::var_os("SHOW_PNG") {
            let path = PathBuf::from(folder).join(format!("{}.png", record.scenario));
            fs::write(path, &png).unwrap();
        }
    }
}
