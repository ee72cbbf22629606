//! A world under construction: nodes, links, addresses, connections and a script of events.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use super::capture::Watch;
pub use super::capture::{CaptureInterface, Captured, Captures};
use super::device::{Device, Effects, PortPair};
use super::forwarding::{LearntPorts, RouteTable};
use super::link::LinkConfig;
use super::observer::Observer;
use super::outside::OutsideEnd;
use super::queue::EventQueue;
use super::recorder::Recorder;
use super::tracker::Tracker;
use super::transmission::Transmission;
use crate::app::AppConfig;
use crate::mptcp::config::HostConfig;
use crate::mptcp::endpoint::{Endpoint, Outbox};
use crate::mptcp::stack::{EndpointId, HostStack};
use crate::record::series::Intervals;
use crate::record::{DeviceId, PathRecord, TimelineEvent};
use crate::rng::Stream;
use crate::time::{SimDuration, SimTime};
use crate::wire::packet::{Packet, PacketUid};

/// A node of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// A link: both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// A path, as the scenario names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(pub u32);

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

/// Both directions of a new link.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    /// Name: its random streams are derived from it.
    pub name: String,
    /// The path that it is part of.
    pub path: Option<PathId>,
    /// From the first end to the second.
    pub forward: LinkConfig,
    /// Back.
    pub backward: LinkConfig,
}

/// A connection to be opened.
#[derive(Clone, Debug)]
pub struct ConnectionSpec {
    /// Name of the traffic.
    pub name: String,
    /// Host that opens it.
    pub client: NodeId,
    /// Host that is called.
    pub server: NodeId,
    /// Source address of the first subflow.
    pub client_address: IpAddr,
    /// Address called.
    pub server_address: SocketAddr,
    /// When.
    pub start: SimTime,
    /// What the applications do.
    pub app: AppConfig,
    /// The most that the paths could give after headers, in bit/s.
    pub bound_bps: Option<f64>,
}

/// Something that the script makes happen.
#[derive(Clone, Debug)]
pub enum Action {
    /// The link is cut: what is on it is lost.
    LinkDown(LinkId),
    /// The link works again.
    LinkUp(LinkId),
    /// The link's settings change for packets sent from now on.
    SetLink {
        /// Which.
        link: LinkId,
        /// First end to second, if that changes.
        forward: Option<Box<LinkConfig>>,
        /// Back.
        backward: Option<Box<LinkConfig>>,
    },
    /// The device restarts: its state is gone.
    Reload(NodeId),
    /// An address of a host is no longer one of MPTCP's endpoints; the host keeps it.
    EndpointRemoved {
        /// Host.
        host: NodeId,
        /// Address.
        address: IpAddr,
    },
    /// An address of a host goes away.
    AddressRemoved {
        /// Host.
        host: NodeId,
        /// Address.
        address: IpAddr,
    },
    /// An address of a host appears.
    AddressAdded {
        /// Host.
        host: NodeId,
        /// Interface.
        port: u8,
        /// Address.
        address: IpAddr,
    },
    /// The priority of an address changes (MP_PRIO).
    SetBackup {
        /// Host.
        host: NodeId,
        /// Address.
        address: IpAddr,
        /// Backup or not.
        backup: bool,
    },
    /// Somebody on the link forges a reset of every subflow that crosses it.
    InjectReset {
        /// Which link.
        link: LinkId,
        /// Towards the client.
        to_client: bool,
        /// Towards the server.
        to_server: bool,
    },
    /// The application at one end of a connection gives up (MP_FASTCLOSE, or RST).
    Abort {
        /// Which connection.
        connection: ConnectionId,
        /// Which end.
        end: crate::record::story::End,
    },
    /// A connection is opened.
    Connect(ConnectionId),
}

pub(super) enum NodeKind {
    Host(HostStack),
    /// A host whose packets are the caller's (see [`super::outside`]).
    Outside(HostStack),
    Device {
        device: Box<dyn Device>,
        record: DeviceId,
        armed: SimTime,
        effects: Effects,
    },
    Router(RouteTable),
    Switch(LearntPorts),
}

