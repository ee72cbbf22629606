//! The most that a network could give a connection after headers: a maximum flow over its links, each
//! counted at the payload that its rate carries in full segments.

use sim_core::mptcp::config::{HostConfig, Profile};
use sim_core::units::BitRate;

use crate::settings::Family;

/// What every full segment of a connection carries besides payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// TCP header with its options, in bytes.
    pub tcp: u32,
}

impl Headers {
    /// Between two hosts: the TCP header, timestamps where both offer them, and a DSS option (RFC 8684
    /// §3.3: 4-byte data acknowledgement and data sequence number, padded to 20 bytes with or without a
    /// checksum; Linux sends 8-byte ones, 28 bytes) where both speak MPTCP.
    #[must_use]
    pub fn between(client: &HostConfig, server: &HostConfig) -> Self {
        let timestamps = if client.timestamps && server.timestamps { 12 } else { 0 };
        let profiles = [client.profile, server.profile];
        let dss = if profiles.contains(&Profile::TcpOnly) {
            0
        } else if profiles.contains(&Profile::Linux6) {
            28
        } else {
            20
        };
        Self { tcp: 20 + timestamps + dss }
    }

    /// Payload bits per second of a link of this rate.
    #[must_use]
    pub fn payload_rate(&self, capacity: &Capacity) -> Option<f64> {
        let ip = match capacity.family {
            Family::V4 => 20,
            Family::V6 => 40,
        };
        let payload = capacity.mtu.saturating_sub(ip + self.tcp);
        let on_wire = f64::from(capacity.mtu) + f64::from(capacity.overhead);
        capacity.rate.map(|rate| rate.0 as f64 * f64::from(payload) / on_wire)
    }
}

/// One direction of a link, as far as it limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Bits per second; none: unlimited.
    pub rate: Option<BitRate>,
    /// Family of what it carries.
    pub family: Family,
    /// Largest IP packet, in bytes.
    pub mtu: u32,
    /// Framing per packet, in bytes.
    pub overhead: u32,
}

/// A link between two nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// First node.
    pub a: usize,
    /// Second node.
    pub b: usize,
    /// From the first to the second.
    pub out: Capacity,
    /// Back.
    pub back: Capacity,
}

/// The maximum flow of payload from node `from` to node `to` over `edges`, in bit/s; `None` when there
/// is no limit. (Edmonds and Karp: shortest augmenting paths.)
#[must_use]
pub fn maximum_flow(edges: &[Edge], headers: Headers, from: usize, to: usize) -> Option<f64> {
    let nodes = edges.iter().map(|edge| edge.a.max(edge.b) + 1).max().unwrap_or(0);
    if from == to || from >= nodes || to >= nodes {
        return Some(0.0);
    }
    // Arc 2i goes along edge i, arc 2i + 1 back; a link's directions do not share their capacity, so
    // what flows along one may as well be taken back through the other's arc.
    let mut residual: Vec<f64> = edges
        .iter()
        .flat_map(|edge| [edge.out, edge.back])
        .map(|capacity| headers.payload_rate(&capacity).unwrap_or(f64::INFINITY))
        .collect();
    let mut leaving = vec![Vec::new(); nodes];
    for (i, edge) in edges.iter().enumerate() {
        leaving[edge.a].push((2 * i, edge.b));
        leaving[edge.b].push((2 * i + 1, edge.a));
    }
    let mut total = 0.0;
    // Each augmentation fills an arc for good in its level of distance: E·V of them are enough.
    for _ in 0..edges.len() * nodes + 1 {
        let Some(path) = shortest_path(&leaving, &residual, from, to) else { break };
        let least = path.iter().map(|&arc| residual[arc]).fold(f64::INFINITY, f64::min);
        if least.is_infinite() {
            return None;
        }
        for &arc in &path {
            residual[arc] -= least;
            residual[arc ^ 1] += least;
        }
        total += least;
    }
    Some(total)
}

/// Arcs of a shortest path with room, by breadth-first search.
fn shortest_path(
    leaving: &[Vec<(usize, usize)>],
    residual: &[f64],
    from: usize,
    to: usize,
) -> Option<Vec<usize>> {
    /// Less than this much room, in bit/s, is rounding.
    const ROOM: f64 = 1e-3;
    let mut came_by: Vec<Option<(usize, usize)>> = vec![None; leaving.len()];
    let mut reached = std::collections::VecDeque::from([from]);
    while let Some(node) = reached.pop_front() {
        for &(arc, next) in &leaving[node] {
            if next != from && came_by[next].is_none() && residual[arc] > ROOM {
                came_by[next] = Some((arc, node));
                reached.push_back(next);
            }
        }
    }
    let mut path = Vec::new();
    let mut node = to;
    while node != from {
        let (arc, before) = came_by[node]?;
        path.push(arc);
        node = before;
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(a: usize, b: usize, mbps: u64) -> Edge {
        let capacity = Capacity {
            rate: (mbps > 0).then_some(BitRate(mbps * 1_000_000)),
            family: Family::V4,
            mtu: 1500,
            overhead: 0,
        };
        Edge { a, b, out: capacity, back: capacity }
    }

    #[test]
    fn payload_of_a_full_segment() {
        let check = |client: Profile, server: Profile, family, mtu, overhead, expect: f64| {
            let config = |profile| HostConfig { profile, ..HostConfig::default() };
            let headers = Headers::between(&config(client), &config(server));
            let rate = Some(BitRate(1_000_000));
            let found = headers.payload_rate(&Capacity { rate, family, mtu, overhead }).unwrap();
            assert!((found - expect).abs() < 0.5, "{found}");
        };
        use Family::{V4, V6};
        use Profile::{Linux6, Rfc8684, TcpOnly};
        check(Rfc8684, Rfc8684, V4, 1500, 0, 1e6 * 1428.0 / 1500.0);
        check(Rfc8684, Rfc8684, V6, 1500, 0, 1e6 * 1408.0 / 1500.0);
        check(Linux6, Linux6, V4, 1500, 14, 1e6 * 1420.0 / 1514.0);
        check(TcpOnly, Rfc8684, V4, 1500, 0, 1e6 * 1448.0 / 1500.0);
    }

    #[test]
    fn flows() {
        let check = |edges: &[Edge], to, expect: Option<f64>| {
            let flow = maximum_flow(edges, Headers { tcp: 20 }, 0, to);
            let raw = flow.map(|bps| bps * 1500.0 / 1460.0 / 1e6);
            assert_eq!(raw.map(f64::round), expect, "{edges:?}");
        };
        check(&[edge(0, 1, 3), edge(0, 1, 3), edge(0, 1, 3)], 1, Some(9.0));
        check(&[edge(0, 1, 10), edge(0, 1, 10), edge(1, 2, 12)], 2, Some(12.0));
        check(&[edge(1, 0, 5)], 1, Some(5.0));
        check(&[edge(0, 1, 0), edge(1, 2, 7)], 2, Some(7.0));
        check(&[edge(0, 1, 0)], 1, None);
        check(&[edge(0, 1, 1)], 2, Some(0.0));
        // The first shortest path must be partly taken back.
        check(
            &[
                edge(0, 1, 1),
                edge(0, 2, 1),
                edge(1, 3, 1),
                edge(1, 4, 1),
                edge(2, 3, 1),
                edge(3, 5, 1),
                edge(4, 5, 1),
            ],
            5,
            Some(2.0),
        );
    }
}
