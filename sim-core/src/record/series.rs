//! What is drawn over time: counts per interval, kept while the run goes on.

use crate::time::{SimDuration, SimTime};

/// One connection over time, in intervals of equal length from the start of the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectionSeries {
    /// Length of an interval.
    pub interval: SimDuration,
    /// Bytes delivered in order to the applications per interval.
    pub delivered: Vec<u64>,
    /// One per subflow, in the order of [`super::ConnectionRecord::subflows`].
    pub subflows: Vec<SubflowSeries>,
}

/// One subflow over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubflowSeries {
    /// New data-level bytes that arrived over it, per interval.
    pub bytes: Vec<u64>,
    /// State of the sender that sends most, sampled at most once per interval.
    pub samples: Vec<SenderSample>,
}

/// A sender's state at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SenderSample {
    /// When.
    pub at: SimTime,
    /// Congestion window, in bytes.
    pub cwnd: u64,
    /// Smoothed round-trip time.
    pub srtt: SimDuration,
    /// Bytes in flight.
    pub in_flight: u64,
}

/// Adds `amount` to the interval of `at`.
pub fn add(counts: &mut Vec<u64>, interval: SimDuration, at: SimTime, amount: u64) {
    let index = (at.as_nanos() / interval.as_nanos().max(1)) as usize;
    if counts.len() <= index {
        counts.resize(index + 1, 0);
    }
    counts[index] += amount;
}
