//! CUBIC (RFC 9438) in the integer arithmetic of Linux's `tcp_cubic.c`, with fast convergence, the
//! Reno-friendly region and HyStart (both its detectors: ack train and delay increase).

use super::{AckSample, Window};
use crate::time::{SimDuration, SimTime};

/// β = 0.7, in 1024ths.
const BETA: u64 = 717;
const BETA_UNIT: u64 = 1024;
/// C = 0.4, in 1024ths.
const C: u64 = 410;
/// 1/C in (1/1024 s)³ per segment: the cube root of a window's distance is a time.
const CUBE_FACTOR: u64 = (1 << 40) / C;
/// Acknowledged windows, in eighths, for which Reno with CUBIC's β grows by one:
/// (1 + β) / (3 (1 − β)).
const RENO_FRIENDLY: u64 = 15;
/// While the window stays the same, the curve is evaluated only this often.
const REFRESH: SimDuration = SimDuration::from_nanos(1_000_000_000 / 32);
/// And never more often than this (a tick of the kernel).
const TICK: SimDuration = SimDuration::from_millis(1);
/// Beyond this distance from the curve's middle (256 s, in 1024ths) it is flat enough.
const FARTHEST: u64 = 1 << 18;

/// The state of one CUBIC window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cubic {
    /// Segments to acknowledge for one segment of growth.
    per: u32,
    /// The window before the last reduction; 0: none yet.
    last_max: u32,
    /// The window and the time of the last evaluation.
    last_cwnd: u32,
    last_time: SimTime,
    /// When the present curve began; none right after a reduction.
    epoch: Option<SimTime>,
    /// The curve's middle: window, and time from the epoch in 1024ths of a second.
    origin: u32,
    k: u64,
    /// What Reno's window would be, and what was acknowledged since it last grew.
    reno_cwnd: u32,
    reno_acked: u64,
    /// Least round-trip time seen.
    delay_min: Option<SimDuration>,
    hystart: HyStart,
}

/// Leaves slow start before the queue overflows (Ha and Rhee, 2011).
#[derive(Clone, Copy, Debug, Default)]
struct HyStart {
    found: bool,
    /// The round ends with the first segment that was sent when this many had been delivered.
    round_delivered: u64,
    round_start: SimTime,
    last_ack: SimTime,
    least_rtt: Option<SimDuration>,
    samples: u8,
}

impl Cubic {
    /// Takes the round-trip time of every ACK, in recovery as well.
    pub(super) fn measure(&mut self, window: &mut Window, ack: &AckSample) {
        const SETTLED: SimDuration = SimDuration::from_secs(1);
        let Some(rtt) = ack.rtt else { return };
        // Samples right after a recovery tell of the queue that caused it.
        if self.epoch.is_some_and(|epoch| ack.now.since(epoch) < SETTLED) {
            return;
        }
        let delay_min = self.delay_min.map_or(rtt, |least| least.min(rtt));
        self.delay_min = Some(delay_min);
        if !self.hystart.found && window.in_slow_start() {
            self.hystart.update(window, ack, rtt, delay_min);
        }
    }

    /// Grows the window by what was acknowledged.
    pub(super) fn grow(&mut self, window: &mut Window, ack: &AckSample) {
        let mut acked = ack.acked;
        if window.in_slow_start() {
            acked = window.slow_start(acked);
            if acked == 0 {
                return;
            }
        }
        self.update(window.cwnd, ack.now, acked);
        window.additive_increase(self.per, acked);
    }

    /// The threshold after congestion; remembers where the window was (RFC 9438 §4.6 and §4.7).
    pub(super) fn reduced(&mut self, cwnd: u32) -> u32 {
        self.epoch = None;
        // Fast convergence: a window that did not reach its last maximum makes room.
        self.last_max = if cwnd < self.last_max {
            (u64::from(cwnd) * (BETA_UNIT + BETA) / (2 * BETA_UNIT)) as u32
        } else {
            cwnd
        };
        ((u64::from(cwnd) * BETA / BETA_UNIT) as u32).max(2)
    }

    /// A timeout: nothing that was known of the path holds any more.
    pub(super) fn on_timeout(&mut self, now_delivered: u64) {
        *self = Self::default();
        self.hystart.round_delivered = now_delivered;
    }

    /// Time in which nothing was sent does not count on the curve.
    pub(super) fn on_idle(&mut self, now: SimTime, idle: SimDuration) {
        self.epoch = self.epoch.map(|epoch| (epoch + idle).min(now));
    }

