//! One TCP segment in its IPv4 or IPv6 packet.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::options::Options;
use super::payload::Payload;
use super::seq::Seq;

/// Identity of a packet in the record. The sender gives it; devices that forward a packet keep it,
/// so a change can be found by the packet that suffered it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketUid(pub u64);

/// TCP control bits (RFC 9293 §3.1).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement field is significant.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer is significant.
    pub const URG: Self = Self(0x20);
    /// ECN echo.
    pub const ECE: Self = Self(0x40);
    /// Congestion window reduced.
    pub const CWR: Self = Self(0x80);

    /// True when every bit of `other` is set.
    #[must_use]
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets of bits.
    #[must_use]
    #[inline]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without the bits of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// True for a SYN without ACK: the opening of a connection or subflow.
    #[must_use]
    #[inline]
    pub const fn is_initial_syn(self) -> bool {
        self.has(Self::SYN) && !self.has(Self::ACK)
    }

    /// True for a SYN/ACK.
    #[must_use]
    #[inline]
    pub const fn is_syn_ack(self) -> bool {
        self.has(Self::SYN) && self.has(Self::ACK)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(Flags, &str); 8] = [
            (Flags::SYN, "SYN"),
            (Flags::FIN, "FIN"),
            (Flags::RST, "RST"),
            (Flags::PSH, "PSH"),
            (Flags::ACK, "ACK"),
            (Flags::URG, "URG"),
            (Flags::ECE, "ECE"),
            (Flags::CWR, "CWR"),
        ];
        let mut any = false;
        for (flag, name) in NAMES {
            if self.has(flag) {
                write!(f, "{}{name}", if any { "," } else { "" })?;
                any = true;
            }
        }
        Ok(())
    }
}

/// What an IP packet carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// A TCP segment.
    #[default]
    Tcp,
    /// An ICMP error about one: the payload is the message ([`super::icmp`]).
    IcmpError,
}

/// One TCP segment in its IPv4 or IPv6 packet, or an ICMP error about one.
///
/// Three cache lines; all that a router or a link looks at is in the first one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Packet {
    /// Payload.
    pub payload: Payload,
    /// Destination address, of the same family as the source.
    pub dst: IpAddr,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// Control bits.
    pub flags: Flags,
    /// What it carries.
    pub protocol: Protocol,
    /// Options, as bytes.
    pub options: Options,
    /// Source address.
    pub src: IpAddr,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: Seq,
    /// Acknowledgement number.
    pub ack: Seq,
    /// Window field, unscaled.
    pub window: u16,
    /// What was done to the checksum of TCP or ICMP: the difference from the right one, 0 when it is right.
    pub checksum_fault: u16,
    /// Identity in the record.
    pub uid: PacketUid,
    /// IPv4 identification.
    pub ip_id: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// The three reserved bits of the TCP header and NS, as they stand in the low nibble of byte 12.
    pub reserved: u8,
    /// Differentiated services and ECN bits.
    pub tos: u8,
}

impl Packet {
    /// A segment without options and payload, from `src` to `dst`.
    ///
    /// # Panics
    /// When the two addresses are of different families.
    #[must_use]
    pub fn new(src: SocketAddr, dst: SocketAddr) -> Self {
        assert_eq!(src.is_ipv4(), dst.is_ipv4(), "one packet, one address family");
        Self {
            uid: PacketUid(0),
            src: src.ip(),
            dst: dst.ip(),
            src_port: src.port(),
            dst_port: dst.port(),
            seq: Seq(0),
            ack: Seq(0),
            flags: Flags(0),
            protocol: Protocol::Tcp,
            reserved: 0,
            ttl: 64,
            tos: 0,
            window: 0,
            urgent: 0,
            ip_id: 0,
            checksum_fault: 0,
            options: Options::new(),
            payload: Payload::empty(),
        }
    }

    /// Source address and port.
    #[must_use]
    pub fn source(&self) -> SocketAddr {
        SocketAddr::new(self.src, self.src_port)
    }

    /// Destination address and port.
    #[must_use]
    pub fn destination(&self) -> SocketAddr {
        SocketAddr::new(self.dst, self.dst_port)
    }

    /// Length of the IP header: 20 or 40 bytes (no IP options, no extension headers).
    #[must_use]
    #[inline]
    pub const fn ip_header_len(&self) -> u32 {
        match self.dst {
            IpAddr::V4(_) => 20,
            IpAddr::V6(_) => 40,
        }
    }

    /// Length of the TCP header with its options, padded to a multiple of four; an ICMP error has none.
    #[must_use]
    #[inline]
    pub const fn tcp_header_len(&self) -> u32 {
        match self.protocol {
            Protocol::Tcp => 20 + (self.options.len() as u32).next_multiple_of(4),
            Protocol::IcmpError => 0,
        }
    }

    /// Length of the whole IP packet in bytes: what a link's rate and an MTU count.
    #[must_use]
    #[inline]
    pub const fn wire_len(&self) -> u32 {
        self.ip_header_len() + self.tcp_header_len() + self.payload.len
    }

    /// Sequence space that the segment occupies: payload, SYN and FIN (RFC 9293 §3.4).
    #[must_use]
    #[inline]
    pub const fn seq_len(&self) -> u32 {
        self.payload.len + self.flags.has(Flags::SYN) as u32 + self.flags.has(Flags::FIN) as u32
    }

    /// The five-tuple without the protocol.
    #[must_use]
    pub fn flow(&self) -> Flow {
        Flow { src: self.source(), dst: self.destination() }
    }
}

/// One direction of a TCP connection or subflow: source and destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// Source address and port.
    pub src: SocketAddr,
    /// Destination address and port.
    pub dst: SocketAddr,
}

impl Flow {
    /// The other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { src: self.dst, dst: self.src }
    }

    /// The same key for both directions, for tables of connections.
    #[must_use]
    pub fn canonical(self) -> Self {
        if self.src <= self.dst { self } else { self.reversed() }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.src, self.dst)
    }
}
