//! Making packets: which options go out, within the 40 bytes that a header has (PROTOCOL §1).

use super::endpoint::{Endpoint, Io, Mode};
use super::subflow::{Proof, State};
use crate::record::SubflowRole;
use crate::record::story::{End, Fact, ResetCause};
use crate::tcp::seq_of;
use crate::wire::crypto::{MptcpVersion, join_hmac, truncated};
use crate::wire::dss::dss_checksum;
use crate::wire::mptcp::{
    CapableBody, DataSeq, Dss, Join, Mapping, MptcpOption, ResetReason, UsualDss, UsualMapping,
    capable_flags,
};
use crate::wire::options::{Options, kind};
use crate::wire::packet::{Flags, Packet, PacketUid};
use crate::wire::payload::Payload;
use crate::wire::seq::Seq;

/// The data-level content of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct DataSegment {
    /// Subflow offset of the first byte.
    pub(super) start: u64,
    /// Data-level offset of the first byte.
    pub(super) data: u64,
    /// Bytes.
    pub(super) len: u32,
    /// Bytes before the first that were sent with it, are acknowledged, and stay in its mapping.
    pub(super) trimmed: u32,
    /// The subflow's FIN follows.
    pub(super) fin: bool,
}

impl DataSegment {
    /// Offsets in the subflow and in the data of what its mapping covers, and the length.
    #[inline]
    const fn mapped(&self) -> (u64, u64, u32) {
        let trimmed = self.trimmed as u64;
        (self.start - trimmed, self.data - trimmed, self.len + self.trimmed)
    }
}

impl Endpoint {
    /// Payload bytes that fit into a segment of subflow `i`, options included.
    #[inline(always)] // once for each segment
    pub(super) fn segment_room(&self, i: usize) -> u32 {
        let s = &self.subflows[i];
        // Linux forgets to leave room for the infinite mapping, and the packet outgrows the MTU.
        let infinite = s.infinite_pending && !self.is_linux();
        let dss = match self.mode {
            Mode::Plain(_) if !infinite => 0,
            // The first data may carry MP_CAPABLE with both keys, length and checksum instead.
            Mode::Mptcp { certain: false } => self.dss_len().max(24),
            _ => self.dss_len(),
        };
        self.mss_cache(i).saturating_sub(dss).max(1)
    }

    /// Most payload of a segment without options of MPTCP (Linux's `mss_cache`).
    pub(super) fn mss_cache(&self, i: usize) -> u32 {
        let s = &self.subflows[i];
        let ip = if s.flow.src.is_ipv4() { 20 } else { 40 };
        let mss = s.peer_mss.min(s.mtu - ip - 20);
        mss - if s.timestamps { 12 } else { 0 }
    }

    /// Bytes of a DSS with acknowledgement and mapping, padded.
    fn dss_len(&self) -> u32 {
        let ack = if self.long_ack { 8 } else { 4 };
        let dsn = if self.is_linux() { 8 } else { 4 };
        let checksum = if self.checksum { 2 } else { 0 };
        (4 + ack + dsn + 6 + checksum as u32).next_multiple_of(4)
    }

    /// Linux sends 64-bit numbers; the RFC profiles the 32-bit ones that RFC 8684 §3.3.1 allows while
    /// they are unambiguous.
    fn data_seq(&self, full: u64) -> DataSeq {
        if self.is_linux() { DataSeq::Long(full) } else { DataSeq::Short(full as u32) }
    }

    /// A DATA_ACK is as long as the numbers of the mappings that came (RFC 8684 §3.3.2).
    pub(super) fn ack_seq(&self) -> DataSeq {
        let full = self.data_ack();
        if self.long_ack { DataSeq::Long(full) } else { DataSeq::Short(full as u32) }
    }

    /// DATA_ACK to send: the next data sequence number expected, the DATA_FIN counted.
    #[inline]
    pub(super) fn data_ack(&self) -> u64 {
        let fin = self.receive.fin.is_some_and(|at| self.receive.next >= at);
        self.remote_idsn.wrapping_add(1 + self.receive.next + u64::from(fin))
    }

    /// DSN of a data-level offset.
    pub(super) fn dsn_of(&self, offset: u64) -> u64 {
        self.local_idsn.wrapping_add(1 + offset)
    }

    #[inline(always)]
    fn blank(&mut self, io: &mut Io<'_>, i: usize, flags: Flags) -> Box<Packet> {
        let uid = self.fresh_uid(i);
        let flow = &self.subflows[i].flow;
        let mut packet = io.outbox.pool.packet(&flow.src, &flow.dst);
        packet.uid = uid;
        packet.flags = flags;
        packet.ip_id = uid.0 as u16;
        packet
    }

