//! What the `ip nat` lines say, before they are applied.

use std::net::{IpAddr, Ipv4Addr};

use sim_core::engine::device::ConfigLine;
use sim_core::time::SimDuration;

use crate::steps::track::Timeouts;

/// All `ip nat` lines of the global mode.
#[derive(Clone, Debug)]
pub(crate) struct NatConfig {
    /// `ip nat inside source static`.
    pub(crate) statics: Vec<Static>,
    /// `ip nat inside source list`.
    pub(crate) dynamics: Vec<Dynamic>,
    /// `ip nat inside destination list`.
    pub(crate) destinations: Vec<Dynamic>,
    pub(crate) pools: Vec<Pool>,
    pub(crate) timeouts: Timeouts,
    /// `ip nat translation max-entries N`, and `all-host N`.
    pub(crate) max_entries: Option<(u32, ConfigLine)>,
    pub(crate) max_host_entries: Option<(u32, ConfigLine)>,
    /// Ports whose payload is rewritten, by gateway.
    pub(crate) services: Vec<Service>,
    /// `ip nat log translations syslog`.
    pub(crate) log: bool,
}

/// `ip nat inside source static …`.
#[derive(Clone, Debug)]
pub(crate) struct Static {
    pub(crate) local: Ipv4Addr,
    pub(crate) global: Global,
    /// Local and global port of TCP; `None`: all of the address.
    pub(crate) ports: Option<(u16, u16)>,
    /// Length of the prefix that is translated; 32 for one host.
    pub(crate) length: u8,
    /// False with `no-payload`: application gateways leave its traffic alone.
    pub(crate) payload: bool,
    pub(crate) place: ConfigLine,
}

/// What an inside global address is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Global {
    Address(Ipv4Addr),
    Interface(String),
}

/// `ip nat inside source list ACL …`, `ip nat inside destination list ACL …`.
#[derive(Clone, Debug)]
pub(crate) struct Dynamic {
    pub(crate) list: String,
    pub(crate) is_route_map: bool,
    pub(crate) to: To,
    pub(crate) overload: bool,
    pub(crate) place: ConfigLine,
}

/// Where a dynamic translation takes its address from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Pool(String),
    Interface(String),
}

/// `ip nat pool NAME FIRST LAST …`.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) name: String,
    /// Ranges of addresses, in order.
    pub(crate) ranges: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// `type rotary`: what a destination list takes its hosts from.
    pub(crate) rotary: bool,
}

impl Pool {
    /// Its addresses in order.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.ranges
            .iter()
            .flat_map(|&(first, last)| u32::from(first)..=u32::from(last))
            .map(|bits| IpAddr::V4(Ipv4Addr::from(bits)))
    }
}

/// An application-level gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gateway {
    /// FTP's control connection: PORT, EPRT, and the answers 227 and 229.
    Ftp,
    /// Addresses as text, the length of the body kept right: SIP.
    Sip,
    /// Addresses as text: RTSP.
    Rtsp,
    /// Addresses as four bytes: H.225 call signalling.
    H225,
}

/// A gateway on a TCP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) gateway: Gateway,
    pub(crate) port: u16,
}

impl Default for NatConfig {
    fn default() -> Self {
        Self {
            statics: Vec::new(),
            dynamics: Vec::new(),
            destinations: Vec::new(),
            pools: Vec::new(),
            timeouts: Timeouts {
                embryonic: SimDuration::from_secs(60),
                idle: SimDuration::from_secs(86_400),
                half_closed: SimDuration::from_secs(60),
                closed: SimDuration::from_secs(60),
            },
            max_entries: None,
            max_host_entries: None,
            services: vec![
                Service { gateway: Gateway::Ftp, port: 21 },
                Service { gateway: Gateway::Rtsp, port: 554 },
                Service { gateway: Gateway::H225, port: 1720 },
                Service { gateway: Gateway::Sip, port: 5060 },
            ],
            log: false,
        }
    }
}

impl NatConfig {
    /// True when a line translates something.
    pub(crate) fn translates(&self) -> bool {
        !(self.statics.is_empty() && self.dynamics.is_empty() && self.destinations.is_empty())
    }

    pub(crate) fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|p| p.name == name)
    }
}
