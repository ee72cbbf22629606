//! Parts of a world that nothing connects run one after another; nobody can tell. A world that is watched
//! runs as one, so both ways can be held against each other.

use std::fmt::Write as _;

use proptest::prelude::*;
use sim_core::app::AppConfig;
use sim_core::engine::link::{LinkConfig, Loss, QueueLimit};
use sim_core::engine::world::{ConnectionSpec, LinkSpec, World};
use sim_core::mptcp::config::{CongestionKind, HostConfig};
use sim_core::record::{PathRecord, RunRecord};
use sim_core::rng::Probability;
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};

/// All ends long before.
const LONG: SimTime = SimTime(1_000_000_000_000);

/// A client and a server, with paths of their own.
#[derive(Clone, Debug)]
struct Pair {
    /// Rate in kbit/s, delay in µs, loss in a thousand packets.
    paths: Vec<(u64, u64, u32)>,
    /// Bytes of each connection, and when it starts in µs.
    connections: Vec<(u64, u64)>,
}

fn pair() -> impl Strategy<Value = Pair> {
    let path = (500u64..50_000, 100u64..40_000, prop_oneof![Just(0u32), 1u32..30]);
    let connection = (1u64..200_000, 0u64..2_000_000);
    (proptest::collection::vec(path, 1..3), proptest::collection::vec(connection, 1..4))
        .prop_map(|(paths, connections)| Pair { paths, connections })
}

fn add(world: &mut World, number: u8, pair: &Pair) {
    let config = HostConfig { congestion: CongestionKind::Lia, ..HostConfig::default() };
    let client = world.add_host(&format!("client{number}"), config.clone());
    let server = world.add_host(&format!("server{number}"), config);
    world.set_source_routing(server, false);
    world.add_address(server, 0, [11, number, 0, 2].into());
    for (i, &(kbps, delay, loss)) in (0u8..).zip(&pair.paths) {
        let name = format!("path{number}-{i}");
        let path = world.add_path(PathRecord {
            name: name.clone(),
            rate_bps: Some(kbps * 1000),
            rtt: SimDuration::from_micros(2 * delay),
            devices: vec![],
        });
        let link = LinkConfig {
            rate: Some(BitRate(kbps * 1000)),
            delay: SimDuration::from_micros(delay),
            queue: QueueLimit::Packets(30),
            loss: Loss::Bernoulli(Probability::new(f64::from(loss) / 1000.0).expect("below 1")),
            ..LinkConfig::default()
        };
        let spec = LinkSpec { name, path: Some(path), forward: link.clone(), backward: link };
        world.connect((client, i), (server, i), spec);
        world.add_address(client, i, [10, number, i, 2].into());
        world.add_route(server, [10, number, i, 2].into(), 32, i);
    }
    for (c, &(bytes, start)) in pair.connections.iter().enumerate() {
        world.add_connection(ConnectionSpec {
            name: format!("c{number}-{c}"),
            client,
            server,
            client_address: [10, number, 0, 2].into(),
            server_address: ([11, number, 0, 2], 5001).into(),
            start: SimTime(start * 1000),
            app: AppConfig::Bulk { bytes: Some(ByteSize(bytes)), duration: None, download: false },
            bound_bps: None,
        });
    }
}

fn world(pairs: &[Pair]) -> World {
    let mut world = World::new(7);
    (0..).zip(pairs).for_each(|(number, pair)| add(&mut world, number, pair));
    world
}

/// All that a run says, but for who made a packet: ends of connections are numbered as they come.
fn told(run: &RunRecord) -> String {
    let mut text = format!("{} {} {}\n", run.ended_at, run.events, run.packet_hops);
    for c in &run.connections {
        let _ = writeln!(
            text,
            "{} {:?} {} {:?} {} {:?} {:?}\n{:?} {:?}\n{:?}",
            c.name,
            c.outcome.verdict,
            c.stream_intact,
            c.completed_at,
            c.goodput_bps,
            c.longest_stall,
            c.longest_stall_at,
            c.client_counters,
            c.server_counters,
            c.series,
        );
        for s in &c.subflows {
            let _ = writeln!(text, "{} {:?} {} {:?}", s.flow, s.outcome, s.bytes, s.ended_at);
        }
        for e in &c.story {
            let _ = writeln!(text, "{} {:?} {:?}", e.at, e.end, e.subflow);
        }
    }
    text
}

/// Runs a world of these pairs in parts, and as one.
fn both_ways(pairs: &[Pair], limit: SimTime) -> [String; 2] {
    let in_parts = world(pairs).run(limit);
    let mut watched = world(pairs);
    watched.watch();
    [told(&in_parts), told(&watched.run(limit))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Cut off at a limit or ended by itself.
    #[test]
    fn nobody_can_tell_that_parts_run_one_after_another(
        pairs in proptest::collection::vec(pair(), 2..5),
        limit_ms in prop_oneof![100u64..3000, Just(1_000_000u64)],
    ) {
        let [in_parts, as_one] = both_ways(&pairs, SimTime(limit_ms * 1_000_000));
        prop_assert_eq!(in_parts, as_one);
    }
}

/// The part that ends first goes on until the last one has ended: its last packets are still under way.
#[test]
fn what_has_ended_goes_on_to_the_end() {
    let short = Pair { paths: vec![(10_000, 20_000, 0)], connections: vec![(1000, 0)] };
    let long = Pair { paths: vec![(1000, 5000, 0)], connections: vec![(300_000, 0)] };
    let pairs = |a: &Pair, b: &Pair| [a.clone(), b.clone()];
    for pairs in [pairs(&short, &long), pairs(&long, &short)] {
        let [in_parts, as_one] = both_ways(&pairs, LONG);
        assert_eq!(in_parts, as_one);
    }
    let run = world(&pairs(&short, &long)).run(LONG);
    assert!(run.connections.iter().all(|c| c.completed_at.is_some()));
    let [ended, last] = [0, 1].map(|c: usize| run.connections[c].completed_at);
    assert!(ended < last && last <= Some(run.ended_at));
}
