//! A box changes payload while DSS checksums are on (RFC 8684 §3.7): what it changed is never taken for the
//! stream before both ends have given MPTCP up.

use std::cell::Cell;

mod paths;

use paths::{Case, Tampering, download, upload};
use sim_core::engine::device::{Forwarding, Side};
use sim_core::mptcp::config::{HostConfig, PathManagerConfig, PathManagerKind, Profile};
use sim_core::record::ConnectionRecord;
use sim_core::record::outcome::{Failure, Verdict};
use sim_core::record::story::{End, Fact, FallbackReason, ResetCause};
use sim_core::units::{BitRate, ByteSize};
use sim_core::wire::mptcp::{MptcpOption, mptcp_options};
use sim_core::wire::packet::Packet;

const BYTES: u64 = 300_000;
const CLIENTS: [Profile; 3] = [Profile::Linux6, Profile::Rfc8684, Profile::Rfc6824];

/// Hosts with checksums on. A server of the client's version.
fn checked(client: Profile, tampering: Tampering) -> Case {
    let host = |profile| HostConfig { profile, checksum: true, ..HostConfig::default() };
    let server = if client == Profile::Rfc6824 { client } else { Profile::Rfc8684 };
    let (client, server) = (host(client), host(server));
    Case { client, server, app: upload(BYTES), tampering, ..Case::default() }
}

fn change_a_byte(packet: &mut Packet) {
    packet.payload.make_literal()[0] ^= 0x55;
}

/// Changes a byte of the first data packet only: the handshake's two packets come before it.
const FIRST: Tampering = |ingress, nth, packet, _| {
    if ingress.side() == Side::Inside && nth == 2 {
        assert!(!packet.payload.is_empty(), "the first data");
        change_a_byte(packet);
    }
    Forwarding::Through
};

const LATER: Tampering = |ingress, nth, packet, _| {
    if ingress.side() == Side::Inside && nth == 60 && !packet.payload.is_empty() {
        change_a_byte(packet);
    }
    Forwarding::Through
};

const ALL: Tampering = |ingress, _, packet, _| {
    if ingress.side() == Side::Inside && !packet.payload.is_empty() {
        change_a_byte(packet);
    }
    Forwarding::Through
};

fn when(record: &ConnectionRecord, end: End, is: impl Fn(&Fact) -> bool) -> Option<usize> {
    record.story.iter().position(|entry| entry.end == end && is(&entry.fact))
}

/// The order in which `end` gave MPTCP up, and that no changed byte was delivered before.
fn assert_given_up_in_order(record: &ConnectionRecord, end: End, case: &str) {
    let at = |what: &str, is: &dyn Fn(&Fact) -> bool| {
        when(record, end, is).unwrap_or_else(|| panic!("{case}: {what} is missing"))
    };
    let noticed = at("the wrong checksum", &|f| matches!(f, Fact::ChecksumFailed { .. }));
    let told = at("MP_FAIL", &|f| *f == Fact::FailSent);
    let given_up = at("the fallback", &|f| *f == Fact::FellBack(FallbackReason::PeerFellBack));
    let wrong = at("the wrong byte", &|f| matches!(f, Fact::WrongByte { .. }));
    assert!(noticed < told && told < given_up && given_up < wrong, "{case}");
}

#[test]
fn the_first_mapping_is_checked_like_any_other() {
    for client in CLIENTS {
        for (tampering, which) in [(FIRST, "first"), (LATER, "later"), (ALL, "all")] {
            let case = format!("{client:?}, {which}");
            let record = checked(client, tampering).run();
            assert!(record.server_counters["DataCsumErr"] > 0, "{case}");
            assert!(record.server_counters["MPFailTx"] > 0, "{case}");
            assert!(record.client_counters["MPFailRx"] > 0, "{case}");
            assert_given_up_in_order(&record, End::Server, &case);
            // From there on the connection is as good as plain TCP, which delivers what a box changed.
            assert_eq!(record.outcome.verdict, Verdict::Failed(Failure::WrongStream), "{case}");
            if client != Profile::Linux6 {
                // Linux makes the packet with the infinite mapping longer than the MTU.
                assert_eq!(record.bytes_delivered, BYTES, "{case}");
                assert!(record.completed_at.is_some(), "{case}");
            }
        }
    }
}

