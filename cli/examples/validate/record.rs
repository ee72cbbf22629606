//! Writes down what this machine's kernel does with the scenarios of a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use scenarios::{Loaded, load};

use crate::measure::{self, Observation};
use crate::measured::{COLUMNS, Measured};

/// Live runs at once: they are idle most of the time.
const AT_ONCE: usize = 4;

/// Runs these rows of the folder, or all, and writes `measured.csv`; what it says of others stays.
pub(crate) fn record(folder: &Path, rows: &[String]) -> ExitCode {
    testbed::acquire();
    match write(folder, rows) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(3)
        }
    }
}

fn write(folder: &Path, rows: &[String]) -> Result<(), String> {
    let said = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let table = folder.join("measured.csv");
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    if let Ok(text) = std::fs::read_to_string(&table) {
        for line in text.lines().skip(1) {
            lines.insert(line.split(',').next().unwrap_or_default().to_owned(), line.to_owned());
        }
    }
    let entries = std::fs::read_dir(folder).map_err(|error| said(folder, error))?;
    let mut scenarios: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "ron"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .filter(|(row, _)| rows.is_empty() || rows.contains(row))
        .collect();
    scenarios.sort();
    let (next, lines) = (AtomicUsize::new(0), Mutex::new(lines));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((row, path)) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match one(row, path) {
                        Ok(line) => {
                            println!("{line}");
                            lines
                                .lock()
                                .expect("no thread panics while it holds it")
                                .insert(row.clone(), line);
                        }
                        Err(why) => eprintln!("{row}: {why}"),
                    }
                }
            });
        }
    });
    let lines = lines.into_inner().expect("all threads have ended");
    let text: String = lines.into_values().map(|line| line + "\n").collect();
    std::fs::write(&table, format!("{COLUMNS}\n{text}")).map_err(|error| said(&table, error))
}

fn one(row: &str, path: &Path) -> Result<String, String> {
    let mut loaded = load(path, &[]).map_err(|faults| measure::shown(&faults))?;
    loaded.sample_interval = Some(measure::TICK);
    let run = testbed::run(&loaded, testbed::Settings::default(), &AtomicBool::new(false))
        .map_err(|error| error.to_string())?;
    let seen = Observation::of(&loaded, &run.record).ok_or("no traffic")?;
    Ok(Measured::of(row.to_owned(), seen, has_fault(&loaded)).line())
}

/// Something is done to the packets, or happens.
fn has_fault(loaded: &Loaded) -> bool {
    !loaded.scenario.devices.0.is_empty() || !loaded.scenario.events.is_empty()
}
