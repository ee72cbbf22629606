//! A wired world under the names that a scenario gives its parts.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use sim_core::app::{AppConfig, Turn};
use sim_core::engine::device::{Device, Side, Standing};
use sim_core::engine::link::LinkConfig;
use sim_core::engine::world::{Action, ConnectionSpec, LinkId, LinkSpec, NodeId, PathId, World};
use sim_core::mptcp::config::HostConfig;
use sim_core::record::PathRecord;
use sim_core::record::story::End;
use sim_core::time::{SimDuration, SimTime};

use crate::bound::{Capacity, Edge, Headers, maximum_flow};
use crate::settings::{BothWays, Family, narrower};

/// What the shapes are built from besides their settings.
pub struct Parts<'a> {
    /// Seed of the run.
    pub seed: u64,
    /// Settings of a host by its name.
    pub host: &'a dyn Fn(&str) -> HostPlan,
    /// Devices by name, ready to be placed.
    pub devices: BTreeMap<String, Box<dyn Device>>,
}

/// Settings of a host, its addresses still by the names of their paths.
#[derive(Clone, Debug, Default)]
pub struct HostPlan {
    /// Everything else.
    pub config: HostConfig,
    /// Addresses from which subflows are opened, as names of paths or as they are; none: all.
    pub subflow: Option<Vec<String>>,
    /// Addresses to announce, likewise; none: those of another family than
    /// the first.
    pub signal: Option<Vec<String>>,
    /// Addresses for backup only, likewise.
    pub backup: Vec<String>,
}

/// An address of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAddress {
    /// Name of the path or link.
    pub link: String,
    /// Interface.
    pub port: u8,
    /// The address.
    pub address: IpAddr,
}

struct HostPlace {
    node: NodeId,
    config: HostConfig,
    addresses: Vec<HostAddress>,
}

struct LinkPlace {
    id: LinkId,
    path: Option<PathId>,
    now: BothWays,
}

struct DevicePlace {
    node: NodeId,
    pairs: u8,
}

/// An address that several hosts answer.
struct VirtualHost {
    name: String,
    address: IpAddr,
    servers: Vec<NodeId>,
}

/// A wired world.
pub struct Network {
    pub(crate) world: World,
    hosts: BTreeMap<String, HostPlace>,
    devices: BTreeMap<String, DevicePlace>,
    links: BTreeMap<String, LinkPlace>,
    edges: Vec<Edge>,
    virtual_host: Option<VirtualHost>,
    /// Addresses that devices answer for, by the device's name.
    standing: BTreeMap<String, Vec<Standing>>,
}

/// A connection to be opened, under the names of the scenario.
#[derive(Clone, Debug)]
pub struct Call {
    /// Name of the traffic.
    pub name: String,
    /// Host that opens it.
    pub from: String,
    /// Host, or virtual host, that is called.
    pub to: String,
    /// Port that is called.
    pub port: u16,
    /// When.
    pub start: SimTime,
    /// What the applications do.
    pub app: AppConfig,
}

