//! What crossed a real box: captures from both of its sides, taken together.
//!
//! Of each connection it is worked out which end is behind which side, which packets went into the box
//! and which came out, which of these are which ([`crate::align`]), and how far the two captures'
//! clocks are apart. What the box chose at random (sequence shifts, translated ports) is learned here.

use std::collections::{BTreeMap, BTreeSet};

use devices::steps::track::Sender;
use sim_core::engine::device::{PortId, Side};
use sim_core::time::SimTime;
use sim_core::wire::icmp::Reason;
use sim_core::wire::packet::{Flags, Flow, Packet};
use sim_core::wire::seq::Seq;

use crate::align::{Sight, Time, align, first_shift};
use crate::connections::Inside;
use crate::pairing::{Half, pair};
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
    /// The ICMP errors of the box's own making, towards each end.
    pub errors: [Vec<Came>; 2],
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
        let halves = pair(before, after);
        let all_sides: Vec<[Side; 2]> = halves.iter().map(|h| sides(h, inside)).collect();
        let between = clocks([before.epoch_ns, after.epoch_ns], &halves, &all_sides);
        let mut crossing =
            Self { connections: vec![], inputs: vec![], frames: vec![], ends: vec![] };
        let mut inputs: Vec<(Input, u32)> = Vec::new();
        // Indices into `inputs` of what went in, by connection and sender, until they are sorted.
        let mut came_of: Vec<[Vec<Unplaced>; 2]> = Vec::new();
        for (index, (halves, &sides)) in halves.iter().zip(&all_sides).enumerate() {
            let [opener, answerer] = sides.map(|side| halves[side as usize].as_ref());
            let flow = opener.or(answerer).map(|half| half.flow).expect("one half at least");
            let ports = sides.map(|side| PortId(side as u8));
            let mut ends = Ends { ports, isn: [None; 2] };
            let mut came = [Vec::new(), Vec::new()];
            // What one end sent, where it is and where its peer is, by the common clock.
            let crossed = |sender: Sender| {
                [sender, sender.peer()].map(|end| {
                    let side = sides[end as usize];
                    let seen = seen_of(halves[side as usize].as_ref(), sender);
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
            let far = answerer.map(|half| half.flow);
            let errors = errors(halves, sides, &between);
            crossing.connections.push(Crossed {
                flow,
                far,
                sides,
                came: Default::default(),
                errors,
            });
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

/// The ICMP errors towards each end that are about what it sent, and that were not seen on the other side:
/// the box made them.
fn errors(halves: &[Option<Half<'_>>; 2], sides: [Side; 2], between: &Clocks) -> [Vec<Came>; 2] {
    let told = |end: Sender, side: Side| -> Vec<&Seen> {
        let Some(half) = &halves[side as usize] else { return Vec::new() };
        if half.trace.errors.is_empty() {
            return Vec::new();
        }
        let flows: BTreeSet<Flow> = half.sent_by(end).iter().map(|s| s.packet.flow()).collect();
        let is_about = |seen: &&Seen| {
            let flow = seen.packet.icmp().and_then(|error| error.flow());
            flow.is_some_and(|flow| flows.contains(&flow))
        };
        half.trace.errors.iter().filter(is_about).collect()
    };
    [Sender::Initiator, Sender::Responder].map(|end| {
        let side = sides[end as usize];
        let beyond: Vec<_> =
            told(end, sides[end.peer() as usize]).iter().map(|s| about(&s.packet)).collect();
        let made = told(end, side).into_iter().filter(|s| !beyond.contains(&about(&s.packet)));
        made.map(|seen| Came {
            at: between.common(seen.at, side),
            frame: seen.frame,
            packet: seen.packet.clone(),
            inputs: Vec::new(),
        })
        .collect()
    })
}

/// What an ICMP error says, and of which sequence number.
pub(crate) fn about(packet: &Packet) -> Option<(Reason, Option<Seq>)> {
    packet.icmp().map(|error| (error.reason(), error.seq()))
}

/// A frame of a capture: a packet that went in, or one that came out and the ones that it comes of.
enum Frame<'a> {
    In(usize),
    Out(&'a [usize]),
}

/// The order in which packets went into the box: in each capture as the frames stand, between the two by
/// time; but nothing goes in before what is above it in its capture has come out, and nothing comes out
/// before it has gone in. So clocks that are a little apart, and a box that takes no time, do no harm. Of one
/// time, what goes in comes first: a box may answer it on the other side.
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
            ([Some(a), Some(b)], _) => {
                let comes_out = |frame: &Frame<'_>| matches!(frame, Frame::Out(_));
                usize::from((b.1, comes_out(&b.2)) < (a.1, comes_out(&a.2)))
            }
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

/// What one end sent, in a capture.
fn seen_of<'a>(half: Option<&Half<'a>>, sender: Sender) -> Vec<&'a Seen> {
    half.map(|half| half.sent_by(sender)).unwrap_or_default()
}

fn sights<'a>(seen: &[&'a Seen], times: &[SimTime]) -> Vec<Sight<'a>> {
    seen.iter().zip(times).map(|(seen, &at)| Sight { at, packet: &seen.packet }).collect()
}

