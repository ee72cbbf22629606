//! What `run` prints: a verdict per connection and why, a line per subflow, where the rest went.
//!
//! The text carries ANSI styles; whoever prints it strips them where they are not wanted.

use sim_core::record::outcome::{Cause, Verdict};
use sim_core::record::{
    CommandRecord, ConnectionRecord, LiveRecord, RunRecord, SubflowOutcome, SubflowRecord,
    SubflowRole,
};
use sim_core::time::{SimDuration, SimTime};

use crate::figures::{count, instant, printable, rate, share, size, span};
use crate::messages::{self, Label, Language, Message};
use crate::series::last_reset;
use crate::shortfall::{self, Part, Reason};
use crate::style::{Style, paint};
use crate::summary::Latency;
use crate::table::{Cell, lines, lines_within};
use crate::wrap::{NO_BREAK, wrap};
use crate::{Expectation, Report, subflows_established};

/// Width of the sparkline, in characters.
const SPARKS: usize = 48;

/// The whole text in lines of at most `width` columns, with a line break at its end.
#[must_use]
pub fn render(report: &Report<'_>, width: usize) -> String {
    let record = report.record;
    let mut out = Vec::new();
    heading(&mut out, record);
    for connection in &record.connections {
        out.push(String::new());
        describe(&mut out, report, connection, width);
    }
    let inside = width.saturating_sub(2);
    devices(&mut out, record, inside);
    section(&mut out, "expected", expectation_lines(report.expectations, inside));
    let warnings = report.warnings.iter().flat_map(|warning| {
        let lines = hanging("", &printable(warning), inside);
        lines.into_iter().map(|line| paint(Style::Fair, &line))
    });
    section(&mut out, "to check before trusting this", warnings.collect());
    out.push(String::new());
    out.push(format!("{}  {}", paint(Style::Faint, "replay"), printable(report.replay)));
    out.join("\n") + "\n"
}

/// Expectations: what was measured and what was expected, and where that stands.
#[must_use]
pub fn expectation_lines(expectations: &[Expectation], width: usize) -> Vec<String> {
    let rows: Vec<Vec<Cell>> = expectations
        .iter()
        .map(|expectation| {
            let (word, style) =
                if expectation.passed { ("ok", Style::Good) } else { ("FAILED", Style::Bad) };
            vec![
                Cell::left(word).style(style),
                Cell::left(format!("line {}", expectation.line)).style(Style::Faint),
                Cell::left(printable(&expectation.sentence)),
            ]
        })
        .collect();
    lines_within(&rows, width)
}

/// The verdict in words, with what it rests on (`MPTCP, 3 subflows`), and how it is shown.
#[must_use]
pub fn verdict(connection: &ConnectionRecord, language: Language) -> (String, Style) {
    let words = language.say(&messages::Message::Verdict(connection));
    (words, verdict_style(connection))
}

/// How a verdict is shown: MPTCP on a part of its subflows is not all that was wanted.
#[must_use]
pub fn verdict_style(connection: &ConnectionRecord) -> Style {
    match connection.outcome.verdict {
        Verdict::Mptcp if subflows_established(connection) == connection.subflows.len() => {
            Style::Good
        }
        Verdict::Mptcp | Verdict::Fallback => Style::Fair,
        Verdict::Failed(_) => Style::Bad,
    }
}

fn heading(out: &mut Vec<String>, record: &RunRecord) {
    out.push(paint(Style::Strong, &printable(&record.title)));
    let line = format!(
        "{} · seed {} · {} · {} events",
        printable(&record.scenario),
        record.seed,
        how_long(record),
        count(record.events)
    );
    out.push(paint(Style::Faint, &line));
    for command in record.live.iter().flat_map(|live| &live.commands) {
        let program = printable(&command.argv.join(" "));
        out.push(format!("{}: {program}: {}", printable(&command.host), program_ended(command)));
    }
}

/// `39.5 s simulated`, or `39.5 s live on Linux 6.18.44, cubic`.
pub(crate) fn how_long(record: &RunRecord) -> String {
    let length = span(record.ended_at.since(SimTime::ZERO));
    match &record.live {
        None => format!("{length} simulated"),
        Some(live) => format!("{length} live on {}", live_hosts(live)),
    }
}

/// How a program ended.
pub(crate) fn program_ended(command: &CommandRecord) -> String {
    match command.exit_code {
        None => "ended with the run".into(),
        Some(0) => "exit code 0".into(),
        Some(code) => format!("FAILED, exit code {code}"),
    }
}

/// The kernel and its congestion controls: `Linux 6.18.44, cubic`.
fn live_hosts(live: &LiveRecord) -> String {
    let mut kinds: Vec<&str> = live.congestion.values().map(String::as_str).collect();
    kinds.sort_unstable();
    kinds.dedup();
    printable(&format!("{}, {}", live.kernel, kinds.join(" and ")))
}

