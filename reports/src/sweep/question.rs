//! What can be asked of the results of a sweep.

use serde::{Deserialize, Serialize};

use super::{AxisInfo, ConnectionRow};

/// A question. Its answer is a table and a chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Question {
    /// Which share of the connections spoke MPTCP, fell back, failed, with 95 % intervals.
    Verdicts {
        /// Title; none: made from the rest.
        #[serde(default)]
        name: Option<String>,
        /// Names of the connections; a `*` stands for anything. None: all.
        #[serde(default)]
        of: Pattern,
        /// For each value of these axes, at most two; a second one makes a matrix.
        #[serde(default)]
        by: Vec<String>,
    },
    /// A figure's mean against an axis, with 95 % intervals over the runs.
    Mean {
        /// Title; none: made from the rest.
        #[serde(default)]
        name: Option<String>,
        /// Of what.
        figure: Figure,
        /// Names of the connections, as in `Verdicts`.
        #[serde(default)]
        of: Pattern,
        /// The axis to the right.
        over: String,
        /// A curve for each value of this axis.
        #[serde(default)]
        by: Option<String>,
    },
    /// A figure's distribution.
    Spread {
        /// Title; none: made from the rest.
        #[serde(default)]
        name: Option<String>,
        /// Of what.
        figure: Figure,
        /// Names of the connections, as in `Verdicts`.
        #[serde(default)]
        of: Pattern,
        /// A line for each value of this axis.
        #[serde(default)]
        by: Option<String>,
    },
}

/// A figure of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Figure {
    /// Goodput: within the sweep's `window` where it has one, else from the first write to the last
    /// delivery.
    Goodput,
    /// Goodput as a part of the most that the paths could give.
    BoundShare,
    /// Time from the call to the last byte; of those that completed.
    CompletionTime,
    /// Longest time without a delivery while data waited.
    LongestStall,
    /// Time from write to in-order delivery: mean; as a distribution that of all bytes.
    Latency,
    /// Number of subflows that were established.
    Subflows,
    /// Segments sent again, all subflows.
    Retransmissions,
}

impl Figure {
    /// In words.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Goodput => "goodput",
            Self::BoundShare => "share of what the paths could give",
            Self::CompletionTime => "time to completion",
            Self::LongestStall => "longest stall",
            Self::Latency => "latency from write to delivery",
            Self::Subflows => "subflows established",
            Self::Retransmissions => "segments sent again",
        }
    }

    /// Its unit; empty for counts.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Goodput => "Mbps",
            Self::BoundShare => "%",
            Self::CompletionTime | Self::LongestStall => "s",
            Self::Latency => "ms",
            Self::Subflows | Self::Retransmissions => "",
        }
    }

    /// Word and unit, as beside a chart.
    #[must_use]
    pub fn heading(self) -> String {
        match self.unit() {
            "" => self.word().to_owned(),
            unit => format!("{}, {unit}", self.word()),
        }
    }

    /// The figure of a connection, where it has one.
    #[must_use]
    pub fn of(self, connection: &ConnectionRow) -> Option<f64> {
        match self {
            Self::Goodput => {
                Some(connection.window_goodput_mbps.unwrap_or(connection.goodput_mbps))
            }
            Self::BoundShare => {
                let bound = connection.bound_mbps.filter(|bound| *bound > 0.0)?;
                Some(100.0 * connection.goodput_mbps / bound)
            }
            Self::CompletionTime => Some(connection.completed_s? - connection.started_s),
            Self::LongestStall => Some(connection.longest_stall_s),
            Self::Latency => connection.latency_mean_ms,
            Self::Subflows => Some(f64::from(connection.subflows_established)),
            Self::Retransmissions => Some(connection.retransmissions as f64),
        }
    }
}

/// Names of connections: a `*` stands for any letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(pub String);

impl Default for Pattern {
    fn default() -> Self {
        Self("*".into())
    }
}

