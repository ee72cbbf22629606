//! What is in the throughput chart, from the record.

use plotters::style::RGBColor;
use sim_core::record::outcome::{Cause, Verdict};
use sim_core::record::story::Fact;
use sim_core::record::{ConnectionRecord, RunRecord, SubflowOutcome, SubflowRecord};
use sim_core::time::{SimDuration, SimTime};

use super::{palette, ticks};
use crate::figures::{plural, printable, rate, share};
use crate::messages::{self, Language};
use crate::series::last_reset;
use crate::style::Style;

/// More connections than this are drawn as one.
const PANELS_MAX: usize = 4;
/// Points over the whole time: enough for a slide, and few enough that a retransmission, which holds
/// a round trip's data back and then lets it go at once, does not hide what the path gave.
const POINTS_MAX: u64 = 80;

/// The whole picture.
pub(super) struct Picture {
    /// The scenario's title.
    pub(super) title: String,
    /// One per connection, or one for all of many.
    pub(super) panels: Vec<Panel>,
    /// End of the time axis, in seconds; it begins at zero.
    pub(super) end_s: f64,
    /// Length of the intervals that points are means of, in seconds.
    pub(super) interval_s: f64,
}

/// One connection.
pub(super) struct Panel {
    /// The connection's name.
    pub(super) name: String,
    /// The verdict and the figures: `MPTCP, 3 subflows`.
    pub(super) verdict: String,
    /// Colour of the verdict.
    pub(super) colour: RGBColor,
    /// The figures beside it, and why.
    pub(super) text: String,
    /// One per path, in the scenario's order, from the bottom up.
    pub(super) layers: Vec<Layer>,
    /// In-order delivery in all, in Mbps.
    pub(super) total: Vec<(f64, f64)>,
    /// Mean of it, as a legend says it.
    pub(super) total_mean: String,
    /// The most that the paths could give, in Mbps.
    pub(super) bound: Option<f64>,
    /// What happened, in order of time.
    pub(super) marks: Vec<Mark>,
    /// From and to, in seconds, of the longest stall, where it is long enough to be seen.
    pub(super) stall: Option<(f64, f64)>,
}

/// One path.
pub(super) struct Layer {
    /// Its name.
    pub(super) name: String,
    /// Its colour.
    pub(super) colour: RGBColor,
    /// Time in seconds and Mbps.
    pub(super) points: Vec<(f64, f64)>,
    /// The mean, or why there is none.
    pub(super) note: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    /// When, in seconds.
    pub(crate) at_s: f64,
    /// What.
    pub(crate) label: String,
    /// True for what an endpoint suffered, which is labelled before what the scenario made happen.
    pub(crate) important: bool,
}

impl Picture {
    /// The picture in one sentence, for who cannot see it.
    pub(super) fn name(&self) -> String {
        let panels = self.panels.iter().map(|p| format!("{}: {}, {}", p.name, p.verdict, p.text));
        format!("Goodput over time. {}. {}", self.title, panels.collect::<Vec<_>>().join(". "))
    }
}

/// What the picture shows of a run.
pub(super) fn describe(record: &RunRecord) -> Picture {
    let end = end_of_time(record);
    let intervals = Intervals::new(record, end);
    let mut panels: Vec<Panel> = if record.connections.len() > PANELS_MAX {
        vec![all_as_one(record, &intervals)]
    } else {
        record.connections.iter().map(|c| panel(record, c, &intervals)).collect()
    };
    for panel in &mut panels {
        panel.marks = with_events(record, std::mem::take(&mut panel.marks), intervals.end_s);
    }
    let title = if record.title.is_empty() { &record.scenario } else { &record.title };
    Picture {
        title: printable(title) + if record.live.is_some() { " · live" } else { "" },
        panels,
        end_s: intervals.end_s,
        interval_s: intervals.length_s,
    }
}

/// What endpoints suffered and what the scenario made happen, in order of time.
pub(super) fn with_events(record: &RunRecord, mut marks: Vec<Mark>, end_s: f64) -> Vec<Mark> {
    marks.extend(record.timeline.iter().map(|event| Mark {
        at_s: event.at.as_secs_f64(),
        label: printable(&event.label),
        important: false,
    }));
    marks.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    merged(marks, end_s)
}

/// When the last thing happened that the picture shows.
pub(super) fn end_of_time(record: &RunRecord) -> SimTime {
    let connections = record.connections.iter().map(|connection| {
        let data = connection.series.interval * connection.series.delivered.len() as u64;
        let last = connection
            .completed_at
            .unwrap_or(record.ended_at)
            .min(SimTime::ZERO + data)
            .max(connection.started_at)
            .max(last_reset(connection).map_or(SimTime::ZERO, after));
        last.max(end_of_stall(record, connection, last))
    });
    let events = record.timeline.iter().map(|event| event.at);
    connections.chain(events).max().unwrap_or(record.ended_at).min(record.ended_at)
}

/// A little after an event, so that its mark is not the picture's edge.
fn after(event: SimTime) -> SimTime {
    event + SimDuration::from_nanos(event.as_nanos() / 20)
}

