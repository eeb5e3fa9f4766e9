//! Reads a blob to verify it.

use std::path::Path;

use net::{Hop, Request};
use reqwest::header::{self, HeaderValue};
use sha2::{Digest as _, Sha256};
use url_parse::{DiskError, size};

use crate::Error;
use crate::backend::{BlobPlace, refused};
use crate::blob::{Blob, Hashing, OnRead, read_on};
use crate::blob_id::BlobId;
use crate::folder::open_plain;
use crate::key::Key;
use crate::store::Store;

/// How much of a file is held in memory.
const PIECE: usize = 1 << 20;

/// The state of a blob in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobVerdict {
    /// It is correct.
    Right,
    /// It is missing.
    Missing,
    /// It is something else; the reason.
    Wrong(String),
}

impl Store {
    /// Reads a blob and hashes it, in one attempt. The bytes are not kept, and no more than `size` are
    /// read.
    ///
    /// # Errors
    ///
    /// Any [`Error`], except that a missing blob is no error.
    pub async fn inspect_blob(&self, id: &BlobId, size: u64, on_read: &OnRead) -> Result<BlobVerdict, Error> {
        match self.locate(id).await? {
            BlobPlace::File(file) => {
                let blob = Blob { id: *id, size, file, on_read: on_read.clone() };
                self.inspect_file(blob).await
            }
            place => self.inspect_url(place, id, size, on_read).await,
        }
    }

    async fn inspect_file(&self, blob: Blob) -> Result<BlobVerdict, Error> {
        let Some(found) = self.backend.presence(&Key::blob(&blob.id)).await? else {
            return Ok(BlobVerdict::Missing);
        };
        if found.size != blob.size {
            return Ok(wrong_size(found.size, blob.size));
        }
        let mut hashing = net::blocking(move || open(&blob)).await?;
        loop {
            let piece;
            (hashing, piece) = read_on(hashing, PIECE).await?;
            if piece.is_empty() {
                break;
            }
        }
        match net::blocking(move || hashing.finish()).await {
            Ok(()) => Ok(BlobVerdict::Right),
            Err(Error::OtherContent { .. }) => Ok(other_bytes()),
            Err(error) => Err(error),
        }
    }

    async fn inspect_url(
        &self,
        place: BlobPlace,
        id: &BlobId,
        size: u64,
        on_read: &OnRead,
    ) -> Result<BlobVerdict, Error> {
        let BlobPlace::Url { url, headers, .. } = place else { return Ok(BlobVerdict::Missing) };
        let shown = self.at(&Key::blob(id));
        let mut request = Request::get(url, "read", Hop::Store);
        request.own_headers = headers;
        // Bypass caches on the way.
        request.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let mut answer = self.client.send(request, &()).await?;
        match answer.status().as_u16() {
            200 => {}
            404 | 410 => return Ok(BlobVerdict::Missing),
            403 if self.is_readable().await => return Ok(BlobVerdict::Missing),
            _ => return Err(refused(answer, "read", &shown).await),
        }
        let (mut sha256, mut read) = (Sha256::new(), 0);
        while let Some(piece) = answer.chunk().await? {
            read += piece.len() as u64;
            if read > size {
                return Ok(BlobVerdict::Wrong(format!("it has more than {size} bytes")));
            }
            sha256.update(&piece);
            on_read.tell(piece.len());
        }
        if read != size {
            return Ok(wrong_size(read, size));
        }
        Ok(if sha256.finalize()[..] == *id.as_bytes() { BlobVerdict::Right } else { other_bytes() })
    }
}

fn open(blob: &Blob) -> Result<Hashing, Error> {
    let failed = |source| Error::from(DiskError::new("read", Path::new(&blob.file), source));
    Ok(Hashing::of(blob, open_plain(&blob.file).map_err(failed)?))
}

fn wrong_size(actual: u64, expected: u64) -> BlobVerdict {
    BlobVerdict::Wrong(format!("it has {} of {}", size(actual), size(expected)))
}

fn other_bytes() -> BlobVerdict {
    BlobVerdict::Wrong("it has another SHA-256".to_owned())
}
