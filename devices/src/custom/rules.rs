//! Rules as a scenario file writes them: `(when: (segment: [Syn], option: Join), do: Nop)`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use sim_core::rng::Probability;
use sim_core::time::SimDuration;
use sim_core::units::ByteSize;
use sim_core::wire::mptcp::Subtype;
use sim_core::wire::options::{RawOption, kind};
use sim_core::wire::packet::Flags;

use crate::steps::pieces::Keep;

/// One rule: which packets, and what is done to them. Rules are applied in order, each to what the
/// ones before it have left of the packet.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomRule {
    /// Which packets; all when absent.
    #[serde(default)]
    pub when: When,
    /// What is done.
    #[serde(rename = "do")]
    pub action: Do,
}

/// Which packets a rule is for: everything given must hold.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// On this path, of those that the device stands in.
    pub path: Option<String>,
    /// In this direction.
    pub direction: Option<Direction>,
    /// Of one of these kinds; any when empty.
    pub segment: Vec<Segment>,
    /// With all of these TCP flags set; any when empty.
    pub flags: Vec<Flag>,
    /// From or to this port.
    pub port: Option<u16>,
    /// With this option.
    pub option: Option<WithOption>,
    /// With this text in the payload of the packet.
    pub contains: Option<String>,
    /// With this text in the stream that the connection's packets carry in order, completed by this
    /// packet.
    pub stream_contains: Option<String>,
    /// Once all of these are reached.
    pub after: Reached,
    /// Until one of these is reached.
    pub until: Reached,
    /// The first so many packets for which all else holds are left out.
    pub skip: u64,
    /// Of the rest, the first of every so many; 1: each.
    pub every: Every,
    /// At most so many times.
    pub times: Option<u64>,
    /// What `skip`, `every` and `times` count.
    pub count: Count,
    /// With this probability.
    pub chance: Option<Probability>,
}

/// Direction of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Direction {
    /// From the clients' side.
    ToServer,
    /// From the servers' side.
    ToClient,
}

/// A TCP flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Flag {
    /// Synchronise.
    Syn,
    /// The acknowledgement counts.
    Ack,
    /// No more data.
    Fin,
    /// Reset.
    Rst,
    /// Push.
    Psh,
    /// The urgent pointer counts.
    Urg,
    /// ECN echo.
    Ece,
    /// Congestion window reduced.
    Cwr,
}

impl Flag {
    /// Its bit.
    #[must_use]
    pub const fn bit(self) -> Flags {
        match self {
            Self::Syn => Flags::SYN,
            Self::Ack => Flags::ACK,
            Self::Fin => Flags::FIN,
            Self::Rst => Flags::RST,
            Self::Psh => Flags::PSH,
            Self::Urg => Flags::URG,
            Self::Ece => Flags::ECE,
            Self::Cwr => Flags::CWR,
        }
    }
}

/// Kind of a segment, by its flags, its payload and its place in the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Segment {
    /// SYN without ACK.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// The bare acknowledgement that completes the handshake, before any data; repeated, too.
    ThirdAck,
    /// Anything after these three.
    AfterHandshake,
    /// With the first byte of payload that its sender sends; retransmissions, too.
    FirstData,
    /// With payload.
    Data,
    /// Without payload, SYN, FIN, RST.
    PureAck,
    /// With FIN.
    Fin,
    /// With RST.
    Rst,
}

/// An option, by kind or by MPTCP subtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum WithOption {
    /// Option 30, any subtype.
    Option30,
    /// MP_CAPABLE.
    Capable,
    /// MP_JOIN.
    Join,
    /// DSS.
    Dss,
    /// ADD_ADDR.
    AddAddr,
    /// REMOVE_ADDR.
    RemoveAddr,
    /// MP_PRIO.
    Prio,
    /// MP_FAIL.
    Fail,
    /// MP_FASTCLOSE.
    FastClose,
    /// MP_TCPRST.
    TcpRst,
    /// This kind.
    Kind(u8),
    /// Any kind but end of list and padding.
    Any,
}

impl WithOption {
    /// True when `option` is meant.
    #[must_use]
    pub fn is(self, option: &RawOption<'_>) -> bool {
        let subtype = |wanted| Subtype::of(option) == Some(wanted);
        match self {
            Self::Option30 => option.kind == kind::MPTCP,
            Self::Capable => subtype(Subtype::Capable),
            Self::Join => subtype(Subtype::Join),
            Self::Dss => subtype(Subtype::Dss),
            Self::AddAddr => subtype(Subtype::AddAddr),
            Self::RemoveAddr => subtype(Subtype::RemoveAddr),
            Self::Prio => subtype(Subtype::Prio),
            Self::Fail => subtype(Subtype::Fail),
            Self::FastClose => subtype(Subtype::FastClose),
            Self::TcpRst => subtype(Subtype::TcpRst),
            Self::Kind(wanted) => option.kind == wanted,
            Self::Any => !matches!(option.kind, kind::EOL | kind::NOP),
        }
    }
}

