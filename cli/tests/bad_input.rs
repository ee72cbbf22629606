//! Every kind of bad input: exit code 2, nothing written, and a message that says where it is, shows
//! the text with a mark under it, and says what was expected and what is near.

mod common;

use std::fs;
use std::path::Path;

use common::{check, folder, names};

const SCENARIO: &str = r#"Scenario(
    title: "one box",
    topology: MultiPath(paths: [
        (name: "dsl", rate: "3 Mbps", delay: "10 ms", devices: ["edge"]),
        (name: "lte", rate: "3 Mbps", delay: "30 ms"),
    ]),
    devices: { "edge": Asa(config: "edge.cfg") },
    traffic: [Bulk(name: "up", from: "client", to: "server", bytes: "100 kB")],
    expect: [Verdict("up", Fallback)],
)
"#;

const CONFIG: &str = "hostname edge\ntcp-map m\n  tcp-options range 30 30 allow\n";

/// Runs a scenario and its configuration with `--set` arguments, in a folder that must not change.
fn refused(scenario: &[u8], config: &[u8], set: &[&str], words: &[&str]) {
    let home = folder();
    fs::write(home.path().join("a.ron"), scenario).unwrap();
    fs::write(home.path().join("edge.cfg"), config).unwrap();
    let mut args = vec!["run", "a.ron"];
    args.extend(set.iter().flat_map(|&setting| ["--set", setting]));
    let came = check(home.path(), &args, 2, &[], words);
    assert_eq!(came.stdout, "");
    assert!(!came.stderr.contains('\u{1b}'), "no colour in a pipe");
    assert_eq!(names(home.path()), ["a.ron", "edge.cfg"], "nothing is written");
}

/// The scenario with `good` replaced by `bad`; the words that the message must have.
const IN_THE_SCENARIO: &[(&str, &str, &[&str])] = &[
    (
        "delay: \"30 ms\"",
        "dealy: \"30 ms\"",
        &["unknown field \"dealy\"", "a.ron:5:39", "^^^^^ ", "did you mean \"delay\"?", "\"rate\""],
    ),
    (
        "rate: \"3 Mbps\", delay: \"30 ms\"",
        "rate: \"3 Mbbs\", delay: \"30 ms\"",
        &["unknown unit \"Mbbs\"", "a.ron:5:29", "^^^^^^^^ ", "did you mean \"3 Mbps\"?", "kbit/s"],
    ),
    (
        "rate: \"3 Mbps\", delay: \"30 ms\"",
        "rate: \"-3 Mbps\", delay: \"30 ms\"",
        &["\"-3 Mbps\" is negative", "a.ron:5:29", "^^^^^^^^^ ", "a bit rate cannot be negative"],
    ),
    (
        "rate: \"3 Mbps\", delay: \"30 ms\"",
        "rate: \"99999999999999999999 Gbps\", delay: \"30 ms\"",
        &["99999999999999999999 Gbps", "a.ron:5:29", "^^^^^^^^^^ "],
    ),
    (
        "bytes: \"100 kB\"",
        "bytes: 100000000000000000000000000000000000000000000",
        &["a.ron:8:69", "^^^^^^^^^^ ", "expected"],
    ),
    (
        "Asa(config",
        "Asaa(config",
        &["unknown name \"Asaa\"", "a.ron:7:24", "^^^^ ", "did you mean \"Asa\"?", "\"Cbac\""],
    ),
    (
        "devices: [\"edge\"]",
        "devices: [\"egde\"]",
        &["there is no device \"egde\"", "a.ron:4:65", "^^^^^^ ", "did you mean \"edge\"?"],
    ),
    (
        "to: \"server\"",
        "to: \"sever\"",
        &["there is no host \"sever\"", "a.ron:8:52", "^^^^^^^ ", "did you mean \"server\"?"],
    ),
    ("name: \"lte\"", "name: \"dsl\"", &["two paths are called \"dsl\"", "a.ron:5:16", "^^^^^ "]),
    (
        "Asa(config: \"edge.cfg\") }",
        "Asa(config: \"edge.cfg\"), \"edge\": Switch }",
        &["two devices are called \"edge\"", "a.ron:7:49", "^^^^^^ "],
    ),
    (
        "delay: \"30 ms\"),",
        "delay: \"30 ms\",",
        &["a.ron:5:9", "^ opened here", "this is not closed before the `]` that follows"],
    ),
    (
        "title: \"one box\",",
        "title: \"one box\"",
        &["expected a comma", "a.ron:3:5", "^ a comma is missing before this"],
    ),
    (
        "config: \"edge.cfg\"",
        "config: \"egde.cfg\"",
        &[
            "cannot read egde.cfg: no such file",
            "a.ron:7:36",
            "^^^^^^^^^^ named here",
            "did you mean \"edge.cfg\"?",
        ],
    ),
];

