//! A revision over the API: the listing of its commit, and the plain files one by one, each checked
//! against the id of its git blob.

use std::sync::Arc;

use bytes::Bytes;
use git2::Oid;
use net::{Hop, Request};
use url_parse::{CommitId, Proof, RepoPath, Revision};

use super::listing::{Listed, ListedKind, Listing};
use super::{Api, OverApi};
use crate::export::{Allowance, ExportFolder};
use crate::kept::{Kept, is_blob, name_of};
use crate::metadata::DEFAULT_BRANCH;
use crate::{Error, FileKind, MetadataRequest, RepoFile, RepoSnapshot};

/// A file is held in memory until it is verified. Every hub keeps larger files in LFS.
const MAX_FILE: u64 = 64 << 20;

impl Api<'_> {
    /// The commit and plain files of a revision, according to the hub. Reports if no such API is
    /// served.
    pub(crate) async fn snapshot(&self, request: &MetadataRequest) -> Result<OverApi, Error> {
        match self.list_revision(request.revision.as_ref()).await {
            Ok((commit, listing)) => Ok(OverApi::Snapshot(self.fetch(request, commit, listing).await?)),
            Err(error) if error.is_not_served() => Ok(OverApi::NotServed(error)),
            Err(error) => Err(error),
        }
    }

    async fn list_revision(&self, revision: Option<&Revision>) -> Result<(CommitId, Listing), Error> {
        // The API does not know git's name for the default branch.
        let revision = revision.filter(|revision| revision.as_str() != DEFAULT_BRANCH);
        let commit = match revision.and_then(Revision::commit) {
            Some(commit) => commit,
            None => self.commit_of(revision).await?,
        };
        let listing = match self.list(commit).await {
            Err(error) if error.is_not_served() => match self.list_siblings(commit).await {
                Err(other) if other.is_not_served() => return Err(error),
                listing => listing?,
            },
            listing => listing?,
        };
        Ok((commit, listing))
    }

    /// Writes the plain files and lists all files. They are few and small, and are fetched one after
    /// another.
    async fn fetch(
        &self,
        request: &MetadataRequest,
        commit: CommitId,
        listing: Listing,
    ) -> Result<RepoSnapshot, Error> {
        let mut left = Allowance::new(self.hub.config().max_metadata_bytes);
        let mut files = Vec::with_capacity(listing.files.len());
        for Listed { path, kind } in listing.files {
            let (kind, size) = match kind {
                ListedKind::Lfs(pointer) => (FileKind::Lfs(pointer), pointer.size),
                ListedKind::Plain { size, blob } => {
                    left.spend(size.unwrap_or(0))
                        .map_err(|limit| self.too_much("bytes to receive", limit))?;
                    let most = size.unwrap_or(MAX_FILE);
                    if most > MAX_FILE {
                        return Err(self.too_much("bytes in one plain file", MAX_FILE));
                    }
                    let content = match kept(request, most, blob).await? {
                        Some(content) => content,
                        None => self.content(commit, &path, most, blob).await?,
                    };
                    let size = content.len() as u64;
                    let kind = write(request, path.clone(), blob, content).await?;
                    (kind, if let FileKind::Lfs(pointer) = kind { pointer.size } else { size })
                }
            };
            files.push(RepoFile { path, size, kind });
        }
        Ok(RepoSnapshot { commit, proof: Proof::Word, files, left_out: listing.left_out })
    }

    async fn content(&self, commit: CommitId, path: &RepoPath, most: u64, blob: Oid) -> Result<Bytes, Error> {
        // The content is verified, so redirects may lead anywhere.
        let url = self.hub.endpoint().resolve_url(&self.present_model(), &commit, path);
        let answer = self.hub.send(Request::get(url, "fetch", Hop::Hub)).await?;
        if !answer.status().is_success() {
            let revision = commit.to_string();
            return Err(self.hub.asked(self.model, Some(path), &revision).refused(answer).await);
        }
        let wrong =
            || Error::WrongContent { model: self.model.clone(), path: path.clone(), blob: blob.to_string() };
        let content = answer.read(usize::try_from(most).unwrap_or(usize::MAX)).await?.ok_or_else(wrong)?;
        // Hashing some tens of MB must not hold up other tasks.
        let content =
            net::blocking(move || Ok::<_, Error>(is_blob(blob, &content).then_some(content))).await?;
        content.ok_or_else(wrong)
    }
}

/// The content of a file left by an earlier fetch.
async fn kept(request: &MetadataRequest, size: u64, blob: Oid) -> Result<Option<Bytes>, Error> {
    let Some(kept) = request.keep_in.as_deref().map(Kept::in_folder) else { return Ok(None) };
    net::blocking(move || {
        let content = kept.read(&name_of(blob), size).filter(|content| is_blob(blob, content));
        Ok(content.map(Bytes::from))
    })
    .await
}

async fn write(
    request: &MetadataRequest,
    path: RepoPath,
    blob: Oid,
    content: Bytes,
) -> Result<FileKind, Error> {
    let kept = request.keep_in.as_deref().map(Kept::in_folder);
    let (model, root) = (request.model.clone(), request.export_to.clone());
    let keep_alive = Arc::clone(&request.keep_alive);
    net::blocking(move || {
        if let Some(kept) = kept.filter(|kept| !kept.is_there(&name_of(blob))) {
            kept.keep(&name_of(blob), &mut &*content);
        }
        let written = ExportFolder { model: &model, root: &root }.take(&path, &content, false);
        // Dropped last, as in every job that writes there.
        drop(keep_alive);
        written
    })
    .await
}
