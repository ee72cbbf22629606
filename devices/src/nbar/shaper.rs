//! A shaper with a queue for each class: the line behind it is never faster than the rate, so that
//! this is where packets wait and classes share.
//!
//! Classes share by self-clocked fair queueing (Golestani 1994): each packet has a finish tag, the
//! smallest goes next. Priority goes before all.

use std::collections::VecDeque;
use std::sync::Arc;

use sim_core::engine::device::{PortId, Rule};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::Packet;

/// Packets that a class's queue holds (Cisco IOS, queue-limit).
const QUEUE_MAX: usize = 64;

/// A class's queue.
#[derive(Debug)]
pub(super) struct Queue {
    /// Share of the rate, in bit/s.
    pub(super) weight: u64,
    pub(super) priority: bool,
    pub(super) rule: Arc<Rule>,
    packets: VecDeque<(u128, PortId, Packet)>,
    last_tag: u128,
}

impl Queue {
    pub(super) fn new(weight: u64, priority: bool, rule: Arc<Rule>) -> Self {
        Self { weight: weight.max(1), priority, rule, packets: VecDeque::new(), last_tag: 0 }
    }
}

/// The shaper of one direction.
#[derive(Debug)]
pub(super) struct Shaper {
    rate: u64,
    pub(super) queues: Vec<Queue>,
    /// When the line is free again.
    free_at: SimTime,
    clock: u128,
    waiting: usize,
}

impl Shaper {
    pub(super) fn new(rate: u64, queues: Vec<Queue>) -> Self {
        Self { rate: rate.max(1), queues, free_at: SimTime::ZERO, clock: 0, waiting: 0 }
    }

    /// True when a packet may go at once, which takes the line for as long as it needs.
    pub(super) fn goes_now(&mut self, now: SimTime, packet: &Packet) -> bool {
        if self.waiting > 0 || now < self.free_at {
            return false;
        }
        self.free_at = now + self.time_of(packet);
        true
    }

    fn time_of(&self, packet: &Packet) -> SimDuration {
        let bits = u128::from(packet.wire_len()) * 8;
        SimDuration((bits * 1_000_000_000).div_ceil(u128::from(self.rate)) as u64)
    }

    /// Puts a packet into the queue of its class; false when that is full.
    pub(super) fn push(&mut self, class: usize, out: PortId, packet: &Packet) -> bool {
        let clock = self.clock;
        let Some(queue) = self.queues.get_mut(class) else { return false };
        if queue.packets.len() >= QUEUE_MAX {
            return false;
        }
        let cost = u128::from(packet.wire_len()) * 8_000_000 / u128::from(queue.weight);
        queue.last_tag = queue.last_tag.max(clock) + cost;
        queue.packets.push_back((queue.last_tag, out, packet.clone()));
        self.waiting += 1;
        true
    }

    /// When the next packet goes.
    pub(super) fn next_departure(&self) -> Option<SimTime> {
        (self.waiting > 0).then_some(self.free_at)
    }

    /// The packet that goes now.
    pub(super) fn pop(&mut self, now: SimTime) -> Option<(PortId, Packet)> {
        if now < self.free_at {
            return None;
        }
        let order = |at: &usize| {
            let queue = &self.queues[*at];
            (!queue.priority, queue.packets.front().map_or(u128::MAX, |(tag, ..)| *tag))
        };
        let waiting = (0..self.queues.len()).filter(|at| !self.queues[*at].packets.is_empty());
        let at = waiting.min_by_key(order)?;
        let (tag, out, packet) = self.queues[at].packets.pop_front()?;
        self.waiting -= 1;
        self.clock = self.clock.max(tag);
        self.free_at = now + self.time_of(&packet);
        Some((out, packet))
    }

    /// Forgets what waits.
    pub(super) fn clear(&mut self) {
        for queue in &mut self.queues {
            queue.packets.clear();
        }
        self.waiting = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::track::Sender::Initiator;
    use crate::testing::{OUTSIDE, segment};
    use sim_core::wire::packet::Flags;

    #[test]
    fn classes_share_by_weight_and_priority_goes_first() {
        let rule = || Rule::default("class", "test");
        let queues = vec![
            Queue::new(800, false, rule()),
            Queue::new(200, false, rule()),
            Queue::new(1, true, rule()),
        ];
        let mut shaper = Shaper::new(1_000_000, queues);
        let packet = segment(Initiator, Flags::ACK, 1, 1, 960); // 1000 bytes: 8 ms
        let mut now = SimTime::ZERO;
        assert!(shaper.goes_now(now, &packet) && !shaper.goes_now(now, &packet));
        for _ in 0..60 {
            assert!(shaper.push(0, OUTSIDE, &packet) && shaper.push(1, OUTSIDE, &packet));
        }
        assert!(shaper.push(2, OUTSIDE, &packet));
        let mut gone = [0; 3];
        for turn in 0..41 {
            now = shaper.next_departure().unwrap();
            assert_eq!(now.as_nanos(), 8_000_000 * (turn + 1));
            let before: Vec<usize> = shaper.queues.iter().map(|q| q.packets.len()).collect();
            assert!(shaper.pop(now).is_some());
            for (at, queue) in shaper.queues.iter().enumerate() {
                gone[at] += before[at] - queue.packets.len();
            }
            assert!(turn > 0 || gone[2] == 1, "priority first");
        }
        assert_eq!(gone, [32, 8, 1]);
        assert!(shaper.pop(now).is_none(), "the line is taken");
        shaper.clear();
        assert_eq!(shaper.next_departure(), None);
    }

    #[test]
    fn a_full_queue_takes_no_more() {
        let mut shaper = Shaper::new(1000, vec![Queue::new(1, false, Rule::default("c", "test"))]);
        let packet = segment(Initiator, Flags::ACK, 1, 1, 960);
        assert!((0..QUEUE_MAX).all(|_| shaper.push(0, OUTSIDE, &packet)));
        assert!(!shaper.push(0, OUTSIDE, &packet));
    }
}
