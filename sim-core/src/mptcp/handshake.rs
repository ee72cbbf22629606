//! Opening: SYN, SYN/ACK and third ACK of the first subflow and of joins (RFC 8684 §3.1, §3.2).

use std::net::{IpAddr, SocketAddr};

use super::config::Profile;
use super::counters::Counter;
use super::endpoint::{Endpoint, EndpointSetup, Io, Life, Mode};
use super::keepalive::Silence;
use super::path_mtu::PathMtuSearch;
use super::send_queue::SendQueue;
use super::stack::HostStack;
use super::subflow::{Fin, Proof, SendWindow, State, Subflow};
use super::unmapped::Unmapped;
use crate::record::story::{End, Fact, FallbackReason, Offer, ResetCause};
use crate::record::{SubflowOutcome, SubflowRole};
use crate::tcp::congestion::Congestion;
use crate::tcp::receiver::Receiver;
use crate::tcp::sender::Sender;
use crate::time::{SimDuration, SimTime};
use crate::wire::crypto::{Key, MptcpVersion, truncated};
use crate::wire::mptcp::{
    CapableBody, Join, MptcpOption, ResetReason, capable_flags, mptcp_options,
};
use crate::wire::options::kind;
use crate::wire::packet::{Flags, Flow, Packet};
use crate::wire::seq::Seq;

/// SYNs sent again before the attempt is given up (Linux's `tcp_syn_retries`).
const SYN_RETRIES: u32 = 6;
/// SYNs that Linux sends again a second apart, before it begins to double the wait
/// (`tcp_syn_linear_timeouts`, since 6.5).
const LINEAR_SYNS: u32 = 4;
/// SYN/ACKs sent again (Linux's `tcp_synack_retries`).
const SYN_ACK_RETRIES: u32 = 5;
/// First wait for an answer to a SYN (RFC 6298 §2.1).
const SYN_TIMEOUT: SimDuration = SimDuration::from_secs(1);

/// What a SYN or SYN/ACK offers of MPTCP.
#[must_use]
pub fn offer_of(packet: &Packet) -> Offer {
    for option in mptcp_options(&packet.options) {
        match option {
            MptcpOption::Capable { version, flags, .. }
                if flags & capable_flags::EXTENSIBILITY == 0 =>
            {
                return Offer::Capable { version };
            }
            MptcpOption::Join(_) => return Offer::Join,
            _ => {}
        }
    }
    Offer::Nothing
}

/// The token in a join's SYN.
#[must_use]
pub fn join_token(packet: &Packet) -> Option<u32> {
    mptcp_options(&packet.options).find_map(|option| match option {
        MptcpOption::Join(Join::Syn { token, .. }) => Some(token),
        _ => None,
    })
}

impl Endpoint {
    /// Opens a connection from `local` to `server`: the SYN goes out.
    #[must_use]
    pub fn connect(
        setup: EndpointSetup,
        io: &mut Io<'_>,
        local: IpAddr,
        server: SocketAddr,
    ) -> Self {
        let mut endpoint = Self::new(setup, io.host);
        if endpoint.mode == Mode::Offered {
            endpoint.draw_key(io.host);
        }
        endpoint.remote_addresses.push((0, server));
        endpoint.counters.count(Counter::TcpActiveOpens);
        let avoids = endpoint.mode == Mode::Offered && io.host.avoids_mptcp(io.now);
        let offers = endpoint.mode == Mode::Offered && !avoids;
        let i = endpoint.open_subflow(io, SubflowRole::Initial, local, server, offers, 0, 0);
        if avoids {
            endpoint.counters.count(Counter::CapableSynTxDisabled);
            endpoint.fall_back(io.now, i, None, FallbackReason::Blackhole);
        }
        endpoint.first_syn(io, i);
        endpoint
    }

