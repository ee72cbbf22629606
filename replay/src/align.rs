//! Which packets on one side of a box are which on the other, in one direction of one connection.
//!
//! A box may shift sequence numbers, translate addresses, cut segments and merge them, change payload
//! and its length, drop packets and make some of its own. What is left to go by is the place of each
//! segment in the stream: numbers relative to a shift that is learned from the SYN (or, without one,
//! from the segments that look alike), which moves on where the box changed the length of the payload.

use std::collections::BTreeMap;

use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::options::Options;
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::seq::Seq;

/// Of copies that are alike, one that came out within this time is the one that went in first.
const PROMPT: SimDuration = SimDuration::from_millis(100);
/// Copies of a segment that are looked at, before and after its time.
const COPIES: usize = 256;
/// The longest payload of a segment.
const SEGMENT_MAX: u32 = 65_535;
/// How many packets are looked at to learn the shift of a connection without a SYN.
const SAMPLE: usize = 64;

/// A packet and when it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// When, by the clock of the first side.
    pub at: SimTime,
    /// The packet.
    pub packet: &'a Packet,
}

/// Whether a packet can have been seen on the second side before it was on the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// It cannot: the second side is where it comes out.
    Causal,
    /// It can: both are accounts of one side.
    Either,
}

/// What is which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alignment {
    /// For each packet of the second side, the ones of the first that it is (one), is a part of (one) or
    /// was merged from (several), in order; none: it was made.
    pub of: Vec<Vec<usize>>,
    /// From this sequence number of the first side on, what is added on the way.
    pub steps: Vec<(Seq, u32)>,
}

impl Alignment {
    /// What is added to this sequence number of the first side.
    #[must_use]
    pub fn shift(&self, seq: Seq) -> u32 {
        shift(&self.steps, seq)
    }

    /// The packets of the second side that have something of this one of the first.
    pub fn outs(&self, input: usize) -> impl Iterator<Item = usize> + '_ {
        let has = move |ins: &Vec<usize>| ins.contains(&input);
        self.of.iter().enumerate().filter(move |(_, ins)| has(ins)).map(|(out, _)| out)
    }
}

fn shift(steps: &[(Seq, u32)], seq: Seq) -> u32 {
    let passed = steps.iter().rev().find(|(from, _)| !seq.before(*from));
    passed.or(steps.first()).map_or(0, |&(_, by)| by)
}

/// Aligns two sides, each in order of time; `acks` is added to acknowledgements on the way, which is what
/// the other direction's numbers are shifted by.
#[must_use]
pub fn align(ins: &[Sight<'_>], outs: &[Sight<'_>], acks: u32, time: Time) -> Alignment {
    let by = first_shift(ins, outs);
    let origin = ins.first().map_or(Seq(0), |sight| sight.packet.seq);
    let mut starts: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    for (index, sight) in ins.iter().enumerate() {
        starts.entry(sight.packet.seq.distance(origin)).or_default().push(index);
    }
    let steps = vec![(origin, by)];
    let covered = vec![0; ins.len()];
    let mut aligner = Aligner { ins, outs, acks, time, origin, starts, steps, covered };
    // What is surely the same is taken first: among acknowledgements of one place in the stream, one
    // that was dropped must not take the place of the next.
    let mut of: Vec<Vec<usize>> = (0..outs.len()).map(|out| aligner.surely(out)).collect();
    for (out, of) in of.iter_mut().enumerate().filter(|(_, of)| of.is_empty()) {
        *of = aligner.origin(out);
    }
    Alignment { of, steps: aligner.steps }
}

