//! Data given to a subflow before it can be sent, as Linux does: buffers (`sk_buff`s) of up to 64 KB,
//! each with one mapping that all its segments carry, up to the size of the subflow's send buffer.
//! The other profiles give a subflow a segment when it can go out, and map each segment by itself.

use std::collections::VecDeque;

use super::counters::Counter;
use super::endpoint::{Endpoint, Io, Mode};
use super::fragments::left_of_full;
use super::output::DataSegment;
use super::small_segments::Corked;
use super::subflow::{Fin, State};
use crate::mptcp::config::CongestionKind;
use crate::record::story::{Fact, FallbackReason};
use crate::tcp::sender::{Burst, Limit};
use crate::time::{SimDuration, SimTime};

/// Largest buffer (Linux's `GSO_LEGACY_MAX_SIZE`, less what headers need).
const BUFFER_MAX: u64 = 64_500;
/// Memory that a segment costs in the send buffer (`per_mss` in `tcp_sndbuf_expand`).
pub(super) const SEGMENT_MEMORY: u64 = 2_304;
/// Memory that an `sk_buff` takes besides its payload (`truesize`: the structure's 256 bytes and a
/// small head of 576).
const BUFFER_OVERHEAD: u64 = 832;
/// Fewest segments that a send buffer is made for (`TCP_INIT_CWND`).
const LEAST_SEGMENTS: u64 = 10;

/// Bytes given to a subflow under one mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Subflow offset of the first byte.
    pub start: u64,
    /// Data-level offset of the first byte.
    pub data: u64,
    /// Bytes.
    pub len: u32,
    /// It carries the infinite mapping in place of its own.
    pub infinite: bool,
}

impl Buffer {
    const fn end(&self) -> u64 {
        self.start + self.len as u64
    }
}

/// What is given to one subflow and not yet acknowledged.
#[derive(Clone, Debug, Default)]
pub struct SendQueue {
    buffers: VecDeque<Buffer>,
    /// Subflow offset after the last byte given; 0 before the first.
    end: u64,
    /// Subflow offset after the last short segment that was sent (`snd_sml`).
    small_end: u64,
    /// Subflow offset after what left first, at once; 0 before.
    first_burst: u64,
    /// What a cork holds back.
    pub(super) corked: Corked,
    /// Size of the send buffer; it only grows.
    limit: u64,
}

impl SendQueue {
    /// The buffer that holds the byte at this subflow offset.
    #[must_use]
    pub fn at(&self, offset: u64) -> Option<&Buffer> {
        let i = self.buffers.partition_point(|b| b.end() <= offset);
        self.buffers.get(i).filter(|b| b.start <= offset)
    }

    /// True for a segment that leaves with the first one as one packet, which the interface cuts: all parts carry
    /// the same options (Linux, net/ipv4/tcp_offload.c: `tcp_gso_segment`).
    pub(super) fn is_of_first_burst(&self, segment: DataSegment, next: u64) -> bool {
        segment.start + u64::from(segment.len) == next && next <= self.first_burst
    }

    /// Bytes given and not sent, the next offset to send being `next`.
    #[must_use]
    pub fn unsent(&self, next: u64) -> u64 {
        self.end.saturating_sub(next)
    }

    /// Data-level offset of the first byte not sent.
    #[must_use]
    pub fn first_unsent(&self, next: u64) -> Option<u64> {
        self.at(next).map(|b| b.data + (next - b.start))
    }

    fn forget_below(&mut self, una: u64) {
        while self.buffers.front().is_some_and(|b| b.end() <= una) {
            self.buffers.pop_front();
        }
    }

    /// Takes up to `len` bytes at the end and returns how many: as many as the last buffer still takes
    /// where they continue that and it is unsent, else a new buffer of at most `goal`.
    fn give(&mut self, next: u64, data: u64, len: u64, goal: u64, infinite: bool) -> u64 {
        self.end = self.end.max(next);
        let last = self.buffers.back_mut().filter(|last| {
            last.start >= next
                && last.data + u64::from(last.len) == data
                && u64::from(last.len) < goal
                && !last.infinite
        });
        let taken = if let Some(last) = last {
            let taken = len.min(goal - u64::from(last.len));
            last.len += taken as u32;
            last.infinite = infinite;
            taken
        } else {
            let taken = len.min(goal);
            let buffer = Buffer { start: self.end, data, len: taken as u32, infinite };
            self.buffers.push_back(buffer);
            taken
        };
        self.end += taken;
        taken
    }
}

