//! Connections through a carrier-grade NAT.

use sim_core::wire::packet::Flags;
use sim_core::wire::payload::Payload;

use super::*;
use crate::steps::track::Sender::{Initiator, Responder};
use crate::testing::{OUTSIDE, SYN_OPTIONS, segment, send, send_from, with_options};

const TEXT: &str = "service cgn demo
 service-type nat44 nat1
  portlimit 2
  alg ActiveFTP
  inside-vrf subscribers
   map address-pool 198.51.100.0/31
  protocol tcp
   mss 1360
   static-forward inside
    address 10.0.9.9 port 80
  protocol udp
   session initial timeout 1
";

fn cgn(text: &str) -> Cgn {
    let (device, warnings) = build(Some(ConfigText::new("x.cfg", text))).unwrap();
    assert_eq!(warnings, []);
    device
}

fn syn(host: u8, port: u16, server: u8) -> Packet {
    let mut packet = with_options(segment(Initiator, Flags::SYN, 1, 0, 0), &SYN_OPTIONS);
    packet.src = IpAddr::from([10, 0, 1, host]);
    packet.src_port = port;
    packet.dst = IpAddr::from([203, 0, 113, server]);
    packet
}

#[test]
fn one_socket_for_all_peers_and_a_limit_for_each_host() {
    let mut device = cgn(TEXT);
    let mut from = |host, port, server| {
        let out = send(&mut device, 0, syn(host, port, server));
        out.drop_reason().map_or_else(|| out.packet.source().to_string(), str::to_owned)
    };
    // The pool's first address went to the static forward.
    assert_eq!(from(2, 1000, 1), "198.51.100.1:1000");
    assert_eq!(from(2, 1000, 2), "198.51.100.1:1000", "endpoint-independent");
    assert_eq!(from(2, 1001, 1), "198.51.100.1:1001");
    assert_eq!(from(2, 1002, 1), "port limit");
    assert_eq!(from(3, 1000, 1), "198.51.100.0:1000");
    assert_eq!(device.counters()[2].1, 1);
    let out = send(&mut device, 0, syn(4, 7, 1));
    assert_eq!((out.packet.options.mss(), out.packet.options.has(30)), (Some(1360), true));
    let out = send(&mut device, 120_001, syn(2, 1002, 1));
    assert_eq!(out.drop_reason(), None, "idle ones are gone");
}

#[test]
fn anybody_outside_reaches_a_mapping_and_nothing_else() {
    let mut device = cgn(TEXT);
    send(&mut device, 0, syn(2, 1000, 1));
    let mut to = |global: &str| {
        let mut packet = segment(Responder, Flags::SYN, 9, 0, 0);
        let global: SocketAddr = global.parse().unwrap();
        (packet.dst, packet.dst_port, packet.src_port) = (global.ip(), global.port(), 7);
        let out = send_from(&mut device, 1, OUTSIDE, packet);
        out.drop_reason().map_or_else(|| out.packet.destination().to_string(), str::to_owned)
    };
    assert_eq!(to("198.51.100.1:1000"), "10.0.1.2:1000");
    assert_eq!(to("198.51.100.0:80"), "10.0.9.9:80");
    assert_eq!(to("198.51.100.1:1"), "no mapping");
    assert_eq!(to("192.0.2.1:1"), "192.0.2.1:1", "not of the pool");
}

#[test]
fn active_ftp() {
    let mut device = cgn(TEXT);
    let ftp = |packet: Packet| Packet { dst_port: 21, ..packet };
    send(&mut device, 0, ftp(syn(2, 1000, 1)));
    let mut port = ftp(Packet { flags: Flags::ACK, ..syn(2, 1000, 1) });
    port.payload = Payload::literal(*b"PORT 10,0,1,2,4,210\r\n");
    let out = send(&mut device, 1, port);
    assert_eq!(out.packet.payload.to_vec(), b"PORT 198,51,100,1,4,210\r\n");
    assert!(device.report().iter().any(|l| l.contains("1234    1234     static")));
}

#[test]
fn faults_are_said() {
    let first = |text: &str| {
        let found = match build(Some(ConfigText::new("x", text))) {
            Ok((_, warnings)) => warnings,
            Err(errors) => errors,
        };
        found.last().map(ToString::to_string).unwrap_or_default()
    };
    assert!(
        first("service cgn x\n map address-pool 192.0.2.0/24\n portlimit many\n")
            .contains("a number of ports")
    );
    assert!(
        first("service cgn x\n map address-pool 192.0.2.0/24\n portlimt 7\n")
            .contains("did you mean portlimit?")
    );
    assert!(first("service cgn x\n portlimit 7\n").contains("nothing is translated"));
    assert!(first("service cgn x\n map address-pool 10.0.0.0/8\n").contains("of 16 to 32"));
}

#[test]
fn an_audit_tells_of_translation_only_where_there_is_some() {
    let says = |text: &str, what: &str| {
        let found = warnings(ConfigText::new("x.cfg", text));
        found.iter().any(|warning| warning.message.contains(what))
    };
    for service in ["cgn", "cgv6"] {
        let empty = format!("service {service} x\n service-type nat44 n\n  portlimit 7\n");
        assert!(says(&empty, "nothing is translated"));
        assert!(!says(&empty, "addresses are translated"));
        let pool = format!("{empty}  inside-vrf v\n   map address-pool 192.0.2.0/24\n");
        assert!(says(&pool, "addresses are translated"));
    }
}
