//! Rules of Linux's MPTCP (6.18) that are its own, one case each, each with the kernel's function; most
//! were found by running the same scenario with the kernel.

mod paths;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use paths::{CLIENT, Paths, SERVER, Tampering, TamperingBox, address, upload, usual_link};
use sim_core::app::AppConfig;
use sim_core::engine::device::{Device, Effects, Forwarding, PortId, Side};
use sim_core::engine::link::LinkConfig;
use sim_core::engine::world::Action;
use sim_core::mptcp::config::{HostConfig, PathManagerConfig, PathManagerKind};
use sim_core::record::outcome::Verdict;
use sim_core::record::story::End;
use sim_core::record::{ConnectionRecord, SubflowOutcome};
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};
use sim_core::wire::mptcp::{Dss, MptcpOption, Subtype, mptcp_options};
use sim_core::wire::options::{Options, kind};
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::payload::Payload;

fn untouched(_: PortId, _: u64, _: &mut Packet, _: &mut Effects) -> Forwarding {
    Forwarding::Through
}

/// The usual paths, each with a box.
struct Case {
    boxes: Vec<Tampering>,
    client: PathManagerConfig,
    server: PathManagerConfig,
    app: AppConfig,
    /// Address of the server's path 2 that is lost and comes back: when, in milliseconds.
    lost_ms: Option<(u64, u64)>,
    /// When the client gives up, in milliseconds.
    abort_ms: Option<u64>,
}

impl Case {
    fn new(boxes: &[Tampering], app: AppConfig) -> Self {
        Self {
            boxes: boxes.to_vec(),
            client: PathManagerConfig::default(),
            server: PathManagerConfig::default(),
            app,
            lost_ms: None,
            abort_ms: None,
        }
    }

    /// The server announces its second address, and the client opens nothing else.
    fn announcing(mut self) -> Self {
        self.client.kind = PathManagerKind::Endpoints;
        self.client.subflow = Some(Vec::new());
        self.server.signal = vec![address(SERVER, 1)];
        self
    }

    fn run(self) -> ConnectionRecord {
        let host = |path_manager| HostConfig { path_manager, ..HostConfig::default().in_linux() };
        let boxes = self.boxes.into_iter().map(|b| TamperingBox::new(b) as Box<dyn Device>);
        let paths = Paths::new(host(self.client), host(self.server), boxes, &usual_link());
        let connection = paths.connection("work", SimTime::ZERO, self.app);
        let Paths { mut world, server, .. } = paths;
        let connection = world.add_connection(connection);
        if let Some((lost, back)) = self.lost_ms {
            let at = |ms| SimTime(ms * 1_000_000);
            let address = address(SERVER, 1);
            let removed = Action::AddressRemoved { host: server, address };
            let added = Action::AddressAdded { host: server, port: 1, address };
            world.schedule(at(lost), "lost".into(), None, removed);
            world.schedule(at(back), "back".into(), None, added);
        }
        if let Some(ms) = self.abort_ms {
            let abort = Action::Abort { connection, end: End::Client };
            world.schedule(SimTime(ms * 1_000_000), "abort".into(), None, abort);
        }
        world.run(SimTime(100_000_000_000)).connections.remove(0)
    }
}

fn stream(duration: SimDuration) -> AppConfig {
    AppConfig::Stream { rate: BitRate(1_000_000), duration, download: false }
}

fn blank(packet: &mut Packet) {
    while let Some(span) = packet.options.find(kind::MPTCP).map(|option| option.span()) {
        packet.options.fill(span, kind::NOP);
    }
}

fn has(packet: &Packet, subtype: Subtype) -> bool {
    packet.options.iter().any(|option| Subtype::of(&option) == Some(subtype))
}

