//! The translation itself: which global socket stands for a local one, and the packets rewritten.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sim_core::engine::device::{Change, ConfigLine, Remedy, Rule, Side, in_prefix};
use sim_core::time::SimTime;
use sim_core::wire::packet::Flow;
use sim_core::wording;

use crate::ios::log::Log;
use crate::ios::{self, IosConfig, Refused, refuse};
use crate::steps::resize::Resizing;
use crate::steps::track::{Connection, ConnectionId, Sender, Table};
use crate::steps::{Pass, icmp, translate};

use super::config::{Dynamic, Gateway, Global, NatConfig, To};
use super::gateway::Mapping;
use super::ports::PortsInUse;
use super::{GATEWAYS, GUIDE};

/// Sockets that gateways keep open at once.
const EXPECTED_MAX: usize = 1024;

/// What is kept about a translated connection.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// The inside host as it calls itself, and as the outside knows it.
    pub(super) local: SocketAddr,
    pub(super) global: SocketAddr,
    rule: Arc<Rule>,
    gateway: Option<Gateway>,
    resized: [Resizing; 2],
    /// The global port is one of those given out.
    allocated: bool,
}

/// A `Static` line, ready.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    pub(super) local: Ipv4Addr,
    pub(super) global: Ipv4Addr,
    pub(super) ports: Option<(u16, u16)>,
    length: u8,
    payload: bool,
    rule: Arc<Rule>,
}

/// A dynamic line, ready.
#[derive(Clone, Debug)]
struct Rented {
    line: Dynamic,
    addresses: Vec<IpAddr>,
    rule: Arc<Rule>,
    next: usize,
}

/// The translation of a device.
#[derive(Debug)]
pub(crate) struct Translator {
    pub(super) config: NatConfig,
    /// Side of the device that is `ip nat inside`.
    inside: Side,
    pub(super) statics: Vec<Fixed>,
    rented: Vec<Rented>,
    destinations: Vec<Rented>,
    pub(super) table: Table<Binding>,
    ports: PortsInUse,
    /// Pool addresses that one host has for itself: local to global, with the last use; and back.
    leases: BTreeMap<IpAddr, (IpAddr, SimTime)>,
    leased: BTreeMap<IpAddr, (IpAddr, Arc<Rule>)>,
    /// Sockets that a gateway keeps open: global to local.
    expected: BTreeMap<SocketAddr, (SocketAddr, Arc<Rule>)>,
    no_entry: Arc<Rule>,
    pub(super) counters: Counters,
}

/// `show ip nat statistics`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) created: u64,
    pub(super) expired: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) payloads: u64,
}

impl Translator {
    /// The translation that a configuration describes, with the side that is `ip nat inside`.
    pub(crate) fn new(config: &IosConfig, inside: Side) -> Self {
        let nat = config.nat.clone();
        let rule = |place: &ConfigLine| ios::rule(place.text.clone(), place, GUIDE);
        let address_of = |name: &str| config.interface(name).and_then(|i| i.address);
        let statics = nat.statics.iter().filter_map(|s| {
            let global = match &s.global {
                Global::Address(address) => *address,
                Global::Interface(name) => address_of(name)?,
            };
            let (local, ports, length, payload) = (s.local, s.ports, s.length, s.payload);
            Some(Fixed { local, global, ports, length, payload, rule: rule(&s.place) })
        });
        let rents = |lines: &[Dynamic]| -> Vec<Rented> {
            let ready = |line: &Dynamic| {
                let addresses = match &line.to {
                    To::Pool(name) => nat.pool(name)?.addresses().collect(),
                    To::Interface(name) => vec![IpAddr::from(address_of(name)?)],
                };
                let rule = rule(&line.place);
                Some(Rented { line: line.clone(), addresses, rule, next: 0 })
            };
            lines.iter().filter_map(ready).collect()
        };
        Self {
            statics: statics.collect(),
            rented: rents(&nat.dynamics),
            destinations: rents(&nat.destinations),
            table: Table::new(nat.timeouts),
            inside,
            ports: PortsInUse::default(),
            leases: BTreeMap::new(),
            leased: BTreeMap::new(),
            expected: BTreeMap::new(),
            no_entry: Rule::default("no translation leads to an inside host", GUIDE),
            counters: Counters::default(),
            config: nat,
        }
    }

