//! A device of declarative rules, written in the scenario file: match a packet, do something to it.
//!
//! Rules see numbers in the space of the end that counts them; what changes a connection's sequence
//! space (randomised initial numbers, longer or shorter payload) is kept per connection and applied
//! on the way out, in both directions.

mod act;
mod exit;
mod facts;
#[cfg(test)]
mod measured;
pub mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use sim_core::engine::device::{Change, Device, Effects, Forwarding, PortId, PortPair, Rule, Side};
use sim_core::rng::Stream;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::{Flags, Flow, Packet};
use sim_core::wire::seq::Seq;

use crate::catalogue::ModelInfo;
use crate::spec::DeviceContext;
use crate::steps::contiguous::Contiguous;
use crate::steps::isn::Shift;
use crate::steps::resize::Resizing;
use crate::steps::scan::Scan;
use crate::steps::syn_proxy::SynProxy;
use crate::steps::track::{ConnectionId, Sender, Table, Timeouts};
use crate::steps::{Pass, forge, translate};

use exit::{Exit, Waiting};
use facts::{Facts, Subject, Tally};
use rules::{CustomRule, Direction, Do};

const SOURCE: &str = "the scenario file";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Custom",
    product: "Any box, described by rules",
    summary: "Does what its rules say: each names packets (path, direction, kind of segment, option \
              or MPTCP subtype, text, nth, after so many bytes or so long) and what happens to them.",
    defaults: &[("rules", "none: everything passes", SOURCE)],
    settings: &[
        ("rules", "list of (when: (…), do: …), applied in order"),
        (
            "stateful",
            "(idle: \"60 s\", stray: Drop or Reset): packets of no connection, or of one that was \
             idle for so long, do not pass",
        ),
    ],
    configuration: "",
    example: "\"box\": Custom(rules: [\n    // Options are lost once 500 kB were acknowledged.\n    \
              (when: (segment: [Data], after: (acked: \"500 kB\")), do: Nop),\n    // A join over this \
              path never gets through.\n    (when: (path: \"lte\", segment: [Syn], option: Join), do: \
              Drop),\n    // A gateway that rewrites addresses in the payload.\n    (when: (direction: \
              ToServer), do: Replace(find: \"10.0.1.2\", with: \"192.0.2.77\")),\n])",
    notes: &[
        "when: path, direction (ToServer, ToClient), segment (Syn, SynAck, ThirdAck, AfterHandshake, \
         FirstData, Data, PureAck, Fin, Rst), flags (Syn, Ack, Fin, Rst, Psh, Urg, Ece, Cwr: all of \
         them), port (of either end), option (Option30, Capable, Join, Dss, AddAddr, RemoveAddr, \
         Prio, Fail, FastClose, TcpRst, Kind(n), Any), contains, stream_contains, after and until \
         (acked, bytes, packets, data_packets, age, time), skip, every, times, count (PerConnection, \
         Overall), chance.",
        "do: Nop, Eol, Remove, Drop, Reset(to, reason, transient, drop), RandomiseIsn(fix_sack), \
         Nat(address, port), Balance(to, name), SynProxy(), Flip(at), Replace(find, with), Grow(by), Shrink(by), \
         Split(at, options), Coalesce(options, wait), Hold(time), AckAhead(lose), ClampMss(to), \
         Window(to), Ttl(to), IpId(to).",
    ],
};

/// Whether, and how, the device insists on connections that it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stateful {
    /// A connection without a packet for so long is forgotten.
    pub idle: SimDuration,
    /// What becomes of packets of no connection other than SYNs.
    #[serde(default)]
    pub stray: Stray,
}

/// What becomes of packets of no connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Stray {
    /// Dropped.
    #[default]
    Drop,
    /// Answered by an RST.
    Reset,
}

/// What is kept about a connection.
#[derive(Clone, Debug)]
struct State {
    tallies: Box<[Tally]>,
    shift: Shift,
    fix_sack: bool,
    /// The rule that randomises its sequence numbers.
    randomise: Option<usize>,
    /// The rules that translate its source and its destination.
    nat: Option<usize>,
    /// The rule that answers its SYN, and how far that is.
    proxy: Option<(usize, SynProxy)>,
    balance: Option<usize>,
    resized: [Resizing; 2],
    scans: [Scan; 2],
    ahead: [Contiguous; 2],
    /// A segment that waits for the one that continues it, by sender.
    waiting: [Option<Waiting>; 2],
    /// Where each end's packets came in last.
    ports: [PortId; 2],
    opened_from: Side,
}

