//! `option30 check`.

use std::path::Path;

use reports::messages::Language;
use reports::table::{Cell, lines};
use reports::{Expectation, Style, figures, paint, text};
use scenarios::diagnostic::Diagnostic;

use crate::Outcome;
use crate::args::CheckArgs;
use crate::failure::Failure;
use crate::junit;
use crate::output::Output;
use crate::probe_command;
use crate::progress::Progress;
use crate::simulate::{self, Input, Simulated};

/// Before what failed of a scenario.
const INDENT: &str = "        ";

/// How one scenario, or one file of kept probes, came out.
pub(crate) struct Checked {
    /// Name of the scenario's file.
    pub(crate) file: String,
    /// Its expectations, or what is wrong with the file.
    pub(crate) result: Result<Vec<Expectation>, Vec<Diagnostic>>,
    /// The verdicts, in words.
    verdicts: String,
    is_probes: bool,
}

/// Checks every scenario, a bad file as an error among them; one line for each, and what failed.
pub(crate) fn check(args: &CheckArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let inputs = simulate::read(&args.input)?;
    let progress = Progress::start();
    let count = inputs.len();
    let mut checked = Vec::with_capacity(count);
    for (k, input) in inputs.into_iter().enumerate() {
        progress.say(format!("{} ({} of {count})", input.file.display(), k + 1));
        checked.push(match input.is_probes {
            true => check_probes(&input.file, args.update),
            false => check_one(input, args.input.seed),
        });
    }
    drop(progress);
    if let Some(path) = &args.junit {
        std::fs::write(path, junit::xml(&checked)).map_err(|e| Failure::io("write", path, &e))?;
    }
    output.print(&render(&checked, output.width()))?;
    let wrong: Vec<Diagnostic> =
        checked.iter().filter_map(|c| c.result.as_ref().err()).flatten().cloned().collect();
    if !wrong.is_empty() {
        return Err(Failure::Input(wrong));
    }
    let as_expected = checked.iter().all(Checked::passed);
    Ok(if as_expected { Outcome::Good } else { Outcome::ExpectationFailed })
}

fn check_one(input: Input, seed: Option<u64>) -> Checked {
    let simulated = input.loaded.and_then(|loaded| Simulated::new(&loaded, seed));
    let verdicts = simulated.as_ref().map(verdicts).unwrap_or_default();
    let result = simulated.map(|simulated| simulated.report().expectations.to_vec());
    Checked { file: input.file.display().to_string(), result, verdicts, is_probes: false }
}

/// A file of kept probes.
fn check_probes(file: &Path, update: bool) -> Checked {
    let checked = probe_command::check(file, update);
    let verdicts = checked.as_ref().map(|(_, words)| words.clone()).unwrap_or_default();
    let result = checked.map(|(expectations, _)| expectations);
    Checked { file: file.display().to_string(), result, verdicts, is_probes: true }
}

fn verdicts(simulated: &Simulated) -> String {
    let connections = &simulated.report().record.connections;
    match connections.as_slice() {
        [one] => text::verdict(one, Language::English).0,
        many => {
            let of = |word| many.iter().filter(|c| c.outcome.verdict.word() == word).count();
            let counts = ["mptcp", "fallback", "failed"].map(|word| (of(word), word));
            let counts = counts.iter().filter(|(n, _)| *n > 0);
            counts.map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(", ")
        }
    }
}

impl Checked {
    #[cfg(test)]
    pub(crate) fn for_test(file: &str, result: Result<Vec<Expectation>, Vec<Diagnostic>>) -> Self {
        Self { file: file.into(), result, verdicts: String::new(), is_probes: false }
    }

    fn passed(&self) -> bool {
        self.result.as_ref().is_ok_and(|all| all.iter().all(|expectation| expectation.passed))
    }

    fn row(&self) -> Vec<Cell> {
        let (word, style, note) = match &self.result {
            Err(_) => ("ERROR", Style::Bad, "the file is wrong, see below".into()),
            Ok(all) if all.is_empty() => ("ok", Style::Fair, "nothing expected".into()),
            Ok(all) => {
                let met = all.iter().filter(|expectation| expectation.passed).count();
                let note = format!("{met} of {} met", all.len());
                if self.passed() { ("ok", Style::Good, note) } else { ("FAILED", Style::Bad, note) }
            }
        };
        vec![
            Cell::left(word).style(style),
            Cell::left(figures::printable(&self.file)),
            Cell::left(self.verdicts.clone()),
            Cell::left(note).style(Style::Faint),
        ]
    }
}

fn render(checked: &[Checked], width: usize) -> String {
    let rows: Vec<Vec<Cell>> = checked.iter().map(Checked::row).collect();
    let mut out = String::new();
    for (line, scenario) in lines(&rows).into_iter().zip(checked) {
        out.push_str(&line);
        out.push('\n');
        let all = scenario.result.as_deref().unwrap_or_default();
        let failed: Vec<Expectation> =
            all.iter().filter(|expectation| !expectation.passed).cloned().collect();
        for line in text::expectation_lines(&failed, width.saturating_sub(INDENT.len())) {
            out.push_str(&format!("{INDENT}{line}\n"));
        }
    }
    out.push_str(&summary(checked));
    out
}

fn summary(checked: &[Checked]) -> String {
    let met = checked.iter().filter(|scenario| scenario.passed()).count();
    let errors = checked.iter().filter(|scenario| scenario.result.is_err()).count();
    let failed = checked.len() - met - errors;
    let mut parts = vec![format!("{met} ok")];
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    if errors > 0 {
        parts.push(format!("{errors} not readable"));
    }
    let style = if failed + errors == 0 { Style::Good } else { Style::Bad };
    let what = if checked.iter().any(|one| one.is_probes) { "file" } else { "scenario" };
    format!("\n{}: {}\n", figures::plural(checked.len(), what), paint(style, &parts.join(", ")))
}
