//! A device that does to packets what boxes on the internet have been seen to do.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use sim_core::engine::device::{Change, Device, Effects, Forwarding, PortId, Rule, Side};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::mptcp::Subtype;
use sim_core::wire::options::{Options, kind};
use sim_core::wire::packet::{Flags, Flow, Packet};
use sim_core::wire::payload::Payload;
use sim_core::wire::seq::Seq;

use crate::combination::Draw;

/// Which packets a trick is played on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    /// Coming from this side only.
    side: Option<Side>,
    /// SYNs; SYN/ACKs; everything else.
    syn: bool,
    syn_ack: bool,
    rest: bool,
    /// From this packet of its direction on, and before that one.
    from: u64,
    until: u64,
}

impl When {
    fn draw(d: &mut Draw) -> Self {
        let side = d.one_of(&[None, Some(Side::Inside), Some(Side::Outside)]);
        let from = d.one_of(&[0, 0, 1, 2, 3, 5, 20]);
        let until = from + d.one_of(&[1, 3, 30, u64::MAX / 2]);
        let (syn, syn_ack, rest) = d.one_of(&[
            (true, true, true),
            (true, false, false),
            (false, true, false),
            (false, false, true),
        ]);
        Self { side, syn, syn_ack, rest, from, until }
    }

    fn holds(&self, from: Side, packet: &Packet, count: u64) -> bool {
        let of_kind = if packet.flags.is_initial_syn() {
            self.syn
        } else if packet.flags.is_syn_ack() {
            self.syn_ack
        } else {
            self.rest
        };
        of_kind && self.side.is_none_or(|s| s == from) && (self.from..self.until).contains(&count)
    }

    /// On every packet that it could be played on, from the first SYN on.
    fn is_consistent(&self) -> bool {
        let only_syn_ack = self.syn_ack && !self.rest && self.side != Some(Side::Inside);
        self.from == 0 && self.until > 1000 && (self.syn || only_syn_ack)
    }
}

/// What a box does.
#[derive(Clone, Debug)]
pub(crate) enum Trick {
    /// Overwrites option 30 (of one subtype, or any) with this byte.
    Blank { when: When, subtype: Option<Subtype>, with: u8 },
    /// Cuts an option out.
    Remove { when: When, kind: u8 },
    /// Randomises initial sequence numbers; forgets to translate SACK blocks, or not.
    RandomiseIsn { sacks: bool },
    /// Flips a byte of the payload.
    Flip { when: When },
    /// Inserts or removes bytes in the nth segment with data, and shifts what follows.
    Resize { side: Side, nth: u64, by: i8 },
    /// Cuts payloads to this size; every piece gets the options, or only the first.
    Split { most: u32, options_on_all: bool },
    /// Merges a segment with the one before it.
    Coalesce { side: Side },
    /// Drops, so many in a hundred.
    Drop { when: When, percent: u64 },
    /// Drops SYNs with option 30.
    DropMptcpSyn,
    /// Resets the connection that the packet belongs to.
    Reset { when: When, silently: bool },
    /// Holds some packets back, so that others overtake them.
    Hold { percent: u64, ms: u64 },
    /// Sends some twice.
    Repeat { percent: u64 },
    /// Translates the client's address and port.
    Nat,
    /// Acknowledges data before the receiver has it.
    AckAhead { when: When },
    /// Writes this into the window field.
    Window { when: When, value: u16 },
}

