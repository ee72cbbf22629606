//! Which connections of two captures are one.

use std::net::SocketAddr;

use devices::steps::track::Sender;
use sim_core::wire::mptcp::{Subtype, mptcp_options};
use sim_core::wire::packet::Flow;

use crate::connections::{Connection, connections};
use crate::trace::{Seen, Trace};

/// Half of a connection: its packets in one of the captures.
#[derive(Clone, Debug)]
pub(crate) struct Half<'a> {
    pub(crate) trace: &'a Trace,
    /// From the end that opened it to the other, as they are called here.
    pub(crate) flow: Flow,
    /// Indices of its packets, and which end sent each.
    pub(crate) packets: Vec<(usize, Sender)>,
}

impl<'a> Half<'a> {
    fn new(trace: &'a Trace, connection: &Connection) -> Self {
        Self { trace, flow: connection.flow, packets: connection.packets.clone() }
    }

    /// What one end sent, in order.
    pub(crate) fn sent_by(&self, sender: Sender) -> Vec<&'a Seen> {
        let of = self.packets.iter().filter(|(_, s)| *s == sender);
        of.map(|&(index, _)| &self.trace.packets[index]).collect()
    }

    /// The same, as if the other end had opened it.
    fn turned(mut self) -> Self {
        self.flow = self.flow.reversed();
        self.packets.iter_mut().for_each(|(_, sender)| *sender = sender.peer());
        self
    }

    /// Takes packets that are of the same connection although they are addressed otherwise.
    fn take(&mut self, other: Self, shared: SocketAddr) {
        let is_turned = (self.flow.src == shared) != (other.flow.src == shared);
        let other = if is_turned { other.turned() } else { other };
        self.packets.extend(other.packets);
        self.packets.sort_unstable_by_key(|&(index, _)| index);
    }
}

/// The connections of two captures, each with what was seen of it in either, in the order of their first
/// packets.
pub(crate) fn pair<'a>(before: &'a Trace, after: &'a Trace) -> Vec<[Option<Half<'a>>; 2]> {
    let listed = |trace: &Trace| connections(trace.packets.iter().map(|seen| &seen.packet));
    let (a, b) = (listed(before), listed(after));
    let mut paired: Vec<[Option<Half<'_>>; 2]> = alike(before, &a, after, &b)
        .into_iter()
        .map(|(i, j)| [i.map(|i| Half::new(before, &a[i])), j.map(|j| Half::new(after, &b[j]))])
        .collect();
    // A box that translates one direction only, or of which one side shows another beginning, makes two
    // of a connection on one side.
    let mut at = 0;
    while at < paired.len() {
        match belongs(&paired, at) {
            Some(Belongs { whole, side, as_seen_by }) => {
                let half = paired[at][side].take().expect("it has this half only");
                match &mut paired[whole][side] {
                    Some(known) => known.take(half, as_seen_by),
                    none => *none = Some(half.turned()),
                }
                paired.remove(at);
            }
            None => at += 1,
        }
    }
    paired
}

/// A half that is of another connection.
struct Belongs {
    whole: usize,
    side: usize,
    /// The end by which it is told who sent what.
    as_seen_by: SocketAddr,
}

/// The connection that a half without another one is a part of.
fn belongs(paired: &[[Option<Half<'_>>; 2]], at: usize) -> Option<Belongs> {
    let side = match &paired[at] {
        [Some(_), None] => 0,
        [None, Some(_)] => 1,
        _ => return None,
    };
    let half = paired[at][side].as_ref()?;
    let (first, _) = *half.packets.first()?;
    let opens = half.trace.packets[first].packet.flags.is_initial_syn();
    let own = [half.flow.src, half.flow.dst];
    let fits = |(whole, other): (usize, &[Option<Half<'_>>; 2])| {
        if whole == at {
            return None;
        }
        let Some(known) = &other[side] else {
            // One side saw the other end open it.
            let across = other[1 - side].as_ref()?;
            let turned = across.flow == half.flow.reversed();
            return turned.then_some((0, Belongs { whole, side, as_seen_by: half.flow.src }));
        };
        let (since, _) = *known.packets.first()?;
        let same = known.flow.canonical() == half.flow.canonical();
        let shared = own.into_iter().find(|end| [known.flow.src, known.flow.dst].contains(end))?;
        let fits = since < first && (same || !opens);
        fits.then_some((since, Belongs { whole, side, as_seen_by: shared }))
    };
    let all = paired.iter().enumerate().filter_map(fits);
    all.max_by_key(|&(since, _)| since).map(|(_, belongs)| belongs)
}

/// Connections of the two captures that look like one; each connection stands in one pair.
fn alike(
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
