//! What is drawn finely: kept only when a run is asked for it ([`crate::engine::world::World::observe`]).

use super::envelope::Envelope;
use crate::time::SimTime;

/// Connections beyond this many are not observed in detail.
pub const CONNECTIONS_MAX: usize = 16;
/// Stalls kept of a connection.
pub const STALLS_MAX: usize = 1000;

/// The details of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// One per path, in the record's order.
    pub paths: Vec<PathDetail>,
    /// One per connection, in the record's order; the first [`CONNECTIONS_MAX`].
    pub connections: Vec<ConnectionDetail>,
}

/// The queues of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathDetail {
    /// From client to server, then back.
    pub directions: [QueueDetail; 2],
}

/// The queues of all links of one direction of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueDetail {
    /// How long a packet sent now waits, in ns, of the link where it waits; as high as the longest.
    pub wait_ns: Envelope,
    /// The same at the moments when a packet was lost, whatever the reason.
    pub lost_at_ns: Envelope,
    /// Packets lost, whatever the reason.
    pub losses: u64,
}

/// One connection, in the direction in which more was delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionDetail {
    /// Bytes delivered in order so far; holds between stretches.
    pub delivered: Envelope,
    /// From and to of every time, from [`STALL_MIN_NS`] on, without a delivery while data waited; the
    /// first [`STALLS_MAX`].
    pub stalls: Vec<(SimTime, SimTime)>,
    /// One per subflow, in the record's order.
    pub subflows: Vec<SubflowDetail>,
}

/// A shorter time without a delivery is no stall but the way in which packets come.
pub const STALL_MIN_NS: u64 = 50_000_000;

/// The sender of one subflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubflowDetail {
    /// Congestion window, in bytes; holds between stretches.
    pub cwnd: Envelope,
    /// Smoothed round-trip time, in ns; holds between stretches.
    pub srtt_ns: Envelope,
    /// Offsets in the stream of the data that it sent as the first subflow to do so.
    pub first: Envelope,
    /// Offsets of what it sent again itself.
    pub again: Envelope,
    /// Offsets of what another subflow had sent before: reinjections.
    pub reinjected: Envelope,
    /// Bytes of those, over and over.
    pub reinjected_bytes: u64,
}
