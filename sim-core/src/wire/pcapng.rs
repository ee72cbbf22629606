//! Writing captures as pcapng (draft-ietf-opsawg-pcapng): named interfaces, nanosecond stamps, a
//! comment on any packet. The same packets give the same bytes.

use std::io::{self, Write};

use super::packet::Packet;
use super::pcap::LinkType;
use crate::time::SimTime;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const OPT_ENDOFOPT: u16 = 0;
const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
/// `if_tsresol`: units of 10^-9 s.
const NANOSECONDS: u8 = 9;

/// Number of an interface in a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(pub u32);

/// Writes a capture of raw IP packets to any sink. Many small writes: give it a buffered one.
#[derive(Debug)]
pub struct PcapngWriter<W> {
    out: W,
    interfaces: u32,
    block: Vec<u8>,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a capture.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = Self { out, interfaces: 0, block: Vec::new() };
        writer.put(&BYTE_ORDER_MAGIC.to_le_bytes());
        writer.put(&1u16.to_le_bytes());
        writer.put(&0u16.to_le_bytes());
        // The section's length: not given.
        writer.put(&u64::MAX.to_le_bytes());
        writer.put_option(SHB_USERAPPL, b"option30");
        writer.put_option(OPT_ENDOFOPT, b"");
        writer.finish_block(SECTION_HEADER)?;
        Ok(writer)
    }

    /// Adds an interface. Interfaces may be added at any time before their first packet.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn interface(&mut self, name: &str) -> io::Result<InterfaceId> {
        self.put(&(LinkType::RAW.0 as u16).to_le_bytes());
        self.put(&0u16.to_le_bytes());
        // The snap length: unlimited.
        self.put(&0u32.to_le_bytes());
        self.put_option(IF_NAME, clip(name).as_bytes());
        self.put_option(IF_TSRESOL, &[NANOSECONDS]);
        self.put_option(OPT_ENDOFOPT, b"");
        self.finish_block(INTERFACE_DESCRIPTION)?;
        self.interfaces += 1;
        Ok(InterfaceId(self.interfaces - 1))
    }

    /// Writes a packet as `interface` saw it `at` that time, counted from the capture's epoch.
    ///
    /// # Errors
    /// Those of the sink, and `InvalidInput` for an interface that was not added.
    pub fn packet(
        &mut self,
        interface: InterfaceId,
        at: SimTime,
        packet: &Packet,
        comment: Option<&str>,
    ) -> io::Result<()> {
        let len = packet.wire_len();
        self.captured(interface, at, len, comment, |block| packet.emit(block))
    }

    /// Writes the first bytes of an IP packet, of which `original_len` were on the wire.
    ///
    /// # Errors
    /// As [`PcapngWriter::packet`].
    pub fn bytes(
        &mut self,
        interface: InterfaceId,
        at: SimTime,
        bytes: &[u8],
        original_len: u32,
        comment: Option<&str>,
    ) -> io::Result<()> {
        self.captured(interface, at, original_len, comment, |block| block.extend(bytes))
    }

    fn captured(
        &mut self,
        interface: InterfaceId,
        at: SimTime,
        original_len: u32,
        comment: Option<&str>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> io::Result<()> {
        if interface.0 >= self.interfaces {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no such capture interface"));
        }
        let ns = at.as_nanos();
        self.put(&interface.0.to_le_bytes());
        self.put(&((ns >> 32) as u32).to_le_bytes());
        self.put(&(ns as u32).to_le_bytes());
        let lengths = self.block.len();
        self.put(&[0; 8]);
        let start = self.block.len();
        write(&mut self.block);
        let len = (self.block.len() - start) as u32;
        self.block[lengths..lengths + 4].copy_from_slice(&len.to_le_bytes());
        self.block[lengths + 4..start].copy_from_slice(&original_len.to_le_bytes());
        self.align();
        if let Some(comment) = comment {
            self.put_option(OPT_COMMENT, clip(comment).as_bytes());
            self.put_option(OPT_ENDOFOPT, b"");
        }
        self.finish_block(ENHANCED_PACKET)
    }

    /// Flushes and gives the sink back.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
    }

    fn put_option(&mut self, code: u16, value: &[u8]) {
        self.put(&code.to_le_bytes());
        self.put(&(value.len() as u16).to_le_bytes());
        self.put(value);
        self.align();
    }

    fn align(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    /// Writes the block that has been put together, its type before and its length around it.
    fn finish_block(&mut self, kind: u32) -> io::Result<()> {
        let len = (self.block.len() as u32 + 12).to_le_bytes();
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&len)?;
        self.out.write_all(&self.block)?;
        self.out.write_all(&len)?;
        self.block.clear();
        Ok(())
    }
}

/// As much of a text as an option's 16-bit length allows.
fn clip(text: &str) -> &str {
    let mut end = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pcap::Capture;

    #[test]
    fn what_is_written_is_read() {
        let mut packet = Packet::new("[::1]:1".parse().unwrap(), "[::2]:2".parse().unwrap());
        let mut writer = PcapngWriter::new(Vec::new()).unwrap();
        let inside = writer.interface("inside").unwrap();
        writer.packet(inside, SimTime(1), &packet, None).unwrap();
        let outside = writer.interface("Zürich/outside").unwrap();
        packet.ttl = 9;
        writer.packet(outside, SimTime(7_000_000_001), &packet, Some("odd")).unwrap();
        assert!(writer.packet(InterfaceId(2), SimTime(9), &packet, None).is_err());
        writer.bytes(inside, SimTime(8_000_000_000), b"\x45cut", 60, None).unwrap();
        let file = writer.finish().unwrap();

        let capture = Capture::parse(&file).unwrap();
        let names: Vec<_> = capture.interfaces.iter().map(|i| i.name.as_deref()).collect();
        assert_eq!(names, [Some("inside"), Some("Zürich/outside")]);
        let [whole @ .., cut] = &capture.frames[..] else { panic!("three frames") };
        assert_eq!((cut.bytes, cut.original_len), (&b"\x45cut"[..], 60));
        let frames: Vec<_> = whole
            .iter()
            .map(|f| (f.interface, f.stamp_ns, Packet::parse(f.ip().unwrap()).unwrap().ttl))
            .collect();
        assert_eq!(frames, [(0, 1, 64), (1, 7_000_000_001, 9)]);
    }

    #[test]
    fn the_bytes_are_stable() {
        let mut writer = PcapngWriter::new(Vec::new()).unwrap();
        let id = writer.interface("a").unwrap();
        let packet = Packet::new("1.0.0.1:1".parse().unwrap(), "1.0.0.2:2".parse().unwrap());
        writer.packet(id, SimTime(0x1_0000_0002), &packet, Some("why")).unwrap();
        let hex: String = writer.finish().unwrap().iter().map(|b| format!("{b:02x}")).collect();
        let section = "0a0d0d0a2c0000004d3c2b1a01000000ffffffffffffffff\
                       040008006f7074696f6e3330000000002c000000";
        let interface = "010000002800000065000000000000000200010061000000\
                         09000100090000000000000028000000";
        let packet = "0600000054000000000000000100000002000000280000002800000045000028\
                      00004000400638ce010000010100000200010002000000000000000050000000\
                      addf000001000300776879000000000054000000";
        assert_eq!(hex, [section, interface, packet].concat());
    }

    #[test]
    fn a_long_comment_is_cut_between_characters() {
        let text = "é".repeat(40_000);
        assert_eq!(clip(&text).len(), 65_534);
    }
}
