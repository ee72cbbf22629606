use std::cell::Cell;

use proptest::prelude::*;

use crate::app::AppConfig;
use crate::engine::link::{Jitter, LinkConfig, Loss, QueueLimit};
use crate::engine::world::{ConnectionSpec, LinkSpec, World};
use crate::mptcp::config::{CongestionKind, HostConfig, Profile};
use crate::record::PathRecord;
use crate::rng::Probability;
use crate::time::{SimDuration, SimTime};
use crate::units::{BitRate, ByteSize};

thread_local! {
    /// Every packet goes the long way.
    pub(super) static LONG_WAY_ONLY: Cell<bool> = const { Cell::new(false) };
}

/// A connection over one or two paths.
#[derive(Clone, Debug)]
struct Case {
    profile: Profile,
    congestion: CongestionKind,
    quick_ack: bool,
    bytes: u64,
    download: bool,
    send_buffer: u64,
    receive_buffer: u64,
    /// Rate in kbit/s, delay in µs, queue in packets, loss in a thousand packets, jitter in µs.
    paths: Vec<(u64, u64, u32, u32, u64)>,
}

fn case() -> impl Strategy<Value = Case> {
    let path = (
        500u64..50_000,
        100u64..40_000,
        3u32..60,
        prop_oneof![Just(0u32), 1u32..30],
        prop_oneof![3 => Just(0u64), 1 => 1u64..5_000],
    );
    (
        prop_oneof![
            2 => Just(Profile::TcpOnly),
            2 => Just(Profile::Rfc8684),
            1 => Just(Profile::Rfc6824),
            1 => Just(Profile::Linux6)
        ],
        prop_oneof![
            Just(CongestionKind::Reno),
            Just(CongestionKind::Cubic),
            Just(CongestionKind::Lia),
            Just(CongestionKind::Bbr)
        ],
        any::<bool>(),
        1u64..400_000,
        any::<bool>(),
        20_000u64..1_000_000,
        20_000u64..1_000_000,
        proptest::collection::vec(path, 1..3),
    )
        .prop_map(
            |(
                profile,
                congestion,
                quick_ack,
                bytes,
                download,
                send_buffer,
                receive_buffer,
                paths,
            )| {
                Case {
                    profile,
                    congestion,
                    quick_ack,
                    bytes,
                    download,
                    send_buffer,
                    receive_buffer,
                    paths,
                }
            },
        )
}

/// All that a run of this connection tells, and how many packets there were.
fn told(case: &Case) -> (String, u64) {
    let mut world = World::new(7);
    let config = HostConfig {
        profile: case.profile,
        congestion: case.congestion,
        quick_ack: case.quick_ack,
        send_buffer: ByteSize(case.send_buffer),
        receive_buffer: ByteSize(case.receive_buffer),
        ..HostConfig::default()
    };
    let client = world.add_host("client", config.clone());
    let server = world.add_host("server", config);
    world.set_source_routing(server, false);
    world.add_address(server, 0, [11, 0, 0, 2].into());
    for (i, &(kbps, delay, queue, loss, jitter)) in (0u8..).zip(&case.paths) {
        let path = world.add_path(PathRecord {
            name: format!("path{i}"),
            rate_bps: Some(kbps * 1000),
            rtt: SimDuration::from_micros(2 * delay),
            devices: vec![],
        });
        let jitter = match jitter {
            0 => Jitter::None,
            most => Jitter::Uniform(SimDuration::from_micros(most)),
        };
        let link = LinkConfig {
            rate: Some(BitRate(kbps * 1000)),
            delay: SimDuration::from_micros(delay),
            queue: QueueLimit::Packets(queue),
            loss: Loss::Bernoulli(Probability::new(f64::from(loss) / 1000.0).expect("below 1")),
            jitter,
            ..LinkConfig::default()
        };
        let name = format!("link{i}");
        let spec = LinkSpec { name, path: Some(path), forward: link.clone(), backward: link };
        world.connect((client, i), (server, i), spec);
        world.add_address(client, i, [10, 0, i, 2].into());
        world.add_route(server, [10, 0, i, 2].into(), 32, i);
    }
    world.add_connection(ConnectionSpec {
        name: "c".into(),
        client,
        server,
        client_address: [10, 0, 0, 2].into(),
        server_address: ([11, 0, 0, 2], 5001).into(),
        start: SimTime(0),
        app: AppConfig::Bulk {
            bytes: Some(ByteSize(case.bytes)),
            duration: None,
            download: case.download,
        },
        bound_bps: None,
    });
    let record = world.run(SimTime(1_000_000_000_000));
    (format!("{record:#?}"), record.packet_hops)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The short way leads where the long way does, to the last counter.
    #[test]
    fn the_short_way_leads_where_the_long_one_does(case in case()) {
        let short = told(&case);
        LONG_WAY_ONLY.set(true);
        let long = told(&case);
        LONG_WAY_ONLY.set(false);
        prop_assert!(short.1 > 4);
        prop_assert_eq!(short.0, long.0);
    }
}
