//! Packets through a translation, and what it signs.

use std::net::SocketAddr;

use sim_core::engine::device::{Device, Forwarding, Origin, Side};
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::payload::Payload;
use sim_core::wire::seq::Seq;

use super::FACTORY;
use crate::config::Severity;
use crate::ios::router::IosRouter;
use crate::steps::track::Sender::{Initiator, Responder};
use crate::testing::{
    OUTSIDE, Outcome, SYN_OPTIONS, ios_findings, ios_router, segment, send, send_from, too_big,
    with_options,
};

const TEXT: &str = "interface GigabitEthernet0/0
 ip address 10.0.1.1 255.255.255.0
 ip nat inside
interface GigabitEthernet0/1
 ip address 192.0.2.1 255.255.255.0
 ip nat outside
access-list 1 permit 10.0.0.0 0.255.255.255
ip nat inside source list 1 interface GigabitEthernet0/1 overload
";

fn nat(text: &str) -> IosRouter {
    let (device, warnings) = ios_router(FACTORY, Some(text)).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(warnings, [], "{text}");
    device
}

fn instead(line: &str) -> String {
    let end = TEXT.find("ip nat inside source").unwrap();
    format!("{}{line}\n", &TEXT[..end])
}

fn syn(from: &str) -> Packet {
    let mut packet = with_options(segment(Initiator, Flags::SYN, 1, 0, 0), &SYN_OPTIONS);
    let from: SocketAddr = from.parse().unwrap();
    (packet.src, packet.src_port) = (from.ip(), from.port());
    packet
}

/// What comes back to `to`, from outside.
fn back(device: &mut IosRouter, to: &str, packet: Packet) -> Outcome {
    let to: SocketAddr = to.parse().unwrap();
    send_from(device, 1, OUTSIDE, Packet { dst: to.ip(), dst_port: to.port(), ..packet })
}

fn answer() -> Packet {
    with_options(segment(Responder, Flags(0x12), 9, 2, 0), &SYN_OPTIONS)
}

#[test]
fn overload_keeps_ports_where_it_can_and_options_always() {
    for mut device in [nat(TEXT), ios_router(FACTORY, None).unwrap().0] {
        let out = send(&mut device, 0, syn("10.0.1.2:40000"));
        assert_eq!(out.packet.source().to_string(), "192.0.2.1:40000");
        assert_eq!(out.packet.options.as_bytes(), SYN_OPTIONS);
        assert_eq!(out.labels(), ["translated"]);
        // Another host with the same port gets the first free one of the group.
        let out = send(&mut device, 0, syn("10.0.1.3:40000"));
        assert_eq!(out.packet.source().to_string(), "192.0.2.1:1024");
        assert_eq!(
            send(&mut device, 0, syn("10.0.1.3:400")).packet.source().to_string(),
            "192.0.2.1:400"
        );
        let out = back(&mut device, "192.0.2.1:40000", answer());
        assert_eq!(out.packet.destination().to_string(), "10.0.1.2:40000");
        let out = back(&mut device, "192.0.2.1:1024", answer());
        assert_eq!(out.packet.destination().to_string(), "10.0.1.3:40000");
        let out = back(&mut device, "192.0.2.1:5000", answer());
        assert_eq!(out.drop_reason(), Some("no translation"));
        device.reload(sim_core::time::SimTime::ZERO);
        assert_eq!(
            back(&mut device, "192.0.2.1:1024", answer()).drop_reason(),
            Some("no translation")
        );
    }
}

