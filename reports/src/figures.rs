//! Figures as people read them: three significant digits and a unit.

use sim_core::time::{SimDuration, SimTime};

use crate::wrap::is_plain;

/// A rate in bit/s: `8.91 Mbps`, `640 kbps`, `1.20 Gbps`.
#[must_use]
pub fn rate(bps: f64) -> String {
    match bps {
        b if b >= 1e9 => format!("{} Gbps", three_digits(b / 1e9)),
        b if b >= 1e5 => format!("{} Mbps", three_digits(b / 1e6)),
        b if b >= 1.0 => format!("{} kbps", three_digits(b / 1e3)),
        _ => "0 Mbps".into(),
    }
}

/// A number of bytes: `33.75 MB` (decimal, as rates are).
#[must_use]
pub fn size(bytes: u64) -> String {
    let b = bytes as f64;
    match bytes {
        n if n >= 1_000_000_000 => format!("{:.2} GB", b / 1e9),
        n if n >= 1_000_000 => format!("{:.2} MB", b / 1e6),
        n if n >= 1_000 => format!("{:.1} kB", b / 1e3),
        n => format!("{n} B"),
    }
}

/// A span, with the unit that gives a readable number: `12.3 ms`, `0.31 s`, `12.0 s`.
#[must_use]
pub fn span(span: SimDuration) -> String {
    let ns = span.as_nanos() as f64;
    match span.as_nanos() {
        0 => "0 s".into(),
        n if n >= 100_000_000 => format!("{} s", three_digits(ns / 1e9)),
        n if n >= 1_000_000 => format!("{} ms", three_digits(ns / 1e6)),
        _ => format!("{} µs", three_digits(ns / 1e3)),
    }
}

/// An instant, to the millisecond: `10.012 s`.
#[must_use]
pub fn instant(at: SimTime) -> String {
    format!("{:.3} s", at.as_secs_f64())
}

/// A part of a whole, in percent; empty when there is no whole.
#[must_use]
pub fn share(part: f64, whole: f64) -> String {
    if whole <= 0.0 {
        return String::new();
    }
    let percent = 100.0 * part / whole;
    // 99.96 % is not 100 %: what is not whole must not be rounded to it.
    if (99.5..100.0).contains(&percent) {
        format!("{:.1} %", (percent * 10.0).floor() / 10.0)
    } else {
        format!("{percent:.0} %")
    }
}

/// A whole number with a comma between thousands: `312,345`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count and its noun: `1 subflow`, `3 subflows`.
#[must_use]
pub fn plural(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// Text from a file or a scenario, fit for a terminal or a picture: control characters (which could
/// move the cursor, or are no XML) become a visible replacement, and a tab a blank.
#[must_use]
pub fn printable(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let shown = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// A figure for machines: rounded to six decimals, so that no last bit shows.
pub(crate) fn rounded(value: f64) -> f64 {
    let rounded = (value * 1e6).round() / 1e6;
    if rounded.is_finite() { rounded } else { 0.0 }
}

fn three_digits(value: f64) -> String {
    match value.abs() {
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_have_units() {
        for (bps, expect) in [
            (8_910_000.0, "8.91 Mbps"),
            (12_340_000.0, "12.3 Mbps"),
            (640_000.0, "0.64 Mbps"),
            (64_000.0, "64.0 kbps"),
            (1.2e9, "1.20 Gbps"),
            (0.0, "0 Mbps"),
        ] {
            assert_eq!(rate(bps), expect);
        }
        for (bytes, expect) in
            [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (33_750_000, "33.75 MB")]
        {
            assert_eq!(size(bytes), expect);
        }
        for (ns, expect) in [
            (0, "0 s"),
            (250_000, "250 µs"),
            (12_345_678, "12.3 ms"),
            (310_000_000, "0.31 s"),
            (12_000_000_000, "12.0 s"),
        ] {
            assert_eq!(span(SimDuration(ns)), expect);
        }
        for (n, expect) in [(7, "7"), (312_345, "312,345"), (1_000_000, "1,000,000")] {
            assert_eq!(count(n), expect);
        }
    }

    #[test]
    fn a_share_is_whole_only_when_nothing_is_missing() {
        for (part, expect) in [(100.0, "100 %"), (99.97, "99.9 %"), (99.2, "99 %"), (33.3, "33 %")]
        {
            assert_eq!(share(part, 100.0), expect);
        }
        assert_eq!(share(1.0, 0.0), "");
    }

    #[test]
    fn what_a_file_says_cannot_steer_a_terminal() {
        assert_eq!(printable("a\x1b[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
        assert_eq!(printable("chain c\t{"), "chain c {");
    }
}
