//! The simulator's endpoint against the kernel's, both ways round: connections complete with their bytes
//! intact, by the means that each case is about, and Wireshark finds nothing malformed in them.

mod common;

use std::collections::BTreeMap;
use std::process::Command;

use std::sync::atomic::{AtomicUsize, Ordering};

use scenarios::Run;
use sim_core::record::ConnectionRecord;
use sim_core::record::outcome::Verdict;
use sim_core::record::story::{End, Fact};
use sim_core::wire::mptcp::{MptcpOption, mptcp_options};

/// Runs at once: each takes its time of the wall, but little of the processor's.
const AT_ONCE: usize = 5;

/// One case; `{kernel}` and `{simulated}` are put in for each way round.
struct Case {
    name: &'static str,
    paths: &'static str,
    devices: &'static str,
    /// Settings of both hosts.
    settings: &'static str,
    /// Further ones of the client, and of the server.
    of_client: &'static str,
    of_server: &'static str,
    traffic: &'static str,
    events: &'static str,
    /// What must come out.
    verdict: &'static str,
    /// Subflows that were established.
    subflows: usize,
    /// What the receiver delivers is what was sent. Else it is what a box made of it, which our receiver
    /// may deliver only once it has noticed and MPTCP was given up: from there on it is plain TCP. (The
    /// kernel delivers a first mapping whose checksum is wrong, and falls back without a word.)
    intact: bool,
    /// Counters of the kernel's host that must not be zero, where it is the client and the server.
    counted: [&'static [&'static str]; 2],
}

const TWO: &str =
    r#"(name: "a", rate: "20 Mbps", delay: "5 ms"), (name: "b", rate: "20 Mbps", delay: "8 ms")"#;
const TWO_V6: &str = r#"(name: "a", rate: "20 Mbps", delay: "5 ms", family: V6), (name: "b", rate: "20 Mbps", delay: "8 ms", family: V6)"#;
const STREAM: &str =
    r#"Stream(name: "data", from: "client", to: "server", rate: "5 Mbps", duration: "2 s")"#;
const ONE_BOX: &str = r#"(name: "a", rate: "20 Mbps", delay: "5 ms", devices: ["box"])"#;
const ONE: &str = r#"(name: "a", rate: "20 Mbps", delay: "5 ms")"#;
/// Large enough that the kernel still writes when it joins: one whose application has closed its direction
/// lets no join complete.
const BOTH_WAYS: &str =
    r#"UpThenDown(name: "data", from: "client", to: "server", up: "2 MB", down: "1 MB")"#;

const PLAIN: Case = Case {
    name: "",
    paths: TWO,
    devices: "",
    settings: "",
    of_client: "",
    of_server: "",
    traffic: BOTH_WAYS,
    events: "",
    verdict: "mptcp",
    subflows: 2,
    intact: true,
    counted: [&["MPCapableSYNACKRX", "MPJoinSynAckRx"], &["MPCapableACKRX", "MPJoinAckRx"]],
};

const ONE_BOX_V6: &str =
    r#"(name: "a", rate: "20 Mbps", delay: "5 ms", family: V6, devices: ["box"])"#;
const FLIPS_FIRST: &str = r#""box": Custom(rules: [(when: (direction: ToServer, segment: [Data], times: 1), do: Flip(at: 10))])"#;
/// A box changes payload of the only subflow, with checksums on (RFC 8684 §3.7).
const CHANGED: Case = Case {
    settings: "checksum: true",
    devices: r#""box": Custom(rules: [(when: (direction: ToServer, segment: [Data], skip: 20, times: 1), do: Flip(at: 10))])"#,
    traffic: r#"Bulk(name: "data", from: "client", to: "server", bytes: "300 kB")"#,
    verdict: "failed",
    subflows: 1,
    intact: false,
    // The kernel's infinite mapping makes a full segment too long for its interface: it counts none.
    counted: [&["MPFailRx"], &["DataCsumErr", "MPFailTx", "InfiniteMapRx"]],
    ..PLAIN
};

