//! Ending: DATA_FIN and FIN, fast close, resets, failures of subflows and of the connection.

use super::counters::Counter;
use super::endpoint::{Endpoint, Io, Life};
use super::output::DataSegment;
use super::stack::TimeWait;
use super::subflow::{Fin, State};
use crate::record::story::{Fact, FallbackReason, ResetCause};
use crate::record::{SubflowOutcome, SubflowRole};
use crate::tcp::seq_of;
use crate::time::{SimDuration, SimTime};
use crate::wire::mptcp::{MptcpOption, ResetReason, mptcp_options};
use crate::wire::packet::{Flags, Packet, PacketUid};

/// Timeouts in a row after which a subflow is given up (Linux's `tcp_retries2`).
pub(super) const RETRIES: u32 = 15;

/// How long addresses and ports of a subflow are not used again at the end that closed first (RFC 9293's
/// 2 MSL; Linux's `TCP_TIMEWAIT_LEN`).
const TIME_WAIT: SimDuration = SimDuration::from_secs(60);

impl Endpoint {
    /// Sends DATA_FIN or FIN when the application has finished and everything is out.
    pub(super) fn push_close(&mut self, io: &mut Io<'_>) {
        if self.life != Life::Active {
            self.push_subflow_fins(io);
            return;
        }
        if self.send.fin.is_none() {
            let done = self.app.has_finished(io.now, self.peer_has_closed())
                && self.send.taken == self.app.written();
            if !done || self.subflows.iter().all(|s| s.state != State::Established) {
                return;
            }
            self.send.fin = Some(self.app.written());
            self.tell(io.now, 0, None, Fact::FinSent);
            self.send.tells_fin = self.is_linux() || self.send.next >= self.app.written();
        }
        let fin = self.send.fin.unwrap_or(0);
        if self.is_mptcp() && self.send.next >= fin {
            if self.send.tells_fin {
                self.send.tells_fin = false;
                // Linux also on a join whose proof nobody has confirmed yet (mptcp_check_send_data_fin).
                let is_linux = self.is_linux();
                for s in &mut self.subflows {
                    s.ack_now |= s.can_carry() || is_linux && s.state == State::Established;
                }
                self.arm_data_timer(io.now);
            }
            self.drop_unanswered(io);
        }
        if self.is_plain() && self.send.next >= fin {
            self.push_subflow_fins(io);
        }
    }

    /// A FIN on each subflow that has none yet and has sent all that it was given: the subflow is not needed any
    /// more. What it was given shares mappings with what is out already, so none of it can be taken back; Linux
    /// sends it before the FIN (`tcp_send_fin`), though the other end may have it from another subflow.
    fn push_subflow_fins(&mut self, io: &mut Io<'_>) {
        for i in 0..self.subflows.len() {
            let s = &mut self.subflows[i];
            if s.state != State::Established || s.fin_sent() || s.queue.unsent(s.tx.next) > 0 {
                continue;
            }
            s.handshake_at = SimTime::NEVER;
            self.send_subflow_fin(io, i);
        }
    }

    /// A FIN on subflow `i`, behind what was sent.
    pub(super) fn send_subflow_fin(&mut self, io: &mut Io<'_>, i: usize) {
        let s = &mut self.subflows[i];
        s.note_fin_sent();
        let start = s.tx.next;
        let data = self.send.next;
        s.tx.send_new(io.now, data, 0, true);
        self.send_data(io, i, DataSegment { start, data, len: 0, trimmed: 0, fin: true });
    }

    /// The FIN of a subflow that is closed alone, once all that it was given is out.
    pub(super) fn close_left_subflow(&mut self, io: &mut Io<'_>, i: usize) {
        let s = &self.subflows[i];
        if s.state == State::Established && !s.fin_sent() && s.queue.unsent(s.tx.next) == 0 {
            self.send_subflow_fin(io, i);
        }
    }

    /// Subflow `i` is closed alone, as Linux does it: all that is outstanding may go elsewhere, and the FIN follows what
    /// the subflow was given (`__mptcp_close_ssk`).
    pub(super) fn close_alone(&mut self, io: &mut Io<'_>, i: usize, fin: Fin) {
        self.subflows[i].fin = fin;
        self.join_is_over();
        self.reinject_everything(io, i);
        self.close_left_subflow(io, i);
        self.await_subflow(io.now);
    }

