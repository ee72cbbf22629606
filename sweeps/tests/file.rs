//! The sweep file: what is wrong with one is said at its place; what a plan makes of one does not
//! depend on who asks, or on what else is in it.

use std::path::PathBuf;

use sweeps::Plan;

const SCENARIO: &str = r#"Scenario(
    title: "a download through a box",
    topology: MultiPath(paths: [
        (name: "wifi", rate: "10 Mbps", delay: "15 ms", devices: ["box"]),
        (name: "lte", rate: "6 Mbps", delay: "40 ms"),
    ]),
    devices: { "box": Custom() },
    traffic: [Bulk(name: "page", from: "client", to: "server", direction: Down, bytes: "200 kB")],
)
"#;

const SWEEP: &str = r#"Sweep(
    title: "t",
    scenario: "base.ron",
    set: { "traffic.page.bytes": "100 kB" },
    axes: [
        List("port", set: "traffic.page.port", values: [80, 443]),
        Range("delay", set: "topology.paths.lte.delay", from: "10 ms", to: "40 ms", steps: 4),
        Cases("place", cases: { "first": {}, "none": { "topology.paths.wifi.devices": [] } }),
        Random("rate", set: "topology.paths.lte.rate", from: LogNormal(median: "4 Mbps", sigma: 0.5)),
        Choice("time", cases: { "long": (weight: 3), "short": (weight: 1, set: { "time_limit": "9 s" }) }),
        Population("box", set: "devices.box", by: "port", behaviours: {
            "nops": (share: { "80": "50 %", "443": "10 %" }, rules: [(do: Nop)]),
            "loses": (share: "30 %", rules: [(when: (segment: [Data], chance: "1 %"), do: Drop)]),
        }),
    ],
    seeds: 3,
    report: [
        Verdicts("v", by: ["port", "place"]),
        Mean("m", figure: Goodput, over: "rate", by: "port"),
    ],
)
"#;

/// A folder of the test's own with a scenario and a sweep.
fn folder(name: &str, sweep: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sweep-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("base.ron"), SCENARIO).unwrap();
    std::fs::write(folder.join("s.ron"), sweep).unwrap();
    folder
}

fn plan(name: &str, sweep: &str) -> Plan {
    let shown = |faults: Vec<scenarios::Diagnostic>| {
        faults.iter().map(|fault| fault.render(false)).collect::<Vec<_>>().join("\n")
    };
    Plan::read(&folder(name, sweep).join("s.ron")).map_err(shown).unwrap_or_else(|e| panic!("{e}"))
}

