//! `option30 config`.

use std::path::{Path, PathBuf};

use devices::audit::{Audit, Because, Effect, Platform, audit, platforms};
use devices::config::decode;
use devices::{ConfigDiagnostic, ConfigText};
use reports::figures::printable;
use reports::table::{Cell, lines_within};
use reports::wrap::wrap;
use reports::{Style, paint};
use serde::Serialize;

use crate::Outcome;
use crate::args::{ConfigArgs, Format};
use crate::failure::Failure;
use crate::output::Output;

/// Reads configurations and says what each does to MPTCP.
pub(crate) fn config(args: &ConfigArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let platform = args.platform.as_deref().map(platform_called).transpose()?;
    let texts = args.files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let files: Vec<File> = args
        .files
        .iter()
        .zip(&texts)
        .map(|(path, (text, guessed))| {
            let path = path.display().to_string();
            let (platform, mut audit) = audit(ConfigText::new(&path, text), platform);
            let before = audit
                .warnings
                .partition_point(|w| guessed.as_ref().is_some_and(|guessed| w.line < guessed.line));
            audit.warnings.splice(before..before, guessed.iter().cloned());
            File { path, platform, audit }
        })
        .collect();
    match args.format {
        Format::Json => {
            let files = files.iter().map(FileJson::new).collect();
            let json = serde_json::to_string_pretty(&Json { files })
                .map_err(|error| Failure::Cannot(error.to_string()))?;
            output.line(&json)?;
        }
        Format::Text => {
            for (at, file) in files.iter().enumerate() {
                let text = shown(file, output.width());
                output.print(&if at > 0 { format!("\n{text}") } else { text })?;
            }
        }
    }
    Ok(Outcome::Good)
}

struct File {
    path: String,
    platform: Option<&'static Platform>,
    audit: Audit,
}

fn platform_called(name: &str) -> Result<&'static Platform, Failure> {
    platforms().iter().find(|p| p.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let known: Vec<&str> = platforms().iter().map(|p| p.name).collect();
        let known = known.join(", ");
        Failure::Usage(format!("there is no platform \"{name}\"; known: {known}"))
    })
}

/// The text, and what had to be guessed to read it.
fn read(path: &PathBuf) -> Result<(String, Option<ConfigDiagnostic>), Failure> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(decode(&path.display().to_string(), &bytes)),
        Err(error) => Err(Failure::Usage(unreadable(path, &error))),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    if path.is_dir() {
        return format!("{} is a folder; name the configuration files in it", path.display());
    }
    format!("cannot read {}: {error}", path.display())
}

/// For people: a paragraph for each verdict, then the warnings.
fn shown(file: &File, width: usize) -> String {
    let product = match file.platform {
        Some(platform) => platform.product,
        None => "platform not recognised",
    };
    let version = file.audit.version.as_ref().map_or(String::new(), |v| format!(", version {v}"));
    let about = printable(&format!("{product}{version}"));
    let title = paint(Style::Strong, &printable(&file.path));
    let mut out = format!("{title}  {}\n", paint(Style::Faint, &about));
    for verdict in &file.audit.verdicts {
        let style = match verdict.effect {
            Effect::Pass => Style::Good,
            Effect::Unknown => Style::Faint,
            Effect::Strip | Effect::Drop | Effect::Terminate => Style::Bad,
        };
        let word = paint(style, &format!("{:<9}", verdict.effect.word()));
        let what = printable(&format!("{} ({})", verdict.traffic, verdict.direction));
        let mut what = wrap(&what, width.saturating_sub(13)).into_iter();
        out.push_str(&format!("\n  {word}  {}\n", what.next().unwrap_or_default()));
        for rest in what {
            out.push_str(&format!("             {rest}\n"));
        }
        let rows: Vec<Vec<Cell>> = verdict.because.iter().map(reason).collect();
        for line in lines_within(&rows, width.saturating_sub(13)) {
            out.push_str(&format!("             {line}\n"));
        }
    }
    if !file.audit.warnings.is_empty() {
        out.push_str(&format!("\n  {}\n", paint(Style::Faint, "warnings")));
        let rows = file.audit.warnings.iter().map(|warning| {
            let help = warning.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
            let place = Cell::left(format!("line {}", warning.line));
            vec![place, Cell::left(printable(&format!("{}{help}", warning.message)))]
        });
        for line in lines_within(&rows.collect::<Vec<_>>(), width.saturating_sub(2)) {
            out.push_str(&format!("  {line}\n"));
        }
    }
    out
}

/// The line with its text, or the default.
fn reason(because: &Because) -> Vec<Cell> {
    let place = because.line.map_or("default".to_owned(), |line| format!("line {line}"));
    let text = match (because.text.as_str(), because.rule.as_str()) {
        ("", rule) => rule.to_owned(),
        (text, rule) if text == rule => rule.to_owned(),
        (text, rule) => format!("{text}: {rule}"),
    };
    vec![Cell::left(place).style(Style::Faint), Cell::left(printable(&text))]
}

/// For scripts. The field names are stable.
#[derive(Serialize)]
struct Json<'a> {
    files: Vec<FileJson<'a>>,
}

#[derive(Serialize)]
struct FileJson<'a> {
    path: &'a str,
    platform: &'a str,
    version: Option<&'a str>,
    verdicts: Vec<VerdictJson<'a>>,
    warnings: Vec<WarningJson>,
}

#[derive(Serialize)]
struct VerdictJson<'a> {
    traffic: &'a str,
    direction: &'a str,
    verdict: &'static str,
    because: Vec<BecauseJson<'a>>,
}

#[derive(Serialize)]
struct BecauseJson<'a> {
    line: Option<u32>,
    text: &'a str,
    rule: &'a str,
}

#[derive(Serialize)]
struct WarningJson {
    line: u32,
    message: String,
}

impl<'a> FileJson<'a> {
    fn new(file: &'a File) -> Self {
        let because = |b: &'a Because| BecauseJson { line: b.line, text: &b.text, rule: &b.rule };
        let verdicts = file.audit.verdicts.iter().map(|v| VerdictJson {
            traffic: &v.traffic,
            direction: &v.direction,
            verdict: v.effect.word(),
            because: v.because.iter().map(because).collect(),
        });
        let warnings = file.audit.warnings.iter().map(|w| {
            let help = w.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
            WarningJson { line: w.line, message: format!("{}{help}", w.message) }
        });
        Self {
            path: &file.path,
            platform: file.platform.map_or("unknown", |p| p.name),
            version: file.audit.version.as_deref(),
            verdicts: verdicts.collect(),
            warnings: warnings.collect(),
        }
    }
}
