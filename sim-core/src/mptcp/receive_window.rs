//! How much a receiver takes: dynamic right-sizing as Linux does it (`mptcp_rcv_space_adjust`,
//! `mptcp_rcvbuf_grow`): room for twice what a round trip delivered, and more while that grows or data waits
//! out of order. What a subflow offers follows that room by two segments for each that it brings
//! (`tcp_grow_window`), so that the window of the connection, the largest of them, grows by no more
//! than the busiest subflow lets it.

use super::send_queue::SEGMENT_MEMORY;
use crate::time::{SimDuration, SimTime};

/// The default of `tcp_rmem`.
const INITIAL_MEMORY: u64 = 128 << 10;
/// Parts of 256 of a buffer's memory that are taken for payload before segments have shown how much of theirs is
/// (`TCP_DEFAULT_SCALING_RATIO`).
const DEFAULT_RATIO: u64 = 128;
/// The same for full segments of 1500 bytes.
const FULL_RATIO: u64 = 160;
/// Payload that fits into the default of `tcp_rmem` at first.
const INITIAL: u64 = INITIAL_MEMORY * DEFAULT_RATIO / 256;
/// What is kept back of [`INITIAL`] in what a subflow offers first: a segment (`tcp_init_buffer_space`).
const KEPT_BACK: u64 = 1_448;
/// Segments that a round trip is taken to have delivered before the first (`TCP_INIT_CWND`).
const INITIAL_SEGMENTS: u64 = 10;
/// A segment of so many bytes shows how much of its memory is payload (`TCP_MSS_DEFAULT`).
const LEAST_SHOWING: u32 = 536;
/// Payload from which on a segment makes the window grow (`tcp_event_data_recv`).
const LEAST_GROWING: u32 = 128;

/// What one subflow offers of the window, and the round trip that it sees as a receiver.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Bytes (Linux's `rcv_ssthresh`); it only grows, but for a short first segment.
    size: u64,
    /// What the subflow advertised last (`rcv_wnd`).
    window: u64,
    /// The buffer's memory when there was no room for more.
    filled: u64,
    /// Payload of the largest segment that came (`rcv_mss`), from [`LEAST_SHOWING`] on.
    largest: u32,
    /// From sending a timestamp to getting data that echoes it; zero: not known.
    rtt: SimDuration,
    /// The timestamp whose echo was measured last.
    measured: u32,
    /// Without timestamps: the offset up to which the window was open, and when that was looked at.
    opened: Option<(u64, SimTime)>,
}

impl Offer {
    /// A segment with `len` bytes of payload came in, of at most `mss`; the buffer has so much memory, of which `held`
    /// bytes of payload are kept from the application. True when more is offered now.
    pub(super) fn note_segment(&mut self, len: u32, mss: u32, memory: u64, held: u64) -> bool {
        if len > self.largest && len >= LEAST_SHOWING {
            let before = self.ratio();
            self.largest = len;
            let clamp = payload_of(memory, self.ratio()); // tcp_set_window_clamp
            self.size = if self.ratio() < before {
                self.size.min(clamp)
            } else {
                self.size.max(self.window.min(clamp))
            };
        }
        let room = payload_of(memory, self.ratio()).saturating_sub(held);
        let grows = self.size < room;
        if grows {
            self.size = room.min(self.size + 2 * u64::from(mss.max(len)));
        } else if held == 0 {
            self.filled = memory;
        }
        grows
    }

    /// The subflow has advertised so much.
    #[inline(always)] // once for each packet
    pub(super) const fn note_window(&mut self, bytes: u64) {
        self.window = bytes;
    }

    /// What the subflow advertised last.
    pub(super) const fn window(&self) -> u64 {
        self.window
    }

    /// True where a segment with `len` bytes of payload may change what is offered.
    #[inline(always)] // once for each segment with data
    pub(super) const fn may_change(&self, len: u32, memory: u64) -> bool {
        (self.filled != memory || len > self.largest) && len >= LEAST_GROWING
    }

