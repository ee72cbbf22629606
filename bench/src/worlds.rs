//! W1 to W4: S —1 Gbit/s, 1 µs— R —bottleneck, RTT/2— D. 1500-byte packets, SACK, timestamps, an
//! acknowledgement for every packet, initial window 10, drop-tail.

use std::net::IpAddr;

use sim_core::app::AppConfig;
use sim_core::engine::device::Device;
use sim_core::engine::link::{LinkConfig, QueueLimit};
use sim_core::engine::world::{ConnectionSpec, LinkSpec, NodeId, PathId, World};
use sim_core::mptcp::config::{CongestionKind, HostConfig, Profile};
use sim_core::record::PathRecord;
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};

pub(crate) fn access() -> LinkConfig {
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

pub(crate) fn host_config(profile: Profile, congestion: CongestionKind) -> HostConfig {
    HostConfig { profile, congestion, quick_ack: true, ..HostConfig::default() }
}

pub(crate) fn add_path(world: &mut World, name: &str, rate: u64, rtt_ms: u64) -> PathId {
    world.add_path(PathRecord {
        name: name.into(),
        rate_bps: Some(rate),
        rtt: SimDuration::from_millis(rtt_ms),
        devices: Vec::new(),
    })
}

pub(crate) fn connect(
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

fn client_address(n: usize, path: usize) -> IpAddr {
    [10, path as u8, (n / 250) as u8, (n % 250) as u8 + 1].into()
}

fn server_address(n: usize) -> IpAddr {
    [11, 0, (n / 250) as u8, (n % 250) as u8 + 1].into()
}

/// A server with one address, reached over all its interfaces; it answers over the interface that a
/// route to the client's address names.
fn add_server(world: &mut World, i: usize, config: &HostConfig) -> NodeId {
    let server = world.add_host(&format!("d{i}"), config.clone());
    world.add_address(server, 0, server_address(i));
    world.set_source_routing(server, false);
    server
}

/// Connects a client and a server through a router; the link behind the router is the bottleneck.
fn own_path(
    world: &mut World,
    (client, src): (NodeId, IpAddr),
    (server, dst): (NodeId, IpAddr),
    port: u8,
    path: PathId,
    links: (LinkConfig, LinkConfig),
) {
    let name = format!("{}-{port}", path.0);
    let router = world.add_router(&format!("r{name}"));
    connect(world, (client, port), (router, 0), format!("a{name}"), path, (access(), access()));
    connect(world, (router, 1), (server, port), format!("b{name}"), path, links);
    world.add_route(router, dst, 32, 1);
    world.add_route(router, src, 32, 0);
}

/// Starts are spread over the first 10 ms.
fn start(i: usize, n: usize) -> SimTime {
    SimTime(i as u64 * 10_000_000 / n as u64)
}

/// W1 and W4: `n` TCP flows, each on its own path or all over one bottleneck `n` times as fast.
#[must_use]
pub fn tcp_flows(n: usize, rate: u64, shared: bool) -> World {
    let mut world = World::new(1);
    let config = host_config(Profile::TcpOnly, CongestionKind::Reno);
    if shared {
        let ends = shared_bottlenecks(&mut world, &config, n, &[(rate, 20)]);
        for i in 0..n {
            add_bulk(&mut world, i, n, &ends);
        }
        return world;
    }
    for i in 0..n {
        let client = world.add_host(&format!("s{i}"), config.clone());
        let server = add_server(&mut world, i, &config);
        let path = add_path(&mut world, &format!("p{i}"), rate, 20);
        let (src, dst) = (client_address(i, 0), server_address(i));
        world.add_address(client, 0, src);
        world.add_route(server, src, 32, 0);
        own_path(&mut world, (client, src), (server, dst), 0, path, bottleneck(rate, 20));
        add_bulk(&mut world, i, n, &[(client, src, server, dst)]);
    }
    world
}

/// W2 and W3: `n` MPTCP connections of two subflows over 50 Mbit/s paths of 10 and 40 ms, each on its own
/// paths or all over two bottlenecks `n` times as fast.
#[must_use]
pub fn mptcp_connections(n: usize, shared: bool) -> World {
    const PATHS: [(u64, u64); 2] = [(50_000_000, 10), (50_000_000, 40)];
    let mut world = World::new(1);
    let config = host_config(Profile::Rfc8684, CongestionKind::Lia);
    if shared {
        let ends = shared_bottlenecks(&mut world, &config, n, &PATHS);
        for i in 0..n {
            add_bulk(&mut world, i, n, &ends);
        }
        return world;
    }
    for i in 0..n {
        let client = world.add_host(&format!("s{i}"), config.clone());
        let server = add_server(&mut world, i, &config);
        let dst = server_address(i);
        for (p, (rate, rtt)) in PATHS.into_iter().enumerate() {
            let path = add_path(&mut world, &format!("p{i}-{p}"), rate, rtt);
            let src = client_address(i, p);
            world.add_address(client, p as u8, src);
            world.add_route(server, src, 32, p as u8);
            own_path(
                &mut world,
                (client, src),
                (server, dst),
                p as u8,
                path,
                bottleneck(rate, rtt),
            );
        }
        let ends = (client, client_address(i, 0), server, dst);
        add_bulk(&mut world, i, n, &[ends]);
    }
    world
}

/// One MPTCP connection over a path of 50 Mbit/s, with a device between the client and its router.
#[must_use]
pub fn through_device(device: Box<dyn Device>) -> World {
    let mut world = World::new(1);
    let config = host_config(Profile::Rfc8684, CongestionKind::Lia);
    let client = world.add_host("s", config.clone());
    let server = add_server(&mut world, 0, &config);
    let device = world.add_device("box", device);
    let path = add_path(&mut world, "p", 50_000_000, 20);
    let (src, dst) = (client_address(0, 0), server_address(0));
    world.add_address(client, 0, src);
    world.add_route(server, src, 32, 0);
    connect(&mut world, (client, 0), (device, 0), "a".into(), path, (access(), access()));
    connect(&mut world, (device, 1), (server, 0), "b".into(), path, bottleneck(50_000_000, 20));
    add_bulk(&mut world, 0, 1, &[(client, src, server, dst)]);
    world
}

/// `n` connections that carry a little data at the beginning and then nothing: what a connection costs
/// in memory.
#[must_use]
pub fn idle_connections(n: usize) -> World {
    let mut world = World::new(1);
    let config = host_config(Profile::Rfc8684, CongestionKind::Lia);
    let ends = shared_bottlenecks(&mut world, &config, n.min(HOSTS), &[(10_000_000, 20)]);
    for i in 0..n {
        let exchange = AppConfig::RequestResponse {
            request: ByteSize(100),
            response: ByteSize(100),
            count: 2,
            pause: SimDuration::from_secs(3600),
        };
        add_connection(&mut world, i, n, &ends, exchange);
    }
    world
}

/// A client's host and address, and a server's.
type Ends = (NodeId, IpAddr, NodeId, IpAddr);

/// Hosts on each side of a shared bottleneck: a router has at most 255 ports.
const HOSTS: usize = 200;

/// Hosts on both sides of shared bottlenecks, each `n` times as fast as given (rate and round trip).
fn shared_bottlenecks(
    world: &mut World,
    config: &HostConfig,
    n: usize,
    paths: &[(u64, u64)],
) -> Vec<Ends> {
    let hosts = n.min(HOSTS);
    let ends: Vec<Ends> = (0..hosts)
        .map(|i| {
            let client = world.add_host(&format!("s{i}"), config.clone());
            let server = add_server(world, i, config);
            (client, client_address(i, 0), server, server_address(i))
        })
        .collect();
    for (p, &(rate, rtt)) in paths.iter().enumerate() {
        let port = p as u8;
        let path = add_path(world, &format!("p{p}"), rate * n as u64, rtt);
        let (left, right) =
            (world.add_router(&format!("left{p}")), world.add_router(&format!("right{p}")));
        let links = bottleneck(rate * n as u64, rtt);
        connect(world, (left, 0), (right, 0), format!("bottleneck{p}"), path, links);
        for (i, &(client, _, server, _)) in ends.iter().enumerate() {
            let (src, dst) = (client_address(i, p), server_address(i));
            let at = 1 + i as u8;
            world.add_address(client, port, src);
            world.add_route(server, src, 32, port);
            let fast = || (access(), access());
            connect(world, (client, port), (left, at), format!("a{i}-{p}"), path, fast());
            connect(world, (right, at), (server, port), format!("b{i}-{p}"), path, fast());
            world.add_route(left, dst, 32, 0);
            world.add_route(left, src, 32, at);
            world.add_route(right, dst, 32, at);
            world.add_route(right, src, 32, 0);
        }
    }
    ends
}

/// Connection `i` of `n` writes as much as it is taken.
fn add_bulk(world: &mut World, i: usize, n: usize, ends: &[Ends]) {
    let bulk =
        AppConfig::Bulk { bytes: Some(ByteSize(u64::MAX / 2)), duration: None, download: false };
    add_connection(world, i, n, ends, bulk);
}

fn add_connection(world: &mut World, i: usize, n: usize, ends: &[Ends], app: AppConfig) {
    let (client, src, server, dst) = ends[i % ends.len()];
    world.add_connection(ConnectionSpec {
        name: format!("c{i}"),
        client,
        server,
        client_address: src,
        server_address: (dst, 5001).into(),
        start: start(i, n),
        app,
        bound_bps: None,
    });
}
