//! Settings of a host.

use std::num::{NonZeroU16, NonZeroU32};

use serde::Deserialize;
use sim_core::mptcp::config::{
    CongestionKind, HostConfig, MtuProbing, PathManagerConfig, PathManagerKind, Profile,
    SchedulerKind,
};
use sim_core::mptcp::keepalive::Keepalive;
use sim_core::mptcp::small_segments::SmallSegments;
use sim_core::time::SimDuration;
use sim_core::units::ByteSize;

/// Settings of a host; what is not given is as the profile has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostSettings {
    /// In a live run, this host is the kernel's and those without it are simulated (where no host has
    /// it, all are the kernel's). In a simulation it stands for the profile `Linux6`. May be written as
    /// the bare word: `(kernel, checksum: true)`.
    pub kernel: bool,
    /// How it speaks; none: `Rfc8684`.
    pub profile: Option<Profile>,
    /// Who opens further subflows; none: `FullMesh` (`Linux6`: `Endpoints`).
    pub path_manager: PathManager,
    /// Own addresses from which subflows are opened, each as in `signal`; none: all.
    pub subflow: Option<Vec<String>>,
    /// Own addresses to announce by ADD_ADDR, each as the name of its path or link, or as it is;
    /// none: those of another family than the first path's.
    pub signal: Option<Vec<String>>,
    /// TCP port in the announcements; none: that of the first subflow.
    pub signal_port: Option<NonZeroU16>,
    /// Own addresses whose subflows are opened as backup, each as in `signal`.
    pub backup: Vec<String>,
    /// Most subflows besides the first; none: 8.
    pub max_subflows: Option<u32>,
    /// Most announced addresses that are joined to; none: 8.
    pub max_add_addr_accepted: Option<u32>,
    /// C flag: ask the peer not to join the address of the first subflow; none: false.
    pub no_join_to_initial: Option<bool>,
    /// Which subflow sends next; none: `MinRtt` (`Linux6`: `Linux`).
    pub scheduler: Option<SchedulerKind>,
    /// Congestion control of every subflow; none: `Cubic`.
    pub congestion: Option<CongestionKind>,
    /// Ask for DSS checksums; none: false.
    pub checksum: Option<bool>,
    /// Offer TCP timestamps; none: true.
    pub timestamps: Option<bool>,
    /// Offer SACK; none: true.
    pub sack: Option<bool>,
    /// Offer window scaling; none: true.
    pub window_scaling: Option<bool>,
    /// Acknowledge every segment at once; none: false.
    pub quick_ack: Option<bool>,
    /// Whether what does not fill a segment waits for more: `AtOnce` (no), `Nagle` or `Cork`; none: `AtOnce`.
    pub small_segments: Option<SmallSegments>,
    /// Largest amount of written data that waits to be acknowledged, with `Linux6` the memory of each subflow
    /// (`tcp_wmem`); none: 4 MiB.
    pub send_buffer: Option<ByteSize>,
    /// Largest amount of received data that waits to be read or put in order; none: 6 MiB.
    pub receive_buffer: Option<ByteSize>,
    /// Begin with a window of 64 KiB and let it grow with what arrives; none: true.
    pub receive_autotuning: Option<bool>,
    /// Initial congestion window, in segments; none: 10.
    pub initial_window: Option<u32>,
    /// Smallest retransmission timeout; none: 200 ms.
    pub rto_min: Option<SimDuration>,
    /// Probes of silent peers; none: no probes.
    pub keepalive: Option<KeepaliveSettings>,
    /// Whether shorter segments are tried after timeouts that look like a path which drops long ones
    /// without a word: `Never` or `AfterBlackHole`; none: `Never`.
    pub mtu_probing: Option<MtuProbing>,
    /// Retransmission timeouts without progress after which a subflow rests; none: 4.
    pub stale_loss_count: Option<u32>,
    /// SYNs with MP_CAPABLE that are sent again before one without is; none: 2.
    pub syn_retries_before_fallback: Option<u32>,
    /// How long MPTCP is not offered after SYNs with it had vanished; none: 1 h.
    pub blackhole_timeout: Option<SimDuration>,
    /// How long an ADD_ADDR waits for its echo; none: 120 s.
    pub add_addr_timeout: Option<SimDuration>,
}

