//! Stalls and recovery: when data was delivered and when it waited, what each subflow did meanwhile, and
//! what its endpoints noticed.

use sim_core::record::detail::STALL_MIN_NS;
use sim_core::record::story::Fact;
use sim_core::time::SimTime;

use super::connection::{Member, Subject};
use super::palette;
use super::picture::{Axis, Bar, Body, Lane, Picture, Plot};
use crate::figures::{instant, plural, printable, size, span};

/// The picture: a lane for the connection, and one for each subflow.
pub(super) fn picture(subject: &Subject<'_>) -> Option<Picture> {
    if subject.connection.subflows.is_empty() {
        return None;
    }
    let mut lanes = vec![delivery(subject)];
    lanes.extend(subject.members().map(|member| subflow(subject, &member)));
    let connection = subject.connection;
    let about = match connection.longest_stall.as_nanos() {
        0 => format!("{}: data never waited", subject.name()),
        _ => format!(
            "{}: data waited at most {} for a delivery, at {}",
            subject.name(),
            span(connection.longest_stall),
            instant(connection.longest_stall_at)
        ),
    };
    Some(Picture {
        title: "Stalls and recovery".into(),
        about,
        x: Axis { label: "time (s)", end: subject.end_s, ticks: None },
        plots: vec![Plot { label: String::new(), body: Body::Lanes(lanes) }],
        marks: subject.marks(),
        caption: "Bars: data comes. Thin lines: the subflow stands, and nothing comes. Red: data waits \
                  and none is delivered, 50 ms or longer.",
    })
}

/// What the application sees.
fn delivery(subject: &Subject<'_>) -> Lane {
    let connection = subject.connection;
    let end_s = connection.completed_at.map_or(subject.end_s, |at| at.as_secs_f64());
    let end_s = end_s.min(subject.end_s);
    let mut bars = busy(subject, &connection.series.delivered, end_s);
    // The longest may still last at the end, and is then not among those that were seen to end.
    let longest =
        (connection.longest_stall_at, connection.longest_stall_at + connection.longest_stall);
    let seen = subject.detail.map_or(&[][..], |detail| &detail.stalls);
    let is_long = |(from, to): &&(SimTime, SimTime)| to.since(*from).as_nanos() >= STALL_MIN_NS;
    let stalls = seen.iter().chain(Some(&longest).filter(|it| !seen.contains(it))).filter(is_long);
    bars.extend(
        stalls.map(|(from, to)| (from.as_secs_f64(), to.as_secs_f64().min(end_s), Bar::Stalled)),
    );
    Lane {
        name: printable(&connection.name),
        note: format!("{} delivered", size(connection.bytes_delivered)),
        colour: palette::FAINT,
        bars,
        moments: Vec::new(),
    }
}

fn subflow(subject: &Subject<'_>, member: &Member<'_>) -> Lane {
    let connection = subject.connection;
    let subflow = &connection.subflows[member.index];
    let mut bars = Vec::new();
    if let Some(at) = subflow.established_at {
        bars.push((at.as_secs_f64(), member.end_s, Bar::Idle));
    }
    if let Some(series) = connection.series.subflows.get(member.index) {
        bars.extend(busy(subject, &series.bytes, member.end_s));
    }
    let mut moments: Vec<(f64, String)> = Vec::new();
    for entry in connection.story.iter().filter(|entry| entry.subflow == Some(member.index)) {
        let what = match entry.fact {
            Fact::RetransmissionTimeout { backoff } => {
                let which = if backoff > 1 { format!(" {backoff}") } else { String::new() };
                format!("timeout{which}")
            }
            Fact::Reinjected { bytes } => format!("{} over others", size(bytes)),
            Fact::SubflowLeft => "closed".into(),
            Fact::SubflowStale => "stale".into(),
            Fact::SubflowRecovered => "recovered".into(),
            Fact::FellBack(_) => "fallback".into(),
            _ => continue,
        };
        let at = entry.at.as_secs_f64();
        match moments.last_mut().filter(|last| last.0 == at) {
            Some(last) => last.1 = format!("{}, {what}", last.1),
            None => moments.push((at, what)),
        }
    }
    let carried = size(subflow.bytes);
    let note = match moments.len() {
        0 => carried,
        n => format!("{carried}, {}", plural(n, "event")),
    };
    Lane { name: member.name.clone(), note, colour: member.colour, bars, moments }
}

/// The times in which bytes came, from counts per interval.
fn busy(subject: &Subject<'_>, bytes: &[u64], end_s: f64) -> Vec<(f64, f64, Bar)> {
    let interval_s = subject.connection.series.interval.as_secs_f64();
    let mut bars: Vec<(f64, f64, Bar)> = Vec::new();
    for (k, _) in bytes.iter().enumerate().filter(|(_, bytes)| **bytes > 0) {
        let (from, to) = (k as f64 * interval_s, ((k + 1) as f64 * interval_s).min(end_s));
        match bars.last_mut().filter(|last| from - last.1 < interval_s / 2.0) {
            Some(last) => last.1 = to,
            None if to > from => bars.push((from, to, Bar::Busy)),
            None => {}
        }
    }
    bars
}
