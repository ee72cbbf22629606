//! Settings of a link, as a scenario file gives them.
//!
//! Every setting but MTU and framing has a twin that ends in `_back` for the way back (from the server
//! to the client, or from a link's second end to its first); without it, the way back is like the way
//! out.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use sim_core::engine::link::{Discipline, Jitter, LinkConfig, Loss, QueueLimit};
use sim_core::rng::Probability;
use sim_core::time::SimDuration;
use sim_core::units::{BitRate, ByteSize};

/// Declares a struct that has the settings of a link beside its own fields (serde cannot flatten a
/// struct and refuse unknown fields at once), and how they are applied.
macro_rules! with_link_settings {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$meta:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$meta])* pub $field: $type,)*
            /// Bits per second of whole IP packets; none: unlimited.
            #[serde(default)]
            pub rate: Option<sim_core::units::BitRate>,
            /// The way back.
            #[serde(default)]
            pub rate_back: Option<sim_core::units::BitRate>,
            /// Propagation delay, one way; none: 0.
            #[serde(default)]
            pub delay: Option<sim_core::time::SimDuration>,
            /// The way back.
            #[serde(default)]
            pub delay_back: Option<sim_core::time::SimDuration>,
            /// Random delay on top, in order; none: none.
            #[serde(default)]
            pub jitter: Option<$crate::settings::JitterModel>,
            /// The way back.
            #[serde(default)]
            pub jitter_back: Option<$crate::settings::JitterModel>,
            /// The queue in front of the link; none: drop-tail, `"100 ms"`.
            #[serde(default)]
            pub queue: Option<$crate::settings::QueueModel>,
            /// The way back.
            #[serde(default)]
            pub queue_back: Option<$crate::settings::QueueModel>,
            /// Random loss; none: none.
            #[serde(default)]
            pub loss: Option<$crate::settings::LossModel>,
            /// The way back.
            #[serde(default)]
            pub loss_back: Option<$crate::settings::LossModel>,
            /// Probability that a packet overtakes those before it; none: 0.
            #[serde(default)]
            pub reorder: Option<sim_core::rng::Probability>,
            /// The way back.
            #[serde(default)]
            pub reorder_back: Option<sim_core::rng::Probability>,
            /// Probability that a packet is delivered twice; none: 0.
            #[serde(default)]
            pub duplicate: Option<sim_core::rng::Probability>,
            /// The way back.
            #[serde(default)]
            pub duplicate_back: Option<sim_core::rng::Probability>,
            /// Probability that a bit of a packet flips; none: 0.
            #[serde(default)]
            pub corrupt: Option<sim_core::rng::Probability>,
            /// The way back.
            #[serde(default)]
            pub corrupt_back: Option<sim_core::rng::Probability>,
            /// Largest IP packet, in bytes, both ways; none: 1500.
            #[serde(default)]
            pub mtu: Option<u32>,
            /// Link-layer framing that the rate counts besides each IP packet, in bytes, both ways; none: 0.
            #[serde(default)]
            pub overhead: Option<u32>,
        }

        impl $name {
            /// Settings that no link has: the field, what is wrong, and a few words beside the mark.
            #[must_use]
            pub fn faults(&self) -> Vec<(&'static str, String, &'static str)> {
                let queues = [("queue", self.queue), ("queue_back", self.queue_back)];
                let mut faults: Vec<_> = queues
                    .into_iter()
                    .filter_map(|(field, queue)| {
                        let (message, label) = queue?.problem()?;
                        Some((field, message, label))
                    })
                    .collect();
                faults.extend(
                    $crate::settings::mtu_problem(self.mtu).map(|message| ("mtu", message, "here")),
                );
                faults
            }

            /// Both directions of the link: `base` with what is set here.
            #[must_use]
            pub fn apply(
                &self,
                base: &$crate::settings::BothWays,
            ) -> $crate::settings::BothWays {
                let mut both = base.clone();
                $crate::settings::with_link_settings!(@set self both
                    rate rate_back: |rate| Some(rate),
                    delay delay_back: |delay| delay,
                    jitter jitter_back: |jitter: $crate::settings::JitterModel| jitter.into(),
                    loss loss_back: |loss: $crate::settings::LossModel| loss.into(),
                    reorder reorder_back: |p| p,
                    duplicate duplicate_back: |p| p,
                    corrupt corrupt_back: |p| p,
                );
                for (queue, direction) in [
                    (self.queue, &mut both.out),
                    (self.queue_back.or(self.queue), &mut both.back),
                ] {
                    if let Some(queue) = queue {
                        (direction.queue, direction.discipline) = queue.settings();
                    }
                }
                for direction in [&mut both.out, &mut both.back] {
                    direction.mtu = self.mtu.unwrap_or(direction.mtu);
                    direction.overhead = self.overhead.unwrap_or(direction.overhead);
                }
                both
            }
        }
    };
    (@set $self:ident $both:ident $($field:ident $back:ident: $convert:expr,)*) => {
        $(
            let convert = $convert;
            if let Some(value) = $self.$field {
                $both.out.$field = convert(value);
            }
            if let Some(value) = $self.$back.or($self.$field) {
                $both.back.$field = convert(value);
            }
        )*
    };
}
pub(crate) use with_link_settings;

