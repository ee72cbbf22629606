//! A real Slurm runs a sweep: one that is started here, on this machine, in a folder of its own.
//! Skipped, and said, where Slurm is not installed or this user may not start it.

#![expect(clippy::disallowed_methods, reason = "processes are timed by the wall clock")]

mod common;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{came, check, command, folder};

/// A munge, a controller and a node of this test's own.
struct Slurm {
    home: PathBuf,
    munged: Option<Child>,
    controller: Option<Child>,
    node: Option<Child>,
}

const PROGRAMS: [&str; 6] = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol"];

fn is_there(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&folders).chain(usual).any(|folder| folder.join(program).is_file())
}

fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

impl Slurm {
    /// Started and ready; `None`, and why on standard error, where that cannot be.
    fn start(home: &Path) -> Option<Self> {
        if let Some(missing) = PROGRAMS.iter().find(|program| !is_there(program)) {
            eprintln!("skipped: {missing} is not installed (Debian: slurm-wlm, munge)");
            return None;
        }
        if output("id", &["-u"]).trim() != "0" {
            eprintln!("skipped: only root starts a Slurm");
            return None;
        }
        for name in ["state", "spool", "log", "run", "munge"] {
            fs::create_dir_all(home.join(name)).unwrap();
        }
        // munged refuses folders that others can write, or that hide its key from nobody.
        let modes = [("", "755"), ("run", "755"), ("munge", "700")];
        for (name, mode) in modes {
            let path = home.join(name).display().to_string();
            assert!(Command::new("chmod").args([mode, &path]).status().unwrap().success());
        }
        let key = home.join("munge/munge.key");
        fs::write(&key, (0..1024u32).map(|k| (k * 7919 % 251) as u8).collect::<Vec<u8>>()).unwrap();
        let _ = Command::new("chmod").args(["400", &key.display().to_string()]).status();
        fs::write(home.join("slurm.conf"), configuration(home)).unwrap();
        let mut slurm = Self { home: home.to_owned(), munged: None, controller: None, node: None };
        let place = home.display();
        slurm.munged = Some(daemon(
            "munged",
            &[
                "--foreground".into(),
                format!("--key-file={place}/munge/munge.key"),
                format!("--socket={place}/run/munge.socket"),
                format!("--pid-file={place}/run/munged.pid"),
                format!("--log-file={place}/log/munged.log"),
                format!("--seed-file={place}/munge/munge.seed"),
            ],
            &slurm.conf(),
        ));
        wait("munge", || home.join("run/munge.socket").exists());
        slurm.start_controller(true);
        slurm.start_node();
        wait("the node", || slurm.ask("sinfo", &["-h", "-o", "%T"]).contains("idle"));
        Some(slurm)
    }

    fn conf(&self) -> PathBuf {
        self.home.join("slurm.conf")
    }

    fn start_controller(&mut self, anew: bool) {
        let mut args = vec!["-D".into(), "-f".into(), self.conf().display().to_string()];
        args.extend(anew.then(|| "-c".to_owned()));
        self.controller = Some(daemon("slurmctld", &args, &self.conf()));
    }

    fn start_node(&mut self) {
        let conf = self.conf().display().to_string();
        let args = ["-D", "-f", &conf, "-N", &host()].map(str::to_owned);
        self.node = Some(daemon("slurmd", &args, &self.conf()));
    }

    fn ask(&self, program: &str, args: &[&str]) -> String {
        let output = Command::new(program).args(args).env("SLURM_CONF", self.conf()).output();
        output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default()
    }

