//! Slurm's own commands.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Jobs;
use crate::failure::Failure;
use crate::sweep::SweepArgs;

/// What Slurm allows where it does not say: its default is 1001, and the last one is not allowed.
const ARRAY_MAX: u64 = 1000;

/// Slurm, as far as its commands are on this machine.
#[derive(Debug)]
pub(super) struct Queue(());

/// What is in the queue of a sweep's jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Tasks that run.
    pub(super) running: usize,
    /// Something waits, and why, in Slurm's words.
    pub(super) waits: Option<String>,
    /// Jobs that Slurm holds back, by number.
    pub(super) held: Vec<String>,
    /// Nothing is in the queue any more.
    pub(super) is_over: bool,
}

impl Queue {
    /// Slurm's commands, if they are here.
    pub(super) fn here() -> Result<Self, Failure> {
        match Command::new("sbatch").arg("--version").stdout(Stdio::null()).status() {
            Ok(status) if status.success() => Ok(Self(())),
            _ => Err(Failure::Cannot(
                "Slurm's command sbatch is not here, or does not work; without Slurm, leave out \
                 --slurm, or run parts with --shard"
                    .into(),
            )),
        }
    }

    /// The most tasks that an array job may have.
    pub(super) fn array_max(&self) -> u64 {
        let config = run("scontrol", &["show", "config"]).unwrap_or_default();
        let line = config.lines().find(|line| line.starts_with("MaxArraySize"));
        let size = line.and_then(|line| line.split('=').nth(1)?.trim().parse::<u64>().ok());
        size.map_or(ARRAY_MAX, |size| size.saturating_sub(1).max(1))
    }

    /// Submits a script; its job's number.
    pub(super) fn submit(
        &self,
        args: &SweepArgs,
        place: &Path,
        script: &Path,
        more: &[String],
    ) -> Result<String, Failure> {
        // Slurm replaces what begins with a percent sign.
        let place = place.display().to_string().replace('%', "%%");
        let mut command = Command::new("sbatch");
        command.args(["--parsable", "--requeue", "--cpus-per-task=1", "--open-mode=append"]);
        command.arg(format!("--output={place}/%x-%A-%a.out"));
        command.args(args.partition.iter().map(|partition| format!("--partition={partition}")));
        command.args(args.time.iter().map(|time| format!("--time={time}")));
        let output = output_of(command.args(more).arg(script)).map_err(Failure::Cannot)?;
        // With several clusters, `job;cluster`.
        let number = output.trim().split(';').next().unwrap_or_default();
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Failure::Cannot(format!("sbatch said no job's number: {}", output.trim())));
        }
        Ok(number.to_owned())
    }

    /// What the queue says of the jobs; `None` when it says nothing, as while Slurm starts anew.
    pub(super) fn state(&self, jobs: &Jobs) -> Option<State> {
        let both = format!("{},{}", jobs.array, jobs.merge);
        match run("squeue", &["--noheader", "--jobs", &both, "--format=%F|%T|%r"]) {
            Ok(lines) => Some(read(&lines)),
            // Slurm forgets jobs that are over.
            Err(message) if message.contains("Invalid job id") => {
                Some(State { is_over: true, ..State::default() })
            }
            Err(_) => None,
        }
    }

    /// Whether one of the jobs is in the queue.
    pub(super) fn is_active(&self, jobs: &Jobs) -> bool {
        self.state(jobs).is_some_and(|state| !state.is_over)
    }

    /// Lets jobs run that Slurm holds back after a crash; it may refuse, which the queue then shows.
    pub(super) fn release(&self, jobs: &[String]) {
        for job in jobs {
            let _ = run("scontrol", &["release", job]);
        }
    }

    /// Cancels jobs; those that are over are none.
    pub(super) fn cancel(&self, jobs: &[&str]) {
        for job in jobs {
            let _ = run("scancel", &[job]);
        }
    }
}

/// Reads `squeue`'s lines: job, state, reason.
fn read(lines: &str) -> State {
    let mut state = State { is_over: true, ..State::default() };
    for line in lines.lines() {
        let mut fields = line.trim().split('|');
        let (Some(job), Some(word), Some(reason)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        state.is_over = false;
        let reason = reason.to_lowercase();
        match word {
            "RUNNING" | "COMPLETING" => state.running += 1,
            _ if reason.contains("held") => {
                if !state.held.iter().any(|held| held == job) {
                    state.held.push(job.to_owned());
                }
                state.waits = Some(reason);
            }
            _ if reason != "dependency" => state.waits = Some(reason),
            _ => {}
        }
    }
    state
}

fn run<S: AsRef<OsStr>>(program: &str, args: &[S]) -> Result<String, String> {
    output_of(Command::new(program).args(args))
}

fn output_of(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot start {program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} failed: {}", message.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_read() {
        let check = |lines: &str, running, waits: Option<&str>, held: &[&str], is_over| {
            let held = held.iter().map(|&job| job.to_owned()).collect();
            let expect = State { running, waits: waits.map(str::to_owned), held, is_over };
            assert_eq!(read(lines), expect, "{lines}");
        };
        check("", 0, None, &[], true);
        check("7|RUNNING|None\n7|RUNNING|None\n8|PENDING|Dependency\n", 2, None, &[], false);
        check("7|PENDING|Resources\n8|PENDING|Dependency\n", 0, Some("resources"), &[], false);
        let held = "7|PENDING|launch failed requeued held\n7|PENDING|launch failed requeued held\n";
        check(held, 0, Some("launch failed requeued held"), &["7"], false);
    }
}
