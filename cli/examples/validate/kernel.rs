//! The kernel's rows: what Linux 6.18 did through each kind of box, beside what `Linux6` does.

use std::collections::BTreeSet;

use sim_core::record::story::End;

use crate::Tally;
use crate::measure::{self, Mode, Observation};

/// Goodput may differ by this much where nothing goes wrong on purpose.
const GOODPUT: f64 = 0.10;
/// A stall may differ by this factor.
const STALL: f64 = 2.0;
/// Stalls below this are the pauses of ordinary traffic.
const STALL_FLOOR_S: f64 = 0.05;

/// A row of `measured.csv`.
#[derive(Clone, Debug)]
struct Measured {
    row: String,
    mode: Mode,
    /// None: not known, for the transfer ended before its bytes were compared.
    is_intact: Option<bool>,
    joins: u64,
    /// None: that end's program died before it could tell.
    fell_back: [Option<bool>; 2],
    mbps: [Option<f64>; 2],
    event_s: Option<f64>,
    stall_s: Option<f64>,
    /// The list was cut after twelve RSTs; `reasoned_resets` is complete.
    resets: BTreeSet<(String, End, u8)>,
    reasoned_resets: usize,
    has_fault: bool,
}

/// Runs the rows of these names, or all, and prints the table.
pub(crate) fn validate(only: &[String]) -> Tally {
    let mut tally = Tally::default();
    let table = match std::fs::read_to_string(measure::file("kernel/measured.csv")) {
        Ok(table) => table,
        Err(error) => {
            println!("kernel/measured.csv: {error}");
            return tally;
        }
    };
    println!("{:<10} {:<8}  {}", "row", "", HEADINGS);
    for line in table.lines().skip(1) {
        let Some(measured) = Measured::read(line) else {
            println!("not a row: {line}");
            continue;
        };
        if !only.is_empty() && !only.contains(&measured.row) {
            continue;
        }
        match run(&measured.row) {
            Ok((title, ours)) => {
                let differences = measured.differences(&ours);
                tally.add(differences.is_empty());
                print(&measured, &title, &ours, &differences);
            }
            Err(fault) => {
                tally.add(false);
                println!("{:<10} cannot run: {fault}", measured.row);
            }
        }
    }
    tally
}

fn run(row: &str) -> Result<(String, Observation), String> {
    let loaded = measure::scenario(&format!("kernel/{row}.ron"), &[])?;
    let record = measure::record(&loaded)?;
    let observed = Observation::of(&loaded, &record).ok_or("no UpThenDown traffic")?;
    Ok((loaded.scenario.title.clone(), observed))
}

const HEADINGS: &str =
    "mode      intact  joins  fell back  up Mbit/s  down Mbit/s  stall s  resets";

