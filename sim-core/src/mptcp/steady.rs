//! A segment that comes in its turn on a connection with nothing else going on: header prediction (Van
//! Jacobson) for an end as a whole. What the long way would do step by step, with most steps having nothing to
//! do, is done in one piece; where something else might be, nothing is touched and the long way is taken.

use super::config::CongestionKind;
use super::endpoint::{Endpoint, Io, Life};
use super::keepalive::Silence;
use super::segment::{LEAST_MSS, PAWS_WINDOW};
use super::subflow::State;
use crate::tcp::receiver::AckNeed;
use crate::tcp::{offset_of, seq_of};
use crate::time::SimTime;
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
    pub(super) fn on_next_packet(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet) -> bool {
        #[cfg(test)]
        if tests::LONG_WAY_ONLY.get() {
            return false;
        }
        if i != 0 || self.subflows.len() != 1 || !self.is_plain() || !self.is_undisturbed() {
            return false;
        }
        let Some(next) = self.read_next(packet) else { return false };
        if packet.payload.is_empty() {
            self.take_next_ack(io, next)
        } else {
            self.take_next_data(io, packet, next)
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
            && self.receive.early.is_empty()
            && !self.uses_queues
    }

    /// A segment in order, with timestamps and no other option, that asks for nothing.
    #[inline(always)]
    fn read_next(&self, packet: &Packet) -> Option<Next> {
        let s = &self.subflows[0];
        if packet.checksum_fault != 0
            || packet.flags.without(Flags::PSH) != Flags::ACK
            || s.state != State::Established
            || !s.timestamps
            || !packet.options.are_timestamps_only()
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
    fn note_next(&mut self, now: SimTime, next: Next) {
        let s = &mut self.subflows[0];
        if s.rx.ts_recent.wrapping_sub(next.timestamp) as i32 <= 0 {
            s.rx.ts_recent = next.timestamp;
        }
        s.silence = Silence::broken(now);
        s.tx.window_edge = s.tx.window_edge.max(next.ack + next.window);
        self.waiting.unanswered = 0;
    }

    /// Data for an end that only reads.
    #[inline(always)]
    fn take_next_data(&mut self, io: &mut Io<'_>, packet: &Packet, next: Next) -> bool {
        if !self.subflows[0].tx.is_settled(next.ack) || !self.has_nothing_to_push() {
            return false;
        }
        let len = packet.payload.len;
        self.note_next(io.now, next);
        self.send.window_edge = self.send.window_edge.max(self.send.una + next.window);
        let window = &mut self.receive.window;
        if len >= LEAST_MSS && next.echo != 0 {
            let clock = (io.now.as_nanos() / 1_000_000) as u32;
            let offset = self.subflows[0].timestamp_offset;
            window.note_rtt(clock.wrapping_add(offset).wrapping_sub(next.echo));
        }
        window.note_segment(len);
        let quick = self.config.quick_ack;
        let s = &mut self.subflows[0];
        let need = s.rx.take_next(io.now, len, quick);
        s.ack_now |= need == AckNeed::Now;
        let answers = s.ack_now;
        self.keeps_deadline = need == AckNeed::Now && self.config.keepalive.is_none();
        self.note_fresh(0, u64::from(len));
        self.hand_over(io, 0, &packet.payload);
        self.receive.window.adjust(io.now);
        if answers {
            self.send_plain_ack(io);
        }
        true
    }

    /// An acknowledgement of the oldest segment; what it makes room for is sent.
    #[inline(always)]
    fn take_next_ack(&mut self, io: &mut Io<'_>, next: Next) -> bool {
        let s = &self.subflows[0];
        if !s.tx.is_next_to_be_acked(next.ack)
            || s.stale
            || io.now >= s.next_sample
            || s.ack_now
            || !s.can_carry()
            || s.infinite_pending
            || s.infinite_at.is_some()
            || self.scheduler.is_particular()
            || self.config.congestion == CongestionKind::Bbr
        {
            return false;
        }
        let before = s.tx.deadline();
        self.note_next(io.now, next);
        self.siblings.clear();
        let acked = self.subflows[0].tx.on_next_acked(io.now, &self.siblings, 0);
        if let Some(end) = acked.data_end {
            self.send.una = self.send.una.max(end);
        }
        self.send.window_edge = self.send.window_edge.max(self.send.una + next.window);
        self.receive.window.adjust(io.now);
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

    /// The short way of [`Endpoint::send_ack`], where there is nothing to tell but what was received.
    #[inline(always)]
    fn send_plain_ack(&mut self, io: &mut Io<'_>) {
        let mut packet = self.established(io, 0);
        let s = &self.subflows[0];
        packet.seq = seq_of(s.tx.initial, s.tx.next);
        self.transmit(io, 0, packet);
    }
}

#[cfg(test)]
mod tests;
