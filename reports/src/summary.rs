//! `summary.json`: the run for scripts. Field names and shapes are stable; more fields may be added.
//!
//! Rates are in Mbps (10⁶ bit/s), times in seconds since the start of the run and latencies in
//! milliseconds, as the names say; bytes are whole numbers. Keys stand in a fixed order and figures
//! are rounded to six decimals, so the same record gives the same bytes.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use sim_core::record::outcome::{Blame, Cause, CauseLink, Failure, Verdict};
use sim_core::record::story::End;
use sim_core::record::{
    ConnectionRecord, DeviceRecord, LiveRecord, PathRecord, SubflowOutcome, SubflowRecord,
    SubflowRole, TimelineEvent,
};
use sim_core::time::{SimDuration, SimTime};

use crate::figures::rounded;
use crate::messages::{self, Language};
use crate::{Expectation, Report, subflows_established};

/// The whole summary.
#[derive(Clone, Debug, Serialize)]
pub struct Summary<'a> {
    /// Version of option30 that wrote it.
    pub option30: &'static str,
    /// Scenario's name.
    pub scenario: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Seed.
    pub seed: u64,
    /// The command line that gives this run again.
    pub replay: &'a str,
    /// Simulated time.
    pub simulated_s: f64,
    /// Events that the engine processed.
    pub events: u64,
    /// What the run was made with, when hosts of it were real; none: a simulation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<&'a LiveRecord>,
    /// Connections, in the scenario's order.
    pub connections: Vec<Connection<'a>>,
    /// Devices, in the order of their names.
    pub devices: Vec<Device<'a>>,
    /// Paths, in the scenario's order.
    pub paths: Vec<Path<'a>>,
    /// What the scenario made happen.
    pub timeline: Vec<Event<'a>>,
    /// What the scenario expected.
    pub expectations: &'a [Expectation],
    /// What to check before trusting the result.
    pub warnings: &'a [String],
}

/// One connection.
#[derive(Clone, Debug, Serialize)]
pub struct Connection<'a> {
    name: &'a str,
    client: &'a str,
    server: &'a str,
    verdict: &'static str,
    failure: Option<Failure>,
    cause: Option<CauseSummary<'a>>,
    completed: bool,
    stream_intact: bool,
    bytes_delivered: u64,
    goodput_mbps: f64,
    bound_mbps: Option<f64>,
    started_s: f64,
    completed_s: Option<f64>,
    longest_stall_s: f64,
    longest_stall_at_s: f64,
    latency_ms: Option<Latency>,
    subflows_established: usize,
    subflows: Vec<Subflow<'a>>,
    counters: Counters<'a>,
}

/// Percentiles of the time from write to in-order delivery, in ms, weighted by bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// Nine in ten are faster.
    pub p90: f64,
    /// 99 in a hundred are faster.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Counters<'a> {
    client: &'a BTreeMap<String, u64>,
    server: &'a BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Serialize)]
struct Subflow<'a> {
    path: &'a str,
    role: SubflowRole,
    outcome: SubflowOutcome,
    reset_reason: Option<u8>,
    cause: Option<CauseSummary<'a>>,
    bytes: u64,
    goodput_mbps: f64,
    retransmissions: u64,
    client_address: String,
    server_address: String,
    started_s: f64,
    established_s: Option<f64>,
    ended_s: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
struct CauseSummary<'a> {
    sentence: String,
    links: Vec<Link<'a>>,
}

/// One link of a cause: a device's change, what an endpoint did, or what the network did.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Link<'a> {
    Device {
        at_s: f64,
        packet: Option<String>,
        device: &'a str,
        model: &'a str,
        action: String,
        change: String,
        rule: &'a str,
        default: bool,
        because: Option<&'a str>,
        file: Option<&'a str>,
        line: Option<u32>,
        text: Option<&'a str>,
        source: &'a str,
    },
    Endpoint {
        at_s: f64,
        packet: Option<String>,
        end: End,
        host: &'a str,
        action: String,
    },
    Network {
        at_s: f64,
        packet: Option<String>,
        action: String,
    },
}

/// One device.
#[derive(Clone, Debug, Serialize)]
pub struct Device<'a> {
    name: &'a str,
    model: &'a str,
    #[serde(serialize_with = "in_given_order")]
    counters: &'a [(String, u64)],
    changes: &'a BTreeMap<String, u64>,
    report: &'a [String],
    warnings: &'a [String],
}

/// One path.
#[derive(Clone, Debug, Serialize)]
pub struct Path<'a> {
    name: &'a str,
    rate_mbps: Option<f64>,
    rtt_ms: f64,
    devices: &'a [String],
}

/// One scripted event.
#[derive(Clone, Debug, Serialize)]
pub struct Event<'a> {
    at_s: f64,
    label: &'a str,
    path: Option<&'a str>,
}

impl<'a> Summary<'a> {
    /// The summary of a report.
    #[must_use]
    pub fn new(report: &Report<'a>) -> Self {
        let record = report.record;
        Self {
            option30: env!("CARGO_PKG_VERSION"),
            scenario: &record.scenario,
            title: &record.title,
            seed: record.seed,
            replay: report.replay,
            simulated_s: seconds(record.ended_at),
            events: record.events,
            live: record.live.as_ref(),
            connections: record.connections.iter().map(Connection::new).collect(),
            devices: record.devices.iter().map(Device::new).collect(),
            paths: record.paths.iter().map(Path::new).collect(),
            timeline: record.timeline.iter().map(Event::new).collect(),
            expectations: report.expectations,
            warnings: report.warnings,
        }
    }

