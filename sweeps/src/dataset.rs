//! The rows as Parquet: `runs.parquet`, `connections.parquet` and `subflows.parquet`.
//!
//! Each table begins with the columns that say which run a row is of (`run`, `point`, `seed`, the
//! axes), so that none has to be joined to be grouped. Units are in the names. What the columns are,
//! version by version, is in `docs/sweeps.md`.

mod table;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reports::sweep::{ConnectionRow, Manifest, Row, SubflowRow, Unit};

use self::table::{Kind, Table, Value};
use crate::store::StoreError;

/// Writes the three tables, row by row.
pub(crate) struct Writer<'m> {
    manifest: &'m Manifest,
    runs: Table,
    connections: Table,
    subflows: Table,
}

const RUN: [(&str, Kind); 3] =
    [("run", Kind::Count), ("point", Kind::Count), ("seed", Kind::Count)];

const OF_RUNS: [(&str, Kind); 7] = [
    ("scenario", Kind::Text),
    ("option30", Kind::Text),
    ("replay", Kind::Text),
    ("error", Kind::Text),
    ("simulated_s", Kind::Number),
    ("events", Kind::Count),
    ("as_expected", Kind::Flag),
];

const OF_CONNECTIONS: [(&str, Kind); 23] = [
    ("connection", Kind::Text),
    ("verdict", Kind::Text),
    ("failure", Kind::Text),
    ("cause", Kind::Text),
    ("cause_device", Kind::Text),
    ("cause_change", Kind::Text),
    ("completed", Kind::Flag),
    ("stream_intact", Kind::Flag),
    ("bytes_delivered", Kind::Count),
    ("goodput_mbps", Kind::Number),
    ("window_goodput_mbps", Kind::Number),
    ("bound_mbps", Kind::Number),
    ("started_s", Kind::Number),
    ("completed_s", Kind::Number),
    ("longest_stall_s", Kind::Number),
    ("latency_mean_ms", Kind::Number),
    ("latency_p99_ms", Kind::Number),
    ("latency_hdr", Kind::Bytes),
    ("subflows_established", Kind::Count),
    ("retransmissions", Kind::Count),
    ("series_interval_s", Kind::Number),
    ("series_bytes", Kind::Counts),
    ("error", Kind::Text),
];

const OF_SUBFLOWS: [(&str, Kind); 13] = [
    ("connection", Kind::Text),
    ("subflow", Kind::Count),
    ("path", Kind::Text),
    ("role", Kind::Text),
    ("outcome", Kind::Text),
    ("reset_reason", Kind::Count),
    ("cause", Kind::Text),
    ("bytes", Kind::Count),
    ("goodput_mbps", Kind::Number),
    ("retransmissions", Kind::Count),
    ("started_s", Kind::Number),
    ("established_s", Kind::Number),
    ("series_bytes", Kind::Counts),
];

impl<'m> Writer<'m> {
    /// Empty tables in a folder.
    pub(crate) fn create(folder: &Path, manifest: &'m Manifest) -> Result<Self, StoreError> {
        let axes: Vec<(String, Kind)> = manifest
            .axes
            .iter()
            .map(|axis| (axis.column(), axis.unit.map_or(Kind::Text, |_| Kind::Number)))
            .collect();
        let table = |name: &str, more: &[(&str, Kind)]| {
            let named = |columns: &[(&str, Kind)]| -> Vec<(String, Kind)> {
                columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect()
            };
            let columns = [named(&RUN), axes.clone(), named(more)].concat();
            Table::create(&folder.join(name), manifest, columns)
        };
        Ok(Self {
            runs: table("runs.parquet", &OF_RUNS)?,
            connections: table("connections.parquet", &OF_CONNECTIONS)?,
            subflows: table("subflows.parquet", &OF_SUBFLOWS)?,
            manifest,
        })
    }

