use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use facade::stores::StoreMode;
use facade::{CachePolicy, Revision};

const EXAMPLES: &str = "\
Examples:
  mlc-weights download HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
  mlc-weights download -j 2 --force HF://mlc-ai/Qwen2.5-0.5B-Instruct-q4f16_1-MLC
  mlc-weights download --from-file models.txt --dry-run
  mlc-weights download --from-file models.txt --progress plain";

/// As text, since it is no Markdown.
const MODELS: &str =
    "The models, one after another: user/repo[@revision], also as HF://… or https://huggingface.co/…";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Download {
    #[arg(help = MODELS, value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// More models from this file, one per line; # starts a comment, - is standard input
    #[arg(long, value_name = "LIST")]
    pub(crate) from_file: Option<PathBuf>,
    /// More models from this mlc-package-config.json; local folders in it are skipped
    #[arg(long, value_name = "CONFIG")]
    pub(crate) package: Option<PathBuf>,
    /// Also copy the model's files to this folder, which must be new, empty or an identical copy, and print its path
    #[arg(long, value_name = "DIR", conflicts_with = "dry_run")]
    pub(crate) to: Option<PathBuf>,
    /// With --to: hard links instead of copies; the files become read-only, there and in the cache
    #[arg(hide_short_help = true, long, requires = "to")]
    pub(crate) link: bool,
    /// Maximum number of files and of connections at once [default: 8, or more if that is faster]
    #[arg(short, long, value_name = "N", value_parser = parse_count)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Maximum number of connections at once [default: --jobs if given, else 32]
    #[arg(hide_short_help = true, long, value_name = "N", value_parser = parse_count)]
    pub(crate) max_connections: Option<NonZeroUsize>,
    /// Maximum download rate in bytes per second, such as 500k, 20M or 1G
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) limit_rate: Option<NonZeroU64>,
    /// Download again, and replace the directory including your own changes in it
    #[arg(long)]
    pub(crate) force: bool,
    /// Branch, tag, reference or commit of each model, instead of its @revision
    #[arg(long, value_name = "REV")]
    pub(crate) revision: Option<Revision>,
    /// ON, OFF, REDO or READONLY [default: MLC_DOWNLOAD_CACHE_POLICY, else ON]
    #[arg(hide_short_help = true, long)]
    pub(crate) policy: Option<CachePolicy>,
    /// Fail with status 5 unless git proves that the files are those of the commit
    #[arg(hide_short_help = true, long)]
    pub(crate) require_proof: bool,
    /// Ask this store before the hub; may be repeated [default: MLC_WEIGHTS_STORE]
    #[arg(hide_short_help = true, long = "store", value_name = "URL")]
    // Text: the parser of arguments would repeat a password in it.
    pub(crate) stores: Vec<String>,
    /// How stores are used: first, refs or only [default: MLC_WEIGHTS_STORE_MODE, else first]
    #[arg(hide_short_help = true, long, value_name = "MODE")]
    pub(crate) store_mode: Option<StoreMode>,
    /// Upload what was downloaded from the hub to the first store
    #[arg(hide_short_help = true, long)]
    pub(crate) store_fill: bool,
    /// How progress is shown
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub(crate) progress: ProgressForm,
    /// Only show what would be downloaded, from where, and what is already there
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON document at the end instead of each path
    #[arg(long)]
    pub(crate) json: bool,
    /// Do not wait for the disk; a power failure may then damage the downloaded files
    #[arg(hide_short_help = true, long)]
    pub(crate) no_fsync: bool,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressForm {
    /// A bar on a terminal, lines elsewhere
    Auto,
    /// A bar, if there is a terminal
    Bar,
    /// A line every few seconds
    Plain,
    /// One JSON object per line, for programs
    Json,
    /// Nothing
    None,
}

fn parse_count(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "expected a whole number, at least 1")
}

/// Bytes a second; the units are decimal, as everywhere.
fn parse_rate(text: &str) -> Result<NonZeroU64, &'static str> {
    decimal(text)
        .and_then(NonZeroU64::new)
        .ok_or("expected a whole number of bytes per second, such as 500k, 20M or 1G")
}

/// A whole number, with a decimal unit if any, as everywhere.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text.get(number.len()..)?.to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1_000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        "t" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn count(text: &str, expected: Option<usize>) {
        assert_eq!(parse_count(text).ok().map(NonZeroUsize::get), expected, "{text}");
    }

    #[track_caller]
    fn rate(text: &str, expected: Option<u64>) {
        assert_eq!(parse_rate(text).ok().map(NonZeroU64::get), expected, "{text}");
    }

    #[test]
    fn rates() {
        rate("1", Some(1));
        rate("500k", Some(500_000));
        rate("20M", Some(20_000_000));
        rate("1g", Some(1_000_000_000));
        for text in ["", "0", "0M", "M", "-1", "1.5M", "20MB", "1 M", "99999999999999999999", "99999999999G"]
        {
            rate(text, None);
        }
    }

    #[test]
    fn at_least_one() {
        count("1", Some(1));
        count("32", Some(32));
        count("0", None);
        count("-1", None);
        count("many", None);
        count("", None);
        count("99999999999999999999999", None);
    }
}
