//! Rows at the bottom of what a terminal shows, redrawn in place.

use std::fmt::Write as _;

use console::measure_text_width;

use crate::words::wrapped;

/// The rows that are on the terminal now, and the cursor at the beginning of the line below them.
///
/// There, and not behind the last row: an echoed `^C` then does not move it to another line unnoticed.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// How wide each row is.
    widths: Vec<usize>,
}

impl Block {
    /// What to write, at once, so that these rows replace the former ones, below `lines`, which stay.
    pub(super) fn redrawn(&mut self, lines: &[&str], rows: &[String], columns: usize) -> String {
        if lines.is_empty() && rows.is_empty() && self.widths.is_empty() {
            return String::new();
        }
        let mut text = String::from("\r");
        let up = self.height(columns);
        if up > 0 {
            let _ = write!(text, "\x1b[{up}A");
        }
        if !lines.is_empty() {
            // Before the line: behind one that fills the last column, some terminals would wipe its last character.
            text += "\x1b[J";
        }
        for line in lines {
            let _ = write!(text, "{}\r\n", wrapped(line, columns).join("\r\n"));
        }
        // Each row is wiped behind what is written in it: nothing flickers.
        for row in rows {
            let _ = write!(text, "{row}\x1b[K\r\n");
        }
        text += "\x1b[J";
        self.widths = rows.iter().map(|row| measure_text_width(row)).collect();
        text
    }

    /// How many lines the rows take up: more than there are rows, where the terminal has become narrower.
    fn height(&self, columns: usize) -> usize {
        self.widths.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal that exists in memory only.
    struct MemoryTerminal {
        parser: vt100::Parser,
        block: Block,
        columns: u16,
    }

    impl MemoryTerminal {
        fn new(columns: u16) -> Self {
            Self { parser: vt100::Parser::new(6, columns, 0), block: Block::default(), columns }
        }

        fn draw(&mut self, lines: &[&str], rows: &[&str]) {
            let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
            let text = self.block.redrawn(lines, &rows, self.columns.into());
            self.parser.process(text.as_bytes());
        }

        #[track_caller]
        fn check(&self, expected: &str) {
            assert_eq!(self.parser.screen().contents().trim_end(), expected);
        }
    }

    #[test]
    fn rows_take_the_place_of_the_former_ones() {
        let mut terminal = MemoryTerminal::new(20);
        terminal.draw(&[], &["one", "two"]);
        terminal.check("one\ntwo");
        terminal.draw(&[], &["1", "2", "3"]);
        terminal.check("1\n2\n3");
        terminal.draw(&["told"], &["x"]);
        terminal.check("told\nx");
        terminal.draw(&[], &[]);
        terminal.check("told");
    }

    #[test]
    fn nothing_is_written_about_nothing() {
        assert_eq!(Block::default().redrawn(&[], &[], 20), "");
    }

    #[test]
    fn lines_stay_also_when_they_are_long() {
        let mut terminal = MemoryTerminal::new(10);
        terminal.draw(&[], &["one", "two"]);
        terminal.draw(&["a line of twenty-two c"], &["1"]);
        terminal.check("a line of twenty-two c\n1");
        terminal.draw(&[], &[]);
        terminal.check("a line of twenty-two c");
    }

    /// Some terminals would wipe the last character of one that fills the last column.
    #[test]
    fn nothing_is_wiped_behind_a_line() {
        let text = Block::default().redrawn(&["0123456789"], &["1".to_owned()], 10);
        assert_eq!(text, "\r\x1b[J0123456789\r\n1\x1b[K\r\n\x1b[J");
    }

    #[test]
    fn the_screen_scrolls() {
        let mut terminal = MemoryTerminal::new(10);
        for line in ["1", "2", "3", "4", "5", "6"] {
            terminal.draw(&[line], &["a", "b"]);
        }
        terminal.check("4\n5\n6\na\nb");
    }

    #[test]
    fn what_the_terminal_writes_itself_is_wiped_too() {
        let mut terminal = MemoryTerminal::new(20);
        terminal.draw(&[], &["one", "two"]);
        terminal.parser.process(b"^C");
        terminal.draw(&[], &["1", "2"]);
        terminal.check("1\n2");
        terminal.parser.process(b"^C");
        terminal.draw(&["interrupted"], &[]);
        terminal.check("interrupted");
    }

    #[test]
    fn rows_that_were_broken_by_a_narrower_terminal_are_wiped() {
        let mut block = Block::default();
        block.redrawn(&[], &["0123456789".to_owned(), "\x1b[36m01\x1b[0m".to_owned(), String::new()], 20);
        assert_eq!(block.height(20), 3);
        assert_eq!(block.height(10), 3);
        assert_eq!(block.height(4), 5);
        assert_eq!(block.height(0), 13);
    }
}