/// What is wrong with an MTU. IPv6 needs 1280 (RFC 8200 §5), IPv4 68 (RFC 791); below 256 no segment with
/// options has room.
pub(crate) fn mtu_problem(mtu: Option<u32>) -> Option<String> {
    let mtu = mtu.filter(|mtu| !(256..=65_535).contains(mtu))?;
    Some(format!("an MTU is from 256 to 65535 bytes, not {mtu}"))
}

/// The two directions of a link.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BothWays {
    /// From the client's side, or from the first end.
    pub out: LinkConfig,
    /// The way back.
    pub back: LinkConfig,
}

with_link_settings! {
    /// What an event changes of a link; what is not given stays as it is.
    pub struct LinkChange {
        /// Name of the path or link.
        pub name: String,
    }
}

impl LinkChange {
    /// No change of the link of this name, to be filled in.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            rate: None,
            rate_back: None,
            delay: None,
            delay_back: None,
            jitter: None,
            jitter_back: None,
            queue: None,
            queue_back: None,
            loss: None,
            loss_back: None,
            reorder: None,
            reorder_back: None,
            duplicate: None,
            duplicate_back: None,
            corrupt: None,
            corrupt_back: None,
            mtu: None,
            overhead: None,
        }
    }
}

/// Address family of a path or link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Family {
    /// IPv4.
    #[default]
    V4,
    /// IPv6.
    V6,
}

/// Random loss. A bare `"1 %"` in a scenario file is `Bernoulli("1 %")`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum LossModel {
    /// Each packet by itself.
    Bernoulli(Probability),
    /// Two states, good and bad, evaluated per packet.
    GilbertElliott {
        /// Good to bad.
        p: Probability,
        /// Bad to good.
        r: Probability,
        /// Loss in the bad state.
        #[serde(default = "certain")]
        bad: Probability,
        /// Loss in the good state.
        #[serde(default)]
        good: Probability,
    },
    /// Four states, as netem's `loss state`: 1 and 2 let packets pass, in a gap and in a burst; 3 and 4
    /// lose them, in a burst and alone.
    FourState {
        /// From 1 to 3: a burst begins.
        p13: Probability,
        /// From 3 to 1: it ends; none: 1 - p13.
        p31: Option<Probability>,
        /// From 3 to 2: a packet passes within it.
        #[serde(default)]
        p32: Probability,
        /// From 2 to 3.
        #[serde(default = "certain")]
        p23: Probability,
        /// From 1 to 4: a packet is lost alone.
        #[serde(default)]
        p14: Probability,
    },
}

fn certain() -> Probability {
    Probability::ONE
}

impl From<LossModel> for Loss {
    fn from(model: LossModel) -> Self {
        match model {
            LossModel::Bernoulli(p) => Self::Bernoulli(p),
            LossModel::GilbertElliott { p, r, bad, good } => {
                Self::GilbertElliott { p, r, bad, good }
            }
            LossModel::FourState { p13, p31, p32, p23, p14 } => {
                let rest = Probability::from_raw(Probability::ONE.raw() - p13.raw());
                let p31 = p31.or(rest).unwrap_or(Probability::ZERO);
                Self::FourState { p13, p31, p32, p23, p14 }
            }
        }
    }
}

/// Random delay. A bare `"5 ms"` in a scenario file is `Uniform("5 ms")`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum JitterModel {
    /// Uniform from 0 to this.
    Uniform(SimDuration),
}

impl From<JitterModel> for Jitter {
    fn from(model: JitterModel) -> Self {
        match model {
            JitterModel::Uniform(most) => Self::Uniform(most),
        }
    }
}

