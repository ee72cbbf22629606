//! Numbers with the units that scenarios know, for ranges and distributions.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use sim_core::rng::Probability;
use sim_core::time::SimDuration;
use sim_core::units::{BitRate, ByteSize};

/// What a quantity is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A plain number.
    Number,
    /// Bits per second.
    Rate,
    /// Nanoseconds.
    Time,
    /// Bytes.
    Size,
    /// From 0 to 1.
    Probability,
}

impl Kind {
    /// In words, with the article.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Rate => "a bit rate",
            Self::Time => "a time",
            Self::Size => "a size",
            Self::Probability => "a probability",
        }
    }

    /// A value of this kind as a scenario writes it, rounded to what it can be: whole bit/s,
    /// nanoseconds and bytes, and probabilities to 10⁻⁹. `None` where there is no such value.
    #[must_use]
    pub fn written(self, value: f64) -> Option<String> {
        // Larger numbers are not exact as floats.
        const MOST: f64 = 9e15;
        if !value.is_finite() || value.abs() > MOST {
            return None;
        }
        if self == Self::Number {
            return Some(value.to_string());
        }
        if value < 0.0 {
            return None;
        }
        let whole = value.round() as u64;
        Some(match self {
            Self::Number => return None,
            Self::Rate if whole == 0 => return None,
            Self::Rate => BitRate(whole).to_string(),
            Self::Time => SimDuration(whole).to_string(),
            Self::Size => ByteSize(whole).to_string(),
            Self::Probability if value > 1.0 => return None,
            Self::Probability => {
                let percent = format!("{:.7}", value * 100.0);
                let short = percent.trim_end_matches('0').trim_end_matches('.');
                format!("{short} %")
            }
        })
    }
}

/// A number with its unit: `"9 Mbps"`, `"10 ms"`, `"64 KiB"`, `"1 %"`, `3`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    /// In base units: bit/s, ns, bytes, 0 to 1.
    pub value: f64,
    /// What of.
    pub kind: Kind,
}

impl Quantity {
    /// A plain number.
    #[must_use]
    pub const fn number(value: f64) -> Self {
        Self { value, kind: Kind::Number }
    }

    /// The quantity that a text is.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let of = |value: f64, kind| Some(Self { value, kind });
        if let Ok(number) = text.trim().parse::<f64>() {
            return of(number, Kind::Number).filter(|quantity| quantity.value.is_finite());
        }
        if let Ok(rate) = text.parse::<BitRate>() {
            return of(rate.0 as f64, Kind::Rate);
        }
        if let Ok(time) = text.parse::<SimDuration>() {
            return of(time.as_nanos() as f64, Kind::Time);
        }
        if let Ok(size) = text.parse::<ByteSize>() {
            return of(size.0 as f64, Kind::Size);
        }
        let probability = text.parse::<Probability>().ok()?;
        of(probability.as_f64(), Kind::Probability)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct QuantityVisitor;
        impl Visitor<'_> for QuantityVisitor {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number with its unit, such as \"9 Mbps\", \"10 ms\" or 3")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quantity, E> {
                let refusal = || {
                    E::custom(format!(
                        "\"{text}\" is no quantity\nwrite a number and its unit, such as \"9 \
                         Mbps\", \"10 ms\", \"64 KiB\" or \"1 %\""
                    ))
                };
                Quantity::parse(text).ok_or_else(refusal)
            }

            fn visit_f64<E>(self, number: f64) -> Result<Quantity, E> {
                Ok(Quantity::number(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Quantity, E> {
                Ok(Quantity::number(number as f64))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Quantity, E> {
                Ok(Quantity::number(number as f64))
            }
        }
        deserializer.deserialize_any(QuantityVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["9 Mbps", "1.5 ms", "64 KiB", "0.1 %", "3", "0.25"] {
            let quantity = Quantity::parse(text).unwrap();
            assert_eq!(quantity.kind.written(quantity.value).as_deref(), Some(text));
        }
        assert_eq!(Quantity::parse("fast"), None);
    }

    #[test]
    fn what_cannot_be_is_not_written() {
        for (kind, value) in [
            (Kind::Rate, 0.2),
            (Kind::Time, -1.0),
            (Kind::Probability, 1.1),
            (Kind::Number, f64::NAN),
            (Kind::Size, 1e300),
        ] {
            assert_eq!(kind.written(value), None, "{kind:?} {value}");
        }
        assert_eq!(Kind::Probability.written(1.0 / 3.0).as_deref(), Some("33.3333333 %"));
        assert_eq!(Kind::Time.written(0.0).as_deref(), Some("0 s"));
    }
}
