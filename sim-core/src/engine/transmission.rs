//! One direction of a link at work: a FIFO whose packets' arrival is known when they are sent, so that
//! a packet costs one event and only the head of the flight is in the event queue.

use std::collections::VecDeque;

use super::link::{Jitter, LinkConfig, Loss, QueueLimit};
use crate::rng::Stream;
use crate::time::{SimDuration, SimTime};
use crate::units::BitRate;
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
///
/// What every packet needs comes first and is taken out of the settings once; impairments, their random
/// stream and the settings themselves are apart, so that links by the thousand stay in the cache.
#[derive(Debug)]
pub struct Transmission {
    busy_until: SimTime,
    last_arrival: SimTime,
    delay: SimDuration,
    serialisation: Serialisation,
    mtu: u32,
    queue: QueueLimit,
    up: bool,
    /// Something random may happen to a packet.
    impaired: bool,
    /// A packet has overtaken others: the flight is not in order of departure.
    overtaken: bool,
    /// How many packets at the front of the flight are known to have left the queue.
    departed: u32,
    flight: VecDeque<InFlight>,
    counters: LinkCounters,
    impairments: Box<Impairments>,
}

/// How long a packet takes to be sent. The time for the last length is kept: nearly all packets of a
/// direction are as long as the one before, and dividing is slow.
#[derive(Debug)]
struct Serialisation {
    rate: Option<BitRate>,
    overhead: u32,
    bytes: u32,
    lasts: SimDuration,
}

impl Serialisation {
    fn new(config: &LinkConfig) -> Self {
        let lasts = SimDuration::ZERO;
        Self { rate: config.rate, overhead: config.overhead, bytes: u32::MAX, lasts }
    }

    /// Rounded up, so that a link never exceeds its rate.
    #[inline]
    fn of(&mut self, bytes: u32, rate: BitRate) -> SimDuration {
        if bytes != self.bytes {
            let bits = u64::from(bytes + self.overhead) * 8;
            self.bytes = bytes;
            self.lasts = SimDuration((bits * 1_000_000_000).div_ceil(rate.0));
        }
        self.lasts
    }
}

/// The settings of a direction and the state of its random impairments.
#[derive(Debug)]
struct Impairments {
    config: LinkConfig,
    rng: Stream,
    bad_state: bool,
}

impl Transmission {
    /// An idle link; `rng` is its own random stream.
    #[must_use]
    pub fn new(config: LinkConfig, rng: Stream) -> Self {
        Self {
            busy_until: SimTime::ZERO,
            last_arrival: SimTime::ZERO,
            delay: config.delay,
            serialisation: Serialisation::new(&config),
            mtu: config.mtu,
            queue: config.queue,
            up: true,
            impaired: config.is_impaired(),
            overtaken: false,
            departed: 0,
            flight: VecDeque::new(),
            counters: LinkCounters::default(),
            impairments: Box::new(Impairments { config, rng, bad_state: false }),
        }
    }

    /// New settings, for packets sent from now on.
    pub fn set_config(&mut self, config: LinkConfig) {
        self.delay = config.delay;
        self.serialisation = Serialisation::new(&config);
        self.mtu = config.mtu;
        self.queue = config.queue;
        self.impaired = config.is_impaired();
        self.impairments.config = config;
    }

    /// Settings.
    #[must_use]
    pub fn config(&self) -> &LinkConfig {
        &self.impairments.config
    }

    /// Counts.
    #[must_use]
    pub const fn counters(&self) -> &LinkCounters {
        &self.counters
    }

