//! Dialogues: what is sent, what is acknowledged, what the sender makes of it.

use super::*;
use crate::mptcp::config::CongestionKind;
use proptest::prelude::*;

const MSS: u32 = 1000;

/// Ten segments sent at time zero.
fn ten_in_flight(sack: bool) -> Sender {
    let congestion = Congestion::new(CongestionKind::Reno, 10);
    let mut tx = Sender::new(Seq(7), congestion, SimDuration::from_millis(200));
    (tx.sack, tx.mss) = (sack, MSS);
    for i in 0..10 {
        tx.send_new(SimTime::ZERO, i * 1000, MSS, false);
    }
    tx
}

fn ack(tx: &mut Sender, ms: u64, upto: u64, sacks: &[(u64, u64)], echoed_ms: Option<u64>) -> Acked {
    let duplicate = upto == tx.una;
    let ack = Ack { ack: upto, sacks, echo_rtt: None, echoed_ms, duplicate };
    tx.on_ack(SimTime(ms * 1_000_000), &ack, &[], 0)
}

/// The retransmission timeout, one second after the start, and the first segment again.
fn time_out(tx: &mut Sender) {
    let now = SimTime(1_000_000_000);
    assert_eq!(tx.on_timer(now, &[], 0), Some(TimerKind::Retransmission));
    let first = tx.next_lost().expect("all is lost");
    tx.retransmit(now, first);
    assert_eq!(tx.congestion.window().cwnd, 1);
}

#[test]
fn an_answer_to_what_was_sent_before_the_timeout_undoes_it() {
    let mut tx = ten_in_flight(true);
    time_out(&mut tx);
    let acked = ack(&mut tx, 1001, 1001, &[], Some(0));
    assert_eq!(acked.undone, Some(Undone::Loss));
    assert!(tx.congestion.window().cwnd >= 10 && tx.is_open() && tx.next_lost().is_none());
    assert_eq!(tx.in_flight(), 9);
}

#[test]
fn an_answer_to_the_retransmission_undoes_nothing() {
    let mut tx = ten_in_flight(true);
    time_out(&mut tx);
    assert_eq!(ack(&mut tx, 1050, 1001, &[], Some(1000)).undone, None);
    assert!(tx.in_loss());
}

#[test]
fn new_data_tells_a_spurious_timeout_without_timestamps() {
    let mut tx = ten_in_flight(true);
    time_out(&mut tx);
    assert_eq!(ack(&mut tx, 1001, 1001, &[], None).undone, None);
    assert_eq!(tx.next_lost(), None, "new data goes first");
    tx.send_new(SimTime(1_001_000_000), 10_000, MSS, false);
    assert!(!tx.give_up_waiting() && tx.next_lost().is_none());
    let acked = ack(&mut tx, 1002, 2001, &[], None);
    assert_eq!(acked.undone, Some(Undone::Timeout));
    assert!(tx.congestion.window().cwnd >= 10 && tx.is_open());
}

#[test]
fn new_data_that_arrives_first_proves_the_loss() {
    let mut tx = ten_in_flight(true);
    time_out(&mut tx);
    ack(&mut tx, 1050, 1001, &[], None);
    tx.send_new(SimTime(1_050_000_000), 10_000, MSS, false);
    let acked = ack(&mut tx, 1100, 1001, &[(10_001, 11_001)], None);
    assert_eq!(acked.undone, None);
    assert_eq!(tx.next_lost(), Some(0));
}

#[test]
fn without_new_data_recovery_goes_on() {
    let mut tx = ten_in_flight(true);
    time_out(&mut tx);
    ack(&mut tx, 1050, 1001, &[], None);
    assert!(tx.give_up_waiting() && !tx.give_up_waiting());
    assert_eq!(tx.next_lost(), Some(0));
}

#[test]
fn an_acknowledgement_of_all_after_the_head_says_nothing_without_sack() {
    let mut tx = ten_in_flight(false);
    time_out(&mut tx);
    assert_eq!(ack(&mut tx, 1050, 10_001, &[], None).undone, None);
    assert!(tx.congestion.window().cwnd < 10);
}

