//! BBR version 1 (Cardwell et al., 2016; draft-cardwell-iccrg-bbr-congestion-control-00), as Linux's
//! `tcp_bbr.c`: a model of the path (its bandwidth, its least round-trip time) sets the pacing rate
//! and bounds what is in flight; losses do not.
//!
//! Left out: the detection of token-bucket policers (`lt_bw`), and the draws of chance: the phase in
//! which a flow begins to probe follows from its own history.

use super::{AckSample, Window};
use crate::time::{SimDuration, SimTime};

/// 2/ln 2: the least gain that doubles the delivery rate in each round.
const HIGH_GAIN: f64 = 2.885;
const DRAIN_GAIN: f64 = 1.0 / 2.885;
/// In flight in PROBE_BW, in bandwidth-delay products.
const CWND_GAIN: f64 = 2.0;
/// The phases of PROBE_BW, each about one round trip.
const CYCLE: [f64; 8] = [1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
/// Rounds that the bandwidth filter looks back.
const BANDWIDTH_ROUNDS: u64 = 10;
/// How long a round-trip time counts as the least one.
const MIN_RTT_WINDOW: SimDuration = SimDuration::from_secs(10);
/// How long PROBE_RTT keeps the path nearly empty.
const PROBE_RTT_TIME: SimDuration = SimDuration::from_millis(200);
/// In flight in PROBE_RTT, and the least ever.
const MIN_CWND: u32 = 4;
/// STARTUP ends when the bandwidth has not grown by a quarter in three rounds.
const FULL_GROWTH: f64 = 1.25;
const FULL_ROUNDS: u32 = 3;
/// Paced a little below the estimate, so that the queue stays short.
const PACING_MARGIN: f64 = 0.99;
/// ACKs that come in bunches are allowed for: the most of this many rounds, each of two slots.
const EXTRA_ACKED_ROUNDS: u32 = 5;
const EXTRA_ACKED_TIME_NS: f64 = 100e6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Startup,
    Drain,
    ProbeBw,
    ProbeRtt,
}

/// The state of one BBR window. Bandwidths are in segments per nanosecond.
#[derive(Clone, Debug)]
pub(super) struct Bbr {
    mode: Mode,
    bandwidth: WindowedMax,
    min_rtt: Option<SimDuration>,
    min_rtt_at: SimTime,
    /// Bytes per second; 0 until the first ACK.
    pacing_rate: f64,
    pacing_gain: f64,
    cwnd_gain: f64,
    mss: u32,

    /// A round ends with the first segment that was sent when this many had been delivered.
    round_delivered: u64,
    rounds: u64,
    round_start: bool,

    /// The bandwidth at which STARTUP last grew, and rounds since.
    full_bandwidth: f64,
    full_rounds: u32,
    full: bool,

    cycle: usize,
    cycle_at: SimTime,

    probe_rtt_until: Option<SimTime>,
    probe_rtt_round_done: bool,
    /// Rate samples of segments sent before this many were delivered are of a window held down.
    held_down_until: u64,
    idle_restart: bool,

    /// The window to come back to after recovery or PROBE_RTT.
    prior_cwnd: u32,
    recovery: Recovery,
    conserve: bool,

    extra_acked: [u32; 2],
    extra_acked_slot: usize,
    extra_acked_rounds: u32,
    epoch_acked: u32,
    epoch_at: SimTime,
}

/// What the sender's recovery wants of the next ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recovery {
    No,
    Beginning,
    Ongoing,
    Ended,
}

