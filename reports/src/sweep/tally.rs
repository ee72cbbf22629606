//! Rows, one by one, to what is known of the sweep. The memory does not grow with the number of runs:
//! groups keep moments and histograms, not values.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::answer::{Answer, Curve, CurvePoint, ShareRow, SpreadLine};
use super::failures::{Reason, Reasons};
use super::points::{Example, POINTS_MAX, PointSummary, VERDICTS};
use super::row::histogram;
use super::statistics::{Moments, wilson};
use super::{AxisInfo, Figure, Manifest, Question, Row};

/// Points of a curve over an axis of random numbers: each has about as many runs.
const BINS: u64 = 12;
/// Figures are counted in a histogram as whole millionths.
const FINE: f64 = 1e6;
/// Three significant digits: what charts and tables show.
const DIGITS: u8 = 3;

/// A value of an axis as a group: fixed values in the order of the file, drawn ones after the alphabet.
type Group = (usize, String);

/// What is known of a sweep.
#[derive(Debug)]
pub struct Findings {
    /// Runs with a row.
    pub runs: u64,
    /// Runs that have no result.
    pub failed_runs: u64,
    /// Connections of each verdict: MPTCP, fallback, failed.
    pub verdicts: [u64; 3],
    /// To the questions, in their order.
    pub answers: Vec<(Question, Answer)>,
    /// The first points, in order.
    pub points: Vec<PointSummary>,
    /// Why runs have no result, the most frequent first.
    pub errors: Vec<Reason>,
    /// Why connections are not MPTCP, the most frequent first.
    pub causes: Vec<Reason>,
}

/// Takes rows.
#[derive(Debug)]
pub struct Tally<'m> {
    manifest: &'m Manifest,
    runs: u64,
    failed_runs: u64,
    verdicts: [u64; 3],
    collectors: Vec<(Question, Collector)>,
    points: Vec<PointSummary>,
    errors: Reasons,
    causes: Reasons,
}

/// What a question needs of the rows.
#[derive(Debug)]
enum Collector {
    Verdicts(BTreeMap<Vec<Group>, Shares>),
    Mean(BTreeMap<(Option<Group>, Place), Means>),
    Spread(BTreeMap<Option<Group>, Spread>),
}

#[derive(Debug, Default)]
struct Shares {
    verdicts: [u64; 3],
    errors: u64,
    examples: [Option<Example>; 3],
}

/// Where on the axis to the right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A value of its own.
    Value(Group),
    /// Numbers that agree in their first binary digits.
    Near(i64),
}

#[derive(Debug)]
struct Means {
    x: Moments,
    y: Moments,
    example: Example,
}

#[derive(Debug)]
struct Spread {
    values: Histogram<u64>,
    runs: u64,
    example: Example,
}

impl<'m> Tally<'m> {
    /// With no row yet.
    #[must_use]
    pub fn new(manifest: &'m Manifest) -> Self {
        let collector = |question: Question| {
            let collector = match &question {
                Question::Verdicts { .. } => Collector::Verdicts(BTreeMap::new()),
                Question::Mean { .. } => Collector::Mean(BTreeMap::new()),
                Question::Spread { .. } => Collector::Spread(BTreeMap::new()),
            };
            (question, collector)
        };
        Self {
            manifest,
            runs: 0,
            failed_runs: 0,
            verdicts: [0; 3],
            collectors: manifest.questions().into_iter().map(collector).collect(),
            points: Vec::new(),
            errors: Reasons::default(),
            causes: Reasons::default(),
        }
    }

    /// One more row; rows come in the order of the runs, so that the sums are the same every time.
    pub fn add(&mut self, row: &Row) {
        self.runs += 1;
        self.failed_runs += u64::from(row.error.is_some());
        for connection in &row.connections {
            if let Some(k) = VERDICTS.iter().position(|word| *word == connection.verdict) {
                self.verdicts[k] += 1;
            }
        }
        self.errors.add_error(row);
        self.causes.add_causes(row);
        if row.point < self.manifest.points.min(POINTS_MAX) {
            let index = row.point as usize;
            if self.points.len() <= index {
                self.points.resize_with(index + 1, PointSummary::default);
            }
            self.points[index].add(row);
        }
        for (question, collector) in &mut self.collectors {
            collector.add(question, self.manifest, row);
        }
    }

