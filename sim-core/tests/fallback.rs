//! What becomes of a connection when options are lost, changed or refused (RFC 8684 §3.7): each row is a
//! small world with a box on its first path, held against how both ends see it and what they say to each
//! other, in `fallback.golden`. Rows that begin with a number are those of the protocol's decision table:
//! MP_CAPABLE lost from the SYN (1), the SYN/ACK (2), the third ACK (3); SYNs that vanish (4); options lost from
//! the first data (5), its acknowledgement (6) and later (7, 8); checksums against what was agreed (13);
//! mappings that do not fit (14); options after a fallback (15, 16).

use sim_core::app::AppConfig;
use sim_core::engine::device::{Device, Effects, Forwarding, PortId, Side};
use sim_core::engine::link::LinkConfig;
use sim_core::engine::world::{ConnectionSpec, LinkSpec, World};
use sim_core::mptcp::config::{HostConfig, Profile, SchedulerKind};
use sim_core::record::outcome::Verdict;
use sim_core::record::story::{End, Fact};
use sim_core::record::{ConnectionRecord, PathRecord, RunRecord, SubflowOutcome};
use sim_core::time::{SimDuration, SimTime};
use sim_core::units::{BitRate, ByteSize};
use sim_core::wire::crypto::{Key, MptcpVersion};
use sim_core::wire::mptcp::{CapableBody, Dss, Join, Mapping, MptcpOption, Subtype, mptcp_options};
use sim_core::wire::options::{Options, kind};
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::seq::Seq;

use Profile::{Linux6, Rfc6824, Rfc8684, TcpOnly};

/// What the box has seen when a packet comes.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// The packet comes over the first path.
    on_first: bool,
    to_server: bool,
    /// Packets of this direction and path before it.
    packets: u64,
    /// Those of them that had payload.
    data: u64,
    /// Token of the server's key.
    token: u32,
}

type Tampering = fn(&Seen, &mut Packet, &mut Effects) -> Forwarding;

struct TamperingBox {
    seen: [[Seen; 2]; 2],
    tampering: Tampering,
}

impl Device for TamperingBox {
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
        let to_server = ingress.side() == Side::Inside;
        for option in mptcp_options(&packet.options) {
            if let MptcpOption::Capable { version, body: CapableBody::Sender(key), .. } = option
                && !to_server
            {
                let version = if version == 0 { MptcpVersion::V0 } else { MptcpVersion::V1 };
                self.seen
                    .as_flattened_mut()
                    .iter_mut()
                    .for_each(|s| s.token = Key(key).token(version));
            }
        }
        let path = usize::from(ingress.pair());
        let seen = &mut self.seen[path][usize::from(to_server)];
        (seen.on_first, seen.to_server) = (path == 0, to_server);
        let before = *seen;
        seen.packets += 1;
        seen.data += u64::from(!packet.payload.is_empty());
        (self.tampering)(&before, packet, effects)
    }
}

/// Makes NOPs of every option 30.
fn strip(packet: &mut Packet) {
    while let Some(span) = packet.options.find(kind::MPTCP).map(|o| o.span()) {
        packet.options.fill(span, kind::NOP);
    }
}

/// Writes the DSS of a segment anew.
fn rewrite_dss(packet: &mut Packet, change: impl Fn(&mut Dss)) {
    let mut options = Options::new();
    for raw in packet.options.iter().filter(|raw| raw.kind != kind::MPTCP) {
        let bytes = &packet.options.as_bytes()[raw.span()];
        options.push(bytes).expect("it was there before");
    }
    for option in mptcp_options(&packet.options) {
        let mut option = option;
        if let MptcpOption::Dss(dss) = &mut option {
            change(dss);
        }
        option.emit(&mut options).expect("it was there before");
    }
    options.pad();
    packet.options = options;
}

fn remap(packet: &mut Packet, change: impl Fn(&mut Mapping)) {
    rewrite_dss(packet, |dss| dss.mapping.iter_mut().for_each(&change));
}

const THROUGH: Forwarding = Forwarding::Through;

/// One row of the table.
struct Row {
    /// What happens.
    what: &'static str,
    paths: u8,
    checksum: bool,
    download: bool,
    tampering: Tampering,
    /// Profiles of client and server.
    pairs: &'static [(Profile, Profile)],
}

const ROW: Row = Row {
    what: "",
    paths: 1,
    checksum: false,
    download: false,
    tampering: |_, _, _| THROUGH,
    pairs: SAME,
};

const BYTES: u64 = 300_000;

