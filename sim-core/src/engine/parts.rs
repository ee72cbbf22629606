//! Parts of a world that nothing connects. Neither can tell when the other runs, so they run one after
//! another: what one touches stays in the cache, however many there are.

use std::collections::BTreeMap;

use super::queue::{EventQueue, Target};
use super::world::{Action, NodeKind, World};
use crate::time::SimTime;

/// A part of a world, waiting for its turn.
#[derive(Default)]
struct Part {
    queue: EventQueue,
    /// Its connections that have not ended.
    open: usize,
}

impl World {
    /// Runs until every connection has ended, or to `limit`.
    pub(super) fn run_all(&mut self, limit: SimTime) {
        let mut parts =
            if self.is_seen_only_by_its_connections() { self.split() } else { Vec::new() };
        if parts.len() < 2 {
            parts =
                vec![Part { queue: std::mem::take(&mut self.queue), open: self.open_connections }];
        }
        let mut ended_at = SimTime::ZERO;
        let mut open = 0;
        for part in &mut parts {
            self.exchange(part);
            self.run_to(limit);
            self.exchange(part);
            ended_at = ended_at.max(self.now);
            open += part.open;
        }
        // What has ended goes on until the last part has: packets are under way, and timers run.
        for part in parts.iter_mut().filter(|part| part.open == 0) {
            self.exchange(part);
            while self.queue.next_at().is_some_and(|at| at < ended_at || open > 0 && at == ended_at)
            {
                self.step();
            }
            self.exchange(part);
        }
        (self.now, self.open_connections) = (ended_at, open);
    }

    /// It is this part's turn, or no longer.
    fn exchange(&mut self, part: &mut Part) {
        std::mem::swap(&mut self.queue, &mut part.queue);
        std::mem::swap(&mut self.open_connections, &mut part.open);
    }

    /// Runs until every open connection has ended, or to `limit`.
    fn run_to(&mut self, limit: SimTime) {
        while self.open_connections > 0 {
            // An empty queue: nothing will ever happen again, and the connections wait to the end.
            let Some((now, target)) = self.queue.pop_by(limit) else {
                self.now = limit;
                break;
            };
            self.process(now, target);
        }
    }

    /// True when nothing shows in which order things happen in different parts: nobody watches the wire,
    /// nothing but connections is scripted, and no device writes into the one list of changes.
    fn is_seen_only_by_its_connections(&self) -> bool {
        self.watch.is_none()
            && self.observer.is_none()
            && self.device_nodes.is_empty()
            && self.script.iter().all(|entry| matches!(entry.action, Action::Connect(_)))
            && !self.nodes.iter().any(|node| matches!(node.kind, NodeKind::Outside(_)))
    }

    /// The parts in order of their first events, which leave the world's own queue; none when there is but
    /// one.
    fn split(&mut self) -> Vec<Part> {
        let mut sets = Sets::new(self.nodes.len());
        for ends in self.directions.chunks_exact(2) {
            sets.join(ends[0].to.0.0, ends[1].to.0.0);
        }
        for connection in &self.connections {
            sets.join(connection.spec.client.0, connection.spec.server.0);
        }
        let mut clients = self.connections.iter().map(|c| c.spec.client.0);
        let first = clients.next().map(|client| sets.find(client));
        if clients.all(|client| Some(sets.find(client)) == first) {
            return Vec::new();
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut index = BTreeMap::new();
        while let Some((at, target)) = self.queue.pop() {
            let Target::Script(entry) = target else { continue };
            let Action::Connect(id) = self.script[entry as usize].action else { continue };
            let set = sets.find(self.connections[id.0 as usize].spec.client.0);
            let part = *index.entry(set).or_insert_with(|| {
                parts.push(Part::default());
                parts.len() - 1
            });
            parts[part].queue.push(at, target);
            parts[part].open += 1;
        }
        parts
    }
}

/// Disjoint sets of numbers (union–find, with path halving).
struct Sets(Vec<u32>);

impl Sets {
    fn new(count: usize) -> Self {
        Self((0..count as u32).collect())
    }

    fn find(&mut self, mut of: u32) -> u32 {
        let parents = &mut self.0;
        while parents[of as usize] != of {
            parents[of as usize] = parents[parents[of as usize] as usize];
            of = parents[of as usize];
        }
        of
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b) as usize] = a.min(b);
    }
}
