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

impl ConnectionSeries {
    /// The series of a subflow, new unless it was there.
    #[inline(always)] // once for each segment with data
    pub(crate) fn subflow_mut(&mut self, index: usize) -> &mut SubflowSeries {
        if self.subflows.len() <= index {
            self.add_subflows(index);
        }
        &mut self.subflows[index]
    }

    #[cold]
    fn add_subflows(&mut self, last: usize) {
        self.subflows.reserve_exact(last + 1 - self.subflows.len());
        self.subflows.resize(last + 1, SubflowSeries::default());
    }
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

/// Which interval an instant lies in. Time mostly stays in one for thousands of events.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    length: SimDuration,
    index: usize,
    from: SimTime,
    until: SimTime,
}

impl Intervals {
    /// Intervals of this length from the start of the run on.
    #[must_use]
    pub fn new(length: SimDuration) -> Self {
        Self { length, index: 0, from: SimTime::ZERO, until: SimTime::ZERO + length }
    }

    /// The length.
    #[must_use]
    pub const fn length(&self) -> SimDuration {
        self.length
    }

    /// The interval of `at`.
    #[inline(always)] // once for each segment with data
    pub fn index_of(&mut self, at: SimTime) -> usize {
        if !(self.from..self.until).contains(&at) {
            self.go_to(at);
        }
        self.index
    }

    #[cold]
    fn go_to(&mut self, at: SimTime) {
        let length = self.length.as_nanos().max(1);
        self.index = (at.as_nanos() / length) as usize;
        self.from = SimTime(self.index as u64 * length);
        self.until = self.from + SimDuration(length);
    }
}

/// Adds `amount` to an interval.
#[inline(always)] // twice for each segment with data
pub fn add(counts: &mut Vec<u64>, interval: usize, amount: u64) {
    match counts.get_mut(interval) {
        Some(count) => *count += amount,
        None => begin(counts, interval, amount),
    }
}

#[cold]
fn begin(counts: &mut Vec<u64>, interval: usize, amount: u64) {
    counts.resize(interval, 0);
    counts.push(amount);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_on_the_border_belongs_to_the_next_interval() {
        let mut intervals = Intervals::new(SimDuration(10));
        let indices = [0, 9, 10, 29, 30, 5, 1000].map(|at| intervals.index_of(SimTime(at)));
        assert_eq!(indices, [0, 0, 1, 2, 3, 0, 100]);
    }
}
