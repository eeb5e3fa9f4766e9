//! The plain files of a commit, one by one, each compared with the name of its git blob.

use std::sync::Arc;

use bytes::Bytes;
use git2::{ObjectType, Oid};
use reqwest::Method;
use reqwest::header;
use url_parse::{CommitId, RepoPath};

use super::listing::{Listed, ListedKind};
use super::read;
use crate::client::{HubRequest, headers};
use crate::export::{Allowance, ExportFolder};
use crate::redirect::Redirects;
use crate::refusal::read_refusal;
use crate::throttle::Lane;
use crate::{Error, FileKind, HubClient, MetadataRequest, RepoFile, RepoSnapshot};

const ACTION: &str = "fetch";
/// A file is held in memory until it is compared. What is larger is an LFS file at every hub.
const MAX_FILE: u64 = 64 << 20;

/// Writes the listed plain files and names all. They are few and small, and come one after another.
pub(super) async fn fetch(
    hub: &HubClient,
    request: &MetadataRequest,
    commit: CommitId,
    listed: Vec<Listed>,
) -> Result<RepoSnapshot, Error> {
    let mut left = Allowance::new(hub.config().max_metadata_bytes);
    let mut files = Vec::with_capacity(listed.len());
    for Listed { path, kind } in listed {
        let (kind, size) = match kind {
            ListedKind::Lfs(pointer) => (FileKind::Lfs(pointer), pointer.size),
            ListedKind::Plain { size, blob } => {
                let too_much =
                    |what, limit| Error::TooMuchMetadata { model: request.model.clone(), what, limit };
                left.spend(size).map_err(|limit| too_much("bytes to receive", limit))?;
                if size > MAX_FILE {
                    return Err(too_much("bytes in one plain file", MAX_FILE));
                }
                let content = content(hub, request, commit, &path, size, blob).await?;
                let kind = write(request, path.clone(), content).await?;
                (kind, if let FileKind::Lfs(pointer) = kind { pointer.size } else { size })
            }
        };
        files.push(RepoFile { path, size, kind });
    }
    Ok(RepoSnapshot { commit, files })
}

async fn content(
    hub: &HubClient,
    request: &MetadataRequest,
    commit: CommitId,
    path: &RepoPath,
    size: u64,
    blob: Oid,
) -> Result<Bytes, Error> {
    let answer = hub
        .send(HubRequest {
            method: Method::GET,
            url: hub.endpoint().resolve_url(&request.model, &commit, path),
            headers: headers([(header::ACCEPT_ENCODING, "identity")]),
            body: Bytes::new(),
            action: ACTION,
            // Wherever it comes from, it is compared with what it must be.
            redirects: Redirects::Anywhere,
            lane: Lane::Files,
        })
        .await?;
    if !answer.response.status().is_success() {
        let revision = commit.to_string();
        let asked = hub.asked(&request.model, Some(path), &revision);
        let patience = hub.config().idle_timeout;
        return Err(read_refusal(&asked, &answer.url, answer.response, patience).await);
    }
    let content = read(hub, answer, ACTION, usize::try_from(size).unwrap_or(usize::MAX)).await?;
    let is_right = |content: &Bytes| Oid::hash_object(ObjectType::Blob, content).is_ok_and(|id| id == blob);
    content.filter(is_right).ok_or_else(|| Error::WrongContent {
        model: request.model.clone(),
        path: path.clone(),
        blob: blob.to_string(),
    })
}

async fn write(request: &MetadataRequest, path: RepoPath, content: Bytes) -> Result<FileKind, Error> {
    let (model, root) = (request.model.clone(), request.export_to.clone());
    let keep_alive = Arc::clone(&request.keep_alive);
    let job = tokio::task::spawn_blocking(move || {
        let written = ExportFolder { model: &model, root: &root }.take(&path, &content, false);
        // Last, as in every job that writes there.
        drop(keep_alive);
        written
    });
    match job.await {
        Ok(written) => written,
        Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
        Err(_) => Err(Error::Cancelled),
    }
}
