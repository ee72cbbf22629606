//! What a capture has missed: bytes that no frame has, although the other end acknowledged them, or the capture
//! was interrupted there.
//!
//! A capture that was cut in the middle, or that could not keep up, leaves a model behind: what follows lies
//! beyond the windows that it knows. So segments of zeros stand in for what is missing, each with its
//! acknowledgement, and are told of; nothing is said of what a model makes of them.

use devices::steps::track::Sender;
use sim_core::wire::options::{Options, kind};
use sim_core::wire::packet::{Flags, Flow, Packet};
use sim_core::wire::payload::Payload;
use sim_core::wire::seq::Seq;

use crate::connections::Connection;
use crate::trace::Seen;

/// Most bytes of a capture that segments stand in for.
const BYTES_MAX: u64 = 64 << 20;
/// Payload of a stand-in where no segment of its sender was captured (RFC 9293 §3.7.1).
const SEGMENT_USUAL: u32 = 536;

/// Bytes that a capture has missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// From their sender to the end that acknowledged them.
    pub flow: Flow,
    /// How many.
    pub bytes: u64,
    /// The frame before which they were sent.
    pub frame: u32,
    /// Whether segments of zeros stand in for them.
    pub is_filled: bool,
}

/// A segment that stands in for one that was not captured.
#[derive(Clone, Debug)]
pub(crate) struct StandIn {
    pub(crate) sender: Sender,
    pub(crate) packet: Packet,
    /// It goes in before this packet of the trace.
    pub(crate) before: usize,
}

/// What the capture has missed of a connection, and what stands in for it; `budget` is what may still be filled.
pub(crate) fn missed(
    connection: &Connection,
    seen: &[Seen],
    budget: &mut u64,
) -> (Vec<Missed>, Vec<StandIn>) {
    let (mut told, mut stand_ins) = (Vec::new(), Vec::new());
    let ends = [Sender::Initiator, Sender::Responder];
    // Where the capture was interrupted, as what one end sent shows, the other may have sent something, too.
    let breaks = ends.map(|sender| {
        let holes = holes(connection, seen, sender, &[]);
        holes.iter().map(|hole| hole.before).collect::<Vec<_>>()
    });
    for sender in ends {
        for hole in holes(connection, seen, sender, &breaks[sender.peer() as usize]) {
            let is_filled = hole.bytes <= *budget;
            let next = &seen[hole.before];
            let flow = if sender == Sender::Initiator {
                connection.flow
            } else {
                connection.flow.reversed()
            };
            told.push(Missed { flow, bytes: hole.bytes, frame: next.frame, is_filled });
            if is_filled {
                *budget -= hole.bytes;
                stand_ins.extend(fill(connection, seen, sender, &hole));
            }
        }
    }
    stand_ins.sort_by_key(|stand_in| stand_in.before);
    (told, stand_ins)
}

/// The bytes of a capture that may be filled.
pub(crate) const fn budget() -> u64 {
    BYTES_MAX
}

/// A stretch of a stream that was acknowledged and not captured.
struct Hole {
    from: Seq,
    bytes: u64,
    /// The first packet of the trace that shows that it was sent.
    before: usize,
}

/// Positions of a stream, which do not wrap: counted on from the last one.
struct Positions {
    seq: Seq,
    at: i64,
}

impl Positions {
    fn of(&mut self, seq: Seq) -> i64 {
        self.at += i64::from(seq.distance(self.seq));
        self.seq = seq;
        self.at
    }
}

/// The holes in what `sender` sent; `breaks` are the packets before which the capture was interrupted.
fn holes(connection: &Connection, seen: &[Seen], sender: Sender, breaks: &[usize]) -> Vec<Hole> {
    let packets = || connection.packets.iter().map(|&(i, s)| (i, s, &seen[i].packet));
    let Some((.., first)) = packets().find(|(_, s, _)| *s == sender) else { return Vec::new() };
    let origin = first.seq;
    let positions = || Positions { seq: origin, at: 0 };
    // What was captured, and how far the peer has acknowledged.
    let (mut sent, mut acknowledged) = (positions(), positions());
    let (mut captured, mut acked) = (Vec::new(), 0);
    let mut since = 0;
    for (index, from, packet) in packets() {
        if from == sender {
            let at = sent.of(packet.seq);
            let is_after_break = breaks.iter().any(|&b| since < b && b <= index);
            since = index;
            captured.push((at, at + i64::from(packet.seq_len()), is_after_break));
        } else if packet.flags.has(Flags::ACK) {
            acked = acked.max(acknowledged.of(packet.ack));
        }
    }
    captured.sort_unstable();
    let (mut end, mut holes) = (0, Vec::new());
    for (from, to, is_after_break) in captured {
        // An acknowledgement of what was never sent is no sign; that the sender went on behind it is.
        if from > end && (acked >= from || is_after_break) {
            holes.push((end, from));
        }
        end = end.max(to);
    }
    let shows = |hole: i64| {
        let (mut sent, mut acknowledged) = (positions(), positions());
        packets().find(|(_, from, packet)| match *from == sender {
            true => sent.of(packet.seq) > hole,
            false => packet.flags.has(Flags::ACK) && acknowledged.of(packet.ack) > hole,
        })
    };
    holes
        .into_iter()
        .filter_map(|(from, to)| {
            let (before, ..) = shows(from)?;
            let seq = origin.add(from as u32);
            Some(Hole { from: seq, bytes: (to - from) as u64, before })
        })
        .collect()
}

