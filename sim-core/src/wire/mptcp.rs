//! MPTCP options of both versions: v0 (RFC 6824 §3) and v1 (RFC 8684 §3), parsed and emitted to the
//! same bytes.
//!
//! The version shows in the bytes where it matters (MP_CAPABLE's version field, ADD_ADDR's low
//! nibble), so parsing needs no context.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::options::{Options, RawOption, TooLong, kind};

/// Subtypes of option 30 (RFC 8684 §8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Subtype {
    /// Multipath capable.
    Capable = 0,
    /// Join connection.
    Join = 1,
    /// Data sequence signal.
    Dss = 2,
    /// Add address.
    AddAddr = 3,
    /// Remove address.
    RemoveAddr = 4,
    /// Change subflow priority.
    Prio = 5,
    /// Fallback.
    Fail = 6,
    /// Fast close.
    FastClose = 7,
    /// Subflow reset (v1 only).
    TcpRst = 8,
}

impl Subtype {
    /// All subtypes, in order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Capable,
        Self::Join,
        Self::Dss,
        Self::AddAddr,
        Self::RemoveAddr,
        Self::Prio,
        Self::Fail,
        Self::FastClose,
        Self::TcpRst,
    ];

    /// The subtype of an option 30, when it is a known one.
    #[must_use]
    pub fn of(option: &RawOption<'_>) -> Option<Self> {
        let number = option.bytes.get(2)? >> 4;
        Self::ALL.get(usize::from(number)).copied().filter(|_| option.kind == kind::MPTCP)
    }

    /// The name in the RFCs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capable => "MP_CAPABLE",
            Self::Join => "MP_JOIN",
            Self::Dss => "DSS",
            Self::AddAddr => "ADD_ADDR",
            Self::RemoveAddr => "REMOVE_ADDR",
            Self::Prio => "MP_PRIO",
            Self::Fail => "MP_FAIL",
            Self::FastClose => "MP_FASTCLOSE",
            Self::TcpRst => "MP_TCPRST",
        }
    }
}

impl fmt::Display for Subtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// MP_CAPABLE flags (RFC 8684 §3.1).
pub mod capable_flags {
    /// A: checksum required.
    pub const CHECKSUM: u8 = 0x80;
    /// B: extensibility; a receiver that sees it must ignore the option.
    pub const EXTENSIBILITY: u8 = 0x40;
    /// C (v1): do not open subflows to the address and port of this one.
    pub const NO_JOIN: u8 = 0x20;
    /// H: HMAC-SHA1 in v0, HMAC-SHA256 in v1.
    pub const CRYPTO: u8 = 0x01;
}

/// Keys and more in an MP_CAPABLE, by the segment that carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapableBody {
    /// v1 SYN: no key (length 4).
    None,
    /// v0 SYN, and SYN/ACK of both versions: the sender's key (length 12).
    Sender(u64),
    /// Third ACK: both keys (length 20).
    Both {
        /// Key of the packet's sender.
        sender: u64,
        /// Key of the packet's receiver.
        receiver: u64,
    },
    /// v1, with the first data: both keys, the data's length and, when negotiated, its checksum
    /// (length 22 or 24).
    WithData {
        /// Key of the packet's sender.
        sender: u64,
        /// Key of the packet's receiver.
        receiver: u64,
        /// Data-level length.
        len: u16,
        /// DSS checksum.
        checksum: Option<u16>,
    },
}

/// MP_JOIN, by the segment that carries it (RFC 8684 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Length 12.
    Syn {
        /// B flag.
        backup: bool,
        /// Address ID of the sender's address.
        address_id: u8,
        /// Token of the receiver's key.
        token: u32,
        /// Sender's nonce.
        nonce: u32,
    },
    /// Length 16.
    SynAck {
        /// B flag.
        backup: bool,
        /// Address ID of the sender's address.
        address_id: u8,
        /// Leftmost 64 bits of the HMAC.
        hmac: u64,
        /// Sender's nonce.
        nonce: u32,
    },
    /// Third ACK, length 24.
    Ack {
        /// Leftmost 160 bits of the HMAC.
        hmac: [u8; 20],
    },
}

