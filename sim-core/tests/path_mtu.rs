//! Paths that take shorter packets than their ends' interfaces: told by ICMP, or not told.

use sim_core::app::{AppConfig, Turn};
use sim_core::engine::device::{Device, Effects, Forwarding, PortId};
use sim_core::engine::link::{LinkConfig, Loss};
use sim_core::engine::world::{ConnectionSpec, LinkSpec, World};
use sim_core::mptcp::config::{HostConfig, MtuProbing, Profile, SchedulerKind};
use sim_core::record::outcome::{Failure, Verdict};
use sim_core::record::story::{End, Fact};
use sim_core::record::{PathRecord, RunRecord, SubflowOutcome};
use sim_core::rng::Probability;
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};
use sim_core::wire::icmp::{Quote, Reason, unnumbered};
use sim_core::wire::packet::{Flags, Packet, Protocol};
use sim_core::wire::seq::Seq;

/// What a box in front of the client does.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    Nothing,
    /// It drops ICMP errors.
    Silences,
    /// It answers SYNs by ICMP.
    Prohibits,
    /// It forges an error that lowers the MTU, about a segment that was never sent.
    Forges,
}

struct Box_(Does);

impl Device for Box_ {
    fn model(&self) -> &'static str {
        "box"
    }

    fn process(
        &mut self,
        _now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        let from = unnumbered(packet.src.is_ipv4());
        if self.0 == Does::Prohibits && packet.flags.has(Flags::SYN) {
            let error = Packet::icmp_error(from, packet, Reason::Prohibited, Quote::EightBytes);
            effects.emit_new(ingress, error.unwrap());
            return Forwarding::Drop;
        }
        if self.0 == Does::Forges && ingress == PortId(0) && !packet.payload.is_empty() {
            let mut about = packet.clone();
            about.seq = Seq(packet.seq.0.wrapping_add(50_000_000));
            let reason = Reason::TooBig { mtu: 600 };
            let error = Packet::icmp_error(from, &about, reason, Quote::EightBytes);
            effects.emit_new(ingress, error.unwrap());
        }
        Forwarding::Through
    }

    fn process_icmp(
        &mut self,
        _now: SimTime,
        _ingress: PortId,
        packet: &mut Packet,
        _effects: &mut Effects,
    ) -> Forwarding {
        assert_eq!(packet.protocol, Protocol::IcmpError);
        if self.0 == Does::Silences { Forwarding::Drop } else { Forwarding::Through }
    }
}

struct Case {
    profile: Profile,
    v4: bool,
    probing: MtuProbing,
    does: Does,
    paths: u8,
    checksum: bool,
    download: bool,
    /// Both ends say a short word before the long one.
    greets: bool,
    seed: u64,
    /// MTU of the narrow link.
    narrow: u32,
    loss: f64,
}

const CASE: Case = Case {
    profile: Profile::Rfc8684,
    v4: true,
    probing: MtuProbing::Never,
    does: Does::Nothing,
    paths: 1,
    checksum: false,
    download: false,
    greets: false,
    seed: 1,
    narrow: 1400,
    loss: 0.0,
};

impl Case {
    fn app(&self) -> AppConfig {
        if self.greets {
            let says = |by, len: usize| Turn::Says { by, text: vec![7; len].into() };
            let turns =
                vec![says(End::Client, 10), says(End::Server, 10), says(End::Client, 500_000)];
            return AppConfig::Dialogue { turns: turns.into() };
        }
        AppConfig::Bulk { bytes: Some(ByteSize(500_000)), duration: None, download: self.download }
    }

