//! The ladder as a picture. Text is set in a fixed-width font, so that what fits is known without
//! measuring, and lies over its arrow for the whole width of the picture, so that no label is cut and
//! nothing overlaps however many columns there are.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::{Arrow, Ending, Ladder, Row};
use crate::chart::path_colour;
use crate::figures::{instant, printable};
use crate::messages::{Label, Language, Message, product};
use crate::wrap::wrap;

/// Width of the picture, in its own units: text of [`FONT`] can be read when it fills a slide.
const WIDTH: f64 = 1600.0;
const EDGE: f64 = 40.0;
const FONT: f64 = 18.0;
/// Advance of a character, in parts of the font's size: DejaVu Sans Mono's, which is among the widest.
const ADVANCE: f64 = 0.602;
const LINE: f64 = 24.0;
/// From the last line of text to the arrow below it.
const ARROW: f64 = 16.0;
/// Between rows.
const GAP: f64 = 18.0;
/// Where the columns begin: times and paths stand before it.
const LEFT: f64 = 262.0;
/// Longest path name beside a time, in characters; longer ones are cut here and in full in the title.
const PATH_CHARS: usize = 9;

const INK: &str = "#212529";
const FAINT: &str = "#5f666e";
const RAIL: &str = "#ced4da";
/// What a device changed: vermillion, dashed and with a star, so that colour is not all that tells.
const CHANGED: &str = "#ba3c00";
const ROUTINE: &str = "#8a5200";
const MONO: &str = "DejaVu Sans Mono, Menlo, Consolas, Noto Sans Mono CJK JP, monospace";

/// Where a sheet ends, at the next row: what fits on a printed page as wide as its paper allows.
const SHEET: f64 = 1700.0;

/// The picture.
#[must_use]
pub fn svg(ladder: &Ladder, language: Language) -> String {
    sheet(ladder, language, &ladder.rows, f64::INFINITY).0
}

/// The picture in parts, one below the other, each of which fits on a printed page and names the columns.
#[must_use]
pub fn sheets(ladder: &Ladder, language: Language) -> Vec<String> {
    let (mut sheets, mut rows) = (Vec::new(), &ladder.rows[..]);
    loop {
        let (drawn, rest) = sheet(ladder, language, rows, SHEET);
        sheets.push(drawn);
        if rest.is_empty() {
            return sheets;
        }
        rows = rest;
    }
}

/// A picture of the rows that fit in a height, and the others.
fn sheet<'a>(
    ladder: &Ladder,
    language: Language,
    rows: &'a [Row],
    height: f64,
) -> (String, &'a [Row]) {
    let mut picture = Picture { ladder, language, body: String::new(), y: EDGE };
    if rows.len() == ladder.rows.len() {
        picture.title();
    }
    let top = picture.heading();
    let mut drawn = 0;
    while drawn < rows.len() && (drawn == 0 || picture.y < height) {
        picture.row(&rows[drawn]);
        drawn += 1;
    }
    let (_, rest) = rows.split_at(drawn);
    let bottom = picture.y + GAP - LINE;
    if rest.is_empty() {
        picture.legend();
    }
    let height = picture.y + EDGE;
    let mut rails = String::new();
    for column in 0..ladder.columns.len() {
        let x = picture.x(column);
        let _ = writeln!(
            rails,
            r#"<line x1="{x:.1}" y1="{top:.1}" x2="{x:.1}" y2="{bottom:.1}" stroke="{RAIL}" stroke-width="2"/>"#
        );
    }
    let title = escape(&ladder.title);
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{WIDTH:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {WIDTH:.0} {height:.0}\" font-family=\"{MONO}\" font-size=\"{FONT:.0}\">\n\
         <title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{rails}{}</svg>\n",
        picture.body
    );
    (svg, rest)
}

struct Picture<'a> {
    ladder: &'a Ladder,
    language: Language,
    body: String,
    /// Where the next thing is drawn.
    y: f64,
}

