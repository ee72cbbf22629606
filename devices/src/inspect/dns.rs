//! DNS over TCP (RFC 1035 §4.2.2): each message behind its length in two bytes.

use sim_core::wire::seq::Seq;

use super::{Engine, Finding};
use crate::steps::track::Sender;

/// Length of a message's header.
const HEADER_LEN: usize = 12;

/// The engine.
#[derive(Debug)]
pub struct Dns {
    waiting: [Vec<u8>; 2],
    /// Bytes left of a message whose header was read.
    left: [usize; 2],
    length_maximum: usize,
}

impl Dns {
    /// Messages may have up to `length_maximum` bytes (`message-length maximum`).
    #[must_use]
    pub fn new(length_maximum: usize) -> Self {
        Self { waiting: [Vec::new(), Vec::new()], left: [0; 2], length_maximum }
    }
}

impl Engine for Dns {
    fn read(&mut self, sender: Sender, _at: Seq, bytes: &[u8], found: &mut Vec<Finding>) {
        let (waiting, left) = (&mut self.waiting[sender as usize], &mut self.left[sender as usize]);
        for &byte in bytes {
            if *left > 0 {
                *left -= 1;
                continue;
            }
            waiting.push(byte);
            if waiting.len() < 2 + HEADER_LEN {
                continue;
            }
            let length = usize::from(u16::from_be_bytes([waiting[0], waiting[1]]));
            let opcode = waiting[4] >> 3 & 0x0f;
            let reserved = waiting[5] & 0x40;
            let questions = u16::from_be_bytes([waiting[6], waiting[7]]);
            let is_message =
                length >= HEADER_LEN && opcode <= 6 && reserved == 0 && questions <= 16;
            if !is_message || length > self.length_maximum {
                let reason =
                    if is_message { "inspect-dns-pak-too-long" } else { "inspect-dns-invalid-pak" };
                found.push(Finding::Block { reason, rule: 0, reset: false });
                return;
            }
            *left = length - HEADER_LEN;
            waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let check = |bytes: &[u8], expected: Option<&str>| {
            let mut found = Vec::new();
            Dns::new(512).read(Sender::Initiator, Seq(0), bytes, &mut found);
            let reason = found.first().map(|f| match f {
                Finding::Block { reason, .. } => *reason,
                other => panic!("{other:?}"),
            });
            assert_eq!(reason, expected);
        };
        let query = [&[0, 14, 0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &[0, 0]].concat();
        check(&query, None);
        check(&[query.clone(), query.clone()].concat(), None);
        check(&query[3..].repeat(2), Some("inspect-dns-pak-too-long"));
        check(&[0xff; 20], Some("inspect-dns-invalid-pak"));
        check(&[&[0x10, 0][..], &query[2..]].concat(), Some("inspect-dns-pak-too-long"));
    }
}
