//! The conditions of rules of iptables.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use sim_core::engine::device::in_prefix;
use sim_core::wire::packet::{Flags, Packet};

use crate::config::words::{netmask, port, prefix};

/// What a rule's conditions look at beside the packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances<'a> {
    /// Of conntrack.
    pub(super) state: &'a str,
    /// The interfaces that the packet comes in and goes out by, where they are known.
    pub(super) interfaces: Option<[&'a str; 2]>,
}

/// One condition.
#[derive(Clone, Debug)]
pub(super) enum Match {
    Source(Box<[(IpAddr, u8)]>),
    Destination(Box<[(IpAddr, u8)]>),
    SourcePort(Box<[RangeInclusive<u16>]>),
    DestinationPort(Box<[RangeInclusive<u16>]>),
    /// These flags looked at, those of them set.
    Flags(u8, u8),
    Option(u8),
    State(Vec<String>),
    /// Comes in by one of them, or goes out by it; a `+` at its end stands for any rest.
    Interface {
        names: Vec<String>,
        out: bool,
    },
    /// Of IPv6.
    Version6,
    /// Another protocol than TCP.
    Never,
}

impl Match {
    /// True when the condition, or its opposite, holds; it cannot be told of unknown interfaces.
    pub(super) fn holds(&self, negated: bool, packet: &Packet, around: Circumstances<'_>) -> bool {
        let among = |ports: &[RangeInclusive<u16>], port| ports.iter().any(|p| p.contains(&port));
        let within =
            |of: &[(IpAddr, u8)], address| of.iter().any(|&(a, l)| in_prefix(address, a, l));
        let holds = match self {
            Self::Source(networks) => within(networks, packet.src),
            Self::Destination(networks) => within(networks, packet.dst),
            Self::SourcePort(ports) => among(ports, packet.src_port),
            Self::DestinationPort(ports) => among(ports, packet.dst_port),
            Self::Flags(mask, set) => packet.flags.0 & mask == *set,
            Self::Option(kind) => packet.options.has(*kind),
            Self::State(states) => states.iter().any(|s| s == around.state),
            Self::Interface { names, out } => {
                let Some(interfaces) = around.interfaces else { return false };
                let present = interfaces[usize::from(*out)];
                names.iter().any(|name| match name.strip_suffix('+') {
                    Some(begin) => present.starts_with(begin),
                    None => name == present,
                })
            }
            Self::Version6 => packet.src.is_ipv6(),
            Self::Never => false,
        };
        holds != negated
    }
}

/// `10.0.0.0/8,192.0.2.1`, with prefixes or netmasks.
pub(super) fn addresses(word: &str) -> Option<Box<[(IpAddr, u8)]>> {
    let one = |word: &str| {
        let host = |a: IpAddr| (a, if a.is_ipv4() { 32 } else { 128 });
        let masked = || {
            let (address, mask) = word.split_once('/')?;
            Some((address.parse::<Ipv4Addr>().ok()?.into(), netmask(mask)?))
        };
        prefix(word).or_else(|| word.parse().ok().map(host)).or_else(masked)
    };
    word.split(',').map(one).collect()
}

pub(super) fn ports(word: &str) -> Option<Box<[RangeInclusive<u16>]>> {
    let one = |part: &str| match part.split_once(':') {
        Some((first, last)) => {
            let first = if first.is_empty() { Some(0) } else { port(first) };
            let last = if last.is_empty() { Some(u16::MAX) } else { port(last) };
            Some(first?..=last?)
        }
        None => port(part).map(|p| p..=p),
    };
    word.split(',').map(one).collect()
}

pub(super) fn flags(word: &str) -> Option<u8> {
    let one = |name: &str| match name {
        "FIN" => Some(Flags::FIN.0),
        "SYN" => Some(Flags::SYN.0),
        "RST" => Some(Flags::RST.0),
        "PSH" => Some(Flags::PSH.0),
        "ACK" => Some(Flags::ACK.0),
        "URG" => Some(Flags::URG.0),
        "ALL" => Some(0x3f),
        "NONE" => Some(0),
        _ => None,
    };
    word.split(',').try_fold(0, |all, name| Some(all | one(name)?))
}
