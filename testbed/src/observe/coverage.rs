//! Which bytes of a stream have arrived, so that a byte that comes twice counts once.

/// Ranges of bytes that have arrived, as few as possible, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    ranges: Vec<(u64, u64)>,
}

impl Coverage {
    /// True before anything has arrived.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// What has arrived, where it is in one piece.
    pub(crate) fn only_range(&self) -> Option<(u64, u64)> {
        match *self.ranges {
            [range] => Some(range),
            _ => None,
        }
    }

    /// Bytes `from..to` have arrived; returns how many of them are new.
    pub(crate) fn add(&mut self, from: u64, to: u64) -> u64 {
        if from >= to {
            return 0;
        }
        // The common case: the next bytes of the last range.
        if let Some(last) = self.ranges.last_mut()
            && from >= last.0
        {
            if from <= last.1 {
                let fresh = to.saturating_sub(last.1);
                last.1 = last.1.max(to);
                return fresh;
            }
            self.ranges.push((from, to));
            return to - from;
        }
        let first = self.ranges.partition_point(|range| range.1 < from);
        let after = self.ranges.partition_point(|range| range.0 <= to);
        let touched = &self.ranges[first..after];
        let known: u64 = touched.iter().map(|r| r.1.min(to).saturating_sub(r.0.max(from))).sum();
        let start = touched.first().map_or(from, |r| r.0.min(from));
        let end = touched.last().map_or(to, |r| r.1.max(to));
        self.ranges.splice(first..after, [(start, end)]);
        to - from - known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_counts_once() {
        let check = |pieces: &[(u64, u64)], expect: &[u64]| {
            let mut coverage = Coverage::default();
            let fresh: Vec<u64> = pieces.iter().map(|&(a, b)| coverage.add(a, b)).collect();
            assert_eq!(fresh, expect, "{pieces:?}");
            let ordered = coverage.ranges.windows(2).all(|w| w[0].1 < w[1].0);
            assert!(ordered, "{pieces:?} leave {:?}", coverage.ranges);
        };
        check(&[(0, 10), (10, 20), (20, 21)], &[10, 10, 1]);
        check(&[(0, 10), (0, 10), (5, 15)], &[10, 0, 5]);
        check(&[(0, 10), (20, 30), (5, 25), (0, 30)], &[10, 10, 10, 0]);
        check(&[(20, 30), (0, 10), (12, 18), (9, 21)], &[10, 10, 6, 4]);
        check(&[(20, 30), (20, 25), (10, 20), (40, 50), (0, 60)], &[10, 0, 10, 10, 30]);
        check(&[(5, 5), (7, 3)], &[0, 0]);
    }
}
