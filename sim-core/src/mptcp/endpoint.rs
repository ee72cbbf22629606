//! One end of a connection: its state, and the verbs by which the world drives it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use super::config::{CongestionKind, HostConfig, Profile, SchedulerKind};
use super::counters::Counters;
use super::fragments::Fragments;
use super::receive_window::ReceiveWindow;
use super::scheduler::SchedulerState;
use super::small_segments::{Corked, SmallSegments};
use super::stack::{EndpointId, HostStack};
use super::subflow::{Fin, Subflow};
use super::waiting::Waiting;
use crate::app::marks::Marks;
use crate::app::source::App;
use crate::record::StrayReset;
use crate::record::story::{End, Entry, Fact, FallbackReason};
use crate::rng::Stream;
use crate::tcp::congestion::Sibling;
use crate::time::{SimDuration, SimTime};
use crate::wire::crypto::{Key, MptcpVersion};
use crate::wire::packet::{Packet, PacketUid};
use crate::wire::payload::Payload;
use crate::wire::pool::Pool;

/// Packets that an endpoint sends, in order.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Boxes to make packets in.
    pub pool: Pool,
    /// Packets sent by the endpoint at hand, not yet taken by the world.
    #[allow(clippy::vec_box)]
    pub sent: Vec<Box<Packet>>,
}

/// What an endpoint is given with every call.
#[derive(Debug)]
pub struct Io<'a> {
    /// The time.
    pub now: SimTime,
    /// What it shares with the host's other connections.
    pub host: &'a mut HostStack,
    /// Where its packets go.
    pub outbox: &'a mut Outbox,
}

/// Whether the connection is MPTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Handshake of the first subflow under way, MPTCP offered.
    Offered,
    /// MPTCP; `certain` once the peer has shown that it is (RFC 8684 §3.1 "fully established").
    Mptcp {
        /// See above.
        certain: bool,
    },
    /// Plain TCP from the start or by fallback: the subflow's bytes are the stream's.
    Plain(FallbackReason),
}

/// How the connection stands as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Open, opening or closing.
    Active,
    /// Everything written was delivered and acknowledged, both directions are closed.
    Completed(SimTime),
    /// No subflow left, reset, or never connected.
    Aborted(SimTime),
}

/// Data received out of order at the data level.
#[derive(Clone, Debug)]
pub(super) struct Early {
    pub(super) start: u64,
    pub(super) payload: Payload,
}

impl Early {
    /// Position behind its last byte.
    #[inline]
    pub(super) fn end(&self) -> u64 {
        self.start + u64::from(self.payload.len)
    }
}

/// Sending at the data level, positions as offsets in the stream.
#[derive(Clone, Debug, Default)]
pub(super) struct DataSend {
    /// First byte not acknowledged at the data level.
    pub(super) una: u64,
    /// Next byte never sent.
    pub(super) next: u64,
    /// End of what the send buffer has taken of what the application has written.
    pub(super) taken: u64,
    /// The pieces that it is kept in, for Linux.
    pub(super) fragments: Fragments,
    /// End of the last short segment.
    pub(super) small_end: u64,
    /// What a cork holds back, but for Linux.
    pub(super) corked: Corked,
    /// Right edge of the peer's window.
    pub(super) window_edge: u64,
    /// Largest window that the peer has offered.
    pub(super) max_window: u64,
    /// DATA_FIN's position, once the application has closed.
    pub(super) fin: Option<u64>,
    /// DATA_FIN was acknowledged (or the FIN, for plain TCP).
    pub(super) fin_acked: bool,
    /// Each subflow tells it when everything before it is out.
    pub(super) tells_fin: bool,
    /// Ranges to send again over another subflow, in order.
    pub(super) reinject: VecDeque<(u64, u64)>,
    /// When what is unacknowledged at the data level is sent again.
    pub(super) timer: SimTime,
    /// When that timer was set; its own time once that is the timer wheel's.
    pub(super) timer_set_at: SimTime,
    /// How long Linux lets it run (`timer_ival`).
    pub(super) interval: SimDuration,
    /// Data-level timeouts in a row.
    pub(super) backoff: u32,
    /// The application waits for memory in the send buffer (Linux's `SOCK_NOSPACE`).
    pub(super) writer_waits: bool,
}

