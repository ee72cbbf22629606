//! `option30 merge`: stored rows → one data set, its page and its figures.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use reports::figures::count;
use reports::{Style, paint};
use sweeps::Merged;

use super::folder_of;
use crate::Outcome;
use crate::failure::Failure;
use crate::output::Output;
use crate::sweep::MergeArgs;

/// More ranges of missing runs than this are not listed.
const RANGES_MAX: usize = 8;

pub(crate) fn merge(args: &MergeArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let out = folder_of(&args.folders, args.out.as_ref());
    merge_and_print(&args.folders, &out, output)
}

/// Merges folders and says what came out and what is missing.
pub(super) fn merge_and_print(
    folders: &[PathBuf],
    out: &Path,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let merged = sweeps::merge(folders, out)?;
    let text = reports::sweep::text::render(&merged.manifest, &merged.findings, output.width());
    output.print(&text)?;
    output.print(&about_rows(&merged))?;
    let label = paint(Style::Faint, "results");
    output.line(&format!("\n{label}  {}", out.join("index.html").display()))?;
    let formats = if cfg!(feature = "parquet") {
        "runs.jsonl, runs.parquet, connections.parquet, subflows.parquet"
    } else {
        "runs.jsonl (Parquet: a build with --features parquet)"
    };
    let label = paint(Style::Faint, "data set");
    output.line(&format!("{label}  {formats}"))?;
    Ok(Outcome::Good)
}

/// What is missing, double, or broken.
fn about_rows(merged: &Merged) -> String {
    let mut lines = Vec::new();
    if !merged.missing.is_empty() {
        let text = format!("{} runs are missing: ", count(merged.missing_runs()));
        lines.push((Style::Bad, text + &listed(&merged.missing)));
        if !merged.missing_parts.is_empty() {
            let parts: Vec<String> =
                merged.missing_parts.iter().take(RANGES_MAX).map(ToString::to_string).collect();
            let more = merged.missing_parts.len().saturating_sub(RANGES_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let text = format!("nothing is there of the parts {}{more}", parts.join(", "));
            lines.push((Style::Bad, text));
        }
        let file = &merged.manifest.file;
        lines.push((Style::Plain, format!("run them: option30 sweep {file} --resume --out …")));
    }
    if merged.duplicates > 0 {
        let text = format!("{} rows were there more than once", count(merged.duplicates));
        lines.push((Style::Faint, text));
    }
    if merged.differing > 0 {
        let text = format!(
            "{} of them differ from the first: the same run gave another result, which must not be",
            count(merged.differing)
        );
        lines.push((Style::Bad, text));
    }
    if merged.broken > 0 {
        let text = format!("{} lines were cut off and left out", count(merged.broken));
        lines.push((Style::Faint, text));
    }
    let lines = lines.into_iter().map(|(style, line)| format!("{}\n", paint(style, &line)));
    let text: String = lines.collect();
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn listed(ranges: &[RangeInclusive<u64>]) -> String {
    let word = |range: &RangeInclusive<u64>| match (range.start(), range.end()) {
        (start, end) if start == end => start.to_string(),
        (start, end) => format!("{start}–{end}"),
    };
    let words: Vec<String> = ranges.iter().take(RANGES_MAX).map(word).collect();
    let more = if ranges.len() > RANGES_MAX { ", …" } else { "" };
    words.join(", ") + more
}
