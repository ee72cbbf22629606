//! The shapes, as a scenario file gives them.

use std::net::IpAddr;

use serde::Deserialize;

use crate::settings::{BothWays, Family, with_link_settings};

/// The network between the hosts.
#[derive(Clone, Debug, Deserialize)]
pub enum Topology {
    /// Hosts `client` and `server`, and independent paths between them.
    MultiPath(MultiPath),
    /// Pairs of hosts whose paths all cross one bottleneck.
    SharedBottleneck(SharedBottleneck),
    /// Host `client`, paths, a load balancer with one virtual address, real servers.
    LoadBalanced(LoadBalanced),
    /// The data-centre network of Al-Fares et al. (2008).
    FatTree(FatTree),
    /// Any nodes and links.
    Graph(Graph),
}

/// Independent paths between `client` and `server`. Path *i* (from 1) has the addresses 10.0.*i*.2 at
/// the client and 10.1.*i*.2 at the server (IPv6: fd00:0:*i*::2 and fd00:1:*i*::2).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiPath {
    /// The first one carries the first subflow.
    pub paths: Vec<Path>,
}

with_link_settings! {
    /// One path: devices, then the link that limits it.
    pub struct Path {
        /// Name, for subflows, events and expectations.
        pub name: String,
        /// Address family; none: V4.
        #[serde(default)]
        pub family: Family,
        /// Names of the devices on it, from the client on.
        #[serde(default)]
        pub devices: Vec<String>,
        /// MTU of the hosts' interfaces, where it is another than the path's: larger, and the hosts have
        /// to find out what the path takes; smaller, and devices may make packets longer. None: the
        /// path's.
        #[serde(default)]
        pub interface_mtu: Option<u32>,
    }
}

impl Path {
    /// MTU of the interfaces at its ends, the path itself being `link`.
    pub(crate) fn interface_mtu(&self, link: &BothWays) -> u32 {
        self.interface_mtu.unwrap_or_else(|| link.out.mtu.min(link.back.mtu))
    }
}

/// Pairs of hosts around one link: *left* hosts, a router, the bottleneck, a router, *right* hosts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedBottleneck {
    /// The link that all share.
    pub bottleneck: Bottleneck,
    /// Who talks across it.
    pub pairs: Vec<Pair>,
}

with_link_settings! {
    /// The shared link.
    pub struct Bottleneck {
        /// Name, for events.
        pub name: String,
        /// Names of the devices in front of it, from the left on.
        #[serde(default)]
        pub devices: Vec<String>,
    }
}

with_link_settings! {
    /// A host on the left and a host on the right, and the access links of the left one, all with the
    /// same settings.
    pub struct Pair {
        /// Host on the left.
        pub client: String,
        /// Host on the right.
        pub server: String,
        /// Access links of the left host, each with an address of its own.
        #[serde(default = "one")]
        pub links: u8,
    }
}

fn one() -> u8 {
    1
}

/// Paths from `client` to a balancer that stands for several real servers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadBalanced {
    /// Address that clients call; none: what the balancer's configuration says.
    #[serde(default)]
    pub vip: Option<IpAddr>,
    /// The first one carries the first subflow.
    pub paths: Vec<Path>,
    /// Name of the device that balances.
    pub balancer: String,
    /// Real servers: host name and address.
    pub servers: Vec<(String, IpAddr)>,
}

/// Three layers of switches with *k* ports: *k* pods, *k*³/4 hosts `h1`, `h2`, …, (*k*/2)² core switches.
/// All links have the same rate and delay.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FatTree {
    /// Ports per switch: even, from 2 to 16.
    pub k: u8,
    /// Settings of every link.
    pub links: Links,
}

with_link_settings! {
    /// Settings of all links of a kind.
    pub struct Links {}
}

/// Any nodes and links. Hosts are those of `hosts`, devices those of `devices`; a link's end is a node's
/// name, for a device with its side: `edge.inside`, `edge.outside`, `edge.inside2`, ….
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// Hosts.
    pub hosts: Vec<String>,
    /// Routers.
    #[serde(default)]
    pub routers: Vec<String>,
    /// Ethernet switches that connect without being a device of the story.
    #[serde(default)]
    pub switches: Vec<String>,
    /// Links.
    pub links: Vec<GraphLink>,
}

with_link_settings! {
    /// A link of a graph.
    pub struct GraphLink {
        /// Name.
        pub name: String,
        /// First end.
        pub from: String,
        /// Second end.
        pub to: String,
        /// Address family of its addresses; none: V4.
        #[serde(default)]
        pub family: Family,
    }
}
