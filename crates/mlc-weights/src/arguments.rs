//! The command line's grammar: a file for each command.

#![expect(clippy::doc_markdown, reason = "these comments are the help text, which knows no Markdown")]

mod cache;
mod completions;
mod download;
mod env;
mod path;
mod progress;
mod words;

use clap::{Parser, Subcommand};

pub(crate) use self::cache::{List, Prune, Remove, Verify};
pub(crate) use self::completions::Completions;
pub(crate) use self::download::Download;
pub(crate) use self::env::Env;
pub(crate) use self::path::Path;
pub(crate) use self::progress::Progress;
use self::words::{EXAMPLES, SETTINGS};

/// Gets MLC model weights into the cache that MLC-LLM reads.
#[derive(Debug, Parser)]
#[command(
    name = "mlc-weights",
    version,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{SETTINGS}"),
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    /// Show what the libraries do (-vv: in detail); RUST_LOG selects more finely
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = 100)]
    pub(crate) verbose: u8,
    /// Print nothing but the result and errors
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 101)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the directory of a model, downloading it first if the cache has none
    Download(Download),
    /// Print the directory of a model that is in the cache; never uses the network
    Path(Path),
    /// List the models in the cache, whole or not
    List(List),
    /// Hash cached models and compare; with --repair, mend them
    Verify(Verify),
    /// Remove models from the cache
    Remove(Remove),
    /// Remove what interrupted downloads have left
    Prune(Prune),
    /// Show every setting, where it comes from, and what is wrong with it
    Env(Env),
    /// Print a script that completes command lines
    Completions(Completions),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_grammar_hangs_together() {
        Arguments::command().debug_assert();
    }
}
