//! Pairs of hosts around one link that all share.

use std::net::{IpAddr, Ipv4Addr};

use crate::network::{HostAddress, Network, Parts, Unknown, in_a_row};
use crate::settings::{BothWays, Family};
use crate::shape::SharedBottleneck;

impl SharedBottleneck {
    /// Left hosts — access links — router — devices — bottleneck — router — right hosts. The `i`-th
    /// pair (from 1) has the addresses 10.*i*.*link*.2 on the left and 10.*i*.0.2 on the right.
    pub(crate) fn build(&self, parts: Parts<'_>) -> Result<Network, Unknown> {
        let mut network = Network::new(parts.seed, parts.devices);
        let (left, right) = (network.world.add_router("left"), network.world.add_router("right"));
        let bottleneck = self.bottleneck.apply(&BothWays::default());
        let (mut left_port, mut right_port) = (1, 1);
        for (i, pair) in (1..).zip(&self.pairs) {
            let access = pair.apply(&BothWays::default());
            let links = (1..=pair.links).map(|link| HostAddress {
                link: Self::access_name(pair, link),
                port: link - 1,
                address: Ipv4Addr::new(10, i, link, 2).into(),
            });
            let plan = (parts.host)(&pair.client);
            let client = network.add_host(&pair.client, plan, links.collect());
            let far: IpAddr = Ipv4Addr::new(10, i, 0, 2).into();
            let own = HostAddress { link: pair.server.clone(), port: 0, address: far };
            let server = network.add_host(&pair.server, (parts.host)(&pair.server), vec![own]);
            for link in 1..=pair.links {
                let name = Self::access_name(pair, link);
                let near: IpAddr = Ipv4Addr::new(10, i, link, 2).into();
                let whole = in_a_row(&[&access, &bottleneck]);
                let id = Some(network.add_path(&name, &whole, &self.bottleneck.devices));
                network.world.add_route(client, near, 0, link - 1);
                network.world.add_route(left, near, 24, left_port);
                network.world.add_route(right, near, 24, 0);
                let ends = [(client, link - 1), (left, left_port)];
                network.link(&name, id, ends, Family::V4, access.clone());
                left_port += 1;
            }
            network.world.add_route(left, far, 24, 0);
            network.world.add_route(right, far, 24, right_port);
            network.world.add_route(server, far, 0, 0);
            network.wire(None, [(right, right_port), (server, 0)]);
            right_port += 1;
        }
        let last = network.chain(&self.bottleneck.devices, None, (left, 0))?;
        network.link(&self.bottleneck.name, None, [last, (right, 0)], Family::V4, bottleneck);
        Ok(network)
    }
}
