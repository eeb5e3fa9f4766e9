//! How things are put in front of people: words for numbers and times, and lines that fit the terminal.

use std::time::SystemTime;

use console::measure_text_width;
use facade::Tier;

pub(crate) use facade::words::{
    attempt, duration as elapsed, event, files, listed, moment, not_cached, not_whole, of_size, size,
};

/// A number of things, whose plural ends in an s.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// The day of a time, in UTC, if its year has four digits: the clock that made it may have been wrong.
pub(crate) fn date(time: SystemTime) -> Option<String> {
    moment(time)?.split('T').next().map(str::to_owned)
}

/// What stands above the models of a tier.
pub(crate) fn tier(tier: &Tier) -> String {
    let note = if tier.is_read_only() { " (read-only)" } else { "" };
    format!("{}{note}", tier.path().display())
}

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
    use std::time::Duration;

    use super::*;

    #[test]
    fn numbers() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "name")), ["0 names", "1 name", "2 names"]);
    }

    #[track_caller]
    fn check_date(since_1970: i64, expected: Option<&str>) {
        let distance = Duration::from_secs(since_1970.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH;
        let time = if since_1970 < 0 { epoch - distance } else { epoch + distance };
        assert_eq!(date(time).as_deref(), expected);
    }

    #[test]
    fn dates() {
        check_date(0, Some("1970-01-01"));
        check_date(1_787_443_199, Some("2026-08-22"));
        check_date(1_787_443_200, Some("2026-08-23"));
        check_date(253_402_300_799, Some("9999-12-31"));
        check_date(253_402_300_800, None);
        check_date(-1, None);
    }

    #[track_caller]
    fn check_wrapped(line: &str, columns: usize, expected: &str) {
        assert_eq!(wrapped(line, columns).join("\n"), expected);
    }

    #[test]
    fn lines_are_broken_between_words() {
        check_wrapped("a line of twenty-four ch", 24, "a line of twenty-four ch");
        check_wrapped("a line of twenty-five cha", 24, "a line of twenty-five\n  cha");
        check_wrapped("a line that goes on and on and on", 20, "a line that goes on\n  and on and on");
        check_wrapped("  because: a line goes on and on", 20, "  because: a line\n    goes on and on");
        check_wrapped("", 20, "");
        // A word that is too long alone has a line to itself.
        check_wrapped(
            "http://127.0.0.1:12345/user/repo says",
            20,
            "http://127.0.0.1:12345/user/repo\n  says",
        );
        check_wrapped("a line of twenty-five cha", 10, "a line of twenty-five cha");
    }
}
