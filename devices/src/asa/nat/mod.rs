//! Network address translation: addresses as the real network has them inside of the firewall, and as the
//! mapped one has them outside; access lists and inspections see real ones (8.3 and later).
//!
//! A packet is led back to real addresses when it comes in and given mapped ones when it leaves, so nothing
//! between knows of translation. TCP options are not touched: an ADD_ADDR keeps the address that its sender
//! wrote. Rules of before 8.3 ([`old`]) become rules of today; access lists then see the addresses that a
//! packet comes in with.

mod config;
mod old;
mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use sim_core::engine::device::{PortId, Rule, Side, Standing};
use sim_core::wire::packet::{Flow, Packet};

use crate::catalogue::RECALLED;
use crate::nat::ports::PortsInUse;
use crate::steps::{Pass, translate};

use config::{Mapped, Ranges};
pub(super) use config::{Nat, kind};
pub(super) use old::Old;

const GUIDE: &str = "ASA CLI configuration guide, network address translation";

const fn across(side: Side) -> Side {
    match side {
        Side::Inside => Side::Outside,
        Side::Outside => Side::Inside,
    }
}

/// A rule, ready for the two sides of the device.
#[derive(Debug)]
struct Ready {
    nat: Nat,
    /// The side of its real addresses.
    sides: Vec<Side>,
    /// Address of the mapped interface.
    interface: Option<Ipv4Addr>,
    rule: Arc<Rule>,
    translated: u64,
    untranslated: u64,
}

/// A translated connection.
#[derive(Clone, Debug)]
struct Binding {
    /// From its opener on, on its opener's side; with real addresses; on the other side.
    flows: [Flow; 3],
    opened_from: Side,
    rule: usize,
    /// The real and the mapped socket of the rule's source, and whether its port was given out.
    real: SocketAddr,
    mapped: SocketAddr,
    is_port: bool,
}

/// Where a packet of a connection is.
type Place = (Side, Flow);

/// The translation of a device.
#[derive(Debug)]
pub(super) struct Translator {
    rules: Vec<Ready>,
    interfaces: [String; 2],
    /// As packets come in, to how they are inside of the device; and back.
    arrive: FxHashMap<Place, Flow>,
    leave: FxHashMap<Place, Flow>,
    /// By the flow inside of the device.
    bindings: BTreeMap<Flow, Binding>,
    ports: PortsInUse,
    /// Mapped addresses that a host has for itself, by rule and real address.
    leases: BTreeMap<(usize, IpAddr), IpAddr>,
    most: usize,
    asymmetric: Arc<Rule>,
    unknown: Arc<Rule>,
}

/// What a first packet is translated to.
struct Found {
    rule: usize,
    inside: Flow,
    far: Flow,
    real: SocketAddr,
    mapped: SocketAddr,
    is_port: bool,
}

impl Translator {
    /// The rules that concern these interfaces (inside, outside) with their addresses; `None` without any.
    pub(super) fn new(
        all: &[Nat],
        interfaces: &[String; 2],
        addresses: [Option<Ipv4Addr>; 2],
    ) -> Option<Self> {
        let named = |name: &Option<String>, side: Side| {
            name.as_ref().is_none_or(|name| *name == interfaces[side as usize])
        };
        let ready = config::in_order(all.to_vec()).into_iter().filter_map(|nat| {
            let [real, mapped] = &nat.interfaces;
            let sides: Vec<Side> = [Side::Inside, Side::Outside]
                .into_iter()
                .filter(|&side| named(real, side) && named(mapped, across(side)))
                .collect();
            let to = across(*sides.first()?);
            let rule = Rule::config(nat.place.text.clone(), nat.place.clone(), GUIDE);
            let interface = addresses[to as usize];
            Some(Ready { nat, sides, interface, rule, translated: 0, untranslated: 0 })
        });
        let rules: Vec<Ready> = ready.collect();
        (!rules.is_empty()).then(|| Self {
            rules,
            interfaces: interfaces.clone(),
            arrive: FxHashMap::default(),
            leave: FxHashMap::default(),
            bindings: BTreeMap::new(),
            ports: PortsInUse::default(),
            leases: BTreeMap::new(),
            most: 0,
            asymmetric: Rule::default(
                "a connection to a real address whose answers would be translated is refused",
                RECALLED,
            ),
            unknown: Rule::default(
                "no translation leads from a mapped address to a host",
                RECALLED,
            ),
        })
    }

