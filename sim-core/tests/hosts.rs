//! What hosts do besides moving data: they remember where SYNs with MP_CAPABLE vanish, probe silent peers and
//! closed windows, begin slowly again after a pause, withdraw addresses, and take resets for every reason.

mod paths;

use std::cell::{Cell, RefCell};

use paths::{CLIENT, Paths, address, upload, usual_link};
use sim_core::app::AppConfig;
use sim_core::engine::device::{Device, Effects, Forwarding, PortId, Side};
use sim_core::engine::world::Action;
use sim_core::mptcp::config::{HostConfig, Profile};
use sim_core::mptcp::keepalive::Keepalive;
use sim_core::record::outcome::{Failure, Verdict};
use sim_core::record::story::{End, Fact, FallbackReason};
use sim_core::record::{ConnectionRecord, SubflowOutcome};
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};
use sim_core::wire::mptcp::{MptcpOption, ResetReason, Subtype, mptcp_options};
use sim_core::wire::packet::{Flags, Packet};

use Profile::{Linux6, Rfc6824, Rfc8684, TcpOnly};

/// What a path does to a packet: whether it goes to the server, and when it comes, in milliseconds.
type Tampering = fn(bool, u64, &mut Packet) -> Forwarding;

struct Path {
    tampering: Tampering,
}

impl Device for Path {
    fn model(&self) -> &'static str {
        "box"
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        _: &mut Effects,
    ) -> Forwarding {
        (self.tampering)(ingress.side() == Side::Inside, now.as_nanos() / 1_000_000, packet)
    }
}

const UNTOUCHED: Tampering = |_, _, _| Forwarding::Through;

/// The usual paths, each with a box.
struct Case {
    host: HostConfig,
    paths: Vec<Tampering>,
    /// When connections are opened, in milliseconds.
    starts: Vec<u64>,
    app: AppConfig,
    /// When the client loses its second address, in milliseconds.
    removed_ms: Option<u64>,
}

impl Case {
    fn new(profile: Profile, paths: &[Tampering], app: AppConfig) -> Self {
        let host = HostConfig { profile, ..HostConfig::default() };
        let host = if profile == Linux6 { host.in_linux() } else { host };
        Self { host, paths: paths.to_vec(), starts: vec![0], app, removed_ms: None }
    }

    fn run(self) -> Vec<ConnectionRecord> {
        let boxes =
            self.paths.into_iter().map(|t| Box::new(Path { tampering: t }) as Box<dyn Device>);
        let mut paths = Paths::new(self.host.clone(), self.host, boxes, &usual_link());
        for (i, ms) in self.starts.into_iter().enumerate() {
            let start = SimTime(ms * 1_000_000);
            let connection = paths.connection(&format!("work{i}"), start, self.app.clone());
            paths.world.add_connection(connection);
        }
        let Paths { mut world, client, .. } = paths;
        if let Some(ms) = self.removed_ms {
            let action = Action::AddressRemoved { host: client, address: address(CLIENT, 1) };
            world.schedule(SimTime(ms * 1_000_000), "removed".into(), None, action);
        }
        world.run(SimTime(2_000_000_000_000)).connections
    }

    fn run_one(self) -> ConnectionRecord {
        self.run().remove(0)
    }
}

fn requests(bytes: u64, count: u32, pause_ms: u64) -> AppConfig {
    AppConfig::RequestResponse {
        request: ByteSize(bytes),
        response: ByteSize(100),
        count,
        pause: SimDuration::from_millis(pause_ms),
    }
}

fn has(packet: &Packet, subtype: Subtype) -> bool {
    mptcp_options(&packet.options).any(|option| option.subtype() == subtype)
}

fn count(counters: &std::collections::BTreeMap<String, u64>, name: &str) -> u64 {
    counters.get(name).copied().unwrap_or(0)
}

fn assert_intact(c: &ConnectionRecord, verdict: Verdict, case: &str) {
    assert!(c.completed_at.is_some() && c.stream_intact, "{case}: {:?}", c.outcome.verdict);
    assert_eq!(c.outcome.verdict, verdict, "{case}");
}

