//! Passes one connection through a device and looks at what arrives.
//!
//! Two ends that do no more than RFC 8684 asks of them hold a short conversation: SYN, SYN/ACK and
//! ACK with MP_CAPABLE, a segment with a mapping in each direction, its acknowledgement. They take
//! addresses and numbers as they find them, so translation and randomised sequence numbers do not
//! disturb them.

use std::collections::VecDeque;
use std::net::SocketAddr;

use sim_core::engine::device::{Change, Device, PortId, Signed};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::options::{Options, kind};
use sim_core::wire::packet::{Flags, Packet, PacketUid};
use sim_core::wire::payload::Payload;
use sim_core::wire::seq::Seq;

use crate::driver::{Came, Driver};

use super::{Because, Effect};

/// Packets that a conversation may take; a device that makes more of them is not waited for.
const PACKETS_MAX: usize = 64;
/// Time between a packet and what follows it.
const STEP: SimDuration = SimDuration::from_millis(10);
/// How long a device that holds packets back is waited for.
const PATIENCE: SimDuration = SimDuration::from_secs(10);

/// The connection to try.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// Port of the device that the end that opens it is behind.
    pub ingress: PortId,
    /// The end that opens it.
    pub client: SocketAddr,
    /// The address that it calls.
    pub server: SocketAddr,
    /// When it begins; a device that is probed several times is given later times.
    pub at: SimTime,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Probed {
    /// In one word.
    pub effect: Effect,
    /// The rules that made it so, in the order in which they acted, each once.
    pub because: Vec<Because>,
    /// Everything that the device signed.
    pub signed: Vec<Signed>,
}

/// One end of the conversation.
struct End {
    here: SocketAddr,
    /// The peer as this end knows it.
    there: SocketAddr,
    is_client: bool,
    seq: Seq,
    ack: Seq,
    established: bool,
    /// What the peer sent until now had option 30: without it an end says no more of MPTCP (RFC 8684 §3.7).
    speaks: bool,
    sent_data: bool,
}

/// What was sent with option 30 and what arrived of it.
#[derive(Default)]
struct Tally {
    /// Segments that this conversation needs, by their number: true once it arrived.
    arrived: Vec<bool>,
    whole: bool,
    data: [bool; 2],
}

/// Passes a connection through a device.
pub fn probe(device: &mut dyn Device, attempt: Attempt) -> Probed {
    let mut conversation = Conversation::new(device, attempt);
    conversation.run();
    conversation.outcome()
}

struct Conversation<'d> {
    driver: Driver<'d>,
    ingress: PortId,
    /// The port that is called.
    port: u16,
    ends: [End; 2],
    /// On their way to the device: port and packet.
    queue: VecDeque<(PortId, Packet)>,
    signed: Vec<Signed>,
    /// Option bytes of kind 30 as sent, by packet.
    sent: Vec<Options>,
    tally: Tally,
}

const SYN: [u8; 24] =
    [2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7, 30, 4, 0x01, 0x81];
const SYN_ACK: [u8; 32] = [
    2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 2, 0, 0, 0, 1, 1, 3, 3, 7, 30, 12, 0x01, 0x81, 8, 7, 6,
    5, 4, 3, 2, 1,
];
const ACK: [u8; 32] = [
    1, 1, 8, 10, 0, 0, 0, 3, 0, 0, 0, 2, 30, 20, 0x01, 0x81, 1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4,
    3, 2, 1,
];
const DSS: [u8; 32] = [
    1, 1, 8, 10, 0, 0, 0, 4, 0, 0, 0, 3, 30, 18, 0x20, 0x05, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0,
    100, 1, 1,
];

/// The options of a segment of an end that does not speak MPTCP: option 30 is the last of those above.
fn without_mptcp(options: &[u8]) -> &[u8] {
    let parsed = Options::from_bytes(options).unwrap_or_default();
    let end = parsed.find(kind::MPTCP).map_or(options.len(), |option| option.start);
    &options[..end]
}

