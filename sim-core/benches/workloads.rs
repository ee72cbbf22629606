//! The workloads that simulators of this field are compared by, as whole runs: wall time per
//! packet-hop (one packet sent over one link), one core, nothing captured.
//!
//! `cargo bench -p sim-core --bench workloads -- w1` runs one; without an argument, all.

use std::time::Instant;

use sim_core::app::AppConfig;
use sim_core::engine::link::{LinkConfig, QueueLimit};
use sim_core::engine::world::{ConnectionSpec, LinkSpec, NodeId, PathId, World};
use sim_core::mptcp::config::{CongestionKind, HostConfig, Profile};
use sim_core::record::{PathRecord, RunRecord};
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};

/// A workload: a name and a world ready to run, with the simulated seconds to run it for.
struct Workload {
    name: &'static str,
    seconds: u64,
    build: fn(u64) -> World,
}

const WORKLOADS: [Workload; 8] = [
    Workload { name: "w1", seconds: 60, build: |s| tcp_flows(1, 100_000_000, false, s) },
    Workload { name: "w2", seconds: 60, build: |s| mptcp_connections(1, false, s) },
    Workload { name: "w3-sep", seconds: 10, build: |s| mptcp_connections(100, false, s) },
    Workload { name: "w3-shared", seconds: 10, build: |s| mptcp_connections(100, true, s) },
    Workload { name: "w4-1", seconds: 10, build: |s| tcp_flows(1, 10_000_000, false, s) },
    Workload { name: "w4-100", seconds: 10, build: |s| tcp_flows(100, 10_000_000, false, s) },
    Workload { name: "w4-1000", seconds: 10, build: |s| tcp_flows(1000, 10_000_000, false, s) },
    Workload {
        name: "w4-1000-shared",
        seconds: 10,
        build: |s| tcp_flows(1000, 10_000_000, true, s),
    },
];

#[allow(clippy::disallowed_methods)] // a bench measures wall time
fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for w in WORKLOADS.iter().filter(|w| wanted.is_empty() || wanted.iter().any(|n| n == w.name)) {
        let started = Instant::now();
        let world = (w.build)(w.seconds);
        let record = world.run(SimTime(w.seconds * 1_000_000_000));
        let wall = started.elapsed().as_secs_f64();
        report(w.name, w.seconds, wall, &record);
    }
}

fn report(name: &str, seconds: u64, wall: f64, record: &RunRecord) {
    let bytes: u64 = record.connections.iter().map(|c| c.bytes_delivered).sum();
    let goodput = bytes as f64 * 8.0 / seconds as f64 / 1e6;
    let hops = record.packet_hops;
    println!(
        "{name:15} {wall:8.3} s  {hops:>10} hops  {:>7.1} ns/hop  goodput {goodput:9.1} Mbit/s  {} events",
        wall * 1e9 / hops as f64,
        record.events
    );
}

fn access() -> LinkConfig {
    LinkConfig {
        rate: Some(BitRate(1_000_000_000)),
        delay: SimDuration::from_micros(1),
        queue: QueueLimit::Unlimited,
        ..LinkConfig::default()
    }
}

/// One bottleneck with a drop-tail buffer of one bandwidth-delay product (at least 10 packets); the
/// way back never drops.
fn bottleneck(rate: u64, rtt_ms: u64) -> (LinkConfig, LinkConfig) {
    let packets = (rate * rtt_ms / 1000 / 12_000).max(10) as u32;
    let forward = LinkConfig {
        rate: Some(BitRate(rate)),
        delay: SimDuration::from_micros(rtt_ms * 500),
        queue: QueueLimit::Packets(packets),
        ..LinkConfig::default()
    };
    (forward.clone(), LinkConfig { queue: QueueLimit::Unlimited, ..forward })
}

fn host_config(profile: Profile, congestion: CongestionKind) -> HostConfig {
    HostConfig { profile, congestion, quick_ack: true, ..HostConfig::default() }
}

fn bulk(seconds: u64) -> AppConfig {
    let duration = Some(SimDuration::from_secs(seconds + 1));
    AppConfig::Bulk { bytes: Some(ByteSize(u64::MAX / 2)), duration, download: false }
}

fn add_path(world: &mut World, name: &str, rate: u64, rtt_ms: u64) -> PathId {
    world.add_path(PathRecord {
        name: name.into(),
        rate_bps: Some(rate),
        rtt: SimDuration::from_millis(rtt_ms),
        devices: Vec::new(),
    })
}

