//! Ports as services and overrides name them: `80,443` or `1024-65535`, of one line or of several.

use std::ops::RangeInclusive;

/// Ranges of ports; nothing where one cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ports(Option<Vec<RangeInclusive<u16>>>);

impl Ports {
    /// Takes more of them, as words after `port`.
    pub(super) fn take(&mut self, words: &[&str]) {
        let words = words.iter().take_while(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        let ranges =
            words.flat_map(|word| word.split(',')).filter(|one| !one.is_empty()).map(range);
        let all: Option<Vec<_>> = ranges.collect();
        match (&mut self.0, all) {
            (Some(mine), Some(more)) => mine.extend(more),
            (mine, more) => *mine = more,
        }
    }

    /// True when both are known, and no port is of both.
    pub(super) fn are_apart(&self, other: &Self) -> bool {
        let (Some(mine), Some(other)) = (&self.0, &other.0) else { return false };
        let is_apart = |a: &RangeInclusive<u16>, b: &RangeInclusive<u16>| {
            a.end() < b.start() || b.end() < a.start()
        };
        mine.iter().all(|a| other.iter().all(|b| is_apart(a, b)))
    }
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}
