//! The DSS checksum (RFC 8684 §3.3.1): the Internet checksum over a pseudo header of data sequence
//! number, subflow sequence number and length, and the whole payload that a mapping covers.

use super::payload::{Payload, fold};

/// The checksum of a mapping: its 64-bit data sequence number (also where 32 bits are sent), its
/// relative subflow sequence number, its data-level length (DATA_FIN counted) and the sum of its
/// payload (DATA_FIN not counted) as [`MappingSum::sum`] or [`Payload::sum`] give it.
#[must_use]
pub fn dss_checksum(dsn: u64, ssn: u32, len: u16, payload_sum: u64) -> u16 {
    !fold(pseudo_header_sum(dsn, ssn, len) + u64::from(fold(payload_sum)))
}

/// True when a received checksum is that of the mapping. Zero has two forms in ones' complement, and
/// both are accepted.
#[must_use]
pub fn dss_checksum_matches(dsn: u64, ssn: u32, len: u16, payload_sum: u64, checksum: u16) -> bool {
    let sum = pseudo_header_sum(dsn, ssn, len) + u64::from(fold(payload_sum));
    fold(sum + u64::from(checksum)) == 0xffff
}

fn pseudo_header_sum(dsn: u64, ssn: u32, len: u16) -> u64 {
    // Words of 32 bits fold to the same 16 bits as their halves do.
    (dsn >> 32) + (dsn & 0xffff_ffff) + u64::from(ssn) + u64::from(len)
}

/// The sum of a mapping's payload that comes in pieces, in order. A piece that begins at an odd
/// offset of the mapping has its bytes in the other halves of the words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MappingSum {
    sum: u64,
    len: u64,
}

impl MappingSum {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { sum: 0, len: 0 }
    }

    /// Adds the next piece. Costs no pass over a described payload.
    pub fn add(&mut self, piece: &Payload) {
        let sum = fold(piece.sum());
        self.sum += u64::from(if self.len.is_multiple_of(2) { sum } else { sum.swap_bytes() });
        self.len += u64::from(piece.len);
    }

    /// The bytes added so far.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// True when no byte has been added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The sum, for [`dss_checksum`]; not folded, not complemented.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::payload::{StreamId, sum_bytes};
    use proptest::prelude::*;

    /// RFC 1071 over the pseudo header and the payload as bytes.
    fn by_the_book(dsn: u64, ssn: u32, len: u16, payload: &[u8]) -> u16 {
        let mut bytes = Vec::new();
        bytes.extend(dsn.to_be_bytes());
        bytes.extend(ssn.to_be_bytes());
        bytes.extend(len.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(payload);
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn known_checksums() {
        let table: [(u64, u32, u16, &[u8], u16); 3] = [
            (0xcddc_e031_28bc_bf3b, 1, 5, b"hello", 0x2621),
            (0xcddc_e031_28bc_bf40, 0, 1, b"", 0x69f3),
            (1, 1, 1000, &[0; 1000], 0xfc15),
        ];
        for (dsn, ssn, len, payload, expected) in table {
            assert_eq!(dss_checksum(dsn, ssn, len, sum_bytes(payload)), expected);
            assert!(dss_checksum_matches(dsn, ssn, len, sum_bytes(payload), expected));
            assert!(!dss_checksum_matches(dsn, ssn, len, sum_bytes(payload), expected ^ 4));
            assert_eq!(by_the_book(dsn, ssn, len, payload), expected);
        }
    }

    proptest! {
        #[test]
        fn pieces_of_any_length_sum_to_the_whole(
            dsn in any::<u64>(),
            ssn in any::<u32>(),
            offset in 0u64..200_000,
            lens in proptest::collection::vec(0u32..3000, 0..12),
        ) {
            let mut sum = MappingSum::new();
            let mut at = 0;
            for len in lens {
                sum.add(&Payload::described(StreamId(2), offset + u64::from(at), len));
                at += len;
            }
            let whole = Payload::described(StreamId(2), offset, at);
            let checksum = dss_checksum(dsn, ssn, at as u16, sum.sum());
            prop_assert_eq!(sum.len(), u64::from(at));
            prop_assert_eq!(checksum, dss_checksum(dsn, ssn, at as u16, whole.sum()));
            prop_assert_eq!(checksum, by_the_book(dsn, ssn, at as u16, &whole.to_vec()));
        }
    }
}
