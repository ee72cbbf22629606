//! The kernel's rows: what Linux 6.18 did through each kind of box, beside what `Linux6` does.

use crate::Tally;
use crate::measure::{self, Observation};
use crate::measured::{Measured, list, number, word, yes_no};

/// Runs the rows of these names, or all, and prints the table.
pub(crate) fn kernel(only: &[String]) -> Tally {
    validate("kernel", only)
}

/// As [`kernel`], for the rows that `record` wrote.
pub(crate) fn boxes(only: &[String]) -> Tally {
    validate("boxes", only)
}

fn validate(folder: &str, only: &[String]) -> Tally {
    let mut tally = Tally::default();
    let path = measure::file(folder).join("measured.csv");
    let table = match std::fs::read_to_string(&path) {
        Ok(table) => table,
        Err(error) => {
            println!("{}: {error}", path.display());
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
        match run(folder, &measured.row) {
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

fn run(folder: &str, row: &str) -> Result<(String, Observation), String> {
    let loaded = measure::scenario(&format!("{folder}/{row}.ron"), &[])?;
    let record = measure::record(&loaded)?;
    let observed = Observation::of(&loaded, &record).ok_or("no traffic")?;
    Ok((loaded.scenario.title.clone(), observed))
}

const HEADINGS: &str =
    "mode      intact  joins  fell back  up Mbit/s  down Mbit/s  stall s  resets";

fn print(measured: &Measured, title: &str, ours: &Observation, differences: &[String]) {
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
    line("measured", measured_cells(measured));
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

fn measured_cells(measured: &Measured) -> [String; 8] {
    let cut = if measured.resets.len() < measured.reasoned_resets { ", …" } else { "" };
    [
        word(measured.mode).to_owned(),
        yes_no(measured.is_intact).to_owned(),
        measured.joins.to_string(),
        who(measured.fell_back.map(|known| known == Some(true))).to_owned(),
        number(measured.mbps[0], 2),
        number(measured.mbps[1], 2),
        number(measured.stall_s, 3),
        list(&measured.resets) + cut,
    ]
}

const fn who(fell_back: [bool; 2]) -> &'static str {
    match fell_back {
        [true, true] => "both",
        [true, false] => "client",
        [false, true] => "server",
        [false, false] => "",
    }
}
