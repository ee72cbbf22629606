//! From a subflow's bytes to the connection's stream: mappings, checksums, order (RFC 8684 §3.3),
//! and what happens when they do not fit (§3.7; PROTOCOL §5).

use super::counters::Counter;
use super::endpoint::{Early, Endpoint, Io};
use super::subflow::{ActiveMapping, State, Subflow};
use crate::record::SubflowRole;
use crate::record::story::{Fact, FallbackReason, ResetCause};
use crate::tcp::receiver::Chunk;
use crate::time::SimDuration;
use crate::wire::dss::{MappingSum, dss_checksum_matches};
use crate::wire::mptcp::{DataSeq, Mapping, ResetReason};
use crate::wire::packet::{Packet, PacketUid};
use crate::wire::payload::Payload;

/// How long an MP_FAIL may stay without an answer (Linux's `TCP_RTO_MAX`, `mptcp_mp_fail_no_response`).
const FAIL_TIMEOUT: SimDuration = SimDuration::from_secs(120);

/// How a chunk's mapping turned out (Linux's `enum mapping_status`).
enum Status {
    /// The bytes from the chunk's start on are mapped, so many of them.
    Mapped { data: u64, len: u32 },
    /// The mapping begins so many bytes later; those before have none.
    Hole(u32),
    /// No mapping where one is needed: a middlebox has probably removed it.
    Missing,
    /// The infinite mapping.
    Infinite,
    /// A mapping that does not fit the bytes, or another than the one in force.
    Invalid,
    /// Checksum present or absent against what was negotiated.
    ChecksumUnexpected,
}

impl Endpoint {
    /// Bytes of subflow `i` are in order: find where in the stream they belong. Linux does not look at a first subflow
    /// any more that it has left: what came there is taken when something comes from another one (`mptcp_data_ready`,
    /// `__mptcp_move_skbs`).
    #[inline]
    pub(super) fn take_chunk(&mut self, io: &mut Io<'_>, i: usize, chunk: Chunk) {
        if self.is_linux && self.subflows[i].is_left() && self.is_mptcp() {
            self.subflows[i].withheld.push(chunk);
            return;
        }
        self.find_place(io, i, chunk);
    }

    /// Takes what a first subflow that was left has received.
    pub(super) fn take_withheld(&mut self, io: &mut Io<'_>) {
        for chunk in std::mem::take(&mut self.subflows[0].withheld) {
            if self.subflows[0].state == State::Closed {
                return;
            }
            self.find_place(io, 0, chunk);
        }
    }

    fn find_place(&mut self, io: &mut Io<'_>, i: usize, chunk: Chunk) {
        if self.awaits_mapping(i)
            && let Some(mapping) = chunk.mapping.filter(|(m, _)| m.len > 0)
        {
            for awaited in self.take_awaited(i, mapping) {
                self.place_chunk(io, i, awaited);
                if self.subflows[i].state == State::Closed {
                    return;
                }
            }
        }
        self.place_chunk(io, i, chunk);
    }

    /// Position in the stream of a segment that has a mapping of its own, of short numbers and without checksum
    /// or DATA_FIN, while nothing waits for another: the short way of [`Endpoint::take_chunk`]. `None` where
    /// it does not apply.
    #[inline]
    pub(super) fn next_by_usual_mapping(
        &self,
        i: usize,
        packet: &Packet,
        start: u64,
        mapping: Option<(Mapping, bool)>,
    ) -> Option<u64> {
        let (mapping, false) = mapping? else { return None };
        let s = &self.subflows[i];
        let DataSeq::Short(_) = mapping.dsn else { return None };
        let is_usual = self.is_mptcp()
            && !self.checksum
            && !s.is_left()
            && mapping.checksum.is_none()
            && mapping.ssn == start as u32
            && u32::from(mapping.len) == packet.payload.len
            && s.mapping.is_none_or(|active| start >= active.start + u64::from(active.len))
            && !self.awaits_mapping(i);
        let near = self.remote_idsn.wrapping_add(1 + self.receive.next);
        let data = mapping.dsn.expand(near).wrapping_sub(self.remote_idsn.wrapping_add(1));
        (is_usual && data <= u64::MAX / 2).then_some(data)
    }

    /// The mapping that [`Endpoint::next_by_usual_mapping`] accepted is in force.
    #[inline]
    pub(super) fn note_usual_mapping(&mut self, i: usize, start: u64, len: u32, data: u64) {
        self.long_ack = false;
        let s = &mut self.subflows[i];
        s.mapping_seen = true;
        let sum = MappingSum::new();
        s.mapping = Some(ActiveMapping { start, len, data, checksum: None, sum, data_fin: false });
        s.unmapped.reset_count();
    }

