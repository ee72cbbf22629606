//! What a kernel's ends of connections did, read from their packets.
//!
//! A real host tells no story; its packets do. The observer stands at the interfaces of the hosts outside
//! the world, where it sees each packet as the kernel sent it and as it arrives there. It gives every packet
//! an identity (connection, subflow), so that what devices do to it is found again by verdicts and causes,
//! and it tells the world the facts that a simulated endpoint would have told.

mod coverage;
mod data;
mod handshake;
mod signals;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use sim_core::app::AppConfig;
use sim_core::engine::outside::{OutsideLife, OutsideSubflow};
use sim_core::engine::world::{ConnectionId, ConnectionSpec, NodeId, World};
use sim_core::mptcp::config::Profile;
use sim_core::mptcp::stack::EndpointId;
use sim_core::record::story::{End, Entry, Fact, FallbackReason, Offer};
use sim_core::record::{SubflowOutcome, SubflowRole};
use sim_core::wire::crypto::Key;
use sim_core::wire::mptcp::{CapableBody, Dss, Join, MptcpOption, mptcp_options};
use sim_core::wire::options::Options;
use sim_core::wire::packet::{Flags, Flow, Packet, PacketUid};
use sim_core::wire::seq::Seq;

use coverage::Coverage;

/// A connection that reached a listening host: what its accepted socket belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Called {
    /// The host.
    pub(crate) host: NodeId,
    /// The caller, as the host sees it.
    pub(crate) peer: SocketAddr,
    /// The end of the connection that the host has there.
    pub(crate) end: EndpointId,
    /// Which connection.
    pub(crate) connection: ConnectionId,
    /// False for a join that lost its option on the way and looks like a connection.
    pub(crate) is_connection: bool,
}

/// One direction of a subflow as an end sees it.
#[derive(Debug)]
struct Track {
    /// Position among the end's subflows.
    local: usize,
    offer: Offer,
    syns: u32,
    /// Sequence number after the SYN, of this end and of the peer.
    first_sent: Option<Seq>,
    first_received: Option<Seq>,
    /// The end of what this end has sent.
    highest_sent: Option<Seq>,
    /// The mapping that the last received bytes belong to.
    mapping: Option<data::Mapped>,
    /// The same for sent ones.
    sent_mapping: Option<data::Mapped>,
    over: bool,
}

/// One end.
#[derive(Debug)]
struct EndTrack {
    end: End,
    connection: ConnectionId,
    local_key: Option<Key>,
    /// The data sequence number of the first byte that it sends: a hash of the key, so asked for once.
    first_byte: Option<u64>,
    remote_key: Option<Key>,
    /// Data-level bytes that arrived.
    arrived: Coverage,
    /// MPTCP is certain (RFC 8684 §3.1).
    certain: bool,
    fell_back: bool,
    fin_sent: bool,
    fin_received: bool,
    /// Where the peer's stream ends, as its DATA_FIN says.
    fin_at: Option<u64>,
    /// That everything up to there has come has been told.
    fin_told: bool,
    /// It has reset a subflow.
    reset_sent: bool,
    /// The connection is a program's: what it writes and reads shows in its packets only.
    is_program: bool,
    /// Where the bytes that it sent begin.
    sent_from: Option<u64>,
    /// The last packet that came without what MPTCP needs, and what that means.
    bare: Option<(PacketUid, FallbackReason)>,
    tracks: Vec<Track>,
}

#[derive(Debug, Default)]
struct HostTrack {
    speaks: bool,
    /// Subflows by the flow of the packets that this host sends.
    flows: BTreeMap<Flow, (EndpointId, usize)>,
    /// The one that was asked for last: packets come in rows.
    recent: Option<(Flow, (EndpointId, usize))>,
    /// Connections about to be opened, by their local address.
    expected: BTreeMap<SocketAddr, ConnectionId>,
}

