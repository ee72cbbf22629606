//! Queues that drop before they are full: RED and CoDel.
//!
//! Both decide when a packet is offered, for a link knows by then when the packet will leave: CoDel's
//! decision belongs to that moment, and none of the packets behind it enters into it.

use super::link::Discipline;
use crate::rng::{Probability, Stream};
use crate::time::{SimDuration, SimTime};

/// Weight of the newest queue length in RED's average: 2 to the minus this (RFC 2309's usual value).
const RED_WEIGHT_LOG: u32 = 9;

/// A packet that is offered to the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    /// When it came.
    pub(super) now: SimTime,
    /// When its transmission would begin, or begins.
    pub(super) leaves: SimTime,
    /// Bytes that wait in front of it; in a queue of its flow alone, behind it.
    pub(super) backlog: u64,
    /// Largest packet of the link, in bytes.
    pub(super) mtu: u64,
}

/// What a discipline remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct ActiveQueue {
    // RED
    average: f64,
    idle_since: SimTime,
    since_drop: u32,
    // CoDel
    above_since: Option<SimTime>,
    dropping: bool,
    drop_next: SimTime,
    count: u32,
    last_count: u32,
}

impl ActiveQueue {
    /// Is the packet dropped?
    pub(super) fn drops(&mut self, discipline: Discipline, offer: Offer, rng: &mut Stream) -> bool {
        match discipline {
            // A queue that sorts flows decides for each of them ([`super::fair_queue`]).
            Discipline::DropTail | Discipline::FqCoDel { .. } => false,
            Discipline::Red { min, max, probability } => {
                self.red((min.0 as f64, max.0 as f64), probability, offer, rng)
            }
            Discipline::CoDel { target, interval } => self.codel(target, interval, offer),
        }
    }

    /// Random early detection (Floyd and Jacobson, 1993): the average length decides, and drops come at
    /// even distances.
    fn red(
        &mut self,
        (min, max): (f64, f64),
        most: Probability,
        offer: Offer,
        rng: &mut Stream,
    ) -> bool {
        if offer.backlog == 0 {
            // An idle queue: as if an empty one had been seen for each packet that could have left.
            let idle_ms = offer.now.since(self.idle_since).as_nanos() / 1_000_000;
            for _ in 0..idle_ms.min(4_096) {
                self.average -= self.average / f64::from(1 << RED_WEIGHT_LOG);
            }
        }
        self.idle_since = offer.leaves;
        let backlog = offer.backlog as f64;
        self.average += (backlog - self.average) / f64::from(1 << RED_WEIGHT_LOG);
        if self.average < min {
            self.since_drop = 0;
            return false;
        }
        self.since_drop += 1;
        let drop = self.average >= max || {
            let p = most.as_f64() * (self.average - min) / (max - min);
            let left = 1.0 - f64::from(self.since_drop) * p;
            let spread = if left <= p { 1.0 } else { p / left };
            Probability::new(spread).is_some_and(|p| rng.chance(p))
        };
        if drop {
            self.since_drop = 0;
        }
        drop
    }

    /// Controlled delay (RFC 8289 §5).
    fn codel(&mut self, target: SimDuration, interval: SimDuration, offer: Offer) -> bool {
        let waits = offer.leaves.since(offer.now);
        let may_drop = if waits < target || offer.backlog <= offer.mtu {
            self.above_since = None;
            false
        } else {
            let since = *self.above_since.get_or_insert(offer.leaves);
            offer.leaves.since(since) >= interval
        };
        if self.dropping {
            if !may_drop {
                self.dropping = false;
                return false;
            }
            if offer.leaves < self.drop_next {
                return false;
            }
            self.count += 1;
            self.drop_next += spaced(interval, self.count);
            return true;
        }
        if !may_drop {
            return false;
        }
        self.dropping = true;
        let delta = self.count - self.last_count;
        let recently = offer.leaves.since(self.drop_next) < interval * 16;
        self.count = if delta > 1 && recently { delta } else { 1 };
        self.drop_next = offer.leaves + spaced(interval, self.count);
        self.last_count = self.count;
        true
    }
}

/// CoDel's control law: drops come closer by the square root of their number.
fn spaced(interval: SimDuration, count: u32) -> SimDuration {
    SimDuration((interval.0 as f64 / f64::from(count).sqrt()) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::ByteSize;

    fn offer(now_ms: u64, waits_ms: u64) -> Offer {
        let now = SimTime(now_ms * 1_000_000);
        let leaves = now + SimDuration::from_millis(waits_ms);
        Offer { now, leaves, backlog: waits_ms * 1_250, mtu: 1_500 }
    }

    fn dropped(discipline: Discipline, waits_ms: impl Fn(u64) -> u64) -> Vec<u64> {
        let mut queue = ActiveQueue::default();
        let mut rng = Stream::new(1, "queue");
        let offered = 0..3_000;
        offered.filter(|&ms| queue.drops(discipline, offer(ms, waits_ms(ms)), &mut rng)).collect()
    }

    #[test]
    fn codel_waits_an_interval_then_drops_ever_faster() {
        let codel = Discipline::CoDel {
            target: SimDuration::from_millis(5),
            interval: SimDuration::from_millis(100),
        };
        assert_eq!(dropped(codel, |_| 4), [], "below the target");
        assert_eq!(dropped(codel, |ms| if ms % 90 == 0 { 0 } else { 50 }), [], "bursts");
        let at = dropped(codel, |_| 50);
        assert_eq!(at[..4], [100, 200, 271, 329], "100 ms, then by 1/√n");
    }

    #[test]
    fn red_drops_by_its_average_length() {
        let (min, max) = (ByteSize(10_000), ByteSize(30_000));
        let red = Discipline::Red { min, max, probability: Probability::new(0.1).unwrap() };
        assert_eq!(dropped(red, |_| 7), [], "8750 bytes");
        let some = dropped(red, |_| 16).len();
        // Even distances: one drop in any 20 packets, at any of them.
        assert!((150..300).contains(&some), "20 kB: 5 %: {some}");
        let most = dropped(red, |_| 40);
        assert!(most.len() > 2_000 && most[0] > 100, "the average follows slowly: {}", most[0]);
    }
}
