//! A subflow's sending half: what is in flight, what is lost, when to send again.
//!
//! Loss detection is RACK-TLP (RFC 8985) where SACK was negotiated and NewReno's duplicate ACKs
//! (RFC 6582) where it was not; recovery is paced by PRR (RFC 6937); the timeout is RFC 6298's,
//! and F-RTO (RFC 5682), Eifel and D-SACK take back what it, or recovery, did for nothing.

use std::collections::VecDeque;

mod defer;
mod loss;
mod rate;
mod recovery;
mod segment;
#[cfg(test)]
mod tests;
mod timer;
mod undo;

use super::congestion::{AckSample, Congestion, Sibling};
use super::rtt::Rtt;
use crate::time::{SimDuration, SimTime};
use crate::wire::seq::Seq;
use rate::RateSample;
use recovery::Progress;
use segment::{LOST, RETRANSMITTED, SACKED};
use undo::Undo;

pub(crate) use defer::{Burst, Limit};
pub use segment::Segment;
pub use timer::TimerKind;
pub use undo::Undone;

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

/// Whether lost segments wait, for the sake of F-RTO (RFC 5682 §2.1 step 2.b).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    No,
    /// New data goes first, if there is any.
    ForNewData,
    /// It has; its acknowledgement decides.
    UntilAck,
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
    /// When what the acknowledgement echoes was sent, in milliseconds of the clock (RFC 7323).
    pub echoed_ms: Option<u64>,
    /// A pure duplicate: no data, same acknowledgement, same window (RFC 5681 §2).
    pub duplicate: bool,
}

