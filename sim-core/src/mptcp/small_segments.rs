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

/// The short segment that a cork holds back, of the stream or of a subflow's queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Corked {
    /// Its position in the stream.
    at: u64,
    /// When it goes out all the same.
    until: SimTime,
}

impl Default for Corked {
    /// Nothing is held.
    fn default() -> Self {
        Self { at: u64::MAX, until: SimTime::NEVER }
    }
}

impl Corked {
    /// Until when the segment at `at` is held; `None`: not any longer.
    fn holds(&mut self, now: SimTime, at: u64) -> Option<SimTime> {
        if self.at != at {
            *self = Self { at, until: now + CORK_HOLDS };
        }
        (now < self.until).then_some(self.until)
    }
}

impl Endpoint {
    /// True when the bytes at `at`, the last that were written (or, in Linux, that subflow `i` was given) and no
    /// full segment, are to wait. `small_is_out`: a short segment sent before is not acknowledged.
    pub(super) fn holds_back(
        &mut self,
        now: SimTime,
        i: usize,
        at: u64,
        small_is_out: bool,
    ) -> bool {
        let holds = match self.config.small_segments {
            SmallSegments::AtOnce => return false,
            SmallSegments::Nagle => small_is_out,
            SmallSegments::Cork => {
                let of_subflow = self.uses_queues;
                let corked = if of_subflow {
                    &mut self.subflows[i].queue.corked
                } else {
                    &mut self.send.corked
                };
                let until = corked.holds(now, at);
                self.waiting.cork_at = self.waiting.cork_at.min(until.unwrap_or(SimTime::NEVER));
                until.is_some()
            }
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
        let mut corked = Corked::default();
        assert_eq!(corked.holds(ms(10), 500), Some(ms(210)));
        assert_eq!(corked.holds(ms(150), 500), Some(ms(210)), "more was written to it");
        assert_eq!(corked.holds(ms(200), 1_900), Some(ms(400)), "that one was sent full");
        assert_eq!(corked.holds(ms(399), 1_900), Some(ms(400)));
        assert_eq!(corked.holds(ms(400), 1_900), None);
        assert_eq!(corked.holds(ms(410), 1_900), None, "as soon as there is room for it");
        assert_eq!(corked.holds(ms(420), 2_000), Some(ms(620)));
    }
}
