//! What happened to a connection, step by step: what its ends told, what devices signed and what the
//! scenario made happen, in order of time; what repeats is one step.

use std::sync::Arc;

use sim_core::engine::device::Change;
use sim_core::record::outcome::{Act, Blame, PacketKind, PacketName};
use sim_core::record::story::{End, Entry, Fact, Offer};
use sim_core::record::{ChangeRecord, ConnectionRecord, DeviceRecord, RunRecord};
use sim_core::time::SimTime;
use sim_core::wire::packet::{Packet, PacketUid};

use crate::sightings::{Frame, Sightings};

/// One step.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// When it happened first.
    pub at: SimTime,
    /// When it happened last, if it did more than once.
    pub until: SimTime,
    /// How often.
    pub times: u32,
    /// What.
    pub what: What<'a>,
    /// The packet that told or suffered it, as it was before.
    pub packet: Option<&'a Packet>,
    /// Where to see it: before and, for a change, after.
    pub frames: Vec<Frame>,
    /// Place in the run's order, among steps of the same time.
    order: usize,
}

/// What happened in a step.
#[derive(Clone, Debug)]
pub enum What<'a> {
    /// An end saw or did something.
    Fact {
        /// Which end.
        end: End,
        /// Its host.
        host: &'a str,
        /// What.
        fact: Fact,
        /// Index of the subflow and its path, where one is concerned.
        subflow: Option<(usize, &'a str)>,
    },
    /// A host that is no end of the connection did something.
    Act {
        /// The host.
        host: &'a str,
        /// What.
        act: Act,
        /// On which packet.
        packet: Option<&'a PacketName>,
    },
    /// A device changed or stopped a packet.
    Change {
        /// The device.
        device: &'a DeviceRecord,
        /// The change and its rule.
        change: &'a ChangeRecord,
        /// The packet.
        packet: Option<PacketName>,
    },
    /// The scenario made something happen.
    Event(&'a str),
}

/// The steps of connection `index`, in order of time.
#[must_use]
pub fn steps(record: &RunRecord, index: usize) -> Vec<Step<'_>> {
    let Some(connection) = record.connections.get(index) else { return Vec::new() };
    let sightings = Sightings::new(record, index);
    let mut steps = Vec::new();
    facts(&mut steps, connection, sightings.as_ref());
    acts(&mut steps, connection, sightings.as_ref());
    if let Some(sightings) = &sightings {
        changes(&mut steps, record, sightings);
    }
    let ended = connection.completed_at.unwrap_or(record.ended_at);
    for event in record.timeline.iter().filter(|event| event.at <= ended) {
        steps.push(Step::new(event.at, What::Event(&event.label), usize::MAX));
    }
    steps.sort_by_key(|step| (step.at, step.order)); // stable: each end's own order is kept
    steps
}

impl<'a> Step<'a> {
    fn new(at: SimTime, what: What<'a>, order: usize) -> Self {
        Self { at, until: at, times: 1, what, packet: None, frames: Vec::new(), order }
    }

    fn again(&mut self, at: SimTime) {
        self.until = at;
        self.times += 1;
    }
}

/// What the two ends told.
fn facts<'a>(
    steps: &mut Vec<Step<'a>>,
    connection: &'a ConnectionRecord,
    sightings: Option<&Sightings<'a>>,
) {
    let mut certain = [false; 2];
    // An entry without a packet follows what its end told before it at the same time.
    let mut last = [(SimTime::ZERO, 0); 2];
    for entry in &connection.story {
        let end = usize::from(entry.end == End::Server);
        let host = [connection.client.as_str(), &connection.server][end];
        let seen = sightings.and_then(|all| entry.packet.and_then(|uid| seen_by(all, uid, host)));
        let order = seen.map_or(0, |(order, _)| order);
        let order = if last[end].0 == entry.at { order.max(last[end].1) } else { order };
        last[end] = (entry.at, order);
        let is_news = match &entry.fact {
            Fact::FullyEstablished => !std::mem::replace(&mut certain[end], true),
            Fact::SubflowEstablished | Fact::Closed | Fact::FinSent => entry.end == End::Client,
            Fact::SynReceived { offer } | Fact::SynAckReceived { offer } => {
                Some(*offer) != sent(connection, entry) && !concluded(connection, entry)
            }
            Fact::FinReceived => false,
            _ => true,
        };
        if !is_news || repeats(steps, entry) {
            continue;
        }
        let path = |k: usize| connection.subflows.get(k).map_or("", |s| s.path.as_str());
        let subflow = entry.subflow.map(|k| (k, path(k)));
        let what = What::Fact { end: entry.end, host, fact: entry.fact.clone(), subflow };
        let mut step = Step::new(entry.at, what, order);
        if let (Some(all), Some((_, seen))) = (sightings, seen) {
            step.packet = Some(&seen.packet);
            step.frames = vec![all.frame(seen)];
        }
        steps.push(step);
    }
}

/// The sighting of a packet at a host.
fn seen_by<'a>(
    all: &Sightings<'a>,
    packet: PacketUid,
    host: &str,
) -> Option<(usize, &'a sim_core::engine::capture::Captured)> {
    all.of(packet).find(|(_, seen)| all.node(seen) == host)
}

