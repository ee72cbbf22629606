//! A subflow's receiving half: order, acknowledgement policy, SACK blocks (RFC 9293, 2018, 5681 §4.2).

use std::collections::VecDeque;

use crate::time::{SimDuration, SimTime};
use crate::wire::mptcp::Mapping;
use crate::wire::packet::PacketUid;
use crate::wire::payload::Payload;
use crate::wire::seq::Seq;

/// Longest time that an acknowledgement waits for company (Linux's `TCP_DELACK_MIN`).
const DELAYED_ACK: SimDuration = SimDuration::from_millis(40);
/// Segments acknowledged one by one at the start (Linux's quick-ACK mode).
const QUICK_ACKS: u8 = 16;
/// Payload that a full segment has at least (`TCP_MSS_DEFAULT`).
const LEAST_FULL: u32 = 536;

/// A piece of the subflow's stream with the mapping that its segment carried.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Offset of the first byte in the subflow's stream.
    pub start: u64,
    /// The bytes.
    pub payload: Payload,
    /// The mapping in the segment's DSS (or MP_CAPABLE), with its DATA_FIN flag.
    pub mapping: Option<(Mapping, bool)>,
    /// The segment.
    pub packet: PacketUid,
}

impl Chunk {
    fn end(&self) -> u64 {
        self.start + u64::from(self.payload.len)
    }
}

/// How soon an acknowledgement must go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckNeed {
    /// Now.
    Now,
    /// With the next segment, or when the delayed-ACK timer runs out.
    Later,
}

/// The receiving half of one subflow.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Receiver {
    /// Offset of the next byte expected.
    pub next: u64,
    /// Peer's FIN, once known: its offset.
    pub fin: Option<u64>,
    /// When the delayed acknowledgement is due.
    pub delayed_ack_at: Option<SimTime>,
    /// Peer's initial sequence number.
    pub initial: Seq,
    /// Latest timestamp value to echo (RFC 7323 §4).
    pub ts_recent: u32,
    sack_count: u8,
    quick_acks: u8,
    /// What goes out answers what came (Linux's "ping-pong").
    takes_turns: bool,
    /// Short segments, up to two, whose acknowledgement waits (`ICSK_ACK_PUSHED`, `ICSK_ACK_PUSHED2`).
    short_segments: u8,
    /// Payload of a full segment, as those that came show (`rcv_mss`).
    full: u32,
    /// Payload of the last segment that was shorter, but may be full on another path; else zero
    /// (`last_seg_size`).
    almost_full: u32,
    /// What was expected when the last acknowledgement went out (`rcv_wup`).
    told: u64,
    /// Data sent until then answers what came.
    answer_until: SimTime,
    /// Duplicate range to report first in the next SACK option (RFC 2883).
    duplicate: Option<(u64, u64)>,
    out_of_order: VecDeque<Chunk>,
    sacks: [(u64, u64); 4],
}

impl Receiver {
    /// After the peer's SYN with this initial sequence number.
    #[must_use]
    pub fn new(initial: Seq) -> Self {
        Self {
            initial,
            next: 1,
            fin: None,
            ts_recent: 0,
            delayed_ack_at: None,
            out_of_order: VecDeque::new(),
            sacks: [(0, 0); 4],
            sack_count: 0,
            quick_acks: QUICK_ACKS,
            takes_turns: false,
            short_segments: 0,
            full: LEAST_FULL,
            almost_full: 0,
            told: 1,
            answer_until: SimTime::ZERO,
            duplicate: None,
        }
    }

    /// Takes a segment's data at `start`. Data in order is handed back at once; afterwards
    /// [`Receiver::pop_in_order`] yields what it released from the queue. `quick` asks for an
    /// acknowledgement of every segment.
    #[inline]
    pub fn on_data(
        &mut self,
        now: SimTime,
        mut chunk: Chunk,
        quick: bool,
    ) -> (Option<Chunk>, AckNeed) {
        let end = chunk.end();
        if end <= self.next {
            // Nothing new: the peer retransmitted what had arrived, so tell it at once.
            self.duplicate = Some((chunk.start, end));
            self.acknowledge_quickly();
            return (None, AckNeed::Now);
        }
        if chunk.start > self.next {
            self.queue(chunk);
            return (None, AckNeed::Now);
        }
        let len = chunk.payload.len;
        let skip = (self.next - chunk.start) as u32;
        if skip > 0 {
            chunk = part(&chunk, skip, len - skip);
        }
        self.next = end;
        if !self.out_of_order.is_empty() || self.sack_count > 0 {
            self.forget_sacks_below(self.next);
            return (Some(chunk), AckNeed::Now);
        }
        (Some(chunk), self.count_segment(now, len, quick))
    }

