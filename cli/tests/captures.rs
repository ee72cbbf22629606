//! `run --pcap`, read by Wireshark's dissectors: no malformed packet, no bad checksum, no error. Skipped,
//! and said, where tshark is not installed.

mod common;

use std::path::Path;
use std::process::Command;

use common::{check, folder, names, root};

const WRONG: &str = "_ws.malformed || _ws.expert.severity == error || tcp.checksum.status == \"Bad\" \
                     || ip.checksum.status == \"Bad\"";

/// What tshark shows of a capture with a filter, a line for each packet.
fn tshark(capture: &Path, filter: &str) -> Vec<String> {
    let output = Command::new("tshark")
        .args(["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y", filter, "-r"])
        .arg(capture)
        .output()
        .expect("tshark starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// Runs a scenario that ships with these settings; each filter must find a packet in a capture.
fn dissected(scenario: &str, set: &[&str], seen: &[&str]) {
    let out = folder();
    let file = format!("scenarios/catalogue/{scenario}.ron");
    let results = out.path().join("results");
    let results_arg = results.to_string_lossy().into_owned();
    let mut args = vec!["run", &file, "--pcap", "--out", &results_arg];
    let shorter = ["traffic.video.duration=2 s", "expect=[]"];
    args.extend(shorter.iter().chain(set).flat_map(|&setting| ["--set", setting]));
    check(&root(), &args, 0, &[], &[]);
    let captures: Vec<_> =
        names(&results.join("captures")).iter().map(|n| results.join("captures").join(n)).collect();
    assert!(!captures.is_empty());
    for capture in &captures {
        let wrong = tshark(capture, WRONG);
        assert!(wrong.is_empty(), "{scenario} {set:?} {}: {wrong:#?}", capture.display());
    }
    for filter in seen {
        let found = captures.iter().any(|capture| !tshark(capture, filter).is_empty());
        assert!(found, "{scenario} {set:?}: nothing with {filter}");
    }
}

#[test]
fn captures_are_dissected_without_a_mark() {
    if Command::new("tshark").arg("-v").output().is_err() {
        eprintln!("skipped: tshark is not installed");
        return;
    }
    let capable = "tcp.options.mptcp.subtype == 0";
    let join = "tcp.options.mptcp.subtype == 1";
    dissected("three-paths", &[], &[capable, join, "tcp.options.mptcp.datafin.flag == 1"]);
    // The first packet that the ASA changed says so in its comment.
    dissected(
        "asa-default-second-path",
        &[],
        &["frame.comment contains \"edge\"", "tcp.flags.reset == 1"],
    );
    dissected("ace-option-30-two-servers", &[], &["tcp.flags.reset == 1"]);
    dissected(
        "ipv4-ipv6",
        &[],
        &["ipv6 && tcp.options.mptcp.subtype == 1", "tcp.options.mptcp.subtype == 3"],
    );
    dissected(
        "path-failure",
        &["events=[At(\"1 s\", LinkDown(\"dsl\"))]"],
        &["tcp.analysis.retransmission"],
    );
    let checksums = ["hosts.client.checksum=true", "hosts.server.checksum=true"];
    dissected("three-paths", &checksums, &["tcp.options.mptcp.checksumreq.flags == 1"]);
    let version_0 = ["hosts.client.profile=Rfc6824", "hosts.server.profile=Rfc6824"];
    dissected("three-paths", &version_0, &["tcp.options.mptcp.version == 0", join]);
    let both = [version_0, checksums].concat();
    dissected("ipv4-ipv6", &both, &[join]);
}
