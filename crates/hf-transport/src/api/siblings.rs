//! A commit's files as listed in a model's description, for mirrors that have no listing of files.
//!
//! The Hugging Face hub includes digests there on request. A mirror may have kept only the names; then
//! each file's location is requested, and the response contains the digest.

use std::fmt;

use net::SafeUrl;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use url_parse::{CommitId, RepoPath, Revision};

use super::Api;
use super::listing::{List, Listed, ListedKind, Listing};
use crate::Error;
use crate::export::MAX_ENTRIES;

#[derive(Deserialize)]
struct Siblings {
    #[serde(deserialize_with = "bounded")]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob: Option<String>,
    lfs: Option<SiblingLfs>,
}

#[derive(Deserialize)]
struct SiblingLfs {
    sha256: String,
    size: u64,
}

impl Sibling {
    fn kind(&self) -> Option<ListedKind> {
        match (&self.lfs, &self.blob) {
            (Some(lfs), _) => ListedKind::lfs(&lfs.sha256, lfs.size),
            (None, Some(blob)) => ListedKind::plain(blob, self.size),
            (None, None) => None,
        }
    }
}

/// Reads a list, and fails if it has more files than allowed.
fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Sibling>, D::Error> {
    struct Bounded;
    impl<'de> Visitor<'de> for Bounded {
        type Value = Vec<Sibling>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MAX_ENTRIES} files")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut files: A) -> Result<Vec<Sibling>, A::Error> {
            let mut list = Vec::new();
            while let Some(file) = files.next_element()? {
                if list.len() as u64 == MAX_ENTRIES {
                    return Err(A::Error::invalid_length(list.len() + 1, &self));
                }
                list.push(file);
            }
            Ok(list)
        }
    }
    deserializer.deserialize_seq(Bounded)
}

#[cfg(feature = "fuzzing")]
pub(super) fn told(api: &Api<'_>, body: &[u8]) -> Option<usize> {
    let told: Siblings = serde_json::from_slice(&net::standard_json(body)).ok()?;
    let mut list = List::new(api.model.clone());
    let paths: Result<Vec<_>, _> = told.siblings.iter().map(|file| list.path(&file.rfilename)).collect();
    let with_digest = told.siblings.iter().filter(|file| file.kind().is_some()).count();
    paths.ok().map(|paths| paths.len().max(with_digest))
}

impl Api<'_> {
    /// The files of a commit, from the model's description.
    pub(super) async fn list_siblings(&self, commit: CommitId) -> Result<Listing, Error> {
        let mut url = self.revision_url(Some(&Revision::from(commit)));
        url.set_query(Some("blobs=true"));
        let (body, _) = self.get(&url, "list the files at", &commit.to_string()).await?;
        let unusable = Error::UnusableAnswer { url: SafeUrl::of(&url), problem: "it is not a list of files" };
        let parsed =
            net::blocking(move || serde_json::from_slice(&net::standard_json(&body)).map_err(|_| unusable));
        let told: Siblings = parsed.await?;
        let mut list = List::new(self.model.clone());
        for file in told.siblings {
            let Some(path) = list.path(&file.rfilename)? else { continue };
            let kind = match file.kind() {
                Some(kind) => kind,
                None => self
                    .located_kind(commit, &path)
                    .await?
                    .ok_or_else(|| list.unusable(&path, "the hub does not give its digest and size"))?,
            };
            list.found.files.push(Listed { path, kind });
        }
        Ok(list.found)
    }

    async fn located_kind(&self, commit: CommitId, path: &RepoPath) -> Result<Option<ListedKind>, Error> {
        let (digest, size) = self.hub.digest_of_file(self.model, &commit, path).await?;
        let Some(digest) = digest else { return Ok(None) };
        let lfs = size.and_then(|size| ListedKind::lfs(&digest, size));
        Ok(lfs.or_else(|| ListedKind::plain(&digest, size)))
    }
}
