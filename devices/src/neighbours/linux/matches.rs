//! The conditions of rules of iptables.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use sim_core::engine::device::in_prefix;
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Packet};

use crate::config::words::{self, netmask, prefix};

/// What a rule's conditions look at beside the packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances<'a> {
    /// Of conntrack.
    pub(super) state: &'a str,
    /// The interfaces that the packet comes in and goes out by, where they are known.
    pub(super) interfaces: Option<[&'a str; 2]>,
    /// Whether its source, and its destination, is an address of this host.
    pub(super) hosts: [bool; 2],
    /// This host sends it.
    pub(super) is_sent: bool,
    /// A rule has given the connection another destination.
    pub(super) is_translated: bool,
    /// The packet is one of who was called; `None`: conntrack has not seen it.
    pub(super) is_reply: Option<bool>,
    /// A process of this host has a socket for the packet's connection; inside: it is a proxy's, for another's address.
    pub(super) socket: Option<bool>,
    /// The MSS that the packet is supposed to offer, instead of its own.
    pub(super) mss: Option<u16>,
    /// The packet's mark; nothing: one that the text does not tell.
    pub(super) mark: Option<u32>,
    /// The connection's, where conntrack has seen the packet; inside, the same.
    pub(super) connection_mark: Option<Option<u32>>,
    /// The user and the group of the process of this host.
    pub(super) owner: [Option<u32>; 2],
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
    /// It offers one of these MSS.
    Mss(Box<[RangeInclusive<u16>]>),
    /// One of these subtypes of the MPTCP option.
    Subtype(Box<[u8]>),
    State(Vec<String>),
    /// A rule has given the connection another destination.
    Translated,
    /// Of who was called (true), or of who opened the connection.
    Reply(bool),
    /// A process of this host has a socket for the connection; `transparent`: for another's address.
    Socket {
        transparent: bool,
    },
    /// Comes in by one of them, or goes out by it; a `+` (of nftables, a `*`) at its end stands for any rest.
    Interface {
        names: Vec<String>,
        out: bool,
    },
    /// For this host, or of it.
    Host {
        source: bool,
    },
    /// Of these bits of the packet's or the connection's mark, one of these values.
    Mark {
        of_connection: bool,
        mask: u32,
        values: Box<[RangeInclusive<u32>]>,
    },
    /// Of a process of this host that belongs to one of these users or groups, called so.
    Owner {
        group: bool,
        of: Box<[RangeInclusive<u32>]>,
        called: Box<str>,
    },
    /// Of IPv6.
    Version6,
    /// Another protocol than TCP.
    Never,
    /// All conditions of one of these hold: values that are joined (`ip saddr . tcp dport`).
    Joined(Box<[Conditions]>),
}

/// Conditions, each or its opposite.
pub(super) type Conditions = Box<[(bool, Match)]>;

impl Match {
    /// True when it names an interface.
    pub(super) fn is_of_interfaces(&self) -> bool {
        match self {
            Self::Interface { .. } => true,
            Self::Joined(of) => of.iter().flatten().any(|(_, on)| on.is_of_interfaces()),
            _ => false,
        }
    }

    /// True when it asks for what addresses and ports do not tell: a mark, a process, an MSS.
    pub(super) fn is_supposed(&self) -> bool {
        matches!(self, Self::Mark { .. } | Self::Owner { .. } | Self::Mss(_))
    }

    /// True when it asks for a mark that the text does not tell.
    pub(super) fn is_of_open_mark(&self, around: &Circumstances<'_>) -> bool {
        match self {
            Self::Mark { of_connection: false, .. } => around.mark.is_none(),
            Self::Mark { of_connection: true, .. } => around.connection_mark == Some(None),
            Self::Joined(of) => of.iter().flatten().any(|(_, on)| on.is_of_open_mark(around)),
            _ => false,
        }
    }