    /// Gives a packet that comes in its real addresses. `known` tells whether a connection is open.
    ///
    /// # Errors
    /// The rule by which it goes no further, with the reason of `show asp drop`.
    pub(super) fn arrive(
        &mut self,
        pass: &mut Pass<'_>,
        known: impl Fn(Flow) -> bool,
    ) -> Result<(), (Arc<Rule>, &'static str)> {
        let (flow, side) = (pass.packet.flow(), pass.ingress.side());
        let is_syn = pass.packet.flags.is_initial_syn();
        match self.arrive.get(&(side, flow)).copied() {
            Some(inside) if !is_syn || known(inside) => {
                self.rewrite(pass, inside);
                return Ok(());
            }
            Some(inside) => self.release(inside),
            None if is_syn => {}
            None => return Ok(()),
        }
        let Some(found) = self.resolve(side, flow)? else { return Ok(()) };
        let Found { rule, inside, far, real, mapped, is_port } = found;
        let binding =
            Binding { flows: [flow, inside, far], opened_from: side, rule, real, mapped, is_port };
        self.bind(binding);
        self.rewrite(pass, inside);
        Ok(())
    }

    fn bind(&mut self, binding: Binding) {
        let [near, inside, far] = binding.flows;
        let (here, there) = (binding.opened_from, across(binding.opened_from));
        self.release(inside);
        self.arrive.insert((here, near), inside);
        self.arrive.insert((there, far.reversed()), inside.reversed());
        self.leave.insert((there, inside), far);
        self.leave.insert((here, inside.reversed()), near.reversed());
        self.bindings.insert(inside, binding);
        self.most = self.most.max(self.bindings.len());
    }

    /// Forgets a connection.
    pub(super) fn release(&mut self, inside: Flow) {
        let Some(binding) = self.bindings.remove(&inside) else { return };
        let [near, _, far] = binding.flows;
        let (here, there) = (binding.opened_from, across(binding.opened_from));
        self.arrive.remove(&(here, near));
        self.arrive.remove(&(there, far.reversed()));
        self.leave.remove(&(there, inside));
        self.leave.remove(&(here, inside.reversed()));
        if binding.is_port {
            self.ports.give_back(binding.mapped);
        }
    }

    /// A connection that opens, with each end as the other side calls it.
    pub(super) fn mapped(&self, inside: Flow) -> Option<Flow> {
        let [near, _, far] = self.bindings.get(&inside)?.flows;
        Some(Flow { src: far.src, dst: near.dst })
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        let all: Vec<Flow> = self.bindings.keys().copied().collect();
        all.into_iter().for_each(|inside| self.release(inside));
        self.leases.clear();
    }

    /// Gives a packet that leaves its mapped addresses.
    pub(super) fn leave(&self, pass: &mut Pass<'_>, egress: PortId) {
        if let Some(&flow) = self.leave.get(&(egress.side(), pass.packet.flow())) {
            self.rewrite(pass, flow);
        }
    }

    /// The same for a packet of the device's own making.
    pub(super) fn leave_made(&self, packet: &mut Packet, egress: PortId) {
        if let Some(flow) = self.leave.get(&(egress.side(), packet.flow())) {
            (packet.src, packet.src_port) = (flow.src.ip(), flow.src.port());
            (packet.dst, packet.dst_port) = (flow.dst.ip(), flow.dst.port());
        }
    }

    /// Puts real addresses into an ICMP error that comes in, and into what it quotes.
    pub(super) fn arrive_error(&self, packet: &mut Packet, side: Side) {
        let Some((quoted, seq)) = packet.icmp().and_then(|e| Some((e.flow()?, e.seq()?))) else {
            return;
        };
        if let Some(inside) = self.arrive.get(&(side, quoted.reversed())) {
            packet.rewrite_quote(inside.reversed(), seq);
            packet.dst = inside.dst.ip();
        }
    }

    /// Puts mapped addresses into an ICMP error that leaves, and into what it quotes.
    pub(super) fn leave_error(&self, pass: &mut Pass<'_>, side: Side) {
        let Some((quoted, seq)) = pass.packet.icmp().and_then(|e| Some((e.flow()?, e.seq()?)))
        else {
            return;
        };
        if let Some(flow) = self.leave.get(&(side, quoted.reversed())) {
            pass.packet.rewrite_quote(flow.reversed(), seq);
            pass.packet.dst = flow.dst.ip();
        }
    }

