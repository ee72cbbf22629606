//! Where the rest went: the difference between what the paths could give and what was delivered,
//! split into parts that the record can show.
//!
//! Every path's part of the bound is followed over the time in which the connection delivered data
//! (its goodput time). What a path did not carry is laid to, in this order: no subflow ever stood on
//! it; its subflow was not there yet, silent, or gone; it was ramping up, its window full; segments were
//! sent again; the congestion window was full and yet the path was not; the window was open and nothing
//! was sent (the application or the receive window held it).

use sim_core::record::series::{ConnectionSeries, SubflowSeries};
use sim_core::record::story::Fact;
use sim_core::record::{ConnectionRecord, RunRecord, SubflowRecord};
use sim_core::time::{SimDuration, SimTime};

/// Payload of a full segment, for the cost of one sent again.
const SEGMENT_BYTES: f64 = 1400.0;
/// A path that carries this part of its rate has been ramped up.
const RAMPED_UP: f64 = 0.9;
/// A gap of this length is silence; a shorter one is how a retransmission looks, which holds data back
/// and then lets it go at once.
const SILENCE: SimDuration = SimDuration::from_millis(500);
/// A window filled to less than this is open.
const OPEN_WINDOW: f64 = 0.9;

/// What took a part of the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No subflow was ever established there.
    Unused,
    /// The subflow was not established yet.
    NotYet,
    /// From the handshake until the path was first filled: slow start.
    RampUp,
    /// The subflow brought nothing: what it sent timed out, or it had ended.
    Silent,
    /// Segments were sent again.
    Loss,
    /// The congestion window was full, but smaller than what the path holds.
    CongestionWindow,
    /// The congestion window was open: the application had nothing to send, or the receive window
    /// was closed.
    NotOffered,
}

/// One part of the difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What took it.
    pub reason: Reason,
    /// How much, in bit/s, as a mean over the goodput time.
    pub bps: f64,
    /// On which paths, in the scenario's order.
    pub paths: Vec<String>,
}

/// The parts, the largest first; `None` where the bound is unknown or was reached, or cannot be split
/// by path (a bottleneck that paths share).
#[must_use]
pub fn parts(record: &RunRecord, connection: &ConnectionRecord) -> Option<Vec<Part>> {
    let bound = connection.bound_bps?;
    let missing = bound - connection.goodput_bps;
    let rates: Vec<f64> = record
        .paths
        .iter()
        .map(|path| path.rate_bps.map(|bps| bps as f64))
        .collect::<Option<_>>()?;
    // What is left of the rates after headers is the same part on every path, within a percent. A
    // smaller part means that the bound is set by something that the paths share.
    let payload_part = bound / rates.iter().sum::<f64>();
    if missing <= 0.0 || !(0.85..=1.0).contains(&payload_part) || connection.goodput_bps <= 0.0 {
        return None;
    }
    let begin = connection.started_at;
    let active_s = connection.bytes_delivered as f64 * 8.0 / connection.goodput_bps;
    let end = SimTime((begin.as_nanos() as f64 + active_s * 1e9) as u64);

    let mut losses: Vec<(Reason, String, f64)> = Vec::new();
    for (path, rate) in record.paths.iter().zip(&rates) {
        let window = Window { begin, end, capacity_bps: rate * payload_part };
        for (reason, bits) in path_losses(connection, &path.name, window) {
            losses.push((reason, path.name.clone(), bits / active_s));
        }
    }
    Some(merge(losses, missing))
}

/// The time and the rate that one path had.
#[derive(Clone, Copy)]
struct Window {
    begin: SimTime,
    end: SimTime,
    capacity_bps: f64,
}

fn path_losses(connection: &ConnectionRecord, path: &str, window: Window) -> Vec<(Reason, f64)> {
    let seconds = window.end.since(window.begin).as_secs_f64();
    let Some(carried) = Carried::over(connection, path) else {
        return vec![(Reason::Unused, window.capacity_bps * seconds)];
    };
    split(&carried, window)
}

/// What the subflows over one path did together.
struct Carried {
    interval: SimDuration,
    /// When the first was established.
    established: SimTime,
    /// New bytes per interval.
    bytes: Vec<u64>,
    /// For each interval, whether a window was open.
    open: Vec<bool>,
    /// Segments sent again, in bits.
    resent_bits: f64,
    /// When a retransmission timed out.
    timeouts: Vec<SimTime>,
    /// From when to when each subflow stood.
    lives: Vec<(SimTime, SimTime)>,
}