    /// Window field: what the connection can still take, scaled (RFC 8684 §3.3.4: one window for all
    /// subflows, from the data-level acknowledgement on).
    #[inline(always)] // once for each packet
    fn window_field(&mut self, i: usize) -> u16 {
        let scale = self.subflows[i].receive_scale;
        // Rounded up, so that it is not scaled away (`__tcp_select_window`).
        let unit = (1u64 << scale) - 1;
        let is_joining = i > 0 && self.subflows[i].proof == Proof::Pending && !self.is_plain();
        let offer = &mut self.subflows[i].offer;
        let size = (offer.size().min(self.receive.window.limit()) + unit) & !unit;
        if is_joining {
            // The third ACK of a join brings no DATA_ACK that the connection's window could follow: what the
            // subflow itself offered, and no less than before.
            let size = size.max((offer.window() + unit) & !unit);
            offer.note_window(size);
            return (size >> scale).min(0xffff) as u16;
        }
        let edge = self.receive.advertised.max(self.receive.next + size);
        self.receive.advertised = edge; // never moves back (RFC 9293 §3.8.6)
        offer.note_window(edge - self.receive.next);
        ((edge - self.receive.next) >> scale).min(0xffff) as u16
    }

    /// Window field of a SYN or SYN/ACK, which is not scaled: whole segments
    /// (`tcp_select_initial_window`).
    fn initial_window_field(&mut self, i: usize) -> u16 {
        let s = &mut self.subflows[i];
        let mss = u64::from(s.own_mss());
        let size = self.receive.window.before_segments().min(0xffff);
        let size = if size > mss { size / mss * mss } else { size };
        s.offer.note_window(size);
        if s.role == SubflowRole::Initial && s.state == State::SynSent {
            // Linux does not hold the side that was opened to what its SYN/ACK offered.
            let unit = (1u64 << s.receive_scale) - 1;
            self.receive.advertised = (size + unit) & !unit;
        }
        size as u16
    }

    #[inline(always)] // once for each packet
    pub(super) fn transmit(&mut self, io: &mut Io<'_>, i: usize, packet: Box<Packet>) -> PacketUid {
        let uid = packet.uid;
        if packet.flags.has(Flags::ACK) {
            let s = &mut self.subflows[i];
            s.rx.on_ack_sent();
            s.ack_now = false;
        }
        io.outbox.sent.push(packet);
        uid
    }

    /// Sends (again) the SYN of subflow `i`; with MPTCP's option unless `plain`.
    pub(super) fn send_syn(&mut self, io: &mut Io<'_>, i: usize) -> PacketUid {
        let mut packet = self.blank(io, i, Flags::SYN);
        packet.seq = self.subflows[i].tx.initial;
        packet.window = self.initial_window_field(i);
        self.push_syn_options(io, i, &mut packet.options, true);
        if self.subflows[i].offers_mptcp {
            let option = match self.subflows[i].role {
                SubflowRole::Initial => MptcpOption::Capable {
                    version: self.version.number(),
                    flags: self.capable_flags(),
                    body: match self.version {
                        MptcpVersion::V0 => CapableBody::Sender(self.local_key.0),
                        MptcpVersion::V1 => CapableBody::None,
                    },
                },
                SubflowRole::Join => MptcpOption::Join(Join::Syn {
                    backup: self.subflows[i].backup,
                    address_id: self.subflows[i].local_id,
                    token: self.remote_key.map_or(0, |k| k.token(self.version)),
                    nonce: self.subflows[i].local_nonce,
                }),
            };
            let _ = option.emit(&mut packet.options);
            packet.options.pad();
        }
        self.transmit(io, i, packet)
    }

