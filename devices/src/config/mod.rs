//! Configuration text, as an engineer pastes it: lines, then words with columns, then each
//! product's own grammar, a `match` on slices of words.
//!
//! What a model covers is read and checked, what it does not cover is skipped knowingly, and what is
//! broken or names something undefined is said with its line ([`ConfigDiagnostic`]).

pub mod access_list;
pub mod blocks;
pub mod decode;
pub mod diagnostic;
#[cfg(test)]
mod fuzz;
pub mod group;
pub mod lines;
pub mod objects;
pub mod words;

pub use decode::decode;
pub(crate) use diagnostic::quoted;
pub use diagnostic::{ConfigDiagnostic, Diagnostics, Severity};
pub use lines::{Line, lines};

/// A device's configuration.
#[derive(Clone, Copy, Debug)]
pub struct ConfigText<'a> {
    /// The file, as the scenario names it; rules and diagnostics repeat this name.
    pub file: &'a str,
    /// Its content.
    pub text: &'a str,
}

impl ConfigText<'_> {
    /// The place of a line, for rules and explanations.
    #[must_use]
    pub fn place(&self, line: &Line<'_>) -> sim_core::engine::device::ConfigLine {
        sim_core::engine::device::ConfigLine {
            file: self.file.to_owned(),
            line: line.number,
            text: line.text().to_owned(),
        }
    }
}
