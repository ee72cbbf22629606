//! The version of the operating system, as `9.8(2)` or `8.4(7)23`: it selects defaults.

/// A version: major, minor, maintenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u16, u16, u16);

/// From here on named options have defaults and `multiple` of their own, and MD5 passes (recalled from
/// the ASA command reference, tcp-options, command history).
pub(super) const NAMED_OPTIONS: Version = Version(9, 4, 2);

impl Version {
    /// Reads the beginning of a word such as `9.8(2)38`.
    pub(super) fn read(word: &str) -> Option<Self> {
        let mut numbers = word
            .split(|c: char| !c.is_ascii_digit())
            .filter(|part| !part.is_empty())
            .map(|part| part.parse::<u16>().ok());
        let major = numbers.next()??;
        let mut next = || numbers.next().flatten().unwrap_or(0);
        Some(Self(major, next(), next()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered() {
        let read = |word| Version::read(word).unwrap();
        assert_eq!(read("9.8(2)38"), Version(9, 8, 2));
        assert!(read("9.4(1)") < NAMED_OPTIONS && read("9.4(2)") >= NAMED_OPTIONS);
        assert!(read("8.4(7)") < NAMED_OPTIONS && read("9.12") > NAMED_OPTIONS);
        assert_eq!(Version::read("interim"), None);
    }
}