impl HostTrack {
    /// The subflow whose packets this host sends with `flow`.
    fn subflow(&mut self, flow: Flow) -> Option<(EndpointId, usize)> {
        match self.recent {
            Some((recent, found)) if recent == flow => Some(found),
            _ => {
                let found = self.flows.get(&flow).copied()?;
                self.recent = Some((flow, found));
                Some(found)
            }
        }
    }
}

/// Watches the packets of the hosts outside the world.
#[derive(Debug)]
pub(crate) struct Observer {
    hosts: BTreeMap<NodeId, HostTrack>,
    ends: BTreeMap<EndpointId, EndTrack>,
    called: Vec<Called>,
    /// Connections of programs.
    of_programs: BTreeSet<ConnectionId>,
    parsed: Parsed,
}

impl Observer {
    /// Watches these hosts.
    pub(crate) fn new(world: &World, outside: &[NodeId]) -> Self {
        let host = |node: NodeId| {
            let speaks = world
                .hosts()
                .find(|h| h.0 == node)
                .is_some_and(|(_, _, stack)| stack.config.profile != Profile::TcpOnly);
            (node, HostTrack { speaks, ..HostTrack::default() })
        };
        let hosts = outside.iter().map(|&node| host(node)).collect();
        Self {
            hosts,
            ends: BTreeMap::new(),
            called: Vec::new(),
            of_programs: BTreeSet::new(),
            parsed: Parsed::default(),
        }
    }

    /// A socket bound to `local` on `host` is about to open `connection`.
    pub(crate) fn expect(&mut self, host: NodeId, local: SocketAddr, connection: ConnectionId) {
        if let Some(host) = self.hosts.get_mut(&host) {
            host.expected.insert(local, connection);
        }
    }

    /// The connections that reached listening hosts since the last call.
    pub(crate) fn take_called(&mut self) -> Vec<Called> {
        std::mem::take(&mut self.called)
    }

    /// The run is over: why the kernels' ends fell back that did so without a packet to show it.
    pub(crate) fn conclude(&self, world: &mut World) {
        let at = world.now();
        for (id, end) in self.ends.iter().filter(|(_, end)| end.is_program) {
            let Some(outside) = world.outside_mut(*id) else { continue };
            outside.is_mptcp = end.certain && !end.fell_back;
            // A program may close by a reset of its own; one that a box forged is another matter.
            let reset = |e: &EndTrack| e.connection == end.connection && e.reset_sent;
            let closed = end.fin_sent || end.fin_received || self.ends.values().any(reset);
            let has_read_all = end.fin_told || end.fell_back && end.fin_received;
            outside.life = if has_read_all {
                OutsideLife::Completed(at)
            } else if closed {
                OutsideLife::Left(at)
            } else if end.tracks.iter().all(|track| track.over) {
                OutsideLife::Aborted(at)
            } else {
                OutsideLife::Active
            };
        }
        for outside in world.outside_ends() {
            let told = |e: &Entry| matches!(e.fact, Fact::FellBack(_) | Fact::SpeaksPlainTcp);
            if outside.is_mptcp || outside.story.iter().any(told) || outside.subflows.is_empty() {
                continue;
            }
            let counted = |name: &str| outside.counters.get(name).is_some_and(|&n| n > 0);
            let reason = if counted("DataCsumErr") {
                FallbackReason::ChecksumFailed
            } else if counted("InfiniteMapRx") {
                FallbackReason::PeerFellBack
            } else if counted("MPCapableFallbackACK") {
                FallbackReason::AckWithoutCapable
            } else if counted("MPCapableDataFallback") || counted("DssFallback") {
                FallbackReason::DataWithoutMapping
            } else {
                FallbackReason::MappingCorrupt
            };
            let of = |e: &&EndTrack| e.connection == outside.connection && e.end == outside.end;
            let bare = self.ends.values().find(of).and_then(|e| e.bare);
            let (packet, reason) = match bare {
                Some((packet, reason)) => (Some(packet), reason),
                None => (None, reason),
            };
            let fact = Fact::FellBack(reason);
            outside.story.push(Entry { at, end: outside.end, subflow: Some(0), packet, fact });
        }
    }

