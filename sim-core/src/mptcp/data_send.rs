//! From the stream to the subflows: what to send next and on which one; what to send again over
//! another (RFC 8684 §3.3.6).

use super::config::CongestionKind;
use super::counters::Counter;
use super::endpoint::{Endpoint, Io, Life};
use super::output::DataSegment;
use super::subflow::State;
use crate::record::story::Fact;
use crate::tcp::jiffies;
use crate::time::{SimDuration, SimTime};
use crate::wire::mptcp::DataSeq;

/// Most data sent again at one data-level timeout.
const RETRANSMITTED_AT_ONCE: u64 = 32 << 10;
/// `TCP_RTO_MIN`.
pub(super) const LINUX_RTO_MIN: SimDuration = SimDuration::from_millis(200);
/// How often it is doubled at most: log2 of `TCP_RTO_MAX` / `TCP_RTO_MIN`.
const DOUBLINGS: u32 = 9;

/// A segment of fewer bytes waits for a window that takes more (RFC 9293 §3.8.6.2.1, by the least MSS that a
/// host may assume).
pub(super) const SHORT_SEGMENT: u32 = 536;

impl Endpoint {
    /// Sends whatever can go out now: lost segments again, reinjections, new data, FINs.
    #[inline]
    pub(super) fn push(&mut self, io: &mut Io<'_>) {
        if !self.has_nothing_to_push() {
            self.push_all(io);
        }
    }

    pub(super) fn push_all(&mut self, io: &mut Io<'_>) {
        self.push_written(io);
        for i in 0..self.subflows.len() {
            if self.subflows[i].tx.has_lost() {
                self.push_retransmissions(io, i);
            }
        }
        if self.uses_queues {
            self.push_queues(io);
        } else {
            if !self.send.reinject.is_empty() {
                self.push_reinjections(io);
            }
            self.push_new_data(io);
        }
        for i in 0..self.subflows.len() {
            if self.subflows[i].tx.give_up_waiting() {
                self.push_retransmissions(io, i);
            }
        }
        self.push_close(io);
        self.watch_window(io.now);
        self.note_pacing(io);
    }

    /// Lets the application write.
    #[inline]
    pub(super) fn push_written(&mut self, io: &mut Io<'_>) {
        let written = self.app.written();
        self.write_application(io);
        if self.app.written() > written && self.send.next == written {
            // What came was acknowledged before the application was woken to answer it
            // (`__tcp_ack_snd_check`); data that waits already takes the acknowledgement along.
            self.flush_acks(io);
        }
    }

    /// True for an end that only reads: everything that it ever wrote is acknowledged, its peer has not
    /// closed, and no timer of [`Endpoint::push`] runs.
    #[inline(always)] // once for each packet
    pub(super) fn has_nothing_to_push(&self) -> bool {
        let send = &self.send;
        self.app.only_reads()
            && send.una == self.app.written()
            && send.una == send.next
            && send.fin.is_none()
            && send.reinject.is_empty()
            && self.receive.fin.is_none()
            && self.life == Life::Active
            && !self.uses_queues
            && self.paced_at == SimTime::NEVER
            && !self.waiting.is_probing()
            && self.subflows.iter().all(|s| s.tx.is_idle() && !s.rx.fin_in_order())
    }

    /// Remembers when pacing lets the next segment go, if one waits for that.
    #[inline]
    fn note_pacing(&mut self, io: &Io<'_>) {
        self.paced_at = SimTime::NEVER;
        if self.config.congestion != CongestionKind::Bbr {
            return; // nobody else paces
        }
        let waits = self.new_data_room() > 0 || !self.send.reinject.is_empty();
        for (i, s) in self.subflows.iter().enumerate() {
            if s.tx.is_paced(io.now)
                && s.is_alive()
                && (waits
                    || s.tx.next_lost().is_some()
                    || s.queue.unsent(s.tx.next) > 0
                    || self.has_copies(i))
            {
                self.paced_at = self.paced_at.min(s.tx.paced_until());
            }
        }
    }

    /// Lets the application write, within the send buffer.
    #[inline(always)] // once for each packet that comes in
    pub(super) fn write_application(&mut self, io: &Io<'_>) {
        if self.can_write() {
            let before = self.app.written();
            let limit = if self.uses_queues {
                self.write_limit()
            } else {
                self.send.una + self.config.send_buffer.0
            };
            let peer_closed = self.receive.fin.is_some() && self.peer_has_closed();
            self.app.write(io.now, limit, peer_closed);
            // What Linux's buffer does not take waits in the application, which may not wait for it.
            let written = self.app.written();
            let taken = if self.uses_queues { written.min(limit) } else { written };
            if self.uses_queues && taken > self.send.taken {
                let (sent, una) = (self.send.next, self.send.una);
                self.send.fragments.write(self.send.taken, sent, una, taken >= limit);
            }
            self.send.taken = self.send.taken.max(taken);
            if self.app.written() > before {
                self.first_write_at.get_or_insert(io.now);
            }
        }
    }

