//! A Linux router with netfilter: TCPOPTSTRIP blanks options, TCPMSS clamps the MSS, SYNPROXY answers
//! SYNs for the servers, and rules drop.

mod remedy;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::engine::device::{Change, Device, Effects, Forwarding, PortId, Rule};
use sim_core::rng::Stream;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::Packet;
use sim_core::wire::seq::Seq;

use crate::catalogue::{MODELLED, ModelInfo};
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics};
use crate::ios::{Refused, refuse};
use crate::spec::DeviceContext;
use crate::steps::isn::Shift;
use crate::steps::options::{Edit, edit};
use crate::steps::syn_proxy::{Step, SynProxy};
use crate::steps::track::{ConnectionId, Sender, Table, Timeouts};
use crate::steps::{Pass, mss, ttl};

use rules::{Entry, Ruleset, Table as Chains, Target};

const MAN: &str = "iptables-extensions(8)";
const CONNTRACK: &str = "Linux, net.netfilter.nf_conntrack_tcp_timeout_*";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Linux",
    product: "Linux router with netfilter (iptables)",
    summary: "Leaves options alone unless a rule says otherwise: TCPOPTSTRIP makes NOPs of those that it \
              names, SYNPROXY answers SYNs with options of its own, so that MPTCP falls back.",
    defaults: &[
        ("TCP options", "not touched", MAN),
        ("TCPOPTSTRIP --strip-options", "every byte of the option becomes NOP", MAN),
        ("SYNPROXY", "answers in the server's place; MPTCP is not offered on", MAN),
        ("SYNPROXY's options", "the MSS and no other", MODELLED),
        ("conntrack timeouts", "established 5 days, syn_sent 120 s", CONNTRACK),
    ],
    settings: &[("config", "path of the rules: iptables-save output, or iptables commands")],
    configuration: "tables raw, mangle and filter: chains PREROUTING, FORWARD and POSTROUTING; matches -s, \
                    -d, -p, --sport, --dport, multiport, --syn, --tcp-flags, --tcp-option, --state and \
                    --ctstate; targets ACCEPT, DROP, REJECT, TCPOPTSTRIP, TCPMSS, SYNPROXY, RETURN",
    example: "*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -j TCPOPTSTRIP --strip-options \
              30\nCOMMIT\n",
    notes: &[
        "Without rules it is a router.",
        "Interfaces (-i, -o) are not told apart: a rule that names one is said not to be modelled.",
    ],
};

const TIMEOUTS: Timeouts = Timeouts {
    embryonic: SimDuration::from_secs(120),
    idle: SimDuration::from_secs(432_000),
    half_closed: SimDuration::from_secs(120),
    closed: SimDuration::from_secs(10),
};

/// What is kept about a connection.
#[derive(Debug, Default)]
struct State {
    proxy: Option<(SynProxy, Arc<Rule>)>,
    shift: Shift,
}

/// The device.
#[derive(Debug)]
pub(crate) struct Linux {
    rules: Ruleset,
    hop: Arc<Rule>,
    table: Table<State>,
    random: Stream,
    /// Packets by rule, in the order of the rules.
    hits: BTreeMap<usize, u64>,
}

/// Builds the device.
///
/// # Errors
/// Rules that iptables would refuse.
pub(crate) fn build(
    context: &DeviceContext<'_>,
    text: Option<ConfigText<'_>>,
) -> Result<(Linux, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let mut found = Diagnostics::new(text.map_or("", |t| t.file));
    let rules = text.map_or_else(Ruleset::default, |t| Ruleset::read(t, &mut found));
    let warnings = found.into_result()?;
    let device = Linux {
        rules,
        hop: Rule::default("TTL expired in transit", "RFC 1812 §5.3.1"),
        table: Table::new(TIMEOUTS),
        random: Stream::new(context.seed, context.name),
        hits: BTreeMap::new(),
    };
    Ok((device, warnings))
}

/// The ports of servers that the rules of a text tell from others.
pub(super) fn ports(text: ConfigText<'_>) -> std::collections::BTreeSet<u16> {
    Ruleset::read(text, &mut Diagnostics::new(text.file)).ports()
}

/// The rules of a text that would touch MPTCP on interfaces that they name.
pub(super) fn of_interfaces(text: ConfigText<'_>) -> Vec<Arc<Rule>> {
    Ruleset::read(text, &mut Diagnostics::new(text.file)).aside().to_vec()
}

/// What a table of chains decided.
enum Fate {
    /// On to the next table.
    Goes,
    /// The packet is answered or kept.
    Taken(Forwarding),
}