    /// What came out.
    #[must_use]
    pub fn finish(self) -> Findings {
        let manifest = self.manifest;
        let answer = |(question, collector): (Question, Collector)| {
            let answer = collector.answer(&question, manifest);
            (question, answer)
        };
        Findings {
            runs: self.runs,
            failed_runs: self.failed_runs,
            verdicts: self.verdicts,
            answers: self.collectors.into_iter().map(answer).collect(),
            points: self.points,
            errors: self.errors.sorted(),
            causes: self.causes.sorted(),
        }
    }
}

/// The group of a row by an axis.
fn group(manifest: &Manifest, row: &Row, axis: &str) -> Group {
    let index = manifest.axis(axis);
    let label = index.and_then(|k| row.values.get(k)).cloned().unwrap_or_default();
    let fixed = index.and_then(|k| manifest.axes[k].values.as_ref());
    let rank = fixed.and_then(|values| values.iter().position(|value| *value == label));
    (rank.unwrap_or(usize::MAX), label)
}

/// The number that a row has on an axis of drawn numbers.
fn drawn_number(manifest: &Manifest, row: &Row, axis: &str) -> Option<f64> {
    let index = manifest.axis(axis)?;
    let AxisInfo { unit, values: None, .. } = &manifest.axes[index] else { return None };
    (*unit)?.number(row.values.get(index)?)
}

/// Numbers that agree in sign, power of two and five more binary digits, in order of size.
fn near(number: f64) -> i64 {
    let digits = (number.abs().to_bits() >> (52 - 5)) as i64;
    if number < 0.0 { -digits } else { digits }
}

impl Collector {
    fn add(&mut self, question: &Question, manifest: &Manifest, row: &Row) {
        let of = question.pattern();
        let connections = || row.connections.iter().filter(|c| of.fits(&c.name));
        match (self, question) {
            (Self::Verdicts(groups), Question::Verdicts { by, .. }) => {
                let key = by.iter().map(|axis| group(manifest, row, axis)).collect();
                let shares = groups.entry(key).or_default();
                shares.errors += u64::from(row.error.is_some());
                for connection in connections() {
                    if let Some(k) = VERDICTS.iter().position(|word| *word == connection.verdict) {
                        shares.verdicts[k] += 1;
                        shares.examples[k].get_or_insert_with(|| Example::of(row));
                    }
                }
            }
            (Self::Mean(groups), Question::Mean { figure, over, by, .. }) => {
                // A run counts once: its connections are not independent of each other.
                let mut of_run = Moments::default();
                connections().filter_map(|c| figure.of(c)).for_each(|value| of_run.add(value));
                let Some(mean) = of_run.mean() else { return };
                let number = drawn_number(manifest, row, over);
                let place = match number {
                    Some(number) => Place::Near(near(number)),
                    None => Place::Value(group(manifest, row, over)),
                };
                let key = (by.as_ref().map(|axis| group(manifest, row, axis)), place);
                let new = || Means {
                    x: Moments::default(),
                    y: Moments::default(),
                    example: Example::of(row),
                };
                let means = groups.entry(key).or_insert_with(new);
                means.y.add(mean.value);
                means.x.add(number.unwrap_or_default());
            }
            (Self::Spread(groups), Question::Spread { figure, by, .. }) => {
                let key = by.as_ref().map(|axis| group(manifest, row, axis));
                let spread = groups.entry(key).or_insert_with(|| Spread::new(row));
                spread.runs += 1;
                for connection in connections() {
                    spread.add(*figure, connection);
                }
            }
            _ => {}
        }
    }

