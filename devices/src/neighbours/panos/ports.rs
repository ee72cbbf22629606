//! Ports as services and overrides name them: `80,443` or `1024-65535`, of one line or of several.

use std::ops::RangeInclusive;

/// Ranges of ports.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports {
    ranges: Vec<RangeInclusive<u16>>,
    /// Some that are named cannot be read, and may be any.
    is_open: bool,
}

impl Ports {
    /// Takes more of them, as words after `port`.
    pub(super) fn take(&mut self, words: &[&str]) {
        let is_port = |word: &&&str| word.starts_with(|c: char| c.is_ascii_digit());
        let named = words.iter().take_while(is_port);
        self.is_open |= named.clone().next().is_none();
        for one in named.flat_map(|word| word.split(',')).filter(|one| !one.is_empty()) {
            match range(one) {
                Some(range) => self.ranges.push(range),
                None => self.is_open = true,
            }
        }
    }

    /// True when all of both are known, and no port is of both.
    pub(super) fn are_apart(&self, other: &Self) -> bool {
        let is_known = |of: &Self| !of.is_open && !of.ranges.is_empty();
        let is_apart = |a: &RangeInclusive<u16>, b: &RangeInclusive<u16>| {
            a.end() < b.start() || b.end() < a.start()
        };
        is_known(self)
            && is_known(other)
            && self.ranges.iter().all(|a| other.ranges.iter().all(|b| is_apart(a, b)))
    }
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}
