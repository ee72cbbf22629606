//! How long bytes took from the write to their delivery in order, by the share of bytes that were
//! faster. The axis gives every further nine the same room, because what a user feels is in the tail.

use super::connection::Subject;
use super::palette;
use super::picture::{Axis, Line, Picture, Plot, Shape, Span};
use crate::figures::span;
use sim_core::time::SimDuration;

/// Points of the curve for each ten-fold fewer bytes.
const POINTS_PER_NINE: u32 = 40;
/// 99.99 %: beyond it are single segments.
const NINES: u32 = 4;

/// The picture; none when nothing was delivered.
pub(super) fn picture(subject: &Subject<'_>) -> Option<Picture> {
    let histogram = &subject.connection.latency;
    if histogram.is_empty() {
        return None;
    }
    let at = |quantile: f64| histogram.value_at_quantile(quantile);
    let points: Vec<Span> = (0..=NINES * POINTS_PER_NINE)
        .map(|k| {
            let nines = f64::from(k) / f64::from(POINTS_PER_NINE);
            Span::one(nines, at(1.0 - 10f64.powf(-nines)) as f64 / 1e6)
        })
        .collect();
    let figure = |name: &str, ns: u64| format!("{name} {}", span(SimDuration(ns)));
    let figures = [
        figure("half of the bytes within", at(0.5)),
        figure("90 % within", at(0.9)),
        figure("99 % within", at(0.99)),
        figure("all within", histogram.max()),
    ];
    let ticks = [
        (0.0, "fastest"),
        (std::f64::consts::LOG10_2, "50 %"),
        (1.0, "90 %"),
        (2.0, "99 %"),
        (3.0, "99.9 %"),
        (4.0, "99.99 %"),
    ];
    let line = Line {
        name: "latency".into(),
        note: format!("median {}", span(SimDuration(at(0.5)))),
        colour: palette::INK,
        shape: Shape::Straight,
        points,
    };
    Some(Picture {
        title: "Latency, write to delivery in order".into(),
        about: format!("{}: {}", subject.name(), figures.join(", ")),
        x: Axis {
            label: "share of the bytes that were as fast or faster",
            end: f64::from(NINES),
            ticks: Some(ticks.into()),
        },
        plots: vec![Plot::of("latency (ms)", 1e-3, vec![line])],
        marks: Vec::new(),
        caption: "Read it: at 99 %, one byte in a hundred took longer than the curve says.",
    })
}
