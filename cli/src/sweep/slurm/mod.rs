//! A sweep as a Slurm array job and a merge that follows.
//!
//! A task is a part of the sweep (`--shard I/N --resume`), so it may run twice or be killed: what is
//! stored is right all the same. Whatever is missing in the end, `--slurm --resume` submits again.

mod queue;
mod scripts;
mod watch;

use std::fs;
use std::path::Path;

use reports::figures::{count, plural};
use serde::{Deserialize, Serialize};
use sweeps::store::{Store, Stored};
use sweeps::{Plan, Shard, StoreError};

use self::queue::Queue;
use super::{local, merge, meter};
use crate::Outcome;
use crate::failure::Failure;
use crate::output::Output;
use crate::sweep::SweepArgs;

/// Folder of scripts, logs and job numbers in a results folder.
const FOLDER: &str = "slurm";
/// A task costs Slurm about half a second to start, and people a line in their queue.
const TASK_LEAST_S: f64 = 30.0;
/// Runs that are timed before the sweep is divided.
const TIMED_RUNS: usize = 12;

/// What was submitted: `slurm/jobs.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Jobs {
    /// Number of the array job.
    array: String,
    /// Number of the merge.
    merge: String,
    /// Number of tasks.
    tasks: u64,
}

impl Jobs {
    fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(FOLDER).join("jobs.json")).ok()?).ok()
    }

    fn write(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(FOLDER).join("jobs.json");
        let json = serde_json::to_vec_pretty(self).unwrap_or_default();
        fs::write(&path, json).map_err(|error| Failure::io("write", &path, &error))
    }
}

/// Submits what is missing, or watches what was submitted before.
pub(super) fn sweep(
    args: &SweepArgs,
    plan: &Plan,
    store: &Store,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let queue = Queue::here()?;
    let folder = store.folder();
    if let Some(jobs) = Jobs::read(folder).filter(|jobs| queue.is_active(jobs)) {
        if !args.resume {
            return Err(Failure::Usage(format!(
                "the jobs {} and {} of this sweep are in Slurm's queue: watch them with --slurm \
                 --resume, or cancel them with --cancel",
                jobs.array, jobs.merge
            )));
        }
        output.line(&format!("the jobs {} and {} go on", jobs.array, jobs.merge))?;
        return watch::watch(args, plan, store, &queue, &jobs, output);
    }
    let mut stored = store.stored(plan.runs(), Shard::ALL)?;
    if stored.count() > 0 && !args.resume {
        let (folder, stored) = (folder.to_owned(), stored.count());
        return Err(StoreError::HasRuns { folder, stored }.into());
    }
    if stored.count() < plan.runs() {
        let run_s = timed(plan, store, &stored)?;
        stored = store.stored(plan.runs(), Shard::ALL)?;
        let left = plan.runs() - stored.count();
        if left > 0 {
            let tasks = tasks(left, run_s, args.per_task * 60.0, queue.array_max());
            let jobs = submit(args, store, &queue, tasks)?;
            output.line(&format!(
                "{} to go at {run_s:.3} s each: {} of about {:.0} s, array job {}, merge {}",
                plural(left as usize, "run"),
                plural(tasks as usize, "task"),
                left as f64 * run_s / tasks as f64,
                jobs.array,
                jobs.merge
            ))?;
            return watch::watch(args, plan, store, &queue, &jobs, output);
        }
    }
    output.line(&format!("all {} runs are stored", count(plan.runs())))?;
    merge::merge_and_print(&[folder.to_owned()], folder, output)
}

/// Seconds that a run takes here, on one core: some runs from all over the sweep, which are stored.
fn timed(plan: &Plan, store: &Store, stored: &Stored) -> Result<f64, Failure> {
    let pending: Vec<u32> =
        (0..plan.runs() as u32).filter(|&run| !stored.has(u64::from(run))).collect();
    let chosen: Vec<u32> =
        pending.iter().copied().step_by(pending.len().div_ceil(TIMED_RUNS).max(1)).collect();
    let started = meter::now();
    local::run_these(plan, store, Shard::ALL, &chosen, Some(1))?;
    Ok(started.elapsed().as_secs_f64() / chosen.len().max(1) as f64)
}

/// How many tasks: each of about `task_s` seconds, but never less than [`TASK_LEAST_S`].
fn tasks(runs: u64, run_s: f64, task_s: f64, most: u64) -> u64 {
    let work_s = runs as f64 * run_s;
    let wanted = (work_s / task_s.max(TASK_LEAST_S)).ceil() as u64;
    let long_enough = (work_s / TASK_LEAST_S).floor() as u64;
    wanted.min(long_enough).min(most).min(runs).max(1)
}

fn submit(args: &SweepArgs, store: &Store, queue: &Queue, tasks: u64) -> Result<Jobs, Failure> {
    let folder = store.folder();
    let place = folder.join(FOLDER);
    fs::create_dir_all(&place).map_err(|error| Failure::io("create", &place, &error))?;
    let scripts = scripts::write(&args.file, folder, &place, tasks)?;
    let array = queue.submit(args, &place, &scripts.task, &[format!("--array=1-{tasks}")])?;
    // Also after tasks that failed: what is there is worth a look, and what is missing is said.
    let after = format!("--dependency=afterany:{array}");
    let merge = queue.submit(args, &place, &scripts.merge, &[after]);
    let merge = merge.inspect_err(|_| queue.cancel(&[&array]))?;
    let jobs = Jobs { array, merge, tasks };
    jobs.write(folder)?;
    Ok(jobs)
}

/// Cancels what was submitted.
pub(super) fn cancel(folder: &Path, output: &mut Output) -> Result<Outcome, Failure> {
    let Some(jobs) = Jobs::read(folder) else {
        let folder = folder.display();
        return Err(Failure::Usage(format!("no Slurm job was submitted for {folder}")));
    };
    Queue::here()?.cancel(&[&jobs.array, &jobs.merge]);
    output.line(&format!(
        "cancelled the jobs {} and {}; what is stored stays: go on with --slurm --resume",
        jobs.array, jobs.merge
    ))?;
    Ok(Outcome::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_worth_their_start() {
        for (runs, run_s, task_s, most, expect) in [
            (10_000, 0.013, 600.0, 1000, 1),
            (1_000_000, 0.013, 600.0, 1000, 22),
            (1_000_000, 0.013, 1.0, 1000, 433),
            (1_000_000, 0.013, 60.0, 100, 100),
            (100, 0.001, 600.0, 1000, 1),
            (3, 600.0, 60.0, 1000, 3),
        ] {
            assert_eq!(tasks(runs, run_s, task_s, most), expect, "{runs} {run_s} {task_s}");
        }
    }
}
