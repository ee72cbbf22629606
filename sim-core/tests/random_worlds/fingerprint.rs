//! What many random worlds came to, kept as digests: an optimisation changes none of them. After a
//! change that is meant to show, `UPDATE_GOLDEN=1` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest, Sha256};
use sim_core::record::RunRecord;

use super::{Combination, LIMIT, setting};

/// Worlds of one digest, and digests of the usual run.
const GROUP: u64 = 25;
const USUAL_GROUPS: u64 = 16;
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/random_worlds/fingerprints");

/// What happened on the wire and to the stream, in numbers: not how the story of it is told.
fn numbers(run: &RunRecord) -> String {
    let mut text = format!("{} {} {}\n", run.ended_at, run.events, run.packet_hops);
    for c in &run.connections {
        let quantiles = [0.0, 0.5, 0.95, 1.0].map(|q| c.latency.value_at_quantile(q));
        let _ = writeln!(
            text,
            "{:?} {} {} {:?} {}\n{:?} {:?} {quantiles:?}\n{:?} {:?}\n{:?}",
            c.outcome.verdict,
            c.stream_intact,
            c.bytes_delivered,
            c.completed_at,
            c.goodput_bps,
            c.longest_stall,
            c.longest_stall_at,
            c.client_counters,
            c.server_counters,
            c.series,
        );
        for s in &c.subflows {
            let _ = writeln!(
                text,
                "{} {:?} {:?} {} {} {} {:?} {:?}",
                s.flow,
                s.role,
                s.outcome,
                s.bytes,
                s.retransmissions,
                s.started_at,
                s.established_at,
                s.ended_at,
            );
        }
    }
    for device in &run.devices {
        let _ = writeln!(text, "{:?} {:?}", device.counters, device.changes);
    }
    text
}

fn digest(group: u64) -> String {
    let mut hash = Sha256::new();
    for number in group * GROUP..(group + 1) * GROUP {
        hash.update(numbers(&Combination::new(number).build().run(LIMIT)));
    }
    let hex: String = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{:05} {hex}\n", group * GROUP)
}

/// `OPTION30_RANDOM_WORLDS` takes as many as it says and prints their digests.
#[test]
fn worlds_come_out_as_kept() {
    if let Some(worlds) = setting("OPTION30_RANDOM_WORLDS") {
        (0..worlds / GROUP).for_each(|group| print!("{}", digest(group)));
        return;
    }
    let came: String = (0..USUAL_GROUPS).map(digest).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(KEPT, &came).expect("the digests are written");
    }
    let kept = std::fs::read_to_string(Path::new(KEPT)).unwrap_or_default();
    assert_eq!(came, kept, "results changed; UPDATE_GOLDEN=1 keeps them, if that is meant");
}
