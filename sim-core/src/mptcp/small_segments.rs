//! Whether what does not fill a segment waits for more: never, while a short segment is on its way (Nagle's
//! algorithm, RFC 896 and RFC 9293 §3.7.4, with Minshall's amendment, as Linux's `tcp_nagle_check` has it), or
//! always (`TCP_CORK`).

use super::endpoint::Endpoint;
use crate::time::{SimDuration, SimTime};

/// What a host's applications ask of TCP for writes that do not fill a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SmallSegments {
    /// They go out at once (`TCP_NODELAY`).
    AtOnce,
    /// They wait while an earlier short segment is not acknowledged.
    Nagle,
    /// They wait until a segment is full or the application closes, but no longer than 200 ms
    /// (`TCP_CORK`).
    Cork,
}

/// How long a cork holds (Linux, tcp(7)).
const CORK_HOLDS: SimDuration = SimDuration::from_millis(200);

/// The short segment that a cork holds back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Corked {
    /// Its position in the stream.
    at: u64,
    /// When it goes out all the same; never, once that time has come.
    until: SimTime,
}

impl Corked {
    /// Nothing is held.
    pub(super) const NOTHING: Self = Self { at: u64::MAX, until: SimTime::NEVER };

    #[inline]
    pub(super) const fn deadline(&self) -> SimTime {
        self.until
    }

    /// `now` has come: what was held until then is not held any longer.
    pub(super) fn let_go(&mut self, now: SimTime) {
        if self.until <= now {
            self.until = SimTime::NEVER;
        }
    }

    fn holds(&mut self, now: SimTime, at: u64) -> bool {
        if self.at != at {
            *self = Self { at, until: now + CORK_HOLDS };
        }
        self.let_go(now);
        self.until != SimTime::NEVER
    }
}

impl Endpoint {
    /// True when the bytes at `at`, the last that were written and no full segment, are to wait. `small_is_out`:
    /// a short segment sent before is not acknowledged.
    pub(super) fn holds_back(&mut self, now: SimTime, at: u64, small_is_out: bool) -> bool {
        let holds = match self.config.small_segments {
            SmallSegments::AtOnce => return false,
            SmallSegments::Nagle => small_is_out,
            SmallSegments::Cork => self.waiting.corked.holds(now, at),
        };
        // Nothing more will fill it (`TCP_NAGLE_PUSH` with the FIN).
        holds && !self.app.has_finished(now, self.peer_has_closed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cork_holds_200_ms_from_the_last_full_segment_on() {
        let ms = |ms: u64| SimTime(ms * 1_000_000);
        let mut corked = Corked::NOTHING;
        assert!(corked.holds(ms(10), 500));
        assert!(corked.holds(ms(150), 500), "more was written to it");
        assert!(corked.holds(ms(200), 1_900), "another, since that one was sent full");
        assert_eq!(corked.deadline(), ms(400));
        assert!(corked.holds(ms(399), 1_900));
        corked.let_go(ms(400));
        assert_eq!(corked.deadline(), SimTime::NEVER);
        assert!(!corked.holds(ms(410), 1_900), "as soon as there is room for it");
        assert!(corked.holds(ms(420), 2_000));
    }
}
