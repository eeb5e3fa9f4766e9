use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use proptest::prelude::*;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use url_parse::DiskError;

use super::lanes::Engine;
use super::read::BLOCK_BYTES;
use super::{HashHandle, HashJob, HashStage, verify_files};
use crate::{Digests, Error, Expected, KeepAlive, Md5Digest, Mismatch, StreamHasher};

fn folder() -> TempDir {
    #[expect(clippy::disallowed_methods, reason = "a unit test knows no better parent folder")]
    tempfile::tempdir().unwrap()
}

/// Bytes that differ between files and blocks.
fn content(seed: usize, length: usize) -> Vec<u8> {
    let mut random = seed as u64 + 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend_from_slice(&random.to_be_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn digests(bytes: &[u8]) -> Digests {
    let mut hasher = StreamHasher::for_all();
    hasher.update(bytes);
    hasher.finish()
}

fn expected(bytes: &[u8]) -> Expected {
    let Digests { size, md5, sha256 } = digests(bytes);
    Expected { size, md5, sha256 }
}

fn begin(stage: &HashStage, path: &Path, expected: Expected, keep_alive: KeepAlive) -> HashHandle {
    let file = Arc::new(File::open(path).unwrap());
    stage.begin(HashJob { path: path.to_owned(), file, expected, keep_alive })
}

fn finish(handle: HashHandle) -> Result<Digests, Error> {
    Runtime::new().unwrap().block_on(handle.finished())
}

/// Reports when it is released.
struct Held(mpsc::Sender<()>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

fn held() -> (KeepAlive, mpsc::Receiver<()>) {
    let (sender, released) = mpsc::channel();
    (Arc::new(Held(sender)), released)
}

fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

/// Hashes `contents` at once; the files become available in turn, in `steps` steps.
fn check(threads: usize, steps: usize, contents: &[Vec<u8>]) {
    check_with(0, threads, steps, contents);
    check_with(1 << 20, threads, steps, contents);
}

fn check_with(lag: u64, threads: usize, steps: usize, contents: &[Vec<u8>]) {
    let folder = folder();
    let stage = HashStage::new(threads, lag, Engine::detect()).unwrap();
    let mut handles = Vec::new();
    for (place, bytes) in contents.iter().enumerate() {
        let path = folder.path().join(place.to_string());
        fs::write(&path, bytes).unwrap();
        handles.push(begin(&stage, &path, expected(bytes), Arc::new(())));
    }
    for step in 1..=steps {
        for (handle, bytes) in handles.iter().zip(contents) {
            handle.available_to((bytes.len() * step / steps) as u64);
        }
    }
    for (handle, bytes) in handles.into_iter().zip(contents) {
        assert_eq!(finish(handle).unwrap(), digests(bytes));
    }
}

#[test]
fn files_of_every_edge_length_are_hashed_right() {
    let edges = [0, 1, 55, 56, 63, 64, 65, 119, 120, 128];
    let near = |length| [length - 65, length - 64, length - 1, length, length + 1, length + 64];
    let mut lengths = edges.to_vec();
    lengths.extend([BLOCK_BYTES, 2 * BLOCK_BYTES, 20 * BLOCK_BYTES].into_iter().flat_map(near));
    let contents: Vec<_> =
        lengths.into_iter().enumerate().map(|(seed, length)| content(seed, length)).collect();
    for threads in [1, 3] {
        check(threads, 1, &contents);
        check(threads, 7, &contents);
    }
}

#[test]
fn any_number_of_files_of_one_size() {
    for files in 1..=18 {
        let contents: Vec<_> = (0..files).map(|seed| content(seed, 3 * BLOCK_BYTES + 100)).collect();
        check(1, 3, &contents);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn files_of_random_lengths_are_hashed_right(lengths in prop::collection::vec(0..4 * BLOCK_BYTES, 0..24), threads in 1..4_usize, steps in 1..6_usize) {
        let contents: Vec<_> =
            lengths.into_iter().enumerate().map(|(seed, length)| content(seed, length)).collect();
        check(threads, steps, &contents);
    }
}

#[test]
fn nothing_is_read_before_it_is_available() {
    let folder = folder();
    let path = folder.path().join("part");
    let bytes = content(1, 2 * BLOCK_BYTES + 5);
    // Wrong bytes where the second block will be.
    fs::write(&path, [&bytes[..BLOCK_BYTES], &vec![0xff; BLOCK_BYTES]].concat()).unwrap();
    let stage = HashStage::new(2, 0, Engine::detect()).unwrap();
    let handle = begin(&stage, &path, expected(&bytes), Arc::new(()));
    handle.available_to(2 * BLOCK_BYTES as u64 - 1);
    handle.available_to(1);
    wait_until(|| handle.hashed_to() == BLOCK_BYTES as u64);
    fs::write(&path, &bytes).unwrap();
    // A position beyond the end means the whole file.
    handle.available_to(u64::MAX);
    assert_eq!(finish(handle).unwrap(), digests(&bytes));
}

/// Whatever an engine computes, a file counts as damaged only if `md-5` agrees.
#[cfg(feature = "hash-lanes")]
#[test]
fn a_wrong_engine_spoils_no_file() {
    use super::batch::{self, Buffers};
    use super::job::{Progress, Task};

    let folder = folder();
    let Some(engine) = Engine::faulty() else { return };
    let mut buffers = Buffers::new();
    // Lane 0 computes wrong results.
    for (damaged, read_again) in [(None, vec![0]), (Some(0), vec![0]), (Some(8), vec![0, 8])] {
        let (sender, results) = mpsc::channel();
        let mut on_disk: Vec<_> = (0..9).map(|seed| content(seed, 2 * BLOCK_BYTES + 5)).collect();
        let mut tasks = Vec::new();
        for (place, bytes) in on_disk.iter_mut().enumerate() {
            let expected = expected(bytes);
            if damaged == Some(place) {
                bytes[BLOCK_BYTES] ^= 1;
            }
            let path = folder.path().join(place.to_string());
            fs::write(&path, bytes).unwrap();
            let file = Arc::new(File::open(&path).unwrap());
            let progress = Arc::new(Progress::new(super::fresh::Memory::default()));
            progress.raise_available(u64::MAX);
            let sender = sender.clone();
            let deliver = Box::new(move |result| sender.send((place, result)).unwrap());
            let job = HashJob { path, file, expected, keep_alive: Arc::new(()) };
            tasks.push(Task::new(job, progress, Some(engine), deliver));
        }
        tasks = batch::turn(tasks, Some(engine), &mut buffers);
        assert_eq!(tasks.len(), read_again.len());
        assert_eq!(results.try_iter().count(), 9 - tasks.len());
        assert!(batch::turn(tasks, Some(engine), &mut buffers).is_empty());
        let results: Vec<_> = results.try_iter().map(|(place, result)| (place, result.unwrap())).collect();
        let right: Vec<_> = read_again.iter().map(|&place| (place, digests(&on_disk[place]))).collect();
        assert_eq!(results, right);
    }
}

#[test]
fn only_wanted_digests_are_computed() {
    let folder = folder();
    let path = folder.path().join("part");
    fs::write(&path, "abc").unwrap();
    let stage = HashStage::start().unwrap();
    let handle = begin(&stage, &path, Expected { md5: None, sha256: None, ..expected(b"abc") }, Arc::new(()));
    handle.available_to(3);
    assert_eq!(finish(handle).unwrap(), Digests { md5: None, sha256: None, ..digests(b"abc") });
}

#[test]
fn the_job_releases_its_resources_before_the_result_is_sent() {
    let folder = folder();
    let path = folder.path().join("part");
    fs::write(&path, "abc").unwrap();
    let stage = HashStage::start().unwrap();
    let (keep_alive, released) = held();
    let handle = begin(&stage, &path, expected(b"abc"), keep_alive);
    assert_eq!(released.try_recv(), Err(mpsc::TryRecvError::Empty));
    handle.available_to(3);
    finish(handle).unwrap();
    assert_eq!(released.try_recv(), Ok(()));
}

#[test]
fn a_dropped_handle_cancels_the_job() {
    let folder = folder();
    let path = folder.path().join("part");
    let bytes = content(1, 4 * BLOCK_BYTES);
    fs::write(&path, &bytes).unwrap();
    let stage = HashStage::start().unwrap();
    for available in [0, BLOCK_BYTES, bytes.len() - 1] {
        let (keep_alive, released) = held();
        let handle = begin(&stage, &path, expected(&bytes), keep_alive);
        handle.available_to(available as u64);
        drop(handle);
        released.recv().unwrap();
    }
}

#[test]
fn a_dropped_stage_cancels_all_jobs() {
    let folder = folder();
    let path = folder.path().join("part");
    fs::write(&path, "abc").unwrap();
    let stage = HashStage::start().unwrap();
    let (keep_alive, released) = held();
    let handle = begin(&stage, &path, expected(b"abc"), keep_alive);
    drop(stage);
    released.recv().unwrap();
    handle.available_to(3);
    assert!(matches!(finish(handle), Err(Error::Net(net::Error::Cancelled))));
}

#[test]
fn a_file_that_ends_early_is_a_disk_error() {
    let folder = folder();
    let path = folder.path().join("part");
    let bytes = content(1, 3 * BLOCK_BYTES);
    for length in [0, 1, BLOCK_BYTES, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        let stage = HashStage::start().unwrap();
        let (keep_alive, released) = held();
        let handle = begin(&stage, &path, expected(&bytes), keep_alive);
        handle.available_to(bytes.len() as u64);
        let error = finish(handle).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
        assert!(
            matches!(error, Error::Disk(DiskError { source, .. }) if source.kind() == io::ErrorKind::UnexpectedEof)
        );
        assert_eq!(released.try_recv(), Ok(()));
    }
}

#[test]
fn many_files_on_disk_get_a_verdict_each() {
    let folder = folder();
    let mut files: Vec<(PathBuf, Expected)> = Vec::new();
    for place in 0..50 {
        let path = folder.path().join(place.to_string());
        let bytes = content(place, place * 5000);
        fs::write(&path, &bytes).unwrap();
        files.push((path, expected(&bytes)));
    }
    files[3].1.md5 = Some(Md5Digest::from_bytes([7; 16]));
    files[4].1.size += 1;
    files[5].0 = folder.path().join("missing");

    let mut verdicts: Vec<_> = files.iter().map(|_| None).collect();
    verify_files(&files, None, |place, verdict| {
        assert!(verdicts[place].replace(verdict).is_none());
        ControlFlow::Continue(())
    })
    .unwrap();
    for (place, (verdict, (_, expected))) in verdicts.into_iter().zip(&files).enumerate() {
        match (place, verdict.unwrap()) {
            (3, Err(Error::FileMismatch { mismatch: Mismatch::Md5 { .. }, .. }))
            | (4, Err(Error::FileMismatch { mismatch: Mismatch::Size { .. }, .. }))
            | (5, Err(Error::Disk(DiskError { action: "open", .. }))) => {}
            (_, verdict) => assert_eq!(verdict.unwrap().sha256, expected.sha256, "{place}"),
        }
    }
}

#[test]
fn verifying_stops_when_told_to() {
    let folder = folder();
    let path = folder.path().join("file");
    fs::write(&path, "abc").unwrap();
    let files = vec![(path, expected(b"abc")); 9];
    let mut verdicts = 0;
    verify_files(&files, None, |_, _| {
        verdicts += 1;
        if verdicts == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert_eq!(verdicts, 2);
    verify_files(&[], None, |_, _| unreachable!()).unwrap();
}