/// `__mptcp_close_subflow`: a subflow in CLOSE-WAIT is closed only while the connection is ESTABLISHED. A
/// client that has closed its direction and falls back alone sends a FIN (`mptcp_do_fallback`); the server,
/// which has not noticed, goes on, and sends at the data level again what nobody acknowledges there.
#[test]
fn a_server_goes_on_after_the_fin_of_a_client_that_fell_back_alone() {
    let blanked: Tampering = |port, _, packet, _| {
        if port.side() == Side::Outside && !packet.payload.is_empty() {
            blank(packet);
        }
        Forwarding::Through
    };
    let app = AppConfig::UpThenDown {
        up: ByteSize(100_000),
        down: ByteSize(500_000),
        header: ByteSize(0),
        idle: SimDuration::ZERO,
        pause: SimDuration::ZERO,
        duplex: false,
        down_header: ByteSize(0),
        down_pause: SimDuration::ZERO,
    };
    let record = Case::new(&[blanked], app).run();
    assert!(matches!(record.outcome.verdict, Verdict::Failed(_)));
    assert!(!record.stream_intact, "what is sent again is taken for new");
    assert!(record.server_counters["MPTCPRetrans"] > 0);
}

/// `__subflow_push_pending`: a fragment goes to one subflow as far as the window takes it, whatever room there is in
/// its buffer. What were left of the window would go over the join's path, and its end be thrown away by a receiver
/// that rounded its window down meanwhile (`mptcp_data_queue_ofo`), until the data-level timer.
#[test]
fn what_is_left_of_a_window_is_not_left_for_a_join() {
    let app = AppConfig::UpThenDown {
        up: ByteSize(1_000_000),
        down: ByteSize(80_000),
        header: ByteSize(100),
        idle: SimDuration::ZERO,
        pause: SimDuration::from_millis(100), // before the fourth ACK of the join
        duplex: true,
        down_header: ByteSize(0),
        down_pause: SimDuration::ZERO,
    };
    let host = || HostConfig::default().in_linux();
    let boxes = (0..2).map(|_| TamperingBox::new(untouched) as Box<dyn Device>);
    let mut paths = Paths::new(host(), host(), boxes, &usual_link());
    for (i, delay_ms) in [50, 1].into_iter().enumerate() {
        let link = LinkConfig { delay: SimDuration::from_millis(delay_ms), ..usual_link() };
        let link = Some(Box::new(link));
        let set = Action::SetLink { link: paths.links[i], forward: link.clone(), backward: link };
        paths.world.schedule(SimTime::ZERO, "as far as that".into(), None, set);
    }
    let connection = paths.connection("work", SimTime::ZERO, app);
    paths.world.add_connection(connection);
    let record = paths.world.run(SimTime(100_000_000_000)).connections.remove(0);
    assert_eq!(record.server_counters.get("NoDSSInWindow"), None);
    assert!(record.stream_intact && record.completed_at.is_some());
}

/// A join's SYN/ACK is not timed (`rsk_drop_req` in `tcp_check_req`) but by timestamps, in milliseconds. Without
/// them the server takes the join's path for one without a delay, and a short window goes over it for long.
#[test]
fn a_server_without_timestamps_overrates_the_path_of_a_join() {
    let share = |timestamps: bool| {
        let host = || HostConfig { timestamps, ..HostConfig::default().in_linux() };
        let boxes = (0..2).map(|_| TamperingBox::new(untouched) as Box<dyn Device>);
        let paths = Paths::new(host(), host(), boxes, &usual_link());
        let app =
            AppConfig::Bulk { bytes: Some(ByteSize(500_000)), duration: None, download: true };
        let connection = paths.connection("work", SimTime::ZERO, app);
        let Paths { mut world, .. } = paths;
        world.add_connection(connection);
        let record = world.run(SimTime(100_000_000_000)).connections.remove(0);
        record.subflows[1].bytes as f64 / 500_000.0
    };
    let (with, without) = (share(true), share(false));
    assert!((0.35..0.55).contains(&with), "{with}");
    assert!(without > with + 0.1, "{without}");
}

