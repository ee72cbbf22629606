//! A simulation and a live run of one scenario, side by side.

use std::collections::BTreeMap;

use serde::Serialize;
use sim_core::engine::world::{Captured, Captures};
use sim_core::record::{ConnectionRecord, RunRecord};
use sim_core::time::SimTime;
use sim_core::wire::mptcp::{Subtype, mptcp_options};
use sim_core::wire::packet::Flags;

/// Goodputs that differ by less, as a share of the simulation's, count as equal.
const GOODPUT: f64 = 0.05;
/// Stalls whose ratio is less count as equal,
const STALL: f64 = 2.0;
/// as do those that are both shorter, in seconds: an interval of a capture's noise.
const SHORT_STALL: f64 = 0.1;

/// Two runs of one scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Name of the scenario.
    pub scenario: String,
    /// Its connections.
    pub connections: Vec<Compared>,
    /// The earliest packet with a signal that only one of the runs has; none: both have the same.
    pub first_difference: Option<Difference>,
    /// Options 30 that each host sent, by what they are: simulated, live.
    pub options: BTreeMap<String, (u64, u64)>,
}

/// One connection in both runs.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// Its name.
    pub name: String,
    /// Simulated.
    pub sim: Figures,
    /// Live.
    pub live: Figures,
    /// What is not equal, in a word each: `verdict`, `subflows`, `goodput`, `stall`.
    pub differs: Vec<&'static str>,
    /// What was not compared, in the same words: what failed in both runs has no goodput to speak of, and
    /// where packets are lost by chance it is chance's.
    pub not_judged: Vec<&'static str>,
}

/// What is compared of a connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// `mptcp`, `fallback` or `failed`.
    pub verdict: &'static str,
    /// What became of each subflow, by path.
    pub subflows: Vec<String>,
    /// Goodput in Mbps.
    pub goodput_mbps: f64,
    /// Longest stall in seconds.
    pub stall_s: f64,
    /// Every byte was right.
    pub intact: bool,
}

/// A signal that only one run has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// True: only the live run has it.
    pub is_live: bool,
    /// When, in seconds.
    pub at_s: f64,
    /// Where, and whether it was sent there: `client dsl sent`.
    pub place: String,
    /// What: `SYN with MP_CAPABLE`.
    pub signal: String,
}

impl Comparison {
    /// Compares two records of one scenario.
    #[must_use]
    pub fn new(sim: &RunRecord, live: &RunRecord) -> Self {
        let pairs = sim.connections.iter().zip(&live.connections);
        // Chance falls upon other packets in each run.
        let by_chance = sim.random_losses + live.random_losses > 0;
        let connections: Vec<Compared> =
            pairs.map(|(s, l)| Compared::new(s, l, by_chance)).collect();
        let (first_difference, options) = match (&sim.captures, &live.captures) {
            (Some(sim), Some(live)) => (first_difference(sim, live), options(sim, live)),
            _ => (None, BTreeMap::new()),
        };
        Self { scenario: sim.scenario.clone(), connections, first_difference, options }
    }

    /// True when nothing that is compared differs.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.connections.iter().all(|c| c.differs.is_empty())
    }
}

impl Compared {
    fn new(sim: &ConnectionRecord, live: &ConnectionRecord, by_chance: bool) -> Self {
        Self::judge(sim.name.clone(), Figures::of(sim), Figures::of(live), by_chance)
    }

    fn judge(name: String, sim: Figures, live: Figures, by_chance: bool) -> Self {
        let mut differs = Vec::new();
        if sim.verdict != live.verdict || sim.intact != live.intact {
            differs.push("verdict");
        }
        if sim.subflows != live.subflows {
            differs.push("subflows");
        }
        let failed = sim.verdict == "failed" && live.verdict == "failed";
        let mut not_judged = Vec::new();
        if failed || by_chance {
            not_judged.push("goodput");
        } else if (live.goodput_mbps - sim.goodput_mbps).abs() > GOODPUT * sim.goodput_mbps {
            differs.push("goodput");
        }
        let (short, long) = (sim.stall_s.min(live.stall_s), sim.stall_s.max(live.stall_s));
        if long > SHORT_STALL && long > STALL * short {
            differs.push("stall");
        }
        Self { name, sim, live, differs, not_judged }
    }
}

