//! From a world that has run to its record.

use std::collections::BTreeMap;

use super::capture::Watch;
use super::outside::{OutsideEnd, OutsideLife, outside_id, outside_index};
use super::tracker::Tracker;
use super::world::{ConnectionId, NodeKind, World};
use crate::app::marks::Marks;
use crate::mptcp::endpoint::{Endpoint, Life, Mode};
use crate::mptcp::stack::EndpointId;
use crate::record::series::SenderSample;
use crate::record::story::Entry;
use crate::record::verdict::{Evidence, Side, judge, subflow_cause};
use crate::record::{
    ConnectionRecord, DeviceRecord, RunRecord, StrayReset, SubflowOutcome, SubflowRecord,
    SubflowRole,
};
use crate::time::SimTime;
use crate::wire::packet::Flow;

impl World {
    /// The record of the run, its verdicts read from it.
    pub(super) fn finish(mut self) -> RunRecord {
        let (changes, totals) = std::mem::take(&mut self.recorder).finish(self.device_nodes.len());
        let mut devices = Vec::new();
        for (id, changes) in self.device_nodes.iter().zip(totals) {
            let node = &self.nodes[id.0 as usize];
            if let NodeKind::Device { device, .. } = &node.kind {
                devices.push(DeviceRecord {
                    name: node.name.clone(),
                    model: device.model(),
                    counters: device.counters(),
                    changes,
                    report: device.report(),
                    warnings: Vec::new(),
                });
            }
        }
        let mut ends: Vec<(u32, usize)> =
            self.endpoints.iter().map(|e| e.connection).zip(0..).collect();
        ends.sort_unstable();
        let mut connections = Vec::with_capacity(self.connections.len());
        // The newest first: endpoints go from the end of their list while records come, so that a million
        // connections are never there twice.
        let mut own = ends.as_slice();
        for id in (0..self.connections.len() as u32).rev().map(ConnectionId) {
            let (before, these) = own.split_at(own.partition_point(|end| end.0 < id.0));
            own = before;
            connections.push(self.connection_record(id, these, &changes, &devices));
            these.iter().for_each(|&(_, i)| self.endpoints[i].release());
            self.drop_endpoints_from(id);
        }
        connections.reverse();
        let detail = self.observer.take().map(|observer| observer.finish(&self.paths));
        RunRecord {
            scenario: String::new(),
            title: String::new(),
            seed: self.seed,
            ended_at: self.now,
            paths: std::mem::take(&mut self.paths),
            connections,
            devices,
            timeline: std::mem::take(&mut self.timeline),
            changes,
            events: self.events,
            packet_hops: self.packet_hops,
            random_losses: self
                .directions
                .iter()
                .map(|direction| direction.transmission.counters().random_losses)
                .sum(),
            captures: self.watch.take().map(Watch::finish),
            detail,
            live: None,
        }
    }

    /// Gives back the room of the last endpoints, as far as they belong to this connection or a later one.
    fn drop_endpoints_from(&mut self, id: ConnectionId) {
        const AT_ONCE: usize = 4096;
        while self.endpoints.pop_if(|end| end.connection >= id.0).is_some() {}
        if self.endpoints.capacity() - self.endpoints.len() > AT_ONCE {
            self.endpoints.shrink_to(self.endpoints.len() + AT_ONCE / 2);
        }
    }

