//! Records of runs that never ran, for tests.

use std::collections::BTreeMap;

use sim_core::engine::device::{Change, ConfigLine, Rule};
use sim_core::record::latency::LatencyHistogram;
use sim_core::record::outcome::{
    Act, Blame, Cause, CauseLink, Failure, Outcome, PacketKind, PacketName, Trouble, Verdict,
};
use sim_core::record::series::{ConnectionSeries, SenderSample, SubflowSeries};
use sim_core::record::story::{End, Entry, Fact, FallbackReason, ResetCause};
use sim_core::record::{
    ConnectionRecord, DeviceRecord, PathRecord, RunRecord, SubflowOutcome, SubflowRecord,
    SubflowRole, TimelineEvent,
};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::mptcp::Subtype;
use sim_core::wire::packet::{Flow, PacketUid};
use sim_core::wording;

use crate::{Expectation, Report};

const INTERVAL: SimDuration = SimDuration::from_millis(100);
/// Payload rate of a 3 Mbps path.
const FULL_BPS: f64 = 2_900_000.0;
const PATHS: [(&str, u64); 3] = [("dsl", 20), ("lte", 60), ("cable", 30)];

/// A fixture by its name, and the scenario's expectations.
pub(crate) fn all() -> Vec<RunRecord> {
    vec![
        three_paths(),
        asa_default(),
        two_servers(),
        path_failure(),
        two_connections(),
        many_paths(),
        many_connections(),
        hostile(),
    ]
}

/// The report of a record, as the command would make it.
pub(crate) fn report(record: &RunRecord) -> Report<'_> {
    const WARNINGS: &[String] = &[];
    Report {
        record,
        expectations: &[],
        warnings: WARNINGS,
        replay: "option30 run x.ron --seed 1",
        language: crate::messages::Language::English,
    }
}

/// Two expectations, one of which failed.
pub(crate) fn expectations() -> Vec<Expectation> {
    let of = |name: &str, line, passed, measured: &str, sentence: &str| Expectation {
        name: name.into(),
        line,
        passed,
        measured: measured.into(),
        sentence: sentence.into(),
    };
    let stall = "video: expected at most 1 s, but it was: 1.200 s without a delivery";
    vec![
        of("Verdict video", 17, true, "mptcp", "video: MPTCP, 3 subflows (expected: MPTCP)"),
        of("Stall video", 18, false, "1.200 s", stall),
    ]
}

/// All well.
pub(crate) fn three_paths() -> RunRecord {
    let subflows = (0..3).map(|i| Shape::full(i, if i == 0 { 0.0 } else { 0.08 }, 30.0)).collect();
    record(
        "three-paths",
        "Three 3 Mbps paths, nothing on them",
        vec![connection("video", subflows)],
    )
}

/// The first path's ASA makes NOPs of the SYN's option 30.
pub(crate) fn asa_default() -> RunRecord {
    let mut video = connection("video", vec![Shape::full(0, 0.0, 30.0)]);
    video.outcome = Outcome { verdict: Verdict::Fallback, cause: Some(cause_default()) };
    let fact = Fact::FellBack(FallbackReason::SynAckWithoutCapable);
    video.story.push(entry(0.02, End::Client, Some(0), fact));
    record("asa-default", "An ASA as it comes on the first path", vec![video])
}

/// A balancer sends the join to another real server.
pub(crate) fn two_servers() -> RunRecord {
    let mut join = Shape::full(1, 0.06, 0.06);
    join.outcome = SubflowOutcome::Refused;
    let mut video = connection("video", vec![Shape::full(0, 0.0, 30.0), join]);
    video.subflows[1].cause = Some(cause_two_servers());
    video.subflows[1].reset_reason = Some(0);
    let mut record = record("ace-option-30-two-servers", "ACE, option 30 allowed", vec![video]);
    record.devices[0] = device("balancer", "ace", &[("balanced", 2)]);
    record
}

