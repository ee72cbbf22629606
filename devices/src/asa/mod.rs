//! Cisco ASA: a stateful firewall whose TCP normaliser replaces unknown TCP options, option 30
//! included, by NOPs, unless a `tcp-map` lets them through (Cisco 116519).
//!
//! The steps, in the order of the packet's way: find the connection, or admit a new one (access lists,
//! security levels; only a SYN opens one) → normalise → track → randomise sequence numbers → clamp
//! the MSS.

mod access;
mod access_policy;
mod audit;
mod config;
mod connection;
mod explain;
mod grammar;
mod inspection;
mod layer7;
mod levels;
mod limits;
mod lists;
mod names;
mod nat;
mod normalizer;
mod order;
mod own;
mod pix;
mod policy;
mod policy_route;
mod remedy;
mod report;
mod syslog;
mod tcp_map;
#[cfg(test)]
mod tests;
mod touches;
mod tunnels;
mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use sim_core::engine::device::{
    Change, Device, Effects, Forwarding, PortId, Rule, Side, Standing, Wording,
};
use sim_core::rng::Stream;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Flow, Packet};

use crate::catalogue::{MODELLED, ModelInfo, RECALLED};
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics};
use crate::spec::DeviceContext;
use crate::steps::isn::Shift;
use crate::steps::track::{ConnectionId, Sender, Table, Timeouts};
use crate::steps::{Pass, icmp, mss, ttl};

use access::Access;
pub(crate) use audit::{FWSM, PLATFORM, audit_lina};
use config::AsaConfig;
use limits::{Counted, Intercepted, Uses};
use nat::Translator;
use order::Watched;
pub(crate) use pix::PLATFORM as PIX;
use policy::{Policy, Treatment};
use report::{Tally, counter_of};
use syslog::Syslog;
use tcp_map::GUIDE;

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Asa",
    product: "Cisco ASA (also PIX 7.0 and later)",
    summary: "As it comes: replaces option 30 by NOPs in every segment of both directions, so MPTCP \
              falls back to plain TCP (first subflow) or the subflow is refused (join). A tcp-map \
              that allows option 30, in a class that matches, in an activated policy, lets it pass. \
              Sequence numbers are randomised and the MSS is clamped: MPTCP survives both.",
    defaults: &[
        ("tcp-options range 6 7", "clear (to NOPs)", GUIDE),
        ("tcp-options range 9 255", "clear (to NOPs); option 30 is among them", tcp_map::SEED),
        ("tcp-options selective-ack, timestamp, window-scale", "allow", GUIDE),
        ("set connection random-sequence-number", "enable, each direction by itself", GUIDE),
        ("sysopt connection tcpmss", "1380", MSS_SOURCE),
        ("urgent-flag", "clear", GUIDE),
        ("syn-data", "allow", GUIDE),
        ("synack-data", "drop", GUIDE),
        ("invalid-ack, seq-past-window", "drop", GUIDE),
        ("exceed-mss, reserved-bits", "allow", GUIDE),
        ("ttl-evasion-protection", "on", GUIDE),
        ("checksum-verification, check-retransmission", "off", GUIDE),
        ("window-variation", "allow", GUIDE),
        ("queue-limit", "0: not put in order; 3 segments where an inspection reads", GUIDE),
        ("tcp-options md5", "clear; allow since 9.4(2)", RECALLED),
        ("two of one named option", "dropped since 9.4(2), unless allow multiple", RECALLED),
        ("inspect http", "not on; without a map it blocks nothing", GUIDE),
        ("inspect dns", "UDP only, unless tcp-inspection", RECALLED),
        ("first packet of a connection", "must be a SYN (asp drop tcp-not-syn)", GUIDE),
        ("set connection embryonic-conn-max", "0: no TCP Intercept", GUIDE),
        ("timeouts", "conn 1:00:00, half-closed 0:10:00", GUIDE),
        ("timeout embryonic", "0:00:30", RECALLED),
        ("new connections without an access list", "only towards a lower security level", RECALLED),
        ("SYN or SYN/ACK that does not fit, malformed option list", "dropped", MODELLED),
    ],
    settings: &[
        ("config", "path of the configuration text"),
        ("inside", "nameif of the interface towards the clients; default: inside"),
        ("outside", "nameif of the interface towards the servers; default: outside"),
    ],
    configuration: "tcp-map (both syntaxes), class-map (any, access-list, port, \
                    default-inspection-traffic), policy-map, set connection (advanced-options, \
                    limits, timeouts, random-sequence-number), inspect (ftp, http, sip, esmtp, dns \
                    over TCP, with their maps), service-policy (global, interface), nat (twice NAT and \
                    network object NAT, static and dynamic, and the syntax before 8.3), access-list, \
                    access-group, object, timeout, sysopt connection tcpmss, interface (nameif, \
                    security-level)",
    example: "tcp-map my-mptcp\n  tcp-options range 30 30 allow\nclass-map my-tcpnorm\n  match any\n\
              policy-map my-policy-map\n  class my-tcpnorm\n    set connection advanced-options \
              my-mptcp\nservice-policy my-policy-map global\n",
    notes: &[
        "Cisco 116519 recommends to let the ASA remove option 30 where application inspection is \
         required: each subflow carries only a part of the stream.",
        "TCP Intercept answers with an MSS and no other option, and calls the server with a SYN that has \
         no other either: even with a tcp-map an intercepted connection is plain TCP. A modelling \
         decision.",
        "An inspection reads one connection: a subflow that begins in the middle of a message is no \
         message to it. FTP then misses a PORT, strict HTTP, SIP and DNS drop, ESMTP overwrites. What \
         the engines block and overwrite is modelled; the rewriting of translated addresses in payload \
         is not.",
        "nat rules are looked at in the order of the guide: twice NAT, network object NAT (static before \
         dynamic, fewer real addresses first), twice NAT after-auto. Headers are translated, options are \
         not: a join comes from its mapped address, an ADD_ADDR keeps the real one. Access lists name real \
         addresses. A call to a real address whose answers would be translated is refused, recalled, not \
         verified. `nat (…) N`, `global` and `static (…)` of before 8.3 become such rules, and access lists \
         then see mapped addresses; those that name an access list are said not to be modelled.",
        "An ICMP error (fragmentation needed) that comes from a lower security level is dropped unless an \
         access list permits it (Cisco 15246) or inspect icmp stands in a policy in service. That this \
         suffices, and that the numbers which the error quotes are put back where they were randomised, \
         is inferred.",
        "Dead connection detection (dcd), failover and clusters are not modelled.",
    ],
};

