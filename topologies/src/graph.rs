//! Any nodes and links: addresses for every network, shortest routes between them.
//!
//! Links that meet in a switch or pass a device are one network. The *i*-th network (from 1, in the
//! order of its first link) has the prefix 10.*i* / 250.*i* % 250.0/24 (IPv6: fd00:0:*i*::/48); its
//! hosts and routers have the addresses .2, .3, … in the order of the links. A host leaves by the
//! interface that the source address belongs to; a router takes the way with the fewest routers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sim_core::engine::world::NodeId;

use crate::check::DeviceSide;
use crate::network::{HostAddress, Network, Parts, Unknown};
use crate::settings::{BothWays, Family};
use crate::shape::{Graph, GraphLink};

/// One attachment of a host or router to a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// Host or router.
    pub(crate) node: String,
    /// Its port.
    pub(crate) port: u8,
    /// Index of the link.
    pub(crate) link: usize,
    /// Its address.
    pub(crate) address: IpAddr,
}

/// Links that carry the same network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    pub(crate) family: Family,
    pub(crate) links: Vec<usize>,
    pub(crate) attachments: Vec<Attachment>,
}

impl Subnet {
    fn prefix_len(&self) -> u8 {
        match self.family {
            Family::V4 => 24,
            Family::V6 => 48,
        }
    }
}

fn host_address(family: Family, network: usize, number: u8) -> IpAddr {
    match family {
        Family::V4 => {
            let (high, low) = (network / 250, network % 250);
            Ipv4Addr::new(10, high as u8, low as u8, number).into()
        }
        Family::V6 => Ipv6Addr::new(0xfd00, 0, network as u16, 0, 0, 0, 0, number.into()).into(),
    }
}

impl Graph {
    /// The two ends of a link.
    pub(crate) fn ends(link: &GraphLink) -> [&str; 2] {
        [&link.from, &link.to]
    }

    /// What one network sees as one node: all of a switch, one pair of a device.
    fn joint(&self, end: &str) -> Option<(String, u8)> {
        if self.switches.iter().any(|name| name == end) {
            return Some((end.to_owned(), 0));
        }
        DeviceSide::parse(end).map(|side| (side.device.to_owned(), side.port / 2))
    }

    /// The networks, in the order of their first links, with the ports of hosts and routers in the
    /// order of the links.
    pub(crate) fn subnets(&self) -> Vec<Subnet> {
        // Links that share a joint get the lowest number among them.
        let mut number: Vec<usize> = (0..self.links.len()).collect();
        let mut joints: BTreeMap<(String, u8), Vec<usize>> = BTreeMap::new();
        for (i, link) in self.links.iter().enumerate() {
            for joint in Self::ends(link).into_iter().filter_map(|end| self.joint(end)) {
                joints.entry(joint).or_default().push(i);
            }
        }
        let mut settled = false;
        while !settled {
            settled = true;
            for links in joints.values() {
                let lowest = links.iter().map(|&link| number[link]).min().unwrap_or(0);
                for &link in links {
                    settled &= number[link] == lowest;
                    number[link] = lowest;
                }
            }
        }
        let mut subnets: Vec<Subnet> = Vec::new();
        let mut index = BTreeMap::new();
        let mut ports: BTreeMap<&str, u8> = BTreeMap::new();
        for (i, link) in self.links.iter().enumerate() {
            let at = *index.entry(number[i]).or_insert_with(|| {
                let (links, attachments) = (Vec::new(), Vec::new());
                subnets.push(Subnet { family: link.family, links, attachments });
                subnets.len() - 1
            });
            subnets[at].links.push(i);
            for end in Self::ends(link).into_iter().filter(|end| self.joint(end).is_none()) {
                let port = ports.entry(end).or_insert(0);
                let host = (subnets[at].attachments.len() + 2) as u8;
                let address = host_address(subnets[at].family, at + 1, host);
                let attachment = Attachment { node: end.to_owned(), port: *port, link: i, address };
                subnets[at].attachments.push(attachment);
                *port = port.saturating_add(1);
            }
        }
        subnets
    }

    pub(crate) fn build(&self, parts: Parts<'_>) -> Result<Network, Unknown> {
        let mut network = Network::new(parts.seed, parts.devices);
        let subnets = self.subnets();
        let mut nodes: BTreeMap<&str, NodeId> = BTreeMap::new();
        for name in &self.hosts {
            let of_host = |attachment: &&Attachment| &attachment.node == name;
            let mut addresses: Vec<HostAddress> = subnets
                .iter()
                .flat_map(|subnet| &subnet.attachments)
                .filter(of_host)
                .map(|attachment| HostAddress {
                    link: self.links[attachment.link].name.clone(),
                    port: attachment.port,
                    address: attachment.address,
                })
                .collect();
            addresses.sort_by_key(|address| address.port);
            nodes.insert(name, network.add_host(name, (parts.host)(name), addresses));
        }
        for name in &self.routers {
            nodes.insert(name, network.world.add_router(name));
        }
        for name in &self.switches {
            nodes.insert(name, network.world.add_switch(name));
        }
        self.add_links(&mut network, &nodes)?;
        self.add_routes(&mut network, &nodes, &subnets);
        Ok(network)
    }

