//! Charts: one description, drawn as SVG and as PNG.
//!
//! [`throughput`] says what is in the picture, from the record; [`draw`] says where it stands and
//! how it looks; [`canvas`] gives both to a backend of plotters. A path has the same colour in every
//! picture of a scenario.

mod canvas;
mod draw;
mod marks;
pub(crate) mod palette;
mod throughput;
pub(crate) mod ticks;

use crate::Report;

/// Goodput over time as SVG: text stays text.
#[must_use]
pub fn throughput_svg(report: &Report<'_>) -> String {
    let picture = throughput::describe(report.record);
    canvas::svg(draw::size(&picture), &picture.name(), |canvas| draw::draw(canvas, &picture))
}

/// Goodput over time as PNG, 1600 pixels wide, fit for a slide.
#[must_use]
pub fn throughput_png(report: &Report<'_>) -> Vec<u8> {
    let picture = throughput::describe(report.record);
    canvas::png(draw::size(&picture), |canvas| draw::draw(canvas, &picture))
}
