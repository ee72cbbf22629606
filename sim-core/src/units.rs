//! Quantities as people write them: `"9 Mbps"`, `"1.5 ms"`, `"64 KiB"`, `"0.1 %"`.
//!
//! Rates and sizes are types of their own, so that bits never meet bytes by accident. All quantities
//! share one grammar (a decimal number, a space if one likes, a unit) and one wording of errors, in
//! scenario files and on the command line. The arithmetic is exact: no float is involved, and a value
//! that is not a whole number of nanoseconds, bit/s or bytes is refused instead of rounded.
//! What [`std::fmt::Display`] writes, [`std::str::FromStr`] reads back as the same value.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::rng::Probability;
use crate::suggest::nearest;
use crate::time::SimDuration;

/// A bit rate, in bit/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitRate(pub u64);

/// A size, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// What a text that should be a quantity lacks. It is shown in two lines: what is wrong, and what to
/// write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.message, self.help)
    }
}

impl std::error::Error for UnitError {}

/// The words and units of one kind of quantity.
struct Kind {
    /// With its article: "a bit rate".
    name: &'static str,
    /// One that is well written.
    example: &'static str,
    /// Unit and its size in the base unit; the first ones are named in messages.
    units: &'static [(&'static str, u64)],
    /// The base unit, for values that are finer.
    base: &'static str,
    /// Whether zero makes sense.
    zero: bool,
}

const BIT_RATE: Kind = Kind {
    name: "a bit rate",
    example: "9 Mbps",
    units: &[
        ("bps", 1),
        ("kbps", 1_000),
        ("Mbps", 1_000_000),
        ("Gbps", 1_000_000_000),
        ("bit/s", 1),
        ("kbit/s", 1_000),
        ("Mbit/s", 1_000_000),
        ("Gbit/s", 1_000_000_000),
    ],
    base: "bps",
    zero: false,
};

const DURATION: Kind = Kind {
    name: "a time",
    example: "1.5 ms",
    units: &[
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("µs", 1_000), // U+00B5, the micro sign
        ("μs", 1_000), // U+03BC, the Greek letter
    ],
    base: "ns",
    zero: true,
};

const BYTE_SIZE: Kind = Kind {
    name: "a size",
    example: "64 KiB",
    units: &[
        ("B", 1),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("byte", 1),
        ("bytes", 1),
    ],
    base: "B",
    zero: true,
};

const PROBABILITY: Kind =
    Kind { name: "a probability", example: "0.1 %", units: &[("%", 1)], base: "%", zero: true };

fn error(message: String, help: String) -> UnitError {
    UnitError { message, help }
}

/// A decimal number: `digits` / 10^`places`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decimal {
    digits: u128,
    places: u32,
}

/// More digits than any quantity has use for; keeps the arithmetic in 128 bits.
const MAX_DIGITS: usize = 20;

impl Kind {
    /// The units that messages name.
    fn unit_list(&self) -> String {
        let names: Vec<&str> =
            self.units.iter().map(|&(name, _)| name).filter(|name| name.is_ascii()).collect();
        names.join(", ")
    }

