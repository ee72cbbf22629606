//! What tells each scheduler from the others. That they deliver, add paths up, hide a cut and help a blocked
//! window is held in `sim-core/tests/schedulers.rs`.

use sim_core::record::story::End;

use super::{Ran, Setup, TWO_PATHS};

/// The slow path is the first one: who takes the fast one has looked at the round trips.
const SLOW_FIRST: Setup<'_> = Setup {
    paths: r#"(name: "slow", rate: "10 Mbps", delay: "75 ms", queue: "100 ms"),
              (name: "fast", rate: "10 Mbps", delay: "10 ms", queue: "100 ms")"#,
    traffic: r#"Stream(name: "work", from: "client", to: "server", rate: "800 kbps", duration: "10 s")"#,
    ..TWO_PATHS
};

/// Bytes of the stream, from `from` on, that the client sent from the address that ends in `path`, each counted
/// once, and those of them that it sent from the other one, too.
fn sent(ran: &Ran, from: u64) -> [Vec<bool>; 2] {
    let total = ran.connection().bytes_delivered;
    let mut carried = [vec![false; (total - from) as usize], vec![false; (total - from) as usize]];
    for packet in ran.sent(End::Client).filter(|p| !p.payload.is_empty()) {
        let std::net::IpAddr::V4(src) = packet.src else { panic!("IPv4") };
        let first = packet.payload.offset.max(from);
        let end = packet.payload.offset + u64::from(packet.payload.len);
        for at in first..end {
            carried[usize::from(src.octets()[2] - 1)][(at - from) as usize] = true;
        }
    }
    carried
}

fn share(carried: &[bool]) -> f64 {
    carried.iter().filter(|&&sent| sent).count() as f64 / carried.len() as f64
}

/// A stream that either path carries alone: over the lowest round trip, over both in turn, over both in full, or
/// (Linux) over whichever has least to drain.
#[test]
fn a_thin_stream_shows_how_a_scheduler_chooses() {
    let table = [
        ("MinRtt", 0.0..0.01, 0.99..1.01),
        ("MinRttOpportunistic", 0.0..0.01, 0.99..1.01),
        ("MinRttRetransmitting", 0.0..0.01, 0.99..1.01),
        ("Blest", 0.0..0.01, 0.99..1.01),
        ("Ecf", 0.0..0.01, 0.99..1.01),
        ("RoundRobin", 0.45..0.55, 0.45..0.55),
        ("Redundant", 0.999..1.01, 0.999..1.01),
        ("Linux", 0.3..0.7, 0.3..0.7),
    ];
    for (scheduler, slow, fast) in table {
        let client = format!("(scheduler: {scheduler})");
        let ran = Setup { client: &client, ..SLOW_FIRST }.run();
        // The join is up after its first round trips.
        let [on_slow, on_fast] = sent(&ran, 100_000).map(|carried| share(&carried));
        assert!(slow.contains(&on_slow), "{scheduler}: {on_slow:.3} of it on the slow path");
        assert!(fast.contains(&on_fast), "{scheduler}: {on_fast:.3} of it on the fast path");
    }
}

/// A window that the slow path blocks: opportunistic retransmission sends what blocks it over the fast path,
/// too; penalisation, which takes from the slow one's window, makes that another run.
#[test]
fn what_blocks_the_window_goes_over_the_fast_path_too() {
    let run = |scheduler: &str| {
        let client = format!("(scheduler: {scheduler})");
        let ran = Setup {
            paths: r#"(name: "fast", rate: "10 Mbps", delay: "10 ms", queue: "50 ms"),
                      (name: "slow", rate: "2 Mbps", delay: "75 ms", queue: "50 ms")"#,
            client: &client,
            server: r#"(receive_buffer: "100 kB", receive_autotuning: false)"#,
            traffic: r#"Bulk(name: "work", from: "client", to: "server", duration: "10 s")"#,
            ..TWO_PATHS
        }
        .run();
        let c = ran.connection();
        assert!(c.stream_intact && c.completed_at.is_some(), "{scheduler}");
        let [fast, slow] = sent(&ran, 0);
        let twice = fast.iter().zip(&slow).filter(|(a, b)| **a && **b).count();
        let slow = c.subflows.iter().position(|s| s.path == "slow").expect("it was joined");
        let windows = c.series.subflows[slow].samples.iter().map(|sample| sample.cwnd);
        let mean = windows.clone().sum::<u64>() / windows.count().max(1) as u64;
        (twice, mean)
    };
    let (plain, _) = run("MinRtt");
    let (retransmitted, free) = run("MinRttRetransmitting");
    let (with_penalty, penalised) = run("MinRttOpportunistic");
    assert!(plain < 10_000, "minRTT sends twice only what was lost: {plain}");
    assert!(retransmitted > 50_000 && with_penalty > 10_000, "{retransmitted}, {with_penalty}");
    assert_ne!((retransmitted, free), (with_penalty, penalised));
}
