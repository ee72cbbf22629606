//! What crossed a real box: captures from both of its sides, taken together.
//!
//! Of each connection it is worked out which end is behind which side, which packets went into the box
//! and which came out, which of these are which ([`crate::align`]), and how far the two captures'
//! clocks are apart. What the box chose at random (sequence shifts, translated ports) is learned here.

use std::collections::BTreeMap;

use devices::steps::track::Sender;
use sim_core::engine::device::{PortId, Side};
use sim_core::time::SimTime;
use sim_core::wire::mptcp::{Subtype, mptcp_options};
use sim_core::wire::packet::{Flags, Flow, Packet};

use crate::align::{Sight, Time, align, first_shift};
use crate::connections::{Connection, Inside, connections};
use crate::passing::{Ends, Input};
use crate::trace::{Seen, Trace};

/// A packet that came out of the box.
#[derive(Clone, Debug)]
pub struct Came {
    /// When, by the clock of the first capture.
    pub at: SimTime,
    /// Its frame in the capture of the side where it came out.
    pub frame: u32,
    /// The packet.
    pub packet: Packet,
    /// The packets that it comes of: indices of [`Crossing::inputs`].
    pub inputs: Vec<usize>,
}

/// A connection across the box.
#[derive(Clone, Debug)]
pub struct Crossed {
    /// As its opener saw it.
    pub flow: Flow,
    /// As the other end saw it, where it was seen there.
    pub far: Option<Flow>,
    /// On which side each end is.
    pub sides: [Side; 2],
    /// What came out towards each end.
    pub came: [Vec<Came>; 2],
}

/// Both captures, aligned.
#[derive(Clone, Debug)]
pub struct Crossing {
    /// The connections, in the order of their first packets.
    pub connections: Vec<Crossed>,
    /// What went into the box, in order of time.
    pub inputs: Vec<Input>,
    /// The frame of each in the capture of its side.
    pub frames: Vec<u32>,
    /// The ends of each connection.
    pub ends: Vec<Ends>,
}

