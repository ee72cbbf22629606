//! MPTCP options as bytes: read and written field by field.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    AddAddr, AddressIds, CapableBody, Dss, Join, MptcpOption, NotUnderstood, ResetReason, Subtype,
};
use crate::wire::options::{Options, RawOption, TooLong, kind};

/// Reads big-endian fields one after another.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

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
    pub(super) fn u16(&mut self) -> Result<u16, NotUnderstood> {
        Ok(u16::from_be_bytes(self.take()?))
    }
    pub(super) fn u32(&mut self) -> Result<u32, NotUnderstood> {
        Ok(u32::from_be_bytes(self.take()?))
    }
    pub(super) fn u64(&mut self) -> Result<u64, NotUnderstood> {
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
}
