//! `option30 devices`.

use devices::catalogue::{self, ModelInfo};
use reports::table::{Cell, lines_within};
use reports::wrap::wrap;
use reports::{Style, paint};

use crate::Outcome;
use crate::args::DevicesArgs;
use crate::failure::Failure;
use crate::output::Output;

/// Prints the catalogue, or one model in full.
pub(crate) fn devices(args: &DevicesArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let models = catalogue::catalogue();
    let Some(wanted) = &args.model else {
        for model in models {
            output.print(&short(model, output.width()))?;
        }
        output.line("One model in full: option30 devices MODEL")?;
        return Ok(Outcome::Good);
    };
    match models.iter().find(|model| model.name.eq_ignore_ascii_case(wanted)) {
        Some(model) => output.print(&full(model, output.width()))?,
        None => {
            let known: Vec<&str> = models.iter().map(|model| model.name).collect();
            let known = known.join(", ");
            return Err(Failure::Usage(format!("there is no model \"{wanted}\"; known: {known}")));
        }
    }
    Ok(Outcome::Good)
}

fn heading(model: &ModelInfo) -> String {
    format!("{}  {}\n", paint(Style::Strong, model.name), paint(Style::Faint, model.product))
}

fn short(model: &ModelInfo, width: usize) -> String {
    let summary = wrap(model.summary, width.saturating_sub(2));
    let summary: String = summary.iter().map(|line| format!("  {line}\n")).collect();
    format!("{}{summary}\n", heading(model))
}

fn full(model: &ModelInfo, width: usize) -> String {
    let mut out = short(model, width);
    let inside = width.saturating_sub(2);
    let table = |rows: Vec<Vec<Cell>>| lines_within(&rows, inside);
    // Sources are long and repeat: numbered here, named below.
    let sources = model.sources();
    let number = |source| sources.iter().position(|known| *known == source).unwrap_or(0) + 1;
    let defaults = model.defaults.iter().map(|(what, value, source)| {
        let mark = Cell::left(format!("[{}]", number(*source))).style(Style::Faint);
        vec![mark, Cell::left(*what), Cell::left(*value)]
    });
    section(&mut out, "as it comes", &table(defaults.collect()));
    let named = sources.iter().map(|source| {
        let mark = Cell::left(format!("[{}]", number(*source))).style(Style::Faint);
        vec![mark, Cell::left(*source)]
    });
    section(&mut out, "sources", &table(named.collect()));
    let settings =
        model.settings.iter().map(|(name, text)| vec![Cell::left(*name), Cell::left(*text)]);
    section(&mut out, "settings in a scenario", &table(settings.collect()));
    section(&mut out, "configuration that is read", &wrap(model.configuration, inside));
    let example: Vec<String> = model.example.lines().map(str::to_owned).collect();
    section(&mut out, "example", &example);
    let notes: Vec<String> = model.notes.iter().flat_map(|note| wrap(note, inside)).collect();
    section(&mut out, "notes", &notes);
    out
}

fn section(out: &mut String, title: &str, lines: &[String]) {
    if lines.iter().all(String::is_empty) {
        return;
    }
    out.push_str(&format!("{}\n", paint(Style::Faint, title)));
    for line in lines {
        out.push_str(&format!("  {line}\n"));
    }
    out.push('\n');
}
