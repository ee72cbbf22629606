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
    /// Further live runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub live_again: Vec<Figures>,
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
    /// Compares a simulation and a live run of one scenario, and further live runs: no two are alike, so that what
    /// is simulated is held against all that the kernel does. Signals are those of the first.
    #[must_use]
    pub fn new(sim: &RunRecord, live: &RunRecord, again: &[RunRecord]) -> Self {
        // Chance falls upon other packets in each run.
        let by_chance = [sim, live].into_iter().chain(again).any(|run| run.random_losses > 0);
        let pairs = (0..).zip(sim.connections.iter().zip(&live.connections));
        let compared = pairs.map(|(i, (simulated, first))| {
            let again = again.iter().filter_map(|run: &RunRecord| run.connections.get::<usize>(i));
            let again = again.map(Figures::of).collect();
            let name = simulated.name.clone();
            Compared::judge(name, Figures::of(simulated), Figures::of(first), again, by_chance)
        });
        let connections: Vec<Compared> = compared.collect();
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
    fn judge(
        name: String,
        sim: Figures,
        live: Figures,
        live_again: Vec<Figures>,
        by_chance: bool,
    ) -> Self {
        let mut compared =
            Self { name, sim, live, live_again, differs: Vec::new(), not_judged: Vec::new() };
        let sim = &compared.sim;
        let runs: Vec<&Figures> = compared.live_runs().collect();
        let mut differs = Vec::new();
        if runs.iter().any(|run| sim.verdict != run.verdict || sim.intact != run.intact) {
            differs.push("verdict");
        }
        if runs.iter().all(|run| sim.subflows != run.subflows) {
            differs.push("subflows");
        }
        let failed = [sim].into_iter().chain(runs).all(|run| run.verdict == "failed");
        let mut not_judged = Vec::new();
        let nearest = nearest(sim.goodput_mbps, compared.goodputs());
        if failed || by_chance {
            not_judged.push("goodput");
        } else if (nearest - sim.goodput_mbps).abs() > GOODPUT * sim.goodput_mbps {
            differs.push("goodput");
        }
        let nearest = self::nearest(sim.stall_s, compared.stalls());
        let (short, long) = (sim.stall_s.min(nearest), sim.stall_s.max(nearest));
        if long > SHORT_STALL && long > STALL * short {
            differs.push("stall");
        }
        (compared.differs, compared.not_judged) = (differs, not_judged);
        compared
    }

    fn live_runs(&self) -> impl Iterator<Item = &Figures> {
        [&self.live].into_iter().chain(&self.live_again)
    }

    /// The lowest and the highest goodput of the live runs, in Mbps.
    #[must_use]
    pub fn goodputs(&self) -> (f64, f64) {
        range(self.live_runs().map(|run| run.goodput_mbps))
    }

    /// The shortest and the longest of the live runs' longest stalls, in seconds.
    #[must_use]
    pub fn stalls(&self) -> (f64, f64) {
        range(self.live_runs().map(|run| run.stall_s))
    }
}

fn range(figures: impl Iterator<Item = f64>) -> (f64, f64) {
    figures.fold((f64::INFINITY, 0.0), |(low, high), figure| (figure.min(low), figure.max(high)))
}

/// What of a range is nearest to a figure.
fn nearest(figure: f64, (low, high): (f64, f64)) -> f64 {
    figure.max(low).min(high)
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
            let compared = Compared::judge("video".into(), sim, live, vec![], false);
            (compared.differs, compared.not_judged)
        };
        let [sim, live] = [3.0, 3.2].map(|goodput| figures("mptcp", goodput));
        let lossy = Compared::judge("video".into(), sim, live, vec![], true);
        assert_eq!((lossy.differs, lossy.not_judged), (vec![], vec!["goodput"]));
        let differ = judge(figures("mptcp", 3.0), figures("mptcp", 3.2));
        assert_eq!(differ, (vec!["goodput"], vec![]));
        let failed = judge(figures("failed", 3.0), figures("failed", 0.1));
        assert_eq!(failed, (vec![], vec!["goodput"]));
        let one = judge(figures("failed", 3.0), figures("mptcp", 3.0));
        assert_eq!(one, (vec!["verdict"], vec![]));
    }
    #[test]
    fn a_simulation_is_held_against_all_live_runs() {
        let figures = |goodput_mbps, stall_s, subflow: &str| Figures {
            verdict: "mptcp",
            subflows: vec![subflow.into()],
            goodput_mbps,
            stall_s,
            intact: true,
        };
        let lives = || vec![figures(2.0, 0.2, "lte reset"), figures(2.4, 0.9, "lte established")];
        let judge = |sim| {
            let live = figures(2.2, 0.3, "lte established");
            Compared::judge("video".into(), sim, live, lives(), false)
        };
        let within = judge(figures(2.1, 0.5, "lte reset"));
        assert_eq!((within.goodputs(), within.stalls()), ((2.0, 2.4), (0.2, 0.9)));
        assert_eq!(within.differs, Vec::<&str>::new());
        assert_eq!(judge(figures(1.95, 1.7, "lte reset")).differs, Vec::<&str>::new());
        assert_eq!(judge(figures(1.90, 0.5, "lte reset")).differs, ["goodput"]);
        assert_eq!(
            judge(figures(2.54, 1.9, "lte failed")).differs,
            ["subflows", "goodput", "stall"]
        );
        // A verdict that changes from run to run is no agreement.
        let failed = Figures { verdict: "failed", ..figures(2.1, 0.5, "lte reset") };
        let (sim, live) = (figures(2.1, 0.5, "lte reset"), figures(2.1, 0.5, "lte reset"));
        let compared = Compared::judge("video".into(), sim, live, vec![failed], false);
        assert_eq!(compared.differs, ["verdict"]);
    }
}
