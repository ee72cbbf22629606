//! Connection limits of a class, and TCP Intercept above the embryonic one.

use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;
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
    /// For each client by itself.
    pub(super) client_embryonic: Limit,
    /// For each client by itself.
    pub(super) client_connections: Limit,
    /// MSS of the answers of TCP Intercept, where a line sets it.
    pub(super) cookie_mss: Option<u16>,
}

/// How much of a limit is used.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    embryonic: u32,
    connections: u32,
}

/// How much of the limits is used, by class and, within it, by client.
#[derive(Debug, Default)]
pub(super) struct Uses {
    classes: FxHashMap<usize, Use>,
    clients: FxHashMap<(usize, IpAddr), Use>,
}

/// The proxy that answers in the server's place, with the rule that made it.
pub(super) type Intercepted = (SynProxy, Arc<Rule>);

/// What one connection counts for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    index: usize,
    client: IpAddr,
    embryonic: bool,
}

impl Uses {
    fn of(&mut self, index: usize, client: IpAddr) -> [&mut Use; 2] {
        [self.classes.entry(index).or_default(), self.clients.entry((index, client)).or_default()]
    }

    /// A connection is gone.
    pub(super) fn release(&mut self, counted: Option<Counted>) {
        let Some(counted) = counted else { return };
        for used in self.of(counted.index, counted.client) {
            used.connections = used.connections.saturating_sub(1);
            used.embryonic = used.embryonic.saturating_sub(u32::from(counted.embryonic));
        }
    }
}

impl Asa {
    /// Counts a new connection against its class's limits; the proxy that answers for the server
    /// when there are too many half-open ones, with its rule.
    pub(super) fn count(
        &mut self,
        pass: &mut Pass<'_>,
        limits: Option<&Limits>,
    ) -> Result<(Option<Counted>, Option<Intercepted>), Forwarding> {
        let Some(limits) = limits else { return Ok((None, None)) };
        let client = pass.packet.src;
        let [class, own] = self.uses.of(limits.index, client).map(|used| *used);
        let reached = |limit: &Limit, used: u32| match limit {
            Some((maximum, rule)) if *maximum > 0 && used >= *maximum => Some(Arc::clone(rule)),
            _ => None,
        };
        let too_many = reached(&limits.connections, class.connections)
            .or_else(|| reached(&limits.client_connections, own.connections));
        if let Some(rule) = too_many {
            return Err(self.drop(pass, &rule, "conn-limit"));
        }
        let intercepted = reached(&limits.embryonic, class.embryonic)
            .or_else(|| reached(&limits.client_embryonic, own.embryonic))
            .filter(|_| pass.packet.flags.is_initial_syn());
        let counted = Counted { index: limits.index, client, embryonic: intercepted.is_none() };
        for used in self.uses.of(limits.index, client) {
            used.connections += 1;
            used.embryonic += u32::from(counted.embryonic);
        }
        let proxy = intercepted.map(|rule| {
            self.counters.intercepted += 1;
            let side = pass.ingress.side();
            let name = &self.policy.interfaces[side as usize];
            self.syslog.intercepted(name, pass.packet, &rule.text);
            let maximum = limits.cookie_mss.unwrap_or(self.mss.maximum).min(self.mss.maximum);
            mss::clamp(pass, self.mss.minimum, maximum, &self.mss.rule);
            (SynProxy::new(pass.packet, Seq(self.random.next_u32())), rule)
        });
        Ok((Some(counted), proxy))
    }

    /// A connection whose handshake is over no longer counts as embryonic.
    pub(super) fn settle(&mut self, id: ConnectionId) {
        let Some(connection) = self.table.get_mut(id) else { return };
        if let Some(counted) = &mut connection.state.counted
            && counted.embryonic
            && connection.phase >= Phase::Established
        {
            counted.embryonic = false;
            for used in self.uses.of(counted.index, counted.client) {
                used.embryonic = used.embryonic.saturating_sub(1);
            }
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
        let (proxy, rule) = connection.state.proxy.as_mut()?;
        let rule = Arc::clone(rule);
        let step = proxy.step(sender, pass.packet, &mut connection.state.shift);
        let with = match step {
            Step::Pass => return None,
            Step::Ignore => return Some(self.drop(pass, &rule, "intercept-unexpected")),
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
