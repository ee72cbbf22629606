//! FQ-CoDel (RFC 8290): a queue for each flow, served in turn by deficit round robin, new flows first,
//! each with CoDel.
//!
//! Unlike the other queues this one cannot tell on arrival when a packet will leave, so a link that has
//! it takes one event for each packet that is sent and one for each that arrives.

use std::collections::VecDeque;

use super::active_queue::{ActiveQueue, Offer};
use super::link::{Discipline, LinkConfig, QueueLimit};
use crate::rng::{Stream, fnv1a};
use crate::time::SimTime;
use crate::wire::packet::Packet;

/// Packets dropped at once when the queue is full (Linux's `drop_batch_size`).
const DROP_BATCH: usize = 64;

/// A packet that waits.
#[derive(Debug)]
struct Waiting {
    since: SimTime,
    packet: Box<Packet>,
}

/// One flow, or several whose hashes are alike.
#[derive(Debug, Default)]
struct FlowQueue {
    packets: VecDeque<Waiting>,
    bytes: u64,
    /// Bytes that it may still send in this turn.
    deficit: i64,
    /// It stands in the list of new or of old flows.
    listed: bool,
    codel: ActiveQueue,
}

/// The queue of one direction of a link.
#[derive(Debug)]
pub(super) struct FairQueue {
    flows: Vec<FlowQueue>,
    new: VecDeque<u16>,
    old: VecDeque<u16>,
    /// Makes the hash another on every link.
    salt: u64,
    packets: usize,
    bytes: u64,
}

impl FairQueue {
    /// An empty queue of so many flows.
    pub(super) fn new(flows: u16, salt: u64) -> Self {
        let mut all = Vec::new();
        all.resize_with(usize::from(flows.max(1)), FlowQueue::default);
        Self { flows: all, new: VecDeque::new(), old: VecDeque::new(), salt, packets: 0, bytes: 0 }
    }

    /// Packets that wait.
    pub(super) const fn len(&self) -> usize {
        self.packets
    }

    /// Bytes that wait, without framing.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes a packet in that finds the link `idle` or not; says how many were dropped for want of room,
    /// of the flow that has most. What an idle link sends at once needs no room.
    pub(super) fn enqueue(
        &mut self,
        now: SimTime,
        packet: Box<Packet>,
        idle: bool,
        config: &LinkConfig,
        quantum: u32,
    ) -> u64 {
        let index = self.index_of(&packet);
        let bytes = u64::from(packet.wire_len());
        let flow = &mut self.flows[usize::from(index)];
        flow.packets.push_back(Waiting { since: now, packet });
        flow.bytes += bytes;
        self.packets += 1;
        self.bytes += bytes;
        if !flow.listed {
            flow.listed = true;
            flow.deficit = i64::from(quantum);
            self.new.push_back(index);
        }
        let at_once = idle && self.packets == 1;
        if !at_once && self.is_over(config, bytes) { self.drop_fattest() } else { 0 }
    }

    fn index_of(&self, packet: &Packet) -> u16 {
        let mut bytes = [0; 36];
        for (end, part) in [(packet.src, packet.src_port), (packet.dst, packet.dst_port)]
            .into_iter()
            .zip(bytes.chunks_mut(18))
        {
            match end.0 {
                std::net::IpAddr::V4(address) => part[..4].copy_from_slice(&address.octets()),
                std::net::IpAddr::V6(address) => part[..16].copy_from_slice(&address.octets()),
            }
            part[16..].copy_from_slice(&end.1.to_be_bytes());
        }
        let hash = fnv1a(&bytes) ^ self.salt;
        // The high bits of a product depend on all of the hash.
        let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        (mixed as usize % self.flows.len()) as u16
    }

    /// Does more wait than there is room for, now that a packet of `newest` bytes has come?
    fn is_over(&self, config: &LinkConfig, newest: u64) -> bool {
        match config.queue {
            QueueLimit::Unlimited => false,
            QueueLimit::Packets(most) => self.packets > most as usize,
            QueueLimit::Bytes(most) => self.bytes > most.0,
            QueueLimit::Time(most) => {
                let rate = config.rate.map_or(u64::MAX, |rate| rate.0);
                // A packet waits for those before it, not for itself, as in a queue that does not sort.
                let before = u128::from(self.bytes - newest);
                before * 8_000_000_000 > u128::from(most.0) * u128::from(rate)
            }
        }
    }

