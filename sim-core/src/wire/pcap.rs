//! Reading captures: classic pcap and pcapng, from bytes in memory, of either byte order.

use std::fmt;

/// One frame of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Number of the interface in [`Capture::interfaces`]; 0 in a classic capture.
    pub interface: u32,
    /// Nanoseconds since the capture's epoch (1970, or the start of a simulated run).
    pub stamp_ns: u64,
    /// Length of the frame on the link.
    pub original_len: u32,
    /// What was captured of it, link header included.
    pub bytes: &'a [u8],
    /// What it begins with.
    pub link: LinkType,
}

impl<'a> Frame<'a> {
    /// The IP packet in the frame, as far as it was captured; `None` when it carries no IP or the
    /// link type is not known.
    #[must_use]
    pub fn ip(&self) -> Option<&'a [u8]> {
        let at = |start: usize| self.bytes.get(start..);
        let ethertype =
            |start: usize| Some(u16::from_be_bytes(*self.bytes.get(start..)?.first_chunk::<2>()?));
        let (ethertype, start) = match self.link {
            LinkType::RAW | LinkType::RAW_BSD | LinkType::IPV4 | LinkType::IPV6 => return at(0),
            LinkType::ETHERNET => {
                let mut start = 12;
                while matches!(ethertype(start)?, VLAN | VLAN_SERVICE) {
                    start += 4;
                }
                (ethertype(start)?, start + 2)
            }
            LinkType::LINUX_SLL => (ethertype(14)?, 16),
            LinkType::LINUX_SLL2 => (ethertype(0)?, 20),
            LinkType::NULL | LinkType::LOOP => {
                let family = self.bytes.first_chunk::<4>()?;
                // LINKTYPE_NULL is in the order of the host that captured.
                let family = u32::from_be_bytes(*family).min(u32::from_le_bytes(*family));
                return IP_FAMILIES.contains(&family).then(|| at(4)).flatten();
            }
            _ => return None,
        };
        matches!(ethertype, ETHERTYPE_IPV4 | ETHERTYPE_IPV6).then(|| at(start)).flatten()
    }
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const VLAN_SERVICE: u16 = 0x88a8;
/// `AF_INET`, and `AF_INET6` of Linux, NetBSD, FreeBSD and Darwin.
const IP_FAMILIES: [u32; 5] = [2, 10, 24, 28, 30];

/// What a frame begins with (the LINKTYPE registry of tcpdump.org).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkType(pub u32);

impl LinkType {
    /// The address family of the capturing host: a loopback interface of the BSDs.
    pub const NULL: Self = Self(0);
    /// Ethernet, with or without VLAN tags.
    pub const ETHERNET: Self = Self(1);
    /// IPv4 or IPv6 without a link header, as some BSDs number it.
    pub const RAW_BSD: Self = Self(12);
    /// IPv4 or IPv6 without a link header.
    pub const RAW: Self = Self(101);
    /// As `NULL`, in network byte order (OpenBSD).
    pub const LOOP: Self = Self(108);
    /// `tcpdump -i any` of older Linux.
    pub const LINUX_SLL: Self = Self(113);
    /// IPv4 without a link header.
    pub const IPV4: Self = Self(228);
    /// IPv6 without a link header.
    pub const IPV6: Self = Self(229);
    /// `tcpdump -i any` of newer Linux.
    pub const LINUX_SLL2: Self = Self(276);
}

/// An interface of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, where the capture says it.
    pub name: Option<String>,
    /// What its frames begin with.
    pub link: LinkType,
    resolution: Resolution,
}

/// Why bytes are not a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureError {
    /// Neither classic pcap nor pcapng.
    Magic,
    /// The file ends in a block or record that begins at this offset.
    Truncated {
        /// Offset in bytes.
        at: usize,
    },
    /// A block at this offset contradicts itself.
    Malformed {
        /// Offset in bytes.
        at: usize,
        /// What was expected there.
        expected: &'static str,
    },
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str(
                "neither a pcap nor a pcapng file: at byte 0, expected the magic number of one",
            ),
            Self::Truncated { at } => write!(
                f,
                "the capture ends within the record at byte {at}: expected as many bytes as it says"
            ),
            Self::Malformed { at, expected } => {
                write!(f, "malformed block at byte {at}: expected {expected}")
            }
        }
    }
}

impl std::error::Error for CaptureError {}

/// A capture in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture<'a> {
    /// The interfaces of all sections, in order.
    pub interfaces: Vec<Interface>,
    /// The frames, in the file's order.
    pub frames: Vec<Frame<'a>>,
}