    /// What an administrator does after a crash.
    fn mend(&self) {
        let node = format!("NodeName={}", host());
        self.ask("scontrol", &["update", &node, "State=RESUME"]);
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for child in [&mut self.node, &mut self.controller, &mut self.munged].into_iter().flatten()
        {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn daemon(program: &str, args: &[String], conf: &Path) -> Child {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    Command::new(program)
        .args(args)
        .env("SLURM_CONF", conf)
        .env("PATH", path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn host() -> String {
    output("hostname", &["-s"]).trim().to_owned()
}

/// No cgroups, no database: one node, which is this machine.
fn configuration(home: &Path) -> String {
    let (home, host) = (home.display(), host());
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(2);
    let (controller, node) = (free_port(), free_port());
    format!(
        "ClusterName=option30
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={home}/run/munge.socket
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=1,batch_sched_delay=0
ReturnToService=2
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/run/slurmctld.pid
SlurmdPidFile={home}/run/slurmd.pid
SlurmctldLogFile={home}/log/slurmctld.log
SlurmdLogFile={home}/log/slurmd.log
SlurmctldPort={controller}
SlurmdPort={node}
MinJobAge=10
SlurmdTimeout=20
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=500 State=UNKNOWN
PartitionName=sim Nodes={host} Default=YES MaxTime=INFINITE State=UP
"
    )
}

fn wait(what: &str, mut ready: impl FnMut() -> bool) {
    let started = Instant::now();
    while !ready() {
        assert!(started.elapsed() < Duration::from_secs(120), "{what} is not ready");
        std::thread::sleep(Duration::from_millis(200));
    }
}

const SCENARIO: &str = r#"Scenario(
    title: "a download",
    topology: MultiPath(paths: [
        (name: "wifi", rate: "10 Mbps", delay: "15 ms"),
        (name: "lte", rate: "6 Mbps", delay: "40 ms", loss: "0.5 %"),
    ]),
    traffic: [
        Bulk(name: "page", from: "client", to: "server", direction: Down, bytes: "4 MB"),
    ],
)
"#;

fn home(seeds: u32) -> tempfile::TempDir {
    let home = folder();
    fs::write(home.path().join("base.ron"), SCENARIO).unwrap();
    let sweep = format!(
        r#"Sweep(title: "s", scenario: "base.ron", seeds: {seeds}, axes: [
            List("loss", set: "topology.paths.lte.loss", values: ["0 %", "1 %"]),
        ])"#
    );
    fs::write(home.path().join("s.ron"), sweep).unwrap();
    home
}

fn rows(home: &Path, out: &str) -> String {
    fs::read_to_string(home.join(out).join("runs.jsonl")).unwrap()
}

/// A sweep with about so many seconds of work, and its rows as one machine makes them.
fn sweep_of(seconds: f64) -> (tempfile::TempDir, String) {
    let trial = home(10);
    let started = Instant::now();
    check(trial.path(), &["sweep", "s.ron", "--out", "o", "--jobs", "1"], 0, &[], &[]);
    let run_s = started.elapsed().as_secs_f64() / 20.0;
    let home = home((seconds / run_s / 2.0).ceil() as u32);
    check(home.path(), &["sweep", "s.ron", "--out", "one"], 0, &[], &[]);
    let expect = rows(home.path(), "one");
    (home, expect)
}

/// One Slurm for both tests: they would compete for the machine.
#[test]
fn a_real_slurm_runs_a_sweep() {
    let place = folder();
    let Some(mut slurm) = Slurm::start(place.path()) else { return };
    a_sweep_is_submitted_watched_and_merged(&slurm);
    killed_at_random_moments(&mut slurm);
}

fn slurm_command(slurm: &Slurm, home: &Path, args: &[&str]) -> Command {
    let mut command = command(home, args);
    command.env("SLURM_CONF", slurm.conf());
    command
}

fn a_sweep_is_submitted_watched_and_merged(slurm: &Slurm) {
    let home = home(20);
    check(home.path(), &["sweep", "s.ron", "--out", "one"], 0, &[], &[]);
    let args = ["sweep", "s.ron", "--out", "out", "--slurm", "--partition", "sim", "--time", "10"];
    let output = slurm_command(slurm, home.path(), &args).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("1 task of about ") && out.contains("40 of 40 runs"), "{out}");
    assert_eq!(rows(home.path(), "out"), rows(home.path(), "one"));

    // What is cancelled stays as it is, and goes on.
    let long = self::home(100_000);
    let args = ["sweep", "s.ron", "--out", "out", "--slurm", "--no-wait"];
    let output = slurm_command(slurm, long.path(), &args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let again = slurm_command(slurm, long.path(), &args).output().unwrap();
    assert_eq!(again.status.code(), Some(2), "they are in the queue already");
    let cancel = ["sweep", "s.ron", "--out", "out", "--cancel"];
    let output = slurm_command(slurm, long.path(), &cancel).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("cancelled the jobs"));
    wait("an empty queue", || slurm.ask("squeue", &["-h"]).trim().is_empty());
}

/// `kill -9` of the controller, the node's daemon and the tasks; then `--resume`. How often is said
/// by the variable `OPTION30_SLURM_KILLS`.
fn killed_at_random_moments(slurm: &mut Slurm) {
    let kills = std::env::var("OPTION30_SLURM_KILLS").ok().and_then(|n| n.parse().ok());
    let kills: u32 = kills.unwrap_or(3);
    let (home, expect) = sweep_of(65.0);
    let args =
        ["sweep", "s.ron", "--out", "out", "--slurm", "--resume", "--per-task", "0.5", "--no-wait"];
    let mut random = sim_core::rng::Stream::new(1, "moments of Slurm");
    for kill in 0..kills {
        let _ = slurm_command(slurm, home.path(), &args).output().unwrap();
        std::thread::sleep(Duration::from_millis(500 + random.below(4000)));
        match kill % 3 {
            0 => {
                if let Some(mut controller) = slurm.controller.take() {
                    controller.kill().unwrap();
                    controller.wait().unwrap();
                }
                std::thread::sleep(Duration::from_millis(random.below(1000)));
                slurm.start_controller(false);
            }
            1 => {
                if let Some(mut node) = slurm.node.take() {
                    node.kill().unwrap();
                    node.wait().unwrap();
                }
                std::thread::sleep(Duration::from_millis(random.below(1000)));
                slurm.start_node();
            }
            _ => {
                // The tasks themselves: those whose results stand in this test's folder.
                let tasks = output("pgrep", &["-f", "sweep s.ron .*--shard"]);
                for task in tasks.split_whitespace() {
                    let place = fs::read_link(format!("/proc/{task}/cwd")).unwrap_or_default();
                    if place == fs::canonicalize(home.path()).unwrap() {
                        output("kill", &["-9", task]);
                    }
                }
            }
        }
        wait("the controller", || slurm.ask("scontrol", &["ping"]).contains("UP"));
        slurm.mend();
    }
    // As a user would: until all is there. Held tasks are released by the command itself.
    let args = ["sweep", "s.ron", "--out", "out", "--slurm", "--resume", "--per-task", "0.5"];
    for attempt in 0.. {
        slurm.mend();
        let output = slurm_command(slurm, home.path(), &args).output().unwrap();
        if output.status.success() {
            break;
        }
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(attempt < 5, "{err}");
    }
    assert_eq!(rows(home.path(), "out"), expect);
    let merged = came(home.path(), &["merge", "out", "--out", "again"]);
    assert!(!merged.stdout.contains("differ"), "{}", merged.stdout);
}
