//! Pictures for the page's script: the same descriptions that are drawn for slides, with every point.
//!
//! A point is four whole numbers, each the difference from what a reader already knows: the place after
//! the one before, the lowest value after the one before, and how far the highest and the last value are
//! above the lowest. That is a fifth of the size of plain figures.

use plotters::style::RGBColor;
use serde::Serialize;
use sim_core::record::RunRecord;
use sim_core::record::detail::CONNECTIONS_MAX;

use crate::chart::connection::Kind;
use crate::chart::palette;
use crate::chart::picture::{Bar, Body, Lane, Line, Picture, Plot, Shape, Span};
use crate::figures::rounded;

/// The pictures of one connection.
#[derive(Debug, Serialize)]
pub(super) struct Pictures {
    pub(super) name: String,
    pub(super) charts: Vec<Chart>,
}

#[derive(Debug, Serialize)]
pub(super) struct Chart {
    pub(super) kind: &'static str,
    #[serde(skip)]
    pub(super) title: String,
    #[serde(skip)]
    pub(super) about: String,
    #[serde(skip)]
    pub(super) caption: &'static str,
    label: &'static str,
    end: f64,
    /// What one step of a place is.
    step: f64,
    ticks: Option<Vec<(f64, &'static str)>>,
    plots: Vec<PlotData>,
    marks: Vec<(f64, String, bool)>,
}

#[derive(Debug, Serialize)]
struct PlotData {
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    highest: Option<f64>,
    /// What one step of a value is.
    step: f64,
    lines: Vec<LineData>,
    lanes: Vec<LaneData>,
}

#[derive(Debug, Serialize)]
struct LineData {
    name: String,
    note: String,
    colour: String,
    shape: &'static str,
    points: Vec<i64>,
}

#[derive(Debug, Serialize)]
struct LaneData {
    name: String,
    note: String,
    colour: String,
    bars: Vec<(f64, f64, &'static str)>,
    moments: Vec<(f64, String)>,
}

/// The pictures of every connection that was observed.
pub(super) fn pictures(record: &RunRecord) -> Vec<Pictures> {
    let connections = record.connections.iter().enumerate().take(CONNECTIONS_MAX);
    let of = |(index, connection): (usize, &sim_core::record::ConnectionRecord)| Pictures {
        name: crate::figures::printable(&connection.name),
        charts: Kind::ALL
            .into_iter()
            .filter_map(|kind| Some(Chart::new(kind.word(), kind.picture(record, index)?)))
            .collect(),
    };
    connections.map(of).collect()
}

/// One picture by itself.
pub(super) fn of_picture(kind: &'static str, picture: Picture) -> Vec<Pictures> {
    vec![Pictures { name: String::new(), charts: vec![Chart::new(kind, picture)] }]
}

/// As text that can stand in an HTML script element of data: nothing in it can end the element.
pub(super) fn json(pictures: &[Pictures]) -> String {
    let text = serde_json::to_string(pictures).expect("numbers and strings are always JSON");
    text.replace('<', "\\u003c")
}

impl Chart {
    fn new(kind: &'static str, picture: Picture) -> Self {
        // A hundred-thousandth of the axis, or a bit less, is finer than any screen.
        let step = 10f64.powf(picture.x.end.log10().ceil() - 6.0);
        let step = if step.is_finite() && step > 0.0 { step } else { 1e-6 };
        Self {
            kind,
            label: picture.x.label,
            end: picture.x.end,
            step,
            ticks: picture.x.ticks,
            plots: picture.plots.into_iter().map(|plot| PlotData::new(plot, step)).collect(),
            marks: picture
                .marks
                .into_iter()
                .map(|mark| (rounded(mark.at_s), mark.label, mark.important))
                .collect(),
            title: picture.title,
            about: picture.about,
            caption: picture.caption,
        }
    }
}

impl PlotData {
    fn new(plot: Plot, x_step: f64) -> Self {
        let label = plot.label;
        match plot.body {
            Body::Values { lines, resolution, highest } => {
                let lines = lines.into_iter().map(|line| LineData::new(line, x_step, resolution));
                Self { label, highest, step: resolution, lines: lines.collect(), lanes: vec![] }
            }
            Body::Lanes(lanes) => {
                let lanes = lanes.into_iter().map(LaneData::new).collect();
                Self { label, highest: None, step: 1.0, lines: vec![], lanes }
            }
        }
    }
}

impl LineData {
    fn new(line: Line, x_step: f64, y_step: f64) -> Self {
        Self {
            points: encode(&line.points, x_step, y_step),
            name: line.name,
            note: line.note,
            colour: colour(line.colour),
            shape: match line.shape {
                Shape::Straight => "straight",
                Shape::Hold => "hold",
                Shape::Dashed => "dashed",
                Shape::Area => "area",
                Shape::Dots => "dots",
                Shape::Diamonds => "diamonds",
            },
        }
    }
}

impl LaneData {
    fn new(lane: Lane) -> Self {
        let bar = |(from, to, bar): (f64, f64, Bar)| {
            let word = match bar {
                Bar::Busy => "busy",
                Bar::Idle => "idle",
                Bar::Stalled => "stalled",
            };
            (rounded(from), rounded(to), word)
        };
        Self {
            name: lane.name,
            note: lane.note,
            colour: colour(lane.colour),
            bars: lane.bars.into_iter().map(bar).collect(),
            moments: lane.moments.into_iter().map(|(at, what)| (rounded(at), what)).collect(),
        }
    }
}

fn encode(points: &[Span], x_step: f64, y_step: f64) -> Vec<i64> {
    let (mut x_before, mut low_before) = (0, 0);
    let whole = |value: f64, step: f64| (value / step).round() as i64;
    let mut out = Vec::with_capacity(points.len() * 4);
    for point in points {
        let (x, low) = (whole(point.x, x_step), whole(point.low, y_step));
        let (high, last) = (whole(point.high, y_step), whole(point.last, y_step));
        out.extend([x - x_before, low - low_before, high - low, last - low]);
        (x_before, low_before) = (x, low);
    }
    out
}

/// Ink and faint ink follow the theme; other colours are what they are.
fn colour(colour: RGBColor) -> String {
    match colour {
        palette::INK => "ink".into(),
        palette::FAINT => "faint".into(),
        RGBColor(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_come_as_differences() {
        let span = |x, low, high, last| Span { x, low, high, last };
        let points = [span(0.5, 2.0, 3.0, 2.0), span(0.75, 1.0, 4.0, 4.0)];
        assert_eq!(encode(&points, 0.25, 0.5), [2, 4, 2, 0, 1, -2, 6, 6]);
    }

    #[test]
    fn no_name_can_end_the_data() {
        let pictures = [Pictures { name: "</script><script>".into(), charts: vec![] }];
        assert_eq!(json(&pictures), r#"[{"name":"\u003c/script>\u003cscript>","charts":[]}]"#);
    }
}
