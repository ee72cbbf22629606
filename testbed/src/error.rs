//! Why a live run is not possible, or broke.

use std::io;

use scenarios::Diagnostic;

/// Why there is no record of a live run.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The scenario is wrong.
    #[error("the scenario has mistakes")]
    Scenario(Vec<Diagnostic>),
    /// This machine or its user cannot: what is missing and how to mend it, a sentence each.
    #[error("{}", .0.join("\n"))]
    Missing(Vec<String>),
    /// The scenario asks for something that only simulated hosts have.
    #[error("{0}")]
    NotLive(String),
    /// A call to the system failed.
    #[error("cannot {action}: {error}")]
    System {
        /// What was to be done.
        action: String,
        /// What the system says.
        error: io::Error,
    },
    /// The user or the system asked for the end (SIGINT, SIGTERM).
    #[error("interrupted; everything that the run had made is removed")]
    Interrupted,
}

/// Says what was being done when a system call failed.
pub(crate) trait Doing<T> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T, LiveError>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T, LiveError> {
        self.map_err(|error| LiveError::System { action: action(), error: error.into() })
    }
}
