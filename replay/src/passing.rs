//! Passes captured packets through a model, as if the ends were there.
//!
//! What an end sent is what was captured of it; only the numbers and addresses that it learned from its
//! peer follow what the model shows it ([`View`]). An end also sends nothing before the peer's SYN has
//! reached it, where that SYN was captured: so a model that answers SYNs itself, or drops them, is met
//! in the order in which it would be.

use std::collections::{BTreeMap, VecDeque};

use devices::driver::{Came, Driver};
use devices::steps::track::Sender;
use sim_core::engine::device::{Change, Device, PortId, Signed};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::{Flags, Flow, Packet, PacketUid, Protocol};
use sim_core::wire::seq::Seq;

use crate::view::View;

/// How long after the last packet a device may let go what it holds.
const AFTERWARDS: SimDuration = SimDuration::from_secs(1);
/// First identity of the packets that a device makes.
const MADE: u64 = 1 << 40;

/// A packet that goes into the model.
#[derive(Clone, Debug)]
pub struct Input {
    /// When.
    pub at: SimTime,
    /// Index of its connection.
    pub connection: usize,
    /// Which end sends it.
    pub sender: Sender,
    /// The packet, as captured.
    pub packet: Packet,
    /// What the box that stood there when it was captured had added to its sequence number when it
    /// let it out; 0 where there was none.
    pub shift: u32,
    /// How much longer that box made its payload.
    pub growth: i32,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The port of the device behind which each end is.
    pub ports: [PortId; 2],
    /// Sequence number of each end's SYN as it was captured where the *peer* is.
    pub isn: [Option<Seq>; 2],
}

/// A packet that the model let out.
#[derive(Clone, Debug)]
pub struct Output {
    /// When.
    pub at: SimTime,
    /// By which port.
    pub port: PortId,
    /// Its connection, and the end that it goes to.
    pub to: Option<(usize, Sender)>,
    /// The packet that it was when it went in, unless the model made it.
    pub input: Option<usize>,
    /// The packet as the model sent it.
    pub packet: Packet,
    /// The same with the sequence number that the capture would have.
    pub plain: Packet,
}

/// What came of all packets.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    /// What left, in order.
    pub outputs: Vec<Output>,
    /// What the model signed, in order.
    pub signed: Vec<Signed>,
    /// For each packet, as it went in with the numbers that the model had shown its sender; `None`: it
    /// was not sent, because what it answers never arrived.
    pub sent: Vec<Option<Packet>>,
    /// What crossed the edges of the device, in order.
    pub log: Vec<Edge>,
}

/// A packet at the edge of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// A packet went in: its index among the inputs, and when.
    In(usize, SimTime),
    /// A packet came out: an index of [`Passed::outputs`].
    Out(usize),
}

impl Passed {
    /// The packet that a signature speaks of.
    #[must_use]
    pub fn input_of(&self, signed: &Signed) -> Option<usize> {
        (signed.packet.0 < MADE).then_some(signed.packet.0 as usize)
    }
}

/// Whether an end waits for its peer's SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It does.
    Causal,
    /// It sends as it was captured: the packets did cross a box.
    Captured,
}

/// Passes packets, which are in order of time, through a device that was wired.
pub fn pass(
    device: &mut dyn Device,
    inputs: &[Input],
    connections: &[Ends],
    order: Order,
) -> Passed {
    let start = inputs.first().map_or(SimTime::ZERO, |input| input.at);
    let mut passing = Passing {
        inputs,
        ends: connections,
        order,
        views: vec![Default::default(); connections.len()],
        waiting: vec![Default::default(); connections.len()],
        grows: vec![[false; 2]; connections.len()],
        flows: BTreeMap::new(),
        passed: Passed { sent: vec![None; inputs.len()], ..Passed::default() },
    };
    let mut driver = Driver::new(device, start, PacketUid(MADE));
    for (index, input) in inputs.iter().enumerate() {
        // What timers let out may be what an end has waited for.
        let mut came = Came::default();
        driver.advance(input.at, &mut came);
        let woken = passing.take(came, None);
        passing.wake(woken, &mut driver);
        let woken = passing.offer(index, &mut driver);
        passing.wake(woken, &mut driver);
    }
    let mut came = Came::default();
    driver.advance(driver.now() + AFTERWARDS, &mut came);
    let woken = passing.take(came, None);
    passing.wake(woken, &mut driver);
    passing.passed
}

struct Passing<'a> {
    inputs: &'a [Input],
    ends: &'a [Ends],
    order: Order,
    /// What each end sees of its peer.
    views: Vec<[View; 2]>,
    /// What each end does not send yet.
    waiting: Vec<[VecDeque<usize>; 2]>,
    /// Whether the model changes the length of what each end sends.
    grows: Vec<[bool; 2]>,
    /// Connection and receiver of a flow that left the model.
    flows: BTreeMap<Flow, (usize, Sender)>,
    passed: Passed,
}

/// Ends that have heard their peer's SYN.
type Woken = Vec<(usize, Sender)>;

