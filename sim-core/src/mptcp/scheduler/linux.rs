//! Linux's own scheduler since 5.7 (`mptcp_subflow_get_send`): the subflow that would drain first what
//! is queued on it, for a burst at a time.

use std::num::NonZeroU32;

use super::{Candidate, Rule, View};

/// Most bytes of a burst (Linux's `MPTCP_SEND_BURST_SIZE`).
const BURST: u64 = 65_428;
/// Fewest segments that a send buffer holds half of (Linux's `TCP_INIT_CWND`).
const LEAST_WINDOW: u32 = 10;

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Linux {
    /// Bytes left of the burst, and on which subflow.
    burst: Option<(usize, u64)>,
    /// Average pacing rate of each subflow in bytes per second; 0: unknown.
    pace: Vec<u64>,
}

/// `sk_wmem_queued`. Linux hands a subflow more than its window takes, until its send buffer, twice
/// the window, is full. Here data is given to a subflow only when it can be sent, so one without
/// room counts as having its send buffer full.
fn queued(c: &Candidate) -> u64 {
    if c.has_room {
        c.unacked
    } else {
        c.unacked.max(2 * u64::from(c.cwnd.max(LEAST_WINDOW)) * u64::from(c.mss))
    }
}

impl Linux {
    /// The average pace, as its low 32 bits: so much does Linux look at. The rate of a subflow without a measured
    /// round trip is more than that.
    fn pace_of(&mut self, c: &Candidate) -> Option<NonZeroU32> {
        if self.pace.len() <= c.index {
            self.pace.resize(c.index + 1, 0);
        }
        let average = &mut self.pace[c.index];
        NonZeroU32::new(*average as u32).or_else(|| {
            *average = c.pacing_rate;
            NonZeroU32::new(*average as u32)
        })
    }
}

impl Rule for Linux {
    fn pick(&mut self, view: &View<'_>) -> Option<usize> {
        if let Some((index, left)) = self.burst
            && left > 0
            && view.candidates.iter().any(|c| c.index == index && c.has_room)
        {
            return Some(index);
        }
        self.burst = None;
        let mut first: Option<(u64, &Candidate)> = None;
        for c in view.candidates {
            let Some(pace) = self.pace_of(c) else { continue };
            let linger = (queued(c) << 32) / u64::from(pace.get());
            if first.is_none_or(|(least, _)| linger < least) {
                first = Some((linger, c));
            }
        }
        let (_, chosen) = first.filter(|(_, c)| c.has_room)?;
        let burst = BURST.min(view.window_left);
        let queued = u128::from(queued(chosen));
        let pace = &mut self.pace[chosen.index];
        let sum = u128::from(*pace) * queued + u128::from(chosen.pacing_rate) * u128::from(burst);
        if let Some(average) = sum.checked_div(u128::from(burst) + queued) {
            *pace = average as u64;
        }
        self.burst = Some((chosen.index, burst));
        Some(chosen.index)
    }

    /// Since 6.6 a burst does not outlive the call that began it.
    fn on_push(&mut self) {
        self.burst = None;
    }

    fn on_sent(&mut self, index: usize, len: u32) {
        if let Some((on, left)) = &mut self.burst
            && *on == index
        {
            *left = left.saturating_sub(u64::from(len));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{candidate, first_pick};
    use super::*;

    #[test]
    fn the_least_time_to_drain_wins() {
        for (name, candidates, expect) in [
            ("empty ones: the first", [candidate(0, 100, 10, 0), candidate(1, 20, 10, 0)], Some(0)),
            // 5 of 10 segments: half a round trip, by the same factor.
            ("50 ms against 10 ms", [candidate(0, 100, 10, 5), candidate(1, 20, 10, 5)], Some(1)),
            ("10 ms against 16 ms", [candidate(0, 100, 10, 1), candidate(1, 20, 10, 8)], Some(0)),
            // A full one has twice its window queued: 40 ms.
            ("30 ms against 40 ms", [candidate(0, 100, 10, 3), candidate(1, 20, 10, 10)], Some(0)),
            ("wait: 50 ms against 40", [candidate(0, 100, 10, 5), candidate(1, 20, 10, 10)], None),
        ] {
            let mut rule = Linux::default();
            assert_eq!(first_pick(&mut rule, &candidates, 99_000, 99_000), expect, "{name}");
        }
    }

    #[test]
    fn a_pace_counts_by_its_low_32_bits() {
        let slow = candidate(0, 100, 10, 3);
        let unmeasured = |pacing_rate| Candidate { pacing_rate, ..candidate(1, 20, 10, 9) };
        for (name, pace, expect) in [
            ("233.6 GB/s: 1.7 GB/s is left of it", 233_600_000_000, Some(1)),
            ("2^32 and a little: the little", (1 << 32) + 1_000, Some(0)),
            ("2^32: none is left", 1 << 32, Some(0)),
        ] {
            let mut rule = Linux::default();
            assert_eq!(
                first_pick(&mut rule, &[slow, unmeasured(pace)], 99_000, 99_000),
                expect,
                "{name}"
            );
        }
    }

    #[test]
    fn a_burst_stays_on_its_subflow() {
        let loaded = candidate(0, 20, 100, 66);
        for (name, sent, first, expect) in [
            ("burst begun", 1000, loaded, Some(0)),
            ("burst not quite over", 65_427, loaded, Some(0)),
            ("burst over", 65_428, loaded, Some(1)),
            ("no room left", 1000, candidate(0, 20, 66, 66), Some(1)),
        ] {
            let other = candidate(1, 20, 100, 0);
            let mut rule = Linux::default();
            let empty = [candidate(0, 20, 100, 0), other];
            assert_eq!(first_pick(&mut rule, &empty, 99_000, 99_000), Some(0));
            rule.on_sent(0, sent);
            assert_eq!(first_pick(&mut rule, &[first, other], 99_000, 99_000), expect, "{name}");
        }
    }
}
