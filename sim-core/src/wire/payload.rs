//! Payload: described where it is bulk, bytes where something reads or changes them.
//!
//! A described payload says "these are bytes `offset..offset+len` of application stream `stream`".
//! The content of every stream is a fixed pattern ([`content_byte`]), so bytes can be made at any
//! time (for a capture, an inspection, a live wire), and their Internet checksum is known without a
//! pass over them ([`content_sum`]).

use std::sync::OnceLock;

/// Names one direction of one application stream in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// What a segment carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Payload {
    /// The stream that the described bytes belong to.
    pub stream: StreamId,
    /// Length in bytes.
    pub len: u32,
    /// Offset of the first byte in the stream.
    pub offset: u64,
    /// The bytes themselves, where something made, changed or read them (then `stream` and `offset`
    /// no longer describe the content).
    pub bytes: Option<Box<[u8]>>,
}

impl Payload {
    /// No payload.
    #[must_use]
    pub const fn empty() -> Self {
        Self { stream: StreamId(0), len: 0, offset: 0, bytes: None }
    }

    /// Bytes `offset..offset + len` of `stream`, described.
    #[must_use]
    pub const fn described(stream: StreamId, offset: u64, len: u32) -> Self {
        Self { stream, len, offset, bytes: None }
    }

    /// These very bytes.
    #[must_use]
    pub fn literal(bytes: impl Into<Box<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { stream: StreamId(0), len: bytes.len() as u32, offset: 0, bytes: Some(bytes) }
    }

    /// True when there is no payload.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A part of this payload: `len` bytes from `start` on.
    ///
    /// # Panics
    /// When the part does not lie inside the payload.
    #[must_use]
    pub fn slice(&self, start: u32, len: u32) -> Self {
        assert!(start + len <= self.len, "a part must lie inside its payload");
        Self {
            stream: self.stream,
            len,
            offset: self.offset + u64::from(start),
            bytes: self.bytes.as_ref().map(|b| b[start as usize..(start + len) as usize].into()),
        }
    }

    /// Copies the content into `out`, which must be `len` bytes long.
    pub fn copy_to(&self, out: &mut [u8]) {
        match &self.bytes {
            Some(bytes) => out.copy_from_slice(bytes),
            None => fill_content(self.stream, self.offset, out),
        }
    }

    /// The content as bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = vec![0; self.len as usize];
        self.copy_to(&mut out);
        out
    }

    /// The bytes for reading and changing; a described payload becomes literal.
    pub fn make_literal(&mut self) -> &mut [u8] {
        if self.bytes.is_none() {
            self.bytes = Some(self.to_vec().into());
        }
        self.bytes.as_mut().expect("just made")
    }

    /// Ones'-complement sum of the content as big-endian 16-bit words from its first byte on, not
    /// folded and not complemented. Costs no pass over a described payload.
    #[must_use]
    pub fn sum(&self) -> u64 {
        match &self.bytes {
            Some(bytes) => sum_bytes(bytes),
            None => content_sum(self.stream, self.offset, self.len),
        }
    }

    /// True when the content is what `stream` holds at `offset`: the check that a receiver makes of
    /// every byte that it is given.
    #[must_use]
    #[inline(always)] // once for each segment with data
    pub fn matches(&self, stream: StreamId, offset: u64) -> bool {
        match &self.bytes {
            None => self.len == 0 || (self.stream == stream && self.offset == offset),
            Some(bytes) => are_content(bytes, stream, offset),
        }
    }
}

#[inline(never)]
fn are_content(bytes: &[u8], stream: StreamId, offset: u64) -> bool {
    bytes.iter().zip(offset..).all(|(&byte, at)| byte == content_byte(stream, at))
}

/// Ones'-complement sum of `bytes` as big-endian 16-bit words (the last one padded with zero), not
/// folded and not complemented (RFC 1071).
#[must_use]
pub fn sum_bytes(bytes: &[u8]) -> u64 {
    let mut pairs = bytes.chunks_exact(2);
    let mut sum: u64 = pairs.by_ref().map(|p| u64::from(u16::from_be_bytes([p[0], p[1]]))).sum();
    if let [last] = pairs.remainder() {
        sum += u64::from(*last) << 8;
    }
    sum
}