impl Bbr {
    pub(super) fn new() -> Self {
        Self {
            mode: Mode::Startup,
            bandwidth: WindowedMax::default(),
            min_rtt: None,
            min_rtt_at: SimTime::ZERO,
            pacing_rate: 0.0,
            pacing_gain: HIGH_GAIN,
            cwnd_gain: HIGH_GAIN,
            mss: 0,
            round_delivered: 0,
            rounds: 0,
            round_start: false,
            full_bandwidth: 0.0,
            full_rounds: 0,
            full: false,
            cycle: 0,
            cycle_at: SimTime::ZERO,
            probe_rtt_until: None,
            probe_rtt_round_done: false,
            held_down_until: 0,
            idle_restart: false,
            prior_cwnd: 0,
            recovery: Recovery::No,
            conserve: false,
            extra_acked: [0; 2],
            extra_acked_slot: 0,
            extra_acked_rounds: 0,
            epoch_acked: 0,
            epoch_at: SimTime::ZERO,
        }
    }

    /// Bytes of payload per second, once there is a round-trip time to tell it from.
    pub(super) fn pacing_rate(&self) -> Option<u64> {
        (self.pacing_rate > 0.0).then_some(self.pacing_rate as u64)
    }

    /// Bytes of payload per second before the first data is acknowledged: the window per round trip, or per
    /// millisecond where none is measured (`bbr_init_pacing_rate_from_rtt`).
    pub(super) fn first_rate(bytes_in_window: u64, srtt: SimDuration) -> u64 {
        let srtt = if srtt == SimDuration::ZERO { SimDuration::from_millis(1) } else { srtt };
        let rate = bytes_in_window as f64 / srtt.as_secs_f64();
        (rate * HIGH_GAIN * PACING_MARGIN) as u64
    }

    pub(super) fn on_ack(&mut self, window: &mut Window, ack: &AckSample) {
        self.mss = ack.mss;
        self.update_bandwidth(ack);
        self.update_ack_aggregation(window, ack);
        self.update_cycle(ack);
        self.check_full(ack);
        self.check_drain(window, ack);
        self.update_min_rtt(window, ack);
        self.update_gains();
        self.update_pacing_rate(window, ack);
        self.update_window(window, ack);
    }

    /// Fast recovery begins, or the timer has run out.
    pub(super) fn on_loss(&mut self, window: &Window) {
        self.save_cwnd(window);
        self.recovery = Recovery::Beginning;
    }

    /// The timer has run out: what STARTUP knew of the bandwidth is void.
    pub(super) fn on_timeout(&mut self) {
        self.recovery = Recovery::Ongoing;
        self.full_bandwidth = 0.0;
    }

    pub(super) fn on_recovery_end(&mut self) {
        self.recovery = Recovery::Ended;
    }

    /// The loss was none: do not take it for a full path.
    pub(super) fn undo(&mut self) {
        self.full_bandwidth = 0.0;
        self.full_rounds = 0;
        self.recovery = Recovery::Ended;
    }

    pub(super) fn on_idle(&mut self, window: &mut Window, now: SimTime) {
        self.idle_restart = true;
        self.epoch_at = now;
        self.epoch_acked = 0;
        match self.mode {
            // Pace at the estimate: what comes after silence is no probe.
            Mode::ProbeBw => self.pace(self.bandwidth.max(), 1.0),
            Mode::ProbeRtt => self.check_probe_rtt_done(window, now, 0),
            Mode::Startup | Mode::Drain => {}
        }
    }

    fn update_bandwidth(&mut self, ack: &AckSample) {
        self.round_start = false;
        if ack.interval == SimDuration::ZERO {
            return;
        }
        if ack.prior_delivered >= self.round_delivered {
            self.round_delivered = ack.delivered;
            self.rounds += 1;
            self.round_start = true;
            self.conserve = false;
        }
        let rate = f64::from(ack.rate_delivered) / ack.interval.as_nanos() as f64;
        if !self.is_app_limited(ack) || rate >= self.bandwidth.max() {
            self.bandwidth.update(BANDWIDTH_ROUNDS, self.rounds, rate);
        }
    }

    /// True when the sample tells of less than the path could carry.
    fn is_app_limited(&self, ack: &AckSample) -> bool {
        ack.app_limited || ack.prior_delivered < self.held_down_until
    }