    /// The peer's FIN on subflow `i` is in order.
    pub(super) fn on_subflow_fin(&mut self, io: &mut Io<'_>, i: usize) {
        if self.is_plain() {
            if self.receive.fin.is_none() {
                self.receive.fin = Some(self.receive.next);
                self.tell(io.now, i, None, Fact::FinReceived);
            }
            self.consider_completion(io);
        } else if self.is_linux() && (self.send.fin.is_some() || self.peer_has_closed()) {
            // Once either direction is closed at the data level, a subflow that the peer has closed is
            // kept, and sent on (subflow_sched_work_if_closed, __mptcp_close_subflow).
        } else if !self.subflows[i].fin_sent() && self.life == Life::Active {
            // The peer closes this subflow only: close it here too, and send what is left elsewhere.
            if !self.is_linux() {
                self.reinject_outstanding(io, i);
                self.send_subflow_fin(io, i);
                self.await_subflow(io.now);
            } else if self.subflows[i].fin == Fin::No {
                self.close_alone(io, i, Fin::FollowsPeers);
            }
        }
    }

    /// Subflow `i`, whose peer has closed it, may be over: its addresses and ports are free then, at the end
    /// that closed first after TIME-WAIT.
    pub(super) fn retire_if_finished(&mut self, io: &mut Io<'_>, i: usize) {
        let s = &mut self.subflows[i];
        if s.is_retired || !s.is_alive() || !s.is_finished() {
            return;
        }
        s.is_retired = true;
        let until = if s.closed_first { io.now + TIME_WAIT } else { io.now };
        let next = seq_of(s.rx.initial, s.rx.ack_offset());
        let timestamp = s.timestamps.then_some(s.rx.ts_recent);
        let wait = TimeWait { of: (self.id, i as u8), until, next, timestamp };
        io.host.retire(&s.flow, wait);
        if s.closed_first {
            self.counters.count(Counter::TcpTimeWait);
        }
    }

    /// Both directions closed and everything acknowledged?
    pub(super) fn consider_completion(&mut self, io: &mut Io<'_>) {
        if self.is_mptcp() && !self.receive.fin_told && self.peer_has_closed() {
            self.receive.fin_told = true;
            if self.is_linux() {
                // Each subflow acknowledges it (mptcp_check_data_fin).
                for s in &mut self.subflows {
                    s.ack_now |= s.can_carry();
                }
            }
            self.tell(io.now, 0, None, Fact::FinReceived);
        }
        if self.life == Life::Active && self.send.fin_acked && self.peer_has_closed() {
            self.life = Life::Completed(io.now);
            self.send.timer = SimTime::NEVER;
            self.send.reinject.clear();
            self.tell(io.now, 0, None, Fact::Closed);
            self.drop_unanswered(io);
        }
    }

    /// Joins that nobody has answered yet end in Linux as soon as DATA_FIN goes out
    /// (`mptcp_subflow_shutdown`), or with the connection (`__mptcp_destroy_sock`).
    fn drop_unanswered(&mut self, io: &mut Io<'_>) {
        if !self.is_linux() {
            return;
        }
        for i in 0..self.subflows.len() {
            if self.subflows[i].state == State::SynSent {
                self.give_up_unanswered(io, i);
            }
        }
    }

    /// Ends subflow `i`, whose SYN nobody has answered yet, without a word.
    pub(super) fn give_up_unanswered(&mut self, io: &mut Io<'_>, i: usize) {
        self.take_out(io, i, SubflowOutcome::TimedOut);
        // Whose answer comes yet is told so.
        io.host.insert(self.subflows[i].flow, self.id, i as u8);
    }

    /// Ends subflow `i` by an RST of this end.
    pub(super) fn reset_subflow(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        why: ResetCause,
        reason: Option<ResetReason>,
    ) {
        if !self.subflows[i].is_alive() {
            return;
        }
        self.send_rst(io, i, why, reason);
        let outcome = self.outcome_of_reset(i);
        self.subflows[i].reset_reason = reason.map(|r| r.0);
        self.close_subflow(io, i, outcome);
        self.after_loss_of(io, i);
    }

