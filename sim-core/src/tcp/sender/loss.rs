//! What is lost: RACK (RFC 8985) with SACK, NewReno's duplicate ACKs (RFC 6582) without.

use super::rate::RateSample;
use super::segment::{LOST, RETRANSMITTED, SACKED, Segment};
use super::timer::TimerKind;
use super::{Phase, Sender};
use crate::time::{SimDuration, SimTime};

/// Duplicate acknowledgements, or segments SACKed above, that prove a loss (RFC 5681, RFC 8985).
const DUP_THRESHOLD: u32 = 3;

impl Sender {
    /// RFC 8985 §6.2 step 2: the most recently sent segment that was delivered.
    #[inline(always)] // once for each acknowledgement
    pub(super) fn note_rack(&mut self, segment: &Segment, now: SimTime) {
        let rtt = now.since(segment.sent_at);
        if segment.transmissions > 1 && rtt < self.rtt.min() {
            return; // the acknowledgement is for an earlier transmission
        }
        if (segment.sent_at, segment.end()) > (self.rack_sent_at, self.rack_end) {
            self.rack_sent_at = segment.sent_at;
            self.rack_end = segment.end();
            self.rack_rtt = rtt;
        }
    }

    pub(super) fn apply_sack(
        &mut self,
        now: SimTime,
        start: u64,
        end: u64,
        sample: &mut RateSample,
        rtt: &mut Option<SimDuration>,
        newest_rtt: &mut Option<SimDuration>,
    ) {
        let mut i = self.segments.partition_point(|s| s.start < start);
        while let Some(segment) = self.segments.get(i) {
            if segment.end() > end {
                break;
            }
            if segment.state & SACKED == 0 {
                let segment = segment.clone();
                self.count_delivered(&segment, now, sample);
                if segment.transmissions == 1 {
                    let measured = now.since(segment.sent_at);
                    rtt.get_or_insert(measured);
                    *newest_rtt = Some(measured);
                    if segment.end() < self.highest_sacked {
                        self.reordering_seen = true;
                    }
                }
                self.highest_sacked = self.highest_sacked.max(segment.end());
                self.forget_marks(segment.state);
                self.sacked += 1;
                self.segments[i].state = SACKED;
            }
            i += 1;
        }
    }

    /// Without SACK, a duplicate acknowledgement says that some segment arrived, though not which (Linux's
    /// `tcp_add_reno_sack`).
    pub(super) fn count_duplicate(&mut self) {
        self.duplicate_acks += 1;
        if self.sacked < self.most_duplicates() {
            self.sacked += 1;
            self.delivered += 1;
        }
    }

    /// Without SACK, an acknowledgement of `acked` segments: one of them filled the hole, the others were
    /// counted when they arrived (`tcp_remove_reno_sacks`).
    pub(super) fn forget_duplicates(&mut self, acked: u32) {
        let known = self.sacked.min(acked.saturating_sub(1));
        self.delivered -= u64::from(known);
        self.sacked = (self.sacked - known).min(self.most_duplicates());
    }

    /// At least one segment in flight has not arrived (`tcp_limit_reno_sacked`).
    fn most_duplicates(&self) -> u32 {
        (self.segments.len() as u32).saturating_sub(self.lost.max(1))
    }

    /// RFC 8985 §6.2 step 5 with SACK, RFC 6582 without.
    pub(super) fn detect_losses(&mut self, now: SimTime) {
        if !self.sack {
            if self.duplicate_acks >= DUP_THRESHOLD && self.phase == Phase::Open {
                self.mark_lost(0);
            }
            return;
        }
        if self.sacked == 0 && self.lost == 0 && self.retransmitted == 0 {
            return;
        }
        let recovering = self.phase != Phase::Open;
        let window = if !self.reordering_seen && (recovering || self.sacked >= DUP_THRESHOLD) {
            SimDuration::ZERO
        } else {
            SimDuration(self.rtt.min().0 / 4).min(self.rtt.srtt())
        };
        let rack = (self.rack_sent_at, self.rack_end);
        let mut wait = None;
        for s in &mut self.segments {
            let waiting =
                s.state & SACKED == 0 && (s.state & LOST == 0 || s.state & RETRANSMITTED != 0);
            if !waiting {
                continue;
            }
            if rack <= (s.sent_at, s.end()) {
                if s.transmissions == 1 {
                    break; // all behind it were sent later still
                }
                continue;
            }
            let due = s.sent_at + self.rack_rtt + window;
            if due > now {
                wait = wait.max(Some(due));
            } else if s.state & RETRANSMITTED != 0 {
                s.state &= !RETRANSMITTED; // it is lost already
                self.retransmitted -= 1;
            } else {
                s.state |= LOST;
                self.lost += 1;
            }
        }
        if let Some(at) = wait {
            self.set_timer(now, at.since(now), TimerKind::Reordering);
        }
    }

    pub(super) fn mark_lost(&mut self, index: usize) {
        if let Some(segment) = self.segments.get_mut(index)
            && segment.state & (LOST | SACKED) == 0
        {
            segment.state |= LOST;
            self.lost += 1;
        }
    }
}
