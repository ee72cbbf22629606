//! Processors that do not fall asleep between two packets.
//!
//! An idle processor halts, and to wake it takes tens of microseconds, in a virtual machine (whose host has to
//! schedule it again) the more: on an idle path that is what a packet waits for, twice on its way. So while
//! packets have been seen lately, a thread of the lowest priority there is (`SCHED_IDLE`: everything else runs
//! before it, at once) spins on each processor. And the thread that carries packets, which has precedence
//! before all others, does not sleep while nobody else wants to run: waking it costs as much again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Thread;

use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use sim_core::time::{SimDuration, SimTime};

use crate::clock::Clock;
use crate::scheduling;

/// So long after a packet the processors stay awake.
const LINGER: SimDuration = SimDuration::from_secs(1);
/// Processors that are kept awake at most: a run has few threads.
const MOST: usize = 8;
/// How often the wire looks whether somebody else wants to run.
const LOOK: SimDuration = SimDuration::from_micros(50);
/// So many looks in a row have to find that: an application that was called runs for a moment.
const PATIENCE: u32 = 5;
/// Rounds of spinning between two looks at the clock, some microseconds.
const ROUNDS: u32 = 64;

/// The threads that spin. They end when this is dropped, which does not wait for them: on a busy machine it
/// may be long before such a thread runs again.
#[derive(Debug)]
pub(crate) struct Awake {
    state: Arc<State>,
    threads: Vec<Thread>,
    /// Where the kernel says how many threads want to run, if it does.
    load: Option<File>,
    /// How many looks in a row found more than ours,
    others: u32,
    /// and when to look again.
    look_at: SimTime,
}

#[derive(Debug)]
struct State {
    clock: Clock,
    /// When the last packet was seen, nanoseconds.
    last: AtomicU64,
    /// A thread sleeps, or is about to.
    sleeps: AtomicBool,
    ended: AtomicBool,
}

impl Awake {
    /// Keeps the processors awake that the calling thread may use, from now on.
    pub(crate) fn start(clock: Clock) -> Self {
        let state = Arc::new(State {
            clock,
            last: AtomicU64::new(clock.now().0),
            sleeps: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
        let processors = (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu) == Ok(true));
        let spin = |cpu| {
            let state = Arc::clone(&state);
            let thread = std::thread::Builder::new().name("awake".into());
            // Latency is better with them, that is all: a refusal is no error.
            Some(thread.spawn(move || state.spin_on(cpu)).ok()?.thread().clone())
        };
        let threads = processors.take(MOST).filter_map(spin).collect();
        let load = File::open("/proc/loadavg").ok();
        Self { state, threads, load, others: PATIENCE, look_at: SimTime::ZERO }
    }

    /// Whether the calling thread may spin as well: packets have been seen lately, and nobody wants to run whom
    /// it would keep from that.
    pub(crate) fn may_spin(&mut self, now: SimTime) -> bool {
        if now >= self.look_at {
            self.look_at = now + LOOK;
            let ours = self.threads.len() + 1;
            let alone = self.runnable().is_some_and(|all| all <= ours);
            self.others = if alone { 0 } else { self.others.saturating_add(1) };
        }
        self.others < PATIENCE && !self.state.is_quiet()
    }

    /// How many threads run or want to, on all processors: the fourth field of /proc/loadavg (proc(5)).
    fn runnable(&self) -> Option<usize> {
        let mut text = [0; 64];
        let len = self.load.as_ref()?.read_at(&mut text, 0).ok()?;
        runnable(std::str::from_utf8(&text[..len]).ok()?)
    }

    /// A packet was seen at `now`.
    pub(crate) fn packet(&self, now: SimTime) {
        self.state.last.store(now.0, Ordering::SeqCst);
        if self.state.sleeps.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    fn wake(&self) {
        self.state.sleeps.store(false, Ordering::SeqCst);
        for thread in &self.threads {
            thread.unpark();
        }
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        self.wake();
    }
}

impl State {
    fn spin_on(&self, cpu: usize) {
        let mut only = CpuSet::new();
        let pinned = only.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &only));
        if pinned.is_err() || !scheduling::yield_to_all() {
            return; // it would be in the way
        }
        while !self.ended.load(Ordering::SeqCst) {
            if self.is_quiet() {
                self.sleeps.store(true, Ordering::SeqCst);
                // What came or ended since has not seen that, and wakes nobody.
                if self.is_quiet() && !self.ended.load(Ordering::SeqCst) {
                    std::thread::park();
                }
            } else {
                (0..ROUNDS).for_each(|_| std::hint::spin_loop());
            }
        }
    }

    fn is_quiet(&self) -> bool {
        self.clock.now().since(SimTime(self.last.load(Ordering::SeqCst))) >= LINGER
    }
}

/// Of the text of /proc/loadavg.
fn runnable(loadavg: &str) -> Option<usize> {
    loadavg.split_whitespace().nth(3)?.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn it_sleeps_when_it_is_quiet_and_wakes_at_a_packet() {
        let clock = Clock::start();
        let awake = Awake::start(clock);
        assert!(!awake.threads.is_empty());
        let within = |what: &str, holds: &dyn Fn() -> bool| {
            let end = Instant::now() + Duration::from_secs(20);
            while !holds() {
                assert!(Instant::now() < end, "{what}");
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        within("it falls asleep", &|| awake.state.sleeps.load(Ordering::SeqCst));
        assert!(clock.now().since(SimTime::ZERO) >= LINGER);
        awake.packet(clock.now());
        assert!(!awake.state.is_quiet());
        within("it falls asleep again", &|| awake.state.sleeps.load(Ordering::SeqCst));
        let state = Arc::downgrade(&awake.state);
        drop(awake);
        within("its threads end", &|| state.strong_count() == 0);
    }

    #[test]
    fn it_reads_how_many_want_to_run() {
        assert_eq!(runnable("0.20 0.18 0.12 3/80 11206\n"), Some(3));
        for other in ["", "0.20 0.18 0.12", "0.20 0.18 0.12 x/80 1"] {
            assert_eq!(runnable(other), None, "{other:?}");
        }
    }

    #[test]
    fn nobody_spins_who_keeps_another_from_running() {
        let clock = Clock::start();
        let mut awake = Awake::start(clock);
        if awake.runnable().is_none() {
            eprintln!("skipped: /proc/loadavg is not readable here");
            return;
        }
        let ended = Arc::new(AtomicBool::new(false));
        // One at least of these wants to run whenever this thread does.
        for _ in 0..2 {
            let ended = Arc::clone(&ended);
            std::thread::spawn(move || while !ended.load(Ordering::SeqCst) {});
        }
        std::thread::sleep(Duration::from_millis(20));
        let looks = (0..100).map(|n| awake.may_spin(clock.now() + LOOK * n));
        let may = looks.skip(PATIENCE as usize).any(|may| may);
        ended.store(true, Ordering::SeqCst);
        assert!(!may);
    }
}