/// Folds a sum of 16-bit words into 16 bits (RFC 1071); the checksum is its complement.
#[must_use]
pub const fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Length of the pattern that stream contents are cut from. Even, so that the parity of a position
/// survives the wrap, which the checksum's 16-bit words need.
const PERIOD: u64 = 1 << 18;

struct Pattern {
    bytes: Box<[u8]>,
    /// `sums[i]`: sums of the bytes before `i` at even and at odd positions.
    sums: Box<[[u32; 2]]>,
}

fn pattern() -> &'static Pattern {
    static PATTERN: OnceLock<Pattern> = OnceLock::new();
    PATTERN.get_or_init(|| {
        let mut x: u64 = 0x0030_0030_0030_0030;
        let bytes: Box<[u8]> = (0..PERIOD)
            .map(|_| {
                // xorshift64: bytes without structure, so that a shifted or mixed stream shows.
                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                (x >> 56) as u8
            })
            .collect();
        let mut sum = [0u32; 2];
        let mut sums = Vec::with_capacity(PERIOD as usize + 1);
        sums.push(sum);
        for (i, &byte) in bytes.iter().enumerate() {
            sum[i & 1] += u32::from(byte);
            sums.push(sum);
        }
        Pattern { bytes, sums: sums.into() }
    })
}

/// Where a stream's content begins in the pattern: even, and different for every stream.
fn start(stream: StreamId, offset: u64) -> u64 {
    offset.wrapping_add(u64::from(stream.0).wrapping_mul(0x9e36))
}

/// The byte that `stream` holds at `offset`.
#[must_use]
pub fn content_byte(stream: StreamId, offset: u64) -> u8 {
    pattern().bytes[(start(stream, offset) % PERIOD) as usize]
}

/// Fills `out` with the content of `stream` from `offset` on.
pub fn fill_content(stream: StreamId, offset: u64, out: &mut [u8]) {
    let bytes = &pattern().bytes;
    let mut at = (start(stream, offset) % PERIOD) as usize;
    let mut rest = out;
    while !rest.is_empty() {
        let n = rest.len().min(bytes.len() - at);
        let (head, tail) = rest.split_at_mut(n);
        head.copy_from_slice(&bytes[at..at + n]);
        rest = tail;
        at = 0;
    }
}

/// The unfolded ones'-complement sum of `len` bytes of `stream` from `offset` on, in constant time.
#[must_use]
pub fn content_sum(stream: StreamId, offset: u64, len: u32) -> u64 {
    let pattern = pattern();
    let from = start(stream, offset);
    let (whole, from) = (u64::from(len) / PERIOD, (from % PERIOD) as usize);
    let to = from + (u64::from(len) % PERIOD) as usize;
    let total = pattern.sums[PERIOD as usize];
    let sum_of = |parity: usize| -> u64 {
        let before = |i: usize| u64::from(pattern.sums[i][parity]);
        let part = if to <= PERIOD as usize {
            before(to) - before(from)
        } else {
            u64::from(total[parity]) - before(from) + before(to - PERIOD as usize)
        };
        part + whole * u64::from(total[parity])
    };
    // The first byte of the range is the high byte of its word, whatever its position in the stream.
    let high = from & 1;
    (sum_of(high) << 8) + sum_of(1 - high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn described_sum_equals_the_sum_of_the_bytes(stream in 0u32..9, offset in 0u64..600_000, len in 0u32..70_000) {
            let p = Payload::described(StreamId(stream), offset, len);
            prop_assert_eq!(fold(p.sum()), fold(sum_bytes(&p.to_vec())));
        }

        #[test]
        fn a_part_is_the_part_of_the_bytes(offset in 0u64..300_000, a in 0u32..500, b in 0u32..500) {
            let whole = Payload::described(StreamId(3), offset, 1000);
            let bytes = whole.to_vec();
            prop_assert_eq!(whole.slice(a, b).to_vec(), &bytes[a as usize..(a + b) as usize]);
        }
    }

    #[test]
    fn a_changed_byte_no_longer_matches() {
        let mut p = Payload::described(StreamId(1), 77, 100);
        assert!(p.matches(StreamId(1), 77));
        p.make_literal();
        assert!(p.matches(StreamId(1), 77));
        assert!(!p.matches(StreamId(1), 78));
        p.make_literal()[99] ^= 1;
        assert!(!p.matches(StreamId(1), 77));
    }
}
