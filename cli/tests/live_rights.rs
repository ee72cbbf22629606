//! What `option30 live` may do while it runs, as root and as anybody, and what it says where it may not.
//! Skipped, with a word, where the machine cannot run it.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Bits of capability sets (include/uapi/linux/capability.h).
const NET_ADMIN: u64 = 1 << 12;
const SYS_ADMIN: u64 = 1 << 21;
/// Modules, raw devices, others' memory, booting, the clock, device files.
const OF_THE_MACHINE: u64 = 1 << 16 | 1 << 17 | 1 << 19 | 1 << 22 | 1 << 25 | 1 << 27;

const SCENARIO: &str = r#"Scenario(
    title: "Who may what",
    topology: MultiPath(paths: [
        (name: "a", rate: "20 Mbps", delay: "5 ms"), (name: "b", rate: "20 Mbps", delay: "8 ms"),
    ]),
    traffic: [
        Bulk(name: "data", from: "client", to: "server", duration: "3 s"),
        Command(host: "server", argv: ["cat", "/proc/self/status"], mptcpize: false),
    ],
    // Done with `ip` in the middle of the run.
    events: [At("1500 ms", AddressRemoved("client", "b"))],
    time_limit: "10 s",
)"#;

/// Fields of a thread's status.
type Status = BTreeMap<String, String>;

fn status(text: &str) -> Status {
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

fn set(status: &Status, name: &str) -> u64 {
    u64::from_str_radix(&status[name], 16).unwrap_or_else(|_| panic!("{status:?}"))
}

/// A folder that anybody may use, with the command and the scenario in it.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
    let command = folder.path().join("option30");
    // Another process writes it: a test beside this one that starts a program just then would hold an open file,
    // which nobody may execute, for a moment.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_option30")).arg(&command).status();
    assert!(copied.is_ok_and(|status| status.success()), "the folder takes it");
    fs::write(folder.path().join("may.ron"), SCENARIO).expect("the folder takes it");
    (folder, command)
}

/// `option30 live`, behind what `before` starts it with.
fn live(before: &[&str], folder: &Path, command: &Path) -> Command {
    let mut words = before.iter().copied().map(std::ffi::OsStr::new).chain([command.as_os_str()]);
    let mut live = Command::new(words.next().expect("the command at least"));
    live.args(words).args(["live", "may.ron", "--out", "results"]).current_dir(folder);
    live.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    live
}

/// As anybody: a mount namespace, so that the device can be everybody's as most distributions have it, without
/// touching the machine's.
const AS_ANYBODY: [&str; 6] = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    "mount -t tmpfs tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200 && \
     exec setpriv --reuid=65534 --regid=65534 --clear-groups -- \"$@\"",
    "sh",
];

/// What every thread may do in the middle of a run; the first is main.
fn threads(process: u32) -> Vec<Status> {
    let read = || {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        let mut ids: Vec<u32> =
            tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()).collect();
        ids.sort_by_key(|&id| (id != process, id));
        let path = |id| format!("/proc/{process}/task/{id}/status");
        let texts = ids.into_iter().filter_map(|id| fs::read_to_string(path(id)).ok());
        texts.map(|text| status(&text)).collect::<Vec<_>>()
    };
    // Processors are kept awake when packets begin to be carried: by the kernel, or by threads.
    let asks = || {
        let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        let mut names = open.filter_map(|file| fs::read_link(file.path()).ok());
        names.any(|name| name.as_os_str() == "/dev/cpu_dma_latency")
    };
    for _ in 0..500 {
        std::thread::sleep(Duration::from_millis(10));
        if asks() || read().iter().any(|thread| thread["Name"] == "awake") {
            return read();
        }
    }
    panic!("it carries no packets: {:?}", read());
}

