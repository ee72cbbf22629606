//! Processors that do not fall asleep between two packets.
//!
//! An idle processor halts, and to wake it takes tens of microseconds, in a virtual machine (whose host has to
//! schedule it again) the more: on an idle path that is what a packet waits for, twice on its way. So while
//! packets have been seen lately, idle processors poll ([`IdlePolling`]: to wake one takes no interrupt then), or
//! where that cannot be had, threads to which all others are preferred spin on them ([`Spinners`]). And the
//! thread that carries packets, which has precedence before all others, does not sleep while nobody else wants to
//! run.

use std::fs::File;
use std::os::unix::fs::FileExt;

use sim_core::time::{SimDuration, SimTime};

use crate::clock::Clock;
use crate::idle_polling::IdlePolling;
use crate::spinners::Spinners;

/// So long after a packet the processors stay awake.
pub(crate) const LINGER: SimDuration = SimDuration::from_secs(1);
/// How often the thread that carries packets looks whether somebody else wants to run.
const LOOK: SimDuration = SimDuration::from_micros(50);
/// So many looks in a row have to find that: an application that was called runs for a moment.
const PATIENCE: u32 = 5;

/// Keeps processors awake.
#[derive(Debug)]
pub(crate) struct Awake {
    means: Means,
    /// When the last packet was seen.
    last: SimTime,
    /// Where the kernel says how many threads want to run, if it does.
    load: Option<File>,
    /// How many looks in a row found more than ours,
    others: u32,
    /// and when to look again.
    look_at: SimTime,
}

#[derive(Debug)]
enum Means {
    Polling(IdlePolling),
    Spinners(Spinners),
}

impl Awake {
    /// Keeps the processors awake that the calling thread may use, from now on.
    pub(crate) fn start(clock: Clock) -> Self {
        let means = IdlePolling::open()
            .map_or_else(|| Means::Spinners(Spinners::start(clock)), Means::Polling);
        let load = File::open("/proc/loadavg").ok();
        let mut awake =
            Self { means, last: SimTime::ZERO, load, others: PATIENCE, look_at: SimTime::ZERO };
        awake.packet(clock.now());
        awake
    }

    /// A packet was seen at `now`.
    pub(crate) fn packet(&mut self, now: SimTime) {
        self.last = now;
        match &mut self.means {
            Means::Polling(polling) => polling.ask(true),
            Means::Spinners(spinners) => spinners.packet(now),
        }
    }

    /// No packet has come: whether the calling thread may wait awake for one. Packets have been seen lately, and
    /// nobody wants to run whom it would keep from that.
    pub(crate) fn may_spin(&mut self, now: SimTime) -> bool {
        let is_quiet = now.since(self.last) >= LINGER;
        if let Means::Polling(polling) = &mut self.means
            && is_quiet
        {
            polling.ask(false);
        }
        if now >= self.look_at {
            self.look_at = now + LOOK;
            let alone = self.runnable().is_some_and(|all| all <= self.ours());
            self.others = if alone { 0 } else { self.others.saturating_add(1) };
        }
        self.others < PATIENCE && !is_quiet
    }

    /// Threads that want to run though nothing has to be done.
    fn ours(&self) -> usize {
        1 + match &self.means {
            Means::Polling(_) => 0,
            Means::Spinners(spinners) => spinners.count(),
        }
    }

    /// How many threads run or want to, on all processors: the fourth field of /proc/loadavg (proc(5)).
    fn runnable(&self) -> Option<usize> {
        let mut text = [0; 64];
        let len = self.load.as_ref()?.read_at(&mut text, 0).ok()?;
        runnable(std::str::from_utf8(&text[..len]).ok()?)
    }
}

/// Of the text of /proc/loadavg.
fn runnable(loadavg: &str) -> Option<usize> {
    loadavg.split_whitespace().nth(3)?.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

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

    #[test]
    fn nobody_spins_when_it_is_quiet() {
        let clock = Clock::start();
        let mut awake = Awake::start(clock);
        let later = clock.now() + LINGER;
        assert!((0..10).all(|n| !awake.may_spin(later + LOOK * n)));
        if let Means::Polling(polling) = &awake.means {
            assert!(!polling.is_asked());
        }
        awake.packet(later);
        if let Means::Polling(polling) = &awake.means {
            assert!(polling.is_asked());
        }
    }
}