    /// Answers a SYN with MP_CAPABLE, or without, on a listening port.
    #[must_use]
    pub fn accept(setup: EndpointSetup, io: &mut Io<'_>, syn: &Packet, index: usize) -> Self {
        let mut endpoint = Self::new(setup, io.host);
        endpoint.counters.count(Counter::TcpPassiveOpens);
        let i = endpoint.passive_subflow(io, SubflowRole::Initial, syn, index);
        endpoint.remote_addresses.push((0, syn.source()));
        let offer = offer_of(syn);
        endpoint.tell(io.now, i, Some(syn.uid), Fact::SynReceived { offer });
        if endpoint.mode == Mode::Offered {
            endpoint.answer_capable(io, i, syn, offer);
        } else {
            endpoint.tell(io.now, i, Some(syn.uid), Fact::SpeaksPlainTcp);
        }
        endpoint.subflows[i].offers_mptcp = endpoint.mode == Mode::Offered;
        let uid = endpoint.send_syn_ack(io, i);
        let answer = endpoint.syn_ack_offer(i);
        endpoint.tell(io.now, i, Some(uid), Fact::SynAckSent { offer: answer });
        endpoint
    }

    /// RFC 8684 §3.1 version negotiation: the responder answers with its own version when the SYN
    /// offers that or a later one and has the form that its version's SYN has.
    fn answer_capable(&mut self, io: &mut Io<'_>, i: usize, syn: &Packet, offer: Offer) {
        let capable = mptcp_options(&syn.options).find_map(|option| match option {
            MptcpOption::Capable { version, flags, body } => Some((version, flags, body)),
            _ => None,
        });
        let Some((version, flags, body)) =
            capable.filter(|_| matches!(offer, Offer::Capable { .. }))
        else {
            self.fall_back(io.now, i, Some(syn.uid), FallbackReason::SynWithoutCapable);
            return;
        };
        let fits = match (self.version, body) {
            (MptcpVersion::V0, CapableBody::Sender(key)) => {
                self.set_remote_key(Key(key));
                version == 0
            }
            (MptcpVersion::V1, CapableBody::None) => version >= 1,
            _ => false,
        };
        if !fits || flags & 0x1f != capable_flags::CRYPTO {
            self.remote_key = None;
            self.fall_back(io.now, i, Some(syn.uid), FallbackReason::VersionMismatch);
            return;
        }
        self.counters.count(Counter::CapableSynRx);
        self.checksum |= flags & capable_flags::CHECKSUM != 0;
        self.peer_forbids_initial = flags & capable_flags::NO_JOIN != 0;
        self.draw_key(io.host);
    }

    /// A join's SYN for this connection came in.
    pub fn accept_join(&mut self, io: &mut Io<'_>, syn: &Packet, index: usize) {
        let Some(Join::Syn { backup, address_id, nonce, .. }) = mptcp_options(&syn.options)
            .find_map(|option| match option {
                MptcpOption::Join(join) => Some(join),
                _ => None,
            })
        else {
            return;
        };
        self.counters.count(Counter::JoinSynRx);
        if syn.dst_port != self.subflows[0].flow.src.port() {
            self.counters.count(Counter::JoinPortSynRx);
        }
        if backup {
            self.counters.count(Counter::JoinSynBackupRx);
        }
        let i = self.passive_subflow(io, SubflowRole::Join, syn, index);
        self.tell(io.now, i, Some(syn.uid), Fact::SynReceived { offer: Offer::Join });
        let nonce_here = self.rng.next_u32();
        let local = self.subflows[i].flow.src.ip();
        let is_backup = self.is_backup(io.host, local);
        let s = &mut self.subflows[i];
        s.offers_mptcp = true;
        s.remote_id = address_id;
        s.remote_nonce = nonce;
        s.local_nonce = nonce_here;
        s.proof = Proof::Pending;
        s.backup = backup || is_backup;
        let forbidden = self.config.path_manager.no_join_to_initial
            && self.subflows[0].flow.src == self.subflows[i].flow.src;
        // Linux asks the rest when the proof comes (subflow_syn_recv_sock).
        if forbidden || (!self.is_linux() && !self.has_place_for_join(i)) {
            self.counters.count(Counter::JoinRejected);
            self.reset_subflow(io, i, ResetCause::JoinNotAllowed, Some(ResetReason::PROHIBITED));
            return;
        }
        let uid = self.send_syn_ack(io, i);
        self.tell(io.now, i, Some(uid), Fact::SynAckSent { offer: Offer::Join });
    }