/// A data sequence number or data acknowledgement as it is sent: 32 or 64 bits (RFC 8684 §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataSeq {
    /// The lower 32 bits.
    Short(u32),
    /// All 64 bits.
    Long(u64),
}

impl DataSeq {
    /// Length on the wire.
    const fn len(self) -> usize {
        match self {
            Self::Short(_) => 4,
            Self::Long(_) => 8,
        }
    }

    #[inline]
    fn emit(self, options: &mut Options) -> Result<(), TooLong> {
        match self {
            Self::Short(low) => options.push(&low.to_be_bytes()),
            Self::Long(full) => options.push(&full.to_be_bytes()),
        }
    }

    /// The full number nearest to `near`.
    #[must_use]
    #[inline]
    pub fn expand(self, near: u64) -> u64 {
        match self {
            Self::Long(full) => full,
            Self::Short(low) => {
                near.wrapping_add(i64::from(low.wrapping_sub(near as u32) as i32) as u64)
            }
        }
    }
}

/// The mapping in a DSS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Data sequence number of the first byte.
    pub dsn: DataSeq,
    /// Subflow sequence number of the first byte, relative to the initial one.
    pub ssn: u32,
    /// Data-level length; 0 is the infinite mapping.
    pub len: u16,
    /// Checksum, when negotiated.
    pub checksum: Option<u16>,
}

/// DSS (RFC 8684 §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Dss {
    /// DATA_FIN.
    pub data_fin: bool,
    /// Data acknowledgement.
    pub ack: Option<DataSeq>,
    /// Mapping.
    pub mapping: Option<Mapping>,
}

impl Dss {
    /// Length of the option with this acknowledgement and mapping.
    #[inline]
    const fn len(ack: Option<DataSeq>, mapping: Option<Mapping>) -> usize {
        let numbers = match ack {
            None => 4,
            Some(ack) => 4 + ack.len(),
        };
        match mapping {
            None => numbers,
            Some(map) => numbers + map.dsn.len() + 6 + if map.checksum.is_some() { 2 } else { 0 },
        }
    }

    /// Appends the option to `options`, unpadded. Nearly every segment carries one: it is written in
    /// place.
    ///
    /// # Errors
    /// When it does not fit into the 40 bytes; nothing is appended then.
    #[inline]
    pub fn emit(&self, options: &mut Options) -> Result<(), TooLong> {
        let Self { data_fin, ack, mapping } = *self;
        let len = Self::len(ack, mapping);
        if len > options.free() {
            return Err(TooLong);
        }
        let mut flags = if data_fin { DATA_FIN } else { 0 };
        if let Some(ack) = ack {
            flags |= ACK_PRESENT | if matches!(ack, DataSeq::Long(_)) { ACK_LONG } else { 0 };
        }
        if let Some(map) = mapping {
            flags |= MAP_PRESENT | if matches!(map.dsn, DataSeq::Long(_)) { DSN_LONG } else { 0 };
        }
        options.push(&[kind::MPTCP, len as u8, (Subtype::Dss as u8) << 4, flags])?;
        if let Some(ack) = ack {
            ack.emit(options)?;
        }
        if let Some(map) = mapping {
            map.dsn.emit(options)?;
            options.push(&map.ssn.to_be_bytes())?;
            options.push(&map.len.to_be_bytes())?;
            if let Some(checksum) = map.checksum {
                options.push(&checksum.to_be_bytes())?;
            }
        }
        Ok(())
    }

    /// The DSS of a segment whose options are, as in nearly every segment of an established subflow,
    /// timestamps or nothing, one DSS and NOPs; `None` for any other list, which has to be read option
    /// by option.
    #[must_use]
    #[inline]
    pub fn alone_in(options: &Options) -> Option<Self> {
        if let Some(usual) = UsualDss::read(options) {
            return Some(usual.into());
        }
        Self::alone_anyhow(options)
    }

