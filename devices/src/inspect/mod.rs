//! Application inspection: reads the stream of a connection as an application-layer gateway does, in
//! order, and says what to do about it.
//!
//! An engine sees what its connection carries and nothing else. When MPTCP splits a stream over
//! subflows, each subflow is a connection of its own here: its engine sees a part of the stream, which
//! may begin in the middle of a message. What follows from that is not modelled apart; it comes of the
//! engine's own rules (Cisco 116519: "from none to complete breakage").

pub mod dns;
pub mod esmtp;
pub mod ftp;
pub mod http;
mod lines;
pub mod sip;

use std::net::SocketAddr;

use sim_core::wire::packet::Packet;
use sim_core::wire::seq::Seq;

use crate::steps::resize::Resizing;
use crate::steps::track::Sender;

/// What an engine found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Bytes to be overwritten, from this place of the stream on.
    Mask {
        /// The first of them.
        at: Seq,
        /// What they become.
        with: Vec<u8>,
    },
    /// A second connection, to this address, that belongs to this one.
    Expect(SocketAddr),
    /// The connection is not to go on.
    Block {
        /// Why.
        reason: &'static str,
        /// The rule's line, by its number in the list that the engine was given.
        rule: usize,
        /// True: both ends are told by a reset.
        reset: bool,
    },
}

/// Reads the stream of one connection.
pub trait Engine: std::fmt::Debug + Send {
    /// Takes bytes that `sender` has sent, in order, the first of them at `at`.
    fn read(&mut self, sender: Sender, at: Seq, bytes: &[u8], found: &mut Vec<Finding>);
}

/// The inspection of one connection: its engine, how far it has read, and what it has overwritten.
#[derive(Debug)]
pub struct Inspection {
    engine: Box<dyn Engine>,
    next: [Option<Seq>; 2],
    masked: [Resizing; 2],
}

impl Inspection {
    /// By this engine.
    #[must_use]
    pub fn new(engine: Box<dyn Engine>) -> Self {
        Self { engine, next: [None; 2], masked: [Resizing::default(), Resizing::default()] }
    }

    /// Reads a packet whose numbers are those of the end that sent it. A packet after a hole is not
    /// read: whoever wants everything to be read puts segments in order before.
    pub fn read(&mut self, sender: Sender, packet: &Packet) -> Vec<Finding> {
        let mut found = Vec::new();
        if packet.payload.is_empty() {
            return found;
        }
        let next = self.next[sender as usize].unwrap_or(packet.seq);
        let known = next.distance(packet.seq);
        if known < 0 || known as u32 >= packet.payload.len {
            return found;
        }
        let bytes = packet.payload.to_vec();
        let new = &bytes[known as usize..];
        self.engine.read(sender, next, new, &mut found);
        self.next[sender as usize] = Some(next.add(new.len() as u32));
        for finding in &found {
            if let Finding::Mask { at, with } = finding {
                self.masked[sender as usize].replace(*at, with.len() as u32, with);
            }
        }
        found
    }

    /// Overwrites in a packet what is to be, also when it is sent again; true when there was something.
    pub fn mask(&self, sender: Sender, packet: &mut Packet) -> bool {
        self.masked[sender as usize].rewrite(packet).is_some()
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// What an engine finds in a dialogue, each turn a segment.
    pub(crate) fn findings(
        engine: impl Engine + 'static,
        turns: &[(Sender, &str)],
    ) -> Vec<Finding> {
        let mut engine = engine;
        let mut at = [Seq(0); 2];
        let mut found = Vec::new();
        for (sender, text) in turns {
            let from = &mut at[*sender as usize];
            engine.read(*sender, *from, text.as_bytes(), &mut found);
            *from = from.add(text.len() as u32);
        }
        found
    }

    pub(crate) fn blocked(found: &[Finding]) -> Option<&'static str> {
        found.iter().find_map(|f| match f {
            Finding::Block { reason, .. } => Some(*reason),
            _ => None,
        })
    }
}