fn run(row: &Row, client: Profile, server: Profile) -> RunRecord {
    let mut world = World::new(1);
    world.capture();
    let host = |profile| HostConfig {
        profile,
        checksum: row.checksum,
        scheduler: if profile == Linux6 { SchedulerKind::Linux } else { SchedulerKind::MinRtt },
        ..HostConfig::default()
    };
    let client = world.add_host("client", host(client));
    let server = world.add_host("server", host(server));
    world.set_source_routing(server, false);
    let device = TamperingBox { seen: Default::default(), tampering: row.tampering };
    let device = world.add_device("box", Box::new(device));
    for i in 0..row.paths {
        let name = format!("path{i}");
        let path = world.add_path(PathRecord {
            name: name.clone(),
            rate_bps: None,
            rtt: SimDuration::from_millis(20),
            devices: vec!["box".into()],
        });
        let link = LinkConfig {
            rate: Some(BitRate(10_000_000)),
            delay: SimDuration::from_millis(10),
            ..LinkConfig::default()
        };
        let spec = |name: String, link: LinkConfig| LinkSpec {
            name,
            path: Some(path),
            forward: link.clone(),
            backward: link,
        };
        world.connect((client, i), (device, 2 * i), spec(format!("wire{i}"), LinkConfig::wire()));
        world.connect((device, 2 * i + 1), (server, i), spec(name, link));
        world.add_address(client, i, [10, 0, i, 2].into());
        world.add_address(server, i, [10, 1, i, 2].into());
        world.add_route(server, [10, 0, i, 0].into(), 24, i);
        world.add_route(client, [10, 1, i, 0].into(), 24, i);
    }
    // The second one tells what the client has learnt.
    for (name, start) in [("work", 0), ("later", 200)] {
        world.add_connection(ConnectionSpec {
            name: name.into(),
            client,
            server,
            client_address: [10, 0, 0, 2].into(),
            server_address: ([10, 1, 0, 2], 5001).into(),
            start: SimTime(start * 1_000_000_000),
            app: AppConfig::Bulk {
                bytes: Some(ByteSize(BYTES)),
                duration: None,
                download: row.download,
            },
            bound_bps: None,
        });
    }
    world.run(SimTime(400_000_000_000))
}

/// `fallback intact | client: why | server: why | subflows | client says … | server says …`: verdict; the ends
/// that fell back and the reasons; what became of joins and of reset subflows; options of each end in the
/// order of their first appearance.
fn told(run: &RunRecord) -> String {
    let c = &run.connections[0];
    let stream = match (c.stream_intact, c.bytes_delivered == BYTES && c.completed_at.is_some()) {
        (true, true) => "intact",
        (true, false) => "cut short",
        (false, _) => "WRONG",
    };
    let verdict = match c.outcome.verdict {
        Verdict::Failed(how) => format!("failed {how:?}"),
        other => other.word().to_owned(),
    };
    let mut parts = vec![format!("{verdict}, {stream}")];
    for (end, name) in [(End::Client, "client"), (End::Server, "server")] {
        let reason = c.story.iter().find_map(|entry| match entry.fact {
            Fact::FellBack(reason) if entry.end == end => Some(format!("{name}: {reason:?}")),
            _ => None,
        });
        parts.extend(reason);
        parts.extend(c.story.iter().find_map(|entry| match entry.fact {
            Fact::ResetSent { why, .. } if entry.end == end => {
                Some(format!("{name} resets: {why:?}"))
            }
            _ => None,
        }));
    }
    let subflows = c.subflows.iter().map(|s| match s.outcome {
        SubflowOutcome::Established => "up",
        SubflowOutcome::Reset => "reset",
        SubflowOutcome::Refused => "refused",
        SubflowOutcome::TimedOut => "timed out",
    });
    parts.push(subflows.collect::<Vec<_>>().join(" "));
    parts.extend([("client", c), ("server", c)].map(|(host, c)| said(run, c, host)));
    parts.join(" | ")
}