    /// Cuts `text` into its number and its unit (which may be empty).
    fn split<'t>(&self, text: &'t str) -> Result<(Decimal, &'t str), UnitError> {
        let trimmed = text.trim();
        let hint = || format!("write a number and its unit, such as \"{}\"", self.example);
        if let Some(rest) = trimmed.strip_prefix('-')
            && rest.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '.')
        {
            let message = format!("\"{text}\" is negative");
            return Err(error(message, format!("{} cannot be negative", self.name)));
        }
        let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..end], trimmed[end..].trim_start());
        if unit.starts_with(',') && !number.is_empty() {
            let message = format!("\"{text}\" is not {}", self.name);
            return Err(error(message, "the decimal sign is a point: \"1.5\"".into()));
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || fraction.contains('.') || number.ends_with('.') {
            return Err(error(format!("\"{text}\" is not {}", self.name), hint()));
        }
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{}{fraction}", whole.trim_start_matches('0'));
        if digits.len() > MAX_DIGITS {
            let message = format!("\"{text}\" has too many digits");
            return Err(error(message, format!("at most {MAX_DIGITS} can be told apart")));
        }
        let digits = digits.parse().unwrap_or(0);
        Ok((Decimal { digits, places: fraction.len() as u32 }, unit))
    }

    /// The size of `unit` in the base unit.
    fn factor(&self, text: &str, unit: &str) -> Result<u64, UnitError> {
        if let Some(&(_, factor)) = self.units.iter().find(|&&(name, _)| name == unit) {
            return Ok(factor);
        }
        let units = self.unit_list();
        if unit.is_empty() {
            let help = format!("{} has one of {units}, such as \"{}\"", self.name, self.example);
            return Err(error(format!("\"{text}\" has no unit"), help));
        }
        let meant = nearest(unit, self.units.iter().map(|&(name, _)| name))
            .map(|near| format!("did you mean \"{}\"? ", text.replacen(unit, near, 1)));
        let help = format!("{}the units of {} are {units}", meant.unwrap_or_default(), self.name);
        Err(error(format!("unknown unit \"{unit}\" in \"{text}\""), help))
    }

    /// `text` in base units.
    fn parse(&self, text: &str) -> Result<u64, UnitError> {
        let (number, unit) = self.split(text)?;
        let factor = self.factor(text, unit)?;
        let (scaled, divisor) = (number.digits * u128::from(factor), 10u128.pow(number.places));
        if !scaled.is_multiple_of(divisor) {
            let message = format!("\"{text}\" is finer than 1 {}", self.base);
            let help = format!("write a whole number of {}", self.base);
            return Err(error(message, help));
        }
        let value = u64::try_from(scaled / divisor).map_err(|_| {
            let help = format!("the largest value is {} {}", u64::MAX, self.base);
            error(format!("\"{text}\" is too large"), help)
        })?;
        if value == 0 && !self.zero {
            let help = format!("{} is more than zero", self.name);
            return Err(error(format!("\"{text}\" is zero"), help));
        }
        Ok(value)
    }

    /// What stands in a file where a quantity is expected.
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with its unit, such as \"{}\"", self.name, self.example)
    }
}

/// Writes `value` in units of `factor`, with as many decimals as it takes.
fn write_decimal(f: &mut fmt::Formatter<'_>, value: u64, factor: u64, unit: &str) -> fmt::Result {
    let (whole, rest) = (value / factor, value % factor);
    if rest == 0 {
        return write!(f, "{whole} {unit}");
    }
    let places = factor.ilog10() as usize;
    let fraction = format!("{rest:0places$}");
    write!(f, "{whole}.{} {unit}", fraction.trim_end_matches('0'))
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = match self.0 {
            0..1_000 => ("bps", 1),
            1_000..1_000_000 => ("kbps", 1_000),
            1_000_000..1_000_000_000 => ("Mbps", 1_000_000),
            _ => ("Gbps", 1_000_000_000),
        };
        write_decimal(f, self.0, factor, unit)
    }
}

impl fmt::Display for ByteSize {
    /// In the largest binary unit that gives a whole number, else in the largest decimal one that
    /// needs at most three decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        for (unit, factor) in [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if bytes != 0 && bytes.is_multiple_of(factor) {
                return write!(f, "{} {unit}", bytes / factor);
            }
        }
        for (unit, factor) in [("GB", 1_000_000_000u64), ("MB", 1_000_000), ("kB", 1_000)] {
            if bytes >= factor.max(10_000) && bytes.is_multiple_of(factor / 1_000) {
                return write_decimal(f, bytes, factor, unit);
            }
        }
        write!(f, "{bytes} B")
    }
}

impl fmt::Display for Probability {
    /// In percent, with as few decimals as tell it from its neighbours.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raw = u128::from(self.raw());
        // 17 decimals of a percent are finer than the 63 bits of a probability.
        for places in 0..=17 {
            let scale = 10u128.pow(places);
            let digits = (raw * 100 * scale + (1 << 62)) >> 63;
            let read_back = Decimal { digits, places }.as_probability(100);
            if read_back == Some(*self) || places == 17 {
                let (whole, rest) = (digits / scale, digits % scale);
                if rest == 0 {
                    return write!(f, "{whole} %");
                }
                let places = places as usize;
                return write!(f, "{whole}.{rest:0places$} %");
            }
        }
        Ok(())
    }
}

impl Decimal {
    /// The number over `divisor` (100 for percent), to the nearest probability; `None` above 1.
    fn as_probability(self, divisor: u128) -> Option<Probability> {
        let scale = 10u128.pow(self.places) * divisor;
        if self.digits > scale {
            return None;
        }
        // Long division, bit by bit: 63 bits after the point do not fit a product of 128.
        let (mut rest, mut raw) = (self.digits, u64::from(self.digits == scale));
        rest %= scale;
        for _ in 0..63 {
            rest *= 2;
            raw = (raw << 1) | u64::from(rest >= scale);
            rest %= scale;
        }
        Probability::from_raw(raw + u64::from(rest * 2 >= scale))
    }
}

