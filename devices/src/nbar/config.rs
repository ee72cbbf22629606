//! Class-maps and policy-maps of the modular quality-of-service command line (MQC), with `match
//! protocol`.

use sim_core::engine::device::ConfigLine;
use sim_core::units::BitRate;

/// Everything about classes of traffic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quality {
    pub(crate) classes: Vec<ClassMap>,
    pub(crate) policies: Vec<PolicyMap>,
    /// `ip nbar port-map PROTOCOL tcp PORT…`: the protocol and its ports.
    pub(crate) port_maps: Vec<(String, Vec<u16>)>,
}

/// `class-map [match-any | match-all] NAME`.
#[derive(Clone, Debug)]
pub(crate) struct ClassMap {
    pub(crate) name: String,
    pub(crate) all: bool,
    pub(crate) criteria: Vec<Criterion>,
}

/// One `match` line.
#[derive(Clone, Debug)]
pub(crate) struct Criterion {
    pub(crate) on: On,
    pub(crate) negated: bool,
    pub(crate) place: ConfigLine,
}

/// What a `match` line looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Any,
    /// The protocol, and for HTTP what its request must say: field and pattern.
    Protocol(String, Option<(Field, String)>),
    AccessGroup(String),
    Class(String),
    /// One of these code points.
    Dscp(Vec<u8>),
    /// What is not modelled: it holds for no packet.
    Nothing,
}

/// A field of an HTTP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Host,
    Url,
}

/// `policy-map NAME`.
#[derive(Clone, Debug)]
pub(crate) struct PolicyMap {
    pub(crate) name: String,
    pub(crate) classes: Vec<PolicyClass>,
    pub(crate) place: ConfigLine,
}

/// `class NAME` in it.
#[derive(Clone, Debug)]
pub(crate) struct PolicyClass {
    pub(crate) name: String,
    pub(crate) place: ConfigLine,
    pub(crate) actions: Vec<(Action, ConfigLine)>,
}

/// What is done to the packets of a class.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Drop,
    /// Above this rate, packets are dropped; burst in bytes.
    Police(BitRate, u64),
    /// Above this rate, packets wait.
    Shape(BitRate),
    /// At least this share of what is to be had.
    Bandwidth(Share),
    /// Before all others.
    Priority,
    SetDscp(u8),
    /// Another policy-map inside.
    Nested(String),
}

/// A part of a rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Share {
    Rate(BitRate),
    Percent(u32),
}

impl Quality {
    pub(crate) fn class(&self, name: &str) -> Option<&ClassMap> {
        self.classes.iter().find(|c| c.name == name)
    }

    pub(crate) fn policy(&self, name: &str) -> Option<&PolicyMap> {
        self.policies.iter().find(|p| p.name == name)
    }
}
