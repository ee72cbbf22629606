//! What happens to a packet as it leaves: cut, merged, held back.

use sim_core::engine::device::{Change, Effects, Forwarding, PortId};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::{Flags, Packet};

use crate::steps::Pass;
use crate::steps::pieces::{Keep, continues, merge, split};
use crate::steps::track::{ConnectionId, Sender};

use super::Custom;

/// What the rules want done on the way out, each with its rule.
#[derive(Debug, Default)]
pub(super) struct Exit {
    pub(super) split: Option<(usize, Option<u32>, Keep)>,
    pub(super) coalesce: Option<(usize, Keep, SimDuration)>,
    pub(super) hold: Option<(usize, SimDuration)>,
}

/// A segment that waits for the one that continues it.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    packet: Packet,
    out: PortId,
    until: SimTime,
}

impl Custom {
    pub(super) fn exit(
        &mut self,
        exit: Exit,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
    ) -> Forwarding {
        let out = pass.ingress.peer();
        let waited = self.take_waiting(id, sender);
        match (waited, exit.coalesce) {
            (Some(mut first), Some((rule, keep, _))) if continues(&first.packet, pass.packet) => {
                merge(&mut first.packet, pass.packet, keep);
                pass.sign(&self.signatures[rule], Change::Coalesced { into: first.packet.uid });
                *pass.packet = first.packet;
            }
            (waited, coalesce) => {
                if let Some(first) = waited {
                    pass.effects.emit(first.out, first.packet);
                }
                let ends = Flags::SYN.0 | Flags::FIN.0 | Flags::RST.0;
                if let Some((rule, _, wait)) = coalesce
                    && !pass.packet.payload.is_empty()
                    && pass.packet.flags.0 & ends == 0
                {
                    pass.sign(&self.signatures[rule], Change::Held);
                    self.wait(pass, id, sender, wait);
                    return Forwarding::Consumed;
                }
            }
        }
        if let Some((rule, place, keep)) = exit.split {
            let place = place.unwrap_or(pass.packet.payload.len / 2);
            if let Some(mut second) = split(pass.packet, place, keep) {
                pass.sign(&self.signatures[rule], Change::Split { pieces: 2 });
                second.uid = pass.effects.fresh_uid();
                let first = std::mem::replace(pass.packet, second);
                pass.effects.emit(out, first);
            }
        }
        if let Some((rule, time)) = exit.hold {
            pass.sign(&self.signatures[rule], Change::Held);
            self.held_so_far += 1;
            self.held.insert((pass.now + time, self.held_so_far), (out, pass.packet.clone()));
            return Forwarding::Consumed;
        }
        Forwarding::Through
    }

    /// Keeps a segment until the next one, or until its time is over.
    fn wait(&mut self, pass: &Pass<'_>, id: ConnectionId, sender: Sender, wait: SimDuration) {
        let until = pass.now + wait;
        if let Some(connection) = self.table.get_mut(id) {
            let out = pass.ingress.peer();
            let waiting = Waiting { packet: pass.packet.clone(), out, until };
            connection.state.waiting[sender as usize] = Some(waiting);
            self.deadlines.insert((until, id, sender));
        }
    }

    fn take_waiting(&mut self, id: ConnectionId, sender: Sender) -> Option<Waiting> {
        let connection = self.table.get_mut(id)?;
        let waiting = connection.state.waiting[sender as usize].take()?;
        self.deadlines.remove(&(waiting.until, id, sender));
        Some(waiting)
    }

    /// Sends on what has been kept long enough.
    pub(super) fn release(&mut self, now: SimTime, effects: &mut Effects) {
        while let Some(&(at, id, sender)) = self.deadlines.first()
            && at <= now
        {
            self.deadlines.pop_first();
            if let Some(waiting) = self.take_waiting(id, sender) {
                effects.emit(waiting.out, waiting.packet);
            }
        }
        while let Some(entry) = self.held.first_entry()
            && entry.key().0 <= now
        {
            let (out, packet) = entry.remove();
            effects.emit(out, packet);
        }
    }
}
