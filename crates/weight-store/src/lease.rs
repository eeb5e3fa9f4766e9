//! Who is filling the store with a commit, so that not everybody downloads it from the hub at once.
//!
//! A lease only saves work. Whatever becomes of it, a reader of the store finds whole models or none: the worst that a
//! lost, forged or stuck lease does is one more download, or a wait that has an end.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use url_parse::CommitId;

use crate::Error;
use crate::backend::{Condition, Content, Found, Version, Written};
use crate::format::MAX_JSON;
use crate::key::{FORMAT, Key};
use crate::store::Store;

/// What became of the wish to fill the store with a commit.
#[derive(Debug)]
pub enum LeaseTaken {
    /// It is ours to do.
    Ours(Box<Lease>),
    /// Somebody else does it.
    Theirs(LeaseSeen),
    /// This store lets us write no leases.
    NoLeases,
}

/// A lease that is held. When it is dropped without [`release`](Self::release), it stays in the store until somebody
/// takes it over.
#[derive(Debug)]
#[must_use = "others wait until it is released"]
pub struct Lease {
    store: Store,
    key: Key,
    record: LeaseRecord,
    version: Version,
}

/// Another holder's lease, as it was at one moment.
#[derive(Clone, Debug)]
pub struct LeaseSeen {
    record: LeaseRecord,
    version: Version,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LeaseRecord {
    format: u64,
    /// Empty once it was released.
    holder: String,
    /// What the holder has downloaded and written so far.
    #[serde(default)]
    bytes: u64,
    /// What it will have in the end, as far as it knows.
    #[serde(default)]
    of: u64,
}

impl Store {
    /// Asks for the lease of a commit. One that was released is given out again; one that is held, only if it is still as
    /// far as `dead` was, or this holder's, whose answer was lost. To be called where [`init`](Self::init) has found that the store keeps two writers apart.
    ///
    /// # Errors
    /// Any [`Error`].
    ///
    /// # Cancellation
    /// The lease may have been taken; after a while it counts as dead.
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
    /// Shows that the holder is at work, and how far it is. Whether it still is the holder: one that was taken for dead
    /// learns it here, and may as well go on.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn renew(&mut self, bytes: u64, of: u64) -> Result<bool, Error> {
        (self.record.bytes, self.record.of) = (bytes, of);
        let condition = Condition::IfStill(self.version.clone());
        Ok(self.write(condition).await?.is_none())
    }

    /// Gives it back.
    ///
    /// # Errors
    /// Any [`Error`]; after a while the lease counts as dead all the same.
    pub async fn release(mut self) -> Result<(), Error> {
        self.record.holder.clear();
        let condition = Condition::IfStill(self.version.clone());
        self.write(condition).await.map(drop)
    }

    /// Writes the lease if the condition is met, and looks what is there now: a server may have let several writers win,
    /// and the last of them is the holder. That one, if it is somebody else.
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
    /// Who holds it, by its own word.
    pub fn holder(&self) -> &str {
        &self.record.holder
    }

    /// How many bytes the holder will have downloaded and written in the end, by its own word; 0 if it does not know yet.
    pub fn of(&self) -> u64 {
        self.record.of
    }

    /// Whether the same holder has come no further between the two. No clock tells whether a holder is at work.
    pub fn is_as_far(&self, other: &Self) -> bool {
        (&self.record.holder, self.record.bytes) == (&other.record.holder, other.record.bytes)
    }

    fn is_free(&self) -> bool {
        self.record.holder.is_empty()
    }
}

/// What is no lease is free: it is written over.
fn seen(Content { bytes, version, .. }: Content) -> LeaseSeen {
    let record = serde_json::from_slice(&bytes).unwrap_or_else(|_| LeaseRecord {
        format: FORMAT,
        holder: String::new(),
        bytes: 0,
        of: 0,
    });
    LeaseSeen { record, version }
}
