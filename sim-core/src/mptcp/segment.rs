//! A segment for a subflow that is established: acknowledgement, MPTCP signals, data, FIN, RST.

use super::counters::Counter;
use super::endpoint::{Endpoint, Io, Mode};
use super::keepalive::Silence;
use super::receive_window::Offer;
use super::subflow::{Proof, State, Subflow};
use crate::record::SubflowRole;
use crate::record::series::SenderSample;
use crate::record::story::{End, Fact, FallbackReason, ResetCause};
use crate::tcp::receiver::{AckNeed, Chunk};
use crate::tcp::sender::{Ack, Acked, TimerKind, Undone};
use crate::tcp::{offset_of, seq_of};
use crate::time::{SimDuration, SimTime};
use crate::wire::mptcp::{
    AddAddr, CapableBody, DataSeq, Dss, Mapping, MptcpOption, ResetReason, UsualDss, mptcp_options,
};
use crate::wire::packet::{Flags, Packet, PacketUid};

/// Shorter segments do not measure the receiver's round trip (`TCP_MIN_MSS`, `tcp_rcv_rtt_measure_ts`):
/// they may have waited for the application.
pub(super) const LEAST_MSS: u32 = 536;

/// What the options 30 of one segment say.
#[derive(Default)]
struct Signals {
    any: bool,
    data_ack: Option<DataSeq>,
    mapping: Option<(Mapping, bool)>,
    capable: bool,
    join: bool,
    add_addr: Option<AddAddr>,
    fail: Option<u64>,
}

impl Signals {
    #[inline]
    fn take_dss(&mut self, Dss { data_fin, ack, mapping }: Dss) {
        self.any = true;
        self.data_ack = ack;
        self.mapping = mapping.map(|m| (m, data_fin));
    }
}

/// A timestamp may be older by this than the last one (Linux's `TCP_PAWS_WINDOW`), in ms.
pub(super) const PAWS_WINDOW: i32 = 1;

impl Endpoint {
    /// A packet for subflow `i` came in. Replies are in the outbox afterwards.
    #[inline]
    pub fn on_packet(&mut self, io: &mut Io<'_>, i: usize, packet: &mut Packet) {
        if !self.on_next_packet(io, i, packet) {
            self.on_any_packet(io, i, packet);
        }
    }

    /// The long way of [`Endpoint::on_packet`].
    pub(super) fn on_any_packet(&mut self, io: &mut Io<'_>, i: usize, packet: &mut Packet) {
        if packet.checksum_fault != 0 {
            return; // a host drops it unseen
        }
        // Linux has no occasion to send on a subflow as it is joined; what acknowledges data is the next.
        let joins = self.is_linux
            && self.subflows[i].state == State::SynReceived
            && self.subflows[i].role == SubflowRole::Join
            && packet.payload.is_empty();
        let is_established = match self.subflows[i].state {
            State::Established => true,
            State::SynReceived => self.on_packet_in_syn_received(io, i, packet),
            State::SynSent => {
                self.on_packet_in_syn_sent(io, i, packet);
                false
            }
            State::Closed => {
                self.on_packet_after_close(io, i, packet);
                false
            }
        };
        if is_established {
            self.on_segment(io, i, packet);
        }
        self.adjust_window(io.now);
        self.subflows[i].silence = Silence::broken(io.now);
        if self.has_nothing_to_push() {
            // A signal that goes out may have to be repeated.
            self.keeps_deadline &= self.config.keepalive.is_none() && !self.may_signal(i);
        } else if joins {
            self.keeps_deadline = false;
        } else {
            self.keeps_deadline = false;
            self.push_all(io);
        }
        self.flush_acks(io);
    }

    /// Makes the receive buffer larger when a round trip has delivered more than any before.
    #[inline(always)] // once for each packet
    pub(super) fn adjust_window(&mut self, now: SimTime) {
        if self.receive.window.may_grow() {
            self.grow_window(now);
        }
    }

    #[inline(never)]
    fn grow_window(&mut self, now: SimTime) {
        // A join is a subflow from its SYN on (`__mptcp_subflow_connect`), which the path manager's worker sends after
        // the application has read; where it was answered not before its third ACK has come (`subflow_syn_recv_sock`).
        let open = self.subflows.iter().filter(|s| match s.state {
            State::Established => true,
            State::SynSent => s.started_at < now,
            State::SynReceived | State::Closed => false,
        });
        let offers = || open.clone().map(|s| &s.offer);
        let Some(rtt) = offers().map(Offer::rtt).max() else { return };
        let Some(ratio) = offers().map(Offer::ratio).min() else { return };
        let span = self.receive.early_span();
        self.receive.window.adjust(now, rtt, span, ratio);
    }

