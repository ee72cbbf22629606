//! Reading verdicts and causes from the record: what a packet suffered on its way, and what the
//! endpoint that received it concluded. Nothing here knows the scenario.

use std::sync::Arc;

use super::outcome::{
    Act, Blame, Cause, CauseLink, Failure, Outcome, PacketKind, PacketName, Trouble, Verdict,
};
use super::story::{End, Entry, Fact, FallbackReason, Offer, ResetCause};
use super::{ChangeRecord, DeviceRecord, StrayReset, SubflowOutcome, TimelineEvent};
use crate::engine::device::Change;
use crate::mptcp::endpoint::origin_of;
use crate::mptcp::stack::EndpointId;
use crate::time::{SimDuration, SimTime};
use crate::wire::packet::PacketUid;

/// Data that waited this long without a delivery at the end of a run counts as a stall for good.
const STALLED: SimDuration = SimDuration::from_secs(10);

/// How one end of the connection stood at the end.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// It spoke MPTCP.
    pub is_mptcp: bool,
    /// Everything was delivered and closed.
    pub completed: bool,
    /// It gave up or was reset.
    pub aborted: bool,
    /// It had an established subflow.
    pub established: bool,
    /// Offset of the first wrong byte.
    pub wrong_at: Option<u64>,
}

/// What a verdict is read from.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// Both ends' story in order of time.
    pub story: &'a [Entry],
    /// All devices' changes in order of time.
    pub changes: &'a [ChangeRecord],
    /// Devices.
    pub devices: &'a [DeviceRecord],
    /// Names of client and server.
    pub hosts: &'a [String; 2],
    /// Path of each subflow.
    pub paths: &'a [String],
    /// Subflow indices of each endpoint's subflows.
    pub origins: &'a [(EndpointId, Vec<usize>)],
    /// Joins that met a host without their token.
    pub strays: &'a [StrayReset],
    /// Scripted events.
    pub timeline: &'a [TimelineEvent],
    /// The end that opened the connection.
    pub client: Option<Side>,
    /// The end that was called, if it ever answered.
    pub server: Option<Side>,
    /// Written data was not delivered at the end.
    pub data_waits: bool,
    /// One end has closed in good faith, and the other still waited at the end: for an acknowledgement, or to be told that
    /// nothing more comes.
    pub end_waits: bool,
    /// Time since the last delivery.
    pub stalled_for: SimDuration,
}

/// The verdict of a connection, with its cause.
#[must_use]
pub fn judge(evidence: &Evidence<'_>) -> Outcome {
    let verdict = verdict(evidence);
    let cause = match verdict {
        Verdict::Mptcp => None,
        Verdict::Fallback => fallback_cause(evidence),
        Verdict::Failed(failure) => failure_cause(evidence, failure),
    };
    Outcome { verdict, cause }
}

fn verdict(evidence: &Evidence<'_>) -> Verdict {
    let sides = [evidence.client, evidence.server];
    let any = |test: fn(&Side) -> bool| sides.iter().flatten().any(test);
    if any(|s| s.wrong_at.is_some()) {
        return Verdict::Failed(Failure::WrongStream);
    }
    if evidence.data_waits && sides.iter().all(|s| s.is_some_and(|s| s.completed)) {
        // Both closed in good faith, and yet something between them had taken bytes out.
        return Verdict::Failed(Failure::WrongStream);
    }
    if !evidence.client.is_some_and(|c| c.established) {
        return Verdict::Failed(Failure::NeverConnected);
    }
    if any(|s| s.aborted) {
        return Verdict::Failed(Failure::Reset);
    }
    if (evidence.data_waits || evidence.end_waits) && evidence.stalled_for >= STALLED {
        return Verdict::Failed(Failure::Stalled);
    }
    let both = sides.iter().all(|s| s.is_some_and(|s| s.is_mptcp));
    if both { Verdict::Mptcp } else { Verdict::Fallback }
}

