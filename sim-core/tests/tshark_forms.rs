//! Every form of every option 30, of both versions and with every flag, and the ICMP errors, read by
//! Wireshark's dissectors: nothing malformed, no expert's complaint, each subtype and length as meant.
//! Skipped, and said, where tshark is not installed.

use std::env;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::process::{self, Command};

use sim_core::time::SimTime;
use sim_core::wire::crypto::{Key, MptcpVersion};
use sim_core::wire::dss::dss_checksum;
use sim_core::wire::icmp::{Quote, Reason, unnumbered};
use sim_core::wire::mptcp::{
    AddAddr, AddressIds, CapableBody, DataSeq, Dss, Join, Mapping, MptcpOption, ResetReason,
};
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::payload::{Payload, StreamId};
use sim_core::wire::pcapng::PcapngWriter;
use sim_core::wire::seq::Seq;

const SYN: Flags = Flags::SYN;
const ACK: Flags = Flags::ACK;

/// What stands in a segment: its flags, the option, and whether data follows. A SYN begins a connection, to
/// which a SYN/ACK and what has the keys belong; anything else stands for itself.
fn forms(v6: bool) -> Vec<(Flags, MptcpOption, bool)> {
    let syn_ack = SYN.with(ACK);
    let mut all = Vec::new();
    let family = u64::from(v6) << 16;
    let (mut sender, mut receiver) =
        (0x0102_0304_0506_0708 + family, 0x1112_1314_1516_1718 + family);
    for version in [0, 1] {
        // A: checksum; C: no join to the first address; H: HMAC-SHA1 or HMAC-SHA256.
        let without_joins = if version == 0 { &[][..] } else { &[0x21, 0xa1] };
        for &flags in [0x01, 0x81].iter().chain(without_joins) {
            // Connections have keys of their own.
            (sender, receiver) = (sender + 1, receiver + 1);
            let capable = |body| MptcpOption::Capable { version, flags, body };
            let syn = if version == 0 { CapableBody::Sender(sender) } else { CapableBody::None };
            all.push((SYN, capable(syn), false));
            all.push((syn_ack, capable(CapableBody::Sender(receiver)), false));
            all.push((ACK, capable(CapableBody::Both { sender, receiver }), false));
            if version == 1 {
                let dsn = Key(sender).idsn(MptcpVersion::V1).wrapping_add(1);
                let sum = Payload::described(StreamId(1), 0, 100).sum();
                let checksum = (flags & 0x80 != 0).then(|| dss_checksum(dsn, 1, 100, sum));
                let body = CapableBody::WithData { sender, receiver, len: 100, checksum };
                all.push((ACK, capable(body), true));
            }
        }
    }
    for backup in [false, true] {
        let join = MptcpOption::Join;
        let (address_id, token, nonce) = (2, 0xaabb_ccdd, 0x1122_3344);
        all.push((SYN, join(Join::Syn { backup, address_id, token, nonce }), false));
        let hmac = 0x0102_0304_0506_0708;
        all.push((syn_ack, join(Join::SynAck { backup, address_id, hmac, nonce }), false));
    }
    all.push((ACK, MptcpOption::Join(Join::Ack { hmac: [7; 20] }), false));
    let numbers = [DataSeq::Short(0x0102_0304), DataSeq::Long(0x0102_0304_0506_0708)];
    let acks = [None, Some(numbers[0]), Some(numbers[1])];
    for ack in acks {
        for dsn in numbers {
            for checksum in [None, Some(0x1234)] {
                for data_fin in [false, true] {
                    let len = 100 + u16::from(data_fin);
                    let mapping = Some(Mapping { dsn, ssn: 1, len, checksum });
                    all.push((ACK, MptcpOption::Dss(Dss { data_fin, ack, mapping }), true));
                }
                // DATA_FIN without payload; and the infinite mapping.
                let mapping = Some(Mapping { dsn, ssn: 0, len: 1, checksum });
                all.push((ACK, MptcpOption::Dss(Dss { data_fin: true, ack, mapping }), false));
                let mapping = Some(Mapping { dsn, ssn: 1, len: 0, checksum: checksum.map(|_| 0) });
                all.push((ACK, MptcpOption::Dss(Dss { data_fin: false, ack, mapping }), true));
            }
        }
        if ack.is_some() {
            all.push((ACK, MptcpOption::Dss(Dss { data_fin: false, ack, mapping: None }), false));
        }
    }
    for address in ["192.0.2.1", "2001:db8::1"] {
        let address: IpAddr = address.parse().unwrap();
        for port in [None, Some(5001)] {
            for (v0, echo, hmac) in
                [(true, false, None), (false, true, None), (false, false, Some(9))]
            {
                let add = AddAddr { v0, echo, address_id: 3, address, port, hmac };
                all.push((ACK, MptcpOption::AddAddr(add), false));
            }
        }
    }
    for ids in [&[1][..], &[1, 2], &[1, 2, 3, 4, 5, 6, 7, 8]] {
        all.push((ACK, MptcpOption::RemoveAddr(AddressIds::new(ids).unwrap()), false));
    }
    for backup in [false, true] {
        for address_id in [None, Some(4)] {
            all.push((ACK, MptcpOption::Prio { backup, address_id }, false));
        }
    }
    all.push((ACK, MptcpOption::Fail { dsn: 0x0102_0304_0506_0708 }, false));
    all.push((ACK, MptcpOption::FastClose { key: sender }, false));
    all.push((Flags::RST, MptcpOption::FastClose { key: sender }, false));
    for transient in [false, true] {
        for reason in 0..=6 {
            let reason = ResetReason(reason);
            all.push((Flags::RST, MptcpOption::TcpRst { transient, reason }, false));
        }
    }
    all
}

