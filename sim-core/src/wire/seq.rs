//! Sequence-number spaces, each a type of its own (RFC 9293 §3.4, RFC 8684 §3.3).

use std::fmt;

/// A 32-bit TCP sequence number. Comparisons are modulo 2^32 and only by name ([`Seq::before`]),
/// because the wrapped space has no total order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seq(pub u32);

impl Seq {
    /// `self + n`, modulo 2^32.
    #[must_use]
    #[allow(clippy::should_implement_trait)]
    pub const fn add(self, n: u32) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// Signed distance from `origin` to `self`, correct within 2^31.
    #[must_use]
    pub const fn distance(self, origin: Self) -> i32 {
        self.0.wrapping_sub(origin.0) as i32
    }

    /// True when `self` comes before `other`.
    #[must_use]
    pub const fn before(self, other: Self) -> bool {
        self.distance(other) < 0
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A 64-bit data sequence number of an MPTCP connection (RFC 8684 §3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dsn(pub u64);

impl Dsn {
    /// `self + n`, modulo 2^64.
    #[must_use]
    #[allow(clippy::should_implement_trait)]
    pub const fn add(self, n: u64) -> Self {
        Self(self.0.wrapping_add(n))
    }
}
