//! Delayed binding: the device answers a handshake itself and reads the client's request before it
//! chooses and calls a server; then the two connections are spliced by a shift of the server's
//! sequence numbers ([`Shift`]).
//!
//! The device is the TCP peer of both ends until then: nothing that either offers in its handshake,
//! MPTCP included, is known to the other.

use sim_core::wire::options::{Options, kind};
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::payload::Payload;
use sim_core::wire::seq::Seq;

use super::isn::Shift;
use super::track::Sender;

/// The window that the client is offered for its request.
const WINDOW: u16 = 16_384;
/// The longest segment in which a request is sent on.
const SEGMENT: usize = 1380;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The client was answered; its request is read.
    Reading,
    /// A server was called.
    Calling,
    /// The two are spliced.
    Open,
}

/// One connection that is bound later.
#[derive(Clone, Debug)]
pub struct DelayedBinding {
    /// Number of the answer, in the server's place.
    cookie: Seq,
    syn: Packet,
    request: Vec<u8>,
    closes: bool,
    stage: Stage,
}

/// What the device does with a packet. Packets are addressed as on the client's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The packet goes on.
    Pass,
    /// The packet goes no further.
    Ignore,
    /// It is answered: this to the initiator.
    Answer(Packet),
    /// More of the request has come ([`DelayedBinding::request`]).
    Read,
    /// The two are spliced: these to the responder.
    Splice(Vec<Packet>),
}

impl DelayedBinding {
    /// For the connection of this SYN; `cookie` is the sequence number to answer with.
    #[must_use]
    pub fn new(syn: &Packet, cookie: Seq) -> Self {
        let mut syn = syn.clone();
        let mss = syn.options.find(kind::MSS).and_then(|o| Options::from_bytes(o.bytes).ok());
        syn.options = mss.unwrap_or_default();
        syn.payload = Payload::empty();
        Self { cookie, syn, request: Vec::new(), closes: false, stage: Stage::Reading }
    }

    /// What the client has said so far.
    #[must_use]
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// The client will say no more.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closes
    }

    /// The SYN for the server that was chosen; from now on its answer is waited for.
    pub fn call(&mut self) -> Packet {
        self.stage = Stage::Calling;
        self.syn.clone()
    }

    /// Takes a packet of the connection, as it came in.
    pub fn step(&mut self, sender: Sender, packet: &Packet, shift: &mut Shift) -> Step {
        let flags = packet.flags;
        match (self.stage, sender) {
            (Stage::Open, Sender::Responder) if flags.is_syn_ack() => Step::Ignore,
            (Stage::Open, _) => Step::Pass,
            (_, _) if flags.has(Flags::RST) => Step::Pass,
            (_, Sender::Initiator) if flags.is_initial_syn() => Step::Answer(self.answer()),
            (Stage::Reading, Sender::Initiator) => self.read(packet),
            (Stage::Calling, Sender::Responder) if flags.is_syn_ack() => {
                self.stage = Stage::Open;
                shift.by[Sender::Responder as usize] = self.cookie.0.wrapping_sub(packet.seq.0);
                Step::Splice(self.repeat(packet.seq.add(1)))
            }
            _ => Step::Ignore,
        }
    }

    fn read(&mut self, packet: &Packet) -> Step {
        let next = self.syn.seq.add(1).add(self.request.len() as u32);
        let known = next.distance(packet.seq);
        let new = packet.payload.len as i32 - known;
        if known < 0 || self.closes || (new <= 0 && !packet.flags.has(Flags::FIN)) {
            return Step::Ignore;
        }
        if new > 0 {
            self.request.extend_from_slice(&packet.payload.to_vec()[known as usize..]);
        }
        self.closes = packet.flags.has(Flags::FIN);
        Step::Read
    }

    fn answer(&self) -> Packet {
        let mut answer = Packet::new(self.syn.destination(), self.syn.source());
        answer.flags = Flags::SYN.with(Flags::ACK);
        answer.seq = self.cookie;
        answer.ack = self.syn.seq.add(1);
        answer.window = WINDOW;
        answer.options = self.syn.options.clone();
        answer
    }

    /// The handshake's last acknowledgement and the request, for the server.
    fn repeat(&self, ack: Seq) -> Vec<Packet> {
        let mut at = self.syn.seq.add(1);
        let segment = |seq, bytes: &[u8], flags: Flags| {
            let mut packet = Packet::new(self.syn.source(), self.syn.destination());
            (packet.seq, packet.ack, packet.window) = (seq, ack, self.syn.window);
            packet.flags = Flags::ACK.with(flags);
            packet.payload =
                if bytes.is_empty() { Payload::empty() } else { Payload::literal(bytes) };
            packet
        };
        let mut all = vec![segment(at, &[], Flags(0))];
        for part in self.request.chunks(SEGMENT) {
            all.push(segment(at, part, Flags::PSH));
            at = at.add(part.len() as u32);
        }
        if self.closes {
            all.push(segment(at, &[], Flags::FIN));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SYN_OPTIONS, segment, with_options};
    use Sender::{Initiator, Responder};

    #[test]
    fn from_syn_to_splice() {
        let syn = with_options(segment(Initiator, Flags::SYN, 1000, 0, 0), &SYN_OPTIONS);
        let mut shift = Shift::default();
        let mut binding = DelayedBinding::new(&syn, Seq(7000));
        let Step::Answer(answer) = binding.step(Initiator, &syn, &mut shift) else { panic!() };
        assert_eq!((answer.seq, answer.ack, answer.window), (Seq(7000), Seq(1001), WINDOW));
        assert_eq!(answer.options.as_bytes(), &SYN_OPTIONS[..4], "MSS and nothing else");
        let said = |seq, text: &str| {
            let mut packet = segment(Initiator, Flags::ACK, seq, 7001, 0);
            packet.payload = Payload::literal(text.as_bytes());
            packet
        };
        assert_eq!(
            binding.step(Initiator, &segment(Initiator, Flags::ACK, 1001, 7001, 0), &mut shift),
            Step::Ignore
        );
        assert_eq!(binding.step(Initiator, &said(1005, "/ H"), &mut shift), Step::Ignore, "a hole");
        assert_eq!(binding.step(Initiator, &said(1001, "GET "), &mut shift), Step::Read);
        assert_eq!(binding.step(Initiator, &said(1003, "T / H"), &mut shift), Step::Read);
        assert_eq!(binding.request(), b"GET / H");
        let call = binding.call();
        assert_eq!((call.seq, call.options.len()), (Seq(1000), 4));
        assert_eq!(binding.step(Initiator, &said(1001, "GET "), &mut shift), Step::Ignore);
        let syn_ack = segment(Responder, Flags::SYN.with(Flags::ACK), 5000, 1001, 0);
        let Step::Splice(sent) = binding.step(Responder, &syn_ack, &mut shift) else { panic!() };
        let shown: Vec<_> = sent.iter().map(|p| (p.seq.0, p.ack.0, p.payload.len)).collect();
        assert_eq!(shown, [(1001, 5001, 0), (1001, 5001, 7)]);
        assert_eq!(Seq(5000).add(shift.by[1]), Seq(7000));
        assert_eq!(binding.step(Initiator, &said(1008, "x"), &mut shift), Step::Pass);
    }
}
