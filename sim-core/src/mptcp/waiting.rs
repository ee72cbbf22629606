//! What an end does while nothing comes: it probes a closed window (RFC 9293 §3.8.6.1), and in the
//! end it gives up what TCP itself does not see: a DATA_ACK that is never sent, a last subflow that
//! is not replaced.

use super::counters::Counter;
use super::endpoint::{Endpoint, Io, Life};
use super::subflow::Subflow;
use crate::record::story::Fact;
use crate::time::{SimDuration, SimTime};

/// Probes without an answer after which the connection is given up (Linux's `tcp_retries2`).
const PROBES: u32 = 15;
/// How long nothing is acknowledged at the data level before the connection is given up: as long as
/// TCP tries at least (`tcp_retries2` of 15).
const SILENCE: SimDuration = SimDuration::from_millis(924_600);
/// How long a connection without subflows waits for another (`net.mptcp.close_timeout`).
const CLOSE_TIMEOUT: SimDuration = SimDuration::from_secs(60);

/// What an end waits for.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// When the closed window is probed.
    probe_at: SimTime,
    /// Probes sent since it closed.
    probes: u32,
    /// Probes sent since anything was heard.
    pub(super) unanswered: u32,
    /// Since when the data level has been silent.
    pub(super) silent_since: Option<SimTime>,
    /// When a connection without subflows is given up.
    orphan_at: SimTime,
    /// When a cork lets go of what it holds back first.
    pub(super) cork_at: SimTime,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            probe_at: SimTime::NEVER,
            probes: 0,
            unanswered: 0,
            silent_since: None,
            orphan_at: SimTime::NEVER,
            cork_at: SimTime::NEVER,
        }
    }
}

impl Waiting {
    /// True while a closed window is, or soon will be, probed.
    #[inline]
    pub(super) fn is_probing(&self) -> bool {
        self.probe_at != SimTime::NEVER || self.probes > 0
    }

    /// The window is not closed, or what is in flight will open it.
    #[inline]
    pub(super) fn stop_probing(&mut self) {
        self.probe_at = SimTime::NEVER;
        self.probes = 0;
    }

    #[inline]
    pub(super) fn deadline(&self) -> SimTime {
        self.probe_at.min(self.orphan_at).min(self.cork_at)
    }
}

impl Endpoint {
    /// Sets the persist timer when new data waits for the window only and nothing in flight will
    /// bring an acknowledgement.
    #[inline]
    pub(super) fn watch_window(&mut self, now: SimTime) {
        if self.send.taken <= self.send.next || !self.is_shut_out() {
            self.waiting.stop_probing();
        } else if self.waiting.probe_at == SimTime::NEVER {
            let carriers = self.subflows.iter().filter(|s| s.can_carry());
            let wait = carriers.map(|s| s.tx.rtt.rto(self.waiting.probes)).min();
            self.waiting.probe_at = wait.map_or(SimTime::NEVER, |wait| now + wait);
        }
    }

    fn is_shut_out(&self) -> bool {
        let carriers = || self.subflows.iter().filter(|s| s.can_carry());
        let subflow_closed = |s: &Subflow| s.tx.window_edge <= s.tx.next;
        let closed = self.send.window_edge <= self.send.next
            || (self.is_plain() && carriers().all(subflow_closed));
        closed && self.life == Life::Active && carriers().all(|s| s.tx.is_idle())
    }

    /// The times of [`Waiting::deadline`] have come.
    pub(super) fn on_waiting_timer(&mut self, io: &mut Io<'_>) {
        if self.waiting.cork_at <= io.now {
            self.waiting.cork_at = SimTime::NEVER;
        }
        if self.waiting.orphan_at <= io.now {
            self.waiting.orphan_at = SimTime::NEVER;
            if !self.has_subflow() {
                self.give_up_waiting(io);
            }
        }
        if self.waiting.probe_at > io.now || self.life != Life::Active {
            return;
        }
        self.waiting.probe_at = SimTime::NEVER;
        self.waiting.probes += 1;
        self.waiting.unanswered += 1;
        if self.waiting.unanswered > PROBES {
            self.give_up_waiting(io);
            return;
        }
        let carriers = (0..self.subflows.len()).filter(|&i| self.subflows[i].can_carry());
        if let Some(i) = carriers.min_by_key(|&i| self.subflows[i].tx.rtt.srtt()) {
            self.counters.count(Counter::WinProbe);
            self.send_window_probe(io, i);
        }
    }

    /// Nothing was acknowledged at the data level for a timeout. True when that has gone on for so
    /// long that the connection was given up.
    pub(super) fn has_been_silent(&mut self, io: &mut Io<'_>) -> bool {
        let since = *self.waiting.silent_since.get_or_insert(io.now);
        let over = io.now.since(since) >= SILENCE;
        if over {
            self.give_up_waiting(io);
        }
        over
    }

    /// The connection may have lost its last subflow: the peer has some time to open another.
    pub(super) fn await_subflow(&mut self, now: SimTime) {
        if self.life == Life::Active && self.is_mptcp() && !self.has_subflow() {
            self.waiting.orphan_at = self.waiting.orphan_at.min(now + CLOSE_TIMEOUT);
        }
    }

    fn has_subflow(&self) -> bool {
        self.subflows.iter().any(|s| s.is_alive() && !s.fin_sent())
    }

    fn give_up_waiting(&mut self, io: &mut Io<'_>) {
        if self.life == Life::Active {
            self.tell(io.now, 0, None, Fact::TimedOut);
            self.abort(io, 0);
        }
    }
}
