//! Columns for the eye.

use std::fmt::Write as _;

use facade::words::printable;

/// Where a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows of cells in columns as wide as their widest cell. What has no bounds, such as a name, belongs into the
/// last column: nothing is padded there, and only it is broken where a line is too long for the terminal.
pub(crate) struct Table<const N: usize> {
    columns: [Align; N],
    rows: Vec<Row<N>>,
}

enum Row<const N: usize> {
    Cells([String; N]),
    /// A line across all columns.
    Note(String),
}

/// Between two columns, and before the first.
const GAP: &str = "  ";

impl<const N: usize> Table<N> {
    pub(crate) fn new(columns: [(&str, Align); N]) -> Self {
        let rows = vec![Row::Cells(columns.map(|(title, _)| title.to_owned()))];
        Self { columns: columns.map(|(_, align)| align), rows }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(Row::Cells(cells.map(|cell| printable(&cell).into_owned())));
    }

    /// A remark about the row above.
    pub(crate) fn note(&mut self, text: &str) {
        self.rows.push(Row::Note(printable(text).into_owned()));
    }

    fn widths(&self) -> [usize; N] {
        let mut widths = [0; N];
        for row in &self.rows {
            if let Row::Cells(cells) = row {
                for (width, cell) in widths.iter_mut().zip(cells) {
                    *width = cell.chars().count().max(*width);
                }
            }
        }
        widths
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let widths = self.widths();
        self.rows.iter().map(|row| self.line(row, widths)).collect()
    }

    fn line(&self, row: &Row<N>, widths: [usize; N]) -> String {
        let cells = match row {
            Row::Note(text) => return format!("{GAP}{GAP}{text}"),
            Row::Cells(cells) => cells,
        };
        let mut line = String::new();
        for ((cell, width), align) in cells.iter().zip(widths).zip(self.columns) {
            // Writing to a `String` cannot fail.
            let _ = match align {
                Align::Left => write!(line, "{GAP}{cell:<width$}"),
                Align::Right => write!(line, "{GAP}{cell:>width$}"),
            };
        }
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest() {
        let mut table = Table::new([("SIZE", Align::Right), ("DATE", Align::Left), ("NAME", Align::Left)]);
        table.row(["1.5 GB".to_owned(), "-".to_owned(), "a name without bounds".to_owned()]);
        table.note("a remark");
        table.row(["9 B".to_owned(), "2026-08-23".to_owned(), "é".to_owned()]);
        assert_eq!(
            table.lines(),
            [
                "    SIZE  DATE        NAME",
                "  1.5 GB  -           a name without bounds",
                "    a remark",
                "     9 B  2026-08-23  é",
            ]
        );
    }
}