/// Options that a host sent in the first connection, in the order of their first appearance.
fn said(run: &RunRecord, c: &ConnectionRecord, host: &str) -> String {
    let captures = run.captures.as_ref().expect("captured");
    let until = run.connections[1].started_at;
    let mut forms: Vec<String> = Vec::new();
    for seen in captures.packets.iter().filter(|p| p.sent && p.at < until && p.at >= c.started_at) {
        if captures.interfaces[seen.interface as usize].node != host {
            continue;
        }
        for option in mptcp_options(&seen.packet.options) {
            let form = match option {
                MptcpOption::Capable { body, .. } => match body {
                    CapableBody::None | CapableBody::Sender(_) => "MPC",
                    CapableBody::Both { .. } => "MPC-keys",
                    CapableBody::WithData { .. } => "MPC-data",
                },
                MptcpOption::Join(Join::Ack { .. }) => "JOIN-proof",
                MptcpOption::Join(_) => "JOIN",
                MptcpOption::Dss(Dss { mapping: Some(Mapping { len: 0, .. }), .. }) => {
                    "DSS-infinite"
                }
                MptcpOption::Dss(Dss { data_fin: true, .. }) => "DATA_FIN",
                MptcpOption::Dss(Dss { mapping: Some(_), .. }) => "DSS-map",
                MptcpOption::Dss(_) => "DATA_ACK",
                MptcpOption::TcpRst { reason, .. } => &format!("RST-{}", reason.0),
                MptcpOption::Fail { .. } => "MP_FAIL",
                MptcpOption::FastClose { .. } => "FASTCLOSE",
                other => &format!("{other:?}"),
            };
            if !forms.iter().any(|f| f == form) {
                forms.push(form.to_owned());
            }
        }
    }
    format!("{host} says {}", if forms.is_empty() { "nothing".to_owned() } else { forms.join(" ") })
}

const SAME: &[(Profile, Profile)] = &[
    (Rfc8684, Rfc8684),
    (Rfc6824, Rfc6824),
    (Linux6, Linux6),
    (Linux6, Rfc8684),
    (Rfc8684, Linux6),
];

/// True for an option 30 in the packet of this subtype.
fn has(packet: &Packet, subtype: Subtype) -> bool {
    mptcp_options(&packet.options).any(|option| option.subtype() == subtype)
}

