//! One subflow of a connection: its TCP halves and what MPTCP knows of it.

use super::keepalive::Silence;
use super::path_mtu::PathMtuSearch;
use super::receive_window::{Offer, ReceiveWindow};
use super::send_queue::SendQueue;
use super::unmapped::Unmapped;
use crate::record::{SubflowOutcome, SubflowRole, series::SenderSample};
use crate::tcp::receiver::{Chunk, Receiver};
use crate::tcp::sender::Sender;
use crate::time::{SimDuration, SimTime};
use crate::wire::dss::MappingSum;
use crate::wire::packet::{Flags, Flow, Packet};
use crate::wire::payload::Payload;

/// Unacceptable segments are answered at most once in this time (Linux's `tcp_invalid_ratelimit`).
const CHALLENGE_INTERVAL: SimDuration = SimDuration::from_millis(500);

/// How far this end has closed a subflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fin {
    /// It may be given data.
    No,
    /// It is given nothing more, for an address of it was withdrawn; the FIN follows what it was given.
    FollowsToLeave,
    /// That FIN is in flight or acknowledged.
    SentToLeave,
    /// It is given nothing more, for the peer has closed it; the FIN follows what it was given.
    FollowsPeers,
    /// The FIN of a connection that ends, or the answer to the peer's, is in flight or acknowledged.
    Sent,
}

/// TCP state, as far as option30 tells states apart (RFC 9293 §3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// SYN sent.
    SynSent,
    /// SYN received, SYN/ACK sent.
    SynReceived,
    /// Open in both directions, or closing (see [`Subflow::fin`] and the receiver's FIN).
    Established,
    /// Gone.
    Closed,
}

/// How far the proof of MP_JOIN has come (RFC 8684 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The peer has not yet shown that it is the one: no data may be sent.
    Pending,
    /// Done: data may flow.
    Complete,
}

/// The mapping that the bytes now in order belong to (RFC 8684 §3.3.1).
#[derive(Clone, Copy, Debug)]
pub struct ActiveMapping {
    /// Subflow offset of the first mapped byte.
    pub start: u64,
    /// Mapped bytes, DATA_FIN not counted.
    pub len: u32,
    /// Data-level offset of the first mapped byte.
    pub data: u64,
    /// Checksum in the option.
    pub checksum: Option<u16>,
    /// Sum of the bytes seen so far.
    pub sum: MappingSum,
    /// DATA_FIN flag of the option (its length then counts one more than `len`).
    pub data_fin: bool,
}

/// The window that the peer last gave, as Linux keeps it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SendWindow {
    /// Bytes (SND.WND).
    size: u64,
    /// Start of the segment that gave it (SND.WL1).
    from: u64,
}

impl SendWindow {
    /// A segment that starts at `start` came with a window of `size` bytes; `advances`: it acknowledged what no other
    /// had. One that neither does nor carries anything new makes the window no smaller (`tcp_may_update_window`; RFC
    /// 9293 §3.10.7.4 would have it so). Behind a hole in the subflow the data-level acknowledgement moves on all the
    /// same, and Linux adds the old window to it: its data may go beyond what the peer takes.
    #[inline(always)] // once for each packet
    pub(super) const fn update(&mut self, advances: bool, start: u64, size: u64) {
        let repeats = start == self.from && (size > self.size || size == 0);
        if advances || start > self.from || repeats {
            *self = Self { size, from: start };
        }
    }

    /// Bytes.
    #[inline(always)] // once for each packet
    pub(super) const fn size(self) -> u64 {
        self.size
    }
}