    fn rewrite(&self, pass: &mut Pass<'_>, to: Flow) {
        let inside =
            |flow: Flow| self.bindings.get(&flow).or_else(|| self.bindings.get(&flow.reversed()));
        let from = pass.packet.flow();
        let Some(binding) = inside(to).or_else(|| inside(from)) else { return };
        let rule = &self.rules[binding.rule].rule;
        translate::source(pass, to.src, rule);
        translate::destination(pass, to.dst, rule);
    }

    /// What the first packet of a connection is translated to, by the first rule that names it.
    fn resolve(
        &mut self,
        side: Side,
        flow: Flow,
    ) -> Result<Option<Found>, (Arc<Rule>, &'static str)> {
        for at in 0..self.rules.len() {
            if let Some(found) = self.forward(at, side, flow)? {
                self.rules[at].translated += 1;
                return Ok(Some(found));
            }
            if let Some(found) = self.backward(at, side, flow) {
                self.rules[at].untranslated += 1;
                return Ok(Some(found));
            }
        }
        let asked = flow.dst.ip();
        let far = across(side);
        let names = |r: &&Ready| {
            let towards = |ranges: &[Ranges; 2]| ranges[1].position(flow.src.ip()).is_some();
            r.sides.contains(&far)
                && r.nat.real.position(asked).is_some()
                && r.nat.destination.as_ref().is_none_or(towards)
        };
        // What answers would be translated by is what decides.
        if self.rules.iter().find(names).is_some_and(|r| !r.nat.is_identity()) {
            return Err((Arc::clone(&self.asymmetric), "nat-rpf-failed"));
        }
        let owns = |r: &Ready| r.sides.contains(&far) && r.owns(asked);
        if self.rules.iter().any(owns) {
            return Err((Arc::clone(&self.unknown), "nat-no-xlate-to-pat-pool"));
        }
        Ok(None)
    }

    /// From the real side: the source is mapped, the destination made real.
    fn forward(
        &mut self,
        at: usize,
        side: Side,
        flow: Flow,
    ) -> Result<Option<Found>, (Arc<Rule>, &'static str)> {
        let Ready { nat, sides, interface, rule, .. } = &self.rules[at];
        let Some(place) = nat.real.position(flow.src.ip()).filter(|_| sides.contains(&side)) else {
            return Ok(None);
        };
        let called = match &nat.destination {
            None => flow.dst.ip(),
            Some([mapped, real]) => {
                match mapped.position(flow.dst.ip()).and_then(|p| real.get(p)) {
                    Some(address) => address,
                    None => return Ok(None),
                }
            }
        };
        let port = match nat.ports {
            Some((real, mapped)) if real == flow.src.port() => mapped,
            Some(_) => return Ok(None),
            None => flow.src.port(),
        };
        let own = interface.map(IpAddr::from);
        let (address, is_port) = match &nat.mapped {
            Mapped::Static(mapped) => (mapped.get(place), false),
            Mapped::StaticInterface => (own, false),
            Mapped::Pool(pool, and_interface) => {
                match lease(&mut self.leases, at, flow.src.ip(), pool) {
                    None if *and_interface => (own, true),
                    leased => (leased, false),
                }
            }
            Mapped::Ports(addresses, and_interface) => {
                let mut all = (0..addresses.len()).filter_map(|at| addresses.get(at));
                let free = all.find(|address| self.ports.has_free(*address, port));
                (free.or(own.filter(|_| *and_interface)), true)
            }
        };
        let failed = || (Arc::clone(rule), "nat-xlate-failed");
        let address = address.ok_or_else(failed)?;
        let port = if is_port { self.ports.take(address, port).ok_or_else(failed)? } else { port };
        let mapped = SocketAddr::new(address, port);
        let dst = SocketAddr::new(called, flow.dst.port());
        let (inside, far) = (Flow { src: flow.src, dst }, Flow { src: mapped, dst });
        Ok(Some(Found { rule: at, inside, far, real: flow.src, mapped, is_port }))
    }

