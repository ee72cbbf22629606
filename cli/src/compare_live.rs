//! `option30 compare --sim --live`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reports::figures::printable;
use reports::table::{Cell, lines};
use reports::{Style, paint};
use scenarios::Loaded;
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
    let comparisons = all(&scenarios, args)?;
    for (loaded, comparison) in scenarios.iter().zip(&comparisons) {
        match (args.format, comparison) {
            (Format::Json, Ok(comparison)) => {
                let json = serde_json::to_string(comparison);
                output.line(&json.expect("strings and finite numbers are always JSON"))?;
            }
            (Format::Json, Err(why)) => {
                let json = serde_json::json!({ "scenario": loaded.name, "not_live": why });
                output.line(&json.to_string())?;
            }
            (Format::Text, Ok(comparison)) => output.print(&render(comparison))?,
            (Format::Text, Err(why)) => {
                let name = paint(Style::Strong, &printable(&loaded.name));
                output.line(&format!("{name}\n  not live: {}\n", printable(why)))?;
            }
        }
    }
    let done = || comparisons.iter().flatten();
    let differ = done().filter(|c| !c.agrees()).count();
    if args.format == Format::Text {
        let style = if differ == 0 { Style::Good } else { Style::Bad };
        let mut text = format!("{} agree, {differ} differ", done().count() - differ);
        let skipped = comparisons.len() - done().count();
        if skipped > 0 {
            text += &format!(", {skipped} not live");
        }
        output.line(&paint(style, &text))?;
    }
    Ok(if differ == 0 { Outcome::Good } else { Outcome::ExpectationFailed })
}

/// A comparison, or why there can be none: what the scenario asks for has only the simulator.
type Compared = Result<Comparison, String>;

/// Every scenario both ways, some at once, in the order given.
fn all(scenarios: &[Loaded], args: &CompareArgs) -> Result<Vec<Compared>, Failure> {
    let interrupted = testbed::interrupted().map_err(failure)?;
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let progress = Progress::start();
    progress.say(format!("{} scenarios, simulated and live", scenarios.len()));
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.clamp(1, scenarios.len().max(1)) {
            scope.spawn(|| {
                while let Some((index, loaded)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    scenarios.get(index).map(|loaded| (index, loaded))
                } {
                    let result = one(loaded, args.input.seed, &interrupted);
                    let failed = result.is_err();
                    results
                        .lock()
                        .expect("no thread panics while it holds it")
                        .push((index, result));
                    if failed {
                        next.store(scenarios.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    drop(progress);
    let mut results = results.into_inner().expect("all threads have ended");
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn one(loaded: &Loaded, seed: Option<u64>, interrupted: &AtomicBool) -> Result<Compared, Failure> {
    let settings = Settings { seed, ..Settings::default() };
    let live = match testbed::run(loaded, settings, interrupted) {
        Ok(live) => live,
        Err(LiveError::NotLive(why)) => return Ok(Err(why)),
        Err(error) => return Err(failure(error)),
    };
    // The kernel is Linux, whatever profile the scenario gives to the host that it stands for.
    let mut simulated = loaded.clone();
    simulated.as_live = true;
    let sim = simulated.run(seed).map_err(Failure::Input)?;
    Ok(Ok(Comparison::new(&sim.record, &live.record)))
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
    let remark = if judged { "" } else { "both failed: goodput is not judged" };
    let row = |title: String, figures: &compare::Figures| {
        vec![
            Cell::left(title),
            Cell::left(figures.verdict).style(style("verdict")),
            Cell::left(printable(&figures.subflows.join(", "))).style(style("subflows")),
            Cell::right(format!("{:.2} Mbps", figures.goodput_mbps)).style(style("goodput")),
            Cell::right(format!("{:.3} s", figures.stall_s)).style(style("stall")),
            Cell::left(if figures.intact { "right" } else { "WRONG" }),
            Cell::left(remark).style(Style::Faint),
        ]
    };
    let name = printable(&connection.name);
    [
        row(format!("{name}, simulated"), &connection.sim),
        row(format!("{name}, live"), &connection.live),
    ]
}
