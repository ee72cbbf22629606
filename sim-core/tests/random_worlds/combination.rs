//! What a random world is made of, and how it is built.

use std::net::{IpAddr, Ipv6Addr};

use sim_core::app::AppConfig;
use sim_core::engine::link::{Discipline, Jitter, LinkConfig, Loss, QueueLimit};
use sim_core::engine::world::{Action, ConnectionSpec, LinkId, LinkSpec, NodeId, World};
use sim_core::mptcp::config::{
    CongestionKind, HostConfig, PathManagerConfig, PathManagerKind, Profile, SchedulerKind,
};
use sim_core::mptcp::keepalive::Keepalive;
use sim_core::mptcp::small_segments::SmallSegments;
use sim_core::record::PathRecord;
use sim_core::rng::{Probability, Stream};
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};

use crate::mischief::{Mischief, Trick};

/// Draws with fewer words.
pub(crate) struct Draw(Stream);

impl Draw {
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        Self(Stream::new(seed, name))
    }

    /// A number in `from..=to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.0.below(to - from + 1)
    }

    /// True `n` times in a hundred.
    pub(crate) fn percent(&mut self, n: u64) -> bool {
        self.0.below(100) < n
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.0.below(all.len() as u64) as usize]
    }

    fn probability(&mut self, most_per_mille: u64) -> Probability {
        Probability::new(self.between(0, most_per_mille) as f64 / 1000.0).expect("below 1")
    }
}

/// The whole of a random world.
#[derive(Debug)]
pub(crate) struct Combination {
    seed: u64,
    paths: Vec<PathPlan>,
    client: HostConfig,
    server: HostConfig,
    pub(crate) work: Work,
    events: Vec<Event>,
}

#[derive(Debug)]
struct PathPlan {
    v6: bool,
    forward: LinkConfig,
    backward: LinkConfig,
    tricks: Vec<Trick>,
}

/// What the applications do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    Up(u64),
    Down(u64),
    UpThenDown { up: u64, down: u64, header: u64, wait_ms: u64, duplex: bool },
    Requests { request: u64, response: u64, count: u32 },
    Stream { kbps: u64, ms: u64, download: bool },
}

impl Work {
    fn draw(d: &mut Draw) -> Self {
        let bytes = [1, 1400, 20_000, 100_000, 300_000];
        let size = |d: &mut Draw| {
            let most = d.one_of(&bytes);
            d.between(1, most)
        };
        match d.between(0, 6) {
            0 | 1 => Self::Up(size(d)),
            2 | 3 => Self::Down(size(d)),
            4 => Self::UpThenDown {
                up: size(d),
                down: size(d),
                header: d.one_of(&[0, 0, 8]),
                wait_ms: d.one_of(&[0, 0, 30, 2000]),
                duplex: d.percent(40),
            },
            5 => Self::Requests {
                request: size(d) / 4 + 1,
                response: size(d) / 4 + 1,
                count: d.between(1, 8) as u32,
            },
            _ => Self::Stream {
                kbps: d.between(50, 2000),
                ms: d.between(100, 3000),
                download: d.percent(50),
            },
        }
    }

    /// Bytes to be delivered in both directions.
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Self::Up(n) | Self::Down(n) => n,
            Self::UpThenDown { up, down, header, .. } => up + down + header,
            Self::Requests { request, response, count } => (request + response) * u64::from(count),
            Self::Stream { kbps, ms, .. } => kbps * ms / 8,
        }
    }

    fn app(self) -> AppConfig {
        match self {
            Self::Up(n) => {
                AppConfig::Bulk { bytes: Some(ByteSize(n)), duration: None, download: false }
            }
            Self::Down(n) => {
                AppConfig::Bulk { bytes: Some(ByteSize(n)), duration: None, download: true }
            }
            Self::UpThenDown { up, down, header, wait_ms, duplex } => AppConfig::UpThenDown {
                up: ByteSize(up),
                down: ByteSize(down),
                header: ByteSize(header),
                idle: SimDuration::from_millis(wait_ms),
                pause: SimDuration::from_millis(wait_ms),
                duplex,
                down_header: ByteSize(0),
                down_pause: SimDuration::ZERO,
            },
            Self::Requests { request, response, count } => AppConfig::RequestResponse {
                request: ByteSize(request),
                response: ByteSize(response),
                count,
                pause: SimDuration::from_millis(50),
            },
            Self::Stream { kbps, ms, download } => AppConfig::Stream {
                rate: BitRate(kbps * 1000),
                duration: SimDuration::from_millis(ms),
                download,
            },
        }
    }
}

