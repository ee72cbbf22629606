//! A bulk transfer over one and over three paths, without devices.

use sim_core::app::AppConfig;
use sim_core::engine::link::{LinkConfig, QueueLimit};
use sim_core::engine::world::{ConnectionSpec, LinkSpec, World};
use sim_core::mptcp::config::{CongestionKind, HostConfig, Profile};
use sim_core::record::outcome::Verdict;
use sim_core::record::{PathRecord, RunRecord};
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};

fn run(paths: u8, profile: Profile, congestion: CongestionKind, app: AppConfig) -> RunRecord {
    let mut world = World::new(1);
    let config = HostConfig { profile, congestion, ..HostConfig::default() };
    let client = world.add_host("client", config.clone());
    let server = world.add_host("server", config);
    world.set_source_routing(server, false);
    for i in 1..=paths {
        let record = PathRecord {
            name: format!("path{i}"),
            rate_bps: Some(3_000_000),
            rtt: SimDuration::from_millis(20),
            devices: vec![],
        };
        let path = world.add_path(record);
        let link = LinkConfig {
            rate: Some(BitRate(3_000_000)),
            delay: SimDuration::from_millis(10 * u64::from(i)),
            queue: QueueLimit::Time(SimDuration::from_millis(100)),
            ..LinkConfig::default()
        };
        let spec = LinkSpec {
            name: format!("path{i}"),
            path: Some(path),
            forward: link.clone(),
            backward: link,
        };
        world.connect((client, i - 1), (server, i - 1), spec);
        world.add_address(client, i - 1, [10, 0, i, 2].into());
        world.add_address(server, i - 1, [10, 1, i, 2].into());
        world.add_route(server, [10, 0, i, 0].into(), 24, i - 1);
        world.add_route(client, [10, 1, i, 0].into(), 24, i - 1);
    }
    world.add_connection(ConnectionSpec {
        name: "bulk".into(),
        client,
        server,
        client_address: [10, 0, 1, 2].into(),
        server_address: ([10, 1, 1, 2], 5001).into(),
        start: SimTime::ZERO,
        app,
        bound_bps: None,
    });
    world.run(SimTime(120_000_000_000))
}

fn upload(bytes: u64) -> AppConfig {
    AppConfig::Bulk { bytes: Some(ByteSize(bytes)), duration: None, download: false }
}

#[test]
fn plain_tcp_fills_one_path() {
    for congestion in [CongestionKind::Reno, CongestionKind::Cubic] {
        let record = run(1, Profile::TcpOnly, congestion, upload(3_000_000));
        let c = &record.connections[0];
        assert!(c.completed_at.is_some());
        assert_eq!(c.bytes_delivered, 3_000_000);
        assert!(c.goodput_bps > 2.7e6, "{}", c.goodput_bps);
    }
}

#[test]
fn mptcp_fills_three_paths() {
    for profile in [Profile::Rfc8684, Profile::Rfc6824, Profile::Linux6] {
        let record = run(3, profile, CongestionKind::Cubic, upload(9_000_000));
        let c = &record.connections[0];
        assert_eq!(c.outcome.verdict, Verdict::Mptcp);
        assert_eq!(c.bytes_delivered, 9_000_000);
        assert!(c.goodput_bps > 8.0e6, "{}", c.goodput_bps);
    }
}
