//! Measuring finely: what goes out of every endpoint, and how long every queue is.

use std::collections::BTreeMap;

use super::transmission::Transmission;
use super::world::ConnectionId;
use crate::mptcp::endpoint::{Endpoint, origin_of};
use crate::record::PathRecord;
use crate::record::detail::{
    CONNECTIONS_MAX, ConnectionDetail, Detail, PathDetail, STALL_MIN_NS, STALLS_MAX, SubflowDetail,
};
use crate::record::series::SenderSample;
use crate::record::story::End;
use crate::time::SimTime;
use crate::wire::packet::Packet;

/// Ranges of the stream remembered before those that are delivered are forgotten.
const SENT_MAX: usize = 4096;

/// What is measured while the run goes on.
#[derive(Debug, Default)]
pub struct Observer {
    paths: Vec<PathDetail>,
    /// By connection: client to server, server to client.
    connections: Vec<[Way; 2]>,
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Way {
    detail: ConnectionDetail,
    /// Which subflow first sent a range of the stream: by its start, its end and the subflow.
    sent: BTreeMap<u64, (u64, usize)>,
    delivered: u64,
}

impl Observer {
    /// After an endpoint has worked: what it sends and how its subflows are.
    pub fn endpoint(&mut self, now: SimTime, endpoint: &Endpoint, sent: &[Box<Packet>]) {
        let Some(way) = self.way(endpoint.connection, endpoint.end) else { return };
        for subflow in endpoint.subflows.iter().filter(|s| s.can_carry()) {
            let window = u64::from(subflow.tx.congestion.window().cwnd);
            let srtt = subflow.tx.rtt.srtt().as_nanos();
            way.sender(now, subflow.index, window * u64::from(subflow.peer_mss), srtt);
        }
        for packet in sent.iter().filter(|packet| !packet.payload.is_empty()) {
            let (_, local) = origin_of(packet.uid);
            if let Some(subflow) = endpoint.subflows.get(local) {
                let from = packet.payload.offset;
                way.send(now, subflow.index, (from, from + u64::from(packet.payload.len)));
            }
        }
    }

    /// An end outside the world sends a range of its stream over a subflow.
    pub fn sent(
        &mut self,
        now: SimTime,
        from: (ConnectionId, End),
        subflow: usize,
        range: (u64, u64),
    ) {
        if let Some(way) = self.way(from.0.0, from.1) {
            way.send(now, subflow, range);
        }
    }

    /// An end outside the world has told how a subflow's sender is.
    pub fn sampled(&mut self, from: (ConnectionId, End), subflow: usize, sample: &SenderSample) {
        if let Some(way) = self.way(from.0.0, from.1) {
            way.sender(sample.at, subflow, sample.cwnd, sample.srtt.as_nanos());
        }
    }

    /// Data was delivered in order, after a wait that began at `since`.
    pub fn delivered(
        &mut self,
        now: SimTime,
        connection: ConnectionId,
        from: End,
        bytes: u64,
        since: Option<SimTime>,
    ) {
        let Some(way) = self.way(connection.0, from) else { return };
        way.delivered += bytes;
        way.detail.delivered.note(now, way.delivered);
        if let Some(since) = since.filter(|since| now.since(*since).as_nanos() >= STALL_MIN_NS)
            && way.detail.stalls.len() < STALLS_MAX
        {
            way.detail.stalls.push((since, now));
        }
    }

    /// A packet was given to a link of a path; `idle_since` is when the link had sent all that it had.
    pub fn link(
        &mut self,
        now: SimTime,
        (path, backward): (usize, bool),
        idle_since: SimTime,
        link: &Transmission,
        lost: bool,
    ) {
        if self.paths.len() <= path {
            self.paths.resize_with(path + 1, PathDetail::default);
        }
        let queue = &mut self.paths[path].directions[usize::from(backward)];
        if lost {
            queue.losses += 1;
            queue.lost_at_ns.note(now, link.wait(now).as_nanos());
        }
        if link.config().rate.is_none() {
            return;
        }
        if idle_since < now {
            queue.wait_ns.note_change(idle_since, 0);
            queue.wait_ns.note(now, 0);
        }
        queue.wait_ns.note(now, link.wait(now).as_nanos());
    }

    fn way(&mut self, connection: u32, from: End) -> Option<&mut Way> {
        let index = connection as usize;
        if index >= CONNECTIONS_MAX {
            return None;
        }
        if self.connections.len() <= index {
            self.connections.resize_with(index + 1, Default::default);
        }
        Some(&mut self.connections[index][usize::from(from == End::Server)])
    }

    /// What was measured, of each connection in the direction in which more was delivered.
    #[must_use]
    pub fn finish(mut self, paths: &[PathRecord]) -> Detail {
        self.paths.resize_with(paths.len(), PathDetail::default);
        let busier = |[up, down]: [Way; 2]| {
            if down.delivered > up.delivered { down.detail } else { up.detail }
        };
        Detail {
            paths: self.paths,
            connections: self.connections.into_iter().map(busier).collect(),
        }
    }
}

impl Way {
    fn subflow(&mut self, index: usize) -> &mut SubflowDetail {
        let all = &mut self.detail.subflows;
        if all.len() <= index {
            all.resize_with(index + 1, SubflowDetail::default);
        }
        &mut all[index]
    }

    /// A sender's congestion window, in bytes, and smoothed round-trip time (0: not known).
    fn sender(&mut self, now: SimTime, subflow: usize, cwnd: u64, srtt_ns: u64) {
        let detail = self.subflow(subflow);
        detail.cwnd.note_change(now, cwnd);
        if srtt_ns > 0 {
            detail.srtt_ns.note_change(now, srtt_ns);
        }
    }

    /// `subflow` sends a range of the stream: for the first time, again, or in another's place.
    fn send(&mut self, now: SimTime, subflow: usize, (from, to): (u64, u64)) {
        let before = self.sent.range(..to).next_back().filter(|(_, (end, _))| *end > from);
        let owner = before.map(|(_, (_, owner))| *owner);
        let known = owner.is_some() || from < self.delivered;
        if !known {
            self.remember(subflow, (from, to));
        }
        let detail = self.subflow(subflow);
        let offsets = match owner {
            Some(owner) if owner != subflow => {
                detail.reinjected_bytes += to - from;
                &mut detail.reinjected
            }
            _ if known => &mut detail.again,
            _ => &mut detail.first,
        };
        offsets.note(now, from);
        offsets.note(now, to);
    }

    /// A range that was never sent: it mostly goes on from the newest one of its subflow, and is one with it.
    fn remember(&mut self, subflow: usize, (from, to): (u64, u64)) {
        if let Some(mut newest) = self.sent.last_entry() {
            let (end, owner) = newest.get_mut();
            if *end == from && *owner == subflow {
                *end = to;
                return;
            }
        }
        while self.sent.len() >= SENT_MAX
            && let Some(oldest) = self.sent.first_entry()
            && oldest.get().0 <= self.delivered
        {
            oldest.remove();
        }
        self.sent.insert(from, (to, subflow));
    }
}