impl Evidence<'_> {
    fn host(&self, end: End) -> &str {
        match end {
            End::Client => &self.hosts[0],
            End::Server => &self.hosts[1],
        }
    }

    /// The record's subflow index that a packet belongs to; `None` for a device's own.
    fn subflow_of(&self, uid: PacketUid) -> Option<usize> {
        if uid.0 >> 62 != 0 {
            return None;
        }
        let (endpoint, local) = origin_of(uid);
        let (_, indices) = self.origins.iter().find(|(id, _)| *id == endpoint)?;
        indices.get(local).copied()
    }

    /// What a packet is.
    fn name(&self, uid: PacketUid) -> Option<PacketName> {
        let subflow = self.subflow_of(uid);
        let told = self.story.iter().find(|e| e.packet == Some(uid) && is_sending(&e.fact));
        let kind = match told.map(|e| &e.fact) {
            Some(Fact::SynSent { offer: Offer::Join, .. }) => PacketKind::JoinSyn,
            Some(Fact::SynSent { .. }) => PacketKind::Syn,
            Some(Fact::SynAckSent { .. }) => PacketKind::SynAck,
            Some(Fact::ResetSent { .. }) => PacketKind::Rst,
            _ if subflow.is_some() => PacketKind::Segment,
            _ => return None,
        };
        let path = subflow.and_then(|i| self.paths.get(i)).cloned();
        Some(PacketName { uid, kind, subflow, path })
    }

    fn device_link(&self, change: &ChangeRecord) -> CauseLink {
        let device = &self.devices[change.device.0 as usize];
        CauseLink {
            at: change.at,
            who: Blame::Device {
                device: device.name.clone(),
                model: device.model,
                change: change.change.clone(),
                rule: Arc::clone(&change.rule),
            },
            packet: self.name(change.packet),
        }
    }

    fn endpoint_link(&self, entry: &Entry, act: Act) -> CauseLink {
        CauseLink {
            at: entry.at,
            who: Blame::Endpoint { end: entry.end, host: self.host(entry.end).to_owned(), act },
            packet: entry.packet.and_then(|uid| self.name(uid)),
        }
    }

    fn changes_of(&self, uid: PacketUid) -> impl Iterator<Item = &ChangeRecord> {
        self.changes.iter().filter(move |c| c.packet == uid)
    }

    /// The first change of `subflow`'s packets that this test accepts, up to `until`.
    fn first_change(
        &self,
        subflow: usize,
        until: SimTime,
        test: impl Fn(&Change) -> bool,
    ) -> Option<&ChangeRecord> {
        self.changes
            .iter()
            .filter(|c| c.at <= until && self.subflow_of(c.packet) == Some(subflow))
            .find(|c| test(&c.change))
    }

    /// The last such change.
    fn last_change(
        &self,
        subflow: usize,
        until: SimTime,
        test: impl Fn(&Change) -> bool,
    ) -> Option<&ChangeRecord> {
        let of_subflow =
            |c: &&ChangeRecord| c.at <= until && self.subflow_of(c.packet) == Some(subflow);
        self.changes.iter().filter(of_subflow).rfind(|c| test(&c.change))
    }

    /// The first packet that was stopped by the rule which stopped the last one: what held the connection
    /// up at its end, whatever else was done to it before.
    fn obstacle(&self) -> Option<&ChangeRecord> {
        let stopped = |c: &&ChangeRecord| {
            matches!(c.change, Change::Dropped { .. } | Change::Reset { .. })
                && self.subflow_of(c.packet).is_some()
        };
        let last = self.changes.iter().rfind(stopped)?;
        let by_same = |c: &&ChangeRecord| (c.device, &c.rule) == (last.device, &last.rule);
        self.changes.iter().filter(stopped).find(by_same)
    }

    /// Why a packet that came at `at` came without its MPTCP option, or at all from somebody else: what a
    /// device did to it, or that its sender never put the option in.
    fn why_without_option(&self, uid: PacketUid, at: SimTime) -> Option<CauseLink> {
        if let Some(change) = self.changes_of(uid).find(|c| removes_mptcp(&c.change)) {
            return Some(self.device_link(change));
        }
        if uid.0 >> 63 != 0 {
            // A device made the packet itself: it has spoken in the peer's place since it first answered a
            // packet of this connection.
            let device = ((uid.0 & !(1 << 63)) >> 40) as u32;
            let answered = |c: &&ChangeRecord| {
                c.device.0 == device
                    && c.at <= at
                    && self.subflow_of(c.packet).is_some()
                    && matches!(c.change, Change::Answered { .. } | Change::Reset { .. })
            };
            return self.changes.iter().find(answered).map(|c| self.device_link(c));
        }
        let sent = self.story.iter().find(|e| e.packet == Some(uid) && is_sending(&e.fact))?;
        match sent.fact {
            Fact::SynSent { offer: Offer::Nothing, attempt } if attempt > 0 => None,
            Fact::SynSent { offer: Offer::Nothing, .. } => {
                Some(self.endpoint_link(sent, Act::SpeaksPlainTcp))
            }
            Fact::SynAckSent { offer: Offer::Nothing } => {
                let earlier = self.story.iter().rfind(|e| {
                    e.end == sent.end
                        && e.at <= sent.at
                        && matches!(e.fact, Fact::SpeaksPlainTcp | Fact::FellBack(_))
                })?;
                match earlier.fact {
                    Fact::SpeaksPlainTcp => Some(self.endpoint_link(earlier, Act::SpeaksPlainTcp)),
                    _ => earlier.packet.and_then(|uid| self.why_without_option(uid, earlier.at)),
                }
            }
            _ => None,
        }
    }
}

