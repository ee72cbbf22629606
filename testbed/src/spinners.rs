//! Threads that keep processors awake by running on them where nothing else does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Thread;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use sim_core::time::SimTime;

use crate::awake::LINGER;
use crate::clock::Clock;
use crate::scheduling;

/// Processors that are kept awake at most: a run has few threads.
const MOST: usize = 8;
/// Rounds of spinning between two looks at the clock, some microseconds.
const ROUNDS: u32 = 64;

/// One thread for each processor, of the lowest priority there is (`SCHED_IDLE`: everything else runs before it,
/// at once). They end when this is dropped, which does not wait for them: on a busy machine it may be long
/// before such a thread runs again.
#[derive(Debug)]
pub(crate) struct Spinners {
    state: Arc<State>,
    threads: Vec<Thread>,
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

impl Spinners {
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
        Self { state, threads }
    }

    /// How many they are.
    pub(crate) fn count(&self) -> usize {
        self.threads.len()
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

impl Drop for Spinners {
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn they_sleep_when_it_is_quiet_and_wake_at_a_packet() {
        let clock = Clock::start();
        let spinners = Spinners::start(clock);
        assert!(!spinners.threads.is_empty());
        let within = |what: &str, holds: &dyn Fn() -> bool| {
            let end = Instant::now() + Duration::from_secs(20);
            while !holds() {
                assert!(Instant::now() < end, "{what}");
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        within("they fall asleep", &|| spinners.state.sleeps.load(Ordering::SeqCst));
        assert!(clock.now().since(SimTime::ZERO) >= LINGER);
        spinners.packet(clock.now());
        assert!(!spinners.state.is_quiet());
        within("they fall asleep again", &|| spinners.state.sleeps.load(Ordering::SeqCst));
        let state = Arc::downgrade(&spinners.state);
        drop(spinners);
        within("they end", &|| state.strong_count() == 0);
    }
}
