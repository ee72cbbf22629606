//! Carrier-grade NAT: the CGSE blade of Cisco's Carrier Routing System. NAT44 that gives an inside
//! socket one outside socket for all its peers; options are not touched.

mod config;
mod remedy;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sim_core::engine::device::{
    Change, ConfigLine, Device, Effects, Forwarding, PortId, Rule, Side, Standing, in_prefix,
};
use sim_core::time::SimTime;
use sim_core::wire::packet::{Flow, Packet};

use crate::catalogue::{MODELLED, ModelInfo, RECALLED};
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics, Line};
use crate::ios::{Refused, refuse, rule};
use crate::nat::config::Gateway;
use crate::nat::gateway::Mapping;
use crate::nat::ports::PortsInUse;
use crate::steps::resize::Resizing;
use crate::steps::track::{ConnectionId, Sender, Table, Timeouts};
use crate::steps::{Pass, icmp, mss, translate};

use config::CgnConfig;

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";
const GUIDE: &str = "Cisco IOS XR Carrier Grade NAT Configuration Guide for the CRS Router";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Cgn",
    product: "Carrier-grade NAT (CGSE blade of the Cisco CRS)",
    summary: "Translates addresses and ports, endpoint-independently, and leaves options alone: MPTCP \
              passes. Each subflow of a host takes a port of its limit.",
    defaults: &[
        ("TCP options", "not touched", SEED),
        ("mapping and filtering", "endpoint-independent", GUIDE),
        ("addresses", "paired: all of a host's connections share one", GUIDE),
        ("portlimit", "100 ports for each inside host", RECALLED),
        ("protocol tcp session timeouts", "initial 120 s, active 1800 s", RECALLED),
        ("protocol tcp mss", "not touched", GUIDE),
        ("alg ActiveFTP", "off", GUIDE),
        ("to an address of the pool without a mapping", "dropped", MODELLED),
    ],
    settings: &[("config", "path of the configuration text")],
    configuration: "service cgn: portlimit, map address-pool, protocol tcp (mss, session timeouts, \
                    static-forward), alg ActiveFTP",
    example: "service cgn demo\n service-type nat44 nat1\n  portlimit 200\n  inside-vrf subscribers\n   \
              map address-pool 198.51.100.0/24\n  protocol tcp\n   mss 1360\n",
    notes: &["Without configuration text: the pool is 192.0.2.0/24."],
};

/// A mapping: what an inside socket is to the world.
#[derive(Clone, Debug)]
struct Mapped {
    global: SocketAddr,
    connections: u32,
    /// Opened by `static-forward`, or by a gateway: it stays.
    stays: bool,
    rule: Arc<Rule>,
}

/// What is kept about a connection.
#[derive(Clone, Debug)]
struct State {
    local: SocketAddr,
    resized: [Resizing; 2],
}

/// The device.
#[derive(Debug)]
pub(crate) struct Cgn {
    config: CgnConfig,
    pool: Vec<(Ipv4Addr, u8, Arc<Rule>)>,
    table: Table<State>,
    mappings: Mappings,
    limit: Arc<Rule>,
    closed: Arc<Rule>,
    clamp: Option<(u16, Arc<Rule>)>,
    gateway: Arc<Rule>,
    created: u64,
    over_limit: u64,
}

#[derive(Debug, Default)]
struct Mappings {
    by_local: BTreeMap<SocketAddr, Mapped>,
    by_global: BTreeMap<SocketAddr, SocketAddr>,
    /// Address of the pool that a host has, and how many ports of it.
    paired: BTreeMap<IpAddr, (IpAddr, u32)>,
    ports: PortsInUse,
    next: u32,
}

