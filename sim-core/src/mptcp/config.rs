//! Settings of a host's TCP and MPTCP.

use std::net::IpAddr;

use super::keepalive::Keepalive;
use super::small_segments::SmallSegments;
use crate::time::SimDuration;
use crate::units::ByteSize;

/// Settings of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostConfig {
    /// How it speaks.
    pub profile: Profile,
    /// Who opens further subflows, and where.
    pub path_manager: PathManagerConfig,
    /// Which subflow sends next.
    pub scheduler: SchedulerKind,
    /// Congestion control of every subflow.
    pub congestion: CongestionKind,
    /// Ask for DSS checksums (A flag of MP_CAPABLE).
    pub checksum: bool,
    /// Offer TCP timestamps (RFC 7323).
    pub timestamps: bool,
    /// Offer SACK (RFC 2018).
    pub sack: bool,
    /// Offer window scaling (RFC 7323).
    pub window_scaling: bool,
    /// Acknowledge every segment at once instead of every second one.
    pub quick_ack: bool,
    /// Whether what does not fill a segment waits for more.
    pub small_segments: SmallSegments,
    /// Largest amount of written data that waits to be acknowledged; in Linux the memory of each subflow's buffer
    /// (`tcp_wmem`).
    pub send_buffer: ByteSize,
    /// Largest amount of received data that waits to be read or put in order.
    pub receive_buffer: ByteSize,
    /// Begin with a window of 64 KiB and let it grow with what a round trip delivers, up to
    /// `receive_buffer` (Linux's `tcp_moderate_rcvbuf`); else the whole buffer at once.
    pub receive_autotuning: bool,
    /// Initial congestion window, in segments (RFC 6928).
    pub initial_window: u32,
    /// Smallest retransmission timeout (Linux: 200 ms; RFC 6298: 1 s).
    pub rto_min: SimDuration,
    /// Probes of silent peers; none are sent without (the sockets API: `SO_KEEPALIVE`).
    pub keepalive: Option<Keepalive>,
    /// `net.ipv4.tcp_mtu_probing`: what a host does about paths that drop long segments without a word.
    pub mtu_probing: MtuProbing,
    /// `net.mptcp.stale_loss_cnt`: retransmission timeouts without progress after which a subflow is
    /// not used while another one is.
    pub stale_loss_count: u32,
    /// `net.mptcp.syn_retrans_before_tcp_fallback`: SYNs with MP_CAPABLE that are sent again before
    /// one without is.
    pub syn_retries_before_fallback: u32,
    /// `net.mptcp.blackhole_timeout`: how long a host does not offer MPTCP after a SYN without it got
    /// through where those with it had vanished; doubled each time. Zero: it does not remember.
    pub blackhole_timeout: SimDuration,
    /// `net.mptcp.add_addr_timeout`: how long an ADD_ADDR waits for its echo.
    pub add_addr_timeout: SimDuration,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            profile: Profile::Rfc8684,
            path_manager: PathManagerConfig::default(),
            scheduler: SchedulerKind::MinRtt,
            congestion: CongestionKind::Cubic,
            checksum: false,
            timestamps: true,
            sack: true,
            window_scaling: true,
            quick_ack: false,
            small_segments: SmallSegments::AtOnce,
            send_buffer: ByteSize(4 << 20),
            receive_buffer: ByteSize(6 << 20),
            receive_autotuning: true,
            initial_window: 10,
            rto_min: SimDuration::from_millis(200),
            keepalive: None,
            mtu_probing: MtuProbing::Never,
            stale_loss_count: 4,
            syn_retries_before_fallback: 2,
            blackhole_timeout: SimDuration::from_secs(3600),
            add_addr_timeout: SimDuration::from_secs(120),
        }
    }
}

impl HostConfig {
    /// What a Linux host is whose settings are these, as far as Linux has them: its profile and its
    /// scheduler are its own, and so are its congestion controls ([`CongestionKind::in_linux`]). A host
    /// that speaks plain TCP goes on to.
    #[must_use]
    pub fn in_linux(self) -> Self {
        let profile =
            if self.profile == Profile::TcpOnly { Profile::TcpOnly } else { Profile::Linux6 };
        let congestion = self.congestion.in_linux();
        Self { profile, scheduler: SchedulerKind::Linux, congestion, ..self }
    }
}