    /// An acceptable RST came in on subflow `i`.
    pub(super) fn on_reset(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet) {
        let mut reason = None;
        let mut fast_close = false;
        for option in mptcp_options(&packet.options) {
            match option {
                MptcpOption::TcpRst { reason: given, .. } => reason = Some(given),
                MptcpOption::FastClose { key } => fast_close = key == self.local_key.0,
                MptcpOption::Fail { .. } => self.counters.count(Counter::FailRx),
                _ => {}
            }
        }
        let is_request = self.is_linux() && self.subflows[i].state == State::SynReceived;
        if reason.is_some() && !is_request {
            self.counters.count(Counter::RstRx);
        }
        self.tell(io.now, i, Some(packet.uid), Fact::ResetReceived { reason });
        let outcome = self.outcome_of_reset(i);
        self.subflows[i].reset_reason = reason.map(|r| r.0);
        self.close_subflow(io, i, outcome);
        if fast_close {
            self.counters.count(Counter::FastcloseRx);
            self.tell(io.now, i, Some(packet.uid), Fact::FastClose { sent: false });
            self.abort(io, i);
        } else {
            self.after_loss_of(io, i);
        }
    }

    fn outcome_of_reset(&self, i: usize) -> SubflowOutcome {
        match self.subflows[i].established_at {
            Some(_) => SubflowOutcome::Reset,
            None => SubflowOutcome::Refused,
        }
    }

    /// Subflow `i` does not come back: its data goes to the others, or the connection is over.
    pub(super) fn fail_subflow(&mut self, io: &mut Io<'_>, i: usize) {
        self.close_subflow(io, i, SubflowOutcome::TimedOut);
        self.after_loss_of(io, i);
    }

    /// Takes subflow `i` out of service; the others take over what it has in flight.
    pub(super) fn close_subflow(&mut self, io: &mut Io<'_>, i: usize, outcome: SubflowOutcome) {
        // Before the third ACK there is no socket in Linux that gave something back.
        let is_request = self.subflows[i].state == State::SynReceived;
        let in_flight = self.take_out(io, i, outcome);
        if self.is_mptcp() && self.life == Life::Active {
            if self.is_linux() {
                if !is_request {
                    self.reinject_everything(io, i); // __mptcp_close_ssk
                }
            } else {
                let ends = |(at, len)| (at, at + u64::from(len));
                let ranges: Vec<(u64, u64)> = in_flight.into_iter().map(ends).collect();
                self.reinject(io, i, &ranges);
            }
        }
    }

    /// Ends subflow `i` without a word; what it had in flight, as offsets in the stream and lengths.
    fn take_out(&mut self, io: &mut Io<'_>, i: usize, outcome: SubflowOutcome) -> Vec<(u64, u32)> {
        let in_flight = self.subflows[i].tx.abandon();
        let counter = match self.subflows[i].state {
            State::Established | State::Closed => Counter::TcpEstabResets,
            State::SynSent | State::SynReceived => Counter::TcpAttemptFails,
        };
        self.counters.count(counter);
        let s = &mut self.subflows[i];
        s.state = State::Closed;
        s.outcome = outcome;
        s.handshake_at = SimTime::NEVER;
        s.rx.delayed_ack_at = None;
        s.ack_now = false;
        s.ended_at.get_or_insert(io.now);
        let flow = s.flow;
        if !s.is_retired {
            io.host.remove(&flow);
        }
        if self.subflows[i].role == SubflowRole::Join {
            self.join_is_over();
        }
        in_flight
    }

    pub(super) fn after_loss_of(&mut self, io: &mut Io<'_>, i: usize) {
        // Linux lets a connection that nobody has begun to close wait for another subflow
        // (`__mptcp_close_ssk`, mptcp_start_tout_timer).
        let waits = self.is_linux()
            && self.is_mptcp()
            && self.send.fin.is_none()
            && !self.peer_has_closed();
        if self.life == Life::Active && !waits && self.subflows.iter().all(|s| !s.is_alive()) {
            self.abort(io, i);
        }
        self.await_subflow(io.now);
    }

