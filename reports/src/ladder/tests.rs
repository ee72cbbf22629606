//! Ladders that no scenario draws: hostile names, many columns, thousands of packets.

use sim_core::time::SimTime;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::style::{Style, paint};

const HOSTILE: &str =
    "<script>alert(\"x\")</script>\u{1b}[31m & 経路-with-a-very-long-name-indeed-for-a-box";

fn ladder(columns: usize, name: &str, rows: Vec<Row>) -> Ladder {
    let column = |k| Column {
        name: format!("{name}{k}"),
        model: (k > 0 && k + 1 < columns).then_some("asa"),
    };
    Ladder { title: name.into(), columns: (0..columns).map(column).collect(), rows }
}

fn arrow(k: u64, columns: usize, name: &str) -> Row {
    Row::Packet(Arrow {
        at: SimTime(k * 1_000_000),
        path: Some((name.into(), k as usize % 8)),
        text: format!("ACK seq {k} ack 7, 1400 bytes | DSS map dsn {k} ssn {k} length 1400"),
        stops: (0..columns).collect(),
        towards: columns - 1,
        end: Ending::Arrived,
        changes: vec![Note { column: 1, text: format!("{name} removed option 30"), matters: true }],
        became: Some(format!("ACK seq {k} ack 7, 1400 bytes")),
    })
}

/// Every text of a picture with its left edge and its width, in the picture's units.
fn texts(svg: &str) -> Vec<(f64, f64, &str)> {
    let number = |text: &str, name: &str| {
        let from = text.find(&format!(" {name}=\""))? + name.len() + 3;
        text[from..].split('"').next()?.parse::<f64>().ok()
    };
    let of = |piece: &str| -> Option<(f64, f64)> {
        let (tag, rest) = piece.split_once('>')?;
        let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "'"), ("&amp;", "&")];
        let shown = rest.split('<').next()?.to_owned();
        let shown = entities.iter().fold(shown, |text, (name, c)| text.replace(name, c));
        let width = shown.width() as f64 * 18.0 * 0.602;
        let x = number(tag, "x")?;
        Some(match tag {
            tag if tag.contains("\"middle\"") => (x - width / 2.0, width),
            tag if tag.contains("\"end\"") => (x - width, width),
            _ => (x, width),
        })
    };
    let pieces = svg.match_indices("<text").map(|(at, _)| &svg[at..]);
    pieces
        .filter_map(|piece| {
            of(piece)
                .map(|(x, width)| (x, width, piece.split("</text>").next().unwrap_or_default()))
        })
        .collect()
}

#[test]
fn names_from_files_stay_text() {
    let ladder = ladder(3, HOSTILE, vec![arrow(1, 3, HOSTILE)]);
    let svg = svg(&ladder, Language::English);
    assert!(!svg.contains("<script") && svg.contains("&lt;script"), "{svg}");
    assert!(svg.chars().all(|c| !c.is_control() || c == '\n'));
    let text = text(&ladder, Language::Japanese, 100);
    let ours = [Style::Strong, Style::Faint, Style::Good, Style::Fair, Style::Bad];
    let codes: Vec<String> =
        ours.iter().map(|style| paint(*style, "x").replace("x\u{1b}[0m", "")).collect();
    for (at, _) in text.match_indices('\u{1b}') {
        let is_ours = codes.iter().any(|code| text[at..].starts_with(code.as_str()));
        assert!(is_ours || text[at..].starts_with("\u{1b}[0m"), "{:?}", &text[at..at + 8]);
    }
}

#[test]
fn every_label_stands_in_the_picture() {
    for columns in [2, 3, 8] {
        for name in ["edge", HOSTILE] {
            let rows = (0..12).map(|k| arrow(k, columns, name)).collect();
            let svg = svg(&ladder(columns, name, rows), Language::English);
            for (x, width, text) in texts(&svg).into_iter().skip(1) {
                assert!(
                    x >= 0.0 && x + width <= 1600.0,
                    "{columns} columns: {x} + {width}: {text}"
                );
            }
        }
    }
}

#[test]
fn thousands_of_packets_fold() {
    let rows = fold::fold((0..5_000).map(|k| arrow(k, 3, "edge")).collect());
    let shown = rows.iter().filter(|row| matches!(row, Row::Packet(_))).count();
    assert_eq!(shown, 2);
    let Some(Row::Folded(folded)) = rows.last() else { panic!("{:?}", rows.last()) };
    assert_eq!((folded.data, folded.acks, folded.bytes), (4_998, 0, 4_998 * 1400));
    assert_eq!((folded.from, folded.to), (SimTime(2_000_000), SimTime(4_999_000_000)));

    let syn = |k| match arrow(k, 3, "edge") {
        Row::Packet(arrow) => Row::Packet(Arrow { text: format!("SYN seq {k}"), ..arrow }),
        other => other,
    };
    let rows = fold::fold((0..5_000).map(syn).collect());
    assert!(rows.len() < 70, "{} rows", rows.len());
}

/// Sheets hold what the whole picture holds, each with its columns' names, none higher than a page.
#[test]
fn sheets_are_the_whole_in_parts() {
    let folded = |k: u64| {
        Row::Folded(Folded {
            from: SimTime(k * 1_000_000),
            to: SimTime(k * 1_000_000),
            data: k + 1,
            acks: 0,
            bytes: 1,
        })
    };
    let columns = ["client", "server"];
    let columns = columns.map(|name| Column { name: name.into(), model: None }).to_vec();
    let ladder = Ladder { title: "t".into(), columns, rows: (0..200).map(folded).collect() };
    let parts = sheets(&ladder, Language::English);
    let whole = svg(&ladder, Language::English);
    assert!(parts.len() > 3);
    for part in &parts {
        let height: f64 =
            part.split("height=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        assert!(height < 2000.0 && part.contains(">server<"), "{height}");
    }
    let rows = |svg: &str| svg.matches("data segment").count();
    assert_eq!(parts.iter().map(|part| rows(part)).sum::<usize>(), 200);
    assert_eq!(rows(&whole), 200);
    assert_eq!(parts.concat().matches("changed by a device").count(), 1, "one legend");
}
