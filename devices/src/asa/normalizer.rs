//! The TCP normaliser: what it looks at in a segment, in order, and what it makes of it.

use std::sync::Arc;

use sim_core::engine::device::{Change, Rule};
use sim_core::wire::options::kind;
use sim_core::wire::packet::Flags;

use crate::steps::options::{Edit, edit};
use crate::steps::track::{Connection, ConnectionId, Sender};
use crate::steps::{Pass, mss};

use super::policy::Treatment;
use super::remedy;
use super::tcp_map::{Action, Normalizer, Set, known_by_default};
use super::{Asa, State};

/// The rule and the `show asp drop` reason of a packet that must go.
type Refused = (Arc<Rule>, &'static str);

impl Asa {
    /// Applies the normaliser. Numbers of the packet stand in the space of the end that counts them.
    pub(super) fn normalise(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
        treatment: &Treatment,
    ) -> Result<(), Refused> {
        let settings = &treatment.normalizer;
        let Some(connection) = self.table.get_mut(id) else { return Ok(()) };
        if settings.checksum_verification.value && pass.packet.checksum_fault != 0 {
            return refuse(&settings.checksum_verification.rule, "bad-tcp-cksum");
        }
        if pass.packet.options.iter().any(|o| !o.well_formed) {
            return refuse(&self.bad_options, "tcp-bad-option-list");
        }
        if let Some(reason) = handshake_fault(pass, connection, sender) {
            return refuse(&self.bad_handshake, reason);
        }
        judge_segment(pass, connection, sender, settings)?;
        if settings.check_retransmission.value
            && let Some(watched) = &mut connection.state.watched
        {
            let (own, peer) = (sender as usize, sender.peer() as usize);
            if watched.sent[own].contradicts(pass.packet) {
                return refuse(&settings.check_retransmission.rule, "tcpnorm-rexmit-bad");
            }
            watched.sent[own].remember(pass.packet);
            if pass.packet.flags.has(Flags::ACK) {
                watched.sent[peer].acknowledged(pass.packet.ack);
            }
        }
        let [reserved, urgent, ttl] = clear_fields(pass, connection, sender, settings);
        self.tally(treatment, "Reserved bit cleared", reserved.into());
        self.tally(treatment, "Urgent flag cleared", urgent.into());
        self.tally(treatment, "IP TTL modified", ttl.into());
        if urgent {
            let names = &self.policy.interfaces;
            self.syslog.urgent_cleared(names, pass.ingress.side(), pass.packet);
        }
        self.clear_options(pass, id, treatment)
    }

    fn clear_options(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        treatment: &Treatment,
    ) -> Result<(), Refused> {
        let settings = &treatment.normalizer;
        if self.policy.named_options
            && let Some(rule) = repeated(pass, settings, &self.repeated_option)
        {
            return refuse(&rule, "tcp-bad-option-list");
        }
        let named = self.policy.named_options;
        let mut refused = None;
        let mut allowed_30 = None;
        let mut mss_maximum = None;
        let mut cleared_30 = 0;
        let mut by_name = [0u64; 4];
        let cleared = edit(pass, |option| {
            let clear = match settings.option(option.kind) {
                Some(rule) => match rule.action {
                    Action::Drop => {
                        refused.get_or_insert(&rule.rule);
                        return None;
                    }
                    Action::Allow => {
                        mss_maximum = mss_maximum.or(rule.mss_maximum.map(|max| (max, &rule.rule)));
                        if option.kind == kind::MPTCP {
                            allowed_30 = Some(&rule.rule);
                        }
                        return None;
                    }
                    Action::Clear => &rule.rule,
                },
                None if known_by_default(option.kind, named) => return None,
                None if option.kind < 8 => &treatment.cleared_low,
                None => &treatment.cleared,
            };
            cleared_30 += u64::from(option.kind == kind::MPTCP);
            by_name[match option.kind {
                kind::SACK_PERMITTED | kind::SACK => 0,
                kind::TIMESTAMPS => 1,
                kind::WINDOW_SCALE => 2,
                _ => 3,
            }] += 1;
            Some((Edit::Nop, clear))
        });
        self.counters.options_cleared += cleared;
        self.counters.option_30_cleared += cleared_30;
        let labels = [
            "Selective ACK cleared",
            "Timestamp cleared",
            "Window scale cleared",
            "Other options cleared",
        ];
        for (label, count) in labels.into_iter().zip(by_name) {
            self.tally(treatment, label, count);
        }
        if let Some(rule) = refused {
            return refuse(rule, "tcp-bad-option-list");
        }
        if let Some((maximum, rule)) = mss_maximum {
            mss::clamp(pass, 0, maximum, rule);
        }
        if let (Some(rule), Some(connection)) = (allowed_30, self.table.get_mut(id))
            && !std::mem::replace(&mut connection.state.passage_signed, true)
        {
            let plan = connection.state.watched.as_ref().and_then(|w| w.plan.as_deref());
            match remedy::whole_stream(&self.policy, pass.received, pass.ingress, plan) {
                Some(remedy) => {
                    let rule = Arc::clone(rule).remedied(remedy);
                    pass.sign(&rule, Change::Allowed { what: "option 30" });
                }
                None => pass.sign(rule, Change::Allowed { what: "option 30" }),
            }
        }
        Ok(())
    }
}

fn refuse(rule: &Arc<Rule>, reason: &'static str) -> Result<(), Refused> {
    Err((Arc::clone(rule), reason))
}

/// A SYN or SYN/ACK that does not fit what was seen before.
fn handshake_fault(
    pass: &Pass<'_>,
    connection: &Connection<State>,
    sender: Sender,
) -> Option<&'static str> {
    let packet = &*pass.packet;
    if !packet.flags.has(Flags::SYN) {
        return None;
    }
    let repeats = connection.end(sender).isn.is_none_or(|isn| isn == packet.seq);
    let answers = match connection.end(sender.peer()).isn {
        Some(isn) if packet.flags.has(Flags::ACK) => packet.ack == isn.add(1),
        _ => true,
    };
    match (repeats, answers) {
        (false, _) => Some("tcp-seq-syn-diff"),
        (_, false) => Some("tcp-ack-syn-diff"),
        _ => None,
    }
}

