//! What tells each congestion control from the others: the queue that it keeps, what a loss does to it, and
//! what it leaves to others. (That each fills its paths is held in `sim-core/tests/congestion.rs`; the coupled
//! increases and decreases, number by number, beside their code.)

use sim_core::record::{ConnectionRecord, RunRecord};

use super::{Setup, TWO_PATHS, run_text};

/// Sender's states from the tenth second on: round trips in ms, and windows in bytes.
fn settled(c: &ConnectionRecord) -> (Vec<f64>, Vec<u64>) {
    let samples = &c.series.subflows[0].samples;
    let late = samples.iter().filter(|s| s.at.as_nanos() > 10_000_000_000);
    late.map(|s| (s.srtt.as_secs_f64() * 1e3, s.cwnd)).unzip()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// 10 Mbit/s, 20 ms of round trip and a queue of 200 ms: who looks for losses fills it; BBR keeps about a
/// round trip's worth of data in flight, wVegas ten packets in the queue.
#[test]
fn queues_are_filled_by_those_who_wait_for_losses() {
    let table = [
        ("Reno", 100.0..221.0),
        ("Cubic", 100.0..221.0),
        ("Lia", 100.0..221.0),
        ("Olia", 100.0..221.0),
        ("Balia", 100.0..221.0),
        ("Bbr", 20.0..60.0),
        ("WVegas", 20.0..36.0),
    ];
    for (congestion, expect) in table {
        let client = format!("(congestion: {congestion})");
        let ran = Setup {
            paths: r#"(name: "a", rate: "10 Mbps", delay: "10 ms", queue: "200 ms")"#,
            client: &client,
            traffic: r#"Bulk(name: "work", from: "client", to: "server", duration: "25 s")"#,
            ..TWO_PATHS
        }
        .run();
        let c = ran.connection();
        let srtt = median(settled(c).0);
        assert!(expect.contains(&srtt), "{congestion}: {srtt:.1} ms");
        assert!(c.goodput_bps > 8.9e6, "{congestion}: {:.2} Mbit/s", c.goodput_bps / 1e6);
    }
}

/// Reno halves its window at a loss, CUBIC takes three tenths.
#[test]
fn a_loss_takes_half_of_a_window_or_three_tenths() {
    for (congestion, expect) in [("Reno", 0.45..0.56), ("Cubic", 0.62..0.78)] {
        let client = format!("(congestion: {congestion})");
        let ran = Setup {
            paths: r#"(name: "a", rate: "10 Mbps", delay: "20 ms", queue: "60 ms")"#,
            client: &client,
            traffic: r#"Bulk(name: "work", from: "client", to: "server", duration: "40 s")"#,
            ..TWO_PATHS
        }
        .run();
        let windows = settled(ran.connection()).1;
        let (least, most) = (windows.iter().min().unwrap(), windows.iter().max().unwrap());
        let ratio = *least as f64 / *most as f64;
        assert!(expect.contains(&ratio), "{congestion}: {ratio:.3}, {least} of {most} bytes");
    }
}

/// One packet in a hundred is lost by chance: BBR takes no notice, the others take it for congestion.
#[test]
fn chance_losses_slow_down_all_but_bbr() {
    let share = |congestion: &str| {
        let client = format!("(congestion: {congestion})");
        let ran = Setup {
            paths: r#"(name: "a", rate: "20 Mbps", delay: "30 ms", queue: "100 ms", loss: "1 %")"#,
            client: &client,
            traffic: r#"Bulk(name: "work", from: "client", to: "server", duration: "15 s")"#,
            ..TWO_PATHS
        }
        .run();
        ran.connection().goodput_bps / 20e6
    };
    let bbr = share("Bbr");
    assert!(bbr > 0.8, "Bbr: {bbr:.2}");
    for congestion in ["Reno", "Cubic", "Lia", "Olia", "Balia", "WVegas"] {
        let share = share(congestion);
        assert!(share < 0.4, "{congestion}: {share:.2}");
    }
}

/// Two subflows and a TCP connection over one link of 10 Mbit/s: the share of the two.
fn share_of_two(congestion: &str) -> f64 {
    let record = run_text(
        "shared",
        &format!(
            r#"Scenario(
                title: "Two subflows and a TCP connection share a link",
                topology: SharedBottleneck(
                    bottleneck: (name: "core", rate: "10 Mbps", delay: "20 ms", queue: "80 ms"),
                    pairs: [
                        (client: "a", server: "b", links: 2, rate: "100 Mbps", delay: "1 ms", jitter: "1 ms"),
                        (client: "c", server: "d", rate: "100 Mbps", delay: "1 ms", jitter: "1 ms"),
                    ],
                ),
                hosts: {{ "a": (congestion: {congestion}), "c": (profile: TcpOnly, congestion: Reno) }},
                traffic: [
                    Bulk(name: "mptcp", from: "a", to: "b", duration: "60 s"),
                    Bulk(name: "tcp", from: "c", to: "d", duration: "60 s"),
                ],
            )"#
        ),
    );
    let delivered = |record: &RunRecord, i: usize| record.connections[i].bytes_delivered as f64;
    delivered(&record, 0) / (delivered(&record, 0) + delivered(&record, 1))
}

