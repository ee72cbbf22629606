//! How one end of a connection sees its peer: as the capture has it, and as the model shows it.
//!
//! A captured end acknowledges the numbers, and calls the addresses, that it saw when it was captured.
//! A model that shifts sequence numbers or translates addresses shows it others, to which a live end
//! would have answered. A [`View`] learns the difference from what the model sends to the end and puts
//! it into what the end sends.

use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Flow, Packet};
use sim_core::wire::seq::Seq;

/// What an end sees of its peer.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// From the peer to this end, as the model addresses it.
    pub flow: Option<Flow>,
    /// The peer's SYN has arrived here.
    pub heard: bool,
    /// From this position of the peer's stream on, as captured: what the model adds to it.
    steps: Vec<(Seq, u32)>,
}

impl View {
    /// From `position` on, as captured, the model shows the peer's numbers shifted by `delta`.
    pub fn learn(&mut self, position: Seq, delta: u32) {
        let last = self.steps.last().copied();
        if last.is_none_or(|(_, known)| known != delta) {
            self.steps.retain(|(from, _)| from.before(position));
            self.steps.push((position, delta));
        }
    }

    /// The peer's SYN has this number where it was captured, and the model shows it shifted by `delta`.
    pub fn open(&mut self, isn: Seq, delta: u32) {
        self.heard = true;
        // Another SYN of a connection that goes on changes nothing.
        if self.steps.last().is_none_or(|&(_, known)| known != delta) {
            self.steps = vec![(isn, delta)];
        }
    }

    /// True while nothing is known of the numbers.
    #[must_use]
    pub const fn is_blank(&self) -> bool {
        self.steps.is_empty()
    }

    /// What the model adds to this number.
    fn delta(&self, captured: Seq) -> u32 {
        let passed = self.steps.iter().rev().find(|(from, _)| !captured.before(*from));
        passed.or(self.steps.first()).map_or(0, |&(_, delta)| delta)
    }

    /// A number that the model shows, as it would have been captured.
    fn as_captured(&self, shown: Seq) -> Seq {
        let passed = self.steps.iter().rev().find(|&&(from, delta)| !shown.before(from.add(delta)));
        let delta = passed.or(self.steps.first()).map_or(0, |&(_, delta)| delta);
        shown.add(delta.wrapping_neg())
    }

    /// A packet that the end sent when it was captured, as it sends it to the model.
    pub fn send(&self, packet: &mut Packet) {
        if packet.flags.has(Flags::ACK) {
            packet.ack = packet.ack.add(self.delta(packet.ack));
        }
        if let Some(span) = packet.options.find(kind::SACK).map(|option| option.span()) {
            let edges = packet.options.bytes_mut()[span].get_mut(2..).unwrap_or(&mut []);
            for edge in edges.chunks_exact_mut(4) {
                let captured = Seq(u32::from_be_bytes([edge[0], edge[1], edge[2], edge[3]]));
                edge.copy_from_slice(&captured.add(self.delta(captured)).0.to_be_bytes());
            }
        }
        if let Some(flow) = self.flow {
            (packet.src, packet.src_port) = (flow.dst.ip(), flow.dst.port());
            (packet.dst, packet.dst_port) = (flow.src.ip(), flow.src.port());
        }
    }

    /// A packet that the model sends to the end, in the numbers of the capture.
    #[must_use]
    pub fn receive(&self, packet: &Packet) -> Packet {
        let mut packet = packet.clone();
        packet.seq = self.as_captured(packet.seq);
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_there_and_back() {
        let mut view = View::default();
        view.open(Seq(1000), 500);
        view.learn(Seq(2000), 503);
        view.learn(Seq(2100), 503);
        let mut packet = Packet::new("1.0.0.1:1".parse().unwrap(), "1.0.0.2:2".parse().unwrap());
        packet.flags = Flags::ACK;
        for (captured, shown) in [(1000, 1500), (1999, 2499), (2000, 2503), (9000, 9503)] {
            let mut sent = Packet { ack: Seq(captured), ..packet.clone() };
            view.send(&mut sent);
            assert_eq!(sent.ack, Seq(shown));
            let came = view.receive(&Packet { seq: Seq(shown), ..packet.clone() });
            assert_eq!(came.seq, Seq(captured));
        }
    }
}