    /// `host` has sent this packet: it gets its identity.
    pub(crate) fn sent(&mut self, world: &mut World, host: NodeId, packet: &mut Packet) {
        let flow = packet.flow();
        let known = self.hosts.get_mut(&host).and_then(|h| h.subflow(flow));
        let found = match known {
            Some(found) => Some(found),
            None if packet.flags.is_initial_syn() => self.opens(world, host, packet),
            None => None,
        };
        let Some((id, track)) = found else {
            // An answer to a packet of no connection: a reset.
            packet.uid = world.stray_uid();
            return;
        };
        let Some(end) = self.ends.get_mut(&id) else { return };
        packet.uid = world.outside_uid(id, end.tracks[track].local);
        let speaks = self.hosts[&host].speaks;
        let options = self.parsed.of(packet);
        Seen { world, id, end, track, packet, options, speaks }.sent();
    }

    /// This packet arrives at `host`.
    pub(crate) fn received(&mut self, world: &mut World, host: NodeId, packet: &Packet) {
        if packet.checksum_fault != 0 {
            return; // the kernel will not look at it
        }
        let flow = packet.flow().reversed();
        let known = self.hosts.get_mut(&host).and_then(|h| h.subflow(flow));
        let found = match known {
            Some(found) => Some(found),
            None if packet.flags.is_initial_syn() => self.is_called(world, host, packet),
            None => None,
        };
        let Some((id, track)) = found else { return };
        let speaks = self.hosts[&host].speaks;
        let Some(end) = self.ends.get_mut(&id) else { return };
        let options = self.parsed.of(packet);
        Seen { world, id, end, track, packet, options, speaks }.received();
    }

    /// A SYN leaves `host`: a join of a connection that it has, one that it was to open, or one of a
    /// program's.
    fn opens(
        &mut self,
        world: &mut World,
        host: NodeId,
        packet: &Packet,
    ) -> Option<(EndpointId, usize)> {
        let flow = packet.flow();
        let join =
            token_of(packet).and_then(|token| self.end_with(world, host, token, |e| e.remote_key));
        let id = match join {
            Some(id) => id,
            None => {
                let expected = self.hosts.get_mut(&host)?.expected.remove(&flow.src);
                let connection = expected.unwrap_or_else(|| {
                    let connection = world.add_seen_connection(seen(world, host, flow));
                    self.of_programs.insert(connection);
                    connection
                });
                self.add_end(world, host, connection, End::Client)
            }
        };
        let index = world.outside(id)?.subflows.len();
        Some(self.add_subflow(world, host, id, flow, index))
    }

    /// A SYN reaches `host`.
    fn is_called(
        &mut self,
        world: &mut World,
        host: NodeId,
        packet: &Packet,
    ) -> Option<(EndpointId, usize)> {
        let flow = packet.flow().reversed();
        let speaks = self.hosts.get(&host)?.speaks;
        let known = world.connection_of(packet.uid);
        if let Some(token) = token_of(packet).filter(|_| speaks) {
            let Some(id) = self.end_with(world, host, token, |e| e.local_key) else {
                world.note_unknown_token(host, packet);
                return None;
            };
            let index = known.map_or_else(|| self.ends[&id].tracks.len(), |(_, index)| index);
            return Some(self.add_subflow(world, host, id, flow, index));
        }
        let waiting = |world: &World| {
            let mut calls = world.connections().filter(|(id, spec)| {
                // Whichever real server a balancer chose.
                spec.server_address.port() == packet.dst_port
                    && world.outside_end(*id, End::Server).is_none()
            });
            calls.next().map(|(id, _)| (id, 0))
        };
        let (connection, index) = known.or_else(|| waiting(world))?;
        let is_connection = index == 0 && world.outside_end(connection, End::Server).is_none();
        let id = self.add_end(world, host, connection, End::Server);
        self.called.push(Called { host, peer: flow.dst, end: id, connection, is_connection });
        Some(self.add_subflow(world, host, id, flow, index))
    }

