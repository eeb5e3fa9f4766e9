//! Blobs to be written to a store: files that are hashed while they are read.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use sha2::{Digest as _, Sha256};
use url_parse::DiskError;

use crate::blob_id::BlobId;
use crate::error::Error;

/// Is told how many bytes of a blob have just been read, on any thread. Must not block.
#[derive(Clone, Default)]
pub struct OnRead(Option<Arc<dyn Fn(u64) + Send + Sync>>);

impl OnRead {
    /// Calls this function.
    pub fn new(tell: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    pub(crate) fn tell(&self, bytes: usize) {
        if let Some(tell) = &self.0 {
            tell(bytes as u64);
        }
    }
}

impl fmt::Debug for OnRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnRead(…)")
    }
}

/// A blob to be written to a store, and the file that holds it.
#[derive(Clone, Debug)]
pub struct Blob {
    /// The blob's digest.
    pub id: BlobId,
    /// Its size in bytes.
    pub size: u64,
    /// Its file. It is hashed while it is read, and refused if it is a different blob.
    pub file: PathBuf,
    /// Is told about progress.
    pub on_read: OnRead,
}

/// A file that is hashed while it is read. Its methods block.
pub(crate) struct Hashing {
    blob: Blob,
    file: File,
    read: u64,
    sha256: Sha256,
}

impl Hashing {
    pub(crate) fn open(blob: &Blob) -> Result<Self, Error> {
        let failed = |source| Error::from(DiskError::new("read", &blob.file, source));
        Ok(Self::of(blob, File::open(&blob.file).map_err(failed)?))
    }

    pub(crate) fn of(blob: &Blob, file: File) -> Self {
        Self { blob: blob.clone(), file, read: 0, sha256: Sha256::new() }
    }

    /// The next `size` bytes, or fewer for the last piece. Empty at the end of the file or after the
    /// blob's last byte.
    pub(crate) fn piece(&mut self, size: usize) -> Result<Bytes, Error> {
        let left = usize::try_from(self.blob.size - self.read).unwrap_or(usize::MAX);
        let mut piece = BytesMut::zeroed(size.min(left));
        let mut filled = 0;
        while let Some(rest) = piece.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(DiskError::new("read", &self.blob.file, source).into()),
            }
        }
        piece.truncate(filled);
        self.sha256.update(&piece);
        self.read += filled as u64;
        self.blob.on_read.tell(filled);
        Ok(piece.freeze())
    }

    /// Checks that the bytes read are the blob, and that the file ends there.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        let failed = |source| Error::from(DiskError::new("read", &self.blob.file, source));
        let follows = self.file.read(&mut [0; 1]).map_err(failed)?;
        let is_right = follows == 0 && self.read == self.blob.size;
        if is_right && self.sha256.finalize()[..] == *self.blob.id.as_bytes() {
            return Ok(());
        }
        Err(Error::OtherContent { path: self.blob.file, id: self.blob.id })
    }
}

/// Reads the next piece on a thread for blocking work.
pub(crate) async fn read_on(mut hashing: Hashing, size: usize) -> Result<(Hashing, Bytes), Error> {
    net::blocking(move || {
        let piece = hashing.piece(size)?;
        Ok((hashing, piece))
    })
    .await
}

/// Reads and verifies a whole file without sending it.
pub(crate) async fn check(blob: &Blob) -> Result<(), Error> {
    let blob = blob.clone();
    net::blocking(move || {
        let mut hashing = Hashing::open(&blob)?;
        while !hashing.piece(1 << 20)?.is_empty() {}
        hashing.finish()
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_content_passes() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let file = folder.path().join("content");
        let id = BlobId::from_bytes(Sha256::digest("content").into());
        let read = |bytes: &str, size| {
            std::fs::write(&file, bytes).unwrap();
            let mut hashing =
                Hashing::open(&Blob { id, size, file: file.clone(), on_read: OnRead::default() })?;
            let pieces =
                std::iter::from_fn(|| Some(hashing.piece(3).unwrap()).filter(|piece| !piece.is_empty()));
            let pieces: Vec<Bytes> = pieces.collect();
            hashing.finish().map(|()| pieces)
        };
        assert_eq!(read("content", 7).unwrap(), ["con", "ten", "t"]);
        for (bytes, size) in [("content", 6), ("content", 8), ("Content", 7), ("contents", 7), ("", 7)] {
            assert!(matches!(read(bytes, size), Err(Error::OtherContent { .. })), "{bytes} {size}");
        }
    }
}
