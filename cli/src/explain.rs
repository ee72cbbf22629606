//! `option30 explain`.

use reports::explain::{Explanation, Request, render};
use reports::ladder::{self, Ladder};

use crate::Outcome;
use crate::args::{ExplainArgs, Format};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;
use crate::simulate::{self, Simulated};

/// A ladder of each connection that is asked for.
fn ladders(request: &Request<'_>, width: usize) -> String {
    let drawn = request.connections().filter_map(|(index, _)| {
        let ladder = Ladder::new(request.record, index, request.language)?;
        Some(format!("\n{}", ladder::text(&ladder, request.language, width)))
    });
    drawn.collect()
}

/// Runs every scenario and tells the story of its connections. All are read before the first one runs.
pub(crate) fn explain(args: &ExplainArgs, output: &mut Output) -> Result<Outcome, Failure> {
    if args.ladder && args.format == Format::Json {
        let message = "--ladder draws text; with --format json leave it out";
        return Err(Failure::Usage(message.into()));
    }
    let (mut scenarios, mut wrong) = (Vec::new(), Vec::new());
    for input in simulate::read(&args.input)? {
        match input.loaded {
            Ok(mut loaded) => {
                loaded.watch = true;
                scenarios.push(loaded);
            }
            Err(diagnostics) => wrong.extend(diagnostics),
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Input(wrong));
    }
    for (k, loaded) in scenarios.iter().enumerate() {
        let progress = Progress::start();
        progress.say(format!("{} ({} of {})", loaded.name, k + 1, scenarios.len()));
        let simulated = Simulated::new(loaded, args.input.seed).map_err(Failure::Input)?;
        drop(progress);
        let record = simulated.report().record;
        let names: Vec<&str> = record.connections.iter().map(|c| c.name.as_str()).collect();
        if let Some(wanted) = args.connection.as_deref().filter(|name| !names.contains(name)) {
            let known = names.join(", ");
            let message =
                format!("{} has no connection \"{wanted}\"; it has: {known}", loaded.name);
            return Err(Failure::Usage(reports::figures::printable(&message)));
        }
        let request =
            Request { record, connection: args.connection.as_deref(), language: args.lang.into() };
        match args.format {
            Format::Json => output.line(&Explanation::new(&request).to_json_line())?,
            Format::Text => {
                if k > 0 {
                    output.line("")?;
                }
                output.print(&render(&request, output.width()))?;
                if args.ladder {
                    output.print(&ladders(&request, output.width()))?;
                }
            }
        }
    }
    Ok(Outcome::Good)
}