/// What the client says first: what an inspection of the port's protocol takes for good.
#[must_use]
pub const fn request(port: u16) -> &'static [u8] {
    match port {
        21 | 25 => b"NOOP\r\n",
        53 => &[0, 17, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1],
        5060 => b"OPTIONS sip:option30.example SIP/2.0\r\n\r\n",
        _ => b"GET / HTTP/1.1\r\nHost: option30.example\r\n\r\n",
    }
}

/// What the server answers.
#[must_use]
pub const fn response(port: u16) -> &'static [u8] {
    match port {
        21 | 25 => b"200 OK\r\n",
        53 => &[0, 17, 0, 1, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1],
        5060 => b"SIP/2.0 200 OK\r\n\r\n",
        _ => b"HTTP/1.1 204 No Content\r\n\r\n",
    }
}

impl<'d> Conversation<'d> {
    fn new(device: &'d mut dyn Device, attempt: Attempt) -> Self {
        let end = |here, there, is_client, seq| End {
            here,
            there,
            is_client,
            seq: Seq(seq),
            ack: Seq(0),
            established: false,
            speaks: true,
            sent_data: false,
        };
        let (client, server) = (attempt.client, attempt.server);
        Self {
            driver: Driver::new(device, attempt.at, PacketUid(1 << 40)),
            ingress: attempt.ingress,
            port: server.port(),
            ends: [end(client, server, true, 1_000), end(server, client, false, 500_000)],
            queue: VecDeque::new(),
            signed: Vec::new(),
            sent: Vec::new(),
            tally: Tally { whole: true, ..Tally::default() },
        }
    }

    fn run(&mut self) {
        self.send(0, Flags::SYN, &SYN, b"");
        for _ in 0..PACKETS_MAX {
            let mut came = Came::default();
            match (self.queue.pop_front(), self.driver.next_timeout()) {
                (Some((port, packet)), _) => {
                    self.driver.pass(self.driver.now() + STEP, port, packet, &mut came);
                }
                // A device that holds a packet back lets it go in its own time.
                (None, Some(at)) if at <= self.driver.now() + PATIENCE => {
                    self.driver.advance(at, &mut came);
                }
                (None, _) => break,
            }
            self.signed.append(&mut came.signed);
            for left in came.left {
                self.deliver(left.port, &left.packet);
            }
        }
    }

    fn send(&mut self, from: usize, flags: Flags, options: &[u8], data: &[u8]) {
        let end = &mut self.ends[from];
        let options = if end.speaks { options } else { without_mptcp(options) };
        let mut packet = Packet::new(end.here, end.there);
        (packet.flags, packet.seq, packet.window) = (flags, end.seq, 64_000);
        if flags.has(Flags::ACK) {
            packet.ack = end.ack;
        }
        packet.payload = Payload::literal(data);
        packet.options = Options::from_bytes(options).unwrap_or_default();
        if let Some(at) = packet.options.find(kind::MPTCP).filter(|o| o.bytes.len() == 18) {
            let length = at.start + 16;
            let bytes = (data.len() as u16).to_be_bytes();
            packet.options.bytes_mut()[length..length + 2].copy_from_slice(&bytes);
        }
        packet.uid = PacketUid(self.sent.len() as u64);
        end.seq = end.seq.add(packet.seq_len());
        let port = if end.is_client { self.ingress } else { self.ingress.peer() };
        self.sent.push(packet.options.clone());
        self.tally.arrived.push(!packet.options.has(kind::MPTCP));
        self.queue.push_back((port, packet));
    }

