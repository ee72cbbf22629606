//! What the settings of hosts do, as a scenario file names them: each path manager, scheduler and congestion
//! control is told from the others by what it does on the wire.

mod congestion;
mod path_managers;
mod schedulers;
mod segmentation;

use std::path::PathBuf;

use scenarios::load;
use sim_core::record::story::End;
use sim_core::record::{ConnectionRecord, RunRecord};
use sim_core::wire::mptcp::{MptcpOption, mptcp_options};
use sim_core::wire::packet::Packet;

/// A scenario with the hosts "client" and "server".
#[derive(Clone, Copy)]
struct Setup<'a> {
    /// `(name: "a", rate: "10 Mbps", …), …`
    paths: &'a str,
    client: &'a str,
    server: &'a str,
    /// One or more, each called "work" or otherwise, as the file has them.
    traffic: &'a str,
    events: &'a str,
}

/// Two paths, `a` and `b`; the client writes for five seconds.
const TWO_PATHS: Setup<'_> = Setup {
    paths: r#"(name: "a", rate: "10 Mbps", delay: "10 ms", queue: "100 ms"),
              (name: "b", rate: "10 Mbps", delay: "20 ms", queue: "100 ms")"#,
    client: "()",
    server: "()",
    traffic: UPLOAD,
    events: "",
};
const UPLOAD: &str = r#"Bulk(name: "work", from: "client", to: "server", duration: "5 s")"#;
const DOWNLOAD: &str =
    r#"Bulk(name: "work", from: "client", to: "server", direction: Down, duration: "5 s")"#;

impl Setup<'_> {
    fn run(&self) -> Ran {
        let Self { paths, client, server, traffic, events } = self;
        let text = format!(
            "Scenario(title: \"Settings\", topology: MultiPath(paths: [{paths}]),
             hosts: {{ \"client\": {client}, \"server\": {server} }},
             traffic: [{traffic}], events: [{events}])"
        );
        Ran(run_text("settings", &text))
    }
}

/// Runs a scenario; the headers of all packets are kept.
fn run_text(name: &str, text: &str) -> RunRecord {
    let name = format!("{name}-{:?}.ron", std::thread::current().id());
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, text).unwrap();
    let shown = |faults: Vec<scenarios::Diagnostic>| -> RunRecord {
        panic!("{}", faults.iter().map(|fault| fault.render(false) + "\n").collect::<String>())
    };
    let run = load(&file, &[]).and_then(|mut loaded| {
        loaded.capture_heads = true;
        Ok(loaded.run(None)?.record)
    });
    run.unwrap_or_else(shown)
}

/// What a run left behind, and the questions that the tests put to it.
struct Ran(RunRecord);

impl Ran {
    fn connection(&self) -> &ConnectionRecord {
        &self.0.connections[0]
    }

    /// Packets that an end sent, as it sent them.
    fn sent(&self, end: End) -> impl Iterator<Item = &Packet> {
        let c = self.connection();
        let host = if end == End::Client { &c.client } else { &c.server };
        let captures = self.0.captures.as_ref().expect("the run was captured");
        let by_host = captures
            .packets
            .iter()
            .filter(move |p| p.sent && &captures.interfaces[p.interface as usize].node == host);
        by_host.map(|p| &p.packet)
    }

    /// Options 30 that an end sent.
    fn options(&self, end: End) -> impl Iterator<Item = MptcpOption> {
        self.sent(end).flat_map(|packet| mptcp_options(&packet.options))
    }

    /// New bytes that a path brought from the second `from` on and before the second `to`.
    fn bytes(&self, path: &str, from: f64, to: f64) -> u64 {
        let c = self.connection();
        let interval = c.series.interval.as_secs_f64();
        let [from, to] = [from, to].map(|at| (at / interval).round() as usize);
        let of_path = c.subflows.iter().zip(&c.series.subflows).filter(|(s, _)| s.path == path);
        let in_time = |bytes: &[u64]| bytes.iter().take(to).skip(from).sum::<u64>();
        of_path.map(|(_, series)| in_time(&series.bytes)).sum()
    }

    /// Bytes that a path brought in all.
    fn all_bytes(&self, path: &str) -> u64 {
        self.bytes(path, 0.0, 1e6)
    }
}
