//! Runs a scenario and reads from its record what a measuring rig would have written down.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use scenarios::schema::Traffic;
use scenarios::{Loaded, load};
use sim_core::record::story::{End, Entry, Fact};
use sim_core::record::{ConnectionRecord, RunRecord};
use sim_core::time::SimDuration;

/// Resolution of the measurements: the intervals of the recorded series.
pub(crate) const TICK: SimDuration = SimDuration::from_millis(1);

/// A file below the validation folder.
pub(crate) fn file(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/validation").join(relative)
}

/// A scenario of the validation folder, with settings as of `--set`.
pub(crate) fn scenario(relative: &str, settings: &[String]) -> Result<Loaded, String> {
    let mut loaded = load(&file(relative), settings).map_err(|faults| shown(&faults))?;
    loaded.sample_interval = Some(TICK);
    Ok(loaded)
}

/// The record of a scenario.
pub(crate) fn record(loaded: &Loaded) -> Result<RunRecord, String> {
    loaded.run(None).map(|run| run.record).map_err(|faults| shown(&faults))
}

pub(crate) fn shown(faults: &[scenarios::Diagnostic]) -> String {
    faults.iter().map(|fault| fault.render(false)).collect::<Vec<_>>().join("\n")
}

/// What the two ends of a connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// MPTCP to the end.
    Mptcp,
    /// Begun as MPTCP, plain TCP at the end.
    Fallback,
    /// Never anything but plain TCP.
    Tcp,
    /// Not everything arrived and was closed.
    Failed,
}

/// What a rig would have written down about a connection.
#[derive(Clone, Debug)]
pub(crate) struct Observation {
    /// What became of it, whatever bytes were delivered.
    pub(crate) mode: Mode,
    /// Every byte delivered was the byte written.
    pub(crate) is_intact: bool,
    /// Joins that the server accepted.
    pub(crate) joins: u64,
    /// Client and server went on as plain TCP.
    pub(crate) fell_back: [bool; 2],
    /// Goodput of each phase (up, then down), in Mbit/s, where it was completed.
    pub(crate) mbps: [Option<f64>; 2],
    /// Resets with a reason that an end sent: path, end, reason.
    pub(crate) resets: BTreeSet<(String, End, u8)>,
    /// Counters that are not zero and tell a cause, behind the end that they are of: `client RmAddr`.
    pub(crate) counted: BTreeSet<String>,
    /// Times without a delivery, longer than a tick: from, to, in seconds.
    pub(crate) gaps: Vec<(f64, f64)>,
}

impl Observation {
    /// Reads the record of a run with one connection; goodputs if its traffic is an `UpThenDown`.
    pub(crate) fn of(loaded: &Loaded, record: &RunRecord) -> Option<Self> {
        let connection = record.connections.first()?;
        let app_end = |end| {
            connection.story.iter().any(|e| e.end == end && matches!(e.fact, Fact::FellBack(_)))
        };
        let fell_back = [app_end(End::Client), app_end(End::Server)];
        let offered = connection.client_counters.contains_key("MPCapableSYNTX");
        let mode = match (connection.completed_at, offered, fell_back) {
            (None, ..) => Mode::Failed,
            (_, false, _) => Mode::Tcp,
            (_, true, [true, true]) => Mode::Fallback,
            _ => Mode::Mptcp,
        };
        let mbps = match *loaded.scenario.traffic.first()? {
            Traffic::UpThenDown { up, down, duplex: Some(true), .. } => {
                [(up.0, End::Server), (down.0, End::Client)]
                    .map(|(bytes, reader)| until_fin(connection, bytes, reader))
            }
            Traffic::UpThenDown { up, down, .. } => phases(connection, [up.0, down.0]),
            _ => [None, None],
        };
        Some(Self {
            mode,
            is_intact: connection.stream_intact,
            joins: connection.server_counters.get("MPJoinAckRx").copied().unwrap_or(0),
            fell_back,
            mbps,
            resets: resets(connection, record),
            counted: counted(connection),
            gaps: gaps(connection),
        })
    }