impl Pattern {
    /// Whether a name fits.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        let Some((first, others)) = self.0.split_once('*') else { return name == self.0 };
        let (middle, last) = others.rsplit_once('*').unwrap_or(("", others));
        let inside = name.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
        let Some(mut rest) = inside else { return false };
        middle.split('*').all(|part| match rest.find(part) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                true
            }
            None => false,
        })
    }
}

impl Question {
    /// What is worth asking of any sweep: verdicts by each axis of few values, goodput over each axis
    /// of numbers, and the distribution of goodput.
    #[must_use]
    pub fn usual(axes: &[AxisInfo]) -> Vec<Self> {
        let named = |axis: &AxisInfo| axis.name.clone();
        let all = Pattern::default;
        let (numbers, words): (Vec<_>, Vec<_>) = axes.iter().partition(|axis| axis.unit.is_some());
        let mut questions = Vec::new();
        match axes {
            [] => questions.push(Self::Verdicts { name: None, of: all(), by: vec![] }),
            [first, second] if first.values.is_some() && second.values.is_some() => {
                let by = vec![named(first), named(second)];
                questions.push(Self::Verdicts { name: None, of: all(), by });
            }
            axes => questions.extend(
                axes.iter()
                    .filter(|axis| axis.values.is_some() || axis.unit.is_none())
                    .map(|axis| Self::Verdicts { name: None, of: all(), by: vec![named(axis)] }),
            ),
        }
        let lines = words.first().map(|axis| named(axis));
        questions.extend(numbers.iter().map(|axis| Self::Mean {
            name: None,
            figure: Figure::Goodput,
            of: all(),
            over: named(axis),
            by: lines.clone(),
        }));
        questions.push(Self::Spread { name: None, figure: Figure::Goodput, of: all(), by: lines });
        questions
    }

    /// The axes that it names.
    #[must_use]
    pub fn axes(&self) -> Vec<&str> {
        match self {
            Self::Verdicts { by, .. } => by.iter().map(String::as_str).collect(),
            Self::Mean { over, by, .. } => {
                std::iter::once(over).chain(by).map(String::as_str).collect()
            }
            Self::Spread { by, .. } => by.iter().map(String::as_str).collect(),
        }
    }

    /// The connections that it is about.
    #[must_use]
    pub const fn pattern(&self) -> &Pattern {
        match self {
            Self::Verdicts { of, .. } | Self::Mean { of, .. } | Self::Spread { of, .. } => of,
        }
    }

    /// Its title.
    #[must_use]
    pub fn title(&self) -> String {
        let by = |axes: &[&str]| match axes {
            [] => String::new(),
            axes => format!(" by {}", axes.join(" and ")),
        };
        let title = match self {
            Self::Verdicts { name: Some(name), .. }
            | Self::Mean { name: Some(name), .. }
            | Self::Spread { name: Some(name), .. } => return name.clone(),
            Self::Verdicts { .. } => format!("What became of the connections{}", by(&self.axes())),
            Self::Mean { figure, over, by: lines, .. } => {
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                format!("Mean {} over {over}{}", figure.word(), by(&lines))
            }
            Self::Spread { figure, .. } => {
                format!("Distribution of {}{}", figure.word(), by(&self.axes()))
            }
        };
        match self.pattern() {
            all if *all == Pattern::default() => title,
            Pattern(of) => format!("{title} ({of})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expect) in [
            ("*", "", true),
            ("*", "video", true),
            ("video", "video", true),
            ("video", "videos", false),
            ("tcp *", "tcp 12", true),
            ("tcp *", "mptcp 12", false),
            ("*tcp*", "mptcp 12", true),
            ("*aa", "aaa", true),
            ("a*b*a", "aba", true),
            ("a*a", "a", false),
            ("a*b", "acb", true),
            ("a*b", "acbd", false),
        ] {
            assert_eq!(Pattern(pattern.into()).fits(name), expect, "{pattern} {name}");
        }
    }
}
