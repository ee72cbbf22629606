//! A subflow's sending half: what is in flight, what is lost, when to send again.
//!
//! Loss detection is RACK-TLP (RFC 8985) where SACK was negotiated and NewReno's duplicate ACKs
//! (RFC 6582) where it was not; recovery is paced by PRR (RFC 6937); the timeout is RFC 6298's.

use std::collections::VecDeque;

use super::congestion::{AckSample, Congestion, Sibling};
use super::rtt::Rtt;
use crate::time::{SimDuration, SimTime};
use crate::wire::seq::Seq;

/// Duplicate acknowledgements, or segments SACKed above, that prove a loss (RFC 5681, RFC 8985).
const DUP_THRESHOLD: u32 = 3;
/// What a tail-loss probe allows for the peer's delayed acknowledgement of a lone segment.
const PROBE_DELAYED_ACK: SimDuration = SimDuration::from_millis(200);
/// Least slack of a tail-loss probe over two round trips (Linux's `TCP_TIMEOUT_MIN`).
const PROBE_SLACK: SimDuration = SimDuration::from_millis(2);

/// A segment in flight.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Offset of its first byte in the subflow's stream.
    pub start: u64,
    /// Data-level offset of its first byte.
    pub data: u64,
    /// Bytes of payload.
    pub len: u32,
    /// The FIN follows the payload.
    pub fin: bool,
    state: u8,
    transmissions: u8,
    sent_at: SimTime,
    first_sent_at: SimTime,
    delivered: u64,
    delivered_at: SimTime,
    app_limited: bool,
}

const SACKED: u8 = 1;
const LOST: u8 = 2;
const RETRANSMITTED: u8 = 4;

impl Segment {
    /// Offset after its last byte, FIN counted.
    #[must_use]
    #[inline]
    pub const fn end(&self) -> u64 {
        self.start + self.len as u64 + self.fin as u64
    }

    /// True when the segment was sent more than once.
    #[must_use]
    pub const fn was_retransmitted(&self) -> bool {
        self.transmissions > 1
    }
}

/// Why the sender wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// Retransmission timeout.
    Retransmission,
    /// Tail-loss probe.
    Probe,
    /// RACK's reordering window has passed.
    Reordering,
}

/// Phase of loss recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Fast recovery until everything below `high` is acknowledged.
    Recovery {
        high: u64,
    },
    /// After a timeout, until everything below `high` is acknowledged.
    Loss {
        high: u64,
    },
}

/// An acknowledgement, in offsets.
#[derive(Clone, Copy, Debug)]
pub struct Ack<'a> {
    /// The cumulative acknowledgement.
    pub ack: u64,
    /// SACK blocks.
    pub sacks: &'a [(u64, u64)],
    /// A measurement by timestamps, for segments that were sent more than once.
    pub echo_rtt: Option<SimDuration>,
    /// A pure duplicate: no data, same acknowledgement, same window (RFC 5681 §2).
    pub duplicate: bool,
}

/// What an acknowledgement did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Acked {
    /// The cumulative acknowledgement advanced.
    pub advanced: bool,
    /// End, at the data level, of the last segment acknowledged cumulatively.
    pub data_end: Option<u64>,
    /// Everything sent so far is acknowledged.
    pub all: bool,
}

