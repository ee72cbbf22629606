//! ECF, earliest completion first (Lim et al., 2017, as the out-of-tree kernel's `ecf`): a slower
//! subflow is used only if the fast one could not send everything that waits earlier.

use super::{Rule, View};

/// 1/β: once waiting, ECF goes on waiting until the balance has moved by a quarter.
const BETA_INVERSE: u128 = 4;

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Ecf {
    waiting: bool,
}

impl Rule for Ecf {
    fn pick(&mut self, view: &View<'_>) -> Option<usize> {
        let (fast, slow) = (view.lowest_rtt(false)?, view.lowest_rtt(true)?);
        if fast.index == slow.index {
            return Some(fast.index);
        }
        let wide = |x: u64| u128::from(x);
        let unsent = wide(view.unsent);
        let (rtt_f, rtt_s) = (wide(fast.srtt.as_nanos()), wide(slow.srtt.as_nanos()));
        let delta = wide(fast.deviation.max(slow.deviation).as_nanos());
        let cwnd_f = wide(u64::from(fast.cwnd) * u64::from(fast.mss));
        let cwnd_s = wide(u64::from(slow.cwnd) * u64::from(slow.mss));
        let by_fast = rtt_f * (unsent.max(cwnd_f) + cwnd_f);
        let hysteresis = BETA_INVERSE + u128::from(self.waiting);
        if BETA_INVERSE * by_fast >= hysteresis * cwnd_f * (rtt_s + delta) {
            self.waiting = false;
        } else if rtt_s * unsent.max(cwnd_s) >= cwnd_s * (2 * rtt_f + delta) {
            self.waiting = true;
            return None;
        }
        Some(slow.index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Candidate, candidate, first_pick};
    use super::*;
    use crate::time::SimDuration;

    /// The fast one needs 20 ms · (k + 10 kB)/10 kB for k bytes, the slow one 100 ms: up to 40 kB
    /// (50 kB with the hysteresis) are worth waiting for.
    #[test]
    fn waits_while_the_fast_subflow_would_be_done_earlier() {
        let full = candidate(0, 20, 10, 10);
        let slow = candidate(1, 100, 10, 4);
        let shaky = Candidate { deviation: SimDuration::from_millis(20), ..slow };
        for (name, waiting, candidates, unsent, expect) in [
            ("the fast one has room", false, [candidate(0, 20, 10, 9), slow], 1_000, Some(0)),
            ("the last few bytes", false, [full, slow], 1_000, None),
            ("just worth waiting", false, [full, slow], 39_999, None),
            ("not worth it", false, [full, slow], 40_000, Some(1)),
            ("once waiting, a quarter more", true, [full, slow], 52_499, None),
            ("once waiting, too much", true, [full, slow], 52_500, Some(1)),
            ("a slow one that varies is trusted less", false, [full, shaky], 40_000, None),
            ("nearly alike", false, [full, candidate(1, 25, 10, 4)], 1_000, Some(1)),
            ("nobody has room", false, [full, candidate(1, 100, 10, 10)], 90_000, None),
        ] {
            let mut rule = Ecf { waiting };
            assert_eq!(first_pick(&mut rule, &candidates, unsent, 9000), expect, "{name}");
        }
    }
}