    /// The longest time without a delivery that ended after `since`, in seconds.
    pub(crate) fn longest_gap_after(&self, since: f64) -> f64 {
        let after = self.gaps.iter().filter(|(_, to)| *to >= since);
        after.map(|(from, to)| to - from).fold(0.0, f64::max)
    }
}

/// Instants with a delivery, in ticks from the start, and what was delivered.
pub(crate) fn deliveries(connection: &ConnectionRecord) -> impl Iterator<Item = (u64, u64)> {
    (0..).zip(connection.series.delivered.iter().copied()).filter(|(_, bytes)| *bytes > 0)
}

/// Goodput of the upload, from its first delivery on, and of the download, from the moment on when
/// the server had everything and could begin.
fn phases(connection: &ConnectionRecord, [up, down]: [u64; 2]) -> [Option<f64>; 2] {
    let (mut sum, mut first, mut turn, mut end) = (0, None, None, None);
    for (tick, bytes) in deliveries(connection) {
        first.get_or_insert(tick);
        sum += bytes;
        if sum >= up {
            turn.get_or_insert(tick);
        }
        if sum >= up + down {
            end.get_or_insert(tick);
        }
    }
    let rate = |bytes: u64, from: Option<u64>, to: Option<u64>| {
        let ticks = to?.checked_sub(from?).filter(|&ticks| ticks > 0)?;
        Some(bytes as f64 * 8.0 / (ticks as f64 * TICK.as_secs_f64()) / 1e6)
    };
    [rate(up, first, turn), rate(down, turn, end)]
}

/// Goodput of one of two directions at once: up to the end that `reader` saw.
fn until_fin(connection: &ConnectionRecord, bytes: u64, reader: End) -> Option<f64> {
    let first = deliveries(connection).next()?.0 as f64 * TICK.as_secs_f64();
    let is_end = |e: &&Entry| e.end == reader && matches!(e.fact, Fact::FinReceived);
    let end = connection.story.iter().find(is_end)?.at.as_secs_f64();
    (end > first).then(|| bytes as f64 * 8.0 / (end - first) / 1e6)
}

/// What was counted, apart from queues that fill, windows and TCP's own: how often that happens is a
/// matter of timing.
fn counted(connection: &ConnectionRecord) -> BTreeSet<String> {
    let ends = [("client", &connection.client_counters), ("server", &connection.server_counters)];
    let timing = ["OFO", "Tcp", "RcvWnd", "SndWnd", "Window", "NoDSSInWindow", "MPCurrEstab"];
    let told = |name: &str| !timing.iter().any(|prefix| name.starts_with(prefix));
    let of = |(end, counters): (&str, &BTreeMap<String, u64>)| {
        let names = counters.iter().filter(|(name, count)| **count > 0 && told(name));
        names.map(|(name, _)| format!("{end} {name}")).collect::<Vec<_>>()
    };
    ends.into_iter().flat_map(of).collect()
}

fn gaps(connection: &ConnectionRecord) -> Vec<(f64, f64)> {
    let seconds = |ticks: u64| ticks as f64 * TICK.as_secs_f64();
    let instants: Vec<u64> = deliveries(connection).map(|(tick, _)| tick).collect();
    let pairs = instants.windows(2).filter(|pair| pair[1] - pair[0] > 1);
    pairs.map(|pair| (seconds(pair[0]), seconds(pair[1]))).collect()
}

/// Resets that the ends sent. Those of a third host are known only from the end that received them,
/// which counts where no device sends resets.
fn resets(connection: &ConnectionRecord, record: &RunRecord) -> BTreeSet<(String, End, u8)> {
    let by_device = record.devices.iter().any(|device| device.changes.contains_key("reset"));
    let path = |subflow: Option<usize>| {
        subflow.and_then(|i| connection.subflows.get(i)).map_or("?", |s| s.path.as_str()).to_owned()
    };
    let of = |entry: &Entry| match entry.fact {
        Fact::ResetSent { reason: Some(reason), .. } => {
            Some((path(entry.subflow), entry.end, reason.0))
        }
        Fact::ResetReceived { reason: Some(reason) } if !by_device => {
            Some((path(entry.subflow), entry.end.peer(), reason.0))
        }
        _ => None,
    };
    connection.story.iter().filter_map(of).collect()
}