/// The reason of `show asp drop` for an ICMP error about no connection.
const NO_CONNECTION: &str = "inspect-icmp-error-no-existing-conn";

const MSS_SOURCE: &str = "ASA command reference, sysopt connection tcpmss";
const STATE_SOURCE: &str = "ASA CLI configuration guide, stateful inspection overview";

/// Connection timeouts: 1 hour, half-closed 10 minutes (ASA CLI guide); embryonic 30 seconds
/// (recalled).
const TIMEOUTS: Timeouts = Timeouts {
    embryonic: SimDuration::from_secs(30),
    idle: SimDuration::from_secs(3600),
    half_closed: SimDuration::from_secs(600),
    closed: SimDuration::ZERO,
};

/// An ASA's settings in a scenario file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings<'a> {
    pub(crate) inside: Option<&'a str>,
    pub(crate) outside: Option<&'a str>,
}

/// Builds an ASA, with or without configuration text.
///
/// # Errors
/// Lines of the configuration that an ASA would refuse.
pub(crate) fn build(
    settings: &Settings<'_>,
    context: &DeviceContext<'_>,
    text: Option<ConfigText<'_>>,
) -> Result<(Asa, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let mut found = Diagnostics::new(text.map_or("", |t| t.file));
    let config = text.map_or_else(AsaConfig::default, |t| grammar::read(t, &mut found));
    let interfaces = interfaces(settings, &config);
    if let Some(text) = text
        && !found.has_errors()
    {
        explain::warn(&config, Some(&interfaces), false, text, &mut found);
    }
    let warnings = found.into_result()?;
    let access = Access::new(&config, interfaces.clone());
    let address = |name: &String| config.interface(name).and_then(|i| i.address);
    let addresses = [0, 1].map(|side: usize| address(&interfaces[side]));
    let nat = Translator::new(&config.nats, &interfaces, addresses);
    let asa = Asa::new(Arc::new(config), text.is_some(), interfaces, access, context);
    Ok((Asa { nat, ..asa }, warnings))
}

