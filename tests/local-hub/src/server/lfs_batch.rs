//! git-lfs's batch API: the locations of many objects in one request.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::Shared;
use super::answer::{answer, broken};

const MEDIA_TYPE: &str = "application/vnd.git-lfs+json";
const LARGEST_REQUEST: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Wanted {
    operation: String,
    objects: Vec<Pointer>,
}

#[derive(Deserialize, Serialize)]
struct Pointer {
    oid: String,
    size: u64,
}

#[derive(Serialize)]
struct Found {
    transfer: &'static str,
    objects: Vec<Item>,
    hash_algo: &'static str,
}

#[derive(Serialize)]
struct Item {
    #[serde(flatten)]
    pointer: Pointer,
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<Actions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Missing>,
}

#[derive(Serialize)]
struct Actions {
    download: Download,
}

#[derive(Serialize)]
struct Download {
    href: String,
    header: BTreeMap<&'static str, String>,
    expires_in: u64,
}

#[derive(Serialize)]
struct Missing {
    code: u16,
    message: &'static str,
}

/// Answers `POST /{model}.git/info/lfs/objects/batch`.
pub(super) async fn serve(shared: &Shared, model: &str, body: Body) -> Response {
    let bytes = to_bytes(body, LARGEST_REQUEST).await.unwrap_or_default();
    let Ok(wanted) = serde_json::from_slice::<Wanted>(&bytes) else {
        return refused(422, "not a batch request");
    };
    if wanted.operation != "download" {
        return refused(403, "this hub is for reading");
    }
    let objects = wanted.objects.into_iter().map(|pointer| locate(shared, model, pointer)).collect();
    match serde_json::to_vec(&Found { transfer: "basic", objects, hash_algo: "sha256" }) {
        Ok(found) => answer(200, &[("content-type", MEDIA_TYPE)], found),
        Err(error) => broken(&error.into()),
    }
}

fn locate(shared: &Shared, model: &str, pointer: Pointer) -> Item {
    let object = shared.models.object(model, &pointer.oid).filter(|object| object.size == pointer.size);
    let Some(object) = object else {
        let error = Some(Missing { code: 404, message: "Object does not exist" });
        return Item { pointer, actions: None, error };
    };
    let href = format!("{}{}", shared.data_origin, shared.signing.path_and_query(&object));
    let login = shared.settings.data_login.clone().map(|login| ("Authorization", login));
    let header = login.into_iter().collect();
    let download = Download { href, header, expires_in: shared.signing.lifetime().as_secs() };
    Item { pointer, actions: Some(Actions { download }), error: None }
}

pub(super) fn refused(status: u16, message: &str) -> Response {
    answer(status, &[("content-type", MEDIA_TYPE)], format!("{{\"message\":\"{message}\"}}"))
}
