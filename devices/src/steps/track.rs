//! Tracks connections: who opened them, how far they are, what each end has sent.
//!
//! The table is looked up by flow, in either direction and, after a translation, by the flow of
//! either side. It is never iterated; what is idle too long is found through an ordered set of
//! deadlines, each re-armed only when it comes due.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Flow, Packet};
use sim_core::wire::seq::Seq;

/// The end of a connection that sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// The end that opened it.
    Initiator = 0,
    /// The end that was called.
    Responder = 1,
}

impl Sender {
    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// A SYN was seen (or, where that is allowed, a first packet without one).
    SynSent,
    /// A SYN/ACK was seen.
    SynReceived,
    /// The SYN/ACK was acknowledged.
    Established,
    /// One FIN was seen.
    HalfClosed,
    /// Both FINs were acknowledged, or an RST was seen.
    Closed,
}

/// How long a connection is kept without a packet, by its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Before the handshake is complete.
    pub embryonic: SimDuration,
    /// Established.
    pub idle: SimDuration,
    /// After one FIN.
    pub half_closed: SimDuration,
    /// After both FINs or an RST.
    pub closed: SimDuration,
}

/// What one end has sent so far, in its own sequence space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Initial sequence number, once its SYN was seen.
    pub isn: Option<Seq>,
    /// One past the highest sequence number sent; `None` before its first packet.
    pub next: Option<Seq>,
    /// Highest acknowledgement number sent, in the peer's space.
    pub acked: Option<Seq>,
    /// Right edge of the largest window offered to the peer, in the peer's space.
    pub edge: Option<Seq>,
    /// Window scale offered in its SYN.
    pub scale: Option<u8>,
    /// MSS announced in its SYN.
    pub mss: Option<u16>,
    /// Newest timestamp value sent.
    pub timestamp: Option<u32>,
    /// Last window field sent.
    pub window: u16,
    /// Payload bytes sent, retransmissions included.
    pub bytes: u64,
    /// Packets sent.
    pub packets: u64,
    /// Packets with payload sent.
    pub data_packets: u64,
    /// One past its FIN.
    fin: Option<Seq>,
    fin_acked: bool,
}

/// A tracked connection, with what the device keeps about it.
#[derive(Clone, Debug)]
pub struct Connection<S> {
    /// The first packet's flow, as it came in: source is the end that opened it.
    pub opened: Flow,
    /// The same flow on the other side of the device, after translation.
    pub translated: Flow,
    /// How far it is.
    pub phase: Phase,
    /// When it was opened.
    pub since: SimTime,
    /// When its last packet came.
    pub last: SimTime,
    /// What the ends have sent, by [`Sender`].
    pub ends: [End; 2],
    /// What the device keeps.
    pub state: S,
    timeouts: Timeouts,
    armed: SimTime,
}

impl<S> Connection<S> {
    /// What `sender` has sent.
    #[must_use]
    pub const fn end(&self, sender: Sender) -> &End {
        &self.ends[sender as usize]
    }

    /// True when a packet takes back window that its sender has offered (RFC 9293 §3.8.6).
    #[must_use]
    pub fn shrinks_window(&self, sender: Sender, packet: &Packet) -> bool {
        let end = self.end(sender);
        let older = end.acked.is_some_and(|acked| packet.ack.before(acked));
        let edge = packet.ack.add(u32::from(packet.window) << self.scale_of(sender));
        // Rounding by the scale may take back less than one unit.
        let lowest =
            end.edge.map(|known| known.add((1u32 << self.scale_of(sender)).wrapping_neg()));
        !older && lowest.is_some_and(|lowest| edge.before(lowest))
    }

    /// Window scale in force for what `sender` offers (RFC 7323 §2.2).
    fn scale_of(&self, sender: Sender) -> u8 {
        let both_scale = self.ends.iter().all(|end| end.scale.is_some());
        if both_scale { self.end(sender).scale.unwrap_or(0).min(14) } else { 0 }
    }