impl Endpoint {
    /// Memory that subflow `i` holds: what was given and not acknowledged, and the `sk_buff`s that it
    /// is in (`sk_wmem_queued`). What was sent is cut into bursts of [`Endpoint::burst_segments`].
    pub(super) fn held(&self, i: usize) -> u64 {
        let s = &self.subflows[i];
        let bytes = s.queue.end.max(s.tx.next).saturating_sub(s.tx.una);
        let sent = (s.tx.outstanding().len() as u64).div_ceil(self.burst_segments(i));
        let unsent =
            s.queue.buffers.len() - s.queue.buffers.partition_point(|b| b.end() <= s.tx.next);
        bytes + (sent + unsent as u64) * BUFFER_OVERHEAD
    }

    /// Segments that go out in one `sk_buff`: a millisecond's worth and more on short paths
    /// (`tcp_tso_autosize`), at least two.
    fn burst_segments(&self, i: usize) -> u64 {
        let tx = &self.subflows[i].tx;
        let rate = tx.pacing_rate(self.mss_cache(i));
        let is_measured = tx.rtt.srtt() > SimDuration::ZERO;
        let steps = if is_measured { tx.rtt.min().as_nanos() / 1_000 / 512 } else { u64::MAX };
        let bytes = (rate >> 10) + if steps < 32 { BUFFER_MAX >> steps } else { 0 };
        (bytes.min(BUFFER_MAX) / u64::from(self.segment_room(i))).max(2)
    }

    /// Room in the send buffer of subflow `i` (`sk_stream_memory_free`).
    pub(super) fn has_memory(&self, i: usize) -> bool {
        self.held(i) < self.subflows[i].queue.limit.max(1)
    }

    /// Subflow `i` is connected: it has a send buffer from now on, whether its peer has confirmed a join or not
    /// (`tcp_init_buffer_space`, `mptcp_propagate_sndbuf`).
    pub(super) fn make_buffer(&mut self, i: usize) {
        let size = self.buffer_factor() * LEAST_SEGMENTS * SEGMENT_MEMORY;
        self.subflows[i].queue.limit = size.min(self.config.send_buffer.0);
    }

    /// `tcp_check_space`: while the application waits for memory, `tcp_sndbuf_expand`, unless the window
    /// is what limits (`tcp_should_expand_sndbuf`).
    fn grow_buffers(&mut self) {
        if !self.send.writer_waits {
            return;
        }
        let (factor, most) = (self.buffer_factor(), self.config.send_buffer.0);
        for s in self.subflows.iter_mut().filter(|s| s.can_carry()) {
            let cwnd = s.tx.congestion.window().cwnd;
            if s.tx.in_flight() < cwnd {
                let size = factor * u64::from(cwnd) * SEGMENT_MEMORY;
                s.queue.limit = s.queue.limit.max(size.min(most));
            }
        }
    }

    /// Windows that a send buffer holds: three for BBR, else two.
    fn buffer_factor(&self) -> u64 {
        if self.config.congestion == CongestionKind::Bbr { 3 } else { 2 }
    }

    /// Bytes that the application may have written and not acknowledged: the subflows' send buffers
    /// together, each of which is `tcp_wmem`'s largest at most (`mptcp_sync_sndbuf`).
    pub(super) fn queue_limit(&self) -> u64 {
        let all = self.subflows.iter().filter(|s| s.is_alive()).map(|s| s.queue.limit).sum::<u64>();
        all.max((SEGMENT_MEMORY * LEAST_SEGMENTS).min(self.config.send_buffer.0))
    }

    /// Where the application must stop writing: at the end of a fragment. Once it had to wait for memory it is woken when a third
    /// of the send buffer is free (`sk_stream_is_writeable`).
    pub(super) fn write_limit(&mut self) -> u64 {
        let limit = self.queue_limit();
        let queued = self.send.taken.saturating_sub(self.send.una);
        if queued >= limit {
            self.send.writer_waits = true;
        } else if queued <= limit / 3 * 2 {
            self.send.writer_waits = false;
        }
        if self.send.writer_waits {
            return self.send.taken;
        }
        let end = self.send.una + limit;
        end + left_of_full(end)
    }

