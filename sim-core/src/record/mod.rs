//! The record of a run: everything that reports, expectations and comparisons read.
//!
//! Endpoints write [`story::Fact`]s, devices write signed changes ([`ChangeRecord`]), the engine
//! writes the timeline. [`outcome`] reads a verdict and its cause from them; nobody infers either
//! from the scenario.

pub mod detail;
pub mod envelope;
pub mod latency;
pub mod outcome;
pub mod series;
pub mod story;
pub mod verdict;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::device::{Change, Rule};
use crate::time::{SimDuration, SimTime};
use crate::wire::packet::{Flow, PacketUid};

/// Index of a device in [`RunRecord::devices`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

/// Everything that one run left behind.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// Scenario's name: its file name without the extension.
    pub scenario: String,
    /// Scenario's title.
    pub title: String,
    /// Seed of the run.
    pub seed: u64,
    /// Simulated time at the end.
    pub ended_at: SimTime,
    /// Paths, in the scenario's order; subflows refer to them by name.
    pub paths: Vec<PathRecord>,
    /// Connections, in the scenario's order.
    pub connections: Vec<ConnectionRecord>,
    /// Devices, in the order of their names.
    pub devices: Vec<DeviceRecord>,
    /// Scripted events as they happened (link down, link up, parameter changed), in order of time.
    pub timeline: Vec<TimelineEvent>,
    /// Signed changes in order of time: all on packets that open, join, close or carry a first; of
    /// the bulk, the first of each device, rule and kind. Totals are in [`DeviceRecord::changes`].
    pub changes: Vec<ChangeRecord>,
    /// Number of events that the engine processed.
    pub events: u64,
    /// Packets sent over links, each link once.
    pub packet_hops: u64,
    /// Packets that links lost by chance.
    pub random_losses: u64,
    /// What charts draw finely, when the run was asked to observe it.
    pub detail: Option<detail::Detail>,
    /// Packets, when the run was asked to capture them or to watch for those that tell the story.
    pub captures: Option<crate::engine::capture::Captures>,
    /// What the run was made with, when hosts of it were real; `None`: a simulation.
    pub live: Option<LiveRecord>,
}

/// What a run with real hosts was made with, and what only their kernel could tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct LiveRecord {
    /// The kernel: `Linux 6.18.44`.
    pub kernel: String,
    /// Its congestion control on each real host, by name.
    pub congestion: BTreeMap<String, String>,
    /// What the kernel says of its sockets at the end (MPTCP_INFO, TCP_INFO), by `connection end`:
    /// fields by the kernel's names.
    pub sockets: BTreeMap<String, BTreeMap<String, u64>>,
    /// Programs that were run in hosts.
    pub commands: Vec<CommandRecord>,
    /// IP packets of the kernels that are no TCP, and so were not carried.
    pub not_carried: u64,
}

/// A program that was run in a real host.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CommandRecord {
    /// Host.
    pub host: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its exit code; `None`: it was ended by a signal, or with the run.
    pub exit_code: Option<i32>,
    /// What it wrote to standard output and standard error.
    pub output: String,
}

/// A path as topologies define it.
#[derive(Clone, Debug, PartialEq)]
pub struct PathRecord {
    /// Name.
    pub name: String,
    /// Rate of the narrowest link from client to server, in bit/s; `None`: unlimited.
    pub rate_bps: Option<u64>,
    /// One-way delay of the path, both directions added: the round trip without queues.
    pub rtt: SimDuration,
    /// Devices on it, from the client on.
    pub devices: Vec<String>,
}

/// Something that the scenario made happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEvent {
    /// When.
    pub at: SimTime,
    /// What, in a few words fit for a chart: `dsl down`, `dsl up`.
    pub label: String,
    /// The path that it concerns, if one.
    pub path: Option<String>,
}

/// A device and what it did in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRecord {
    /// Name in the scenario.
    pub name: String,
    /// Model.
    pub model: &'static str,
    /// The model's own counters.
    pub counters: Vec<(String, u64)>,
    /// How often each kind of change ([`Change::label`]) was made.
    pub changes: BTreeMap<String, u64>,
    /// What an operator would see ([`crate::engine::device::Device::report`]).
    pub report: Vec<String>,
    /// Warnings about its configuration, each with file and line where there is one.
    pub warnings: Vec<String>,
}

