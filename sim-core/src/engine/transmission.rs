//! One direction of a link at work: a FIFO whose packets' arrival is known when they are sent, so that
//! a packet costs one event and only the head of the flight is in the event queue.

use super::active_queue::{ActiveQueue, Offer};
use super::fair_link::FairLink;
use super::fair_queue::FairQueue;
use super::link::{Discipline, Jitter, LinkConfig, Loss, QueueLimit};
use super::ring::Ring;
use crate::rng::{Probability, Stream};
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
    /// Larger than the MTU: the sender is told (see [`crate::wire::icmp`]).
    TooBig,
}

#[derive(Debug)]
struct InFlight {
    arrives: SimTime,
    departs: SimTime,
    packet: Box<Packet>,
}

/// What one direction lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
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
/// What every packet needs comes first, taken out of the settings once; impairments, their random stream
/// and the settings themselves are apart, so that links by the thousand stay in the cache.
#[derive(Debug)]
#[repr(C)]
pub struct Transmission {
    busy_until: SimTime,
    delay: SimDuration,
    serialisation: Serialisation,
    /// A packet of this length needs no care: the link is up and steady, takes it, and `serialisation` is
    /// for it. `u32::MAX` (no packet's length) when none is known.
    careless: u32,
    mtu: u32,
    kind: Kind,
    up: bool,
    /// A packet has overtaken others: the flight is not in order of departure.
    overtaken: bool,
    queue: QueueLimit,
    flight: Ring<InFlight>,
    /// All packets with lower numbers in the flight are known to have left the queue.
    departed: u64,
    rest: Box<Rest>,
}

/// What has to be asked for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: it comes out unchanged at the moment it goes in.
    Wire,
    /// Only its length.
    Steady,
    /// What random impairments do to it ([`Transmission::corrupts`], [`Transmission::duplicates`]).
    Impaired,
}

impl Kind {
    fn of(config: &LinkConfig) -> Self {
        if config.is_wire() {
            Self::Wire
        } else if config.is_impaired() {
            Self::Impaired
        } else {
            Self::Steady
        }
    }
}

/// How long a packet takes to be sent. The time for the last length is kept: nearly all packets of a
/// direction are as long as the one before, and dividing is slow.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Serialisation {
    lasts: SimDuration,
    bytes: u32,
}

impl Serialisation {
    const UNKNOWN: Self = Self { lasts: SimDuration::ZERO, bytes: u32::MAX };

    /// Rounded up, so that a link never exceeds its rate.
    fn new(bytes: u32, config: &LinkConfig) -> Self {
        let bits = u64::from(bytes + config.overhead) * 8;
        let lasts = config.rate.map_or(0, |rate| (bits * 1_000_000_000).div_ceil(rate.0));
        Self { lasts: SimDuration(lasts), bytes }
    }
}

/// The settings of a direction, the state of its random impairments, and counts.
#[derive(Debug)]
struct Rest {
    config: LinkConfig,
    rng: Stream,
    bad_state: bool,
    four_state: FourState,
    active_queue: ActiveQueue,
    /// What waits and flies where the queue sorts flows.
    fair: Option<Box<FairLink>>,
    last_arrival: SimTime,
    counters: LinkCounters,
}

/// States of netem's loss model, by what they do to a packet.
#[derive(Clone, Copy, Debug, Default)]
enum FourState {
    #[default]
    PassingInGap,
    PassingInBurst,
    LosingInBurst,
    LosingAlone,
}

impl Transmission {
    /// An idle link; `rng` is its own random stream.
    #[must_use]
    pub fn new(config: LinkConfig, rng: Stream) -> Self {
        Self {
            busy_until: SimTime::ZERO,
            delay: config.delay,
            serialisation: Serialisation::UNKNOWN,
            careless: u32::MAX,
            mtu: config.mtu,
            queue: config.queue,
            kind: Kind::of(&config),
            up: true,
            overtaken: false,
            departed: 0,
            flight: Ring::default(),
            rest: Box::new(Rest {
                config,
                rng,
                bad_state: false,
                four_state: FourState::default(),
                active_queue: ActiveQueue::default(),
                fair: None,
                last_arrival: SimTime::ZERO,
                counters: LinkCounters::default(),
            }),
        }
    }

    /// New settings, for packets sent from now on.
    pub fn set_config(&mut self, config: LinkConfig) {
        if !matches!(config.discipline, Discipline::FqCoDel { .. }) {
            self.stop_sorting();
        }
        self.delay = config.delay;
        self.serialisation = Serialisation::UNKNOWN;
        self.careless = u32::MAX;
        self.mtu = config.mtu;
        self.queue = config.queue;
        self.kind = Kind::of(&config);
        if config.rate.is_none() {
            self.busy_until = SimTime::ZERO; // nothing waits for what a slower link still sends
        }
        self.rest.config = config;
    }

