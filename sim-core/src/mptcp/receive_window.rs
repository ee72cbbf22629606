//! How much a receiver takes: dynamic right-sizing as Linux does it (`tcp_rcv_space_adjust`,
//! `mptcp_rcv_space_adjust`): room for twice what a round trip delivered, and more while that grows.
//! The window follows the room by two segments for each that comes in (`tcp_grow_window`).

use crate::time::{SimDuration, SimTime};

/// Linux's initial window (`TCP_INIT_CWND` and the default of `tcp_rmem` allow this much).
const INITIAL: u64 = 65_536;
/// What a round trip is taken to have delivered before the first (`TCP_INIT_CWND` segments).
const INITIAL_SPACE: u64 = 10 * 1_448;
/// Sixteen segments beyond what was measured.
const MARGIN: u64 = 16 * 1_460;

/// The size of the receive window.
#[derive(Clone, Debug)]
pub(super) struct ReceiveWindow {
    size: u64,
    /// What the buffer has room for; it only grows.
    room: u64,
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
            room: size,
            max,
            rtt: SimDuration::ZERO,
            measured_from: SimTime::ZERO,
            delivered: 0,
            space: INITIAL_SPACE,
        }
    }

    /// The size in bytes.
    #[inline]
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Data echoed a timestamp that was sent so long ago.
    #[inline(always)] // once for each segment with data
    pub(super) fn note_rtt(&mut self, ms: u32) {
        if self.room < self.max {
            self.measure(ms);
        }
    }

    #[inline(never)]
    fn measure(&mut self, ms: u32) {
        if ms > 60_000 {
            return;
        }
        let sample = SimDuration::from_millis(u64::from(ms.max(1)));
        self.rtt = if self.rtt == SimDuration::ZERO {
            sample
        } else {
            SimDuration((7 * self.rtt.0 + sample.0) / 8)
        };
    }

    /// A segment with `len` bytes of payload came in.
    #[inline]
    pub(super) fn note_segment(&mut self, len: u32) {
        if self.size < self.room {
            self.size = self.room.min(self.size + 2 * u64::from(len));
        }
    }

    /// `bytes` were delivered to the application.
    #[inline]
    pub(super) const fn note_delivery(&mut self, bytes: u64) {
        self.delivered += bytes;
    }

    /// The application has read what there was.
    #[inline(always)] // once for each packet
    pub(super) fn adjust(&mut self, now: SimTime) {
        if self.delivered > 0 && self.room < self.max {
            self.grow(now);
        }
    }

    #[inline(never)]
    fn grow(&mut self, now: SimTime) {
        if self.rtt == SimDuration::ZERO || now.since(self.measured_from) < self.rtt {
            return;
        }
        if self.delivered > self.space {
            let mut window = 2 * self.delivered + MARGIN;
            let growth = u128::from(window) * u128::from(self.delivered - self.space);
            window += 2 * (growth / u128::from(self.space)) as u64;
            self.room = self.room.max(window.min(self.max));
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
            w.note_segment(5_000);
            w.note_delivery(5_000); // 40 Mbit/s
            w.adjust(SimTime(ms * 1_000_000));
        }
        let grown = w.size();
        assert!((200_000..6 << 20).contains(&grown), "{grown}");
        for ms in 101..=300 {
            w.note_delivery(10);
            w.adjust(SimTime(ms * 1_000_000));
        }
        assert_eq!(w.size(), grown);
    }

    #[test]
    fn the_window_follows_the_room_by_two_segments_for_each() {
        let mut w = ReceiveWindow::new(6 << 20, true);
        w.note_rtt(20);
        w.note_segment(1_448);
        assert_eq!(w.size(), INITIAL, "no room yet");
        w.note_delivery(60_000);
        w.adjust(SimTime(20_000_000));
        assert_eq!(w.size(), INITIAL);
        w.note_segment(1_448);
        assert_eq!(w.size(), INITIAL + 2 * 1_448);
    }

    #[test]
    fn without_autotuning_the_whole_buffer_is_offered() {
        assert_eq!(ReceiveWindow::new(1 << 20, false).size(), 1 << 20);
    }
}
