//! Verdicts and causes, as types.

use crate::engine::device::ConfigLine;
use crate::time::SimTime;

use super::story::End;

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
    /// Data was still waiting, and nothing had been delivered for long, at the end.
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
    /// The packet, in words: "SYN of the first subflow", "MP_JOIN SYN over lte".
    pub packet: Option<String>,
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
        /// What it did, in words: "replaced option 30 (MP_CAPABLE) by NOPs".
        action: String,
        /// [`crate::engine::device::Change::label`] of it.
        label: String,
        /// The rule, in the product's words.
        rule: String,
        /// True when the rule is the product's default.
        is_default: bool,
        /// What in the configuration is missing or does not match, where that is known.
        because: Option<String>,
        /// The deciding (or nearest) configuration line.
        line: Option<ConfigLine>,
        /// The document behind the rule.
        source: &'static str,
    },
    /// An endpoint, by what it is: its profile does not speak MPTCP, it does not know the token.
    Endpoint {
        /// Which end.
        end: End,
        /// Host name.
        host: String,
        /// What it did, in words: "does not speak MPTCP", "reset the subflow: unknown token".
        action: String,
    },
    /// The network, not a device: a link was down, packets were lost.
    Network {
        /// What, in words.
        action: String,
    },
}
