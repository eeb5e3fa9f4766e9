//! What is written: results to stdout, and all else to stderr.

use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;

use crate::exit::Failure;

/// The field `version` of the documents that `verify` and `remove` print; docs/cache.md says what it promises.
pub(crate) const JSON_VERSION: u32 = 1;

/// Prints a result, alone on its line. Bytes are printed as they are: a path need not be UTF-8.
pub(crate) fn print_path(path: &Path) -> Result<(), Failure> {
    print(&[path.as_os_str().as_encoded_bytes(), b"\n"].concat())
}

/// Prints a result as one JSON document.
pub(crate) fn print_json(result: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(result).map_err(|error| Failure::Output(error.into()))?;
    print(format!("{json}\n").as_bytes())
}

/// Prints a result. Nothing else goes to stdout.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
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
        let _ = writeln!(stderr, "{}", line.as_ref());
    }
}
