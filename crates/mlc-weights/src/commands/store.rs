//! `mlc-weights store`: filling what many machines read, and looking after it.

mod copy;
mod list;
mod push;
mod stores;
mod verify;

use self::stores::downloader;
use crate::arguments::{Progress as Shown, Store, StoreCommand, Target};
use crate::engine::Engine;
use crate::exit::Failure;
use crate::output::say;
use crate::progress::{Display, Progress, Screen};

pub(super) fn run(arguments: &Store, screen: Screen) -> Result<(), Failure> {
    match &arguments.command {
        StoreCommand::Init(arguments) => init(&arguments.target, screen),
        StoreCommand::Push(arguments) => push::run(arguments, screen),
        StoreCommand::List(arguments) => list::run(arguments, screen),
        StoreCommand::Verify(arguments) => verify::run(arguments, screen),
        StoreCommand::Copy(arguments) => copy::run(arguments, screen),
    }
}

fn init(target: &Target, screen: Screen) -> Result<(), Failure> {
    let downloader = downloader(target.url.as_deref(), target.no_move)?;
    let display = Display::choose(Shown::None, screen);
    let engine = Engine::start()?;
    let nothing = Progress::unseen();
    let outcome = engine.run(downloader.init_store(), &nothing);
    engine.stop(display);
    let info = outcome?;
    if !screen.is_quiet() {
        let able = if info.conditional_put { "keeps" } else { "does not keep" };
        say(&[format!("the store is set up; it {able} two writers from overwriting each other")]);
    }
    Ok(())
}
