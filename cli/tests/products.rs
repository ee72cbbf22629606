//! Every statement of the product overview (`docs/products.md`): the scenarios that show it are there and hold,
//! and `config` says of its configuration what the row says. Where the overview itself is beside the repository,
//! the sections are its own.

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::{check, root};
use serde_json::Value;

struct Row {
    section: String,
    scenarios: Vec<String>,
    /// A configuration, and the verdicts of its kinds of traffic.
    config: Option<(String, BTreeSet<String>)>,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/products.md")).unwrap();
    let words = |cell: &str| cell.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    text.lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| section"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [section, _, scenarios, config] = cells[..] else { panic!("{line}") };
            let config = config.split_once(": ");
            Row {
                section: section.to_owned(),
                scenarios: words(scenarios),
                config: config
                    .map(|(file, all)| (file.to_owned(), words(all).into_iter().collect())),
            }
        })
        .collect()
}

#[test]
fn each_statement_has_scenarios_that_hold() {
    let rows = rows();
    assert!(rows.len() >= 25, "{}", rows.len());
    assert!(rows.iter().all(|row| !row.scenarios.is_empty()));
    let names: BTreeSet<&String> = rows.iter().flat_map(|row| &row.scenarios).collect();
    let files: Vec<String> =
        names.iter().map(|name| format!("scenarios/catalogue/{name}.ron")).collect();
    let mut args = vec!["check"];
    args.extend(files.iter().map(String::as_str));
    let said = check(&root(), &args, 0, &[], &[]).stdout;
    assert!(said.contains(&format!("{0} scenarios: {0} ok", files.len())), "{said}");
}

#[test]
fn config_says_of_each_configuration_what_its_row_says() {
    let configs = rows().into_iter().filter_map(|row| row.config);
    for (file, expected) in configs {
        let path = format!("scenarios/catalogue/configs/{file}");
        let said = check(&root(), &["config", &path, "--format", "json"], 0, &[], &[]).stdout;
        let said: Value = serde_json::from_str(&said).unwrap();
        let verdicts = said["files"][0]["verdicts"].as_array().unwrap();
        let came: BTreeSet<String> =
            verdicts.iter().map(|v| v["verdict"].as_str().unwrap().to_owned()).collect();
        assert_eq!(came, expected, "{file}");
    }
}

#[test]
fn sections_are_those_of_the_overview() {
    let path = root().join("../shared/cisco-mptcp-product-support.ja.txt");
    let Ok(text) = fs::read_to_string(path) else {
        eprintln!("skipped: the overview is not here");
        return;
    };
    // Spaces and escapes are the conversion's.
    let plain = |text: &str| {
        text.replace(['\\', ' ', '\u{3000}', '\n'], "")
            .replace("インспекション", "インスペクション")
    };
    let text = plain(&text);
    for row in rows() {
        for part in row.section.split(": ") {
            assert!(text.contains(&plain(part)), "{part}");
        }
    }
}
