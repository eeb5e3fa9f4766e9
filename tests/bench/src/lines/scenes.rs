//! The lines: what goes wrong on each, and what is downloaded over it.

use std::fmt;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use local_hub::{Limit, Trouble};
use serde::Serialize;

use crate::hub::{Served, Shape};

/// The sizes of the models.
#[derive(Args, Clone)]
pub(super) struct Sizes {
    /// Number of shards
    #[arg(long, default_value = "24", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    shards: usize,
    /// Size of each shard in KiB
    #[arg(long, value_name = "KIB", default_value = "4096", value_parser = clap::value_parser!(u64).range(1..))]
    shard_size: u64,
    /// Number of files in the model of small files
    #[arg(long, value_name = "FILES", default_value = "500", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    small_files: usize,
    /// Size of each of them in bytes
    #[arg(long, value_name = "BYTES", default_value = "20000", value_parser = clap::value_parser!(u64).range(1..))]
    small_size: u64,
    /// Size of each shard in KiB if connections are slow and programs are killed
    #[arg(long, value_name = "KIB", default_value = "2048", value_parser = clap::value_parser!(u64).range(1..))]
    slow_size: u64,
}

/// A bad line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    /// One in eight connections is extremely slow
    Crawl,
    /// Every connection breaks after 1 MB
    Break,
    /// 2 % of all responses are 503
    Fail,
    /// 300 ms before each response
    Delay,
    /// 60 kB/s per connection, and a kill every 10 s
    Kill,
    /// The hub's rate limit is reached midway
    Limit,
    /// Connections are silently closed after each response; small files
    Idle,
}

impl Line {
    pub(super) const ALL: [Self; 7] =
        [Self::Crawl, Self::Break, Self::Fail, Self::Delay, Self::Kill, Self::Limit, Self::Idle];

    fn id(self) -> &'static str {
        match self {
            Self::Crawl => "bench/crawl",
            Self::Break => "bench/break",
            Self::Fail => "bench/fail",
            Self::Delay => "bench/delay",
            Self::Kill => "bench/kill",
            Self::Limit => "bench/limit",
            Self::Idle => "bench/idle",
        }
    }

    pub(super) fn shape(self, sizes: &Sizes) -> Shape {
        let (shards, size) = match self {
            // Four times as many files of a quarter of the size: only two in a hundred responses fail.
            Self::Fail => (4 * sizes.shards, (sizes.shard_size << 10).div_ceil(4)),
            Self::Kill => (sizes.shards, sizes.slow_size << 10),
            Self::Idle => (sizes.small_files, sizes.small_size),
            Self::Crawl | Self::Break | Self::Delay | Self::Limit => (sizes.shards, sizes.shard_size << 10),
        };
        Shape { id: self.id().to_owned(), shards, size, flipped: None }
    }

    pub(super) fn trouble(self, model: &Served) -> Trouble {
        let none = Trouble::default();
        match self {
            Self::Crawl => Trouble { crawls: Some(8), ..none },
            Self::Break => Trouble { breaks_after: Some(1_000_000), ..none },
            Self::Fail => Trouble { fails: Some(50), ..none },
            Self::Delay => Trouble { delay: Duration::from_millis(300), ..none },
            Self::Kill => Trouble { pace: Some(60_000), ..none },
            Self::Limit => {
                let after = model.files.len() as u64 / 2;
                Trouble { limit: Some(Limit { after, lasts: Duration::from_secs(3) }), ..none }
            }
            Self::Idle => Trouble { hangs_up: true, ..none },
        }
    }

    /// The lifespan of a program before it is killed.
    pub(super) fn kills(self) -> Option<Duration> {
        (self == Self::Kill).then_some(Duration::from_secs(10))
    }
}

/// As a heading.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crawl => "One connection of eight crawls",
            Self::Break => "Every connection breaks after 1 MB",
            Self::Fail => "2 % of all answers are 503",
            Self::Delay => "300 ms before each answer",
            Self::Kill => "60 kB/s a connection, a kill every 10 s",
            Self::Limit => "The hub's rate limit is reached, for 3 s",
            Self::Idle => "Small files, connections closed without a word",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_one_trouble_and_a_model() {
        let sizes =
            Sizes { shards: 24, shard_size: 4096, small_files: 500, small_size: 20_000, slow_size: 2048 };
        let (endpoint, id, url, commit) = Default::default();
        let model = Served { endpoint, id, url, commit, files: Vec::new() };
        for scene in Line::ALL {
            assert_ne!(scene.trouble(&model), Trouble::default(), "{scene}");
            let Shape { id, shards, size, .. } = scene.shape(&sizes);
            assert!(Line::ALL.iter().all(|other| *other == scene || other.id() != id), "{id}");
            let bytes = shards as u64 * size;
            let expected = match scene {
                Line::Kill => 50_331_648,
                Line::Idle => 10_000_000,
                _ => 100_663_296,
            };
            assert_eq!(bytes, expected, "{scene}");
        }
    }
}
