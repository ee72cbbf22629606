//! From the paths that a user names to scenarios that were run.

use std::path::PathBuf;

use reports::messages::Language;
use reports::{Expectation, Report};
use scenarios::diagnostic::Diagnostic;
use scenarios::{Loaded, Run};

use crate::args::InputArgs;
use crate::failure::Failure;

/// A scenario file that was read, or what is wrong with it.
pub(crate) struct Input {
    /// The file.
    pub(crate) file: PathBuf,
    /// It holds probes that were kept, which only `check` reads.
    pub(crate) is_probes: bool,
    /// The scenario in it.
    pub(crate) loaded: Result<Loaded, Vec<Diagnostic>>,
}

/// Reads every scenario that the arguments name.
pub(crate) fn read(args: &InputArgs) -> Result<Vec<Input>, Failure> {
    let files = scenarios::discover(&args.paths).map_err(Failure::Input)?;
    Ok(files
        .into_iter()
        .map(|file| {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let is_probes = replay::probe::golden::is_golden(&text);
            Input { loaded: scenarios::load(&file, &args.set), is_probes, file }
        })
        .collect())
}

/// A run, ready to be reported.
pub(crate) struct Simulated {
    run: Run,
    expectations: Vec<Expectation>,
    warnings: Vec<String>,
}

impl Simulated {
    /// Runs a scenario.
    pub(crate) fn new(loaded: &Loaded, seed: Option<u64>) -> Result<Self, Vec<Diagnostic>> {
        Ok(Self::of(loaded.run(seed)?))
    }

    /// A run that was made elsewhere.
    pub(crate) fn of(run: Run) -> Self {
        let expectations = run
            .expectations
            .iter()
            .map(|result| Expectation {
                name: result.name.clone(),
                line: result.line,
                passed: result.passed,
                measured: result.measured.clone(),
                sentence: result.sentence.clone(),
            })
            .collect();
        let warnings = run.warnings.iter().map(one_line).collect();
        Self { run, expectations, warnings }
    }

    /// What there is to report.
    pub(crate) fn report(&self) -> Report<'_> {
        Report {
            record: &self.run.record,
            expectations: &self.expectations,
            warnings: &self.warnings,
            replay: &self.run.replay,
            language: Language::English,
        }
    }

    /// True when everything came out as expected.
    pub(crate) fn as_expected(&self) -> bool {
        self.expectations.iter().all(|expectation| expectation.passed)
    }
}

/// `file:line:column: message (help)`.
fn one_line(diagnostic: &Diagnostic) -> String {
    let place = match diagnostic.line_and_column() {
        Some((line, column)) => format!("{}:{line}:{column}", diagnostic.file),
        None => diagnostic.file.clone(),
    };
    let help = match diagnostic.help.as_slice() {
        [] => String::new(),
        help => format!(" ({})", help.join("; ")),
    };
    format!("{place}: {}{help}", diagnostic.message)
}
