//! Packets through an ACE, and what it signs.

use sim_core::engine::device::{Change, Device, Forwarding, Origin};
use sim_core::wire::packet::{Flags, Packet};

use super::*;
use crate::config::Severity;
use crate::spec::{DeviceSpec, farm_of};
use crate::steps::track::Sender::Initiator;
use crate::testing::{OUTSIDE, SYN_OPTIONS, segment, send, send_from, with_options};

const TEXT: &str = "access-list ALL line 8 extended permit ip any any
parameter-map type connection MPTCP
  tcp-options range 30 30 allow
rserver host RS1
  ip address 10.20.0.11
  inservice
rserver host RS2
  ip address 10.20.0.12
  inservice
serverfarm host FARM
  rserver RS1
    inservice
  rserver RS2
    inservice
sticky ip-netmask 255.255.255.255 address source STICKY
  timeout 30
  serverfarm FARM
class-map match-all VIP
  2 match virtual-address 192.0.2.10 tcp eq 5001
policy-map type loadbalance first-match LB
  class class-default
    serverfarm FARM
policy-map multi-match CLIENTS
  class VIP
    loadbalance vip inservice
    loadbalance policy LB
    loadbalance vip icmp-reply active
    connection advanced-options MPTCP
interface vlan 10
  ip address 192.0.2.1 255.255.255.0
  access-group input ALL
  service-policy input CLIENTS
  no shutdown
";

fn context() -> DeviceContext<'static> {
    DeviceContext { name: "lb", seed: 1, default_farm: None }
}

fn built(text: &str) -> Result<(Ace, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    build(&context(), Some(ConfigText::new("ace.cfg", text)))
}

fn ace(text: &str) -> Ace {
    built(text).unwrap_or_else(|e| panic!("{e:?}")).0
}

/// A SYN from client address `10.0.path.2` to the virtual address.
fn syn(path: u8, port: u16) -> Packet {
    let mut packet = with_options(segment(Initiator, Flags::SYN, 1000, 0, 0), &SYN_OPTIONS);
    packet.src = std::net::IpAddr::from([10, 0, path, 2]);
    packet.src_port = port;
    packet.dst = std::net::IpAddr::from([192, 0, 2, 10]);
    packet
}

/// The real server that a SYN is sent to, by the last byte of its address.
fn goes_to(ace: &mut Ace, at_ms: u64, syn: Packet) -> Option<u8> {
    let out = send(ace, at_ms, syn);
    match (out.forwarding, out.packet.dst) {
        (Forwarding::Through, std::net::IpAddr::V4(address)) => Some(address.octets()[3]),
        _ => None,
    }
}

#[test]
fn both_directions_of_a_balanced_connection() {
    let mut ace = ace(TEXT);
    let out = send(&mut ace, 0, syn(1, 40_000));
    assert_eq!(
        out.labels(),
        ["balanced", "option-3-to-nop", "allowed-option-30", "isn-randomised", "translated"]
    );
    assert_eq!(out.packet.destination(), "10.20.0.11:5001".parse().unwrap());
    assert!(out.packet.options.has(30) && !out.packet.options.has(3));
    let Some(Change::Balanced { server, address }) = out
        .effects
        .changes
        .iter()
        .map(|c| &c.change)
        .find(|c| matches!(c, Change::Balanced { .. }))
    else {
        panic!()
    };
    assert_eq!((&**server, address.to_string()), ("RS1", "10.20.0.11:5001".to_owned()));
    assert!(
        matches!(&out.rule("balanced").origin, Origin::Default { near: Some(l), .. } if l.line == 10)
    );
    // Signatures speak of the flow on the way in.
    assert!(
        out.effects
            .changes
            .iter()
            .all(|c| c.flow.dst.port() == 5001 && c.flow.dst.ip() == syn(1, 1).dst)
    );
    let mut answer = Packet::new(out.packet.destination(), out.packet.source());
    answer.flags = Flags(0x12);
    answer.ack = out.packet.seq.add(1);
    let back = send_from(&mut ace, 1, OUTSIDE, answer);
    assert_eq!(back.packet.source(), "192.0.2.10:5001".parse().unwrap());
    assert_eq!(back.packet.ack.0, 1001);
    assert_eq!(back.labels(), ["isn-randomised", "translated"]);
}

