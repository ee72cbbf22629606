//! The kernel at both ends: what a user gets of a live run.

mod common;

use scenarios::Run;

const PATHS: &str = r#"(name: "dsl", rate: "3 Mbps", delay: "10 ms", devices: [{edge}]), (name: "lte", rate: "3 Mbps", delay: "30 ms"), (name: "cable", rate: "3 Mbps", delay: "15 ms")"#;

fn scenario(devices: &str, events: &str, traffic: &str, expect: &str) -> String {
    let edge = if devices.is_empty() { "" } else { "\"edge\"" };
    let paths = PATHS.replace("{edge}", edge);
    format!(
        "Scenario(title: \"live\", topology: MultiPath(paths: [{paths}]), devices: {{{devices}}}, \
         traffic: [{traffic}], events: [{events}], expect: [{expect}], time_limit: \"30 s\")"
    )
}

fn stream(duration: &str) -> String {
    format!(
        r#"Stream(name: "video", from: "client", to: "server", rate: "8 Mbps", duration: "{duration}")"#
    )
}

/// Runs a scenario; its expectations must hold.
fn check(name: &str, text: &str) -> Run {
    let run = common::live(name, text);
    let failed: Vec<_> = run.expectations.iter().filter(|e| !e.passed).collect();
    assert!(failed.is_empty(), "{name}: {failed:#?}\n{:#?}", run.record.connections);
    assert!(!run.expectations.is_empty(), "{name} expects nothing");
    run
}

#[test]
fn three_paths_carry_their_sum() {
    if !common::can_run("three paths") {
        return;
    }
    let expect = r#"Verdict("video", Mptcp(subflows: 3)), Goodput("video", at_least: "7 Mbps"), Intact("video")"#;
    let run = check("three-paths", &scenario("", "", &stream("4 s"), expect));
    let live = run.record.live.expect("a live run says so");
    assert!(live.kernel.starts_with("Linux "), "{}", live.kernel);
    assert_eq!(live.congestion.get("client").map(String::as_str), Some("cubic"));
    let client = &live.sockets["video client"];
    assert!(client["mptcpi_bytes_acked"] >= 4_000_000, "{client:?}");
    let video = &run.record.connections[0];
    assert_eq!(
        video.client_counters.get("MPJoinSynAckRx"),
        Some(&2),
        "{:?}",
        video.client_counters
    );
    assert!(video.series.subflows.iter().all(|s| s.samples.len() > 10), "windows are sampled");
    assert!(!video.latency.is_empty());
    // What charts draw: where in the stream each subflow sent, and how its sender was.
    let detail = &run.record.detail.expect("it was observed").connections[0];
    assert_eq!(detail.subflows.len(), 3);
    let top = |envelope: &sim_core::record::envelope::Envelope| {
        envelope.stretches().iter().map(|stretch| stretch.high).max().unwrap_or(0)
    };
    assert_eq!(detail.subflows.iter().map(|s| top(&s.first)).max(), Some(video.bytes_delivered));
    for subflow in &detail.subflows {
        assert!(top(&subflow.first) > video.bytes_delivered / 2, "{subflow:?}");
        assert!(top(&subflow.cwnd) >= 10 * 1400 && top(&subflow.srtt_ns) > 20_000_000);
    }
}

/// Who is a backup from now on stays an endpoint of a full mesh: its subflow is not joined anew.
#[test]
fn priorities_leave_a_full_mesh_as_it_is() {
    if !common::can_run("priorities in a mesh") {
        return;
    }
    let expect = r#"Verdict("video", Mptcp(subflows: 3)), Intact("video")"#;
    let events = r#"At("0.5 s", SetBackup("client", "lte", true)), At("1 s", SetBackup("client", "lte", false))"#;
    let text = scenario("", events, &stream("2 s"), expect).replace(
        "traffic:",
        r#"hosts: {"client": (profile: Linux6, path_manager: FullMesh)}, traffic:"#,
    );
    let run = check("mesh-priorities", &text);
    assert_eq!(run.record.connections[0].subflows.len(), 3, "{:#?}", run.record.connections);
}

/// As in the simulator: what waits after the first write waits from when that could be made, on an open connection.
#[test]
fn a_pause_begins_when_the_connection_is_open() {
    if !common::can_run("a pause") {
        return;
    }
    let text = r#"Scenario(
        title: "A pause",
        topology: MultiPath(paths: [
            (name: "far", rate: "10 Mbps", delay: "100 ms", queue: "100 ms"),
        ]),
        traffic: [
            UpThenDown(name: "work", from: "client", to: "server", up: "10 kB", header: "100 B", pause: "300 ms", down: "1 kB"),
        ],
        expect: [ Intact("work") ],
    )"#;
    let run = check("pause", text);
    let completed = run.record.connections[0].completed_at.map(|at| at.as_secs_f64());
    // Open after 200 ms, then the pause, and there and back.
    assert!(completed.is_some_and(|seconds| (0.7..1.2).contains(&seconds)), "{completed:?}");
}