    /// Sends (again) the SYN/ACK of subflow `i`.
    pub(super) fn send_syn_ack(&mut self, io: &mut Io<'_>, i: usize) -> PacketUid {
        let mut packet = self.blank(io, i, Flags::SYN.with(Flags::ACK));
        let s = &self.subflows[i];
        packet.seq = s.tx.initial;
        packet.ack = s.rx.initial.add(1);
        packet.window = self.initial_window_field(i);
        self.push_syn_options(io, i, &mut packet.options, false);
        if self.subflows[i].offers_mptcp {
            let option = match self.subflows[i].role {
                SubflowRole::Initial => MptcpOption::Capable {
                    version: self.version.number(),
                    flags: self.capable_flags(),
                    body: CapableBody::Sender(self.local_key.0),
                },
                SubflowRole::Join => {
                    let s = &self.subflows[i];
                    let hmac = self.join_hmac(i);
                    MptcpOption::Join(Join::SynAck {
                        // What this end wishes, whatever the SYN said.
                        backup: self.is_backup(io.host, s.flow.src.ip()),
                        address_id: s.local_id,
                        hmac: truncated(&hmac),
                        nonce: s.local_nonce,
                    })
                }
            };
            let _ = option.emit(&mut packet.options);
            packet.options.pad();
        }
        self.transmit(io, i, packet)
    }

    /// HMAC that this end proves itself with in a join (RFC 8684 §3.2).
    pub(super) fn join_hmac(&self, i: usize) -> [u8; 20] {
        let s = &self.subflows[i];
        let remote = self.remote_key.unwrap_or_default();
        join_hmac(self.version, self.local_key, remote, s.local_nonce, s.remote_nonce)
    }

    /// HMAC that the peer must prove itself with.
    pub(super) fn peer_join_hmac(&self, i: usize) -> [u8; 20] {
        let s = &self.subflows[i];
        let remote = self.remote_key.unwrap_or_default();
        join_hmac(self.version, remote, self.local_key, s.remote_nonce, s.local_nonce)
    }

    fn capable_flags(&self) -> u8 {
        let mut flags = capable_flags::CRYPTO;
        if self.checksum {
            flags |= capable_flags::CHECKSUM;
        }
        if self.config.path_manager.no_join_to_initial && self.version == MptcpVersion::V1 {
            flags |= capable_flags::NO_JOIN;
        }
        flags
    }

    /// MSS, SACK permitted, timestamps, window scale: in Linux's order. A SYN/ACK answers only what
    /// the SYN offered.
    fn push_syn_options(&self, io: &Io<'_>, i: usize, options: &mut Options, is_syn: bool) {
        let s = &self.subflows[i];
        let ip = if s.flow.src.is_ipv4() { 20 } else { 40 };
        let mss = (s.mtu - ip - 20) as u16;
        let [high, low] = mss.to_be_bytes();
        let _ = options.push(&[kind::MSS, 4, high, low]);
        let sack = if is_syn { self.config.sack } else { s.tx.sack };
        let timestamps = if is_syn { self.config.timestamps } else { s.timestamps };
        if sack {
            let _ = options.push(&[kind::SACK_PERMITTED, 2]);
        }
        if timestamps {
            let mut bytes = [kind::TIMESTAMPS, 10, 0, 0, 0, 0, 0, 0, 0, 0];
            bytes[2..6].copy_from_slice(&self.subflows[i].timestamp(io.now).to_be_bytes());
            bytes[6..].copy_from_slice(&s.rx.ts_recent.to_be_bytes());
            let pad: &[u8] = if sack { &[] } else { &[kind::NOP, kind::NOP] };
            let _ = options.push(pad);
            let _ = options.push(&bytes);
        } else if sack {
            let _ = options.push(&[kind::NOP, kind::NOP]);
        }
        if s.receive_scale > 0 {
            let _ = options.push(&[kind::NOP, kind::WINDOW_SCALE, 3, s.receive_scale]);
        }
    }

    /// Sends an acknowledgement of subflow `i`, with whatever signal waits for one.
    pub(super) fn send_ack(&mut self, io: &mut Io<'_>, i: usize) -> PacketUid {
        self.send_ack_at(io, i, self.subflows[i].tx.next)
    }

    /// Sends an empty segment from before what the peer expects, which it must answer (Linux's
    /// `tcp_xmit_probe_skb`).
    pub(super) fn send_window_probe(&mut self, io: &mut Io<'_>, i: usize) {
        self.send_ack_at(io, i, self.subflows[i].tx.next - 1);
    }