    fn place_chunk(&mut self, io: &mut Io<'_>, i: usize, mut chunk: Chunk) {
        while !chunk.payload.is_empty() {
            if self.is_plain() {
                let at = self.receive.next;
                self.deliver_at(io, i, at, chunk.payload);
                return;
            }
            match self.map(i, &chunk) {
                Status::Mapped { data, len } => {
                    let overlong = len < chunk.payload.len && self.is_linux();
                    // Linux takes the whole segment as mapped, and notices afterwards.
                    let taken = if overlong { chunk.payload.len } else { len };
                    let rest = chunk.payload.len - taken;
                    let head = if rest == 0 {
                        std::mem::take(&mut chunk.payload)
                    } else {
                        chunk.payload.slice(0, taken)
                    };
                    self.subflows[i].unmapped.reset_count();
                    if !self.take_mapped(io, i, chunk.packet, data, len, head) {
                        if rest > 0 && self.subflows[i].state != State::Closed {
                            // What a box added may be wanted when MPTCP is given up.
                            let (start, payload) =
                                (chunk.start + u64::from(len), chunk.payload.slice(len, rest));
                            self.await_mapping(
                                io,
                                i,
                                Chunk { start, payload, mapping: None, ..chunk },
                            );
                        }
                        return;
                    }
                    if overlong {
                        self.on_overlong_segment(io, i, chunk.packet);
                        return;
                    }
                    if rest == 0 {
                        return;
                    }
                    let used = self.subflows[i].mapping.map(|m| m.start as u32);
                    if chunk.mapping.is_some_and(|(m, _)| Some(m.ssn) == used) {
                        chunk.mapping = None; // it has been used up
                    }
                    chunk.start += u64::from(len);
                    chunk.payload = chunk.payload.slice(len, rest);
                }
                Status::Hole(len) => {
                    if !self.pass_over(io, i, len) {
                        return;
                    }
                    let rest = chunk.payload.len - len;
                    chunk.start += u64::from(len);
                    chunk.payload = chunk.payload.slice(len, rest);
                }
                Status::Infinite => {
                    self.counters.count(Counter::InfiniteMapRx);
                    self.tell(io.now, i, Some(chunk.packet), Fact::InfiniteMappingReceived);
                    if self.is_linux() {
                        self.counters.count(Counter::DssFallback); // subflow_check_data_avail
                    }
                    self.give_in(io, i, chunk.packet);
                }
                Status::ChecksumUnexpected => {
                    let reason = Some(ResetReason::MPTCP);
                    self.reset_subflow(io, i, ResetCause::ChecksumUnexpected, reason);
                    return;
                }
                Status::Missing if !self.is_linux() && self.subflows[i].mapping_seen => {
                    self.await_mapping(io, i, chunk);
                    return;
                }
                bad @ (Status::Missing | Status::Invalid) => {
                    let missing = matches!(bad, Status::Missing);
                    if !self.may_fall_back_on(i) {
                        let reason =
                            if missing { ResetReason::MIDDLEBOX } else { ResetReason::MPTCP };
                        if !self.is_linux() {
                            self.counters.count(Counter::DssCorruptionReset);
                        }
                        self.reset_subflow(io, i, ResetCause::NoMapping, Some(reason));
                        return;
                    }
                    // Linux counts all fallbacks of `subflow_check_data_avail` alike.
                    self.counters.count(if missing || self.is_linux() {
                        Counter::DssFallback
                    } else {
                        Counter::DssCorruptionFallback
                    });
                    let why = if missing {
                        FallbackReason::DataWithoutMapping
                    } else {
                        FallbackReason::MappingCorrupt
                    };
                    self.fall_back(io.now, i, Some(chunk.packet), why);
                    self.adopt_subflow_progress(i);
                }
            }
        }
    }

    /// A segment without payload that carries a mapping: DATA_FIN was noted already.
    pub(super) fn take_lone_mapping(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        packet: &Packet,
        mapping: Option<(Mapping, bool)>,
    ) {
        if let Some((mapping, false)) = mapping
            && mapping.len == 0
        {
            self.counters.count(Counter::InfiniteMapRx);
            self.tell(io.now, i, Some(packet.uid), Fact::InfiniteMappingReceived);
        }
        self.consider_completion(io);
    }