    /// True while nothing waits behind a hole, nothing is to be reported but what is in order, and the peer
    /// has not closed.
    #[must_use]
    #[inline]
    pub fn is_whole(&self) -> bool {
        self.fin.is_none() && self.out_of_order.is_empty() && !self.has_sacks()
    }

    /// Takes `len` bytes at `start` when they are just what is expected, and nothing waits behind them:
    /// the short way of [`Receiver::on_data`]. `None` when they are not.
    #[inline]
    pub fn on_next_data(
        &mut self,
        now: SimTime,
        start: u64,
        len: u32,
        quick: bool,
    ) -> Option<AckNeed> {
        if start != self.next || !self.out_of_order.is_empty() || self.sack_count > 0 {
            return None;
        }
        Some(self.take_next(now, len, quick))
    }

    /// Takes `len` bytes that are just what is expected while [`Receiver::is_whole`] is true.
    #[inline]
    pub fn take_next(&mut self, now: SimTime, len: u32, quick: bool) -> AckNeed {
        self.next += u64::from(len);
        self.count_segment(now, len, quick)
    }

    /// How soon a segment in order is to be acknowledged (`__tcp_ack_snd_check`): more than a full one at once.
    #[inline(always)] // once for each segment with data
    fn count_segment(&mut self, now: SimTime, len: u32, quick: bool) -> AckNeed {
        if len == self.full {
            self.almost_full = 0;
        } else {
            self.measure(len);
        }
        self.answer_until = now + DELAYED_ACK;
        if quick || self.next - self.told > u64::from(self.full) || self.quick_acks > 0 {
            self.quick_acks = self.quick_acks.saturating_sub(1);
            return AckNeed::Now;
        }
        self.delayed_ack_at.get_or_insert(now + DELAYED_ACK);
        AckNeed::Later
    }

    /// Data goes out. Where it answers what came, two applications take turns, and acknowledgements are worth
    /// waiting for (Linux's `inet_csk_inc_pingpong_cnt`, with its threshold of one).
    #[inline]
    pub fn on_data_sent(&mut self, now: SimTime) {
        if now < self.answer_until {
            self.quick_acks = 0;
            self.takes_turns = true;
        }
    }

    /// A segment that is not as long as the full ones so far (`tcp_measure_rcv_mss`): full on another path, where two
    /// in a row have that length, or short.
    #[inline(never)]
    fn measure(&mut self, len: u32) {
        let last = std::mem::take(&mut self.almost_full);
        if len > self.full {
            self.full = len;
            return;
        }
        if len >= LEAST_FULL {
            self.almost_full = len;
            if len == last {
                self.full = len;
                return;
            }
        }
        self.short_segments = 2.min(self.short_segments + 1);
    }

    /// True when the acknowledgement that waits goes out as soon as the application has read all that came
    /// (`__tcp_cleanup_rbuf`): a short segment ended something, and the application is not about to answer.
    #[must_use]
    #[inline]
    pub fn acknowledges_when_read(&self) -> bool {
        self.delayed_ack_at.is_some() && self.short_segments > u8::from(self.takes_turns)
    }

    /// The next segment is acknowledged by itself, unless two applications take turns.
    pub fn acknowledge_next(&mut self) {
        if !self.takes_turns {
            self.quick_acks |= 1;
        }
    }

    /// The next queued piece that is now in order.
    pub fn pop_in_order(&mut self) -> Option<Chunk> {
        loop {
            let front = self.out_of_order.front()?;
            if front.start > self.next {
                return None;
            }
            let chunk = self.out_of_order.pop_front()?;
            if chunk.end() <= self.next {
                continue;
            }
            let skip = (self.next - chunk.start) as u32;
            self.next = chunk.end();
            self.forget_sacks_below(self.next);
            return Some(if skip > 0 {
                part(&chunk, skip, chunk.payload.len - skip)
            } else {
                chunk
            });
        }
    }

    /// The peer's FIN at this offset. True when it is in order now (and was not before).
    pub fn on_fin(&mut self, at: u64) {
        self.fin.get_or_insert(at);
    }

    /// True once everything up to and with the peer's FIN has come.
    #[must_use]
    pub fn fin_in_order(&self) -> bool {
        self.fin.is_some_and(|at| self.next >= at)
    }

    /// What to acknowledge: the next offset expected, the FIN counted when it is in order.
    #[must_use]
    #[inline]
    pub fn ack_offset(&self) -> u64 {
        self.next + u64::from(self.fin_in_order())
    }

    /// An acknowledgement goes out.
    #[inline]
    pub fn on_ack_sent(&mut self) {
        self.delayed_ack_at = None;
        self.told = self.next;
        self.short_segments = 0;
        self.duplicate = None;
    }

