//! Weighted Vegas (Cao, Xu and Fu, 2012), as in the out-of-tree kernel's `mptcp_wvegas.c`: each subflow
//! keeps a number of segments queued in the path that is its share of a total, so that all paths come
//! to the same congestion. With a single subflow it is Vegas that keeps the whole total queued.

use super::{AckSample, Sibling, Window, reno};
use crate::time::SimDuration;

/// Segments that all subflows together keep queued.
const TOTAL_ALPHA: f64 = 10.0;
/// Segments that a subflow keeps queued at least, and to begin with.
const LEAST_ALPHA: u32 = 2;
/// Queued segments that end slow start.
const GAMMA: u64 = 1;

/// The state of one wVegas window.
#[derive(Clone, Copy, Debug)]
pub(super) struct WVegas {
    /// False from a loss until its repair: then the window is Reno's.
    active: bool,
    /// The round ends with the first segment that was sent when this many had been delivered.
    round_delivered: u64,
    /// Round-trip times of this round.
    samples: u32,
    sampled: SimDuration,
    /// Least round-trip time seen.
    base_rtt: SimDuration,
    /// Segments per nanosecond when the share was last computed.
    rate: f64,
    /// The share: segments to keep queued.
    alpha: u32,
    /// Least queueing delay of a round since the queue was last drained.
    queue_delay: Option<SimDuration>,
}

impl Default for WVegas {
    fn default() -> Self {
        Self {
            active: true,
            round_delivered: 0,
            samples: 0,
            sampled: SimDuration::ZERO,
            base_rtt: SimDuration::MAX,
            rate: 0.0,
            alpha: LEAST_ALPHA,
            queue_delay: None,
        }
    }
}

impl WVegas {
    /// What the siblings weigh themselves against, in segments per nanosecond; zero while inactive.
    pub(super) fn rate(&self) -> f64 {
        if self.active { self.rate } else { 0.0 }
    }

    /// Takes the round-trip time of every ACK.
    pub(super) fn measure(&mut self, ack: &AckSample) {
        if let Some(rtt) = ack.rtt {
            self.base_rtt = self.base_rtt.min(rtt);
            self.samples += 1;
            self.sampled = self.sampled + rtt;
        }
    }

    /// A loss: Reno until it is repaired.
    pub(super) fn on_loss(&mut self) {
        self.active = false;
    }

    /// Begins anew; the least round-trip time stays known.
    pub(super) fn restart(&mut self, delivered: u64) {
        *self = Self { base_rtt: self.base_rtt, round_delivered: delivered, ..Self::default() };
    }

    /// Adjusts the window once per round trip; slow start in between.
    pub(super) fn grow(
        &mut self,
        window: &mut Window,
        ack: &AckSample,
        siblings: &[Sibling],
        me: usize,
    ) {
        if !self.active {
            grow_as_reno(window, ack);
        } else if ack.prior_delivered >= self.round_delivered {
            self.round_delivered = ack.delivered;
            // One or two samples may be of a delayed acknowledgement.
            if self.samples > 2 {
                let rtt = self.sampled / u64::from(self.samples);
                self.adjust(window, ack, rtt, siblings, me);
            } else {
                grow_as_reno(window, ack);
            }
            self.samples = 0;
            self.sampled = SimDuration::ZERO;
        } else if window.in_slow_start() && ack.grows() {
            window.slow_start(ack.acked);
        }
    }

    fn adjust(
        &mut self,
        window: &mut Window,
        ack: &AckSample,
        rtt: SimDuration,
        siblings: &[Sibling],
        me: usize,
    ) {
        let cwnd = u64::from(window.cwnd);
        let rtt_ns = rtt.as_nanos().max(1);
        let queue = rtt.saturating_sub(self.base_rtt);
        // Segments of the window that wait in a queue.
        let queued = (u128::from(cwnd) * u128::from(queue.as_nanos()) / u128::from(rtt_ns)) as u64;

        if window.in_slow_start() {
            if queued > GAMMA {
                window.cwnd = window.cwnd.min((cwnd - queued) as u32 + 1);
                window.ssthresh = window.ssthresh.min(window.cwnd);
            } else if ack.grows() {
                window.slow_start(ack.acked);
            }
        } else {
            if queued >= u64::from(self.alpha) {
                self.rate = window.cwnd as f64 / rtt_ns as f64;
                self.alpha = ((self.weight(siblings, me) * TOTAL_ALPHA) as u32).max(LEAST_ALPHA);
            }
            let alpha = u64::from(self.alpha);
            if queued > alpha {
                window.cwnd -= 1;
                window.ssthresh = window.ssthresh.min(window.cwnd);
            } else if queued < alpha && ack.cwnd_limited {
                window.cwnd = window.cwnd.saturating_add(1);
            }
            self.drain(window, rtt, queue);
        }
        window.cwnd = window.cwnd.max(2);
        window.ssthresh = window.ssthresh.max((u64::from(window.cwnd) * 3 / 4) as u32);
    }

    /// The subflow's part of the connection's rate.
    fn weight(&self, siblings: &[Sibling], me: usize) -> f64 {
        let others: f64 = siblings
            .iter()
            .enumerate()
            .filter(|(i, s)| *i != me && s.usable())
            .map(|(_, s)| s.vegas_rate)
            .sum();
        self.rate / (self.rate + others)
    }

    /// A queue twice as long as it has been: give way, so that the least round-trip time can be seen.
    fn drain(&mut self, window: &mut Window, rtt: SimDuration, queue: SimDuration) {
        let least = self.queue_delay.map_or(queue, |least| least.min(queue));
        self.queue_delay = Some(least);
        if least > SimDuration::ZERO && queue >= least * 2 {
            let base = u128::from(self.base_rtt.as_nanos());
            let cwnd = u128::from(window.cwnd) * base / (2 * u128::from(rtt.as_nanos()));
            window.cwnd = cwnd as u32;
            self.queue_delay = None;
        }
    }
}

fn grow_as_reno(window: &mut Window, ack: &AckSample) {
    if ack.grows() {
        reno::grow(window, ack.acked);
    }
}
