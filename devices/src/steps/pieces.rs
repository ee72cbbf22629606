//! Cuts segments in two, and merges two into one.

use sim_core::wire::options::{Options, kind};
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::payload::Payload;

/// Which of two segments has the MPTCP options afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub enum Keep {
    /// The first.
    First,
    /// The second.
    Second,
    /// Both (of a split segment).
    #[default]
    Both,
}

/// Cuts a segment after `at` bytes of payload; the second part, when both have payload. FIN and PSH
/// go with the second.
#[must_use]
pub fn split(first: &mut Packet, at: u32, keep: Keep) -> Option<Packet> {
    let len = first.payload.len;
    if at == 0 || at >= len || first.flags.has(Flags::SYN) || first.flags.has(Flags::RST) {
        return None;
    }
    let mut second = first.clone();
    second.payload = first.payload.slice(at, len - at);
    second.seq = first.seq.add(at);
    first.payload = first.payload.slice(0, at);
    first.flags = first.flags.without(Flags::FIN).without(Flags::PSH);
    match keep {
        Keep::Both => {}
        Keep::First => without_mptcp(&mut second),
        Keep::Second => without_mptcp(first),
    }
    Some(second)
}

/// True when `second` carries the payload that follows that of `first`.
#[must_use]
pub fn continues(first: &Packet, second: &Packet) -> bool {
    first.seq.add(first.payload.len) == second.seq
        && !first.flags.has(Flags::FIN)
        && !second.flags.has(Flags::SYN)
        && !second.flags.has(Flags::RST)
        && !second.payload.is_empty()
}

/// Merges `second`, which must continue it, into `first`. Options are those of the segment that
/// `keep` names (of the first for [`Keep::Both`]: a header has no room for two mappings),
/// acknowledgement and window the newer ones.
pub fn merge(first: &mut Packet, second: &Packet, keep: Keep) {
    first.payload = joined(&first.payload, &second.payload);
    first.flags = first.flags.with(second.flags);
    (first.ack, first.window) = (second.ack, second.window);
    if keep == Keep::Second {
        first.options = second.options.clone();
    }
}

fn joined(a: &Payload, b: &Payload) -> Payload {
    let described = a.bytes.is_none() && b.bytes.is_none();
    if described && a.stream == b.stream && a.offset + u64::from(a.len) == b.offset {
        return Payload::described(a.stream, a.offset, a.len + b.len);
    }
    let mut bytes = a.to_vec();
    bytes.extend(b.to_vec());
    Payload::literal(bytes)
}

/// The packet without its MPTCP options; the header shrinks.
fn without_mptcp(packet: &mut Packet) {
    let mut kept = Options::new();
    for option in packet.options.iter().filter(|o| o.kind != kind::MPTCP && o.kind != kind::EOL) {
        // A part of 40 bytes never exceeds them.
        let _ = kept.push(option.bytes);
    }
    kept.pad();
    packet.options = kept;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::track::Sender::Initiator;
    use crate::testing::{DSS_OPTIONS, segment, with_options};

    fn whole() -> Packet {
        let flags = Flags::ACK.with(Flags::PSH).with(Flags::FIN);
        with_options(segment(Initiator, flags, 100, 7, 1000), &DSS_OPTIONS)
    }

    #[test]
    fn cut_and_joined_again() {
        let mut first = whole();
        let second = split(&mut first, 400, Keep::First).unwrap();
        assert_eq!((first.payload.len, second.payload.len, second.seq.0), (400, 600, 500));
        assert_eq!(second.payload.offset, 400);
        assert_eq!((first.flags, second.flags), (Flags::ACK, whole().flags));
        assert!(first.options.has(30) && !second.options.has(30));
        assert!(second.options.timestamps().is_some());
        assert!(continues(&first, &second));
        merge(&mut first, &second, Keep::First);
        assert_eq!(first, whole());
    }

    #[test]
    fn which_options_stay() {
        let mut first = whole();
        let second = split(&mut first, 1, Keep::Second).unwrap();
        assert!(!first.options.has(30) && second.options.has(30));
        let mut first = whole();
        let second = split(&mut first, 1, Keep::Both).unwrap();
        assert!(first.options.has(30) && second.options.has(30));
        let mut plain = segment(Initiator, Flags::ACK, 100, 7, 10);
        let next = with_options(segment(Initiator, Flags::ACK, 110, 9, 10), &DSS_OPTIONS);
        merge(&mut plain, &next, Keep::Second);
        assert!(plain.options.has(30));
        assert_eq!((plain.ack.0, plain.payload.len), (9, 20));
    }

    #[test]
    fn what_cannot_be_cut_or_joined() {
        for at in [0, 1000] {
            assert_eq!(split(&mut whole(), at, Keep::Both), None);
        }
        let first = segment(Initiator, Flags::ACK, 100, 7, 10);
        let next = |seq, len| segment(Initiator, Flags::ACK, seq, 7, len);
        assert!(continues(&first, &next(110, 1)));
        assert!(!continues(&first, &next(111, 1)), "a gap");
        assert!(!continues(&first, &next(110, 0)), "nothing in it");
    }
}
