//! The bound: what a workload's packet-hops cost with no TCP, no packets and no record. Each flow keeps a
//! fixed window in flight over the four link directions of its path; a link is a FIFO whose departures are
//! known when packets arrive, so that a hop is one event.
//!
//! `cargo bench -p bench --bench bare -- w1 w4-1000@2` prints for each the fastest of its event queues,
//! as `workloads` does: `bench/ratio.sh` divides one by the other.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hint::black_box;
use std::time::Instant;

/// Flows with a path of their own, as a workload has them.
struct Plan {
    name: &'static str,
    seconds: f64,
    flows: usize,
    /// Rate in bit/s and round trip in ms; flows take them in turn.
    paths: &'static [(u64, u64)],
}

/// Those with links that no other flow uses: there the least is known that they need. W2 is held against
/// W1's.
const PLANS: [Plan; 7] = [
    Plan { name: "w1", seconds: 60.0, flows: 1, paths: &[(100_000_000, 20)] },
    Plan {
        name: "w3-sep",
        seconds: 10.0,
        flows: 200,
        paths: &[(50_000_000, 10), (50_000_000, 40)],
    },
    Plan { name: "w4-1", seconds: 10.0, flows: 1, paths: &[(10_000_000, 20)] },
    Plan { name: "w4-10", seconds: 10.0, flows: 10, paths: &[(10_000_000, 20)] },
    Plan { name: "w4-100", seconds: 10.0, flows: 100, paths: &[(10_000_000, 20)] },
    Plan { name: "w4-1000", seconds: 10.0, flows: 1000, paths: &[(10_000_000, 20)] },
    Plan { name: "w4-10000", seconds: 2.0, flows: 10_000, paths: &[(10_000_000, 20)] },
];

/// An event: when, and at which direction of a link a packet arrives.
type Event = (u64, u32);

/// What holds the pending events.
trait Pending: Default {
    const NAME: &'static str;
    fn put(&mut self, event: Event);
    fn next(&mut self) -> Event;
}

/// The latest first: the next event is the last.
#[derive(Default)]
struct SortedList(Vec<Event>);

impl Pending for SortedList {
    const NAME: &'static str = "sorted list";

    #[inline]
    fn put(&mut self, event: Event) {
        let list = &mut self.0;
        let mut at = list.len();
        list.push(event);
        while at > 0 && list[at - 1] < event {
            list[at] = list[at - 1];
            at -= 1;
        }
        list[at] = event;
    }

    #[inline]
    fn next(&mut self) -> Event {
        self.0.pop().expect("flows never end")
    }
}

#[derive(Default)]
struct Heap(BinaryHeap<Reverse<u128>>);

impl Pending for Heap {
    const NAME: &'static str = "heap";

    #[inline]
    fn put(&mut self, (at, link): Event) {
        self.0.push(Reverse(u128::from(at) << 32 | u128::from(link)));
    }

    #[inline]
    fn next(&mut self) -> Event {
        let Reverse(event) = self.0.pop().expect("flows never end");
        ((event >> 32) as u64, event as u32)
    }
}

/// A hierarchical timing wheel: 11 levels of 64 slots.
struct Wheel {
    slots: Vec<Vec<Event>>,
    occupied: [u64; 11],
    levels: u32,
    base: u64,
    /// Events of the first finest slot that have been taken.
    taken: usize,
}

impl Default for Wheel {
    fn default() -> Self {
        Self { slots: vec![Vec::new(); 11 * 64], occupied: [0; 11], levels: 0, base: 0, taken: 0 }
    }
}

impl Pending for Wheel {
    const NAME: &'static str = "wheel";

    #[inline]
    fn put(&mut self, event: Event) {
        let level = ((event.0 ^ self.base) | 1).ilog2() / 6;
        let slot = (event.0 >> (6 * level)) as usize % 64;
        self.slots[level as usize * 64 + slot].push(event);
        self.occupied[level as usize] |= 1 << slot;
        self.levels |= 1 << level;
    }

    #[inline]
    fn next(&mut self) -> Event {
        loop {
            let level = self.levels.trailing_zeros() as usize;
            let slot = self.occupied[level].trailing_zeros() as usize;
            let events = &mut self.slots[level * 64 + slot];
            if level == 0 {
                let event = events[self.taken];
                self.taken += 1;
                self.base = event.0;
                if self.taken == events.len() {
                    events.clear();
                    self.taken = 0;
                    self.empty(level, slot);
                }
                return event;
            }
            if let [event] = events[..] {
                events.clear();
                self.base = event.0;
                self.empty(level, slot);
                return event;
            }
            let mut events = std::mem::take(events);
            self.empty(level, slot);
            self.base = events.iter().map(|e| e.0).min().unwrap_or(self.base);
            for event in events.drain(..) {
                self.put(event);
            }
            self.slots[level * 64 + slot] = events;
        }
    }
}

