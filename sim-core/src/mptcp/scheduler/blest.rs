//! BLEST, blocking estimation (Ferlin et al., 2016, as the out-of-tree kernel's `blest`): a slower
//! subflow is used only if the window would not fill up before its segment is acknowledged.

use super::{Candidate, Rule, View};
use crate::time::{SimDuration, SimTime};

/// Bounds of λ and its steps, in thousandths.
const LAMBDA: std::ops::RangeInclusive<u32> = 1000..=1300;
const LAMBDA_INITIAL: u32 = 1200;
const STEP_UP: u32 = 40;
const STEP_DOWN: u32 = 10;
/// Most round trips that slow start is extrapolated over.
const SLOW_START_ROUNDS: u64 = 16;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Blest {
    /// Correction of the fast subflow's estimate, in thousandths.
    lambda: u32,
    lambda_at: SimTime,
    /// The window was blocked since λ last changed.
    blocked: bool,
    /// Least and greatest smoothed round-trip time of each subflow.
    extremes: Vec<(SimDuration, SimDuration)>,
}

impl Default for Blest {
    fn default() -> Self {
        Self {
            lambda: LAMBDA_INITIAL,
            lambda_at: SimTime::ZERO,
            blocked: false,
            extremes: Vec::new(),
        }
    }
}

impl Blest {
    fn measure(&mut self, c: &Candidate) {
        if self.extremes.len() <= c.index {
            self.extremes.resize(c.index + 1, (SimDuration::MAX, SimDuration::ZERO));
        }
        let (least, greatest) = &mut self.extremes[c.index];
        *least = c.srtt.min(*least);
        *greatest = c.srtt.max(*greatest);
    }

    /// λ grows when the window was blocked in the last round trip, and falls when not.
    fn adapt(&mut self, now: SimTime, slow: &Candidate) {
        if now.since(self.lambda_at) < self.extremes[slow.index].0 {
            return;
        }
        let wanted = if self.blocked {
            self.lambda + STEP_UP
        } else {
            self.lambda.saturating_sub(STEP_DOWN)
        };
        self.lambda = wanted.clamp(*LAMBDA.start(), *LAMBDA.end());
        self.lambda_at = now;
        self.blocked = false;
    }

    /// How long a segment given to `slow` now stays unacknowledged: longer, the fuller its window.
    fn linger(&self, slow: &Candidate) -> SimDuration {
        let (least, greatest) = self.extremes[slow.index];
        let in_flight = slow.in_flight + 1;
        let estimate = if in_flight >= slow.cwnd {
            greatest
        } else {
            let slope = greatest.saturating_sub(least);
            least + slope * u64::from(in_flight) / u64::from(slow.cwnd)
        };
        estimate.max(slow.srtt)
    }

    /// Bytes that `fast` sends in `time`, its window growing as Reno's does.
    fn sends(&self, fast: &Candidate, time: SimDuration) -> u64 {
        let (least, greatest) = self.extremes[fast.index];
        let average = (least + greatest) / 2;
        let rounds = time.as_nanos() / average.as_nanos().max(1) + 1;
        let segments = match fast.ssthresh {
            None => u64::from(fast.cwnd) * ((1 << rounds.min(SLOW_START_ROUNDS)) - 1),
            Some(ssthresh) => {
                let cwnd = u64::from(fast.cwnd.max(ssthresh.saturating_add(1)));
                (2 * cwnd).saturating_add(rounds - 1).saturating_mul(rounds) / 2
            }
        };
        let bytes = u128::from(segments) * u128::from(fast.mss) * u128::from(self.lambda) / 1000;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl Rule for Blest {
    fn pick(&mut self, view: &View<'_>) -> Option<usize> {
        for c in view.candidates {
            self.measure(c);
        }
        let (fast, slow) = (view.lowest_rtt(false)?, view.lowest_rtt(true)?);
        if fast.index == slow.index {
            return Some(fast.index);
        }
        self.adapt(view.now, slow);
        let fast_bytes = self.sends(fast, self.linger(slow));
        let slow_bytes = slow.unacked + u64::from(slow.mss);
        (fast_bytes <= view.window.saturating_sub(slow_bytes)).then_some(slow.index)
    }

    fn on_blocked(&mut self) {
        self.blocked = true;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{candidate, first_pick};
    use super::*;

    /// 20 ms against 100 ms: five round trips and the one begun, (10 + 5/2) · 6 = 75 segments, by λ
    /// = 1.19 after its first step down: 89.25 kB; the slow one occupies 1 kB for each in flight.
    #[test]
    fn a_slow_subflow_must_not_fill_the_window() {
        let full = Candidate { ssthresh: Some(9), ..candidate(0, 20, 10, 10) };
        let fresh = Candidate { ssthresh: None, ..full };
        let slow = candidate(1, 100, 10, 4);
        for (name, candidates, window, expect) in [
            ("the fast one has room", [candidate(0, 20, 10, 9), slow], 1_000, Some(0)),
            ("window large enough", [full, slow], 94_250, Some(1)),
            ("a byte too small", [full, slow], 94_249, None),
            ("slow start sends (2^6 - 1) · 10 segments", [fresh, slow], 754_700, Some(1)),
            ("a byte too small for that", [fresh, slow], 754_699, None),
            ("nobody has room", [full, candidate(1, 100, 10, 10)], 1_000_000, None),
        ] {
            let mut rule = Blest::default();
            assert_eq!(first_pick(&mut rule, &candidates, 9000, window), expect, "{name}");
        }
    }

    #[test]
    fn lambda_follows_what_blocks() {
        let candidates = [candidate(0, 20, 10, 10), candidate(1, 100, 10, 4)];
        let mut rule = Blest::default();
        for (at_ms, blocked, expect) in
            [(1000, false, 1190), (1099, true, 1190), (1100, true, 1230), (1200, false, 1220)]
        {
            if blocked {
                rule.on_blocked();
            }
            let now = SimTime(at_ms * 1_000_000);
            let (unsent, window, window_left) = (9000, 9000, 9000);
            rule.pick(&View { now, candidates: &candidates, unsent, window, window_left });
            assert_eq!(rule.lambda, expect, "at {at_ms} ms");
        }
    }
}
