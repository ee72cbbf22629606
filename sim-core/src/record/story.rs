//! The story of a connection: facts that its two endpoints saw, each with the packet that told them.

use std::net::SocketAddr;

use crate::time::SimTime;
use crate::wire::mptcp::ResetReason;
use crate::wire::packet::PacketUid;

/// Which end of a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The end that opened the connection.
    Client,
    /// The end that was called.
    Server,
}

impl End {
    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// One fact of the story.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When.
    pub at: SimTime,
    /// Who saw or did it.
    pub end: End,
    /// Index of the subflow in [`super::ConnectionRecord::subflows`], where one is concerned.
    pub subflow: Option<usize>,
    /// The packet that told, or that was sent.
    pub packet: Option<PacketUid>,
    /// What.
    pub fact: Fact,
}

/// What an endpoint saw or did.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A SYN was sent (each retransmission again).
    SynSent {
        /// What it offered: MP_CAPABLE, MP_JOIN or nothing.
        offer: Offer,
        /// 0 for the first.
        attempt: u32,
    },
    /// A SYN came in.
    SynReceived {
        /// What it still offered on arrival.
        offer: Offer,
    },
    /// A SYN/ACK was sent.
    SynAckSent {
        /// What it answered.
        offer: Offer,
    },
    /// A SYN/ACK came in.
    SynAckReceived {
        /// What it still answered on arrival.
        offer: Offer,
    },
    /// The subflow's handshake is complete on this end.
    SubflowEstablished,
    /// MPTCP is certain on this end (RFC 8684 §3.1: the peer has shown that it has both keys).
    FullyEstablished,
    /// This end goes on as plain TCP.
    FellBack(FallbackReason),
    /// This end never offers MPTCP.
    SpeaksPlainTcp,
    /// An address of the peer became known.
    AddressLearnt {
        /// Address and port.
        address: SocketAddr,
        /// Its ID.
        id: u8,
    },
    /// An address of this end was announced.
    AddressAnnounced {
        /// Address and port.
        address: SocketAddr,
        /// Its ID.
        id: u8,
    },
    /// The peer withdrew an address.
    AddressRemoved {
        /// Its ID.
        id: u8,
    },
    /// The subflow was given up after so many unanswered SYNs or segments.
    TimedOut,
    /// The subflow was reset by this end.
    ResetSent {
        /// Why.
        why: ResetCause,
        /// The MP_TCPRST reason sent, if any.
        reason: Option<ResetReason>,
    },
    /// An RST came in.
    ResetReceived {
        /// The MP_TCPRST reason, if it carried one.
        reason: Option<ResetReason>,
    },
    /// No local port was free: all are in use or in TIME-WAIT.
    NoPort,
    /// A router told that the handshake's packet cannot reach the peer (ICMP).
    Unreachable,
    /// Segments over the subflow are shorter from now on.
    PathMtuLowered {
        /// The largest IP packet, in bytes.
        mtu: u32,
        /// A router told it by ICMP; else timeouts looked like a path that drops long packets.
        told: bool,
    },
    /// A retransmission timeout.
    RetransmissionTimeout {
        /// 1 for the first in a row.
        backoff: u32,
    },
    /// Data that was sent over this subflow is sent again over another.
    Reinjected {
        /// Bytes.
        bytes: u64,
    },
    /// The subflow was closed, for one of its addresses was withdrawn.
    SubflowLeft,
    /// The subflow is considered unusable until it shows life.
    SubflowStale,
    /// The subflow is usable again.
    SubflowRecovered,
    /// A DSS checksum did not fit the data.
    ChecksumFailed {
        /// Data sequence number of the mapping.
        dsn: u64,
    },
    /// MP_FAIL sent.
    FailSent,
    /// MP_FAIL received.
    FailReceived,
    /// The infinite mapping was sent.
    InfiniteMappingSent,
    /// The infinite mapping was received.
    InfiniteMappingReceived,
    /// MP_FASTCLOSE sent or received.
    FastClose {
        /// True when this end sent it.
        sent: bool,
    },
    /// MP_PRIO received.
    PriorityChanged {
        /// The peer's wish.
        backup: bool,
    },
    /// First byte that was not the byte written.
    WrongByte {
        /// Offset in the stream.
        offset: u64,
    },
    /// DATA_FIN (or FIN, for plain TCP) sent.
    FinSent,
    /// DATA_FIN (or FIN) received in order: the peer will write no more.
    FinReceived,
    /// Everything written was acknowledged and both directions are closed.
    Closed,
    /// The connection ended in an error: no subflow left, reset, or never connected.
    Aborted,
}

/// What a SYN or SYN/ACK carries of MPTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// No option 30 that the reader understands.
    Nothing,
    /// MP_CAPABLE of this version.
    Capable {
        /// 0 or 1.
        version: u8,
    },
    /// MP_JOIN.
    Join,
}

/// Why an endpoint goes on as plain TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackReason {
    /// This end does not speak MPTCP.
    NotSpoken,
    /// The SYN that came in had no (usable) MP_CAPABLE.
    SynWithoutCapable,
    /// The SYN/ACK that came in had no (usable) MP_CAPABLE.
    SynAckWithoutCapable,
    /// Neither the third ACK nor the first data carried MP_CAPABLE.
    AckWithoutCapable,
    /// The first data came without a mapping.
    DataWithoutMapping,
    /// The first data was acknowledged without a DATA_ACK.
    AckWithoutDataAck,
    /// SYNs with MP_CAPABLE were not answered; a SYN without was sent.
    SynUnanswered,
    /// MPTCP is off for a while because earlier SYNs with MP_CAPABLE vanished.
    Blackhole,
    /// A DSS checksum failed on the only subflow: MP_FAIL and the infinite mapping.
    ChecksumFailed,
    /// The peer sent MP_FAIL or the infinite mapping.
    PeerFellBack,
    /// A mapping did not fit the data, before MPTCP was certain.
    MappingCorrupt,
    /// Both ends sent a SYN (simultaneous open), which MPTCP does not know.
    SimultaneousOpen,
    /// The versions of the two ends do not meet.
    VersionMismatch,
}

/// Why an endpoint reset a subflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetCause {
    /// A SYN for a port on which nobody listens, or a segment of no known connection.
    NoSocket,
    /// MP_JOIN with a token of no known connection.
    UnknownToken,
    /// The SYN/ACK of a join came without MP_JOIN.
    SynAckWithoutJoin,
    /// The third ACK of a join came without MP_JOIN.
    AckWithoutJoin,
    /// The HMAC of a join is wrong.
    WrongHmac,
    /// Joins are not (or no longer) accepted: limit, fallback, prohibited address.
    JoinNotAllowed,
    /// Data without a usable mapping.
    NoMapping,
    /// A DSS checksum failed.
    ChecksumFailed,
    /// Checksum present or absent against what was negotiated.
    ChecksumUnexpected,
    /// The application aborted.
    Aborted,
    /// The connection is over and the subflow with it.
    ConnectionOver,
    /// The peer withdrew the address.
    AddressRemoved,
    /// Unacceptable segment during the handshake.
    BadHandshake,
    /// No answer to MP_FAIL in time.
    FailUnanswered,
}