    fn add_end(
        &mut self,
        world: &mut World,
        host: NodeId,
        connection: ConnectionId,
        end: End,
    ) -> EndpointId {
        let id = world.add_outside_end(connection, end, host);
        let is_program = self.of_programs.contains(&connection);
        self.ends.insert(id, EndTrack { is_program, ..EndTrack::new(end, connection) });
        id
    }

    fn end_with(
        &self,
        world: &World,
        host: NodeId,
        token: u32,
        key: impl Fn(&EndTrack) -> Option<Key>,
    ) -> Option<EndpointId> {
        let version = sim_core::wire::crypto::MptcpVersion::V1;
        let found = self.ends.iter().find(|(id, end)| {
            world.outside(**id).is_some_and(|e| e.host == host)
                && key(end).is_some_and(|key| key.token(version) == token)
        });
        found.map(|(id, _)| *id)
    }

    fn add_subflow(
        &mut self,
        world: &mut World,
        host: NodeId,
        id: EndpointId,
        flow: Flow,
        index: usize,
    ) -> (EndpointId, usize) {
        let started_at = world.now();
        let end = self.ends.get_mut(&id).expect("ends are tracked before their subflows");
        let outside = world.outside_mut(id).expect("tracked ends are the world's");
        let role =
            if outside.subflows.is_empty() { SubflowRole::Initial } else { SubflowRole::Join };
        outside.subflows.push(OutsideSubflow {
            flow,
            index,
            role,
            outcome: SubflowOutcome::TimedOut,
            reset_reason: None,
            retransmissions: 0,
            samples: Vec::new(),
            started_at,
            established_at: None,
            ended_at: None,
            next_sequence: Seq(0),
        });
        let track = end.tracks.len();
        end.tracks.push(Track::new(track));
        if let Some(host) = self.hosts.get_mut(&host) {
            host.flows.insert(flow, (id, track));
            host.recent = None;
        }
        (id, track)
    }
}

impl Track {
    const fn new(local: usize) -> Self {
        Self {
            local,
            offer: Offer::Nothing,
            syns: 0,
            first_sent: None,
            first_received: None,
            highest_sent: None,
            mapping: None,
            sent_mapping: None,
            over: false,
        }
    }
}

impl EndTrack {
    fn new(end: End, connection: ConnectionId) -> Self {
        Self {
            end,
            connection,
            local_key: None,
            first_byte: None,
            remote_key: None,
            arrived: Coverage::default(),
            certain: false,
            fell_back: false,
            fin_sent: false,
            fin_received: false,
            fin_at: None,
            fin_told: false,
            reset_sent: false,
            is_program: false,
            sent_from: None,
            bare: None,
            tracks: Vec::new(),
        }
    }

    /// Both ends have said that they will write no more: what comes now only closes.
    fn is_closing(&self) -> bool {
        self.fin_sent && self.fin_received
    }
}

/// A packet at the interface of a host, with the subflow that it belongs to.
struct Seen<'a> {
    world: &'a mut World,
    id: EndpointId,
    end: &'a mut EndTrack,
    track: usize,
    packet: &'a Packet,
    /// Its options 30.
    options: &'a [MptcpOption],
    /// The host offers MPTCP.
    speaks: bool,
}

