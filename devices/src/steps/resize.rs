//! Replaces bytes of the stream by more or fewer, and keeps both ends' counting in step, as an
//! application-level gateway does.
//!
//! Positions are in the space of the end that sends the data ("own"); what the receiver counts is
//! "visible". A replacement holds for good: a retransmission is rewritten the same way.

use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::payload::Payload;
use sim_core::wire::seq::Seq;

/// One replacement: `removes` bytes from `at` on give way to `inserts`, which stand in front of what
/// follows.
#[derive(Clone, Debug)]
struct Replacement {
    at: Seq,
    removes: u32,
    inserts: Box<[u8]>,
    /// Growth by this one and all before it.
    growth: i32,
}

/// The replacements in one direction of a connection.
#[derive(Clone, Debug, Default)]
pub struct Resizing {
    /// In the order of their positions.
    all: Vec<Replacement>,
}

impl Resizing {
    /// True when nothing was replaced so far.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Replaces `removes` bytes from `at` on by `inserts`; false (and nothing is done) before or
    /// within an earlier replacement, whose counting other packets rely on already.
    pub fn replace(&mut self, at: Seq, removes: u32, inserts: &[u8]) -> bool {
        let before = match self.all.last() {
            Some(last) if at.before(last.at.add(last.removes.max(1))) => return false,
            Some(last) => last.growth,
            None => 0,
        };
        let growth = before + inserts.len() as i32 - removes as i32;
        self.all.push(Replacement { at, removes, inserts: inserts.into(), growth });
        true
    }

    /// The receiver's number for an own one.
    #[must_use]
    pub fn visible(&self, own: Seq) -> Seq {
        let Some((r, before)) = self.last_where(|r, _| r.at.before(own)) else { return own };
        let end = r.at.add(r.removes);
        if own.before(end) {
            return r.at.add(before.wrapping_add_signed(r.inserts.len() as i32));
        }
        own.add(r.growth as u32)
    }

    /// The own number that a receiver's acknowledgement speaks of.
    #[must_use]
    pub fn own(&self, visible: Seq) -> Seq {
        let touches = |r: &Replacement, before: u32| {
            let start = r.at.add(before);
            // Bytes that were removed without a substitute are acknowledged with what precedes them.
            start.before(visible) || (start == visible && r.inserts.is_empty())
        };
        let Some((r, before)) = self.last_where(touches) else { return visible };
        let end = r.at.add(before).add(r.inserts.len() as u32);
        if visible.before(end) { r.at } else { visible.add((r.growth as u32).wrapping_neg()) }
    }

    /// Brings the acknowledgement of a packet of the other direction, and with `fix_sack` its SACK
    /// blocks, to own numbers.
    pub fn restore(&self, packet: &mut Packet, fix_sack: bool) {
        if self.is_empty() {
            return;
        }
        if packet.flags.has(Flags::ACK) {
            packet.ack = self.own(packet.ack);
        }
        if fix_sack {
            map_sack(packet, |edge| self.own(edge));
        }
    }

    /// Rewrites the payload and the sequence number of a packet of this direction; returns by how
    /// much its payload grew, when it was rewritten.
    pub fn rewrite(&self, packet: &mut Packet) -> Option<i32> {
        if self.all.is_empty() {
            return None;
        }
        let (start, len) = (packet.seq, packet.payload.len);
        let end = start.add(len);
        // What lies before the segment is passed over from the newest back: they are ordered.
        let reaches = |r: &&Replacement| start.before(r.at.add(r.removes.max(1)));
        let from = self.all.len() - self.all.iter().rev().take_while(reaches).count();
        let touching = &self.all[from..];
        let touched = touching.first().is_some_and(|r| r.at.before(end));
        packet.seq = self.visible(start);
        if !touched || len == 0 {
            return None;
        }
        let old = packet.payload.to_vec();
        let mut new = Vec::with_capacity(old.len() + 64);
        let mut taken = 0;
        for r in touching {
            let at = r.at.distance(start);
            let removed_to = (at + r.removes as i32).clamp(0, len as i32) as usize;
            if at >= 0 && at < len as i32 {
                new.extend_from_slice(&old[taken..at as usize]);
                new.extend_from_slice(&r.inserts);
                taken = removed_to;
            } else if at < 0 && removed_to > 0 {
                taken = removed_to;
            }
        }
        new.extend_from_slice(&old[taken.min(old.len())..]);
        let growth = new.len() as i32 - old.len() as i32;
        packet.payload = Payload::literal(new);
        Some(growth)
    }

