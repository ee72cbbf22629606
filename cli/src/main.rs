//! The `option30` command: reads what the user says, runs scenarios, prints and writes what came out.

mod args;
mod check;
mod compare;
mod compare_live;
mod config_command;
mod conform_command;
mod devices_command;
mod explain;
mod failure;
mod fit_text;
mod junit;
mod live;
mod new;
mod output;
mod probe_command;
mod progress;
mod replay_command;
mod run;
mod simulate;
mod sweep;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut output = Output::new();
    let result = match &cli.command {
        Command::Run(args) => run::run(args, &mut output),
        Command::Check(args) => check::check(args, &mut output),
        Command::Config(args) => config_command::config(args, &mut output),
        Command::Compare(args) => compare::compare(args, &mut output),
        Command::Live(args) => live::live(args, &mut output),
        Command::Explain(args) => explain::explain(args, &mut output),
        Command::Sweep(args) => sweep::sweep(args, &mut output),
        Command::Merge(args) => sweep::merge(args, &mut output),
        Command::Replay(args) => replay_command::replay_capture(args, &mut output),
        Command::Conform(args) => conform_command::conform_captures(args, &mut output),
        Command::Probe(args) => probe_command::probe(args, &mut output),
        Command::Devices(args) => devices_command::devices(args, &mut output),
        Command::New(args) => new::new(args, &mut output),
    };
    match result {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::ExpectationFailed) => ExitCode::from(1),
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

/// How a command that could do its work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// As wanted.
    Good,
    /// A scenario did not come out as its file expects.
    ExpectationFailed,
}