    fn deliver(&mut self, port: PortId, packet: &Packet) {
        let to = usize::from(port.side() != self.ingress.side());
        if let Some(sent) = self.sent.get(packet.uid.0 as usize) {
            let mptcp = |options: &Options| options.find(kind::MPTCP).map(|o| o.bytes.to_vec());
            self.tally.whole &= mptcp(sent) == mptcp(&packet.options);
            self.tally.arrived[packet.uid.0 as usize] = true;
            self.tally.data[to] |= !packet.payload.is_empty();
        }
        let end = &mut self.ends[to];
        if packet.flags.has(Flags::RST) {
            return;
        }
        end.there = packet.source();
        if !end.is_client && packet.flags.is_initial_syn() {
            end.here = packet.destination();
        }
        if packet.flags.has(Flags::SYN) || !packet.payload.is_empty() {
            end.speaks &= packet.options.has(kind::MPTCP);
        }
        let after = packet.seq.add(packet.seq_len());
        if packet.seq_len() > 0 {
            end.ack = after;
        }
        match (packet.flags.has(Flags::SYN), end.is_client, end.established) {
            (true, false, false) => {
                end.established = true;
                self.send(to, Flags::SYN.with(Flags::ACK), &SYN_ACK, b"");
            }
            (true, true, false) => {
                end.established = true;
                end.sent_data = true;
                self.send(to, Flags::ACK, &ACK, b"");
                self.send(to, Flags::ACK.with(Flags::PSH), &DSS, request(self.port));
            }
            (false, false, true) if !packet.payload.is_empty() && !end.sent_data => {
                end.sent_data = true;
                self.send(to, Flags::ACK.with(Flags::PSH), &DSS, response(self.port));
            }
            (false, true, true) if !packet.payload.is_empty() => {
                self.send(to, Flags::ACK, &[1, 1, 30, 8, 0x20, 0x01, 0, 0, 0, 101, 1, 1], b"");
            }
            _ => {}
        }
    }

    fn outcome(self) -> Probed {
        let is_30 = |change: &Change| match change {
            Change::OptionBlanked { kind: blanked, .. }
            | Change::OptionRemoved { kind: blanked, .. } => *blanked == kind::MPTCP,
            _ => false,
        };
        let answered = |c: &Change| matches!(c, Change::Answered { .. });
        let stopped = |c: &Change| matches!(c, Change::Dropped { .. } | Change::Reset { .. });
        let allowed = |c: &Change| matches!(c, Change::Allowed { .. });
        let any = |of: &dyn Fn(&Change) -> bool| self.signed.iter().any(|s| of(&s.change));
        let complete = self.tally.data == [true, true];
        let (effect, telling): (Effect, &dyn Fn(&Change) -> bool) = if any(&answered) {
            (Effect::Terminate, &answered)
        } else if !complete || self.tally.arrived.contains(&false) {
            (Effect::Drop, &stopped)
        } else if !self.tally.whole {
            (Effect::Strip, &is_30)
        } else {
            (Effect::Pass, &allowed)
        };
        let mut because: Vec<Because> = Vec::new();
        for signed in self.signed.iter().filter(|s| telling(&s.change)) {
            let mut reason = Because::rule(&signed.rule);
            if let Change::Dropped { reason: why } | Change::Reset { reason: why } = signed.change {
                // A rule that is called as its line is says no more than that.
                let rule = if reason.rule == reason.text { "refused" } else { &*reason.rule };
                reason.rule = format!("{rule} ({why})");
            }
            if !because.contains(&reason) {
                because.push(reason);
            }
        }
        Probed { effect, because, signed: self.signed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{DeviceContext, DeviceSpec};
    use crate::testing::{CLIENT, INSIDE, SERVER};

    fn probed(spec: &str) -> Probed {
        let spec: DeviceSpec = ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME)
            .from_str(spec)
            .unwrap();
        let context = DeviceContext { name: "d", seed: 1, default_farm: None };
        let mut built = spec.build(&context, None).unwrap();
        let attempt =
            Attempt { ingress: INSIDE, client: CLIENT, server: SERVER, at: SimTime::ZERO };
        probe(built.device.as_mut(), attempt)
    }

    #[test]
    fn what_becomes_of_a_connection() {
        let check = |spec: &str, effect: Effect, because: usize| {
            let probed = probed(spec);
            assert_eq!((probed.effect, probed.because.len()), (effect, because), "{spec}");
        };
        check("Switch()", Effect::Pass, 0);
        check("Router()", Effect::Pass, 0);
        check("Asa()", Effect::Strip, 1);
        let rule = |act: &str| format!("Custom(rules: [(when: (segment: [Syn]), do: {act})])");
        check(&rule("Drop"), Effect::Drop, 1);
    }
}
