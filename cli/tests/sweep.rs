//! Sweeps as a user meets them: whoever runs what in which order, and whatever is killed, the results
//! are the same bytes.

#![expect(clippy::disallowed_methods, reason = "processes are timed by the wall clock")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{came, check, command, folder, names};

const SCENARIO: &str = r#"Scenario(
    title: "a download through a box",
    topology: MultiPath(paths: [
        (name: "wifi", rate: "10 Mbps", delay: "15 ms", devices: ["box"]),
        (name: "lte", rate: "6 Mbps", delay: "40 ms"),
    ]),
    devices: { "box": Custom() },
    traffic: [
        Bulk(name: "page", from: "client", to: "server", direction: Down, bytes: "200 kB"),
    ],
)
"#;

/// Every kind of axis.
const SWEEP: &str = r#"Sweep(
    title: "every kind of <axis>",
    scenario: "base.ron",
    axes: [
        List("port", set: "traffic.page.port", values: [80, 443]),
        Cases("second path", cases: {
            "good": {},
            "far": { "topology.paths.lte.delay": "150 ms" },
        }),
        Random("rate", set: "topology.paths.lte.rate", from: LogNormal(median: "4 Mbps", sigma: 0.5)),
        Choice("time", cases: {
            "enough": (weight: 9),
            "little": (weight: 1, set: { "time_limit": "150 ms" }),
        }),
        Population("box", set: "devices.box", by: "port", behaviours: {
            "removes options": (
                share: { "80": "50 %", "443": "10 %" },
                rules: [(when: (segment: [Syn], option: Option30), do: Remove)],
            ),
            "loses data": (share: "30 %", rules: [(when: (segment: [Data], chance: "1 %"), do: Drop)]),
        }),
    ],
    seeds: SEEDS,
    report: [
        Verdicts("verdicts", by: ["port", "second path"]),
        Verdicts("boxes", by: ["box"]),
        Mean("goodput over rate", figure: Goodput, over: "rate", by: "port"),
        Spread("latency", figure: Latency, by: "port"),
    ],
)
"#;

/// A folder with a sweep of 4 points with so many runs each.
fn home(seeds: u32) -> tempfile::TempDir {
    let home = folder();
    fs::write(home.path().join("base.ron"), SCENARIO).unwrap();
    let sweep = SWEEP.replace("SEEDS", &seeds.to_string());
    fs::write(home.path().join("s.ron"), sweep).unwrap();
    home
}

