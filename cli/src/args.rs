//! What a user can say on the command line.

use clap::{Args, Parser, Subcommand};

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

const TOP_EXAMPLES: &str = "\
Examples:
  option30 devices asa                                 what an ASA does to MPTCP, and its source

Exit codes: 0 good; 2 bad input; 3 it cannot be done here.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The catalogue of device models: what each does to MPTCP, its defaults, its configuration
    #[command(after_help = DEVICES_EXAMPLES)]
    Devices(DevicesArgs),
}

const DEVICES_EXAMPLES: &str = "\
Examples:
  option30 devices           all models, a few lines each
  option30 devices asa       one model: defaults, settings, configuration, sources";

/// `devices`.
#[derive(Args, Debug)]
pub(crate) struct DevicesArgs {
    /// Only this model, in full
    pub(crate) model: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
