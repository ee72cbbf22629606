//! The command as a user meets it: exit codes, what goes to which stream, what is written.

mod common;

use std::process::Stdio;

use common::{check, command, folder, names, root};

#[test]
fn help_teaches_by_example() {
    let home = folder();
    for args in [["--help"].as_slice(), &["run", "--help"], &["check", "--help"]] {
        check(home.path(), args, 0, &["Examples:\n  option30 "], &[]);
    }
    check(home.path(), &["--help"], 0, &["Exit codes: 0 good; 1 an expectation failed"], &[]);
    check(home.path(), &["rum"], 2, &[], &["unrecognized subcommand 'rum'", "'run'"]);
    check(home.path(), &["run"], 2, &[], &["<FILE|DIR>"]);
}

#[test]
fn the_catalogue_names_every_model_and_its_sources() {
    let home = folder();
    check(home.path(), &["devices"], 0, &["Asa  Cisco ASA", "option30 devices MODEL"], &[]);
    let asa = ["tcp-options range 9 255", "[2]  Cisco 116519", "tcp-options range 30 30 allow"];
    check(home.path(), &["devices", "asa"], 0, &asa, &[]);
    check(home.path(), &["devices", "pix"], 2, &[], &["there is no model \"pix\"; known: Asa"]);
}

#[test]
fn a_new_scenario_is_never_written_over_an_old_one() {
    let home = folder();
    check(home.path(), &["new", "mine"], 0, &["wrote mine.ron; try: option30 run mine.ron"], &[]);
    let text = std::fs::read_to_string(home.path().join("mine.ron")).unwrap();
    check(home.path(), &["new", "mine.ron"], 2, &[], &["mine.ron is there already"]);
    assert_eq!(std::fs::read_to_string(home.path().join("mine.ron")).unwrap(), text);
    check(home.path(), &["new", "no/such/folder"], 3, &[], &["cannot write no/such/folder.ron"]);
}

#[test]
fn bad_input_leaves_nothing_written() {
    let home = folder();
    std::fs::write(home.path().join("bad.ron"), "Scenario(titel: \"x\")").unwrap();
    check(home.path(), &["new", "good"], 0, &[], &[]);
    for args in [["run", "bad.ron"].as_slice(), &["run", "good.ron", "bad.ron"]] {
        let came = check(home.path(), args, 2, &[], &["bad.ron:1:10", "titel", "title"]);
        assert_eq!(came.stdout, "");
    }
    check(home.path(), &["run", "none.ron"], 2, &[], &["none.ron"]);
    assert_eq!(names(home.path()), ["bad.ron", "good.ron"]);
}

#[test]
fn a_run_is_printed_and_written() {
    let home = folder();
    check(home.path(), &["new", "mine"], 0, &[], &[]);
    let words = [
        "fallback to plain TCP",
        "because ASA \"edge\"",
        "of the ",
        "that the paths could give",
        "replay  option30 run mine.ron",
    ];
    let came = check(home.path(), &["run", "mine.ron"], 0, &words, &[]);
    assert!(came.stdout.ends_with("results  results/mine\n"), "{}", came.stdout);
    assert!(!came.stdout.contains('\u{1b}'), "no colour when it is no terminal");
    let results = home.path().join("results/mine");
    let files = [
        "ladder.svg",
        "report.html",
        "series.csv",
        "summary.json",
        "throughput.png",
        "throughput.svg",
    ];
    assert_eq!(names(&results), [&[".option30", "charts", "devices"][..], &files].concat());
    assert_eq!(names(&results.join("devices")), ["edge.txt"]);

    // The same seed gives the same bytes; another seed is another run.
    let read = || files.map(|name| std::fs::read(results.join(name)).unwrap());
    let first = read();
    check(home.path(), &["run", "mine.ron"], 0, &[], &[]);
    assert_eq!(read(), first);
    check(home.path(), &["run", "mine.ron", "--seed", "7"], 0, &["seed 7"], &[]);
    assert_ne!(read(), first);
}