/// `schedule_3rdack_retransmission`: after two round trips, each time.
#[test]
fn the_third_ack_of_a_join_is_repeated_after_two_round_trips() {
    let lossy: Tampering = |port, nth, _, _| {
        // The SYN, then three times the proof.
        let lost = port.side() == Side::Inside && (1..4).contains(&nth);
        if lost { Forwarding::Drop } else { Forwarding::Through }
    };
    let record = Case::new(&[untouched, lossy], upload(2_000_000)).run();
    let join = &record.subflows[1];
    let took = join.established_at.expect("at last").since(join.started_at);
    let (least, most) = (SimDuration::from_millis(160), SimDuration::from_millis(180));
    assert!(least <= took && took <= most, "{took}");
}

/// Where a join's SYN was sent again, and no timestamp tells which one was answered, no round trip is known.
#[test]
fn a_join_whose_syn_was_lost_waits_a_second_for_the_fourth_ack() {
    let lossy: Tampering = |port, nth, _, _| {
        // The first SYN, and the first proof.
        let lost = port.side() == Side::Inside && [0, 2].contains(&nth);
        if lost { Forwarding::Drop } else { Forwarding::Through }
    };
    for (timestamps, took_ms) in [(true, 1_060..1_110), (false, 2_000..2_200)] {
        let host = || HostConfig { timestamps, ..HostConfig::default().in_linux() };
        let boxes = [untouched, lossy].map(|b| TamperingBox::new(b) as Box<dyn Device>);
        let paths = Paths::new(host(), host(), boxes, &usual_link());
        let connection = paths.connection("work", SimTime::ZERO, upload(5_000_000));
        let Paths { mut world, .. } = paths;
        world.add_connection(connection);
        let record = world.run(SimTime(100_000_000_000)).connections.remove(0);
        let join = &record.subflows[1];
        let took = join.established_at.expect("in the end").since(join.started_at);
        assert!(took_ms.contains(&(took.as_nanos() / 1_000_000)), "{timestamps}: {took}");
    }
}

/// `mptcp_adjust_add_addr_timeout`, since 6.18: the longest RTO of the subflows, not two minutes.
#[test]
fn an_announcement_without_an_echo_is_repeated_after_a_retransmission_timeout() {
    let mut case = Case::new(&[untouched, untouched], upload(2_000_000)).announcing();
    case.boxes[0] = |port, nth, packet, _| {
        // The announcement is among the server's first packets; the repetition is not.
        let lost = port.side() == Side::Outside && nth < 5 && has(packet, Subtype::AddAddr);
        if lost { Forwarding::Drop } else { Forwarding::Through }
    };
    let record = case.run();
    assert_eq!(record.subflows.len(), 2);
    let tried = record.subflows[1].started_at;
    assert!(tried > SimTime(200_000_000) && tried < SimTime(600_000_000), "{tried}");
    assert!(record.server_counters["AddAddrTx"] > 1);
}

/// `mptcp_pm_create_subflow_or_signal_addr`: the SYN of the first subflow has no backup flag, so an
/// endpoint that is for backup is told of by MP_PRIO.
#[test]
fn a_first_subflow_that_is_for_backup_is_told_by_mp_prio() {
    let mut case = Case::new(&[untouched, untouched], upload(2_000_000));
    case.client.backup = vec![address(CLIENT, 0)];
    let record = case.run();
    assert_eq!(record.client_counters["MPPrioTx"], 1);
    assert_eq!(record.server_counters["MPPrioRx"], 1);
    assert!(record.subflows[1].bytes > 9 * record.subflows[0].bytes);
}

/// A host that is called and has nothing to announce does not come to that.
#[test]
fn a_server_tells_of_a_backup_only_where_it_announces() {
    for announces in [false, true] {
        let mut case = Case::new(&[untouched, untouched], upload(500_000));
        case.server.backup = vec![address(SERVER, 0)];
        case.server.signal = if announces { vec![address(SERVER, 1)] } else { Vec::new() };
        let record = case.run();
        assert_eq!(record.client_counters.contains_key("MPPrioRx"), announces);
    }
}