    /// Takes note of a packet, whose numbers stand in the space of the end that counts them.
    pub fn observe(&mut self, now: SimTime, sender: Sender, packet: &Packet) {
        self.last = now;
        let both_scale = self.ends.iter().all(|end| end.scale.is_some());
        let end = &mut self.ends[sender as usize];
        let after = packet.seq.add(packet.seq_len());
        if packet.flags.has(Flags::SYN) {
            end.isn = Some(packet.seq);
            end.next = Some(after);
            end.mss = packet.options.mss();
            end.scale =
                packet.options.find(kind::WINDOW_SCALE).and_then(|o| o.data().first().copied());
        }
        if end.next.is_none_or(|next| next.before(after)) {
            end.next = Some(after);
        }
        end.packets += 1;
        end.bytes += u64::from(packet.payload.len);
        end.data_packets += u64::from(!packet.payload.is_empty());
        end.window = packet.window;
        if let Some((value, _)) = packet.options.timestamps() {
            end.timestamp = Some(value);
        }
        if packet.flags.has(Flags::FIN) && end.fin.is_none() {
            end.fin = Some(after);
        }
        if packet.flags.has(Flags::ACK) {
            if end.acked.is_none_or(|acked| acked.before(packet.ack)) {
                end.acked = Some(packet.ack);
            }
            // The window of a SYN/ACK is never scaled (RFC 7323 §2.2).
            let scale = match end.scale {
                Some(scale) if both_scale && !packet.flags.has(Flags::SYN) => scale.min(14),
                _ => 0,
            };
            let edge = packet.ack.add(u32::from(packet.window) << scale);
            if end.edge.is_none_or(|old| old.before(edge)) {
                end.edge = Some(edge);
            }
            let peer = &mut self.ends[sender.peer() as usize];
            peer.fin_acked |= peer.fin.is_some_and(|fin| !packet.ack.before(fin));
        }
        self.phase = self.next_phase(sender, packet);
    }

    fn next_phase(&self, sender: Sender, packet: &Packet) -> Phase {
        let [initiator, responder] = &self.ends;
        if packet.flags.has(Flags::RST) || (initiator.fin_acked && responder.fin_acked) {
            return Phase::Closed;
        }
        if initiator.fin.is_some() || responder.fin.is_some() {
            return Phase::HalfClosed.max(self.phase);
        }
        match (self.phase, sender) {
            (Phase::SynSent, Sender::Responder) if packet.flags.is_syn_ack() => Phase::SynReceived,
            (Phase::SynReceived, Sender::Initiator)
                if packet.flags.has(Flags::ACK) && !packet.flags.has(Flags::SYN) =>
            {
                Phase::Established
            }
            // Opened without a SYN: traffic both ways is all that there is to see.
            (Phase::SynSent, Sender::Responder) if initiator.isn.is_none() => Phase::Established,
            (phase, _) => phase,
        }
    }
}

/// Names a connection in its [`Table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(u32);

/// The connections of a device.
#[derive(Debug)]
pub struct Table<S> {
    index: FxHashMap<Flow, ConnectionId>,
    slots: Vec<Option<Connection<S>>>,
    free: Vec<u32>,
    deadlines: BTreeSet<(SimTime, u32)>,
    half_open: BTreeSet<(SimTime, u32)>,
    timeouts: Timeouts,
    open: usize,
    most: usize,
}

impl<S> Table<S> {
    /// An empty table.
    #[must_use]
    pub fn new(timeouts: Timeouts) -> Self {
        Self {
            index: FxHashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            deadlines: BTreeSet::new(),
            half_open: BTreeSet::new(),
            timeouts,
            open: 0,
            most: 0,
        }
    }

    /// The connection that a packet of this flow belongs to, and which end sent it.
    #[must_use]
    pub fn find(&self, flow: Flow) -> Option<(ConnectionId, Sender)> {
        let id = *self.index.get(&flow.canonical())?;
        let connection = self.get(id)?;
        let sender = if flow == connection.opened || flow == connection.translated {
            Sender::Initiator
        } else {
            Sender::Responder
        };
        Some((id, sender))
    }

    /// The connection of this id.
    #[must_use]
    pub fn get(&self, id: ConnectionId) -> Option<&Connection<S>> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    /// The connection of this id.
    #[must_use]
    pub fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection<S>> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    /// Forgets the connections whose time has come ([`Table::expire`]), then finds that of a packet
    /// that has come in ([`Table::find_for`]): what every stateful device begins with.
    pub fn receive(
        &mut self,
        now: SimTime,
        packet: &Packet,
        gone: impl FnMut(&Connection<S>),
    ) -> Option<(ConnectionId, Sender)> {
        self.expire(now, gone);
        self.find_for(packet)
    }