    fn alone_anyhow(options: &Options) -> Option<Self> {
        let rest = match options.as_bytes() {
            [1, 1, 8, 10, rest @ ..] => rest.get(8..)?,
            all => all,
        };
        let &[kind::MPTCP, len, subtype, flags, ref body @ ..] = rest else { return None };
        let (body, padding) = body.split_at_checked(usize::from(len).checked_sub(4)?)?;
        if subtype >> 4 != Subtype::Dss as u8 || padding.iter().any(|&byte| byte != kind::NOP) {
            return None;
        }
        let mut r = Reader(body);
        let dss = Self::read(flags, &mut r).ok()?;
        r.0.is_empty().then_some(dss)
    }

    /// Reads what follows the flags.
    fn read(flags: u8, r: &mut Reader<'_>) -> Result<Self, NotUnderstood> {
        let seq = |r: &mut Reader<'_>, long: bool| -> Result<DataSeq, NotUnderstood> {
            Ok(if long { DataSeq::Long(r.u64()?) } else { DataSeq::Short(r.u32()?) })
        };
        let ack = match flags & ACK_PRESENT {
            0 => None,
            _ => Some(seq(r, flags & ACK_LONG != 0)?),
        };
        let mapping = match flags & MAP_PRESENT {
            0 => None,
            _ => Some(Mapping {
                dsn: seq(r, flags & DSN_LONG != 0)?,
                ssn: r.u32()?,
                len: r.u16()?,
                checksum: if r.0.is_empty() { None } else { Some(r.u16()?) },
            }),
        };
        Ok(Self { data_fin: flags & DATA_FIN != 0, ack, mapping })
    }
}

/// The usual DSS: short numbers, an acknowledgement, no checksum. It is read and written in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsualDss {
    /// DATA_FIN.
    pub data_fin: bool,
    /// Data acknowledgement.
    pub ack: u32,
    /// Mapping.
    pub mapping: Option<UsualMapping>,
}

/// The mapping in a [`UsualDss`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsualMapping {
    /// See [`Mapping::dsn`].
    pub dsn: u32,
    /// See [`Mapping::ssn`].
    pub ssn: u32,
    /// See [`Mapping::len`].
    pub len: u16,
}

impl From<UsualDss> for Dss {
    #[inline]
    fn from(usual: UsualDss) -> Self {
        let mapping = usual.mapping.map(|m| Mapping {
            dsn: DataSeq::Short(m.dsn),
            ssn: m.ssn,
            len: m.len,
            checksum: None,
        });
        Self { data_fin: usual.data_fin, ack: Some(DataSeq::Short(usual.ack)), mapping }
    }
}

impl UsualDss {
    const SUBTYPE: u8 = (Subtype::Dss as u8) << 4;
    /// Bytes with a mapping, and padded.
    const MAPPING: u8 = 18;

    /// Appends the option and pads the list with NOPs; nothing where it does not fit.
    #[inline]
    pub fn emit_usual(self, options: &mut Options) {
        let fin = if self.data_fin { DATA_FIN } else { 0 };
        let ack = self.ack.to_be_bytes();
        let Some(map) = self.mapping else {
            let mut bytes = [kind::MPTCP, 8, Self::SUBTYPE, fin | ACK_PRESENT, 0, 0, 0, 0];
            bytes[4..].copy_from_slice(&ack);
            let _ = options.push(&bytes);
            return;
        };
        let mut bytes = [kind::NOP; 20];
        let flags = fin | ACK_PRESENT | MAP_PRESENT;
        bytes[..4].copy_from_slice(&[kind::MPTCP, Self::MAPPING, Self::SUBTYPE, flags]);
        bytes[4..8].copy_from_slice(&ack);
        bytes[8..12].copy_from_slice(&map.dsn.to_be_bytes());
        bytes[12..16].copy_from_slice(&map.ssn.to_be_bytes());
        bytes[16..18].copy_from_slice(&map.len.to_be_bytes());
        let _ = options.push(&bytes);
    }

