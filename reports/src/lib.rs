//! What a run left behind, for people and for scripts: `summary.json`, `series.csv`, the text that a
//! terminal shows, charts, and the folder that holds them.
//!
//! This crate reads the record of a run ([`sim_core::record`]) and never runs anything. The same
//! record gives the same bytes.

pub mod captures;
pub mod chart;
pub mod compare;
pub mod explain;
pub mod figures;
pub mod folder;
pub mod ladder;
pub mod messages;
pub mod operator;
pub mod page;
pub mod series;
pub mod shortfall;
pub mod sightings;
pub mod style;
pub mod summary;
pub mod sweep;
pub mod table;
pub mod text;
pub mod wrap;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod golden;

use sim_core::record::{ConnectionRecord, RunRecord};

pub use style::{Style, paint};

/// Everything that is reported of one run.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What happened.
    pub record: &'a RunRecord,
    /// What the scenario expected, and whether it came so.
    pub expectations: &'a [Expectation],
    /// What a user should check before trusting the result, a line each: the devices' warnings about
    /// their configurations among it.
    pub warnings: &'a [String],
    /// The command line that gives this run again.
    pub replay: &'a str,
    /// The language of verdicts, causes, stories and ladders; headings, figures and what machines read are
    /// in English.
    pub language: messages::Language,
}

/// One expectation of a scenario, after the run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Expectation {
    /// What kind of expectation, about what: `Goodput video`.
    pub name: String,
    /// Line of the scenario file.
    pub line: usize,
    /// Whether it was met.
    pub passed: bool,
    /// The measured figure: `8.73 Mbps`.
    pub measured: String,
    /// Figure and expectation in one sentence.
    pub sentence: String,
}

/// Number of subflows that were established, whatever became of them later.
#[must_use]
pub fn subflows_established(connection: &ConnectionRecord) -> usize {
    connection.subflows.iter().filter(|s| s.established_at.is_some()).count()
}
