//! A first-in-first-out queue whose room is a power of two, so that a place is found by masking a count,
//! and a free place says so itself: neither end needs to be compared with the other.

/// A queue. Its items are numbered from 0 in the order in which they came.
#[derive(Debug)]
pub(super) struct Ring<T> {
    /// None, or a power of two; `None` in each that is free.
    slots: Box<[Option<T>]>,
    /// Number of the first item.
    first: u64,
    /// Number of the next item to come.
    end: u64,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { slots: Box::default(), first: 0, end: 0 }
    }
}

impl<T> Ring<T> {
    /// Room at first, as much as a standard vector takes for items of this size.
    const LEAST: usize = 4;

    #[inline]
    fn place(&self, number: u64) -> usize {
        number as usize & self.slots.len().wrapping_sub(1)
    }

    /// Number of the first item, or of the next to come where there is none.
    #[inline]
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Number of the next item to come.
    #[inline]
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The oldest item.
    #[inline]
    pub(super) fn front(&self) -> Option<&T> {
        self.slots.get(self.place(self.first))?.as_ref()
    }

    /// The newest item.
    #[inline]
    pub(super) fn back(&self) -> Option<&T> {
        self.slots.get(self.place(self.end.wrapping_sub(1)))?.as_ref()
    }

    /// The item of this number, while it is there.
    #[inline]
    pub(super) fn get(&self, number: u64) -> Option<&T> {
        let is_there = (self.first..self.end).contains(&number);
        self.slots.get(self.place(number)).filter(|_| is_there)?.as_ref()
    }

    /// All items, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        (self.first..self.end).filter_map(|number| self.get(number))
    }

    /// Appends an item.
    #[inline(always)] // once for each hop
    pub(super) fn push_back(&mut self, item: T) {
        let place = self.place(self.end);
        match self.slots.get_mut(place) {
            Some(slot @ None) => {
                *slot = Some(item);
                self.end += 1;
            }
            _ => self.push_into_more_room(item),
        }
    }

    #[cold]
    #[inline(never)]
    fn push_into_more_room(&mut self, item: T) {
        let room = (2 * self.slots.len()).max(Self::LEAST);
        let mut slots: Box<[Option<T>]> = (0..room).map(|_| None).collect();
        for number in self.first..self.end {
            let place = self.place(number);
            slots[number as usize & (room - 1)] = self.slots[place].take();
        }
        self.slots = slots;
        self.push_back(item);
    }

    /// Takes the oldest item.
    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<T> {
        let place = self.place(self.first);
        let item = self.slots.get_mut(place)?.take()?;
        self.first += 1;
        Some(item)
    }

    /// Moves the newest item before those that it `precedes`, as far as they follow each other.
    pub(super) fn bring_forward(&mut self, precedes: impl Fn(&T) -> bool) {
        for number in (self.first + 1..self.end).rev() {
            if !self.get(number - 1).is_some_and(&precedes) {
                return;
            }
            let (place, before) = (self.place(number), self.place(number - 1));
            self.slots.swap(place, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As the standard library's queue, whatever comes, goes and overtakes, with every place used.
        #[test]
        fn agrees_with_a_standard_queue(steps in proptest::collection::vec((0u8..5, 0u32..1000), 0..300)) {
            let mut ring = Ring::default();
            let mut expected: VecDeque<Box<u32>> = VecDeque::new();
            let mut gone = 0;
            for (step, value) in steps {
                match step {
                    0..=2 => {
                        ring.push_back(Box::new(value));
                        expected.push_back(Box::new(value));
                    }
                    3 => {
                        gone += u64::from(!expected.is_empty());
                        prop_assert_eq!(ring.pop_front(), expected.pop_front());
                    }
                    _ => {
                        ring.push_back(Box::new(value));
                        ring.bring_forward(|other| **other > value);
                        let tail = expected.iter().rev().take_while(|other| ***other > value).count();
                        expected.insert(expected.len() - tail, Box::new(value));
                    }
                }
                prop_assert_eq!(ring.first(), gone);
                prop_assert_eq!(ring.end(), gone + expected.len() as u64);
                prop_assert_eq!(ring.front(), expected.front());
                prop_assert_eq!(ring.back(), expected.back());
                prop_assert!(ring.iter().eq(expected.iter()));
                for number in gone.saturating_sub(2)..ring.end() + 2 {
                    let at = number.checked_sub(gone).and_then(|at| expected.get(at as usize));
                    prop_assert_eq!(ring.get(number), at);
                }
            }
        }
    }
}