    fn endpoint(&self, id: Option<EndpointId>) -> Option<EndView<'_>> {
        let id = id?;
        match outside_index(id) {
            Some(i) => self.outside.get(i).map(EndView::of_outside),
            None => self.endpoints.get(id.0 as usize).map(EndView::of_endpoint),
        }
    }

    fn marks(&self, id: EndpointId) -> Option<&Marks> {
        match outside_index(id) {
            Some(i) => self.outside.get(i).map(|end| &end.marks),
            None => self.endpoints.get(id.0 as usize).map(|end| &end.app.marks),
        }
    }

    fn aborted_at(&self, id: EndpointId) -> Option<SimTime> {
        match outside_index(id) {
            Some(i) => match self.outside.get(i)?.life {
                OutsideLife::Aborted(at) => Some(at),
                OutsideLife::Active | OutsideLife::Completed(_) | OutsideLife::Left(_) => None,
            },
            None => match self.endpoints.get(id.0 as usize)?.life {
                Life::Aborted(at) => Some(at),
                Life::Active | Life::Completed(_) => None,
            },
        }
    }

    fn connection_record(
        &mut self,
        id: ConnectionId,
        own: &[(u32, usize)],
        changes: &[crate::record::ChangeRecord],
        devices: &[DeviceRecord],
    ) -> ConnectionRecord {
        let index = id.0 as usize;
        let (client_id, server_id) =
            (self.connections[index].client, self.connections[index].server);
        let interval = self.intervals.length();
        let mut tracker =
            std::mem::replace(&mut self.connections[index].tracker, Tracker::new(interval));
        // Nobody waits any more for a client that has given up, even if its peer does not know.
        let until = client_id.and_then(|id| self.aborted_at(id)).unwrap_or(self.now);
        for (direction, writer) in [(0, client_id), (1, server_id)] {
            if let Some(marks) = writer.and_then(|id| self.marks(id)) {
                tracker.directions[direction].note_wait(until, marks);
            }
        }
        let story = self.merged_story(id, own);
        let spec = self.connections[index].spec.clone();
        let client = self.endpoint(client_id);
        let server = self.endpoint(server_id);
        let side = |e: &Option<EndView<'_>>| e.as_ref().map(|e| e.side);
        let hosts = [&spec.client, &spec.server].map(|n| self.nodes[n.0 as usize].name.clone());
        let waiting = [(0, &client, &server), (1, &server, &client)].into_iter().any(
            |(d, writer, reader)| {
                let has_left = reader.as_ref().is_some_and(|reader| reader.has_left);
                let is_short = |w: &EndView<'_>| w.written > tracker.directions[d].delivered;
                !has_left && writer.as_ref().is_some_and(is_short)
            },
        );
        let ends = [&client, &server].map(|end| end.as_ref().filter(|end| !end.has_left));
        let end_waits = matches!(ends, [Some(a), Some(b)] if a.side.completed != b.side.completed);
        let longest = tracker.directions.iter().max_by_key(|d| d.longest_stall).expect("two");
        let (longest_stall, longest_stall_at) = (longest.longest_stall, longest.longest_stall_at);
        let origins = self.origins(id, own);
        let client_subflows = client.as_ref().map(|e| e.subflows.clone()).unwrap_or_default();
        let server_subflows = server.as_ref().map(|e| e.subflows.clone()).unwrap_or_default();
        let paths: Vec<String> =
            client_subflows.iter().map(|s| self.path_of(spec.client, s.flow)).collect();
        let strays = client.as_ref().map_or(&[][..], |c| c.strays);
        let evidence = Evidence {
            story: &story,
            changes,
            devices,
            hosts: &hosts,
            paths: &paths,
            origins: &origins,
            strays,
            timeline: &self.timeline,
            client: side(&client),
            server: side(&server),
            data_waits: waiting,
            end_waits,
            stalled_for: until.since(
                tracker
                    .directions
                    .iter()
                    .filter_map(|d| d.last_delivery)
                    .max()
                    .unwrap_or(spec.start),
            ),
        };
        let outcome = judge(&evidence);

        let delivered: u64 = tracker.directions.iter().map(|d| d.delivered).sum();
        let first = tracker.directions.iter().filter_map(|d| d.first_write).min();
        let last = tracker.directions.iter().filter_map(|d| d.last_delivery).max();
        let seconds = match (first, last) {
            (Some(first), Some(last)) if last > first => last.since(first).as_secs_f64(),
            _ => 0.0,
        };
        let rate = |bytes: u64| if seconds > 0.0 { bytes as f64 * 8.0 / seconds } else { 0.0 };
        let mut subflows = Vec::new();
        for (i, s) in client_subflows.iter().enumerate() {
            let fresh = tracker.series.subflows.get(i).map_or(0, |s| s.bytes.iter().sum());
            let peer = server_subflows.iter().find(|p| p.index == i);
            subflows.push(SubflowRecord {
                path: paths[i].clone(),
                role: s.role,
                flow: s.flow,
                outcome: s.outcome,
                reset_reason: s.reset_reason,
                bytes: fresh,
                goodput_bps: rate(fresh),
                retransmissions: s.retransmissions + peer.map_or(0, |p| p.retransmissions),
                cause: subflow_cause(&evidence, i, s.outcome),
                started_at: s.started_at,
                established_at: s.established_at,
                ended_at: s.ended_at,
            });
        }
        let mut series = std::mem::take(&mut tracker.series);
        series.subflows.resize_with(subflows.len(), Default::default);
        // The sender that moved more data is the one whose window is worth drawing.
        let down = tracker.directions[1].delivered > tracker.directions[0].delivered;
        let sender = if down { &server_subflows } else { &client_subflows };
        for s in sender {
            if let Some(line) = series.subflows.get_mut(s.index) {
                line.samples = s.samples.to_vec();
            }
        }
        let completed = |e: &Option<EndView<'_>>| e.as_ref().and_then(|e| e.completed_at);
        let completed_at = match (completed(&client), completed(&server)) {
            (Some(a), Some(b)) => Some(a.max(b)),
            _ => None,
        };
        let wrong = [&client, &server].into_iter().flatten().any(|e| e.side.wrong_at.is_some());
        let counters = |e: Option<EndView<'_>>| e.map(|e| e.counters).unwrap_or_default();
        let [client_name, server_name] = hosts;
        ConnectionRecord {
            name: spec.name,
            client: client_name,
            server: server_name,
            outcome,
            started_at: spec.start,
            completed_at,
            stream_intact: !wrong,
            bytes_delivered: delivered,
            goodput_bps: rate(delivered),
            bound_bps: spec.bound_bps,
            longest_stall,
            longest_stall_at,
            subflows,
            client_counters: counters(client),
            server_counters: counters(server),
            latency: tracker.latency,
            story,
            series,
        }
    }

    /// The story that all endpoints of a connection tell, in order of time.
    fn merged_story(&mut self, id: ConnectionId, own: &[(u32, usize)]) -> Vec<Entry> {
        let mut story: Vec<Entry> = Vec::new();
        for &(_, i) in own {
            story.append(&mut self.endpoints[i].story);
        }
        for end in self.outside.iter_mut().filter(|e| e.connection == id) {
            story.append(&mut end.story);
        }
        story.sort_by_key(|e| e.at); // stable: each end's own order is kept
        story
    }

    /// For each endpoint of the connection, the record's subflow index of each of its subflows.
    fn origins(&self, id: ConnectionId, own: &[(u32, usize)]) -> Vec<(EndpointId, Vec<usize>)> {
        let of = |e: &Endpoint| (e.id, e.subflows.iter().map(|s| s.index).collect());
        let mut all: Vec<(EndpointId, Vec<usize>)> =
            own.iter().map(|&(_, i)| of(&self.endpoints[i])).collect();
        for (i, end) in (0..).zip(&self.outside).filter(|(_, e)| e.connection == id) {
            all.push((outside_id(i), end.subflows.iter().map(|s| s.index).collect()));
        }
        all
    }

    /// Name of the path that the host's packets of `flow` took.
    fn path_of(&self, host: super::world::NodeId, flow: Flow) -> String {
        let node = &self.nodes[host.0 as usize];
        let (NodeKind::Host(stack) | NodeKind::Outside(stack)) = &node.kind else {
            return String::new();
        };
        let port = stack.past_route(flow.src.ip(), flow.dst.ip());
        let direction = port.and_then(|p| node.ports.get(usize::from(p)).copied().flatten());
        let path = direction.and_then(|d| self.directions[d as usize].path);
        path.map_or_else(|| flow.src.ip().to_string(), |p| self.paths[p.0 as usize].name.clone())
    }
}

