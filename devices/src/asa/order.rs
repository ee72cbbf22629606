//! Puts segments in order where the normaliser or an inspection must read them so (`queue-limit`), and
//! keeps what that needs.

use std::sync::Arc;

use sim_core::engine::device::{Change, Effects, Forwarding, Rule};
use sim_core::time::{SimDuration, SimTime};

use crate::inspect::Inspection;
use crate::steps::Pass;
use crate::steps::reorder::{Held, Place, Reorder};
use crate::steps::retransmission::Sent;
use crate::steps::track::{ConnectionId, Sender};

use super::Asa;
use super::inspection::Plan;
use super::policy::Treatment;

/// Segments that are kept back for an inspection or for check-retransmission where `queue-limit` is 0
/// (ASA command reference, queue-limit).
const QUEUE_FOR_INSPECTION: u8 = 3;

/// What is kept of a connection whose payload is read.
#[derive(Debug, Default)]
pub(super) struct Watched {
    pub(super) order: [Reorder; 2],
    /// For check-retransmission.
    pub(super) sent: [Sent; 2],
    pub(super) inspection: Option<Inspection>,
    pub(super) plan: Option<Arc<Plan>>,
    /// The inspection has said that nothing of the connection goes on.
    pub(super) blocked: Option<(Arc<Rule>, &'static str)>,
}

impl Watched {
    /// For a connection of this treatment and inspection; `None` when nothing of it is read.
    pub(super) fn new(
        treatment: &Treatment,
        plan: Option<Plan>,
        flow: sim_core::wire::packet::Flow,
    ) -> Option<Box<Self>> {
        let n = &treatment.normalizer;
        if plan.is_none() && !n.check_retransmission.value && n.queue.value.limit == 0 {
            return None;
        }
        let inspection = plan.as_ref().map(|plan| Inspection::new(plan.engine(flow)));
        Some(Box::new(Self { inspection, plan: plan.map(Arc::new), ..Self::default() }))
    }
}

impl Asa {
    /// Sends a normalised segment on, after those before it.
    pub(super) fn in_order(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
        treatment: &Treatment,
    ) -> Forwarding {
        let queue = &treatment.normalizer.queue;
        let Some(connection) = self.table.get_mut(id) else { return Forwarding::Drop };
        let Some(watched) = &mut connection.state.watched else {
            return self.finish(pass, id, sender, treatment);
        };
        let order = &mut watched.order[sender as usize];
        let limit = match queue.value.limit {
            0 => QUEUE_FOR_INSPECTION,
            limit => limit,
        };
        let reason = match order.place(pass.packet) {
            Place::InOrder => {
                order.pass(pass.packet);
                let forwarding = self.finish(pass, id, sender, treatment);
                return self.release(pass, id, sender, treatment, forwarding);
            }
            Place::AfterHole if order.len() < usize::from(limit) => {
                order.hold(Held {
                    packet: pass.packet.clone(),
                    ingress: pass.ingress,
                    received: pass.received,
                    since: pass.now,
                });
                let deadline = pass.now + queue.value.timeout;
                self.waiting.insert((deadline, id));
                self.counters.out_of_order += 1;
                self.tally(treatment, "Out-of-order (OoO) packets", 1);
                pass.sign(&queue.rule, Change::Held);
                return Forwarding::Consumed;
            }
            Place::AfterHole => "tcp-buffer-full",
            Place::Again => "tcp-dup-in-queue",
        };
        if let Some(counter) = super::report::counter_of(reason) {
            self.tally(treatment, counter, 1);
        }
        let rule = Arc::clone(&queue.rule);
        self.drop(pass, &rule, reason)
    }

    /// Sends on what waited for the packet at hand, after it.
    fn release(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
        treatment: &Treatment,
        forwarding: Forwarding,
    ) -> Forwarding {
        let mut first = true;
        while let Some(mut held) = self.ready(id, sender) {
            if std::mem::take(&mut first) && forwarding == Forwarding::Through {
                pass.effects.emit(pass.ingress.peer(), pass.packet.clone());
            }
            let mut next = Pass {
                now: pass.now,
                ingress: held.ingress,
                received: held.received,
                packet: &mut held.packet,
                effects: &mut *pass.effects,
            };
            if self.finish(&mut next, id, sender, treatment) == Forwarding::Through {
                pass.effects.emit(held.ingress.peer(), held.packet);
            }
        }
        match (first, forwarding) {
            (false, Forwarding::Through) => Forwarding::Consumed,
            (_, forwarding) => forwarding,
        }
    }

    fn ready(&mut self, id: ConnectionId, sender: Sender) -> Option<Held> {
        let watched = self.table.get_mut(id)?.state.watched.as_mut()?;
        let held = watched.order[sender as usize].ready()?;
        watched.order[sender as usize].pass(&held.packet);
        Some(held)
    }

    /// Drops what was kept back too long.
    pub(super) fn give_up(&mut self, now: SimTime, effects: &mut Effects) {
        while let Some(&(deadline, id)) = self.waiting.first()
            && deadline <= now
        {
            self.waiting.remove(&(deadline, id));
            let Some(connection) = self.table.get_mut(id) else { continue };
            let queue = connection.state.treatment.normalizer.queue.clone();
            let Some(watched) = &mut connection.state.watched else { continue };
            for order in &mut watched.order {
                for held in order.expired(now, queue.value.timeout) {
                    *self.counters.drops.entry("tcp-buffer-timeout").or_default() += 1;
                    let dropped = Change::Dropped { reason: "tcp-buffer-timeout" };
                    effects.record_flow(held.packet.uid, held.received, &queue.rule, dropped);
                }
            }
        }
    }
}

/// `queue-limit N [timeout S]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) limit: u8,
    pub(super) timeout: SimDuration,
}

impl Queue {
    /// As an ASA comes: 0, timeout 4.
    pub(super) const FACTORY: Self = Self { limit: 0, timeout: SimDuration::from_secs(4) };
}
