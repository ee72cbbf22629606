//! Waiting for Slurm: how many runs are stored, what the queue says, what came out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use reports::figures::count;
use sweeps::store::Store;
use sweeps::{Plan, Shard};

use super::super::merge;
use super::super::meter::Meter;
use super::Jobs;
use super::queue::Queue;
use crate::Outcome;
use crate::failure::Failure;
use crate::output::Output;
use crate::sweep::SweepArgs;

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Slurm that says nothing for so many looks is told to the user.
const SILENCE: u32 = 10;

/// Shows how far the jobs are until they are over, unless nobody wants to wait.
pub(super) fn watch(
    args: &SweepArgs,
    plan: &Plan,
    store: &Store,
    queue: &Queue,
    jobs: &Jobs,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let (file, folder) = (args.file.display(), store.folder());
    if args.no_wait {
        output.line(&format!("see how far it is: option30 sweep {file} --slurm --resume"))?;
        return Ok(Outcome::Good);
    }
    output.line("waiting for Slurm; the jobs go on when this is stopped")?;
    let meter = Meter::start(plan.runs());
    let mut lines = Lines::default();
    let mut silent = 0;
    loop {
        meter.set(lines.count(store)?.min(plan.runs()));
        match queue.state(jobs) {
            Some(state) if state.is_over => break,
            Some(state) => {
                silent = 0;
                queue.release(&state.held);
                let waits = state.waits.map(|why| format!(", waiting: {why}")).unwrap_or_default();
                meter.say(format!("{} running{waits}", state.running));
            }
            None => {
                silent += 1;
                if silent >= SILENCE {
                    meter.say("Slurm does not answer".into());
                }
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
    meter.finish();
    let stored = store.stored(plan.runs(), Shard::ALL)?;
    let missing = plan.runs() - stored.count();
    if missing > 0 {
        return Err(Failure::Cannot(format!(
            "{} of {} runs are missing: tasks failed or were cancelled (see {}/slurm/*.out); go on \
             with: option30 sweep {file} --slurm --resume",
            count(missing),
            count(plan.runs()),
            folder.display()
        )));
    }
    merge::merge_and_print(&[folder.to_owned()], folder, output)
}

/// Counts the lines of files that grow, each byte once.
#[derive(Default)]
struct Lines {
    read: BTreeMap<PathBuf, u64>,
    lines: u64,
}

impl Lines {
    fn count(&mut self, store: &Store) -> Result<u64, Failure> {
        for path in store.files(Shard::ALL)? {
            let io = |error| Failure::io("read", &path, &error);
            let read = self.read.entry(path.clone()).or_insert(0);
            let mut file = File::open(&path).map_err(io)?;
            file.seek(SeekFrom::Start(*read)).map_err(io)?;
            let mut buffer = vec![0; 1 << 16];
            loop {
                let length = file.read(&mut buffer).map_err(io)?;
                if length == 0 {
                    break;
                }
                *read += length as u64;
                let new = buffer[..length].iter().filter(|byte| **byte == b'\n').count();
                self.lines += new as u64;
            }
        }
        Ok(self.lines)
    }
}