impl<'a> Capture<'a> {
    /// Reads a whole capture file.
    ///
    /// # Errors
    /// When it is neither pcap nor pcapng, cut short or malformed.
    pub fn parse(file: &'a [u8]) -> Result<Self, CaptureError> {
        let magic = file.first_chunk::<4>().ok_or(CaptureError::Magic)?;
        match u32::from_le_bytes(*magic) {
            SECTION_HEADER => parse_pcapng(file),
            0xa1b2_c3d4 => parse_classic(file, Order::Little, MICROSECONDS),
            0xa1b2_3c4d => parse_classic(file, Order::Little, NANOSECONDS),
            0xd4c3_b2a1 => parse_classic(file, Order::Big, MICROSECONDS),
            0x4d3c_b2a1 => parse_classic(file, Order::Big, NANOSECONDS),
            _ => Err(CaptureError::Magic),
        }
    }
}

/// Byte order of a file or section.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self == Self::Little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self == Self::Little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }
}

/// What a timestamp counts: units of 10^-n or 2^-n seconds, from an offset in seconds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Resolution {
    units_per_second: u64,
    offset_seconds: i64,
}

const MICROSECONDS: Resolution = Resolution { units_per_second: 1_000_000, offset_seconds: 0 };
const NANOSECONDS: Resolution = Resolution { units_per_second: 1_000_000_000, offset_seconds: 0 };

impl Resolution {
    /// From pcapng's `if_tsresol`; `None` when it is finer than 64 bits can count.
    fn from_tsresol(byte: u8) -> Option<Self> {
        let exponent = u32::from(byte & 0x7f);
        let base: u64 = if byte & 0x80 == 0 { 10 } else { 2 };
        Some(Self { units_per_second: base.checked_pow(exponent)?, offset_seconds: 0 })
    }

    /// Nanoseconds since the epoch, held to what 64 bits can express.
    fn nanoseconds(self, units: u64) -> u64 {
        let ns = u128::from(units) * 1_000_000_000 / u128::from(self.units_per_second);
        let ns = ns as i128 + i128::from(self.offset_seconds) * 1_000_000_000;
        u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
    }
}

fn parse_classic(
    file: &[u8],
    order: Order,
    resolution: Resolution,
) -> Result<Capture<'_>, CaptureError> {
    const FILE_HEADER: usize = 24;
    const RECORD_HEADER: usize = 16;
    // The upper bits of the link type may tell of a frame check sequence at the end.
    let link = order.u32(file, 20).ok_or(CaptureError::Truncated { at: 0 })? & 0xffff;
    let link = LinkType(link);
    let mut frames = Vec::new();
    let mut at = FILE_HEADER;
    while at < file.len() {
        let frame = || {
            let seconds = order.u32(file, at)?;
            let fraction = order.u32(file, at + 4)?;
            let len = order.u32(file, at + 8)? as usize;
            let original_len = order.u32(file, at + 12)?;
            let bytes = file.get(at + RECORD_HEADER..)?.get(..len)?;
            let units = u64::from(seconds) * resolution.units_per_second + u64::from(fraction);
            let stamp_ns = resolution.nanoseconds(units);
            Some(Frame { interface: 0, stamp_ns, original_len, bytes, link })
        };
        let frame = frame().ok_or(CaptureError::Truncated { at })?;
        at += RECORD_HEADER + frame.bytes.len();
        frames.push(frame);
    }
    Ok(Capture { interfaces: vec![Interface { name: None, link, resolution }], frames })
}

/// Block types and option codes of pcapng (draft-ietf-opsawg-pcapng); reads the same in both orders.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

fn parse_pcapng(file: &[u8]) -> Result<Capture<'_>, CaptureError> {
    let mut capture = Capture { interfaces: Vec::new(), frames: Vec::new() };
    let mut order = Order::Little;
    // Interfaces are numbered anew in every section.
    let mut section = 0;
    let mut at = 0;
    while at < file.len() {
        let truncated = CaptureError::Truncated { at };
        let malformed = |expected| CaptureError::Malformed { at, expected };
        let kind = order.u32(file, at).ok_or(truncated)?;
        if kind == SECTION_HEADER {
            order = match Order::Little.u32(file, at + 8).ok_or(truncated)? {
                0x1a2b_3c4d => Order::Little,
                0x4d3c_2b1a => Order::Big,
                _ => return Err(malformed("the byte order of a section header")),
            };
            section = capture.interfaces.len();
        }
        let len = order.u32(file, at + 4).ok_or(truncated)? as usize;
        if len < 12 || !len.is_multiple_of(4) {
            return Err(malformed("a length of at least 12 bytes and a multiple of four"));
        }
        let block = file.get(at..).and_then(|rest| rest.get(..len)).ok_or(truncated)?;
        let body = &block[8..len - 4];
        match kind {
            INTERFACE_DESCRIPTION => {
                let expected = "the description of an interface";
                capture.interfaces.push(interface(order, body).ok_or(malformed(expected))?);
            }
            ENHANCED_PACKET | PACKET | SIMPLE_PACKET => {
                let frame = match kind {
                    ENHANCED_PACKET => enhanced,
                    PACKET => obsolete,
                    _ => simple,
                };
                let interfaces = capture.interfaces.get(section..).unwrap_or(&[]);
                let expected = "a packet of an interface that was described, whole";
                let mut frame = frame(order, body, interfaces).ok_or(malformed(expected))?;
                frame.interface += section as u32;
                capture.frames.push(frame);
            }
            _ => {}
        }
        at += len;
    }
    Ok(capture)
}