const TABLE: &[Row] = &[
    Row { what: "nothing happens", ..ROW },
    Row {
        what: "1: MP_CAPABLE is lost from the SYN",
        tampering: |seen, packet, _| {
            if seen.to_server && packet.flags.has(Flags::SYN) {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "1: an end that speaks plain TCP, another version",
        pairs: &[
            (Rfc8684, TcpOnly),
            (Rfc6824, TcpOnly),
            (Linux6, TcpOnly),
            (TcpOnly, Rfc8684),
            (TcpOnly, Rfc6824),
            (TcpOnly, Linux6),
            (Rfc8684, Rfc6824),
            (Rfc6824, Rfc8684),
            (Rfc6824, Linux6),
            (Linux6, Rfc6824),
        ],
        ..ROW
    },
    Row {
        what: "2: from the SYN/ACK only",
        tampering: |seen, packet, _| {
            if !seen.to_server && packet.flags.has(Flags::SYN) {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "3: from the third ACK and the first data",
        tampering: |seen, packet, _| {
            if seen.to_server && (1..=2).contains(&seen.packets) {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "3: from everything after the SYN, to the server",
        tampering: |seen, packet, _| {
            if seen.to_server && !packet.flags.has(Flags::SYN) {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "3: from the third ACK of a join",
        paths: 2,
        tampering: |seen, packet, _| {
            if !seen.on_first && has(packet, Subtype::Join) && !packet.flags.has(Flags::SYN) {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "3: from the SYN/ACK of a join",
        paths: 2,
        tampering: |seen, packet, _| {
            if !seen.on_first && !seen.to_server && packet.flags.has(Flags::SYN) {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "3: from the SYN of a join",
        paths: 2,
        tampering: |seen, packet, _| {
            if !seen.on_first && seen.to_server && packet.flags.has(Flags::SYN) {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "4: SYNs with MP_CAPABLE vanish",
        tampering: |seen, packet, _| {
            if seen.to_server && packet.flags.has(Flags::SYN) && has(packet, Subtype::Capable) {
                Forwarding::Drop
            } else {
                THROUGH
            }
        },
        ..ROW
    },
    Row {
        what: "4: SYNs with MP_JOIN vanish",
        paths: 2,
        tampering: |seen, packet, _| {
            if seen.to_server && packet.flags.has(Flags::SYN) && has(packet, Subtype::Join) {
                Forwarding::Drop
            } else {
                THROUGH
            }
        },
        ..ROW
    },
    Row {
        what: "5: from all data to the server",
        tampering: |seen, packet, _| {
            if seen.to_server && !packet.payload.is_empty() {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "5: from all data of a join",
        paths: 2,
        tampering: |seen, packet, _| {
            if !seen.on_first && seen.to_server && !packet.payload.is_empty() {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "6: from everything after the SYN/ACK, to the client",
        tampering: |seen, packet, _| {
            if !seen.to_server && !packet.flags.has(Flags::SYN) {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "6: the same, while the server speaks",
        download: true,
        tampering: |seen, packet, _| {
            if !seen.to_server && !packet.flags.has(Flags::SYN) {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "7: from the data after the 30th segment of one subflow of two",
        paths: 2,
        tampering: |seen, packet, _| {
            if seen.on_first && seen.to_server && seen.data > 30 {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "7: both ways, after the 30th segment of one subflow of two",
        paths: 2,
        tampering: |seen, packet, _| {
            if seen.on_first && seen.packets > 30 {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "8: after the 30th segment of the only subflow, to the server",
        tampering: |seen, packet, _| {
            if seen.to_server && seen.data > 30 {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "8: both ways, after the 30th packet of the only subflow",
        tampering: |seen, packet, _| {
            if seen.packets > 30 {
                strip(packet);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "13: the checksum is taken out of mappings",
        checksum: true,
        tampering: |seen, packet, _| {
            if seen.to_server && seen.data > 30 {
                remap(packet, |m| m.checksum = None);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "13: the same with two subflows",
        paths: 2,
        checksum: true,
        tampering: |seen, packet, _| {
            if seen.on_first && seen.to_server && seen.data > 30 {
                remap(packet, |m| m.checksum = None);
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "14: mappings are too short",
        tampering: |seen, packet, _| {
            if seen.to_server && seen.data > 30 {
                remap(packet, |m| m.len = m.len.min(500));
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "14: the same with two subflows",
        paths: 2,
        tampering: |seen, packet, _| {
            if seen.on_first && seen.to_server && seen.data > 30 {
                remap(packet, |m| m.len = m.len.min(500));
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "14: mappings are of other bytes of the subflow",
        paths: 2,
        tampering: |seen, packet, _| {
            if seen.on_first && seen.to_server && seen.data > 30 {
                remap(packet, |m| m.ssn = m.ssn.wrapping_add(100_000));
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "14: the same on the only subflow",
        tampering: |seen, packet, _| {
            if seen.to_server && seen.data > 30 {
                remap(packet, |m| m.ssn = m.ssn.wrapping_add(100_000));
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "15: DSS come after the fallback",
        tampering: |seen, packet, _| {
            if !seen.to_server && packet.flags.has(Flags::SYN) {
                strip(packet);
            }
            if !seen.to_server && packet.payload.is_empty() && !packet.flags.has(Flags::SYN) {
                let mapping = Mapping {
                    dsn: sim_core::wire::mptcp::DataSeq::Long(77),
                    ssn: 5,
                    len: 9,
                    checksum: None,
                };
                let dss = Dss {
                    data_fin: true,
                    ack: Some(sim_core::wire::mptcp::DataSeq::Long(99)),
                    mapping: Some(mapping),
                };
                MptcpOption::Dss(dss).emit(&mut packet.options).expect("plain TCP has room");
                packet.options.pad();
            }
            THROUGH
        },
        ..ROW
    },
    Row {
        what: "16: MP_JOIN comes after the fallback",
        tampering: |seen, packet, effects| {
            if seen.to_server && !packet.flags.has(Flags::SYN) {
                strip(packet);
            }
            if seen.to_server && seen.packets == 40 {
                let mut syn = Packet::new(([10, 0, 0, 2], 999).into(), packet.destination());
                (syn.flags, syn.seq) = (Flags::SYN, Seq(1));
                let join = Join::Syn { backup: false, address_id: 1, token: seen.token, nonce: 5 };
                MptcpOption::Join(join).emit(&mut syn.options).expect("room");
                effects.emit_new(PortId(1), syn);
            }
            THROUGH
        },
        ..ROW
    },
];

/// What comes out of each row, the pairs of profiles with the same outcome together. `UPDATE_GOLDEN=1` keeps it.
#[test]
fn every_row_of_the_table() {
    let mut all = String::new();
    for row in TABLE {
        let mut outcomes: Vec<(String, String)> = Vec::new();
        for &(client, server) in row.pairs {
            let (told, pair) =
                (told(&run(row, client, server)), format!("{client:?} → {server:?}"));
            match outcomes.iter_mut().find(|(known, _)| *known == told) {
                Some((_, pairs)) => *pairs += &format!(", {pair}"),
                None => outcomes.push((told, pair)),
            }
        }
        all += &format!("{}\n", row.what);
        for (told, pairs) in outcomes {
            all += &format!("  {pairs}\n    {}\n", told.replace(" | ", "\n    "));
        }
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fallback.golden");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(file, &all).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap();
    let differs = all.lines().zip(kept.lines()).position(|(a, b)| a != b);
    assert_eq!(
        all,
        kept,
        "from line {:?} on; UPDATE_GOLDEN=1 keeps it, if that is meant",
        differs.map(|n| n + 1)
    );
}
