//! Re-creates what others measured or published, and prints our numbers beside theirs:
//! `cargo run --release --example validate -- [kernel|boxes|v1|v2|v3|v4|v6]…` (all without an argument).
//! `kernel` and `boxes` may be followed by rows: `kernel 5b 17a`.
//!
//! `record FOLDER [ROW]…` runs those scenarios of a folder, or all, with this machine's kernel (as
//! `option30 live` does) and writes what it did into the folder's `measured.csv`.
//!
//! The scenarios are in `scenarios/validation`; each can also be run by itself with `option30 run`.

mod curves;
mod kernel;
mod measure;
mod measured;
mod record;
mod v1;
mod v2;
mod v3;
mod v4;
mod v6;

use std::process::ExitCode;

type Part = (&'static str, &'static str, fn(&[String]) -> Tally);

const PARTS: &[Part] = &[
    ("kernel", "What Linux 6.18 did through boxes of every kind", kernel::kernel),
    ("boxes", "What Linux did through more boxes, as `record` wrote it down", kernel::boxes),
    ("v1", "Linux selftest simult_flows.sh: 16 MiB over two links", v1::validate),
    ("v2", "Labs of the multipath tutorial (SIGCOMM 2020)", v2::validate),
    ("v3", "Fixed points of coupled congestion control", v3::validate),
    ("v4", "How Hard Can It Be? (NSDI 2012)", v4::validate),
    ("v6", "Middlebox elements (Hesmans et al., 2013)", v6::validate),
];

/// How many of a part's comparisons agree.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Comparisons that agree.
    pub(crate) agree: usize,
    /// Comparisons made.
    pub(crate) all: usize,
}

impl Tally {
    /// Counts one.
    pub(crate) fn add(&mut self, agrees: bool) {
        self.agree += usize::from(agrees);
        self.all += 1;
    }
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, folder, rows @ ..] = arguments.as_slice()
        && command == "record"
    {
        return record::record(folder.as_ref(), rows);
    }
    let known = |word: &String| PARTS.iter().any(|(name, ..)| name == word);
    let mut wanted = Vec::new();
    while arguments.first().is_some_and(&known) {
        wanted.push(arguments.remove(0));
    }
    if wanted.is_empty() && !arguments.is_empty() {
        let names: Vec<_> = PARTS.iter().map(|(name, ..)| *name).collect();
        eprintln!("there is no \"{}\"; there are {}", arguments[0], names.join(", "));
        return ExitCode::from(2);
    }
    let parts =
        PARTS.iter().filter(|(name, ..)| wanted.is_empty() || wanted.iter().any(|w| w == name));
    let mut tallies = Vec::new();
    for &(name, title, validate) in parts {
        println!("\n{name}: {title}\n");
        tallies.push((name, validate(&arguments)));
    }
    println!();
    for (name, Tally { agree, all }) in tallies {
        println!("{name:<8} {agree} of {all} agree");
    }
    ExitCode::SUCCESS
}