    /// How many more segments are acknowledged in a bunch than the bandwidth explains.
    fn update_ack_aggregation(&mut self, window: &Window, ack: &AckSample) {
        const LONG_EPOCH: u32 = 1 << 20;
        if ack.acked == 0 || ack.interval == SimDuration::ZERO {
            return;
        }
        if self.round_start {
            self.extra_acked_rounds += 1;
            if self.extra_acked_rounds >= EXTRA_ACKED_ROUNDS {
                self.extra_acked_rounds = 0;
                self.extra_acked_slot ^= 1;
                self.extra_acked[self.extra_acked_slot] = 0;
            }
        }
        let span = ack.now.since(self.epoch_at).as_nanos() as f64;
        let mut expected = (self.bandwidth.max() * span) as u32;
        if self.epoch_acked <= expected || self.epoch_acked + ack.acked >= LONG_EPOCH {
            self.epoch_acked = 0;
            self.epoch_at = ack.now;
            expected = 0;
        }
        self.epoch_acked = self.epoch_acked.saturating_add(ack.acked).min(LONG_EPOCH);
        let extra = self.epoch_acked.saturating_sub(expected).min(window.cwnd);
        let slot = &mut self.extra_acked[self.extra_acked_slot];
        *slot = extra.max(*slot);
    }

    fn update_cycle(&mut self, ack: &AckSample) {
        if self.mode == Mode::ProbeBw && self.phase_is_over(ack) {
            self.next_phase(ack.now);
        }
    }

    fn phase_is_over(&self, ack: &AckSample) -> bool {
        let whole = self.min_rtt.is_some_and(|min_rtt| ack.now.since(self.cycle_at) > min_rtt);
        let bandwidth = self.bandwidth.max();
        if self.pacing_gain > 1.0 {
            // Probe until the queue that this makes would show.
            let aim = self.inflight(bandwidth, self.pacing_gain);
            whole && (ack.lost > 0 || self.in_net(ack.prior_in_flight) >= aim)
        } else if self.pacing_gain < 1.0 {
            whole || ack.prior_in_flight <= self.inflight(bandwidth, 1.0)
        } else {
            whole
        }
    }

    fn next_phase(&mut self, now: SimTime) {
        self.cycle = (self.cycle + 1) % CYCLE.len();
        self.cycle_at = now;
    }

    fn check_full(&mut self, ack: &AckSample) {
        if self.full || !self.round_start || self.is_app_limited(ack) {
            return;
        }
        if self.bandwidth.max() >= self.full_bandwidth * FULL_GROWTH {
            self.full_bandwidth = self.bandwidth.max();
            self.full_rounds = 0;
        } else {
            self.full_rounds += 1;
            self.full = self.full_rounds >= FULL_ROUNDS;
        }
    }

    fn check_drain(&mut self, window: &mut Window, ack: &AckSample) {
        let level = self.inflight(self.bandwidth.max(), 1.0);
        if self.mode == Mode::Startup && self.full {
            self.mode = Mode::Drain;
            window.ssthresh = level;
        }
        if self.mode == Mode::Drain && ack.in_flight <= level {
            self.probe_bandwidth(ack.now, ack.delivered);
        }
    }

    /// Enters PROBE_BW in any phase but the draining one, so that flows do not probe all at once.
    fn probe_bandwidth(&mut self, now: SimTime, delivered: u64) {
        self.mode = Mode::ProbeBw;
        let spread = (now.as_nanos() ^ delivered).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        self.cycle = CYCLE.len() - 1 - (spread % 7) as usize;
        self.next_phase(now);
    }

