//! `ip tcp intercept`: the router answers SYNs in the servers' place and calls a server once its
//! client has proved itself; in watch mode it lets them by.

use std::sync::Arc;

use sim_core::engine::device::{Change, Forwarding, Rule};
use sim_core::rng::Stream;
use sim_core::time::SimDuration;
use sim_core::wire::seq::Seq;

use crate::spec::DeviceContext;
use crate::steps::Pass;
use crate::steps::isn::Shift;
use crate::steps::syn_proxy::{Step, SynProxy};
use crate::steps::track::{Sender, Table, Timeouts};

use super::{IosConfig, Refused, refuse};

const SOURCE: &str = "Cisco IOS Security Configuration Guide, TCP Intercept";

/// `ip tcp intercept connection-timeout` 24 hours, `watch-timeout` 30 s, `finrst-timeout` 5 s.
const TIMEOUTS: Timeouts = Timeouts {
    embryonic: SimDuration::from_secs(30),
    idle: SimDuration::from_secs(86_400),
    half_closed: SimDuration::from_secs(86_400),
    closed: SimDuration::from_secs(5),
};

/// Intercepted connections.
#[derive(Debug)]
pub(crate) struct Interceptor {
    list: String,
    rule: Arc<Rule>,
    table: Table<(SynProxy, Shift)>,
    random: Stream,
    intercepted: u64,
}

impl Interceptor {
    /// Where the configuration asks for it.
    pub(super) fn new(config: &IosConfig, context: &DeviceContext<'_>) -> Option<Self> {
        let list = config.intercept.list.as_ref().filter(|_| !config.intercept.watch)?;
        Some(Self {
            list: list.name.clone(),
            rule: Rule::config(list.place.text.clone(), list.place.clone(), SOURCE),
            table: Table::new(TIMEOUTS),
            random: Stream::new(context.seed, context.name),
            intercepted: 0,
        })
    }

    /// What is done to a packet; `None`: it goes on, with the numbers of the end that it speaks of.
    ///
    /// # Errors
    /// It fits nothing.
    pub(super) fn process(
        &mut self,
        pass: &mut Pass<'_>,
        config: &IosConfig,
    ) -> Result<Option<Forwarding>, Refused> {
        let (id, sender) = match self.table.receive(pass.now, pass.packet, |_| {}) {
            Some(found) => found,
            None => {
                let flow = pass.packet.flow();
                let listed = config.selects(&self.list, false, flow, pass.packet.flags);
                if !pass.packet.flags.is_initial_syn() || !listed {
                    return Ok(None);
                }
                self.intercepted += 1;
                let proxy = SynProxy::new(pass.packet, Seq(self.random.next_u32()));
                (
                    self.table.open(pass.now, flow, flow, (proxy, Shift::default())),
                    Sender::Initiator,
                )
            }
        };
        let Some(connection) = self.table.get_mut(id) else { return Ok(None) };
        let (proxy, shift) = &mut connection.state;
        let with = match proxy.step(sender, pass.packet, shift) {
            Step::Pass => {
                shift.arrive(pass.packet, sender, true);
                let shift = *shift;
                self.table.observe(pass.now, id, sender, pass.packet);
                shift.leave(pass.packet, sender);
                return Ok(None);
            }
            Step::Ignore => return refuse(&self.rule, "TCP intercept"),
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
                let by = shift.by[Sender::Responder as usize];
                self.table.observe(pass.now, id, Sender::Responder, pass.packet);
                self.table.observe(pass.now, id, Sender::Initiator, &to_responder);
                pass.effects.emit_new(pass.ingress.peer(), to_initiator);
                pass.effects.emit_new(pass.ingress, to_responder);
                pass.sign(&self.rule, Change::SequenceShifted { by });
                "ACK"
            }
        };
        pass.sign(&self.rule, Change::Answered { with });
        Ok(Some(Forwarding::Consumed))
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
    }

    pub(super) fn counters(&self) -> Vec<(String, u64)> {
        vec![("connections intercepted".to_owned(), self.intercepted)]
    }
}