/// By which direction of a link a host sends from one address to another, and how large a packet may be.
#[derive(Clone, Copy)]
pub(super) struct Way {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) direction: u32,
    pub(super) mtu: u32,
}

impl Way {
    /// True for a packet of these addresses that is not too long.
    #[inline(always)] // once for each packet
    pub(super) fn takes(&self, packet: &Packet) -> bool {
        self.src == packet.src && self.dst == packet.dst && packet.wire_len() <= self.mtu
    }
}

#[repr(C)]
pub(super) struct Node {
    /// The ways that a host's packets took last: neither its addresses nor its routes are looked at again
    /// for the same pair. Forgotten when one of them changes.
    pub(super) ways: [Option<Way>; 2],
    pub(super) kind: NodeKind,
    /// Direction that leaves by each port.
    pub(super) ports: Vec<Option<u32>>,
    pub(super) name: String,
}

/// One direction of a link; on two cache lines what a packet needs that passes a router behind it.
#[repr(C, align(64))]
pub(super) struct LinkDirection {
    pub(super) transmission: Transmission,
    pub(super) to: (NodeId, u8),
    /// Where the router at the end sent the last packet: its destination, and the direction by which the
    /// router sends all packets there.
    pub(super) shortcut: Option<(IpAddr, u32)>,
    pub(super) path: Option<PathId>,
    /// The end of a connection, and its subflow, that the last packet was for: what to have ready when the
    /// next one comes.
    pub(super) receiver: u32,
    pub(super) receiver_subflow: u8,
}

/// A connection. What every delivery touches comes first.
#[repr(C)]
pub(super) struct Connection {
    pub(super) client: Option<EndpointId>,
    pub(super) server: Option<EndpointId>,
    pub(super) done: bool,
    pub(super) tracker: Tracker,
    pub(super) spec: ConnectionSpec,
}

pub(super) struct ScriptEntry {
    pub(super) event: Option<TimelineEvent>,
    pub(super) action: Action,
}

/// A world under construction, then running.
pub struct World {
    pub(super) seed: u64,
    pub(super) queue: EventQueue,
    pub(super) now: SimTime,
    pub(super) nodes: Vec<Node>,
    pub(super) directions: Vec<LinkDirection>,
    pub(super) paths: Vec<PathRecord>,
    pub(super) connections: Vec<Connection>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) endpoint_hosts: Vec<NodeId>,
    pub(super) script: Vec<ScriptEntry>,
    pub(super) outbox: Outbox,
    pub(super) recorder: Recorder,
    pub(super) device_nodes: Vec<NodeId>,
    pub(super) moving: VecDeque<(NodeId, u8, Box<Packet>)>,
    pub(super) timeline: Vec<TimelineEvent>,
    pub(super) intervals: Intervals,
    pub(super) watch: Option<Watch>,
    pub(super) observer: Option<Observer>,
    pub(super) events: u64,
    pub(super) packet_hops: u64,
    pub(super) open_connections: usize,
    pub(super) stray_uid: u64,
    pub(super) outside: Vec<OutsideEnd>,
    pub(super) arrivals: Vec<(NodeId, u8, Box<Packet>)>,
    pub(super) requests: Vec<Action>,
}

