//! `mlc-weights`: MLC model weights from the command line.
//!
//! stdout carries the result and nothing else; everything for the eye goes to stderr. The exit status tells
//! what went wrong: see [`exit`].

mod advice;
mod arguments;
mod checking;
mod commands;
mod engine;
mod exit;
mod logging;
mod named;
mod output;
mod progress;
mod report;
mod table;
mod words;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;
use crate::exit::{Failure, Status};
use crate::progress::Screen;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(end) => return without_command(&end),
    };
    let screen = Screen::of_stderr(arguments.quiet, arguments.verbose > 0);
    logging::start(arguments.verbose, screen.takes_color());
    output::look_as(screen.look());
    match commands::run(&arguments.command, screen) {
        Ok(()) => Status::Done.into(),
        Err(failure) => failed(&failure),
    }
}

/// Help and the version are results. A usage error has clap's own status 2, which is ours too.
fn without_command(end: &clap::Error) -> ExitCode {
    if end.use_stderr() {
        end.exit();
    }
    match output::written(end.print().and_then(|()| io::stdout().flush())) {
        Ok(()) => Status::Done.into(),
        Err(failure) => failed(&failure),
    }
}

fn failed(failure: &Failure) -> ExitCode {
    report::failure(failure);
    Status::from(failure).into()
}
