//! Verifies many files on disk.

use std::fs::File;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

use url_parse::DiskError;

use super::HashJob;
use super::lanes::Engine;
use super::stage::{HashStage, all_cores};
use crate::plain::open_plain;
use crate::{ActualSize, Digests, Error, Expected, Mismatch};

/// How many files each thread can choose from.
const FILES_PER_THREAD: usize = 16;

/// Verifies many files on disk, several at a time, on this many threads or one per core; the results
/// are those of [`verify_file`](crate::verify_file). `verdict` is called on the calling thread with the
/// index into `files`, in the order of completion; [`ControlFlow::Break`] stops the rest.
///
/// Blocks while it reads and hashes: in async code, call it on a thread for blocking work.
///
/// # Errors
///
/// No thread can be started. A file's own error is passed to `verdict`.
///
/// ```
/// use std::ops::ControlFlow;
/// # let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
/// # let path = folder.path().join("shard.bin");
/// std::fs::write(&path, "abc")?;
/// let expected = shard_fetch::Expected {
///     size: 3,
///     md5: Some("900150983cd24fb0d6963f7d28e17f72".parse()?),
///     sha256: None,
/// };
/// let missing = folder.path().join("missing.bin");
/// let mut right = [false; 2];
/// shard_fetch::verify_files(&[(path, expected), (missing, expected)], None, |place, verdict| {
///     right[place] = verdict.is_ok();
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(right, [true, false]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify_files(
    files: &[(PathBuf, Expected)],
    threads: Option<NonZeroUsize>,
    mut verdict: impl FnMut(usize, Result<Digests, Error>) -> ControlFlow<()>,
) -> Result<(), Error> {
    let threads = threads.unwrap_or_else(all_cores).get();
    let stage = HashStage::new(threads.min(files.len()), 0, Engine::detect())?;
    let (sender, results) = mpsc::channel();
    let mut waiting = files.iter().enumerate();
    let mut pending = 0;
    let open_files = threads.saturating_mul(FILES_PER_THREAD);
    loop {
        while pending < open_files
            && let Some((place, (path, expected))) = waiting.next()
        {
            pending += 1;
            submit(&stage, place, path, *expected, sender.clone());
        }
        if pending == 0 {
            break;
        }
        // Cannot fail, since `sender` exists here.
        let Ok((place, result)) = results.recv() else { break };
        pending -= 1;
        if verdict(place, result).is_break() {
            break;
        }
    }
    stage.stop();
    Ok(())
}

type Results = mpsc::Sender<(usize, Result<Digests, Error>)>;

fn submit(stage: &HashStage, place: usize, path: &Path, expected: Expected, results: Results) {
    // A receiver that is gone wants no more verdicts.
    match open(path, &expected) {
        Err(error) => drop(results.send((place, Err(error)))),
        Ok(file) => {
            let path = path.to_owned();
            let job =
                HashJob { path: path.clone(), file: Arc::new(file), expected, keep_alive: Arc::new(()) };
            let deliver = move |digests| drop(results.send((place, compare(path, &expected, digests))));
            stage.submit(job, expected.size, Box::new(deliver));
        }
    }
}

fn open(path: &Path, expected: &Expected) -> Result<File, Error> {
    let disk = |action| move |source| DiskError::new(action, path, source);
    let file = open_plain(path).map_err(disk("open"))?;
    let size = file.metadata().map_err(disk("look at"))?.len();
    if size == expected.size {
        return Ok(file);
    }
    let mismatch = Mismatch::Size { expected: expected.size, actual: ActualSize::Exactly(size) };
    Err(Error::FileMismatch { path: path.to_owned(), mismatch })
}

fn compare(path: PathBuf, expected: &Expected, digests: Result<Digests, Error>) -> Result<Digests, Error> {
    let digests = digests?;
    match expected.check(&digests) {
        Ok(()) => Ok(digests),
        Err(mismatch) => Err(Error::FileMismatch { path, mismatch }),
    }
}
