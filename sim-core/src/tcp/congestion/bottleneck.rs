//! A bottleneck for tests: flows of full segments through shared drop-tail queues, with the sender's
//! part of the contract (loss detection, rate reduction, rate samples, pacing, timeouts).

use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::{AckSample, Congestion, Sibling};
use crate::mptcp::config::CongestionKind;
use crate::time::{SimDuration, SimTime};

const MSS: u32 = 1400;

/// A path: one queue and a fixed round trip.
pub(super) struct Path {
    /// Time that the link needs for one segment.
    pub(super) service: SimDuration,
    /// Round-trip time without the queue.
    pub(super) rtt: SimDuration,
    /// Segments that the queue holds.
    pub(super) buffer: u64,
    free_at: SimTime,
}

impl Path {
    pub(super) fn new(segments_per_s: u64, rtt_ms: u64, buffer: u64) -> Self {
        Self {
            service: SimDuration(1_000_000_000 / segments_per_s),
            rtt: SimDuration::from_millis(rtt_ms),
            buffer,
            free_at: SimTime::ZERO,
        }
    }

    /// When the ACK of a segment sent now comes back; `None` when the queue is full.
    fn carry(&mut self, now: SimTime) -> Option<SimTime> {
        let backlog = self.free_at.since(now);
        if backlog.0 / self.service.0 >= self.buffer {
            return None;
        }
        self.free_at = now.max(self.free_at) + self.service;
        Some(self.free_at + self.rtt)
    }
}

struct Segment {
    number: u64,
    sent: SimTime,
    /// The flow's state of delivery when it was sent.
    delivered: u64,
    delivered_at: SimTime,
    first_sent: SimTime,
}

/// One subflow.
pub(super) struct Flow {
    pub(super) congestion: Congestion,
    path: usize,
    connection: usize,
    next: u64,
    outstanding: VecDeque<Segment>,
    /// Recovery lasts until this number is acknowledged.
    recovery: Option<u64>,
    prr_delivered: u64,
    prr_out: u64,
    prr_flight: u64,
    in_loss: bool,
    pub(super) delivered: u64,
    delivered_at: SimTime,
    first_sent: SimTime,
    release_at: SimTime,
    release_is_scheduled: bool,
    srtt: SimDuration,
    timer: SimTime,
    /// Greatest and least window since the last look.
    pub(super) cwnd_range: (u32, u32),
    pub(super) losses: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Ack { flow: usize, number: u64 },
    Release { flow: usize },
    Timer { flow: usize },
}

pub(super) struct Bottleneck {
    now: SimTime,
    paths: Vec<Path>,
    pub(super) flows: Vec<Flow>,
    events: BinaryHeap<std::cmp::Reverse<(SimTime, u64, Event)>>,
    scheduled: u64,
}

impl Bottleneck {
    /// Connections, each with a subflow on each of its paths, that all begin at once.
    pub(super) fn new(paths: Vec<Path>, connections: &[(CongestionKind, &[usize])]) -> Self {
        let mut world = Self {
            now: SimTime::ZERO,
            paths,
            flows: Vec::new(),
            events: BinaryHeap::new(),
            scheduled: 0,
        };
        for (connection, (kind, over)) in connections.iter().enumerate() {
            for &path in *over {
                let flow = world.flows.len();
                world.flows.push(Flow {
                    congestion: Congestion::new(*kind, 10),
                    path,
                    connection,
                    next: 0,
                    outstanding: VecDeque::new(),
                    recovery: None,
                    prr_delivered: 0,
                    prr_out: 0,
                    prr_flight: 0,
                    in_loss: false,
                    delivered: 0,
                    delivered_at: SimTime::ZERO,
                    first_sent: SimTime::ZERO,
                    release_at: SimTime::ZERO,
                    release_is_scheduled: true,
                    srtt: SimDuration::ZERO,
                    timer: SimTime::NEVER,
                    cwnd_range: (0, u32::MAX),
                    losses: 0,
                });
                // Not all in the same nanosecond.
                world.schedule(SimTime(flow as u64 * 1_234_567), Event::Release { flow });
            }
        }
        world
    }