fn is_sending(fact: &Fact) -> bool {
    matches!(fact, Fact::SynSent { .. } | Fact::SynAckSent { .. } | Fact::ResetSent { .. })
}

/// The change took option 30 away.
fn removes_mptcp(change: &Change) -> bool {
    matches!(
        change,
        Change::OptionBlanked { kind: 30, .. } | Change::OptionRemoved { kind: 30, .. }
    )
}

fn stops(change: &Change) -> bool {
    change.stops_packet()
}

fn interferes(change: &Change) -> bool {
    removes_mptcp(change)
        || stops(change)
        || matches!(change, Change::Payload { .. } | Change::Split { .. } | Change::Held)
}

fn fallback_cause(evidence: &Evidence<'_>) -> Option<Cause> {
    let entry = evidence
        .story
        .iter()
        .find(|e| matches!(e.fact, Fact::FellBack(_) | Fact::SpeaksPlainTcp))?;
    let reason = match entry.fact {
        Fact::FellBack(reason) => reason,
        _ => {
            let link = evidence.endpoint_link(entry, Act::SpeaksPlainTcp);
            return Some(Cause { links: vec![link] });
        }
    };
    let subflow = entry.subflow.unwrap_or(0);
    let root = match reason {
        FallbackReason::SynUnanswered => evidence
            .first_change(subflow, entry.at, stops)
            .map(|c| evidence.device_link(c))
            .or_else(|| Some(network(entry.at, Trouble::SynsUnanswered))),
        FallbackReason::ChecksumFailed
        | FallbackReason::MappingCorrupt
        | FallbackReason::PeerFellBack => {
            let changed = |c: &Change| interferes(c) && !removes_mptcp(c);
            evidence
                .last_change(subflow, entry.at, changed)
                .or_else(|| evidence.last_change(subflow, entry.at, interferes))
                .map(|c| evidence.device_link(c))
        }
        _ => entry
            .packet
            .and_then(|uid| evidence.why_without_option(uid, entry.at))
            .or_else(|| {
                evidence
                    .last_change(subflow, entry.at, removes_mptcp)
                    .map(|c| evidence.device_link(c))
            })
            .or_else(|| {
                evidence.last_change(subflow, entry.at, interferes).map(|c| evidence.device_link(c))
            }),
    };
    let mut links: Vec<CauseLink> = root.into_iter().collect();
    let tells_all = matches!(links.first().map(|l| &l.who), Some(Blame::Endpoint { .. }));
    if !tells_all {
        links.push(evidence.endpoint_link(entry, Act::FellBack(reason)));
    }
    Some(Cause { links })
}

fn network(at: SimTime, what: Trouble) -> CauseLink {
    CauseLink { at, who: Blame::Network(what), packet: None }
}