impl Trick {
    pub(crate) fn draw(d: &mut Draw) -> Self {
        let side = d.one_of(&[Side::Inside, Side::Outside]);
        match d.between(0, 18) {
            0..=2 => Self::Blank {
                when: When::draw(d),
                subtype: d.one_of(&[
                    None,
                    None,
                    Some(Subtype::Dss),
                    Some(Subtype::Capable),
                    Some(Subtype::Join),
                    Some(Subtype::AddAddr),
                ]),
                with: d.between(0, 1) as u8,
            },
            3 | 4 => Self::Remove {
                when: When::draw(d),
                kind: d.one_of(&[
                    kind::MPTCP,
                    kind::MPTCP,
                    kind::TIMESTAMPS,
                    kind::SACK_PERMITTED,
                    kind::SACK,
                    kind::WINDOW_SCALE,
                    kind::MSS,
                ]),
            },
            5 => Self::RandomiseIsn { sacks: d.percent(70) },
            6 | 7 => Self::Flip { when: When::draw(d) },
            8 => {
                Self::Resize { side, nth: d.between(0, 20), by: d.one_of(&[-40, -3, -1, 1, 2, 50]) }
            }
            9 => Self::Split { most: d.between(100, 1400) as u32, options_on_all: d.percent(70) },
            10 => Self::Coalesce { side },
            11 => Self::Drop { when: When::draw(d), percent: d.one_of(&[10, 50, 100]) },
            12 => Self::DropMptcpSyn,
            13 => Self::Reset { when: When::draw(d), silently: d.percent(30) },
            14 => Self::Hold { percent: d.between(1, 30), ms: d.one_of(&[1, 20, 300]) },
            15 => Self::Repeat { percent: d.between(1, 50) },
            16 => Self::Nat,
            17 => Self::AckAhead { when: When::draw(d) },
            _ => Self::Window { when: When::draw(d), value: d.one_of(&[0, 1, 2000, 20_000]) },
        }
    }

    /// True when it sends packets itself, or keeps them: to be played after those that edit.
    fn sends(&self) -> bool {
        matches!(
            self,
            Self::Split { .. } | Self::Coalesce { .. } | Self::Hold { .. } | Self::Repeat { .. }
        )
    }

    /// True when it renumbers bytes: one of these is enough.
    pub(crate) fn renumbers(&self) -> bool {
        matches!(self, Self::RandomiseIsn { .. } | Self::Resize { .. })
    }

    /// True when a pair of hosts has no excuse for failing over it.
    pub(crate) fn must_be_survived(&self) -> bool {
        match self {
            Self::Blank { when, subtype, .. } => when.is_consistent() && subtype.is_none(),
            Self::Remove { when, kind } => {
                (*kind == kind::MPTCP && when.is_consistent())
                    || (matches!(*kind, kind::SACK_PERMITTED | kind::MSS) && when.syn)
                    || *kind == kind::SACK
            }
            Self::RandomiseIsn { sacks } => *sacks,
            Self::Split { options_on_all, .. } => *options_on_all,
            Self::Hold { .. } | Self::Repeat { .. } | Self::Nat | Self::DropMptcpSyn => true,
            Self::Window { value, .. } => *value >= 2000,
            Self::Flip { .. }
            | Self::Resize { .. }
            | Self::Coalesce { .. }
            | Self::Drop { .. }
            | Self::Reset { .. }
            | Self::AckAhead { .. } => false,
        }
    }
}

/// What is remembered of a flow, by its client side.
#[derive(Debug, Default)]
struct FlowState {
    /// Added to the sequence numbers of each direction.
    shift: Option<[u32; 2]>,
    /// Where in each direction bytes came or went, and how many.
    resized: [Option<(Seq, i32)>; 2],
    data_segments: [u64; 2],
}

impl FlowState {
    /// From the sender's sequence numbers to the receiver's.
    fn forth(&self, direction: usize, seq: Seq) -> Seq {
        let shifted = self.shift.map_or(0, |s| s[direction]);
        let moved = match self.resized[direction] {
            Some((at, by)) if seq.distance(at) > 0 => {
                if by < 0 {
                    by.max(-seq.distance(at))
                } else {
                    by
                }
            }
            _ => 0,
        };
        seq.add(moved as u32).add(shifted)
    }

    /// And back, for acknowledgements. What was removed counts as acknowledged with what is before it.
    fn back(&self, direction: usize, ack: Seq, shift: bool) -> Seq {
        let shifted = self.shift.filter(|_| shift).map_or(0, |s| s[direction]);
        let ack = Seq(ack.0.wrapping_sub(shifted));
        match self.resized[direction] {
            Some((at, by)) if by < 0 && ack.distance(at) >= 0 => ack.add(by.unsigned_abs()),
            Some((at, by)) if by > 0 && ack.distance(at) > 0 => {
                ack.add((-by.min(ack.distance(at))) as u32)
            }
            _ => ack,
        }
    }
}

/// The device.
#[derive(Debug)]
pub(crate) struct Mischief {
    edits: Vec<Trick>,
    sends: Vec<Trick>,
    draw: Draw,
    inside: IpAddr,
    outside: IpAddr,
    counts: [u64; 2],
    flows: BTreeMap<Flow, FlowState>,
    held: Vec<(SimTime, PortId, Packet)>,
    waiting: Option<(SimTime, PortId, Packet)>,
    ports: BTreeMap<u16, u16>,
    rule: Arc<Rule>,
}