fn describe(
    out: &mut Vec<String>,
    report: &Report<'_>,
    connection: &ConnectionRecord,
    width: usize,
) {
    let language = report.language;
    let (verdict, style) = verdict(connection, language);
    out.push(format!(
        "{}  {} → {}  {}",
        paint(Style::Strong, &printable(&connection.name)),
        printable(&connection.client),
        printable(&connection.server),
        paint(style, &verdict)
    ));
    if let Some(cause) = &connection.outcome.cause {
        out.extend(because(cause, language, "  ", width));
    }
    out.push(String::new());
    let inside = width.saturating_sub(2);
    out.extend(
        subflow_lines(connection, language, inside).into_iter().map(|line| format!("  {line}")),
    );
    out.push(String::new());
    let figures = lines_within(&figure_rows(connection), inside);
    out.extend(figures.into_iter().map(|line| format!("  {line}")));
    let parts = shortfall::parts(report.record, connection);
    if let Some(parts) = parts.filter(|_| is_short(connection)) {
        out.push(String::new());
        out.push(paint(Style::Faint, "  where the rest went"));
        let parts = part_lines(connection, &parts, inside);
        out.extend(parts.into_iter().map(|line| format!("  {line}")));
    }
}

/// Why it came so.
fn because(cause: &Cause, language: Language, indent: &str, width: usize) -> Vec<String> {
    let because = language.say(&Message::Label(Label::Because));
    hanging(indent, &format!("{because} {}", messages::cause(cause, language)), width)
}

/// Running text, its second line and those below it further in.
fn hanging(indent: &str, text: &str, width: usize) -> Vec<String> {
    let lines = wrap(text, width.saturating_sub(indent.len() + 2));
    let further = |k: usize| if k == 0 { "" } else { "  " };
    lines.iter().enumerate().map(|(k, line)| format!("{indent}{}{line}", further(k))).collect()
}

fn subflow_lines(connection: &ConnectionRecord, language: Language, width: usize) -> Vec<String> {
    let header = ["path", "role", "outcome"].into_iter().map(Cell::left);
    let header =
        header.chain(["bytes", "share", "goodput", "sent again"].into_iter().map(Cell::right));
    let mut rows = vec![header.map(|cell| cell.style(Style::Faint)).collect::<Vec<_>>()];
    let all: u64 = connection.subflows.iter().map(|subflow| subflow.bytes).sum();
    rows.extend(connection.subflows.iter().map(|subflow| subflow_row(subflow, all)));
    let mut table = lines(&rows).into_iter();
    let mut out: Vec<String> = table.next().into_iter().collect();
    for (line, subflow) in table.zip(&connection.subflows) {
        out.push(line);
        if let Some(cause) = &subflow.cause {
            out.extend(because(cause, language, "  ", width));
        }
    }
    out
}

fn subflow_row(subflow: &SubflowRecord, all: u64) -> Vec<Cell> {
    let (outcome, style) = match subflow.outcome {
        SubflowOutcome::Established => ("established".into(), Style::Good),
        SubflowOutcome::Reset => (ended("reset", subflow), Style::Fair),
        SubflowOutcome::Refused => (ended("refused", subflow), Style::Bad),
        SubflowOutcome::TimedOut => (ended("timed out", subflow), Style::Bad),
    };
    let role = match subflow.role {
        SubflowRole::Initial => "first",
        SubflowRole::Join => "join",
    };
    vec![
        Cell::left(printable(&subflow.path)),
        Cell::left(role),
        Cell::left(outcome).style(style),
        Cell::right(size(subflow.bytes)),
        Cell::right(share(subflow.bytes as f64, all as f64)),
        Cell::right(rate(subflow.goodput_bps)),
        Cell::right(count(subflow.retransmissions)),
    ]
}

fn ended(word: &str, subflow: &SubflowRecord) -> String {
    match subflow.ended_at {
        Some(at) => format!("{word} at {}", instant(at)),
        None => word.into(),
    }
}

