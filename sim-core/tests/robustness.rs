//! What a pair of hosts must survive, one case each; most were found by the random worlds.

mod paths;

use paths::{Case, Tampering, download, upload};
use sim_core::app::AppConfig;
use sim_core::engine::device::{Forwarding, Side};
use sim_core::engine::link::{LinkConfig, Loss, QueueLimit};
use sim_core::mptcp::config::{
    CongestionKind, HostConfig, PathManagerConfig, PathManagerKind, Profile, SchedulerKind,
};
use sim_core::record::outcome::{Failure, Verdict};
use sim_core::rng::Probability;
use sim_core::tcp::congestion::Congestion;
use sim_core::tcp::sender::{Ack, Sender};
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};
use sim_core::wire::mptcp::{Dss, MptcpOption, mptcp_options};
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::payload::Payload;
use sim_core::wire::seq::Seq;

/// The link took the copy and never let it arrive, nor anything after it.
#[test]
fn a_copy_arrives_although_its_original_was_lost() {
    let loss = Loss::Bernoulli(Probability::new(0.4).expect("below 1"));
    let link = LinkConfig { loss, duplicate: Probability::ONE, ..Case::default().link };
    Case { link, ..Case::default() }.completes(100_000, "lossy and doubled");
}

/// MP_CAPABLE with data is longer than a DSS.
#[test]
fn the_first_segment_fits_the_mtu() {
    for checksum in [false, true] {
        let host = HostConfig { initial_window: 1, checksum, ..HostConfig::default() };
        let case = Case { client: host.clone(), server: host, ..Case::default() };
        case.completes(100_000, "window of one segment");
    }
}

/// A box without sense answers everything with a reset that fits nothing.
#[test]
fn resets_that_fit_nothing_are_challenged_now_and_then() {
    let tampering: Tampering = |ingress, count, packet, effects| {
        if ingress.side() == Side::Outside || count < 2 || packet.flags.has(Flags::RST) {
            return Forwarding::Through;
        }
        let mut reset = Packet::new(packet.destination(), packet.source());
        reset.flags = Flags::RST;
        reset.seq = packet.ack.add(12_345);
        effects.emit_new(ingress, reset);
        Forwarding::Drop
    };
    for profile in [Profile::Rfc8684, Profile::TcpOnly] {
        let record = Case { tampering, ..Case::profile(profile) }.run();
        assert_eq!(record.outcome.verdict, Verdict::Failed(Failure::Reset), "{profile:?}");
    }
}

/// Every window is closed for a while, and nothing but a probe brings the news that it has opened.
#[test]
fn a_closed_window_is_probed() {
    for profile in [Profile::Rfc8684, Profile::Linux6, Profile::TcpOnly] {
        let from_the_start: Tampering = |ingress, count, packet, _| {
            if ingress.side() == Side::Outside && count < 5 {
                packet.window = 0;
            }
            Forwarding::Through
        };
        let later: Tampering = |ingress, count, packet, _| {
            if ingress.side() == Side::Outside && (3..40).contains(&count) {
                packet.window = 0;
            }
            Forwarding::Through
        };
        for tampering in [from_the_start, later] {
            let case = Case { tampering, ..Case::profile(profile) };
            case.completes(100_000, &format!("{profile:?}"));
        }
    }
}

/// The client has lost MPTCP with the SYN/ACK and has nothing to say: its bare third ACK, repeated,
/// must do.
#[test]
fn a_server_that_speaks_first_notices_that_the_client_fell_back() {
    for profile in [Profile::Rfc8684, Profile::Rfc6824, Profile::Linux6] {
        let tampering: Tampering = |ingress, _, packet, _| {
            if ingress.side() == Side::Outside
                && let Some(found) = packet.options.find(kind::MPTCP).map(|o| o.span())
            {
                packet.options.fill(found, kind::NOP);
            }
            Forwarding::Through
        };
        let case = Case { tampering, app: download(10_000), ..Case::profile(profile) };
        case.completes(10_000, &format!("{profile:?}"));
    }
}

/// The path goes for good after the data and before its end is known: neither host waits for ever.
#[test]
fn a_data_fin_that_nobody_answers_is_given_up() {
    for profile in [Profile::Rfc8684, Profile::Linux6] {
        let record = Case { app: download(1), cut_at_ms: Some(45), ..Case::profile(profile) }.run();
        assert_eq!(record.bytes_delivered, 1, "{profile:?}");
        assert_eq!(record.outcome.verdict, Verdict::Failed(Failure::Reset), "{profile:?}");
    }
}

