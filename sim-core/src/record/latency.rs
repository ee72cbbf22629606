//! Latencies as a histogram that costs what was measured: most connections see a few dozen values.

use hdrhistogram::Histogram;

/// Longest latency told apart, in ns: one hour.
pub const LATENCY_MAX_NS: u64 = 3_600_000_000_000;
/// Significant bits of a value: two decimal digits, as an HDR histogram of that precision keeps them.
const SIGNIFICANT_BITS: u32 = 8;

/// Latencies in ns, 1 ns to one hour, to two significant digits: the bins of an [HDR
/// histogram](Histogram), of which only those in use are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencyHistogram {
    /// Lowest value of the bin and how often it was met, in order.
    bins: Vec<(u64, u64)>,
    /// The bin met last: the next value is likely to be in it.
    recent: usize,
    /// Its lowest value, and by how much its highest is more.
    recent_lowest: u64,
    recent_width: u64,
}

impl LatencyHistogram {
    /// Nothing measured yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { bins: Vec::new(), recent: 0, recent_lowest: 0, recent_width: 0 }
    }

    /// Takes a latency, met `times` times; it is brought within the bounds.
    #[inline(always)] // once or twice for each segment with data
    pub fn record_n(&mut self, ns: u64, times: u64) {
        let is_in_recent = ns.wrapping_sub(self.recent_lowest) <= self.recent_width;
        match self.bins.get_mut(self.recent) {
            Some(recent) if is_in_recent => recent.1 += times,
            _ => self.record_elsewhere(ns, times),
        }
    }

    /// Tells where the bin met last stands in memory.
    #[inline]
    pub(crate) fn ask_for_recent(&self, ask: impl Fn(*const u8)) {
        if let Some(bin) = self.bins.get(self.recent) {
            ask((bin as *const (u64, u64)).cast());
        }
    }

    #[inline(never)]
    fn record_elsewhere(&mut self, ns: u64, times: u64) {
        let bin = lowest(ns.clamp(1, LATENCY_MAX_NS));
        self.recent_lowest = bin;
        self.recent_width = highest(bin).min(LATENCY_MAX_NS) - bin;
        self.recent = match self.bins.binary_search_by_key(&bin, |b| b.0) {
            Ok(at) => {
                self.bins[at].1 += times;
                at
            }
            Err(at) => {
                self.bins.insert(at, (bin, times));
                at
            }
        };
    }

    /// True when nothing was measured.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    /// How much was measured.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bins.iter().map(|b| b.1).sum()
    }

    /// The value that a part (0 to 1) of what was measured does not exceed, as the highest of its bin;
    /// the lowest value of all for 0; 0 when nothing was measured.
    #[must_use]
    pub fn value_at_quantile(&self, quantile: f64) -> u64 {
        let wanted = ((quantile.min(1.0) * self.len() as f64).ceil() as u64).max(1);
        let mut met = 0;
        for &(bin, times) in &self.bins {
            met += times;
            if met >= wanted {
                return if quantile == 0.0 { bin } else { highest(bin) };
            }
        }
        0
    }

    /// The highest value, as the highest of its bin; 0 when nothing was measured.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.bins.last().map_or(0, |b| highest(b.0))
    }

    /// The mean, every value taken as the middle of its bin; 0 when nothing was measured.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let len = self.len() as f64;
        let middle = |bin: u64| (bin + (highest(bin) - bin).div_ceil(2)) as f64;
        self.bins.iter().fold(0.0, |sum, &(bin, times)| sum + middle(bin) * times as f64 / len)
    }

    /// The same as an HDR histogram, for merging and for storage.
    #[must_use]
    pub fn to_hdr(&self) -> Histogram<u64> {
        let mut all =
            Histogram::new_with_bounds(1, LATENCY_MAX_NS, 2).expect("the bounds are constants");
        for &(bin, times) in &self.bins {
            all.record_n(bin, times).expect("every bin is within the bounds");
        }
        all
    }
}

/// How many low bits of a value its bin does not tell apart.
const fn coarseness(ns: u64) -> u32 {
    (u64::BITS - ns.leading_zeros()).saturating_sub(SIGNIFICANT_BITS)
}

const fn lowest(ns: u64) -> u64 {
    ns >> coarseness(ns) << coarseness(ns)
}

const fn highest(bin: u64) -> u64 {
    bin + (1 << coarseness(bin)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_an_hdr_histogram(
            values in proptest::collection::vec((0u64..44, any::<u64>(), 1u64..5000), 1..60),
        ) {
            let mut ours = LatencyHistogram::new();
            let mut hdr = Histogram::<u64>::new_with_bounds(1, LATENCY_MAX_NS, 2).unwrap();
            for (shift, value, times) in values {
                let ns = (value >> (20 + shift)).clamp(1, LATENCY_MAX_NS);
                ours.record_n(ns, times);
                hdr.record_n(ns, times).unwrap();
            }
            for quantile in [0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0] {
                let expected = hdr.value_at_quantile(quantile);
                prop_assert_eq!(ours.value_at_quantile(quantile), expected, "{}", quantile);
            }
            prop_assert_eq!(ours.max(), hdr.max());
            prop_assert_eq!(ours.mean(), hdr.mean());
            prop_assert_eq!(ours.len(), hdr.len());
            prop_assert_eq!(ours.to_hdr().value_at_quantile(0.5), hdr.value_at_quantile(0.5));
        }
    }

    #[test]
    fn nothing_measured() {
        let none = LatencyHistogram::new();
        assert!(none.is_empty());
        assert_eq!((none.value_at_quantile(0.5), none.max(), none.mean()), (0, 0, 0.0));
    }
}
