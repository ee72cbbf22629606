//! The validation scenarios can be read, and each measured row has one. What comes out of them is
//! printed beside the measured and published figures by `cargo run --release --example validate`.

use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("validation")
}

#[test]
fn every_scenario_can_be_read() {
    let files = scenarios::discover(&[folder()]).expect("the folder is there");
    let mut faults = String::new();
    for file in &files {
        if let Err(found) = scenarios::load(file, &[]) {
            faults += &found.iter().map(|fault| fault.render(false)).collect::<String>();
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn every_measured_row_has_its_scenario() {
    for rows in ["kernel", "boxes"] {
        let folder = folder().join(rows);
        let table = std::fs::read_to_string(folder.join("measured.csv")).unwrap();
        let columns = table.lines().next().unwrap().split(',').count();
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!(fields.len(), columns, "{line}");
            assert!(folder.join(format!("{}.ron", fields[0])).is_file(), "{line}");
        }
    }
}
