//! Targets that answer in the place of who is called, and keep nothing about a connection (xtables-addons(8)).

use std::sync::Arc;

use sim_core::engine::device::{Change, Forwarding, Rule};
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::seq::Seq;

use crate::ios::{Refused, refuse};
use crate::steps::Pass;
use crate::steps::forge::refusal;

/// What becomes of segments after the SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Afterwards {
    /// Nothing comes of them: who called waits.
    Silence,
    Reset,
}

/// Answers a SYN by a SYN/ACK without options; `seq` is its sequence number.
pub(super) fn answer(
    pass: &mut Pass<'_>,
    rule: &Arc<Rule>,
    afterwards: Afterwards,
    seq: Seq,
) -> Result<Forwarding, Refused> {
    if pass.packet.flags.is_initial_syn() {
        let mut answer = Packet::new(pass.packet.destination(), pass.packet.source());
        answer.flags = Flags::SYN.with(Flags::ACK);
        (answer.seq, answer.ack) = (seq, pass.packet.seq.add(1));
        pass.effects.emit_new(pass.ingress, answer);
        pass.sign(rule, Change::Answered { with: "SYN/ACK" });
        return Ok(Forwarding::Consumed);
    }
    match afterwards {
        Afterwards::Silence => refuse(rule, "TARPIT"),
        Afterwards::Reset => {
            pass.effects.emit_new(pass.ingress, refusal(pass.packet));
            pass.sign(rule, Change::Reset { reason: "DELUDE" });
            refuse(rule, "DELUDE")
        }
    }
}