    /// May the connection go on as plain TCP over subflow `i`, for want of a mapping? RFC 8684 §3.7:
    /// only while the options may never have passed at all. Linux (`mptcp_try_fallback`): as long as no
    /// subflow joined, nothing was sent again at the data level, and nothing waits out of order.
    fn may_fall_back_on(&self, i: usize) -> bool {
        let s = &self.subflows[i];
        if s.role == SubflowRole::Join || !self.may_fall_back {
            return false;
        }
        self.is_linux() || (!s.mapping_seen && self.receive.early.is_empty())
    }

    /// Finds the mapping of a chunk's first byte (after Linux's `get_mapping_status`).
    fn map(&mut self, i: usize, chunk: &Chunk) -> Status {
        let remote_idsn = self.remote_idsn;
        let near = remote_idsn.wrapping_add(1 + self.receive.next);
        let checksum = self.checksum;
        let linux = self.is_linux();
        let s = &mut self.subflows[i];
        if let Some(active) = s.mapping {
            let end = active.start + u64::from(active.len);
            if chunk.start < end {
                if chunk.start < active.start {
                    return Status::Invalid;
                }
                if let Some((mapping, fin)) = chunk.mapping
                    && mapping.len > 0
                {
                    let same = mapping.ssn == active.start as u32
                        && u32::from(mapping.len) - u32::from(fin) == active.len;
                    let covered = chunk.start + u64::from(chunk.payload.len) <= end;
                    if !same && covered {
                        self.counters.count(Counter::DssNotMatching);
                        return Status::Invalid;
                    }
                }
                let skip = chunk.start - active.start;
                let len = u64::from(chunk.payload.len).min(end - chunk.start);
                return Status::Mapped { data: active.data + skip, len: len as u32 };
            }
            s.mapping = None;
        }
        let Some((mapping, data_fin)) = chunk.mapping else { return Status::Missing };
        if mapping.len == 0 {
            return Status::Infinite;
        }
        if mapping.checksum.is_some() != checksum {
            return Status::ChecksumUnexpected;
        }
        let dsn = mapping.dsn.expand(near);
        let data = dsn.wrapping_sub(remote_idsn.wrapping_add(1));
        // The subflow sequence number wraps with TCP's; the nearest offset is meant.
        let start = chunk
            .start
            .wrapping_add_signed(i64::from(mapping.ssn.wrapping_sub(chunk.start as u32) as i32));
        let len = u32::from(mapping.len) - u32::from(data_fin);
        let end = chunk.start + u64::from(chunk.payload.len);
        if !linux && s.mapping_seen && chunk.start < start && start < end {
            return Status::Hole((start - chunk.start) as u32);
        }
        if start > chunk.start || chunk.start >= start + u64::from(len) || data > u64::MAX / 2 {
            self.counters.count(Counter::DssNoMatchTcp);
            return Status::Invalid;
        }
        self.long_ack = matches!(mapping.dsn, DataSeq::Long(_));
        s.mapping_seen = true;
        s.mapping = Some(ActiveMapping {
            start,
            len,
            data,
            checksum: mapping.checksum,
            sum: MappingSum::new(),
            data_fin,
        });
        let skip = chunk.start - start;
        let covered = u64::from(chunk.payload.len).min(u64::from(len) - skip);
        Status::Mapped { data: data + skip, len: covered as u32 }
    }

    /// Takes a mapped piece: delivered at once without a checksum; with one when the whole mapping is
    /// there and right. `covered` bytes of it are the mapping's. False when the checksum failed; what
    /// that leads to has been done then.
    fn take_mapped(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        packet: PacketUid,
        data: u64,
        covered: u32,
        piece: Payload,
    ) -> bool {
        let s = &mut self.subflows[i];
        let Some(active) = s.mapping.as_mut().filter(|m| m.checksum.is_some()) else {
            self.deliver_at(io, i, data, piece);
            return true;
        };
        if covered == piece.len {
            active.sum.add(&piece);
        } else {
            active.sum.add(&piece.slice(0, covered));
        }
        s.unchecked.push((data, piece));
        self.receive.window.note_checksums();
        if active.sum.len() < u64::from(active.len) {
            return true;
        }
        let active = *active;
        let pieces = std::mem::take(&mut s.unchecked);
        let dsn = self.remote_idsn.wrapping_add(1 + active.data);
        let len = (active.len + u32::from(active.data_fin)) as u16;
        let checksum = active.checksum.unwrap_or(0);
        let right = dss_checksum_matches(dsn, active.start as u32, len, active.sum.sum(), checksum);
        if right {
            s.checksum_seen = true;
        } else {
            self.counters.count(Counter::DataCsumErr);
            self.tell(io.now, i, Some(packet), Fact::ChecksumFailed { dsn });
            if !self.on_checksum_failure(io, i, packet, dsn, &pieces) {
                return false;
            }
        }
        for (at, piece) in pieces {
            self.deliver_at(io, i, at, piece);
        }
        true
    }

