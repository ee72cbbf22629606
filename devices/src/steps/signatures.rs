//! Looks for signatures in the streams of connections, as an intrusion prevention system does: each
//! connection's bytes in order, and no other connection's. A text that MPTCP splits over two subflows
//! is in neither stream.

use std::ops::RangeInclusive;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};
use sim_core::engine::device::Rule;
use sim_core::wire::packet::Packet;

use super::scan::Scan;
use super::track::Sender;

/// Bytes of a stream that a match may span.
const SPAN_MAX: usize = 4096;
/// Largest compiled expression, in bytes.
const REGEX_MAX: usize = 1 << 20;

/// A signature.
#[derive(Clone, Debug)]
pub struct Signature {
    /// What it looks for.
    pub regex: Regex,
    /// In what this end sends; in both when `None`.
    pub sender: Option<Sender>,
    /// Ports that were called; any when empty.
    pub ports: Vec<RangeInclusive<u16>>,
    /// What to sign with.
    pub rule: Arc<Rule>,
}

impl Signature {
    /// True when it looks at connections to this port.
    #[must_use]
    pub fn reads(&self, port: u16) -> bool {
        self.ports.is_empty() || self.ports.iter().any(|ports| ports.contains(&port))
    }
}

/// An expression over bytes; `None` when it is not understood.
#[must_use]
pub fn expression(text: &str) -> Option<Regex> {
    RegexBuilder::new(text).unicode(false).size_limit(REGEX_MAX).build().ok()
}

/// A regular expression over the bytes of a stream, as a scenario file writes it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Expression(pub(crate) String);

impl TryFrom<String> for Expression {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match expression(&text) {
            Some(_) => Ok(Self(text)),
            None => Err(format!("expected a regular expression, found {text:?}")),
        }
    }
}

/// What was read of one connection.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    scans: [Scan; 2],
}

impl Reading {
    /// Reads a packet; the first signature, by its number in the list, that it completes. `port` is the
    /// one that was called.
    pub fn read(
        &mut self,
        sender: Sender,
        port: u16,
        packet: &Packet,
        signatures: &[Signature],
    ) -> Option<usize> {
        if signatures.is_empty() {
            return None;
        }
        let scan = &mut self.scans[sender as usize];
        scan.feed(packet, SPAN_MAX);
        signatures.iter().position(|signature| {
            signature.sender.is_none_or(|wanted| wanted == sender)
                && signature.reads(port)
                && scan.completes_match(&signature.regex)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::track::Sender::{Initiator, Responder};
    use crate::testing::packet;
    use sim_core::wire::payload::Payload;
    use sim_core::wire::seq::Seq;

    #[test]
    fn where_a_signature_is_looked_for() {
        let signature = Signature {
            regex: expression("at+ack").unwrap(),
            sender: Some(Initiator),
            ports: vec![80..=80],
            rule: Rule::default("test", "test"),
        };
        let check = |port, turns: &[(Sender, u32, &str)]| {
            let mut reading = Reading::default();
            turns.iter().any(|(sender, seq, text)| {
                let mut p = packet();
                (p.seq, p.payload) = (Seq(*seq), Payload::literal(text.as_bytes()));
                reading.read(*sender, port, &p, std::slice::from_ref(&signature)).is_some()
            })
        };
        assert!(check(80, &[(Initiator, 0, "an attt"), (Initiator, 7, "ack")]));
        assert!(!check(81, &[(Initiator, 0, "attack")]));
        assert!(!check(80, &[(Responder, 0, "attack")]));
        assert!(!check(80, &[(Initiator, 0, "at"), (Initiator, 4, "ack")]), "a hole between");
        assert!(check(80, &[(Initiator, 0, "at"), (Initiator, 4, "ck"), (Initiator, 2, "ta")]));
    }
}
