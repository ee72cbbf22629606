//! One run of a sweep: a line of `runs.jsonl`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};
use sim_core::record::outcome::{Blame, Cause, Verdict};
use sim_core::record::{ConnectionRecord, RunRecord, SubflowRecord};
use sim_core::time::{SimDuration, SimTime};

use crate::figures::rounded;
use crate::messages::{self, Language};
use crate::subflows_established;

/// Version of the schema of rows and data sets: grows when a field changes its meaning or goes; fields
/// may be added without.
pub const SCHEMA: u32 = 1;

/// A run. The number of the run is its first field, so that a line can be told by its first bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Number of the run in the sweep, from 0.
    pub run: u64,
    /// Number of its point, from 0.
    pub point: u64,
    /// Seed.
    pub seed: u64,
    /// Labels of its values, one for each axis.
    pub values: Vec<String>,
    /// Hash of the scenario with its settings, and of the configurations that it names.
    pub scenario: String,
    /// Version of option30 that ran it.
    pub option30: String,
    /// The command line that gives this run again.
    pub replay: String,
    /// Why there is no result, where there is none.
    pub error: Option<String>,
    /// Simulated time, in seconds.
    pub simulated_s: f64,
    /// Events that the engine processed.
    pub events: u64,
    /// Whether all expectations of the scenario were met; none: it has none.
    pub as_expected: Option<bool>,
    /// Connections, in the scenario's order.
    pub connections: Vec<ConnectionRow>,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectionRow {
    /// Name of the traffic.
    pub name: String,
    /// `mptcp`, `fallback` or `failed`.
    pub verdict: String,
    /// In what way it failed: `never-connected`, `reset`, `stalled`, `wrong-stream`.
    pub failure: Option<String>,
    /// Why, in a sentence.
    pub cause: Option<String>,
    /// The device at the root of the cause.
    pub cause_device: Option<String>,
    /// What it did: the name of the change, as devices count them.
    pub cause_change: Option<String>,
    /// Everything was delivered and closed.
    pub completed: bool,
    /// Every byte delivered was the byte written.
    pub stream_intact: bool,
    /// Bytes delivered in order, both directions.
    pub bytes_delivered: u64,
    /// From the first write to the last delivery, in Mbps.
    pub goodput_mbps: f64,
    /// Within the sweep's window, in Mbps; none: it has no window.
    pub window_goodput_mbps: Option<f64>,
    /// The most that the paths could give, in Mbps; none: no limit.
    pub bound_mbps: Option<f64>,
    /// When it was opened, in seconds.
    pub started_s: f64,
    /// When all was delivered and closed, in seconds.
    pub completed_s: Option<f64>,
    /// Longest time without a delivery while data waited, in seconds.
    pub longest_stall_s: f64,
    /// Mean time from write to delivery, by bytes, in ms; none: nothing was delivered.
    pub latency_mean_ms: Option<f64>,
    /// Its 99th percentile, in ms.
    pub latency_p99_ms: Option<f64>,
    /// Its distribution in ns: an HdrHistogram (V2 deflate, base64), all with the same bounds.
    pub latency_hdr: Option<String>,
    /// Number of subflows that were established.
    pub subflows_established: u32,
    /// Segments sent again, all subflows.
    pub retransmissions: u64,
    /// Subflows, in the order in which they were tried.
    pub subflows: Vec<SubflowRow>,
    /// Length of the intervals of the series, in seconds; none: not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series_interval_s: Option<f64>,
    /// Bytes delivered in each interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series_bytes: Option<Vec<u64>>,
}

/// A subflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubflowRow {
    /// Name of the path.
    pub path: String,
    /// `initial` or `join`.
    pub role: String,
    /// `established`, `reset`, `refused` or `timed-out`.
    pub outcome: String,
    /// MP_TCPRST's reason.
    pub reset_reason: Option<u8>,
    /// Why it was refused or reset, in a sentence.
    pub cause: Option<String>,
    /// New bytes of the stream that it brought.
    pub bytes: u64,
    /// Those over the connection's goodput time, in Mbps.
    pub goodput_mbps: f64,
    /// Segments sent again by both ends.
    pub retransmissions: u64,
    /// When it was tried, in seconds.
    pub started_s: f64,
    /// When it was established, in seconds.
    pub established_s: Option<f64>,
    /// Bytes that it brought in each interval of the connection's series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series_bytes: Option<Vec<u64>>,
}

/// What a row says beside what happened.
#[derive(Clone, Debug)]
pub struct Context {
    /// See [`Row::run`].
    pub run: u64,
    /// See [`Row::point`].
    pub point: u64,
    /// See [`Row::seed`].
    pub seed: u64,
    /// See [`Row::values`].
    pub values: Vec<String>,
    /// See [`Row::scenario`].
    pub scenario: String,
    /// See [`Row::replay`].
    pub replay: String,
    /// Goodput is also measured between these times since the start of the run.
    pub window: Option<(SimDuration, SimDuration)>,
    /// Keep the series?
    pub series: bool,
}

impl Row {
    /// The row of a run that came to its end.
    #[must_use]
    pub fn of_record(context: Context, record: &RunRecord, as_expected: Option<bool>) -> Self {
        let connections =
            record.connections.iter().map(|c| ConnectionRow::new(c, &context)).collect();
        Self {
            simulated_s: seconds(record.ended_at),
            events: record.events,
            as_expected,
            connections,
            ..Self::empty(context)
        }
    }

