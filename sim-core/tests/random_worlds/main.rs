//! The stream is delivered exactly, or the run says `failed`: for random combinations of topology,
//! hosts, impairments, events and a mischievous device.
//!
//! A combination follows from its number. The usual run takes the first two thousand;
//! `OPTION30_RANDOM_WORLDS=10000` takes as many as it says, `OPTION30_RANDOM_WORLD=17` that one alone
//! and prints it:
//!
//! ```text
//! OPTION30_RANDOM_WORLD=17 cargo test -p sim-core --test random_worlds -- --nocapture
//! ```

mod combination;
mod fingerprint;
mod mischief;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use combination::Combination;
use sim_core::record::outcome::{Failure, Verdict};
use sim_core::record::story::{End, Fact};
use sim_core::record::{ConnectionRecord, RunRecord};
use sim_core::time::SimTime;

/// Combinations of the usual run.
const USUAL: u64 = 2000;
/// Worlds beyond those that were wrong once: two subflows, each with a short segment that a cork held (6430); FQ-CoDel
/// with a queue shorter than one full packet (the next four); a queue too short for all pieces of a segment (141042); a
/// DATA_FIN from before a fallback (566426); a join that nobody answers, beside a subflow that is closed (753654); one end
/// that waits for the other's close (1703766).
const ONCE_WRONG: [u64; 9] =
    [6430, 66_065, 82_036, 87_811, 99_295, 141_042, 566_426, 753_654, 1_703_766];
/// Every timer of both ends has run out long before.
const LIMIT: SimTime = SimTime(4_000_000_000_000);
/// More events than this for a few hundred kilobytes mean that something goes round in circles.
const MOST_EVENTS: u64 = 5_000_000;
/// Wall-clock seconds after which a world counts as hanging.
const PATIENCE_S: u64 = 20;

/// What is wrong with a run, if anything is.
fn complaint(combination: &Combination, run: &RunRecord) -> Option<String> {
    let c = &run.connections[0];
    let expected = combination.work.bytes();
    let failed = matches!(c.outcome.verdict, Verdict::Failed(_));
    if run.events > MOST_EVENTS {
        return Some(format!("{} events", run.events));
    }
    if !c.stream_intact && c.outcome.verdict != Verdict::Failed(Failure::WrongStream) {
        return Some("a wrong byte was delivered and is not reported".into());
    }
    if c.completed_at.is_some() && !failed && c.bytes_delivered != expected {
        return Some(format!("completed with {} of {expected} bytes", c.bytes_delivered));
    }
    if !failed && c.completed_at.is_none() && !goes_on(c) {
        return Some(format!(
            "neither completed nor failed: {} of {expected} bytes, FIN sent {:?}, received {:?}",
            c.bytes_delivered,
            ends_with(c, &Fact::FinSent),
            ends_with(c, &Fact::FinReceived),
        ));
    }
    if failed && combination.must_succeed() {
        return Some(format!("{:?}, for no reason", c.outcome.verdict));
    }
    None
}

/// Bytes were delivered in the last tenth of the run: it takes longer than it was given.
fn goes_on(c: &ConnectionRecord) -> bool {
    let intervals = LIMIT.as_nanos() / c.series.interval.as_nanos();
    c.series.delivered.len() as u64 > intervals / 10 * 9
}

fn ends_with(c: &ConnectionRecord, fact: &Fact) -> Vec<End> {
    c.story.iter().filter(|e| e.fact == *fact).map(|e| e.end).collect()
}

fn summary(run: &RunRecord) -> String {
    let c = &run.connections[0];
    let mut text = format!(
        "{:?}, {} bytes, completed {:?}, ended {}, {} events\n",
        c.outcome.verdict, c.bytes_delivered, c.completed_at, run.ended_at, run.events
    );
    for s in &c.subflows {
        text += &format!("  {} {:?} {:?}: {} bytes\n", s.path, s.role, s.outcome, s.bytes);
    }
    for e in &c.story {
        text += &format!("  {} {:?} {:?} {:?}\n", e.at, e.end, e.subflow, e.fact);
    }
    text
}

/// Runs combination `number`; `Err` tells what is wrong.
fn run(number: u64) -> Result<RunRecord, String> {
    let combination = Combination::new(number);
    let outcome = catch_unwind(AssertUnwindSafe(|| combination.build().run(LIMIT)));
    let wrong = match &outcome {
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            Some(format!(
                "panic: {}",
                text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("?")
            ))
        }
        Ok(run) => complaint(&combination, run),
    };
    match (wrong, outcome) {
        (None, Ok(run)) => Ok(run),
        (wrong, outcome) => Err(format!(
            "world {number}: {}\nreplay: OPTION30_RANDOM_WORLD={number} cargo test -p sim-core --test \
             random_worlds -- --nocapture\n{combination:?}\n{}",
            wrong.unwrap_or_default(),
            outcome.map_or_else(|_| String::new(), |run| summary(&run)),
        )),
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Says which world hangs, and ends the process: a world that never returns cannot be left otherwise.
#[allow(clippy::disallowed_methods)] // a watchdog needs a thread
fn watch(current: &'static AtomicU64) {
    std::thread::spawn(move || {
        let mut seen = u64::MAX;
        loop {
            std::thread::sleep(std::time::Duration::from_secs(PATIENCE_S));
            let now = current.load(Ordering::Relaxed);
            if now == seen {
                eprintln!("world {now} hangs: {:?}", Combination::new(now));
                std::process::exit(101);
            }
            seen = now;
        }
    });
}

#[test]
fn the_stream_is_exact_or_the_run_says_failed() {
    static CURRENT: AtomicU64 = AtomicU64::new(0);
    watch(&CURRENT);
    if let Some(number) = setting("OPTION30_RANDOM_WORLD") {
        println!("{:?}", Combination::new(number));
        println!("{}", summary(&run(number).unwrap_or_else(|wrong| panic!("{wrong}"))));
        return;
    }
    let count = setting("OPTION30_RANDOM_WORLDS").unwrap_or(USUAL);
    let mut wrong = Vec::new();
    let mut verdicts = std::collections::BTreeMap::new();
    let mut must_succeed = 0;
    for number in (0..count).chain(ONCE_WRONG.into_iter().filter(|&number| number >= count)) {
        CURRENT.store(number, Ordering::Relaxed);
        must_succeed += u64::from(Combination::new(number).must_succeed());
        match run(number) {
            Ok(run) => {
                let verdict = format!("{:?}", run.connections[0].outcome.verdict);
                *verdicts.entry(verdict).or_insert(0) += 1;
            }
            Err(text) => {
                println!("{}", text.lines().next().unwrap_or_default());
                wrong.push(text);
            }
        }
    }
    println!("{count} worlds, of which {must_succeed} may not fail: {verdicts:?}");
    assert!(wrong.is_empty(), "{} are wrong; the first one:\n{}", wrong.len(), wrong[0]);
}

#[test]
fn a_world_runs_the_same_way_twice() {
    for number in [3, 30, 300] {
        let [one, two] = [(); 2].map(|()| Combination::new(number).build().run(LIMIT));
        assert_eq!(summary(&one), summary(&two), "world {number}");
        assert_eq!(one.packet_hops, two.packet_hops, "world {number}");
    }
}