impl std::fmt::Debug for Draw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Draw")
    }
}

impl Mischief {
    /// A device with these tricks; a NAT among them translates `inside` to `outside`.
    pub(crate) fn new(
        seed: u64,
        name: &str,
        tricks: Vec<Trick>,
        inside: IpAddr,
        outside: IpAddr,
    ) -> Self {
        let (sends, edits): (Vec<Trick>, Vec<Trick>) = tricks.into_iter().partition(Trick::sends);
        let rule = Rule::scenario("mischief", "random worlds");
        Self {
            edits,
            sends,
            draw: Draw::new(seed, name),
            inside,
            outside,
            counts: [0; 2],
            flows: BTreeMap::new(),
            held: Vec::new(),
            waiting: None,
            ports: BTreeMap::new(),
            rule,
        }
    }

    fn sign(&self, effects: &mut Effects, packet: &Packet, change: Change) {
        effects.record(packet, &self.rule, change);
    }

    /// Plays one trick; `None`: the packet goes on to the next.
    fn play(
        &mut self,
        now: SimTime,
        trick: &Trick,
        ingress: PortId,
        count: u64,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Option<Forwarding> {
        let side = ingress.side();
        let egress = ingress.peer();
        let direction = usize::from(side == Side::Outside);
        match trick {
            Trick::Blank { when, subtype, with } => {
                while when.holds(side, packet, count) {
                    let wanted = |o: &sim_core::wire::options::RawOption<'_>| {
                        o.kind == kind::MPTCP && (subtype.is_none() || Subtype::of(o) == *subtype)
                    };
                    let Some(found) = packet.options.iter().find(wanted) else { break };
                    let (span, subtype) = (found.span(), Subtype::of(&found));
                    packet.options.fill(span, *with);
                    let change = Change::OptionBlanked { kind: kind::MPTCP, subtype, with: *with };
                    self.sign(effects, packet, change);
                }
            }
            Trick::Remove { when, kind } => {
                while when.holds(side, packet, count)
                    && let Some(found) = packet.options.find(*kind)
                {
                    let (span, subtype) = (found.span(), Subtype::of(&found));
                    packet.options.remove(span);
                    self.sign(effects, packet, Change::OptionRemoved { kind: *kind, subtype });
                }
            }
            Trick::RandomiseIsn { sacks } => self.translate(direction, packet, *sacks),
            Trick::Flip { when } => {
                if !packet.payload.is_empty() && when.holds(side, packet, count) {
                    let at = self.draw.between(0, u64::from(packet.payload.len) - 1) as usize;
                    packet.payload.make_literal()[at] ^= 0x20;
                    self.sign(effects, packet, Change::Payload { growth: 0 });
                }
            }
            Trick::Resize { side: on, nth, by } => {
                if side == *on {
                    self.resize(direction, packet, *nth, i32::from(*by), effects);
                }
                self.translate(direction, packet, true);
            }
            Trick::Split { most, options_on_all } => {
                self.split(egress, packet, *most, *options_on_all, effects);
            }
            Trick::Coalesce { side: on } if side == *on => {
                return self.coalesce(now, egress, packet, effects);
            }
            Trick::Coalesce { .. } => {}
            Trick::Drop { when, percent } => {
                if when.holds(side, packet, count) && self.draw.percent(*percent) {
                    self.sign(effects, packet, Change::Dropped { reason: "mischief" });
                    return Some(Forwarding::Drop);
                }
            }
            Trick::DropMptcpSyn => {
                if packet.flags.is_initial_syn() && packet.options.has(kind::MPTCP) {
                    self.sign(effects, packet, Change::Dropped { reason: "option 30" });
                    return Some(Forwarding::Drop);
                }
            }
            Trick::Reset { when, silently } => {
                if when.holds(side, packet, count) && !packet.flags.has(Flags::RST) {
                    self.reset(ingress, packet, *silently, effects);
                    return Some(Forwarding::Drop);
                }
            }
            Trick::Hold { percent, ms } => {
                if self.draw.percent(*percent) {
                    self.sign(effects, packet, Change::Held);
                    let until = now + SimDuration::from_millis(*ms);
                    self.held.push((until, egress, packet.clone()));
                    return Some(Forwarding::Consumed);
                }
            }
            Trick::Repeat { percent } => {
                if self.draw.percent(*percent) {
                    effects.emit(egress, packet.clone());
                }
            }
            Trick::Nat => self.nat(side, packet),
            Trick::AckAhead { when } => {
                if !packet.payload.is_empty() && when.holds(side, packet, count) {
                    let mut ack = Packet::new(packet.destination(), packet.source());
                    ack.flags = Flags::ACK;
                    ack.seq = packet.ack;
                    ack.ack = packet.seq.add(packet.payload.len);
                    ack.window = 1000;
                    effects.emit_new(ingress, ack);
                    self.sign(effects, packet, Change::Answered { with: "ACK" });
                }
            }
            Trick::Window { when, value } => {
                if when.holds(side, packet, count) {
                    packet.window = *value;
                    self.sign(effects, packet, Change::Field { name: "window" });
                }
            }
        }
        None
    }

