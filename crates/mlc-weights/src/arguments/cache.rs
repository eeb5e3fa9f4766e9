//! The commands for what is in the cache.

use std::time::Duration;

use clap::{Args, ValueEnum};
use facade::Revision;

use super::download::decimal;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mlc-weights path HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
  cd \"$(mlc-weights path HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC)\"

Exit status 3: it is not in the cache.")]
pub(crate) struct Path {
    #[arg(help = MODEL)]
    pub(crate) model: String,
    /// Branch, tag, reference or commit, instead of the model's @revision
    #[arg(long, value_name = "REV")]
    pub(crate) revision: Option<Revision>,
    /// Fail with status 5 unless git proves that the files are those of the commit
    #[arg(long)]
    pub(crate) require_proof: bool,
}

/// As text, since it is no Markdown.
const MODEL: &str = "The model: user/repo[@revision], also as HF://… or https://huggingface.co/…";
const MODELS: &str = "The models: user/repo[@revision], also as HF://… or https://huggingface.co/…";

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mlc-weights list
  mlc-weights list --sort size
  mlc-weights list --outdated
  mlc-weights list --json | jq -r '.models[] | select(.whole) | .path'")]
pub(crate) struct List {
    /// Ask the hub, and show only the models with a newer commit there
    #[arg(long)]
    pub(crate) outdated: bool,
    /// How the models of each folder are sorted
    #[arg(long, value_name = "BY", default_value = "name", conflicts_with = "outdated")]
    pub(crate) sort: Order,
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// How models are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// The largest first
    Size,
    /// The newest first
    Age,
    /// By name
    Name,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mlc-weights update
  mlc-weights update mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC

A model whose revision is a commit stays as it is. `download --force` downloads everything again.")]
pub(crate) struct Update {
    #[arg(help = UPDATED, value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// Print one JSON document instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// As text, since it is no Markdown.
const UPDATED: &str = "The models: user/repo[@revision], also as HF://… or https://huggingface.co/… \
[default: all that mlc-weights downloaded into the writable tier]";

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mlc-weights verify mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
  mlc-weights verify --all --json
  mlc-weights verify --all --repair")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Verify {
    #[arg(help = MODELS, value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// All models of all tiers
    #[arg(long, conflicts_with = "models")]
    pub(crate) all: bool,
    /// Download damaged and missing files again
    #[arg(long)]
    pub(crate) repair: bool,
    /// With --repair: also replace an edited mlc-chat-config.json
    #[arg(long, requires = "repair")]
    pub(crate) force: bool,
    /// Print one JSON document instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mlc-weights remove mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
  mlc-weights remove mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC@v1.0
  mlc-weights remove --all --dry-run")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Remove {
    #[arg(help = MODELS, value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// All models of the writable tier, and the remains of unfinished downloads
    #[arg(long, conflicts_with = "models")]
    pub(crate) all: bool,
    /// Only show what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Print one JSON document instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mlc-weights prune --dry-run
  mlc-weights prune --older-than 7d
  mlc-weights prune --keep 200GB --dry-run")]
pub(crate) struct Prune {
    /// Minimum time since the last write, such as 90min, 12h or 7d
    #[arg(long, value_name = "AGE", value_parser = parse_age, default_value = "0s")]
    pub(crate) older_than: Duration,
    /// Also remove the least recently used models until the rest is no larger than this, such as 500M or 200GB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) keep: Option<u64>,
    /// Only show what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask for confirmation before models are removed
    #[arg(short, long, requires = "keep")]
    pub(crate) yes: bool,
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_age(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "expected an age, such as 90min, 12h or 7d")
}

fn parse_size(text: &str) -> Result<u64, &'static str> {
    let number = text.strip_suffix(['b', 'B']).unwrap_or(text);
    decimal(number).ok_or("expected a whole number of bytes, such as 500M, 200GB or 1TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(parse_size(text).ok(), expected, "{text}");
    }

    #[test]
    fn sizes() {
        check("0", Some(0));
        check("1000", Some(1_000));
        check("17B", Some(17));
        check("64kB", Some(64_000));
        check("500M", Some(500_000_000));
        check("200GB", Some(200_000_000_000));
        check("2t", Some(2_000_000_000_000));
        for text in ["", "B", "GB", "-1", "1.5GB", "200 GB", "1GiB", "1BB", "99999999999G"] {
            check(text, None);
        }
    }
}