    /// Gives data to the subflows, as far as windows and send buffers let it, then sends what can go.
    pub(super) fn push_queues(&mut self, io: &mut Io<'_>) {
        self.note_push();
        self.look_for_timeout(io.now);
        let mut within = None;
        while let Some((data, available, is_new)) = self.next_to_give() {
            // Windows and memory are asked between two fragments (`__subflow_push_pending`).
            let Some(i) = within.take().or_else(|| self.pick_with_memory(io)) else { break };
            let goal = self.size_goal(i);
            let infinite = self.take_infinite(io, i);
            let s = &mut self.subflows[i];
            let len = s.queue.give(s.tx.next, data, available, goal, infinite);
            within = (len < available).then_some(i);
            if is_new {
                self.send.next = data + len;
                self.note_sent(i, len as u32);
                self.arm_data_timer(io.now);
            } else {
                // What Linux puts back in front of new data is not counted as sent again
                // (__mptcp_retransmit_pending_data).
                let reinject = &mut self.send.reinject;
                match reinject.front_mut() {
                    Some(front) if data + len < front.1 => front.0 = data + len,
                    _ => {
                        reinject.pop_front();
                    }
                }
            }
            self.write_application(io);
        }
        for i in 0..self.subflows.len() {
            self.send_from_queue(io, i);
        }
        self.grow_buffers();
        self.arm_data_timer(io.now);
        self.look_for_timeout(io.now); // for the application's next piece
    }

    /// The time that the data-level timer gets when it is started next: Linux looks for it when it chooses a
    /// subflow, so only while there is data to give (`mptcp_subflow_get_send`).
    pub(super) fn look_for_timeout(&mut self, now: SimTime) {
        if self.send.next < self.send.taken || !self.send.reinject.is_empty() {
            self.send.interval = self.pending_timeout(now);
        }
    }

    /// Gives bytes that were sent before to subflow `i`, and sends what can go.
    pub(super) fn give_again(&mut self, io: &mut Io<'_>, i: usize, start: u64, end: u64) {
        let goal = self.size_goal(i);
        let mut at = start;
        while at < end {
            let infinite = self.take_infinite(io, i);
            let s = &mut self.subflows[i];
            at += s.queue.give(s.tx.next, at, end - at, goal, infinite);
            self.counters.count(Counter::Retrans);
            if infinite {
                break;
            }
        }
        self.send_from_queue(io, i);
    }

    /// Is the next buffer of subflow `i` the one with the infinite mapping? Only now is the connection
    /// plain TCP (`mptcp_update_infinite_map`).
    fn take_infinite(&mut self, io: &Io<'_>, i: usize) -> bool {
        let infinite = std::mem::take(&mut self.subflows[i].infinite_pending);
        if infinite {
            self.counters.count(Counter::InfiniteMapTx);
            self.tell(io.now, i, None, Fact::InfiniteMappingSent);
            self.fall_back(io.now, i, None, FallbackReason::PeerFellBack);
        }
        infinite
    }

    /// The next bytes to give to a subflow: to be sent again, or new.
    fn next_to_give(&mut self) -> Option<(u64, u64, bool)> {
        while let Some(&(start, end)) = self.send.reinject.front() {
            let start = start.max(self.send.una);
            if start < end {
                return Some((start, (end - start).min(left_of_full(start)), false));
            }
            self.send.reinject.pop_front();
        }
        let room = self.new_data_room().min(left_of_full(self.send.next));
        (room > 0).then_some((self.send.next, room, true))
    }

    fn pick_with_memory(&mut self, io: &Io<'_>) -> Option<usize> {
        if self.subflows.len() == 1 {
            return (self.subflows[0].can_carry() && self.has_memory(0)).then_some(0);
        }
        self.pick_subflow(io.now, None)
    }

    /// `tcp_xmit_size_goal`: up to 64 KB or half the peer's largest window, whole segments. The first
    /// data carries MP_CAPABLE with its length and is one segment.
    fn size_goal(&self, i: usize) -> u64 {
        let mss = u64::from(self.segment_room(i));
        if self.mode == (Mode::Mptcp { certain: false }) && self.send.next == 0 {
            return mss;
        }
        let most = BUFFER_MAX.min(self.send.max_window / 2);
        (most / mss * mss).max(mss)
    }