    /// `mptcp_dss_corruption`: a segment was longer than its mapping.
    fn on_overlong_segment(&mut self, io: &mut Io<'_>, i: usize, packet: PacketUid) {
        self.subflows[i].mapping = None;
        if self.may_fall_back_on(i) {
            self.counters.count(Counter::DssCorruptionFallback);
            self.fall_back(io.now, i, Some(packet), FallbackReason::MappingCorrupt);
            self.adopt_subflow_progress(i);
        } else {
            self.counters.count(Counter::DssCorruptionReset);
            self.reset_subflow(io, i, ResetCause::NoMapping, Some(ResetReason::UNSPECIFIED));
        }
    }

    /// RFC 8684 §3.7: with another subflow, this one is reset and the data comes again; alone, MP_FAIL
    /// asks for the infinite mapping, and the doubtful bytes are kept until it comes. True when they are
    /// to be delivered all the same.
    fn on_checksum_failure(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        packet: PacketUid,
        dsn: u64,
        pieces: &[(u64, Payload)],
    ) -> bool {
        let s = &self.subflows[i];
        let may_fail = if self.is_linux() {
            if s.role == SubflowRole::Initial && !s.checksum_seen {
                // Linux takes it that options never passed, and does not ask the peer.
                if !self.may_fall_back {
                    let reason = Some(ResetReason::MPTCP);
                    self.reset_subflow(io, i, ResetCause::ChecksumFailed, reason);
                    return false;
                }
                self.counters.count(Counter::DssFallback);
                self.fall_back(io.now, i, Some(packet), FallbackReason::ChecksumFailed);
                self.adopt_subflow_progress(i);
                return true;
            }
            self.may_fall_back
        } else {
            // An infinite mapping fits only what is contiguous in the subflow and in the stream.
            let contiguous = self.receive.early.is_empty() || !s.suspect.is_empty();
            !self.other_carrier(i) && contiguous && s.role == SubflowRole::Initial
        };
        // An MP_FAIL may be lost, so it is sent again as often as the data is, but not for ever.
        let since = self.subflows[i].suspect_since.get_or_insert(io.now);
        let unanswered = io.now.since(*since) >= FAIL_TIMEOUT;
        if !may_fail || unanswered {
            self.subflows[i].fail_pending = Some(dsn);
            self.reset_subflow(io, i, ResetCause::ChecksumFailed, Some(ResetReason::MIDDLEBOX));
            return false;
        }
        self.subflows[i].fail_pending = Some(dsn);
        self.tell(io.now, i, Some(packet), Fact::FailSent);
        if self.is_linux() {
            self.send_ack(io, i);
            return true; // mptcp_subflow_fail: the data is passed on
        }
        let suspect = &mut self.subflows[i].suspect;
        if pieces.first().is_some_and(|(at, _)| suspect.iter().all(|(held, _)| held != at)) {
            suspect.extend_from_slice(pieces);
        }
        false
    }

    /// The peer has fallen back: the doubtful bytes are what it will not send again, and no mapping is
    /// completed any more.
    pub(super) fn release_suspects(&mut self, io: &mut Io<'_>, i: usize) {
        let s = &mut self.subflows[i];
        let suspect = std::mem::take(&mut s.suspect);
        let unchecked = std::mem::take(&mut s.unchecked);
        for (at, payload) in suspect.into_iter().chain(unchecked) {
            self.deliver_at(io, i, at, payload);
        }
    }

    /// Payload for position `at` of the stream.
    #[inline]
    pub(super) fn deliver_at(&mut self, io: &mut Io<'_>, i: usize, at: u64, payload: Payload) {
        let next = self.receive.next;
        let end = at + u64::from(payload.len);
        if end <= next {
            self.counters.count(Counter::DuplicateData);
            return;
        }
        if at > next {
            self.keep_early(i, at, payload);
            return;
        }
        let fresh = (end - next) as u32;
        self.note_fresh(i, u64::from(fresh));
        if fresh == payload.len {
            self.hand_over(io, i, &payload);
        } else {
            let skip = payload.len - fresh;
            self.hand_over(io, i, &payload.slice(skip, fresh));
        }
        while let Some(early) = self.receive.early.front() {
            if early.start > self.receive.next {
                break;
            }
            self.counters.count(Counter::OfoMerge);
            let early = self.receive.early.pop_front().expect("there is a front");
            self.receive.window.note_merged(u64::from(early.payload.len));
            if early.end() > self.receive.next {
                let skip = (self.receive.next - early.start) as u32;
                if skip == 0 {
                    self.hand_over(io, i, &early.payload);
                } else {
                    let rest = early.payload.slice(skip, early.payload.len - skip);
                    self.hand_over(io, i, &rest);
                }
            }
        }
        if self.receive.fin.is_some_and(|fin| self.receive.next >= fin) {
            self.subflows[i].ack_now = true;
            self.consider_completion(io);
        }
    }

