use std::num::NonZeroUsize;

use clap::Args;
use facade::CachePolicy;

use super::Progress;
use super::words::MODEL;

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

fn parse_jobs(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "it must be a whole number, at least 1")
}

#[cfg(test)]
mod tests {
    use super::*;

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