/// The device.
#[derive(Debug)]
pub(crate) struct Custom {
    rules: Vec<CustomRule>,
    /// Signatures of the rules, by their indices.
    signatures: Vec<Arc<Rule>>,
    stateful: Option<(Stateful, Arc<Rule>)>,
    paths: Vec<String>,
    table: Table<State>,
    overall: Vec<Tally>,
    applied: Vec<u64>,
    /// Longest text looked for across segments, less one.
    scan_keep: Option<usize>,
    scratch: Vec<u8>,
    translated: u16,
    random: Stream,
    /// Packets held back, by the time of their release.
    held: BTreeMap<(SimTime, u64), (PortId, Packet)>,
    held_so_far: u64,
    /// Segments that wait to be continued, by the time at which they go alone.
    deadlines: BTreeSet<(SimTime, ConnectionId, Sender)>,
}

impl Custom {
    pub(crate) fn new(
        rules: &[CustomRule],
        stateful: Option<Stateful>,
        context: &DeviceContext<'_>,
    ) -> Self {
        let scenario_rule = |text: String| Rule::scenario(text, SOURCE);
        let idle = stateful.map_or(SimDuration::MAX, |s| s.idle);
        let timeouts = Timeouts {
            embryonic: idle,
            idle,
            half_closed: idle,
            closed: SimDuration::from_secs(1),
        };
        let longest = rules.iter().filter_map(|r| r.when.stream_contains.as_ref().map(String::len));
        Self {
            signatures: rules
                .iter()
                .map(|r| scenario_rule(format!("{}{}", r.action, r.when)))
                .collect(),
            stateful: stateful.map(|s| (s, scenario_rule(format!("stateful, idle {}", s.idle)))),
            paths: Vec::new(),
            table: Table::new(timeouts),
            overall: vec![Tally::default(); rules.len()],
            applied: vec![0; rules.len()],
            scan_keep: longest.max().map(|len| len.saturating_sub(1)),
            scratch: Vec::new(),
            translated: 0,
            random: Stream::new(context.seed, context.name),
            held: BTreeMap::new(),
            held_so_far: 0,
            deadlines: BTreeSet::new(),
            rules: rules.to_vec(),
        }
    }

    /// Opens the connection of a packet that belongs to none.
    fn admit(&mut self, pass: &mut Pass<'_>) -> Result<(ConnectionId, Sender), Forwarding> {
        if let Some((stateful, rule)) = &self.stateful
            && !pass.packet.flags.is_initial_syn()
        {
            if stateful.stray == Stray::Reset && !pass.packet.flags.has(Flags::RST) {
                let answer = forge::refusal(pass.packet);
                pass.effects.emit_new(pass.ingress, answer);
                pass.sign(rule, Change::Reset { reason: "no connection" });
                return Err(Forwarding::Drop);
            }
            return Err(pass.drop(rule, "no connection"));
        }
        let state = State {
            tallies: vec![Tally::default(); self.rules.len()].into(),
            shift: Shift::default(),
            fix_sack: true,
            randomise: None,
            nat: None,
            proxy: None,
            balance: None,
            resized: Default::default(),
            scans: Default::default(),
            ahead: Default::default(),
            waiting: [None, None],
            ports: [pass.ingress, pass.ingress.peer()],
            opened_from: pass.ingress.side(),
        };
        let id = self.table.open(pass.now, pass.received, pass.received, state);
        let translated = self.choose_translation(pass, id);
        self.table.translate(id, translated);
        Ok((id, Sender::Initiator))
    }

    /// Applies the rules that hold for a whole connection, on its first packet; the flow of that
    /// packet past the device.
    fn choose_translation(&mut self, pass: &mut Pass<'_>, id: ConnectionId) -> Flow {
        let mut flow = pass.received;
        let Some(facts) = self.facts(pass, id, Sender::Initiator) else { return flow };
        for at in 0..self.rules.len() {
            if !self.rules[at].action.is_for_connections() || !self.fits(at, pass, id, &facts) {
                continue;
            }
            let Some(connection) = self.table.get_mut(id) else { break };
            match &self.rules[at].action {
                Do::RandomiseIsn { fix_sack } => {
                    connection.state.randomise = Some(at);
                    connection.state.fix_sack = *fix_sack;
                }
                Do::Nat { address, port } => {
                    connection.state.nat = Some(at);
                    let port =
                        port.map_or(flow.src.port(), |first| first.saturating_add(self.translated));
                    self.translated = self.translated.wrapping_add(1);
                    flow.src = (address.unwrap_or(flow.src.ip()), port).into();
                }
                Do::SynProxy {} => {
                    let cookie = Seq(self.random.next_u32());
                    connection.state.proxy = Some((at, SynProxy::new(pass.packet, cookie)));
                }
                Do::Balance { to, name } => {
                    connection.state.balance = Some(at);
                    flow.dst = *to;
                    let server = name.clone().unwrap_or_else(|| to.to_string());
                    pass.sign(&self.signatures[at], Change::Balanced { server, address: *to });
                }
                _ => {}
            }
        }
        flow
    }