/// Marks in the life of a connection (of a subflow, for MPTCP) or of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reached {
    /// Payload that both ends have acknowledged.
    pub acked: Option<ByteSize>,
    /// Payload that has passed, retransmissions included.
    pub bytes: Option<ByteSize>,
    /// Packets that have passed.
    pub packets: Option<u64>,
    /// Packets with payload that have passed.
    pub data_packets: Option<u64>,
    /// Time since the connection's first packet.
    pub age: Option<SimDuration>,
    /// Time since the start of the run.
    pub time: Option<SimDuration>,
}

/// What counts are kept for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Count {
    /// Each connection (each subflow) by itself.
    #[default]
    PerConnection,
    /// All packets through the device together.
    Overall,
}

/// The first of every so many; at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Every(pub u64);

impl Default for Every {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u64> for Every {
    type Error = &'static str;
    fn try_from(every: u64) -> Result<Self, Self::Error> {
        if every == 0 { Err("every: 0 means nothing; 1 is each packet") } else { Ok(Self(every)) }
    }
}

/// What a rule does to a packet.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Do {
    /// Overwrite the option that `when` names (option 30 when it names none) with NOPs.
    Nop,
    /// Overwrite it with EOL.
    Eol,
    /// Cut it out.
    Remove,
    /// Drop the packet.
    Drop,
    /// Send an RST; the packet itself goes on unless `drop` is set.
    Reset {
        /// To whom.
        #[serde(default)]
        to: To,
        /// With an MP_TCPRST that has this reason (RFC 8684 §3.6).
        #[serde(default)]
        reason: Option<u8>,
        /// The MP_TCPRST's T flag: the condition may pass.
        #[serde(default)]
        transient: bool,
        /// Drop the packet that brought it about.
        #[serde(default)]
        drop: bool,
    },
    /// Shift the sequence numbers of new connections, each direction by its own amount. Matched on
    /// each connection's first packet.
    RandomiseIsn {
        /// False: SACK blocks keep the numbers of the other side.
        #[serde(default = "yes")]
        fix_sack: bool,
    },
    /// Give new connections another source. Matched on each connection's first packet.
    Nat {
        /// Source address; that of the packet when absent. Routes to it are the topology's part.
        #[serde(default)]
        address: Option<IpAddr>,
        /// First source port to give out; the packet's own port is kept when absent.
        #[serde(default)]
        port: Option<u16>,
    },
    /// Send new connections to another server. Matched on each connection's first packet.
    Balance {
        /// Address and port of the server.
        to: SocketAddr,
        /// Its name in explanations.
        #[serde(default)]
        name: Option<String>,
    },
    /// Answer new connections in the server's place, with an MSS and no other option, and call the
    /// server once the client has acknowledged. Matched on each connection's first packet.
    SynProxy {},
    /// Change one byte of the payload, the length unchanged.
    Flip {
        /// Which, from 0; the last when the payload is shorter.
        #[serde(default)]
        at: u32,
    },
    /// Replace text in the payload, wherever `find` stands in it; lengths may differ, sequence
    /// numbers are kept in step.
    Replace {
        /// Text to look for.
        find: String,
        /// What to write instead.
        with: String,
    },
    /// Make the payload longer by so many bytes, and keep sequence numbers in step.
    Grow {
        /// Bytes.
        by: u16,
    },
    /// Make the payload shorter by so many bytes, and keep sequence numbers in step.
    Shrink {
        /// Bytes.
        by: u16,
    },
    /// Cut the segment in two.
    Split {
        /// After so many bytes of payload; in the middle when absent.
        #[serde(default)]
        at: Option<u32>,
        /// Which part has the MPTCP options.
        #[serde(default)]
        options: Keep,
    },
    /// Wait for the segment that continues this one and send both as one.
    Coalesce {
        /// Whose options the merged segment has.
        options: Keep,
        /// How long to wait; then the segment goes on alone.
        #[serde(default = "coalescing_wait")]
        wait: SimDuration,
    },
    /// Keep the packet back for this long; others overtake it.
    Hold {
        /// How long.
        time: SimDuration,
    },
    /// Acknowledge data in the receiver's place as soon as it is seen, in order.
    AckAhead {
        /// Probability that the data is lost after that.
        #[serde(default)]
        lose: Probability,
    },
    /// Lower the MSS option to this.
    ClampMss {
        /// Bytes.
        to: u16,
    },
    /// Lower the window field to this (unscaled).
    Window {
        /// Greatest value of the field.
        to: u16,
    },
    /// Set the TTL or hop limit.
    Ttl {
        /// To this.
        to: u8,
    },
    /// Set the IP identification.
    IpId {
        /// To this.
        to: u16,
    },
}

