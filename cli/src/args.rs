//! What a user can say on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use reports::messages::Language;

/// A simulator of Multipath TCP (TCP option 30) through the boxes that stand in its way.
///
/// A scenario file says what the network is, which devices stand in it, who talks to whom and what is
/// expected. option30 runs it packet by packet and says whether MPTCP worked, fell back to plain TCP
/// or failed, which packet, device and configuration line was the cause, and what each path gave.
#[derive(Debug, Parser)]
#[command(name = "option30", version, after_help = TOP_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

// Lines of at most 80 columns: a narrower terminal would break them.
const TOP_EXAMPLES: &str = "\
Examples:
  option30 new my-network              a commented scenario to start from
  option30 run my-network.ron          verdicts, causes, figures and charts
  option30 check scenarios/catalogue   every scenario's expectations
  option30 config firewall.cfg         what a configuration does to MPTCP
  option30 sweep my-sweep.ron          many runs: seeds, devices, parameters
  option30 compare a.ron b.ron         what differs between two runs
  option30 devices asa                 what an ASA does to MPTCP; its sources

Exit codes: 0 good; 1 an expectation failed; 2 bad input; 3 it cannot be done here.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run scenarios: verdicts with their causes, figures, charts and tables
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Run scenarios, and probes that were kept, and say for each whether it came out as expected
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// What a device's configuration does to MPTCP, line by line, without a scenario
    #[command(after_help = CONFIG_EXAMPLES)]
    Config(ConfigArgs),
    /// Run a scenario with this machine's kernel: real Linux MPTCP sockets behind the same devices
    #[command(after_help = crate::live::EXAMPLES)]
    Live(crate::live::LiveArgs),
    /// Run a sweep: many runs of a scenario, over axes and seeds; charts, tables, a data set
    #[command(after_help = crate::sweep::SWEEP_EXAMPLES)]
    Sweep(crate::sweep::SweepArgs),
    /// Merge the stored runs of a sweep: one data set, its charts and its page
    #[command(after_help = crate::sweep::MERGE_EXAMPLES)]
    Merge(crate::sweep::MergeArgs),
    /// The story of each connection: which packet, which box, which configuration line, and what can be
    /// done
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Two runs side by side, differences first: scenarios, results folders, or simulated and live
    #[command(after_help = crate::compare::EXAMPLES)]
    Compare(crate::compare::CompareArgs),
    /// Pass a capture through a device model: what becomes of each connection, and what comes out
    #[command(after_help = crate::replay_command::EXAMPLES)]
    Replay(crate::replay_command::ReplayArgs),
    /// Hold a model against a real box: captures from both of its sides, packet by packet
    #[command(after_help = crate::conform_command::EXAMPLES)]
    Conform(crate::conform_command::ConformArgs),
    /// Pass the probe suite through a device: what it does to every kind of handshake, option, segment
    #[command(after_help = crate::probe_command::EXAMPLES)]
    Probe(crate::probe_command::ProbeArgs),
    /// The catalogue of device models: what each does to MPTCP, its defaults, its configuration
    #[command(after_help = DEVICES_EXAMPLES)]
    Devices(DevicesArgs),
    /// Write a commented scenario to start from
    #[command(after_help = NEW_EXAMPLES)]
    New(NewArgs),
}

const RUN_EXAMPLES: &str = "\
Examples:
  option30 run my.ron                  writes results/my/: report.html to look at,
                                       summary.json, series.csv, charts
  option30 run my.ron --seed 7         the same network, other luck
  option30 run my.ron --lang ja        verdicts, causes and stories in Japanese
  option30 run my.ron --pcap           also results/my/captures/*.pcapng
  option30 run scenarios/catalogue     every scenario of a folder, and index.html
  option30 run my.ron --set 'topology.paths.dsl.rate=6 Mbps' --out faster
  option30 run my.ron --format json | jq '.connections[].verdict'";

const CHECK_EXAMPLES: &str = "\
Examples:
  option30 check my.ron
  option30 check scenarios/catalogue --junit report.xml      for a CI server
  option30 check probes                what `option30 probe --out` kept
  option30 check probes --update       keep what the devices do now";

const CONFIG_EXAMPLES: &str = "\
Examples:
  option30 config firewall.cfg         pass, strip, drop, terminate or unknown,
                                       for each class of traffic, and why
  option30 config *.cfg --format json | jq '.files[].verdicts[].verdict'
  option30 config pasted.txt --platform asa";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  option30 explain my.ron                     what happened, and what can be done
  option30 explain my.ron --lang ja           the same in Japanese
  option30 explain my.ron --ladder            also every packet that tells, as a ladder
  option30 explain my.ron --connection video  one of several connections";

const DEVICES_EXAMPLES: &str = "\
Examples:
  option30 devices         all models, a few lines each
  option30 devices asa     one model: defaults, settings, configuration, sources";

const NEW_EXAMPLES: &str = "\
Examples:
  option30 new my-network && option30 run my-network.ron";

/// `run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Results folder, written whole or not at all; with several scenarios a folder in it for each
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Also write what was seen at every end of every link, for Wireshark: captures/*.pcapng
    #[arg(long)]
    pub(crate) pcap: bool,
    /// Language of verdicts, causes, stories and packet ladders
    #[arg(long, value_enum, default_value_t = Lang::En)]
    pub(crate) lang: Lang,
    /// What to print: a text for people, or summary.json, one line for each scenario
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// `check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Also write a JUnit XML report, a test suite for each scenario
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write files of kept probes anew, with what their devices do now
    #[arg(long)]
    pub(crate) update: bool,
}

/// `explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Only this connection (the name of the traffic in the scenario)
    #[arg(long, value_name = "NAME")]
    pub(crate) connection: Option<String>,
    /// Language of the story
    #[arg(long, value_enum, default_value_t = Lang::En)]
    pub(crate) lang: Lang,
    /// Also draw the packets that tell, with their options, between hosts and devices
    #[arg(long)]
    pub(crate) ladder: bool,
    /// What to print: a text for people, or JSON, one line for each scenario
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Language of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// English.
    En,
    /// Japanese.
    Ja,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::English,
            Lang::Ja => Self::Japanese,
        }
    }
}

/// What commands read that run scenarios.
#[derive(Args, Debug)]
pub(crate) struct InputArgs {
    /// Scenario files, or folders of them (*.ron)
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// Seed of every random choice, in place of the scenario's
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Change a value of the scenario, written as in the file; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// `config`.
#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    /// Configurations, as `show running-config` prints them or as they are pasted
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The operating system, where the text does not show it: asa, ios, ace, …
    #[arg(long, value_name = "P")]
    pub(crate) platform: Option<String>,
    /// What to print: a text for people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// `devices`.
#[derive(Args, Debug)]
pub(crate) struct DevicesArgs {
    /// Only this model, in full
    pub(crate) model: Option<String>,
}

/// `new`.
#[derive(Args, Debug)]
pub(crate) struct NewArgs {
    /// Name of the scenario; NAME.ron is written, and never overwritten
    pub(crate) name: PathBuf,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
