//! `option30 compare --sim --live`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reports::figures::printable;
use reports::table::{Cell, lines};
use reports::{Style, paint};
use scenarios::Loaded;
use testbed::LiveError;
use testbed::compare::{Compared, Comparison};

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
    for comparison in &comparisons {
        match args.format {
            Format::Json => {
                let json = serde_json::to_string(comparison);
                output.line(&json.expect("strings and finite numbers are always JSON"))?;
            }
            Format::Text => output.print(&render(comparison))?,
        }
    }
    let differ = comparisons.iter().filter(|c| !c.agrees()).count();
    if args.format == Format::Text {
        let style = if differ == 0 { Style::Good } else { Style::Bad };
        let text = format!("{} agree, {differ} differ", comparisons.len() - differ);
        output.line(&paint(style, &text))?;
    }
    Ok(if differ == 0 { Outcome::Good } else { Outcome::ExpectationFailed })
}

/// Every scenario both ways, some at once, in the order given.
fn all(scenarios: &[Loaded], args: &CompareArgs) -> Result<Vec<Comparison>, Failure> {
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

fn one(
    loaded: &Loaded,
    seed: Option<u64>,
    interrupted: &AtomicBool,
) -> Result<Comparison, Failure> {
    let live = testbed::run(loaded, seed, interrupted).map_err(failure)?;
    let sim = loaded.run(seed).map_err(Failure::Input)?;
    Ok(Comparison::new(&sim.record, &live.record))
}

fn render(comparison: &Comparison) -> String {
    let mut out = paint(Style::Strong, &printable(&comparison.scenario)) + "\n";
    let head = ["", "verdict", "subflows", "goodput", "stall", "bytes"];
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

fn both(connection: &Compared) -> [Vec<Cell>; 2] {
    let style = |what| if connection.differs.contains(&what) { Style::Bad } else { Style::Plain };
    let row = |title: String, figures: &testbed::compare::Figures| {
        vec![
            Cell::left(title),
            Cell::left(figures.verdict).style(style("verdict")),
            Cell::left(printable(&figures.subflows.join(", "))).style(style("subflows")),
            Cell::right(format!("{:.2} Mbps", figures.goodput_mbps)).style(style("goodput")),
            Cell::right(format!("{:.3} s", figures.stall_s)).style(style("stall")),
            Cell::left(if figures.intact { "right" } else { "WRONG" }),
        ]
    };
    let name = printable(&connection.name);
    [
        row(format!("{name}, simulated"), &connection.sim),
        row(format!("{name}, live"), &connection.live),
    ]
}