fn cases() -> Vec<Case> {
    vec![
        Case { name: "joins", ..PLAIN },
        Case {
            name: "one path",
            paths: ONE,
            subflows: 1,
            counted: [&[], &["MPCapableACKRX"]],
            ..PLAIN
        },
        Case { name: "checksums", settings: "checksum: true", ..PLAIN },
        Case { name: "checksums that the client asks for", of_client: "checksum: true", ..PLAIN },
        Case { name: "checksums that the server asks for", of_server: "checksum: true", ..PLAIN },
        Case { name: "checksums, IPv6", settings: "checksum: true", paths: TWO_V6, ..PLAIN },
        Case {
            name: "neither timestamps, SACK nor window scaling",
            settings: "timestamps: false, sack: false, window_scaling: false",
            ..PLAIN
        },
        Case { name: "IPv6", paths: TWO_V6, ..PLAIN },
        Case {
            name: "ADD_ADDR",
            paths: r#"(name: "a", rate: "20 Mbps", delay: "5 ms"), (name: "b", rate: "20 Mbps", delay: "8 ms", family: V6)"#,
            counted: [&["AddAddr"], &["AddAddrTx", "EchoAdd"]],
            ..PLAIN
        },
        Case {
            name: "ADD_ADDR of an IPv4 address, over IPv6",
            paths: r#"(name: "a", rate: "20 Mbps", delay: "5 ms", family: V6), (name: "b", rate: "20 Mbps", delay: "8 ms")"#,
            counted: [&["AddAddr"], &["AddAddrTx", "EchoAdd"]],
            ..PLAIN
        },
        Case {
            name: "ADD_ADDR, checksums",
            settings: "checksum: true",
            of_client: r#"subflow: ["a"]"#,
            of_server: r#"signal: ["b"]"#,
            counted: [&["AddAddr"], &["AddAddrTx", "EchoAdd"]],
            ..PLAIN
        },
        Case {
            name: "ADD_ADDR, IPv6",
            paths: TWO_V6,
            of_client: r#"subflow: ["a"]"#,
            of_server: r#"signal: ["b"]"#,
            counted: [&["AddAddr"], &["AddAddrTx", "EchoAdd"]],
            ..PLAIN
        },
        Case {
            name: "ADD_ADDR with a port",
            of_client: r#"subflow: ["a"]"#,
            of_server: r#"signal: ["b"], signal_port: 5099"#,
            counted: [&["AddAddr", "PortAdd"], &["AddAddrTx", "EchoAdd", "MPJoinPortAckRx"]],
            ..PLAIN
        },
        Case {
            name: "the server wants no joins to its first address",
            of_server: "no_join_to_initial: true",
            subflows: 1,
            counted: [&["MPCapableSYNACKRX"], &["MPCapableACKRX"]],
            ..PLAIN
        },
        Case {
            name: "request and response",
            traffic: r#"RequestResponse(name: "data", from: "client", to: "server", request: "1 kB", response: "40 kB", count: 20, pause: "5 ms")"#,
            ..PLAIN
        },
        Case {
            name: "download",
            traffic: r#"Bulk(name: "data", from: "client", to: "server", direction: Down, bytes: "2 MB")"#,
            ..PLAIN
        },
        Case {
            name: "loss",
            paths: r#"(name: "a", rate: "20 Mbps", delay: "5 ms", loss: "1 %"), (name: "b", rate: "20 Mbps", delay: "8 ms", loss: "1 %")"#,
            ..PLAIN
        },
        Case {
            name: "FASTCLOSE by the client",
            traffic: r#"Stream(name: "data", from: "client", to: "server", rate: "5 Mbps", duration: "5 s")"#,
            events: r#"At("1 s", Abort("data", Client))"#,
            verdict: "failed",
            counted: [&["MPFastcloseTx"], &["MPFastcloseRx"]],
            ..PLAIN
        },
        Case {
            name: "FASTCLOSE by the server",
            traffic: r#"Stream(name: "data", from: "client", to: "server", rate: "5 Mbps", duration: "5 s")"#,
            events: r#"At("1 s", Abort("data", Server))"#,
            verdict: "failed",
            counted: [&["MPFastcloseRx"], &["MPFastcloseTx"]],
            ..PLAIN
        },
        Case {
            name: "FASTCLOSE, IPv6",
            paths: TWO_V6,
            traffic: r#"Stream(name: "data", from: "client", to: "server", rate: "5 Mbps", duration: "5 s")"#,
            events: r#"At("1 s", Abort("data", Client))"#,
            verdict: "failed",
            counted: [&["MPFastcloseTx"], &["MPFastcloseRx"]],
            ..PLAIN
        },
        Case {
            name: "MP_PRIO by the server",
            of_client: r#"subflow: ["a"]"#,
            of_server: r#"signal: ["b"]"#,
            traffic: STREAM,
            events: r#"At("1 s", SetBackup("server", "b", true))"#,
            counted: [&["MPPrioRx"], &["MPPrioTx"]],
            ..PLAIN
        },
        Case {
            name: "MP_PRIO, IPv6",
            paths: TWO_V6,
            traffic: STREAM,
            events: r#"At("1 s", SetBackup("client", "b", true))"#,
            counted: [&["MPPrioTx"], &["MPPrioRx"]],
            ..PLAIN
        },
        Case {
            name: "REMOVE_ADDR by the server",
            of_client: r#"subflow: ["a"]"#,
            of_server: r#"signal: ["b"]"#,
            traffic: STREAM,
            events: r#"At("1 s", AddressRemoved("server", "b"))"#,
            counted: [&["RmAddr"], &["RmAddrTx"]],
            ..PLAIN
        },
        Case {
            name: "MP_PRIO",
            traffic: STREAM,
            events: r#"At("1 s", SetBackup("client", "b", true))"#,
            counted: [&["MPPrioTx"], &["MPPrioRx"]],
            ..PLAIN
        },
        Case {
            name: "REMOVE_ADDR",
            traffic: STREAM,
            events: r#"At("1 s", AddressRemoved("client", "b"))"#,
            counted: [&["RmAddrTx"], &["RmAddr"]],
            ..PLAIN
        },
        Case {
            name: "backup",
            of_client: r#"backup: ["b"]"#,
            counted: [&["MPJoinSynAckRx"], &["MPJoinSynBackupRx"]],
            ..PLAIN
        },
        Case {
            name: "a path fails",
            traffic: r#"Stream(name: "data", from: "client", to: "server", rate: "5 Mbps", duration: "3 s")"#,
            events: r#"At("1 s", LinkDown("a"))"#,
            ..PLAIN
        },
        Case {
            name: "MP_FAIL with another subflow left",
            settings: "checksum: true",
            devices: r#""box": Custom(rules: [(when: (path: "b", direction: ToServer, segment: [Data], skip: 20, times: 1), do: Flip(at: 10))])"#,
            paths: r#"(name: "a", rate: "20 Mbps", delay: "5 ms"), (name: "b", rate: "20 Mbps", delay: "8 ms", devices: ["box"])"#,
            traffic: r#"Bulk(name: "data", from: "client", to: "server", bytes: "2 MB")"#,
            counted: [&["MPFailRx"], &["DataCsumErr", "MPFailTx"]],
            ..PLAIN
        },
        Case {
            name: "MP_FAIL of a download",
            settings: "checksum: true",
            devices: r#""box": Custom(rules: [(when: (path: "b", direction: ToClient, segment: [Data], skip: 20, times: 1), do: Flip(at: 10))])"#,
            paths: r#"(name: "a", rate: "20 Mbps", delay: "5 ms"), (name: "b", rate: "20 Mbps", delay: "8 ms", devices: ["box"])"#,
            traffic: r#"Bulk(name: "data", from: "client", to: "server", bytes: "2 MB", direction: Down)"#,
            counted: [&["DataCsumErr", "MPFailTx"], &["MPFailRx"]],
            ..PLAIN
        },
        Case {
            name: "MP_FAIL of the first data, no other subflow",
            paths: ONE_BOX,
            devices: FLIPS_FIRST,
            counted: [&["MPFailRx"], &["DataCsumErr", "DssFallback"]],
            ..CHANGED
        },
        Case {
            name: "MP_FAIL of the first data, no other subflow, IPv6",
            paths: ONE_BOX_V6,
            devices: FLIPS_FIRST,
            counted: [&["MPFailRx"], &["DataCsumErr", "DssFallback"]],
            ..CHANGED
        },
        Case { name: "MP_FAIL of later data, no other subflow", paths: ONE_BOX, ..CHANGED },
        Case {
            name: "MP_FAIL with another subflow left, IPv6",
            settings: "checksum: true",
            devices: r#""box": Custom(rules: [(when: (path: "b", direction: ToServer, segment: [Data], skip: 20, times: 1), do: Flip(at: 10))])"#,
            paths: r#"(name: "a", rate: "20 Mbps", delay: "5 ms", family: V6), (name: "b", rate: "20 Mbps", delay: "8 ms", family: V6, devices: ["box"])"#,
            traffic: r#"Bulk(name: "data", from: "client", to: "server", bytes: "2 MB")"#,
            counted: [&["MPFailRx"], &["DataCsumErr", "MPFailTx"]],
            ..PLAIN
        },
        Case {
            name: "MP_FAIL of later data, no other subflow, IPv6",
            paths: ONE_BOX_V6,
            ..CHANGED
        },
        Case {
            name: "MP_PRIO there and back",
            traffic: STREAM,
            events: r#"At("600 ms", SetBackup("client", "b", true)), At("1200 ms", SetBackup("client", "b", false))"#,
            counted: [&["MPPrioTx"], &["MPPrioRx"]],
            ..PLAIN
        },
        Case {
            name: "fallback: the SYN/ACK loses its option",
            paths: ONE_BOX,
            devices: r#""box": Custom(rules: [(when: (direction: ToClient, segment: [SynAck]), do: Nop)])"#,
            verdict: "fallback",
            subflows: 1,
            counted: [&["MPCapableFallbackSYNACK"], &["MPCapableFallbackACK"]],
            ..PLAIN
        },
        Case {
            name: "fallback: the SYN loses its option",
            devices: r#""edge": Asa()"#,
            paths: r#"(name: "a", rate: "20 Mbps", delay: "5 ms", devices: ["edge"]), (name: "b", rate: "20 Mbps", delay: "8 ms")"#,
            verdict: "fallback",
            subflows: 1,
            counted: [&["MPCapableFallbackSYNACK"], &[]],
            ..PLAIN
        },
    ]
}

