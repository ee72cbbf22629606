//! A segment that comes in its turn on a connection with nothing else going on: header prediction (Van
//! Jacobson) for an end as a whole. What the long way would do step by step, with most steps having nothing to
//! do, is done in one piece; where something else might be, nothing is touched and the long way is taken.

use super::endpoint::{Endpoint, Io, Life};
use super::keepalive::Silence;
use super::segment::{LEAST_MSS, PAWS_WINDOW};
use super::subflow::State;
use crate::tcp::receiver::AckNeed;
use crate::tcp::{offset_of, seq_of};
use crate::time::SimTime;
use crate::wire::mptcp::{DataSeq, Dss, UsualDss};
use crate::wire::packet::{Flags, Packet};

/// What a segment says, where it can go the short way.
#[derive(Clone, Copy)]
struct Next {
    /// Offset that it acknowledges.
    ack: u64,
    /// Window that it offers.
    window: u64,
    /// Its timestamp, and the one that it echoes.
    timestamp: u32,
    echo: u32,
}

impl Endpoint {
    /// The short way of [`Endpoint::on_packet`]: false, and nothing has changed, where it does not apply.
    #[inline(always)] // once for each packet
    pub(super) fn on_next_packet(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        packet: &mut Packet,
    ) -> bool {
        #[cfg(test)]
        if tests::LONG_WAY_ONLY.get() {
            return false;
        }
        if !self.is_undisturbed() {
            return false;
        }
        if self.is_plain() {
            if self.subflows.len() != 1 || !packet.options.are_timestamps_only() {
                return false;
            }
            let Some(next) = self.read_next(0, packet) else { return false };
            if packet.payload.is_empty() {
                self.take_next_ack(io, next)
            } else {
                self.take_next_data(io, packet, next)
            }
        } else {
            let Some(dss) = self.usual_dss(i, packet) else { return false };
            let Some(next) = self.read_next(i, packet) else { return false };
            if self.has_policy_to_follow() {
                return false;
            }
            if packet.payload.is_empty() {
                self.take_next_data_ack(io, i, next, dss)
            } else {
                self.take_next_mapped(io, i, packet, next, dss)
            }
        }
    }

    /// Nobody closes, nothing is sent again over another subflow, and no timer but the sender's has anything
    /// to wait for.
    #[inline(always)]
    fn is_undisturbed(&self) -> bool {
        self.life == Life::Active
            && self.send.fin.is_none()
            && self.receive.fin.is_none()
            && self.send.reinject.is_empty()
            && !self.uses_queues
    }

    /// A segment in order, with timestamps, that asks for nothing.
    #[inline(always)]
    fn read_next(&self, i: usize, packet: &Packet) -> Option<Next> {
        let s = &self.subflows[i];
        if packet.checksum_fault != 0
            || packet.flags.without(Flags::PSH) != Flags::ACK
            || s.state != State::Established
            || !s.timestamps
            || packet.seq != seq_of(s.rx.initial, s.rx.next)
            || !s.rx.is_whole()
        {
            return None;
        }
        let (timestamp, echo) = packet.options.timestamps()?;
        let age = s.rx.ts_recent.wrapping_sub(timestamp) as i32;
        if age > PAWS_WINDOW && s.rx.ts_recent != 0 {
            return None;
        }
        let ack = offset_of(packet.ack, s.tx.initial, s.tx.una)?;
        Some(Next { ack, window: u64::from(packet.window) << s.send_scale, timestamp, echo })
    }

    /// What every segment that takes the short way leaves behind.
    #[inline(always)]
    fn note_next(&mut self, now: SimTime, i: usize, next: Next) {
        let s = &mut self.subflows[i];
        if s.rx.ts_recent.wrapping_sub(next.timestamp) as i32 <= 0 {
            s.rx.ts_recent = next.timestamp;
        }
        s.silence = Silence::broken(now);
        s.send_window.update(true, s.rx.next, next.window);
        s.tx.window_edge = s.tx.window_edge.max(next.ack + next.window);
        self.waiting.unanswered = 0;
    }

    /// Data for an end that only reads.
    #[inline(always)]
    fn take_next_data(&mut self, io: &mut Io<'_>, packet: &Packet, next: Next) -> bool {
        if !self.receive.early.is_empty()
            || !self.subflows[0].tx.is_settled(next.ack)
            || !self.has_nothing_to_push()
        {
            return false;
        }
        self.note_next(io.now, 0, next);
        self.send.window_edge = self.send.window_edge.max(self.send.una + next.window);
        self.take_next_bytes(io.now, 0, packet.payload.len, next);
        self.keeps_deadline &= self.config.keepalive.is_none();
        self.note_fresh(0, u64::from(packet.payload.len));
        self.hand_over(io, 0, &packet.payload);
        self.subflows[0].acknowledge_when_read();
        self.adjust_window(io.now);
        if self.subflows[0].ack_now {
            let packet = self.next_ack(io, 0);
            self.transmit(io, 0, packet);
        }
        true
    }