    /// Parts of 256 of its segments' memory that are payload (`scaling_ratio`, `tcp_measure_rcv_mss`).
    pub(super) fn ratio(&self) -> u64 {
        let shown = u64::from(self.largest) * 256 / SEGMENT_MEMORY;
        if self.largest == 0 { DEFAULT_RATIO } else { shown.min(FULL_RATIO) }
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

    /// Without timestamps: everything in order up to `next` has come. What was open has then taken a round trip or
    /// longer to come; only a shorter time counts (`tcp_rcv_rtt_measure`).
    pub(super) fn note_progress(&mut self, now: SimTime, next: u64) {
        if let Some((edge, since)) = self.opened {
            if next < edge {
                return;
            }
            let sample = now.since(since).max(SimDuration::from_micros(1));
            if self.rtt == SimDuration::ZERO || sample < self.rtt {
                self.rtt = sample;
            }
        }
        self.opened = Some((next + self.window, now));
    }

    /// Timestamp `echo` came without data, or with little: data that echoes it again tells nothing, least of all the
    /// first after a pause (`rcv_rtt_last_tsecr`; with MPTCP's options no packet takes Linux's short way).
    #[inline(always)] // once for each acknowledgement
    pub(super) const fn note_echo(&mut self, echo: u32) {
        self.measured = echo;
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

/// Payload that fits into so much memory (`tcp_win_from_space`).
const fn payload_of(memory: u64, ratio: u64) -> u64 {
    memory * ratio / 256
}

/// A connection's receive buffer.
#[derive(Clone, Debug)]
pub(super) struct ReceiveWindow {
    /// Bytes of payload at most.
    max: u64,
    /// Bytes of memory (`sk_rcvbuf`); it only grows.
    memory: u64,
    /// Parts of 256 of it that are taken for payload: as the subflow shows it whose segments are the shortest. The
    /// connection looks when data is delivered, so with checksums not before a mapping is complete.
    ratio: u64,
    /// The buffer has one size, all of which is offered.
    is_fixed: bool,
    /// Memory of the segment that is just being taken in.
    in_hand: u64,
    /// Bytes of payload that wait out of order.
    early: u64,
    /// Most that is offered.
    limit: u64,
    measured_from: SimTime,
    /// The round trip as it was known when last looked at; zero: not known.
    rtt: SimDuration,
    delivered: u64,
    /// How much of it the application had read when last looked at.
    looked_at: u64,
    /// Most that a round trip has delivered so far.
    space: u64,
}

impl ReceiveWindow {
    /// Room for at most `max` bytes, on the side that opened the connection or the other.
    pub(super) fn new(max: u64, autotuning: bool, opened: bool) -> Self {
        // Linux subtracts timestamps from the segments of the side that was opened only after it has
        // measured them for this (`mptcp_sk_clone_init`).
        let segment = if opened { 1_448 } else { 1_460 };
        let mut window = Self {
            max,
            memory: INITIAL_MEMORY,
            ratio: DEFAULT_RATIO,
            is_fixed: !autotuning || max <= INITIAL,
            in_hand: SEGMENT_MEMORY,
            early: 0,
            limit: max,
            measured_from: SimTime::ZERO,
            rtt: SimDuration::ZERO,
            delivered: 0,
            looked_at: 0,
            space: INITIAL_SEGMENTS * segment,
        };
        window.set_limit();
        window
    }

    /// The connection is open as this end sees it (`mptcp_finish_connect`, `mptcp_sk_clone_init`).
    pub(super) const fn begin(&mut self, now: SimTime) {
        self.measured_from = now;
    }

    /// What is free, with the segment that is just being taken in (`mptcp_space`).
    fn set_limit(&mut self) {
        if !self.is_fixed {
            let taken = self.in_hand + self.early * 256 / FULL_RATIO;
            self.limit = payload_of(self.memory.saturating_sub(taken), self.ratio);
        }
    }

    /// What is offered before anything is known of the peer's segments (`tcp_select_initial_window`).
    pub(super) fn before_segments(&self) -> u64 {
        if self.is_fixed { self.max } else { INITIAL }
    }

    /// What a subflow offers after its handshake.
    pub(super) fn first_offer(&self) -> Offer {
        let kept_back = if self.is_fixed { 0 } else { KEPT_BACK };
        let size = self.before_segments() - kept_back;
        let filled = if self.is_fixed { self.memory } else { 0 };
        Offer {
            size,
            window: size,
            filled,
            largest: 0,
            rtt: SimDuration::ZERO,
            measured: 0,
            opened: None,
        }
    }

    /// True where all that there is is offered from the start.
    pub(super) const fn is_fixed(&self) -> bool {
        self.is_fixed
    }

    /// Bytes of memory.
    #[inline]
    pub(super) const fn memory(&self) -> u64 {
        self.memory
    }

    /// True while the buffer may still grow.
    #[inline]
    pub(super) const fn grows(&self) -> bool {
        !self.is_fixed && self.memory < self.most_memory()
    }

    /// As much memory as `max` bytes of payload need.
    const fn most_memory(&self) -> u64 {
        self.max * 256 / FULL_RATIO
    }

    /// True when something was delivered for which the buffer may grow.
    #[inline(always)] // once for each packet
    pub(super) const fn may_grow(&self) -> bool {
        self.delivered != self.looked_at && self.grows()
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

    /// Segments do not come in one by one: their subflow keeps them until a checksum can be computed.
    pub(super) fn note_checksums(&mut self) {
        self.in_hand = 0;
        self.set_limit();
    }

    /// So many bytes more wait out of order.
    #[inline]
    pub(super) fn note_early(&mut self, bytes: u64) {
        self.early += bytes;
        self.set_limit();
    }

    /// So many bytes no longer wait.
    #[inline]
    pub(super) fn note_merged(&mut self, bytes: u64) {
        self.early -= bytes;
        self.set_limit();
    }

    /// `mptcp_rcvbuf_grow`.
    fn make_room(&mut self, payload: u64) {
        if self.grows() {
            let memory = payload.saturating_mul(256) / self.ratio;
            self.memory = self.memory.max(memory.min(self.most_memory()));
        }
        self.set_limit();
    }

    /// The application has read what there was; the longest round trip of a subflow is `rtt`, and `span`
    /// bytes from what is next on wait out of order, with their gaps. `ratio`: the least of the subflows'
    /// [`Offer::ratio`].
    pub(super) fn adjust(&mut self, now: SimTime, rtt: SimDuration, span: u64, ratio: u64) {
        self.looked_at = self.delivered;
        let time = now.since(self.measured_from);
        if time < self.rtt {
            return;
        }
        self.rtt = rtt;
        self.ratio = ratio;
        self.set_limit();
        if rtt == SimDuration::ZERO || time < rtt {
            return;
        }
        if self.delivered > self.space {
            let mut window = 2 * self.delivered;
            let growth = u128::from(window) * u128::from(self.delivered - self.space);
            window += 2 * (growth / u128::from(self.space)) as u64 + span;
            self.make_room(window);
            self.space = self.delivered;
        }
        self.measured_from = now;
        self.delivered = 0;
        self.looked_at = 0;
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
            w.adjust(SimTime(ms * 1_000_000), RTT, 0, 158);
        }
        let grown = w.limit();
        assert!((200_000..6 << 20).contains(&grown), "{grown}");
        for ms in 101..=300 {
            w.note_delivery(10);
            w.adjust(SimTime(ms * 1_000_000), RTT, 0, 158);
        }
        assert_eq!(w.limit(), grown);
    }

    /// As a kernel did in its second round trip, after 22 segments in the first: 206,848 bytes.
    #[test]
    fn a_first_round_trip_of_22_segments_makes_room_for_202_kib() {
        let mut w = ReceiveWindow::new(32 << 20, true, false);
        w.note_delivery(22 * 1_424);
        w.adjust(SimTime(35_000_000), RTT, 0, 158);
        assert_eq!((w.limit() + 1_424).div_ceil(1 << 10), 202);
    }

    #[test]
    fn what_waits_out_of_order_takes_room() {
        let mut w = ReceiveWindow::new(6 << 20, true, true);
        w.note_early(10_000);
        assert_eq!(w.limit(), INITIAL - 8_000 - 1_152);
        w.note_merged(10_000);
        assert_eq!(w.limit(), INITIAL - 1_152);
    }

    #[test]
    fn an_offer_follows_the_room_by_two_segments_for_each() {
        let w = ReceiveWindow::new(6 << 20, true, true);
        let mut offer = w.first_offer();
        assert_eq!(offer.size(), INITIAL - 1_448);
        offer.note_window(65_160);
        assert!(!offer.note_segment(24, 1_448, w.memory(), 30_000), "no room");
        assert!(offer.note_segment(1_424, 1_448, w.memory(), 0));
        assert_eq!(offer.size(), 65_160 + 2 * 1_448, "what was advertised is kept");
        assert!(offer.note_segment(1_424, 1_448, w.memory(), 0));
        assert_eq!(offer.size(), 70_952);
        assert!(offer.note_segment(60_000, 60_000, w.memory(), 0));
        assert_eq!(offer.size(), 80 << 10);
    }

    /// As a kernel did whose first segment brought 1,000 bytes.
    #[test]
    fn a_short_first_segment_takes_room() {
        let w = ReceiveWindow::new(6 << 20, true, false);
        let mut offer = w.first_offer();
        assert!(!offer.note_segment(1_000, 1_448, w.memory(), 0));
        assert_eq!(offer.size(), 56_832);
    }

    /// As a kernel did of whose subflows one had brought a segment of 1,000 bytes and no other.
    #[test]
    fn the_subflow_with_the_shortest_segments_limits_what_all_offer() {
        let mut w = ReceiveWindow::new(6 << 20, true, false);
        let (mut one, mut other) = (w.first_offer(), w.first_offer());
        one.note_segment(1_000, 1_448, w.memory(), 0);
        other.note_segment(1_424, 1_448, w.memory(), 0);
        w.note_delivery(2_424);
        w.adjust(SimTime(1), SimDuration::ZERO, 0, one.ratio().min(other.ratio()));
        assert_eq!(w.limit().next_multiple_of(128), 55_936);
    }

    /// `mptcp_finish_connect`: what came within the first round trip of an open connection is not a round trip's.
    #[test]
    fn a_round_trip_begins_when_the_connection_is_open() {
        let mut w = ReceiveWindow::new(6 << 20, true, true);
        w.begin(SimTime(100_000_000));
        w.note_delivery(60_000);
        w.adjust(SimTime(115_000_000), RTT, 0, 158);
        assert_eq!(w.memory(), INITIAL_MEMORY);
        w.note_delivery(1);
        w.adjust(SimTime(120_000_000), RTT, 0, 158);
        assert!(w.memory() > INITIAL_MEMORY);
    }

    /// As a kernel did that was given data on a subflow after 12 s of silence: the peer's first segment echoed a
    /// timestamp as old as that, and nothing was measured for as long.
    #[test]
    fn a_round_trip_that_seemed_long_is_waited_out() {
        let mut w = ReceiveWindow::new(6 << 20, true, false);
        w.note_delivery(1_424);
        w.adjust(SimTime(1), SimDuration::from_secs(12), 0, 158);
        w.note_delivery(60_000);
        w.adjust(SimTime(200_000_000), RTT, 0, 158);
        assert_eq!(w.memory(), INITIAL_MEMORY);
    }

    #[test]
    fn without_timestamps_a_round_trip_is_what_a_whole_window_takes() {
        let mut offer = ReceiveWindow::new(6 << 20, true, false).first_offer();
        offer.note_window(10_000);
        for (ms, next, expect_ms) in [
            (0, 1_000, 0),
            (90, 10_999, 0),
            (100, 11_000, 100),
            (130, 21_000, 30),
            (200, 31_000, 30),
        ] {
            offer.note_progress(SimTime(ms * 1_000_000), next);
            assert_eq!(offer.rtt().as_nanos() / 1_000_000, expect_ms, "{next}");
        }
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
        offer.note_echo(4);
        offer.note_rtt(4, 465);
        assert_eq!(offer.rtt().as_nanos() / 1_000, 21_000, "an acknowledgement had echoed it");
    }

    #[test]
    fn without_autotuning_the_whole_buffer_is_offered() {
        let w = ReceiveWindow::new(1 << 20, false, true);
        assert_eq!((w.limit(), w.first_offer().size()), (1 << 20, 1 << 20));
    }
}
