//! Expectations held against the record of a run.

use sim_core::record::outcome::{Blame, Cause, CauseLink, Verdict};
use sim_core::record::series::ConnectionSeries;
use sim_core::record::{ConnectionRecord, RunRecord, SubflowOutcome};
use sim_core::time::SimDuration;
use sim_core::units::BitRate;

use crate::schema::{Expectation, ExpectedVerdict};

/// What came of one expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectationResult {
    /// What kind of expectation, about what: `Goodput video`.
    pub name: String,
    /// Line of the scenario file.
    pub line: usize,
    /// Whether it was met.
    pub passed: bool,
    /// The measured figure: `8.73 Mbps`.
    pub measured: String,
    /// Figure and expectation in one sentence.
    pub sentence: String,
}

/// Measured, passed, expected in words.
struct Finding {
    passed: bool,
    measured: String,
    expected: String,
}

/// Holds `expectation`, which stands in this line of its file, against `record`.
#[must_use]
pub fn evaluate(expectation: &Expectation, line: usize, record: &RunRecord) -> ExpectationResult {
    let subject = expectation.traffic().or(expectation.device()).unwrap_or_default();
    let finding = measure(expectation, record);
    let Finding { passed, measured, expected } = finding;
    let sentence = match (passed, expectation) {
        // A cause is told in full with the verdict; what is as said need not be said twice.
        (true, Expectation::Cause { .. }) => format!("{subject}: {expected}"),
        (true, Expectation::Subflow { .. } | Expectation::Intact(_)) => {
            format!("{subject}: {measured}")
        }
        (true, _) if measured == expected => format!("{subject}: {measured}"),
        (true, _) => format!("{subject}: {measured} (expected: {expected})"),
        (false, _) => format!("{subject}: expected {expected}, but it was: {measured}"),
    };
    let name = format!("{} {subject}", expectation.word());
    ExpectationResult { name, line, passed, measured, sentence }
}

fn measure(expectation: &Expectation, record: &RunRecord) -> Finding {
    let of = |name: &str, measure: &dyn Fn(&ConnectionRecord) -> Finding| match record
        .connections
        .iter()
        .find(|connection| connection.name == name)
    {
        Some(connection) => measure(connection),
        None => Finding::none("no such connection", "a connection"),
    };
    match expectation {
        Expectation::Verdict(name, expected) => {
            of(name, &|connection| verdict(*expected, connection))
        }
        Expectation::Goodput { name, between, at_least, at_most } => of(name, &|connection| {
            let bounds =
                Bounds::new(at_least.map(|rate| rate.0 as f64), at_most.map(|rate| rate.0 as f64));
            bounds.hold(goodput(connection, *between), &during(*between), megabits)
        }),
        Expectation::BoundShare { name, between, at_least, at_most } => of(name, &|connection| {
            let bounds = Bounds::new(at_least.map(|p| p.as_f64()), at_most.map(|p| p.as_f64()));
            let of_what = format!(" of the paths' bound{}", during(*between));
            let Some(bound) = connection.bound_bps else {
                return Finding::none("the paths have no limit", "a share of the paths' bound");
            };
            let share = goodput(connection, *between) / bound;
            bounds.hold(share, &of_what, |share| format!("{:.1} %", share * 100.0))
        }),
        Expectation::Stall { name, at_least, at_most } => of(name, &|connection| {
            let bounds = Bounds::new(
                at_least.map(SimDuration::as_secs_f64),
                at_most.map(SimDuration::as_secs_f64),
            );
            let of_what = format!(" without a delivery, at {}", connection.longest_stall_at);
            let stall = connection.longest_stall.as_secs_f64();
            bounds.hold(stall, &of_what, |seconds| format!("{seconds:.3} s"))
        }),
        Expectation::Intact(name) => of(name, &intact),
        Expectation::Cause { name, path, device, contains } => of(name, &|connection| {
            cause(connection, path.as_deref(), device.as_deref(), contains.as_deref())
        }),
        Expectation::Subflow { name, path, outcome } => {
            of(name, &|connection| subflow(connection, path, SubflowOutcome::from(*outcome)))
        }
        Expectation::Latency { name, percentile, at_most } => {
            of(name, &|connection| latency(connection, *percentile, *at_most))
        }
        Expectation::Change { name, label, at_least, at_most } => {
            let bounds = Bounds::new(at_least.map(|n| n as f64), at_most.map(|n| n as f64));
            changes(record, name, label.as_deref(), &bounds)
        }
    }
}

impl Finding {
    /// There is nothing to measure.
    fn none(instead: &str, expected: &str) -> Self {
        Self { passed: false, measured: instead.into(), expected: expected.into() }
    }
}

