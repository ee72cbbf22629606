use super::bottleneck::{Bottleneck, Path, by_connection};
use super::*;
use crate::mptcp::config::CongestionKind::{Balia, Bbr, Cubic, Lia, Olia, Reno, WVegas};

const ALL: [CongestionKind; 7] = [Reno, Cubic, Bbr, Lia, Olia, Balia, WVegas];

/// An ACK of `acked` segments that lets a window grow.
pub(super) fn ack(acked: u32) -> AckSample {
    AckSample { acked, advances: true, cwnd_limited: true, mss: 1400, ..AckSample::default() }
}

pub(super) fn siblings(cwnds: &[u32], rtts_ms: &[u64]) -> Vec<Sibling> {
    let pairs = cwnds.iter().zip(rtts_ms);
    pairs
        .map(|(&cwnd, &ms)| Sibling {
            cwnd,
            srtt: SimDuration::from_millis(ms),
            open: true,
            ..Sibling::default()
        })
        .collect()
}

/// A window in congestion avoidance.
fn at(kind: CongestionKind, cwnd: u32) -> Congestion {
    let mut congestion = Congestion::new(kind, cwnd);
    congestion.window_mut().ssthresh = cwnd;
    congestion
}

/// A whole window is acknowledged, segment by segment, one round-trip time after `now`; returns the
/// new time.
fn round(congestion: &mut Congestion, now: SimTime, rtt: SimDuration) -> SimTime {
    let end = now + rtt;
    let cwnd = congestion.window().cwnd;
    for i in 0..cwnd {
        let delivered = congestion.delivered + 1;
        let sample = AckSample {
            now: now + SimDuration(rtt.0 * u64::from(i + 1) / u64::from(cwnd)),
            rtt: Some(rtt),
            srtt: rtt,
            delivered,
            prior_delivered: delivered.saturating_sub(u64::from(cwnd)),
            ..ack(1)
        };
        congestion.on_ack(&sample, &[], 0);
    }
    end
}

#[test]
fn slow_start_doubles_up_to_the_threshold() {
    for kind in [Reno, Lia] {
        let mut congestion = Congestion::new(kind, 10);
        congestion.window_mut().ssthresh = 35;
        let rtt = SimDuration::from_millis(50);
        let mut windows = Vec::new();
        let mut now = SimTime::ZERO;
        for _ in 0..4 {
            now = round(&mut congestion, now, rtt);
            windows.push(congestion.window().cwnd);
        }
        assert_eq!(windows, [20, 35, 36, 37], "{kind:?}");
    }
}

#[test]
fn what_does_not_grow_a_window() {
    let grown = |sample: AckSample| {
        let mut congestion = Congestion::new(Reno, 10);
        congestion.on_ack(&sample, &[], 0);
        congestion.window().cwnd - 10
    };
    assert_eq!(grown(ack(2)), 2);
    assert_eq!(grown(AckSample { advances: false, ..ack(2) }), 0);
    assert_eq!(grown(AckSample { cwnd_limited: false, ..ack(2) }), 0);
    assert_eq!(grown(AckSample { in_recovery: true, ..ack(2) }), 0);
}

#[test]
fn a_loss_lowers_the_threshold_and_its_end_the_window() {
    for (kind, expected) in [(Reno, 50), (Cubic, 70), (Lia, 50)] {
        let mut congestion = at(kind, 100);
        congestion.on_congestion(&[], 0);
        let window = *congestion.window();
        assert_eq!((window.cwnd, window.ssthresh), (100, expected), "{kind:?}");
        congestion.on_recovery_end();
        assert_eq!(congestion.window().cwnd, expected);
    }
}

