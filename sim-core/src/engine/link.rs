//! What a link does to packets, as settings; per direction.

use crate::rng::Probability;
use crate::time::SimDuration;
use crate::units::{BitRate, ByteSize};

/// One direction of a link.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkConfig {
    /// Bits per second of whole IP packets (plus [`LinkConfig::overhead`]); `None`: no limit.
    pub rate: Option<BitRate>,
    /// Propagation delay.
    pub delay: SimDuration,
    /// Random delay on top; never reorders (a link is a FIFO) unless [`LinkConfig::reorder`] says so.
    pub jitter: Jitter,
    /// The queue in front of the link.
    pub queue: QueueLimit,
    /// Which packets the queue drops before it is full.
    pub discipline: Discipline,
    /// Random loss.
    pub loss: Loss,
    /// Probability that a packet skips the queueing delay of jitter and overtakes (netem's reorder).
    pub reorder: Probability,
    /// Probability that a packet is delivered twice.
    pub duplicate: Probability,
    /// Probability that one bit of a packet flips; the receiver's checksum finds it.
    pub corrupt: Probability,
    /// Largest IP packet, in bytes; larger ones are dropped, and their sender is told.
    pub mtu: u32,
    /// Bytes of link-layer framing that the rate counts besides each IP packet.
    pub overhead: u32,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            rate: None,
            delay: SimDuration::ZERO,
            jitter: Jitter::None,
            queue: QueueLimit::Time(SimDuration::from_millis(100)),
            discipline: Discipline::DropTail,
            loss: Loss::None,
            reorder: Probability::ZERO,
            duplicate: Probability::ZERO,
            corrupt: Probability::ZERO,
            mtu: 1500,
            overhead: 0,
        }
    }
}

/// Which packets a queue drops before it is full.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Discipline {
    /// None.
    #[default]
    DropTail,
    /// Random early detection (Floyd and Jacobson, 1993).
    Red {
        /// Average length below which nothing is dropped.
        min: ByteSize,
        /// Average length from which on everything is.
        max: ByteSize,
        /// Probability of a drop just below `max`.
        probability: Probability,
    },
    /// Controlled delay (RFC 8289).
    CoDel {
        /// Wait that is good enough.
        target: SimDuration,
        /// How long it may be exceeded.
        interval: SimDuration,
    },
    /// A queue for each flow, served in turn, each with controlled delay (RFC 8290).
    FqCoDel {
        /// Wait that is good enough.
        target: SimDuration,
        /// How long it may be exceeded.
        interval: SimDuration,
        /// Queues that flows are sorted into, by a hash; at least 1.
        flows: u16,
        /// Bytes that a flow may send in its turn; at least 1.
        quantum: u32,
    },
}

/// How much a queue holds, the packet in transmission not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueLimit {
    /// So many packets.
    Packets(u32),
    /// So many bytes.
    Bytes(ByteSize),
    /// So long a wait at the link's rate.
    Time(SimDuration),
    /// Everything.
    Unlimited,
}

/// Random delay on top of the propagation delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// None.
    #[default]
    None,
    /// Uniform in 0..=max.
    Uniform(SimDuration),
}

/// Random loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each packet by itself.
    Bernoulli(Probability),
    /// Gilbert–Elliott: two states, good and bad, evaluated per packet.
    GilbertElliott {
        /// Good to bad.
        p: Probability,
        /// Bad to good.
        r: Probability,
        /// Loss in the bad state.
        bad: Probability,
        /// Loss in the good state.
        good: Probability,
    },
    /// Four states (Salsano et al., 2009; netem's `loss state`): 1 and 2 let packets pass, in a gap and in
    /// a burst; 3 and 4 lose them, in a burst and alone.
    FourState {
        /// From 1 to 3: a burst begins.
        p13: Probability,
        /// From 3 to 1: it ends.
        p31: Probability,
        /// From 3 to 2: a packet passes within it.
        p32: Probability,
        /// From 2 to 3.
        p23: Probability,
        /// From 1 to 4: a packet is lost alone.
        p14: Probability,
    },
}

impl LinkConfig {
    /// An ideal wire: no rate, no delay, nothing lost. It costs no event.
    #[must_use]
    pub fn wire() -> Self {
        Self { queue: QueueLimit::Unlimited, mtu: u32::MAX, ..Self::default() }
    }

    /// True when something random may happen to a packet.
    #[must_use]
    pub fn is_impaired(&self) -> bool {
        self.jitter != Jitter::None
            || self.loss != Loss::None
            || self.discipline != Discipline::DropTail
            || !self.corrupt.is_zero()
            || !self.duplicate.is_zero()
    }

    /// True when a packet comes out unchanged at the moment it goes in.
    #[must_use]
    pub fn is_wire(&self) -> bool {
        self.rate.is_none()
            && self.delay == SimDuration::ZERO
            && self.jitter == Jitter::None
            && self.loss == Loss::None
            && self.corrupt.is_zero()
            && self.duplicate.is_zero()
            && self.mtu == u32::MAX
    }
}