fn subflow(connection: &ConnectionRecord, path: &str, wanted: SubflowOutcome) -> Finding {
    let over_path = connection.subflows.iter().filter(|subflow| subflow.path == path);
    let found: Vec<SubflowOutcome> = over_path.map(|subflow| subflow.outcome).collect();
    let words: Vec<&str> = found.iter().map(|&outcome| outcome_word(outcome)).collect();
    let measured = if words.is_empty() {
        format!("no subflow over {path}")
    } else {
        format!("over {path}: {}", words.join(", "))
    };
    let expected = format!("a subflow over {path} that is {}", outcome_word(wanted));
    Finding { passed: found.contains(&wanted), measured, expected }
}

fn latency(connection: &ConnectionRecord, percentile: f64, at_most: SimDuration) -> Finding {
    let expected = format!("a latency of at most {at_most} at {percentile} %");
    if connection.latency.is_empty() {
        return Finding::none("nothing was delivered", &expected);
    }
    let latency = SimDuration(connection.latency.value_at_quantile(percentile / 100.0));
    let measured = format!("{:.3} ms at {percentile} %", latency.as_secs_f64() * 1e3);
    Finding { passed: latency <= at_most, measured, expected }
}

fn changes(record: &RunRecord, name: &str, label: Option<&str>, bounds: &Bounds) -> Finding {
    let Some(device) = record.devices.iter().find(|device| device.name == name) else {
        return Finding::none("the device is nowhere in the topology", "a device in use");
    };
    let count: u64 = match label {
        Some(label) => device.changes.get(label).copied().unwrap_or(0),
        None => device.changes.values().sum(),
    };
    let what = label.unwrap_or("changes of any kind");
    bounds.hold(count as f64, &format!(" × {what}"), |count| format!("{count:.0}"))
}

/// Lower and upper bound of a figure.
struct Bounds {
    least: Option<f64>,
    most: Option<f64>,
}

impl Bounds {
    const fn new(least: Option<f64>, most: Option<f64>) -> Self {
        Self { least, most }
    }

    fn hold(&self, value: f64, of_what: &str, show: impl Fn(f64) -> String) -> Finding {
        let passed = self.least.is_none_or(|least| value >= least)
            && self.most.is_none_or(|most| value <= most);
        let expected = match (self.least, self.most) {
            (Some(least), Some(most)) => format!("from {} to {}", show(least), show(most)),
            (Some(least), None) => format!("at least {}", show(least)),
            (None, Some(most)) => format!("at most {}", show(most)),
            (None, None) => "anything".into(),
        };
        Finding { passed, measured: format!("{}{of_what}", show(value)), expected }
    }
}

fn verdict(expected: ExpectedVerdict, connection: &ConnectionRecord) -> Finding {
    let established =
        connection.subflows.iter().filter(|subflow| subflow.established_at.is_some()).count();
    let found = connection.outcome.verdict;
    let passed = match (expected, found) {
        (ExpectedVerdict::Mptcp { subflows }, Verdict::Mptcp) => {
            subflows.is_none_or(|wanted| wanted as usize == established)
        }
        (ExpectedVerdict::Fallback, Verdict::Fallback)
        | (ExpectedVerdict::Failed, Verdict::Failed(_)) => true,
        _ => false,
    };
    let measured = match found {
        Verdict::Mptcp => format!("MPTCP, {}", subflow_count(established)),
        Verdict::Fallback => "fallback to plain TCP".into(),
        Verdict::Failed(how) => format!("failed ({how:?})"),
    };
    let expected = match expected {
        ExpectedVerdict::Mptcp { subflows: None } => "MPTCP".into(),
        ExpectedVerdict::Mptcp { subflows: Some(n) } => {
            format!("MPTCP, {}", subflow_count(n as usize))
        }
        ExpectedVerdict::Fallback => "fallback to plain TCP".into(),
        ExpectedVerdict::Failed => "failed".into(),
    };
    Finding { passed, measured, expected }
}

fn subflow_count(n: usize) -> String {
    format!("{n} subflow{} established", if n == 1 { "" } else { "s" })
}

fn intact(connection: &ConnectionRecord) -> Finding {
    let measured = match (connection.stream_intact, connection.completed_at) {
        (false, _) => "a byte was delivered that was not the byte written".into(),
        (true, None) => format!("only {} bytes arrived before the end", connection.bytes_delivered),
        (true, Some(at)) => format!("all {} bytes as written, by {at}", connection.bytes_delivered),
    };
    let passed = connection.stream_intact && connection.completed_at.is_some();
    Finding { passed, measured, expected: "every byte as written".into() }
}

