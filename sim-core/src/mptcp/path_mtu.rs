//! What a host learns of a path's MTU: by ICMP (RFC 1191, RFC 8201), and by looking for black holes, as
//! Linux does (`tcp_v4_err`, `tcp_v4_mtu_reduced`, `tcp_mtu_probing`). A lower MTU holds for the rest of a
//! subflow's life; the search for a larger one (RFC 4821) is not modelled.

use super::config::MtuProbing;
use super::counters::Counter;
use super::endpoint::{Endpoint, Io};
use super::subflow::State;
use crate::record::SubflowOutcome;
use crate::record::story::Fact;
use crate::tcp::offset_of;
use crate::time::{SimDuration, SimTime};
use crate::wire::icmp::Reason;
use crate::wire::packet::Packet;

/// Least MTU that is believed (Linux's `net.ipv4.route.min_pmtu`; RFC 8200 §5).
const LEAST: [u32; 2] = [552, 1280];
/// Timeouts for this long look like a black hole: what `tcp_retries1`, 3, comes to from 200 ms on.
const BLACK_HOLE: SimDuration = SimDuration::from_millis(3_000);
/// First shorter segment (`net.ipv4.tcp_base_mss`), and the shortest (`tcp_mtu_probe_floor`).
const BASE_MSS: u32 = 1_024;
const LEAST_MSS: u32 = 48;

/// What a subflow knows of its path's MTU.
#[derive(Clone, Copy, Debug, Default)]
pub struct PathMtuSearch {
    /// The path takes less than the interface.
    pub was_lowered: bool,
    /// When the first of the timeouts in a row was.
    timeouts_since: SimTime,
    /// Segment that the search for a black hole has come down to.
    searched: Option<u32>,
}

impl Endpoint {
    /// An ICMP error about a segment of subflow `i` came in.
    pub fn on_icmp(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet) {
        let Some(error) = packet.icmp() else { return };
        let Some(seq) = error.seq() else { return };
        let s = &self.subflows[i];
        let was_sent = match s.state {
            State::Closed => return,
            State::SynSent | State::SynReceived => seq == s.tx.initial,
            State::Established => offset_of(seq, s.tx.initial, s.tx.una)
                .is_some_and(|offset| (s.tx.una..=s.tx.next).contains(&offset)),
        };
        if !was_sent {
            self.counters.count(Counter::OutOfWindowIcmps); // RFC 5927 §4.1
            return;
        }
        match error.reason() {
            Reason::TooBig { mtu } => {
                let flow = s.flow;
                let mtu = mtu.max(LEAST[usize::from(flow.src.is_ipv6())]);
                io.host.note_path_mtu(io.now, flow.src.ip(), flow.dst.ip(), mtu);
                if self.lower_mtu(io, i, mtu) {
                    let fact = Fact::PathMtuLowered { mtu, told: true };
                    self.tell(io.now, i, Some(packet.uid), fact);
                }
            }
            _ if s.state == State::SynSent => {
                self.tell(io.now, i, Some(packet.uid), Fact::Unreachable);
                self.close_subflow(io, i, SubflowOutcome::Refused);
                self.after_loss_of(io, i);
            }
            // Once established, a soft error: the path may come back (RFC 5461 §2.2).
            Reason::Prohibited | Reason::TimeExceeded | Reason::Other { .. } => {}
        }
        self.push(io);
        self.flush_acks(io);
    }

    /// A timeout ran out: several in a row may mean that the path drops long segments and nobody tells.
    pub(super) fn look_for_black_hole(&mut self, io: &mut Io<'_>, i: usize, backoff: u32) {
        if self.config.mtu_probing == MtuProbing::Never {
            return;
        }
        let s = &mut self.subflows[i];
        let search = &mut s.path_mtu;
        if backoff <= 1 {
            search.timeouts_since = io.now;
        }
        if io.now.since(search.timeouts_since) < BLACK_HOLE {
            return;
        }
        let mss = search.searched.map_or(BASE_MSS, |mss| (mss / 2).max(LEAST_MSS));
        search.searched = Some(mss);
        let ip = if s.flow.src.is_ipv4() { 20 } else { 40 };
        let mtu = mss + ip + 20 + if s.timestamps { 12 } else { 0 };
        if self.lower_mtu(io, i, mtu) {
            self.tell(io.now, i, None, Fact::PathMtuLowered { mtu, told: false });
        }
    }

    /// Packets of subflow `i` have at most `mtu` bytes from now on; what is in flight and longer is sent
    /// again. False when they had already.
    fn lower_mtu(&mut self, io: &Io<'_>, i: usize, mtu: u32) -> bool {
        let s = &mut self.subflows[i];
        if mtu >= s.mtu {
            return false;
        }
        s.mtu = mtu;
        s.path_mtu.was_lowered = true;
        let room = self.segment_room(i);
        self.subflows[i].tx.lose_longer_than(io.now, room);
        true
    }
}