/// `mptcp_sync_sndbuf`: each subflow has a buffer of its own, of `tcp_wmem`'s largest size at most.
#[test]
fn a_send_buffer_is_each_subflows() {
    let mbps = |paths: usize| {
        let small =
            HostConfig { send_buffer: ByteSize(65_536), ..HostConfig::default().in_linux() };
        let boxes = (0..paths).map(|_| TamperingBox::new(untouched) as Box<dyn Device>);
        let far = LinkConfig { delay: SimDuration::from_millis(100), ..usual_link() };
        let paths = Paths::new(small, HostConfig::default().in_linux(), boxes, &far);
        let connection = paths.connection("work", SimTime::ZERO, upload(3_000_000));
        let Paths { mut world, .. } = paths;
        world.add_connection(connection);
        let record = world.run(SimTime(100_000_000_000)).connections.remove(0);
        record.goodput_bps / 1e6
    };
    // 64 KiB of memory in a round trip of 200 ms.
    let (one, two) = (mbps(1), mbps(2));
    assert!((1.2..2.6).contains(&one), "{one}");
    assert!((1.6 * one..2.2 * one).contains(&two), "{one}, {two}");
}

/// An application's pause begins when its connection is open, however long that took.
#[test]
fn a_pause_begins_with_the_header() {
    let slow: Tampering = |port, nth, _, _| {
        let is_syn = port.side() == Side::Inside && nth == 0;
        if is_syn { Forwarding::Drop } else { Forwarding::Through }
    };
    let app = AppConfig::UpThenDown {
        up: ByteSize(1_000),
        down: ByteSize(0),
        header: ByteSize(100),
        idle: SimDuration::ZERO,
        pause: SimDuration::from_millis(500),
        duplex: false,
        down_header: ByteSize(0),
        down_pause: SimDuration::ZERO,
    };
    let record = Case::new(&[slow, untouched], app).run();
    let took = record.completed_at.expect("complete").since(record.started_at);
    let (least, most) = (SimDuration::from_millis(1_520), SimDuration::from_millis(1_700));
    assert!(least <= took && took <= most, "{took}");
}

/// `mptcp_pm_nl_add_addr_received` asks for subflows that there are, not for those that there were.
#[test]
fn an_address_that_comes_back_is_joined_again() {
    let mut case = Case::new(&[untouched, untouched], upload(3_000_000)).announcing();
    case.lost_ms = Some((300, 600));
    let record = case.run();
    let joins = record.subflows.iter().filter(|s| s.path == "p1").count();
    assert_eq!((record.outcome.verdict, joins), (Verdict::Mptcp, 2));
}

/// `tcp_snd_wnd_test`: each subflow keeps to the window that came over it, though the connection's is
/// what the others told.
#[test]
fn a_subflow_keeps_to_its_own_window() {
    let clamped: Tampering = |port, _, packet, _| {
        if port.side() == Side::Outside {
            packet.window = packet.window.min(50); // 6400 bytes by the scale of 7
        }
        Forwarding::Through
    };
    let record = Case::new(&[untouched, clamped], upload(3_000_000)).run();
    let clamped = record.subflows[1].goodput_bps;
    assert!(clamped < 3e6, "6400 bytes in 20 ms are 2.6 Mbps, not {clamped}");
    // Path 1 waits for what path 2 was given, as with the kernel, but is not held to its window.
    assert!(record.subflows[0].goodput_bps > 2.0 * 2.6e6);
}

/// `__mptcp_subflow_connect`: who has closed its direction joins no more; `mptcp_subflow_shutdown`: a SYN that is
/// unanswered when DATA_FIN goes out is not sent again.
#[test]
fn who_has_closed_joins_no_more() {
    let brief = Case::new(&[untouched, untouched], upload(1_000)).run();
    assert_eq!(brief.client_counters.get("MPJoinSynTx"), None);
    let lost: Tampering =
        |_, nth, _, _| if nth == 0 { Forwarding::Drop } else { Forwarding::Through };
    let record = Case::new(&[untouched, lost], upload(500_000)).run();
    assert_eq!(record.client_counters["MPJoinSynTx"], 1);
    assert_eq!(record.server_counters.get("MPJoinSynRx"), None, "closed within the second");
    assert_eq!(record.subflows[1].outcome, SubflowOutcome::TimedOut);
    let late = Case::new(&[untouched, untouched], stream(SimDuration::from_millis(50))).run();
    assert_eq!(late.server_counters["MPJoinSynRx"], 1);
    assert_eq!(late.subflows[1].outcome, SubflowOutcome::Refused, "its answer meets no socket");
}

