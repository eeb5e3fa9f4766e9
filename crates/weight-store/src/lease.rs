//! Which machine is filling the store with a commit, so that not every machine downloads it from the
//! hub at once.
//!
//! A lease only saves work. Whatever happens to it, readers of the store find whole models or none: a
//! lost, forged or stuck lease costs at most one more download, or a bounded wait.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use url_parse::CommitId;

use crate::Error;
use crate::backend::{Condition, Content, Found, Version, Written};
use crate::format::MAX_JSON;
use crate::key::{FORMAT, Key};
use crate::store::Store;

/// The result of asking for a lease.
#[derive(Debug)]
pub enum LeaseTaken {
    /// This caller has the lease.
    Ours(Box<Lease>),
    /// Another holder has it.
    Theirs(LeaseSeen),
    /// This caller may not write leases to the store.
    NoLeases,
}

/// A lease that is held. Dropped without [`release`](Self::release), it stays in the store until
/// another holder takes it over.
#[derive(Debug)]
#[must_use = "others wait until it is released"]
pub struct Lease {
    store: Store,
    key: Key,
    record: LeaseRecord,
    version: Version,
}

/// Another holder's lease, as seen at one moment.
#[derive(Clone, Debug)]
pub struct LeaseSeen {
    record: LeaseRecord,
    version: Version,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LeaseRecord {
    format: u64,
    /// Empty after it was released.
    holder: String,
    /// How many bytes the holder has downloaded and written so far.
    #[serde(default)]
    bytes: u64,
    /// How many bytes it expects in total.
    #[serde(default)]
    of: u64,
}

impl Store {
    /// Asks for the lease of a commit. A held lease is taken over if it has not progressed since `dead`
    /// was seen, or if it is `holder`'s own (the response may have been lost). Call it only if
    /// [`init`](Self::init) found that the store keeps two writers apart.
    ///
    /// # Errors
    /// Any [`Error`].
    ///
    /// # Cancellation
    ///
    /// The lease may have been taken; it counts as dead after a while.
    pub async fn take_lease(
        &self,
        commit: &CommitId,
        holder: &str,
        dead: Option<&LeaseSeen>,
    ) -> Result<LeaseTaken, Error> {
        let key = Key::lease(commit);
        let there = match self.backend.get(&key, MAX_JSON as u64, true).await? {
            Found::Content(content) => Some(seen(content)),
            Found::Nothing | Found::Forbidden(..) => None,
        };
        let condition = match there {
            Some(there)
                if !there.is_free()
                    && there.record.holder != holder
                    && !dead.is_some_and(|dead| there.is_as_far(dead)) =>
            {
                return Ok(LeaseTaken::Theirs(there));
            }
            Some(there) => Condition::IfStill(there.version),
            None => Condition::IfAbsent,
        };
        let record = LeaseRecord { format: FORMAT, holder: holder.to_owned(), bytes: 0, of: 0 };
        let mut lease = Lease { store: self.clone(), key, record, version: Version::default() };
        match lease.write(condition).await {
            Ok(None) => Ok(LeaseTaken::Ours(Box::new(lease))),
            Ok(Some(other)) => Ok(LeaseTaken::Theirs(other)),
            Err(Error::Refused { status: 401 | 403, .. }) => Ok(LeaseTaken::NoLeases),
            Err(error) => Err(error),
        }
    }
}

impl Lease {
    /// Reports that the holder is at work, and its progress. Returns whether it still has the lease: a
    /// holder taken for dead learns this here, and may carry on regardless.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn renew(&mut self, bytes: u64, of: u64) -> Result<bool, Error> {
        (self.record.bytes, self.record.of) = (bytes, of);
        let condition = Condition::IfStill(self.version.clone());
        Ok(self.write(condition).await?.is_none())
    }

    /// Gives the lease back.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; the lease then counts as dead after a while.
    pub async fn release(mut self) -> Result<(), Error> {
        self.record.holder.clear();
        let condition = Condition::IfStill(self.version.clone());
        self.write(condition).await.map(drop)
    }

    /// Writes the lease if the condition is met, and reads it back: a server may have let several
    /// writers succeed, and the last of them has the lease. Returns that one if it is another holder.
    async fn write(&mut self, condition: Condition) -> Result<Option<LeaseSeen>, Error> {
        let json: Bytes = serde_json::to_vec(&self.record).unwrap_or_default().into();
        let written = self.store.backend.put(&self.key, json, &condition).await?;
        let now = match self.store.backend.get(&self.key, MAX_JSON as u64, true).await? {
            Found::Content(content) => seen(content),
            Found::Nothing | Found::Forbidden(..) => return Ok(None),
        };
        if written == Written::Not || now.record.holder != self.record.holder {
            return Ok(Some(now));
        }
        self.version = now.version;
        Ok(None)
    }
}

impl LeaseSeen {
    /// The holder's name, as it wrote it.
    pub fn holder(&self) -> &str {
        &self.record.holder
    }

    /// How many bytes the holder expects to download and write, as it wrote it; 0 if it does not know
    /// yet.
    pub fn of(&self) -> u64 {
        self.record.of
    }

    /// Whether the same holder has made no progress between the two. This does not depend on any clock.
    pub fn is_as_far(&self, other: &Self) -> bool {
        (&self.record.holder, self.record.bytes) == (&other.record.holder, other.record.bytes)
    }

    fn is_free(&self) -> bool {
        self.record.holder.is_empty()
    }
}

/// Anything that is not a lease counts as a free one, and is overwritten.
fn seen(Content { bytes, version, .. }: Content) -> LeaseSeen {
    let record = serde_json::from_slice(&bytes).unwrap_or_else(|_| LeaseRecord {
        format: FORMAT,
        holder: String::new(),
        bytes: 0,
        of: 0,
    });
    LeaseSeen { record, version }
}
