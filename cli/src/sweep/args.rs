//! What a user can say of sweeps.

use std::path::PathBuf;

use clap::Args;
use sweeps::Shard;

pub(crate) const SWEEP_EXAMPLES: &str = "\
Examples:
  option30 sweep loss.ron              all cores; writes results/loss/:
                                       index.html, runs.jsonl, answers/
  option30 sweep loss.ron --resume     goes on after a stop; new questions
                                       to old results
  option30 sweep loss.ron --shard 3/8  one part of eight, on any machine;
                                       then: option30 merge results/loss
  option30 sweep loss.ron --slurm      the same on a Slurm cluster";

pub(crate) const MERGE_EXAMPLES: &str = "\
Examples:
  option30 merge results/loss                   all parts in one folder
  option30 merge part-1 part-2 --out all        parts of several machines";

/// `sweep`.
#[derive(Args, Debug)]
pub(crate) struct SweepArgs {
    /// Sweep file
    pub(crate) file: PathBuf,
    /// Results folder [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Runs at the same time [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) jobs: Option<usize>,
    /// Only part I of N: every N-th run
    #[arg(long, value_name = "I/N", conflicts_with = "slurm")]
    pub(crate) shard: Option<Shard>,
    /// Go on with what is stored; what is stored is not run again
    #[arg(long)]
    pub(crate) resume: bool,
    /// Submit it to Slurm as an array job and a merge that follows
    #[arg(long)]
    pub(crate) slurm: bool,
    /// Slurm partition
    #[arg(long, value_name = "P", requires = "slurm")]
    pub(crate) partition: Option<String>,
    /// Slurm time limit of a task, as sbatch takes it
    #[arg(long, value_name = "T", requires = "slurm")]
    pub(crate) time: Option<String>,
    /// Work for a Slurm task; a task has at least half a minute of it
    #[arg(long, value_name = "MINUTES", requires = "slurm", default_value_t = 10.0, value_parser = minutes)]
    pub(crate) per_task: f64,
    /// Submit to Slurm and do not wait
    #[arg(long, requires = "slurm")]
    pub(crate) no_wait: bool,
    /// Cancel the Slurm jobs of this sweep; what is stored stays
    #[arg(long)]
    pub(crate) cancel: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| "a number from 1 on".to_owned())
}

fn minutes(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|&minutes: &f64| minutes > 0.0 && minutes < 1e6);
    number.ok_or_else(|| "a number of minutes, such as 10 or 0.5".to_owned())
}

/// `merge`.
#[derive(Args, Debug)]
pub(crate) struct MergeArgs {
    /// Results folders of one sweep
    #[arg(required = true, value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
    /// Folder for the data set [default: the first DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}