/// `__mptcp_close_ssk`, `mptcp_start_tout_timer`: a connection that nobody has begun to close outlives its last
/// subflow by `net.mptcp.close_timeout`.
#[test]
fn a_connection_waits_a_minute_for_another_subflow() {
    let resetting: Tampering = |port, nth, packet, effects| {
        if port.side() == Side::Outside || nth < 20 {
            return Forwarding::Through;
        }
        let mut reset = Packet::new(packet.destination(), packet.source());
        (reset.flags, reset.seq) = (Flags::RST, packet.ack);
        effects.emit_new(port, reset);
        Forwarding::Drop
    };
    let app = stream(SimDuration::from_secs(10));
    let record = Case::new(&[resetting], app).run();
    assert!(matches!(record.outcome.verdict, Verdict::Failed(_)));
    assert_eq!(record.subflows[0].outcome, SubflowOutcome::Reset);
    assert_eq!(record.longest_stall.as_secs_f64().round(), 60.0);
}

/// `mptcp_do_fastclose`: MP_FASTCLOSE goes out with the RSTs, and a run is not over before its peer has had them; a
/// peer that they do not reach learns it from what it sends itself.
#[test]
fn a_fast_close_reaches_the_peer() {
    let mut case = Case::new(&[untouched], upload(1_000_000));
    case.abort_ms = Some(200);
    let record = case.run();
    assert_eq!(record.client_counters["MPFastcloseTx"], 1);
    assert_eq!(record.server_counters["MPFastcloseRx"], 1);
    assert_eq!(record.server_counters["MPRstRx"], 1);

    let silenced: Tampering = |_, _, packet, _| match packet.flags.has(Flags::RST) {
        true if has(packet, Subtype::FastClose) => Forwarding::Drop,
        _ => Forwarding::Through,
    };
    let download =
        AppConfig::Bulk { bytes: Some(ByteSize(1_000_000)), duration: None, download: true };
    let mut case = Case::new(&[silenced], download);
    case.abort_ms = Some(200);
    let record = case.run();
    assert_eq!(record.server_counters.get("MPFastcloseRx"), None);
    assert_eq!(record.subflows[0].outcome, SubflowOutcome::Reset, "its data met no socket");
    assert!(record.longest_stall.as_secs_f64() < 1.0);
}

/// `tcp_reset`, `check_fully_established`: an RST is asked for MPTCP first. Where it is the first that comes after the
/// handshake the connection falls back, and plain TCP does not outlive its reset; later it would be a subflow's.
#[test]
fn a_reset_before_anything_of_mptcp_ends_the_connection() {
    let resets: Tampering = |port, nth, packet, _| {
        if port.side() == Side::Outside && nth == 1 {
            packet.flags = Flags::RST.with(Flags::ACK);
            packet.payload = Payload::default();
            packet.options = Options::default();
        }
        Forwarding::Through
    };
    let download =
        AppConfig::Bulk { bytes: Some(ByteSize(200_000)), duration: None, download: true };
    let record = Case::new(&[resets], download).run();
    assert!(matches!(record.outcome.verdict, Verdict::Failed(_)));
    assert_eq!(record.client_counters["MPCapableDataFallback"], 1);
    assert!(record.longest_stall.as_secs_f64() < 1.0, "{}", record.longest_stall);
}