    /// Settings.
    #[must_use]
    pub fn config(&self) -> &LinkConfig {
        &self.rest.config
    }

    /// What it lost.
    #[must_use]
    pub fn counters(&self) -> &LinkCounters {
        &self.rest.counters
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

    /// What has to be asked for a packet.
    #[must_use]
    #[inline]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Sends a packet now.
    #[inline]
    pub fn send(&mut self, now: SimTime, packet: Box<Packet>) -> Fate {
        let bytes = packet.wire_len();
        if bytes == self.careless {
            return match self.send_careless(now, packet) {
                Ok(head) => Fate::Sent { head },
                Err(packet) => Fate::Lost(LossKind::Queue, packet),
            };
        }
        self.send_with_care(now, bytes, packet)
    }

    /// True when [`Transmission::send_careless`] is all that a packet of this length needs.
    #[inline]
    pub(super) const fn is_careless(&self, bytes: u32) -> bool {
        bytes == self.careless
    }

    /// Sends a packet for which [`Transmission::is_careless`] is true: what needs to be scheduled, or the
    /// packet where the queue is full.
    #[inline(always)] // a call and the way of the result through memory cost as much as the sending
    pub(super) fn send_careless(
        &mut self,
        now: SimTime,
        packet: Box<Packet>,
    ) -> Result<Option<SimTime>, Box<Packet>> {
        let Some(departs) = self.departure(now, self.careless) else {
            self.rest.counters.queue_drops += 1;
            return Err(packet);
        };
        let arrives = departs + self.delay;
        // A shorter delay set meanwhile does not let a packet overtake.
        let (arrives, head) = match self.flight.back() {
            Some(last) => (arrives.max(last.arrives), None),
            None => (arrives, Some(arrives)),
        };
        self.flight.push_back(InFlight { arrives, departs, packet });
        Ok(head)
    }

    /// When a packet given to the link now will have been sent; `None`: the queue is full. Its length is
    /// the one that `serialisation` is for.
    #[inline(always)]
    fn departure(&mut self, now: SimTime, bytes: u32) -> Option<SimTime> {
        let starts = if self.busy_until > now {
            if !self.has_room(now, bytes) {
                return None;
            }
            self.busy_until
        } else {
            now
        };
        let departs = starts + self.serialisation.lasts;
        self.busy_until = departs;
        Some(departs)
    }

    #[cold]
    fn overflow(&mut self, packet: Box<Packet>) -> Fate {
        self.rest.counters.queue_drops += 1;
        Fate::Lost(LossKind::Queue, packet)
    }

    /// Does the queue drop the next packet before it is full?
    fn drops_early(&mut self, now: SimTime) -> bool {
        let Rest { config, rng, active_queue, .. } = &mut *self.rest;
        let leaves = self.busy_until.max(now);
        let waits = u128::from(leaves.since(now).as_nanos());
        let rate = u128::from(config.rate.map_or(0, |rate| rate.0));
        let backlog = (waits * rate / 8_000_000_000) as u64;
        let offer = Offer { now, leaves, backlog, mtu: u64::from(self.mtu) };
        active_queue.drops(config.discipline, offer, rng)
    }

    /// Sends over a link that may refuse, lose or delay the packet.
    #[inline(never)]
    fn send_with_care(&mut self, now: SimTime, bytes: u32, packet: Box<Packet>) -> Fate {
        let rest = &mut *self.rest;
        if !self.up {
            rest.counters.down_drops += 1;
            return Fate::Lost(LossKind::Down, packet);
        }
        if bytes > self.mtu {
            rest.counters.too_big += 1;
            return Fate::Lost(LossKind::TooBig, packet);
        }
        if bytes != self.serialisation.bytes {
            self.serialisation = Serialisation::new(bytes, &rest.config);
        }
        if self.kind == Kind::Steady {
            self.careless = bytes;
            return self.send(now, packet);
        }
        if rest.lose() {
            rest.counters.random_losses += 1;
            return Fate::Lost(LossKind::Random, packet);
        }
        match self.rest.config.discipline {
            Discipline::DropTail => {}
            Discipline::FqCoDel { flows, quantum, .. } => {
                return self.send_sorted(now, packet, flows, quantum);
            }
            Discipline::Red { .. } | Discipline::CoDel { .. } => {
                if self.drops_early(now) {
                    return self.overflow(packet);
                }
            }
        }
        let Some(departs) = self.departure(now, bytes) else { return self.overflow(packet) };
        let (arrives, overtakes) = self.rest.arrival(departs + self.delay);
        let entry = InFlight { arrives, departs, packet };
        let head = self.flight.front().map(|f| f.arrives);
        self.flight.push_back(entry);
        if overtakes {
            self.flight.bring_forward(|f| f.arrives > arrives);
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
                (packet, self.flight.front().map(|f| f.arrives))
            }
            _ => self.arrive_sorted(now),
        }
    }