/// Queue discipline. A bare `"100 ms"` in a scenario file is `DropTail("100 ms")`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum QueueModel {
    /// First in, first out; what does not fit is dropped.
    DropTail(Limit),
    /// Random early detection: packets are dropped the likelier the longer the queue is on average.
    Red {
        /// Average length below which nothing is dropped.
        min: ByteSize,
        /// Average length from which on everything is.
        max: ByteSize,
        /// Probability of a drop just below `max`; none: 2 %.
        #[serde(default = "red_probability")]
        probability: Probability,
        /// What the queue holds at most; none: everything.
        #[serde(default = "unlimited")]
        limit: Limit,
    },
    /// Controlled delay (RFC 8289): packets are dropped while the wait stays above `target`.
    CoDel {
        /// Wait that is good enough; none: 5 ms.
        #[serde(default = "codel_target")]
        target: SimDuration,
        /// How long it may be exceeded; none: 100 ms.
        #[serde(default = "codel_interval")]
        interval: SimDuration,
        /// What the queue holds at most; none: 1000 packets.
        #[serde(default = "codel_limit")]
        limit: Limit,
    },
    /// Flow queueing with controlled delay (RFC 8290): a queue for each flow, served in turn, so that
    /// no flow waits behind the packets of another.
    FqCoDel {
        /// Wait that is good enough; none: 5 ms.
        #[serde(default = "codel_target")]
        target: SimDuration,
        /// How long it may be exceeded; none: 100 ms.
        #[serde(default = "codel_interval")]
        interval: SimDuration,
        /// Queues that flows are sorted into by a hash; none: 1024.
        #[serde(default = "fq_flows")]
        flows: u16,
        /// What a flow may send in its turn; none: 1514 bytes.
        #[serde(default = "fq_quantum")]
        quantum: ByteSize,
        /// What all queues hold at most; none: 10240 packets.
        #[serde(default = "fq_limit")]
        limit: Limit,
    },
}

fn red_probability() -> Probability {
    Probability::new(0.02).unwrap_or(Probability::ONE)
}

const fn unlimited() -> Limit {
    Limit(QueueLimit::Unlimited)
}

const fn codel_target() -> SimDuration {
    SimDuration::from_millis(5)
}

const fn codel_interval() -> SimDuration {
    SimDuration::from_millis(100)
}

const fn codel_limit() -> Limit {
    Limit(QueueLimit::Packets(1_000))
}

const fn fq_flows() -> u16 {
    1024
}

const fn fq_quantum() -> ByteSize {
    ByteSize(1_514)
}

const fn fq_limit() -> Limit {
    Limit(QueueLimit::Packets(10_240))
}

impl QueueModel {
    /// What is wrong with it, and a few words beside the mark.
    #[must_use]
    pub fn problem(self) -> Option<(String, &'static str)> {
        match self {
            Self::Red { min, max, .. } if max <= min => Some((
                format!("RED drops between two lengths: max, {max}, must be more than min, {min}"),
                "nothing lies between them",
            )),
            Self::FqCoDel { flows: 0, .. } => {
                Some(("FqCoDel sorts flows into at least 1 queue".to_owned(), "flows: 0"))
            }
            Self::FqCoDel { quantum, .. } if !(1..=1 << 20).contains(&quantum.0) => Some((
                format!("a quantum is from 1 byte to 1 MiB, not {quantum}"),
                "a packet is usual: 1514 B",
            )),
            _ => None,
        }
    }

    /// What it holds, and what it drops before it is full.
    #[must_use]
    pub const fn settings(self) -> (QueueLimit, Discipline) {
        match self {
            Self::DropTail(Limit(limit)) => (limit, Discipline::DropTail),
            Self::Red { min, max, probability, limit } => {
                (limit.0, Discipline::Red { min, max, probability })
            }
            Self::CoDel { target, interval, limit } => {
                (limit.0, Discipline::CoDel { target, interval })
            }
            Self::FqCoDel { target, interval, flows, quantum, limit } => {
                let quantum = quantum.0 as u32;
                (limit.0, Discipline::FqCoDel { target, interval, flows, quantum })
            }
        }
    }
}

/// What a queue holds: `"100 ms"`, `"50 packets"`, `"64 KiB"` or `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub QueueLimit);

const LIMIT: &str = "a queue limit: a time, a number of packets or a size, such as \"100 ms\", \"50 packets\" or \"64 KiB\"";

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        if trimmed == "unlimited" {
            return Ok(Self(QueueLimit::Unlimited));
        }
        let packets = trimmed.strip_suffix("packets").or_else(|| trimmed.strip_suffix("packet"));
        if let Some(number) = packets {
            return match number.trim().parse() {
                Ok(0) => Err(format!("\"{text}\" holds nothing\nwrite at least \"1 packet\"")),
                Ok(packets) => Ok(Self(QueueLimit::Packets(packets))),
                Err(_) => Err(format!("\"{text}\" is not a number of packets\nexpected {LIMIT}")),
            };
        }
        if let Ok(time) = trimmed.parse::<SimDuration>() {
            return Ok(Self(QueueLimit::Time(time)));
        }
        match trimmed.parse::<ByteSize>() {
            Ok(size) => Ok(Self(QueueLimit::Bytes(size))),
            Err(_) => Err(format!("\"{text}\" is not a queue limit\nexpected {LIMIT}")),
        }
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LimitVisitor;
        impl Visitor<'_> for LimitVisitor {
            type Value = Limit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(LIMIT)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Limit, E> {
                text.parse().map_err(E::custom)
            }
        }
        // Not `deserialize_str`: its refusal says only that a string was expected.
        deserializer.deserialize_any(LimitVisitor)
    }
}

/// The narrower of two rates, where `None` is unlimited.
#[must_use]
pub fn narrower(a: Option<BitRate>, b: Option<BitRate>) -> Option<BitRate> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
