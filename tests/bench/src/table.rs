//! Tables that are readable, and are valid Markdown.

use std::fmt;

/// Rows of text under headings.
pub(super) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize, heading: &str| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).chain([heading.chars().count(), 3]).max().unwrap_or(3)
        };
        self.headings.iter().enumerate().map(|(column, heading)| width(column, heading)).collect()
    }
}

/// The first column is aligned left; the others, which are numbers, are aligned right.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let mut line = |cells: &mut dyn Iterator<Item = &str>| {
            for (column, (cell, width)) in cells.zip(&widths).enumerate() {
                match column {
                    0 => write!(f, "| {cell:<width$} |")?,
                    _ => write!(f, " {cell:>width$} |")?,
                }
            }
            writeln!(f)
        };
        line(&mut self.headings.iter().copied())?;
        let rules: Vec<String> =
            widths.iter().enumerate().map(|(column, width)| rule(column, *width)).collect();
        line(&mut rules.iter().map(String::as_str))?;
        self.rows.iter().try_for_each(|row| line(&mut row.iter().map(String::as_str)))
    }
}

fn rule(column: usize, width: usize) -> String {
    match column {
        0 => "-".repeat(width),
        _ => format!("{}:", "-".repeat(width - 1)),
    }
}

/// Seconds with a sensible number of digits.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds >= 10.0 { format!("{seconds:.1}") } else { format!("{seconds:.2}") }
}

/// Bytes in MiB.
#[expect(clippy::cast_precision_loss, reason = "one digit is printed")]
pub(super) fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

/// A value that could not be measured becomes a dash.
pub(super) fn or_dash<T>(value: Option<T>, format: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest() {
        let mut table = Table::new(&["program", "s"]);
        table.row(["ours".to_owned(), seconds(1.234)]);
        table.row(["something else".to_owned(), or_dash(None, seconds)]);
        assert_eq!(
            table.to_string(),
            "\
| program        |    s |
| -------------- | ---: |
| ours           | 1.23 |
| something else |    - |
"
        );
    }

    #[test]
    fn numbers() {
        assert_eq!((seconds(12.34), seconds(0.005)), ("12.3".to_owned(), "0.01".to_owned()));
        assert_eq!(mebibytes(1_572_864), "1.5");
    }
}
