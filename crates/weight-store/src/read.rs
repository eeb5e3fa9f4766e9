//! Reading from a store.

use bytes::Bytes;
use net::SafeUrl;
use url_parse::CommitId;

use crate::Error;
use crate::backend::{BlobPlace, Content, Found};
use crate::blob_id::BlobId;
use crate::format::{MAX_JSON, RefRecord, StoreInfo};
use crate::key::{Key, RefName};
use crate::store::Store;

/// Packs of models have a few megabytes, since large files are in LFS. One is held in memory.
pub(crate) const MAX_PACK: u64 = 64 << 20;

impl Store {
    /// Where a blob would be. Sends no request, unless credentials must be obtained.
    ///
    /// # Errors
    ///
    /// Those of obtaining credentials.
    pub async fn locate(&self, blob: &BlobId) -> Result<BlobPlace, Error> {
        self.backend.place(&Key::blob(blob)).await
    }

    /// The address of a commit's pack, for messages.
    pub fn shown_pack(&self, commit: &CommitId) -> SafeUrl {
        self.at(&Key::pack(commit))
    }

    /// The address of a blob, for messages.
    pub fn shown_blob(&self, blob: &BlobId) -> SafeUrl {
        self.at(&Key::blob(blob))
    }

    /// The address of a ref, for messages.
    pub fn shown_ref(&self, name: &RefName<'_>) -> SafeUrl {
        self.at(&Key::reference(name))
    }

    /// The pack of a commit; `None` if the store does not have it. The pack is not verified: it may be
    /// anything of at most 64 MiB.
    ///
    /// # Errors
    ///
    /// Any [`Error`], except that a missing pack is no error.
    pub async fn find_pack(&self, commit: &CommitId) -> Result<Option<Bytes>, Error> {
        self.pack(commit, false).await
    }

    /// Like [`find_pack`](Self::find_pack), bypassing caches, for use after a wrong pack.
    ///
    /// # Errors
    ///
    /// As [`find_pack`](Self::find_pack).
    pub async fn find_pack_past_caches(&self, commit: &CommitId) -> Result<Option<Bytes>, Error> {
        self.pack(commit, true).await
    }

    /// Whether the pack of a commit exists, and hence the whole model.
    ///
    /// # Errors
    ///
    /// As [`find_pack`](Self::find_pack).
    pub async fn has_pack(&self, commit: &CommitId) -> Result<bool, Error> {
        Ok(self.backend.presence(&Key::pack(commit)).await?.is_some())
    }

    async fn pack(&self, commit: &CommitId, is_fresh: bool) -> Result<Option<Bytes>, Error> {
        let found = self.get(&Key::pack(commit), MAX_PACK, is_fresh).await?;
        Ok(found.map(|content| content.bytes))
    }

    /// The commit that a name stands for; `None` if the store has no such ref. It is only as reliable
    /// as the store's writers. A time in the future is replaced by the store's own time, so that it
    /// gives no advantage.
    ///
    /// # Errors
    ///
    /// Any [`Error`], except that a missing ref is no error.
    pub async fn find_ref(&self, name: &RefName<'_>) -> Result<Option<RefRecord>, Error> {
        let key = Key::reference(name);
        let Some(content) = self.get(&key, MAX_JSON as u64, true).await? else { return Ok(None) };
        let mut record = RefRecord::parse(&content.bytes, name, &self.at(&key))?;
        let now = content.now();
        if !record.has_come(now) {
            record.seen_at = now;
        }
        Ok(Some(record))
    }

    /// The store's description of itself; `None` if it was never set up.
    ///
    /// # Errors
    ///
    /// Any [`Error`], except that absence is no error; [`Error::LaterFormat`] if this version cannot
    /// read the store.
    pub async fn info(&self) -> Result<Option<StoreInfo>, Error> {
        let key = Key::info();
        match self.backend.get(&key, MAX_JSON as u64, true).await? {
            Found::Content(content) => StoreInfo::parse(&content.bytes, &self.at(&key)).map(Some),
            Found::Nothing => Ok(None),
            Found::Forbidden(error, _) => Err(error),
        }
    }

    pub(crate) async fn get(&self, key: &Key, limit: u64, is_fresh: bool) -> Result<Option<Content>, Error> {
        match self.backend.get(key, limit, is_fresh).await? {
            Found::Content(content) => Ok(Some(content)),
            Found::Nothing => Ok(None),
            Found::Forbidden(..) if self.is_readable().await => Ok(None),
            Found::Forbidden(error, _) => Err(error),
        }
    }

    /// Whether this caller may read the store. A bucket answers 403 for a missing object if the caller
    /// may not list it; the description, which every store has, shows whether reading is forbidden
    /// altogether.
    pub async fn is_readable(&self) -> bool {
        matches!(self.info.get_or_try_init(|| self.info()).await, Ok(Some(_)))
    }
}
