//! `replay`, `conform`, `probe` and kept probes in `check`, as a user runs them.

mod common;

use std::fs;
use std::path::Path;

use common::{check, folder, root};

/// Captures of both sides of the catalogue's ASA as it comes, on the first path; a short run.
fn captured(scenario: &str, home: &Path) {
    let file = format!("scenarios/catalogue/{scenario}.ron");
    let out = home.join(scenario).display().to_string();
    let set = ["--set", "traffic.video.duration=1 s", "--set", "expect=[]"];
    check(&root(), &[&["run", &file, "--pcap", "--out", &out], &set[..]].concat(), 0, &[], &[]);
}

#[test]
fn a_capture_through_a_model_and_a_model_against_its_box() {
    let home = folder();
    captured("asa-default", home.path());
    let side = |side: &str| {
        home.path()
            .join(format!("asa-default/captures/edge-{side}-dsl.pcapng"))
            .display()
            .to_string()
    };
    let client = home.path().join("asa-default/captures/client-dsl.pcapng").display().to_string();
    let out = home.path().join("out.pcapng").display().to_string();
    check(
        &root(),
        &["replay", &client, "--device", "Asa()", "--out", &out],
        0,
        &["replaced option 30 (MP_CAPABLE) by NOPs", "frame 1", "(default)", "through asa \"asa\""],
        &[],
    );
    let written = fs::read(&out).unwrap();
    let comment = b"asa \"asa\" replaced option 30";
    assert!(written.windows(comment.len()).any(|w| w == comment), "changed packets say so");

    let (inside, outside) = (side("inside"), side("outside"));
    let conform = |device: &'static str| {
        vec!["conform", "--device", device, "--before", &inside, "--after", &outside]
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let as_strs = |args: &[String]| -> Vec<String> { args.to_vec() };
    let run = |args: &[String], code: i32, words: &[&str]| {
        let args = as_strs(args);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        check(&root(), &args, code, words, &[])
    };
    run(&conform("Asa()"), 0, &["asa \"asa\" does what the box did"]);
    run(
        &conform("Switch()"),
        1,
        &["frame 1 of --before", "MP_CAPABLE v1 flags H", "switch \"switch\" differs from the box"],
    );
    let fitted = [conform("Switch()"), vec!["--fit".into()]].concat();
    run(&fitted, 1, &["do: Nop)", "RandomiseIsn", "explain every packet"]);
}

#[test]
fn probes_are_kept_and_held_against() {
    let home = folder();
    let config = "hostname edge\ntcp-map m\n  tcp-options range 30 30 allow\n";
    fs::write(home.path().join("edge.cfg"), format!("ASA Version 9.8(2)\n{config}")).unwrap();
    let at = home.path();
    check(at, &["probe", "edge.cfg"], 0, &["handshake/MP_CAPABLE v1, from inside", "→ NOPs"], &[]);
    check(at, &["probe", "edge.cfg", "--out", "kept/edge.ron"], 0, &["kept/edge.ron"], &[]);
    let kept = fs::read_to_string(at.join("kept/edge.ron")).unwrap();
    assert!(kept.contains("device: \"../edge.cfg\""), "{kept}");
    check(at, &["probe", "edge.cfg", "--out", "kept/edge.ron"], 2, &[], &["--update"]);
    check(at, &["check", "kept"], 0, &["ok  kept/edge.ron", "untouched"], &[]);

    // The configuration changes: what does so is told packet by packet.
    let map = "tcp-map m\n tcp-options range 30 30 allow\nclass-map c\n match any\npolicy-map p\n class c\n  \
               set connection advanced-options m\nservice-policy p global\n";
    fs::write(at.join("edge.cfg"), format!("ASA Version 9.8(2)\n{map}")).unwrap();
    let came = check(
        at,
        &["check", "kept", "--junit", "report.xml"],
        1,
        &["FAILED", "option/MP_PRIO, packet 1 →", "before: ", "now: "],
        &[],
    );
    assert!(came.stdout.contains("NOPs"), "{}", came.stdout);
    let junit = fs::read_to_string(at.join("report.xml")).unwrap();
    assert!(junit.contains("<failure message=\"option/MP_PRIO, packet 1 →"), "{junit}");
    check(at, &["check", "kept", "--update"], 0, &["written anew"], &[]);
    check(at, &["check", "kept"], 0, &["ok"], &[]);

    fs::write(at.join("mine.ron"), "// Mine.\nProbes(\n    device: \"Asa()\", // as it comes\n)\n")
        .unwrap();
    check(at, &["check", "mine.ron"], 1, &["before: passed as it came"], &[]);
    check(at, &["check", "mine.ron", "--update"], 0, &[], &[]);
    let mine = fs::read_to_string(at.join("mine.ron")).unwrap();
    assert!(mine.starts_with("// Mine.\nProbes(\n    device: \"Asa()\""), "{mine}");
}

#[test]
fn bad_input_is_told_with_its_place() {
    let home = folder();
    let at = home.path();
    fs::write(at.join("no.pcap"), b"nothing of the kind").unwrap();
    let mut cut = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    cut.extend([0; 12]);
    cut.extend([101, 0, 0, 0]);
    cut.extend([1, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 40, 0, 0, 0, 0x45]);
    fs::write(at.join("cut.pcap"), &cut).unwrap();
    fs::write(at.join("device.ron"), "Asa(confg: \"a.cfg\")").unwrap();
    fs::write(at.join("text.cfg"), "nothing known\n").unwrap();
    let table: &[(&[&str], &[&str])] = &[
        (&["replay", "no.pcap", "--device", "Asa()"], &["no.pcap", "at byte 0", "pcapng"]),
        (&["replay", "cut.pcap", "--device", "Asa()"], &["record at byte 24", "expected"]),
        (&["replay", "none.pcap", "--device", "Asa()"], &["cannot read none.pcap"]),
        (&["replay", "cut.pcap", "--device", "device.ron"], &["device.ron:1:5", "did you mean"]),
        (&["replay", "cut.pcap", "--device", "text.cfg"], &["--platform asa"]),
        (
            &["replay", "cut.pcap", "--device", "text.cfg", "--platform", "asb"],
            &["no platform \"asb\"", "did you mean \"asa\"?"],
        ),
        (&["replay", "cut.pcap", "--device", "Asa()", "--inside", "10.0.0.0/40"], &["0 to 32"]),
        (
            &["conform", "--device", "Asa()", "--before", "a", "--after", "b", "--ignore", "tll"],
            &["no such field", "ttl"],
        ),
        (&["probe", "none.cfg"], &["cannot read none.cfg"]),
    ];
    for (args, words) in table {
        check(at, args, 2, &[], words);
    }
}
