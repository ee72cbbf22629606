//! Aligned tables for a terminal.

use crate::style::{Style, paint};
use crate::wrap::{columns, wrap};

/// Fewest columns that the last cell of a row is broken into; narrower is harder to read than a line
/// that is too long.
const NARROWEST: usize = 20;

/// One cell.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    style: Style,
    right: bool,
}

impl Cell {
    /// Text, to the left.
    #[must_use]
    pub fn left(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A figure, to the right.
    #[must_use]
    pub fn right(text: impl Into<String>) -> Self {
        Self { text: text.into(), right: true, ..Self::default() }
    }

    /// The same cell in a style.
    #[must_use]
    pub fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

/// The lines of a table no wider than `width` where that can be: of each row, its first line and those
/// that the last cell goes on in, when it is too long and stands to the left.
#[must_use]
pub fn lines_within(rows: &[Vec<Cell>], width: usize) -> Vec<String> {
    let mut broken = Vec::new();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let before: usize = widths(rows).iter().take(columns.saturating_sub(1)).map(|w| w + 2).sum();
    let room = width.saturating_sub(before).max(NARROWEST);
    for row in rows {
        let Some(last) = row.last().filter(|last| !last.right && row.len() == columns) else {
            broken.push(row.clone());
            continue;
        };
        let others = &row[..columns - 1];
        for (k, text) in wrap(&last.text, room).into_iter().enumerate() {
            let mut line: Vec<Cell> = match k {
                0 => others.to_vec(),
                _ => vec![Cell::default(); others.len()],
            };
            line.push(Cell { text, ..last.clone() });
            broken.push(line);
        }
    }
    lines(&broken)
}

/// The lines of a table, two spaces between columns, none at the end of a line.
#[must_use]
pub fn lines(rows: &[Vec<Cell>]) -> Vec<String> {
    let widths = widths(rows);
    rows.iter().map(|row| line(row, &widths)).collect()
}

/// The widest cell of each column.
fn widths(rows: &[Vec<Cell>]) -> Vec<usize> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    (0..count)
        .map(|c| rows.iter().filter_map(|row| row.get(c)).map(|cell| columns(&cell.text)).max())
        .map(Option::unwrap_or_default)
        .collect()
}

fn line(row: &[Cell], widths: &[usize]) -> String {
    let mut out = String::new();
    // Padding is owed, not written, so that a line never ends in spaces.
    let mut owed = 0;
    for (c, (cell, &width)) in row.iter().zip(widths).enumerate() {
        if c > 0 {
            owed += 2;
        }
        let padding = width - columns(&cell.text);
        if cell.text.is_empty() {
            owed += width;
            continue;
        }
        if cell.right {
            owed += padding;
        }
        out.extend(std::iter::repeat_n(' ', owed));
        out.push_str(&paint(cell.style, &cell.text));
        owed = if cell.right { 0 } else { padding };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_lines_do_not_end_in_spaces() {
        let rows = vec![
            vec![Cell::left("path"), Cell::right("bytes"), Cell::left("note")],
            vec![Cell::left("経路"), Cell::right("1"), Cell::left("")],
            vec![Cell::left(""), Cell::right("12"), Cell::left("x").style(Style::Good)],
        ];
        assert_eq!(
            lines(&rows),
            ["path  bytes  note", "経路      1", "         12  \x1b[1;32mx\x1b[0m"]
        );
    }

    #[test]
    fn the_last_cell_goes_on_below() {
        let long = "one two three four five six seven";
        let rows = vec![
            vec![Cell::left("ok"), Cell::left(long).style(Style::Good)],
            vec![Cell::left("FAILED"), Cell::left("short")],
        ];
        let expect = [
            "ok      \x1b[1;32mone two three four five\x1b[0m",
            "        \x1b[1;32msix seven\x1b[0m",
            "FAILED  short",
        ];
        assert_eq!(lines_within(&rows, 34), expect);
        assert_eq!(lines_within(&rows, 200), lines(&rows));
        assert_eq!(lines_within(&rows, 1).len(), 3, "never narrower than can be read");
    }
}