/// A box acknowledges the first data without a DATA_ACK: the client falls back, the server does not.
/// The client's FIN comes without DATA_FIN, and no other subflow follows.
#[test]
fn a_connection_without_subflows_ends_after_a_while() {
    let tampering: Tampering = |ingress, _, packet, effects| {
        if ingress.side() == Side::Inside && !packet.payload.is_empty() {
            let mut ack = Packet::new(packet.destination(), packet.source());
            ack.flags = Flags::ACK;
            (ack.seq, ack.ack) = (packet.ack, packet.seq.add(packet.payload.len));
            ack.window = 1000;
            effects.emit_new(ingress, ack);
        }
        Forwarding::Through
    };
    let record = Case { tampering, app: upload(100), ..Case::profile(Profile::Linux6) }.run();
    assert_eq!(record.bytes_delivered, 100);
    assert_eq!(record.outcome.verdict, Verdict::Failed(Failure::Reset));
}

/// After a hole is repaired, what follows it is acknowledged long after it arrived: no measurement of
/// the round trip. A short queue makes holes all the time.
#[test]
fn the_timeout_does_not_grow_with_every_hole() {
    let host = HostConfig { profile: Profile::TcpOnly, sack: false, ..HostConfig::default() };
    let link = LinkConfig {
        rate: Some(BitRate(200_000)),
        queue: QueueLimit::Time(SimDuration::from_millis(47)),
        delay: SimDuration::from_millis(175),
        ..LinkConfig::default()
    };
    let app = upload(300_000);
    let record = Case { client: host.clone(), server: host, link, app, ..Case::default() }.run();
    assert!(record.longest_stall < SimDuration::from_secs(10), "{}", record.longest_stall);
    assert!(record.completed_at.is_some());
}

/// The retransmission of the first of many segments is lost too, while duplicate acknowledgements go
/// on coming: they must not put the timeout off.
#[test]
fn duplicates_do_not_put_the_timeout_off() {
    let congestion = Congestion::new(CongestionKind::Reno, 10);
    let mut sender = Sender::new(Seq(7), congestion, SimDuration::from_millis(200));
    let at = |ms: u64| SimTime(ms * 1_000_000);
    for i in 0..10 {
        sender.send_new(at(0), 1000 * i, 1000, false);
    }
    let ack = |sender: &mut Sender, ms, ack| {
        let ack =
            Ack { ack, sacks: &[], echo_rtt: None, echoed_ms: None, duplicate: ack == sender.una };
        sender.on_ack(at(ms), &ack, &[], 0);
    };
    ack(&mut sender, 100, 1001);
    for ms in [110, 120, 130] {
        ack(&mut sender, ms, 1001);
    }
    let lost = sender.next_lost().expect("three duplicates prove a loss");
    sender.retransmit(at(130), lost);
    let due = sender.deadline();
    for ms in [200, 250, 300] {
        ack(&mut sender, ms, 1001);
    }
    assert_eq!(sender.deadline(), due);
}

/// A box acknowledges everything at once, and nothing arrives behind it: what the send buffer waits
/// for goes over each subflow again once, not for ever.
#[test]
fn a_box_that_acknowledges_ahead_does_not_make_copies_without_end() {
    let tampering: Tampering = |ingress, count, packet, effects| {
        if ingress.side() == Side::Outside || packet.payload.is_empty() || count < 40 {
            return Forwarding::Through;
        }
        let first_subflow = packet.src_port == 32_768;
        if !first_subflow {
            let mut ack = Packet::new(packet.destination(), packet.source());
            ack.flags = Flags::ACK;
            (ack.seq, ack.ack) = (packet.ack, packet.seq.add(packet.payload.len));
            ack.window = 1000;
            effects.emit_new(ingress, ack);
        }
        Forwarding::Drop
    };
    for scheduler in [SchedulerKind::MinRttOpportunistic, SchedulerKind::Redundant] {
        let host = HostConfig {
            scheduler,
            path_manager: PathManagerConfig {
                kind: PathManagerKind::NdiffPorts(3),
                ..PathManagerConfig::default()
            },
            send_buffer: ByteSize(20_000),
            ..HostConfig::default()
        };
        let case = Case { client: host.clone(), server: host, tampering, ..Case::default() };
        let record = case.run();
        assert!(matches!(record.outcome.verdict, Verdict::Failed(_)), "{scheduler:?}");
    }
}