#[test]
fn which_line_translates() {
    let source = |text: &str, from: &str| {
        let out = send(&mut nat(text), 0, syn(from));
        match out.drop_reason() {
            Some(reason) => reason.to_owned(),
            None => out.packet.source().to_string(),
        }
    };
    let check = |line: &str, from: &str, expected: &str| {
        assert_eq!(source(&instead(line), from), expected, "{line}");
    };
    let host = "10.0.1.2:40000";
    check("ip nat inside source static 10.0.1.2 192.0.2.10", host, "192.0.2.10:40000");
    check("ip nat inside source static 10.0.1.3 192.0.2.10", host, host);
    check("ip nat inside source static tcp 10.0.1.2 40000 192.0.2.10 80", host, "192.0.2.10:80");
    check("ip nat inside source static tcp 10.0.1.2 22 192.0.2.10 22", host, host);
    check(
        "ip nat inside source static tcp 10.0.1.2 40000 interface GigabitEthernet0/1 8080",
        host,
        "192.0.2.1:8080",
    );
    check(
        "ip nat inside source static network 10.0.1.0 198.51.100.0 /24",
        host,
        "198.51.100.2:40000",
    );
    let pool = "ip nat pool P 192.0.2.20 192.0.2.21 netmask 255.255.255.0\n";
    check(&format!("{pool}ip nat inside source list 1 pool P"), host, "192.0.2.20:40000");
    check(&format!("{pool}ip nat inside source list 1 pool P overload"), host, "192.0.2.20:40000");
    check(&format!("{pool}ip nat inside source list 1 pool P"), "172.16.0.2:1", "172.16.0.2:1");
    let map = "route-map M deny 5\n match ip address 7\nroute-map M permit 10\n match ip address 1\naccess-list 7 permit 10.0.1.9\n";
    let by_map = format!("{map}ip nat inside source route-map M interface GigabitEthernet0/1");
    check(&by_map, host, "192.0.2.1:40000");
    check(&by_map, "10.0.1.9:5", "10.0.1.9:5");
}

#[test]
fn a_pool_has_an_address_for_each_host_until_it_is_empty() {
    let pool =
        "ip nat pool P 192.0.2.20 192.0.2.21 prefix-length 24\nip nat inside source list 1 pool P";
    let mut device = nat(&instead(pool));
    let mut from = |host: &str| {
        let out = send(&mut device, 0, syn(host));
        out.drop_reason().map_or_else(|| out.packet.source().to_string(), str::to_owned)
    };
    assert_eq!(from("10.0.1.2:1"), "192.0.2.20:1");
    assert_eq!(from("10.0.1.3:1"), "192.0.2.21:1");
    assert_eq!(from("10.0.1.2:2"), "192.0.2.20:2");
    assert_eq!(from("10.0.1.4:1"), "no free address");
    assert!(device.report().iter().any(|l| l.contains("%IPNAT-4-ADDR_ALLOC_FAILURE: ")));
    let out = back(&mut device, "192.0.2.21:99", Packet { src_port: 7, ..answer() });
    assert_eq!(out.packet.destination().to_string(), "10.0.1.3:99", "while the lease lasts");
}

#[test]
fn a_server_behind_a_static_translation() {
    let text = instead("ip nat inside source static 10.0.1.2 192.0.2.10");
    let mut device = nat(&text);
    let standing = device.stands_for();
    let host = standing[0].host.map(|a| a.to_string());
    assert_eq!((standing[0].side, host.as_deref()), (Side::Outside, Some("10.0.1.2")));
    let call = Packet { src_port: 7, ..with_options(answer(), &SYN_OPTIONS) };
    let out = back(&mut device, "192.0.2.10:22", Packet { flags: Flags::SYN, ..call });
    assert_eq!(out.packet.destination().to_string(), "10.0.1.2:22");
    assert!(matches!(&out.rule("translated").origin, Origin::Config(l) if l.line == 8));
    let reply = Packet { src_port: 22, dst_port: 7, flags: Flags(0x12), ..syn("10.0.1.2:22") };
    assert_eq!(send(&mut device, 2, reply).packet.source().to_string(), "192.0.2.10:22");
}

#[test]
fn a_rotary_pool_takes_its_hosts_in_turn() {
    let line = "ip nat pool REAL 10.0.1.11 10.0.1.12 prefix-length 24 type rotary\naccess-list 2 permit ip any any\nip nat inside destination list VIP pool REAL\nip access-list extended VIP\n permit tcp any host 192.0.2.9 eq 80";
    let mut device = nat(&instead(line).replace("access-list 2 permit ip any any\n", ""));
    let mut call = |port| {
        let packet = Packet { src_port: port, flags: Flags::SYN, ..answer() };
        back(&mut device, "192.0.2.9:80", packet).packet.dst.to_string()
    };
    assert_eq!([1, 2, 3, 1].map(&mut call), ["10.0.1.11", "10.0.1.12", "10.0.1.11", "10.0.1.11"]);
}

