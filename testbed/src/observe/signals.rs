//! Signals and endings: addresses, priorities, MP_FAIL, MP_FASTCLOSE, resets, FIN.

use std::net::SocketAddr;

use sim_core::record::story::{Fact, FallbackReason, Offer, ResetCause};
use sim_core::record::{SubflowOutcome, SubflowRole};
use sim_core::wire::mptcp::{MptcpOption, ResetReason};
use sim_core::wire::packet::Flags;

use super::Seen;

impl Seen<'_> {
    pub(super) fn sent_signals(&mut self) {
        let mut reason = None;
        for &signal in self.options {
            match signal {
                MptcpOption::AddAddr(a) if !a.echo => {
                    let port = a.port.unwrap_or(self.packet.src_port);
                    let address = SocketAddr::new(a.address, port);
                    self.tell(Fact::AddressAnnounced { address, id: a.address_id });
                }
                MptcpOption::Fail { dsn } => {
                    self.tell(Fact::ChecksumFailed { dsn });
                    self.tell(Fact::FailSent);
                    self.end.bare.get_or_insert((self.packet.uid, FallbackReason::ChecksumFailed));
                }
                MptcpOption::FastClose { .. } => self.tell(Fact::FastClose { sent: true }),
                MptcpOption::TcpRst { reason: why, .. } => reason = Some(why),
                _ => {}
            }
        }
        self.sent_fin();
        if self.packet.flags.has(Flags::RST) {
            let why = self.why_reset(reason);
            self.tell(Fact::ResetSent { why, reason });
            self.end.reset_sent = true;
            self.reset(reason);
        }
    }

    pub(super) fn received_signals(&mut self) {
        let mut reason = None;
        for &signal in self.options {
            match signal {
                MptcpOption::AddAddr(a) if !a.echo => {
                    let port = a.port.unwrap_or(self.packet.src_port);
                    let address = SocketAddr::new(a.address, port);
                    self.tell(Fact::AddressLearnt { address, id: a.address_id });
                }
                MptcpOption::RemoveAddr(ids) => {
                    for &id in ids.as_slice() {
                        self.tell(Fact::AddressRemoved { id });
                    }
                }
                MptcpOption::Prio { backup, .. } => self.tell(Fact::PriorityChanged { backup }),
                MptcpOption::Fail { .. } => {
                    self.tell(Fact::FailReceived);
                    self.end.bare = Some((self.packet.uid, FallbackReason::PeerFellBack));
                }
                MptcpOption::FastClose { .. } => self.tell(Fact::FastClose { sent: false }),
                MptcpOption::TcpRst { reason: why, .. } => reason = Some(why),
                _ => {}
            }
        }
        let plain = self.end.fell_back && self.packet.flags.has(Flags::FIN);
        if plain && !std::mem::replace(&mut self.end.fin_received, true) {
            self.tell(Fact::FinReceived);
        }
        if self.packet.flags.has(Flags::RST) {
            self.tell(Fact::ResetReceived { reason });
            self.reset(reason);
        }
    }

    /// The FIN of plain TCP closes the stream.
    fn sent_fin(&mut self) {
        let plain = self.end.fell_back && self.packet.flags.has(Flags::FIN);
        if plain && !std::mem::replace(&mut self.end.fin_sent, true) {
            self.tell(Fact::FinSent);
        }
    }

    /// The subflow ends by a reset; one that had come up ends with its connection where that is over.
    fn reset(&mut self, reason: Option<ResetReason>) {
        if std::mem::replace(&mut self.track().over, true)
            || self.end.is_closing() && self.is_established()
        {
            return;
        }
        let now = self.world.now();
        self.subflow(|s| {
            s.ended_at = Some(now);
            s.reset_reason = reason.map(|r| r.0);
            s.outcome = if s.established_at.is_some() {
                SubflowOutcome::Reset
            } else {
                SubflowOutcome::Refused
            };
        });
    }

    /// Why the kernel reset the subflow, as far as the packets before tell.
    fn why_reset(&mut self, reason: Option<ResetReason>) -> ResetCause {
        let established = self.track().mapping.is_some() || self.track().sent_mapping.is_some();
        let is_fast_close = |option: &MptcpOption| matches!(option, MptcpOption::FastClose { .. });
        let fast_closed = self.options.iter().any(is_fast_close);
        if fast_closed {
            return ResetCause::Aborted;
        }
        if self.end.is_closing() {
            return ResetCause::ConnectionOver;
        }
        // The kernel completes no join once a direction is closed (mptcp_finish_join).
        let one_closed = self.end.fin_sent || self.end.fin_received;
        if one_closed && self.role() == SubflowRole::Join && !established {
            return ResetCause::ConnectionOver;
        }
        let is_client = self.end.end == sim_core::record::story::End::Client;
        match (self.role(), reason) {
            (SubflowRole::Join, Some(ResetReason::PROHIBITED)) => ResetCause::JoinNotAllowed,
            (SubflowRole::Join, _) if !established && is_client => {
                if self.track().offer == Offer::Join && self.track().first_received.is_some() {
                    ResetCause::SynAckWithoutJoin
                } else {
                    ResetCause::BadHandshake
                }
            }
            (SubflowRole::Join, _) if !established => ResetCause::AckWithoutJoin,
            (_, Some(ResetReason::MIDDLEBOX)) => ResetCause::ChecksumFailed,
            (_, Some(ResetReason::MPTCP)) => ResetCause::NoMapping,
            _ => ResetCause::Aborted,
        }
    }
}