impl Do {
    /// True for what is decided once for a whole connection, on its first packet.
    #[must_use]
    pub const fn is_for_connections(&self) -> bool {
        matches!(
            self,
            Self::RandomiseIsn { .. } | Self::Nat { .. } | Self::Balance { .. } | Self::SynProxy {}
        )
    }
}

/// To whom an RST is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum To {
    /// To both ends.
    #[default]
    Both,
    /// To the client.
    Client,
    /// To the server.
    Server,
}

const fn yes() -> bool {
    true
}

const fn coalescing_wait() -> SimDuration {
    SimDuration::from_millis(10)
}

impl fmt::Display for Do {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nop => f.write_str("replace the option by NOPs"),
            Self::Eol => f.write_str("replace the option by EOL"),
            Self::Remove => f.write_str("remove the option"),
            Self::Drop => f.write_str("drop"),
            Self::Reset { to: To::Both, .. } => f.write_str("reset both ends"),
            Self::Reset { to: To::Client, .. } => f.write_str("reset the client"),
            Self::Reset { to: To::Server, .. } => f.write_str("reset the server"),
            Self::RandomiseIsn { fix_sack: true } => f.write_str("randomise sequence numbers"),
            Self::RandomiseIsn { fix_sack: false } => {
                f.write_str("randomise sequence numbers, SACK blocks left as they are")
            }
            Self::Nat { .. } => f.write_str("translate the source"),
            Self::Balance { to, .. } => write!(f, "send to {to}"),
            Self::SynProxy {} => f.write_str("answer the SYN"),
            Self::Flip { .. } => f.write_str("change a byte of the payload"),
            Self::Replace { find, with } => {
                write!(f, "replace {find:?} by {with:?} in the payload")
            }
            Self::Grow { by } => write!(f, "lengthen the payload by {by} bytes"),
            Self::Shrink { by } => write!(f, "shorten the payload by {by} bytes"),
            Self::Split { .. } => f.write_str("split the segment"),
            Self::Coalesce { .. } => f.write_str("coalesce segments"),
            Self::Hold { time } => write!(f, "hold back for {time}"),
            Self::AckAhead { .. } => f.write_str("acknowledge ahead of the receiver"),
            Self::ClampMss { to } => write!(f, "clamp the MSS to {to}"),
            Self::Window { to } => write!(f, "clamp the window to {to}"),
            Self::Ttl { to } => write!(f, "set the TTL to {to}"),
            Self::IpId { to } => write!(f, "set the IP identification to {to}"),
        }
    }
}

impl fmt::Display for When {
    /// In words, for explanations: ` in SYN/ACK with Join on path lte`; empty when nothing is asked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.segment.is_empty() {
            write!(f, " in {:?}", self.segment)?;
        }
        if !self.flags.is_empty() {
            write!(f, " with {:?}", self.flags)?;
        }
        if let Some(port) = self.port {
            write!(f, " of port {port}")?;
        }
        if let Some(option) = self.option {
            write!(f, " with {option:?}")?;
        }
        if let Some(text) = self.contains.as_ref().or(self.stream_contains.as_ref()) {
            write!(f, " with {text:?}")?;
        }
        match self.direction {
            Some(Direction::ToServer) => f.write_str(" to the server")?,
            Some(Direction::ToClient) => f.write_str(" to the client")?,
            None => {}
        }
        if let Some(path) = &self.path {
            write!(f, " on path {path}")?;
        }
        if self.after != Reached::default() {
            write!(f, " after {}", self.after)?;
        }
        if self.until != Reached::default() {
            write!(f, " until {}", self.until)?;
        }
        if self.skip > 0 {
            write!(f, ", the first {} left out", self.skip)?;
        }
        if self.every.0 > 1 {
            write!(f, ", one in {}", self.every.0)?;
        }
        match self.times {
            Some(1) => f.write_str(", once"),
            Some(times) => write!(f, ", {times} times"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.acked.map(|b| format!("{b} acknowledged")),
            self.bytes.map(|b| format!("{b} of payload")),
            self.packets.map(|n| format!("{n} packets")),
            self.data_packets.map(|n| format!("{n} data packets")),
            self.age.map(|t| format!("{t} of the connection")),
            self.time.map(|t| format!("{t} of the run")),
        ];
        let said: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(&said.join(" and "))
    }
}