    /// True when it asks for an address or port that a connection goes to.
    pub(super) fn is_of_destination(&self) -> bool {
        match self {
            Self::Destination(_) | Self::DestinationPort(_) => true,
            Self::Joined(of) => of.iter().flatten().any(|(_, on)| on.is_of_destination()),
            _ => false,
        }
    }

    /// True when it asks for an address that a connection goes to.
    pub(super) fn is_of_destination_address(&self) -> bool {
        match self {
            Self::Destination(_) => true,
            Self::Joined(of) => of.iter().flatten().any(|(_, on)| on.is_of_destination_address()),
            _ => false,
        }
    }

    /// Hands on the networks that it names.
    pub(super) fn each_network(&self, take: &mut impl FnMut((IpAddr, u8))) {
        match self {
            Self::Source(of) | Self::Destination(of) => of.iter().copied().for_each(take),
            Self::Joined(of) => of.iter().flatten().for_each(|(_, on)| on.each_network(take)),
            _ => {}
        }
    }

    /// Hands on the ports that it names.
    pub(super) fn each_port(&self, take: &mut impl FnMut(RangeInclusive<u16>)) {
        match self {
            Self::SourcePort(of) | Self::DestinationPort(of) => of.iter().cloned().for_each(take),
            Self::Joined(of) => of.iter().flatten().for_each(|(_, on)| on.each_port(take)),
            _ => {}
        }
    }

    /// True when the condition, or its opposite, holds; it cannot be told of unknown interfaces. What asks for a mark that
    /// is not told may hold.
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
            Self::Mss(of) => {
                packet.options.mss().is_some_and(|mss| among(of, around.mss.unwrap_or(mss)))
            }
            Self::Subtype(subtypes) => {
                let option = packet.options.find(kind::MPTCP);
                let said = option.and_then(|option| option.bytes.get(2).map(|byte| byte >> 4));
                said.is_some_and(|said| subtypes.contains(&said))
            }
            Self::State(states) => {
                states.iter().any(|s| s == around.state || s == "DNAT" && around.is_translated)
            }
            Self::Translated => around.is_translated,
            Self::Reply(reply) => match around.is_reply {
                Some(is_reply) => is_reply == *reply,
                None => return false,
            },
            Self::Socket { transparent } => {
                around.socket.is_some_and(|of_proxy| of_proxy || !transparent)
            }
            Self::Interface { names, out } => {
                let Some(interfaces) = around.interfaces else { return false };
                let present = interfaces[usize::from(*out)];
                names.iter().any(|name| match name.strip_suffix(['+', '*']) {
                    Some(begin) => present.starts_with(begin),
                    None => name == present,
                })
            }
            Self::Host { source } => around.hosts[usize::from(!source)],
            Self::Mark { of_connection, mask, values } => {
                let mark = match of_connection {
                    false => around.mark,
                    true => match around.connection_mark {
                        Some(mark) => mark,
                        // Linux, net/netfilter/xt_connmark.c: nor does the opposite hold.
                        None => return false,
                    },
                };
                let Some(mark) = mark else { return true };
                values.iter().any(|of| of.contains(&(mark & mask)))
            }
            Self::Owner { group, of, .. } => {
                let owner = around.owner[usize::from(*group)];
                around.is_sent
                    && owner.is_some_and(|owner| of.iter().any(|all| all.contains(&owner)))
            }
            Self::Version6 => packet.src.is_ipv6(),
            Self::Never => false,
            Self::Joined(of) => of.iter().any(|conditions| {
                conditions.iter().all(|(negated, on)| on.holds(*negated, packet, around))
            }),
        };
        holds != negated
    }
}