/// Names of the interfaces towards the clients and the servers: as set, or `inside` and `outside`, or
/// the most and the least trusted of the configuration when it knows neither of these.
fn interfaces(settings: &Settings<'_>, config: &AsaConfig) -> [String; 2] {
    let mut levels: Vec<(u8, &str)> = config
        .interfaces
        .iter()
        .filter_map(|i| Some((i.level(), i.name.as_ref()?.0.as_str())))
        .collect();
    levels.sort_by_key(|&(level, _)| level);
    let known = |name: &str| levels.iter().any(|&(_, n)| n == name);
    let named = known("inside") || known("outside") || levels.len() < 2;
    let guess = |fixed: &'static str, by_level: Option<&(u8, &str)>| match by_level {
        Some((_, name)) if !named => (*name).to_owned(),
        _ => fixed.to_owned(),
    };
    [
        settings.inside.map_or_else(|| guess("inside", levels.last()), str::to_owned),
        settings.outside.map_or_else(|| guess("outside", levels.first()), str::to_owned),
    ]
}

/// What an ASA keeps about a connection.
#[derive(Debug)]
struct State {
    treatment: Arc<Treatment>,
    shift: Shift,
    /// Smallest TTL seen, by sender.
    ttl: [u8; 2],
    /// Side that it was opened from.
    opened_from: Side,
    /// Its number in the log.
    number: u64,
    /// Side that sent an RST, once one did.
    reset_from: Option<Side>,
    /// True once it was signed that option 30 of this connection may pass.
    passage_signed: bool,
    /// What it counts for in its class's limits.
    counted: Option<Counted>,
    /// The proxy that answered its SYN, with the rule that made it.
    proxy: Option<Intercepted>,
    /// What is kept when its payload is read.
    watched: Option<Box<Watched>>,
}

/// The maximum and minimum MSS, with the rule.
#[derive(Debug)]
struct MssBounds {
    minimum: u16,
    maximum: u16,
    rule: Arc<Rule>,
}

/// The device.
#[derive(Debug)]
pub(crate) struct Asa {
    policy: Policy,
    access: Access,
    mss: MssBounds,
    not_syn: Arc<Rule>,
    no_session: Arc<Rule>,
    bad_handshake: Arc<Rule>,
    bad_options: Arc<Rule>,
    ttl_expired: Arc<Rule>,
    repeated_option: Arc<Rule>,
    table: Table<State>,
    uses: Uses,
    /// When segments that are kept back are given up.
    waiting: BTreeSet<(SimTime, ConnectionId)>,
    /// Connections that inspections wait for.
    expected: Vec<SocketAddr>,
    nat: Option<Translator>,
    /// The packet at hand, as it came in, where access lists see it so.
    outer: Option<Flow>,
    random: Stream,
    counters: Counters,
    /// Counters of tcp-maps, by their place in the configuration.
    tallies: BTreeMap<usize, Tally>,
    /// What inspections have seen, by their line.
    inspected: BTreeMap<u32, Inspected>,
    syslog: Syslog,
    /// When the last packet came.
    now: SimTime,
}

/// What an inspection has seen.
#[derive(Clone, Copy, Debug, Default)]
struct Inspected {
    packets: u64,
    drops: u64,
    resets: u64,
}

#[derive(Debug, Default)]
struct Counters {
    built: u64,
    torn_down: u64,
    intercepted: u64,
    out_of_order: u64,
    options_cleared: u64,
    option_30_cleared: u64,
    /// Flows that an inspection has ended.
    failed_inspections: u64,
    /// `show asp drop`, by reason.
    drops: BTreeMap<&'static str, u64>,
}

impl Asa {
    /// Says in its remedies that `caution` speaks against letting option 30 through, in place of what the
    /// vendor says for an ASA.
    pub(crate) fn warn_against(&mut self, caution: Wording) {
        self.policy.warn_against(caution);
    }