    fn can_write(&self) -> bool {
        // A stream's clock runs from the call on, whether the handshake is done or not.
        self.life == Life::Active
    }

    fn push_retransmissions(&mut self, io: &mut Io<'_>, i: usize) {
        loop {
            let s = &mut self.subflows[i];
            if s.state != State::Established || !s.tx.has_room(io.now) {
                return;
            }
            let Some(index) = s.tx.next_lost() else { return };
            self.send_again(io, i, index);
        }
    }

    fn send_again(&mut self, io: &mut Io<'_>, i: usize, index: usize) {
        if self.subflows[i].path_mtu.was_lowered {
            let room = self.segment_room(i);
            let tx = &mut self.subflows[i].tx;
            tx.cut(index, tx.acknowledged_of(index) + room);
        }
        let s = &mut self.subflows[i];
        s.tx.retransmit(io.now, index);
        let trimmed = s.tx.acknowledged_of(index);
        let segment = s.tx.segment(index);
        let segment = DataSegment {
            start: segment.start + u64::from(trimmed),
            data: segment.data + u64::from(trimmed),
            len: segment.len - trimmed,
            trimmed,
            fin: segment.fin,
        };
        self.counters.count(Counter::TcpRetransSegs);
        self.send_data(io, i, segment);
    }

    /// Tail-loss probe: new data if there is some, else the last segment again (RFC 8985 §7.3).
    pub(super) fn send_probe(&mut self, io: &mut Io<'_>, i: usize) {
        if self.uses_queues && self.send_queued(io, i) {
            return;
        }
        let plain_or_only = self.subflows.iter().filter(|s| s.can_carry()).count() == 1;
        if plain_or_only
            && !self.uses_queues
            && self.subflows[i].can_carry()
            && self.new_data_room() > 0
        {
            // Nagle's rule is not asked (`tcp_send_loss_probe`).
            self.send_new_segment(io, i, self.segment_room(i));
        } else if let Some(index) = self.subflows[i].tx.last_index() {
            self.send_again(io, i, index);
        }
    }

    /// Ranges to send again over another subflow than the one that has them.
    fn push_reinjections(&mut self, io: &mut Io<'_>) {
        while let Some(&(start, end)) = self.send.reinject.front() {
            let start = start.max(self.send.una);
            if start >= end {
                self.send.reinject.pop_front();
                continue;
            }
            // Linux does not ask where the data is in flight already.
            let range = (!self.is_linux()).then_some((start, end));
            let Some(i) = self.pick_subflow(io.now, range) else { return };
            let len = u64::from(self.segment_room(i)).min(end - start) as u32;
            self.send_copy(io, i, start, len);
            match self.send.reinject.front_mut() {
                Some(front) if start + u64::from(len) < end => front.0 = start + u64::from(len),
                _ => {
                    self.send.reinject.pop_front();
                }
            }
        }
    }

    /// Sends bytes over subflow `i` that another subflow has sent before.
    pub(super) fn send_copy(&mut self, io: &mut Io<'_>, i: usize, data: u64, len: u32) {
        let s = &mut self.subflows[i];
        let start = s.tx.next;
        s.tx.send_new(io.now, data, len, false);
        self.counters.count(Counter::Retrans);
        self.send_data(io, i, DataSegment { start, data, len, trimmed: 0, fin: false });
    }

    /// Bytes of new data that the window and the application allow.
    #[inline]
    pub(super) fn new_data_room(&self) -> u64 {
        self.send.taken.min(self.send.window_edge).saturating_sub(self.send.next)
    }

    #[inline]
    pub(super) fn push_new_data(&mut self, io: &mut Io<'_>) {
        let mut starved = self.scheduler.is_redundant() && self.push_redundantly(io);
        while !starved && self.new_data_room() > 0 {
            let Some(i) = self.pick_for_new_data(io.now) else {
                starved = true;
                break;
            };
            if !self.send_new(io, i) {
                break;
            }
        }
        if self.scheduler.is_opportunistic() {
            self.retransmit_opportunistically(io);
        }
        let out_of_data = self.send.next >= self.send.taken;
        for s in &mut self.subflows {
            if s.state == State::Established && !s.tx.is_idle() {
                s.tx.note_usage(starved && !s.tx.has_room(io.now));
                if out_of_data {
                    s.tx.set_app_limited();
                }
            }
        }
    }

