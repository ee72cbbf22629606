//! Writes that do not fill a segment: sent at once, under Nagle's rule, or corked; what a box next to the client
//! sees of it.

mod paths;

use std::cell::RefCell;

use paths::{Case, Tampering};
use sim_core::app::AppConfig;
use sim_core::engine::device::{Forwarding, Side};
use sim_core::mptcp::config::{HostConfig, Profile};
use sim_core::mptcp::small_segments::SmallSegments;
use sim_core::record::ConnectionRecord;
use sim_core::time::SimDuration;
use sim_core::units::BitRate;
use sim_core::wire::packet::Flags;

use SmallSegments::{AtOnce, Cork, Nagle};

/// Less than a full segment, and more than any of these streams writes at a time.
const FULL: u32 = 1_401;
const PROFILES: [Profile; 4] =
    [Profile::Rfc6824, Profile::Rfc8684, Profile::Linux6, Profile::TcpOnly];

/// Those that make a segment when it can go out.
const SEGMENT_BY_SEGMENT: [Profile; 3] = [Profile::Rfc6824, Profile::Rfc8684, Profile::TcpOnly];

/// What went past the box.
#[derive(Clone, Copy)]
enum Seen {
    /// Data: where it ends, and its length.
    Data { end: u32, len: u32 },
    /// An acknowledgement up to there.
    Ack(u32),
}

thread_local! {
    static SEEN: RefCell<Vec<Seen>> = const { RefCell::new(Vec::new()) };
}

/// A stream that writes 1,400 bytes at a time, over a path of 300 ms there and back.
fn run(
    profile: Profile,
    small_segments: SmallSegments,
    rate: u64,
) -> (ConnectionRecord, Vec<Seen>) {
    let note: Tampering = |ingress, _, packet, _| {
        let seen = match ingress.side() {
            _ if packet.flags.has(Flags::SYN) => return Forwarding::Through,
            Side::Inside if packet.payload.len > 0 => {
                let len = packet.payload.len;
                Seen::Data { end: packet.seq.add(len).0, len }
            }
            Side::Inside => return Forwarding::Through,
            Side::Outside => Seen::Ack(packet.ack.0),
        };
        SEEN.with_borrow_mut(|all| all.push(seen));
        Forwarding::Through
    };
    SEEN.take();
    let host = HostConfig { profile, ..HostConfig::default() };
    let host = if profile == Profile::Linux6 { host.in_linux() } else { host };
    let client = HostConfig { small_segments, ..host.clone() };
    let mut case = Case { client, server: host, tampering: note, ..Case::default() };
    let (rate, duration) = (BitRate(rate), SimDuration::from_secs(10));
    case.app = AppConfig::Stream { rate, duration, download: false };
    case.link.delay = SimDuration::from_millis(150);
    let c = case.run();
    assert!(c.completed_at.is_some() && c.stream_intact, "{profile:?}, {small_segments:?}");
    assert_eq!(c.bytes_delivered, rate.0 * 10 / 8);
    (c, SEEN.take())
}

fn short(seen: &[Seen]) -> usize {
    seen.iter().filter(|s| matches!(s, Seen::Data { len, .. } if *len < FULL)).count()
}

fn latency_ms(c: &ConnectionRecord, quantile: f64) -> u64 {
    c.latency.value_at_quantile(quantile) / 1_000_000
}

#[test]
fn by_default_every_write_goes_out_at_once() {
    assert_eq!(HostConfig::default().small_segments, AtOnce);
    for profile in PROFILES {
        let (c, seen) = run(profile, AtOnce, 100_000);
        assert!(short(&seen) >= 80, "{profile:?}: {}", short(&seen));
        assert!(latency_ms(&c, 0.9) < 160, "{profile:?}: {}", latency_ms(&c, 0.9));
    }
}

/// RFC 896: a short segment waits while an earlier one is not acknowledged; here for a round trip, in which two
/// more writes come.
#[test]
fn nagle_has_one_short_segment_on_its_way() {
    for profile in SEGMENT_BY_SEGMENT {
        let (c, seen) = run(profile, Nagle, 100_000);
        let mut on_its_way = None;
        let closed_at = seen.iter().rposition(|s| matches!(s, Seen::Data { .. })).unwrap_or(0);
        for (i, one) in seen.iter().enumerate() {
            match (*one, on_its_way) {
                (Seen::Data { end, len }, _) if len < FULL && i < closed_at => {
                    assert_eq!(on_its_way, None, "{profile:?}: packet {i}");
                    on_its_way = Some(end);
                }
                (Seen::Ack(ack), Some(end)) if ack.wrapping_sub(end) as i32 >= 0 => {
                    on_its_way = None
                }
                _ => {}
            }
        }
        assert!((20..50).contains(&short(&seen)), "{profile:?}: {}", short(&seen));
        assert!((250..500).contains(&latency_ms(&c, 0.9)), "{profile:?}");
    }
}

/// Writes come before the cork lets go: only full segments, and the last one.
#[test]
fn a_cork_sends_full_segments() {
    for profile in SEGMENT_BY_SEGMENT {
        let (_, seen) = run(profile, Cork, 100_000);
        assert!(short(&seen) <= 2, "{profile:?}: {}", short(&seen));
    }
}

/// Linux maps a buffer as a whole: what is left of one whose mapping has been sent does not grow, and goes out when
/// the next one waits behind it (`mptcp_skb_can_collapse_to`; `tcp_write_xmit` pushes what is not the last).
#[test]
fn in_linux_every_second_segment_is_short() {
    for small_segments in [Nagle, Cork] {
        let (_, seen) = run(Profile::Linux6, small_segments, 100_000);
        let all = seen.iter().filter(|s| matches!(s, Seen::Data { .. })).count();
        assert!((80..100).contains(&all), "{small_segments:?}: {all}");
        assert!(short(&seen) <= all / 2 + 1, "{small_segments:?}: {} of {all}", short(&seen));
    }
}

/// Writes come 560 ms apart: each goes out after the 200 ms that a cork holds.
#[test]
fn a_cork_holds_no_longer_than_200_ms() {
    for profile in PROFILES {
        let (c, seen) = run(profile, Cork, 20_000);
        assert!(short(&seen) >= 16, "{profile:?}: {}", short(&seen));
        let median = latency_ms(&c, 0.5);
        assert!((350..370).contains(&median), "{profile:?}: {median}");
    }
}