    fn new(
        config: Arc<AsaConfig>,
        has_text: bool,
        interfaces: [String; 2],
        access: Access,
        context: &DeviceContext<'_>,
    ) -> Self {
        let bound = |set: &Option<(u16, _)>| set.as_ref().map(|&(value, _)| value);
        let place = config.mss_maximum.as_ref().or(config.mss_minimum.as_ref());
        let mss = MssBounds {
            minimum: bound(&config.mss_minimum).unwrap_or(0),
            maximum: match bound(&config.mss_maximum).unwrap_or(1380) {
                0 => u16::MAX,
                maximum => maximum,
            },
            rule: match place {
                Some((_, place)) => Rule::config(place.text.clone(), place.clone(), MSS_SOURCE),
                None => Rule::default("sysopt connection tcpmss 1380", MSS_SOURCE),
            },
        };
        Self {
            syslog: Syslog::new(access.rises()),
            access,
            policy: Policy::new(config, has_text, interfaces),
            mss,
            not_syn: Rule::default("the first packet of a connection must be a SYN", STATE_SOURCE),
            no_session: Rule::default("an ICMP error must be about a connection", RECALLED),
            bad_handshake: Rule::default(
                "SYN and SYN/ACK must fit what the connection has shown before",
                MODELLED,
            ),
            bad_options: Rule::default("a malformed option list is dropped", MODELLED),
            ttl_expired: Rule::default("TTL expired in transit", "RFC 1812 §5.3.1"),
            repeated_option: Rule::default(
                "tcp-options NAME default: at most once in a header",
                RECALLED,
            ),
            table: Table::new(TIMEOUTS),
            uses: Uses::default(),
            waiting: BTreeSet::new(),
            expected: Vec::new(),
            nat: None,
            outer: None,
            random: Stream::new(context.seed, context.name),
            counters: Counters::default(),
            tallies: BTreeMap::new(),
            inspected: BTreeMap::new(),
            now: SimTime::ZERO,
        }
    }

    /// Opens the connection of a packet that belongs to none.
    fn admit(&mut self, pass: &mut Pass<'_>) -> Result<ConnectionId, Forwarding> {
        let is_syn = pass.packet.flags.is_initial_syn();
        if !is_syn && !self.policy.bypasses(pass.received, pass.ingress) {
            return Err(self.drop(pass, &Arc::clone(&self.not_syn), "tcp-not-syn"));
        }
        let side = pass.ingress.side();
        let seen = self.outer.unwrap_or(pass.received);
        if let Err(rule) = self.access.judge(&self.policy.config, seen, side) {
            match self.expected.iter().position(|a| *a == pass.received.dst) {
                Some(at) => drop(self.expected.swap_remove(at)),
                None => return Err(self.drop(pass, &rule, "acl-drop")),
            }
        }
        let treatment = self.policy.treatment(pass.received, pass.ingress);
        let (counted, proxy) = self.count(pass, treatment.limits.as_ref())?;
        let watched = match treatment.bypass {
            Some(_) => None,
            None => {
                let plan = self.policy.inspection(pass.received, pass.ingress);
                Watched::new(&treatment, plan, pass.received)
            }
        };
        let timeouts = treatment.timeouts;
        let state = State {
            treatment,
            shift: Shift::default(),
            ttl: [u8::MAX; 2],
            opened_from: side,
            number: self.counters.built + 1,
            reset_from: None,
            passage_signed: false,
            counted,
            proxy,
            watched,
        };
        self.counters.built += 1;
        let names = &self.policy.interfaces;
        let mapped = self.nat.as_ref().and_then(|nat| nat.mapped(pass.received));
        let flows = [pass.received, mapped.unwrap_or(pass.received)];
        self.syslog.built(names, state.number, flows, &state);
        Ok(self.table.open_with(pass.now, timeouts, [pass.received; 2], state))
    }

    fn drop(&mut self, pass: &mut Pass<'_>, rule: &Arc<Rule>, reason: &'static str) -> Forwarding {
        *self.counters.drops.entry(reason).or_default() += 1;
        let (names, side) = (&self.policy.interfaces, pass.ingress.side());
        self.syslog.dropped(names, side, pass.packet, reason, &rule.text);
        pass.drop(rule, reason)
    }