fn figure_rows(connection: &ConnectionRecord) -> Vec<Vec<Cell>> {
    let row =
        |name: &str, text: String| vec![Cell::left(name).style(Style::Faint), Cell::left(text)];
    let of_bound = match connection.bound_bps {
        Some(bound) => {
            let part = share(connection.goodput_bps, bound);
            format!(" of the {} that the paths could give ({part})", rate(bound))
        }
        None => String::new(),
    };
    let mut rows = vec![row("goodput", format!("{}{of_bound}", rate(connection.goodput_bps)))];
    if let Some(sparks) = sparkline(connection) {
        rows.push(row("", sparks));
    }
    let intact = if connection.stream_intact { "every byte right" } else { "a WRONG byte" };
    let done = match connection.completed_at {
        Some(at) => format!("complete at {}", instant(at)),
        None => "not complete".into(),
    };
    rows.push(row("delivered", format!("{}, {intact}, {done}", size(connection.bytes_delivered))));
    let stall = match connection.longest_stall.as_nanos() {
        0 => "none".into(),
        _ => format!(
            "{} at {}",
            span(connection.longest_stall),
            instant(connection.longest_stall_at)
        ),
    };
    rows.push(row("longest stall", stall));
    if let Some(latency) = Latency::of(connection) {
        let text = [
            ("p50", latency.p50),
            ("p90", latency.p90),
            ("p99", latency.p99),
            ("max", latency.max),
        ]
        .map(|(name, ms)| format!("{name} {}", span(SimDuration((ms * 1e6) as u64))))
        .join("   ")
        .replace(' ', &NO_BREAK.to_string());
        rows.push(row("write to delivery", text));
    }
    let (waiting, at) = shortfall::most_waiting(connection);
    if waiting > 0 {
        let text =
            format!("at most {} waited for an earlier byte (at {})", size(waiting), instant(at));
        rows.push(row("out of order", text));
    }
    rows
}

/// Delivered goodput over the whole run, against the bound where there is one.
fn sparkline(connection: &ConnectionRecord) -> Option<String> {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let delivered = &connection.series.delivered;
    let interval_s = connection.series.interval.as_secs_f64();
    if connection.bytes_delivered == 0 || delivered.is_empty() || interval_s <= 0.0 {
        return None;
    }
    let reset_s = last_reset(connection).map_or(0.0, SimTime::as_secs_f64);
    let intervals = delivered.len().max((reset_s / interval_s).ceil() as usize);
    let columns = intervals.min(SPARKS);
    let means: Vec<f64> = (0..columns)
        .map(|c| {
            let part = c * intervals / columns..(c + 1) * intervals / columns;
            let length_s = part.len() as f64 * interval_s;
            let bytes = part.filter_map(|k| delivered.get(k)).sum::<u64>();
            bytes as f64 * 8.0 / length_s
        })
        .collect();
    // Against the bound, so that runs compare; what came faster for a moment is as high as the bound.
    let highest = means.iter().copied().fold(0.0, f64::max);
    let highest = connection.bound_bps.unwrap_or(highest);
    let spark = |bps: &f64| match highest {
        h if h <= 0.0 || *bps <= 0.0 => NO_BREAK,
        h => LEVELS[((bps / h * 8.0).ceil() as usize).clamp(1, 8) - 1],
    };
    let sparks: String = means.iter().map(spark).collect();
    let end = instant(SimTime::ZERO + connection.series.interval * intervals as u64);
    let scale = format!("0 to {end}, full height {}", rate(highest));
    Some(format!("▕{sparks}▏ {}", scale.replace(' ', &NO_BREAK.to_string())))
}

/// Enough is missing to ask where it went.
fn is_short(connection: &ConnectionRecord) -> bool {
    connection.bound_bps.is_some_and(|bound| connection.goodput_bps < 0.99 * bound)
}

fn part_lines(connection: &ConnectionRecord, parts: &[Part], width: usize) -> Vec<String> {
    let missing = connection.bound_bps.unwrap_or(0.0) - connection.goodput_bps;
    // One unit for all, and nothing that would read as 0 %.
    let shown = parts.iter().filter(|part| part.bps >= 0.005 * missing);
    let rows: Vec<Vec<Cell>> = shown
        .map(|part| {
            vec![
                Cell::right(format!("{:.2} Mbps", part.bps / 1e6)),
                Cell::right(share(part.bps, missing)),
                Cell::left(format!(
                    "{} ({})",
                    reason(part.reason),
                    printable(&part.paths.join(", "))
                )),
            ]
        })
        .collect();
    lines_within(&rows, width)
}

const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Unused => "no subflow on the path",
        Reason::NotYet => "before the subflow was established",
        Reason::RampUp => "slow start, until the path was first full",
        Reason::Silent => "nothing came through: down, timed out or ended",
        Reason::Loss => "loss: segments sent again",
        Reason::CongestionWindow => "congestion window smaller than the path holds",
        Reason::NotOffered => "window open, nothing sent: application or receive window",
    }
}

fn devices(out: &mut Vec<String>, record: &RunRecord, width: usize) {
    let rows: Vec<Vec<Cell>> = record
        .devices
        .iter()
        .map(|device| {
            let changes: Vec<String> =
                device.changes.iter().map(|(kind, n)| format!("{kind} {}", count(*n))).collect();
            let changes =
                if changes.is_empty() { "changed nothing".into() } else { changes.join(", ") };
            vec![
                Cell::left(printable(&device.name)),
                Cell::left(messages::product(device.model)),
                Cell::left(changes),
            ]
        })
        .collect();
    section(out, "devices", lines_within(&rows, width));
}

fn section(out: &mut Vec<String>, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    out.push(String::new());
    out.push(paint(Style::Faint, title));
    out.extend(lines.into_iter().map(|line| format!("  {line}")));
}
