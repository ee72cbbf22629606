//! ICMP errors: sent about a packet that goes no further, and led back through a translation.

use std::net::IpAddr;
use std::sync::Arc;

use sim_core::engine::device::{Change, Rule};
use sim_core::wire::icmp::{Quote, Reason, unnumbered};
use sim_core::wire::packet::{Flow, Packet};

use super::Pass;
use super::track::{ConnectionId, Sender, Table};

/// Tells the sender of the packet at hand, as it came in, why it goes no further. `from` is an address of
/// the device; without one of the packet's family it has none.
pub fn tell_sender(pass: &mut Pass<'_>, from: Option<IpAddr>, reason: Reason, quote: Quote) {
    let mut about = pass.packet.clone();
    let Flow { src, dst } = pass.received;
    (about.src, about.src_port) = (src.ip(), src.port());
    (about.dst, about.dst_port) = (dst.ip(), dst.port());
    let from = from.filter(|from| from.is_ipv4() == src.is_ipv4());
    let from = from.unwrap_or_else(|| unnumbered(src.is_ipv4()));
    if let Some(error) = Packet::icmp_error(from, &about, reason, quote) {
        pass.effects.emit_new(pass.ingress, error);
    }
}

/// The connection whose segment an ICMP error quotes, the end that sent that, and its flow on the other
/// side of the device.
#[must_use]
pub fn quoted<S>(packet: &Packet, table: &Table<S>) -> Option<(ConnectionId, Sender, Flow)> {
    let flow = packet.icmp()?.flow()?;
    let (id, sender) = table.find(flow)?;
    let connection = table.get(id)?;
    let (opened, translated) = (connection.opened, connection.translated);
    let across = match sender {
        Sender::Initiator if flow == translated => opened,
        Sender::Initiator => translated,
        Sender::Responder if flow == translated.reversed() => opened.reversed(),
        Sender::Responder => translated.reversed(),
    };
    Some((id, sender, across))
}

/// Leads an ICMP error on to the sender of the segment that it quotes, which that knows as one of flow
/// `across`, its numbers less `shift`.
pub fn lead_back(pass: &mut Pass<'_>, across: Flow, shift: u32, rule: &Arc<Rule>) {
    let error = pass.packet.icmp();
    let Some((from, seq)) = error.and_then(|error| Some((error.flow()?, error.seq()?))) else {
        return;
    };
    pass.packet.rewrite_quote(across, seq.add(shift.wrapping_neg()));
    pass.packet.dst = across.src.ip();
    if from != across {
        pass.sign(rule, Change::Translated { from, to: across });
    }
}