/// How a host speaks: which RFC, with which departures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Profile {
    /// MPTCP version 0, as RFC 6824 says.
    Rfc6824,
    /// MPTCP version 1, as RFC 8684 says.
    Rfc8684,
    /// MPTCP version 1 as Linux 6.x does it, its departures from the RFC included.
    Linux6,
    /// Plain TCP.
    TcpOnly,
}

/// What a host does about paths that drop long segments without a word (RFC 4821, RFC 8899).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum MtuProbing {
    /// Nothing: Linux's default.
    Never,
    /// It sends shorter segments once several timeouts in a row look like a black hole.
    AfterBlackHole,
}

/// Who opens further subflows, and where (RFC 8684 §3.4 leaves the policy to the host).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathManagerConfig {
    /// The policy.
    pub kind: PathManagerKind,
    /// Own addresses from which this host opens subflows; `None`: all of them.
    pub subflow: Option<Vec<IpAddr>>,
    /// Own addresses to announce by ADD_ADDR.
    pub signal: Vec<IpAddr>,
    /// TCP port in the announcements (RFC 8684 §3.4.1); `None`: that of the first subflow.
    pub signal_port: Option<u16>,
    /// Own addresses whose subflows are opened as backup.
    pub backup: Vec<IpAddr>,
    /// Most subflows besides the first that this host opens or accepts.
    pub max_subflows: u32,
    /// Most announced addresses that this host joins to.
    pub max_add_addr_accepted: u32,
    /// C flag: ask the peer not to join the address of the first subflow.
    pub no_join_to_initial: bool,
}

impl Default for PathManagerConfig {
    fn default() -> Self {
        Self {
            kind: PathManagerKind::FullMesh,
            subflow: None,
            signal: Vec::new(),
            signal_port: None,
            backup: Vec::new(),
            max_subflows: 8,
            max_add_addr_accepted: 8,
            no_join_to_initial: false,
        }
    }
}

/// Path-manager policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathManagerKind {
    /// Opens nothing.
    None,
    /// The client opens a subflow from each of its addresses to each address of the server that it
    /// knows, the address family the same.
    FullMesh,
    /// The client opens `n` subflows in all between the first pair of addresses.
    NdiffPorts(u32),
    /// Linux's in-kernel manager with `subflow` endpoints: from each own address one subflow to the
    /// server's first address; from a free own address to each announced address.
    Endpoints,
}

/// Schedulers (PROTOCOL §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SchedulerKind {
    /// Lowest smoothed RTT among those with room in the congestion window.
    MinRtt,
    /// minRTT with opportunistic retransmission and penalisation.
    MinRttOpportunistic,
    /// minRTT with opportunistic retransmission, without penalisation.
    MinRttRetransmitting,
    /// In turn.
    RoundRobin,
    /// Everything on every subflow.
    Redundant,
    /// BLEST (Ferlin et al., 2016).
    Blest,
    /// ECF (Lim et al., 2017).
    Ecf,
    /// Linux's own since 5.7: least time to drain what is queued.
    Linux,
}

/// Congestion control algorithms (PROTOCOL §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CongestionKind {
    /// NewReno (RFC 5681, RFC 6582), each subflow for itself.
    Reno,
    /// CUBIC (RFC 9438), each subflow for itself.
    Cubic,
    /// BBR version 1, each subflow for itself.
    Bbr,
    /// Linked increases (RFC 6356).
    Lia,
    /// Opportunistic linked increases (Khalili et al., 2012).
    Olia,
    /// Balanced linked adaptation (Peng et al., 2014).
    Balia,
    /// Weighted Vegas (Cao et al., 2012).
    WVegas,
}

impl CongestionKind {
    /// The congestion control of Linux that stands for it: itself, or for the coupled ones, which exist in
    /// no Linux, what each subflow does by itself.
    #[must_use]
    pub const fn in_linux(self) -> Self {
        match self {
            Self::Reno | Self::Cubic | Self::Bbr => self,
            Self::Lia | Self::Olia | Self::Balia | Self::WVegas => Self::Reno,
        }
    }
}
