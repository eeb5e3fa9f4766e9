//! `mlc-weights completions`: what a shell needs to complete our command lines.

use clap::CommandFactory as _;

use crate::arguments::{self, Completions};
use crate::exit::Failure;
use crate::output::print_bytes;

pub(super) fn run(arguments: &Completions) -> Result<(), Failure> {
    let mut command = arguments::Arguments::command();
    let name = command.get_name().to_owned();
    // First into memory: the generator panics when it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    print_bytes(&script)
}