#[test]
fn a_recovery_whose_retransmissions_were_duplicates_is_undone() {
    for (duplicate, expect) in [(Some((1, 1001)), Some(Undone::Recovery)), (None, None)] {
        let mut tx = ten_in_flight(true);
        for end in [3001, 4001, 5001] {
            ack(&mut tx, 20, 1, &[(1001, end)], None);
        }
        assert_eq!(tx.next_lost(), Some(0));
        tx.retransmit(SimTime(20_000_000), 0);
        assert!(!tx.is_open());
        let blocks: Vec<_> = duplicate.into_iter().collect();
        assert_eq!(ack(&mut tx, 60, 10_001, &blocks, None).undone, expect);
        // The window from before comes back, not the threshold, which nothing had set.
        let cwnd = tx.congestion.window().cwnd;
        assert!(if expect.is_some() { cwnd == 10 } else { cwnd < 10 }, "{cwnd}");
    }
}

#[test]
fn without_sack_a_partial_acknowledgement_sends_the_next_hole() {
    let mut tx = ten_in_flight(false);
    // The first and the fifth are lost: eight duplicates.
    (0..8).for_each(|i| assert!(!ack(&mut tx, 20 + i, 1, &[], None).advanced));
    assert_eq!(tx.next_lost(), Some(0));
    tx.retransmit(SimTime(30_000_000), 0);
    ack(&mut tx, 50, 4001, &[], None);
    assert_eq!(tx.next_lost(), Some(0));
    assert_eq!(tx.segment(0).start, 4001);
    assert_eq!(tx.in_flight(), 0, "five have arrived, one is lost");
    assert!(tx.has_room(SimTime(50_000_000)), "the window lets it go");
    tx.retransmit(SimTime(50_000_000), 0);
    ack(&mut tx, 80, 10_001, &[], None);
    assert!(tx.is_open() && tx.is_idle());
    assert_eq!((tx.sacked, tx.delivered), (0, 10), "each is delivered once");
}

/// Two subflows that share a connection: what coupled algorithms look at.
fn two_siblings(tx: &Sender) -> [Sibling; 2] {
    [
        tx.congestion.snapshot(tx.rtt.srtt(), true),
        tx.congestion.snapshot(SimDuration(9_000_000), true),
    ]
}

proptest! {
    /// Whatever was lost or sent again before: where an acknowledgement may take the short way, the long
    /// one leads to the same state.
    #[test]
    fn the_short_way_of_an_acknowledgement_leads_where_the_long_one_does(
        kind in prop::sample::select(vec![
            CongestionKind::Reno, CongestionKind::Cubic, CongestionKind::Lia, CongestionKind::Olia,
            CongestionKind::Balia, CongestionKind::WVegas, CongestionKind::Bbr,
        ]),
        steps in prop::collection::vec((0u8..8, 0u64..40, 1u64..4), 1..120),
    ) {
        let mut tx = Sender::new(Seq(7), Congestion::new(kind, 4), SimDuration::from_millis(200));
        (tx.sack, tx.mss) = (true, MSS);
        let mut now = SimTime(1);
        for (step, ms, count) in steps {
            now += SimDuration::from_millis(ms);
            if tx.deadline() <= now {
                let siblings = two_siblings(&tx);
                tx.on_timer(now, &siblings, 0);
                if let Some(lost) = tx.next_lost() {
                    tx.retransmit(now, lost);
                }
            }
            let siblings = two_siblings(&tx);
            let end = |count: u64| tx.outstanding().get(count as usize - 1).map(Segment::end);
            let (ack, hole) = match step {
                0..3 => {
                    tx.send_new(now, tx.next - 1, MSS, false);
                    tx.note_usage(ms % 2 == 0);
                    continue;
                }
                // The next one, several, or none of them but one behind.
                3..6 => (end(1), None),
                6 => (end(count), None),
                _ => (Some(tx.una), end(count).zip(end(count + 1))),
            };
            let Some(ack) = ack else { continue };
            let sacks: Vec<_> = hole.into_iter().collect();
            let ack = Ack { ack, sacks: &sacks, echo_rtt: None, echoed_ms: None, duplicate: false };
            if hole.is_none() && tx.is_next_to_be_acked(ack.ack) {
                let mut by_short = tx.clone();
                let short = by_short.on_next_acked(now, &siblings, 0);
                by_short.arm_after_ack(now, by_short.next);
                prop_assert_eq!(short, tx.on_ack(now, &ack, &siblings, 0));
                prop_assert_eq!(format!("{by_short:?}"), format!("{tx:?}"));
            } else {
                tx.on_ack(now, &ack, &siblings, 0);
            }
        }
    }
}