    /// RFC 8290 §4.1: from the head of the flow with most bytes, up to half of them.
    fn drop_fattest(&mut self) -> u64 {
        let fattest = self.flows.iter_mut().max_by_key(|flow| flow.bytes);
        let Some(flow) = fattest else { return 0 };
        let threshold = flow.bytes / 2;
        let mut dropped = 0;
        while dropped < DROP_BATCH && flow.bytes > threshold {
            let Some(waiting) = flow.packets.pop_front() else { break };
            let bytes = u64::from(waiting.packet.wire_len());
            flow.bytes -= bytes;
            self.bytes -= bytes;
            dropped += 1;
        }
        self.packets -= dropped;
        dropped as u64
    }

    /// The packet whose turn it is at `now`, and how many CoDel dropped before it.
    pub(super) fn dequeue(
        &mut self,
        now: SimTime,
        config: &LinkConfig,
        quantum: u32,
        rng: &mut Stream,
    ) -> (Option<Box<Packet>>, u64) {
        let mut dropped = 0;
        loop {
            let from_new = !self.new.is_empty();
            let list = if from_new { &mut self.new } else { &mut self.old };
            let Some(&index) = list.front() else { return (None, dropped) };
            let flow = &mut self.flows[usize::from(index)];
            if flow.deficit <= 0 {
                flow.deficit += i64::from(quantum);
                list.pop_front();
                self.old.push_back(index);
                continue;
            }
            let Some(waiting) = flow.packets.pop_front() else {
                list.pop_front();
                // A flow that was new has its turn among the old ones once, so that it cannot stay new.
                if from_new && !self.old.is_empty() {
                    self.old.push_back(index);
                } else {
                    flow.listed = false;
                }
                continue;
            };
            let bytes = u64::from(waiting.packet.wire_len());
            flow.bytes -= bytes;
            self.bytes -= bytes;
            self.packets -= 1;
            let offer = Offer {
                now: waiting.since,
                leaves: now,
                backlog: flow.bytes,
                mtu: u64::from(config.mtu),
            };
            if flow.codel.drops(codel_of(config.discipline), offer, rng) {
                dropped += 1;
                continue;
            }
            flow.deficit -= bytes as i64;
            return (Some(waiting.packet), dropped);
        }
    }

    /// Everything that waits is gone; says how many packets.
    pub(super) fn clear(&mut self) -> u64 {
        let gone = self.packets as u64;
        for flow in &mut self.flows {
            flow.packets.clear();
            (flow.bytes, flow.listed) = (0, false);
        }
        self.new.clear();
        self.old.clear();
        (self.packets, self.bytes) = (0, 0);
        gone
    }
}

