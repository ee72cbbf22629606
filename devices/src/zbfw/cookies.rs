//! SYN cookies (`tcp syn-flood limit`): above a number of half-open sessions the firewall answers SYNs in the
//! servers' place, and calls a server once its client has proved itself.

use std::sync::Arc;

use sim_core::engine::device::{Change, Rule};
use sim_core::rng::Stream;
use sim_core::wire::packet::Packet;
use sim_core::wire::seq::Seq;

use crate::ios::router::Admitted;
use crate::ios::{IosConfig, Refused, refuse, remedy};
use crate::spec::DeviceContext;
use crate::steps::Pass;
use crate::steps::isn::Shift;
use crate::steps::syn_proxy::{Step, SynProxy};
use crate::steps::track::{ConnectionId, Sender};

use super::{GUIDE, Zbfw};

/// The protection, and what it has done.
#[derive(Debug)]
pub(super) struct Cookies {
    /// Half-open sessions from which on SYNs are answered.
    limit: u32,
    rule: Arc<Rule>,
    random: Stream,
    pub(super) answered: u64,
}

/// A session whose SYN was answered by the firewall.
#[derive(Debug)]
pub(super) struct Proxied {
    proxy: SynProxy,
    pub(super) shift: Shift,
}

impl Cookies {
    /// Where the configuration asks for it.
    pub(super) fn new(config: &IosConfig, context: &DeviceContext<'_>) -> Option<Self> {
        let (limit, place) = config.zones.syn_flood()?;
        let rule = Rule::config(place.text.clone(), place.clone(), GUIDE);
        Some(Self {
            limit: *limit,
            rule: remedy::more_half_open(rule, GUIDE),
            random: Stream::new(context.seed, context.name),
            answered: 0,
        })
    }
}

impl Zbfw {
    /// The proxy of a session that this SYN is about to open, when there are too many half-open ones. Those
    /// that were answered themselves take nothing of the firewall, and do not count.
    pub(super) fn proxy(&mut self, syn: &Packet) -> Option<Box<Proxied>> {
        let cookies = self.cookies.as_mut()?;
        let own =
            |id: &ConnectionId| self.table.get(*id).is_some_and(|c| c.state.proxied.is_none());
        let half_open = self.table.half_open_ids().filter(own).count();
        if half_open < cookies.limit as usize {
            return None;
        }
        cookies.answered += 1;
        let proxy = SynProxy::new(syn, Seq(cookies.random.next_u32()));
        Some(Box::new(Proxied { proxy, shift: Shift::default() }))
    }

    /// What the proxy of a session does with a packet. `None`: there is none, or the packet goes on, its
    /// acknowledgement as the end counts that it speaks of.
    ///
    /// # Errors
    /// It fits nothing.
    pub(super) fn answer(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
    ) -> Result<Option<Admitted>, Refused> {
        let Some(cookies) = &self.cookies else { return Ok(None) };
        let connection = self.table.get_mut(id);
        let Some(proxied) = connection.and_then(|c| c.state.proxied.as_mut()) else {
            return Ok(None);
        };
        let with = match proxied.proxy.step(sender, pass.packet, &mut proxied.shift) {
            Step::Pass => {
                proxied.shift.arrive(pass.packet, sender, true);
                return Ok(None);
            }
            Step::Ignore => return refuse(&cookies.rule, "SYN cookie"),
            Step::Answer(answer) => {
                self.table.observe(pass.now, id, sender, pass.packet);
                self.made.push((pass.ingress.peer(), answer));
                "SYN/ACK"
            }
            Step::Call(syn) => {
                self.made.push((pass.ingress, syn));
                "SYN"
            }
            Step::Splice { to_initiator, to_responder } => {
                let by = proxied.shift.by[Sender::Responder as usize];
                self.table.observe(pass.now, id, Sender::Responder, pass.packet);
                self.table.observe(pass.now, id, Sender::Initiator, &to_responder);
                self.made.push((pass.ingress, to_initiator));
                self.made.push((pass.ingress.peer(), to_responder));
                pass.sign(&cookies.rule, Change::SequenceShifted { by });
                "ACK"
            }
        };
        pass.sign(&cookies.rule, Change::Answered { with });
        Ok(Some(Admitted::Waits))
    }

    /// Second half of the shift of a session that was answered: the sequence number as the receiver of the
    /// packet knows it.
    pub(super) fn depart(&self, id: ConnectionId, sender: Sender, packet: &mut Packet) {
        let connection = self.table.get(id);
        if let Some(proxied) = connection.and_then(|c| c.state.proxied.as_ref()) {
            proxied.shift.leave(packet, sender);
        }
    }
}