    /// The last replacement that `holds`, with the growth before it; they are ordered.
    fn last_where(&self, holds: impl Fn(&Replacement, u32) -> bool) -> Option<(&Replacement, u32)> {
        let before = |at: usize| at.checked_sub(1).map_or(0, |b| self.all[b].growth) as u32;
        (0..self.all.len())
            .rev()
            .map(|at| (&self.all[at], before(at)))
            .find(|&(r, before)| holds(r, before))
    }
}

/// Maps both edges of every SACK block (RFC 2018 §3).
fn map_sack(packet: &mut Packet, map: impl Fn(Seq) -> Seq) {
    let Some(span) = packet.options.find(kind::SACK).map(|o| o.span()) else { return };
    for edge in packet.options.bytes_mut()[span].get_mut(2..).unwrap_or(&mut []).chunks_exact_mut(4)
    {
        let value = Seq(u32::from_be_bytes([edge[0], edge[1], edge[2], edge[3]]));
        edge.copy_from_slice(&map(value).0.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::packet;

    fn rewritten(resizing: &Resizing, seq: u32, bytes: &[u8]) -> (u32, Vec<u8>) {
        let mut p = packet();
        p.seq = Seq(seq);
        p.payload = Payload::literal(bytes);
        resizing.rewrite(&mut p);
        (p.seq.0, p.payload.to_vec())
    }

    #[test]
    fn longer() {
        let mut r = Resizing::default();
        assert!(r.replace(Seq(103), 2, b"WXYZ!"));
        assert_eq!(rewritten(&r, 100, b"abcdefg"), (100, b"abcWXYZ!fg".to_vec()));
        assert_eq!(rewritten(&r, 107, b"next"), (110, b"next".to_vec()));
        // Retransmissions cut elsewhere give the same bytes at the same places.
        assert_eq!(rewritten(&r, 100, b"abc"), (100, b"abc".to_vec()));
        assert_eq!(rewritten(&r, 103, b"defg"), (103, b"WXYZ!fg".to_vec()));
        assert_eq!(rewritten(&r, 104, b"efg"), (108, b"fg".to_vec()));
        let acks = [(103, 103), (105, 103), (108, 105), (109, 106), (114, 111)];
        for (visible, own) in acks {
            assert_eq!(r.own(Seq(visible)), Seq(own), "{visible}");
        }
    }

    #[test]
    fn shorter() {
        let mut r = Resizing::default();
        assert!(r.replace(Seq(102), 3, b""));
        assert_eq!(rewritten(&r, 100, b"abcdefg"), (100, b"abfg".to_vec()));
        assert_eq!(rewritten(&r, 107, b"h"), (104, b"h".to_vec()));
        assert_eq!(rewritten(&r, 103, b"de"), (102, vec![]));
        assert_eq!([102, 104].map(|v| r.own(Seq(v)).0), [105, 107]);
    }

    #[test]
    fn several_and_wrapping() {
        let mut r = Resizing::default();
        assert!(r.replace(Seq(u32::MAX - 1), 0, b"++"));
        assert!(!r.replace(Seq(u32::MAX - 1), 0, b"--"), "one place, one replacement");
        assert!(r.replace(Seq(5), 1, b""));
        assert_eq!(
            rewritten(&r, u32::MAX - 3, b"abcdefghij"),
            (u32::MAX - 3, b"ab++cdefghi".to_vec())
        );
        assert_eq!(r.visible(Seq(10)), Seq(11));
        assert_eq!(r.own(Seq(11)), Seq(10));
    }

    proptest::proptest! {
        /// However a stream is cut, the receiver sees one stream without gaps.
        #[test]
        fn segments_stay_contiguous(
            cuts in proptest::collection::vec(1usize..30, 1..8),
            edits in proptest::collection::vec((0u32..20, 0u32..4, 0usize..4), 0..4),
            base in proptest::prelude::any::<u32>(),
        ) {
            let stream: Vec<u8> = (0..cuts.iter().sum::<usize>()).map(|i| i as u8).collect();
            let mut r = Resizing::default();
            let mut at = 0;
            for (gap, removes, inserts) in edits {
                at += gap;
                r.replace(Seq(base).add(at), removes, &b"INS!"[..inserts]);
                at += removes + 1;
            }
            let whole = rewritten(&r, base, &stream);
            let (mut joined, mut next, mut from) = (Vec::new(), whole.0, 0);
            for cut in cuts {
                let (seq, bytes) = rewritten(&r, base.wrapping_add(from as u32), &stream[from..from + cut]);
                proptest::prop_assert!(bytes.is_empty() || seq == next);
                next = seq.wrapping_add(bytes.len() as u32);
                joined.extend(bytes);
                from += cut;
            }
            proptest::prop_assert_eq!(joined, whole.1);
            let end = Seq(base).add(stream.len() as u32);
            proptest::prop_assert!(!r.own(r.visible(end)).before(end) || r.own(r.visible(end)) == end);
        }
    }
}