    /// Runs for a while; returns the segments per second that each flow delivered in it.
    pub(super) fn run(&mut self, seconds: u64) -> Vec<f64> {
        let until = self.now + SimDuration::from_secs(seconds);
        let before: Vec<u64> = self.flows.iter().map(|f| f.delivered).collect();
        for flow in &mut self.flows {
            flow.cwnd_range = (0, u32::MAX);
            flow.losses = 0;
        }
        while let Some(std::cmp::Reverse((at, _, event))) = self.events.peek().copied() {
            if at > until {
                break;
            }
            self.events.pop();
            self.now = at;
            match event {
                Event::Ack { flow, number } => self.on_ack(flow, number),
                Event::Release { flow } => {
                    self.flows[flow].release_is_scheduled = false;
                    self.send(flow);
                }
                Event::Timer { flow } => self.on_timer(flow),
            }
        }
        self.now = until;
        let delivered = self.flows.iter().map(|f| f.delivered);
        delivered.zip(before).map(|(now, before)| (now - before) as f64 / seconds as f64).collect()
    }

    /// Segments in the queue of a path.
    pub(super) fn backlog(&self, path: usize) -> u64 {
        let path = &self.paths[path];
        path.free_at.since(self.now).0 / path.service.0
    }

    fn schedule(&mut self, at: SimTime, event: Event) {
        self.scheduled += 1;
        self.events.push(std::cmp::Reverse((at, self.scheduled, event)));
    }

    fn siblings(&self, flow: usize) -> (Vec<Sibling>, usize) {
        let connection = self.flows[flow].connection;
        let group: Vec<usize> =
            (0..self.flows.len()).filter(|i| self.flows[*i].connection == connection).collect();
        let me = group.iter().position(|i| *i == flow).expect("a flow is in its own group");
        let snapshot = |i: &usize| self.flows[*i].congestion.snapshot(self.flows[*i].srtt, true);
        (group.iter().map(snapshot).collect(), me)
    }

    fn send(&mut self, index: usize) {
        loop {
            let now = self.now;
            let flow = &mut self.flows[index];
            if flow.outstanding.len() >= flow.congestion.window().cwnd as usize {
                return;
            }
            if flow.release_at > now {
                let at = flow.release_at;
                if !flow.release_is_scheduled {
                    flow.release_is_scheduled = true;
                    self.schedule(at, Event::Release { flow: index });
                }
                return;
            }
            if flow.outstanding.is_empty() {
                flow.first_sent = now;
                flow.delivered_at = now;
            }
            let number = flow.next;
            flow.next += 1;
            flow.prr_out += 1;
            flow.outstanding.push_back(Segment {
                number,
                sent: now,
                delivered: flow.delivered,
                delivered_at: flow.delivered_at,
                first_sent: flow.first_sent,
            });
            if let Some(rate) = flow.congestion.pacing_rate() {
                flow.release_at = now + SimDuration(u64::from(MSS) * 1_000_000_000 / rate.max(1));
            }
            let path = flow.path;
            let arm = flow.timer == SimTime::NEVER;
            if let Some(at) = self.paths[path].carry(now) {
                self.schedule(at, Event::Ack { flow: index, number });
            }
            if arm {
                self.arm(index);
            }
        }
    }

    /// Half a second after the last ACK, in which even a full queue drains.
    fn arm(&mut self, index: usize) {
        let at = self.now + SimDuration::from_millis(500);
        self.flows[index].timer = at;
        self.schedule(at, Event::Timer { flow: index });
    }

    fn on_timer(&mut self, index: usize) {
        if self.flows[index].timer != self.now {
            return;
        }
        let (siblings, me) = self.siblings(index);
        let flow = &mut self.flows[index];
        flow.losses += flow.outstanding.len() as u64;
        flow.outstanding.clear();
        flow.congestion.on_timeout(&siblings, me);
        flow.recovery = Some(flow.next);
        flow.in_loss = true;
        flow.release_at = self.now;
        self.arm(index);
        self.send(index);
    }