/// What stands in the sweep, what is put in its place, and words that the message must have: its
/// place, the mark, and what to do.
const BAD: &[(&str, &str, &[&str])] = &[
    ("values: [80, 443]", "values: []", &["s.ron:6:56", "1 to 100000 values"]),
    ("values: [80, 443]", "values: [80, 80]", &["\"80\" is there twice", "s.ron:6:"]),
    (
        "\"port\", set: \"traffic.page.port\"",
        "\"port\", set: \"traffic.pag.port\"",
        &["s.ron:6:27", "nothing in the list has this name", "did you mean \"page\"?"],
    ),
    (
        "set: \"traffic.page.port\"",
        "set: \"traffic.page.prt\"",
        &["unknown field \"prt\"", "s.ron:6:27", "\"port\""],
    ),
    (
        "from: \"10 ms\"",
        "from: \"10 Mbps\"",
        &["a bit rate and a time do not go together", "s.ron:7:"],
    ),
    (
        "from: \"10 ms\"",
        "from: \"10 mss\"",
        &["\"10 mss\" is no quantity", "s.ron:7:63", "^^^^^^^^"],
    ),
    ("steps: 4", "steps: 1", &["a range has 2 to", "s.ron:7:"]),
    ("steps: 4", "stepps: 4", &["unknown field \"stepps\"", "did you mean \"steps\"?"]),
    (
        "\"topology.paths.wifi.devices\": []",
        "\"topology.paths.wifi.devices\": [\"bax\"]",
        &["there is no device \"bax\"", "s.ron:8:87", "as --set"],
    ),
    ("median: \"4 Mbps\"", "median: \"0 %\"", &["the median must be more than 0", "s.ron:9:"]),
    ("sigma: 0.5", "sigma: -1.0", &["s.ron:9:", "no such distribution"]),
    ("weight: 3", "weight: -3.0", &["the weight of \"long\" is -3", "s.ron:10:"]),
    ("\"443\": \"10 %\"", "\"444\": \"10 %\"", &["the axis has no value \"444\"", "s.ron:12:"]),
    (", \"443\": \"10 %\"", "", &["the share for \"443\" is missing", "s.ron:12:"]),
    (
        "by: \"port\", behaviours",
        "by: \"rate\", behaviours",
        &["there is no fixed axis \"rate\"", "s.ron:11:"],
    ),
    ("rules: [(do: Nop)]", "rules: [(do: Nopp)]", &["unknown name \"Nopp\"", "s.ron:"]),
    ("share: \"30 %\"", "share: \"130 %\"", &["s.ron:13:"]),
    (
        "by: [\"port\", \"place\"]",
        "by: [\"port\", \"plaice\"]",
        &["there is no axis \"plaice\"", "s.ron:18:36", "did you mean \"place\"?"],
    ),
    (
        "by: [\"port\", \"place\"]",
        "by: [\"rate\"]",
        &["\"rate\" is a random number", "s.ron:18:28"],
    ),
    (
        "figure: Goodput",
        "figure: Godput",
        &["unknown name \"Godput\"", "did you mean \"Goodput\"?", "s.ron:19:"],
    ),
    ("seeds: 3", "seeds: 0", &["a sweep without runs", "s.ron:16:12"]),
    ("seeds: 3", "seeds: 4000000000", &["are too many", "at most 10000000 runs"]),
    ("List(\"port\"", "List(\"place\"", &["two axes are called \"place\"", "s.ron:8:15"]),
    ("List(\"port\"", "Lisst(\"port\"", &["unknown name \"Lisst\"", "did you mean \"List\"?"]),
    ("scenario: \"base.ron\"", "scenario: \"bse.ron\"", &["cannot read", "s.ron:3:15"]),
    (
        "scenario: \"base.ron\"",
        "scenario: \"{prt}.ron\"",
        &["there is no axis \"prt\"", "did you mean \"port\"?"],
    ),
    ("scenario: \"base.ron\"", "scenario: \"{rate}.ron\"", &["are drawn at random"]),
    (
        "\"traffic.page.bytes\": \"100 kB\"",
        "\"traffic.page.bytes\": \"100 kBB\"",
        &["unknown unit \"kBB\"", "s.ron:4:34", "^^^^^^^^"],
    ),
    ("title: \"t\",", "title: \"t\"", &["expected a comma", "s.ron:3:5"]),
];

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let mut missing = String::new();
    for (k, (good, bad, words)) in BAD.iter().enumerate() {
        assert_eq!(SWEEP.matches(good).count(), 1, "{good}");
        let folder = folder(&format!("bad-{k}"), &SWEEP.replace(good, bad));
        let faults = match Plan::read(&folder.join("s.ron")) {
            Ok(_) => panic!("{bad} is taken for good"),
            Err(faults) => faults,
        };
        let shown: Vec<String> = faults.iter().map(|fault| fault.render(false)).collect();
        let shown = shown.join("\n").replace(&format!("{}/", folder.display()), "");
        for word in words.iter().filter(|word| !shown.contains(**word)) {
            missing += &format!("{bad}: \"{word}\" is missing in\n{shown}\n");
        }
    }
    assert!(missing.is_empty(), "{missing}");
}

#[test]
fn points_are_all_combinations_and_runs_their_repetitions() {
    let plan = plan("points", SWEEP);
    assert_eq!((plan.manifest.points, plan.runs()), (16, 48));
    let jobs: Vec<_> = (0..48).map(|run| plan.job(run).unwrap()).collect();
    assert_eq!(jobs[0].values[..3], ["80", "10 ms", "first"]);
    assert_eq!(jobs[3].values[..3], ["80", "10 ms", "none"], "the last axis changes fastest");
    assert_eq!(jobs[47].values[..3], ["443", "40 ms", "none"]);
    assert_eq!(
        jobs[0].settings[..3],
        ["traffic.page.bytes=\"100 kB\"", "traffic.page.port=80", "topology.paths.lte.delay=10 ms",]
    );
    let mut seeds: Vec<u64> = jobs.iter().map(|job| job.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), 48, "each run has its own luck");
}