/// Checks that drop a segment.
fn judge_segment(
    pass: &Pass<'_>,
    connection: &Connection<State>,
    sender: Sender,
    settings: &Normalizer,
) -> Result<(), Refused> {
    let packet = &*pass.packet;
    let peer = connection.end(sender.peer());
    let refuse_if = |set: &Set<Action>, holds: bool, reason| match (set.value, holds) {
        (Action::Drop, true) => refuse(&set.rule, reason),
        _ => Ok(()),
    };
    let (syn, ack) = (packet.flags.has(Flags::SYN), packet.flags.has(Flags::ACK));
    let has_data = !packet.payload.is_empty();
    refuse_if(&settings.reserved_bits, packet.reserved != 0, "tcp-reserved-set")?;
    refuse_if(&settings.syn_data, syn && !ack && has_data, "tcp-syn-data")?;
    refuse_if(&settings.synack_data, syn && ack && has_data, "tcp-synack-data")?;
    let too_long = peer.mss.is_some_and(|mss| packet.payload.len > u32::from(mss));
    refuse_if(&settings.exceed_mss, too_long, "tcp-mss-exceeded")?;
    if packet.flags.has(Flags::RST) {
        return Ok(());
    }
    let unsent = ack && peer.next.is_some_and(|next| next.before(packet.ack));
    refuse_if(&settings.invalid_ack, unsent, "tcp-invalid-ack")?;
    // A probe of a closed window begins at its edge: only what begins beyond is refused.
    let beyond = has_data && peer.edge.is_some_and(|edge| edge.before(packet.seq));
    refuse_if(&settings.seq_past_window, beyond, "tcp-seq-past-win")?;
    let shrinks = ack && !syn && connection.shrinks_window(sender, packet);
    refuse_if(&settings.window_variation, shrinks, "tcpnorm-win-variation")
}

/// The rule against an option of a name that stands in the header twice.
fn repeated(pass: &Pass<'_>, settings: &Normalizer, by_default: &Arc<Rule>) -> Option<Arc<Rule>> {
    let named = |k: u8| {
        matches!(
            k,
            kind::MSS
                | kind::WINDOW_SCALE
                | kind::SACK_PERMITTED
                | kind::SACK
                | kind::TIMESTAMPS
                | kind::MD5
        )
    };
    let options = &pass.packet.options;
    let twice = |k: u8| options.iter().filter(|o| o.kind == k).count() > 1;
    let kind = options.iter().map(|o| o.kind).find(|&k| named(k) && twice(k))?;
    match settings.option(kind) {
        Some(rule) if rule.multiple || rule.action != Action::Allow => None,
        Some(rule) => Some(Arc::clone(&rule.rule)),
        None => Some(Arc::clone(by_default)),
    }
}

/// Fields other than options that are cleared or evened out: reserved bits, urgent pointer, TTL; which of
/// them were.
fn clear_fields(
    pass: &mut Pass<'_>,
    connection: &mut Connection<State>,
    sender: Sender,
    settings: &Normalizer,
) -> [bool; 3] {
    let mut done = [false; 3];
    if settings.reserved_bits.value == Action::Clear && pass.packet.reserved != 0 {
        pass.packet.reserved = 0;
        pass.sign(&settings.reserved_bits.rule, Change::Field { name: "reserved bits" });
        done[0] = true;
    }
    if settings.urgent_flag.value == Action::Clear && pass.packet.flags.has(Flags::URG) {
        pass.packet.flags = pass.packet.flags.without(Flags::URG);
        pass.packet.urgent = 0;
        pass.sign(&settings.urgent_flag.rule, Change::Field { name: "urgent pointer" });
        done[1] = true;
    }
    let lowest = &mut connection.state.ttl[sender as usize];
    *lowest = pass.packet.ttl.min(*lowest);
    if settings.ttl_evasion_protection.value && pass.packet.ttl > *lowest {
        pass.packet.ttl = *lowest;
        pass.sign(&settings.ttl_evasion_protection.rule, Change::Field { name: "TTL" });
        done[2] = true;
    }
    done
}
