//! What a store contains, as its server lists it. Readers need no listing: every name can be computed.

use std::collections::BTreeMap;

use url_parse::{CommitId, Endpoint, ModelId, Revision};

use crate::Error;
use crate::backend::Listed;
use crate::blob_id::BlobId;
use crate::key::{Key, RefName};
use crate::store::Store;

/// The files in a folder of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Names<T> {
    /// Files that belong there.
    pub known: T,
    /// The number of other files: left by interrupted writers, or put there by hand.
    pub others: u64,
    /// The total size of those.
    pub other_bytes: u64,
}

/// What a listed ref names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedRef {
    /// The hub. A store does not record its scheme; https is assumed.
    pub hub: Endpoint,
    /// The model.
    pub model: ModelId,
    /// A branch or a tag; `None` is the default branch.
    pub revision: Option<Revision>,
}

impl ListedRef {
    /// The name, for [`find_ref`](Store::find_ref).
    pub fn name(&self) -> RefName<'_> {
        RefName { hub: &self.hub, model: &self.model, revision: self.revision.as_ref() }
    }
}

impl Store {
    /// All blobs with their sizes.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::NotListable`] for a web server without WebDAV, [`Error::TooMany`].
    pub async fn list_blobs(&self) -> Result<Names<BTreeMap<BlobId, u64>>, Error> {
        let blob = |name: &str| name.strip_prefix("blobs/sha256/")?.parse().ok();
        self.names("blobs/sha256", |listed| Some((blob(&listed.name)?, listed.size))).await
    }

    /// The commits of all packs, with the packs' sizes.
    ///
    /// # Errors
    /// As [`list_blobs`](Self::list_blobs).
    pub async fn list_packs(&self) -> Result<Names<BTreeMap<CommitId, u64>>, Error> {
        let commit = |name: &str| {
            let commit: CommitId = name.strip_prefix("packs/")?.strip_suffix(".pack")?.parse().ok()?;
            // Another server might have changed the case of letters.
            (Key::pack(&commit).as_str() == name).then_some(commit)
        };
        self.names("packs", |listed| Some((commit(&listed.name)?, listed.size))).await
    }

    /// All refs, by name. Refs of very long revisions, whose names are cut, count as other files.
    ///
    /// # Errors
    /// As [`list_blobs`](Self::list_blobs).
    pub async fn list_refs(&self) -> Result<Names<Vec<ListedRef>>, Error> {
        let mut refs: Names<Vec<ListedRef>> =
            self.names("refs", |listed| ListedRef::of(&Key::listed(&listed.name))).await?;
        refs.known.sort_by_cached_key(|listed| Key::reference(&listed.name()).as_str().to_owned());
        Ok(refs)
    }

    async fn names<T, C: Default + Extend<T>>(
        &self,
        folder: &'static str,
        parse: impl Fn(&Listed) -> Option<T>,
    ) -> Result<Names<C>, Error> {
        let mut names = Names { known: C::default(), others: 0, other_bytes: 0 };
        for listed in self.backend.list(folder).await? {
            if let Some(known) = parse(&listed) {
                names.known.extend([known]);
            } else {
                names.others += 1;
                names.other_bytes += listed.size;
            }
        }
        Ok(names)
    }
}

impl ListedRef {
    fn of(key: &Key) -> Option<Self> {
        let (hub, model, revision) = key.parts_of_ref()?;
        Some(Self { hub, model, revision })
    }
}
