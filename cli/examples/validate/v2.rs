//! The labs of the multipath tutorial at SIGCOMM 2020.

use sim_core::record::{ConnectionRecord, SubflowOutcome};

use crate::Tally;
use crate::measure;

pub(crate) fn validate(_: &[String]) -> Tally {
    let mut tally = Tally::default();
    let mut row = |lab: &str, ours: String, expected: &str, agrees: bool| {
        tally.add(agrees);
        println!("{lab:<44} {ours:<26} {expected:<34} {}", if agrees { "" } else { "DIFFERS" });
    };
    let one = connection("01-tcp", |c| c.goodput_bps / 1e6);
    let two = connection("01-mptcp", |c| c.goodput_bps / 1e6);
    row("01 TCP over 20 Mbit/s", mbit(one), "19–20 Mbit/s", (19.0..=20.0).contains(&one));
    let near = (two / (2.0 * one) - 1.0).abs() <= 0.05;
    row("01 MPTCP over two of them", mbit(two), "twice that", near);

    let [small, middle, large] =
        ["02b-300k", "02b-1m", "02b-8m"].map(|lab| connection(lab, |c| c.goodput_bps / 1e6));
    let double = 2.0 * one;
    row("02b window 300 kB", mbit(small), "poor", small < middle);
    row("02b window 1 MB", mbit(middle), "below twice one path", middle < double);
    row("02b window 8 MB", mbit(large), "better than with 1 MB", large > middle);

    for (lab, file, expected) in [
        ("03 full mesh, 1 × 1", "03-fullmesh-1x1", 1),
        ("03 full mesh, 2 × 1", "03-fullmesh-2x1", 2),
        ("03 full mesh, 2 × 2", "03-fullmesh-2x2", 4),
        ("03 ndiffports 2", "03-ndiffports", 2),
    ] {
        let subflows = connection(file, |c| {
            c.subflows.iter().filter(|s| s.outcome == SubflowOutcome::Established).count() as f64
        });
        let text = format!("{subflows} subflows");
        row(lab, text, &format!("{expected} subflows"), subflows == f64::from(expected));
    }

    for (lab, file) in [
        ("04 path 1 fails", "04-failover"),
        ("04 path 1 fails, path 2 backup", "04-failover-backup"),
    ] {
        let delays = match measured(file) {
            Ok(connection) => delays_ms(&connection),
            Err(fault) => {
                println!("{fault}");
                Vec::new()
            }
        };
        let worst = delays.iter().copied().fold(0.0, f64::max);
        let last = delays.last().copied().unwrap_or(f64::NAN);
        let text = format!("{worst:.0} ms once, then {last:.0} ms");
        // A timeout is the smoothed round trip and four deviations, at least 200 ms, and the answer.
        let agrees = (200.0..=600.0).contains(&worst) && (28.0..=34.0).contains(&last);
        row(lab, text, "about one RTO, then about 30 ms", agrees);
    }
    tally
}

fn mbit(rate: f64) -> String {
    format!("{rate:.2} Mbit/s")
}

fn measured(lab: &str) -> Result<ConnectionRecord, String> {
    let loaded = measure::scenario(&format!("v2/{lab}.ron"), &[])?;
    let mut record = measure::record(&loaded)?;
    if record.connections.is_empty() {
        return Err(format!("{lab}: no connection"));
    }
    Ok(record.connections.swap_remove(0))
}

fn connection(lab: &str, figure: impl Fn(&ConnectionRecord) -> f64) -> f64 {
    match measured(lab) {
        Ok(connection) => figure(&connection),
        Err(fault) => {
            println!("{fault}");
            f64::NAN
        }
    }
}

/// Time from each request to its response. Deliveries alternate: a request at the server, its response
/// at the client; the next request follows after the pause.
fn delays_ms(connection: &ConnectionRecord) -> Vec<f64> {
    const PAUSE_MS: f64 = 100.0;
    let tick = connection.series.interval.as_secs_f64() * 1e3;
    let instants: Vec<f64> =
        measure::deliveries(connection).map(|(at, _)| at as f64 * tick).collect();
    let responses: Vec<f64> = instants.chunks_exact(2).map(|pair| pair[1]).collect();
    responses.windows(2).map(|pair| pair[1] - pair[0] - PAUSE_MS).collect()
}
