//! The ladder as text for a terminal.

use unicode_width::UnicodeWidthStr;

use super::{Arrow, Ending, Ladder, Row};
use crate::figures::{instant, printable};
use crate::messages::{Label, Language, Message, product};
use crate::style::{Style, paint};
use crate::wrap::wrap;

/// Narrowest and widest distance of two columns.
const APART: (usize, usize) = (8, 32);

/// Widest path beside a time.
const PATH_WIDTH: usize = 16;

/// The ladder in lines of at most `width` columns, with a line break at its end.
#[must_use]
pub fn text(ladder: &Ladder, language: Language, width: usize) -> String {
    let times = ladder.rows.iter().map(|row| instant(at(row)).width()).max().unwrap_or(0);
    let paths = ladder.rows.iter().map(|row| path(row).width()).max().unwrap_or(0);
    let margin = times + 2 + paths + 2;
    let room = width.saturating_sub(margin).max(40);
    let names: Vec<String> = ladder.columns.iter().map(|c| printable(&c.name)).collect();
    let last = names.last().map_or(0, |name| name.width());
    let gaps = ladder.columns.len().saturating_sub(1).max(1);
    let apart = (room.saturating_sub(last) / gaps).clamp(APART.0, APART.1);
    let mut out = vec![
        paint(Style::Strong, &printable(&ladder.title)),
        heading(ladder, &names, margin, apart),
    ];
    for row in &ladder.rows {
        let before = {
            let (time, path) = (instant(at(row)), path(row));
            let pad = " ".repeat(times - time.width());
            let fill = " ".repeat(paths - path.width() + 2);
            format!("{pad}{}  {path}{fill}", paint(Style::Faint, &time))
        };
        let mut lines = lines(ladder, row, language, room, apart).into_iter();
        out.push(format!("{before}{}", lines.next().unwrap_or_default()).trim_end().to_owned());
        let empty = " ".repeat(margin);
        out.extend(lines.map(|line| format!("{empty}{line}").trim_end().to_owned()));
    }
    out.join("\n") + "\n"
}

const fn at(row: &Row) -> sim_core::time::SimTime {
    match row {
        Row::Packet(arrow) => arrow.at,
        Row::Folded(folded) => folded.from,
        Row::Event { at, .. } => *at,
    }
}

fn path(row: &Row) -> String {
    match row {
        Row::Packet(Arrow { path: Some((path, _)), .. }) => cut(&printable(path), PATH_WIDTH),
        Row::Packet(_) | Row::Folded(_) | Row::Event { .. } => String::new(),
    }
}

/// The names over the columns, cut to the distance of two; devices with their models below.
fn heading(ladder: &Ladder, names: &[String], margin: usize, apart: usize) -> String {
    let mut lines = [" ".repeat(margin), " ".repeat(margin)];
    for (k, (name, column)) in names.iter().zip(&ladder.columns).enumerate() {
        let model = column.model.map_or("", product);
        for (line, word) in lines.iter_mut().zip([name.as_str(), model]) {
            let is_last = k + 1 == names.len();
            let word = if is_last { word.to_owned() } else { cut(word, apart - 1) };
            line.push_str(&word);
            if !is_last {
                line.push_str(&" ".repeat(apart - word.width()));
            }
        }
    }
    let [names, models] = lines.map(|line| line.trim_end().to_owned());
    let names = paint(Style::Strong, &names);
    if models.is_empty() { names } else { format!("{names}\n{}", paint(Style::Faint, &models)) }
}

/// A word of at most `width` columns; a longer one ends in an ellipsis.
fn cut(word: &str, width: usize) -> String {
    if word.width() <= width {
        return word.to_owned();
    }
    let mut out = String::new();
    for c in word.chars() {
        let mut buffer = [0; 4];
        if out.width() + c.encode_utf8(&mut buffer).width() >= width {
            break;
        }
        out.push(c);
    }
    out + "…"
}

fn lines(ladder: &Ladder, row: &Row, language: Language, room: usize, apart: usize) -> Vec<String> {
    match row {
        Row::Packet(arrow) => packet(ladder, arrow, language, room, apart),
        Row::Folded(folded) => {
            let (data, acks, bytes) = (folded.data, folded.acks, folded.bytes);
            vec![paint(Style::Faint, &language.say(&Message::Folded { data, acks, bytes }))]
        }
        Row::Event { label, .. } => {
            vec![paint(Style::Fair, &format!("═══ {} ═══", printable(label)))]
        }
    }
}

fn packet(
    ladder: &Ladder,
    packet: &Arrow,
    language: Language,
    room: usize,
    apart: usize,
) -> Vec<String> {
    let mut out = wrap(&printable(&packet.text), room);
    let lost = language.say(&Message::Label(Label::Lost));
    out.push(arrow(ladder, packet, apart, &lost));
    let mark = |out: &mut Vec<String>, sign: &str, text: &str, style: Style| {
        for (k, line) in wrap(&printable(text), room.saturating_sub(2)).iter().enumerate() {
            let sign = if k == 0 { sign } else { " " };
            out.push(paint(style, &format!("{sign} {line}")));
        }
    };
    for note in &packet.changes {
        let style = if note.matters { Style::Bad } else { Style::Fair };
        mark(&mut out, "✱", &note.text, style);
    }
    if let Some(became) = &packet.became {
        mark(&mut out, "→", became, Style::Fair);
    }
    out
}

/// The arrow: `●───●╌╌╌▶`, broken from the first device on that changed the packet.
fn arrow(ladder: &Ladder, packet: &Arrow, apart: usize, lost: &str) -> String {
    let place = |column: usize| column * apart;
    let mut cells = vec![' '; place(ladder.columns.len() - 1) + 1];
    let forward = packet.towards > packet.stops[0];
    let first_change =
        packet.changes.iter().map(|note| note.column).find(|column| packet.stops.contains(column));
    let mut changed = first_change == Some(packet.stops[0]);
    let draw = |cells: &mut [char], from: usize, to: usize, changed: bool| {
        let line = if changed { '╌' } else { '─' };
        cells[from.min(to)..=from.max(to)].fill(line);
    };
    for leg in packet.stops.windows(2) {
        draw(&mut cells, place(leg[0]), place(leg[1]), changed);
        changed |= first_change == Some(leg[1]);
    }
    let last = place(packet.stops[packet.stops.len() - 1]);
    let mut end = last;
    if packet.end == Ending::Lost {
        let half = apart / 2;
        end = if forward { (last + half).min(cells.len() - 1) } else { last.saturating_sub(half) };
        draw(&mut cells, last, end, changed);
    }
    for &stop in &packet.stops {
        cells[place(stop)] = '●';
    }
    let head = if forward { '▶' } else { '◀' };
    cells[end] = match packet.end {
        Ending::Arrived if packet.stops.len() > 1 => head,
        Ending::Arrived => '●',
        Ending::Stopped => '■',
        Ending::Lost => '×',
    };
    let drawn: String = cells.into_iter().collect();
    let drawn = drawn.trim_end();
    if packet.end == Ending::Lost { format!("{drawn} {lost}") } else { drawn.to_owned() }
}