    /// Sends one segment of new data over subflow `i`; false when none fits, or a short one is to wait.
    #[inline]
    pub(super) fn send_new(&mut self, io: &mut Io<'_>, i: usize) -> bool {
        let full = self.segment_room(i);
        let (at, small_is_out) = (self.send.next, self.send.una < self.send.small_end);
        if self.send.taken - at < u64::from(full) && self.holds_back(io.now, i, at, small_is_out) {
            return false;
        }
        self.send_new_segment(io, i, full)
    }

    #[inline]
    fn send_new_segment(&mut self, io: &mut Io<'_>, i: usize, full: u32) -> bool {
        let room = self.new_data_room();
        let mut len = u64::from(full).min(room) as u32;
        let plain = self.is_plain();
        let s = &mut self.subflows[i];
        if plain {
            let edge = s.tx.window_edge.saturating_sub(s.tx.next);
            len = u64::from(len).min(edge) as u32;
        }
        // Sender-side silly-window avoidance (RFC 9293 §3.8.6.2.1): a short segment goes out only when
        // it is all there is, or nothing is in flight.
        let all = u64::from(len) == self.send.taken - self.send.next;
        if len == 0 || (len < full.min(SHORT_SEGMENT) && !all && !s.tx.is_idle()) {
            return false;
        }
        let (start, data) = (s.tx.next, self.send.next);
        s.tx.send_new(io.now, data, len, false);
        self.send.next += u64::from(len);
        if len < full {
            self.send.small_end = self.send.next;
        }
        self.note_sent(i, len);
        self.arm_data_timer(io.now);
        let segment = DataSegment { start, data, len, trimmed: 0, fin: false };
        if self.maps_usually(i) {
            self.send_mapped(io, i, segment);
        } else {
            self.send_data(io, i, segment);
        }
        true
    }

    /// Takes a DATA_ACK with the window that came with it.
    #[inline]
    pub(super) fn take_data_ack(&mut self, io: &mut Io<'_>, ack: DataSeq, window: u64) {
        let base = self.local_idsn.wrapping_add(1);
        let full = ack.expand(base.wrapping_add(self.send.una));
        let offset = full.wrapping_sub(base);
        let fin = self.send.fin.is_some_and(|at| offset == at + 1 && self.send.next >= at);
        let offset = if fin { offset - 1 } else { offset };
        if offset > self.send.next {
            return; // not sent yet, or far in the past
        }
        // An older one, which a slower subflow brings, opens no more than it did when it was sent.
        let edge = offset + window;
        self.send.max_window = self.send.max_window.max(window);
        self.send.window_edge = self.send.window_edge.max(edge);
        if offset > self.send.una {
            if self.uses_queues && self.send.next < self.send.window_edge {
                self.look_for_timeout(io.now); // __mptcp_check_push comes before __mptcp_data_acked
            }
            self.send.una = offset;
            self.waiting.silent_since = None;
            self.send.backoff = 0;
            self.send.timer = SimTime::NEVER;
            self.arm_data_timer(io.now);
        }
        if fin && !self.send.fin_acked {
            self.send.fin_acked = true;
            self.send.timer = SimTime::NEVER;
            self.consider_completion(io);
        }
    }

    /// The data-level timer runs while something is unacknowledged at the data level.
    #[inline]
    pub(super) fn arm_data_timer(&mut self, now: SimTime) {
        // It runs already, for what is still not acknowledged: nothing to decide, but for Linux.
        let runs = self.send.timer != SimTime::NEVER && self.send.una < self.send.next;
        if !(runs && self.is_mptcp()) {
            self.decide_data_timer(now);
        }
    }

    fn decide_data_timer(&mut self, now: SimTime) {
        let fin_waits = self.send.fin.is_some() && !self.send.fin_acked;
        // Linux watches over data that no subflow takes, too.
        let waits = self.uses_queues && self.new_data_room() > 0;
        if self.is_plain() || (self.send.una >= self.send.next && !fin_waits && !waits) {
            self.send.timer = SimTime::NEVER;
        } else if self.send.timer == SimTime::NEVER {
            self.send.timer_set_at = now;
            self.send.timer = now + self.data_timeout(now);
        }
    }

    fn data_timeout(&self, now: SimTime) -> SimDuration {
        if self.uses_queues {
            return self.send.interval;
        }
        if self.is_linux() {
            return self.pending_timeout(now);
        }
        let carriers = self.subflows.iter().filter(|s| s.can_carry());
        let longest = carriers.map(|s| s.tx.rtt.rto(0)).max();
        longest.unwrap_or(crate::tcp::rtt::RTO_INITIAL) * (1 << self.send.backoff.min(6))
    }