impl Figures {
    fn of(connection: &ConnectionRecord) -> Self {
        let mut subflows: Vec<String> = connection
            .subflows
            .iter()
            .map(|s| format!("{} {}", s.path, format!("{:?}", s.outcome).to_lowercase()))
            .collect();
        // In which order joins were tried is the host's own choice.
        subflows.sort();
        Self {
            verdict: connection.outcome.verdict.word(),
            subflows,
            goodput_mbps: connection.goodput_bps / 1e6,
            stall_s: connection.longest_stall.as_secs_f64(),
            intact: connection.stream_intact,
        }
    }
}

/// The signals of a run and when each was first seen: packets that open, join, reset or signal, by what
/// they are, not how often. Data, acknowledgements and closing are the business of the figures.
fn signals(captures: &Captures) -> BTreeMap<(String, String), SimTime> {
    let mut first = BTreeMap::new();
    for captured in &captures.packets {
        if let Some(signal) = signal(captured) {
            let place = captures.interfaces.get(captured.interface as usize);
            let place = place.map_or("", |interface| interface.name.as_str());
            let way = if captured.sent { "sent" } else { "received" };
            first.entry((format!("{place} {way}"), signal)).or_insert(captured.at);
        }
    }
    first
}

fn signal(captured: &Captured) -> Option<String> {
    let packet = &captured.packet;
    let flags = packet.flags;
    let subtypes: Vec<&str> = mptcp_options(&packet.options)
        .filter(|option| option.subtype() != Subtype::Dss)
        .map(|option| option.subtype().name())
        .collect();
    let what = if flags.is_initial_syn() {
        "SYN"
    } else if flags.is_syn_ack() {
        "SYN/ACK"
    } else if flags.has(Flags::RST) {
        "RST"
    } else if subtypes.is_empty() {
        return None;
    } else {
        "segment"
    };
    Some(match subtypes.as_slice() {
        [] => what.to_owned(),
        some => format!("{what} with {}", some.join(", ")),
    })
}

fn first_difference(sim: &Captures, live: &Captures) -> Option<Difference> {
    let (sim, live) = (signals(sim), signals(live));
    let only = |is_live: bool| {
        let (one, other) = if is_live { (&live, &sim) } else { (&sim, &live) };
        let lone = one.iter().filter(|(key, _)| !other.contains_key(*key));
        lone.min_by_key(|(_, at)| **at).map(|(key, at)| (*at, is_live, key.clone()))
    };
    let (at, is_live, (place, signal)) = [only(false), only(true)].into_iter().flatten().min()?;
    Some(Difference { is_live, at_s: at.as_secs_f64(), place, signal })
}

/// Options 30 by the host that sent them.
fn options(sim: &Captures, live: &Captures) -> BTreeMap<String, (u64, u64)> {
    let mut all: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (captures, is_live) in [(sim, false), (live, true)] {
        for captured in captures.packets.iter().filter(|captured| captured.sent) {
            let node = captures.interfaces.get(captured.interface as usize);
            let node = node.map_or("", |interface| interface.node.as_str());
            for option in mptcp_options(&captured.packet.options) {
                let count = all.entry(format!("{node} {}", option.subtype().name())).or_default();
                *(if is_live { &mut count.1 } else { &mut count.0 }) += 1;
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goodput_is_judged_unless_both_runs_failed() {
        let figures = |verdict, goodput_mbps| Figures {
            verdict,
            subflows: vec!["dsl established".into()],
            goodput_mbps,
            stall_s: 0.0,
            intact: true,
        };
        let judge = |sim, live| {
            let compared = Compared::judge("video".into(), sim, live, false);
            (compared.differs, compared.not_judged)
        };
        let [sim, live] = [3.0, 3.2].map(|goodput| figures("mptcp", goodput));
        let lossy = Compared::judge("video".into(), sim, live, true);
        assert_eq!((lossy.differs, lossy.not_judged), (vec![], vec!["goodput"]));
        let differ = judge(figures("mptcp", 3.0), figures("mptcp", 3.2));
        assert_eq!(differ, (vec!["goodput"], vec![]));
        let failed = judge(figures("failed", 3.0), figures("failed", 0.1));
        assert_eq!(failed, (vec![], vec!["goodput"]));
        let one = judge(figures("failed", 3.0), figures("mptcp", 3.0));
        assert_eq!(one, (vec!["verdict"], vec![]));
    }
}