    /// The state of the packet's flow, by the flow of its client side.
    fn flow(&mut self, direction: usize, packet: &Packet) -> &mut FlowState {
        let flow = if direction == 0 { packet.flow() } else { packet.flow().reversed() };
        self.flows.entry(flow).or_default()
    }

    /// Sequence and acknowledgement numbers, as the ISNs and the changed lengths ask for.
    fn translate(&mut self, direction: usize, packet: &mut Packet, sacks: bool) {
        let randomises = self.edits.iter().any(|t| matches!(t, Trick::RandomiseIsn { .. }));
        let fresh = [(); 2].map(|()| self.draw.between(0, u64::from(u32::MAX)) as u32);
        let state = self.flow(direction, packet);
        if randomises && state.shift.is_none() && packet.flags.is_initial_syn() {
            state.shift = Some(fresh);
        }
        packet.seq = state.forth(direction, packet.seq);
        if packet.flags.has(Flags::ACK) {
            packet.ack = state.back(1 - direction, packet.ack, true);
        }
        let Some(found) = packet.options.find(kind::SACK).filter(|_| sacks) else { return };
        let span = found.span();
        let state = &*self.flow(direction, packet);
        let edges: Vec<Seq> = packet.options.as_bytes()[span.start + 2..span.end]
            .chunks_exact(4)
            .map(|e| Seq(u32::from_be_bytes([e[0], e[1], e[2], e[3]])))
            .map(|edge| state.back(1 - direction, edge, true))
            .collect();
        let bytes = &mut packet.options.bytes_mut()[span.start + 2..span.end];
        for (to, edge) in bytes.chunks_exact_mut(4).zip(edges) {
            to.copy_from_slice(&edge.0.to_be_bytes());
        }
    }

    /// Inserts or removes bytes where this flow's place for it is.
    fn resize(
        &mut self,
        direction: usize,
        packet: &mut Packet,
        nth: u64,
        by: i32,
        effects: &mut Effects,
    ) {
        let len = packet.payload.len;
        let state = self.flow(direction, packet);
        if len == 0 {
            return;
        }
        if state.data_segments[direction] == nth && state.resized[direction].is_none() {
            state.resized[direction] = Some((packet.seq.add(len / 2), by));
        }
        state.data_segments[direction] += 1;
        let Some((at, by)) = state.resized[direction] else { return };
        let offset = at.distance(packet.seq);
        let bytes = packet.payload.to_vec();
        let mut changed = Vec::new();
        for (i, &byte) in (0i32..).zip(&bytes) {
            if by > 0 && i == offset {
                changed.resize(changed.len() + by as usize, b'+');
            }
            if by > 0 || !(offset..offset - by).contains(&i) {
                changed.push(byte);
            }
        }
        if changed.len() != bytes.len() {
            let growth = changed.len() as i32 - bytes.len() as i32;
            packet.payload = Payload::literal(changed);
            self.sign(effects, packet, Change::Payload { growth });
        }
    }

