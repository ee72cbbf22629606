//! Routers and switches: where a packet goes that is for somebody else.

use std::net::IpAddr;

use super::device::in_prefix;

/// Longest-prefix-match routes of a router.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    routes: Vec<(IpAddr, u8, u8)>,
}

impl RouteTable {
    /// Adds a route to `network`/`prefix_len` by `port`.
    pub fn add(&mut self, network: IpAddr, prefix_len: u8, port: u8) {
        // Longest first, so that the first match is the best; equal lengths in the order added.
        let at = self.routes.partition_point(|r| r.1 >= prefix_len);
        self.routes.insert(at, (network, prefix_len, port));
    }

    /// The port for `dst`.
    #[must_use]
    pub fn lookup(&self, dst: IpAddr) -> Option<u8> {
        self.routes.iter().find(|&&(network, len, _)| in_prefix(dst, network, len)).map(|r| r.2)
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
            assert_eq!(t.lookup(dst.parse().unwrap()), port, "{dst}");
        }
    }
}