impl Carried {
    /// `None` when no subflow was ever established over the path.
    fn over(connection: &ConnectionRecord, path: &str) -> Option<Self> {
        let established = |s: &SubflowRecord| s.established_at.filter(|_| s.path == path);
        let of_path = |index: usize| connection.subflows.get(index).and_then(established).is_some();
        let mut carried = Self {
            interval: connection.series.interval,
            established: connection.subflows.iter().filter_map(established).min()?,
            bytes: Vec::new(),
            open: Vec::new(),
            resent_bits: 0.0,
            timeouts: connection
                .story
                .iter()
                .filter(|entry| matches!(entry.fact, Fact::RetransmissionTimeout { .. }))
                .filter(|entry| entry.subflow.is_some_and(of_path))
                .map(|entry| entry.at)
                .collect(),
            lives: Vec::new(),
        };
        for (index, subflow) in connection.subflows.iter().enumerate().filter(|(i, _)| of_path(*i))
        {
            carried.resent_bits += subflow.retransmissions as f64 * SEGMENT_BYTES * 8.0;
            let ended = subflow.ended_at.unwrap_or(SimTime::NEVER);
            carried.lives.extend(subflow.established_at.map(|established| (established, ended)));
            if let Some(series) = connection.series.subflows.get(index) {
                let bytes = &mut carried.bytes;
                bytes.resize(bytes.len().max(series.bytes.len()), 0);
                bytes.iter_mut().zip(&series.bytes).for_each(|(sum, new)| *sum += new);
                merge_open(&mut carried.open, window_open(&connection.series, series));
            }
        }
        Some(carried)
    }

    fn is_empty(&self, k: usize) -> bool {
        self.bytes.get(k).copied().unwrap_or(0) == 0
    }

    /// The gap that begins at interval `k`, if one does: `k`, and the interval after its last.
    fn gap(&self, k: usize, last: usize) -> Option<(usize, usize)> {
        let length = (k..last).take_while(|k| self.is_empty(*k)).count();
        (length > 0 && self.interval * length as u64 >= SILENCE).then_some((k, k + length))
    }

    /// Why nothing came in a gap: data was sent and timed out or no subflow was there to send it,
    /// or there was none to send.
    fn why_silent(&self, (first, end): (usize, usize)) -> Reason {
        let (from, to) = (self.start(first), self.start(end));
        let timed_out = self.timeouts.iter().any(|at| (from..to).contains(at));
        let stood = self.lives.iter().any(|(begin, end)| *begin <= from && *end >= to);
        if timed_out || !stood { Reason::Silent } else { Reason::NotOffered }
    }

    fn start(&self, k: usize) -> SimTime {
        SimTime::ZERO + self.interval * k as u64
    }
}

fn split(carried: &Carried, window: Window) -> Vec<(Reason, f64)> {
    let step = carried.interval.as_nanos().max(1);
    let mut losses = Vec::new();
    let mut ramped_up = false;
    let mut resent_bits = carried.resent_bits;
    let mut gap = None;
    let first = (window.begin.as_nanos() / step) as usize;
    let last = window.end.as_nanos().div_ceil(step) as usize;
    for k in first..last {
        let (from, to) = (carried.start(k).max(window.begin), carried.start(k + 1).min(window.end));
        let capacity = window.capacity_bps * to.since(from).as_secs_f64();
        let bits = carried.bytes.get(k).copied().unwrap_or(0) as f64 * 8.0;
        // A queue may give in one interval what it kept in the last: such a surplus counts against
        // the shortfall of the same reason, so it is not cut at zero.
        let lost = capacity - bits;
        if gap.is_none_or(|(_, end)| k >= end) {
            gap = carried.gap(k, last);
        }
        ramped_up |= bits >= RAMPED_UP * capacity;
        if to <= carried.established {
            losses.push((Reason::NotYet, lost));
        } else if !ramped_up {
            let is_open = carried.open.get(k).copied().unwrap_or(false);
            losses.push((if is_open { Reason::NotOffered } else { Reason::RampUp }, lost));
        } else if let Some(gap) = gap {
            losses.push((carried.why_silent(gap), lost));
        } else {
            let resent = resent_bits.min(lost.max(0.0));
            resent_bits -= resent;
            losses.push((Reason::Loss, resent));
            let is_open = carried.open.get(k).copied().unwrap_or(false);
            let rest = if is_open { Reason::NotOffered } else { Reason::CongestionWindow };
            losses.push((rest, lost - resent));
        }
    }
    losses
}