#[test]
fn a_timeout_starts_again_and_lowers_the_threshold_once() {
    for kind in [Reno, Cubic, Lia, Olia, Balia, WVegas] {
        let mut congestion = at(kind, 100);
        congestion.on_timeout(&[], 0);
        let lowered = congestion.window().ssthresh;
        assert!(lowered < 100);
        congestion.on_timeout(&[], 0);
        let window = *congestion.window();
        assert_eq!((window.cwnd, window.ssthresh), (1, lowered), "{kind:?}");
        congestion.on_ack(&ack(1), &[], 0);
        congestion.on_timeout(&[], 0);
        assert_eq!(congestion.window().ssthresh, 2, "{kind:?}");
        congestion.on_recovery_end();
        assert_eq!(congestion.window().cwnd, 1, "the end of a timeout's repair changes nothing");
    }
}

#[test]
fn a_spurious_loss_is_undone() {
    for kind in [Reno, Cubic, Lia, Olia, Balia, WVegas] {
        let mut congestion = at(kind, 100);
        congestion.on_timeout(&[], 0);
        congestion.undo();
        let window = *congestion.window();
        assert_eq!((window.cwnd, window.ssthresh), (100, 100), "{kind:?}");
        congestion.on_congestion(&[], 0);
        congestion.window_mut().cwnd = 60;
        congestion.undo();
        assert_eq!(congestion.window().cwnd, 100);
    }
}

#[test]
fn an_idle_window_decays_to_the_initial_one() {
    let rto = SimDuration::from_millis(200);
    for (idle_ms, expected) in [(100, 80), (200, 80), (201, 40), (401, 20), (601, 10), (9999, 10)] {
        let mut congestion = Congestion::new(Reno, 10);
        congestion.window_mut().cwnd = 80;
        congestion.window_mut().ssthresh = 40;
        let now = SimTime(100_000_000_000);
        congestion.on_idle_restart(now, SimDuration::from_millis(idle_ms), rto);
        assert_eq!(congestion.window().cwnd, expected, "{idle_ms}");
        let ssthresh = if idle_ms > 200 { 60 } else { 40 };
        assert_eq!(congestion.window().ssthresh, ssthresh);
    }
}

/// CUBIC's window after `after` since a loss at `last_max`, as the RFC has it.
fn cubic_curve(last_max: f64, after: f64) -> f64 {
    let k = (last_max * 0.3 / 0.4f64).cbrt();
    0.4 * (after - k).powi(3) + last_max
}

#[test]
fn cubic_follows_its_curve() {
    let mut congestion = at(Cubic, 1000);
    let rtt = SimDuration::from_millis(100);
    congestion.on_congestion(&[], 0);
    congestion.on_recovery_end();
    let mut now = SimTime(1_000_000_000);
    let start = now;
    for _ in 0..150 {
        now = round(&mut congestion, now, rtt);
        // Linux looks one round trip ahead, and the window lags by one.
        let expected = cubic_curve(1000.0, now.since(start).as_secs_f64());
        let cwnd = f64::from(congestion.window().cwnd);
        assert!((cwnd / expected - 1.0).abs() < 0.03, "{now}: {cwnd}, expected {expected}");
    }
    assert!(congestion.window().cwnd > 1050, "beyond the old maximum");
}

#[test]
fn cubic_is_no_slower_than_reno_on_a_short_path() {
    let mut congestion = at(Cubic, 40);
    congestion.on_congestion(&[], 0);
    congestion.on_recovery_end();
    let mut now = SimTime(1_000_000_000);
    let rounds = 60;
    for _ in 0..rounds {
        now = round(&mut congestion, now, SimDuration::from_millis(2));
    }
    // The RFC's α of 0.53 segments per round trip, from 28 on; the curve alone would stand at 33.
    let expected = 28.0 + 0.53 * f64::from(rounds);
    let cwnd = f64::from(congestion.window().cwnd);
    assert!((cwnd - expected).abs() < 4.0, "{cwnd}, expected {expected}");
}