    /// As [`Table::find`], for a packet that has come in: a SYN over a connection that is closed
    /// makes place for a new one.
    pub fn find_for(&mut self, packet: &Packet) -> Option<(ConnectionId, Sender)> {
        let (id, sender) = self.find(packet.flow())?;
        let over = self.get(id).is_some_and(|c| c.phase == Phase::Closed);
        if over && packet.flags.is_initial_syn() {
            self.remove(id);
            return None;
        }
        Some((id, sender))
    }

    /// Adds a connection whose first packet has this flow on the way in and, past the device,
    /// `translated`.
    pub fn open(&mut self, now: SimTime, flow: Flow, translated: Flow, state: S) -> ConnectionId {
        self.open_with(now, self.timeouts, [flow, translated], state)
    }

    /// As [`Table::open`], with timeouts of its own for this connection.
    pub fn open_with(
        &mut self,
        now: SimTime,
        timeouts: Timeouts,
        [flow, translated]: [Flow; 2],
        state: S,
    ) -> ConnectionId {
        let armed = now + timeouts.embryonic;
        let connection = Connection {
            opened: flow,
            translated,
            phase: Phase::SynSent,
            since: now,
            last: now,
            ends: [End::default(); 2],
            state,
            timeouts,
            armed,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        self.slots[slot as usize] = Some(connection);
        self.deadlines.insert((armed, slot));
        self.half_open.insert((now, slot));
        for key in [flow, translated] {
            self.index.insert(key.canonical(), ConnectionId(slot));
        }
        self.open += 1;
        self.most = self.most.max(self.open);
        ConnectionId(slot)
    }

    /// Gives a connection its flow past the device, when that is known only after it was opened.
    pub fn translate(&mut self, id: ConnectionId, translated: Flow) {
        if let Some(connection) = self.get_mut(id) {
            connection.translated = translated;
            self.index.insert(translated.canonical(), id);
        }
    }

    /// Takes note of a packet of a connection (see [`Connection::observe`]).
    pub fn observe(&mut self, now: SimTime, id: ConnectionId, sender: Sender, packet: &Packet) {
        let Some(connection) = self.get_mut(id) else { return };
        let timeouts = connection.timeouts;
        let before = connection.phase;
        connection.observe(now, sender, packet);
        if connection.phase != before {
            let deadline = connection.last + timeouts.of(connection.phase);
            let armed = std::mem::replace(&mut connection.armed, deadline);
            let (since, is_open) = (connection.since, connection.phase >= Phase::Established);
            self.deadlines.remove(&(armed, id.0));
            self.deadlines.insert((deadline, id.0));
            if is_open {
                self.half_open.remove(&(since, id.0));
            }
        }
    }

    /// Forgets the connections whose time has come, and tells `gone` of each.
    pub fn expire(&mut self, now: SimTime, mut gone: impl FnMut(&Connection<S>)) {
        while let Some(&(deadline, slot)) = self.deadlines.first()
            && deadline <= now
        {
            let Some(connection) = self.slots[slot as usize].as_mut() else {
                self.deadlines.remove(&(deadline, slot));
                continue;
            };
            let due = connection.last + connection.timeouts.of(connection.phase);
            if due > now {
                connection.armed = due;
                self.deadlines.remove(&(deadline, slot));
                self.deadlines.insert((due, slot));
            } else if let Some(connection) = self.remove(ConnectionId(slot)) {
                gone(&connection);
            }
        }
    }

    /// Forgets a connection.
    pub fn remove(&mut self, id: ConnectionId) -> Option<Connection<S>> {
        let connection = self.slots.get_mut(id.0 as usize)?.take()?;
        self.deadlines.remove(&(connection.armed, id.0));
        self.half_open.remove(&(connection.since, id.0));
        for key in [connection.opened, connection.translated] {
            // A newer connection may own the key by now.
            if self.index.get(&key.canonical()) == Some(&id) {
                self.index.remove(&key.canonical());
            }
        }
        self.free.push(id.0);
        self.open -= 1;
        Some(connection)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self { most: self.most, ..Self::new(self.timeouts) };
    }

    /// Connections in the table.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.open
    }

