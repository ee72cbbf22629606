//! Data and its mappings: what arrived of the stream, and signs that one end went on as plain TCP.

use sim_core::record::SubflowRole;
use sim_core::record::story::{End, Fact, FallbackReason};
use sim_core::wire::crypto::{Key, MptcpVersion};
use sim_core::wire::mptcp::{CapableBody, Dss, MptcpOption};
use sim_core::wire::seq::Seq;

use super::{Seen, keys_of};

/// A mapping: subflow bytes from `first` on, `len` of them, are the stream's from `data` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapped {
    first: Seq,
    len: u32,
    data: u64,
}

impl Mapped {
    /// Where a byte of the subflow lies in the stream.
    fn data_at(self, seq: Seq) -> Option<u64> {
        let offset = u32::try_from(seq.distance(self.first)).ok()?;
        (offset < self.len).then(|| self.data.wrapping_add(u64::from(offset)))
    }
}

/// The data sequence number before the first byte that the owner of this key sends.
fn initial(key: Option<Key>) -> u64 {
    key.map_or(0, |key| key.idsn(MptcpVersion::V1))
}

/// What a segment says at the data level.
struct Carried {
    mapping: Option<Mapped>,
    data_ack: bool,
    /// Where the stream ends.
    data_fin: Option<u64>,
    infinite: bool,
}