/// Probes of silent peers; what is not given is as in Linux.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeepaliveSettings {
    /// Silence before the first probe; none: 2 h.
    pub idle: Option<SimDuration>,
    /// Time between probes; none: 75 s.
    pub interval: Option<SimDuration>,
    /// Unanswered probes after which a subflow is given up; none: 9.
    pub probes: Option<NonZeroU32>,
}

impl KeepaliveSettings {
    fn keepalive(self) -> Keepalive {
        Keepalive {
            idle: self.idle.unwrap_or(SimDuration::from_secs(7_200)),
            interval: self.interval.unwrap_or(SimDuration::from_secs(75)),
            probes: self.probes.map_or(9, NonZeroU32::get),
        }
    }
}

/// Who opens further subflows. Not an optional field: RON would take the policy `None` for "not given".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum PathManager {
    /// As the profile has it; not to be written.
    #[default]
    #[serde(skip)]
    OfProfile,
    /// Nobody.
    None,
    /// The client, from each of its addresses to each address of the server that it knows.
    FullMesh,
    /// The client, so many subflows in all between the first pair of addresses.
    NdiffPorts(u32),
    /// Linux's in-kernel manager.
    Endpoints,
}

impl PathManager {
    fn kind(self, profile: Profile) -> PathManagerKind {
        match self {
            Self::OfProfile if profile == Profile::Linux6 => PathManagerKind::Endpoints,
            Self::OfProfile | Self::FullMesh => PathManagerKind::FullMesh,
            Self::None => PathManagerKind::None,
            Self::NdiffPorts(subflows) => PathManagerKind::NdiffPorts(subflows),
            Self::Endpoints => PathManagerKind::Endpoints,
        }
    }
}

impl HostSettings {
    /// The settings of the simulated host. Addresses (`subflow`, `signal`, `backup`) are the topology's to fill in.
    #[must_use]
    pub fn config(&self) -> HostConfig {
        let unset = if self.kernel { Profile::Linux6 } else { Profile::Rfc8684 };
        let profile = self.profile.unwrap_or(unset);
        let linux = profile == Profile::Linux6;
        let plain = HostConfig::default();
        let manager = PathManagerConfig::default();
        let scheduler = if linux { SchedulerKind::Linux } else { SchedulerKind::MinRtt };
        HostConfig {
            profile,
            path_manager: PathManagerConfig {
                kind: self.path_manager.kind(profile),
                max_subflows: self.max_subflows.unwrap_or(manager.max_subflows),
                max_add_addr_accepted: self
                    .max_add_addr_accepted
                    .unwrap_or(manager.max_add_addr_accepted),
                signal_port: self.signal_port.map(NonZeroU16::get),
                no_join_to_initial: self.no_join_to_initial.unwrap_or(manager.no_join_to_initial),
                ..manager
            },
            scheduler: self.scheduler.unwrap_or(scheduler),
            congestion: self.congestion.unwrap_or(plain.congestion),
            checksum: self.checksum.unwrap_or(plain.checksum),
            timestamps: self.timestamps.unwrap_or(plain.timestamps),
            sack: self.sack.unwrap_or(plain.sack),
            window_scaling: self.window_scaling.unwrap_or(plain.window_scaling),
            quick_ack: self.quick_ack.unwrap_or(plain.quick_ack),
            small_segments: self.small_segments.unwrap_or(plain.small_segments),
            send_buffer: self.send_buffer.unwrap_or(plain.send_buffer),
            receive_buffer: self.receive_buffer.unwrap_or(plain.receive_buffer),
            receive_autotuning: self.receive_autotuning.unwrap_or(plain.receive_autotuning),
            initial_window: self.initial_window.unwrap_or(plain.initial_window),
            rto_min: self.rto_min.unwrap_or(plain.rto_min),
            keepalive: self.keepalive.map(KeepaliveSettings::keepalive),
            mtu_probing: self.mtu_probing.unwrap_or(plain.mtu_probing),
            stale_loss_count: self.stale_loss_count.unwrap_or(plain.stale_loss_count),
            syn_retries_before_fallback: self
                .syn_retries_before_fallback
                .unwrap_or(plain.syn_retries_before_fallback),
            blackhole_timeout: self.blackhole_timeout.unwrap_or(plain.blackhole_timeout),
            add_addr_timeout: self.add_addr_timeout.unwrap_or(plain.add_addr_timeout),
        }
    }
}
