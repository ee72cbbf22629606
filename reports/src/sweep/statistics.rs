//! Estimates with their intervals.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A value and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Lower end; none where one value says nothing about its spread.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// Two-sided 95 %: the quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The share of `hits` among `n`, with Wilson's score interval (1927), which stays within 0 and 1 and is
/// right for few runs and for shares near the ends. `None` for no trials.
#[must_use]
pub fn wilson(hits: u64, n: u64) -> Option<Estimate> {
    if n == 0 {
        return None;
    }
    let (n_f, p) = (n as f64, hits as f64 / n as f64);
    let z2n = Z * Z / n_f;
    let middle = (p + z2n / 2.0) / (1.0 + z2n);
    let half = Z / (1.0 + z2n) * (p * (1.0 - p) / n_f + z2n / (4.0 * n_f)).sqrt();
    // Rounding must not put the ends beyond what they are by definition.
    let low = if hits == 0 { 0.0 } else { middle - half };
    let high = if hits == n { 1.0 } else { middle + half };
    Some(Estimate { value: p, low: Some(low), high: Some(high) })
}

/// Number, mean and spread of values that come one by one (Welford).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    n: u64,
    mean: f64,
    squares: f64,
    least: f64,
    most: f64,
}

impl Moments {
    /// One more value.
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        let (least, most) = if self.n == 1 { (value, value) } else { (self.least, self.most) };
        (self.least, self.most) = (least.min(value), most.max(value));
        let from = value - self.mean;
        self.mean += from / self.n as f64;
        self.squares += from * (value - self.mean);
    }

    /// Two lots as one (Chan et al.).
    pub fn merge(&mut self, other: &Self) {
        if self.n == 0 || other.n == 0 {
            *self = if self.n == 0 { *other } else { *self };
            return;
        }
        let n = self.n + other.n;
        let apart = other.mean - self.mean;
        let weight = other.n as f64 / n as f64;
        self.squares += other.squares + apart * apart * self.n as f64 * weight;
        self.mean += apart * weight;
        self.n = n;
        (self.least, self.most) = (self.least.min(other.least), self.most.max(other.most));
    }

    /// Number of values.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.n
    }

    /// Least and greatest value; `None` of none.
    #[must_use]
    pub fn range(&self) -> Option<(f64, f64)> {
        (self.n > 0).then_some((self.least, self.most))
    }

    /// The mean with the interval of Student's t. `None` of no values.
    #[must_use]
    pub fn mean(&self) -> Option<Estimate> {
        match self.n {
            0 => None,
            1 => Some(Estimate { value: self.mean, low: None, high: None }),
            n => {
                let degrees = (n - 1) as f64;
                let t = StudentsT::new(0.0, 1.0, degrees).map_or(Z, |t| t.inverse_cdf(0.975));
                let half = t * (self.squares / degrees / n as f64).max(0.0).sqrt();
                Some(Estimate {
                    value: self.mean,
                    low: Some(self.mean - half),
                    high: Some(self.mean + half),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(estimate: Estimate, value: f64, low: f64, high: f64) {
        let found = (estimate.value, estimate.low.unwrap(), estimate.high.unwrap());
        for (found, expect) in [(found.0, value), (found.1, low), (found.2, high)] {
            assert!((found - expect).abs() < 5e-4, "{estimate:?}");
        }
    }

    /// Newcombe (1998), table I, method 3.
    #[test]
    fn shares() {
        near(wilson(81, 263).unwrap(), 0.3080, 0.2553, 0.3662);
        near(wilson(15, 148).unwrap(), 0.1014, 0.0624, 0.1605);
        near(wilson(0, 20).unwrap(), 0.0, 0.0, 0.1611);
        near(wilson(1, 29).unwrap(), 0.0345, 0.0061, 0.1718);
        assert_eq!(wilson(7, 7).unwrap().high, Some(1.0));
        assert_eq!(wilson(0, 0), None);
    }

    /// t(0.975) with 4 degrees of freedom is 2.776.
    #[test]
    fn means() {
        let mut moments = Moments::default();
        assert_eq!(moments.mean(), None);
        moments.add(2.0);
        assert_eq!(moments.mean(), Some(Estimate { value: 2.0, low: None, high: None }));
        for value in [4.0, 4.0, 5.0, 5.0] {
            moments.add(value);
        }
        let half = 2.776_445 * (1.5_f64 / 5.0).sqrt();
        near(moments.mean().unwrap(), 4.0, 4.0 - half, 4.0 + half);
        assert_eq!(moments.range(), Some((2.0, 5.0)));
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let values: Vec<f64> = (0..50).map(|k| f64::from(k * k % 17)).collect();
        let of = |values: &[f64]| {
            let mut moments = Moments::default();
            values.iter().for_each(|&value| moments.add(value));
            moments
        };
        let (whole, mut parts) = (of(&values), of(&values[..20]));
        parts.merge(&of(&values[20..]));
        parts.merge(&Moments::default());
        let (a, b) = (whole.mean().unwrap(), parts.mean().unwrap());
        near(b, a.value, a.low.unwrap(), a.high.unwrap());
        assert_eq!((whole.count(), whole.range()), (parts.count(), parts.range()));
    }
}
