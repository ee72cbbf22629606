//! Redundant: every subflow sends the whole stream from its own position; the peer drops what it has.

use super::super::endpoint::{Endpoint, Io};

/// How far each subflow has come.
#[derive(Debug, Default)]
pub(super) struct Redundant {
    /// Data-level offset after the last byte that each subflow has sent.
    positions: Vec<u64>,
}

impl Redundant {
    /// Subflow `index` has sent everything up to `end`.
    pub(super) fn on_sent(&mut self, index: usize, end: u64) {
        if self.positions.len() <= index {
            self.positions.resize(index + 1, 0);
        }
        self.positions[index] = end;
    }

    fn position(&self, index: usize) -> u64 {
        self.positions.get(index).copied().unwrap_or(0)
    }
}

impl Endpoint {
    /// Sends over every subflow what that subflow has not sent yet. False when the scheduler is
    /// another one, or there is only one subflow.
    pub(in crate::mptcp) fn push_redundantly(&mut self, io: &mut Io<'_>) -> bool {
        if self.scheduler.redundant.is_none() || self.is_plain() || self.subflows.len() == 1 {
            return false;
        }
        let subflows: Vec<usize> = self.usable().collect();
        let mut any = true;
        while std::mem::take(&mut any) {
            for &i in &subflows {
                any |= self.subflows[i].tx.has_room(io.now) && self.push_own_next(io, i);
            }
        }
        true
    }

    /// The next segment of subflow `i`: a copy of what others have sent, else new data.
    fn push_own_next(&mut self, io: &mut Io<'_>, i: usize) -> bool {
        let at = self.redundant_position(i);
        if at >= self.send.next {
            return self.new_data_room() > 0 && self.send_new(io, i);
        }
        let len = u64::from(self.segment_room(i)).min(self.send.next - at) as u32;
        if let Some(redundant) = &mut self.scheduler.redundant {
            redundant.on_sent(i, at + u64::from(len));
        }
        self.send_copy(io, i, at, len);
        true
    }

    /// Where subflow `i` goes on: what is acknowledged needs no copy.
    fn redundant_position(&self, i: usize) -> u64 {
        let sent = self.scheduler.redundant.as_ref().map_or(self.send.next, |r| r.position(i));
        sent.max(self.send.una)
    }

    /// True when subflow `i` has a copy to send.
    pub(in crate::mptcp) fn has_copies(&self, i: usize) -> bool {
        self.scheduler.redundant.is_some()
            && self.subflows.len() > 1
            && self.subflows[i].can_carry()
            && self.redundant_position(i) < self.send.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subflow_has_its_own_position() {
        let mut redundant = Redundant::default();
        for (index, end) in [(2, 1000), (0, 3000), (2, 2000)] {
            redundant.on_sent(index, end);
        }
        for (index, expect) in [(0, 3000), (1, 0), (2, 2000), (7, 0)] {
            assert_eq!(redundant.position(index), expect, "subflow {index}");
        }
    }
}
