//! Delivery-rate samples (Linux's `tcp_rate.c`) and the pacing rate.

use super::Sender;
use super::segment::Segment;
use crate::time::{SimDuration, SimTime};

/// Nanoseconds of a unit of Linux's `srtt_us`: an eighth of a microsecond. What is not measured is not divided by.
const SRTT_UNIT: u64 = 125;

impl Sender {
    /// Bytes per second that leave when the window is used: what congestion control wants, else twice
    /// the window per round trip in slow start and 1.2 times afterwards (Linux's `sk_pacing_rate`,
    /// `tcp_update_pacing_rate`). `mss` is the payload of a full segment. Before the first measurement that
    /// is as for a round trip of one unit of Linux's `srtt_us`, and for BBR as for a millisecond.
    #[must_use]
    pub fn pacing_rate(&self, mss: u32) -> u64 {
        let (window, srtt) = (self.congestion.window(), self.rtt.srtt());
        let first = || self.congestion.first_rate(u64::from(window.cwnd) * u64::from(mss), srtt);
        if let Some(rate) = self.congestion.pacing_rate().or_else(first) {
            return rate;
        }
        let percent: u64 = match window.known_ssthresh() {
            Some(ssthresh) if window.cwnd >= ssthresh / 2 => 120,
            _ => 200,
        };
        let srtt = match srtt {
            SimDuration::ZERO => SRTT_UNIT,
            srtt => srtt.as_nanos(),
        };
        let segments = u64::from(window.cwnd.max(self.segments.len() as u32).max(1));
        let bytes = u128::from(segments * u64::from(mss));
        (bytes * u128::from(percent) * 10_000_000 / u128::from(srtt)) as u64
    }
}

/// The segment that a delivery-rate sample is made from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RateSample {
    pub(super) valid: bool,
    pub(super) prior_delivered: u64,
    prior_at: SimTime,
    send_interval: SimDuration,
    pub(super) app_limited: bool,
}

impl RateSample {
    #[inline]
    pub(super) fn of(segment: &Segment) -> Self {
        Self {
            valid: true,
            prior_delivered: segment.delivered,
            prior_at: segment.delivered_at,
            send_interval: segment.sent_at.since(segment.first_sent_at),
            app_limited: segment.app_limited,
        }
    }

    /// The longer of the sending and the acknowledging interval; zero when the sample says nothing.
    pub(super) fn interval(&self, now: SimTime, min_rtt: SimDuration) -> SimDuration {
        let interval = self.send_interval.max(now.since(self.prior_at));
        if self.valid && interval >= min_rtt { interval } else { SimDuration::ZERO }
    }
}