    #[inline(always)] // the one caller
    fn on_segment(&mut self, io: &mut Io<'_>, i: usize, packet: &mut Packet) {
        let s = &mut self.subflows[i];
        let Some(start) = offset_of(packet.seq, s.rx.initial, s.rx.next) else {
            if !packet.flags.has(Flags::RST) {
                s.challenge(io.now);
            }
            return;
        };
        if packet.flags.has(Flags::RST) {
            // RFC 5961 §3.2, and Linux's allowance for a peer that has sent past a hole.
            let mut sacks = [(0, 0); 4];
            let count = s.rx.sack_blocks(4, &mut sacks);
            let highest = sacks[..count].iter().map(|b| b.1).max();
            if start == s.rx.ack_offset() || start == s.rx.next || highest == Some(start) {
                if self.is_linux() && self.subflows[i].proof == Proof::Pending {
                    // tcp_reset looks at the options first, and check_fully_established resets a join
                    // whose first packet has no DSS.
                    let reason = Some(ResetReason::UNSPECIFIED);
                    self.reset_subflow(io, i, ResetCause::BadHandshake, reason);
                    return;
                }
                if self.is_linux() && self.awaits_certainty(i) && start == 1 {
                    // Of the first subflow it makes plain TCP, which does not outlive the reset.
                    self.fall_back_uncertain(io, i, packet.uid, FallbackReason::AckWithoutDataAck);
                }
                self.on_reset(io, i, packet);
            } else {
                s.challenge(io.now);
            }
            return;
        }
        if packet.flags.has(Flags::SYN) {
            // The SYN/ACK again: the third ACK was lost.
            s.repeats_keys = true;
            s.challenge(io.now);
            return;
        }
        if !packet.flags.has(Flags::ACK) {
            return;
        }
        let mut echo = None;
        if s.timestamps
            && let Some((value, reply)) = packet.options.timestamps()
        {
            let age = s.rx.ts_recent.wrapping_sub(value) as i32;
            if age > PAWS_WINDOW && s.rx.ts_recent != 0 && !s.is_disordered_ack(packet, start) {
                // RFC 7323 §5.3: a box that held it back until what it followed was sent again.
                self.counters.count(Counter::TcpPawsEstab);
                s.rx.reject(start, packet.payload.len);
                s.ack_now = true;
                return;
            }
            if age <= 0 && start <= s.rx.ack_offset() {
                s.rx.ts_recent = value;
            }
            echo = Some(reply);
            if packet.payload.len >= LEAST_MSS && reply != 0 {
                s.offer.note_rtt(reply, s.timestamp(io.now).wrapping_sub(reply));
            } else if !matches!(self.mode, Mode::Plain(_)) && s.established_at != Some(io.now) {
                s.offer.note_echo(reply);
            }
        }
        let usual = self.usual_dss(i, packet);
        let may_sack = usual.is_none() && !packet.options.are_timestamps_only();
        self.take_ack(io, i, packet, start, echo, may_sack);
        if self.is_plain() {
            if self.subflows[i].state != State::Closed {
                self.take_data(io, i, packet, start, None);
            }
            return;
        }
        if !packet.payload.is_empty() && self.was_left(i) {
            // The socket has nobody any more who would read (`tcp_rcv_state_process`).
            let reason = Some(ResetReason::UNSPECIFIED);
            self.reset_subflow(io, i, ResetCause::AddressRemoved, reason);
            return;
        }
        if let Some(dss) = usual.filter(|_| self.subflows[i].state == State::Established) {
            self.take_data_ack(io, DataSeq::Short(dss.ack), self.window_behind(i, packet));
            let follows = self.manage_paths(io);
            if self.subflows[i].state != State::Closed {
                let mapping = Dss::from(dss).mapping.map(|mapping| (mapping, false));
                self.take_data(io, i, packet, start, mapping);
            }
            self.keeps_deadline &= !follows;
            return;
        }
        self.on_signals(io, i, packet, start);
    }

