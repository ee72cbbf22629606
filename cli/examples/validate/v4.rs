//! "How Hard Can It Be?" (NSDI 2012): goodput against the size of the buffers, over WiFi and 3G.

use crate::measure;
use crate::{Tally, curves};

/// Buffers, in kB.
const BUFFERS: [u32; 14] = [25, 50, 100, 150, 200, 250, 300, 350, 400, 500, 600, 700, 850, 1000];
/// Goodput is measured from here on, in seconds: 3G's round trip with its full queue is over 2 s.
const SETTLED_S: f64 = 10.0;

struct Curve {
    name: &'static str,
    file: &'static str,
    scheduler: Option<&'static str>,
}

const CURVES: [Curve; 5] = [
    Curve { name: "TCP over WiFi", file: "tcp-wifi", scheduler: None },
    Curve { name: "TCP over 3G", file: "tcp-3g", scheduler: None },
    Curve { name: "MPTCP, plain", file: "mptcp", scheduler: Some("MinRtt") },
    Curve { name: "MPTCP, M1", file: "mptcp", scheduler: Some("MinRttRetransmitting") },
    Curve { name: "MPTCP, M1 and M2", file: "mptcp", scheduler: Some("MinRttOpportunistic") },
];

pub(crate) fn validate(_: &[String]) -> Tally {
    let mut tally = Tally::default();
    let mut lines = Vec::new();
    for curve in &CURVES {
        let points = BUFFERS.map(|buffer| (f64::from(buffer), goodput(curve, buffer)));
        lines.push((curve.name, points.to_vec()));
    }
    print!("{:<18}", "buffer, kB");
    BUFFERS.iter().for_each(|buffer| print!("{buffer:>7}"));
    println!();
    for (name, points) in &lines {
        print!("{name:<18}");
        points.iter().for_each(|(_, mbps)| print!("{mbps:>7.2}"));
        println!();
    }
    let at = |line: usize, buffer: u32| {
        let found = lines[line].1.iter().find(|(kb, _)| *kb == f64::from(buffer));
        found.map_or(f64::NAN, |(_, mbps)| *mbps)
    };
    let (wifi, plain, resent, both) = (0, 2, 3, 4);
    let mut gate = |what: &str, holds: bool| {
        tally.add(holds);
        println!("{what:<72} {}", if holds { "holds" } else { "DIFFERS" });
    };
    gate(
        "plain MPTCP is worse than TCP over WiFi at small and middling buffers",
        [50, 100, 200].iter().all(|&kb| at(plain, kb) < at(wifi, kb)),
    );
    gate("plain MPTCP crosses TCP over WiFi later", at(plain, 1000) > at(wifi, 1000));
    gate(
        "M1 is never below plain MPTCP (by 5 %), and above it at middling buffers",
        BUFFERS.iter().all(|&kb| at(resent, kb) >= 0.95 * at(plain, kb))
            && [200, 300, 400].iter().all(|&kb| at(resent, kb) > at(plain, kb)),
    );
    gate(
        "M1 and M2 are never below plain MPTCP, nor (by 5 %) below TCP over WiFi",
        BUFFERS
            .iter()
            .all(|&kb| at(both, kb) >= 0.98 * at(plain, kb) && at(both, kb) >= 0.95 * at(wifi, kb)),
    );
    let plateau = at(both, 1000);
    let knee = BUFFERS.iter().find(|&&kb| at(both, kb) >= 0.95 * plateau).copied().unwrap_or(0);
    gate(
        &format!("the knee of M1 and M2 is between 300 and 700 kB: {knee}"),
        (300..=700).contains(&knee),
    );
    gate(&format!("the plateau is 9.2–9.6 Mbit/s: {plateau:.2}"), (9.2..=9.6).contains(&plateau));
    let picture = std::path::Path::new("results/v4.svg");
    let curves = curves::svg("Goodput against buffers, WiFi and 3G", &lines);
    match std::fs::create_dir_all("results").and_then(|()| std::fs::write(picture, curves)) {
        Ok(()) => println!("curves drawn: {}", picture.display()),
        Err(error) => println!("{}: {error}", picture.display()),
    }
    tally
}

fn goodput(curve: &Curve, buffer_kb: u32) -> f64 {
    let mut settings = Vec::new();
    for host in ["client", "server"] {
        for field in ["send_buffer", "receive_buffer"] {
            settings.push(format!("hosts.{host}.{field}={buffer_kb} kB"));
        }
        if let Some(scheduler) = curve.scheduler {
            settings.push(format!("hosts.{host}.scheduler={scheduler}"));
        }
    }
    let figure = measure::scenario(&format!("v4/{}.ron", curve.file), &settings)
        .and_then(|loaded| measure::record(&loaded))
        .map(|record| {
            let series = &record.connections[0].series;
            let first = (SETTLED_S / series.interval.as_secs_f64()) as usize;
            let last = (60.0 / series.interval.as_secs_f64()) as usize;
            let settled = series.delivered.iter().take(last).skip(first).sum::<u64>();
            settled as f64 * 8.0 / (60.0 - SETTLED_S) / 1e6
        });
    figure.unwrap_or_else(|fault| {
        println!("{fault}");
        f64::NAN
    })
}
