//! TCP options as the bytes on the wire (RFC 9293 §3.2): read without losing anything, edited in place.
//!
//! Reading never fails: a malformed list yields what can be read, then one [`RawOption`] of kind
//! `MALFORMED` that spans the rest. Unknown options, order, padding and broken lengths survive
//! untouched, as they must through a middlebox.

use std::fmt;
use std::ops::Range;

/// Option kinds (IANA "TCP Option Kind Numbers").
pub mod kind {
    /// End of option list.
    pub const EOL: u8 = 0;
    /// No operation.
    pub const NOP: u8 = 1;
    /// Maximum segment size (RFC 9293).
    pub const MSS: u8 = 2;
    /// Window scale (RFC 7323).
    pub const WINDOW_SCALE: u8 = 3;
    /// SACK permitted (RFC 2018).
    pub const SACK_PERMITTED: u8 = 4;
    /// SACK (RFC 2018).
    pub const SACK: u8 = 5;
    /// Timestamps (RFC 7323).
    pub const TIMESTAMPS: u8 = 8;
    /// MD5 signature (RFC 2385).
    pub const MD5: u8 = 19;
    /// Multipath TCP (RFC 8684).
    pub const MPTCP: u8 = 30;
}

/// The most bytes of options that a TCP header can hold.
pub const MAX_OPTIONS_LEN: usize = 40;

/// The option bytes of one segment: at most 40, always a multiple of four when emitted.
#[derive(Clone, PartialEq, Eq)]
#[repr(C)]
pub struct Options {
    len: u8,
    bytes: [u8; MAX_OPTIONS_LEN],
}

impl Default for Options {
    fn default() -> Self {
        Self { len: 0, bytes: [0; MAX_OPTIONS_LEN] }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// One option as it stands in the header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RawOption<'a> {
    /// The kind byte.
    pub kind: u8,
    /// Position of the kind byte in the option bytes.
    pub start: usize,
    /// The whole option, kind and length included.
    pub bytes: &'a [u8],
    /// False when the length byte is missing, below 2 or reaches past the end; `bytes` is then all
    /// that is left of the list.
    pub well_formed: bool,
}

impl RawOption<'_> {
    /// Where the option lies in the option bytes.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.start..self.start + self.bytes.len()
    }

    /// The bytes after kind and length.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.bytes.get(2..).unwrap_or(&[])
    }
}

