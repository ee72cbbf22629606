//! What differs between two runs: matter by matter, for each connection and each device.

use std::collections::BTreeSet;

use serde::Serialize;
use sim_core::time::SimDuration;

use super::side::{Connection, Device, Side};
use crate::figures::{count, plural, rate, size, span};

/// Figures that are this close are the same to who looks at them.
const SAME: f64 = 0.005;

/// Two runs side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The first run: what the user called it, its scenario and seed.
    pub a: Run,
    /// The second one.
    pub b: Run,
    /// True when nothing differs.
    pub same: bool,
    /// Connections, those of the first run first, and in them what differs before what does not.
    pub connections: Vec<Pair>,
    /// Devices.
    pub devices: Vec<Pair>,
}

/// Which run a side is.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// What the user called it.
    pub label: String,
    /// Its scenario.
    pub scenario: String,
    /// The scenario's title.
    pub title: String,
    /// Its seed.
    pub seed: u64,
    /// The command that gives it again.
    pub replay: String,
    /// Expectations met.
    pub met: usize,
    /// Expectations in all.
    pub expected: usize,
}

/// The same connection, or the same device, on both sides.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// Its name.
    pub name: String,
    /// What there is to compare, differences first.
    pub matters: Vec<Matter>,
}

/// One thing to compare.
#[derive(Clone, Debug, Serialize)]
pub struct Matter {
    /// What: `verdict`, `goodput`.
    pub name: String,
    /// On the first side; none: it is not there.
    pub a: Option<Value>,
    /// On the second side.
    pub b: Option<Value>,
    /// The two differ.
    pub differs: bool,
    /// How much the second differs from the first, where that can be said: `+191 %`.
    pub change: Option<String>,
}

/// A value as people read it, and as scripts do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Value {
    /// In words, with its unit.
    pub text: String,
    /// As a number, in the unit that `unit` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
    /// Unit of the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
}

impl Value {
    fn words(text: impl Into<String>) -> Option<Self> {
        Some(Self { text: text.into(), number: None, unit: None })
    }

    fn number(text: String, number: f64, unit: &'static str) -> Option<Self> {
        Some(Self { text, number: Some(number), unit: Some(unit) })
    }

    fn mbps(mbps: f64) -> Option<Self> {
        Self::number(rate(mbps * 1e6), mbps, "Mbps")
    }

    fn seconds(s: f64) -> Option<Self> {
        Self::number(span(SimDuration((s * 1e9).round() as u64)), s, "s")
    }

    fn count(n: u64) -> Option<Self> {
        Self::number(count(n), n as f64, "")
    }
}

impl Comparison {
    /// Compares two runs.
    #[must_use]
    pub fn new(a: &Side, b: &Side) -> Self {
        let connections = pairs(
            &a.summary.connections,
            &b.summary.connections,
            |connection| &connection.name,
            of_connections,
        );
        let devices =
            pairs(&a.summary.devices, &b.summary.devices, |device| &device.name, of_devices);
        let all = connections.iter().chain(&devices);
        let same = all.flat_map(|pair| &pair.matters).all(|matter| !matter.differs);
        Self { a: Run::of(a), b: Run::of(b), same, connections, devices }
    }

    /// The comparison for scripts: indented JSON and a final line break.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings and numbers are always JSON") + "\n"
    }
}

impl Run {
    fn of(side: &Side) -> Self {
        let summary = &side.summary;
        Self {
            label: side.label.clone(),
            scenario: summary.scenario.clone(),
            title: summary.title.clone(),
            seed: summary.seed,
            replay: summary.replay.clone(),
            met: summary.expectations.iter().filter(|expectation| expectation.passed).count(),
            expected: summary.expectations.len(),
        }
    }
}

/// Things of one name beside each other: in the order of the first side, then what only the second has.
fn pairs<T>(
    a: &[T],
    b: &[T],
    name: impl Fn(&T) -> &String,
    compare: impl Fn(Option<&T>, Option<&T>) -> Vec<Matter>,
) -> Vec<Pair> {
    let mut seen = BTreeSet::new();
    let names = a.iter().chain(b).map(&name).filter(|name| seen.insert((*name).clone()));
    let find = |all: &[T], wanted: &String| all.iter().position(|thing| name(thing) == wanted);
    let mut pairs: Vec<Pair> = names
        .map(|wanted| {
            let (a, b) = (find(a, wanted).map(|k| &a[k]), find(b, wanted).map(|k| &b[k]));
            let mut matters = compare(a, b);
            matters.sort_by_key(|matter| !matter.differs);
            Pair { name: wanted.clone(), matters }
        })
        .collect();
    pairs.sort_by_key(|pair| pair.matters.iter().all(|matter| !matter.differs));
    pairs
}