    /// The options of a segment that are timestamps and a usual DSS without DATA_FIN, padded, and nothing
    /// else.
    #[inline]
    #[must_use]
    pub fn read(options: &Options) -> Option<Self> {
        const ACK: u8 = ACK_PRESENT;
        const BOTH: u8 = ACK_PRESENT | MAP_PRESENT;
        let word = |b: &[u8; 4]| u32::from_be_bytes(*b);
        let (stamps, dss) = options.as_bytes().split_first_chunk::<12>()?;
        if stamps[..4] != [kind::NOP, kind::NOP, kind::TIMESTAMPS, 10] {
            return None;
        }
        if let &[kind::MPTCP, 8, Self::SUBTYPE, ACK, a, b, c, d] = dss {
            return Some(Self { data_fin: false, ack: word(&[a, b, c, d]), mapping: None });
        }
        let dss: &[u8; 20] = dss.try_into().ok()?;
        let is_usual = dss[..4] == [kind::MPTCP, Self::MAPPING, Self::SUBTYPE, BOTH]
            && dss[18..] == [kind::NOP; 2];
        let [_, _, _, _, a, b, c, d, e, f, g, h, i, j, k, l, m, n, _, _] = *dss;
        is_usual.then(|| Self {
            data_fin: false,
            ack: word(&[a, b, c, d]),
            mapping: Some(UsualMapping {
                dsn: word(&[e, f, g, h]),
                ssn: word(&[i, j, k, l]),
                len: u16::from_be_bytes([m, n]),
            }),
        })
    }
}

/// ADD_ADDR (RFC 6824 §3.4.1, RFC 8684 §3.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddAddr {
    /// v0 form: IP version in the low nibble, no echo, no HMAC.
    pub v0: bool,
    /// E flag: the peer's announcement repeated (v1).
    pub echo: bool,
    /// Address ID.
    pub address_id: u8,
    /// Address.
    pub address: IpAddr,
    /// Port, when another than that of the subflow.
    pub port: Option<u16>,
    /// Rightmost 64 bits of the HMAC (v1, not in an echo).
    pub hmac: Option<u64>,
}

/// The reasons of MP_TCPRST (RFC 8684 §3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResetReason(pub u8);

impl ResetReason {
    /// Unspecified error.
    pub const UNSPECIFIED: Self = Self(0);
    /// MPTCP-specific error.
    pub const MPTCP: Self = Self(1);
    /// Lack of resources.
    pub const RESOURCES: Self = Self(2);
    /// Administratively prohibited.
    pub const PROHIBITED: Self = Self(3);
    /// Too much outstanding data.
    pub const OUTSTANDING: Self = Self(4);
    /// Unacceptable performance.
    pub const PERFORMANCE: Self = Self(5);
    /// Middlebox interference.
    pub const MIDDLEBOX: Self = Self(6);

    /// In words, as in the RFC.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self.0 {
            0 => "unspecified error",
            1 => "MPTCP-specific error",
            2 => "lack of resources",
            3 => "administratively prohibited",
            4 => "too much outstanding data",
            5 => "unacceptable performance",
            6 => "middlebox interference",
            _ => "unknown reason",
        }
    }
}

/// An option 30, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MptcpOption {
    /// MP_CAPABLE.
    Capable {
        /// 0 or 1 (higher ones are parsed and kept).
        version: u8,
        /// See [`capable_flags`].
        flags: u8,
        /// Keys and more.
        body: CapableBody,
    },
    /// MP_JOIN.
    Join(Join),
    /// DSS.
    Dss(Dss),
    /// ADD_ADDR.
    AddAddr(AddAddr),
    /// REMOVE_ADDR.
    RemoveAddr(AddressIds),
    /// MP_PRIO.
    Prio {
        /// B flag.
        backup: bool,
        /// v0 only: the address whose subflows are meant.
        address_id: Option<u8>,
    },
    /// MP_FAIL.
    Fail {
        /// Data sequence number where the failed mapping starts.
        dsn: u64,
    },
    /// MP_FASTCLOSE.
    FastClose {
        /// Key of the packet's receiver.
        key: u64,
    },
    /// MP_TCPRST.
    TcpRst {
        /// T flag: the condition may pass.
        transient: bool,
        /// Why.
        reason: ResetReason,
    },
}

