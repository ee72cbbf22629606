//! Paths to a balancer that stands for several real servers.

use std::net::IpAddr;

use crate::multi_path::{address, addresses, prefix_len};
use crate::network::{HostAddress, Network, Parts, Unknown};
use crate::settings::BothWays;
use crate::shape::LoadBalanced;

impl LoadBalanced {
    /// Client — devices — link — balancer — router — servers, the balancer with a pair for each path.
    pub(crate) fn build(&self, vip: IpAddr, parts: Parts<'_>) -> Result<Network, Unknown> {
        let mut network = Network::new(parts.seed, parts.devices);
        let client = network.add_host("client", (parts.host)("client"), addresses(&self.paths, 0));
        let router = network.world.add_router("server network");
        let mut servers = Vec::new();
        let paths = self.paths.len() as u8;
        for (i, (name, real)) in (0..).zip(&self.servers) {
            let own = HostAddress { link: name.clone(), port: 0, address: *real };
            let server = network.add_host(name, (parts.host)(name), vec![own]);
            let all = if real.is_ipv4() { 32 } else { 128 };
            network.world.add_route(router, *real, all, paths + i);
            network.world.add_route(server, *real, 0, 0);
            network.wire(None, [(router, paths + i), (server, 0)]);
            servers.push(server);
        }
        for (port, path) in (0..).zip(&self.paths) {
            let link = path.apply(&BothWays::default());
            let devices = [path.devices.clone(), vec![self.balancer.clone()]].concat();
            let id = Some(network.add_path(&path.name, &link, &devices));
            let own = address(path.family, 0, port + 1);
            network.world.add_route(client, own, 0, port);
            network.world.add_route(router, own, prefix_len(path.family), port);
            let mtu = path.interface_mtu(&link);
            let last = network.chain(&path.devices, id, (client, port))?;
            let (balancer, inside, outside) = network.device_pair(&self.balancer)?;
            network.link(&path.name, id, [last, (balancer, inside)], path.family, link);
            network.wire(id, [(balancer, outside), (router, port)]);
            network.world.set_interface_mtu(client, port, mtu);
        }
        network.set_virtual_host(&self.balancer, vip, servers);
        Ok(network)
    }
}