#[test]
fn predictors_and_stickiness() {
    let check = |text: &str, expected: [u8; 4]| {
        let mut ace = ace(text);
        let paths = [(1, 1), (2, 1), (1, 2), (2, 2)];
        let mut at = 0;
        let chosen = paths.map(|(path, port)| {
            at += 1;
            goes_to(&mut ace, at, syn(path, port)).unwrap()
        });
        assert_eq!(chosen, expected, "{text}");
    };
    check(TEXT, [11, 12, 11, 12]);
    check(
        &TEXT.replace("FARM\n  rserver RS1", "FARM\n  predictor leastconns\n  rserver RS1"),
        [11, 12, 11, 12],
    );
    let sticky = TEXT.replace("    serverfarm FARM\n", "    sticky-serverfarm STICKY\n");
    check(&sticky, [11, 12, 11, 12]);
    check(&sticky.replace("255.255.255.255 address", "255.255.0.0 address"), [11, 11, 11, 11]);
    check(&TEXT.replace("  rserver RS2\n    inservice\n", ""), [11, 11, 11, 11]);
    let mut ace = ace(&sticky);
    let first = send(&mut ace, 0, syn(1, 1));
    assert!(first.rule("balanced").text.contains("no entry for 10.0.1.2, so predictor roundrobin"));
    let again = send(&mut ace, 1, syn(1, 2));
    assert!(matches!(&again.rule("balanced").origin, Origin::Config(l) if l.line == 15));
    let long = 30 * 60 * 1000 + 2;
    assert_eq!(goes_to(&mut ace, long, syn(1, 3)), Some(12), "the sticky entry timed out");
}

#[test]
fn why_options_are_cleared() {
    let check = |text: &str, because: Option<&str>| {
        let out = send(&mut ace(text), 0, syn(1, 1));
        let found = out.effects.changes.iter().find(|c| c.change.label() == "option-30-to-nop");
        let found = found.map(|c| match &c.rule.origin {
            Origin::Default { because, .. } => because.clone().unwrap_or_default().english,
            other => panic!("{other:?}"),
        });
        assert_eq!(found.as_deref(), because, "{text}");
    };
    check(TEXT, None);
    check(
        &TEXT.replace("    connection advanced-options MPTCP\n", ""),
        Some(
            "class VIP (line 24) does not name parameter-map MPTCP (line 2): connection advanced-options MPTCP is missing",
        ),
    );
    check(
        &TEXT.replace("range 30 30", "range 31 31"),
        Some("parameter-map MPTCP (line 2) does not name option 30"),
    );
    check(
        &TEXT.replace("options MPTCP", "options Mptcp"),
        Some("parameter-map Mptcp is not defined (there is MPTCP)"),
    );
    check(
        &TEXT
            .replace("parameter-map type connection MPTCP\n  tcp-options range 30 30 allow\n", "")
            .replace("    connection advanced-options MPTCP\n", ""),
        Some("no parameter-map type connection allows option 30"),
    );
    check(&TEXT.replace("  no shutdown", "  no normalization"), None);
}

#[test]
fn without_text_it_balances_what_the_topology_gives_and_clears() {
    let farm = Farm {
        vip: std::net::IpAddr::from([192, 0, 2, 10]),
        port: Some(5001),
        servers: vec![
            ("a".into(), std::net::IpAddr::from([10, 20, 0, 11])),
            ("b".into(), std::net::IpAddr::from([10, 20, 0, 12])),
        ],
    };
    let context = DeviceContext { default_farm: Some(farm), ..context() };
    let mut device = build(&context, None).unwrap().0;
    let out = send(&mut device, 0, syn(1, 1));
    assert!(!out.packet.options.has(30) && !out.packet.options.has(3) && out.packet.options.has(8));
    assert_eq!(out.rule("option-30-to-nop").origin, Origin::Default { because: None, near: None });
    assert_eq!(goes_to(&mut device, 1, syn(2, 1)), Some(12));
}

#[test]
fn what_is_refused() {
    let reason = |text: &str, packet| send(&mut ace(text), 0, packet).drop_reason();
    let ack = Packet { flags: Flags::ACK, ..syn(1, 1) };
    assert_eq!(reason(TEXT, ack), Some("no connection"));
    assert_eq!(
        reason(&TEXT.replace("permit ip any any", "deny ip any any"), syn(1, 1)),
        Some("access list")
    );
    assert_eq!(
        reason(&TEXT.replace("  access-group input ALL\n", ""), syn(1, 1)),
        Some("access list")
    );
    assert_eq!(reason(&TEXT.replace("    inservice\n", ""), syn(1, 1)), Some("no server"));
    assert_eq!(reason(&TEXT.replace("30 30 allow", "30 30 drop"), syn(1, 1)), Some("TCP option"));
    let elsewhere = Packet { dst: std::net::IpAddr::from([10, 1, 1, 2]), ..syn(1, 1) };
    assert_eq!(reason(TEXT, elsewhere), None, "not balanced, normalised");
}