    /// The DSS of a segment that says nothing else of MPTCP, where the connection and the subflow are
    /// certain to be: the short way of [`Endpoint::on_signals`].
    #[inline(always)] // once for each packet
    pub(super) fn usual_dss(&self, i: usize, packet: &Packet) -> Option<UsualDss> {
        let certain = self.mode == (Mode::Mptcp { certain: true })
            && self.subflows[i].proof == Proof::Complete
            && self.subflows[i].state == State::Established;
        if certain { UsualDss::read(&packet.options) } else { None }
    }

    /// What a segment says of MPTCP; then its data.
    fn on_signals(&mut self, io: &mut Io<'_>, i: usize, packet: &mut Packet, start: u64) {
        let mut signals = Signals::default();
        self.read_signals(io, i, packet, &mut signals);
        if self.subflows[i].state == State::Closed
            || !self.check_established(io, i, packet, start, &signals)
        {
            return;
        }
        if self.is_mptcp() {
            self.apply_signals(io, i, packet, &signals);
        }
        if self.subflows[i].state == State::Closed {
            return;
        }
        self.take_data(io, i, packet, start, signals.mapping);
        self.keeps_deadline = false; // signals may have set a timer
    }

    /// The window that a packet on subflow `i` opens behind its DATA_ACK (RFC 8684 §3.3.4): its own; Linux adds the
    /// subflow's, which that packet may not have moved (`ack_update_msk`).
    #[inline(always)] // once for each packet
    fn window_behind(&self, i: usize, packet: &Packet) -> u64 {
        let s = &self.subflows[i];
        if self.is_linux { s.send_window.size() } else { u64::from(packet.window) << s.send_scale }
    }

    /// TCP's acknowledgement: what left the network, what is lost, how the window moves.
    #[inline]
    fn take_ack(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        packet: &Packet,
        start: u64,
        echo: Option<u32>,
        may_sack: bool,
    ) {
        let s = &mut self.subflows[i];
        let Some(ack) = offset_of(packet.ack, s.tx.initial, s.tx.una) else { return };
        self.waiting.unanswered = 0;
        let window = u64::from(packet.window) << s.send_scale;
        s.send_window.update(ack > s.tx.una, start, window);
        if s.tx.is_settled(ack) {
            s.tx.window_edge = s.tx.window_edge.max(ack + window);
            self.note_acked(io, i, window, Acked { all: true, ..Acked::default() });
            return;
        }
        self.refresh_siblings();
        let s = &mut self.subflows[i];
        let acked = if !may_sack && s.tx.is_next_to_be_acked(ack) {
            s.tx.window_edge = s.tx.window_edge.max(ack + window);
            let acked = s.tx.on_next_acked(io.now, &self.siblings, i);
            s.tx.arm_after_ack(io.now, s.tx.next);
            acked
        } else {
            self.take_any_ack(io, i, packet, ack, echo)
        };
        let s = &mut self.subflows[i];
        if s.stale && (acked.advanced || self.is_linux) {
            s.stale = false;
            self.counters.count(Counter::SubflowRecover);
            self.tell(io.now, i, None, Fact::SubflowRecovered);
        }
        let s = &mut self.subflows[i];
        if io.now >= s.next_sample && acked.advanced {
            s.next_sample = io.now + self.sample_interval;
            if s.samples.is_empty() {
                s.samples.reserve_exact(1); // many connections are over, or idle, before the next
            }
            s.samples.push(SenderSample {
                at: io.now,
                cwnd: u64::from(s.tx.congestion.window().cwnd) * u64::from(s.peer_mss),
                srtt: s.tx.rtt.srtt(),
                in_flight: s.tx.next - s.tx.una,
            });
        }
        self.note_acked(io, i, window, acked);
    }

    /// This end has closed join `i` alone, in Linux; the first subflow stays with the connection.
    fn was_left(&self, i: usize) -> bool {
        let s = &self.subflows[i];
        s.is_left() && s.role == SubflowRole::Join
    }

