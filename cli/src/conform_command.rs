//! `option30 conform`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use devices::steps::track::Sender;
use replay::conform::{Conformed, Mismatch, Otherwise, conform};
use replay::connections::Inside;
use replay::crossing::Crossing;
use replay::difference::{Difference, Field};
use reports::figures::{plural, printable};
use reports::ladder::options::spell_out;
use reports::table::{Cell, lines_within};
use reports::{Style, paint};
use sim_core::engine::device::Side;

use crate::Outcome;
use crate::failure::Failure;
use crate::output::Output;
use crate::replay_command::{DeviceArgs, of_trace, read_trace, trace_name, why};

pub(crate) const EXAMPLES: &str = "\
Examples:
  option30 conform --device firewall.cfg --before inside.pcapng --after outside.pcapng
  option30 conform --device 'Switch()' --before a.pcap --after b.pcap --fit
                                       which rules explain what the box did
  option30 conform --device edge.ron --before a.pcap --after b.pcap --ignore ttl,ip-id

Both captures hold both directions, taken over the same time on the two sides of the box. Its
clients are on the side of --before, or where --inside says. Exit code 1: the model treats a
packet otherwise than the box did.";

/// `conform`.
#[derive(Args, Debug)]
pub(crate) struct ConformArgs {
    #[command(flatten)]
    device: DeviceArgs,
    /// The capture from the inside of the box: pcap or pcapng
    #[arg(long, value_name = "CAPTURE")]
    before: PathBuf,
    /// The capture from its outside
    #[arg(long, value_name = "CAPTURE")]
    after: PathBuf,
    /// Which hosts are on the side of --before, where it is not those that open connections
    #[arg(long, value_name = "PREFIX|ADDR")]
    inside: Option<Inside>,
    /// Fields that are not compared: ttl, ip-id, window, tos, checksum, option-8, …
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    ignore: Vec<String>,
    /// Propose the smallest set of Custom rules that explains what the box did
    #[arg(long)]
    fit: bool,
}

/// Holds a model against a real box and says what it treats otherwise.
pub(crate) fn conform_captures(
    args: &ConformArgs,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let ignored = ignored(&args.ignore)?;
    if let Some(Inside::Interface(name)) = &args.inside {
        let message = "expected an address or a prefix, such as 10.0.0.0/8";
        return Err(Failure::Usage(printable(&format!("--inside {name}: {message}"))));
    }
    let file = args.device.load()?;
    let (before, after) = (read_trace(&args.before)?, read_trace(&args.after)?);
    let crossing = Crossing::new(&before, &after, args.inside.as_ref());
    let mut built = file.build(args.device.seed).map_err(Failure::Input)?;
    let model = built.device.model();
    let conformed = conform(&crossing, built.device.as_mut(), &ignored);
    let differing: usize = conformed.iter().filter(|c| !c.mismatches.is_empty()).count();
    for connection in conformed.iter().filter(|c| !c.mismatches.is_empty()) {
        output.print(&of_connection(connection, &crossing, output.width()))?;
    }
    let device = printable(&format!("{model} \"{}\"", file.name));
    let connections = plural(conformed.len(), "connection");
    let packets: usize = conformed.iter().map(|c| c.packets).sum();
    let packets = plural(packets, "packet");
    let verdict = match differing {
        0 => paint(Style::Good, &format!("{device} does what the box did")),
        n => paint(
            Style::Bad,
            &format!("{device} differs from the box in {}", plural(n, "connection")),
        ),
    };
    output.line(&format!("{verdict}: {packets} out of the box, {connections}"))?;
    for trace in [&before, &after] {
        for note in of_trace(trace) {
            let label = paint(Style::Faint, "note");
            output.line(&format!("{label}  {}: {note}", trace_name(trace)))?;
        }
    }
    if args.fit {
        output.print(&crate::fit_text::rules(&crossing, &ignored))?;
    }
    Ok(if differing == 0 { Outcome::Good } else { Outcome::ExpectationFailed })
}

/// The fields that are not compared.
fn ignored(words: &[String]) -> Result<BTreeSet<String>, Failure> {
    for word in words {
        let is_option = word.strip_prefix("option-").is_some_and(|n| n.parse::<u8>().is_ok());
        if !is_option && !Field::WORDS.contains(&word.as_str()) {
            let known = Field::WORDS.join(", ");
            let message =
                format!("--ignore {word}: there is no such field; known: {known}, option-N");
            return Err(Failure::Usage(printable(&message)));
        }
    }
    Ok(words.iter().cloned().collect())
}

/// The first packet of a connection that the model treats otherwise.
fn of_connection(connection: &Conformed, crossing: &Crossing, width: usize) -> String {
    let far = match connection.far.filter(|far| *far != connection.flow) {
        Some(far) => format!("  (outside: {far})"),
        None => String::new(),
    };
    let title = paint(Style::Strong, &connection.flow.to_string());
    let count = plural(connection.mismatches.len(), "packet");
    let mut out = format!("{title}{far}\n  {count} otherwise; the first:\n");
    let Some(first) = connection.mismatches.first() else { return out };
    let mut rows = vec![row("seen", &places(first, connection, crossing))];
    if let Some(input) = first.input {
        rows.push(row("went in", &spell_out(&crossing.inputs[input].packet)));
    }
    match &first.otherwise {
        Otherwise::OnlyBox(packet) => {
            rows.push(row("box", packet));
            rows.push(row("model", "does not let it out"));
        }
        Otherwise::OnlyModel(packet) => {
            rows.push(row("box", "does not let it out"));
            rows.push(row("model", packet));
        }
        Otherwise::Fields(all) => {
            for difference in all {
                let name = name(difference);
                rows.push(row("box", &format!("{name}{}", difference.before)));
                rows.push(row("model", &format!("{name}{}", difference.after)));
            }
        }
    }
    for (what, rule) in &first.acts {
        rows.push(row("model did", &format!("{what}: {}", why(rule))));
    }
    for line in lines_within(&rows, width.saturating_sub(4)) {
        out.push_str(&format!("    {line}\n"));
    }
    out + "\n"
}

fn name(difference: &Difference) -> String {
    match difference.field {
        Field::Option(..) => String::new(),
        field => format!("{} ", field.word().replace('-', " ")),
    }
}

fn row(label: &str, text: &str) -> Vec<Cell> {
    vec![Cell::left(label).style(Style::Faint), Cell::left(printable(text))]
}

/// In which frames of the captures the packet is, and which way it goes.
fn places(mismatch: &Mismatch, connection: &Conformed, crossing: &Crossing) -> String {
    let from_inside = (connection.opener == Side::Inside) == (mismatch.sender == Sender::Initiator);
    let [into, out_of] =
        if from_inside { ["--before", "--after"] } else { ["--after", "--before"] };
    let mut all = Vec::new();
    if let Some(input) = mismatch.input {
        all.push(format!("frame {} of {into}", crossing.frames[input]));
    }
    if let Some(came) = &mismatch.came {
        all.push(format!("frame {} of {out_of}", came.frame));
    }
    let to = if from_inside { "to the outside" } else { "to the inside" };
    let at = mismatch.at.as_secs_f64();
    format!(
        "{} at {at:.6} s, {to}",
        if all.is_empty() { "in neither".into() } else { all.join(", ") }
    )
}
