//! Which subflow sends next (PROTOCOL §8): a file for each scheduler, a line for each in
//! [`SchedulerState::new`].
//!
//! A [`Rule`] chooses for one segment of new data at a time. minRTT needs none: the lowest round-trip
//! time is also what reinjected data goes by, whatever the scheduler. Two schedulers do more than
//! choose: [`redundant`] sends copies of what others carry, [`opportunistic`] what blocks the window.

mod blest;
mod ecf;
mod linux;
mod opportunistic;
mod redundant;
mod round_robin;

use std::fmt::Debug;

use super::config::SchedulerKind;
use super::endpoint::Endpoint;
use super::subflow::Subflow;
use crate::time::{SimDuration, SimTime};
use opportunistic::Opportunistic;
use redundant::Redundant;

/// A subflow that may be used, as a rule sees it.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// Index of the subflow.
    index: usize,
    /// It could send a segment now: room in the congestion window, not held back by pacing.
    has_room: bool,
    /// Smoothed round-trip time.
    srtt: SimDuration,
    /// Mean deviation of the round-trip time.
    deviation: SimDuration,
    /// Congestion window in segments.
    cwnd: u32,
    /// Slow start threshold in segments; `None` before the first loss.
    ssthresh: Option<u32>,
    /// Segments in the network.
    in_flight: u32,
    /// Payload of a full segment in bytes.
    mss: u32,
    /// Bytes sent and not acknowledged.
    unacked: u64,
    /// Bytes per second that leave when the window is used (Linux's `sk_pacing_rate`).
    pacing_rate: u64,
}

/// The connection, as a rule sees it.
#[derive(Debug)]
struct View<'a> {
    now: SimTime,
    /// In the order of their indices.
    candidates: &'a [Candidate],
    /// Bytes written and never sent.
    unsent: u64,
    /// Bytes from the first unacknowledged one to the right edge of the peer's window.
    window: u64,
    /// Bytes of new data that the window still takes.
    window_left: u64,
}

impl View<'_> {
    /// The lowest round-trip time of all, or of those with room; the lower index when equal.
    fn lowest_rtt(&self, with_room: bool) -> Option<&Candidate> {
        let wanted = self.candidates.iter().filter(|c| c.has_room || !with_room);
        wanted.min_by_key(|c| c.srtt)
    }
}

/// How a scheduler chooses.
trait Rule: Debug + Send {
    /// The subflow for the next segment of new data; `None`: none of them, now. A rule may wait only
    /// for a subflow that has data in flight or is paced, since only that calls it again.
    fn pick(&mut self, view: &View<'_>) -> Option<usize>;

    /// `len` bytes of new data went out over subflow `index`.
    fn on_sent(&mut self, _index: usize, _len: u32) {}

    /// A call to send as much as possible begins, and none is under way.
    fn on_push(&mut self) {}

    /// The window was full, and its first segment had to be sent again over a faster subflow.
    fn on_blocked(&mut self) {}
}

/// What a scheduler remembers.
#[derive(Debug, Default)]
pub(super) struct SchedulerState {
    /// How new data is dealt out; by the lowest round-trip time when there is none.
    rule: Option<Box<dyn Rule>>,
    redundant: Option<Redundant>,
    opportunistic: Option<Opportunistic>,
    /// Room for a view, kept from call to call.
    candidates: Vec<Candidate>,
}

impl SchedulerState {
    pub(super) fn new(kind: SchedulerKind) -> Self {
        match kind {
            SchedulerKind::MinRtt => Self::default(),
            SchedulerKind::MinRttOpportunistic => Self::default().retransmitting(),
            SchedulerKind::MinRttRetransmitting => {
                let opportunistic = Opportunistic::without_penalty();
                Self { opportunistic: Some(opportunistic), ..Self::default() }
            }
            SchedulerKind::RoundRobin => Self::by(round_robin::RoundRobin::default()),
            SchedulerKind::Redundant => {
                Self { redundant: Some(Redundant::default()), ..Self::default() }
            }
            SchedulerKind::Blest => Self::by(blest::Blest::default()).retransmitting(),
            SchedulerKind::Ecf => Self::by(ecf::Ecf::default()).retransmitting(),
            SchedulerKind::Linux => Self::by(linux::Linux::default()),
        }
    }