    /// An acknowledgement that may tell of more than the next segment.
    fn take_any_ack(
        &mut self,
        io: &Io<'_>,
        i: usize,
        packet: &Packet,
        ack: u64,
        echo: Option<u32>,
    ) -> Acked {
        let s = &mut self.subflows[i];
        let window = u64::from(packet.window) << s.send_scale;
        let clock_ms = io.now.as_nanos() / 1_000_000;
        let echo_ms =
            echo.filter(|&e| e != 0).map(|e| u64::from(s.timestamp(io.now).wrapping_sub(e)));
        let una = s.tx.una;
        let echo_rtt =
            echo_ms.filter(|_| ack > una).map(|ms| SimDuration::from_millis(ms.clamp(1, 60_000)));
        let echoed_ms = echo_ms.and_then(|ms| clock_ms.checked_sub(ms));
        let mut sacks = [(0u64, 0u64); 4];
        let mut count = 0;
        if s.tx.sack
            && let Some(option) = packet.options.sack()
        {
            for block in option.data().chunks_exact(8).take(4) {
                let word = |at: usize| {
                    u32::from_be_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
                };
                let near = s.tx.una;
                let offsets = (
                    offset_of(crate::wire::seq::Seq(word(0)), s.tx.initial, near),
                    offset_of(crate::wire::seq::Seq(word(4)), s.tx.initial, near),
                );
                if let (Some(start), Some(end)) = offsets
                    && start < end
                    && end <= s.tx.next
                {
                    sacks[count] = (start, end);
                    count += 1;
                }
            }
        }
        let edge = ack + window;
        let duplicate = packet.payload.is_empty()
            && !packet.flags.has(Flags::FIN)
            && ack == s.tx.una
            && edge == s.tx.window_edge;
        s.tx.window_edge = s.tx.window_edge.max(edge);
        let ack = Ack { ack, sacks: &sacks[..count], echo_rtt, echoed_ms, duplicate };
        let acked = s.tx.on_ack(io.now, &ack, &self.siblings, i);
        if let Some(undone) = acked.undone {
            self.count_undone(undone);
        }
        acked
    }

    /// What an acknowledgement on subflow `i` means for the connection.
    #[inline]
    pub(super) fn note_acked(&mut self, io: &mut Io<'_>, i: usize, window: u64, acked: Acked) {
        if self.is_plain() {
            if let Some(end) = acked.data_end {
                self.send.una = self.send.una.max(end);
            }
            self.send.window_edge = self.send.window_edge.max(self.send.una + window);
            if self.send.fin.is_some() && self.subflows[i].fin_sent() && acked.all {
                self.send.fin_acked = true;
                self.consider_completion(io);
            }
        } else if self.subflows[i].role == SubflowRole::Initial && self.send.una == 0 {
            // Before the first DATA_ACK the window is relative to the start of the data.
            self.send.window_edge = self.send.window_edge.max(window);
            self.send.max_window = self.send.max_window.max(window);
        }
    }

    fn read_signals(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet, signals: &mut Signals) {
        if let Some(dss) = Dss::alone_in(&packet.options) {
            signals.take_dss(dss);
            return;
        }
        for option in mptcp_options(&packet.options) {
            signals.any = true;
            match option {
                MptcpOption::Dss(dss) => signals.take_dss(dss),
                MptcpOption::Capable { body, .. } => {
                    signals.capable = true;
                    if let CapableBody::WithData { len, checksum, .. } = body {
                        // RFC 8684 §3.1: stands for a mapping of the first byte.
                        let dsn = DataSeq::Long(self.remote_idsn.wrapping_add(1));
                        signals.mapping = Some((Mapping { dsn, ssn: 1, len, checksum }, false));
                    }
                }
                MptcpOption::Join(_) => signals.join = true,
                MptcpOption::AddAddr(add) => signals.add_addr = Some(add),
                MptcpOption::RemoveAddr(ids) => self.on_remove_addr(io, ids.as_slice()),
                MptcpOption::Prio { backup, address_id } => {
                    self.on_priority(io, i, packet, backup, address_id);
                }
                MptcpOption::Fail { dsn } => signals.fail = Some(dsn),
                MptcpOption::FastClose { key } => self.on_fast_close(io, i, packet, key),
                MptcpOption::TcpRst { .. } => {}
            }
        }
    }

