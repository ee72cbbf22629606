//! What the rules do to a packet on its way.

use std::net::SocketAddr;
use std::sync::Arc;

use sim_core::engine::device::{Change, Forwarding, PortId, Rule, Side};
use sim_core::wire::mptcp::ResetReason;
use sim_core::wire::packet::{Flags, Packet};

use crate::steps::options::{Edit, edit};
use crate::steps::scan::find;
use crate::steps::syn_proxy::Step;
use crate::steps::track::{Connection, ConnectionId, Sender};
use crate::steps::{Pass, forge, mss};

use super::exit::Exit;
use super::rules::{Do, To, WithOption};
use super::{Custom, State};

impl Custom {
    /// Brings acknowledgements into the space of the end that they speak of, and reads the stream.
    pub(super) fn arrive(&mut self, pass: &mut Pass<'_>, id: ConnectionId, sender: Sender) {
        let keep = self.scan_keep;
        let Some(connection) = self.table.get_mut(id) else { return };
        let state = &mut connection.state;
        state.ports[sender as usize] = pass.ingress;
        state.shift.arrive(pass.packet, sender, state.fix_sack);
        let resized = &state.resized[sender.peer() as usize];
        resized.restore(pass.packet, state.fix_sack);
        if let Some(keep) = keep {
            state.scans[sender as usize].feed(pass.packet, keep);
        }
    }

    /// Does what rule `at` says; the packet's fate when it does not go on.
    pub(super) fn act(
        &mut self,
        at: usize,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
        exit: &mut Exit,
    ) -> Option<Forwarding> {
        let signature = Arc::clone(&self.signatures[at]);
        let with = self.rules[at].when.option.unwrap_or(WithOption::Option30);
        match &self.rules[at].action {
            Do::Nop => blank(pass, with, Edit::Nop, &signature),
            Do::Eol => blank(pass, with, Edit::Eol, &signature),
            Do::Remove => blank(pass, with, Edit::Remove, &signature),
            Do::Drop => return Some(pass.drop(&signature, "custom rule")),
            Do::Reset { to, reason, transient, drop } => {
                let (to, drop) = (*to, *drop);
                let reason = reason.map(|reason| (ResetReason(reason), *transient));
                pass.sign(&signature, Change::Reset { reason: "custom rule" });
                self.reset(pass, id, sender, to, reason);
                if drop {
                    return Some(Forwarding::Drop);
                }
            }
            Do::Flip { at: place } => flip(pass, *place, &signature),
            Do::Replace { find: text, with } => {
                let (text, with) = (text.clone(), with.clone());
                self.replace(pass, id, sender, text.as_bytes(), with.as_bytes(), &signature);
            }
            Do::Grow { by } => {
                let inserts = vec![b'+'; usize::from(*by)];
                let middle = pass.packet.payload.len / 2;
                self.resize(pass, id, sender, (middle, 0), &inserts, &signature);
            }
            Do::Shrink { by } => {
                let len = pass.packet.payload.len;
                let removes = u32::from(*by).min(len);
                let from = (len - removes) / 2;
                self.resize(pass, id, sender, (from, removes), &[], &signature);
            }
            Do::Split { at: place, options } => exit.split = Some((at, *place, *options)),
            Do::Coalesce { options, wait } => exit.coalesce = Some((at, *options, *wait)),
            Do::Hold { time } => exit.hold = Some((at, *time)),
            Do::AckAhead { lose } => {
                let lose = *lose;
                self.ack_ahead(pass, id, sender, &signature);
                if !pass.packet.payload.is_empty() && self.random.chance(lose) {
                    return Some(pass.drop(&signature, "lost after the early ACK"));
                }
            }
            Do::ClampMss { to } => mss::clamp(pass, 0, *to, &signature),
            Do::Window { to } => {
                if pass.packet.window > *to {
                    pass.packet.window = *to;
                    pass.sign(&signature, Change::Field { name: "window" });
                }
            }
            Do::Ttl { to } => {
                pass.packet.ttl = *to;
                pass.sign(&signature, Change::Field { name: "TTL" });
            }
            Do::IpId { to } => {
                pass.packet.ip_id = *to;
                pass.sign(&signature, Change::Field { name: "IP identification" });
            }
            Do::RandomiseIsn { .. } | Do::Nat { .. } | Do::Balance { .. } | Do::SynProxy {} => {}
        }
        None
    }

    /// What the proxy of a connection does with a packet; `None` when it goes on.
    pub(super) fn proxy(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
    ) -> Option<Forwarding> {
        let connection = self.table.get_mut(id)?;
        let (rule, proxy) = connection.state.proxy.as_mut()?;
        let rule = Arc::clone(&self.signatures[*rule]);
        let step = proxy.step(sender, pass.packet, &mut connection.state.shift);
        let mut seen = Vec::new();
        let (sent, with) = match step {
            Step::Pass => return None,
            Step::Ignore => return Some(pass.drop(&rule, "proxied handshake")),
            Step::Answer(answer) => {
                seen.push((sender, pass.packet.clone()));
                (vec![(Sender::Initiator, answer)], "SYN/ACK")
            }
            Step::Call(syn) => (vec![(Sender::Responder, syn)], "SYN"),
            Step::Splice { to_initiator, to_responder } => {
                seen.push((Sender::Responder, pass.packet.clone()));
                seen.push((Sender::Initiator, to_responder.clone()));
                let sent = [(Sender::Initiator, to_initiator), (Sender::Responder, to_responder)];
                (sent.into(), "ACK")
            }
        };
        for (end, mut packet) in sent {
            let (port, (source, destination)) = towards(connection, end);
            (packet.src, packet.src_port) = (source.ip(), source.port());
            (packet.dst, packet.dst_port) = (destination.ip(), destination.port());
            pass.effects.emit_new(port, packet);
        }
        for (end, packet) in seen {
            self.table.observe(pass.now, id, end, &packet);
        }
        pass.sign(&rule, Change::Answered { with });
        Some(Forwarding::Consumed)
    }

