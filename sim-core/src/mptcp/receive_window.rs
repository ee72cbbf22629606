//! How much a receiver takes: dynamic right-sizing as Linux does it (`mptcp_rcv_space_adjust`,
//! `mptcp_rcvbuf_grow`): room for twice what a round trip delivered, and more while that grows or waits
//! out of order. What a subflow offers follows that room by two segments for each that it brings
//! (`tcp_grow_window`), so that the window of the connection, the largest of them, grows by no more
//! than the busiest subflow lets it.

use crate::time::{SimDuration, SimTime};

/// What a subflow offers at first (half of the default of `tcp_rmem`).
const INITIAL: u64 = 65_536;
/// Payload that fits into the default of `tcp_rmem`, 128 KiB, once segments have shown how much of their
/// memory is payload (`scaling_ratio`: 156 of 256 for full segments of 1500 bytes).
const INITIAL_ROOM: u64 = (128 << 10) * 156 / 256;
/// Segments that a round trip is taken to have delivered before the first (`TCP_INIT_CWND`).
const INITIAL_SEGMENTS: u64 = 10;
/// A segment of so many bytes shows how much of its memory is payload (`TCP_MSS_DEFAULT`).
const LEAST_SHOWING: u64 = 536;
/// Payload from which on a segment makes the window grow (`tcp_event_data_recv`).
pub(super) const LEAST_GROWING: u32 = 128;

/// What one subflow offers of the window, and the round trip that it sees as a receiver.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Bytes (Linux's `rcv_ssthresh`); it only grows.
    size: u64,
    /// From sending a timestamp to getting data that echoes it; zero: not known.
    rtt: SimDuration,
    /// The timestamp whose echo was measured last.
    measured: u32,
}

impl Offer {
    /// A segment with `len` bytes of payload came in; the buffer has `room`. True when more is offered now.
    pub(super) fn note_segment(&mut self, len: u32, room: u64) -> bool {
        let grows = self.size < room;
        if grows {
            self.size = room.min(self.size + 2 * u64::from(len));
        }
        grows
    }

    /// Data echoed timestamp `echo`, which was sent so long ago (`tcp_rcv_rtt_measure_ts`): a shorter
    /// time counts at once, a longer one by an eighth.
    #[inline]
    pub(super) fn note_rtt(&mut self, echo: u32, ms: u32) {
        if echo == self.measured || ms > 60_000 {
            return;
        }
        self.measured = echo;
        let sample = SimDuration::from_millis(u64::from(ms.max(1)));
        self.rtt = if self.rtt == SimDuration::ZERO || sample < self.rtt {
            sample
        } else {
            SimDuration((7 * self.rtt.0 + sample.0) / 8)
        };
    }

    /// Bytes that may follow what was received in order.
    #[inline]
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// The receiver's round trip; zero: not known.
    #[inline]
    pub(super) const fn rtt(&self) -> SimDuration {
        self.rtt
    }
}

/// The room that a connection's receive buffer has.
#[derive(Clone, Debug)]
pub(super) struct ReceiveWindow {
    /// Bytes; it only grows.
    room: u64,
    max: u64,
    /// Most that is offered. The connection takes half of its memory for payload
    /// (`TCP_DEFAULT_SCALING_RATIO`) until it has been given a segment that shows how much it is: with
    /// checksums not before a mapping is complete.
    limit: u64,
    measured_from: SimTime,
    delivered: u64,
    /// Most that a round trip has delivered so far.
    space: u64,
}

impl ReceiveWindow {
    /// Room for at most `max` bytes, on the side that opened the connection or the other.
    pub(super) fn new(max: u64, autotuning: bool, opened: bool) -> Self {
        // Linux subtracts timestamps from the segments of the side that was opened only after it has
        // measured them for this (`mptcp_sk_clone_init`).
        let segment = if opened { 1_448 } else { 1_460 };
        let room = if autotuning { max.min(INITIAL_ROOM) } else { max };
        Self {
            room,
            max,
            limit: if room < max { INITIAL } else { max },
            measured_from: SimTime::ZERO,
            delivered: 0,
            space: INITIAL_SEGMENTS * segment,
        }
    }

    /// What a subflow offers first.
    pub(super) fn first_offer(&self) -> Offer {
        let grows = self.room < self.max;
        let size = if grows { self.room.min(INITIAL) } else { self.room };
        Offer { size, rtt: SimDuration::ZERO, measured: 0 }
    }

    /// Bytes that fit.
    #[inline]
    pub(super) const fn room(&self) -> u64 {
        self.room
    }

    /// True while the room may still grow.
    #[inline]
    pub(super) const fn grows(&self) -> bool {
        self.room < self.max
    }

