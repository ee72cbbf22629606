//! What the firewalls of IOS and IOS-XE share: interfaces, access lists, and the frame of the
//! configuration's grammar.

mod grammar;

use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::engine::device::{ConfigLine, Rule, Side};
use sim_core::wire::packet::Packet;

use crate::cbac::inspect::Inspections;
use crate::config::access_list::AccessList;
use crate::zbfw::zones::Zones;

pub(crate) use grammar::read;

/// Where the access lists' rules stand.
const ACL_SOURCE: &str = "Cisco IOS Security Configuration Guide, access control lists";

/// A configuration, read.
#[derive(Clone, Debug, Default)]
pub(crate) struct IosConfig {
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) access_lists: BTreeMap<String, AccessList>,
    pub(crate) inspections: Inspections,
    pub(crate) zones: Zones,
}

/// `interface …`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interface {
    pub(crate) name: String,
    /// Access groups for IPv4, in and out.
    pub(crate) access: [Option<Named>; 2],
    /// Traffic filters for IPv6, in and out.
    pub(crate) access_v6: [Option<Named>; 2],
    /// `ip inspect NAME in`, `out`.
    pub(crate) inspect: [Option<Named>; 2],
    pub(crate) zone: Option<Named>,
    /// `ip nat inside`, `outside`.
    pub(crate) nat: Option<Side>,
    pub(crate) has_address: bool,
}

/// A name that a line refers to.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) place: ConfigLine,
}

/// Direction of a packet through an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Through {
    In = 0,
    Out = 1,
}

impl IosConfig {
    /// The interface towards the clients and that towards the servers: as the scenario names them, as
    /// `ip nat` or the firewall's own lines tell them apart, or else the one that is left of two.
    pub(crate) fn sides(
        &self,
        given: [Option<&str>; 2],
        tells: impl Fn(&Interface) -> Option<Side>,
    ) -> [Option<&Interface>; 2] {
        let named = |name: &str| {
            let bare = name.replace(' ', "");
            self.interfaces.iter().find(|i| i.name.eq_ignore_ascii_case(&bare))
        };
        let told = |side: Side| {
            self.interfaces.iter().find(|i| i.nat == Some(side)).or_else(|| {
                self.interfaces.iter().find(|i| i.nat.is_none() && tells(i) == Some(side))
            })
        };
        let [inside, outside] = given.map(|name| name.and_then(named));
        let inside = inside.or_else(|| told(Side::Inside));
        let outside = outside.or_else(|| told(Side::Outside));
        let other_than = |known: &Interface| {
            let mut rest = self.interfaces.iter().filter(|i| i.has_address && i.name != known.name);
            rest.next().filter(|_| rest.next().is_none())
        };
        match (inside, outside) {
            (Some(inside), None) => [Some(inside), other_than(inside)],
            (None, Some(outside)) => [other_than(outside), Some(outside)],
            both => [both.0, both.1],
        }
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
    ) -> Result<(), Arc<Rule>> {
        let groups = if packet.src.is_ipv4() { &interface.access } else { &interface.access_v6 };
        let Some(group) = &groups[through as usize] else { return Ok(()) };
        // An access group whose list does not exist permits everything.
        let Some(list) = self.access_lists.get(&group.name) else { return Ok(()) };
        match list.matching(packet.flow(), packet.flags) {
            Some(entry) if entry.permit => Ok(()),
            Some(entry) => {
                Err(Rule::config(entry.place.text.clone(), entry.place.clone(), ACL_SOURCE))
            }
            None => Err(Rule::config(
                format!("access list {} permits nothing else", group.name),
                group.place.clone(),
                ACL_SOURCE,
            )),
        }
    }
}

/// The index of the interface on a side of the device.
pub(crate) const fn index(side: Side) -> usize {
    match side {
        Side::Inside => 0,
        Side::Outside => 1,
    }
}