    /// Connections whose handshake is not complete.
    #[must_use]
    pub fn half_open(&self) -> usize {
        self.half_open.len()
    }

    /// The oldest connection whose handshake is not complete.
    #[must_use]
    pub fn oldest_half_open(&self) -> Option<ConnectionId> {
        self.half_open.first().map(|&(_, slot)| ConnectionId(slot))
    }

    /// The connections whose handshake is not complete, oldest first.
    pub fn half_open_ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.half_open.iter().map(|&(_, slot)| ConnectionId(slot))
    }

    /// True when there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// The most that there ever were at once.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.most
    }

    /// All connections, in the order of their slots.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Connection<S>> {
        self.slots.iter_mut().flatten()
    }

    /// All connections, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = &Connection<S>> {
        self.slots.iter().flatten()
    }
}

impl Timeouts {
    /// The timeout of a phase.
    #[must_use]
    pub const fn of(&self, phase: Phase) -> SimDuration {
        match phase {
            Phase::SynSent | Phase::SynReceived => self.embryonic,
            Phase::Established => self.idle,
            Phase::HalfClosed => self.half_closed,
            Phase::Closed => self.closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CLIENT, SERVER, segment};

    const TIMEOUTS: Timeouts = Timeouts {
        embryonic: SimDuration::from_secs(30),
        idle: SimDuration::from_secs(3600),
        half_closed: SimDuration::from_secs(600),
        closed: SimDuration::ZERO,
    };

    #[test]
    fn a_connection_from_syn_to_the_last_ack() {
        use Flags as F;
        let mut table = Table::new(TIMEOUTS);
        let flow = Flow { src: CLIENT, dst: SERVER };
        let id = table.open(SimTime::ZERO, flow, flow, ());
        let fin = F::FIN.with(F::ACK);
        let dialogue = [
            (Sender::Initiator, F::SYN, 100, 0, 0, Phase::SynSent),
            (Sender::Responder, F::SYN.with(F::ACK), 900, 101, 0, Phase::SynReceived),
            (Sender::Initiator, F::ACK, 101, 901, 0, Phase::Established),
            (Sender::Initiator, F::ACK, 101, 901, 50, Phase::Established),
            (Sender::Responder, F::ACK, 901, 151, 0, Phase::Established),
            (Sender::Initiator, fin, 151, 901, 0, Phase::HalfClosed),
            (Sender::Responder, F::ACK, 901, 152, 10, Phase::HalfClosed),
            (Sender::Responder, fin, 911, 152, 0, Phase::HalfClosed),
            (Sender::Initiator, F::ACK, 152, 912, 0, Phase::Closed),
        ];
        for (n, (sender, flags, seq, ack, len, phase)) in dialogue.into_iter().enumerate() {
            let packet = segment(sender, flags, seq, ack, len);
            assert_eq!(table.find(packet.flow()), Some((id, sender)));
            table.observe(SimTime(n as u64), id, sender, &packet);
            assert_eq!(table.get(id).unwrap().phase, phase, "packet {n}");
        }
        assert_eq!(table.get(id).unwrap().end(Sender::Initiator).bytes, 50);
        table.expire(SimTime(9), |_| {});
        assert!(table.is_empty());
        assert_eq!(table.find(flow), None);
    }

    #[test]
    fn idle_connections_go_when_their_time_comes() {
        let mut table = Table::new(TIMEOUTS);
        let flow = Flow { src: CLIENT, dst: SERVER };
        let at = |s| SimTime::ZERO + SimDuration::from_secs(s);
        let id = table.open(at(0), flow, flow, ());
        table.observe(
            at(0),
            id,
            Sender::Initiator,
            &segment(Sender::Initiator, Flags::SYN, 1, 0, 0),
        );
        // A retransmitted SYN keeps it alive beyond the first deadline.
        table.observe(
            at(20),
            id,
            Sender::Initiator,
            &segment(Sender::Initiator, Flags::SYN, 1, 0, 0),
        );
        table.expire(at(30), |_| panic!("too early"));
        let mut gone = 0;
        table.expire(at(50), |_| gone += 1);
        assert_eq!((gone, table.len(), table.most()), (1, 0, 1));
    }
}
