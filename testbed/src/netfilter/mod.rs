//! The model of Linux netfilter, held against the netfilter of this machine's kernel: the same connections go through
//! both, by the same rules. The kernel is right.
//!
//! What the model says is unknown may be anything. An audit's rows are read as people read them ([`rows`]); where several
//! name a connection, one of them must be right. A row stands for a class of which one connection was tried: where classes
//! cross, a few connections go otherwise, at most one in so many ([`CROSSING`]).

mod random;
mod router;
mod rows;
mod texts;
mod vocabulary;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use devices::audit::{Audit, Effect, audit, platforms};
use devices::{ConfigText, Netfilter};
use sim_core::rng::Stream;

use router::{PATIENCE, Router};
use rows::Way;
use vocabulary::{PATTERNED, Vocabulary};

/// Connections that are tried on each way.
const FLOWS: usize = 30;
/// Of so many connections rows may be wrong of one, where people write the rules, and where chance does.
const CROSSING: [usize; 2] = [200, 60];

/// A text of rules, held against the kernel.
#[derive(Debug, Default)]
struct Held {
    compared: usize,
    unknown: usize,
    /// Where the kernel does otherwise than the model, and than an audit's rows.
    of_model: Vec<String>,
    of_rows: Vec<String>,
}

/// What of the machine is missing.
fn missing() -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let lacks = crate::missing().into_iter().next();
    let is_root = nix::unistd::geteuid().is_root();
    lacks.or_else(|| (!is_root).then(|| "it needs root".to_owned())).or_else(|| {
        let mut programs = ["nft", "iptables-restore", "ip6tables-restore"].into_iter();
        programs.find(|name| !has(name)).map(|name| format!("no `{name}`"))
    })
}

/// Holds the model of a text against the kernel, in a namespace of its own; why it cannot be.
fn held(name: &str, text: &str, patience: Duration) -> Result<Held, String> {
    let vocabulary = Vocabulary::of(text);
    let config = ConfigText::new("rules", text);
    let (mut model, _) = Netfilter::read(config)
        .map_err(|errors| format!("the model refuses it: {:?}", errors.first()))?;
    let linux = platforms().iter().find(|platform| platform.name == "linux");
    let (_, mut said): (_, Audit) = audit(config, linux);
    // Of interfaces that a pattern names there is one here.
    for row in &mut said.verdicts {
        row.direction = row.direction.replace(['+', '*'], PATTERNED);
    }
    let mut router =
        Router::new(&vocabulary.interfaces, patience).map_err(|error| error.to_string())?;
    router.load(text)?;
    router.listen(&vocabulary.ports.iter().copied().collect());
    let versions = Router::versions(text);
    // Who calls this host does not see whether a proxy answers, or another process, which does speak MPTCP.
    let lower = text.to_ascii_lowercase();
    let redirects = lower.contains("redirect");
    let takes = redirects || lower.contains("tproxy");
    let mut random = Stream::new(1, name);
    let mut taken = BTreeSet::new();
    let mut held = Held::default();
    for from in &vocabulary.interfaces {
        let ways = vocabulary.interfaces.iter().map(Some).chain([None]);
        for to in ways.filter(|to| *to != Some(from)) {
            let own = [false, true].map(|is_six| router.address(from, is_six));
            let hosts = to.is_none().then_some(own);
            let mut flows = vocabulary.flows(FLOWS, hosts, &mut random, &mut taken);
            flows.retain(|flow| versions[usize::from(flow.dst.is_ipv6())]);
            let tried = match to {
                Some(to) => router.forwarded(from, to, &flows),
                None => {
                    // The router does not call itself.
                    let called: BTreeSet<_> = flows.iter().map(|flow| flow.dst.ip()).collect();
                    flows.retain(|flow| !called.contains(&flow.src.ip()));
                    // Who is redirected mostly calls the address that he is redirected to, says the model.
                    flows.retain(|flow| !redirects || own.contains(&flow.dst.ip()));
                    router.for_host(from, &flows)
                }
            };
            let tried = tried.map_err(|error| error.to_string())?;
            for (flow, kernel) in flows.iter().zip(tried) {
                held.compared += 1;
                let modelled = match to {
                    Some(to) => model.forwarded(from, to, *flow),
                    None => model.for_host(from, *flow),
                };
                // Of what a rule sends elsewhere than asked, other ways tell.
                let Some(modelled) = modelled else { continue };
                // A host that is called does not tell whether it, or a proxy before it, left the option out.
                let is_alike = |said: Effect| {
                    let both = [said, kernel];
                    to.is_none()
                        && both.iter().all(|of| matches!(of, Effect::Strip | Effect::Terminate))
                };
                let fits = |said: Effect| {
                    said == kernel
                        || said == Effect::Unknown
                        || takes
                            && to.is_none()
                            && (said, kernel) == (Effect::Terminate, Effect::Pass)
                        || is_alike(said)
                };
                held.unknown += usize::from(modelled == Effect::Unknown);
                let to_what = to.map_or("the host", String::as_str);
                let told = format!(
                    "{name}: {from} to {to_what}: {flow}: kernel {kernel}, model {modelled}"
                );
                if !fits(modelled) {
                    held.of_model.push(told.clone());
                }
                let way = match to {
                    Some(to) => Way::Forwarded(from, to),
                    None => Way::ToHost(from),
                };
                let rows = rows::effects(&said, way, *flow);
                if !rows.is_empty() && !rows.iter().any(|said| fits(*said)) {
                    held.of_rows.push(format!("{told}, audit {rows:?}"));
                }
            }
        }
    }
    opened(name, &vocabulary, &mut router, &said, &mut held)?;
    itself(name, text, &vocabulary, &router, &said, &mut held)?;
    Ok(held)
}