/// Builds the device.
///
/// # Errors
/// Lines of the configuration that IOS XR would refuse.
pub(crate) fn build(
    text: Option<ConfigText<'_>>,
) -> Result<(Cgn, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    const FACTORY: &str = "service cgn factory\n map address-pool 192.0.2.0/24\n";
    let given = text.unwrap_or(ConfigText::new("", FACTORY));
    let mut found = Diagnostics::new(given.file);
    let config = CgnConfig::read(given, &mut found);
    let warnings = found.into_result()?;
    let of = |place: &ConfigLine| rule(place.text.clone(), place, GUIDE);
    let pool: Vec<_> = config.pool.iter().map(|(a, l, place)| (*a, *l, of(place))).collect();
    let (most, place) = &config.port_limit;
    let timeouts = Timeouts {
        embryonic: config.initial,
        idle: config.active,
        half_closed: config.initial,
        closed: config.initial,
    };
    let mut device = Cgn {
        limit: remedy::more_ports(
            match place {
                Some(place) => of(place),
                None => Rule::default(format!("portlimit {most}"), RECALLED),
            },
            *most,
        ),
        closed: remedy::from_inside(Rule::default("no mapping leads to an inside host", MODELLED)),
        clamp: config.mss.as_ref().map(|(mss, place)| (*mss, of(place))),
        gateway: Rule::default("alg ActiveFTP: the payload follows", GUIDE),
        table: Table::new(timeouts),
        mappings: Mappings::default(),
        pool,
        config,
        created: 0,
        over_limit: 0,
    };
    device.open_forwards();
    Ok((device, warnings))
}

/// What is to be said about a text of IOS XR: where it translates, what that does to MPTCP.
pub(crate) fn warnings(text: ConfigText<'_>) -> Vec<ConfigDiagnostic> {
    let mut found = Diagnostics::new(text.file);
    let all = text.lines();
    let opens = |l: &&Line<'_>| matches!(l.words.as_slice(), ["service", "cgn" | "cgv6", ..]);
    let Some(service) = all.iter().find(opens) else { return Vec::new() };
    if CgnConfig::read(text, &mut found).pool.is_empty() {
        return found.into_all();
    }
    let message = "addresses are translated: an ADD_ADDR option still carries the address behind the \
                   translation, and a join to it fails; each subflow takes a port of the portlimit";
    found.warn(service, "", message);
    found.into_all()
}

impl Mappings {
    /// The outside socket of an inside one: the one that it has, or a new one.
    fn of(
        &mut self,
        local: SocketAddr,
        pool: &[(Ipv4Addr, u8, Arc<Rule>)],
        limit: (u32, &Arc<Rule>),
    ) -> Result<Option<(SocketAddr, Arc<Rule>)>, Refused> {
        if let Some(known) = self.by_local.get(&local) {
            return Ok(Some((known.global, Arc::clone(&known.rule))));
        }
        let Some((address, rule)) = self.address(local.ip(), pool) else { return Ok(None) };
        let used = self.paired.entry(local.ip()).or_insert((address, 0));
        if used.1 >= limit.0 {
            return refuse(limit.1, "port limit");
        }
        let Some(port) = self.ports.take(address, local.port()) else {
            return refuse(&rule, "no free port");
        };
        used.1 += 1;
        let global = SocketAddr::new(address, port);
        let mapped = Mapped { global, connections: 0, stays: false, rule: Arc::clone(&rule) };
        self.by_local.insert(local, mapped);
        self.by_global.insert(global, local);
        Ok(Some((global, rule)))
    }

    /// The pool's address for a host: the one that it has, or the next in turn.
    fn address(
        &mut self,
        host: IpAddr,
        pool: &[(Ipv4Addr, u8, Arc<Rule>)],
    ) -> Option<(IpAddr, Arc<Rule>)> {
        let sizes = |length: u8| 1u32 << (32 - length.clamp(16, 32));
        let known = self.paired.get(&host).map(|(address, _)| *address);
        if let Some(known) = known {
            let (.., rule) = pool.iter().find(|(n, l, _)| in_prefix(known, (*n).into(), *l))?;
            return Some((known, Arc::clone(rule)));
        }
        let total: u32 = pool.iter().map(|(_, length, _)| sizes(*length)).sum();
        let mut at = self.next.checked_rem(total)?;
        self.next += 1;
        for (network, length, rule) in pool {
            if at < sizes(*length) {
                let first = u32::from(*network) & (u32::MAX << (32 - u32::from(*length).min(31)));
                let first = if *length == 32 { u32::from(*network) } else { first };
                return Some((Ipv4Addr::from(first + at).into(), Arc::clone(rule)));
            }
            at -= sizes(*length);
        }
        None
    }

