//! `option30 live`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reports::{Report, folder};
use testbed::{LiveError, Settings};

use crate::Outcome;
use crate::args::{Format, InputArgs, Lang};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;
use crate::run::{entry, files, index, print, results_folders};
use crate::simulate::{self, Simulated};

pub(crate) const EXAMPLES: &str = "\
Examples:
  option30 live my.ron                 as `run`, with the kernel's MPTCP
  option30 live my.ron --pcap          also what passed every end of every link

Needs Linux with MPTCP, /dev/net/tun and `ip`; root, or user namespaces.
Nothing outside the namespaces that it makes is touched.";

/// `live`.
#[derive(Args, Debug)]
pub(crate) struct LiveArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Results folder, written whole or not at all; with several scenarios a folder in it for each
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Also write what was seen at every end of every link, for Wireshark: captures/*.pcapng
    #[arg(long)]
    pub(crate) pcap: bool,
    /// The kernel sends each segment by itself, as without segmentation offload (slower)
    #[arg(long)]
    pub(crate) no_offload: bool,
    /// Language of verdicts, causes, stories and packet ladders
    #[arg(long, value_enum, default_value_t = Lang::En)]
    pub(crate) lang: Lang,
    /// What to print: a text for people, or summary.json, one line for each scenario
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Runs every scenario with the kernel at its ends.
pub(crate) fn live(args: &LiveArgs, output: &mut Output) -> Result<Outcome, Failure> {
    testbed::acquire();
    let (mut scenarios, mut wrong) = (Vec::new(), Vec::new());
    for input in simulate::read(&args.input)? {
        match input.loaded {
            Ok(mut loaded) => {
                loaded.capture = args.pcap;
                loaded.observe = true;
                loaded.watch = true;
                scenarios.push((input.file, loaded));
            }
            Err(diagnostics) => wrong.extend(diagnostics),
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Input(wrong));
    }
    let folders = results_folders(args.out.as_deref(), &scenarios)?;
    let interrupted = testbed::interrupted().map_err(failure)?;
    let (mut outcome, mut entries) = (Outcome::Good, Vec::new());
    for (k, ((_, loaded), folder)) in scenarios.iter().zip(&folders).enumerate() {
        let progress = Progress::start();
        let longest = loaded.scenario.limit().as_nanos() / 1_000_000_000;
        let doing = format!("{} ({} of {}), live", loaded.name, k + 1, scenarios.len());
        progress.say_within(doing, Duration::from_secs(longest));
        let is_last = k + 1 == scenarios.len();
        let settings = Settings { seed: args.input.seed, offload: !args.no_offload, is_last };
        let run = testbed::run(loaded, settings, &interrupted).map_err(failure)?;
        let simulated = Simulated::of(run);
        let report = Report { language: args.lang.into(), ..simulated.report() };
        folder::write(folder, &files(&report, loaded))?;
        drop(progress);
        if k > 0 && args.format == Format::Text {
            output.line("")?;
        }
        print(output, args.format, &report, folder)?;
        if !simulated.as_expected() {
            outcome = Outcome::ExpectationFailed;
        }
        entries.push(entry(&report, folder));
    }
    index(args.out.as_deref(), &entries, args.format, output)?;
    Ok(outcome)
}

/// What the shell is told of a live run that gave no record.
pub(crate) fn failure(error: LiveError) -> Failure {
    match error {
        LiveError::Scenario(diagnostics) => Failure::Input(diagnostics),
        LiveError::NotLive(message) => Failure::Usage(message),
        LiveError::Interrupted => Failure::Interrupted(error.to_string()),
        other => Failure::Cannot(other.to_string()),
    }
}
