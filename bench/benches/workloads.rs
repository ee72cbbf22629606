//! Whole runs: wall time per packet-hop, one core, nothing captured, the record made.
//!
//! `cargo bench -p bench --bench workloads -- w1 w2` runs those two, and after each says the most memory that
//! the process had so far; `w4-1000@0.5` for half a simulated
//! second; without an argument, all that take seconds.

use std::time::Instant;

use bench::{LARGE, WORKLOADS, Workload};
use sim_core::record::RunRecord;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    if wanted.is_empty() {
        for workload in WORKLOADS.iter().filter(|w| !LARGE.contains(&w.name)) {
            run(workload, workload.seconds);
        }
    }
    for word in wanted {
        let (name, seconds) = word.split_once('@').unwrap_or((&word, ""));
        let Some(workload) = WORKLOADS.iter().find(|w| w.name == name) else {
            let names: Vec<_> = WORKLOADS.iter().map(|w| w.name).collect();
            eprintln!("there is no workload {name}; there are {}", names.join(", "));
            std::process::exit(2);
        };
        run(workload, seconds.parse().unwrap_or(workload.seconds));
    }
}

#[allow(clippy::disallowed_methods)] // a bench measures wall time
fn run(workload: &Workload, seconds: f64) {
    let started = Instant::now();
    let (world, limit) = workload.world(seconds);
    let record = world.run(limit);
    report(workload.name, started.elapsed().as_secs_f64(), &record);
}

fn report(name: &str, wall: f64, record: &RunRecord) {
    let bytes: u64 = record.connections.iter().map(|c| c.bytes_delivered).sum();
    let intact = record.connections.iter().all(|c| c.stream_intact);
    let goodput = bytes as f64 * 8.0 / record.ended_at.as_secs_f64() / 1e6;
    let hops = record.packet_hops;
    println!(
        "{name:15} {wall:8.3} s  {hops:>10} hops  {:>7.1} ns/hop  goodput {goodput:9.1} Mbit/s  {} events  {} MB{}",
        wall * 1e9 / hops as f64,
        record.events,
        peak_memory() / 1_000_000,
        if intact { "" } else { "  WRONG STREAM" }
    );
}

/// The most memory that the process had, in bytes; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map_or(0, |kib| kib * 1024)
}
