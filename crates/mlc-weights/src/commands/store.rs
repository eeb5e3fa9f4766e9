//! `mlc-weights store`: filling what many machines read, and looking after it.

mod copy;
mod init;
mod list;
mod push;
mod verify;

use crate::arguments::{Store, StoreCommand};
use crate::exit::Failure;
use crate::progress::Screen;

pub(super) fn run(arguments: &Store, screen: Screen) -> Result<(), Failure> {
    match &arguments.command {
        StoreCommand::Init(arguments) => init::run(arguments, screen),
        StoreCommand::Push(arguments) => push::run(arguments, screen),
        StoreCommand::List(arguments) => list::run(arguments, screen),
        StoreCommand::Verify(arguments) => verify::run(arguments, screen),
        StoreCommand::Copy(arguments) => copy::run(arguments, screen),
    }
}
