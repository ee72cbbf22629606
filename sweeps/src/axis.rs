//! Axes as functions: a value's number, or a random stream, to settings.

use std::ops::Range;

use reports::sweep::{AxisInfo, Unit};
use sim_core::rng::{Probability, Stream};

use crate::draw::Sampler;
use crate::quantity::Kind;

/// `KEY=VALUE`, and where the sweep file says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As `--set` takes it.
    pub text: String,
    /// The key, in bytes of the sweep file.
    pub key: Range<usize>,
    /// What its value comes from.
    pub value: Range<usize>,
}

/// A value of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What it is called in results.
    pub label: String,
    /// What it sets.
    pub settings: Vec<Setting>,
}

/// Keys of a random setting, and where the sweep file names them and their distribution.
#[derive(Clone, Debug)]
pub struct Target {
    /// Keys with their places.
    pub keys: Vec<(String, Range<usize>)>,
    /// Where the value comes from.
    pub value: Range<usize>,
}

/// Something that boxes of a population do.
#[derive(Clone, Debug)]
pub struct Trait {
    /// What it is called.
    pub name: String,
    /// How likely it is, for each value of the axis that it depends on, or once.
    pub shares: Vec<Probability>,
    /// Its rules, as text.
    pub rules: Vec<String>,
}

/// How an axis gives values.
#[derive(Clone, Debug)]
pub enum Values {
    /// Each in turn.
    Fixed(Vec<Case>),
    /// One at random, with these weights.
    Choice(Vec<(f64, Case)>),
    /// A random number.
    Random(Target, Sampler),
    /// A random box; the number is that of the axis that its traits depend on.
    Population(Target, Option<usize>, Vec<Trait>),
}

/// An axis, ready.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Name.
    pub name: String,
    /// Its values.
    pub values: Values,
}

impl Target {
    /// The value at every key.
    pub(crate) fn case(&self, label: String, value: &str) -> Case {
        let settings = self.keys.iter().map(|(key, span)| Setting {
            text: format!("{key}={value}"),
            key: span.clone(),
            value: self.value.clone(),
        });
        Case { settings: settings.collect(), label }
    }
}

impl Axis {
    /// Number of its values, if they are fixed.
    #[must_use]
    pub const fn fixed(&self) -> Option<&Vec<Case>> {
        match &self.values {
            Values::Fixed(cases) => Some(cases),
            _ => None,
        }
    }

    /// What those need to know of it who read results.
    #[must_use]
    pub fn info(&self) -> AxisInfo {
        let labels = |cases: &[Case]| cases.iter().map(|case| case.label.clone()).collect();
        let (unit, values): (_, Option<Vec<String>>) = match &self.values {
            Values::Fixed(cases) => {
                (Unit::of(cases.iter().map(|case| case.label.as_str())), Some(labels(cases)))
            }
            Values::Choice(_) | Values::Population(..) => (None, None),
            Values::Random(_, sampler) => (Some(unit(sampler.kind())), None),
        };
        AxisInfo { name: self.name.clone(), unit, values }
    }

    /// A random value; `fixed` are the numbers of the fixed axes' values.
    ///
    /// # Errors
    /// No value can be drawn.
    pub fn draw(&self, stream: &mut Stream, fixed: &[usize]) -> Result<Case, String> {
        match &self.values {
            Values::Fixed(_) => Ok(Case { label: String::new(), settings: Vec::new() }),
            Values::Choice(cases) => Ok(choose(cases, stream).clone()),
            Values::Random(target, sampler) => {
                let value = sampler.draw(stream)?;
                Ok(target.case(value.clone(), &value))
            }
            Values::Population(target, by, traits) => {
                let index = by.and_then(|axis| fixed.get(axis)).copied().unwrap_or(0);
                // Every trait draws, so that one's probability does not change another's luck.
                let has = |t: &&Trait| {
                    let share = t.shares.get(index).copied().unwrap_or(Probability::ZERO);
                    chance(stream, share)
                };
                Ok(with_traits(target, traits.iter().filter(has)))
            }
        }
    }

    /// Cases that show whatever a draw could be wrong about: every choice, a box with every trait.
    #[must_use]
    pub fn samples(&self) -> Vec<Case> {
        match &self.values {
            Values::Fixed(cases) => cases.clone(),
            Values::Choice(cases) => cases.iter().map(|(_, case)| case.clone()).collect(),
            Values::Random(..) => {
                let drawn = self.draw(&mut Stream::new(0, "sample"), &[]);
                drawn.into_iter().collect()
            }
            Values::Population(target, _, traits) => vec![with_traits(target, traits.iter())],
        }
    }
}

/// True with probability `p`, at the cost of one random number whatever `p` is.
fn chance(stream: &mut Stream, p: Probability) -> bool {
    (stream.next_u64() >> 1) < p.raw()
}

fn with_traits<'t>(target: &Target, traits: impl Iterator<Item = &'t Trait>) -> Case {
    let (mut names, mut rules) = (Vec::new(), Vec::new());
    for t in traits {
        names.push(t.name.as_str());
        rules.extend(t.rules.iter().map(String::as_str));
    }
    let label = if names.is_empty() { "none".to_owned() } else { names.join(" + ") };
    target.case(label, &format!("Custom(rules: [{}])", rules.join(", ")))
}

fn choose<'c>(cases: &'c [(f64, Case)], stream: &mut Stream) -> &'c Case {
    let all: f64 = cases.iter().map(|(weight, _)| weight).sum();
    let mut left = (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * all;
    let found = cases.iter().find(|(weight, _)| {
        left -= weight;
        left < 0.0
    });
    // Rounding can leave a last bit over.
    &found.unwrap_or(&cases[cases.len() - 1]).1
}

const fn unit(kind: Kind) -> Unit {
    match kind {
        Kind::Number => Unit::Number,
        Kind::Rate => Unit::Mbps,
        Kind::Time => Unit::Ms,
        Kind::Size => Unit::Bytes,
        Kind::Probability => Unit::Percent,
    }
}