fn connect(
    world: &mut World,
    a: (NodeId, u8),
    b: (NodeId, u8),
    name: String,
    path: PathId,
    links: (LinkConfig, LinkConfig),
) {
    let (forward, backward) = links;
    world.connect(a, b, LinkSpec { name, path: Some(path), forward, backward });
}

fn client_address(n: usize, path: usize) -> std::net::IpAddr {
    [10, path as u8, (n / 250) as u8, (n % 250) as u8 + 1].into()
}

fn server_address(n: usize, path: usize) -> std::net::IpAddr {
    [11, path as u8, (n / 250) as u8, (n % 250) as u8 + 1].into()
}

/// W1 and W4: `n` TCP flows, each on its own path or all over one bottleneck `n` times as fast.
fn tcp_flows(n: usize, rate: u64, shared: bool, seconds: u64) -> World {
    let mut world = World::new(1);
    let config = host_config(Profile::TcpOnly, CongestionKind::Reno);
    let mut aggregate = None;
    for i in 0..n {
        let client = world.add_host(&format!("s{i}"), config.clone());
        let server = world.add_host(&format!("d{i}"), config.clone());
        let path = add_path(&mut world, &format!("p{i}"), rate, 20);
        let (src, dst) = (client_address(i, 0), server_address(i, 0));
        world.add_address(client, 0, src);
        world.add_address(server, 0, dst);
        let links = bottleneck(if shared { rate * n as u64 } else { rate }, 20);
        if shared {
            let (left, right) = *aggregate.get_or_insert_with(|| {
                let (left, right) = (world.add_router("left"), world.add_router("right"));
                connect(&mut world, (left, 0), (right, 0), "bottleneck".into(), path, links);
                (left, right)
            });
            let port = i as u8; // at most 255 flows share a router
            connect(
                &mut world,
                (client, 0),
                (left, 1 + port),
                format!("a{i}"),
                path,
                (access(), access()),
            );
            connect(
                &mut world,
                (right, 1 + port),
                (server, 0),
                format!("b{i}"),
                path,
                (access(), access()),
            );
            world.add_route(left, dst, 32, 0);
            world.add_route(left, src, 32, 1 + port);
            world.add_route(right, dst, 32, 1 + port);
            world.add_route(right, src, 32, 0);
        } else {
            let router = world.add_router(&format!("r{i}"));
            connect(
                &mut world,
                (client, 0),
                (router, 0),
                format!("a{i}"),
                path,
                (access(), access()),
            );
            connect(&mut world, (router, 1), (server, 0), format!("b{i}"), path, links);
            world.add_route(router, dst, 32, 1);
            world.add_route(router, src, 32, 0);
        }
        world.add_connection(ConnectionSpec {
            name: format!("f{i}"),
            client,
            server,
            client_address: src,
            server_address: (dst, 5001).into(),
            start: SimTime(i as u64 * 10_000_000 / n as u64),
            app: bulk(seconds),
            bound_bps: None,
        });
    }
    world
}

/// W2 and W3: `n` MPTCP connections of two subflows over 50 Mbit/s paths of 10 and 40 ms.
fn mptcp_connections(n: usize, _shared: bool, seconds: u64) -> World {
    let mut world = World::new(1);
    let config = host_config(Profile::Rfc8684, CongestionKind::Lia);
    for i in 0..n {
        let client = world.add_host(&format!("s{i}"), config.clone());
        let server = world.add_host(&format!("d{i}"), config.clone());
        world.set_source_routing(server, false);
        for (p, rtt) in [(0usize, 10), (1, 40)] {
            let path = add_path(&mut world, &format!("p{i}-{p}"), 50_000_000, rtt);
            let router = world.add_router(&format!("r{i}-{p}"));
            let (src, dst) = (client_address(i, p), server_address(i, p));
            world.add_address(client, p as u8, src);
            world.add_address(server, p as u8, dst);
            world.add_route(server, src, 32, p as u8);
            connect(
                &mut world,
                (client, p as u8),
                (router, 0),
                format!("a{i}-{p}"),
                path,
                (access(), access()),
            );
            connect(
                &mut world,
                (router, 1),
                (server, p as u8),
                format!("b{i}-{p}"),
                path,
                bottleneck(50_000_000, rtt),
            );
            world.add_route(router, src, 32, 0);
            world.add_route(router, [11, 0, 0, 0].into(), 8, 1);
        }
        world.add_connection(ConnectionSpec {
            name: format!("c{i}"),
            client,
            server,
            client_address: client_address(i, 0),
            server_address: (server_address(i, 0), 5001).into(),
            start: SimTime(i as u64 * 10_000_000 / n as u64),
            app: bulk(seconds),
            bound_bps: None,
        });
    }
    world
}