    /// Computes `per` from the curve and from Reno's window.
    fn update(&mut self, cwnd: u32, now: SimTime, acked: u32) {
        self.reno_acked += u64::from(acked);
        let since_last = now.since(self.last_time);
        if self.last_cwnd == cwnd && since_last <= REFRESH {
            return;
        }
        if self.epoch.is_none() || since_last >= TICK {
            self.last_cwnd = cwnd;
            self.last_time = now;
            self.follow_curve(cwnd, now, acked);
        }
        self.follow_reno(cwnd);
        // At most half again per round trip.
        self.per = self.per.max(2);
    }

    fn follow_curve(&mut self, cwnd: u32, now: SimTime, acked: u32) {
        let epoch = *self.epoch.get_or_insert_with(|| {
            self.reno_acked = u64::from(acked);
            self.reno_cwnd = cwnd;
            self.origin = self.last_max.max(cwnd);
            self.k = cube_root(CUBE_FACTOR * u64::from(self.origin - cwnd));
            now
        });
        let t = ticks_1024(now.since(epoch) + self.delay_min.unwrap_or_default());
        let offset = t.abs_diff(self.k).min(FARTHEST);
        let distance = ((C * offset * offset * offset) >> 40) as u32;
        let target = if t < self.k {
            self.origin.saturating_sub(distance)
        } else {
            self.origin.saturating_add(distance)
        };
        self.per = match target.checked_sub(cwnd) {
            None | Some(0) => cwnd.saturating_mul(100),
            Some(missing) => cwnd / missing,
        };
        // Nothing is known of the path yet: at least 5 % per round trip.
        if self.last_max == 0 {
            self.per = self.per.min(20);
        }
    }

    /// The Reno-friendly region (RFC 9438 §4.3): never slower than Reno would be.
    fn follow_reno(&mut self, cwnd: u32) {
        let per_segment = ((u64::from(cwnd) * RENO_FRIENDLY) >> 3).max(1);
        if self.reno_acked > per_segment {
            let grown = (self.reno_acked - 1) / per_segment;
            self.reno_acked -= grown * per_segment;
            self.reno_cwnd = self.reno_cwnd.saturating_add(grown as u32);
        }
        if self.reno_cwnd > cwnd {
            self.per = self.per.min(cwnd / (self.reno_cwnd - cwnd));
        }
    }
}

impl HyStart {
    fn update(
        &mut self,
        window: &mut Window,
        ack: &AckSample,
        rtt: SimDuration,
        delay_min: SimDuration,
    ) {
        const LOW_WINDOW: u32 = 16;
        const TRAIN_GAP: SimDuration = SimDuration::from_millis(2);
        const MIN_SAMPLES: u8 = 8;
        const LEAST_RISE: SimDuration = SimDuration::from_millis(4);
        const MOST_RISE: SimDuration = SimDuration::from_millis(16);

        if ack.prior_delivered >= self.round_delivered {
            *self = Self {
                round_delivered: ack.delivered,
                round_start: ack.now,
                last_ack: ack.now,
                ..Self::default()
            };
        }
        if window.cwnd < LOW_WINDOW {
            return;
        }
        if ack.now.since(self.last_ack) <= TRAIN_GAP {
            self.last_ack = ack.now;
            // The train of ACKs is as long as half the path: the path is full.
            self.found = ack.now.since(self.round_start) > delay_min / 2;
        }
        let least_rtt = self.least_rtt.map_or(rtt, |least| least.min(rtt));
        self.least_rtt = Some(least_rtt);
        if self.samples < MIN_SAMPLES {
            self.samples += 1;
        } else if least_rtt > delay_min + (delay_min / 8).clamp(LEAST_RISE, MOST_RISE) {
            self.found = true;
        }
        if self.found {
            window.ssthresh = window.cwnd;
        }
    }
}

/// A span in 1024ths of a second.
fn ticks_1024(span: SimDuration) -> u64 {
    // 10^9 / 1024 = 1953125 / 2.
    span.as_nanos().saturating_mul(2) / 1_953_125
}

/// The integer cube root, rounded down.
fn cube_root(n: u64) -> u64 {
    let mut root = 0u64;
    // 2^21 cubed is the most that 64 bits hold.
    for bit in (0..22).rev() {
        let candidate = root | 1 << bit;
        if candidate.checked_pow(3).is_some_and(|cube| cube <= n) {
            root = candidate;
        }
    }
    root
}
