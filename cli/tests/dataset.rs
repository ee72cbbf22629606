//! The data set of a sweep as the documentation's program reads it, with pandas, polars and DuckDB.
//! Skipped, and said, where this build has no Parquet, or Python or its packages are missing.

mod common;

use std::fs;
use std::process::Command;

use common::{check, folder, root};

const SCENARIO: &str = r#"Scenario(
    title: "a download",
    topology: MultiPath(paths: [
        (name: "wifi", rate: "10 Mbps", delay: "15 ms", devices: ["box"]),
        (name: "lte", rate: "6 Mbps", delay: "40 ms"),
    ]),
    devices: { "box": Switch },
    traffic: [
        Bulk(name: "page", from: "client", to: "server", direction: Down, bytes: "200 kB"),
    ],
)
"#;

const SWEEP: &str = r#"Sweep(
    title: "boxes",
    scenario: "base.ron",
    axes: [
        Cases("box", cases: { "switch": {}, "ASA": { "devices.box": Asa() } }),
        List("delay", set: "topology.paths.lte.delay", values: ["10 ms", "1 s"]),
    ],
    seeds: 3,
    series: "100 ms",
)
"#;

/// What the tables must say, in the words of each library.
const QUESTIONS: &str = r#"
import sys
import duckdb, pandas, polars, pyarrow.parquet
out = sys.argv[1]
runs = pandas.read_parquet(f"{out}/runs.parquet")
assert list(runs.run) == list(range(12)), runs.run
assert list(runs.columns[:5]) == ["run", "point", "seed", "axis_box", "axis_delay_ms"], runs.columns
assert set(runs.axis_delay_ms) == {10.0, 1000.0}
assert runs.error.isna().all() and runs.replay.str.startswith("option30 run base.ron --seed ").all()
connections = polars.read_parquet(f"{out}/connections.parquet")
verdicts = dict(connections.group_by("axis_box").agg(polars.col("verdict").unique().first()).rows())
assert verdicts == {"switch": "mptcp", "ASA": "fallback"}, verdicts
assert (connections["series_bytes"].list.sum() == connections["bytes_delivered"]).all()
subflows = duckdb.sql(f"""
    SELECT axis_box, count(*) n, sum(bytes)::BIGINT AS bytes FROM '{out}/subflows.parquet'
    GROUP BY ALL ORDER BY ALL""").fetchall()
assert [row[0] for row in subflows] == ["ASA", "switch"] and subflows[0][1] == 6, subflows
lines = duckdb.sql(f"SELECT count(*), count(DISTINCT seed) FROM read_json('{out}/runs.jsonl')").fetchall()
assert lines == [(12, 12)], lines
about = pyarrow.parquet.read_metadata(f"{out}/runs.parquet").metadata
assert about[b"option30.schema"] == b"1" and about[b"option30.title"] == b"boxes", about
"#;

#[test]
fn the_tables_are_read_by_others() {
    let python = std::env::var("OPTION30_PYTHON").unwrap_or_else(|_| "python3".into());
    let modules = "import pandas, polars, duckdb, pyarrow";
    let has = Command::new(&python).args(["-c", modules]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {python} with pandas, polars, duckdb and pyarrow is not here");
        return;
    }
    let home = folder();
    fs::write(home.path().join("base.ron"), SCENARIO).unwrap();
    fs::write(home.path().join("s.ron"), SWEEP).unwrap();
    let came = check(home.path(), &["sweep", "s.ron", "--out", "out"], 0, &["12 of 12 runs"], &[]);
    if !home.path().join("out/runs.parquet").exists() {
        assert!(came.stdout.contains("a build with --features parquet"), "{}", came.stdout);
        eprintln!("skipped: this build has no Parquet (--features parquet)");
        return;
    }
    let run = |script: &[&str]| {
        let output = Command::new(&python).args(script).current_dir(home.path()).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{err}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(&["-c", QUESTIONS, "out"]);
    let example = root().join("docs/sweeps/read.py").display().to_string();
    let printed = run(&[&example, "out", "axis_box"]);
    for library in ["with_pandas", "with_polars", "with_duckdb", "without_parquet"] {
        assert!(printed.contains(library) && !printed.contains("skipped"), "{printed}");
    }
}