    /// Sends all pieces but the last, which the packet becomes.
    fn split(
        &self,
        egress: PortId,
        packet: &mut Packet,
        most: u32,
        options_on_all: bool,
        effects: &mut Effects,
    ) {
        if packet.payload.len <= most {
            return;
        }
        let pieces = packet.payload.len.div_ceil(most) as u8;
        self.sign(effects, packet, Change::Split { pieces });
        while packet.payload.len > most {
            let mut piece = packet.clone();
            piece.payload = packet.payload.slice(0, most);
            piece.flags = piece.flags.without(Flags::FIN);
            packet.payload = packet.payload.slice(most, packet.payload.len - most);
            packet.seq = packet.seq.add(most);
            if !options_on_all {
                packet.options = Options::new();
            }
            effects.emit_new(egress, piece);
        }
    }

    /// Waits for a neighbour, for a little while.
    fn coalesce(
        &mut self,
        now: SimTime,
        egress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Option<Forwarding> {
        let first = self.waiting.take();
        if let Some((_, port, mut first)) = first {
            let adjacent = first.flow() == packet.flow()
                && first.seq.add(first.payload.len) == packet.seq
                && first.payload.len + packet.payload.len <= 1400
                && !packet.payload.is_empty();
            if adjacent {
                let change = Change::Coalesced { into: first.uid };
                self.sign(effects, packet, change);
                let mut both = first.payload.to_vec();
                both.extend(packet.payload.to_vec());
                first.payload = Payload::literal(both);
                first.flags = first.flags.with(packet.flags);
                effects.emit(port, first);
                return Some(Forwarding::Consumed);
            }
            effects.emit(port, first);
        }
        if packet.payload.is_empty() || packet.payload.len > 1200 {
            return None;
        }
        self.waiting = Some((now + SimDuration::from_millis(5), egress, packet.clone()));
        Some(Forwarding::Consumed)
    }

    fn reset(&mut self, ingress: PortId, packet: &Packet, silently: bool, effects: &mut Effects) {
        self.sign(effects, packet, Change::Reset { reason: "mischief" });
        let mut back = Packet::new(packet.destination(), packet.source());
        back.flags = Flags::RST.with(Flags::ACK);
        back.seq = packet.ack;
        back.ack = packet.seq.add(packet.seq_len());
        effects.emit_new(ingress, back);
        if !silently {
            let mut forth = Packet::new(packet.source(), packet.destination());
            forth.flags = Flags::RST;
            forth.seq = packet.seq;
            effects.emit_new(ingress.peer(), forth);
        }
    }

    fn nat(&mut self, side: Side, packet: &mut Packet) {
        if side == Side::Inside && packet.src == self.inside {
            let next = 1024 + self.ports.len() as u16;
            packet.src = self.outside;
            packet.src_port = *self.ports.entry(packet.src_port).or_insert(next);
        } else if side == Side::Outside && packet.dst == self.outside {
            let port = self.ports.iter().find(|&(_, &shown)| shown == packet.dst_port);
            if let Some((&own, _)) = port {
                packet.dst = self.inside;
                packet.dst_port = own;
            }
        }
    }
}

impl Device for Mischief {
    fn model(&self) -> &'static str {
        "mischief"
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        let direction = usize::from(ingress.side() == Side::Outside);
        let count = self.counts[direction];
        self.counts[direction] += 1;
        // On the way back a translation undoes first what it did last.
        let mut tricks = self.edits.clone();
        if direction == 1 {
            tricks.reverse();
        }
        for trick in tricks.iter().chain(&self.sends.clone()) {
            if let Some(end) = self.play(now, trick, ingress, count, packet, effects) {
                return end;
            }
        }
        Forwarding::Through
    }

    fn next_timeout(&self) -> Option<SimTime> {
        let held = self.held.iter().map(|(at, ..)| *at);
        held.chain(self.waiting.as_ref().map(|(at, ..)| *at)).min()
    }

    fn on_timeout(&mut self, now: SimTime, effects: &mut Effects) {
        let (due, held) = self.held.drain(..).partition(|(at, ..)| *at <= now);
        self.held = held;
        let due: Vec<(SimTime, PortId, Packet)> = due;
        for (_, port, packet) in due {
            effects.emit(port, packet);
        }
        if let Some((_, port, packet)) = self.waiting.take_if(|(at, ..)| *at <= now) {
            effects.emit(port, packet);
        }
    }

    /// Only the counts begin again: a box that forgot its translations would cut every connection.
    fn reload(&mut self, _now: SimTime) {
        self.counts = [0; 2];
    }
}
