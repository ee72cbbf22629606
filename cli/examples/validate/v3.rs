//! Fixed points of coupled congestion control. LIA's alphas are exact in `sim-core`'s unit tests.

use sim_core::record::ConnectionRecord;

use crate::Tally;
use crate::measure;

/// Rates are measured from here on, in seconds.
const SETTLED_S: f64 = 20.0;

pub(crate) fn validate(_: &[String]) -> Tally {
    let mut tally = Tally::default();
    println!("share of a bottleneck that n subflows get beside one TCP");
    for (algorithm, coupled, gated) in
        [("lia", true, true), ("reno", false, true), ("olia", true, false), ("balia", true, false)]
    {
        for n in [2_u32, 3] {
            let expected = if coupled { 0.5 } else { f64::from(n) / f64::from(n + 1) };
            match connections(&format!("v3/shared-{algorithm}-{n}.ron")) {
                Ok(connections) => {
                    let rates: Vec<f64> = connections.iter().map(settled_mbps).collect();
                    let share = rates[0] / rates.iter().sum::<f64>();
                    let agrees = (share - expected).abs() <= 0.1;
                    let mark = if agrees { "" } else { "DIFFERS" };
                    if gated {
                        tally.add(agrees);
                    }
                    println!(
                        "  {algorithm:<6} n = {n}   ours {:>5.1} %   expected {:>5.1} % ± 10   {mark}",
                        100.0 * share,
                        100.0 * expected
                    );
                }
                Err(fault) => println!("  {fault}"),
            }
        }
    }
    println!("\nscenario A: normalised rate of the TCP users (LIA)");
    for (ratio, c1, name) in
        (1..=3).flat_map(|n| [(n, 0.75, "075"), (n, 1.0, "100"), (n, 1.5, "150")])
    {
        match connections(&format!("v3/scenario-a-{ratio}-{name}.ron")) {
            Ok(connections) => {
                let tcp: Vec<f64> = connections
                    .iter()
                    .filter(|c| c.name.starts_with("tcp"))
                    .map(settled_mbps)
                    .collect();
                // C2 is 1 Mbit/s of whole packets, 1448 of 1500 bytes of each are payload.
                let ours = tcp.iter().sum::<f64>() / tcp.len() as f64 / (1448.0 / 1500.0);
                let expected = fixed_point(f64::from(ratio), c1) * c1;
                let agrees = (ours / expected - 1.0).abs() <= 0.10;
                tally.add(agrees);
                let mark = if agrees { "" } else { "DIFFERS" };
                println!(
                    "  N1/N2 = {ratio}  C1/C2 = {c1:<4}   ours {ours:.3}   expected {expected:.3} ± 10 %   {mark}"
                );
            }
            Err(fault) => println!("  {fault}"),
        }
    }
    tally
}

fn connections(file: &str) -> Result<Vec<ConnectionRecord>, String> {
    let loaded = measure::scenario(file, &[])?;
    Ok(measure::record(&loaded)?.connections)
}

/// Delivered bits per second once all have started.
fn settled_mbps(connection: &ConnectionRecord) -> f64 {
    let tick = connection.series.interval.as_secs_f64();
    let first = (SETTLED_S / tick) as usize;
    let after = connection.series.delivered.get(first..).unwrap_or(&[]);
    after.iter().sum::<u64>() as f64 * 8.0 / (after.len() as f64 * tick) / 1e6
}

/// z of z + n·z²/(1 + 2z²) = 1/c, by bisection (the left side grows with z).
fn fixed_point(n: f64, c: f64) -> f64 {
    let (mut low, mut high) = (0.0, 2.0);
    for _ in 0..60 {
        let z: f64 = f64::midpoint(low, high);
        if z + n * z * z / (1.0 + 2.0 * z * z) < 1.0 / c { low = z } else { high = z }
    }
    low
}