/// One subflow. What every packet touches comes first, so that it lies together.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Subflow {
    /// TCP state.
    pub state: State,
    /// Proof of a join; complete for an initial subflow.
    pub proof: Proof,
    /// Initial or join.
    pub role: SubflowRole,
    /// Both ends offered timestamps.
    pub timestamps: bool,
    /// Shift of the windows that the peer sends.
    pub send_scale: u8,
    /// Shift of the windows that this end sends.
    pub receive_scale: u8,
    /// An acknowledgement is owed now.
    pub ack_now: bool,
    /// How long nothing has come, for keepalive.
    pub silence: Silence,
    /// How far this end has closed it.
    pub fin: Fin,
    /// This end's FIN went out before the peer's had come: this end waits in TIME-WAIT afterwards.
    pub closed_first: bool,
    /// Closed in both directions, and the host has been told.
    pub is_retired: bool,
    /// Not to be used while another subflow is: no progress for several timeouts.
    pub stale: bool,
    /// This end asked that the subflow be backup, or was asked to.
    pub backup: bool,
    /// The next new segment carries the infinite mapping.
    pub infinite_pending: bool,
    /// A mapping has come in: options 30 do pass.
    pub mapping_seen: bool,
    /// Added to the clock in the timestamps that this end sends.
    pub timestamp_offset: u32,
    /// Peer's MSS option (536 or 1220 without one).
    pub peer_mss: u32,
    /// Largest IP packet: what the local interface takes, or the path where that is known to take less.
    pub mtu: u32,
    /// Sending half.
    pub tx: Sender,
    /// Receiving half.
    pub rx: Receiver,
    /// The peer's window.
    pub send_window: SendWindow,
    /// How much this subflow offers of the receive window.
    pub offer: Offer,
    /// When the handshake's next step is sent again.
    pub handshake_at: SimTime,
    /// Where the next sample is due.
    pub next_sample: SimTime,
    /// New data-level bytes that arrived, since the world last looked.
    pub fresh_bytes: u64,
    /// Index of the subflow in the connection's record: the client's count.
    pub index: usize,
    /// Source: this end. Destination: the peer.
    pub flow: Flow,
    /// MP_FAIL to send, with the data sequence number.
    pub fail_pending: Option<u64>,
    /// MP_PRIO to send.
    pub priority_pending: Option<bool>,
    /// The mapping in force.
    pub mapping: Option<ActiveMapping>,
    /// What waits for its mapping.
    pub unmapped: Unmapped,
    /// Start of the segment that carries the infinite mapping, each time it is sent.
    pub infinite_at: Option<u64>,
    /// What Linux has given to the subflow ahead of time.
    pub queue: SendQueue,
    /// What is known of the path's MTU.
    pub path_mtu: PathMtuSearch,
    /// How often it was.
    pub attempts: u32,
    /// Address ID of this end's address.
    pub local_id: u8,
    /// Address ID of the peer's address.
    pub remote_id: u8,
    /// This end's nonce.
    pub local_nonce: u32,
    /// The peer's nonce.
    pub remote_nonce: u32,
    /// The SYN carried an MPTCP option (or will).
    pub offers_mptcp: bool,
    /// The SYN/ACK came again, so the peer has not seen the keys: the next acknowledgement shows them.
    pub repeats_keys: bool,
    /// A valid checksum has been seen.
    pub checksum_seen: bool,
    /// Pieces of a mapping with a checksum, kept until the whole can be checked.
    pub unchecked: Vec<(u64, Payload)>,
    /// Payload of a mapping whose checksum failed, kept until the peer falls back.
    pub suspect: Vec<(u64, Payload)>,
    /// What came after this end had left it: Linux's connection takes it when it takes something else.
    pub withheld: Vec<Chunk>,
    /// When a checksum failed first on it.
    pub suspect_since: Option<SimTime>,
    /// Data-level timeouts in a row without anything from this subflow (Linux's `stale_count`), and when
    /// something last came at the first of them (`stale_rcv_tstamp`).
    pub stale_count: u32,
    /// See `stale_count`.
    pub stale_mark: SimTime,
    /// When an unacceptable segment was last answered.
    pub challenged_at: Option<SimTime>,
    /// State samples for the series.
    pub samples: Vec<SenderSample>,
    /// When it was tried.
    pub started_at: SimTime,
    /// When it was established at this end.
    pub established_at: Option<SimTime>,
    /// When it ended.
    pub ended_at: Option<SimTime>,
    /// How far it came.
    pub outcome: SubflowOutcome,
    /// MP_TCPRST reason it ended with.
    pub reset_reason: Option<u8>,
}

impl Subflow {
    /// Round trip of this end's SYN/ACK, whose answer has come. Linux drops a join's request before it would look
    /// at that (`rsk_drop_req` in `tcp_check_req`), and has only the timestamps' milliseconds (`tcp_synack_rtt_meas`).
    pub(super) fn answered_after(&self, now: SimTime, is_linux: bool) -> Option<SimDuration> {
        if !is_linux || self.role == SubflowRole::Initial {
            return Some(now.since(self.started_at));
        }
        let ms = |time: SimTime| time.since(SimTime::ZERO).as_nanos() / 1_000_000;
        let rtt = (ms(now) - ms(self.started_at)).max(1);
        self.timestamps.then(|| SimDuration::from_millis(rtt))
    }