fn interface(order: Order, body: &[u8]) -> Option<Interface> {
    let link = LinkType(u32::from(order.u16(body, 0)?));
    let mut interface = Interface { name: None, link, resolution: MICROSECONDS };
    let mut offset_seconds = 0;
    let mut options = body.get(8..)?;
    while let (Some(code), Some(len)) = (order.u16(options, 0), order.u16(options, 2)) {
        let len = usize::from(len);
        let value = options.get(4..)?.get(..len)?;
        match code {
            0 => break,
            IF_NAME => interface.name = Some(String::from_utf8_lossy(value).into_owned()),
            IF_TSRESOL => interface.resolution = Resolution::from_tsresol(*value.first()?)?,
            IF_TSOFFSET => {
                let (a, b) = (u64::from(order.u32(value, 0)?), u64::from(order.u32(value, 4)?));
                let joined = if order == Order::Little { b << 32 | a } else { a << 32 | b };
                offset_seconds = joined as i64;
            }
            _ => {}
        }
        options = options.get(4 + len.next_multiple_of(4)..).unwrap_or(&[]);
    }
    interface.resolution.offset_seconds = offset_seconds;
    Some(interface)
}

fn enhanced<'a>(order: Order, body: &'a [u8], interfaces: &[Interface]) -> Option<Frame<'a>> {
    stamped(order, body, interfaces, order.u32(body, 0)?)
}

/// The block that enhanced ones replaced: its interface has 16 bits, a count of drops follows.
fn obsolete<'a>(order: Order, body: &'a [u8], interfaces: &[Interface]) -> Option<Frame<'a>> {
    stamped(order, body, interfaces, u32::from(order.u16(body, 0)?))
}

fn stamped<'a>(
    order: Order,
    body: &'a [u8],
    interfaces: &[Interface],
    number: u32,
) -> Option<Frame<'a>> {
    let interface = interfaces.get(number as usize)?;
    let units = u64::from(order.u32(body, 4)?) << 32 | u64::from(order.u32(body, 8)?);
    let len = order.u32(body, 12)? as usize;
    Some(Frame {
        interface: number,
        stamp_ns: interface.resolution.nanoseconds(units),
        original_len: order.u32(body, 16)?,
        bytes: body.get(20..)?.get(..len)?,
        link: interface.link,
    })
}