/// Receiving at the data level.
#[derive(Clone, Debug)]
pub(super) struct DataReceive {
    /// Next byte expected.
    pub(super) next: u64,
    /// Out-of-order data, by position, without overlap.
    pub(super) early: VecDeque<Early>,
    /// The peer's DATA_FIN, once known.
    pub(super) fin: Option<u64>,
    /// That everything up to it has come has been told.
    pub(super) fin_told: bool,
    /// Right edge of the window last advertised.
    pub(super) advertised: u64,
    /// How large the buffer is.
    pub(super) window: ReceiveWindow,
}

impl DataReceive {
    /// Bytes from the next one expected to the end of what waits out of order.
    #[inline]
    pub(super) fn early_span(&self) -> u64 {
        self.early.back().map_or(0, |e| e.end() - self.next)
    }
}

/// One end of a connection. What every packet touches comes first, so that it lies together.
#[derive(Debug)]
#[repr(C)]
pub struct Endpoint {
    /// Subflows, in the order in which this end learnt of them.
    pub subflows: Vec<Subflow>,
    /// How it stands.
    pub life: Life,
    /// Whether it is MPTCP.
    pub mode: Mode,
    /// Which end.
    pub end: End,
    /// Bytes came in since the world last looked: see `fresh_delivered` and the subflows' `fresh_bytes`.
    pub has_fresh: bool,
    /// The last packet brought data and nothing else, to an end that only reads, and was acknowledged at
    /// once: [`Endpoint::deadline`] is no earlier than it was.
    pub keeps_deadline: bool,
    /// Subflows are given data ahead of time, as Linux does (see `send_queue`).
    pub(super) uses_queues: bool,
    /// Nothing but the windows says when a segment may go: no pacing, no rule for short ones.
    pub(super) sends_at_once: bool,
    /// Its host is Linux.
    pub(super) is_linux: bool,
    /// The peer maps by 64-bit numbers, and is acknowledged by them (RFC 8684 §3.3.2).
    pub(super) long_ack: bool,
    /// DSS checksums were negotiated.
    pub(super) checksum: bool,
    pub(super) joins_allowed: bool,
    /// Index of the connection in the world.
    pub connection: u32,
    /// Settings of its host.
    pub config: Arc<HostConfig>,
    pub(super) send: DataSend,
    pub(super) receive: DataReceive,
    /// The application.
    pub app: App,
    /// Event of this endpoint's timer that is in the engine's queue.
    pub armed: SimTime,
    /// When pacing lets the next segment go that waits for it.
    pub(super) paced_at: SimTime,
    pub(super) waiting: Waiting,
    pub(super) siblings: Vec<Sibling>,
    next_uid: u64,
    pub(super) remote_idsn: u64,
    pub(super) local_idsn: u64,
    /// Bytes delivered in order since the world last looked.
    pub fresh_delivered: u64,
    pub(super) announcements: super::path_manager::Announcements,
    /// Itself.
    pub id: EndpointId,
    /// What happened.
    pub story: Vec<Entry>,
    /// Kernel-named counters.
    pub counters: Counters,
    /// Joins of this end that reached a host which does not know their token.
    pub stray_resets: Vec<StrayReset>,
    /// First wrong byte, if any was delivered.
    pub wrong_at: Option<u64>,
    /// When data was last written into the connection or taken from it (for the record).
    pub first_write_at: Option<SimTime>,
    pub(super) version: MptcpVersion,
    pub(super) local_key: Key,
    pub(super) remote_key: Option<Key>,
    /// PROTOCOL: Linux's `allow_infinite_fallback`.
    pub(super) may_fall_back: bool,
    /// The peer's addresses: ID and address, the first subflow's first.
    pub(super) remote_addresses: Vec<(u8, SocketAddr)>,
    /// The peer asked that its first address not be joined (C flag).
    pub(super) peer_forbids_initial: bool,
    pub(super) scheduler: SchedulerState,
    pub(super) rng: Stream,
    pub(super) sample_interval: SimDuration,
    /// The peer's key, once MP_FASTCLOSE is to go out with the resets.
    pub(super) fast_close_key: Option<Key>,
}

/// What it takes to make an endpoint.
#[derive(Debug)]
pub struct EndpointSetup {
    /// Itself.
    pub id: EndpointId,
    /// Index of the connection in the world.
    pub connection: u32,
    /// Which end.
    pub end: End,
    /// The application.
    pub app: App,
    /// Random stream of this endpoint.
    pub rng: Stream,
    /// Interval of state samples.
    pub sample_interval: SimDuration,
}

impl Endpoint {
    /// How many of its bytes every packet may touch.
    pub(crate) const HOT: usize = std::mem::offset_of!(Self, id);

