//! Which new connections may cross: access groups where there are any, security levels otherwise.

use std::sync::Arc;

use sim_core::engine::device::{Rule, Side};
use sim_core::wire::packet::{Flags, Flow, Packet};

use crate::catalogue::RECALLED;
use crate::config::access_list::{Between, Entry};

use super::config::{AsaConfig, Interface, Kind};
use super::lists::AccessGroup;
use super::remedy;

const RULES: &str = "ASA CLI configuration guide, access rules";
/// Why nothing enters a FWSM by an interface that has no access list.
pub(super) const UNLISTED: &str =
    "without an access list on an interface a FWSM drops all that enters by it";
const UNLISTED_SOURCE: &str = "Catalyst 6500 Series Switch and Cisco 7600 Series Router Firewall Services Module \
                               Configuration Guide (OL-20748-01), Permitting or Denying Network Access";
const LEVELS: &str = "ASA CLI configuration guide, security levels";
/// Levels of `inside` and `outside` on an ASA as it comes.
const FACTORY_LEVELS: [u8; 2] = [100, 0];

/// The rule for ICMP that enters on `interface`.
fn no_icmp(interface: &str) -> Arc<Rule> {
    let text = "ICMP from a lower security level needs an access list, or inspect icmp";
    let rule = Rule::default(text, "Cisco 15246, ICMP through PIX and ASA");
    remedy::permit_unreachable(rule, interface)
}

/// Judges the first packet of connections.
#[derive(Debug)]
pub(super) struct Access {
    interfaces: [String; 2],
    implicit: Arc<Rule>,
    no_icmp: Arc<Rule>,
    /// Sides from which a connection opens without an access list.
    downhill: [bool; 2],
    /// The first interface is the one of lower security.
    rises: bool,
    /// Why nothing crosses, whatever access lists say.
    apart: Option<Arc<Rule>>,
    /// Every connection may cross.
    open: bool,
}

impl Access {
    pub(super) fn new(config: &AsaConfig, interfaces: [String; 2]) -> Self {
        let level = |side: usize| config.interface(&interfaces[side]).map(Interface::level);
        let given = level(0).is_some() && level(0) == level(1);
        let [inside, outside] = [0, 1].map(|side| level(side).unwrap_or(FACTORY_LEVELS[side]));
        let equal = inside == outside && config.same_security_permitted;
        let lower = &interfaces[usize::from(inside > outside)];
        let implicit = match config.kind {
            Kind::Fwsm => Rule::default(UNLISTED, UNLISTED_SOURCE),
            _ => Rule::default(
                "without an access list, a connection opens only towards a lower security level",
                RECALLED,
            ),
        };
        let opens = config.kind != Kind::Fwsm;
        Self {
            no_icmp: no_icmp(lower),
            implicit,
            apart: (given && !equal).then(|| {
                Rule::default(
                    "between equal security levels nothing crosses without same-security-traffic permit \
                     inter-interface",
                    LEVELS,
                )
            }),
            downhill: [inside > outside || equal, outside > inside || equal].map(|down| down && opens),
            rises: outside > inside,
            interfaces,
            open: false,
        }
    }

    /// Lets every connection through.
    pub(super) fn open(interfaces: [String; 2]) -> Self {
        let implicit = Rule::default("every connection may cross", RECALLED);
        let no_icmp = no_icmp(&interfaces[1]);
        Self {
            interfaces,
            implicit,
            no_icmp,
            downhill: [true, true],
            rises: false,
            apart: None,
            open: true,
        }
    }

    /// True when the first interface is the one of lower security.
    pub(super) fn rises(&self) -> bool {
        self.rises
    }

    /// `Err` with the deciding rule when the connection may not cross.
    pub(super) fn judge(
        &self,
        config: &AsaConfig,
        flow: Flow,
        side: Side,
    ) -> Result<(), Arc<Rule>> {
        if self.open {
            return Ok(());
        }
        if let Some(rule) = &self.apart {
            return Err(Arc::clone(rule));
        }
        let (from, to) = match side {
            Side::Inside => (0, 1),
            Side::Outside => (1, 0),
        };
        let between = [from, to].map(|at| self.interfaces[at].as_str());
        let group = |inbound: bool, interface: Option<&String>| {
            let here = |g: &&AccessGroup| g.inbound == inbound && g.interface.as_ref() == interface;
            config.access_groups.iter().filter(here).find(|g| g.of.holds(flow.src.ip()))
        };
        let inbound = group(true, Some(&self.interfaces[from])).or_else(|| group(true, None));
        match inbound {
            Some(inbound) => permitted(config, inbound, between, flow)?,
            None if self.downhill[from] => {}
            None => return Err(Arc::clone(&self.implicit)),
        }
        match group(false, Some(&self.interfaces[to])) {
            Some(outbound) => permitted(config, outbound, between, flow),
            None => Ok(()),
        }
    }
}

impl Access {
    /// As [`Access::judge`], for an ICMP error about a connection that is known.
    pub(super) fn judge_icmp(
        &self,
        config: &AsaConfig,
        packet: &Packet,
        side: Side,
    ) -> Result<(), Arc<Rule>> {
        let Some(error) = packet.icmp().filter(|_| !self.open) else { return Ok(()) };
        let from = usize::from(side == Side::Outside);
        let interface = Some(&self.interfaces[from]);
        let between = [from, 1 - from].map(|at| self.interfaces[at].as_str());
        let inbound = |g: &&AccessGroup| g.inbound && g.of.holds(packet.src);
        let mut groups = config.access_groups.iter().filter(inbound);
        let own = groups.clone().find(|g| g.interface.as_ref() == interface);
        let group = own.or_else(|| groups.find(|g| g.interface.is_none()));
        let Some(group) = group else {
            return if self.downhill[from] { Ok(()) } else { Err(Arc::clone(&self.no_icmp)) };
        };
        let list = config.list_of(group);
        let (src, dst, reason) = (packet.src, packet.dst, error.reason());
        verdict(group, list.and_then(|l| l.matching_icmp_between(between, src, dst, reason)))
    }
}

/// `Err` with the deciding rule when the list of an access group does not permit the connection.
pub(super) fn permitted(
    config: &AsaConfig,
    group: &AccessGroup,
    between: Between<'_>,
    flow: Flow,
) -> Result<(), Arc<Rule>> {
    let list = config.list_of(group);
    verdict(group, list.and_then(|list| list.matching_between(between, flow, Flags::SYN)))
}

/// What an access group makes of a packet whose first entry this is.
fn verdict(group: &AccessGroup, entry: Option<&Entry>) -> Result<(), Arc<Rule>> {
    match entry {
        Some(entry) if entry.permit => Ok(()),
        Some(entry) => Err(Rule::config(entry.place.text.clone(), entry.place.clone(), RULES)),
        None => Err(Rule::config(
            match &group.then {
                Some(global) => format!(
                    "access-list {} and, after it, {global}: nothing else is permitted",
                    group.list
                ),
                None => format!("access-list {}: nothing else is permitted", group.list),
            },
            group.place.clone(),
            RULES,
        )),
    }
}