fn open_ftp(text: &str) -> IosRouter {
    let mut device = nat(text);
    let ftp = |p: Packet| Packet { dst_port: 21, ..p };
    send(&mut device, 0, ftp(syn("10.0.1.2:40000")));
    let back_from = Packet { src_port: 21, ..answer() };
    back(&mut device, "192.0.2.1:40000", back_from);
    device
}

fn said(seq: u32, ack: u32, text: &str) -> Packet {
    let mut packet = segment(Initiator, Flags::ACK, seq, ack, 0);
    packet.dst_port = 21;
    packet.payload = Payload::literal(text.as_bytes());
    packet
}

#[test]
fn ftp_payload_is_rewritten_and_numbers_follow() {
    let mut device = open_ftp(TEXT);
    let out = send(&mut device, 2, said(2, 10, "PORT 10,0,1,2,200,10\r\n"));
    assert_eq!(out.packet.payload.to_vec(), b"PORT 192,0,2,1,200,10\r\n");
    assert_eq!(out.labels(), ["payload-rewritten", "translated"]);
    // Again, the same: no second socket is opened.
    let out = send(&mut device, 3, said(2, 10, "PORT 10,0,1,2,200,10\r\n"));
    assert_eq!(out.packet.payload.to_vec(), b"PORT 192,0,2,1,200,10\r\n");
    let out = send(&mut device, 4, said(24, 10, "LIST\r\n"));
    assert_eq!((out.packet.seq, out.packet.payload.len), (Seq(25), 6));
    let mut ack = segment(Responder, Flags::ACK, 10, 31, 0);
    ack.src_port = 21;
    assert_eq!(back(&mut device, "192.0.2.1:40000", ack).packet.ack, Seq(30));
    // The server's data connection reaches the socket that was announced.
    let data = Packet { src_port: 20, flags: Flags::SYN, ..answer() };
    let out = back(&mut device, "192.0.2.1:51210", data);
    assert_eq!(out.packet.destination().to_string(), "10.0.1.2:51210");
}

#[test]
fn what_a_gateway_leaves_alone() {
    let unchanged = |text: &str, port: u16, said: Packet| {
        let mut device = nat(text);
        send(&mut device, 0, Packet { dst_port: port, ..syn("10.0.1.2:40000") });
        let out = send(&mut device, 1, Packet { dst_port: port, ..said.clone() });
        assert_eq!(out.packet.payload, said.payload, "{text} {port}");
    };
    let port = || said(2, 10, "PORT 10,0,1,2,200,10\r\n");
    unchanged(TEXT, 5001, port());
    unchanged(TEXT, 21, said(2, 10, "PORT 10,0,1,2,2"));
    unchanged(TEXT, 21, said(2, 10, "\x16\x03\x01\x02\x00\x01\x00"));
    unchanged(&format!("{TEXT}no ip nat service ftp tcp port 21\n"), 21, port());
    let fixed = instead("ip nat inside source static 10.0.1.2 192.0.2.1 no-payload");
    unchanged(&fixed, 21, port());
}

#[test]
fn with_a_firewall_on_the_same_router() {
    let zones = "zone security inside\nzone security outside\nclass-map type inspect T\n match protocol tcp\n\
                 policy-map type inspect P\n class type inspect T\n  inspect\nzone-pair security Z source inside destination outside\n service-policy type inspect P\n";
    let zoned = TEXT
        .replace(" ip nat inside\n", " ip nat inside\n zone-member security inside\n")
        .replace(" ip nat outside\n", " ip nat outside\n zone-member security outside\n");
    let cbac = TEXT.replace(
        " ip nat outside\n",
        " ip nat outside\n ip access-group 101 in\n ip inspect FW out\n",
    ) + "ip inspect name FW tcp\naccess-list 101 deny ip any any\n";
    for text in [format!("{zones}{zoned}"), cbac] {
        let mut device = nat(&text);
        assert!(back(&mut device, "192.0.2.1:40000", answer()).drop_reason().is_some());
        send(&mut device, 0, syn("10.0.1.2:40000"));
        let out = back(&mut device, "192.0.2.1:40000", answer());
        assert_eq!(out.drop_reason(), None, "{text}");
        assert_eq!(out.packet.destination().to_string(), "10.0.1.2:40000");
        // Payload that has grown passes the firewall's checks of numbers.
        let mut device = open_ftp(&text);
        send(&mut device, 1, said(2, 10, "PORT 10,0,1,2,200,10\r\n"));
        let mut ack = segment(Responder, Flags::ACK, 10, 25, 0);
        ack.src_port = 21;
        assert_eq!(back(&mut device, "192.0.2.1:40000", ack).drop_reason(), None, "{text}");
    }
}