    /// True for packets that come from the side that is `ip nat outside`.
    pub(crate) fn is_outside(&self, side: Side) -> bool {
        side != self.inside
    }

    /// The networks that the outside routes to the translation, and the hosts behind single addresses.
    pub(crate) fn globals(&self) -> Vec<(IpAddr, u8, Option<IpAddr>)> {
        let fixed = self.statics.iter().map(|s| {
            let whole = s.length == 32 && s.ports.is_none();
            (IpAddr::from(s.global), s.length, whole.then(|| IpAddr::from(s.local)))
        });
        let rented = self.rented.iter().flat_map(|r| &r.addresses).map(|&a| (a, 32, None));
        fixed.chain(rented).collect()
    }

    /// The flow that a packet from outside has after translation, as far as it is known already.
    pub(crate) fn preview(&self, flow: Flow) -> Flow {
        let known = self.table.find(flow).and_then(|(id, _)| self.table.get(id));
        match known {
            Some(connection) if flow.dst == connection.state.global => {
                Flow { src: flow.src, dst: connection.state.local }
            }
            _ => flow,
        }
    }

    /// Forgets what is over.
    pub(crate) fn expire(&mut self, now: SimTime, log: &mut Log) {
        let (ports, expired) = (&mut self.ports, &mut self.counters.expired);
        let said = self.config.log;
        self.table.expire(now, |c| {
            *expired += 1;
            if c.state.allocated {
                ports.give_back(c.state.global);
            }
            if said {
                log.say(now, "IPNAT-6-DELETED", entry(c));
            }
        });
    }

    /// Translates a packet; it stays as it is when no line names it.
    ///
    /// # Errors
    /// The rule that lets it go no further.
    pub(crate) fn translate(
        &mut self,
        pass: &mut Pass<'_>,
        config: &IosConfig,
        log: &mut Log,
    ) -> Result<(), Refused> {
        let outside = self.is_outside(pass.ingress.side());
        let found = match self.table.find_for(pass.packet) {
            Some(found) => {
                self.counters.hits += 1;
                Some(found)
            }
            None => {
                let wanted = if outside {
                    self.inward(pass, config)?
                } else {
                    self.outward(pass, config, log)?
                };
                self.counters.misses += u64::from(wanted.is_some());
                match wanted {
                    Some(binding) => {
                        Some((self.open(pass, binding, outside, log)?, Sender::Initiator))
                    }
                    None => None,
                }
            }
        };
        if let Some((id, sender)) = found {
            self.rewrite(pass, id, sender, outside);
        }
        Ok(())
    }

    /// What a packet from inside is translated to.
    fn outward(
        &mut self,
        pass: &Pass<'_>,
        config: &IosConfig,
        log: &mut Log,
    ) -> Result<Option<Binding>, Refused> {
        let local = pass.packet.source();
        if let Some((&global, (_, rule))) = self.expected.iter().find(|(_, (l, _))| *l == local) {
            return Ok(Some(self.binding(pass, local, global, &Arc::clone(rule), true)));
        }
        if let Some((fixed, global)) =
            self.statics.iter().find_map(|s| Some((s, s.to_global(local)?)))
        {
            let (rule, payload) = (Arc::clone(&fixed.rule), fixed.payload);
            return Ok(Some(self.binding(pass, local, global, &rule, payload)));
        }
        let (flow, flags) = (pass.packet.flow(), pass.packet.flags);
        let names = |r: &Rented| config.selects(&r.line.list, r.line.is_route_map, flow, flags);
        let Some(at) = self.rented.iter().position(names) else { return Ok(None) };
        let rule = Arc::clone(&self.rented[at].rule);
        let global = if self.rented[at].line.overload {
            let ports = &mut self.ports;
            self.rented[at].addresses.iter().find_map(|&address| {
                Some(SocketAddr::new(address, ports.take(address, local.port())?))
            })
        } else {
            self.lease(at, local.ip(), pass.now)
                .map(|address| SocketAddr::new(address, local.port()))
        };
        let Some(global) = global else {
            let pool = &self.rented[at].line.list;
            let text = format!(
                "Address allocation failed for {}, pool of list {pool} might be exhausted",
                local.ip()
            );
            log.say(pass.now, "IPNAT-4-ADDR_ALLOC_FAILURE", text);
            return refuse(&rule, "no free address");
        };
        let allocated = self.rented[at].line.overload;
        Ok(Some(Binding { allocated, ..self.binding(pass, local, global, &rule, true) }))
    }