fn read(home: &Path, path: &str) -> String {
    fs::read_to_string(home.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What must be the same: the rows, and what follows from them.
fn results(home: &Path, out: &str) -> Vec<String> {
    let mut files = vec![format!("{out}/runs.jsonl"), format!("{out}/index.html")];
    files.extend(
        names(&home.join(out).join("answers")).iter().map(|n| format!("{out}/answers/{n}")),
    );
    assert_eq!(files.len(), 2 + 8, "a table and a picture for each question: {files:?}");
    files.iter().map(|file| read(home, file)).collect()
}

#[test]
fn a_sweep_is_run_printed_and_written() {
    let home = home(6);
    let words = [
        "every kind of <axis>\n24 of 24 runs, 4 points",
        "80, good",
        "why not MPTCP",
        "option30 run base.ron --seed ",
        "results  out/index.html",
    ];
    check(home.path(), &["sweep", "s.ron", "--out", "out"], 0, &words, &["24 runs in "]);
    let html = read(home.path(), "out/index.html");
    assert!(html.contains("<h1>every kind of &lt;axis&gt;</h1>") && !html.contains("<axis>"));

    // Every row's command gives its verdict and goodput again.
    for line in read(home.path(), "out/runs.jsonl").lines().step_by(11) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let script = format!("{} --format json --out again", row["replay"].as_str().unwrap());
        let program = command(home.path(), &[]).get_program().to_owned();
        let script = script.replacen("option30", &program.to_string_lossy(), 1);
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .current_dir(home.path())
            .output()
            .unwrap();
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for field in ["verdict", "goodput_mbps", "bytes_delivered"] {
            let (a, b) = (&row["connections"][0][field], &summary["connections"][0][field]);
            assert_eq!(a, b, "{field}: {script}");
        }
    }
}

#[test]
fn parts_in_any_order_and_double_equal_one_run() {
    let home = home(5);
    check(home.path(), &["sweep", "s.ron", "--out", "one", "--jobs", "1"], 0, &[], &[]);
    let expect = results(home.path(), "one");

    check(home.path(), &["sweep", "s.ron", "--out", "jobs", "--jobs", "3"], 0, &[], &[]);
    assert_eq!(results(home.path(), "jobs"), expect);

    for (part, out) in [("3/3", "a"), ("1/3", "b"), ("2/3", "a")] {
        let args = ["sweep", "s.ron", "--out", out, "--shard", part];
        check(home.path(), &args, 0, &[&format!("part {part} is in {out}")], &[]);
    }
    // One part is missing, one is there twice.
    let words =
        ["13 of 20 runs", "7 runs are missing: 0, 3, 6", "nothing is there of the parts 1/3"];
    check(home.path(), &["merge", "a", "--out", "some"], 0, &words, &[]);
    check(home.path(), &["sweep", "s.ron", "--out", "c", "--shard", "2/2"], 0, &[], &[]);
    let words = ["20 of 20 runs", "10 rows were there more than once"];
    check(home.path(), &["merge", "b", "c", "a", "--out", "all"], 0, &words, &[]);
    assert_eq!(results(home.path(), "all"), expect);
    // Merged rows stand for their parts, and merging again changes nothing.
    fs::remove_dir_all(home.path().join("all/parts")).unwrap();
    check(home.path(), &["merge", "all", "--out", "again"], 0, &["20 of 20 runs"], &[]);
    assert_eq!(results(home.path(), "again"), expect);
}

/// The files that ship for Kubernetes and GNU parallel, run as these run them; a pod that is evicted is
/// started again.
#[test]
fn parts_as_kubernetes_and_parallel_start_them() {
    let home = home(5);
    check(home.path(), &["sweep", "s.ron", "--out", "one"], 0, &[], &[]);
    let expect = results(home.path(), "one");
    let program = command(home.path(), &[]).get_program().to_owned();
    let docs = common::root().join("docs/sweeps");

    let job = fs::read_to_string(docs.join("kubernetes.yaml")).unwrap();
    let number = |key: &str| job.split(key).nth(1).unwrap().split_whitespace().next().unwrap();
    let parts: u32 = number("completions:").parse().unwrap();
    let script = job.split("- >-").nth(1).unwrap().split("resources:").next().unwrap();
    let script = script.split_whitespace().collect::<Vec<_>>().join(" ");
    let script = script.replace("/data/loss.ron", "s.ron").replace("/data/results", "pods");
    let script = script.replacen("option30", &program.to_string_lossy(), 1);
    let pod = |index: u32| {
        let mut pod = std::process::Command::new("/bin/sh");
        pod.args(["-c", &script]).env("JOB_COMPLETION_INDEX", index.to_string());
        pod.current_dir(home.path()).stdout(Stdio::null()).stderr(Stdio::null());
        pod
    };
    let mut evicted = pod(3).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(30));
    evicted.kill().unwrap();
    evicted.wait().unwrap();
    for index in (0..parts).rev() {
        assert!(pod(index).status().unwrap().success(), "{index}: {script}");
    }
    check(home.path(), &["merge", "pods"], 0, &["20 of 20 runs"], &[]);
    assert_eq!(results(home.path(), "pods"), expect);

    if std::process::Command::new("parallel").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no GNU parallel here");
        return;
    }
    for _ in 0..2 {
        let output = std::process::Command::new("sh")
            .arg(docs.join("parallel.sh"))
            .args(["s.ron", "many"])
            .envs([("PARTS", "3"), ("JOBS", "2")])
            .env("OPTION30", &program)
            .current_dir(home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(results(home.path(), "many"), expect);
    }
}

/// Another division, a row that was cut off, a line of rubbish: what is there is not run again.
#[test]
fn what_is_stored_is_not_run_again() {
    let home = home(5);
    check(home.path(), &["sweep", "s.ron", "--out", "one"], 0, &[], &[]);
    let expect = results(home.path(), "one");
    check(home.path(), &["sweep", "s.ron", "--out", "out", "--shard", "1/2"], 0, &[], &[]);
    let part = home.path().join("out/parts/part-1-of-2.1.jsonl");
    let rows = fs::read_to_string(&part).unwrap();
    fs::write(&part, format!("\0\0\0\n{}", &rows[..rows.len() - 9])).unwrap();

    let words = ["out holds 9 runs of this sweep already: go on with --resume"];
    check(home.path(), &["sweep", "s.ron", "--out", "out"], 2, &[], &words);
    let words = ["9 runs stored already, 11 to go", "2 lines were cut off and left out"];
    check(
        home.path(),
        &["sweep", "s.ron", "--out", "out", "--resume"],
        0,
        &words,
        &["11 runs in "],
    );
    assert_eq!(results(home.path(), "out"), expect);

    // New questions to old results; another sweep is refused.
    let sweep = read(home.path(), "s.ron");
    let asked = sweep.replace("Verdicts(\"boxes\", by: [\"box\"])", "Verdicts(\"in all\")");
    fs::write(home.path().join("s.ron"), asked).unwrap();
    let words = ["20 runs stored already, 0 to go", "in all"];
    let came = check(home.path(), &["sweep", "s.ron", "--out", "out", "--resume"], 0, &words, &[]);
    assert!(!came.stdout.contains("boxes"), "{}", came.stdout);
    fs::write(
        home.path().join("s.ron"),
        sweep.replace("443]", "8080]").replace("\"443\":", "\"8080\":"),
    )
    .unwrap();
    let words = ["out holds runs of another sweep"];
    check(home.path(), &["sweep", "s.ron", "--out", "out", "--resume"], 2, &[], &words);
    fs::create_dir(home.path().join("mine")).unwrap();
    fs::write(home.path().join("mine/notes.txt"), "keep").unwrap();
    let words = ["mine is not the results folder of a sweep"];
    check(home.path(), &["sweep", "s.ron", "--out", "mine"], 2, &[], &words);
    check(home.path(), &["merge", "mine"], 2, &[], &words);
}

