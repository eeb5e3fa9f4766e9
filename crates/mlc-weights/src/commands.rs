//! The subcommands: a file for each.

mod download;
mod path;

use std::io::{self, Write as _};
use std::path::Path;

use facade::{Request, Revision};

use crate::arguments::Command;
use crate::exit::Failure;
use crate::progress::Screen;

/// Carries out a command.
pub(crate) fn run(command: &Command, screen: Screen) -> Result<(), Failure> {
    match command {
        Command::Download(arguments) => download::run(arguments, screen),
        Command::Path(arguments) => path::run(arguments, screen),
    }
}

/// The request, for the revision if one was given as an option.
fn at(revision: Option<&Revision>, request: Request) -> Request {
    match revision {
        Some(revision) => request.revision(revision.clone()),
        None => request,
    }
}

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
