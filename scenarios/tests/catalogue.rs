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
        // A configuration may be wrong on purpose; a scenario that ships is not.
        let mut warnings = scenario.warnings.clone();
        warnings.retain(|warning| warning.file.ends_with(".ron"));
        assert!(warnings.is_empty(), "{}", shown(&warnings));
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

/// The example that the design documents show to users.
#[test]
fn the_example_of_the_documents_runs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let config = folder.join("configs/asa-tcp-map.cfg");
    let text = EXAMPLE.replace("CONFIG", &config.display().to_string());
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("example.ron");
    std::fs::write(&file, text).unwrap();
    let run = loaded(&file).run(None).unwrap_or_else(|faults| panic!("{}", shown(&faults)));
    for result in run.expectations {
        assert!(result.passed, "{}", result.sentence);
    }
}

const EXAMPLE: &str = r#"
Scenario(
    title: "Three 3 Mbps paths, an ASA with a tcp-map on the first",
    topology: MultiPath(paths: [
        (name: "dsl",   rate: "3 Mbps", delay: "10 ms", queue: "100 ms", devices: ["edge"]),
        (name: "lte",   rate: "3 Mbps", delay: "30 ms", loss: GilbertElliott(p: 0.001, r: 0.2)),
        (name: "cable", rate: "3 Mbps", delay: "15 ms", family: V6),
    ]),
    devices: { "edge": Asa(config: "CONFIG") },
    hosts: { "client": (profile: Rfc8684, path_manager: FullMesh, scheduler: MinRtt, congestion: Lia),
             "server": (profile: Rfc8684) },
    traffic: [ Stream(name: "video", from: "client", to: "server", rate: "9 Mbps", duration: "30 s") ],
    events: [ At("10 s", LinkDown("dsl")), At("20 s", LinkUp("dsl")) ],
    expect: [
        Verdict("video", Mptcp(subflows: 3)),
        Goodput("video", between: ("0 s", "10 s"), at_least: "7.5 Mbps"),
        Stall("video", at_most: "1 s"),
    ],
)
"#;