#[test]
fn a_box_is_found_to_be_the_cause() {
    if !common::can_run("a box") {
        return;
    }
    let expect = r#"Verdict("video", Fallback), Cause("video", device: "edge", contains: "option 30"), Change("edge", label: "option-30-to-nop", at_least: 1), Intact("video")"#;
    let short = r#"Bulk(name: "video", from: "client", to: "server", bytes: "500 kB")"#;
    check("asa", &scenario(r#""edge": Asa()"#, "", short, expect));
}

#[test]
fn a_path_fails_and_the_stream_goes_on() {
    if !common::can_run("a path fails") {
        return;
    }
    let expect =
        r#"Verdict("video", Mptcp(subflows: 3)), Stall("video", at_most: "2 s"), Intact("video")"#;
    let events = r#"At("1 s", LinkDown("dsl"))"#;
    check("path-failure", &scenario("", events, &stream("3 s"), expect));
}

#[test]
fn programs_run_in_hosts() {
    if !common::can_run("programs") {
        return;
    }
    let python = r#"import socket,sys
if sys.argv[1] == 's':
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('', 5001)); s.listen(); c, _ = s.accept(); n = 0
    while True:
        b = c.recv(65536); n += len(b)
        if not b: break
    c.sendall(b'%d' % n); c.close()
else:
    s = socket.create_connection(('10.1.1.2', 5001)); s.sendall(b'x' * 400000)
    s.shutdown(socket.SHUT_WR); print('server got', s.recv(100).decode())
"#;
    if !have("programs", &["python3", "mptcpize"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("talk.py");
    std::fs::write(&file, python).expect("the folder takes a file");
    let file = file.display();
    let traffic = format!(
        r#"Command(host: "server", argv: ["python3", "{file}", "s"], background: true),
           Command(host: "client", argv: ["python3", "{file}", "c"], start: "1 s")"#
    );
    let run = common::live("programs", &scenario("", "", &traffic, ""));
    let live = run.record.live.expect("a live run says so");
    let client = live.commands.iter().find(|c| c.host == "client").expect("it ran");
    assert_eq!((client.exit_code, client.output.trim()), (Some(0), "server got 400000"));
    let [connection] = run.record.connections.as_slice() else {
        panic!("one connection: {:#?}", run.record.connections)
    };
    assert_eq!(connection.outcome.verdict.word(), "mptcp", "{:?}", connection.outcome);
    assert_eq!(connection.bytes_delivered, 400_006);
}

/// True when all of these are installed; else a word on standard error.
fn have(test: &str, programs: &[&str]) -> bool {
    let lacks = programs
        .iter()
        .find(|program| std::process::Command::new(program).arg("--version").output().is_err());
    if let Some(lacking) = lacks {
        eprintln!("{test}: SKIPPED: {lacking} is not installed");
    }
    lacks.is_none()
}

#[test]
fn programs_that_know_nothing_of_mptcp_speak_it() {
    let test = "programs that users have";
    if !common::can_run(test) || !have(test, &["iperf3", "curl", "python3", "mptcpize"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("page"), vec![b'x'; 300_000]).expect("it takes a file");
    let folder = folder.path().display();
    let traffic = format!(
        r#"Command(host: "server", argv: ["iperf3", "-s", "-1"], background: true),
           Command(host: "server", argv: ["python3", "-m", "http.server", "-d", "{folder}"], background: true),
           Command(host: "client", argv: ["iperf3", "-c", "10.1.1.2", "-n", "500K"], start: "1500 ms"),
           Command(host: "client", argv: ["curl", "-sS", "-o", "/dev/null", "-w", "%{{http_code}} %{{size_download}}", "http://10.1.1.2:8000/page"], start: "1500 ms"),
           Command(host: "client", argv: ["curl", "-sS", "http://10.1.1.2:9/"], start: "1500 ms")"#
    );
    let run = common::live("users-programs", &scenario("", "", &traffic, ""));
    let ran = run.record.live.expect("a live run says so").commands;
    let of = |word: &str| {
        let found = ran.iter().find(|c| c.argv.iter().any(|argument| argument.contains(word)));
        found.map(|c| (c.exit_code, c.output.as_str())).unwrap_or_else(|| panic!("{word}: {ran:?}"))
    };
    assert_eq!(of("/page"), (Some(0), "200 300000"));
    let (code, said) = of("-n");
    assert!(code == Some(0) && said.contains("iperf Done"), "{said}");
    let (code, said) = of(":9/"); // nobody listens there
    assert!(code == Some(7) && said.contains("10.1.1.2"), "{code:?} {said}");
    // iperf3's server does not wait for what is still on its way once the client has written all.
    let mptcp = |port: u16| {
        let mut to = run.record.connections.iter().filter(|c| c.name.contains(&format!(":{port}")));
        assert!(to.all(|c| c.outcome.verdict.word() == "mptcp"), "{:#?}", run.record.connections);
    };
    [5201, 8000].into_iter().for_each(mptcp);
    let large = run.record.connections.iter().filter(|c| c.bytes_delivered >= 100_000).count();
    assert_eq!(large, 2, "iperf3's and curl's: {:#?}", run.record.connections);
}

#[test]
fn what_a_kernel_cannot_is_said() {
    if !common::can_run("cannot") {
        return;
    }
    let never = std::sync::atomic::AtomicBool::new(false);
    for (host, word) in
        [("profile: Rfc6824", "version 1 only"), ("path_manager: NdiffPorts(2)", "NdiffPorts")]
    {
        let text = scenario("", "", &stream("1 s"), "")
            .replace("traffic:", &format!("hosts: {{\"client\": ({host})}}, traffic:"));
        let loaded = common::load("cannot", &text);
        let said = testbed::run(&loaded, testbed::Settings::default(), &never)
            .expect_err("it cannot")
            .to_string();
        assert!(said.contains(word), "{said}");
    }
    // A signal ends a run; nothing of it is a record.
    let loaded = common::load("signal", &scenario("", "", &stream("20 s"), ""));
    let now = std::sync::atomic::AtomicBool::new(true);
    assert!(matches!(
        testbed::run(&loaded, testbed::Settings::default(), &now),
        Err(testbed::LiveError::Interrupted)
    ));
}
