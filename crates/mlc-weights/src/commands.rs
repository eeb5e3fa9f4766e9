//! The subcommands.

pub(crate) mod download;
pub(crate) mod path;

use std::io::{self, Write as _};
use std::path::Path;

use crate::exit::Failure;

/// Prints a result, alone on its line. Bytes are printed as they are: a path need not be UTF-8.
fn print_path(path: &Path) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(path.as_os_str().as_encoded_bytes())
        .and_then(|()| stdout.write_all(b"\n"))
        .and_then(|()| stdout.flush());
    match written {
        // Whoever reads has what they wanted and went away.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Failure::Output),
    }
}