/// True when the end says itself what it concluded from the packet.
fn concluded(connection: &ConnectionRecord, received: &Entry) -> bool {
    connection.story.iter().any(|entry| {
        entry.end == received.end
            && entry.packet == received.packet
            && matches!(entry.fact, Fact::FellBack(_) | Fact::ResetSent { .. })
    })
}

/// What the packet that an entry received offered when it was sent.
fn sent(connection: &ConnectionRecord, received: &Entry) -> Option<Offer> {
    connection.story.iter().find(|e| e.packet == received.packet && e.end != received.end).and_then(
        |entry| match entry.fact {
            Fact::SynSent { offer, .. } | Fact::SynAckSent { offer } => Some(offer),
            _ => None,
        },
    )
}

/// True when the entry is one more of what its end told last about its subflow, and has been added there.
fn repeats(steps: &mut [Step<'_>], entry: &Entry) -> bool {
    let subflow_of = |step: &Step<'_>| match &step.what {
        What::Fact { end, subflow, .. } if *end == entry.end => Some(subflow.map(|(k, _)| k)),
        _ => None,
    };
    let Some(step) = steps.iter_mut().rfind(|step| subflow_of(step) == Some(entry.subflow)) else {
        return false;
    };
    let What::Fact { fact, .. } = &mut step.what else { return false };
    let same = match (fact, &entry.fact) {
        (Fact::RetransmissionTimeout { .. }, Fact::RetransmissionTimeout { .. }) => true,
        (Fact::Reinjected { bytes }, Fact::Reinjected { bytes: more }) => {
            *bytes += more;
            true
        }
        (Fact::ChecksumFailed { .. }, Fact::ChecksumFailed { .. }) => true,
        (told, fact) => told == fact && entry.packet.is_none(),
    };
    if same {
        step.again(entry.at);
    }
    same
}

/// What hosts did that are no end of the connection: a server that does not know a join's token.
fn acts<'a>(
    steps: &mut Vec<Step<'a>>,
    connection: &'a ConnectionRecord,
    sightings: Option<&Sightings<'a>>,
) {
    let links = connection.subflows.iter().filter_map(|s| s.cause.as_ref()).flat_map(|c| &c.links);
    for link in links {
        let Blame::Endpoint { host, act, .. } = &link.who else { continue };
        let told = |entry: &&Entry| entry.at == link.at && entry.packet == uid_of(link);
        if [&connection.client, &connection.server].contains(&host)
            || connection.story.iter().any(|entry| told(&entry))
        {
            continue;
        }
        let what = What::Act { host, act: *act, packet: link.packet.as_ref() };
        let mut step = Step::new(link.at, what, usize::MAX);
        let seen = sightings.and_then(|all| Some((all, seen_by(all, uid_of(link)?, host)?)));
        if let Some((all, (order, seen))) = seen {
            step.order = order;
            step.packet = Some(&seen.packet);
            step.frames = vec![all.frame(seen)];
        }
        steps.push(step);
    }
}

fn uid_of(link: &sim_core::record::outcome::CauseLink) -> Option<PacketUid> {
    link.packet.as_ref().map(|packet| packet.uid)
}

/// What devices did that matters to MPTCP.
fn changes<'a>(steps: &mut Vec<Step<'a>>, record: &'a RunRecord, sightings: &Sightings<'a>) {
    let ours = record.changes.iter().filter(|change| sightings.knows(change.packet));
    for change in ours.filter(|change| matters(&change.change)) {
        let device = record.device(change.device);
        let packet = sightings.name(change.packet);
        let same = steps.iter_mut().rfind(|step| match &step.what {
            What::Change { change: told, packet: named, .. } => {
                told.device == change.device
                    && told.change.label() == change.change.label()
                    && (Arc::ptr_eq(&told.rule, &change.rule) || told.rule == change.rule)
                    && (told.change.allows() || of(named.as_ref()) == of(packet.as_ref()))
            }
            _ => false,
        });
        if let Some(step) = same {
            step.again(change.at);
            continue;
        }
        let what = What::Change { device, change, packet };
        let before = sightings.at(change.packet, &device.name, false);
        let after = sightings.at(change.packet, &device.name, true);
        let order = before.or(after).map_or(0, |(order, _)| order);
        let mut step = Step::new(change.at, what, order);
        step.packet = before.or(after).map(|(_, seen)| &seen.packet);
        let seen = before.into_iter().chain(after);
        step.frames = seen.map(|(_, seen)| sightings.frame(seen)).collect();
        steps.push(step);
    }
}

/// What a packet is and of which subflow.
fn of(packet: Option<&PacketName>) -> Option<(PacketKind, Option<usize>)> {
    packet.map(|packet| (packet.kind, packet.subflow))
}

/// True for what can matter to MPTCP; false for changes that it does not notice: addresses, sequence numbers, other options, fields.
#[must_use]
pub const fn matters(change: &Change) -> bool {
    match change {
        Change::OptionBlanked { kind, .. }
        | Change::OptionRemoved { kind, .. }
        | Change::OptionAdded { kind } => *kind == 30,
        Change::Mss { .. }
        | Change::SequenceShifted { .. }
        | Change::Field { .. }
        | Change::Translated { .. } => false,
        Change::Balanced { .. }
        | Change::Payload { .. }
        | Change::Split { .. }
        | Change::Coalesced { .. }
        | Change::Held
        | Change::Dropped { .. }
        | Change::Reset { .. }
        | Change::Answered { .. }
        | Change::Allowed { .. } => true,
    }
}
