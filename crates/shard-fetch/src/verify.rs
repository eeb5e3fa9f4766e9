//! Verifies a file on disk.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use url_parse::DiskError;

use crate::plain::open_plain;
use crate::{ActualSize, Digests, Error, Expected, Mismatch, StreamHasher};

/// How much is read at once. A manifest is no larger, and more is no faster.
const BUFFER_BYTES: usize = 128 << 10;

/// Reads the file at `path` and compares its size and digests with `expected`. A wrong size is detected
/// without reading. Blocks while it reads and hashes: in async code, call it on a thread for blocking
/// work.
///
/// # Errors
///
/// [`Error::FileMismatch`] if the content differs, [`Error::Disk`] if the file cannot be read.
pub fn verify_file(path: &Path, expected: &Expected) -> Result<Digests, Error> {
    let disk = |action| move |source| DiskError::new(action, path, source);
    let mismatch = |mismatch| Error::FileMismatch { path: path.to_owned(), mismatch };

    let mut file = open_plain(path).map_err(disk("open"))?;
    let size = file.metadata().map_err(disk("look at"))?.len();
    if size != expected.size {
        return Err(mismatch(Mismatch::Size { expected: expected.size, actual: ActualSize::Exactly(size) }));
    }
    let digests = hash(&mut file, StreamHasher::for_expected(expected)).map_err(disk("read"))?;
    expected.check(&digests).map_err(mismatch)?;
    Ok(digests)
}

/// The size and all digests of the plain file at `path`; links are followed. Blocks like
/// [`verify_file`].
///
/// # Errors
///
/// [`Error::Disk`] if the file cannot be read.
pub fn digest_file(path: &Path) -> Result<Digests, Error> {
    let disk = |action| move |source| DiskError::new(action, path, source);
    digest_open_file(open_plain(path).map_err(disk("open"))?, path)
}

/// Like [`digest_file`], for an open file; `path` is for messages.
///
/// # Errors
///
/// [`Error::Disk`] if the file cannot be read.
pub fn digest_open_file(mut file: File, path: &Path) -> Result<Digests, Error> {
    let digests = hash(&mut file, StreamHasher::for_all());
    Ok(digests.map_err(|source| DiskError::new("read", path, source))?)
}

fn hash(file: &mut File, mut hasher: StreamHasher) -> io::Result<Digests> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}