#[test]
fn the_topology_learns_the_farm() {
    let spec = DeviceSpec::Ace { config: Some("ace.cfg".into()) };
    let farm = farm_of(&spec, Some(ConfigText::new("ace.cfg", TEXT))).unwrap().unwrap();
    assert_eq!((farm.vip.to_string(), farm.port), ("192.0.2.10".to_owned(), Some(5001)));
    let servers: Vec<_> = farm.servers.iter().map(|(n, a)| format!("{n} {a}")).collect();
    assert_eq!(servers, ["RS1 10.20.0.11", "RS2 10.20.0.12"]);
    assert_eq!(farm_of(&spec, None), Ok(None));
    assert_eq!(farm_of(&DeviceSpec::Switch {}, None), Ok(None));
}

#[test]
fn text_without_indentation_reads_alike_and_faults_are_said() {
    let flat: String = TEXT.lines().map(|l| format!("{}\n", l.trim())).collect();
    assert_eq!(built(&flat).unwrap().1, []);
    assert_eq!(goes_to(&mut ace(&flat), 0, syn(1, 1)), Some(11));
    let check = |from: &str, to: &str, severity, line, says: &str| {
        let found = match built(&TEXT.replace(from, to)) {
            Ok((_, warnings)) => warnings,
            Err(errors) => errors,
        };
        let first = found.first().unwrap_or_else(|| panic!("nothing said about {to}"));
        assert_eq!((first.severity, first.line), (severity, line), "{first}");
        assert!(first.to_string().contains(says), "{first}");
    };
    use Severity::{Error, Warning};
    check("30 30 allow", "30 300 allow", Error, 3, "9 to 255, found `300`");
    check("30 30 allow", "30 30 clear", Error, 3, "expected allow or drop");
    check("tcp-options range", "tcp-optons range", Error, 3, "did you mean tcp-options?");
    check("192.0.2.10 tcp eq", "192.0.2.10 tcp equals", Error, 19, "virtual-address");
    check(
        "  rserver RS2\n    inservice",
        "  rserver RS3\n    inservice",
        Warning,
        13,
        "not defined",
    );
    check("serverfarm FARM\nclass", "serverfarm Farm\nclass", Warning, 15, "FARM is defined");
    check(
        "class-map",
        "sticky http-cookie C GROUP\ncookie insert\nserverfarm FRAM\nclass-map",
        Warning,
        18,
        "serverfarm FRAM is not defined",
    );
    check("type connection", "type <connection|http>", Error, 2, "expected a type of parameters");
    check("    loadbalance vip inservice\n", "", Warning, 1, "no virtual address is in service");
    check("  service-policy input CLIENTS\n", "", Warning, 1, "no virtual address");
}

/// The text of the system says nothing of its contexts' traffic.
#[test]
fn contexts_are_elsewhere() {
    let text = format!("{TEXT}context A\n  allocate-interface vlan 100\n  member R\n");
    let warnings = built(&text).unwrap().1;
    let is_told = warnings.iter().any(|w| w.message.contains("configurations of their own"));
    assert!(is_told, "{warnings:?}");
}

#[test]
fn a_class_outside_of_a_policy_map_is_told() {
    let text = "class-map match-any TFTP\n  10 match virtual-address 192.0.2.7 udp any\nclass NAT\n  nat \
                dynamic 2 vlan 212\n";
    let (platform, audit) = crate::audit::audit(ConfigText::new("ace.cfg", text), None);
    assert_eq!(platform.map(|p| p.name), Some("ace"));
    let found: Vec<_> = audit.warnings.iter().map(|w| (w.line, &*w.message)).collect();
    assert!(
        found.iter().any(|(line, says)| *line == 3 && says.contains("none is open")),
        "{found:?}"
    );
    let (_, audit) = crate::audit::audit(ConfigText::new("ace.cfg", TEXT), None);
    assert!(!audit.warnings.iter().any(|w| w.message.contains("none is open")));
}

#[test]
fn a_configuration_that_is_indented_as_a_whole() {
    let indented: String = TEXT.lines().map(|line| format!("  {line}\n")).collect();
    let audit = |text: &str| {
        let (_, audit) = crate::audit::audit(ConfigText::new("ace.cfg", text), None);
        audit.verdicts.into_iter().map(|v| (v.traffic, v.effect)).collect::<Vec<_>>()
    };
    assert_eq!(audit(&format!("Balancing as follows\n{indented}")), audit(TEXT));
}

/// A page makes the line bold that it speaks of.
#[test]
fn bold_commands_are_read() {
    let text = TEXT.replace(
        "    loadbalance vip inservice",
        "    loadbalance vip inservice\n    **ssl-proxy server P**",
    );
    let warnings = built(&text).unwrap().1;
    assert!(warnings.iter().any(|w| w.message.contains("makes ACE a proxy")), "{warnings:?}");
}

