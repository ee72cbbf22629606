//! What the engine measures of a connection while it runs: deliveries, latency, stalls, series.

use crate::app::marks::Marks;
use crate::record::latency::LatencyHistogram;
use crate::record::series;
use crate::time::{SimDuration, SimTime};

/// One direction of a connection.
#[derive(Debug, Default)]
pub struct Direction {
    /// Bytes delivered in order.
    pub delivered: u64,
    /// When the last were.
    pub last_delivery: Option<SimTime>,
    /// When the first were written.
    pub first_write: Option<SimTime>,
    /// Longest time without a delivery while data waited, and when it began.
    pub longest_stall: SimDuration,
    /// See `longest_stall`.
    pub longest_stall_at: SimTime,
}

impl Direction {
    /// `bytes` more were delivered now; `marks` says what was written when. Returns since when they had
    /// been awaited.
    #[inline(always)] // once for each segment with data
    pub fn deliver(
        &mut self,
        now: SimTime,
        bytes: u64,
        marks: &mut Marks,
        latency: &mut LatencyHistogram,
    ) -> Option<SimTime> {
        let since = self.note_wait(now, marks);
        let mut from = self.delivered;
        self.delivered += bytes;
        self.last_delivery = Some(now);
        while let Some((end, written_at)) = marks.front() {
            let upto = end.min(self.delivered);
            if upto > from {
                self.first_write.get_or_insert(written_at);
                latency.record_n(now.since(written_at).as_nanos(), upto - from);
                from = upto;
            }
            if end > self.delivered {
                break;
            }
            marks.pop_front();
            if end == self.delivered {
                break; // the next mark is behind it
            }
        }
        since
    }

    /// How long the oldest undelivered byte has waited without any delivery; returns since when.
    #[inline]
    pub fn note_wait(&mut self, now: SimTime, marks: &Marks) -> Option<SimTime> {
        let (_, written_at) = marks.front()?;
        let since = self.last_delivery.map_or(written_at, |at| at.max(written_at));
        let waited = now.since(since);
        if waited > self.longest_stall {
            self.longest_stall = waited;
            self.longest_stall_at = since;
        }
        Some(since)
    }
}

/// One connection's measurements.
#[derive(Debug)]
pub struct Tracker {
    /// Client to server, server to client.
    pub directions: [Direction; 2],
    /// Write to in-order delivery, both directions.
    pub latency: LatencyHistogram,
    /// Per interval.
    pub series: series::ConnectionSeries,
}

impl Tracker {
    /// Nothing measured yet.
    #[must_use]
    pub fn new(interval: SimDuration) -> Self {
        Self {
            directions: Default::default(),
            latency: LatencyHistogram::new(),
            series: series::ConnectionSeries { interval, ..Default::default() },
        }
    }

    /// Gives back room that only a busy connection needs.
    pub fn shrink(&mut self) {
        self.series.delivered.shrink_to_fit();
        for subflow in &mut self.series.subflows {
            subflow.bytes.shrink_to_fit();
        }
    }

    /// Tells where in memory the next delivery is counted.
    #[inline]
    pub(super) fn ask_for_lists(&self, ask: impl Fn(*const u8)) {
        self.latency.ask_for_recent(&ask);
        if let Some(count) = self.series.delivered.last() {
            ask((count as *const u64).cast());
        }
        if let Some(subflow) = self.series.subflows.first() {
            ask((subflow as *const series::SubflowSeries).cast());
        }
    }
}
