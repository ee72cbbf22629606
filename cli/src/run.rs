//! `option30 run`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reports::Report;
use reports::folder::{self, File};
use reports::page::{Entry, Material, Source, SourceKind};
use reports::summary::Summary;
use scenarios::Loaded;

use crate::Outcome;
use crate::args::{Format, RunArgs};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;
use crate::simulate::{self, Simulated};

/// Where results go, unless the user says.
const RESULTS: &str = "results";

/// Runs every scenario. All are read before the first one runs, so that bad input leaves nothing
/// written.
pub(crate) fn run(args: &RunArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let (mut scenarios, mut wrong) = (Vec::new(), Vec::new());
    for input in simulate::read(&args.input)? {
        match input.loaded {
            Ok(mut loaded) => {
                loaded.capture = args.pcap;
                loaded.observe = true;
                loaded.watch = true;
                scenarios.push((input.file, loaded));
            }
            Err(diagnostics) => wrong.extend(diagnostics),
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Input(wrong));
    }
    let folders = results_folders(args.out.as_deref(), &scenarios)?;
    let (mut outcome, mut entries) = (Outcome::Good, Vec::new());
    for (k, ((_, loaded), folder)) in scenarios.iter().zip(&folders).enumerate() {
        let progress = Progress::start();
        progress.say(format!("{} ({} of {})", loaded.name, k + 1, scenarios.len()));
        let simulated = Simulated::new(loaded, args.input.seed).map_err(Failure::Input)?;
        let report = Report { language: args.lang.into(), ..simulated.report() };
        folder::write(folder, &files(&report, loaded))?;
        drop(progress);
        if k > 0 && args.format == Format::Text {
            output.line("")?;
        }
        print(output, args.format, &report, folder)?;
        if !simulated.as_expected() {
            outcome = Outcome::ExpectationFailed;
        }
        entries.push(entry(&report, folder));
    }
    index(args.out.as_deref(), &entries, args.format, output)?;
    Ok(outcome)
}

/// What the index says of a run whose results are in `folder`.
pub(crate) fn entry(report: &Report<'_>, folder: &Path) -> Entry {
    Entry::of(report, &folder.file_name().unwrap_or_default().to_string_lossy())
}

/// The page that leads to the results of several runs.
pub(crate) fn index(
    out: Option<&Path>,
    entries: &[Entry],
    format: Format,
    output: &mut Output,
) -> Result<(), Failure> {
    if entries.len() < 2 {
        return Ok(());
    }
    let out = out.unwrap_or(Path::new(RESULTS));
    let page = reports::page::index(&format!("{} scenarios", entries.len()), entries);
    folder::write_index(out, &page)?;
    if format == Format::Text {
        let label = reports::paint(reports::Style::Faint, "index");
        output.line(&format!("\n{label}  {}", out.join(folder::INDEX).display()))?;
    }
    Ok(())
}

pub(crate) fn print(
    output: &mut Output,
    format: Format,
    report: &Report<'_>,
    folder: &Path,
) -> Result<(), Failure> {
    match format {
        Format::Json => output.line(&Summary::new(report).to_json_line()),
        Format::Text => {
            output.print(&reports::text::render(report, output.width()))?;
            let label = reports::paint(reports::Style::Faint, "results");
            output.line(&format!("{label}  {}", folder.display()))
        }
    }
}

/// What stands in a results folder.
pub(crate) fn files(report: &Report<'_>, loaded: &Loaded) -> Vec<File> {
    let mut files = vec![
        File::new("summary.json", Summary::new(report).to_json()),
        File::new("series.csv", reports::series::csv(report.record)),
        File::new("throughput.svg", reports::chart::throughput_svg(report)),
        File::new("throughput.png", reports::chart::throughput_png(report)),
    ];
    files.extend(reports::operator::files(report.record));
    files.extend(reports::chart::details(report));
    files.extend(reports::ladder::files(report.record, report.language));
    files.extend(reports::captures::files(report.record));
    files.push(File::new("report.html", page(report, loaded, &files)));
    files
}

fn page(report: &Report<'_>, loaded: &Loaded, files: &[File]) -> String {
    let scenario = loaded.path.file_name().unwrap_or_default().to_string_lossy();
    let scenario = Source { file: &scenario, text: loaded.text(), kind: SourceKind::Scenario };
    let configuration = |(file, text)| Source { file, text, kind: SourceKind::Configuration };
    let sources: Vec<Source<'_>> =
        [scenario].into_iter().chain(loaded.configurations().map(configuration)).collect();
    let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
    let platform = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let material = Material { sources: &sources, files: &names, platform: &platform };
    reports::page::report(report, &material)
}

/// Where the results of each scenario go: no two in one place. What killed runs left there goes.
pub(crate) fn results_folders(
    out: Option<&Path>,
    scenarios: &[(PathBuf, Loaded)],
) -> Result<Vec<PathBuf>, Failure> {
    let mut taken: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    let mut folders = Vec::new();
    for (file, loaded) in scenarios {
        let folder = match out {
            Some(out) if scenarios.len() == 1 => out.to_path_buf(),
            Some(out) => out.join(&loaded.name),
            None => Path::new(RESULTS).join(&loaded.name),
        };
        if let Some(other) = taken.insert(folder.clone(), file) {
            return Err(Failure::Usage(format!(
                "{} and {} would both write {}: run them one by one, with --out",
                other.display(),
                file.display(),
                folder.display()
            )));
        }
        folders.push(folder);
    }
    for left in folders.iter().flat_map(|folder| folder::remove_abandoned(folder)) {
        let note = reports::paint(reports::Style::Faint, "note");
        let left = left.display();
        anstream::eprintln!("{note}: removed {left}, which a run that was killed had left");
    }
    Ok(folders)
}
