//! Puts the segments of an inspected protocol in order, as a firewall must that reads above TCP:
//! segments after a hole wait, up to so many, and go on when it is filled.

use std::sync::Arc;

use sim_core::engine::device::{PortId, Rule};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::Packet;

use crate::steps::reorder::{Held, Place, Reorder};
use crate::steps::track::Sender;

use super::{Refused, refuse};

/// How much may wait, and how long.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub(crate) segments: u32,
    pub(crate) time: SimDuration,
    /// The line, or the default, that a packet is dropped by.
    pub(crate) rule: Arc<Rule>,
}

/// Both directions of a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reassembly {
    directions: [Reorder; 2],
}

/// What becomes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// It goes on now; others may follow ([`Reassembly::released`]).
    Now,
    /// It waits.
    Waits,
}

impl Reassembly {
    /// Takes a segment.
    ///
    /// # Errors
    /// There is no room for it.
    pub(crate) fn take(
        &mut self,
        now: SimTime,
        sender: Sender,
        ingress: PortId,
        packet: &Packet,
        room: &Room,
    ) -> Result<Order, Refused> {
        let direction = &mut self.directions[sender as usize];
        direction.expired(now, room.time);
        match direction.place(packet) {
            Place::InOrder => {
                direction.pass(packet);
                Ok(Order::Now)
            }
            Place::Again => Ok(Order::Waits),
            Place::AfterHole if direction.len() >= room.segments as usize => {
                refuse(&room.rule, "TCP reassembly queue overflow")
            }
            Place::AfterHole => {
                let (packet, received) = (packet.clone(), packet.flow());
                direction.hold(Held { packet, ingress, received, since: now });
                Ok(Order::Waits)
            }
        }
    }

    /// The next segment that waited and may go on now.
    pub(crate) fn released(&mut self, sender: Sender) -> Option<(PortId, Packet)> {
        let direction = &mut self.directions[sender as usize];
        let held = direction.ready()?;
        direction.pass(&held.packet);
        Some((held.ingress, held.packet))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{INSIDE, segment};
    use Sender::Initiator;
    use sim_core::wire::packet::Flags;

    #[test]
    fn segments_wait_for_the_hole_before_them() {
        let rule = Rule::default("queue length 2", "test");
        let room = Room { segments: 2, time: SimDuration::from_secs(5), rule };
        let mut r = Reassembly::default();
        let mut take = |at: u64, flags, seq, len| {
            let packet = segment(Initiator, flags, seq, 1, len);
            let order = r.take(SimTime(at * 1_000_000_000), Initiator, INSIDE, &packet, &room);
            let order = order.map_err(|refused| refused.reason);
            let freed: Vec<u32> =
                std::iter::from_fn(|| r.released(Initiator).map(|(_, p)| p.seq.0)).collect();
            (order, freed)
        };
        let (ack, none) = (Flags::ACK, Vec::<u32>::new());
        assert_eq!(take(0, Flags::SYN, 99, 0), (Ok(Order::Now), none.clone()));
        assert_eq!(take(0, ack, 100, 10), (Ok(Order::Now), none.clone()));
        assert_eq!(take(0, ack, 130, 10), (Ok(Order::Waits), none.clone()));
        assert_eq!(take(0, ack, 120, 10), (Ok(Order::Waits), none.clone()));
        assert_eq!(take(0, ack, 120, 10), (Ok(Order::Waits), none.clone()), "again");
        assert_eq!(take(0, ack, 150, 0), (Ok(Order::Now), none.clone()), "nothing to put in order");
        let full = Err("TCP reassembly queue overflow");
        assert_eq!(take(0, ack, 140, 10), (full, none.clone()));
        assert_eq!(take(1, ack, 110, 10), (Ok(Order::Now), vec![120, 130]));
        assert_eq!(take(2, ack, 160, 10), (Ok(Order::Waits), none.clone()));
        assert_eq!(take(8, ack, 140, 20), (Ok(Order::Now), none), "it has waited too long");
    }
}