    /// What is known of a packet before any rule has touched it.
    fn facts(&self, pass: &Pass<'_>, id: ConnectionId, sender: Sender) -> Option<Facts> {
        let direction = match pass.ingress.side() {
            Side::Inside => Direction::ToServer,
            Side::Outside => Direction::ToClient,
        };
        Some(Facts::of(self.table.get(id)?, pass.now, direction, sender, pass.packet))
    }

    /// Whether rule `at` is to be applied to the packet.
    fn fits(&mut self, at: usize, pass: &Pass<'_>, id: ConnectionId, facts: &Facts) -> bool {
        let Some(connection) = self.table.get_mut(id) else { return false };
        let path = self.paths.get(usize::from(pass.ingress.pair())).map(String::as_str);
        let mut subject = Subject { facts, path, packet: pass.packet, connection };
        let fits = subject.fits(
            &self.rules[at].when,
            at,
            &mut self.overall,
            &mut self.random,
            &mut self.scratch,
        );
        self.applied[at] += u64::from(fits);
        fits
    }

    /// Shifts the sequence space of a connection whose SYN (or SYN/ACK) this is.
    fn randomise(&mut self, pass: &mut Pass<'_>, id: ConnectionId, sender: Sender) {
        let Some(connection) = self.table.get_mut(id) else { return };
        if let Some(rule) = connection.state.randomise {
            let end = &connection.ends[sender as usize];
            let shift = &mut connection.state.shift;
            shift.randomise(pass, sender, end, &mut self.random, &self.signatures[rule]);
        }
    }

    /// Brings the packet into the form that the other side knows.
    fn leave(&mut self, pass: &mut Pass<'_>, id: ConnectionId, sender: Sender) {
        let Some(connection) = self.table.get(id) else { return };
        let state = &connection.state;
        state.resized[sender as usize].rewrite(pass.packet);
        state.shift.leave(pass.packet, sender);
        let (opened, translated) = (connection.opened, connection.translated);
        let signature = |rule: Option<usize>| rule.map(|rule| &self.signatures[rule]);
        match (sender, signature(state.nat), signature(state.balance)) {
            (Sender::Initiator, nat, balance) => {
                if let Some(rule) = nat {
                    translate::source(pass, translated.src, rule);
                }
                if let Some(rule) = balance {
                    translate::destination(pass, translated.dst, rule);
                }
            }
            (Sender::Responder, nat, balance) => {
                if let Some(rule) = nat {
                    translate::destination(pass, opened.src, rule);
                }
                if let Some(rule) = balance {
                    translate::source(pass, opened.dst, rule);
                }
            }
        }
    }
}

impl Device for Custom {
    fn model(&self) -> &'static str {
        "custom"
    }

    fn wire(&mut self, ports: &[PortPair]) {
        self.paths = ports.iter().map(|p| p.path.clone()).collect();
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        let pass = &mut Pass::new(now, ingress, packet, effects);
        let (id, sender) = match self.table.receive(now, pass.packet, |_| {}) {
            Some(found) => found,
            None => match self.admit(pass) {
                Ok(found) => found,
                Err(forwarding) => return forwarding,
            },
        };
        self.arrive(pass, id, sender);
        if let Some(forwarding) = self.proxy(pass, id, sender) {
            return forwarding;
        }
        let Some(facts) = self.facts(pass, id, sender) else { return Forwarding::Drop };
        let mut exit = Exit::default();
        for at in 0..self.rules.len() {
            if self.rules[at].action.is_for_connections() || !self.fits(at, pass, id, &facts) {
                continue;
            }
            if let Some(forwarding) = self.act(at, pass, id, sender, &mut exit) {
                return forwarding;
            }
        }
        self.randomise(pass, id, sender);
        self.table.observe(now, id, sender, pass.packet);
        self.leave(pass, id, sender);
        self.exit(exit, pass, id, sender)
    }

    fn next_timeout(&self) -> Option<SimTime> {
        let held = self.held.first_key_value().map(|(&(at, _), _)| at);
        let waiting = self.deadlines.first().map(|&(at, ..)| at);
        held.into_iter().chain(waiting).min()
    }

    fn on_timeout(&mut self, now: SimTime, effects: &mut Effects) {
        self.release(now, effects);
    }

    fn reload(&mut self, _now: SimTime) {
        self.table.clear();
        self.held.clear();
        self.deadlines.clear();
        self.overall.fill(Tally::default());
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let rules = self.signatures.iter().zip(&self.applied).enumerate();
        rules.map(|(at, (rule, &n))| (format!("rule {}: {}", at + 1, rule.text), n)).collect()
    }
}