#[test]
fn cubic_makes_room_when_it_did_not_reach_its_last_maximum() {
    let mut congestion = at(Cubic, 1000);
    congestion.on_congestion(&[], 0);
    congestion.on_recovery_end();
    assert_eq!(congestion.window().cwnd, 700);
    congestion.on_congestion(&[], 0);
    congestion.on_recovery_end();
    // The curve now aims at 700 · (1 + β) / 2 = 595 instead of 700.
    let mut now = SimTime(1_000_000_000);
    let mut levels = Vec::new();
    for _ in 0..120 {
        now = round(&mut congestion, now, SimDuration::from_millis(100));
        levels.push(congestion.window().cwnd);
    }
    let flattest = levels.windows(10).min_by_key(|w| w[9] - w[0]).unwrap();
    assert!(flattest.iter().all(|cwnd| cwnd.abs_diff(595) < 10), "{flattest:?}");
}

#[test]
fn hystart_ends_slow_start_when_the_delay_rises() {
    let base = SimDuration::from_millis(100);
    let slow = |rise_ms: u64| {
        let mut congestion = Congestion::new(Cubic, 16);
        let mut now = SimTime(1_000_000_000);
        now = round(&mut congestion, now, base);
        assert!(congestion.window().in_slow_start());
        round(&mut congestion, now, base + SimDuration::from_millis(rise_ms));
        congestion.window().in_slow_start()
    };
    // An eighth of 100 ms is 12.5 ms.
    assert!(slow(12));
    assert!(!slow(13));
}

#[test]
fn hystart_ends_slow_start_when_the_ack_train_is_half_a_path_long() {
    let feed = |spacing_us: u64| {
        let mut congestion = Congestion::new(Cubic, 16);
        let mut now = SimTime(1_000_000_000);
        for i in 1..=64 {
            now += SimDuration::from_micros(spacing_us);
            let rtt = Some(SimDuration::from_millis(40));
            let (delivered, prior_delivered) = (i, 0);
            let sample = AckSample { now, rtt, delivered, prior_delivered, ..ack(1) };
            congestion.on_ack(&sample, &[], 0);
        }
        congestion.window().in_slow_start()
    };
    assert!(feed(300), "a train of 19 ms");
    assert!(!feed(330), "a train of 21 ms");
    assert!(feed(3000), "not a train");
}

/// 10 Mbit/s in segments of 1500 bytes; the buffer is a little more than the path's product.
fn path() -> Path {
    Path::new(833, 40, 40)
}

/// The rates of the flows after a start of 20 s.
fn settled(paths: Vec<Path>, connections: &[(CongestionKind, &[usize])]) -> (Bottleneck, Vec<f64>) {
    let mut world = Bottleneck::new(paths, connections);
    world.run(20);
    let rates = world.run(100);
    (world, rates)
}

#[test]
fn every_algorithm_fills_a_path() {
    for kind in ALL {
        let (_, rates) = settled(vec![path()], &[(kind, &[0])]);
        assert!(rates[0] > 0.96 * 833.0, "{kind:?}: {rates:.0?}");
    }
}

#[test]
fn a_single_subflow_is_reno() {
    let run = |kind| {
        let (world, rates) = settled(vec![path()], &[(kind, &[0])]);
        let flow = &world.flows[0];
        (rates, flow.cwnd_range, flow.losses, flow.delivered)
    };
    for kind in [Lia, Olia, Balia] {
        assert_eq!(run(kind), run(Reno), "{kind:?}");
    }
}

#[test]
fn disjoint_paths_are_both_filled() {
    for kind in ALL {
        let (_, rates) = settled(vec![path(), Path::new(400, 80, 40)], &[(kind, &[0, 1])]);
        assert!(rates[0] > 0.95 * 833.0 && rates[1] > 0.9 * 400.0, "{kind:?}: {rates:.0?}");
    }
}

#[test]
fn coupled_subflows_take_of_a_shared_path_what_one_tcp_does() {
    // RFC 6356, goal 2: twice the share for two uncoupled subflows, once for coupled ones.
    let table = [(Reno, 1.7..2.3), (Lia, 0.7..1.4), (Olia, 0.7..1.4), (Balia, 0.7..1.4)];
    for (kind, expected) in table {
        let (world, rates) = settled(vec![path()], &[(kind, &[0, 0]), (Reno, &[0])]);
        let sums = by_connection(&world, &rates);
        let ratio = sums[0] / sums[1];
        assert!(expected.contains(&ratio), "{kind:?}: {ratio:.2} of {sums:.0?}");
    }
}