    /// New data is dealt out by a rule, which is to be asked each time: it may remember.
    #[inline]
    pub(super) const fn has_rule(&self) -> bool {
        self.rule.is_some()
    }

    /// True when new data goes not just to the subflow of the lowest round-trip time.
    #[inline]
    pub(super) const fn is_particular(&self) -> bool {
        self.has_rule() || self.is_redundant() || self.is_opportunistic()
    }

    /// Every subflow sends the whole stream.
    #[inline]
    pub(super) const fn is_redundant(&self) -> bool {
        self.redundant.is_some()
    }

    /// What blocks the window is sent again.
    #[inline]
    pub(super) const fn is_opportunistic(&self) -> bool {
        self.opportunistic.is_some()
    }

    fn by(rule: impl Rule + 'static) -> Self {
        Self { rule: Some(Box::new(rule)), ..Self::default() }
    }

    /// With opportunistic retransmission and penalisation.
    fn retransmitting(self) -> Self {
        Self { opportunistic: Some(Opportunistic::default()), ..self }
    }
}

/// Subflows of a rank carry data only while there are none of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Regular,
    Backup,
    /// Timing out, or stale.
    Sick,
}

impl Endpoint {
    /// The subflow for the next segment: of new data, or of `reinjected` data, which must not go over
    /// a subflow that has it in flight. Backup subflows serve only when no other is usable
    /// (RFC 8684 §3.3.8).
    #[inline]
    pub(super) fn pick_subflow(
        &mut self,
        now: SimTime,
        reinjected: Option<(u64, u64)>,
    ) -> Option<usize> {
        if let [s] = &self.subflows[..] {
            return (s.can_carry()
                && s.tx.has_room(now)
                && reinjected.is_none_or(|r| !self.has_in_flight(0, r)))
            .then_some(0);
        }
        self.pick_among(now, reinjected)
    }

    fn pick_among(&mut self, now: SimTime, reinjected: Option<(u64, u64)>) -> Option<usize> {
        if reinjected.is_none() && self.scheduler.rule.is_some() {
            return self.pick_by_rule(now);
        }
        let mut best_rank = Rank::Sick;
        let mut least = SimDuration::MAX;
        let mut picked = None;
        for (i, s) in self.subflows.iter().enumerate() {
            let Some(rank) = self.rank(s) else { continue };
            if rank > best_rank {
                continue;
            }
            if rank < best_rank {
                (best_rank, least, picked) = (rank, SimDuration::MAX, None);
            }
            let srtt = s.tx.rtt.srtt();
            if srtt < least
                && s.tx.has_room(now)
                && reinjected.is_none_or(|range| !self.has_in_flight(i, range))
            {
                (least, picked) = (srtt, Some(i));
            }
        }
        picked
    }

    /// What [`Endpoint::pick_subflow`] picks for new data; mostly one subflow at most has room, and no rule is
    /// to be asked.
    #[inline]
    pub(super) fn pick_for_new_data(&mut self, now: SimTime) -> Option<usize> {
        if self.scheduler.has_rule() {
            return self.pick_subflow(now, None);
        }
        let mut with_room = self.subflows.iter().enumerate().filter(|(_, s)| s.tx.has_room(now));
        let (first, s) = with_room.next()?;
        // No other is of a better rank.
        if with_room.next().is_none() && self.rank(s) == Some(Rank::Regular) {
            return Some(first);
        }
        self.pick_subflow(now, None)
    }