    /// One more run. A run without a result has a row in `runs` and one, of its error, in
    /// `connections`.
    pub(crate) fn add(&mut self, row: &Row) -> Result<(), StoreError> {
        let key = self.key(row);
        self.runs.add(key.iter().cloned().chain(run_values(row)))?;
        if row.error.is_some() {
            let nothing = OF_CONNECTIONS[..OF_CONNECTIONS.len() - 1].iter();
            let nothing = nothing.map(|(_, kind)| kind.nothing());
            let error = Value::Text(row.error.clone());
            self.connections.add(key.iter().cloned().chain(nothing).chain([error]))?;
        }
        for connection in &row.connections {
            self.connections.add(key.iter().cloned().chain(connection_values(connection)))?;
            for (k, subflow) in (1..).zip(&connection.subflows) {
                let values = subflow_values(&connection.name, k, subflow);
                self.subflows.add(key.iter().cloned().chain(values))?;
            }
        }
        Ok(())
    }

    /// Puts the tables in their places.
    pub(crate) fn finish(self) -> Result<(), StoreError> {
        self.runs.finish()?;
        self.connections.finish()?;
        self.subflows.finish()
    }

    fn key(&self, row: &Row) -> Vec<Value> {
        let mut key = vec![
            Value::Count(Some(row.run)),
            Value::Count(Some(row.point)),
            Value::Count(Some(row.seed)),
        ];
        for (k, axis) in self.manifest.axes.iter().enumerate() {
            let label = row.values.get(k);
            let number = |unit: Unit| label.and_then(|label| unit.number(label));
            key.push(match axis.unit {
                Some(unit) => Value::Number(number(unit)),
                None => Value::Text(label.cloned()),
            });
        }
        key
    }
}

fn text(text: &str) -> Value {
    Value::Text(Some(text.to_owned()))
}

fn run_values(row: &Row) -> [Value; OF_RUNS.len()] {
    [
        text(&row.scenario),
        text(&row.option30),
        text(&row.replay),
        Value::Text(row.error.clone()),
        Value::Number(Some(row.simulated_s)),
        Value::Count(Some(row.events)),
        Value::Flag(row.as_expected),
    ]
}

fn connection_values(c: &ConnectionRow) -> [Value; OF_CONNECTIONS.len()] {
    let latency = c.latency_hdr.as_ref().and_then(|encoded| BASE64.decode(encoded).ok());
    [
        text(&c.name),
        text(&c.verdict),
        Value::Text(c.failure.clone()),
        Value::Text(c.cause.clone()),
        Value::Text(c.cause_device.clone()),
        Value::Text(c.cause_change.clone()),
        Value::Flag(Some(c.completed)),
        Value::Flag(Some(c.stream_intact)),
        Value::Count(Some(c.bytes_delivered)),
        Value::Number(Some(c.goodput_mbps)),
        Value::Number(c.window_goodput_mbps),
        Value::Number(c.bound_mbps),
        Value::Number(Some(c.started_s)),
        Value::Number(c.completed_s),
        Value::Number(Some(c.longest_stall_s)),
        Value::Number(c.latency_mean_ms),
        Value::Number(c.latency_p99_ms),
        Value::Bytes(latency),
        Value::Count(Some(c.subflows_established.into())),
        Value::Count(Some(c.retransmissions)),
        Value::Number(c.series_interval_s),
        Value::Counts(c.series_bytes.clone()),
        Value::Text(None),
    ]
}

fn subflow_values(connection: &str, number: u64, s: &SubflowRow) -> [Value; OF_SUBFLOWS.len()] {
    [
        text(connection),
        Value::Count(Some(number)),
        text(&s.path),
        text(&s.role),
        text(&s.outcome),
        Value::Count(s.reset_reason.map(u64::from)),
        Value::Text(s.cause.clone()),
        Value::Count(Some(s.bytes)),
        Value::Number(Some(s.goodput_mbps)),
        Value::Count(Some(s.retransmissions)),
        Value::Number(Some(s.started_s)),
        Value::Number(s.established_s),
        Value::Counts(s.series_bytes.clone()),
    ]
}
