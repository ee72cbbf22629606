//! Which packets are of one connection, who opened it, and on which side of the device each end is.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

use devices::steps::track::Sender;
use sim_core::engine::device::{Side, in_prefix};
use sim_core::wire::packet::{Flags, Flow, Packet};
use sim_core::wire::seq::Seq;

use crate::trace::Trace;

/// A connection (for MPTCP: a subflow) of a capture.
#[derive(Clone, Debug)]
pub struct Connection {
    /// From the end that opened it to the other.
    pub flow: Flow,
    /// True when its SYN or SYN/ACK was captured; else who opened it is a guess.
    pub opening_seen: bool,
    /// Sequence number of each end's SYN, where it was captured.
    pub isn: [Option<Seq>; 2],
    /// Indices of its packets, and which end sent each.
    pub packets: Vec<(usize, Sender)>,
}

/// Tells the connections of packets apart, in the order of their first packets. A SYN with another
/// sequence number than the last one is another connection between the same ports.
pub fn connections<'a>(packets: impl IntoIterator<Item = &'a Packet>) -> Vec<Connection> {
    let mut all: Vec<Connection> = Vec::new();
    let mut newest: BTreeMap<Flow, usize> = BTreeMap::new();
    for (index, packet) in packets.into_iter().enumerate() {
        let flow = packet.flow();
        let key = flow.canonical();
        let opens_anew = |connection: &Connection| {
            packet.flags.is_initial_syn()
                && connection.packets.len() > 1
                && (connection.flow != flow || connection.isn[0] != Some(packet.seq))
        };
        let known = newest.get(&key).copied().filter(|&known| !opens_anew(&all[known]));
        let at = known.unwrap_or_else(|| {
            let opened = opener(packet);
            all.push(Connection {
                flow: opened.unwrap_or_else(|| guess(flow)),
                opening_seen: opened.is_some(),
                isn: [None; 2],
                packets: Vec::new(),
            });
            newest.insert(key, all.len() - 1);
            all.len() - 1
        });
        let connection = &mut all[at];
        let sender = if flow == connection.flow { Sender::Initiator } else { Sender::Responder };
        if packet.flags.has(Flags::SYN) {
            connection.isn[sender as usize].get_or_insert(packet.seq);
        }
        connection.packets.push((index, sender));
    }
    all
}

/// The flow of the end that opened the connection, when the packet shows it.
fn opener(packet: &Packet) -> Option<Flow> {
    let flow = packet.flow();
    match packet.flags {
        flags if flags.is_initial_syn() => Some(flow),
        flags if flags.is_syn_ack() => Some(flow.reversed()),
        _ => None,
    }
}

/// Servers' ports are the lower ones.
fn guess(flow: Flow) -> Flow {
    if flow.src.port() < flow.dst.port() { flow.reversed() } else { flow }
}

/// Which hosts are on the inside of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Those that open connections.
    Openers,
    /// Those of this network.
    Network(IpAddr, u8),
    /// Those whose packets this interface of the capture received.
    Interface(String),
}

impl FromStr for Inside {
    type Err = String;
    /// `10.0.0.0/8`, `10.0.1.2`, or the name of an interface.
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let Ok(address) = address.parse::<IpAddr>() else {
            return Ok(Self::Interface(text.to_owned()));
        };
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(text) => text.parse().ok().filter(|&len| len <= longest).ok_or_else(|| {
                format!("\"/{text}\" is no length of a prefix: expected 0 to {longest}")
            })?,
        };
        Ok(Self::Network(address, prefix))
    }
}

impl Inside {
    /// On which side each end of a connection is, by its flow and its first packet; `None` when this does not
    /// say it.
    #[must_use]
    pub fn sides(
        &self,
        flow: Flow,
        first: Option<(usize, Sender)>,
        trace: &Trace,
    ) -> Option<[Side; 2]> {
        let from_inside = match self {
            Self::Openers => true,
            Self::Network(network, len) => {
                let is_inside = |address: IpAddr| in_prefix(address, *network, *len);
                match (is_inside(flow.src.ip()), is_inside(flow.dst.ip())) {
                    (true, false) => true,
                    (false, true) => false,
                    _ => return None,
                }
            }
            Self::Interface(name) => {
                let (index, sender) = first?;
                let interface = trace.packets[index].interface as usize;
                let is_named = trace.interfaces.get(interface)?.as_ref() == Some(name);
                is_named == (sender == Sender::Initiator)
            }
        };
        let sides = [Side::Inside, Side::Outside];
        Some(if from_inside { sides } else { [sides[1], sides[0]] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(src: &str, dst: &str, flags: Flags, seq: u32) -> Packet {
        let mut packet = Packet::new(src.parse().unwrap(), dst.parse().unwrap());
        (packet.flags, packet.seq) = (flags, Seq(seq));
        packet
    }

    #[test]
    fn ports_that_are_used_again_are_another_connection() {
        let (a, b) = ("10.0.0.1:4000", "10.0.0.2:80");
        let syn_ack = Flags::SYN.with(Flags::ACK);
        let packets = [
            packet(a, b, Flags::SYN, 1),
            packet(a, b, Flags::SYN, 1),
            packet(b, a, syn_ack, 9),
            packet(a, b, Flags::SYN, 7),
            packet(b, "10.0.0.3:1", Flags::ACK, 1),
            packet(b, "10.0.0.4:99", syn_ack, 1),
        ];
        let all = connections(&packets);
        let shape: Vec<_> =
            all.iter().map(|c| (c.flow.src.port(), c.packets.len(), c.opening_seen)).collect();
        assert_eq!(shape, [(4000, 3, true), (4000, 1, true), (80, 1, false), (99, 1, true)]);
        assert_eq!(all[0].isn, [Some(Seq(1)), Some(Seq(9))]);
    }

    #[test]
    fn what_inside_may_be() {
        let network = |a: &str, len| Ok(Inside::Network(a.parse().unwrap(), len));
        assert_eq!("10.0.0.0/8".parse(), network("10.0.0.0", 8));
        assert_eq!("fd00::1".parse(), network("fd00::1", 128));
        assert_eq!("eth0".parse(), Ok(Inside::Interface("eth0".into())));
        assert!("10.0.0.0/33".parse::<Inside>().unwrap_err().contains("expected 0 to 32"));
    }
}
