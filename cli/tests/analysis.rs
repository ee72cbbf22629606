//! What the documents show of pandas and DuckDB is run, as it stands there. Needs a Python that has both:
//! `python3`, or what the variable `OPTION30_PYTHON` names; skipped, and said, where there is none.

mod common;

use std::fs;
use std::process::Command;

use common::{check, folder, root};

/// The `python` blocks of a document.
fn blocks(document: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let after = text.split("\n```python\n").skip(1);
    after.map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_documents_examples_run() {
    let python = std::env::var("OPTION30_PYTHON").unwrap_or_else(|_| "python3".into());
    let has_both = Command::new(&python).args(["-c", "import pandas, duckdb"]).output();
    if !has_both.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: {python} has no pandas and DuckDB (pip install pandas duckdb)");
        return;
    }
    let home = folder();
    for name in ["three-paths", "asa-default"] {
        let file = root().join(format!("scenarios/catalogue/{name}.ron"));
        check(home.path(), &["run", &file.to_string_lossy()], 0, &[], &[]);
    }
    let mut all = String::new();
    for block in ["README.md", "docs/results.md"].iter().flat_map(|document| blocks(document)) {
        let output =
            Command::new(&python).args(["-c", &block]).current_dir(home.path()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{block}\n{error}");
        assert!(!output.stdout.is_empty(), "{block}\nprints nothing");
        all += &String::from_utf8_lossy(&output.stdout);
    }
    for word in ["dsl", "cable", "worst_rtt_ms", "fallback", "three-paths", "median_rtt_ms"] {
        assert!(all.contains(word), "\"{word}\" is missing in\n{all}");
    }
}