impl fmt::Debug for RawOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}:", self.kind, if self.well_formed { "" } else { "!" })?;
        self.bytes.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl Options {
    /// No options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These very bytes.
    ///
    /// # Errors
    /// When there are more than [`MAX_OPTIONS_LEN`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TooLong> {
        let mut options = Self::new();
        options.push(bytes)?;
        Ok(options)
    }

    /// The bytes, as on the wire.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Length in bytes.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// True when there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes all.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Bytes still free.
    #[must_use]
    pub const fn free(&self) -> usize {
        MAX_OPTIONS_LEN - self.len as usize
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// When they do not fit; nothing is appended then.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        let from = self.len();
        let room = self.bytes.get_mut(from..from + bytes.len()).ok_or(TooLong)?;
        room.copy_from_slice(bytes);
        self.len += bytes.len() as u8;
        Ok(())
    }

    /// Makes NOP, NOP, timestamps (RFC 7323 §3) of the list, whatever was in it: what nearly every segment
    /// begins with.
    #[inline]
    pub fn begin_with_timestamps(&mut self, value: u32, echo: u32) {
        self.bytes[..4].copy_from_slice(&[kind::NOP, kind::NOP, kind::TIMESTAMPS, 10]);
        self.bytes[4..8].copy_from_slice(&value.to_be_bytes());
        self.bytes[8..12].copy_from_slice(&echo.to_be_bytes());
        self.len = 12;
    }

    /// True for the list that [`Options::begin_with_timestamps`] makes.
    #[must_use]
    #[inline]
    pub fn are_timestamps_only(&self) -> bool {
        self.len == 12 && self.bytes[..4] == [kind::NOP, kind::NOP, kind::TIMESTAMPS, 10]
    }

    /// Pads with NOPs to a multiple of four, as hosts do.
    #[inline]
    pub fn pad(&mut self) {
        while !self.len.is_multiple_of(4) {
            self.bytes[usize::from(self.len)] = kind::NOP;
            self.len += 1;
        }
    }

    /// Every option in order, NOPs included; ends at EOL (which is yielded) or after a malformed one.
    #[must_use]
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter { bytes: self.as_bytes(), at: 0 }
    }

    /// The first well-formed option of this kind.
    #[must_use]
    #[inline]
    pub fn find(&self, kind: u8) -> Option<RawOption<'_>> {
        self.iter().find(|o| o.kind == kind && o.well_formed)
    }

    /// True when there is a well-formed option of this kind.
    #[must_use]
    pub fn has(&self, kind: u8) -> bool {
        self.find(kind).is_some()
    }

    /// Overwrites a span with one byte value, the length of the list unchanged: NOPs (1) as a
    /// normaliser does, or EOL (0), which also ends what follows for a receiver.
    pub fn fill(&mut self, span: Range<usize>, byte: u8) {
        self.bytes[..usize::from(self.len)][span].fill(byte);
    }

    /// Cuts a span out and pads the list to a multiple of four again with EOL at its end: the header
    /// shrinks.
    pub fn remove(&mut self, span: Range<usize>) {
        let len = self.len();
        self.bytes.copy_within(span.end..len, span.start);
        self.len -= span.len() as u8;
        while !self.len.is_multiple_of(4) {
            self.bytes[usize::from(self.len)] = kind::EOL;
            self.len += 1;
        }
    }

    /// The bytes for editing in place, the length unchanged.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..usize::from(self.len)]
    }

    /// The first well-formed SACK option.
    #[must_use]
    #[inline]
    pub fn sack(&self) -> Option<RawOption<'_>> {
        // What nearly every segment begins with needs no look.
        let at = if self.as_bytes().starts_with(&[1, 1, 8, 10]) && self.len >= 12 { 12 } else { 0 };
        let mut rest = Iter { bytes: self.as_bytes(), at };
        rest.find(|o| o.kind == kind::SACK && o.well_formed)
    }

    /// The maximum segment size option's value.
    #[must_use]
    pub fn mss(&self) -> Option<u16> {
        match self.find(kind::MSS)?.data() {
            [a, b] => Some(u16::from_be_bytes([*a, *b])),
            _ => None,
        }
    }

    /// The timestamps option's value and echo reply (RFC 7323 §3).
    #[must_use]
    #[inline(always)] // once for each segment
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        // Nearly every segment begins NOP, NOP, timestamps: look there first.
        let usual = self.len >= 12 && self.bytes[..4] == [1, 1, 8, 10];
        let found: &[u8; 8] = if usual {
            self.bytes[4..].first_chunk()
        } else {
            self.find(kind::TIMESTAMPS).filter(|o| o.bytes.len() == 10)?.bytes[2..].first_chunk()
        }?;
        let [a, b, c, d, e, f, g, h] = *found;
        Some((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])))
    }
}

/// The option bytes would exceed the 40 that a TCP header can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more than 40 bytes of TCP options")
    }
}

impl std::error::Error for TooLong {}

/// Iterator over the options of a segment.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = RawOption<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawOption<'a>> {
        let start = self.at;
        let rest = &self.bytes[start..];
        let &kind = rest.first()?;
        let (len, well_formed) = match kind {
            kind::EOL => {
                self.at = self.bytes.len();
                return Some(RawOption { kind, start, bytes: &rest[..1], well_formed: true });
            }
            kind::NOP => (1, true),
            _ => match rest.get(1) {
                Some(&len) if len >= 2 && usize::from(len) <= rest.len() => {
                    (usize::from(len), true)
                }
                _ => (rest.len(), false),
            },
        };
        self.at += len;
        Some(RawOption { kind, start, bytes: &rest[..len], well_formed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_broken_length_ends_the_list_and_keeps_the_rest() {
        let o = Options::from_bytes(&[1, 30, 9, 0]).unwrap();
        let all: Vec<_> = o.iter().collect();
        assert_eq!(all.len(), 2);
        assert!(!all[1].well_formed);
        assert_eq!(all[1].bytes, [30, 9, 0]);
    }

    #[test]
    fn removing_shrinks_and_pads_with_eol() {
        let mut o = Options::from_bytes(&[2, 4, 5, 180, 30, 4, 0x01, 0x81, 4, 2, 1, 1]).unwrap();
        o.remove(4..8);
        assert_eq!(o.as_bytes(), [2, 4, 5, 180, 4, 2, 1, 1]);
        o.remove(4..6);
        assert_eq!(o.as_bytes(), [2, 4, 5, 180, 1, 1, 0, 0]);
    }

    proptest! {
        #[test]
        fn reading_covers_every_byte_in_order(bytes in proptest::collection::vec(any::<u8>(), 0..=40)) {
            let o = Options::from_bytes(&bytes).unwrap();
            let mut at = 0;
            for option in o.iter() {
                prop_assert_eq!(option.start, at);
                at += option.bytes.len();
                if option.kind == kind::EOL || !option.well_formed { at = bytes.len(); }
            }
            prop_assert_eq!(at, bytes.len());
        }
    }
}