impl Picture<'_> {
    /// Middle of a column.
    fn x(&self, column: usize) -> f64 {
        let half = self.column_width() / 2.0;
        LEFT + half + column as f64 * self.column_width()
    }

    fn column_width(&self) -> f64 {
        (WIDTH - EDGE - LEFT) / self.ladder.columns.len() as f64
    }

    /// Characters from the first column's left to the picture's edge.
    fn room() -> usize {
        ((WIDTH - EDGE - LEFT) / (FONT * ADVANCE)) as usize
    }

    fn title(&mut self) {
        for line in wrap(&self.ladder.title, (2.0 * LEFT + WIDTH / 2.0) as usize / 15) {
            self.y += 30.0;
            let line = escape(&line);
            let _ = writeln!(
                self.body,
                r#"<text x="{EDGE:.0}" y="{:.1}" font-size="24" font-weight="bold" fill="{INK}">{line}</text>"#,
                self.y
            );
        }
        self.y += GAP;
    }

    /// Hosts and devices; yields where their lines begin.
    fn heading(&mut self) -> f64 {
        let room = (self.column_width() / (FONT * ADVANCE)) as usize;
        let mut lowest = self.y;
        let start = self.y;
        for (k, column) in self.ladder.columns.iter().enumerate() {
            let model = column.model.map(|model| product(model).to_owned());
            let names = pieces(&printable(&column.name), room.saturating_sub(2).max(4));
            let lines = names.into_iter().map(|name| (name, INK)).chain(model.map(|m| (m, FAINT)));
            let mut y = start;
            for (line, colour) in lines {
                y += LINE;
                let (x, line) = (self.x(k), escape(&line));
                let _ = writeln!(
                    self.body,
                    r#"<text x="{x:.1}" y="{y:.1}" text-anchor="middle" font-weight="bold" fill="{colour}">{line}</text>"#
                );
            }
            lowest = lowest.max(y);
        }
        self.y = lowest + GAP;
        lowest + 8.0
    }

    fn row(&mut self, row: &Row) {
        match row {
            Row::Packet(packet) => self.packet(packet),
            Row::Folded(folded) => {
                let (data, acks, bytes) = (folded.data, folded.acks, folded.bytes);
                let text = self.language.say(&Message::Folded { data, acks, bytes });
                let until = match instant(folded.to) {
                    until if until == instant(folded.from) => String::new(),
                    until => format!("  – {until}"),
                };
                self.gutter(&instant(folded.from), None);
                self.lines(&format!("{text}{until}"), FAINT, "");
                self.y += GAP;
            }
            Row::Event { at, label } => {
                self.gutter(&instant(*at), None);
                self.lines(&format!("═══ {label} ═══"), ROUTINE, "");
                self.y += GAP;
            }
        }
    }

    /// Time and path, beside the first line of what comes next.
    fn gutter(&mut self, time: &str, path: Option<&(String, usize)>) {
        let y = self.y + LINE;
        let _ = writeln!(
            self.body,
            r#"<text x="{:.1}" y="{y:.1}" text-anchor="end" fill="{FAINT}">{time}</text>"#,
            EDGE + 96.0
        );
        if let Some((name, index)) = path {
            let colour = path_colour(*index);
            let name = escape(&first(name, PATH_CHARS));
            let _ = writeln!(
                self.body,
                r#"<rect x="{:.1}" y="{:.1}" width="10" height="16" fill="{colour}"/><text x="{:.1}" y="{y:.1}" fill="{INK}">{name}</text>"#,
                EDGE + 104.0,
                y - 14.0,
                EDGE + 120.0
            );
        }
    }

    /// Text over the whole width, on a background that covers the columns' lines.
    fn lines(&mut self, text: &str, colour: &str, sign: &str) {
        let room = Self::room().saturating_sub(sign.width());
        for (k, line) in wrap(text, room).iter().flat_map(|l| pieces(l, room)).enumerate() {
            self.y += LINE;
            let sign = if k == 0 { sign.to_owned() } else { " ".repeat(sign.width()) };
            let width = (sign.width() + line.width()) as f64 * FONT * ADVANCE + 12.0;
            let line = escape(&format!("{sign}{line}"));
            let _ = writeln!(
                self.body,
                r##"<rect x="{:.1}" y="{:.1}" width="{width:.1}" height="{LINE:.0}" fill="#ffffff"/><text x="{LEFT:.1}" y="{:.1}" fill="{colour}" xml:space="preserve">{line}</text>"##,
                LEFT - 6.0,
                self.y - 18.0,
                self.y
            );
        }
    }

    fn packet(&mut self, packet: &Arrow) {
        self.gutter(&instant(packet.at), packet.path.as_ref());
        self.lines(&packet.text, INK, "");
        self.y += ARROW;
        self.arrow(packet);
        self.y += 4.0;
        for note in &packet.changes {
            self.lines(&note.text, if note.matters { CHANGED } else { ROUTINE }, "✱ ");
        }
        if let Some(became) = &packet.became {
            self.lines(became, ROUTINE, "→ ");
        }
        self.y += GAP;
    }

    fn arrow(&mut self, packet: &Arrow) {
        let y = self.y;
        let index = packet.path.as_ref().map_or(0, |(_, index)| *index);
        let colour = path_colour(index);
        let forward = packet.towards > packet.stops[0];
        let changer = packet.changes.iter().find(|note| packet.stops.contains(&note.column));
        let changer = changer.map(|note| note.column);
        let mut changed = changer == Some(packet.stops[0]);
        for leg in packet.stops.windows(2) {
            self.leg(self.x(leg[0]), self.x(leg[1]), changed, &colour);
            changed |= changer == Some(leg[1]);
        }
        let last = packet.stops[packet.stops.len() - 1];
        let way = if forward { 1.0 } else { -1.0 };
        let mut end = self.x(last);
        if packet.end == Ending::Lost {
            let half = self.column_width() / 2.0;
            self.leg(end, end + way * half, changed, &colour);
            end += way * half;
        }
        let pointed = packet.end == Ending::Arrived && packet.stops.len() > 1;
        for &stop in &packet.stops[..packet.stops.len() - usize::from(pointed)] {
            let is_marked = changer == Some(stop);
            let (radius, fill) = if is_marked { (8.0, CHANGED) } else { (5.0, colour.as_str()) };
            let x = self.x(stop);
            let _ = writeln!(
                self.body,
                r##"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="{fill}" stroke="#ffffff" stroke-width="1.5"/>"##
            );
        }
        let colour = if changed { CHANGED } else { &colour };
        let _ = match packet.end {
            Ending::Arrived => {
                let (tip, back) = (end, end - way * 16.0);
                writeln!(
                    self.body,
                    r#"<path d="M{tip:.1} {y:.1} L{back:.1} {:.1} L{back:.1} {:.1} Z" fill="{colour}"/>"#,
                    y - 8.0,
                    y + 8.0
                )
            }
            Ending::Stopped => writeln!(
                self.body,
                r#"<rect x="{:.1}" y="{:.1}" width="18" height="18" fill="{CHANGED}"/>"#,
                end - 9.0,
                y - 9.0
            ),
            Ending::Lost => {
                let lost = escape(&self.language.say(&Message::Label(Label::Lost)));
                writeln!(
                    self.body,
                    r#"<path d="M{:.1} {:.1} l16 16 m0 -16 l-16 16" stroke="{CHANGED}" stroke-width="4"/><text x="{:.1}" y="{:.1}" fill="{CHANGED}">{lost}</text>"#,
                    end - 8.0,
                    y - 8.0,
                    end + 14.0,
                    y + 6.0
                )
            }
        };
    }

    fn leg(&mut self, from: f64, to: f64, changed: bool, colour: &str) {
        let (colour, dash) =
            if changed { (CHANGED, r#" stroke-dasharray="9 5""#) } else { (colour, "") };
        let y = self.y;
        let _ = writeln!(
            self.body,
            r#"<line x1="{from:.1}" y1="{y:.1}" x2="{to:.1}" y2="{y:.1}" stroke="{colour}" stroke-width="3"{dash}/>"#
        );
    }

    fn legend(&mut self) {
        self.y += GAP;
        let text = self.language.say(&Message::Label(Label::LadderKey));
        self.y += LINE;
        let text = escape(&text);
        let _ = writeln!(
            self.body,
            r#"<text x="{EDGE:.0}" y="{:.1}" font-size="16" fill="{FAINT}">{text}</text>"#,
            self.y
        );
    }
}

/// The first characters of a text that fit in `width` columns; a longer one ends in an ellipsis.
fn first(text: &str, width: usize) -> String {
    match pieces(text, width - 1).as_slice() {
        [only] => only.clone(),
        [head, ..] => format!("{head}…"),
        [] => String::new(),
    }
}

/// A text in pieces of at most `width` columns, cut anywhere: for words that no line can hold.
fn pieces(text: &str, width: usize) -> Vec<String> {
    let mut out: Vec<String> = vec![String::new()];
    for c in text.chars() {
        let mut buffer = [0; 4];
        let wide = c.encode_utf8(&mut buffer).width();
        if out.last().is_some_and(|piece| piece.width() + wide > width) {
            out.push(String::new());
        }
        if let Some(piece) = out.last_mut() {
            piece.push(c);
        }
    }
    out
}

/// Text from files is text: nothing of it is markup, and no control character reaches the file.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}
