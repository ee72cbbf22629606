//! What an ACE configuration says, before it is applied.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use regex::bytes::Regex;
use sim_core::engine::device::ConfigLine;

use crate::config::access_list::AccessList;

use super::normalizer::Normalizer;

/// A configuration, read.
#[derive(Clone, Debug, Default)]
pub(super) struct AceConfig {
    pub(super) rservers: Vec<RServer>,
    pub(super) farms: Vec<Farm>,
    pub(super) sticky: Vec<Sticky>,
    pub(super) parameters: Vec<Parameters>,
    pub(super) classes: Vec<ClassMap>,
    pub(super) http_classes: Vec<HttpClass>,
    pub(super) cookies: Vec<CookieSticky>,
    pub(super) balancing: Vec<LoadBalance>,
    pub(super) multi: Vec<MultiMatch>,
    /// Policy-maps that balance nothing: of management, of inspection.
    pub(super) other_policies: Vec<String>,
    /// `service-policy input NAME`; with the interface, or global.
    pub(super) services: Vec<(String, Option<usize>, ConfigLine)>,
    pub(super) interfaces: Vec<Interface>,
    /// `access-group input NAME` of the global mode.
    pub(super) access_group: Option<(String, ConfigLine)>,
    pub(super) access_lists: BTreeMap<String, AccessList>,
}

/// `rserver host NAME`.
#[derive(Clone, Debug)]
pub(super) struct RServer {
    pub(super) name: String,
    pub(super) address: Option<IpAddr>,
    pub(super) in_service: bool,
    pub(super) place: ConfigLine,
}

/// `serverfarm host NAME`.
#[derive(Clone, Debug)]
pub(super) struct Farm {
    pub(super) name: String,
    pub(super) predictor: Option<(Predictor, ConfigLine)>,
    pub(super) members: Vec<Member>,
    pub(super) place: ConfigLine,
}

/// `rserver NAME [PORT]` in a serverfarm.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) port: Option<u16>,
    pub(super) in_service: bool,
    pub(super) place: ConfigLine,
}

/// How a new connection's real server is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Predictor {
    RoundRobin,
    LeastConnections,
    HashAddress(Key),
}

/// Addresses of a packet that count, under a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) source: bool,
    pub(super) destination: bool,
    /// Mask of IPv4 addresses.
    pub(super) mask: u32,
}

/// `sticky ip-netmask MASK address … NAME`.
#[derive(Clone, Debug)]
pub(super) struct Sticky {
    pub(super) name: String,
    pub(super) key: Key,
    pub(super) farm: Option<String>,
    pub(super) timeout_minutes: u32,
    pub(super) place: ConfigLine,
}

/// `class-map type http loadbalance NAME`.
#[derive(Clone, Debug)]
pub(super) struct HttpClass {
    pub(super) name: String,
    pub(super) any: bool,
    pub(super) matches: Vec<HttpMatch>,
}

/// What a request must say.
#[derive(Clone, Debug)]
pub(super) enum HttpMatch {
    Url(Regex),
    /// A header, `Cookie` among them, and its value.
    Header(String, Regex),
    Cookie(String, Regex),
    Source(IpAddr, u8),
    Class(String),
    /// What is not modelled: no request says it.
    Nothing,
}

/// `sticky http-cookie COOKIE GROUP`.
#[derive(Clone, Debug)]
pub(super) struct CookieSticky {
    pub(super) name: String,
    pub(super) cookie: String,
    pub(super) farm: Option<String>,
    pub(super) place: ConfigLine,
}

/// `parameter-map type connection NAME`.
#[derive(Clone, Debug)]
pub(super) struct Parameters {
    pub(super) name: String,
    pub(super) normalizer: Normalizer,
    pub(super) place: ConfigLine,
}

/// `class-map match-any|match-all NAME` (layers 3 and 4).
#[derive(Clone, Debug)]
pub(super) struct ClassMap {
    pub(super) name: String,
    pub(super) any: bool,
    pub(super) matches: Vec<(MatchOn, ConfigLine)>,
}

/// What a `match` line looks at.
#[derive(Clone, Debug)]
pub(super) enum MatchOn {
    Any,
    Virtual {
        address: IpAddr,
        length: u8,
        ports: RangeInclusive<u16>,
    },
    Port(RangeInclusive<u16>),
    Source(IpAddr, u8),
    Destination(IpAddr, u8),
    AccessList(String),
    /// UDP and what is not modelled.
    Nothing,
}

/// `policy-map type loadbalance first-match NAME`.
#[derive(Clone, Debug)]
pub(super) struct LoadBalance {
    pub(super) name: String,
    pub(super) classes: Vec<BalanceClass>,
}

/// A class of it.
#[derive(Clone, Debug)]
pub(super) struct BalanceClass {
    pub(super) name: String,
    /// What an inline `match NAME http …` asks for, in place of a class-map.
    pub(super) inline: Option<HttpMatch>,
    pub(super) to: Option<(To, ConfigLine)>,
    /// A line that makes ACE read or change what is sent.
    pub(super) reads: Option<ConfigLine>,
    pub(super) place: ConfigLine,
}

/// Where a class sends connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum To {
    Farm(String),
    Sticky(String),
    Drop,
    Forward,
}

/// `policy-map multi-match NAME`.
#[derive(Clone, Debug)]
pub(super) struct MultiMatch {
    pub(super) name: String,
    pub(super) classes: Vec<MultiClass>,
    pub(super) place: ConfigLine,
}

/// A class of it.
#[derive(Clone, Debug)]
pub(super) struct MultiClass {
    pub(super) name: String,
    pub(super) in_service: bool,
    pub(super) balance: Option<(String, ConfigLine)>,
    pub(super) connection: Option<(String, ConfigLine)>,
    /// A line that makes ACE a proxy (SSL, application inspection).
    pub(super) proxy: Option<ConfigLine>,
    pub(super) place: ConfigLine,
}

/// `interface vlan N`.
#[derive(Clone, Debug, Default)]
pub(super) struct Interface {
    /// `no normalization`.
    pub(super) normalization_off: Option<ConfigLine>,
    pub(super) access_group: Option<(String, ConfigLine)>,
    /// `access-group output NAME`.
    pub(super) access_group_out: Option<(String, ConfigLine)>,
    /// `vlan 10`.
    pub(super) name: String,
}

impl AceConfig {
    pub(super) fn farm(&self, name: &str) -> Option<usize> {
        self.farms.iter().position(|f| f.name == name)
    }

    pub(super) fn parameters(&self, name: &str) -> Option<&Parameters> {
        self.parameters.iter().find(|p| p.name == name)
    }

    pub(super) fn class(&self, name: &str) -> Option<&ClassMap> {
        self.classes.iter().find(|c| c.name == name)
    }
}
