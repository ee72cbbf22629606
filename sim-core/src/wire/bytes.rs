//! Whole packets to bytes and back: IPv4 (RFC 791) and IPv6 (RFC 8200) headers, the TCP header (RFC
//! 9293 §3.1) with its options byte for byte, payload, checksums; ICMP errors (RFC 792, RFC 4443).
//!
//! A [`Packet`] holds no IP options, extension headers or fragments, so a packet with them is refused
//! with an error that says so. IPv4's don't-fragment bit is always emitted; IPv6's flow label is
//! emitted as zero.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::icmp::IcmpError;
use super::options::Options;
use super::packet::{Flags, Packet, PacketUid, Protocol};
use super::payload::{Payload, fold, sum_bytes};
use super::seq::Seq;

const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_ICMP: u8 = 1;
const PROTOCOL_ICMPV6: u8 = 58;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const TCP_HEADER: usize = 20;
const CHECKSUM_AT: usize = 16;
const ICMP_CHECKSUM_AT: usize = 2;
const DONT_FRAGMENT: u16 = 0x4000;
/// More fragments, and the fragment offset.
const FRAGMENT_MASK: u16 = 0x3fff;

/// Why bytes are not a packet that the simulator can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The bytes end before the headers, or before the length that the IP header gives.
    Truncated {
        /// Bytes that are needed.
        needed: usize,
        /// Bytes that there are.
        found: usize,
    },
    /// Neither IPv4 nor IPv6.
    IpVersion(u8),
    /// An IPv4 header with options, or shorter than 20 bytes: its length in bytes.
    IpHeaderLen(u8),
    /// IP's length field leaves no room for its headers.
    IpLen(u16),
    /// The IPv4 header's checksum is wrong.
    IpChecksum,
    /// A fragment of a packet.
    Fragment,
    /// The IP payload is neither TCP nor an ICMP error: the protocol, or the IPv6 extension header.
    NotTcp(u8),
    /// TCP's data offset, in bytes, is below 20 or lies beyond the end of the packet.
    DataOffset(u8),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, found } => {
                write!(f, "packet cut short: {needed} bytes needed, {found} found")
            }
            Self::IpVersion(version) => write!(f, "IP version {version}, neither 4 nor 6"),
            Self::IpHeaderLen(len) => write!(f, "IPv4 header of {len} bytes; only 20 is supported"),
            Self::IpLen(len) => write!(f, "IP length {len} is less than the headers need"),
            Self::IpChecksum => f.write_str("wrong IPv4 header checksum"),
            Self::Fragment => f.write_str("an IP fragment, not a whole packet"),
            Self::NotTcp(protocol) => write!(f, "IP protocol {protocol}, not TCP (6)"),
            Self::DataOffset(len) => write!(f, "TCP header of {len} bytes does not fit the packet"),
        }
    }
}

impl std::error::Error for ParseError {}