    /// A connection of this inside socket is over.
    fn release(&mut self, local: SocketAddr) {
        let Some(mapped) = self.by_local.get_mut(&local) else { return };
        mapped.connections = mapped.connections.saturating_sub(1);
        if mapped.connections == 0 && !mapped.stays {
            let global = mapped.global;
            self.by_local.remove(&local);
            self.by_global.remove(&global);
            self.ports.give_back(global);
            if let Some((_, used)) = self.paired.get_mut(&local.ip()) {
                *used -= 1;
            }
        }
    }
}

/// ActiveFTP's view of the mappings.
struct Active<'a> {
    cgn: &'a mut Mappings,
    pool: &'a [(Ipv4Addr, u8, Arc<Rule>)],
    limit: (u32, &'a Arc<Rule>),
}

impl Mapping for Active<'_> {
    fn address(&self, _address: IpAddr) -> Option<IpAddr> {
        None
    }

    fn expect(&mut self, called: SocketAddr) -> Option<SocketAddr> {
        let (global, _) = self.cgn.of(called, self.pool, self.limit).ok()??;
        if let Some(mapped) = self.cgn.by_local.get_mut(&called) {
            mapped.stays = true;
        }
        Some(global)
    }
}

impl Cgn {
    /// Inside sockets of `static-forward` have their mappings from the start.
    fn open_forwards(&mut self) {
        for (local, place) in self.config.forwards.clone() {
            let opened = self.mappings.of(local, &self.pool, (u32::MAX, &self.limit));
            if let (Ok(Some(_)), Some(mapped)) = (opened, self.mappings.by_local.get_mut(&local)) {
                mapped.stays = true;
                mapped.rule = rule(place.text.clone(), &place, GUIDE);
            }
        }
    }

    /// The connection of a packet; `None` for one that is not translated.
    fn admit(&mut self, pass: &mut Pass<'_>) -> Result<Option<ConnectionId>, Refused> {
        let flow = pass.packet.flow();
        let (local, translated) = match pass.ingress.side() {
            Side::Inside if flow.src.is_ipv6() => return Ok(None),
            Side::Inside => {
                let limit = (self.config.port_limit.0, &self.limit);
                let mapped = match self.mappings.of(flow.src, &self.pool, limit) {
                    Ok(mapped) => mapped,
                    Err(refused) => {
                        self.over_limit += 1;
                        return Err(refused);
                    }
                };
                let Some((global, _)) = mapped else { return Ok(None) };
                (flow.src, Flow { src: global, dst: flow.dst })
            }
            Side::Outside => match self.mappings.by_global.get(&flow.dst) {
                Some(&local) => (local, Flow { src: flow.src, dst: local }),
                None => {
                    let ours =
                        |(n, l, _): &(Ipv4Addr, u8, _)| in_prefix(flow.dst.ip(), (*n).into(), *l);
                    if self.pool.iter().any(ours) {
                        return refuse(&self.closed, "no mapping");
                    }
                    return Ok(None);
                }
            },
        };
        if let Some(mapped) = self.mappings.by_local.get_mut(&local) {
            mapped.connections += 1;
        }
        self.created += 1;
        let state = State { local, resized: Default::default() };
        Ok(Some(self.table.open(pass.now, flow, translated, state)))
    }