    /// Join `i` may be added to this connection (Linux's `mptcp_can_accept_new_subflow`, which counts
    /// only those that are established, and not left).
    fn has_place_for_join(&self, i: usize) -> bool {
        let linux = self.is_linux();
        let is_open = |s: &Subflow| s.state == State::Established && s.fin == Fin::No;
        let counts = |s: &Subflow| s.is_alive() && (!linux || is_open(s));
        let others = self.subflows.iter().enumerate().filter(|(j, s)| *j != i && counts(s));
        let joined = others.filter(|(_, s)| s.role == SubflowRole::Join).count() as u32;
        self.joins_allowed && self.is_mptcp() && joined < self.config.path_manager.max_subflows
    }

    /// Opens a join from `local` to `remote`.
    pub(super) fn join(
        &mut self,
        io: &mut Io<'_>,
        local: IpAddr,
        remote: SocketAddr,
        remote_id: u8,
    ) {
        let local_id = self.address_id(io.host, local);
        let i = self.open_subflow(io, SubflowRole::Join, local, remote, true, local_id, remote_id);
        let nonce = self.rng.next_u32();
        let is_backup = self.is_backup(io.host, local);
        let s = &mut self.subflows[i];
        s.local_nonce = nonce;
        s.proof = Proof::Pending;
        s.backup = is_backup;
        self.counters.count(Counter::TcpActiveOpens);
        self.counters.count(Counter::JoinSynTx);
        self.first_syn(io, i);
    }

    fn first_syn(&mut self, io: &mut Io<'_>, i: usize) {
        if !self.subflows[i].is_alive() {
            self.after_loss_of(io, i);
            return;
        }
        if self.subflows[i].role == SubflowRole::Initial && self.subflows[i].offers_mptcp {
            self.counters.count(Counter::CapableSynTx);
        }
        let uid = self.send_syn(io, i);
        self.subflows[i].handshake_at = io.now + SYN_TIMEOUT;
        let offer = self.syn_offer(i);
        self.tell(io.now, i, Some(uid), Fact::SynSent { offer, attempt: 0 });
    }

    fn syn_offer(&self, i: usize) -> Offer {
        match self.subflows[i].role {
            _ if !self.subflows[i].offers_mptcp => Offer::Nothing,
            SubflowRole::Initial => Offer::Capable { version: self.version.number() },
            SubflowRole::Join => Offer::Join,
        }
    }

    fn syn_ack_offer(&self, i: usize) -> Offer {
        self.syn_offer(i)
    }

    /// A key whose token no other connection of the host has.
    fn draw_key(&mut self, host: &mut HostStack) {
        loop {
            self.local_key = Key(self.rng.next_u64());
            let (token, idsn) = self.local_key.token_and_idsn(self.version);
            if host.insert_token(token, self.id) {
                self.local_idsn = idsn;
                return;
            }
        }
    }

    /// Address ID of an own address: 0 for that of the first subflow.
    pub(super) fn address_id(&self, host: &HostStack, address: IpAddr) -> u8 {
        if self.subflows.first().is_some_and(|s| s.flow.src.ip() == address) {
            return 0;
        }
        host.address_id(address).unwrap_or(0)
    }

