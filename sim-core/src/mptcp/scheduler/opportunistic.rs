//! Opportunistic retransmission and penalisation (Raiciu et al., 2012; `mptcp_rcv_buf_optimization` of
//! the out-of-tree kernel): when the connection's window or send buffer is full, what slower subflows
//! have not brought goes over a faster one too, and the subflow that holds everybody up gets a smaller
//! window.
//!
//! The kernel sends the first segment only, once. Where a burst on a slow path blocks the window, its
//! segments are one after the other in the stream, and each comes by itself before the copy that goes out
//! when it has become the first: retransmission alone would gain nothing over none, where the published
//! curve does. So a faster subflow takes all that blocks, oldest first, as long as it has room.

use super::super::data_send::SHORT_SEGMENT;
use super::super::endpoint::{Endpoint, Io};
use super::super::subflow::Subflow;
use crate::time::SimTime;

/// A slow subflow with no more segments than this in its window is helped however slow it is.
const SMALL_WINDOW: u32 = 4;
/// Round-trip times that differ by less than this factor need no help.
const RTT_FACTOR: u64 = 4;

/// What penalisation remembers.
#[derive(Debug, Default)]
pub(super) struct Opportunistic {
    /// Slow subflows keep their windows.
    spares: bool,
    /// When each subflow was last penalised.
    penalised_at: Vec<SimTime>,
    /// Up to here, in the stream, what blocked has been sent again: once is enough, whether it has left
    /// that subflow or not.
    sent_again: u64,
}

impl Opportunistic {
    /// Retransmission alone.
    pub(super) fn without_penalty() -> Self {
        Self { spares: true, ..Self::default() }
    }
}

impl Endpoint {
    /// Called when no new data could be sent although a subflow may have room.
    pub(in crate::mptcp) fn retransmit_opportunistically(&mut self, io: &mut Io<'_>) {
        if self.scheduler.opportunistic.is_none() || self.is_plain() || !self.is_blocked() {
            return;
        }
        let head = self.send.una;
        let Some(fast) = self.pick_min_rtt_with_room(io.now) else { return };
        self.penalise(io.now, fast, head);
        while self.subflows[fast].tx.has_room(io.now)
            && let Some((from, to)) = self.blocking(fast)
        {
            let to = to.min(from + u64::from(self.segment_room(fast)));
            if let Some(state) = &mut self.scheduler.opportunistic {
                state.sent_again = to;
            }
            if let Some(rule) = &mut self.scheduler.rule {
                rule.on_blocked();
            }
            self.send_copy(io, fast, from, (to - from) as u32);
        }
    }

    /// The oldest range of the stream that a subflow slower than `fast` holds and that was not sent again.
    fn blocking(&self, fast: usize) -> Option<(u64, u64)> {
        let from = self.send.una.max(self.scheduler.opportunistic.as_ref()?.sent_again);
        let fast_rtt = self.subflows[fast].tx.rtt.srtt();
        let needs_help = |(i, s): &(usize, &Subflow)| {
            let tx = &s.tx;
            let is_small = tx.congestion.window().cwnd <= SMALL_WINDOW;
            *i != fast && s.is_alive() && (is_small || fast_rtt * RTT_FACTOR < tx.rtt.srtt())
        };
        let slow = self.subflows.iter().enumerate().filter(needs_help);
        let held = slow.flat_map(|(_, s)| s.tx.outstanding().iter());
        held.map(|s| (s.data.max(from), s.data + u64::from(s.len)))
            .filter(|&(from, to)| from < to && !self.has_in_flight(fast, (from, to)))
            .min()
    }

    /// Data is in flight, and no more can follow: the peer's window has no room for the next segment, or the
    /// send buffer is full.
    fn is_blocked(&self) -> bool {
        let (una, next, written) = (self.send.una, self.send.next, self.app.written());
        let room = self.send.window_edge.saturating_sub(next);
        una < next
            && (room < (written - next).min(u64::from(SHORT_SEGMENT))
                || next == written && written >= una + self.config.send_buffer.0)
    }

    fn pick_min_rtt_with_room(&self, now: SimTime) -> Option<usize> {
        let with_room = self.usable().filter(|&i| self.subflows[i].tx.has_room(now));
        with_room.min_by_key(|&i| self.subflows[i].tx.rtt.srtt())
    }

    /// Halves the window of every slower subflow that holds the first segment up and keeps it from
    /// growing back at once, each at most once in a round trip of its own (Raiciu et al., §4.2). The
    /// out-of-tree kernel goes by the fast subflow's round trip and leaves the threshold alone in slow
    /// start, which empties a slow path with a deep queue again and again.
    fn penalise(&mut self, now: SimTime, fast: usize, head: u64) {
        let fast_rtt = self.subflows[fast].tx.rtt.srtt();
        for i in 0..self.subflows.len() {
            let s = &self.subflows[i];
            let slow_rtt = s.tx.rtt.srtt();
            if i == fast
                || !s.is_alive()
                || slow_rtt <= fast_rtt
                || !s.tx.is_open()
                || !self.has_in_flight(i, (head, head))
            {
                continue;
            }
            let Some(state) = self.scheduler.opportunistic.as_mut().filter(|s| !s.spares) else {
                return;
            };
            if state.penalised_at.len() <= i {
                state.penalised_at.resize(i + 1, SimTime::ZERO);
            }
            let last = std::mem::replace(&mut state.penalised_at[i], now);
            if last > SimTime::ZERO && now.since(last) < slow_rtt {
                state.penalised_at[i] = last;
                continue;
            }
            let window = self.subflows[i].tx.congestion.window_mut();
            window.cwnd = (window.cwnd / 2).max(1);
            window.ssthresh = window.cwnd.max(2);
        }
    }
}