/// One end of a connection as the record needs it, simulated or outside the world.
struct EndView<'a> {
    side: Side,
    completed_at: Option<SimTime>,
    /// It closed without waiting for all that its peer had to say.
    has_left: bool,
    written: u64,
    strays: &'a [StrayReset],
    counters: BTreeMap<String, u64>,
    subflows: Vec<SubflowView<'a>>,
}

/// One subflow of it.
#[derive(Clone)]
struct SubflowView<'a> {
    flow: Flow,
    index: usize,
    role: SubflowRole,
    outcome: SubflowOutcome,
    reset_reason: Option<u8>,
    retransmissions: u64,
    samples: &'a [SenderSample],
    started_at: SimTime,
    established_at: Option<SimTime>,
    ended_at: Option<SimTime>,
}

impl<'a> EndView<'a> {
    fn of_endpoint(e: &'a Endpoint) -> Self {
        let subflow = |s: &'a crate::mptcp::subflow::Subflow| SubflowView {
            flow: s.flow,
            index: s.index,
            role: s.role,
            outcome: s.outcome,
            reset_reason: s.reset_reason,
            retransmissions: s.tx.retransmissions,
            samples: &s.samples,
            started_at: s.started_at,
            established_at: s.established_at,
            ended_at: s.ended_at,
        };
        let completed_at = match e.life {
            Life::Completed(at) => Some(at),
            Life::Active | Life::Aborted(_) => None,
        };
        Self {
            side: Side {
                is_mptcp: matches!(e.mode, Mode::Mptcp { .. }),
                completed: completed_at.is_some(),
                aborted: matches!(e.life, Life::Aborted(_)),
                established: e.subflows.iter().any(|s| s.established_at.is_some()),
                wrong_at: e.wrong_at,
            },
            completed_at,
            has_left: false,
            written: e.app.written(),
            strays: &e.stray_resets,
            counters: e.counters.non_zero(),
            subflows: e.subflows.iter().map(subflow).collect(),
        }
    }

    fn of_outside(e: &'a OutsideEnd) -> Self {
        let subflow = |s: &'a super::outside::OutsideSubflow| SubflowView {
            flow: s.flow,
            index: s.index,
            role: s.role,
            outcome: s.outcome,
            reset_reason: s.reset_reason,
            retransmissions: s.retransmissions,
            samples: &s.samples,
            started_at: s.started_at,
            established_at: s.established_at,
            ended_at: s.ended_at,
        };
        let completed_at = match e.life {
            OutsideLife::Completed(at) | OutsideLife::Left(at) => Some(at),
            OutsideLife::Active | OutsideLife::Aborted(_) => None,
        };
        Self {
            side: Side {
                is_mptcp: e.is_mptcp,
                completed: completed_at.is_some(),
                aborted: matches!(e.life, OutsideLife::Aborted(_)),
                established: e.subflows.iter().any(|s| s.established_at.is_some()),
                wrong_at: e.wrong_at,
            },
            completed_at,
            has_left: matches!(e.life, OutsideLife::Left(_)),
            written: e.written,
            strays: &e.stray_resets,
            counters: e.counters.clone(),
            subflows: e.subflows.iter().map(subflow).collect(),
        }
    }
}
