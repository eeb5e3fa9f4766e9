//! How fast files are hashed: several at once, against one after another with `md-5`.

use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde_json::{Value, json};
use shard_fetch::{Expected, digest_file, verify_file, verify_files};

use super::statistics::{Spread, ratio};
use super::table::{Table, or_dash};
use super::workplace::{Workplace, emptied, go_on};

/// As many as the lanes of the widest registers.
const MOST_FILES: usize = 16;

/// Nothing is said of differences that are smaller than those between two runs of the same.
const TOLERANCE: f64 = 0.03;

/// How much, and how often.
#[derive(Args, Clone)]
pub(super) struct Options {
    /// How often each is measured
    #[arg(long, default_value = "5", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    rounds: usize,
    /// MiB of each file
    #[arg(long, default_value = "16", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    size: usize,
}

/// What is measured of a number of files: seconds, round by round.
#[derive(Default)]
struct Walls {
    alone: Vec<f64>,
    stage: Vec<f64>,
    all_cores: Vec<f64>,
}

type Files = [(PathBuf, Expected)];

pub(super) fn run(place: &Workplace, options: &Options) -> Result<Value> {
    let files = write_files(&place.memory, options.size << 20)?;
    let only_md5: Vec<_> =
        files.iter().map(|(path, expected)| (path.clone(), Expected { sha256: None, ..*expected })).collect();
    let md5 = compare("MD5", &only_md5, options)?;
    let both = compare("MD5 and SHA-256", &files, options)?;
    Ok(json!({ "md5": md5, "md5_and_sha256": both }))
}

fn compare(digests: &str, files: &Files, options: &Options) -> Result<Value> {
    println!(
        "\n## {digests} of files of {} MiB in memory: MB/s, {} rounds in turn\n",
        options.size, options.rounds
    );
    let mut measured: Vec<(usize, u64, Walls)> = (1..=MOST_FILES)
        .filter_map(|count| files.get(..count))
        .map(|files| (files.len(), files.iter().map(|(_, expected)| expected.size).sum(), Walls::default()))
        .collect();
    for _ in 0..options.rounds {
        for (count, _, walls) in &mut measured {
            go_on()?;
            let files = files.get(..*count).unwrap_or_default();
            walls.alone.push(timed(|| one_by_one(files))?);
            walls.stage.push(timed(|| together(files, Some(NonZeroUsize::MIN)))?);
            walls.all_cores.push(timed(|| together(files, None))?);
        }
    }
    print(&measured);
    let rows = measured.iter().map(|(count, bytes, walls)| {
        json!({ "files": count, "bytes": bytes, "md5_alone": Spread::of(&walls.alone),
            "stage": Spread::of(&walls.stage), "all_cores": Spread::of(&walls.all_cores) })
    });
    Ok(rows.collect())
}

fn write_files(folder: &Path, size: usize) -> Result<Vec<(PathBuf, Expected)>> {
    let folder = emptied(folder.join("hash"))?;
    let mut files = Vec::with_capacity(MOST_FILES);
    for number in 0..MOST_FILES {
        let path = folder.join(number.to_string());
        let bytes: Vec<u8> = (0..size).map(|place| (place / 3 + number * 85).to_le_bytes()[0]).collect();
        fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
        let digests = digest_file(&path)?;
        let expected = Expected { size: digests.size, md5: digests.md5, sha256: digests.sha256 };
        files.push((path, expected));
    }
    Ok(files)
}

fn one_by_one(files: &Files) -> Result<()> {
    for (path, expected) in files {
        verify_file(path, expected)?;
    }
    Ok(())
}

fn together(files: &Files, threads: Option<NonZeroUsize>) -> Result<()> {
    let mut wrong = None;
    verify_files(files, threads, |_, verdict| match verdict {
        Ok(_) => ControlFlow::Continue(()),
        Err(error) => {
            wrong = Some(error);
            ControlFlow::Break(())
        }
    })?;
    wrong.map_or(Ok(()), |error| Err(error.into()))
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed().as_secs_f64())
}

fn print(measured: &[(usize, u64, Walls)]) {
    let mut table =
        Table::new(&["files", "md-5, one by one", "stage, one thread", "stage/md-5", "stage, all cores"]);
    for (count, bytes, walls) in measured {
        let speed = |walls| or_dash(Spread::of(walls), |spread| megabytes(*bytes, spread.median));
        table.row([
            count.to_string(),
            speed(&walls.alone),
            speed(&walls.stage),
            or_dash(times_as_fast(walls), |times| format!("{times:.2}")),
            speed(&walls.all_cores),
        ]);
    }
    println!("{table}");
    println!("{}", below(measured));
}

/// Where the stage is slower than `md-5` on the same number of cores.
fn below(measured: &[(usize, u64, Walls)]) -> String {
    let slow: Vec<String> = measured
        .iter()
        .filter_map(|(count, _, walls)| Some((count, times_as_fast(walls)?)))
        .filter(|(_, times)| *times < 1.0 - TOLERANCE)
        .map(|(count, times)| format!("{count} ({times:.2} times as fast)"))
        .collect();
    if slow.is_empty() {
        return "With no number of files the stage falls below md-5.".to_owned();
    }
    format!("The stage falls below md-5 with this many files: {}.", slow.join(", "))
}

fn times_as_fast(walls: &Walls) -> Option<f64> {
    ratio(&walls.alone, &walls.stage)
}

#[expect(clippy::cast_precision_loss, reason = "no digit after the point is printed")]
fn megabytes(bytes: u64, seconds: f64) -> String {
    format!("{:.0}", bytes as f64 / 1e6 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walls(alone: f64, stage: f64) -> Walls {
        Walls { alone: vec![alone; 3], stage: vec![stage; 3], all_cores: Vec::new() }
    }

    #[test]
    fn where_the_stage_is_slower() {
        let mut measured = vec![(1, 10, walls(0.98, 1.0)), (2, 20, walls(2.0, 1.0))];
        assert_eq!(below(&measured), "With no number of files the stage falls below md-5.");
        measured.push((3, 30, walls(1.0, 2.0)));
        assert_eq!(
            below(&measured),
            "The stage falls below md-5 with this many files: 3 (0.50 times as fast)."
        );
    }

    #[test]
    fn both_ways_see_a_damaged_file() {
        #[expect(clippy::disallowed_methods, reason = "a unit test knows no better parent folder")]
        let folder = tempfile::tempdir().unwrap();
        let files = write_files(folder.path(), 100).unwrap();
        assert_eq!(files.len(), MOST_FILES);
        assert!(one_by_one(&files).is_ok() && together(&files, None).is_ok());
        fs::write(&files[7].0, [0; 100]).unwrap();
        assert!(one_by_one(&files).is_err() && together(&files, None).is_err());
    }
}
