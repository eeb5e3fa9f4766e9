//! What is written: results to stdout, and all else to stderr. Nothing that was written by others can steer a
//! terminal from here: [`printable`] has the last word.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use facade::words::{is_unprintable, printable};
use serde::Serialize;

use crate::exit::Failure;

/// The field `version` of the documents that `verify` and `remove` print; docs/cache.md says what it promises.
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

/// JSON that means the same, and can steer no terminal: unprintable characters are in its strings alone, where they
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
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    match written {
        // The reader has read enough and closed its end.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Failure::Output),
    }
}

/// Writes lines to stderr, with no other thread's lines in between. A stderr that is closed changes nothing.
pub(crate) fn say(lines: &[impl AsRef<str>]) {
    let mut stderr = io::stderr().lock();
    for line in lines {
        let _ = writeln!(stderr, "{}", printable(line.as_ref()));
    }
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