/// Runs and holds every thread, and the program, to what they need.
fn check(before: &[&str]) {
    let (folder, command) = folder();
    let child = live(before, folder.path(), &command).spawn().expect("it starts");
    let threads = threads(child.id());
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");

    let (main, others) = threads.split_first().expect("it has threads");
    assert_eq!(set(main, "CapPrm") & (SYS_ADMIN | NET_ADMIN), 0, "{main:?}");
    assert_eq!(set(main, "CapBnd") & (SYS_ADMIN | NET_ADMIN), 0, "{main:?}");
    for thread in &threads {
        assert_eq!(set(thread, "CapEff"), 0, "{thread:?}");
        assert_eq!(set(thread, "CapBnd") & OF_THE_MACHINE, 0, "{thread:?}");
    }
    for thread in others {
        let own = set(thread, "CapPrm") | set(thread, "CapBnd");
        match thread["Name"].as_str() {
            "server" => {} // it starts programs
            "client" => assert_eq!((own, &*thread["NoNewPrivs"]), (NET_ADMIN, "1"), "{thread:?}"),
            _ => assert_eq!((own, &*thread["NoNewPrivs"]), (0, "1"), "{thread:?}"),
        }
    }
    assert!(others.iter().any(|thread| thread["Name"] == "wire"), "{others:?}");

    let summary =
        fs::read(folder.path().join("results/summary.json")).expect("results are written");
    let summary: serde_json::Value = serde_json::from_slice(&summary).expect("it is JSON");
    let program = &summary["live"]["commands"][0];
    assert_eq!(program["exit_code"], 0, "{program}");
    let program = status(program["output"].as_str().expect("a text"));
    assert_eq!(set(&program, "CapEff") & (SYS_ADMIN | NET_ADMIN), NET_ADMIN, "{program:?}");
    assert_eq!(set(&program, "CapBnd") & (SYS_ADMIN | OF_THE_MACHINE), 0, "{program:?}");
    // The event that needs `ip`, in a thread that has given up the rest.
    let counters = &summary["connections"][0]["counters"]["client"];
    assert!(counters["RmAddrTx"].as_u64() > Some(0), "{}", summary["connections"][0]);
}

#[test]
fn root_gives_up_what_it_does_not_need() {
    if can_run("root") {
        check(&[]);
    }
}

#[test]
fn anybody_can_run_it_where_there_are_user_namespaces() {
    if can_run("anybody") && is_root("anybody") {
        check(&AS_ANYBODY);
    }
}

#[test]
fn what_is_missing_is_said() {
    if !can_run("missing") || !is_root("missing") {
        return;
    }
    let (folder, command) = folder();
    let run = |before: &[&str]| -> (Option<i32>, String) {
        let Output { status, stderr, .. } =
            live(before, folder.path(), &command).output().expect("it starts");
        (status.code(), String::from_utf8_lossy(&stderr).into_owned())
    };
    // Nobody may make a user namespace inside this one.
    let forbidden =
        "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all -- \"$@\"";
    let (code, said) = run(&["unshare", "--user", "--map-root-user", "sh", "-c", forbidden, "sh"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("no right to make network namespaces: run as root, or allow"), "{said}");

    let private = AS_ANYBODY.map(|word| word.replace("666", "600"));
    let (code, said) = run(&private.each_ref().map(String::as_str));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("no access to /dev/net/tun"), "{said}");
    let absent = AS_ANYBODY.map(|word| word.replace("mknod -m 666 /dev/net/tun c 10 200", "true"));
    let (code, said) = run(&absent.each_ref().map(String::as_str));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("no /dev/net/tun") && said.contains("modprobe tun"), "{said}");

    let (code, said) = run(&["env", "PATH=/nowhere"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("install iproute2"), "{said}");
    // With `ip`, but nothing that starts programs.
    let tools = folder.path().join("tools");
    fs::create_dir(&tools).expect("the folder takes it");
    let ip = Command::new("sh").args(["-c", "command -v ip"]).output().expect("sh is there");
    let ip = PathBuf::from(String::from_utf8_lossy(&ip.stdout).trim());
    std::os::unix::fs::symlink(ip, tools.join("ip")).expect("the folder takes it");
    let (code, said) = run(&["env", &format!("PATH={}", tools.display())]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("`unshare`") && said.contains("`setpriv`"), "{said}");
    assert!(!said.contains("mptcpize"), "{said}");
    assert!(!folder.path().join("results").exists(), "nothing is written");
}

#[test]
fn what_a_killed_run_left_is_removed_and_said() {
    if !can_run("left") {
        return;
    }
    let (folder, command) = folder();
    let left = folder.path().join(".results.new-1");
    fs::create_dir_all(left.join("captures")).expect("the folder takes it");
    let output = live(&[], folder.path(), &command).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("removed")
            && said.contains(".results.new-1, which a run that was killed had left"),
        "{said}"
    );
    assert!(!left.exists());
}

fn can_run(test: &str) -> bool {
    let missing = testbed::missing();
    for lack in &missing {
        eprintln!("{test}: SKIPPED: {lack}");
    }
    missing.is_empty()
}

fn is_root(test: &str) -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        eprintln!("{test}: SKIPPED: only root can become somebody else");
    }
    is_root
}