/// What an acknowledgement did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acked {
    /// The cumulative acknowledgement advanced.
    pub advanced: bool,
    /// End, at the data level, of the last segment acknowledged cumulatively.
    pub data_end: Option<u64>,
    /// Everything sent so far is acknowledged.
    pub all: bool,
    /// A reduction was taken back.
    pub undone: Option<Undone>,
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
    /// When it was set; its own time once that is the timer wheel's.
    timer_set_at: SimTime,
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
    undo: Undo,
    // F-RTO
    frto: bool,
    hold: Hold,
    original_delivered: bool,
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
            timer_set_at: SimTime::ZERO,
            rack_sent_at: SimTime::ZERO,
            rack_end: 0,
            rack_rtt: SimDuration::ZERO,
            reordering_seen: false,
            highest_sacked: 0,
            prr_delivered: 0,
            prr_out: 0,
            prior_cwnd: 0,
            undo: Undo::default(),
            frto: false,
            hold: Hold::No,
            original_delivered: false,
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

    /// Tells where the first segment in flight stands in memory, and where the next one will.
    #[inline]
    pub(crate) fn ask_for_flight(&self, ask: impl Fn(*const u8)) {
        if let (Some(first), Some(last)) = (self.segments.front(), self.segments.back()) {
            let (first, last): (*const Segment, *const Segment) = (first, last);
            ask(first.cast());
            ask(first.wrapping_add(1).cast());
            ask(last.wrapping_add(1).cast());
            ask(last.wrapping_add(2).cast());
        }
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

    /// Takes a new segment into flight at offset [`Sender::next`].
    #[inline(always)] // once for each segment
    pub fn send_new(&mut self, now: SimTime, data: u64, len: u32, fin: bool) {
        if self.segments.is_empty() {
            if self.last_sent_at > SimTime::ZERO {
                let idle = now.since(self.last_sent_at);
                self.congestion.on_idle_restart(now, idle, self.rtt.rto(0)); // RFC 5681 §4.1
            }
            self.first_sent_at = now;
            self.delivered_at = now;
            if self.segments.capacity() == 0 {
                self.segments.reserve_exact(1); // many connections never have more in flight
            }
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
        if self.hold == Hold::ForNewData {
            self.hold = Hold::UntilAck;
        }
        self.segments.push_back(segment);
        self.after_transmission(now, len);
        if self.timer.is_none() || self.probe_high.is_none() {
            self.arm(now);
        }
    }

    /// True once when F-RTO waited for new data and none went out: what is lost is sent again after
    /// all.
    pub fn give_up_waiting(&mut self) -> bool {
        let waited = self.hold == Hold::ForNewData;
        if waited {
            self.hold = Hold::No;
            self.frto = false;
        }
        waited
    }

    /// True when a segment is lost and not yet sent again.
    #[must_use]
    #[inline]
    pub fn has_lost(&self) -> bool {
        self.lost != self.retransmitted && self.hold == Hold::No
    }

    /// True when no segment waits to be sent again, nor for F-RTO.
    #[must_use]
    #[inline]
    pub(crate) fn has_nothing_to_repair(&self) -> bool {
        self.lost == self.retransmitted && self.hold == Hold::No
    }

    /// The next segment that is lost and not yet sent again, as its index.
    #[must_use]
    pub fn next_lost(&self) -> Option<usize> {
        if !self.has_lost() {
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

    /// Bytes of the segment at `index` that are acknowledged, and not sent again with the rest (Linux's `tcp_trim_head` in
    /// `__tcp_retransmit_skb`).
    #[must_use]
    pub fn acknowledged_of(&self, index: usize) -> u32 {
        let segment = &self.segments[index];
        self.una.saturating_sub(segment.start).min(u64::from(segment.len)) as u32
    }

    /// The segment at `index` goes out again, but for what of it is acknowledged.
    pub fn retransmit(&mut self, now: SimTime, index: usize) {
        let (delivered, delivered_at, first_sent_at) =
            (self.delivered, self.delivered_at, self.first_sent_at);
        let acknowledged = self.acknowledged_of(index);
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
        let len = segment.len - acknowledged;
        self.retransmissions += 1;
        self.undo.note_retransmission(now);
        self.after_transmission(now, len);
        if self.timer.is_none() || index == 0 {
            self.arm(now);
        }
    }

    /// Cuts the segment at `index` so that it has at most `most` bytes; the rest follows as another.
    pub fn cut(&mut self, index: usize, most: u32) {
        let segment = &mut self.segments[index];
        let Some(rest_len) = segment.len.checked_sub(most).filter(|&rest| rest > 0) else { return };
        let mut rest = segment.clone();
        segment.len = most;
        segment.fin = false;
        rest.start += u64::from(most);
        rest.data += u64::from(most);
        rest.len = rest_len;
        self.sacked += u32::from(rest.state & SACKED != 0);
        self.lost += u32::from(rest.state & LOST != 0);
        self.retransmitted += u32::from(rest.state & RETRANSMITTED != 0);
        self.segments.insert(index + 1, rest);
    }

    /// The path takes segments of at most `most` bytes: longer ones are lost, which says nothing of
    /// congestion (Linux's `tcp_simple_retransmit`).
    pub fn lose_longer_than(&mut self, now: SimTime, most: u32) {
        self.mss = self.mss.min(most);
        for index in 0..self.segments.len() {
            let segment = &mut self.segments[index];
            if segment.len > most && segment.state & SACKED == 0 {
                if segment.state & RETRANSMITTED != 0 {
                    segment.state &= !RETRANSMITTED;
                    self.retransmitted -= 1;
                }
                self.mark_lost(index);
            }
        }
        if self.lost == 0 || self.in_loss() {
            return;
        }
        self.phase = Phase::Loss { high: self.next };
        self.undo.end();
        (self.frto, self.hold) = (false, Hold::No);
        self.probe_high = None;
        self.arm(now);
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

    /// Gives back the room of segments that are no longer in flight.
    pub fn shrink(&mut self) {
        self.segments.shrink_to_fit();
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
            && self.hold == Hold::No
            && self.undo.is_over()
    }

    /// An acknowledgement came. `siblings[me]` is this subflow, for coupled congestion control.
    pub fn on_ack(
        &mut self,
        now: SimTime,
        ack: &Ack<'_>,
        siblings: &[Sibling],
        me: usize,
    ) -> Acked {
        let Ack { ack, sacks, echo_rtt, echoed_ms, duplicate } = *ack;
        if ack > self.next {
            return Acked::default();
        }
        let prior_in_flight = self.in_flight();
        let prior_delivered = self.delivered;
        let prior_lost = self.lost;
        let prior_sacked = self.sacked;
        self.hold = Hold::No;
        self.original_delivered = false;
        let mut acked = Acked::default();
        let mut sample = RateSample::default();
        let mut rtt = None;
        let mut newest_rtt = None;
        let mut any_sent_again = false;
        let prior_out = self.segments.len();

        while let Some(front) = self.segments.front_mut() {
            if front.end() > ack {
                if ack > front.start {
                    // A piece of it arrived (something on the way had split it). The segment stays
                    // whole, since its mapping must not change when the rest is sent again.
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
        if !self.sack {
            self.forget_duplicates((prior_out - self.segments.len()) as u32);
        }
        if any_sent_again {
            // What follows a repaired hole arrived long before its acknowledgement (RFC 6298 §3).
            (rtt, newest_rtt) = (None, None);
            if !self.sack {
                self.original_delivered = false; // nor is it known which of them were (RFC 5682 §2)
            }
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
                let segments = (end - start).div_ceil(u64::from(self.mss.max(1))) as u32;
                self.undo.note_duplicates(end, segments);
                continue;
            }
            self.apply_sack(now, start, end.min(self.next), &mut sample, &mut rtt, &mut newest_rtt);
        }
        if !self.sack && duplicate && !acked.advanced && !self.segments.is_empty() {
            self.count_duplicate();
        }

        if let Some(measured) = rtt.or(if acked.advanced { echo_rtt } else { None }) {
            self.rtt.sample(now, measured);
        }
        self.end_probe(ack, dsack, siblings, me);
        if !self.sack || self.sacked + self.lost + self.retransmitted > 0 {
            self.detect_losses(now);
        }

        let delivered_now = (self.delivered - prior_delivered) as u32;
        let newly_lost = self.lost.saturating_sub(prior_lost);
        let progress = Progress {
            advanced: acked.advanced,
            delivered: delivered_now,
            newly_lost,
            out_of_order: duplicate || self.sacked > prior_sacked,
            echoed_ms,
        };
        if self.phase != Phase::Open || self.lost > 0 {
            self.step_phase(&mut acked, &progress, siblings, me);
        }

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

    /// True when `ack` acknowledges the oldest segment and no other, which was sent once, while nothing is
    /// lost, reordered or repaired: what nearly every acknowledgement does.
    #[inline(always)] // once for each acknowledgement
    pub(crate) fn is_next_to_be_acked(&self, ack: u64) -> bool {
        self.segments.front().is_some_and(|s| s.end() == ack && s.transmissions == 1)
            && self.sack
            && self.sacked | self.lost | self.retransmitted == 0
            && self.phase == Phase::Open
            && self.probe_high.is_none()
    }

    /// The short way of [`Sender::on_ack`], without SACK blocks, where [`Sender::is_next_to_be_acked`] says
    /// so: the same steps, of which most have nothing to do. The timer is left to
    /// [`Sender::arm_after_ack`]: the next segment mostly follows at once, and sets it anyway.
    #[inline(always)] // once for each acknowledgement
    pub(crate) fn on_next_acked(&mut self, now: SimTime, siblings: &[Sibling], me: usize) -> Acked {
        let Some(segment) = self.segments.pop_front() else { return Acked::default() };
        let end = segment.end();
        self.hold = Hold::No;
        self.original_delivered = false;
        self.delivered += 1;
        self.delivered_at = now;
        self.note_rack(&segment, now);
        self.first_sent_at = segment.sent_at;
        self.reordering_seen |= end < self.highest_sacked;
        self.una = end;
        self.backoff = 0;
        self.duplicate_acks = 0;
        let measured = now.since(segment.sent_at);
        self.rtt.sample(now, measured);
        let limited = self.is_cwnd_limited();
        if !self.congestion.on_next_acked(limited, self.delivered, siblings, me) {
            self.tell_of_next_acked(now, measured, limited, RateSample::of(&segment), siblings, me);
        }
        let data_end = Some(segment.data + u64::from(segment.len));
        Acked { advanced: true, data_end, all: self.segments.is_empty(), undone: None }
    }

    /// The rest of [`Sender::on_next_acked`] for a congestion control that asks for more.
    #[inline(never)]
    fn tell_of_next_acked(
        &mut self,
        now: SimTime,
        rtt: SimDuration,
        cwnd_limited: bool,
        sample: RateSample,
        siblings: &[Sibling],
        me: usize,
    ) {
        let in_flight = self.segments.len() as u32;
        self.congestion.on_ack(
            &AckSample {
                now,
                acked: 1,
                advances: true,
                rtt: Some(rtt),
                srtt: self.rtt.srtt(),
                min_rtt: self.rtt.min(),
                in_flight,
                prior_in_flight: in_flight + 1,
                cwnd_limited,
                in_recovery: false,
                lost: 0,
                delivered: self.delivered,
                prior_delivered: sample.prior_delivered,
                interval: sample.interval(now, self.rtt.min()),
                rate_delivered: (self.delivered - sample.prior_delivered) as u32,
                app_limited: sample.app_limited,
                mss: self.mss,
            },
            siblings,
            me,
        );
    }

    /// Sets the timer after [`Sender::on_next_acked`], unless a segment at or behind `next` went out since,
    /// which has set it.
    #[inline(always)] // once for each acknowledgement
    pub(crate) fn arm_after_ack(&mut self, now: SimTime, next: u64) {
        if self.next == next {
            self.arm(now);
        }
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
        if let Phase::Loss { high } = self.phase {
            self.original_delivered |= segment.transmissions == 1 && segment.end() <= high;
        }
        self.note_rack(segment, now);
        if !sample.valid || segment.delivered >= sample.prior_delivered {
            self.first_sent_at = segment.sent_at;
            *sample = RateSample::of(segment);
        }
    }
}
