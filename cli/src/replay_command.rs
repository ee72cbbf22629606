//! `option30 replay`.

use std::path::{Path, PathBuf};

use clap::Args;
use devices::steps::track::Sender;
use replay::connections::Inside;
use replay::replay::{Act, ConnectionReplayed};
use replay::{Replayed, Trace, replay_trace};
use reports::figures::{plural, printable};
use reports::table::{Cell, lines_within};
use reports::{Style, paint};
use scenarios::DeviceFile;
use sim_core::engine::device::{Origin, Rule};

use crate::Outcome;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) const EXAMPLES: &str = "\
Examples:
  option30 replay in.pcapng --device firewall.cfg --out out.pcapng
  option30 replay in.pcap --device my-network.ron#edge
                                       a device of a scenario
  option30 replay in.pcap --device box.ron --inside 10.0.0.0/8
                                       box.ron says Asa(config: \"edge.cfg\")

A packet's direction follows from who opened its connection, unless --inside says which hosts
(or which interface of a pcapng) are on the inside. What the ends answer follows the numbers and
addresses that the model shows them; what they would have done otherwise, it does not.";

/// `replay`.
#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    /// A capture: pcap or pcapng, of raw IP, Ethernet, Linux "any" or loopback
    #[arg(value_name = "CAPTURE")]
    capture: PathBuf,
    #[command(flatten)]
    device: DeviceArgs,
    /// Write what leaves the device: pcapng with a comment on every packet that it changed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Which hosts are on the inside: a prefix, an address, or an interface of the capture
    #[arg(long, value_name = "PREFIX|ADDR|INTERFACE")]
    inside: Option<Inside>,
}

/// How commands are told of one device.
#[derive(Args, Debug)]
pub(crate) struct DeviceArgs {
    /// A configuration text, a RON file that describes a device, or SCENARIO.ron#DEVICE
    #[arg(long, value_name = "FILE")]
    pub(crate) device: String,
    /// The operating system of a configuration text that does not show it: asa, ios, ace, …
    #[arg(long, value_name = "P")]
    pub(crate) platform: Option<String>,
    /// Seed of the device's random choices
    #[arg(long, value_name = "N", default_value_t = scenarios::DEFAULT_SEED)]
    pub(crate) seed: u64,
}

impl DeviceArgs {
    pub(crate) fn load(&self) -> Result<DeviceFile, Failure> {
        DeviceFile::load(&self.device, self.platform.as_deref()).map_err(Failure::Input)
    }
}

pub(crate) fn read_trace(path: &Path) -> Result<Trace, Failure> {
    Trace::read(path).map_err(|fault| Failure::Input(vec![*fault]))
}

/// Passes a capture through a model and says what became of it.
pub(crate) fn replay_capture(args: &ReplayArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let file = args.device.load()?;
    let trace = read_trace(&args.capture)?;
    let inside = args.inside.clone().unwrap_or(Inside::Openers);
    if let Inside::Interface(name) = &inside {
        known_interface(name, &trace)?;
    }
    let mut built = file.build(args.device.seed).map_err(Failure::Input)?;
    let model = built.device.model();
    let replayed = replay_trace(&trace, built.device.as_mut(), &file.name, &inside);
    if let Some(path) = &args.out {
        std::fs::write(path, &replayed.capture).map_err(|e| Failure::io("write", path, &e))?;
    }
    output.print(&shown(&trace, &replayed, (model, &file.name), output.width()))?;
    if let Some(path) = &args.out {
        output.line(&format!("{}  {}", paint(Style::Faint, "capture"), path.display()))?;
    }
    Ok(Outcome::Good)
}

fn known_interface(name: &str, trace: &Trace) -> Result<(), Failure> {
    let known: Vec<&str> = trace.interfaces.iter().flatten().map(String::as_str).collect();
    if known.contains(&name) {
        return Ok(());
    }
    let known = if known.is_empty() { "it names none".into() } else { known.join(", ") };
    Err(Failure::Usage(printable(&format!(
        "--inside {name} is no address or prefix, and {} has no interface of that name: {known}",
        trace.file
    ))))
}