    /// Whether `s` can carry data at all, and after which others it does.
    #[inline]
    fn rank(&self, s: &Subflow) -> Option<Rank> {
        if !s.can_carry() {
            return None;
        }
        // Linux gives a subflow that is timing out up, once it is stale, not before.
        let healthy = (self.uses_queues || !s.tx.in_loss()) && !s.stale;
        Some(match (healthy, s.backup) {
            (true, false) => Rank::Regular,
            (true, true) => Rank::Backup,
            (false, _) => Rank::Sick,
        })
    }

    /// Subflows that new data may go over: the healthy ones where there are any, and no backup while a
    /// regular one is among them.
    #[inline]
    fn usable(&self) -> impl Iterator<Item = usize> {
        let ranks = self.subflows.iter().map(|s| self.rank(s));
        let best = ranks.clone().flatten().min();
        ranks.enumerate().filter(move |(_, rank)| rank.is_some() && *rank == best).map(|(i, _)| i)
    }

    fn pick_by_rule(&mut self, now: SimTime) -> Option<usize> {
        let mut candidates = std::mem::take(&mut self.scheduler.candidates);
        candidates.clear();
        candidates.extend(self.usable().map(|i| self.candidate(now, i)));
        let view = View {
            now,
            candidates: &candidates,
            unsent: self.send.taken.saturating_sub(self.send.next),
            window: self.send.window_edge.saturating_sub(self.send.una),
            window_left: self.send.window_edge.saturating_sub(self.send.next),
        };
        let picked = self.scheduler.rule.as_mut().and_then(|rule| rule.pick(&view));
        self.scheduler.candidates = candidates;
        picked
    }

    fn candidate(&self, now: SimTime, index: usize) -> Candidate {
        let tx = &self.subflows[index].tx;
        let window = tx.congestion.window();
        Candidate {
            index,
            has_room: if self.uses_queues { self.has_memory(index) } else { tx.has_room(now) },
            srtt: tx.rtt.srtt(),
            deviation: tx.rtt.deviation(),
            cwnd: window.cwnd.max(1),
            ssthresh: window.known_ssthresh(),
            in_flight: tx.in_flight(),
            mss: self.segment_room(index),
            unacked: self.held(index),
            pacing_rate: tx.pacing_rate(self.mss_cache(index)),
        }
    }

    fn has_in_flight(&self, i: usize, range: (u64, u64)) -> bool {
        let in_flight = self.subflows[i].tx.outstanding();
        in_flight.iter().any(|s| s.data <= range.0 && range.0 < s.data + u64::from(s.len))
    }

    /// Data is about to be given to the subflows' queues, as much as they take.
    pub(super) fn note_push(&mut self) {
        if let Some(rule) = &mut self.scheduler.rule {
            rule.on_push();
        }
    }

    /// `len` bytes of new data went out over subflow `i`.
    #[inline]
    pub(super) fn note_sent(&mut self, i: usize, len: u32) {
        if let Some(rule) = &mut self.scheduler.rule {
            rule.on_sent(i, len);
        }
        if let Some(redundant) = &mut self.scheduler.redundant {
            redundant.on_sent(i, self.send.next);
        }
    }
}

#[cfg(test)]
fn candidate(index: usize, srtt_ms: u64, cwnd: u32, in_flight: u32) -> Candidate {
    Candidate {
        index,
        has_room: in_flight < cwnd,
        srtt: SimDuration::from_millis(srtt_ms),
        deviation: SimDuration::ZERO,
        cwnd,
        ssthresh: Some(cwnd),
        in_flight,
        mss: 1000,
        unacked: u64::from(in_flight) * 1000,
        pacing_rate: u64::from(cwnd) * 1000 * 1200 / srtt_ms,
    }
}

/// The first segment that `rule` is asked for, with `unsent` bytes to send into an empty window of
/// `window` bytes.
#[cfg(test)]
fn first_pick(
    rule: &mut dyn Rule,
    candidates: &[Candidate],
    unsent: u64,
    window: u64,
) -> Option<usize> {
    let now = SimTime(1_000_000_000);
    rule.pick(&View { now, candidates, unsent, window, window_left: window })
}