    /// Sends resets with numbers that the ends accept, the packet at hand not counted: it follows.
    fn reset(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
        to: To,
        reason: Option<(ResetReason, bool)>,
    ) {
        let Some(connection) = self.table.get(id) else { return };
        let (client, server) = match connection.state.opened_from {
            Side::Inside => (Sender::Initiator, Sender::Responder),
            Side::Outside => (Sender::Responder, Sender::Initiator),
        };
        for (end, meant) in [
            (client, matches!(to, To::Both | To::Client)),
            (server, matches!(to, To::Both | To::Server)),
        ] {
            if meant {
                let (port, addresses) = towards(connection, end);
                let mut packet = forge::reset(connection, end, addresses, reason);
                if end == sender && pass.packet.flags.is_initial_syn() {
                    // An opener takes a reset only if it acknowledges the SYN (RFC 9293 §3.10.7.3).
                    packet.flags = packet.flags.with(Flags::ACK);
                    packet.ack = pass.packet.seq.add(pass.packet.seq_len());
                }
                make_visible(connection, end.peer(), &mut packet);
                pass.effects.emit_new(port, packet);
            }
        }
    }

    /// Acknowledges what has been seen in order, as the receiver would.
    fn ack_ahead(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
        signature: &Arc<Rule>,
    ) {
        let Some(connection) = self.table.get_mut(id) else { return };
        if pass.packet.payload.is_empty() || pass.packet.flags.has(Flags::SYN) {
            return;
        }
        let first = match (connection.end(sender).isn, connection.end(sender).data_packets) {
            (Some(isn), 0) => isn.add(1),
            _ => connection.end(sender).next.unwrap_or(pass.packet.seq),
        };
        let end = pass.packet.seq.add(pass.packet.payload.len);
        let ahead = &mut connection.state.ahead[sender as usize];
        let seen = ahead.add(first, pass.packet.seq, end);
        if let Some((value, _)) = pass.packet.options.timestamps() {
            connection.ends[sender as usize].timestamp = Some(value);
        }
        let connection = &*connection;
        let (port, addresses) = towards(connection, sender);
        let mut ack = forge::acknowledgement(connection, sender, addresses, seen);
        make_visible(connection, sender.peer(), &mut ack);
        pass.effects.emit_new(port, ack);
        pass.sign(signature, Change::Answered { with: "ACK" });
    }

    /// Replaces text wherever it stands in the payload.
    fn replace(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
        text: &[u8],
        with: &[u8],
        signature: &Arc<Rule>,
    ) {
        if pass.packet.payload.is_empty() {
            return;
        }
        let bytes = pass.packet.payload.to_vec();
        let mut from = 0;
        while let Some(at) = bytes.get(from..).and_then(|rest| find(rest, text)) {
            let place = (from + at) as u32;
            self.resize(pass, id, sender, (place, text.len() as u32), with, signature);
            from += at + text.len();
        }
    }

    /// Replaces `removes` bytes of the payload from `place` on; the payload itself is rewritten on
    /// the way out, and so is every later copy of it.
    fn resize(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
        (place, removes): (u32, u32),
        inserts: &[u8],
        signature: &Arc<Rule>,
    ) {
        let Some(connection) = self.table.get_mut(id) else { return };
        if pass.packet.payload.is_empty() {
            return;
        }
        let at = pass.packet.seq.add(place);
        if connection.state.resized[sender as usize].replace(at, removes, inserts) {
            let growth = inserts.len() as i32 - removes as i32;
            pass.sign(signature, Change::Payload { growth });
        }
    }
}

/// The port towards an end, and source and destination of a packet that its peer sends it, as it
/// knows them.
fn towards(connection: &Connection<State>, end: Sender) -> (PortId, (SocketAddr, SocketAddr)) {
    let addresses = match end {
        Sender::Initiator => (connection.opened.dst, connection.opened.src),
        Sender::Responder => (connection.translated.src, connection.translated.dst),
    };
    (connection.state.ports[end as usize], addresses)
}

/// Brings the sequence number of a packet of `from` to what its peer knows.
fn make_visible(connection: &Connection<State>, from: Sender, packet: &mut Packet) {
    packet.seq = connection.state.resized[from as usize].visible(packet.seq);
    connection.state.shift.leave(packet, from);
}

fn blank(pass: &mut Pass<'_>, with: WithOption, how: Edit, signature: &Arc<Rule>) {
    edit(pass, |option| with.is(option).then_some((how, signature)));
}

fn flip(pass: &mut Pass<'_>, place: u32, signature: &Arc<Rule>) {
    let Some(last) = pass.packet.payload.len.checked_sub(1) else { return };
    pass.packet.payload.make_literal()[place.min(last) as usize] ^= 1;
    pass.sign(signature, Change::Payload { growth: 0 });
}
