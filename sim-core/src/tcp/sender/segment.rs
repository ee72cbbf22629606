//! A segment in flight and what is known of it.

use crate::time::SimTime;

/// A segment in flight.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Offset of its first byte in the subflow's stream.
    pub start: u64,
    /// Data-level offset of its first byte.
    pub data: u64,
    /// Bytes of payload.
    pub len: u32,
    /// The FIN follows the payload.
    pub fin: bool,
    pub(super) state: u8,
    pub(super) transmissions: u8,
    pub(super) sent_at: SimTime,
    pub(super) first_sent_at: SimTime,
    pub(super) delivered: u64,
    pub(super) delivered_at: SimTime,
    pub(super) app_limited: bool,
}

pub(super) const SACKED: u8 = 1;
pub(super) const LOST: u8 = 2;
pub(super) const RETRANSMITTED: u8 = 4;

impl Segment {
    /// Offset after its last byte, FIN counted.
    #[must_use]
    #[inline]
    pub const fn end(&self) -> u64 {
        self.start + self.len as u64 + self.fin as u64
    }

    /// True when the segment was sent more than once.
    #[must_use]
    pub const fn was_retransmitted(&self) -> bool {
        self.transmissions > 1
    }
}