    /// Data for an end that only reads, with a mapping of its own.
    #[inline(always)]
    fn take_next_mapped(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        packet: &mut Packet,
        next: Next,
        dss: UsualDss,
    ) -> bool {
        if !self.subflows[i].tx.is_settled(next.ack)
            || self.may_signal(i)
            || !self.owes_nothing()
            || !self.has_nothing_to_push()
            || dss.ack != self.local_idsn.wrapping_add(1 + self.send.una) as u32
        {
            return false;
        }
        let mapping = Dss::from(dss).mapping.map(|mapping| (mapping, false));
        let start = self.subflows[i].rx.next;
        let Some(data) = self.next_by_usual_mapping(i, packet, start, mapping) else {
            return false;
        };
        let len = packet.payload.len;
        self.note_next(io.now, i, next);
        self.send.max_window = self.send.max_window.max(next.window);
        self.send.window_edge = self.send.window_edge.max(self.send.una + next.window);
        self.take_next_bytes(io.now, i, len, next);
        self.keeps_deadline &= self.config.keepalive.is_none();
        self.note_usual_mapping(i, start, len, data);
        if data == self.receive.next && self.receive.early.is_empty() {
            self.note_fresh(i, u64::from(len));
            self.hand_over(io, i, &packet.payload);
            self.subflows[i].acknowledge_when_read();
        } else {
            self.deliver_at(io, i, data, std::mem::take(&mut packet.payload));
            self.acknowledge_what_was_read();
        }
        self.adjust_window(io.now);
        if self.subflows.iter().enumerate().any(|(j, s)| j != i && s.ack_now) {
            self.flush_acks(io);
        } else if self.subflows[i].ack_now && self.maps_shortly() {
            let mut packet = self.next_ack(io, i);
            let dss = UsualDss { data_fin: false, ack: self.data_ack() as u32, mapping: None };
            dss.emit_usual(&mut packet.options);
            self.transmit(io, i, packet);
        } else if self.subflows[i].ack_now {
            self.send_ack(io, i);
        }
        true
    }

    /// So many bytes that are expected on subflow `i` have come.
    #[inline(always)]
    fn take_next_bytes(&mut self, now: SimTime, i: usize, len: u32, next: Next) {
        let s = &mut self.subflows[i];
        if self.receive.window.grows() && len >= LEAST_MSS && next.echo != 0 {
            s.offer.note_rtt(next.echo, s.timestamp(now).wrapping_sub(next.echo));
        }
        s.note_arrival(len, &self.receive.window, self.is_linux);
        let need = s.rx.take_next(now, len, self.config.quick_ack);
        s.ack_now |= need == AckNeed::Now;
        self.keeps_deadline = need == AckNeed::Now;
    }

    /// True where what an acknowledgement of a segment on subflow `i` makes room for is simply sent: it can
    /// carry data, no sample of its state is due, and nothing else is owed.
    #[inline(always)]
    fn sends_on(&self, now: SimTime, i: usize) -> bool {
        let s = &self.subflows[i];
        !s.stale
            && now < s.next_sample
            && !s.ack_now
            && s.can_carry()
            && !s.infinite_pending
            && s.infinite_at.is_none()
            && !self.scheduler.is_particular()
            && self.sends_at_once
    }

    /// An acknowledgement of the oldest segment on subflow `i`, and of data; what it makes room for is sent.
    #[inline(always)]
    fn take_next_data_ack(&mut self, io: &mut Io<'_>, i: usize, next: Next, dss: UsualDss) -> bool {
        if dss.mapping.is_some()
            || !self.subflows[i].tx.is_next_to_be_acked(next.ack)
            || !self.sends_on(io.now, i)
            || self.may_signal(i)
            || !self.owes_nothing()
        {
            return false;
        }
        let before = self.sending_deadline();
        self.note_next(io.now, i, next);
        self.subflows[i].offer.note_echo(next.echo);
        self.refresh_siblings_for_next(i);
        let acked = self.subflows[i].tx.on_next_acked(io.now, &self.siblings, i);
        let sent = self.subflows[i].tx.next;
        if self.is_linux() {
            self.subflows[i].tx.arm_after_ack(io.now, sent); // its data-level timer looks at this one
        }
        self.note_acked(io, i, next.window, acked);
        self.take_data_ack(io, DataSeq::Short(dss.ack), next.window);
        self.adjust_window(io.now);
        self.write_application(io);
        self.push_next(io, i);
        self.subflows[i].tx.arm_after_ack(io.now, sent);
        let closes = self.app.has_finished(io.now, false);
        if closes {
            self.push_close(io);
        }
        self.watch_window(io.now);
        self.paced_at = SimTime::NEVER;
        self.keeps_deadline =
            !closes && self.sending_deadline() >= before && self.app.writes_whenever_it_can();
        if closes {
            self.flush_acks(io);
        }
        true
    }