/// Networks: of a prefix, of an address with its netmask, of a host or of a range (`10.0.0.1-10.0.0.9`).
pub(super) fn addresses<'a>(words: impl Iterator<Item = &'a str>) -> Option<Box<[(IpAddr, u8)]>> {
    let mut all = Vec::with_capacity(words.size_hint().0.max(1));
    for word in words {
        if word.contains('/') {
            let masked = || {
                let (address, mask) = word.split_once('/')?;
                Some((address.parse::<Ipv4Addr>().ok()?.into(), netmask(mask)?))
            };
            all.push(prefix(word).or_else(masked).or_else(|| shortened(word))?);
        } else if let Some((first, last)) = word.split_once('-') {
            all.extend(range(first.trim().parse().ok()?, last.trim().parse().ok()?)?);
        } else {
            let address: IpAddr = word.parse().ok()?;
            all.push((address, if address.is_ipv4() { 32 } else { 128 }));
        }
    }
    Some(all.into())
}

/// `0/0`, `192.168.1/24`: what is left out is 0.
fn shortened(word: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = word.split_once('/')?;
    let mut octets = [0; 4];
    let mut given = address.split('.');
    for octet in &mut octets {
        match given.next() {
            Some(word) => *octet = word.parse().ok()?,
            None => break,
        }
    }
    let length = length.parse().ok().filter(|length| *length <= 32)?;
    given.next().is_none().then_some((IpAddr::from(octets), length))
}

/// The networks that make up a range.
fn range(first: IpAddr, last: IpAddr) -> Option<Vec<(IpAddr, u8)>> {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    let bits: u32 = if first.is_ipv4() { 32 } else { 128 };
    if first.is_ipv4() != last.is_ipv4() {
        return None;
    }
    let (mut first, last) = (number(first), number(last));
    let mut all = Vec::new();
    while first <= last {
        // The largest network that begins here and does not go beyond the end.
        let mut free = first.trailing_zeros().min(bits);
        let end = |free: u32| first | 1u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
        while end(free) > last {
            free -= 1;
        }
        let address = match bits {
            32 => IpAddr::from(Ipv4Addr::from(first as u32)),
            _ => IpAddr::from(Ipv6Addr::from(first)),
        };
        all.push((address, (bits - free) as u8));
        match end(free).checked_add(1) {
            Some(next) => first = next,
            None => break,
        }
    }
    (!all.is_empty()).then_some(all)
}

/// Ports and ranges of ports, whose ends stand around `to` (`80:90` of iptables, `80-90` of nftables).
pub(super) fn ports<'a>(
    words: impl Iterator<Item = &'a str>,
    to: char,
) -> Option<Box<[RangeInclusive<u16>]>> {
    let mut all = Vec::with_capacity(words.size_hint().0.max(1));
    for word in words {
        // A name may have a hyphen.
        if let Some(port) = port(word) {
            all.push(port..=port);
            continue;
        }
        let (first, last) = word.split_once(to)?;
        let (first, last) = (first.trim(), last.trim());
        let first = if first.is_empty() { 0 } else { port(first)? };
        let last = if last.is_empty() { u16::MAX } else { port(last)? };
        all.push(first..=last);
    }
    Some(all.into())
}

