//! Packets through an ASA that translates.

use std::net::SocketAddr;

use sim_core::engine::device::{Device, Forwarding, Side};
use sim_core::wire::packet::{Flags, Flow, Packet};
use sim_core::wire::seq::Seq;

use crate::asa::{Asa, Settings, build, grammar};
use crate::config::{ConfigText, Diagnostics};
use crate::spec::DeviceContext;
use crate::testing::{CLIENT, INSIDE, OUTSIDE, Outcome, SERVER, send_from, too_big};

const INTERFACES: &str = "interface G0\n nameif outside\n security-level 0\n ip address 198.51.100.1 \
                          255.255.255.0\ninterface G1\n nameif inside\n security-level 100\n ip address \
                          10.0.1.1 255.255.255.0\n";

fn asa(rules: &str) -> Asa {
    let text = format!("{INTERFACES}{rules}");
    let context = DeviceContext { name: "edge", seed: 1, default_farm: None };
    let text = ConfigText::new("edge.cfg", &text);
    match build(&Settings::default(), &context, Some(text)) {
        Ok((asa, warnings)) => {
            assert!(warnings.is_empty(), "{warnings:?}");
            asa
        }
        Err(errors) => panic!("{errors:?}"),
    }
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn syn(from: SocketAddr, to: SocketAddr) -> Packet {
    let mut packet = Packet::new(from, to);
    (packet.flags, packet.seq, packet.window) = (Flags::SYN, Seq(1000), 64_000);
    packet
}

/// A SYN, and the SYN/ACK that answers it.
fn call(asa: &mut Asa, ms: u64, from: SocketAddr, to: SocketAddr) -> (Outcome, Outcome) {
    let (near, far) = if from.ip() == CLIENT.ip() { (INSIDE, OUTSIDE) } else { (OUTSIDE, INSIDE) };
    let first = send_from(asa, ms, near, syn(from, to));
    let mut answer = Packet::new(first.packet.destination(), first.packet.source());
    (answer.flags, answer.seq) = (Flags::SYN.with(Flags::ACK), Seq(7));
    (answer.ack, answer.window) = (first.packet.seq.add(1), 64_000);
    let second = send_from(asa, ms + 1, far, answer);
    (first, second)
}

#[test]
fn dynamic_interface_shares_the_address_and_leads_back() {
    let text = "object network lan\n subnet 10.0.0.0 255.255.0.0\n nat (inside,outside) dynamic interface\n";
    let mut asa = asa(text);
    let (first, second) = call(&mut asa, 0, CLIENT, SERVER);
    assert_eq!(first.packet.source(), at("198.51.100.1:40000"));
    assert!(first.labels().contains(&"translated".to_owned()), "{:?}", first.labels());
    let logged = "%ASA-6-302013: Built outbound TCP connection 1 for outside:10.1.1.2/5001 (10.1.1.2/5001) to inside:10.0.1.2/40000 (198.51.100.1/40000)";
    assert!(asa.report().iter().any(|line| line == logged), "{:?}", asa.report());
    assert_eq!(second.forwarding, Forwarding::Through);
    assert_eq!(second.packet.flow(), Flow { src: SERVER, dst: CLIENT });
    // The same port of another host is given another one.
    let other = send_from(&mut asa, 10, INSIDE, syn(at("10.0.9.9:40000"), SERVER)).packet.source();
    assert_eq!(other.ip(), at("198.51.100.1:1").ip());
    assert_ne!(other.port(), 40_000);
    // Nobody calls the shared address from outside, nor the real one past the rule.
    let stray = send_from(&mut asa, 20, OUTSIDE, syn(SERVER, at("198.51.100.1:5001")));
    assert_eq!(stray.drop_reason(), Some("nat-no-xlate-to-pat-pool"));
    let past = send_from(&mut asa, 21, OUTSIDE, syn(SERVER, at("10.0.1.2:5001")));
    assert_eq!(past.drop_reason(), Some("nat-rpf-failed"));
    // A router's error about the translated segment reaches the client, who knows it by its own address.
    let error = send_from(&mut asa, 30, OUTSIDE, too_big(&first.packet, 1400));
    assert_eq!(error.drop_reason(), Some("acl-drop"), "inspect icmp is not on");
    let shown = asa.report();
    let xlate = "TCP PAT from inside:10.0.1.2/40000 to outside:198.51.100.1/40000 flags ri";
    assert!(shown.iter().any(|line| line == xlate), "{shown:?}");
    assert!(
        shown.contains(&"    translate_hits = 2, untranslate_hits = 0".to_owned()),
        "{shown:?}"
    );
}

#[test]
fn errors_of_routers_are_led_back() {
    let text = "object network lan\n subnet 10.0.0.0 255.255.0.0\n nat (inside,outside) dynamic interface\n\
                access-list o extended permit icmp any any\naccess-group o in interface outside\n";
    let mut asa = asa(text);
    let (first, _) = call(&mut asa, 0, CLIENT, SERVER);
    let error = send_from(&mut asa, 30, OUTSIDE, too_big(&first.packet, 1400));
    assert_eq!(error.forwarding, Forwarding::Through, "{:?}", error.drop_reason());
    let quoted = error.packet.icmp().unwrap();
    assert_eq!(quoted.flow(), Some(Flow { src: CLIENT, dst: SERVER }));
    assert_eq!(quoted.seq(), Some(Seq(1000)));
    assert_eq!(error.packet.dst, CLIENT.ip());
}

#[test]
fn a_static_host_is_called_by_its_mapped_address_and_lists_name_the_real_one() {
    let text = "object network web\n host 10.0.1.2\n nat (inside,outside) static 198.51.100.10\n\
                access-list o extended permit tcp any host 10.0.1.2\naccess-group o in interface outside\n";
    let mut asa = asa(text);
    let (first, second) = call(&mut asa, 0, SERVER, at("198.51.100.10:40000"));
    assert_eq!(first.packet.destination(), CLIENT);
    assert_eq!(second.packet.source(), at("198.51.100.10:40000"));
    let (out, _) = call(&mut asa, 10, at("10.0.1.2:50"), SERVER);
    assert_eq!(out.packet.source(), at("198.51.100.10:50"));
    let [standing] = asa.stands_for().try_into().unwrap();
    assert_eq!((standing.side, standing.prefix_len), (Side::Outside, 32));
    assert_eq!(standing.host, Some(CLIENT.ip()));
}

#[test]
fn a_port_is_forwarded() {
    let text = "object network web\n host 10.0.1.2\n nat (inside,outside) static interface service tcp 5001 \
                80\naccess-list o extended permit tcp any host 10.0.1.2 eq 5001\naccess-group o in interface \
                outside\n";
    let mut asa = asa(text);
    let (first, second) = call(&mut asa, 0, SERVER, at("198.51.100.1:80"));
    assert_eq!(first.packet.destination(), at("10.0.1.2:5001"));
    assert_eq!(second.packet.source(), at("198.51.100.1:80"));
}

#[test]
fn sections_go_before_each_other_and_an_exemption_ends_the_search() {
    let rules = "object network lan\n subnet 10.0.0.0 255.255.0.0\nobject network host2\n host 10.0.1.2\n\
                 object network far\n host 10.1.1.2\nobject network pool\n range 203.0.113.5 203.0.113.6\n\
                 nat (inside,outside) source static lan lan destination static far far\n\
                 nat (inside,outside) after-auto source dynamic any interface\n\
                 object network lan\n nat (inside,outside) dynamic pool\n\
                 object network host2\n nat (inside,outside) static 203.0.113.9\n";
    let mut asa = asa(rules);
    let from = |asa: &mut Asa, ms, from: &str, to: &str| {
        send_from(asa, ms, INSIDE, syn(at(from), at(to))).packet.source()
    };
    assert_eq!(
        from(&mut asa, 0, "10.0.1.2:1", "10.1.1.2:80"),
        at("10.0.1.2:1"),
        "section 1: exempt"
    );
    assert_eq!(from(&mut asa, 1, "10.0.1.2:2", "10.1.1.3:80"), at("203.0.113.9:2"), "static first");
    assert_eq!(from(&mut asa, 2, "10.0.1.3:3", "10.1.1.3:80"), at("203.0.113.5:3"), "then dynamic");
    assert_eq!(from(&mut asa, 3, "10.0.1.4:3", "10.1.1.3:80"), at("203.0.113.6:3"));
    assert_eq!(from(&mut asa, 4, "10.0.1.3:4", "10.1.1.3:80"), at("203.0.113.5:4"), "a lease");
    assert_eq!(from(&mut asa, 5, "10.9.1.3:5", "10.1.1.3:80"), at("198.51.100.1:5"), "section 3");
    let full = send_from(&mut asa, 6, INSIDE, syn(at("10.0.1.5:3"), at("10.1.1.3:80")));
    assert_eq!(full.drop_reason(), Some("nat-xlate-failed"));
    let shown = asa.report();
    let order: Vec<&String> = shown.iter().filter(|line| line.contains(") to (")).collect();
    assert_eq!(
        order,
        [
            "1 (inside) to (outside) source static lan lan destination static far far",
            "1 (inside) to (outside) source static host2 203.0.113.9",
            "2 (inside) to (outside) source dynamic lan pool",
            "1 (inside) to (outside) source dynamic any interface",
        ]
    );
}

#[test]
fn twice_nat_translates_both_ends() {
    let rules = "object network a\n host 10.0.1.2\nobject network a2\n host 203.0.113.2\nobject network b\n \
                 host 10.1.1.2\nobject network b2\n host 10.0.1.200\n\
                 nat (inside,outside) source static a a2 destination static b2 b\n";
    let mut asa = asa(rules);
    let (first, second) = call(&mut asa, 0, CLIENT, at("10.0.1.200:5001"));
    assert_eq!(first.packet.flow(), Flow { src: at("203.0.113.2:40000"), dst: SERVER });
    assert_eq!(second.packet.flow(), Flow { src: at("10.0.1.200:5001"), dst: CLIENT });
}

#[test]
fn the_syntax_before_8_3() {
    let text = "names\nname 10.0.1.2 client\nnat (inside) 1 10.0.0.0 255.255.0.0\nglobal (outside) 1 interface\n";
    let (first, second) = call(&mut asa(text), 0, CLIENT, SERVER);
    assert_eq!(first.packet.source(), at("198.51.100.1:40000"));
    assert_eq!(second.packet.flow(), Flow { src: SERVER, dst: CLIENT });
    let pool =
        "nat (inside) 2 0 0\nglobal (outside) 2 203.0.113.7-203.0.113.9 netmask 255.255.255.0\n";
    let (first, _) = call(&mut asa(pool), 0, CLIENT, SERVER);
    assert_eq!(first.packet.source(), at("203.0.113.7:40000"));
    let exempt = format!("{text}nat (inside) 0 client 255.255.255.255\n");
    let (first, _) = call(&mut asa(&exempt), 0, CLIENT, SERVER);
    assert_eq!(first.packet.source(), CLIENT, "fewer addresses come first");
    // From outside, to the mapped address, which is what the access list names.
    let fixed = "name 10.0.1.2 client\nstatic (inside,outside) 203.0.113.5 client netmask 255.255.255.255\n\
                 access-list in extended permit tcp any host 203.0.113.5 eq 80\naccess-group in in interface outside\n";
    let web = at("203.0.113.5:80");
    let (first, second) = call(&mut asa(fixed), 0, SERVER, web);
    assert_eq!((first.drop_reason(), first.packet.destination()), (None, at("10.0.1.2:80")));
    assert_eq!(second.packet.source(), web);
    let real = fixed.replace("any host 203.0.113.5", "any host 10.0.1.2");
    assert_eq!(call(&mut asa(&real), 0, SERVER, web).0.drop_reason(), Some("acl-drop"));
    let ports =
        fixed.replace("203.0.113.5 client netmask", "tcp interface www client 8080 netmask");
    let ports = ports.replace("host 203.0.113.5 eq 80", "host 198.51.100.1 eq www");
    let (first, _) = call(&mut asa(&ports), 0, SERVER, at("198.51.100.1:80"));
    assert_eq!(first.packet.destination(), at("10.0.1.2:8080"));
}

#[test]
fn faults_in_the_syntax_before_8_3() {
    let says = |rules: &str| {
        let text = format!("{INTERFACES}{rules}");
        let context = DeviceContext { name: "edge", seed: 1, default_farm: None };
        let text = ConfigText::new("edge.cfg", &text);
        let found = build(&Settings::default(), &context, Some(text)).map_or_else(|e| e, |b| b.1);
        found.first().map(ToString::to_string).unwrap_or_default()
    };
    assert!(
        says("nat (inside, outside) source dynamic any interface\n").contains("without a blank")
    );
    assert!(says("nat (inside) 3 0 0\n").contains("no global (…) 3"));
    assert!(says("static (inside,outside) nobody 10.0.1.2\n").contains("`nobody` is no address"));
    let exempt = "access-list n extended permit ip any any\nnat (inside) 0 access-list n\n";
    assert!(says(exempt).contains("not modelled"));
}

/// As they are typed.
#[test]
fn shortened_words() {
    let found = |nat: &str| {
        let text = format!("object network INSIDE\nsub 192.168.254.0 255.255.255.0\n{nat}\n");
        let mut found = Diagnostics::new("asa");
        let config = grammar::read(ConfigText::new("asa", &text), &mut found);
        (config.nats.len(), found.into_all().len())
    };
    assert_eq!(found("nat (inside,outside) dy int"), (1, 0));
    assert_eq!(found("nat (inside,outside) st 192.0.2.0"), (1, 0));
    assert_eq!(found("nat (inside,outside) s 192.0.2.0"), (0, 1));
}

/// An object has one rule: the one that was given last.
#[test]
fn a_second_rule_of_an_object_replaces_the_first() {
    let text = "object network N\n subnet 10.0.0.0 255.0.0.0\n nat (inside,out1) dynamic interface\n nat (inside,out2) dynamic interface\nobject network M\n host 10.1.1.1\n nat (inside,out1) static 192.0.2.1\n";
    let config = grammar::read(ConfigText::new("asa", text), &mut Diagnostics::new("asa"));
    let lines: Vec<u32> = config.nats.iter().map(|nat| nat.place.line).collect();
    assert_eq!(lines, [4, 7]);
}

/// Where nothing is indented, a rule belongs to the object before it.
#[test]
fn rules_of_objects_without_indentation() {
    let typed = "fw(config)# object network N\nfw(config-network-object)# subnet 10.0.0.0 255.255.0.0\nfw(config-network-object)# nat (inside,outside) dynamic interface\nfw(config-network-object)# exit\n";
    let mut found = Diagnostics::new("edge.cfg");
    let config = crate::asa::grammar::read(ConfigText::new("edge.cfg", typed), &mut found);
    assert_eq!((config.nats.len(), found.len()), (1, 0));
    assert_eq!(config.nats[0].object.as_deref(), Some("N"));
}