/// The sending half of one subflow.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Sender {
    /// First offset not yet acknowledged.
    pub una: u64,
    /// Next offset to send.
    pub next: u64,
    /// Right edge of the peer's subflow-level window (plain TCP).
    pub window_edge: u64,
    /// Own initial sequence number.
    pub initial: Seq,
    segments: VecDeque<Segment>,
    sacked: u32,
    lost: u32,
    retransmitted: u32,
    duplicate_acks: u32,
    timer: Option<(SimTime, TimerKind)>,
    phase: Phase,
    /// SACK was negotiated.
    pub sack: bool,
    // congestion window validation (RFC 7661 as Linux does it)
    cwnd_limited: bool,
    /// Timeouts in a row.
    pub backoff: u32,
    /// Payload of a full segment, for algorithms that count bytes.
    pub mss: u32,
    max_packets_out: u32,
    /// Round-trip time.
    pub rtt: Rtt,
    /// Congestion control.
    pub congestion: Congestion,
    /// Segments sent again, ever.
    pub retransmissions: u64,
    // RACK
    rack_sent_at: SimTime,
    rack_end: u64,
    rack_rtt: SimDuration,
    reordering_seen: bool,
    highest_sacked: u64,
    // PRR
    prr_delivered: u32,
    prr_out: u32,
    prior_cwnd: u32,
    // TLP
    probe_high: Option<u64>,
    probe_was_retransmission: bool,
    // delivery rate (Linux's tcp_rate.c)
    delivered: u64,
    delivered_at: SimTime,
    first_sent_at: SimTime,
    app_limited_until: u64,
    usage_high: u64,
    last_sent_at: SimTime,
    paced_until: SimTime,
}

impl Sender {
    /// Before the SYN; `initial` is the own initial sequence number.
    #[must_use]
    pub fn new(initial: Seq, congestion: Congestion, rto_min: SimDuration) -> Self {
        Self {
            initial,
            una: 1,
            next: 1,
            window_edge: 1,
            rtt: Rtt::new(rto_min),
            congestion,
            sack: false,
            mss: 1460,
            backoff: 0,
            retransmissions: 0,
            segments: VecDeque::new(),
            sacked: 0,
            lost: 0,
            retransmitted: 0,
            phase: Phase::Open,
            duplicate_acks: 0,
            timer: None,
            rack_sent_at: SimTime::ZERO,
            rack_end: 0,
            rack_rtt: SimDuration::ZERO,
            reordering_seen: false,
            highest_sacked: 0,
            prr_delivered: 0,
            prr_out: 0,
            prior_cwnd: 0,
            probe_high: None,
            probe_was_retransmission: false,
            delivered: 0,
            delivered_at: SimTime::ZERO,
            first_sent_at: SimTime::ZERO,
            app_limited_until: 0,
            cwnd_limited: false,
            max_packets_out: 0,
            usage_high: 0,
            last_sent_at: SimTime::ZERO,
            paced_until: SimTime::ZERO,
        }
    }

    /// Segments believed to be in the network (RFC 6675's pipe).
    #[must_use]
    #[inline]
    pub fn in_flight(&self) -> u32 {
        (self.segments.len() as u32 + self.retransmitted).saturating_sub(self.sacked + self.lost)
    }

    /// Segments not yet acknowledged cumulatively.
    #[must_use]
    pub fn outstanding(&self) -> &VecDeque<Segment> {
        &self.segments
    }