/// The client's retransmission begins in the middle of a segment of which a piece had arrived: the
/// mapping must still be the one that the piece came with.
#[test]
fn a_segment_that_was_cut_on_the_way_keeps_its_mapping() {
    let tampering: Tampering = |ingress, count, packet, effects| {
        if ingress.side() == Side::Inside && count > 5 && packet.payload.len > 600 {
            let mut piece = packet.clone();
            piece.payload = packet.payload.slice(0, 500);
            effects.emit_new(ingress.peer(), piece);
            if count % 7 == 0 {
                return Forwarding::Drop; // the rest is lost
            }
            packet.payload = packet.payload.slice(500, packet.payload.len - 500);
            packet.seq = packet.seq.add(500);
        }
        Forwarding::Through
    };
    for profile in [Profile::Rfc8684, Profile::Linux6] {
        for checksum in [false, true] {
            let mut case = Case { tampering, ..Case::profile(profile) };
            case.client.checksum = checksum;
            case.completes(100_000, &format!("{profile:?}, checksum {checksum}"));
        }
    }
}

/// DATA_ACKs grow from four bytes to eight when the peer's first mapping comes. A segment that is
/// sent again then must still fit.
#[test]
fn a_segment_cut_before_data_acks_grew_fits_again() {
    let tampering: Tampering = |ingress, count, packet, _| {
        let lost = ingress.side() == Side::Outside && packet.payload.len > 1000 && count < 5;
        if lost { Forwarding::Drop } else { Forwarding::Through }
    };
    let app = AppConfig::UpThenDown {
        up: ByteSize(3000),
        down: ByteSize(30_000),
        header: ByteSize(0),
        idle: SimDuration::ZERO,
        pause: SimDuration::ZERO,
        duplex: true,
        down_header: ByteSize(0),
        down_pause: SimDuration::ZERO,
    };
    for (client, server) in
        [(Profile::Linux6, Profile::Linux6), (Profile::Linux6, Profile::Rfc8684)]
    {
        let host = |profile| HostConfig { profile, ..HostConfig::default() };
        let (client, server) = (host(client), host(server));
        let case = Case { client, server, tampering, app: app.clone(), ..Case::default() };
        case.completes(33_000, "sent again");
    }
}

/// A priority changes on a host whose connection is plain TCP: there is nobody to tell.
#[test]
fn plain_tcp_has_no_priority_to_tell() {
    let mut case = Case::profile(Profile::TcpOnly);
    case.backup_at_ms = Some(50);
    let (rate, duration) = (BitRate(100_000), SimDuration::from_secs(10));
    case.app = AppConfig::Stream { rate, duration, download: false };
    let run = case.run_world();
    assert!(run.connections[0].completed_at.is_some());
    assert!(run.packet_hops < 1000, "{} hops", run.packet_hops);
}

/// A box takes bytes out and translates the numbers: both ends close in good faith.
#[test]
fn a_shortened_stream_is_a_wrong_stream() {
    let tampering: Tampering = |ingress, _, packet, _| {
        match ingress.side() {
            Side::Inside if !packet.payload.is_empty() => {
                // The FIN moves up over the byte that is gone.
                packet.payload = Payload::empty();
            }
            Side::Inside if packet.flags.has(Flags::FIN) => packet.seq = packet.seq.add(u32::MAX),
            Side::Outside if !packet.flags.has(Flags::SYN) => packet.ack = packet.ack.add(1),
            _ => {}
        }
        Forwarding::Through
    };
    let record = Case { tampering, app: upload(1), ..Case::profile(Profile::TcpOnly) }.run();
    assert!(record.completed_at.is_some());
    assert_eq!(record.outcome.verdict, Verdict::Failed(Failure::WrongStream));
}

/// A SYN/ACK that has become a SYN: to the client it looks as if both ends had opened at once.
#[test]
fn a_simultaneous_open_connects_as_plain_tcp() {
    for profile in [Profile::Rfc6824, Profile::Rfc8684, Profile::Linux6, Profile::TcpOnly] {
        let mut case = Case::profile(profile);
        case.tampering = |ingress, _, packet, _| {
            if ingress.side() == Side::Outside && packet.flags.is_syn_ack() {
                packet.flags = packet.flags.without(Flags::ACK);
                packet.ack = Seq(0);
            }
            Forwarding::Through
        };
        let c = case.run();
        assert_eq!((c.outcome.verdict, c.stream_intact), (Verdict::Fallback, true), "{profile:?}");
        assert!(c.completed_at.is_some(), "{profile:?}");
    }
}

