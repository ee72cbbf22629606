//! What a configuration says, before it is applied: the parts of the modular policy framework (MPF)
//! and what else concerns a TCP connection.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use sim_core::engine::device::ConfigLine;

use super::connection::Idle;
use super::layer7::Layer7;
use super::lists::AccessGroup;
use super::nat::Nat;
use super::tcp_map::TcpMap;
use crate::config::access_list::AccessList;

/// A configuration, read.
#[derive(Clone, Debug, Default)]
pub(super) struct AsaConfig {
    pub(super) kind: Kind,
    pub(super) version: Option<String>,
    pub(super) interfaces: Vec<Interface>,
    pub(super) tcp_maps: Vec<TcpMap>,
    pub(super) class_maps: Vec<ClassMap>,
    pub(super) policy_maps: Vec<PolicyMap>,
    pub(super) services: Vec<Service>,
    pub(super) access_lists: BTreeMap<String, AccessList>,
    /// `ipv6 access-list`, before 9.0.
    pub(super) ipv6_lists: BTreeMap<String, AccessList>,
    /// Names of lists of Ethernet types.
    pub(super) ethertype_lists: BTreeSet<String>,
    /// Those in effect.
    pub(super) access_groups: Vec<AccessGroup>,
    /// Interfaces' own lists, each with the global one behind it.
    pub(super) joined_lists: BTreeMap<(String, String), AccessList>,
    /// Access groups of lists that are not defined.
    pub(super) refused_groups: Vec<AccessGroup>,
    /// Lines that put a list on an interface and are not understood.
    pub(super) unread: Vec<ConfigLine>,
    /// The first `config-url`: a context whose configuration is elsewhere.
    pub(super) elsewhere: Option<ConfigLine>,
    /// The first `conduit permit`, which PIX 6 asks where no access list is.
    pub(super) conduit: Option<ConfigLine>,
    /// `same-security-traffic permit inter-interface`.
    pub(super) same_security_permitted: bool,
    /// `firewall transparent`.
    pub(super) is_transparent: bool,
    /// `same-security-traffic permit intra-interface`.
    pub(super) hairpins_permitted: bool,
    /// `sysopt connection tcpmss N`; 0 is off.
    pub(super) mss_maximum: Option<(u16, ConfigLine)>,
    /// `sysopt connection tcpmss minimum N`; 0 is off.
    pub(super) mss_minimum: Option<(u16, ConfigLine)>,
    /// The `timeout` command.
    pub(super) timeouts: Idle,
    /// Layer 7 maps.
    pub(super) layer7: Layer7,
    /// The rules of translation.
    pub(super) nats: Vec<Nat>,
    /// They are written as before 8.3: access lists see mapped addresses.
    pub(super) lists_see_mapped: bool,
    /// The first line that translates addresses.
    pub(super) translation: Option<ConfigLine>,
    /// Embryonic limits of translations (before 8.3).
    pub(super) translation_limits: Vec<(u32, ConfigLine)>,
}

/// Whose configuration it is, as far as what crosses by default depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Asa,
    /// PIX before 7.0.
    Pix6,
    Fwsm,
}

/// `interface …`.
#[derive(Clone, Debug, Default)]
pub(super) struct Interface {
    /// `nameif`, with its line.
    pub(super) name: Option<(String, ConfigLine)>,
    /// `security-level`, with its line.
    pub(super) security_level: Option<(u8, ConfigLine)>,
    /// The line `shutdown`: nothing crosses it until it is brought up.
    pub(super) shut_down: Option<ConfigLine>,
    /// The line `management-only`.
    pub(super) management_only: Option<ConfigLine>,
    pub(super) address: Option<Ipv4Addr>,
    /// `bridge-group NUMBER`, with its line.
    pub(super) bridge_group: Option<(u16, ConfigLine)>,
    /// The bridge group of which it is the router's end (`interface BVI NUMBER`).
    pub(super) bvi: Option<u16>,
    /// `policy-route route-map NAME`.
    pub(super) policy_route: Option<String>,
}

/// `class-map NAME`.
#[derive(Clone, Debug)]
pub(super) struct ClassMap {
    pub(super) name: String,
    pub(super) place: ConfigLine,
    /// All must hold; none matches nothing.
    pub(super) matches: Vec<Match>,
}

