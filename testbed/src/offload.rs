//! Segmentation offload, undone and done: the kernel's super-packets become the segments that a network
//! card would have sent, so that links and device models see honest packets; segments in a row become
//! super-packets again on the way into a kernel.
//!
//! The header before each packet is the kernel's `virtio_net_hdr` (include/uapi/linux/virtio_net.h), in the
//! byte order of the machine.

use std::io::IoSlice;

use sim_core::wire::bytes::ParseError;
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::payload::{Payload, fold, sum_bytes};

use crate::tun::HEADER_LEN;

const NEEDS_CHECKSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
/// Flag on a GSO type: the segments have ECN's CWR.
const GSO_ECN: u8 = 0x80;
const TCP_CHECKSUM: u16 = 16;

/// IP's length has 16 bits.
const LARGEST_IP: u32 = 65_535;
/// Segments in one super-packet (the kernel's MAX_SKB_FRAGS is 17, but pages are joined on writing).
const MOST_SEGMENTS: usize = 44;

/// Payloads kept at most: what is between two kernels at once, about two megabytes of whole segments.
const MOST_SPARE: usize = 1024;

/// The memory of payloads that have been written, for those that are read next. Nearly all have the length of
/// a whole segment, which is more than an allocator gives out cheaply.
#[derive(Debug, Default)]
pub(crate) struct Spare(Vec<Box<[u8]>>);

impl Spare {
    /// These bytes, in memory that was used before where there is some of their length.
    fn literal(&mut self, bytes: &[u8]) -> Payload {
        match self.0.pop() {
            Some(mut spare) if spare.len() == bytes.len() => {
                spare.copy_from_slice(bytes);
                Payload::literal(spare)
            }
            _ => Payload::literal(bytes),
        }
    }

    /// Takes the memory of a payload that has been written.
    pub(crate) fn keep(&mut self, payload: &mut Payload) {
        if let Some(bytes) = payload.bytes.take()
            && self.0.len() < MOST_SPARE
        {
            self.0.push(bytes);
        }
    }
}

/// The packets in what a TUN gave: one, or the segments of a super-packet, to `each` in order.
///
/// # Errors
/// What the simulator's packet cannot hold.
pub(crate) fn split(
    read: &[u8],
    spare: &mut Spare,
    mut each: impl FnMut(Packet),
) -> Result<(), ParseError> {
    let (header, bytes) = read.split_at_checked(HEADER_LEN).unwrap_or((&[0; HEADER_LEN], &[]));
    let segmented = header[1] & !GSO_ECN != GSO_NONE;
    let partial = header[0] & NEEDS_CHECKSUM != 0;
    if !segmented && !partial {
        each(Packet::parse(bytes)?);
        return Ok(());
    }
    let (mut whole, payload) = head(bytes)?;
    let segment_len = usize::from(u16::from_ne_bytes([header[4], header[5]]));
    if !segmented || segment_len == 0 || payload.len() <= segment_len {
        if !payload.is_empty() {
            whole.payload = spare.literal(payload);
        }
        each(whole);
        return Ok(());
    }
    let flags = whole.flags;
    let count = payload.len().div_ceil(segment_len);
    for (i, piece) in payload.chunks(segment_len).enumerate() {
        let mut segment = whole.clone();
        segment.seq = whole.seq.add((i * segment_len) as u32);
        segment.ip_id = whole.ip_id.wrapping_add(i as u16);
        segment.flags = flags;
        if i + 1 < count {
            segment.flags = segment.flags.without(Flags::FIN.with(Flags::PSH));
        }
        if i > 0 {
            segment.flags = segment.flags.without(Flags::CWR);
        }
        segment.payload = spare.literal(piece);
        each(segment);
    }
    Ok(())
}

/// The headers of a packet whose checksum is not filled in yet, and its payload.
fn head(bytes: &[u8]) -> Result<(Packet, &[u8]), ParseError> {
    let truncated = ParseError::Truncated { needed: 40, found: bytes.len() };
    let ip_len = if bytes.first().is_some_and(|b| b >> 4 == 6) { 40 } else { 20 };
    let offset = bytes.get(ip_len + 12).ok_or(truncated)?;
    let head_len = ip_len + usize::from(offset >> 4) * 4;
    let (head, payload) = bytes.split_at_checked(head_len).ok_or(truncated)?;
    // A header of its own for the parser, which then finds no payload to copy.
    let mut alone = [0; 100];
    let alone = alone.get_mut(..head_len).ok_or(truncated)?;
    alone.copy_from_slice(head);
    let (at, len) = if ip_len == 20 { (2, head_len) } else { (4, head_len - ip_len) };
    alone[at..at + 2].copy_from_slice(&(len as u16).to_be_bytes());
    let mut packet = Packet::parse_truncated(alone)?;
    packet.checksum_fault = 0; // what is there is the sum of the pseudo-header
    Ok((packet, payload))
}

