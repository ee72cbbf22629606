//! A client and a server with one path between them, and a box on it that may do anything.

#![allow(dead_code, unreachable_pub)] // each test takes what it needs

use sim_core::app::AppConfig;
use sim_core::engine::device::{Device, Effects, Forwarding, PortId, Side};
use sim_core::engine::link::LinkConfig;
use sim_core::engine::world::{Action, ConnectionSpec, LinkSpec, World};
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
            link: LinkConfig {
                rate: Some(BitRate(10_000_000)),
                delay: SimDuration::from_millis(10),
                ..LinkConfig::default()
            },
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
        let mut world = World::new(1);
        let client = world.add_host("client", self.client);
        let server = world.add_host("server", self.server);
        let device = TamperingBox::new(self.tampering);
        let device = world.add_device("box", device);
        let path = world.add_path(PathRecord {
            name: "path".into(),
            rate_bps: None,
            rtt: SimDuration::from_millis(20),
            devices: vec!["box".into()],
        });
        let spec = |name: &str, link: &LinkConfig| LinkSpec {
            name: name.into(),
            path: Some(path),
            forward: link.clone(),
            backward: link.clone(),
        };
        world.connect((client, 0), (device, 0), spec("wire", &LinkConfig::wire()));
        let link = world.connect((device, 1), (server, 0), spec("link", &self.link));
        world.add_address(client, 0, [10, 0, 0, 2].into());
        world.add_address(server, 0, [10, 1, 0, 2].into());
        world.add_connection(ConnectionSpec {
            name: "work".into(),
            client,
            server,
            client_address: [10, 0, 0, 2].into(),
            server_address: ([10, 1, 0, 2], 80).into(),
            start: SimTime::ZERO,
            app: self.app,
            bound_bps: None,
        });
        if let Some(ms) = self.cut_at_ms {
            world.schedule(SimTime(ms * 1_000_000), "cut".into(), None, Action::LinkDown(link));
        }
        if let Some(ms) = self.backup_at_ms {
            for (host, address) in [(client, [10, 0, 0, 2]), (server, [10, 1, 0, 2])] {
                let action = Action::SetBackup { host, address: address.into(), backup: true };
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
