//! `mlc-weights man` and `mlc-weights completions`: what is made from the grammar that parses the command line.

use clap::CommandFactory as _;
use clap::builder::{Resettable, StyledStr};
use clap_complete::Shell;

use crate::arguments::{self, Arguments, Completions, Man};
use crate::exit::Failure;
use crate::output::print_bytes;

/// Prints what a shell needs to complete our command lines.
pub(super) fn completions(arguments: &Completions) -> Result<(), Failure> {
    let mut command = Arguments::command();
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

/// Prints the manual page of a command.
pub(super) fn man(arguments: &Man) -> Result<(), Failure> {
    // The parser has refused an unknown name.
    let Some(command) = arguments::page(arguments.page.as_deref().unwrap_or_default()) else { return Ok(()) };
    print_bytes(&page(command).map_err(Failure::Output)?)
}

/// The page has the texts of the long help. What follows that is laid out by lines, which the generator would join.
fn page(mut command: clap::Command) -> std::io::Result<Vec<u8>> {
    let usage = command.render_usage().to_string();
    let below = command.get_after_long_help().or_else(|| command.get_after_help());
    let below = below.map(StyledStr::to_string).unwrap_or_default();
    let command = command
        .override_usage(usage.trim_start_matches("Usage: ").to_owned())
        .after_help(Resettable::Reset)
        .after_long_help(Resettable::Reset)
        .mut_args(|argument| argument.hide_short_help(false));
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    page.extend(below.split("\n\n").flat_map(|paragraph| section(paragraph).into_bytes()));
    Ok(page)
}

/// A paragraph below the help as a section of its own: `Examples:` and lines below it, or a sentence.
fn section(paragraph: &str) -> String {
    if let Some((heading, lines)) = paragraph.split_once(":\n") {
        let lines: String =
            lines.lines().map(|line| escaped(line.strip_prefix("  ").unwrap_or(line))).collect();
        return format!(".SH {}\n.nf\n{lines}.fi\n", quoted(heading));
    }
    let heading = if paragraph.starts_with("Exit status") { "Exit status" } else { "Notes" };
    format!(".SH {}\n{}", quoted(heading), paragraph.lines().map(escaped).collect::<String>())
}

fn quoted(heading: &str) -> String {
    format!("\"{}\"", heading.to_uppercase())
}

/// A line in which nothing is a command of roff.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    let guard = if line.starts_with('.') { "\\&" } else { "" };
    format!("{guard}{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_below_the_help_becomes_sections() {
        assert_eq!(
            section("Exit status:\n  0 done\n  .1 'a' \\ -b"),
            ".SH \"EXIT STATUS\"\n.nf\n0 done\n\\&.1 \\(aqa\\(aq \\e \\-b\n.fi\n"
        );
        assert_eq!(
            section("Exit status 3: it is\nnot there."),
            ".SH \"EXIT STATUS\"\nExit status 3: it is\nnot there.\n"
        );
        assert_eq!(section("A model."), ".SH \"NOTES\"\nA model.\n");
    }
}