    /// Round trip of this end's SYN. Of one that was sent again Linux knows by timestamps which was answered, in
    /// milliseconds (`tcp_ack_update_rtt`).
    pub(super) fn answer_came_after(
        &self,
        now: SimTime,
        syn_ack: &Packet,
        is_linux: bool,
    ) -> Option<SimDuration> {
        if self.attempts == 0 {
            return Some(now.since(self.started_at));
        }
        let timestamps = syn_ack.options.timestamps().filter(|_| is_linux && self.timestamps);
        let (_, echo) = timestamps.filter(|(_, echo)| *echo != 0)?;
        let ms = self.timestamp(now).wrapping_sub(echo);
        Some(SimDuration::from_millis(u64::from(ms.clamp(1, 60_000))))
    }

    /// The clock of this end's timestamps, in milliseconds (RFC 7323 §5.4; Linux's offset differs by connection).
    #[inline(always)] // for each packet
    pub(super) fn timestamp(&self, now: SimTime) -> u32 {
        ((now.as_nanos() / 1_000_000) as u32).wrapping_add(self.timestamp_offset)
    }

    /// How many of its bytes every packet may touch.
    pub(crate) const HOT: usize = std::mem::offset_of!(Self, attempts);

    /// True when data may be sent over it.
    #[must_use]
    #[inline]
    pub fn can_carry(&self) -> bool {
        self.state == State::Established && self.proof == Proof::Complete && self.fin == Fin::No
    }

    /// This end's FIN is in flight or acknowledged.
    #[must_use]
    pub const fn fin_sent(&self) -> bool {
        matches!(self.fin, Fin::Sent | Fin::SentToLeave)
    }

    /// This end closes it alone, for an address of it was withdrawn.
    #[must_use]
    pub const fn is_left(&self) -> bool {
        matches!(self.fin, Fin::FollowsToLeave | Fin::SentToLeave)
    }

    /// Answers an unacceptable segment by an acknowledgement, but not every one (RFC 5961 §7): the
    /// answer to the answer may be the next.
    pub fn challenge(&mut self, now: SimTime) {
        if self.challenged_at.is_none_or(|at| now.since(at) >= CHALLENGE_INTERVAL) {
            self.challenged_at = Some(now);
            self.ack_now = true;
        }
    }

    /// `tcp_disordered_ack`: a pure acknowledgement that says nothing new may have been overtaken, and is
    /// no segment of an earlier lap of the sequence numbers (RFC 7323 §5.3).
    #[must_use]
    pub fn is_disordered_ack(&self, packet: &Packet, start: u64) -> bool {
        packet.payload.is_empty() && !packet.flags.has(Flags::FIN) && start == self.rx.ack_offset()
    }

    /// The application has read all that came.
    #[inline(always)] // once for each segment with data
    pub(super) fn acknowledge_when_read(&mut self) {
        self.ack_now |= self.rx.acknowledges_when_read();
    }

    /// This end's FIN goes out.
    pub fn note_fin_sent(&mut self) {
        self.fin = if self.is_left() { Fin::SentToLeave } else { Fin::Sent };
        self.closed_first = !self.rx.fin_in_order();
    }

    /// A segment with `len` bytes of payload came in: more of the window is offered. `tells` asks to tell
    /// that at once, as Linux does (`tcp_grow_window`).
    #[inline(always)] // once for each segment with data
    pub(super) fn note_arrival(&mut self, len: u32, window: &ReceiveWindow, tells: bool) {
        if self.offer.may_change(len, window.memory()) && !window.is_fixed() {
            self.grow_offer(len, window.memory(), tells);
        }
    }

    #[inline(never)]
    fn grow_offer(&mut self, len: u32, memory: u64, tells: bool) {
        let held = self.unchecked_bytes();
        if self.offer.note_segment(len, self.own_mss(), memory, held) && tells {
            self.rx.acknowledge_next();
        }
    }

    /// Most payload that this end takes in a segment (`advmss`, without the timestamps).
    pub(super) fn own_mss(&self) -> u32 {
        let ip = if self.flow.src.is_ipv4() { 20 } else { 40 };
        self.mtu - ip - 20 - if self.timestamps { 12 } else { 0 }
    }

    /// Bytes of a mapping that is not complete yet, held until its checksum can be computed.
    fn unchecked_bytes(&self) -> u64 {
        self.unchecked.iter().map(|(_, piece)| u64::from(piece.len)).sum()
    }

    /// True when it exists at all.
    #[must_use]
    #[inline]
    pub fn is_alive(&self) -> bool {
        self.state != State::Closed
    }

    /// Everything is closed in order in both directions.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state == State::Closed
            || (self.fin_sent() && self.tx.is_idle() && self.rx.fin_in_order())
    }
}