/// The address IDs of a REMOVE_ADDR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressIds {
    len: u8,
    ids: [u8; 16],
}

impl AddressIds {
    /// At most 16 IDs; `None` when there are none or more.
    #[must_use]
    pub fn new(from: &[u8]) -> Option<Self> {
        let mut ids = [0; 16];
        ids.get_mut(..from.len())?.copy_from_slice(from);
        (!from.is_empty()).then_some(Self { len: from.len() as u8, ids })
    }

    /// The IDs.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.ids[..usize::from(self.len)]
    }
}

/// Not an option 30 that this implementation understands: wrong kind, length or subtype. A host
/// ignores it (RFC 8684 §3: unknown subtypes are ignored).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUnderstood;

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a well-formed MPTCP option")
    }
}

impl std::error::Error for NotUnderstood {}

const DATA_FIN: u8 = 0x10;
const DSN_LONG: u8 = 0x08;
const MAP_PRESENT: u8 = 0x04;
const ACK_LONG: u8 = 0x02;
const ACK_PRESENT: u8 = 0x01;

/// Reads big-endian fields one after another.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], NotUnderstood> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(NotUnderstood)?;
        self.0 = rest;
        Ok(*head)
    }
    fn u8(&mut self) -> Result<u8, NotUnderstood> {
        Ok(self.take::<1>()?[0])
    }
    fn u16(&mut self) -> Result<u16, NotUnderstood> {
        Ok(u16::from_be_bytes(self.take()?))
    }
    fn u32(&mut self) -> Result<u32, NotUnderstood> {
        Ok(u32::from_be_bytes(self.take()?))
    }
    fn u64(&mut self) -> Result<u64, NotUnderstood> {
        Ok(u64::from_be_bytes(self.take()?))
    }
}

/// Writes big-endian fields one after another into a buffer of an option's greatest length.
struct Writer {
    buf: [u8; 40],
    len: usize,
}