/// dsl is down from 10 s to 20 s.
pub(crate) fn path_failure() -> RunRecord {
    let mut dsl = Shape::full(0, 0.0, 10.0);
    dsl.outcome = SubflowOutcome::Reset;
    let shapes = vec![
        dsl,
        Shape::full(1, 0.08, 30.0),
        Shape::full(2, 0.05, 30.0),
        Shape::full(0, 20.4, 30.0),
    ];
    let mut video = connection("video", shapes);
    // What followed the lost segments waits until they are sent again on another path.
    let waited: u64 = video.series.delivered[101..105].iter().sum();
    video.series.delivered[101..105].fill(0);
    video.series.delivered[105] += waited;
    video.longest_stall = SimDuration::from_millis(415);
    video.longest_stall_at = at(10.09);
    let mut record =
        record("path-failure", "A path fails at 10 s and returns at 20 s", vec![video]);
    record.timeline = [(10.0, "dsl down"), (20.0, "dsl up")]
        .map(|(s, label)| TimelineEvent {
            at: at(s),
            label: label.into(),
            path: Some("dsl".into()),
        })
        .into();
    record
}

/// A long one and one that begins later and never connects.
pub(crate) fn two_connections() -> RunRecord {
    let video = connection("video", vec![Shape::full(0, 0.0, 30.0), Shape::full(1, 0.1, 30.0)]);
    let mut never = Shape::full(2, 5.0, 5.0);
    never.outcome = SubflowOutcome::TimedOut;
    let mut web = connection("web", vec![never]);
    web.started_at = at(5.0);
    web.completed_at = None;
    web.latency = LatencyHistogram::new();
    let verdict = Verdict::Failed(Failure::NeverConnected);
    web.outcome = Outcome { verdict, cause: Some(cause_network()) };
    web.story.push(entry(21.0, End::Client, Some(0), Fact::Aborted));
    record("two-connections", "Video and a page that never comes", vec![video, web])
}

/// Three connections, eight paths, most of them unused.
pub(crate) fn many_paths() -> RunRecord {
    let connections = ["video", "voice", "backup"]
        .map(|name| connection(name, vec![Shape::full(0, 0.0, 30.0), Shape::full(2, 0.1, 18.0)]));
    let mut record = record("many-paths", "Eight paths, two of them used", connections.into());
    record.paths.extend((4..=8).map(|i| PathRecord {
        name: format!("path-{i}"),
        rate_bps: None,
        rtt: SimDuration::from_millis(10),
        devices: Vec::new(),
    }));
    record
}

/// Too many connections for a panel each.
pub(crate) fn many_connections() -> RunRecord {
    let connections =
        (0..6).map(|i| connection(&format!("web-{i}"), vec![Shape::full(i % 3, i as f64, 25.0)]));
    record("many-connections", "Six connections", connections.collect())
}

/// Names that try to be markup and control codes, long labels, many events at once.
pub(crate) fn hostile() -> RunRecord {
    let mut record = path_failure();
    let name = "<script>alert(\"x\")</script>\u{1b}[31m & a very long name for a path indeed";
    record.scenario = "hostile".into();
    record.title = format!(
        "{name}: a title that is much too long for one line of any slide, whatever its size may be, and then some"
    );
    record.paths[0].name = name.into();
    record.connections[0].name = name.into();
    for subflow in record.connections[0].subflows.iter_mut().filter(|s| s.path == "dsl") {
        subflow.path = name.into();
    }
    record.timeline = (0..40)
        .map(|i| TimelineEvent {
            at: at(9.0 + 0.4 * f64::from(i)),
            label: format!("{name} changed for the {i}th time"),
            path: Some(name.into()),
        })
        .collect();
    record
}

/// A default, with the line that would have activated another rule.
pub(crate) fn cause_default() -> Cause {
    let because = wording!(
        en: "no service-policy activates policy-map my-policy-map",
        ja: "policy-map my-policy-map をアクティブ化する service-policy がありません",
    );
    let near = Some(line("configs/x.cfg", 7, "policy-map my-policy-map"));
    one(CauseLink {
        at: at(0.000_12),
        packet: packet(PacketKind::Syn, 0, "dsl"),
        who: Blame::Device {
            device: "edge".into(),
            model: "asa",
            change: Change::OptionBlanked { kind: 30, subtype: Some(Subtype::Capable), with: 1 },
            rule: Rule::default_because(
                "tcp-options range 9 255 clear",
                because,
                near,
                "Cisco 116519",
            ),
        },
    })
}