    /// The row of a run that has no result, and why.
    #[must_use]
    pub fn of_error(context: Context, error: String) -> Self {
        Self { error: Some(error), ..Self::empty(context) }
    }

    fn empty(context: Context) -> Self {
        let Context { run, point, seed, values, scenario, replay, window: _, series: _ } = context;
        Self {
            run,
            point,
            seed,
            values,
            scenario,
            option30: env!("CARGO_PKG_VERSION").into(),
            replay,
            error: None,
            simulated_s: 0.0,
            events: 0,
            as_expected: None,
            connections: Vec::new(),
        }
    }

    /// As a line, with its end.
    #[must_use]
    pub fn to_line(&self) -> String {
        let json = serde_json::to_string(self);
        json.expect("strings and finite numbers under string keys are always JSON") + "\n"
    }
}

impl ConnectionRow {
    fn new(connection: &ConnectionRecord, context: &Context) -> Self {
        let (device, change) = blamed(connection.outcome.cause.as_ref());
        let latency = &connection.latency;
        let measured = (!latency.is_empty()).then_some(latency);
        let series = context.series.then_some(&connection.series);
        Self {
            name: connection.name.clone(),
            verdict: connection.outcome.verdict.word().into(),
            failure: match connection.outcome.verdict {
                Verdict::Failed(failure) => Some(word(&failure)),
                Verdict::Mptcp | Verdict::Fallback => None,
            },
            cause: sentence(connection.outcome.cause.as_ref()),
            cause_device: device,
            cause_change: change,
            completed: connection.completed_at.is_some(),
            stream_intact: connection.stream_intact,
            bytes_delivered: connection.bytes_delivered,
            goodput_mbps: rounded(connection.goodput_bps / 1e6),
            window_goodput_mbps: context.window.map(|window| window_goodput(connection, window)),
            bound_mbps: connection.bound_bps.map(|bps| rounded(bps / 1e6)),
            started_s: seconds(connection.started_at),
            completed_s: connection.completed_at.map(seconds),
            longest_stall_s: rounded(connection.longest_stall.as_secs_f64()),
            latency_mean_ms: measured.map(|latency| rounded(latency.mean() / 1e6)),
            latency_p99_ms: measured.map(|l| rounded(l.value_at_quantile(0.99) as f64 / 1e6)),
            latency_hdr: measured.map(|latency| encoded(&latency.to_hdr())),
            subflows_established: u32::try_from(subflows_established(connection))
                .unwrap_or(u32::MAX),
            retransmissions: connection.subflows.iter().map(|s| s.retransmissions).sum(),
            subflows: connection
                .subflows
                .iter()
                .enumerate()
                .map(|(k, subflow)| {
                    let bytes = series.and_then(|series| series.subflows.get(k));
                    SubflowRow::new(subflow, bytes.map(|series| series.bytes.clone()))
                })
                .collect(),
            series_interval_s: series.map(|series| series.interval.as_secs_f64()),
            series_bytes: series.map(|series| series.delivered.clone()),
        }
    }
}

impl SubflowRow {
    fn new(subflow: &SubflowRecord, series_bytes: Option<Vec<u64>>) -> Self {
        Self {
            path: subflow.path.clone(),
            role: word(&subflow.role),
            outcome: word(&subflow.outcome),
            reset_reason: subflow.reset_reason,
            cause: sentence(subflow.cause.as_ref()),
            bytes: subflow.bytes,
            goodput_mbps: rounded(subflow.goodput_bps / 1e6),
            retransmissions: subflow.retransmissions,
            started_s: seconds(subflow.started_at),
            established_s: subflow.established_at.map(seconds),
            series_bytes,
        }
    }
}

fn seconds(at: SimTime) -> f64 {
    rounded(at.as_secs_f64())
}

/// The stable word of a variant, as `summary.json` has it.
fn word(variant: &impl Serialize) -> String {
    match serde_json::to_value(variant) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn sentence(cause: Option<&Cause>) -> Option<String> {
    cause.map(|cause| messages::cause(cause, Language::English))
}

/// The first device of a cause and what it did.
fn blamed(cause: Option<&Cause>) -> (Option<String>, Option<String>) {
    let device =
        cause.into_iter().flat_map(|cause| &cause.links).find_map(|link| match &link.who {
            Blame::Device { device, change, .. } => Some((device.clone(), change.label())),
            Blame::Endpoint { .. } | Blame::Network(_) => None,
        });
    device.unzip()
}

/// Bytes delivered in whole intervals of the series within the window, as a rate in Mbps.
fn window_goodput(connection: &ConnectionRecord, window: (SimDuration, SimDuration)) -> f64 {
    let interval = connection.series.interval.as_nanos().max(1);
    let index = |at: SimDuration| (at.as_nanos() / interval) as usize;
    let (first, end) = (index(window.0), index(window.1));
    let delivered = connection.series.delivered.iter();
    let bytes: u64 = delivered.skip(first).take(end.saturating_sub(first)).sum();
    let span_s = end.saturating_sub(first) as f64 * interval as f64 / 1e9;
    rounded(bytes as f64 * 8.0 / span_s / 1e6)
}

fn encoded(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    let written = V2DeflateSerializer::new().serialize(histogram, &mut bytes);
    written.expect("a histogram of bytes below 2^63 can be written to memory");
    BASE64.encode(bytes)
}

/// The histogram that [`ConnectionRow::latency_hdr`] holds; `None` when it is no such thing.
#[must_use]
pub fn histogram(encoded: &str) -> Option<Histogram<u64>> {
    let bytes = BASE64.decode(encoded).ok()?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).ok()
}
