//! One direction of a link at work: a FIFO whose packets' arrival is known when they are sent, so that
//! a packet costs one event and only the head of the flight is in the event queue.

use std::collections::VecDeque;

use super::link::{Jitter, LinkConfig, Loss, QueueLimit};
use crate::rng::Stream;
use crate::time::{SimDuration, SimTime};
use crate::wire::packet::Packet;

/// What a link did with a packet that it was given.
#[derive(Debug)]
pub enum Fate {
    /// It is on its way; `head` when it is the only one, so that its arrival must be scheduled.
    Sent {
        /// The arrival to schedule.
        head: Option<SimTime>,
    },
    /// It is gone.
    Lost(LossKind, Box<Packet>),
}

/// Why a link lost a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossKind {
    /// The queue was full.
    Queue,
    /// Random loss.
    Random,
    /// The link is down.
    Down,
    /// Larger than the MTU.
    TooBig,
}

#[derive(Debug)]
struct InFlight {
    arrives: SimTime,
    departs: SimTime,
    packet: Box<Packet>,
    bytes: u32,
}

/// Counts of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Packets taken.
    pub packets: u64,
    /// Bytes taken.
    pub bytes: u64,
    /// Lost for want of room.
    pub queue_drops: u64,
    /// Lost by chance.
    pub random_losses: u64,
    /// Lost while down.
    pub down_drops: u64,
    /// Larger than the MTU.
    pub too_big: u64,
}

/// One direction of a link at work.
#[derive(Debug)]
pub struct Transmission {
    /// Settings.
    pub config: LinkConfig,
    /// False while cut.
    pub up: bool,
    /// Counts.
    pub counters: LinkCounters,
    busy_until: SimTime,
    last_arrival: SimTime,
    flight: VecDeque<InFlight>,
    rng: Stream,
    bad_state: bool,
}

impl Transmission {
    /// An idle link; `rng` is its own random stream.
    #[must_use]
    pub fn new(config: LinkConfig, rng: Stream) -> Self {
        Self {
            config,
            up: true,
            counters: LinkCounters::default(),
            busy_until: SimTime::ZERO,
            last_arrival: SimTime::ZERO,
            flight: VecDeque::new(),
            rng,
            bad_state: false,
        }
    }

    /// Sends a packet now.
    #[inline]
    pub fn send(&mut self, now: SimTime, packet: Box<Packet>) -> Fate {
        let bytes = packet.wire_len();
        self.counters.packets += 1;
        self.counters.bytes += u64::from(bytes);
        if !self.up {
            self.counters.down_drops += 1;
            return Fate::Lost(LossKind::Down, packet);
        }
        if bytes > self.config.mtu {
            self.counters.too_big += 1;
            return Fate::Lost(LossKind::TooBig, packet);
        }
        if self.config.loss != Loss::None && self.is_lost() {
            self.counters.random_losses += 1;
            return Fate::Lost(LossKind::Random, packet);
        }
        let departs = match self.config.rate {
            None => now,
            Some(rate) => {
                if self.busy_until > now && !self.has_room(now, bytes, rate.0) {
                    self.counters.queue_drops += 1;
                    return Fate::Lost(LossKind::Queue, packet);
                }
                let bits = u64::from(bytes + self.config.overhead) * 8;
                let start = self.busy_until.max(now);
                // Rounded up, so that a link never exceeds its rate.
                start + SimDuration((bits * 1_000_000_000).div_ceil(rate.0))
            }
        };
        self.busy_until = departs;
        let mut arrives = departs + self.config.delay;
        let mut overtakes = false;
        if let Jitter::Uniform(max) = self.config.jitter {
            overtakes = !self.config.reorder.is_zero() && self.rng.chance(self.config.reorder);
            if !overtakes {
                arrives += SimDuration(self.rng.below(max.0 + 1));
            }
        }
        if !overtakes {
            arrives = arrives.max(self.last_arrival);
            self.last_arrival = arrives;
        }
        let entry = InFlight { arrives, departs, packet, bytes };
        let head = self.flight.front().map(|f| f.arrives);
        if overtakes {
            let at = self.flight.partition_point(|f| f.arrives <= arrives);
            self.flight.insert(at, entry);
        } else {
            self.flight.push_back(entry);
        }
        // An overtaking packet may become the head: its arrival is earlier than the one scheduled.
        Fate::Sent { head: head.is_none_or(|h| arrives < h).then_some(arrives) }
    }

