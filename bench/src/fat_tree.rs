//! Short connections that come and go, over the FatTree of a data centre.

use std::net::IpAddr;

use sim_core::app::AppConfig;
use sim_core::engine::link::{LinkConfig, QueueLimit};
use sim_core::engine::world::{ConnectionSpec, LinkSpec, NodeId, World};
use sim_core::mptcp::config::{CongestionKind, HostConfig, Profile};
use sim_core::rng::Stream;
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};

/// Ports of a switch: 8 pods of 4 edge and 4 aggregation switches, 16 core switches, 128 hosts
/// (Al-Fares et al., 2008).
const K: usize = 8;
const HALF: usize = K / 2;
const HOSTS: usize = K * HALF * HALF;
/// Payload of a connection.
const BYTES: u64 = 10_000;
/// Mean time between two arrivals: a hundred thousand connections a second, 8 Gbit/s in all.
const MEAN_GAP_NS: u64 = 10_000;

/// `n` TCP connections of 10 KB from random hosts to others, Poisson arrivals, over a FatTree of 128 hosts
/// and links of 1 Gbit/s.
#[must_use]
pub fn short_flows(n: usize) -> World {
    let mut world = World::new(1);
    world.set_sample_interval(SimDuration::from_secs(1));
    let hosts = fat_tree(&mut world);
    let mut draw = Stream::new(1, "arrivals");
    let mut at = 0;
    for i in 0..n {
        at += exponential(&mut draw, MEAN_GAP_NS);
        let from = draw.below(HOSTS as u64) as usize;
        let to = (from + 1 + draw.below(HOSTS as u64 - 1) as usize) % HOSTS;
        world.add_connection(ConnectionSpec {
            name: format!("c{i}"),
            client: hosts[from],
            server: hosts[to],
            client_address: address(from),
            server_address: (address(to), 80).into(),
            start: SimTime(at),
            app: AppConfig::Bulk { bytes: Some(ByteSize(BYTES)), duration: None, download: false },
            bound_bps: None,
        });
    }
    world
}

/// An exponentially distributed time. A float, but of one run only: nothing is held against it.
fn exponential(draw: &mut Stream, mean_ns: u64) -> u64 {
    let uniform = ((draw.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
    (-uniform.ln() * mean_ns as f64) as u64
}

fn address(host: usize) -> IpAddr {
    let (pod, edge, at) = (host / (HALF * HALF), host / HALF % HALF, host % HALF);
    [10, pod as u8, edge as u8, at as u8 + 2].into()
}

fn fat_tree(world: &mut World) -> Vec<NodeId> {
    let config = HostConfig {
        profile: Profile::TcpOnly,
        congestion: CongestionKind::Reno,
        ..HostConfig::default()
    };
    let core: Vec<NodeId> =
        (0..HALF * HALF).map(|i| world.add_router(&format!("core{i}"))).collect();
    let mut hosts = Vec::with_capacity(HOSTS);
    for pod in 0..K {
        let aggregation: Vec<NodeId> =
            (0..HALF).map(|i| world.add_router(&format!("agg{pod}-{i}"))).collect();
        for (i, &agg) in aggregation.iter().enumerate() {
            for j in 0..HALF {
                let up = core[i * HALF + j];
                connect(world, (agg, (HALF + j) as u8), (up, pod as u8));
                world.add_route(agg, [0, 0, 0, 0].into(), 0, (HALF + j) as u8);
                world.add_route(up, [10, pod as u8, 0, 0].into(), 16, pod as u8);
            }
        }
        for e in 0..HALF {
            let edge = world.add_router(&format!("edge{pod}-{e}"));
            for (i, &agg) in aggregation.iter().enumerate() {
                connect(world, (edge, (HALF + i) as u8), (agg, e as u8));
                world.add_route(edge, [0, 0, 0, 0].into(), 0, (HALF + i) as u8);
                world.add_route(agg, [10, pod as u8, e as u8, 0].into(), 24, e as u8);
            }
            for at in 0..HALF {
                let host = world.add_host(&format!("h{}", hosts.len()), config.clone());
                let own = address(hosts.len());
                world.add_address(host, 0, own);
                connect(world, (host, 0), (edge, at as u8));
                world.add_route(edge, own, 32, at as u8);
                hosts.push(host);
            }
        }
    }
    hosts
}

fn connect(world: &mut World, a: (NodeId, u8), b: (NodeId, u8)) {
    let link = LinkConfig {
        rate: Some(BitRate(1_000_000_000)),
        delay: SimDuration::from_micros(5),
        queue: QueueLimit::Packets(100),
        ..LinkConfig::default()
    };
    let name = format!("{}:{}-{}:{}", a.0.0, a.1, b.0.0, b.1);
    world.connect(a, b, LinkSpec { name, path: None, forward: link.clone(), backward: link });
}
