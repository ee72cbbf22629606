//! What the models of IOS and IOS-XE share: the configuration and its grammar, access lists, and the
//! router that puts access lists, firewall, translation and classification in the order of its
//! features.

pub(crate) mod audit;
mod filters;
mod grammar;
pub(crate) mod half_open;
pub(crate) mod intercept;
pub(crate) mod lists;
pub(crate) mod log;
mod out_of_force;
mod own_addresses;
pub(crate) mod pbr;
mod policies;
mod policy_routing;
pub(crate) mod reassembly;
mod recognised;
pub(crate) mod remedy;
pub(crate) mod router;
mod sides;
mod skipped;
#[cfg(test)]
mod tests;
mod translated_answers;
mod vlan_filters;
mod vrfs;
mod warn;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::engine::device::{ConfigLine, Rule, Side};
use sim_core::wire::icmp;
use sim_core::wire::packet::{Flags, Flow, Packet};

use crate::cbac::inspect::Inspections;
use crate::config::access_list::AccessList;
use crate::config::route_map::RouteMapEntry;
use crate::config::words::interface_key;
use crate::nat::config::NatConfig;
use crate::nbar::config::Quality;
use crate::zbfw::zones::Zones;

/// Where the access lists' rules stand.
const ACL_SOURCE: &str = "Cisco IOS Security Configuration Guide, access control lists";

/// A rule and the product's own term for why a packet goes no further.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) rule: Arc<Rule>,
    pub(crate) reason: &'static str,
    /// What its sender is told by ICMP, where that is on.
    pub(crate) told: Option<icmp::Reason>,
}

impl Refused {
    /// The sender is told.
    fn telling(self, told: icmp::Reason) -> Self {
        Self { told: Some(told), ..self }
    }
}

/// The packet goes no further.
///
/// # Errors
/// Always.
pub(crate) fn refuse<T>(rule: &Arc<Rule>, reason: &'static str) -> Result<T, Refused> {
    Err(Refused { rule: Arc::clone(rule), reason, told: None })
}

/// The rule of a configuration line; of a text that stands for none, the default that it is.
pub(crate) fn rule(text: impl Into<String>, place: &ConfigLine, source: &'static str) -> Arc<Rule> {
    if place.file.is_empty() {
        Rule::default(text, source)
    } else {
        Rule::config(text, place.clone(), source)
    }
}

/// A configuration, read.
#[derive(Clone, Debug, Default)]
pub(crate) struct IosConfig {
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) access_lists: BTreeMap<String, AccessList>,
    pub(crate) route_maps: BTreeMap<String, Vec<RouteMapEntry>>,
    pub(crate) inspections: Inspections,
    pub(crate) zones: Zones,
    pub(crate) nat: NatConfig,
    pub(crate) quality: Quality,
    pub(crate) intercept: Intercept,
    /// Policies on what reaches the router itself: they see no connection that crosses it.
    pub(crate) control_plane: Vec<String>,
    /// `version 15.7`.
    pub(crate) version: Option<String>,
}

/// `interface …`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interface {
    pub(crate) name: String,
    /// Access groups for IPv4, in and out.
    pub(crate) access: [Option<Named>; 2],
    /// Traffic filters for IPv6, in and out.
    pub(crate) access_v6: [Option<Named>; 2],
    /// `ip policy route-map`, `ipv6 policy route-map`.
    pub(crate) policy: [Option<Named>; 2],
    /// `ip inspect NAME in`, `out`.
    pub(crate) inspect: [Option<Named>; 2],
    pub(crate) zone: Option<Named>,
    /// `ip nat inside`, `outside`.
    pub(crate) nat: Option<Side>,
    pub(crate) has_address: bool,
    /// It has an address of IPv6.
    pub(crate) has_v6: bool,
    /// Its address is written with letters.
    pub(crate) is_address_hidden: bool,
    /// Its first IPv4 address, when the text says it.
    pub(crate) address: Option<Ipv4Addr>,
    /// `mtu`, or `ip mtu` where that is given.
    pub(crate) mtu: Option<(u32, ConfigLine)>,
    /// `ip tcp adjust-mss`.
    pub(crate) adjust_mss: Option<(u16, ConfigLine)>,
    /// `bridge-group N`: which one it is a member of.
    pub(crate) bridge_group: Option<String>,
    /// `shutdown`: nothing crosses it until it is brought up.
    pub(crate) shut_down: Option<ConfigLine>,
    /// `no ip unreachables`: senders are not told of what goes no further.
    pub(crate) is_silent: bool,
    /// `service-policy input`, `output`.
    pub(crate) service: [Option<Named>; 2],
    /// `ip nbar protocol-discovery`.
    pub(crate) discovery: Option<ConfigLine>,
    /// Lines that put a list or a policy here and are not understood, with the reason.
    pub(crate) unread: Vec<(ConfigLine, String)>,
}