/// A balancer's decision, then a server's reset.
pub(crate) fn cause_two_servers() -> Cause {
    let packet = packet(PacketKind::JoinSyn, 1, "lte");
    let line = line("configs/ace.cfg", 12, "predictor roundrobin");
    let rule = "serverfarm WEB: predictor roundrobin";
    let balanced = Blame::Device {
        device: "balancer".into(),
        model: "ace",
        change: Change::Balanced { server: "web2".into(), address: ([10, 1, 0, 12], 80).into() },
        rule: Rule::config(rule, line, "ACE configuration guide"),
    };
    let act = Act::Reset(ResetCause::UnknownToken);
    let reset = Blame::Endpoint { end: End::Server, host: "web2".into(), act };
    Cause {
        links: [(0.061_1, balanced), (0.061_2, reset)]
            .map(|(s, who)| CauseLink { at: at(s), packet: packet.clone(), who })
            .into(),
    }
}

/// The peer does not speak it.
pub(crate) fn cause_not_spoken() -> Cause {
    let act = Act::SpeaksPlainTcp;
    let who = Blame::Endpoint { end: End::Server, host: "server".into(), act };
    one(CauseLink { at: at(0.01), packet: None, who })
}

/// Nobody answered.
pub(crate) fn cause_network() -> Cause {
    let packet = packet(PacketKind::Syn, 0, "dsl");
    one(CauseLink { at: SimTime::ZERO, packet, who: Blame::Network(Trouble::SynsUnanswered) })
}

/// A rule without a configuration.
pub(crate) fn cause_scenario() -> Cause {
    one(CauseLink {
        at: at(1.0),
        packet: packet(PacketKind::Segment, 1, "dsl"),
        who: Blame::Device {
            device: "strip".into(),
            model: "custom",
            change: Change::OptionRemoved { kind: 30, subtype: Some(Subtype::Dss) },
            rule: Rule::scenario("remove option 30", "the scenario"),
        },
    })
}

fn packet(kind: PacketKind, subflow: usize, path: &str) -> Option<PacketName> {
    let uid = PacketUid((subflow as u64) << 32 | 1);
    Some(PacketName { uid, kind, subflow: Some(subflow), path: Some(path.into()) })
}

fn one(link: CauseLink) -> Cause {
    Cause { links: vec![link] }
}

fn line(file: &str, line: u32, text: &str) -> ConfigLine {
    ConfigLine { file: file.into(), line, text: text.into() }
}

fn at(seconds: f64) -> SimTime {
    SimTime((seconds * 1e9).round() as u64)
}

fn entry(seconds: f64, end: End, subflow: Option<usize>, fact: Fact) -> Entry {
    Entry { at: at(seconds), end, subflow, packet: None, fact }
}

/// How a subflow fares: ramps up from its establishment to the path's rate, stays there to its end.
struct Shape {
    path: usize,
    from_s: f64,
    to_s: f64,
    outcome: SubflowOutcome,
}

impl Shape {
    fn full(path: usize, from_s: f64, to_s: f64) -> Self {
        Self { path, from_s, to_s, outcome: SubflowOutcome::Established }
    }

    fn series(&self) -> SubflowSeries {
        let step = INTERVAL.as_secs_f64();
        let mut series = SubflowSeries::default();
        for k in 0..300_u32 {
            let from = f64::from(k) * step;
            let overlap = (self.to_s.min(from + step) - self.from_s.max(from)).max(0.0);
            let age = (from - self.from_s).max(0.05);
            // A wobble of some segments that sums to nothing, as queues give it.
            let wobble = 1.0 + 0.04 * f64::from((k * 7 + self.path as u32 * 3) % 5) / 4.0 - 0.02;
            let rate = FULL_BPS * wobble * (age / 0.4).min(1.0);
            let bytes = (rate * overlap / 8.0) as u64;
            series.bytes.push(bytes);
            if bytes > 0 {
                series.samples.push(SenderSample {
                    at: at(from + step / 2.0),
                    cwnd: 30_000,
                    srtt: SimDuration::from_millis(PATHS[self.path].1 + u64::from(k % 40)),
                    in_flight: if k % 10 == 0 { 12_000 } else { 29_000 },
                });
            }
        }
        series
    }
}

