//! Segments of which only the head arrives, as behind a box that splits them and a queue too short for all pieces.

mod paths;

use paths::{Case, Tampering, upload};
use sim_core::engine::device::{Forwarding, PortId};
use sim_core::mptcp::config::{HostConfig, Profile};
use sim_core::record::outcome::Verdict;

/// Bytes of a segment that arrive.
const HEAD: u32 = 900;

/// The rest of a long segment is lost.
const BEHEADS: Tampering = |ingress, _, packet, _| {
    if ingress == PortId(0) && packet.payload.len > HEAD {
        packet.payload = packet.payload.slice(0, HEAD);
    }
    Forwarding::Through
};

/// What is acknowledged is not sent again (Linux's `tcp_retransmit_skb`; RFC 9293, 3.10.7.4), and the rest keeps the mapping that
/// the whole had (RFC 8684, 3.3.1).
#[test]
fn what_is_left_of_a_segment_is_sent_again() {
    for profile in [Profile::Rfc6824, Profile::Rfc8684, Profile::Linux6, Profile::TcpOnly] {
        for checksum in [false, true] {
            let host = HostConfig { profile, checksum, ..HostConfig::default() };
            let case = Case {
                client: host.clone(),
                server: host,
                app: upload(20_000),
                tampering: BEHEADS,
                ..Case::default()
            };
            let connection = case.run();
            let about = format!("{profile:?} {checksum} {connection:#?}");
            assert!(connection.stream_intact && connection.completed_at.is_some(), "{about}");
            if profile != Profile::TcpOnly {
                assert_eq!(connection.outcome.verdict, Verdict::Mptcp, "{about}");
            }
        }
    }
}
