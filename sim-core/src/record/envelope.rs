//! A series of any length in bounded space, without losing a peak: the highest and the lowest value of
//! each stretch of time, the stretches growing as the run goes on.

use crate::time::SimTime;

/// Stretches kept: more than a chart has columns, so that it can be zoomed.
pub const STRETCHES_MAX: usize = 4096;
/// Length of the first stretches, in ns.
const WIDTH_MIN: u64 = 1_000;

/// What a value was in one stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Start, in multiples of [`Envelope::width_ns`].
    pub index: u64,
    /// Lowest value.
    pub low: u64,
    /// Highest value.
    pub high: u64,
    /// Last value.
    pub last: u64,
}

/// A value over time. Stretches in which nothing was noted are left out; whether the value held or
/// there was none is for the one who noted it to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    width_ns: u64,
    stretches: Vec<Stretch>,
}

impl Default for Envelope {
    fn default() -> Self {
        Self { width_ns: WIDTH_MIN, stretches: Vec::new() }
    }
}

impl Envelope {
    /// Notes a value. Times must not go back.
    #[inline]
    pub fn note(&mut self, at: SimTime, value: u64) {
        let index = at.as_nanos() / self.width_ns;
        if let Some(last) = self.stretches.last_mut().filter(|last| last.index >= index) {
            last.low = last.low.min(value);
            last.high = last.high.max(value);
            last.last = value;
        } else if self.stretches.len() == STRETCHES_MAX {
            self.widen();
            self.note(at, value);
        } else {
            self.stretches.push(Stretch { index, low: value, high: value, last: value });
        }
    }

    /// The same, unless the value is what it was.
    #[inline]
    pub fn note_change(&mut self, at: SimTime, value: u64) {
        if self.stretches.last().is_none_or(|stretch| stretch.last != value) {
            self.note(at, value);
        }
    }

    /// Doubles the stretches, until there is room for another.
    fn widen(&mut self) {
        while self.stretches.len() == STRETCHES_MAX {
            self.width_ns *= 2;
            for stretch in &mut self.stretches {
                stretch.index /= 2;
            }
            self.stretches.dedup_by(|next, kept| {
                let same = next.index == kept.index;
                if same {
                    kept.low = kept.low.min(next.low);
                    kept.high = kept.high.max(next.high);
                    kept.last = next.last;
                }
                same
            });
        }
    }

    /// Length of a stretch, in ns.
    #[must_use]
    pub const fn width_ns(&self) -> u64 {
        self.width_ns
    }

    /// The stretches, in order of time.
    #[must_use]
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// When a stretch begins.
    #[must_use]
    pub const fn start(&self, stretch: &Stretch) -> SimTime {
        SimTime(stretch.index * self.width_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_keeps_its_peaks() {
        let mut envelope = Envelope::default();
        for k in 0..1_000_000_u64 {
            let value = match k {
                123_457 => 9_000,
                765_432 => 1,
                _ => 100 + k % 7,
            };
            envelope.note(SimTime(k * 30_000), value);
        }
        assert!(envelope.stretches().len() <= STRETCHES_MAX);
        assert!(envelope.stretches().len() > STRETCHES_MAX / 4);
        for (at, value) in [(123_457 * 30_000, 9_000), (765_432 * 30_000, 1)] {
            let index = at / envelope.width_ns();
            let stretch = envelope.stretches().iter().find(|s| s.index == index).unwrap();
            assert!(stretch.low == value || stretch.high == value, "{stretch:?}");
        }
        assert!(envelope.stretches().is_sorted_by(|a, b| a.index < b.index));
    }

    #[test]
    fn what_does_not_change_costs_nothing() {
        let mut envelope = Envelope::default();
        for (at, value) in [(0, 5), (10_000, 5), (20_000, 6), (20_500, 4)] {
            envelope.note_change(SimTime(at), value);
        }
        let stretch = |index, low, high, last| Stretch { index, low, high, last };
        assert_eq!(envelope.stretches(), [stretch(0, 5, 5, 5), stretch(20, 4, 6, 4)]);
    }
}
