//! What the results say to a question: the same figures for the table, the chart and the file.

use hdrhistogram::Histogram;

use super::points::VERDICTS;
use super::{AxisInfo, Estimate, Example, Manifest, Question, curves, shares, spread};
use crate::figures::rounded;

/// An answer.
#[derive(Debug)]
pub enum Answer {
    /// To [`Question::Verdicts`]: a row for each combination of values.
    Shares(Vec<ShareRow>),
    /// To [`Question::Mean`].
    Curves(Vec<Curve>),
    /// To [`Question::Spread`].
    Spreads(Vec<SpreadLine>),
}

/// Verdicts of one group.
#[derive(Debug)]
pub struct ShareRow {
    /// Values of the group's axes.
    pub labels: Vec<String>,
    /// Connections of each verdict: MPTCP, fallback, failed.
    pub verdicts: [u64; 3],
    /// Their shares.
    pub shares: [Option<Estimate>; 3],
    /// Runs without a result.
    pub errors: u64,
    /// The first run of each.
    pub examples: [Option<Example>; 3],
}

impl ShareRow {
    /// Connections in all.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.verdicts.iter().sum()
    }
}

/// A figure against an axis.
#[derive(Debug)]
pub struct Curve {
    /// The value that it is for; none: there is one curve.
    pub label: Option<String>,
    /// In order.
    pub points: Vec<CurvePoint>,
}

/// A point of a curve.
#[derive(Debug)]
pub struct CurvePoint {
    /// Where, in the axis's unit; none: the axis is one of words.
    pub x: Option<f64>,
    /// Least and greatest value that it stands for, where those were drawn.
    pub between: Option<(f64, f64)>,
    /// The value; empty where several drawn ones stand together.
    pub label: String,
    /// Number of runs.
    pub runs: u64,
    /// The figure; none of no run.
    pub mean: Option<Estimate>,
    /// The first run.
    pub example: Example,
}

/// A distribution.
#[derive(Debug)]
pub struct SpreadLine {
    /// The value that it is for; none: there is one line.
    pub label: Option<String>,
    /// Number of runs.
    pub runs: u64,
    /// The figures, each times `scale`.
    pub values: Histogram<u64>,
    /// What the counted figures are divided by.
    pub scale: f64,
    /// The first run.
    pub example: Example,
}

/// Quantiles that tables show.
pub(super) const QUANTILES: [(f64, &str); 5] =
    [(0.05, "5 %"), (0.25, "25 %"), (0.5, "median"), (0.75, "75 %"), (0.95, "95 %")];

impl SpreadLine {
    /// The figure that this part of the values does not exceed.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> f64 {
        self.values.value_at_quantile(quantile) as f64 / self.scale
    }
}

impl Answer {
    /// As a table for other programs: CSV, with units in the names of the columns.
    ///
    /// # Panics
    /// Never: it is written to memory.
    #[must_use]
    pub fn csv(&self, question: &Question, manifest: &Manifest) -> String {
        let axes: Vec<String> = question
            .axes()
            .iter()
            .filter_map(|name| manifest.axis(name))
            .map(|k| manifest.axes[k].name.clone())
            .collect();
        let (header, rows) = match self {
            Self::Shares(rows) => shares_table(axes, rows),
            Self::Curves(curves) => curves_table(&axes, curves),
            Self::Spreads(lines) => spreads_table(axes, lines),
        };
        let mut csv = csv::Writer::from_writer(Vec::new());
        let written =
            std::iter::once(&header).chain(&rows).try_for_each(|row| csv.write_record(row));
        written.expect("every row has as many fields as the header");
        String::from_utf8(csv.into_inner().expect(IN_MEMORY)).expect("its fields are text")
    }
}

const IN_MEMORY: &str = "writing to memory cannot fail";

type Table = (Vec<String>, Vec<Vec<String>>);

fn figure(value: f64) -> String {
    rounded(value).to_string()
}