    /// The steps to certainty (RFC 8684 §3.1, §3.2; Linux's `check_fully_established`). False when the
    /// packet goes no further.
    fn check_established(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        packet: &Packet,
        start: u64,
        signals: &Signals,
    ) -> bool {
        let s = &self.subflows[i];
        if s.role == SubflowRole::Join {
            if s.proof == Proof::Complete {
                if signals.join && packet.payload.is_empty() {
                    self.subflows[i].ack_now = true; // the proof again: the fourth ACK was lost
                }
                return true;
            }
            if start != 1 || !(signals.data_ack.is_some() || signals.add_addr.is_some()) {
                let linux = self.is_linux();
                let reason = if linux { ResetReason::UNSPECIFIED } else { ResetReason::MPTCP };
                self.reset_subflow(io, i, ResetCause::BadHandshake, Some(reason));
                return false;
            }
            self.confirm_join(io, i);
            return true;
        }
        if !self.awaits_certainty(i) {
            if self.send.una == 0 && self.subflows[i].tx.una > 1 && !signals.any {
                self.on_plain_acknowledgement(io, i, packet);
            }
            return true;
        }
        if start != 1 {
            return true;
        }
        let announces = signals.add_addr.is_some_and(|a| !a.echo);
        if signals.data_ack.is_some() || announces {
            self.become_certain(io, i, packet);
            return true;
        }
        if signals.capable {
            return true;
        }
        // Nothing of MPTCP in the first segment that the peer sent after the handshake.
        let reason = if packet.payload.is_empty() {
            FallbackReason::AckWithoutDataAck
        } else {
            FallbackReason::DataWithoutMapping
        };
        self.fall_back_uncertain(io, i, packet.uid, reason);
        true
    }

    /// The peer has answered this end's MP_CAPABLE on subflow `i`, and sent nothing since.
    fn awaits_certainty(&self, i: usize) -> bool {
        let is_uncertain = self.mode == (Mode::Mptcp { certain: false });
        is_uncertain && self.end == End::Client && self.subflows[i].role == SubflowRole::Initial
    }

    /// What came first after the handshake, on subflow `i`, says nothing of MPTCP.
    fn fall_back_uncertain(
        &mut self,
        io: &Io<'_>,
        i: usize,
        packet: PacketUid,
        reason: FallbackReason,
    ) {
        self.counters.count(Counter::CapableDataFallback);
        // RFC 8684 §3.7: one last mapping, without end, tells the peer, for options may be lost in one
        // direction only.
        self.subflows[i].infinite_pending = !self.is_linux();
        self.fall_back(io.now, i, Some(packet), reason);
        self.adopt_subflow_progress(i);
    }

    /// The first data on the first subflow was acknowledged, but not at the data level (RFC 8684 §3.7):
    /// while no other subflow has joined, plain TCP goes on, and the infinite mapping tells the peer. Linux
    /// asks a client's first acknowledgement only (`check_fully_established`).
    fn on_plain_acknowledgement(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet) {
        if self.may_fall_back && self.send.next > 0 && !self.is_linux() {
            self.subflows[i].infinite_pending = true;
            self.fall_back(io.now, i, Some(packet.uid), FallbackReason::AckWithoutDataAck);
            self.adopt_subflow_progress(i);
        }
    }

    fn apply_signals(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet, signals: &Signals) {
        if let Some(ack) = signals.data_ack {
            self.take_data_ack(io, ack, self.window_behind(i, packet));
        }
        if let Some(add) = signals.add_addr {
            self.on_add_addr(io, i, packet, add);
        }
        if let Some(dsn) = signals.fail {
            self.on_fail(io, i, packet, dsn);
        }
        if let Some((mapping, true)) = signals.mapping {
            self.note_data_fin(mapping);
            // It may come on bytes that came before without it, which lead to nothing more.
            self.consider_completion(io);
        }
        self.manage_paths(io);
    }