/// How far a stall is shown that did not end in the run: far enough to be seen, and not so far that all
/// that came before it, be it up to `last`, is a line at the left edge.
fn end_of_stall(record: &RunRecord, connection: &ConnectionRecord, last: SimTime) -> SimTime {
    let (from, stall) = (connection.longest_stall_at, connection.longest_stall);
    if connection.completed_at.is_some() || from + stall < record.ended_at {
        return last;
    }
    let before = from.max(last);
    let part = SimDuration::from_nanos(before.as_nanos() / 4).max(connection.series.interval);
    (before + part).min(from + stall)
}

/// The intervals that points are means of: whole multiples of the record's.
struct Intervals {
    end_s: f64,
    length_s: f64,
    /// Record intervals in one.
    each: usize,
    count: usize,
}

impl Intervals {
    fn new(record: &RunRecord, end: SimTime) -> Self {
        let interval =
            record.connections.first().map_or(1, |c| c.series.interval.as_nanos().max(1));
        let count = end.as_nanos().div_ceil(interval).max(1);
        let each = round_up(count.div_ceil(POINTS_MAX));
        let end_s = end.as_secs_f64().max(interval as f64 / 1e9);
        let length_s = (each * interval) as f64 / 1e9;
        // A rest that is shorter than half an interval is part of the one before it: a mean over a
        // moment says nothing.
        let count = ((end_s / length_s).round() as usize).max(1);
        Self { end_s, length_s, each: each as usize, count }
    }

    /// Means in Mbps, as steps: two points for each interval, at its begin and its end.
    fn means(&self, bytes: &[u64], until_s: f64) -> Vec<(f64, f64)> {
        let step = |k: usize| {
            let from = k as f64 * self.length_s;
            let (to, take) = match k + 1 {
                next if next == self.count => (self.end_s, usize::MAX),
                next => (next as f64 * self.length_s, self.each),
            };
            // A connection that ended within the interval is not told by what came after it.
            let length = (until_s - from).clamp((to - from) * 0.25, to - from);
            let part = bytes.iter().skip(k * self.each).take(take).sum::<u64>();
            let mbps = part as f64 * 8e-6 / length;
            [(from, mbps), (to, mbps)]
        };
        (0..self.count).flat_map(step).collect()
    }
}

/// The next round number.
fn round_up(least: u64) -> u64 {
    ticks::step(least as f64).ceil() as u64
}

fn panel(record: &RunRecord, connection: &ConnectionRecord, intervals: &Intervals) -> Panel {
    let until_s = connection.completed_at.unwrap_or(record.ended_at).as_secs_f64();
    let layer = |(index, path): (usize, &sim_core::record::PathRecord)| {
        let mine = || connection.subflows.iter().enumerate().filter(|(_, s)| s.path == path.name);
        let mut bytes = Vec::new();
        for series in mine().filter_map(|(i, _)| connection.series.subflows.get(i)) {
            add(&mut bytes, &series.bytes);
        }
        Layer {
            name: printable(&path.name),
            colour: palette::path(index),
            points: intervals.means(&bytes, until_s),
            note: note(mine().map(|(_, subflow)| subflow)),
        }
    };
    let stall = (
        connection.longest_stall_at.as_secs_f64(),
        (connection.longest_stall_at + connection.longest_stall).as_secs_f64(),
    );
    let (verdict, colour) = verdict(connection);
    Panel {
        name: printable(&connection.name),
        verdict,
        colour,
        text: text(connection),
        layers: record.paths.iter().enumerate().map(layer).collect(),
        total: intervals.means(&connection.series.delivered, until_s),
        total_mean: rate(connection.goodput_bps),
        bound: connection.bound_bps.map(|bps| bps / 1e6),
        marks: marks(connection),
        stall: (stall.1 - stall.0 >= intervals.end_s / 200.0).then_some(stall),
    }
}

/// Many connections: what the paths carried in all.
fn all_as_one(record: &RunRecord, intervals: &Intervals) -> Panel {
    let until_s = record.ended_at.as_secs_f64();
    let mut total = Vec::new();
    let mut by_path = vec![Vec::new(); record.paths.len()];
    for connection in &record.connections {
        add(&mut total, &connection.series.delivered);
        for (subflow, series) in connection.subflows.iter().zip(&connection.series.subflows) {
            if let Some(path) = record.paths.iter().position(|path| path.name == subflow.path) {
                add(&mut by_path[path], &series.bytes);
            }
        }
    }
    let mean = |bytes: &[u64]| rate(bytes.iter().sum::<u64>() as f64 * 8.0 / intervals.end_s);
    let of = |word| record.connections.iter().filter(|c| c.outcome.verdict.word() == word).count();
    let verdict =
        format!("{} MPTCP, {} fallback, {} failed", of("mptcp"), of("fallback"), of("failed"));
    let layers =
        record.paths.iter().zip(&by_path).enumerate().map(|(index, (path, bytes))| Layer {
            name: printable(&path.name),
            colour: palette::path(index),
            points: intervals.means(bytes, until_s),
            note: mean(bytes),
        });
    Panel {
        name: plural(record.connections.len(), "connection"),
        verdict,
        colour: if of("failed") > 0 { palette::BAD } else { palette::GOOD },
        text: String::new(),
        layers: layers.collect(),
        total: intervals.means(&total, until_s),
        total_mean: mean(&total),
        bound: None,
        marks: Vec::new(),
        stall: None,
    }
}