/// RFC 6356's second goal: coupled, two subflows take about what one connection does; uncoupled, twice that.
#[test]
fn coupled_subflows_share_a_link_like_one_connection() {
    for (congestion, expect) in
        [("Reno", 0.58..0.75), ("Lia", 0.38..0.58), ("Olia", 0.38..0.58), ("Balia", 0.38..0.58)]
    {
        let share = share_of_two(congestion);
        assert!(expect.contains(&share), "{congestion}: {share:.3}");
    }
    let vegas = share_of_two("WVegas");
    assert!(vegas < 0.3, "who minds queues yields to who fills them: {vegas:.3}");
}

/// One path of its own, one that four TCP connections share (scenario A in small): what is not needed is left to
/// the others, by OLIA more than by LIA, and by uncoupled subflows least.
#[test]
fn a_congested_path_is_left_to_others() {
    let on_shared = |congestion: &str| {
        let tcp = |i: usize| (format!("t{i}"), format!("u{i}"));
        let hosts: Vec<String> = (0..4).flat_map(|i| [tcp(i).0, tcp(i).1]).collect();
        let names = hosts.iter().map(|h| format!(", \"{h}\"")).collect::<String>();
        let mut links = String::new();
        let mut settings = String::new();
        let mut traffic = String::new();
        for i in 0..4 {
            let (t, u) = tcp(i);
            links += &format!(
                r#"(name: "in {i}", from: "{t}", to: "x", rate: "100 Mbps", delay: "1 ms", jitter: "2 ms"),
                   (name: "out {i}", from: "y", to: "{u}", rate: "100 Mbps", delay: "1 ms"),"#
            );
            settings += &format!(r#""{t}": (profile: TcpOnly, congestion: Reno),"#);
            traffic +=
                &format!(r#"Bulk(name: "tcp {i}", from: "{t}", to: "{u}", duration: "60 s"),"#);
        }
        let record = run_text(
            "congested",
            &format!(
                r#"Scenario(
                    title: "A path of one's own and one that others need",
                    topology: Graph(
                        hosts: ["m", "n"{names}],
                        routers: ["x", "y"],
                        links: [
                            (name: "own", from: "m", to: "y", rate: "5 Mbps", delay: "21 ms", queue: "50 ms", jitter: "2 ms"),
                            (name: "m to x", from: "m", to: "x", rate: "100 Mbps", delay: "1 ms", jitter: "2 ms"),
                            (name: "y to n", from: "y", to: "n", rate: "100 Mbps", delay: "1 ms"),
                            (name: "shared", from: "x", to: "y", rate: "5 Mbps", delay: "20 ms", queue: "50 ms"),
                            {links}
                        ],
                    ),
                    hosts: {{ "m": (congestion: {congestion}), {settings} }},
                    traffic: [ Bulk(name: "mptcp", from: "m", to: "n", duration: "60 s"), {traffic} ],
                )"#
            ),
        );
        let c = &record.connections[0];
        let shared: u64 = c.subflows.iter().filter(|s| s.path != "own").map(|s| s.bytes).sum();
        shared as f64 * 8.0 / 60e6
    };
    let [reno, lia, olia] = ["Reno", "Lia", "Olia"].map(on_shared);
    assert!(lia < reno * 0.9, "LIA {lia:.3}, Reno {reno:.3} Mbit/s");
    assert!(olia < lia * 0.9, "OLIA {olia:.3}, LIA {lia:.3} Mbit/s");
}