/// An application writes when its connection is open: SYNs that are lost are no stall of its data.
#[test]
fn nothing_is_written_before_the_connection_is_open() {
    let lost: Tampering = |port, nth, _, _| match port.side() {
        Side::Inside if nth < 2 => Forwarding::Drop,
        _ => Forwarding::Through,
    };
    let record = Case::new(&[lost], upload(200_000)).run();
    assert!(record.subflows[0].established_at > Some(SimTime(2_000_000_000)));
    assert!(record.longest_stall.as_secs_f64() < 0.2, "{}", record.longest_stall);
}

/// `mptcp_check_send_data_fin`, `mptcp_established_options_mp`: DATA_FIN goes out on every subflow, also on a join whose
/// third ACK was not answered yet; where that was lost, the server meets an ACK without the proof.
#[test]
fn data_fin_comes_before_a_joins_proof() {
    let lost: Tampering = |port, nth, _, _| match port.side() {
        Side::Inside if nth == 1 => Forwarding::Drop,
        _ => Forwarding::Through,
    };
    let record = Case::new(&[untouched, lost], upload(80_000)).run();
    assert_eq!(record.outcome.verdict, Verdict::Mptcp);
    let join = &record.subflows[1];
    assert_eq!((join.outcome, join.reset_reason), (SubflowOutcome::Refused, Some(0)));
    assert_eq!(record.server_counters.get("MPJoinAckRx"), None);
}

thread_local! {
    static WINDOWS: RefCell<Vec<u16>> = const { RefCell::new(Vec::new()) };
}

/// `subflow_syn_recv_sock`, `mptcp_rcv_space_adjust`: a join is a subflow once its third ACK has come; until then it
/// does not make the window smaller, as one does that has not shown how much of its segments' memory is payload.
#[test]
fn a_join_without_its_third_ack_takes_no_room() {
    let note: Tampering = |port, nth, packet, _| {
        if port.side() == Side::Outside && (1..30).contains(&nth) {
            WINDOWS.with_borrow_mut(|windows| windows.push(packet.window));
        }
        Forwarding::Through
    };
    let unproven: Tampering = |port, nth, _, _| match port.side() {
        Side::Inside if nth > 0 => Forwarding::Drop,
        _ => Forwarding::Through,
    };
    let record = Case::new(&[note, unproven], upload(200_000)).run();
    assert_eq!(record.server_counters["MPJoinSynRx"], 1);
    assert_eq!(record.server_counters.get("MPJoinAckRx"), None);
    WINDOWS.with_borrow(|windows| assert!(windows.is_sorted(), "{windows:?}"));
}

/// `mptcp_established_options`: only what brings a DATA_ACK brings the connection's window. A kernel's third ACKs offered
/// 64,256 bytes, when its first subflow offered 79,488 already.
#[test]
fn the_third_ack_of_a_join_offers_what_its_subflow_does() {
    let note: Tampering = |port, nth, packet, _| {
        if port.side() == Side::Inside && nth > 0 {
            WINDOWS.with_borrow_mut(|windows| windows.push(packet.window));
        }
        Forwarding::Through
    };
    let download =
        AppConfig::Bulk { bytes: Some(ByteSize(200_000)), duration: None, download: true };
    Case::new(&[untouched, note], download).run();
    let unit = 128;
    WINDOWS.with_borrow(|windows| {
        assert_eq!(u32::from(windows[0]) * unit, 64_256);
        assert!(windows.iter().any(|&window| u32::from(window) * unit > 79_000), "{windows:?}");
    });
}

/// Two paths, the second slower, and a receive buffer of 200 kB, which is full most of the time.
fn with_a_full_window(first: Tampering, second: LinkConfig) -> ConnectionRecord {
    let small = HostConfig { receive_buffer: ByteSize(200_000), ..HostConfig::default() };
    let boxes = [first, untouched].map(|b| TamperingBox::new(b) as Box<dyn Device>);
    let mut paths =
        Paths::new(HostConfig::default().in_linux(), small.in_linux(), boxes, &usual_link());
    let second = Some(Box::new(second));
    let slower =
        Action::SetLink { link: paths.links[1], forward: second.clone(), backward: second };
    paths.world.schedule(SimTime::ZERO, "slower".into(), None, slower);
    let connection = paths.connection("work", SimTime::ZERO, upload(2_000_000));
    paths.world.add_connection(connection);
    paths.world.run(SimTime(100_000_000_000)).connections.remove(0)
}

