//! Verdicts as a picture: stacked bars with intervals, or a matrix of them.

use plotters::style::RGBColor;

use super::answer::ShareRow;
use super::points::Example;
use super::svg::{Anchor, Font, Svg};
use super::{AxisInfo, Estimate};
use crate::chart::palette::{FAINT, GRID, INK, PAPER};
use crate::wrap::wrap;

/// MPTCP, fallback, failed: far apart in lightness and hue, and the last one hatched.
const FILLS: [&str; 3] = ["#0072b2", "#f0b93a", "url(#failed)"];
const WORDS: [&str; 3] = ["MPTCP", "fallback", "failed"];
const COLOURS: [RGBColor; 3] = [RGBColor(0, 90, 142), RGBColor(138, 92, 0), RGBColor(158, 50, 0)];

const WIDTH: f64 = 860.0;
/// More bars or cells than this are no picture any more; the table has them all.
const ROWS_MAX: usize = 40;
const COLUMNS_MAX: usize = 16;
/// Room for the names of bars; longer ones are broken, into at most so many lines.
const NAMES_MAX: f64 = 250.0;
const NAME_LINES: usize = 4;

/// The picture of verdicts by no axis, one, or two.
pub(super) fn draw(rows: &[ShareRow], axes: &[&AxisInfo], title: &str) -> String {
    match axes {
        [first, second] => matrix(rows, first, second, title),
        axes => bars(rows, axes.first().copied(), title),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

fn link_to(example: Option<&Example>) -> String {
    example.map_or_else(String::new, |example| format!("#run-{}", example.run))
}

/// `81.3 % (78.1–84.2)`.
fn words(estimate: Option<Estimate>) -> String {
    match estimate {
        Some(Estimate { value, low: Some(low), high: Some(high) }) => {
            format!("{} % ({}–{})", percent(value), percent(low), percent(high))
        }
        Some(Estimate { value, .. }) => format!("{} %", percent(value)),
        None => "–".into(),
    }
}

fn bars(rows: &[ShareRow], axis: Option<&AxisInfo>, title: &str) -> String {
    const ROW: f64 = 58.0;
    const TOP: f64 = 34.0;
    let shown = &rows[..rows.len().min(ROWS_MAX)];
    let font = Font::new(12.5, INK);
    let label = |row: &ShareRow| row.labels.first().cloned().unwrap_or_else(|| "all".into());
    let widest = shown.iter().map(|row| font.width(&label(row))).fold(60.0, f64::max);
    let left = (widest + 20.0).min(NAMES_MAX);
    let (bar, height) = (WIDTH - left - 70.0, TOP + ROW * shown.len() as f64 + 34.0);
    let mut svg = Svg::new(WIDTH, height);
    if let Some(axis) = axis {
        svg.text(&axis.heading(), (left - 12.0, 14.0), Font::new(12.0, FAINT).anchor(Anchor::End));
    }
    legend(&mut svg, left);
    let right = Font::new(11.0, FAINT).anchor(Anchor::End);
    svg.text("connections", (WIDTH - 6.0, 14.0), right);
    let columns = columns(shown, bar);
    for (k, row) in shown.iter().enumerate() {
        let y = TOP + ROW * k as f64;
        name(&mut svg, &label(row), (left - 12.0, y + 10.0), left - 20.0);
        stacked(&mut svg, row, (left, y), (bar, 20.0));
        intervals(&mut svg, row, (left, y + 24.0), bar);
        for (k, x) in columns.into_iter().enumerate() {
            svg.text(&share_in_words(row, k), (left + x, y + 41.0), Font::new(10.5, COLOURS[k]));
        }
        let count = row.connections().to_string();
        svg.text(&count, (WIDTH - 6.0, y + 10.0), font.anchor(Anchor::End));
    }
    if rows.len() > ROWS_MAX {
        let more = format!("and {} more: see the table", rows.len() - ROWS_MAX);
        svg.text(&more, (left, height - 26.0), Font::new(11.0, FAINT));
    }
    let note = "Whiskers and parentheses: 95 % intervals (Wilson).";
    svg.text(note, (left, height - 10.0), Font::new(10.5, FAINT));
    svg.finish(title)
}

/// The name of a bar, ending at `right`: broken into lines where it is too long, the first of them
/// beside the bar.
fn name(svg: &mut Svg, label: &str, (right, y): (f64, f64), width: f64) {
    const LINE: f64 = 13.0;
    let whole = Font::new(12.5, INK).anchor(Anchor::End);
    if whole.width(label) <= width {
        return svg.text(label, (right, y), whole);
    }
    let font = Font::new(11.0, INK).anchor(Anchor::End);
    let mut lines = wrap(label, font.letters(width));
    if lines.len() > NAME_LINES {
        let rest = lines.split_off(NAME_LINES - 1).join(" ");
        lines.push(rest);
    }
    for (k, line) in lines.iter().enumerate() {
        svg.text(&font.cut(line, width), (right, y + LINE * k as f64), font);
    }
}

/// `MPTCP 81.3 % (78.1–84.2)`.
fn share_in_words(row: &ShareRow, k: usize) -> String {
    format!("{} {}", WORDS[k], words(row.shares[k]))
}

/// Where the shares stand in words under their bar: in thirds of it, or further to the right where
/// a share to the left is longer.
fn columns(rows: &[ShareRow], bar: f64) -> [f64; 3] {
    let font = Font::new(10.5, INK);
    let widest = |k| rows.iter().map(|row| font.width(&share_in_words(row, k))).fold(0.0, f64::max);
    let second = (bar / 3.0).max(widest(0) + 6.0);
    [0.0, second, (bar * 2.0 / 3.0).max(second + widest(1) + 6.0)]
}

fn legend(svg: &mut Svg, left: f64) {
    let mut x = left;
    for (fill, word) in FILLS.into_iter().zip(WORDS) {
        svg.rect((x, 8.0), (12.0, 12.0), fill);
        svg.text(word, (x + 17.0, 14.0), Font::new(12.0, INK));
        x += 100.0;
    }
}

/// The three shares side by side, each a link to its first run.
fn stacked(svg: &mut Svg, row: &ShareRow, (left, top): (f64, f64), (width, height): (f64, f64)) {
    svg.rect((left, top), (width, height), "#eceef0");
    let mut x = left;
    for (k, fill) in FILLS.into_iter().enumerate() {
        let part = row.shares[k].map_or(0.0, |share| share.value) * width;
        let about = format!(
            "{}: {} of {} {}: {}",
            row.labels.join(", "),
            row.verdicts[k],
            row.connections(),
            WORDS[k],
            words(row.shares[k])
        );
        svg.link(&link_to(row.examples[k].as_ref()), &about, |svg| {
            svg.rect((x, top), (part, height), fill);
        });
        x += part;
    }
}

/// Whiskers: where MPTCP may end, and where failure may begin.
fn intervals(svg: &mut Svg, row: &ShareRow, (left, y): (f64, f64), width: f64) {
    let ends = [
        row.shares[0].and_then(|share| share.low.zip(share.high)).map(|ends| (ends, COLOURS[0])),
        row.shares[2]
            .and_then(|share| share.low.zip(share.high))
            .map(|(low, high)| ((1.0 - high, 1.0 - low), COLOURS[2])),
    ];
    for (((low, high), colour), y) in
        ends.into_iter().zip([y, y + 5.0]).filter_map(|(end, y)| Some((end?, y)))
    {
        let (from, to) = (left + low * width, left + high * width);
        svg.line(&[(from, y), (to, y)], colour, 1.6);
        for x in [from, to] {
            svg.line(&[(x, y - 2.5), (x, y + 2.5)], colour, 1.6);
        }
    }
}

fn matrix(rows: &[ShareRow], first: &AxisInfo, second: &AxisInfo, title: &str) -> String {
    let values = |k: usize, axis: &AxisInfo| {
        let mut values: Vec<String> = axis.values.clone().unwrap_or_default();
        for row in rows {
            if let Some(label) = row.labels.get(k).filter(|label| !values.contains(label)) {
                values.push(label.clone());
            }
        }
        values
    };
    let (mut down, mut across) = (values(0, first), values(1, second));
    let cut = down.len() > ROWS_MAX || across.len() > COLUMNS_MAX;
    down.truncate(ROWS_MAX);
    across.truncate(COLUMNS_MAX);
    let font = Font::new(12.5, INK);
    let widest = down.iter().map(|label| font.width(label)).fold(80.0, f64::max);
    let left = (widest + 20.0).min(280.0);
    let cell = ((WIDTH - left - 10.0) / across.len().max(1) as f64).min(150.0);
    let (row_height, top) = (50.0, 78.0);
    let height = top + row_height * down.len() as f64 + 34.0;
    let mut svg = Svg::new(WIDTH, height);
    legend(&mut svg, left);
    let faint = Font::new(12.0, FAINT);
    svg.text(&second.heading(), (left, 38.0), faint);
    svg.text(&first.heading(), (left - 12.0, 60.0), faint.anchor(Anchor::End));
    for (c, label) in across.iter().enumerate() {
        let x = left + cell * (c as f64 + 0.5);
        svg.text(&font.cut(label, cell - 6.0), (x, 60.0), font.anchor(Anchor::Middle));
    }
    for (r, label) in down.iter().enumerate() {
        let y = top + row_height * r as f64;
        let name = font.cut(label, left - 20.0);
        svg.text(&name, (left - 12.0, y + row_height / 2.0), font.anchor(Anchor::End));
        for (c, column) in across.iter().enumerate() {
            let (x, found) = (
                left + cell * c as f64,
                rows.iter().find(|row| row.labels.iter().eq([label, column])),
            );
            match found.filter(|row| row.connections() > 0) {
                Some(row) => cell_of(&mut svg, row, (x, y), (cell, row_height)),
                None => {
                    let place = (x + cell / 2.0, y + row_height / 2.0);
                    svg.text("–", place, faint.anchor(Anchor::Middle));
                }
            }
        }
    }
    let note = match cut {
        true => "Share of MPTCP with its 95 % interval (Wilson). More values: see the table.",
        false => "Share of MPTCP with its 95 % interval (Wilson).",
    };
    svg.text(note, (left, height - 12.0), Font::new(10.5, FAINT));
    svg.finish(title)
}

/// A cell: the share of MPTCP on a ground as dark as it is large, and the bar.
fn cell_of(svg: &mut Svg, row: &ShareRow, (x, y): (f64, f64), (width, height): (f64, f64)) {
    let share = row.shares[0].map_or(0.0, |share| share.value);
    let ground = |full: u8| (255.0 - (255.0 - f64::from(full)) * share * 0.85) as u8;
    let fill = super::svg::hex(RGBColor(ground(0), ground(114), ground(178)));
    let example = row.examples.iter().flatten().min_by_key(|example| example.run);
    let about = format!("{}: MPTCP {}", row.labels.join(", "), words(row.shares[0]));
    let ink = if share > 0.55 { PAPER } else { INK };
    let middle = x + width / 2.0;
    svg.link(&link_to(example), &about, |svg| {
        svg.rect((x + 1.0, y + 1.0), (width - 2.0, height - 12.0), &fill);
        let font = Font::new(13.0, ink).bold().anchor(Anchor::Middle);
        svg.text(&format!("{} %", percent(share)), (middle, y + 13.0), font);
        let interval = row.shares[0].and_then(|share| share.low.zip(share.high));
        if let Some((low, high)) = interval.filter(|_| width > 70.0) {
            let text = format!("{}–{}", percent(low), percent(high));
            svg.text(&text, (middle, y + 28.0), Font::new(10.0, ink).anchor(Anchor::Middle));
        }
    });
    stacked(svg, row, (x + 1.0, y + height - 10.0), (width - 2.0, 7.0));
    svg.line(&[(x + 1.0, y + height - 0.5), (x + width - 1.0, y + height - 0.5)], GRID, 0.6);
}
