//! The bytes that the hub serves, each content kept once.

mod body;
mod content;

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use md5::Md5;
use sha2::{Digest as _, Sha256};

pub(crate) use body::StoredBody;
pub(crate) use content::Content;

use crate::hex::hex;

/// Up to this size a file is served from memory.
const IN_MEMORY: u64 = 256 * 1024;

/// A folder of file contents, named by their SHA-256.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    unfinished: AtomicU64,
}

/// A content in the store. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) size: u64,
    pub(crate) sha256: String,
    pub(crate) md5: String,
    data: Data,
}

#[derive(Clone, Debug)]
enum Data {
    Memory(Bytes),
    File(Arc<PathBuf>),
}

impl Store {
    pub(crate) fn new(folder: PathBuf) -> Result<Self> {
        fs::create_dir(&folder).with_context(|| format!("create {}", folder.display()))?;
        Ok(Self { folder, unfinished: AtomicU64::new(0) })
    }

    /// Generates, hashes and keeps `content`.
    pub(crate) fn keep(&self, content: &Content) -> Result<Stored> {
        let size = content.size();
        if size <= IN_MEMORY {
            let bytes = content.to_vec();
            let mut digests = Digests::default();
            digests.update(&bytes);
            return Ok(digests.stored(size, Data::Memory(bytes.into())));
        }
        let number = self.unfinished.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.folder.join(format!("unfinished-{number}"));
        self.write(content, &unfinished).with_context(|| format!("write {}", unfinished.display()))
    }

    fn write(&self, content: &Content, unfinished: &PathBuf) -> Result<Stored> {
        let mut file = File::create_new(unfinished)?;
        let mut digests = Digests::default();
        for piece in content.pieces() {
            digests.update(&piece);
            file.write_all(&piece)?;
        }
        let stored = digests.stored(content.size(), Data::Memory(Bytes::new()));
        let path = self.folder.join(&stored.sha256);
        fs::rename(unfinished, &path)?;
        Ok(Stored { data: Data::File(Arc::new(path)), ..stored })
    }
}

/// The bytes of a [`Stored`], ready to be sent.
pub(crate) enum Source {
    /// Exactly these.
    Memory(Bytes),
    /// The requested part of the file.
    File(File),
}

impl Stored {
    /// The source of the bytes in `range`.
    pub(crate) fn source(&self, range: &Range<u64>) -> io::Result<Source> {
        Ok(match &self.data {
            Data::Memory(bytes) => Source::Memory(body::slice(bytes, range)?),
            Data::File(path) => Source::File(File::open(&**path)?),
        })
    }

    /// Writes all bytes to `to`.
    pub(crate) fn copy_to(&self, to: &mut dyn io::Write) -> Result<()> {
        match &self.data {
            Data::Memory(bytes) => to.write_all(bytes)?,
            Data::File(path) => {
                let mut file = File::open(&**path).with_context(|| format!("open {}", path.display()))?;
                let mut buffer = vec![0; 64 * 1024];
                loop {
                    let count = file.read(&mut buffer)?;
                    if count == 0 {
                        break;
                    }
                    to.write_all(buffer.get(..count).unwrap_or_default())?;
                }
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Digests {
    sha256: Sha256,
    md5: Md5,
}

impl Digests {
    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.md5.update(bytes);
    }

    fn stored(self, size: u64, data: Data) -> Stored {
        Stored { size, sha256: hex(&self.sha256.finalize()), md5: hex(&self.md5.finalize()), data }
    }
}