    #[inline(always)] // once for each segment
    pub(super) fn hand_over(&mut self, io: &mut Io<'_>, i: usize, payload: &Payload) {
        let len = u64::from(payload.len);
        self.receive.next += len;
        self.receive.window.note_delivery(len);
        self.fresh_delivered += len;
        if let Err(offset) = self.app.deliver(payload)
            && self.wrong_at.is_none()
        {
            self.wrong_at = Some(offset);
            self.tell(io.now, i, None, Fact::WrongByte { offset });
        }
    }

    /// Keeps data that came before its turn; only bytes not held yet are kept and counted.
    fn keep_early(&mut self, i: usize, at: u64, payload: Payload) {
        let end = at + u64::from(payload.len);
        if self.is_linux() {
            self.may_fall_back = false;
            if end > self.receive.advertised {
                // The subflow has acknowledged it: only the data-level timer brings it again
                // (`mptcp_data_queue_ofo`).
                self.counters.count(Counter::NoDssInWindow);
                return;
            }
        }
        self.counters.count(Counter::OfoQueue);
        let early = &mut self.receive.early;
        let last = early.back_mut();
        let last_end = last.as_ref().map_or(0, |e| e.end());
        if at >= last_end && at < end {
            self.counters.count(Counter::OfoQueueTail);
            let len = u64::from(payload.len);
            match last {
                // Described bytes that continue the piece before them become part of it.
                Some(last)
                    if at == last_end
                        && let (None, None) = (&last.payload.bytes, &payload.bytes)
                        && last.payload.stream == payload.stream
                        && last.payload.offset + u64::from(last.payload.len) == payload.offset
                        && last.payload.len < 1 << 30 =>
                {
                    last.payload.len += payload.len;
                }
                _ => early.push_back(Early { start: at, payload }),
            }
            self.note_fresh(i, len);
            self.receive.window.note_early(len);
            return;
        }
        let mut position = early.partition_point(|e| e.start <= at);
        let mut from = at;
        if position > 0 {
            from = from.max(early[position - 1].end());
        }
        let mut fresh = 0;
        while from < end {
            let until = early.get(position).map_or(end, |e| e.start.min(end));
            if from < until {
                let piece = payload.slice((from - at) as u32, (until - from) as u32);
                fresh += until - from;
                if position == early.len() {
                    self.counters.count(Counter::OfoQueueTail);
                }
                early.insert(position, Early { start: from, payload: piece });
                position += 1;
            }
            match early.get(position) {
                Some(e) => from = from.max(e.end()).max(until),
                None => from = end.max(until),
            }
            position += 1;
            position = position.min(early.len());
        }
        self.note_fresh(i, fresh);
        self.receive.window.note_early(fresh);
    }

    /// The peer's DATA_FIN: its position is the last number of the mapping.
    pub(super) fn note_data_fin(&mut self, mapping: Mapping) {
        let near = self.remote_idsn.wrapping_add(1 + self.receive.next);
        let dsn = mapping.dsn.expand(near);
        let last = dsn.wrapping_add(u64::from(mapping.len)).wrapping_sub(1);
        let at = last.wrapping_sub(self.remote_idsn.wrapping_add(1));
        if self.receive.fin.is_none() && at < u64::MAX / 2 {
            self.receive.fin = Some(at);
        }
    }

    /// True when the peer has closed and all that it wrote has been delivered.
    #[must_use]
    pub fn peer_has_closed(&self) -> bool {
        // A DATA_FIN holds after a fallback, too (Linux keeps it in `sk_shutdown`).
        let at_data_level = self.receive.fin.is_some_and(|fin| self.receive.next >= fin);
        let has_fin = |s: &Subflow| s.state != State::SynSent && s.rx.fin_in_order();
        at_data_level || self.is_plain() && self.subflows.iter().any(has_fin)
    }
}
