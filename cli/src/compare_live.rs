//! `option30 compare --sim --live`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use reports::figures::printable;
use reports::table::{Cell, lines};
use reports::{Style, paint};
use scenarios::Loaded;
use sim_core::record::RunRecord;
use testbed::compare::{self, Comparison};
use testbed::{LiveError, Settings};

use crate::Outcome;
use crate::args::Format;
use crate::compare::CompareArgs;
use crate::failure::Failure;
use crate::live::failure;
use crate::output::Output;
use crate::progress::Progress;
use crate::simulate;

/// Runs every scenario both ways.
pub(crate) fn compare(args: &CompareArgs, output: &mut Output) -> Result<Outcome, Failure> {
    testbed::acquire();
    let (mut scenarios, mut wrong) = (Vec::new(), Vec::new());
    for input in simulate::read(&args.input)? {
        match input.loaded {
            Ok(mut loaded) => {
                loaded.capture_heads = true;
                scenarios.push(loaded);
            }
            Err(diagnostics) => wrong.extend(diagnostics),
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Input(wrong));
    }
    let missing = testbed::missing();
    if !missing.is_empty() {
        return Err(failure(LiveError::Missing(missing)));
    }
    let (mut agree, mut differ, mut skipped) = (0, 0, 0);
    each(&scenarios, args, |loaded, compared| {
        match &compared {
            Ok(comparison) if comparison.agrees() => agree += 1,
            Ok(_) => differ += 1,
            Err(_) => skipped += 1,
        }
        output.print(&shown(loaded, &compared, args.format))
    })?;
    if args.format == Format::Text {
        let style = if differ == 0 { Style::Good } else { Style::Bad };
        let mut text = format!("{agree} agree, {differ} differ");
        if skipped > 0 {
            text += &format!(", {skipped} not live");
        }
        output.line(&paint(style, &text))?;
    }
    Ok(if differ == 0 { Outcome::Good } else { Outcome::ExpectationFailed })
}

/// A comparison, or why there can be none: what the scenario asks for has only the simulator.
type Compared = Result<Comparison, String>;