    /// The packet that arrives at `now`, if one does, and when the next one will.
    #[inline]
    pub fn arrive(&mut self, now: SimTime) -> (Option<Box<Packet>>, Option<SimTime>) {
        match self.flight.front() {
            Some(head) if head.arrives <= now => {
                let packet = self.flight.pop_front().map(|f| f.packet);
                (packet, self.flight.front().map(|f| f.arrives))
            }
            // An event for a head that has been overtaken or cut: nothing to do.
            _ => (None, None),
        }
    }

    /// Cuts the link: what is in flight is lost; returns the packets.
    #[allow(clippy::vec_box)]
    pub fn cut(&mut self, now: SimTime) -> Vec<Box<Packet>> {
        self.up = false;
        self.busy_until = now;
        self.last_arrival = now;
        self.counters.down_drops += self.flight.len() as u64;
        self.flight.drain(..).map(|f| f.packet).collect()
    }

    /// When the link will have sent, or had sent, all that it was given.
    #[must_use]
    pub const fn idle_at(&self) -> SimTime {
        self.busy_until
    }

    /// How long a packet given to the link now would wait for its turn.
    #[must_use]
    pub const fn wait(&self, now: SimTime) -> SimDuration {
        self.busy_until.since(now)
    }

    /// Packets accepted that have not left the queue yet.
    #[must_use]
    pub fn queued(&self, now: SimTime) -> usize {
        self.flight.iter().rev().take_while(|f| f.departs > now).count()
    }

    /// A copy of the last packet sent arrives right behind it; returns true when the link duplicates.
    pub fn duplicates(&mut self) -> bool {
        !self.config.duplicate.is_zero() && self.rng.chance(self.config.duplicate)
    }

    /// Which bit of the packet flips, counted from its end, if one does.
    pub fn corrupts(&mut self) -> Option<u64> {
        (!self.config.corrupt.is_zero() && self.rng.chance(self.config.corrupt))
            .then(|| self.rng.next_u64())
    }

    fn has_room(&self, now: SimTime, bytes: u32, rate: u64) -> bool {
        match self.config.queue {
            QueueLimit::Unlimited => true,
            QueueLimit::Time(limit) => self.busy_until.since(now) <= limit,
            QueueLimit::Bytes(limit) => {
                let waiting =
                    u128::from(self.busy_until.since(now).0) * u128::from(rate) / 8_000_000_000;
                waiting + u128::from(bytes)
                    <= u128::from(limit.0) + u128::from(self.head_bytes(now))
            }
            // The packet in transmission does not count.
            QueueLimit::Packets(limit) => self.queued(now) <= limit as usize,
        }
    }

    /// Bytes of the packet in transmission, which do not count against a queue in bytes.
    fn head_bytes(&self, now: SimTime) -> u32 {
        self.flight.iter().find(|f| f.departs > now).map_or(0, |f| f.bytes)
    }

    fn is_lost(&mut self) -> bool {
        match self.config.loss {
            Loss::None => false,
            Loss::Bernoulli(p) => self.rng.chance(p),
            Loss::GilbertElliott { p, r, bad, good } => {
                self.bad_state =
                    if self.bad_state { !self.rng.chance(r) } else { self.rng.chance(p) };
                self.rng.chance(if self.bad_state { bad } else { good })
            }
        }
    }
}