impl Packet {
    /// Appends the packet's bytes to `out`. Options are padded to a multiple of four with EOL. IP's
    /// length field holds 16 bits: a longer packet is emitted whole with its length modulo 2^16.
    ///
    /// # Panics
    /// When source and destination are of different address families.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(self.wire_len() as usize);
        let body_len = self.tcp_header_len() + self.payload.len;
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => self.emit_ipv4(src, dst, body_len, out),
            (IpAddr::V6(src), IpAddr::V6(dst)) => self.emit_ipv6(src, dst, body_len, out),
            _ => panic!("one packet, one address family"),
        }
        match self.protocol {
            Protocol::Tcp => self.emit_tcp(start, body_len, out),
            Protocol::IcmpError => self.emit_icmp(body_len, out),
        }
    }

    fn emit_icmp(&self, len: u32, out: &mut Vec<u8>) {
        let icmp = out.len();
        out.resize(icmp + self.payload.len as usize, 0);
        self.payload.copy_to(&mut out[icmp..]);
        let Some(checksum) = out[icmp..].get_mut(ICMP_CHECKSUM_AT..ICMP_CHECKSUM_AT + 2) else {
            return;
        };
        checksum.fill(0);
        let mut sum = sum_bytes(&out[icmp..]);
        if self.src.is_ipv6() {
            sum += pseudo_header_sum(self.src, self.dst, PROTOCOL_ICMPV6, len);
        }
        let checksum = (!fold(sum)).wrapping_add(self.checksum_fault);
        let at = icmp + ICMP_CHECKSUM_AT;
        out[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    }

    fn emit_tcp(&self, start: usize, tcp_len: u32, out: &mut Vec<u8>) {
        let tcp = start + self.ip_header_len() as usize;
        out.extend(self.src_port.to_be_bytes());
        out.extend(self.dst_port.to_be_bytes());
        out.extend(self.seq.0.to_be_bytes());
        out.extend(self.ack.0.to_be_bytes());
        out.push(((self.tcp_header_len() / 4) as u8) << 4 | (self.reserved & 0x0f));
        out.push(self.flags.0);
        out.extend(self.window.to_be_bytes());
        out.extend([0, 0]);
        out.extend(self.urgent.to_be_bytes());
        out.extend(self.options.as_bytes());
        out.resize(tcp + self.tcp_header_len() as usize, 0);

        let sum = pseudo_header_sum(self.src, self.dst, PROTOCOL_TCP, tcp_len)
            + sum_bytes(&out[tcp..])
            + self.payload.sum();
        let checksum = (!fold(sum)).wrapping_add(self.checksum_fault);
        out[tcp + CHECKSUM_AT..tcp + CHECKSUM_AT + 2].copy_from_slice(&checksum.to_be_bytes());

        let payload = out.len();
        out.resize(payload + self.payload.len as usize, 0);
        self.payload.copy_to(&mut out[payload..]);
    }

    fn emit_ipv4(&self, src: Ipv4Addr, dst: Ipv4Addr, body_len: u32, out: &mut Vec<u8>) {
        let mut header = [0; IPV4_HEADER];
        header[0] = 0x45;
        header[1] = self.tos;
        header[2..4].copy_from_slice(&((body_len + IPV4_HEADER as u32) as u16).to_be_bytes());
        header[4..6].copy_from_slice(&self.ip_id.to_be_bytes());
        header[6..8].copy_from_slice(&DONT_FRAGMENT.to_be_bytes());
        header[8] = self.ttl;
        header[9] = match self.protocol {
            Protocol::Tcp => PROTOCOL_TCP,
            Protocol::IcmpError => PROTOCOL_ICMP,
        };
        header[12..16].copy_from_slice(&src.octets());
        header[16..20].copy_from_slice(&dst.octets());
        let checksum = !fold(sum_bytes(&header));
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        out.extend(header);
    }

    fn emit_ipv6(&self, src: Ipv6Addr, dst: Ipv6Addr, body_len: u32, out: &mut Vec<u8>) {
        let mut header = [0; IPV6_HEADER];
        header[0] = 0x60 | self.tos >> 4;
        header[1] = self.tos << 4;
        header[4..6].copy_from_slice(&(body_len as u16).to_be_bytes());
        header[6] = match self.protocol {
            Protocol::Tcp => PROTOCOL_TCP,
            Protocol::IcmpError => PROTOCOL_ICMPV6,
        };
        header[7] = self.ttl;
        header[8..24].copy_from_slice(&src.octets());
        header[24..40].copy_from_slice(&dst.octets());
        out.extend(header);
    }

    /// Reads a whole packet as a link delivers it. Bytes after IP's length (Ethernet padding) are
    /// ignored. A wrong TCP checksum is kept as [`Packet::checksum_fault`].
    ///
    /// # Errors
    /// When the bytes are no whole TCP segment in one IPv4 or IPv6 packet without IP options or
    /// extension headers, or the IPv4 header's checksum is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let ip = IpHeader::parse(bytes)?;
        if ip.src.is_ipv4() && fold(sum_bytes(&bytes[..IPV4_HEADER])) != 0xffff {
            return Err(ParseError::IpChecksum);
        }
        let needed = ip.header_len + ip.body_len;
        if bytes.len() < needed {
            return Err(ParseError::Truncated { needed, found: bytes.len() });
        }
        ip.packet(bytes)
    }

    /// Reads a packet of a capture that may hold only its first bytes. A whole packet is read as by
    /// [`Packet::parse`], except that the IPv4 header's checksum is not looked at, which a capturing
    /// host may have left to its network card. Of a packet that was cut (its [`Packet::wire_len`]
    /// exceeds `bytes.len()`), the missing payload becomes zeros and the TCP checksum, which cannot
    /// be verified, counts as right.
    ///
    /// # Errors
    /// As [`Packet::parse`], and when the cut goes through the headers.
    pub fn parse_truncated(bytes: &[u8]) -> Result<Self, ParseError> {
        IpHeader::parse(bytes)?.packet(bytes)
    }
}

