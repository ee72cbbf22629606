//! What a run that is observed leaves for charts: it agrees with the rest of the record, and observing
//! changes nothing else.

use sim_core::app::{AppConfig, Turn};
use sim_core::engine::link::{LinkConfig, QueueLimit};
use sim_core::engine::world::{Action, ConnectionSpec, LinkSpec, World};
use sim_core::mptcp::config::HostConfig;
use sim_core::record::story::End;
use sim_core::record::{PathRecord, RunRecord};
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};

const BYTES: u64 = 6_000_000;
const QUEUE: SimDuration = SimDuration::from_millis(100);

/// 6 MB over two paths of 3 Mbps, the first of which is cut at 2 s and comes back at 4 s.
fn run(observe: bool, download: bool) -> RunRecord {
    let bulk = AppConfig::Bulk { bytes: Some(ByteSize(BYTES)), duration: None, download };
    run_app(observe, bulk)
}

/// The same with another application.
fn run_app(observe: bool, app: AppConfig) -> RunRecord {
    let mut world = World::new(1);
    let client = world.add_host("client", HostConfig::default());
    let server = world.add_host("server", HostConfig::default());
    world.set_source_routing(server, false);
    let mut links = Vec::new();
    for i in 1..=2_u8 {
        let path = world.add_path(PathRecord {
            name: format!("path{i}"),
            rate_bps: Some(3_000_000),
            rtt: SimDuration::from_millis(20),
            devices: vec![],
        });
        let link = LinkConfig {
            rate: Some(BitRate(3_000_000)),
            delay: SimDuration::from_millis(10 * u64::from(i)),
            queue: QueueLimit::Time(QUEUE),
            ..LinkConfig::default()
        };
        let (name, forward) = (format!("path{i}"), link.clone());
        let spec = LinkSpec { name, path: Some(path), forward, backward: link };
        links.push(world.connect((client, i - 1), (server, i - 1), spec));
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
    let at = |s: u64| SimTime(s * 1_000_000_000);
    world.schedule(at(2), "down".into(), None, Action::LinkDown(links[0]));
    world.schedule(at(4), "up".into(), None, Action::LinkUp(links[0]));
    if observe {
        world.observe();
    }
    world.run(at(120))
}

#[test]
fn the_details_agree_with_the_record() {
    for download in [false, true] {
        let record = run(true, download);
        let connection = &record.connections[0];
        assert_eq!(connection.bytes_delivered, BYTES);
        let detail = record.detail.as_ref().expect("asked for");
        let seen = &detail.connections[0];
        let highest = |e: &sim_core::record::envelope::Envelope| {
            e.stretches().iter().map(|s| s.high).max().unwrap_or(0)
        };
        assert_eq!(highest(&seen.delivered), BYTES);
        let firsts = seen.subflows.iter().map(|s| highest(&s.first));
        assert_eq!(firsts.max(), Some(BYTES), "every byte is sent a first time");
        // What was in flight on the path that was cut goes over the other one.
        assert!(!seen.subflows[1].reinjected.stretches().is_empty(), "download {download}");
        let again: usize = seen.subflows.iter().map(|s| s.again.stretches().len()).sum();
        assert_eq!(again > 0, connection.subflows.iter().any(|s| s.retransmissions > 0));
        let stall = seen.stalls.iter().map(|(from, to)| to.since(*from)).max();
        assert_eq!(
            stall.unwrap_or_default(),
            connection.longest_stall,
            "the longest is among them"
        );
        // The direction of the data fills its queue and no more; an acknowledgement waits little.
        let ways = &detail.paths[1].directions;
        let (data, acks) = if download { (&ways[1], &ways[0]) } else { (&ways[0], &ways[1]) };
        let packet = 4_000_000;
        assert!(highest(&data.wait_ns) > QUEUE.as_nanos() / 2, "{}", highest(&data.wait_ns));
        assert!(highest(&data.wait_ns) <= QUEUE.as_nanos() + packet);
        assert!(highest(&acks.wait_ns) < QUEUE.as_nanos() / 10);
    }
}

/// What is said in a dialogue stands in its stream one after the other, as bulk data does: what comes later
/// was not sent before.
#[test]
fn what_is_said_later_is_sent_a_first_time() {
    let says = |by, text: &str| Turn::Says { by, text: text.as_bytes().into() };
    let turns = [
        says(End::Client, "one"),
        says(End::Server, "first answer"),
        says(End::Client, "two"),
        says(End::Server, "second answer"),
    ];
    let record = run_app(true, AppConfig::Dialogue { turns: turns.into() });
    let seen = &record.detail.as_ref().expect("asked for").connections[0];
    let subflow = &seen.subflows[0];
    assert_eq!(subflow.first.stretches().last().map(|s| (s.low, s.high)), Some((12, 25)));
    assert!(subflow.again.stretches().is_empty() && subflow.reinjected.stretches().is_empty());
}

#[test]
fn observing_changes_nothing_else() {
    let (seen, unseen) = (run(true, false), run(false, false));
    assert_eq!(unseen.detail, None);
    assert_eq!(seen.events, unseen.events);
    assert_eq!(seen.connections[0].series, unseen.connections[0].series);
    assert_eq!(seen.connections[0].story, unseen.connections[0].story);
    assert_eq!(run(true, false).detail, seen.detail);
}