fn shown(trace: &Trace, replayed: &Replayed, (model, name): (&str, &str), width: usize) -> String {
    let mut out = String::new();
    for connection in &replayed.connections {
        out.push_str(&of_connection(connection, width));
    }
    let device = printable(&format!("{model} \"{name}\""));
    let connections = plural(replayed.connections.len(), "connection");
    let packets = plural(trace.packets.len(), "TCP packet");
    out.push_str(&format!("{}: {packets} in {connections} through {device}\n", trace_name(trace)));
    for note in notes(trace, replayed) {
        out.push_str(&format!("{}  {note}\n", paint(Style::Faint, "note")));
    }
    out
}

pub(crate) fn trace_name(trace: &Trace) -> String {
    printable(&trace.file)
}

/// What a reader must know of the capture.
fn notes(trace: &Trace, replayed: &Replayed) -> Vec<String> {
    let mut notes = of_trace(trace);
    for missed in &replayed.missed {
        let became = match missed.is_filled {
            true => "zeros stand in for them",
            false => "too many for zeros to stand in for them: what follows may be judged wrongly",
        };
        notes.push(format!(
            "{} {} acknowledged and not captured before frame {}; {became}",
            missed.flow,
            plural(missed.bytes as usize, "byte"),
            missed.frame
        ));
    }
    for flow in &replayed.sideless {
        let message = "is left out: --inside names neither of its ends, or both";
        notes.push(format!("{flow} {message}"));
    }
    notes
}

/// What a reader must know of a capture, whatever is done with it.
pub(crate) fn of_trace(trace: &Trace) -> Vec<String> {
    let mut notes = Vec::new();
    if trace.cut() > 0 {
        notes.push(format!(
            "of {} not all payload was captured: what is missing is taken for zeros, so what reads \
             or sums payload may decide otherwise",
            plural(trace.cut(), "packet")
        ));
    }
    if trace.unsummed > 0 {
        notes.push(format!(
            "{} captured before the network card made the checksum: taken for right",
            plural(trace.unsummed as usize, "packet")
        ));
    }
    let apart = trace.apart.iter().map(|(why, count)| format!("{count} {why}"));
    let apart = apart.collect::<Vec<_>>().join(", ");
    if !apart.is_empty() {
        notes.push(format!("not passed through the model, but on: {apart}"));
    }
    notes
}

fn of_connection(connection: &ConnectionReplayed, width: usize) -> String {
    let counts = [
        (connection.untouched, "passed as they came", Style::Good),
        (connection.changed, "changed", Style::Fair),
        (connection.stopped, "stopped", Style::Bad),
        (connection.unsent, "not sent: the peer's SYN did not arrive", Style::Fair),
        (connection.made, "made by the device", Style::Fair),
    ];
    let counts = counts.iter().filter(|(n, ..)| *n > 0);
    let counts = counts.map(|(n, word, style)| paint(*style, &format!("{n} {word}")));
    let counts = counts.collect::<Vec<_>>().join(", ");
    let guessed = if connection.guessed { " (no SYN: who opened it is a guess)" } else { "" };
    let title = paint(Style::Strong, &connection.flow.to_string());
    let packets = plural(connection.packets as usize, "packet");
    let mut out = format!("{title}  {packets}{guessed}\n  {counts}\n");
    let rows: Vec<Vec<Cell>> = connection.acts.iter().map(of_act).collect();
    for line in lines_within(&rows, width.saturating_sub(2)) {
        out.push_str(&format!("  {line}\n"));
    }
    out + "\n"
}

fn of_act(act: &Act) -> Vec<Cell> {
    let direction = match act.sender {
        Sender::Initiator => "→",
        Sender::Responder => "←",
    };
    let frame = format!("frame {}", act.first);
    vec![
        Cell::left(direction),
        Cell::right(format!("{}×", act.times)),
        Cell::left(frame).style(Style::Faint),
        Cell::left(printable(&act.what)),
        Cell::left(printable(&why(&act.rule))).style(Style::Faint),
    ]
}

/// The rule and where it stands.
pub(crate) fn why(rule: &Rule) -> String {
    match &rule.origin {
        Origin::Config(line) => format!("{} ({}:{})", rule.text, line.file, line.line),
        Origin::Default { .. } => format!("{} (default)", rule.text),
        Origin::Scenario => rule.text.clone(),
    }
}
