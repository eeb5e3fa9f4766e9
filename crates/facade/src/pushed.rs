//! How a model is put into a store, and what became of it.

use url_parse::CommitId;
use weight_store::Put;

/// How a model is put into a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushOptions {
    /// Write what is there already too: it may be rotten.
    pub replace: bool,
    /// Push a model that needs a token. All readers of the store can read it then.
    pub allow_private: bool,
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pushed {
    /// The store's address.
    pub store: String,
    /// The commit that is there now.
    pub commit: CommitId,
    /// How many files were written.
    pub files: u64,
    /// Their sizes, added up.
    pub bytes: u64,
    /// How many files were there.
    pub files_there: u64,
    /// Their sizes, added up.
    pub bytes_there: u64,
    /// What became of the name that was asked for.
    pub name: PushedName,
}

/// What became of a name for the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushedName {
    /// A full commit was asked for.
    NotAsked,
    /// The name stands for the commit now.
    Written,
    /// The store has a commit for it that was seen later, which stays.
    Later(CommitId),
    /// The hub has another commit under the name by now: the cached model is an earlier one.
    MovedOn(CommitId),
}

impl Pushed {
    pub(crate) fn new(store: String, commit: CommitId) -> Self {
        let name = PushedName::NotAsked;
        Self { store, commit, files: 0, bytes: 0, files_there: 0, bytes_there: 0, name }
    }

    pub(crate) fn count(&mut self, size: u64, put: Put) {
        let (files, bytes) = match put {
            Put::Written => (&mut self.files, &mut self.bytes),
            Put::WasThere => (&mut self.files_there, &mut self.bytes_there),
        };
        *files += 1;
        *bytes += size;
    }
}
