//! Aligned tables for a terminal.

use unicode_width::UnicodeWidthStr;

use crate::style::{Style, paint};

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

/// The lines of a table, two spaces between columns, none at the end of a line.
#[must_use]
pub fn lines(rows: &[Vec<Cell>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|c| rows.iter().filter_map(|row| row.get(c)).map(|cell| cell.text.width()).max())
        .map(Option::unwrap_or_default)
        .collect();
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line(row: &[Cell], widths: &[usize]) -> String {
    let mut out = String::new();
    // Padding is owed, not written, so that a line never ends in spaces.
    let mut owed = 0;
    for (c, (cell, &width)) in row.iter().zip(widths).enumerate() {
        if c > 0 {
            owed += 2;
        }
        let padding = width - cell.text.width();
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
}