    /// SACK blocks to report, most recent first, at most `room`; returns how many were written.
    pub fn sack_blocks(&self, room: usize, blocks: &mut [(u64, u64); 4]) -> usize {
        let mut count = 0;
        let all = self.duplicate.iter().chain(&self.sacks[..usize::from(self.sack_count)]);
        for &block in all.take(room.min(4)) {
            blocks[count] = block;
            count += 1;
        }
        count
    }

    /// True when a SACK option would have something to say.
    #[must_use]
    #[inline]
    pub const fn has_sacks(&self) -> bool {
        self.sack_count > 0 || self.duplicate.is_some()
    }

    /// Gives back the room of pieces that no longer wait.
    pub fn shrink(&mut self) {
        self.out_of_order.shrink_to_fit();
    }

    /// A segment is not taken; that it had come before is told (RFC 2883), as `tcp_send_dupack` does.
    #[cold]
    pub fn reject(&mut self, start: u64, len: u32) {
        let end = start + u64::from(len);
        if len > 0 && start < self.next {
            self.duplicate = Some((start, end.min(self.next)));
            self.acknowledge_quickly();
        }
    }

    /// Bytes that wait for a hole to be filled.
    #[must_use]
    pub fn queued_bytes(&self) -> u64 {
        self.out_of_order.iter().map(|c| u64::from(c.payload.len)).sum()
    }

    /// The peer sends again what has come (`tcp_enter_quickack_mode`).
    fn acknowledge_quickly(&mut self) {
        self.quick_acks = self.quick_acks.max(2);
        self.takes_turns = false;
    }

    fn queue(&mut self, chunk: Chunk) {
        let (start, end) = (chunk.start, chunk.end());
        let at = self.out_of_order.partition_point(|c| c.start < start);
        let covered = |c: Option<&Chunk>| c.is_some_and(|c| c.start <= start && end <= c.end());
        if covered(self.out_of_order.get(at)) || (at > 0 && covered(self.out_of_order.get(at - 1)))
        {
            self.duplicate = Some((start, end));
            return;
        }
        self.out_of_order.insert(at, chunk);
        self.add_sack(start, end);
    }

    /// Merges a range into the reported blocks and moves it to the front (RFC 2018 §4).
    fn add_sack(&mut self, start: u64, end: u64) {
        let mut merged = (start, end);
        let mut kept = [(0, 0); 4];
        let mut count = 1;
        for &(s, e) in &self.sacks[..usize::from(self.sack_count)] {
            if s <= merged.1 && merged.0 <= e {
                merged = (s.min(merged.0), e.max(merged.1));
            } else if count < kept.len() {
                kept[count] = (s, e);
                count += 1;
            }
        }
        kept[0] = merged;
        self.sacks = kept;
        self.sack_count = count as u8;
    }

    fn forget_sacks_below(&mut self, next: u64) {
        let mut count = 0;
        for i in 0..usize::from(self.sack_count) {
            if self.sacks[i].1 > next {
                self.sacks[count] = self.sacks[i];
                count += 1;
            }
        }
        self.sack_count = count as u8;
    }
}