/// What a TUN is to be given for these packets, in parts, to `write`: those in a row that one super-packet
/// can hold are one.
pub(crate) fn join(
    packets: &mut [Box<Packet>],
    scratch: &mut Vec<u8>,
    mut write: impl FnMut(&[IoSlice<'_>]),
) {
    let mut rest = packets;
    while !rest.is_empty() {
        let count = joinable(rest);
        let (now, later) = rest.split_at_mut(count);
        scratch.clear();
        if let [packet] = now {
            scratch.extend([0; HEADER_LEN]);
            packet.emit(scratch);
            write(&[IoSlice::new(scratch)]);
        } else {
            write_joined(now, scratch, &mut write);
        }
        rest = later;
    }
}

/// How many packets from the first on make one super-packet: at least one.
fn joinable(packets: &[Box<Packet>]) -> usize {
    let first = &packets[0];
    let size = first.payload.len;
    if !may_join(first) || first.flags.has(Flags::PSH) {
        return 1;
    }
    let mut total = first.wire_len();
    let mut end = first.seq.add(size);
    let mut count = 1;
    for next in packets[1..].iter().take(MOST_SEGMENTS - 1) {
        let fits = may_join(next)
            && next.seq == end
            && next.payload.len <= size
            && total + next.payload.len <= LARGEST_IP
            && same_headers(first, next);
        if !fits {
            break;
        }
        total += next.payload.len;
        end = end.add(next.payload.len);
        count += 1;
        // A shorter one, or one with PSH, is the last.
        if next.payload.len < size || next.flags.has(Flags::PSH) {
            break;
        }
    }
    count
}

fn may_join(packet: &Packet) -> bool {
    packet.payload.len > 0
        && packet.checksum_fault == 0
        && packet.flags.without(Flags::PSH) == Flags::ACK
        && packet.reserved == 0
        && packet.urgent == 0
}

fn same_headers(a: &Packet, b: &Packet) -> bool {
    a.flow() == b.flow()
        && a.ack == b.ack
        && a.window == b.window
        && (a.tos, a.ttl) == (b.tos, b.ttl)
        && a.options == b.options
}

fn write_joined(
    packets: &mut [Box<Packet>],
    scratch: &mut Vec<u8>,
    write: &mut impl FnMut(&[IoSlice<'_>]),
) {
    let payload_len: u32 = packets.iter().map(|p| p.payload.len).sum();
    let last_flags = packets.last().map_or(Flags(0), |p| p.flags);
    let size = packets[0].payload.len as u16;
    let mut head = (*packets[0]).clone();
    head.payload = Payload::empty();
    head.flags = last_flags;
    let (ip_len, tcp_len) = (head.ip_header_len(), head.tcp_header_len());
    scratch.extend([0; HEADER_LEN]);
    head.emit(scratch);
    let is_v4 = ip_len == 20;
    let fields = [(ip_len + tcp_len) as u16, size, ip_len as u16, TCP_CHECKSUM];
    scratch[0] = NEEDS_CHECKSUM;
    scratch[1] = if is_v4 { GSO_TCPV4 } else { GSO_TCPV6 };
    for (at, field) in (2..).step_by(2).zip(fields) {
        scratch[at..at + 2].copy_from_slice(&field.to_ne_bytes());
    }
    lengthen(&mut scratch[HEADER_LEN..], ip_len as usize, tcp_len + payload_len);
    for packet in &mut *packets {
        packet.payload.make_literal();
    }
    let bodies = packets.iter().filter_map(|p| p.payload.bytes.as_deref());
    let parts: Vec<IoSlice<'_>> =
        std::iter::once(&scratch[..]).chain(bodies).map(IoSlice::new).collect();
    write(&parts);
}

/// Puts the length of the whole into headers made for one without payload, and the sum of the
/// pseudo-header where the kernel wants it (CHECKSUM_PARTIAL).
fn lengthen(bytes: &mut [u8], ip_len: usize, tcp_len: u32) {
    let addresses = if ip_len == 20 { 12..20 } else { 8..40 };
    let pseudo = sum_bytes(&bytes[addresses]) + 6 + u64::from(tcp_len);
    if ip_len == 20 {
        bytes[2..4].copy_from_slice(&((tcp_len + 20) as u16).to_be_bytes());
        bytes[10..12].copy_from_slice(&[0, 0]);
        let checksum = !fold(sum_bytes(&bytes[..20]));
        bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
    } else {
        bytes[4..6].copy_from_slice(&(tcp_len as u16).to_be_bytes());
    }
    let at = ip_len + usize::from(TCP_CHECKSUM);
    bytes[at..at + 2].copy_from_slice(&fold(pseudo).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use sim_core::wire::options::Options;

    use super::*;

    fn segment(seq: u32, len: usize, flags: Flags, v6: bool) -> Packet {
        let ends = if v6 {
            ["[fd00::1]:40000", "[fd01::1]:80"]
        } else {
            ["10.0.1.2:40000", "10.1.1.2:80"]
        };
        let [src, dst] = ends.map(|end| end.parse().expect("an address"));
        let mut packet = Packet::new(src, dst);
        packet.seq = sim_core::wire::seq::Seq(seq);
        packet.flags = flags;
        packet.window = 77;
        packet.options =
            Options::from_bytes(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]).expect("12 bytes");
        if len > 0 {
            let bytes: Vec<u8> = (0..len).map(|i| (seq as usize + i) as u8).collect();
            packet.payload = Payload::literal(bytes);
        }
        packet
    }

    /// Joins packets and splits what came out: the same packets, in so many writes.
    fn check(packets: &[Packet], writes: usize) {
        let mut boxed: Vec<Box<Packet>> = packets.iter().cloned().map(Box::new).collect();
        let (mut written, mut scratch) = (Vec::new(), Vec::new());
        join(&mut boxed, &mut scratch, |parts| {
            written.push(parts.iter().flat_map(|part| part.to_vec()).collect::<Vec<u8>>());
        });
        assert_eq!(written.len(), writes, "{packets:?}");
        let mut back = Vec::new();
        // What is read goes into the memory of what was written, in another order.
        let mut spare = Spare::default();
        boxed.iter_mut().for_each(|packet| spare.keep(&mut packet.payload));
        for bytes in &written {
            split(bytes, &mut spare, |packet| back.push(packet))
                .expect("what is written can be read");
        }
        // The segments of a super-packet are numbered in a row, as a network card does.
        back.iter_mut().for_each(|packet| packet.ip_id = 0);
        assert_eq!(back, packets);
    }

    #[test]
    fn what_is_joined_splits_into_the_same() {
        let (ack, push) = (Flags::ACK, Flags::ACK.with(Flags::PSH));
        for v6 in [false, true] {
            let row = |lens: &[usize], last: Flags| -> Vec<Packet> {
                let mut seq = u32::MAX - 100; // over the wrap
                let count = lens.len();
                let each = lens.iter().enumerate().map(|(i, &len)| {
                    let flags = if i + 1 == count { last } else { ack };
                    let packet = segment(seq, len, flags, v6);
                    seq = seq.wrapping_add(len as u32);
                    packet
                });
                each.collect()
            };
            check(&row(&[1400], ack), 1);
            check(&row(&[1400, 1400, 1400], ack), 1);
            check(&row(&[1400, 1400, 100], push), 1);
            check(&row(&[1400, 100, 1400], ack), 2); // a short one is the last
            check(&row(&[100, 1400], ack), 2);
            check(&row(&[1400; 100], push), 3);
            check(&[segment(1, 0, ack, v6), segment(1, 0, ack, v6)], 2);
            check(&[segment(1, 9, ack, v6), segment(30, 9, ack, v6)], 2); // a hole
            let mut other = row(&[1400, 1400], ack);
            other[1].window = 78;
            check(&other, 2);
            let mut faulty = row(&[1400, 1400], ack);
            faulty[1].checksum_fault = 5;
            check(&faulty, 2);
            check(&row(&[1400, 1400], Flags::ACK.with(Flags::FIN)), 2);
        }
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        for bytes in [&[][..], &[0; 5], &[0; 10], &[0; 30], &[1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x45]] {
            let mut count = 0;
            assert!(split(bytes, &mut Spare::default(), |_| count += 1).is_err(), "{bytes:?}");
            assert_eq!(count, 0);
        }
        // A header that claims more than there is, in both families.
        for first in [0x45, 0x60] {
            let mut bytes = vec![0; 10 + 60];
            (bytes[0], bytes[1], bytes[4]) = (1, 1, 10);
            bytes[10] = first;
            bytes[10 + if first == 0x45 { 32 } else { 52 }] = 0xf0;
            assert!(split(&bytes, &mut Spare::default(), |_| ()).is_err());
        }
    }
}