fn add(sums: &mut Vec<u64>, values: &[u64]) {
    sums.resize(sums.len().max(values.len()), 0);
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// A path's mean goodput, or why it has none.
fn note<'a>(subflows: impl Iterator<Item = &'a SubflowRecord>) -> String {
    let (mut goodput, mut worst, mut any) = (0.0, None, false);
    for subflow in subflows {
        goodput += subflow.goodput_bps;
        worst = Some(subflow.outcome);
        any |= subflow.established_at.is_some();
    }
    match worst {
        None => "no subflow".into(),
        Some(SubflowOutcome::Refused) if !any => "refused".into(),
        Some(SubflowOutcome::TimedOut) if !any => "timed out".into(),
        Some(_) => rate(goodput),
    }
}

fn verdict(connection: &ConnectionRecord) -> (String, RGBColor) {
    let (words, style) = crate::text::verdict(connection, Language::English);
    let colour = match style {
        Style::Plain | Style::Strong => palette::INK,
        Style::Faint => palette::FAINT,
        Style::Good => palette::GOOD,
        Style::Fair => palette::FAIR,
        Style::Bad => palette::BAD,
    };
    (words, colour)
}

fn text(connection: &ConnectionRecord) -> String {
    let goodput = rate(connection.goodput_bps);
    let figures = match connection.bound_bps {
        Some(bound) => {
            let part = share(connection.goodput_bps, bound);
            format!("{goodput} of the {} that the paths could give ({part})", rate(bound))
        }
        None => goodput,
    };
    let subflows = connection.subflows.iter().filter_map(|subflow| subflow.cause.as_ref());
    match connection.outcome.cause.iter().chain(subflows).next() {
        Some(cause) => {
            // The root with its place; the verdict says what came of it.
            let root = Cause { links: cause.links.iter().take(1).cloned().collect() };
            format!("{figures}; {}", messages::cause(&root, Language::English))
        }
        None => figures,
    }
}

pub(super) fn marks(connection: &ConnectionRecord) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut mark = |at: SimTime, label: String| {
        marks.push(Mark { at_s: at.as_secs_f64(), label: printable(&label), important: true });
    };
    for subflow in &connection.subflows {
        let at = subflow.ended_at.unwrap_or(subflow.started_at);
        match subflow.outcome {
            SubflowOutcome::Established => {}
            SubflowOutcome::Reset => mark(at, format!("{} reset", subflow.path)),
            SubflowOutcome::Refused => mark(at, format!("{} refused", subflow.path)),
            SubflowOutcome::TimedOut => mark(at, format!("{} timed out", subflow.path)),
        }
    }
    let mut first_of = |wanted: fn(&Fact) -> bool, label: &str| {
        if let Some(entry) = connection.story.iter().find(|entry| wanted(&entry.fact)) {
            mark(entry.at, label.into());
        }
    };
    // A server may take a join whose option was removed for a new connection, and that one falls back
    // and fails; the verdict tells whether the connection itself did.
    match connection.outcome.verdict {
        Verdict::Mptcp => {}
        Verdict::Fallback => first_of(|f| matches!(f, Fact::FellBack(_)), "fallback to TCP"),
        Verdict::Failed(_) => {
            first_of(|f| matches!(f, Fact::WrongByte { .. }), "wrong byte");
            first_of(|f| matches!(f, Fact::Aborted), "connection failed");
        }
    }
    marks
}

/// Marks in order of time, those of one label that stand close together as one.
fn merged(marks: Vec<Mark>, end_s: f64) -> Vec<Mark> {
    let mut out: Vec<(Mark, usize)> = Vec::new();
    for mark in marks {
        let same = out
            .iter_mut()
            .find(|(m, _)| m.label == mark.label && mark.at_s - m.at_s < end_s / 50.0);
        match same {
            Some((_, count)) => *count += 1,
            None => out.push((mark, 1)),
        }
    }
    out.into_iter()
        .map(|(mark, count)| match count {
            1 => mark,
            _ => Mark { label: format!("{} ×{count}", mark.label), ..mark },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    /// A connection that is reset long after its last byte: both are seen.
    #[test]
    fn the_time_of_a_reset_is_shown() {
        let mut record = fixture::three_paths();
        let before = end_of_time(&record);
        let late = before + SimDuration::from_secs(30);
        record.ended_at = late + SimDuration::from_secs(9);
        let connection = &mut record.connections[0];
        connection.subflows[0].outcome = SubflowOutcome::Reset;
        connection.subflows[0].ended_at = Some(late);
        assert_eq!(end_of_time(&record), before, "it had completed");
        record.connections[0].completed_at = None;
        record.connections[0].longest_stall = SimDuration::ZERO;
        assert_eq!(end_of_time(&record), after(late));
        assert_eq!(describe(&record).end_s, after(late).as_secs_f64());
    }
}