/// Until 500 s, SYNs with MP_CAPABLE vanish. A connection that finds that out makes the host's next ones begin as
/// plain TCP, without waiting, for as long as `blackhole_timeout` says: twice as long each time
/// (`mptcp_active_disable`).
#[test]
fn a_host_remembers_where_syns_vanish_longer_each_time() {
    let vanish: Tampering = |to_server, ms, packet| {
        let offers = packet.flags.has(Flags::SYN) && has(packet, Subtype::Capable);
        if to_server && ms < 500_000 && offers { Forwarding::Drop } else { Forwarding::Through }
    };
    for profile in [Rfc6824, Rfc8684, Linux6] {
        let mut case = Case::new(profile, &[vanish], upload(10_000));
        case.host.blackhole_timeout = SimDuration::from_secs(60);
        let (found_out, remembered) = (FallbackReason::SynUnanswered, FallbackReason::Blackhole);
        // What was found out is known a few seconds later: 60 s from there, then 120, then 240.
        let expected = [
            (0, Some(found_out)),
            (30, Some(remembered)),
            (59, Some(remembered)),
            (80, Some(found_out)),
            (150, Some(remembered)),
            (195, Some(remembered)),
            (220, Some(found_out)),
            (455, Some(remembered)),
            (520, None),
            (530, None),
        ];
        case.starts = expected.iter().map(|(s, _)| s * 1_000).collect();
        for (c, (start, reason)) in case.run().iter().zip(expected) {
            let case = format!("{profile:?}, {start} s");
            let verdict = if reason.is_some() { Verdict::Fallback } else { Verdict::Mptcp };
            assert_intact(c, verdict, &case);
            let told = c.story.iter().find_map(|entry| match entry.fact {
                Fact::FellBack(why) if entry.end == End::Client => Some(why),
                _ => None,
            });
            assert_eq!(told, reason, "{case}");
            let took = c.completed_at.map(|at| at.since(c.started_at));
            let waited = took > Some(SimDuration::from_secs(2));
            assert_eq!(waited, reason == Some(found_out), "{case}: {took:?}");
            let disabled = count(&c.client_counters, "MPCapableSYNTXDisabled");
            assert_eq!(disabled, u64::from(reason == Some(remembered)), "{case}");
            let syns = count(&c.client_counters, "MPCapableSYNTX");
            assert_eq!(syns > 0, reason != Some(remembered), "{case}");
        }
    }
}

#[test]
fn a_host_without_that_memory_finds_out_each_time() {
    let vanish: Tampering = |to_server, _, packet| {
        let offers = packet.flags.has(Flags::SYN) && has(packet, Subtype::Capable);
        if to_server && offers { Forwarding::Drop } else { Forwarding::Through }
    };
    let mut case = Case::new(Linux6, &[vanish], upload(10_000));
    case.host.blackhole_timeout = SimDuration::ZERO;
    case.starts = vec![0, 20_000];
    for c in case.run() {
        assert_intact(&c, Verdict::Fallback, &c.name);
        assert_eq!(count(&c.client_counters, "MPCapableSYNTXDisabled"), 0, "{}", c.name);
    }
}

const KEEPALIVE: Option<Keepalive> = Some(Keepalive {
    idle: SimDuration::from_secs(10),
    interval: SimDuration::from_secs(5),
    probes: 3,
});

/// Four minutes of silence between two requests.
#[test]
fn a_silent_peer_is_probed_and_answers() {
    for profile in [Rfc6824, Rfc8684, Linux6, TcpOnly] {
        let mut case = Case::new(profile, &[UNTOUCHED], requests(1_000, 2, 240_000));
        case.host.keepalive = KEEPALIVE;
        let c = case.run_one();
        let verdict = if profile == TcpOnly { Verdict::Fallback } else { Verdict::Mptcp };
        assert_intact(&c, verdict, &format!("{profile:?}"));
        let probes = count(&c.client_counters, "TcpExtTCPKeepAlive");
        assert!((10..=24).contains(&probes), "{profile:?}: {probes}");
        let mut case = Case::new(profile, &[UNTOUCHED], requests(1_000, 2, 240_000));
        case.host.keepalive = None;
        assert_eq!(count(&case.run_one().client_counters, "TcpExtTCPKeepAlive"), 0);
    }
}

