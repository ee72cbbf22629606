//! One subflow's TCP: sender, receiver, RTT estimation, congestion control.
//!
//! Positions in a direction's byte stream are `u64` offsets from the initial sequence number (the
//! SYN is at 0, the first byte of data at 1), so that nothing inside wraps; [`offset_of`] and
//! [`seq_of`] translate at the border.

pub mod congestion;
pub(crate) mod jiffies;
pub mod receiver;
pub mod rtt;
pub mod sender;

use crate::wire::seq::Seq;

/// The offset nearest to `near` that the sequence number stands for; `None` when that lies before
/// the initial sequence number.
#[must_use]
#[inline]
pub fn offset_of(seq: Seq, initial: Seq, near: u64) -> Option<u64> {
    let distance = seq.distance(seq_of(initial, near));
    near.checked_add_signed(i64::from(distance))
}

/// The sequence number of an offset.
#[must_use]
#[inline]
pub const fn seq_of(initial: Seq, offset: u64) -> Seq {
    initial.add(offset as u32)
}