#[test]
fn in_the_scenario() {
    for &(good, bad, words) in IN_THE_SCENARIO {
        assert_eq!(SCENARIO.matches(good).count(), 1, "{good}");
        refused(SCENARIO.replace(good, bad).as_bytes(), CONFIG.as_bytes(), &[], words);
    }
}

#[test]
fn no_scenario_at_all() {
    let check = |text: &[u8], words: &[&str]| refused(text, CONFIG.as_bytes(), &[], words);
    check(b"", &["a.ron:1:1", "Scenario"]);
    check(b"   \n\n", &["a.ron", "Scenario"]);
    check(b"\x00\x01\x02", &["a.ron:1:1"]);
    check(b"Scenario(title: \"\xff\")", &["a.ron is not UTF-8 text: line 1"]);
    check("(".repeat(100_000).as_bytes(), &["a.ron:1:"]);
    check(("Scenario(topology: ".to_owned() + &"[".repeat(100_000)).as_bytes(), &["a.ron:1:"]);
    let nested = format!("Scenario(title: {}{})", "[".repeat(100_000), "]".repeat(100_000));
    check(nested.as_bytes(), &["a.ron:1:"]);
}

/// A line of the configuration; the words that the message must have. The mark is under the word.
const IN_THE_CONFIGURATION: &[(&str, &[&str])] = &[
    ("  tcp-options range 30 300 allow", &["edge.cfg:3:24", "range 30 300 allow", "^^^"]),
    ("  tcp-options range 30 30 alow", &["edge.cfg:3:27", "^^^^", "expected allow"]),
    ("  tcp-options", &["edge.cfg:3:", "^"]),
];

#[test]
fn in_a_configuration() {
    for &(line, words) in IN_THE_CONFIGURATION {
        let config = CONFIG.replace("  tcp-options range 30 30 allow", line);
        refused(SCENARIO.as_bytes(), config.as_bytes(), &[], words);
    }
}

#[test]
fn in_a_setting() {
    let check = |setting: &str, words: &[&str]| {
        refused(SCENARIO.as_bytes(), CONFIG.as_bytes(), &[setting], words);
    };
    check("topology.paths.dls.rate=6 Mbps", &["--set:1:16", "^^^ ", "did you mean \"dsl\"?"]);
    check("topology.paths.dsl.rat=6 Mbps", &["--set:1:1", "unknown field \"rat\"", "\"rate\""]);
    check("topology.paths.dsl.rate=6 Mbbs", &["--set:1:25", "^^^^^^", "did you mean \"6 Mbps\"?"]);
    check("topology.paths[7].rate=6 Mbps", &["--set:1:15", "the list has 2 elements"]);
    check("topology..rate=6 Mbps", &["--set:1:10", "expected a name"]);
    check("seed", &["--set:1:1", "expected KEY=VALUE", "such as"]);
    check("=", &["--set:1:1", "expected KEY=VALUE"]);
    check("seed=", &["--set:1:"]);
    check("seed=((((", &["--set:1:6"]);
}

#[test]
fn what_is_not_there_or_not_readable() {
    let home = folder();
    fs::create_dir(home.path().join("empty")).unwrap();
    let check = |path: &str, words: &[&str]| {
        let came = check(home.path(), &["run", path], 2, &[], words);
        assert_eq!(came.stdout, "");
    };
    check("none.ron", &["cannot read none.ron: no such file or directory"]);
    check("empty", &["no scenario (*.ron) in the folder empty"]);
    assert_eq!(names(home.path()), ["empty"]);
    fs::create_dir(home.path().join("folder.ron")).unwrap();
    check("folder.ron", &["no scenario (*.ron) in the folder folder.ron"]);
    unreadable(home.path());
}

/// A file that its owner may not read; the superuser may read everything.
#[cfg(unix)]
fn unreadable(home: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let file = home.join("secret.ron");
    fs::write(&file, SCENARIO).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o0)).unwrap();
    if fs::read(&file).is_ok() {
        eprintln!("skipped: this user may read every file");
        return;
    }
    check(home, &["run", "secret.ron"], 2, &[], &["cannot read secret.ron: permission denied"]);
}

#[cfg(not(unix))]
fn unreadable(_: &Path) {}