/// Nothing passes any more from 20 s on: the first probe after 10 s of silence, two more 5 s apart, and 5 s
/// later the subflow is given up; the connection with it where there is no other.
#[test]
fn a_subflow_that_does_not_answer_probes_is_given_up() {
    let swallow: Tampering =
        |_, ms, _| if ms > 20_000 { Forwarding::Drop } else { Forwarding::Through };
    let gave_up = |c: &ConnectionRecord| {
        let told = c.story.iter().find(|e| e.end == End::Client && e.fact == Fact::TimedOut);
        told.map(|entry| entry.at.as_nanos() / 1_000_000_000)
    };
    for profile in [Rfc8684, Linux6, TcpOnly] {
        let mut case = Case::new(profile, &[swallow], requests(1_000, 3, 100_000));
        case.host.keepalive = KEEPALIVE;
        let c = case.run_one();
        assert_eq!(c.completed_at, None, "{profile:?}");
        assert!(matches!(c.outcome.verdict, Verdict::Failed(Failure::Reset | Failure::Stalled)));
        // The last answered probe was at 10 or 20 s.
        let at = gave_up(&c);
        assert!(at.is_some_and(|s| (35..=46).contains(&s)), "{profile:?}: {at:?}");
    }
    for profile in [Rfc8684, Linux6] {
        let mut case = Case::new(profile, &[UNTOUCHED, swallow], requests(1_000, 3, 100_000));
        case.host.keepalive = KEEPALIVE;
        let c = case.run_one();
        assert_intact(&c, Verdict::Mptcp, &format!("{profile:?}"));
        let at = gave_up(&c);
        assert!(at.is_some_and(|s| (35..=46).contains(&s)), "{profile:?}: {at:?}");
        assert!(c.subflows.iter().any(|s| s.path == "p1" && s.ended_at.is_some()));
    }
}