impl Crossing {
    /// Takes the captures of a box's inside and outside together; `inside` says which hosts are on the
    /// inside where it is not those that open connections.
    #[must_use]
    pub fn new(before: &Trace, after: &Trace, inside: Option<&Inside>) -> Self {
        let listed = |trace: &Trace| connections(trace.packets.iter().map(|seen| &seen.packet));
        let (a, b) = (listed(before), listed(after));
        let pairs = pair(before, &a, after, &b);
        let halves: Vec<[Half<'_>; 2]> = pairs
            .iter()
            .map(|&(i, j)| [i.map(|i| (before, &a[i])), j.map(|j| (after, &b[j]))])
            .collect();
        let all_sides: Vec<[Side; 2]> = halves.iter().map(|&h| sides(h, inside)).collect();
        let between = clocks([before.epoch_ns, after.epoch_ns], &halves, &all_sides);
        let mut crossing =
            Self { connections: vec![], inputs: vec![], frames: vec![], ends: vec![] };
        let mut inputs: Vec<(Input, u32)> = Vec::new();
        // Indices into `inputs` of what went in, by connection and sender, until they are sorted.
        let mut came_of: Vec<[Vec<Unplaced>; 2]> = Vec::new();
        for (index, (halves, &sides)) in halves.into_iter().zip(&all_sides).enumerate() {
            let [opener, answerer] = sides.map(|side| halves[side as usize]);
            let flow = opener.or(answerer).map(|(_, c)| c.flow).expect("one half at least");
            let ports = sides.map(|side| PortId(side as u8));
            let mut ends = Ends { ports, isn: [None; 2] };
            let mut came = [Vec::new(), Vec::new()];
            // What one end sent, where it is and where its peer is, by the common clock.
            let crossed = |sender: Sender| {
                [sender, sender.peer()].map(|end| {
                    let side = sides[end as usize];
                    let seen = seen_of(halves[side as usize], sender);
                    let times = seen.iter().map(|seen| between.common(seen.at, side));
                    let times: Vec<SimTime> = times.collect();
                    (seen, times)
                })
            };
            for sender in [Sender::Initiator, Sender::Responder] {
                let [(near, near_times), (far, far_times)] = crossed(sender);
                let (ins, outs) = (sights(&near, &near_times), sights(&far, &far_times));
                let [(answers, at), (shown, shown_at)] = crossed(sender.peer());
                let shift = first_shift(&sights(&answers, &at), &sights(&shown, &shown_at));
                let aligned = align(&ins, &outs, shift.wrapping_neg(), Time::Causal);
                ends.isn[sender as usize] = outs
                    .iter()
                    .find(|sight| sight.packet.flags.has(Flags::SYN))
                    .map(|sight| sight.packet.seq);
                let first = inputs.len();
                for (seen, &at) in near.iter().zip(&near_times) {
                    let shift = aligned.shift(seen.packet.seq);
                    let end = seen.packet.seq.add(seen.packet.payload.len);
                    let growth = aligned.shift(end).wrapping_sub(shift) as i32;
                    let packet = seen.packet.clone();
                    let input = Input { at, connection: index, sender, packet, shift, growth };
                    inputs.push((input, seen.frame));
                }
                for ((seen, &at), of) in far.iter().zip(&far_times).zip(&aligned.of) {
                    let of = of.iter().map(|&i| first + i).collect();
                    let packet = seen.packet.clone();
                    let out = Came { at, frame: seen.frame, packet, inputs: Vec::new() };
                    came[sender.peer() as usize].push((out, of));
                }
            }
            came_of.push(came);
            crossing.ends.push(ends);
            let far = answerer.map(|(_, c)| c.flow);
            crossing.connections.push(Crossed { flow, far, sides, came: Default::default() });
        }
        let order = in_order(&inputs, &came_of, &crossing.connections);
        let mut place = vec![0; inputs.len()];
        order.iter().enumerate().for_each(|(new, &old)| place[old] = new);
        for (crossed, came) in crossing.connections.iter_mut().zip(came_of) {
            crossed.came = came.map(|outs| {
                let placed = outs.into_iter().map(|(out, of)| Came {
                    inputs: of.into_iter().map(|old| place[old]).collect(),
                    ..out
                });
                placed.collect()
            });
        }
        let mut inputs: Vec<Option<(Input, u32)>> = inputs.into_iter().map(Some).collect();
        for old in order {
            let (input, frame) = inputs[old].take().expect("each once");
            crossing.inputs.push(input);
            crossing.frames.push(frame);
        }
        crossing
    }
}

/// A frame of a capture: a packet that went in, or one that came out and the ones that it comes of.
enum Frame<'a> {
    In(usize),
    Out(&'a [usize]),
}

/// The order in which packets went into the box: in each capture as the frames stand, between the two by
/// time; but nothing goes in before what is above it in its capture has come out, and nothing comes out
/// before it has gone in. So clocks that are a little apart, and a box that takes no time, do no harm.
fn in_order(
    inputs: &[(Input, u32)],
    came_of: &[[Vec<Unplaced>; 2]],
    connections: &[Crossed],
) -> Vec<usize> {
    let mut frames: [Vec<(u32, SimTime, Frame<'_>)>; 2] = Default::default();
    for (index, (input, frame)) in inputs.iter().enumerate() {
        let side = connections[input.connection].sides[input.sender as usize];
        frames[side as usize].push((*frame, input.at, Frame::In(index)));
    }
    for (came, connection) in came_of.iter().zip(connections) {
        for (outs, side) in came.iter().zip(connection.sides) {
            let outs = outs.iter().map(|(out, of)| (out.frame, out.at, Frame::Out(of)));
            frames[side as usize].extend(outs);
        }
    }
    frames.iter_mut().for_each(|frames| frames.sort_by_key(|&(frame, ..)| frame));
    let (mut next, mut order) = ([0, 0], Vec::with_capacity(inputs.len()));
    let mut has_gone_in = vec![false; inputs.len()];
    loop {
        let heads = [0, 1].map(|side| frames[side].get(next[side]));
        let is_free = |head: Option<&(u32, SimTime, Frame<'_>)>| match head {
            None => false,
            Some((_, _, Frame::In(_))) => true,
            Some((_, _, Frame::Out(of))) => of.iter().all(|&input| has_gone_in[input]),
        };
        let side = match (heads, heads.map(is_free)) {
            ([None, None], _) => return order,
            ([None, _], _) | (_, [false, true]) => 1,
            ([_, None], _) | (_, [true, false]) => 0,
            ([Some(a), Some(b)], _) => usize::from(b.1 < a.1),
        };
        if let Some((_, _, Frame::In(input))) = heads[side] {
            has_gone_in[*input] = true;
            order.push(*input);
        }
        next[side] += 1;
    }
}

/// What came out, and the packets that it comes of before those are in order.
type Unplaced = (Came, Vec<usize>);

/// Half of a connection: its packets in one of the captures.
type Half<'a> = Option<(&'a Trace, &'a Connection)>;

/// What one end sent, in a capture.
fn seen_of<'a>(half: Half<'a>, sender: Sender) -> Vec<&'a Seen> {
    let Some((trace, connection)) = half else { return Vec::new() };
    let of = connection.packets.iter().filter(|(_, s)| *s == sender);
    of.map(|&(index, _)| &trace.packets[index]).collect()
}

fn sights<'a>(seen: &[&'a Seen], times: &[SimTime]) -> Vec<Sight<'a>> {
    seen.iter().zip(times).map(|(seen, &at)| Sight { at, packet: &seen.packet }).collect()
}