    /// False while cut.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.up
    }

    /// The link works again.
    pub const fn restore(&mut self) {
        self.up = true;
    }

    /// Something random may happen to a packet: [`Transmission::corrupts`] and
    /// [`Transmission::duplicates`] have to be asked.
    #[must_use]
    #[inline]
    pub const fn is_impaired(&self) -> bool {
        self.impaired
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
        if bytes > self.mtu {
            self.counters.too_big += 1;
            return Fate::Lost(LossKind::TooBig, packet);
        }
        if self.impaired && self.impairments.lose() {
            self.counters.random_losses += 1;
            return Fate::Lost(LossKind::Random, packet);
        }
        let departs = match self.serialisation.rate {
            None => now,
            Some(rate) => {
                if self.busy_until > now && !self.has_room(now, bytes, rate.0) {
                    self.counters.queue_drops += 1;
                    return Fate::Lost(LossKind::Queue, packet);
                }
                self.busy_until.max(now) + self.serialisation.of(bytes, rate)
            }
        };
        self.busy_until = departs;
        let arrives = departs + self.delay;
        if self.impaired {
            return self.send_jittered(departs, arrives, packet);
        }
        let arrives = arrives.max(self.last_arrival);
        self.last_arrival = arrives;
        let head = self.flight.is_empty().then_some(arrives);
        self.flight.push_back(InFlight { arrives, departs, packet });
        Fate::Sent { head }
    }

    #[cold]
    fn send_jittered(
        &mut self,
        departs: SimTime,
        mut arrives: SimTime,
        packet: Box<Packet>,
    ) -> Fate {
        let extra = self.impairments.jitter();
        if let Some(extra) = extra {
            arrives = (arrives + extra).max(self.last_arrival);
            self.last_arrival = arrives;
        }
        let entry = InFlight { arrives, departs, packet };
        let head = self.flight.front().map(|f| f.arrives);
        if extra.is_some() {
            self.flight.push_back(entry);
        } else {
            let at = self.flight.partition_point(|f| f.arrives <= arrives);
            self.flight.insert(at, entry);
            self.overtaken = true;
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
                self.departed = self.departed.saturating_sub(1);
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
        self.departed = 0;
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
    #[inline]
    pub fn queued(&mut self, now: SimTime) -> usize {
        let flight = &self.flight;
        if self.overtaken {
            return flight.iter().filter(|f| f.departs > now).count();
        }
        while flight.get(self.departed as usize).is_some_and(|f| f.departs <= now) {
            self.departed += 1;
        }
        flight.len() - self.departed as usize
    }

    /// A copy of the last packet sent arrives right behind it; returns true when the link duplicates.
    pub fn duplicates(&mut self) -> bool {
        let Impairments { config, rng, .. } = &mut *self.impairments;
        !config.duplicate.is_zero() && rng.chance(config.duplicate)
    }

    /// Which bit of the packet flips, counted from its end, if one does.
    pub fn corrupts(&mut self) -> Option<u64> {
        let Impairments { config, rng, .. } = &mut *self.impairments;
        (!config.corrupt.is_zero() && rng.chance(config.corrupt)).then(|| rng.next_u64())
    }

    #[inline]
    fn has_room(&mut self, now: SimTime, bytes: u32, rate: u64) -> bool {
        match self.queue {
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
    fn head_bytes(&mut self, now: SimTime) -> u32 {
        self.queued(now); // `departed` is up to date then
        let head = if self.overtaken {
            self.flight.iter().filter(|f| f.departs > now).min_by_key(|f| f.departs)
        } else {
            self.flight.get(self.departed as usize)
        };
        head.map_or(0, |f| f.packet.wire_len())
    }
}

impl Impairments {
    /// Does random loss take the next packet?
    fn lose(&mut self) -> bool {
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

    /// What jitter adds to the next packet's delay; `None`: the packet overtakes the others.
    fn jitter(&mut self) -> Option<SimDuration> {
        let Jitter::Uniform(max) = self.config.jitter else { return Some(SimDuration::ZERO) };
        if !self.config.reorder.is_zero() && self.rng.chance(self.config.reorder) {
            return None;
        }
        Some(SimDuration(self.rng.below(max.0 + 1)))
    }
}
