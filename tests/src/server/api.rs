//! `/api/models/`, as far as the hub's own clients need it for a download.

use std::sync::Arc;

use axum::response::Response;
use serde_json::{Value, json};

use super::Shared;
use super::answer::answer;
use super::refusal::Refusal;
use crate::models::{Commit, HubFile};

/// Length of a pointer with a size of some digits; clients only show it.
const POINTER_SIZE: u64 = 134;

/// `/api/models/{model}` and `/api/models/{model}/revision/{revision}`: which commit it is, and its files' names.
pub(super) fn info(shared: &Shared, model: &str, revision: Option<&str>) -> Result<Response, Refusal> {
    let head = shared.models.head(model).unwrap_or_default();
    let commit = find(shared, model, revision.unwrap_or(&head))?;
    let siblings: Vec<Value> = commit.files().map(|file| json!({ "rfilename": file.path })).collect();
    Ok(as_json(&json!({
        "_id": "local", "id": model, "modelId": model, "sha": commit.id, "private": false, "gated": false,
        "disabled": false, "downloads": 0, "likes": 0, "tags": [], "siblings": siblings
    })))
}

/// `/api/models/{model}/tree/{revision}`: all files, whether `recursive` is asked for or not, on one page.
pub(super) fn tree(shared: &Shared, model: &str, revision: &str) -> Result<Response, Refusal> {
    let commit = find(shared, model, revision)?;
    Ok(as_json(&commit.files().map(entry).collect()))
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
