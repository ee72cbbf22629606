//! Re-creates what others measured or published, and prints our numbers beside theirs:
//! `cargo run --release --example validate -- [kernel|v1|v2|v3|v4|v6]…` (all without an argument).
//! `kernel` may be followed by rows: `kernel 5b 17a`.
//!
//! The scenarios are in `scenarios/validation`; each can also be run by itself with `option30 run`.

mod kernel;
mod measure;

use std::process::ExitCode;

type Part = (&'static str, &'static str, fn(&[String]) -> Tally);

const PARTS: &[Part] =
    &[("kernel", "What Linux 6.18 did through boxes of every kind", kernel::validate)];

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
