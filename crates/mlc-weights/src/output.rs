//! What is written: results to stdout, everything else to stderr. All of it goes through [`printable`], so that text
//! from others cannot control the terminal.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use console::Term;
use facade::words::{is_unprintable, printable};
use serde::Serialize;

use crate::exit::Failure;
use crate::words::wrapped;

/// The field `version` of JSON documents; docs/cache.md says what it promises.
pub(crate) const JSON_VERSION: u32 = 1;

/// Prints a result, alone on its line. Bytes are printed as they are: a path need not be UTF-8.
pub(crate) fn print_path(path: &Path) -> Result<(), Failure> {
    print_bytes(&[path.as_os_str().as_encoded_bytes(), b"\n"].concat())
}

/// Prints a result as one JSON document.
pub(crate) fn print_json(result: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(result).map_err(|error| Failure::Output(error.into()))?;
    print_bytes(format!("{}\n", printable_json(&json)).as_bytes())
}

/// Prints the lines of a result for people.
pub(crate) fn print(lines: &[impl AsRef<str>]) -> Result<(), Failure> {
    let lines: Vec<_> = lines.iter().map(|line| printable(line.as_ref()) + "\n").collect();
    print_bytes(lines.concat().as_bytes())
}

/// The same JSON, without what could control a terminal: unprintable characters are in its strings alone, where they
/// can be escaped.
pub(crate) fn printable_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !is_unprintable(c) {
            text.push(c);
        } else {
            text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

/// Seconds, to the millisecond.
pub(crate) fn rounded(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Prints a result as it is. Nothing else goes to stdout.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// Whether a result has reached its reader.
pub(crate) fn written(outcome: io::Result<()>) -> Result<(), Failure> {
    match outcome {
        // The reader has read enough and closed its end.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(Failure::Output),
    }
}

/// How many columns a result for people has, if it goes to a terminal.
pub(crate) fn width_of_stdout() -> Option<usize> {
    Term::stdout().size_checked().map(|(_, columns)| columns.into())
}

/// How lines for people look on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) has_color: bool,
    /// Whether it is a terminal, where a line that is too wide is broken between words.
    pub(crate) is_terminal: bool,
}

/// As for a stderr that is not a terminal, until [set](look_as).
static LOOK: OnceLock<Look> = OnceLock::new();

/// Sets how lines look from now on.
pub(crate) fn look_as(look: Look) {
    // There is one stderr.
    let _ = LOOK.set(look);
}

/// A line whose first word is coloured as clap does it, if that is `error:` or `warning:`.
pub(crate) fn painted(line: &str) -> String {
    let style = |color| format!("\x1b[1m\x1b[{color}m");
    for (word, color) in [("error:", 31), ("warning:", 33)] {
        if let Some(rest) = line.strip_prefix(word) {
            return format!("{}{word}\x1b[0m{rest}", style(color));
        }
    }
    line.to_owned()
}

/// Writes lines for people to stderr, with no other thread's lines in between. A stderr that is closed changes nothing.
pub(crate) fn say(lines: &[impl AsRef<str>]) {
    let Look { has_color, is_terminal } = LOOK.get().copied().unwrap_or_default();
    let columns = is_terminal.then(|| usize::from(Term::stderr().size().1));
    let mut stderr = io::stderr().lock();
    for line in lines {
        let line = printable(line.as_ref());
        for line in columns.map_or_else(|| vec![line.to_string()], |columns| wrapped(&line, columns)) {
            let _ = writeln!(stderr, "{}", if has_color { painted(&line) } else { line });
        }
    }
}

/// The same for a program: as it is.
pub(crate) fn say_object(object: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", printable(object));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_short() {
        assert_eq!(serde_json::json!(rounded(Duration::from_micros(1_234_567))).to_string(), "1.235");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({ "a\u{9b}": ["\u{1b}[2J\n", "\u{202e}x\u{e0001}é"] });
        let text = printable_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.lines().any(|line| line.contains(is_unprintable)), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
