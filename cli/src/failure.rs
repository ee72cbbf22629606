//! Why a command could not do its work, and what the shell is told.

use std::process::ExitCode;

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the user asked for makes no sense (2).
    Usage(String),
    /// The input is good, but it cannot be done here (3).
    Cannot(String),
}

impl Failure {
    /// Says on standard error what is wrong.
    pub(crate) fn report(&self) {
        match self {
            Self::Usage(message) | Self::Cannot(message) => {
                let error = reports::paint(reports::Style::Bad, "error");
                anstream::eprintln!("{error}: {message}");
            }
        }
    }

    /// What the shell is told.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Cannot(_) => ExitCode::from(3),
        }
    }
}
