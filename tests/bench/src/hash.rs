//! How fast several files are hashed at once, compared with hashing them one after another with `md-5`.

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

use crate::statistics::{Spread, ratio};
use crate::table::{Table, or_dash};
use crate::workplace::{Workplace, emptied, go_on};

/// The number of lanes in the widest registers.
const MOST_FILES: usize = 16;

/// Sets of files of very different lengths, in sixteenths of the usual length. Most of the time some files
/// have ended, or only one is left.
const SKEWED: [&[usize]; 5] = [
    &[16, 8],
    &[16, 16, 16, 16, 16, 16, 16, 8],
    &[1, 2, 4, 8, 16],
    &[16, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
];

/// Differences smaller than those between two identical runs are not reported.
const TOLERANCE: f64 = 0.03;

/// The sizes and repetitions.
#[derive(Args, Clone)]
pub(super) struct HashOptions {
    /// How often each is measured
    #[arg(long, default_value = "5", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    rounds: usize,
    /// Size of each file in MiB
    #[arg(long, default_value = "16", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    size: usize,
}

/// The measurements for a set of files: seconds, round by round.
#[derive(Default)]
struct Walls {
    alone: Vec<f64>,
    stage: Vec<f64>,
    all_cores: Vec<f64>,
}

type Files = [(PathBuf, Expected)];

/// Files to hash together.
struct Set {
    name: String,
    files: Vec<(PathBuf, Expected)>,
}

impl Set {
    fn without_sha256(&self) -> Self {
        let only_md5 = |expected: &Expected| Expected { sha256: None, ..*expected };
        let files = self.files.iter().map(|(path, expected)| (path.clone(), only_md5(expected)));
        Self { name: self.name.clone(), files: files.collect() }
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, expected)| expected.size).sum()
    }
}

/// A set and its measurements.
type Measured<'a> = (&'a Set, Walls);

pub(super) fn run(place: &Workplace, options: &HashOptions) -> Result<Value> {
    let folder = emptied(place.memory.join("hash"))?;
    let equal = write_files(&folder.join("equal"), &[options.size << 20; MOST_FILES])?;
    let mut sets: Vec<Set> = (1..=MOST_FILES)
        .filter_map(|count| equal.get(..count))
        .map(|files| Set { name: files.len().to_string(), files: files.to_vec() })
        .collect();
    for (number, sixteenths) in SKEWED.iter().enumerate() {
        let sizes: Vec<usize> = sixteenths.iter().map(|part| (options.size << 20) / 16 * part).collect();
        let files = write_files(&folder.join(format!("skewed-{number}")), &sizes)?;
        let parts: Vec<String> = sixteenths.iter().map(ToString::to_string).collect();
        sets.push(Set { name: format!("{}/16", parts.join(":")), files });
    }
    let md5 = compare("MD5", &sets.iter().map(Set::without_sha256).collect::<Vec<_>>(), options)?;
    let both = compare("MD5 and SHA-256", &sets, options)?;
    Ok(json!({ "md5": md5, "md5_and_sha256": both }))
}

fn compare(digests: &str, sets: &[Set], options: &HashOptions) -> Result<Value> {
    println!(
        "\n## {digests} of files of {} MiB in memory: MB/s, {} rounds in turn\n",
        options.size, options.rounds
    );
    let mut measured: Vec<Measured<'_>> = sets.iter().map(|set| (set, Walls::default())).collect();
    for _ in 0..options.rounds {
        for (set, walls) in &mut measured {
            go_on()?;
            walls.alone.push(timed(|| one_by_one(&set.files))?);
            walls.stage.push(timed(|| together(&set.files, Some(NonZeroUsize::MIN)))?);
            walls.all_cores.push(timed(|| together(&set.files, None))?);
        }
    }
    print(&measured);
    let rows = measured.iter().map(|(set, walls)| {
        json!({ "files": set.name, "bytes": set.bytes(), "md5_alone": Spread::of(&walls.alone),
            "stage": Spread::of(&walls.stage), "all_cores": Spread::of(&walls.all_cores) })
    });
    Ok(rows.collect())
}

fn write_files(folder: &Path, sizes: &[usize]) -> Result<Vec<(PathBuf, Expected)>> {
    let folder = emptied(folder.to_owned())?;
    let mut files = Vec::with_capacity(sizes.len());
    for (number, size) in sizes.iter().enumerate() {
        let path = folder.join(number.to_string());
        let bytes: Vec<u8> = (0..*size).map(|place| (place / 3 + number * 85).to_le_bytes()[0]).collect();
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

fn print(measured: &[Measured<'_>]) {
    let mut table =
        Table::new(&["files", "md-5, one by one", "stage, one thread", "stage/md-5", "stage, all cores"]);
    for (set, walls) in measured {
        let speed = |walls| or_dash(Spread::of(walls), |spread| megabytes(set.bytes(), spread.median));
        table.row([
            set.name.clone(),
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
fn below(measured: &[Measured<'_>]) -> String {
    let slow: Vec<String> = measured
        .iter()
        .filter_map(|(set, walls)| Some((&set.name, times_as_fast(walls)?)))
        .filter(|(_, times)| *times < 1.0 - TOLERANCE)
        .map(|(name, times)| format!("{name} ({times:.2} times as fast)"))
        .collect();
    if slow.is_empty() {
        return "With no set of files the stage falls below md-5.".to_owned();
    }
    format!("The stage falls below md-5 with these files: {}.", slow.join(", "))
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
        let [one, two, skewed] =
            ["1", "2", "16:8/16"].map(|name| Set { name: name.to_owned(), files: Vec::new() });
        let mut measured = vec![(&one, walls(0.98, 1.0)), (&two, walls(2.0, 1.0))];
        assert_eq!(below(&measured), "With no set of files the stage falls below md-5.");
        measured.push((&skewed, walls(1.0, 2.0)));
        assert_eq!(
            below(&measured),
            "The stage falls below md-5 with these files: 16:8/16 (0.50 times as fast)."
        );
    }

    #[test]
    fn both_ways_see_a_damaged_file() {
        #[expect(clippy::disallowed_methods, reason = "a unit test knows no better parent folder")]
        let folder = tempfile::tempdir().unwrap();
        let files = write_files(&folder.path().join("files"), &[100; MOST_FILES]).unwrap();
        assert_eq!(files.len(), MOST_FILES);
        assert!(one_by_one(&files).is_ok() && together(&files, None).is_ok());
        fs::write(&files[7].0, [0; 100]).unwrap();
        assert!(one_by_one(&files).is_err() && together(&files, None).is_err());
    }
}