impl Seen<'_> {
    fn sent(mut self) {
        let flags = self.packet.flags;
        if flags.has(Flags::SYN) {
            self.sent_syn();
        } else {
            self.sent_segment();
        }
        self.sent_signals();
        let next = self.packet.seq.add(self.packet.seq_len());
        let track = &mut self.end.tracks[self.track];
        let again = track.highest_sent.is_some_and(|highest| !highest.before(next));
        if again && self.packet.seq_len() > 0 {
            self.subflow(|s| s.retransmissions += 1);
        } else if !again {
            track.highest_sent = Some(next);
            self.subflow(|s| s.next_sequence = next);
        }
    }

    fn received(mut self) {
        if self.packet.flags.has(Flags::SYN) {
            self.received_syn();
        } else {
            self.received_segment();
        }
        self.received_signals();
    }

    fn track(&mut self) -> &mut Track {
        &mut self.end.tracks[self.track]
    }

    fn subflow(&mut self, change: impl FnOnce(&mut OutsideSubflow)) {
        let local = self.end.tracks[self.track].local;
        if let Some(end) = self.world.outside_mut(self.id) {
            change(&mut end.subflows[local]);
        }
    }

    fn role(&self) -> SubflowRole {
        if self.track == 0 { SubflowRole::Initial } else { SubflowRole::Join }
    }

    fn tell(&mut self, fact: Fact) {
        self.tell_of(Some(self.packet.uid), fact);
    }

    fn tell_of(&mut self, packet: Option<PacketUid>, fact: Fact) {
        let (at, local) = (self.world.now(), self.end.tracks[self.track].local);
        let end = self.end.end;
        if let Some(outside) = self.world.outside_mut(self.id) {
            let subflow = Some(outside.subflows[local].index);
            outside.story.push(Entry { at, end, subflow, packet, fact });
        }
    }

    fn falls_back(&mut self, packet: Option<PacketUid>, reason: FallbackReason) {
        if !std::mem::replace(&mut self.end.fell_back, true) {
            self.tell_of(packet, Fact::FellBack(reason));
        }
    }
}

/// The options 30 of a packet, read once: the segments of a super-packet have the same.
#[derive(Debug)]
struct Parsed {
    from: Options,
    /// More than these no host sends: two fill a header.
    options: [MptcpOption; 8],
    count: usize,
}

impl Default for Parsed {
    fn default() -> Self {
        let none = MptcpOption::Dss(Dss { data_fin: false, ack: None, mapping: None });
        Self { from: Options::default(), options: [none; 8], count: 0 }
    }
}

impl Parsed {
    fn of(&mut self, packet: &Packet) -> &[MptcpOption] {
        if packet.options != self.from {
            self.from.clone_from(&packet.options);
            self.count = 0;
            for (slot, option) in self.options.iter_mut().zip(mptcp_options(&packet.options)) {
                *slot = option;
                self.count += 1;
            }
        }
        &self.options[..self.count]
    }
}

fn token_of(packet: &Packet) -> Option<u32> {
    mptcp_options(&packet.options).find_map(|option| match option {
        MptcpOption::Join(Join::Syn { token, .. }) => Some(token),
        _ => None,
    })
}

/// What a SYN or SYN/ACK carries of MPTCP.
fn offer_of(packet: &Packet) -> Offer {
    let found = mptcp_options(&packet.options).find_map(|option| match option {
        MptcpOption::Capable { version, .. } => Some(Offer::Capable { version }),
        MptcpOption::Join(_) => Some(Offer::Join),
        _ => None,
    });
    found.unwrap_or(Offer::Nothing)
}

/// The keys in an MP_CAPABLE: the sender's, the receiver's.
fn keys_of(packet: &Packet) -> (Option<Key>, Option<Key>) {
    let body = mptcp_options(&packet.options).find_map(|option| match option {
        MptcpOption::Capable { body, .. } => Some(body),
        _ => None,
    });
    match body {
        Some(CapableBody::Sender(key)) => (Some(Key(key)), None),
        Some(
            CapableBody::Both { sender, receiver } | CapableBody::WithData { sender, receiver, .. },
        ) => (Some(Key(sender)), Some(Key(receiver))),
        Some(CapableBody::None) | None => (None, None),
    }
}

/// A connection that a program on `host` opened.
fn seen(world: &World, host: NodeId, flow: Flow) -> ConnectionSpec {
    let server = world.host_of(flow.dst.ip()).unwrap_or(host);
    let stem = format!("{} to {}", world.node_name(host), flow.dst);
    let same = world.connections().filter(|(_, spec)| spec.name.starts_with(&stem)).count();
    ConnectionSpec {
        name: if same == 0 { stem } else { format!("{stem} ({})", same + 1) },
        client: host,
        server,
        client_address: flow.src.ip(),
        server_address: flow.dst,
        start: world.now(),
        app: AppConfig::Bulk { bytes: None, duration: None, download: false },
        bound_bps: None,
    }
}