/// The other way: the server's first mapping.
#[test]
fn a_client_checks_the_first_mapping_too() {
    let tampering: Tampering = |ingress, nth, packet, _| {
        if ingress.side() == Side::Outside && !packet.payload.is_empty() && nth < 3 {
            change_a_byte(packet);
        }
        Forwarding::Through
    };
    for profile in [Profile::Rfc8684, Profile::Rfc6824] {
        let record = Case { app: download(BYTES), ..checked(profile, tampering) }.run();
        let case = format!("{profile:?}");
        assert_given_up_in_order(&record, End::Client, &case);
        assert_eq!(record.bytes_delivered, BYTES, "{case}");
    }
}

thread_local! {
    static FIRST_PORT: Cell<u16> = const { Cell::new(0) };
}

/// With a second subflow the changed one is reset, and its data comes again, unchanged, over the other.
#[test]
fn with_another_subflow_nothing_wrong_is_delivered() {
    let tampering: Tampering = |ingress, nth, packet, _| {
        if ingress.side() == Side::Outside {
            return Forwarding::Through;
        }
        if nth == 0 {
            FIRST_PORT.set(packet.src_port);
        }
        if nth > 60 && packet.src_port == FIRST_PORT.get() && !packet.payload.is_empty() {
            change_a_byte(packet);
        }
        Forwarding::Through
    };
    let two =
        PathManagerConfig { kind: PathManagerKind::NdiffPorts(2), ..PathManagerConfig::default() };
    for client in CLIENTS {
        let mut case = checked(client, tampering);
        case.client.send_buffer = ByteSize(100_000); // Linux joins nothing once all is written
        case.client.path_manager = two.clone();
        let record = case.run();
        let reset = |f: &Fact| matches!(f, Fact::ResetSent { why: ResetCause::ChecksumFailed, .. });
        assert!(when(&record, End::Server, reset).is_some(), "{client:?}");
        assert!(record.stream_intact && record.completed_at.is_some(), "{client:?}");
        assert_eq!(record.outcome.verdict, Verdict::Mptcp, "{client:?}");
    }
}

/// `mptcp_subflow_joined`, `subflow_check_data_avail`: a client has another subflow from the SYN/ACK on, and the first
/// mapping, whose checksum takes all of it, is complete only then: no fallback, and nothing wrong is delivered.
#[test]
fn a_first_mapping_with_a_wrong_checksum_is_no_fallback_once_a_join_was_answered() {
    let tampering: Tampering = |ingress, nth, packet, _| {
        if ingress.side() == Side::Outside && nth == 1 {
            FIRST_PORT.set(packet.dst_port);
            change_a_byte(packet);
        }
        Forwarding::Through
    };
    let two =
        PathManagerConfig { kind: PathManagerKind::NdiffPorts(2), ..PathManagerConfig::default() };
    let server = HostConfig { checksum: true, ..HostConfig::default().in_linux() };
    let client = HostConfig { path_manager: two, ..server.clone() };
    let mut case = Case { client, server, app: download(BYTES), tampering, ..Case::default() };
    case.link.rate = Some(BitRate(1_000_000));
    let record = case.run();
    let reset = |f: &Fact| matches!(f, Fact::ResetSent { why: ResetCause::ChecksumFailed, .. });
    assert!(when(&record, End::Client, reset).is_some());
    assert_eq!(record.subflows[0].reset_reason, Some(1));
    assert!(record.stream_intact && record.completed_at.is_some());
    assert_eq!(record.outcome.verdict, Verdict::Mptcp);
}

/// An MP_FAIL that nobody answers: no wrong byte, and no wait
/// without end.
#[test]
fn an_mp_fail_that_is_lost_is_no_permission() {
    let tampering: Tampering = |ingress, _, packet, _| {
        if ingress.side() == Side::Inside && !packet.payload.is_empty() {
            change_a_byte(packet);
        }
        if ingress.side() == Side::Outside
            && packet.payload.is_empty()
            && mptcp_options(&packet.options).any(|o| matches!(o, MptcpOption::Fail { .. }))
        {
            return Forwarding::Drop;
        }
        Forwarding::Through
    };
    for client in CLIENTS {
        let record = checked(client, tampering).run();
        assert!(record.stream_intact, "{client:?}");
        assert_eq!(record.outcome.verdict, Verdict::Failed(Failure::Reset), "{client:?}");
    }
}
