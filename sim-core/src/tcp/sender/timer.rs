//! The sender's one timer: retransmission timeout (RFC 6298), tail-loss probe (RFC 8985 §7), end of the
//! reordering window.

use super::recovery::Progress;
use super::segment::{LOST, SACKED};
use super::{Acked, Hold, Phase, Sender};
use crate::tcp::congestion::Sibling;
use crate::tcp::jiffies;
use crate::time::{SimDuration, SimTime};

/// What a tail-loss probe allows for the peer's delayed acknowledgement of a lone segment.
const PROBE_DELAYED_ACK: SimDuration = SimDuration::from_millis(200);
/// Least slack of a tail-loss probe over two round trips (Linux's `TCP_TIMEOUT_MIN`).
const PROBE_SLACK: SimDuration = SimDuration::from_millis(2);

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

impl Sender {
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
                let progress = Progress { newly_lost: newly, ..Progress::default() };
                self.step_phase(&mut Acked::default(), &progress, siblings, me);
                if self.timer.is_none() {
                    self.arm(now);
                }
            }
            TimerKind::Probe => {
                self.probe_high = Some(self.next);
                self.probe_was_retransmission = false;
                self.set_timer(now, self.rtt.rto(0), TimerKind::Retransmission);
            }
            TimerKind::Retransmission => {
                if self.segments.is_empty() {
                    return None;
                }
                let high = self.next;
                // tcp_enter_loss: not in the middle of a fast recovery.
                self.frto = self.phase == Phase::Open || self.backoff > 0;
                self.hold = Hold::No;
                if self.phase == Phase::Open {
                    self.undo.begin(self.una);
                }
                self.congestion.on_timeout(siblings, me);
                self.phase = Phase::Loss { high };
                self.probe_high = None;
                for segment in &mut self.segments {
                    if segment.state & SACKED == 0 {
                        segment.state = LOST;
                    }
                }
                if !self.sack {
                    self.sacked = 0; // duplicate acknowledgements counted
                }
                self.lost = self.segments.len() as u32 - self.sacked;
                self.retransmitted = 0;
                self.backoff += 1;
                self.set_timer(now, self.rtt.rto(self.backoff), TimerKind::Retransmission);
            }
        }
        Some(kind)
    }

    /// A running timeout is not put off by what arrives after the head of the queue was last sent, or
    /// the head could be lost for good while later data goes on arriving (Linux's
    /// `FLAG_SET_XMIT_TIMER`).
    pub(super) fn must_keep_timeout(&self, now: SimTime, sacked_rtt: Option<SimDuration>) -> bool {
        matches!(self.timer, Some((_, TimerKind::Retransmission)))
            && self
                .segments
                .front()
                .is_some_and(|head| sacked_rtt.is_none_or(|rtt| rtt <= now.since(head.sent_at)))
    }

    /// RFC 8985 §7.4: did the probe repair a loss?
    pub(super) fn end_probe(&mut self, ack: u64, dsack: bool, siblings: &[Sibling], me: usize) {
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
    pub(super) fn arm(&mut self, now: SimTime) {
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
        let (timeout, kind) = if healthy && self.probe_high.is_none() && srtt > SimDuration::ZERO {
            let slack = if self.segments.len() == 1 { PROBE_DELAYED_ACK } else { PROBE_SLACK };
            let probe = srtt * 2 + slack;
            if probe < rto { (probe, TimerKind::Probe) } else { (rto, TimerKind::Retransmission) }
        } else {
            (rto, TimerKind::Retransmission)
        };
        self.set_timer(now, timeout, kind);
    }

    #[inline(always)] // twice for each segment
    pub(super) fn set_timer(&mut self, now: SimTime, timeout: SimDuration, kind: TimerKind) {
        self.timer_set_at = now;
        self.timer = Some((now + timeout, kind));
    }

    /// True when the timer whose time has come is not due after all in a host whose timers are those of
    /// Linux's timer wheel ([`jiffies::expiry`]): [`Sender::deadline`] is the wheel's time from then on.
    /// Asked only then, since most timers are set again before.
    pub fn waits_for_wheel(&mut self, now: SimTime) -> bool {
        let Some((at, kind)) = self.timer.filter(|(at, _)| *at > self.timer_set_at) else {
            return false;
        };
        let doublings = if kind == TimerKind::Retransmission { self.backoff.min(16) } else { 0 };
        let expiry = jiffies::expiry(self.timer_set_at, at.since(self.timer_set_at), doublings);
        self.timer_set_at = expiry;
        self.timer = Some((expiry, kind));
        expiry > now
    }
}