fn cause(
    connection: &ConnectionRecord,
    path: Option<&str>,
    device: Option<&str>,
    contains: Option<&str>,
) -> Finding {
    let own = connection.outcome.cause.iter().filter(|_| path.is_none());
    let of_subflows = connection
        .subflows
        .iter()
        .filter(|subflow| path.is_none_or(|path| subflow.path == path))
        .filter_map(|subflow| subflow.cause.as_ref());
    let links: Vec<&CauseLink> =
        own.chain(of_subflows).flat_map(|cause: &Cause| &cause.links).collect();
    let matches = |link: &&&CauseLink| {
        let by_device = match (&link.who, device) {
            (_, None) => true,
            (Blame::Device { device: found, .. }, Some(wanted)) => found == wanted,
            _ => false,
        };
        let text = in_words(link).to_lowercase();
        by_device && contains.is_none_or(|words| text.contains(&words.to_lowercase()))
    };
    let found = links.iter().find(matches);
    let measured = match (found, links.as_slice()) {
        (Some(link), _) => in_words(link),
        (None, []) => "no cause is recorded".into(),
        (None, links) => {
            links.iter().map(|link| in_words(link)).collect::<Vec<_>>().join("; then ")
        }
    };
    let mut expected = "a cause".to_owned();
    if let Some(path) = path {
        expected += &format!(" of the subflow over {path}");
    }
    if let Some(device) = device {
        expected += &format!(" by {device}");
    }
    if let Some(words) = contains {
        expected += &format!(" that says \"{words}\"");
    }
    Finding { passed: found.is_some(), measured, expected }
}

/// Everything that a link of a cause says, in one line.
fn in_words(link: &CauseLink) -> String {
    let packet = link.packet.as_ref().map(|packet| format!(" ({packet})")).unwrap_or_default();
    match &link.who {
        Blame::Device { device, model, change, rule } => {
            let mut text = format!("{device} ({model}) {change}{packet}, by \"{}\"", rule.text);
            if rule.is_default() {
                text += ", its default";
            }
            if let Some(because) = rule.because() {
                text += &format!(": {because}");
            }
            if let Some(line) = rule.line() {
                text += &format!(" [{}:{}: {}]", line.file, line.line, line.text);
            }
            text + &format!(" ({})", rule.source)
        }
        Blame::Endpoint { host, act, .. } => format!("{host} {act}{packet}"),
        Blame::Network(trouble) => format!("{trouble}{packet}"),
    }
}

const fn outcome_word(outcome: SubflowOutcome) -> &'static str {
    match outcome {
        SubflowOutcome::Established => "established",
        SubflowOutcome::Reset => "reset",
        SubflowOutcome::Refused => "refused",
        SubflowOutcome::TimedOut => "timed out",
    }
}

fn goodput(connection: &ConnectionRecord, between: Option<(SimDuration, SimDuration)>) -> f64 {
    match between {
        Some((from, to)) => delivered_rate(&connection.series, from, to),
        None => connection.goodput_bps,
    }
}

/// Delivered bits per second from one time to another; of an interval that is partly inside, its part.
fn delivered_rate(series: &ConnectionSeries, from: SimDuration, to: SimDuration) -> f64 {
    let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
    let interval = series.interval.as_secs_f64();
    let bytes: f64 = series
        .delivered
        .iter()
        .enumerate()
        .map(|(i, &bytes)| {
            let (start, end) = (i as f64 * interval, (i + 1) as f64 * interval);
            let inside = (end.min(to) - start.max(from)).max(0.0);
            bytes as f64 * inside / interval
        })
        .sum();
    if to > from { bytes * 8.0 / (to - from) } else { 0.0 }
}

fn during(between: Option<(SimDuration, SimDuration)>) -> String {
    between.map(|(from, to)| format!(" from {from} to {to}")).unwrap_or_default()
}

/// A rate as people read it; bounds come back as they were written.
fn megabits(bps: f64) -> String {
    let exact = BitRate(bps as u64).to_string();
    if exact.len() <= "100.25 Mbps".len() && bps >= 1.0 {
        exact
    } else {
        format!("{:.2} Mbps", bps / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goodput_of_a_window_counts_parts_of_intervals() {
        let second = SimDuration::from_secs(1);
        let series = ConnectionSeries {
            interval: second,
            delivered: vec![1_000, 2_000, 3_000],
            subflows: Vec::new(),
        };
        let check = |from_ms, to_ms, bps: f64| {
            let (from, to) = (SimDuration::from_millis(from_ms), SimDuration::from_millis(to_ms));
            assert!((delivered_rate(&series, from, to) - bps).abs() < 1e-6, "{from} {to}");
        };
        check(0, 3_000, 16_000.0);
        check(500, 1_500, 12_000.0);
        check(2_000, 4_000, 12_000.0);
        check(5_000, 6_000, 0.0);
        check(1_000, 1_000, 0.0);
    }

    #[test]
    fn bounds_are_inclusive_and_told() {
        let check = |least, most, value, passed, expected: &str| {
            let finding = Bounds { least, most }.hold(value, "", megabits);
            assert_eq!((finding.passed, finding.expected.as_str()), (passed, expected));
        };
        check(Some(8.4e6), None, 8.4e6, true, "at least 8.4 Mbps");
        check(Some(8.4e6), None, 8.399_999e6, false, "at least 8.4 Mbps");
        check(None, Some(1e6), 1e6, true, "at most 1 Mbps");
        check(Some(1e6), Some(2e6), 3e6, false, "from 1 Mbps to 2 Mbps");
    }
}
