//! The data sequence signal, DSS (RFC 8684 §3.3): mapping and data acknowledgement. Nearly every segment
//! carries one, so it is read and written in place.

use super::codec::Reader;
use super::{NotUnderstood, Subtype};
use crate::wire::options::{Options, TooLong, kind};

const DATA_FIN: u8 = 0x10;
const DSN_LONG: u8 = 0x08;
const MAP_PRESENT: u8 = 0x04;
const ACK_LONG: u8 = 0x02;
const ACK_PRESENT: u8 = 0x01;

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

    pub(super) fn alone_anyhow(options: &Options) -> Option<Self> {
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
    pub(super) fn read(flags: u8, r: &mut Reader<'_>) -> Result<Self, NotUnderstood> {
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