/// A packet of the section's first interface, without a time.
fn simple<'a>(order: Order, body: &'a [u8], interfaces: &[Interface]) -> Option<Frame<'a>> {
    let interface = interfaces.first()?;
    let original_len = order.u32(body, 0)?;
    let captured = body.get(4..)?;
    let bytes = &captured[..captured.len().min(original_len as usize)];
    Some(Frame { interface: 0, stamp_ns: 0, original_len, bytes, link: interface.link })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A classic capture of one frame in either byte order.
    fn classic(little: bool, magic: u32, link: u32, frame: &[u8]) -> Vec<u8> {
        let len = frame.len() as u32;
        let words = [magic, 0x0004_0002, 0, 0, 96, link, 5, 7, len, 1500];
        let mut file: Vec<u8> = words
            .iter()
            .flat_map(|w: &u32| if little { w.to_le_bytes() } else { w.to_be_bytes() })
            .collect();
        file.extend(frame);
        file
    }

    #[test]
    fn classic_captures_of_both_orders_and_resolutions() {
        let table = [
            (true, 0xa1b2_c3d4, 5_000_007_000),
            (false, 0xa1b2_c3d4, 5_000_007_000),
            (true, 0xa1b2_3c4d, 5_000_000_007),
            (false, 0xa1b2_3c4d, 5_000_000_007),
        ];
        for (little, magic, stamp_ns) in table {
            let file = classic(little, magic, 101, b"\x45 ip");
            let capture = Capture::parse(&file).unwrap();
            let [frame] = capture.frames[..] else { panic!("one frame") };
            assert_eq!((frame.stamp_ns, frame.original_len), (stamp_ns, 1500));
            assert_eq!(frame.ip(), Some(&b"\x45 ip"[..]));
            let cut = Capture::parse(&file[..file.len() - 1]);
            assert_eq!(cut, Err(CaptureError::Truncated { at: 24 }));
        }
        assert_eq!(Capture::parse(b"not a capture"), Err(CaptureError::Magic));
    }

    #[test]
    fn where_the_ip_packet_begins() {
        let macs = [0u8; 12];
        let with = |head: &[u8], tail: &[u8]| [head, tail].concat();
        type Case<'a> = (LinkType, Vec<u8>, Option<&'a [u8]>);
        let table: [Case<'_>; 13] = [
            (LinkType::ETHERNET, with(&macs, b"\x08\x00IP"), Some(b"IP")),
            (LinkType::ETHERNET, with(&macs, b"\x81\x00\x00\x05\x86\xddIP"), Some(b"IP")),
            (LinkType::ETHERNET, with(&macs, b"\x88\xa8\0\x01\x81\0\0\x02\x08\0IP"), Some(b"IP")),
            (LinkType::ETHERNET, with(&macs, b"\x08\x06ARP"), None),
            (LinkType::ETHERNET, with(&macs, b"\x81\x00\x00"), None),
            (LinkType::LINUX_SLL, with(&[0; 14], b"\x08\x00IP"), Some(b"IP")),
            (LinkType::LINUX_SLL2, with(b"\x86\xdd", &with(&[0; 18], b"IP")), Some(b"IP")),
            (LinkType::NULL, b"\x02\0\0\0IP".to_vec(), Some(b"IP")),
            (LinkType::NULL, b"\0\0\0\x1eIP".to_vec(), Some(b"IP")),
            (LinkType::LOOP, b"\0\0\0\x18IP".to_vec(), Some(b"IP")),
            (LinkType::NULL, b"\x07\0\0\0IP".to_vec(), None),
            (LinkType::RAW, b"IP".to_vec(), Some(b"IP")),
            (LinkType(147), b"IP".to_vec(), None),
        ];
        for (link, bytes, expected) in table {
            let frame = Frame { interface: 0, stamp_ns: 0, original_len: 0, bytes: &bytes, link };
            assert_eq!(frame.ip(), expected, "{link:?} {bytes:?}");
        }
    }

    #[test]
    fn a_big_endian_section_with_coarse_stamps_and_an_offset() {
        let mut file = Vec::new();
        let mut block = |words: &[u32]| file.extend(words.iter().flat_map(|w| w.to_be_bytes()));
        block(&[SECTION_HEADER, 28, 0x1a2b_3c4d, 0x0001_0000, u32::MAX, u32::MAX, 28]);
        // if_tsresol 2^-1 s, if_tsoffset 3 s, Ethernet.
        block(&[1, 44, 0x0001_0000, 0, 0x0009_0001, 0x8100_0000, 0x000e_0008, 0, 3, 0, 44]);
        block(&[6, 36, 0, 0, 5, 4, 4, 0x6162_6364, 36]);
        block(&[3, 20, 3, 0x6162_6300, 20]);
        let capture = Capture::parse(&file).unwrap();
        let frames: Vec<_> = capture.frames.iter().map(|f| (f.stamp_ns, f.bytes)).collect();
        assert_eq!(frames, [(5_500_000_000, &b"abcd"[..]), (0, b"abc")]);
        assert_eq!(capture.frames[0].link, LinkType::ETHERNET);
    }

    #[test]
    fn a_packet_of_no_interface_is_malformed() {
        let words = [SECTION_HEADER, 28, 0x1a2b_3c4d, 1, 0, 0, 28, 6, 32, 0, 0, 0, 0, 0, 32];
        let file: Vec<u8> = words.iter().flat_map(|w: &u32| w.to_le_bytes()).collect();
        let refused = Capture::parse(&file);
        assert!(matches!(refused, Err(CaptureError::Malformed { at: 28, .. })), "{refused:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            ng in any::<bool>(),
            rest in proptest::collection::vec(prop_oneof![Just(0u8), Just(12), any::<u8>()], 0..200),
        ) {
            let head: &[u8] = if ng {
                b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\0\0\0\0\0\0\0\0\x1c\0\0\0\x01\0\0\0"
            } else {
                b"\xd4\xc3\xb2\xa1"
            };
            let file = [head, &rest].concat();
            if let Ok(capture) = Capture::parse(&file) {
                for frame in &capture.frames {
                    let _ = frame.ip();
                }
            }
        }
    }
}
