//! The event queue: a total order of time, then of scheduling. Time never goes back.
//!
//! The few next events are a sorted list, the others wait in a hierarchical timing wheel (Varghese and
//! Lauck, 1987) of one nanosecond. A small world never leaves the list; in a large one an event costs the
//! same however many are pending.

use std::cell::Cell;

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
/// Most events in the sorted list: a new one is looked for from the earliest on.
const NEAR: usize = 32;
/// The list is filled up when fewer wait in it: so many next events are known beforehand, where there are
/// as many.
const KNOWN: usize = 12;

/// An event as one integer: time (64 bits), sequence (36), kind (2), index (26), so that comparing is one
/// instruction pair and ties go by the order of scheduling.
type Key = u128;

const fn time_of(key: Key) -> u64 {
    (key >> 64) as u64
}

#[inline]
const fn target_of(key: Key) -> Target {
    let index = key as u32 & ((1 << INDEX_BITS) - 1);
    match (key as u32 >> INDEX_BITS) & 3 {
        0 => Target::Link(index),
        1 => Target::Endpoint(index),
        2 => Target::Node(index),
        _ => Target::Script(index),
    }
}

/// Events in order.
#[derive(Debug, Default)]
pub struct EventQueue {
    /// The next events, the very next one last; none in `far` is earlier than any of them.
    near: Vec<Key>,
    far: Wheel,
    /// Sequence of the last event scheduled, where it stands in a key.
    sequence: u64,
    now: SimTime,
}

impl EventQueue {
    /// Schedules an event.
    ///
    /// # Panics
    /// When `at` lies before the time of the last event popped: time would go back.
    #[inline(always)] // once for each event
    pub fn push(&mut self, at: SimTime, target: Target) {
        assert!(at >= self.now, "an event may not be scheduled in the past");
        let (kind, index) = match target {
            Target::Link(i) => (0, i),
            Target::Endpoint(i) => (1, i),
            Target::Node(i) => (2, i),
            Target::Script(i) => (3, i),
        };
        debug_assert!(index < 1 << INDEX_BITS, "at most 67 million of a kind");
        self.sequence = self.sequence.wrapping_add(1 << (u64::BITS - SEQUENCE_BITS));
        let low = self.sequence | (kind << INDEX_BITS) | u64::from(index);
        let key = (Key::from(at.0) << 64) | Key::from(low);
        if self.far.is_empty() && self.near.len() < NEAR {
            self.insert(key);
        } else {
            self.push_among_many(key);
        }
    }

    #[inline(never)]
    fn push_among_many(&mut self, key: Key) {
        if self.far.is_empty() || self.near.first().is_some_and(|&latest| key < latest) {
            self.insert(key);
            // The wheel takes nothing before its base, which may be ahead of a push made after a look.
            if self.near.len() > NEAR && time_of(self.near[0]) >= self.far.base {
                self.far.put(self.near.remove(0));
            }
        } else {
            self.far.put(key);
        }
    }

    /// The next event.
    #[inline]
    pub fn pop(&mut self) -> Option<(SimTime, Target)> {
        self.pop_by(SimTime::NEVER)
    }

    /// The next event, if it is not later than `limit`.
    #[inline]
    pub fn pop_by(&mut self, limit: SimTime) -> Option<(SimTime, Target)> {
        if !self.far.is_empty() && self.near.len() < KNOWN {
            self.refill();
        }
        let key = *self.near.last()?;
        if time_of(key) > limit.0 {
            return None;
        }
        self.near.pop();
        self.now = SimTime(time_of(key));
        Some((self.now, target_of(key)))
    }

    /// When the next event is.
    #[must_use]
    #[inline]
    pub fn next_at(&mut self) -> Option<SimTime> {
        if self.near.is_empty() {
            self.refill();
        }
        self.near.last().map(|&key| SimTime(time_of(key)))
    }

    /// What comes `after` so many other events, as far as it is known and nothing is scheduled before it.
    #[must_use]
    #[inline]
    pub fn upcoming(&self, after: usize) -> Option<Target> {
        let at = self.near.len().checked_sub(after + 1)?;
        self.near.get(at).map(|&key| target_of(key))
    }

    /// True when the event after nine others is known: the world is large.
    #[inline]
    pub fn is_deep(&self) -> bool {
        self.near.len() > 9
    }

    /// Puts a key into the list, in order.
    #[inline(always)] // once for each event
    fn insert(&mut self, key: Key) {
        self.near.push(key);
        let places = Cell::from_mut(self.near.as_mut_slice()).as_slice_of_cells();
        let Some(mut free) = places.last() else { return };
        for pair in places.windows(2).rev() {
            let later = pair[0].get();
            if later >= key {
                break;
            }
            pair[1].set(later);
            free = &pair[0];
        }
        free.set(key);
    }

    /// Fills the list from the wheel, slot by slot. A slot that is too large is spread over finer ones,
    /// which moves the wheel's base: only when the list is empty, so that nothing is put before the base.
    #[inline(never)]
    fn refill(&mut self) {
        while let Some(slot) = self.far.first_slot() {
            let count = self.far.len_of(slot);
            if self.near.is_empty() && count > NEAR && slot.level > 0 {
                self.far.spread(slot);
                continue;
            }
            if !self.near.is_empty() && (self.near.len() >= KNOWN || count > NEAR - KNOWN) {
                return;
            }
            let mut keys = self.far.take(slot);
            // Later than all that wait.
            keys.sort_unstable_by(|a, b| b.cmp(a));
            self.near.splice(..0, keys.drain(..));
            self.far.give_back(slot, keys);
        }
    }
}

