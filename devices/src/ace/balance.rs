//! Which real server gets a new connection: predictors and stickiness.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use sim_core::engine::device::Rule;
use sim_core::rng::fnv1a;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::Flow;

use super::config::{Key, Predictor};

/// A server farm, ready for use.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) servers: Vec<Server>,
    pub(super) predictor: Predictor,
    pub(super) rule: Arc<Rule>,
    next: usize,
}

/// A real server of a farm.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) address: IpAddr,
    /// Port that it listens on; `None`: that of the connection.
    pub(super) port: Option<u16>,
    pub(super) in_service: bool,
    /// Connections open now, and ever.
    pub(super) connections: u64,
    pub(super) total: u64,
}

impl Server {
    pub(super) fn socket(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, self.port.unwrap_or(port))
    }
}

impl Pool {
    pub(super) fn new(servers: Vec<Server>, predictor: Predictor, rule: Arc<Rule>) -> Self {
        Self { servers, predictor, rule, next: 0 }
    }

    /// The server that the predictor chooses; `None` when none is in service.
    pub(super) fn predict(&mut self, flow: Flow) -> Option<usize> {
        let count = self.servers.len();
        let in_service = |at: &usize| self.servers[*at].in_service;
        match self.predictor {
            Predictor::RoundRobin => {
                let at = (0..count).map(|i| (self.next + i) % count).find(in_service)?;
                self.next = at + 1;
                Some(at)
            }
            Predictor::LeastConnections => {
                (0..count).filter(in_service).min_by_key(|&at| self.servers[at].connections)
            }
            Predictor::HashAddress(key) => {
                let candidates = (0..count).filter(in_service);
                let number = candidates.clone().count() as u64;
                let hash = fnv1a(&key_bytes(key, flow)).checked_rem(number)?;
                candidates.skip(hash as usize).take(1).next()
            }
        }
    }
}

/// The addresses that count, masked.
fn key_bytes(key: Key, flow: Flow) -> [u8; 32] {
    let mut bytes = [0; 32];
    let mut put = |at: usize, counts: bool, address: IpAddr| match address {
        _ if !counts => {}
        IpAddr::V4(address) => {
            bytes[at..at + 4].copy_from_slice(&(u32::from(address) & key.mask).to_be_bytes());
        }
        IpAddr::V6(address) => bytes[at..at + 16].copy_from_slice(&address.octets()),
    };
    put(0, key.source, flow.src.ip());
    put(16, key.destination, flow.dst.ip());
    bytes
}

/// A sticky group's memory: which server a client went to.
#[derive(Debug)]
pub(super) struct StickyTable {
    pub(super) key: Key,
    pub(super) rule: Arc<Rule>,
    timeout: SimDuration,
    entries: FxHashMap<[u8; 32], (usize, SimTime)>,
}

impl StickyTable {
    pub(super) fn new(key: Key, timeout_minutes: u32, rule: Arc<Rule>) -> Self {
        let timeout = SimDuration::from_secs(60) * u64::from(timeout_minutes);
        Self { key, rule, timeout, entries: FxHashMap::default() }
    }

    /// The server that this client is stuck to.
    pub(super) fn find(&self, now: SimTime, flow: Flow) -> Option<usize> {
        let &(server, until) = self.entries.get(&key_bytes(self.key, flow))?;
        (now < until).then_some(server)
    }

    /// Remembers, or renews, where a client goes.
    pub(super) fn remember(&mut self, now: SimTime, flow: Flow, server: usize) {
        self.entries.insert(key_bytes(self.key, flow), (server, now + self.timeout));
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(predictor: Predictor) -> Pool {
        let server = |n: u8| Server {
            name: format!("r{n}"),
            address: IpAddr::from([10, 20, 0, n]),
            port: None,
            in_service: n != 2,
            connections: 0,
            total: 0,
        };
        Pool::new((1..=3).map(server).collect(), predictor, Rule::default("", ""))
    }

    fn from(client: u8) -> Flow {
        Flow {
            src: SocketAddr::from(([10, 0, client, 2], 40_000)),
            dst: SocketAddr::from(([192, 0, 2, 10], 80)),
        }
    }

    #[test]
    fn predictors_use_servers_in_service() {
        let mut p = pool(Predictor::RoundRobin);
        assert_eq!([0; 4].map(|_| p.predict(from(1))), [Some(0), Some(2), Some(0), Some(2)]);
        let mut p = pool(Predictor::LeastConnections);
        p.servers[0].connections = 1;
        assert_eq!(p.predict(from(1)), Some(2));
        let key = Key { source: true, destination: false, mask: u32::MAX };
        let mut p = pool(Predictor::HashAddress(key));
        assert_eq!(p.predict(from(1)), p.predict(from(1)));
        let chosen: Vec<_> = (1..40).map(|c| p.predict(from(c))).collect();
        assert!(
            chosen.contains(&Some(0)) && chosen.contains(&Some(2)) && !chosen.contains(&Some(1))
        );
        p.servers.clear();
        assert_eq!(p.predict(from(1)), None);
    }

    #[test]
    fn stickiness_looks_at_what_the_mask_leaves_and_ends() {
        let key = |mask| Key { source: true, destination: false, mask };
        let mut sticky = StickyTable::new(key(0xffff_0000), 1, Rule::default("", ""));
        sticky.remember(SimTime::ZERO, from(1), 2);
        let at = |s| SimTime::ZERO + SimDuration::from_secs(s);
        assert_eq!(sticky.find(at(59), from(7)), Some(2));
        assert_eq!(sticky.find(at(60), from(7)), None);
        let mut sticky = StickyTable::new(key(u32::MAX), 1, Rule::default("", ""));
        sticky.remember(SimTime::ZERO, from(1), 2);
        assert_eq!(sticky.find(at(0), from(2)), None);
    }
}
