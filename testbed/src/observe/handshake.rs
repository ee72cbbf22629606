//! Facts of the handshakes: what was offered, answered and concluded.

use sim_core::record::story::{End, Fact, FallbackReason, Offer};
use sim_core::record::{SubflowOutcome, SubflowRole};
use sim_core::wire::packet::Flags;

use super::{Seen, keys_of, offer_of};

impl Seen<'_> {
    pub(super) fn sent_syn(&mut self) {
        let offer = offer_of(self.packet);
        let first = self.packet.seq.add(1);
        self.track().first_sent.get_or_insert(first);
        if self.packet.flags.has(Flags::ACK) {
            self.end.local_key = self.end.local_key.or(keys_of(self.packet).0);
            self.tell(Fact::SynAckSent { offer });
            return;
        }
        let attempt = self.track().syns;
        self.track().syns += 1;
        if attempt == 0 && offer == Offer::Nothing {
            if self.speaks {
                self.falls_back(None, FallbackReason::Blackhole);
            } else {
                self.end.fell_back = true;
                self.tell_of(None, Fact::SpeaksPlainTcp);
            }
        }
        if attempt > 0 && offer == Offer::Nothing && self.track().offer != Offer::Nothing {
            self.falls_back(None, FallbackReason::SynUnanswered);
        }
        self.track().offer = offer;
        self.tell(Fact::SynSent { offer, attempt });
    }

    pub(super) fn received_syn(&mut self) {
        let offer = offer_of(self.packet);
        let first = self.packet.seq.add(1);
        self.track().first_received = Some(first);
        if !self.packet.flags.has(Flags::ACK) {
            self.called(offer);
            return;
        }
        self.end.remote_key = self.end.remote_key.or(keys_of(self.packet).0);
        self.tell(Fact::SynAckReceived { offer });
        match (self.role(), self.track().offer, offer) {
            (SubflowRole::Initial, Offer::Capable { .. }, Offer::Capable { .. }) => {}
            (SubflowRole::Initial, Offer::Capable { .. }, _) => {
                self.falls_back(Some(self.packet.uid), FallbackReason::SynAckWithoutCapable);
            }
            // A join is established by the fourth ACK (RFC 8684 §3.2).
            (SubflowRole::Join, ..) => return,
            _ => {}
        }
        self.established();
    }

    /// A SYN has come.
    fn called(&mut self, offer: Offer) {
        self.track().offer = offer;
        if self.role() == SubflowRole::Initial && self.track().syns == 0 {
            if !self.speaks {
                self.end.fell_back = true;
                self.tell_of(None, Fact::SpeaksPlainTcp);
            }
            self.tell(Fact::SynReceived { offer });
        } else {
            self.tell(Fact::SynReceived { offer });
        }
        if self.role() == SubflowRole::Initial
            && self.speaks
            && !matches!(offer, Offer::Capable { .. })
        {
            self.falls_back(Some(self.packet.uid), FallbackReason::SynWithoutCapable);
        }
        self.track().syns += 1;
    }

    /// A segment that is no SYN: the handshake may be complete by it. Returns false while it is not.
    pub(super) fn completes_handshake(&mut self) -> bool {
        if self.packet.flags.has(Flags::RST) {
            return false;
        }
        if self.is_established() {
            return true;
        }
        let (ours, theirs) = (self.track().first_sent, self.track().first_received);
        let (Some(ours), Some(_)) = (ours, theirs) else { return false };
        if !self.packet.flags.has(Flags::ACK) || self.packet.ack.before(ours) {
            return false;
        }
        if self.end.end == End::Server {
            let (sender, _) = keys_of(self.packet);
            self.end.remote_key = self.end.remote_key.or(sender);
            if self.role() == SubflowRole::Join && offer_of(self.packet) != Offer::Join {
                return false; // the kernel resets it
            }
        }
        // A join is proved to the client by the fourth ACK, which speaks MPTCP (RFC 8684 §3.2).
        let speaks = !self.options.is_empty();
        if self.end.end == End::Client && self.role() == SubflowRole::Join && !speaks {
            return false;
        }
        self.established();
        true
    }

    pub(super) fn is_established(&self) -> bool {
        let local = self.end.tracks[self.track].local;
        self.world.outside(self.id).is_some_and(|e| e.subflows[local].established_at.is_some())
    }

    fn established(&mut self) {
        let now = self.world.now();
        if self.is_established() || self.track().over {
            return;
        }
        self.subflow(|s| {
            s.established_at = Some(now);
            s.outcome = SubflowOutcome::Established;
        });
        self.tell_of(None, Fact::SubflowEstablished);
    }
}
