//! `option30 sweep` and `option30 merge`.

mod args;
mod local;
mod merge;
mod meter;
mod slurm;

use std::path::{Path, PathBuf};

use sweeps::store::Store;
use sweeps::{Plan, Shard, StoreError};

use crate::Outcome;
use crate::failure::{Failure, print_diagnostics};
use crate::output::Output;

pub(crate) use args::{MERGE_EXAMPLES, MergeArgs, SWEEP_EXAMPLES, SweepArgs};
pub(crate) use merge::merge;

/// Runs a sweep, or a part of it, here or on a cluster.
pub(crate) fn sweep(args: &SweepArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let name = args.file.file_stem().unwrap_or_default();
    let folder = args.out.clone().unwrap_or_else(|| Path::new("results").join(name));
    if args.cancel {
        return slurm::cancel(&folder, output);
    }
    let plan = Plan::read(&args.file).map_err(Failure::Input)?;
    print_diagnostics(&plan.warnings);
    let store = Store::create(&folder, &plan.manifest)?;
    if args.slurm {
        return slurm::sweep(args, &plan, &store, output);
    }
    let shard = args.shard.unwrap_or(Shard::ALL);
    let stored = store.stored(plan.runs(), shard)?;
    if stored.count() > 0 && !args.resume {
        return Err(StoreError::HasRuns { folder, stored: stored.count() }.into());
    }
    local::run(&plan, &store, shard, &stored, args.jobs, output)?;
    if shard == Shard::ALL {
        return merge::merge_and_print(std::slice::from_ref(&folder), &folder, output);
    }
    let folder = folder.display();
    output
        .line(&format!("part {shard} is in {folder}; after all parts: option30 merge {folder}"))?;
    Ok(Outcome::Good)
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Io { .. } => Self::Cannot(error.to_string()),
            _ => Self::Usage(error.to_string()),
        }
    }
}

/// Where the results of a sweep go that has no folder of its own.
fn folder_of(folders: &[PathBuf], out: Option<&PathBuf>) -> PathBuf {
    out.or_else(|| folders.first()).cloned().unwrap_or_default()
}