    /// Sends over a link whose queue sorts flows.
    fn send_sorted(&mut self, now: SimTime, packet: Box<Packet>, flows: u16, quantum: u32) -> Fate {
        let rest = &mut *self.rest;
        let fair = rest.fair.get_or_insert_with(|| {
            Box::new(FairLink::new(FairQueue::new(flows, rest.rng.next_u64())))
        });
        let idle = self.busy_until <= now;
        rest.counters.queue_drops += fair.queue.enqueue(now, packet, idle, &rest.config, quantum);
        self.serve_sorted(now, now);
        let fair = self.rest.fair.as_mut();
        Fate::Sent { head: fair.and_then(|fair| fair.schedule(self.busy_until)) }
    }

    /// Puts on the link what may be sent from `now` to `until`.
    fn serve_sorted(&mut self, now: SimTime, until: SimTime) {
        let Some(mut fair) = self.rest.fair.take() else { return };
        while fair.queue.len() > 0 && self.busy_until <= until {
            let rest = &mut *self.rest;
            let quantum = match rest.config.discipline {
                Discipline::FqCoDel { quantum, .. } => quantum,
                _ => self.mtu,
            };
            let at = self.busy_until.max(now);
            let (packet, dropped) = fair.queue.dequeue(at, &rest.config, quantum, &mut rest.rng);
            rest.counters.queue_drops += dropped;
            let Some(packet) = packet else { break };
            let lasts = Serialisation::new(packet.wire_len(), &rest.config).lasts;
            self.busy_until = at + lasts;
            fair.launch(rest.arrival(self.busy_until + self.delay).0, packet);
        }
        self.rest.fair = Some(fair);
    }

    /// An event for which the flight has no packet: a queue that sorts flows has one or sends the next;
    /// else the head has been overtaken or cut.
    #[cold]
    fn arrive_sorted(&mut self, now: SimTime) -> (Option<Box<Packet>>, Option<SimTime>) {
        self.serve_sorted(now, now);
        let Some(fair) = &mut self.rest.fair else { return (None, None) };
        let was_due = fair.note_event(now);
        let packet = fair.arrived(now);
        let next = fair.schedule(self.busy_until);
        // The queue has ceased to sort: its event is that of the packets which it left to the flight.
        let left = || self.flight.front().map(|f| f.arrives).filter(|_| was_due);
        (packet, next.or_else(left))
    }

    /// The queue sorts flows no longer: what waits is sent in the order that it had.
    fn stop_sorting(&mut self) {
        self.serve_sorted(self.busy_until, SimTime::NEVER);
        let Some(fair) = &mut self.rest.fair else { return };
        for (arrives, packet) in fair.take_flight() {
            let arrives = self.flight.back().map_or(arrives, |last| arrives.max(last.arrives));
            self.flight.push_back(InFlight { arrives, departs: arrives, packet });
        }
    }

    /// The packet at the head of the flight.
    #[inline]
    pub(super) fn head(&self) -> Option<&Packet> {
        self.flight.front().map(|f| &*f.packet)
    }

    /// Tells where the head of the flight stands in memory, and what comes after it.
    #[inline]
    pub(super) fn ask_for_head(&self, ask: impl Fn(*const u8)) {
        if let Some(head) = self.flight.front() {
            let head: *const InFlight = head;
            ask(head.cast());
            ask(head.wrapping_add(1).cast());
        }
    }

    /// Tells where the end of the flight stands in memory, and where the next packet will.
    #[inline]
    pub(super) fn ask_for_tail(&self, ask: impl Fn(*const u8)) {
        if let Some(last) = self.flight.back() {
            let last: *const InFlight = last;
            ask(last.cast());
            ask(last.wrapping_add(1).cast());
        }
        if let Some(leaving) = self.flight.get(self.departed) {
            ask((leaving as *const InFlight).cast());
        }
    }

