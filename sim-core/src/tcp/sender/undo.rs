//! Taking a reduction back that was made for nothing: the retransmissions were all duplicates (D-SACK,
//! RFC 3708), or an acknowledgement answers what was sent before them (Eifel, RFC 3522). Linux's
//! `tcp_may_undo` and `tcp_undo_cwnd_reduction`.

use super::Sender;
use super::segment::{LOST, RETRANSMITTED};
use crate::time::SimTime;

/// What was taken back, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// A whole fast recovery.
    Recovery,
    /// A fast recovery that an acknowledgement of part of the data showed to be wrong.
    Partly,
    /// A fast recovery whose retransmissions were all reported as duplicates.
    Duplicates,
    /// The slow start after a timeout.
    Loss,
    /// The slow start after a timeout that F-RTO found to be spurious.
    Timeout,
}

/// What it takes to undo the reduction in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Undo {
    /// First unacknowledged offset when the reduction was made.
    before: Option<u64>,
    /// Segments sent again since, less those reported as duplicates; `None` before the first.
    unexplained: Option<u32>,
    /// When the first of them was, in milliseconds of the clock.
    first_ms: Option<u64>,
}

impl Undo {
    /// A reduction is about to be made.
    pub(super) fn begin(&mut self, una: u64) {
        *self = Self { before: Some(una), ..Self::default() };
    }

    /// Nothing is left to take back.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// True when there is nothing to take back: duplicates that are reported change nothing.
    #[inline]
    pub(super) const fn is_over(&self) -> bool {
        self.before.is_none()
    }

    /// A segment goes out again.
    pub(super) fn note_retransmission(&mut self, now: SimTime) {
        if self.before.is_some() {
            self.unexplained = Some(self.unexplained.unwrap_or(0) + 1);
            self.first_ms.get_or_insert(now.as_nanos() / 1_000_000);
        }
    }

    /// The peer reports `segments` up to offset `end` as duplicates.
    pub(super) fn note_duplicates(&mut self, end: u64, segments: u32) {
        if self.before.is_some_and(|una| end > una) {
            self.unexplained = self.unexplained.map(|count| count.saturating_sub(segments));
        }
    }

    /// Every retransmission was a duplicate.
    pub(super) fn is_all_duplicate(&self) -> bool {
        self.before.is_some() && self.unexplained == Some(0)
    }

    /// The acknowledgement answers a segment sent before the first retransmission
    /// (`tcp_packet_delayed`).
    pub(super) fn is_answered_too_soon(&self, echoed_ms: Option<u64>) -> bool {
        let sent_before = |first| echoed_ms.is_some_and(|echoed| echoed < first);
        self.before.is_some() && self.first_ms.is_some_and(sent_before)
    }

    /// Either of both.
    pub(super) fn is_due(&self, echoed_ms: Option<u64>) -> bool {
        self.is_all_duplicate() || self.is_answered_too_soon(echoed_ms)
    }
}

impl Sender {
    /// Gives the window back, and takes nothing in flight for lost any more.
    pub(super) fn take_back(&mut self) {
        if !self.undo.is_over() && self.congestion.uses_prr() {
            self.congestion.undo();
        }
        for segment in &mut self.segments {
            segment.state &= !(LOST | RETRANSMITTED);
        }
        (self.lost, self.retransmitted) = (0, 0);
    }
}
