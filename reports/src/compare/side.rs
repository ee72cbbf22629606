//! One side of a comparison, from its files.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::figures::plural;

/// A run, as its files tell it.
#[derive(Clone, Debug)]
pub struct Side {
    /// What the user called it.
    pub label: String,
    /// Its `summary.json`.
    pub(super) summary: Summary,
    /// Interval by interval, in Mbps: the start in seconds and what each connection delivered.
    pub(super) delivered: BTreeMap<String, Vec<(f64, f64)>>,
}

/// Why files are not those of a run.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// `summary.json`.
    #[error("{label}: summary.json is not one that option30 wrote: {error}")]
    Summary {
        /// Which side.
        label: String,
        /// What is wrong, with line and column.
        error: serde_json::Error,
    },
    /// `series.csv`.
    #[error("{label}: series.csv is not one that option30 wrote: {error}")]
    Series {
        /// Which side.
        label: String,
        /// What is wrong, with its line.
        error: csv::Error,
    },
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Summary {
    pub(super) scenario: String,
    pub(super) title: String,
    pub(super) seed: u64,
    pub(super) replay: String,
    pub(super) connections: Vec<Connection>,
    pub(super) devices: Vec<Device>,
    pub(super) expectations: Vec<Expectation>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Connection {
    pub(super) name: String,
    pub(super) verdict: String,
    failure: Option<String>,
    pub(super) cause: Option<Cause>,
    pub(super) completed_s: Option<f64>,
    pub(super) stream_intact: bool,
    pub(super) bytes_delivered: u64,
    pub(super) goodput_mbps: f64,
    pub(super) bound_mbps: Option<f64>,
    pub(super) longest_stall_s: f64,
    pub(super) latency_ms: Option<Latency>,
    subflows_established: usize,
    pub(super) subflows: Vec<Subflow>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Cause {
    pub(super) sentence: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Latency {
    pub(super) p50: f64,
    pub(super) p99: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Subflow {
    pub(super) path: String,
    pub(super) outcome: String,
    pub(super) cause: Option<Cause>,
    pub(super) goodput_mbps: f64,
    pub(super) retransmissions: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Device {
    pub(super) name: String,
    pub(super) model: String,
    pub(super) changes: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Expectation {
    pub(super) passed: bool,
}

/// What is needed of a row of `series.csv`.
#[derive(Debug, Deserialize)]
struct Row {
    time_s: f64,
    connection: String,
    kind: String,
    goodput_mbps: f64,
}

impl Side {
    /// Reads the texts of `summary.json` and `series.csv`.
    ///
    /// # Errors
    /// [`ReadError`] when one of them is not what option30 writes.
    pub fn read(label: &str, summary: &str, series: &str) -> Result<Self, ReadError> {
        let summary = serde_json::from_str(summary)
            .map_err(|error| ReadError::Summary { label: label.into(), error })?;
        let mut delivered: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for row in csv::Reader::from_reader(series.as_bytes()).deserialize() {
            let row: Row = row.map_err(|error| ReadError::Series { label: label.into(), error })?;
            if row.kind == "connection" {
                delivered.entry(row.connection).or_default().push((row.time_s, row.goodput_mbps));
            }
        }
        Ok(Self { label: label.into(), summary, delivered })
    }
}

impl Connection {
    /// The verdict with what it rests on.
    pub(super) fn words(&self) -> String {
        match (self.verdict.as_str(), &self.failure) {
            ("mptcp", _) => format!("MPTCP, {}", plural(self.subflows_established, "subflow")),
            ("fallback", _) => "fallback to plain TCP".into(),
            (other, Some(failure)) => format!("{other}: {}", failure.replace('-', " ")),
            (other, None) => other.into(),
        }
    }

    /// Segments sent again, by all subflows.
    pub(super) fn retransmissions(&self) -> u64 {
        self.subflows.iter().map(|subflow| subflow.retransmissions).sum()
    }
}