impl Case {
    fn text(&self, client: &str, server: &str) -> String {
        let host = |own: &str, further: &str| {
            let settings = [own, self.settings, further].map(str::to_owned);
            let given: Vec<String> = settings.into_iter().filter(|s| !s.is_empty()).collect();
            format!("({})", given.join(", "))
        };
        format!(
            "Scenario(title: \"{}\", topology: MultiPath(paths: [{}]), devices: {{{}}}, \
             hosts: {{\"client\": {}, \"server\": {}}}, traffic: [{}], events: [{}], time_limit: \"20 s\")",
            self.name,
            self.paths,
            self.devices,
            host(client, self.of_client),
            host(server, self.of_server),
            self.traffic,
            self.events
        )
    }

    /// What is wrong with a run of the case.
    fn faults(&self, run: &Run, kernel_is_client: bool) -> Vec<String> {
        let mut faults = Vec::new();
        let connection = &run.record.connections[0];
        let verdict = connection.outcome.verdict;
        if verdict.word() != self.verdict {
            faults.push(format!("{verdict:?}, {:?}", connection.outcome.cause));
        }
        let established = connection.subflows.iter().filter(|s| s.established_at.is_some()).count();
        if established != self.subflows {
            faults.push(format!("{established} subflows: {:?}", connection.subflows));
        }
        if connection.stream_intact != self.intact {
            faults.push("bytes are wrong".into());
        }
        if !self.intact && kernel_is_client {
            faults.extend(delivered_unnoticed(connection));
        }
        if !matches!(verdict, Verdict::Failed(_)) && connection.completed_at.is_none() {
            faults.push("not complete".into());
        }
        let (counters, wanted): (&BTreeMap<String, u64>, _) = if kernel_is_client {
            (&connection.client_counters, self.counted[0])
        } else {
            (&connection.server_counters, self.counted[1])
        };
        for name in wanted {
            if !counters.contains_key(*name) {
                faults.push(format!("the kernel did not count {name}: {counters:?}"));
            }
        }
        if self.verdict == "mptcp" {
            faults.extend(without_data_fin(run));
        }
        faults.extend(malformed(run));
        faults
    }
}