    pub(super) fn new(setup: EndpointSetup, host: &HostStack) -> Self {
        let config = Arc::clone(&host.config);
        let version = match config.profile {
            Profile::Rfc6824 => MptcpVersion::V0,
            Profile::Rfc8684 | Profile::Linux6 | Profile::TcpOnly => MptcpVersion::V1,
        };
        let mode = match config.profile {
            Profile::TcpOnly => Mode::Plain(FallbackReason::NotSpoken),
            _ => Mode::Offered,
        };
        Self {
            id: setup.id,
            connection: setup.connection,
            end: setup.end,
            app: setup.app,
            mode,
            life: Life::Active,
            subflows: Vec::with_capacity(1),
            story: Vec::new(),
            counters: Counters::default(),
            stray_resets: Vec::new(),
            has_fresh: false,
            keeps_deadline: false,
            fresh_delivered: 0,
            wrong_at: None,
            first_write_at: None,
            armed: SimTime::NEVER,
            version,
            local_key: Key(0),
            local_idsn: 0,
            remote_key: None,
            remote_idsn: 0,
            long_ack: false,
            sends_at_once: config.congestion != CongestionKind::Bbr
                && config.small_segments == SmallSegments::AtOnce,
            is_linux: config.profile == Profile::Linux6,
            uses_queues: config.profile == Profile::Linux6
                && config.scheduler == SchedulerKind::Linux,
            checksum: config.checksum,
            send: DataSend {
                timer: SimTime::NEVER,
                interval: super::data_send::LINUX_RTO_MIN,
                ..DataSend::default()
            },
            receive: DataReceive {
                next: 0,
                early: VecDeque::new(),
                fin: None,
                fin_told: false,
                advertised: 0,
                window: ReceiveWindow::new(
                    config.receive_buffer.0,
                    config.receive_autotuning,
                    setup.end == End::Client,
                ),
            },
            may_fall_back: true,
            joins_allowed: true,
            remote_addresses: Vec::with_capacity(1),
            peer_forbids_initial: false,
            announcements: super::path_manager::Announcements::default(),
            scheduler: SchedulerState::new(config.scheduler),
            rng: setup.rng,
            sample_interval: setup.sample_interval,
            paced_at: SimTime::NEVER,
            waiting: Waiting::default(),
            siblings: Vec::new(),
            fast_close_key: None,
            next_uid: u64::from(setup.id.0) << 40,
            config,
        }
    }

    /// When the endpoint wants [`Endpoint::on_timer`].
    #[must_use]
    #[inline(always)] // once for each packet
    pub fn deadline(&self) -> SimTime {
        let mut at = self.send.timer.min(self.announcements.retry_at).min(self.paced_at);
        if self.life == Life::Active {
            at = at.min(self.app.next_write_at()).min(self.waiting.deadline());
        }
        for s in self.subflows.iter().filter(|s| s.is_alive()) {
            at = at.min(s.handshake_at).min(s.tx.deadline());
            at = at.min(s.rx.delayed_ack_at.unwrap_or(SimTime::NEVER));
        }
        if self.config.keepalive.is_some() {
            for i in 0..self.subflows.len() {
                at = at.min(self.keepalive_at(i));
            }
        }
        at
    }

    /// The time of [`Endpoint::deadline`] has come.
    pub fn on_timer(&mut self, io: &mut Io<'_>) {
        let now = io.now;
        for i in 0..self.subflows.len() {
            if !self.subflows[i].is_alive() {
                continue;
            }
            if self.subflows[i].handshake_at <= now {
                self.on_handshake_timer(io, i);
            }
            if self.subflows[i].tx.deadline() <= now {
                self.on_sender_timer(io, i);
            }
            if self.keepalive_at(i) <= now {
                self.on_keepalive(io, i);
            }
            if self.subflows[i].rx.delayed_ack_at.is_some_and(|due| due <= now) {
                self.subflows[i].ack_now = true;
            }
        }
        if self.announcements.retry_at <= now {
            self.on_announcement_timer(io);
        }
        let (interval, written) = (self.send.interval, self.app.written());
        let gives_data = self.send.timer <= now && self.on_data_timer(io);
        if self.waiting.deadline() <= now {
            self.on_waiting_timer(io);
        }
        // Nothing is written before the connection is open, but what the application's own clock asks for.
        if self.subflows[0].established_at.is_some() || self.app.next_write_at() <= now {
            self.push(io);
        }
        if !gives_data && self.app.written() == written {
            self.send.interval = interval; // a subflow's timer is no occasion for Linux to give it data
        }
        self.flush_acks(io);
    }