    fn add_links(
        &self,
        network: &mut Network,
        nodes: &BTreeMap<&str, NodeId>,
    ) -> Result<(), Unknown> {
        let mut ports: BTreeMap<&str, u8> = BTreeMap::new();
        for link in &self.links {
            let settings = link.apply(&BothWays::default());
            let mut at = Vec::new();
            for end in Self::ends(link) {
                at.push(match nodes.get(end) {
                    Some(&node) => {
                        let port = ports.entry(end).or_insert(0);
                        *port += 1;
                        (node, *port - 1)
                    }
                    None => {
                        let side = DeviceSide::parse(end).ok_or_else(|| Unknown(end.to_owned()))?;
                        (network.device(side.device)?, side.port)
                    }
                });
            }
            // A subflow is named after the link by which it leaves its host.
            let at_host =
                Self::ends(link).iter().any(|end| self.hosts.iter().any(|host| host == end));
            let path = at_host.then(|| network.add_path(&link.name, &settings, &[]));
            network.link(&link.name, path, [at[0], at[1]], link.family, settings);
        }
        Ok(())
    }

    /// Routers know every network; a host, the networks that it is on, and its first router.
    fn add_routes(
        &self,
        network: &mut Network,
        nodes: &BTreeMap<&str, NodeId>,
        subnets: &[Subnet],
    ) {
        for target in subnets {
            let Some(prefix) = target.attachments.first().map(|first| first.address) else {
                continue;
            };
            for (router, port) in self.ways_to(target, subnets) {
                if let Some(&node) = nodes.get(router) {
                    network.world.add_route(node, prefix, target.prefix_len(), port);
                }
            }
            for attachment in &target.attachments {
                if self.hosts.contains(&attachment.node)
                    && let Some(&host) = nodes.get(attachment.node.as_str())
                {
                    let port = attachment.port;
                    network.world.add_route(host, prefix, target.prefix_len(), port);
                    network.world.add_route(host, prefix, 0, port);
                }
            }
        }
    }

    /// For each router, its port towards `target`: breadth first from the routers that are on it.
    fn ways_to<'a>(&self, target: &'a Subnet, subnets: &'a [Subnet]) -> Vec<(&'a str, u8)> {
        let is_router = |attachment: &&Attachment| self.routers.contains(&attachment.node);
        let mut ways: BTreeMap<&str, u8> = BTreeMap::new();
        let mut reached: Vec<&str> = Vec::new();
        for attachment in target.attachments.iter().filter(is_router) {
            if ways.insert(&attachment.node, attachment.port).is_none() {
                reached.push(&attachment.node);
            }
        }
        let mut next = 0;
        while next < reached.len() {
            let near = reached[next];
            next += 1;
            for subnet in subnets {
                if !subnet.attachments.iter().any(|attachment| attachment.node == near) {
                    continue;
                }
                for attachment in subnet.attachments.iter().filter(is_router) {
                    if !ways.contains_key(attachment.node.as_str()) {
                        ways.insert(&attachment.node, attachment.port);
                        reached.push(&attachment.node);
                    }
                }
            }
        }
        ways.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        ron::from_str(
            r#"(
                hosts: ["a", "b"], routers: ["r", "s"], switches: ["w"],
                links: [
                    (name: "a1", from: "a", to: "w"),
                    (name: "a2", from: "a", to: "edge.inside"),
                    (name: "core", from: "r", to: "s"),
                    (name: "w-r", from: "w", to: "r"),
                    (name: "edge-r", from: "edge.outside", to: "r"),
                    (name: "b1", from: "s", to: "b"),
                ],
            )"#,
        )
        .unwrap()
    }

    #[test]
    fn links_through_switches_and_devices_are_one_network() {
        let subnets = graph().subnets();
        let links: Vec<&[usize]> = subnets.iter().map(|subnet| subnet.links.as_slice()).collect();
        assert_eq!(links, [&[0, 3][..], &[1, 4], &[2], &[5]]);
        let attached: Vec<String> = subnets
            .iter()
            .flat_map(|subnet| &subnet.attachments)
            .map(|a| format!("{}.{} {}", a.node, a.port, a.address))
            .collect();
        assert_eq!(
            attached,
            [
                "a.0 10.0.1.2",
                "r.1 10.0.1.3",
                "a.1 10.0.2.2",
                "r.2 10.0.2.3",
                "r.0 10.0.3.2",
                "s.0 10.0.3.3",
                "s.1 10.0.4.2",
                "b.0 10.0.4.3",
            ]
        );
    }

    #[test]
    fn routers_know_the_shortest_way() {
        let graph = graph();
        let subnets = graph.subnets();
        let check = |target: usize, expect: &[(&str, u8)]| {
            assert_eq!(graph.ways_to(&subnets[target], &subnets), expect);
        };
        check(0, &[("r", 1), ("s", 0)]);
        check(3, &[("r", 0), ("s", 1)]);
    }
}