/// Services that Linux has other or more names for (Debian's /etc/services).
const SERVICES: [(&str, u16); 85] = [
    ("amqp", 5672),
    ("amqps", 5671),
    ("auth", 113),
    ("bacula-dir", 9101),
    ("bacula-fd", 9102),
    ("bacula-sd", 9103),
    ("bgpd", 2605),
    ("bootpc", 68),
    ("bootps", 67),
    ("cvspserver", 2401),
    ("dict", 2628),
    ("distcc", 3632),
    ("domain-s", 853),
    ("ftps", 990),
    ("ftps-data", 989),
    ("git", 9418),
    ("gpsd", 2947),
    ("h323gatekeeper", 1718),
    ("hkp", 11371),
    ("http-alt", 8080),
    ("iax", 4569),
    ("icecast", 8000),
    ("imap", 143),
    ("imap2", 143),
    ("imaps", 993),
    ("ipp", 631),
    ("ircd", 6667),
    ("ircs-u", 6697),
    ("isakmp", 500),
    ("iscsi-target", 3260),
    ("kerberos", 88),
    ("kpasswd", 464),
    ("ldap", 389),
    ("ldaps", 636),
    ("loc-srv", 135),
    ("mdns", 5353),
    ("microsoft-ds", 445),
    ("mpd", 6600),
    ("ms-sql-m", 1434),
    ("ms-sql-s", 1433),
    ("ms-wbt-server", 3389),
    ("munin", 4949),
    ("mysql", 3306),
    ("netbios-dgm", 138),
    ("netbios-ns", 137),
    ("netbios-ssn", 139),
    ("nfs", 2049),
    ("nntps", 563),
    ("nrpe", 5666),
    ("ntp", 123),
    ("nut", 3493),
    ("openvpn", 1194),
    ("pop3s", 995),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("radius", 1812),
    ("radius-acct", 1813),
    ("redis", 6379),
    ("rfb", 5900),
    ("rsync", 873),
    ("sane-port", 6566),
    ("sieve", 4190),
    ("sip", 5060),
    ("sip-tls", 5061),
    ("smtps", 465),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("socks", 1080),
    ("spamd", 783),
    ("ssmtp", 465),
    ("submission", 587),
    ("submissions", 465),
    ("sunrpc", 111),
    ("svn", 3690),
    ("telnets", 992),
    ("tproxy", 8081),
    ("webcache", 8080),
    ("webmin", 10000),
    ("x11", 6000),
    ("x11-1", 6001),
    ("xmpp-client", 5222),
    ("xmpp-server", 5269),
    ("zabbix-agent", 10050),
    ("zabbix-trapper", 10051),
    ("zebra", 2600),
];

/// A port by its number or its name.
fn port(word: &str) -> Option<u16> {
    let named = || SERVICES.iter().find(|(name, _)| *name == word).map(|&(_, number)| number);
    if word.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return word.parse().ok();
    }
    named().or_else(|| words::port(word))
}

pub(super) fn flags(word: &str) -> Option<u8> {
    let one = |name: &str| match name {
        "FIN" => Some(Flags::FIN.0),
        "SYN" => Some(Flags::SYN.0),
        "RST" => Some(Flags::RST.0),
        "PSH" => Some(Flags::PSH.0),
        "ACK" => Some(Flags::ACK.0),
        "URG" => Some(Flags::URG.0),
        "ECE" | "ECN" => Some(0x40),
        "CWR" => Some(0x80),
        "ALL" => Some(0x3f),
        "NONE" => Some(0),
        _ => None,
    };
    word.split(',').try_fold(0, |all, name| Some(all | one(name)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_addresses() {
        let of = |word: &str| {
            addresses(std::iter::once(word)).map(|all| {
                let all: Vec<String> = all.iter().map(|(a, l)| format!("{a}/{l}")).collect();
                all.join(" ")
            })
        };
        assert_eq!(of("10.0.0.1-10.0.0.4").unwrap(), "10.0.0.1/32 10.0.0.2/31 10.0.0.4/32");
        assert_eq!(of("0.0.0.0-255.255.255.255").unwrap(), "0.0.0.0/0");
        assert_eq!(of("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").unwrap(), "::/0");
        assert_eq!(of("2001:db8::-2001:db8::3").unwrap(), "2001:db8::/126");
        assert_eq!(of("0/0").unwrap(), "0.0.0.0/0");
        assert_eq!(of("192.168.1/24").unwrap(), "192.168.1.0/24");
        assert_eq!([of("10.0.0.0.1/8"), of("x/8"), of("10/33")], [None, None, None]);
        assert_eq!(of("10.0.0.9-10.0.0.1"), None);
        assert_eq!(of("10.0.0.1-::1"), None);
        assert_eq!(of("10.0.0.0/255.0.0.0").unwrap(), "10.0.0.0/8");
    }
}
