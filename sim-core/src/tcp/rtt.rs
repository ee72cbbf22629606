//! Round-trip time and retransmission timeout (RFC 6298, with Linux's floor on the variance term).

use crate::time::{SimDuration, SimTime};

/// Longest retransmission timeout (Linux's `TCP_RTO_MAX`; RFC 6298 §2.5 asks for at least 60 s).
pub const RTO_MAX: SimDuration = SimDuration::from_secs(120);
/// Timeout before the first measurement (RFC 6298 §2.1).
pub const RTO_INITIAL: SimDuration = SimDuration::from_secs(1);
/// How long a minimum is trusted (Linux's `tcp_min_rtt_wlen`).
const MIN_RTT_WINDOW: SimDuration = SimDuration::from_secs(300);

/// Estimator of one sender.
#[derive(Clone, Debug)]
pub struct Rtt {
    srtt: SimDuration,
    variance: SimDuration,
    min: SimDuration,
    min_at: SimTime,
    rto_min: SimDuration,
    rto: SimDuration,
}

impl Rtt {
    /// Nothing measured yet; `rto_min` is the least allowance for variance.
    #[must_use]
    pub const fn new(rto_min: SimDuration) -> Self {
        Self {
            srtt: SimDuration::ZERO,
            variance: SimDuration::ZERO,
            min: SimDuration::MAX,
            min_at: SimTime::ZERO,
            rto_min,
            rto: RTO_INITIAL,
        }
    }

    /// Takes a measurement.
    #[inline(always)] // once for each acknowledgement
    pub fn sample(&mut self, now: SimTime, rtt: SimDuration) {
        let r = rtt.as_nanos().max(1);
        if self.srtt == SimDuration::ZERO {
            self.srtt = SimDuration(r);
            self.variance = SimDuration(r / 2);
        } else {
            let (srtt, variance) = (self.srtt.as_nanos(), self.variance.as_nanos());
            self.variance = SimDuration((3 * variance + srtt.abs_diff(r)) / 4);
            self.srtt = SimDuration((7 * srtt + r) / 8);
        }
        if r <= self.min.as_nanos() || now.since(self.min_at) > MIN_RTT_WINDOW {
            self.min = SimDuration(r);
            self.min_at = now;
        }
        self.rto =
            (self.srtt + SimDuration(4 * self.variance.as_nanos()).max(self.rto_min)).min(RTO_MAX);
    }

    /// Smoothed round-trip time; zero before the first measurement.
    #[must_use]
    #[inline]
    pub const fn srtt(&self) -> SimDuration {
        self.srtt
    }

    /// Mean deviation of the round-trip time (RFC 6298's RTTVAR); zero before the first measurement.
    #[must_use]
    pub const fn deviation(&self) -> SimDuration {
        self.variance
    }

    /// Least round-trip time seen lately; zero before the first measurement.
    #[must_use]
    #[inline]
    pub const fn min(&self) -> SimDuration {
        if self.min.0 == u64::MAX { SimDuration::ZERO } else { self.min }
    }

    /// The retransmission timeout after `backoff` timeouts in a row.
    #[must_use]
    #[inline]
    pub fn rto(&self, backoff: u32) -> SimDuration {
        if backoff == 0 {
            return self.rto; // no more than the longest already
        }
        (self.rto * (1 << backoff.min(16))).min(RTO_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_rfc_6298() {
        let mut rtt = Rtt::new(SimDuration::from_millis(200));
        assert_eq!(rtt.rto(0), SimDuration::from_secs(1));
        rtt.sample(SimTime(0), SimDuration::from_millis(100));
        assert_eq!(rtt.srtt(), SimDuration::from_millis(100));
        assert_eq!(rtt.rto(0), SimDuration::from_millis(300));
        assert_eq!(rtt.rto(1), SimDuration::from_millis(600));
        rtt.sample(SimTime(1), SimDuration::from_millis(180));
        assert_eq!(rtt.srtt(), SimDuration::from_millis(110));
        assert_eq!(rtt.min(), SimDuration::from_millis(100));
        assert_eq!(rtt.rto(30), RTO_MAX);
    }
}