/// On which side each end is: as the user says; where it was seen at all; where its TTL is higher; else
/// the opener is on the inside.
fn sides(halves: [Half<'_>; 2], inside: Option<&Inside>) -> [Side; 2] {
    let (opener_inside, opener_outside) =
        ([Side::Inside, Side::Outside], [Side::Outside, Side::Inside]);
    if let Some(sides) = inside.and_then(|inside| {
        let (trace, connection) = halves.into_iter().flatten().next()?;
        inside.sides(connection, trace)
    }) {
        return sides;
    }
    let ttl = |half| seen_of(half, Sender::Initiator).first().map(|seen| seen.packet.ttl);
    match (halves, ttl(halves[0]), ttl(halves[1])) {
        ([None, _], ..) => opener_outside,
        (_, Some(a), Some(b)) if a < b => opener_outside,
        _ => opener_inside,
    }
}

/// Connections of the two captures that are one; each connection stands in one pair.
fn pair(
    before: &Trace,
    a: &[Connection],
    after: &Trace,
    b: &[Connection],
) -> Vec<(Option<usize>, Option<usize>)> {
    let marks = |trace: &Trace, all: &[Connection]| -> Vec<Marks> {
        all.iter().map(|connection| Marks::of(trace, connection)).collect()
    };
    let (marks_a, marks_b) = (marks(before, a), marks(after, b));
    let ahead = rough(before, after);
    let mut scored = Vec::new();
    for (i, of_a) in marks_a.iter().enumerate() {
        for (j, of_b) in marks_b.iter().enumerate() {
            let score = of_a.likeness(of_b);
            let apart = (of_a.since - of_b.since - ahead).unsigned_abs();
            // Both addresses are translated seldom: then they must at least begin together.
            if score >= ENOUGH && (of_a.shares_an_address(of_b) || apart < TOGETHER_NS) {
                scored.push((std::cmp::Reverse(score), apart, i, j));
            }
        }
    }
    scored.sort_unstable();
    let (mut of_a, mut of_b) = (vec![None; a.len()], vec![None; b.len()]);
    for (_, _, i, j) in scored {
        if of_a[i].is_none() && of_b[j].is_none() {
            (of_a[i], of_b[j]) = (Some(j), Some(i));
        }
    }
    let paired = (0..a.len()).map(|i| (Some(i), of_a[i]));
    let rest = (0..b.len()).filter(|&j| of_b[j].is_none()).map(|j| (None, Some(j)));
    paired.chain(rest).collect()
}

/// How much the first capture's clock is ahead of the second's, roughly: not at all where they overlap.
fn rough(before: &Trace, after: &Trace) -> i128 {
    let span = |trace: &Trace| {
        let last = trace.packets.last().map_or(0, |seen| seen.at.as_nanos());
        (i128::from(trace.epoch_ns), i128::from(trace.epoch_ns) + i128::from(last))
    };
    let ((from_a, to_a), (from_b, to_b)) = (span(before), span(after));
    if from_a <= to_b && from_b <= to_a { 0 } else { from_a - from_b }
}

/// What tells a connection from others, whatever a box does to it.
struct Marks {
    /// When it begins, in nanoseconds of the capture's clock.
    since: i128,
    flow: Flow,
    opening_seen: bool,
    stamp: Option<u32>,
    /// What MP_CAPABLE or MP_JOIN of the handshake say.
    mptcp: Vec<String>,
    /// The first bytes that each end sends.
    data: [Option<Vec<u8>>; 2],
}

/// Likeness from which two are taken for one: a server's address and port, or the like.
const ENOUGH: u32 = 6;
/// Connections that begin within this time begin together.
const TOGETHER_NS: u128 = 500_000_000;
/// Bytes of payload that are compared.
const DATA: u32 = 32;

impl Marks {
    fn of(trace: &Trace, connection: &Connection) -> Self {
        let first = connection.packets.first().map_or(0, |&(i, _)| trace.packets[i].at.as_nanos());
        let mut marks = Self {
            since: i128::from(trace.epoch_ns) + i128::from(first),
            flow: connection.flow,
            opening_seen: connection.opening_seen,
            stamp: None,
            mptcp: Vec::new(),
            data: [None, None],
        };
        for &(index, sender) in connection.packets.iter().take(16) {
            let seen = &trace.packets[index];
            let packet = &seen.packet;
            if sender == Sender::Initiator && marks.stamp.is_none() {
                marks.stamp = packet.options.timestamps().map(|(value, _)| value);
            }
            for option in mptcp_options(&packet.options) {
                if matches!(option.subtype(), Subtype::Capable | Subtype::Join) {
                    marks.mptcp.push(format!("{option:?}"));
                }
            }
            let data = &mut marks.data[sender as usize];
            if data.is_none() && seen.present > 0 {
                *data = Some(packet.payload.slice(0, seen.present.min(DATA)).to_vec());
            }
        }
        marks
    }

    fn shares_an_address(&self, other: &Self) -> bool {
        let (a, b) = (self.flow, other.flow);
        a.src.ip() == b.src.ip() || a.dst.ip() == b.dst.ip()
    }

    fn likeness(&self, other: &Self) -> u32 {
        let (a, b) = (self.flow, other.flow);
        let same = [
            (a.src.ip() == b.src.ip(), 4),
            (a.src.port() == b.src.port(), 5),
            (a.dst.ip() == b.dst.ip(), 4),
            (a.dst.port() == b.dst.port(), 2),
            (self.stamp.is_some() && self.stamp == other.stamp, 2),
            (self.mptcp.iter().any(|said| other.mptcp.contains(said)), 4),
            (self.data[0].is_some() && self.data[0] == other.data[0], 2),
            (self.data[1].is_some() && self.data[1] == other.data[1], 2),
            (self.opening_seen == other.opening_seen, 1),
        ];
        same.iter().filter(|(holds, _)| *holds).map(|(_, weight)| weight).sum()
    }
}

/// The two captures' clocks.
struct Clocks {
    /// The start of the common time, in nanoseconds of the first capture's clock.
    start: i128,
    /// What is added to the second's clock.
    ahead: i128,
    epochs: [u64; 2],
}

impl Clocks {
    /// A time of a capture on the common clock.
    fn common(&self, at: SimTime, side: Side) -> SimTime {
        let own = i128::from(self.epochs[side as usize]) + i128::from(at.as_nanos());
        let ahead = if side == Side::Outside { self.ahead } else { 0 };
        SimTime(u64::try_from((own + ahead - self.start).max(0)).unwrap_or(u64::MAX))
    }
}

/// How far the clocks are apart: as little as lets no packet come out before it went in. Packets are
/// taken for the same by their place in the stream, where nothing else has that place.
fn clocks(epochs: [u64; 2], halves: &[[Half<'_>; 2]], sides: &[[Side; 2]]) -> Clocks {
    // What must be added to the second clock, at least and at most.
    let (mut least, mut most) = (Vec::new(), Vec::new());
    for (halves, sides) in halves.iter().zip(sides) {
        for sender in [Sender::Initiator, Sender::Responder] {
            let [in_a, in_b] = halves.map(|half| placed(half, sender));
            for (place, at_a) in &in_a {
                let (Some(at_a), Some(Some(at_b))) = (at_a, in_b.get(place)) else { continue };
                let time = |epoch: u64, at: &SimTime| i128::from(epoch) + i128::from(at.as_nanos());
                let gap = time(epochs[0], at_a) - time(epochs[1], at_b);
                match sides[sender as usize] {
                    Side::Inside => least.push(gap),
                    Side::Outside => most.push(gap),
                }
            }
        }
    }
    let bounds = (least.iter().copied().max(), most.iter().copied().min());
    let ahead = match bounds {
        (None, None) => 0,
        (None, Some(most)) => most.min(0),
        (Some(least), None) => least.max(0),
        (Some(least), Some(most)) if least <= most => 0.clamp(least, most),
        // Some were taken for the same that are not: the middle of all is near.
        (Some(_), Some(_)) => {
            least.append(&mut most);
            least.sort_unstable();
            least[least.len() / 2]
        }
    };
    let start = i128::from(epochs[0]).min(i128::from(epochs[1]) + ahead);
    Clocks { start, ahead, epochs }
}

/// Place in the stream, length and flags.
type Place = (i32, u32, u8);

/// When an end sent what has a place in the stream relative to its SYN; `None` where several have it.
fn placed(half: Half<'_>, sender: Sender) -> BTreeMap<Place, Option<SimTime>> {
    let seen = seen_of(half, sender);
    let mut all = BTreeMap::new();
    let Some(first) = seen.iter().find(|s| s.packet.flags.has(Flags::SYN)).map(|s| s.packet.seq)
    else {
        return all;
    };
    for seen in seen {
        let packet = &seen.packet;
        let place = (packet.seq.distance(first), packet.payload.len, packet.flags.0 & 0x07);
        all.entry(place).and_modify(|at| *at = None).or_insert(Some(seen.at));
    }
    all
}
