//! Every scenario that ships does what it says, and does it again in the same way.

use std::path::{Path, PathBuf};

use scenarios::{Loaded, discover, load};

fn catalogue() -> Vec<Loaded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let files = discover(&[folder]).unwrap_or_else(|faults| panic!("{}", shown(&faults)));
    files.iter().map(|file| loaded(file)).collect()
}

fn loaded(file: &Path) -> Loaded {
    load(file, &[]).unwrap_or_else(|faults| panic!("{}", shown(&faults)))
}

fn shown(faults: &[scenarios::Diagnostic]) -> String {
    faults.iter().map(|fault| fault.render(false) + "\n").collect()
}

#[test]
fn every_expectation_is_met() {
    let mut failures = String::new();
    for scenario in catalogue() {
        let run = scenario.run(None).unwrap_or_else(|faults| panic!("{}", shown(&faults)));
        assert!(!run.expectations.is_empty(), "{} expects nothing", scenario.name);
        for result in run.expectations {
            let mark = if result.passed { "ok  " } else { "FAIL" };
            println!("{mark} {}:{} {}", scenario.name, result.line, result.sentence);
            if !result.passed {
                failures += &format!("{}:{} {}\n", scenario.name, result.line, result.sentence);
            }
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn the_same_seed_gives_the_same_record() {
    for scenario in catalogue() {
        let run = |seed| format!("{:#?}", scenario.run(Some(seed)).expect("runs").record);
        assert!(run(7) == run(7), "{} is not deterministic", scenario.name);
    }
}

#[test]
fn the_template_runs_and_meets_its_expectations() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join("mine.ron");
    std::fs::write(&file, scenarios::template("mine \"quoted\"")).unwrap();
    let run = loaded(&file).run(None).unwrap_or_else(|faults| panic!("{}", shown(&faults)));
    for result in run.expectations {
        assert!(result.passed, "{}", result.sentence);
    }
}
