//! The record in plain English: what expectations search, logs show and the English catalogue says.
//! Reports say the same in other languages from the same types.

use std::fmt;

use super::outcome::{Act, PacketKind, PacketName, Trouble};
use super::story::{FallbackReason, ResetCause};
use crate::engine::device::Change;
use crate::wire::mptcp::Subtype;

/// To follow the device's name: "replaced option 30 (MP_CAPABLE) by NOPs".
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OptionBlanked { kind, subtype, with } => {
                let by = if *with == 1 { "NOPs" } else { "zeros (EOL)" };
                write!(f, "replaced {} by {by}", option(*kind, *subtype))
            }
            Self::OptionRemoved { kind, subtype } => {
                write!(f, "removed {}", option(*kind, *subtype))
            }
            Self::OptionAdded { kind } => write!(f, "added option {kind}"),
            Self::Mss { from, to } => write!(f, "rewrote the MSS from {from} to {to}"),
            Self::SequenceShifted { .. } => f.write_str("randomised the initial sequence number"),
            Self::Field { name } => write!(f, "changed the {name}"),
            Self::Translated { from, to } => write!(f, "translated {from} to {to}"),
            Self::Balanced { server, address } => {
                write!(f, "balanced it to real server {server} ({address})")
            }
            Self::Payload { growth: 0 } => f.write_str("rewrote the payload"),
            Self::Payload { growth } => write!(f, "rewrote the payload ({growth:+} bytes)"),
            Self::Split { pieces } => write!(f, "split it into {pieces} segments"),
            Self::Coalesced { .. } => f.write_str("merged it with another segment"),
            Self::Held => f.write_str("held it back"),
            Self::Dropped { reason } => write!(f, "dropped it ({reason})"),
            Self::Reset { reason } => write!(f, "reset the connection ({reason})"),
            Self::Answered { with } => {
                // As its first letter is said: an "A"CK, an "ar" RST, a SYN.
                let article = if with.starts_with(['A', 'F', 'R']) { "an" } else { "a" };
                write!(f, "answered it with {article} {with} of its own")
            }
            Self::Allowed { what } => write!(f, "let {what} through"),
        }
    }
}

/// An option by number, MPTCP's with its subtype.
fn option(kind: u8, subtype: Option<Subtype>) -> String {
    match subtype {
        Some(subtype) => format!("option {kind} ({subtype})"),
        None => format!("option {kind}"),
    }
}

/// "MP_JOIN SYN over lte".
impl fmt::Display for PacketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        match (self.subflow, &self.path) {
            (Some(0), _) => f.write_str(" of the first subflow"),
            (Some(_), Some(path)) => write!(f, " over {path}"),
            _ => Ok(()),
        }
    }
}

impl PacketKind {
    /// In English.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "SYN",
            Self::JoinSyn => "MP_JOIN SYN",
            Self::SynAck => "SYN/ACK",
            Self::Rst => "RST",
            Self::Segment => "segment",
        }
    }
}

/// To follow the end's or the host's name: "does not speak MPTCP".
impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SpeaksPlainTcp => f.write_str("does not speak MPTCP"),
            Self::FellBack(reason) => reason.fmt(f),
            Self::Reset(why) => write!(f, "reset the subflow: {why}"),
            Self::WasReset(Some(reason)) => write!(f, "was reset (MP_TCPRST: {})", reason.text()),
            Self::WasReset(None) => f.write_str("was reset"),
            Self::GaveUp => f.write_str("got no answer and gave up"),
            Self::HadNoPort => {
                f.write_str("had no local port left: all were in use or in TIME-WAIT")
            }
            Self::ToldUnreachable => {
                f.write_str("was told by a router that the peer cannot be reached, and gave up")
            }
            Self::DeliveredWrongBytes => f.write_str("delivered bytes that the peer did not write"),
        }
    }
}

/// To follow the end's name: "saw no MP_CAPABLE in the SYN and answered as plain TCP".
impl fmt::Display for FallbackReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSpoken => "does not speak MPTCP",
            Self::SynWithoutCapable => "saw no MP_CAPABLE in the SYN and answered as plain TCP",
            Self::SynAckWithoutCapable => {
                "saw no MP_CAPABLE in the SYN/ACK and went on as plain TCP"
            }
            Self::AckWithoutCapable => {
                "saw no MP_CAPABLE in the third ACK and went on as plain TCP"
            }
            Self::DataWithoutMapping => "got data without a mapping (DSS) and went on as plain TCP",
            Self::AckWithoutDataAck => {
                "got no DATA_ACK for its first data and went on as plain TCP"
            }
            Self::SynUnanswered => {
                "sent a SYN without MP_CAPABLE after those with it went unanswered"
            }
            Self::Blackhole => "does not offer MPTCP for a while, after SYNs with it had vanished",
            Self::ChecksumFailed => "found a wrong DSS checksum on the only subflow and fell back",
            Self::PeerFellBack => "was told to fall back by the peer (MP_FAIL or infinite mapping)",
            Self::MappingCorrupt => {
                "got a mapping that does not fit the data and went on as plain TCP"
            }
            Self::SimultaneousOpen => "got a SYN that crossed its own, and went on as plain TCP",
            Self::VersionMismatch => "does not speak the version of MPTCP that the peer offers",
        })
    }
}

/// To follow "reset the subflow: ".
impl fmt::Display for ResetCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSocket => "nobody listens there",
            Self::UnknownToken => "it knows no connection with that token",
            Self::SynAckWithoutJoin => "the SYN/ACK came without MP_JOIN",
            Self::AckWithoutJoin => "the third ACK came without MP_JOIN",
            Self::WrongHmac => "the HMAC is wrong",
            Self::JoinNotAllowed => "no more subflows are accepted",
            Self::NoMapping => "data came without a usable mapping (DSS)",
            Self::ChecksumFailed => "the DSS checksum is wrong",
            Self::ChecksumUnexpected => {
                "a DSS checksum is present or absent against what was negotiated"
            }
            Self::Aborted => "the application aborted",
            Self::ConnectionOver => "the connection is over",
            Self::AddressRemoved => "its address was removed",
            Self::BadHandshake => "a segment came that the handshake does not allow",
            Self::FailUnanswered => "MP_FAIL was not answered",
        })
    }
}

/// "nobody answered before the end of the run".
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SynsUnanswered => "SYNs with MP_CAPABLE were not answered",
            Self::Unanswered => "nobody answered before the end of the run",
            Self::NothingDelivered => "data was no longer delivered",
            Self::Event(label) => label,
        })
    }
}