/// What the IP header says.
struct IpHeader {
    src: IpAddr,
    dst: IpAddr,
    header_len: usize,
    /// Bytes after the header.
    body_len: usize,
    protocol: Protocol,
    ttl: u8,
    tos: u8,
    id: u16,
}

impl IpHeader {
    fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        match bytes.first().map(|b| b >> 4) {
            Some(4) => Self::parse_ipv4(first(bytes)?),
            Some(6) => Self::parse_ipv6(first(bytes)?),
            Some(version) => Err(ParseError::IpVersion(version)),
            None => Err(ParseError::Truncated { needed: IPV4_HEADER, found: 0 }),
        }
    }

    fn parse_ipv4(header: &[u8; IPV4_HEADER]) -> Result<Self, ParseError> {
        let header_len = (header[0] & 0x0f) * 4;
        if usize::from(header_len) != IPV4_HEADER {
            return Err(ParseError::IpHeaderLen(header_len));
        }
        if be16(header, 6) & FRAGMENT_MASK != 0 {
            return Err(ParseError::Fragment);
        }
        let protocol = match header[9] {
            PROTOCOL_TCP => Protocol::Tcp,
            PROTOCOL_ICMP => Protocol::IcmpError,
            other => return Err(ParseError::NotTcp(other)),
        };
        let len = be16(header, 2);
        let address = |at: usize| {
            IpAddr::V4(Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]))
        };
        Ok(Self {
            src: address(12),
            dst: address(16),
            header_len: IPV4_HEADER,
            body_len: usize::from(len).checked_sub(IPV4_HEADER).ok_or(ParseError::IpLen(len))?,
            protocol,
            ttl: header[8],
            tos: header[1],
            id: be16(header, 4),
        })
    }

    fn parse_ipv6(header: &[u8; IPV6_HEADER]) -> Result<Self, ParseError> {
        const FRAGMENT_HEADER: u8 = 44;
        let protocol = match header[6] {
            PROTOCOL_TCP => Protocol::Tcp,
            PROTOCOL_ICMPV6 => Protocol::IcmpError,
            FRAGMENT_HEADER => return Err(ParseError::Fragment),
            other => return Err(ParseError::NotTcp(other)),
        };
        let address = |at: usize| {
            let mut octets = [0; 16];
            octets.copy_from_slice(&header[at..at + 16]);
            IpAddr::V6(Ipv6Addr::from(octets))
        };
        Ok(Self {
            src: address(8),
            dst: address(24),
            header_len: IPV6_HEADER,
            body_len: usize::from(be16(header, 4)),
            protocol,
            ttl: header[7],
            tos: header[0] << 4 | header[1] >> 4,
            id: 0,
        })
    }

    /// The packet that begins with this header; payload beyond the end of `bytes` becomes zeros.
    fn packet(&self, bytes: &[u8]) -> Result<Packet, ParseError> {
        let end = bytes.len().min(self.header_len + self.body_len);
        let body = &bytes[self.header_len..end];
        match self.protocol {
            Protocol::Tcp => self.tcp(body, bytes.len()),
            Protocol::IcmpError => self.icmp(body),
        }
    }

    fn icmp(&self, body: &[u8]) -> Result<Packet, ParseError> {
        let v4 = self.src.is_ipv4();
        if !IcmpError::is_one(v4, body) {
            return Err(ParseError::NotTcp(if v4 { PROTOCOL_ICMP } else { PROTOCOL_ICMPV6 }));
        }
        let mut message = vec![0; self.body_len];
        message[..body.len()].copy_from_slice(body);
        message[ICMP_CHECKSUM_AT..ICMP_CHECKSUM_AT + 2].fill(0);
        let none = |address| std::net::SocketAddr::new(address, 0);
        let mut packet = Packet::new(none(self.src), none(self.dst));
        packet.protocol = Protocol::IcmpError;
        (packet.ttl, packet.tos, packet.ip_id) = (self.ttl, self.tos, self.id);
        if body.len() == self.body_len {
            packet.checksum_fault = self.checksum_fault(body, ICMP_CHECKSUM_AT);
        }
        packet.payload = Payload::literal(message);
        Ok(packet)
    }

    fn tcp(&self, tcp: &[u8], found: usize) -> Result<Packet, ParseError> {
        if self.body_len < TCP_HEADER {
            return Err(ParseError::IpLen((self.body_len + self.header_len) as u16));
        }
        let truncated =
            |needed: usize| ParseError::Truncated { needed: self.header_len + needed, found };
        let header: &[u8; TCP_HEADER] = tcp.first_chunk().ok_or_else(|| truncated(TCP_HEADER))?;
        let data_offset = (header[12] >> 4) * 4;
        let options_len = usize::from(data_offset)
            .checked_sub(TCP_HEADER)
            .filter(|_| usize::from(data_offset) <= self.body_len)
            .ok_or(ParseError::DataOffset(data_offset))?;
        let (options, present) = tcp[TCP_HEADER..]
            .split_at_checked(options_len)
            .ok_or_else(|| truncated(usize::from(data_offset)))?;
        // A data offset of 4 bits leaves at most 40 bytes of options.
        let options =
            Options::from_bytes(options).map_err(|_| ParseError::DataOffset(data_offset))?;

        let payload_len = self.body_len - usize::from(data_offset);
        let payload = if payload_len == 0 {
            Payload::empty()
        } else {
            let mut payload = vec![0; payload_len];
            payload[..present.len()].copy_from_slice(present);
            Payload::literal(payload)
        };
        Ok(Packet {
            uid: PacketUid(0),
            src: self.src,
            dst: self.dst,
            src_port: be16(header, 0),
            dst_port: be16(header, 2),
            seq: Seq(be32(header, 4)),
            ack: Seq(be32(header, 8)),
            flags: Flags(header[13]),
            protocol: Protocol::Tcp,
            reserved: header[12] & 0x0f,
            ttl: self.ttl,
            tos: self.tos,
            window: be16(header, 14),
            urgent: be16(header, 18),
            ip_id: self.id,
            checksum_fault: if tcp.len() == self.body_len {
                self.checksum_fault(tcp, CHECKSUM_AT)
            } else {
                0
            },
            options,
            payload,
        })
    }

    /// How far the checksum at `at` of a whole segment or message is from the right one. Zero has two
    /// forms in ones' complement; both are right.
    fn checksum_fault(&self, body: &[u8], at: usize) -> u16 {
        let protocol = match (self.protocol, self.src) {
            (Protocol::Tcp, _) => Some(PROTOCOL_TCP),
            (Protocol::IcmpError, IpAddr::V6(_)) => Some(PROTOCOL_ICMPV6),
            (Protocol::IcmpError, IpAddr::V4(_)) => None, // its checksum covers the message alone
        };
        let pseudo = |protocol| pseudo_header_sum(self.src, self.dst, protocol, body.len() as u32);
        let sum = protocol.map_or(0, pseudo) + sum_bytes(body);
        if fold(sum) == 0xffff {
            return 0;
        }
        let given = be16(body, at);
        let right = !fold(sum + u64::from(!given));
        given.wrapping_sub(right)
    }
}

