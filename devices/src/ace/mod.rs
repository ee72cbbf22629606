//! Cisco ACE: a balancer that clears the TCP options that it is not told to allow, and that gives each
//! connection of a virtual address to a real server; each subflow by itself (Cisco 116519).

mod access;
pub(crate) mod audit;
mod balance;
mod config;
mod grammar;
mod layer7;
mod normalizer;
mod policy;
mod remedy;
#[cfg(test)]
mod tests;
mod warn;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use sim_core::engine::device::{Change, Device, Effects, Forwarding, PortId, Rule, Side};
use sim_core::rng::Stream;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::{Flags, Flow, Packet};
use sim_core::wire::seq::Seq;

use crate::catalogue::{ModelInfo, RECALLED};
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics};
use crate::spec::{DeviceContext, Farm};
use crate::steps::delayed_binding::DelayedBinding;
use crate::steps::isn::Shift;
use crate::steps::track::{ConnectionId, Sender, Table, Timeouts};
use crate::steps::{Pass, icmp, mss, translate};

pub(crate) use audit::PLATFORM;
use config::AceConfig;
use layer7::Layer7;
use normalizer::Normalizer;
use policy::{Policy, Target, Treatment};

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";
const GUIDE: &str = "Cisco ACE guides (OL-16202-01): server load balancing, TCP/IP normalization";
const COMMUNITY: &str = "Cisco community 1364920: ACE clears window scale";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Ace",
    product: "Cisco ACE (module and 4710 appliance)",
    summary: "As it comes: clears option 30 (and window scale) to NOPs, so MPTCP falls back. With \
              tcp-options range 30 30 allow it passes, but each subflow is balanced by itself: one \
              that reaches another real server is reset there, its token being unknown.",
    defaults: &[
        ("tcp-options range 6 7, range 9 255", "cleared (to NOPs)", SEED),
        ("tcp-options window-scale", "cleared", COMMUNITY),
        ("tcp-options selective-ack, timestamp", "allow", GUIDE),
        ("predictor", "roundrobin", RECALLED),
        ("random-sequence-number", "on", GUIDE),
        ("normalization", "on", GUIDE),
        ("sticky timeout", "1440 minutes", RECALLED),
        ("traffic without an access-group, where interfaces are given", "dropped", RECALLED),
        ("idle timeouts", "3600 s, embryonic 5 s", RECALLED),
    ],
    settings: &[("config", "path of the configuration text")],
    configuration: "rserver, serverfarm (predictor roundrobin, leastconns, hash address), sticky \
                    ip-netmask and http-cookie, class-map type http loadbalance (url, header, cookie), parameter-map type connection, class-map, policy-map type \
                    loadbalance, policy-map multi-match, interface (service-policy, access-group, \
                    normalization), access-list",
    example: "parameter-map type connection MPTCP\n  tcp-options range 30 30 allow\npolicy-map \
              multi-match CLIENTS\n  class VIP\n    loadbalance vip inservice\n    loadbalance policy \
              LB\n    connection advanced-options MPTCP\n",
    notes: &[
        "Without configuration text: virtual address and real servers come from the topology.",
        "That no normalization also ends option clearing is a modelling decision.",
        "Layer 7 balancing, SSL and application inspection terminate the connection: ACE answers the \
         handshake itself with an MSS and no other option, reads the request (at most 4096 bytes), and \
         then calls a server; decryption is not modelled.",
    ],
};

/// Idle timeouts, as recalled.
const TIMEOUTS: Timeouts = Timeouts {
    embryonic: SimDuration::from_secs(5),
    idle: SimDuration::from_secs(3600),
    half_closed: SimDuration::from_secs(3600),
    closed: SimDuration::ZERO,
};

/// Builds the device.
///
/// # Errors
/// Lines of the configuration that an ACE would refuse.
pub(crate) fn build(
    context: &DeviceContext<'_>,
    text: Option<ConfigText<'_>>,
) -> Result<(Ace, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let mut found = Diagnostics::new(text.map_or("", |t| t.file));
    let config = text.map_or_else(AceConfig::default, |t| grammar::read(t, &mut found));
    if let Some(text) = text
        && !found.has_errors()
    {
        warn::warn(&config, text, &mut found);
    }
    let warnings = found.into_result()?;
    let policy = Policy::new(config, text.is_some(), context.default_farm.as_ref());
    Ok((Ace::new(policy, context), warnings))
}

