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

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;
use crate::exit::Status;
use crate::progress::Screen;

fn main() -> ExitCode {
    // clap prints help, and usage errors with its own status 2, which is ours too.
    let arguments = Arguments::parse();
    let screen = Screen::of_stderr(arguments.quiet, arguments.verbose > 0);
    logging::start(arguments.verbose, screen.takes_color());
    output::look_as(screen.look());
    match commands::run(&arguments.command, screen) {
        Ok(()) => Status::Done.into(),
        Err(failure) => {
            report::failure(&failure);
            Status::from(&failure).into()
        }
    }
}
