//! The data host: bytes of LFS files for signed URLs.

use axum::response::Response;

use super::Shared;
use super::answer::{answer, bytes_of, disposition};
use super::range::Asked;
use super::signing::BadUrl;
use crate::models::Object;

/// Answers a request for bytes. A signed URL is the only credential: one that brings another is refused, as object
/// stores do, so that a leaked token is seen.
pub(super) fn serve(
    shared: &Shared,
    objects: &[Object],
    query: &str,
    has_authorization: bool,
    asked: Asked,
) -> Response {
    if has_authorization {
        return refused(400, "InvalidArgument", "Only one auth mechanism allowed");
    }
    if objects.is_empty() {
        return refused(404, "NoSuchKey", "The specified key does not exist.");
    }
    let object = match shared.signing.check(objects, query) {
        Ok(object) => object,
        Err(BadUrl::Expired) => return refused(403, "AccessDenied", "Request has expired"),
        Err(BadUrl::Signature) => return refused(403, "SignatureError", "invalid signature"),
    };
    let is_too_large = shared.settings.whole_file_limit.is_some_and(|limit| object.size > limit);
    if is_too_large && asked == Asked::Whole {
        return refused(400, "InvalidRequest", "The object is too large to be sent whole");
    }
    bytes_of(
        &object.stored,
        asked,
        &[
            ("content-type", "application/octet-stream"),
            ("content-disposition", &disposition(&object.file)),
            ("etag", &format!("\"{}\"", object.xet_hash)),
            ("access-control-allow-origin", "*"),
            ("x-hf-cdn-pop", "LOOPBACK"),
        ],
    )
}

fn refused(status: u16, code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    answer(status, &[("content-type", "application/xml")], body)
}