/// Bits of the time that one level of the wheel tells apart.
const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;
/// Levels for all 64 bits.
const LEVELS: usize = u64::BITS.div_ceil(LEVEL_BITS) as usize;

/// A hierarchical timing wheel: level `l` has 64 slots of 64^l ns. An event is kept at the level of the
/// highest bit in which its time differs from the base.
#[derive(Debug, Default)]
struct Wheel {
    /// None before the first event: a small world never needs them.
    slots: Vec<Vec<Key>>,
    /// Which slots of each level hold something, and which levels do.
    occupied: [u64; LEVELS],
    levels: u32,
    /// No event in the wheel is earlier.
    base: u64,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    level: usize,
    index: usize,
}

impl Wheel {
    #[inline]
    const fn is_empty(&self) -> bool {
        self.levels == 0
    }

    #[inline]
    fn put(&mut self, key: Key) {
        if self.slots.is_empty() {
            self.slots.resize_with(LEVELS * SLOTS, Vec::new);
        }
        let time = time_of(key);
        let level = ((time ^ self.base) | 1).ilog2() / LEVEL_BITS;
        let index = (time >> (LEVEL_BITS * level)) as usize % SLOTS;
        let level = level as usize;
        self.slots[level * SLOTS + index].push(key);
        self.occupied[level] |= 1 << index;
        self.levels |= 1 << level;
    }

    /// The slot with the earliest events.
    #[inline]
    fn first_slot(&self) -> Option<Slot> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        Some(Slot { level, index: self.occupied[level].trailing_zeros() as usize })
    }

    /// How many events are in a slot.
    #[inline]
    fn len_of(&self, Slot { level, index }: Slot) -> usize {
        self.slots[level * SLOTS + index].len()
    }

    /// Empties the first slot. Its room is to be given back.
    #[inline]
    fn take(&mut self, Slot { level, index }: Slot) -> Vec<Key> {
        self.occupied[level] &= !(1 << index);
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
        std::mem::take(&mut self.slots[level * SLOTS + index])
    }

    /// Makes the beginning of the first slot the new base: its events move to finer slots.
    fn spread(&mut self, slot: Slot) {
        let mut keys = self.take(slot);
        if let Some(&key) = keys.first() {
            let shift = LEVEL_BITS * slot.level as u32;
            self.base = time_of(key) >> shift << shift;
        }
        for key in keys.drain(..) {
            self.put(key);
        }
        self.give_back(slot, keys);
    }

    #[inline]
    fn give_back(&mut self, Slot { level, index }: Slot, mut room: Vec<Key>) {
        room.clear();
        self.slots[level * SLOTS + index] = room;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

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

    proptest! {
        /// However far apart, whatever is scheduled meanwhile: what comes out is in order.
        #[test]
        fn events_come_out_in_order(
            first in proptest::collection::vec((0u64..1 << 40, 0u32..6), 1..200),
            later in proptest::collection::vec((0u64..1 << 30, 0u32..6), 0..400),
        ) {
            let mut q = EventQueue::default();
            let mut expected = BTreeSet::new();
            let mut later = later.into_iter();
            let mut index = 0;
            let mut push = |q: &mut EventQueue, expected: &mut BTreeSet<_>, at: u64| {
                q.push(SimTime(at), Target::Link(index));
                expected.insert((at, index));
                index += 1;
            };
            for (at, coarse) in first {
                push(&mut q, &mut expected, at >> (6 * coarse) << (6 * coarse));
            }
            while let Some((now, target)) = q.pop() {
                let Some((at, index)) = expected.pop_first() else { panic!("one too many") };
                prop_assert_eq!((now, target), (SimTime(at), Target::Link(index)));
                for (after, coarse) in later.by_ref().take(2) {
                    push(&mut q, &mut expected, at + (after >> (6 * coarse)));
                }
            }
            prop_assert!(expected.is_empty());
        }
    }

    proptest! {
        /// What is known to come is what comes, and looking changes nothing: not even what may still be
        /// scheduled before it.
        #[test]
        fn what_is_known_to_come_comes(
            first in proptest::collection::vec(0u64..1 << 24, 50..300),
            sooner in proptest::collection::vec(0u64..1 << 10, 0..100),
        ) {
            let mut q = EventQueue::default();
            (0..).zip(&first).for_each(|(i, &at)| q.push(SimTime((1 << 20) + at), Target::Link(i)));
            let _ = q.next_at();
            (0..).zip(&sooner).for_each(|(i, &at)| q.push(SimTime(at), Target::Endpoint(i)));
            let mut popped = Vec::new();
            let mut known = Vec::new();
            while let Some(event) = q.pop() {
                known.push((0..).map_while(|after| q.upcoming(after)).collect::<Vec<_>>());
                popped.push(event);
            }
            prop_assert_eq!(popped.len(), first.len() + sooner.len());
            prop_assert!(popped.windows(2).all(|w| w[0].0 <= w[1].0));
            for (at, known) in known.iter().enumerate() {
                prop_assert!(known.iter().eq(popped[at + 1..].iter().map(|e| &e.1).take(known.len())));
            }
            prop_assert!(known.iter().any(|known| known.len() + 1 >= KNOWN));
        }
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
