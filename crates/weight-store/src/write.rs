//! Writing to a store.
//!
//! Writers need no coordination. A blob is named by its digest, so concurrent writers of one blob write
//! the same bytes; and a ref is written after everything that its commit needs. If a writer stops
//! half-way, the next one finds what it left.

use bytes::Bytes;
use url_parse::CommitId;

use crate::Error;
use crate::backend::{Condition, Content, Written};
use crate::blob::Blob;
use crate::blob_id::BlobId;
use crate::format::{MAX_JSON, RefRecord, StoreInfo};
use crate::key::{Key, RefName};
use crate::read::MAX_PACK;
use crate::store::Store;

/// How often a ref is read again because it changed while it was compared.
const MAX_ROUNDS: usize = 5;

/// The result of putting a blob or a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Put {
    /// It was written.
    Written,
    /// It existed. For a blob, its size was compared, and its checksum if the server keeps one; for a
    /// pack, its size.
    WasThere,
}

/// The result of putting a ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefPut {
    /// It was written.
    Written,
    /// The store has a ref that was seen later and keeps it.
    Later(RefRecord),
}

impl Store {
    /// Sets the store up if needed, and tests whether it keeps two writers apart. Call this before
    /// writing anything.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; [`Error::LaterFormat`] if this version cannot write the store.
    pub async fn init(&self) -> Result<StoreInfo, Error> {
        let (cautious, able) = (StoreInfo::new(false), StoreInfo::new(true));
        let there = self.info().await?;
        if there.is_some_and(|info| info.conditional_put) {
            return Ok(able);
        }
        // The ability is recorded only after it was tested, so that an interruption leaves no untested
        // promise.
        if there.is_none() {
            self.put_info(cautious, &Condition::IfAbsent).await?;
        }
        if !self.backend.knows_conditions() {
            return Ok(cautious);
        }
        // A description without the promise may come from a writer that is setting the store up right
        // now, or was stopped.
        match self.put_info(cautious, &Condition::IfAbsent).await {
            Ok(Written::Not) => {}
            Ok(Written::Done) => return Ok(cautious),
            Err(error) if there.is_none() => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "cannot determine whether the store has conditional writes");
                return Ok(cautious);
            }
        }
        self.put_info(able, &Condition::Always).await?;
        Ok(able)
    }

    async fn put_info(&self, info: StoreInfo, condition: &Condition) -> Result<Written, Error> {
        self.backend.put(&Key::info(), info.to_json().into(), condition).await
    }

    /// Whether a blob with this digest and size exists, according to the server: it is not read.
    ///
    /// # Errors
    ///
    /// Any [`Error`], except that a missing blob is no error.
    pub async fn has_blob(&self, id: &BlobId, size: u64) -> Result<bool, Error> {
        let there = self.backend.presence(&Key::blob(id)).await?;
        Ok(there.is_some_and(|there| there.is(id, size)))
    }

    /// Puts a blob into the store, unless it is there with the right size and, if the server keeps one,
    /// the right checksum. With `replace` it is always written, which repairs a damaged one. It becomes
    /// visible only after it was verified.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; [`Error::OtherContent`] if the file is a different blob.
    ///
    /// # Cancellation
    ///
    /// The upload is aborted; in a folder, a running write completes. A bucket may keep parts of a
    /// large blob until its own lifecycle rule removes them.
    pub async fn put_blob(&self, blob: &Blob, replace: bool) -> Result<Put, Error> {
        let key = Key::blob(&blob.id);
        let there = self.backend.presence(&key).await?;
        if !replace && there.is_some_and(|there| there.is(&blob.id, blob.size)) {
            return Ok(Put::WasThere);
        }
        tracing::debug!(url = %self.at(&key), bytes = blob.size, "writing a blob");
        // Not another writer's unfinished work, since nothing incomplete is visible; so it may be
        // replaced.
        self.backend.put_blob(&key, blob, replace || there.is_some()).await?;
        Ok(Put::Written)
    }

    /// Puts the pack of a commit into the store, unless one of that size is there; with `replace`,
    /// always. Call this after all blobs of the commit are there.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; [`Error::TooLarge`] for a pack of more than 64 MiB, which no reader accepts.
    pub async fn put_pack(&self, commit: &CommitId, pack: Bytes, replace: bool) -> Result<Put, Error> {
        let key = Key::pack(commit);
        if pack.len() as u64 > MAX_PACK {
            return Err(Error::TooLarge { url: self.at(&key), limit: MAX_PACK });
        }
        let there = self.backend.presence(&key).await?;
        if !replace && there.is_some_and(|there| there.size == pack.len() as u64) {
            return Ok(Put::WasThere);
        }
        self.backend.put(&key, pack, &Condition::Always).await?;
        Ok(Put::Written)
    }

    /// Makes a name stand for a commit, unless the store has a record that was seen later, so that a
    /// slow writer does not turn a name back. Call this after [`init`](Self::init), when the commit's
    /// pack is there.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; [`Error::Contended`] if other writers were faster each time.
    pub async fn put_ref(&self, name: &RefName<'_>, record: &RefRecord) -> Result<RefPut, Error> {
        let (key, json) = (Key::reference(name), Bytes::from(record.to_json(name)));
        let knows_conditions = self.info().await?.is_some_and(|info| info.conditional_put);
        for _ in 0..MAX_ROUNDS {
            let there = self.get(&key, MAX_JSON as u64, true).await?;
            if let Some(there) = &there
                && let Some(later) = self.later(there, name, record)?
            {
                return Ok(RefPut::Later(later));
            }
            let condition = match there {
                _ if !knows_conditions => Condition::Always,
                Some(there) => Condition::IfStill(there.version),
                None => Condition::IfAbsent,
            };
            if self.backend.put(&key, json.clone(), &condition).await? == Written::Done {
                return Ok(RefPut::Written);
            }
        }
        Err(Error::Contended { url: self.at(&key) })
    }

    /// The existing record, if it was seen later. A file that is not a ref, or has an implausible time,
    /// is overwritten.
    fn later(
        &self,
        there: &Content,
        name: &RefName<'_>,
        record: &RefRecord,
    ) -> Result<Option<RefRecord>, Error> {
        let other = match RefRecord::parse(&there.bytes, name, &self.at(&Key::reference(name))) {
            Ok(other) => other,
            Err(error @ Error::Corrupt { .. }) => {
                tracing::warn!(%error, "overwriting a ref");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(Some(other).filter(|other| other.has_come(there.now()) && other.seen_at > record.seen_at))
    }
}
