//! Every congestion control in the real sender: on one path, and on two that are not alike.

use sim_core::app::AppConfig;
use sim_core::engine::link::{LinkConfig, QueueLimit};
use sim_core::engine::world::{ConnectionSpec, LinkSpec, World};
use sim_core::mptcp::config::{CongestionKind, HostConfig};
use sim_core::record::{PathRecord, RunRecord};
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};

const ALL: [CongestionKind; 7] = [
    CongestionKind::Reno,
    CongestionKind::Cubic,
    CongestionKind::Bbr,
    CongestionKind::Lia,
    CongestionKind::Olia,
    CongestionKind::Balia,
    CongestionKind::WVegas,
];

/// Uploads over paths of these rates in Mbit/s and one-way delays in ms.
fn run(congestion: CongestionKind, paths: &[(u64, u64)], bytes: u64) -> RunRecord {
    let mut world = World::new(1);
    let config = HostConfig { congestion, ..HostConfig::default() };
    let client = world.add_host("client", config.clone());
    let server = world.add_host("server", config);
    world.set_source_routing(server, false);
    for (i, &(mbps, delay_ms)) in (0u8..).zip(paths) {
        let name = format!("path{i}");
        let path = world.add_path(PathRecord {
            name: name.clone(),
            rate_bps: Some(mbps * 1_000_000),
            rtt: SimDuration::from_millis(2 * delay_ms),
            devices: vec![],
        });
        let link = LinkConfig {
            rate: Some(BitRate(mbps * 1_000_000)),
            delay: SimDuration::from_millis(delay_ms),
            queue: QueueLimit::Time(SimDuration::from_millis(50)),
            ..LinkConfig::default()
        };
        let spec = LinkSpec { name, path: Some(path), forward: link.clone(), backward: link };
        world.connect((client, i), (server, i), spec);
        world.add_address(client, i, [10, 0, i, 2].into());
        world.add_address(server, i, [10, 1, i, 2].into());
        world.add_route(server, [10, 0, i, 0].into(), 24, i);
        world.add_route(client, [10, 1, i, 0].into(), 24, i);
    }
    world.add_connection(ConnectionSpec {
        name: "bulk".into(),
        client,
        server,
        client_address: [10, 0, 0, 2].into(),
        server_address: ([10, 1, 0, 2], 5001).into(),
        start: SimTime::ZERO,
        app: AppConfig::Bulk { bytes: Some(ByteSize(bytes)), duration: None, download: false },
        bound_bps: None,
    });
    world.run(SimTime(120_000_000_000))
}

/// What headers leave of the capacity is about 0.94; the start costs a little of it.
#[test]
fn every_algorithm_fills_its_paths() {
    let table = [(&[(10, 20)][..], 25_000_000, 0.89), (&[(10, 20), (5, 40)][..], 40_000_000, 0.82)];
    for congestion in ALL {
        for (paths, bytes, least) in table {
            let record = run(congestion, paths, bytes);
            let c = &record.connections[0];
            assert_eq!(c.bytes_delivered, bytes);
            let capacity: u64 = paths.iter().map(|(mbps, _)| mbps * 1_000_000).sum();
            let share = c.goodput_bps / capacity as f64;
            assert!(share > least, "{congestion:?} on {} paths: {share:.3}", paths.len());
        }
    }
}
