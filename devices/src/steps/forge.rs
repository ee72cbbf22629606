//! Packets of the device's own making, valid for the connection that they are sent into: resets,
//! acknowledgements ahead of the receiver's.
//!
//! Numbers are in the space of the end that counts them; the caller brings them to what the
//! addressee knows.

use std::net::SocketAddr;

use sim_core::wire::mptcp::{MptcpOption, ResetReason};
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::seq::Seq;

use super::track::{Connection, Sender};

/// A reset towards `to`, with the numbers that it expects next (RFC 9293 §3.10.7.4: an RST must be
/// in the window; RFC 5961: exactly at its left edge), and with an MP_TCPRST option when there is a
/// reason.
#[must_use]
pub fn reset<S>(
    connection: &Connection<S>,
    to: Sender,
    addresses: (SocketAddr, SocketAddr),
    reason: Option<(ResetReason, bool)>,
) -> Packet {
    let mut packet = bare(connection, to, addresses);
    packet.flags = packet.flags.with(Flags::RST);
    if let Some((reason, transient)) = reason {
        // Four bytes always fit into an empty list.
        let _ = MptcpOption::TcpRst { transient, reason }.emit(&mut packet.options);
    }
    packet
}

/// Resets towards both ends, `sender` of the packet at hand first. Where that packet goes no further, its
/// peer still expects what it holds.
#[must_use]
pub fn resets<S>(
    connection: &Connection<S>,
    sender: Sender,
    packet: &Packet,
    goes_on: bool,
) -> [Packet; 2] {
    let flow = packet.flow();
    let to_sender = reset(connection, sender, (flow.dst, flow.src), None);
    let mut to_peer = reset(connection, sender.peer(), (flow.src, flow.dst), None);
    if !goes_on && packet.seq.before(to_peer.seq) {
        to_peer.seq = packet.seq;
    }
    [to_sender, to_peer]
}

/// An acknowledgement towards `to` of everything before `ack`, as its peer would send it.
#[must_use]
pub fn acknowledgement<S>(
    connection: &Connection<S>,
    to: Sender,
    addresses: (SocketAddr, SocketAddr),
    ack: Seq,
) -> Packet {
    let mut packet = bare(connection, to, addresses);
    packet.ack = ack;
    packet.window = connection.end(to.peer()).window;
    if let (Some(value), Some(echo)) =
        (connection.end(to.peer()).timestamp, connection.end(to).timestamp)
    {
        let mut option = [1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0];
        option[4..8].copy_from_slice(&value.to_be_bytes());
        option[8..].copy_from_slice(&echo.to_be_bytes());
        let _ = packet.options.push(&option);
    }
    packet
}

/// The RST that answers a packet of no connection (RFC 9293 §3.10.7.1).
#[must_use]
pub fn refusal(packet: &Packet) -> Packet {
    let mut answer = Packet::new(packet.destination(), packet.source());
    if packet.flags.has(Flags::ACK) {
        answer.flags = Flags::RST;
        answer.seq = packet.ack;
    } else {
        answer.flags = Flags::RST.with(Flags::ACK);
        answer.ack = packet.seq.add(packet.seq_len());
    }
    answer
}

/// From the peer of `to`, at the highest numbers that either end has sent.
fn bare<S>(
    connection: &Connection<S>,
    to: Sender,
    (source, destination): (SocketAddr, SocketAddr),
) -> Packet {
    let mut packet = Packet::new(source, destination);
    packet.seq = connection.end(to.peer()).next.unwrap_or_default();
    if let Some(ack) = connection.end(to).next {
        packet.ack = ack;
        packet.flags = Flags::ACK;
    }
    packet
}
