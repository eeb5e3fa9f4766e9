//! The plain files of a commit, one by one, each compared with the name of its git blob.

use std::sync::Arc;

use bytes::Bytes;
use git2::Oid;
use net::{Hop, Request};
use url_parse::{CommitId, Proof, RepoPath};

use super::listing::{Listed, ListedKind, Listing};
use super::{Api, is_no_api};
use crate::export::{Allowance, ExportFolder};
use crate::kept::{Kept, is_blob, name_of};
use crate::{Error, FileKind, HubClient, MetadataRequest, RepoFile, RepoSnapshot};

/// A file is held in memory until it is compared. What is larger is an LFS file at every hub.
const MAX_FILE: u64 = 64 << 20;

impl Api<'_> {
    /// Lists a commit and writes its plain files; `None`, and nothing written, when the hub has no such API.
    pub(crate) async fn fetch(
        &self,
        request: &MetadataRequest,
        commit: CommitId,
    ) -> Result<Option<RepoSnapshot>, Error> {
        match self.list(commit).await {
            Ok(listing) => fetch(self.hub, request, commit, listing).await.map(Some),
            Err(error) if is_no_api(&error) => {
                tracing::debug!(model = %self.model, %error, "this hub lists no files");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Writes the listed plain files and names all. They are few and small, and come one after another.
async fn fetch(
    hub: &HubClient,
    request: &MetadataRequest,
    commit: CommitId,
    listing: Listing,
) -> Result<RepoSnapshot, Error> {
    let mut left = Allowance::new(hub.config().max_metadata_bytes);
    let mut files = Vec::with_capacity(listing.files.len());
    for Listed { path, kind } in listing.files {
        let (kind, size) = match kind {
            ListedKind::Lfs(pointer) => (FileKind::Lfs(pointer), pointer.size),
            ListedKind::Plain { size, blob } => {
                let too_much =
                    |what, limit| Error::TooMuchMetadata { model: request.model.clone(), what, limit };
                left.spend(size).map_err(|limit| too_much("bytes to receive", limit))?;
                if size > MAX_FILE {
                    return Err(too_much("bytes in one plain file", MAX_FILE));
                }
                let content = match kept(request, size, blob).await? {
                    Some(content) => content,
                    None => content(hub, request, commit, &path, size, blob).await?,
                };
                let kind = write(request, path.clone(), blob, content).await?;
                (kind, if let FileKind::Lfs(pointer) = kind { pointer.size } else { size })
            }
        };
        files.push(RepoFile { path, size, kind });
    }
    Ok(RepoSnapshot { commit, proof: Proof::Word, files, left_out: listing.left_out })
}

/// The content of a file that an earlier fetch has left.
async fn kept(request: &MetadataRequest, size: u64, blob: Oid) -> Result<Option<Bytes>, Error> {
    let Some(kept) = request.keep_in.as_deref().map(Kept::in_folder) else { return Ok(None) };
    net::blocking(move || {
        let content = kept.read(&name_of(blob), size).filter(|content| is_blob(blob, content));
        Ok(content.map(Bytes::from))
    })
    .await
}

async fn content(
    hub: &HubClient,
    request: &MetadataRequest,
    commit: CommitId,
    path: &RepoPath,
    size: u64,
    blob: Oid,
) -> Result<Bytes, Error> {
    // Wherever redirects lead, it is compared with what it must be.
    let url = hub.endpoint().resolve_url(&request.model, &commit, path);
    let answer = hub.send(Request::get(url, "fetch", Hop::Hub)).await?;
    if !answer.status().is_success() {
        let revision = commit.to_string();
        return Err(hub.asked(&request.model, Some(path), &revision).refused(answer).await);
    }
    let wrong =
        || Error::WrongContent { model: request.model.clone(), path: path.clone(), blob: blob.to_string() };
    let content = answer.read(usize::try_from(size).unwrap_or(usize::MAX)).await?.ok_or_else(wrong)?;
    // Some tens of MB, which no other task waits for.
    let content = net::blocking(move || Ok::<_, Error>(is_blob(blob, &content).then_some(content))).await?;
    content.ok_or_else(wrong)
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
        // Last, as in every job that writes there.
        drop(keep_alive);
        written
    })
    .await
}