    /// The connection is over without having been completed.
    pub(super) fn abort(&mut self, io: &mut Io<'_>, i: usize) {
        if self.life != Life::Active {
            return;
        }
        self.life = Life::Aborted(io.now);
        self.send.timer = SimTime::NEVER;
        self.announcements.retry_at = SimTime::NEVER;
        self.tell(io.now, i, None, Fact::Aborted);
        for j in 0..self.subflows.len() {
            if self.subflows[j].is_alive() {
                self.send_rst(io, j, ResetCause::ConnectionOver, Some(ResetReason::UNSPECIFIED));
                let outcome = self.outcome_of_reset(j);
                self.close_subflow(io, j, outcome);
            }
        }
    }

    /// MP_FASTCLOSE came on a segment without RST (RFC 8684 §3.5): it must carry this end's key.
    pub(super) fn on_fast_close(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet, key: u64) {
        if key != self.local_key.0 {
            return;
        }
        self.counters.count(Counter::FastcloseRx);
        self.tell(io.now, i, Some(packet.uid), Fact::FastClose { sent: false });
        self.abort(io, i);
    }

    /// The application gives up: MP_FASTCLOSE on every subflow (RFC 8684 §3.5, "option R"), or a plain
    /// RST without MPTCP.
    pub fn fast_close(&mut self, io: &mut Io<'_>) {
        if self.life != Life::Active {
            return;
        }
        if self.is_mptcp() {
            self.fast_close_key = self.remote_key;
            self.tell(io.now, 0, None, Fact::FastClose { sent: true });
        }
        self.abort(io, 0);
    }

    /// MP_FAIL came in: the peer cannot use what came after `dsn` (RFC 8684 §3.7). It is answered by one of
    /// this end's, so that both directions go on as plain TCP even where there is nothing new to put the
    /// infinite mapping on.
    pub(super) fn on_fail(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet, _dsn: u64) {
        self.counters.count(Counter::FailRx);
        self.tell(io.now, i, Some(packet.uid), Fact::FailReceived);
        let may = if self.is_linux() { self.may_fall_back } else { !self.other_carrier(i) };
        if may {
            if self.is_linux() && self.subflows[i].suspect_since.take().is_some() {
                return; // the answer to this end's own (mptcp_pm_mp_fail_received)
            }
            let answers_own = !self.subflows[i].suspect.is_empty();
            self.subflows[i].infinite_pending = true;
            if self.is_linux() || !answers_own {
                let dsn = self.dsn_of(self.send.una);
                self.subflows[i].fail_pending = Some(dsn);
                self.send_ack(io, i);
            }
            if self.is_linux() && self.uses_queues {
                return; // plain TCP begins with the infinite mapping
            }
            self.give_in(io, i, packet.uid);
        } else if !self.is_linux() {
            self.reset_subflow(io, i, ResetCause::ChecksumFailed, Some(ResetReason::MIDDLEBOX));
        }
    }

    /// The peer gives MPTCP up on subflow `i`: what was kept is delivered, and plain TCP goes on.
    pub(super) fn give_in(&mut self, io: &mut Io<'_>, i: usize, told_by: PacketUid) {
        self.fall_back(io.now, i, Some(told_by), FallbackReason::PeerFellBack);
        self.release_suspects(io, i);
        self.release_unmapped(io, i);
        self.adopt_subflow_progress(i);
    }

    /// A packet for a subflow that is gone.
    pub(super) fn on_packet_after_close(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet) {
        if packet.flags.has(Flags::RST) {
            return;
        }
        let uid = self.fresh_uid(i);
        if let Some(reset) = super::output::stray_reset(packet, uid, None) {
            if packet.flags.is_syn_ack() && self.subflows[i].outcome == SubflowOutcome::TimedOut {
                self.subflows[i].outcome = SubflowOutcome::Refused;
                let why = ResetCause::ConnectionOver;
                self.tell(io.now, i, Some(uid), Fact::ResetSent { why, reason: None });
            }
            self.counters.count(Counter::TcpOutRsts);
            let reset = io.outbox.pool.boxed(reset);
            io.outbox.sent.push(reset);
        }
    }
}