    fn on_ack(&mut self, index: usize, number: u64) {
        let now = self.now;
        let (siblings, me) = self.siblings(index);
        let flow = &mut self.flows[index];
        let prior_in_flight = flow.outstanding.len() as u32;
        // Queues keep the order: what was sent before and is not acknowledged is lost.
        let mut lost = 0;
        while flow.outstanding.front().is_some_and(|s| s.number < number) {
            flow.outstanding.pop_front();
            lost += 1;
        }
        let Some(segment) = flow.outstanding.pop_front().filter(|s| s.number == number) else {
            return;
        };
        flow.losses += u64::from(lost);
        flow.delivered += 1;
        let rtt = now.since(segment.sent);
        flow.srtt = if flow.srtt.0 == 0 { rtt } else { SimDuration((flow.srtt.0 * 7 + rtt.0) / 8) };

        let was_limited = prior_in_flight >= flow.congestion.window().cwnd
            || flow.congestion.window().in_slow_start();
        if flow.recovery.is_some_and(|until| number >= until) {
            flow.recovery = None;
            flow.in_loss = false;
            flow.congestion.on_recovery_end();
        }
        if lost > 0 && flow.recovery.is_none() {
            flow.congestion.on_congestion(&siblings, me);
            flow.recovery = Some(flow.next);
            (flow.prr_delivered, flow.prr_out) = (0, 0);
            flow.prr_flight = u64::from(prior_in_flight);
        }
        let in_recovery = flow.recovery.is_some() && !flow.in_loss;
        let in_flight = flow.outstanding.len() as u32;
        let sent_over = segment.sent.since(segment.first_sent);
        let interval = sent_over.max(now.since(segment.delivered_at));
        flow.first_sent = segment.sent;
        flow.delivered_at = now;
        let sample = AckSample {
            now,
            acked: 1,
            advances: lost == 0 && !in_recovery,
            rtt: Some(rtt),
            srtt: flow.srtt,
            min_rtt: rtt,
            in_flight,
            prior_in_flight,
            cwnd_limited: was_limited,
            in_recovery,
            lost,
            delivered: flow.delivered,
            prior_delivered: segment.delivered,
            interval,
            rate_delivered: (flow.delivered - segment.delivered) as u32,
            app_limited: false,
            mss: MSS,
        };
        flow.congestion.on_ack(&sample, &siblings, me);
        if in_recovery && flow.congestion.uses_prr() {
            flow.reduce_rate(in_flight);
        }
        let cwnd = flow.congestion.window().cwnd;
        flow.cwnd_range = (flow.cwnd_range.0.max(cwnd), flow.cwnd_range.1.min(cwnd));
        self.arm(index);
        self.send(index);
    }
}

impl Flow {
    /// RFC 6937, with the slow-start reduction bound.
    fn reduce_rate(&mut self, in_flight: u32) {
        let ssthresh = self.congestion.window().ssthresh;
        self.prr_delivered += 1;
        let send = if in_flight > ssthresh {
            let due = (self.prr_delivered * u64::from(ssthresh)).div_ceil(self.prr_flight);
            due.saturating_sub(self.prr_out)
        } else {
            let limit = self.prr_delivered.saturating_sub(self.prr_out).max(1) + 1;
            limit.min(u64::from(ssthresh - in_flight))
        };
        self.congestion.window_mut().cwnd = (in_flight + send as u32).max(1);
    }
}

/// Sums by connection what flows deliver.
pub(super) fn by_connection(world: &Bottleneck, rates: &[f64]) -> Vec<f64> {
    let mut sums = BTreeMap::new();
    for (flow, rate) in world.flows.iter().zip(rates) {
        *sums.entry(flow.connection).or_insert(0.0) += rate;
    }
    sums.into_values().collect()
}
