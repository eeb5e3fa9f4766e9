//! The options and the result of a push.

use url_parse::CommitId;
use weight_store::Put;

/// How a model is put into a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PushOptions {
    /// Also overwrite existing files, which may be damaged.
    pub replace: bool,
    /// Push a model that needs a token. Everyone who can read the store can then read it.
    pub allow_private: bool,
}

impl PushOptions {
    /// The same options with another [`replace`](field@Self::replace).
    #[must_use]
    pub const fn replace(self, replace: bool) -> Self {
        Self { replace, ..self }
    }

    /// The same options with another [`allow_private`](field@Self::allow_private).
    #[must_use]
    pub const fn allow_private(self, allow_private: bool) -> Self {
        Self { allow_private, ..self }
    }
}

/// The result of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pushed {
    /// The store's address.
    pub store: String,
    /// The commit that was pushed.
    pub commit: CommitId,
    /// The number of files written.
    pub files: u64,
    /// The sum of their sizes.
    pub bytes: u64,
    /// The number of files that were already there.
    pub files_there: u64,
    /// The sum of their sizes.
    pub bytes_there: u64,
    /// What happened to the requested name.
    pub name: PushedName,
}

/// What happened to a name for the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PushedName {
    /// A full commit was requested, so there is no name.
    NotAsked,
    /// The name now stands for the commit.
    Written,
    /// The store has a commit for it that was seen later, and keeps it.
    Later(CommitId),
    /// On the hub the name now stands for another commit: the cached model is an earlier one.
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
