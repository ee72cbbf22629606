//! From a world that has run to its record.

use super::tracker::Tracker;
use super::world::{ConnectionId, NodeKind, World};
use crate::mptcp::endpoint::{Endpoint, Life, Mode};
use crate::mptcp::stack::EndpointId;
use crate::record::story::Entry;
use crate::record::verdict::{Evidence, Side, judge, subflow_cause};
use crate::record::{ConnectionRecord, DeviceRecord, RunRecord, SubflowRecord};

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
        let mut connections = Vec::new();
        for index in 0..self.connections.len() {
            connections.push(self.connection_record(
                ConnectionId(index as u32),
                &changes,
                &devices,
            ));
        }
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
            packet_hops: self.directions.iter().map(|d| d.transmission.counters().packets).sum(),
            captures: self.captures.take(),
            detail,
        }
    }

    fn endpoint(&self, id: Option<EndpointId>) -> Option<&Endpoint> {
        id.and_then(|id| self.endpoints.get(id.0 as usize))
    }

    fn connection_record(
        &mut self,
        id: ConnectionId,
        changes: &[crate::record::ChangeRecord],
        devices: &[DeviceRecord],
    ) -> ConnectionRecord {
        let index = id.0 as usize;
        let (client_id, server_id) =
            (self.connections[index].client, self.connections[index].server);
        let interval = self.sample_interval;
        let mut tracker =
            std::mem::replace(&mut self.connections[index].tracker, Tracker::new(interval));
        for (direction, writer) in [(0, client_id), (1, server_id)] {
            if let Some(writer) = self.endpoint(writer) {
                tracker.directions[direction].note_wait(self.now, &writer.app);
            }
        }
        let story = self.merged_story(id);
        let spec = self.connections[index].spec.clone();
        let client = self.endpoint(client_id);
        let server = self.endpoint(server_id);
        let side = |e: Option<&Endpoint>| {
            e.map(|e| Side {
                is_mptcp: matches!(e.mode, Mode::Mptcp { .. }),
                completed: matches!(e.life, Life::Completed(_)),
                aborted: matches!(e.life, Life::Aborted(_)),
                established: e.subflows.iter().any(|s| s.established_at.is_some()),
                wrong_at: e.wrong_at,
            })
        };
        let hosts = [&spec.client, &spec.server].map(|n| self.nodes[n.0 as usize].name.clone());
        let waiting = [(0, client), (1, server)].into_iter().any(|(d, writer)| {
            writer.is_some_and(|w| w.app.written() > tracker.directions[d].delivered)
        });
        let longest = tracker.directions.iter().max_by_key(|d| d.longest_stall).expect("two");
        let (longest_stall, longest_stall_at) = (longest.longest_stall, longest.longest_stall_at);
        let origins = self.origins(id);
        let paths: Vec<String> = client.map_or_else(Vec::new, |c| {
            (0..c.subflows.len()).map(|i| self.path_of(spec.client, c, i)).collect()
        });
        let strays: Vec<_> = client.map_or_else(Vec::new, |c| c.stray_resets.clone());
        let evidence = Evidence {
            story: &story,
            changes,
            devices,
            hosts: &hosts,
            paths: &paths,
            origins: &origins,
            strays: &strays,
            timeline: &self.timeline,
            client: side(client),
            server: side(server),
            data_waits: waiting,
            stalled_for: self.now.since(
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
        if let Some(client) = client {
            for (i, s) in client.subflows.iter().enumerate() {
                let fresh = tracker.series.subflows.get(i).map_or(0, |s| s.bytes.iter().sum());
                let peer = server.and_then(|e| e.subflows.iter().find(|p| p.index == i));
                subflows.push(SubflowRecord {
                    path: paths[i].clone(),
                    role: s.role,
                    flow: s.flow,
                    outcome: s.outcome,
                    reset_reason: s.reset_reason,
                    bytes: fresh,
                    goodput_bps: rate(fresh),
                    retransmissions: s.tx.retransmissions
                        + peer.map_or(0, |p| p.tx.retransmissions),
                    cause: subflow_cause(&evidence, i, s.outcome),
                    started_at: s.started_at,
                    established_at: s.established_at,
                    ended_at: s.ended_at,
                });
            }
        }
        let mut series = std::mem::take(&mut tracker.series);
        series.subflows.resize_with(subflows.len(), Default::default);
        // The sender that moved more data is the one whose window is worth drawing.
        let down = tracker.directions[1].delivered > tracker.directions[0].delivered;
        let sender = if down { server } else { client };
        for s in sender.into_iter().flat_map(|e| &e.subflows) {
            if let Some(line) = series.subflows.get_mut(s.index) {
                line.samples = s.samples.clone();
            }
        }
        let completed_at = match (client.map(|c| c.life), server.map(|s| s.life)) {
            (Some(Life::Completed(a)), Some(Life::Completed(b))) => Some(a.max(b)),
            _ => None,
        };
        let counters = |e: Option<&Endpoint>| e.map(|e| e.counters.non_zero()).unwrap_or_default();
        let wrong = [client, server].into_iter().flatten().any(|e| e.wrong_at.is_some());
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
    fn merged_story(&mut self, id: ConnectionId) -> Vec<Entry> {
        let mut story: Vec<Entry> = Vec::new();
        for endpoint in self.endpoints.iter_mut().filter(|e| e.connection == id.0) {
            story.append(&mut endpoint.story);
        }
        story.sort_by_key(|e| e.at); // stable: each end's own order is kept
        story
    }

    /// For each endpoint of the connection, the record's subflow index of each of its subflows.
    fn origins(&self, id: ConnectionId) -> Vec<(EndpointId, Vec<usize>)> {
        let of = |e: &Endpoint| (e.id, e.subflows.iter().map(|s| s.index).collect());
        self.endpoints.iter().filter(|e| e.connection == id.0).map(of).collect()
    }

    /// Name of the path that the client's packets on subflow `i` take.
    fn path_of(&self, host: super::world::NodeId, client: &Endpoint, i: usize) -> String {
        let node = &self.nodes[host.0 as usize];
        let NodeKind::Host(stack) = &node.kind else { return String::new() };
        let flow = client.subflows[i].flow;
        let port = stack.route(flow.src.ip(), flow.dst.ip());
        let direction = port.and_then(|p| node.ports.get(usize::from(p)).copied().flatten());
        let path = direction.and_then(|d| self.directions[d as usize].path);
        path.map_or_else(|| flow.src.ip().to_string(), |p| self.paths[p.0 as usize].name.clone())
    }
}
