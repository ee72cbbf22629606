//! A client and a server, and paths between them with a box on each that may do anything.

#![allow(dead_code, unreachable_pub)] // each test takes what it needs

use std::net::IpAddr;

use sim_core::app::AppConfig;
use sim_core::engine::device::{Device, Effects, Forwarding, PortId, Side};
use sim_core::engine::link::LinkConfig;
use sim_core::engine::world::{Action, ConnectionSpec, LinkId, LinkSpec, NodeId, World};
use sim_core::mptcp::config::{HostConfig, Profile};
use sim_core::record::{ConnectionRecord, PathRecord, RunRecord};
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};
use sim_core::wire::packet::Packet;

/// What a box does to the nth packet (from 0) of a direction, and what it sends itself.
pub type Tampering = fn(PortId, u64, &mut Packet, &mut Effects) -> Forwarding;

/// The box.
pub struct TamperingBox {
    counts: [u64; 2],
    tampering: Tampering,
}

impl TamperingBox {
    /// It has seen nothing yet.
    pub fn new(tampering: Tampering) -> Box<Self> {
        Box::new(Self { counts: [0; 2], tampering })
    }
}

impl Device for TamperingBox {
    fn model(&self) -> &'static str {
        "box"
    }

    fn process(
        &mut self,
        _now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        let count = &mut self.counts[usize::from(ingress.side() == Side::Outside)];
        *count += 1;
        (self.tampering)(ingress, *count - 1, packet, effects)
    }
}

pub const CLIENT: u8 = 0;
pub const SERVER: u8 = 1;

/// The address of a host on a path, counted from 0.
pub fn address(host: u8, path: u8) -> IpAddr {
    [10, host, path, 2].into()
}

/// Two hosts with paths between them.
pub struct Paths {
    pub world: World,
    pub client: NodeId,
    pub server: NodeId,
    pub links: Vec<LinkId>,
}

impl Paths {
    /// Each path is a box next to the client and a link.
    pub fn new(
        client: HostConfig,
        server: HostConfig,
        boxes: impl IntoIterator<Item = Box<dyn Device>>,
        link: &LinkConfig,
    ) -> Self {
        let mut world = World::new(1);
        let client = world.add_host("client", client);
        let server = world.add_host("server", server);
        world.set_source_routing(server, false);
        let mut links = Vec::new();
        for (i, device) in (0u8..).zip(boxes) {
            let path = world.add_path(PathRecord {
                name: format!("p{i}"),
                rate_bps: None,
                rtt: SimDuration::from_millis(20),
                devices: vec!["box".into()],
            });
            let device = world.add_device(&format!("box{i}"), device);
            let spec = |name: &str, link: &LinkConfig| LinkSpec {
                name: format!("{name}{i}"),
                path: Some(path),
                forward: link.clone(),
                backward: link.clone(),
            };
            world.connect((client, i), (device, 0), spec("wire", &LinkConfig::wire()));
            links.push(world.connect((device, 1), (server, i), spec("link", link)));
            world.add_address(client, i, address(CLIENT, i));
            world.add_address(server, i, address(SERVER, i));
            world.add_route(client, [10, SERVER, i, 0].into(), 24, i);
            world.add_route(server, [10, CLIENT, i, 0].into(), 24, i);
        }
        Self { world, client, server, links }
    }

    /// A connection that begins on the first path.
    pub fn connection(&self, name: &str, start: SimTime, app: AppConfig) -> ConnectionSpec {
        ConnectionSpec {
            name: name.into(),
            client: self.client,
            server: self.server,
            client_address: address(CLIENT, 0),
            server_address: (address(SERVER, 0), 80).into(),
            start,
            app,
            bound_bps: None,
        }
    }
}

/// A path of 10 Mbps and 20 ms there and back.
pub fn usual_link() -> LinkConfig {
    LinkConfig {
        rate: Some(BitRate(10_000_000)),
        delay: SimDuration::from_millis(10),
        ..LinkConfig::default()
    }
}

/// One path with a box, next to the client.
pub struct Case {
    pub client: HostConfig,
    pub server: HostConfig,
    pub app: AppConfig,
    pub link: LinkConfig,
    pub tampering: Tampering,
    pub cut_at_ms: Option<u64>,
    pub backup_at_ms: Option<u64>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            client: HostConfig::default(),
            server: HostConfig::default(),
            app: upload(100_000),
            link: usual_link(),
            tampering: |_, _, _, _| Forwarding::Through,
            cut_at_ms: None,
            backup_at_ms: None,
        }
    }
}

impl Case {
    pub fn profile(profile: Profile) -> Self {
        let host = HostConfig { profile, ..HostConfig::default() };
        Self { client: host.clone(), server: host, ..Self::default() }
    }

    pub fn run(self) -> ConnectionRecord {
        self.run_world().connections.remove(0)
    }

    pub fn run_world(self) -> RunRecord {
        let device: Box<dyn Device> = TamperingBox::new(self.tampering);
        let paths = Paths::new(self.client, self.server, [device], &self.link);
        let connection = paths.connection("work", SimTime::ZERO, self.app);
        let Paths { mut world, client, server, links } = paths;
        world.add_connection(connection);
        if let Some(ms) = self.cut_at_ms {
            world.schedule(SimTime(ms * 1_000_000), "cut".into(), None, Action::LinkDown(links[0]));
        }
        if let Some(ms) = self.backup_at_ms {
            for (host, address) in [(client, address(CLIENT, 0)), (server, address(SERVER, 0))] {
                let action = Action::SetBackup { host, address, backup: true };
                world.schedule(SimTime(ms * 1_000_000), "backup".into(), None, action);
            }
        }
        world.run(SimTime(4_000_000_000_000))
    }

    pub fn completes(self, bytes: u64, case: &str) {
        let record = self.run();
        assert!(record.completed_at.is_some(), "{case}: {:?}", record.outcome.verdict);
        assert_eq!((record.bytes_delivered, record.stream_intact), (bytes, true), "{case}");
    }
}

pub fn upload(bytes: u64) -> AppConfig {
    AppConfig::Bulk { bytes: Some(ByteSize(bytes)), duration: None, download: false }
}

pub fn download(bytes: u64) -> AppConfig {
    AppConfig::Bulk { bytes: Some(ByteSize(bytes)), duration: None, download: true }
}
