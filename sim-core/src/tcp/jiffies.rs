//! The clock that Linux's timers go by.

use crate::time::{SimDuration, SimTime};

/// A jiffy: what `CONFIG_HZ=250` makes it, as most distributions' kernels and the measured one are built.
const JIFFY: u64 = 4_000_000;
/// Bits of a level of the timer wheel (`LVL_BITS`), and by how many its steps are longer than those of the
/// level before (`LVL_CLK_SHIFT`).
const LEVEL_BITS: u32 = 6;
const STEP_BITS: u32 = 3;

/// When the timer runs out that is set at `set_at` for `timeout`, which was doubled `doublings` times as a number
/// of jiffies: never early, and the later the farther away it is, since the wheel has a step of a jiffy up to
/// 252 ms, of eight up to 2 s, of 64 up to 16 s (`calc_index` in `kernel/time/timer.c`).
#[must_use]
pub(crate) fn expiry(set_at: SimTime, timeout: SimDuration, doublings: u32) -> SimTime {
    let distance = (timeout.as_nanos() >> doublings).div_ceil(JIFFY) << doublings;
    let mut shift = 0;
    while distance >= ((1 << LEVEL_BITS) - 1) << shift {
        shift += STEP_BITS;
    }
    let expires = set_at.as_nanos() / JIFFY + distance;
    SimTime((((expires >> shift) + 1) << shift) * JIFFY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_timers_run_out_at_coarse_steps() {
        let ms = SimDuration::from_millis;
        for (set_at, timeout, doublings, expect) in [
            (0, 1, 0, 8),                  // one jiffy, and the one that has begun
            (3, 200, 0, 204),              // 50 jiffies
            (7, 248, 0, 256),              // 1 + 62: the last of the first level
            (0, 252, 0, 256),              // 63: a step of eight, 64
            (4, 256, 0, 288),              // 1 + 64
            (0, 1_000, 0, 1_024),          // 250
            (0, 2_012, 0, 2_016),          // 503
            (0, 2_016, 0, 2_048),          // 504: a step of 64
            (8, 2_048, 0, 2_304),          // 2 + 512
            (0, 221 << 4, 4, 3_584 + 256), // 56 jiffies, doubled: 896
        ] {
            let at = expiry(SimTime::ZERO + ms(set_at), ms(timeout), doublings);
            assert_eq!(at, SimTime::ZERO + ms(expect), "{timeout} ms at {set_at}");
        }
        for seconds in 1..200 {
            let (set_at, timeout) = (SimTime(seconds * 7_919), SimDuration::from_secs(seconds));
            let late = expiry(set_at, timeout, 0).since(set_at + timeout);
            assert!(
                late > SimDuration::ZERO && late.as_nanos() * 7 < timeout.as_nanos(),
                "{late:?}"
            );
        }
    }
}