/// The first virtual address of a configuration, with its real servers.
///
/// # Errors
/// Lines of the configuration that an ACE would refuse.
pub(crate) fn farm(text: ConfigText<'_>) -> Result<Option<Farm>, Vec<ConfigDiagnostic>> {
    let mut found = Diagnostics::new(text.file);
    let config = grammar::read(text, &mut found);
    found.into_result()?;
    let policy = Policy::new(config, true, None);
    let servers_of = |pool: usize| {
        policy.pools[pool].servers.iter().map(|s| (s.name.clone(), s.address)).collect::<Vec<_>>()
    };
    Ok(policy.virtuals.iter().find_map(|v| {
        let pools: Vec<usize> = match (&v.layer_7, v.target) {
            (Some(layer_7), _) => layer_7.pools().collect(),
            (None, Target::Pool(pool, _)) => vec![pool],
            (None, Target::Forward | Target::Drop) => return None,
        };
        let mut servers: Vec<(String, std::net::IpAddr)> = Vec::new();
        for server in pools.into_iter().flat_map(servers_of) {
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
        Some(Farm { vip: v.address, port: v.single_port(), servers })
    }))
}

/// What is kept about a connection.
#[derive(Debug)]
struct State {
    treatment: Arc<Treatment>,
    shift: Shift,
    /// Farm and server, with the rule that chose them.
    server: Option<(usize, usize, Arc<Rule>)>,
    passage_signed: bool,
    /// The connection is read before it is balanced.
    binding: Option<(DelayedBinding, Arc<Layer7>)>,
}

/// The device.
#[derive(Debug)]
pub(crate) struct Ace {
    policy: Policy,
    no_connection: Arc<Rule>,
    no_server: Arc<Rule>,
    no_access: Arc<Rule>,
    table: Table<State>,
    /// Cookies that clients showed, by farm: where they went.
    cookies: BTreeMap<(usize, Vec<u8>), usize>,
    random: Stream,
    options_cleared: u64,
    drops: BTreeMap<&'static str, u64>,
    /// Access groups are left out: for one who asks about options only.
    admits_all: bool,
}

impl Ace {
    fn new(policy: Policy, context: &DeviceContext<'_>) -> Self {
        Self {
            policy,
            no_connection: Rule::default("the first packet of a connection must be a SYN", GUIDE),
            no_server: Rule::default("no real server of the serverfarm is in service", GUIDE),
            no_access: Rule::default("an interface without access-group admits nothing", RECALLED),
            table: Table::new(TIMEOUTS),
            cookies: BTreeMap::new(),
            random: Stream::new(context.seed, context.name),
            options_cleared: 0,
            drops: BTreeMap::new(),
            admits_all: false,
        }
    }

    fn drop(&mut self, pass: &mut Pass<'_>, rule: &Arc<Rule>, reason: &'static str) -> Forwarding {
        *self.drops.entry(reason).or_default() += 1;
        pass.drop(rule, reason)
    }

    /// Opens the connection of a packet that belongs to none.
    fn admit(&mut self, pass: &mut Pass<'_>) -> Result<(ConnectionId, Sender), Forwarding> {
        if !pass.packet.flags.is_initial_syn() {
            return Err(self.drop(pass, &Arc::clone(&self.no_connection), "no connection"));
        }
        if let Err(rule) = self.judge(pass) {
            return Err(self.drop(pass, &rule, "access list"));
        }
        let flow = pass.received;
        let mut translated = flow;
        let mut server = None;
        let mut binding = None;
        if pass.ingress.side() == Side::Inside
            && let Some(called) = self.policy.called(flow.dst)
        {
            match called.target {
                _ if called.layer_7.is_some() => {
                    let cookie = Seq(self.random.next_u32());
                    let delayed = DelayedBinding::new(pass.packet, cookie);
                    binding = called.layer_7.clone().map(|layer_7| (delayed, layer_7));
                }
                Target::Forward => {}
                Target::Drop => {
                    let rule = called.place.as_ref().map_or_else(
                        || Arc::clone(&self.no_server),
                        |place| Rule::config(place.text.clone(), place.clone(), GUIDE),
                    );
                    return Err(self.drop(pass, &rule, "policy"));
                }
                Target::Pool(pool, sticky) => {
                    let Some((chosen, rule)) = self.choose(pass.now, flow, pool, sticky) else {
                        return Err(self.drop(pass, &Arc::clone(&self.no_server), "no server"));
                    };
                    let real = &mut self.policy.pools[pool].servers[chosen];
                    (real.connections, real.total) = (real.connections + 1, real.total + 1);
                    translated = Flow { src: flow.src, dst: real.socket(flow.dst.port()) };
                    let change =
                        Change::Balanced { server: real.name.clone(), address: translated.dst };
                    pass.sign(&rule, change);
                    server = Some((pool, chosen, rule));
                }
            }
        }
        let treatment = self.policy.treatment(flow);
        let shift = Shift::default();
        let state = State { treatment, shift, server, passage_signed: false, binding };
        Ok((self.table.open(pass.now, flow, translated, state), Sender::Initiator))
    }

    /// Access groups of the client side: with interfaces in the text, one of them must admit.
    fn judge(&self, pass: &Pass<'_>) -> Result<(), Arc<Rule>> {
        let config = &self.policy.config;
        if config.interfaces.is_empty() || self.admits_all {
            return Ok(());
        }
        let mut groups = config
            .interfaces
            .iter()
            .filter_map(|i| i.access_group.as_ref())
            .chain(&config.access_group)
            .peekable();
        if groups.peek().is_none() {
            return Err(Arc::clone(&self.no_access));
        }
        let admits = |name: &String| {
            let list = config.access_lists.get(name)?;
            Some(list.matching(pass.received, Flags::SYN)?.permit)
        };
        let mut last = Arc::clone(&self.no_access);
        for (name, place) in groups {
            if admits(name) == Some(true) {
                return Ok(());
            }
            last = Rule::config(place.text.clone(), place.clone(), GUIDE);
        }
        Err(last)
    }

    /// The real server of a new connection, and the rule that chose it.
    fn choose(
        &mut self,
        now: SimTime,
        flow: Flow,
        pool: usize,
        sticky: Option<usize>,
    ) -> Option<(usize, Arc<Rule>)> {
        let pool = &mut self.policy.pools[pool];
        let Some(sticky) = sticky.map(|at| &mut self.policy.sticky[at]) else {
            return Some((pool.predict(flow)?, Arc::clone(&pool.rule)));
        };
        let stuck = sticky.find(now, flow).filter(|&server| pool.servers[server].in_service);
        let (server, rule) = match stuck {
            Some(server) => (server, Arc::clone(&sticky.rule)),
            None => {
                let text = format!(
                    "{}: no entry for {}, so {}",
                    sticky.rule.text,
                    flow.src.ip(),
                    pool.rule.text
                );
                (pool.predict(flow)?, Arc::new(Rule { text, ..Rule::clone(&sticky.rule) }))
            }
        };
        sticky.remember(now, flow, server);
        Some((server, rule))
    }

    /// Options, fields, sequence numbers.
    fn normalise(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
        treatment: &Treatment,
    ) -> Option<Forwarding> {
        let normalizer = treatment.normalizer.as_ref()?;
        let is_syn = pass.packet.flags.is_initial_syn();
        if let Some(rule) = &normalizer.drop_syn_data
            && is_syn
            && !pass.packet.payload.is_empty()
        {
            return Some(self.drop(pass, rule, "SYN with data"));
        }
        if let Some(rule) = &normalizer.clear_urgent
            && pass.packet.flags.has(Flags::URG)
        {
            pass.packet.flags = pass.packet.flags.without(Flags::URG);
            pass.packet.urgent = 0;
            pass.sign(rule, Change::Field { name: "urgent pointer" });
        }
        if let Some(refused) = self.edit_options(pass, id, normalizer, &treatment.cleared) {
            return Some(self.drop(pass, &refused, "TCP option"));
        }
        let connection = self.table.get_mut(id)?;
        if let Some(rule) = &normalizer.randomise {
            let end = &connection.ends[sender as usize];
            connection.state.shift.randomise(pass, sender, end, &mut self.random, rule);
        }
        if let Some((least, most, rule)) = &normalizer.mss {
            mss::clamp(pass, *least, *most, rule);
        }
        None
    }

    /// Clears what is not allowed; the rule when an option makes the packet go.
    fn edit_options(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        normalizer: &Normalizer,
        cleared: &Arc<Rule>,
    ) -> Option<Arc<Rule>> {
        let judged = normalizer.options.apply(pass, cleared);
        self.options_cleared += judged.cleared;
        if let (Some(rule), Some(connection)) = (judged.allowed_mptcp, self.table.get_mut(id))
            && !std::mem::replace(&mut connection.state.passage_signed, true)
        {
            pass.sign(&rule, Change::Allowed { what: "option 30" });
        }
        judged.refused
    }
}

impl Device for Ace {
    fn model(&self) -> &'static str {
        "ace"
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        let pools = &mut self.policy.pools;
        let pass = &mut Pass::new(now, ingress, packet, effects);
        let received = self.table.receive(now, pass.packet, |gone| {
            if let Some((pool, server, _)) = gone.state.server {
                pools[pool].servers[server].connections -= 1;
            }
        });
        let (id, sender) = match received {
            Some(found) => found,
            None => match self.admit(pass) {
                Ok(found) => found,
                Err(forwarding) => return forwarding,
            },
        };
        if let Some(forwarding) = self.bind(pass, id, sender) {
            return forwarding;
        }
        let Some(connection) = self.table.get(id) else { return Forwarding::Drop };
        let treatment = Arc::clone(&connection.state.treatment);
        connection.state.shift.arrive(pass.packet, sender, true);
        if let Some(dropped) = self.normalise(pass, id, sender, &treatment) {
            return dropped;
        }
        self.table.observe(now, id, sender, pass.packet);
        let Some(connection) = self.table.get(id) else { return Forwarding::Drop };
        connection.state.shift.leave(pass.packet, sender);
        if let Some((_, _, rule)) = &connection.state.server {
            let virtual_address: SocketAddr = connection.opened.dst;
            match sender {
                Sender::Initiator => translate::destination(pass, connection.translated.dst, rule),
                Sender::Responder => translate::source(pass, virtual_address, rule),
            }
        }
        Forwarding::Through
    }

    fn process_icmp(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        let pass = &mut Pass::new(now, ingress, packet, effects);
        let Some((id, sender, across)) = icmp::quoted(pass.packet, &self.table) else {
            return self.drop(pass, &Arc::clone(&self.no_connection), "no connection");
        };
        let Some(connection) = self.table.get(id) else { return Forwarding::Drop };
        let chosen = connection.state.server.as_ref().map_or(&self.no_server, |(.., rule)| rule);
        let (rule, shift) = (Arc::clone(chosen), connection.state.shift.by[sender as usize]);
        icmp::lead_back(pass, across, shift, &rule);
        Forwarding::Through
    }

    fn reload(&mut self, _now: SimTime) {
        self.table.clear();
        self.cookies.clear();
        self.policy.sticky.iter_mut().for_each(balance::StickyTable::clear);
        for server in self.policy.pools.iter_mut().flat_map(|p| &mut p.servers) {
            server.connections = 0;
        }
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let mut all = vec![
            ("connections now".to_owned(), self.table.len() as u64),
            ("TCP options cleared".to_owned(), self.options_cleared),
        ];
        for server in self.policy.pools.iter().flat_map(|p| &p.servers) {
            all.push((format!("connections to {}", server.name), server.total));
        }
        all.extend(self.drops.iter().map(|(reason, count)| (format!("dropped: {reason}"), *count)));
        all
    }

    fn report(&self) -> Vec<String> {
        let mut shown = vec!["show serverfarm detail".to_owned()];
        for pool in &self.policy.pools {
            for server in &pool.servers {
                let state = if server.in_service { "OPERATIONAL" } else { "OUTOFSERVICE" };
                shown.push(format!(
                    "   rserver: {} {} {state} current {} total {}",
                    server.name, server.address, server.connections, server.total
                ));
            }
        }
        shown
    }
}
