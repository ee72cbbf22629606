//! A capture as packets: what is TCP, what is not, and what of it was captured.

use std::collections::BTreeMap;
use std::path::Path;

use scenarios::Diagnostic;
use sim_core::time::SimTime;
use sim_core::wire::bytes::ParseError;
use sim_core::wire::packet::{Packet, Protocol};
use sim_core::wire::payload::{fold, sum_bytes};
use sim_core::wire::pcap::Capture;

/// A TCP segment of a capture.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Number of the frame in its file, from 1, as Wireshark counts.
    pub frame: u32,
    /// When, since the capture's first frame.
    pub at: SimTime,
    /// Index of the interface.
    pub interface: u32,
    /// The packet. Payload that was not captured is zeros.
    pub packet: Packet,
    /// Bytes of the payload that were captured.
    pub present: u32,
}

/// A packet that is not a whole TCP segment: devices let it pass.
#[derive(Clone, Debug)]
pub struct Other {
    /// When, since the capture's first frame.
    pub at: SimTime,
    /// What was captured of the IP packet.
    pub bytes: Box<[u8]>,
    /// Its length on the wire.
    pub original_len: u32,
}

/// A capture, read.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Path of its file.
    pub file: String,
    /// The time of its first frame, in nanoseconds of its own clock.
    pub epoch_ns: u64,
    /// Names of its interfaces, where it has any.
    pub interfaces: Vec<Option<String>>,
    /// TCP, in order of time.
    pub packets: Vec<Seen>,
    /// ICMP errors about TCP segments, in order of time; they are among the others, too.
    pub errors: Vec<Seen>,
    /// IP packets that are not whole TCP segments, in order of time.
    pub others: Vec<Other>,
    /// How many packets are no TCP segments that can be passed through a model, by why.
    pub apart: BTreeMap<String, u64>,
    /// Segments whose checksum was left to a network card; they count as right.
    pub unsummed: u64,
}

impl Trace {
    /// Reads a capture file.
    ///
    /// # Errors
    /// It cannot be read, or is no capture: with the offset and what was expected there.
    pub fn read(path: &Path) -> Result<Self, Box<Diagnostic>> {
        let file = path.display().to_string();
        let fault = |message: String| Box::new(Diagnostic::of_file(&file, message));
        let bytes = std::fs::read(path).map_err(|error| {
            let text = error.to_string();
            let why = text.split(" (os error").next().unwrap_or(&text).to_lowercase();
            fault(format!("cannot read {file}: {why}"))
        })?;
        Self::parse(&file, &bytes).map_err(|error| {
            let help = "pcap and pcapng are read; tshark -r FILE -w NEW.pcapng makes one of others";
            Box::new(fault(error.to_string()).help(help))
        })
    }

    /// Reads the bytes of a capture file; `file` is what messages call it.
    ///
    /// # Errors
    /// They are no capture.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, sim_core::wire::pcap::CaptureError> {
        let capture = Capture::parse(bytes)?;
        let mut trace = Self {
            file: file.to_owned(),
            interfaces: capture.interfaces.iter().map(|i| i.name.clone()).collect(),
            ..Self::default()
        };
        // Frames of several interfaces may be out of order; those without a time keep their place.
        let mut frames: Vec<(u64, usize)> = Vec::with_capacity(capture.frames.len());
        for (index, frame) in capture.frames.iter().enumerate() {
            let before = frames.last().map_or(0, |&(stamp, _)| stamp);
            frames.push((if frame.stamp_ns == 0 { before } else { frame.stamp_ns }, index));
        }
        frames.sort_by_key(|&(stamp, _)| stamp);
        trace.epoch_ns = frames.first().map_or(0, |&(stamp, _)| stamp);
        for (stamp, index) in frames {
            let frame = &capture.frames[index];
            let at = SimTime(stamp - trace.epoch_ns);
            let Some(ip) = frame.ip() else {
                *trace.apart.entry("not IP".into()).or_default() += 1;
                continue;
            };
            let apart = |why: String, trace: &mut Self| {
                *trace.apart.entry(why).or_default() += 1;
                let link = frame.bytes.len() - ip.len();
                let original_len = frame.original_len.saturating_sub(link as u32);
                trace.others.push(Other { at, bytes: ip.into(), original_len });
            };
            match Packet::parse_truncated(ip) {
                Ok(packet) if packet.protocol != Protocol::Tcp => {
                    if packet.icmp().is_some_and(|error| error.flow().is_some()) {
                        let (frame, interface) = (index as u32 + 1, frame.interface);
                        let present = packet.payload.len;
                        trace.errors.push(Seen { frame, at, interface, packet, present });
                    }
                    apart("ICMP".into(), &mut trace);
                }
                Ok(mut packet) => {
                    if packet.checksum_fault != 0 && is_left_to_the_card(ip, &packet) {
                        packet.checksum_fault = 0;
                        trace.unsummed += 1;
                    }
                    let headers = packet.wire_len() - packet.payload.len;
                    let present = (ip.len() as u32).saturating_sub(headers).min(packet.payload.len);
                    let (frame, interface) = (index as u32 + 1, frame.interface);
                    trace.packets.push(Seen { frame, at, interface, packet, present });
                }
                Err(error) => apart(why(error), &mut trace),
            }
        }
        Ok(trace)
    }

    /// Segments of which not all bytes were captured.
    #[must_use]
    pub fn cut(&self) -> usize {
        self.packets.iter().filter(|seen| seen.present < seen.packet.payload.len).count()
    }
}

/// Why a packet is not passed through a model, in words to be counted by.
fn why(error: ParseError) -> String {
    match error {
        ParseError::NotTcp(1 | 58) => "ICMP".into(),
        ParseError::NotTcp(17) => "UDP".into(),
        ParseError::NotTcp(protocol) => format!("IP protocol {protocol}"),
        ParseError::Fragment => "fragments".into(),
        ParseError::IpHeaderLen(_) => "with IP options".into(),
        ParseError::Truncated { .. } => "cut within their headers".into(),
        ParseError::IpVersion(_)
        | ParseError::IpLen(_)
        | ParseError::IpChecksum
        | ParseError::DataOffset(_) => "with broken headers".into(),
    }
}

/// True when the checksum is the sum of the pseudo header alone, which a sending host leaves for its
/// network card to complete: the packet was captured before.
fn is_left_to_the_card(ip: &[u8], packet: &Packet) -> bool {
    let header = packet.ip_header_len() as usize;
    let addresses = if header == 20 { 12..20 } else { 8..40 };
    let tcp_len = packet.tcp_header_len() + packet.payload.len;
    let (Some(addresses), Some([high, low])) =
        (ip.get(addresses), ip.get(header + 16..).and_then(|rest| rest.first_chunk()))
    else {
        return false;
    };
    u16::from_be_bytes([*high, *low]) == fold(sum_bytes(addresses) + 6 + u64::from(tcp_len))
}