thread_local! {
    static FINS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// The end that closes first waits in TIME-WAIT; where FINs cross, both do (RFC 9293 §3.6, figures 12 and
/// 13). They cross where the client's first FIN is lost and what it acknowledges is not: DATA_FIN has closed
/// the connection at both ends then, and each closes the subflow without waiting for the other.
#[test]
fn who_closes_first_waits_and_both_do_in_a_simultaneous_close() {
    let lose_first_fin: Tampering = |ingress, _, packet, _| {
        if ingress.side() == Side::Inside && packet.flags.has(Flags::FIN) {
            let before = FINS.replace(FINS.get() + 1);
            if before == 0 {
                packet.flags = packet.flags.without(Flags::FIN);
            }
        }
        Forwarding::Through
    };
    for (profile, crossing, ends) in [
        (Profile::TcpOnly, false, [1, 0]),
        (Profile::Rfc6824, false, [1, 0]),
        (Profile::Rfc6824, true, [1, 1]),
        (Profile::Rfc8684, true, [1, 1]),
        (Profile::Linux6, true, [1, 1]),
    ] {
        FINS.set(0);
        let mut case = Case::profile(profile);
        if crossing {
            case.tampering = lose_first_fin;
        }
        let c = case.run();
        assert!(c.stream_intact && c.completed_at.is_some(), "{profile:?}");
        assert_eq!(FINS.get() > 1, crossing, "{profile:?}: the FIN goes out again");
        let waits = [&c.client_counters, &c.server_counters]
            .map(|counters| counters.get("TcpExtTW").copied().unwrap_or(0));
        assert_eq!(waits, ends, "{profile:?}, crossing: {crossing}");
    }
}

/// The application closes while its last bytes are in flight: the DATA_FIN is lost, and comes with the bytes
/// that are sent again, which the receiver has already.
#[test]
fn a_data_fin_on_bytes_that_came_before_closes() {
    for profile in [Profile::Rfc6824, Profile::Rfc8684, Profile::Linux6] {
        let mut case = Case::profile(profile);
        case.client.send_buffer = ByteSize(2_000);
        case.app = AppConfig::Bulk {
            bytes: None,
            duration: Some(SimDuration::from_millis(25)),
            download: false,
        };
        case.tampering = |ingress, nth, packet, _| {
            let alone = ingress.side() == Side::Inside
                && packet.payload.is_empty()
                && mptcp_options(&packet.options)
                    .any(|option| matches!(option, MptcpOption::Dss(Dss { mapping: Some(_), .. })));
            let is_answer = ingress.side() == Side::Outside && nth > 0 && nth < 4;
            if alone || is_answer { Forwarding::Drop } else { Forwarding::Through }
        };
        case.completes(2_000, &format!("{profile:?}"));
    }
}

/// The client closes at once: its DATA_FIN takes the place of the keys, which it shows again when the SYN/ACK
/// comes again. (A Linux server takes the first ACK without keys for plain TCP.)
#[test]
fn a_connection_without_a_byte_closes() {
    let nothing = AppConfig::UpThenDown {
        up: ByteSize(0),
        down: ByteSize(0),
        header: ByteSize(0),
        idle: SimDuration::ZERO,
        pause: SimDuration::ZERO,
        duplex: false,
        down_header: ByteSize(0),
        down_pause: SimDuration::ZERO,
    };
    let without_third_ack: Tampering = |ingress, nth, _, _| {
        let lost = ingress.side() == Side::Inside && nth == 1;
        if lost { Forwarding::Drop } else { Forwarding::Through }
    };
    for profile in [Profile::Rfc6824, Profile::Rfc8684, Profile::Linux6, Profile::TcpOnly] {
        let case = Case { app: nothing.clone(), ..Case::profile(profile) };
        case.completes(0, &format!("{profile:?}"));
        if profile == Profile::Linux6 {
            continue;
        }
        let tampering = without_third_ack;
        let case = Case { app: nothing.clone(), tampering, ..Case::profile(profile) };
        case.completes(0, &format!("{profile:?}, third ACK lost"));
    }
}
