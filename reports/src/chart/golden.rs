//! What pictures look like, kept in `reports/tests/golden`.

use sim_core::record::RunRecord;
use sim_core::record::detail::{ConnectionDetail, Detail, PathDetail, SubflowDetail};
use sim_core::time::SimTime;

use super::connection::Kind;
use super::matrix::{Group, Matrix, Row, Verdicts};
use super::spread::{Sample, Spread};
use super::{details, matrix, picture_svg, spread};
use crate::fixture;
use crate::golden::check;

/// The path that fails, with details that tell the same story as its series.
pub(crate) fn observed() -> RunRecord {
    let mut record = fixture::path_failure();
    let connection = &record.connections[0];
    let interval = connection.series.interval.as_nanos();
    let mut detail = ConnectionDetail::default();
    let mut delivered = 0;
    for (k, bytes) in connection.series.delivered.iter().enumerate() {
        delivered += bytes;
        detail.delivered.note_change(SimTime(interval * (k as u64 + 1)), delivered);
    }
    detail.stalls.push((SimTime(10_090_000_000), SimTime(10_505_000_000)));
    let mut sent = 0;
    detail.subflows = vec![SubflowDetail::default(); connection.subflows.len()];
    for k in 0..300 {
        let at = SimTime(interval * k as u64);
        for (i, series) in connection.series.subflows.iter().enumerate() {
            let seen = &mut detail.subflows[i];
            let bytes = series.bytes[k];
            if bytes > 0 {
                seen.first.note(at, sent);
                sent += bytes;
                seen.first.note(at, sent);
                seen.cwnd.note_change(at, 20_000 + 500 * (k as u64 % 40));
                seen.srtt_ns.note_change(at, (30 + 2 * (k as u64 % 40)) * 1_000_000);
            }
        }
    }
    detail.subflows[0].again.note(SimTime(10_700_000_000), 11_000_000);
    detail.subflows[1].reinjected.note(SimTime(10_500_000_000), 11_000_000);
    let mut paths = vec![PathDetail::default(); record.paths.len()];
    for (i, path) in paths.iter_mut().enumerate() {
        for k in 0..3000_u64 {
            let wait = (k * (7 + i as u64) % 400) * 250_000;
            path.directions[0].wait_ns.note(SimTime(k * 10_000_000), wait);
        }
        path.directions[0].lost_at_ns.note(SimTime(4_000_000_000 * (i as u64 + 1)), 100_000_000);
        path.directions[0].losses = 3;
    }
    record.detail = Some(Detail { paths, connections: vec![detail] });
    record
}

/// Bytes of a PNG depend on its encoder: not kept. `SHOW_PNG=folder` writes them to be looked at.
fn show(name: &str, png: &[u8]) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    if let Some(folder) = std::env::var_os("SHOW_PNG") {
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), png).unwrap();
    }
}

#[test]
fn pictures_of_a_connection() {
    let record = observed();
    let drawn = details(&fixture::report(&record));
    let mut words = Vec::new();
    for file in &drawn {
        let (word, kind) = file.name["charts/".len()..].split_once('.').unwrap();
        match kind {
            "svg" => check(&format!("path-failure-{word}.svg"), &file.bytes),
            _ => show(&format!("path-failure-{word}"), &file.bytes),
        }
        words.push(word);
    }
    words.dedup();
    assert_eq!(words, ["timeline", "sequence", "windows", "latency"]);
}

/// Each connection of several has its own pictures.
#[test]
fn every_connection_is_drawn() {
    let mut record = observed();
    record.connections.push(record.connections[0].clone());
    record.connections[1].name = "second".into();
    let drawn = details(&fixture::report(&record));
    let second = drawn.iter().find(|file| file.name == "charts/timeline-2.svg").unwrap();
    assert!(String::from_utf8_lossy(&second.bytes).contains("second, "));
}

#[test]
fn what_was_not_observed_is_not_drawn() {
    for mut record in fixture::all() {
        record.detail = None;
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.picture(&record, 0).is_some());
        for kind in kinds {
            let needs_no_detail = [Kind::Goodput, Kind::Timeline, Kind::Latency].contains(&kind);
            assert!(needs_no_detail, "{}: {kind:?}", record.scenario);
        }
    }
    let hostile = Kind::Timeline.picture(&fixture::hostile(), 0).unwrap();
    let svg = picture_svg(&hostile);
    assert!(!svg.contains("<script>"), "names are escaped");
    check("hostile-timeline.svg", svg.as_bytes());
}

#[test]
fn verdicts_of_many_runs() {
    let one = |k: u32| match k % 4 {
        0 => Verdicts { mptcp: 20, ..Verdicts::default() },
        1 => Verdicts { fallback: 20, ..Verdicts::default() },
        2 => Verdicts { mptcp: 13, fallback: 5, failed: 2 },
        _ => Verdicts::default(),
    };
    let columns = || ["as it comes", "allow option 30", "inspect"].map(str::to_owned).to_vec();
    let matrix = Matrix {
        title: "MPTCP through each box, by position and setting".into(),
        row_title: "device".into(),
        groups: ["on the first path", "on the second path", "at the server"]
            .map(|name| Group { name: name.into(), columns: columns() })
            .to_vec(),
        rows: [
            "ASA",
            "IOS CBAC",
            "IOS ZBFW",
            "ACE, two real servers",
            "<b>a very long name</b> of a box",
        ]
        .iter()
        .zip(0..)
        .map(|(name, k)| Row {
            name: (*name).to_owned(),
            cells: (0..9).map(|column| one(column + k)).collect(),
        })
        .collect(),
    };
    check("matrix.svg", matrix::svg(&matrix).as_bytes());
    show("matrix", &matrix::png(&matrix));
    check("matrix-empty.svg", matrix::svg(&Matrix::default()).as_bytes());
}

#[test]
fn throughput_with_its_spread() {
    let sample = |k: u32| {
        let values: Vec<f64> =
            (0..20).map(|i| f64::from(k) + f64::from(i * 7 % 20) / 16.0).collect();
        let middle = values.iter().sum::<f64>() / 20.0;
        Sample {
            name: format!("scheduler number {k}"),
            middle,
            interval: (k != 5).then_some((middle - 0.17, middle + 0.17)),
            values,
        }
    };
    let spread = Spread {
        title: "Goodput of 20 seeds each".into(),
        label: "goodput (Mbps)".into(),
        interval: "95 % confidence interval of the mean".into(),
        groups: (3..9).map(sample).collect(),
    };
    check("spread.svg", spread::svg(&spread).as_bytes());
    show("spread", &spread::png(&spread));
    check("spread-empty.svg", spread::svg(&Spread::default()).as_bytes());
}
