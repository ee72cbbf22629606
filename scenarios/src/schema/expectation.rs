//! What must come out of a scenario.

use serde::Deserialize;
use sim_core::record::SubflowOutcome;
use sim_core::rng::Probability;
use sim_core::time::SimDuration;
use sim_core::units::BitRate;

/// One expectation; `name` is the traffic's, and may stand first without its name:
/// `Goodput("video", at_least: "8.4 Mbps")`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Expectation {
    /// What becomes of the connection.
    Verdict(String, ExpectedVerdict),
    /// Bits delivered to the application per second.
    Goodput {
        /// Traffic.
        name: String,
        /// From when to when; none: from the first write to the last delivery.
        #[serde(default)]
        between: Option<(SimDuration, SimDuration)>,
        /// Lower bound.
        #[serde(default)]
        at_least: Option<BitRate>,
        /// Upper bound.
        #[serde(default)]
        at_most: Option<BitRate>,
    },
    /// Goodput as a share of what the paths could give after headers.
    BoundShare {
        /// Traffic.
        name: String,
        /// From when to when; none: from the first write to the last delivery.
        #[serde(default)]
        between: Option<(SimDuration, SimDuration)>,
        /// Lower bound.
        #[serde(default)]
        at_least: Option<Probability>,
        /// Upper bound.
        #[serde(default)]
        at_most: Option<Probability>,
    },
    /// The longest time without a delivery while data was waiting.
    Stall {
        /// Traffic.
        name: String,
        /// Lower bound.
        #[serde(default)]
        at_least: Option<SimDuration>,
        /// Upper bound.
        #[serde(default)]
        at_most: Option<SimDuration>,
    },
    /// Every byte that was written arrived, in order, as it was written.
    Intact(String),
    /// A link of the connection's cause, or of one of its subflows', says this.
    Cause {
        /// Traffic.
        name: String,
        /// Path of the subflow whose cause is meant; none: the connection's or any subflow's.
        #[serde(default)]
        path: Option<String>,
        /// The device that the link must blame.
        #[serde(default)]
        device: Option<String>,
        /// Words that the link must have (upper and lower case are the same).
        #[serde(default)]
        contains: Option<String>,
    },
    /// How often a device made a kind of change.
    Change {
        /// Device.
        name: String,
        /// Kind of change: `option-30-to-nop`; none: all.
        #[serde(default)]
        label: Option<String>,
        /// Lower bound.
        #[serde(default)]
        at_least: Option<u64>,
        /// Upper bound.
        #[serde(default)]
        at_most: Option<u64>,
    },
    /// How far the subflows of a path came.
    Subflow {
        /// Traffic.
        name: String,
        /// Path.
        path: String,
        /// What at least one of the path's subflows came to.
        outcome: ExpectedOutcome,
    },
    /// Time from the write to the in-order delivery.
    Latency {
        /// Traffic.
        name: String,
        /// Which percentile, from 0 to 100.
        percentile: f64,
        /// Upper bound.
        at_most: SimDuration,
    },
}

/// A verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ExpectedVerdict {
    /// MPTCP to the end.
    Mptcp {
        /// With so many subflows established; none: any number.
        #[serde(default)]
        subflows: Option<u32>,
    },
    /// Plain TCP.
    Fallback,
    /// Never connected, reset, stalled, or a wrong stream.
    Failed,
}

/// How far a subflow came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum ExpectedOutcome {
    /// It could carry data to the end.
    Established,
    /// It was established and then reset.
    Reset,
    /// It was refused before it was established.
    Refused,
    /// Nobody answered.
    TimedOut,
}

impl From<ExpectedOutcome> for SubflowOutcome {
    fn from(expected: ExpectedOutcome) -> Self {
        match expected {
            ExpectedOutcome::Established => Self::Established,
            ExpectedOutcome::Reset => Self::Reset,
            ExpectedOutcome::Refused => Self::Refused,
            ExpectedOutcome::TimedOut => Self::TimedOut,
        }
    }
}

impl Expectation {
    /// The traffic that it speaks of; none for one about a device.
    #[must_use]
    pub fn traffic(&self) -> Option<&str> {
        match self {
            Self::Verdict(name, _)
            | Self::Intact(name)
            | Self::Goodput { name, .. }
            | Self::BoundShare { name, .. }
            | Self::Stall { name, .. }
            | Self::Cause { name, .. }
            | Self::Subflow { name, .. }
            | Self::Latency { name, .. } => Some(name),
            Self::Change { .. } => None,
        }
    }

    /// The device that it speaks of.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        match self {
            Self::Change { name, .. } => Some(name),
            Self::Cause { device, .. } => device.as_deref(),
            _ => None,
        }
    }

    /// The path that it speaks of.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Subflow { path, .. } => Some(path),
            Self::Cause { path, .. } => path.as_deref(),
            _ => None,
        }
    }

    /// Its word in the file.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Verdict(..) => "Verdict",
            Self::Goodput { .. } => "Goodput",
            Self::BoundShare { .. } => "BoundShare",
            Self::Stall { .. } => "Stall",
            Self::Intact(_) => "Intact",
            Self::Cause { .. } => "Cause",
            Self::Change { .. } => "Change",
            Self::Subflow { .. } => "Subflow",
            Self::Latency { .. } => "Latency",
        }
    }
}