#[test]
fn connections_are_counted_by_server() {
    let mut ace = ace(TEXT);
    send(&mut ace, 0, syn(1, 1));
    assert_eq!(ace.policy.pools[0].servers[0].connections, 1);
    send(&mut ace, 1, Packet { flags: Flags::RST, ..syn(1, 1) });
    send(&mut ace, 2, syn(1, 2));
    let now: Vec<_> = ace.policy.pools[0].servers.iter().map(|s| s.connections).collect();
    assert_eq!(now, [0, 1]);
    ace.reload(SimTime::ZERO);
    assert_eq!(ace.counters()[0].1, 0);
    assert!(ace.report()[1].contains("RS1"));
}

#[test]
fn layer_7_answers_reads_and_then_chooses() {
    let text = TEXT
        .replace("policy-map type loadbalance first-match LB\n", "class-map type http loadbalance match-any FILMS\n  2 match http url /films/.*\n  3 match http header Host header-value \"films[.].*\"\nserverfarm host STATIC\n  rserver RS2\n    inservice\npolicy-map type loadbalance http first-match LB\n  class FILMS\n    serverfarm STATIC\n");
    let request = |text: &str| {
        let mut packet =
            Packet { flags: Flags::ACK, options: Default::default(), ..syn(1, 40_000) };
        packet.seq = Seq(1001);
        packet.payload = sim_core::wire::payload::Payload::literal(text.as_bytes());
        packet
    };
    let goes = |said: &str| {
        let mut ace = ace(&text);
        let out = send(&mut ace, 0, syn(1, 40_000));
        let answer = out.effects.emitted[0].1.clone();
        assert_eq!((answer.flags, answer.options.as_bytes()), (Flags(0x12), &SYN_OPTIONS[..4]));
        let out = send(&mut ace, 1, request(said));
        let Some((port, call)) = out.effects.emitted.first().cloned() else {
            return out.labels().join(" ");
        };
        if call.flags != Flags::SYN {
            return out.labels().join(" ");
        }
        assert_eq!((port, call.options.has(30)), (OUTSIDE, false));
        let mut syn_ack = Packet::new(call.destination(), call.source());
        (syn_ack.flags, syn_ack.seq, syn_ack.ack) = (Flags(0x12), Seq(50), call.seq.add(1));
        let out = send_from(&mut ace, 2, OUTSIDE, syn_ack.clone());
        let sent: Vec<u32> = out.effects.emitted.iter().map(|(_, p)| p.payload.len).collect();
        assert_eq!(sent, [0, said.len() as u32]);
        let data = Packet { flags: Flags::ACK, seq: Seq(51), ..syn_ack };
        let out = send_from(&mut ace, 3, OUTSIDE, data);
        assert_eq!(
            (out.packet.seq, out.packet.source()),
            (answer.seq.add(1), "192.0.2.10:5001".parse().unwrap())
        );
        call.dst.to_string()
    };
    assert_eq!(goes("GET /films/a HTTP/1.1\r\n\r\n"), "10.20.0.12");
    assert_eq!(goes("GET / HTTP/1.1\r\nhost: films.example\r\n\r\n"), "10.20.0.12");
    assert_eq!(goes("GET /text HTTP/1.1\r\n\r\n"), "10.20.0.11");
    assert_eq!(goes("GET /text HTTP/1.1\r\n"), "", "the request is not complete");
    assert_eq!(goes(&"x".repeat(4096)), "reset dropped");
}

#[test]
fn a_cookie_keeps_a_client() {
    let text = TEXT
        .replace(
            "sticky ip-netmask 255.255.255.255 address source STICKY",
            "sticky http-cookie SESSION STICKY",
        )
        .replace(
            "    serverfarm FARM\npolicy-map multi",
            "    sticky-serverfarm STICKY\npolicy-map multi",
        );
    let mut ace = ace(&text);
    let mut goes = |port: u16, cookie: &str| {
        send(&mut ace, u64::from(port), syn(1, port));
        let mut packet = Packet { flags: Flags::ACK, options: Default::default(), ..syn(1, port) };
        packet.seq = Seq(1001);
        let said = format!("GET / HTTP/1.1\r\nCookie: a=1; SESSION={cookie}\r\n\r\n");
        packet.payload = sim_core::wire::payload::Payload::literal(said.into_bytes());
        send(&mut ace, u64::from(port), packet).effects.emitted[0].1.dst.to_string()
    };
    let servers = [goes(1, "x"), goes(2, "y"), goes(3, "x"), goes(4, "y")];
    assert_eq!(servers, ["10.20.0.11", "10.20.0.12", "10.20.0.11", "10.20.0.12"]);
}
