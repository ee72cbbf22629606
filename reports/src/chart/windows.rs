//! Why a path gave what it gave: the sender's congestion window, the round-trip time that it measures,
//! and the queue that stands in the path.

use sim_core::record::RunRecord;
use sim_core::record::envelope::Envelope;

use super::connection::{Member, Subject};
use super::palette;
use super::picture::{Axis, Line, Picture, Plot, Shape, Span, spans};
use crate::figures::{plural, printable};

const KILOBYTE: f64 = 1e-3;
const MILLISECOND: f64 = 1e-6;

/// The picture; none without details.
pub(super) fn picture(subject: &Subject<'_>) -> Option<Picture> {
    subject.detail?;
    let of = |member: &Member<'_>, envelope: &Envelope, scale: f64, unit: &str| {
        let mut points = spans(envelope, scale, member.end_s);
        // What was last holds until the subflow's end.
        let last = points.last().map(|last| Span::one(member.end_s, last.last));
        let highest = points.iter().map(|point| point.high).fold(0.0, f64::max);
        points.extend(last);
        let (name, colour) = (member.name.clone(), member.colour);
        let note = format!("up to {} {unit}", short(highest));
        Line { name, note, colour, shape: Shape::Hold, points }
    };
    let (mut windows, mut round_trips) = (Vec::new(), Vec::new());
    for member in subject.members() {
        let Some(seen) = member.detail else { continue };
        windows.push(of(&member, &seen.cwnd, KILOBYTE, "kB"));
        round_trips.push(of(&member, &seen.srtt_ns, MILLISECOND, "ms"));
    }
    windows.retain(|line| !line.points.is_empty());
    round_trips.retain(|line| !line.points.is_empty());
    if windows.is_empty() {
        return None;
    }
    let queues = queues(subject.record, subject.end_s);
    let mut plots = vec![
        Plot::of("window (kB)", KILOBYTE, windows),
        Plot::of("round trip (ms)", 1e-3, round_trips),
    ];
    if !queues.is_empty() {
        plots.push(Plot::of("queue (ms)", 1e-3, queues));
    }
    let about = format!(
        "{}: {}; the window that each sender allows itself, the round trip that it measures, and the \
         wait in each path's queue, where every connection's packets stand",
        subject.name(),
        plural(subject.connection.subflows.len(), "subflow"),
    );
    Some(Picture {
        title: "Congestion window, round trip, queue".into(),
        about,
        x: Axis { label: "time (s)", end: subject.end_s, ticks: None },
        plots,
        marks: subject.marks(),
        caption: "Queue: how long a packet waits for its turn, in the direction that waits longer. \
                  Diamonds are lost packets, at the queue's height.",
    })
}

/// The queue of each path, in the direction in which it was longer, and what was lost there.
fn queues(record: &RunRecord, end_s: f64) -> Vec<Line> {
    let Some(detail) = &record.detail else { return Vec::new() };
    let mut lines = Vec::new();
    let mut losses = Vec::new();
    for (k, (path, seen)) in record.paths.iter().zip(&detail.paths).enumerate() {
        let highest = |e: &Envelope| e.stretches().iter().map(|s| s.high).max().unwrap_or(0);
        let [up, down] = &seen.directions;
        let way = if highest(&down.wait_ns) > highest(&up.wait_ns) { down } else { up };
        let (name, colour) = (printable(&path.name), palette::path(k));
        let points = spans(&way.wait_ns, MILLISECOND, end_s);
        let note = format!("up to {} ms", short(highest(&way.wait_ns) as f64 * MILLISECOND));
        let lost = spans(&way.lost_at_ns, MILLISECOND, end_s);
        lines.push(Line { name: name.clone(), note, colour, shape: Shape::Straight, points });
        losses.push(Line {
            name: format!("{name} lost"),
            note: plural(way.losses as usize, "packet"),
            colour: palette::strong(colour),
            shape: Shape::Diamonds,
            points: lost,
        });
    }
    lines.extend(losses);
    lines.retain(|line| !line.points.is_empty());
    lines
}

/// A figure beside a curve: whole, unless it is so small that this would say nothing.
fn short(figure: f64) -> String {
    if figure >= 9.95 { format!("{figure:.0}") } else { format!("{figure:.1}") }
}
