//! Writing to a store.
//!
//! Nobody has to agree with anybody: a content has its digest for a name, so that two who write it write the same, and a
//! name for a commit is written after all that the commit needs. What a writer that was stopped has left is found there
//! by the next one.

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

/// A ref that was written while this one was compared with it is read again so often.
const MAX_ROUNDS: usize = 5;

/// What became of a content or a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was written.
    Written,
    /// It was there. Of a content, its size was compared, and its checksum where the server has one; of a pack, its size.
    WasThere,
}

/// What became of a ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefPut {
    /// It was written.
    Written,
    /// The store has one that was seen later, which stays.
    Later(RefRecord),
}

impl Store {
    /// Sets the store up, if it is not, and tries whether it keeps two writers apart. To be called before anything is
    /// written.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::LaterFormat`] where it cannot be written by this version.
    pub async fn init(&self) -> Result<StoreInfo, Error> {
        let (cautious, able) = (StoreInfo::new(false), StoreInfo::new(true));
        let there = self.info().await?;
        if there.is_some_and(|info| info.conditional_put) {
            return Ok(able);
        }
        // Nothing is promised before it was seen, lest a promise stay behind when this is broken off.
        if there.is_none() {
            self.put_info(cautious, &Condition::IfAbsent).await?;
        }
        if !self.backend.knows_conditions() {
            return Ok(cautious);
        }
        // What is there without a promise may be by somebody who sets the store up at this moment, or was stopped.
        match self.put_info(cautious, &Condition::IfAbsent).await {
            Ok(Written::Not) => {}
            Ok(Written::Done) => return Ok(cautious),
            Err(error) if there.is_none() => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "whether the store keeps two writers apart cannot be tried");
                return Ok(cautious);
            }
        }
        self.put_info(able, &Condition::Always).await?;
        Ok(able)
    }

    async fn put_info(&self, info: StoreInfo, condition: &Condition) -> Result<Written, Error> {
        self.backend.put(&Key::info(), info.to_json().into(), condition).await
    }

    /// Whether a content of this name and size is there, by the word of the server: nothing is read.
    ///
    /// # Errors
    /// Any [`Error`] but absence.
    pub async fn has_blob(&self, id: &BlobId, size: u64) -> Result<bool, Error> {
        let there = self.backend.presence(&Key::blob(id)).await?;
        Ok(there.is_some_and(|there| there.is(id, size)))
    }

    /// Puts a content into the store, unless one of that name and size is there, and of no other checksum where the server
    /// has one. With `replace` it is written in any
    /// case, which mends one that is rotten. It is not seen under its name before all of it was found to be right.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::OtherContent`] where the file is not what it is said to be.
    ///
    /// # Cancellation
    /// What was begun is broken off, or, in a folder, comes to its end. A bucket may keep the parts of a large content
    /// until a rule of its own removes them.
    pub async fn put_blob(&self, blob: &Blob, replace: bool) -> Result<Put, Error> {
        let key = Key::blob(&blob.id);
        let there = self.backend.presence(&key).await?;
        if !replace && there.is_some_and(|there| there.is(&blob.id, blob.size)) {
            return Ok(Put::WasThere);
        }
        tracing::debug!(url = %self.at(&key), bytes = blob.size, "writing a content");
        // One that is another is nobody's work under way: nothing is seen before it is whole.
        self.backend.put_blob(&key, blob, replace || there.is_some()).await?;
        Ok(Put::Written)
    }

    /// Puts the pack of a commit into the store, unless one of that size is there; with `replace`, in any case. To be
    /// called when all contents that the commit needs are there.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::TooLarge`] for one of more than 64 MiB, which no reader takes.
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

    /// Lets a name stand for a commit, unless the store has a record that was seen later: who is slow does not turn a name
    /// back. To be called when the commit's pack is there, and after [`init`](Self::init).
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Contended`] where others were faster each time.
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

    /// What is there, if it was seen later. What is no ref, or is of a time that has not come, is written over.
    fn later(
        &self,
        there: &Content,
        name: &RefName<'_>,
        record: &RefRecord,
    ) -> Result<Option<RefRecord>, Error> {
        let other = match RefRecord::parse(&there.bytes, name, &self.at(&Key::reference(name))) {
            Ok(other) => other,
            Err(error @ Error::Corrupt { .. }) => {
                tracing::warn!(%error, "a ref is written over");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(Some(other).filter(|other| other.has_come(there.now()) && other.seen_at > record.seen_at))
    }
}