    /// Client — box — router — link of 1400 bytes — router — server, the second path without a narrow
    /// link; 500 kB in one direction.
    fn run(self) -> RunRecord {
        let mut world = World::new(self.seed);
        world.capture();
        let config = HostConfig {
            profile: self.profile,
            mtu_probing: self.probing,
            checksum: self.checksum,
            scheduler: match self.profile {
                Profile::Linux6 => SchedulerKind::Linux,
                _ => SchedulerKind::MinRtt,
            },
            ..HostConfig::default()
        };
        let client = world.add_host("client", config.clone());
        let server = world.add_host("server", config);
        let address = |side: u8, path: u8| -> std::net::IpAddr {
            match self.v4 {
                true => [10, side, path, 2].into(),
                false => [0xfd00, u16::from(side), u16::from(path), 0, 0, 0, 0, 2].into(),
            }
        };
        let length = if self.v4 { 24 } else { 64 };
        world.set_source_routing(server, false);
        for path in 0..self.paths {
            let id = world.add_path(PathRecord {
                name: format!("path {path}"),
                rate_bps: None,
                rtt: SimDuration::from_millis(20),
                devices: vec!["box".into()],
            });
            let link = |mtu| LinkConfig {
                rate: Some(BitRate(20_000_000)),
                delay: SimDuration::from_millis(5),
                mtu,
                loss: Loss::Bernoulli(Probability::new(self.loss).unwrap()),
                ..LinkConfig::default()
            };
            let spec = |name: &str, config: LinkConfig| LinkSpec {
                name: format!("{name} {path}"),
                path: Some(id),
                forward: config.clone(),
                backward: config,
            };
            let does = if path == 0 { self.does } else { Does::Nothing };
            let device = world.add_device(&format!("box {path}"), Box::new(Box_(does)));
            let (near, far) = (world.add_router("near"), world.add_router("far"));
            let narrow = if path == 0 { self.narrow } else { 1500 };
            world.connect((client, path), (device, 0), spec("wire", LinkConfig::wire()));
            world.connect((device, 1), (near, 0), spec("near", link(1500)));
            world.connect((near, 1), (far, 0), spec("narrow", link(narrow)));
            world.connect((far, 1), (server, path), spec("far", link(1500)));
            for router in [near, far] {
                for any in 0..self.paths {
                    world.add_route(router, address(0, any), length, 0);
                    world.add_route(router, address(1, any), length, 1);
                }
            }
            world.add_address(client, path, address(0, path));
            world.add_address(server, path, address(1, path));
            world.add_route(client, address(1, path), length, path);
            world.add_route(server, address(0, path), length, path);
        }
        world.add_connection(ConnectionSpec {
            name: "work".into(),
            client,
            server,
            client_address: address(0, 0),
            server_address: (address(1, 0), 5001).into(),
            start: SimTime::ZERO,
            app: self.app(),
            bound_bps: None,
        });
        world.run(SimTime(60_000_000_000))
    }
}

fn lowered(record: &RunRecord) -> Vec<(u32, bool)> {
    let story = &record.connections[0].story;
    let of = |fact: &Fact| match fact {
        Fact::PathMtuLowered { mtu, told } => Some((*mtu, *told)),
        _ => None,
    };
    story.iter().filter_map(|entry| of(&entry.fact)).collect()
}

fn icmp_seen(record: &RunRecord) -> usize {
    let captures = record.captures.as_ref().expect("captured");
    captures.packets.iter().filter(|c| c.packet.icmp().is_some()).count()
}

#[test]
fn a_router_tells_and_what_was_too_long_is_sent_again_at_once() {
    for profile in [Profile::Rfc6824, Profile::Rfc8684, Profile::Linux6, Profile::TcpOnly] {
        for (v4, checksum, download) in
            [(true, false, false), (false, true, false), (true, true, true)]
        {
            let record = Case { profile, v4, checksum, download, ..CASE }.run();
            let c = &record.connections[0];
            let case = format!("{profile:?}, IPv4 {v4}, checksum {checksum}, download {download}");
            assert!(c.stream_intact, "{case}");
            assert!(
                c.completed_at.is_some_and(|at| at < SimTime(1_500_000_000)),
                "{case}: {:?}",
                c.completed_at
            );
            assert_eq!(lowered(&record), [(1400, true)], "{case}");
            assert!(icmp_seen(&record) > 0, "{case}");
            let longest = record.captures.as_ref().unwrap().packets.iter().filter(|p| !p.sent);
            let at_far_end = longest.filter(|p| {
                let name = &record.captures.as_ref().unwrap().interfaces[p.interface as usize].node;
                name == if download { "client" } else { "server" }
            });
            assert_eq!(at_far_end.map(|p| p.packet.wire_len()).max(), Some(1400), "{case}");
        }
    }
}

