//! The wall clock as simulated time: nanoseconds since the start of the run.

use std::time::Instant;

use sim_core::time::{SimDuration, SimTime};

/// A clock that all threads of a run share. It never goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// Begins at zero, now.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time.
    pub(crate) fn now(self) -> SimTime {
        SimTime(self.start.elapsed().as_nanos() as u64)
    }

    /// A simulated time as an instant, for timers; `None` for never.
    pub(crate) fn instant(self, at: SimTime) -> Option<Instant> {
        if at == SimTime::NEVER {
            return None;
        }
        let since: SimDuration = at.since(SimTime::ZERO);
        self.start.checked_add(std::time::Duration::from_nanos(since.as_nanos()))
    }
}