    /// What a packet from outside is translated to.
    fn inward(&mut self, pass: &Pass<'_>, config: &IosConfig) -> Result<Option<Binding>, Refused> {
        let global = pass.packet.destination();
        if let Some((local, rule)) = self.expected.get(&global).cloned() {
            return Ok(Some(self.binding(pass, local, global, &rule, true)));
        }
        if let Some((fixed, local)) =
            self.statics.iter().find_map(|s| Some((s, s.to_local(global)?)))
        {
            let (rule, payload) = (Arc::clone(&fixed.rule), fixed.payload);
            return Ok(Some(self.binding(pass, local, global, &rule, payload)));
        }
        let (flow, flags) = (pass.packet.flow(), pass.packet.flags);
        let names = |r: &Rented| {
            config.selects(&r.line.list, false, flow, flags) && !r.addresses.is_empty()
        };
        if let Some(at) = self.destinations.iter().position(names) {
            let rotary = &mut self.destinations[at];
            let local = rotary.addresses[rotary.next % rotary.addresses.len()];
            rotary.next += 1;
            let rule = Arc::clone(&rotary.rule);
            let local = SocketAddr::new(local, global.port());
            return Ok(Some(self.binding(pass, local, global, &rule, true)));
        }
        if let Some((local, rule)) = self.leased.get(&global.ip()).cloned() {
            let local = SocketAddr::new(local, global.port());
            return Ok(Some(self.binding(pass, local, global, &rule, true)));
        }
        let owns = |r: &Rented| r.addresses.contains(&global.ip());
        let fixed = |s: &Fixed| in_prefix(global.ip(), s.global.into(), s.length);
        if self.rented.iter().any(owns) || self.statics.iter().any(fixed) {
            return refuse(&self.no_entry, "no translation");
        }
        Ok(None)
    }

    fn binding(
        &self,
        pass: &Pass<'_>,
        local: SocketAddr,
        global: SocketAddr,
        rule: &Arc<Rule>,
        payload: bool,
    ) -> Binding {
        let called = [pass.packet.dst_port, pass.packet.src_port];
        let service = self.config.services.iter().find(|s| called.contains(&s.port));
        Binding {
            local,
            global,
            rule: Arc::clone(rule),
            gateway: service.filter(|_| payload).map(|s| s.gateway),
            resized: Default::default(),
            allocated: false,
        }
    }

    /// An address of a pool for one host alone.
    fn lease(&mut self, at: usize, local: IpAddr, now: SimTime) -> Option<IpAddr> {
        if let Some((global, used)) = self.leases.get_mut(&local) {
            *used = now;
            return Some(*global);
        }
        let rented = &self.rented[at];
        let unused = rented.addresses.iter().find(|a| !self.leased.contains_key(a)).copied();
        let global = unused.or_else(|| {
            // One that nobody has used for so long that its entry has timed out.
            let idle = self.config.timeouts.idle;
            let over = |(_, (global, used)): &(&IpAddr, &(IpAddr, SimTime))| {
                rented.addresses.contains(global) && now.since(*used) >= idle
            };
            let (&old, &(global, _)) = self.leases.iter().find(over)?;
            self.leases.remove(&old);
            Some(global)
        })?;
        self.leases.insert(local, (global, now));
        self.leased.insert(global, (local, Arc::clone(&rented.rule)));
        Some(global)
    }