fn part(chunk: &Chunk, skip: u32, len: u32) -> Chunk {
    Chunk {
        start: chunk.start + u64::from(skip),
        payload: chunk.payload.slice(skip, len),
        mapping: chunk.mapping,
        packet: chunk.packet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::payload::StreamId;

    fn chunk(start: u64, len: u32) -> Chunk {
        Chunk {
            start,
            payload: Payload::described(StreamId(1), start - 1, len),
            mapping: None,
            packet: PacketUid(0),
        }
    }

    fn blocks(r: &Receiver) -> Vec<(u64, u64)> {
        let mut b = [(0, 0); 4];
        let n = r.sack_blocks(4, &mut b);
        b[..n].to_vec()
    }

    #[test]
    fn a_segment_that_opens_the_window_is_acknowledged_by_itself_unless_two_take_turns() {
        let mut r = Receiver::new(Seq(0));
        r.quick_acks = 0;
        for opens in [false, true, true, false] {
            if opens {
                r.acknowledge_next();
            }
            let at = r.next;
            let (_, need) = r.on_data(SimTime(1), chunk(at, 100), false);
            assert_eq!(need == AckNeed::Now, opens);
            r.on_ack_sent();
        }
        r.on_data_sent(SimTime(2));
        r.acknowledge_next();
        let at = r.next;
        assert_eq!(r.on_data(SimTime(3), chunk(at, 100), false).1, AckNeed::Later);
    }

    #[test]
    fn holes_are_reported_most_recent_first_and_filled() {
        let mut r = Receiver::new(Seq(7));
        let now = SimTime::ZERO;
        assert!(r.on_data(now, chunk(1, 100), false).0.is_some());
        assert!(r.on_data(now, chunk(201, 100), false).0.is_none());
        assert!(r.on_data(now, chunk(401, 100), false).0.is_none());
        assert_eq!(blocks(&r), [(401, 501), (201, 301)]);
        assert_eq!(r.queued_bytes(), 200);
        let (first, need) = r.on_data(now, chunk(101, 100), false);
        assert_eq!((first.unwrap().start, need), (101, AckNeed::Now));
        assert_eq!(r.pop_in_order().unwrap().start, 201);
        assert!(r.pop_in_order().is_none());
        assert_eq!(r.ack_offset(), 301);
        assert_eq!(blocks(&r), [(401, 501)]);
    }

    #[test]
    fn overlaps_deliver_each_byte_once() {
        let mut r = Receiver::new(Seq(7));
        let now = SimTime::ZERO;
        r.on_data(now, chunk(51, 100), false);
        let (head, _) = r.on_data(now, chunk(1, 100), false);
        assert_eq!(head.unwrap().payload.len, 100);
        let rest = r.pop_in_order().unwrap();
        assert_eq!((rest.start, rest.payload.len), (101, 50));
        assert!(rest.payload.matches(StreamId(1), 100));
        let (again, need) = r.on_data(now, chunk(1, 150), false);
        assert!(again.is_none() && need == AckNeed::Now);
        assert_eq!(blocks(&r), [(1, 151)], "a duplicate is reported (RFC 2883)");
    }

    /// Takes segments of these lengths in order, one each nanosecond; which were acknowledged at once.
    fn take(r: &mut Receiver, lens: impl IntoIterator<Item = u32>) -> Vec<bool> {
        let mut take = |len| {
            let now = SimTime(r.next);
            let need = r.take_next(now, len, false);
            let acknowledged = need == AckNeed::Now;
            if acknowledged {
                r.on_ack_sent();
            }
            acknowledged
        };
        lens.into_iter().map(&mut take).collect()
    }

    #[test]
    fn after_the_quick_start_every_second_segment_is_acknowledged() {
        let mut r = Receiver::new(Seq(7));
        let acknowledged = take(&mut r, [1_000; 20]);
        assert_eq!(acknowledged.iter().filter(|&&now| now).count(), 16 + 2);
        take(&mut r, [1_000]);
        assert!(r.delayed_ack_at.is_some());
        assert!(!r.acknowledges_when_read(), "a full segment");
    }

    #[test]
    fn a_short_segment_is_acknowledged_when_it_was_read_unless_two_take_turns() {
        let mut r = Receiver::new(Seq(7));
        take(&mut r, [1_000; 16]);
        assert_eq!(take(&mut r, [300, 300]), [false, false], "less than a full segment together");
        assert!(r.acknowledges_when_read());
        r.on_ack_sent();
        assert!(!r.acknowledges_when_read());
        r.takes_turns = true;
        take(&mut r, [300]);
        assert!(!r.acknowledges_when_read(), "the answer takes it along");
        take(&mut r, [300]);
        assert!(r.acknowledges_when_read());
    }

    #[test]
    fn segments_that_have_become_shorter_are_full_again_soon() {
        let mut r = Receiver::new(Seq(7));
        take(&mut r, [1_400; 16]);
        assert_eq!(take(&mut r, [1_200, 1_200, 1_200, 1_200]), [false, true, false, true]);
        r.on_ack_sent();
        take(&mut r, [1_200]);
        assert!(!r.acknowledges_when_read());
    }

    #[test]
    fn who_answers_does_not_acknowledge_quickly_any_more() {
        for (answered_after, expected) in
            [(DELAYED_ACK, AckNeed::Now), (SimDuration(1), AckNeed::Later)]
        {
            let mut r = Receiver::new(Seq(0));
            r.on_data_sent(SimTime::ZERO);
            let (_, need) = r.on_data(SimTime::ZERO, chunk(1, 100), false);
            assert_eq!(need, AckNeed::Now);
            r.on_ack_sent();
            let at = SimTime::ZERO + answered_after;
            r.on_data_sent(at);
            let (_, need) = r.on_data(at, chunk(101, 100), false);
            assert_eq!(need, expected);
        }
    }

    #[test]
    fn a_fin_counts_when_all_before_it_has_come() {
        let mut r = Receiver::new(Seq(0));
        r.on_fin(101);
        assert!(!r.fin_in_order());
        r.on_data(SimTime::ZERO, chunk(1, 100), false);
        assert!(r.fin_in_order());
        assert_eq!(r.ack_offset(), 102);
    }
}