    /// True when nothing is unacknowledged.
    #[must_use]
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.segments.is_empty()
    }

    /// True after a timeout and before recovery: not a subflow to give new data to.
    #[must_use]
    pub const fn in_loss(&self) -> bool {
        matches!(self.phase, Phase::Loss { .. })
    }

    /// True while no loss is being repaired.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Room in the congestion window for one more segment at `now` (pacing included).
    #[must_use]
    #[inline]
    pub fn has_room(&self, now: SimTime) -> bool {
        self.in_flight() < self.congestion.window().cwnd && !self.is_paced(now)
    }

    /// True while pacing forbids the next segment.
    #[must_use]
    #[inline]
    pub fn is_paced(&self, now: SimTime) -> bool {
        self.paced_until > now
    }

    /// When something is to be done: a timer, or the end of a pacing gap when `more` waits.
    #[must_use]
    #[inline]
    pub fn deadline(&self) -> SimTime {
        self.timer.map_or(SimTime::NEVER, |(at, _)| at)
    }

    /// When pacing allows the next segment.
    #[must_use]
    pub const fn paced_until(&self) -> SimTime {
        self.paced_until
    }

    /// Bytes per second that leave when the window is used: what congestion control wants, else twice
    /// the window per round trip in slow start and 1.2 times afterwards (Linux's `sk_pacing_rate`,
    /// `tcp_update_pacing_rate`). `mss` is the payload of a full segment.
    #[must_use]
    pub fn pacing_rate(&self, mss: u32) -> u64 {
        if let Some(rate) = self.congestion.pacing_rate() {
            return rate;
        }
        let window = self.congestion.window();
        let percent: u64 = match window.known_ssthresh() {
            Some(ssthresh) if window.cwnd >= ssthresh / 2 => 120,
            _ => 200,
        };
        let srtt = match self.rtt.srtt() {
            SimDuration::ZERO => 1_000_000, // a millisecond, before the first measurement
            srtt => srtt.as_nanos(),
        };
        let segments = u64::from(window.cwnd.max(self.segments.len() as u32).max(1));
        let bytes = u128::from(segments * u64::from(mss));
        (bytes * u128::from(percent) * 10_000_000 / u128::from(srtt)) as u64
    }

    /// Takes a new segment into flight at offset [`Sender::next`].
    #[inline]
    pub fn send_new(&mut self, now: SimTime, data: u64, len: u32, fin: bool) {
        if self.segments.is_empty() {
            if self.last_sent_at > SimTime::ZERO {
                let idle = now.since(self.last_sent_at);
                self.congestion.on_idle_restart(now, idle, self.rtt.rto(0)); // RFC 5681 §4.1
            }
            self.first_sent_at = now;
            self.delivered_at = now;
        }
        let segment = Segment {
            start: self.next,
            data,
            len,
            fin,
            state: 0,
            transmissions: 1,
            sent_at: now,
            first_sent_at: self.first_sent_at,
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            app_limited: self.delivered < self.app_limited_until,
        };
        self.next = segment.end();
        self.segments.push_back(segment);
        self.after_transmission(now, len);
        if self.timer.is_none() || self.probe_high.is_none() {
            self.arm(now);
        }
    }

    /// The next segment that is lost and not yet sent again, as its index.
    #[must_use]
    pub fn next_lost(&self) -> Option<usize> {
        if self.lost == self.retransmitted {
            return None;
        }
        self.segments.iter().position(|s| s.state & (LOST | RETRANSMITTED | SACKED) == LOST)
    }

    /// The segment at an index given by [`Sender::next_lost`] or [`Sender::last_index`].
    #[must_use]
    pub fn segment(&self, index: usize) -> &Segment {
        &self.segments[index]
    }

    /// Index of the last segment in flight.
    #[must_use]
    pub fn last_index(&self) -> Option<usize> {
        self.segments.len().checked_sub(1)
    }

    /// The segment at `index` goes out again.
    pub fn retransmit(&mut self, now: SimTime, index: usize) {
        let (delivered, delivered_at, first_sent_at) =
            (self.delivered, self.delivered_at, self.first_sent_at);
        let segment = &mut self.segments[index];
        // A tail-loss probe repeats a segment that is not (known to be) lost: it is in flight once.
        if segment.state & (LOST | RETRANSMITTED) == LOST {
            segment.state |= RETRANSMITTED;
            self.retransmitted += 1;
        } else if self.probe_high.is_some() {
            self.probe_was_retransmission = true;
        }
        segment.transmissions = segment.transmissions.saturating_add(1);
        segment.sent_at = now;
        segment.delivered = delivered;
        segment.delivered_at = delivered_at;
        segment.first_sent_at = first_sent_at;
        let len = segment.len;
        self.retransmissions += 1;
        self.after_transmission(now, len);
        if self.timer.is_none() || index == 0 {
            self.arm(now);
        }
    }

    /// A running timeout is not put off by what arrives after the head of the queue was last sent, or
    /// the head could be lost for good while later data goes on arriving (Linux's
    /// `FLAG_SET_XMIT_TIMER`).
    fn must_keep_timeout(&self, now: SimTime, sacked_rtt: Option<SimDuration>) -> bool {
        matches!(self.timer, Some((_, TimerKind::Retransmission)))
            && self
                .segments
                .front()
                .is_some_and(|head| sacked_rtt.is_none_or(|rtt| rtt <= now.since(head.sent_at)))
    }

    /// The application (or the scheduler) has nothing more to send now: rate samples until what is in
    /// flight is delivered say little about the path.
    pub fn set_app_limited(&mut self) {
        self.app_limited_until = self.delivered + u64::from(self.in_flight()).max(1);
    }

    /// Transmission stopped; `limited` when it was for want of congestion window.
    #[inline]
    pub fn note_usage(&mut self, limited: bool) {
        let out = self.segments.len() as u32;
        if self.una >= self.usage_high
            || limited
            || (!self.cwnd_limited && out > self.max_packets_out)
        {
            self.cwnd_limited = limited;
            self.max_packets_out = out;
            self.usage_high = self.next;
        }
    }

    /// True when an acknowledgement of `ack` would change nothing, since all that was sent had been
    /// acknowledged: what comes with the data of a peer that one sends nothing to.
    #[must_use]
    #[inline]
    pub fn is_settled(&self, ack: u64) -> bool {
        self.segments.is_empty()
            && ack <= self.una
            && self.phase == Phase::Open
            && self.probe_high.is_none()
    }

    /// An acknowledgement came. `siblings[me]` is this subflow, for coupled congestion control.
    pub fn on_ack(
        &mut self,
        now: SimTime,
        ack: &Ack<'_>,
        siblings: &[Sibling],
        me: usize,
    ) -> Acked {
        let Ack { ack, sacks, echo_rtt, duplicate } = *ack;
        if ack > self.next {
            return Acked::default();
        }
        let prior_in_flight = self.in_flight();
        let prior_delivered = self.delivered;
        let prior_lost = self.lost;
        let mut acked = Acked::default();
        let mut sample = RateSample::default();
        let mut rtt = None;
        let mut newest_rtt = None;
        let mut any_sent_again = false;

        while let Some(front) = self.segments.front_mut() {
            if front.end() > ack {
                if ack > front.start {
                    // A piece of it arrived (something on the way had split it). The segment stays
                    // whole, since its mapping must not change when it is sent again.
                    acked.data_end = Some(front.data + (ack - front.start));
                }
                break;
            }
            let segment = self.segments.pop_front().expect("there is a front");
            acked.data_end = Some(segment.data + u64::from(segment.len));
            self.count_delivered(&segment, now, &mut sample);
            any_sent_again |= segment.transmissions > 1;
            if segment.transmissions == 1 && segment.state & SACKED == 0 {
                let measured = now.since(segment.sent_at);
                rtt.get_or_insert(measured);
                newest_rtt = Some(measured);
            }
            if segment.state & SACKED != 0 {
                self.sacked -= 1;
            } else if segment.end() < self.highest_sacked && segment.transmissions == 1 {
                self.reordering_seen = true;
            }
            self.forget_marks(segment.state);
        }
        if any_sent_again {
            // What follows a repaired hole arrived long before its acknowledgement (RFC 6298 §3).
            (rtt, newest_rtt) = (None, None);
        }
        if ack > self.una {
            self.una = ack;
            acked.advanced = true;
            self.backoff = 0;
            self.duplicate_acks = 0;
        }

        let mut dsack = false;
        for &(start, end) in sacks {
            if end <= ack || start < self.una {
                dsack = true;
                continue;
            }
            self.apply_sack(now, start, end.min(self.next), &mut sample, &mut rtt, &mut newest_rtt);
        }
        if !self.sack && duplicate && !acked.advanced && !self.segments.is_empty() {
            self.duplicate_acks += 1;
            self.delivered += 1;
        }

        if let Some(measured) = rtt.or(if acked.advanced { echo_rtt } else { None }) {
            self.rtt.sample(now, measured);
        }
        self.end_probe(ack, dsack, siblings, me);
        self.detect_losses(now);

        let delivered_now = (self.delivered - prior_delivered) as u32;
        let newly_lost = self.lost.saturating_sub(prior_lost);
        self.step_phase(&acked, delivered_now, newly_lost, siblings, me);

        if delivered_now > 0 {
            let ack_sample = AckSample {
                now,
                acked: delivered_now,
                advances: acked.advanced,
                rtt: newest_rtt,
                srtt: self.rtt.srtt(),
                min_rtt: self.rtt.min(),
                in_flight: self.in_flight(),
                prior_in_flight,
                cwnd_limited: self.is_cwnd_limited(),
                in_recovery: matches!(self.phase, Phase::Recovery { .. }),
                lost: newly_lost,
                delivered: self.delivered,
                prior_delivered: sample.prior_delivered,
                interval: sample.interval(now, self.rtt.min()),
                rate_delivered: (self.delivered - sample.prior_delivered) as u32,
                app_limited: sample.app_limited,
                mss: self.mss,
            };
            self.congestion.on_ack(&ack_sample, siblings, me);
        }
        if acked.advanced || (delivered_now > 0 && !self.must_keep_timeout(now, newest_rtt)) {
            self.arm(now);
        }
        acked.all = self.segments.is_empty();
        acked
    }

    /// The time of [`Sender::deadline`] has come. Says what ran out, and marks losses; the caller
    /// sends what [`Sender::next_lost`] yields, or a probe.
    pub fn on_timer(&mut self, now: SimTime, siblings: &[Sibling], me: usize) -> Option<TimerKind> {
        let (at, kind) = self.timer?;
        if at > now {
            return None;
        }
        self.timer = None;
        match kind {
            TimerKind::Reordering => {
                let prior_lost = self.lost;
                self.detect_losses(now);
                let newly = self.lost.saturating_sub(prior_lost);
                self.step_phase(&Acked::default(), 0, newly, siblings, me);
                if self.timer.is_none() {
                    self.arm(now);
                }
            }
            TimerKind::Probe => {
                self.probe_high = Some(self.next);
                self.probe_was_retransmission = false;
                self.timer = Some((now + self.rtt.rto(0), TimerKind::Retransmission));
            }
            TimerKind::Retransmission => {
                if self.segments.is_empty() {
                    return None;
                }
                let high = self.next;
                self.congestion.on_timeout(siblings, me);
                self.phase = Phase::Loss { high };
                self.probe_high = None;
                for segment in &mut self.segments {
                    if segment.state & SACKED == 0 {
                        segment.state = LOST;
                    }
                }
                self.lost = self.segments.len() as u32 - self.sacked;
                self.retransmitted = 0;
                self.backoff += 1;
                self.timer = Some((now + self.rtt.rto(self.backoff), TimerKind::Retransmission));
            }
        }
        Some(kind)
    }

    /// Everything in flight is forgotten (the subflow is gone); yields the data-level ranges that
    /// were not acknowledged.
    pub fn abandon(&mut self) -> Vec<(u64, u32)> {
        let left = self.segments.drain(..).filter(|s| s.len > 0).map(|s| (s.data, s.len)).collect();
        (self.sacked, self.lost, self.retransmitted) = (0, 0, 0);
        self.timer = None;
        left
    }

    #[inline]
    fn after_transmission(&mut self, now: SimTime, len: u32) {
        self.last_sent_at = now;
        self.prr_out += 1;
        if let Some(rate) = self.congestion.pacing_rate().filter(|&r| r > 0) {
            let gap = u64::from(len.max(1)) * 1_000_000_000 / rate;
            self.paced_until = self.paced_until.max(now) + SimDuration(gap);
        }
    }

    #[inline]
    fn is_cwnd_limited(&self) -> bool {
        let window = self.congestion.window();
        self.cwnd_limited
            || (window.cwnd < window.ssthresh && window.cwnd < 2 * self.max_packets_out)
    }

    #[inline]
    fn forget_marks(&mut self, state: u8) {
        self.lost -= u32::from(state & LOST != 0);
        self.retransmitted -= u32::from(state & RETRANSMITTED != 0);
    }

    #[inline]
    fn count_delivered(&mut self, segment: &Segment, now: SimTime, sample: &mut RateSample) {
        if segment.state & SACKED != 0 {
            return;
        }
        self.delivered += 1;
        self.delivered_at = now;
        self.note_rack(segment, now);
        if !sample.valid || segment.delivered >= sample.prior_delivered {
            self.first_sent_at = segment.sent_at;
            *sample = RateSample::of(segment);
        }
    }

    /// RFC 8985 §6.2 step 2: the most recently sent segment that was delivered.
    #[inline]
    fn note_rack(&mut self, segment: &Segment, now: SimTime) {
        let rtt = now.since(segment.sent_at);
        if segment.transmissions > 1 && rtt < self.rtt.min() {
            return; // the acknowledgement is for an earlier transmission
        }
        if (segment.sent_at, segment.end()) > (self.rack_sent_at, self.rack_end) {
            self.rack_sent_at = segment.sent_at;
            self.rack_end = segment.end();
            self.rack_rtt = rtt;
        }
    }

    fn apply_sack(
        &mut self,
        now: SimTime,
        start: u64,
        end: u64,
        sample: &mut RateSample,
        rtt: &mut Option<SimDuration>,
        newest_rtt: &mut Option<SimDuration>,
    ) {
        let mut i = self.segments.partition_point(|s| s.start < start);
        while let Some(segment) = self.segments.get(i) {
            if segment.end() > end {
                break;
            }
            if segment.state & SACKED == 0 {
                let segment = segment.clone();
                self.count_delivered(&segment, now, sample);
                if segment.transmissions == 1 {
                    let measured = now.since(segment.sent_at);
                    rtt.get_or_insert(measured);
                    *newest_rtt = Some(measured);
                    if segment.end() < self.highest_sacked {
                        self.reordering_seen = true;
                    }
                }
                self.highest_sacked = self.highest_sacked.max(segment.end());
                self.forget_marks(segment.state);
                self.sacked += 1;
                self.segments[i].state = SACKED;
            }
            i += 1;
        }
    }

    /// RFC 8985 §6.2 step 5 with SACK, RFC 6582 without.
    fn detect_losses(&mut self, now: SimTime) {
        if !self.sack {
            if self.duplicate_acks >= DUP_THRESHOLD && self.phase == Phase::Open {
                self.mark_lost(0);
            }
            return;
        }
        if self.sacked == 0 && self.lost == 0 && self.retransmitted == 0 {
            return;
        }
        let recovering = self.phase != Phase::Open;
        let window = if !self.reordering_seen && (recovering || self.sacked >= DUP_THRESHOLD) {
            SimDuration::ZERO
        } else {
            SimDuration(self.rtt.min().0 / 4).min(self.rtt.srtt())
        };
        let mut wait = None;
        for i in 0..self.segments.len() {
            let s = &self.segments[i];
            let waiting =
                s.state & SACKED == 0 && (s.state & LOST == 0 || s.state & RETRANSMITTED != 0);
            if !waiting {
                continue;
            }
            if (self.rack_sent_at, self.rack_end) <= (s.sent_at, s.end()) {
                if s.transmissions == 1 {
                    break; // all behind it were sent later still
                }
                continue;
            }
            let due = s.sent_at + self.rack_rtt + window;
            if due <= now {
                if s.state & RETRANSMITTED != 0 {
                    self.segments[i].state &= !RETRANSMITTED;
                    self.retransmitted -= 1;
                }
                self.mark_lost(i);
            } else {
                wait = wait.max(Some(due));
            }
        }
        if let Some(at) = wait {
            self.timer = Some((at, TimerKind::Reordering));
        }
    }

    fn mark_lost(&mut self, index: usize) {
        if let Some(segment) = self.segments.get_mut(index)
            && segment.state & (LOST | SACKED) == 0
        {
            segment.state |= LOST;
            self.lost += 1;
        }
    }

    fn step_phase(
        &mut self,
        acked: &Acked,
        delivered: u32,
        newly_lost: u32,
        siblings: &[Sibling],
        me: usize,
    ) {
        match self.phase {
            Phase::Open if self.lost > 0 => {
                self.prior_cwnd = self.congestion.window().cwnd;
                self.congestion.on_congestion(siblings, me);
                self.phase = Phase::Recovery { high: self.next };
                self.prr_delivered = 0;
                self.prr_out = 0;
                self.reduce(delivered, newly_lost, acked.advanced);
            }
            Phase::Recovery { high } if self.una >= high => {
                self.phase = Phase::Open;
                self.congestion.on_recovery_end();
                self.duplicate_acks = 0;
            }
            Phase::Recovery { .. } => {
                if !self.sack && acked.advanced {
                    // A partial acknowledgement: the next hole is lost too (RFC 6582 §3.2).
                    self.mark_lost(0);
                }
                self.reduce(delivered, newly_lost, acked.advanced);
            }
            Phase::Loss { high } if self.una >= high => {
                self.phase = Phase::Open;
                self.congestion.on_recovery_end();
                self.duplicate_acks = 0;
            }
            Phase::Loss { .. } | Phase::Open => {}
        }
    }

    /// Proportional rate reduction (RFC 6937), as Linux's `tcp_cwnd_reduction`.
    fn reduce(&mut self, delivered: u32, newly_lost: u32, advanced: bool) {
        if !self.congestion.uses_prr() {
            return; // a model-based control sets its window itself
        }
        let in_flight = self.in_flight();
        let ssthresh = self.congestion.window().ssthresh;
        self.prr_delivered += delivered;
        let send = if in_flight > ssthresh {
            let target = u64::from(ssthresh) * u64::from(self.prr_delivered)
                + u64::from(self.prior_cwnd)
                - 1;
            ((target / u64::from(self.prior_cwnd.max(1))) as u32).saturating_sub(self.prr_out)
        } else {
            let mut send = delivered.max(self.prr_delivered.saturating_sub(self.prr_out));
            if advanced && newly_lost == 0 {
                send += 1;
            }
            send.min(ssthresh - in_flight)
        };
        let send = if self.prr_out == 0 { send.max(1) } else { send };
        self.congestion.window_mut().cwnd = in_flight + send;
    }

    /// RFC 8985 §7.4: did the probe repair a loss?
    fn end_probe(&mut self, ack: u64, dsack: bool, siblings: &[Sibling], me: usize) {
        if let Some(high) = self.probe_high
            && ack >= high
        {
            self.probe_high = None;
            if !dsack && self.probe_was_retransmission && self.phase == Phase::Open {
                self.congestion.on_congestion(siblings, me);
                self.congestion.on_recovery_end();
            }
        }
    }

    /// Sets the timer that the state asks for: a probe when the path is healthy, else the timeout.
    fn arm(&mut self, now: SimTime) {
        if self.segments.is_empty() {
            self.timer = None;
            return;
        }
        if matches!(self.timer, Some((_, TimerKind::Reordering))) && self.lost == self.retransmitted
        {
            return;
        }
        let rto = self.rtt.rto(self.backoff);
        let healthy = self.sack && self.phase == Phase::Open && self.sacked == 0;
        let srtt = self.rtt.srtt();
        self.timer = Some(if healthy && self.probe_high.is_none() && srtt > SimDuration::ZERO {
            let slack = if self.segments.len() == 1 { PROBE_DELAYED_ACK } else { PROBE_SLACK };
            let probe = srtt * 2 + slack;
            if probe < rto {
                (now + probe, TimerKind::Probe)
            } else {
                (now + rto, TimerKind::Retransmission)
            }
        } else {
            (now + rto, TimerKind::Retransmission)
        });
    }
}

/// The segment that a delivery-rate sample is made from.
#[derive(Clone, Copy, Debug, Default)]
struct RateSample {
    valid: bool,
    prior_delivered: u64,
    prior_at: SimTime,
    send_interval: SimDuration,
    app_limited: bool,
}

impl RateSample {
    fn of(segment: &Segment) -> Self {
        Self {
            valid: true,
            prior_delivered: segment.delivered,
            prior_at: segment.delivered_at,
            send_interval: segment.sent_at.since(segment.first_sent_at),
            app_limited: segment.app_limited,
        }
    }

    /// The longer of the sending and the acknowledging interval; zero when the sample says nothing.
    fn interval(&self, now: SimTime, min_rtt: SimDuration) -> SimDuration {
        let interval = self.send_interval.max(now.since(self.prior_at));
        if self.valid && interval >= min_rtt { interval } else { SimDuration::ZERO }
    }
}
