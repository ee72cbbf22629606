//! `option30 live` as a user calls it: nothing is left behind however it ends, and nothing outside is
//! touched. Skipped, with a word, where the machine cannot run it.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const OPTION30: &str = env!("CARGO_BIN_EXE_option30");

const SCENARIO: &str = r#"Scenario(
    title: "Two paths and a program",
    topology: MultiPath(paths: [
        (name: "a", rate: "20 Mbps", delay: "5 ms", devices: ["edge"]),
        (name: "b", rate: "20 Mbps", delay: "8 ms"),
    ]),
    devices: { "edge": Router },
    traffic: [
        Bulk(name: "data", from: "client", to: "server", duration: "700 ms"),
        Command(host: "server", argv: ["sleep", "4321"], background: true),
        Command(host: "client", argv: ["sh", "-c", "echo $((6 * 7)); exit 3"], mptcpize: false),
    ],
    time_limit: "10 s",
)"#;

fn can_run() -> bool {
    let missing = testbed::missing();
    for lack in &missing {
        eprintln!("live: SKIPPED: {lack}");
    }
    missing.is_empty()
}

fn start(folder: &Path) -> Child {
    let file = folder.join("two.ron");
    std::fs::write(&file, SCENARIO).expect("the folder takes a file");
    Command::new(OPTION30)
        .arg("live")
        .arg(&file)
        .arg("--out")
        .arg(folder.join("results"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("option30 starts")
}

/// What a machine shows of its network, as far as a run could touch it.
fn network() -> String {
    let ip = |arguments: &[&str]| {
        let output = Command::new("ip").args(arguments).output().expect("ip is installed");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let mut all = String::new();
    for object in [
        &["-o", "link"][..],
        &["route"],
        &["rule"],
        &["-6", "route"],
        &["-6", "rule"],
        &["netns"],
        &["mptcp", "endpoint"],
        &["mptcp", "limits"],
    ] {
        all += &ip(object);
    }
    // Counters and timers of addresses move by themselves; addresses do not.
    for line in ip(&["-o", "addr"]).lines() {
        all += line.split(" valid_lft").next().unwrap_or_default();
        all.push('\n');
    }
    for folder in ["ipv4", "ipv6/conf/all", "ipv4/conf/all", "ipv4/conf/default", "mptcp"] {
        let path = format!("/proc/sys/net/{folder}");
        let mut names: Vec<_> = std::fs::read_dir(&path)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .collect();
        names.sort();
        for name in names {
            let value = std::fs::read_to_string(&name).unwrap_or_default();
            // Fixed by the kernel from time to time.
            if !name.ends_with("tcp_fastopen_key") && !name.ends_with("stable_secret") {
                all += &format!("{} {value}", name.display());
            }
        }
    }
    all
}

/// Processes of a run that are still there: option30 itself (zombies are their parents' business) and the
/// program that it started.
fn left_over(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok) {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains("sleep 4321") || line.contains(&folder.display().to_string()) {
            found.insert(line);
        }
    }
    found
}

#[test]
fn nothing_is_left_behind_however_it_ends() {
    if !can_run() {
        return;
    }
    let runs: u64 =
        std::env::var("OPTION30_LIVE_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let before = network();
    for run in 0..runs {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut child = start(folder.path());
        let id = nix::unistd::Pid::from_raw(child.id() as i32);
        let signal = match run % 5 {
            0 => None,
            1 => Some(nix::sys::signal::Signal::SIGINT),
            2 => Some(nix::sys::signal::Signal::SIGTERM),
            _ => Some(nix::sys::signal::Signal::SIGKILL),
        };
        if let Some(signal) = signal {
            // Moments all over a run: while it sets up, carries, ends.
            std::thread::sleep(Duration::from_millis(40 + run * 389 % 900));
            let _ = nix::sys::signal::kill(id, signal);
        }
        let status = child.wait().expect("it ends");
        // Its shell is told what ended it; a run that was over by then is not.
        assert!(status.success() || status.signal() == signal.map(|s| s as i32), "{status}");
        if signal.is_none() {
            assert!(status.success(), "{status}");
            let summary = std::fs::read_to_string(folder.path().join("results/summary.json"));
            let summary = summary.expect("a summary is written");
            for wanted in ["\"kernel\": \"Linux", "\"output\": \"42\\n\"", "\"exit_code\": 3"] {
                assert!(summary.contains(wanted), "{wanted} is not in {summary}");
            }
            let page = std::fs::read_to_string(folder.path().join("results/report.html"));
            let page = page.expect("a page is written");
            for wanted in [" live on Linux", "FAILED, exit code 3", "<pre>42\n"] {
                assert!(page.contains(wanted), "{wanted} is not in the page");
            }
        }
        // The kernel ends what a killed process had started when it has time for it.
        let gone = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(30));
            left_over(folder.path()).is_empty()
        });
        assert!(gone, "run {run} ({signal:?}) left {:?}", left_over(folder.path()));
        let files: Vec<_> = std::fs::read_dir(folder.path())
            .expect("the folder is there")
            .filter_map(Result::ok)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name != "two.ron" && (signal.is_some() || name != "results"))
            .collect();
        let whole = files.iter().all(|name| name == "results");
        assert!(files.is_empty() || whole, "run {run} ({signal:?}) left {files:?}");
    }
    assert_eq!(before, network(), "the machine's own network is untouched");
}
