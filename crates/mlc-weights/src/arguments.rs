//! The command line's grammar.

#![expect(clippy::doc_markdown, reason = "these comments are the help text, which knows no Markdown")]

use std::num::NonZeroUsize;

use clap::{Args, Parser, Subcommand, ValueEnum};
use facade::CachePolicy;

const EXAMPLES: &str = "\
Examples:
  mlc-weights download HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
  mlc_llm serve \"$(mlc-weights download HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC)\"

Exit status:
  0 done                       4 the hub refused, or has no such model
  1 anything else              5 a digest or size does not match, or an unsafe path
  2 usage, a malformed URL,    6 network, after retries
    an unusable variable       7 local disk
  3 not in the cache, and a    130 interrupted
    download is forbidden";

const SETTINGS: &str = "\
Environment:
  MLC_LLM_HOME                   the cache [$XDG_CACHE_HOME/mlc_llm, else ~/.cache/mlc_llm]
  MLC_LLM_READONLY_WEIGHT_CACHE  folders looked through before it, separated like PATH
  MLC_DOWNLOAD_CACHE_POLICY      ON, OFF, REDO or READONLY [ON]
  MLC_TEMP_DIR                   scratch space [in the cache]
  HF_ENDPOINT                    the hub [https://huggingface.co]
  HF_TOKEN                       the access token for it
  HF_HUB_OFFLINE                 1: never download
  HF_HUB_DOWNLOAD_TIMEOUT        seconds after which a silent server is given up [10]
  HF_HUB_DISABLE_PROGRESS_BARS   1: lines instead of a bar
  NO_COLOR                       1: no colour
  HTTPS_PROXY, NO_PROXY, …       as usual";

const MODEL: &str = "The model: HF://user/repo or https://huggingface.co/user/repo";

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
}

#[derive(Args, Debug)]
pub(crate) struct Download {
    #[arg(help = MODEL)]
    pub(crate) model: String,
    /// The most files, and connections, at once [default: 4 files, connections as they prove useful]
    #[arg(short, long, value_name = "N", value_parser = parse_jobs)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Download again even if the model is in the cache
    #[arg(long)]
    pub(crate) force: bool,
    /// ON, OFF, REDO or READONLY [default: MLC_DOWNLOAD_CACHE_POLICY, else ON]
    #[arg(long)]
    pub(crate) policy: Option<CachePolicy>,
    /// How progress is shown
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub(crate) progress: Progress,
    /// Do not wait for the disk; a power failure may damage what was just downloaded
    #[arg(long)]
    pub(crate) no_fsync: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Path {
    #[arg(help = MODEL)]
    pub(crate) model: String,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// A bar on a terminal, lines elsewhere
    Auto,
    /// A bar, if there is a terminal
    Bar,
    /// A line now and then
    Plain,
    /// Nothing
    None,
}

fn parse_jobs(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "it must be a whole number, at least 1")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_grammar_hangs_together() {
        Arguments::command().debug_assert();
    }

    #[track_caller]
    fn jobs(text: &str, expected: Option<usize>) {
        assert_eq!(parse_jobs(text).ok().map(NonZeroUsize::get), expected, "{text}");
    }

    #[test]
    fn at_least_one_job() {
        jobs("1", Some(1));
        jobs("32", Some(32));
        jobs("0", None);
        jobs("-1", None);
        jobs("many", None);
        jobs("", None);
        jobs("99999999999999999999999", None);
    }
}