    /// The short way of [`Endpoint::push_new_data`] where [`Endpoint::sends_on`] is true of subflow `i`: mostly
    /// no other has room.
    #[inline(always)]
    fn push_next(&mut self, io: &mut Io<'_>, i: usize) {
        let mut is_particular = self.subflows[i].backup;
        for (j, s) in self.subflows.iter().enumerate() {
            is_particular |= j != i && s.tx.has_room(io.now);
        }
        if is_particular {
            return self.push_new_data(io);
        }
        let mut starved = false;
        while self.new_data_room() > 0 {
            starved = !self.subflows[i].tx.has_room(io.now);
            if starved || !self.send_new(io, i) {
                break;
            }
        }
        let out_of_data = self.send.next >= self.send.taken;
        for s in &mut self.subflows {
            if s.state == State::Established && !s.tx.is_idle() {
                s.tx.note_usage(starved);
                if out_of_data {
                    s.tx.set_app_limited();
                }
            }
        }
    }

    /// On no subflow is an acknowledgement or a signal of its own owed, or a segment to be sent again.
    #[inline(always)]
    fn owes_nothing(&self) -> bool {
        for s in &self.subflows {
            if s.ack_now
                || s.fail_pending.is_some()
                || s.priority_pending.is_some()
                || !s.tx.has_nothing_to_repair()
            {
                return false;
            }
        }
        true
    }

    /// The part of [`Endpoint::deadline`] that sending and being acknowledged move.
    #[inline(always)]
    fn sending_deadline(&self) -> SimTime {
        self.subflows.iter().fold(self.send.timer, |least, s| least.min(s.tx.deadline()))
    }

    /// An acknowledgement of the oldest segment; what it makes room for is sent.
    #[inline(always)]
    fn take_next_ack(&mut self, io: &mut Io<'_>, next: Next) -> bool {
        let tx = &self.subflows[0].tx;
        if !tx.is_next_to_be_acked(next.ack) || !self.sends_on(io.now, 0) {
            return false;
        }
        let before = self.subflows[0].tx.deadline();
        self.note_next(io.now, 0, next);
        self.siblings.clear();
        let acked = self.subflows[0].tx.on_next_acked(io.now, &self.siblings, 0);
        let sent = self.subflows[0].tx.next;
        if let Some(end) = acked.data_end {
            self.send.una = self.send.una.max(end);
        }
        self.send.window_edge = self.send.window_edge.max(self.send.una + next.window);
        self.adjust_window(io.now);
        self.write_application(io);
        let mut starved = false;
        let full = self.segment_room(0);
        while self.new_data_room() > 0 {
            starved = !self.subflows[0].tx.has_room(io.now);
            if starved || !self.send_next(io, full) {
                break;
            }
        }
        let s = &mut self.subflows[0];
        s.tx.arm_after_ack(io.now, sent);
        if !s.tx.is_idle() {
            s.tx.note_usage(starved);
            if self.send.next >= self.send.taken {
                s.tx.set_app_limited();
            }
        }
        let closes = self.app.has_finished(io.now, false);
        if closes {
            self.push_close(io);
        }
        let s = &self.subflows[0];
        if s.tx.is_idle() {
            self.watch_window(io.now);
        } else {
            self.waiting.stop_probing();
        }
        self.paced_at = SimTime::NEVER;
        // Mostly the sender's timer only moves on, and a bulk writer has no time of its own.
        self.keeps_deadline = !closes
            && self.subflows[0].tx.deadline() >= before
            && self.app.writes_whenever_it_can();
        if closes {
            self.flush_acks(io);
        }
        true
    }

    /// The short way of [`Endpoint::send_new`] over the only subflow; `full` is its segments' room.
    #[inline(always)]
    fn send_next(&mut self, io: &mut Io<'_>, full: u32) -> bool {
        let s = &mut self.subflows[0];
        let (start, data, len) = (s.tx.next, self.send.next, u64::from(full));
        let taken = self.send.taken;
        if data + len > taken.min(self.send.window_edge) || start + len > s.tx.window_edge {
            return self.send_new(io, 0); // no whole segment
        }
        s.tx.send_new(io.now, data, full, false);
        s.rx.on_data_sent(io.now);
        self.send.next += len;
        self.send.timer = SimTime::NEVER;
        let mut packet = self.established(io, 0);
        packet.seq = seq_of(self.subflows[0].tx.initial, start);
        packet.payload = self.app.payload(data, full);
        if data + len >= taken {
            packet.flags = packet.flags.with(Flags::PSH);
        }
        self.transmit(io, 0, packet);
        true
    }

    /// An acknowledgement on subflow `i` that tells of nothing but what TCP has received.
    #[inline(always)]
    fn next_ack(&mut self, io: &mut Io<'_>, i: usize) -> Box<Packet> {
        let mut packet = self.established(io, i);
        let s = &self.subflows[i];
        packet.seq = seq_of(s.tx.initial, s.tx.next);
        packet
    }
}

#[cfg(test)]
mod tests;
