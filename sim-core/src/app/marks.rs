//! What was written when, oldest first. A bulk writer writes whenever an acknowledgement makes room, so
//! that thousands of writes wait to be delivered; most follow each other at the same distance, and equal
//! steps are kept as one.

use std::collections::VecDeque;

use crate::time::{SimDuration, SimTime};

/// The end offset of a write and its time.
pub type Mark = (u64, SimTime);

/// Equal steps from one mark to the next.
#[derive(Clone, Copy, Debug)]
struct Steps {
    after: SimDuration,
    bytes: u32,
    times: u32,
}

/// What was written when.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// The oldest and the newest mark, unless there is none.
    ends: Option<(Mark, Mark)>,
    steps: VecDeque<Steps>,
}

impl Marks {
    /// The oldest mark.
    #[must_use]
    #[inline]
    pub fn front(&self) -> Option<Mark> {
        self.ends.map(|(front, _)| front)
    }

    /// Something was written up to `end` at `now`.
    #[inline(always)] // once for each acknowledgement that makes room
    pub fn push(&mut self, end: u64, now: SimTime) {
        if let Some((_, back)) = &mut self.ends
            && let Some(last) = self.steps.back_mut()
            && last.after == now.since(back.1)
            && u64::from(last.bytes) == end.saturating_sub(back.0)
            && last.times < u32::MAX
        {
            *back = (end, now);
            last.times += 1;
        } else {
            self.push_another_step(end, now);
        }
    }

    #[inline(never)]
    fn push_another_step(&mut self, end: u64, now: SimTime) {
        let Some((front, back)) = &mut self.ends else {
            self.ends = Some(((end, now), (end, now)));
            return;
        };
        let mut after = now.since(back.1);
        let mut bytes = end.saturating_sub(back.0);
        *back = (end, now);
        if after == SimDuration::ZERO && self.steps.is_empty() {
            *front = *back;
            return;
        }
        // A write of more than 4 GiB is several at the same time.
        while bytes > u64::from(u32::MAX) {
            self.steps.push_back(Steps { after, bytes: u32::MAX, times: 1 });
            bytes -= u64::from(u32::MAX);
            after = SimDuration::ZERO;
        }
        match self.steps.back_mut() {
            Some(last)
                if last.after == after
                    && u64::from(last.bytes) == bytes
                    && last.times < u32::MAX =>
            {
                last.times += 1;
            }
            _ => self.steps.push_back(Steps { after, bytes: bytes as u32, times: 1 }),
        }
    }

    /// Tells where the oldest steps stand in memory.
    #[inline]
    pub(crate) fn ask_for_front(&self, ask: impl Fn(*const u8)) {
        if let Some(steps) = self.steps.front() {
            ask((steps as *const Steps).cast());
        }
    }

    /// Tells where the newest steps stand in memory.
    #[inline]
    pub(crate) fn ask_for_back(&self, ask: impl Fn(*const u8)) {
        if let Some(steps) = self.steps.back() {
            ask((steps as *const Steps).cast());
        }
    }

    /// Forgets the oldest mark.
    #[inline]
    pub fn pop_front(&mut self) {
        let Some((front, _)) = &mut self.ends else { return };
        let Some(next) = self.steps.front_mut() else {
            self.ends = None;
            return;
        };
        front.0 += u64::from(next.bytes);
        front.1 += next.after;
        next.times -= 1;
        if next.times == 0 {
            self.steps.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn marks_come_out_as_they_went_in(
            writes in proptest::collection::vec((0u64..3, 1u64..4, proptest::option::of(0usize..3)), 0..200),
        ) {
            let mut marks = Marks::default();
            let mut expected: VecDeque<Mark> = VecDeque::new();
            let (mut end, mut now) = (0, SimTime::ZERO);
            for (after, bytes, pops) in writes {
                end += if bytes == 3 { 6 << 30 } else { bytes };
                now += SimDuration(after);
                marks.push(end, now);
                expected.push_back((end, now));
                for _ in 0..pops.unwrap_or(0) {
                    if let Some((oldest, at)) = expected.pop_front() {
                        prop_assert_eq!(marks.front().map(|m| m.1), Some(at));
                        // Marks of the same time may have become one, or more.
                        while marks.front().is_some_and(|m| m.0 <= oldest) {
                            marks.pop_front();
                        }
                    }
                }
            }
            while let Some((oldest, at)) = expected.pop_front() {
                if expected.front().is_none_or(|next| next.1 > at) {
                    let mut last = None;
                    while let Some(mark) = marks.front().filter(|m| m.0 <= oldest) {
                        last = Some(mark);
                        marks.pop_front();
                    }
                    prop_assert_eq!(last, Some((oldest, at)));
                }
            }
            prop_assert_eq!(marks.front(), None);
        }

        #[test]
        fn equal_steps_are_one(bytes in 1u64..10_000, after in 1u64..10_000) {
            let mut marks = Marks::default();
            (0..1000).for_each(|i| marks.push(i * bytes, SimTime(i * after)));
            prop_assert_eq!(marks.steps.len(), 1);
        }
    }
}