/// A signed change of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRecord {
    /// When.
    pub at: SimTime,
    /// Who.
    pub device: DeviceId,
    /// Which packet.
    pub packet: PacketUid,
    /// Its flow when the device received it.
    pub flow: Flow,
    /// Why.
    pub rule: Arc<Rule>,
    /// What.
    pub change: Change,
}

/// One connection, from the application's call to its end.
#[derive(Clone, Debug)]
pub struct ConnectionRecord {
    /// Name of the traffic in the scenario.
    pub name: String,
    /// Host that opened it.
    pub client: String,
    /// Host that was called.
    pub server: String,
    /// What became of it, and why.
    pub outcome: outcome::Outcome,
    /// When the application called connect.
    pub started_at: SimTime,
    /// When the last byte was delivered and both directions were closed, if that happened.
    pub completed_at: Option<SimTime>,
    /// Every byte that was delivered is the byte that was written, in order.
    pub stream_intact: bool,
    /// Bytes delivered in order to the receiving applications, both directions.
    pub bytes_delivered: u64,
    /// Delivered bytes over the time from the first write to the last delivery, in bit/s.
    pub goodput_bps: f64,
    /// The most that the paths could give after headers, in bit/s; `None`: unlimited.
    pub bound_bps: Option<f64>,
    /// Longest time without a delivery while data was waiting to be delivered.
    pub longest_stall: SimDuration,
    /// When that began.
    pub longest_stall_at: SimTime,
    /// Subflows, in the order in which they were tried.
    pub subflows: Vec<SubflowRecord>,
    /// MPTCP and TCP counters with the kernel's names, client then server.
    pub client_counters: BTreeMap<String, u64>,
    /// See `client_counters`.
    pub server_counters: BTreeMap<String, u64>,
    /// Time from write to in-order delivery, per delivered chunk weighted by its bytes, in ns.
    pub latency: latency::LatencyHistogram,
    /// What happened, in order of time, as the two endpoints saw it.
    pub story: Vec<story::Entry>,
    /// Delivered bytes and more over time.
    pub series: series::ConnectionSeries,
}

/// One subflow, as the client sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct SubflowRecord {
    /// Name of the path.
    pub path: String,
    /// Initial or join.
    pub role: SubflowRole,
    /// Addresses and ports at the client.
    pub flow: Flow,
    /// How far it came.
    pub outcome: SubflowOutcome,
    /// MP_TCPRST's reason, if it ended by a reset that carried one.
    pub reset_reason: Option<u8>,
    /// New data-level bytes that it brought to a receiver.
    pub bytes: u64,
    /// Those over the connection's goodput time, in bit/s.
    pub goodput_bps: f64,
    /// Segments sent again by both ends.
    pub retransmissions: u64,
    /// Why it was refused or reset, where something is to blame.
    pub cause: Option<outcome::Cause>,
    /// When it was tried.
    pub started_at: SimTime,
    /// When it was established, if it was.
    pub established_at: Option<SimTime>,
    /// When it ended, if it did before the connection.
    pub ended_at: Option<SimTime>,
}

/// A join that reached a host which does not know its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrayReset {
    /// When.
    pub at: SimTime,
    /// The host.
    pub host: String,
    /// Index of the subflow.
    pub subflow: usize,
    /// The join's SYN.
    pub packet: PacketUid,
}

/// Part that a subflow plays in its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubflowRole {
    /// The first one (MP_CAPABLE), or the only one of plain TCP.
    Initial,
    /// Joined later (MP_JOIN).
    Join,
}

/// How far a subflow came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubflowOutcome {
    /// It carried, or could have carried, data.
    Established,
    /// It was established and then reset.
    Reset,
    /// It was refused before it was established: reset by either end or by a device.
    Refused,
    /// Nobody answered.
    TimedOut,
}

impl RunRecord {
    /// The device of this id.
    #[must_use]
    pub fn device(&self, id: DeviceId) -> &DeviceRecord {
        &self.devices[id.0 as usize]
    }
}
