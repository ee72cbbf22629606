//! ICMP errors (RFC 792, RFC 4443): what a router tells the sender of a packet that it did not forward.
//!
//! Such a packet is a [`Packet`] whose payload is the ICMP message, as bytes; its TCP fields mean nothing.
//! The message's checksum is made when it is emitted. The quoted beginning of the packet in question says
//! which connection is meant; a translation must change it with the addresses outside (RFC 5508 §4.2).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::packet::{Flow, Packet, Protocol};
use super::payload::{Payload, fold, sum_bytes};
use super::seq::Seq;

/// Bytes before the quoted packet: type, code, checksum, and four more.
const HEADER: usize = 8;
const TCP: u8 = 6;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Longer than the next link takes: "fragmentation needed" (RFC 1191), "packet too big" (RFC 4443).
    TooBig {
        /// What it takes, in bytes.
        mtu: u32,
    },
    /// An access list forbids it: "communication administratively prohibited" (RFC 1812 §5.2.7.1).
    Prohibited,
    /// Its time to live has run out.
    TimeExceeded,
    /// Anything else.
    Other {
        /// The message's type.
        kind: u8,
        /// Its code.
        code: u8,
    },
}

/// How much of the packet is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// The IP header and eight bytes (RFC 792).
    EightBytes,
    /// As much as a packet of 576 bytes (RFC 1812 §4.3.2.3) or, for IPv6, 1280 bytes (RFC 4443 §2.4) holds.
    AsMuchAsFits,
}

impl Reason {
    const fn of(v4: bool, kind: u8, code: u8, rest: [u8; 4]) -> Self {
        match (v4, kind, code) {
            (true, 3, 4) => Self::TooBig { mtu: u16::from_be_bytes([rest[2], rest[3]]) as u32 },
            (false, 2, _) => Self::TooBig { mtu: u32::from_be_bytes(rest) },
            (true, 3, 13) | (false, 1, 1) => Self::Prohibited,
            (true, 11, 0) | (false, 3, 0) => Self::TimeExceeded,
            _ => Self::Other { kind, code },
        }
    }

    /// Type, code, and the four bytes after the checksum.
    fn fields(self, v4: bool) -> (u8, u8, [u8; 4]) {
        match (self, v4) {
            (Self::TooBig { mtu }, true) => (3, 4, mtu.min(0xffff).to_be_bytes()),
            (Self::TooBig { mtu }, false) => (2, 0, mtu.to_be_bytes()),
            (Self::Prohibited, true) => (3, 13, [0; 4]),
            (Self::Prohibited, false) => (1, 1, [0; 4]),
            (Self::TimeExceeded, true) => (11, 0, [0; 4]),
            (Self::TimeExceeded, false) => (3, 0, [0; 4]),
            (Self::Other { kind, code }, _) => (kind, code, [0; 4]),
        }
    }
}

/// An ICMP error, to be read.
#[derive(Clone, Copy, Debug)]
pub struct IcmpError<'a> {
    message: &'a [u8],
    v4: bool,
}

impl<'a> IcmpError<'a> {
    /// True for a type that tells of an error about a packet, whose message is long enough to quote one.
    pub(super) fn is_one(v4: bool, message: &[u8]) -> bool {
        let quoted = if v4 { 20 } else { 40 };
        let kinds: &[u8] = if v4 { &[3, 11, 12] } else { &[1, 2, 3, 4] };
        message.len() >= HEADER + quoted && kinds.contains(&message[0])
    }

    /// What is wrong.
    #[must_use]
    pub fn reason(&self) -> Reason {
        let m = self.message;
        Reason::of(self.v4, m[0], m[1], [m[4], m[5], m[6], m[7]])
    }

    /// Where the quoted TCP header begins, if it is one and the ports and the sequence number are there.
    fn tcp_at(&self) -> Option<usize> {
        let quoted = &self.message[HEADER..];
        let (len, protocol) =
            if self.v4 { (usize::from(quoted[0] & 0x0f) * 4, quoted[9]) } else { (40, quoted[6]) };
        let version = if self.v4 { 4 } else { 6 };
        let is_tcp = protocol == TCP && quoted[0] >> 4 == version && len >= 20;
        (is_tcp && quoted.len() >= len + 8).then_some(HEADER + len)
    }

    fn address(&self, at: usize) -> IpAddr {
        let bytes = &self.message[at..];
        if self.v4 {
            Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into()
        } else {
            let mut octets = [0; 16];
            octets.copy_from_slice(&bytes[..16]);
            Ipv6Addr::from(octets).into()
        }
    }

    /// The quoted packet's source and destination, if it is a TCP segment.
    #[must_use]
    pub fn flow(&self) -> Option<Flow> {
        let tcp = self.tcp_at()?;
        let port = |at: usize| u16::from_be_bytes([self.message[at], self.message[at + 1]]);
        let (src, dst) = addresses_at(self.v4);
        Some(Flow {
            src: SocketAddr::new(self.address(src), port(tcp)),
            dst: SocketAddr::new(self.address(dst), port(tcp + 2)),
        })
    }