    fn open(
        &mut self,
        pass: &Pass<'_>,
        binding: Binding,
        outside: bool,
        log: &mut Log,
    ) -> Result<ConnectionId, Refused> {
        let flow = pass.packet.flow();
        let full = |limit: &Option<(u32, ConfigLine)>, used: usize| match limit {
            Some((most, place)) if used >= *most as usize => Some(place.clone()),
            _ => None,
        };
        let host = binding.local.ip();
        let of_host = || self.table.iter().filter(|c| c.state.local.ip() == host).count();
        let reached = full(&self.config.max_entries, self.table.len()).or_else(|| {
            self.config.max_host_entries.as_ref()?;
            full(&self.config.max_host_entries, of_host())
        });
        if let Some(place) = reached {
            if binding.allocated {
                self.ports.give_back(binding.global);
            }
            return refuse(&Rule::config(place.text.clone(), place, GUIDE), "max entries");
        }
        let translated = if outside {
            Flow { src: flow.src, dst: binding.local }
        } else {
            Flow { src: binding.global, dst: flow.dst }
        };
        let id = self.table.open(pass.now, flow, translated, binding);
        self.counters.created += 1;
        if let (true, Some(connection)) = (self.config.log, self.table.get(id)) {
            log.say(pass.now, "IPNAT-6-CREATED", entry(connection));
        }
        Ok(id)
    }

    /// Rewrites payload, numbers and addresses of a packet of a translated connection.
    fn rewrite(&mut self, pass: &mut Pass<'_>, id: ConnectionId, sender: Sender, outside: bool) {
        let Some(connection) = self.table.get_mut(id) else { return };
        let state = &mut connection.state;
        state.resized[sender.peer() as usize].restore(pass.packet, true);
        let rule = Arc::clone(&state.rule);
        if let Some(gateway) = state.gateway.filter(|_| !pass.packet.payload.is_empty()) {
            let payload = pass.packet.payload.to_vec();
            let mut mapping = Mapped {
                outside,
                local: state.local,
                global: state.global,
                allocated: state.allocated,
                statics: &self.statics,
                expected: &mut self.expected,
                ports: &mut self.ports,
                rule: &rule,
            };
            for r in gateway.rewrites(&payload, &mut mapping) {
                let at = pass.packet.seq.add(r.at as u32);
                let growth = r.inserts.len() as i32 - r.removes as i32;
                if state.resized[sender as usize].replace(at, r.removes as u32, &r.inserts) {
                    let text = format!("ip nat service {}: the payload follows", gateway.name());
                    let port = if outside { pass.packet.src_port } else { pass.packet.dst_port };
                    let rule = Rule::default(text, GATEWAYS).remedied(without(gateway, port));
                    pass.sign(&rule, Change::Payload { growth });
                    self.counters.payloads += 1;
                }
            }
        }
        let (local, global) = (state.local, state.global);
        self.table.observe(pass.now, id, sender, pass.packet);
        if let Some(connection) = self.table.get(id) {
            connection.state.resized[sender as usize].rewrite(pass.packet);
        }
        if outside {
            translate::destination(pass, local, &rule);
        } else {
            translate::source(pass, global, &rule);
        }
    }

    /// Leads an ICMP error back to the sender of the segment that it quotes (RFC 5508 §4.2). The router
    /// that sent it keeps its address.
    ///
    /// # Errors
    /// It is for a translation's address, and about no connection of it.
    pub(crate) fn translate_icmp(&self, pass: &mut Pass<'_>) -> Result<(), Refused> {
        if let Some((id, _, across)) = icmp::quoted(pass.packet, &self.table) {
            if let Some(connection) = self.table.get(id) {
                icmp::lead_back(pass, across, 0, &Arc::clone(&connection.state.rule));
            }
            return Ok(());
        }
        let dst = pass.packet.dst;
        let stands = |(network, length, _): &(IpAddr, u8, _)| in_prefix(dst, *network, *length);
        match self.globals().iter().any(stands) {
            true => refuse(&self.no_entry, "no translation"),
            false => Ok(()),
        }
    }

    /// Forgets everything that was learnt.
    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.ports = PortsInUse::default();
        self.leases.clear();
        self.leased.clear();
        self.expected.clear();
    }
}