impl Seen<'_> {
    /// `near` is a data sequence number of the stream, for those that are sent in 32 bits.
    fn carried(&self, first: Option<Seq>, near: u64) -> Carried {
        let mut carried =
            Carried { mapping: None, data_ack: false, data_fin: None, infinite: false };
        for &option in self.options {
            match option {
                MptcpOption::Dss(Dss { ack, mapping, data_fin }) => {
                    carried.data_ack |= ack.is_some();
                    let Some(mapping) = mapping else { continue };
                    if data_fin && mapping.len > 0 {
                        let from = mapping.dsn.expand(near);
                        carried.data_fin = Some(from.wrapping_add(u64::from(mapping.len) - 1));
                    }
                    carried.infinite |= mapping.len == 0;
                    if let Some(first) = first.filter(|_| mapping.ssn > 0 && mapping.len > 0) {
                        carried.mapping = Some(Mapped {
                            first: first.add(mapping.ssn - 1),
                            len: u32::from(mapping.len) - u32::from(data_fin),
                            data: mapping.dsn.expand(near),
                        });
                    }
                }
                MptcpOption::Capable {
                    body: CapableBody::WithData { sender, len, .. }, ..
                } => {
                    let data = initial(Some(Key(sender))).wrapping_add(1);
                    // It maps the stream's first bytes; segmentation repeats it on those that follow.
                    carried.mapping =
                        first.map(|first| Mapped { first, len: u32::from(len), data });
                }
                _ => {}
            }
        }
        carried
    }

    pub(super) fn sent_segment(&mut self) {
        if self.end.local_key.is_none()
            && let (Some(local), Some(remote)) = keys_of(self.packet)
        {
            self.end.local_key = Some(local);
            self.end.remote_key.get_or_insert(remote);
        }
        let (first, last) = (self.track().first_sent, self.track().sent_mapping);
        let near = last.map_or_else(|| initial(self.end.local_key), |m| m.data);
        let carried = self.carried(first, near);
        self.track().sent_mapping = carried.mapping.or(last);
        if carried.data_fin.is_some() && !std::mem::replace(&mut self.end.fin_sent, true) {
            self.tell(Fact::FinSent);
        }
        if carried.infinite {
            self.tell(Fact::InfiniteMappingSent);
        }
        let mapped = self.track().sent_mapping.and_then(|m| m.data_at(self.packet.seq));
        if self.packet.payload.len > 0 && mapped.is_none() && !self.end.fell_back && self.track == 0
        {
            // The kernel has gone on without mappings: what came last without one tells why.
            let (packet, reason) = match self.end.bare {
                Some((packet, reason)) => (Some(packet), reason),
                None => (None, FallbackReason::MappingCorrupt),
            };
            self.falls_back(packet, reason);
        }
        self.note_sent(mapped);
    }

    /// What range of the stream is sent; what a program writes shows then, too.
    fn note_sent(&mut self, mapped: Option<u64>) {
        let len = u64::from(self.packet.payload.len);
        if len == 0 {
            return;
        }
        let plain = self.track().first_sent.map(|first| self.packet.seq.distance(first));
        let plain = plain.and_then(|distance| u32::try_from(distance).ok()).map(u64::from);
        let data = if self.end.fell_back { plain } else { mapped };
        let Some(data) = data else { return };
        let (id, now) = (self.id, self.world.now());
        let key = self.end.local_key;
        if self.end.first_byte.is_none() && key.is_some() {
            self.end.first_byte = Some(initial(key).wrapping_add(1));
        }
        let base = if self.end.fell_back { Some(0) } else { self.end.first_byte };
        let local = self.end.tracks[self.track].local;
        let index = self.world.outside(id).and_then(|e| e.subflows.get(local)).map(|s| s.index);
        if let (Some(index), Some(base)) = (index, base) {
            let from = data.wrapping_sub(base);
            self.world.outside_sent(id, index, (from, from.wrapping_add(len)));
        }
        if !self.end.is_program {
            return;
        }
        let base = *self.end.sent_from.get_or_insert(data);
        let upto = data.wrapping_sub(base).wrapping_add(len);
        if self.world.outside(id).is_some_and(|end| upto > end.written) {
            self.world.outside_wrote(id, now, upto);
        }
    }

    pub(super) fn received_segment(&mut self) {
        if !self.completes_handshake() {
            return;
        }
        let (first, last) = (self.track().first_received, self.track().mapping);
        let near = last.map_or_else(|| initial(self.end.remote_key), |m| m.data);
        let carried = self.carried(first, near);
        self.track().mapping = carried.mapping.or(last);
        if carried.infinite {
            self.tell(Fact::InfiniteMappingReceived);
            self.end.bare = Some((self.packet.uid, FallbackReason::PeerFellBack));
        }
        if let Some(at) = carried.data_fin {
            self.end.fin_received = true;
            self.end.fin_at.get_or_insert(at);
        }
        if carried.data_ack && !std::mem::replace(&mut self.end.certain, true) {
            self.tell_of(None, Fact::FullyEstablished);
        }
        let seq = self.packet.seq;
        let data = if self.end.fell_back {
            first.and_then(|first| u32::try_from(seq.distance(first)).ok()).map(u64::from)
        } else {
            self.track().mapping.and_then(|m| m.data_at(seq))
        };
        let len = self.packet.payload.len;
        match data {
            Some(data) if len > 0 => {
                let fresh = self.end.arrived.add(data, data.wrapping_add(u64::from(len)));
                if fresh > 0 {
                    let (connection, local) =
                        (self.end.connection, self.end.tracks[self.track].local);
                    let index = self.world.outside(self.id).map(|e| e.subflows[local].index);
                    if let Some(index) = index {
                        self.world.outside_fresh(connection, index, fresh);
                    }
                    if self.end.is_program {
                        let now = self.world.now();
                        self.world.outside_read(self.id, now, fresh);
                    }
                }
            }
            None if len > 0 => self.note_bare(FallbackReason::DataWithoutMapping),
            _ if !carried.data_ack && !self.end.certain && self.end.end == End::Client => {
                self.note_bare(FallbackReason::AckWithoutDataAck);
            }
            _ => {}
        }
        self.note_fin_in_order();
    }

    /// The DATA_FIN may come before data that another subflow brings.
    fn note_fin_in_order(&mut self) {
        let Some(at) = self.end.fin_at.filter(|_| !self.end.fin_told) else { return };
        let last = self.end.arrived.only_range();
        let complete = match last {
            Some((from, to)) => to >= at && from == initial(self.end.remote_key).wrapping_add(1),
            None => {
                self.end.arrived.is_empty() && at == initial(self.end.remote_key).wrapping_add(1)
            }
        };
        if complete {
            self.end.fin_told = true;
            self.tell(Fact::FinReceived);
        }
    }

    /// The first packet that MPTCP cannot go on with, where it is the only subflow's.
    fn note_bare(&mut self, reason: FallbackReason) {
        if self.role() == SubflowRole::Initial && self.end.bare.is_none() {
            self.end.bare = Some((self.packet.uid, reason));
        }
    }
}
