//! Lines that are too wide for a terminal.

use console::measure_text_width;

/// In a narrower place a text is left to the terminal, which breaks it anywhere.
const WORTH_BREAKING: usize = 20;

/// A line, broken between words where it is too wide. What goes on in another line is indented a little more.
pub(crate) fn wrapped(line: &str, columns: usize) -> Vec<String> {
    if columns < WORTH_BREAKING {
        return vec![line.to_owned()];
    }
    let words = line.trim_start();
    let indent = &line[..line.len() - words.len()];
    let (mut lines, mut text, mut at) = (Vec::new(), indent.to_owned(), 0);
    for word in words.split_inclusive(' ') {
        let width = measure_text_width(word.trim_end());
        if at > 0 && measure_text_width(&text) + width > columns {
            lines.push(text.trim_end().to_owned());
            (text, at) = (format!("{indent}  "), 0);
        }
        text += word;
        at += 1;
    }
    lines.push(text);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, columns: usize, expected: &str) {
        assert_eq!(wrapped(line, columns).join("\n"), expected);
    }

    #[test]
    fn lines_are_broken_between_words() {
        check("a line of twenty-four ch", 24, "a line of twenty-four ch");
        check("a line of twenty-five cha", 24, "a line of twenty-five\n  cha");
        check("a line that goes on and on and on", 20, "a line that goes on\n  and on and on");
        check("  because: a line goes on and on", 20, "  because: a line\n    goes on and on");
        check("", 20, "");
        // A word that is too long alone has a line to itself.
        check("http://127.0.0.1:12345/user/repo says", 20, "http://127.0.0.1:12345/user/repo\n  says");
        check("a line of twenty-five cha", 10, "a line of twenty-five cha");
    }
}