/// What is added to the first numbers.
pub(crate) fn first_shift(ins: &[Sight<'_>], outs: &[Sight<'_>]) -> u32 {
    let is_syn = |sight: &&Sight<'_>| sight.packet.flags.has(Flags::SYN);
    let between = |a: &Packet, b: &Packet| b.seq.0.wrapping_sub(a.seq.0);
    if let (Some(a), Some(b)) = (ins.iter().find(is_syn), outs.iter().find(is_syn)) {
        return between(a.packet, b.packet);
    }
    let mut votes: Vec<(u32, u32)> = Vec::new();
    for a in ins.iter().take(SAMPLE) {
        for b in outs.iter().take(SAMPLE) {
            let alike = controls(a.packet) == controls(b.packet)
                && a.packet.payload.len == b.packet.payload.len
                && stamp(&a.packet.options) == stamp(&b.packet.options);
            if alike {
                let by = between(a.packet, b.packet);
                match votes.iter_mut().find(|(known, _)| *known == by) {
                    Some((_, count)) => *count += 1,
                    None => votes.push((by, 1)),
                }
            }
        }
    }
    // Of equal counts, no shift, then the one that was found first.
    let best = votes.iter().map(|&(_, count)| count).max().unwrap_or(0);
    let mut best = votes.iter().filter(|&&(_, count)| count == best).map(|&(by, _)| by);
    let first = best.next().unwrap_or(0);
    if best.any(|by| by == 0) { 0 } else { first }
}

/// The flags that take a packet's place in the stream.
fn controls(packet: &Packet) -> u8 {
    packet.flags.0 & (Flags::SYN.0 | Flags::FIN.0 | Flags::RST.0)
}

fn stamp(options: &Options) -> Option<u32> {
    options.timestamps().map(|(value, _)| value)
}

struct Aligner<'a> {
    ins: &'a [Sight<'a>],
    outs: &'a [Sight<'a>],
    acks: u32,
    time: Time,
    /// What the keys of `starts` are counted from.
    origin: Seq,
    /// Packets of the first side by the sequence numbers that they begin with, in order of time.
    starts: BTreeMap<i32, Vec<usize>>,
    steps: Vec<(Seq, u32)>,
    /// Of each packet of the first side, how much of it has been found: its payload, or 1 for one
    /// without.
    covered: Vec<u32>,
}

