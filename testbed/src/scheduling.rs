//! When threads run: packets must not wait for whatever else the machine does, nor be stopped for its sake.

// Calls of the system that no library wraps, each with its proof.
#![allow(unsafe_code)]

use sim_core::time::{SimDuration, SimTime};

/// Priority among the real-time threads of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// An application of the scenario.
    Host = 1,
    /// The thread that carries packets.
    Wire = 2,
}

/// The calling thread runs before all that is not real-time (SCHED_FIFO), where the user may ask for that
/// (root, or RLIMIT_RTPRIO); else as before. Programs that it starts run as usual.
pub(crate) fn prefer(priority: Priority) {
    set_policy(libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, priority as libc::c_int);
}

/// A policy for the calling thread; false where the system refuses, which changes nothing.
fn set_policy(policy: libc::c_int, priority: libc::c_int) -> bool {
    // SAFETY: `sched_param` is a C structure of integers: all zeros is a valid value.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = priority;
    // SAFETY: 0 is the calling thread, and `parameters` is initialised and outlives the call.
    unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) == 0 }
}

/// How long the thread that carries packets goes on until it gives way, if it has not slept meanwhile,
const TURN: SimDuration = SimDuration::from_millis(9);
/// and for how long: a tenth of the time, twice what is asked for.
const COURTESY: SimDuration = SimDuration::from_millis(1);

/// Gives way often and for a moment, so as not to be stopped for long.
///
/// The kernel lets real-time threads have 95 % of each second (`sched_rt_runtime_us`; since Linux 6.12 as a
/// reservation for all others). From one that is awake all the time, as with packets every few microseconds,
/// it takes the rest in one piece: 50 ms, in which every link of the scenario runs dry. Time as a thread like
/// others counts for them, even where none of them wants it; as the first among those, this one loses little.
#[derive(Debug)]
pub(crate) struct Courtesy {
    gives_way: bool,
    /// When this turn, or this courtesy, ends.
    until: SimTime,
    /// How long the thread had slept when it began.
    slept: SimDuration,
}

impl Courtesy {
    /// The calling thread has precedence ([`Priority::Wire`]), and may take it again after it gave way, whatever
    /// else it is not allowed from now on.
    pub(crate) fn begin() -> Self {
        prefer(Priority::Wire);
        let enough = Priority::Wire as libc::rlim_t;
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is initialised and outlives the call.
        let is_known = unsafe { libc::getrlimit(libc::RLIMIT_RTPRIO, &raw mut limit) } == 0;
        if is_known && limit.rlim_cur < enough {
            // What the user's programs may do is not made less.
            limit = libc::rlimit { rlim_cur: enough, rlim_max: limit.rlim_max.max(enough) };
            // SAFETY: `limit` is initialised and outlives the call. A refusal changes nothing.
            let _ = unsafe { libc::setrlimit(libc::RLIMIT_RTPRIO, &raw const limit) };
        }
        // SAFETY: integers only; 0 is the calling thread. A refusal changes nothing.
        let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
        Self { gives_way: false, until: SimTime::ZERO + TURN, slept: SimDuration::ZERO }
    }

    /// To be called again and again: it is `now`, and the thread has slept so long in all.
    pub(crate) fn keep(&mut self, now: SimTime, slept: SimDuration) {
        if now < self.until {
            return;
        }
        let before = self.gives_way;
        self.turn(now, slept);
        match (before, self.gives_way) {
            (false, true) => {
                set_policy(libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK, 0);
            }
            (true, false) => prefer(Priority::Wire),
            _ => {}
        }
    }

    /// What comes after this turn or courtesy.
    fn turn(&mut self, now: SimTime, slept: SimDuration) {
        let was_awake = slept.saturating_sub(self.slept) < COURTESY;
        self.gives_way = !self.gives_way && was_awake;
        self.until = now + if self.gives_way { COURTESY } else { TURN };
        self.slept = slept;
    }
}

/// The calling thread runs only where nothing else wants to (SCHED_IDLE); false where the system refuses.
#[must_use]
pub(crate) fn yield_to_all() -> bool {
    set_policy(libc::SCHED_IDLE, 0) // the one priority that this policy has
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much of a second it gave way, as a thread that sleeps `asleep` of each 100 µs.
    fn given(asleep: SimDuration) -> SimDuration {
        let step = SimDuration::from_micros(100);
        let mut courtesy =
            Courtesy { gives_way: false, until: SimTime::ZERO + TURN, slept: SimDuration::ZERO };
        let (mut slept, mut given) = (SimDuration::ZERO, SimDuration::ZERO);
        let mut now = SimTime::ZERO;
        while now < SimTime::ZERO + SimDuration::from_secs(1) {
            if now >= courtesy.until {
                courtesy.turn(now, slept);
            }
            given = if courtesy.gives_way { given + step } else { given };
            slept = slept + asleep;
            now += step;
        }
        given
    }

    #[test]
    fn a_thread_that_is_awake_gives_way_for_more_than_the_kernel_asks() {
        assert_eq!(given(SimDuration::ZERO), SimDuration::from_millis(100));
    }

    #[test]
    fn a_thread_that_sleeps_keeps_its_precedence() {
        assert_eq!(given(SimDuration::from_micros(15)), SimDuration::ZERO);
    }
}