    /// As long as the subflows' own timers still run, of those that are not stale (`mptcp_set_timeout`). Linux
    /// looks when it chooses a subflow for data, whether it finds one or not (`mptcp_subflow_get_send`), and keeps
    /// that until the next time.
    pub(super) fn pending_timeout(&self, now: SimTime) -> SimDuration {
        let carriers = self.subflows.iter().filter(|s| s.can_carry());
        let pending = carriers.filter(|s| s.stale_count == 0 && s.tx.deadline() != SimTime::NEVER);
        let longest = pending.map(|s| s.tx.deadline().since(now)).max();
        longest.filter(|d| *d > SimDuration::ZERO).unwrap_or(LINUX_RTO_MIN)
    }

    /// The time of the data-level timer has come. False in Linux where its timer wheel is not there yet.
    fn data_timer_is_due(&mut self, now: SimTime) -> bool {
        let send = &mut self.send;
        if self.is_linux && send.timer > send.timer_set_at {
            let timeout = send.timer.since(send.timer_set_at);
            send.timer = jiffies::expiry(send.timer_set_at, timeout, 0);
            send.timer_set_at = send.timer;
        }
        send.timer <= now
    }

    /// Nothing was acknowledged at the data level for a timeout: DATA_FIN again, and the oldest data
    /// that no subflow has in flight any more (RFC 8684 §3.3.6). False where it was too early.
    pub(super) fn on_data_timer(&mut self, io: &mut Io<'_>) -> bool {
        if !self.data_timer_is_due(io.now) {
            return false;
        }
        self.send.timer = SimTime::NEVER;
        if self.has_been_silent(io) {
            return true;
        }
        self.send.backoff += 1;
        if self.send.fin.is_some_and(|fin| !self.send.fin_acked && self.send.next >= fin) {
            for s in &mut self.subflows {
                s.ack_now |= s.can_carry();
            }
            if self.send.una >= self.send.next {
                // mptcp_set_datafin_timeout
                self.send.interval = LINUX_RTO_MIN * (1 << self.send.backoff.min(DOUBLINGS));
            }
        }
        if self.is_linux() {
            self.retransmit_like_linux(io);
        } else if self.send.una < self.send.next && self.send.reinject.is_empty() {
            let una = self.send.una;
            let in_flight = self.subflows.iter().flat_map(|s| s.tx.outstanding());
            let held = in_flight
                .filter(|s| s.len > 0 && s.data + u64::from(s.len) > una)
                .map(|s| s.data)
                .min();
            let end = held.unwrap_or(self.send.next).min(una + RETRANSMITTED_AT_ONCE);
            if end > una {
                self.may_fall_back = false;
                self.send.reinject.push_back((una, end));
            }
        }
        self.arm_data_timer(io.now);
        true
    }

    /// `__mptcp_retrans`: the head of the queue goes over a subflow that has nothing in flight, a
    /// backup only when the others make no progress; those that have are watched for staleness.
    fn retransmit_like_linux(&mut self, io: &mut Io<'_>) {
        let mut pick = None;
        let mut backup = None;
        let mut least_stale = u32::MAX;
        for i in 0..self.subflows.len() {
            let s = &self.subflows[i];
            if !s.can_carry() {
                continue;
            }
            if !s.tx.is_idle() || s.queue.unsent(s.tx.next) > 0 {
                self.note_staleness(io, i);
                least_stale = least_stale.min(self.subflows[i].stale_count);
            } else if s.backup {
                backup = backup.or(Some(i));
            } else {
                pick = pick.or(Some(i));
            }
        }
        let Some(i) = pick.or(if least_stale > 1 { backup } else { None }) else { return };
        let end = self.send.next.min(self.send.fragments.end(self.send.una));
        if self.uses_queues {
            self.may_fall_back = false;
            self.give_again(io, i, self.send.una, end);
            return;
        }
        let mut at = self.send.una;
        while at < end {
            let len = u64::from(self.segment_room(i)).min(end - at) as u32;
            let s = &mut self.subflows[i];
            let start = s.tx.next;
            s.tx.send_new(io.now, at, len, false);
            self.counters.count(Counter::Retrans);
            self.send_data(io, i, DataSegment { start, data: at, len, trimmed: 0, fin: false });
            self.may_fall_back = false;
            at += u64::from(len);
        }
    }

