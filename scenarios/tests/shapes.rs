//! Every shape, small: it is wired, and traffic crosses it as it should.

use std::path::PathBuf;

use scenarios::{Run, load};

fn run(name: &str, text: &str) -> Run {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.ron"));
    std::fs::write(&file, text).unwrap();
    let shown = |faults: Vec<scenarios::Diagnostic>| -> Run {
        panic!("{}", faults.iter().map(|fault| fault.render(false) + "\n").collect::<String>())
    };
    load(&file, &[]).and_then(|loaded| loaded.run(None)).unwrap_or_else(shown)
}

fn check(name: &str, text: &str) {
    for result in run(name, text).expectations {
        assert!(result.passed, "{name}: {}", result.sentence);
    }
}

#[test]
fn shared_bottleneck() {
    check(
        "shared",
        r#"Scenario(
            title: "MPTCP and TCP share a link",
            topology: SharedBottleneck(
                bottleneck: (name: "core", rate: "10 Mbps", delay: "10 ms", queue: "100 ms", devices: ["box"]),
                pairs: [
                    (client: "a", server: "b", links: 2, rate: "100 Mbps", delay: "1 ms"),
                    (client: "c", server: "d", rate: "100 Mbps", delay: "1 ms"),
                ],
            ),
            devices: { "box": Switch },
            hosts: { "a": (congestion: Lia), "c": (profile: TcpOnly) },
            traffic: [
                Bulk(name: "mptcp", from: "a", to: "b", duration: "10 s"),
                Bulk(name: "tcp", from: "c", to: "d", duration: "10 s"),
            ],
            expect: [
                Verdict("mptcp", Mptcp(subflows: 2)),
                Subflow("mptcp", path: "a-1", outcome: Established),
                Subflow("mptcp", path: "a-2", outcome: Established),
                Verdict("tcp", Fallback),
                // Both get a good part of what one could have.
                BoundShare("mptcp", at_least: "25 %", at_most: "75 %"),
                BoundShare("tcp", at_least: "25 %", at_most: "75 %"),
                Intact("mptcp"), Intact("tcp"),
            ],
        )"#,
    );
}

#[test]
fn graph() {
    check(
        "graph",
        r#"Scenario(
            title: "Two ways through a graph, one behind a firewall, one behind a switch",
            topology: Graph(
                hosts: ["laptop", "www"], routers: ["r1", "r2"], switches: ["sw"],
                links: [
                    (name: "wifi", from: "laptop", to: "edge.inside", rate: "8 Mbps", delay: "5 ms"),
                    (name: "wan1", from: "edge.outside", to: "r1", rate: "20 Mbps", delay: "5 ms"),
                    (name: "lan", from: "laptop", to: "sw", rate: "4 Mbps", delay: "5 ms"),
                    (name: "wan2", from: "sw", to: "r1"),
                    (name: "core", from: "r1", to: "r2", rate: "10 Mbps", delay: "5 ms"),
                    (name: "web", from: "r2", to: "www", rate: "1 Gbps"),
                ],
            ),
            devices: { "edge": Asa() },
            traffic: [Bulk(name: "up", from: "laptop", to: "www", bytes: "4 MB")],
            expect: [
                Verdict("up", Fallback),
                Cause("up", device: "edge", contains: "option 30"),
                Goodput("up", at_least: "5 Mbps", at_most: "8 Mbps"),
                Intact("up"),
            ],
        )"#,
    );
    check(
        "graph-free",
        r#"Scenario(
            title: "The same without the firewall: the core limits",
            topology: Graph(
                hosts: ["laptop", "www"], routers: ["r1", "r2"], switches: ["sw"],
                links: [
                    (name: "wifi", from: "laptop", to: "r1", rate: "8 Mbps", delay: "5 ms"),
                    (name: "lan", from: "laptop", to: "sw", rate: "4 Mbps", delay: "5 ms"),
                    (name: "wan2", from: "sw", to: "r1"),
                    (name: "core", from: "r1", to: "r2", rate: "10 Mbps", delay: "5 ms"),
                    (name: "web", from: "r2", to: "www", rate: "1 Gbps"),
                ],
            ),
            traffic: [Bulk(name: "down", from: "laptop", to: "www", direction: Down, bytes: "8 MB")],
            expect: [
                Verdict("down", Mptcp(subflows: 2)),
                Subflow("down", path: "wifi", outcome: Established),
                Subflow("down", path: "lan", outcome: Established),
                BoundShare("down", at_least: "85 %", at_most: "100 %"),
                Goodput("down", at_most: "10 Mbps"),
                Intact("down"),
            ],
        )"#,
    );
}

#[test]
fn fat_tree() {
    check(
        "fat-tree",
        r#"Scenario(
            title: "Four subflows across a fat tree of 16 hosts",
            topology: FatTree(k: 4, links: (rate: "10 Mbps", delay: "1 ms", queue: "50 packets")),
            hosts: { "h1": (path_manager: NdiffPorts(4)), "h5": (path_manager: NdiffPorts(4)) },
            traffic: [
                Bulk(name: "one", from: "h1", to: "h16", duration: "5 s"),
                Bulk(name: "two", from: "h5", to: "h2", duration: "5 s"),
            ],
            events: [At("2 s", LinkDown("pod1-agg1-core1")), At("3 s", LinkUp("pod1-agg1-core1"))],
            expect: [
                Verdict("one", Mptcp(subflows: 4)), Verdict("two", Mptcp(subflows: 4)),
                BoundShare("one", at_least: "80 %", at_most: "100 %"),
                BoundShare("two", at_least: "80 %", at_most: "100 %"),
                Intact("one"), Intact("two"),
            ],
        )"#,
    );
}

#[test]
fn events_change_links_and_add_up() {
    let run = run(
        "events",
        r#"Scenario(
            title: "A link gets slower, then lossy",
            topology: MultiPath(paths: [(name: "only", rate: "10 Mbps", delay: "5 ms")]),
            traffic: [Stream(name: "s", from: "client", to: "server", rate: "4 Mbps", duration: "9 s")],
            events: [
                At("3 s", SetRate("only", "2 Mbps")),
                At("6 s", SetLink("only", rate: "8 Mbps", delay_back: "50 ms")),
                At("7 s", SetLoss("only", 0.01)),
            ],
            expect: [
                Goodput("s", between: ("1 s", "3 s"), at_least: "3.9 Mbps", at_most: "4.1 Mbps"),
                Goodput("s", between: ("3.5 s", "6 s"), at_least: "1.7 Mbps", at_most: "2 Mbps"),
                Goodput("s", between: ("6.5 s", "8 s"), at_least: "3 Mbps"),
                Intact("s"),
            ],
        )"#,
    );
    for result in &run.expectations {
        assert!(result.passed, "{}", result.sentence);
    }
    let labels: Vec<&str> = run.record.timeline.iter().map(|event| event.label.as_str()).collect();
    assert_eq!(labels, ["only 2 Mbps", "only changed", "only loss 1 %"]);
}
