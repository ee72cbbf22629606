//! Why a command could not do its work, and what the shell is told.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use reports::folder::FolderError;
use scenarios::diagnostic::Diagnostic;

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something is wrong with the input (2).
    Input(Vec<Diagnostic>),
    /// The same, without a place in a file (2).
    Usage(String),
    /// The input is good, but it cannot be done here (3).
    Cannot(String),
    /// A signal ended a live run, after which all was put away: the shell is told that it was that signal.
    Interrupted(String),
}

impl Failure {
    /// The operating system refused.
    pub(crate) fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        Self::Cannot(format!("cannot {action} {}: {error}", path.display()))
    }

    /// Says on standard error what is wrong.
    pub(crate) fn report(&self) {
        match self {
            Self::Input(diagnostics) => print_diagnostics(diagnostics),
            Self::Usage(message) | Self::Cannot(message) | Self::Interrupted(message) => {
                let error = reports::paint(reports::Style::Bad, "error");
                anstream::eprintln!("{error}: {message}");
            }
        }
    }

    /// What the shell is told.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) | Self::Usage(_) => ExitCode::from(2),
            Self::Cannot(_) => ExitCode::from(3),
            Self::Interrupted(_) => {
                testbed::end_as_interrupted();
                ExitCode::from(3)
            }
        }
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::NotOurs { .. } => Self::Usage(error.to_string()),
            FolderError::Io { .. } => Self::Cannot(error.to_string()),
        }
    }
}

/// Prints what is wrong with files, a blank line between, on standard error.
pub(crate) fn print_diagnostics(diagnostics: &[Diagnostic]) {
    // Snippets in colour use other characters too, so they are made for what they go to.
    let coloured = io::stderr().is_terminal();
    for diagnostic in diagnostics {
        anstream::eprintln!("{}\n", diagnostic.render(coloured));
    }
}
