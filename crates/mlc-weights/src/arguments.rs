//! The command line's grammar.

#![expect(clippy::doc_markdown, reason = "these comments are the help text, which knows no Markdown")]

mod cache;
mod download;
mod store;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use self::cache::{List, Order, Path, Prune, Remove, Update, Verify};
pub(crate) use self::download::{Download, ProgressForm};
pub(crate) use self::store::{Store, StoreCommand, StoreCopy, StoreInit, StoreList, StorePush, StoreVerify};

/// Below the short help, and the long.
const EXAMPLES: &str = "\
Examples:
  mlc-weights download HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
  mlc_llm serve \"$(mlc-weights download HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC)\"

Exit status:
  0 done                       4 the hub refused, or has no such model
  1 anything else              5 a digest or size does not match, or an unsafe path
  2 usage, a malformed URL,    6 network, after retries
    an unusable variable       7 local disk
  3 not in the cache, and a    130 interrupted (143: terminated)
    download is forbidden";

/// Below the long help.
const SETTINGS: &str = "\
Environment:
  MLC_LLM_HOME                   the cache [$XDG_CACHE_HOME/mlc_llm, else ~/.cache/mlc_llm]
  MLC_LLM_READONLY_WEIGHT_CACHE  read-only caches searched first, separated like PATH
  MLC_DOWNLOAD_CACHE_POLICY      ON, OFF, REDO or READONLY [ON]
  MLC_WEIGHTS_REQUIRE_PROOF      1: as --require-proof
  MLC_WEIGHTS_STORE              stores asked before the hub, separated by spaces
  MLC_WEIGHTS_STORE_MODE         first, refs or only [first]
  MLC_WEIGHTS_STORE_FILL         1: as --store-fill
  MLC_TEMP_DIR                   scratch space [in the cache]
  HF_ENDPOINT                    the hub [https://huggingface.co]
  HF_TOKEN, HF_TOKEN_PATH        the access token for it, or a file with the token
  HF_HUB_OFFLINE                 1: never download
  HF_HUB_DOWNLOAD_TIMEOUT        seconds to wait for a silent server [10]
  HF_HUB_DISABLE_PROGRESS_BARS   1: lines instead of a bar
  NO_COLOR                       1: no colour
  HTTPS_PROXY, NO_PROXY, …       as usual
  SSL_CERT_FILE, SSL_CERT_DIR    CA certificates for https, instead of the system's";

/// Downloads MLC model weights into the cache that MLC-LLM reads.
#[derive(Debug, Parser)]
#[command(
    name = "mlc-weights",
    version,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{SETTINGS}"),
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    /// Log what is done (-vv: in more detail); RUST_LOG filters more finely
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
    /// Print the directory of a model, downloading it first if it is not cached
    #[command(visible_alias = "pull")]
    Download(Download),
    /// Print the directory of a cached model; never uses the network
    Path(Path),
    /// List the models in the cache, complete or not
    #[command(visible_alias = "ls")]
    List(List),
    /// Update cached models to the hub's newest commit, downloading only what has changed
    Update(Update),
    /// Check cached models against their digests; with --repair, repair them
    Verify(Verify),
    /// Remove models from the cache
    #[command(visible_alias = "rm")]
    Remove(Remove),
    /// Remove the remains of interrupted downloads; with --keep, also models
    Prune(Prune),
    /// Fill and maintain a store that many machines download from
    Store(Store),
    /// Show every setting, where it comes from, and what is wrong with it
    Env(Env),
    /// Print a shell completion script
    Completions(Completions),
    /// Print a manual page
    Man(Man),
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mlc-weights env
  mlc-weights env --json | jq '.settings[] | select(.findings != [])'

Exit status 2: a setting cannot be used.")]
pub(crate) struct Env {
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mlc-weights completions bash > ~/.local/share/bash-completion/completions/mlc-weights
  mlc-weights completions zsh > ~/.zfunc/_mlc-weights
  mlc-weights completions fish > ~/.config/fish/completions/mlc-weights.fish")]
pub(crate) struct Completions {
    /// The shell to complete command lines in
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mlc-weights man > ~/.local/share/man/man1/mlc-weights.1
  mlc-weights man store-push > ~/.local/share/man/man1/mlc-weights-store-push.1")]
pub(crate) struct Man {
    /// The command, as in the page's name: `download`, `store-push`
    #[arg(value_name = "PAGE", value_parser = page_name)]
    pub(crate) page: Option<String>,
}

fn page_name(name: &str) -> Result<String, &'static str> {
    page(name).map(|_| name.to_owned()).ok_or("there is no such command")
}

/// The command whose page has this name; the whole program for none.
pub(crate) fn page(name: &str) -> Option<clap::Command> {
    let mut program = Arguments::command().disable_help_subcommand(true);
    // This gives each command its full name.
    program.build();
    let mut parts = name.split('-').filter(|part| !part.is_empty());
    parts.try_fold(&program, |command, part| command.find_subcommand(part)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_subcommands(command: &clap::Command, name: &str, found: &mut Vec<(String, clap::Command)>) {
        for below in command.get_subcommands() {
            let name = format!("{name}{}", below.get_name());
            found.push((name.clone(), below.clone()));
            with_subcommands(below, &format!("{name}-"), found);
        }
    }

    #[test]
    fn what_prints_json_has_a_schema() {
        let mut commands = Vec::new();
        with_subcommands(&Arguments::command(), "", &mut commands);
        let schemas = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schemas");
        for (name, command) in commands {
            let has_json = command.get_arguments().any(|argument| argument.get_long() == Some("json"));
            let schema = std::path::Path::new(schemas).join(&name).with_extension("json");
            assert!(!has_json || schema.is_file(), "{name}");
        }
    }

    /// Where the terminal's width is unknown or larger, clap breaks lines there.
    const WIDEST: usize = 100;

    #[test]
    fn examples_can_be_pasted() {
        let mut commands = vec![(String::new(), Arguments::command())];
        with_subcommands(&Arguments::command(), "", &mut commands);
        for (name, command) in commands {
            let texts = [command.get_after_help(), command.get_after_long_help()];
            for text in texts.into_iter().flatten().map(ToString::to_string) {
                assert!(text.lines().all(|line| line.chars().count() <= WIDEST), "{name}: {text}");
            }
        }
    }

    #[test]
    fn the_grammar_hangs_together() {
        Arguments::command().debug_assert();
    }
}