thread_local! {
    static SEEN: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// The window that had grown is used again after a short pause, not after a long one: no more segments than the
/// initial window then leave before something comes back (RFC 5681 §4.1).
#[test]
fn after_a_pause_the_window_is_the_initial_one() {
    let note: Tampering = |to_server, ms, packet| {
        if to_server && packet.payload.len > 1_000 {
            SEEN.with_borrow_mut(|seen| seen.push(ms));
        }
        Forwarding::Through
    };
    for profile in [Rfc6824, Rfc8684, TcpOnly] {
        for (pause_ms, is_long) in [(50, false), (3_000, true)] {
            SEEN.take();
            let c = Case::new(profile, &[note], requests(150_000, 2, pause_ms)).run_one();
            assert!(c.completed_at.is_some());
            let seen = SEEN.take();
            let gap = seen.windows(2).position(|w| w[1] - w[0] >= pause_ms).expect("a pause") + 1;
            let first = seen[gap..].iter().take_while(|&&ms| ms < seen[gap] + 15).count();
            assert!(first > 0 && (first <= 10) == is_long, "{profile:?}, {pause_ms} ms: {first}");
        }
    }
}

/// The receiver's window is closed on both paths for ten seconds, and what would tell of its opening is lost:
/// probes ask for it, farther and farther apart (RFC 9293 §3.8.6.1).
#[test]
fn a_closed_window_is_probed_over_mptcp_farther_and_farther_apart() {
    let closed: Tampering = |to_server, ms, packet| {
        let is_closed = (100..10_000).contains(&ms);
        if to_server && is_closed && packet.payload.is_empty() && ms > 500 {
            SEEN.with_borrow_mut(|seen| seen.push(ms));
        } else if !to_server && is_closed {
            packet.window = 0;
        }
        Forwarding::Through
    };
    for profile in [Rfc6824, Rfc8684, Linux6] {
        SEEN.take();
        let c = Case::new(profile, &[closed, closed], upload(300_000)).run_one();
        assert_intact(&c, Verdict::Mptcp, &format!("{profile:?}"));
        let probes = SEEN.take();
        assert!((3..=8).contains(&probes.len()), "{profile:?}: {probes:?}");
        assert!(count(&c.client_counters, "WinProbe") >= probes.len() as u64, "{profile:?}");
        let gaps: Vec<u64> = probes.windows(2).map(|w| w[1] - w[0]).collect();
        assert!(gaps.windows(2).all(|g| g[1] * 2 > g[0] * 3), "{profile:?}: {probes:?}");
        let stall = c.longest_stall.as_nanos() / 1_000_000;
        assert!((9_000..25_000).contains(&stall), "{profile:?}: {stall}");
    }
}

thread_local! {
    static REMOVED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The client loses its second address while it sends: REMOVE_ADDR with the address's ID goes over the other path,
/// the server closes the subflow, and what was in flight comes over the first.
#[test]
fn a_lost_address_is_withdrawn_and_its_subflow_closed_at_both_ends() {
    let note: Tampering = |to_server, _, packet| {
        for option in mptcp_options(&packet.options) {
            if let MptcpOption::RemoveAddr(ids) = option
                && to_server
            {
                REMOVED.with_borrow_mut(|seen| seen.extend(ids.as_slice()));
            }
        }
        Forwarding::Through
    };
    for profile in [Rfc6824, Rfc8684, Linux6] {
        REMOVED.take();
        let (rate, duration) = (BitRate(12_000_000), SimDuration::from_secs(1));
        let app = AppConfig::Stream { rate, duration, download: false };
        let mut case = Case::new(profile, &[note, UNTOUCHED], app);
        case.removed_ms = Some(300);
        let c = case.run_one();
        assert_intact(&c, Verdict::Mptcp, &format!("{profile:?}"));
        assert_eq!(c.bytes_delivered, 1_500_000);
        let told = REMOVED.take();
        assert!(!told.is_empty() && told.iter().all(|&id| id == told[0] && id != 0), "{told:?}");
        assert_eq!(count(&c.client_counters, "RmAddrTx"), 1, "{profile:?}");
        assert_eq!(count(&c.server_counters, "RmAddr"), told.len() as u64, "{profile:?}");
        let join = c.subflows.iter().find(|s| s.path == "p1").expect("there was a join");
        if profile == Linux6 {
            // Both ends close it by a FIN; neither hears of the other's.
            let left = c.story.iter().filter(|entry| matches!(entry.fact, Fact::SubflowLeft));
            let left: Vec<(End, u64)> =
                left.map(|e| (e.end, e.at.as_nanos() / 100_000_000)).collect();
            assert_eq!(left, [(End::Client, 3), (End::Server, 3)]);
            assert_eq!(join.outcome, SubflowOutcome::Established);
            continue;
        }
        assert_eq!(join.outcome, SubflowOutcome::Reset, "{profile:?}");
        let ended = join.ended_at.map(|at| at.as_nanos() / 1_000_000);
        assert!(ended.is_some_and(|ms| (300..400).contains(&ms)), "{profile:?}: {ended:?}");
    }
}

thread_local! {
    static REASON: Cell<Option<u8>> = const { Cell::new(None) };
}

/// A reset with MP_TCPRST ends the subflow, whatever its reason; the reason is told, the others go on.
#[test]
fn a_reset_for_any_reason_ends_the_subflow_and_tells_why() {
    let reset: Tampering = |to_server, ms, packet| {
        if !to_server && ms > 200 && !packet.flags.has(Flags::RST) {
            packet.flags = Flags(Flags::RST.0 | Flags::ACK.0);
            packet.payload = sim_core::wire::payload::Payload::empty();
            packet.options = sim_core::wire::options::Options::new();
            if let Some(reason) = REASON.get() {
                let option =
                    MptcpOption::TcpRst { transient: reason % 2 == 1, reason: ResetReason(reason) };
                option.emit(&mut packet.options).expect("there is room");
                packet.options.pad();
            }
        }
        Forwarding::Through
    };
    for profile in [Rfc8684, Linux6] {
        for reason in
            [None, Some(0), Some(1), Some(2), Some(3), Some(4), Some(5), Some(6), Some(99)]
        {
            REASON.set(reason);
            let c = Case::new(profile, &[UNTOUCHED, reset], upload(1_000_000)).run_one();
            let case = format!("{profile:?}, {reason:?}");
            assert_intact(&c, Verdict::Mptcp, &case);
            let told = c.story.iter().find_map(|entry| match entry.fact {
                Fact::ResetReceived { reason } if entry.end == End::Client => Some(reason),
                _ => None,
            });
            assert_eq!(told, Some(reason.map(ResetReason)), "{case}");
            let received = count(&c.client_counters, "MPRstRx");
            assert_eq!(received, u64::from(reason.is_some()), "{case}");
            let join = c.subflows.iter().find(|s| s.path == "p1").expect("there was a join");
            assert_eq!(
                (join.outcome, join.reset_reason),
                (SubflowOutcome::Reset, reason),
                "{case}"
            );
        }
    }
}
