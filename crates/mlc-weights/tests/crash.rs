//! The program, killed again and again.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "helpers end the test, in preparation or by their verdict, as the test functions themselves may"
)]

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use local_hub::{LocalHub, LoggedRequest, ModelFixture, PublishedModel, RequestLog};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

struct Stage {
    hub: LocalHub,
    model: PublishedModel,
    folder: TempDir,
}

impl Stage {
    fn new(fixture: &ModelFixture) -> Self {
        let hub = LocalHub::builder().pace(25_000_000).files_in(env!("CARGO_TARGET_TMPDIR")).start();
        let model = hub.publish(fixture);
        Self { hub, model, folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap() }
    }

    fn start(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mlc-weights"));
        command
            .env_clear()
            .env("MLC_LLM_HOME", self.folder.path())
            .env("HF_ENDPOINT", self.hub.endpoint())
            .args(["download", "--no-fsync", "--quiet"])
            .arg(format!("HF://{}/{}", self.model.user, self.model.repo))
            .stdout(Stdio::null());
        command.spawn().unwrap()
    }

    fn entry(&self) -> PathBuf {
        let models = self.folder.path().join("model_weights/hf");
        models.join(&self.model.user).join(&self.model.repo)
    }

    fn size(&self) -> u64 {
        self.model.lfs_files().map(|file| file.size).sum()
    }

    /// How many bytes of the files are in staging, each file where there is most of it.
    fn staged(&self) -> u64 {
        let mut files: HashMap<String, u64> = HashMap::new();
        count(&self.folder.path().join("model_weights/.mlc-weights/staging"), &mut files);
        files.values().sum()
    }
}

/// Adds up what pools and parts below a folder hold.
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

/// How many bytes of the model requests asked for; what several asked for counts once, since a connection
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

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Kills the program up to so many times on its way to one model, then lets it go on; how often it was
/// killed before it was done.
fn kill_and_go_on(kills: usize, dice: &mut Dice) -> usize {
    let sizes = (0..6).map(|place| (format!("more_{place}.bin"), 1 + dice.below(6 * MIB)));
    let fixture = ModelFixture::new("mlc-ai/killed").shard("large.bin", 24 * MIB);
    let stage = Stage::new(&sizes.fold(fixture, |fixture, (path, size)| fixture.shard(&path, size)));
    let (mut killed, mut most) = (0, stage.size());
    for _ in 0..kills {
        let data = stage.hub.log().data().from_now();
        let mut program = stage.start();
        let moment = dice.below(stage.size().saturating_sub(stage.staged()).max(1));
        let is_moment = |log: &RequestLog| !log.is_empty() && log.bytes_sent() >= moment;
        while !data.wait_until(Duration::from_millis(5), is_moment) && program.try_wait().unwrap().is_none() {
        }
        // Those that were open a moment ago, and some that the log has not yet.
        let connections = data.in_flight() as u64 + 2;
        program.kill().unwrap();
        killed += usize::from(program.wait().unwrap().signal().is_some());
        if stage.entry().exists() {
            assert_eq!(stage.model.differences(&stage.entry()), [""; 0]);
            return killed;
        }
        assert!(stage.hub.log().wait_until(PATIENCE, |log| log.in_flight() == 0));
        most = stage.size() - stage.staged() + 2 * MIB * connections;
    }
    let later = stage.hub.log().data().from_now();
    assert!(stage.start().wait().unwrap().success());
    assert_eq!(stage.model.differences(&stage.entry()), [""; 0]);
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
        let kills = 1 + dice.below(5);
        killed += kill_and_go_on(usize::try_from(kills).unwrap(), &mut dice);
    }
}
