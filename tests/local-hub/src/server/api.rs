//! `/api/models/`, as far as a download needs it.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Uri;
use axum::response::Response;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{answer, set};
use super::place::encoded;
use super::refusal::Refusal;
use crate::hex::name_of;
use crate::models::{Commit, HubFile};

/// The length of a pointer; clients only display it.
const POINTER_SIZE: u64 = 134;
/// The default page size.
const PAGE: usize = 1000;
const LARGEST_FORM: usize = 1 << 20;
/// The hub that links name, whichever hub or mirror was asked.
const LINKED: &str = "https://huggingface.co";

/// `/api/models/{model}` and `/api/models/{model}/revision/{revision}`: the commit and its files'
/// names; with `blobs=true` also their digests.
pub(super) fn info(
    shared: &Shared,
    model: &str,
    revision: Option<&str>,
    uri: &Uri,
) -> Result<Response, Refusal> {
    let head = shared.models.head(model).unwrap_or_default();
    let revision = revision.unwrap_or(&head);
    let commit =
        shared.models.commit(model, revision).or_else(|| shared.models.short_commit(model, revision));
    let commit = commit.ok_or_else(|| Refusal::NoSuchRevision(revision.to_owned()))?;
    let has_blobs = uri.query().unwrap_or_default().split('&').any(|pair| pair == "blobs=true");
    let siblings: Vec<Value> = commit.files().map(|file| sibling(file, has_blobs)).collect();
    Ok(as_json(&json!({
        "_id": "local", "id": model, "modelId": model, "sha": commit.id, "private": false, "gated": false,
        "disabled": false, "downloads": 0, "likes": 0, "tags": [], "siblings": siblings
    })))
}

fn sibling(file: &HubFile, has_blobs: bool) -> Value {
    let Some(object) = file.object.as_ref().filter(|_| has_blobs) else {
        let mut plain = json!({ "rfilename": file.path });
        if has_blobs {
            plain["size"] = file.stored.size.into();
            plain["blobId"] = file.blob.as_str().into();
        }
        return plain;
    };
    let lfs = json!({ "sha256": object.sha256, "size": object.size, "pointerSize": POINTER_SIZE });
    json!({ "rfilename": file.path, "size": object.size, "blobId": file.blob, "lfs": lfs })
}

/// `/api/models/{model}/tree/{revision}`: all files and folders, whether `recursive` is requested or
/// not, page by page.
pub(super) fn tree(shared: &Shared, model: &str, revision: &str, uri: &Uri) -> Result<Response, Refusal> {
    let commit = find(shared, model, revision)?;
    let folders = folders(&commit);
    let count = folders.len() + commit.files().count();
    let most = shared.settings.tree_page.unwrap_or(PAGE);
    let limit = parameter(uri, "limit").unwrap_or(most).clamp(1, most);
    let start = parameter(uri, "cursor").unwrap_or(0).min(count);
    let end = start.saturating_add(limit).min(count);
    let is_last = end == count;
    // Entries on other pages are not even built: a listing may have many pages.
    let files = commit.files().skip(start.saturating_sub(folders.len())).map(entry);
    let entries = folders.iter().skip(start).map(|path| folder(path)).chain(files);
    let mut response = as_json(&entries.take(end - start).collect());
    if !is_last {
        let link = format!(
            "<{LINKED}/api/models/{model}/tree/{}?recursive=true&limit={limit}&cursor={end}>; rel=\"next\"",
            encoded(revision)
        );
        set(response.headers_mut(), "link", &link);
    }
    Ok(response)
}

/// `/api/models/{model}/paths-info/{revision}`: the tree's entries for the files in the body, a form of
/// `paths=…`. Files that the commit lacks are left out.
pub(super) async fn paths_info(
    shared: &Shared,
    model: &str,
    revision: &str,
    body: Body,
) -> Result<Response, Refusal> {
    let commit = find(shared, model, revision)?;
    let form = to_bytes(body, LARGEST_FORM).await.unwrap_or_default();
    let form = String::from_utf8_lossy(&form).replace('+', " ");
    let paths = form.split('&').filter_map(|pair| pair.strip_prefix("paths="));
    let paths = paths.map(|path| percent_decode_str(path).decode_utf8_lossy().into_owned());
    Ok(as_json(&paths.filter_map(|path| commit.file(&path)).map(|file| entry(&file)).collect()))
}

fn parameter(uri: &Uri, name: &str) -> Option<usize> {
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)?;
    percent_decode_str(value).decode_utf8_lossy().parse().ok()
}

fn folders(commit: &Commit) -> BTreeSet<String> {
    let above = |file: &HubFile| -> Vec<String> {
        file.path.match_indices('/').filter_map(|(at, _)| file.path.get(..at)).map(str::to_owned).collect()
    };
    commit.files().flat_map(above).collect()
}

fn folder(path: &str) -> Value {
    json!({ "type": "directory", "path": path, "oid": name_of(&format!("tree {path}"), 40), "size": 0 })
}

fn entry(file: &HubFile) -> Value {
    let Some(object) = &file.object else {
        return json!({ "type": "file", "path": file.path, "oid": file.blob, "size": file.stored.size });
    };
    let lfs = json!({ "oid": object.sha256, "size": object.size, "pointerSize": POINTER_SIZE });
    json!({
        "type": "file", "path": file.path, "oid": file.blob, "size": object.size, "lfs": lfs,
        "xetHash": object.xet_hash
    })
}

fn find(shared: &Shared, model: &str, revision: &str) -> Result<Arc<Commit>, Refusal> {
    shared.models.commit(model, revision).ok_or_else(|| Refusal::NoSuchRevision(revision.to_owned()))
}

fn as_json(value: &Value) -> Response {
    answer(200, &[("content-type", "application/json; charset=utf-8")], value.to_string())
}