/// Every scenario both ways, some at once; `show` gets them one by one in the order given, each as soon as it
/// and all before it are done.
fn each(
    scenarios: &[Loaded],
    args: &CompareArgs,
    mut show: impl FnMut(&Loaded, Compared) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let interrupted = testbed::interrupted().map_err(failure)?;
    let next = AtomicUsize::new(0);
    let (sender, done) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.clamp(1, scenarios.len().max(1)) {
            let sender = sender.clone();
            scope.spawn(|| {
                let sender = sender;
                while let Some((index, loaded)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    scenarios.get(index).map(|loaded| (index, loaded))
                } {
                    // Nobody listens any more once another has failed.
                    if sender.send((index, one(loaded, args, &interrupted))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut listen = move || {
            let mut early = BTreeMap::new();
            for (index, loaded) in scenarios.iter().enumerate() {
                let progress = Progress::start();
                let name = printable(&loaded.name);
                let longest = loaded.scenario.limit() * u64::from(args.repeat);
                let longest = Duration::from_secs(longest.as_nanos() / 1_000_000_000);
                let doing = format!("{} of {}: {name}", index + 1, scenarios.len());
                progress.say_within(doing, longest);
                while !early.contains_key(&index) {
                    let (at, result) = done.recv().expect("every scenario has a result");
                    early.insert(at, result?);
                }
                drop(progress);
                show(loaded, early.remove(&index).expect("it has just come"))?;
            }
            Ok(())
        };
        let result = listen();
        next.store(scenarios.len(), Ordering::Relaxed);
        result
    })
}

fn shown(loaded: &Loaded, compared: &Compared, format: Format) -> String {
    match (format, compared) {
        (Format::Json, Ok(comparison)) => {
            let json = serde_json::to_string(comparison);
            json.expect("strings and finite numbers are always JSON") + "\n"
        }
        (Format::Json, Err(why)) => {
            serde_json::json!({ "scenario": loaded.name, "not_live": why }).to_string() + "\n"
        }
        (Format::Text, Ok(comparison)) => render(comparison),
        (Format::Text, Err(why)) => {
            let name = paint(Style::Strong, &printable(&loaded.name));
            format!("{name}\n  not live: {}\n\n", printable(why))
        }
    }
}

fn one(loaded: &Loaded, args: &CompareArgs, interrupted: &AtomicBool) -> Result<Compared, Failure> {
    let seed = args.input.seed;
    let settings = Settings { seed, ..Settings::default() };
    let live = match testbed::run(loaded, settings, interrupted) {
        Ok(live) => live,
        Err(LiveError::NotLive(why)) => return Ok(Err(why)),
        Err(error) => return Err(failure(error)),
    };
    let again = (1..args.repeat).map(|_| {
        let run = testbed::run(loaded, settings, interrupted).map_err(failure)?;
        Ok(RunRecord { captures: None, ..run.record })
    });
    let again = again.collect::<Result<Vec<_>, Failure>>()?;
    // The kernel is Linux, whatever profile the scenario gives to the host that it stands for.
    let mut simulated = loaded.clone();
    simulated.as_live = true;
    let sim = simulated.run(seed).map_err(Failure::Input)?;
    Ok(Ok(Comparison::new(&sim.record, &live.record, &again)))
}

fn render(comparison: &Comparison) -> String {
    let mut out = paint(Style::Strong, &printable(&comparison.scenario)) + "\n";
    let head = ["", "verdict", "subflows", "goodput", "stall", "bytes", ""];
    let mut rows = vec![head.map(|h| Cell::left(h).style(Style::Faint)).to_vec()];
    for connection in &comparison.connections {
        rows.extend(both(connection));
    }
    for line in lines(&rows) {
        out += &format!("  {line}\n");
    }
    let signals =
        comparison.options.iter().filter(|(name, (s, l))| !name.ends_with("DSS") && s != l);
    let counts: Vec<String> =
        signals.map(|(name, (s, l))| format!("{} {s}/{l}", printable(name))).collect();
    if !counts.is_empty() {
        out += &format!("  options sent, simulated/live: {}\n", counts.join(", "));
    }
    if let Some(first) = &comparison.first_difference {
        let who = if first.is_live { "the live run" } else { "the simulation" };
        out += &format!(
            "  first packet that only {who} has: {} at {}, {:.3} s\n",
            first.signal,
            printable(&first.place),
            first.at_s
        );
    }
    out + "\n"
}

fn both(connection: &compare::Compared) -> [Vec<Cell>; 2] {
    let style = |what| {
        if connection.differs.contains(&what) {
            Style::Bad
        } else if connection.not_judged.contains(&what) {
            Style::Faint
        } else {
            Style::Plain
        }
    };
    let judged = !connection.not_judged.contains(&"goodput");
    let remark = match (judged, connection.sim.verdict, connection.live.verdict) {
        (true, ..) => "",
        (false, "failed", "failed") => "both failed: goodput is not judged",
        (false, ..) => "packets lost by chance: goodput is not judged",
    };
    let row =
        |title: String, figures: &compare::Figures, goodput: (f64, f64), stall: (f64, f64)| {
            vec![
                Cell::left(title),
                Cell::left(figures.verdict).style(style("verdict")),
                Cell::left(printable(&figures.subflows.join(", "))).style(style("subflows")),
                Cell::right(span(goodput, 2) + " Mbps").style(style("goodput")),
                Cell::right(span(stall, 3) + " s").style(style("stall")),
                Cell::left(if figures.intact { "right" } else { "WRONG" }),
                Cell::left(remark).style(Style::Faint),
            ]
        };
    let (name, sim) = (printable(&connection.name), &connection.sim);
    let runs = 1 + connection.live_again.len();
    let live = if runs == 1 { format!("{name}, live") } else { format!("{name}, {runs} × live") };
    let alone = |figure| (figure, figure);
    let simulated = format!("{name}, simulated");
    [
        row(simulated, sim, alone(sim.goodput_mbps), alone(sim.stall_s)),
        row(live, &connection.live, connection.goodputs(), connection.stalls()),
    ]
}

/// `1.23`, or `1.20 to 1.31`.
fn span((low, high): (f64, f64), decimals: usize) -> String {
    let [low, high] = [low, high].map(|figure| format!("{figure:.decimals$}"));
    if low == high { low } else { format!("{low} to {high}") }
}