    /// The quoted segment's sequence number.
    #[must_use]
    pub fn seq(&self) -> Option<Seq> {
        let at = self.tcp_at()? + 4;
        let m = self.message;
        Some(Seq(u32::from_be_bytes([m[at], m[at + 1], m[at + 2], m[at + 3]])))
    }
}

/// The address of a router that has none of its own: IPv4's dummy address (RFC 7600 §4.8), and for IPv6 the
/// same in the prefix for local translation (RFC 8215).
#[must_use]
pub const fn unnumbered(v4: bool) -> IpAddr {
    if v4 {
        IpAddr::V4(Ipv4Addr::new(192, 0, 0, 8))
    } else {
        IpAddr::V6(Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0xc000, 8))
    }
}

/// `ICMP fragmentation needed, MTU 1400, about 10.0.1.2:40000 → 10.1.0.2:5001 seq 892909138`.
impl fmt::Display for IcmpError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.reason(), self.v4) {
            (Reason::TooBig { mtu }, true) => {
                write!(f, "ICMP fragmentation needed, MTU {mtu}")?;
            }
            (Reason::TooBig { mtu }, false) => write!(f, "ICMPv6 packet too big, MTU {mtu}")?,
            (Reason::Prohibited, true) => f.write_str("ICMP administratively prohibited")?,
            (Reason::Prohibited, false) => f.write_str("ICMPv6 administratively prohibited")?,
            (Reason::TimeExceeded, true) => f.write_str("ICMP time exceeded")?,
            (Reason::TimeExceeded, false) => f.write_str("ICMPv6 time exceeded")?,
            (Reason::Other { kind, code }, true) => write!(f, "ICMP type {kind} code {code}")?,
            (Reason::Other { kind, code }, false) => write!(f, "ICMPv6 type {kind} code {code}")?,
        }
        match (self.flow(), self.seq()) {
            (Some(flow), Some(seq)) => write!(f, ", about {flow} seq {}", seq.0),
            _ => Ok(()),
        }
    }
}

/// Where the quoted addresses stand.
const fn addresses_at(v4: bool) -> (usize, usize) {
    if v4 { (HEADER + 12, HEADER + 16) } else { (HEADER + 8, HEADER + 24) }
}

impl Packet {
    /// The error that `from` sends to the source of `about`. `None` when that is an ICMP error itself,
    /// which is never answered (RFC 1122 §3.2.2).
    #[must_use]
    pub fn icmp_error(from: IpAddr, about: &Self, reason: Reason, quote: Quote) -> Option<Self> {
        if about.protocol != Protocol::Tcp || from.is_ipv4() != about.src.is_ipv4() {
            return None;
        }
        let v4 = from.is_ipv4();
        let (kind, code, rest) = reason.fields(v4);
        let mut message = vec![kind, code, 0, 0];
        message.extend(rest);
        about.emit(&mut message);
        let header = about.ip_header_len() as usize;
        let most = match quote {
            Quote::EightBytes => HEADER + header + 8,
            Quote::AsMuchAsFits if v4 => 576 - header,
            Quote::AsMuchAsFits => 1280 - header,
        };
        message.truncate(most);
        let mut packet = Self::new(SocketAddr::new(from, 0), SocketAddr::new(about.src, 0));
        packet.protocol = Protocol::IcmpError;
        packet.ttl = 255;
        packet.payload = Payload::literal(message);
        Some(packet)
    }