#[test]
fn a_black_hole_stalls_tcp_and_not_mptcp() {
    let silent = Case { does: Does::Silences, profile: Profile::TcpOnly, ..CASE };
    let record = silent.run();
    let verdict = record.connections[0].outcome.verdict;
    assert_eq!(verdict, Verdict::Failed(Failure::Stalled), "nothing tells the sender");
    // Until the first data is acknowledged MPTCP is not certain, and nothing is joined: first data that is
    // as long as can be goes into the hole, and there is no other path.
    let record = Case { does: Does::Silences, paths: 2, ..CASE }.run();
    assert_eq!(record.connections[0].outcome.verdict, Verdict::Failed(Failure::Stalled));
    for profile in [Profile::Rfc8684, Profile::Linux6] {
        let record = Case { does: Does::Silences, paths: 2, greets: true, profile, ..CASE }.run();
        let c = &record.connections[0];
        assert_eq!((c.outcome.verdict, c.stream_intact), (Verdict::Mptcp, true), "{profile:?}");
        assert_eq!(lowered(&record), []);
    }
}

#[test]
fn after_several_timeouts_shorter_segments_get_through_a_black_hole() {
    for profile in [Profile::Rfc8684, Profile::Linux6, Profile::TcpOnly] {
        let probing = MtuProbing::AfterBlackHole;
        let record = Case { does: Does::Silences, probing, profile, ..CASE }.run();
        let c = &record.connections[0];
        assert!(c.stream_intact && c.completed_at.is_some(), "{profile:?}");
        // 1024 bytes of payload and options of MPTCP, the headers of IPv4 and TCP, timestamps.
        assert_eq!(lowered(&record), [(1076, false)], "{profile:?}");
        // Timeouts from 200 ms on, doubled, until three seconds lie between the first and another.
        let at = c.story.iter().find(|e| matches!(e.fact, Fact::PathMtuLowered { .. })).unwrap().at;
        assert!((3_000..9_000).contains(&(at.0 / 1_000_000)), "{profile:?}: {at:?}");
    }
}

#[test]
fn an_error_about_what_was_never_sent_is_ignored_and_counted() {
    let record = Case { does: Does::Forges, ..CASE }.run();
    assert_eq!(lowered(&record), [(1400, true)], "the router's word only");
    let counters = &record.connections[0].client_counters;
    assert!(counters["TcpExtOutOfWindowIcmps"] > 10, "{counters:?}");
}

#[test]
fn a_prohibited_syn_is_given_up_at_once() {
    let record = Case { does: Does::Prohibits, ..CASE }.run();
    let c = &record.connections[0];
    assert_eq!(c.outcome.verdict, Verdict::Failed(Failure::NeverConnected));
    assert_eq!(c.subflows[0].outcome, SubflowOutcome::Refused);
    assert!(c.story.iter().any(|e| e.fact == Fact::Unreachable && e.at < SimTime(100_000_000)));
}

#[test]
fn any_mtu_with_losses_delivers_the_stream() {
    let profiles = [Profile::Rfc6824, Profile::Rfc8684, Profile::Linux6, Profile::TcpOnly];
    for seed in 0..60 {
        let case = Case {
            profile: profiles[seed as usize % 4],
            v4: seed % 3 > 0,
            checksum: seed % 5 == 0,
            download: seed % 2 == 0,
            paths: 1 + (seed % 7 > 3) as u8,
            narrow: if seed % 3 > 0 { 552 + 17 * seed as u32 % 900 } else { 1280 + seed as u32 },
            loss: 0.01,
            seed,
            ..CASE
        };
        let (profile, narrow) = (case.profile, case.narrow);
        let c = case.run().connections.remove(0);
        assert!(c.stream_intact && c.completed_at.is_some(), "{seed}: {profile:?}, MTU {narrow}");
    }
}