    fn answer(self, question: &Question, manifest: &Manifest) -> Answer {
        match (self, question) {
            (Self::Verdicts(groups), _) => {
                let mut rows: Vec<ShareRow> =
                    groups.into_iter().map(|(key, shares)| shares.row(key)).collect();
                let drawn = |k: usize| {
                    let axis = question.axes().get(k).and_then(|name| manifest.axis(name));
                    axis.is_some_and(|axis| manifest.axes[axis].values.is_none())
                };
                if drawn(0) {
                    rows.sort_by_key(|row| std::cmp::Reverse(row.connections()));
                }
                Answer::Shares(rows)
            }
            (Self::Mean(groups), Question::Mean { over, .. }) => {
                let axis = manifest.axis(over).map(|k| &manifest.axes[k]);
                Answer::Curves(curves(groups, axis))
            }
            (Self::Spread(groups), Question::Spread { figure, .. }) => {
                let scale = if *figure == Figure::Latency { 1e6 } else { FINE };
                let lines = groups.into_iter().filter(|(_, spread)| !spread.values.is_empty());
                Answer::Spreads(
                    lines
                        .map(|(key, spread)| SpreadLine {
                            label: key.map(|(_, label)| label),
                            runs: spread.runs,
                            values: spread.values,
                            scale,
                            example: spread.example,
                        })
                        .collect(),
                )
            }
            _ => Answer::Shares(Vec::new()),
        }
    }
}

impl Shares {
    fn row(self, key: Vec<Group>) -> ShareRow {
        let all: u64 = self.verdicts.iter().sum();
        ShareRow {
            labels: key.into_iter().map(|(_, label)| label).collect(),
            verdicts: self.verdicts,
            shares: self.verdicts.map(|hits| wilson(hits, all)),
            errors: self.errors,
            examples: self.examples,
        }
    }
}

impl Spread {
    fn new(row: &Row) -> Self {
        let values = Histogram::new(DIGITS).expect("three digits are allowed");
        Self { values, runs: 0, example: Example::of(row) }
    }

    fn add(&mut self, figure: Figure, connection: &super::ConnectionRow) {
        // What cannot be counted would need a figure beyond 2^63 millionths: there is none.
        if figure == Figure::Latency {
            if let Some(latency) = connection.latency_hdr.as_deref().and_then(histogram) {
                let _ = self.values.add(latency);
            }
        } else if let Some(value) = figure.of(connection) {
            let _ = self.values.record((value * FINE).round() as u64);
        }
    }
}

/// One curve for each value of `by`.
fn curves(groups: BTreeMap<(Option<Group>, Place), Means>, axis: Option<&AxisInfo>) -> Vec<Curve> {
    let mut by_line: BTreeMap<Option<Group>, Vec<(Place, Means)>> = BTreeMap::new();
    for ((line, place), means) in groups {
        by_line.entry(line).or_default().push((place, means));
    }
    let number = |label: &str| axis.and_then(|axis| axis.unit)?.number(label);
    by_line
        .into_iter()
        .map(|(line, places)| {
            let mut points: Vec<CurvePoint> = Vec::new();
            let mut bins: Vec<Means> = Vec::new();
            for (place, means) in places {
                match place {
                    Place::Value((_, label)) => points.push(CurvePoint {
                        x: number(&label),
                        between: None,
                        label,
                        runs: means.y.count(),
                        mean: means.y.mean(),
                        example: means.example,
                    }),
                    Place::Near(_) => bins.push(means),
                }
            }
            points.extend(of_equal_size(bins).into_iter().map(|bin| CurvePoint {
                x: bin.x.mean().map(|mean| mean.value),
                between: bin.x.range(),
                label: String::new(),
                runs: bin.y.count(),
                mean: bin.y.mean(),
                example: bin.example,
            }));
            if points.iter().all(|point| point.x.is_some()) {
                points.sort_by(|a, b| a.x.unwrap_or(0.0).total_cmp(&b.x.unwrap_or(0.0)));
            }
            Curve { label: line.map(|(_, label)| label), points }
        })
        .collect()
}

/// Neighbours together, until there are about [`BINS`] of about as many runs.
fn of_equal_size(bins: Vec<Means>) -> Vec<Means> {
    let all: u64 = bins.iter().map(|bin| bin.y.count()).sum();
    let mut larger: BTreeMap<u64, Means> = BTreeMap::new();
    let mut before = 0;
    for bin in bins {
        // The one that its middle falls into.
        let index = (before + bin.y.count() / 2) * BINS / all.max(1);
        before += bin.y.count();
        match larger.get_mut(&index) {
            Some(together) => {
                together.x.merge(&bin.x);
                together.y.merge(&bin.y);
            }
            None => {
                larger.insert(index, bin);
            }
        }
    }
    larger.into_values().collect()
}
