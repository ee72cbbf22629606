//! Reading verdicts and causes from the record: what a packet suffered on its way, and what the
//! endpoint that received it concluded. Nothing here knows the scenario.

use super::outcome::{Blame, Cause, CauseLink, Failure, Outcome, Verdict};
use super::story::{End, Entry, Fact, FallbackReason, Offer, ResetCause};
use super::{ChangeRecord, DeviceRecord, StrayReset, SubflowOutcome, TimelineEvent};
use crate::engine::device::{Change, Origin};
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
    if evidence.data_waits && evidence.stalled_for >= STALLED {
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

    /// What a packet is, in words.
    fn name(&self, uid: PacketUid) -> Option<String> {
        let subflow = self.subflow_of(uid);
        let path = subflow.and_then(|i| self.paths.get(i));
        let over = match (subflow, path) {
            (Some(0), _) => " of the first subflow".to_owned(),
            (Some(_), Some(path)) => format!(" over {path}"),
            _ => String::new(),
        };
        let told = self.story.iter().find(|e| e.packet == Some(uid) && is_sending(&e.fact));
        let what = match told.map(|e| &e.fact) {
            Some(Fact::SynSent { offer: Offer::Join, .. }) => "MP_JOIN SYN",
            Some(Fact::SynSent { .. }) => "SYN",
            Some(Fact::SynAckSent { .. }) => "SYN/ACK",
            Some(Fact::ResetSent { .. }) => "RST",
            _ if subflow.is_some() => "segment",
            _ => return None,
        };
        Some(format!("{what}{over}"))
    }

    fn device_link(&self, change: &ChangeRecord) -> CauseLink {
        let device = &self.devices[change.device.0 as usize];
        let (is_default, because, line) = match &change.rule.origin {
            Origin::Default { because, near } => (true, because.clone(), near.clone()),
            Origin::Config(line) => (false, None, Some(line.clone())),
            Origin::Scenario => (false, None, None),
        };
        CauseLink {
            at: change.at,
            who: Blame::Device {
                device: device.name.clone(),
                model: device.model,
                action: describe(&change.change),
                label: change.change.label(),
                rule: change.rule.text.clone(),
                is_default,
                because,
                line,
                source: change.rule.source,
            },
            packet: self.name(change.packet),
        }
    }

    fn endpoint_link(&self, entry: &Entry, action: impl Into<String>) -> CauseLink {
        CauseLink {
            at: entry.at,
            who: Blame::Endpoint {
                end: entry.end,
                host: self.host(entry.end).to_owned(),
                action: action.into(),
            },
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

    /// Why a packet came without its MPTCP option, or at all from somebody else: what a device did to
    /// it, or that its sender never put the option in.
    fn why_without_option(&self, uid: PacketUid) -> Option<CauseLink> {
        if let Some(change) = self.changes_of(uid).find(|c| removes_mptcp(&c.change)) {
            return Some(self.device_link(change));
        }
        if uid.0 >> 63 != 0 {
            // A device made the packet itself; what it signed last before sending tells why.
            let device = ((uid.0 & !(1 << 63)) >> 40) as u32;
            let answered = |c: &&ChangeRecord| {
                c.device.0 == device
                    && matches!(c.change, Change::Answered { .. } | Change::Reset { .. })
            };
            return self.changes.iter().rfind(answered).map(|c| self.device_link(c));
        }
        let sent = self.story.iter().find(|e| e.packet == Some(uid) && is_sending(&e.fact))?;
        match sent.fact {
            Fact::SynSent { offer: Offer::Nothing, attempt } if attempt > 0 => None,
            Fact::SynSent { offer: Offer::Nothing, .. } => {
                Some(self.endpoint_link(sent, "does not speak MPTCP"))
            }
            Fact::SynAckSent { offer: Offer::Nothing } => {
                let earlier = self.story.iter().rfind(|e| {
                    e.end == sent.end
                        && e.at <= sent.at
                        && matches!(e.fact, Fact::SpeaksPlainTcp | Fact::FellBack(_))
                })?;
                match earlier.fact {
                    Fact::SpeaksPlainTcp => {
                        Some(self.endpoint_link(earlier, "does not speak MPTCP"))
                    }
                    _ => earlier.packet.and_then(|uid| self.why_without_option(uid)),
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
            let link = evidence.endpoint_link(entry, "does not speak MPTCP");
            return Some(Cause { links: vec![link] });
        }
    };
    let subflow = entry.subflow.unwrap_or(0);
    let root = match reason {
        FallbackReason::SynUnanswered => evidence
            .first_change(subflow, entry.at, stops)
            .map(|c| evidence.device_link(c))
            .or_else(|| Some(network(entry.at, "SYNs with MP_CAPABLE were not answered"))),
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
            .and_then(|uid| evidence.why_without_option(uid))
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
        links.push(evidence.endpoint_link(entry, fallback_text(reason)));
    }
    Some(Cause { links })
}

fn fallback_text(reason: FallbackReason) -> &'static str {
    match reason {
        FallbackReason::NotSpoken => "does not speak MPTCP",
        FallbackReason::SynWithoutCapable => {
            "saw no MP_CAPABLE in the SYN and answered as plain TCP"
        }
        FallbackReason::SynAckWithoutCapable => {
            "saw no MP_CAPABLE in the SYN/ACK and went on as plain TCP"
        }
        FallbackReason::AckWithoutCapable => {
            "saw no MP_CAPABLE in the third ACK and went on as plain TCP"
        }
        FallbackReason::DataWithoutMapping => {
            "got data without a mapping (DSS) and went on as plain TCP"
        }
        FallbackReason::AckWithoutDataAck => {
            "got no DATA_ACK for its first data and went on as plain TCP"
        }
        FallbackReason::SynUnanswered => {
            "sent a SYN without MP_CAPABLE after those with it went unanswered"
        }
        FallbackReason::Blackhole => {
            "does not offer MPTCP for a while, after SYNs with it had vanished"
        }
        FallbackReason::ChecksumFailed => {
            "found a wrong DSS checksum on the only subflow and fell back"
        }
        FallbackReason::PeerFellBack => {
            "was told to fall back by the peer (MP_FAIL or infinite mapping)"
        }
        FallbackReason::MappingCorrupt => {
            "got a mapping that does not fit the data and went on as plain TCP"
        }
        FallbackReason::VersionMismatch => {
            "does not speak the version of MPTCP that the peer offers"
        }
    }
}

fn network(at: SimTime, action: impl Into<String>) -> CauseLink {
    CauseLink { at, who: Blame::Network { action: action.into() }, packet: None }
}

fn failure_cause(evidence: &Evidence<'_>, failure: Failure) -> Option<Cause> {
    let end = SimTime::NEVER;
    let last = evidence.story.iter().rfind(|e| {
        matches!(e.fact, Fact::ResetReceived { .. } | Fact::ResetSent { .. } | Fact::TimedOut)
    });
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
        Failure::Reset | Failure::Stalled => (0..evidence.paths.len())
            .filter_map(|i| evidence.first_change(i, end, interferes))
            .min_by_key(|c| c.at),
    };
    let mut links: Vec<CauseLink> = device.map(|c| evidence.device_link(c)).into_iter().collect();
    match (failure, last) {
        (Failure::WrongStream, _) => {
            if let Some(entry) =
                evidence.story.iter().find(|e| matches!(e.fact, Fact::WrongByte { .. }))
            {
                links.push(
                    evidence.endpoint_link(entry, "delivered bytes that the peer did not write"),
                );
            }
        }
        (_, Some(entry)) => links.push(evidence.endpoint_link(entry, ending_text(&entry.fact))),
        (Failure::Stalled, None) => {
            links.push(network(SimTime::ZERO, "data was no longer delivered"))
        }
        (_, None) => {}
    }
    if links.iter().all(|l| !matches!(l.who, Blame::Device { .. }))
        && let Some(event) = evidence.timeline.first()
    {
        links.insert(0, network(event.at, event.label.clone()));
    }
    (!links.is_empty()).then_some(Cause { links })
}

fn ending_text(fact: &Fact) -> String {
    match fact {
        Fact::ResetReceived { reason: Some(reason) } => {
            format!("was reset (MP_TCPRST: {})", reason.text())
        }
        Fact::ResetReceived { reason: None } => "was reset".into(),
        Fact::ResetSent { why, .. } => format!("reset the subflow: {}", reset_text(*why)),
        Fact::TimedOut => "got no answer and gave up".into(),
        _ => String::new(),
    }
}

fn reset_text(why: ResetCause) -> &'static str {
    match why {
        ResetCause::NoSocket => "nobody listens there",
        ResetCause::UnknownToken => "it knows no connection with that token",
        ResetCause::SynAckWithoutJoin => "the SYN/ACK came without MP_JOIN",
        ResetCause::AckWithoutJoin => "the third ACK came without MP_JOIN",
        ResetCause::WrongHmac => "the HMAC is wrong",
        ResetCause::JoinNotAllowed => "no more subflows are accepted",
        ResetCause::NoMapping => "data came without a usable mapping (DSS)",
        ResetCause::ChecksumFailed => "the DSS checksum is wrong",
        ResetCause::ChecksumUnexpected => {
            "a DSS checksum is present or absent against what was negotiated"
        }
        ResetCause::Aborted => "the application aborted",
        ResetCause::ConnectionOver => "the connection is over",
        ResetCause::AddressRemoved => "its address was removed",
        ResetCause::BadHandshake => "a segment came that the handshake does not allow",
        ResetCause::FailUnanswered => "MP_FAIL was not answered",
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
    let ending = evidence.story.iter().filter(of_subflow).find(|e| {
        matches!(e.fact, Fact::ResetSent { .. } | Fact::ResetReceived { .. } | Fact::TimedOut)
    });
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
                action: format!("reset the subflow: {}", reset_text(ResetCause::UnknownToken)),
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
        Some(entry) => links.push(evidence.endpoint_link(entry, ending_text(&entry.fact))),
        None if links.is_empty() => {
            links.push(network(at, "nobody answered before the end of the run"))
        }
        None => {}
    }
    if device.is_none()
        && matches!(outcome, SubflowOutcome::TimedOut)
        && let Some(event) = evidence.timeline.iter().rfind(|e| {
            e.at <= at && e.path.as_deref() == evidence.paths.get(index).map(String::as_str)
        })
    {
        links.insert(0, network(event.at, event.label.clone()));
    }
    Some(Cause { links })
}

/// A change in words, to follow the device's name.
#[must_use]
pub fn describe(change: &Change) -> String {
    let named = |kind: u8, subtype: Option<crate::wire::mptcp::Subtype>| match subtype {
        Some(subtype) => format!("option {kind} ({subtype})"),
        None => format!("option {kind}"),
    };
    match change {
        Change::OptionBlanked { kind, subtype, with } => {
            let by = if *with == 1 { "NOPs" } else { "zeros (EOL)" };
            format!("replaced {} by {by}", named(*kind, *subtype))
        }
        Change::OptionRemoved { kind, subtype } => format!("removed {}", named(*kind, *subtype)),
        Change::OptionAdded { kind } => format!("added option {kind}"),
        Change::Mss { from, to } => format!("rewrote the MSS from {from} to {to}"),
        Change::SequenceShifted { .. } => "randomised the initial sequence number".into(),
        Change::Field { name } => format!("changed the {name}"),
        Change::Translated { from, to } => format!("translated {from} to {to}"),
        Change::Balanced { server, address } => {
            format!("balanced it to real server {server} ({address})")
        }
        Change::Payload { growth: 0 } => "rewrote the payload".into(),
        Change::Payload { growth } => format!("rewrote the payload ({growth:+} bytes)"),
        Change::Split { pieces } => format!("split it into {pieces} segments"),
        Change::Coalesced { .. } => "merged it with another segment".into(),
        Change::Held => "held it back".into(),
        Change::Dropped { reason } => format!("dropped it ({reason})"),
        Change::Reset { reason } => format!("reset the connection ({reason})"),
        Change::Answered { with } => format!("answered it with a {with} of its own"),
        Change::Allowed { what } => format!("let {what} through"),
    }
}