#[test]
fn json_is_one_line_for_each_scenario() {
    let home = folder();
    for name in ["one", "two"] {
        check(home.path(), &["new", name], 0, &[], &[]);
    }
    let args = ["run", "--format", "json", "one.ron", "two.ron", "--out", "out"];
    let came = check(home.path(), &args, 0, &[], &[]);
    let scenarios: Vec<serde_json::Value> =
        came.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names_of: Vec<_> = scenarios.iter().map(|s| s["scenario"].as_str().unwrap()).collect();
    assert_eq!(names_of, ["one", "two"]);
    assert_eq!(names(&home.path().join("out")), ["index.html", "one", "two"]);
    let written = std::fs::read_to_string(home.path().join("out/one/summary.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), scenarios[0]);
}

#[test]
fn results_do_not_replace_what_option30_did_not_write() {
    let home = folder();
    check(home.path(), &["new", "mine"], 0, &[], &[]);
    let notes = home.path().join("mine/notes.txt");
    std::fs::create_dir(home.path().join("mine")).unwrap();
    std::fs::write(&notes, "keep").unwrap();
    let words = ["mine holds notes.txt, which option30 did not write"];
    check(home.path(), &["run", "mine.ron", "--out", "mine"], 2, &[], &words);
    assert_eq!(names(&home.path().join("mine")), ["notes.txt"]);
}

#[test]
fn two_scenarios_of_one_name_do_not_share_a_folder() {
    let home = folder();
    std::fs::create_dir(home.path().join("other")).unwrap();
    for name in ["mine", "other/mine"] {
        check(home.path(), &["new", name], 0, &[], &[]);
    }
    let words = ["mine.ron and other/mine.ron would both write results/mine"];
    check(home.path(), &["run", "mine.ron", "other/mine.ron"], 2, &[], &words);
}

#[test]
fn a_check_says_what_failed_and_what_was_measured() {
    let home = folder();
    check(home.path(), &["new", "good"], 0, &[], &[]);
    let good = std::fs::read_to_string(home.path().join("good.ron")).unwrap();
    let expect = good.rfind("expect").unwrap();
    let failing = good[..expect].to_owned() + "expect: [Verdict(\"video\", Mptcp())],\n)\n";
    std::fs::write(home.path().join("failing.ron"), failing).unwrap();

    let words = ["ok  good.ron", "1 scenario: 1 ok"];
    check(home.path(), &["check", "good.ron"], 0, &words, &[]);
    let args = ["check", ".", "--junit", "report.xml"];
    let words = ["FAILED  ", "video: expected ", "2 scenarios: 1 ok, 1 failed"];
    check(home.path(), &args, 1, &words, &[]);
    let junit = std::fs::read_to_string(home.path().join("report.xml")).unwrap();
    assert!(junit.contains("failures=\"1\" errors=\"0\"") && junit.contains("<failure message"));

    std::fs::write(home.path().join("bad.ron"), "Scenario(").unwrap();
    let words = ["ERROR   ", "3 scenarios: 1 ok, 1 failed, 1 not readable"];
    check(home.path(), &["check", "."], 2, &words, &["bad.ron"]);
    assert!(!home.path().join("results").exists(), "a check writes no results");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = folder();
    let mut child = command(home.path(), &["devices", "asa"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn colour_is_as_the_user_wants_it() {
    let home = folder();
    let stdout = |name: &str| {
        let output = command(home.path(), &["devices"]).env(name, "1").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(stdout("CLICOLOR_FORCE").contains("\u{1b}["));
    assert!(!stdout("NO_COLOR").contains("\u{1b}["));
}

/// Every scenario that ships comes out as it expects.
#[test]
fn the_catalogue_holds() {
    check(&root(), &["check", "scenarios/catalogue"], 0, &[" ok"], &[]);
}

#[test]
fn a_story_is_told_in_two_languages() {
    let home = folder();
    check(home.path(), &["new", "mine"], 0, &[], &[]);
    let english = ["what happened", "The client sent a SYN with MP_CAPABLE", "what can be done"];
    let came = check(home.path(), &["explain", "mine.ron"], 0, &english, &[]);
    assert!(!came.stdout.contains('\u{1b}'), "no colours where there is no terminal");
    let japanese = ["経過", "クライアントは", "MP_CAPABLE", "対処方法"];
    check(home.path(), &["explain", "mine.ron", "--lang", "ja"], 0, &japanese, &[]);
    check(home.path(), &["explain", "mine.ron", "--ladder"], 0, &["●", "▶"], &[]);
    let json = ["explain", "mine.ron", "--format", "json"];
    let came = check(home.path(), &json, 0, &["\"steps\":[{"], &[]);
    assert_eq!(came.stdout.lines().count(), 1);
    let wrong = ["explain", "mine.ron", "--connection", "vidoe"];
    check(home.path(), &wrong, 2, &[], &["mine has no connection \"vidoe\"; it has: "]);
    check(home.path(), &[&json[..], &["--ladder"]].concat(), 2, &[], &["--ladder draws text"]);
    assert_eq!(names(home.path()), ["mine.ron"], "nothing is written");
}
