//! Hosts outside the world: what the live testbed needs of the engine.
//!
//! A host that is put outside keeps its addresses, routes and settings in the world, but its packets come
//! from elsewhere (a kernel) and go there: [`World::inject`] and [`World::take_arrivals`]. What its ends of
//! connections did is told to the world by whoever watches them ([`OutsideEnd`]), so that the record, its
//! verdicts and its causes are made of it as of simulated ends. Time is still an argument: the caller
//! advances the world to the time that it reads from its own clock.

use std::collections::BTreeMap;

use super::tracker::Tracker;
use super::world::{Action, Connection, ConnectionId, ConnectionSpec, NodeId, NodeKind, World};
use crate::app::marks::Marks;
use crate::mptcp::stack::{EndpointId, HostStack};
use crate::record::series::{self, SenderSample};
use crate::record::story::{End, Entry};
use crate::record::{RunRecord, StrayReset, SubflowOutcome, SubflowRole};
use crate::time::{SimDuration, SimTime};
use crate::wire::packet::{Flow, Packet, PacketUid};
use crate::wire::seq::Seq;

/// Marks the identities of ends outside the world (see [`EndpointId`]); a packet's identity then tells
/// that its maker is one, in bit 61.
const OUTSIDE: u32 = 1 << 21;

/// How an end outside the world stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutsideLife {
    /// Open, opening or closing.
    Active,
    /// Its application has written and read everything, and closed.
    Completed(SimTime),
    /// Closed before the peer's stream had come to its end: what was on its way nobody waits for.
    Left(SimTime),
    /// Never connected, or reset.
    Aborted(SimTime),
}

/// A subflow of an end outside the world, as its packets show it.
#[derive(Clone, Debug)]
pub struct OutsideSubflow {
    /// Source: this end.
    pub flow: Flow,
    /// Index of the subflow in the connection's record: the client's count.
    pub index: usize,
    /// Initial or join.
    pub role: SubflowRole,
    /// How far it came.
    pub outcome: SubflowOutcome,
    /// MP_TCPRST reason it ended with.
    pub reset_reason: Option<u8>,
    /// Segments that this end sent again.
    pub retransmissions: u64,
    /// State of this end's sender, as its kernel told it.
    pub samples: Vec<SenderSample>,
    /// When it was tried.
    pub started_at: SimTime,
    /// When it was established.
    pub established_at: Option<SimTime>,
    /// When it ended.
    pub ended_at: Option<SimTime>,
    /// What the peer expects next: the end of what was sent.
    pub next_sequence: Seq,
}

/// One end of a connection, on a host outside the world.
#[derive(Clone, Debug)]
pub struct OutsideEnd {
    /// Which connection.
    pub connection: ConnectionId,
    /// Which end of it.
    pub end: End,
    /// Its host.
    pub host: NodeId,
    /// It speaks MPTCP.
    pub is_mptcp: bool,
    /// How it stands.
    pub life: OutsideLife,
    /// What it saw and did.
    pub story: Vec<Entry>,
    /// Its subflows, in the order in which they were seen.
    pub subflows: Vec<OutsideSubflow>,
    /// Its joins that reached a host which does not know their token.
    pub stray_resets: Vec<StrayReset>,
    /// First wrong byte that it was given.
    pub wrong_at: Option<u64>,
    /// Counters of its host, with the kernel's names.
    pub counters: BTreeMap<String, u64>,
    /// Bytes that its application has written.
    pub written: u64,
    /// What was written when and is not delivered yet.
    pub(super) marks: Marks,
    next_uid: u32,
}

impl World {
    /// Takes a host out of the world, after everything is wired: from now on its packets are the
    /// caller's to bring and to take.
    ///
    /// # Panics
    /// When the node is not a host.
    pub fn put_outside(&mut self, host: NodeId) {
        let kind = &mut self.nodes[host.0 as usize].kind;
        match std::mem::replace(kind, NodeKind::Switch(Default::default())) {
            NodeKind::Host(stack) | NodeKind::Outside(stack) => *kind = NodeKind::Outside(stack),
            _ => panic!("only a host can be put outside"),
        }
    }