fn failure_cause(evidence: &Evidence<'_>, failure: Failure) -> Option<Cause> {
    let end = SimTime::NEVER;
    let last = evidence.story.iter().rfind(|e| ending(&e.fact).is_some());
    let device = match failure {
        Failure::NeverConnected => evidence.first_change(0, end, stops),
        Failure::WrongStream => {
            let wrong = evidence.story.iter().find(|e| matches!(e.fact, Fact::WrongByte { .. }));
            let at = wrong.map_or(end, |e| e.at);
            let subflow = wrong.and_then(|e| e.subflow).unwrap_or(0);
            let payload = |c: &Change| matches!(c, Change::Payload { .. });
            evidence
                .last_change(subflow, at, payload)
                .or_else(|| evidence.first_change(subflow, at, interferes))
        }
        Failure::Reset | Failure::Stalled => evidence.obstacle().or_else(|| {
            (0..evidence.paths.len())
                .filter_map(|i| evidence.first_change(i, end, interferes))
                .min_by_key(|c| c.at)
        }),
    };
    let mut links: Vec<CauseLink> = device.map(|c| evidence.device_link(c)).into_iter().collect();
    match (failure, last) {
        (Failure::WrongStream, _) => {
            if let Some(entry) =
                evidence.story.iter().find(|e| matches!(e.fact, Fact::WrongByte { .. }))
            {
                links.push(evidence.endpoint_link(entry, Act::DeliveredWrongBytes));
            }
        }
        (_, Some(entry)) => {
            links.extend(ending(&entry.fact).map(|act| evidence.endpoint_link(entry, act)));
        }
        (Failure::Stalled, None) => {
            links.push(network(SimTime::ZERO, Trouble::NothingDelivered));
        }
        (_, None) => {}
    }
    if links.iter().all(|l| !matches!(l.who, Blame::Device { .. }))
        && let Some(event) = evidence.timeline.first()
    {
        links.insert(0, network(event.at, Trouble::Event(event.label.clone())));
    }
    (!links.is_empty()).then_some(Cause { links })
}

/// How a connection or a subflow ended, by the fact that says so.
const fn ending(fact: &Fact) -> Option<Act> {
    match fact {
        Fact::ResetReceived { reason } => Some(Act::WasReset(*reason)),
        Fact::ResetSent { why, .. } => Some(Act::Reset(*why)),
        Fact::TimedOut => Some(Act::GaveUp),
        Fact::NoPort => Some(Act::HadNoPort),
        Fact::Unreachable => Some(Act::ToldUnreachable),
        _ => None,
    }
}

/// Why subflow `index` was refused, reset or not answered; `None` when it was well, or when its whole
/// connection ended.
#[must_use]
pub fn subflow_cause(
    evidence: &Evidence<'_>,
    index: usize,
    outcome: SubflowOutcome,
) -> Option<Cause> {
    if outcome == SubflowOutcome::Established {
        return None;
    }
    let of_subflow = |e: &&Entry| e.subflow == Some(index);
    let ending = evidence.story.iter().filter(of_subflow).find(|e| ending(&e.fact).is_some());
    let at = ending.map_or(SimTime::NEVER, |e| e.at);
    let mut links = Vec::new();
    if let Some(stray) = evidence.strays.iter().find(|s| s.subflow == index) {
        let balanced = |c: &&ChangeRecord| {
            matches!(c.change, Change::Balanced { .. } | Change::Translated { .. })
        };
        links.extend(
            evidence.changes_of(stray.packet).find(balanced).map(|c| evidence.device_link(c)),
        );
        links.push(CauseLink {
            at: stray.at,
            who: Blame::Endpoint {
                end: End::Server,
                host: stray.host.clone(),
                act: Act::Reset(ResetCause::UnknownToken),
            },
            packet: evidence.name(stray.packet),
        });
        return Some(Cause { links });
    }
    let device = evidence
        .first_change(index, at, |c| removes_mptcp(c) || stops(c))
        .or_else(|| evidence.last_change(index, at, interferes));
    links.extend(device.map(|c| evidence.device_link(c)));
    match ending {
        Some(entry) => {
            links.extend(self::ending(&entry.fact).map(|act| evidence.endpoint_link(entry, act)));
        }
        None if links.is_empty() => links.push(network(at, Trouble::Unanswered)),
        None => {}
    }
    if device.is_none()
        && matches!(outcome, SubflowOutcome::TimedOut)
        && let Some(event) = evidence.timeline.iter().rfind(|e| {
            e.at <= at && e.path.as_deref() == evidence.paths.get(index).map(String::as_str)
        })
    {
        links.insert(0, network(event.at, Trouble::Event(event.label.clone())));
    }
    Some(Cause { links })
}