/// A changed byte that the server delivered before it had fallen back, having said why (MP_FAIL).
fn delivered_unnoticed(connection: &ConnectionRecord) -> Option<String> {
    let of_server = || connection.story.iter().filter(|entry| entry.end == End::Server);
    let wrong = of_server().find(|entry| matches!(entry.fact, Fact::WrongByte { .. }))?;
    let before = |is: fn(&Fact) -> bool| of_server().any(|e| e.at <= wrong.at && is(&e.fact));
    let noticed = before(|f| *f == Fact::FailSent) && before(|f| matches!(f, Fact::FellBack(_)));
    let story: Vec<_> = of_server().map(|entry| (entry.at, &entry.fact)).collect();
    (!noticed).then(|| format!("a changed byte was delivered as if it were right: {story:?}"))
}

/// The hosts that closed without DATA_FIN.
fn without_data_fin(run: &Run) -> Vec<String> {
    let captures = run.record.captures.as_ref().expect("live tests capture");
    let closes = |host: &str| {
        captures.packets.iter().any(|captured| {
            let from = &captures.interfaces[captured.interface as usize].node;
            let options = mptcp_options(&captured.packet.options);
            let mut fins = options.filter(|o| matches!(o, MptcpOption::Dss(d) if d.data_fin));
            captured.sent && from == host && fins.next().is_some()
        })
    };
    let silent = ["client", "server"].into_iter().filter(|host| !closes(host));
    silent.map(|host| format!("no DATA_FIN from the {host}")).collect()
}