/// A segment between `port` and port 80.
fn segment(port: u16, v6: bool, flags: Flags, option: &MptcpOption, data: bool) -> Packet {
    let (client, server): (SocketAddr, SocketAddr) = if v6 {
        let address = |net| [0x2001, 0xdb8, net, 0, 0, 0, 0, 1];
        ((address(0), port).into(), (address(1), 80).into())
    } else {
        (([10, 0, 1, 2], port).into(), ([10, 1, 1, 2], 80).into())
    };
    let answers = flags.is_syn_ack();
    let mut packet =
        if answers { Packet::new(server, client) } else { Packet::new(client, server) };
    (packet.flags, packet.window) = (flags, 65_535);
    let opened = !flags.has(SYN);
    packet.seq = Seq(if answers { 2000 } else { 1000 + u32::from(opened) });
    if flags.has(ACK) {
        packet.ack = Seq(if answers { 1001 } else { 2001 });
    }
    if data {
        packet.payload = Payload::described(StreamId(1), 0, 100);
    }
    if flags.has(SYN) {
        packet.options.push(&[2, 4, 5, 180]).unwrap();
    }
    option.emit(&mut packet.options).unwrap();
    packet.options.pad();
    packet
}

/// The ports of the forms.
fn ports(forms: &[(Flags, MptcpOption, bool)]) -> Vec<u16> {
    let mut port = 10_000;
    let of = |(flags, option, _): &(Flags, MptcpOption, bool)| {
        let keys = matches!(option, MptcpOption::Capable { .. });
        let proof = matches!(option, MptcpOption::Join(Join::Ack { .. }));
        port += u16::from(!(flags.is_syn_ack() || (keys && !flags.has(SYN)) || proof));
        port
    };
    forms.iter().map(of).collect()
}

fn errors() -> Vec<Packet> {
    let mut all = Vec::new();
    for v6 in [false, true] {
        let capable = MptcpOption::Capable { version: 1, flags: 1, body: CapableBody::None };
        let mut about = segment(9_000, v6, ACK, &capable, false);
        for reason in [Reason::TooBig { mtu: 1400 }, Reason::Prohibited, Reason::TimeExceeded] {
            for quote in [Quote::EightBytes, Quote::AsMuchAsFits] {
                // What is quoted whole has a checksum that is verified.
                let len = if quote == Quote::EightBytes { 1_400 } else { 100 };
                about.payload = Payload::described(StreamId(1), 0, len);
                let from = unnumbered(!v6);
                let mut error = Packet::icmp_error(from, &about, reason, quote).unwrap();
                all.push(error.clone());
                // As a translation leads it back.
                let mut flow = about.flow();
                flow.src.set_port(7);
                error.rewrite_quote(flow, Seq(77));
                all.push(error);
            }
        }
    }
    all
}

