//! Charts: one description, drawn as SVG and as PNG, and by the script of the page.
//!
//! - [`throughput`] and [`draw`]: goodput over time of all connections, for a slide.
//! - [`connection`]: the pictures of one connection ([`goodput`], [`timeline`], [`sequence`],
//!   [`windows`], [`latency`]), each a [`picture::Picture`], drawn by [`sheet`].
//! - [`matrix`] and [`spread`]: many runs beside each other, from plain data.
//!
//! [`canvas`] gives everything to a backend of plotters; [`reduce`] makes points fewer without losing a
//! peak. A path has the same colour in every picture of a scenario.

mod canvas;
pub(crate) mod connection;
mod draw;
#[cfg(test)]
pub(crate) mod golden;
mod goodput;
mod latency;
mod marks;
pub mod matrix;
pub(crate) mod palette;
pub(crate) mod picture;
mod reduce;
mod sequence;
mod sheet;
pub mod spread;
mod throughput;
pub(crate) mod ticks;
mod timeline;
mod windows;

use connection::Kind;

use crate::Report;
use crate::folder::File;

/// The colour of the path with this index in every picture: `#0072b2`.
#[must_use]
pub(crate) fn path_colour(index: usize) -> String {
    let plotters::style::RGBColor(r, g, b) = palette::path(index);
    format!("#{r:02x}{g:02x}{b:02x}")
}

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

/// Connections of a run that get pictures of their own.
const DRAWN_MAX: usize = 8;

/// The other pictures of each connection, as SVG and as PNG, in `charts/`: `timeline`, `sequence`, `windows`
/// and `latency`; from the second connection on with its number, `timeline-2`. What was not observed is left
/// out.
#[must_use]
pub fn details(report: &Report<'_>) -> Vec<File> {
    let record = report.record;
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Goodput);
    let mut files = Vec::new();
    for index in 0..record.connections.len().min(DRAWN_MAX) {
        for kind in kinds.clone() {
            let Some(picture) = kind.picture(record, index) else { continue };
            let name = match index {
                0 => format!("charts/{}", kind.word()),
                _ => format!("charts/{}-{}", kind.word(), index + 1),
            };
            files.push(File::new(format!("{name}.svg"), picture_svg(&picture)));
            files.push(File::new(format!("{name}.png"), picture_png(&picture)));
        }
    }
    files
}

/// A picture as SVG.
pub(crate) fn picture_svg(picture: &picture::Picture) -> String {
    canvas::svg(sheet::SIZE, &picture.name(), |canvas| sheet::draw(canvas, picture))
}

/// A picture as PNG.
pub(crate) fn picture_png(picture: &picture::Picture) -> Vec<u8> {
    canvas::png(sheet::SIZE, |canvas| sheet::draw(canvas, picture))
}
