//! Captures that the simulator writes, read by Wireshark's dissectors: no malformed mark, no bad
//! checksum, names, stamps and comments right, MPTCP understood. Skipped, and said, where tshark is not
//! installed.

use std::env;
use std::fs;
use std::process::{self, Command};

use sim_core::time::SimTime;
use sim_core::wire::crypto::{Key, MptcpVersion, join_hmac, truncated};
use sim_core::wire::dss::dss_checksum;
use sim_core::wire::mptcp::{CapableBody, DataSeq, Dss, Join, Mapping, MptcpOption};
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::payload::{Payload, StreamId};
use sim_core::wire::pcapng::PcapngWriter;
use sim_core::wire::seq::Seq;

const CLIENT_KEY: Key = Key(0xf3f3_4a78_b51c_7f6a);
const SERVER_KEY: Key = Key(0x3afd_8e52_bf2a_6944);
const V1: MptcpVersion = MptcpVersion::V1;

/// One segment of the first subflow or the second, from the client or to it.
fn segment(subflow: u16, from_client: bool, flags: Flags, option: MptcpOption) -> Packet {
    let v6 = subflow == 2;
    let (client, server) = if v6 {
        ("[2001:db8::1]:40002", "[2001:db8:1::1]:80")
    } else {
        ("10.0.1.2:40001", "10.1.1.2:80")
    };
    let (client, server) = (client.parse().unwrap(), server.parse().unwrap());
    let mut packet =
        if from_client { Packet::new(client, server) } else { Packet::new(server, client) };
    let (seq, ack) = if from_client { (1000, 2000) } else { (2000, 1000) };
    let syn = flags.has(Flags::SYN);
    packet.seq = Seq(if syn { seq } else { seq + 1 });
    packet.ack = Seq(if flags.has(Flags::ACK) { ack + 1 } else { 0 });
    packet.flags = flags;
    packet.window = 65_535;
    packet.tos = 0x02;
    option.emit(&mut packet.options).unwrap();
    packet.options.pad();
    packet
}

fn conversation() -> Vec<(usize, Packet, Option<&'static str>)> {
    let ack = Flags::ACK;
    let syn_ack = Flags::SYN.with(ack);
    let capable = |body| MptcpOption::Capable { version: 1, flags: 0x81, body };
    let both = CapableBody::Both { sender: CLIENT_KEY.0, receiver: SERVER_KEY.0 };
    let (nonce_a, nonce_b) = (0xf917_8ee3, 0x2edf_17cb);
    let hmac_b = truncated(&join_hmac(V1, SERVER_KEY, CLIENT_KEY, nonce_b, nonce_a));
    let hmac_a = join_hmac(V1, CLIENT_KEY, SERVER_KEY, nonce_a, nonce_b);

    let payload = Payload::described(StreamId(1), 0, 1001);
    let dsn = CLIENT_KEY.idsn(V1).wrapping_add(1);
    let checksum = dss_checksum(dsn, 1, 1001, payload.sum());
    let mapping = Mapping { dsn: DataSeq::Long(dsn), ssn: 1, len: 1001, checksum: Some(checksum) };
    let data_ack = DataSeq::Long(SERVER_KEY.idsn(V1).wrapping_add(1));
    let dss = Dss { data_fin: false, ack: Some(data_ack), mapping: Some(mapping) };
    let mut data = segment(1, true, ack.with(Flags::PSH), MptcpOption::Dss(dss));
    data.payload = payload;
    let mut broken = data.clone();
    broken.checksum_fault = 1;

    let join = |join| MptcpOption::Join(join);
    let token = SERVER_KEY.token(V1);
    let (backup, address_id) = (true, 3);
    vec![
        (0, segment(1, true, Flags::SYN, capable(CapableBody::None)), None),
        (
            1,
            segment(1, true, Flags::SYN, capable(CapableBody::None)),
            Some("box: nothing done — „so“"),
        ),
        (0, segment(1, false, syn_ack, capable(CapableBody::Sender(SERVER_KEY.0))), None),
        (0, segment(1, true, ack, capable(both)), None),
        (0, data, Some("first data")),
        (
            1,
            segment(
                2,
                true,
                Flags::SYN,
                join(Join::Syn { backup, address_id, token, nonce: nonce_a }),
            ),
            None,
        ),
        (
            1,
            segment(
                2,
                false,
                syn_ack,
                join(Join::SynAck { backup, address_id, hmac: hmac_b, nonce: nonce_b }),
            ),
            None,
        ),
        (1, segment(2, true, ack, join(Join::Ack { hmac: hmac_a })), None),
        (0, broken, Some("broken on purpose")),
    ]
}

const FIELDS: [&str; 12] = [
    "frame.interface_name",
    "frame.time_epoch",
    "frame.comment",
    "ip.checksum.status",
    "tcp.checksum.status",
    "tcp.options.mptcp.subtype",
    "tcp.options.mptcp.sendkey",
    "tcp.options.mptcp.recvkey",
    "tcp.options.mptcp.rawdataseqno",
    "tcp.options.mptcp.subflowseqno",
    "tcp.options.mptcp.datalvllen",
    "tcp.options.mptcp.recvtok",
];

#[test]
fn tshark_reads_what_is_written() {
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("skipped: tshark is not installed");
        return;
    }
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    let interfaces = ["dsl/inside", "lte/Zürich"].map(|name| writer.interface(name).unwrap());
    for (i, (interface, packet, comment)) in conversation().iter().enumerate() {
        let at = SimTime(1_000_000_001 * i as u64);
        writer.packet(interfaces[*interface], at, packet, *comment).unwrap();
    }
    let path = env::temp_dir().join(format!("option30-tshark-{}.pcapng", process::id()));
    fs::write(&path, writer.finish().unwrap()).unwrap();

    let tshark = |args: &[&str]| {
        let output = Command::new("tshark")
            .args(["-n", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-r"])
            .arg(&path)
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let fields: Vec<&str> = FIELDS.iter().flat_map(|field| ["-e", field]).collect();
    let table = tshark(&[&["-T", "fields", "-E", "separator=|"], &fields[..]].concat());
    let malformed = tshark(&["-Y", "_ws.malformed"]);
    let bad = tshark(&[
        "-Y",
        "ip.checksum.status == 0 || tcp.checksum.status == 0",
        "-T",
        "fields",
        "-e",
        "frame.number",
    ]);
    fs::remove_file(&path).unwrap();

    assert_eq!(malformed, "");
    assert_eq!(bad.trim(), "9", "only the packet with a fault");
    let expected = [
        "dsl/inside|0.000000000||1|1|0||||||",
        "lte/Zürich|1.000000001|box: nothing done — „so“|1|1|0||||||",
        "dsl/inside|2.000000002||1|1|0|4250710109353306436|||||",
        "dsl/inside|3.000000003||1|1|0|17578475652852252522|4250710109353306436||||",
        "dsl/inside|4.000000004|first data|1|1|2|||14833977774393048891|1|1001|",
        "lte/Zürich|5.000000005|||1|1||||||2178862237",
        "lte/Zürich|6.000000006|||1|1||||||",
        "lte/Zürich|7.000000007|||1|1||||||",
        "dsl/inside|8.000000008|broken on purpose|1|0|2|||14833977774393048891|1|1001|",
    ];
    assert_eq!(table.lines().collect::<Vec<_>>(), expected);
}
