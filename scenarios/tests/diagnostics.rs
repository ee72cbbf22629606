//! Golden messages: what a user sees for each kind of bad input.

use scenarios::check::check;
use scenarios::diagnostic::Source;
use scenarios::read::read;
use scenarios::schema::Scenario;

/// A scenario without fault, in which each test breaks one thing.
const GOOD: &str = r#"Scenario(
    title: "Zürich ö",
    topology: MultiPath(paths: [
        (name: "dsl", rate: "3 Mbps", delay: "10 ms", devices: ["edge"]),
        (name: "lte", rate: "3 Mbps", delay: "30 ms", loss: "1 %"),
    ]),
    devices: { "edge": Asa() },
    hosts: { "client": (scheduler: MinRtt), "server": () },
    traffic: [Stream(name: "video", from: "client", to: "server", rate: "9 Mbps", duration: "30 s")],
    events: [At("10 s", LinkDown("dsl")), At("20 s", LinkUp("dsl"))],
    expect: [
        Verdict("video", Mptcp(subflows: 2)),
        Goodput("video", between: ("0 s", "10 s"), at_least: "5 Mbps"),
    ],
)
"#;

const SHAPE: &str = r#"topology: MultiPath(paths: [
        (name: "dsl", rate: "3 Mbps", delay: "10 ms", devices: ["edge"]),
        (name: "lte", rate: "3 Mbps", delay: "30 ms", loss: "1 %"),
    ]),"#;

fn messages(text: &str) -> String {
    let source = Source { file: "test.ron".into(), text: text.into() };
    match read::<Scenario>(&source) {
        Ok((scenario, tree)) => check(&scenario, &source, &tree)
            .iter()
            .map(|diagnostic| diagnostic.render(false))
            .collect::<Vec<_>>()
            .join("\n"),
        Err(diagnostic) => diagnostic.render(false),
    }
}

fn with(good: &str, bad: &str) -> String {
    assert_eq!(GOOD.matches(good).count(), 1, "{good}");
    messages(&GOOD.replace(good, bad))
}

#[test]
fn a_good_scenario_has_no_fault() {
    assert_eq!(messages(GOOD), "");
}

