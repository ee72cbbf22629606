//! Randomises initial sequence numbers: shifts a connection's sequence space, each direction by its
//! own amount.
//!
//! Inside the device every number stands in the space of the end that counts it. So a packet is
//! shifted in two halves: [`Shift::arrive`] brings its acknowledgement (and its SACK blocks) into the
//! space of the end that they speak of; [`Shift::leave`] takes its sequence number into the space that
//! the receiver knows. Whatever looks at the connection stands between the two.

use std::sync::Arc;

use sim_core::engine::device::{Change, Rule};
use sim_core::rng::Stream;
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Packet};

use super::Pass;
use super::track::{End, Sender};

/// The shift of one connection: added to the sequence numbers of each sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// By sender.
    pub by: [u32; 2],
}

impl Shift {
    /// Draws the shift of an end whose first SYN (or SYN/ACK) this is, and signs it; `end` is what it
    /// had sent before.
    pub fn randomise(
        &mut self,
        pass: &mut Pass<'_>,
        sender: Sender,
        end: &End,
        random: &mut Stream,
        rule: &Arc<Rule>,
    ) {
        if end.isn.is_none() && pass.packet.flags.has(Flags::SYN) {
            let by = random.next_u32();
            self.by[sender as usize] = by;
            pass.sign(rule, Change::SequenceShifted { by });
        }
    }

    /// First half: the acknowledgement number, and with `fix_sack` the SACK blocks, as the end that
    /// sent the data counts.
    pub fn arrive(&self, packet: &mut Packet, sender: Sender, fix_sack: bool) {
        let by = self.by[sender.peer() as usize];
        if by == 0 {
            return;
        }
        if packet.flags.has(Flags::ACK) {
            packet.ack = packet.ack.add(by.wrapping_neg());
        }
        if fix_sack {
            shift_sack(packet, by.wrapping_neg());
        }
    }

    /// Second half: the sequence number as the receiver knows it.
    pub fn leave(&self, packet: &mut Packet, sender: Sender) {
        packet.seq = packet.seq.add(self.by[sender as usize]);
    }
}

/// Adds `by` to both edges of every SACK block (RFC 2018 §3).
fn shift_sack(packet: &mut Packet, by: u32) {
    let Some(span) = packet.options.find(kind::SACK).map(|o| o.span()) else { return };
    for edge in packet.options.bytes_mut()[span].get_mut(2..).unwrap_or(&mut []).chunks_exact_mut(4)
    {
        let value = u32::from_be_bytes([edge[0], edge[1], edge[2], edge[3]]);
        edge.copy_from_slice(&value.wrapping_add(by).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::packet;
    use sim_core::wire::options::Options;
    use sim_core::wire::seq::Seq;

    #[test]
    fn both_halves() {
        let shift = Shift { by: [1000, 0xffff_fff0] };
        let mut p = packet();
        (p.seq, p.ack, p.flags) = (Seq(5), Seq(0xffff_fff5), Flags::ACK);
        p.options = Options::from_bytes(&[1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 16]).unwrap();
        let mut broken = p.clone();
        shift.arrive(&mut p, Sender::Initiator, true);
        assert_eq!((p.seq, p.ack), (Seq(5), Seq(5)));
        assert_eq!(p.options.as_bytes(), [1, 1, 5, 10, 0, 0, 0, 16, 0, 0, 0, 32]);
        shift.leave(&mut p, Sender::Initiator);
        assert_eq!((p.seq, p.ack), (Seq(1005), Seq(5)));
        shift.arrive(&mut broken, Sender::Initiator, false);
        assert_eq!(broken.options.as_bytes()[4..], [0, 0, 0, 0, 0, 0, 0, 16], "SACK left wrong");
    }
}
