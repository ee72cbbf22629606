//! The event queue: a total order of time, then of scheduling. Time never goes back.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::SimTime;

/// What an event is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The packet at the head of this link's flight arrives.
    Link(u32),
    /// This endpoint's timer.
    Endpoint(u32),
    /// This node's timer (a device).
    Node(u32),
    /// This entry of the script.
    Script(u32),
}

const INDEX_BITS: u32 = 26;
const SEQUENCE_BITS: u32 = 36;

/// Events in order. An entry is one integer: time (64 bits), sequence (36), kind (2), index (26), so
/// that comparing is one instruction pair and ties go by the order of scheduling.
#[derive(Debug, Default)]
pub struct EventQueue {
    heap: BinaryHeap<Reverse<u128>>,
    sequence: u64,
    now: SimTime,
}

impl EventQueue {
    /// Schedules an event.
    ///
    /// # Panics
    /// When `at` lies before the time of the last event popped: time would go back.
    #[inline]
    pub fn push(&mut self, at: SimTime, target: Target) {
        assert!(at >= self.now, "an event may not be scheduled in the past");
        let (kind, index) = match target {
            Target::Link(i) => (0, i),
            Target::Endpoint(i) => (1, i),
            Target::Node(i) => (2, i),
            Target::Script(i) => (3, i),
        };
        debug_assert!(index < 1 << INDEX_BITS, "at most 67 million of a kind");
        self.sequence += 1;
        let low = (self.sequence & ((1 << SEQUENCE_BITS) - 1)) << (INDEX_BITS + 2);
        let low = low | (kind << INDEX_BITS) | u64::from(index);
        self.heap.push(Reverse((u128::from(at.0) << 64) | u128::from(low)));
    }

    /// The next event.
    #[inline]
    pub fn pop(&mut self) -> Option<(SimTime, Target)> {
        let Reverse(key) = self.heap.pop()?;
        self.now = SimTime((key >> 64) as u64);
        let index = key as u32 & ((1 << INDEX_BITS) - 1);
        let target = match (key as u32 >> INDEX_BITS) & 3 {
            0 => Target::Link(index),
            1 => Target::Endpoint(index),
            2 => Target::Node(index),
            _ => Target::Script(index),
        };
        Some((self.now, target))
    }

    /// When the next event is.
    #[must_use]
    pub fn next_at(&self) -> Option<SimTime> {
        self.heap.peek().map(|Reverse(key)| SimTime((key >> 64) as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_by_the_order_of_scheduling() {
        let mut q = EventQueue::default();
        q.push(SimTime(5), Target::Node(1));
        q.push(SimTime(5), Target::Link(7));
        q.push(SimTime(3), Target::Script(2));
        q.push(SimTime(5), Target::Endpoint(0));
        let order: Vec<_> = std::iter::from_fn(|| q.pop()).collect();
        assert_eq!(
            order,
            [
                (SimTime(3), Target::Script(2)),
                (SimTime(5), Target::Node(1)),
                (SimTime(5), Target::Link(7)),
                (SimTime(5), Target::Endpoint(0)),
            ]
        );
    }

    #[test]
    #[should_panic(expected = "in the past")]
    fn time_never_goes_back() {
        let mut q = EventQueue::default();
        q.push(SimTime(5), Target::Node(1));
        q.pop();
        q.push(SimTime(4), Target::Node(1));
    }
}