/// A name that a line refers to.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) place: ConfigLine,
}

/// `ip tcp intercept …`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Intercept {
    /// The list of those that are intercepted.
    pub(crate) list: Option<Named>,
    /// `mode watch`.
    pub(crate) watch: bool,
}

/// Direction of a packet through an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Through {
    In = 0,
    Out = 1,
}

impl IosConfig {
    /// The interface of this name, however it is spaced, cut and capitalised.
    pub(crate) fn interface(&self, name: &str) -> Option<&Interface> {
        let bare = name.replace(' ', "");
        let written = self.interfaces.iter().find(|i| i.name.eq_ignore_ascii_case(&bare));
        written.or_else(|| {
            let key = interface_key(&bare);
            self.interfaces.iter().find(|i| interface_key(&i.name) == key)
        })
    }

    /// True when the zone-based firewall is in force.
    pub(crate) fn has_zones(&self) -> bool {
        !self.zones.pairs.is_empty() || self.interfaces.iter().any(|i| i.zone.is_some())
    }

    /// Judges a packet by the access list of an interface, in one direction.
    ///
    /// # Errors
    /// The rule that denies it.
    pub(crate) fn permits(
        &self,
        interface: &Interface,
        through: Through,
        packet: &Packet,
    ) -> Result<(), Refused> {
        let groups = if packet.src.is_ipv4() { &interface.access } else { &interface.access_v6 };
        let Some(group) = &groups[through as usize] else { return Ok(()) };
        // An access group whose list does not exist, or has no entry, permits everything.
        let list = self.access_lists.get(&group.name).filter(|list| list.has_entries);
        let Some(list) = list else { return Ok(()) };
        let matching = match packet.icmp() {
            Some(error) => list.matching_icmp(packet.src, packet.dst, error.reason()),
            None => list.matching(packet.flow(), packet.flags),
        };
        let (text, place) = match matching {
            Some(entry) if entry.permit => return Ok(()),
            Some(entry) => (entry.place.text.clone(), &entry.place),
            None => (format!("access list {} permits nothing else", group.name), &group.place),
        };
        let rule = remedy::permit(rule(text, place, ACL_SOURCE), &group.name, packet);
        refuse(&rule, "access list").map_err(|refused| refused.telling(icmp::Reason::Prohibited))
    }

    /// True when an access list, or a route-map, names a packet. One that is not defined names none.
    pub(crate) fn selects(&self, name: &str, is_route_map: bool, flow: Flow, flags: Flags) -> bool {
        let listed = |list: &str| {
            let entry = self.access_lists.get(list).and_then(|list| list.matching(flow, flags));
            entry.is_some_and(|entry| entry.permit)
        };
        if !is_route_map {
            return listed(name);
        }
        let entries = self.route_maps.get(name).map_or(&[][..], Vec::as_slice);
        let first =
            entries.iter().find(|e| e.lists.is_empty() || e.lists.iter().any(|l| listed(l)));
        first.is_some_and(|entry| entry.permit)
    }
}

/// The index of the interface on a side of the device.
pub(crate) const fn index(side: Side) -> usize {
    match side {
        Side::Inside => 0,
        Side::Outside => 1,
    }
}
