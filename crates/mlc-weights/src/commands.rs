//! The subcommands: a file for each.

mod completions;
mod download;
mod env;
mod list;
mod named;
mod path;
mod prune;
mod remove;
mod verify;

use std::io::{self, Write as _};
use std::path::Path;

use facade::{Request, Revision};
use serde::Serialize;

use crate::arguments::Command;
use crate::exit::Failure;
use crate::progress::Screen;

/// The field `version` of the documents that are put together here; docs/cache.md says what it promises.
const JSON_VERSION: u32 = 1;

/// Carries out a command.
pub(crate) fn run(command: &Command, screen: Screen) -> Result<(), Failure> {
    match command {
        Command::Download(arguments) => download::run(arguments, screen),
        Command::Path(arguments) => path::run(arguments, screen),
        Command::List(arguments) => list::run(arguments, screen),
        Command::Verify(arguments) => verify::run(arguments, screen),
        Command::Remove(arguments) => remove::run(arguments, screen),
        Command::Prune(arguments) => prune::run(arguments, screen),
        Command::Env(arguments) => env::run(arguments),
        Command::Completions(arguments) => completions::run(arguments),
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
    print(&[path.as_os_str().as_encoded_bytes(), b"\n"].concat())
}

/// Prints a result as one JSON document.
fn print_json(result: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(result).map_err(|error| Failure::Output(error.into()))?;
    print(format!("{json}\n").as_bytes())
}

/// Prints a result. Nothing else goes to stdout.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    match written {
        // Whoever reads has what they wanted and went away.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Failure::Output),
    }
}