/// What an expert may say: what the form means, or, of the C flag (RFC 8684 §3.1), that it would be an
/// algorithm, as it was in RFC 6824, after which the keys are not looked at.
fn is_meant(option: &MptcpOption, message: &str) -> bool {
    let forbids_joins = matches!(option, MptcpOption::Capable { flags, .. } if flags & 0x20 != 0);
    let infinite =
        matches!(option, MptcpOption::Dss(Dss { mapping: Some(Mapping { len: 0, .. }), .. }));
    message.starts_with("Connection ")
        || (infinite && message == "Fallback to infinite mapping")
        || (forbids_joins
            && (message == "Unsupported algorithm" || message.starts_with("The echoed key")))
}

#[test]
fn tshark_has_no_complaint() {
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("skipped: tshark is not installed");
        return;
    }
    let forms = [forms(false), forms(true)].concat();
    let (v4_forms, v6_forms) = forms.split_at(forms.len() / 2);
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    let interface = writer.interface("forms").unwrap();
    let mut written = 0u64;
    let mut write = |packet: &Packet| {
        writer.packet(interface, SimTime(written * 1_000), packet, None).unwrap();
        written += 1;
    };
    for (v6, forms) in [(false, v4_forms), (true, v6_forms)] {
        for ((flags, option, data), port) in forms.iter().zip(ports(forms)) {
            write(&segment(port, v6, *flags, option, *data));
        }
    }
    errors().iter().for_each(&mut write);
    let path = env::temp_dir().join(format!("option30-forms-{}.pcapng", process::id()));
    fs::write(&path, writer.finish().unwrap()).unwrap();
    let tshark = |args: &[&str]| {
        let output = Command::new("tshark")
            .args(["-n", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"])
            .args(["-o", "tcp.analyze_sequence_numbers:FALSE", "-r"])
            .arg(&path)
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let fields = ["-T", "fields", "-E", "occurrence=a"];
    let columns = ["frame.number", "tcp.options.mptcp.subtype", "tcp.option_len", "icmp.mtu"];
    let columns: Vec<&str> = columns.iter().flat_map(|column| ["-e", column]).collect();
    let table = tshark(&[&fields[..], &columns].concat());
    // Warnings (0x600000) and errors (0x800000); resets and SYNs are chats.
    let complaints = tshark(&[
        "-Y",
        "_ws.malformed || _ws.expert.severity >= 0x600000",
        "-T",
        "fields",
        "-e",
        "frame.number",
        "-e",
        "_ws.expert.message",
        "-e",
        "tcp.options.mptcp.subtype",
    ]);
    let bad = tshark(&[
        "-Y",
        "ip.checksum.status == 0 || tcp.checksum.status == 0 || icmp.checksum.status == 0 \
         || icmpv6.checksum.status == 0",
    ]);
    let quoted = tshark(&["-Y", "icmp || icmpv6", "-T", "fields", "-e", "tcp.srcport"]);
    fs::remove_file(&path).unwrap();

    for line in complaints.lines() {
        let mut columns = line.split('\t');
        let frame: usize = columns.next().and_then(|n| n.parse().ok()).expect("a frame's number");
        let Some((_, option, _)) = forms.get(frame - 1) else { panic!("{line}") };
        let message = columns.next().unwrap_or_default();
        let unmeant = message.split(',').filter(|message| !is_meant(option, message));
        assert_eq!(unmeant.collect::<Vec<_>>(), [""; 0], "frame {frame}: {option:?}");
    }
    assert_eq!(bad, "");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), forms.len() + errors().len());
    for (row, (_, option, _)) in rows.iter().zip(&forms) {
        let subtype = (option.subtype() as u8).to_string();
        assert_eq!(row[1], subtype, "frame {}: {option:?}", row[0]);
        let mut options = sim_core::wire::options::Options::new();
        option.emit(&mut options).unwrap();
        let lens: Vec<&str> = row[2].split(',').collect();
        assert!(lens.contains(&options.len().to_string().as_str()), "{row:?}: {option:?}");
    }
    let mtus = rows.iter().filter(|row| row.get(3).is_some_and(|mtu| *mtu == "1400")).count();
    assert_eq!(mtus, 4, "fragmentation needed, as quoted and as led back, in both lengths");
    let ports: Vec<&str> = quoted.lines().collect();
    assert_eq!(ports.iter().filter(|p| **p == "7").count(), errors().len() / 2, "{ports:?}");
}
