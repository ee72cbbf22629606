//! Goodput of each path, stacked, what was delivered in order, and the most that was possible, at the
//! resolution of the record: for the page, where it can be zoomed. [`super::throughput`] is the same for a
//! slide.

use super::connection::Subject;
use super::palette;
use super::picture::{Axis, Body, Line, Picture, Plot, Shape, Span};
use crate::figures::{printable, rate, share};

/// The picture.
pub(super) fn picture(subject: &Subject<'_>) -> Option<Picture> {
    let connection = subject.connection;
    let interval_s = connection.series.interval.as_secs_f64();
    if interval_s <= 0.0 || connection.subflows.is_empty() {
        return None;
    }
    let count = ((subject.end_s / interval_s).ceil() as usize).max(1);
    // Steps: each interval's mean at its beginning and at its end.
    let steps = |bytes: &[u64]| -> Vec<Span> {
        let of = |k: usize| bytes.get(k).map_or(0.0, |bytes| *bytes as f64 * 8e-6 / interval_s);
        let step = |k: usize| {
            let to = ((k + 1) as f64 * interval_s).min(subject.end_s);
            [Span::one(k as f64 * interval_s, of(k)), Span::one(to, of(k))]
        };
        (0..count).flat_map(step).collect()
    };
    let mut lines = Vec::new();
    for (k, path) in subject.record.paths.iter().enumerate() {
        let mut bytes: Vec<u64> = Vec::new();
        let mut goodput_bps = 0.0;
        for (subflow, series) in connection.subflows.iter().zip(&connection.series.subflows) {
            if subflow.path == path.name {
                bytes.resize(bytes.len().max(series.bytes.len()), 0);
                bytes.iter_mut().zip(&series.bytes).for_each(|(sum, more)| *sum += more);
                goodput_bps += subflow.goodput_bps;
            }
        }
        if bytes.iter().any(|bytes| *bytes > 0) {
            lines.push(Line {
                name: printable(&path.name),
                note: rate(goodput_bps),
                colour: palette::path(k),
                shape: Shape::Area,
                points: steps(&bytes),
            });
        }
    }
    lines.push(Line {
        name: "delivered".into(),
        note: rate(connection.goodput_bps),
        colour: palette::INK,
        shape: Shape::Straight,
        points: steps(&connection.series.delivered),
    });
    let stacked = |k: usize| {
        let areas = lines.iter().filter(|line| line.shape == Shape::Area);
        areas.filter_map(|line| line.points.get(k)).map(|point| point.last).sum::<f64>()
    };
    let stacked = (0..2 * count).map(stacked).fold(0.0, f64::max);
    let mut highest = stacked;
    let mut about = format!("{}: {}", subject.name(), rate(connection.goodput_bps));
    if let Some(bound) = connection.bound_bps {
        highest = highest.max(bound / 1e6);
        let part = share(connection.goodput_bps, bound);
        about += &format!(" of the {} that the paths could give ({part})", rate(bound));
        let bound = bound / 1e6;
        lines.push(Line {
            name: "most possible".into(),
            note: rate(bound * 1e6),
            colour: palette::INK,
            shape: Shape::Dashed,
            points: vec![Span::one(0.0, bound), Span::one(subject.end_s, bound)],
        });
    }
    let body = Body::Values {
        lines,
        resolution: 1e-3,
        // A burst of delivery after a gap may be much higher: it would flatten all the rest.
        highest: (highest > 0.0).then_some(highest * 1.25),
    };
    Some(Picture {
        title: "Goodput".into(),
        about,
        x: Axis { label: "time (s)", end: subject.end_s, ticks: None },
        plots: vec![Plot { label: "goodput (Mbps)".into(), body }],
        marks: subject.marks(),
        caption: "Areas: what each path brought. Line: delivered in order; data that waits for an \
                  earlier byte counts when that byte comes, so a gap is followed by a peak.",
    })
}