/// For each interval, whether the sender's window was open when it was last sampled.
fn window_open(series: &ConnectionSeries, subflow: &SubflowSeries) -> Vec<bool> {
    let step = series.interval.as_nanos().max(1);
    let mut open = Vec::new();
    for sample in &subflow.samples {
        let k = (sample.at.as_nanos() / step) as usize;
        let previous = open.last().copied().unwrap_or(false);
        open.resize(open.len().max(k + 1), previous);
        open[k] = (sample.in_flight as f64) < OPEN_WINDOW * sample.cwnd as f64;
    }
    open
}

fn merge_open(all: &mut Vec<bool>, one: Vec<bool>) {
    all.resize(all.len().max(one.len()), false);
    all.iter_mut().zip(one).for_each(|(all, one)| *all |= one);
}

/// Sums by reason, drops what is under a thousandth of the difference, and scales the rest so that
/// it is the whole difference: intervals cut at the edges must not make parts larger than the whole.
fn merge(losses: Vec<(Reason, String, f64)>, missing: f64) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut by_path: Vec<(Reason, String, f64)> = Vec::new();
    for (reason, path, bps) in losses {
        match by_path.iter_mut().find(|(r, p, _)| *r == reason && *p == path) {
            Some((_, _, sum)) => *sum += bps,
            None => by_path.push((reason, path, bps)),
        }
    }
    for (reason, path, bps) in by_path.into_iter().filter(|(_, _, bps)| *bps > missing * 1e-3) {
        match parts.iter_mut().find(|part| part.reason == reason) {
            Some(part) => {
                part.bps += bps;
                part.paths.push(path);
            }
            None => parts.push(Part { reason, bps, paths: vec![path] }),
        }
    }
    let sum: f64 = parts.iter().map(|part| part.bps).sum();
    parts.iter_mut().for_each(|part| part.bps *= missing / sum);
    parts.sort_by(|a, b| b.bps.total_cmp(&a.bps).then(a.reason.cmp(&b.reason)));
    parts
}

/// The most bytes that had arrived and waited for an earlier one, and when: head-of-line blocking.
#[must_use]
pub fn most_waiting(connection: &ConnectionRecord) -> (u64, SimTime) {
    let series = &connection.series;
    let (mut arrived, mut delivered) = (0u64, 0u64);
    let mut most = (0, SimTime::ZERO);
    for k in 0..series.delivered.len() {
        arrived += series.subflows.iter().filter_map(|s| s.bytes.get(k)).sum::<u64>();
        delivered += series.delivered[k];
        let waiting = arrived.saturating_sub(delivered);
        if waiting > most.0 {
            most = (waiting, SimTime::ZERO + series.interval * (k as u64 + 1));
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn parts_are_the_whole_difference() {
        for record in fixture::all() {
            for connection in &record.connections {
                let Some(parts) = parts(&record, connection) else { continue };
                let missing = connection.bound_bps.unwrap() - connection.goodput_bps;
                let sum: f64 = parts.iter().map(|part| part.bps).sum();
                assert!((sum - missing).abs() < 1.0, "{}: {sum} of {missing}", record.scenario);
                assert!(parts.iter().all(|part| part.bps > 0.0));
            }
        }
    }

    #[test]
    fn the_largest_part_is_what_happened() {
        for (record, reason, paths) in [
            (fixture::three_paths(), Reason::RampUp, vec!["dsl", "lte", "cable"]),
            (fixture::asa_default(), Reason::Unused, vec!["lte", "cable"]),
            (fixture::path_failure(), Reason::Silent, vec!["dsl"]),
        ] {
            let parts = parts(&record, &record.connections[0]).unwrap();
            assert_eq!(parts[0].reason, reason);
            assert_eq!(parts[0].paths, paths);
        }
    }

    #[test]
    fn nothing_is_said_that_the_record_cannot_show() {
        let mut unlimited = fixture::three_paths();
        unlimited.paths[1].rate_bps = None;
        let mut shared = fixture::three_paths();
        shared.connections[0].bound_bps = Some(5e6);
        let mut silent = fixture::three_paths();
        (silent.connections[0].goodput_bps, silent.connections[0].bytes_delivered) = (0.0, 0);
        for record in [unlimited, shared, silent] {
            assert_eq!(parts(&record, &record.connections[0]), None);
        }
    }
}
