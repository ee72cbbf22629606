//! `series.csv`: what happened over time, one row per interval of each subflow and of each
//! connection in all. The column names carry the units.
//!
//! | column | meaning |
//! |---|---|
//! | `time_s` | start of the interval, since the start of the run |
//! | `interval_s` | its length |
//! | `connection` | name of the traffic |
//! | `kind` | `connection`: in-order delivery to the applications; `subflow`: what a subflow brought |
//! | `subflow` | number of the subflow, from 1, in the order in which they were tried; empty for `connection` |
//! | `path` | path of the subflow; empty for `connection` |
//! | `bytes` | new bytes of the stream in the interval |
//! | `goodput_mbps` | the same as a rate, 10⁶ bit/s |
//! | `cwnd_bytes` | congestion window of the end that sends most, last sample at or before the interval's end; empty before the first |
//! | `srtt_ms` | its smoothed round-trip time |
//! | `in_flight_bytes` | its bytes in flight |
//!
//! Data that arrives over a subflow ahead of its turn is counted there at once, and in the
//! connection when the gap before it is filled: the difference is what waited.

use sim_core::record::series::SenderSample;
use sim_core::record::{ConnectionRecord, RunRecord, SubflowOutcome};
use sim_core::time::{SimDuration, SimTime};

use crate::figures::rounded;

const COLUMNS: [&str; 11] = [
    "time_s",
    "interval_s",
    "connection",
    "kind",
    "subflow",
    "path",
    "bytes",
    "goodput_mbps",
    "cwnd_bytes",
    "srtt_ms",
    "in_flight_bytes",
];

/// The file's text.
#[must_use]
pub fn csv(record: &RunRecord) -> String {
    let mut out = csv::Writer::from_writer(Vec::new());
    let never = "writing rows of one length to memory cannot fail";
    out.write_record(COLUMNS).expect(never);
    for connection in &record.connections {
        for row in rows(connection) {
            out.write_record(row).expect(never);
        }
    }
    let bytes = out.into_inner().expect("flushing to memory cannot fail");
    String::from_utf8(bytes).expect("every field is a string")
}

/// When the last subflow was reset of a connection that did not complete: what is shown over time reaches as
/// far, though nothing is delivered any more.
pub(crate) fn last_reset(connection: &ConnectionRecord) -> Option<SimTime> {
    let resets = connection.subflows.iter().filter(|s| s.outcome == SubflowOutcome::Reset);
    resets.filter_map(|s| s.ended_at).max().filter(|_| connection.completed_at.is_none())
}

fn rows(connection: &ConnectionRecord) -> impl Iterator<Item = [String; COLUMNS.len()]> + '_ {
    let series = &connection.series;
    let intervals = series
        .subflows
        .iter()
        .map(|subflow| subflow.bytes.len())
        .chain([series.delivered.len()])
        .max()
        .unwrap_or(0);
    let delivered = (0..intervals).map(move |k| {
        let bytes = series.delivered.get(k).copied().unwrap_or(0);
        row(connection, k, None, bytes, None)
    });
    let subflows = series.subflows.iter().enumerate().flat_map(move |(index, subflow)| {
        let mut samples = subflow.samples.iter().peekable();
        let mut current: Option<SenderSample> = None;
        (0..intervals).map(move |k| {
            let end = SimTime::ZERO + series.interval * (k as u64 + 1);
            while let Some(sample) = samples.next_if(|sample| sample.at <= end) {
                current = Some(*sample);
            }
            row(connection, k, Some(index), subflow.bytes.get(k).copied().unwrap_or(0), current)
        })
    });
    delivered.chain(subflows)
}

fn row(
    connection: &ConnectionRecord,
    k: usize,
    subflow: Option<usize>,
    bytes: u64,
    sample: Option<SenderSample>,
) -> [String; COLUMNS.len()] {
    let interval = connection.series.interval;
    let path = subflow.and_then(|index| connection.subflows.get(index)).map(|s| s.path.clone());
    [
        seconds(interval * k as u64),
        seconds(interval),
        connection.name.clone(),
        if subflow.is_some() { "subflow" } else { "connection" }.into(),
        subflow.map(|index| (index + 1).to_string()).unwrap_or_default(),
        path.unwrap_or_default(),
        bytes.to_string(),
        rounded(bytes as f64 * 8e3 / interval.as_nanos().max(1) as f64).to_string(),
        sample.map(|s| s.cwnd.to_string()).unwrap_or_default(),
        sample.map(|s| rounded(s.srtt.as_nanos() as f64 / 1e6).to_string()).unwrap_or_default(),
        sample.map(|s| s.in_flight.to_string()).unwrap_or_default(),
    ]
}

fn seconds(span: SimDuration) -> String {
    rounded(span.as_secs_f64()).to_string()
}