    fn send_ack_at(&mut self, io: &mut Io<'_>, i: usize, offset: u64) -> PacketUid {
        let mut packet = self.established(io, i);
        let s = &self.subflows[i];
        packet.seq = seq_of(s.tx.initial, offset);
        let mut sack_room = true;
        if self.maps_shortly() && !self.may_signal(i) && self.acknowledges_only(i) {
            let ack = self.data_ack() as u32;
            let dss = UsualDss { data_fin: false, ack, mapping: None };
            dss.emit_usual(&mut packet.options);
        } else if !self.is_plain() {
            match self.take_signal(io.now, i, &packet.options) {
                Some(signal) => {
                    sack_room = false;
                    for option in signal.into_iter().flatten() {
                        let _ = option.emit(&mut packet.options);
                    }
                }
                None => {
                    let option = self.ack_option(i);
                    let _ = option.emit(&mut packet.options);
                }
            }
            packet.options.pad();
        }
        if sack_room && self.subflows[i].rx.has_sacks() && self.subflows[i].tx.sack {
            self.push_sacks(i, &mut packet.options);
        }
        self.transmit(io, i, packet)
    }

    /// True when a pure acknowledgement of subflow `i` has nothing to tell but what was received.
    #[inline]
    fn acknowledges_only(&self, i: usize) -> bool {
        self.subflows[i].proof == Proof::Complete && self.send.fin.is_none()
    }

    /// The option of a pure acknowledgement: the proof of the handshake while it may be lost, else a
    /// DSS with DATA_ACK (and DATA_FIN, when it is due).
    fn ack_option(&mut self, i: usize) -> MptcpOption {
        let s = &self.subflows[i];
        let mapping = self.data_fin_mapping();
        // In Linux DATA_FIN takes precedence over what the third ACK shows (mptcp_established_options_mp).
        let shows = mapping.is_none() || !self.is_linux();
        if s.role == SubflowRole::Join && s.proof == Proof::Pending && self.end_opened(i) && shows {
            return MptcpOption::Join(Join::Ack { hmac: self.join_hmac(i) });
        }
        if self.end == End::Client
            && s.role == SubflowRole::Initial
            && matches!(self.mode, Mode::Mptcp { certain: false })
            && (mapping.is_none() || s.repeats_keys && shows)
        {
            self.subflows[i].repeats_keys = false;
            return MptcpOption::Capable {
                version: self.version.number(),
                flags: self.capable_flags(),
                body: CapableBody::Both {
                    sender: self.local_key.0,
                    receiver: self.remote_key.unwrap_or_default().0,
                },
            };
        }
        MptcpOption::Dss(Dss { data_fin: mapping.is_some(), ack: Some(self.ack_seq()), mapping })
    }

    /// True when this end opened subflow `i` (it sent the SYN).
    pub(super) fn end_opened(&self, _i: usize) -> bool {
        self.end == End::Client
    }

    /// DATA_FIN without payload, while it is unacknowledged: SSN 0, length 1 (RFC 8684 §3.3.3).
    fn data_fin_mapping(&self) -> Option<Mapping> {
        let at = self.send.fin.filter(|_| !self.send.fin_acked)?;
        if self.send.next < at {
            return None;
        }
        let dsn = self.dsn_of(at);
        Some(Mapping {
            dsn: self.data_seq(dsn),
            ssn: 0,
            len: 1,
            checksum: self.checksum.then(|| dss_checksum(dsn, 0, 1, 0)),
        })
    }

    fn push_sacks(&mut self, i: usize, options: &mut Options) {
        let room = options.free().saturating_sub(4) / 8;
        let mut blocks = [(0, 0); 4];
        let s = &self.subflows[i];
        let count = s.rx.sack_blocks(room, &mut blocks);
        if count == 0 {
            return;
        }
        let _ = options.push(&[kind::NOP, kind::NOP, kind::SACK, 2 + 8 * count as u8]);
        for &(start, end) in &blocks[..count] {
            let _ = options.push(&seq_of(s.rx.initial, start).0.to_be_bytes());
            let _ = options.push(&seq_of(s.rx.initial, end).0.to_be_bytes());
        }
    }

    #[inline(always)]
    pub(super) fn established(&mut self, io: &mut Io<'_>, i: usize) -> Box<Packet> {
        let mut packet = self.blank(io, i, Flags::ACK);
        packet.window = self.window_field(i);
        let s = &self.subflows[i];
        packet.ack = seq_of(s.rx.initial, s.rx.ack_offset());
        if s.timestamps {
            packet
                .options
                .begin_with_timestamps(self.subflows[i].timestamp(io.now), s.rx.ts_recent);
        }
        packet
    }