impl FromStr for Probability {
    type Err = UnitError;

    /// `"0.1 %"`, or a bare number from 0 to 1.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = PROBABILITY.split(text)?;
        let divisor = match unit {
            "" => 1,
            "%" => 100,
            _ => {
                let help = format!(
                    "write a percentage, such as \"{}\", or a number from 0 to 1",
                    PROBABILITY.example
                );
                let message = format!("unknown unit \"{unit}\" in \"{text}\"");
                return Err(error(message, help));
            }
        };
        number.as_probability(divisor).ok_or_else(|| {
            let help = "a probability is at most 100 %, or 1 as a bare number".into();
            error(format!("\"{text}\" is too large"), help)
        })
    }
}

/// What all quantities share: reading, writing, serde. Deserialising goes through `deserialize_any`
/// because a reader that is told to expect a string says only that, not which quantity it wanted.
macro_rules! serde_by_text {
    ($type:ty, $visitor:ident, $kind:expr $(, $number:item)*) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        struct $visitor;

        impl Visitor<'_> for $visitor {
            type Value = $type;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $kind.expecting(f)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                text.parse().map_err(E::custom)
            }

            $($number)*
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                deserializer.deserialize_any($visitor)
            }
        }
    };
}

macro_rules! quantity {
    ($type:ident, $visitor:ident, $kind:expr) => {
        impl FromStr for $type {
            type Err = UnitError;

            fn from_str(text: &str) -> Result<Self, UnitError> {
                $kind.parse(text).map($type)
            }
        }

        serde_by_text!($type, $visitor, $kind);
    };
}

quantity!(BitRate, BitRateVisitor, BIT_RATE);
quantity!(ByteSize, ByteSizeVisitor, BYTE_SIZE);
quantity!(SimDuration, DurationVisitor, DURATION);