/// What a script does to a network, under the names of the scenario.
#[derive(Clone, Debug)]
pub enum Change<'a> {
    /// The link is cut.
    LinkDown(&'a str),
    /// The link works again.
    LinkUp(&'a str),
    /// The link gets other settings.
    SetLink(&'a crate::settings::LinkChange),
    /// The device restarts.
    Reload(&'a str),
    /// An RST is forged towards both ends of the subflows on the link.
    InjectReset(&'a str),
    /// The host no longer uses its address on the path for MPTCP.
    EndpointRemoved(&'a str, &'a str),
    /// The host loses its address on the path.
    AddressRemoved(&'a str, &'a str),
    /// The host gets its address on the path back.
    AddressAdded(&'a str, &'a str),
    /// The host's address on the path is for backup only, or no longer.
    SetBackup(&'a str, &'a str, bool),
    /// The application at one end of the connection gives up.
    Abort(&'a str, End),
}

/// A name that the network does not know. (A scenario's names are checked before; this is what a
/// caller that does not check gets.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(pub String);

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the network has no \"{}\"", self.0)
    }
}

impl std::error::Error for Unknown {}

impl Network {
    /// An empty network with its devices, in the order of their names.
    pub(crate) fn new(seed: u64, devices: BTreeMap<String, Box<dyn Device>>) -> Self {
        let mut world = World::new(seed);
        let standing = devices.iter().map(|(name, d)| (name.clone(), d.stands_for())).collect();
        let devices = devices
            .into_iter()
            .map(|(name, device)| {
                let node = world.add_device(&name, device);
                (name, DevicePlace { node, pairs: 0 })
            })
            .collect();
        Self {
            world,
            hosts: BTreeMap::new(),
            devices,
            links: BTreeMap::new(),
            edges: Vec::new(),
            virtual_host: None,
            standing,
        }
    }

    /// Networks that devices answer for on one of their sides.
    pub(crate) fn answered_by(&self, devices: &[String], side: Side) -> Vec<(IpAddr, u8)> {
        let all = devices.iter().filter_map(|name| self.standing.get(name)).flatten();
        all.filter(|s| s.side == side).map(|s| (s.network, s.prefix_len)).collect()
    }

    /// The address by which clients know a host: its own, or the one that a translation in front of it
    /// gives it, as a name server would tell.
    fn known_to_clients(&self, address: IpAddr) -> IpAddr {
        let stands = |s: &&Standing| s.side == Side::Inside && s.host == Some(address);
        self.standing.values().flatten().find(stands).map_or(address, |s| s.network)
    }

    /// Adds a host with its addresses, which also say what its path manager announces.
    pub(crate) fn add_host(
        &mut self,
        name: &str,
        plan: HostPlan,
        addresses: Vec<HostAddress>,
    ) -> NodeId {
        let HostPlan { mut config, subflow, signal, backup } = plan;
        let named = |names: &[String]| -> Vec<IpAddr> {
            let of = |name: &String| {
                let on_link = addresses.iter().find(|address| &address.link == name);
                on_link.map(|address| address.address).or_else(|| name.parse().ok())
            };
            names.iter().filter_map(of).collect()
        };
        let first_is_v4 = addresses.first().is_some_and(|first| first.address.is_ipv4());
        config.path_manager.signal = match signal {
            Some(names) => named(&names),
            None => addresses
                .iter()
                .map(|address| address.address)
                .filter(|address| address.is_ipv4() != first_is_v4)
                .collect(),
        };
        config.path_manager.subflow = subflow.map(|names| named(&names));
        config.path_manager.backup = named(&backup);
        let node = self.world.add_host(name, config.clone());
        for address in &addresses {
            self.world.add_address(node, address.port, address.address);
        }
        self.hosts.insert(name.to_owned(), HostPlace { node, config, addresses });
        node
    }

    /// The node of a device, and the two ports of its next free pair.
    ///
    /// # Errors
    /// No such device, or all its ports are taken.
    pub(crate) fn device_pair(&mut self, name: &str) -> Result<(NodeId, u8, u8), Unknown> {
        let place = self.devices.get_mut(name).ok_or_else(|| Unknown(name.to_owned()))?;
        let inside = place.pairs.checked_mul(2).ok_or_else(|| Unknown(name.to_owned()))?;
        place.pairs += 1;
        Ok((place.node, inside, inside + 1))
    }

    /// The node of a device whose ports are given by the scenario.
    pub(crate) fn device(&self, name: &str) -> Result<NodeId, Unknown> {
        self.devices.get(name).map(|place| place.node).ok_or_else(|| Unknown(name.to_owned()))
    }

    /// Names a path for reports.
    pub(crate) fn add_path(&mut self, name: &str, link: &BothWays, devices: &[String]) -> PathId {
        self.world.add_path(PathRecord {
            name: name.to_owned(),
            rate_bps: link.out.rate.map(|rate| rate.0),
            rtt: link.out.delay + link.back.delay,
            devices: devices.to_vec(),
        })
    }

    /// A link that has a name of its own in the scenario.
    pub(crate) fn link(
        &mut self,
        name: &str,
        path: Option<PathId>,
        ends: [(NodeId, u8); 2],
        family: Family,
        settings: BothWays,
    ) {
        let spec = LinkSpec {
            name: name.to_owned(),
            path,
            forward: settings.out.clone(),
            backward: settings.back.clone(),
        };
        self.edge(ends, family, &settings);
        let id = self.world.connect(ends[0], ends[1], spec);
        self.links.insert(name.to_owned(), LinkPlace { id, path, now: settings });
    }

    /// An ideal wire.
    pub(crate) fn wire(&mut self, path: Option<PathId>, ends: [(NodeId, u8); 2]) {
        let both = BothWays { out: LinkConfig::wire(), back: LinkConfig::wire() };
        self.edge(ends, Family::V4, &both);
        let name = format!("wire {}.{} {}.{}", ends[0].0.0, ends[0].1, ends[1].0.0, ends[1].1);
        let spec = LinkSpec { name, path, forward: both.out, backward: both.back };
        self.world.connect(ends[0], ends[1], spec);
    }

    fn edge(&mut self, ends: [(NodeId, u8); 2], family: Family, settings: &BothWays) {
        let capacity = |link: &LinkConfig| Capacity {
            rate: link.rate,
            family,
            mtu: link.mtu,
            overhead: link.overhead,
        };
        self.edges.push(Edge {
            a: ends[0].0.0 as usize,
            b: ends[1].0.0 as usize,
            out: capacity(&settings.out),
            back: capacity(&settings.back),
        });
    }

    /// Wires `devices`, each by a pair of its own, from `start` on; returns the last one's outside.
    pub(crate) fn chain(
        &mut self,
        devices: &[String],
        path: Option<PathId>,
        start: (NodeId, u8),
    ) -> Result<(NodeId, u8), Unknown> {
        let mut end = start;
        for name in devices {
            let (node, inside, outside) = self.device_pair(name)?;
            self.wire(path, [end, (node, inside)]);
            end = (node, outside);
        }
        Ok(end)
    }

    /// Length of the intervals of the recorded series; to be set before the first call.
    pub fn set_sample_interval(&mut self, interval: SimDuration) {
        self.world.set_sample_interval(interval);
    }

    /// `servers` answer calls to `address`.
    pub(crate) fn set_virtual_host(&mut self, name: &str, address: IpAddr, servers: Vec<NodeId>) {
        self.virtual_host = Some(VirtualHost { name: name.to_owned(), address, servers });
    }

    fn host(&self, name: &str) -> Result<&HostPlace, Unknown> {
        self.hosts.get(name).ok_or_else(|| Unknown(name.to_owned()))
    }

    /// Plans a connection from the caller's first address to the first of the called host's addresses
    /// that is of the same family.
    ///
    /// # Errors
    /// A host that is not there, or has no address of the family.
    pub fn call(&mut self, call: &Call) -> Result<(), Unknown> {
        let client = self.host(&call.from)?;
        let from = client.addresses.first().ok_or_else(|| Unknown(call.from.clone()))?.address;
        let (servers, to) = match &self.virtual_host {
            Some(virtual_host) if virtual_host.name == call.to => {
                (virtual_host.servers.clone(), virtual_host.address)
            }
            _ => {
                let server = self.host(&call.to)?;
                let address = server
                    .addresses
                    .iter()
                    .map(|address| address.address)
                    .find(|address| address.is_ipv4() == from.is_ipv4())
                    .ok_or_else(|| Unknown(call.to.clone()))?;
                (vec![server.node], self.known_to_clients(address))
            }
        };
        let first = servers.first().copied().ok_or_else(|| Unknown(call.to.clone()))?;
        let client_node = client.node;
        let bound_bps = self.bound(client, first, &call.app);
        for &server in &servers {
            self.world.listen(server, call.port);
        }
        self.world.add_connection(ConnectionSpec {
            name: call.name.clone(),
            client: client_node,
            server: first,
            client_address: from,
            server_address: SocketAddr::new(to, call.port),
            start: call.start,
            app: call.app.clone(),
            bound_bps,
        });
        Ok(())
    }

    fn bound(&self, client: &HostPlace, server: NodeId, app: &AppConfig) -> Option<f64> {
        let server_place = self.hosts.values().find(|host| host.node == server)?;
        let headers = Headers::between(&client.config, &server_place.config);
        let (client, server) = (client.node.0 as usize, server.0 as usize);
        let download = match app {
            AppConfig::Bulk { download, .. } | AppConfig::Stream { download, .. } => *download,
            AppConfig::RequestResponse { request, response, .. } => response > request,
            AppConfig::UpThenDown { up, down, .. } => down > up,
            AppConfig::Dialogue { turns } => {
                let said = |end| -> usize {
                    let of = |turn: &Turn| match turn {
                        Turn::Says { by, text } if *by == end => text.len(),
                        _ => 0,
                    };
                    turns.iter().map(of).sum()
                };
                said(End::Server) > said(End::Client)
            }
        };
        let (from, to) = if download { (server, client) } else { (client, server) };
        maximum_flow(&self.edges, headers, from, to)
    }

    /// Plans something to happen at `at`; `label` is for charts.
    ///
    /// # Errors
    /// A name that is not there.
    pub fn schedule(
        &mut self,
        at: SimTime,
        label: String,
        change: &Change<'_>,
    ) -> Result<(), Unknown> {
        let mut path = None;
        let action = match *change {
            Change::LinkDown(name) => Action::LinkDown(self.link_of(name, &mut path)?),
            Change::LinkUp(name) => Action::LinkUp(self.link_of(name, &mut path)?),
            Change::InjectReset(name) => Action::InjectReset {
                link: self.link_of(name, &mut path)?,
                to_client: true,
                to_server: true,
            },
            Change::SetLink(settings) => {
                let link = self.link_of(&settings.name, &mut path)?;
                // Changes add up in the order in which they are planned, which is that of time.
                let place = self
                    .links
                    .get_mut(&settings.name)
                    .ok_or_else(|| Unknown(settings.name.clone()))?;
                place.now = settings.apply(&place.now);
                Action::SetLink {
                    link,
                    forward: Some(Box::new(place.now.out.clone())),
                    backward: Some(Box::new(place.now.back.clone())),
                }
            }
            Change::Reload(name) => Action::Reload(self.device(name)?),
            Change::EndpointRemoved(host, link) => {
                let (host, place) = self.address_of(host, link, &mut path)?;
                Action::EndpointRemoved { host, address: place.address }
            }
            Change::AddressRemoved(host, link) => {
                let (host, place) = self.address_of(host, link, &mut path)?;
                Action::AddressRemoved { host, address: place.address }
            }
            Change::AddressAdded(host, link) => {
                let (host, place) = self.address_of(host, link, &mut path)?;
                Action::AddressAdded { host, port: place.port, address: place.address }
            }
            Change::Abort(traffic, end) => {
                let connection = self.world.connection(traffic);
                let connection = connection.ok_or_else(|| Unknown(traffic.to_owned()))?;
                Action::Abort { connection, end }
            }
            Change::SetBackup(host, link, backup) => {
                let (host, place) = self.address_of(host, link, &mut path)?;
                Action::SetBackup { host, address: place.address, backup }
            }
        };
        self.world.schedule(at, label, path, action);
        Ok(())
    }

    fn link_of(&self, name: &str, path: &mut Option<PathId>) -> Result<LinkId, Unknown> {
        let place = self.links.get(name).ok_or_else(|| Unknown(name.to_owned()))?;
        *path = place.path;
        Ok(place.id)
    }

    fn address_of(
        &self,
        host: &str,
        link: &str,
        path: &mut Option<PathId>,
    ) -> Result<(NodeId, HostAddress), Unknown> {
        let place = self.host(host)?;
        let address = place.addresses.iter().find(|address| address.link == link);
        *path = self.links.get(link).and_then(|place| place.path);
        address
            .map(|address| (place.node, address.clone()))
            .ok_or_else(|| Unknown(format!("{link} at {host}")))
    }

    /// The world, ready to run.
    #[must_use]
    pub fn into_world(self) -> World {
        self.world
    }
}

/// The narrowest rate and the whole delay of links in a row.
pub(crate) fn in_a_row(links: &[&BothWays]) -> BothWays {
    let mut whole = BothWays { out: LinkConfig::wire(), back: LinkConfig::wire() };
    for link in links {
        for (sum, part) in [(&mut whole.out, &link.out), (&mut whole.back, &link.back)] {
            sum.rate = narrower(sum.rate, part.rate);
            sum.delay = sum.delay + part.delay;
        }
    }
    whole
}
