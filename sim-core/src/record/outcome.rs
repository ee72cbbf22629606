//! Verdicts and causes, as types.

use std::sync::Arc;

use crate::engine::device::{Change, Rule};
use crate::time::SimTime;
use crate::wire::mptcp::ResetReason;
use crate::wire::packet::PacketUid;

use super::story::{End, FallbackReason, ResetCause};

/// What became of a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not all MPTCP: what a device, an endpoint or nobody's answer did. For a verdict of
    /// MPTCP with a refused or reset subflow, see [`super::SubflowRecord::cause`].
    pub cause: Option<Cause>,
}

/// The three verdicts (DESIGN: stable words for scripts).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Both ends spoke MPTCP to the end.
    Mptcp,
    /// Plain TCP; the stream goes on.
    Fallback,
    /// Never connected, reset, stalled, or a wrong stream.
    Failed(Failure),
}

impl Verdict {
    /// `mptcp`, `fallback` or `failed`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mptcp => "mptcp",
            Self::Fallback => "fallback",
            Self::Failed(_) => "failed",
        }
    }
}

/// In what way a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// No SYN/ACK, ever.
    NeverConnected,
    /// Reset before everything was delivered.
    Reset,
    /// Data, or one end's close, was still waiting at the end, and nothing had been delivered for long.
    Stalled,
    /// A byte was delivered that was not the byte written.
    WrongStream,
}

/// Why: links of a chain, first the root, each read from the record.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// The links: device changes (root first) and what the endpoints concluded from them.
    pub links: Vec<CauseLink>,
}

/// One link of a cause.
#[derive(Clone, Debug, PartialEq)]
pub struct CauseLink {
    /// When.
    pub at: SimTime,
    /// Who and what.
    pub who: Blame,
    /// The packet on which it was done, or that told.
    pub packet: Option<PacketName>,
}

/// A packet, as people call it: "SYN of the first subflow", "MP_JOIN SYN over lte".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketName {
    /// Its identity.
    pub uid: PacketUid,
    /// What it is.
    pub kind: PacketKind,
    /// Index of its subflow in [`super::ConnectionRecord::subflows`]; `None` for a device's own packet.
    pub subflow: Option<usize>,
    /// The path of that.
    pub path: Option<String>,
}

/// What a packet is in its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PacketKind {
    /// SYN.
    Syn,
    /// SYN sent with MP_JOIN.
    JoinSyn,
    /// SYN/ACK.
    SynAck,
    /// RST.
    Rst,
    /// Any other.
    Segment,
}

/// Who did what.
#[derive(Clone, Debug, PartialEq)]
pub enum Blame {
    /// A device changed or stopped a packet.
    Device {
        /// Its name.
        device: String,
        /// Its model.
        model: &'static str,
        /// What it did.
        change: Change,
        /// Why.
        rule: Arc<Rule>,
    },
    /// An endpoint, by what it is: its profile does not speak MPTCP, it does not know the token.
    Endpoint {
        /// Which end.
        end: End,
        /// Host name.
        host: String,
        /// What it did.
        act: Act,
    },
    /// The network, not a device: a link was down, packets were lost.
    Network(Trouble),
}

/// What an endpoint did that ended MPTCP, a subflow or the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It never speaks MPTCP.
    SpeaksPlainTcp,
    /// It went on as plain TCP.
    FellBack(FallbackReason),
    /// It reset the subflow.
    Reset(ResetCause),
    /// It was reset; MP_TCPRST's reason, if there was one.
    WasReset(Option<ResetReason>),
    /// It got no answer and gave up.
    GaveUp,
    /// It had no local port left.
    HadNoPort,
    /// A router told it that the peer cannot be reached, and it gave up.
    ToldUnreachable,
    /// It delivered bytes that the peer did not write.
    DeliveredWrongBytes,
}

/// What the network did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// SYNs with MP_CAPABLE were not answered.
    SynsUnanswered,
    /// Nobody answered before the end of the run.
    Unanswered,
    /// Data was no longer delivered.
    NothingDelivered,
    /// Something that the scenario made happen: `dsl down`.
    Event(String),
}