/// Something that happens to path `path`.
#[derive(Clone, Copy, Debug)]
struct Event {
    at_ms: u64,
    path: usize,
    what: Happening,
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    /// Down; up again after so many milliseconds, if at all.
    Down {
        up_after_ms: Option<u64>,
    },
    /// The client's (server's) address goes; comes back after so many milliseconds, if at all.
    AddressGoes {
        server: bool,
        back_after_ms: Option<u64>,
    },
    Backup {
        server: bool,
        backup: bool,
    },
    Reset {
        to_client: bool,
        to_server: bool,
    },
    Reload,
}

/// Worlds below this have fingerprints, and stay as they are where a setting is new.
const FINGERPRINTED: u64 = 400;

impl Combination {
    /// The combination of that number.
    pub(crate) fn new(seed: u64) -> Self {
        let mut d = Draw::new(seed, "paths");
        let count = d.one_of(&[1, 1, 2, 2, 2, 3, 4]);
        let v6_share = d.one_of(&[0, 0, 50, 100]);
        let rough = d.one_of(&[0, 0, 10, 50, 300]);
        let tricky = d.one_of(&[0, 0, 50, 100]);
        let paths: Vec<PathPlan> = (0..count)
            .map(|_| PathPlan {
                v6: d.percent(v6_share),
                forward: link(&mut d, rough),
                backward: link(&mut d, rough),
                tricks: if d.percent(tricky) { tricks(&mut d) } else { Vec::new() },
            })
            .collect();
        // A stream each, so that a new setting of one part leaves the others as they are.
        let mut client = host(&mut Draw::new(seed, "client"), &paths, 0);
        let mut server = host(&mut Draw::new(seed, "server"), &paths, 1);
        if seed >= FINGERPRINTED {
            let mut d = Draw::new(seed, "small segments");
            for host in [&mut client, &mut server] {
                use SmallSegments::{AtOnce, Cork, Nagle};
                host.small_segments = d.one_of(&[AtOnce, AtOnce, Nagle, Cork]);
            }
        }
        let work = Work::draw(&mut Draw::new(seed, "work"));
        let mut d = Draw::new(seed, "events");
        let events = (0..d.one_of(&[0, 0, 1, 2, 4])).map(|_| event(&mut d, count)).collect();
        Self { seed, paths, client, server, work, events }
    }

    /// True when nothing in this world excuses a failure: what the hosts must survive is all there is.
    pub(crate) fn must_succeed(&self) -> bool {
        let smooth = |l: &LinkConfig| match l.loss {
            Loss::None => true,
            Loss::Bernoulli(p) => p.as_f64() <= 0.05,
            Loss::GilbertElliott { .. } | Loss::FourState { .. } => false,
        };
        let smooth_path = |p: &PathPlan| {
            smooth(&p.forward)
                && smooth(&p.backward)
                && p.tricks.iter().all(Trick::must_be_survived)
                && p.forward.corrupt.as_f64() <= 0.05
                && p.backward.corrupt.as_f64() <= 0.05
        };
        let mild = |e: &Event| match e.what {
            Happening::Down { up_after_ms } => up_after_ms.is_some_and(|ms| ms < 20_000),
            Happening::AddressGoes { .. } | Happening::Reset { .. } => false,
            Happening::Backup { .. } | Happening::Reload => true,
        };
        self.paths.iter().all(smooth_path) && self.events.iter().all(mild)
    }

