//! Linux's `simult_flows.sh`: two links used at once, within a limit of time. Both ends of its program sleep 200 ms
//! after their first 100 bytes, so that the join may be completed; one sends 16 MiB, the other 80 KiB.

use crate::Tally;
use crate::measure;

/// Bytes of each transfer.
const SIZE: u64 = 16 << 20;
/// How far the older kernels' times may be missed.
const TOLERANCE: f64 = 0.05;

struct Case {
    name: &'static str,
    /// Sum of both rates, Mbit/s.
    rate: u64,
    /// What transfers took, in ms: by arithmetic and the gate for balanced links, by measurement for
    /// the older cases.
    from_to: Option<(f64, f64)>,
    measured: bool,
}

const fn case(name: &'static str, rate: u64) -> Case {
    Case { name, rate, from_to: None, measured: false }
}

const CASES: [Case; 10] = [
    Case { from_to: Some((7155.0, 7561.0)), ..case("balanced", 20) },
    Case { from_to: Some((7155.0, 7561.0)), ..case("balanced-delay", 20) },
    case("unbalanced", 13),
    case("unbalanced-delay", 13),
    Case { from_to: Some((11_948.0, 11_960.0)), measured: true, ..case("opposed", 13) },
    Case { from_to: Some((7389.0, 7443.0)), measured: true, ..case("older-balanced", 20) },
    Case { from_to: Some((7386.0, 7448.0)), measured: true, ..case("older-balanced-delay", 20) },
    Case { from_to: Some((3818.0, 3876.0)), measured: true, ..case("older-unbalanced", 40) },
    Case { from_to: Some((3794.0, 3949.0)), measured: true, ..case("older-unbalanced-delay", 40) },
    Case { from_to: Some((3862.0, 4205.0)), measured: true, ..case("older-opposed", 40) },
];

pub(crate) fn validate(only: &[String]) -> Tally {
    let mut tally = Tally::default();
    println!("{:<28} {:>8} {:>8}  {:<14}", "case", "ours ms", "limit", "expected");
    for case in CASES.iter().filter(|c| only.is_empty() || only.iter().any(|o| o == c.name)) {
        for direction in ["up", "down"] {
            let name = format!("{}-{direction}", case.name);
            match time_ms(&name) {
                Ok(ms) => {
                    let limit = (1000 * SIZE * 8 * 10 / (case.rate * 1_000_000 * 9) + 450) as f64;
                    let slack = if case.measured { TOLERANCE } else { 0.0 };
                    let fits = case.from_to.is_none_or(|(from, to)| {
                        ms >= from * (1.0 - slack) && ms <= to * (1.0 + slack)
                    });
                    // The older kernels themselves were over the limit at times.
                    let agrees = fits && (ms <= limit || case.name.starts_with("older"));
                    tally.add(agrees);
                    let expected = case.from_to.map_or(String::new(), |(from, to)| {
                        format!("{from:.0}–{to:.0}{}", if case.measured { " ±5 %" } else { "" })
                    });
                    let mark = if agrees { "" } else { "DIFFERS" };
                    println!("{name:<28} {ms:>8.0} {limit:>8.0}  {expected:<18} {mark}");
                }
                Err(fault) => {
                    tally.add(false);
                    println!("{name:<28} {fault}");
                }
            }
        }
    }
    tally
}

/// From the call to the end of the connection.
fn time_ms(name: &str) -> Result<f64, String> {
    let loaded = measure::scenario(&format!("v1/{name}.ron"), &[])?;
    let record = measure::record(&loaded)?;
    let connection = record.connections.first().ok_or("no connection")?;
    let end = connection.completed_at.ok_or("not completed")?;
    Ok(end.since(connection.started_at).as_secs_f64() * 1e3)
}
