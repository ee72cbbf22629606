//! One run of a plan: its row.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use reports::sweep::{Context, Row};
use scenarios::{Diagnostic, Loaded, Severity};
use sha2::{Digest, Sha256};
use sim_core::time::SimDuration;

use crate::catch::catch;
use crate::plan::{Job, Plan};

/// Scenarios that are kept ready: those of the points that are being run.
const READY_MAX: usize = 32;

/// Runs jobs of a plan, from any number of threads.
#[derive(Debug)]
pub struct Runner<'p> {
    plan: &'p Plan,
    /// Loaded scenarios with their hashes, the latest used last.
    ready: Mutex<Vec<Arc<Ready>>>,
}

#[derive(Debug)]
struct Ready {
    scenario: std::path::PathBuf,
    settings: Vec<String>,
    loaded: Loaded,
    hash: String,
}

impl<'p> Runner<'p> {
    /// For a plan.
    #[must_use]
    pub const fn new(plan: &'p Plan) -> Self {
        Self { plan, ready: Mutex::new(Vec::new()) }
    }

    /// The row of a run. It follows from the plan and the number alone.
    #[must_use]
    pub fn row(&self, run: u64) -> Row {
        let job = match self.plan.job(run) {
            Ok(job) => job,
            Err((job, error)) => return Row::of_error(self.context(job, String::new()), error),
        };
        let ready = match self.ready(&job) {
            Ok(ready) => ready,
            Err(faults) => {
                return Row::of_error(self.context(job, String::new()), in_lines(&faults));
            }
        };
        let seed = job.seed;
        let context = self.context(job, ready.hash.clone());
        match catch(|| ready.loaded.run(Some(seed))) {
            Ok(Ok(run)) => {
                let expects = !run.expectations.is_empty();
                Row::of_record(context, &run.record, expects.then(|| run.passed()))
            }
            Ok(Err(faults)) => Row::of_error(context, in_lines(&faults)),
            Err(panic) => Row::of_error(context, panic),
        }
    }

    fn context(&self, job: Job, scenario: String) -> Context {
        Context {
            replay: scenarios::replay(&job.scenario, &job.settings, job.seed),
            run: job.run,
            point: job.point,
            seed: job.seed,
            values: job.values,
            scenario,
            window: self.plan.window,
            series: self.plan.series.is_some(),
        }
    }

    /// The scenario of a job, read; runs of one point share it.
    fn ready(&self, job: &Job) -> Result<Arc<Ready>, Vec<Diagnostic>> {
        let same =
            |ready: &Arc<Ready>| ready.settings == job.settings && ready.scenario == job.scenario;
        {
            let mut all = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = all.iter().rposition(same) {
                let found = all.remove(at);
                all.push(Arc::clone(&found));
                return Ok(found);
            }
        }
        let ready = Arc::new(self.plan.load(&job.scenario, &job.settings)?);
        let mut all = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == READY_MAX {
            all.remove(0);
        }
        all.push(Arc::clone(&ready));
        Ok(ready)
    }
}

impl Plan {
    fn load(&self, scenario: &Path, settings: &[String]) -> Result<Ready, Vec<Diagnostic>> {
        let Some(base) = self.bases.get(scenario) else {
            let file = scenario.display().to_string();
            return Err(vec![Diagnostic::of_file(&file, "this scenario is not in the plan")]);
        };
        let mut loaded = base.with(settings)?;
        loaded.sample_interval = Some(self.sample_interval());
        let hash = fingerprint(&loaded);
        Ok(Ready { scenario: scenario.to_owned(), settings: settings.to_vec(), loaded, hash })
    }

    /// What is measured over time, only where somebody asks for it.
    fn sample_interval(&self) -> SimDuration {
        /// Resolution of a window's ends.
        const WINDOW: SimDuration = SimDuration::from_millis(100);
        const NOBODY_ASKS: SimDuration = SimDuration::from_secs(10);
        let of_window = self.window.map(|_| WINDOW);
        self.series.or(of_window).unwrap_or(NOBODY_ASKS)
    }
}

/// Hash of a scenario's text with its settings, and of the configurations of its devices.
pub(crate) fn fingerprint(loaded: &Loaded) -> String {
    let mut hash = Sha256::new();
    add(&mut hash, loaded.text());
    for (device, text) in loaded.configurations() {
        add(&mut hash, device);
        add(&mut hash, text);
    }
    in_hex(hash)
}

/// Adds a text to a hash so that where it ends is part of it.
pub(crate) fn add(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
}

/// The first 64 bits, which tell as many scenarios apart as anybody has.
pub(crate) fn in_hex(hash: Sha256) -> String {
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The errors, a line each.
fn in_lines(faults: &[Diagnostic]) -> String {
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error);
    let line = |fault: &Diagnostic| match &fault.place {
        Some((text, span)) => {
            let marked = text.get(span.clone()).unwrap_or_default();
            let marked = marked.lines().next().unwrap_or_default();
            format!("{} ({}: {marked})", fault.message, fault.file)
        }
        None => format!("{} ({})", fault.message, fault.file),
    };
    errors.map(line).collect::<Vec<_>>().join("\n")
}