impl Linux {
    /// The state of a packet's connection, as conntrack has it.
    fn state_of(&self, found: Option<(ConnectionId, Sender)>, packet: &Packet) -> &'static str {
        let seen = found.and_then(|(id, _)| self.table.get(id));
        match seen {
            Some(c) if c.ends.iter().all(|e| e.next.is_some()) => "ESTABLISHED",
            Some(_) => "NEW",
            None if packet.flags.is_initial_syn() => "NEW",
            None => "INVALID",
        }
    }

    fn walk(
        &mut self,
        chains: Chains,
        pass: &mut Pass<'_>,
        found: Option<(ConnectionId, Sender)>,
        tracked: &mut bool,
    ) -> Result<Fate, Refused> {
        let state = self.state_of(found, pass.packet);
        let count = self.rules.entries.len();
        for at in 0..count {
            let state = if *tracked { state } else { "UNTRACKED" };
            let entry = &self.rules.entries[at];
            if entry.table != chains || !entry.matches(pass.packet, state) {
                continue;
            }
            *self.hits.entry(at).or_default() += 1;
            let rule = Arc::clone(&entry.rule);
            match &entry.target {
                Target::Accept | Target::Return => return Ok(Fate::Goes),
                Target::Count => {}
                Target::Untrack => *tracked = false,
                Target::Drop => return refuse(&rule, "DROP"),
                Target::Reject { reset } => {
                    if *reset {
                        let answer = crate::steps::forge::refusal(pass.packet);
                        pass.effects.emit_new(pass.ingress, answer);
                        pass.sign(&rule, Change::Reset { reason: "REJECT" });
                    }
                    return refuse(&rule, "REJECT");
                }
                Target::Strip(kinds) => {
                    edit(pass, |o| kinds.contains(&o.kind).then_some((Edit::Nop, &rule)));
                }
                Target::Mss(most) => mss::clamp(pass, 0, *most, &rule),
                Target::SynProxy => {
                    if let Some(fate) = self.proxy(pass, found, &rule)? {
                        return Ok(Fate::Taken(fate));
                    }
                }
            }
        }
        match self.rules.policy(chains) {
            Some(rule) => refuse(&rule, "DROP"),
            None => Ok(Fate::Goes),
        }
    }

    /// A SYN for a proxied server opens a connection of the proxy's own.
    fn proxy(
        &mut self,
        pass: &mut Pass<'_>,
        found: Option<(ConnectionId, Sender)>,
        rule: &Arc<Rule>,
    ) -> Result<Option<Forwarding>, Refused> {
        if found.is_some() || !pass.packet.flags.is_initial_syn() {
            return Ok(None);
        }
        let cookie = Seq(self.random.next_u32());
        let proxy = Some((SynProxy::new(pass.packet, cookie), Arc::clone(rule)));
        let flow = pass.packet.flow();
        let id = self.table.open(pass.now, flow, flow, State { proxy, shift: Shift::default() });
        self.proxied(pass, id, Sender::Initiator)
    }

    /// What the proxy of a connection makes of a packet; `None`: it goes on.
    fn proxied(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
    ) -> Result<Option<Forwarding>, Refused> {
        let Some(connection) = self.table.get_mut(id) else { return Ok(None) };
        let State { proxy: Some((proxy, rule)), shift } = &mut connection.state else {
            return Ok(None);
        };
        let rule = Arc::clone(rule);
        let with = match proxy.step(sender, pass.packet, shift) {
            Step::Pass => return Ok(None),
            Step::Ignore => return refuse(&rule, "SYNPROXY"),
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
                pass.sign(&rule, Change::SequenceShifted { by });
                "ACK"
            }
        };
        pass.sign(&rule, Change::Answered { with });
        Ok(Some(Forwarding::Consumed))
    }

    fn cross(&mut self, pass: &mut Pass<'_>) -> Result<Forwarding, Refused> {
        let found = self.table.receive(pass.now, pass.packet, |_| {});
        let mut tracked = true;
        for chains in [Chains::Raw, Chains::Mangle, Chains::Filter] {
            if let Fate::Taken(forwarding) = self.walk(chains, pass, found, &mut tracked)? {
                return Ok(forwarding);
            }
        }
        let (id, sender) = match found {
            Some(found) => found,
            None if tracked && pass.packet.flags.is_initial_syn() => {
                let flow = pass.packet.flow();
                (self.table.open(pass.now, flow, flow, State::default()), Sender::Initiator)
            }
            None => return Ok(ttl::hop(pass, &self.hop).unwrap_or(Forwarding::Through)),
        };
        if let Some(forwarding) = self.proxied(pass, id, sender)? {
            return Ok(forwarding);
        }
        let shift = self.table.get(id).map(|c| c.state.shift).unwrap_or_default();
        shift.arrive(pass.packet, sender, true);
        self.table.observe(pass.now, id, sender, pass.packet);
        shift.leave(pass.packet, sender);
        Ok(ttl::hop(pass, &self.hop).unwrap_or(Forwarding::Through))
    }
}

impl Device for Linux {
    fn model(&self) -> &'static str {
        "linux"
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        let pass = &mut Pass::new(now, ingress, packet, effects);
        match self.cross(pass) {
            Ok(forwarding) => forwarding,
            Err(refused) => pass.drop(&refused.rule, refused.reason),
        }
    }

    fn reload(&mut self, _now: SimTime) {
        self.table.clear();
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let of = |(at, entry): (usize, &Entry)| {
            let hits = self.hits.get(&at).copied().unwrap_or(0);
            (format!("rule {}: {}", at + 1, entry.rule.text), hits)
        };
        self.rules.entries.iter().enumerate().map(of).collect()
    }

    fn report(&self) -> Vec<String> {
        let counts = self.counters();
        let heading = std::iter::once("iptables -v -S".to_owned());
        let lines = self.rules.entries.iter().zip(counts);
        heading
            .chain(lines.map(|(entry, (_, hits))| format!("[{hits}] {}", entry.rule.text)))
            .collect()
    }
}