#[test]
fn coupled_subflows_leave_a_congested_path_to_others() {
    // RFC 6356, goal 3: two TCPs share the first path, nobody the second.
    let share = |kind| {
        let connections: [(_, &[usize]); 3] = [(kind, &[0, 1]), (Reno, &[0]), (Reno, &[0])];
        let (_, rates) = settled(vec![path(), path()], &connections);
        assert!(rates[1] > 0.96 * 833.0, "{kind:?} fills the free path: {rates:.0?}");
        rates[0]
    };
    let uncoupled = share(Reno);
    for kind in [Lia, Olia, Balia, WVegas] {
        let coupled = share(kind);
        assert!(coupled < 0.8 * uncoupled, "{kind:?}: {coupled:.0}, uncoupled {uncoupled:.0}");
    }
}

#[test]
fn wvegas_keeps_its_total_queued_and_loses_nothing() {
    let (world, _) = settled(vec![path()], &[(WVegas, &[0])]);
    // The path's product is 34 segments; 10 more wait.
    assert_eq!(world.flows[0].losses, 0);
    assert!((9..=12).contains(&world.backlog(0)), "{}", world.backlog(0));
    let (greatest, least) = world.flows[0].cwnd_range;
    assert!((43..=48).contains(&least) && greatest <= 48, "{least}..{greatest}");
}

#[test]
fn bbr_keeps_the_queue_short_and_looks_for_the_least_round_trip_time() {
    let mut world = Bottleneck::new(vec![Path::new(833, 40, 400)], &[(Bbr, &[0])]);
    world.run(5);
    let mut backlogs = 0;
    let mut emptied = 0;
    for _ in 0..45 {
        world.run(1);
        let flow = &world.flows[0];
        assert_eq!(flow.losses, 0);
        // Twice the product, what is sent in bunches, and a probe.
        assert!(flow.cwnd_range.0 <= 2 * 34 + 20, "{:?}", flow.cwnd_range);
        emptied += u32::from(flow.cwnd_range.1 == 4);
        backlogs += world.backlog(0);
    }
    assert!(backlogs / 45 < 20, "mean backlog {} of 400", backlogs / 45);
    // PROBE_RTT every 10 s; each may touch two of the seconds.
    assert!((4..=8).contains(&emptied), "{emptied}");
}

#[test]
fn bbr_is_paced_and_reno_is_not() {
    let (world, _) = settled(vec![path(), path()], &[(Bbr, &[0]), (Reno, &[1])]);
    let rate = world.flows[0].congestion.pacing_rate().unwrap() as f64 / 1400.0;
    assert!((0.7 * 833.0..1.3 * 833.0).contains(&rate), "{rate}");
    assert_eq!(world.flows[1].congestion.pacing_rate(), None);
}

#[test]
fn bbr_fills_a_path_with_a_shallow_buffer() {
    // A buffer of 3 segments makes Reno halve its window long before the path is full.
    let rate = |kind| settled(vec![Path::new(833, 40, 3)], &[(kind, &[0])]).1[0];
    let (bbr, reno) = (rate(Bbr), rate(Reno));
    assert!(bbr > 0.85 * 833.0 && bbr > reno, "BBR {bbr:.0}, Reno {reno:.0}");
}

#[test]
fn a_run_is_the_same_every_time() {
    for kind in ALL {
        let run = || {
            let (world, _) = settled(vec![path(), path()], &[(kind, &[0, 1]), (Cubic, &[0])]);
            world.flows.iter().map(|f| (f.delivered, f.losses, f.cwnd_range)).collect::<Vec<_>>()
        };
        assert_eq!(run(), run(), "{kind:?}");
    }
}
