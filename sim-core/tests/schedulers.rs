//! Every scheduler on two paths that are not alike: what it is for, and that the stream survives it.

use sim_core::app::AppConfig;
use sim_core::engine::link::{LinkConfig, QueueLimit};
use sim_core::engine::world::{Action, ConnectionSpec, LinkSpec, World};
use sim_core::mptcp::config::{HostConfig, SchedulerKind};
use sim_core::record::{ConnectionRecord, PathRecord};
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};

const ALL: [SchedulerKind; 8] = [
    SchedulerKind::MinRtt,
    SchedulerKind::MinRttRetransmitting,
    SchedulerKind::MinRttOpportunistic,
    SchedulerKind::RoundRobin,
    SchedulerKind::Redundant,
    SchedulerKind::Blest,
    SchedulerKind::Ecf,
    SchedulerKind::Linux,
];

/// What happens to the fast path.
#[derive(Clone, Copy, PartialEq)]
enum Event {
    None,
    /// Cut after a second, for good.
    FastPathCut,
}

/// Runs `app` over 10 Mbit/s with 20 ms and 2 Mbit/s with 150 ms of round-trip time.
fn run(
    scheduler: SchedulerKind,
    app: AppConfig,
    receive_buffer: u64,
    event: Event,
) -> ConnectionRecord {
    run_queued(scheduler, app, receive_buffer, event, SimDuration::from_millis(50))
}

/// The same with another queue before the slow path.
fn run_queued(
    scheduler: SchedulerKind,
    app: AppConfig,
    receive_buffer: u64,
    event: Event,
    slow_queue: SimDuration,
) -> ConnectionRecord {
    let mut world = World::new(7);
    let receive_buffer = ByteSize(receive_buffer);
    let config = HostConfig {
        scheduler,
        receive_buffer,
        receive_autotuning: false,
        ..HostConfig::default()
    };
    let client = world.add_host("client", config.clone());
    let server = world.add_host("server", config);
    world.set_source_routing(server, false);
    for (i, mbps, rtt_ms) in [(0, 10, 20), (1, 2, 150)] {
        let name = format!("path{i}");
        let rtt = SimDuration::from_millis(rtt_ms);
        let rate_bps = Some(mbps * 1_000_000);
        let path =
            world.add_path(PathRecord { name: name.clone(), rate_bps, rtt, devices: vec![] });
        let link = LinkConfig {
            rate: rate_bps.map(BitRate),
            delay: rtt / 2,
            queue: QueueLimit::Time(if i == 0 { SimDuration::from_millis(50) } else { slow_queue }),
            ..LinkConfig::default()
        };
        let spec = LinkSpec { name, path: Some(path), forward: link.clone(), backward: link };
        let link = world.connect((client, i), (server, i), spec);
        world.add_address(client, i, [10, 0, i, 2].into());
        world.add_address(server, i, [10, 1, i, 2].into());
        world.add_route(server, [10, 0, i, 0].into(), 24, i);
        world.add_route(client, [10, 1, i, 0].into(), 24, i);
        if i == 0 && event == Event::FastPathCut {
            world.schedule(
                SimTime(1_000_000_000),
                "cut".into(),
                Some(path),
                Action::LinkDown(link),
            );
        }
    }
    world.add_connection(ConnectionSpec {
        name: "work".into(),
        client,
        server,
        client_address: [10, 0, 0, 2].into(),
        server_address: ([10, 1, 0, 2], 5001).into(),
        start: SimTime::ZERO,
        app,
        bound_bps: None,
    });
    world.run(SimTime(300_000_000_000)).connections.remove(0)
}

fn bulk(bytes: u64) -> AppConfig {
    AppConfig::Bulk { bytes: Some(ByteSize(bytes)), duration: None, download: false }
}

/// A stream of 400 kbit/s, which either path carries alone.
fn thin() -> AppConfig {
    let duration = SimDuration::from_secs(10);
    AppConfig::Stream { rate: BitRate(400_000), duration, download: false }
}

fn early_segments(record: &ConnectionRecord) -> u64 {
    record.server_counters.get("OFOQueue").copied().unwrap_or(0)
}

fn latency_ms(record: &ConnectionRecord, quantile: f64) -> f64 {
    record.latency.value_at_quantile(quantile) as f64 / 1e6
}

