//! Routers and switches: where a packet goes that is for somebody else.

use std::net::IpAddr;

use crate::rng::fnv1a;
use crate::wire::packet::{Flow, Packet};

/// Longest-prefix-match routes of a router. Several routes to the same network share its flows by a hash
/// of addresses and ports (equal-cost multipath, RFC 2992), so that a flow keeps its way.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    v4: Prefixes<u32>,
    v6: Prefixes<u128>,
    salt: u64,
}

/// The port for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The port.
    pub port: u8,
    /// All packets to the same address leave by it.
    pub is_only: bool,
}

/// The ports by which a network is reached.
#[derive(Clone, Debug)]
struct Ways {
    first: u8,
    /// All of them, where there is more than one.
    equal: Vec<u8>,
}

/// Routes of one address family, addresses as numbers.
#[derive(Clone, Debug, Default)]
struct Prefixes<A> {
    /// Routes to single addresses, in order of the address.
    hosts: Vec<(A, Ways)>,
    /// Networks as address and mask, the longest prefix first.
    networks: Vec<(A, A, Ways)>,
}

impl<A: Copy + Ord + std::ops::BitAnd<Output = A>> Prefixes<A> {
    /// Adds a way to the addresses that are `network` under `mask`; `every` is the mask of one address.
    fn add(&mut self, network: A, mask: A, every: A, port: u8) {
        let network = network & mask;
        let new = Ways { first: port, equal: Vec::new() };
        let known = if mask == every {
            match self.hosts.binary_search_by_key(&network, |h| h.0) {
                Ok(at) => &mut self.hosts[at].1,
                Err(at) => return self.hosts.insert(at, (network, new)),
            }
        } else {
            match self.networks.iter().position(|n| (n.0, n.1) == (network, mask)) {
                Some(at) => &mut self.networks[at].2,
                None => {
                    let at = self.networks.partition_point(|n| n.1 >= mask);
                    return self.networks.insert(at, (network, mask, new));
                }
            }
        };
        if known.equal.is_empty() {
            known.equal.push(known.first);
        }
        known.equal.push(port);
    }

    #[inline]
    fn find(&self, address: A) -> Option<&Ways> {
        match self.hosts.binary_search_by_key(&address, |h| h.0) {
            Ok(at) => Some(&self.hosts[at].1),
            Err(_) => self.networks.iter().find(|n| address & n.1 == n.0).map(|n| &n.2),
        }
    }
}

impl RouteTable {
    /// No routes; `name` makes the router's hash another than its neighbours'.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { salt: fnv1a(name.as_bytes()), ..Self::default() }
    }

    /// Adds a route to `network`/`prefix_len` by `port`.
    pub fn add(&mut self, network: IpAddr, prefix_len: u8, port: u8) {
        let len = u32::from(prefix_len);
        match network {
            IpAddr::V4(network) => {
                let mask = u32::MAX.checked_shl(32 - len.min(32)).unwrap_or(0);
                self.v4.add(network.to_bits(), mask, u32::MAX, port);
            }
            IpAddr::V6(network) => {
                let mask = u128::MAX.checked_shl(128 - len.min(128)).unwrap_or(0);
                self.v6.add(network.to_bits(), mask, u128::MAX, port);
            }
        }
    }

    /// The port for a packet to `dst`; `flow` is asked for where several are equal.
    #[must_use]
    #[inline]
    pub fn lookup(&self, dst: IpAddr, flow: impl FnOnce() -> Flow) -> Option<Way> {
        let ways = match dst {
            IpAddr::V4(dst) => self.v4.find(dst.to_bits()),
            IpAddr::V6(dst) => self.v6.find(dst.to_bits()),
        }?;
        match ways.equal.len() {
            0 => Some(Way { port: ways.first, is_only: true }),
            count => {
                let port = ways.equal[self.hash(flow()) as usize % count];
                Some(Way { port, is_only: false })
            }
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

/// A router lowers a packet's time to live; false when that is the packet's end.
#[inline]
pub fn lives_on(packet: &mut Packet) -> bool {
    packet.ttl = packet.ttl.saturating_sub(1);
    packet.ttl > 0
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
            assert_eq!(find(&t, flow(dst, 80)), port, "{dst}");
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
            let way = find(&t, flow("10.0.0.1", dst_port)).unwrap();
            assert_eq!(find(&t, flow("10.0.0.1", dst_port)), Some(way), "a flow keeps its way");
            flows[usize::from(way)] += 1;
        }
        assert!(flows.iter().all(|n| (850..1150).contains(n)), "{flows:?}");
        let mut other = t.clone();
        other.salt = RouteTable::new("s").salt;
        let same = (0..4_000)
            .filter(|&p| find(&t, flow("10.0.0.1", p)) == find(&other, flow("10.0.0.1", p)));
        assert!((850..1150).contains(&same.count()), "two routers decide for themselves");
    }

    fn find(table: &RouteTable, flow: Flow) -> Option<u8> {
        table.lookup(flow.dst.ip(), || flow).map(|way| way.port)
    }

    fn flow(dst: &str, port: u16) -> Flow {
        let dst: IpAddr = dst.parse().unwrap();
        let src: IpAddr = if dst.is_ipv4() { "10.9.9.9" } else { "fd00:9::9" }.parse().unwrap();
        Flow { src: (src, 40_000).into(), dst: (dst, port).into() }
    }
}