    fn drop_icmp(
        &mut self,
        pass: &mut Pass<'_>,
        rule: &Arc<Rule>,
        reason: &'static str,
    ) -> Forwarding {
        *self.counters.drops.entry(reason).or_default() += 1;
        pass.drop(rule, reason)
    }

    /// The connection of a packet and the end that sent it; a SYN over a closed one opens a new one.
    fn connection(&mut self, pass: &mut Pass<'_>) -> Result<(ConnectionId, Sender), Forwarding> {
        if let Some(found) = self.table.find_for(pass.packet) {
            return Ok(found);
        }
        self.admit(pass).map(|id| (id, Sender::Initiator))
    }

    /// What is left to be done to a segment that goes on, in its place in the stream.
    fn finish(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
        treatment: &Treatment,
    ) -> Forwarding {
        if let Err(forwarding) = self.inspect(pass, id, sender) {
            return forwarding;
        }
        self.randomise(pass, id, sender);
        self.table.observe(pass.now, id, sender, pass.packet);
        if pass.packet.flags.has(Flags::RST)
            && let Some(connection) = self.table.get_mut(id)
        {
            connection.state.reset_from.get_or_insert(pass.ingress.side());
        }
        self.settle(id);
        if let Some(connection) = self.table.get(id) {
            connection.state.shift.leave(pass.packet, sender);
        }
        mss::clamp(pass, self.mss.minimum, self.mss.maximum, &self.mss.rule);
        match &treatment.decrement_ttl {
            Some(_) => ttl::hop(pass, &self.ttl_expired).unwrap_or(Forwarding::Through),
            None => Forwarding::Through,
        }
    }

    /// Shifts the sequence space of a connection whose SYN (or SYN/ACK) this is.
    fn randomise(&mut self, pass: &mut Pass<'_>, id: ConnectionId, sender: Sender) {
        let Some(connection) = self.table.get_mut(id) else { return };
        let first = connection.end(sender).isn.is_none() && pass.packet.flags.has(Flags::SYN);
        if let (true, Some(rule)) = (first, &connection.state.treatment.randomise) {
            let by = self.random.next_u32();
            connection.state.shift.by[sender as usize] = by;
            pass.sign(rule, Change::SequenceShifted { by });
        }
    }
}

impl Asa {
    /// What the firewall does to a segment, whose addresses are real ones.
    fn filter(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        self.now = now;
        let nat = &mut self.nat;
        let (torn_down, uses) = (&mut self.counters.torn_down, &mut self.uses);
        let (syslog, names) = (&mut self.syslog, &self.policy.interfaces);
        self.table.expire(now, |gone| {
            *torn_down += 1;
            uses.release(gone.state.counted);
            syslog.torn_down(names, gone);
            if let Some(nat) = nat {
                nat.release(gone.opened);
            }
        });
        let pass = &mut Pass::new(now, ingress, packet, effects);
        let (id, sender) = match self.connection(pass) {
            Ok(found) => found,
            Err(forwarding) => return forwarding,
        };
        let Some(connection) = self.table.get_mut(id) else { return Forwarding::Drop };
        let treatment = Arc::clone(&connection.state.treatment);
        if let Some(bypass) = &treatment.bypass {
            let first = !std::mem::replace(&mut connection.state.passage_signed, true);
            if first && pass.packet.options.has(kind::MPTCP) {
                pass.sign(bypass, Change::Allowed { what: "option 30" });
            }
            self.table.observe(now, id, sender, pass.packet);
            return Forwarding::Through;
        }
        if connection.state.proxy.is_some()
            && let Some(forwarding) = self.intercept(pass, id, sender)
        {
            return forwarding;
        }
        if let Some(connection) = self.table.get(id) {
            connection.state.shift.arrive(pass.packet, sender, true);
        }
        if let Err((rule, reason)) = self.normalise(pass, id, sender, &treatment) {
            if let Some(counter) = counter_of(reason) {
                self.tally(&treatment, counter, 1);
            }
            if reason == "tcpnorm-win-variation"
                && let Some(gone) = self.table.remove(id)
            {
                self.counters.torn_down += 1;
                self.uses.release(gone.state.counted);
            }
            return self.drop(pass, &rule, reason);
        }
        self.in_order(pass, id, sender, &treatment)
    }