/// `tcp LOCAL GLOBAL …`, as the log has it.
fn entry(connection: &Connection<Binding>) -> String {
    let Binding { local, global, .. } = connection.state;
    let remote =
        if connection.opened.src == local { connection.opened.dst } else { connection.opened.src };
    format!("tcp {local} {global} {remote} {remote}")
}

impl Fixed {
    fn host_bits(&self, from: Ipv4Addr, to: Ipv4Addr, address: IpAddr) -> Option<IpAddr> {
        let IpAddr::V4(address) = address else { return None };
        if !in_prefix(address.into(), from.into(), self.length) {
            return None;
        }
        let mask = u32::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
        Some(Ipv4Addr::from(u32::from(to) & !mask | u32::from(address) & mask).into())
    }

    fn to_global(&self, local: SocketAddr) -> Option<SocketAddr> {
        let address = self.host_bits(self.local, self.global, local.ip())?;
        match self.ports {
            None => Some(SocketAddr::new(address, local.port())),
            Some((inside, outside)) => {
                (inside == local.port()).then(|| SocketAddr::new(address, outside))
            }
        }
    }

    fn to_local(&self, global: SocketAddr) -> Option<SocketAddr> {
        let address = self.host_bits(self.global, self.local, global.ip())?;
        match self.ports {
            None => Some(SocketAddr::new(address, global.port())),
            Some((inside, outside)) => {
                (outside == global.port()).then(|| SocketAddr::new(address, inside))
            }
        }
    }
}

/// The translation of one connection, as a gateway asks for it.
struct Mapped<'a> {
    outside: bool,
    local: SocketAddr,
    global: SocketAddr,
    allocated: bool,
    statics: &'a [Fixed],
    expected: &'a mut BTreeMap<SocketAddr, (SocketAddr, Arc<Rule>)>,
    ports: &'a mut PortsInUse,
    rule: &'a Arc<Rule>,
}

impl Mapping for Mapped<'_> {
    fn address(&self, address: IpAddr) -> Option<IpAddr> {
        let (from, to) =
            if self.outside { (self.global, self.local) } else { (self.local, self.global) };
        if address == from.ip() {
            return Some(to.ip()).filter(|to| *to != address);
        }
        let socket = SocketAddr::new(address, 0);
        let whole = self.statics.iter().filter(|s| s.ports.is_none());
        let mut other = whole
            .filter_map(|s| if self.outside { s.to_local(socket) } else { s.to_global(socket) });
        other.next().map(|socket| socket.ip())
    }

    fn expect(&mut self, called: SocketAddr) -> Option<SocketAddr> {
        if self.outside || called.ip() != self.local.ip() {
            return None;
        }
        if let Some((&known, _)) = self.expected.iter().find(|(_, (local, _))| *local == called) {
            return Some(known);
        }
        if self.expected.len() >= EXPECTED_MAX {
            return None;
        }
        let address = self.global.ip();
        let port = match self.allocated {
            true => self.ports.take(address, called.port())?,
            false => called.port(),
        };
        let global = SocketAddr::new(address, port);
        self.expected.insert(global, (called, Arc::clone(self.rule)));
        Some(global)
    }
}

/// What keeps a gateway from rewriting what the connections to a server's port carry.
fn without(gateway: Gateway, port: u16) -> Remedy {
    let name = gateway.name();
    Remedy {
        advice: wording!(
            en: "MPTCP cannot carry what a gateway rewrites: turn the gateway for {name} off on port {port}",
            ja: "ゲートウェイが書き換えたデータを MPTCP は伝送できません。ポート {port} の {name} ゲートウェイを無効にします",
        ),
        lines: vec![format!("no ip nat service {name} tcp port {port}")],
        caution: Some(wording!(
            en: "where the gateway is needed, remove option 30 instead, so that the connection is plain TCP",
            ja: "ゲートウェイが必要な場合は、代わりに TCP オプション 30 を削除し、通常の TCP 動作にします",
        )),
        source: GATEWAYS,
    }
}