/// On which side each end is: as the user says; where it was seen at all; where its TTL is higher; else
/// the opener is on the inside.
fn sides(halves: &[Option<Half<'_>>; 2], inside: Option<&Inside>) -> [Side; 2] {
    let (opener_inside, opener_outside) =
        ([Side::Inside, Side::Outside], [Side::Outside, Side::Inside]);
    if let Some(sides) = inside.and_then(|inside| {
        let half = halves.iter().flatten().next()?;
        inside.sides(half.flow, half.packets.first().copied(), half.trace)
    }) {
        return sides;
    }
    let ttl = |half: &Option<Half<'_>>| {
        seen_of(half.as_ref(), Sender::Initiator).first().map(|seen| seen.packet.ttl)
    };
    match (halves, ttl(&halves[0]), ttl(&halves[1])) {
        ([None, _], ..) => opener_outside,
        (_, Some(a), Some(b)) if a < b => opener_outside,
        _ => opener_inside,
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
fn clocks(epochs: [u64; 2], halves: &[[Option<Half<'_>>; 2]], sides: &[[Side; 2]]) -> Clocks {
    let mut gaps = Vec::new();
    for (halves, sides) in halves.iter().zip(sides) {
        for sender in [Sender::Initiator, Sender::Responder] {
            let [in_a, in_b] = [0, 1].map(|side: usize| placed(halves[side].as_ref(), sender));
            for (place, at_a) in &in_a {
                let (Some(at_a), Some(Some(at_b))) = (at_a, in_b.get(place)) else { continue };
                let time = |epoch: u64, at: &SimTime| i128::from(epoch) + i128::from(at.as_nanos());
                let by = time(epochs[0], at_a) - time(epochs[1], at_b);
                let (_, len, flags) = *place;
                let is_data = len > 0 || flags & Flags::FIN.0 != 0;
                gaps.push(Gap { by, from_inside: sides[sender as usize] == Side::Inside, is_data });
            }
        }
    }
    // A box that ends connections shakes hands and acknowledges by itself; it has no data of its own.
    let ahead = ahead(&gaps).or_else(|| {
        gaps.retain(|gap| gap.is_data);
        ahead(&gaps)
    });
    // Some were taken for the same that are not: the middle of all is near.
    let ahead = ahead.unwrap_or_else(|| {
        gaps.sort_unstable_by_key(|gap| gap.by);
        gaps[gaps.len() / 2].by
    });
    let start = i128::from(epochs[0]).min(i128::from(epochs[1]) + ahead);
    Clocks { start, ahead, epochs }
}

/// How much later the first capture has what both have.
struct Gap {
    by: i128,
    from_inside: bool,
    is_data: bool,
}

/// What is to be added to the second clock; `None`: nothing holds of all.
fn ahead(gaps: &[Gap]) -> Option<i128> {
    let of = |inside: bool| gaps.iter().filter(move |g| g.from_inside == inside).map(|g| g.by);
    match (of(true).max(), of(false).min()) {
        (None, None) => Some(0),
        (None, Some(most)) => Some(most.min(0)),
        (Some(least), None) => Some(least.max(0)),
        (Some(least), Some(most)) => (least <= most).then(|| 0.clamp(least, most)),
    }
}

/// Place in the stream, length and flags.
type Place = (i32, u32, u8);

/// When an end sent what has a place in the stream relative to its SYN; `None` where several have it.
fn placed(half: Option<&Half<'_>>, sender: Sender) -> BTreeMap<Place, Option<SimTime>> {
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
