//! `option30 probe`, and golden files of probes in `option30 check`.

use std::path::{Path, PathBuf};

use clap::Args;
use replay::probe::golden::{Golden, grouped, write};
use replay::probe::{Came, come};
use reports::Expectation;
use reports::figures::{plural, printable};
use reports::table::{Cell, lines_within};
use reports::{Style, paint};
use scenarios::diagnostic::Diagnostic;

use crate::Outcome;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) const EXAMPLES: &str = "\
Examples:
  option30 probe firewall.cfg          what it does to every kind of packet
  option30 probe my.ron#edge           the same of a scenario's device
  option30 probe 'Asa()'               or of a model as it comes
  option30 probe firewall.cfg --out probes/firewall.ron
                                       keep it; then, after any change:
  option30 check probes                packet by packet, what changed
  option30 check probes --update       keep what there is now";

/// `probe`.
#[derive(Args, Debug)]
pub(crate) struct ProbeArgs {
    /// A configuration text, a RON file that describes a device, SCENARIO.ron#DEVICE, or 'Asa()'
    #[arg(value_name = "DEVICE")]
    device: String,
    /// The operating system of a configuration text that does not show it: asa, ios, ace, …
    #[arg(long, value_name = "P")]
    platform: Option<String>,
    /// Write what came to this file (RON), for `option30 check`; the file is not overwritten
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Passes the probe suite through a device and says, or keeps, what came.
pub(crate) fn probe(args: &ProbeArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let platform = args.platform.as_deref();
    let file = scenarios::DeviceFile::load(&args.device, platform).map_err(Failure::Input)?;
    let came = come(&file).map_err(Failure::Input)?;
    let Some(out) = &args.out else {
        output.print(&shown(&came, output.width()))?;
        return Ok(Outcome::Good);
    };
    if out.exists() {
        return Err(Failure::Usage(format!(
            "{} is there already: `option30 check {} --update` writes it anew",
            out.display(),
            out.display()
        )));
    }
    let folder = out.parent().unwrap_or(Path::new(""));
    let text = write(&relative(&args.device, folder)?, platform, &came);
    if !folder.as_os_str().is_empty() {
        std::fs::create_dir_all(folder).map_err(|e| Failure::io("make", folder, &e))?;
    }
    std::fs::write(out, text).map_err(|e| Failure::io("write", out, &e))?;
    output.line(&format!("{}  {}", paint(Style::Faint, "kept"), out.display()))?;
    Ok(Outcome::Good)
}

/// The device's argument as it is to be written in a file of another folder.
fn relative(device: &str, folder: &Path) -> Result<String, Failure> {
    let is_text = device.ends_with(')') && !Path::new(device).exists();
    if is_text || Path::new(device).is_absolute() || folder.as_os_str().is_empty() {
        return Ok(device.to_owned());
    }
    let absolute =
        |path: &Path| std::path::absolute(path).map_err(|e| Failure::io("find", path, &e));
    let (device, folder) = (absolute(Path::new(device))?, absolute(folder)?);
    let common = device.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(common).map(|_| std::path::Component::ParentDir);
    let path: PathBuf = up.chain(device.components().skip(common)).collect();
    Ok(path.display().to_string())
}

fn shown(came: &[Came], width: usize) -> String {
    let mut out = String::new();
    for came in came.iter().filter(|came| !came.lines.is_empty()) {
        out.push_str(&format!("{}\n", paint(Style::Strong, &came.probe)));
        let rows: Vec<Vec<Cell>> =
            grouped(&came.lines).iter().map(|line| vec![Cell::left(printable(line))]).collect();
        for line in lines_within(&rows, width.saturating_sub(2)) {
            out.push_str(&format!("  {line}\n"));
        }
    }
    let untouched = came.iter().filter(|came| came.lines.is_empty()).count();
    let probes = plural(came.len(), "probe");
    out + &format!("\n{probes}: {untouched} passed as they came, the others as told\n")
}

/// A golden file that was checked: an expectation for each probe, and for each packet that came
/// otherwise; what the suite comes to, in words.
pub(crate) fn check(
    path: &Path,
    update: bool,
) -> Result<(Vec<Expectation>, String), Vec<Diagnostic>> {
    let mut golden = Golden::load(path)?;
    let mut note = "";
    if update {
        let text = golden.updated();
        std::fs::write(path, &text).map_err(|error| {
            let file = path.display().to_string();
            vec![Diagnostic::of_file(&file, format!("cannot write {file}: {error}"))]
        })?;
        golden = Golden::load(path)?;
        note = ", written anew";
    }
    let mut all = Vec::new();
    for held in golden.held() {
        let expectation = |name: String, passed: bool, measured: &str, sentence: String| {
            Expectation { name, line: held.line, passed, measured: measured.into(), sentence }
        };
        if held.otherwise.is_empty() {
            all.push(expectation(held.probe.clone(), true, "as kept", "as kept".into()));
        }
        for otherwise in &held.otherwise {
            let name = format!("{}, packet {}", held.probe, otherwise.packet);
            let sentence = format!("{name}: before: {}; now: {}", otherwise.before, otherwise.now);
            all.push(expectation(name, false, &otherwise.now, sentence));
        }
    }
    let untouched = golden.now.iter().filter(|came| came.lines.is_empty()).count();
    let words = format!("{untouched} of {} untouched{note}", plural(golden.now.len(), "probe"));
    Ok((all, words))
}