/// What is broken: a piece of the good scenario, and what stands there instead.
const CASES: &[(&str, &str)] = &[
    (r#"name: "lte", rate: "3 Mbps", delay"#, r#"name: "lte", rate: "3 Mbps", dealy"#),
    (r#"rate: "9 Mbps""#, r#"rate: "9 Mbbs""#),
    (r#"rate: "9 Mbps""#, r#"rate: 9000000"#),
    (r#"rate: "9 Mbps""#, r#"rate: "-9 Mbps""#),
    (r#"rate: "9 Mbps", "#, r#""#),
    (r#"devices: ["edge"]"#, r#"devices: ["egde"]"#),
    (r#""edge": Asa()"#, r#""edge": Asa(), "edge": Switch"#),
    (r#""server": ()"#, r#""sever": ()"#),
    (r#"name: "lte""#, r#"name: "dsl""#),
    (r#"LinkUp("dsl")"#, r#"LinkUp("dls")"#),
    (r#"Verdict("video""#, r#"Verdict("vidoe""#),
    (r#"loss: "1 %""#, r#"loss: "1 pct""#),
    (r#"loss: "1 %""#, r#"loss: GilbertEliott(p: 0.1, r: 0.2)"#),
    (r#"loss: "1 %""#, r#"queue: "50 paquets""#),
    (r#"loss: "1 %""#, r#"queue: Red(min: "60 KiB", max: "20 KiB")"#),
    (r#"loss: "1 %""#, r#"queue: FqCoDel(flows: 0)"#),
    (
        r#"LinkUp("dsl")"#,
        r#"SetLink("dsl", queue_back: Red(min: "20 KiB", max: "20 KiB"), mtu: 100)"#,
    ),
    (r#"title: "Zürich ö","#, r#"title: "Zürich ö", seed: 1, seed: 2,"#),
    (r#"title: "Zürich ö","#, r#"title: "Zürich ö""#),
    (r#"events: [At("10 s""#, r#"events: [At("50 min""#),
    ("    ],\n)\n", "    ],\n"),
    ("    ],\n)\n", "    \n"),
    (r#"between: ("0 s", "10 s")"#, r#"between: ("10 s", "10 s")"#),
    (r#", at_least: "5 Mbps""#, r#""#),
    (r#"Goodput("video", between"#, r#"Goodput("video", betwen"#),
    (r#"Mptcp(subflows: 2)"#, r#"MPTCP(subflows: 2)"#),
    // Broken RON.
    (r#"title: "Zürich ö","#, r#"title: "Zürich ö,"#),
    (r#"rate: "9 Mbps""#, r#"rate "9 Mbps""#),
    (r#"title: "Zürich ö","#, r#"/* title: "Zürich ö","#),
    (r#"MultiPath(paths"#, r#"MultiPath(pfade"#),
    ("Scenario(", "Scenary("),
    (r#"devices: ["edge"]"#, r#"devices: []"#),
    // Other shapes.
    (SHAPE, r#"topology: FatTree(k: 3, links: (rate: "1 Gbps")),"#),
    (
        SHAPE,
        r#"topology: LoadBalanced(balancer: "lb", servers: [("s", "10.9.0.1"), ("s", "10.9.0.1")], paths: [(name: "dsl"), (name: "lte", family: V6)]),"#,
    ),
    (
        SHAPE,
        r#"topology: LoadBalanced(balancer: "edge", servers: [("s", "10.9.0.256")], paths: [(name: "dsl")]),"#,
    ),
    (
        SHAPE,
        r#"topology: Graph(hosts: ["client", "server"], links: [(name: "dsl", from: "client", to: "edge"), (name: "lte", from: "edge.outside", to: "sever")]),"#,
    ),
    (
        SHAPE,
        r#"topology: SharedBottleneck(bottleneck: (name: "dsl"), pairs: [(client: "client", server: "client", links: 0)]),"#,
    ),
    (SHAPE, r#"topology: Ring(paths: []),"#),
    // Values.
    (r#"rate: "9 Mbps""#, r#"rate: "NaN Mbps""#),
    (r#"rate: "9 Mbps""#, r#"rate: "99999999999 Gbps""#),
    (r#"rate: "9 Mbps""#, r#"rate: "0 Mbps""#),
    (r#"duration: "30 s""#, r#"duration: "30 sec""#),
    (r#"loss: "1 %""#, r#"loss: "101 %""#),
    (r#"loss: "1 %""#, r#"mtu: 20"#),
    (r#"loss: "1 %""#, r#"family: V5"#),
    (r#"loss: "1 %""#, r#"devices: "edge""#),
    (r#"scheduler: MinRtt"#, r#"scheduler: MinRRT"#),
    (r#"scheduler: MinRtt"#, r#"path_manager: Fullmesh"#),
    (r#"scheduler: MinRtt"#, r#"backup: ["lti"]"#),
    (r#"scheduler: MinRtt"#, r#"signal: "lte""#),
    (r#"from: "client""#, r#"from: "clinet""#),
    (r#"to: "server""#, r#"to: "client""#),
    (r#"name: "video", from"#, r#"name: "video", port: 70000, from"#),
    (r#"LinkUp("dsl")"#, r#"Reload("egde")"#),
    (r#"LinkUp("dsl")"#, r#"SetRate("dsl", "9 Mbbs")"#),
    (r#"LinkUp("dsl")"#, r#"SetLink("dsl", rtae: "9 Mbps")"#),
    (r#"LinkUp("dsl")"#, r#"LinkUpp("dsl")"#),
    (r#"At("20 s""#, r#"At("5 s""#),
    (r#"at_least: "5 Mbps""#, r#"at_least: "5 Mbps", at_most: "4 Mbps""#),
    (r#"Verdict("video", Mptcp(subflows: 2))"#, r#"Change("egde", label: "x", at_most: 1)"#),
    (r#"Verdict("video", Mptcp(subflows: 2))"#, r#"Cause("video", device: "egde")"#),
    (r#"Verdict("video", Mptcp(subflows: 2))"#, r#"Cause("video")"#),
    (
        r#"Verdict("video", Mptcp(subflows: 2))"#,
        r#"Latency("video", percentile: 101, at_most: "1 s")"#,
    ),
    (r#"Verdict("video", Mptcp(subflows: 2))"#, r#"Verdict("video", Mptcp(subflow: 2))"#),
    (
        r#"Stream(name: "video", from: "client", to: "server", rate: "9 Mbps", duration: "30 s")"#,
        r#"UpThenDown(name: "video", from: "client", to: "server", up: "1 MB", down: "1 MB", down_pause: "1 s")"#,
    ),
];

/// Long lists of known names cut, so that a new setting is no new message.
fn shortened(shown: &str) -> String {
    let cut = |line: &str| match line.match_indices(", \"").nth(4) {
        Some((at, _)) if line.contains("known here: ") => format!("{}, …", &line[..at]),
        _ => line.to_owned(),
    };
    shown.lines().map(cut).collect::<Vec<_>>().join("\n")
}

/// Apart from the others, because the note lists every model.
#[test]
fn an_unknown_device_is_near_to_a_known_one() {
    let shown = with(r#""edge": Asa()"#, r#""edge": Asa5505()"#);
    assert!(shown.contains("unknown name \"Asa5505\""), "{shown}");
    assert!(shown.contains("did you mean \"Asa\"?"), "{shown}");
}

/// The messages stand in `diagnostics.golden`. When one is changed on purpose, look at what this test
/// writes, and copy it there.
#[test]
fn messages_are_as_they_were() {
    let shown: Vec<String> = CASES
        .iter()
        .map(|(good, bad)| format!("### {good}  →  {bad}\n{}\n", shortened(&with(good, bad))))
        .collect();
    let shown = shown.join("\n");
    let written = concat!(env!("CARGO_TARGET_TMPDIR"), "/diagnostics.golden");
    std::fs::write(written, &shown).unwrap();
    let golden = include_str!("diagnostics.golden");
    for (shown, golden) in shown.split("### ").zip(golden.split("### ")) {
        assert_eq!(shown, golden, "everything is in {written}");
    }
    assert_eq!(shown.len(), golden.len(), "everything is in {written}");
}

proptest::proptest! {
    /// Whatever becomes of the text, there is a message or a scenario, never a panic.
    #[test]
    fn broken_text_never_panics(at in 0..GOOD.len(), cut in 0..40usize, put in "[ -~]{0,6}") {
        let boundary = |mut at: usize| {
            while !GOOD.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (boundary(at), boundary((at + cut).min(GOOD.len())));
        messages(&format!("{}{put}{}", &GOOD[..start], &GOOD[end.max(start)..]));
    }

    #[test]
    fn any_text_never_panics(text: String) {
        messages(&text);
    }
}