    /// `mptcp_pm_subflow_chk_stale`: the first data-level timeout counts in any case, the next only if nothing
    /// has come on the subflow since.
    fn note_staleness(&mut self, io: &mut Io<'_>, i: usize) {
        let s = &mut self.subflows[i];
        let heard_at = s.silence.since();
        if s.stale_count == 0 {
            s.stale_mark = heard_at;
            s.stale_count = 1;
        } else if s.stale_mark == heard_at {
            s.stale_count += 1;
            self.check_stale(io, i);
        } else {
            s.stale_count = 0;
        }
    }

    /// `mptcp_pm_subflows_chk_stale`: a subflow from which nothing has come for so many data-level timeouts, while
    /// another one is well, gives its data to the others.
    fn check_stale(&mut self, io: &mut Io<'_>, i: usize) {
        let limit = self.config.stale_loss_count;
        if self.subflows[i].stale || limit == 0 || self.subflows[i].stale_count <= limit {
            return;
        }
        let well = limit.saturating_sub(1).max(1);
        let others = self.subflows.iter().enumerate();
        if others.filter(|(j, s)| *j != i && s.can_carry()).any(|(_, s)| s.stale_count < well) {
            self.subflows[i].stale = true;
            self.counters.count(Counter::SubflowStale);
            self.tell(io.now, i, None, Fact::SubflowStale);
            self.reinject_everything(io, i);
        }
    }

    /// A retransmission timeout on subflow `i`: what it has in flight goes over the others too, if
    /// there are any (RFC 8684 §3.3.6), and new data avoids it until it shows life. Linux waits for its
    /// data-level timer instead.
    pub(super) fn on_subflow_timeout(&mut self, io: &mut Io<'_>, i: usize) {
        if self.is_plain() || self.is_linux() {
            return;
        }
        let others = self.subflows.iter().enumerate();
        let alternative =
            others.filter(|(j, s)| *j != i && s.can_carry()).any(|(_, s)| !s.tx.in_loss());
        let s = &mut self.subflows[i];
        if s.tx.backoff >= self.config.stale_loss_count && !s.stale && alternative {
            s.stale = true;
            self.counters.count(Counter::SubflowStale);
            self.tell(io.now, i, None, Fact::SubflowStale);
        }
        if alternative {
            self.reinject_outstanding(io, i);
        }
    }

    /// `__mptcp_retransmit_pending_data`: all that is unacknowledged at the data level is sent again.
    pub(super) fn reinject_everything(&mut self, io: &mut Io<'_>, i: usize) {
        if self.send.una < self.send.next {
            self.send.reinject.clear();
            self.reinject(io, i, &[(self.send.una, self.send.next)]);
        }
    }

    /// Everything that subflow `i` has in flight is queued for the others.
    pub(super) fn reinject_outstanding(&mut self, io: &mut Io<'_>, i: usize) {
        let ranges: Vec<(u64, u64)> = self.subflows[i]
            .tx
            .outstanding()
            .iter()
            .filter(|s| s.len > 0)
            .map(|s| (s.data, s.data + u64::from(s.len)))
            .collect();
        self.reinject(io, i, &ranges);
    }

    pub(super) fn reinject(&mut self, io: &mut Io<'_>, i: usize, ranges: &[(u64, u64)]) {
        let mut bytes = 0;
        for &(start, end) in ranges {
            let start = start.max(self.send.una);
            let known = self.send.reinject.iter().any(|&(s, e)| s <= start && end <= e);
            if start >= end || known {
                continue;
            }
            bytes += end - start;
            match self.send.reinject.back_mut() {
                Some(last) if last.1 == start => last.1 = end,
                _ => self.send.reinject.push_back((start, end)),
            }
        }
        if bytes > 0 {
            self.may_fall_back = false;
            self.send.reinject.make_contiguous().sort_unstable();
            self.tell(io.now, i, None, Fact::Reinjected { bytes });
        }
    }

    /// After falling back, the subflow's own progress is the stream's: take over what it has
    /// acknowledged (RFC 8684 §3.7).
    pub(super) fn adopt_subflow_progress(&mut self, i: usize) {
        let s = &self.subflows[i];
        let in_flight = s.tx.outstanding().iter().find(|s| s.len > 0).map(|s| s.data);
        let waiting = in_flight.or(s.queue.first_unsent(s.tx.next));
        self.send.una = self.send.una.max(waiting.unwrap_or(self.send.next));
        let window = s.tx.window_edge.saturating_sub(s.tx.una);
        self.send.window_edge = self.send.window_edge.max(self.send.una + window);
        self.send.timer = SimTime::NEVER;
    }
}