impl Wheel {
    #[inline]
    fn empty(&mut self, level: usize, slot: usize) {
        self.occupied[level] &= !(1 << slot);
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
    }
}

/// One direction of a link.
struct Direction {
    busy_until: u64,
    /// How long one packet takes to be sent; all of a direction are of one length.
    lasts: u64,
    delay: u64,
    /// When packets arrive at the other end, and which they are.
    flight: VecDeque<(u64, u32)>,
}

struct Bare<Q> {
    links: Vec<Direction>,
    pending: Q,
    hops: u64,
}

impl<Q: Pending> Bare<Q> {
    #[inline(always)]
    fn send(&mut self, link: u32, now: u64, packet: u32) {
        self.hops += 1;
        let direction = &mut self.links[link as usize];
        direction.busy_until = direction.busy_until.max(now) + direction.lasts;
        let arrives = direction.busy_until + direction.delay;
        direction.flight.push_back((arrives, packet));
        if direction.flight.len() == 1 {
            self.pending.put((arrives, link));
        }
    }
}

/// Runs the plan; wall seconds and hops.
#[allow(clippy::disallowed_methods)] // a bench measures wall time
fn run<Q: Pending>(plan: &Plan, seconds: f64) -> (f64, u64) {
    let end = (seconds * 1e9) as u64;
    let mut bare = Bare { links: Vec::new(), pending: Q::default(), hops: 0 };
    let mut next_packet = vec![0u32; plan.flows];
    for flow in 0..plan.flows {
        let (rate, rtt_ms) = plan.paths[flow % plan.paths.len()];
        // To the router, to the server, back to the router, back to the client.
        for (rate, delay, bytes) in [
            (1_000_000_000, 1000, 1500),
            (rate, rtt_ms * 500_000, 1500),
            (rate, rtt_ms * 500_000, 52),
            (1_000_000_000, 1000, 52),
        ] {
            let lasts = bytes * 8_000_000_000u64 / rate;
            let flight = VecDeque::new();
            bare.links.push(Direction { busy_until: 0, lasts, delay, flight });
        }
    }
    for (flow, next) in next_packet.iter_mut().enumerate() {
        let (rate, rtt_ms) = plan.paths[flow % plan.paths.len()];
        let window = (rate * rtt_ms / 1000 / 12_000).max(10) * 3 / 2;
        let start = flow as u64 * 10_000_000 / plan.flows as u64;
        for packet in 0..window as u32 {
            bare.send(4 * flow as u32, start, packet);
        }
        *next = window as u32;
    }
    let mut acknowledged = 0u64;
    let started = Instant::now();
    loop {
        let (now, link) = bare.pending.next();
        if now >= end {
            break;
        }
        let flight = &mut bare.links[link as usize].flight;
        let (_, packet) = flight.pop_front().expect("it is due");
        if let Some(&(at, _)) = flight.front() {
            bare.pending.put((at, link));
        }
        if link % 4 == 3 {
            let next = &mut next_packet[link as usize / 4];
            acknowledged += 1;
            let packet = *next;
            *next = next.wrapping_add(1);
            bare.send(link - 3, now, packet);
        } else {
            bare.send(link + 1, now, packet);
        }
    }
    black_box(acknowledged);
    (started.elapsed().as_secs_f64(), bare.hops)
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = if wanted.is_empty() {
        PLANS.iter().filter(|p| p.flows < 10_000).map(|p| p.name.to_owned()).collect()
    } else {
        wanted
    };
    for word in wanted {
        let (name, seconds) = word.split_once('@').unwrap_or((&word, ""));
        let Some(plan) = PLANS.iter().find(|p| p.name == name) else {
            let names: Vec<_> = PLANS.iter().map(|p| p.name).collect();
            eprintln!("there is no bare loop for {name}; there are {}", names.join(", "));
            std::process::exit(2);
        };
        let seconds = seconds.parse().unwrap_or(plan.seconds);
        let mut all = vec![
            (run::<Heap>(plan, seconds), Heap::NAME),
            (run::<Wheel>(plan, seconds), Wheel::NAME),
        ];
        if plan.flows <= 10 {
            all.push((run::<SortedList>(plan, seconds), SortedList::NAME)); // hopeless with more
        }
        let best = all
            .iter()
            .map(|&((wall, hops), queue)| (wall * 1e9 / hops as f64, wall, hops, queue))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((per_hop, wall, hops, queue)) = best {
            println!("{name:15} {wall:8.3} s  {hops:>10} hops  {per_hop:>7.1} ns/hop  {queue}");
        }
    }
}