impl Writer {
    fn new(subtype: Subtype, low_nibble: u8) -> Self {
        let mut w = Self { buf: [0; 40], len: 3 };
        w.buf[0] = kind::MPTCP;
        w.buf[2] = ((subtype as u8) << 4) | low_nibble;
        w
    }
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.buf[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
    fn finish(mut self) -> ([u8; 40], usize) {
        self.buf[1] = self.len as u8;
        (self.buf, self.len)
    }
}

impl MptcpOption {
    /// Reads an option 30.
    ///
    /// # Errors
    /// When it is not one, or its length does not fit its subtype.
    pub fn parse(option: &RawOption<'_>) -> Result<Self, NotUnderstood> {
        if option.kind != kind::MPTCP || !option.well_formed {
            return Err(NotUnderstood);
        }
        let subtype = Subtype::of(option).ok_or(NotUnderstood)?;
        let low = option.bytes[2] & 0x0f;
        let mut r = Reader(&option.bytes[3..]);
        let parsed = match subtype {
            Subtype::Capable => {
                let flags = r.u8()?;
                let body = match option.bytes.len() {
                    4 => CapableBody::None,
                    12 => CapableBody::Sender(r.u64()?),
                    20 => CapableBody::Both { sender: r.u64()?, receiver: r.u64()? },
                    22 | 24 => CapableBody::WithData {
                        sender: r.u64()?,
                        receiver: r.u64()?,
                        len: r.u16()?,
                        checksum: if r.0.is_empty() { None } else { Some(r.u16()?) },
                    },
                    _ => return Err(NotUnderstood),
                };
                Self::Capable { version: low, flags, body }
            }
            Subtype::Join => {
                let backup = low & 1 != 0;
                Self::Join(match option.bytes.len() {
                    12 => {
                        Join::Syn { backup, address_id: r.u8()?, token: r.u32()?, nonce: r.u32()? }
                    }
                    16 => Join::SynAck {
                        backup,
                        address_id: r.u8()?,
                        hmac: r.u64()?,
                        nonce: r.u32()?,
                    },
                    24 => {
                        r.u8()?;
                        Join::Ack { hmac: r.take()? }
                    }
                    _ => return Err(NotUnderstood),
                })
            }
            Subtype::Dss => {
                let flags = r.u8()?;
                Self::Dss(Dss::read(flags, &mut r)?)
            }
            Subtype::AddAddr => {
                let v0 = matches!(low, 4 | 6);
                let address_id = r.u8()?;
                // What follows the fixed part: an IPv6 address is 12 bytes longer than an IPv4 one.
                let v6 = match (v0, option.bytes.len()) {
                    (true, _) => low == 6,
                    (false, 20 | 22 | 28 | 30) => true,
                    (false, _) => false,
                };
                let address = if v6 {
                    IpAddr::V6(Ipv6Addr::from(r.take::<16>()?))
                } else {
                    IpAddr::V4(Ipv4Addr::from(r.take::<4>()?))
                };
                let port = if r.0.len() % 8 == 2 { Some(r.u16()?) } else { None };
                let hmac = if r.0.is_empty() { None } else { Some(r.u64()?) };
                Self::AddAddr(AddAddr {
                    v0,
                    echo: !v0 && low & 1 != 0,
                    address_id,
                    address,
                    port,
                    hmac,
                })
            }
            Subtype::RemoveAddr => {
                let ids = AddressIds::new(r.0).ok_or(NotUnderstood)?;
                r.0 = &[];
                Self::RemoveAddr(ids)
            }
            Subtype::Prio => Self::Prio {
                backup: low & 1 != 0,
                address_id: if r.0.is_empty() { None } else { Some(r.u8()?) },
            },
            Subtype::Fail => {
                r.u8()?;
                Self::Fail { dsn: r.u64()? }
            }
            Subtype::FastClose => {
                r.u8()?;
                Self::FastClose { key: r.u64()? }
            }
            Subtype::TcpRst => {
                Self::TcpRst { transient: low & 1 != 0, reason: ResetReason(r.u8()?) }
            }
        };
        if r.0.is_empty() { Ok(parsed) } else { Err(NotUnderstood) }
    }

    /// Appends the option to `options`, unpadded.
    ///
    /// # Errors
    /// When it does not fit into the 40 bytes.
    #[inline]
    pub fn emit(&self, options: &mut Options) -> Result<(), TooLong> {
        if let Self::Dss(dss) = self {
            return dss.emit(options);
        }
        let (buf, len) = self.write();
        options.push(&buf[..len])
    }

    /// Length in bytes, kind and length included, unpadded.
    #[must_use]
    pub fn buffer_len(&self) -> usize {
        self.write().1
    }

