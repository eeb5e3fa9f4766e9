//! Kills the program repeatedly on a network without faults: what was downloaded is not fetched again.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use local_hub::{LocalHub, LoggedRequest, ModelFixture, PublishedModel, RequestLog};

use crate::stage::{Ended, MIB, PATIENCE, Stage, kill_when};

/// The number of bytes in staging, counting for each file the copy that has most of it.
fn staged(stage: &Stage) -> u64 {
    let mut files: HashMap<String, u64> = HashMap::new();
    count(&stage.staging(), &mut files);
    files.values().sum()
}

/// Counts the bytes in the pools and parts below a folder.
fn count(folder: &Path, files: &mut HashMap<String, u64>) {
    for found in fs::read_dir(folder).into_iter().flatten() {
        let found = found.unwrap();
        let (name, metadata) = (found.file_name().into_string().unwrap(), found.metadata().unwrap());
        if metadata.is_dir() && name != "tree" && name != "scratch" {
            count(&found.path(), files);
        } else if name.starts_with("sha256-") && !name.ends_with(".journal") {
            let held = (metadata.blocks() * 512).min(metadata.len());
            let most = files.entry(name).or_default();
            *most = held.max(*most);
        }
    }
}

/// How many bytes of the model were requested. Bytes requested several times count once, since a connection
/// may take over a part of another's range.
fn asked(log: &RequestLog, model: &PublishedModel) -> u64 {
    model.lfs_files().map(|file| covered(&log.file(&file.path).requests(), file.size)).sum()
}

fn covered(requests: &[LoggedRequest], size: u64) -> u64 {
    let mut ranges: Vec<_> = requests.iter().map(|request| parse(request.range().unwrap(), size)).collect();
    ranges.sort_by_key(|range| range.start);
    let (mut covered, mut end) = (0, 0);
    for range in ranges {
        covered += range.end.max(end) - range.start.max(end);
        end = end.max(range.end);
    }
    covered
}

fn parse(range: &str, size: u64) -> Range<u64> {
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    first.parse().unwrap()..last.parse::<u64>().map_or(size, |last| last + 1)
}

/// A pseudo-random number generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Kills the program up to `kills` times while it downloads one model, then lets it finish. Returns how
/// often it was killed before it was done.
fn kill_and_resume(kills: usize, dice: &mut Dice) -> usize {
    let sizes = (0..6).map(|place| (format!("more_{place}.bin"), 1 + dice.below(6 * MIB)));
    let fixture = ModelFixture::new("mlc-ai/killed").shard("large.bin", 24 * MIB);
    let fixture = sizes.fold(fixture, |fixture, (path, size)| fixture.shard(&path, size));
    let stage = Stage::new(LocalHub::builder().pace(25_000_000), &fixture);
    let start = || stage.program().arg("--no-fsync").spawn().unwrap();
    let (mut killed, mut unrecorded, mut most) = (0, 0, stage.size());
    for _ in 0..kills {
        let data = stage.hub.log().data().from_now();
        let moment = dice.below(stage.size().saturating_sub(staged(&stage)).max(1));
        let open = std::cell::Cell::new(0);
        let ended = kill_when(start(), &data, |log| {
            // Not the number of requests in progress: to the hub a request is done when the kernel has its
            // last bytes, some MiB of which may still be in transit.
            open.set(stage.hub.open_data_connections());
            !log.is_empty() && log.bytes_sent() >= moment
        });
        // Those that were open a moment ago, and some that may have been opened since.
        let connections = open.get() as u64 + 2;
        killed += usize::from(ended.was_killed());
        if stage.is_published() {
            return killed;
        }
        assert!(stage.hub.log().wait_until(PATIENCE, |log| log.in_flight() == 0));
        // What a run has written but not recorded stays in its part, and in staging, until it is written
        // again: possibly only after the next kill.
        unrecorded += 2 * MIB * connections;
        most = stage.size() - staged(&stage) + unrecorded;
    }
    let later = stage.hub.log().data().from_now();
    let ended = Ended::of(start());
    assert!(ended.status.success() && stage.is_published(), "{ended:?}");
    let asked = asked(&later, &stage.model);
    assert!(asked <= most, "asked for {asked} bytes of {}, at most {most} were missing", stage.size());
    killed
}

#[test]
fn no_byte_is_lost_and_none_is_wrong() {
    let seed = u64::from(SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos()) << 1 | 1;
    let mut dice = Dice(seed);
    println!("seed {seed}");
    let mut killed = 0;
    while killed < 20 {
        let kills = 1 + dice.below(3);
        killed += kill_and_resume(usize::try_from(kills).unwrap(), &mut dice);
    }
}