    /// Sends data (or a bare FIN) over subflow `i`, for the first time or again.
    pub(super) fn send_data(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        segment: DataSegment,
    ) -> PacketUid {
        let mut packet = self.established(io, i);
        packet.seq = seq_of(self.subflows[i].tx.initial, segment.start);
        if segment.fin {
            packet.flags = packet.flags.with(Flags::FIN);
        }
        if segment.len > 0 {
            self.subflows[i].rx.on_data_sent(io.now);
            packet.payload = self.app.payload(segment.data, segment.len);
            if segment.data + u64::from(segment.len) >= self.send.taken {
                packet.flags = packet.flags.with(Flags::PSH);
            }
        }
        if self.maps_shortly() && segment.len > 0 {
            self.usual_mapping(segment).emit_usual(&mut packet.options);
        } else if !self.is_plain() {
            let option = self.data_option(i, segment, &packet.payload);
            let _ = option.emit(&mut packet.options);
            packet.options.pad();
        }
        let s = &mut self.subflows[i];
        if s.infinite_pending && segment.len > 0 && !self.uses_queues {
            s.infinite_pending = false;
            s.infinite_at = Some(segment.mapped().0);
            self.counters.count(super::counters::Counter::InfiniteMapTx);
            self.tell(io.now, i, Some(packet.uid), Fact::InfiniteMappingSent);
        }
        if segment.len > 0 && (self.subflows[i].infinite_at.is_some() || self.uses_queues) {
            let s = &self.subflows[i];
            let in_infinite = s.queue.at(segment.start).is_some_and(|b| b.infinite);
            if s.infinite_at == Some(segment.mapped().0) || in_infinite {
                self.push_infinite_mapping(segment, &mut packet.options);
            }
        }
        self.transmit(io, i, packet)
    }

    /// True where a segment with data that subflow `i` sends has a mapping of its own and nothing else to tell.
    #[inline(always)] // once for each segment
    pub(super) fn maps_usually(&self, i: usize) -> bool {
        let s = &self.subflows[i];
        self.maps_shortly() && !s.infinite_pending && s.infinite_at.is_none()
    }

    /// The short way of [`Endpoint::send_data`] where [`Endpoint::maps_usually`] says so.
    #[inline(always)] // once for each segment
    pub(super) fn send_mapped(&mut self, io: &mut Io<'_>, i: usize, segment: DataSegment) {
        let mut packet = self.established(io, i);
        let s = &mut self.subflows[i];
        packet.seq = seq_of(s.tx.initial, segment.start);
        s.rx.on_data_sent(io.now);
        packet.payload = self.app.payload(segment.data, segment.len);
        if segment.data + u64::from(segment.len) >= self.send.taken {
            packet.flags = packet.flags.with(Flags::PSH);
        }
        self.usual_mapping(segment).emit_usual(&mut packet.options);
        self.transmit(io, i, packet);
    }

    /// True when nothing is in question about the options of segments with data: the connection is MPTCP for
    /// certain, numbers are short, there are no checksums, and each segment has a mapping of its own.
    #[inline]
    pub(super) fn maps_shortly(&self) -> bool {
        self.mode == (Mode::Mptcp { certain: true })
            && !self.long_ack
            && !self.checksum
            && !self.uses_queues
            && !self.is_linux
    }

    /// What [`Endpoint::data_option`] comes to where [`Endpoint::maps_shortly`] says so.
    #[inline]
    fn usual_mapping(&self, segment: DataSegment) -> UsualDss {
        let (start, data, len) = segment.mapped();
        let ends = self.send.fin == Some(data + u64::from(len));
        UsualDss {
            data_fin: ends,
            ack: self.data_ack() as u32,
            mapping: Some(UsualMapping {
                dsn: self.dsn_of(data) as u32,
                ssn: start as u32,
                len: (len + u32::from(ends)) as u16,
            }),
        }
    }

    fn data_option(&mut self, i: usize, segment: DataSegment, payload: &Payload) -> MptcpOption {
        if segment.len == 0 {
            return self.ack_option(i);
        }
        // What the segment's mapping covers: the buffer that it was cut from, or itself.
        let buffer = self.subflows[i].queue.at(segment.start).filter(|_| self.uses_queues).copied();
        let (start, data, mapped) = match buffer {
            Some(b) => (b.start, b.data, b.len),
            None => segment.mapped(),
        };
        let ends = self.send.fin == Some(data + u64::from(mapped));
        let len = (mapped + u32::from(ends)) as u16;
        let dsn = self.dsn_of(data);
        let ssn = start as u32;
        let checksum = self.checksum.then(|| {
            let sum = if mapped == segment.len {
                payload.sum()
            } else {
                self.app.payload(data, mapped).sum()
            };
            dss_checksum(dsn, ssn, len, sum)
        });
        if matches!(self.mode, Mode::Mptcp { certain: false })
            && data == 0
            && !ends
            && self.version == MptcpVersion::V1
            && self.end == End::Client
            && {
                let s = &self.subflows[i];
                segment.start == 1 || s.queue.is_of_first_burst(segment, s.tx.next)
            }
        {
            return MptcpOption::Capable {
                version: 1,
                flags: self.capable_flags(),
                body: CapableBody::WithData {
                    sender: self.local_key.0,
                    receiver: self.remote_key.unwrap_or_default().0,
                    len,
                    checksum,
                },
            };
        }
        // A segment that was cut while DATA_ACKs were short has no room for a long one now.
        let fits = segment.len <= self.segment_room(i);
        let ack = if fits { self.ack_seq() } else { DataSeq::Short(self.data_ack() as u32) };
        MptcpOption::Dss(Dss {
            data_fin: ends,
            ack: Some(ack),
            mapping: Some(Mapping { dsn: self.data_seq(dsn), ssn, len, checksum }),
        })
    }