    /// The same, with the addresses as they are outside.
    fn translated(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        self.outer = self.policy.config.lists_see_mapped.then(|| packet.flow());
        let pass = &mut Pass::new(now, ingress, packet, effects);
        let table = &self.table;
        if let Some(nat) = &mut self.nat
            && let Err((rule, reason)) = nat.arrive(pass, |inside| table.find(inside).is_some())
        {
            return self.drop(pass, &rule, reason);
        }
        let inside = packet.flow();
        let first = effects.emitted.len();
        let forwarding = self.filter(now, ingress, packet, effects);
        let Some(nat) = &mut self.nat else { return forwarding };
        for (egress, made) in effects.emitted.iter_mut().skip(first) {
            nat.leave_made(made, *egress);
        }
        let egress = match forwarding {
            Forwarding::Through => ingress.peer(),
            Forwarding::To(port) => port,
            Forwarding::Drop | Forwarding::Consumed => {
                // What was refused leaves no translation.
                if self.table.find(inside).is_none() {
                    nat.release(inside);
                }
                return forwarding;
            }
        };
        nat.leave(&mut Pass::new(now, ingress, packet, effects), egress);
        forwarding
    }
}

impl Device for Asa {
    fn model(&self) -> &'static str {
        "asa"
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        if self.nat.is_none() {
            return self.filter(now, ingress, packet, effects);
        }
        self.translated(now, ingress, packet, effects)
    }

    fn process_icmp(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        self.now = now;
        if let Some(nat) = &self.nat {
            nat.arrive_error(packet, ingress.side());
        }
        let pass = &mut Pass::new(now, ingress, packet, effects);
        let Some((id, sender, across)) = icmp::quoted(pass.packet, &self.table) else {
            return self.drop_icmp(pass, &Arc::clone(&self.no_session), NO_CONNECTION);
        };
        let config = &self.policy.config;
        let inspected = config.inspects_icmp();
        if let Err(rule) = self.access.judge_icmp(config, pass.packet, ingress.side())
            && !inspected
        {
            return self.drop_icmp(pass, &rule, "acl-drop");
        }
        let shift = self.table.get(id).map_or(0, |c| c.state.shift.by[sender as usize]);
        icmp::lead_back(pass, across, shift, &Arc::clone(&self.no_session));
        if let Some(nat) = &self.nat {
            nat.leave_error(pass, ingress.peer().side());
        }
        Forwarding::Through
    }

    fn next_timeout(&self) -> Option<SimTime> {
        self.waiting.first().map(|&(deadline, _)| deadline)
    }

    fn on_timeout(&mut self, now: SimTime, effects: &mut Effects) {
        let first = effects.emitted.len();
        self.give_up(now, effects);
        if let Some(nat) = &self.nat {
            for (egress, held) in effects.emitted.iter_mut().skip(first) {
                nat.leave_made(held, *egress);
            }
        }
    }

    fn stands_for(&self) -> Vec<Standing> {
        self.nat.as_ref().map_or_else(Vec::new, Translator::stands_for)
    }

    fn reload(&mut self, _now: SimTime) {
        self.counters.torn_down += self.table.len() as u64;
        self.table.clear();
        self.uses = Uses::default();
        self.waiting.clear();
        self.expected.clear();
        if let Some(nat) = &mut self.nat {
            nat.clear();
        }
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let c = &self.counters;
        let mut all = vec![
            ("connections built".to_owned(), c.built),
            ("connections torn down".to_owned(), c.torn_down),
            ("connections in use".to_owned(), self.table.len() as u64),
            ("connections intercepted".to_owned(), c.intercepted),
            ("TCP options cleared".to_owned(), c.options_cleared),
            ("option 30 cleared".to_owned(), c.option_30_cleared),
            ("segments held to be put in order".to_owned(), c.out_of_order),
        ];
        all.extend(self.nat.iter().flat_map(Translator::counters));
        all.extend(c.drops.iter().map(|(reason, count)| (format!("asp drop {reason}"), *count)));
        all
    }

    fn report(&self) -> Vec<String> {
        self.show()
    }
}
