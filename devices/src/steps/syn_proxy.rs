//! Answers a SYN in the server's place and calls the server only when the client has proved itself.
//!
//! The answer knows nothing of what the server would have said, so it carries the MSS and no other
//! option: whatever was offered in the SYN, MPTCP included, is not agreed to. It offers a window of
//! zero, which is opened once the server has answered. After that the connection is spliced by a
//! shift of the server's sequence numbers ([`Shift`]).

use std::net::SocketAddr;

use sim_core::wire::options::{Options, kind};
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::seq::Seq;

use super::isn::Shift;
use super::track::Sender;

/// How far a proxied handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The client was answered.
    Answered,
    /// The server was called.
    Calling,
    /// The two are spliced.
    Open,
}

/// The proxy of one connection.
#[derive(Clone, Debug)]
pub struct SynProxy {
    /// The sequence number of the answer, in the server's place.
    cookie: Seq,
    /// The SYN for the server.
    syn: Packet,
    stage: Stage,
}

/// What the device does with a packet of a proxied connection. Packets are addressed as on the
/// client's side; the caller translates those for the responder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The packet goes on.
    Pass,
    /// The packet goes no further.
    Ignore,
    /// It is answered: this to the initiator.
    Answer(Packet),
    /// The server is called: this to the responder.
    Call(Packet),
    /// The two are spliced.
    Splice {
        /// The window is opened: this to the initiator.
        to_initiator: Packet,
        /// The handshake is completed: this to the responder.
        to_responder: Packet,
    },
}

impl SynProxy {
    /// For the connection of this SYN; `cookie` is the sequence number to answer with.
    #[must_use]
    pub fn new(syn: &Packet, cookie: Seq) -> Self {
        let mut syn = syn.clone();
        // Nothing but the MSS is known to the end of the handshake with the client.
        let mss = syn.options.find(kind::MSS).and_then(|o| Options::from_bytes(o.bytes).ok());
        syn.options = mss.unwrap_or_default();
        Self { cookie, syn, stage: Stage::Answered }
    }

    /// Takes a packet of the connection, as it came in.
    pub fn step(&mut self, sender: Sender, packet: &Packet, shift: &mut Shift) -> Step {
        let flags = packet.flags;
        match (self.stage, sender) {
            (Stage::Open, Sender::Responder) if flags.is_syn_ack() => Step::Ignore,
            (Stage::Open, _) => Step::Pass,
            (_, Sender::Initiator) if flags.is_initial_syn() => Step::Answer(self.answer()),
            (_, _) if flags.has(Flags::RST) => Step::Pass,
            (_, Sender::Initiator) if packet.ack == self.cookie.add(1) => {
                self.stage = Stage::Calling;
                Step::Call(self.syn.clone())
            }
            (Stage::Calling, Sender::Responder) if flags.is_syn_ack() => {
                self.stage = Stage::Open;
                shift.by[Sender::Responder as usize] = self.cookie.0.wrapping_sub(packet.seq.0);
                let mut to_responder = bare(self.syn.source(), self.syn.destination());
                to_responder.seq = self.syn.seq.add(1);
                to_responder.ack = packet.seq.add(1);
                to_responder.window = self.syn.window;
                let mut to_initiator = bare(self.syn.destination(), self.syn.source());
                to_initiator.seq = self.cookie.add(1);
                to_initiator.ack = self.syn.seq.add(1);
                to_initiator.window = packet.window;
                Step::Splice { to_initiator, to_responder }
            }
            _ => Step::Ignore,
        }
    }

    fn answer(&self) -> Packet {
        let mut answer = bare(self.syn.destination(), self.syn.source());
        answer.flags = Flags::SYN.with(Flags::ACK);
        answer.seq = self.cookie;
        answer.ack = self.syn.seq.add(1);
        answer.options = self.syn.options.clone();
        answer
    }
}

fn bare(source: SocketAddr, destination: SocketAddr) -> Packet {
    let mut packet = Packet::new(source, destination);
    packet.flags = Flags::ACK;
    packet
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
        let mut proxy = SynProxy::new(&syn, Seq(7000));
        for _ in 0..2 {
            let Step::Answer(answer) = proxy.step(Initiator, &syn, &mut shift) else { panic!() };
            assert_eq!((answer.seq, answer.ack, answer.window), (Seq(7000), Seq(1001), 0));
            assert_eq!(answer.options.as_bytes(), &SYN_OPTIONS[..4], "MSS and nothing else");
            assert_eq!(answer.flow(), syn.flow().reversed());
        }
        let wrong = segment(Initiator, Flags::ACK, 1001, 1, 0);
        assert_eq!(proxy.step(Initiator, &wrong, &mut shift), Step::Ignore);
        let ack = segment(Initiator, Flags::ACK, 1001, 7001, 0);
        let Step::Call(call) = proxy.step(Initiator, &ack, &mut shift) else { panic!() };
        assert_eq!((call.seq, call.flags, call.options.len()), (Seq(1000), Flags::SYN, 4));
        let syn_ack = segment(Responder, Flags::SYN.with(Flags::ACK), 5000, 1001, 0);
        let Step::Splice { to_initiator, to_responder } =
            proxy.step(Responder, &syn_ack, &mut shift)
        else {
            panic!()
        };
        assert_eq!((to_responder.seq, to_responder.ack), (Seq(1001), Seq(5001)));
        assert_eq!((to_initiator.seq, to_initiator.window), (Seq(7001), 64_000));
        assert_eq!(Seq(5000).add(shift.by[1]), Seq(7000));
        assert_eq!(proxy.step(Responder, &syn_ack, &mut shift), Step::Ignore);
        assert_eq!(proxy.step(Initiator, &ack, &mut shift), Step::Pass);
    }
}
