//! Verdicts come from packets: a rule turned off, a device moved, taken away or put before another one
//! changes the verdict and its cause as it should.

use std::path::Path;

use scenarios::load;
use sim_core::record::outcome::{Blame, Cause, Verdict};
use sim_core::record::{ConnectionRecord, SubflowOutcome};

/// The connection of a scenario that ships, with `--set` arguments; two seconds of it are enough.
fn run(scenario: &str, set: &[&str]) -> ConnectionRecord {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("catalogue/{scenario}.ron"));
    let shorter = ["traffic.video.duration=2 s", "expect=[]"];
    let settings: Vec<String> = shorter.iter().chain(set).map(|&s| s.to_owned()).collect();
    let run = load(&file, &settings)
        .and_then(|loaded| loaded.run(None))
        .unwrap_or_else(|faults| panic!("{set:?}: {}", faults[0].render(false)));
    run.record.connections.into_iter().next().expect("one connection")
}

/// `mptcp 3` (subflows established), `fallback`, `failed`; and who the cause names first, of the
/// connection or else of a subflow: `edge: default`, `edge: line 7`, `client`.
fn told(connection: &ConnectionRecord) -> String {
    let verdict = match connection.outcome.verdict {
        Verdict::Mptcp => {
            let established = |outcome| outcome == SubflowOutcome::Established;
            let subflows = connection.subflows.iter().filter(|s| established(s.outcome)).count();
            format!("mptcp {subflows}")
        }
        Verdict::Fallback => "fallback".into(),
        Verdict::Failed(how) => format!("failed {how:?}"),
    };
    let of_subflows = connection.subflows.iter().filter_map(|subflow| subflow.cause.as_ref());
    let cause = connection.outcome.cause.iter().chain(of_subflows).next();
    match cause.map(first) {
        Some(first) => format!("{verdict}; {first}"),
        None => verdict,
    }
}

fn first(cause: &Cause) -> String {
    match &cause.links[0].who {
        Blame::Device { device, rule, .. } if rule.is_default() => format!("{device}: default"),
        Blame::Device { device, rule, .. } => match rule.line() {
            Some(line) => format!("{device}: line {}", line.line),
            None => format!("{device}: setting"),
        },
        Blame::Endpoint { host, .. } => host.clone(),
        Blame::Network(trouble) => trouble.to_string(),
    }
}

fn check(scenario: &str, set: &[&str], expect: &str) {
    assert_eq!(told(&run(scenario, set)), expect, "{scenario} {set:?}");
}

const OPEN: &str = r#"Asa(config: "configs/asa-tcp-map.cfg")"#;
const ELSEWHERE: &str = r#"Asa(config: "configs/asa-tcp-map-other-class.cfg")"#;

#[test]
fn a_rule_that_is_turned_off_does_nothing() {
    check("asa-default", &[], "fallback; edge: default");
    check("asa-default", &[&format!("devices.edge={OPEN}")], "mptcp 3");
    check("asa-default", &["devices.edge=Switch"], "mptcp 3");
    check("asa-default", &["topology.paths.dsl.devices=[]"], "mptcp 3");
    check("asa-tcp-map", &[], "mptcp 3");
    check("asa-tcp-map", &["devices.edge=Asa()"], "fallback; edge: default");
}

#[test]
fn a_class_decides_by_the_packet() {
    check("asa-tcp-map-other-class", &[], "fallback; edge: default");
    check("asa-tcp-map-other-class", &["traffic.video.port=80"], "mptcp 3");
}

#[test]
fn a_device_acts_where_it_stands() {
    let moved = ["topology.paths.dsl.devices=[]", "topology.paths.cable.devices=[\"edge\"]"];
    check("asa-default", &moved, "mptcp 2; edge: default");
    let everywhere = ["topology.paths.lte.devices=[\"edge\"]", moved[1]];
    check("asa-default", &everywhere, "fallback; edge: default");
    // On the two paths of the joins: one subflow is left.
    let joins = [moved[0], everywhere[0], moved[1]];
    check("asa-default", &joins, "mptcp 1; edge: default");
}

#[test]
fn the_first_device_on_the_path_is_the_cause() {
    let two = |first: &str, second: &str, path: &str, expect: &str| {
        let set = [
            format!("devices.a={first}"),
            format!("devices.b={second}"),
            format!("topology.paths.dsl.devices={path}"),
        ];
        check("asa-default", &set.each_ref().map(String::as_str), expect);
    };
    two("Asa()", "Asa()", r#"["a", "b"]"#, "fallback; a: default");
    two("Asa()", "Asa()", r#"["b", "a"]"#, "fallback; b: default");
    two(OPEN, "Asa()", r#"["a", "b"]"#, "fallback; b: default");
    two(OPEN, "Asa()", r#"["b", "a"]"#, "fallback; b: default");
    two(OPEN, OPEN, r#"["a", "b"]"#, "mptcp 3");
    two("Asa()", "Router()", r#"["a", "b"]"#, "fallback; a: default");
    two("Router()", "Asa()", r#"["a", "b"]"#, "fallback; b: default");
    two(OPEN, ELSEWHERE, r#"["a", "b"]"#, "fallback; b: default");
    two(ELSEWHERE, OPEN, r#"["b", "a"]"#, "fallback; a: default");
}

/// An ASA before an ACE: whichever clears the option first is the cause; when neither does, the balancer
/// sends the second subflow to the other real server.
#[test]
fn a_firewall_before_a_balancer() {
    let check = |edge: &str, lb: &str, expect: &str| {
        let set = [
            format!("devices.edge={edge}"),
            "topology.paths.dsl.devices=[\"edge\"]".to_owned(),
            format!("devices.lb=Ace(config: \"configs/{lb}.cfg\")"),
        ];
        check("ace-option-30-two-servers", &set.each_ref().map(String::as_str), expect);
    };
    check("Asa()", "ace-default", "fallback; edge: default");
    check("Asa()", "ace-option-30", "fallback; edge: default");
    check(OPEN, "ace-default", "fallback; lb: default");
    check(OPEN, "ace-option-30", "mptcp 1; lb: default");
}

#[test]
fn the_peer_is_told_from_a_box() {
    check("server-without-mptcp", &[], "fallback; server");
    check("server-without-mptcp", &["hosts.server.profile=Rfc8684"], "mptcp 3");
    // Neither could have spoken it; the box took what was not going to be answered.
    check("asa-default", &["hosts.client.profile=TcpOnly"], "fallback; client");
    check("client-without-mptcp", &["hosts.client.profile=Linux6"], "mptcp 3");
}

/// What a gateway held back until the hole before it was filled has older timestamps than what filled it: its
/// receiver takes none of it (PAWS, RFC 7323 section 5), as a kernel's did behind this model.
#[test]
fn what_was_held_behind_a_hole_is_too_old() {
    let rejected = |devices: &str| {
        let connection = run("asr5000", &["topology.paths.lte.loss=2 %", devices]);
        connection.client_counters.get("TcpExtPAWSEstab").copied().unwrap_or(0)
    };
    assert!(rejected(r#"topology.paths.lte.devices=["gateway"]"#) > 10);
    assert_eq!(rejected("topology.paths.lte.devices=[]"), 0, "nothing is held");
}
