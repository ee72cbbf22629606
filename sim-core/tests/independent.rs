//! Every checksum, token and HMAC that a run puts on the wire, recomputed by a program that shares no
//! line with the simulator (`independent.py`). Skipped, and said, where python3 is not installed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use sim_core::app::AppConfig;
use sim_core::engine::link::{LinkConfig, Loss};
use sim_core::engine::world::{ConnectionSpec, LinkSpec, World};
use sim_core::mptcp::config::{HostConfig, PathManagerConfig, Profile};
use sim_core::record::PathRecord;
use sim_core::rng::Probability;
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};

/// What the client saw and sent, one packet a line.
fn packets(profile: Profile, signal_port: Option<u16>) -> String {
    let mut world = World::new(1);
    world.capture();
    let config = HostConfig { profile, checksum: true, ..HostConfig::default() };
    let announces = PathManagerConfig {
        signal: vec![[10, 1, 2, 2].into()],
        signal_port,
        ..PathManagerConfig::default()
    };
    let client = world.add_host("client", config.clone());
    let server = world.add_host("server", HostConfig { path_manager: announces, ..config });
    world.set_source_routing(server, false);
    for i in 1..=2 {
        let name = format!("path{i}");
        let path = world.add_path(PathRecord {
            name: name.clone(),
            rate_bps: Some(8_000_000),
            rtt: SimDuration::from_millis(20),
            devices: vec![],
        });
        let link = LinkConfig {
            rate: Some(BitRate(8_000_000)),
            delay: SimDuration::from_millis(10),
            loss: Loss::Bernoulli(Probability::new(0.01).unwrap()),
            ..LinkConfig::default()
        };
        let spec = LinkSpec { name, path: Some(path), forward: link.clone(), backward: link };
        world.connect((client, i - 1), (server, i - 1), spec);
        world.add_address(client, i - 1, [10, 0, i, 2].into());
        world.add_address(server, i - 1, [10, 1, i, 2].into());
        world.add_route(server, [10, 0, i, 0].into(), 24, i - 1);
        world.add_route(client, [10, 1, i, 0].into(), 24, i - 1);
    }
    world.add_connection(ConnectionSpec {
        name: "data".into(),
        client,
        server,
        client_address: [10, 0, 1, 2].into(),
        server_address: ([10, 1, 1, 2], 5001).into(),
        start: SimTime::ZERO,
        app: AppConfig::UpThenDown {
            up: ByteSize(200_000),
            down: ByteSize(200_000),
            header: ByteSize(24),
            // The joins are complete before the client closes its direction.
            idle: SimDuration::from_millis(300),
            pause: SimDuration::from_millis(1),
            duplex: false,
            down_header: ByteSize(0),
            down_pause: SimDuration::ZERO,
        },
        bound_bps: None,
    });
    let record = world.run(SimTime(60_000_000_000));
    assert!(record.connections[0].completed_at.is_some(), "{profile:?}");
    let captures = record.captures.unwrap();
    let mut lines = String::new();
    for captured in &captures.packets {
        if captures.interfaces[captured.interface as usize].node == "client" {
            let mut bytes = Vec::new();
            captured.packet.emit(&mut bytes);
            bytes.iter().for_each(|byte| write!(lines, "{byte:02x}").unwrap());
            lines.push('\n');
        }
    }
    lines
}

#[test]
fn another_program_finds_every_checksum_and_hmac_right() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: python3 is not installed");
        return;
    }
    for (profile, port, kinds) in [
        (Profile::Linux6, None, "add_addr dss hmac_ack hmac_syn/ack ip keys tcp token"),
        (Profile::Rfc8684, Some(5002), "add_addr dss hmac_ack hmac_syn/ack ip keys tcp token"),
        (Profile::Rfc6824, None, "dss hmac_ack hmac_syn/ack ip keys tcp token"),
    ] {
        let mut child = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/independent.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = packets(profile, port);
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{profile:?}: {err}");
        let found: Vec<&str> =
            out.split_whitespace().filter_map(|count| Some(count.split_once('=')?.0)).collect();
        assert_eq!(found.join(" "), kinds, "{profile:?}: {out}");
    }
}