fn interval(estimate: Option<Estimate>) -> [String; 3] {
    let end = |end: Option<f64>| end.map(figure).unwrap_or_default();
    match estimate {
        Some(Estimate { value, low, high }) => [figure(value), end(low), end(high)],
        None => Default::default(),
    }
}

fn shares_table(mut header: Vec<String>, rows: &[ShareRow]) -> Table {
    header.push("connections".into());
    for verdict in VERDICTS {
        let names = ["", "_share", "_share_low", "_share_high"];
        header.extend(names.iter().map(|name| format!("{verdict}{name}")));
    }
    header.push("runs_without_result".into());
    let row = |row: &ShareRow| {
        let mut fields = row.labels.clone();
        fields.push(row.connections().to_string());
        for (count, share) in row.verdicts.iter().zip(row.shares) {
            fields.push(count.to_string());
            fields.extend(interval(share));
        }
        fields.push(row.errors.to_string());
        fields
    };
    (header, rows.iter().map(row).collect())
}

fn curves_table(axes: &[String], curves: &[Curve]) -> Table {
    let over = axes.first().map_or("", String::as_str);
    let mut header: Vec<String> = axes.get(1).cloned().into_iter().collect();
    header.extend([over.to_owned(), format!("{over}_from"), format!("{over}_to")]);
    header.extend(["runs", "mean", "mean_low", "mean_high"].map(str::to_owned));
    let mut rows = Vec::new();
    for curve in curves {
        for point in &curve.points {
            let mut fields: Vec<String> = curve.label.clone().into_iter().collect();
            let place = match point.x {
                Some(x) => figure(x),
                None => point.label.clone(),
            };
            let (from, to) = point.between.map(|(a, b)| (figure(a), figure(b))).unwrap_or_default();
            fields.extend([place, from, to, point.runs.to_string()]);
            fields.extend(interval(point.mean));
            rows.push(fields);
        }
    }
    (header, rows)
}

fn spreads_table(mut header: Vec<String>, lines: &[SpreadLine]) -> Table {
    header.extend(["runs".to_owned(), "values".to_owned(), "mean".to_owned()]);
    header.extend(QUANTILES.iter().map(|(quantile, _)| format!("p{:02}", quantile * 100.0)));
    let row = |line: &SpreadLine| {
        let mut fields: Vec<String> = line.label.clone().into_iter().collect();
        fields.push(line.runs.to_string());
        fields.push(line.values.len().to_string());
        fields.push(figure(line.values.mean() / line.scale));
        fields.extend(QUANTILES.iter().map(|(quantile, _)| figure(line.quantile(*quantile))));
        fields
    };
    (header, lines.iter().map(row).collect())
}

impl Answer {
    /// As a picture.
    #[must_use]
    pub fn svg(&self, question: &Question, manifest: &Manifest) -> String {
        let title = question.title();
        let names = question.axes();
        let axes: Vec<&AxisInfo> =
            names.iter().filter_map(|name| Some(&manifest.axes[manifest.axis(name)?])).collect();
        match (self, question) {
            (Self::Curves(curves), Question::Mean { figure, .. }) if !axes.is_empty() => {
                curves::draw(curves, axes[0], &figure.heading(), &title)
            }
            (Self::Spreads(lines), Question::Spread { figure, .. }) => {
                spread::draw(lines, &figure.heading(), &title)
            }
            (Self::Shares(rows), _) => shares::draw(rows, &axes, &title),
            _ => shares::draw(&[], &axes, &title),
        }
    }

    /// The runs that stand for others in it.
    #[must_use]
    pub fn examples(&self) -> Vec<&Example> {
        match self {
            Self::Shares(rows) => {
                rows.iter().flat_map(|row| row.examples.iter().flatten()).collect()
            }
            Self::Curves(curves) => {
                curves.iter().flat_map(|c| c.points.iter().map(|point| &point.example)).collect()
            }
            Self::Spreads(lines) => lines.iter().map(|line| &line.example).collect(),
        }
    }
}
