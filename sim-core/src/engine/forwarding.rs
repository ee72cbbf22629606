//! Routers and switches: where a packet goes that is for somebody else.

use std::net::IpAddr;

use super::device::in_prefix;
use crate::rng::fnv1a;
use crate::wire::packet::Flow;

/// Longest-prefix-match routes of a router. Several routes to the same network share its flows by a hash
/// of addresses and ports (equal-cost multipath, RFC 2992), so that a flow keeps its way.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    routes: Vec<(IpAddr, u8, u8)>,
    salt: u64,
}

impl RouteTable {
    /// No routes; `name` makes the router's hash another than its neighbours'.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { routes: Vec::new(), salt: fnv1a(name.as_bytes()) }
    }

    /// Adds a route to `network`/`prefix_len` by `port`.
    pub fn add(&mut self, network: IpAddr, prefix_len: u8, port: u8) {
        // Longest first, so that the first match is the best; equal lengths in the order added.
        let at = self.routes.partition_point(|r| r.1 >= prefix_len);
        self.routes.insert(at, (network, prefix_len, port));
    }

    /// The port for a packet of `flow`.
    #[must_use]
    pub fn lookup(&self, flow: Flow) -> Option<u8> {
        let matches = |r: &(IpAddr, u8, u8)| in_prefix(flow.dst.ip(), r.0, r.1);
        let best = self.routes.iter().position(matches)?;
        let (network, len, port) = self.routes[best];
        let equal = || self.routes[best..].iter().filter(move |r| (r.0, r.1) == (network, len));
        match equal().count() {
            1 => Some(port),
            ways => equal().nth(self.hash(flow) as usize % ways).map(|r| r.2),
        }
    }

    fn hash(&self, flow: Flow) -> u64 {
        let mut bytes = [0; 36];
        for (end, part) in [flow.src, flow.dst].into_iter().zip(bytes.chunks_mut(18)) {
            match end.ip() {
                IpAddr::V4(address) => part[..4].copy_from_slice(&address.octets()),
                IpAddr::V6(address) => part[..16].copy_from_slice(&address.octets()),
            }
            part[16..].copy_from_slice(&end.port().to_be_bytes());
        }
        // The low bits of FNV-1a hold little of the first bytes: fold the high ones in.
        let hash = (fnv1a(&bytes) ^ self.salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash >> 33
    }
}

/// What a switch has learnt. Addresses stand for the MAC addresses that the simulator does not have.
#[derive(Clone, Debug, Default)]
pub struct LearntPorts {
    learnt: std::collections::BTreeMap<IpAddr, u8>,
}

impl LearntPorts {
    /// A packet from `src` came in by `port`.
    pub fn learn(&mut self, src: IpAddr, port: u8) {
        self.learnt.insert(src, port);
    }

    /// The port towards `dst`, when it is known; else the packet is flooded.
    #[must_use]
    pub fn lookup(&self, dst: IpAddr) -> Option<u8> {
        self.learnt.get(&dst).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins() {
        let mut t = RouteTable::default();
        t.add("0.0.0.0".parse().unwrap(), 0, 0);
        t.add("10.1.2.0".parse().unwrap(), 24, 2);
        t.add("10.1.0.0".parse().unwrap(), 16, 1);
        t.add("fd00:1::".parse().unwrap(), 32, 3);
        for (dst, port) in [
            ("10.1.2.9", Some(2)),
            ("10.1.3.9", Some(1)),
            ("192.0.2.1", Some(0)),
            ("fd00:1::5", Some(3)),
            ("fd00:2::5", None),
        ] {
            assert_eq!(t.lookup(flow(dst, 80)), port, "{dst}");
        }
    }

    #[test]
    fn equal_routes_share_the_flows() {
        let mut t = RouteTable::new("r");
        for port in 0..4 {
            t.add("0.0.0.0".parse().unwrap(), 0, port);
        }
        let mut flows = [0; 4];
        for dst_port in 0..4_000 {
            let way = t.lookup(flow("10.0.0.1", dst_port)).unwrap();
            assert_eq!(t.lookup(flow("10.0.0.1", dst_port)), Some(way), "a flow keeps its way");
            flows[usize::from(way)] += 1;
        }
        assert!(flows.iter().all(|n| (850..1150).contains(n)), "{flows:?}");
        let mut other = t.clone();
        other.salt = RouteTable::new("s").salt;
        let same = (0..4_000)
            .filter(|&p| t.lookup(flow("10.0.0.1", p)) == other.lookup(flow("10.0.0.1", p)));
        assert!((850..1150).contains(&same.count()), "two routers decide for themselves");
    }

    fn flow(dst: &str, port: u16) -> Flow {
        let dst: IpAddr = dst.parse().unwrap();
        let src: IpAddr = if dst.is_ipv4() { "10.9.9.9" } else { "fd00:9::9" }.parse().unwrap();
        Flow { src: (src, 40_000).into(), dst: (dst, port).into() }
    }
}
