//! Whether a rule is for a packet.

use sim_core::rng::Stream;
use sim_core::time::SimTime;
use sim_core::wire::packet::{Flags, Packet};

use crate::steps::scan::find;
use crate::steps::track::{Connection, Sender};

use super::State;
use super::rules::{Count, Direction, Reached, Segment, When};

/// What is known of a packet before any rule has touched it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) now: SimTime,
    pub(super) direction: Direction,
    pub(super) sender: Sender,
    third_ack: bool,
    first_data: bool,
}

/// How often a rule was asked and how often it was applied.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    seen: u64,
    done: u64,
}

impl Tally {
    /// Counts a packet for which all else holds; true when the rule is to be applied.
    fn take(&mut self, when: &When) -> bool {
        let past_skip = self.seen.checked_sub(when.skip);
        self.seen += 1;
        let due = past_skip.is_some_and(|n| n.is_multiple_of(when.every.0))
            && when.times.is_none_or(|times| self.done < times);
        self.done += u64::from(due);
        due
    }
}

impl Facts {
    pub(super) fn of(
        connection: &Connection<State>,
        now: SimTime,
        direction: Direction,
        sender: Sender,
        packet: &Packet,
    ) -> Self {
        let [initiator, responder] = &connection.ends;
        let after_syn = connection.end(sender).isn.is_some_and(|isn| packet.seq == isn.add(1));
        let no_data_yet = initiator.bytes + responder.bytes == 0;
        let answers = responder.isn.is_some_and(|isn| packet.ack == isn.add(1));
        Self {
            now,
            direction,
            sender,
            third_ack: sender == Sender::Initiator
                && is_pure_ack(packet)
                && after_syn
                && no_data_yet
                && answers,
            first_data: !packet.payload.is_empty() && after_syn,
        }
    }

    fn is(&self, segment: Segment, packet: &Packet) -> bool {
        let flags = packet.flags;
        match segment {
            Segment::Syn => flags.is_initial_syn(),
            Segment::SynAck => flags.is_syn_ack(),
            Segment::ThirdAck => self.third_ack,
            Segment::AfterHandshake => !flags.has(Flags::SYN) && !self.third_ack,
            Segment::FirstData => self.first_data,
            Segment::Data => !packet.payload.is_empty(),
            Segment::PureAck => is_pure_ack(packet),
            Segment::Fin => flags.has(Flags::FIN),
            Segment::Rst => flags.has(Flags::RST),
        }
    }
}

fn is_pure_ack(packet: &Packet) -> bool {
    let bare = Flags::SYN.0 | Flags::FIN.0 | Flags::RST.0;
    packet.flags.has(Flags::ACK) && packet.flags.0 & bare == 0 && packet.payload.is_empty()
}

/// What a rule's conditions are held against.
pub(super) struct Subject<'a> {
    pub(super) facts: &'a Facts,
    pub(super) path: Option<&'a str>,
    pub(super) packet: &'a Packet,
    pub(super) connection: &'a mut Connection<State>,
}

impl Subject<'_> {
    /// True when the rule of this index is to be applied; counts the packet when all else holds.
    pub(super) fn fits(
        &mut self,
        when: &When,
        rule: usize,
        overall: &mut [Tally],
        random: &mut Stream,
        scratch: &mut Vec<u8>,
    ) -> bool {
        self.holds(when, scratch) && {
            let tally = match when.count {
                Count::PerConnection => self.connection.state.tallies.get_mut(rule),
                Count::Overall => overall.get_mut(rule),
            };
            tally.is_some_and(|tally| tally.take(when))
                && when.chance.is_none_or(|chance| random.chance(chance))
        }
    }

    fn holds(&self, when: &When, scratch: &mut Vec<u8>) -> bool {
        let packet = self.packet;
        when.path.as_deref().is_none_or(|path| self.path == Some(path))
            && when.direction.is_none_or(|d| d == self.facts.direction)
            && (when.segment.is_empty() || when.segment.iter().any(|&s| self.facts.is(s, packet)))
            && when.flags.iter().all(|flag| packet.flags.has(flag.bit()))
            && when.port.is_none_or(|port| port == packet.src_port || port == packet.dst_port)
            && when.option.is_none_or(|with| packet.options.iter().any(|o| with.is(&o)))
            && self.all_reached(&when.after)
            && !self.any_reached(&when.until)
            && when.contains.as_deref().is_none_or(|text| {
                scratch.resize(packet.payload.len as usize, 0);
                packet.payload.copy_to(scratch);
                find(scratch, text.as_bytes()).is_some()
            })
            && when.stream_contains.as_deref().is_none_or(|text| {
                let scan = &self.connection.state.scans[self.facts.sender as usize];
                scan.completes(text.as_bytes())
            })
    }

    fn marks(&self, reached: &Reached) -> [Option<bool>; 6] {
        let c = &*self.connection;
        let sum = |of: fn(&crate::steps::track::End) -> u64| c.ends.iter().map(of).sum::<u64>();
        let now = self.facts.now;
        [
            reached.acked.map(|mark| acknowledged(c) >= mark.0),
            reached.bytes.map(|mark| sum(|e| e.bytes) >= mark.0),
            reached.packets.map(|mark| sum(|e| e.packets) >= mark),
            reached.data_packets.map(|mark| sum(|e| e.data_packets) >= mark),
            reached.age.map(|mark| now.since(c.since) >= mark),
            reached.time.map(|mark| now.since(SimTime::ZERO) >= mark),
        ]
    }

    fn all_reached(&self, reached: &Reached) -> bool {
        *reached == Reached::default() || self.marks(reached).into_iter().flatten().all(|m| m)
    }

    fn any_reached(&self, reached: &Reached) -> bool {
        *reached != Reached::default() && self.marks(reached).into_iter().flatten().any(|m| m)
    }
}

/// Payload bytes that the two ends have acknowledged.
fn acknowledged(connection: &Connection<State>) -> u64 {
    [Sender::Initiator, Sender::Responder]
        .into_iter()
        .filter_map(|s| {
            let first = connection.end(s.peer()).isn?.add(1);
            let acked = connection.end(s).acked?.distance(first);
            u64::try_from(acked).ok()
        })
        .sum()
}