fn of_connections(a: Option<&Connection>, b: Option<&Connection>) -> Vec<Matter> {
    let mut matters = Vec::new();
    let mut matter = |name: &str, value: &dyn Fn(&Connection) -> Option<Value>| {
        matters.extend(Matter::of(name, a.and_then(value), b.and_then(value)));
    };
    matter("verdict", &|c| Value::words(c.words()));
    matter("because", &|c| Value::words(&c.cause.as_ref()?.sentence));
    matter("goodput", &|c| Value::mbps(c.goodput_mbps));
    matter("most possible", &|c| Value::mbps(c.bound_mbps?));
    matter("longest stall", &|c| Value::seconds(c.longest_stall_s));
    matter("complete at", &|c| Value::seconds(c.completed_s?));
    matter("delivered", &|c| {
        Value::number(size(c.bytes_delivered), c.bytes_delivered as f64, "bytes")
    });
    matter("stream", &|c| {
        Value::words(if c.stream_intact { "every byte right" } else { "a WRONG byte" })
    });
    matter("latency, median", &|c| Value::seconds(c.latency_ms?.p50 / 1e3));
    matter("latency, 99 %", &|c| Value::seconds(c.latency_ms?.p99 / 1e3));
    matter("sent again", &|c| Value::count(c.retransmissions()));
    let subflows = a.iter().chain(&b).map(|c| c.subflows.len()).max().unwrap_or(0);
    for k in 0..subflows {
        let name = format!("subflow {}", k + 1);
        let words = |c: &Connection| {
            let subflow = c.subflows.get(k)?;
            let outcome = subflow.outcome.replace('-', " ");
            Value::words(format!("{}, {outcome}", subflow.path))
        };
        matters.extend(Matter::of(&name, a.and_then(words), b.and_then(words)));
        let goodput = |c: &Connection| Value::mbps(c.subflows.get(k)?.goodput_mbps);
        let name = format!("subflow {}, goodput", k + 1);
        matters.extend(Matter::of(&name, a.and_then(goodput), b.and_then(goodput)));
        let because = |c: &Connection| Value::words(&c.subflows.get(k)?.cause.as_ref()?.sentence);
        let name = format!("subflow {}, because", k + 1);
        matters.extend(Matter::of(&name, a.and_then(because), b.and_then(because)));
    }
    matters
}

fn of_devices(a: Option<&Device>, b: Option<&Device>) -> Vec<Matter> {
    let model = |device: &Device| Value::words(crate::messages::product(&device.model));
    let mut matters: Vec<Matter> =
        Matter::of("model", a.and_then(model), b.and_then(model)).into_iter().collect();
    let kinds: BTreeSet<&String> =
        [a, b].into_iter().flatten().flat_map(|device| device.changes.keys()).collect();
    for kind in kinds {
        // A device that is there and did not do it did it no times.
        let times = |device: &Device| Value::count(device.changes.get(kind).copied().unwrap_or(0));
        matters.extend(Matter::of(kind, a.and_then(times), b.and_then(times)));
    }
    matters
}

impl Matter {
    /// A matter that is on one side at least.
    fn of(name: &str, a: Option<Value>, b: Option<Value>) -> Option<Self> {
        let figures = a.as_ref().and_then(|a| a.number).zip(b.as_ref().and_then(|b| b.number));
        let differs = match figures {
            Some((a, b)) => (a - b).abs() > SAME * a.abs().max(b.abs()),
            None => a != b,
        };
        let change = figures.filter(|_| differs).and_then(|(a, b)| {
            let percent = 100.0 * (b - a) / a;
            let text = match b / a {
                times if times >= 10.0 => format!("×{times:.0}"),
                _ if percent.abs() < 10.0 => format!("{percent:+.1} %"),
                _ => format!("{percent:+.0} %"),
            };
            (a > 0.0).then_some(text)
        });
        let name = name.to_owned();
        (a.is_some() || b.is_some()).then_some(Self { name, a, b, differs, change })
    }
}

impl Comparison {
    /// How many matters differ, in words.
    #[must_use]
    pub fn in_short(&self) -> String {
        let all = self.connections.iter().chain(&self.devices).flat_map(|pair| &pair.matters);
        match all.filter(|matter| matter.differs).count() {
            0 => "the same in everything that is compared".into(),
            n => plural(n, "difference"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: f64, b: f64, differs: bool, change: Option<&str>) {
        let matter = Matter::of("goodput", Value::mbps(a), Value::mbps(b)).unwrap();
        assert_eq!((matter.differs, matter.change.as_deref()), (differs, change), "{a} {b}");
    }

    #[test]
    fn changes_are_said_as_people_say_them() {
        check(2.89, 8.42, true, Some("+191 %"));
        check(8.42, 2.89, true, Some("-66 %"));
        check(8.40, 8.42, false, None);
        check(8.40, 8.60, true, Some("+2.4 %"));
        check(0.5, 8.0, true, Some("×16"));
        check(0.0, 8.0, true, None);
        check(0.0, 0.0, false, None);
    }

    #[test]
    fn what_is_on_one_side_only_differs() {
        let matter = Matter::of("because", Value::words("of it"), None).unwrap();
        assert!(matter.differs);
        assert!(Matter::of("because", None, None).is_none());
    }
}