    /// True when the connection is MPTCP as far as this end knows.
    #[must_use]
    #[inline]
    pub const fn is_mptcp(&self) -> bool {
        matches!(self.mode, Mode::Mptcp { .. })
    }

    /// True for plain TCP, from the start or by fallback.
    #[must_use]
    #[inline]
    pub const fn is_plain(&self) -> bool {
        matches!(self.mode, Mode::Plain(_))
    }

    /// True when the endpoint has nothing left to do: ended, and every subflow closed or gone. One that was closed
    /// alone may never hear that its FIN arrived, or never get that far, and is no longer the connection's.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.life != Life::Active
            && self
                .subflows
                .iter()
                .all(|s| s.is_left() || s.fin == Fin::FollowsPeers || s.is_finished())
    }

    /// Position of everything written that waits to be acknowledged, or to be delivered.
    #[must_use]
    pub const fn unacknowledged(&self) -> u64 {
        self.app.written() - self.send.una
    }

    /// The peer's key became known.
    pub(super) fn set_remote_key(&mut self, key: Key) {
        self.remote_key = Some(key);
        self.remote_idsn = key.idsn(self.version);
    }

    #[inline]
    pub(super) const fn is_linux(&self) -> bool {
        self.is_linux
    }

    pub(super) fn fresh_uid(&mut self, subflow: usize) -> PacketUid {
        self.next_uid += 1;
        PacketUid(self.next_uid | ((subflow as u64 & 0xff) << 32))
    }

    pub(super) fn tell(
        &mut self,
        now: SimTime,
        subflow: usize,
        packet: Option<PacketUid>,
        fact: Fact,
    ) {
        let index = self.subflows.get(subflow).map(|s| s.index);
        self.story.push(Entry { at: now, end: self.end, subflow: index, packet, fact });
    }

    /// Goes on as plain TCP. Nothing happens when it already does.
    pub(super) fn fall_back(
        &mut self,
        now: SimTime,
        subflow: usize,
        packet: Option<PacketUid>,
        reason: FallbackReason,
    ) {
        if self.is_plain() {
            return;
        }
        self.mode = Mode::Plain(reason);
        self.joins_allowed = false;
        self.send.timer = SimTime::NEVER;
        self.send.reinject.clear();
        self.announcements.retry_at = SimTime::NEVER;
        self.tell(now, subflow, packet, Fact::FellBack(reason));
    }

    /// Gives back room that only a busy connection needs.
    pub fn shrink(&mut self) {
        self.story.shrink_to_fit();
        self.receive.early.shrink_to_fit();
        for s in &mut self.subflows {
            s.samples.shrink_to_fit();
            s.tx.shrink();
            s.rx.shrink();
        }
    }

    /// Gives back what nobody asks for once the connection's record is made.
    pub fn release(&mut self) {
        self.subflows = Vec::new();
        self.app.marks = Marks::default();
        self.story = Vec::new();
    }

    /// New bytes of the stream came in over subflow `i`.
    #[inline]
    pub(super) fn note_fresh(&mut self, i: usize, bytes: u64) {
        self.has_fresh = true;
        self.subflows[i].fresh_bytes += bytes;
    }

    /// What coupled congestion control must know of all subflows; empty for the uncoupled ones.
    #[inline]
    pub(super) fn refresh_siblings(&mut self) {
        self.siblings.clear();
        if self.subflows.len() > 1 && self.subflows[0].tx.congestion.is_coupled() {
            self.look_at_siblings();
        }
    }

    /// The same for an acknowledgement of one segment in its turn on subflow `i`: not even coupled congestion
    /// control looks at the others where the window does not grow, whatever they do.
    #[inline]
    pub(super) fn refresh_siblings_for_next(&mut self, i: usize) {
        if self.subflows[i].tx.congestion.may_grow() {
            self.refresh_siblings();
        } else {
            self.siblings.clear();
        }
    }

    fn look_at_siblings(&mut self) {
        for s in &self.subflows {
            let open = s.can_carry();
            self.siblings.push(s.tx.congestion.snapshot(s.tx.rtt.srtt(), open));
        }
    }
}

/// Which packets an endpoint made: the endpoint and the subflow, from the packet's identity.
#[must_use]
pub const fn origin_of(uid: PacketUid) -> (EndpointId, usize) {
    (EndpointId((uid.0 >> 40) as u32), (uid.0 >> 32) as usize & 0xff)
}
