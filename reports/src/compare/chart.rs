//! What both runs delivered over time, a plot for each connection.

use plotters::style::RGBColor;

use super::side::Side;
use crate::chart::palette;
use crate::chart::picture::{Axis, Line, Picture, Plot, Shape, Span};
use crate::figures::{printable, rate};

/// Connections that are drawn.
const PLOTS_MAX: usize = 4;
/// No path has it.
const SECOND: RGBColor = RGBColor(120, 94, 240);
/// Points over the whole time.
const POINTS_MAX: usize = 160;

/// Both deliveries as SVG.
#[must_use]
pub fn svg(a: &Side, b: &Side) -> String {
    crate::chart::picture_svg(&picture(a, b))
}

/// Both deliveries as PNG, 1600 pixels wide.
#[must_use]
pub fn png(a: &Side, b: &Side) -> Vec<u8> {
    crate::chart::picture_png(&picture(a, b))
}

pub(crate) fn picture(a: &Side, b: &Side) -> Picture {
    let mut names: Vec<&String> = a.summary.connections.iter().map(|c| &c.name).collect();
    for connection in &b.summary.connections {
        if !names.contains(&&connection.name) {
            names.push(&connection.name);
        }
    }
    let all = [a, b].into_iter().flat_map(|side| side.delivered.values());
    let end = all.filter_map(|points| points.last()).map(|last| last.0).fold(0.0, f64::max);
    let plots = names.iter().take(PLOTS_MAX).map(|name| {
        let line = |side: &Side, letter: &str, colour: RGBColor| {
            let connection = side.summary.connections.iter().find(|c| c.name == **name)?;
            Some(Line {
                name: letter.to_owned(),
                note: rate(connection.goodput_mbps * 1e6),
                colour,
                shape: Shape::Straight,
                points: means(side.delivered.get(*name)?),
            })
        };
        let lines = [line(a, "A", palette::INK), line(b, "B", SECOND)];
        let label = match names.len() {
            1 => "goodput (Mbps)".to_owned(),
            _ => format!("{} (Mbps)", printable(name)),
        };
        Plot::of(label, 1e-3, lines.into_iter().flatten().collect())
    });
    Picture {
        title: "Delivered in order".into(),
        about: format!("A: {}. B: {}.", printable(&a.label), printable(&b.label)),
        x: Axis { label: "time (s)", end: if end > 0.0 { end } else { 1.0 }, ticks: None },
        plots: plots.collect(),
        marks: Vec::new(),
        caption: "Means over some intervals each. What only one run has, or delivered later, the other \
                  lacks.",
    }
}

/// Fewer points, each the mean of as many.
fn means(points: &[(f64, f64)]) -> Vec<Span> {
    let each = points.len().div_ceil(POINTS_MAX).max(1);
    let mean = |part: &[(f64, f64)]| part.iter().map(|p| p.1).sum::<f64>() / part.len() as f64;
    points.chunks(each).map(|part| Span::one(part[0].0, mean(part))).collect()
}
