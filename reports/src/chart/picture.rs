//! What is in a picture, before anybody knows where it stands: drawn by [`super::sheet`] as SVG and PNG,
//! and by the page's script.

use plotters::style::RGBColor;
use sim_core::record::envelope::{Envelope, Stretch};

use super::throughput::Mark;

/// Plots above each other over one horizontal axis.
pub(crate) struct Picture {
    /// What it shows: `Data sequence`.
    pub(crate) title: String,
    /// Of what, and the figures that matter.
    pub(crate) about: String,
    /// The horizontal axis.
    pub(crate) x: Axis,
    /// From the top down.
    pub(crate) plots: Vec<Plot>,
    /// What happened, in order of time; labelled above the first plot.
    pub(crate) marks: Vec<Mark>,
    /// How to read it.
    pub(crate) caption: &'static str,
}

/// The horizontal axis, from zero on.
pub(crate) struct Axis {
    /// What it measures, with its unit.
    pub(crate) label: &'static str,
    /// Its end.
    pub(crate) end: f64,
    /// Where it is marked, and how; none: at round values.
    pub(crate) ticks: Option<Vec<(f64, &'static str)>>,
}

/// One plot.
pub(crate) struct Plot {
    /// What its vertical axis measures, with its unit.
    pub(crate) label: String,
    /// What is in it.
    pub(crate) body: Body,
}

/// What is in a plot.
pub(crate) enum Body {
    /// Values over the axis.
    Values {
        /// From the back to the front.
        lines: Vec<Line>,
        /// Smallest difference that matters, in the axis' unit.
        resolution: f64,
        /// The highest value shown, where it is not the highest there is.
        highest: Option<f64>,
    },
    /// What went on, a row for each thing.
    Lanes(Vec<Lane>),
}

/// A series of values.
pub(crate) struct Line {
    /// Its name.
    pub(crate) name: String,
    /// A figure beside the name.
    pub(crate) note: String,
    /// Its colour.
    pub(crate) colour: RGBColor,
    /// How it is drawn.
    pub(crate) shape: Shape,
    /// Its values, in order of time.
    pub(crate) points: Vec<Span>,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Straight from value to value.
    Straight,
    /// A value holds until the next one.
    Hold,
    /// A dashed line, straight.
    Dashed,
    /// An area on top of the areas before it; their values stand at the same places.
    Area,
    /// Dots.
    Dots,
    /// Larger dots that stand out.
    Diamonds,
}

/// Every value of a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    /// When.
    pub(crate) x: f64,
    /// Lowest.
    pub(crate) low: f64,
    /// Highest.
    pub(crate) high: f64,
    /// The last of them.
    pub(crate) last: f64,
}

impl Span {
    /// One value.
    pub(crate) const fn one(x: f64, y: f64) -> Self {
        Self { x, low: y, high: y, last: y }
    }
}

/// A row of what went on with one thing.
pub(crate) struct Lane {
    /// Which thing.
    pub(crate) name: String,
    /// A figure.
    pub(crate) note: String,
    /// Its colour.
    pub(crate) colour: RGBColor,
    /// From and to, and how.
    pub(crate) bars: Vec<(f64, f64, Bar)>,
    /// Moments that matter, with what happened.
    pub(crate) moments: Vec<(f64, String)>,
}

/// How a thing was for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bar {
    /// It carried data.
    Busy,
    /// It was there, and carried nothing.
    Idle,
    /// Data waited for it.
    Stalled,
}

impl Picture {
    /// The picture in one sentence, for who cannot see it.
    pub(crate) fn name(&self) -> String {
        format!("{}. {}", self.title, self.about)
    }
}

impl Plot {
    /// A plot of lines.
    pub(crate) fn of(label: impl Into<String>, resolution: f64, lines: Vec<Line>) -> Self {
        Self { label: label.into(), body: Body::Values { lines, resolution, highest: None } }
    }
}

/// An envelope's values times `scale`, up to `end_s`.
pub(crate) fn spans(envelope: &Envelope, scale: f64, end_s: f64) -> Vec<Span> {
    let span = |stretch: &Stretch| Span {
        x: envelope.start(stretch).as_secs_f64(),
        low: stretch.low as f64 * scale,
        high: stretch.high as f64 * scale,
        last: stretch.last as f64 * scale,
    };
    envelope.stretches().iter().map(span).take_while(|span| span.x <= end_s).collect()
}
