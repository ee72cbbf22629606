//! From a loaded scenario to the record of a live run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use scenarios::run::Built;
use scenarios::schema::Command;
use scenarios::{Loaded, Run};
use sim_core::engine::world::{NodeId, World};
use sim_core::mptcp::config::Profile;
use sim_core::record::{LiveRecord, RunRecord};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::payload::{StreamId, fill_content};

use crate::bridge::{Bridge, Program};
use crate::clock::Clock;
use crate::error::{Doing, LiveError};
use crate::host::setup::{self, HostPlan};
use crate::host::{CommandPlan, Host, HostWork, Letterbox, Order, Planned};
use crate::observe::Observer;
use crate::scheduling::Courtesy;
use crate::{privileges, requirements};

/// How to run, apart from what the scenario says.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Seed of what is random in the network; none: the scenario's.
    pub seed: Option<u64>,
    /// The kernels may hand over and take many segments at once (TSO, GRO), as with any network card of
    /// today. Without, they send each segment by itself.
    pub offload: bool,
    /// The calling thread runs nothing after this: once hosts are made, it gives the right to make them up.
    pub is_last: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: None, offload: true, is_last: false }
    }
}

/// Runs a scenario with this machine's kernel at its ends. Everything that the run makes is gone when it
/// returns; `interrupted` ends it early.
///
/// # Errors
/// What is wrong with the scenario or missing on this machine, and what the system refuses.
pub fn run(
    loaded: &Loaded,
    settings: Settings,
    interrupted: &AtomicBool,
) -> Result<Run, LiveError> {
    let missing = requirements::missing();
    if !missing.is_empty() {
        return Err(LiveError::Missing(missing));
    }
    let Built { seed, mut world, device_warnings } =
        loaded.build(settings.seed).map_err(LiveError::Scenario)?;
    let outside = outside_hosts(&world, loaded)?;
    for &node in &outside {
        world.put_outside(node);
    }
    let programs = programs(&world, loaded);
    if !programs.is_empty() {
        let any_is_mptcpized = programs.iter().any(|program| program.plan.mptcpize);
        let missing = requirements::missing_for_programs(any_is_mptcpized);
        if !missing.is_empty() {
            return Err(LiveError::Missing(missing));
        }
    }
    let work = |&node: &NodeId| {
        // What a program does nobody knows; one that the run waits for is likely to call.
        let mut own = programs.iter().filter(|program| program.host == node);
        let runs_programs = own.clone().next().is_some();
        let calls = own.any(|program| program.is_awaited);
        let mut work = work(&world, node, calls)?;
        work.runs_programs = runs_programs;
        work.plan.offload = settings.offload;
        Ok(work)
    };
    let works = outside.iter().map(work).collect::<Result<Vec<_>, LiveError>>()?;
    let limit = SimTime::ZERO + loaded.scenario.limit();
    let record = std::thread::scope(|scope| {
        let wire = std::thread::Builder::new()
            .name("wire".into())
            .spawn_scoped(scope, || live(world, works, programs, limit, interrupted))
            .doing(|| "start a thread".into())?;
        // Its rights went over to that thread as it was made.
        let _resting = privileges::Resting::begin(settings.is_last);
        wire.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let mut run = loaded.conclude(seed, record, &device_warnings);
    run.replay = run.replay.replacen("option30 run", "option30 live", 1);
    Ok(run)
}

/// The programs of the scenario.
fn programs(world: &World, loaded: &Loaded) -> Vec<Program> {
    let commands = loaded.scenario.traffic.iter().filter_map(|traffic| traffic.command());
    let program = |(index, command): (usize, &Command)| {
        let (host, _, stack) = world.hosts().find(|h| h.1 == command.host)?;
        let speaks = stack.config.profile != Profile::TcpOnly;
        let mptcpize = command.mptcpize.unwrap_or(speaks);
        Some(Program {
            start: SimTime::ZERO + command.start.unwrap_or(SimDuration::ZERO),
            host,
            plan: CommandPlan { index, argv: command.argv.clone(), mptcpize },
            is_awaited: !command.background,
        })
    };
    let mut programs: Vec<Program> = commands.enumerate().filter_map(program).collect();
    programs.sort_by_key(|program| program.start);
    programs
}

/// The hosts that are the kernel's: those that say so, or else all that take part in anything.
fn outside_hosts(world: &World, loaded: &Loaded) -> Result<Vec<NodeId>, LiveError> {
    let node = |name: &str| world.hosts().find(|h| h.1 == name).map(|h| h.0);
    let commands = loaded.scenario.traffic.iter().filter_map(|traffic| traffic.command());
    let named: Vec<NodeId> = loaded.kernel_hosts().filter_map(node).collect();
    if !named.is_empty() {
        for command in commands {
            if node(&command.host).is_none_or(|node| !named.contains(&node)) {
                return Err(LiveError::NotLive(format!(
                    "a program is to run in {}, which is simulated: write `\"{}\": (kernel)` in hosts",
                    command.host, command.host
                )));
            }
        }
        return Ok(named);
    }
    let mut used: BTreeSet<NodeId> = commands.filter_map(|c| node(&c.host)).collect();
    for (_, spec) in world.connections() {
        used.insert(spec.client);
        // Any host may serve a virtual address.
        let port = spec.server_address.port();
        used.extend(world.hosts().filter(|h| h.2.is_listening(port)).map(|h| h.0));
    }
    Ok(used.into_iter().collect())
}

fn work(world: &World, node: NodeId, calls: bool) -> Result<HostWork, LiveError> {
    let (_, name, stack) =
        world.hosts().find(|h| h.0 == node).expect("outside hosts are hosts of the world");
    if stack.config.profile == Profile::Rfc6824 {
        return Err(LiveError::NotLive(format!(
            "{name} is to speak MPTCP version 0 (Rfc6824); Linux speaks version 1 only"
        )));
    }
    let planned = |(connection, spec): (_, &sim_core::engine::world::ConnectionSpec)| Planned {
        connection,
        from: spec.client_address,
        to: spec.server_address,
        app: spec.app.clone(),
    };
    let opens: Vec<Planned> =
        world.connections().filter(|(_, spec)| spec.client == node).map(planned).collect();
    let serves = world
        .connections()
        .filter(|(_, spec)| spec.client != node && stack.is_listening(spec.server_address.port()))
        .map(planned)
        .collect();
    let is_client = calls || !opens.is_empty();
    let plan = HostPlan { name: name.to_owned(), stack: stack.clone(), is_client, offload: true };
    Ok(HostWork {
        node,
        plan,
        opens,
        serves,
        sample_interval: world.sample_interval(),
        runs_programs: false,
    })
}

fn live(
    world: World,
    works: Vec<HostWork>,
    programs: Vec<Program>,
    limit: SimTime,
    interrupted: &AtomicBool,
) -> Result<RunRecord, LiveError> {
    let mut record = LiveRecord { kernel: requirements::kernel(), ..LiveRecord::default() };
    for work in &works {
        let congestion = setup::kernel_congestion(work.plan.stack.config.congestion);
        record.congestion.insert(work.plan.name.clone(), congestion.to_owned());
    }
    let news = Letterbox::default();
    let outside: Vec<NodeId> = works.iter().map(|w| w.node).collect();
    let observer = Observer::new(&world, &outside);
    let hosts = works
        .iter()
        .map(|work| Host::start(work.clone(), news.clone()))
        .collect::<Result<Vec<_>, _>>()?;
    let courtesy = Courtesy::begin();
    privileges::for_packets();
    // Time begins when everything is in place, what content is cut from included, whose first use would
    // keep a packet waiting.
    fill_content(StreamId(0), 0, &mut [0]);
    let clock = Clock::start();
    for host in &hosts {
        host.order(Order::Begin(clock));
    }
    let mut bridge = Bridge {
        world,
        observer,
        hosts,
        works,
        clock,
        news,
        programs,
        interrupted,
        live: record,
        ran: BTreeMap::new(),
        early: Vec::new(),
    };
    bridge.carry(limit, courtesy)?;
    Ok(bridge.conclude())
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// What this process holds of namespaces and interfaces that are not the machine's own.
    fn held() -> Vec<String> {
        let links = |folder: &str, below: &str| -> Vec<String> {
            let all = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let paths = all.map(|entry| format!("{}{below}", entry.path().display()));
            let targets = paths.filter_map(|path| std::fs::read_link(path).ok());
            targets.map(|to| to.display().to_string()).collect()
        };
        let own = std::fs::read_link("/proc/self/ns/net").expect("/proc is there");
        let own = own.display().to_string();
        let mut held = links("/proc/self/task", "/ns/net");
        held.retain(|of_thread| *of_thread != own);
        held.extend(links("/proc/self/fd", "").into_iter().filter(|to| to == "/dev/net/tun"));
        held
    }

    #[test]
    fn a_panic_takes_the_hosts_with_it() {
        if !requirements::missing().is_empty() {
            eprintln!("a panic: SKIPPED: {}", requirements::missing().join("; "));
            return;
        }
        let _counted = crate::tun::COUNTED.lock();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("one.ron");
        let text = r#"Scenario(title: "one", topology: MultiPath(paths: [(name: "a", rate: "1 Mbps", delay: "5 ms")]),
            traffic: [Bulk(name: "data", from: "client", to: "server", bytes: "1 kB")])"#;
        std::fs::write(&file, text).expect("the folder takes a file");
        let loaded = scenarios::load(&file, &[]).expect("it is a scenario");
        let world = loaded.build(None).expect("it can be built").world;
        let nodes = outside_hosts(&world, &loaded).expect("both hosts");
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let start = |&node: &NodeId| {
                let work = work(&world, node, false).expect("a kernel can do it");
                Host::start(work, Letterbox::default()).expect("the machine can")
            };
            let _hosts: Vec<Host> = nodes.iter().map(start).collect();
            assert_eq!(held().len(), 4, "{:?}", held());
            panic!("on purpose");
        }));
        let said = panicked.expect_err("it panics");
        assert_eq!(said.downcast_ref(), Some(&"on purpose"));
        assert_eq!(held(), Vec::<String>::new());
    }
}
