//! Units of an axis: what makes the labels of its values numbers.

use serde::{Deserialize, Serialize};
use sim_core::rng::Probability;
use sim_core::time::SimDuration;
use sim_core::units::{BitRate, ByteSize};

/// What the numbers of an axis count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A plain number.
    Number,
    /// 10⁶ bit/s.
    Mbps,
    /// Milliseconds.
    Ms,
    /// Bytes.
    Bytes,
    /// Per cent.
    Percent,
}

impl Unit {
    const ALL: [Self; 5] = [Self::Number, Self::Mbps, Self::Ms, Self::Bytes, Self::Percent];

    /// The number that a label says in this unit.
    #[must_use]
    pub fn number(self, label: &str) -> Option<f64> {
        let number = match self {
            Self::Number => label.parse().ok()?,
            Self::Mbps => label.parse::<BitRate>().ok()?.0 as f64 / 1e6,
            Self::Ms => label.parse::<SimDuration>().ok()?.as_nanos() as f64 / 1e6,
            Self::Bytes => label.parse::<ByteSize>().ok()?.0 as f64,
            Self::Percent => label.parse::<Probability>().ok()?.as_f64() * 100.0,
        };
        Some(number).filter(|number: &f64| number.is_finite())
    }

    /// The unit that all `labels` are in; none where there is no such unit, or no label.
    #[must_use]
    pub fn of<'a>(labels: impl IntoIterator<Item = &'a str> + Clone) -> Option<Self> {
        labels.clone().into_iter().next()?;
        let fits = |unit: &Self| labels.clone().into_iter().all(|l| unit.number(l).is_some());
        Self::ALL.into_iter().find(fits)
    }

    /// As a part of a column's name; empty for plain numbers.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Number => "",
            Self::Mbps => "_mbps",
            Self::Ms => "_ms",
            Self::Bytes => "_bytes",
            Self::Percent => "_percent",
        }
    }

    /// As beside an axis; empty for plain numbers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Number => "",
            Self::Mbps => "Mbps",
            Self::Ms => "ms",
            Self::Bytes => "bytes",
            Self::Percent => "%",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_agree_on_a_unit_or_have_none() {
        let check = |labels: &[&str], expect: Option<Unit>| {
            assert_eq!(Unit::of(labels.iter().copied()), expect, "{labels:?}");
        };
        check(&["0 %", "0.5 %"], Some(Unit::Percent));
        check(&["9 Mbps", "640 kbps"], Some(Unit::Mbps));
        check(&["1 s", "20 ms"], Some(Unit::Ms));
        check(&["64 KiB"], Some(Unit::Bytes));
        check(&["1", "2.5"], Some(Unit::Number));
        check(&["1", "MinRtt"], None);
        check(&["1 s", "1 %"], None);
        check(&["inf"], None);
        check(&[], None);
    }

    #[test]
    fn numbers_are_in_the_unit() {
        assert_eq!(Unit::Ms.number("1.5 s"), Some(1500.0));
        assert_eq!(Unit::Mbps.number("500 kbps"), Some(0.5));
        assert_eq!(Unit::Percent.number("0.5 %"), Some(0.5));
    }
}
