//! The subcommands: a file for each.

mod download;
mod env;
mod grammar;
mod list;
mod path;
mod prune;
mod remove;
mod store;
mod update;
mod verify;

use crate::arguments::Command;
use crate::exit::Failure;
use crate::progress::Screen;

/// Carries out a command.
pub(crate) fn run(command: &Command, screen: Screen) -> Result<(), Failure> {
    match command {
        Command::Download(arguments) => download::run(arguments, screen),
        Command::Path(arguments) => path::run(arguments, screen),
        Command::List(arguments) => list::run(arguments, screen),
        Command::Update(arguments) => update::run(arguments, screen),
        Command::Verify(arguments) => verify::run(arguments, screen),
        Command::Remove(arguments) => remove::run(arguments, screen),
        Command::Prune(arguments) => prune::run(arguments, screen),
        Command::Store(arguments) => store::run(arguments, screen),
        Command::Env(arguments) => env::run(arguments),
        Command::Completions(arguments) => grammar::completions(arguments),
        Command::Man(arguments) => grammar::man(arguments),
    }
}
