//! Bytes that come without a mapping on a subflow that has had mappings (RFC 8684 §3.3.1): they wait,
//! for the mapping may be in a segment behind them. Those before the next mapping are left to the peer,
//! which sends them again at the data level. The `Linux6` profile never waits.

use super::counters::Counter;
use super::endpoint::{Endpoint, Io};
use crate::record::story::ResetCause;
use crate::tcp::receiver::Chunk;
use crate::wire::mptcp::{Mapping, ResetReason};

/// Bytes in a row without a mapping after which a subflow is given up (RFC 8684 §3.3.1 says a receive
/// window; this is the smallest that hosts begin with).
const LIMIT: u64 = 64 << 10;

/// What waits on one subflow for its mapping.
#[derive(Clone, Debug, Default)]
pub struct Unmapped {
    /// In order, without a gap at their end.
    chunks: Vec<Chunk>,
    /// Bytes in order that came without a mapping since the last mapped one.
    bytes: u64,
}

impl Unmapped {
    /// Mapped bytes came.
    #[inline]
    pub(super) const fn reset_count(&mut self) {
        self.bytes = 0;
    }
}

impl Endpoint {
    /// Keeps a chunk until its mapping comes.
    pub(super) fn await_mapping(&mut self, io: &mut Io<'_>, i: usize, chunk: Chunk) {
        let bytes = chunk.payload.len;
        self.subflows[i].unmapped.chunks.push(chunk);
        self.pass_over(io, i, bytes);
    }

    /// Counts bytes that no mapping covers. Too many of them, and the subflow is broken: false when it
    /// was reset.
    pub(super) fn pass_over(&mut self, io: &mut Io<'_>, i: usize, bytes: u32) -> bool {
        let unmapped = &mut self.subflows[i].unmapped;
        unmapped.bytes += u64::from(bytes);
        if unmapped.bytes <= LIMIT {
            return true;
        }
        self.counters.count(Counter::DssCorruptionReset);
        self.reset_subflow(io, i, ResetCause::NoMapping, Some(ResetReason::MIDDLEBOX));
        false
    }

    /// The chunks that waited for `mapping`, with it; those that lie before it are given up.
    pub(super) fn take_awaited(&mut self, i: usize, mapping: (Mapping, bool)) -> Vec<Chunk> {
        let mut chunks = std::mem::take(&mut self.subflows[i].unmapped.chunks);
        let is_covered = |chunk: &Chunk| {
            let to_start = mapping.0.ssn.wrapping_sub(chunk.start as u32) as i32;
            i64::from(to_start) < i64::from(chunk.payload.len)
        };
        chunks.retain(is_covered);
        for chunk in &mut chunks {
            chunk.mapping = Some(mapping);
        }
        chunks
    }

    /// True when something waits for a mapping on subflow `i`.
    #[inline]
    pub(super) fn awaits_mapping(&self, i: usize) -> bool {
        !self.subflows[i].unmapped.chunks.is_empty()
    }

    /// Delivers what waits: the connection has become plain TCP, and no mapping will come.
    pub(super) fn release_unmapped(&mut self, io: &mut Io<'_>, i: usize) {
        for chunk in std::mem::take(&mut self.subflows[i].unmapped.chunks) {
            let at = self.receive.next;
            self.deliver_at(io, i, at, chunk.payload);
        }
    }
}
