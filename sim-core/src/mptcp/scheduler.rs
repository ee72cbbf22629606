//! Which subflow sends next (PROTOCOL §8).

use super::config::SchedulerKind;
use super::endpoint::Endpoint;
use crate::time::SimTime;

/// What a scheduler remembers.
#[derive(Clone, Debug)]
pub(super) struct SchedulerState {
    /// Subflow that sent last (round robin).
    last: usize,
    kind: SchedulerKind,
}

impl SchedulerState {
    pub(super) const fn new(kind: SchedulerKind) -> Self {
        Self { last: usize::MAX, kind }
    }
}

impl Endpoint {
    /// The subflow for the next segment: of new data, or of `reinjected` data, which must not go over
    /// a subflow that has it in flight. Backup subflows serve only when no other is usable
    /// (RFC 8684 §3.3.8).
    pub(super) fn pick_subflow(
        &self,
        now: SimTime,
        reinjected: Option<(u64, u64)>,
    ) -> Option<usize> {
        if self.subflows.len() == 1 {
            let s = &self.subflows[0];
            return (s.can_carry()
                && s.tx.has_room(now)
                && reinjected.is_none_or(|r| !self.has_in_flight(0, r)))
            .then_some(0);
        }
        let healthy = |i: &usize| !self.subflows[*i].tx.in_loss() && !self.subflows[*i].stale;
        let usable: fn(&Endpoint, usize) -> bool = |e, i| e.subflows[i].can_carry();
        let any_healthy_regular = (0..self.subflows.len())
            .any(|i| usable(self, i) && !self.subflows[i].backup && healthy(&i));
        let any_healthy = (0..self.subflows.len()).any(|i| usable(self, i) && healthy(&i));
        let candidates = (0..self.subflows.len()).filter(|&i| {
            let s = &self.subflows[i];
            s.can_carry()
                && (!any_healthy || healthy(&i))
                && (!any_healthy_regular || !s.backup)
                && s.tx.has_room(now)
                && reinjected.is_none_or(|range| !self.has_in_flight(i, range))
        });
        match self.scheduler.kind {
            SchedulerKind::RoundRobin => {
                let last = self.scheduler.last;
                let count = self.subflows.len();
                candidates.min_by_key(|&i| (i + count - 1).wrapping_sub(last) % count)
            }
            _ => candidates.min_by_key(|&i| (self.subflows[i].tx.rtt.srtt(), i)),
        }
    }

    fn has_in_flight(&self, i: usize, range: (u64, u64)) -> bool {
        let in_flight = self.subflows[i].tx.outstanding();
        in_flight.iter().any(|s| s.data <= range.0 && range.0 < s.data + u64::from(s.len))
    }

    /// `len` bytes of new data went out over subflow `i`.
    #[inline]
    pub(super) fn note_sent(&mut self, i: usize, _len: u32) {
        self.scheduler.last = i;
    }
}
