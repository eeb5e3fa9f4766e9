//! `/resolve/` and `/api/resolve-cache/`.

use axum::response::Response;

use super::Shared;
use super::answer::{answer, bytes_of, disposition, set};
use super::place::{encoded, encoded_path};
use super::range::Asked;
use super::refusal::Refusal;
use crate::models::{Commit, HubFile, Object};

const EXPOSED: &str = "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,\
                       Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Hash";

/// The message for clients without a token.
pub(super) const UNAUTHENTICATED: &str =
    "unauthenticated; Warning: You are sending unauthenticated requests to the HF Hub.";

/// `/{model}/resolve/{revision}/{path}`: a redirect, either to the data host or to the hub's own copy.
pub(super) fn resolve(
    shared: &Shared,
    model: &str,
    revision: &str,
    path: &str,
    url_path: &str,
    asked: Asked,
) -> Result<Response, Refusal> {
    let commit =
        shared.models.commit(model, revision).ok_or_else(|| Refusal::NoSuchRevision(revision.to_owned()))?;
    let file = commit.file(path).ok_or_else(|| Refusal::NoSuchEntry { commit: commit.id.clone() })?;
    let mut response = match &file.object {
        _ if shared.settings.serves_files_itself => own_bytes(&commit, &file, asked),
        Some(object) => to_data_host(shared, model, &commit, object),
        None => to_own_copy(shared, model, &commit, &file, url_path),
    };
    set(response.headers_mut(), "x-repo-commit", &commit.id);
    set(response.headers_mut(), "accept-ranges", "bytes");
    set(response.headers_mut(), "cache-control", "no-store");
    set(response.headers_mut(), "vary", "Origin, Accept");
    set(response.headers_mut(), "access-control-expose-headers", EXPOSED);
    Ok(response)
}

/// 302 with an absolute location, for an LFS file.
fn to_data_host(shared: &Shared, model: &str, commit: &Commit, object: &Object) -> Response {
    let location = format!("{}{}", shared.data_origin, shared.signing.path_and_query(object));
    let mut response = redirect(302, "Found", &location);
    let headers = response.headers_mut();
    set(headers, "x-linked-size", &object.size.to_string());
    set(headers, "x-linked-etag", &format!("\"{}\"", object.sha256));
    set(headers, "x-xet-hash", &object.xet_hash);
    let link = format!(
        "<{}/api/models/{model}/xet-read-token/{}>; rel=\"xet-auth\", \
         <{}/v1/reconstructions/{}>; rel=\"xet-reconstruction-info\"",
        shared.settings.prefix, commit.id, shared.data_origin, object.xet_hash
    );
    set(headers, "link", &link);
    response
}

/// 307 with a relative location, for a file in git itself.
fn to_own_copy(shared: &Shared, model: &str, commit: &Commit, file: &HubFile, url_path: &str) -> Response {
    let location = format!(
        "{}/api/resolve-cache/models/{model}/{}/{}?{}=&etag=%22{}%22",
        shared.settings.prefix,
        commit.id,
        encoded_path(&file.path),
        encoded(url_path),
        file.blob
    );
    let mut response = redirect(307, "Temporary Redirect", &location);
    set(response.headers_mut(), "x-linked-etag", &format!("\"{}\"", file.blob));
    response
}

pub(super) fn redirect(status: u16, reason: &str, location: &str) -> Response {
    let headers = [("content-type", "text/plain; charset=utf-8"), ("location", location)];
    answer(status, &headers, format!("{reason}. Redirecting to {location}"))
}

/// `/api/resolve-cache/models/{model}/{commit}/{path}`: the bytes. Branches are not accepted here.
pub(super) fn resolve_cache(
    shared: &Shared,
    model: &str,
    commit: &str,
    path: &str,
    asked: Asked,
) -> Result<Response, Refusal> {
    let found = shared.models.commit(model, commit).filter(|found| found.id == commit);
    let found = found.ok_or_else(|| Refusal::NoSuchRevision(commit.to_owned()))?;
    let file = found.file(path).ok_or_else(|| Refusal::NoSuchEntry { commit: found.id.clone() })?;
    if file.object.is_some() {
        return Err(Refusal::NoSuchEntry { commit: found.id.clone() });
    }
    Ok(own_bytes(&found, &file, asked))
}

/// The file's bytes from the hub itself.
fn own_bytes(commit: &Commit, file: &HubFile, asked: Asked) -> Response {
    let etag = file.object.as_ref().map_or(&file.blob, |object| &object.sha256);
    let content_type =
        if file.object.is_some() { "application/octet-stream" } else { "text/plain; charset=utf-8" };
    let headers = [
        ("content-type", content_type),
        ("etag", &format!("\"{etag}\"")),
        ("x-repo-commit", &commit.id),
        ("content-disposition", &disposition(&file.path)),
        ("content-security-policy", "default-src none; sandbox"),
        ("access-control-expose-headers", EXPOSED),
    ];
    bytes_of(&file.stored, asked, &headers)
}
