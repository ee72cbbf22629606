//! Verdicts of many runs as a matrix: a row for each device, a group of columns for each position, a
//! column for each setting.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::canvas::{self, Align, Canvas, Font};
use super::palette;
use crate::figures::printable;

/// The whole matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    /// What it shows.
    pub title: String,
    /// What a row is: `device`.
    pub row_title: String,
    /// Groups of columns, from left to right.
    pub groups: Vec<Group>,
    /// Rows, from the top down.
    pub rows: Vec<Row>,
}

/// Columns that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// What they have in common: `on the first path`.
    pub name: String,
    /// Their names.
    pub columns: Vec<String>,
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// One per column, over all groups; what is missing was not run.
    pub cells: Vec<Verdicts>,
}

/// How often each verdict came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// MPTCP to the end.
    pub mptcp: u32,
    /// Plain TCP.
    pub fallback: u32,
    /// Failed.
    pub failed: u32,
}

/// The matrix as SVG.
#[must_use]
pub fn svg(matrix: &Matrix) -> String {
    let name =
        format!("{}. Verdicts by {}.", printable(&matrix.title), printable(&matrix.row_title));
    canvas::svg(size(matrix), &name, |canvas| draw(canvas, matrix))
}

/// The matrix as PNG, 1600 pixels wide.
#[must_use]
pub fn png(matrix: &Matrix) -> Vec<u8> {
    canvas::png(size(matrix), |canvas| draw(canvas, matrix))
}

const WIDTH: f64 = 1600.0;
const MARGIN: f64 = 40.0;
const TOP: f64 = 176.0;
const NAMES: f64 = 300.0;
const BOTTOM: f64 = 86.0;
/// Rows are no higher than this, and no lower than the next.
const ROW_MAX: f64 = 72.0;
const ROW_MIN: f64 = 34.0;
/// Height that a picture has, unless its rows need more.
const HEIGHT: f64 = 900.0;

const TITLE: Font = Font::new(34.0).bold();
const GROUP: Font = Font::new(19.0).bold();
const NAME: Font = Font::new(18.0);
const COLUMN: Font = Font::new(16.0);
const CELL: Font = Font::new(17.0);
const SMALL: Font = Font::new(13.0);
const NOTE: Font = Font::new(16.0).colour(palette::FAINT);

fn row_height(matrix: &Matrix) -> f64 {
    let room = HEIGHT - TOP - BOTTOM;
    (room / matrix.rows.len().max(1) as f64).clamp(ROW_MIN, ROW_MAX)
}

fn size(matrix: &Matrix) -> (u32, u32) {
    let height = TOP + row_height(matrix) * matrix.rows.len() as f64 + BOTTOM;
    (WIDTH as u32, height as u32)
}

fn draw<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, matrix: &Matrix) {
    canvas.fill(palette::PAPER);
    let title = canvas.cut(&printable(&matrix.title), TITLE, WIDTH - 2.0 * MARGIN);
    canvas.text(&title, (MARGIN, 50.0), TITLE, Align::Left);
    let left = MARGIN + NAMES;
    let columns: usize = matrix.groups.iter().map(|group| group.columns.len()).sum();
    let each = (WIDTH - MARGIN - left) / columns.max(1) as f64;
    let row_title = canvas.cut(&printable(&matrix.row_title), GROUP, NAMES - 16.0);
    canvas.text(&row_title, (MARGIN, TOP - 14.0), GROUP, Align::Left);
    let mut first = 0;
    for group in &matrix.groups {
        let (from, width) = (left + each * first as f64, each * group.columns.len() as f64);
        let name = canvas.cut(&printable(&group.name), GROUP, width - 12.0);
        canvas.text(&name, (from + width / 2.0, TOP - 74.0), GROUP, Align::Middle);
        canvas.line(
            &[(from + 4.0, TOP - 54.0), (from + width - 4.0, TOP - 54.0)],
            palette::INK,
            1.4,
        );
        for (k, column) in group.columns.iter().enumerate() {
            let middle = from + each * (k as f64 + 0.5);
            let lines = canvas.wrap(&printable(column), COLUMN, each - 8.0, 2);
            for (line, y) in lines.iter().rev().zip([TOP - 14.0, TOP - 34.0]) {
                canvas.text(line, (middle, y), COLUMN, Align::Middle);
            }
        }
        first += group.columns.len();
    }
    let height = row_height(matrix);
    for (k, row) in matrix.rows.iter().enumerate() {
        let top = TOP + height * k as f64;
        let name = canvas.cut(&printable(&row.name), NAME, NAMES - 16.0);
        canvas.text(&name, (MARGIN, top + height / 2.0), NAME, Align::Left);
        let mut first = 0;
        for group in &matrix.groups {
            for column in first..first + group.columns.len() {
                let verdicts = row.cells.get(column).copied().unwrap_or_default();
                // A wider gap between groups than within them.
                let inset = if column == first { 4.0 } else { 1.5 };
                let from = (left + each * column as f64 + inset, top + 1.5);
                let to = (left + each * (column + 1) as f64 - 1.5, top + height - 1.5);
                verdicts.draw(canvas, from, to);
            }
            first += group.columns.len();
        }
    }
    legend(canvas, f64::from(size(matrix).1) - 40.0);
}

const KINDS: [(&str, RGBColor); 3] = [
    ("MPTCP", RGBColor(0, 158, 115)),
    ("fallback", RGBColor(230, 159, 0)),
    ("failed", RGBColor(213, 94, 0)),
];

impl Verdicts {
    /// Runs in all.
    #[must_use]
    pub const fn runs(self) -> u32 {
        self.mptcp + self.fallback + self.failed
    }

    /// A part of the cell for each verdict, and the commonest in words.
    fn draw<DB: DrawingBackend>(self, canvas: &Canvas<'_, DB>, from: (f64, f64), to: (f64, f64)) {
        let runs = self.runs();
        let middle = (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1));
        if runs == 0 {
            canvas.rect(from, to, palette::STALL);
            canvas.text("not run", middle, SMALL.colour(palette::FAINT), Align::Middle);
            return;
        }
        let counts = [self.mptcp, self.fallback, self.failed];
        let mut x = from.0;
        for (count, (_, colour)) in counts.into_iter().zip(KINDS) {
            let width = (to.0 - from.0) * f64::from(count) / f64::from(runs);
            if count > 0 {
                canvas.rect((x, from.1), (x + width, to.1), palette::tint(palette::tint(colour)));
            }
            x += width;
        }
        let most = (0..3).rev().max_by_key(|k| counts[*k]).unwrap_or_default();
        let text = if counts[most] == runs {
            KINDS[most].0.to_owned()
        } else {
            format!("{} {} of {runs}", KINDS[most].0, counts[most])
        };
        let width = to.0 - from.0 - 6.0;
        let font = if canvas.text_width(&text, CELL) <= width { CELL } else { SMALL };
        canvas.text(&canvas.cut(&text, font, width), middle, font, Align::Middle);
    }
}

fn legend<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, y: f64) {
    let mut x = MARGIN;
    for (name, colour) in KINDS {
        canvas.rect((x, y - 10.0), (x + 24.0, y + 10.0), palette::tint(palette::tint(colour)));
        canvas.text(name, (x + 34.0, y), NOTE, Align::Left);
        x += 34.0 + canvas.text_width(name, NOTE) + 34.0;
    }
    let note = "Where runs differ, the cell is parted as they are.";
    canvas.text(note, (x, y), NOTE, Align::Left);
}
