//! Tables for people.

use std::fmt::Write as _;

use facade::words::printable;

use crate::words::wrapped;

/// Where a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows of cells in columns as wide as their widest cell. Text of any length, such as a name, belongs in the
/// last column: nothing is padded there, and only it is broken where a line is too long for the terminal.
pub(crate) struct Table<const N: usize> {
    columns: [Align; N],
    /// Columns that are left out.
    hidden: [bool; N],
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
        Self { columns: columns.map(|(_, align)| align), hidden: [false; N], rows }
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

    /// The lines for a terminal of this width: as many of the given columns as necessary are left out, the first one first,
    /// and remarks are broken between words.
    pub(crate) fn lines_within(mut self, width: Option<usize>, dispensable: &[usize]) -> Vec<String> {
        let Some(width) = width else { return self.lines() };
        let mut dispensable = dispensable.iter();
        while self.width() > width
            && let Some(hidden) = dispensable.next().and_then(|column| self.hidden.get_mut(*column))
        {
            *hidden = true;
        }
        let lines = self.lines().into_iter().zip(&self.rows).flat_map(|(line, row)| match row {
            Row::Note(_) => wrapped(&line, width),
            Row::Cells(_) => vec![line],
        });
        lines.collect()
    }

    fn width(&self) -> usize {
        let shown = self.widths().into_iter().zip(self.hidden).filter(|(_, hidden)| !hidden);
        shown.map(|(width, _)| GAP.len() + width).sum()
    }

    fn line(&self, row: &Row<N>, widths: [usize; N]) -> String {
        let cells = match row {
            Row::Note(text) => return format!("{GAP}{GAP}{text}"),
            Row::Cells(cells) => cells,
        };
        let mut line = String::new();
        let shown = cells.iter().zip(widths).zip(self.columns).zip(self.hidden).filter(|(_, hidden)| !hidden);
        for (((cell, width), align), _) in shown {
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
    fn a_narrow_place_has_the_columns_that_matter() {
        let table = || {
            let columns = [("SIZE", Align::Right), ("DATE", Align::Left), ("NAME", Align::Left)];
            let mut table = Table::new(columns);
            table.row(["1.5 GB", "2026-08-23", "user/repo"].map(str::to_owned));
            table.note("a remark of some words");
            table
        };
        let all =
            ["    SIZE  DATE        NAME", "  1.5 GB  2026-08-23  user/repo", "    a remark of some words"];
        assert_eq!(table().lines_within(None, &[1]), all);
        assert_eq!(table().lines_within(Some(31), &[1]), all);
        let narrow = ["    SIZE  NAME", "  1.5 GB  user/repo", "    a remark of some words"];
        assert_eq!(table().lines_within(Some(30), &[1]), narrow);
        let narrower = ["    SIZE  NAME", "  1.5 GB  user/repo", "    a remark of some", "      words"];
        assert_eq!(table().lines_within(Some(20), &[1]), narrower);
    }

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