/// `tcp_may_update_window`, `ack_update_msk`: acknowledgements behind a hole in a subflow do not make its window smaller,
/// while the DATA_ACK that they bring moves on; what is sent beyond the peer's window so, the subflow acknowledges and the
/// connection throws away (`mptcp_data_queue_ofo`), until its own timer sends it again.
#[test]
fn behind_a_hole_data_goes_beyond_the_window() {
    thread_local! {
        /// How many of the client's packets come before the hole.
        static BEFORE: Cell<u64> = const { Cell::new(0) };
    }
    let hole: Tampering = |port, nth, _, _| {
        let is_in_it = (BEFORE.get()..BEFORE.get() + 4).contains(&nth);
        if port.side() == Side::Inside && is_in_it { Forwarding::Drop } else { Forwarding::Through }
    };
    let slow = LinkConfig { rate: Some(BitRate(5_000_000)), ..usual_link() };
    // Not every hole falls where the window is full.
    let records: Vec<_> = (100..900)
        .step_by(40)
        .map(|before| {
            BEFORE.set(before);
            with_a_full_window(hole, slow.clone())
        })
        .collect();
    assert!(records.iter().all(|r| r.stream_intact && r.completed_at.is_some()));
    let beyond = records.iter().filter(|r| r.server_counters.contains_key("NoDSSInWindow"));
    assert!(beyond.clone().count() > 1);
    assert!(beyond.clone().all(|r| r.client_counters["MPTCPRetrans"] > 0));
}

/// A DATA_ACK that a longer path brings late opens no more of the window than it did when it was sent.
#[test]
fn a_late_data_ack_opens_nothing() {
    let far = LinkConfig { delay: SimDuration::from_millis(80), ..usual_link() };
    let record = with_a_full_window(untouched, far);
    assert!(record.stream_intact && record.completed_at.is_some());
}

thread_local! {
    /// Where a mapping of the subflow begins, and the lengths that it was sent with.
    static MAPPINGS: RefCell<BTreeMap<u32, BTreeSet<u16>>> = const { RefCell::new(BTreeMap::new()) };
}

/// `__tcp_close`, `tcp_send_fin`: what a subflow was given goes out before its FIN, though the connection is closed
/// and the peer has it from another one. It shares its mapping with what is out: a mapping that changed would
/// be told by a reset (`validate_mapping`).
#[test]
fn a_subflow_ends_with_the_mappings_that_it_began() {
    /// Path 2 is silent for the client's packets from so many on, long enough that path 1 carries all.
    fn silent<const FROM: u64>(
        port: PortId,
        nth: u64,
        packet: &mut Packet,
        _: &mut Effects,
    ) -> Forwarding {
        if port.side() == Side::Inside {
            for option in mptcp_options(&packet.options) {
                if let MptcpOption::Dss(Dss { mapping: Some(mapping), .. }) = option {
                    MAPPINGS.with_borrow_mut(|all| {
                        all.entry(mapping.ssn).or_default().insert(mapping.len);
                    });
                }
            }
            if (FROM..FROM + 60).contains(&nth) {
                return Forwarding::Drop;
            }
        }
        Forwarding::Through
    }
    let silences: [Tampering; 5] =
        [silent::<20>, silent::<40>, silent::<80>, silent::<120>, silent::<160>];
    for silent in silences {
        MAPPINGS.take();
        let record = Case::new(&[untouched, silent], upload(600_000)).run();
        assert!(record.stream_intact && record.completed_at.is_some());
        assert!(record.subflows.iter().all(|s| s.outcome == SubflowOutcome::Established));
        MAPPINGS.with_borrow(|all| {
            assert!(!all.is_empty());
            assert!(all.values().all(|lengths| lengths.len() == 1), "{all:?}");
        });
    }
}
