//! Files that cannot be read, configurations that do not parse, overrides: what the user is told.

use std::path::{Path, PathBuf};

use scenarios::{discover, load};

const SCENARIO: &str = r#"Scenario(
    title: "one box",
    topology: MultiPath(paths: [(name: "dsl", rate: "3 Mbps", devices: ["edge"])]),
    devices: { "edge": Asa(config: "boxes/edge.cfg") },
    traffic: [Bulk(name: "up", from: "client", to: "server", bytes: "100 kB")],
    expect: [Verdict("up", Fallback)],
)
"#;

const CONFIG: &str = "tcp-map m\n  tcp-options range 30 30 allow\n";

/// A folder of the test's own with these files in it.
fn folder(name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("loading-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (path, content) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

/// The messages, with the folder's name left out.
fn messages(folder: &Path, file: &str, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(|&setting| setting.to_owned()).collect();
    let faults = match load(&folder.join(file), &overrides) {
        Ok(loaded) => loaded.warnings,
        Err(faults) => faults,
    };
    let shown: Vec<String> = faults.iter().map(|fault| fault.render(false)).collect();
    shown.join("\n").replace(&format!("{}/", folder.display()), "")
}

#[test]
fn files_that_cannot_be_read() {
    let bad = [b"Scenario(\n  title: \"".as_slice(), &[0xff, 0xfe]].concat();
    let files: [(&str, &[u8]); 3] =
        [("a.ron", SCENARIO.as_bytes()), ("boxes/edgy.cfg", b""), ("latin.ron", &bad)];
    let folder = folder("unreadable", &files);
    let check = |file: &str, expect: &str| {
        assert_eq!(messages(&folder, file, &[]), expect.trim_start());
    };
    check(
        "none.ron",
        "
error: cannot read none.ron: no such file or directory
--> none.ron",
    );
    check(
        "latin.ron",
        "
error: latin.ron is not UTF-8 text: line 2 has other bytes
--> latin.ron",
    );
    check(
        "a.ron",
        r#"
error: cannot read boxes/edge.cfg: no such file or directory
 --> a.ron:4:36
  |
4 |     devices: { "edge": Asa(config: "boxes/edge.cfg") },
  |                                    ^^^^^^^^^^^^^^^^ named here
  |
  = help: did you mean "edgy.cfg"?"#,
    );
}

#[test]
fn a_broken_configuration_line_is_shown_in_its_text() {
    let broken = CONFIG.replace("30 30 allow", "30 300 allow");
    let files: [(&str, &[u8]); 2] =
        [("a.ron", SCENARIO.as_bytes()), ("boxes/edge.cfg", broken.as_bytes())];
    let folder = folder("broken", &files);
    let shown = messages(&folder, "a.ron", &[]);
    assert!(shown.contains("error: "), "{shown}");
    assert!(shown.contains(" --> boxes/edge.cfg:2:24"), "{shown}");
    assert!(shown.contains("2 |   tcp-options range 30 300 allow"), "{shown}");
    assert!(shown.contains("|                        ^^^"), "{shown}");
}

#[test]
fn overrides_are_read_checked_and_refused_like_the_file() {
    let files: [(&str, &[u8]); 2] =
        [("a.ron", SCENARIO.as_bytes()), ("boxes/edge.cfg", CONFIG.as_bytes())];
    let folder = folder("overrides", &files);
    let check = |setting: &str, expect: &str| {
        assert_eq!(messages(&folder, "a.ron", &[setting]), expect.trim_start());
    };
    check(
        "topology.paths.dsl.rate=6 Mbbs",
        r#"
error: unknown unit "Mbbs" in "6 Mbbs"
 --> --set:1:25
  |
1 | topology.paths.dsl.rate=6 Mbbs
  |                         ^^^^^^ here
  |
  = help: did you mean "6 Mbps"? the units of a bit rate are bps, kbps, Mbps, Gbps, bit/s, kbit/s, Mbit/s, Gbit/s"#,
    );
    // The note lists every setting of a host.
    let misspelt = messages(&folder, "a.ron", &["hosts.client.schedular=RoundRobin"]);
    let expect = r#"
error: unknown field "schedular"
 --> --set:1:1
  |
1 | hosts.client.schedular=RoundRobin
  | ^^^^^^^^^^^^^^^^^^^^^^ not a field of HostSettings
  |
  = help: did you mean "scheduler"?
  = note: known here: "kernel", "profile", "#;
    assert!(misspelt.starts_with(expect.trim_start()), "{misspelt}");
    check(
        "traffic.up.to=sever",
        r#"
error: there is no host "sever"
 --> --set:1:15
  |
1 | traffic.up.to=sever
  |               ^^^^^ not defined
  |
  = help: did you mean "server"?
  = note: known here: "client", "server""#,
    );
    check(
        "traffic.down.to=server",
        r#"
error: no such setting
 --> --set:1:9
  |
1 | traffic.down.to=server
  |         ^^^^ nothing in the list has this name
  |
  = note: known here: "up""#,
    );
}

/// What is checked is what comes out of all settings, so their order does not matter.
#[test]
fn settings_that_need_each_other() {
    let files: [(&str, &[u8]); 2] =
        [("a.ron", SCENARIO.as_bytes()), ("boxes/edge.cfg", CONFIG.as_bytes())];
    let folder = folder("together", &files);
    let (device, place) =
        ("devices.second=Switch", "topology.paths.dsl.devices=[\"edge\", \"second\"]");
    for settings in [[device, place], [place, device]] {
        let loaded = load(&folder.join("a.ron"), &settings.map(str::to_owned));
        assert!(loaded.is_ok(), "{}", messages(&folder, "a.ron", &settings));
    }
    let alone = messages(&folder, "a.ron", &[place]);
    assert!(alone.contains("there is no device \"second\"") && alone.contains("--set"), "{alone}");
}

#[test]
fn an_override_changes_the_run_and_the_line_that_replays_it() {
    let files: [(&str, &[u8]); 2] =
        [("a.ron", SCENARIO.as_bytes()), ("boxes/edge.cfg", CONFIG.as_bytes())];
    let folder = folder("replay", &files);
    let file = folder.join("a.ron");
    let setting = "topology.paths.dsl.devices=[]".to_owned();
    let verdict = "expect=[Verdict(\"up\", Mptcp(subflows: 1))]".to_owned();
    let loaded = load(&file, &[setting, verdict]).expect("loads");
    let run = loaded.run(Some(9)).expect("runs");
    assert!(run.passed(), "{:?}", run.expectations);
    let path = file.display();
    assert_eq!(
        run.replay,
        format!(
            "option30 run {path} --seed 9 --set 'topology.paths.dsl.devices=[]' \
             --set 'expect=[Verdict(\"up\", Mptcp(subflows: 1))]'"
        )
    );
}

#[test]
fn folders_are_walked_in_order() {
    let empty: &[u8] = b"";
    let files = [
        ("b.ron", empty),
        ("a/z.ron", empty),
        ("a/configs/x.ron", empty),
        ("a/note.txt", empty),
        (".hidden/h.ron", empty),
        ("c.ron", empty),
    ];
    let folder = folder("walk", &files);
    let found = discover(std::slice::from_ref(&folder)).expect("finds");
    let names: Vec<String> = found
        .iter()
        .map(|path| path.strip_prefix(&folder).unwrap().display().to_string())
        .collect();
    assert_eq!(names, ["a/z.ron", "b.ron", "c.ron"]);
    let faults = discover(&[folder.join("a/configs/none"), folder.join("a").join("configs")]);
    assert_eq!(faults.expect("a file that may not be there is load's to refuse").len(), 2);
}
