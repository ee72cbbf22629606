//! `option30 devices`.

use devices::catalogue::{self, ModelInfo};
use reports::table::{Cell, lines};
use reports::{Style, paint};

use crate::Outcome;
use crate::args::DevicesArgs;
use crate::failure::Failure;
use crate::output::Output;

/// Width of running text, in characters.
const WIDTH: usize = 92;

/// Prints the catalogue, or one model in full.
pub(crate) fn devices(args: &DevicesArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let models = catalogue::catalogue();
    let Some(wanted) = &args.model else {
        for model in models {
            output.print(&short(model))?;
        }
        output.line("One model in full: option30 devices MODEL")?;
        return Ok(Outcome::Good);
    };
    match models.iter().find(|model| model.name.eq_ignore_ascii_case(wanted)) {
        Some(model) => output.print(&full(model))?,
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

fn short(model: &ModelInfo) -> String {
    format!("{}{}\n", heading(model), paragraph(model.summary))
}

fn full(model: &ModelInfo) -> String {
    let mut out = short(model);
    // Sources are long and repeat: numbered here, named below.
    let sources = model.sources();
    let number = |source| sources.iter().position(|known| *known == source).unwrap_or(0) + 1;
    let defaults = model.defaults.iter().map(|(what, value, source)| {
        let mark = Cell::left(format!("[{}]", number(*source))).style(Style::Faint);
        vec![Cell::left(*what), Cell::left(*value), mark]
    });
    section(&mut out, "as it comes", &lines(&defaults.collect::<Vec<_>>()));
    let named = sources.iter().map(|source| format!("[{}] {source}", number(*source)));
    section(&mut out, "sources", &named.collect::<Vec<_>>());
    let settings =
        model.settings.iter().map(|(name, text)| vec![Cell::left(*name), Cell::left(*text)]);
    section(&mut out, "settings in a scenario", &lines(&settings.collect::<Vec<_>>()));
    section(&mut out, "configuration that is read", &wrap(model.configuration));
    let example: Vec<String> = model.example.lines().map(str::to_owned).collect();
    section(&mut out, "example", &example);
    let notes: Vec<String> = model.notes.iter().flat_map(|note| wrap(note)).collect();
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

fn paragraph(text: &str) -> String {
    wrap(text).iter().map(|line| format!("  {line}\n")).collect()
}

/// Lines of at most [`WIDTH`] characters, cut between words.
fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