/// Segments of zeros and their acknowledgements.
fn fill(connection: &Connection, seen: &[Seen], sender: Sender, hole: &Hole) -> Vec<StandIn> {
    let of = |end: Sender| connection.packets.iter().filter(move |(_, s)| *s == end);
    let before = |end: Sender| of(end).take_while(|&&(i, _)| i < hole.before).last();
    let last = |end: Sender| {
        let known = before(end).or_else(|| of(end).next());
        known.map(|&(index, _)| &seen[index].packet)
    };
    let (Some(data), Some(ack)) = (last(sender), last(sender.peer())) else { return Vec::new() };
    let longest = of(sender).map(|&(i, _)| seen[i].packet.payload.len).max().filter(|&len| len > 0);
    let segment = longest.unwrap_or(SEGMENT_USUAL);
    let mut stand_ins = Vec::new();
    let (mut at, mut left) = (hole.from, hole.bytes);
    while left > 0 {
        let len = u64::from(segment).min(left) as u32;
        let mut packet = bare(data);
        (packet.seq, packet.ack) = (at, ack.seq.add(ack.seq_len()));
        packet.payload = Payload::literal(vec![0; len as usize]);
        at = at.add(len);
        left -= u64::from(len);
        let mut answer = bare(ack);
        (answer.seq, answer.ack) = (packet.ack, at);
        for (sender, packet) in [(sender, packet), (sender.peer(), answer)] {
            stand_ins.push(StandIn { sender, packet, before: hole.before });
        }
    }
    stand_ins
}

/// A packet of the same end, with nothing in it but its timestamps.
fn bare(like: &Packet) -> Packet {
    let mut packet = like.clone();
    packet.flags = Flags::ACK;
    (packet.payload, packet.urgent, packet.checksum_fault) = (Payload::empty(), 0, 0);
    let stamps = like.options.find(kind::TIMESTAMPS).map(|option| option.bytes.to_vec());
    let padded = stamps.map(|stamps| [vec![kind::NOP; 2], stamps].concat()).unwrap_or_default();
    packet.options = Options::from_bytes(&padded).unwrap_or_default();
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::connections;
    use sim_core::time::SimTime;

    const A: &str = "10.0.0.1:4000";
    const B: &str = "10.0.0.2:80";

    /// Sender, flags, sequence number, acknowledgement, bytes.
    fn found(packets: &[(&str, Flags, u32, u32, u32)]) -> (Vec<(u64, u32)>, usize) {
        let seen: Vec<Seen> = packets
            .iter()
            .zip(1..)
            .map(|(&(from, flags, seq, ack, len), frame)| {
                let to = if from == A { B } else { A };
                let mut packet = Packet::new(from.parse().unwrap(), to.parse().unwrap());
                (packet.flags, packet.seq, packet.ack) = (flags, Seq(seq), Seq(ack));
                packet.payload = Payload::literal(vec![1; len as usize]);
                Seen { frame, at: SimTime(u64::from(frame)), interface: 0, packet, present: len }
            })
            .collect();
        let all = connections(seen.iter().map(|seen| &seen.packet));
        let (told, stand_ins) = missed(&all[0], &seen, &mut budget());
        (told.iter().map(|m| (m.bytes, m.frame)).collect(), stand_ins.len())
    }

    #[test]
    fn what_was_acknowledged_and_not_captured_is_missed() {
        let (syn, syn_ack, ack) = (Flags::SYN, Flags::SYN.with(Flags::ACK), Flags::ACK);
        let open = [
            (A, syn, u32::MAX - 499, 0, 0),
            (B, syn_ack, 900, u32::MAX - 498, 0),
            (A, ack, u32::MAX - 498, 901, 1000),
        ];
        let then = |more: &[(&str, Flags, u32, u32, u32)]| found(&[&open[..], more].concat());
        // 501 to 2501 is missing, and acknowledged later.
        let gap = [(A, ack, 2501, 901, 500), (B, ack, 901, 3001, 0)];
        assert_eq!(then(&gap), (vec![(2000, 4)], 4));
        // Shown first by an acknowledgement.
        let by_ack = [(B, ack, 901, 1501, 0), (A, ack, 2501, 901, 500), (B, ack, 901, 3001, 0)];
        assert_eq!(then(&by_ack), (vec![(2000, 4)], 4));
        // What the other end sent meanwhile is missing, too.
        let both = [(A, ack, 2501, 901, 500), (B, ack, 1901, 3001, 300)];
        assert_eq!(then(&both), (vec![(2000, 4), (1000, 5)], 12));
        // A loss, sent again, and a loss that stays.
        let again = [(A, ack, 1501, 901, 500), (A, ack, 501, 901, 1000), (B, ack, 901, 2001, 0)];
        assert_eq!(then(&again), (vec![], 0));
        assert_eq!(then(&[(A, ack, 1501, 901, 500), (B, ack, 901, 501, 0)]), (vec![], 0));
        // An acknowledgement of what nobody sent.
        assert_eq!(then(&[(B, ack, 901, 5001, 0)]), (vec![], 0));
    }
}
