//! Connection limits of a class, and TCP Intercept above the embryonic one.

use std::sync::Arc;

use sim_core::engine::device::{Change, Forwarding, Rule};
use sim_core::wire::seq::Seq;

use crate::steps::syn_proxy::{Step, SynProxy};
use crate::steps::track::{ConnectionId, Phase, Sender};
use crate::steps::{Pass, mss};

use super::Asa;

/// A limit with the line that sets it.
pub(super) type Limit = Option<(u32, Arc<Rule>)>;

/// The limits of a class; counts are kept under `index`.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) index: usize,
    pub(super) embryonic: Limit,
    pub(super) connections: Limit,
}

/// How much of a class's limits is used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Use {
    embryonic: u32,
    connections: u32,
}

/// What one connection counts for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    index: usize,
    embryonic: bool,
}

impl Use {
    /// A connection is gone.
    pub(super) fn release(uses: &mut [Self], counted: Option<Counted>) {
        if let Some(counted) = counted
            && let Some(used) = uses.get_mut(counted.index)
        {
            used.connections -= 1;
            used.embryonic -= u32::from(counted.embryonic);
        }
    }
}

impl Asa {
    /// Counts a new connection against its class's limits; the proxy that answers for the server
    /// when there are too many half-open ones.
    pub(super) fn count(
        &mut self,
        pass: &mut Pass<'_>,
        limits: Option<&Limits>,
    ) -> Result<(Option<Counted>, Option<SynProxy>), Forwarding> {
        let Some(limits) = limits else { return Ok((None, None)) };
        if self.uses.len() <= limits.index {
            self.uses.resize(limits.index + 1, Use::default());
        }
        let used = self.uses[limits.index];
        let reached = |limit: &Limit, used: u32| match limit {
            Some((maximum, rule)) if *maximum > 0 && used >= *maximum => Some(Arc::clone(rule)),
            _ => None,
        };
        if let Some(rule) = reached(&limits.connections, used.connections) {
            return Err(self.drop(pass, &rule, "conn-limit"));
        }
        let intercepted = reached(&limits.embryonic, used.embryonic).is_some()
            && pass.packet.flags.is_initial_syn();
        let used = &mut self.uses[limits.index];
        used.connections += 1;
        used.embryonic += u32::from(!intercepted);
        let counted = Counted { index: limits.index, embryonic: !intercepted };
        let proxy = intercepted.then(|| {
            mss::clamp(pass, self.mss.minimum, self.mss.maximum, &self.mss.rule);
            SynProxy::new(pass.packet, Seq(self.random.next_u32()))
        });
        self.counters.intercepted += u64::from(intercepted);
        Ok((Some(counted), proxy))
    }

    /// A connection whose handshake is over no longer counts as embryonic.
    pub(super) fn settle(&mut self, id: ConnectionId) {
        let Some(connection) = self.table.get_mut(id) else { return };
        if let Some(counted) = &mut connection.state.counted
            && counted.embryonic
            && connection.phase >= Phase::Established
            && let Some(used) = self.uses.get_mut(counted.index)
        {
            counted.embryonic = false;
            used.embryonic -= 1;
        }
    }

    /// What the proxy of an intercepted connection does with a packet; `None` when it goes on.
    pub(super) fn intercept(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
    ) -> Option<Forwarding> {
        let connection = self.table.get_mut(id)?;
        let rule = connection.state.treatment.limits.as_ref()?.embryonic.as_ref()?.1.clone();
        let proxy = connection.state.proxy.as_mut()?;
        let step = proxy.step(sender, pass.packet, &mut connection.state.shift);
        let with = match step {
            Step::Pass => return None,
            Step::Ignore => return Some(self.drop(pass, &rule, "tcp-intercept")),
            Step::Answer(answer) => {
                self.table.observe(pass.now, id, sender, pass.packet);
                pass.effects.emit_new(pass.ingress, answer);
                "SYN/ACK"
            }
            Step::Call(syn) => {
                pass.effects.emit_new(pass.ingress.peer(), syn);
                "SYN"
            }
            Step::Splice { to_initiator, to_responder } => {
                let shift = connection.state.shift.by[Sender::Responder as usize];
                self.table.observe(pass.now, id, Sender::Responder, pass.packet);
                self.table.observe(pass.now, id, Sender::Initiator, &to_responder);
                pass.effects.emit_new(pass.ingress.peer(), to_initiator);
                pass.effects.emit_new(pass.ingress, to_responder);
                pass.sign(&rule, Change::SequenceShifted { by: shift });
                "ACK"
            }
        };
        pass.sign(&rule, Change::Answered { with });
        self.settle(id);
        Some(Forwarding::Consumed)
    }
}