/// Holds the rows of connections of this host to itself.
fn itself(
    name: &str,
    text: &str,
    vocabulary: &Vocabulary,
    router: &Router,
    said: &Audit,
    held: &mut Held,
) -> Result<(), String> {
    let mut random = Stream::new(1, &format!("{name}, itself"));
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let mut flows = vocabulary.flows(FLOWS, Some(loopback), &mut random, &mut BTreeSet::new());
    for flow in &mut flows {
        flow.src.set_ip(flow.dst.ip());
    }
    // The address that such a rule gives is none of the router's own here.
    let masks = ["--to-source", "snat"].iter().any(|word| text.contains(word));
    flows.retain(|flow| !masks || !flow.dst.ip().is_loopback());
    let tried = router.itself(&flows).map_err(|error| error.to_string())?;
    for (flow, kernel) in flows.iter().zip(tried) {
        let Some(kernel) = kernel else { continue };
        held.compared += 1;
        let fits = |said: &Effect| {
            [kernel, Effect::Unknown].contains(said)
                || (*said, kernel) == (Effect::Terminate, Effect::Pass)
        };
        let rows = rows::effects_of_itself(said, *flow);
        let mut told = rows.iter().filter(|of| !of.is_empty()).peekable();
        // What keeps it away may be told of either end.
        let is_told = match kernel {
            _ if told.peek().is_none() => true,
            Effect::Pass => told.all(|of| of.iter().any(fits)),
            _ => told.any(|of| of.iter().any(fits)),
        };
        if !is_told {
            held.of_rows
                .push(format!("{name}: to itself: {flow}: kernel {kernel}, audit {rows:?}"));
        }
    }
    Ok(())
}

/// Holds the rows of connections that this host itself opens.
fn opened(
    name: &str,
    vocabulary: &Vocabulary,
    router: &mut Router,
    said: &Audit,
    held: &mut Held,
) -> Result<(), String> {
    let mut random = Stream::new(1, &format!("{name}, opened"));
    let mut taken = BTreeSet::new();
    let own: Vec<IpAddr> = vocabulary
        .interfaces
        .iter()
        .flat_map(|name| [false, true].map(|is_six| router.address(name, is_six)))
        .collect();
    for by in &vocabulary.interfaces {
        let mut flows = vocabulary.flows(FLOWS, None, &mut random, &mut taken);
        for flow in &mut flows {
            flow.src.set_ip(router.address(by, flow.dst.is_ipv6()));
        }
        flows.retain(|flow| !own.contains(&flow.dst.ip()));
        let mut ports = BTreeSet::new();
        flows.retain(|flow| ports.insert(flow.src.port()));
        let tried = router.opened(by, &flows).map_err(|error| error.to_string())?;
        for (flow, kernel) in flows.iter().zip(tried) {
            let Some(kernel) = kernel else { continue };
            held.compared += 1;
            let rows = rows::effects(said, Way::Opened(by), *flow);
            let fits =
                |said: &Effect| matches!(*said, said if said == kernel || said == Effect::Unknown);
            if !rows.is_empty() && !rows.iter().any(fits) {
                held.of_rows.push(format!(
                    "{name}: opened by {by}: {flow}: kernel {kernel}, audit {rows:?}"
                ));
            }
        }
    }
    Ok(())
}