    /// The world, ready to run.
    pub(crate) fn build(&self) -> World {
        let mut world = World::new(self.seed);
        let client = world.add_host("client", self.client.clone());
        let server = world.add_host("server", self.server.clone());
        world.set_source_routing(server, false);
        let mut links = Vec::new();
        for (i, plan) in (0u8..).zip(&self.paths) {
            links.push(self.add_path(&mut world, client, server, i, plan));
        }
        let v6 = self.paths[0].v6;
        world.add_connection(ConnectionSpec {
            name: "work".into(),
            client,
            server,
            client_address: address(0, 0, v6),
            server_address: (address(1, 0, v6), 5001).into(),
            start: SimTime::ZERO,
            app: self.work.app(),
            bound_bps: None,
        });
        for e in &self.events {
            self.schedule(&mut world, client, server, links[e.path], e);
        }
        world
    }

    fn add_path(
        &self,
        world: &mut World,
        client: NodeId,
        server: NodeId,
        i: u8,
        plan: &PathPlan,
    ) -> (LinkId, Option<NodeId>) {
        let name = format!("path{i}");
        let path = world.add_path(PathRecord {
            name: name.clone(),
            rate_bps: plan.forward.rate.map(|r| r.0),
            rtt: plan.forward.delay + plan.backward.delay,
            devices: vec![],
        });
        let spec = LinkSpec {
            name,
            path: Some(path),
            forward: plan.forward.clone(),
            backward: plan.backward.clone(),
        };
        let [here, there] = [0, 1].map(|end| address(end, i, plan.v6));
        let mut device = None;
        let link = if plan.tricks.is_empty() {
            world.connect((client, i), (server, i), spec)
        } else {
            let name = format!("mischief{i}");
            let nat = translated(here);
            let mischief = Mischief::new(self.seed, &name, plan.tricks.clone(), here, nat);
            let node = world.add_device(&name, Box::new(mischief));
            device = Some(node);
            let wire = LinkSpec {
                name: format!("wire{i}"),
                path: Some(path),
                forward: LinkConfig::wire(),
                backward: LinkConfig::wire(),
            };
            world.connect((client, i), (node, 0), wire);
            world.connect((node, 1), (server, i), spec)
        };
        let prefix = if plan.v6 { 64 } else { 24 };
        world.add_address(client, i, here);
        world.add_address(server, i, there);
        world.add_route(server, here, prefix, i);
        world.add_route(client, there, prefix, i);
        (link, device)
    }

    fn schedule(
        &self,
        world: &mut World,
        client: NodeId,
        server: NodeId,
        (link, device): (LinkId, Option<NodeId>),
        event: &Event,
    ) {
        let at = SimTime(event.at_ms * 1_000_000);
        let later = |ms: u64| at + SimDuration::from_millis(ms);
        let mut at_time = |at, label: &str, action| world.schedule(at, label.into(), None, action);
        let end = |is_server: bool| {
            let host = if is_server { server } else { client };
            (host, address(u8::from(is_server), event.path as u8, self.paths[event.path].v6))
        };
        match event.what {
            Happening::Down { up_after_ms } => {
                at_time(at, "down", Action::LinkDown(link));
                if let Some(ms) = up_after_ms {
                    at_time(later(ms), "up", Action::LinkUp(link));
                }
            }
            Happening::AddressGoes { server, back_after_ms } => {
                let (host, address) = end(server);
                at_time(at, "address gone", Action::AddressRemoved { host, address });
                if let Some(ms) = back_after_ms {
                    let port = event.path as u8;
                    let action = Action::AddressAdded { host, port, address };
                    at_time(later(ms), "address back", action);
                }
            }
            Happening::Backup { server, backup } => {
                let (host, address) = end(server);
                at_time(at, "backup", Action::SetBackup { host, address, backup });
            }
            Happening::Reset { to_client, to_server } => {
                at_time(at, "reset", Action::InjectReset { link, to_client, to_server });
            }
            Happening::Reload => {
                if let Some(device) = device {
                    at_time(at, "reload", Action::Reload(device));
                }
            }
        }
    }
}

