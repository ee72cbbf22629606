//! docs/hosts.md names what a scenario file takes: each word of its tables is one, and no word is missing.

use std::path::Path;

use scenarios::load;

const DOCUMENT: &str = include_str!("../../docs/hosts.md");

/// The words of the first column of a section's table.
fn words(section: &str) -> Vec<String> {
    let text = DOCUMENT.split("\n## ").find(|text| text.starts_with(section)).expect("a section");
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split(", "));
    names.map(|name| name.trim_matches('`').to_owned()).collect()
}

/// What a value is answered with, where it is none.
fn complaint(setting: &str, value: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let set = format!("hosts.client.{setting}={value}");
    let faults = load(&folder.join("three-paths.ron"), &[set]).err()?;
    Some(faults.iter().map(|fault| fault.render(false)).collect())
}

#[test]
fn every_documented_word_is_taken_and_every_word_is_documented() {
    let sections =
        ["profile", "path_manager", "scheduler", "congestion", "small_segments", "mtu_probing"];
    for setting in sections {
        let documented = words(setting);
        for word in &documented {
            assert_eq!(complaint(setting, word), None, "{setting}: {word}");
        }
        // What is answered to a word that is none lists those that are.
        let listed = complaint(setting, "Nonsense").expect("there is no such word");
        let listed = listed.split("known here: ").nth(1).expect("a list");
        let known: Vec<_> = listed.split('"').skip(1).step_by(2).collect();
        assert!(known.len() >= 2, "{listed}");
        for word in known {
            let is_it = |d: &String| d.split('(').next() == Some(word);
            assert!(documented.iter().any(is_it), "{setting}: {word} is not documented");
        }
    }
}

#[test]
fn every_setting_of_a_host_is_documented() {
    let listed = complaint("nonsense", "1").expect("there is no such setting");
    let settings = include_str!("../src/schema/host.rs");
    let fields = settings.split("pub struct HostSettings {").nth(1).expect("the struct");
    let fields = fields.split("\n}").next().unwrap_or_default();
    let names: Vec<_> = fields
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub ")?.split(':').next())
        .collect();
    assert!(names.len() > 25 && !listed.is_empty(), "{names:?}");
    for name in names {
        assert!(
            DOCUMENT.contains(&format!("`{name}`")) || DOCUMENT.contains(&format!("## {name}\n")),
            "{name}"
        );
    }
}