/// Adding a value, an axis of random values or runs changes nobody's seed; asking something else does
/// not change the sweep, and everything else does.
#[test]
fn seeds_and_hashes_follow_from_what_they_should() {
    let of = |name: &str, good: &str, bad: &str| {
        assert_eq!(SWEEP.matches(good).count(), 1, "{good}");
        plan(name, &SWEEP.replace(good, bad))
    };
    let before = plan("before", SWEEP);
    let more = of("more", "steps: 4", "steps: 4, scale: Linear");
    assert_ne!(more.manifest.hash, before.manifest.hash);
    let added = of("added", "\"none\": {", "\"second\": {}, \"none\": {");
    let job = |plan: &Plan, run| plan.job(run).unwrap();
    assert_eq!(job(&added, 6).values[2], "none");
    assert_eq!(job(&added, 6).seed, job(&before, 3).seed);
    assert_eq!(job(&added, 6).values, job(&before, 3).values, "the same draws");
    let longer = of("longer", "seeds: 3", "seeds: 5");
    assert_eq!(job(&longer, 5).seed, job(&before, 3).seed);

    let asked = of("asked", "Verdicts(\"v\", by: [\"port\", \"place\"])", "Verdicts(\"in all\")");
    assert_eq!(asked.manifest.hash, before.manifest.hash);
    for (name, good, bad) in [
        ("values", "values: [80, 443]", "values: [80, 443, 22]"),
        ("common", "100 kB", "200 kB"),
        ("seeds", "seeds: 3", "seeds: 3, seed: 2"),
        ("paired", "seeds: 3", "seeds: 3, paired: true"),
        ("window", "seeds: 3", "seeds: 3, window: (\"1 s\", \"2 s\")"),
    ] {
        // A third port needs no share of its own where all have the same.
        let good_sweep = SWEEP.replace("{ \"80\": \"50 %\", \"443\": \"10 %\" }", "\"50 %\"");
        let hash = |sweep: &str| plan(name, sweep).manifest.hash;
        assert_ne!(hash(&good_sweep.replace(good, bad)), hash(&good_sweep), "{name}");
    }
    let folder = folder("scenario", SWEEP);
    std::fs::write(folder.join("base.ron"), SCENARIO.replace("15 ms", "16 ms")).unwrap();
    let other = Plan::read(&folder.join("s.ron")).unwrap();
    assert_ne!(other.manifest.hash, before.manifest.hash);
}

#[test]
fn paired_points_have_the_same_luck() {
    let plan = plan("luck", &SWEEP.replace("seeds: 3", "seeds: 3, paired: true"));
    let [a, b] = [0, 3].map(|run| plan.job(run).unwrap());
    assert_eq!((a.seed, &a.values[3..]), (b.seed, &b.values[3..]));
    assert_ne!(a.seed, plan.job(1).unwrap().seed);
}

/// Random values have the distribution that they should: of 3000 draws.
#[test]
fn draws_follow_their_distribution() {
    let plan =
        plan("draws", &SWEEP.replace("seeds: 3", "seeds: 1500").replace("steps: 4", "steps: 2"));
    let (mut below, mut long, mut nops, mut loses) = (0, 0, [0; 2], 0);
    let runs = plan.runs();
    for run in 0..runs {
        let job = plan.job(run).unwrap();
        let rate: sim_core::units::BitRate = job.values[3].parse().unwrap();
        below += u32::from(rate.0 < 4_000_000);
        long += u32::from(job.values[4] == "long");
        nops[usize::from(job.values[0] == "443")] += u32::from(job.values[5].contains("nops"));
        loses += u32::from(job.values[5].contains("loses"));
    }
    let near = |count: u32, of: u64, share: f64| {
        let found = f64::from(count) / of as f64;
        assert!((found - share).abs() < 0.03, "{found} instead of {share}");
    };
    near(below, runs, 0.5);
    near(long, runs, 0.75);
    near(nops[0], runs / 2, 0.5);
    near(nops[1], runs / 2, 0.1);
    near(loses, runs, 0.3);
}

/// Every sweep that ships can be read, and its first and last run have a result.
#[test]
fn sweeps_that_ship() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scenarios/sweeps");
    let files = scenarios::discover(&[folder]).unwrap();
    let is_sweep = |file: &&PathBuf| std::fs::read_to_string(file).unwrap().contains("\nSweep(");
    let sweeps: Vec<&PathBuf> = files.iter().filter(is_sweep).collect();
    assert!(sweeps.len() >= 5, "{sweeps:?}");
    for file in sweeps {
        let plan = Plan::read(file).unwrap_or_else(|faults| panic!("{}", faults[0].render(false)));
        // A run of the paper's scenario takes seconds.
        if !file.ends_with("coupled.ron") {
            for run in [0, plan.runs() - 1] {
                let row = sweeps::Runner::new(&plan).row(run);
                assert_eq!(row.error, None, "{}", file.display());
            }
        }
    }
}