    /// Cuts the link: what is in flight is lost; returns the packets.
    #[allow(clippy::vec_box)]
    pub fn cut(&mut self, now: SimTime) -> Vec<Box<Packet>> {
        self.up = false;
        self.careless = u32::MAX;
        self.busy_until = now;
        self.rest.last_arrival = now;
        let mut lost: Vec<_> =
            std::iter::from_fn(|| self.flight.pop_front()).map(|f| f.packet).collect();
        if let Some(fair) = &mut self.rest.fair {
            self.rest.counters.down_drops += fair.queue.clear();
            lost.extend(fair.take_flight().map(|(_, packet)| packet));
        }
        self.rest.counters.down_drops += lost.len() as u64;
        lost
    }

    /// When the link will have sent, or had sent, all that it was given.
    #[must_use]
    pub const fn idle_at(&self) -> SimTime {
        self.busy_until
    }

    /// How long a packet given to the link now would wait for its turn.
    #[must_use]
    pub fn wait(&self, now: SimTime) -> SimDuration {
        let waiting = self.rest.fair.as_ref().map_or(0, |fair| fair.queue.bytes());
        let rate = self.rest.config.rate.map_or(u64::MAX, |rate| rate.0);
        let behind = (u128::from(waiting) * 8_000_000_000 / u128::from(rate)) as u64;
        self.busy_until.since(now) + SimDuration(behind)
    }

    /// Packets accepted that have not left the queue yet.
    pub fn queued(&mut self, now: SimTime) -> usize {
        let flight = &self.flight;
        if self.overtaken {
            return flight.iter().filter(|f| f.departs > now).count();
        }
        let mut departed = self.departed.max(flight.first());
        while flight.get(departed).is_some_and(|f| f.departs <= now) {
            departed += 1;
        }
        self.departed = departed;
        (flight.end() - departed) as usize
    }

    /// A copy of the last packet sent arrives right behind it; returns true when the link duplicates.
    pub fn duplicates(&mut self) -> bool {
        let Rest { config, rng, .. } = &mut *self.rest;
        !config.duplicate.is_zero() && rng.chance(config.duplicate)
    }

    /// Which bit of the packet flips, counted from its end, if one does.
    pub fn corrupts(&mut self) -> Option<u64> {
        let Rest { config, rng, .. } = &mut *self.rest;
        (!config.corrupt.is_zero() && rng.chance(config.corrupt)).then(|| rng.next_u64())
    }

    #[inline(always)] // once for each packet that finds the link busy
    fn has_room(&mut self, now: SimTime, bytes: u32) -> bool {
        match self.queue {
            // No more wait than were waiting when they were counted last.
            QueueLimit::Packets(limit)
                if !self.overtaken
                    && self.flight.end() - self.departed.max(self.flight.first())
                        <= u64::from(limit) =>
            {
                true
            }
            _ => self.has_counted_room(now, bytes),
        }
    }

    #[inline(never)]
    fn has_counted_room(&mut self, now: SimTime, bytes: u32) -> bool {
        match self.queue {
            QueueLimit::Unlimited => true,
            QueueLimit::Time(limit) => self.busy_until.since(now) <= limit,
            QueueLimit::Bytes(limit) => {
                let rate = self.rest.config.rate.map_or(0, |rate| rate.0);
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
            self.flight.get(self.departed)
        };
        head.map_or(0, |f| f.packet.wire_len())
    }
}

impl Rest {
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
            Loss::FourState { p13, p31, p32, p23, p14 } => {
                // sch_netem's `loss_4state`: one draw a packet.
                let drawn = self.rng.next_u64() >> 1;
                let below = |p: Probability, after: Probability| drawn < p.raw() + after.raw();
                let none = Probability::ZERO;
                self.four_state = match self.four_state {
                    FourState::PassingInGap if below(p14, none) => FourState::LosingAlone,
                    FourState::PassingInGap if below(p13, p14) => FourState::LosingInBurst,
                    FourState::PassingInBurst if below(p23, none) => FourState::LosingInBurst,
                    FourState::LosingInBurst if below(p32, none) => FourState::PassingInBurst,
                    FourState::LosingInBurst if below(p31, p32) => FourState::PassingInGap,
                    FourState::LosingAlone => FourState::PassingInGap,
                    same => same,
                };
                matches!(self.four_state, FourState::LosingInBurst | FourState::LosingAlone)
            }
        }
    }

    /// When a packet arrives that would do so at `arrives` without jitter, and whether it overtakes.
    fn arrival(&mut self, arrives: SimTime) -> (SimTime, bool) {
        let Some(jitter) = self.jitter() else { return (arrives, true) };
        self.last_arrival = (arrives + jitter).max(self.last_arrival);
        (self.last_arrival, false)
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
