//! The scenario file, as types.

mod event;
mod expectation;
mod host;
mod named;
mod traffic;

use devices::DeviceSpec;
use serde::Deserialize;
use sim_core::time::SimDuration;
use topologies::shape::Topology;

pub use event::{Event, EventAction};
pub use expectation::{Expectation, ExpectedOutcome, ExpectedVerdict};
pub use host::{HostSettings, PathManager};
pub use named::Named;
pub use traffic::{Command, DIALOGUE_MAX, Traffic};

/// A scenario: a network, devices in it, hosts, what they do, what happens to them, what must come out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in one line.
    pub title: String,
    /// The network.
    pub topology: Topology,
    /// Devices by name; topologies and events refer to them.
    #[serde(default)]
    pub devices: Named<DeviceSpec>,
    /// Settings of hosts by name; a host of the topology that is not named has the defaults.
    #[serde(default)]
    pub hosts: Named<HostSettings>,
    /// The connections.
    pub traffic: Vec<Traffic>,
    /// What happens while they run, in order of time.
    #[serde(default)]
    pub events: Vec<Event>,
    /// What must come out.
    #[serde(default)]
    pub expect: Vec<Expectation>,
    /// Seed of the run where the command gives none; none: 1.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The run ends here at the latest; none: when the traffic has had
    /// four times its own duration and a minute, or ten minutes where it has none.
    #[serde(default)]
    pub time_limit: Option<SimDuration>,
}

impl Scenario {
    /// The simulated time at which the run ends at the latest.
    #[must_use]
    pub fn limit(&self) -> SimDuration {
        /// What a connection may take that nobody limits.
        const UNLIMITED: SimDuration = SimDuration::from_secs(540);
        /// A stream that falls back to one of four paths still arrives.
        const SLOWER: u64 = 4;
        const MARGIN: SimDuration = SimDuration::from_secs(60);
        self.time_limit.unwrap_or_else(|| {
            let ends = self.traffic.iter().map(|traffic| {
                let planned = traffic.duration().map(|duration| duration * SLOWER);
                traffic.start() + planned.unwrap_or(UNLIMITED)
            });
            ends.max().unwrap_or(SimDuration::ZERO) + MARGIN
        })
    }
}
