//! How much a receiver takes: dynamic right-sizing as Linux does it (`tcp_rcv_space_adjust`,
//! `mptcp_rcv_space_adjust`): twice what a round trip delivered, and more while that grows.

use crate::time::{SimDuration, SimTime};

/// Linux's initial window (`TCP_INIT_CWND` and the default of `tcp_rmem` allow this much).
const INITIAL: u64 = 65_535;
/// Sixteen segments beyond what was measured.
const MARGIN: u64 = 16 * 1_460;

/// The size of the receive window.
#[derive(Clone, Debug)]
pub(super) struct ReceiveWindow {
    size: u64,
    max: u64,
    /// Round trip as the receiver sees it: from sending a timestamp to getting data that echoes it.
    rtt: SimDuration,
    measured_from: SimTime,
    delivered: u64,
    /// Most that a round trip has delivered so far.
    space: u64,
}

impl ReceiveWindow {
    /// A window of at most `max` bytes.
    pub(super) fn new(max: u64, autotuning: bool) -> Self {
        let size = if autotuning { max.min(INITIAL) } else { max };
        Self {
            size,
            max,
            rtt: SimDuration::ZERO,
            measured_from: SimTime::ZERO,
            delivered: 0,
            space: INITIAL / 2,
        }
    }

    /// The size in bytes.
    #[inline]
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Data echoed a timestamp that was sent so long ago.
    #[inline]
    pub(super) fn note_rtt(&mut self, ms: u32) {
        if self.size >= self.max || ms > 60_000 {
            return;
        }
        let sample = SimDuration::from_millis(u64::from(ms.max(1)));
        self.rtt = if self.rtt == SimDuration::ZERO {
            sample
        } else {
            SimDuration((7 * self.rtt.0 + sample.0) / 8)
        };
    }

    /// `bytes` were delivered to the application.
    #[inline]
    pub(super) fn note_delivery(&mut self, now: SimTime, bytes: u64) {
        if self.size >= self.max {
            return;
        }
        self.delivered += bytes;
        if self.rtt == SimDuration::ZERO || now.since(self.measured_from) < self.rtt {
            return;
        }
        if self.delivered > self.space {
            let mut window = 2 * self.delivered + MARGIN;
            let growth = u128::from(window) * u128::from(self.delivered - self.space);
            window += 2 * (growth / u128::from(self.space)) as u64;
            self.size = self.size.max(window.min(self.max));
            self.space = self.delivered;
        }
        self.measured_from = now;
        self.delivered = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_what_a_round_trip_delivers_and_never_shrinks() {
        let mut w = ReceiveWindow::new(6 << 20, true);
        w.note_rtt(20);
        for ms in 1..=100 {
            w.note_delivery(SimTime(ms * 1_000_000), 5_000); // 40 Mbit/s
        }
        let grown = w.size();
        assert!((200_000..6 << 20).contains(&grown), "{grown}");
        for ms in 101..=300 {
            w.note_delivery(SimTime(ms * 1_000_000), 10);
        }
        assert_eq!(w.size(), grown);
    }

    #[test]
    fn without_autotuning_the_whole_buffer_is_offered() {
        assert_eq!(ReceiveWindow::new(1 << 20, false).size(), 1 << 20);
    }
}