serde_by_text!(
    Probability,
    ProbabilityVisitor,
    PROBABILITY,
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Probability, E> {
        // The shortest decimal that names the float is what was written.
        number.to_string().parse().map_err(E::custom)
    },
    fn visit_f32<E: serde::de::Error>(self, number: f32) -> Result<Probability, E> {
        number.to_string().parse().map_err(E::custom)
    },
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Probability, E> {
        number.to_string().parse().map_err(E::custom)
    },
    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Probability, E> {
        number.to_string().parse().map_err(E::custom)
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: FromStr<Err = UnitError>>(text: &str) -> Result<T, String> {
        text.parse().map_err(|error: UnitError| error.to_string())
    }

    #[test]
    fn reads_what_people_write() {
        let rate = |text, bps| assert_eq!(read(text), Ok(BitRate(bps)), "{text}");
        rate("9 Mbps", 9_000_000);
        rate("9Mbps", 9_000_000);
        rate(" 1.5 Mbit/s ", 1_500_000);
        rate("0.3 kbps", 300);
        rate("18446744073709551615 bps", u64::MAX);
        let time = |text, ns| assert_eq!(read(text), Ok(SimDuration(ns)), "{text}");
        time("1.5 ms", 1_500_000);
        time("0 s", 0);
        time("007.50 s", 7_500_000_000);
        time("250 µs", 250_000);
        time("250 μs", 250_000);
        time("250 us", 250_000);
        time("2 min", 120_000_000_000);
        time("1 h", 3_600_000_000_000);
        let size = |text, bytes| assert_eq!(read(text), Ok(ByteSize(bytes)), "{text}");
        size("64 KiB", 65_536);
        size("64 kB", 64_000);
        size("1.5 MiB", 1_572_864);
        size("1460 bytes", 1_460);
        let chance = |text, p| assert_eq!(read(text), Ok(Probability::new(p).unwrap()), "{text}");
        chance("50 %", 0.5);
        chance("100%", 1.0);
        chance("0.25", 0.25);
        chance("0 %", 0.0);
        chance("1", 1.0);
    }

    #[test]
    fn says_what_is_wrong_and_what_to_write() {
        fn check<T: FromStr<Err = UnitError> + fmt::Debug>(text: &str, expect: &str) {
            assert_eq!(read::<T>(text).unwrap_err(), expect, "{text}");
        }
        const UNITS: &str = "bps, kbps, Mbps, Gbps, bit/s, kbit/s, Mbit/s, Gbit/s";
        check::<BitRate>(
            "9 Mbbs",
            &format!(
                "unknown unit \"Mbbs\" in \"9 Mbbs\"\n\
                 did you mean \"9 Mbps\"? the units of a bit rate are {UNITS}"
            ),
        );
        check::<BitRate>(
            "9 furlongs",
            &format!(
                "unknown unit \"furlongs\" in \"9 furlongs\"\nthe units of a bit rate are {UNITS}"
            ),
        );
        check::<BitRate>(
            "9",
            &format!("\"9\" has no unit\na bit rate has one of {UNITS}, such as \"9 Mbps\""),
        );
        check::<BitRate>("-3 Mbps", "\"-3 Mbps\" is negative\na bit rate cannot be negative");
        check::<BitRate>("0 Mbps", "\"0 Mbps\" is zero\na bit rate is more than zero");
        check::<BitRate>(
            "NaN Mbps",
            "\"NaN Mbps\" is not a bit rate\nwrite a number and its unit, such as \"9 Mbps\"",
        );
        check::<BitRate>("0.5 bps", "\"0.5 bps\" is finer than 1 bps\nwrite a whole number of bps");
        check::<SimDuration>(
            "18446744073709551615 s",
            "\"18446744073709551615 s\" is too large\nthe largest value is 18446744073709551615 ns",
        );
        check::<SimDuration>(
            "1,5 s",
            "\"1,5 s\" is not a time\nthe decimal sign is a point: \"1.5\"",
        );
        check::<SimDuration>(
            "12345678901234567890123 ns",
            "\"12345678901234567890123 ns\" has too many digits\nat most 20 can be told apart",
        );
        check::<ByteSize>(
            "",
            "\"\" is not a size\nwrite a number and its unit, such as \"64 KiB\"",
        );
        check::<ByteSize>(
            "1..5 kB",
            "\"1..5 kB\" is not a size\nwrite a number and its unit, such as \"64 KiB\"",
        );
        check::<Probability>(
            "120 %",
            "\"120 %\" is too large\na probability is at most 100 %, or 1 as a bare number",
        );
        check::<Probability>(
            "1 ms",
            "unknown unit \"ms\" in \"1 ms\"\n\
             write a percentage, such as \"0.1 %\", or a number from 0 to 1",
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        fn check<T: FromStr<Err = UnitError> + fmt::Display + fmt::Debug + PartialEq>(
            value: T,
            expect: &str,
        ) {
            assert_eq!(value.to_string(), expect);
            assert_eq!(read(expect), Ok(value));
        }
        check(BitRate(9_000_000), "9 Mbps");
        check(BitRate(1_544_000), "1.544 Mbps");
        check(BitRate(1), "1 bps");
        check(BitRate(u64::MAX), "18446744073.709551615 Gbps");
        check(ByteSize(0), "0 B");
        check(ByteSize(65_536), "64 KiB");
        check(ByteSize(33_750_000), "33.75 MB");
        check(ByteSize(1_460), "1460 B");
        check(ByteSize(65_535), "65.535 kB");
        check(ByteSize(u64::MAX), "18446744073709551.615 kB");
        check(SimDuration::from_micros(1_500), "1.5 ms");
        check(SimDuration(u64::MAX), "18446744073.709551615 s");
        check(Probability::ZERO, "0 %");
        check(Probability::ONE, "100 %");
        check(read::<Probability>("0.1 %").unwrap(), "0.1 %");
        check(read::<Probability>("0.001").unwrap(), "0.1 %");
        check(read::<Probability>("33.3 %").unwrap(), "33.3 %");
        check(Probability::from_raw(1).unwrap(), "0.00000000000000001 %");
    }

    proptest::proptest! {
        #[test]
        fn every_value_survives_being_written(raw: u64) {
            proptest::prop_assert_eq!(read(&BitRate(raw.max(1)).to_string()), Ok(BitRate(raw.max(1))));
            proptest::prop_assert_eq!(read(&ByteSize(raw).to_string()), Ok(ByteSize(raw)));
            proptest::prop_assert_eq!(read(&SimDuration(raw).to_string()), Ok(SimDuration(raw)));
            let p = Probability::from_raw(raw >> 1).unwrap();
            proptest::prop_assert_eq!(read(&p.to_string()), Ok(p));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = (read::<BitRate>(&text), read::<SimDuration>(&text));
            let _ = (read::<ByteSize>(&text), read::<Probability>(&text));
        }
    }
}
