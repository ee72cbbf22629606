//! The `option30` command: reads what the user says, does it, says how it went.

mod args;
mod devices_command;
mod failure;
mod output;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut output = Output::new();
    let result = match &cli.command {
        Command::Devices(args) => devices_command::devices(args, &mut output),
    };
    match result {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
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
}