    fn update_min_rtt(&mut self, window: &mut Window, ack: &AckSample) {
        let expired = self.min_rtt.is_some() && ack.now > self.min_rtt_at + MIN_RTT_WINDOW;
        if let Some(rtt) = ack.rtt
            && (expired || self.min_rtt.is_none_or(|least| rtt < least))
        {
            self.min_rtt = Some(rtt);
            self.min_rtt_at = ack.now;
        }
        if expired && !self.idle_restart && self.mode != Mode::ProbeRtt {
            self.mode = Mode::ProbeRtt;
            self.save_cwnd(window);
            self.probe_rtt_until = None;
        }
        if self.mode == Mode::ProbeRtt {
            self.held_down_until = ack.delivered + u64::from(ack.in_flight) + 1;
            if self.probe_rtt_until.is_some() {
                self.probe_rtt_round_done |= self.round_start;
                if self.probe_rtt_round_done {
                    self.check_probe_rtt_done(window, ack.now, ack.delivered);
                }
            } else if ack.in_flight <= MIN_CWND {
                self.probe_rtt_until = Some(ack.now + PROBE_RTT_TIME);
                self.probe_rtt_round_done = false;
                self.round_delivered = ack.delivered;
            }
        }
        if ack.acked > 0 {
            self.idle_restart = false;
        }
    }

    fn check_probe_rtt_done(&mut self, window: &mut Window, now: SimTime, delivered: u64) {
        if self.probe_rtt_until.is_some_and(|until| now > until) {
            self.min_rtt_at = now;
            window.cwnd = window.cwnd.max(self.prior_cwnd);
            if self.full {
                self.probe_bandwidth(now, delivered);
            } else {
                self.mode = Mode::Startup;
            }
        }
    }

    fn update_gains(&mut self) {
        (self.pacing_gain, self.cwnd_gain) = match self.mode {
            Mode::Startup => (HIGH_GAIN, HIGH_GAIN),
            Mode::Drain => (DRAIN_GAIN, HIGH_GAIN),
            Mode::ProbeBw => (CYCLE[self.cycle], CWND_GAIN),
            Mode::ProbeRtt => (1.0, 1.0),
        };
    }

    fn update_pacing_rate(&mut self, window: &Window, ack: &AckSample) {
        if self.pacing_rate == 0.0 && ack.srtt > SimDuration::ZERO {
            self.pace(f64::from(window.cwnd) / ack.srtt.as_nanos() as f64, HIGH_GAIN);
        }
        let before = self.pacing_rate;
        self.pace(self.bandwidth.max(), self.pacing_gain);
        // Until the path is full, a low sample does not slow the growth.
        if !self.full && self.pacing_rate < before {
            self.pacing_rate = before;
        }
    }

    fn pace(&mut self, bandwidth: f64, gain: f64) {
        self.pacing_rate = bandwidth * gain * PACING_MARGIN * f64::from(self.mss) * 1e9;
    }

    fn update_window(&mut self, window: &mut Window, ack: &AckSample) {
        if ack.acked > 0 {
            let cwnd = self.recovering(window.cwnd, ack);
            window.cwnd = if self.conserve {
                cwnd.max(ack.in_flight + ack.acked)
            } else {
                self.toward_target(cwnd, ack)
            };
        }
        if self.mode == Mode::ProbeRtt {
            window.cwnd = window.cwnd.min(MIN_CWND);
        }
    }

    /// The window as losses and their repair leave it: for one round of recovery a segment for a
    /// segment, afterwards what it was before.
    fn recovering(&mut self, cwnd: u32, ack: &AckSample) -> u32 {
        let cwnd = cwnd.saturating_sub(ack.lost).max(1);
        match self.recovery {
            Recovery::Beginning => {
                self.recovery = Recovery::Ongoing;
                self.conserve = true;
                self.round_delivered = ack.delivered;
                ack.in_flight + ack.acked
            }
            Recovery::Ended => {
                self.recovery = Recovery::No;
                self.conserve = false;
                cwnd.max(self.prior_cwnd)
            }
            Recovery::No | Recovery::Ongoing => cwnd,
        }
    }

