//! Independent paths between a client and a server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sim_core::engine::device::Side;

use crate::network::{HostAddress, Network, Parts, Unknown};
use crate::settings::{BothWays, Family};
use crate::shape::{MultiPath, Path};

/// Host part of a network of ours: `client` is 0, `server` 1, path numbers are from 1.
pub(crate) fn address(family: Family, side: u8, path: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, side, path, 2).into(),
        Family::V6 => Ipv6Addr::new(0xfd00, side.into(), path.into(), 0, 0, 0, 0, 2).into(),
    }
}

/// Length of the prefix that such an address shares with its network.
pub(crate) const fn prefix_len(family: Family) -> u8 {
    match family {
        Family::V4 => 24,
        Family::V6 => 48,
    }
}

/// One address for each path, on a port of its own.
pub(crate) fn addresses(paths: &[Path], side: u8) -> Vec<HostAddress> {
    let of = |(port, path): (u8, &Path)| HostAddress {
        link: path.name.clone(),
        port,
        address: address(path.family, side, port + 1),
    };
    (0..).zip(paths).map(of).collect()
}

impl MultiPath {
    /// Client — devices — link — server, for each path.
    pub(crate) fn build(&self, parts: Parts<'_>) -> Result<Network, Unknown> {
        let mut network = Network::new(parts.seed, parts.devices);
        let client = network.add_host("client", (parts.host)("client"), addresses(&self.paths, 0));
        let server = network.add_host("server", (parts.host)("server"), addresses(&self.paths, 1));
        // The server answers by the path of the client's address, whichever of its own was called.
        network.world.set_source_routing(server, false);
        for (port, path) in (0..).zip(&self.paths) {
            let link = path.apply(&BothWays::default());
            let id = Some(network.add_path(&path.name, &link, &path.devices));
            let (number, length) = (port + 1, prefix_len(path.family));
            network.world.add_route(client, address(path.family, 1, number), length, port);
            network.world.add_route(server, address(path.family, 0, number), length, port);
            for (host, side) in [(client, Side::Inside), (server, Side::Outside)] {
                for (network_address, length) in network.answered_by(&path.devices, side) {
                    network.world.add_route(host, network_address, length, port);
                }
            }
            let mtu = path.interface_mtu(&link);
            let last = network.chain(&path.devices, id, (client, port))?;
            network.link(&path.name, id, [last, (server, port)], path.family, link);
            for host in [client, server] {
                network.world.set_interface_mtu(host, port, mtu);
            }
        }
        Ok(network)
    }
}