    /// The ICMP error that the packet is.
    #[must_use]
    pub fn icmp(&self) -> Option<IcmpError<'_>> {
        let message = self.payload.bytes.as_deref()?;
        let v4 = self.src.is_ipv4();
        let is_one = self.protocol == Protocol::IcmpError && IcmpError::is_one(v4, message);
        is_one.then_some(IcmpError { message, v4 })
    }

    /// Makes the quoted segment of an ICMP error one of another flow and number; checksums that are
    /// quoted follow. Nothing happens to other packets.
    pub fn rewrite_quote(&mut self, flow: Flow, seq: Seq) {
        let Some(error) = self.icmp() else { return };
        let (v4, Some(tcp)) = (error.v4, error.tcp_at()) else { return };
        let (src, dst) = addresses_at(v4);
        let len = if v4 { 4 } else { 16 };
        let message = self.payload.make_literal();
        let fields = |m: &[u8]| {
            sum_bytes(&m[src..src + len])
                + sum_bytes(&m[dst..dst + len])
                + sum_bytes(&m[tcp..tcp + 8])
        };
        let before = fields(message);
        let put = |m: &mut [u8], at: usize, address: IpAddr| match address {
            IpAddr::V4(a) if v4 => m[at..at + 4].copy_from_slice(&a.octets()),
            IpAddr::V6(a) if !v4 => m[at..at + 16].copy_from_slice(&a.octets()),
            _ => {}
        };
        put(message, src, flow.src.ip());
        put(message, dst, flow.dst.ip());
        message[tcp..tcp + 2].copy_from_slice(&flow.src.port().to_be_bytes());
        message[tcp + 2..tcp + 4].copy_from_slice(&flow.dst.port().to_be_bytes());
        message[tcp + 4..tcp + 8].copy_from_slice(&seq.0.to_be_bytes());
        let after = fields(message);
        if message.len() >= tcp + 18 {
            // RFC 1624: the complement of the sum moves with the fields.
            let old = u16::from_be_bytes([message[tcp + 16], message[tcp + 17]]);
            let sum = u64::from(!old) + u64::from(!fold(before)) + after;
            message[tcp + 16..tcp + 18].copy_from_slice(&(!fold(sum)).to_be_bytes());
        }
        if v4 {
            message[HEADER + 10..HEADER + 12].fill(0);
            let checksum = !fold(sum_bytes(&message[HEADER..tcp]));
            message[HEADER + 10..HEADER + 12].copy_from_slice(&checksum.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::payload::StreamId;
    use proptest::prelude::*;

    fn segment(v4: bool, len: u32) -> Packet {
        let (a, b) =
            if v4 { ("10.0.0.1:7", "10.0.0.2:80") } else { ("[fd00::1]:7", "[fd00::2]:80") };
        let mut packet = Packet::new(a.parse().unwrap(), b.parse().unwrap());
        packet.seq = Seq(0x8765_4321);
        packet.payload = Payload::described(StreamId(1), 0, len);
        packet
    }

    fn emit(packet: &Packet) -> Vec<u8> {
        let mut bytes = Vec::new();
        packet.emit(&mut bytes);
        bytes
    }

    fn router(v4: bool) -> IpAddr {
        if v4 { "192.0.2.1".parse().unwrap() } else { "2001:db8::1".parse().unwrap() }
    }

    const REASONS: [Reason; 4] = [
        Reason::TooBig { mtu: 1400 },
        Reason::Prohibited,
        Reason::TimeExceeded,
        Reason::Other { kind: 3, code: 1 },
    ];

    #[test]
    fn an_error_says_what_and_about_which_segment() {
        for v4 in [true, false] {
            for reason in REASONS {
                for quote in [Quote::EightBytes, Quote::AsMuchAsFits] {
                    let about = segment(v4, 1400);
                    let error = Packet::icmp_error(router(v4), &about, reason, quote).unwrap();
                    let bytes = emit(&error);
                    assert_eq!(bytes.len() as u32, error.wire_len());
                    let parsed = Packet::parse(&bytes).unwrap();
                    assert_eq!((parsed.checksum_fault, parsed.dst), (0, about.src));
                    assert_eq!(emit(&parsed), bytes);
                    let read = parsed.icmp().unwrap();
                    assert_eq!(read.reason(), reason);
                    assert_eq!((read.flow(), read.seq()), (Some(about.flow()), Some(about.seq)));
                    let len = match (quote, v4) {
                        (Quote::EightBytes, true) => 56,
                        (Quote::EightBytes, false) => 96,
                        (Quote::AsMuchAsFits, true) => 576,
                        (Quote::AsMuchAsFits, false) => 1280,
                    };
                    assert_eq!(bytes.len(), len);
                    assert!(Packet::icmp_error(router(v4), &error, reason, quote).is_none());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_translated_quote_is_that_of_the_translated_segment(
            v4: bool, whole: bool, port: u16, seq: u32, len in 0u32..600
        ) {
            let quote = if whole { Quote::AsMuchAsFits } else { Quote::EightBytes };
            let about = segment(v4, len);
            let mut translated = about.clone();
            translated.seq = Seq(seq);
            translated.src_port = port;
            translated.src = if v4 { "192.0.2.77".parse().unwrap() } else { "2001:db8::77".parse().unwrap() };
            let mut error = Packet::icmp_error(router(v4), &about, Reason::Prohibited, quote).unwrap();
            let there = Packet::icmp_error(router(v4), &translated, Reason::Prohibited, quote).unwrap();
            error.rewrite_quote(translated.flow(), translated.seq);
            error.dst = translated.src;
            prop_assert_eq!(emit(&error), emit(&there));
        }

        #[test]
        fn no_bytes_make_it_panic(v4: bool, mut bytes in proptest::collection::vec(any::<u8>(), 20..120)) {
            bytes[0] = if v4 { 0x45 } else { 0x60 };
            bytes[if v4 { 9 } else { 6 }] = if v4 { 1 } else { 58 };
            if let Ok(mut packet) = Packet::parse_truncated(&bytes) {
                let _ = packet.icmp().map(|e| (e.reason(), e.flow(), e.seq()));
                packet.rewrite_quote(segment(v4, 0).flow(), Seq(1));
                emit(&packet);
            }
        }
    }
}