impl Passing<'_> {
    /// Sends a packet, unless its end must wait.
    fn offer(&mut self, index: usize, driver: &mut Driver<'_>) -> Woken {
        let Input { connection, sender, ref packet, .. } = self.inputs[index];
        let peers_syn_was_captured = self.ends[connection].isn[sender.peer() as usize].is_some();
        let must_wait = self.order == Order::Causal
            && peers_syn_was_captured
            && !packet.flags.is_initial_syn()
            && !self.views[connection][sender as usize].heard;
        if must_wait {
            self.waiting[connection][sender as usize].push_back(index);
            return Woken::new();
        }
        self.send(index, driver)
    }

    fn send(&mut self, index: usize, driver: &mut Driver<'_>) -> Woken {
        let input = &self.inputs[index];
        let mut packet = input.packet.clone();
        self.views[input.connection][input.sender as usize].send(&mut packet);
        packet.uid = PacketUid(index as u64);
        let towards_sender = packet.flow().reversed();
        let back = (input.connection, input.sender);
        self.flows.insert(towards_sender, back);
        self.passed.sent[index] = Some(packet.clone());
        let at = driver.now().max(input.at);
        self.passed.log.push(Edge::In(index, at));
        let mut came = Came::default();
        let port = self.ends[input.connection].ports[input.sender as usize];
        driver.pass(input.at, port, packet, &mut came);
        self.take(came, Some(index))
    }

    /// Lets ends send what they have waited with.
    fn wake(&mut self, mut woken: Woken, driver: &mut Driver<'_>) {
        while let Some((connection, end)) = woken.pop() {
            while let Some(index) = self.waiting[connection][end as usize].pop_front() {
                woken.extend(self.send(index, driver));
            }
        }
    }

    /// Keeps what came of a packet, or of a timer, and lets the ends learn from it.
    fn take(&mut self, came: Came, because: Option<usize>) -> Woken {
        let mut woken = Woken::new();
        for signed in &came.signed {
            if let (Change::Payload { growth }, Some(index)) =
                (&signed.change, self.passed.input_of(signed))
                && *growth != 0
            {
                let input = &self.inputs[index];
                self.grows[input.connection][input.sender as usize] = true;
            }
        }
        self.passed.signed.extend(came.signed);
        for left in came.left {
            let input = (left.packet.uid.0 < MADE).then_some(left.packet.uid.0 as usize);
            let to = self.receiver(input, because, &left.packet, left.port);
            let plain = match to {
                Some((connection, end)) if left.packet.protocol == Protocol::Tcp => {
                    if self.learn(connection, end, input, &left.packet) {
                        woken.push((connection, end));
                    }
                    self.views[connection][end as usize].receive(&left.packet)
                }
                _ => left.packet.clone(),
            };
            self.passed.log.push(Edge::Out(self.passed.outputs.len()));
            let (at, port, packet) = (left.at, left.port, left.packet);
            self.passed.outputs.push(Output { at, port, to, input, packet, plain });
        }
        woken
    }

    /// The connection of a packet that left, and the end that it goes to: by the packet that it was, by
    /// its flow, or by the packet that brought it about.
    fn receiver(
        &self,
        input: Option<usize>,
        because: Option<usize>,
        packet: &Packet,
        port: PortId,
    ) -> Option<(usize, Sender)> {
        let of = |index: usize| {
            let connection = self.inputs[index].connection;
            let is_there =
                |end: Sender| self.ends[connection].ports[end as usize].side() == port.side();
            let end = [Sender::Initiator, Sender::Responder].into_iter().find(|&end| is_there(end));
            end.map(|end| (connection, end))
        };
        // An ICMP error goes to the end that sent the packet that it is about.
        let flow = match packet.icmp() {
            Some(error) => error.flow().map(Flow::reversed),
            None => Some(packet.flow()),
        };
        let by_flow = || flow.and_then(|flow| self.flows.get(&flow).copied());
        input.and_then(of).or_else(by_flow).or_else(|| because.and_then(of))
    }

    /// Lets an end learn how the model shows its peer; true when it has heard the peer's SYN by that.
    fn learn(
        &mut self,
        connection: usize,
        end: Sender,
        input: Option<usize>,
        packet: &Packet,
    ) -> bool {
        let peer = end.peer();
        let view = &mut self.views[connection][end as usize];
        let from_peer = input.map(|index| &self.inputs[index]).filter(|i| i.sender == peer);
        if view.flow.is_none() || packet.flags.has(Flags::SYN) {
            view.flow = Some(packet.flow());
            self.flows.insert(packet.flow(), (connection, end));
        }
        if packet.flags.has(Flags::SYN) {
            let passed = from_peer.map(|input| input.packet.seq.add(input.shift));
            let captured = passed.or(self.ends[connection].isn[peer as usize]);
            let Some(isn) = captured else { return false };
            let is_first = !view.heard;
            view.open(isn, packet.seq.0.wrapping_sub(isn.0));
            return is_first;
        }
        let Some(input) = from_peer else { return false };
        let grows = self.grows[connection][peer as usize];
        if view.is_blank() || grows {
            let start = input.packet.seq.add(input.shift);
            view.learn(start, packet.seq.0.wrapping_sub(start.0));
        }
        if grows && packet.payload.len != input.packet.payload.len {
            let len = input.packet.payload.len.wrapping_add_signed(input.growth);
            let end = input.packet.seq.add(input.shift).add(len);
            let shown = packet.seq.add(packet.payload.len);
            view.learn(end, shown.0.wrapping_sub(end.0));
        }
        false
    }
}
