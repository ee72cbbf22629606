//! The runs of a part, on the cores of this machine.

use std::sync::{Mutex, PoisonError};

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use reports::figures::plural;
use sweeps::store::{Store, Stored};
use sweeps::{Plan, Runner, Shard, StoreError};

use super::meter::Meter;
use crate::failure::Failure;
use crate::output::Output;

/// Runs what is not stored yet, and stores it.
pub(super) fn run(
    plan: &Plan,
    store: &Store,
    shard: Shard,
    stored: &Stored,
    jobs: Option<usize>,
    output: &mut Output,
) -> Result<(), Failure> {
    let wanted = |run: &u32| shard.has(u64::from(*run)) && !stored.has(u64::from(*run));
    // A sweep has at most ten million runs.
    let pending: Vec<u32> = (0..plan.runs() as u32).filter(wanted).collect();
    if stored.count() > 0 {
        let (done, left) = (plural(stored.count() as usize, "run"), pending.len());
        output.line(&format!("{done} stored already, {left} to go"))?;
    }
    run_these(plan, store, shard, &pending, jobs)
}

/// Room that stays with the process when a run gives it back, in bytes: more than a run takes.
const KEPT: usize = 16 << 20;

/// Lets the next run have the memory that the last one gave back. The GNU C library returns all but 128 KiB to
/// the system, where threads wait for each other, and the next run asks for it page by page. It keeps twice
/// as much as the largest block that was given back so far (mallopt(3), `M_TRIM_THRESHOLD`): so one is.
fn keep_what_runs_give_back() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT)));
}

/// Runs these and stores them.
pub(super) fn run_these(
    plan: &Plan,
    store: &Store,
    shard: Shard,
    runs: &[u32],
    jobs: Option<usize>,
) -> Result<(), Failure> {
    if runs.is_empty() {
        return Ok(());
    }
    let pool = ThreadPoolBuilder::new()
        .num_threads(jobs.unwrap_or(0))
        .build()
        .map_err(|error| Failure::Cannot(format!("cannot start threads: {error}")))?;
    keep_what_runs_give_back();
    let runner = Runner::new(plan);
    let part = Mutex::new(store.part(shard)?);
    let meter = Meter::start(runs.len() as u64);
    let one = |&run: &u32| -> Result<(), StoreError> {
        let row = runner.row(u64::from(run));
        // The text is made before the file is taken: others write meanwhile.
        let line = row.to_line();
        part.lock().unwrap_or_else(PoisonError::into_inner).append(&line)?;
        meter.done(row.error.is_some());
        Ok(())
    };
    let result = pool.install(|| runs.par_iter().with_max_len(1).try_for_each(one));
    meter.finish();
    result.map_err(Failure::from)
}