    fn toward_target(&self, cwnd: u32, ack: &AckSample) -> u32 {
        const INITIAL: u64 = 10;
        let bandwidth = self.bandwidth.max();
        let bdp = self.bdp(bandwidth, self.cwnd_gain);
        let target = self.quantised(bdp + self.aggregation_allowance(bandwidth));
        let grown = cwnd.saturating_add(ack.acked);
        let cwnd = if self.full {
            grown.min(target)
        } else if cwnd < target || ack.delivered < INITIAL {
            grown
        } else {
            cwnd
        };
        cwnd.max(MIN_CWND)
    }

    fn aggregation_allowance(&self, bandwidth: f64) -> u32 {
        if !self.full {
            return 0;
        }
        let most = (bandwidth * EXTRA_ACKED_TIME_NS) as u32;
        self.extra_acked[0].max(self.extra_acked[1]).min(most)
    }

    /// The bandwidth-delay product times `gain`, in segments, rounded up.
    fn bdp(&self, bandwidth: f64, gain: f64) -> u32 {
        const INITIAL: u32 = 10;
        let Some(min_rtt) = self.min_rtt else { return INITIAL };
        let product = bandwidth * min_rtt.as_nanos() as f64 * gain;
        let whole = product as u32;
        whole.saturating_add(u32::from(f64::from(whole) < product))
    }

    /// With room for what sender and receiver hold back to send in bunches, and for a probe.
    fn quantised(&self, segments: u32) -> u32 {
        let segments = segments.saturating_add(3 * self.bunch());
        let even = segments.saturating_add(segments % 2);
        let probing = self.mode == Mode::ProbeBw && self.cycle == 0;
        even.saturating_add(if probing { 2 } else { 0 })
    }

    fn inflight(&self, bandwidth: f64, gain: f64) -> u32 {
        self.quantised(self.bdp(bandwidth, gain))
    }

    /// What is in the path when the next segment is released: while probing, a bunch more.
    fn in_net(&self, in_flight: u32) -> u32 {
        in_flight + if self.pacing_gain > 1.0 { self.bunch() } else { 0 }
    }

    /// Segments that a paced sender releases together: about a millisecond's worth.
    fn bunch(&self) -> u32 {
        const SLOW: f64 = 1_200_000.0 / 8.0;
        let least = if self.pacing_rate < SLOW { 1 } else { 2 };
        let worth = self.pacing_rate / 1024.0 / f64::from(self.mss.max(1));
        (worth as u32).clamp(least, 0x7f)
    }

    fn save_cwnd(&mut self, window: &Window) {
        self.prior_cwnd = if self.recovery == Recovery::No && self.mode != Mode::ProbeRtt {
            window.cwnd
        } else {
            self.prior_cwnd.max(window.cwnd)
        };
    }
}

/// The maximum over a sliding window of rounds, in constant space (Nichols; Linux `lib/win_minmax.c`):
/// the best, second best and third best samples, each later than the one before.
#[derive(Clone, Copy, Debug, Default)]
struct WindowedMax([(u64, f64); 3]);

impl WindowedMax {
    fn max(&self) -> f64 {
        self.0[0].1
    }

    fn update(&mut self, window: u64, round: u64, value: f64) {
        let new = (round, value);
        let s = &mut self.0;
        if value >= s[0].1 || round - s[2].0 > window {
            *s = [new; 3];
            return;
        }
        if value >= s[1].1 {
            (s[1], s[2]) = (new, new);
        } else if value >= s[2].1 {
            s[2] = new;
        }
        let age = round - s[0].0;
        if age > window {
            // The best is too old: the others move up, twice if the second is too old as well.
            *s = [s[1], s[2], new];
            if round - s[0].0 > window {
                *s = [s[1], s[2], new];
            }
        } else if s[1].0 == s[0].0 && age > window / 4 {
            // A quarter of the window without a second best: take the newest.
            (s[1], s[2]) = (new, new);
        } else if s[2].0 == s[1].0 && age > window / 2 {
            s[2] = new;
        }
    }
}
