//! The workloads that simulators of this field are compared by, as worlds ready to run.
//!
//! A *hop* is one packet (data or acknowledgement) sent over one link; results are told per hop.

mod fat_tree;
mod worlds;

use sim_core::engine::world::World;
use sim_core::time::SimTime;

pub use fat_tree::short_flows;
pub use worlds::{idle_connections, mptcp_connections, tcp_flows, through_device};

/// A workload: a name and a world.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Its name: `w4-1000`.
    pub name: &'static str,
    /// Simulated seconds that it runs for.
    pub seconds: f64,
    /// Makes the world.
    build: fn() -> World,
}

impl Workload {
    /// The world, ready to run to the time given.
    #[must_use]
    pub fn world(&self, seconds: f64) -> (World, SimTime) {
        ((self.build)(), SimTime((seconds * 1e9) as u64))
    }
}

/// All of them: what `cargo bench` runs first, those that take minutes or gigabytes at the end.
pub const WORKLOADS: [Workload; 14] = [
    Workload { name: "w1", seconds: 60.0, build: || tcp_flows(1, 100_000_000, false) },
    Workload { name: "w2", seconds: 60.0, build: || mptcp_connections(1, false) },
    Workload { name: "w3-sep", seconds: 10.0, build: || mptcp_connections(100, false) },
    Workload { name: "w3-shared", seconds: 10.0, build: || mptcp_connections(100, true) },
    Workload { name: "w4-1", seconds: 10.0, build: || tcp_flows(1, 10_000_000, false) },
    Workload { name: "w4-10", seconds: 10.0, build: || tcp_flows(10, 10_000_000, false) },
    Workload { name: "w4-100", seconds: 10.0, build: || tcp_flows(100, 10_000_000, false) },
    Workload { name: "w4-1000", seconds: 10.0, build: || tcp_flows(1000, 10_000_000, false) },
    Workload { name: "w4-1000-shared", seconds: 10.0, build: || tcp_flows(1000, 10_000_000, true) },
    Workload { name: "w4-10000", seconds: 2.0, build: || tcp_flows(10_000, 10_000_000, false) },
    Workload { name: "idle-1000", seconds: 10.0, build: || idle_connections(1000) },
    Workload { name: "idle-10000", seconds: 10.0, build: || idle_connections(10_000) },
    Workload { name: "million-10000", seconds: 1000.0, build: || short_flows(10_000) },
    Workload { name: "million", seconds: 1000.0, build: || short_flows(1_000_000) },
];

/// Which of them `cargo bench` leaves out unless asked: they take minutes, or gigabytes.
pub const LARGE: [&str; 3] = ["w4-10000", "idle-10000", "million"];
