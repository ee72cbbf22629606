//! Which part of the stream was sent when, over which subflow: for the first time, again by the same
//! subflow, or again in place of another one (reinjected); and what was delivered in order.

use super::connection::Subject;
use super::palette;
use super::picture::{Axis, Line, Picture, Plot, Shape, Span, spans};
use crate::figures::size;
use sim_core::record::story::Fact;

/// The picture; none without details.
pub(super) fn picture(subject: &Subject<'_>) -> Option<Picture> {
    let detail = subject.detail?;
    let end_s = subject.end_s;
    let sent = subject.members().filter_map(|member| Some(&member.detail?.first));
    let offsets = sent.flat_map(|envelope| envelope.stretches()).map(|stretch| stretch.high);
    let (unit, scale) = unit_of(offsets.max().unwrap_or(0));
    let offsets = |envelope| spans(envelope, scale, end_s);
    let (mut lines, mut agains, mut reinjected) = (Vec::new(), Vec::new(), Vec::<Span>::new());
    for member in subject.members() {
        let subflow = &subject.connection.subflows[member.index];
        let Some(seen) = member.detail else { continue };
        lines.push(Line {
            name: member.name.clone(),
            note: size(subflow.bytes),
            colour: member.colour,
            shape: Shape::Dots,
            points: offsets(&seen.first),
        });
        agains.push(Line {
            name: format!("{} again", member.name),
            note: format!("{}×", subflow.retransmissions),
            colour: palette::strong(member.colour),
            shape: Shape::Dots,
            points: offsets(&seen.again),
        });
        reinjected.extend(offsets(&seen.reinjected));
    }
    reinjected.sort_by(|a, b| a.x.total_cmp(&b.x));
    let moved = subject.connection.story.iter().filter_map(|entry| match entry.fact {
        Fact::Reinjected { bytes } => Some(bytes),
        _ => None,
    });
    let moved: u64 = moved.sum();
    // A kernel does not tell what it sends again elsewhere; it shows in what it sends.
    let seen = subject.members().filter_map(|member| Some(member.detail?.reinjected_bytes));
    let moved = size(if moved > 0 { moved } else { seen.sum() });
    let about = format!(
        "{}: {} delivered in order; {} sent again in place of another subflow",
        subject.name(),
        size(subject.connection.bytes_delivered),
        if reinjected.is_empty() { "nothing" } else { &moved }
    );
    let mut delivered = offsets(&detail.delivered);
    // What was delivered stays so.
    delivered.extend(delivered.last().map(|last| Span::one(end_s, last.last)));
    lines.push(Line {
        name: "delivered".into(),
        note: size(subject.connection.bytes_delivered),
        colour: palette::INK,
        shape: Shape::Hold,
        points: delivered,
    });
    lines.extend(agains);
    lines.push(Line {
        name: "reinjected".into(),
        note: moved,
        colour: palette::INK,
        shape: Shape::Diamonds,
        points: reinjected,
    });
    lines.retain(|line| !line.points.is_empty());
    Some(Picture {
        title: "Data sequence".into(),
        about,
        x: Axis { label: "time (s)", end: end_s, ticks: None },
        plots: vec![Plot::of(format!("position in the stream ({unit})"), scale, lines)],
        marks: subject.marks(),
        caption: "A dot is data sent over the subflow of its colour. What stands above the line waits \
                  for its turn or is on its way.",
    })
}

/// The unit in which a stream of so many bytes has short numbers, and what a byte is in it.
const fn unit_of(bytes: u64) -> (&'static str, f64) {
    match bytes {
        0..2_000 => ("B", 1.0),
        2_000..2_000_000 => ("kB", 1e-3),
        2_000_000..2_000_000_000 => ("MB", 1e-6),
        _ => ("GB", 1e-9),
    }
}
