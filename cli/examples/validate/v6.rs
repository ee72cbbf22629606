//! The middlebox elements of Hesmans et al. (2013): each scenario expects what is published of it.

use crate::Tally;
use crate::measure;

pub(crate) fn validate(only: &[String]) -> Tally {
    let mut tally = Tally::default();
    let files = match scenarios::discover(&[measure::file("v6")]) {
        Ok(files) => files,
        Err(faults) => {
            println!("{}", faults.iter().map(|f| f.render(false)).collect::<String>());
            return tally;
        }
    };
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !only.is_empty() && !only.contains(&name) {
            continue;
        }
        let run = measure::scenario(&format!("v6/{name}.ron"), &[])
            .and_then(|loaded| loaded.run(None).map_err(|faults| measure::shown(&faults)));
        match run {
            Ok(run) => {
                tally.add(run.passed());
                let connection = &run.record.connections[0];
                println!(
                    "{name:<26} {}: {} at {:.2} Mbit/s",
                    run.record.title,
                    connection.outcome.verdict.word(),
                    connection.goodput_bps / 1e6
                );
                for result in run.expectations.iter().filter(|result| !result.passed) {
                    println!("{:<26} DIFFERS: {}", "", result.sentence);
                }
            }
            Err(fault) => {
                tally.add(false);
                println!("{name:<26} {fault}");
            }
        }
    }
    tally
}
