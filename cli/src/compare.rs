//! `option30 compare`.

use std::path::{Path, PathBuf};

use clap::Args;
use reports::compare::{Comparison, Side};
use reports::folder::{self, File};
use reports::summary::Summary;

use crate::Outcome;
use crate::args::{Format, InputArgs};
use crate::compare_live;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;
use crate::simulate::Simulated;

pub(crate) const EXAMPLES: &str = "\
Examples:
  option30 compare asa-default.ron asa-tcp-map.ron
  option30 compare results/monday results/today --out changed
                                       also compare.html, compare.svg and .png
  option30 compare my.ron my.ron --set-b 'topology.paths.dsl.rate=6 Mbps'
  option30 compare a.ron b.ron --format json | jq '.connections[].matters[]
    | select(.differs) | .name'
  option30 compare --sim --live scenarios/catalogue --jobs 8
                                       each scenario simulated and with this machine's kernel
  option30 compare --sim --live my.ron --repeat 5
                                       how much the kernel's own runs differ, too

Of simulated and live runs, goodputs within 5 % count as equal, stalls within a factor of two.";

/// `compare`.
#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Simulate each scenario, to hold it against a live run
    #[arg(long, requires = "live", conflicts_with_all = ["out", "set_a", "set_b"])]
    pub(crate) sim: bool,
    /// Run each scenario with this machine's kernel
    #[arg(long, requires = "sim")]
    pub(crate) live: bool,
    /// So many live runs at once; they take as long as the wall clock says
    #[arg(long, value_name = "N", default_value_t = 1, requires = "live")]
    pub(crate) jobs: usize,
    /// Run each scenario live so often: no two runs are alike. The simulation is held against all that
    /// they show, from the least to the most
    #[arg(long, value_name = "N", default_value_t = 1, requires = "live", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) repeat: u32,
    /// Folder for compare.html, compare.svg, compare.png and compare.json, written whole or not at all
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Change a value of the first scenario, written as in the file; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set_a: Vec<String>,
    /// Change a value of the second scenario
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set_b: Vec<String>,
    /// What to print: a text for people, or JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Compares two runs. That they differ is no failure.
pub(crate) fn compare(args: &CompareArgs, output: &mut Output) -> Result<Outcome, Failure> {
    if args.sim {
        return compare_live::compare(args, output);
    }
    let [a, b] = args.input.paths.as_slice() else {
        let count = args.input.paths.len();
        let text = format!("compare takes two scenario files or results folders, not {count}");
        return Err(Failure::Usage(text));
    };
    let settings = |own: &[String]| [args.input.set.as_slice(), own].concat();
    let a = side(a, &settings(&args.set_a), args.input.seed)?;
    let b = side(b, &settings(&args.set_b), args.input.seed)?;
    let comparison = Comparison::new(&a, &b);
    if let Some(out) = &args.out {
        let files = [
            File::new("compare.html", reports::page::compare(&a, &b)),
            File::new("compare.svg", reports::compare::chart::svg(&a, &b)),
            File::new("compare.png", reports::compare::chart::png(&a, &b)),
            File::new("compare.json", comparison.to_json()),
        ];
        folder::write(out, &files)?;
    }
    match args.format {
        Format::Json => output.print(&comparison.to_json())?,
        Format::Text => {
            output.print(&reports::compare::render(&comparison, output.width()))?;
            if let Some(out) = &args.out {
                let label = reports::paint(reports::Style::Faint, "written");
                output.line(&format!("\n{label}  {}", out.display()))?;
            }
        }
    }
    Ok(Outcome::Good)
}

/// One side: what a folder holds, or what a run would have put there.
fn side(path: &Path, settings: &[String], seed: Option<u64>) -> Result<Side, Failure> {
    let label = path.display().to_string();
    let (summary, series) = if path.is_dir() {
        if !settings.is_empty() || seed.is_some() {
            return Err(Failure::Usage(format!(
                "{label} is a results folder, which has run already: --seed and --set-… are for \
                 scenario files"
            )));
        }
        (read(path, "summary.json")?, read(path, "series.csv")?)
    } else {
        let loaded = scenarios::load(path, settings).map_err(Failure::Input)?;
        let progress = Progress::start();
        progress.say(label.clone());
        let simulated = Simulated::new(&loaded, seed).map_err(Failure::Input)?;
        let report = simulated.report();
        (Summary::new(&report).to_json(), reports::series::csv(report.record))
    };
    Side::read(&label, &summary, &series).map_err(|error| Failure::Usage(error.to_string()))
}

fn read(folder: &Path, name: &str) -> Result<String, Failure> {
    let path = folder.join(name);
    std::fs::read_to_string(&path).map_err(|error| {
        Failure::Usage(format!(
            "cannot read {}: {error}; a results folder, as `option30 run` writes it, has {name}",
            path.display()
        ))
    })
}
