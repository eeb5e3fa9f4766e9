//! `mlc-weights completions`: what a shell needs to complete our command lines.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::arguments::{self, Completions};
use crate::exit::Failure;
use crate::output::print_bytes;

pub(super) fn run(arguments: &Completions) -> Result<(), Failure> {
    let mut command = arguments::Arguments::command();
    let name = command.get_name().to_owned();
    // First into memory: the generator panics when it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name.clone(), &mut script);
    if arguments.shell == Shell::Bash {
        script = with_reachable_cases(&String::from_utf8_lossy(&script), &name).into_bytes();
    }
    print_bytes(&script)
}

/// `clap_complete` writes a program's dash in two ways: the variable `cmd` never equals the label of a subcommand's case.
fn with_reachable_cases(script: &str, name: &str) -> String {
    script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
}