/// Holds texts against the kernel, each on a thread of its own: a namespace is a thread's.
fn all(texts: &[(String, String)]) -> Vec<(String, Result<Held, String>)> {
    let _counted = crate::tun::COUNTED.lock();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let work = || {
        while let Some((name, text)) = texts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let with = |patience| {
                let held =
                    std::thread::scope(|scope| scope.spawn(|| held(name, text, patience)).join());
                held.unwrap_or_else(|_| Err("it panicked".to_owned()))
            };
            // On a busy machine a packet may be late: what differs is looked at again.
            let differs = |held: &Result<Held, String>| {
                held.as_ref().is_ok_and(|held| !held.of_model.is_empty())
            };
            let held = Some(with(PATIENCE)).filter(|held| !differs(held));
            let held = held.unwrap_or_else(|| with(PATIENCE * 50));
            done.lock().expect("no panic here").push((name.clone(), held));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    done.into_inner().expect("no panic here")
}

/// Tells how much was compared; how many connections, and of how many rows are wrong. `OPTION30_NETFILTER_ROWS`: these are told,
/// too.
fn counted(what: &str, all: &[(String, Result<Held, String>)]) -> [usize; 2] {
    let held = || all.iter().filter_map(|(_, held)| held.as_ref().ok());
    let compared: usize = held().map(|held| held.compared).sum();
    let unknown: usize = held().map(|held| held.unknown).sum();
    let rows: usize = held().map(|held| held.of_rows.len()).sum();
    eprintln!(
        "{what}: {} of {} texts, {compared} connections, {unknown} of them unknown; rows are wrong of {rows}",
        held().count(),
        all.len()
    );
    if std::env::var_os("OPTION30_NETFILTER_ROWS").is_some() {
        held().flat_map(|held| &held.of_rows).for_each(|row| eprintln!("ROWS {row}"));
    }
    [compared, rows]
}

#[test]
fn texts_do_what_the_kernel_does() {
    if let Some(lack) = missing() {
        eprintln!("the model of netfilter: SKIPPED: {lack}");
        return;
    }
    let texts = texts::TEXTS.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let found = all(&texts);
    let [compared, wrong] = counted("texts", &found);
    let mut rows: Vec<&String> = Vec::new();
    for (name, held) in &found {
        let held = held.as_ref().unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(held.of_model.is_empty(), "{name}: {:#?}", held.of_model);
        rows.extend(&held.of_rows);
    }
    assert!(wrong * CROSSING[0] <= compared, "{rows:#?}");
}

/// `OPTION30_NETFILTER_RANDOM`: how many.
#[test]
fn random_rules_do_what_the_kernel_does() {
    if let Some(lack) = missing() {
        eprintln!("random rules of netfilter: SKIPPED: {lack}");
        return;
    }
    let count = std::env::var("OPTION30_NETFILTER_RANDOM").ok().and_then(|n| n.parse().ok());
    let text =
        |seed: u64| (format!("seed {seed}"), random::ruleset(&mut Stream::new(seed, "rules")));
    let texts: Vec<_> = (0..count.unwrap_or(20)).map(text).collect();
    let found = all(&texts);
    let [compared, wrong] = counted("random rules", &found);
    assert!(wrong * CROSSING[1] <= compared, "{wrong} of {compared}");
    for (name, held) in &found {
        let held = held.as_ref().unwrap_or_else(|why| panic!("{name}: {why}"));
        let text = texts.iter().find(|(of, _)| of == name).map_or("", |(_, text)| text);
        assert!(held.of_model.is_empty(), "{text}\n{:#?}", held.of_model);
    }
}

/// `OPTION30_NETFILTER_TEXTS`: a folder of rules, of which all that differs is told.
#[test]
fn texts_of_a_folder() {
    let Some(folder) = std::env::var_os("OPTION30_NETFILTER_TEXTS") else { return };
    let files = std::fs::read_dir(&folder).expect("a folder").flatten();
    let read = |entry: std::fs::DirEntry| {
        let text = std::fs::read(entry.path()).ok()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        Some((name, String::from_utf8_lossy(&text).into_owned()))
    };
    let mut texts: Vec<_> = files.filter_map(read).collect();
    texts.sort_unstable();
    let found = all(&texts);
    counted("a folder", &found);
    for (name, held) in &found {
        match held {
            Err(why) => eprintln!("SKIP {name}: {}", why.replace('\n', " | ")),
            Ok(held) => {
                held.of_model.iter().take(6).for_each(|told| eprintln!("MODEL {told}"));
                held.of_rows.iter().take(6).for_each(|told| eprintln!("ROWS {told}"));
            }
        }
    }
    let wrong = |held: &Held| held.of_model.len();
    let wrong: usize = found.iter().filter_map(|(_, held)| held.as_ref().ok()).map(wrong).sum();
    assert_eq!(wrong, 0, "connections");
}