fn print(measured: &Measured, title: &str, ours: &Observation, differences: &[&'static str]) {
    println!("{:<10} {title}", measured.row);
    let verdict = match differences {
        [] => "agrees".to_owned(),
        _ => format!("DIFFERS: {}", differences.join(", ")),
    };
    let line = |who: &str, cells: [String; 8]| {
        let [mode, intact, joins, back, up, down, stall, resets] = cells;
        println!(
            "{:<10} {who:<8}  {mode:<8}  {intact:<6}  {joins:>5}  {back:<9}  {up:>9}  {down:>11}  \
             {stall:>7}  {resets}",
            ""
        );
    };
    line("measured", measured.cells());
    line("ours", cells(ours, measured.event_s));
    println!("{:<10} {verdict}", "");
}

fn cells(ours: &Observation, event_s: Option<f64>) -> [String; 8] {
    [
        word(ours.mode).to_owned(),
        yes_no(Some(ours.is_intact)).to_owned(),
        ours.joins.to_string(),
        who(ours.fell_back).to_owned(),
        number(ours.mbps[0], 2),
        number(ours.mbps[1], 2),
        number(event_s.map(|at| ours.longest_gap_after(at)), 3),
        list(&ours.resets),
    ]
}

impl Measured {
    fn read(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(',').collect();
        let &[
            row,
            mode,
            intact,
            joins,
            client,
            server,
            up,
            down,
            event,
            stall,
            resets,
            reasoned,
            fault,
        ] = fields.as_slice()
        else {
            return None;
        };
        let resets = resets.split("; ").filter(|r| !r.is_empty()).map(|reset| {
            let mut words = reset.split(' ');
            let (path, end) = (words.next()?.to_owned(), words.next()?);
            let end = if end == "client" { End::Client } else { End::Server };
            Some((path, end, words.next()?.parse().ok()?))
        });
        Some(Self {
            row: row.to_owned(),
            mode: match mode {
                "mptcp" => Mode::Mptcp,
                "fallback" => Mode::Fallback,
                "tcp" => Mode::Tcp,
                "failed" => Mode::Failed,
                _ => return None,
            },
            is_intact: (!intact.is_empty()).then_some(intact == "yes"),
            joins: joins.parse().ok()?,
            fell_back: [client, server].map(|word| (!word.is_empty()).then_some(word == "yes")),
            mbps: [up.parse().ok(), down.parse().ok()],
            event_s: event.parse().ok(),
            stall_s: stall.parse().ok(),
            resets: resets.collect::<Option<_>>()?,
            reasoned_resets: reasoned.parse().ok()?,
            has_fault: fault == "yes",
        })
    }

    /// Everything in which our run is not what was measured.
    fn differences(&self, ours: &Observation) -> Vec<&'static str> {
        let mut found = Vec::new();
        let mut check = |what, agrees: bool| {
            if !agrees {
                found.push(what);
            }
        };
        check("mode", self.mode == ours.mode);
        check("intact", self.is_intact.is_none_or(|intact| intact == ours.is_intact));
        check("joins", self.joins == ours.joins);
        if self.mode == Mode::Failed {
            let known = self.fell_back.iter().zip(&ours.fell_back);
            let mut agree = known.map(|(measured, ours)| measured.is_none_or(|m| m == *ours));
            check("who fell back", agree.all(|agrees| agrees));
        }
        let cut = self.resets.len() < self.reasoned_resets
            && self.reasoned_resets == ours.resets.len()
            && self.resets.is_subset(&ours.resets);
        check("resets", self.resets == ours.resets || cut);
        if !self.has_fault {
            for (what, measured, ours) in [
                ("goodput up", self.mbps[0], ours.mbps[0]),
                ("goodput down", self.mbps[1], ours.mbps[1]),
            ] {
                check(what, is_near(measured, ours));
            }
        }
        if let (Some(event), Some(stall), true) =
            (self.event_s, self.stall_s, self.mode != Mode::Failed)
        {
            let ours = ours.longest_gap_after(event).max(STALL_FLOOR_S);
            let measured = stall.max(STALL_FLOOR_S);
            check("stall", measured <= ours * STALL && ours <= measured * STALL);
        }
        found
    }

    fn cells(&self) -> [String; 8] {
        let cut = if self.resets.len() < self.reasoned_resets { ", …" } else { "" };
        [
            word(self.mode).to_owned(),
            yes_no(self.is_intact).to_owned(),
            self.joins.to_string(),
            who(self.fell_back.map(|known| known == Some(true))).to_owned(),
            number(self.mbps[0], 2),
            number(self.mbps[1], 2),
            number(self.stall_s, 3),
            list(&self.resets) + cut,
        ]
    }
}

fn is_near(measured: Option<f64>, ours: Option<f64>) -> bool {
    match (measured, ours) {
        (Some(measured), Some(ours)) => (measured - ours).abs() <= GOODPUT * measured,
        (measured, ours) => measured.is_none() == ours.is_none(),
    }
}

const fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Mptcp => "mptcp",
        Mode::Fallback => "fallback",
        Mode::Tcp => "tcp",
        Mode::Failed => "failed",
    }
}

const fn yes_no(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    }
}

const fn who(fell_back: [bool; 2]) -> &'static str {
    match fell_back {
        [true, true] => "both",
        [true, false] => "client",
        [false, true] => "server",
        [false, false] => "",
    }
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}

fn list(resets: &BTreeSet<(String, End, u8)>) -> String {
    let end = |end: End| if end == End::Client { "client" } else { "server" };
    let words = resets.iter().map(|(path, by, reason)| format!("{path} {} {reason}", end(*by)));
    words.collect::<Vec<_>>().join("; ")
}