impl World {
    /// An empty world; all its random streams derive from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            queue: EventQueue::default(),
            now: SimTime::ZERO,
            nodes: Vec::new(),
            directions: Vec::new(),
            paths: Vec::new(),
            connections: Vec::new(),
            endpoints: Vec::new(),
            endpoint_hosts: Vec::new(),
            script: Vec::new(),
            outbox: Outbox::default(),
            recorder: Recorder::default(),
            device_nodes: Vec::new(),
            moving: VecDeque::new(),
            timeline: Vec::new(),
            intervals: Intervals::new(SimDuration::from_millis(100)),
            watch: None,
            observer: None,
            events: 0,
            packet_hops: 0,
            open_connections: 0,
            stray_uid: 1 << 62,
            outside: Vec::new(),
            arrivals: Vec::new(),
            requests: Vec::new(),
        }
    }

    /// Length of the intervals of the recorded series (100 ms unless set).
    pub fn set_sample_interval(&mut self, interval: SimDuration) {
        self.intervals = Intervals::new(interval);
    }

    /// Measures finely, for charts: see [`crate::record::detail`].
    pub fn observe(&mut self) {
        self.observer = Some(Observer::default());
    }

    /// Keeps a copy of every packet at every port.
    pub fn capture(&mut self) {
        self.watch = Some(Watch::new(true));
    }

    /// Keeps a copy of the packets that tell the connections' stories, at every port: see
    /// [`super::capture`]. Nothing when all are captured already.
    pub fn watch(&mut self) {
        self.watch.get_or_insert_with(|| Watch::new(false));
    }

    /// Keeps the headers of every packet at every host.
    pub fn capture_heads(&mut self) {
        self.watch = Some(Watch::heads());
    }

    /// Names a path; links and reports refer to it.
    pub fn add_path(&mut self, record: PathRecord) -> PathId {
        self.paths.push(record);
        PathId(self.paths.len() as u32 - 1)
    }

    fn add_node(&mut self, name: &str, kind: NodeKind) -> NodeId {
        self.nodes.push(Node { name: name.to_owned(), kind, ports: Vec::new(), ways: [None; 2] });
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// A host: it has addresses and connections.
    pub fn add_host(&mut self, name: &str, config: HostConfig) -> NodeId {
        let mut stack = HostStack::new(config);
        stack.draw_first_port(&mut Stream::new(self.seed, &format!("host {name} ports")));
        self.add_node(name, NodeKind::Host(stack))
    }

    /// A device model; its ports come in pairs (see [`super::device`]).
    pub fn add_device(&mut self, name: &str, device: Box<dyn Device>) -> NodeId {
        let record = DeviceId(self.device_nodes.len() as u32);
        let first_uid = PacketUid((1 << 63) | u64::from(record.0) << 40);
        let effects = Effects::new(first_uid);
        let kind = NodeKind::Device { device, record, armed: SimTime::NEVER, effects };
        let node = self.add_node(name, kind);
        self.device_nodes.push(node);
        node
    }

    /// A router: longest-prefix match, equal routes shared by flow, time to live lowered.
    pub fn add_router(&mut self, name: &str) -> NodeId {
        self.add_node(name, NodeKind::Router(RouteTable::new(name)))
    }

    /// A switch: learns addresses, floods what it does not know.
    pub fn add_switch(&mut self, name: &str) -> NodeId {
        self.add_node(name, NodeKind::Switch(LearntPorts::default()))
    }

    /// Connects two free ports.
    ///
    /// # Panics
    /// When a port is connected already.
    pub fn connect(&mut self, a: (NodeId, u8), b: (NodeId, u8), spec: LinkSpec) -> LinkId {
        let link = LinkId(self.directions.len() as u32 / 2);
        for (from, to, config, way) in
            [(a, b, spec.forward, "forward"), (b, a, spec.backward, "backward")]
        {
            let index = self.directions.len() as u32;
            let node = &mut self.nodes[from.0.0 as usize];
            let port = usize::from(from.1);
            if node.ports.len() <= port {
                node.ports.resize(port + 1, None);
            }
            assert!(node.ports[port].is_none(), "port {port} of {} is connected twice", node.name);
            node.ports[port] = Some(index);
            node.ways = [None; 2];
            if let NodeKind::Host(stack) = &mut node.kind {
                if stack.mtus.len() <= port {
                    stack.mtus.resize(port + 1, 1500);
                }
                stack.mtus[port] = if config.mtu == u32::MAX { 1500 } else { config.mtu };
            }
            let rng = Stream::new(self.seed, &format!("link {} {way}", spec.name));
            self.directions.push(LinkDirection {
                transmission: Transmission::new(config, rng),
                to,
                shortcut: None,
                receiver: u32::MAX,
                receiver_subflow: 0,
                path: spec.path,
            });
        }
        link
    }

    /// The MTU of a host's interface, which it tells its peers (MSS); unless set (after the port is
    /// connected), the link's, and 1500 on an ideal wire.
    pub fn set_interface_mtu(&mut self, host: NodeId, port: u8, mtu: u32) {
        let stack = self.stack_mut(host);
        let port = usize::from(port);
        if stack.mtus.len() <= port {
            stack.mtus.resize(port + 1, 1500);
        }
        stack.mtus[port] = mtu;
    }

    /// Gives a host an address on a port.
    pub fn add_address(&mut self, host: NodeId, port: u8, address: IpAddr) {
        self.stack_mut(host).add_address(address, port);
    }

    /// A route of a host or router to `network`/`prefix_len`.
    ///
    /// # Panics
    /// When the node is neither.
    pub fn add_route(&mut self, node: NodeId, network: IpAddr, prefix_len: u8, port: u8) {
        let node = &mut self.nodes[node.0 as usize];
        node.ways = [None; 2];
        match &mut node.kind {
            NodeKind::Host(stack) => stack.add_route(network, prefix_len, port),
            NodeKind::Router(table) => {
                table.add(network, prefix_len, port);
                if self.events > 0 {
                    self.directions.iter_mut().for_each(|d| d.shortcut = None);
                }
            }
            _ => panic!("only hosts and routers have routes"),
        }
    }

    /// Does a host send a packet out of the port that its source address belongs to? (Default: yes.)
    pub fn set_source_routing(&mut self, host: NodeId, on: bool) {
        self.stack_mut(host).source_routing = on;
    }

    /// The host accepts connections on `port`.
    pub fn listen(&mut self, host: NodeId, port: u16) {
        self.stack_mut(host).listen(port);
    }

    /// A connection to be opened when its time comes. The server listens.
    pub fn add_connection(&mut self, spec: ConnectionSpec) -> ConnectionId {
        let id = ConnectionId(self.connections.len() as u32);
        let port = spec.server_address.port();
        self.listen(spec.server, port);
        let start = spec.start;
        let tracker = Tracker::new(self.intervals.length());
        self.connections.push(Connection {
            spec,
            client: None,
            server: None,
            tracker,
            done: false,
        });
        self.open_connections += 1;
        self.enter(start, None, Action::Connect(id));
        id
    }

    /// The connection of this name.
    #[must_use]
    pub fn connection(&self, name: &str) -> Option<ConnectionId> {
        let index = self.connections.iter().position(|c| c.spec.name == name)?;
        Some(ConnectionId(index as u32))
    }

    /// Something happens at `at`; `label` names it in charts ("dsl down"), `path` says where.
    pub fn schedule(&mut self, at: SimTime, label: String, path: Option<PathId>, action: Action) {
        let path = path.map(|p| self.paths[p.0 as usize].name.clone());
        self.enter(at, Some(TimelineEvent { at, label, path }), action);
    }

    fn enter(&mut self, at: SimTime, event: Option<TimelineEvent>, action: Action) {
        self.script.push(ScriptEntry { event, action });
        self.queue.push(at, super::queue::Target::Script(self.script.len() as u32 - 1));
    }

    /// A host's stack for changes: what was remembered of its addresses and routes no longer holds.
    pub(super) fn stack_mut(&mut self, host: NodeId) -> &mut HostStack {
        let node = &mut self.nodes[host.0 as usize];
        node.ways = [None; 2];
        match &mut node.kind {
            NodeKind::Host(stack) | NodeKind::Outside(stack) => {
                stack.forget_recent();
                stack
            }
            _ => panic!("{} is not a host", node.name),
        }
    }

    /// Tells every device which paths it stands in.
    pub(super) fn wire_devices(&mut self) {
        for &id in &self.device_nodes {
            let node = &mut self.nodes[id.0 as usize];
            let pairs = node.ports.len().div_ceil(2);
            let path_of = |port: usize| -> Option<PathId> {
                self.directions[node.ports.get(port).copied().flatten()? as usize].path
            };
            let pairs: Vec<PortPair> = (0..pairs)
                .map(|k| {
                    let path = path_of(2 * k).or_else(|| path_of(2 * k + 1));
                    PortPair {
                        path: path
                            .map_or_else(String::new, |p| self.paths[p.0 as usize].name.clone()),
                    }
                })
                .collect();
            if let NodeKind::Device { device, .. } = &mut node.kind {
                device.wire(&pairs);
            }
        }
    }
}