    fn rewrite(&mut self, pass: &mut Pass<'_>, id: ConnectionId, sender: Sender) {
        let Some(connection) = self.table.get_mut(id) else { return };
        let state = &mut connection.state;
        state.resized[sender.peer() as usize].restore(pass.packet, true);
        let outward = pass.ingress.side() == Side::Inside;
        if self.config.active_ftp && outward && pass.packet.dst_port == 21 {
            let payload = pass.packet.payload.to_vec();
            let limit = (self.config.port_limit.0, &self.limit);
            let mut active = Active { cgn: &mut self.mappings, pool: &self.pool, limit };
            for r in Gateway::Ftp.rewrites(&payload, &mut active) {
                let at = pass.packet.seq.add(r.at as u32);
                let growth = r.inserts.len() as i32 - r.removes as i32;
                if state.resized[sender as usize].replace(at, r.removes as u32, &r.inserts) {
                    pass.sign(&self.gateway, Change::Payload { growth });
                }
            }
        }
        let local = state.local;
        self.table.observe(pass.now, id, sender, pass.packet);
        if let Some(connection) = self.table.get(id) {
            connection.state.resized[sender as usize].rewrite(pass.packet);
        }
        let Some(mapped) = self.mappings.by_local.get(&local) else { return };
        if outward {
            translate::source(pass, mapped.global, &mapped.rule);
        } else {
            translate::destination(pass, local, &mapped.rule);
        }
    }

    fn cross(&mut self, pass: &mut Pass<'_>) -> Result<(), Refused> {
        let mappings = &mut self.mappings;
        let found =
            self.table.receive(pass.now, pass.packet, |gone| mappings.release(gone.state.local));
        let (id, sender) = match found {
            Some(found) => found,
            None => match self.admit(pass)? {
                Some(id) => (id, Sender::Initiator),
                None => return Ok(()),
            },
        };
        self.rewrite(pass, id, sender);
        if let Some((most, rule)) = &self.clamp {
            mss::clamp(pass, 0, *most, rule);
        }
        Ok(())
    }
}

impl Device for Cgn {
    fn model(&self) -> &'static str {
        "cgn"
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
            Ok(()) => Forwarding::Through,
            Err(refused) => pass.drop(&refused.rule, refused.reason),
        }
    }

    fn process_icmp(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        let pass = &mut Pass::new(now, ingress, packet, effects);
        if let Some((id, _, across)) = icmp::quoted(pass.packet, &self.table) {
            let local = self.table.get(id).map(|c| c.state.local);
            let mapped = local.and_then(|local| self.mappings.by_local.get(&local));
            let rule = mapped.map_or(&self.closed, |mapped| &mapped.rule);
            icmp::lead_back(pass, across, 0, rule);
            return Forwarding::Through;
        }
        let dst = pass.packet.dst;
        let ours = |(n, l, _): &(Ipv4Addr, u8, _)| in_prefix(dst, (*n).into(), *l);
        match self.pool.iter().any(ours) {
            true => pass.drop(&Arc::clone(&self.closed), "no mapping"),
            false => Forwarding::Through,
        }
    }

    fn reload(&mut self, _now: SimTime) {
        self.table.clear();
        self.mappings = Mappings::default();
        self.open_forwards();
    }

    fn stands_for(&self) -> Vec<Standing> {
        let standing = |(network, prefix_len, _): &(Ipv4Addr, u8, _)| Standing {
            side: Side::Outside,
            network: (*network).into(),
            prefix_len: *prefix_len,
            host: None,
        };
        self.pool.iter().map(standing).collect()
    }

    fn counters(&self) -> Vec<(String, u64)> {
        vec![
            ("translations created".to_owned(), self.created),
            ("translations now".to_owned(), self.mappings.by_local.len() as u64),
            ("drops by port limit".to_owned(), self.over_limit),
        ]
    }

    fn report(&self) -> Vec<String> {
        let mut shown = vec![
            "show cgn nat44 inside-translation protocol tcp".to_owned(),
            "Outside         Protocol  Inside  Outside  Translation".to_owned(),
            "Address                   Source  Source   Type".to_owned(),
            "                          Port    Port".to_owned(),
        ];
        shown.extend(self.mappings.by_local.iter().map(|(local, mapped)| {
            let kind = if mapped.stays { "static" } else { "dynamic" };
            format!(
                "{:<15} tcp       {:<7} {:<8} {kind}",
                mapped.global.ip().to_string(),
                local.port(),
                mapped.global.port()
            )
        }));
        shown
    }
}
