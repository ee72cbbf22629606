//! Tells a retransmission that says something else than what was sent before.

use std::collections::VecDeque;

use sim_core::wire::packet::Packet;
use sim_core::wire::payload::Payload;
use sim_core::wire::seq::Seq;

/// Segments that are remembered, the newest ones.
const SEGMENTS_MAX: usize = 256;

/// What one direction of a connection has carried and the other end has not acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    segments: VecDeque<(Seq, Payload)>,
}

impl Sent {
    /// True when bytes of the packet differ from those that were sent at the same place.
    #[must_use]
    pub fn contradicts(&self, packet: &Packet) -> bool {
        self.segments.iter().any(|(at, sent)| {
            let (from, to) = (
                later(packet.seq, *at),
                earlier(packet.seq.add(packet.payload.len), at.add(sent.len)),
            );
            let len = to.distance(from);
            len > 0 && {
                let old = sent.slice(from.distance(*at) as u32, len as u32);
                let new = packet.payload.slice(from.distance(packet.seq) as u32, len as u32);
                old != new && old.to_vec() != new.to_vec()
            }
        })
    }

    /// Takes note of a packet.
    pub fn remember(&mut self, packet: &Packet) {
        if packet.payload.is_empty() {
            return;
        }
        if self.segments.len() == SEGMENTS_MAX {
            self.segments.pop_front();
        }
        self.segments.push_back((packet.seq, packet.payload.clone()));
    }

    /// Forgets what lies before `ack`.
    pub fn acknowledged(&mut self, ack: Seq) {
        self.segments.retain(|(at, sent)| ack.before(at.add(sent.len)));
    }
}

fn later(a: Seq, b: Seq) -> Seq {
    if a.before(b) { b } else { a }
}

fn earlier(a: Seq, b: Seq) -> Seq {
    if a.before(b) { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::packet;

    #[test]
    fn contradictions() {
        let segment = |seq: u32, bytes: &[u8]| {
            let mut p = packet();
            (p.seq, p.payload) = (Seq(seq), Payload::literal(bytes));
            p
        };
        let mut sent = Sent::default();
        sent.remember(&segment(100, b"abcdef"));
        assert!(!sent.contradicts(&segment(100, b"abcdef")));
        assert!(!sent.contradicts(&segment(103, b"defghi")));
        assert!(sent.contradicts(&segment(98, b"..xb")));
        assert!(!sent.contradicts(&segment(106, b"x")));
        sent.acknowledged(Seq(106));
        assert!(!sent.contradicts(&segment(100, b"xxxxxx")));
    }
}
