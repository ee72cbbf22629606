//! The points of a sweep, one line each; and runs that stand for others, with the command that gives
//! them again.

use super::statistics::Moments;
use super::{Figure, Manifest, Row};

/// More points than this are not listed one by one: the data sets have them all.
pub(super) const POINTS_MAX: u64 = 2000;

/// A run that stands for others like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Number of the run.
    pub run: u64,
    /// Labels of its values.
    pub values: Vec<String>,
    /// The command line that gives it again.
    pub replay: String,
}

impl Example {
    /// This run as an example.
    #[must_use]
    pub fn of(row: &Row) -> Self {
        Self { run: row.run, values: row.values.clone(), replay: row.replay.clone() }
    }
}

/// The verdicts, in the order in which they are shown.
pub(super) const VERDICTS: [&str; 3] = ["mptcp", "fallback", "failed"];

/// One point of a sweep.
#[derive(Clone, Debug, Default)]
pub struct PointSummary {
    /// Runs without a result.
    pub errors: u64,
    /// Connections of each verdict: MPTCP, fallback, failed.
    pub verdicts: [u64; 3],
    /// Mean goodput of a run's connections, in Mbps.
    pub goodput: Moments,
    /// The first run of each verdict, and the first without a result.
    pub examples: [Option<Example>; 4],
}

impl PointSummary {
    pub(super) fn add(&mut self, row: &Row) {
        if row.error.is_some() {
            self.errors += 1;
            self.examples[3].get_or_insert_with(|| Example::of(row));
        }
        let mut goodput = Moments::default();
        for connection in &row.connections {
            if let Some(k) = VERDICTS.iter().position(|word| *word == connection.verdict) {
                self.verdicts[k] += 1;
                self.examples[k].get_or_insert_with(|| Example::of(row));
            }
            if let Some(value) = Figure::Goodput.of(connection) {
                goodput.add(value);
            }
        }
        if let Some(mean) = goodput.mean() {
            self.goodput.add(mean.value);
        }
    }
}

/// Labels of the fixed axes' values at a point: the last axis changes fastest. Drawn axes have none.
#[must_use]
pub(super) fn labels(manifest: &Manifest, mut point: u64) -> Vec<Option<&str>> {
    let mut labels: Vec<Option<&str>> = manifest
        .axes
        .iter()
        .rev()
        .map(|axis| {
            let values = axis.values.as_ref().filter(|values| !values.is_empty())?;
            let count = values.len() as u64;
            let label = &values[(point % count) as usize];
            point /= count;
            Some(label.as_str())
        })
        .collect();
    labels.reverse();
    labels
}