#[test]
fn entries_are_limited_logged_and_shown() {
    let mut device = nat(&format!(
        "{TEXT}ip nat translation max-entries 1\nip nat log translations syslog\nip nat translation syn-timeout 5\n"
    ));
    send(&mut device, 0, syn("10.0.1.2:40000"));
    let out = send(&mut device, 0, syn("10.0.1.3:40000"));
    assert_eq!(out.drop_reason(), Some("max entries"));
    let shown = device.report();
    assert_eq!(
        &shown[..3],
        [
            "show ip nat translations",
            "Pro Inside global         Inside local       Outside local      Outside global",
            "tcp 192.0.2.1:40000       10.0.1.2:40000     10.1.1.2:5001      10.1.1.2:5001",
        ]
    );
    send(&mut device, 5_000, syn("10.0.1.3:40000"));
    let shown = device.report().join("\n");
    assert!(shown.contains(
        "%IPNAT-6-CREATED: tcp 10.0.1.2:40000 192.0.2.1:40000 10.1.1.2:5001 10.1.1.2:5001"
    ));
    assert!(shown.contains("%IPNAT-6-DELETED: tcp 10.0.1.2:40000"));
    assert!(shown.contains("tcp 192.0.2.1:40000       10.0.1.3:40000"), "the port is free again");
}

#[test]
fn what_is_said_about_the_text() {
    let check = |text: &str, severity, line, says: &str| {
        let found = ios_findings(text);
        let first = found.first().unwrap_or_else(|| panic!("nothing said about {text}"));
        assert_eq!((first.severity, first.line), (severity, line), "{first}");
        assert!(first.to_string().contains(says), "{first}");
    };
    use Severity::{Error, Warning};
    check(&TEXT.replace("list 1 i", "list 2 i"), Warning, 8, "access list 2 is not defined");
    check(&TEXT.replace("source list", "sorce list"), Error, 8, "did you mean source?");
    check(&TEXT.replace("overload", "overlaod"), Error, 8, "did you mean overload?");
    check(&TEXT.replace("0/1 overload", "0/7 overload"), Warning, 8, "not in this text");
    check(&TEXT.replace("192.0.2.1 255.255.255.0", "dhcp"), Warning, 8, "does not say the address");
    check(&instead("ip nat inside source list 1 pool X"), Warning, 8, "pool X is not defined");
    check(&instead("ip nat pool P 192.0.2.9 192.0.2.1 prefix-length 24"), Error, 8, "ends before");
    check(&instead("ip nat inside source static 10.0.1.2 x"), Error, 8, "expected an IPv4 address");
    check(
        &TEXT.replace(" ip nat inside\n", "").replace(" ip nat outside\n", ""),
        Warning,
        6,
        "nothing is translated",
    );
}

#[test]
fn an_icmp_error_is_led_back_to_the_inside_host() {
    let mut device = nat(TEXT);
    let inside = syn("10.0.1.2:40000");
    let about = send(&mut device, 0, inside.clone()).packet;
    let out = send_from(&mut device, 1, OUTSIDE, too_big(&about, 1400));
    assert_eq!((out.forwarding, out.labels()), (Forwarding::Through, vec!["translated".into()]));
    let error = out.packet.icmp().unwrap();
    assert_eq!((out.packet.dst, error.flow()), (inside.src, Some(inside.flow())));
    assert_eq!(error.seq(), Some(inside.seq));
    // About a connection that nobody has, to an address of the translation.
    let mut other = about;
    other.src_port = 7;
    let out = send_from(&mut device, 1, OUTSIDE, too_big(&other, 1400));
    assert_eq!(out.drop_reason(), Some("no translation"));
}