/// One `match` line.
#[derive(Clone, Debug)]
pub(super) struct Match {
    pub(super) place: ConfigLine,
    pub(super) on: MatchOn,
}

/// What a `match` line looks at.
#[derive(Clone, Debug)]
pub(super) enum MatchOn {
    Any,
    AccessList(String),
    /// Destination port of the connection.
    TcpPort(RangeInclusive<u16>),
    /// Selects traffic for `inspect` only.
    DefaultInspection,
    /// UDP ports and what is not modelled: no TCP connection matches.
    Nothing,
}

/// `policy-map NAME`.
#[derive(Clone, Debug)]
pub(super) struct PolicyMap {
    pub(super) name: String,
    pub(super) place: ConfigLine,
    pub(super) classes: Vec<PolicyClass>,
}

/// `class NAME` in a policy-map.
#[derive(Clone, Debug)]
pub(super) struct PolicyClass {
    pub(super) name: String,
    pub(super) place: ConfigLine,
    pub(super) connection: ConnectionActions,
    /// `inspect PROTOCOL …` lines.
    pub(super) inspections: Vec<Inspect>,
}

/// `inspect PROTOCOL [strict] [MAP]`.
#[derive(Clone, Debug)]
pub(super) struct Inspect {
    pub(super) protocol: String,
    pub(super) map: Option<String>,
    pub(super) strict: bool,
    pub(super) place: ConfigLine,
}

/// The `set connection` lines of a class: one feature in the policy's order of things.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionActions {
    /// First `set connection` line, when there is one.
    pub(super) place: Option<ConfigLine>,
    pub(super) advanced: Option<(Advanced, ConfigLine)>,
    pub(super) randomise: Option<(bool, ConfigLine)>,
    pub(super) decrement_ttl: Option<ConfigLine>,
    /// `embryonic-conn-max`; 0 is unlimited.
    pub(super) embryonic_maximum: Option<(u32, ConfigLine)>,
    /// `conn-max`; 0 is unlimited.
    pub(super) maximum: Option<(u32, ConfigLine)>,
    /// `per-client-embryonic-max`; 0 is unlimited.
    pub(super) client_embryonic_maximum: Option<(u32, ConfigLine)>,
    /// `per-client-max`; 0 is unlimited.
    pub(super) client_maximum: Option<(u32, ConfigLine)>,
    /// `syn-cookie-mss`.
    pub(super) syn_cookie_mss: Option<(u32, ConfigLine)>,
    /// `timeout …`.
    pub(super) timeouts: Idle,
}

/// `advanced-options …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Advanced {
    TcpMap(String),
    StateBypass,
}

/// `service-policy NAME {global | interface NAME}`.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) policy: String,
    /// `None`: global.
    pub(super) interface: Option<String>,
    pub(super) place: ConfigLine,
}

impl AsaConfig {
    /// An FTD's global policy is in force, whether or not the text shows the line (Cisco 225969).
    pub(super) fn apply_global_policy(&mut self) {
        const NAME: &str = "global_policy";
        let is_global = |service: &Service| service.interface.is_none();
        if self.services.iter().any(is_global) {
            return;
        }
        if let Some(map) = self.policy_maps.iter().find(|map| map.name == NAME) {
            let (policy, place) = (NAME.to_owned(), map.place.clone());
            self.services.push(Service { policy, interface: None, place });
        }
    }

    /// The interface that `nameif` calls so.
    pub(super) fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|i| i.name.as_ref().is_some_and(|(n, _)| n == name))
    }

    pub(super) fn tcp_map(&self, name: &str) -> Option<&TcpMap> {
        self.tcp_maps.iter().find(|m| m.name == name)
    }

    pub(super) fn class_map(&self, name: &str) -> Option<&ClassMap> {
        self.class_maps.iter().find(|m| m.name == name)
    }

    pub(super) fn policy_map(&self, name: &str) -> Option<&PolicyMap> {
        self.policy_maps.iter().find(|m| m.name == name)
    }

    /// True when a policy that is in service inspects ICMP.
    pub(super) fn inspects_icmp(&self) -> bool {
        let policies = self.services.iter().filter_map(|s| self.policy_map(&s.policy));
        let mut inspections = policies.flat_map(|p| &p.classes).flat_map(|c| &c.inspections);
        inspections.any(|i| i.protocol == "icmp")
    }
}
