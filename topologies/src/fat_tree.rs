//! The data-centre network of Al-Fares, Loukissas and Vahdat (SIGCOMM 2008): *k* pods of *k*/2 edge and
//! *k*/2 aggregation routers with *k* ports each, (*k*/2)² core routers, *k*/2 hosts at each edge.
//!
//! Upwards, a router spreads flows over all its uplinks by a hash of addresses and ports (equal-cost
//! multipath), so that subflows between the same two hosts take different ways.

use std::net::{IpAddr, Ipv4Addr};

use crate::network::{HostAddress, Network, Parts, Unknown};
use crate::settings::{BothWays, Family};
use crate::shape::FatTree;

impl FatTree {
    /// Names of the links, numbers from 1: `h1` at a host, `pod1-edge2-agg1`, `pod1-agg2-core3`.
    #[must_use]
    pub fn link_names(&self) -> Vec<String> {
        let half = u32::from(self.k / 2);
        let mut names: Vec<String> = (1..=self.hosts()).map(|host| format!("h{host}")).collect();
        for pod in 0..u32::from(self.k) {
            for agg in 0..half {
                names.extend((0..half).map(|edge| inner_name(pod, edge, agg)));
                names.extend((0..half).map(|up| core_name(pod, agg, agg * half + up)));
            }
        }
        names
    }

    pub(crate) fn build(&self, parts: Parts<'_>) -> Result<Network, Unknown> {
        let mut network = Network::new(parts.seed, parts.devices);
        let (pods, half) = (u32::from(self.k), u32::from(self.k / 2));
        let link = self.links.apply(&BothWays::default());
        let any: IpAddr = Ipv4Addr::UNSPECIFIED.into();
        let cores: Vec<_> =
            (0..half * half).map(|c| network.world.add_router(&format!("core{}", c + 1))).collect();
        let mut host_number = 0;
        for pod in 0..pods {
            let router = |kind: &str, i: u32| format!("pod{}-{kind}{}", pod + 1, i + 1);
            let aggs: Vec<_> =
                (0..half).map(|i| network.world.add_router(&router("agg", i))).collect();
            for edge_number in 0..half {
                let edge = network.world.add_router(&router("edge", edge_number));
                for (port, seat) in (0..).zip(0..half) {
                    host_number += 1;
                    let name = format!("h{host_number}");
                    let address = address(pod, edge_number, seat);
                    let own = HostAddress { link: name.clone(), port: 0, address };
                    let host = network.add_host(&name, (parts.host)(&name), vec![own]);
                    network.world.add_route(host, any, 0, 0);
                    network.world.add_route(edge, address, 32, port);
                    let path = Some(network.add_path(&name, &link, &[]));
                    network.link(&name, path, [(host, 0), (edge, port)], Family::V4, link.clone());
                }
                for (agg_number, &agg) in (0..).zip(&aggs) {
                    let up = (half + agg_number) as u8;
                    network.world.add_route(edge, any, 0, up);
                    network.world.add_route(
                        agg,
                        address(pod, edge_number, 0),
                        24,
                        edge_number as u8,
                    );
                    let name = inner_name(pod, edge_number, agg_number);
                    let ends = [(edge, up), (agg, edge_number as u8)];
                    network.link(&name, None, ends, Family::V4, link.clone());
                }
            }
            for (agg_number, &agg) in (0..).zip(&aggs) {
                for up in 0..half {
                    let core_number = agg_number * half + up;
                    let (port, core) = ((half + up) as u8, cores[core_number as usize]);
                    network.world.add_route(agg, any, 0, port);
                    network.world.add_route(core, address(pod, 0, 0), 16, pod as u8);
                    let name = core_name(pod, agg_number, core_number);
                    let ends = [(agg, port), (core, pod as u8)];
                    network.link(&name, None, ends, Family::V4, link.clone());
                }
            }
        }
        Ok(network)
    }
}

/// 10.*pod*.*edge*.*seat*, the first seat .2 (all but the last from 0), as the paper has it.
fn address(pod: u32, edge: u32, seat: u32) -> IpAddr {
    Ipv4Addr::new(10, pod as u8, edge as u8, seat as u8 + 2).into()
}

fn inner_name(pod: u32, edge: u32, agg: u32) -> String {
    format!("pod{}-edge{}-agg{}", pod + 1, edge + 1, agg + 1)
}

fn core_name(pod: u32, agg: u32, core: u32) -> String {
    format!("pod{}-agg{}-core{}", pod + 1, agg + 1, core + 1)
}