#[test]
fn every_scheduler_delivers_the_stream() {
    for scheduler in ALL {
        for event in [Event::None, Event::FastPathCut] {
            for receive_buffer in [6 << 20, 100_000] {
                let record = run(scheduler, bulk(4_000_000), receive_buffer, event);
                let case = format!("{scheduler:?} with {receive_buffer} bytes");
                assert_eq!(record.bytes_delivered, 4_000_000, "{case}");
                assert!(record.stream_intact, "{case}");
                assert!(record.completed_at.is_some(), "{case}");
            }
        }
    }
}

/// With a buffer of plenty, all but the redundant one add the paths up.
#[test]
fn all_but_redundant_use_both_paths() {
    for scheduler in ALL {
        let record = run(scheduler, bulk(20_000_000), 6 << 20, Event::None);
        let mbps = record.goodput_bps / 1e6;
        let expect = if scheduler == SchedulerKind::Redundant { 8.8..10.0 } else { 10.0..12.0 };
        assert!(expect.contains(&mbps), "{scheduler:?}: {mbps:.2} Mbit/s");
    }
}

/// A copy on each path: the cut of one is not felt, while the others must notice it first.
#[test]
fn redundant_hides_a_cut() {
    let table = ALL.map(|s| (s, run(s, thin(), 6 << 20, Event::FastPathCut)));
    for (scheduler, record) in &table {
        let worst = latency_ms(record, 1.0);
        let hidden = worst < 250.0;
        assert_eq!(hidden, *scheduler == SchedulerKind::Redundant, "{scheduler:?}: {worst} ms");
    }
}

/// Waiting for the fast path keeps data from overtaking other data: BLEST where the window would
/// block, ECF where a piece of work is so small that its end would come over the slow path.
#[test]
fn blest_and_ecf_deliver_in_better_order() {
    let requests = AppConfig::RequestResponse {
        request: ByteSize(100_000),
        response: ByteSize(1000),
        count: 10,
        pause: SimDuration::from_millis(500),
    };
    for (scheduler, app, receive_buffer) in
        [(SchedulerKind::Blest, bulk(4_000_000), 100_000), (SchedulerKind::Ecf, requests, 6 << 20)]
    {
        let plain = run(SchedulerKind::MinRtt, app.clone(), receive_buffer, Event::None);
        let waiting = run(scheduler, app, receive_buffer, Event::None);
        let [early_plain, early] = [&plain, &waiting].map(early_segments);
        assert!(early * 2 < early_plain, "{scheduler:?} {early}, minRTT {early_plain}");
        assert!(waiting.completed_at < plain.completed_at, "{scheduler:?}");
    }
}

/// A small buffer that a slow path blocks: what opportunistic retransmission and BLEST were made for.
#[test]
fn a_blocked_window_is_helped() {
    let goodput = |s| run(s, bulk(8_000_000), 100_000, Event::None).goodput_bps / 1e6;
    let plain = goodput(SchedulerKind::MinRtt);
    for scheduler in [SchedulerKind::MinRttOpportunistic, SchedulerKind::Blest] {
        let helped = goodput(scheduler);
        assert!(helped > plain * 1.1, "{scheduler:?} {helped:.2}, minRTT {plain:.2} Mbit/s");
    }
}

/// Retransmission alone leaves the slow path its window, and it blocks the connection's again and again; halved, it
/// holds nobody up.
#[test]
fn a_slow_path_that_blocks_the_window_is_penalised() {
    let goodput = |s| run(s, bulk(8_000_000), 100_000, Event::None).goodput_bps / 1e6;
    let spared = goodput(SchedulerKind::MinRttRetransmitting);
    let penalised = goodput(SchedulerKind::MinRttOpportunistic);
    assert!(penalised > spared * 1.1, "{penalised:.2}, without {spared:.2} Mbit/s");
}

/// A burst on a slow path with a deep queue that blocks the window is all brought by the fast one, which alone is worth as much
/// as the fast path has (Raiciu et al. 2012, figure 4: no worse than TCP over it).
#[test]
fn all_that_blocks_the_window_is_sent_again() {
    let deep = SimDuration::from_secs(2);
    let goodput = |s| run_queued(s, bulk(8_000_000), 200_000, Event::None, deep).goodput_bps / 1e6;
    let plain = goodput(SchedulerKind::MinRtt);
    let helped = goodput(SchedulerKind::MinRttRetransmitting);
    assert!(helped > plain * 1.5, "{helped:.2}, plain {plain:.2} Mbit/s");
}
