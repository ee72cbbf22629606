//! The sweep file, as types.

use std::fmt;

use reports::sweep::Question;
use scenarios::schema::Named;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use sim_core::rng::Probability;
use sim_core::time::SimDuration;

use crate::draw::Distribution;
use crate::quantity::Quantity;

/// A value that goes into the scenario as it stands in the text; what it may be is the scenario's
/// affair.
pub type Raw = IgnoredAny;

/// A sweep: a scenario, what varies in it, and what is asked of the results.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// What it is about, in one line.
    pub title: String,
    /// Path of the scenario file, relative to this one; `{name}` stands for the value of the fixed axis
    /// of this name.
    pub scenario: String,
    /// Settings of all runs, as of `--set`.
    #[serde(default)]
    pub set: Named<Raw>,
    /// What varies. Every combination of the values of `List`, `Range` and `Cases` is a point; `Random`,
    /// `Choice` and `Population` are drawn anew for every run.
    #[serde(default)]
    pub axes: Vec<Axis>,
    /// Runs of each point, each with a seed of its own; none: 1.
    #[serde(default)]
    pub seeds: Option<u32>,
    /// From which all seeds are derived; none: 1.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Give all points the same seeds, so that they differ by their settings and not by their luck;
    /// none: every run of every point has its own luck.
    #[serde(default)]
    pub paired: bool,
    /// Measure goodput between these times since the start of the run; none: from the first write to
    /// the last delivery.
    #[serde(default)]
    pub window: Option<(SimDuration, SimDuration)>,
    /// Keep delivered bytes over time, in intervals of this length; none: they are not kept.
    #[serde(default)]
    pub series: Option<SimDuration>,
    /// What is asked of the results; none: what is nearly always worth asking.
    #[serde(default)]
    pub report: Vec<Question>,
}

/// Something that varies.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Axis {
    /// These values.
    List {
        /// Name, for questions and columns.
        name: String,
        /// The settings that have the value; none: it is only part of the scenario's path.
        #[serde(default)]
        set: Keys,
        /// The values.
        values: Vec<Raw>,
    },
    /// Values at equal distances.
    Range {
        /// Name.
        name: String,
        /// The settings that have the value.
        set: Keys,
        /// The first.
        from: Quantity,
        /// The last.
        to: Quantity,
        /// How many, both ends included.
        steps: u32,
        /// What is equal: differences or ratios; none: `Linear`.
        #[serde(default)]
        scale: Scale,
    },
    /// Several settings at once, by a name: `"ASA": { "devices.edge": Asa() }`.
    Cases {
        /// Name.
        name: String,
        /// Settings by the name of the case.
        cases: Named<Named<Raw>>,
    },
    /// A random number, drawn for every run.
    Random {
        /// Name.
        name: String,
        /// The settings that have the value.
        set: Keys,
        /// Its distribution.
        from: Distribution,
        /// What lies outside is drawn again.
        #[serde(default)]
        between: Option<(Quantity, Quantity)>,
        /// Round to whole numbers (of plain numbers; none: false).
        #[serde(default)]
        whole: bool,
    },
    /// One of several cases, drawn for every run.
    Choice {
        /// Name.
        name: String,
        /// Weight and settings by the name of the case.
        cases: Named<Weighted>,
    },
    /// A random box, drawn for every run: each behaviour is there with its own probability,
    /// independently of the others, and the rules of those that are there make a `Custom` device.
    Population {
        /// Name.
        name: String,
        /// The settings that have the device.
        set: Keys,
        /// The fixed axis that probabilities may depend on.
        #[serde(default)]
        by: Option<String>,
        /// What boxes do, by what it is called, in the order of the rules.
        behaviours: Named<Behaviour>,
    },
}

/// What is equal between neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Scale {
    /// The difference.
    #[default]
    Linear,
    /// The ratio; values are rounded to three digits.
    Log,
}

/// A case of [`Axis::Choice`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weighted {
    /// How likely it is, relative to the others.
    pub weight: f64,
    /// Its settings.
    #[serde(default)]
    pub set: Named<Raw>,
}

/// Something that boxes of a population do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// Part of the boxes that do it.
    pub share: Share,
    /// Rules of a `Custom` device.
    pub rules: Vec<Raw>,
}

/// A probability, or one for each value of an axis.
#[derive(Clone, Debug)]
pub enum Share {
    /// The same everywhere.
    Same(Probability),
    /// By the axis's value.
    By(Named<Probability>),
}

/// Keys of settings: one, or several that have the same value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(pub Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeysVisitor;
        impl<'de> Visitor<'de> for KeysVisitor {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a setting, such as \"topology.paths.dsl.rate\", or a list of them")
            }

            fn visit_str<E>(self, key: &str) -> Result<Keys, E> {
                Ok(Keys(vec![key.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some(key) = list.next_element()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_any(KeysVisitor)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShareVisitor;
        impl<'de> Visitor<'de> for ShareVisitor {
            type Value = Share;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a probability, such as \"4 %\", or one for each value of the axis: { \"80\": \
                     \"14 %\" }",
                )
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Share, E> {
                text.parse().map(Share::Same).map_err(E::custom)
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Share, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Share, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Share, A::Error> {
                let mut shares = Vec::new();
                while let Some(share) = map.next_entry()? {
                    shares.push(share);
                }
                Ok(Share::By(Named(shares)))
            }
        }
        deserializer.deserialize_any(ShareVisitor)
    }
}

impl Sweep {
    /// Runs of each point.
    #[must_use]
    pub fn seeds(&self) -> u32 {
        self.seeds.unwrap_or(1)
    }
}

impl Axis {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::List { name, .. }
            | Self::Range { name, .. }
            | Self::Cases { name, .. }
            | Self::Random { name, .. }
            | Self::Choice { name, .. }
            | Self::Population { name, .. } => name,
        }
    }

    /// True when its values make points, false when they are drawn for every run.
    #[must_use]
    pub const fn is_fixed(&self) -> bool {
        matches!(self, Self::List { .. } | Self::Range { .. } | Self::Cases { .. })
    }
}