    /// The hosts: node, name, and what it is set to.
    pub fn hosts(&self) -> impl Iterator<Item = (NodeId, &str, &HostStack)> {
        (0..).zip(&self.nodes).filter_map(|(i, node)| match &node.kind {
            NodeKind::Host(stack) | NodeKind::Outside(stack) => {
                Some((NodeId(i), node.name.as_str(), stack))
            }
            _ => None,
        })
    }

    /// The connections that are planned or were seen.
    pub fn connections(&self) -> impl Iterator<Item = (ConnectionId, &ConnectionSpec)> {
        (0..).zip(&self.connections).map(|(i, c)| (ConnectionId(i), &c.spec))
    }

    /// The node that has this address.
    #[must_use]
    pub fn host_of(&self, address: std::net::IpAddr) -> Option<NodeId> {
        self.hosts().find(|(_, _, stack)| stack.owns(address)).map(|(node, ..)| node)
    }

    /// Name of a node.
    #[must_use]
    pub fn node_name(&self, node: NodeId) -> &str {
        &self.nodes[node.0 as usize].name
    }

    /// Begins a run that the caller drives by [`World::advance`] and ends by [`World::end`].
    pub fn begin(&mut self) {
        self.wire_devices();
    }

    /// When something will happen by itself; `None`: never.
    #[must_use]
    pub fn next_event_at(&mut self) -> Option<SimTime> {
        self.queue.next_at()
    }

    /// Everything up to `to` happens, each at its own time. A time that has passed changes nothing.
    pub fn advance(&mut self, to: SimTime) {
        while self.queue.next_at().is_some_and(|at| at <= to) {
            self.step();
        }
        self.now = self.now.max(to);
    }

    /// The time that the world has reached.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Packets sent over links so far, each link once.
    #[must_use]
    pub const fn packet_hops(&self) -> u64 {
        self.packet_hops
    }

