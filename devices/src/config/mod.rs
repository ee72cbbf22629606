//! Configuration text, as an engineer pastes it: lines, then words with columns, then each
//! product's own grammar, a `match` on slices of words.
//!
//! What a model covers is read and checked, what it does not cover is skipped knowingly, and what is
//! broken or names something undefined is said with its line ([`ConfigDiagnostic`]).

use std::borrow::Cow;

pub mod access_list;
pub mod blocks;
pub(crate) mod crypto;
pub mod decode;
pub mod diagnostic;
#[cfg(test)]
mod fuzz;
pub mod group;
mod keywords;
pub mod lines;
pub(crate) mod management_plane;
pub mod objects;
pub(crate) mod reachability;
pub(crate) mod route_map;
pub(crate) mod time_ranges;
pub mod words;

pub use decode::decode;
pub(crate) use diagnostic::quoted;
pub use diagnostic::{ConfigDiagnostic, Diagnostics, Severity};
pub use lines::{Line, lines};
pub(crate) use lines::{has_tags, is_tag};

/// A device's configuration.
#[derive(Clone, Copy, Debug)]
pub struct ConfigText<'a> {
    /// The file, as the scenario names it; rules and diagnostics repeat this name.
    pub file: &'a str,
    /// Its content.
    pub text: &'a str,
    /// Its lines, where they are read already.
    lines: Option<&'a [Line<'a>]>,
}

impl<'a> ConfigText<'a> {
    /// The text of a file.
    #[must_use]
    pub const fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, lines: None }
    }

    /// The same text with its lines, so that whoever reads it does not split it again.
    #[must_use]
    pub(crate) const fn with_lines<'l>(self, lines: &'l [Line<'l>]) -> ConfigText<'l>
    where
        'a: 'l,
    {
        ConfigText { file: self.file, text: self.text, lines: Some(lines) }
    }

    /// Its lines that say something.
    #[must_use]
    pub fn lines(&self) -> Cow<'a, [Line<'a>]> {
        self.lines.map_or_else(|| Cow::Owned(lines(self.text)), Cow::Borrowed)
    }

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
