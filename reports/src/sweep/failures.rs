//! What went wrong in a sweep: runs without a result, and what kept connections from MPTCP.

use std::collections::BTreeMap;

use super::{Example, Row};

/// Different reasons that are told apart; what comes after is counted together.
const REASONS_MAX: usize = 500;

/// A reason, how often, and a run that shows it.
#[derive(Clone, Debug)]
pub struct Reason {
    /// In words.
    pub text: String,
    /// How often.
    pub count: u64,
    /// The first run.
    pub example: Example,
}

/// Reasons by what makes them the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Reasons(BTreeMap<String, Reason>);

impl Reasons {
    fn add(&mut self, key: String, text: &str, row: &Row) {
        let key = if self.0.len() < REASONS_MAX { key } else { "…".into() };
        let text = if key == "…" { "other reasons" } else { text };
        let new = || Reason { text: text.to_owned(), count: 0, example: Example::of(row) };
        self.0.entry(key).or_insert_with(new).count += 1;
    }

    /// Why runs have no result: the first line of each error tells them apart.
    pub(super) fn add_error(&mut self, row: &Row) {
        if let Some(error) = &row.error {
            self.add(error.lines().next().unwrap_or_default().to_owned(), error, row);
        }
    }

    /// Why connections are not MPTCP: the device and what it did tell them apart, or else the verdict.
    pub(super) fn add_causes(&mut self, row: &Row) {
        for connection in row.connections.iter().filter(|c| c.verdict != "mptcp") {
            let root = match (&connection.cause_device, &connection.cause_change) {
                (Some(device), Some(change)) => format!("{device}\0{change}"),
                _ => connection.failure.clone().unwrap_or_default(),
            };
            let key = format!("{}\0{root}", connection.verdict);
            let cause = connection.cause.as_deref().or(connection.failure.as_deref());
            let text = format!("{}: {}", connection.verdict, cause.unwrap_or("no cause is known"));
            self.add(key, &text, row);
        }
    }

    /// The most frequent first.
    pub(super) fn sorted(self) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = self.0.into_values().collect();
        reasons.sort_by_key(|reason| (std::cmp::Reverse(reason.count), reason.example.run));
        reasons
    }
}