    /// From the mapped side: the destination is made real, the source mapped.
    fn backward(&self, at: usize, side: Side, flow: Flow) -> Option<Found> {
        let Ready { nat, sides, interface, .. } = &self.rules[at];
        if nat.unidirectional || !sides.contains(&across(side)) {
            return None;
        }
        let asked = flow.dst.ip();
        let port = match nat.ports {
            Some((real, mapped)) => (mapped == flow.dst.port()).then_some(real)?,
            None => flow.dst.port(),
        };
        let real = match &nat.mapped {
            Mapped::Static(mapped) => nat.real.get(mapped.position(asked)?)?,
            Mapped::StaticInterface => {
                interface.filter(|own| IpAddr::from(*own) == asked)?;
                nat.real.get(0)?
            }
            Mapped::Pool(..) => {
                let (&(_, real), _) = self
                    .leases
                    .iter()
                    .find(|((rule, _), leased)| *rule == at && **leased == asked)?;
                real
            }
            Mapped::Ports(..) => return None,
        };
        let caller = match &nat.destination {
            None => flow.src.ip(),
            Some([mapped, real]) => mapped.get(real.position(flow.src.ip())?)?,
        };
        let (real, mapped) = (SocketAddr::new(real, port), flow.dst);
        let inside = Flow { src: flow.src, dst: real };
        let far = Flow { src: SocketAddr::new(caller, flow.src.port()), dst: real };
        Some(Found { rule: at, inside, far, real, mapped, is_port: false })
    }

    /// The networks that are routed to the device because it answers for them.
    pub(super) fn stands_for(&self) -> Vec<Standing> {
        self.rules.iter().flat_map(Ready::stands_for).collect()
    }

    /// What the device tells of its translations, as counters.
    pub(super) fn counters(&self) -> [(String, u64); 2] {
        let hits = self.rules.iter().map(|r| r.translated + r.untranslated).sum();
        [
            ("translations in use".to_owned(), self.bindings.len() as u64),
            ("connections translated".to_owned(), hits),
        ]
    }
}

/// An address of a pool for one host alone.
fn lease(
    leases: &mut BTreeMap<(usize, IpAddr), IpAddr>,
    rule: usize,
    real: IpAddr,
    pool: &Ranges,
) -> Option<IpAddr> {
    if let Some(address) = leases.get(&(rule, real)) {
        return Some(*address);
    }
    let free = (0..pool.len())
        .filter_map(|at| pool.get(at))
        .find(|address| !leases.values().any(|leased| leased == address))?;
    leases.insert((rule, real), free);
    Some(free)
}

impl Ready {
    /// True when an address is one of those that the rule maps to.
    fn owns(&self, address: IpAddr) -> bool {
        let own = self.interface.map(IpAddr::from) == Some(address);
        match &self.nat.mapped {
            Mapped::Static(mapped) => !self.nat.is_identity() && mapped.position(address).is_some(),
            Mapped::StaticInterface => own,
            Mapped::Pool(pool, and) | Mapped::Ports(pool, and) => {
                pool.position(address).is_some() || *and && own
            }
        }
    }

    fn stands_for(&self) -> Vec<Standing> {
        if self.nat.is_identity() {
            return Vec::new();
        }
        let own = self.interface.map(|own| Ranges(vec![u32::from(own)..=u32::from(own)]));
        let none = Ranges::default();
        let (mapped, own) = match &self.nat.mapped {
            Mapped::Static(mapped) => (mapped, None),
            Mapped::StaticInterface => (&none, own),
            Mapped::Pool(pool, and) | Mapped::Ports(pool, and) => (pool, own.filter(|_| *and)),
        };
        let host = (self.nat.is_static() && self.nat.ports.is_none() && self.nat.real.len() == 1)
            .then(|| self.nat.real.get(0))
            .flatten();
        let mut all = Vec::new();
        for &side in &self.sides {
            let sources = [Some(mapped), own.as_ref()].into_iter().flatten();
            all.extend(sources.flat_map(|ranges| standing(ranges, across(side), host)));
            if let Some([mapped, real]) = &self.nat.destination
                && mapped != real
            {
                all.extend(standing(mapped, side, None));
            }
        }
        all
    }
}

/// Ranges as prefixes that the network routes; all addresses are none.
fn standing(ranges: &Ranges, side: Side, host: Option<IpAddr>) -> Vec<Standing> {
    let mut all = Vec::new();
    for range in ranges.0.iter().filter(|r| **r != (0..=u32::MAX)) {
        let (mut first, last) = (u64::from(*range.start()), u64::from(*range.end()));
        while first <= last {
            // The largest prefix that begins here and ends within.
            let aligned = first.trailing_zeros().min(32);
            let size =
                (0..=aligned).rev().find(|bits| first + (1 << bits) - 1 <= last).unwrap_or(0);
            let network = Ipv4Addr::from(first as u32).into();
            all.push(Standing { side, network, prefix_len: (32 - size) as u8, host });
            first += 1 << size;
        }
    }
    all
}