impl Aligner<'_> {
    /// Where a packet of the first side should be on the second.
    fn place(&self, input: usize) -> Seq {
        let seq = self.ins[input].packet.seq;
        seq.add(shift(&self.steps, seq))
    }

    /// Where a packet of the first side should end on the second.
    fn end(&self, input: usize) -> Seq {
        self.place(input).add(self.ins[input].packet.payload.len)
    }

    /// Packets of the first side that could be one of the second and begin, there, at most `before`
    /// bytes before `at`.
    fn near(&self, at: Seq, before: u32, out: usize) -> Vec<usize> {
        let mut shifts: Vec<u32> = self.steps.iter().map(|&(_, by)| by).collect();
        shifts.sort_unstable();
        shifts.dedup();
        let mut found = Vec::new();
        for by in shifts {
            let upto = at.add(by.wrapping_neg()).distance(self.origin);
            let from = upto.saturating_sub_unsigned(before);
            for inputs in self.starts.range(from..=upto).map(|(_, inputs)| inputs) {
                let later = inputs.partition_point(|&i| self.ins[i].at <= self.outs[out].at);
                let upto = match self.time {
                    Time::Causal => later,
                    Time::Either => inputs.len().min(later + COPIES),
                };
                let from = later.saturating_sub(COPIES);
                let could = |&input: &usize| {
                    let place = self.place(input);
                    self.covered[input] < self.ins[input].packet.payload.len.max(1)
                        && !at.before(place)
                        && at.distance(place).unsigned_abs() <= before
                };
                found.extend(inputs[from..upto].iter().copied().filter(could));
            }
        }
        found
    }

    /// The packet that one of the second side is, when nothing speaks against it.
    fn surely(&mut self, out: usize) -> Vec<usize> {
        let packet = self.outs[out].packet;
        let same = |&input: &usize| {
            let other = self.ins[input].packet;
            controls(other) == controls(packet)
                && other.ack.add(self.acks) == packet.ack
                && other.payload == packet.payload
                && stamp(&other.options) == stamp(&packet.options)
        };
        let found = self.near(packet.seq, 0, out).into_iter().filter(same);
        let found = self.best(found.collect::<Vec<_>>().into_iter(), out);
        if let Some(input) = found {
            self.covered[input] = packet.payload.len.max(1);
        }
        found.into_iter().collect()
    }

    /// The packets that one of the second side comes of.
    fn origin(&mut self, out: usize) -> Vec<usize> {
        let packet = self.outs[out].packet;
        let same = |&input: &usize| controls(self.ins[input].packet) == controls(packet);
        let starts: Vec<usize> = self.near(packet.seq, 0, out).into_iter().filter(same).collect();
        let len = packet.payload.len;
        let whole = starts.iter().copied().filter(|&i| self.ins[i].packet.payload.len == len);
        if let Some(input) = self.best(whole, out) {
            self.covered[input] = len.max(1);
            return vec![input];
        }
        if len == 0 || packet.flags.has(Flags::SYN) {
            return Vec::new();
        }
        let parts = self.cover(out);
        if !parts.is_empty() {
            for &(input, bytes) in &parts {
                self.covered[input] += bytes;
            }
            return parts.into_iter().map(|(input, _)| input).collect();
        }
        let with_payload = starts.into_iter().filter(|&i| !self.ins[i].packet.payload.is_empty());
        if let Some(input) = self.best(with_payload, out) {
            self.resize(input, len);
            return vec![input];
        }
        Vec::new()
    }

    /// The packets whose payload a part, or a whole of several, of the second side has; empty when
    /// their payload does not make it up, or when what is missing of one never comes out: its length was
    /// changed.
    fn cover(&self, out: usize) -> Vec<(usize, u32)> {
        let packet = self.outs[out].packet;
        let end = packet.seq.add(packet.payload.len);
        let mut at = packet.seq;
        let mut parts = Vec::new();
        while at.before(end) {
            let near = self.near(at, SEGMENT_MAX, out).into_iter();
            let Some(input) = self.best(near.filter(|&i| at.before(self.end(i))), out) else {
                return Vec::new();
            };
            let upto = if self.end(input).before(end) { self.end(input) } else { end };
            parts.push((input, upto.distance(at).unsigned_abs()));
            at = upto;
        }
        // The last one goes on in a packet that begins where this one ends, and holds no more than that.
        let Some(&(last, _)) = parts.last() else { return parts };
        let rest = self.end(last);
        let goes_on = rest == end
            || self.outs.iter().any(|other| {
                let p = other.packet;
                p.seq == end && !p.payload.is_empty() && !rest.before(p.seq.add(p.payload.len))
            });
        if goes_on { parts } else { Vec::new() }
    }

    /// A packet whose payload has another length on the second side.
    fn resize(&mut self, input: usize, len: u32) {
        let packet = self.ins[input].packet;
        self.covered[input] = packet.payload.len;
        let before = shift(&self.steps, packet.seq);
        let after = before.wrapping_add(len).wrapping_sub(packet.payload.len);
        let end = packet.seq.add(packet.payload.len);
        self.steps.retain(|(from, _)| from.before(end));
        self.steps.push((end, after));
    }

    /// Of several that it could be: the one that is most alike, then the first that is not long past.
    fn best(&self, inputs: impl Iterator<Item = usize>, out: usize) -> Option<usize> {
        let Sight { at, packet } = self.outs[out];
        inputs.max_by_key(|&input| {
            let other = self.ins[input];
            let p = other.packet;
            let alike = [
                p.payload == packet.payload,
                p.ack.add(self.acks) == packet.ack,
                stamp(&p.options) == stamp(&packet.options),
                p.ip_id == packet.ip_id,
                p.window == packet.window,
                p.flags == packet.flags,
                p.options == packet.options,
            ];
            let alike = alike.iter().filter(|&&same| same).count();
            let apart = at.since(other.at).max(other.at.since(at));
            let is_prompt = apart <= PROMPT;
            // Prompt ones in the order in which they came, others by how near they are.
            let order = if is_prompt { usize::MAX - input } else { 0 };
            (alike, is_prompt, order, std::cmp::Reverse(apart))
        })
    }
}
