//! `mlc-weights man`: the manual page of a command, made from the grammar that parses it.

use clap::builder::{Resettable, StyledStr};

use crate::arguments::{self, Man};
use crate::exit::Failure;
use crate::output::print_bytes;

pub(super) fn run(arguments: &Man) -> Result<(), Failure> {
    // Of a name that is none, the parser has told.
    let Some(command) = arguments::page(arguments.page.as_deref().unwrap_or_default()) else { return Ok(()) };
    print_bytes(&page(command).map_err(Failure::Output)?)
}

/// The page has the texts of the long help. What stands below that is laid out by lines, which the generator would fill.
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
