//! `mlc-weights`: MLC model weights from the command line.
//!
//! stdout carries the result and nothing else; everything for the eye goes to stderr. The exit status tells
//! what went wrong: see [`exit`].

mod arguments;
mod commands;
mod exit;
mod logging;
mod progress;
mod report;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};
use crate::exit::Status;

fn main() -> ExitCode {
    // clap prints help, and usage errors with its own status 2, which is ours too.
    let arguments = Arguments::parse();
    logging::start(arguments.verbose);
    let outcome = match &arguments.command {
        Command::Download(download) => commands::download::run(download, arguments.quiet),
        Command::Path(path) => commands::path::run(path),
    };
    match outcome {
        Ok(()) => Status::Done.into(),
        Err(failure) => {
            report::failure(&failure);
            Status::from(&failure).into()
        }
    }
}