/// A run that cannot be is a row with its error and its command, not the end of the others.
#[test]
fn a_failing_run_is_a_row() {
    let home = folder();
    fs::write(home.path().join("base.ron"), SCENARIO).unwrap();
    // Each value is good; one combination is not: the event comes after the end of the run.
    let sweep = r#"Sweep(
        title: "together",
        scenario: "base.ron",
        axes: [
            Cases("link", cases: { "up": {}, "fails": { "events": [At("2 s", LinkDown("lte"))] } }),
            Cases("limit", cases: { "long": {}, "short": { "time_limit": "1 s" } }),
        ],
    )"#;
    fs::write(home.path().join("s.ron"), sweep).unwrap();
    let words = [
        "4 of 4 runs",
        "1 runs have no result",
        "this event never happens",
        "option30 run base.ron --seed",
    ];
    check(home.path(), &["sweep", "s.ron", "--out", "out"], 0, &words, &[]);
    let rows: Vec<serde_json::Value> = read(home.path(), "out/runs.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let failed: Vec<_> = rows.iter().filter(|row| !row["error"].is_null()).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["values"], serde_json::json!(["fails", "short"]));
    // The command says the same.
    let replay = failed[0]["replay"].as_str().unwrap();
    let program = command(home.path(), &[]).get_program().to_owned();
    let script = replay.replacen("option30", &program.to_string_lossy(), 1);
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(home.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("this event never happens"));
}

/// `kill -9` at random moments, twenty times; then the rest.
#[test]
fn killed_at_any_moment_nothing_is_lost() {
    let home = home(60);
    let started = Instant::now();
    check(home.path(), &["sweep", "s.ron", "--out", "one"], 0, &[], &[]);
    let (whole, expect) = (started.elapsed(), results(home.path(), "one"));
    let mut random = sim_core::rng::Stream::new(1, "moments");
    let mut struck = 0;
    for _ in 0..20 {
        let mut child = command(home.path(), &["sweep", "s.ron", "--out", "out", "--resume"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let most = (whole / 8).as_micros() as u64;
        std::thread::sleep(Duration::from_micros(random.below(most)));
        struck += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(struck >= 10, "{struck} of 20 kills found it at work");
    let came = came(home.path(), &["sweep", "s.ron", "--out", "out", "--resume"]);
    assert_eq!(came.code, 0, "{}", came.stderr);
    assert_eq!(results(home.path(), "out"), expect);
}

/// The merged histogram is that of all bytes: its percentiles are those of the merged counts.
#[test]
fn histograms_merge_exactly() {
    let home = home(5);
    check(home.path(), &["sweep", "s.ron", "--out", "out"], 0, &[], &[]);
    let mut merged: Option<hdrhistogram::Histogram<u64>> = None;
    let (mut count, mut values) = (0, Vec::new());
    for line in read(home.path(), "out/runs.jsonl").lines() {
        let row: reports::sweep::Row = serde_json::from_str(line).unwrap();
        for connection in &row.connections {
            let Some(encoded) = &connection.latency_hdr else { continue };
            let one = reports::sweep::histogram(encoded).unwrap();
            count += one.len();
            values.extend(one.iter_recorded().map(|v| (v.value_iterated_to(), v.count_at_value())));
            match &mut merged {
                Some(merged) => merged.add(one).unwrap(),
                None => merged = Some(one),
            }
        }
    }
    let merged = merged.unwrap();
    assert_eq!(merged.len(), count);
    values.sort_unstable();
    for percentile in [1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 100.0] {
        let rank = (count as f64 * percentile / 100.0).ceil().max(1.0) as u64;
        let mut left = rank;
        let raw = values.iter().find(|(_, n)| {
            let found = left <= *n;
            left = left.saturating_sub(*n);
            found
        });
        let (raw, found) = (raw.unwrap().0 as f64, merged.value_at_percentile(percentile) as f64);
        // Two significant digits.
        assert!((found / raw - 1.0).abs() <= 0.01, "{percentile}: {found} and {raw}");
    }
}

#[test]
fn help_and_bad_arguments() {
    let home = home(1);
    check(home.path(), &["sweep", "--help"], 0, &["Examples:\n  option30 sweep loss.ron"], &[]);
    check(home.path(), &["merge", "--help"], 0, &["Examples:\n  option30 merge"], &[]);
    for (args, words) in [
        (["--shard", "0/3"], "from 1/N to N/N"),
        (["--jobs", "0"], "a number from 1 on"),
        (["--partition", "p"], "--slurm"),
    ] {
        let args = [&["sweep", "s.ron"], args.as_slice()].concat();
        check(home.path(), &args, 2, &[], &[words]);
    }
    check(home.path(), &["sweep", "base.ron"], 2, &[], &["base.ron:1:1", "Sweep"]);
    check(home.path(), &["run", "s.ron"], 2, &[], &["s.ron:1:1", "Scenario"]);
    check(home.path(), &["sweep", "s.ron", "--cancel"], 2, &[], &["no Slurm job was submitted"]);
}
