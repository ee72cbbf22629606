//! Puts the segments of a direction in order: what comes after a hole is kept back until the hole is
//! filled, so many segments at most and so long at most.

use sim_core::engine::device::PortId;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::{Flags, Flow, Packet};
use sim_core::wire::seq::Seq;

/// A segment that is kept back.
#[derive(Clone, Debug)]
pub struct Held {
    /// The segment.
    pub packet: Packet,
    /// Where it came in.
    pub ingress: PortId,
    /// Its flow when it came in.
    pub received: Flow,
    /// When it came.
    pub since: SimTime,
}

/// Where a segment stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It goes on: in order, a retransmission, or without payload.
    InOrder,
    /// After a hole.
    AfterHole,
    /// After a hole, and the same is kept back already.
    Again,
}

/// One direction of a connection.
#[derive(Clone, Debug, Default)]
pub struct Reorder {
    next: Option<Seq>,
    held: Vec<Held>,
}

impl Reorder {
    /// Where a segment stands.
    #[must_use]
    pub fn place(&self, packet: &Packet) -> Place {
        let next = self.next.unwrap_or(packet.seq);
        let occupies = !packet.payload.is_empty() || packet.flags.has(Flags::FIN);
        if !occupies || packet.flags.has(Flags::SYN) || !next.before(packet.seq) {
            return Place::InOrder;
        }
        let same = |held: &Held| {
            held.packet.seq == packet.seq && held.packet.payload.len >= packet.payload.len
        };
        if self.held.iter().any(same) { Place::Again } else { Place::AfterHole }
    }

    /// Takes note of a segment that goes on.
    pub fn pass(&mut self, packet: &Packet) {
        // What occupies nothing may stand beyond a hole: it fills none.
        if packet.flags.has(Flags::RST) || packet.seq_len() == 0 {
            return;
        }
        let after = packet.seq.add(packet.seq_len());
        if self.next.is_none_or(|next| next.before(after)) {
            self.next = Some(after);
        }
    }

    /// Keeps a segment back.
    pub fn hold(&mut self, held: Held) {
        self.held.push(held);
    }

    /// Number of segments that are kept back.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// True when none is kept back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The next segment that may go on by now, taken out.
    pub fn ready(&mut self) -> Option<Held> {
        let next = self.next?;
        let at = self.held.iter().position(|held| !next.before(held.packet.seq))?;
        Some(self.held.remove(at))
    }

    /// When the oldest one that is kept back has been for `timeout`.
    #[must_use]
    pub fn deadline(&self, timeout: SimDuration) -> Option<SimTime> {
        self.held.iter().map(|held| held.since + timeout).min()
    }

    /// Takes out those that were kept back for `timeout` by `now`.
    pub fn expired(&mut self, now: SimTime, timeout: SimDuration) -> Vec<Held> {
        let (late, held) = self.held.drain(..).partition(|held| held.since + timeout <= now);
        self.held = held;
        late
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::track::Sender::Initiator;
    use crate::testing::{INSIDE, segment};

    #[test]
    fn holes() {
        let mut order = Reorder::default();
        let data = |seq| segment(Initiator, Flags::ACK, seq, 1, 10);
        order.pass(&segment(Initiator, Flags::SYN, 99, 0, 0));
        assert_eq!(order.place(&data(100)), Place::InOrder);
        assert_eq!(order.place(&segment(Initiator, Flags::ACK, 110, 1, 0)), Place::InOrder);
        for seq in [120, 110] {
            assert_eq!(order.place(&data(seq)), Place::AfterHole);
            let (packet, since) = (data(seq), SimTime(u64::from(seq)));
            order.hold(Held { received: packet.flow(), packet, ingress: INSIDE, since });
            assert_eq!(order.place(&data(seq)), Place::Again);
        }
        order.pass(&segment(Initiator, Flags::ACK, 130, 1, 0));
        assert!(order.ready().is_none(), "an acknowledgement fills no hole");
        assert_eq!(order.deadline(SimDuration(5)), Some(SimTime(115)));
        order.pass(&data(100));
        for seq in [110, 120] {
            let held = order.ready().unwrap();
            assert_eq!(held.packet.seq, Seq(seq));
            order.pass(&held.packet);
        }
        assert!(order.ready().is_none() && order.is_empty());
        assert_eq!(order.place(&data(100)), Place::InOrder, "a retransmission");
    }

    #[test]
    fn late_ones_are_given_up() {
        let mut order = Reorder::default();
        order.pass(&segment(Initiator, Flags::SYN, 99, 0, 0));
        let packet = segment(Initiator, Flags::ACK, 110, 1, 10);
        order.hold(Held { received: packet.flow(), packet, ingress: INSIDE, since: SimTime(7) });
        assert!(order.expired(SimTime(16), SimDuration(10)).is_empty());
        assert_eq!((order.expired(SimTime(17), SimDuration(10)).len(), order.len()), (1, 0));
    }
}