/// Address of the client (0) or the server (1) on a path.
fn address(end: u8, path: u8, v6: bool) -> IpAddr {
    if v6 {
        Ipv6Addr::new(0xfd00, u16::from(end), u16::from(path), 0, 0, 0, 0, 2).into()
    } else {
        [10, end, path, 2].into()
    }
}

/// The address of the same network that a NAT shows.
fn translated(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(a) => (u32::from(a) + 97).to_be_bytes().into(),
        IpAddr::V6(a) => Ipv6Addr::from(u128::from(a) + 97).into(),
    }
}

fn link(d: &mut Draw, rough: u64) -> LinkConfig {
    let loss = match (rough, d.between(0, 3)) {
        (0, _) | (_, 0) => Loss::None,
        (_, 2) if d.percent(30) => Loss::FourState {
            p13: d.probability(rough.min(50)),
            p31: Probability::new(0.4).expect("below 1"),
            p32: Probability::new(0.1).expect("below 1"),
            p23: Probability::new(0.5).expect("below 1"),
            p14: d.probability(rough.min(20)),
        },
        (_, 1) => Loss::GilbertElliott {
            p: d.probability(rough.min(50)),
            r: Probability::new(0.3).expect("below 1"),
            bad: Probability::new(0.8).expect("below 1"),
            good: Probability::ZERO,
        },
        _ => Loss::Bernoulli(d.probability(rough)),
    };
    let odd = |d: &mut Draw| {
        if rough > 0 && d.percent(30) { d.probability(rough) } else { Probability::ZERO }
    };
    LinkConfig {
        rate: d.percent(90).then(|| BitRate(d.one_of(&[200, 1000, 5000, 50_000]) * 1000)),
        delay: SimDuration::from_micros(d.one_of(&[10, 1000, 10_000, 50_000, 300_000])),
        jitter: if rough > 0 && d.percent(40) {
            Jitter::Uniform(SimDuration::from_millis(d.one_of(&[1, 10, 100])))
        } else {
            Jitter::None
        },
        queue: match d.between(0, 3) {
            0 => QueueLimit::Packets(d.between(3, 100) as u32),
            1 => QueueLimit::Bytes(ByteSize(d.between(4500, 100_000))),
            2 => QueueLimit::Time(SimDuration::from_millis(d.between(20, 500))),
            _ => QueueLimit::Unlimited,
        },
        discipline: match d.between(0, 9) {
            0 => Discipline::CoDel {
                target: SimDuration::from_millis(5),
                interval: SimDuration::from_millis(100),
            },
            1 => Discipline::Red {
                min: ByteSize(10_000),
                max: ByteSize(40_000),
                probability: Probability::new(0.05).expect("below 1"),
            },
            2 => Discipline::FqCoDel {
                target: SimDuration::from_millis(5),
                interval: SimDuration::from_millis(100),
                flows: 64,
                quantum: 1_514,
            },
            _ => Discipline::DropTail,
        },
        loss,
        reorder: odd(d),
        duplicate: odd(d),
        corrupt: odd(d),
        mtu: 1500,
        overhead: d.one_of(&[0, 0, 38]) as u32,
    }
}

fn tricks(d: &mut Draw) -> Vec<Trick> {
    let mut tricks: Vec<Trick> = (0..d.between(1, 2)).map(|_| Trick::draw(d)).collect();
    if tricks.iter().all(Trick::renumbers) {
        tricks.truncate(1);
    }
    tricks
}

