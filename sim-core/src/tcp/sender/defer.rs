//! Whether a sender with little room waits for more, so that its segments go out together (Linux's
//! `tcp_tso_should_defer`).

use super::{Phase, Sender};
use crate::time::{SimDuration, SimTime};

/// After a longer pause since the last transmission nothing is held back, nor where the next acknowledgement is
/// further away.
const SOON: SimDuration = SimDuration::from_millis(1);
/// Part of a window that is always sent (the default of `tcp_tso_win_divisor`).
const WINDOW_DIVISOR: u64 = 3;

/// A buffer (`sk_buff`) of which the next segments are to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Burst {
    /// Bytes of it that are not sent.
    pub len: u64,
    /// More may be added to it: it is the last one, and nothing ends it.
    pub grows: bool,
    /// Segments that go out in one piece (`tcp_tso_segs`).
    pub segments: u64,
    /// What is left of the peer's window from its first byte on, in bytes.
    pub window: u64,
}

/// What a burst waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Room in the congestion window.
    CongestionWindow,
    /// Room in the peer's window.
    PeerWindow,
    /// More from the application.
    Application,
}

impl Sender {
    /// What `burst` had better wait for, where that is better than to send what the windows allow of it. There is
    /// room for a segment at least, and the burst has more than one. Under pacing segments go one by one here, as
    /// room and time for each come, and nothing waits for a burst.
    pub(crate) fn should_defer(&self, now: SimTime, burst: Burst, mss: u32) -> Option<Limit> {
        if matches!(self.phase, Phase::Recovery { .. } | Phase::Loss { .. })
            || self.congestion.pacing_rate().is_some()
            || now > self.last_sent_at + SOON
        {
            return None;
        }
        let mss = u64::from(mss);
        let cwnd = u64::from(self.congestion.window().cwnd);
        let room = cwnd.saturating_sub(u64::from(self.in_flight())) * mss;
        let limit = room.min(burst.window);
        let window = self.window_edge.saturating_sub(self.una).min(cwnd * mss);
        let enough = (burst.segments * mss).min(window / WINDOW_DIVISOR);
        if limit >= enough || (!burst.grows && limit >= burst.len) {
            return None;
        }
        let expected = self.segments.front()?.sent_at + self.rtt.srtt();
        if expected > now + SOON.min(self.rtt.srtt() / 2) {
            return None;
        }
        let limit = if room < burst.window && room <= burst.len {
            Limit::CongestionWindow
        } else if room >= burst.window && burst.window <= burst.len {
            Limit::PeerWindow
        } else {
            Limit::Application
        };
        (burst.grows || limit != Limit::Application).then_some(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mptcp::config::CongestionKind;
    use crate::tcp::congestion::Congestion;
    use crate::wire::seq::Seq;

    const MSS: u32 = 1_000;

    /// `sent` segments in flight of a window of ten, the last of them sent at 100 ms, after a round trip of 20 ms was
    /// measured.
    fn sender(sent: u64) -> Sender {
        let mut tx = Sender::new(
            Seq(0),
            Congestion::new(CongestionKind::Reno, 10),
            SimDuration::from_millis(200),
        );
        tx.rtt.sample(SimTime(50_000_000), SimDuration::from_millis(20));
        for number in 0..sent {
            tx.send_new(SimTime(80_500_000), number * 1_000, MSS, false);
        }
        tx.last_sent_at = SimTime(100_000_000);
        tx.window_edge = tx.una + 1_000_000;
        tx
    }

    #[test]
    fn waits_for_room_for_a_burst_while_an_acknowledgement_is_near() {
        let burst = Burst { len: 50_000, grows: true, segments: 4, window: 1_000_000 };
        let now = SimTime(100_200_000);
        let full = sender(9);
        assert_eq!(full.congestion.window().cwnd, 10);
        let waits_for = full.should_defer(now, burst, MSS);
        assert_eq!(waits_for, Some(Limit::CongestionWindow), "room for one of four");
        let waits_for = full.should_defer(now, Burst { window: 900, ..burst }, MSS);
        assert_eq!(waits_for, Some(Limit::PeerWindow), "the peer's window is smaller");
        for (why, tx, now, burst) in [
            ("room for a third of the window", sender(6), now, Burst { segments: 9, ..burst }),
            ("room for the burst", sender(8), now, Burst { segments: 2, ..burst }),
            ("nothing was sent for longer than 1 ms", sender(9), SimTime(101_100_000), burst),
            (
                "all that the buffer has",
                sender(8),
                now,
                Burst { len: 2_000, grows: false, ..burst },
            ),
            ("nothing is in flight", sender(0), now, Burst { segments: 20, ..burst }),
        ] {
            assert_eq!(tx.should_defer(now, burst, MSS), None, "{why}");
        }
        let mut late = sender(9);
        late.segments.iter_mut().for_each(|s| s.sent_at = SimTime(95_000_000));
        assert_eq!(late.should_defer(now, burst, MSS), None, "the acknowledgement is 15 ms away");
    }
}