/// The sum of the pseudo header of a checksum (RFC 9293 §3.1, RFC 8200 §8.1).
fn pseudo_header_sum(src: IpAddr, dst: IpAddr, protocol: u8, len: u32) -> u64 {
    let address = |address: IpAddr| match address {
        IpAddr::V4(a) => sum_bytes(&a.octets()),
        IpAddr::V6(a) => sum_bytes(&a.octets()),
    };
    address(src) + address(dst) + u64::from(protocol) + u64::from(len)
}

fn first<const N: usize>(bytes: &[u8]) -> Result<&[u8; N], ParseError> {
    bytes.first_chunk().ok_or(ParseError::Truncated { needed: N, found: bytes.len() })
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from(be16(bytes, at)) << 16 | u32::from(be16(bytes, at + 2))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::wire::payload::StreamId;
    use proptest::prelude::*;

    /// The ones'-complement sum of RFC 1071 §4.1, byte by byte.
    fn rfc1071(parts: &[&[u8]]) -> u16 {
        let mut sum = 0u32;
        for (i, &byte) in parts.concat().iter().enumerate() {
            sum += if i % 2 == 0 { u32::from(byte) << 8 } else { u32::from(byte) };
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    /// The sums of IPv4's header and of TCP's segment with its pseudo header: all ones when right.
    fn sums(bytes: &[u8]) -> (u16, u16) {
        if bytes[0] >> 4 == 4 {
            let len = (bytes.len() - 20) as u16;
            let pseudo = [&bytes[12..20], &[0, 6], &len.to_be_bytes()].concat();
            (rfc1071(&[&bytes[..20]]), rfc1071(&[&pseudo, &bytes[20..]]))
        } else {
            let len = (bytes.len() - 40) as u32;
            let pseudo = [&bytes[8..40], &len.to_be_bytes()[..], &[0, 0, 0, 6]].concat();
            (0xffff, rfc1071(&[&pseudo, &bytes[40..]]))
        }
    }

    fn endpoints() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
        prop_oneof![
            any::<([u8; 4], u16, [u8; 4], u16)>()
                .prop_map(|(a, p, b, q)| (SocketAddr::from((a, p)), SocketAddr::from((b, q)))),
            any::<([u8; 16], u16, [u8; 16], u16)>()
                .prop_map(|(a, p, b, q)| (SocketAddr::from((a, p)), SocketAddr::from((b, q)))),
        ]
    }

    prop_compose! {
        fn packets()(
            (src, dst) in endpoints(),
            (seq, ack, flags, reserved) in (any::<u32>(), any::<u32>(), any::<u8>(), 0u8..16),
            (ttl, tos, window, urgent, id) in any::<(u8, u8, u16, u16, u16)>(),
            options in proptest::collection::vec(any::<[u8; 4]>(), 0..=10),
            payload in proptest::collection::vec(any::<u8>(), 0..100),
        ) -> Packet {
            let mut packet = Packet::new(src, dst);
            (packet.seq, packet.ack) = (Seq(seq), Seq(ack));
            (packet.flags, packet.reserved) = (Flags(flags), reserved);
            (packet.ttl, packet.tos, packet.window, packet.urgent) = (ttl, tos, window, urgent);
            packet.ip_id = if src.is_ipv4() { id } else { 0 };
            packet.options = Options::from_bytes(&options.concat()).unwrap();
            if !payload.is_empty() {
                packet.payload = Payload::literal(payload);
            }
            packet
        }
    }

    fn emit(packet: &Packet) -> Vec<u8> {
        let mut bytes = Vec::new();
        packet.emit(&mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed_and_its_checksums_hold(packet in packets()) {
            let bytes = emit(&packet);
            prop_assert_eq!(bytes.len(), packet.wire_len() as usize);
            prop_assert_eq!(sums(&bytes), (0xffff, 0xffff));
            prop_assert_eq!(&Packet::parse(&bytes).unwrap(), &packet);
            prop_assert_eq!(&Packet::parse_truncated(&bytes).unwrap(), &packet);
        }

        #[test]
        fn a_fault_of_the_checksum_is_kept(mut packet in packets(), fault in 1u16..) {
            let right = emit(&packet);
            packet.checksum_fault = fault;
            let wrong = emit(&packet);
            prop_assert_ne!(&right, &wrong);
            let parsed = Packet::parse(&wrong).unwrap();
            // All ones and all zeros are the same checksum.
            prop_assert_eq!(parsed.checksum_fault == 0, sums(&wrong).1 == 0xffff);
            if parsed.checksum_fault != 0 {
                prop_assert_eq!(parsed, packet);
            }
        }

        #[test]
        fn a_cut_capture_keeps_headers_and_length(packet in packets(), cut in 0usize..240) {
            let bytes = emit(&packet);
            let cut = cut.min(bytes.len());
            let headers = packet.wire_len() - packet.payload.len;
            match Packet::parse_truncated(&bytes[..cut]) {
                Ok(parsed) => {
                    prop_assert!(cut >= headers as usize);
                    let mut zeroed = bytes.clone();
                    zeroed[cut..].fill(0);
                    prop_assert_eq!(parsed.payload.to_vec(), &zeroed[headers as usize..]);
                    prop_assert_eq!(Packet { payload: packet.payload.clone(), ..parsed }, packet);
                }
                Err(error) => {
                    let truncated = matches!(error, ParseError::Truncated { found, .. } if found == cut);
                    prop_assert!(truncated && cut < headers as usize);
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = Packet::parse(&bytes);
            let _ = Packet::parse_truncated(&bytes);
        }

        #[test]
        fn no_damage_makes_it_panic(packet in packets(), at in 0usize..80, byte in any::<u8>()) {
            let mut bytes = emit(&packet);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Packet::parse(&bytes);
            if let Ok(parsed) = Packet::parse_truncated(&bytes) {
                emit(&parsed);
            }
        }
    }

    #[test]
    fn described_payload_is_emitted_as_its_content() {
        let mut packet = Packet::new("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
        packet.payload = Payload::described(StreamId(1), 4711, 1399);
        let bytes = emit(&packet);
        assert_eq!(sums(&bytes), (0xffff, 0xffff));
        assert_eq!(Packet::parse(&bytes).unwrap().payload.to_vec(), packet.payload.to_vec());
    }

    #[test]
    fn ragged_options_are_padded_with_eol() {
        let mut packet = Packet::new("[::1]:1".parse().unwrap(), "[::2]:2".parse().unwrap());
        packet.options = Options::from_bytes(&[3, 3, 7]).unwrap();
        let parsed = Packet::parse(&emit(&packet)).unwrap();
        assert_eq!(parsed.options.as_bytes(), [3, 3, 7, 0]);
    }

    #[test]
    fn what_is_refused_and_why() {
        type Edit = fn(&mut Vec<u8>);
        let fix = |bytes: &mut Vec<u8>| {
            bytes[10..12].fill(0);
            let checksum = !rfc1071(&[&bytes[..20]]);
            bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
        };
        let table: [(Edit, &str); 9] = [
            (|b| b.clear(), "packet cut short: 20 bytes needed, 0 found"),
            (|b| b[0] = 0x55, "IP version 5, neither 4 nor 6"),
            (|b| b[0] = 0x46, "IPv4 header of 24 bytes; only 20 is supported"),
            (|b| b[6] = 0x20, "an IP fragment, not a whole packet"),
            (|b| b[7] = 1, "an IP fragment, not a whole packet"),
            (|b| b[9] = 17, "IP protocol 17, not TCP (6)"),
            (|b| b[3] = 39, "IP length 39 is less than the headers need"),
            (|b| b[32] = 0x40, "TCP header of 16 bytes does not fit the packet"),
            (|b| b.truncate(39), "packet cut short: 40 bytes needed, 39 found"),
        ];
        let packet = Packet::new("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
        for (edit, expected) in table {
            let mut bytes = emit(&packet);
            edit(&mut bytes);
            if bytes.len() >= 20 {
                fix(&mut bytes);
            }
            assert_eq!(Packet::parse(&bytes).unwrap_err().to_string(), expected);
        }
        let mut bytes = emit(&packet);
        bytes[8] ^= 1;
        assert_eq!(Packet::parse(&bytes), Err(ParseError::IpChecksum));
        assert!(Packet::parse_truncated(&bytes).is_ok());
    }
}