fn connection(name: &str, shapes: Vec<Shape>) -> ConnectionRecord {
    let all: Vec<SubflowSeries> = shapes.iter().map(Shape::series).collect();
    let delivered: Vec<u64> =
        (0..300).map(|k| all.iter().map(|series| series.bytes[k]).sum()).collect();
    let subflows: Vec<SubflowRecord> = shapes
        .iter()
        .zip(&all)
        .enumerate()
        .map(|(i, (shape, series))| subflow(i, shape, series.bytes.iter().sum()))
        .collect();
    let bytes_delivered = delivered.iter().sum();
    let mut latency = LatencyHistogram::new();
    (1..=1000).for_each(|i| latency.record_n(i * 150_000, 1));
    ConnectionRecord {
        name: name.into(),
        client: "client".into(),
        server: "server".into(),
        outcome: Outcome { verdict: Verdict::Mptcp, cause: None },
        started_at: SimTime::ZERO,
        completed_at: Some(at(30.0)),
        stream_intact: true,
        bytes_delivered,
        goodput_bps: bytes_delivered as f64 * 8.0 / 30.0,
        bound_bps: Some(FULL_BPS * 3.0),
        longest_stall: SimDuration::from_millis(61),
        longest_stall_at: at(0.1),
        subflows,
        client_counters: BTreeMap::from([("MPCapableSYNTX".into(), 1)]),
        server_counters: BTreeMap::from([("MPCapableSYNRX".into(), 1)]),
        latency,
        story: Vec::new(),
        series: ConnectionSeries { interval: INTERVAL, delivered, subflows: all },
    }
}

fn subflow(index: usize, shape: &Shape, bytes: u64) -> SubflowRecord {
    let established = matches!(shape.outcome, SubflowOutcome::Established | SubflowOutcome::Reset);
    let (src, dst) = ([10, 0, shape.path as u8, 1], [10, 9, 0, 1]);
    SubflowRecord {
        path: PATHS[shape.path].0.into(),
        role: if index == 0 { SubflowRole::Initial } else { SubflowRole::Join },
        flow: Flow { src: (src, 40_000 + index as u16).into(), dst: (dst, 5001).into() },
        outcome: shape.outcome,
        reset_reason: None,
        bytes,
        goodput_bps: bytes as f64 * 8.0 / 30.0,
        retransmissions: 3 * index as u64,
        cause: None,
        started_at: at(shape.from_s),
        established_at: established.then(|| at(shape.from_s + 0.02)),
        ended_at: (shape.to_s < 30.0).then(|| at(shape.to_s + 0.02)),
    }
}

fn device(name: &str, model: &'static str, changes: &[(&str, u64)]) -> DeviceRecord {
    DeviceRecord {
        name: name.into(),
        model,
        counters: vec![("connections".into(), 1)],
        changes: changes.iter().map(|(kind, n)| ((*kind).to_owned(), *n)).collect(),
        report: Vec::new(),
        warnings: Vec::new(),
    }
}

fn record(name: &str, title: &str, connections: Vec<ConnectionRecord>) -> RunRecord {
    let path = |(name, rtt_ms): &(&str, u64)| PathRecord {
        name: (*name).into(),
        rate_bps: Some(3_000_000),
        rtt: SimDuration::from_millis(*rtt_ms),
        devices: if *name == "dsl" { vec!["edge".into()] } else { Vec::new() },
    };
    RunRecord {
        scenario: name.into(),
        title: title.into(),
        seed: 1,
        ended_at: at(30.0),
        paths: PATHS.iter().map(path).collect(),
        connections,
        devices: vec![device("edge", "asa", &[("isn-randomised", 1), ("option-30-to-nop", 4)])],
        timeline: Vec::new(),
        changes: Vec::new(),
        events: 312_345,
        captures: None,
        detail: None,
        live: None,
        packet_hops: 0,
        random_losses: 0,
    }
}
