//! MPTCP options of both versions: v0 (RFC 6824 §3) and v1 (RFC 8684 §3), parsed and emitted to the
//! same bytes.
//!
//! The version shows in the bytes where it matters (MP_CAPABLE's version field, ADD_ADDR's low
//! nibble), so parsing needs no context.

mod codec;
mod signal;

use std::fmt;
use std::net::IpAddr;

use super::options::{Options, RawOption, kind};

pub use signal::{DataSeq, Dss, Mapping, UsualDss, UsualMapping};

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

impl MptcpOption {
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