    /// Sends what subflow `i` has been given, as its windows allow.
    fn send_from_queue(&mut self, io: &mut Io<'_>, i: usize) {
        let una = self.subflows[i].tx.una;
        self.subflows[i].queue.forget_below(una);
        let before = self.subflows[i].tx.next;
        let mut limited = false;
        let mut in_burst = 0;
        while self.subflows[i].state == State::Established
            && self.queued_segment(i).is_some_and(|segment| !self.holds_back_queued(io, i, segment))
        {
            if !self.subflows[i].tx.has_room(io.now) {
                break;
            }
            if in_burst == 0 {
                let Some(burst) = self.next_burst(i) else { break };
                let mss = self.segment_room(i);
                if burst.len > u64::from(mss)
                    && let Some(limit) = self.subflows[i].tx.should_defer(io.now, burst, mss)
                {
                    limited = limit == Limit::CongestionWindow;
                    break;
                }
                in_burst = burst.segments.min(burst.len.div_ceil(u64::from(mss)));
                let s = &mut self.subflows[i];
                if s.tx.next == 1 {
                    s.queue.first_burst = 1 + burst.len.min(in_burst * u64::from(mss));
                }
            }
            if !self.send_queued(io, i) {
                break;
            }
            in_burst -= 1;
        }
        if matches!(self.subflows[i].fin, Fin::FollowsToLeave | Fin::FollowsPeers) {
            self.close_left_subflow(io, i);
        }
        let s = &mut self.subflows[i];
        limited |= s.tx.in_flight() >= s.tx.congestion.window().cwnd;
        if s.state == State::Established && (limited || s.tx.next > before) {
            // Only TCP's own sendmsg marks samples as limited by the application
            // (`tcp_rate_check_app_limited`), and MPTCP does not go through it.
            s.tx.note_usage(limited);
        }
    }

    /// True when the segment is short, all that the subflow has been given, and to wait for more.
    fn holds_back_queued(&mut self, io: &Io<'_>, i: usize, segment: DataSegment) -> bool {
        let s = &self.subflows[i];
        u64::from(segment.len) == s.queue.unsent(segment.start)
            && segment.len < self.segment_room(i)
            && self.holds_back(io.now, i, segment.data, s.tx.una < s.queue.small_end)
    }

    /// What the next segments of subflow `i` come from.
    fn next_burst(&self, i: usize) -> Option<Burst> {
        let s = &self.subflows[i];
        let buffer = s.queue.at(s.tx.next)?;
        Some(Burst {
            len: buffer.end() - s.tx.next,
            grows: buffer.end() == s.queue.end,
            segments: self.burst_segments(i),
            window: s.tx.window_edge.saturating_sub(s.tx.next),
        })
    }

    fn queued_segment(&self, i: usize) -> Option<DataSegment> {
        let s = &self.subflows[i];
        if s.fin_sent() {
            return None;
        }
        let start = s.tx.next;
        let buffer = s.queue.at(start)?;
        let left = buffer.end() - start;
        let len = u64::from(self.segment_room(i)).min(left) as u32;
        let data = buffer.data + (start - buffer.start);
        Some(DataSegment { start, data, len, trimmed: 0, fin: false })
    }

    /// Sends the next segment of subflow `i`'s queue; false when there is none, or the window that came
    /// over this subflow is full (`tcp_snd_wnd_test`: Linux's subflows are TCP to that extent, too).
    /// Windows of MPTCP are probed at the data level, so one segment may always be on its way.
    pub(super) fn send_queued(&mut self, io: &mut Io<'_>, i: usize) -> bool {
        let Some(segment) = self.queued_segment(i) else { return false };
        let s = &mut self.subflows[i];
        if (matches!(self.mode, Mode::Plain(_)) || !s.tx.is_idle())
            && segment.start + u64::from(segment.len) > s.tx.window_edge
        {
            return false;
        }
        s.tx.send_new(io.now, segment.data, segment.len, false);
        let end = s.tx.next;
        if segment.len < self.segment_room(i) {
            self.subflows[i].queue.small_end = end;
        }
        self.send_data(io, i, segment);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuous_bytes_share_a_buffer_until_it_is_sent_or_full() {
        let mut q = SendQueue::default();
        assert_eq!(q.give(1, 0, 1000, 3000, false), 1000);
        assert_eq!(q.give(1, 1000, 1000, 3000, false), 1000);
        assert_eq!(q.give(1, 2000, 2000, 3000, false), 1000, "as much as the buffer takes");
        assert_eq!(q.give(1, 3000, 1000, 3000, false), 1000);
        assert_eq!(q.give(1001, 9000, 500, 3000, false), 500, "elsewhere in the stream");
        assert_eq!(q.give(4101, 9500, 500, 3000, false), 500, "the last buffer is being sent");
        let lens: Vec<_> = q.buffers.iter().map(|b| (b.start, b.data, b.len)).collect();
        assert_eq!(lens, [(1, 0, 3000), (3001, 3000, 1000), (4001, 9000, 500), (4501, 9500, 500)]);
        assert_eq!(q.at(3000).unwrap().start, 1);
        assert_eq!(q.at(3001).unwrap().start, 3001);
        assert_eq!(q.unsent(4401), 600);
        assert_eq!(q.first_unsent(4401), Some(9400));
    }
}
