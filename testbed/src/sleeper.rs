//! Waiting for packets and deadlines: asleep as long as that makes nothing late.
//!
//! A sleep ends late by what it takes to wake up, which differs between machines by a factor of ten (a
//! virtual machine's idle processor has to be woken by its host). So what a sleep took too long is measured,
//! and the last stretch before a deadline is waited for awake.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use sim_core::time::{SimDuration, SimTime};

use crate::clock::Clock;

/// The longest sleep: news without packets (a program has ended) wait so long.
const LONGEST: SimDuration = SimDuration::from_millis(10);
/// Waking up takes at least so long,
const LEAST: SimDuration = SimDuration::from_micros(20);
/// and what takes longer is a machine that is busy, which being awake would make busier.
const MOST: SimDuration = SimDuration::from_micros(120);

/// Sleeps, and learns how long waking up takes.
#[derive(Debug)]
pub(crate) struct Sleeper {
    /// How long before a deadline it is to be awake.
    early: SimDuration,
    /// How long it has slept in all.
    slept: SimDuration,
}

impl Default for Sleeper {
    fn default() -> Self {
        Self { early: MOST, slept: SimDuration::ZERO }
    }
}

impl Sleeper {
    /// Until one of these has something to read, or `deadline` is near, or [`LONGEST`] has passed.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn sleep<'a>(
        &mut self,
        clock: Clock,
        deadline: SimTime,
        readable: impl Iterator<Item = BorrowedFd<'a>>,
    ) -> nix::Result<()> {
        let now = clock.now();
        let left = deadline.since(now).min(LONGEST).saturating_sub(self.early);
        if left == SimDuration::ZERO {
            return Ok(()); // the caller looks for packets by reading
        }
        let mut fds: Vec<PollFd<'_>> =
            readable.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let woken = ppoll(&mut fds, Some(TimeSpec::new(0, left.as_nanos() as i64)), None);
        let slept = clock.now().since(now);
        self.slept = self.slept + slept;
        match woken {
            Ok(0) => self.learn(slept.saturating_sub(left)),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// How long all sleeps took.
    pub(crate) fn slept(&self) -> SimDuration {
        self.slept
    }

    /// A sleep was so much too long. A longer one counts at once, shorter ones by and by.
    fn learn(&mut self, late: SimDuration) {
        let faded = self.early.saturating_sub(SimDuration::from_nanos(self.early.as_nanos() / 64));
        let wanted = if late < MOST { late * 2 } else { LEAST };
        self.early = faded.max(wanted).clamp(LEAST, MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_learns_how_long_waking_up_takes() {
        let mut sleeper = Sleeper::default();
        let micros = SimDuration::from_micros;
        (0..1000).for_each(|_| sleeper.learn(micros(5)));
        assert_eq!(sleeper.early, LEAST);
        sleeper.learn(micros(40));
        assert_eq!(sleeper.early, micros(80));
        sleeper.learn(micros(5));
        assert!(sleeper.early > micros(70) && sleeper.early < micros(80));
        sleeper.learn(micros(100));
        assert_eq!(sleeper.early, MOST);
        (0..1000).for_each(|_| sleeper.learn(SimDuration::from_secs(1)));
        assert_eq!(sleeper.early, LEAST, "a machine that is busy");
    }
}