    /// True when something was delivered for which the room may grow.
    #[inline(always)] // once for each packet
    pub(super) const fn may_grow(&self) -> bool {
        self.delivered > 0 && self.room < self.max
    }

    /// Most that is offered.
    #[inline]
    pub(super) const fn limit(&self) -> u64 {
        self.limit
    }

    /// `bytes` were delivered to the application.
    #[inline]
    pub(super) const fn note_delivery(&mut self, bytes: u64) {
        self.delivered += bytes;
    }

    /// Data waits out of order, up to so many bytes from what is next: there must be room for it beside
    /// what is delivered.
    #[inline]
    pub(super) fn note_early(&mut self, span: u64) {
        if self.grows() {
            self.room = self.room.max(2 * self.space + span).min(self.max);
        }
    }

    /// The application has read what there was; the longest round trip of a subflow is `rtt`, and `span`
    /// bytes from what is next on wait out of order, with their gaps.
    pub(super) fn adjust(&mut self, now: SimTime, rtt: SimDuration, span: u64) {
        if self.delivered >= LEAST_SHOWING {
            self.limit = self.max;
        }
        if rtt == SimDuration::ZERO || now.since(self.measured_from) < rtt {
            return;
        }
        if self.delivered > self.space {
            let mut window = 2 * self.delivered;
            let growth = u128::from(window) * u128::from(self.delivered - self.space);
            window += 2 * (growth / u128::from(self.space)) as u64 + span;
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

    const RTT: SimDuration = SimDuration::from_millis(20);

    #[test]
    fn grows_with_what_a_round_trip_delivers_and_never_shrinks() {
        let mut w = ReceiveWindow::new(6 << 20, true, true);
        for ms in 1..=100 {
            w.note_delivery(5_000); // 40 Mbit/s
            w.adjust(SimTime(ms * 1_000_000), RTT, 0);
        }
        let grown = w.room();
        assert!((200_000..6 << 20).contains(&grown), "{grown}");
        for ms in 101..=300 {
            w.note_delivery(10);
            w.adjust(SimTime(ms * 1_000_000), RTT, 0);
        }
        assert_eq!(w.room(), grown);
    }

    /// As a kernel did in its second round trip, after 22 segments in the first: 206,848 bytes.
    #[test]
    fn a_first_round_trip_of_22_segments_makes_room_for_202_kib() {
        let mut w = ReceiveWindow::new(32 << 20, true, false);
        w.note_delivery(22 * 1_424);
        w.adjust(SimTime(35_000_000), RTT, 0);
        assert_eq!(w.room().div_ceil(1 << 10), 202);
    }

    #[test]
    fn what_waits_out_of_order_has_room_beside_what_is_delivered() {
        let mut w = ReceiveWindow::new(6 << 20, true, true);
        w.note_early(100_000);
        assert_eq!(w.room(), 2 * 14_480 + 100_000);
    }

    #[test]
    fn an_offer_follows_the_room_by_two_segments_for_each() {
        let w = ReceiveWindow::new(6 << 20, true, true);
        let mut offer = w.first_offer();
        assert_eq!(offer.size(), INITIAL);
        assert!(!offer.note_segment(1_448, INITIAL), "no room");
        assert!(offer.note_segment(1_448, w.room()));
        assert_eq!(offer.size(), INITIAL + 2 * 1_448);
        assert!(offer.note_segment(60_000, w.room()));
        assert_eq!(offer.size(), w.room());
    }

    /// As kernels did with checksums on: 65,536 bytes until the first mapping was complete.
    #[test]
    fn no_more_than_half_the_memory_is_offered_before_a_segment_is_delivered() {
        let mut w = ReceiveWindow::new(6 << 20, true, false);
        w.note_delivery(24);
        w.adjust(SimTime(1), SimDuration::ZERO, 0);
        assert_eq!(w.limit(), INITIAL);
        w.note_delivery(1_424);
        w.adjust(SimTime(2), SimDuration::ZERO, 0);
        assert_eq!(w.limit(), 6 << 20);
    }

    #[test]
    fn a_shorter_round_trip_counts_at_once_and_an_echo_only_once() {
        let mut offer = ReceiveWindow::new(6 << 20, true, true).first_offer();
        for (echo, ms, expect_us) in
            [(1, 40, 40_000), (1, 10, 40_000), (2, 20, 20_000), (3, 28, 21_000)]
        {
            offer.note_rtt(echo, ms);
            assert_eq!(offer.rtt().as_nanos() / 1_000, expect_us, "{echo}");
        }
    }

    #[test]
    fn without_autotuning_the_whole_buffer_is_offered() {
        let w = ReceiveWindow::new(1 << 20, false, true);
        assert_eq!((w.room(), w.first_offer().size()), (1 << 20, 1 << 20));
    }
}