/// What tshark finds malformed in the run's captures; nothing where it is not installed.
fn malformed(run: &Run) -> Vec<String> {
    let captures = run.record.captures.as_ref().expect("live tests capture");
    let mut writer = sim_core::wire::pcapng::PcapngWriter::new(Vec::new()).expect("a Vec");
    let interfaces: Vec<_> = captures
        .interfaces
        .iter()
        .map(|interface| writer.interface(&interface.name).expect("a Vec"))
        .collect();
    for captured in &captures.packets {
        let interface = interfaces[captured.interface as usize];
        writer.packet(interface, captured.at, &captured.packet, None).expect("a Vec");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("all.pcapng");
    std::fs::write(&file, writer.finish().expect("a Vec")).expect("the folder takes a file");
    // What the payload could be that some dissector takes it for, and puts together from the copies of
    // both ends, is not asked.
    let alone = ["-o", "tcp.desegment_tcp_streams:FALSE", "-Y", "_ws.malformed", "-r"];
    let tshark = Command::new("tshark").args(alone).arg(&file).output();
    let Ok(output) = tshark else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if text.is_empty() { Vec::new() } else { vec![format!("malformed: {text}")] }
}

#[test]
fn the_simulated_endpoint_and_the_kernel_understand_each_other() {
    if !common::can_run("interop") {
        return;
    }
    let only = std::env::var("OPTION30_INTEROP").unwrap_or_default();
    let runs: Vec<(Case, bool)> =
        cases().into_iter().zip(cases()).flat_map(|(a, b)| [(a, true), (b, false)]).collect();
    let wanted: Vec<_> = runs.iter().filter(|(case, _)| case.name.contains(&only)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut faults = Vec::new();
        while let Some((case, kernel_is_client)) = wanted.get(next.fetch_add(1, Ordering::Relaxed))
        {
            let (client, server, who) = if *kernel_is_client {
                ("kernel", "profile: Rfc8684", "kernel calls")
            } else {
                ("profile: Rfc8684", "kernel", "kernel is called")
            };
            let run = common::live("interop", &case.text(client, server));
            let found = case.faults(&run, *kernel_is_client).into_iter();
            faults.extend(found.map(|fault| format!("{}, {who}: {fault}", case.name)));
        }
        faults
    };
    let faults: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|t| t.join().expect("no case panics")).collect()
    });
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