/// What drops packets within a flow.
const fn codel_of(discipline: Discipline) -> Discipline {
    match discipline {
        Discipline::FqCoDel { target, interval, .. } => Discipline::CoDel { target, interval },
        // The settings changed while packets waited: they go without.
        _ => Discipline::DropTail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::transmission::Transmission;
    use crate::time::SimDuration;
    use crate::units::{BitRate, ByteSize};
    use crate::wire::payload::{Payload, StreamId};

    const MS: u64 = 1_000_000;

    fn config(queue: QueueLimit) -> LinkConfig {
        LinkConfig {
            // A packet of 1250 bytes takes 1 ms.
            rate: Some(BitRate(10_000_000)),
            delay: SimDuration::from_millis(20),
            queue,
            discipline: Discipline::FqCoDel {
                target: SimDuration::from_millis(5),
                interval: SimDuration::from_millis(100),
                flows: 1024,
                quantum: 1514,
            },
            ..LinkConfig::default()
        }
    }

    fn packet(port: u16, number: u64) -> Box<Packet> {
        let (src, dst) = (([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], 80).into());
        let mut packet = Packet::new(src, dst);
        packet.payload = Payload::described(StreamId(0), number, 1_210);
        Box::new(packet)
    }

    /// Offers packets of (millisecond, port) and runs to the end: when each arrived, in order.
    fn run(link: &mut Transmission, offered: &[(u64, u16)]) -> Vec<(u64, u16, u64)> {
        let mut events = std::collections::BTreeSet::new();
        let mut arrived = Vec::new();
        let mut offered = offered.iter().enumerate().peekable();
        loop {
            let offer = offered.peek().map_or(SimTime::NEVER, |(_, (ms, _))| SimTime(ms * MS));
            let event = events.first().copied().unwrap_or(SimTime::NEVER);
            if offer.min(event) == SimTime::NEVER {
                return arrived;
            }
            if offer < event {
                let (number, (_, port)) = offered.next().unwrap();
                let fate = link.send(offer, packet(*port, number as u64));
                let crate::engine::transmission::Fate::Sent { head } = fate else { continue };
                events.extend(head);
            } else {
                events.pop_first();
                let (packet, next) = link.arrive(event);
                events.extend(next);
                arrived.extend(packet.map(|p| (event.0 / MS, p.src_port, p.payload.offset)));
            }
        }
    }

    #[test]
    fn a_thin_flow_does_not_wait_behind_a_fat_one() {
        let mut link = Transmission::new(config(QueueLimit::Packets(1000)), Stream::new(1, "x"));
        let mut offered: Vec<(u64, u16)> = vec![(0, 1); 60];
        offered.extend([(5, 2), (15, 2)]);
        let arrived = run(&mut link, &offered);
        assert_eq!(arrived.len(), 62, "nothing is dropped before the interval is over");
        let of = |port| arrived.iter().filter(move |a| a.1 == port);
        let thin: Vec<u64> = of(2).map(|a| a.0).collect();
        assert!(thin[0] <= 28 && thin[1] <= 38, "sent at 5 and 15 ms, 20 ms on the way: {thin:?}");
        assert!(of(1).map(|a| a.2).is_sorted(), "a flow keeps its order");
        assert_eq!(arrived.last().map(|a| a.0), Some(82), "62 ms at the rate of the link");
    }

    #[test]
    fn flows_share_a_link_by_bytes_and_standing_queues_are_dropped() {
        let mut link = Transmission::new(config(QueueLimit::Packets(1000)), Stream::new(1, "x"));
        // One flow offers three times the other, both together twice what the link carries.
        let offered: Vec<(u64, u16)> =
            (0..1000).flat_map(|ms| [(ms, if ms % 2 == 0 { 2 } else { 1 }), (ms, 1)]).collect();
        let arrived = run(&mut link, &offered);
        let by_900 = |port| arrived.iter().filter(|a| a.1 == port && a.0 < 900).count();
        let (fat, thin) = (by_900(1), by_900(2));
        assert!(fat.abs_diff(thin) < 60, "equal shares: {fat}, {thin}");
        // CoDel drops ever faster: some hundreds in two seconds would be a full queue's.
        assert!((50..300).contains(&link.counters().queue_drops), "{:?}", link.counters());
        let accounted = arrived.len() as u64 + link.counters().queue_drops;
        assert_eq!(accounted, 2000, "each packet arrives or is counted");
    }

    #[test]
    fn a_packet_larger_than_the_queue_passes_an_idle_link() {
        let small = [
            QueueLimit::Time(SimDuration::from_micros(500)),
            QueueLimit::Bytes(ByteSize(600)),
            QueueLimit::Packets(0),
        ];
        for limit in small {
            let mut link = Transmission::new(config(limit), Stream::new(1, "x"));
            let arrived = run(&mut link, &[(0, 1), (10, 1), (20, 1)]);
            assert_eq!(arrived.len(), 3, "{limit:?}: {:?}", link.counters());
        }
    }

    #[test]
    fn a_full_queue_drops_from_the_flow_that_has_most() {
        let mut link = Transmission::new(config(QueueLimit::Packets(10)), Stream::new(1, "x"));
        let mut offered: Vec<(u64, u16)> = vec![(0, 1); 11];
        offered.push((0, 2));
        let arrived = run(&mut link, &offered);
        assert!(arrived.iter().any(|a| a.1 == 2), "the thin flow's packet stays");
        assert_eq!(link.counters().queue_drops, 5, "half of the fat flow's");
        let bytes = QueueLimit::Bytes(ByteSize(2_500));
        let mut link = Transmission::new(config(bytes), Stream::new(1, "x"));
        assert!(run(&mut link, &[(0, 1); 12]).len() < 6, "a limit in bytes");
    }

    #[test]
    fn a_change_of_the_queue_and_a_cut_lose_count_of_nothing() {
        let mut link = Transmission::new(config(QueueLimit::Packets(1000)), Stream::new(1, "x"));
        for number in 0..10 {
            link.send(SimTime::ZERO, packet(1, number));
        }
        link.set_config(LinkConfig {
            discipline: Discipline::DropTail,
            ..config(QueueLimit::Unlimited)
        });
        link.send(SimTime(MS), packet(1, 10));
        // The event that the engine holds is the end of the first transmission.
        let (mut at, mut arrived) = (SimTime(MS), Vec::new());
        for _ in 0..20 {
            let (packet, next) = link.arrive(at);
            arrived.extend(packet.map(|p| (at.0 / MS, p.payload.offset)));
            let Some(next) = next else { break };
            at = next;
        }
        assert_eq!(arrived, (0..11).map(|n| (21 + n, n)).collect::<Vec<_>>());
        let mut link = Transmission::new(config(QueueLimit::Packets(1000)), Stream::new(1, "x"));
        for number in 0..10 {
            link.send(SimTime::ZERO, packet(1, number));
        }
        link.cut(SimTime(MS));
        assert_eq!(link.counters().down_drops, 10);
        assert_eq!(link.arrive(SimTime(MS)), (None, None));
    }
}
