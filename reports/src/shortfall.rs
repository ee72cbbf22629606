//! Where the rest went: the difference between what the paths could give and what was delivered,
//! split into parts that the record can show.
//!
//! Every path's part of the bound is followed over the time in which the connection delivered data
//! (its goodput time). What a path did not carry is laid to, in this order: no subflow ever stood on
//! it; its subflow was not there yet, silent, or gone; it was ramping up; segments were sent again;
//! the congestion window was full and yet the path was not; the window was open and nothing was
//! sent (the application or the receive window held it).

use sim_core::record::series::{ConnectionSeries, SubflowSeries};
use sim_core::record::{ConnectionRecord, RunRecord};
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
    /// The subflow delivered nothing for whole intervals, or had ended.
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
    let mut subflows = connection
        .subflows
        .iter()
        .enumerate()
        .filter(|(_, subflow)| subflow.path == path)
        .filter_map(|(index, subflow)| subflow.established_at.map(|at| (index, subflow, at)))
        .peekable();
    let Some(&(_, _, established)) = subflows.peek() else {
        return vec![(Reason::Unused, window.capacity_bps * seconds)];
    };
    let mut resent_bits = 0.0;
    let mut bytes: Vec<u64> = Vec::new();
    let mut open = Vec::new();
    for (index, subflow, _) in subflows {
        resent_bits += subflow.retransmissions as f64 * SEGMENT_BYTES * 8.0;
        if let Some(series) = connection.series.subflows.get(index) {
            bytes.resize(bytes.len().max(series.bytes.len()), 0);
            bytes.iter_mut().zip(&series.bytes).for_each(|(sum, new)| *sum += new);
            merge_open(&mut open, window_open(&connection.series, series));
        }
    }
    split(&connection.series, &bytes, &open, window, established, resent_bits)
}

fn split(
    series: &ConnectionSeries,
    bytes: &[u64],
    open: &[bool],
    window: Window,
    established: SimTime,
    mut resent_bits: f64,
) -> Vec<(Reason, f64)> {
    let step = series.interval.as_nanos().max(1);
    let mut losses = Vec::new();
    let mut ramped_up = false;
    let first = window.begin.as_nanos() / step;
    let last = window.end.as_nanos().div_ceil(step);
    for k in first..last {
        let from = (k * step).max(window.begin.as_nanos());
        let to = ((k + 1) * step).min(window.end.as_nanos());
        let capacity = window.capacity_bps * to.saturating_sub(from) as f64 / 1e9;
        let carried = bytes.get(k as usize).copied().unwrap_or(0) as f64 * 8.0;
        // A queue may give in one interval what it kept in the last: such a surplus counts against
        // the shortfall of the same reason, so it is not cut at zero.
        let mut lost = capacity - carried;
        if to <= established.as_nanos() {
            losses.push((Reason::NotYet, lost));
            continue;
        }
        ramped_up |= carried >= RAMPED_UP * capacity;
        if !ramped_up {
            losses.push((Reason::RampUp, lost));
            continue;
        }
        let is_open = open.get(k as usize).copied().unwrap_or(false);
        if is_silent(bytes, k as usize, SILENCE.as_nanos().div_ceil(step) as usize) {
            losses.push((if is_open { Reason::NotOffered } else { Reason::Silent }, lost));
        } else {
            let resent = resent_bits.min(lost.max(0.0));
            resent_bits -= resent;
            lost -= resent;
            losses.push((Reason::Loss, resent));
            let is_open = open.get(k as usize).copied().unwrap_or(false);
            losses
                .push((if is_open { Reason::NotOffered } else { Reason::CongestionWindow }, lost));
        }
    }
    losses
}

/// Whether interval `k` lies in a gap of at least `least` intervals.
fn is_silent(bytes: &[u64], k: usize, least: usize) -> bool {
    let is_empty = |k: &usize| bytes.get(*k).copied().unwrap_or(0) == 0;
    let before = (0..=k).rev().take_while(is_empty).take(least).count();
    let after = (k..k + least).take_while(is_empty).count();
    is_empty(&k) && before + after > least
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