    /// The file's text: indented JSON and a final line break.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect(ALWAYS_JSON) + "\n"
    }

    /// The same as one line, without a line break.
    #[must_use]
    pub fn to_json_line(&self) -> String {
        serde_json::to_string(self).expect(ALWAYS_JSON)
    }
}

const ALWAYS_JSON: &str = "strings and finite numbers under string keys are always JSON";

impl Latency {
    /// The percentiles of a connection; `None` when nothing was delivered.
    #[must_use]
    pub fn of(connection: &ConnectionRecord) -> Option<Self> {
        let histogram = &connection.latency;
        let ms = |ns: u64| rounded(ns as f64 / 1e6);
        (!histogram.is_empty()).then(|| Self {
            p50: ms(histogram.value_at_quantile(0.50)),
            p90: ms(histogram.value_at_quantile(0.90)),
            p99: ms(histogram.value_at_quantile(0.99)),
            max: ms(histogram.max()),
        })
    }
}

impl<'a> Connection<'a> {
    fn new(connection: &'a ConnectionRecord) -> Self {
        Self {
            name: &connection.name,
            client: &connection.client,
            server: &connection.server,
            verdict: connection.outcome.verdict.word(),
            failure: match connection.outcome.verdict {
                Verdict::Failed(failure) => Some(failure),
                Verdict::Mptcp | Verdict::Fallback => None,
            },
            cause: connection.outcome.cause.as_ref().map(CauseSummary::new),
            completed: connection.completed_at.is_some(),
            stream_intact: connection.stream_intact,
            bytes_delivered: connection.bytes_delivered,
            goodput_mbps: mbps(connection.goodput_bps),
            bound_mbps: connection.bound_bps.map(mbps),
            started_s: seconds(connection.started_at),
            completed_s: connection.completed_at.map(seconds),
            longest_stall_s: span_seconds(connection.longest_stall),
            longest_stall_at_s: seconds(connection.longest_stall_at),
            latency_ms: Latency::of(connection),
            subflows_established: subflows_established(connection),
            subflows: connection.subflows.iter().map(Subflow::new).collect(),
            counters: Counters {
                client: &connection.client_counters,
                server: &connection.server_counters,
            },
        }
    }
}

impl<'a> Subflow<'a> {
    fn new(subflow: &'a SubflowRecord) -> Self {
        Self {
            path: &subflow.path,
            role: subflow.role,
            outcome: subflow.outcome,
            reset_reason: subflow.reset_reason,
            cause: subflow.cause.as_ref().map(CauseSummary::new),
            bytes: subflow.bytes,
            goodput_mbps: mbps(subflow.goodput_bps),
            retransmissions: subflow.retransmissions,
            client_address: subflow.flow.src.to_string(),
            server_address: subflow.flow.dst.to_string(),
            started_s: seconds(subflow.started_at),
            established_s: subflow.established_at.map(seconds),
            ended_s: subflow.ended_at.map(seconds),
        }
    }
}

impl<'a> CauseSummary<'a> {
    fn new(cause: &'a Cause) -> Self {
        Self {
            sentence: messages::cause(cause, Language::English),
            links: cause.links.iter().map(Link::new).collect(),
        }
    }
}

impl<'a> Link<'a> {
    fn new(link: &'a CauseLink) -> Self {
        let at_s = seconds(link.at);
        let packet = link.packet.as_ref().map(ToString::to_string);
        match &link.who {
            Blame::Device { device, model, change, rule } => Self::Device {
                at_s,
                packet,
                device,
                model,
                action: change.to_string(),
                change: change.label(),
                rule: &rule.text,
                default: rule.is_default(),
                because: rule.because().map(|because| because.english.as_str()),
                file: rule.line().map(|line| line.file.as_str()),
                line: rule.line().map(|line| line.line),
                text: rule.line().map(|line| line.text.as_str()),
                source: rule.source,
            },
            Blame::Endpoint { end, host, act } => {
                Self::Endpoint { at_s, packet, end: *end, host, action: act.to_string() }
            }
            Blame::Network(trouble) => Self::Network { at_s, packet, action: trouble.to_string() },
        }
    }
}

impl<'a> Device<'a> {
    fn new(device: &'a DeviceRecord) -> Self {
        Self {
            name: &device.name,
            model: device.model,
            counters: &device.counters,
            changes: &device.changes,
            report: &device.report,
            warnings: &device.warnings,
        }
    }
}

impl<'a> Path<'a> {
    fn new(path: &'a PathRecord) -> Self {
        Self {
            name: &path.name,
            rate_mbps: path.rate_bps.map(|bps| mbps(bps as f64)),
            rtt_ms: rounded(path.rtt.as_nanos() as f64 / 1e6),
            devices: &path.devices,
        }
    }
}

impl<'a> Event<'a> {
    fn new(event: &'a TimelineEvent) -> Self {
        Self { at_s: seconds(event.at), label: &event.label, path: event.path.as_deref() }
    }
}

fn seconds(at: SimTime) -> f64 {
    rounded(at.as_secs_f64())
}

fn span_seconds(span: SimDuration) -> f64 {
    rounded(span.as_secs_f64())
}

fn mbps(bps: f64) -> f64 {
    rounded(bps / 1e6)
}

/// A device's counters keep the order that its model gives them.
fn in_given_order<S: Serializer>(counters: &&[(String, u64)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(counters.iter().map(|(name, value)| (name, value)))
}