    #[inline]
    fn take_data(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        packet: &mut Packet,
        start: u64,
        mapping: Option<(Mapping, bool)>,
    ) {
        let len = packet.payload.len;
        let s = &mut self.subflows[i];
        if len > 0 {
            s.note_arrival(len, &self.receive.window, self.is_linux);
        }
        if len > 0 && !s.timestamps && start <= s.rx.next {
            s.offer.note_progress(io.now, start + u64::from(len));
        }
        if packet.flags.has(Flags::FIN) {
            s.rx.on_fin(start + u64::from(len));
            s.ack_now = true;
        }
        let quick = self.config.quick_ack;
        if len > 0
            && matches!(self.mode, Mode::Plain(_))
            && let Some(need) = self.subflows[i].rx.on_next_data(io.now, start, len, quick)
        {
            self.subflows[i].ack_now |= need == AckNeed::Now;
            self.keeps_deadline = need == AckNeed::Now;
            let at = self.receive.next;
            self.deliver_at(io, i, at, std::mem::take(&mut packet.payload));
            if self.subflows[i].state == State::Closed {
                return;
            }
        } else if len > 0
            && let Some(data) = self.next_by_usual_mapping(i, packet, start, mapping)
            && let Some(need) = self.subflows[i].rx.on_next_data(io.now, start, len, quick)
        {
            self.subflows[i].ack_now |= need == AckNeed::Now;
            self.keeps_deadline = need == AckNeed::Now;
            self.note_usual_mapping(i, start, len, data);
            self.deliver_at(io, i, data, std::mem::take(&mut packet.payload));
            if self.subflows[i].state == State::Closed {
                return;
            }
        } else if len > 0 {
            let chunk = Chunk {
                start,
                payload: std::mem::take(&mut packet.payload),
                mapping,
                packet: packet.uid,
            };
            let s = &mut self.subflows[i];
            let (in_order, need) = s.rx.on_data(io.now, chunk, quick);
            s.ack_now |= need == AckNeed::Now;
            let mut next = in_order;
            while let Some(chunk) = next {
                self.take_chunk(io, i, chunk);
                if self.subflows[i].state == State::Closed {
                    return;
                }
                next = self.subflows[i].rx.pop_in_order();
            }
        } else if mapping.is_some() && self.is_mptcp() {
            // A DATA_FIN of its own: no payload to wait for.
            self.subflows[i].ack_now = true;
            self.take_lone_mapping(io, i, packet, mapping);
        } else if start < self.subflows[i].rx.next && !packet.flags.has(Flags::FIN) {
            // Empty and before what is expected (RFC 9293 §3.10.7.4): a probe.
            self.subflows[i].challenge(io.now);
        }
        if len > 0 {
            if !self.subflows[0].withheld.is_empty() && !self.subflows[i].is_left() {
                self.take_withheld(io);
            }
            self.acknowledge_what_was_read();
        }
        if self.subflows[i].rx.fin_in_order() {
            self.on_subflow_fin(io, i);
            self.retire_if_finished(io, i);
        }
    }

    /// The application reads as soon as it can. When nothing is left, acknowledgements that wait behind a short
    /// segment go out, on every subflow (`mptcp_cleanup_rbuf`).
    #[inline]
    pub(super) fn acknowledge_what_was_read(&mut self) {
        if self.receive.early.is_empty() {
            self.subflows.iter_mut().for_each(Subflow::acknowledge_when_read);
        }
    }

    fn count_undone(&mut self, undone: Undone) {
        let counter = match undone {
            Undone::Recovery => Counter::TcpFullUndo,
            Undone::Partly => Counter::TcpPartialUndo,
            Undone::Duplicates => Counter::TcpDsackUndo,
            Undone::Loss => Counter::TcpLossUndo,
            Undone::Timeout => {
                self.counters.count(Counter::TcpSpuriousRtos);
                Counter::TcpLossUndo
            }
        };
        self.counters.count(counter);
    }

    /// A timer of the subflow's sender ran out.
    pub(super) fn on_sender_timer(&mut self, io: &mut Io<'_>, i: usize) {
        if self.is_linux() && self.subflows[i].tx.waits_for_wheel(io.now) {
            return;
        }
        self.refresh_siblings();
        match self.subflows[i].tx.on_timer(io.now, &self.siblings, i) {
            Some(TimerKind::Retransmission) => {
                self.counters.count(Counter::TcpTimeouts);
                let backoff = self.subflows[i].tx.backoff;
                self.look_for_black_hole(io, i, backoff);
                self.tell(io.now, i, None, Fact::RetransmissionTimeout { backoff });
                if backoff > super::closing::RETRIES {
                    self.tell(io.now, i, None, Fact::TimedOut);
                    self.fail_subflow(io, i);
                    return;
                }
                self.on_subflow_timeout(io, i);
            }
            Some(TimerKind::Probe) => {
                self.counters.count(Counter::TcpLossProbes);
                self.send_probe(io, i);
            }
            Some(TimerKind::Reordering) | None => {}
        }
    }

    /// Sends the acknowledgements that are owed.
    #[inline(always)] // once for each packet
    pub(super) fn flush_acks(&mut self, io: &mut Io<'_>) {
        for i in 0..self.subflows.len() {
            let s = &self.subflows[i];
            if s.state == State::Established && (s.ack_now || self.has_signal(i)) {
                self.send_ack(io, i);
            }
        }
    }

    /// Sequence number of the next byte that this end would send on subflow `i`.
    #[must_use]
    pub fn next_sequence(&self, i: usize) -> crate::wire::seq::Seq {
        let s = &self.subflows[i];
        seq_of(s.tx.initial, s.tx.next)
    }
}