    /// The mapping without end that starts plain TCP within MPTCP (RFC 8684 §3.7).
    fn push_infinite_mapping(&self, segment: DataSegment, options: &mut Options) {
        let (start, data, _) = segment.mapped();
        let option = MptcpOption::Dss(Dss {
            data_fin: false,
            ack: Some(self.ack_seq()),
            mapping: Some(Mapping {
                dsn: self.data_seq(self.dsn_of(data)),
                ssn: start as u32,
                len: 0,
                checksum: self.checksum.then_some(0),
            }),
        });
        let _ = option.emit(options);
        options.pad();
    }

    /// Ends subflow `i` by an RST, with MP_TCPRST where the version has it.
    pub(super) fn send_rst(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        why: ResetCause,
        reason: Option<ResetReason>,
    ) -> PacketUid {
        let mut packet = self.blank(io, i, Flags::RST);
        // Where Linux has left the subflow, this answers what still comes, numbered by its acknowledgement
        // (`tcp_v4_send_reset`).
        let answers = why == ResetCause::AddressRemoved && self.subflows[i].is_left();
        let s = &self.subflows[i];
        if s.state != State::SynSent && !answers {
            packet.flags = packet.flags.with(Flags::ACK);
            packet.ack = seq_of(s.rx.initial, s.rx.ack_offset());
        }
        packet.seq = seq_of(s.tx.initial, if answers { s.tx.una } else { s.tx.next });
        let reason = reason.filter(|_| self.version == MptcpVersion::V1);
        if let Some(dsn) = self.subflows[i].fail_pending.take() {
            let _ = MptcpOption::Fail { dsn }.emit(&mut packet.options);
            self.counters.count(super::counters::Counter::FailTx);
        }
        if let Some(key) = self.fast_close_key {
            let _ = MptcpOption::FastClose { key: key.0 }.emit(&mut packet.options);
            self.counters.count(super::counters::Counter::FastcloseTx);
        }
        if let Some(reason) = reason {
            let _ = MptcpOption::TcpRst { transient: false, reason }.emit(&mut packet.options);
            // Linux counts what a socket sends: there is none before the third ACK, and none any more that it has left.
            let socket = self.subflows[i].state != State::SynReceived && !answers;
            if socket || !self.is_linux() {
                self.counters.count(super::counters::Counter::RstTx);
            }
        }
        packet.options.pad();
        self.counters.count(super::counters::Counter::TcpOutRsts);
        let uid = packet.uid;
        self.tell(io.now, i, Some(uid), Fact::ResetSent { why, reason });
        self.transmit(io, i, packet)
    }
}

/// The RST that answers a packet of no known connection (RFC 9293 §3.10.7.1), with MP_TCPRST when it
/// was a join (RFC 8684 §3.6).
#[must_use]
pub fn stray_reset(to: &Packet, uid: PacketUid, reason: Option<ResetReason>) -> Option<Packet> {
    if to.flags.has(Flags::RST) {
        return None;
    }
    let mut packet = Packet::new(to.destination(), to.source());
    packet.uid = uid;
    packet.flags = Flags::RST;
    if to.flags.has(Flags::ACK) {
        packet.seq = to.ack;
    } else {
        packet.seq = Seq(0);
        packet.flags = packet.flags.with(Flags::ACK);
        packet.ack = to.seq.add(to.seq_len());
    }
    if let Some(reason) = reason {
        let _ = MptcpOption::TcpRst { transient: false, reason }.emit(&mut packet.options);
    }
    Some(packet)
}