    #[inline]
    fn write(&self) -> ([u8; 40], usize) {
        match *self {
            Self::Dss(dss) => {
                let mut options = Options::new();
                dss.emit(&mut options).expect("a DSS is 28 bytes at most");
                let mut buf = [0; 40];
                buf[..options.len()].copy_from_slice(options.as_bytes());
                (buf, options.len())
            }
            Self::Capable { version, flags, body } => {
                let mut w = Writer::new(Subtype::Capable, version & 0x0f);
                w.put(&[flags]);
                match body {
                    CapableBody::None => {}
                    CapableBody::Sender(key) => w.put(&key.to_be_bytes()),
                    CapableBody::Both { sender, receiver } => {
                        w.put(&sender.to_be_bytes());
                        w.put(&receiver.to_be_bytes());
                    }
                    CapableBody::WithData { sender, receiver, len, checksum } => {
                        w.put(&sender.to_be_bytes());
                        w.put(&receiver.to_be_bytes());
                        w.put(&len.to_be_bytes());
                        if let Some(checksum) = checksum {
                            w.put(&checksum.to_be_bytes());
                        }
                    }
                }
                w.finish()
            }
            Self::Join(join) => {
                let low = match join {
                    Join::Syn { backup, .. } | Join::SynAck { backup, .. } => u8::from(backup),
                    Join::Ack { .. } => 0,
                };
                let mut w = Writer::new(Subtype::Join, low);
                match join {
                    Join::Syn { address_id, token, nonce, .. } => {
                        w.put(&[address_id]);
                        w.put(&token.to_be_bytes());
                        w.put(&nonce.to_be_bytes());
                    }
                    Join::SynAck { address_id, hmac, nonce, .. } => {
                        w.put(&[address_id]);
                        w.put(&hmac.to_be_bytes());
                        w.put(&nonce.to_be_bytes());
                    }
                    Join::Ack { hmac } => {
                        w.put(&[0]);
                        w.put(&hmac);
                    }
                }
                w.finish()
            }
            Self::AddAddr(AddAddr { v0, echo, address_id, address, port, hmac }) => {
                let low = match (v0, address) {
                    (true, IpAddr::V4(_)) => 4,
                    (true, IpAddr::V6(_)) => 6,
                    (false, _) => u8::from(echo),
                };
                let mut w = Writer::new(Subtype::AddAddr, low);
                w.put(&[address_id]);
                match address {
                    IpAddr::V4(a) => w.put(&a.octets()),
                    IpAddr::V6(a) => w.put(&a.octets()),
                }
                if let Some(port) = port {
                    w.put(&port.to_be_bytes());
                }
                if let Some(hmac) = hmac {
                    w.put(&hmac.to_be_bytes());
                }
                w.finish()
            }
            Self::RemoveAddr(ids) => {
                let mut w = Writer::new(Subtype::RemoveAddr, 0);
                w.put(ids.as_slice());
                w.finish()
            }
            Self::Prio { backup, address_id } => {
                let mut w = Writer::new(Subtype::Prio, u8::from(backup));
                if let Some(id) = address_id {
                    w.put(&[id]);
                }
                w.finish()
            }
            Self::Fail { dsn } => {
                let mut w = Writer::new(Subtype::Fail, 0);
                w.put(&[0]);
                w.put(&dsn.to_be_bytes());
                w.finish()
            }
            Self::FastClose { key } => {
                let mut w = Writer::new(Subtype::FastClose, 0);
                w.put(&[0]);
                w.put(&key.to_be_bytes());
                w.finish()
            }
            Self::TcpRst { transient, reason } => {
                let mut w = Writer::new(Subtype::TcpRst, u8::from(transient));
                w.put(&[reason.0]);
                w.finish()
            }
        }
    }

    /// The subtype.
    #[must_use]
    pub const fn subtype(&self) -> Subtype {
        match self {
            Self::Capable { .. } => Subtype::Capable,
            Self::Join(_) => Subtype::Join,
            Self::Dss(_) => Subtype::Dss,
            Self::AddAddr(_) => Subtype::AddAddr,
            Self::RemoveAddr(_) => Subtype::RemoveAddr,
            Self::Prio { .. } => Subtype::Prio,
            Self::Fail { .. } => Subtype::Fail,
            Self::FastClose { .. } => Subtype::FastClose,
            Self::TcpRst { .. } => Subtype::TcpRst,
        }
    }
}

/// Every option 30 of a segment that can be understood, in order.
pub fn mptcp_options(options: &Options) -> impl Iterator<Item = MptcpOption> + '_ {
    options.iter().filter_map(|o| MptcpOption::parse(&o).ok())
}

#[cfg(test)]
mod tests;
