//! A link behind an FQ-CoDel queue: which packet is sent next is decided when the one before it has been.

use std::collections::VecDeque;

use super::fair_queue::FairQueue;
use crate::time::SimTime;
use crate::wire::packet::Packet;

/// What waits for such a link, and what is on its way over it.
#[derive(Debug)]
pub(super) struct FairLink {
    pub(super) queue: FairQueue,
    /// In order of arrival.
    flight: VecDeque<(SimTime, Box<Packet>)>,
    /// The earliest event that the engine holds for this link.
    scheduled: SimTime,
}

impl FairLink {
    pub(super) fn new(queue: FairQueue) -> Self {
        Self { queue, flight: VecDeque::new(), scheduled: SimTime::NEVER }
    }

    /// A packet is on its way.
    pub(super) fn launch(&mut self, arrives: SimTime, packet: Box<Packet>) {
        let at = self.flight.partition_point(|(at, _)| *at <= arrives);
        self.flight.insert(at, (arrives, packet));
    }

    /// An event of `now` is being handled; was it the one that this link waits for?
    pub(super) fn note_event(&mut self, now: SimTime) -> bool {
        let was_due = self.scheduled <= now;
        if was_due {
            self.scheduled = SimTime::NEVER;
        }
        was_due
    }

    /// The packet that has arrived by `now`, if one has.
    pub(super) fn arrived(&mut self, now: SimTime) -> Option<Box<Packet>> {
        let is_due = self.flight.front().is_some_and(|(at, _)| *at <= now);
        if is_due { self.flight.pop_front().map(|(_, packet)| packet) } else { None }
    }

    /// The event to ask for, when none as early is pending: the next arrival, or the end of the
    /// transmission that others wait for.
    pub(super) fn schedule(&mut self, busy_until: SimTime) -> Option<SimTime> {
        let arrival = self.flight.front().map_or(SimTime::NEVER, |(at, _)| *at);
        let turn = if self.queue.len() > 0 { busy_until } else { SimTime::NEVER };
        let next = arrival.min(turn);
        (next < self.scheduled).then(|| {
            self.scheduled = next;
            next
        })
    }

    /// All that is on its way, in order of arrival.
    pub(super) fn take_flight(&mut self) -> impl Iterator<Item = (SimTime, Box<Packet>)> + '_ {
        self.flight.drain(..)
    }
}