    /// True when every connection between simulated hosts only, or with one, has ended as far as those
    /// hosts are concerned, and so have those that the caller told of.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.open_connections == 0
    }

    /// A packet comes out of an outside host's interface, now.
    pub fn inject(&mut self, host: NodeId, port: u8, packet: Packet) {
        let packet = self.outbox.pool.boxed(packet);
        self.send(host, port, packet);
        self.settle();
    }

    /// Moves the packets that have reached outside hosts to `into`, in order: host, interface, packet.
    #[allow(clippy::vec_box)]
    pub fn take_arrivals(&mut self, into: &mut Vec<(NodeId, u8, Box<Packet>)>) {
        into.append(&mut self.arrivals);
    }

    /// Takes a packet back whose way has ended.
    pub fn recycle(&mut self, packet: Box<Packet>) {
        self.outbox.pool.free(packet);
    }

    /// What the script asks of outside hosts since the last call: connections to open, addresses to
    /// change, applications to abort.
    pub fn take_requests(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.requests)
    }

    /// A connection that an outside host opened by itself; the run does not wait for it.
    pub fn add_seen_connection(&mut self, spec: ConnectionSpec) -> ConnectionId {
        let tracker = Tracker::new(self.intervals.length());
        let connection = Connection { spec, client: None, server: None, tracker, done: true };
        self.connections.push(connection);
        ConnectionId(self.connections.len() as u32 - 1)
    }

    /// An end of `connection` on the outside host `host`; returns its identity.
    pub fn add_outside_end(
        &mut self,
        connection: ConnectionId,
        end: End,
        host: NodeId,
    ) -> EndpointId {
        let id = outside_id(self.outside.len() as u32);
        self.outside.push(OutsideEnd {
            connection,
            end,
            host,
            is_mptcp: false,
            life: OutsideLife::Active,
            story: Vec::new(),
            subflows: Vec::new(),
            stray_resets: Vec::new(),
            wrong_at: None,
            counters: BTreeMap::new(),
            written: 0,
            marks: Marks::default(),
            next_uid: 0,
        });
        let c = &mut self.connections[connection.0 as usize];
        let slot = if end == End::Client { &mut c.client } else { &mut c.server };
        slot.get_or_insert(id);
        id
    }

    /// The outside end of this identity.
    #[must_use]
    pub fn outside(&self, id: EndpointId) -> Option<&OutsideEnd> {
        self.outside.get(outside_index(id)?)
    }

    /// The same, for telling what it did.
    pub fn outside_mut(&mut self, id: EndpointId) -> Option<&mut OutsideEnd> {
        self.outside.get_mut(outside_index(id)?)
    }

    /// The outside ends of a connection.
    #[must_use]
    pub fn outside_end(&self, connection: ConnectionId, end: End) -> Option<EndpointId> {
        let c = self.connections.get(connection.0 as usize)?;
        let id = if end == End::Client { c.client } else { c.server };
        id.filter(|&id| outside_index(id).is_some())
    }

    /// The connection and the subflow whose packet this is; `None` for a device's own.
    #[must_use]
    pub fn connection_of(&self, uid: PacketUid) -> Option<(ConnectionId, usize)> {
        if uid.0 >> 62 != 0 {
            return None;
        }
        let (maker, local) = crate::mptcp::endpoint::origin_of(uid);
        match outside_index(maker) {
            Some(index) => {
                let end = self.outside.get(index)?;
                Some((end.connection, end.subflows.get(local)?.index))
            }
            None => {
                let end = self.endpoints.get(maker.0 as usize)?;
                Some((ConnectionId(end.connection), end.subflows.get(local)?.index))
            }
        }
    }

    /// An identity for a packet of an outside end's subflow (by its position in the end's list).
    pub fn outside_uid(&mut self, id: EndpointId, subflow: usize) -> PacketUid {
        let Some(end) = self.outside_mut(id) else { return PacketUid(0) };
        end.next_uid = end.next_uid.wrapping_add(1);
        PacketUid(u64::from(id.0) << 40 | (subflow as u64 & 0xff) << 32 | u64::from(end.next_uid))
    }

    /// An identity for a packet that belongs to no connection.
    pub fn stray_uid(&mut self) -> PacketUid {
        self.stray_uid += 1;
        PacketUid(self.stray_uid)
    }

    /// A join has reached `host`, which knows no connection with its token.
    pub fn note_unknown_token(&mut self, host: NodeId, packet: &Packet) {
        let (from, index) = crate::mptcp::endpoint::origin_of(packet.uid);
        let entry = StrayReset {
            at: self.now,
            host: self.nodes[host.0 as usize].name.clone(),
            subflow: index,
            packet: packet.uid,
        };
        if let Some(end) = self.outside_mut(from) {
            end.stray_resets.push(entry);
        } else if let Some(endpoint) = self.endpoints.get_mut(from.0 as usize) {
            endpoint.stray_resets.push(entry);
        }
    }

    /// The application of an outside end has written up to `upto` at `at`.
    pub fn outside_wrote(&mut self, id: EndpointId, at: SimTime, upto: u64) {
        if let Some(end) = self.outside_mut(id) {
            end.written = upto;
            end.marks.push(upto, at);
        }
    }

    /// The application of an outside end has read `bytes` more at `at`.
    pub fn outside_read(&mut self, id: EndpointId, at: SimTime, bytes: u64) {
        let Some(index) = outside_index(id) else { return };
        let (connection, end) = (self.outside[index].connection, self.outside[index].end);
        self.delivered(connection.0 as usize, end, at, bytes);
    }

    /// New data-level bytes arrived at an outside end over `subflow` of the record.
    pub fn outside_fresh(&mut self, connection: ConnectionId, subflow: usize, bytes: u64) {
        let interval = self.intervals.index_of(self.now);
        let all = &mut self.connections[connection.0 as usize].tracker.series.subflows;
        if all.len() <= subflow {
            all.resize(subflow + 1, series::SubflowSeries::default());
        }
        series::add(&mut all[subflow].bytes, interval, bytes);
    }

    /// An outside end has ended.
    pub fn outside_ended(&mut self, id: EndpointId, life: OutsideLife) {
        let Some(end) = self.outside_mut(id) else { return };
        end.life = life;
        let connection = end.connection;
        self.consider_connection(connection.0 as usize);
    }

    /// An outside end sends a range of its stream, counted in bytes, over the subflow with this index.
    pub fn outside_sent(&mut self, id: EndpointId, subflow: usize, range: (u64, u64)) {
        let Some(end) = outside_index(id).and_then(|i| self.outside.get(i)) else { return };
        if let Some(observer) = self.observer.as_mut().filter(|_| range.0 < range.1) {
            observer.sent(self.now, (end.connection, end.end), subflow, range);
        }
    }

    /// How the sender of an outside end's subflow is; one that is not known is nobody's.
    pub fn outside_sampled(&mut self, id: EndpointId, flow: Flow, sample: SenderSample) {
        let Some(end) = outside_index(id).and_then(|i| self.outside.get_mut(i)) else { return };
        let Some(subflow) = end.subflows.iter_mut().find(|s| s.flow == flow) else { return };
        if let Some(observer) = &mut self.observer {
            observer.sampled((end.connection, end.end), subflow.index, &sample);
        }
        subflow.samples.push(sample);
    }

    /// Counters of an outside host: all its ends have them in common.
    pub fn set_outside_counters(&mut self, host: NodeId, counters: &BTreeMap<String, u64>) {
        for end in self.outside.iter_mut().filter(|end| end.host == host) {
            end.counters.clone_from(counters);
        }
    }

    /// The ends outside the world.
    pub fn outside_ends(&mut self) -> impl Iterator<Item = &mut OutsideEnd> {
        self.outside.iter_mut()
    }

    /// Bytes reached the application of `end`: measured against what its peer wrote.
    #[inline(always)] // once for each segment with data
    pub(super) fn delivered(&mut self, index: usize, end: End, at: SimTime, bytes: u64) {
        let interval = self.intervals.index_of(at);
        let connection = &mut self.connections[index];
        series::add(&mut connection.tracker.series.delivered, interval, bytes);
        let (direction, writer) = match end {
            End::Server => (0, connection.client),
            End::Client => (1, connection.server),
        };
        let marks = writer.and_then(|id| match outside_index(id) {
            Some(i) => self.outside.get_mut(i).map(|end| &mut end.marks),
            None => self.endpoints.get_mut(id.0 as usize).map(|end| &mut end.app.marks),
        });
        if let Some(marks) = marks {
            let tracker = &mut connection.tracker;
            let measured = &mut tracker.directions[direction];
            let since = measured.deliver(at, bytes, marks, &mut tracker.latency);
            if let Some(observer) = &mut self.observer {
                let id = ConnectionId(index as u32);
                let from = if direction == 0 { End::Client } else { End::Server };
                observer.delivered(at, id, from, bytes, since);
            }
        }
    }

    /// Length of the intervals of the recorded series.
    #[must_use]
    pub fn sample_interval(&self) -> SimDuration {
        self.intervals.length()
    }

    /// Ends the run at the time that the world has reached; yields the record.
    #[must_use]
    pub fn end(self) -> RunRecord {
        self.finish()
    }
}

/// Position of an end among those outside; `None` for a simulated one.
pub(super) const fn outside_index(id: EndpointId) -> Option<usize> {
    if id.0 & OUTSIDE == 0 { None } else { Some((id.0 & !OUTSIDE) as usize) }
}

/// Identity of the end at this position among those outside.
pub(super) const fn outside_id(index: u32) -> EndpointId {
    EndpointId(OUTSIDE | index)
}
