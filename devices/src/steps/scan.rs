//! Reads the stream of one direction as a reassembling inspection does: in order, across segments.

use sim_core::wire::packet::Packet;
use sim_core::wire::seq::Seq;

/// Segments that may wait for a hole before them to be filled.
const WAITING_MAX: usize = 256;

/// One direction of a connection, as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    next: Option<Seq>,
    /// The last bytes read, then those that the newest packet brought in order.
    window: Vec<u8>,
    /// Where the newest bytes begin in `window`.
    fresh: usize,
    waiting: Vec<(Seq, Vec<u8>)>,
}

impl Scan {
    /// Reads a packet; `keep` bytes of what was read before stay to be seen across the boundary.
    pub fn feed(&mut self, packet: &Packet, keep: usize) {
        let drop = self.window.len().saturating_sub(keep);
        self.window.drain(..drop);
        self.fresh = self.window.len();
        if packet.payload.is_empty() {
            return;
        }
        let next = *self.next.get_or_insert(packet.seq);
        if next.before(packet.seq) {
            if self.waiting.len() < WAITING_MAX {
                self.waiting.push((packet.seq, packet.payload.to_vec()));
            }
            return;
        }
        self.take(packet.seq, &packet.payload.to_vec());
        while let Some(at) = self.waiting.iter().position(|(seq, _)| self.reaches(*seq)) {
            let (seq, bytes) = self.waiting.swap_remove(at);
            self.take(seq, &bytes);
        }
    }

    fn reaches(&self, seq: Seq) -> bool {
        self.next.is_some_and(|next| !next.before(seq))
    }

    /// Appends what is new of bytes that begin at `seq`, not after the next one expected.
    fn take(&mut self, seq: Seq, bytes: &[u8]) {
        let Some(next) = self.next else { return };
        let known = next.distance(seq).max(0) as usize;
        if let Some(new) = bytes.get(known..) {
            self.window.extend_from_slice(new);
            self.next = Some(next.add(new.len() as u32));
        }
    }

    /// True when the newest packet completed a match of `regex` in what is kept of the stream.
    #[must_use]
    pub fn completes_match(&self, regex: &regex::bytes::Regex) -> bool {
        self.fresh < self.window.len()
            && regex.find_iter(&self.window).any(|found| found.end() > self.fresh)
    }

    /// True when the newest packet completed an occurrence of `text`.
    #[must_use]
    pub fn completes(&self, text: &[u8]) -> bool {
        let from = self.fresh.saturating_sub(text.len().saturating_sub(1));
        self.fresh < self.window.len() && find(&self.window[from..], text).is_some()
    }
}

/// Where `text` first stands in `bytes`.
#[must_use]
pub fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    if text.is_empty() {
        return None;
    }
    bytes.windows(text.len()).position(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::packet;
    use sim_core::wire::payload::Payload;

    #[test]
    fn text_across_segments_out_of_order_and_again() {
        let mut scan = Scan::default();
        let mut feed = |seq: u32, bytes: &[u8]| {
            let mut p = packet();
            (p.seq, p.payload) = (Seq(seq), Payload::literal(bytes));
            scan.feed(&p, 5);
            scan.completes(b"attack")
        };
        assert!(!feed(0, b"an att"));
        assert!(!feed(8, b" here"), "a hole before it");
        assert!(!feed(6, b"ck"), "atck is not attack");
        assert!(!feed(13, b"att"));
        assert!(feed(16, b"ack!"));
        assert!(!feed(16, b"ack!"), "a retransmission brings nothing new");
        assert!(!feed(20, b"xyz"));
    }

    #[test]
    fn a_filled_hole_completes() {
        let mut scan = Scan::default();
        let mut feed = |seq: u32, bytes: &[u8]| {
            let mut p = packet();
            (p.seq, p.payload) = (Seq(seq), Payload::literal(bytes));
            scan.feed(&p, 5);
            scan.completes(b"attack")
        };
        assert!(!feed(100, b"at"));
        assert!(!feed(104, b"ck"));
        assert!(feed(102, b"ta"));
    }
}
