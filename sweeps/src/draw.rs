//! Random values: distributions of rand_distr, with units.

use rand_distr::{
    Beta, Exp, Gamma, LogNormal, Normal, Pareto, Poisson, Triangular, Uniform, Weibull,
};
use serde::Deserialize;
use sim_core::rng::Stream;

use crate::quantity::{Kind, Quantity};

/// A distribution, with its parameters as people know them. Quantities of one distribution are of one
/// kind; shapes are plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Distribution {
    /// Anything from the first to the second, equally likely.
    Uniform(Quantity, Quantity),
    /// The same of the logarithm.
    LogUniform(Quantity, Quantity),
    /// Gauss's.
    Normal {
        /// Mean.
        mean: Quantity,
        /// Standard deviation.
        deviation: Quantity,
    },
    /// The logarithm has a normal distribution.
    LogNormal {
        /// Half of the values are smaller.
        median: Quantity,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
    },
    /// Times between independent events.
    Exponential {
        /// Mean.
        mean: Quantity,
    },
    /// A heavy tail.
    Pareto {
        /// The least value.
        least: Quantity,
        /// The smaller, the heavier the tail.
        shape: f64,
    },
    /// Between exponential and normal.
    Weibull {
        /// Scale.
        scale: Quantity,
        /// Shape; 1 is the exponential distribution.
        shape: f64,
    },
    /// From the least to the greatest, most likely in between.
    Triangular {
        /// Least value.
        least: Quantity,
        /// Most likely value.
        mode: Quantity,
        /// Greatest value.
        most: Quantity,
    },
    /// Sums of exponential ones.
    Gamma {
        /// Shape.
        shape: f64,
        /// Scale.
        scale: Quantity,
    },
    /// A share between 0 and 1: a probability.
    Beta {
        /// First shape.
        alpha: f64,
        /// Second shape.
        beta: f64,
    },
    /// A number of independent events.
    Poisson {
        /// Mean.
        mean: f64,
    },
}

/// Values outside `between` are drawn again, at most so often.
const TRIES: u32 = 10_000;

/// A distribution whose parameters make sense, cut to a range.
#[derive(Clone, Copy, Debug)]
pub struct Sampler {
    distribution: Distribution,
    kind: Kind,
    between: Option<(f64, f64)>,
    whole: bool,
}

impl Sampler {
    /// A distribution, cut to `between`.
    ///
    /// # Errors
    /// What does not make sense, in a sentence.
    pub fn new(
        distribution: Distribution,
        between: Option<(Quantity, Quantity)>,
        whole: bool,
    ) -> Result<Self, String> {
        let mut quantities = distribution.quantities();
        let kind = match (&distribution, quantities.first()) {
            (Distribution::Beta { .. }, _) => Kind::Probability,
            (_, Some(first)) => first.kind,
            (_, None) => Kind::Number,
        };
        quantities.extend(between.into_iter().flat_map(|(from, to)| [from, to]));
        if let Some(other) = quantities.iter().find(|quantity| quantity.kind != kind) {
            let (one, other) = (kind.word(), other.kind.word());
            return Err(format!("{one} and {other} do not go together"));
        }
        if whole && kind != Kind::Number {
            return Err(format!("only numbers can be whole, this is {}", kind.word()));
        }
        let between = between.map(|(from, to)| (from.value, to.value));
        if between.is_some_and(|(from, to)| from > to) {
            return Err("between: the first must be the smaller one".into());
        }
        let sampler = Self { distribution, kind, between, whole };
        // Parameters are refused, or not, whatever the luck.
        sampler.sample(&mut Stream::new(0, "parameters"))?;
        Ok(sampler)
    }

    /// What its values are of.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// A value as a scenario writes it.
    ///
    /// # Errors
    /// No value could be drawn that is one of its kind and within the range.
    pub fn draw(&self, stream: &mut Stream) -> Result<String, String> {
        for _ in 0..TRIES {
            let mut value = self.sample(stream)?;
            if self.whole {
                value = value.round();
            }
            let inside = self.between.is_none_or(|(from, to)| (from..=to).contains(&value));
            if let Some(written) = self.kind.written(value).filter(|_| inside) {
                return Ok(written);
            }
        }
        Err(format!("none of {TRIES} random values is {} in the range", self.kind.word()))
    }

    fn sample(&self, stream: &mut Stream) -> Result<f64, String> {
        fn of<D: rand_distr::Distribution<f64>, E: std::fmt::Display>(
            distribution: Result<D, E>,
            stream: &mut Stream,
        ) -> Result<f64, String> {
            let distribution = distribution.map_err(|error| error.to_string())?;
            Ok(distribution.sample(stream))
        }
        match self.distribution {
            Distribution::Uniform(from, to) => {
                of(Uniform::new_inclusive(from.value, to.value), stream)
            }
            Distribution::LogUniform(from, to) if from.value > 0.0 => {
                of(Uniform::new_inclusive(from.value.ln(), to.value.ln()), stream).map(f64::exp)
            }
            Distribution::LogUniform(..) => Err("the least must be more than 0".into()),
            Distribution::Normal { deviation, .. } if deviation.value < 0.0 => {
                Err("the deviation cannot be negative".into())
            }
            Distribution::Normal { mean, deviation } => {
                of(Normal::new(mean.value, deviation.value), stream)
            }
            Distribution::LogNormal { sigma, .. } if sigma < 0.0 => {
                Err("sigma cannot be negative".into())
            }
            Distribution::LogNormal { median, sigma } if median.value > 0.0 => {
                of(LogNormal::new(median.value.ln(), sigma), stream)
            }
            Distribution::LogNormal { .. } => Err("the median must be more than 0".into()),
            Distribution::Exponential { mean } if mean.value > 0.0 => {
                of(Exp::new(1.0 / mean.value), stream)
            }
            Distribution::Exponential { .. } => Err("the mean must be more than 0".into()),
            Distribution::Pareto { least, shape } => of(Pareto::new(least.value, shape), stream),
            Distribution::Weibull { scale, shape } => of(Weibull::new(scale.value, shape), stream),
            Distribution::Triangular { least, mode, most } => {
                of(Triangular::new(least.value, most.value, mode.value), stream)
            }
            Distribution::Gamma { shape, scale } => of(Gamma::new(shape, scale.value), stream),
            Distribution::Beta { alpha, beta } => of(Beta::new(alpha, beta), stream),
            Distribution::Poisson { mean } => of(Poisson::new(mean), stream),
        }
    }
}

impl Distribution {
    fn quantities(self) -> Vec<Quantity> {
        match self {
            Self::Uniform(from, to) | Self::LogUniform(from, to) => vec![from, to],
            Self::Normal { mean, deviation } => vec![mean, deviation],
            Self::LogNormal { median, .. } => vec![median],
            Self::Exponential { mean } => vec![mean],
            Self::Pareto { least, .. } => vec![least],
            Self::Weibull { scale, .. } | Self::Gamma { scale, .. } => vec![scale],
            Self::Triangular { least, mode, most } => vec![least, mode, most],
            Self::Beta { .. } | Self::Poisson { .. } => Vec::new(),
        }
    }
}