    fn blank_subflow(
        &mut self,
        io: &Io<'_>,
        flow: Flow,
        role: SubflowRole,
        index: usize,
    ) -> Subflow {
        let initial = Seq(self.rng.next_u32());
        let congestion = Congestion::new(self.config.congestion, self.config.initial_window);
        let timestamp_offset = self.rng.next_u32();
        let mut scale = 0;
        while self.config.window_scaling
            && scale < 14
            && self.config.receive_buffer.0 >> scale > 0xffff
        {
            scale += 1;
        }
        Subflow {
            flow,
            index,
            role,
            state: State::SynSent,
            tx: Sender::new(initial, congestion, self.config.rto_min),
            rx: Receiver::new(Seq(0)),
            send_window: SendWindow::default(),
            offer: self.receive.window.first_offer(),
            peer_mss: if flow.src.is_ipv4() { 536 } else { 1220 },
            mtu: io.host.mtu_of(io.now, flow.src.ip(), flow.dst.ip()),
            path_mtu: PathMtuSearch::default(),
            timestamps: false,
            timestamp_offset,
            send_scale: 0,
            receive_scale: scale,
            handshake_at: SimTime::NEVER,
            attempts: 0,
            local_id: 0,
            remote_id: 0,
            local_nonce: 0,
            remote_nonce: 0,
            proof: Proof::Complete,
            backup: false,
            offers_mptcp: false,
            repeats_keys: false,
            mapping: None,
            checksum_seen: false,
            fail_pending: None,
            queue: SendQueue::default(),
            unchecked: Vec::new(),
            infinite_pending: false,
            infinite_at: None,
            mapping_seen: false,
            unmapped: Unmapped::default(),
            suspect: Vec::new(),
            withheld: Vec::new(),
            suspect_since: None,
            stale_count: 0,
            stale_mark: SimTime::ZERO,
            priority_pending: None,
            silence: Silence::broken(io.now),
            fin: Fin::No,
            closed_first: false,
            is_retired: false,
            challenged_at: None,
            ack_now: false,
            stale: false,
            fresh_bytes: 0,
            samples: Vec::new(),
            next_sample: SimTime::ZERO,
            started_at: io.now,
            established_at: None,
            ended_at: None,
            outcome: SubflowOutcome::TimedOut,
            reset_reason: None,
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn open_subflow(
        &mut self,
        io: &mut Io<'_>,
        role: SubflowRole,
        local: IpAddr,
        remote: SocketAddr,
        offers_mptcp: bool,
        local_id: u8,
        remote_id: u8,
    ) -> usize {
        let port = io.host.ephemeral(io.now, local, remote);
        let src = port.unwrap_or(SocketAddr::new(local, 0));
        let i = self.subflows.len();
        let flow = Flow { src, dst: remote };
        let mut subflow = self.blank_subflow(io, flow, role, i);
        subflow.offers_mptcp = offers_mptcp;
        subflow.local_id = local_id;
        subflow.remote_id = remote_id;
        self.subflows.push(subflow);
        if port.is_some() {
            io.host.insert(flow, self.id, i as u8);
        } else {
            let s = &mut self.subflows[i];
            (s.state, s.outcome, s.ended_at) =
                (State::Closed, SubflowOutcome::Refused, Some(io.now));
            self.tell(io.now, i, None, Fact::NoPort);
        }
        i
    }

    fn passive_subflow(
        &mut self,
        io: &mut Io<'_>,
        role: SubflowRole,
        syn: &Packet,
        index: usize,
    ) -> usize {
        let flow = syn.flow().reversed();
        let mut subflow = self.blank_subflow(io, flow, role, index);
        subflow.state = State::SynReceived;
        subflow.handshake_at = io.now + SYN_TIMEOUT;
        subflow.rx = Receiver::new(syn.seq);
        take_syn_options(&mut subflow, syn, &self.config);
        self.subflows.push(subflow);
        let i = self.subflows.len() - 1;
        self.subflows[i].local_id = self.address_id(io.host, flow.src.ip());
        io.host.insert(flow, self.id, i as u8);
        i
    }

    /// Subflow `i`, in SYN-SENT, got a packet.
    pub(super) fn on_packet_in_syn_sent(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet) {
        let expected = self.subflows[i].tx.initial.add(1);
        if packet.flags.has(Flags::ACK) && packet.ack != expected {
            return; // not an answer to this SYN
        }
        if packet.flags.has(Flags::RST) {
            if packet.flags.has(Flags::ACK) {
                self.on_reset(io, i, packet);
            }
            return;
        }
        if packet.flags.is_initial_syn() {
            self.on_simultaneous_open(io, i, packet);
            return;
        }
        if !packet.flags.is_syn_ack() {
            return;
        }
        let offer = offer_of(packet);
        self.tell(io.now, i, Some(packet.uid), Fact::SynAckReceived { offer });
        let s = &mut self.subflows[i];
        s.rx = Receiver::new(packet.seq);
        take_syn_options(s, packet, &self.config);
        s.state = State::Established;
        s.handshake_at = SimTime::NEVER;
        s.tx.window_edge = 1 + u64::from(packet.window);
        if let Some(rtt) = s.answer_came_after(io.now, packet, self.is_linux) {
            s.tx.rtt.sample(io.now, rtt);
        }
        match s.role {
            SubflowRole::Initial => self.finish_capable(io, i, packet, offer),
            SubflowRole::Join => self.finish_join(io, i, packet),
        }
    }

    /// A SYN crossed this end's (RFC 9293 §3.5): both answer it. What a join would prove, and to whom, is
    /// not known then; the first subflow goes on as plain TCP, as Linux does.
    fn on_simultaneous_open(&mut self, io: &mut Io<'_>, i: usize, syn: &Packet) {
        if self.subflows[i].role == SubflowRole::Join {
            self.reset_subflow(io, i, ResetCause::BadHandshake, Some(ResetReason::MPTCP));
            return;
        }
        let window = u64::from(syn.window);
        self.send.window_edge = self.send.window_edge.max(window);
        self.send.max_window = self.send.max_window.max(window);
        let s = &mut self.subflows[i];
        s.rx = Receiver::new(syn.seq);
        take_syn_options(s, syn, &self.config);
        s.state = State::SynReceived;
        s.offers_mptcp = false;
        s.handshake_at = io.now + SYN_TIMEOUT;
        s.tx.window_edge = 1 + window;
        let offer = offer_of(syn);
        self.tell(io.now, i, Some(syn.uid), Fact::SynReceived { offer });
        if !self.is_plain() {
            self.counters.count(Counter::SimultConnectFallback);
        }
        self.fall_back(io.now, i, Some(syn.uid), FallbackReason::SimultaneousOpen);
        let uid = self.send_syn_ack(io, i);
        self.tell(io.now, i, Some(uid), Fact::SynAckSent { offer: Offer::Nothing });
    }

    fn finish_capable(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet, offer: Offer) {
        let window = u64::from(packet.window);
        self.send.window_edge = self.send.window_edge.max(window);
        self.send.max_window = self.send.max_window.max(window);
        if self.mode == Mode::Offered {
            let answer = mptcp_options(&packet.options).find_map(|option| match option {
                MptcpOption::Capable { version, flags, body: CapableBody::Sender(key) } => {
                    Some((version, flags, key))
                }
                _ => None,
            });
            let version = self.version.number();
            match answer.filter(|_| self.subflows[i].offers_mptcp) {
                Some((v, flags, key)) if v == version && flags & capable_flags::CRYPTO != 0 => {
                    self.counters.count(Counter::CapableSynAckRx);
                    self.set_remote_key(Key(key));
                    self.checksum |= flags & capable_flags::CHECKSUM != 0;
                    self.peer_forbids_initial = flags & capable_flags::NO_JOIN != 0;
                    self.mode = Mode::Mptcp { certain: false };
                }
                other => {
                    let reason = match (other, offer) {
                        _ if !self.subflows[i].offers_mptcp => FallbackReason::SynUnanswered,
                        (Some(_), _) | (None, Offer::Capable { .. }) => {
                            FallbackReason::VersionMismatch
                        }
                        (None, _) => FallbackReason::SynAckWithoutCapable,
                    };
                    if reason != FallbackReason::SynUnanswered {
                        self.counters.count(Counter::CapableFallbackSynAck);
                    } else if self.is_blackhole(i) {
                        io.host.note_blackhole(io.now);
                        self.counters.count(Counter::Blackhole);
                    }
                    self.fall_back(io.now, i, Some(packet.uid), reason);
                }
            }
        }
        self.establish(io, i);
        self.send_ack(io, i);
    }

    /// A SYN without MP_CAPABLE was answered, those with it were not. Linux takes the option for the
    /// reason only when the first such SYN was (`mptcp_active_detect_blackhole`).
    fn is_blackhole(&self, i: usize) -> bool {
        let plain_syns = self.subflows[i].attempts - self.config.syn_retries_before_fallback;
        !self.is_linux() || plain_syns == 1
    }

    fn finish_join(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet) {
        let answer = mptcp_options(&packet.options).find_map(|option| match option {
            MptcpOption::Join(Join::SynAck { backup, address_id, hmac, nonce }) => {
                Some((backup, address_id, hmac, nonce))
            }
            _ => None,
        });
        let Some((backup, address_id, hmac, nonce)) = answer else {
            let reason = Some(ResetReason::MPTCP);
            self.reset_subflow(io, i, ResetCause::SynAckWithoutJoin, reason);
            return;
        };
        let s = &mut self.subflows[i];
        s.remote_id = address_id;
        s.remote_nonce = nonce;
        s.backup |= backup;
        if hmac != truncated(&self.peer_join_hmac(i)) {
            self.counters.count(Counter::JoinSynAckHmacFailure);
            self.reset_subflow(io, i, ResetCause::WrongHmac, Some(ResetReason::MPTCP));
            return;
        }
        if !self.takes_joins() {
            let reason = Some(ResetReason::MPTCP);
            self.reset_subflow(io, i, ResetCause::ConnectionOver, reason);
            return;
        }
        self.counters.count(Counter::JoinSynAckRx);
        if self.subflows[i].flow.dst.port() != self.subflows[0].flow.dst.port() {
            self.counters.count(Counter::JoinPortSynAckRx);
        }
        if self.is_linux() {
            self.may_fall_back = false; // mptcp_subflow_joined, before the fourth ACK
            self.make_buffer(i);
        }
        self.send_ack(io, i);
        self.subflows[i].attempts = 0;
        self.subflows[i].handshake_at = io.now + self.proof_timeout(i, 0);
    }

    /// How long a join's third ACK waits for the fourth. Linux repeats it after two round trips, always, or after a
    /// second where none is measured (`schedule_3rdack_retransmission`).
    fn proof_timeout(&self, i: usize, attempts: u32) -> SimDuration {
        let rtt = &self.subflows[i].tx.rtt;
        if self.is_linux() && rtt.srtt() > SimDuration::ZERO {
            rtt.srtt() * 2
        } else {
            rtt.rto(if self.is_linux() { 0 } else { attempts })
        }
    }

    /// Linux opens and completes joins only while neither direction has been closed
    /// (`__mptcp_subflow_connect`, `mptcp_finish_join`, `mptcp_can_accept_new_subflow`).
    pub(super) fn takes_joins(&self) -> bool {
        !self.is_linux() || (self.send.fin.is_none() && !self.peer_has_closed())
    }

    /// Subflow `i`, in SYN-RECEIVED, got a packet. True when the packet is to be processed further.
    pub(super) fn on_packet_in_syn_received(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        packet: &Packet,
    ) -> bool {
        let is_plain = self.is_plain();
        let s = &mut self.subflows[i];
        if packet.flags.has(Flags::RST) {
            if packet.seq == s.rx.initial.add(1) {
                self.on_reset(io, i, packet);
            }
            return false;
        }
        if packet.flags.is_initial_syn() {
            self.send_syn_ack(io, i);
            return false;
        }
        if !packet.flags.has(Flags::ACK) || packet.ack != s.tx.initial.add(1) {
            return false;
        }
        if s.attempts == 0
            && let Some(rtt) = s.answered_after(io.now, self.is_linux)
        {
            s.tx.rtt.sample(io.now, rtt);
        }
        match s.role {
            SubflowRole::Initial => {
                if self.mode == Mode::Offered && !self.take_capable_ack(io, i, packet) {
                    return false;
                }
                self.establish(io, i);
            }
            SubflowRole::Join if is_plain => {
                // Fallen back since the SYN (subflow_syn_recv_sock).
                let reason = Some(ResetReason::PROHIBITED);
                self.reset_subflow(io, i, ResetCause::JoinNotAllowed, reason);
                return false;
            }
            SubflowRole::Join => {
                let proof = mptcp_options(&packet.options).find_map(|option| match option {
                    MptcpOption::Join(Join::Ack { hmac }) => Some(hmac),
                    _ => None,
                });
                match proof {
                    None => {
                        let reason = Some(ResetReason::MPTCP);
                        self.reset_subflow(io, i, ResetCause::AckWithoutJoin, reason);
                        return false;
                    }
                    Some(hmac) if hmac != self.peer_join_hmac(i) => {
                        self.counters.count(Counter::JoinAckHmacFailure);
                        let reason = Some(ResetReason::MPTCP);
                        self.reset_subflow(io, i, ResetCause::WrongHmac, reason);
                        return false;
                    }
                    Some(_) if !self.takes_joins() => {
                        let reason = Some(ResetReason::PROHIBITED);
                        self.reset_subflow(io, i, ResetCause::ConnectionOver, reason);
                        return false;
                    }
                    Some(_) if self.is_linux() && !self.has_place_for_join(i) => {
                        self.counters.count(Counter::JoinRejected);
                        let reason = Some(ResetReason::PROHIBITED);
                        self.reset_subflow(io, i, ResetCause::JoinNotAllowed, reason);
                        return false;
                    }
                    Some(_) => {}
                }
                self.counters.count(Counter::JoinAckRx);
                if self.subflows[i].flow.src.port() != self.subflows[0].flow.src.port() {
                    self.counters.count(Counter::JoinPortAckRx);
                }
                self.may_fall_back = false;
                self.establish(io, i);
                self.subflows[i].ack_now = true; // the fourth ACK
            }
        }
        true
    }

    /// The third ACK of the first subflow, or the first data, must show the keys (RFC 8684 §3.1).
    /// False when the packet must wait for one that does.
    fn take_capable_ack(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet) -> bool {
        let mut shown = None;
        let mut is_mptcp = false;
        for option in mptcp_options(&packet.options) {
            match option {
                MptcpOption::Capable { body: CapableBody::Both { sender, receiver }, .. }
                | MptcpOption::Capable {
                    body: CapableBody::WithData { sender, receiver, .. },
                    ..
                } => {
                    shown = Some((sender, receiver));
                }
                MptcpOption::Dss(_) => is_mptcp = true,
                _ => {}
            }
        }
        match shown {
            Some((sender, receiver)) if receiver == self.local_key.0 => {
                self.counters.count(Counter::CapableAckRx);
                self.set_remote_key(Key(sender));
                self.mode = Mode::Mptcp { certain: true };
                self.tell(io.now, i, Some(packet.uid), Fact::FullyEstablished);
            }
            // v0: the SYN had the client's key already, so a DSS is proof enough.
            _ if is_mptcp && self.remote_key.is_some() => {
                self.mode = Mode::Mptcp { certain: true };
                self.tell(io.now, i, Some(packet.uid), Fact::FullyEstablished);
            }
            // RFC 8684 §3.1: the first data repeats the keys, so a bare ACK without them proves
            // nothing yet, unless it comes again as the answer to another SYN/ACK: the client may
            // have nothing to send, or only a DATA_FIN. Linux does not wait for it.
            _ if packet.payload.is_empty()
                && !self.is_linux()
                && !packet.flags.has(Flags::FIN)
                && (is_mptcp || self.subflows[i].attempts == 0) =>
            {
                return false;
            }
            _ => {
                self.counters.count(Counter::CapableFallbackAck);
                self.fall_back(io.now, i, Some(packet.uid), FallbackReason::AckWithoutCapable);
                if self.is_linux() {
                    // There never was a connection that a join could name (subflow_syn_recv_sock).
                    io.host.remove_token(self.local_key.token(self.version));
                }
            }
        }
        true
    }

    fn establish(&mut self, io: &mut Io<'_>, i: usize) {
        let s = &mut self.subflows[i];
        s.state = State::Established;
        s.proof = Proof::Complete;
        s.handshake_at = SimTime::NEVER;
        s.attempts = 0;
        s.outcome = SubflowOutcome::Established;
        s.established_at = Some(io.now);
        self.make_buffer(i);
        self.tell(io.now, i, None, Fact::SubflowEstablished);
        match self.subflows[i].role {
            SubflowRole::Initial => {
                self.receive.window.begin(io.now);
                self.app.note_opening();
            }
            SubflowRole::Join => self.may_fall_back = false,
        }
    }

    /// The fourth ACK (or anything else in order) came for a join that this end opened.
    pub(super) fn confirm_join(&mut self, io: &mut Io<'_>, i: usize) {
        self.establish(io, i);
    }

    /// The first sign that the peer speaks MPTCP for certain (RFC 8684 §3.1).
    pub(super) fn become_certain(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet) {
        if self.mode == (Mode::Mptcp { certain: false }) {
            self.mode = Mode::Mptcp { certain: true };
            self.tell(io.now, i, Some(packet.uid), Fact::FullyEstablished);
        }
    }

    /// Nobody answered in time.
    pub(super) fn on_handshake_timer(&mut self, io: &mut Io<'_>, i: usize) {
        let s = &mut self.subflows[i];
        s.attempts += 1;
        let attempts = s.attempts;
        let wait = SYN_TIMEOUT * (1 << attempts.min(6));
        let (syn_wait, syn_retries) = match self.config.profile {
            Profile::Linux6 => {
                let backoff = attempts.saturating_sub(LINEAR_SYNS);
                (SYN_TIMEOUT * (1 << backoff.min(6)), SYN_RETRIES + LINEAR_SYNS)
            }
            _ => (wait, SYN_RETRIES),
        };
        match s.state {
            State::SynSent if attempts > syn_retries => self.give_up(io, i),
            State::SynReceived if attempts > SYN_ACK_RETRIES => self.give_up(io, i),
            State::SynSent => {
                s.handshake_at = io.now + syn_wait;
                if s.role == SubflowRole::Initial
                    && s.offers_mptcp
                    && attempts > self.config.syn_retries_before_fallback
                {
                    s.offers_mptcp = false;
                    self.counters.count(Counter::CapableSynTxDrop);
                }
                self.counters.count(Counter::TcpSynRetrans);
                let uid = self.send_syn(io, i);
                let offer = self.syn_offer(i);
                self.tell(io.now, i, Some(uid), Fact::SynSent { offer, attempt: attempts });
            }
            State::SynReceived => {
                s.handshake_at = io.now + wait;
                self.counters.count(Counter::TcpSynRetrans);
                self.send_syn_ack(io, i);
            }
            State::Established if attempts > SYN_RETRIES => self.give_up(io, i),
            State::Established => {
                // The proof of a join is repeated until the fourth ACK (RFC 8684 §3.2).
                self.subflows[i].handshake_at = io.now + self.proof_timeout(i, attempts);
                self.send_ack(io, i);
            }
            State::Closed => s.handshake_at = SimTime::NEVER,
        }
    }

    fn give_up(&mut self, io: &mut Io<'_>, i: usize) {
        self.tell(io.now, i, None, Fact::TimedOut);
        self.close_subflow(io, i, SubflowOutcome::TimedOut);
        if self.subflows.iter().all(|s| !s.is_alive()) && self.life == Life::Active {
            self.abort(io, i);
        }
        // Those that are alive may have been closed before, and have waited for this one.
        self.await_subflow(io.now);
    }

    /// True when this end called the other.
    #[must_use]
    pub fn is_client(&self) -> bool {
        self.end == End::Client
    }
}

/// MSS, window scale, SACK and timestamps of a SYN or SYN/ACK.
fn take_syn_options(s: &mut Subflow, packet: &Packet, config: &super::config::HostConfig) {
    if let Some(mss) = packet.options.mss() {
        s.peer_mss = u32::from(mss).max(88);
    }
    s.tx.sack = config.sack && packet.options.has(kind::SACK_PERMITTED);
    let scale = packet.options.find(kind::WINDOW_SCALE);
    match scale.and_then(|o| o.data().first().copied()) {
        Some(shift) if config.window_scaling => s.send_scale = shift.min(14),
        _ => {
            s.send_scale = 0;
            s.receive_scale = 0;
        }
    }
    match packet.options.timestamps() {
        Some((value, _)) if config.timestamps => {
            s.timestamps = true;
            s.rx.ts_recent = value;
        }
        _ => s.timestamps = false,
    }
}