fn host(d: &mut Draw, paths: &[PathPlan], end: u8) -> HostConfig {
    let own: Vec<IpAddr> = (0u8..).zip(paths).map(|(i, plan)| address(end, i, plan.v6)).collect();
    let some = |d: &mut Draw, percent| -> Vec<IpAddr> {
        own.iter().copied().filter(|_| d.percent(percent)).collect()
    };
    let path_manager = PathManagerConfig {
        kind: match d.between(0, 5) {
            0 => PathManagerKind::None,
            1 => PathManagerKind::NdiffPorts(d.between(1, 4) as u32),
            2 => PathManagerKind::Endpoints,
            _ => PathManagerKind::FullMesh,
        },
        signal: some(d, 40),
        signal_port: d.percent(30).then_some(5002),
        backup: some(d, 20),
        max_subflows: d.one_of(&[0, 1, 2, 8]),
        max_add_addr_accepted: d.one_of(&[0, 1, 8]),
        no_join_to_initial: d.percent(10),
        subflow: if d.percent(30) { Some(some(d, 80)) } else { None },
    };
    HostConfig {
        profile: d.one_of(&[
            Profile::Rfc8684,
            Profile::Rfc8684,
            Profile::Rfc8684,
            Profile::Linux6,
            Profile::Linux6,
            Profile::Rfc6824,
            Profile::TcpOnly,
        ]),
        path_manager,
        scheduler: d.one_of(&[
            SchedulerKind::MinRtt,
            SchedulerKind::MinRttOpportunistic,
            SchedulerKind::MinRttRetransmitting,
            SchedulerKind::RoundRobin,
            SchedulerKind::Redundant,
            SchedulerKind::Blest,
            SchedulerKind::Ecf,
            SchedulerKind::Linux,
        ]),
        congestion: d.one_of(&[
            CongestionKind::Reno,
            CongestionKind::Cubic,
            CongestionKind::Bbr,
            CongestionKind::Lia,
            CongestionKind::Olia,
            CongestionKind::Balia,
            CongestionKind::WVegas,
        ]),
        checksum: d.percent(30),
        timestamps: d.percent(80),
        sack: d.percent(80),
        window_scaling: d.percent(80),
        quick_ack: d.percent(20),
        send_buffer: ByteSize(d.one_of(&[3000, 20_000, 100_000, 4 << 20])),
        receive_buffer: ByteSize(d.one_of(&[3000, 20_000, 100_000, 6 << 20])),
        receive_autotuning: d.percent(80),
        initial_window: d.one_of(&[1, 2, 10, 100]),
        rto_min: SimDuration::from_millis(d.one_of(&[200, 1000])),
        keepalive: d.percent(20).then(|| Keepalive {
            idle: SimDuration::from_secs(5),
            interval: SimDuration::from_secs(5),
            probes: 9,
        }),
        stale_loss_count: d.one_of(&[1, 4]),
        syn_retries_before_fallback: d.one_of(&[0, 2, 5]),
        add_addr_timeout: SimDuration::from_secs(d.one_of(&[1, 120])),
        ..HostConfig::default()
    }
}

fn event(d: &mut Draw, paths: usize) -> Event {
    let at_ms = d.one_of(&[1, 50, 200, 1000, 3000]) + d.between(0, 200);
    let path = d.between(0, paths as u64 - 1) as usize;
    let what = match d.between(0, 7) {
        0..=2 => Happening::Down {
            up_after_ms: d.percent(80).then(|| d.one_of(&[20, 300, 3000, 15_000, 60_000])),
        },
        3 | 4 => Happening::AddressGoes {
            server: d.percent(30),
            back_after_ms: d.percent(60).then(|| d.one_of(&[10, 300, 3000])),
        },
        5 => Happening::Backup { server: d.percent(50), backup: d.percent(70) },
        6 => Happening::Reset { to_client: d.percent(70), to_server: d.percent(70) },
        _ => Happening::Reload,
    };
    Event { at_ms, path, what }
}
